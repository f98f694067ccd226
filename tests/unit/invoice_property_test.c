/* Random contracts over random work: printed quantity x price is the amount on every line, amounts
 * add up, nothing is billed twice, and every share is accounted for. */
#include "ledger_case.h"
#include "random.h"

#include <tally/expense.h>
#include <tally/invoice.h>
#include <tally/work.h>

#define SEED     20261121u
#define WORLDS   24u
#define CLIENTS  2u
#define ENTRIES  30u
#define EXPENSES 12u
#define FIRST    20513 /* 2026-03-01 */
#define DAYS     61    /* March and April */

static const char *const clients[CLIENTS] = {"acme", "fin"};
static const char *const words[] = {"Parser", "Search index", "Ingestion of mails", "Evaluation"};

static rng r;
static bool rounds_down; /* some contract's short entries may come to nothing, and wait */

/* ---- a world ---- */

static int split_entry(tally_txn *txn, const tally_entry_id *id, tally_error *err) {
    tally_share shares[3] = {{text("acme"), text(""), 1 + rng_below(&r, 9)},
                             {text("fin"), text(""), 1 + rng_below(&r, 9)},
                             {text("acme"), text("shop"), 1 + rng_below(&r, 9)}};
    tally_decide decide = {.entry = id, .shares = shares, .share_count = 2 + rng_below(&r, 2)};
    return tally_decide_append(txn, &decide, err);
}

static int add_work(void *ctx, tally_txn *txn, tally_error *err) {
    int64_t *total = ctx;
    int rc = 0;
    for (unsigned i = 0; i < ENTRIES && rc == 0; i++) {
        uint8_t salt[TALLY_BLOB_SALT_BYTES] = {(uint8_t)i};
        tally_entry_id id;
        tally_time_new entry = {.day = FIRST + (int64_t)rng_below(&r, DAYS),
                                .start_ms = -1,
                                .duration_ms = 1 + (int64_t)rng_below(&r, 40 * 60000),
                                .client = text(clients[rng_below(&r, CLIENTS)]),
                                .text = text(words[rng_below(&r, 4)]),
                                .salt = salt};
        rc = tally_time_append(txn, &entry, &id, err);
        if (rc == 0 && rng_below(&r, 4) == 0) rc = split_entry(txn, &id, err);
        *total += entry.duration_ms;
    }
    return rc;
}

static int add_expenses(void *ctx, tally_txn *txn, tally_error *err) {
    int64_t *total = ctx;
    static const char *const providers[] = {"Cohere", "Pinecone", "Anthropic"};
    int rc = 0;
    for (unsigned i = 0; i < EXPENSES && rc == 0; i++) {
        tally_entry_id id;
        tally_expense_entry entry = {
            .day = FIRST + (int64_t)rng_below(&r, DAYS),
            .category = (tally_expense_category)rng_below(&r, TALLY_EXPENSE_CATEGORIES),
            .provider = text(providers[rng_below(&r, 3)]),
            .currency = text("USD"),
            .client = text(clients[rng_below(&r, CLIENTS)]),
            .amount = TALLY_PICO + (int64_t)(rng_next(&r) % (300 * (uint64_t)TALLY_PICO))};
        rc = tally_expense_append(txn, &entry, &id, err);
        if (rc == 0 && rng_below(&r, 3) == 0) rc = split_entry(txn, &id, err);
        *total += (int64_t)entry.amount;
    }
    return rc;
}

static void put_choice(const char *key, const char *const *from, uint32_t count) {
    tally_put_str(f->writer, key, text(from[rng_below(&r, count)]));
}

static int set_contract(void *ctx, tally_txn *txn, tally_error *err) {
    static const char *const lines[] = {"description", "entry", "project", "day"};
    static const char *const per[] = {"entry", "day", "line"}, *const round[] = {"up", "nearest"};
    static const uint64_t minutes[] = {0, 6, 15, 30};
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "contract", text(ctx));
    tally_put_str(f->writer, "client", text(ctx));
    put_choice("lines", lines, 4);
    put_choice("rounding_per", per, 3);
    uint32_t rounding = rng_below(&r, 2);
    tally_put_str(f->writer, "rounding", text(round[rounding]));
    rounds_down = rounds_down || rounding == 1;
    tally_put_u64(f->writer, "rounding_minutes", minutes[rng_below(&r, 4)]);
    tally_put_u64(f->writer, "minimum_minutes", rng_below(&r, 3));
    tally_put_u64(f->writer, "rate", (1 + rng_below(&r, 30000)) * (uint64_t)TALLY_PICO / 100);
    if (rng_below(&r, 3) == 0) {
        tally_put_u64(f->writer, "retainer", 1000 * (uint64_t)TALLY_PICO);
        tally_put_u64(f->writer, "included_hours", 1 + rng_below(&r, 5) * (uint64_t)TALLY_PICO);
    }
    if (rng_below(&r, 2) == 0) {
        tally_put_str(f->writer, "ai_cost", text("markup"));
        tally_put_u64(f->writer, "markup_percent", 1 + rng_below(&r, 40));
    }
    if (rng_below(&r, 2) == 0) {
        tally_put_str(f->writer, "tax_category", text("S"));
        tally_put_u64(f->writer, "tax_rate_bp", rng_below(&r, 2500));
    }
    return tally_policy_set(txn, TALLY_POLICY_CONTRACT, f->writer, err);
}

/* ---- what must hold ---- */

static int64_t rounded(tally_i128 numerator, int64_t by) {
    tally_i128 half = numerator < 0 ? -by / 2 : by / 2;
    return (int64_t)((numerator + half) / by);
}

static void assert_adds_up(const tally_invoice *invoice) {
    int64_t net = 0, tax = 0, blocks[TALLY_BLOCK_COUNT] = {0};
    size_t at = 0;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *line = &invoice->lines[i];
        assert_int_equal(line->amount, rounded((tally_i128)line->quantity * line->price, 100));
        assert_true(line->description.len > 0);
        assert_int_equal(line->trace_at, at); /* no record between two lines, none on both */
        assert_true(i == 0 || line->block >= invoice->lines[i - 1].block);
        at += line->trace_count;
        net += line->amount;
        blocks[line->block] += line->amount;
    }
    assert_int_equal(at, invoice->trace_count);
    assert_int_equal(net, invoice->net);
    for (int b = 0; b < TALLY_BLOCK_COUNT; b++)
        assert_int_equal(blocks[b], invoice->subtotal[b]);
    for (size_t i = 0; i < invoice->tax_count; i++) {
        const tally_tax_group *group = &invoice->taxes[i];
        assert_int_equal(group->tax, rounded((tally_i128)group->base * group->rate, 10000));
        tax += group->tax;
    }
    assert_int_equal(tax, invoice->tax);
    assert_int_equal(invoice->total, net + tax);
}

/* Of one entry on one invoice, its shares are below the whole. */
static void assert_once(const tally_invoice *invoice) {
    for (size_t i = 0; i < invoice->trace_count; i++) {
        uint64_t part = 0;
        for (size_t k = 0; k < invoice->trace_count; k++) {
            const tally_trace *a = &invoice->trace[i], *b = &invoice->trace[k];
            if (memcmp(a->entry.b, b->entry.b, sizeof a->entry.b) != 0 || a->day != b->day)
                continue;
            assert_int_equal(a->parts, b->parts);
            part += b->part;
        }
        assert_true(part <= invoice->trace[i].parts);
    }
}

typedef struct issuing {
    tally_draft draft;
    tally_invoice *out;
} issuing;

static int issue_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES];
    issuing *issue = ctx;
    return tally_invoice_issue(txn, &issue->draft, salt, &issue->out, err);
}

static tally_invoice *draft_of(const tally_draft *asked) {
    tally_txn *txn;
    tally_invoice *draft;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_invoice_derive(txn, asked, &draft, &f->err));
    tally_read_end(txn);
    return draft;
}

static int no_conflict(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    (void)ctx, (void)conflict, (void)err;
    fail_msg("a conflict on one device");
    return 0;
}

/* Drafts, issues, and drafts again; adds what is billed to the sums. */
static void bill(const char *client, int64_t first, int64_t end, const tally_zone *utc, int64_t *ms,
                 int64_t *pico) {
    tally_draft asked = {.contract = text(client),
                         .period = {first * TALLY_DAY_MS, end * TALLY_DAY_MS, first, end},
                         .zone = utc,
                         .issue_day = end};
    tally_invoice *draft = draft_of(&asked), *again = draft_of(&asked);
    uint8_t *a, *b;
    size_t a_len, b_len;
    assert_adds_up(draft);
    assert_once(draft);
    OK(tally_invoice_encode(draft, &a, &a_len, &f->err));
    OK(tally_invoice_encode(again, &b, &b_len, &f->err));
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    free(a);
    free(b);
    for (size_t i = 0; i < draft->trace_count; i++) {
        *ms += draft->trace[i].ms;
        *pico += (int64_t)draft->trace[i].pico;
    }
    size_t lines = draft->line_count;
    tally_invoice_free(draft);
    tally_invoice_free(again);
    if (lines == 0) return;
    issuing issue = {.draft = asked};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, issue_one, &issue, &f->err));
    assert_int_equal(issue.out->line_count, lines);
    tally_invoice_free(issue.out);
    draft = draft_of(&asked);
    assert_int_equal(draft->line_count, 0);
    tally_invoice_free(draft);
}

typedef struct verifying {
    char numbers[8][TALLY_NAME_MAX_BYTES + 1];
    size_t count;
} verifying;

static int note_number(void *ctx, const tally_issued *issued, tally_error *err) {
    verifying *v = ctx;
    (void)err;
    assert_true(v->count < 8);
    (void)snprintf(v->numbers[v->count++], TALLY_NAME_MAX_BYTES + 1, "%.*s",
                   (int)issued->number.len, (const char *)issued->number.ptr);
    return 0;
}

typedef struct frontier_copy {
    tally_issued issued;
    tally_frontier_entry frontier[4];
    const char *number;
} frontier_copy;

static int copy_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    frontier_copy *copy = ctx;
    (void)err;
    if (!tally_span_is(issued->number, copy->number)) return 0;
    copy->issued = *issued;
    assert_true(issued->frontier_count <= 4);
    memcpy(copy->frontier, issued->frontier, issued->frontier_count * sizeof *issued->frontier);
    copy->issued.frontier = copy->frontier;
    return 0;
}

/* Spans of a snapshot must not outlive it: the names are the fixture's. */
static void assert_verifies(const char *number, const tally_zone *utc) {
    static char contract[TALLY_NAME_MAX_BYTES + 1];
    frontier_copy copy = {.number = number};
    tally_invoice *frozen, *derived;
    char difference[TALLY_DIFFERENCE_BYTES];
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_issued_each(txn, INT64_MAX, copy_issued, &copy, &f->err));
    OK(tally_issued_document(txn, &copy.issued, &frozen, &f->err));
    (void)snprintf(contract, sizeof contract, "%.*s", (int)copy.issued.contract.len,
                   (const char *)copy.issued.contract.ptr);
    tally_read_end(txn);
    copy.issued.contract = text(contract);
    copy.issued.number = text(number);
    copy.issued.member = text("ada");
    OK(tally_invoice_rederive(f->ledger, &copy.issued, utc, utc, &derived, &f->err));
    if (!tally_invoice_same(&copy.issued, frozen, derived, difference))
        fail_msg("%s differs: %s", number, difference);
    tally_invoice_free(frozen);
    tally_invoice_free(derived);
}

static void one_world(void) {
    int64_t worked = 0, spent = 0, ms = 0, pico = 0;
    verifying v = {.count = 0};
    tally_zone *utc;
    rounds_down = false;
    tally_txn *txn;
    OK(tally_zone_utc(&utc, &f->err));
    for (unsigned c = 0; c < CLIENTS; c++)
        OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, set_contract,
                              (void *)(uintptr_t)clients[c], &f->err));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add_work, &worked, &f->err));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add_expenses, &spent, &f->err));
    for (unsigned c = 0; c < CLIENTS; c++) {
        bill(clients[c], FIRST, FIRST + 31, utc, &ms, &pico);
        bill(clients[c], FIRST + 20, FIRST + DAYS, utc, &ms, &pico); /* meets the first */
    }
    assert_int_equal(pico, spent);
    /* Seconds that are no hundredth of an hour wait. */
    assert_true(ms <= worked && (rounds_down || worked - ms < ENTRIES * 36000));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_invoice_conflicts(txn, no_conflict, NULL, &f->err));
    OK(tally_issued_each(txn, INT64_MAX, note_number, &v, &f->err));
    tally_read_end(txn);
    for (size_t i = 0; i < v.count; i++)
        assert_verifies(v.numbers[i], utc);
    tally_hash before = fixture_digest(f), after;
    OK(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err));
    after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    tally_zone_free(utc);
}

static void random_contracts_add_up_and_bill_every_share_once(void **state) {
    (void)state;
    r = rng_begin("invoice_property", SEED);
    for (unsigned i = 0; i < WORLDS; i++) {
        one_world();
        fixture_close(f);
        fixture_open(f);
    }
}

/* Bytes that another program packed, from PROTOCOL.md section 15. */
static void a_document_packed_elsewhere_is_read_and_packed_alike(void **state) {
    static const char path[] = TALLY_TEST_DATA "/../fuzz/corpus/document/one_line";
    uint8_t bytes[2048], *again;
    size_t len;
    tally_invoice *invoice;
    (void)state;
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t size = fread(bytes, 1, sizeof bytes, in);
    (void)fclose(in);
    OK(tally_invoice_decode(tally_span_of(bytes, size), &invoice, &f->err));
    assert_true(tally_span_is(invoice->number, "AK-2026-0001"));
    assert_int_equal(invoice->line_count, 1);
    assert_int_equal(invoice->lines[0].amount, 83250);
    assert_true(tally_span_is(invoice->lines[0].description, "Diagnosis"));
    assert_int_equal(invoice->trace[0].ms, 16200000);
    assert_int_equal(invoice->frontier[0].size, 9);
    OK(tally_invoice_encode(invoice, &again, &len, &f->err));
    assert_int_equal(len, size);
    assert_memory_equal(again, bytes, size);
    free(again);
    tally_invoice_free(invoice);
    bytes[20] ^= 1;
    assert_int_not_equal(tally_invoice_decode(tally_span_of(bytes, size), &invoice, &f->err), 0);
}

/* 9,725.00 at 1.5 percent: 145.88 at once, 148.06 a month later; worked out by hand. */
static void late_fees_compound_by_month_and_a_payment_stops_them(void **state) {
    (void)state;
    const int64_t due = 20558; /* 2026-04-15 */
    tally_paid paid[] = {{due + 10, 972500}};
    assert_int_equal(tally_late_fee(972500, due, 150, NULL, 0, due), 0);
    assert_int_equal(tally_late_fee(972500, due, 150, NULL, 0, due + 1), 14588);
    assert_int_equal(tally_late_fee(972500, due, 150, NULL, 0, due + 30), 14588);
    assert_int_equal(tally_late_fee(972500, due, 150, NULL, 0, due + 31), 14588 + 14806);
    /* What was paid in between leaves 145.88, of which 1.5 percent are 2.19. */
    assert_int_equal(tally_late_fee(972500, due, 150, paid, 1, due + 31), 14588 + 219);
    /* Due on 30 January: months start on the 31st, or on their last day. */
    assert_int_equal(tally_late_fee(10000, 20483, 100, NULL, 0, 20511), 100); /* 27 February */
    assert_int_equal(tally_late_fee(10000, 20483, 100, NULL, 0, 20512),
                     100 + 101); /* 28 February */
}

/* 100.00 that doubles each month owes 10,000 x (2^n - 1) after n of them. */
static void a_late_fee_that_cannot_be_told_exactly_is_no_figure(void **state) {
    (void)state;
    const int64_t due = 20558; /* 2026-04-15 */
    const int64_t month_39 = tally_days_from_civil(2029, 6, 16);
    assert_int_equal(tally_late_fee(10000, due, 10000, NULL, 0, month_39), 5497558138870000);
    assert_int_equal(tally_late_fee(10000, due, 10000, NULL, 0, month_39 + 30),
                     TALLY_LATE_FEE_UNTOLD); /* 2^53 is 9,007,199,254,740,992 */
    assert_int_equal(tally_late_fee(10000, due, 10000, NULL, 0, due + 1000000),
                     TALLY_LATE_FEE_UNTOLD);
    /* A cent a month for a hundred years; longer is not counted. */
    const int64_t month_1200 = tally_days_from_civil(2126, 3, 16);
    assert_int_equal(tally_late_fee(10000, due, 1, NULL, 0, month_1200), 1200);
    assert_int_equal(tally_late_fee(10000, due, 1, NULL, 0, month_1200 + 31),
                     TALLY_LATE_FEE_UNTOLD);
    assert_int_equal(tally_late_fee(10000, due, 0, NULL, 0, month_1200 + 31), 0);
    /* One that was paid in time owes nothing, however long ago. */
    tally_paid paid[] = {{due, 10000}};
    assert_int_equal(tally_late_fee(10000, due, 10000, paid, 1, month_1200 + 31), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(random_contracts_add_up_and_bill_every_share_once),
        LEDGER(a_document_packed_elsewhere_is_read_and_packed_alike),
        LEDGER(late_fees_compound_by_month_and_a_payment_stops_them),
        LEDGER(a_late_fee_that_cannot_be_told_exactly_is_no_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
