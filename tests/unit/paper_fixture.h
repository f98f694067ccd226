/* Invoices made by hand for the tests of paper: the three worked samples of the billing rules, and
 * the awkward ones. Amounts are quantity x price, which each sample's figures were chosen to give.
 */
#ifndef TESTS_UNIT_PAPER_FIXTURE_H
#define TESTS_UNIT_PAPER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <tally/hash.h>
#include <tally/invoice.h>

#define FIXTURE_MAX_LINES 1000
#define FIXTURE_TEXT      160

typedef struct paper_fixture {
    tally_invoice invoice;
    tally_invoice_line lines[FIXTURE_MAX_LINES];
    tally_tax_group taxes[4];
    tally_span clauses[8], warnings[2];
    tally_trace trace[2];
    tally_frontier_entry frontier[2];
    char texts[FIXTURE_MAX_LINES][FIXTURE_TEXT];
} paper_fixture;

#define TEXT(literal) tally_span_str(literal)

static inline int64_t fixture_day(const char *date) {
    int64_t day = 0;
    if (tally_date_parse(tally_span_str(date), &day) != 0) abort();
    return day;
}

static inline void fixture_open(paper_fixture *fixture, const char *number, const char *currency,
                                int decimals) {
    tally_invoice *invoice = &fixture->invoice;
    memset(fixture, 0, sizeof *fixture);
    invoice->number = TEXT(number);
    invoice->currency = TEXT(currency);
    invoice->decimals = decimals;
    invoice->contract = TEXT("rag-mvp");
    invoice->client = TEXT("acme");
    invoice->basis = TEXT("list");
    invoice->timezone = TEXT("Europe/Berlin");
    invoice->terms = TEXT("Net 15");
    invoice->first_day = fixture_day("2026-03-01");
    invoice->end_day = fixture_day("2026-04-01");
    invoice->issue_day = fixture_day("2026-03-31");
    invoice->due_day = fixture_day("2026-04-15");
    invoice->seller = (tally_party){.name = TEXT("Anna Kowalska Software"),
                                    .contact = TEXT("Anna Kowalska"),
                                    .email = TEXT("anna@kowalska.example"),
                                    .tax_id = TEXT("DE123456789"),
                                    .street = TEXT("Torstra\u00dfe 140"),
                                    .city = TEXT("Berlin"),
                                    .postcode = TEXT("10119"),
                                    .country = TEXT("DE"),
                                    .iban = TEXT("DE89370400440532013000"),
                                    .bic = TEXT("COBADEFFXXX")};
    invoice->buyer = (tally_party){.name = TEXT("Acme Legal, Inc."),
                                   .contact = TEXT("Accounts Payable"),
                                   .email = TEXT("ap@acme.example"),
                                   .street = TEXT("500 Howard Street"),
                                   .street2 = TEXT("Suite 300"),
                                   .city = TEXT("San Francisco"),
                                   .region = TEXT("CA"),
                                   .postcode = TEXT("94105"),
                                   .country = TEXT("US")};
    invoice->lines = fixture->lines;
    invoice->taxes = fixture->taxes;
    invoice->clauses = fixture->clauses;
    invoice->warnings = fixture->warnings;
    invoice->trace = fixture->trace;
    invoice->frontier = fixture->frontier;
    invoice->trace_count = invoice->frontier_count = 2;
    for (size_t i = 0; i < 2; i++) {
        memset(fixture->trace[i].entry.b, (int)(0xa0 + i), sizeof fixture->trace[i].entry.b);
        memset(fixture->trace[i].leaf.b, (int)(0xb0 + i), sizeof fixture->trace[i].leaf.b);
        fixture->trace[i].what = i ? TEXT("cost") : TEXT("time.add");
        fixture->trace[i].currency = TEXT("USD");
        fixture->trace[i].ms = i ? 0 : 16200000;
        fixture->trace[i].pico = i ? 187400000000000 : 0;
        fixture->trace[i].part = fixture->trace[i].parts = 1;
        memset(fixture->frontier[i].device.b, (int)(0x10 + i), TALLY_PUBLIC_KEY_BYTES);
        fixture->frontier[i].size = 1041 + i;
    }
    tally_sha256(TEXT("trace"), &invoice->trace_digest);
    tally_sha256(TEXT("team"), &invoice->team);
}

static inline tally_invoice_line *fixture_line(paper_fixture *fixture, tally_line_block block,
                                               tally_line_kind kind, const char *description,
                                               const char *detail, int64_t quantity,
                                               const char *unit, int64_t price) {
    tally_invoice *invoice = &fixture->invoice;
    tally_invoice_line *line = &fixture->lines[invoice->line_count++];
    int64_t product = quantity * price, half = product < 0 ? -50 : 50;
    *line = (tally_invoice_line){.block = block,
                                 .kind = kind,
                                 .description = TEXT(description),
                                 .detail = TEXT(detail),
                                 .quantity = quantity,
                                 .unit = TEXT(unit),
                                 .price = price,
                                 .amount = (product + half) / 100,
                                 .tax_category = TEXT("O")};
    invoice->subtotal[block] += line->amount;
    invoice->net += line->amount;
    return line;
}

static inline tally_invoice_line *fixture_hours(paper_fixture *fixture, const char *description,
                                                int64_t hundredths, int64_t rate) {
    return fixture_line(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_HOURS, description, "",
                        hundredths, "hour", rate);
}

static inline tally_invoice_line *fixture_one(paper_fixture *fixture, tally_line_block block,
                                              tally_line_kind kind, const char *description,
                                              const char *detail, int64_t price) {
    return fixture_line(fixture, block, kind, description, detail, 100, "unit", price);
}

static inline void fixture_compute(paper_fixture *fixture, const char *category,
                                   const char *description, const char *detail, int64_t price) {
    fixture_one(fixture, TALLY_BLOCK_COMPUTE, TALLY_LINE_COMPUTE, description, detail, price)
        ->category = TEXT(category);
}

/* All lines that have no category yet bear this one. */
static inline void fixture_tax(paper_fixture *fixture, const char *category, uint32_t rate,
                               const char *reason) {
    tally_invoice *invoice = &fixture->invoice;
    tally_tax_group *tax = &fixture->taxes[invoice->tax_count++];
    *tax = (tally_tax_group){.category = TEXT(category), .reason = TEXT(reason), .rate = rate};
    for (size_t i = 0; i < invoice->line_count; i++) {
        tally_invoice_line *line = &fixture->lines[i];
        bool of_group = tally_span_is(line->tax_category, category) && line->tax_rate == rate;
        if (of_group) tax->base += line->amount;
    }
    int64_t product = tax->base * (int64_t)rate, half = product < 0 ? -5000 : 5000;
    tax->tax = (product + half) / 10000;
    invoice->tax += tax->tax;
}

static inline void fixture_all_bear(paper_fixture *fixture, const char *category, uint32_t rate,
                                    const char *reason) {
    for (size_t i = 0; i < fixture->invoice.line_count; i++) {
        fixture->lines[i].tax_category = TEXT(category);
        fixture->lines[i].tax_rate = rate;
    }
    fixture_tax(fixture, category, rate, reason);
}

static inline void fixture_clause(paper_fixture *fixture, const char *sentence) {
    fixture->clauses[fixture->invoice.clause_count++] = TEXT(sentence);
}

static inline const tally_invoice *fixture_close(paper_fixture *fixture) {
    tally_invoice *invoice = &fixture->invoice;
    if (!invoice->tax_count) fixture_tax(fixture, "O", 0, "");
    invoice->total = invoice->net + invoice->tax;
    invoice->due = invoice->total - invoice->paid;
    return invoice;
}

static inline void fixture_fees(paper_fixture *fixture) {
    fixture_clause(fixture, "Payments after the due date bear a late fee of 1.5 % per month.");
    fixture_clause(fixture,
                   "If Client terminates this agreement after work has begun, a kill fee of 25 "
                   "percent of the remaining unpaid project value is due within 14 calendar days "
                   "of termination.");
}

static inline const tally_invoice *fixture_hourly(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0007", "USD", 2);
    fixture->invoice.title = TEXT("RAG eval debugging");
    fixture_hours(fixture, "Eval failure diagnosis (citation-grounding regression)", 450, 18500);
    fixture_hours(fixture, "Retrieval pipeline tuning (chunk size + reranker config)", 600, 18500);
    fixture_hours(fixture, "New eval set construction + baseline scoring", 500, 18500);
    fixture_hours(fixture, "Production cutover monitoring", 200, 18500);
    fixture_compute(fixture, "llm", "LLM inference (Anthropic Claude API)",
                    "At cost; 214 requests, list prices of March 2026", 18740);
    fixture_compute(fixture, "embedding", "Embedding (Cohere)", "At cost; invoice COH-88121", 4210);
    fixture_fees(fixture);
    return fixture_close(fixture);
}

static inline const tally_invoice *fixture_milestone(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0008", "USD", 2);
    fixture->invoice.title = TEXT("RAG MVP, milestone 2 of 3");
    fixture->invoice.po_number = TEXT("PO-77120");
    fixture_one(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_MILESTONE,
                "Milestone 2: retrieval relevance threshold passed",
                "Section 4.2 of MSA; accepted 2026-03-30", 990000);
    fixture_one(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_CHANGE,
                "Change order CR-002: legal-doc OCR pipeline", "Approved 2026-03-12", 240000);
    fixture_compute(fixture, "llm", "LLM inference (Anthropic Claude API)", "At cost", 61200);
    fixture_compute(fixture, "embedding", "Embedding (Cohere)", "At cost", 14800);
    fixture_compute(fixture, "vector_db", "Vector DB hosting (Pinecone, March 2026)", "At cost",
                    8900);
    fixture_compute(fixture, "gpu", "GPU hours (Modal)", "At cost", 7600);
    fixture_one(fixture, TALLY_BLOCK_CREDITS, TALLY_LINE_DEPOSIT, "Deposit credit",
                "Deposit received 2026-01-10", -350000);
    fixture_fees(fixture);
    return fixture_close(fixture);
}

static inline const tally_invoice *fixture_retainer(paper_fixture *fixture) {
    fixture_open(fixture, "", "USD", 2);
    fixture->invoice.title = TEXT("Retainer, March 2026");
    fixture_line(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_RETAINER, "Standard tier",
                 "40 hours included", 100, "month", 900000);
    fixture_line(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_OVERAGE, "Overage",
                 "43.00 hours worked, 40.00 included", 300, "hour", 18500);
    fixture_compute(fixture, "llm", "LLM inference (Anthropic Claude API)", "At cost", 124700);
    fixture_compute(fixture, "embedding", "Embedding (Cohere)", "At cost", 21400);
    fixture_compute(fixture, "vector_db", "Vector DB hosting (Pinecone, March 2026)", "At cost",
                    8900);
    fixture_clause(fixture, "The retainer renews each month unless it is cancelled by the 15th of "
                            "the month before.");
    fixture->warnings[fixture->invoice.warning_count++] = TEXT("2 requests have no price");
    return fixture_close(fixture);
}

/* German buyer: 19 % on work, reverse charge has no place here. */
static inline void fixture_german_buyer(paper_fixture *fixture) {
    fixture->invoice.buyer = (tally_party){.name = TEXT("M\u00fcller & S\u00f6hne GmbH"),
                                           .tax_id = TEXT("DE987654321"),
                                           .street = TEXT("K\u00f6nigsallee 1"),
                                           .city = TEXT("D\u00fcsseldorf"),
                                           .postcode = TEXT("40212"),
                                           .country = TEXT("DE")};
}

/* 300 lines of work at 19 %: 100 x (0.25 h at 120.00 + 0.50 h at 120.00 + 1.75 h at 120.00). */
static inline const tally_invoice *fixture_long(paper_fixture *fixture, size_t lines) {
    static const int64_t quantities[] = {25, 50, 175};
    fixture_open(fixture, "AK-2026-0009", "EUR", 2);
    fixture_german_buyer(fixture);
    fixture->invoice.title = TEXT("Engineering in March 2026, every entry on a line of its own");
    for (size_t i = 0; i < lines; i++) {
        const char *detail = i % 7 == 3 ? "Session of 2026-03-14, claude-code, branch "
                                          "feature/retrieval-with-a-rather-long-branch-name"
                                        : "";
        snprintf(fixture->texts[i], FIXTURE_TEXT, "Entry %zu: %s", i + 1,
                 i % 5 == 2
                     ? "rework the chunking of contracts so that clauses which refer to each "
                       "other are retrieved together"
                     : "tests for the importer");
        fixture_line(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_HOURS, fixture->texts[i], detail,
                     quantities[i % 3], "hour", 12000);
    }
    fixture_compute(fixture, "llm", "LLM inference (Anthropic Claude API)", "At cost", 61200);
    fixture_all_bear(fixture, "S", 1900, "");
    fixture_fees(fixture);
    return fixture_close(fixture);
}

/* Accents, CJK, right to left, emoji, and names as long as they may be. */
static inline const tally_invoice *fixture_scripts(paper_fixture *fixture) {
    fixture_open(fixture, "\u017b\u00d3\u0141\u0106-2026-0010", "EUR", 2);
    fixture->invoice.seller.name =
        TEXT("Przedsi\u0119biorstwo Us\u0142ug Informatycznych \u201eZa\u017c\u00f3\u0142\u0107 "
             "g\u0119\u015bl\u0105 ja\u017a\u0144\u201d Sp\u00f3\u0142ka z ograniczon\u0105 "
             "odpowiedzialno\u015bci\u0105");
    fixture->invoice.buyer =
        (tally_party){.name = TEXT("\u682a\u5f0f\u4f1a\u793e\u5317\u6597\u6cd5\u52d9"),
                      .contact = TEXT("\u7530\u4e2d \u592a\u90ce"),
                      .street = TEXT("\u4e38\u306e\u51851-1-1"),
                      .city = TEXT("\u6771\u4eac\u90fd\u5343\u4ee3\u7530\u533a"),
                      .postcode = TEXT("100-0005"),
                      .country = TEXT("JP")};
    fixture->invoice.title =
        TEXT("\u05d1\u05d3\u05d9\u05e7\u05d5\u05ea \u05e7\u05d5\u05d3 and "
             "\u0627\u0644\u0628\u062d\u062b "
             "\u0641\u064a \u0627\u0644\u0646\u0635\u0648\u0635, \u691c\u7d22\u306e\u6539\u5584");
    fixture_hours(fixture,
                  "\u691c\u7d22\u7cbe\u5ea6\u306e\u6539\u5584\u3068\u8a55\u4fa1\u30bb\u30c3"
                  "\u30c8\u306e\u4f5c\u6210\u3001\u56de\u5e30\u306e\u539f\u56e0\u8abf\u67fb"
                  "\u3001\u672c\u756a\u74b0\u5883\u3078\u306e\u79fb\u884c\u4f5c\u696d\u306e"
                  "\u76e3\u8996\u3092\u542b\u3080",
                  1050, 15000);
    fixture_hours(fixture,
                  "\u05ea\u05d9\u05e7\u05d5\u05df \u05d4\u05d7\u05d9\u05e4\u05d5\u05e9 (RAG 2.0) "
                  "\u05d1\u05e2\u05d1\u05e8\u05d9\u05ea",
                  125, 15000);
    fixture_hours(fixture,
                  "\u062a\u062d\u0633\u064a\u0646 \u0627\u0644\u0628\u062d\u062b \u0641\u064a "
                  "\u0627\u0644\u0648\u062b\u0627\u0626\u0642",
                  300, 15000);
    fixture_hours(
        fixture,
        "\u0391\u03bd\u03ac\u03bb\u03c5\u03c3\u03b7, \u0430\u043d\u0430\u043b\u0438\u0437, "
        "ph\u00e2n t\u00edch \u2728 ship \U0001F680 it -> now",
        25, 15000);
    fixture_hours(fixture,
                  "https://example.example/averyveryveryveryveryveryveryveryveryveryverylongword/"
                  "thatneverends/thatneverends/thatneverends/thatneverends",
                  25, 15000);
    fixture_all_bear(fixture, "AE", 0, "Reverse charge, article 196 of Directive 2006/112/EC.");
    return fixture_close(fixture);
}

/* No minor unit: 3 x 12345 + 80000 - 5000. */
static inline const tally_invoice *fixture_yen(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0011", "JPY", 0);
    fixture_hours(fixture, "Review", 300, 12345);
    fixture_compute(fixture, "gpu", "GPU hours (Modal)", "", 80000);
    fixture_one(fixture, TALLY_BLOCK_CREDITS, TALLY_LINE_CREDIT, "Correction of AK-2026-0003", "",
                -5000);
    return fixture_close(fixture);
}

/* Three decimals: 1.25 h at 45.125 is 56.40625, printed and billed as 56.406. */
static inline const tally_invoice *fixture_dinar(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0012", "KWD", 3);
    fixture_hours(fixture, "Review", 125, 45125);
    return fixture_close(fixture);
}

/* Within the EU: the buyer owes the tax. */
static inline const tally_invoice *fixture_reverse(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0013", "EUR", 2);
    fixture->invoice.buyer = (tally_party){.name = TEXT("Soci\u00e9t\u00e9 B\u00e9renger S.A.S."),
                                           .tax_id = TEXT("FR40303265045"),
                                           .street = TEXT("12 rue de l\u2019\u00c9glise"),
                                           .city = TEXT("Lyon"),
                                           .postcode = TEXT("69002"),
                                           .country = TEXT("FR")};
    fixture->invoice.po_number = TEXT("4500017");
    fixture_hours(fixture, "Audit of the extraction pipeline", 1200, 14000);
    fixture_one(fixture, TALLY_BLOCK_CREDITS, TALLY_LINE_DEPOSIT, "Deposit credit", "", -40000);
    fixture_all_bear(fixture, "AE", 0, "Reverse charge, article 196 of Directive 2006/112/EC.");
    return fixture_close(fixture);
}

/* Two rates and an exemption, partly paid: 1,000.00 at 19 % = 190.00; 33.33 at 7 % = 2.33 (2.3331);
 * 500.00 exempt. 1,725.66 in all, of which 200.00 are paid. */
static inline const tally_invoice *fixture_mixed_tax(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0014", "EUR", 2);
    fixture_german_buyer(fixture);
    tally_invoice_line *line = fixture_hours(fixture, "Engineering", 1000, 10000);
    line->tax_category = TEXT("S"), line->tax_rate = 1900;
    line = fixture_one(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_PROJECT, "Printed handbook", "",
                       3333);
    line->tax_category = TEXT("S"), line->tax_rate = 700;
    line = fixture_one(fixture, TALLY_BLOCK_ENGINEERING, TALLY_LINE_PROJECT, "Training course", "",
                       50000);
    line->tax_category = TEXT("E");
    fixture_tax(fixture, "S", 1900, "");
    fixture_tax(fixture, "S", 700, "");
    fixture_tax(fixture, "E", 0, "Exempt under \u00a7 4 Nr. 21 UStG.");
    fixture->invoice.paid = 20000;
    return fixture_close(fixture);
}

/* More is given back than was done. */
static inline const tally_invoice *fixture_credit_note(paper_fixture *fixture) {
    fixture_open(fixture, "AK-2026-0015", "EUR", 2);
    fixture_german_buyer(fixture);
    fixture_hours(fixture, "Review", 100, 10000);
    fixture_one(fixture, TALLY_BLOCK_CREDITS, TALLY_LINE_CREDIT,
                "Correction of AK-2026-0009: entries 12 to 14 were billed twice", "", -30000);
    fixture_all_bear(fixture, "S", 1900, "");
    return fixture_close(fixture);
}

/* The one that a group of tests fills anew for each invoice: too large for the stack. */
static paper_fixture *fixture;

static inline int make_fixture(void **state) {
    (void)state;
    fixture = malloc(sizeof *fixture);
    return fixture ? 0 : -1;
}

static inline int free_fixture(void **state) {
    (void)state;
    free(fixture);
    return 0;
}

#endif
