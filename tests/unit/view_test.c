/* The views one by one: what counts, what is taken out and brought back, in which order rows are
 * read, and what a cost costs. That arrival order does not matter is view_order_test.c's. */
#include "ledger_case.h"

#define DAY_MS        86400000u
#define BUSY_DAY_ROWS 500u /* more than a page of the database holds */

static void add_cost(const cost_body *cost) {
    put_cost(f->writer, cost);
    (void)fixture_append(f, "cost");
}

static cost_body simple_cost(const char *key, uint64_t time, uint64_t output) {
    return (cost_body){.agent = "codex",
                       .key = key,
                       .session = "s1",
                       .model = "m1",
                       .time = time,
                       .output = output};
}

/* ---- reading a period ---- */

typedef struct rows {
    uint64_t count;
    int64_t first, last;
    uint64_t output;
    tally_cost cost; /* the last */
    int stop;        /* returned from the callback */
} rows;

static int see(void *ctx, const tally_cost *cost) {
    rows *r = ctx;
    if (r->count == 0) r->first = cost->time_ms;
    assert_true(r->count == 0 || cost->time_ms >= r->last);
    r->last = cost->time_ms;
    r->output += cost->usage.output;
    r->cost = *cost;
    r->count++;
    return r->stop;
}

static rows between(int64_t start_ms, int64_t end_ms) {
    tally_txn *txn;
    rows r = {0};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_cost_each(txn, start_ms, end_ms, see, &r), 0);
    tally_read_end(txn);
    return r;
}

static rows all(void) {
    return between(INT64_MIN, INT64_MAX);
}

static void a_period_holds_its_start_and_not_its_end(void **state) {
    (void)state;
    static const uint64_t times[] = {0, DAY_MS - 1, DAY_MS, DAY_MS + 1, 9 * DAY_MS};
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++) {
        cost_body cost = simple_cost(keys[i], times[i], 1);
        add_cost(&cost);
    }
    assert_int_equal(all().count, 5);
    assert_int_equal(between(0, DAY_MS).count, 2);
    assert_int_equal(between(DAY_MS - 1, DAY_MS).count, 1);
    assert_int_equal(between(DAY_MS, DAY_MS + 1).count, 1);
    assert_int_equal(between(DAY_MS, DAY_MS).count, 0);
    assert_int_equal(between(DAY_MS + 1, INT64_MAX).count, 2);
    assert_int_equal(between(-5, 1).count, 1);
    assert_int_equal(between(9 * (int64_t)DAY_MS + 1, INT64_MAX).count, 0);
    assert_int_equal(between(INT64_MAX - 1, INT64_MAX).count, 0);
    assert_int_equal(between(INT64_MIN, 0).count, 0);
}

/* Days of one row, of a few and of several pages stand next to each other: each is read whole. */
static void days_of_one_row_and_of_many_pages_are_read_in_time_order(void **state) {
    (void)state;
    static const uint32_t per_day[] = {1, BUSY_DAY_ROWS, 1, 1, 3, BUSY_DAY_ROWS, 2, 1};
    uint64_t total = 0;
    char key[32];
    for (uint32_t day = 0; day < 8; day++)
        for (uint32_t i = per_day[day]; i-- > 0; total++) {
            (void)snprintf(key, sizeof key, "%u.%u", day, i);
            cost_body cost = simple_cost(key, (uint64_t)day * DAY_MS + i, 1);
            add_cost(&cost);
        }
    rows r = all();
    assert_int_equal(r.count, total);
    assert_int_equal(r.output, total);
    for (uint32_t day = 0; day < 8; day++) {
        int64_t start = (int64_t)day * DAY_MS;
        assert_int_equal(between(start, start + DAY_MS).count, per_day[day]);
        assert_int_equal(between(start + 1, start + DAY_MS).count, per_day[day] - 1);
    }
    fixture_verify_clean(f);
}

static void a_result_of_the_callback_stops_and_comes_back(void **state) {
    (void)state;
    tally_txn *txn;
    rows r = {.stop = 77};
    fixture_append_costs(f, 0, 5);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_cost_each(txn, 0, INT64_MAX, see, &r), 77);
    assert_int_equal(r.count, 1);
    tally_read_end(txn);
}

/* ---- one response counts once ---- */

static void the_snapshot_with_the_most_output_counts_wherever_its_time_lies(void **state) {
    (void)state;
    cost_body early = simple_cost("k", 1000, 5), more = simple_cost("k", 3 * DAY_MS, 9),
              less = simple_cost("k", 2000, 8), same = simple_cost("k", 5000, 9);
    add_cost(&early);
    add_cost(&more);
    add_cost(&less);
    add_cost(&same); /* recorded later than `more` */
    rows r = all();
    assert_int_equal(r.count, 1);
    assert_int_equal(r.output, 9);
    assert_int_equal(r.last, 3 * DAY_MS);
    tally_txn *txn;
    tally_cost cost;
    uint64_t index;
    tally_entry_id id = entry_of("codex", "k");
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_cost_get(txn, &id, &cost, &index), 0);
    assert_int_equal(index, FIXTURE_FIRST + 1);
    id.b[0] ^= 1;
    assert_int_equal(tally_cost_get(txn, &id, &cost, &index), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

static void add_void(const char *key, bool undo) {
    tally_entry_id id = entry_of("codex", key);
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
    if (undo) tally_put_true(f->writer, "undo");
    (void)fixture_append(f, "void");
}

static void a_voided_entry_counts_nowhere_until_the_void_is_undone(void **state) {
    (void)state;
    cost_body cost = simple_cost("k", 1000, 5), more = simple_cost("k", 1000, 6);
    add_void("k", false); /* before the cost is known */
    add_cost(&cost);
    assert_int_equal(all().count, 0);
    add_cost(&more);
    assert_int_equal(all().count, 0);
    add_void("k", true);
    assert_int_equal(all().output, 6);
    add_void("k", true);
    assert_int_equal(all().count, 1);
    add_void("k", false);
    assert_int_equal(all().count, 0);
    fixture_verify_clean(f);
}

static void every_field_of_a_cost_comes_back(void **state) {
    (void)state;
    tally_writer *writer = f->writer;
    cost_body body = {"codex", "k", "s1", "gpt", 1234567, 11, 22, 33, "reported", NULL, "us", -44};
    put_cost(writer, &body);
    tally_put_u64(writer, "cache_write_5m", 55);
    tally_put_u64(writer, "cache_write_1h", UINT64_MAX);
    tally_put_u64(writer, "reasoning", 7);
    tally_put_u64(writer, "web_searches", 2);
    tally_put_str(writer, "speed", text("fast"));
    tally_put_str(writer, "service", text("batch"));
    (void)fixture_append(f, "cost");
    tally_cost c = all().cost;
    assert_int_equal(c.time_ms, 1234567);
    assert_true(c.session == tally_session_ref(text("codex"), text("s1")));
    assert_true(c.model == tally_string_ref(text("gpt")));
    assert_int_equal(c.usage.input, 11);
    assert_int_equal(c.usage.output, 22);
    assert_int_equal(c.usage.cache_read, 33);
    assert_int_equal(c.usage.cache_write_5m, 55);
    assert_true(c.usage.cache_write_1h == UINT64_MAX);
    assert_int_equal(c.usage.web_searches, 2);
    assert_int_equal(c.usage.tier, TALLY_TIER_FAST | TALLY_TIER_BATCH | TALLY_TIER_US);
    assert_int_equal(c.reasoning, 7);
    assert_int_equal(c.source, TALLY_COST_REPORTED);
    assert_true(c.stated && c.stated_pico == -44);
    assert_int_equal(c.feed, 0);
}

/* Hostile or newer bodies: the record stays, the view passes it over. */
static void a_body_that_is_no_cost_changes_no_view(void **state) {
    (void)state;
    static const char *const missing[] = {"agent", "key", "session", "model", "time"};
    for (size_t i = 0; i < 5; i++) {
        tally_writer_begin(f->writer);
        for (size_t k = 0; k < 4; k++)
            if (k != i) tally_put_str(f->writer, missing[k], text("x"));
        if (i != 4) tally_put_u64(f->writer, "time", 5);
        (void)fixture_append(f, "cost");
    }
    tally_writer_begin(f->writer);
    for (size_t k = 0; k < 4; k++)
        tally_put_str(f->writer, missing[k], text("x"));
    tally_put_i64(f->writer, "time", -1);
    (void)fixture_append(f, "cost");
    tally_writer_begin(f->writer);
    for (size_t k = 0; k < 4; k++)
        tally_put_str(f->writer, missing[k], text("x"));
    tally_put_u64(f->writer, "time", (UINT64_C(1) << 32) * DAY_MS); /* no day number left */
    (void)fixture_append(f, "cost");
    assert_int_equal(all().count, 0);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST + 7);
    fixture_verify_clean(f);
}

/* ---- tags ---- */

typedef struct tags {
    char text[64];
} tags;

static int gather_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                      const tally_hash *add) {
    tags *t = ctx;
    (void)target, (void)add;
    size_t used = strlen(t->text);
    (void)snprintf(t->text + used, sizeof t->text - used, "%.*s ", (int)tag.len,
                   (const char *)tag.ptr);
    return 0;
}

static void assert_tags(const char *session, const char *want) {
    tally_txn *txn;
    tags t = {""};
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tally_put_be64(target, tally_session_ref(text("codex"), text(session)));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_tag_each_of(txn, target, gather_tag, &t), 0);
    tally_read_end(txn);
    assert_string_equal(t.text, want);
}

static tally_hash add_tag(const char *session, const char *tag) {
    put_session_tag(f->writer, "codex", session, tag);
    return fixture_append(f, "tag.add");
}

static void remove_tag(const char *session, const char *tag, const tally_hash *add) {
    uint8_t removes[3 + TALLY_HASH_BYTES] = {0x91, 0xc4, TALLY_HASH_BYTES};
    memcpy(removes + 3, add->b, TALLY_HASH_BYTES);
    put_session_tag(f->writer, "codex", session, tag);
    tally_put_raw(f->writer, "removes", tally_span_of(removes, sizeof removes));
    (void)fixture_append(f, "tag.remove");
}

static void a_removal_takes_the_adds_it_saw_and_no_other(void **state) {
    (void)state;
    tally_hash first = add_tag("s1", "acme"), second = add_tag("s1", "acme");
    (void)add_tag("s1", "beta");
    (void)add_tag("s2", "acme");
    assert_tags("s1", "acme acme beta ");
    remove_tag("s1", "acme", &first);
    assert_tags("s1", "acme beta ");
    remove_tag("s1", "beta", &second); /* an add of another tag */
    remove_tag("s2", "acme", &second); /* an add of another session */
    assert_tags("s1", "acme beta ");
    assert_tags("s2", "acme ");
    remove_tag("s1", "acme", &second);
    assert_tags("s1", "beta ");
    (void)add_tag("s1", "acme");
    assert_tags("s1", "acme beta ");
    fixture_verify_clean(f);
}

/* ---- prices ---- */

static tally_priced price_of(const char *key) {
    tally_txn *txn;
    tally_price_book *book;
    tally_cost cost;
    tally_priced priced;
    tally_entry_id id = entry_of("codex", key);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_price_book_new(txn, &book, &f->err));
    assert_int_equal(tally_cost_get(txn, &id, &cost, NULL), 0);
    tally_price_book_cost(book, &cost, &priced, NULL);
    tally_price_book_free(book);
    tally_read_end(txn);
    priced.price = NULL; /* gone with the book */
    return priced;
}

static void assert_pico(const char *key, int64_t pico) {
    tally_priced priced = price_of(key);
    if (!priced.priced) fail_msg("%s: %s", key, priced.why);
    assert_int_equal(priced.pico, pico);
}

static void assert_unpriced(const char *key, const char *why) {
    tally_priced priced = price_of(key);
    assert_false(priced.priced);
    if (!strstr(priced.why, why)) fail_msg("'%s' does not say '%s'", priced.why, why);
}

static void set_price(const char *model, const char *from, const char *currency, uint64_t input,
                      uint64_t output) {
    put_price(f->writer, model, from, currency, input, output);
    (void)fixture_append(f, "price.set");
}

static void unset_price(const char *model, const char *from) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "model", text(model));
    tally_put_str_opt(f->writer, "from", text(from));
    (void)fixture_append(f, "price.unset");
}

static void the_price_in_force_on_the_utc_day_applies_and_unset_brings_the_older_back(
    void **state) {
    (void)state;
    cost_body before = {"codex", "before", "s", "m1", DAY_MS - 1, 3, 2, 0, NULL, NULL, NULL, 0},
              after = {"codex", "after", "s", "m1", DAY_MS, 3, 2, 0, NULL, NULL, NULL, 0};
    add_cost(&before);
    add_cost(&after);
    assert_unpriced("after", "no price");
    set_price("m1", "1970-01-02", "USD", 100, 1000); /* 3 x 100 + 2 x 1000 */
    assert_pico("after", 2300);
    assert_unpriced("before", "no price of this model was in force");
    set_price("m1", NULL, "USD", 1, 10); /* since ever: 3 + 20 */
    assert_pico("before", 23);
    assert_pico("after", 2300);
    set_price("m1", "1970-01-02", "USD", 200, 0); /* corrected */
    assert_pico("after", 600);
    unset_price("m1", "1970-01-02");
    assert_pico("after", 23);
    unset_price("m1", NULL);
    assert_unpriced("after", "no price");
    fixture_verify_clean(f);
}

static void what_is_stated_is_taken_in_the_teams_currency_only(void **state) {
    (void)state;
    cost_body reported = simple_cost("reported", 1, 1), imported = simple_cost("imported", 1, 1),
              foreign = simple_cost("foreign", 1, 1);
    reported.source = "reported", reported.stated = 42;
    imported.source = "imported", imported.stated = 43, imported.currency = "USD";
    foreign.source = "imported", foreign.stated = 44, foreign.currency = "EUR";
    add_cost(&reported);
    add_cost(&imported);
    add_cost(&foreign);
    assert_pico("reported", 42);
    assert_pico("imported", 43);
    assert_unpriced("foreign", "another currency");
    cost_body priced = simple_cost("priced", 1, 1);
    add_cost(&priced);
    set_price("m1", NULL, "EUR", 5, 5);
    assert_unpriced("priced", "another currency");
    cost_body unstated = simple_cost("unstated", 1, 1);
    put_cost(f->writer, &unstated);
    tally_put_str(f->writer, "source", text("imported"));
    (void)fixture_append(f, "cost");
    assert_unpriced("unstated", "states no cost");
}

/* A regional name that has rows only without its region keeps the regional factor. */
static void a_regional_model_pays_the_regional_factor(void **state) {
    (void)state;
    cost_body us = {"codex", "us", "s", "us.claude-opus-4-7", 1, 10, 0, 0, NULL, NULL, NULL, 0},
              plain = {"codex", "plain", "s", "claude-opus-4-7", 1, 10, 0, 0, NULL, NULL, NULL, 0},
              geo = {"codex", "geo", "s", "claude-opus-4-7", 1, 10, 0, 0, NULL, NULL, "us", 0};
    add_cost(&us);
    add_cost(&plain);
    add_cost(&geo);
    put_price(f->writer, "claude-opus-4-7", NULL, "USD", 5000000, 25000000);
    tally_put_raw(f->writer, "us", tally_span_of("\x92\x0b\x0a", 3)); /* 11 / 10 */
    (void)fixture_append(f, "price.set");
    assert_pico("plain", 50000000);
    assert_pico("geo", 55000000);
    assert_pico("us", 55000000);
    set_price("us.claude-opus-4-7", NULL, "USD", 7000000, 1);
    assert_pico("us", 70000000); /* its own row says all */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(a_period_holds_its_start_and_not_its_end),
        LEDGER(days_of_one_row_and_of_many_pages_are_read_in_time_order),
        LEDGER(a_result_of_the_callback_stops_and_comes_back),
        LEDGER(the_snapshot_with_the_most_output_counts_wherever_its_time_lies),
        LEDGER(a_voided_entry_counts_nowhere_until_the_void_is_undone),
        LEDGER(every_field_of_a_cost_comes_back),
        LEDGER(a_body_that_is_no_cost_changes_no_view),
        LEDGER(a_removal_takes_the_adds_it_saw_and_no_other),
        LEDGER(the_price_in_force_on_the_utc_day_applies_and_unset_brings_the_older_back),
        LEDGER(what_is_stated_is_taken_in_the_teams_currency_only),
        LEDGER(a_regional_model_pays_the_regional_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
