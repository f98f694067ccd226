#!/usr/bin/env bats
# tally time add, time list: manual time, and that it counts like what was observed.
load common

add() { tally time add --json "$@" 2>/dev/null | jq -r .id; }

@test "an hour and a half is the same however it is written" {
    new_ledger
    for length in 1h30m 1.5h 90m 1:30 5400s; do
        tally time add --client acme --duration $length --date 2026-03-14 --json 'Kick-off call' 2>/dev/null |
            jq -e '.duration_ms == 5400000 and .hours == "1.500000" and .date == "2026-03-14" and .start == null and
                .client == "acme" and .project == null and .member == "Ada" and .device == "laptop" and .tags == [] and
                .description == "Kick-off call" and .description_from == "person" and .description_vague == false'
    done
    tally time list --json --period 2026-03 |
        jq -e '.total == {entries: 5, duration_ms: 27000000, hours: "7.500000"}'
    for length in 90 1h1h 0m 25h 1:60 -1h x ''; do
        fails_with 2 tally time add --client acme --duration "$length" x
    done
    fails_with 2 tally time add --client acme x
    [ "$(tally time list --json | jq .total.entries)" -eq 5 ]
}

@test "a day has 24 hours" {
    new_ledger
    id=$(add --client acme --duration 20h --date 2026-03-14 Migration)
    fails_with 2 tally time add --client beta --duration 4h1m --date 2026-03-14 Migration
    [[ "$words" == *"24 hours"* ]]
    tally time add --client beta --duration 4h --date 2026-03-14 Migration 2>/dev/null
    tally void "$id" 2>/dev/null
    tally time add --client beta --duration 20h --date 2026-03-14 Migration 2>/dev/null
}

@test "a day that is yet to come is spoken of" {
    new_ledger
    try tally time add --client acme --duration 1h --date 2999-03-14 Call
    [ "$status" -eq 0 ]
    [[ "$words" == *"2999-03-14 is yet to come"* ]]
    try tally time add --client acme --duration 1h --date 2026-03-14 Call
    [[ "$words" != *"yet to come"* ]]
}

@test "a start is a time of the team's clock" {
    new_ledger --ledger berlin --timezone Europe/Berlin
    # Clocks went forward from 02:00 to 03:00 on 2026-03-29 and go back on 2026-10-25.
    start() { tally time add --ledger berlin --client acme --duration 1h --json "$@" Call 2>/dev/null | jq -r .start; }
    [ "$(start --date 2026-03-14 --start 09:00)" = 2026-03-14T08:00:00.000Z ]
    [ "$(start --date 2026-03-29 --start 00:30)" = 2026-03-28T23:30:00.000Z ]
    [ "$(start --date 2026-10-25 --start 02:30)" = 2026-10-25T00:30:00.000Z ]
    fails_with 2 tally time add --ledger berlin --client acme --duration 1h --date 2026-03-29 --start 02:30 Call
    for start in 9:00 24:00 09:60 0900 noon 09:00:00 +9:00; do
        fails_with 2 tally time add --ledger berlin --client acme --duration 1h --start $start Call
    done
    for date in 2026-02-30 2026-03 soon; do
        fails_with 2 tally time add --ledger berlin --client acme --duration 1h --date $date Call
    done
    tally time list --ledger berlin | grep -F '2026-03-14 09:00  1.00'
}

@test "it counts in reports by client, project, member, device, day, week, month and tag" {
    new_ledger
    tally project set shop --client acme 2>/dev/null
    id=$(add --project shop --duration 1h --date 2026-03-14 'Cart review')
    add --client beta --duration 30m --date 2026-04-01 'Workshop' >/dev/null
    tally tag add onsite --entry "$id" 2>/dev/null
    rows() { tally report --json "$@" | jq -c '[.rows[] | [(.key | to_entries[].value), .engaged_hours, .time_entries, .sessions]]'; }
    [ "$(rows --by client)" = '[["acme","1.000000",1,0],["beta","0.500000",1,0]]' ]
    [ "$(rows --by project)" = '[["shop","1.000000",1,0],[null,"0.500000",1,0]]' ]
    [ "$(rows --by member,device)" = '[["Ada","laptop","1.500000",2,0]]' ]
    [ "$(rows --by day)" = '[["2026-03-14","1.000000",1,0],["2026-04-01","0.500000",1,0]]' ]
    [ "$(rows --by week)" = '[["2026-W11","1.000000",1,0],["2026-W14","0.500000",1,0]]' ]
    [ "$(rows --by month --period 2026-03)" = '[["2026-03","1.000000",1,0]]' ]
    [ "$(rows --by tag)" = '[["onsite","1.000000",1,0],[null,"0.500000",1,0]]' ]
    [ "$(rows --by agent)" = '[[null,"1.500000",2,0]]' ]
    [ "$(rows --by client --tag onsite)" = '[["acme","1.000000",1,0]]' ]
    [ "$(rows --by client --client beta)" = '[["beta","0.500000",1,0]]' ]
    [ "$(rows --by client --agent claude)" = '[]' ]
    [ "$(rows --by client --member Bob)" = '[]' ]
    [ "$(rows --by model)" = '[]' ]
    tally time list --project shop --json | jq -e '.total.entries == 1'
    tally time list --unattributed --json | jq -e '.total.entries == 0'
}

@test "assign, split, tag, describe and void work on an entry by the first digits of its id" {
    new_ledger
    id=$(add --client acme --duration 1h --date 2026-03-14 misc)
    short=${id:0:8}
    clients() { tally report --by client --json | jq -c '[.rows[] | [.key.client, .engaged_hours]]'; }
    tally assign "$short" --client beta 2>/dev/null
    [ "$(clients)" = '[["beta","1.000000"]]' ]
    tally split "$short" beta=1 gamma=2 2>/dev/null
    # 3,600,000 ms in three: 1,200,000 and 2,400,000.
    [ "$(tally time list --json | jq -c '[.entries[] | [.client, .duration_ms]]')" = '[["beta",1200000],["gamma",2400000]]' ]
    [ "$(tally time list --json | jq -c .total.entries)" = 1 ]
    tally split "$short" --clear 2>/dev/null
    [ "$(clients)" = '[["acme","1.000000"]]' ]
    tally describe "$short" 'Kick-off call' 2>/dev/null
    [ "$(tally time list --json | jq -r '.entries[0].description')" = 'Kick-off call' ]
    tally describe "$short" --clear 2>/dev/null
    tally time list --json | jq -e '.entries[0] | .description == "misc" and .description_vague'
    tally void "$short" --reason twice 2>/dev/null
    [ "$(clients)" = '[]' ]
    fails_with 1 tally void "$short"
    tally void "$id" --undo 2>/dev/null
    [ "$(clients)" = '[["acme","1.000000"]]' ]
    fails_with 1 tally void 00000000000000000000000000000000
    before=$(tally report --by client,day --json)
    tally rebuild
    [ "$(tally report --by client,day --json)" = "$before" ]
    tally verify --deep
}

@test "text that could steer a terminal, or is no text, is refused" {
    new_ledger
    fails_with 2 tally time add --client acme --duration 1h $'two\nlines'
    fails_with 2 tally time add --client acme --duration 1h $'\xff'
    fails_with 2 tally time add --client acme --duration 1h "$(printf 'x%.0s' {1..1025})"
    fails_with 2 tally time add --client $'a\x1b' --duration 1h x
    [ "$(tally time list --json | jq .total.entries)" -eq 0 ]
}

@test "what was written down can be redacted, and the time stands" {
    new_ledger
    id=$(add --client acme --duration 1h --date 2026-03-14 'Names a person')
    tally redact "${id:0:8}" 2>/dev/null
    tally time list --json | jq -e '.entries[0] | .description == "acme, 2026-03-14" and .description_from == "none" and
        .hours == "1.000000"'
    not grep 'Names a person' <(tally time list --json)
    tally verify --deep
}
