# Completion of tally in bash. What may stand at the cursor is said by `tally complete`; here it only goes through the
# shell's quoting. Installed as bash-completion/completions/tally; without that: source this file.

_tally() {
    local words=() word line kind cur
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        words+=("${word//[\\\"\']/}")
    done
    kind=
    cur=${words[-1]-}
    [ "$cur" != = ] || cur=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :*) kind=${line#:} ;;
            *)
                printf -v line %q "${line%%$'\t'*}"
                COMPREPLY+=("$line")
                ;;
        esac
    done < <(command tally complete -- "${words[@]}" 2>/dev/null)
    case $kind in
        files) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        folders) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        list) compopt -o nospace 2>/dev/null ;;
    esac
    case $kind in
        files | folders) compopt -o filenames 2>/dev/null ;;
    esac
    return 0
}

complete -F _tally tally
