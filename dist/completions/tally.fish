# Completion of tally in fish. What may stand at the cursor is said by `tally complete`; here it only becomes lines.
# Installed in fish/vendor_completions.d; without that: in ~/.config/fish/completions.

function __tally_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command tally complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':folders'
                __fish_complete_directories (commandline -ct) ''
            case ':*'
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c tally -f -a '(__tally_complete)'
