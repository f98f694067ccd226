#!/usr/bin/env bats
# The tables people keep: client, project, rule, rate, plan, fx: set, list, unset.
load common

@test "set, list and unset work alike for every table" {
    new_ledger
    tally client set acme --title "Acme Ltd" --timezone UTC --currency EUR 2>/dev/null
    tally project set shop --client acme 2>/dev/null
    tally rule set acme-shop --path /work/acme --client acme --project shop --priority -3 2>/dev/null
    tally rate set --client acme --amount 185.00 --currency EUR --from 2026-01-01 2>/dev/null
    tally plan set claude-max --provider anthropic --fee 200 --currency USD --from 2026-01 --until 2026-12 --member ada 2>/dev/null
    tally fx set EUR USD --date 2026-03-31 --rate 1.0812 --source ECB 2>/dev/null
    jq -e '.clients | length == 1 and (.[0] | .client == "acme" and .title == "Acme Ltd" and
        .email == null and .set_by == "Ada")' <(tally client list --json)
    jq -e '.projects[0] | .project == "shop" and .client == "acme"' <(tally project list --json)
    jq -e '.rules[0] | .rule == "acme-shop" and .path == "/work/acme" and .priority == -3' <(tally rule list --json)
    jq -e '.rates[0] | .amount == "185.00" and .from == "2026-01-01" and .member == null' <(tally rate list --json)
    jq -e '.plans[0] | .fee == "200.00" and .until == "2026-12" and .member == "ada"' <(tally plan list --json)
    jq -e '.fx_rates[0] | .base == "EUR" and .quote == "USD" and .rate == "1.0812"' <(tally fx list --json)
    for noun in client project rule rate plan fx; do
        tally $noun list | grep -q "[A-Z]"
    done
    tally client unset acme 2>/dev/null
    tally project unset shop 2>/dev/null
    tally rule unset acme-shop 2>/dev/null
    tally rate unset --client acme --from 2026-01-01 2>/dev/null
    tally plan unset claude-max --from 2026-01 2>/dev/null
    tally fx unset EUR USD --date 2026-03-31 2>/dev/null
    for noun in client project rule rate plan fx; do
        [ "$(tally $noun list --json | jq '[.[] | length] | add')" -eq 0 ]
        try tally $noun list
        [ "$status" -eq 0 ]
        [ -z "$output" ]
        [ -n "$words" ]
    done
    fails_with 1 tally client unset acme
    fails_with 1 tally fx unset EUR USD --date 2026-03-31
    tally verify --deep >/dev/null
}

@test "set changes what is given, keeps the rest, and takes away what is given as empty" {
    new_ledger
    tally client set acme --title "Acme Ltd" --currency EUR 2>/dev/null
    tally client set acme --email billing@acme.example --json | jq -e '.title == "Acme Ltd" and
        .currency == "EUR" and .email == "billing@acme.example"'
    [ "$(tally client set acme --title '' --json | jq -c '[.title, .currency]')" = '[null,"EUR"]' ]
    tally log --json >before
    tally client set acme --currency EUR 2>/dev/null
    tally log --json | cmp - before
}

@test "a relative path is made absolute only when it says so" {
    new_ledger
    mkdir -p sub
    tally rule set a --client x --path ./sub/../acme/ 2>/dev/null
    (cd sub && tally rule set b --client x --path .. 2>/dev/null)
    tally rule set c --client x --path acme/shop 2>/dev/null
    # shellcheck disable=SC2088 # that it stays as typed is what is tried
    tally rule set d --client x --path "~/w" 2>/dev/null
    [ "$(tally rule list --json | jq -c '[.rules[].path]')" = \
        "[\"$PWD/acme\",\"$PWD\",\"acme/shop\",\"$HOME/w\"]" ]
}

@test "a project names the client of a rule that does not" {
    new_ledger
    tally project set shop --client acme 2>/dev/null
    [ "$(tally rule set r --path /x --project shop --json | jq -r .client)" = acme ]
    try tally rule set r2 --path /x --project shop --client fin
    [ "$status" -eq 0 ]
    [[ "$words" == *"'shop' under client 'acme'"* ]]
}

@test "wrong input is refused with what, why and what next, and writes nothing" {
    new_ledger
    tally log --json >before
    while read -r words; do
        # shellcheck disable=SC2086
        fails_with 2 tally $words
        [[ "$(cat "$BATS_TEST_TMPDIR/words")" == *"see 'tally help"* ]]
    done <<'ROWS'
client set
client set acme --currency euro
client set acme --timezone Mars/Base
project set shop
rule set r --client acme
rule set r --path /x
rule set r --path /x --client acme --priority 1001
rule set r --path /x --client acme --priority high
rate set --currency EUR
rate set --amount 0 --currency EUR
rate set --amount 1,50 --currency EUR
rate set --amount 185 --currency EUR --from 2026-02-30
plan set p --provider anthropic --fee 200 --currency USD
plan set p --provider anthropic --fee 200 --currency USD --from 2026-13
plan set p --provider anthropic --fee -1 --currency USD --from 2026-01
fx set EUR USD --rate 1.1
fx set EUR usd --rate 1.1 --date 2026-01-01
fx set EUR USD --rate nil --date 2026-01-01
fx set EUR EUR --rate 1 --date 2026-01-01
fx set EUR USD --rate 1 --date 0000-01-01
plan set p --provider anthropic --fee 200 --currency USD --from 0000-01
expense add --category gpu --provider Modal --amount 1 --currency USD --date 0000-05-05
expense add --category gpu --provider Modal --amount 1 --currency EURO
ROWS
    # One blank, and bytes that are no text.
    for name in ' ' $'a\xff'; do
        fails_with 2 tally client set "$name"
        fails_with 2 tally client set acme --title "$name"
        fails_with 2 tally expense add --category gpu --provider "$name" --amount 1 --currency USD
        fails_with 2 tally expense add --category gpu --provider Modal --client "$name" --amount 1 --currency USD
        fails_with 2 tally time add --client "$name" --duration 1h words
    done
    fails_with 2 tally client set "$(printf 'x%.0s' {1..65})"
    fails_with 2 tally client set ''
    tally log --json | cmp - before
}
