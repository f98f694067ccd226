# Readers that are killed while they look: their places in LMDB's table must be cleared, or old pages would be kept for them.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

# A reader in the middle of its output: nobody takes what it prints.
reader_hold() {
    rm -f "$W/pipe"
    mkfifo "$W/pipe"
    "$TALLY" log --json >"$W/pipe" 2>/dev/null &
    reader_pid=$!
    exec 9<"$W/pipe"
    head -c 1 <&9 >/dev/null
}

reader_kill() {
    { kill -KILL "$reader_pid"; wait "$reader_pid"; } 2>/dev/null
    exec 9<&-
}

family_readers() {
    local i alone many=$((${FAULT_READERS:-400} / step)) size
    # More than a pipe holds, so that a reader is still at it.
    stand billed
    for ((i = 0; i < 60; i++)); do printf 'tally%04d %s\n' "$i" "$(printf 'x%.0s' {1..900})"; done >"$W/words.txt"
    while read -r name text; do quiet tally client set "$name" --title "${text:0:200}" --notes "$text"; done <"$W/words.txt"
    for ((i = 0; i < 300; i++)); do echo "nova-$i"; done | head -$((300 / step + 30)) |
        while read -r name; do quiet tally prices set "$name" --input 1 --output 2; done
    rm -rf "$W/read" && cp -r "$W/now" "$W/read"
    for ((i = 0; i < many; i++)); do quiet tally config set sync.peers "10.0.0.1:$((i + 1000))"; done
    alone=$(stat -c %s "$W/now/ledger.mdb")
    row stale-readers "a reader is killed in the middle $many times, with a write after each"
    stand read
    for ((i = 0; i < many; i++)); do
        now_at="kill $i" runs=$((runs + 1))
        reader_hold
        if kill -0 "$reader_pid" 2>/dev/null; then hits=$((hits + 1)); fi
        reader_kill
        timeout "$case_seconds" "$TALLY" config set sync.peers "10.0.0.1:$((i + 1000))" >"$W/printed" 2>"$W/words" </dev/null ||
            blame "a write exits $?"
    done
    now_at="after all kills"
    size=$(stat -c %s "$W/now/ledger.mdb")
    [ "$hits" -gt $((many / 2)) ] || blame "most readers were done before they were killed"
    [ "$size" -le $((alone + 64 * 1024)) ] || blame "the store has grown to $size bytes; without readers it is $alone"
    sound || blame "$(tail -1 "$W/verified")"
    row_end
}
