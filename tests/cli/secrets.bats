#!/usr/bin/env bats
# Secrets stay where they belong: what other programs are given, what is written down and what is printed is searched for
# them. What is in memory is tests/unit/secret_test.c's.
load common

readonly words_of_key='correct horse battery staple 4711'
readonly hook_secret=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
readonly hook_bytes=0123456789abcdef0123456789abcdef

teardown() { stop_daemons; }

# What every program that tally starts is given: arguments, environment and standard input.
spy() { # NAME
    mkdir -p spies
    cat >"spies/$1" <<SH
#!/bin/sh
{ printf '%s\n' "\$0 \$*"; env; tr '\0' ' ' </proc/\$PPID/cmdline; } >>'$PWD/seen'
[ "$1" = git ] || { cat >>'$PWD/seen'; echo 'words'; }
exit 0
SH
    chmod +x "spies/$1"
}

# Hexadecimal digits of all bytes of files.
hex_of() { cat "$@" | od -An -v -tx1 | tr -d ' \n'; }

holds() { # TEXT FILES...: in the clear
    local text=$1
    shift
    hex_of "$@" | grep -q "$(printf '%s' "$text" | od -An -v -tx1 | tr -d ' \n')"
}

session_of_today() {
    mkdir -p "$HOME/.claude/projects/-work" repository
    local at
    at=$(date -u -d '20 minutes ago' +%Y-%m-%dT%H:%M:%S)
    printf '%s\n' "{\"type\":\"assistant\",\"uuid\":\"u1\",\"sessionId\":\"11111111-1111-4111-8111-111111111111\",\"timestamp\":\"${at}.000Z\",\"cwd\":\"$PWD/repository\",\"version\":\"2.0.0\",\"requestId\":\"r1\",\"message\":{\"id\":\"m1\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"stop_reason\":\"end_turn\",\"content\":[],\"usage\":{\"input_tokens\":1000,\"output_tokens\":1000}}}" \
        >"$HOME/.claude/projects/-work/11111111-1111-4111-8111-111111111111.jsonl"
}

@test "no program that is started, no log, no error and no file of the ledger holds a passphrase or a webhook's secret" {
    printf '%s\n' "$words_of_key" >passphrase
    export TALLY_PASSPHRASE_FILE="$PWD/passphrase"
    for name in git describe notify; do spy "$name"; done
    export PATH="$PWD/spies:$PATH"
    session_of_today
    { tally init --member Ada --device laptop --timezone UTC --passphrase
        tally config set describe.command "$PWD/spies/describe"
        tally config set notify.command "$PWD/spies/notify"
        tally budget set --period monthly --limit 0.01 --notify-at 1
        tally webhook add http://127.0.0.1:9/in --name books --secret-stdin <<<"$hook_secret"
        tally capture
        tally capture
        tally describe --from-command
        tally webhook deliver --timeout 1 || true
        tally webhook list
        tally webhook outbox --all --json
        tally doctor || true
        tally log; } >said 2>&1
    start_daemon "$TALLY_HOME"
    tally capture >>said 2>&1
    stop_daemons
    printf 'wrong %s\n' "$words_of_key" >other
    TALLY_PASSPHRASE_FILE="$PWD/other" fails_with 4 tally prices set m --input 1 --output 2
    echo "$words" >>said
    [ -s seen ]
    grep -q 'spies/git' seen
    grep -q 'spies/describe' seen
    grep -q 'spies/notify' seen
    for text in "$words_of_key" "$hook_secret" "$hook_bytes" "${hook_secret#whsec_}"; do
        not holds "$text" seen said
        not holds "$text" "$TALLY_HOME"/* "$TALLY_HOME.log"
    done
    holds "$words_of_key" passphrase # and the search finds what is there
}

@test "a key in the clear is in its file and nowhere else" {
    new_ledger
    key=$(sed -n 's/^secret //p' "$TALLY_HOME/device.key")
    [ "${#key}" -eq 128 ]
    record_in "$TALLY_HOME" model-a
    tally backup copy.mdb 2>/dev/null
    tally sync export --all segment 2>/dev/null
    { tally log --json; tally status; tally doctor || true; tally verify --deep; } >said 2>&1
    rest=$(find "$TALLY_HOME" -type f ! -name device.key)
    for half in "${key:0:64}" "${key:64}"; do
        not grep -q "$half" <(hex_of $rest copy.mdb segment said)
        not grep -qr "$half" $rest said
    done
    hex_of "$TALLY_HOME/device.key" | grep -q "$(printf '%s' "$key" | od -An -v -tx1 | tr -d ' \n')"
}

@test "doctor says when keys cannot be kept out of swap" {
    not_under_memcheck "mlock does nothing"
    new_ledger
    tally doctor --json | jq -e '.checks[] | select(.check == "memory")' >/dev/null
    command -v setpriv >/dev/null || skip "no setpriv here"
    (ulimit -l 0 && setpriv --bounding-set=-all --inh-caps=-all true) 2>/dev/null || skip "limits cannot be set here"
    readelf -sW "$TALLY" 2>/dev/null | grep -q "__[at]san_" && skip "sanitizers have mlock do nothing"
    try bash -c "ulimit -l 0; exec setpriv --reuid=65534 --clear-groups '$TALLY' doctor --json --ledger '$TALLY_HOME'"
    jq -r '.checks[] | select(.check == "memory") | .state' <<<"$output" | grep -qx warning
}

@test "a pipe that nobody writes to is not waited for, and one that somebody writes to is read" {
    new_ledger
    mkfifo pipe
    for wanted in "expense add --category other --provider X --amount 5 --evidence pipe" "costs import pipe" "sync import pipe"; do
        try timeout 20 "$TALLY" $wanted
        [ "$status" -ne 0 ]
        [ "$status" -ne 124 ]
        [[ "$words" == *"nobody writes to"* ]] || { echo "$wanted: $words"; return 1; }
    done
    tally costs import <(sleep 1; echo '{"costs": []}') >/dev/null
    (sleep 1; echo '{"costs": []}' >pipe) 3>&- &
    tally costs import pipe >/dev/null
}
