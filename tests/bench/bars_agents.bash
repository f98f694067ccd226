# Bars of what runs beside agents all day: status line, hooks, a daemon with nothing to do, commits as descriptions.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the files beside this

readonly statusline_bar_us=20000 hook_bar_us=20000 hook_rounds=25
readonly repositories=50 commits_a_repository=20 idle_seconds=20

bench_statusline() {
    local us kib cpu
    need_month
    printf '{"session_id":"new","cwd":"/work/p1","hook_event_name":"UserPromptSubmit"}' >"$scratch/event"
    tally statusline --ledger "$month" <"$scratch/event" | grep -q monthly || die "the status line has no budget"
    read -r us kib cpu < <(BENCH_INPUT=$scratch/event process 50 "$build/tally" statusline --ledger "$month")
    limit "status line, $month_costs costs in the month" "$(ms "$us")" "$us" "$statusline_bar_us" "20 ms"
    note "resident: $(mib "$kib"), processor time $(ms "$cpu"); the line has today's sum, the client and two budgets"
}

# One more response in the log that the hook's agent writes.
log_response() { # NUMBER
    local at
    at=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
    jq -nc --arg at "$at" --arg n "$1" '
        {sessionId: "hooked", cwd: "/work/p1", version: "2.1.0", isSidechain: false, userType: "external",
            type: "assistant", timestamp: $at, uuid: "u\($n)", requestId: "r\($n)",
            message: {id: "m\($n)", role: "assistant", model: "claude-opus-4-8", stop_reason: "end_turn",
                usage: {input_tokens: 3, output_tokens: 400, cache_read_input_tokens: 20000,
                    cache_creation_input_tokens: 300}}}' >>"$HOME/.claude/projects/p1/hooked.jsonl"
}

# The agent waits for it: the log is captured and every budget asked about.
bench_hook() {
    local round us idle busy=()
    need_month
    mkdir -p "$HOME/.claude/projects/p1"
    printf '{"session_id":"hooked","transcript_path":"/none","cwd":"/work/p1","hook_event_name":"UserPromptSubmit"}' \
        >"$scratch/event"
    log_response first
    export BENCH_INPUT=$scratch/event
    process 1 "$build/tally" hook claude-code --ledger "$month" >/dev/null
    read -r idle _ < <(process "$hook_rounds" "$build/tally" hook claude-code --ledger "$month")
    for ((round = 0; round < hook_rounds; round++)); do
        log_response "$round"
        read -r us _ < <(process 1 "$build/tally" hook claude-code --ledger "$month")
        busy+=("$us")
    done
    unset BENCH_INPUT
    read -r us _ < <(process 50 "$build/tally" hook --help)
    limit "start of a hook" "$(ms "$us")" "$us" "$hook_bar_us" "20 ms"
    figure "hook, $month_costs costs in the month, nothing new" "$(ms "$idle")"
    figure "hook that captures a new response and signs it" "$(ms "$(median "${busy[@]}")")"
    rm -rf -- "$HOME/.claude"
}

ticks_of() { # PID: processor time of it and of its children that ended, in ticks
    local stat
    stat=$(<"/proc/$1/stat")
    # shellcheck disable=SC2086 # fields
    set -- ${stat##*) }
    echo $((${12} + ${13} + ${14} + ${15}))
}

# Watching a gigabyte of logs in which nothing happens.
bench_idle() {
    local before after kib tick
    need_tree
    new_ledger
    tally capture --ledger "$scratch/ledger" --root "$tree" >/dev/null
    configure "$scratch/ledger" node.listen "127.0.0.1:$(free_port)"
    configure "$scratch/ledger" node.beacon off
    CLAUDE_CONFIG_DIR=$tree/.claude in_background "$build/tallyd" --ledger "$scratch/ledger"
    sleep 3 # its first look at everything
    before=$(ticks_of "$helper")
    sleep "$idle_seconds"
    after=$(ticks_of "$helper") kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$helper/status")
    stop "$helper"
    tick=$(getconf CLK_TCK)
    figure "tallyd beside $megabytes MB of logs, nothing new: processor" \
        "$(hundredths $(((after - before) * 10000 / tick / idle_seconds))) %"
    figure "the same: resident" "$(mib "$kib")"
}

# A repository whose commits lie in the time of a session there that has long ended.
make_repository() { # NUMBER
    local where=$scratch/repositories/r$1 log=$scratch/commits/home/.claude/projects/r$1 k
    git init -q "$where"
    for ((k = 0; k < commits_a_repository; k++)); do
        printf 'commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata 12\nChange %05d\n' \
            $((1767261600 + k * 60)) "$k"
        printf 'M 644 inline f%d\ndata 2\nx\n' "$k"
    done | git -C "$where" fast-import --quiet
    git -C "$where" symbolic-ref HEAD refs/heads/main
    mkdir -p "$log"
    jq -nc --arg cwd "$where" --arg id "repo-$1" --argjson n "$commits_a_repository" '
        range($n) as $i | ("2026-01-01T10:\($i + 100 | tostring | .[1:])") as $t
        | {sessionId: $id, cwd: $cwd, version: "2.1.0", isSidechain: false, userType: "external"} as $head
        | ($head + {type: "user", timestamp: ($t + ":00.000Z"), uuid: "\($id)-u\($i)",
              message: {role: "user", content: "go on"}}),
          ($head + {type: "assistant", timestamp: ($t + ":30.000Z"), uuid: "\($id)-a\($i)", requestId: "\($id)-r\($i)",
              message: {id: "\($id)-m\($i)", role: "assistant", model: "claude-opus-4-8", stop_reason: "end_turn",
                  usage: {input_tokens: 100, output_tokens: 1000, cache_read_input_tokens: 20000,
                      cache_creation_input_tokens: 300}}})' >"$log/s.jsonl"
}

bench_describe() {
    local n round us with=() without=()
    mkdir -p "$scratch/repositories"
    for ((n = 0; n < repositories; n++)); do make_repository "$n"; done
    for ((round = 0; round < rounds; round++)); do
        for setting in yes no; do
            new_ledger
            configure "$scratch/ledger" describe.commits "$setting"
            read -r us _ < <(process 1 "$build/tally" capture --ledger "$scratch/ledger" --root "$scratch/commits/home")
            if [ $setting = yes ]; then with+=("$us"); else without+=("$us"); fi
        done
    done
    figure "capture of $repositories sessions in $repositories repositories, with commits" "$(ms "$(median "${with[@]}")")"
    figure "the same without commits" "$(ms "$(median "${without[@]}")")"
}
