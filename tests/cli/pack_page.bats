#!/usr/bin/env bats
# The auditor's page: one file that checks itself, with a verifier that shares nothing with ours. Under
# node it is the same script: tests/pack/verify.js.
load common

SAMPLE=$TALLY_TEST_DATA/pack/sample.txt
VERIFY=$TALLY_TEST_DATA/pack/verify.js

with_node() {
    command -v node >/dev/null || skip "node is not installed"
}

# A page of a ledger with an invoice of its own.
page() { # FILE
    new_ledger --currency USD
    tally issuer set Ada --name "Ada </script><b>Kline" --prefix AK
    tally client set acme --title "Acme Ltd"
    tally contract set shop --client acme --rate 100 --currency EUR
    tally time add --client acme --date 2026-03-06 --duration 2h "Review <!--<script> of the checkout"
    tally invoice issue shop --period 2026-03 --yes
    tally audit pack --invoice AK-2026-0001 -o "$1"
} >/dev/null 2>&1

# Chromium's view of a page once its script is done.
seen() { # FILE
    local browser
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        skip "no chromium is installed"
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$BATS_TEST_TMPDIR/browser" \
        --virtual-time-budget=20000 --dump-dom "file://$PWD/$1" 2>/dev/null >dom || skip "chromium does not run here"
    grep -q 'data-verdict' dom || { head -c 2000 dom; return 1; }
}

@test "the page is one file that asks nobody for anything, and the pack in it is the text" {
    page page.html
    tally audit pack --invoice AK-2026-0001 -o pack.txt 2>/dev/null
    tally audit verify page.html | grep -q '^ok: '
    [ "$(grep -c '</script>' page.html)" -eq 2 ]
    [ "$(grep -c '<script' page.html)" -eq 2 ]
    grep -q "default-src 'none'" page.html
    [ "$(grep -cE 'https?://| src=|@import|[: ]url\(' page.html)" -eq 0 ]
    # Apart from the seal, whose signature is of these bytes, it is the same text.
    sed -n '/<script id="pack"/,/^<\/script>/p' page.html | sed '1s/.*plain">//;$d' | cmp - pack.txt
}

@test "the page's own hashes, signatures, reader, prices and hours keep to published vectors" {
    with_node
    [ "$(node "$VERIFY" --vectors)" = "all vectors hold" ]
}

@test "both implementations say the same of a pack" {
    with_node
    page page.html
    for file in "$SAMPLE" page.html; do
        tally audit verify --json "$file" | jq -cS . >ours
        node "$VERIFY" "$file" | jq -cS . | diff ours -
    done
}

@test "both implementations refuse each changed byte, at the same line and under the same name" {
    with_node
    seed=${FLIP_SEED:-$RANDOM}
    count=${FLIP_COUNT:-60}
    echo "FLIP_SEED=$seed"
    node "$VERIFY" --flips "$SAMPLE" "$seed" "$count" >flips
    [ "$(wc -l <flips)" -eq "$count" ]
    while read -r at byte line subject; do
        cp "$SAMPLE" bad.txt
        printf "\\x$(printf %02x "$byte")" | dd of=bad.txt bs=1 seek="$at" conv=notrunc status=none
        tally audit verify --json bad.txt >ours || true
        [ "$(jq -r '"\(.line) \(.subject)"' ours)" = "$line $subject" ] ||
            { echo "byte $at = $byte: the page says $line $subject"; cat ours; return 1; }
    done <flips
}

@test "both implementations find the same wrong with a field that stands in another's place" {
    with_node
    seed=${FLIP_SEED:-$RANDOM}
    count=${FLIP_COUNT:-60}
    echo "FLIP_SEED=$seed"
    node "$VERIFY" --swaps "$SAMPLE" "$seed" "$count" >swaps
    [ "$(wc -l <swaps)" -eq "$count" ]
    while read -r at field value line subject; do
        awk -v at="$at" -v field="$field" -v value="$value" 'NR == at { $field = value } 1' "$SAMPLE" >bad.txt
        tally audit verify --json bad.txt >ours || true
        [ "$(jq -r '"\(.line) \(.subject)"' ours)" = "$line $subject" ] ||
            { echo "field $field of line $at = $value: the page says $line $subject"; cat ours; return 1; }
    done <swaps
}

@test "a browser opens the page from a file and shows that it is verified" {
    page page.html
    seen page.html
    grep -q '<html[^>]*data-verdict="ok"' dom
    grep -q '<h1>Verified</h1>' dom
    grep -q 'every figure verified: [0-9]* records, 1 device, 0 witnesses' dom
    # Names are text, whatever they hold.
    grep -q 'Ada &lt;/script&gt;&lt;b&gt;Kline' dom
}

@test "a browser names what is wrong with a changed page" {
    page page.html
    line=$(grep -n '^record 3 ' page.html | cut -d: -f1)
    sed "${line}s/.\{9\}\$/AAAAAAAAA/" page.html >bad.html
    try tally audit verify --json bad.html
    [ "$status" -eq 1 ]
    subject=$(jq -r .subject <<<"$output")
    seen bad.html
    grep -q '<html[^>]*data-verdict="bad"' dom
    grep -qF "data-subject=\"$subject\"" dom
    grep -q '<h1>Not verified</h1>' dom
}
