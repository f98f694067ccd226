# Bars of invoices and audit packs.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the files beside this

readonly pack_answers=260 pack_bar_bytes=1000000 page_bar_us=2000000

# A month of a ledger of many costs, for a client with an agreement on hours and on the AI cost.
bench_invoice() {
    local us kib folder=$scratch/billing
    need_ledger
    cp -r --reflink=auto "$ledger" "$folder"
    tally issuer set "Ada Example" --name "Ada Example" --prefix AK --ledger "$folder" >/dev/null 2>&1
    tally client set acme --title "Acme Ltd" --ledger "$folder" >/dev/null 2>&1
    tally rule set acme --path /home/dev/clients/project-01 --client acme --ledger "$folder" >/dev/null 2>&1
    tally contract set shop --client acme --title Shop --rate 100 --currency USD --ai-cost markup --markup-percent 10 \
        --ledger "$folder" >/dev/null 2>&1
    tally invoice draft shop --period 2026-03 --ledger "$folder" >"$scratch/draft" 2>&1 || die "$(cat "$scratch/draft")"
    read -r us kib _ < <(process 9 "$build/tally" invoice draft shop --period 2026-03 --ledger "$folder")
    figure "invoice draft of a month in $costs costs" "$(ms "$us")"
    note "resident: $(mib "$kib")"
    read -r us _ < <(process 1 "$build/tally" invoice issue shop --period 2026-03 --yes --ledger "$folder")
    figure "invoice issue, the same" "$(ms "$us")"
    read -r us _ < <(process 5 "$build/tally" invoice verify AK-2026-0001 --ledger "$folder")
    figure "invoice verify, the same, derived again" "$(ms "$us")"
    rm -rf -- "$folder"
}

# The hours and answers of one session: about two records a minute.
make_session() { # ID DIRECTORY DAY ANSWERS
    local folder=$scratch/packs/home/.claude/projects/$1
    mkdir -p "$folder"
    jq -nc --arg id "$1" --arg cwd "$2" --arg day "$3" --argjson n "$4" '
        def two: tostring | if length < 2 then "0" + . else . end;
        range($n) as $i | ($day + "T" + (8 + ($i / 60 | floor) | two) + ":" + ($i % 60 | two)) as $t
        | {sessionId: $id, cwd: $cwd, version: "2.1.0", isSidechain: false, userType: "external"} as $head
        | ($head + {type: "user", timestamp: ($t + ":00.000Z"), uuid: "\($id)-u\($i)",
              message: {role: "user", content: "go on"}}),
          ($head + {type: "assistant", timestamp: ($t + ":30.000Z"), uuid: "\($id)-a\($i)", requestId: "\($id)-r\($i)",
              message: {id: "\($id)-m\($i)", role: "assistant", model: "claude-sonnet-4-6",
                  usage: {input_tokens: (100 + $i), output_tokens: 1000, cache_read_input_tokens: 20000,
                      cache_creation_input_tokens: 300}}})' >"$folder/$1.jsonl"
}

make_pack() {
    local folder=$scratch/packs/ledger
    new_ledger
    make_session acme-1 /work/acme/shop 2026-03-02 "$pack_answers"
    make_session acme-2 /work/acme/shop 2026-03-03 "$pack_answers"
    mv "$scratch/ledger" "$folder"
    {
        tally issuer set Bench --name "Ada Kline" --prefix AK --ledger "$folder"
        tally client set acme --title "Acme Ltd" --ledger "$folder"
        tally rule set acme --path /work/acme --client acme --ledger "$folder"
        tally capture --ledger "$folder" --root "$scratch/packs/home"
        tally contract set shop --client acme --title Shop --rate 100 --currency USD --ai-cost markup --markup-percent 10 \
            --ledger "$folder"
        tally invoice issue shop --period 2026-03 --yes --ledger "$folder"
        tally audit pack --invoice AK-2026-0001 -o "$scratch/pack.html" --ledger "$folder"
        tally audit pack --invoice AK-2026-0001 -o "$scratch/pack.txt" --ledger "$folder"
    } >"$scratch/log" 2>&1 || die "cannot make a pack: $(tail -n 3 "$scratch/log")"
}

# Wall time of a headless browser until the page has its verdict, and of one that opens an empty page.
browse() { # FILE
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/browser" \
        --virtual-time-budget=20000 --dump-dom "file://$1" 2>/dev/null >"$scratch/dom"
}

browser_us() { # FILE
    local start
    start=$(date +%s%N)
    browse "$1" || return 1
    echo $((($(date +%s%N) - start) / 1000))
}

bench_packs() {
    local bytes us round pages=() blanks=() records
    make_pack
    bytes=$(wc -c <"$scratch/pack.html")
    records=$(tally audit verify "$scratch/pack.txt" --json | jq '[.. | .records? // empty | numbers] | max // 0')
    limit "audit pack of $records records, one page" "$bytes B" "$bytes" "$pack_bar_bytes" "1 MB"
    read -r us _ < <(process 9 "$build/tally" audit verify "$scratch/pack.html")
    figure "audit verify of it (C)" "$(ms "$us")"
    read -r us _ < <(process 3 node tests/pack/verify.js "$scratch/pack.txt")
    figure "the page's script under node" "$(ms "$us")"
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
    printf '<!doctype html><title>-</title>' >"$scratch/blank.html"
    if [ -z "$browser" ] || ! browse "$scratch/pack.html" || ! grep -q data-verdict "$scratch/dom"; then
        note "in a browser: left out, no chromium runs here"
        return 0
    fi
    for ((round = 0; round < rounds; round++)); do
        pages+=("$(browser_us "$scratch/pack.html")")
        blanks+=("$(browser_us "$scratch/blank.html")")
    done
    us=$(($(median "${pages[@]}") - $(median "${blanks[@]}")))
    limit "the page in headless Chromium, beyond an empty page" "$(ms "$us")" "$us" "$page_bar_us" "2 s"
}
