#!/usr/bin/env bats
# tally budget: set, list, unset, status, notices. The arithmetic is tests/unit/budget_test.c's.
load common

teardown() { stop_daemons; }

# Costs of now, so that they lie in today's day, week and month.
spend() { # ID AMOUNT [AGENT PROJECT-PATH TAG]
    jq -nc --arg id "$1" --arg cost "$2" --arg agent "${3:-claude-code}" --arg path "${4:-/work/acme}" \
        --arg tag "${5:-}" --arg time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '{costs: [{session: ("s" + $id),
            agent: $agent, model: "m", project_path: $path, total_cost: $cost, time: $time,
            tags: ($tag | if . == "" then [] else [.] end), input_tokens: 1, output_tokens: 1,
            currency: "USD", id: ("0" * 30 + $id)}]}' | tally costs import - >/dev/null
}

# A command in place of notify-send that writes down what it is told, one line a notice.
note_down() {
    TOLD="$BATS_TEST_TMPDIR/told"
    touch "$TOLD"
    printf '#!/bin/sh\nprintf "%%s|" "$@" >>%s\necho >>%s\n' "'$TOLD'" "'$TOLD'" >noter
    chmod +x noter
    tally config set notify.command "$PWD/noter --urgency high" >/dev/null
}

told() { [ "$(wc -l <"$TOLD")" -eq "$1" ]; }

status_of() { tally budget status "$1" --json | jq -c ".budgets[0] | $2"; }

@test "a monthly budget is set, counted, noticed and taken away, as billing.md has it" {
    new_ledger
    tally budget set --period monthly --limit 250 --notify-at 80 --stop-at 100 2>words
    grep -q "^budget monthly set$" words
    spend 01 100.00
    [ "$(status_of monthly '[.limit,.spent,.share_percent,.remaining,.level,.notify_at,.stop_at]')" = \
        '["250.00","100.00","40.00","150.00","fine",80,100]' ]
    spend 02 112.40
    [ "$(status_of monthly '[.spent,.share_percent,.remaining,.level]')" = '["212.40","84.96","37.60","notify"]' ]
    spend 03 37.60
    [ "$(status_of monthly '[.spent,.share_percent,.remaining,.level]')" = '["250.00","100.00","0.00","stop"]' ]
    [ "$(tally report --by client --period this-month --json | jq -r .total.total_cost)" = 250.00 ]
    tally budget unset monthly 2>/dev/null
    [ "$(tally budget status --json)" = '{"budgets":[]}' ]
    tally verify --deep >/dev/null
}

@test "status says all of it on 80 columns, and what it says agrees with the calendar" {
    new_ledger
    tally budget set --period monthly --limit 250 --notify-at 80 --stop-at 100 2>/dev/null
    spend 01 212.40
    tally budget status >shown
    grep -Eq '^monthly +84\.9 % +212\.40 +250\.00 +37\.60 +[0-9.,]+ +[0-9]+ past 80 %$' shown
    [ "$(wc -L <shown)" -le 80 ]
    not grep -q "█" shown
    # Both ends of this month, and the days from today to its last.
    first=$(date -u +%Y-%m-01) next=$(date -u -d "$(date -u +%Y-%m-01) +1 month" +%Y-%m-%d)
    [ "$(status_of monthly '[.from,.to]')" = "[\"${first}T00:00:00.000Z\",\"${next}T00:00:00.000Z\"]" ]
    left=$((($(date -u -d "$next" +%s) - $(date -u -d "$(date -u +%F)" +%s)) / 86400))
    [ "$(status_of monthly .days_left)" -eq "$left" ]
    status_of monthly '(.forecast | tonumber) >= 212.40' | grep -q true
}

@test "on a terminal a bar shows the share" {
    need_terminal
    new_ledger
    tally config set notify.command none >/dev/null
    tally budget set --period monthly --limit 100 2>/dev/null
    spend 01 30
    script -qec "stty cols 80; PAGER=cat '$TALLY' budget status" /dev/null >shown
    grep -q "███░░░░░░░ " shown
    not grep -q "████" shown
}

@test "a name is made of what the budget is of, and setting the same again replaces it" {
    new_ledger
    tally budget set --period monthly --limit 250 2>/dev/null
    tally budget set --period weekly --limit 50 --client acme 2>/dev/null
    tally budget set --period daily --limit 5 --agent claude --tag x 2>/dev/null
    tally budget set --period monthly --limit 9 --project p --name mine 2>/dev/null
    [ "$(tally budget list --json | jq -c '[.budgets[] | [.budget, .period, .limit]]')" = \
        '[["acme-weekly","weekly","50.00"],["mine","monthly","9.00"],["monthly","monthly","250.00"],["x-claude-daily","daily","5.00"]]' ]
    tally budget set --period monthly --limit 300 --stop-at 100 2>/dev/null
    tally budget set --name mine --limit 10 2>/dev/null
    [ "$(tally budget list --json | jq -c '[.budgets[] | select(.budget == "monthly" or .budget == "mine") | [.budget, .limit, .stop_at, .project]]')" = \
        '[["mine","10.00",null,"p"],["monthly","300.00",100,null]]' ]
}

@test "a made name never reaches a budget of something else" {
    new_ledger
    tally budget set --period monthly --limit 250 --client acme 2>/dev/null
    tally log --json >before
    fails_with 2 tally budget set --period monthly --limit 9 --tag acme
    [[ "$words" == *"--name"* ]]
    tally log --json | cmp - before
    tally budget set --period monthly --limit 9 --tag acme --name acme-tag 2>/dev/null
    tally budget set --period monthly --limit 9 --client x --name weekly 2>/dev/null
    fails_with 2 tally budget set --period weekly --limit 9
}

@test "budgets of a client, project, tag and agent count what their reports count" {
    new_ledger
    tally rule set r --path /work/acme --client acme --project shop 2>/dev/null
    spend 01 1.00
    spend 02 20.00 codex-cli /work/acme x
    spend 03 300.00 claude-code /work/fin
    tally split s03 acme=2 fin=1 >/dev/null 2>&1
    for what in "client acme" "client fin" "project shop" "tag x" "agent claude"; do
        # shellcheck disable=SC2086
        tally budget set --period monthly --limit 1000 --name budget --${what/ / } 2>/dev/null
        # shellcheck disable=SC2086
        [ "$(status_of budget .spent)" = "$(tally report --period this-month --${what/ / } --json | jq .total.total_cost)" ]
        tally budget unset budget 2>/dev/null
    done
    tally budget set --period monthly --limit 1000 --client acme 2>/dev/null
    [ "$(status_of acme-monthly .spent)" = '"221.00"' ]
}

@test "what is wrong or doubtful is said, and wrong input writes nothing" {
    new_ledger
    tally log --json >before
    while read -r words; do
        # shellcheck disable=SC2086
        fails_with 2 tally $words
        [[ "$(cat "$BATS_TEST_TMPDIR/words")" == *"see 'tally help"* ]]
    done <<'ROWS'
budget set
budget set --limit 5
budget set --period monthly
budget set --period yearly --limit 5
budget set --period monthly --limit 0
budget set --period monthly --limit -1
budget set --period monthly --limit five
budget set --period monthly --limit 5 --notify-at 0
budget set --period monthly --limit 5 --stop-at 10001
budget set --period monthly --limit 5 --stop-at soon
budget set monthly --period monthly --limit 5
budget set --name n --limit 5
budget set --name n --period monthly
budget unset
budget status a b
ROWS
    fails_with 2 tally budget set --period monthly --limit 5 --client "$(printf '%065d' 0)"
    fails_with 2 tally budget set --period monthly --limit 5 --name ""
    fails_with 1 tally budget unset monthly
    fails_with 1 tally budget status monthly
    tally log --json | cmp - before
    try tally budget set --period monthly --limit 5 --client acme --notify-at 120 --stop-at 100
    [ "$status" -eq 0 ]
    [[ "$words" == *"new client 'acme'"* ]]
    [[ "$words" == *"before it notifies"* ]]
    try tally budget set --period monthly --limit 5
    [ "$status" -eq 0 ]
    [[ "$words" == *"only counts"* ]]
    try tally budget status
    [ "$status" -eq 0 ]
}

@test "requests without a price are named, not counted as nothing" {
    new_ledger
    tally budget set --period monthly --limit 5 2>/dev/null
    jq -nc --arg time "$(date -u +%FT%TZ)" '{costs: [{session: "s", agent: "a", model: "m", project_path: "/w",
        total_cost: null, time: $time, tags: [], input_tokens: 1, output_tokens: 1, currency: "USD",
        id: ("0" * 31 + "1")}]}' | tally costs import - >/dev/null
    [ "$(status_of monthly '[.spent,.unpriced_requests]')" = '["0.00",1]' ]
    try tally budget status
    [[ "$words" == *"1 requests without a price"* ]]
}

@test "status exits 0 when a budget is spent, and 4 with --check" {
    new_ledger
    tally budget set --period monthly --limit 5 --stop-at 100 2>/dev/null
    tally budget set --period daily --limit 50 --stop-at 100 2>/dev/null
    tally budget status --check >/dev/null
    spend 01 5.00
    tally budget status >/dev/null
    fails_with 4 tally budget status --check
    fails_with 4 tally budget status monthly --check --json
    tally budget status daily --check >/dev/null
}

@test "tally status names the budgets that have reached a level, and only those" {
    new_ledger
    tally budget set --period monthly --limit 100 --notify-at 50 --stop-at 90 2>/dev/null
    tally budget set --period daily --limit 1000 --notify-at 50 2>/dev/null
    not grep -q "^budget" <(tally status)
    spend 01 60.00
    [ "$(tally status | grep -c '^budget')" -eq 1 ]
    tally status | grep -q '^budget        monthly: 60.00 of 100.00 USD spent (60.0 %) until [0-9-]*; agents are stopped at 90 %$'
    [ "$(tally status --json | jq -c '[.budgets[] | [.budget, .level]]')" = '[["monthly","notify"]]' ]
}

@test "a capture tells of a level once, also after restarts, and of the next level again" {
    new_ledger
    note_down
    tally budget set --period monthly --limit 100 --notify-at 50 --stop-at 90 2>/dev/null
    spend 01 49.99
    tally capture >/dev/null 2>words
    not grep -q budget words
    spend 02 0.01
    tally capture --dry-run >/dev/null 2>words
    not grep -q budget words
    tally capture >/dev/null 2>words
    grep -q '^budget monthly: 50.00 of 100.00 USD spent' words
    wait_for told 1
    grep -q '^--urgency|high|Budget monthly: notice|monthly: 50.00 of 100.00 USD spent (50.0 %)' "$TOLD"
    spend 03 20.00
    tally capture >/dev/null 2>words
    not grep -q budget words
    spend 04 20.00
    [ "$(tally capture --json | jq -c '[.notices[] | [.budget, .level]]')" = '[["monthly","stop"]]' ]
    [ "$(tally capture --json | jq -c .notices)" = null ]
    wait_for told 2
    # A raised limit makes it another budget: what it reaches then is news.
    tally budget set --period monthly --limit 150 2>/dev/null
    tally budget notify 2>words
    grep -q '^budget monthly: 90.00 of 150.00 USD spent (60.0 %)' words
    wait_for told 3
    sleep 0.2
    told 3
}

@test "of many captures at once one tells" {
    new_ledger
    note_down
    tally budget set --period monthly --limit 10 --notify-at 50 2>/dev/null
    spend 01 9
    for i in 1 2 3 4 5 6; do
        tally budget notify --json >"notices$i" &
    done
    wait
    [ "$(cat notices? | jq -s 'map(.notices | length) | add')" -eq 1 ]
    wait_for told 1
    sleep 0.2
    told 1
}

@test "a budget that was taken away is forgotten, and set again it tells again" {
    new_ledger
    note_down
    tally budget set --period monthly --limit 10 --notify-at 50 2>/dev/null
    spend 01 9
    tally budget notify 2>/dev/null
    tally budget unset monthly 2>/dev/null
    tally budget notify 2>/dev/null
    tally budget set --period monthly --limit 10 --notify-at 50 2>/dev/null
    [ "$(tally budget notify --json | jq '.notices | length')" -eq 1 ]
}

@test "nothing is run where notify.command is none, and what cannot be run is said" {
    not_under_memcheck "vfork is fork, so that posix_spawn does not learn what exec said"
    new_ledger
    mkdir bin
    printf '#!/bin/sh\ntouch %s/ran\n' "$PWD" >bin/notify-send
    chmod +x bin/notify-send
    tally config set notify.command none >/dev/null
    tally budget set --period monthly --limit 10 --notify-at 50 --stop-at 60 2>/dev/null
    spend 01 9
    PATH="$PWD/bin:$PATH" tally budget notify 2>/dev/null
    sleep 0.2
    [ ! -e ran ]
    tally config set notify.command /no/such/program >/dev/null
    tally budget set --period monthly --limit 11 2>/dev/null
    try tally budget notify
    [ "$status" -eq 0 ]
    [[ "$words" == *"notify.command"*"/no/such/program"* ]]
    for bad in "" " x" "x " "x  y" "$(printf 'x\ty')"; do
        fails_with 2 tally config set notify.command "$bad"
    done
}

@test "without a setting notify-send is run, and no shell sees the words" {
    new_ledger
    TOLD="$PWD/told"
    mkdir bin
    printf '#!/bin/sh\nprintf "%%s|" "$@" >>%s\necho >>%s\n' "$TOLD" "$TOLD" >bin/notify-send
    chmod +x bin/notify-send
    tally budget set --period monthly --limit 10 --notify-at 50 --name '$(touch pwned) `x`' 2>/dev/null
    spend 01 9
    PATH="$PWD/bin:$PATH" tally capture >/dev/null 2>&1
    wait_for test -s "$TOLD"
    grep -qF 'Budget $(touch pwned) `x`: notice|' "$TOLD"
    [ ! -e pwned ]
}

@test "a daemon logs what a capture has noticed" {
    new_ledger
    note_down
    tally budget set --period monthly --limit 10 --notify-at 50 2>/dev/null
    spend 01 9
    "$TALLYD" --listen none --no-beacon --log json 2>>daemon.log >/dev/null 3>&- &
    DAEMONS=$!
    wait_for grep -q 'monthly: 9.00 of 10.00 USD spent' daemon.log || { cat daemon.log; stop_daemons; false; }
    stop_daemons
    wait_for told 1
}
