#!/usr/bin/env bats
# A pack of each kind of invoice: both verifiers say the same of it, and what each could work out again.
load common

VERIFY=$TALLY_TEST_DATA/pack/verify.js

ada() {
    new_ledger --currency USD
    tally issuer set Ada --name "Ada Kline" --prefix AK
    tally client set acme --title "Acme Ltd"
} 2>/dev/null

# A session of two prompts and an answer.
session() { # PROMPT-TIME PROMPT-TIME ANSWER-TIME
    local folder="$HOME/.claude/projects/work" at
    mkdir -p "$folder"
    for at in "$1" "$2"; do
        jq -nc --arg at "2026-03-03T$at:00Z" '{type: "user", cwd: "/work", timestamp: $at, uuid: "u\($at)",
            sessionId: "aaaaaaaa-0000-4000-8000-000000000001", message: {role: "user", content: "go on"}}'
    done >>"$folder/aaaaaaaa-0000-4000-8000-000000000001.jsonl"
    jq -nc --arg at "2026-03-03T$3:00Z" '{type: "assistant", cwd: "/work", timestamp: $at, uuid: "a\($at)",
        sessionId: "aaaaaaaa-0000-4000-8000-000000000001", requestId: "r\($at)",
        message: {id: "m\($at)", type: "message", role: "assistant", model: "claude-opus-4-8",
            content: [{type: "text", text: "done"}], usage: {input_tokens: 10, output_tokens: 5}}}' \
        >>"$folder/aaaaaaaa-0000-4000-8000-000000000001.jsonl"
    tally capture --root "$HOME" >/dev/null 2>&1
}

issue() { tally invoice issue "$@" --yes --json 2>"$BATS_TEST_TMPDIR/words" | jq -r .number; }

# Rows and lines, recomputed of all, as both verifiers count them.
counts() { # NUMBER
    tally audit pack --invoice "$1" -o "$1.txt" 2>"$BATS_TEST_TMPDIR/words" || { cat "$BATS_TEST_TMPDIR/words"; return 1; }
    tally audit verify --json "$1.txt" >"$1.json" || { cat "$1.json"; return 1; }
    if command -v node >/dev/null; then
        diff <(jq -cS . "$1.json") <(node "$VERIFY" "$1.txt" | jq -cS .) || return 1
    fi
    jq -r '"\(.rows_recomputed)/\(.rows) \(.lines_recomputed)/\(.lines)"' "$1.json"
}

@test "minutes that came after an invoice are worked out again, beside those before them" {
    ada
    tally rule set work --path /work --client acme 2>/dev/null
    tally contract set c --client acme --rate 60 --ai-cost none --rounding-minutes 15 --minimum-minutes 12 2>/dev/null
    session 09:00 09:05 09:10
    issue c --period 2026-03 # 10 minutes are 15
    session 09:11 09:15 09:20
    issue c --period 2026-03 # 20 are 30, of which 15 are billed
    [ "$(tally invoice show AK-2026-0002 --json | jq -r .total)" = 15.00 ]
    [ "$(counts AK-2026-0002)" = "1/1 1/1" ]
    # The first shows less than there is by now: only what it was made of is in its pack.
    [ "$(counts AK-2026-0001)" = "1/1 1/1" ]
    # Together they show more of the day than the first bills, which is said to be its word.
    tally audit pack --client acme --period all -o both.txt 2>/dev/null
    tally audit verify both.txt --json | jq -e '.ok and .lines_recomputed == 1 and .lines == 2'
}

@test "words that were redacted since an invoice was issued leave its pack to be made and verified" {
    ada
    tally contract set c --client acme --rate 100 --rounding-minutes 15 --rounding-per line 2>/dev/null
    local first second
    first=$(tally time add --client acme --date 2026-03-02 --duration 20m "The secret parser" --json 2>/dev/null | jq -r .id)
    second=$(tally time add --client acme --date 2026-03-02 --duration 20m "The secret lexer" --json 2>/dev/null | jq -r .id)
    issue c --period 2026-03
    tally redact "$first" --reason "a name" >/dev/null 2>&1
    tally redact "$second" --reason "a name" >/dev/null 2>&1
    [ "$(counts AK-2026-0001)" = "2/2 2/2" ]
}
