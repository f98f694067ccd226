#!/usr/bin/env bats
# tally expense: bills beside tokens, with their evidence, each once, in no total of tokens.
load common

@test "one bill that two members recorded apart is named before anything is billed" {
    two_teammates
    tally client set acme --currency USD 2>/dev/null
    tally contract set c --client acme --currency USD 2>/dev/null
    printf 'date,category,provider,amount,currency,client\n2026-03-02,gpu,Modal,42.10,USD,acme\n2026-03-02,gpu,Modal,42.10,USD,acme\n2026-03-03,gpu,Modal,7,USD,acme\n' >bill.csv
    { cat bill.csv; echo; } >copy.csv # another file, as a mail program leaves it
    tally expense import bill.csv >/dev/null 2>&1
    # Two equal rows of one file are two expenses.
    tally expense list --period 2026-03 --json | jq -e '.alike == [] and (.entries | length == 3)'
    tally sync export team.seg >/dev/null 2>&1
    head -n 2 copy.csv >row.csv
    tally expense import row.csv --ledger "$BEN" >/dev/null 2>&1
    tally sync export ben.seg --ledger "$BEN" >/dev/null 2>&1
    tally sync import ben.seg >/dev/null 2>&1
    tally expense list --period 2026-03 --json >list.json
    jq -e '(.entries | length == 4) and (.alike | length >= 1) and
        ([.alike[][]] - [.entries[] | select(.amount == "42.10").id] == [])' list.json
    try tally expense list --period 2026-03
    [[ "$words" == *"recorded alike on two devices"*"tally void"* ]]
    tally invoice draft c --period 2026-03 --json 2>/dev/null |
        jq -e '.warnings | any(test("recorded alike on two devices: .* by (Ada|Ben) and .* by (Ada|Ben), both Modal 42.10 USD of 2026-03-02"))'
    tally void "$(jq -r '.entries[] | select(.member == "Ben").id' list.json)" 2>/dev/null
    tally expense list --period 2026-03 --json | jq -e '.alike == []'
    tally invoice draft c --period 2026-03 --json 2>/dev/null |
        jq -e '.total == "91.20" and (.warnings | any(test("alike")) | not)'
}

@test "one file behind expenses of two members that say different things is named" {
    two_teammates
    add() { tally expense add --category gpu --provider Modal --currency USD --date 2026-03-02 "$@" 2>/dev/null; }
    echo 'Modal, March: 42.10' >bill.pdf
    echo 'Modal, March: 42.11' >other.pdf # of the same length
    cp bill.pdf mail.pdf
    add --amount 42.10 --evidence bill.pdf
    add --amount 9.00 --evidence bill.pdf # a second row of one's own bill
    add --amount 5 --evidence other.pdf
    tally expense list --json | jq -e '.same_evidence == []'
    tally sync export team.seg >/dev/null 2>&1
    add --ledger "$BEN" --amount 41.20 --evidence mail.pdf
    add --ledger "$BEN" --amount 1.00
    tally sync export ben.seg --ledger "$BEN" >/dev/null 2>&1
    tally sync import ben.seg >/dev/null 2>&1
    tally expense list --json >list.json
    jq -e '.alike == [] and (.same_evidence | length) == 1 and
        ([.same_evidence[][]] - [.entries[] | select(.amount | IN("42.10", "9.00", "41.20")).id] == []) and
        ([.same_evidence[][]] | index($ben)) != null' list.json \
        --arg ben "$(jq -r '.entries[] | select(.amount == "41.20").id' list.json)"
    try tally expense list
    [[ "$words" == *"1 of this period rest on one evidence file that two devices recorded"*"tally void"* ]]
    # What says the same is alike already, and is named once.
    add --amount 41.20 --evidence bill.pdf
    tally expense list --json | jq -e '(.alike | length) == 1 and .same_evidence == []'
}

list() { tally expense list --json "$@"; }

cohere() {
    tally expense add --category embedding --provider Cohere --amount 42.10 --date 2026-03-12 "$@" 2>/dev/null
}

@test "an expense is listed as it was typed, and its evidence comes back to the byte" {
    new_ledger
    head -c 5000 /dev/urandom >cohere.PDF
    id=$(cohere --client acme --project rag --quantity 12.5 --unit hours --currency EUR --evidence cohere.PDF "reranker runs")
    [[ "$id" =~ ^[0-9a-f]{32}$ ]]
    list >r
    jq -e --arg id "$id" '.entries[0] | .id == $id and (.record | startswith($id)) and .date == "2026-03-12" and
        .category == "embedding" and .provider == "Cohere" and .amount == "42.10" and .currency == "EUR" and
        .quantity == "12.5" and .unit == "hours" and .client == "acme" and .project == "rag" and
        .note == "reranker runs" and .member == "Ada" and .void == false and
        .evidence.name == "cohere.PDF" and .evidence.type == "application/pdf" and .evidence.here' r
    jq -e '.expenses == [{currency: "EUR", amount: "42.10", entries: 1}]' r
    tally expense evidence "${id:0:8}" -o back.pdf 2>/dev/null
    cmp back.pdf cohere.PDF
    tally expense evidence "$id" --output - | cmp - cohere.PDF
    tally expense list >text
    grep -q "^${id:0:8} 2026-03-12 embedding Cohere .*42.10 EUR" text
    grep -q "^Total: 42.10 EUR, 1 entry$" text
    [ "$(tally show "$id" --json | jq -r .kind)" = expense ]
    tally verify --deep >/dev/null
    # Evidence that was redacted is said to be gone.
    tally redact "$(jq -r '.entries[0].evidence.blob' r)" 2>/dev/null
    fails_with 1 tally expense evidence "$id" -o gone.pdf
    [[ "$words" == *"was redacted"* ]]
    [ ! -e gone.pdf ]
}

@test "a project named alone is its client's, and defaults are the team's" {
    new_ledger --currency EUR
    tally project set rag --client acme 2>/dev/null
    tally expense add --category gpu --provider Modal --amount 76 --project rag >/dev/null 2>&1
    list | jq -e --arg today "$(date -u +%F)" '.entries[0] | .client == "acme" and .currency == "EUR" and .date == $today'
}

@test "void, assign, split and tag work on an expense, and shares add up" {
    new_ledger
    id=$(cohere --client acme)
    tally split "${id:0:10}" acme=1 fintech=1 own=1 2>/dev/null
    # 42.10 in three: 14.033333333334 for the first.
    tally expense list | grep -q "Cohere *acme *14.033333333334 USD"
    [ "$(list --client own | jq -r '.expenses[0].amount')" = 14.033333333333 ]
    [ "$(list | jq -r '.expenses[0] | "\(.amount) \(.entries)"')" = "42.10 1" ]
    tally split "$id" --clear 2>/dev/null
    tally assign "$id" --client fintech 2>/dev/null
    [ "$(list | jq -r '.entries[0] | "\(.client) \(.attribution.by)"')" = "fintech assign" ]
    tally assign "$id" --clear 2>/dev/null
    [ "$(list | jq -r '.entries[0].client')" = acme ]
    tally tag add red --entry "$id" 2>/dev/null
    [ "$(list --tag red | jq '.entries | length')" -eq 1 ]
    [ "$(list --tag blue | jq '.entries | length')" -eq 0 ]
    tally void "$id" --reason "booked twice" 2>/dev/null
    [ "$(list | jq -c '[.entries, .expenses]')" = '[[],[]]' ]
    tally void "$id" --undo 2>/dev/null
    [ "$(list | jq '.entries | length')" -eq 1 ]
    tally rebuild 2>/dev/null
    [ "$(list | jq '.entries | length')" -eq 1 ]
}

@test "a report shows expenses beside the rows, filtered alike, and in no total of tokens" {
    new_ledger
    jq -n '{costs: [{session: "s", agent: "codex", model: "gpt-5", project_path: "/w", total_cost: "5.00",
        time: "2026-03-02T12:00:00Z", tags: [], input_tokens: 7, output_tokens: 3, currency: "USD", id: ("0" * 31 + "1")}]}' |
        tally costs import - >/dev/null
    cohere --client acme >/dev/null
    cohere --client beta --currency EUR >/dev/null
    tally report --period 2026-03 --json |
        jq -e '.total.total_cost == "5.00" and .expenses == [{currency: "EUR", amount: "42.10", entries: 1},
            {currency: "USD", amount: "42.10", entries: 1}]'
    tally report --client acme --json | jq -e '[.expenses[].currency] == ["USD"]'
    tally report --period 2026-04 --json | jq -e '.expenses == []'
    tally report --agent codex --json | jq -e '.expenses == []'
    tally report | grep -q "^Expenses, in no row above: 42.10 EUR, 1 entry$"
}

import_file() {
    cat >march.csv <<'CSV'
note,amount,date,category,provider,client,quantity,unit,invoice_number
"GPU, two ""runs""",76,2026-03-03,gpu,Modal,acme,12.5,hours,17
,89.00,2026-03-31,vector_db,Pinecone,fintech,,,18
,89.00,2026-03-31,vector_db,Pinecone,fintech,,,18
CSV
}

@test "an import adds each row of a file once, two equal rows twice" {
    new_ledger
    import_file
    echo proof >bill.txt
    [ "$(tally expense import march.csv --evidence bill.txt --json | jq -c .)" = '{"added":3,"already_there":0}' ]
    [ "$(tally expense import march.csv --json | jq -c .)" = '{"added":0,"already_there":3}' ]
    list | jq -e '[.entries[] | [.provider, .amount, .note, .evidence.name]] | sort == [["Modal","76.00","GPU, two \"runs\"","bill.txt"],
        ["Pinecone","89.00",null,"bill.txt"],["Pinecone","89.00",null,"bill.txt"]]'
    [ "$(list | jq -r '[.entries[].evidence.blob] | unique | length')" -eq 1 ]
    # One that was voided does not come back by importing again.
    tally void "$(list | jq -r '.entries[0].id')" 2>/dev/null
    [ "$(tally expense import march.csv --json | jq .added)" -eq 0 ]
    [ "$(list | jq '.entries | length')" -eq 2 ]
}

@test "a file with a bad row changes nothing, and its first bad line is named" {
    new_ledger
    import_file
    before=$(tally log --json | wc -l)
    for bad in 'x,1,2026-02-30,gpu,M,,,,' 'x,1.2.3,2026-02-03,gpu,M,,,,' 'x,1,2026-02-03,rent,M,,,,' \
        'x,1,2026-02-03,gpu,,,,,' 'x,1,2026-02-03,gpu,M,,5,,' 'x,1,2026-02-03,gpu,M'; do
        { cat march.csv; echo "$bad"; echo 'worse'; } >bad.csv
        fails_with 3 tally expense import bad.csv
        [[ "$words" == *"nothing was changed"*"line 5: "* ]]
    done
    printf 'date,category,provider\n' >short.csv
    fails_with 3 tally expense import short.csv
    [[ "$words" == *"no column 'amount'"* ]]
    [ "$(tally log --json | wc -l)" -eq "$before" ]
}

@test "what is no expense is refused with what it must be" {
    new_ledger
    fails_with 2 tally expense add --category gpu --provider Modal
    fails_with 2 tally expense add --category rent --provider Modal --amount 1
    [[ "$words" == *"llm, embedding, vector_db, gpu, egress, monitoring, other"* ]]
    fails_with 2 tally expense add --category gpu --provider Modal --amount 1,50
    fails_with 2 tally expense add --category gpu --provider Modal --amount 1 --currency euro
    fails_with 2 tally expense add --category gpu --provider Modal --amount 1 --quantity 3
    fails_with 3 tally expense add --category gpu --provider Modal --amount 1 --evidence missing.pdf
    : >empty.pdf
    try tally expense add --category gpu --provider Modal --amount 1 --evidence empty.pdf
    [ "$status" -ne 0 ]
    truncate -s 16777217 big.pdf
    try tally expense add --category gpu --provider Modal --amount 1 --evidence big.pdf
    [ "$status" -ne 0 ]
    [[ "$words" == *"larger than 16777216 bytes"* ]]
    fails_with 1 tally expense evidence 00000000000000000000000000000001 -o x
    [ "$(list | jq '.entries | length')" -eq 0 ]
}

@test "an expense and its evidence reach a teammate, who imports the same file in vain" {
    two_teammates
    import_file
    echo proof >bill.txt
    tally expense import march.csv --evidence bill.txt >/dev/null
    # Ben imports the same file before he has seen Ada's rows: they are the same entries.
    tally expense import march.csv --ledger "$BEN" >/dev/null
    tally sync export all.tally 2>/dev/null
    tally sync import all.tally --ledger "$BEN" >/dev/null 2>&1
    [ "$(list --ledger "$BEN" | jq '.entries | length')" -eq 3 ]
    [ "$(tally expense import march.csv --ledger "$BEN" --json | jq .added)" -eq 0 ]
    [ "$(list --ledger "$BEN" | jq -r '[.entries[].member] | unique[]')" = Ada ]
    id=$(list --ledger "$BEN" | jq -r '.entries[0].id')
    tally expense evidence "$id" -o back.txt --ledger "$BEN" 2>/dev/null
    cmp back.txt bill.txt
}

@test "a file saved anew or with more rows doubles no expense unless a person says so" {
    new_ledger
    import_file
    tally expense import march.csv >/dev/null
    # Saved by a spreadsheet, with a mark and other line ends, and one row more.
    { printf '\xef\xbb\xbf'; sed 's/$/\r/' march.csv; printf 'new,5,2026-03-31,gpu,Modal,,,,19\r\n'; } >more.csv
    fails_with 1 tally expense import more.csv
    [[ "$words" == *"3 of these 4 rows"*"nothing was changed"*"--alike skip"*"--alike add"* ]]
    [ "$(list | jq '.entries | length')" -eq 3 ]
    [ "$(tally expense import more.csv --alike skip --json | jq -c .)" = '{"added":1,"already_there":3}' ]
    # The row that this file brought is its own; 76 + 89 + 89 + 5.
    [ "$(tally expense import more.csv --alike skip --json | jq -c .)" = '{"added":0,"already_there":4}' ]
    [ "$(list | jq -r '.expenses[0].amount')" = 259.00 ]
    [ "$(tally expense import more.csv --alike add --json | jq .added)" -eq 3 ]
    fails_with 2 tally expense import more.csv --alike maybe
}

@test "a row equal to one typed by hand is asked about, one with another note is not" {
    new_ledger
    tally expense add --category gpu --provider Modal --amount 7 --date 2026-03-01 'run one' >/dev/null
    printf 'date,category,provider,amount,note\n2026-03-01,gpu,Modal,7.00,run one\n' >one.csv
    printf 'date,category,provider,amount,note\n2026-03-01,gpu,Modal,7.00,run two\n' >two.csv
    fails_with 1 tally expense import one.csv
    [ "$(tally expense import two.csv --json | jq .added)" -eq 1 ]
}

@test "evidence that came too late is said to be left out, and a lone return ends no cell" {
    new_ledger
    import_file
    echo proof >bill.txt
    tally expense import march.csv >/dev/null
    try tally expense import march.csv --evidence bill.txt
    [[ "$words" == *"the evidence was not recorded"* ]]
    printf 'date,category,provider,amount\n2026-03-01,gpu,"Modal"\r5\n' >odd.csv
    fails_with 3 tally expense import odd.csv
}

@test "an imported row that names a project alone is its client's" {
    new_ledger
    tally client set acme 2>/dev/null
    tally project set shop --client acme 2>/dev/null
    printf 'date,category,provider,amount,project\n2026-03-01,gpu,Modal,5,shop\n' >shop.csv
    tally expense import shop.csv >/dev/null
    [ "$(list --client acme | jq -c '[.entries[] | [.client, .project, .amount]]')" = '[["acme","shop","5.00"]]' ]
    # Saved anew it is still the same row.
    printf '\n' >>shop.csv
    fails_with 1 tally expense import shop.csv
}

@test "a file with semicolons between its columns is told what to do" {
    new_ledger
    printf 'date;category;provider;amount\n2026-03-01;gpu;Modal;10,00\n' >semi.csv
    fails_with 3 tally expense import semi.csv
    [[ "$words" == *"';' stands between the columns"*"','"* ]]
}
