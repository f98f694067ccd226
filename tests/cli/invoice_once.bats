#!/usr/bin/env bats
# Nothing is billed twice and nothing falls between: shares, contracts side by side, late minutes.
load common

ada() {
    new_ledger --currency USD
    tally issuer set Ada --name "Ada Kline" --prefix AK 2>/dev/null
    tally client set acme --title "Acme Ltd" 2>/dev/null
}

swap() { # what two machines have, to each other
    rm -f ada.seg ben.seg
    tally sync export ada.seg 2>/dev/null
    tally sync export ben.seg --ledger "$BEN" 2>/dev/null
    tally sync import ben.seg 2>/dev/null
    tally sync import ada.seg --ledger "$BEN" 2>/dev/null
}

issue() { tally invoice issue "$@" --yes --json 2>/dev/null | jq -r .number; }
total() { tally invoice draft "$@" --json 2>/dev/null | jq -r .total; }

bill() { # CLIENT AMOUNT DATE [PROJECT]: a bill of GPU hours, its entry on stdout
    tally expense add --category gpu --provider Modal --amount "$2" --date "$3" --client "$1" \
        ${4:+--project "$4"} --json 2>/dev/null | jq -r .id
}

hours() { # DURATION DATE [PROJECT]
    tally time add --client acme --date "$2" --duration "$1" ${3:+--project "$3"} "A fix of the parser" >/dev/null 2>&1
}

# A session of two prompts and an answer.
session() { # PROMPT-TIME PROMPT-TIME ANSWER-TIME
    local folder="$HOME/.claude/projects/work" at
    mkdir -p "$folder"
    for at in "$1" "$2"; do
        jq -nc --arg at "2026-03-03T$at:00Z" '{type: "user", cwd: "/work", timestamp: $at, uuid: "u\($at)",
            sessionId: "aaaaaaaa-0000-4000-8000-000000000001", message: {role: "user", content: "go on"}}'
    done >>"$folder/aaaaaaaa-0000-4000-8000-000000000001.jsonl"
    jq -nc --arg at "2026-03-03T$3:00Z" '{type: "assistant", cwd: "/work", timestamp: $at, uuid: "a\($at)",
        sessionId: "aaaaaaaa-0000-4000-8000-000000000001", requestId: "r\($at)",
        message: {id: "m\($at)", type: "message", role: "assistant", model: "claude-opus-4-8",
            content: [{type: "text", text: "done"}], usage: {input_tokens: 10, output_tokens: 5}}}' \
        >>"$folder/aaaaaaaa-0000-4000-8000-000000000001.jsonl"
    tally capture --root "$HOME" >/dev/null 2>&1
}

@test "a third of a bill, issued on two machines that were apart, is a conflict" {
    two_teammates
    tally contract set c --client acme --rate 100 2>/dev/null
    tally split "$(bill acme 90 2026-03-02)" acme=1 fin=2 2>/dev/null
    swap
    issue c --period 2026-03
    tally issuer set Ben --name Ben --prefix BN 2>/dev/null --ledger "$BEN"
    issue c --period 2026-03 --ledger "$BEN"
    swap
    tally invoice list --json | jq -e '.conflicts | length == 1'
    tally status | grep -q "AD-2026-0001"
    tally invoice void AD-2026-0001 --reason "Ben has it" --ledger "$BEN" 2>/dev/null
    swap
    tally invoice list --json | jq -e '.conflicts == []'
    # Anybody may void it; whoever did is named.
    tally invoice list --json | jq -e '[.invoices[] | [.number, .issuer, .voided_by, .void_reason]] ==
        [["AD-2026-0001","Ada","Ben","Ben has it"],["BN-2026-0001","Ben",null,null]]'
    tally invoice show AD-2026-0001 2>words >/dev/null
    grep -qx "note: this invoice is void, by Ben: Ben has it" words
    # The other two thirds are another client's, and no conflict.
    tally contract set f --client fin --rate 100 2>/dev/null
    [ "$(total f --period 2026-03)" = 60.00 ]
    issue f --period 2026-03
    tally invoice list --json | jq -e '.conflicts == []'
}

@test "a share is billed under one of two contracts, and a part moved to a new one is not billed again" {
    ada
    tally contract set a --client acme --rate 100 2>/dev/null
    tally contract set b --client acme --rate 50 2>/dev/null
    local entry
    entry=$(bill acme 90 2026-03-02)
    tally split "$entry" acme=1 fin=2 2>/dev/null
    issue a --period 2026-03
    [ "$(total b --period 2026-03)" = 0.00 ]
    tally contract set shop --client acme --project shop --rate 50 2>/dev/null
    tally split "$entry" acme/shop=1 fin=2 2>/dev/null
    [ "$(total shop --period 2026-03)" = 0.00 ]
    tally invoice void AK-2026-0001 2>/dev/null
    [ "$(total shop --period 2026-03)" = 30.00 ]
}

@test "two shares of one entry on one draft are together no more than what is left of it" {
    ada
    tally contract set a --client acme --rate 100 2>/dev/null
    tally contract set f --client fin --rate 100 2>/dev/null
    local entry
    entry=$(bill acme 90 2026-03-02)
    tally split "$entry" acme=1 fin=1 2>/dev/null
    issue f --period 2026-03
    # 45 are fin's for good. Of the two thirds of acme's, one fits beside them: 30.
    tally split "$entry" acme/x=1 acme/y=1 fin=1 2>/dev/null
    [ "$(total a --period 2026-03)" = 30.00 ]
}

@test "days of a project outside its contract are the general contract's" {
    ada
    tally contract set all --client acme --rate 100 2>/dev/null
    tally contract set shop --client acme --project shop --rate 10 --until 2026-03-15 2>/dev/null
    hours 1h 2026-03-10 shop
    hours 2h 2026-03-20 shop
    bill acme 7 2026-03-20 shop
    bill acme 5 2026-03-15 shop
    [ "$(total shop --period 2026-03)" = 15.00 ]
    [ "$(total all --period 2026-03)" = 207.00 ]
}

@test "two halves of a retainer's month come to what the month comes to" {
    ada
    tally contract set r --client acme --retainer 4000 --included-hours 40 --overage-rate 100 2>/dev/null
    for day in 02 03 04 16 17 18; do hours 10h 2026-03-$day; done
    [ "$(total r --period 2026-03)" = 6000.00 ]
    issue r --period 2026-03-01..2026-03-15
    # 30 hours are in the fee and billed; of 30 more, 10 are.
    [ "$(total r --period 2026-03-16..2026-03-31)" = 2000.00 ]
    [ "$(total r --period 2026-03)" = 2000.00 ]
}

@test "minutes of a session that come after its invoice are billed once, beside it" {
    ada
    tally rule set work --path /work --client acme 2>/dev/null
    tally contract set c --client acme --rate 60 --ai-cost none --rounding-minutes 6 2>/dev/null
    session 09:00 09:05 09:10
    [ "$(total c --period 2026-03)" = 12.00 ] # 10 minutes are 12
    issue c --period 2026-03
    session 09:11 09:15 09:20
    # 20 minutes are 24, of which 12 are billed.
    tally invoice draft c --period 2026-03 --json 2>/dev/null >late.json
    jq -e '.total == "12.00" and (.warnings | any(test("0.17 h of sessions from 2026-03-03 on came after AK-2026-0001")))' late.json
    # Nobody drafts March again: April speaks of it, in words that can be typed.
    tally invoice draft c --period 2026-04 --json 2>/dev/null | jq -e '.warnings | any(test("0.17 h of sessions from 2026-03-03 on came after AK-2026-0001 was issued and are on no invoice"))'
    [ "$(total c --period 2026-03-03..2026-03-31)" = 12.00 ]
    issue c --period 2026-03
    [ "$(total c --period 2026-03)" = 0.00 ]
    tally invoice draft c --period 2026-04 --json 2>/dev/null | jq -e '.warnings | any(test("came after")) | not'
    tally invoice list --json | jq -e '.conflicts == []'
    tally invoice verify AK-2026-0001
    tally invoice verify AK-2026-0002
    # Whichever is void, its own minutes are free and no others.
    tally invoice void AK-2026-0001 2>/dev/null
    [ "$(total c --period 2026-03)" = 12.00 ]
    issue c --period 2026-03
    [ "$(total c --period 2026-03)" = 0.00 ]
    tally invoice void AK-2026-0002 2>/dev/null
    [ "$(total c --period 2026-03)" = 12.00 ]
    tally rebuild 2>/dev/null
    [ "$(total c --period 2026-03)" = 12.00 ]
}

@test "redacted words leave every figure of an issued invoice to be verified" {
    ada
    tally contract set c --client acme --rate 100 --rounding-minutes 15 --rounding-per line 2>/dev/null
    local first second
    first=$(tally time add --client acme --date 2026-03-02 --duration 20m "The secret parser" --json 2>/dev/null | jq -r .id)
    second=$(tally time add --client acme --date 2026-03-02 --duration 20m "The secret lexer" --json 2>/dev/null | jq -r .id)
    issue c --period 2026-03
    tally redact "$first" --reason "a name" >/dev/null 2>&1
    tally redact "$second" --reason "a name" >/dev/null 2>&1
    # Derived from the records alone both are one line of "Work"; each figure is as it was.
    tally invoice verify AK-2026-0001 --json | jq -e '.verified and (.words_verified | not)
        and (.difference | test("^line 1"))'
    tally invoice verify AK-2026-0001 2>&1 | grep -q "every figure derived again.*words differ"
    tally invoice explain AK-2026-0001 2 --json | jq -e '.quantity == "0.50" and (.records | length == 1)'
}

@test "a change order that was changed since its approval is not approved" {
    ada
    tally contract set m --client acme --fee 1000 2>/dev/null
    tally change set m CR-1 --title "More of it" --amount 100 2>/dev/null
    tally change approve m CR-1 --date 2026-03-05 2>/dev/null
    [ "$(total m --period 2026-03)" = 1100.00 ]
    tally change set m CR-1 --amount 300 2>/dev/null
    [ "$(total m --period 2026-03)" = 1000.00 ]
    tally change approve m CR-1 --date 2026-03-06 2>/dev/null
    [ "$(total m --period 2026-03)" = 1300.00 ]
}

@test "money on an invoice that is void, or more than was owed, is spoken of" {
    ada
    tally contract set m --client acme --fee 1000 2>/dev/null
    issue m --period 2026-03
    tally invoice pay AK-2026-0001 1200 2>words
    grep -q "200.00 USD more than it asked for" words
    tally invoice void AK-2026-0001 2>words
    grep -q "1,200.00 USD was paid on it" words
}

@test "money cannot have come, nor a milestone been met, on a day that is yet to come" {
    ada
    tally contract set m --client acme --fee 1000 2>/dev/null
    tally contract set steps --client acme --fee 1000 2>/dev/null
    tally milestone set steps 1 --title "Launch" 2>/dev/null
    issue m --period 2026-03
    local late
    late=$(date -u -d '3 days' +%F)
    fails_with 2 tally invoice pay AK-2026-0001 --date "$late"
    [[ "$words" == *"--date $late is yet to come; today is 20"* ]]
    fails_with 2 tally deposit receive m 500 --date 2999-01-01
    fails_with 2 tally milestone accept steps 1 --date 2999-01-01
    tally invoice list --json | jq -e '.invoices[0].paid == "0.00"'
    tally invoice pay AK-2026-0001 --date "$(date -u -d '1 day' +%F)" # as it is called further east
}

@test "hours of a retainer's month that has no fee are warned of" {
    ada
    tally contract set r --client acme --retainer 1000 --included-hours 10 --overage-rate 100 --from 2026-03-15 2>/dev/null
    hours 5h 2026-03-20
    tally invoice draft r --period 2026-03 --json 2>/dev/null | jq -e '.warnings | any(test("2026-03 has 5.00 h and no fee"))'
}

@test "an auditor's void, payment and invoice are refused where they are typed" {
    ada
    local aud="$BATS_TEST_TMPDIR/aud"
    tally contract set m --client acme --fee 1000 2>/dev/null
    tally contract set n --client acme --fee 1000 2>/dev/null
    issue m --period 2026-03
    join_team "$TALLY_HOME" "$aud" Eve eye auditor
    fails_with 4 tally invoice void AK-2026-0001 --ledger "$aud"
    fails_with 4 tally invoice pay AK-2026-0001 --ledger "$aud"
    fails_with 4 tally invoice credit m 5 "Goodwill" --ledger "$aud"
    fails_with 4 tally deposit receive m 5 --ledger "$aud"
    fails_with 4 tally invoice issue n --period 2026-03 --yes --ledger "$aud"
    tally invoice verify AK-2026-0001 --ledger "$aud"
    tally invoice list --ledger "$aud" --json | jq -e '[.invoices[].status] == ["issued"]'
}

@test "who voids what an invoice bills is told which one" {
    ada
    tally contract set c --client acme --rate 100 2>/dev/null
    id=$(tally time add --client acme --date 2026-03-02 --duration 1h "A fix of the parser" --json 2>/dev/null | jq -r .id)
    tally invoice issue c --period 2026-03 --yes >/dev/null 2>&1
    try tally void "$id"
    [[ "$words" == *"AK-2026-0001 bills it"*"tally invoice credit"* ]]
    try tally void "$id" --undo
    [[ "$words" != *"AK-2026-0001"* ]]
    tally invoice void AK-2026-0001 2>/dev/null
    try tally void "$id"
    [[ "$words" != *"AK-2026-0001"* ]]
}

@test "a retainer's invoice that is voided and issued again asks for no hour twice" {
    ada
    tally contract set r --client acme --retainer 1000 --included-hours 10 --overage-rate 100 2>/dev/null
    hours 8h 2026-03-05
    issue r --period 2026-03-01..2026-03-15 # 8 of 10
    hours 5h 2026-03-20
    issue r --period 2026-03-16..2026-03-31 # 3 above
    [ "$(tally invoice show AK-2026-0002 --json | jq -r .total)" = 300.00 ]
    tally invoice void AK-2026-0001 2>/dev/null
    # 13 hours are 3 above, and these are billed.
    [ "$(total r --period 2026-03)" = 1000.00 ]
    hours 2h 2026-03-04
    [ "$(total r --period 2026-03)" = 1200.00 ]
    issue r --period 2026-03
    tally invoice verify AK-2026-0003 2>/dev/null
    tally invoice void AK-2026-0002 2>/dev/null
    # 10 hours of the 15 are billed, and 2 of the 5 above.
    [ "$(total r --period 2026-03)" = 300.00 ]
}
