#!/usr/bin/env bats
# tally hook and statusline as agents call them, with events as they send them. The agents themselves are run in
# hook_real.bats.
load common

event() { # NAME [CWD [SESSION]]
    jq -nc --arg name "$1" --arg cwd "${2:-/work/acme}" --arg session "${3:-11111111-2222-3333-4444-555555555555}" '{
        session_id: $session, transcript_path: ("/nowhere/" + $session + ".jsonl"), cwd: $cwd,
        permission_mode: "default", hook_event_name: $name, prompt: "a secret prompt", tool_name: "Bash",
        tool_input: {command: "echo hi"}}'
}

hook() { # AGENT EVENT-JSON
    try tally hook "$1" <<<"$2"
    [ "$status" -eq 0 ]
    [ -z "$words" ]
}

silent() {
    hook "$@"
    [ -z "$output" ]
}

# 9 dollars of acme's in this month, in one session.
spent_nine() {
    new_ledger
    tally rule set acme --path /work/acme --client acme 2>/dev/null
    jq -n --arg time "$(date -u +%Y-%m-%dT00:00:00Z)" '{costs: [{session: "s1", agent: "claude-code", tags: [],
        model: "claude-opus-4-8", project_path: "/work/acme", total_cost: "9.00", time: $time, input_tokens: 1,
        output_tokens: 1, currency: "USD", id: ("0" * 31 + "1")}]}' | tally costs import - >/dev/null
}

# ---- budgets ----

@test "a prompt for a client whose budget is spent is refused, in a sentence that says what to do" {
    spent_nine
    tally budget set --period monthly --limit 5 --client acme --stop-at 100
    hook claude-code "$(event UserPromptSubmit)"
    echo "$output"
    [ "$(jq -r .decision <<<"$output")" = block ]
    next=$(date -u -d "$(date -u +%Y-%m-01) +1 month" +%Y-%m-%d)
    [ "$(jq -r .reason <<<"$output")" = "Tally: the monthly budget 'acme-monthly', for client acme, is spent: 9.00 of 5.00 USD. It starts anew on $next. To go on now, raise it: tally budget set --name acme-monthly --period monthly --client acme --stop-at 100 --limit AMOUNT" ]
    # Elsewhere, for nobody, it goes on.
    silent claude-code "$(event UserPromptSubmit /work/other)"
    # The command of the sentence does what it says.
    tally budget set --name acme-monthly --period monthly --client acme --stop-at 100 --limit 50
    silent claude-code "$(event UserPromptSubmit)"
}

@test "below its stop nothing is said, but a new session hears of a budget that runs low" {
    spent_nine
    tally budget set --period monthly --limit 10 --client acme --notify-at 80 --stop-at 100
    silent claude-code "$(event UserPromptSubmit)"
    silent claude-code "$(event PreToolUse)"
    hook claude-code "$(event SessionStart)"
    [ "$(jq -r .systemMessage <<<"$output")" = "Tally: the monthly budget 'acme-monthly', for client acme, has reached 80 percent: 9.00 of 10.00 USD." ]
    # A stop before the limit is a stop: 9 of 10 is 90 percent.
    tally budget set --period monthly --limit 10 --client acme --notify-at 80 --stop-at 90
    hook claude-code "$(event UserPromptSubmit)"
    [[ "$(jq -r .reason <<<"$output")" == *"has reached 90 percent: 9.00 of 10.00 USD."* ]]
}

@test "each agent is refused in its own way" {
    spent_nine
    tally budget set --period monthly --limit 5 --stop-at 100
    hook claude-code "$(event PreToolUse)"
    jq -e '.continue == false and (.stopReason | startswith("Tally: ")) and (has("hookSpecificOutput") | not)' <<<"$output"
    hook codex "$(event UserPromptSubmit)"
    jq -e '.decision == "block" and (.reason | startswith("Tally: "))' <<<"$output"
    hook codex "$(event PreToolUse)"
    jq -e '.hookSpecificOutput | .hookEventName == "PreToolUse" and .permissionDecision == "deny"' <<<"$output"
    hook gemini-cli "$(event BeforeAgent)"
    jq -e '.decision == "deny" and (.reason | startswith("Tally: "))' <<<"$output"
    hook gemini "$(event BeforeTool)"
    jq -e '.continue == false' <<<"$output"
    # What cannot be refused is not: a refused Stop would make the agent go on.
    silent claude-code "$(event Stop)"
    silent claude-code "$(event SessionEnd)"
    silent claude-code "$(event SomethingNew)"
    silent codex "$(event Stop)"
}

@test "what people said of a session counts: its tags, and whose it is" {
    spent_nine
    tally tag add rush --session s1 2>/dev/null
    tally budget set --period monthly --limit 5 --tag rush --stop-at 100
    hook claude-code "$(event UserPromptSubmit /work/acme s1)"
    [[ "$(jq -r .reason <<<"$output")" == *"for tag rush, is spent"* ]]
    silent claude-code "$(event UserPromptSubmit /work/acme s2)"
    tally budget unset rush-monthly
    tally budget set --period monthly --limit 5 --client fin --stop-at 100
    silent claude-code "$(event UserPromptSubmit /work/acme s1)"
    tally assign s1 --client fin 2>/dev/null
    hook claude-code "$(event UserPromptSubmit /work/acme s1)"
    [[ "$(jq -r .reason <<<"$output")" == *"for client fin, is spent"* ]]
}

@test "the remote of the directory decides, as it will for the costs" {
    spent_nine
    tally rule set hub --remote example.com/acme --client acme 2>/dev/null
    tally budget set --period monthly --limit 5 --client acme --stop-at 100
    git init -q "$BATS_TEST_TMPDIR/repo"
    silent claude-code "$(event UserPromptSubmit "$BATS_TEST_TMPDIR/repo")"
    git -C "$BATS_TEST_TMPDIR/repo" remote add origin git@example.com:acme/shop.git
    hook claude-code "$(event UserPromptSubmit "$BATS_TEST_TMPDIR/repo")"
    [ "$(jq -r .decision <<<"$output")" = block ]
}

# ---- capturing ----

@test "a turn's end is captured at once, and only where the agent keeps its logs" {
    need "$(fixtures)/real"
    new_ledger
    cp -r "$(fixtures)/real/claude-code/home/.claude" "$HOME/"
    mkfifo "$HOME/pipe"
    SECONDS=0
    for path in "$HOME/pipe" /etc/passwd /dev/zero ../../etc/passwd; do
        silent claude-code "$(event Stop | jq -c --arg path "$path" '.transcript_path = $path')"
    done
    [ "$SECONDS" -le 5 ]
    captured() { [ "$(tally report --json | jq .total.requests)" -gt 0 ]; }
    wait_for captured
    before=$(tally report --json | jq -c .total)
    # All of it, as a capture by hand finds out.
    tally capture --agent claude-code --json | jq -e '.costs == 0'
    [ "$(tally report --json | jq -c .total)" = "$before" ]
    # Nothing of the prompt stays.
    not grep -rq 'a secret prompt' "$TALLY_HOME"
}

@test "codex's notify is one argument, and captures" {
    need "$(fixtures)/real"
    new_ledger
    cp -r "$(fixtures)/real/codex/home/.codex" "$HOME/"
    try tally hook codex '{"type":"agent-turn-complete","thread-id":"x","cwd":"/work","input-messages":["hi"]}' </dev/null
    [ "$status" -eq 0 ]
    [ -z "$output$words" ]
    captured() { [ "$(tally report --json | jq .total.requests)" -gt 0 ]; }
    wait_for captured
}

@test "twenty hooks at once count everything once and do not wait for each other" {
    need "$(fixtures)/real"
    new_ledger
    cp -r "$(fixtures)/real/claude-code/home/.claude" "$HOME/"
    for i in $(seq 20); do
        tally hook claude-code <<<"$(event Stop)" 3>&- >"$BATS_TEST_TMPDIR/out$i" 2>&1 &
    done
    wait
    [ -z "$(cat "$BATS_TEST_TMPDIR"/out*)" ]
    captured() { [ "$(tally report --json | jq .total.requests)" -gt 0 ]; }
    wait_for captured
    tally capture --agent claude-code --json | jq -e '.costs == 0'
    export TALLY_HOME="$BATS_TEST_TMPDIR/other"
    new_ledger
    tally capture --agent claude-code >/dev/null
    other=$(tally report --json | jq -c .total)
    [ "$(TALLY_HOME="$BATS_TEST_TMPDIR/ledger" tally report --json | jq -c .total)" = "$other" ]
}

@test "a capture that takes long keeps no prompt waiting" {
    spent_nine
    tally budget set --period monthly --limit 5 --stop-at 100
    # Somebody holds the lock.
    flock "$TALLY_HOME/capture.lock" sleep 20 3>&- &
    holder=$!
    SECONDS=0
    hook claude-code "$(event UserPromptSubmit)"
    [ "$SECONDS" -le 4 ]
    [ "$(jq -r .decision <<<"$output")" = block ]
    # One stands in line; whoever finds it there leaves.
    SECONDS=0
    for _ in 1 2 3; do hook claude-code "$(event UserPromptSubmit)"; done
    [ "$SECONDS" -le 4 ]
    pkill -P "$holder" || true
    wait "$holder" || true
}

# ---- trouble ----

@test "no trouble of ours is in the agent's way" {
    silent claude-code "$(event UserPromptSubmit)" # no ledger
    [ ! -e "$TALLY_HOME" ]
    spent_nine
    tally budget set --period monthly --limit 5 --stop-at 100
    for bad in '' 'no json' '[]' '"text"' '{' '{"hook_event_name":7}' '{"session_id":{},"cwd":[],"hook_event_name":"Stop"}'; do
        silent claude-code "$bad"
    done
    grep -q 'what the agent sent is no JSON object' "$TALLY_HOME/hook.log"
    head -c 100000 /dev/urandom >random
    try tally hook claude-code <random
    [ "$status" -eq 0 ]
    [ -z "$output$words" ]
    try tally hook claude-code </dev/null
    [ "$status" -eq 0 ]
    [ -z "$output$words" ]
    try tally hook claude-code <&-
    [ "$status" -eq 0 ]
    [ -z "$output$words" ]
    # A damaged store: still no word and no refusal.
    head -c 70000 /dev/urandom | dd of="$TALLY_HOME/ledger.mdb" conv=notrunc status=none
    silent claude-code "$(event UserPromptSubmit)"
    truncate -s 5000 "$TALLY_HOME/ledger.mdb"
    silent claude-code "$(event UserPromptSubmit)"
    rm -r "$TALLY_HOME"
    touch "$TALLY_HOME"
    silent claude-code "$(event UserPromptSubmit)"
}

@test "odd places and long texts are read as what they are" {
    spent_nine
    tally budget set --period monthly --limit 5 --client acme --stop-at 100
    silent claude-code "$(event UserPromptSubmit $'/work/acme\n/x')"
    silent claude-code "$(event UserPromptSubmit $'relative/acme')"
    silent claude-code "$(event UserPromptSubmit '--help')"
    long=$(printf '/%.0s' $(seq 5000))
    silent claude-code "$(event UserPromptSubmit "$long")"
    hook claude-code "$(event UserPromptSubmit /work/acme "$(printf 'x%.0s' $(seq 5000))")"
    [ "$(jq -r .decision <<<"$output")" = block ]
    # A long prompt is a prompt.
    event UserPromptSubmit | jq -c '.prompt = "x" * 3000000' >long
    try tally hook claude-code <long
    [ "$(jq -r .decision <<<"$output")" = block ]
    # 40 MB are none.
    { printf '{"prompt":"'; head -c 40000000 /dev/zero | tr '\0' x; printf '"}'; } >huge
    try tally hook claude-code <huge
    [ "$status" -eq 0 ]
    [ -z "$output$words" ]
}

@test "an input that never ends is given up after two seconds" {
    new_ledger
    mkfifo pipe
    sleep 6 >pipe 3>&- &
    SECONDS=0
    try timeout 5 "$TALLY" hook claude-code <pipe
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$SECONDS" -le 4 ]
}

@test "a sealed key stops no agent and asks nobody" {
    need "$(fixtures)/real"
    echo 'correct horse' >pass
    TALLY_PASSPHRASE_FILE=pass tally init --member Ada --device laptop --timezone UTC --passphrase 2>/dev/null ||
        skip "init takes no passphrase this way"
    cp -r "$(fixtures)/real/claude-code/home/.claude" "$HOME/"
    silent claude-code "$(event UserPromptSubmit)"
    logged() { grep -q 'capture: .*passphrase' "$TALLY_HOME/hook.log"; }
    wait_for logged
}

@test "mistakes in the call are told, and never with the code that refuses" {
    try tally hook nobody </dev/null
    [ "$status" -eq 1 ]
    [[ "$words" == *"claude-code, codex, gemini-cli"* ]]
    try tally hook claude-code --bogus </dev/null
    [ "$status" -eq 1 ]
    try tally hook </dev/null
    [ "$status" -eq 1 ]
    try tally hook claude-code --ledger '' </dev/null
    [ "$status" -eq 1 ]
}

# ---- the status line ----

@test "the status line has today's cost, the client and the budget" {
    spent_nine
    tally budget set --period monthly --limit 10 --client acme --notify-at 95
    place=$(jq -nc '{session_id: "s2", cwd: "/work/acme", model: {id: "x"}, cost: {total_cost_usd: 1.5}}')
    [ "$(NO_COLOR=1 tally statusline <<<"$place")" = '$9.00 today · acme · acme-monthly 90%' ]
    [ "$(NO_COLOR=1 tally statusline <<<'{"cwd":"/elsewhere"}')" = '$9.00 today · no client' ]
    tally statusline --json <<<"$place" | jq -e '.today == "9.00" and .client == "acme" and
        .budgets[0].budget == "acme-monthly" and .budgets[0].spent == "9.00"'
    # Yellow when it is time to notify, red at the stop, plain without colours.
    tally budget set --period monthly --limit 10 --client acme --notify-at 80 --stop-at 100
    [ "$(tally statusline <<<"$place")" = $'$9.00 today · acme · \e[33macme-monthly 90%\e[0m' ]
    tally budget set --period monthly --limit 5 --client acme --stop-at 100
    [ "$(tally statusline <<<"$place")" = $'$9.00 today · acme · \e[31macme-monthly 180%\e[0m' ]
    [ "$(NO_COLOR=1 tally statusline <<<"$place")" = '$9.00 today · acme · acme-monthly 180%' ]
}

@test "the status line never fails" {
    try tally statusline </dev/null
    [ "$status" -eq 0 ]
    [ "$output" = "tally: no ledger here; run 'tally init'" ]
    [ -z "$words" ]
    new_ledger
    for input in '' 'no json' '[]' '{"cwd":7}'; do
        try tally statusline <<<"$input"
        [ "$status" -eq 0 ]
        [ "$output" = '$0.00 today · no client' ]
        [ -z "$words" ]
    done
    # Nobody writes: it does not wait.
    mkfifo pipe
    sleep 5 >pipe 3>&- &
    SECONDS=0
    try tally statusline <pipe
    [ "$status" -eq 0 ]
    [ "$SECONDS" -le 2 ]
    kill $! 2>/dev/null || true
    head -c 70000 /dev/urandom | dd of="$TALLY_HOME/ledger.mdb" conv=notrunc status=none
    try tally statusline </dev/null
    [ "$status" -eq 0 ]
    [ "$output" = "tally: the ledger cannot be read; run 'tally doctor'" ]
}
