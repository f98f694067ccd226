#!/usr/bin/env bats
# Audit packs: what is in one, what is never in one, that every changed byte is found, and that it can be
# checked by hand.
load common

# A Claude Code session: one prompt and one answer a minute.
session() { # ID DIRECTORY DAY ANSWERS
    local folder=$HOME/.claude/projects/$1
    mkdir -p "$folder"
    jq -nc --arg id "$1" --arg cwd "$2" --arg day "$3" --argjson n "$4" '
        def two: tostring | if length < 2 then "0" + . else . end;
        range($n) as $i | ($day + "T" + (8 + ($i / 60 | floor) | two) + ":" + ($i % 60 | two)) as $t
        | {sessionId: $id, cwd: $cwd, version: "2.1.0", isSidechain: false, userType: "external"} as $head
        | ($head + {type: "user", timestamp: ($t + ":00.000Z"), uuid: "\($id)-u\($i)",
              message: {role: "user", content: "go on"}}),
          ($head + {type: "assistant", timestamp: ($t + ":30.000Z"), uuid: "\($id)-a\($i)", requestId: "\($id)-r\($i)",
              message: {id: "\($id)-m\($i)", role: "assistant", model: "claude-sonnet-4-5-20250929",
                  usage: {input_tokens: (100 + $i), output_tokens: 1000, cache_read_input_tokens: 20000,
                      cache_creation_input_tokens: 300}}})' >"$folder/$1.jsonl"
}

# Acme's work, and what must stay with zebracorp: its names, tag, path and amount.
office() { # ANSWERS-OF-ACME
    new_ledger --currency USD
    tally issuer set Ada --name "Ada Kline" --prefix AK
    tally client set acme --title "Acme Ltd" --city Berlin --country DE
    tally client set zebracorp --title "Zebra Holdings"
    tally project set quagga --client zebracorp
    tally rule set acme --path /work/acme --client acme
    tally rule set z --path /work/okapi --client zebracorp --tag stripes
    tally rule set z2 --path /work/okapi --client zebracorp
    session acme-1 /work/acme/shop 2026-03-02 "$1"
    session acme-2 /work/acme/zebracorp-import 2026-03-03 3
    session both-1 /work/both 2026-03-04 4
    session own-1 /work/okapi/web 2026-03-05 5
    tally capture
    tally split both-1 acme=2 zebracorp/quagga=1
    tally tag add stripes --session own-1
    tally describe acme-2 "Import of orders" # its directory would be on the invoice
    tally contract set shop --client acme --title "Shop" --rate 100 --currency EUR --ai-cost markup --markup-percent 10
    tally contract set zoo --client zebracorp --rate 66777.13
    tally fx set USD EUR --date 2026-03-01 --rate 0.92
    tally time add --client acme --date 2026-03-06 --duration 2h "Review of the checkout"
    tally time add --client zebracorp --date 2026-03-06 --duration 1h "Feeding of the zebras"
    echo receipt >receipt.pdf
    tally expense add --category vector_db --provider Pinecone --amount 42.10 --currency EUR --date 2026-03-31 \
        --client acme --evidence receipt.pdf
    tally expense add --category gpu --provider Zookeeper --amount 66777.13 --date 2026-03-31 --client zebracorp
    tally invoice issue shop --period 2026-03 --yes
} >/dev/null 2>"$BATS_TEST_TMPDIR/office.words"

# All that a pack says, with every base64 field decoded.
decoded() { # PACK
    cat "$1"
    tr ' ' '\n' <"$1" | grep -E '^[A-Za-z0-9+/]{8,}={0,2}$' | while read -r field; do
        base64 -d <<<"$field" 2>/dev/null || true
        echo
    done
}

@test "a pack of an invoice is written, checked, and says what was recomputed" {
    office 10
    tally audit pack --invoice AK-2026-0001 -o pack.txt
    tally audit verify pack.txt | grep -q '^ok: '
    tally audit verify pack.txt --json >verdict
    jq -e '.ok and .invoices == 1 and .withheld >= 3 and .line == null' verdict
    # All but what is shared with zebracorp, or stands in a directory that names it.
    jq -e '.rows_recomputed > 10 and .rows_recomputed < .rows and .lines_recomputed >= 1' verdict
    [ "$(jq -r .team verdict)" = "$(tally status --json | jq -r .team)" ]
    mkdir plain
    tally audit pack --client acme --period all -o plain/ 2>/dev/null
    tally audit verify plain | grep -q '^ok: '
    printf '<!doctype html><script id="pack" type="text/plain">%s\n</script>' "$(cat pack.txt)" >page.html
    tally audit verify page.html | grep -q '^ok: '
}

@test "a pack for one client holds nothing of another, decoded or not" {
    office 3
    tally audit pack --invoice AK-2026-0001 -o pack.txt
    decoded pack.txt >all
    grep -aq "acme" all
    grep -aq "Review of the checkout" all
    not grep -ai -e zebra -e quagga -e stripes -e okapi -e zookeeper all
    # 66777.13 in pico-units and in cents, as msgpack packs them.
    [ "$(od -An -v -tx1 all | tr -d ' \n' | grep -c -e 00ed3d9b53a0b400 -e 0065e4c1)" -eq 0 ]
    # The same words are there to be found in one's own auditor's.
    tally audit export --period 2026 -o year.txt
    decoded year.txt >all
    grep -aq zebracorp all
    tally audit verify year.txt | grep -q '^ok: '
}

@test "descriptions and evidence may stay out, and the pack still verifies" {
    office 3
    tally audit pack --invoice AK-2026-0001 -o whole.txt
    tally audit pack --invoice AK-2026-0001 --withhold-descriptions -o bare.txt
    tally audit verify bare.txt | grep -q '^ok: '
    [ "$(grep -c '^blob ' whole.txt)" -eq 3 ]
    [ "$(grep -c '^blob ' bare.txt)" -eq 1 ]
    decoded whole.txt | grep -aq receipt
    decoded bare.txt >all
    not grep -a '^receipt$' all
}

@test "a pack of five hundred records is below a megabyte" {
    office 490
    tally audit pack --invoice AK-2026-0001 -o pack.txt
    [ "$(grep -c '^record ' pack.txt)" -ge 490 ]
    [ "$(stat -c %s pack.txt)" -lt 1000000 ]
    tally audit verify pack.txt | grep -q '^ok: '
}

@test "every changed byte is refused, under the name of what was changed" {
    office 4
    tally audit pack --invoice AK-2026-0001 -o pack.txt
    seed=${FLIP_SEED:-$RANDOM}
    echo "FLIP_SEED=$seed"
    RANDOM=$seed
    size=$(stat -c %s pack.txt)
    for _ in $(seq 60); do
        at=$(((RANDOM * 32768 + RANDOM) % size))
        cp pack.txt bad.txt
        byte=$(od -An -tu1 -j "$at" -N 1 pack.txt)
        printf "\\x$(printf %x $((byte ^ (1 << RANDOM % 7))))" | dd of=bad.txt bs=1 seek="$at" conv=notrunc status=none
        fails=0
        tally audit verify bad.txt --json >verdict || fails=$?
        [ "$fails" -eq 1 ] || { echo "byte $at: exit $fails"; cat verdict; return 1; }
        line=$(($(head -c "$at" pack.txt | wc -l) + 1))
        jq -e --argjson line "$line" '(.ok | not) and .line >= $line and (.subject | length > 0)' verdict ||
            { echo "byte $at of line $line"; cat verdict; return 1; }
        # What is wrong with a record, a blob or a checkpoint is found there.
        case $(sed -n "${line}p" bad.txt | cut -d' ' -f1) in
            record | leaf | blob | checkpoint | document) [ "$(jq .line verdict)" -eq "$line" ] ;;
        esac
    done
}

@test "what a teammate cosigned is in the pack, and who that teammate is" {
    office 3
    BEN="$BATS_TEST_TMPDIR/ben"
    join_team "$TALLY_HOME" "$BEN" Ben desktop
    tally sync export --all segment.tally 2>/dev/null
    tally sync import segment.tally --ledger "$BEN" 2>/dev/null
    tally audit cosign --ledger "$BEN"
    tally sync export --all back.tally --ledger "$BEN" 2>/dev/null
    tally sync import back.tally 2>/dev/null
    tally audit pack --invoice AK-2026-0001 -o pack.txt
    tally audit verify pack.txt --json | jq -e '.ok and .cosignatures >= 1 and .devices == 2'
    tally audit proof "$(tally log --json | head -1 | jq -r .hash)" >record.tlog-proof
    [ "$(grep -c '^— tally.invalid/' record.tlog-proof)" -eq 2 ]
    # Ben packs the same, but for the seal.
    tally audit pack --invoice AK-2026-0001 -o ben.txt --ledger "$BEN"
    tally audit verify ben.txt --json >verdict
    [ "$(jq -r .sealed_by verdict)" != "$(tally audit verify pack.txt --json | jq -r .sealed_by)" ]
    tally audit diff pack.txt ben.txt
    # A witness's word that is changed is its word no more.
    sed 's/^\(cosignature 0 [0-9]* [0-9]*\) /\1 1/' pack.txt >late.txt
    try tally audit verify late.txt
    [[ "$output" == "bad, line "*", cosignature 0 of checkpoint "* ]]
}

@test "two packs are held against each other" {
    office 3
    tally audit pack --invoice AK-2026-0001 -o a.txt
    tally audit diff a.txt a.txt
    tally invoice pay AK-2026-0001 10 --date 2026-04-01
    tally audit pack --invoice AK-2026-0001 -o b.txt
    try tally audit diff a.txt b.txt
    [ "$status" -eq 1 ]
    [[ "$output" == "record "*"only in b.txt" ]]
    [ "$(tally audit diff a.txt b.txt --json | jq -r '.[].what')" = record ]
    fails_with 3 tally audit diff a.txt receipt.pdf
}

@test "a record's proof is a tlog-proof whose hashes lead to its signed root" {
    office 3
    hash=$(tally log --json | jq -r 'select(.kind == "cost") | .hash' | sed -n 5p)
    tally audit proof "$hash" -o record.tlog-proof
    [ "$(head -1 record.tlog-proof)" = c2sp.org/tlog-proof@v1 ]
    [ "$(sed -n 2p record.tlog-proof)" = "index $(tally show "$hash" --json | jq .inclusion.leaf_index)" ]
    sed -n '3,/^$/p' record.tlog-proof | sed '$d' | while read -r line; do base64 -d <<<"$line" | od -An -v -tx1 | tr -d ' \n'; echo; done >hashes
    tally show "$hash" --json | jq -r '.inclusion.hashes[]' | cmp - hashes
    sed '1,/^$/d' record.tlog-proof >note
    tally show "$hash" --json | jq -j .checkpoint | cmp - note
}

@test "a pack needs to know of what, and says so" {
    office 1
    fails_with 2 tally audit pack
    fails_with 2 tally audit pack --invoice AK-2026-0001 --client acme
    fails_with 2 tally audit export
    fails_with 1 tally audit pack --invoice AK-2026-0099
    fails_with 1 tally audit pack --client acme --period 2001
    try tally audit verify receipt.pdf
    [ "$status" -eq 1 ]
    [[ "$output" == "bad, line 1, pack line 1: "* ]]
}

@test "a pack is checked by hand with the protocol's own commands" {
    command -v openssl >/dev/null || skip "no openssl here"
    openssl pkeyutl -help 2>&1 | grep -q rawin || skip "this openssl verifies no Ed25519"
    sed -n '/^### By hand/,/^## /{/^```sh$/,/^```$/p}' "$TALLY_TEST_DATA/../PROTOCOL.md" | sed '/^```/d' >by-hand
    [ "$(wc -l <by-hand)" -gt 30 ]
    for item in 0 5 20 29; do # of the sample
        pack="$TALLY_TEST_DATA/pack/sample.txt" item=$item bash -e by-hand
    done
    # It can fail: a changed record leads to no root, a changed seal is nobody's.
    sed '/^record 20 /s/ lA/ lB/' "$TALLY_TEST_DATA/pack/sample.txt" >bad.txt
    [ "$(cmp -l bad.txt "$TALLY_TEST_DATA/pack/sample.txt" | wc -l)" -eq 1 ]
    fails=0
    pack=bad.txt item=20 bash -e by-hand >/dev/null 2>&1 || fails=$?
    [ "$fails" -ne 0 ]
}
