# Clocks that are wrong: for a command, and under a daemon that runs.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

readonly day_ms=86400000
readonly ten_years_ms=$((3652 * day_ms))

at_clock() { # OFFSET-MS COMMAND...
    local offset=$1
    shift
    FAULT_CLOCK=$offset harmed calls "$@"
    hits=$((hits + 1))
}

# The clock that records carry rises from one to the next, whatever the machine's does.
clocks_rise() {
    tally log --json | grep -o '"hlc":[0-9]*' | cut -d: -f2 | sort -cnu # they are too large for jq
}

titled() { tally client list --json | jq -r '.clients[] | select(.client == "nova") | .title'; }

family_clock() {
    local offset n=0 figures
    row clock-jumps "between commands the clock goes back a day, on by ten years, back again"
    stand billed
    tally report --by client,model --json | jq -c .total >"$W/before"
    for offset in 0 -$day_ms 0 $ten_years_ms 0 -$day_ms $((-2 * day_ms)) $((3600 * 1000)) -$ten_years_ms \
        $ten_years_ms $((2 * ten_years_ms)) 0 $((-60 * ten_years_ms / 10 - 5 * day_ms)) 0; do
        n=$((n + 1)) now_at="jump $n, to $offset ms"
        at_clock "$offset" "$TALLY" client set nova --title "Title $n"
        words_fit
        [ "$code" = 0 ] || { blame "exit $code"; continue; }
        [ "$(titled)" = "Title $n" ] || blame "what was said last does not count: $(titled)"
        clocks_rise || blame "a record's clock went back"
        sound || blame "$(tail -1 "$W/verified")"
        at_clock "$offset" "$TALLY" capture
        [ "$code" = 0 ] || blame "capture exits $code"
        figures=$(tally report --by client,model --json | jq -c .total)
        [ "$figures" = "$(<"$W/before")" ] || blame "figures differ"
    done
    row_end
    clock_under_daemon
}

# Logs that come while the clock jumps are captured all the same, once.
clock_under_daemon() {
    local offset n=0 pid
    row clock-daemon "the clock jumps under a daemon that captures"
    stand agreed
    quiet tally capture
    tally report --by client,project,agent,model --json | jq -c .total >"$W/after"
    stand agreed
    mv "$HOME/.claude" "$W/claude" && mkdir -p "$HOME/.claude/projects"
    echo 0 >"$W/clock"
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 FAULT_CLOCK=$W/clock \
        LD_PRELOAD=$FAULT_LIBS/libfault_calls.so "$TALLYD" --listen none --no-beacon >"$W/words" 2>&1 &
    pid=$!
    within 20 serves || blame "the daemon does not start"
    for folder in "$W"/claude/projects/*; do
        for offset in -$day_ms $ten_years_ms 0; do
            now_at="jump to $offset ms" runs=$((runs + 1)) hits=$((hits + 1))
            echo "$offset" >"$W/clock"
            sleep 0.3
        done
        cp -r "$folder" "$HOME/.claude/projects/"
    done
    now_at="after all jumps"
    within 30 captured_all || blame "not all was captured: $(tally report --json | jq -c .total)"
    serves || blame "the daemon has ended"
    kill "$pid"
    wait "$pid" || blame "the daemon's exit code is $?"
    clocks_rise || blame "a record's clock went back"
    sound || blame "$(tail -1 "$W/verified")"
    rm -rf "$HOME/.claude" && mv "$W/claude" "$HOME/.claude"
    row_end
}

captured_all() { [ "$(tally report --by client,project,agent,model --json 2>/dev/null | jq -c .total)" = "$(<"$W/after")" ]; }

serves() { quiet tally node status; }

within() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}
