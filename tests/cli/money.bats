#!/usr/bin/env bats
# Currencies of large figures and of no or three decimals, typed as a user would; every figure is worked
# out by hand.
load common

seller() { # CURRENCY
    new_ledger --currency "$1"
    tally issuer set Ada --name "Ada Kline" --prefix AK --street "Main St 1" --city Tokyo --postcode 100-0001 \
        --country JP --tax-id T1234567890123 --contact "Ada Kline" --email ada@example.com
    tally client set kaisha --title "Kaisha KK" --city Osaka --street "Umeda 1" --postcode 530-0001 --country JP
} >/dev/null 2>&1

spend() { # AMOUNT CURRENCY [PROVIDER]
    tally expense add --category gpu --provider "${3:-Sakura}" --amount "$1" --currency "$2" --date 2026-03-12 \
        --client kaisha >/dev/null 2>&1
}

issue() { tally invoice issue "$@" --period 2026-03 --issue-date 2026-03-31 --yes --json 2>/dev/null; }

# Both implementations recompute every figure of the invoice's pack, and the invoice derives anew.
holds() { # NUMBER
    tally invoice verify "$1"
    tally audit pack --invoice "$1" -o "$1.html" 2>/dev/null
    tally audit verify --json "$1.html" | jq -cS . >ours
    jq -e .ok ours
    command -v node >/dev/null || return 0
    node "$TALLY_TEST_DATA/pack/verify.js" "$1.html" | jq -cS . | diff ours -
}

@test "ten million yen in three milestones, with compute of two currencies, tax and a deposit" {
    seller JPY
    tally contract set big --client kaisha --title "Search" --fee 10000000 --tax-category S --tax-rate 10 2>/dev/null
    for n in 1 2 3; do tally milestone set big $n --title "Part $n" 2>/dev/null; done
    # 33, 33 and 34 percent; a quarter is asked for, and half of that credited on part 1.
    tally contract show big --json | jq -e '[.milestones[].fee] == ["3300000","3300000","3400000"] and
        .project_value == "10000000" and .deposit_to_ask == "2500000"'
    tally deposit receive big 2500000 --date 2026-01-05 2>/dev/null
    tally milestone accept big 1 --date 2026-03-10 2>/dev/null
    spend 1234567 JPY
    spend 100.55 USD Modal
    tally fx set USD JPY --date 2026-03-01 --rate 155.25 2>/dev/null
    issue big --milestone 1 >issued.json
    # 100.55 x 155.25 = 15,610.3875; 3,300,000 + 15,610 + 1,234,567 - 1,250,000 = 3,300,177; a tenth is 330,017.7
    jq -e '[.lines[].amount] == ["3300000","15610","1234567","-1250000"] and .net == "3300177" and
        .tax == "330018" and .total == "3630195"' issued.json
    holds AK-2026-0001
}

@test "123,456,789 yen: every paper says the same figures without decimals, paid in part, late, ended" {
    seller JPY
    tally contract set huge --client kaisha --title "Warehouse" --fee 123456789 --tax-category S --tax-rate 10 \
        --ai-cost none 2>/dev/null
    # A tenth is 12,345,678.9.
    issue huge | jq -e '.net == "123456789" and .tax == "12345679" and .total == "135802468"'
    tally invoice show AK-2026-0001 | grep -q 'JPY 135,802,468$'
    tally invoice show AK-2026-0001 --format html | grep -q '135,802,468<'
    tally invoice show AK-2026-0001 --format csv | grep -q ',123456789,'
    tally invoice show AK-2026-0001 --format ubl >paper.xml
    grep -q '<cbc:PayableAmount currencyID="JPY">135802468</cbc:PayableAmount>' paper.xml
    holds AK-2026-0001
    tally invoice aging --date 2026-04-15 --json | jq -e '.invoices[0].late_fee == "0"'
    # 1.5 %: 2,037,037.02; of 100,000,000 that are open a month later, and that fee, 1,530,555.555
    tally invoice aging --date 2026-04-16 --json | jq -e '.invoices[0].late_fee == "2037037"'
    tally invoice pay AK-2026-0001 35802468 --date 2026-04-20 2>/dev/null
    tally invoice aging --date 2026-05-16 --json | jq -e '.invoices[0] | .late_fee == "3567593" and
        .open == "100000000" and .status == "partly paid"'
    # What came, 35,802,468, is the project's; a quarter of the other 87,654,321 is 21,913,580.25.
    tally contract show huge --date 2026-05-16 --json | jq -e '.kill_fee_remaining == "87654321" and .kill_fee == "21913580"'
    fails_with 2 tally invoice pay AK-2026-0001 0.5
}

@test "an amount beyond 9,223,372.03 is one record's two numbers, which others can read" {
    seller JPY
    spend 9223372.036854775807 JPY
    spend 98765432.1 JPY Modal
    tally log --json | jq -c 'select(.kind == "expense").body.amount' >forms
    # jq reads numbers as doubles, which 2^63 - 1 is not: it is looked for in the text.
    [ "$(sed -n 2p forms)" = '[98765432,100000000000]' ]
    tally log --json | grep -q '"amount":9223372036854775807,'
    tally expense list --period 2026-03 --json | jq -e '[.entries[].amount] | sort == ["9223372.036854775807","98765432.1"]'
    tally contract set c --client kaisha --fee 5 2>/dev/null
    issue c | jq -e '[.lines[].amount] == ["5","98765432","9223372"]'
    holds AK-2026-0001
    tally rebuild 2>/dev/null
    tally invoice verify AK-2026-0001
    tally verify --deep 2>/dev/null
}

@test "won, dinars and rupiah are rounded and printed to their own decimals" {
    seller KRW
    tally contract set won --client kaisha --rate 99999.5 2>/dev/null
    tally time add --client kaisha --date 2026-03-06 --duration 1h30m "Search index" 2>/dev/null
    # The price is 100,000 an hour, as printed.
    issue won | jq -e '.lines[0].unit_price == "100000" and .total == "150000"'
    tally contract set dinar --client kaisha --currency KWD --fee 1.234 --tax-category S --tax-rate 5 2>/dev/null
    # 5 % of 1.234 is 0.0617
    issue dinar | jq -e '.lines[0].amount == "1.234" and .tax == "0.062" and .total == "1.296"'
    tally invoice show AK-2026-0002 | grep -q 'KWD 1.296$'
    tally contract show dinar | grep -q 'fee  *1\.234$'
    tally contract set rupiah --client kaisha --currency IDR --fee 2500000000 --tax-category S --tax-rate 11 2>/dev/null
    spend 15500000000.75 IDR
    issue rupiah | jq -e '[.lines[].amount] == ["2500000000.00","15500000000.75"] and .net == "18000000000.75" and
        .tax == "1980000000.08" and .total == "19980000000.83"'
    tally invoice show AK-2026-0003 | grep -q 'IDR 19,980,000,000.83$'
    for n in 1 2 3; do holds AK-2026-000$n; done
}

@test "rates of exchange hold either way round, at sixteen thousand to one and its inverse" {
    seller IDR
    tally contract set c --client kaisha --ai-cost markup --markup-percent 15 2>/dev/null
    spend 1000000.01 USD
    tally fx set USD IDR --date 2026-03-01 --rate 16237.5 2>/dev/null
    draft() { tally invoice draft c --period 2026-03 --json 2>/dev/null | jq -r .total; }
    # 1,000,000.01 x 16,237.5 x 1.15 = 18,673,125,186.73125
    [ "$(draft)" = 18673125186.73 ]
    # 1 IDR = 0.0000625 USD is 16,000 to one: 18,400,000,184.00
    tally fx unset USD IDR --date 2026-03-01 2>/dev/null
    tally fx set IDR USD --date 2026-03-02 --rate 0.0000625 2>/dev/null
    [ "$(draft)" = 18400000184.00 ]
    issue c >/dev/null
    holds AK-2026-0001
}

@test "plans and bills in yen are shared out in dollars to the last unit" {
    seller JPY
    jq -n '{costs: [{session: "a", agent: "claude-code", model: "claude-opus-4-8", project_path: "/a", total_cost: "1.00",
        time: "2026-03-02T12:00:00Z", tags: [], input_tokens: 1, output_tokens: 1, currency: "USD",
        id: "00000000000000000000000000000001"},
        {session: "b", agent: "claude-code", model: "claude-opus-4-8", project_path: "/b", total_cost: "2.00",
        time: "2026-03-03T12:00:00Z", tags: [], input_tokens: 1, output_tokens: 1, currency: "USD",
        id: "00000000000000000000000000000002"}]}' | tally costs import - >/dev/null
    tally fx set JPY USD --date 2026-03-01 --rate 0.0064 2>/dev/null
    tally plan set seats --provider anthropic --fee 15000000 --currency JPY --from 2026-03 2>/dev/null
    # 15,000,000 x 0.0064 = 96,000: 32,000 and 64,000
    tally report --basis paid --by session --period 2026-03 --json | jq -e '.total.total_cost == "96000.00" and
        ([.rows[].total_cost] | sort == ["32000.00","64000.00"]) and .plans[0].fee == "15000000"'
    tally bill set anthropic 2026-03 --amount 30000000 --currency JPY 2>/dev/null
    tally report --basis paid --period 2026-03 --json | jq -e '.total.total_cost == "192000.00" and .bills[0].amount == "30000000"'
}

@test "a figure that is too large to be exact is refused, and damages nothing" {
    seller USD
    tally contract set c --client kaisha --rate 100 2>/dev/null
    # 10^14 - 1 euros at 99,999 dollars each: 10^19 dollars are 10^21 cents, more than 64 bits hold.
    tally fx set EUR USD --rate 99999 --date 2026-01-01 2>/dev/null
    tally expense add --category gpu --provider Modal --amount 99999999999999 --currency EUR \
        --client kaisha --date 2026-03-02 >/dev/null 2>&1
    fails_with 4 tally invoice draft c --period 2026-03
    [[ "$words" == *"too large to be exact; ask for a shorter period"* ]]
    tally verify >/dev/null 2>&1
}

@test "what is too large is refused where it is typed, with the limit" {
    seller JPY
    fails_with 2 tally contract set c --client kaisha --fee 100000000000000
    [[ "$words" == *"below 100,000,000,000,000"* ]]
    fails_with 2 tally expense add --category gpu --provider x --amount -100000000000000 --currency JPY
    fails_with 2 tally fx set USD JPY --date 2026-03-01 --rate 10000000
    [[ "$words" == *"at most 9,223,372.03"* ]]
    # 99,999,999,999,999 yen pass; in cents they would be above 2^53.
    tally contract set c --client kaisha --fee 99999999999999 2>/dev/null
    issue c | jq -e '.total == "99999999999999"'
    tally contract set d --client kaisha --fee 99999999999999 --currency USD 2>/dev/null
    fails_with 4 tally invoice issue d --period 2026-03 --yes
    [[ "$words" == *"too large"* ]]
    # Ten milestones of 10^18 minor units each are more than 64 bits hold.
    tally contract set e --client kaisha --fee 99999999999999 --currency CLF 2>/dev/null
    for n in 1 2 3 4 5 6 7 8 9 10; do tally milestone set e $n --fee 99999999999999 2>/dev/null; done
    tally milestone set e 11 2>/dev/null
    tally contract show e --json | jq -e '[.milestones[].fee] | .[0] == "99999999999999.0000" and .[10] == "0.0000"'
}
