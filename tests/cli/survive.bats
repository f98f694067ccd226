#!/usr/bin/env bats
# What a ledger survives: kills at random points, two captures and readers at once, a full disk, a read-only folder.

load common

# A Claude Code tree of $1 sessions with $2 responses each, every one written as two streamed lines.
make_tree() {
    local s projects="$HOME/.claude/projects/-home-dev-acme"
    mkdir -p "$projects"
    for ((s = 1; s <= $1; s++)); do
        local id
        printf -v id '00000000-0000-4000-8000-%012d' "$s"
        awk -v n="$2" -v id="$id" -v s="$s" 'BEGIN {
            for (i = 1; i <= n; i++) {
                ts = sprintf("2026-10-%02dT%02d:%02d:%02d.000Z", s % 28 + 1, i / 3600 % 24, i / 60 % 60, i % 60)
                common = sprintf("\"cwd\":\"/home/dev/acme\",\"sessionId\":\"%s\",\"gitBranch\":\"main\",\"timestamp\":\"%s\"", id, ts)
                if (i % 10 == 1)
                    printf "{%s,\"type\":\"user\",\"uuid\":\"u%d-%d\",\"message\":{\"role\":\"user\",\"content\":\"go %d\"}}\n", common, s, i, i
                for (k = 0; k < 2; k++)
                    printf "{%s,\"type\":\"assistant\",\"uuid\":\"a%d-%d-%d\",\"requestId\":\"req_%d_%d\",\"message\":{\"id\":\"msg_%d_%d\",\"model\":\"claude-sonnet-4-5\",\"stop_reason\":%s,\"usage\":{\"input_tokens\":%d,\"output_tokens\":%d,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":10}}}\n",
                        common, s, i, k, s, i, s, i, k ? "\"end_turn\"" : "null", i, k ? 50 + i : 1
            }
        }' > "$projects/$id.jsonl"
    done
}

costs_of() { "$TALLY" costs export --format csv | sort; }

@test "killing capture at 200 random points and running it once more gives what an undisturbed run gives" {
    make_tree 12 400
    new_ledger > /dev/null
    "$TALLY" capture > /dev/null
    costs_of > "$BATS_TEST_TMPDIR/undisturbed"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/undisturbed")" -eq 4801 ]
    rm -rf "$TALLY_HOME"
    new_ledger > /dev/null
    local seed=${TALLY_SEED:-20261121} killed=0 i
    echo "seed $seed"
    RANDOM=$seed
    for ((i = 0; i < 200; i++)); do
        # Half of the runs start over, so that kills hit the first commits as well as the last.
        if ((i % 20 == 19)); then rm -rf "$TALLY_HOME" && new_ledger > /dev/null; fi
        "$TALLY" capture > /dev/null 2>&1 &
        local pid=$!
        sleep "0.$(printf '%03d' $((RANDOM % 150)))"
        if kill -KILL "$pid" 2> /dev/null; then killed=$((killed + 1)); fi
        wait "$pid" 2> /dev/null || true
        "$TALLY" verify > /dev/null
    done
    echo "killed $killed"
    [ "$killed" -gt 20 ]
    "$TALLY" capture > /dev/null
    costs_of > "$BATS_TEST_TMPDIR/disturbed"
    cmp "$BATS_TEST_TMPDIR/undisturbed" "$BATS_TEST_TMPDIR/disturbed"
    "$TALLY" fsck
}

@test "two captures and a report at the same time lose and double nothing" {
    make_tree 12 200
    new_ledger > /dev/null
    "$TALLY" capture > /dev/null &
    local first=$!
    "$TALLY" capture > /dev/null &
    local second=$! i
    for ((i = 0; i < 10; i++)); do "$TALLY" report --by project > /dev/null; done
    wait "$first"
    wait "$second"
    run costs_of
    [ "${#lines[@]}" -eq 2401 ]
    [ "$("$TALLY" log --json | grep -c '"kind":"cost"')" -eq 2400 ]
    "$TALLY" verify --deep
}

@test "a full disk is a clear error with exit 3, and nothing is lost once there is space" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount a small file system"
    mkdir "$BATS_TEST_TMPDIR/small"
    mount -t tmpfs -o size=700k tmpfs "$BATS_TEST_TMPDIR/small" || skip "cannot mount here"
    make_tree 12 400
    export TALLY_HOME="$BATS_TEST_TMPDIR/small/ledger"
    new_ledger > /dev/null
    run "$TALLY" capture
    echo "$output"
    [ "$status" -eq 3 ]
    [[ "$output" == *"full"* ]]
    run "$TALLY" verify
    [ "$status" -eq 0 ]
    mount -o remount,size=64m "$BATS_TEST_TMPDIR/small"
    "$TALLY" capture > /dev/null
    run costs_of
    [ "${#lines[@]}" -eq 4801 ]
    "$TALLY" fsck
    umount "$BATS_TEST_TMPDIR/small"
}

@test "a read-only ledger can be read, and writing it is a clear error with exit 3" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount"
    make_tree 2 20
    new_ledger > /dev/null
    "$TALLY" capture > /dev/null
    mount --bind "$TALLY_HOME" "$TALLY_HOME" || skip "cannot mount here"
    mount -o remount,ro,bind "$TALLY_HOME"
    run "$TALLY" report --by project
    [ "$status" -eq 0 ]
    run "$TALLY" verify
    [ "$status" -eq 0 ]
    make_tree 3 20
    run "$TALLY" capture
    echo "$output"
    [ "$status" -eq 3 ]
    [[ "$output" == *"written"* ]]
    umount "$TALLY_HOME"
    "$TALLY" capture > /dev/null
    run costs_of
    [ "${#lines[@]}" -eq 61 ]
}

teardown() {
    umount "$BATS_TEST_TMPDIR/small" 2> /dev/null || true
    umount "$TALLY_HOME" 2> /dev/null || true
}
