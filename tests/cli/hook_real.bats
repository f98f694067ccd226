#!/usr/bin/env bats
# The real Claude Code, Codex and Gemini CLI with our hooks installed, against a mock of their APIs on the loopback of a
# network namespace in which there is nothing else. Runs only where TALLY_AGENTS_DIR names a folder in which npm has
# installed @anthropic-ai/claude-code, @openai/codex and @google/gemini-cli (their install scripts, too).
load common

readonly PORT=8771

need_agent() { # COMMAND
    [ -n "${TALLY_AGENTS_DIR:-}" ] || skip "TALLY_AGENTS_DIR names no folder with the agents"
    AGENT="$TALLY_AGENTS_DIR/node_modules/.bin/$1"
    [ -x "$AGENT" ] || skip "no $1 in TALLY_AGENTS_DIR"
    command -v node >/dev/null || skip "no node"
    unshare -n true 2>/dev/null || skip "no network namespaces here"
}

# offline FILE-OF-WHAT-WAS-SERVED COMMAND...: in the namespace, with the mock listening.
offline() {
    export SERVED=$1
    shift
    unshare -n bash -c 'ip link set lo up
        node "$TALLY_TEST_DATA/agents/mock_llm.js" '$PORT' "$SERVED" >"$SERVED.log" & mock=$!
        for _ in $(seq 100); do grep -q listening "$SERVED.log" && break; sleep 0.05; done
        timeout 60 "$@" </dev/null; code=$?
        kill $mock; wait $mock 2>/dev/null; exit $code' - "$@" 3>&-
}

served() { [ -e "$SERVED" ] && wc -l <"$SERVED" || echo 0; }

work_folder() {
    mkdir -p "$HOME/work/acme"
    cd "$HOME/work/acme" || return 1
    git init -qb main
    git -c user.name=dev -c user.email=dev@example.com commit -q --allow-empty -m Start
}

captured_requests() { tally report --json | jq .total.requests; }
has_captured() { [ "$(captured_requests)" -ge "$1" ]; }

@test "Claude Code is refused when the client's budget is spent, and says why" {
    need_agent claude
    export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1
    export DISABLE_ERROR_REPORTING=1 IS_SANDBOX=1
    export ANTHROPIC_BASE_URL=http://127.0.0.1:$PORT ANTHROPIC_API_KEY=sk-ant-dummy
    new_ledger
    work_folder
    mkdir -p "$HOME/.claude"
    tally hook install claude-code
    tally rule set acme --path "$HOME/work/acme" --client acme 2>/dev/null
    tally budget set --period monthly --limit 0.01 --client acme --stop-at 100
    # The first prompt is let through, and captured at its end without anybody's doing.
    offline "$BATS_TEST_TMPDIR/served" "$AGENT" -p "Explain the ledger" --model claude-sonnet-4-5 >first 2>&1
    cat first
    grep -q 'Reply number' first
    wait_for has_captured 1
    before=$(served)
    # What it cost is more than the budget: the second is refused, and no request is made.
    offline "$SERVED" "$AGENT" -p "And again" --model claude-sonnet-4-5 >second 2>&1 || true
    cat second
    grep -q "budget 'acme-monthly', for client acme, is spent: 0.02 of 0.01 USD" second
    grep -q 'tally budget set' second
    not grep -q 'Reply number' second
    [ "$(served)" -eq "$before" ]
    # Once the limit is raised it goes on.
    tally budget set --period monthly --limit 100 --client acme --stop-at 100
    offline "$SERVED" "$AGENT" -p "And again" --model claude-sonnet-4-5 >third 2>&1
    grep -q 'Reply number' third
    tally hook uninstall
    [ ! -e "$HOME/.claude/settings.json" ]
}

@test "Claude Code's turn ends when the budget is spent in the middle of it" {
    need_agent claude
    export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1
    export DISABLE_ERROR_REPORTING=1 IS_SANDBOX=1
    export ANTHROPIC_BASE_URL=http://127.0.0.1:$PORT ANTHROPIC_API_KEY=sk-ant-dummy
    new_ledger
    work_folder
    tally hook install claude-code
    tally budget set --period daily --limit 0.001 --stop-at 100
    # The mock answers with one tool call after the other. The transcript may be a moment behind, so perhaps not the
    # first of them ends the turn.
    export TOOL_ROUNDS=8
    offline "$BATS_TEST_TMPDIR/served" "$AGENT" --dangerously-skip-permissions -p "Run the tests" >out 2>&1 || true
    cat out "$SERVED"
    grep -q "budget 'daily' is spent" "$HOME"/.claude/projects/*/*.jsonl
    not grep -q 'Reply number' out
    [ "$(jq -s 'map(select(.title | not)) | length' "$SERVED")" -lt 8 ]
}

@test "Codex is refused when its budget is spent, once its hooks are trusted" {
    need_agent codex
    export MOCK_KEY=dummy
    new_ledger
    work_folder
    mkdir -p "$HOME/.codex"
    cat >"$HOME/.codex/config.toml" <<TOML
model = "gpt-5-codex"
model_provider = "mock"
[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:$PORT/v1"
wire_api = "responses"
env_key = "MOCK_KEY"
request_max_retries = 1
stream_max_retries = 1
[analytics]
enabled = false
TOML
    cp "$HOME/.codex/config.toml" before
    tally hook install codex
    tally budget set --period monthly --limit 0.001 --agent codex --stop-at 100
    # Untrusted hooks are not run, notify is: the first turn is captured.
    offline "$BATS_TEST_TMPDIR/served" "$AGENT" exec --dangerously-bypass-approvals-and-sandbox "Explain the ledger" >first 2>&1
    cat first
    wait_for has_captured 1
    before=$(served)
    offline "$SERVED" "$AGENT" exec --dangerously-bypass-approvals-and-sandbox --dangerously-bypass-hook-trust "And again" >second 2>&1 || true
    cat second
    # `codex exec` says no more than this; the reason is shown on its screen.
    grep -q 'hook: UserPromptSubmit Blocked' second
    not grep -q 'Done. Reply' second
    [ "$(served)" -eq "$before" ]
    tally hook uninstall
    cmp before "$HOME/.codex/config.toml"
    [ ! -e "$HOME/.codex/hooks.json" ]
}

@test "Gemini CLI is refused when its budget is spent" {
    need_agent gemini
    export GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:$PORT GEMINI_API_KEY=dummy GEMINI_CLI_TRUST_WORKSPACE=true
    new_ledger
    work_folder
    mkdir -p "$HOME/.gemini"
    echo '{"privacy":{"usageStatisticsEnabled":false},"telemetry":{"enabled":false},"general":{"enableAutoUpdate":false},"security":{"auth":{"selectedType":"gemini-api-key"},"folderTrust":{"enabled":false}}}' >"$HOME/.gemini/settings.json"
    tally hook install gemini-cli
    tally budget set --period monthly --limit 0.001 --agent gemini --stop-at 100
    offline "$BATS_TEST_TMPDIR/served" "$AGENT" -y -m gemini-2.5-pro -p "Explain the ledger" >first 2>&1
    cat first
    wait_for has_captured 1
    before=$(served)
    offline "$SERVED" "$AGENT" -y -m gemini-2.5-pro -p "And again" >second 2>&1 || true
    cat second
    grep -q "budget 'gemini-monthly', for agent gemini, is spent" second
    [ "$(served)" -eq "$before" ]
}
