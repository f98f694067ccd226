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
        message: {id: "m\($at)", type: "message", role: "assistant", model: "claude-sonnet-4-5-20250929",
            content: [{type: "text", text: "done"}], usage: {input_tokens: 1000000, output_tokens: 200000}}}' \
        >>"$folder/aaaaaaaa-0000-4000-8000-000000000001.jsonl"
    tally capture --root "$HOME" >/dev/null 2>&1
}

issue() { tally invoice issue "$@" --yes >/dev/null 2>&1; }

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

bill() { # AMOUNT [OPTION...]: a bill of GPU hours, its entry on stdout
    tally expense add --category gpu --provider Modal --amount "$1" --date 2026-03-20 --client acme "${@:2}" \
        --json 2>/dev/null | jq -r .id
}

hours() { # DURATION DATE [PROJECT]
    tally time add --client acme --date "$2" --duration "$1" ${3:+--project "$3"} "A fix of the parser" >/dev/null 2>&1
}

@test "hours and bills are all worked out again" {
    ada
    echo receipt >receipt.pdf
    tally contract set rag --client acme --rate 185 2>/dev/null
    hours 4h30m 2026-03-03
    hours 6h 2026-03-05
    bill 187.40 --evidence receipt.pdf
    issue rag --period 2026-03
    [ "$(counts AK-2026-0001)" = "3/3 2/2" ]
}

@test "a milestone is what others leave, a change order is what was agreed, a deposit is the issuer's word" {
    ada
    tally contract set mvp --client acme --title MVP --fee 30000 2>/dev/null
    for n in 1 2 3; do tally milestone set mvp $n --title "Part $n" 2>/dev/null; done
    tally milestone set mvp 2 --percent 30 2>/dev/null
    tally milestone set mvp 3 --fee 5000 2>/dev/null
    tally deposit receive mvp 7500 --date 2026-01-05 --credit 1=4000 --credit 2=3500 2>/dev/null
    tally change set mvp CR-1 --title "More of it" --amount 2400 2>/dev/null
    tally change approve mvp CR-1 --date 2026-03-10 2>/dev/null
    for n in 1 2 3; do
        tally milestone accept mvp $n --date 2026-03-2$n 2>/dev/null
        issue mvp --period 2026-03 --milestone $n
    done
    [ "$(counts AK-2026-0001)" = "3/3 1/3" ] # the change order; what 30 % and 5,000 leave, and the deposit, are claimed
    [ "$(counts AK-2026-0002)" = "2/2 1/2" ] # 30 % of 30,000
    [ "$(counts AK-2026-0003)" = "1/1 1/1" ] # 5,000
}

@test "a retainer is what was agreed, what is above it the issuer's word" {
    ada
    tally contract set care --client acme --retainer 9000 --included-hours 10 --overage-rate 185 2>/dev/null
    hours 13h 2026-03-03
    issue care --period 2026-03
    [ "$(counts AK-2026-0001)" = "2/2 1/2" ]
}

@test "a fixed bid is what was agreed, a credit on it the issuer's word" {
    ada
    tally contract set fixed --client acme --fee 9725 2>/dev/null
    tally contract set after --client acme --rate 100 2>/dev/null
    issue fixed --period 2026-03
    [ "$(counts AK-2026-0001)" = "1/1 1/1" ]
    hours 2h 2026-03-03
    tally invoice credit after 92.50 "Too much" --for AK-2026-0001 2>/dev/null
    issue after --period 2026-03
    [ "$(counts AK-2026-0002)" = "2/2 1/2" ]
}

@test "shares are worked out again, but for what is shared with another client" {
    ada
    tally client set fin --title "Fin Ltd" 2>/dev/null
    tally contract set c --client acme --rate 100 2>/dev/null
    tally split "$(bill 90)" acme=1 fin=2 2>/dev/null
    tally split "$(bill 80)" acme/shop=1 acme/web=2 2>/dev/null
    tally split "$(bill 60)" acme/shop=1 acme/web=1 2>/dev/null
    issue c --period 2026-03
    # A third of 90, of which fin has the rest, is claimed; four shares of 80 and 60 are all acme's.
    [ "$(counts AK-2026-0001)" = "4/5 0/1" ]
}

@test "markup, exchange, time at a rate with the model in it, a budget and plans" {
    ada
    tally fx set USD EUR --date 2026-03-01 --rate 0.92 2>/dev/null
    tally fx set USD JPY --date 2026-03-01 --rate 150 2>/dev/null
    tally plan set max --provider anthropic --fee 200 --currency USD --from 2026-01 2>/dev/null
    tally rule set work --path /work --client acme 2>/dev/null
    session 09:00 09:05 09:10
    bill 31.99
    bill 31.99
    local n=0 how counted
    # What a plan paid for is all usage's share of it, and what is above a budget all invoices': claimed.
    while IFS='|' read -r how counted; do
        n=$((n + 1))
        eval "tally contract set c$n --client acme --rate 100 $how" 2>/dev/null
        issue c$n --period 2026-03
        [ "$(counts AK-2026-000$n)" = "$counted" ] || { echo "$how"; counts AK-2026-000$n; return 1; }
        tally invoice void AK-2026-000$n 2>/dev/null
    done <<'ROWS'
--ai-cost markup --markup-percent 10|4/4 3/3
--ai-cost in_rate --rate-extra 5|3/3 2/2
--ai-cost budget --ai-budget 3|4/4 3/4
--basis paid|3/4 2/3
--currency EUR --ai-cost markup --markup-percent 25|4/4 3/3
--currency JPY|4/4 3/3
ROWS
}

@test "minutes of two sessions at once are shared, and shown as claimed; a void invoice still verifies" {
    ada
    tally rule set work --path /work --client acme 2>/dev/null
    tally contract set c --client acme --rate 60 2>/dev/null
    session 09:00 09:05 09:10
    mkdir -p "$HOME/.claude/projects/other"
    sed 's/aaaaaaaa/bbbbbbbb/; s/"uuid":"/&x/; s/"id":"m/&x/; s/"requestId":"r/&x/; s/T09:05/T09:07/' \
        "$HOME/.claude/projects/work/"*.jsonl >"$HOME/.claude/projects/other/bbbbbbbb-0000-4000-8000-000000000001.jsonl"
    tally capture --root "$HOME" >/dev/null 2>&1
    issue c --period 2026-03
    [ "$(counts AK-2026-0001)" = "2/4 1/2" ] # two costs, and what they come to
    tally invoice void AK-2026-0001 2>/dev/null
    [ "$(counts AK-2026-0001)" = "2/4 1/2" ]
    jq -e '.voided == 1' AK-2026-0001.json
    tally audit verify AK-2026-0001.txt | grep -q "1 invoices (1 of them void);"
}

@test "a rate of a member is worked out again, one of a project only where what decided names it" {
    ada
    tally contract set c --client acme 2>/dev/null
    tally project set shop --client acme 2>/dev/null
    tally project set web --client acme 2>/dev/null
    tally rate set --client acme --project shop --amount 90 --currency USD 2>/dev/null
    tally rate set --member Ada --amount 80 --currency USD 2>/dev/null
    hours 1h 2026-03-03 shop
    hours 2h 2026-03-04 web
    tally split "$(tally time add --client acme --date 2026-03-05 --duration 1h "Both" --json 2>/dev/null | jq -r .id)" \
        acme/shop=1 acme/web=3 2>/dev/null
    issue c --period 2026-03
    # Time typed for a project says so; of what was split two shares say it in their own way: at 90 claimed, at 80 Ada's.
    [ "$(counts AK-2026-0001)" = "3/4 3/4" ]
}

# A pack with what it shows of a kind withheld: the same leaf, without its content.
withhold() { # KIND FILE
    local line bytes
    while IFS= read -r line; do
        bytes=${line##* }
        if [[ $line == record\ * ]] && base64 -d <<<"$bytes" | grep -qa "$1"; then
            line=${line% *}
            printf 'leaf%s %s\n' "${line#record}" \
                "$({ printf '\0'; base64 -d <<<"$bytes"; } | openssl dgst -sha256 -binary | base64)"
        else
            printf '%s\n' "$line"
        fi
    done <"$2"
}

@test "two living invoices of a pack that bill one thing are refused, by who makes it and who reads it" {
    two_teammates
    tally client set acme --title "Acme Ltd" --currency USD 2>/dev/null
    tally contract set c --client acme --rate 100 2>/dev/null
    tally time add --client acme --date 2026-03-02 --duration 1h "Work on the basket" >/dev/null 2>&1
    tally sync export all.seg >/dev/null 2>&1
    tally sync import all.seg --ledger "$BEN" >/dev/null 2>&1
    issue c --period 2026-03 --issue-date 2026-03-31
    issue c --period 2026-03 --issue-date 2026-03-31 --ledger "$BEN"
    tally sync export ben.seg --ledger "$BEN" >/dev/null 2>&1
    tally sync import ben.seg >/dev/null 2>&1
    fails_with 3 tally audit pack --client acme --period 2026 -o both.txt
    [[ "$words" == *"trace 0: another invoice under this contract bills it"*"tally invoice list"* ]]
    [ ! -e both.txt ]
    tally invoice void BE-2026-0001 2>/dev/null
    tally audit pack --client acme --period 2026 -o one.txt 2>/dev/null
    tally audit verify --json one.txt | jq -e '.ok and .invoices == 2 and .voided == 1'
    ! command -v node >/dev/null || node "$VERIFY" one.txt | jq -e '.ok and .voided == 1'
    withhold invoice.void one.txt >lie.txt
    tally audit verify --json lie.txt >ours || true
    jq -e '.subject == "trace 0" and (.why | test("another invoice under this contract"))' ours
    ! command -v node >/dev/null ||
        [ "$(jq -c '[.line, .subject]' ours)" = "$(node "$VERIFY" lie.txt | jq -c '[.line, .subject]')" ]
}
