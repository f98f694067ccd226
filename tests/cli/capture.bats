#!/usr/bin/env bats
# tally capture against logs whose truth is known: expected.json for the synthetic cases, served.json for real ones.
load common

# What the ledger holds, and what the case says, in one form.
ledger_costs() {
    tally costs export --format json | jq -S "$JQ_LIB"'[.costs[] | {session, model, time,
        input: .input_tokens, output: .output_tokens, read: .cache_read_tokens,
        w5: .cache_write_5m_tokens, w1: .cache_write_1h_tokens,
        pico: (if .total_cost then (.total_cost | pico) else null end)}] | sort'
}

expected_costs() {
    jq -S "$JQ_LIB"'[.requests[] | {session, model, time: (.timestamp | ms),
        input: .tokens.input_uncached, output: .tokens.output, read: .tokens.cache_read,
        w5: (.tokens.cache_write_5m // .tokens.cache_write // 0), w1: (.tokens.cache_write_1h // 0),
        pico: .cost_pico}] | sort' "$1"
}

ledger_prompts() {
    tally sessions --json | jq -r '.sessions[].session' | while read -r id; do
        tally sessions show "$id" --json | jq -r '.prompt_times[]'
    done | sort
}

check_cases() { # AGENT CASES
    need "$(fixtures)/synthetic/$1"
    local seen=0 case home
    for case in "$(fixtures)/synthetic/$1"/*/; do
        case=${case%/}
        home=$(home_of_case "$1" "$case")
        export TALLY_HOME="$home-ledger"
        new_ledger
        tally capture --root "$home" --json >/dev/null
        diff <(expected_costs "$case/expected.json") <(ledger_costs) || { echo "$case"; return 1; }
        diff <(jq -r "$JQ_LIB"'.human_prompts[] | ms' "$case/expected.json" | sort) \
            <(ledger_prompts) || { echo "$case: prompts"; return 1; }
        [ "$(tally costs export --format json | jq -r "$JQ_LIB"'.total.total_cost | pico')" = \
            "$(jq .totals.cost_pico "$case/expected.json")" ] || { echo "$case: total"; return 1; }
        tally capture --root "$home" --json >again
        [ "$(jq -c '[.sessions, .costs, .activity]' again)" = "[0,0,0]" ] || { cat again; return 1; }
        tally verify --deep >/dev/null
        seen=$((seen + 1))
    done
    [ "$seen" -ge "$2" ]
}

@test "every synthetic Claude Code case gives its requests, prompts and cost to the last digit" {
    check_cases claude 8
}

@test "every synthetic Codex case gives its requests, prompts and cost to the last digit" {
    check_cases codex 5
}

@test "the synthetic Gemini CLI case gives its requests, prompts and cost to the last digit" {
    check_cases gemini 1
}

@test "the synthetic OpenCode case gives its requests, prompts and cost to the last digit" {
    check_cases opencode 1
}

@test "the synthetic Copilot CLI case gives its requests, prompts and cost to the last digit" {
    check_cases copilot 1
}

# Nothing in this case says when it was; the file's own time stands in, and the price of that day.
@test "the synthetic Antigravity case gives its request and cost to the last digit" {
    case="$(fixtures)/synthetic/antigravity/a01-gen-metadata-row"
    need "$case"
    home=$(home_of_case antigravity "$case")
    find "$home" -name '*.db' -exec touch -d 2026-09-12T10:00:00Z {} +
    new_ledger
    tally capture --root "$home"
    diff <(jq -c '.requests[] | [.session, .model, .tokens.input_uncached, .tokens.output,
            .tokens.cache_read, .cost_pico]' "$case/expected.json") \
        <(tally costs export --format json | jq -c "$JQ_LIB"'.costs[] | [.session, .model,
            .input_tokens, .output_tokens, .cache_read_tokens, (.total_cost | pico)]')
    [ "$(tally costs export --format json | jq -r '.costs[0].time')" = 2026-09-12T10:00:00.000Z ]
    [ "$(tally capture --root "$home" --json | jq -c '[.sessions, .costs, .activity]')" = "[0,0,0]" ]
}

@test "the JSON result has exactly the documented members" {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/claude-code/home" --json >result
    [ "$(jq -c keys result)" = '["activity","bytes_read","costs","files","sessions","skipped"]' ]
    [ "$(jq .files result)" -eq 4 ]
}

@test "real Claude Code logs give the requests that were served" {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/claude-code/home"
    diff <(jq -c '[.requests[] | select(.title != true and (.status // null) == null)
            | [.input, .output, .cache_read, .cache_5m, .cache_1h]] | sort | .[]' \
            "$(fixtures)/real/claude-code/served.json") \
        <(tally costs export --format json | jq -c '[.costs[] | [.input_tokens, .output_tokens,
            .cache_read_tokens, .cache_write_5m_tokens, .cache_write_1h_tokens]] | sort | .[]')
}

@test "real Codex logs give the requests that were served" {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/codex/home"
    [ "$(tally costs export --format json | jq .total.requests)" -eq \
        "$(jq '[.requests[] | select((.status // null) == null)] | length' \
            "$(fixtures)/real/codex/served.json")" ]
}

# What is billed and in no log is marked in served.json: requests that do not stream, titles.
@test "real Gemini CLI logs give the requests that were served" {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/gemini-cli/home"
    diff <(jq -c '[.requests[] | select(.stream)
            | [.model, .input, .output + .thoughts, .cached]] | sort | .[]' \
            "$(fixtures)/real/gemini-cli/served.json") \
        <(tally costs export --format json | jq -c '[.costs[] | [.model,
            .input_tokens + .cache_read_tokens, .output_tokens, .cache_read_tokens]] | sort | .[]')
    [ "$(ledger_prompts | wc -l)" -eq 3 ]
    [ "$(tally costs export --format json | jq -r '[.costs[].project_path] | unique | join(",")')" = \
        /home/dev/clients/acme-ecommerce,/home/dev/clients/fintech-api ]
}

# OpenCode's own figure for the two sessions: 0.0136702(5) and 0.00689025 in its session table.
@test "the real OpenCode database gives the requests that were served" {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/opencode/home"
    diff <(jq -c '[.requests[] | select(.title | not)
            | [.model, .input, .output, .cache_read, .cache_5m + .cache_1h]] | sort | .[]' \
            "$(fixtures)/real/opencode/served.json") \
        <(tally costs export --format json | jq -c '[.costs[] | [.model, .input_tokens,
            .output_tokens, .cache_read_tokens, .cache_write_tokens]] | sort | .[]')
    [ "$(tally costs export --format json | jq -r "$JQ_LIB"'.total.total_cost | pico')" -eq 20560500000 ]
    [ "$(ledger_prompts | wc -l)" -eq 3 ]
    [ "$(find "$(fixtures)/real/opencode/home" -type f | wc -l)" -eq 1 ]
}

@test "a second capture reads and adds nothing" {
    ledger_with_real_logs
    tally costs export --format json >before
    tally capture --root "$(fixtures)/real/claude-code/home" --json >again
    [ "$(jq -c '[.bytes_read, .sessions, .costs, .activity]' again)" = "[0,0,0,0]" ]
    tally costs export --format json | cmp - before
}

@test "the first session costs what the agent itself reported" {
    ledger_with_real_logs
    # reported.json, first run: 0.0154329 for the first invocation of this session.
    id=$(jq -r '.runs[0].session_id' "$(fixtures)/real/claude-code/reported.json")
    tally sessions show "$id" --json | jq -r '.costs[0:2][].total_cost' >parts
    [ "$(jq -sR "$JQ_LIB"'split("\n") | map(select(length > 0) | pico) | add' parts)" -eq 15432900000 ]
}

@test "a forked session adds only its own requests" {
    need "$(fixtures)/synthetic/claude/c02-resume-copies-history"
    home=$(home_of_case claude "$(fixtures)/synthetic/claude/c02-resume-copies-history")
    fork=$home/.claude/projects/-home-dev-acme-shop/00000000-0000-4000-8000-000000000202.jsonl
    mv "$fork" kept
    new_ledger
    [ "$(tally capture --root "$home" --json | jq .costs)" -eq 2 ]
    mv kept "$fork"
    [ "$(tally capture --root "$home" --json | jq .costs)" -eq 1 ]
    [ "$(tally sessions show 00000000-0000-4000-8000-000000000202 --json | jq .requests)" -eq 1 ]
}

@test "a dry run counts and records nothing" {
    need "$(fixtures)/real"
    new_ledger
    tally log --json >before
    tally capture --dry-run --root "$(fixtures)/real/codex/home" --json >dry
    [ "$(jq .costs dry)" -gt 0 ]
    tally log --json | cmp - before
    [ "$(tally capture --root "$(fixtures)/real/codex/home" --json | jq .costs)" -eq "$(jq .costs dry)" ]
}

@test "--agent reads only that agent's logs" {
    need "$(fixtures)/real"
    new_ledger
    mkdir both
    cp -r "$(fixtures)/real/claude-code/home/." "$(fixtures)/real/codex/home/." both/
    tally capture --root both --agent codex
    [ "$(tally costs export --format json | jq -r '[.costs[].agent] | unique | join(",")')" = codex ]
    tally capture --root both --agent claude
    [ "$(tally costs export --format json | jq -r '[.costs[].agent] | unique | join(",")')" = \
        "claude-code,codex" ]
}

@test "a line that cannot be read is named on stderr and does not fail the capture" {
    new_ledger
    mkdir -p "$HOME/.claude/projects/p"
    printf '{"type":"user"}\nnot json\n' >"$HOME/.claude/projects/p/s.jsonl"
    try tally capture
    [ "$status" -eq 0 ]
    [[ "$words" == *"s.jsonl:2: "* ]]
    tally capture --root "$HOME" --json --ledger "$TALLY_HOME" >/dev/null
    new_ledger --ledger "$BATS_TEST_TMPDIR/second"
    tally capture --root "$HOME" --json --ledger "$BATS_TEST_TMPDIR/second" >result
    [ "$(jq -c '[.skipped[] | .line]' result)" = "[2]" ]
    [[ "$(jq -r '.skipped[0].file' result)" == *s.jsonl ]]
}

@test "Aider is read when it is asked for, and only its times" {
    new_ledger
    mkdir -p "$HOME/clients/acme"
    printf '\n# 2026-06-09 14:01:05.123456\n+add a retry\n' >"$HOME/clients/acme/.aider.input.history"
    [ "$(tally capture --json | jq .files)" -eq 0 ]
    [ "$(tally capture --agent aider --json | jq -c '[.files, .sessions, .costs, .activity]')" = "[1,1,0,1]" ]
    [ "$(ledger_prompts)" = 2026-06-09T14:01:05.000Z ]
}

@test "environment overrides count without --root and not with it" {
    need "$(fixtures)/real"
    new_ledger
    CODEX_HOME=$(fixtures)/real/codex/home/.codex
    export CODEX_HOME
    [ "$(tally capture --root "$HOME" --json | jq .files)" -eq 0 ]
    [ "$(tally capture --json | jq .files)" -gt 0 ]
}

@test "an unknown agent and a missing home are refused" {
    new_ledger
    try tally capture --agent nonsense
    [ "$status" -ne 0 ]
    fails_with 1 tally capture --root /nonexistent/home
}
