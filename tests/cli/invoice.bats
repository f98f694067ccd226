#!/usr/bin/env bats
# From contract to invoice, typed as a user would: the worked figures of the billing rules, to the cent.
load common

# Every line's quantity x price is its amount, and amounts add up: asked of any JSON invoice.
adds_up() { # FILE
    jq -e 'def minor: gsub("\\."; "") | tonumber;
        ([.lines[] | ((.quantity | minor) * (.unit_price | minor) / 100 - (.amount | minor)) | fabs <= 0.5] | all)
        and ([.lines[].amount | minor] | add) == (.net | minor)
        and (.net | minor) + (.tax | minor) == (.total | minor)' "$1"
}

amounts() { jq -c '[.lines[] | [.description, .quantity, .unit_price, .amount]]' "$1"; }

ada() {
    new_ledger --currency USD
    tally issuer set Ada --name "Ada Kline" --prefix AK --street "Main St 1" --city Austin --country US 2>/dev/null
    tally client set acme --title "Acme Ltd" --city Berlin --country DE 2>/dev/null
}

# Four tasks at 185 an hour and two bills.
hourly() {
    ada
    tally contract set rag --client acme --title "RAG eval debugging" --rate 185 2>/dev/null
    tally time add --client acme --date 2026-03-03 --duration 4h30m \
        "Eval failure diagnosis (citation-grounding regression)"
    tally time add --client acme --date 2026-03-05 --duration 6h \
        "Retrieval pipeline tuning (chunk size + reranker config)"
    tally time add --client acme --date 2026-03-10 --duration 5h "New eval set construction + baseline scoring"
    tally time add --client acme --date 2026-03-12 --duration 2h "Production cutover monitoring"
    tally expense add --category llm --provider Anthropic --amount 187.40 --date 2026-03-31 --client acme
    tally expense add --category embedding --provider Cohere --amount 42.10 --date 2026-03-31 --client acme
} >/dev/null 2>&1

@test "sample 1: hours and compute come to 3,467.00" {
    hourly
    tally invoice draft --client acme --period 2026-03 --json >draft.json 2>words
    [ "$(amounts draft.json)" = '[["Eval failure diagnosis (citation-grounding regression)","4.50","185.00","832.50"],["Retrieval pipeline tuning (chunk size + reranker config)","6.00","185.00","1110.00"],["New eval set construction + baseline scoring","5.00","185.00","925.00"],["Production cutover monitoring","2.00","185.00","370.00"],["LLM inference (Anthropic Claude API)","1.00","187.40","187.40"],["Embedding (Cohere)","1.00","42.10","42.10"]]' ]
    adds_up draft.json
    [ "$(jq -r .total draft.json)" = 3467.00 ]
    jq -e '.subtotals.engineering == "3237.50" and .subtotals.compute == "229.50"' draft.json
    tally invoice draft --client acme --period 2026-03 2>/dev/null | grep -q "3,467.00"
}

# Milestone 2 of 3 of a project of 30,000.
mvp() {
    ada
    tally contract set mvp --client acme --title "RAG MVP" --fee 30000 2>/dev/null
    tally milestone set mvp 1 --title "Ingestion" 2>/dev/null
    tally milestone set mvp 2 --title "Milestone 2 fee" --criterion "retrieval relevance threshold passed" \
        --section "Section 4.2 of MSA" 2>/dev/null
    tally milestone set mvp 3 --title "Launch" 2>/dev/null
}

@test "sample 2: a milestone, a change order, compute and a deposit credit come to 9,725.00" {
    mvp
    tally deposit receive mvp 7500 --date 2026-01-05 --credit 1=4000 --credit 2=3500 2>/dev/null
    tally change set mvp CR-002 --title "Legal-doc OCR pipeline" --amount 2400 2>/dev/null
    echo threshold >evidence.txt
    fails_with 4 tally invoice draft mvp --period 2026-03 --milestone 2
    [[ "$words" == *"not accepted"*"tally milestone accept"* ]]
    tally milestone accept mvp 2 --date 2026-03-28 --evidence evidence.txt 2>/dev/null
    tally change approve mvp CR-002 --date 2026-03-10 --evidence evidence.txt 2>/dev/null
    while IFS='|' read -r category provider amount; do
        tally expense add --category "$category" --provider "$provider" --amount "$amount" \
            --date 2026-03-31 --client acme >/dev/null 2>&1
    done <<'ROWS'
llm|Anthropic|612
embedding|Cohere|148
vector_db|Pinecone|89
gpu|Modal|76
ROWS
    tally invoice draft mvp --period 2026-03 --milestone 2 --json >draft.json 2>words
    jq -c '[.lines[] | [.description, .amount]]' draft.json >lines
    [ "$(cat lines)" = '[["Milestone 2 fee, retrieval relevance threshold passed (Section 4.2 of MSA)","9900.00"],["Change order CR-002: Legal-doc OCR pipeline","2400.00"],["LLM inference (Anthropic Claude API)","612.00"],["Embedding (Cohere)","148.00"],["Vector DB hosting (Pinecone, March 2026)","89.00"],["GPU hours (Modal)","76.00"],["Deposit credit","-3500.00"]]' ]
    adds_up draft.json
    jq -e '.subtotals == {engineering: "12300.00", compute: "925.00", credits: "-3500.00"} and .total == "9725.00"
        and .terms == "Net 15"' draft.json
}

@test "sample 3: a retainer with three hours above the included come to 11,105.00" {
    ada
    tally contract set care --client acme --title "Standard tier" --retainer 9000 --included-hours 40 \
        --overage-rate 185 2>/dev/null
    for day in 02 03 04 05; do
        tally time add --client acme --date 2026-03-$day --duration 10h "Work" >/dev/null 2>&1
    done
    tally time add --client acme --date 2026-03-30 --duration 3h "Work" >/dev/null 2>&1
    tally expense add --category llm --provider Anthropic --amount 1247 --date 2026-03-31 --client acme >/dev/null 2>&1
    tally expense add --category embedding --provider Cohere --amount 214 --date 2026-03-31 --client acme >/dev/null 2>&1
    tally expense add --category vector_db --provider Pinecone --amount 89 --date 2026-03-31 --client acme >/dev/null 2>&1
    tally invoice draft --client acme --period 2026-03 --json >draft.json 2>words
    [ "$(jq -c '[.lines[] | [.description, .quantity, .unit_price, .amount]]' draft.json)" = '[["Standard tier, 40 hours included","1.00","9000.00","9000.00"],["Overage, hours above the 40 included","3.00","185.00","555.00"],["LLM inference (Anthropic Claude API)","1.00","1247.00","1247.00"],["Embedding (Cohere)","1.00","214.00","214.00"],["Vector DB hosting (Pinecone, March 2026)","1.00","89.00","89.00"]]' ]
    adds_up draft.json
    [ "$(jq -r .total draft.json)" = 11105.00 ]
}

@test "30,000 in three milestones is 9,900, 9,900 and 10,200; a quarter is asked as deposit" {
    mvp
    tally contract show mvp --json >show.json
    [ "$(jq -c '[.milestones[].fee]' show.json)" = '["9900.00","9900.00","10200.00"]' ]
    jq -e '.project_value == "30000.00" and .deposit_percent == 25 and .deposit_to_ask == "7500.00"' show.json
    # Half of the deposit is credited on milestone 1, half on 2, none on 3.
    tally deposit receive mvp 7500 2>/dev/null
    tally contract show mvp --json | jq -e '.deposits[0].credits == [{milestone: 1, amount: "3750.00"},
        {milestone: 2, amount: "3750.00"}]'
    # Smaller projects: half from a new client, a quarter from an established one.
    tally contract set small --client acme --fee 1999 2>/dev/null
    tally contract show small --json | jq -e '.deposit_percent == 50 and .deposit_to_ask == "999.50"'
    tally contract set small --established yes --fee 10000 2>/dev/null
    tally contract show small --json | jq -e '.deposit_percent == 25 and .deposit_to_ask == "2500.00"'
}

@test "a deposit is credited once, whatever milestones come after its first credit" {
    ada
    tally contract set one --client acme --title "One" --fee 30000 2>/dev/null
    tally milestone set one 1 --fee 20000 2>/dev/null
    tally deposit receive one 7500 --date 2026-01-05 2>/dev/null
    tally milestone accept one 1 --date 2026-02-01 2>/dev/null
    # All of it on the only milestone.
    tally invoice issue one --period 2026-02 --milestone 1 --issue-date 2026-02-01 --yes --json 2>/dev/null |
        jq -e '.total == "12500.00"'
    tally milestone set one 2 --fee 10000 2>/dev/null
    tally milestone accept one 2 --date 2026-03-01 2>/dev/null
    tally invoice draft one --period 2026-03 --milestone 2 --json 2>/dev/null | jq -e '.total == "10000.00"'
    # Void frees it: half on each again.
    tally invoice void AK-2026-0001 2>/dev/null
    tally invoice draft one --period 2026-03 --milestone 2 --json 2>/dev/null | jq -e '.total == "6250.00"'
    # Of a fixed bid without milestones all on its invoice; milestones that come later have nothing left.
    tally contract set none --client acme --fee 1000 2>/dev/null
    tally deposit receive none 500 --date 2026-01-05 2>/dev/null
    tally invoice issue none --period 2026-02 --issue-date 2026-02-01 --yes --json 2>/dev/null | jq -e '.total == "500.00"'
    for n in 1 2; do tally milestone set none $n --fee 300 2>/dev/null; done
    tally milestone accept none 1 --date 2026-03-01 2>/dev/null
    tally invoice draft none --period 2026-03 --milestone 1 --json 2>/dev/null | jq -e '.total == "300.00"'
    tally invoice verify AK-2026-0002
}

@test "with milestone 1 paid, ending a project of 30,000 costs 5,025.00" {
    mvp
    tally milestone accept mvp 1 --date 2026-02-01 2>/dev/null
    tally invoice issue mvp --period 2026-02 --milestone 1 --issue-date 2026-02-01 --yes >/dev/null 2>&1
    tally contract show mvp --date 2026-03-01 --json | jq -e '.kill_fee == "7500.00"'
    tally invoice pay AK-2026-0001 --date 2026-02-10 2>/dev/null
    tally contract show mvp --date 2026-03-01 --json | jq -e '.kill_fee_remaining == "20100.00" and
        .kill_fee == "5025.00" and .kill_fee_due == "2026-03-15"'
    tally invoice show AK-2026-0001 --json | jq -e '.clauses | any(. == "If Client terminates this agreement after work has begun, a kill fee of 25 percent of the remaining unpaid project value is due within 14 calendar days of termination.")'
}

@test "9,725.00 due on 15 April costs 145.88 from the 16th and 148.06 more from 16 May" {
    ada
    tally contract set fixed --client acme --title "A fixed bid" --fee 9725 2>/dev/null
    tally invoice issue fixed --period 2026-03 --issue-date 2026-03-31 --yes >/dev/null 2>&1
    late() { tally invoice aging --date "$1" --json | jq -c '.invoices[0] | [.due_date, .late_fee, .age]'; }
    [ "$(late 2026-04-15)" = '["2026-04-15","0.00","current"]' ]
    [ "$(late 2026-04-16)" = '["2026-04-15","145.88","1-30"]' ]
    [ "$(late 2026-05-15)" = '["2026-04-15","145.88","1-30"]' ]
    [ "$(late 2026-05-16)" = '["2026-04-15","293.94","31-60"]' ]
    [ "$(late 2026-07-15)" = "$(late 2026-07-14 | sed 's/61-90/90+/')" ] || [ "$(late 2026-07-15 | jq -r '.[2]')" = "90+" ]
    # A fee that the law caps at 1 percent: 97.25.
    tally contract set capped --client acme --fee 9725 --late-fee-max 1 2>/dev/null
    tally invoice issue capped --period 2026-03 --issue-date 2026-03-31 --yes >/dev/null 2>&1
    tally invoice aging --date 2026-04-16 --json | jq -e '.invoices[1].late_fee == "97.25"'
}

@test "a late fee that is too large to be exact is no figure" {
    ada
    tally contract set steep --client acme --fee 100 --late-fee 100 2>/dev/null
    tally invoice issue steep --period 2026-03 --issue-date 2026-03-31 --yes >/dev/null 2>&1
    # 100.00 doubles each month: 100 x (2^39 - 1) in the 39th, and no exact figure after that.
    tally invoice aging --date 2029-06-16 --json | jq -e '.invoices[0].late_fee == "54975581388700.00"'
    tally invoice aging --date 2029-07-16 --json | jq -e '.invoices[0].late_fee == null'
    tally invoice aging --date 2029-07-16 | grep -Eq '^AK-2026-0001 .* too large '
}

issued() { tally invoice issue "$@" --yes --json 2>/dev/null | jq -r .number; }

@test "an issued invoice holds its entries, void frees them, and numbers have no gaps" {
    hourly
    [ "$(issued rag --period 2026-03 --issue-date 2026-03-31)" = AK-2026-0001 ]
    # The same period again: nothing is left, and it says where it is.
    tally invoice draft rag --period 2026-03 --json >again.json 2>words
    jq -e '.lines == [] and .total == "0.00" and (.warnings | any(test("6 entries are on AK-2026-0001 already")))' again.json
    fails_with 1 tally invoice issue rag --period 2026-03 --yes
    # What came later is all there is.
    tally time add --client acme --date 2026-03-20 --duration 1h "A late task" >/dev/null 2>&1
    [ "$(tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -r .total)" = 185.00 ]
    tally invoice void AK-2026-0001 --reason "Wrong address" 2>/dev/null
    [ "$(tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -r .total)" = 3652.00 ]
    [ "$(issued rag --period 2026-03 --issue-date 2026-04-01)" = AK-2026-0002 ]
    fails_with 1 tally invoice void AK-2026-0001
    fails_with 4 tally invoice pay AK-2026-0001 1
    tally invoice pay AK-2026-0002 652 --date 2026-04-02 2>/dev/null
    tally invoice list --json | jq -e '[.invoices[] | [.number, .status, .open]] ==
        [["AK-2026-0001","void","0.00"],["AK-2026-0002","partly paid","3000.00"]] and .conflicts == []'
    tally invoice pay AK-2026-0002 --date 2026-04-03 2>/dev/null
    [ "$(tally invoice list --json | jq -r '.invoices[1].status')" = paid ]
    tally rebuild 2>/dev/null
    tally verify --deep 2>/dev/null
}

@test "rates and words that change later leave an issued invoice as it was" {
    hourly
    issued rag --period 2026-03 >/dev/null
    tally contract set rag --rate 200 --terms-days 30 2>/dev/null
    tally client set acme --title "Acme International" 2>/dev/null
    tally invoice verify AK-2026-0001
    tally invoice verify AK-2026-0001 --json | jq -e '.verified and .difference == null'
    tally invoice show AK-2026-0001 --json | jq -e '.total == "3467.00" and .buyer.name == "Acme Ltd"'
    tally invoice void AK-2026-0001 2>/dev/null
    [ "$(tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -r .total)" = 3729.50 ]
}

@test "explain names every record behind a line" {
    hourly
    issued rag --period 2026-03 >/dev/null
    tally invoice explain AK-2026-0001 1 --json >line.json
    jq -e '.amount == "832.50" and (.records | length == 1) and .records[0].what == "time.add"
        and .records[0].duration_ms == 16200000' line.json
    tally show "$(jq -r '.records[0].record' line.json)" --json | jq -e '.kind == "time.add"'
    tally invoice explain AK-2026-0001 5 --json | jq -e '.records[0].cost == "187.40"'
    fails_with 1 tally invoice explain AK-2026-0001 7
    fails_with 1 tally invoice explain AK-2026-0009 1
}

@test "a credit stands on the next invoice, once" {
    hourly
    issued rag --period 2026-03 >/dev/null
    tally invoice credit rag 92.50 "Half an hour too much" --for AK-2026-0001 2>/dev/null
    tally time add --client acme --date 2026-04-02 --duration 1h "More of it" >/dev/null 2>&1
    tally invoice draft rag --period 2026-04 --json 2>/dev/null | jq -e '.total == "92.50" and
        .lines[1].amount == "-92.50" and .lines[1].description == "Half an hour too much"'
    issued rag --period 2026-04 >/dev/null
    tally invoice draft rag --period 2026-05 --json 2>/dev/null | jq -e '.lines == []'
}

# One hour at 185.00, and 300.00 given back.
credit_note() {
    hourly
    issued rag --period 2026-03 >/dev/null
    tally invoice credit rag 300 "Billed twice" --for AK-2026-0001 2>/dev/null
    tally time add --client acme --date 2026-04-02 --duration 1h "More of it" >/dev/null 2>&1
    issued rag --period 2026-04 --issue-date 2026-04-30
}

@test "an invoice below zero is a credit note, owed to the client, and never paid" {
    [ "$(credit_note)" = AK-2026-0002 ]
    tally invoice list --date 2026-05-01 >list
    grep -Eq '^AK-2026-0001 .* issued ' list
    grep -Eq '^AK-2026-0002 .* credit .* -115\.00 +-115\.00 ' list
    tally invoice list --json | jq -e '[.invoices[] | [.kind, .status, .total, .open]] ==
        [["invoice", "issued", "3467.00", "3467.00"], ["credit_note", "credit", "-115.00", "-115.00"]]
        and .invoices[1].late_fee == "0.00"'
    tally invoice aging >aged
    grep -q AK-2026-0001 aged
    not grep -q AK-2026-0002 aged
    tally invoice show AK-2026-0002 --json | jq -e '.kind == "credit_note" and .due == "-115.00"'
    tally invoice show AK-2026-0002 >shown
    grep -q '^Credit note AK-2026-0002' shown
    grep -q 'Total in your favour' shown
    not grep -Eq '^(Due date|Terms) ' shown
    # Nobody pays it; taken back, it is void as any other.
    tally log --json >before
    fails_with 4 tally invoice pay AK-2026-0002
    [[ $words == *"owed to the client"* ]]
    fails_with 4 tally invoice pay AK-2026-0002 115
    tally log --json | cmp - before
    tally invoice void AK-2026-0002 --reason "A mistake" 2>/dev/null
    tally invoice list --json | jq -e '.invoices[1] | .kind == "credit_note" and .status == "void" and .open == "0.00"'
}

@test "hours are rounded as the contract says, per entry, day or line" {
    ada
    for minutes in 5m 8m; do
        tally time add --client acme --date 2026-03-02 --duration $minutes "A small fix of the parser" >/dev/null 2>&1
    done
    tally time add --client acme --date 2026-03-03 --duration 16m "A small fix of the parser" >/dev/null 2>&1
    total() { tally contract set c --client acme --rate 100 "$@" 2>/dev/null; tally invoice draft c --period 2026-03 --json 2>/dev/null | jq -r '[.lines[].quantity, .total] | join(" ")'; }
    [ "$(total --rounding-minutes 15 --rounding up --rounding-per entry)" = "1.00 100.00" ] # 15 + 15 + 30
    [ "$(total --rounding-per day)" = "0.75 75.00" ]                                       # 15 + 30
    [ "$(total --rounding-per line)" = "0.50 50.00" ]                                      # 29 -> 30
    [ "$(total --rounding nearest --rounding-per entry)" = "0.50 50.00" ]                  # 0 + 15 + 15
    [ "$(total --rounding-minutes 0)" = "0.48 48.00" ]                                     # 29 minutes: 0.48(3)
    [ "$(total --rounding-minutes 6 --rounding up)" = "0.60 60.00" ]                       # 6 + 12 + 18
    [ "$(total --rounding-minutes 0 --minimum-minutes 30)" = "1.50 150.00" ]
}

@test "compute is passed on with a markup, in the rate, up to a budget, or not at all" {
    hourly
    strategy() { tally contract set rag "$@" 2>/dev/null; tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -r '[.subtotals.engineering, .subtotals.compute] | join(" ")'; }
    # 187.40 + 20 % = 224.88; 42.10 + 20 % = 50.52
    [ "$(strategy --ai-cost markup --markup-percent 20)" = "3237.50 275.40" ]
    # 17.5 hours at 185 + 7.50; the embedding is no inference
    [ "$(strategy --ai-cost in_rate --rate-extra 7.50)" = "3368.75 42.10" ]
    [ "$(strategy --ai-cost budget --ai-budget 200)" = "3237.50 200.00" ]
    [ "$(strategy --ai-cost none)" = "3237.50 0.00" ]
}

@test "taxes follow category and rate, and other currencies the rate of the day" {
    hourly
    tally contract set rag --tax-category S --tax-rate 19 --compute-tax-category AE 2>/dev/null
    tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -e '.taxes ==
        [{category: "S", rate_percent: "19.00", base: "3237.50", tax: "615.13", reason: null},
         {category: "AE", rate_percent: "0.00", base: "229.50", tax: "0.00", reason: "Reverse charge"}]
        and .total == "4082.13"'
    tally contract set rag --currency EUR --tax-category O --compute-tax-category "" 2>/dev/null
    fails_with 1 tally invoice draft rag --period 2026-03
    [[ "$words" == *"no rate for USD->EUR on 2026-03-31"*"tally fx set"* ]]
    tally fx set EUR USD --date 2026-03-30 --rate 1.25 --source ECB 2>/dev/null
    tally fx set EUR USD --date 2026-04-01 --rate 2 2>/dev/null
    # 187.40 / 1.25 = 149.92, 42.10 / 1.25 = 33.68
    tally invoice draft rag --period 2026-03 --json 2>/dev/null | jq -e '.currency == "EUR" and
        [.lines[4, 5].amount] == ["149.92", "33.68"] and (.lines[4].detail | test("1 EUR = 1.25 USD .2026-03-30, ECB."))'
}

@test "the most specific rate holds, the newest of a day, and no rate is an error" {
    ada
    tally contract set c --client acme 2>/dev/null
    tally time add --client acme --project shop --date 2026-03-02 --duration 1h "Work on the basket" >/dev/null 2>&1
    tally time add --client acme --date 2026-03-20 --duration 1h "Work on the search" >/dev/null 2>&1
    fails_with 1 tally invoice draft c --period 2026-03
    [[ "$words" == *"no hourly rate in USD for Ada on 2026-03-02"* ]]
    tally rate set --amount 50 --currency USD 2>/dev/null
    tally rate set --client acme --amount 100 --currency USD 2>/dev/null
    tally rate set --client acme --amount 120 --currency USD --from 2026-03-10 2>/dev/null
    tally rate set --client acme --project shop --amount 150 --currency USD 2>/dev/null
    tally rate set --member Ada --amount 70 --currency USD 2>/dev/null
    tally invoice draft c --period 2026-03 --json 2>/dev/null | jq -e '[.lines[].amount] == ["150.00", "120.00"]'
}

@test "a contract for one project leaves the rest to the client's other contract" {
    ada
    tally contract set shop --client acme --project shop --rate 100 2>/dev/null
    tally contract set rest --client acme --rate 10 2>/dev/null
    tally time add --client acme --project shop --date 2026-03-02 --duration 1h "Work on the basket" >/dev/null 2>&1
    tally time add --client acme --date 2026-03-03 --duration 1h "Work on the search" >/dev/null 2>&1
    [ "$(tally invoice draft shop --period 2026-03 --json 2>/dev/null | jq -r .total)" = 100.00 ]
    [ "$(tally invoice draft rest --period 2026-03 --json 2>/dev/null | jq -r .total)" = 10.00 ]
    fails_with 2 tally invoice draft --client acme --period 2026-03
    [[ "$words" == *"rest, shop"*"--contract"* ]]
}

@test "one entry on two invoices issued apart shows on both sides until one is void" {
    two_teammates
    tally contract set c --client acme --rate 100 2>/dev/null
    tally time add --client acme --date 2026-03-02 --duration 1h "Work on the basket" >/dev/null 2>&1
    tally sync export all.seg >/dev/null 2>&1
    tally sync import all.seg --ledger "$BEN" >/dev/null 2>&1
    [ "$(issued c --period 2026-03)" = AD-2026-0001 ]
    [ "$(issued c --period 2026-03 --ledger "$BEN")" = BE-2026-0001 ]
    tally sync export ada.seg >/dev/null 2>&1
    tally sync export ben.seg --ledger "$BEN" >/dev/null 2>&1
    tally sync import ben.seg >/dev/null 2>&1
    tally sync import ada.seg --ledger "$BEN" >/dev/null 2>&1
    for dir in "$TALLY_HOME" "$BEN"; do
        tally invoice list --json --ledger "$dir" | jq -e '.conflicts | length == 1 and .[0].entries == 1'
        tally invoice list --ledger "$dir" 2>&1 | grep -q "1 entries are billed on both"
        tally status --ledger "$dir" --json | jq -e '.invoice_conflicts | length == 1'
        tally doctor --ledger "$dir" --json | jq -e '[.checks[] | select(.check == "conflicts") | .state] == ["warning"]'
        tally invoice verify AD-2026-0001 --ledger "$dir"
        tally invoice verify BE-2026-0001 --ledger "$dir"
    done
    tally invoice void BE-2026-0001 2>/dev/null
    tally invoice list --json | jq -e '.conflicts == []'
    tally status --json | jq -e '.invoice_conflicts == []'
    tally doctor --json | jq -e 'all(.checks[]; .check != "conflicts")'
}

@test "hours and costs of sessions are billed by the client's days, shares to each client" {
    ada
    jq -n '{costs: [{session: "s1", agent: "codex", model: "gpt-5", project_path: "/work/acme", total_cost: "10.00",
        time: "2026-03-31T21:30:00Z", tags: [], input_tokens: 7, output_tokens: 3, currency: "USD",
        id: "00000000000000000000000000000001"},
        {session: "s2", agent: "claude-code", model: "claude-opus-4-8", project_path: "/work/both", total_cost: "9.00",
        time: "2026-03-31T22:30:00Z", tags: [], input_tokens: 7, output_tokens: 3, currency: "USD",
        id: "00000000000000000000000000000002"}]}' | tally costs import - >/dev/null
    tally client set acme --timezone Europe/Berlin 2>/dev/null
    tally rule set acme --path /work/acme --client acme 2>/dev/null
    tally split s2 acme=2 fin=1 2>/dev/null
    tally contract set a --client acme --rate 100 2>/dev/null
    tally contract set f --client fin --rate 100 2>/dev/null
    # 22:30 in UTC is April in Berlin, and March for a client without a zone of its own.
    compute() { tally invoice draft "$@" --json 2>/dev/null | jq -c '[.lines[] | [.description, .amount, .with_agent]]'; }
    [ "$(compute a --period 2026-03)" = '[["LLM inference (OpenAI API)","10.00",true]]' ]
    [ "$(compute a --period 2026-04)" = '[["LLM inference (Anthropic Claude API)","6.00",true]]' ]
    [ "$(compute f --period 2026-03)" = '[["LLM inference (Anthropic Claude API)","3.00",true]]' ]
    issued f --period 2026-03 >/dev/null
    tally invoice explain AK-2026-0001 1 --json | jq -e '.records == [.records[0]] and .records[0].part == 1
        and .records[0].parts == 3 and .records[0].cost == "3.00" and (.records[0].why | test("split by record"))'
    # The other share is still free; the whole is not, once a part of it is billed.
    [ "$(compute a --period 2026-04)" = '[["LLM inference (Anthropic Claude API)","6.00",true]]' ]
    tally assign s2 acme 2>/dev/null || tally assign s2 --client acme 2>/dev/null
    [ "$(compute a --period 2026-04)" = '[]' ]
    tally invoice draft a --period 2026-04 --json 2>/dev/null | jq -e '.warnings | any(test("AK-2026-0001 already"))'
    tally invoice verify AK-2026-0001
}

@test "engaged time of a captured session is a line at the contract's rate" {
    need "$(fixtures)/real"
    ada
    tally capture --root "$(fixtures)/real/claude-code/home" >/dev/null 2>&1
    tally sessions --period all --json >sessions.json
    [ "$(jq '.sessions | length' sessions.json)" -gt 0 ]
    tally rule set all --path / --client acme 2>/dev/null
    tally contract set c --client acme --rate 3600 --lines entry 2>/dev/null
    year=$(jq -r '.sessions[0].start[0:4]' sessions.json)
    hours=$(tally report --client acme --period "$year" --json | jq -r .total.engaged_hours)
    [ "$hours" != 0.00 ]
    tally invoice draft c --period "$year" --json >draft.json 2>/dev/null
    adds_up draft.json
    # Every millisecond that the report counts is in the trace.
    jq -e --arg hours "$hours" '([.trace[].engaged_ms] | add) / 3600000 - ($hours | tonumber) | fabs < 0.01' draft.json
    tally invoice issue c --period "$year" --yes >/dev/null 2>&1
    tally invoice verify AK-"$(date +%Y)"-0001
}

@test "on another machine, in another locale and time zone, a draft is the same bytes" {
    two_teammates
    tally client set acme --title "Zürich 株式会社" --timezone Asia/Tokyo 2>/dev/null
    tally contract set c --client acme --rate 100 2>/dev/null
    tally time add --client acme --date 2026-03-02 --duration 1h "Übersetzung des Parsers" >/dev/null 2>&1
    tally time add --client acme --date 2026-03-02 --duration 2h --ledger "$BEN" "Search index" >/dev/null 2>&1
    tally expense add --category gpu --provider Modal --amount 3.50 --date 2026-03-02 --client acme --ledger "$BEN" >/dev/null 2>&1
    tally sync export ada.seg >/dev/null 2>&1
    tally sync export ben.seg --ledger "$BEN" >/dev/null 2>&1
    tally sync import ben.seg >/dev/null 2>&1
    tally sync import ada.seg --ledger "$BEN" >/dev/null 2>&1
    for format in json csv html; do
        tally invoice draft c --period 2026-03 --issue-date 2026-03-31 --format $format --output here.$format 2>/dev/null
        LC_ALL=C TZ=America/New_York HOME=/nonexistent tally invoice draft c --period 2026-03 --issue-date 2026-03-31 \
            --format $format --output there.$format --ledger "$BEN" 2>/dev/null
        cmp here.$format there.$format
    done
    jq -e '.total == "303.50" and (.lines | length == 3)' here.json
}

@test "a milestone that was changed after it was accepted is not billed until it is accepted again" {
    new_ledger --currency USD
    tally client set acme --title "Acme Ltd" 2>/dev/null
    tally contract set mvp --client acme --fee 30000 2>/dev/null
    for n in 1 2; do tally milestone set mvp $n --title "Part $n" 2>/dev/null; done
    tally milestone accept mvp 1 --date 2026-03-01 2>/dev/null
    tally milestone accept mvp 2 --date 2026-03-02 2>/dev/null
    tally invoice issue mvp --milestone 1 --period 2026-03 --issue-date 2026-04-01 --yes >/dev/null 2>&1 # 15,000
    tally milestone set mvp 2 --fee 20000 2>/dev/null
    fails_with 4 tally invoice draft mvp --milestone 2 --period 2026-03
    [[ "$words" == *"was changed after it was accepted"* ]]
    tally contract show mvp | grep -q "20,000.00  Part 2, changed since it was accepted"
    tally milestone accept mvp 2 --date 2026-03-03 2>/dev/null
    try tally invoice draft mvp --milestone 2 --period 2026-03 --issue-date 2026-04-01 --json
    [ "$(jq -r .total <<<"$output")" = 20000.00 ]
    [[ "$words" == *"come to 35,000.00 of a fee of 30,000.00"* ]]
}

@test "a deposit and a credit stay in the currency that they came in" {
    new_ledger --currency USD
    tally client set acme --title "Acme Ltd" 2>/dev/null
    tally contract set mvp --client acme --fee 30000 2>/dev/null
    tally deposit receive mvp 7500 --date 2026-01-05 2>/dev/null
    tally client set acme --currency JPY 2>/dev/null
    fails_with 4 tally invoice draft mvp --period 2026-03 --issue-date 2026-04-01
    [[ "$words" == *"a deposit for mvp is in USD"*"tally contract set mvp --currency USD"* ]]
    tally contract show mvp | grep -q "^deposit  *7,500.00 USD received 2026-01-05"
    tally contract set mvp --currency USD 2>/dev/null
    [ "$(tally invoice draft mvp --period 2026-03 --issue-date 2026-04-01 --json 2>/dev/null | jq -r .total)" = 22500.00 ]

    tally contract set other --client acme --fee 1000 --currency EUR 2>/dev/null
    tally invoice credit other 100 "Goodwill" 2>/dev/null
    tally contract set other --currency USD 2>/dev/null
    fails_with 4 tally invoice draft other --period 2026-03
    [[ "$words" == *"a credit for other is in EUR"* ]]
}

@test "a draft says when no seller is named, when it is dated before its period, and when nothing is open" {
    new_ledger --currency USD
    tally client set acme --title "Acme Ltd" 2>/dev/null
    tally contract set mvp --client acme --fee 1000 2>/dev/null
    try tally invoice draft mvp --period 2026-03 --issue-date 2019-04-01
    [[ "$words" == *"tally issuer set"*"dated 2019-04-01, before its period begins on 2026-03-01"* ]]
    tally issuer set Ada --name "Ada Kline" --prefix AK 2>/dev/null
    try tally issuer set Ben --name "Ben Ito" --prefix AK
    [[ "$words" == *"Ada has the prefix AK too"* ]]
    try tally issuer set Ben --prefix BI
    [[ "$words" != *"note: "* ]]
    try tally invoice draft mvp --period 2026-03 --issue-date 2026-04-01
    [[ "$words" == *"tally contract set mvp --issuer MEMBER"* ]]
    try tally invoice issue mvp --period 2026-03 --issue-date 2026-04-01 --yes
    [[ "$words" != *"note: "* ]] # it carries the name of who issues
    [[ "$output" == *"Ada Kline"* ]]
    tally invoice pay AK-2026-0001 2>/dev/null
    fails_with 4 tally invoice pay AK-2026-0001
    [[ "$words" == *"nothing is open on invoice AK-2026-0001"* ]]
}
