/* Expenses: what a body must be, whose one is, shares, sums by currency, and imports known again.
 */
#include "ledger_case.h"

#include <tally/expense.h>
#include <tally/money.h>

#define MARCH_12 20524 /* days since 1970-01-01 of 2026-03-12 */
#define MARCH_31 20543

/* ---- recording ---- */

typedef struct adding {
    tally_expense_entry entry;
    tally_entry_id id;
} adding;

static int add_apply(void *ctx, tally_txn *txn, tally_error *err) {
    adding *a = ctx;
    return tally_expense_append(txn, &a->entry, &a->id, err);
}

static tally_expense_entry cohere(int64_t amount, const char *currency) {
    return (tally_expense_entry){.day = MARCH_12,
                                 .category = TALLY_EXPENSE_EMBEDDING,
                                 .provider = text("Cohere"),
                                 .amount = amount,
                                 .currency = text(currency)};
}

static tally_entry_id add(tally_expense_entry entry) {
    adding a = {.entry = entry};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add_apply, &a, &f->err));
    return a.id;
}

static int add_fails(tally_expense_entry entry) {
    adding a = {.entry = entry};
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add_apply, &a, &f->err);
}

static void decide(const tally_entry_id *id, const char *kind, const char *key, const char *value) {
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "entry", tally_span_of(id->b, sizeof id->b));
    if (key) tally_put_str(f->writer, key, text(value));
    (void)fixture_append(f, kind);
}

/* ---- looking ---- */

static int note_shares(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    char *out = ctx;
    size_t at = strlen(out);
    (void)err;
    (void)snprintf(out + at, 512 - at, "%.*s:%lld ", (int)facts->whose.client.len,
                   (const char *)facts->whose.client.ptr, (long long)facts->amount);
    return 0;
}

static void assert_shares(tally_filter filter, const char *expected) {
    char got[512] = "";
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_expenses_filter(txn, &filter, note_shares, got, &f->err);
    if (rc) fail_msg("%d %s", rc, f->err.text);
    tally_read_end(txn);
    assert_string_equal(got, expected);
}

/* ---- tests ---- */

static void an_entry_reads_as_it_was_recorded_and_is_named_by_its_leaf(void **state) {
    (void)state;
    tally_expense_entry entry = cohere(42100000000000, "USD");
    entry.client = text("acme");
    entry.quantity = 12500000000000;
    entry.has_quantity = true;
    entry.unit = text("hours");
    tally_entry_id id = add(entry);
    tally_expense got;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_expense_get(txn, &id, &got));
    assert_memory_equal(got.leaf.b, id.b, sizeof id.b);
    assert_int_equal(got.day, MARCH_12);
    assert_int_equal(got.category, TALLY_EXPENSE_EMBEDDING);
    assert_true(tally_span_is(got.provider, "Cohere") && tally_span_is(got.unit, "hours"));
    assert_int_equal(got.amount, 42100000000000);
    assert_int_equal(got.quantity, 12500000000000);
    assert_int_equal(got.said.by, TALLY_ATTRIBUTED_ASSIGN);
    assert_true(tally_hash_eq(&got.said.decision, &got.leaf));
    assert_int_equal(tally_entry_kind_of(txn, &id), TALLY_ENTRY_EXPENSE);
    tally_read_end(txn);
}

static void a_decision_beats_what_was_typed_which_beats_rules_over_tags(void **state) {
    (void)state;
    tally_entry_id plain = add(cohere(100, "USD"));
    assert_shares((tally_filter){0}, ":100 ");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text("r"));
    tally_put_str(f->writer, "client", text("ruled"));
    tally_put_str(f->writer, "tag", text("red"));
    (void)fixture_append(f, "rule.set");
    decide(&plain, "tag.add", "tag", "red");
    assert_shares((tally_filter){0}, "ruled:100 ");
    assert_shares((tally_filter){.tag = text("red")}, "ruled:100 ");
    assert_shares((tally_filter){.tag = text("blue")}, "");
    tally_expense_entry entry = cohere(7, "USD");
    entry.client = text("typed");
    entry.day = MARCH_31;
    tally_entry_id typed = add(entry);
    decide(&typed, "tag.add", "tag", "red");
    assert_shares((tally_filter){0}, "ruled:100 typed:7 ");
    decide(&typed, "assign", "client", "told");
    assert_shares((tally_filter){0}, "ruled:100 told:7 ");
    decide(&typed, "assign", NULL, NULL);
    assert_shares((tally_filter){0}, "ruled:100 typed:7 ");
    assert_shares((tally_filter){.unattributed = true}, "");
}

static void a_split_divides_exactly_and_a_void_takes_out(void **state) {
    (void)state;
    static const uint8_t shares[] = {0x92, 0x93, 0xa1, 'x', 0xa0, 2, 0x93, 0xa1, 'y', 0xa0, 1};
    tally_entry_id id = add(cohere(-100, "USD"));
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
    tally_put_raw(f->writer, "shares", tally_span_of(shares, sizeof shares));
    (void)fixture_append(f, "split");
    assert_shares((tally_filter){0}, "x:-67 y:-33 ");
    assert_shares((tally_filter){.client = text("y")}, "y:-33 ");
    decide(&id, "void", NULL, NULL);
    assert_shares((tally_filter){0}, "");
}

static void filters_that_ask_about_tokens_let_no_expense_pass(void **state) {
    (void)state;
    (void)add(cohere(100, "USD"));
    assert_shares((tally_filter){.agent = text("codex")}, "");
    assert_shares((tally_filter){.unpriced = true}, "");
    assert_shares((tally_filter){.has_period = true,
                                 .period = {.first_day = MARCH_12, .end_day = MARCH_12 + 1}},
                  ":100 ");
    assert_shares((tally_filter){.has_period = true,
                                 .period = {.first_day = MARCH_12 + 1, .end_day = MARCH_31}},
                  "");
}

static void sums_stand_by_currency_and_never_mix(void **state) {
    (void)state;
    tally_expense_sums sums;
    tally_txn *txn;
    (void)add(cohere(100, "USD"));
    (void)add(cohere(30, "EUR"));
    (void)add(cohere(-1, "USD"));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_expenses_sum(txn, &(tally_filter){0}, &sums, &f->err));
    tally_read_end(txn);
    assert_int_equal(sums.count, 2);
    assert_string_equal(sums.by_currency[0].currency, "EUR");
    assert_true(sums.by_currency[0].pico == 30 && sums.by_currency[0].entries == 1);
    assert_string_equal(sums.by_currency[1].currency, "USD");
    assert_true(sums.by_currency[1].pico == 99 && sums.by_currency[1].entries == 2);
}

/* SHA-256("expense" 00 key) with a key of 32 times ab: first 16 bytes, by sha256sum. */
static void an_import_is_known_by_its_key_and_recorded_once(void **state) {
    (void)state;
    static const uint8_t expected[] = {0x6a, 0xa3, 0xe2, 0x90, 0x7d, 0xcd, 0x06, 0xe2,
                                       0x3f, 0x5e, 0x00, 0xe3, 0x00, 0x99, 0x0a, 0x79};
    tally_hash key;
    memset(key.b, 0xab, sizeof key.b);
    tally_expense_entry entry = cohere(100, "USD");
    entry.key = &key;
    tally_entry_id id = add(entry);
    assert_memory_equal(id.b, expected, sizeof expected);
    assert_int_equal(add_fails(entry), TALLY_EEXIST);
    decide(&id, "void", NULL, NULL);
    assert_int_equal(add_fails(entry), TALLY_EEXIST);
}

/* What a person's own program refuses, another's may write all the same. */
static void a_body_that_breaks_a_rule_has_no_effect(void **state) {
    (void)state;
    static const struct {
        const char *key, *value; /* in the place of what is right, or beside it */
    } bad[] = {{"date", "2026-02-30"}, {"category", "rent"},       {"provider", ""},
               {"provider", "a\x07"},  {"currency", "usd"},        {"client", "\x1b[2J"},
               {"unit", "hours"},      {"evidence_name", "a.pdf"}, {"quantity", "many"},
               {"note", "not a blob"}, {"key", "short"},           {"amount", "1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static const char *const keys[] = {"date", "category", "provider", "currency"};
        static const char *const values[] = {"2026-03-12", "gpu", "Modal", "USD"};
        tally_writer_begin(f->writer);
        for (size_t k = 0; k < 4; k++)
            if (strcmp(keys[k], bad[i].key) != 0)
                tally_put_str(f->writer, keys[k], text(values[k]));
        if (strcmp(bad[i].key, "amount") != 0) tally_put_u64(f->writer, "amount", 5);
        tally_put_str(f->writer, bad[i].key, text(bad[i].value));
        (void)fixture_append(f, "expense");
        assert_shares((tally_filter){0}, "");
    }
    tally_expense_entry entry = cohere(0, "USD");
    entry.amount = TALLY_AMOUNT_LIMIT;
    assert_int_equal(add_fails(entry), TALLY_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(an_entry_reads_as_it_was_recorded_and_is_named_by_its_leaf),
        LEDGER(a_decision_beats_what_was_typed_which_beats_rules_over_tags),
        LEDGER(a_split_divides_exactly_and_a_void_takes_out),
        LEDGER(filters_that_ask_about_tokens_let_no_expense_pass),
        LEDGER(sums_stand_by_currency_and_never_mix),
        LEDGER(an_import_is_known_by_its_key_and_recorded_once),
        LEDGER(a_body_that_breaks_a_rule_has_no_effect),
    };
    return cmocka_run_group_tests_name("expense", tests, NULL, NULL);
}
