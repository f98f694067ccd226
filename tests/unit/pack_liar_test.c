/* Packs of somebody who has a key of the team and lies in what the seal covers: which record a row
 * rests on, who decided, which price or contract applied. The records cannot be changed; that what
 * is said of them does not follow must be seen. */
#include "ledger_fixture.h"

#include "audit/pack.h"

#include <sodium.h>

#define DAY   20704u /* 2026-09-08 */
#define DAY_T 1788825600000u
#define PICO  1000000000000

static fixture *f;
static tally_zone *utc;
static uint8_t *pack;
static size_t pack_len;
static char lie[1u << 20];
static size_t lie_len;
static tally_pack_verdict verdict;

/* ---- one invoice ---- */

static void put_answer(const char *key, uint64_t time) {
    put_cost(f->writer, &(cost_body){.agent = "claude-code",
                                     .key = key,
                                     .session = "s1",
                                     .model = "claude-x",
                                     .time = time,
                                     .input = 1000000});
    (void)fixture_append(f, "cost");
}

static void put_row(const char *kind, const char *const *texts) {
    tally_writer_begin(f->writer);
    for (; *texts; texts += 2)
        tally_put_str(f->writer, texts[0], text(texts[1]));
    if (tally_span_is(text(kind), "contract.set")) tally_put_i64(f->writer, "rate", 100 * PICO);
    (void)fixture_append(f, kind);
}

/* Three minutes of a session, and a cost on either side of a rise in price. */
static void work(void) {
    static const uint8_t human[] = {
        0x92, 0xcf, 0x00, 0x00, 0x01, 0xa0, 0x7e, 0xbe, 0x5d, 0x00,
        0xcf, 0x00, 0x00, 0x01, 0xa0, 0x7e, 0xc1, 0x1c, 0x20}; /* 02:00 and 02:03 */
    put_row("client.set", (const char *const[]){"client", "acme", NULL});
    put_row("rule.set",
            (const char *const[]){"rule", "r", "client", "acme", "path", "/work/acme", NULL});
    put_row("contract.set", (const char *const[]){"contract", "c", "client", "acme", "title",
                                                  "Work", "currency", "USD", NULL});
    put_price(f->writer, "claude-x", "2026-01-01", "USD", 3000000, 15000000);
    (void)fixture_append(f, "price.set");
    put_price(f->writer, "claude-x", "2026-09-08", "USD", 5000000, 15000000);
    (void)fixture_append(f, "price.set");
    put_session(f->writer, "claude-code", "s1", "/work/acme", "main");
    (void)fixture_append(f, "session");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("claude-code"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_raw(f->writer, "human", tally_span_of(human, sizeof human));
    (void)fixture_append(f, "activity");
    put_answer("before", DAY_T - 3600000);
    put_answer("after", DAY_T + 3600000);
}

static int issue(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES];
    tally_invoice *out = NULL;
    int rc = tally_invoice_issue(txn, ctx, salt, &out, err);
    tally_invoice_free(out);
    return rc;
}

static int zone_of(void *ctx, tally_span name, tally_zone **out, tally_error *err) {
    (void)ctx, (void)name;
    return tally_zone_utc(out, err);
}

static int make_pack(void **state) {
    if (fixture_setup(state) != 0) return -1;
    f = *state;
    OK(tally_zone_utc(&utc, &f->err));
    work();
    tally_draft draft = {.contract = text("c"),
                         .period = {.first_day = DAY - 7,
                                    .end_day = DAY + 1,
                                    .start_ms = (int64_t)DAY_T - 7 * TALLY_DAY_MS,
                                    .end_ms = (int64_t)DAY_T + TALLY_DAY_MS},
                         .zone = utc,
                         .team_zone = utc,
                         .issue_day = DAY};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, issue, &draft, &f->err));
    tally_pack_options options = {
        .client = text("acme"), .first_day = DAY, .end_day = DAY + 1, .as_of_day = DAY};
    OK(tally_pack_write(f->ledger, &options, zone_of, NULL, &pack, &pack_len, &f->err));
    return 0;
}

static int drop_pack(void **state) {
    free(pack);
    tally_zone_free(utc);
    return fixture_teardown(state);
}

/* ---- lies ---- */

static char *line_at(const char *prefix) {
    char *at = lie;
    while (at && strncmp(at, prefix, strlen(prefix)) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (!at) fail_msg("the pack has no line '%s'", prefix);
    return at;
}

static void tell_truth(void) {
    assert_true(pack_len + 1 < sizeof lie);
    memcpy(lie, pack, pack_len);
    lie[pack_len] = '\0';
    lie_len = pack_len;
}

static char *field_at(char *line, unsigned field) {
    for (; field > 0; field--)
        line = strchr(line, ' ') + 1;
    return line;
}

/* The text of field `field` (0: the kind) of a line. */
static void field_of(const char *prefix, unsigned field, char out[64]) {
    const char *at = field_at(line_at(prefix), field);
    size_t len = strcspn(at, " \n");
    assert_true(len < 64);
    memcpy(out, at, len);
    out[len] = '\0';
}

static void say_instead(const char *prefix, unsigned field, const char *value) {
    char *at = field_at(line_at(prefix), field);
    size_t was = strcspn(at, " \n"), is = strlen(value);
    memmove(at + is, at + was, lie_len - (size_t)(at - lie) - was + 1);
    memcpy(at, value, is);
    lie_len += is - was;
}

/* Sealed by the liar, who is of the team. */
static bool sealed_lie_holds(void) {
    char origin[TALLY_ORIGIN_MAX_BYTES], note[TALLY_CHECKPOINT_MAX_BYTES], base64[96];
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    tally_hash hash;
    size_t before = (size_t)(line_at("seal ") - lie);
    tally_sha256(tally_span_of(lie, before), &hash);
    size_t len = pack_seal_text(tally_ledger_team(f->ledger), tally_ledger_device(f->ledger),
                                before, &hash, origin, note);
    tally_key_sign(f->key, tally_span_of(note, len), signature);
    (void)sodium_bin2base64(base64, sizeof base64, signature, sizeof signature,
                            sodium_base64_VARIANT_ORIGINAL);
    lie_len = before + (size_t)snprintf(lie + before, sizeof lie - before, "seal 0 %s\n", base64);
    OK(tally_pack_verify(tally_span_of(lie, lie_len), &verdict, &f->err));
    return verdict.ok;
}

static void what_is_true_holds(void **state) {
    (void)state;
    tell_truth();
    if (!sealed_lie_holds()) fail_msg("%s: %s", verdict.subject, verdict.why);
    /* Three minutes at 100.00 an hour; 3.00 and 5.00 for a million tokens each. */
    assert_int_equal(verdict.lines, 2);
    assert_int_equal(verdict.lines_recomputed, 2);
    assert_int_equal(verdict.rows, 3);
    assert_int_equal(verdict.rows_recomputed, 3);
}

/* Rows: 0 the session, 1 the cost before the rise, 2 the one after. */
static void a_row_on_another_record_is_seen(void **state) {
    char other[64];
    (void)state;
    tell_truth();
    field_of("trace 2 ", 2, other);
    say_instead("trace 1 ", 2, other);
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "trace 1");
}

static void another_price_is_seen(void **state) {
    char early[64], late[64];
    (void)state;
    tell_truth();
    field_of("trace 1 ", 5, early);
    field_of("trace 2 ", 5, late);
    assert_string_not_equal(early, late);
    say_instead("trace 1 ", 5, late); /* not in force yet */
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "trace 1");
    tell_truth();
    say_instead("trace 2 ", 5, early); /* comes to 3.00 */
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "trace 2");
}

static void what_is_no_decision_or_rate_is_seen(void **state) {
    char contract[64], rule[64];
    (void)state;
    tell_truth();
    field_of("document 0 ", 4, contract);
    field_of("trace 1 ", 3, rule);
    say_instead("trace 1 ", 3, contract);
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "trace 1");
    tell_truth();
    say_instead("trace 0 ", 5, rule);
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "line 1 price");
    tell_truth();
    say_instead("document 0 ", 4, rule);
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "document 0");
}

/* The days before and after: no minute of the session is in them. */
static void a_day_that_was_moved_is_seen(void **state) {
    char start[64];
    (void)state;
    tell_truth();
    say_instead("day ", 1, "20704");
    field_of("day ", 3, start);
    say_instead("day ", 2, start);
    say_instead("day ", 3, "1789000000000");
    assert_false(sealed_lie_holds());
    assert_string_equal(verdict.subject, "trace 0");
}

static void what_is_not_shown_is_counted_as_claimed(void **state) {
    (void)state;
    tell_truth();
    say_instead("trace 1 ", 5, "-");
    say_instead("trace 2 ", 3, "-");
    if (!sealed_lie_holds()) fail_msg("%s: %s", verdict.subject, verdict.why);
    assert_int_equal(verdict.rows_recomputed, 1);
    assert_int_equal(verdict.lines_recomputed, 1);
}

/* What was billed of the session's day before stands in invoice.entries alone. */
static void without_its_entries_an_invoice_s_time_is_claimed(void **state) {
    static const char entries[] = "lAGvaW52b2ljZS5lbnRyaWVz"; /* a record of four, 1, the kind */
    uint8_t bytes[4096];
    size_t len = 0;
    char base64[64], kind[32];
    tally_hash leaf;
    (void)state;
    tell_truth();
    char *at = strstr(lie, entries);
    assert_non_null(at);
    assert_int_equal(sodium_base642bin(bytes, sizeof bytes, at, strcspn(at, "\n"), NULL, &len, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    tally_leaf_hash(tally_span_of(bytes, len), &leaf);
    (void)sodium_bin2base64(base64, sizeof base64, leaf.b, sizeof leaf.b,
                            sodium_base64_VARIANT_ORIGINAL);
    while (at[-1] != '\n')
        at--;
    size_t number = strcspn(at + strlen("record "), " ");
    (void)snprintf(kind, sizeof kind, "record %.*s ", (int)number, at + strlen("record "));
    say_instead(kind, 6, base64);
    say_instead(kind, 0, "leaf");
    if (!sealed_lie_holds()) fail_msg("%s: %s", verdict.subject, verdict.why);
    assert_int_equal(verdict.withheld, 1);
    assert_int_equal(verdict.rows_recomputed, 2);
    assert_int_equal(verdict.lines_recomputed, 1);
}

/* ---- twice ---- */

static void row_is(tally_trace *row, const char *what, uint8_t leaf, uint8_t entry) {
    *row = (tally_trace){.what = text(what), .day = DAY, .part = 1, .parts = 1};
    row->leaf.b[0] = leaf;
    row->entry.b[0] = entry;
}

/* A document that was made by hand: what a row bills is billed once, whatever name it has there. */
static void nothing_is_billed_twice(void **state) {
    tally_pack read = {.no_memory = false};
    tally_pack_verdict found = {.ok = true};
    pack_line line = {.pack = &read};
    tally_trace row;
    (void)state;
    read.verdict = &found;
    assert_int_equal(index_map_init(&read.billed), 0);
    row_is(&row, "time.add", 7, 1);
    assert_true(pack_row_once(&line, &row, NULL));
    row_is(&row, "time.add", 7, 2);
    assert_false(pack_row_once(&line, &row, NULL));
    row_is(&row, "cost", 8, 3);
    assert_true(pack_row_once(&line, &row, NULL));
    row_is(&row, "cost", 9, 3);
    assert_false(pack_row_once(&line, &row, NULL));
    /* Two thirds and a third are the whole; a whole of other parts is no third. */
    row_is(&row, "expense", 10, 4);
    row.parts = 3;
    row.part = 2;
    assert_true(pack_row_once(&line, &row, NULL));
    assert_false(pack_row_once(&line, &row, NULL));
    row.part = 1;
    assert_true(pack_row_once(&line, &row, NULL));
    assert_false(pack_row_once(&line, &row, NULL));
    row_is(&row, "expense", 10, 4);
    assert_false(pack_row_once(&line, &row, NULL));
    /* A session has many days. */
    row_is(&row, "session", 11, 5);
    assert_true(pack_row_once(&line, &row, NULL));
    row.day++;
    assert_true(pack_row_once(&line, &row, NULL));
    assert_false(pack_row_once(&line, &row, NULL));
    free(read.parts);
    index_map_clear(&read.billed);
}

/* Of documents that are living: each under its contract once, and all no more than the whole. */
static void no_two_invoices_bill_one_thing(void **state) {
    tally_pack read = {.no_memory = false};
    tally_pack_verdict found = {.ok = true};
    pack_line line = {.pack = &read};
    tally_invoice invoices[] = {{.contract = text("c")}, {.contract = text("d")}};
    pack_document c = {.invoice = &invoices[0]}, d = {.invoice = &invoices[1]};
    pack_document gone = {.invoice = &invoices[0], .voided = true};
    tally_trace row;
    (void)state;
    read.verdict = &found;
    assert_int_equal(index_map_init(&read.held), 0);
    assert_int_equal(index_map_init(&read.by_contract), 0);
    row_is(&row, "cost", 7, 1);
    row.part = 1;
    row.parts = 4;
    read.document_count = 1;
    assert_true(pack_row_alone(&line, &c, &row, NULL));
    assert_true(pack_row_alone(&line, &c, &row, NULL)); /* two shares on one invoice */
    read.document_count = 2;
    assert_false(pack_row_alone(&line, &c, &row, NULL)); /* the same contract */
    assert_true(pack_row_alone(&line, &gone, &row, NULL));
    row.parts = 2;
    assert_true(pack_row_alone(&line, &d, &row, NULL)); /* 1/4 + 1/4 + 1/2 */
    row.part = 2;
    row.parts = 3;
    assert_false(pack_row_alone(&line, &d, &row, NULL)); /* 2/3 are more than the other half */
    row.part = 3;
    row.parts = 4;
    assert_false(pack_row_alone(&line, &d, &row, NULL));
    /* Shares of unlike parts are added up: 1/3 + 1/2, and no room for another half. */
    row_is(&row, "cost", 8, 2);
    row.part = 1;
    row.parts = 3;
    assert_true(pack_row_alone(&line, &c, &row, NULL));
    row.parts = 2;
    assert_true(pack_row_alone(&line, &d, &row, NULL));
    invoices[1].contract = text("e");
    assert_false(pack_row_alone(&line, &d, &row, NULL));
    row.parts = 6;
    assert_true(pack_row_alone(&line, &d, &row, NULL)); /* 1/3 + 1/2 + 1/6 are the whole */
    free(read.shares);
    index_map_clear(&read.held);
    index_map_clear(&read.by_contract);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_true_holds),
        cmocka_unit_test(a_row_on_another_record_is_seen),
        cmocka_unit_test(another_price_is_seen),
        cmocka_unit_test(what_is_no_decision_or_rate_is_seen),
        cmocka_unit_test(a_day_that_was_moved_is_seen),
        cmocka_unit_test(what_is_not_shown_is_counted_as_claimed),
        cmocka_unit_test(without_its_entries_an_invoice_s_time_is_claimed),
        cmocka_unit_test(nothing_is_billed_twice),
        cmocka_unit_test(no_two_invoices_bill_one_thing)};
    return cmocka_run_group_tests(tests, make_pack, drop_pack);
}
