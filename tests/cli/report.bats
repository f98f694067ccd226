#!/usr/bin/env bats
# tally report: any keys in any order, totals, unattributed and unpriced shown.
load common

costs() { # JSON array of cost rows, from short ones: session model output cost tag day
    jq -nR '{costs: [inputs | split(" ") | {session: .[0], agent: "codex", model: .[1],
        output_tokens: (.[2] | tonumber), input_tokens: 0, total_cost: (if .[3] == "-" then null else .[3] end),
        tags: (if .[4] == "-" then [] else (.[4] | split("+")) end), project_path: ("/p/" + .[0]),
        time: (.[5] + "T12:00:00Z"), currency: "USD", id: .[6]}]}'
}

three_costs() {
    new_ledger
    costs <<'ROWS' | tally costs import - >/dev/null
a gpt-5 10 1.10 x+y 2026-01-31 00000000000000000000000000000001
a gpt-5 20 2.20 x+y 2026-02-01 00000000000000000000000000000002
b o9 40 - - 2026-02-02 00000000000000000000000000000003
ROWS
}

@test "the default is by project, with a total line and the basis" {
    three_costs
    tally report >text
    grep -q "^/p/a " text
    grep -q "^total .*3.3000" text
    grep -q "Basis: list prices, USD" text
    grep -q "^/p/b .*unpriced" text
}

@test "rows add up under several keys in any order" {
    three_costs
    tally report --by model,month --json >r
    [ "$(jq -c .by r)" = '["model","month"]' ]
    jq -c '.rows[] | [.key.model, .key.month, .sessions, .requests, .output_tokens, .total_cost,
        .unpriced_requests]' r >rows
    diff rows - <<'ROWS'
["gpt-5","2026-01",1,1,10,"1.10",0]
["gpt-5","2026-02",1,1,20,"2.20",0]
["o9","2026-02",1,1,40,null,1]
ROWS
    [ "$(jq -c '.total | [.sessions, .requests, .output_tokens, .total_cost, .unpriced_requests]' r)" = \
        '[2,3,70,"3.30",1]' ]
    [ "$(tally report --by month,model --json | jq -c '[.rows[].key | keys_unsorted] | unique')" = \
        '[["month","model"]]' ]
}

@test "a cost with two tags counts under each and once in the total; untagged is null" {
    three_costs
    tally report --by tag --json >r
    [ "$(jq -c '[.rows[] | [.key.tag, .requests]]' r)" = '[["x",2],["y",2],[null,1]]' ]
    [ "$(jq -c .total.total_cost r)" = '"3.30"' ]
    tally report --by tag | grep -q "(untagged)"
}

@test "what has no client is null in JSON and (unattributed) in the table" {
    three_costs
    [ "$(tally report --by client --json | jq -c '[.rows[].key.client]')" = "[null]" ]
    tally report --by client | grep -q "(unattributed)"
}

@test "days and weeks are cut as the calendar has them" {
    three_costs
    [ "$(tally report --by day --json | jq -c '[.rows[].key.day]')" = \
        '["2026-01-31","2026-02-01","2026-02-02"]' ]
    # 2026-02-01 is a Sunday: week 5 ends with it, 2026-02-02 begins week 6.
    [ "$(tally report --by week --json | jq -c '[.rows[] | [.key.week, .requests]]')" = \
        '[["2026-W05",2],["2026-W06",1]]' ]
}

@test "a period restricts the report and is stated" {
    three_costs
    tally report --period 2026-02 --json >r
    jq -e '.period == {label: "2026-02", from: "2026-02-01T00:00:00.000Z", to: "2026-03-01T00:00:00.000Z"}' r
    [ "$(jq .total.requests r)" -eq 2 ]
    [ "$(tally report --json | jq -c .period)" = '{"label":"all","from":null,"to":null}' ]
}

@test "every key is accepted" {
    three_costs
    for key in client project branch tag agent model member device day week month session; do
        [ "$(tally report --by $key --json | jq .total.requests)" -eq 3 ]
        tally report --by $key >/dev/null
    done
    fails_with 2 tally report --by client,project,branch,tag,agent,model,member
}

# Keys that one cost has once each: their rows must add up to the whole.
@test "every pair of keys in either order adds up to the same total" {
    three_costs
    keys="client project branch agent model member device day week month session"
    for first in $keys tag; do
        for second in $keys; do
            [ "$first" != "$second" ] || continue
            tally report --by "$first,$second" --json >r
            jq -e --arg a "$first" --arg b "$second" '.by == [$a, $b] and .total.total_cost == "3.30" and
                all(.rows[]; .key | keys_unsorted == [$a, $b])' r >/dev/null
            [ "$first" = tag ] || jq -e '([.rows[].requests] | add) == 3 and
                ([.rows[].total_cost // "0.00" | gsub("[.]"; "") | tonumber] | add) == 330' r >/dev/null
            # Two tags on each of the two priced costs: each counts under both.
            [ "$first" != tag ] || jq -e '([.rows[].requests] | add) == 5' r >/dev/null
        done
    done
}

@test "a key that is not known, given twice or empty is a mistake" {
    new_ledger
    for keys in client,client day,model,day customer '' 'client,' ,client 'client model'; do
        fails_with 2 tally report --by "$keys"
    done
    fails_with 2 tally report --by model,model
    [[ "$words" == *"--by has model twice"* ]]
}

# The report as a terminal of so many columns shows it.
on_terminal() { # COLUMNS OPTIONS...
    local columns=$1
    shift
    script -qec "stty cols $columns rows 50; PAGER=cat NO_COLOR=1 TERM=xterm '$TALLY' report $*" /dev/null |
        tr -d '\r'
}

need_terminal() { script -qec true /dev/null >/dev/null 2>&1 || skip "no terminals here"; }

@test "on a terminal each row has a bar in proportion to its cost, and a pipe has none" {
    three_costs
    need_terminal
    # 24 columns for the longest, 2.20; 1.10 is half of it.
    on_terminal 160 --by month,model >text
    grep -qE "^2026-02 gpt-5 .* 2\.2000 +█{24}$" text
    grep -qE "^2026-01 gpt-5 .* 1\.1000 +█{12}$" text
    grep -qE "^2026-02 o9 .*unpriced +1 *$" text
    [ "$(tally report --by month,model | grep -c █)" -eq 0 ]
    # The columns of numbers make room first, then the bars become shorter; they never wrap.
    on_terminal 80 --by month,model >text
    grep -qE "^2026-01 gpt-5 .*█+$" text
    on_terminal 60 --by month,model >text
    [ "$(grep -v "^too narrow for" text | wc -L)" -le 60 ]
}

@test "a terminal that is not set up for UTF-8 gets no bars" {
    three_costs
    need_terminal
    LC_ALL=C on_terminal 160 >text
    grep -q "^total " text
    [ "$(grep -c █ text)" -eq 0 ]
}

@test "bars show hours where nothing has a cost" {
    new_ledger
    need_terminal
    tally capture --root "$TALLY_TEST_DATA/samples/home" >/dev/null
    # The session on a model behind a gateway that has no price.
    on_terminal 160 --by agent --session ee4ecb0c-0b90-45e9-a3d7-2a86b20b8620 >text
    grep -qE "^claude-code .*unpriced +2 █{24}$" text
}

@test "an empty report is no error" {
    new_ledger
    try tally report --json
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.rows, .total.total_cost]' <<<"$output")" = '[[],"0.00"]' ]
    try tally report
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$words" = "no costs match" ]
    # A client that nobody has set may be a slip of the hand.
    tally client set acme 2>/dev/null
    try tally report --client acme
    [ "$words" = "no costs match" ]
    for command in report "costs list" sessions; do
        try tally $command --client acne
        [ "$status" -eq 0 ]
        [[ "$words" == *"match; 'tally client list' has no 'acne'" ]]
    done
}
