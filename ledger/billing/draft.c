/* What all kinds of lines share: memory, lines, traces, sentences, and whose a project is. */
#include "draft.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <tally/blob.h>

#define CHUNK_BYTES 65536u

struct draft_chunk {
    draft_chunk *next;
    size_t used, size;
    _Alignas(16) uint8_t bytes[];
};

/* ---- memory ---- */

void *draft_take(draft *d, size_t size) {
    size = (size + 15u) & ~(size_t)15u;
    if (!d->memory || d->memory->size - d->memory->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        draft_chunk *chunk = malloc(sizeof *chunk + room);
        if (!chunk) {
            d->failed = true;
            return NULL;
        }
        chunk->next = d->memory;
        chunk->used = 0;
        chunk->size = room;
        d->memory = chunk;
    }
    void *out = d->memory->bytes + d->memory->used;
    d->memory->used += size;
    return out;
}

void draft_memory_free(draft_chunk *memory) {
    while (memory) {
        draft_chunk *next = memory->next;
        free(memory);
        memory = next;
    }
}

tally_span draft_copy(draft *d, tally_span text) {
    if (text.len == 0) return (tally_span){0};
    uint8_t *copy = draft_take(d, text.len);
    if (!copy) return (tally_span){0};
    memcpy(copy, text.ptr, text.len);
    return tally_span_of(copy, text.len);
}

bool draft_grow(draft *d, void **items, size_t *room, size_t count, size_t size) {
    if (count < *room) return true;
    size_t more = *room ? 2 * *room : 64;
    void *grown = realloc(*items, more * size);
    if (!grown) {
        d->failed = true;
        return false;
    }
    *items = grown;
    *room = more;
    return true;
}

/* ---- sentences ---- */

/* A text that was cut ends with a whole character. */
static size_t whole_characters(const char *text, size_t len) {
    while (len > 0 && !tally_utf8_valid(tally_span_of(text, len)))
        len--;
    return len;
}

static tally_span text_of(draft *d, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static tally_span text_of(draft *d, const char *format, va_list args) {
    char text[TALLY_WORDS_MAX_BYTES + DRAFT_TEXT_BYTES];
    int len = vsnprintf(text, sizeof text, format, args);
    if (len < 0) return (tally_span){0};
    size_t kept = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    return draft_copy(d, tally_span_of(text, whole_characters(text, kept)));
}

tally_span draft_text(draft *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tally_span text = text_of(d, format, args);
    va_end(args);
    return text;
}

tally_span draft_join(draft *d, tally_span first, tally_span second) {
    if (first.len == 0) return second;
    if (second.len == 0) return first;
    return draft_text(d, "%.*s; %.*s", SPAN(first), SPAN(second));
}

void draft_warn(draft *d, const char *format, ...) {
    va_list args;
    if (!draft_grow(d, (void **)&d->warnings, &d->warning_room, d->warning_count,
                    sizeof *d->warnings))
        return;
    va_start(args, format);
    d->warnings[d->warning_count++] = text_of(d, format, args);
    va_end(args);
}

void draft_clause(draft *d, const char *format, ...) {
    va_list args;
    if (!draft_grow(d, (void **)&d->clauses, &d->clause_room, d->clause_count, sizeof *d->clauses))
        return;
    va_start(args, format);
    d->clauses[d->clause_count++] = text_of(d, format, args);
    va_end(args);
}

tally_span draft_money(draft *d, int64_t minor) {
    int decimals = tally_currency_decimals(d->contract.currency);
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_i128 pico = minor;
    for (int i = decimals; i < TALLY_PICO_DECIMALS; i++)
        pico *= 10;
    tally_pico_format_rounded(pico, decimals, true, text);
    return draft_text(d, "%s", text);
}

tally_span draft_day(draft *d, int64_t day) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(day, text);
    return draft_text(d, "%s", text);
}

tally_span draft_period_words(draft *d) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    const tally_period *p = &d->asked->period;
    int64_t year;
    unsigned month, of_month;
    tally_civil_from_days(p->first_day, &year, &month, &of_month);
    if (of_month == 1 && p->end_day == tally_days_from_civil(year, month + 1, 1))
        return draft_text(d, "%s %lld", months[month - 1], (long long)year);
    tally_span first = draft_day(d, p->first_day), last = draft_day(d, p->end_day - 1);
    return draft_text(d, "%.*s to %.*s", SPAN(first), SPAN(last));
}

tally_span draft_said_words(draft *d, const tally_attribution *said) {
    char hex[17];
    tally_hex(tally_span_of(said->decision.b, 8), hex);
    switch (said->by) {
    case TALLY_ATTRIBUTED_RULE: return draft_text(d, "rule %.*s", SPAN(said->rule));
    case TALLY_ATTRIBUTED_ASSIGN: return draft_text(d, "assigned by record %s", hex);
    case TALLY_ATTRIBUTED_SPLIT: return draft_text(d, "split by record %s", hex);
    default: return (tally_span){0};
    }
}

void draft_said_leaf(draft *d, const tally_attribution *said, tally_hash *out) {
    tally_policy_row row;
    memset(out, 0, sizeof *out);
    if (said->by == TALLY_ATTRIBUTED_ASSIGN || said->by == TALLY_ATTRIBUTED_SPLIT)
        *out = said->decision;
    else if (said->by == TALLY_ATTRIBUTED_RULE &&
             tally_policy_get(d->txn, TALLY_POLICY_RULE, &said->rule, 1, &row) == 0)
        *out = row.leaf;
}

/* ---- lines ---- */

static const tally_line_block blocks[] = {
    [TALLY_LINE_HOURS] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_MILESTONE] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_PROJECT] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_RETAINER] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_OVERAGE] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_CHANGE] = TALLY_BLOCK_ENGINEERING,
    [TALLY_LINE_COMPUTE] = TALLY_BLOCK_COMPUTE,
    [TALLY_LINE_DEPOSIT] = TALLY_BLOCK_CREDITS,
    [TALLY_LINE_CREDIT] = TALLY_BLOCK_CREDITS,
};

static bool amount_of(const tally_invoice_line *line, int64_t *out) {
    tally_i128 product = (tally_i128)line->quantity * line->price;
    tally_i128 half = product < 0 ? -50 : 50, amount = (product + half) / 100;
    *out = (int64_t)amount;
    return amount >= -INT64_MAX && amount <= INT64_MAX;
}

void draft_line(draft *d, tally_invoice_line line) {
    const tally_contract *c = &d->contract;
    if (d->line_count == TALLY_INVOICE_MAX_LINES) d->failed = true;
    if (d->failed || !draft_grow(d, (void **)&d->lines, &d->line_room, d->line_count, sizeof line))
        return;
    line.block = blocks[line.kind];
    line.tax_category =
        line.block == TALLY_BLOCK_COMPUTE ? c->compute_tax_category : c->tax_category;
    line.tax_rate = line.block == TALLY_BLOCK_COMPUTE ? c->compute_tax_rate : c->tax_rate;
    line.trace_at = d->trace_count;
    line.trace_count = 0;
    if (!amount_of(&line, &line.amount)) d->failed = true;
    d->lines[d->line_count++] = line;
}

void draft_trace(draft *d, const tally_trace *trace) {
    assert(d->failed || d->line_count > 0);
    if (d->failed ||
        !draft_grow(d, (void **)&d->trace, &d->trace_room, d->trace_count, sizeof *trace))
        return;
    d->trace[d->trace_count++] = *trace;
    d->lines[d->line_count - 1].trace_count++;
}

/* ---- whose ---- */

void draft_thing_id(const draft *d, const char *what, tally_span name, tally_entry_id *out) {
    static const uint8_t zero;
    tally_span parts[] = {tally_span_str(what), tally_span_of(&zero, 1), d->contract.contract,
                          tally_span_of(&zero, 1), name};
    tally_hash hash;
    tally_sha256_parts(parts, sizeof parts / sizeof *parts, &hash);
    memcpy(out->b, hash.b, sizeof out->b);
}

int draft_thing_billed(draft *d, const tally_entry_id *id, bool *out) {
    billed_share share = {.entry = *id, LOCK_NO_DAY, 1, 1, 1};
    billed_answer answer;
    int rc = billed_ask(d->billed, &d->contract, &share, &answer, d->err);
    *out = answer.state != BILLED_NOT;
    return rc;
}

int draft_document(draft *d, const billed_issue *issue, tally_span what, tally_invoice **out) {
    const uint8_t *document;
    tally_span content;
    if (!tally_body_bin(&issue->record, "document", TALLY_HASH_BYTES, &document) ||
        tally_blob_get(d->txn, document, &content) != 0)
        return tally_fail(
            d->err, TALLY_ENOTFOUND,
            "%.*s is not known: its document is not here; 'tally sync now' fetches it", SPAN(what));
    return tally_invoice_decode(content, out, d->err);
}

bool draft_covers(const draft *d, tally_span project, int64_t day) {
    if (d->contract.project.len > 0) return tally_span_eq(project, d->contract.project);
    for (size_t i = 0; i < d->other_count; i++) {
        const draft_project *other = &d->other_projects[i];
        if (day >= other->first_day && day < other->end_day &&
            tally_span_eq(project, other->project))
            return false;
    }
    return true;
}

uint64_t draft_client_parts(const draft *d, const tally_attribution *said) {
    uint64_t parts = 0;
    for (uint32_t i = 0; i < said->count; i++)
        if (tally_span_eq(said->shares[i].client, d->contract.client))
            parts += said->shares[i].parts;
    return parts;
}
