#!/usr/bin/env bats
# Hours: what the team's policy makes of minutes with several sessions, and whose clock cuts days.
load common

# A Claude Code log: prompts at these times, then one answer.
claude_log() { # ID DIRECTORY ANSWER-TIME PROMPT-TIME...
    local id=$1 dir=$2 answer=$3 folder="$HOME/.claude/projects/$1"
    shift 3
    mkdir -p "$folder"
    jq -nc --arg id "$id" --arg dir "$dir" --arg answer "$answer" '
        def line: . + {sessionId: $id, cwd: $dir, gitBranch: "main", version: "2.1.290", isSidechain: false,
            userType: "external", entrypoint: "cli"};
        ($ARGS.positional[] | {type: "user", uuid: "\($id)-\(.)", timestamp: ., promptSource: "typed",
            origin: {kind: "human"}, message: {role: "user", content: "Go on."}} | line),
        ({type: "assistant", uuid: "\($id)-answer", timestamp: $answer, requestId: "req_\($id)",
            message: {id: "msg_\($id)", type: "message", role: "assistant", model: "claude-opus-4-8",
                content: [{type: "text", text: "Done."}], stop_reason: "end_turn",
                usage: {input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 0,
                    cache_creation_input_tokens: 0}}} | line)' --args "$@" >"$folder/$id.jsonl"
}

# acme: engaged from 10:00 to 10:30, prompts at :00 :10 :20. fin: from 10:15 to 10:40, prompts at
# :15 :25 :35. So 15 minutes of acme alone, 15 of both, 10 of fin alone.
two_clients() {
    local at=2026-03-02T10
    new_ledger
    claude_log aaaaaaaa-0000-4000-8000-000000000001 /work/acme $at:30:00Z $at:00:00Z $at:10:00Z $at:20:00Z
    claude_log bbbbbbbb-0000-4000-8000-000000000002 /work/fin $at:40:00Z $at:15:00Z $at:25:00Z $at:35:00Z
    tally capture >/dev/null
    tally rule set acme --path /work/acme --client acme 2>/dev/null
    tally rule set fin --path /work/fin --client fin 2>/dev/null
}

hours_by_client() { tally report --by client --json "$@" | jq -c '[.overlap, .rows[].engaged_hours, .total.engaged_hours]'; }
show() { tally sessions show "$1" --json | jq -c '[.engaged_hours, .overlap.policy, .overlap.engaged_hours_unshared,
    (.overlap.with[] | .client, .hours, .hours_here, .hours_there)]'; }

@test "split shares the minutes of both: half of 15 each" {
    two_clients
    # acme 15 + 7.5 minutes, fin 7.5 + 10; together the 40 minutes of the clock on the wall
    [ "$(hours_by_client)" = '["split","0.375000","0.291667","0.666667"]' ]
    [ "$(show aaaaaaaa)" = '["0.375000","split","0.500000","fin","0.250000","0.125000","0.125000"]' ]
    [ "$(show bbbbbbbb)" = '["0.291667","split","0.416667","acme","0.250000","0.125000","0.125000"]' ]
    tally sessions show aaaaaaaa >text
    grep -q "^overlap *0.25 h: 0.13 h here, 0.13 h in claude-code bbbbbbbb.* of fin$" text
    grep -q "^engaged *0.38 h of 0.50 h: shared with what ran beside it (policy 'split')$" text
    [ "$(tally report --by client | grep -c '^Hours')" -eq 0 ]
}

@test "focus gives the minutes of both to the last prompt: fin :15 to :20 and :25 to :30, acme :20 to :25" {
    two_clients
    tally engaged set --overlap focus 2>/dev/null
    [ "$(hours_by_client)" = '["focus","0.333333","0.333333","0.666667"]' ]
    [ "$(show aaaaaaaa)" = '["0.333333","focus","0.500000","fin","0.250000","0.083333","0.166667"]' ]
    [ "$(show bbbbbbbb)" = '["0.333333","focus","0.416667","acme","0.250000","0.166667","0.083333"]' ]
    [ "$(tally report --by client | grep -c '^Hours')" -eq 0 ]
}

@test "parallel counts the minutes of both in each, and everything with hours says so" {
    two_clients
    tally engaged set --overlap parallel 2>/dev/null
    [ "$(hours_by_client)" = '["parallel","0.500000","0.416667","0.916667"]' ]
    tally report --html - | grep -q '<li id="overlap">.*parallel'
    [ "$(show aaaaaaaa)" = '["0.500000","parallel","0.500000","fin","0.250000","0.250000","0.250000"]' ]
    [ "$(tally sessions --json | jq -r .overlap)" = parallel ]
    for words in "report --by client" sessions; do
        # shellcheck disable=SC2086
        tally $words >text
        grep -q "^Hours: a person's minutes count in each session at once (overlap 'parallel')$" text
    done
    tally sessions show aaaaaaaa >text
    grep -q "^engaged *0.50 h of 0.50 h: counted in each session (policy 'parallel')$" text
    # Hours of single models are not shown, so there is nothing to say of them.
    [ "$(tally report --by model | grep -c '^Hours')" -eq 0 ]
}

@test "idle and unattended minutes change every figure at once and no record" {
    two_clients
    local before
    before=$(tally log --json | jq -c . | sha256sum)
    tally engaged set --idle 9m 2>/dev/null
    # every gap is ten minutes, but that from fin's last prompt to its answer: five
    [ "$(hours_by_client)" = '["split","0.000000","0.083333","0.083333"]' ]
    tally engaged set --idle 10 --unattended 5m --overlap parallel 2>/dev/null
    # five minutes after each of three prompts
    [ "$(hours_by_client)" = '["parallel","0.250000","0.250000","0.500000"]' ]
    tally engaged set --idle '' --unattended '' --overlap '' 2>/dev/null
    [ "$(hours_by_client)" = '["split","0.375000","0.291667","0.666667"]' ]
    [ "$(tally log --json | jq -c 'select(.kind != "engaged.set")' | sha256sum)" = "$before" ]
    [ "$(tally log --json | jq -s '[.[] | select(.kind == "engaged.set")] | length')" -eq 3 ]
    tally rebuild >/dev/null 2>&1
    [ "$(tally engaged show --json | jq -c '[.overlap, .idle_minutes, .unattended_minutes, .set_by != null]')" = \
        '["split",10,15,true]' ]
}

@test "engaged show says the defaults and the policy; what cannot be meant is refused" {
    new_ledger
    [ "$(tally engaged show --json | jq -c '[.overlap, .idle_minutes, .unattended_minutes, .set_by]')" = \
        '["split",10,15,null]' ]
    tally engaged show >text
    grep -q "^These are the defaults" text
    [ "$(tally engaged set --overlap focus --idle 20m --json | jq -c '[.overlap, .idle_minutes, .unattended_minutes]')" = \
        '["focus",20,null]' ]
    tally engaged set --idle 20m 2>words
    grep -q "unchanged" words
    [ "$(tally engaged show | awk '{ if (length($0) > 80) n++ } END { print n + 0 }')" -eq 0 ]
    for bad in "" "--overlap both" "--idle 0" "--idle 1441" "--idle ten" "--idle 10h" "--unattended -1"; do
        # shellcheck disable=SC2086
        fails_with 2 tally engaged set $bad
    done
}

# One dollar each, at these times in these directories.
dollars() {
    jq -nR '{costs: [inputs | split(" ") | {session: ("s" + .[1]), agent: "codex", model: "gpt-5", project_path: .[1],
        total_cost: "1.00", time: .[0], input_tokens: 1, output_tokens: 1, currency: "USD",
        id: ((input_line_number | tostring) as $n | ("0" * (32 - ($n | length))) + $n)}]}' | tally costs import - >/dev/null
}

# Berlin's 29 March has 23 hours: from 23:00 to 22:00 UTC. New York is four hours behind UTC.
@test "days and periods are each client's own, alone and among others, in hours and in costs" {
    [ -e /usr/share/zoneinfo/Europe/Berlin ] || skip "no tzdata"
    new_ledger
    dollars <<'ROWS'
2026-03-28T22:59:59Z /acme
2026-03-28T23:00:00Z /acme
2026-03-29T21:59:59Z /acme
2026-03-29T22:00:00Z /acme
2026-03-31T22:00:00Z /acme
2026-04-01T03:59:59Z /bell
2026-04-01T04:00:00Z /bell
2026-03-31T23:59:59Z /nobody
ROWS
    tally client set acme --timezone Europe/Berlin 2>/dev/null
    tally client set bell --timezone America/New_York 2>/dev/null
    tally rule set acme --path /acme --client acme 2>/dev/null
    tally rule set bell --path /bell --client bell 2>/dev/null
    [ "$(tally report --by client,day --json | jq -c '[.rows[] | [.key.client, .key.day, .requests]]')" = \
        '[["acme","2026-03-28",1],["acme","2026-03-29",2],["acme","2026-03-30",1],["acme","2026-04-01",1],["bell","2026-03-31",1],["bell","2026-04-01",1],[null,"2026-03-31",1]]' ]
    [ "$(tally report --by day --json | jq -c '[.rows[] | [.key.day[5:], .requests]]')" = \
        '[["03-28",1],["03-29",2],["03-30",1],["03-31",2],["04-01",2]]' ]
    [ "$(tally report --by client --period 2026-03 --json | jq -c '[.rows[].requests, .total.requests]')" = '[4,1,1,6]' ]
    [ "$(tally report --by client --period 2026-04 --json | jq -c '[.rows[].requests, .total.requests]')" = '[1,1,2]' ]
    for period in 2026-03 2026-04 2026-03-29; do
        for client in acme bell; do
            [ "$(tally report --client $client --period $period --json | jq .total.requests)" -eq \
                "$(tally report --by client --period $period --json |
                    jq --arg c $client '[.rows[] | select(.key.client == $c).requests] | add // 0')" ]
        done
    done
    [ "$(tally costs export --period 2026-03 | cut -d, -f1 | sort -u | tail -2 | head -1)" = 2026-03-31 ]
    [ "$(tally costs list --period 2026-04 --json | jq -c '[.costs[].date] | unique')" = '["2026-04-01"]' ]
    tally report --by day --json | jq -e '.timezone == "UTC" and .client_timezones ==
        [{client: "acme", timezone: "Europe/Berlin"}, {client: "bell", timezone: "America/New_York"}]'
    tally report --by day | grep -q "^Days: each client's own"
    [ "$(tally report --by client | grep -c '^Days')" -eq 0 ]
}

# A prompt every ten minutes, two hours longer than the day on either side.
@test "a day of 23 hours and one of 25 hold so much time" {
    [ -e /usr/share/zoneinfo/Europe/Berlin ] || skip "no tzdata"
    new_ledger
    local id=1 from prompts
    for from in 2026-03-28T21:00:00Z 2026-10-24T20:00:00Z; do
        mapfile -t prompts < <(jq -nr --arg from $from '($from | fromdate) as $at | range(0; 29 * 6 + 1) | $at + . * 600 | todate')
        claude_log "cccccccc-0000-4000-8000-00000000000$id" /acme "${prompts[-1]}" "${prompts[@]}"
        id=$((id + 1))
    done
    tally capture >/dev/null
    tally client set acme --timezone Europe/Berlin 2>/dev/null
    tally rule set acme --path /acme --client acme 2>/dev/null
    [ "$(tally report --by day --json | jq -c '[.rows[] | [.key.day[5:], .engaged_hours]]')" = \
        '[["03-28","2.000000"],["03-29","23.000000"],["03-30","4.000000"],["10-24","2.000000"],["10-25","25.000000"],["10-26","2.000000"]]' ]
    [ "$(tally report --client acme --period 2026-10-25 --json | jq -r .total.engaged_hours)" = 25.000000 ]
    [ "$(tally report --period 2026-03-29 --json | jq -r .total.engaged_hours)" = 23.000000 ]
}
