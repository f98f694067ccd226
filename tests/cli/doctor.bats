#!/usr/bin/env bats
# tally doctor: each test breaks one thing and sees that it is found, with a next step; what is sound gives nothing.
load common

teardown() { stop_daemons; }

look() { # OPTIONS... : the document in d, the exit code in $status
    status=0
    "$TALLY" doctor --json "$@" >d 2>doctor.words || status=$?
    jq -e '(.checks | length > 3) and ([.checks[] | select(.state == "warning" or .state == "error")] == []) == .ok' d >/dev/null
}

# finds LEVEL CHECK TEXT: such a finding is there, with a next step, and the exit code is that of its level.
finds() {
    look
    case $1 in warning | error) [ "$status" -eq 1 ] ;; *) [ "$status" -eq 0 ] ;; esac ||
        { echo "exit $status"; cat d; return 1; }
    jq -e --arg level "$1" --arg check "$2" --arg text "$3" 'any(.checks[]; .check == $check and .state == $level and
        (.message | contains($text)) and ($level == "ok" or (.next + (.why // "") | length) > 0))' d >/dev/null ||
        { jq -c '.checks[]' d; return 1; }
}

# finds_none CHECK: nothing worse than a note of that check.
finds_none() {
    look
    jq -e --arg check "$1" '[.checks[] | select(.check == $check and .state != "ok" and .state != "note")] == []' d
}

cost_of() { # MODEL TIME COST
    jq -n --arg model "$1" --arg time "$2" --arg cost "$3" '{costs: [{time: $time, session: "s", agent: "codex",
        model: $model, input_tokens: 1, output_tokens: 1, total_cost: $cost, tags: [],
        id: "00000000000000000000000000000001"}]}' | "$TALLY" costs import - >/dev/null
}

# One response of Claude Code's, now.
response_of() { # MODEL
    mkdir -p "$HOME/.claude/projects/p"
    echo '{"cleanupPeriodDays": 3650}' >"$HOME/.claude/settings.json"
    jq -nc --arg model "$1" --arg time "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" '{type: "assistant", uuid: "u", timestamp: $time,
        sessionId: "s", cwd: "/p", version: "2.1.268", requestId: "req_1", message: {id: "msg_1", type: "message",
        role: "assistant", model: $model, content: [], stop_reason: "end_turn", usage: {input_tokens: 1, output_tokens: 1}}}' \
        >"$HOME/.claude/projects/p/s.jsonl"
    "$TALLY" capture >/dev/null
}

@test "doctor finds nothing wrong with a sound machine, changes nothing, and says so" {
    new_ledger
    tally capture >/dev/null
    find "$TALLY_HOME" "$HOME" -type f ! -name '*-lock' -exec sha256sum {} + | sort >before
    look
    [ "$status" -eq 0 ]
    jq -e .ok d
    find "$TALLY_HOME" "$HOME" -type f ! -name '*-lock' -exec sha256sum {} + | sort >after
    cmp before after
    try tally doctor
    [ "$words" = "nothing is wrong" ]
}

@test "doctor warns of transcripts that are deleted early" {
    new_ledger
    finds_none retention
    mkdir -p "$HOME/.claude/projects"
    finds warning retention "after 30 days"
    jq -e '.checks[] | select(.check == "retention") | .next | test("cleanupPeriodDays")' d
    echo '{"cleanupPeriodDays": 364}' >"$HOME/.claude/settings.json"
    finds warning retention "after 364 days"
    echo '{"cleanupPeriodDays": 365}' >"$HOME/.claude/settings.json"
    finds ok retention "for 365 days"
}

@test "doctor names every place of every agent, and once what its logs lack" {
    new_ledger
    finds note agent "no agent has left logs"
    mkdir -p "$HOME/.gemini/antigravity-cli/conversations" "$HOME/data/opencode"
    XDG_DATA_HOME="$HOME/data" tally doctor --json --ledger "$TALLY_HOME" >d
    agents() { jq -r '.checks[] | select(.check == "agent") | .message' d; }
    [ "$(agents | sed 's/:.*//' | uniq | paste -sd ' ')" = \
        "claude-code codex gemini-cli opencode antigravity copilot-cli aider" ]
    agents | grep -q "^opencode: logs in $HOME/data/opencode; .*titles"
    agents | grep -q "^copilot-cli: nothing in $HOME/.copilot/session-state$"
    [ "$(agents | grep -c encrypted)" -eq 1 ]
    agents | grep -q "^aider: .*'tally capture --agent aider'"
}

@test "doctor finds logs that cannot be read" {
    [ "$(id -u)" -ne 0 ] || skip "root reads everything"
    new_ledger
    mkdir -p "$HOME/.codex/sessions"
    chmod 0 "$HOME/.codex/sessions"
    finds error agent "cannot be read"
}

@test "doctor finds a ledger that is not there, open to others, or another's" {
    finds error ledger "there is no ledger"
    new_ledger
    chmod 755 "$TALLY_HOME"
    finds warning folder "open to others (mode 755)"
    chmod 700 "$TALLY_HOME"
    finds_none folder
    [ "$(id -u)" -eq 0 ] || return 0
    chown 65534 "$TALLY_HOME"
    finds warning folder "belongs to another user"
}

@test "doctor finds a key that is missing, or open to others" {
    new_ledger
    chmod 644 "$TALLY_HOME/device.key"
    finds error key "open to others (mode 644)"
    try tally doctor
    grep -q "next: chmod 600 $TALLY_HOME/device.key" <<<"$output"
    rm "$TALLY_HOME/device.key"
    finds error key "is missing"
}

@test "what doctor tells to type works in a folder with a quote and a blank in its name" {
    export TALLY_HOME="$BATS_TEST_TMPDIR/ada's books"
    new_ledger
    chmod 755 "$TALLY_HOME"
    finds warning folder "open to others (mode 755)"
    jq -r '.checks[] | select(.check == "folder") | .next' d | sh
    finds ok folder "is yours alone"
}

@test "doctor finds a store that was brought back from a backup, and a mark that is gone" {
    new_ledger
    cp "$TALLY_HOME/ledger.mdb" old
    record_in "$TALLY_HOME" model-a
    finds ok mark "holds all"
    tally status --json | jq -e '.records_lost == 0'
    cp old "$TALLY_HOME/ledger.mdb"
    finds error mark "has signed 3 records, and the store holds 2"
    tally status | grep -q "^older copy  *lacks 1 of the records that this device signed"
    tally status --json | jq -e '.records_lost == 1'
    rm "$TALLY_HOME/device.mark"
    finds note mark "is missing or torn"
}

@test "doctor finds a damaged store without being ended by it" {
    new_ledger
    for model in a b c d; do record_in "$TALLY_HOME" "model-$model"; done
    truncate -s 12288 "$TALLY_HOME/ledger.mdb"
    finds error ledger ""
    head -c 40000 /dev/zero | tr '\0' 'x' >"$TALLY_HOME/ledger.mdb"
    finds error ledger ""
}

@test "doctor warns when nothing was captured for a week" {
    new_ledger
    finds note capture "nothing was captured"
    tally capture >/dev/null
    finds ok capture "0 days ago"
    touch -d '8 days ago' "$TALLY_HOME/capture.lock"
    finds warning capture "8 days ago"
}

@test "doctor warns of git that is not there only while commits describe sessions" {
    not_under_memcheck "valgrind would not be there either"
    new_ledger
    mkdir empty
    status=0
    PATH=$PWD/empty "$TALLY" doctor --json >d || status=$?
    [ "$status" -eq 1 ]
    jq -e 'any(.checks[]; .check == "git" and .state == "warning")' d
    tally config set describe.commits no >/dev/null
    PATH=$PWD/empty "$TALLY" doctor --json >d
    jq -e 'all(.checks[]; .check != "git")' d
}

@test "doctor names models and budgets that lack a price" {
    new_ledger
    response_of mystery-1
    finds warning prices "1 requests of model 'mystery-1' have no price"
    finds_none budgets
    tally budget set --period monthly --limit 10 >/dev/null
    finds warning budgets "lacks 1 requests"
    tally prices set mystery-1 --input 1 --output 2 --from 2026-01-01 >/dev/null
    finds_none prices
    finds_none budgets
}

@test "doctor notes old prices, and what is nobody's" {
    new_ledger
    cost_of some-1 2026-03-01T00:00:00Z 1.255
    finds note whose "1 requests (1.26 USD) are nobody's" # 1.255, half away from zero
    tally prices set some-1 --input 1 --output 2 --from 2026-01-01 >/dev/null
    finds note "price age" "days old"
    tally prices set some-1 --input 1 --output 2 --from "$(date -u +%F)" >/dev/null
    look
    jq -e 'all(.checks[]; .check != "price age")' d
}

@test "doctor says who was never met, what nobody else holds, and what waits for a cosignature" {
    new_ledger
    finds note copies "you are alone"
    BEN="$BATS_TEST_TMPDIR/ben"
    join_team "$TALLY_HOME" "$BEN" Ben desktop
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/cleo" Cleo tower
    finds ok peers "each of 2 was met"
    record_in "$TALLY_HOME" model-a
    finds note copies "1 records are not known to be with any teammate"
    finds note witnesses "records are cosigned"
    start_daemon "$TALLY_HOME"
    tally sync now "$(address_of "$TALLY_HOME")" --ledger "$BEN" 2>/dev/null
    finds ok copies "a teammate holds every record"
    look --ledger "$BEN"
    jq -e 'any(.checks[]; .check == "peers" and (.message | test("^Cleo/tower was never met")))' d
}

elsewhen() { "$(dirname "$TALLY")/tests/elsewhen" "$@"; }

@test "doctor warns of a teammate not met for two weeks, and of one whose clock is wrong" {
    two_teammates
    elsewhen "$TALLY_HOME" met 13 60
    finds ok peers "each of 1 was met"
    finds_none clocks
    elsewhen "$TALLY_HOME" met 14 -90
    finds warning peers "Ben/desktop was last met 14 days ago"
    finds warning clocks "the clock of Ben/desktop was 90 s behind this one"
    elsewhen "$TALLY_HOME" met 0 61
    finds warning clocks "61 s ahead of this one"
}

@test "doctor warns of records that are ahead of the clock" {
    new_ledger
    elsewhen "$TALLY_HOME" ahead 23
    finds_none time
    elsewhen "$TALLY_HOME" ahead 25
    finds warning time "more than a day ahead of the clock"
}

@test "doctor tells a device that it is revoked" {
    two_teammates
    finds_none members
    tally team revoke Ben/desktop 2>/dev/null
    finds_none members
    tally team revoke laptop --yes 2>/dev/null
    finds error members "this device is revoked"
}

@test "doctor tells of messages that do not arrive" {
    new_ledger
    finds_none webhooks
    tally webhook add http://127.0.0.1:9/ --name nowhere >/dev/null 2>&1
    response_of claude-opus-5
    tally budget set --period monthly --limit 0.000001 --notify-at 1 >/dev/null
    tally webhook deliver >/dev/null 2>&1 || true
    finds note webhooks "wait to be tried again"
}

@test "doctor finds hooks that call a program which is gone, or not at every event" {
    not_under_memcheck "the program that is written down is not the one that stands in"
    new_ledger
    mkdir -p "$HOME/.claude"
    finds ok hooks "claude-code: no hooks"
    tally hook install claude-code --statusline >/dev/null 2>&1
    finds ok hooks "claude-code: its hooks call tally"
    cp "$HOME/.claude/settings.json" good
    sed -i "s#$(realpath "$TALLY")#/gone/tally#g" "$HOME/.claude/settings.json"
    finds error hooks "calls /gone/tally, which is not there"
    [ "$(jq '[.checks[] | select(.check == "hooks" and .state == "error")] | length' d)" -eq 2 ]
    jq 'del(.hooks[.hooks | keys[0]])' good >"$HOME/.claude/settings.json"
    finds warning hooks "events call tally"
    echo '{"hooks": [}' >"$HOME/.claude/settings.json"
    finds warning hooks "cannot be understood"
    echo '2026-11-20T10:00:00Z claude-code: it went wrong' >"$TALLY_HOME/hook.log"
    rm "$HOME/.claude/settings.json"
    finds note "hook log" "it went wrong"
}

@test "doctor finds a daemon that was killed, and a unit that starts nothing" {
    new_ledger
    finds note daemon "tallyd does not run"
    start_daemon "$TALLY_HOME"
    finds ok daemon "serves this ledger"
    kill -KILL ${DAEMONS}
    wait ${DAEMONS} || true
    DAEMONS=
    finds warning daemon "left of a daemon that was killed"
    rm "$TALLY_HOME/tallyd.sock"
    mkdir -p "$HOME/.config/systemd/user"
    printf '[Service]\nExecStart=/gone/tallyd --log text\n' >"$HOME/.config/systemd/user/tallyd.service"
    finds warning unit "starts /gone/tallyd, which is not there"
    printf '[Service]\nExecStart=tallyd --log text\n' >"$HOME/.config/systemd/user/tallyd.service"
    finds_none unit
}

@test "doctor notes what killed runs left and a terminal without UTF-8" {
    export TMPDIR="$BATS_TEST_TMPDIR/tmp"
    mkdir -p "$TMPDIR"
    new_ledger
    touch "$TALLY_HOME/ledger.mdb.AbCdEf"
    look
    jq -e 'all(.checks[]; .check != "litter")' d # it may be in use
    # The last three are nobody's litter: names that people gave, and one that mkstemp never gives.
    touch -d '2 hours ago' "$TALLY_HOME/ledger.mdb.AbCdEf" "$TMPDIR/x'; touch pwned; '.tally-partial-AbCdEf" \
        "$TMPDIR/mine.AbCdEf" "$TMPDIR/bill.partial-backup" "$TALLY_HOME/ledger.mdb.';ab;'"
    finds note litter "ledger.mdb.AbCdEf"
    [ "$(jq '[.checks[] | select(.check == "litter")] | length' d)" -eq 2 ]
    jq -r '.checks[] | select(.check == "litter") | .next' d | sh # as it is pasted
    [ ! -e pwned ]
    [ "$(find "$TMPDIR" -type f -printf '%f\n' | LC_ALL=C sort | paste -sd ' ')" = "bill.partial-backup mine.AbCdEf" ]
    [ ! -e "$TALLY_HOME/ledger.mdb.AbCdEf" ]
    [ -e "$TALLY_HOME/ledger.mdb.';ab;'" ]
    LC_ALL=C finds note terminal "not UTF-8"
}

@test "doctor warns of a disk that is nearly full" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount"
    unshare -m true 2>/dev/null || skip "no mount namespaces"
    new_ledger
    mkdir small
    unshare -m bash -c '
        mount -t tmpfs -o size=4m none small || exit 77
        cp -a "$TALLY_HOME"/. small/ && "$TALLY" doctor --json --ledger small >d' || [ $? -eq 1 ] ||
        skip "cannot mount"
    jq -e 'any(.checks[]; .check == "disk" and .state == "warning")' d
}
