# What is written for readers, taken as they take it: every command of a page's console blocks, in order, in empty homes on a
# terminal of 100 columns. A command that fails fails the test, and so does output that the page shows and that does not
# come. Loaded by readme.bats and tutorials.bats; holds no tests.

# "PROMPT<tab>COMMAND" for each command of a block, each followed by the lines that stand below it, as "=<tab>LINE".
blocks() { # FILE FENCE
    awk -v fence="$2" '
        /^```/ { inside = $0 == fence; next }
        inside && match($0, /^(ada|ben)?\$ /) { print substr($0, 1, RLENGTH - 1) "\t" substr($0, RLENGTH + 1); next }
        inside && $0 != "" && $0 != "..." { print "=\t" $0 }' "$1"
}

# What differs from run to run: ids, dates and times, ports, homes, and the blanks that they are padded with.
steady() {
    sed -E "s#$BATS_TEST_TMPDIR/(ada|ben)#/home/\1#g; s/127\.0\.0\.1:[0-9]+/ben.example.org:7117/g
        s/^.*\r\x1b\[K//; s/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\r//g
        s/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9.]+Z)?/TIME/g
        s/[0-9a-f]{8}[0-9a-f-]*/ID/g; s/ +/ /g; s/ \$//"
}

# Each line of the first file comes in the second, in this order.
in_order() { # EXPECTED GOT
    awk 'FILENAME == ARGV[1] { want[++n] = $0; next } at < n && $0 == want[at + 1] { at++ }
        END { if (at < n) { print "does not come: " want[at + 1]; exit 1 } }' "$1" "$2"
}

as() { # MEMBER COMMAND, on a terminal
    HOME="$BATS_TEST_TMPDIR/$1" script -qec "stty cols 100 rows 50; $2" /dev/null </dev/null
}

run_line() { # MEMBER COMMAND
    case $2 in
        "tally team invite"*) join_team "$BATS_TEST_TMPDIR/ada/.local/share/tally" "$BEN" Ben desktop >/dev/null ;;
        "tally team join"*) ;; # happened with the invitation: README shows what the two say to each other
        tallyd*) start_daemon "$BEN" ;;
        *ben.example.org:7117*) as "$1" "${2//ben.example.org:7117/$(address_of "$BEN")}" ;;
        *) as "$1" "$2" ;;
    esac
}

run_blocks() { # FILE FENCE
    local prompt command
    blocks "$1" "$2" | tee lines >lines.copy
    while IFS=$'\t' read -r prompt command; do
        [ "$prompt" != = ] || continue
        member=${prompt%\$}
        run_line "${member:-ada}" "$command" >got.raw 3>&- </dev/null || { echo "failed: $command"; cat got.raw; return 1; }
        case $command in "tally team "[ij]*) continue ;; esac
        awk -F '\t' -v OFS='\t' -v line="$prompt"$'\t'"$command" \
            '$0 == line { on = 1; next } on && $1 != "=" { exit } on { sub(/^=\t/, ""); print }' lines.copy | steady >want
        steady <got.raw >got
        in_order want got || { echo "of: $command"; cat got; return 1; }
    done <lines
}

# Empty homes for those who type, and the samples where the pages say they are.
tour_begin() {
    need_terminal
    unset TALLY_HOME
    BEN="$BATS_TEST_TMPDIR/ben/.local/share/tally"
    PATH="$(dirname "$TALLY"):$PATH"
    export PATH PAGER=cat NO_COLOR=1 TERM=xterm
    mkdir -p ada ben cwd/tests
    ln -s "$TALLY_TEST_DATA/samples" cwd/tests/samples
    cd cwd || return 1
}
