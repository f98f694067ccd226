#!/usr/bin/env bats
# An invoice in every format, from what a user types to what a client gets.
load common

# Four tasks at 185 an hour and two bills: 3,467.00. Seller in Germany, buyer in the United States.
hourly() {
    new_ledger --currency USD
    tally issuer set Ada --name "Ada Kline Software" --prefix AK --street "Torstraße 140" --city Berlin \
        --postcode 10119 --country DE --tax-id DE123456789 --iban DE89370400440532013000 --bic COBADEFFXXX
    tally client set acme --title "Acme Legal, Inc." --street "500 Howard Street" --city "San Francisco" \
        --postcode 94105 --country US
    tally contract set rag --client acme --title "RAG eval debugging" --rate 185 --po-number PO-77120
    tally time add --client acme --date 2026-03-03 --duration 4h30m "Eval failure diagnosis (citation-grounding regression)"
    tally time add --client acme --date 2026-03-05 --duration 6h "Retrieval pipeline tuning (chunk size + reranker config)"
    tally time add --client acme --date 2026-03-10 --duration 5h "New eval set construction + baseline scoring"
    tally time add --client acme --date 2026-03-12 --duration 2h "Production cutover monitoring"
    tally expense add --category llm --provider Anthropic --amount 187.40 --date 2026-03-31 --client acme
    tally expense add --category embedding --provider Cohere --amount 42.10 --date 2026-03-31 --client acme
} >/dev/null 2>&1

draft() { tally invoice draft --client acme --period 2026-03 "$@" 2>words; }

need_program() { command -v "$1" >/dev/null || skip "no $1 here"; }

need_fonts() { # runs a draft as PDF
    try draft --format pdf --output probe.pdf
    [[ "$(cat words)" != *"apt install"* ]] || skip "$(cat words)"
}

@test "every text shows the sum, and stands by itself" {
    hourly
    for format in text md html; do
        draft --format $format >out.$format
        grep -q 'USD 3,467\.00' out.$format
        grep -q DRAFT out.$format
        grep -q 'Torstraße 140' out.$format
        grep -q 'PO' out.$format
    done
    [ "$(awk '{ gsub(/[^ -~]/, ""); if (length > 80) n++ } END { print n + 0 }' out.text)" = 0 ]
    not grep -qE '(src|href)=|https?:|@import|<script' out.html
}

@test "CSV has a row a line and JSON every figure" {
    hourly
    draft --format csv >out.csv
    [ "$(wc -l <out.csv)" -eq 7 ]
    [ "$(head -2 out.csv | tail -1)" = ',rag,acme,2026-03-01,2026-03-31,1,engineering,hours,,Eval failure diagnosis (citation-grounding regression),,4.50,hour,185.00,832.50,USD,O,0,false,1' ]
    draft --format json | jq -e '.total == "3467.00" and .draft and .number == null and (.lines | length) == 6 and
        ([.lines[] | .trace_count] | add) == (.trace | length) and .seller.iban == "DE89370400440532013000" and
        (.trace_digest | test("^[0-9a-f]{64}$")) and (.frontier | length) == 1'
}

@test "a PDF has its figures as text, and the same bytes with another home, locale and time zone" {
    hourly
    need_fonts
    draft --format pdf --output one.pdf
    mkdir -p elsewhere/.config/fontconfig
    printf '<fontconfig><dir>/usr/share/fonts</dir><match><edit name="family" mode="assign" binding="strong"><string>DejaVu Serif</string></edit></match></fontconfig>' \
        >elsewhere/.config/fontconfig/fonts.conf
    HOME=$PWD/elsewhere LC_ALL=de_DE.UTF-8 LANG=ja_JP.UTF-8 TZ=Asia/Tokyo PANGO_LANGUAGE=ja \
        FONTCONFIG_FILE=$PWD/elsewhere/.config/fontconfig/fonts.conf draft --format pdf >other.pdf
    cmp one.pdf other.pdf
    need_program pdftotext
    pdftotext -layout one.pdf one.txt
    grep -q 'USD 3,467.00' one.txt
    grep -q 'DE89 3704 0044 0532 0130 00' one.txt
    grep -qE '1 ?/ ?1$' one.txt
}

@test "an issued invoice goes out as PDF under its number, and as UBL" {
    hourly
    fails_with 4 draft --format ubl
    grep -q 'BR-02' words
    tally invoice issue rag --period 2026-03 --yes --format ubl --output AK.xml 2>words || { cat words; false; }
    number=$(tally invoice list --json | jq -r '[.. | .number? // empty][0]')
    [[ $number == AK-*-0001 ]]
    need_program xmllint
    [ "$(xmllint --xpath "string(/*/*[local-name()='ID'])" AK.xml)" = "$number" ]
    [ "$(xmllint --xpath "string(//*[local-name()='PayableAmount'])" AK.xml)" = 3467.00 ]
    need_fonts
    tally invoice show "$number" --format pdf --output AK.pdf
    need_program pdftotext
    pdftotext -layout AK.pdf AK.txt
    grep -q "Invoice $number" AK.txt
    not grep -q DRAFT AK.txt
}

@test "a format that is none is wrong usage, and a file is written whole or not at all" {
    hourly
    fails_with 2 draft --format docx
    echo before >kept
    fails_with 4 draft --format ubl --output kept
    [ "$(cat kept)" = before ]
}
