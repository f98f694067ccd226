/* From an invoice to the words and figures of its sheet. What the figures are, ledger/ has said. */
#include "sheet.h"

#include <inttypes.h>
#include <stdlib.h>

#include <tally/hash.h>

#include "figures.h"
#include "format/printable.h"
#include "sheet_text.h"

#define PARTY_MAX_LINES  10u
#define MAX_FACTS        7u
#define MAX_PAYMENTS     6u
#define OWN_TOTALS       5u /* beside the taxes */
#define IBAN_GROUP       4u
#define BLOCK_EXTRA_ROWS 2u /* its title and its subtotal */

/* The arrays are made long enough beforehand: each adds only what it was made for. */
static void add_pair(sheet_pairs *pairs, const char *label, const char *value) {
    if (pairs->at && *value) pairs->at[pairs->count++] = (sheet_pair){label, value};
}

static void add_words(sheet_words *words, const char *text) {
    if (words->at && *text) words->at[words->count++] = text;
}

static const char *money(paper_sheet *sheet, const tally_invoice *invoice, int64_t minor) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(minor, invoice->decimals, true, text);
    return sheet_format(sheet, "%s", text);
}

static const char *day(paper_sheet *sheet, int64_t value) {
    char text[PAPER_FIGURE_BYTES];
    paper_day(value, text);
    return sheet_format(sheet, "%s", text);
}

/* "10115 Berlin", or as in North America and Australia "Springfield, IL 62701". */
static const char *town(paper_sheet *sheet, const tally_party *party) {
    const char *city = sheet_clean(sheet, party->city);
    const char *region = sheet_clean(sheet, party->region);
    const char *code = sheet_clean(sheet, party->postcode);
    bool after = tally_span_is(party->country, "US") || tally_span_is(party->country, "CA") ||
                 tally_span_is(party->country, "AU");
    if (after)
        return sheet_format(sheet, "%s%s%s%s%s", city, *city && *region ? ", " : "", region,
                            *code && (*city || *region) ? " " : "", code);
    return sheet_format(sheet, "%s%s%s%s%s", code, *code && *city ? " " : "", city,
                        *region && (*code || *city) ? ", " : "", region);
}

static const char *labelled(paper_sheet *sheet, const char *label, tally_span text) {
    return text.len ? sheet_format(sheet, "%s %s", label, sheet_clean(sheet, text)) : "";
}

static void party_lines(paper_sheet *sheet, const tally_party *party, sheet_words *out) {
    const char *country = paper_country(party->country);
    out->at = sheet_take(sheet, PARTY_MAX_LINES, sizeof *out->at);
    add_words(out, sheet_clean(sheet, party->name));
    add_words(out, sheet_clean(sheet, party->contact));
    add_words(out, sheet_clean(sheet, party->street));
    add_words(out, sheet_clean(sheet, party->street2));
    add_words(out, town(sheet, party));
    add_words(out, country ? country : sheet_clean(sheet, party->country));
    add_words(out, sheet_clean(sheet, party->email));
    add_words(out, labelled(sheet, paper_is_vat_number(party->tax_id) ? "VAT ID" : "Tax ID",
                            party->tax_id));
    add_words(out, labelled(sheet, "Company no.", party->company_id));
}

/* Until when the client has to pay: nothing, of a credit note. */
static void terms(paper_sheet *sheet, const tally_invoice *invoice) {
    sheet_pairs *out = &sheet->facts;
    if (invoice->due_day > invoice->issue_day)
        add_pair(out, "Due date", day(sheet, invoice->due_day));
    else if (invoice->due > 0)
        add_pair(out, "Due date", "On receipt");
    add_pair(out, "Terms", sheet_clean(sheet, invoice->terms));
}

static void facts(paper_sheet *sheet, const tally_invoice *invoice) {
    char period[PAPER_FIGURE_BYTES];
    sheet_pairs *out = &sheet->facts;
    out->at = sheet_take(sheet, MAX_FACTS, sizeof *out->at);
    add_pair(out, "Issue date", day(sheet, invoice->issue_day));
    if (invoice->total >= 0) terms(sheet, invoice);
    if (invoice->end_day > invoice->first_day) {
        paper_period(invoice->first_day, invoice->end_day, period);
        add_pair(out, "Period", sheet_format(sheet, "%s", period));
    }
    add_pair(out, "Purchase order", sheet_clean(sheet, invoice->po_number));
    add_pair(out, "Contract", sheet_clean(sheet, invoice->contract));
}

static const char *tax_name(const tally_invoice *invoice) {
    return paper_is_vat_number(invoice->seller.tax_id) ? "VAT" : "Tax";
}

static const char *tax_label(paper_sheet *sheet, const tally_invoice *invoice, tally_span category,
                             uint32_t rate) {
    char percent[PAPER_FIGURE_BYTES];
    const char *tax = tax_name(invoice);
    if (tally_span_is(category, "AE")) return sheet_format(sheet, "%s, reverse charge", tax);
    if (tally_span_is(category, "E")) return sheet_format(sheet, "%s, exempt", tax);
    if (tally_span_is(category, "O")) return sheet_format(sheet, "Not subject to %s", tax);
    paper_short(rate, percent);
    return sheet_format(sheet, "%s %s\u00a0%%", tax, percent);
}

/* Which tax a line bears is said where there is more than one. */
static const char *line_detail(paper_sheet *sheet, const tally_invoice *invoice,
                               const tally_invoice_line *line) {
    const char *detail = sheet_clean(sheet, line->detail);
    if (invoice->tax_count < 2) return detail;
    return sheet_format(sheet, "%s%s%s", detail, *detail ? " \u00b7 " : "",
                        tax_label(sheet, invoice, line->tax_category, line->tax_rate));
}

static void line_row(paper_sheet *sheet, const tally_invoice *invoice,
                     const tally_invoice_line *line) {
    char quantity[PAPER_FIGURE_BYTES];
    sheet_row *row = &sheet->rows[sheet->row_count++];
    if (tally_span_is(line->unit, "hour"))
        paper_hundredths(line->quantity, quantity);
    else
        paper_short(line->quantity, quantity);
    *row = (sheet_row){.kind = SHEET_LINE,
                       .text = sheet_clean(sheet, line->description),
                       .detail = line_detail(sheet, invoice, line),
                       .quantity = sheet_format(sheet, "%s", quantity),
                       .unit = paper_unit(line->unit, line->quantity),
                       .price = money(sheet, invoice, line->price),
                       .amount = money(sheet, invoice, line->amount)};
}

static void subtotal_row(paper_sheet *sheet, const tally_invoice *invoice, tally_line_block block) {
    static const char *const labels[] = {"Subtotal engineering",
                                         "Subtotal compute and AI services"};
    const char *amount = money(sheet, invoice, invoice->subtotal[block]);
    sheet->rows[sheet->row_count++] =
        (sheet_row){SHEET_SUBTOTAL, labels[block], "", "", "", "", amount};
}

/* The credits have their sum among the totals. */
static void rows(paper_sheet *sheet, const tally_invoice *invoice) {
    size_t at = 0;
    sheet->rows = sheet_take(sheet, invoice->line_count + BLOCK_EXTRA_ROWS * TALLY_BLOCK_COUNT,
                             sizeof *sheet->rows);
    if (!sheet->rows) return;
    for (int block = 0; block < TALLY_BLOCK_COUNT; block++) {
        if (at == invoice->line_count || invoice->lines[at].block != (tally_line_block)block)
            continue;
        sheet->rows[sheet->row_count++] =
            (sheet_row){SHEET_BLOCK, paper_block((tally_line_block)block), "", "", "", "", ""};
        for (; at < invoice->line_count && invoice->lines[at].block == (tally_line_block)block;
             at++)
            line_row(sheet, invoice, &invoice->lines[at]);
        if (block != TALLY_BLOCK_CREDITS) subtotal_row(sheet, invoice, (tally_line_block)block);
    }
}

static void tax_totals(paper_sheet *sheet, const tally_invoice *invoice) {
    add_pair(&sheet->totals, "Net", money(sheet, invoice, invoice->net));
    for (size_t i = 0; i < invoice->tax_count; i++) {
        const tally_tax_group *tax = &invoice->taxes[i];
        add_pair(&sheet->totals,
                 sheet_format(sheet, "%s on %s",
                              tax_label(sheet, invoice, tax->category, tax->rate),
                              money(sheet, invoice, tax->base)),
                 money(sheet, invoice, tax->tax));
    }
}

/* Nothing is said of taxes where the law asks for nothing: all lines outside their scope. */
static bool bears_tax(const tally_invoice *invoice) {
    return invoice->tax_count > 1 ||
           (invoice->tax_count == 1 && !tally_span_is(invoice->taxes[0].category, "O"));
}

static void totals(paper_sheet *sheet, const tally_invoice *invoice) {
    sheet_pairs *out = &sheet->totals;
    int64_t credits = invoice->subtotal[TALLY_BLOCK_CREDITS];
    out->at = sheet_take(sheet, OWN_TOTALS + invoice->tax_count, sizeof *out->at);
    if (credits) {
        add_pair(out, "Subtotal",
                 money(sheet, invoice,
                       invoice->subtotal[TALLY_BLOCK_ENGINEERING] +
                           invoice->subtotal[TALLY_BLOCK_COMPUTE]));
        add_pair(out, "Credits", money(sheet, invoice, credits));
    }
    if (bears_tax(invoice)) tax_totals(sheet, invoice);
    if (invoice->paid) {
        add_pair(out, "Total", money(sheet, invoice, invoice->total));
        add_pair(out, "Paid", money(sheet, invoice, -invoice->paid));
    }
    sheet->due = (sheet_pair){
        invoice->due < 0 ? "Total in your favour" : "Total due",
        sheet_format(sheet, "%s %s", sheet->currency, money(sheet, invoice, invoice->due))};
}

/* "DE89 3704 0044 0532 0130 00" */
static const char *grouped_iban(paper_sheet *sheet, tally_span iban) {
    char *out = sheet_take(sheet, 2 * iban.len + 1, 4), *at = out;
    if (!out) return "";
    for (size_t letters = 0; iban.len;) {
        uint32_t character = cli_printable(&iban);
        if (character == ' ') continue;
        if (letters && letters % IBAN_GROUP == 0) *at++ = ' ';
        at += cli_utf8(character, at);
        letters++;
    }
    return out;
}

static void payment(paper_sheet *sheet, const tally_invoice *invoice) {
    const tally_party *seller = &invoice->seller;
    sheet_pairs *out = &sheet->payment;
    out->at = sheet_take(sheet, MAX_PAYMENTS, sizeof *out->at);
    if (invoice->due <= 0 || (!seller->iban.len && !seller->payee.len)) return;
    add_pair(out, "Payee", sheet_clean(sheet, seller->payee.len ? seller->payee : seller->name));
    add_pair(out, "IBAN", grouped_iban(sheet, seller->iban));
    add_pair(out, "BIC", sheet_clean(sheet, seller->bic));
    if (!sheet->draft) add_pair(out, "Reference", sheet->name);
}

static void clauses(paper_sheet *sheet, const tally_invoice *invoice) {
    sheet_words *out = &sheet->clauses;
    out->at = sheet_take(sheet, invoice->clause_count + invoice->tax_count, sizeof *out->at);
    for (size_t i = 0; i < invoice->tax_count; i++)
        add_words(out, sheet_clean(sheet, invoice->taxes[i].reason));
    for (size_t i = 0; i < invoice->clause_count; i++)
        add_words(out, sheet_clean(sheet, invoice->clauses[i]));
}

static void digests(paper_sheet *sheet, const tally_invoice *invoice) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    tally_hash frontier;
    sheet->digests.at = sheet_take(sheet, 2, sizeof *sheet->digests.at);
    tally_hex(tally_span_of(invoice->trace_digest.b, TALLY_HASH_BYTES), hex);
    add_pair(&sheet->digests, "Trace", sheet_format(sheet, "%s", hex));
    if (paper_frontier_digest(invoice, &frontier) != 0) {
        sheet->out_of_memory = true;
        return;
    }
    tally_hex(tally_span_of(frontier.b, TALLY_HASH_BYTES), hex);
    add_pair(&sheet->digests, "Frontier", sheet_format(sheet, "%s", hex));
}

int sheet_new(const tally_invoice *invoice, paper_sheet **out, tally_error *err) {
    char issued[TALLY_TIME_TEXT_BYTES];
    paper_sheet *made = calloc(1, sizeof *made);
    *out = NULL;
    if (!made) return tally_fail(err, TALLY_ENOMEM, "out of memory for the invoice's text");
    tally_date_format(invoice->issue_day, issued);
    made->draft = invoice->number.len == 0;
    made->letter = tally_span_is(invoice->buyer.country, "US");
    made->kind = invoice->total < 0 ? "Credit note" : "Invoice";
    made->name = made->draft ? "Draft" : sheet_clean(made, invoice->number);
    made->title = sheet_clean(made, invoice->title);
    made->currency = sheet_clean(made, invoice->currency);
    made->issued = sheet_format(made, "%s", issued);
    party_lines(made, &invoice->seller, &made->seller);
    party_lines(made, &invoice->buyer, &made->buyer);
    facts(made, invoice);
    rows(made, invoice);
    totals(made, invoice);
    payment(made, invoice);
    clauses(made, invoice);
    digests(made, invoice);
    if (made->out_of_memory) {
        sheet_free(made);
        return tally_fail(err, TALLY_ENOMEM, "out of memory for the invoice's text");
    }
    *out = made;
    return 0;
}
