#!/usr/bin/env bats
# Whose cost, whose minute: rules, assign, split, void, and what shows that nothing decided.
load common

# Costs to import, from short rows: session directory cost day tag(s).
costs() {
    jq -nR '{costs: [inputs | split(" ") | {session: .[0], agent: "codex", model: "gpt-5",
        project_path: .[1], total_cost: .[2], time: (.[3] + "T12:00:00Z"),
        tags: (if .[4] == "-" then [] else [.[4]] end), input_tokens: 7, output_tokens: 3,
        currency: "USD", id: ((input_line_number | tostring) as $n | ("0" * (32 - ($n | length))) + $n)}]}'
}

# One provider's bill of 340.00: three directories of a shop, one that two clients share by tag,
# and tooling of one's own.
one_bill() {
    new_ledger
    costs <<'ROWS' | tally costs import - >/dev/null
shop-1 /work/shop/web 81.25 2026-03-02 -
shop-2 /work/shop/api 60.50 2026-03-09 -
shop-3 /work/shop 38.25 2026-03-30 -
mixed-1 /work/mixed 99.99 2026-03-04 fintech
mixed-2 /work/mixed/sub 20.01 2026-03-05 fintech
tool-1 /work/tools 40.00 2026-03-06 -
ROWS
}

bill_rules() {
    tally rule set shop --path /work/shop --client e-commerce 2>/dev/null
    tally rule set fin --tag fintech --client fintech --project api 2>/dev/null
    tally rule set tools --path tools --client internal 2>/dev/null
}

by_client() { tally report --by client --json "$@" | jq -c '[.rows[] | [.key.client, .total_cost]]'; }

@test "one bill of 340 dollars is 180, 120 and 40, from directories and tags" {
    one_bill
    bill_rules
    [ "$(by_client)" = '[["e-commerce","180.00"],["fintech","120.00"],["internal","40.00"]]' ]
    [ "$(tally report --by client --json | jq -r .total.total_cost)" = 340.00 ]
    tally report --by client >text
    grep -q "^e-commerce .*180.0000" text
    tally report --by client,project | grep -q "^fintech *api .*120.0000"
    grep -q "^total .*340.0000" text
}

@test "a rule added later attributes history at once, and an unset one no more" {
    one_bill
    [ "$(by_client)" = '[[null,"340.00"]]' ]
    tally report --by client | grep -q "(unattributed)"
    tally rule set shop --path /work/shop --client e-commerce 2>/dev/null
    [ "$(by_client)" = '[["e-commerce","180.00"],[null,"160.00"]]' ]
    [ "$(tally costs list --unattributed --json | jq -c '[.costs[].total_cost]')" = '["99.99","20.01","40.00"]' ]
    [ "$(tally sessions --unattributed --json | jq '.sessions | length')" -eq 3 ]
    tally rule unset shop 2>/dev/null
    [ "$(by_client)" = '[[null,"340.00"]]' ]
}

@test "an assign wins over rules, and taking it back restores the rule's answer" {
    one_bill
    bill_rules
    tally assign shop-1 --client internal --project site 2>/dev/null
    [ "$(by_client)" = '[["e-commerce","98.75"],["fintech","120.00"],["internal","121.25"]]' ]
    tally sessions show shop-1 >text
    grep -q "^client *internal$" text
    grep -q "^project *site$" text
    grep -q "^decided *assigned by Ada$" text
    tally sessions show shop-1 --json | jq -e '.client == "internal" and .project == "site" and
        .attribution.by == "assign" and .attribution.member == "Ada" and (.attribution.record | length) == 64'
    tally assign shop-1 --clear 2>/dev/null
    [ "$(by_client)" = '[["e-commerce","180.00"],["fintech","120.00"],["internal","40.00"]]' ]
    tally sessions show shop-1 | grep -q "^decided *rule shop$"
    fails_with 1 tally assign shop-1 --clear
}

@test "one entry can be assigned apart from its session" {
    one_bill
    bill_rules
    id=$(tally costs list --session tool-1 --json | jq -r '.costs[0].id')
    tally assign "$id" --client fintech 2>/dev/null
    [ "$(by_client)" = '[["e-commerce","180.00"],["fintech","160.00"]]' ]
    [ "$(tally costs list --session tool-1 --json | jq -r '.costs[0].attributed_by')" = assign ]
    tally assign "$id" --clear 2>/dev/null
    [ "$(by_client --client internal)" = '[["internal","40.00"]]' ]
}

@test "a split adds up to the last digit, in reports, lists and the session" {
    new_ledger
    costs <<<'s-1 /work/x 100.000000000001 2026-03-02 -' | tally costs import - >/dev/null
    tally split s-1 acme=1 fintech/api=1 internal=1 2>/dev/null
    [ "$(by_client)" = '[["acme","33.333333333334"],["fintech","33.333333333334"],["internal","33.333333333333"]]' ]
    tally report --by client --json | jq -e '.total.total_cost == "100.000000000001" and
        .total.requests == 1 and .total.input_tokens == 7 and ([.rows[].input_tokens] | add) == 7'
    [ "$(tally costs list --json | jq -c '[.costs[] | [.client, .input_tokens, .attributed_by]]')" = \
        '[["acme",3,"split"],["fintech",2,"split"],["internal",2,"split"]]' ]
    tally sessions show s-1 >text
    grep -q "^decided *split 1/1/1 by Ada$" text
    grep -q "^share *fintech, api: 33.3333 USD" text
    tally sessions show s-1 --json | jq -e '.client == null and .attribution.by == "split" and
        [.shares[] | [.client, .total_cost]] == [["acme","33.333333333334"],
            ["fintech","33.333333333334"],["internal","33.333333333333"]]'
    tally split s-1 --clear 2>/dev/null
    [ "$(by_client)" = '[[null,"100.000000000001"]]' ]
}

@test "an export of a split is taken in again as one cost, in both forms and once" {
    new_ledger
    costs <<<'s-1 /work/x 100.000000000001 2026-03-02 -' | tally costs import - >/dev/null
    tally split s-1 acme=2 fintech/api=1 2>/dev/null
    for format in csv json; do
        tally costs export --format $format --output "out.$format"
        new_ledger --ledger "copy-$format"
        [ "$(tally costs import "out.$format" --ledger "copy-$format" --json | jq .added)" -eq 1 ]
        [ "$(tally costs import "out.$format" --ledger "copy-$format" --json | jq .added)" -eq 0 ]
        tally costs list --ledger "copy-$format" --json | jq -e '.total.total_cost == "100.000000000001" and
            (.costs | length) == 1 and .costs[0].input_tokens == 7 and .costs[0].output_tokens == 3'
    done
    # A file that repeats its rows repeats nothing.
    { cat out.csv; tail -n +2 out.csv; } >twice.csv
    new_ledger --ledger copy-twice
    tally costs import twice.csv --ledger copy-twice >/dev/null
    [ "$(tally costs list --ledger copy-twice --json | jq -r .total.total_cost)" = 100.000000000001 ]
}

@test "rules of equal rank that disagree are a conflict, named everywhere until it is settled" {
    one_bill
    bill_rules
    tally rule set rival --path /work/shop --client rival 2>/dev/null
    [ "$(by_client)" = '[["fintech","120.00"],["internal","40.00"],[null,"180.00"]]' ]
    tally report --by client | grep -q "^Conflict: rules rival and shop disagree on 3 sessions"
    tally report --by client --json | jq -e '.conflicts == [{rules: ["rival","shop"], sessions: 3,
        requests: 3, total_cost: "180.00"}]'
    tally status | grep -q "^conflict *rules rival and shop disagree on 3 sessions"
    tally doctor --json | jq -e 'any(.checks[]; .check == "conflicts" and .state == "warning" and
        .message == "rules rival and shop disagree on 3 sessions")'
    tally status --json | jq -e '.conflicts == [{rules: ["rival","shop"], sessions: 3}] and
        .unattributed_sessions == 3'
    tally sessions show shop-1 | grep -q "^decided *conflict between rules rival and shop"
    tally sessions | grep -q "^.*shop-1 .*(conflict)"
    tally rule set shop --priority 1 2>/dev/null
    [ "$(by_client)" = '[["e-commerce","180.00"],["fintech","120.00"],["internal","40.00"]]' ]
    [ "$(tally status --json | jq -c '[.conflicts, .unattributed_sessions]')" = '[[],0]' ]
}

@test "a void takes an entry out of every figure, and its undo brings it back" {
    one_bill
    bill_rules
    id=$(tally costs list --session tool-1 --json | jq -r '.costs[0].id')
    tally void "$id" --reason "a test run" 2>/dev/null
    [ "$(tally report --json | jq -r .total.total_cost)" = 300.00 ]
    fails_with 1 tally void "$id"
    [ "$(tally log --json | jq -rs '.[-1] | [.kind, .body.reason] | join(" ")')" = "void a test run" ]
    tally void "$id" --undo 2>/dev/null
    [ "$(tally report --json | jq -r .total.total_cost)" = 340.00 ]
    fails_with 1 tally void "$id" --undo
    fails_with 1 tally void 00000000000000000000000000000099
    fails_with 2 tally void shop-1
    tally verify --deep >/dev/null
}

@test "rule test says which rule wins, why, and what else matches" {
    new_ledger
    mkdir -p work/acme/shop
    tally rule set home --path ./work --client internal 2>/dev/null
    tally rule set acme --path ./work/acme --client acme --project shop 2>/dev/null
    tally rule test work/acme/shop --json >r
    jq -e --arg path "$PWD/work/acme/shop" '.path == $path and .by == "rule" and .rule == "acme" and
        .client == "acme" and .project == "shop" and .why == "its path is the longest" and
        [.matches[].rule] == ["acme","home"]' r
    (cd work/acme && [ "$(tally rule test --json | jq -r .rule)" = acme ])
    try tally rule test work/acme
    [ "$status" -eq 0 ]
    [[ "$words" == *"rule 'acme' wins: its path is the longest"* ]]
    try tally rule test /elsewhere --json
    [ "$status" -eq 1 ]
    [ "$(jq -c '[.by, .matches]' <<<"$output")" = '["nothing",[]]' ]
    tally rule set red --tag red --client fin 2>/dev/null
    tally rule set main --branch main --client acme 2>/dev/null
    try tally rule test /elsewhere --tag red --branch main
    [ "$status" -eq 1 ]
    [[ "$words" == *"rules 'main' and 'red' conflict"* ]]
}

@test "rule test asks git for remote and branch, whatever a hook's variables say" {
    command -v git >/dev/null || skip "no git"
    new_ledger
    git init -q -b trunk repo
    git -C repo remote add origin https://ada:secret@git.example.com/acme/shop.git
    git init -q -b other elsewhere
    tally rule set shop --remote git@git.example.com:acme/shop --client acme 2>/dev/null
    GIT_DIR="$PWD/elsewhere/.git" tally rule test repo --json >r
    jq -e '.rule == "shop" and .branch == "trunk" and .remote == "https://git.example.com/acme/shop.git"' r
    [ "$(grep -c secret r)" -eq 0 ]
    try tally rule test repo --remote https://git.example.com/other
    [ "$status" -eq 1 ]
}

@test "days and months of a client are those of its time zone" {
    [ -e /usr/share/zoneinfo/Asia/Tokyo ] || skip "no tzdata"
    new_ledger
    jq -n '{costs: [{time: "2026-03-31T16:00:00Z", session: "s", agent: "codex", model: "m",
        project_path: "/w", input_tokens: 1, output_tokens: 1, total_cost: "1.00", currency: "USD",
        id: "00000000000000000000000000000001"}]}' | tally costs import - >/dev/null
    tally client set acme --timezone Asia/Tokyo 2>/dev/null
    tally rule set w --path /w --client acme 2>/dev/null
    # 16:00 UTC is 01:00 of 1 April in Tokyo.
    [ "$(tally report --by day --json | jq -c '[.timezone, .rows[0].key.day]')" = '["UTC","2026-04-01"]' ]
    [ "$(tally report --by day,month --client acme --json | jq -c '[.timezone, .rows[0].key.day, .rows[0].key.month]')" = \
        '["Asia/Tokyo","2026-04-01","2026-04"]' ]
    [ "$(tally report --client acme --period 2026-04 --json | jq .total.requests)" -eq 1 ]
    [ "$(tally report --client acme --period 2026-03 --json | jq .total.requests)" -eq 0 ]
    [ "$(tally costs export --client acme | tail -1 | cut -d, -f1)" = 2026-04-01 ]
}

# A Claude Code log: prompts at these minutes after ten, then one answer.
claude_log() { # ID DIRECTORY ANSWER-MINUTE PROMPT-MINUTE...
    local id=$1 dir=$2 answer=$3 folder="$HOME/.claude/projects/$1"
    shift 3
    mkdir -p "$folder"
    jq -nc --arg id "$id" --arg dir "$dir" --arg answer "$answer" '
        def at: "2026-03-02T10:\(.):00.000Z";
        def line: . + {sessionId: $id, cwd: $dir, gitBranch: "main", version: "2.1.290", isSidechain: false,
            userType: "external", entrypoint: "cli"};
        ($ARGS.positional[] | {type: "user", uuid: "\($id)-\(.)", timestamp: at, promptSource: "typed",
            origin: {kind: "human"}, message: {role: "user", content: "Go on."}} | line),
        ({type: "assistant", uuid: "\($id)-answer", timestamp: ($answer | at), requestId: "req_\($id)",
            message: {id: "msg_\($id)", type: "message", role: "assistant", model: "claude-opus-4-8",
                content: [{type: "text", text: "Done."}], stop_reason: "end_turn",
                usage: {input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 0,
                    cache_creation_input_tokens: 0}}} | line)' --args "$@" >"$folder/$id.jsonl"
}

# Engaged from 10:00 to 10:30 and from 10:10 to 10:40: twenty minutes at the same time, which are
# ten for each. So either session has twenty of its thirty minutes, a third of an hour.
@test "two sessions in parallel for two clients share the minutes, and sessions show says so" {
    new_ledger
    claude_log aaaaaaaa-0000-4000-8000-000000000001 /work/acme 30 00 10 20
    claude_log bbbbbbbb-0000-4000-8000-000000000002 /work/fin 40 10 20 30
    tally capture >/dev/null
    tally rule set acme --path /work/acme --client acme 2>/dev/null
    tally rule set fin --path /work/fin --client fin 2>/dev/null
    tally sessions show aaaaaaaa --json | jq -e '.engaged_hours == "0.333333" and
        .overlap.policy == "split" and .overlap.engaged_hours_unshared == "0.500000" and
        [.overlap.with[] | [.agent, .session[0:8], .client, .hours, .hours_here, .hours_there]] ==
            [["claude-code","bbbbbbbb","fin","0.333333","0.166667","0.166667"]]'
    tally sessions show bbbbbbbb >text
    grep -q "^engaged *0.33 h of 0.50 h: shared" text
    grep -q "^overlap *0.33 h: 0.17 h here, 0.17 h in claude-code aaaaaaaa-.* of acme$" text
    [ "$(tally report --by client --json | jq -c '[.rows[] | [.key.client, .engaged_hours]]')" = \
        '[["acme","0.333333"],["fin","0.333333"]]' ]
    # Half of one session belongs to a third client: its minutes follow.
    tally split aaaaaaaa acme=1 third=1 2>/dev/null
    [ "$(tally report --by client --json | jq -c '[.rows[] | [.key.client, .engaged_hours]]')" = \
        '[["acme","0.166667"],["fin","0.333333"],["third","0.166667"]]' ]
}

@test "a mistake in assign or split is named, and a project alone names its client" {
    one_bill
    for bad in "assign shop-1" "assign shop-1 --clear --client x" "split shop-1" "split shop-1 acme=1" \
        "split shop-1 acme=1 acme=2" "split shop-1 acme=0 b=1" "split shop-1 acme b=1" \
        "split shop-1 =1 b=1" "split shop-1 acme=1.5 b=1" "split shop-1 acme=1000001 b=1" \
        "split shop-1 --clear a=1" "assign shop-1 --project nobody"; do
        # shellcheck disable=SC2086
        fails_with 2 tally $bad
    done
    fails_with 1 tally assign ffff --client x
    try tally assign shop-1 --client newcomer
    [ "$status" -eq 0 ]
    [[ "$words" == *"new client 'newcomer'"* ]]
    tally project set shop --client newcomer 2>/dev/null
    tally assign shop-1 --project shop 2>/dev/null
    [ "$(tally sessions show shop-1 --json | jq -r .client)" = newcomer ]
}
