/* Overlaps and gaps: which sessions ran beside each other, which belong to nobody, on which rules
 * disagree. Minutes are counted by hand. */
#include "ledger_case.h"

#include <tally/attribution.h>
#include <tally/engaged.h>
#include <tally/report.h>

#define MINUTE INT64_C(60000)
#define TEN    INT64_C(1772359200000) /* 2026-03-01T10:00:00Z */

/* Prompts at these minutes after ten o'clock, at most four; the writer borrows `array`. */
static void put_prompts(const char *session, const int *minutes, size_t count, uint8_t array[37]) {
    array[0] = (uint8_t)(0x90 | count);
    for (size_t i = 0; i < count; i++) {
        array[1 + 9 * i] = 0xcf;
        tally_put_be64(array + 2 + 9 * i, (uint64_t)(TEN + minutes[i] * MINUTE));
    }
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text(session));
    tally_put_raw(f->writer, "human", tally_span_of(array, 1 + 9 * count));
}

static void append_prompts(const char *session, const char *cwd, const int *minutes, size_t count) {
    uint8_t array[37];
    put_session(f->writer, "codex", session, cwd, "main");
    (void)fixture_append(f, "session");
    put_prompts(session, minutes, count, array);
    (void)fixture_append(f, "activity");
}

static int write_bob(void *ctx, tally_txn *write, tally_error *err) {
    static const int minutes[] = {40, 41}; /* the very moment of ada's last session */
    tally_key *key = ctx;
    tally_span bytes;
    uint32_t number;
    uint8_t array[37];
    int rc = foreign_feed(write, key, &number, err);
    for (unsigned step = 0; step < 2 && rc == 0; step++) {
        if (step == 0)
            put_session(f->writer, "codex", "bobs", "/w", "main");
        else
            put_prompts("bobs", minutes, 2, array);
        rc = tally_writer_encode(f->writer, step == 0 ? "session" : "activity", 1 + step, &bytes,
                                 err);
        if (rc == 0) rc = foreign_record(write, number, key, bytes, err);
    }
    return rc;
}

typedef struct overlaps {
    char text[128];
    size_t at;
    tally_txn *txn;
} overlaps;

static int list_overlap(void *ctx, const tally_overlapping *overlap) {
    overlaps *o = ctx;
    tally_agent_session session;
    assert_int_equal(tally_agent_session_get(o->txn, overlap->session, &session), 0);
    o->at +=
        (size_t)snprintf(o->text + o->at, sizeof o->text - o->at, "%.*s=%lld ", (int)session.id.len,
                         session.id.ptr, (long long)(overlap->ms / MINUTE));
    return 0;
}

static void assert_overlaps(const char *session, int64_t until, int64_t unshared,
                            const char *expected) {
    overlaps o = {.at = 0};
    int64_t engaged;
    OK(tally_read_begin(f->ledger, &o.txn, &f->err));
    OK(tally_overlaps_each(o.txn, &TALLY_ENGAGED_POLICY_DEFAULT,
                           tally_session_ref(text("codex"), text(session)), TEN,
                           TEN + until * MINUTE, &engaged, list_overlap, &o, &f->err));
    tally_read_end(o.txn);
    assert_string_equal(o.text, expected);
    assert_int_equal(engaged, unshared * MINUTE);
}

/* a is engaged from :00 to :10, b from :05 to :15, c from :08 to :12; bob while d is, which is
 * nothing to ada. */
static void sessions_of_one_member_overlap_and_those_of_another_do_not(void **state) {
    (void)state;
    static const int a[] = {0, 5, 10}, b[] = {5, 15}, c[] = {8, 12}, d[] = {40, 41};
    tally_key *bob = fixture_seeded_key(2);
    fixture_admit(f, bob, TALLY_ROLE_MEMBER, "bob", "desk");
    append_prompts("a", "/w", a, 3);
    append_prompts("b", "/w", b, 2);
    append_prompts("c", "/w", c, 2);
    append_prompts("d", "/w", d, 2);
    OK(store_write(f->ledger, 0, write_bob, bob, &f->err));
    tally_key_free(bob);
    assert_overlaps("a", 60, 10, "b=5 c=2 ");
    assert_overlaps("b", 60, 10, "a=5 c=4 ");
    assert_overlaps("c", 60, 4, "b=4 a=2 ");
    assert_overlaps("d", 60, 1, "");
    assert_overlaps("bobs", 60, 1, "");
    assert_overlaps("a", 7, 7, "b=2 ");
}

static void append_rule(const char *rule, const char *client, const char *path) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text(rule));
    tally_put_str(f->writer, "client", text(client));
    tally_put_str_opt(f->writer, "path", text(path));
    (void)fixture_append(f, "rule.set");
}

static void append_cost(const char *key, const char *session) {
    cost_body cost = {.agent = "codex",
                      .key = key,
                      .session = session,
                      .model = "alpha",
                      .time = (uint64_t)TEN,
                      .input = 3};
    put_cost(f->writer, &cost);
    (void)fixture_append(f, "cost");
}

static int list_conflict(void *ctx, const tally_conflict *conflict) {
    overlaps *o = ctx;
    o->at += (size_t)snprintf(o->text + o->at, sizeof o->text - o->at, "%.*s+%.*s=%llu ",
                              (int)conflict->rule.len, conflict->rule.ptr, (int)conflict->other.len,
                              conflict->other.ptr, (unsigned long long)conflict->sessions);
    return 0;
}

/* a and b lie in /x/acme, where two rules rank alike and a third one below. */
static void gaps_count_what_belongs_to_nobody_and_name_the_rules_that_disagree(void **state) {
    (void)state;
    static const int once[] = {0};
    overlaps o = {.at = 0};
    tally_gaps gaps;
    append_prompts("a", "/x/acme", once, 1);
    append_prompts("b", "/x/acme", once, 1);
    append_prompts("c", "/y", once, 1);
    append_prompts("d", "/z", once, 1);
    append_rule("one", "acme", "/x/acme");
    append_rule("two", "fin", "x/acme/"); /* one byte shorter: it ranks lower */
    append_rule("three", "fin", "/x/acme");
    append_rule("y", "acme", "/y");
    OK(tally_read_begin(f->ledger, &o.txn, &f->err));
    OK(tally_gaps_count(o.txn, &gaps, list_conflict, &o, &f->err));
    tally_read_end(o.txn);
    assert_int_equal(gaps.sessions, 4);
    assert_int_equal(gaps.unattributed, 3);
    assert_int_equal(gaps.conflicting, 2);
    assert_string_equal(o.text, "one+three=2 ");
}

/* Two costs of 3 tokens at 1,000,000 pico-units each, in a session that rules disagree on. */
static void a_report_says_how_much_hangs_on_a_conflict(void **state) {
    (void)state;
    static const tally_report_key key = TALLY_BY_CLIENT;
    static const int once[] = {0};
    tally_filter all = {.has_period = false};
    tally_txn *txn;
    tally_zone *utc;
    tally_report *report;
    append_prompts("a", "/x", once, 1);
    append_prompts("b", "/y", once, 1);
    put_price(f->writer, "alpha", NULL, "USD", 1000000, 0);
    (void)fixture_append(f, "price.set");
    append_cost("k1", "a");
    append_cost("k2", "a");
    append_cost("k3", "b");
    append_rule("one", "acme", "/x");
    append_rule("two", "fin", "/x");
    OK(tally_zone_utc(&utc, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_report_run(txn, &all, &key, 1, utc, &report, &f->err));
    assert_int_equal(tally_report_conflict_count(report), 1);
    const tally_conflict *conflict = tally_report_conflict_at(report, 0);
    assert_true(tally_span_is(conflict->rule, "one") && tally_span_is(conflict->other, "two"));
    assert_int_equal(conflict->sessions, 1);
    assert_int_equal(conflict->requests, 2);
    assert_true(conflict->pico == 6000000);
    tally_report_free(report);
    tally_read_end(txn);
    tally_zone_free(utc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(sessions_of_one_member_overlap_and_those_of_another_do_not),
        LEDGER(gaps_count_what_belongs_to_nobody_and_name_the_rules_that_disagree),
        LEDGER(a_report_says_how_much_hangs_on_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
