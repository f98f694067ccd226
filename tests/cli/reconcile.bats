#!/usr/bin/env bats
# tally reconcile: recorded costs against the provider's own bill, and the bill as what was paid.
load common

# One provider's usage of 340.00 at list price: 180, 120 and 40 by directory and tag.
usage() {
    new_ledger "$@"
    jq -nR '{costs: [inputs | split(" ") | {session: .[0], agent: .[5], model: .[6],
        project_path: .[1], total_cost: .[2], time: (.[3] + "T12:00:00Z"),
        tags: (if .[4] == "-" then [] else [.[4]] end), input_tokens: 7, output_tokens: 3,
        currency: "USD", id: ((input_line_number | tostring) as $n | ("0" * (32 - ($n | length))) + $n)}]}' <<'ROWS' |
shop-1 /work/shop/web 81.25 2026-03-02 - claude-code claude-opus-4-8
shop-2 /work/shop/api 60.50 2026-03-09 - claude-code claude-opus-4-8
shop-3 /work/shop 38.25 2026-03-30 - opencode claude-haiku-4-5-20251001
mixed-1 /work/mixed 99.99 2026-03-04 fintech claude-code claude-opus-4-8
mixed-2 /work/mixed/sub 20.01 2026-03-04 fintech claude-code claude-opus-4-8
tool-1 /work/tools 40.00 2026-03-06 - claude-code claude-opus-4-8
other-1 /work/shop 5.00 2026-03-06 - codex gpt-5
ROWS
        tally costs import - >/dev/null
    tally rule set shop --path /work/shop --client e-commerce 2>/dev/null
    tally rule set fin --tag fintech --client fintech 2>/dev/null
    tally rule set tools --path tools --client internal 2>/dev/null
}

reconcile() { tally reconcile --provider anthropic --period 2026-03 "$@"; }
paid() { tally report --basis paid --period 2026-03 --json "$@"; }

@test "a bill of 351.17 falls on three clients in cents that add up to it" {
    usage
    # 351.17 / 340 times 180, 120 and 40 is 185.9135.., 123.9423.. and 41.3141..: the cent that
    # rounding down leaves goes to the largest remainder, the last.
    reconcile --bill-total 351.17 --json >r
    jq -e '[.shares[] | [.client, .list_cost, .share]] == [["e-commerce","180.00","185.91"],
        ["fintech","120.00","123.94"],["internal","40.00","41.32"]] and .shares_total == "351.17" and
        .total.recorded == "340.00" and .total.billed == "351.17" and .total.variance == "11.17" and
        .total.requests == 6 and .apply == false' r
    # To the pico-unit, by largest remainder: 185.9135294117647.., 123.9423529411764.., 41.3141176470588..
    jq -e '[.shares[].paid_cost] == ["185.913529411765","123.942352941176","41.314117647059"]' r
    reconcile --bill-total 351.17 >text
    grep -q "^total *6 *340.0000 *351.1700 *11.1700" text
    grep -q "^internal *40.0000 *41.32$" text
    grep -q "^total *340.0000 *351.17$" text
    # Nothing was recorded by looking.
    [ "$(tally bill list --json | jq '.bills | length')" -eq 0 ]
}

@test "an applied bill is what was paid, exactly, in every grouping, until it is unset" {
    usage
    reconcile --bill-total 351.17 --apply >/dev/null 2>&1
    [ "$(paid --by client --agent claude | jq -r .total.total_cost)" != null ]
    for by in client project day model agent week,client member,month session tag branch,device; do
        paid --by $by >r
        [ "$(jq -r .total.total_cost r)" = 351.17 ]
        # In pico-units: below 2^53, so that jq adds them exactly.
        [ "$(jq "$JQ_LIB [.rows[].total_cost // \"0\" | pico] | add" r)" -eq 351170000000000 ]
    done
    paid | jq -e '.bills == [{provider: "anthropic", month: "2026-03", amount: "351.17", currency: "USD",
        covers: "all", requests: 6, cost: "351.17"}] and .plans == [] and .total.unpriced_requests == 1'
    tally report --basis paid --period 2026-03 >text
    grep -q "^Basis: what was paid under plans and bills, USD$" text
    grep -q "^Bill of anthropic: 351.17 USD for 2026-03, shared over 6 requests$" text
    # Again, with another figure: the last word holds.
    reconcile --bill-total 340 --apply >/dev/null 2>&1
    [ "$(paid | jq -r .total.total_cost)" = 340.00 ]
    tally bill unset anthropic 2026-03 2>/dev/null
    fails_with 1 tally report --basis paid --period 2026-03
    [[ "$words" == *"no plan covers any of these 7 requests, and no bill does"* ]]
}

@test "a bill takes the place of a plan's fee for what it covers, or comes on top where it says so" {
    usage
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-01 2>/dev/null
    [ "$(paid | jq -r .total.total_cost)" = 200.00 ]
    reconcile --bill-total 351.17 --apply >/dev/null 2>&1
    paid | jq -e '.total.total_cost == "351.17" and .plans[0].requests == 0 and .plans[0].cost == null'
    reconcile --bill-total 51.17 --apply --beyond-plan >/dev/null 2>&1
    paid | jq -e '.total.total_cost == "251.17" and .plans[0].requests == 6 and .bills[0].covers == "beyond-plan"'
    # Other months have the fee as before.
    [ "$(tally bill list --json | jq -c '[.bills[] | [.provider, .month, .amount, .covers]]')" = \
        '[["anthropic","2026-03","51.17","beyond-plan"]]' ]
}

@test "variance stands by model and day, and what is on one side only is shown" {
    usage
    cat >bill.csv <<'CSV'
workspace,amount,date,model
a,81.00,2026-03-02,claude-opus-4-8
a,60.50,2026-03-09,claude-opus-4.8
b,100.00,2026-03-04,claude-opus-4-8
b,22.50,2026-03-04,claude-opus-4-8
a,38.25,2026-03-30,Claude Haiku 4.5
a,7.77,2026-03-31,claude-sonnet-5
a,1.00,2026-04-01,claude-sonnet-5
CSV
    reconcile --bill bill.csv --json >r
    jq -e '[.rows[] | [.date, .model, .recorded, .billed, .variance, .only]] == [
        ["2026-03-02","claude-opus-4-8","81.25","81.00","-0.25",null],
        ["2026-03-04","claude-opus-4-8","120.00","122.50","2.50",null],
        ["2026-03-06","claude-opus-4-8","40.00","0.00","-40.00","recorded"],
        ["2026-03-09","claude-opus-4-8","60.50","60.50","0.00",null],
        ["2026-03-30","claude-haiku-4-5-20251001","38.25","38.25","0.00",null],
        ["2026-03-31","claude-sonnet-5","0.00","7.77","7.77","billed"]]' r
    jq -e '.total.recorded == "340.00" and .total.billed == "310.02" and .total.variance == "-29.98" and
        .outside == {lines: 1, amount: "1.00"} and .shares_total == "310.02"' r
    reconcile --bill bill.csv >text
    grep -q "^2026-03-06 claude-opus-4-8 .*40.0000 *0.0000 *-40.0000 recorded$" text
    grep -q "^2026-03-31 claude-sonnet-5 .*billed$" text
    grep -q "^Left out: 1 lines of the bill, 1.00 USD, on other days.$" text
    reconcile --bill bill.csv --apply >/dev/null 2>&1
    [ "$(paid | jq -r .total.total_cost)" = 310.02 ]
    [ "$(tally bill list --json | jq -r '.bills[0].source')" = bill.csv ]
}

@test "the cost exports of Anthropic and of OpenAI are read as they come" {
    usage
    # Columns as these consoles export them; the figures are made up.
    cat >anthropic.csv <<'CSV'
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed,api_key_id,api_key_status
2026-03-02,Claude Opus 4.8,Default,k,message,≤ 200k,input_no_cache,80.25,80.25,token,not_available,standard,x,active
2026-03-02,Claude Opus 4.8,Default,k,message,≤ 200k,output,1.00,1.00,token,not_available,standard,x,active
CSV
    reconcile --bill anthropic.csv --json | jq -e '.rows[0] | [.date, .model, .recorded, .billed, .variance] ==
        ["2026-03-02","claude-opus-4-8","81.25","81.25","0.00"]'
    cat >openai.csv <<'CSV'
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,project_id
1772668800,1772755200,2026-03-05T00:00:00+00:00,2026-03-06T00:00:00+00:00,,,,,,
1772755200,1772841600,2026-03-06T00:00:00+00:00,2026-03-07T00:00:00+00:00,4.100000000000000000000000000000,usd,,,"gpt-5, input",p
1772755200,1772841600,2026-03-06T00:00:00+00:00,2026-03-07T00:00:00+00:00,0.503835980000000000000000000000,usd,,,"gpt-5, output",p
CSV
    tally reconcile --provider openai --period 2026-03 --bill openai.csv --json |
        jq -e '[.rows[] | [.date, .model, .recorded, .billed, .only]] ==
            [["2026-03-06","gpt-5","5.00","4.60383598",null]]'
    # Where no line says of which model, days alone are compared.
    sed 's/"gpt-5, [a-z]*"//' openai.csv >days.csv
    tally reconcile --provider openai --period 2026-03 --bill days.csv --json |
        jq -e '[.rows[] | [.date, .model, .recorded, .billed]] == [["2026-03-06",null,"5.00","4.60383598"]]'
}

@test "a bill that cannot be read, or shared, is refused and changes nothing" {
    usage
    printf 'date,model,amount\n2026-03-02,m,1.00\n2026-03-03,m,1.2.3\n' >bad.csv
    fails_with 3 reconcile --bill bad.csv
    [[ "$words" == *"line 3: its amount is none"* ]]
    printf 'date,model,amount,currency\n2026-03-02,m,1.00,EUR\n' >eur.csv
    fails_with 3 reconcile --bill eur.csv
    [[ "$words" == *"line 2: its currency is not USD"* ]]
    printf 'day,model,amount\n' >nodate.csv
    fails_with 3 reconcile --bill nodate.csv
    [[ "$words" == *"no column 'date'"* ]]
    printf 'date,amount,amount\n' >twice.csv
    fails_with 3 reconcile --bill twice.csv
    fails_with 2 reconcile
    fails_with 2 reconcile --bill-total 1 --bill bad.csv
    fails_with 2 reconcile --bill-total 1,5
    fails_with 2 tally reconcile --provider anthropic --bill-total 1
    try tally reconcile --provider anthropic --period 2026-03-01..2026-03-15 --bill-total 5 --apply
    [ "$status" -ne 0 ]
    [[ "$words" == *"--apply takes one whole month"* ]]
    fails_with 1 tally reconcile --provider mistral --period 2026-03 --bill-total 5 --apply
    [[ "$words" == *"nobody to share the bill with"* ]]
    [ "$(tally bill list --json | jq '.bills | length')" -eq 0 ]
}

@test "a bill in another currency is shared at that month's rate" {
    usage
    tally bill set anthropic 2026-03 --amount 100 --currency EUR 2>/dev/null
    fails_with 1 tally report --basis paid --period 2026-03
    [[ "$words" == *"the bill of anthropic"*"EUR->USD on 2026-03-31"* ]]
    tally fx set EUR USD --date 2026-03-31 --rate 1.0812 2>/dev/null
    [ "$(paid | jq -r .total.total_cost)" = 108.12 ]
}

@test "a bill too large to be recorded is said to be that, and a provider is asked for" {
    new_ledger
    printf 'date,model,amount\n2026-03-01,m,9223372\n2026-03-02,m,9223372\n' >large.csv
    fails_with 2 tally reconcile --provider anthropic --period 2026-03 --bill large.csv --apply
    [[ "$words" == *"too large"* ]]
    fails_with 2 tally reconcile --period 2026-03 --bill large.csv
    [[ "$words" == *"--provider is needed"* ]]
}
