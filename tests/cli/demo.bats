#!/usr/bin/env bats
# tally demo. Figures are worked out by hand from the tables of cli/demo/demo_logs.c: a response of 10,000 input, 4,000 output
# and 200,000 cached tokens, and 10,000 written to the cache by Claude Code, costs at the prices of that week
#   claude-opus-5-5   10,000 x 4 + 4,000 x 20 + 200,000 x 0.2 + 10,000 x 8 = 0.24 USD (a million tokens: 4, 20, 0.2, 8)
#   claude-sonnet-5   10,000 x 2 + 4,000 x 10 + 200,000 x 0.2 + 10,000 x 4 = 0.14
#   claude-haiku-5-5  10,000 x 0.5 + 4,000 x 2.5 + 200,000 x 0.05 + 10,000 x 1 = 0.035 (above 100,000 tokens of context)
#   gpt-6.1-sol       10,000 x 2 + 4,000 x 10 + 200,000 x 0.1 = 0.08
# larkspur  Ada 10 opus + 5 sol + 5 sonnet = 2.40 + 0.40 + 0.70; Ben 10 sonnet + 10 sol + 5 opus = 1.40 + 0.80 + 1.20
# harbor    Ada 5 opus = 1.20; Ben 5 haiku = 0.175; all of it 6.90 + 1.375 = 8.275
# Ten turns of six minutes are an hour: larkspur 2.0 + 2.5 h; at 120: 540.00, with 5.70 + 1.20 + 89.00: 635.90.
load common

setup_demo() {
    export TMPDIR="$BATS_TEST_TMPDIR/tmp"
    mkdir -p "$TMPDIR"
}

left_over() { ls -A "$TMPDIR"; }

@test "the demo plays to its end, its figures are right, and nothing of the user's is touched" {
    setup_demo
    new_ledger
    mkdir -p "$HOME/.claude/projects"
    echo '{}' >"$HOME/.claude/settings.json"
    find "$HOME" "$TALLY_HOME" -type f -exec sha256sum {} + | sort >before
    env -u HOME "$TALLY" demo --week 2026-11-09 --keep kept >told
    find "$HOME" "$TALLY_HOME" -type f -exec sha256sum {} + | sort >after
    cmp before after
    [ -z "$(left_over)" ]
    year=$(date -u +%Y)
    head -c 5 "kept/ada/KI-$year-0001.pdf" | grep -q '^%PDF-' || need "$(dirname "$TALLY")/lib/tally/tally-pdf.so"
    grep -q '<html' "kept/ada/KI-$year-0001.html"
    [ "$(tally report --json --ledger kept/ben/.local/share/tally | jq -r .total.total_cost)" = 8.755 ] # and 2 x 0.24 of today
    row() { grep -cE "^$1 +([^ ]+ )*.* $2( |\$)" told; }
    [ "$(row 'larkspur Ada Kline' 3.5000)" -eq 1 ]
    [ "$(row 'larkspur Ben Ito' 3.4000)" -eq 1 ]
    [ "$(row 'harbor +Ada Kline' 1.2000)" -eq 1 ]
    [ "$(row 'harbor +Ben Ito' 0.1750)" -eq 1 ]
    grep -qE '^larkspur +4 +3.00 .* 4.9000 *$' told # before the trip ends: Ada's 3.50 and Ben's 1.40
    grep -qE '^larkspur +5 +4.00 .* 6.2000 *$' told # Ben's 3.40, and 2.80 of Ada's
    grep -q '^(the same as on the other laptop, byte for byte)' told
    grep -q '^budget own-monthly: 0.48 of 0.50 USD spent (96.0 %)' told
    grep -qE 'Subtotal engineering +540.00$' told
    grep -qE 'Subtotal compute and AI services +95.90$' told
    grep -q 'Total due  USD 635.90$' told
    grep -q '^bad, line ' told
    grep -q ' its bytes are not what was recorded$' told
}

@test "a demo that cannot go on says where, exits with 1, and goes away" {
    not_under_memcheck "tally finds the tallyd beside the real one"
    setup_demo
    mkdir -p full bin
    touch full/mine
    fails_with 4 tally demo --keep full
    [ "$(ls full)" = mine ]
    fails_with 2 tally demo --week 2026-11-10 # a Tuesday
    fails_with 2 tally demo --week 2999-01-07
    cp "$TALLY" bin/tally
    fails_with 1 bin/tally demo
    [[ "$words" == *"bin/tallyd is missing; install it beside tally" ]]
    printf '#!/bin/sh\necho no luck\nexit 1\n' >bin/tallyd
    chmod +x bin/tallyd
    try bin/tally demo --json
    [ "$status" -eq 1 ]
    [ "$words" = "tally: tallyd does not answer" ]
    jq -e '.ok == false and (.steps[-1] | .ok == false and (.command | startswith("tallyd ")) and .output == "no luck\n") and
        ([.steps[:-1][] | select(.ok | not)] == [])' <<<"$output"
    [ -z "$(left_over)" ]
}

demo_began() { ls -d "$TMPDIR"/tally-demo.*/ada/.local/share/tally/ledger.mdb >/dev/null 2>&1; }
demo_serves() { demo_began && daemon_answers "$(echo "$TMPDIR"/tally-demo.*)/ada/.local/share/tally"; }
demo_silent() { ! demo_serves; }

@test "a demo that is stopped takes its folder and its daemon with it; one that is killed, its daemon" {
    setup_demo
    "$TALLY" demo >told 2>&1 3>&- &
    demo=$!
    wait_for demo_serves
    kill -TERM "$demo"
    code=0
    wait "$demo" || code=$?
    [ "$code" -eq 143 ]
    [ -z "$(left_over)" ]

    "$TALLY" demo >told 2>&1 3>&- &
    demo=$!
    wait_for demo_serves
    kill -KILL "$demo"
    wait "$demo" || true
    wait_for demo_silent
    [ "$(left_over | wc -l)" -eq 1 ]
}
