/* Reports over seven costs whose sums are worked out by hand in the comments. Local days are
 * Berlin's: summer time began on 2026-03-29 at 01:00Z. */
#include "ledger_fixture.h"

#include <tally/report.h>

#include <fcntl.h>

#define BERLIN "/usr/share/zoneinfo/Europe/Berlin"

/* Pico-units a token: alpha 2,000,000 in and 10,000,000 out; beta 1,000,000 and 4,000,000; gamma
 * has no price.
 *
 *   cost  Berlin                   member session model  in   out  pico
 *   A     2026-03-28 23:59:59.999  ada    s1      alpha  1000 100  3,000,000,000
 *   B     2026-03-29 00:00         ada    s1      alpha  10   10     120,000,000
 *   C     2026-03-29 23:59:59.999  ada    s2      beta   100  50     300,000,000
 *   D     2026-03-30 00:00         ada    s2      gamma  7    7    unpriced
 *   E     2026-04-01 00:00         ada    s3      beta   1    1        5,000,000
 *   F     2027-01-03 23:59:59.999  bob    s4      alpha  3    0        6,000,000
 *   G     2027-01-04 00:00         bob    s4      alpha  4    0        8,000,000
 *
 * s1 claude-code /home/ada/acme/shop main, tagged red; s2 codex /home/ada/beta dev, tagged blue; s3
 * codex, never described; s4 claude-code /srv/x. B itself is tagged blue and red. */
static const struct {
    const char *agent, *key, *session, *model, *time;
    uint64_t input, output;
} costs[] = {
    {"claude-code", "A", "s1", "alpha", "2026-03-28T22:59:59.999Z", 1000, 100},
    {"claude-code", "B", "s1", "alpha", "2026-03-28T23:00:00Z", 10, 10},
    {"codex", "C", "s2", "beta", "2026-03-29T21:59:59.999Z", 100, 50},
    {"codex", "D", "s2", "gamma", "2026-03-29T22:00:00Z", 7, 7},
    {"codex", "E", "s3", "beta", "2026-03-31T22:00:00Z", 1, 1},
    {"claude-code", "F", "s4", "alpha", "2027-01-03T22:59:59.999Z", 3, 0},
    {"claude-code", "G", "s4", "alpha", "2027-01-03T23:00:00Z", 4, 0},
};
#define OWN_COSTS 5u
#define ALL_COSTS 7u
#define PICO_ALL  INT64_C(3439000000)

static fixture *f;
static tally_txn *txn;
static tally_zone *berlin;

static int64_t ms(const char *time) {
    int64_t out;
    assert_int_equal(tally_time_parse(text(time), &out), 0);
    return out;
}

static void put_row(size_t i) {
    cost_body cost = {.agent = costs[i].agent,
                      .key = costs[i].key,
                      .session = costs[i].session,
                      .model = costs[i].model,
                      .time = (uint64_t)ms(costs[i].time),
                      .input = costs[i].input,
                      .output = costs[i].output};
    put_cost(f->writer, &cost);
}

/* Bob's desk: a session and two costs. */
static int write_bob(void *ctx, tally_txn *write, tally_error *err) {
    tally_key *key = ctx;
    tally_span bytes;
    uint32_t number;
    int rc = foreign_feed(write, key, &number, err);
    for (unsigned step = 0; step < 3 && rc == 0; step++) {
        const char *kind = step == 0 ? "session" : "cost";
        tally_writer_begin(f->writer);
        if (step == 0) put_session(f->writer, "claude-code", "s4", "/srv/x", NULL);
        if (step >= 1) put_row(OWN_COSTS + step - 1);
        rc = tally_writer_encode(f->writer, kind, 1 + step, &bytes, err);
        if (rc == 0) rc = foreign_record(write, number, key, bytes, err);
    }
    return rc;
}

static int put_title(void *ctx, tally_txn *write, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {3};
    return tally_blob_put(write, salt, text("Fix the till"), ctx, err);
}

/* s1: human at 22:00Z and 22:30Z on the 28th, agent from 22:00Z to 23:10Z. s5: one prompt, no cost.
 */
static void append_activity(void) {
    uint8_t human[1 + 2 * 9] = {0x92, 0xcf}, runs[2 + 2 * 9] = {0x91, 0x92, 0xcf};
    human[10] = runs[11] = 0xcf;
    tally_put_be64(human + 2, (uint64_t)ms("2026-03-28T22:00:00Z"));
    tally_put_be64(human + 11, (uint64_t)ms("2026-03-28T22:30:00Z"));
    tally_put_be64(runs + 3, (uint64_t)ms("2026-03-28T22:00:00Z"));
    tally_put_be64(runs + 12, (uint64_t)ms("2026-03-28T23:10:00Z"));
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("claude-code"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_raw(f->writer, "human", tally_span_of(human, sizeof human));
    tally_put_raw(f->writer, "runs", tally_span_of(runs, sizeof runs));
    (void)fixture_append(f, "activity");
    human[0] = 0x91;
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text("s5"));
    tally_put_raw(f->writer, "human", tally_span_of(human, 10));
    (void)fixture_append(f, "activity");
    put_session(f->writer, "codex", "s5", "/home/ada/acme/shop", "main");
    (void)fixture_append(f, "session");
}

static void append_all(void) {
    tally_hash title;
    tally_entry_id b = entry_of("claude-code", "B");
    OK(store_write(f->ledger, 0, put_title, &title, &f->err));
    put_session(f->writer, "claude-code", "s1", "/home/ada/acme/shop", "main");
    tally_put_bin(f->writer, "title", tally_span_of(title.b, sizeof title.b));
    (void)fixture_append(f, "session");
    put_session(f->writer, "codex", "s2", "/home/ada/beta", "dev");
    (void)fixture_append(f, "session");
    put_price(f->writer, "alpha", NULL, "USD", 2000000, 10000000);
    (void)fixture_append(f, "price.set");
    put_price(f->writer, "beta", NULL, "USD", 1000000, 4000000);
    (void)fixture_append(f, "price.set");
    for (size_t i = 0; i < OWN_COSTS; i++) {
        put_row(i);
        (void)fixture_append(f, "cost");
    }
    put_session_tag(f->writer, "claude-code", "s1", "red");
    (void)fixture_append(f, "tag.add");
    (void)fixture_append(f, "tag.add"); /* added twice: still one tag */
    put_session_tag(f->writer, "codex", "s2", "blue");
    (void)fixture_append(f, "tag.add");
    put_entry_tag(f->writer, &b, "blue");
    (void)fixture_append(f, "tag.add");
    put_entry_tag(f->writer, &b, "red");
    (void)fixture_append(f, "tag.add");
    append_activity();
    tally_key *bob = fixture_seeded_key(2);
    fixture_admit(f, bob, TALLY_ROLE_MEMBER, "bob", "desk");
    OK(store_write(f->ledger, 0, write_bob, bob, &f->err));
    tally_key_free(bob);
}

static int setup(void **state) {
    static uint8_t tzif[TALLY_ZONE_MAX_BYTES];
    int rc = fixture_setup(state), fd = open(BERLIN, O_RDONLY);
    f = *state;
    if (fd >= 0) {
        ssize_t len = read(fd, tzif, sizeof tzif);
        (void)close(fd);
        assert_true(len > 0);
        OK(tally_zone_parse(tally_span_of(tzif, (size_t)len), &berlin, &f->err));
    }
    append_all();
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    return rc;
}

static int teardown(void **state) {
    tally_read_end(txn);
    tally_zone_free(berlin);
    txn = NULL;
    berlin = NULL;
    return fixture_teardown(state);
}

static void need_berlin(void) {
    if (!berlin) skip();
}

/* ---- sums by key ---- */

typedef struct want {
    const char *keys[2];
    uint64_t requests, unpriced, sessions;
    int64_t pico;
} want;

static void assert_report(const tally_report_key *keys, size_t key_count, const want *rows,
                          size_t count) {
    tally_report *report;
    tally_filter filter = {0};
    OK(tally_report_run(txn, &filter, keys, key_count, berlin, &report, &f->err));
    assert_int_equal(tally_report_count(report), count);
    for (size_t i = 0; i < count; i++) {
        const tally_report_row *row = tally_report_at(report, i);
        for (size_t k = 0; k < key_count; k++)
            if (!tally_span_is(row->keys[k], rows[i].keys[k]))
                fail_msg("row %zu key %zu is '%.*s' and not '%s'", i, k, (int)row->keys[k].len,
                         (const char *)row->keys[k].ptr, rows[i].keys[k]);
        assert_int_equal(row->sums.requests, rows[i].requests);
        assert_int_equal(row->sums.unpriced_requests, rows[i].unpriced);
        assert_int_equal(row->sums.sessions, rows[i].sessions);
        assert_true(row->sums.pico == rows[i].pico);
    }
    const tally_sums *total = tally_report_total(report);
    assert_int_equal(total->requests, ALL_COSTS);
    assert_int_equal(total->unpriced_requests, 1);
    assert_int_equal(total->sessions, 4);
    assert_int_equal(total->input, 1125);
    assert_int_equal(total->output, 168);
    assert_true(total->pico == PICO_ALL);
    tally_report_free(report);
}

#define REPORT(key, ...)                                                                           \
    do {                                                                                           \
        static const want wanted[] = {__VA_ARGS__};                                                \
        const tally_report_key by[] = {key};                                                       \
        assert_report(by, 1, wanted, sizeof wanted / sizeof *wanted);                              \
    } while (0)

static void sums_by_what_a_session_and_a_device_say_are_right(void **state) {
    (void)state;
    need_berlin();
    REPORT(TALLY_BY_MODEL, {{"alpha"}, 4, 0, 2, 3134000000}, {{"beta"}, 2, 0, 2, 305000000},
           {{"gamma"}, 1, 1, 1, 0});
    REPORT(TALLY_BY_AGENT, {{"claude-code"}, 4, 0, 2, 3134000000}, {{"codex"}, 2, 1, 1, 300000000},
           {{""}, 1, 0, 1, 5000000});
    REPORT(TALLY_BY_MEMBER, {{"ada"}, 5, 1, 3, 3425000000}, {{"bob"}, 2, 0, 1, 14000000});
    REPORT(TALLY_BY_DEVICE, {{"desk"}, 2, 0, 1, 14000000}, {{"laptop"}, 5, 1, 3, 3425000000});
    REPORT(TALLY_BY_PROJECT, {{"/home/ada/acme/shop"}, 2, 0, 1, 3120000000},
           {{"/home/ada/beta"}, 2, 1, 1, 300000000}, {{"/srv/x"}, 2, 0, 1, 14000000},
           {{""}, 1, 0, 1, 5000000});
    REPORT(TALLY_BY_BRANCH, {{"dev"}, 2, 1, 1, 300000000}, {{"main"}, 2, 0, 1, 3120000000},
           {{""}, 3, 0, 2, 19000000});
    REPORT(TALLY_BY_SESSION, {{"s1"}, 2, 0, 1, 3120000000}, {{"s2"}, 2, 1, 1, 300000000},
           {{"s4"}, 2, 0, 1, 14000000}, {{""}, 1, 0, 1, 5000000});
    REPORT(TALLY_BY_CLIENT, {{""}, 7, 1, 4, PICO_ALL});
}

/* B counts under blue and under red, and once in the total. */
static void a_cost_counts_under_each_of_its_tags_and_once_in_the_total(void **state) {
    (void)state;
    need_berlin();
    REPORT(TALLY_BY_TAG, {{"blue"}, 3, 1, 2, 420000000}, {{"red"}, 2, 0, 1, 3120000000},
           {{""}, 3, 0, 2, 19000000});
}

static void days_weeks_and_months_are_cut_in_the_zone(void **state) {
    (void)state;
    need_berlin();
    REPORT(TALLY_BY_DAY, {{"2026-03-28"}, 1, 0, 1, 3000000000},
           {{"2026-03-29"}, 2, 0, 2, 420000000}, {{"2026-03-30"}, 1, 1, 1, 0},
           {{"2026-04-01"}, 1, 0, 1, 5000000}, {{"2027-01-03"}, 1, 0, 1, 6000000},
           {{"2027-01-04"}, 1, 0, 1, 8000000});
    /* ISO 8601: 2026 begins on a Thursday and has 53 weeks; W14 begins on March 30. */
    REPORT(TALLY_BY_WEEK, {{"2026-W13"}, 3, 0, 2, 3420000000}, {{"2026-W14"}, 2, 1, 2, 5000000},
           {{"2026-W53"}, 1, 0, 1, 6000000}, {{"2027-W01"}, 1, 0, 1, 8000000});
    REPORT(TALLY_BY_MONTH, {{"2026-03"}, 4, 1, 2, 3420000000}, {{"2026-04"}, 1, 0, 1, 5000000},
           {{"2027-01"}, 2, 0, 1, 14000000});
}

static void keys_combine_in_the_order_asked_for(void **state) {
    (void)state;
    need_berlin();
    static const tally_report_key by[] = {TALLY_BY_MONTH, TALLY_BY_MODEL};
    static const want rows[] = {{{"2026-03", "alpha"}, 2, 0, 1, 3120000000},
                                {{"2026-03", "beta"}, 1, 0, 1, 300000000},
                                {{"2026-03", "gamma"}, 1, 1, 1, 0},
                                {{"2026-04", "beta"}, 1, 0, 1, 5000000},
                                {{"2027-01", "alpha"}, 2, 0, 1, 14000000}};
    assert_report(by, 2, rows, sizeof rows / sizeof *rows);
    tally_report *report;
    tally_filter filter = {0};
    static const tally_report_key seven[7] = {TALLY_BY_DAY};
    assert_int_equal(tally_report_run(txn, &filter, seven, 7, berlin, &report, &f->err),
                     TALLY_EINVAL);
    assert_int_equal(tally_report_run(txn, &filter, seven, 0, berlin, &report, &f->err),
                     TALLY_EINVAL);
}

/* ---- filters ---- */

typedef struct passed {
    char keys[16]; /* letters of the costs that passed, in time order */
    tally_i128 pico;
} passed;

static int note(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    passed *p = ctx;
    (void)err;
    for (size_t i = 0; i < ALL_COSTS; i++) {
        tally_entry_id id = entry_of(costs[i].agent, costs[i].key);
        if (memcmp(id.b, facts->cost->id.b, sizeof id.b) == 0)
            p->keys[strlen(p->keys)] = costs[i].key[0];
    }
    if (facts->priced.priced) p->pico += facts->priced.pico;
    return 0;
}

static void assert_passes(const tally_filter *filter, const char *keys) {
    passed p = {.keys = ""};
    OK(tally_costs_filter(txn, filter, note, &p, &f->err));
    assert_string_equal(p.keys, keys);
}

static void each_filter_lets_through_what_it_names(void **state) {
    (void)state;
    const struct {
        tally_filter filter;
        const char *keys;
    } cases[] = {
        {{.project = text("")}, "ABCDEFG"},
        {{.project = text("/home/ada/acme/shop")}, "AB"},
        {{.project = text("shop")}, "AB"},
        {{.project = text("sho")}, ""},
        {{.agent = text("claude")}, "ABFG"},
        {{.agent = text("claude-code")}, "ABFG"},
        {{.agent = text("clau")}, ""},
        {{.model = text("beta")}, "CE"},
        {{.model = text("ALPHA")}, "ABFG"},
        {{.member = text("bob")}, "FG"},
        {{.device = text("laptop")}, "ABCDE"},
        {{.path = text("/home/ada")}, "ABCD"},
        {{.path = text("/home/ada/")}, "ABCD"},
        {{.path = text("/home/ad")}, ""},
        {{.path = text("/")}, "ABCDFG"},
        {{.branch = text("dev")}, "CD"},
        {{.tag = text("red")}, "AB"},
        {{.tag = text("blue")}, "BCD"},
        {{.tag = text("green")}, ""},
        {{.session = text("s2")}, "CD"},
        {{.client = text("acme")}, ""},
        {{.has_min_cost = true, .min_cost = 300000000}, "AC"},
        {{.has_min_cost = true, .min_cost = 300000001}, "A"},
        {{.has_max_cost = true, .max_cost = 8000000}, "EFG"},
        {{.has_max_cost = true, .max_cost = 7999999}, "EF"},
        {{.unpriced = true}, "D"},
        {{.unattributed = true}, "ABCDEFG"}, /* nobody has set a rule */
        {{.tag = text("red"), .model = text("alpha"), .member = text("bob")}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_passes(&cases[i].filter, cases[i].keys);
}

static void a_period_filters_by_local_days(void **state) {
    (void)state;
    need_berlin();
    static const struct {
        const char *period, *keys;
    } cases[] = {{"2026-03-28", "A"}, {"2026-03-29", "BC"}, {"2026-03", "ABCD"},
                 {"2026-Q1", "ABCD"}, {"2026", "ABCDE"},    {"2026-03-29..2026-03-30", "BCD"},
                 {"2027", "FG"},      {"2025", ""},         {"all", "ABCDEFG"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tally_filter filter = {.has_period = true};
        OK(tally_period_parse(text(cases[i].period), berlin, 0, &filter.period, &f->err));
        assert_passes(&filter, cases[i].keys);
    }
}

static int note_tags(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    char *out = ctx;
    (void)err;
    for (size_t i = 0; i < facts->whose.tag_count; i++)
        out[strlen(out)] = (char)facts->whose.tags[i].ptr[0];
    out[strlen(out)] = ' ';
    return 0;
}

static void a_costs_tags_are_its_own_and_its_sessions_each_once(void **state) {
    (void)state;
    char tags[64] = "";
    tally_filter filter = {0};
    OK(tally_costs_filter(txn, &filter, note_tags, tags, &f->err));
    assert_string_equal(tags, "r br b b    ");
}

/* ---- sessions ---- */

static void assert_sessions(const tally_filter *filter, const char *ids) {
    tally_session_list *list;
    char got[64] = "";
    OK(tally_sessions_run(txn, filter, &list, &f->err));
    for (size_t i = 0; i < tally_sessions_count(list); i++) {
        const tally_session_row *row = tally_sessions_at(list, i);
        size_t used = strlen(got);
        (void)snprintf(got + used, sizeof got - used, "%.*s ", (int)row->session.id.len,
                       (const char *)row->session.id.ptr);
    }
    tally_sessions_free(list);
    assert_string_equal(got, ids);
}

static void sessions_come_newest_first_and_limits_apply_to_their_sums(void **state) {
    (void)state;
    /* s3 was never described: it has sums and no name. s1 and s5 begin at the same instant. */
    const struct {
        tally_filter filter;
        const char *ids;
    } cases[] = {{{.project = text("")}, "s4  s2 s1 s5 "},
                 {{.has_min_cost = true, .min_cost = 3120000000}, "s1 "},
                 {{.has_max_cost = true, .max_cost = 14000000}, "s4  s5 "},
                 {{.has_min_cost = true, .min_cost = 14000000}, "s4 s2 s1 "},
                 {{.tag = text("red")}, "s1 "},
                 {{.unpriced = true}, "s2 "},
                 {{.path = text("/home/ada/acme")}, "s1 s5 "},
                 {{.member = text("bob")}, "s4 "},
                 {{.session = text("s5")}, "s5 "}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_sessions(&cases[i].filter, cases[i].ids);
}

static void a_session_row_joins_events_costs_tags_and_title(void **state) {
    (void)state;
    tally_session_list *list;
    tally_filter filter = {.session = text("s1")};
    OK(tally_sessions_run(txn, &filter, &list, &f->err));
    assert_int_equal(tally_sessions_count(list), 1);
    const tally_session_row *row = tally_sessions_at(list, 0);
    assert_int_equal(row->start_ms, ms("2026-03-28T22:00:00Z"));
    assert_int_equal(row->end_ms, ms("2026-03-28T23:10:00Z")); /* the run ends after B */
    assert_int_equal(row->prompts, 2);
    assert_int_equal(row->sums.requests, 2);
    assert_int_equal(row->sums.sessions, 1);
    assert_true(row->sums.pico == 3120000000);
    assert_int_equal(row->tag_count, 1);
    assert_true(tally_span_is(row->tags[0], "red"));
    assert_true(tally_span_is(row->title, "Fix the till"));
    assert_true(tally_span_is(row->session.cwd, "/home/ada/acme/shop"));
    tally_sessions_free(list);
}

/* ---- sums that do not fit ---- */

static void a_sum_of_tokens_that_does_not_fit_is_an_error_and_no_number(void **state) {
    (void)state;
    need_berlin();
    tally_read_end(txn);
    for (int i = 0; i < 2; i++) {
        cost_body cost = {.agent = "codex",
                          .key = i ? "big2" : "big1",
                          .session = "s9",
                          .model = "beta",
                          .time = 5,
                          .input = UINT64_MAX};
        put_cost(f->writer, &cost);
        (void)fixture_append(f, "cost");
    }
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    tally_report *report;
    tally_filter filter = {0};
    static const tally_report_key by[] = {TALLY_BY_MODEL};
    assert_int_equal(tally_report_run(txn, &filter, by, 1, berlin, &report, &f->err),
                     TALLY_EOVERFLOW);
    assert_null(report);
}

int main(void) {
#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LEDGER(sums_by_what_a_session_and_a_device_say_are_right),
        LEDGER(a_cost_counts_under_each_of_its_tags_and_once_in_the_total),
        LEDGER(days_weeks_and_months_are_cut_in_the_zone),
        LEDGER(keys_combine_in_the_order_asked_for),
        LEDGER(each_filter_lets_through_what_it_names),
        LEDGER(a_period_filters_by_local_days),
        LEDGER(a_costs_tags_are_its_own_and_its_sessions_each_once),
        LEDGER(sessions_come_newest_first_and_limits_apply_to_their_sums),
        LEDGER(a_session_row_joins_events_costs_tags_and_title),
        LEDGER(a_sum_of_tokens_that_does_not_fit_is_an_error_and_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
