/* bill LEDGER: appends an invoice in euros, one in yen, a payment of the first and the end of the
 * second, as section 15 of the protocol has them. Tests of webhooks use it to have something to
 * tell. */
#include <tally/ledger.h>

#include <stdio.h>
#include <time.h>

static void issue_put(tally_writer *writer, const char *number, const char *currency,
                      int64_t total) {
    static const uint8_t document[TALLY_HASH_BYTES] = {0xd0, 0xc0};
    tally_writer_begin(writer);
    tally_put_str(writer, "number", tally_span_str(number));
    tally_put_str(writer, "contract", tally_span_str("acme-dev"));
    tally_put_str(writer, "client", tally_span_str("acme"));
    tally_put_str(writer, "currency", tally_span_str(currency));
    tally_put_str(writer, "from", tally_span_str("2026-10-01"));
    tally_put_str(writer, "to", tally_span_str("2026-10-31"));
    tally_put_str(writer, "issue_date", tally_span_str("2026-11-02"));
    tally_put_str(writer, "due_date", tally_span_str("2026-11-17"));
    tally_put_i64(writer, "total", total);
    tally_put_bin(writer, "document", tally_span_of(document, sizeof document));
}

static void about_put(tally_writer *writer, const char *number, const tally_hash *issue) {
    tally_writer_begin(writer);
    tally_put_str(writer, "number", tally_span_str(number));
    tally_put_bin(writer, "issue", tally_span_of(issue->b, sizeof issue->b));
}

static int bill(void *ctx, tally_txn *txn, tally_error *err) {
    tally_writer *writer = ctx;
    tally_hash euros, yen;
    issue_put(writer, "AL-2026-0001", "EUR", 123456);
    int rc = tally_append(txn, "invoice.issue", writer, &euros, err);
    issue_put(writer, "AL-2026-0002", "JPY", 98000);
    if (rc == 0) rc = tally_append(txn, "invoice.issue", writer, &yen, err);
    about_put(writer, "AL-2026-0001", &euros);
    tally_put_u64(writer, "amount", 100005);
    tally_put_str(writer, "date", tally_span_str("2026-11-15"));
    if (rc == 0) rc = tally_append(txn, "payment", writer, NULL, err);
    about_put(writer, "AL-2026-0002", &yen);
    tally_put_str(writer, "reason", tally_span_str("wrong currency"));
    return rc != 0 ? rc : tally_append(txn, "invoice.void", writer, NULL, err);
}

int main(int argc, char **argv) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_writer *writer = NULL;
    if (argc != 2) {
        fputs("usage: bill LEDGER\n", stderr);
        return 2;
    }
    const tally_ledger_options options = {.dir = argv[1]};
    int rc = tally_writer_new(&writer, &err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, &err);
    if (rc == 0) rc = tally_ledger_write(ledger, (int64_t)time(NULL) * 1000, bill, writer, &err);
    if (rc != 0) fprintf(stderr, "bill: %s\n", err.text);
    tally_ledger_close(ledger);
    tally_writer_free(writer);
    return rc == 0 ? 0 : 1;
}
