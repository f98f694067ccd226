/* Policy tables: registers by key, checked bodies, and what hostile ones do: nothing. */
#include "ledger_case.h"

#include <tally/engaged.h>
#include <tally/policy.h>

/* ---- looking ---- */

typedef struct listing {
    const char *first, *second; /* fields to print, the second may be NULL */
    char *out;
    size_t at, size;
} listing;

static int list_row(void *ctx, const tally_policy_row *row, tally_error *err) {
    listing *l = ctx;
    tally_span a = {0}, b = {0};
    (void)err;
    (void)tally_body_str(&row->record, l->first, &a);
    if (l->second) (void)tally_body_str(&row->record, l->second, &b);
    l->at += (size_t)snprintf(l->out + l->at, l->size - l->at, "%.*s:%.*s ", (int)a.len, a.ptr,
                              (int)b.len, b.ptr);
    return 0;
}

static void assert_rows(tally_policy policy, const char *first, const char *second,
                        const char *expected) {
    char got[512] = "";
    listing l = {first, second, got, 0, sizeof got};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_policy_each(txn, policy, list_row, &l, &f->err));
    tally_read_end(txn);
    assert_string_equal(got, expected);
}

static void append_client(const char *client, const char *title) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text(client));
    tally_put_str_opt(f->writer, "title", text(title));
    (void)fixture_append(f, "client.set");
}

/* ---- tests ---- */

static void rows_stand_in_order_of_their_names_and_the_last_one_set_holds(void **state) {
    (void)state;
    append_client("beta", "Beta");
    append_client("acme", "Acme");
    append_client("acme-2", NULL);
    append_client("acme", "Acme Ltd");
    assert_rows(TALLY_POLICY_CLIENT, "client", "title", "acme:Acme Ltd acme-2: beta:Beta ");
}

static void an_unset_row_is_gone_until_it_is_set_again(void **state) {
    (void)state;
    append_client("acme", "Acme");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text("acme"));
    (void)fixture_append(f, "client.unset");
    assert_rows(TALLY_POLICY_CLIENT, "client", "title", "");
    append_client("acme", "again");
    assert_rows(TALLY_POLICY_CLIENT, "client", "title", "acme:again ");
}

static void append_rate(const char *client, const char *member, const char *from) {
    tally_writer_begin(f->writer);
    tally_put_str_opt(f->writer, "client", text(client));
    tally_put_str_opt(f->writer, "member", text(member));
    tally_put_str_opt(f->writer, "from", text(from));
    tally_put_str(f->writer, "currency", text("EUR"));
    tally_put_u64(f->writer, "amount", 185000000000000);
    (void)fixture_append(f, "rate.set");
}

/* Names that run into each other when they are joined are other rows. */
static void keys_of_several_fields_keep_them_apart_and_dates_ascend(void **state) {
    (void)state;
    append_rate("ab", NULL, "2026-02-01");
    append_rate("a", "b", "2026-02-01");
    append_rate("ab", NULL, NULL);
    append_rate("ab", NULL, "2026-01-01");
    append_rate(NULL, NULL, NULL);
    assert_rows(TALLY_POLICY_RATE, "client", "from",
                ": a:2026-02-01 ab: ab:2026-01-01 ab:2026-02-01 ");
    tally_span keys[] = {text("ab"), text(""), text(""), text("2026-01-01")};
    tally_policy_row row;
    tally_txn *txn;
    uint64_t amount;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_policy_get(txn, TALLY_POLICY_RATE, keys, 4, &row), 0);
    assert_true(tally_body_u64(&row.record, "amount", &amount));
    assert_int_equal(amount, 185000000000000);
    assert_int_equal(row.feed, 0);
    assert_int_equal(tally_policy_get(txn, TALLY_POLICY_RATE, keys, 3, &row), TALLY_ENOTFOUND);
    keys[3] = text("2026-01-02");
    assert_int_equal(tally_policy_get(txn, TALLY_POLICY_RATE, keys, 4, &row), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

/* What a person's own program refuses to write another's may write all the same. */
typedef struct hostile {
    const char *kind;
    const char *key[4], *value[4]; /* a value of digits is written as a number */
} hostile;

static void append_hostile(const hostile *h) {
    tally_writer_begin(f->writer);
    for (size_t i = 0; i < 4 && h->key[i]; i++) {
        char *end;
        uint64_t number = strtoull(h->value[i], &end, 10);
        if (*h->value[i] && !*end)
            tally_put_u64(f->writer, h->key[i], number);
        else
            tally_put_str(f->writer, h->key[i], text(h->value[i]));
    }
    (void)fixture_append(f, h->kind);
}

static void bodies_that_break_a_rule_have_no_effect(void **state) {
    (void)state;
    static const hostile bodies[] = {
        {"client.set", {"title"}, {"no name"}},
        {"client.set", {"client"}, {""}},
        {"client.set", {"client"}, {"17"}},
        {"client.set", {"client"}, {"a\tb"}},
        {"client.set", {"client", "currency"}, {"acme", "euro"}},
        {"client.set", {"client", "title"}, {"acme", "17"}},
        {"client.set", {"client", "country"}, {"acme", "Germany"}},
        {"contract.set", {"contract"}, {"c"}},
        {"contract.set", {"contract", "client", "rate"}, {"c", "acme", "0"}},
        {"contract.set", {"contract", "client", "ai_cost"}, {"c", "acme", "free"}},
        {"contract.set", {"contract", "client", "terms_days"}, {"c", "acme", "366"}},
        {"contract.set", {"contract", "client", "tax_rate_bp"}, {"c", "acme", "10001"}},
        {"contract.set", {"contract", "client", "rounding_minutes"}, {"c", "acme", "1441"}},
        {"milestone.set", {"contract", "number"}, {"c", "0x"}},
        {"milestone.set", {"contract", "number"}, {"c", "two"}},
        {"milestone.accept", {"contract", "number", "evidence"}, {"c", "x", "y"}},
        {"change.set", {"contract", "number", "title"}, {"c", "CR", "t"}},
        {"issuer.set", {"member"}, {"Ada"}},
        {"client.set",
         {"client"},
         {"0123456789012345678901234567890123456789012345678901234567890123x"}},
        {"project.set", {"project"}, {"shop"}},
        {"rule.set", {"rule", "client"}, {"r", "acme"}},
        {"rule.set", {"rule", "path"}, {"r", "/x"}},
        {"rule.set", {"rule", "client", "path", "priority"}, {"r", "acme", "/x", "1001"}},
        {"rate.set", {"amount", "currency"}, {"0", "EUR"}},
        {"rate.set", {"amount", "currency"}, {"9223372036854775808", "EUR"}},
        {"rate.set", {"amount", "currency", "from"}, {"1", "EUR", "2026-02-30"}},
        {"plan.set", {"plan", "provider", "fee", "currency"}, {"p", "x", "1", "EUR"}},
        {"fx.set", {"base", "quote", "date"}, {"EUR", "USD", "2026-01-01"}},
        {"budget.set", {"budget", "period", "limit"}, {"b", "yearly", "1"}},
        {"audit.set", {"quorum"}, {"0"}},
        {"audit.set", {"quorum"}, {"17"}},
        {"audit.set", {"witnesses"}, {"everybody"}},
        {"audit.set", {"backdate_limit"}, {"878401"}},
        {"bill.set", {"provider", "month", "amount", "currency"}, {"x", "2026-13", "1", "USD"}},
        {"bill.set", {"provider", "month", "currency", "covers"}, {"x", "2026-03", "USD", "some"}},
        {"client.unset", {"title"}, {"no name"}},
        {"engaged.set", {"overlap"}, {"both"}},
        {"engaged.set", {"idle_minutes"}, {"0"}},
        {"engaged.set", {"idle_minutes"}, {"1441"}},
        {"engaged.set", {"unattended_minutes"}, {"15m"}},
    };
    static const char *const names[] = {
        "client",  "project",  "rule",     "amount",   "plan",     "base",     "budget", "month",
        "overlap", "contract", "contract", "contract", "contract", "contract", "member", "quorum"};
    tally_hash before = fixture_digest(f);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        append_hostile(&bodies[i]);
        tally_hash after = fixture_digest(f);
        if (!tally_hash_eq(&before, &after)) fail_msg("body %zu, %s", i, bodies[i].kind);
    }
    for (int p = 0; p < TALLY_POLICY_COUNT; p++)
        assert_rows((tally_policy)p, names[p], NULL, "");
}

/* Unknown keys stay with the record and take nothing away. */
static void a_body_from_a_newer_version_counts_for_what_is_known_of_it(void **state) {
    (void)state;
    static const hostile newer = {
        "client.set", {"client", "title", "zodiac"}, {"acme", "Acme", "17"}};
    append_hostile(&newer);
    assert_rows(TALLY_POLICY_CLIENT, "client", "title", "acme:Acme ");
}

static int set_bad(void *ctx, tally_txn *txn, tally_error *err) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text("acme"));
    tally_put_str(f->writer, "currency", text(ctx));
    return tally_policy_set(txn, TALLY_POLICY_CLIENT, f->writer, err);
}

static int unset_absent(void *ctx, tally_txn *txn, tally_error *err) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text(ctx));
    return tally_policy_unset(txn, TALLY_POLICY_CLIENT, f->writer, err);
}

static void what_would_have_no_effect_is_not_written(void **state) {
    (void)state;
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, set_bad, "euro", &f->err),
                     TALLY_EINVAL);
    assert_non_null(strstr(f->err.text, "currency must be an ISO 4217 code"));
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, unset_absent, "acme", &f->err),
                     TALLY_ENOTFOUND);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, set_bad, "EUR", &f->err));
    assert_int_equal(fixture_size(f), FIXTURE_FIRST + 1);
}

static void assert_engaged(int64_t idle, int64_t unattended, tally_overlap overlap) {
    tally_engaged_policy policy;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    tally_engaged_policy_get(txn, &policy);
    tally_read_end(txn);
    assert_int_equal(policy.idle_ms, idle * 60000);
    assert_int_equal(policy.unattended_ms, unattended * 60000);
    assert_int_equal(policy.overlap, overlap);
}

static void engaged_time_has_one_row_and_what_it_leaves_open_is_the_default(void **state) {
    (void)state;
    static const hostile focus = {"engaged.set", {"overlap", "idle_minutes"}, {"focus", "7"}},
                         away = {"engaged.set", {"unattended_minutes"}, {"1440"}},
                         none = {"engaged.unset", {NULL}, {NULL}};
    assert_engaged(10, 15, TALLY_OVERLAP_SPLIT);
    append_hostile(&focus);
    assert_engaged(7, 15, TALLY_OVERLAP_FOCUS);
    append_hostile(&away);
    assert_engaged(10, 1440, TALLY_OVERLAP_SPLIT);
    append_hostile(&none);
    assert_engaged(10, 15, TALLY_OVERLAP_SPLIT);
}

/* PROTOCOL.md section 1 names them. */
static void the_fields_of_every_table_are_those_of_the_protocol(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        size_t keys;
    } tables[TALLY_POLICY_COUNT] = {
        [TALLY_POLICY_CLIENT] =
            {"client! title timezone currency email address contact street street2 city postcode "
             "region country tax_id company_id ",
             1},
        [TALLY_POLICY_PROJECT] = {"project! client! title ", 1},
        [TALLY_POLICY_RULE] = {"rule! client! project priority path remote branch agent tag ", 1},
        [TALLY_POLICY_RATE] = {"client project member from amount! currency! ", 4},
        [TALLY_POLICY_PLAN] = {"plan! from! provider! member fee! currency! until ", 2},
        [TALLY_POLICY_FX] = {"base! quote! date! rate! source ", 3},
        [TALLY_POLICY_BUDGET] =
            {"budget! period! limit! notify_at stop_at agent client project tag ", 1},
        [TALLY_POLICY_BILL] = {"provider! month! member amount! currency! covers source ", 3},
        [TALLY_POLICY_ENGAGED] = {"overlap idle_minutes unattended_minutes ", 0},
        [TALLY_POLICY_CONTRACT] =
            {"contract! client! project title currency from until rate fee retainer "
             "included_hours overage_rate lines rounding_minutes rounding rounding_per "
             "minimum_minutes ai_cost markup_percent rate_extra ai_budget basis terms_days "
             "late_fee_bp late_fee_max_bp kill_fee_bp tax_category tax_rate_bp tax_reason "
             "compute_tax_category compute_tax_rate_bp established disclosure po_number issuer "
             "notes ",
             1},
        [TALLY_POLICY_MILESTONE] = {"contract! number! title fee percent_bp section criterion ", 2},
        [TALLY_POLICY_ACCEPTED] = {"contract! number! date! evidence note ", 2},
        [TALLY_POLICY_CHANGE] = {"contract! number! title! amount! ", 2},
        [TALLY_POLICY_APPROVED] = {"contract! number! date! evidence note ", 2},
        [TALLY_POLICY_ISSUER] = {"member! name! prefix contact email street street2 city postcode "
                                 "region country tax_id company_id iban bic payee ",
                                 1},
        [TALLY_POLICY_AUDIT] = {"quorum witnesses backdate_limit ", 0},
    };
    for (int p = 0; p < TALLY_POLICY_COUNT; p++) {
        char got[640] = "";
        size_t count, keys, at = 0;
        const tally_policy_field *fields = tally_policy_fields((tally_policy)p, &count, &keys);
        for (size_t i = 0; i < count; i++)
            at += (size_t)snprintf(got + at, sizeof got - at, "%s%s ", fields[i].name,
                                   fields[i].needed ? "!" : "");
        assert_string_equal(got, tables[p].fields);
        assert_int_equal(keys, tables[p].keys);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(rows_stand_in_order_of_their_names_and_the_last_one_set_holds),
        LEDGER(an_unset_row_is_gone_until_it_is_set_again),
        LEDGER(keys_of_several_fields_keep_them_apart_and_dates_ascend),
        LEDGER(bodies_that_break_a_rule_have_no_effect),
        LEDGER(a_body_from_a_newer_version_counts_for_what_is_known_of_it),
        LEDGER(what_would_have_no_effect_is_not_written),
        LEDGER(engaged_time_has_one_row_and_what_it_leaves_open_is_the_default),
        cmocka_unit_test(the_fields_of_every_table_are_those_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
