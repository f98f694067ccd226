#!/usr/bin/env bats
# tally report --basis: list prices, what was paid under a plan, or both; never one for the other.
load common

# A month of three clients, 8 + 9 + 3 = 20 dollars at list price, and one of April.
usage() {
    new_ledger
    jq -nR '{costs: [inputs | split(" ") | {session: .[0], agent: .[1], model: .[2],
        project_path: ("/work/" + .[0]), total_cost: .[3], time: (.[4] + "T12:00:00Z"), tags: [],
        input_tokens: 1, output_tokens: 1, currency: "USD",
        id: ((input_line_number | tostring) as $n | ("0" * (32 - ($n | length))) + $n)}]}' <<'ROWS' |
acme claude-code claude-opus-4-8 5.00 2026-03-02
acme claude-code claude-opus-4-8 3.00 2026-03-03
fin claude-code claude-opus-4-8 9.00 2026-03-04
own opencode claude-sonnet-5 3.00 2026-03-05
acme claude-code claude-opus-4-8 1.00 2026-04-05
ROWS
        tally costs import - >/dev/null
    for client in acme fin own; do
        tally rule set $client --path /work/$client --client $client 2>/dev/null
    done
}

paid() { tally report --basis paid --json "$@"; }

@test "a plan of 200 dollars over three clients' usage gives 200.00 in every report" {
    usage
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-01 2>/dev/null
    # 8, 9 and 3 of 20.
    [ "$(paid --by client --period 2026-03 | jq -c '[.rows[] | [.key.client, .total_cost]]')" = \
        '[["acme","80.00"],["fin","90.00"],["own","30.00"]]' ]
    for by in client project day model agent week,client member,month session tag branch,device; do
        [ "$(paid --by $by --period 2026-03 | jq -r .total.total_cost)" = 200.00 ]
        [ "$(paid --by $by --period 2026-03 | jq -r '[.rows[].total_cost | tonumber] | add')" = 200 ]
    done
    paid --period 2026-03 | jq -e '.basis == "paid" and .total.unpriced_requests == 0 and
        .plans == [{plan: "max", month: "2026-03", fee: "200.00", currency: "USD", requests: 4, cost: "200.00"}]'
    # April has one request: it bears the whole fee.
    [ "$(paid --by month | jq -c '[.rows[] | [.key.month, .total_cost]]')" = '[["2026-03","200.00"],["2026-04","200.00"]]' ]
    # A part of a month has its part of the fee, a client its own.
    [ "$(paid --period 2026-03-01..2026-03-03 | jq -r .total.total_cost)" = 80.00 ]
    [ "$(paid --period 2026-03 --client fin | jq -r .total.total_cost)" = 90.00 ]
}

@test "thirds of the fee add up to it in the text of the figures" {
    usage
    tally plan set max --provider anthropic --fee 100 --currency USD --from 2026-03 --until 2026-03 2>/dev/null
    tally split fin acme=1 fin=1 own=1 2>/dev/null
    # 9 of 20 of 100 is 45, in three: 15 each.
    [ "$(paid --by client --period 2026-03 | jq -c '[.rows[].total_cost]')" = '["55.00","15.00","30.00"]' ]
}

@test "list stays what it was, both shows both, and every figure says its basis" {
    usage
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-01 2>/dev/null
    [ "$(tally report --by client --period 2026-03 --json | jq -c '[.basis, [.rows[].total_cost]]')" = \
        '["list",["8.00","9.00","3.00"]]' ]
    tally report --by client --period 2026-03 --basis both --json | jq -e '.basis == "both" and
        [.rows[] | [.total_cost, .list_cost, .paid_cost]] == [["8.00","8.00","80.00"],["9.00","9.00","90.00"],
            ["3.00","3.00","30.00"]] and .total.list_cost == "20.00" and .total.paid_cost == "200.00"'
    tally report --basis list | grep -q "^Basis: list prices, USD$"
    tally report --basis paid --period 2026-03 >text
    grep -q "PAID" text
    [ "$(grep -c "COST" text)" -eq 0 ]
    grep -q "^Basis: what was paid under plans, USD$" text
    grep -q "^Plan max: 200.00 USD for 2026-03, shared over 4 requests$" text
    tally report --basis both --period 2026-03 >text
    grep -q "LIST.*PAID" text
    grep -q "^Basis: list prices, and beside them what was paid" text
}

@test "without a plan, paid says so instead of guessing" {
    usage
    fails_with 1 tally report --basis paid
    [[ "$words" == *"no plan covers any of these 5 requests"*"tally plan set"* ]]
    tally plan set max --provider opencode --fee 30 --currency USD --from 2026-03 2>/dev/null
    paid --by client --period 2026-03 | jq -e '[.rows[] | [.key.client, .total_cost, .unpriced_requests]] ==
        [["acme",null,2],["fin",null,1],["own","30.00",0]] and .total.total_cost == "30.00" and
        .total.unpriced_requests == 3'
    tally report --basis paid --by client --period 2026-03 >text
    grep -q "^acme .*not known *2$" text
    grep -q "^Covered by no plan: 3 requests" text
    fails_with 2 tally report --basis guess
}

@test "a plan in another currency needs an exchange rate, and says which" {
    usage
    tally plan set max --provider anthropic --fee 100 --currency EUR --from 2026-03 --until 2026-03 2>/dev/null
    fails_with 1 tally report --basis paid --period 2026-03
    [[ "$words" == *"EUR->USD on 2026-03-31"*"tally fx set"* ]]
    tally fx set EUR USD --date 2026-03-31 --rate 1.0812 2>/dev/null
    [ "$(paid --period 2026-03 | jq -r .total.total_cost)" = 108.12 ]
}

@test "a month of a plan without usage is named, and is in no row" {
    usage
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-01 2>/dev/null
    tally report --basis both --period 2026-02 --json | jq -e '.plans == [{plan: "max", month: "2026-02",
        fee: "200.00", currency: "USD", requests: 0, cost: null}] and .rows == []'
}

@test "a plan that would end before it begins is refused" {
    new_ledger
    fails_with 2 tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-05 --until 2026-04
    [[ "$words" == *"until must not be before from"* ]]
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-05 --until 2026-05
}
