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
