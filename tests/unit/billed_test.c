/* What other devices may have signed as an invoice, and what it then holds of the work. */
#include "ledger_case.h"

#include <tally/invoice.h>
#include <tally/work.h>

#define DAY     20513 /* 2026-03-01 */
#define HOUR_MS (INT64_C(3600) * 1000)

/* An hour of acme's, under a contract at 100 an hour. */
static int add_hour(void *ctx, tally_txn *txn, tally_error *err) {
    uint8_t salt[TALLY_BLOB_SALT_BYTES] = {1};
    tally_time_new hour = {.day = DAY,
                           .start_ms = -1,
                           .duration_ms = HOUR_MS,
                           .client = text("acme"),
                           .text = text("Parser"),
                           .salt = salt};
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "contract", text("acme"));
    tally_put_str(f->writer, "client", text("acme"));
    tally_put_u64(f->writer, "rate", 100 * (uint64_t)TALLY_PICO);
    int rc = tally_policy_set(txn, TALLY_POLICY_CONTRACT, f->writer, err);
    return rc != 0 ? rc : tally_time_append(txn, &hour, ctx, err);
}

typedef struct claim {
    const char *currency;
    uint64_t total;
    tally_entry_id entry;
} claim;

/* An invoice.issue and an invoice.entries with the whole hour: [entry, 1, 1, 3600000]. */
static int claim_hour(void *ctx, tally_txn *txn, tally_error *err) {
    const claim *c = ctx;
    tally_hash issue;
    uint8_t entries[4 + TALLY_ENTRY_BYTES + 7] = {0x91, 0x94, 0xc4, TALLY_ENTRY_BYTES};
    const uint8_t whole[] = {1, 1, 0xce, 0x00, 0x36, 0xee, 0x80};
    memcpy(entries + 4, c->entry.b, TALLY_ENTRY_BYTES);
    memcpy(entries + 4 + TALLY_ENTRY_BYTES, whole, sizeof whole);
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "number", text("X-2026-0001"));
    tally_put_str(f->writer, "contract", text("acme"));
    tally_put_str(f->writer, "client", text("acme"));
    tally_put_str(f->writer, "currency", text(c->currency));
    tally_put_u64(f->writer, "total", c->total);
    int rc = tally_append(txn, "invoice.issue", f->writer, &issue, err);
    if (rc != 0) return rc;
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "issue", tally_span_of(issue.b, sizeof issue.b));
    tally_put_raw(f->writer, "entries", tally_span_of(entries, sizeof entries));
    return tally_append(txn, "invoice.entries", f->writer, NULL, err);
}

static int count_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    size_t *count = ctx;
    (void)issued;
    (void)err;
    (*count)++;
    return 0;
}

static size_t issued_count(void) {
    size_t count = 0;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_issued_each(txn, INT64_MAX, count_issued, &count, &f->err));
    tally_read_end(txn);
    return count;
}

static int64_t billable_ms(void) {
    tally_zone *utc;
    tally_invoice *draft;
    tally_txn *txn;
    int64_t ms = 0;
    OK(tally_zone_utc(&utc, &f->err));
    tally_draft asked = {.contract = text("acme"),
                         .period = {DAY * TALLY_DAY_MS, (DAY + 31) * TALLY_DAY_MS, DAY, DAY + 31},
                         .zone = utc,
                         .issue_day = DAY + 31};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_invoice_derive(txn, &asked, &draft, &f->err));
    for (size_t i = 0; i < draft->trace_count; i++)
        ms += draft->trace[i].ms;
    tally_invoice_free(draft);
    tally_read_end(txn);
    tally_zone_free(utc);
    return ms;
}

static void only_an_invoice_that_counts_holds_what_it_names(void **state) {
    static const struct {
        const char *currency;
        uint64_t total;
        bool counts;
    } cases[] = {
        {"USD", 10000, true},
        {"USD", (UINT64_C(1) << 53) - 1, true},
        {"USD", UINT64_C(1) << 53, false},
        {"usd", 10000, false},
        {"", 10000, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        claim c = {.currency = cases[i].currency, .total = cases[i].total};
        OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add_hour, &c.entry, &f->err));
        assert_int_equal(billable_ms(), HOUR_MS);
        OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, claim_hour, &c, &f->err));
        assert_int_equal(issued_count(), cases[i].counts ? 1 : 0);
        assert_int_equal(billable_ms(), cases[i].counts ? 0 : HOUR_MS);
        fixture_close(f);
        fixture_open(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {LEDGER(only_an_invoice_that_counts_holds_what_it_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
