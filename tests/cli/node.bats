#!/usr/bin/env bats
# tallyd with tally sync now and tally node status: two daemons on the loopback.
load common

teardown() { stop_daemons; }

models() { # DIR
    tally prices list --ledger "$1" --json | jq -c '[.prices[].model] | sort'
}

models_are() { # DIR LIST
    [ "$(models "$1")" = "$2" ]
}

in_sync() { # DIR
    tally node status --ledger "$1" --json | jq -e '[.connections[] | select(.in_sync)] | length == 1' >/dev/null
}

@test "without a daemon node status says how to start one and exits 1" {
    new_ledger
    fails_with 1 tally node status
    [[ "$words" == *"tallyd"* ]]
}

@test "node status shows the daemon, and it ends in good order" {
    new_ledger
    start_daemon "$TALLY_HOME"
    pid=${DAEMONS# }
    [ "$(tally node status --json | jq .pid)" -eq "$pid" ]
    [[ "$(address_of "$TALLY_HOME")" == 127.0.0.1:* ]]
    tally node status >shown
    grep -q "process $pid" shown
    grep -q "127.0.0.1" shown
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    DAEMONS=
    [ "$status" -eq 0 ]
    fails_with 1 tally node status
}

@test "a ledger has one daemon" {
    new_ledger
    start_daemon "$TALLY_HOME"
    status=0
    "$TALLYD" --listen none --no-beacon --no-capture 2>words || status=$?
    [ "$status" -ne 0 ]
    [ -s words ]
}

gone() { ! kill -0 "$1" 2>/dev/null; }

@test "a daemon ends when its ledger is moved away or replaced" {
    two_teammates
    tally backup copy.mdb 2>/dev/null
    start_daemon "$TALLY_HOME"
    moved=${DAEMONS##* }
    start_daemon "$BEN"
    replaced=${DAEMONS##* }
    mv "$TALLY_HOME" elsewhere
    cp copy.mdb "$BEN/other"
    mv "$BEN/other" "$BEN/ledger.mdb"
    for daemon in "$moved" "$replaced"; do
        wait_for gone "$daemon"
        status=0
        wait "$daemon" || status=$?
        [ "$status" -eq 1 ]
    done
    grep -q "was moved, removed or replaced" "$TALLY_HOME.log"
    grep -q "was moved, removed or replaced" "$BEN.log"
    DAEMONS=
}

@test "sync now brings both to the same, and says what went each way" {
    two_teammates
    start_daemon "$BEN"
    record_in "$TALLY_HOME" model-a
    record_in "$BEN" model-b
    tally sync now "$(address_of "$BEN")" --json 2>words >out
    run jq -c '[.tried, .reached, .records_in, .records_out, .met[0].name]' out
    [ "$output" = '[1,1,1,1,"desktop"]' ]
    [ "$(models "$TALLY_HOME")" = '["model-a","model-b"]' ]
    models_are "$BEN" '["model-a","model-b"]'
    # Where it answered is remembered: no address is needed any more.
    record_in "$TALLY_HOME" model-c
    try tally sync now
    [ "$status" -eq 0 ]
    [[ "$words" == *"met Ben/desktop at 127.0.0.1:"* ]]
    wait_for models_are "$BEN" '["model-a","model-b","model-c"]'
}

@test "sync now with somebody missing exits 1 and syncs with the others" {
    two_teammates
    start_daemon "$BEN"
    record_in "$TALLY_HOME" model-a
    fails_with 1 tally sync now 127.0.0.1:9 "$(address_of "$BEN")"
    [ "$(models "$BEN")" = '["model-a"]' ]
}

@test "daemons exchange new records by themselves" {
    two_teammates
    start_daemon "$BEN"
    tally config set sync.peers "$(address_of "$BEN")" >/dev/null
    start_daemon "$TALLY_HOME"
    wait_for in_sync "$TALLY_HOME"
    record_in "$TALLY_HOME" model-a
    wait_for models_are "$BEN" '["model-a"]'
    record_in "$BEN" model-b
    wait_for models_are "$TALLY_HOME" '["model-a","model-b"]'
    tally node status | grep -q 'Ben/desktop.*in sync'
    # The daemon that runs does it.
    tally sync now --json | jq -e '.connected == 1'
}

@test "a stranger and a revoked device are refused, and the daemon goes on" {
    two_teammates
    start_daemon "$TALLY_HOME"
    address=$(address_of "$TALLY_HOME")
    tally init --ledger stranger --member Eve 2>/dev/null
    fails_with 1 tally sync now "$address" --ledger stranger --timeout 15
    tally team revoke Ben 2>/dev/null
    fails_with 1 tally sync now "$address" --ledger "$BEN" --timeout 15
    grep -q refused "$TALLY_HOME.log"
    not grep -q -e Eve "$TALLY_HOME.log"
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/c" Cleo tablet
    tally sync now "$address" --ledger "$BATS_TEST_TMPDIR/c" 2>/dev/null
}

has_requests() { [ "$(tally report --json | jq .total.requests)" -gt "$1" ]; }
captured() { tally node status | grep -q 'last at'; }

@test "the daemon captures what agents wrote before and after it began" {
    need "$TALLYD"
    new_ledger
    cp -r "$TALLY_TEST_DATA/samples/home/.claude" "$HOME/"
    "$TALLYD" --listen none --no-beacon --log json 2>"$TALLY_HOME.log" >/dev/null 3>&- &
    DAEMONS=" $!"
    wait_for daemon_answers "$TALLY_HOME"
    wait_for has_requests 0
    wait_for captured
    before=$(tally report --json | jq .total.requests)
    file=$(find "$HOME/.claude" -name '2f151126-*.jsonl')
    sed 's/msg_/msg_again_/g; s/req_/req_again_/g; s/2f151126/2f151127/g' "$file" >"${file/2f151126/2f151127}"
    wait_for has_requests "$before"
}
