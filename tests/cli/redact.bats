#!/usr/bin/env bats
# tally redact: a session's titles go and stay away; records and proofs stand.
load common

CASE="c10-human-prompts"
SESSION="00000000-0000-4000-8000-000000001001"

# The log names the session three times: by the agent, by the user, by a summary.
titled_ledger() {
    need "$(fixtures)/synthetic/claude/$CASE"
    new_ledger
    home=$(home_of_case claude "$(fixtures)/synthetic/claude/$CASE")
    log=$(find "$home" -name "$SESSION.jsonl")
    tally capture --root "$home" >/dev/null
}

title() { tally sessions show "$SESSION" --json | jq -c '[.title, .title_redacted]'; }

rename_session() { # TITLE
    printf '{"type":"custom-title","customTitle":"%s","sessionId":"%s"}\n' "$1" "$SESSION" >>"$log"
    tally capture --root "$home" >/dev/null
}

@test "a redacted title is gone, says so, and every check still passes" {
    titled_ledger
    [ "$(title)" = '["ACME invoice page",false]' ]
    record=$(tally log --json | jq -r 'select(.kind == "session") | .hash' | tail -1)
    blob=$(tally log --json | jq -r 'select(.kind == "session") | .body.title' | tail -1)
    [ "$(tally redact 00000000 --reason 'a name' --json)" = "{\"redacted\":[\"$blob\"]}" ]
    [ "$(title)" = '[null,true]' ]
    tally sessions | grep -F '(redacted)'
    tally sessions show "$SESSION" | grep -Fx 'title     (redacted)'
    [ "$(tally show "$record" --json | jq -c .redacted)" = "[\"$blob\"]" ]
    tally show "$record" | grep -F 'was redacted'
    [ "$(tally log --json | jq -c 'select(.kind == "redact") | .body')" = \
        "{\"blob\":\"$blob\",\"reason\":\"a name\"}" ]
    not grep -F 'ACME invoice' <(tally sessions)
    tally verify --deep >/dev/null
    tally fsck >/dev/null
    tally rebuild >/dev/null
    [ "$(title)" = '[null,true]' ]
}

@test "every title that the session ever had goes" {
    titled_ledger
    rename_session "Second name"
    [ "$(tally redact "$SESSION" --json | jq '.redacted | length')" -eq 2 ]
    [ "$(tally log --json | jq -r 'select(.kind == "session") | .body.title' | sort -u)" = \
        "$(tally log --json | jq -r 'select(.kind == "redact") | .body.blob' | sort -u)" ]
}

@test "a redacted title stays away until the user sets another" {
    titled_ledger
    tally redact "$SESSION" 2>/dev/null
    tally capture --root "$home" >/dev/null
    rename_session "ACME invoice page" # what an agent writes again when it goes on
    [ "$(title)" = '[null,true]' ]
    printf '{"type":"ai-title","aiTitle":"By the agent","sessionId":"%s"}\n' "$SESSION" >>"$log"
    tally capture --root "$home" >/dev/null
    [ "$(title)" = '[null,true]' ]
    cp "$log" "$log.new"
    mv "$log.new" "$log" # a new file: all of it is read again
    touch "$log"
    tally capture --root "$home" >/dev/null
    [ "$(title)" = '[null,true]' ]
    rename_session "Harmless"
    [ "$(title)" = '["Harmless",false]' ]
    rename_session "ACME invoice page"
    [ "$(title)" = '["Harmless",false]' ]
}

@test "a blob is redacted by its id, once" {
    titled_ledger
    blob=$(tally log --json | jq -r 'select(.kind == "session") | .body.title' | tail -1)
    tally redact "$blob" 2>/dev/null
    [ "$(title)" = '[null,true]' ]
    tally log --json >before
    [ "$(tally redact "$blob" --json)" = '{"redacted":[]}' ]
    [ "$(tally redact "$SESSION" --json)" = '{"redacted":[]}' ]
    tally log --json | cmp - before
}

@test "what has no title, or is not there, is an error that changes nothing" {
    titled_ledger
    tally log --json >before
    fails_with 1 tally redact ffffffff
    fails_with 1 tally redact "$(printf 'f%.0s' {1..64})"
    fails_with 2 tally redact
    try tally redact "$SESSION" --reason "$(printf 'x%.0s' {1..1025})"
    [ "$status" -ne 0 ]
    tally log --json | cmp - before
    [ "$(title)" = '["ACME invoice page",false]' ]
}

@test "redacting an entry takes all that was ever said of it, an expense's note too" {
    new_ledger
    id=$(tally time add --client acme --date 2026-03-01 --duration 1h "With Jane" --json 2>/dev/null | jq -r .id)
    tally describe "$id" "With John" 2>/dev/null
    tally describe "$id" "Review of the parser" 2>/dev/null
    [ "$(tally redact "$id" --json 2>/dev/null | jq '.redacted | length')" -eq 3 ]
    for blob in $(tally log --json | jq -r 'select(.kind == "describe" or .kind == "time.add") | .body.text'); do
        [ "$(tally redact "$blob" --json)" = '{"redacted":[]}' ] # it is gone already
    done
    id=$(tally expense add --category gpu --provider Modal --amount 5 --date 2026-03-02 --client acme \
        "For Jane" --json 2>/dev/null | jq -r .id)
    [ "$(tally redact "${id:0:8}" --json 2>/dev/null | jq '.redacted | length')" -eq 1 ]
    not grep -q Jane <(tally expense list --json)
    tally verify --deep >/dev/null
}
