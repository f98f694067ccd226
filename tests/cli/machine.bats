#!/usr/bin/env bats
# What the machine does to us: full disks, closed descriptors, read-only folders; and status, config.
load common

@test "a full disk under the output is an error with exit 3" {
    ledger_with_real_logs
    for command in "costs export" "costs export --format json" report "log --json" status --help; do
        # shellcheck disable=SC2086
        status=0
        "$TALLY" $command >/dev/full 2>words || status=$?
        [ "$status" -eq 3 ] || { echo "$command: $status"; return 1; }
        grep -q "^tally: cannot write to standard output: No space left on device" words
    done
    fails_with 3 tally costs export --output /dev/full
    [ -c /dev/full ]
}

@test "a closed stdout is an error, a closed stdin and stderr are none" {
    ledger_with_real_logs
    status=0
    "$TALLY" costs export >&- 2>words || status=$?
    [ "$status" -eq 3 ]
    "$TALLY" report <&- >out
    "$TALLY" capture --root "$HOME" <&- 2>&- >out
    "$TALLY" verify --deep <&- >/dev/null
}

@test "a reader that leaves early is no failure" {
    ledger_with_real_logs
    for _ in 1 2 3; do
        { "$TALLY" log --json || echo "exit $?" >failed; } | head -1 >/dev/null
        [ ! -e failed ]
    done
}

@test "a read-only ledger can be read, and refuses writes with exit 3" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount"
    ledger_with_real_logs
    unshare -m true 2>/dev/null || skip "no mount namespaces"
    unshare -m bash -c '
        mount --bind "$TALLY_HOME" "$TALLY_HOME" && mount -o remount,bind,ro "$TALLY_HOME" || exit 77
        "$TALLY" report --json >report || exit 1
        "$TALLY" verify --deep >/dev/null || exit 2
        "$TALLY" prices set m --input 1 --output 2 2>words
        [ $? -eq 3 ] || exit 3
        grep -q "^tally: " words || exit 4
        "$TALLY" capture --root "$HOME" 2>words
        [ $? -eq 3 ] || exit 5' || { code=$?; [ "$code" -ne 77 ] || skip "cannot mount"; echo "step $code"; cat words; return 1; }
    [ "$(jq .total.requests report)" -gt 0 ]
}

@test "a full disk under the ledger is an error with exit 3, and nothing is lost" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount"
    ledger_with_real_logs
    unshare -m true 2>/dev/null || skip "no mount namespaces"
    mkdir small
    unshare -m bash -c '
        mount -t tmpfs -o size=200k none small || exit 77
        cp "$TALLY_HOME"/ledger.mdb "$TALLY_HOME"/device.key small/
        records=$("$TALLY" status --ledger small --json | jq .records)
        code=0
        for i in $(seq 400); do
            "$TALLY" prices set "model-$i" --input 1 --output 2 --ledger small >/dev/null 2>words || { code=$?; break; }
        done
        [ "$code" -eq 3 ] || exit 1
        grep -q full words || exit 2
        "$TALLY" verify --deep --ledger small >/dev/null || exit 3
        [ "$("$TALLY" status --ledger small --json | jq .records)" -eq $((records + i - 1)) ] || exit 4' ||
        { code=$?; [ "$code" -ne 77 ] || skip "cannot mount"; echo "step $code"; cat words; return 1; }
}

@test "control characters in what agents wrote never reach the terminal" {
    new_ledger
    jq -n '{costs: [{time: "2026-03-01T00:00:00Z", session: "s\u001b[2J", agent: "codex",
        model: "m\u001b[31m\u0007", project_path: "/p\u001b]0;x\u0007", branch: "b\u001b[1m\nc",
        input_tokens: 1, output_tokens: 1, total_cost: null, tags: [],
        id: "00000000000000000000000000000001"}]}' | tally costs import - >/dev/null
    { tally costs list; tally sessions; tally sessions show s; tally report --by model,branch,project
        tally doctor || true; tally log; tally sessions show "$(printf 'x\033[2J')" || true; } >all 2>&1
    [ "$(wc -l <all)" -gt 15 ]
    if LC_ALL=C grep -q $'[\001-\010\013-\037\177]' all; then cat -v all; false; fi
    tally costs list --json | jq -e '.costs[0].model == "m\u001b[31m\u0007"'
}

@test "status says what there is" {
    ledger_with_real_logs
    tally status --json >s
    jq -e '.member == "Ada" and .device_name == "laptop" and .feeds == 1 and .records > 10 and
        .head.size == .records and (.head.root | length) == 64 and .unpriced_requests == 0 and
        (.last_capture | test("^20[0-9]{2}-"))' s
    tally status | grep -q "^head  *size $(jq .records s), root $(jq -r .head.root s)"
    new_ledger --ledger fresh
    [ "$(tally status --ledger fresh --json | jq .last_capture)" = null ]
}

@test "config knows its settings only" {
    new_ledger
    [ "$(tally config get titles.from_prompts)" = no ]
    tally config set titles.from_prompts yes >/dev/null
    [ "$(tally config list --json | jq -r '."titles.from_prompts"')" = yes ]
    fails_with 2 tally config get nonsense
    fails_with 2 tally config set titles.from_prompts maybe
    [ "$(tally config get titles.from_prompts)" = yes ]
}

@test "prompts become titles only when the setting says so" {
    need "$(fixtures)/synthetic/claude/c01-streaming-duplicates"
    home=$(home_of_case claude "$(fixtures)/synthetic/claude/c01-streaming-duplicates")
    new_ledger
    tally capture --root "$home" >/dev/null
    [ "$(tally sessions --json | jq '.sessions[0].title')" = null ]
    new_ledger --ledger told
    tally config set titles.from_prompts yes --ledger told >/dev/null
    tally capture --root "$home" --ledger told >/dev/null
    [ "$(tally sessions --ledger told --json | jq '.sessions[0].title | length > 0')" = true ]
}

@test "a backup that cannot be made says why" {
    new_ledger
    # The name fits, the one of the unfinished copy does not.
    fails_with 3 tally backup "$(printf '%0250d' 0)"
    [[ "$words" == *"File name too long"* ]]
}

@test "a ledger that is there but cannot be reached is not said to be missing" {
    touch file
    fails_with 3 tally status --ledger file
    [[ "$words" == *"Not a directory"* && "$words" != *"tally init"* ]]
    fails_with 1 tally status --ledger nowhere
    [[ "$words" == *"tally init"* ]]
}

@test "a list has columns for what its rows say, not for the first fields that there are" {
    new_ledger --currency USD
    tally client set acme --title "Acme Ltd" --city Boston --country US 2>/dev/null
    tally contract set c --client acme --retainer 9000 --included-hours 40 2>/dev/null
    [ "$(tally client list | head -1 | tr -s ' ')" = "CLIENT TITLE CITY COUNTRY" ]
    [ "$(tally contract list | head -1 | tr -s ' ')" = "CONTRACT CLIENT RETAINER INCLUDED HOURS" ]
}
