#!/usr/bin/env bats
# Invoices of work that was taken back after they were issued: by a revocation, by a fork.
load common

send() { # LEDGER LEDGER
    rm -f all.seg
    tally sync export all.seg --all --ledger "$1" 2>/dev/null
    tally sync import all.seg --ledger "$2" 2>/dev/null
}

hour() { # DATE [LEDGER]
    tally time add --client acme --date "$1" --duration 1h "A fix of the parser" --ledger "${2:-$TALLY_HOME}" 2>/dev/null
}

# An invoice of two hours: one is Ada's, one is Ben's first record.
two_hours_billed() {
    two_teammates
    tally contract set c --client acme --rate 100 --issuer Ada 2>/dev/null
    send "$TALLY_HOME" "$BEN"
    hour 2026-03-02 "$BEN"
    cp -r "$BEN" before
    send "$BEN" "$TALLY_HOME"
    hour 2026-03-03
    tally invoice issue c --period 2026-03 --issue-date 2026-04-01 --yes >/dev/null 2>&1
    FIRST=$(tally invoice list --json | jq -r '.invoices[0].number')
    tally audit export --period 2026 -o year.txt 2>/dev/null
    tally invoice list --json | jq -e '.fallen == []'
}

@test "an invoice of records that a revocation took back is named until it is void, and has no pack" {
    two_hours_billed
    tally team revoke Ben/desktop --records 0 --yes 2>/dev/null
    tally invoice list --json | jq -e --arg n "$FIRST" '[.fallen[].number] == [$n]'
    tally status --json | jq -e --arg n "$FIRST" '[.invoices_fallen[].number] == [$n]'
    tally status | grep -q "^conflict  *$FIRST (........) bills records that count no more"
    fails_with 4 tally audit pack --invoice "$FIRST" -o one.txt
    [[ "$words" == *"tally invoice void"* ]]
    fails_with 4 tally audit export --period 2026 -o year.txt

    tally invoice void "$FIRST" 2>/dev/null
    tally invoice list --json | jq -e '.fallen == []'
    tally invoice issue c --period 2026-03 --issue-date 2026-04-01 --yes >/dev/null 2>&1
    tally invoice list --json | jq -e '[.invoices[] | select(.status != "void") | .total] == ["100.00"]'
    # The year can be shown all the same, and says what is not in it.
    try tally audit export --period 2026 -o year.txt
    [ "$status" -eq 0 ]
    [[ "$words" == *"not in it: 1 void invoices"* ]]
    tally audit verify year.txt --json | jq -e '.ok and .invoices == 1'
    fails_with 4 tally audit pack --invoice "$FIRST" -o one.txt
}

@test "an invoice of records that a fork has set aside says so, and status names the fork" {
    two_hours_billed
    hour 2026-03-04 "$BEN"
    hour 2026-03-05 before
    send "$BEN" "$TALLY_HOME"
    tally invoice issue c --period 2026-03 --issue-date 2026-04-01 --yes >/dev/null 2>&1
    second=$(tally invoice list --json | jq -r '.invoices[1].number')
    # What parts from the first history stays out: the proof is made when both sides have signed theirs.
    send before "$TALLY_HOME" || true
    send "$TALLY_HOME" before || true
    send before "$TALLY_HOME" || true
    tally status | grep -q "^fork  *Ben/desktop signed two histories"
    tally status --json | jq -e '(.forks | length == 1) and (.invoices_fallen | length == 1)'
    tally invoice verify "$FIRST" 2>/dev/null
    fails_with 4 tally invoice verify "$second"
    [[ "$words" == *"tally team forks"* ]]
    [[ "$words" != *"sync now"* ]]
    tally invoice void "$second" 2>/dev/null
    tally audit export --period 2026 -o year.txt 2>/dev/null
    tally audit verify year.txt --json | jq -e '.ok and .invoices == 1'
}
