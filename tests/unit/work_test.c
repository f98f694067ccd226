/* Manual time: what a record must be, what counts in reports, and whose it is. Expected figures are
 * counted by hand. */
#include "ledger_case.h"

#include <tally/work.h>

#define MINUTE     INT64_C(60000)
#define HOUR       (60 * MINUTE)
#define MARCH_14   20526 /* 2026-03-14: `date -ud 2026-03-14 +%s` / 86400 */
#define MARCH_14_S INT64_C(1773446400)

typedef struct adding {
    tally_time_new entry;
    tally_entry_id id;
} adding;

static int add(void *ctx, tally_txn *txn, tally_error *err) {
    adding *a = ctx;
    return tally_time_append(txn, &a->entry, &a->id, err);
}

static int try_time(int64_t day, int64_t ms, const char *client, tally_entry_id *id) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {7};
    adding a = {.entry = {.day = day,
                          .start_ms = -1,
                          .duration_ms = ms,
                          .client = text(client),
                          .text = text("Kick-off call"),
                          .salt = salt}};
    int rc = tally_ledger_write(f->ledger, FIXTURE_NOW_MS, add, &a, &f->err);
    if (id) *id = a.id;
    return rc;
}

static tally_entry_id add_time(int64_t day, int64_t ms, const char *client) {
    tally_entry_id id;
    OK(try_time(day, ms, client, &id));
    return id;
}

static void report(const tally_filter *filter, const tally_report_key *keys, size_t count,
                   void (*look)(const tally_report *)) {
    tally_txn *txn;
    tally_zone *zone;
    tally_report *r;
    OK(tally_zone_utc(&zone, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_report_run(txn, filter, keys, count, zone, &r, &f->err));
    look(r);
    tally_report_free(r);
    tally_read_end(txn);
    tally_zone_free(zone);
}

static void assert_row(const tally_report *r, size_t i, const char *key, int64_t ms,
                       uint64_t entries) {
    const tally_report_row *row = tally_report_at(r, i);
    assert_true(tally_span_is(row->keys[0], key));
    assert_int_equal(row->sums.engaged_ms, ms);
    assert_int_equal(row->sums.time_entries, entries);
    assert_int_equal(row->sums.sessions + row->sums.requests, 0);
}

static void two_clients(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 2);
    assert_row(r, 0, "acme", 2 * HOUR, 2);
    assert_row(r, 1, "beta", 30 * MINUTE, 1);
    assert_int_equal(tally_report_total(r)->engaged_ms, 2 * HOUR + 30 * MINUTE);
    assert_int_equal(tally_report_total(r)->time_entries, 3);
}

static void one_month(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 1);
    assert_row(r, 0, "2026-03", 2 * HOUR + 30 * MINUTE, 3);
}

static void nothing(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 0);
    assert_int_equal(tally_report_total(r)->time_entries, 0);
}

static void manual_time_counts_like_engaged_time(void **state) {
    const tally_report_key client = TALLY_BY_CLIENT, month = TALLY_BY_MONTH;
    tally_filter all = {.has_period = false}, some = all;
    (void)state;
    add_time(MARCH_14, HOUR, "acme");
    add_time(MARCH_14 + 1, HOUR, "acme");
    add_time(MARCH_14, 30 * MINUTE, "beta");
    report(&all, &client, 1, two_clients);
    report(&all, &month, 1, one_month);
    some.agent = text("claude-code");
    report(&some, &client, 1, nothing);
    some = all;
    some.has_period = true; /* the day after the last */
    some.period = (tally_period){(MARCH_14_S + 2 * TALLY_DAY_S) * 1000,
                                 (MARCH_14_S + 3 * TALLY_DAY_S) * 1000, MARCH_14 + 2, MARCH_14 + 3};
    report(&some, &client, 1, nothing);
}

static void no_agent(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 1);
    assert_row(r, 0, "", HOUR, 1);
}

static void no_time_at_all(const tally_report *r) {
    assert_false(tally_report_total(r)->has_time && tally_report_count(r) > 0);
}

static void it_belongs_to_no_agent_branch_or_session(void **state) {
    const tally_report_key none[] = {TALLY_BY_AGENT, TALLY_BY_BRANCH, TALLY_BY_SESSION};
    const tally_report_key model = TALLY_BY_MODEL;
    const tally_filter all = {.has_period = false};
    (void)state;
    add_time(MARCH_14, HOUR, "acme");
    for (size_t i = 0; i < 3; i++)
        report(&all, &none[i], 1, no_agent);
    report(&all, &model, 1, no_time_at_all);
}

typedef struct deciding {
    tally_decide decide;
} deciding;

static int decide(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_decide_append(txn, &((deciding *)ctx)->decide, err);
}

static void split_rows(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 2);
    assert_row(r, 0, "beta", 66666667, 1);
    assert_row(r, 1, "gamma", 13333333, 1);
}

/* 80,000,000 ms in 5 and 1: 66,666,666.67 and 13,333,333.33. */
static void a_split_comes_before_what_was_written_and_adds_up(void **state) {
    const tally_report_key client = TALLY_BY_CLIENT;
    const tally_filter all = {.has_period = false};
    const tally_share shares[] = {{text("beta"), {0}, 5}, {text("gamma"), {0}, 1}};
    (void)state;
    tally_entry_id id = add_time(MARCH_14, 80000000, "acme");
    deciding d = {{.entry = &id, .shares = shares, .share_count = 2}};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, decide, &d, &f->err));
    report(&all, &client, 1, split_rows);
}

static void tag_rows(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 2);
    assert_row(r, 0, "a", HOUR, 1);
    assert_row(r, 1, "b", HOUR, 1);
    assert_int_equal(tally_report_total(r)->engaged_ms, HOUR);
    assert_int_equal(tally_report_total(r)->time_entries, 1);
}

static void ruled(const tally_report *r) {
    assert_int_equal(tally_report_count(r), 1);
    assert_row(r, 0, "acme", HOUR, 1);
}

static void tags_of_an_entry_group_it_and_rules_see_them(void **state) {
    const tally_report_key tag = TALLY_BY_TAG, client = TALLY_BY_CLIENT;
    tally_filter all = {.has_period = false};
    (void)state;
    tally_entry_id id = add_time(MARCH_14, HOUR, "");
    put_entry_tag(f->writer, &id, "a");
    (void)fixture_append(f, "tag.add");
    put_entry_tag(f->writer, &id, "b");
    (void)fixture_append(f, "tag.add");
    report(&all, &tag, 1, tag_rows);
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text("r"));
    tally_put_str(f->writer, "client", text("acme"));
    tally_put_str(f->writer, "tag", text("b"));
    (void)fixture_append(f, "rule.set");
    report(&all, &client, 1, ruled);
    all.tag = text("c");
    report(&all, &client, 1, nothing);
}

static void a_void_entry_counts_for_nothing_and_comes_back(void **state) {
    const tally_report_key client = TALLY_BY_CLIENT;
    const tally_filter all = {.has_period = false};
    (void)state;
    tally_entry_id id = add_time(MARCH_14, HOUR, "acme");
    for (int undo = 0; undo < 2; undo++) {
        tally_writer_begin(f->writer);
        tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
        if (undo) tally_put_true(f->writer, "undo");
        (void)fixture_append(f, "void");
        report(&all, &client, 1, undo ? ruled : nothing);
    }
}

static void a_day_has_24_hours(void **state) {
    (void)state;
    assert_int_equal(try_time(MARCH_14, 0, "acme", NULL), TALLY_EINVAL);
    assert_int_equal(try_time(MARCH_14, 24 * HOUR + 1, "acme", NULL), TALLY_EINVAL);
    assert_int_equal(try_time(-1, HOUR, "acme", NULL), TALLY_EINVAL);
    tally_entry_id id = add_time(MARCH_14, 23 * HOUR, "acme");
    assert_int_equal(try_time(MARCH_14, HOUR + 1, "beta", NULL), TALLY_EINVAL);
    OK(try_time(MARCH_14, HOUR, "beta", NULL));
    tally_writer_begin(f->writer); /* what is void takes no time */
    tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
    (void)fixture_append(f, "void");
    OK(try_time(MARCH_14, 23 * HOUR, "beta", NULL));
}

/* One that is right, but for one key. */
static void put_body(const char *date, uint64_t duration, uint64_t start, const char *client) {
    tally_writer_begin(f->writer);
    tally_put_str_opt(f->writer, "date", text(date));
    tally_put_u64_opt(f->writer, "duration", duration);
    tally_put_u64_opt(f->writer, "start", start);
    tally_put_str_opt(f->writer, "client", text(client));
}

static void a_body_that_is_none_has_no_effect(void **state) {
    static char long_name[TALLY_NAME_MAX_BYTES + 2];
    const uint64_t start = (uint64_t)(MARCH_14_S + 36000) * 1000;
    const struct {
        const char *date;
        uint64_t duration, start;
        const char *client;
    } bad[] = {{NULL, 1, 0, "acme"},
               {"2026-02-30", 1, 0, "acme"},
               {"1969-12-31", 1, 0, "acme"},
               {"2026-03-14", 0, 0, "acme"},
               {"2026-03-14", 86400001, 0, "acme"},
               {"2026-03-14", UINT64_MAX, 0, "acme"},
               {"2026-03-14", 1, UINT64_MAX, "acme"},
               {"2026-03-14", 1, start + 2 * TALLY_DAY_MS, "acme"},
               {"2026-03-14", 1, start, "a\nb"},
               {"2026-03-14", 1, start, long_name}};
    const tally_report_key client = TALLY_BY_CLIENT;
    const tally_filter all = {.has_period = false};
    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_body(bad[i].date, bad[i].duration, bad[i].start, bad[i].client);
        (void)fixture_append(f, "time.add");
    }
    report(&all, &client, 1, nothing);
    put_body("2026-03-14", HOUR, start, "acme");
    (void)fixture_append(f, "time.add");
    report(&all, &client, 1, ruled);
    fixture_verify_clean(f);
}

static void an_entry_is_found_by_the_beginning_of_its_id(void **state) {
    tally_txn *txn;
    tally_entry_id id = add_time(MARCH_14, HOUR, "acme"), found;
    tally_time_entry entry;
    (void)state;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (size_t len = TALLY_ENTRY_PREFIX_BYTES; len <= sizeof id.b; len++) {
        assert_int_equal(tally_entry_find_typed(txn, tally_span_of(id.b, len), &found), 0);
        assert_memory_equal(found.b, id.b, sizeof id.b);
    }
    assert_int_equal(tally_entry_kind_of(txn, &id), TALLY_ENTRY_TIME);
    assert_int_equal(tally_time_get(txn, &id, &entry), 0);
    assert_int_equal(entry.day, MARCH_14);
    assert_memory_equal(entry.leaf.b, id.b, sizeof id.b);
    assert_int_equal(entry.start_ms, -1);
    tally_read_end(txn);
}

static void durations_are_read_exactly(void **state) {
    const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } cases[] = {{"1h30m", 90 * MINUTE},
                 {"1.5h", 90 * MINUTE},
                 {"90m", 90 * MINUTE},
                 {"1:30", 90 * MINUTE},
                 {"0:01", MINUTE},
                 {"45s", 45000},
                 {"1h0m30s", HOUR + 30000},
                 {"0.25h", 15 * MINUTE},
                 {"1h0.5m", HOUR + 30000},
                 {"2h15s", 2 * HOUR + 15000},
                 {"0.1s", 100},
                 {"", 0},
                 {"90", 0},
                 {"1.5", 0},
                 {"h", 0},
                 {"-1h", 0},
                 {"1h30", 0},
                 {"30m1h", 0},
                 {"1h1h", 0},
                 {"1.5h30m", 0},
                 {"1:60", 0},
                 {"1:3", 0},
                 {"1:030", 0},
                 {"1:30m", 0},
                 {"0m", 0},
                 {"0:00", 0},
                 {"0.0001s", 0},
                 {"1 h", 0},
                 {".5h", 0},
                 {"1.h", 0},
                 {"1e3s", 0},
                 {"99999999999h", 0},
                 {"10001h", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 0;
        int rc = tally_duration_parse(text(cases[i].text), &ms);
        if ((rc == 0) != (cases[i].ms > 0) || ms != cases[i].ms)
            fail_msg("'%s': %d, %lld", cases[i].text, rc, (long long)ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(manual_time_counts_like_engaged_time),
        LEDGER(it_belongs_to_no_agent_branch_or_session),
        LEDGER(a_split_comes_before_what_was_written_and_adds_up),
        LEDGER(tags_of_an_entry_group_it_and_rules_see_them),
        LEDGER(a_void_entry_counts_for_nothing_and_comes_back),
        LEDGER(a_day_has_24_hours),
        LEDGER(a_body_that_is_none_has_no_effect),
        LEDGER(an_entry_is_found_by_the_beginning_of_its_id),
        cmocka_unit_test(durations_are_read_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
