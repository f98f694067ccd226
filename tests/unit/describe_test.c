/* Descriptions: which words are the line, what says nothing, and what becomes of commits. */
#include "ledger_case.h"

#include <tally/blob.h>
#include <tally/describe.h>

#define MARCH_4_MS INT64_C(1772582400000) /* 2026-03-04T00:00:00Z */

static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {1};

static int write_words(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_describe_append(txn, ctx, err);
}

static int say(tally_words_from from, const char *words) {
    tally_describe describe = {.agent = text("claude-code"),
                               .session = text("s1"),
                               .from = from,
                               .text = text(words),
                               .salt = salt};
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, write_words, &describe, &f->err);
}

typedef struct titling {
    const char *title, *from;
} titling;

static int write_session(void *ctx, tally_txn *txn, tally_error *err) {
    static tally_hash id;
    const titling *t = ctx;
    int rc = t->title ? tally_blob_put(txn, salt, text(t->title), &id, err) : 0;
    put_session(f->writer, "claude-code", "s1", "/home/ada/shop/", "main");
    if (t->title) {
        tally_put_bin(f->writer, "title", tally_span_of(id.b, sizeof id.b));
        tally_put_str(f->writer, "title_from", text(t->from));
    }
    return rc == 0 ? tally_append(txn, "session", f->writer, NULL, err) : rc;
}

static void name_session(const char *title, const char *from) {
    titling t = {title, from};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, write_session, &t, &f->err));
}

static void assert_line(const char *words, tally_words_from from, bool vague) {
    tally_txn *txn;
    tally_description line;
    char room[TALLY_WORDS_SPARE_BYTES];
    uint64_t ref = tally_session_ref(text("claude-code"), text("s1"));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    tally_describe_session(txn, ref, NULL, room, &line);
    if (!tally_span_is(line.text, words))
        fail_msg("'%.*s' is not '%s'", (int)line.text.len, (const char *)line.text.ptr, words);
    assert_int_equal(line.from, from);
    assert_int_equal(line.vague, vague);
    tally_read_end(txn);
}

static void prompt_at(int64_t ms) {
    uint8_t human[10] = {0x91, 0xcf};
    tally_put_be64(human + 2, (uint64_t)ms);
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("claude-code"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_raw(f->writer, "human", tally_span_of(human, sizeof human));
    (void)fixture_append(f, "activity");
}

static void each_source_gives_way_to_the_one_before_it(void **state) {
    (void)state;
    name_session(NULL, NULL);
    assert_line("claude-code in shop", TALLY_WORDS_NONE, true);
    prompt_at(MARCH_4_MS + 1);
    assert_line("claude-code in shop, 2026-03-04", TALLY_WORDS_NONE, true);
    name_session("Please make the cart survive.", "prompt");
    assert_line("Please make the cart survive.", TALLY_WORDS_PROMPT, false);
    name_session("Cart survival", "summary");
    assert_line("Cart survival", TALLY_WORDS_TITLE, false);
    OK(say(TALLY_WORDS_COMMITS, "Keep the cart; Say why"));
    assert_line("Keep the cart; Say why", TALLY_WORDS_COMMITS, false);
    OK(say(TALLY_WORDS_COMMAND, "The cart survives a failed payment"));
    assert_line("The cart survives a failed payment", TALLY_WORDS_COMMAND, false);
    OK(say(TALLY_WORDS_PERSON, "work"));
    assert_line("work", TALLY_WORDS_PERSON, true);
    OK(say(TALLY_WORDS_PERSON, "Checkout"));
    assert_line("Checkout", TALLY_WORDS_PERSON, false);
    OK(say(TALLY_WORDS_PERSON, ""));
    assert_line("The cart survives a failed payment", TALLY_WORDS_COMMAND, false);
    OK(say(TALLY_WORDS_COMMAND, ""));
    assert_line("Keep the cart; Say why", TALLY_WORDS_COMMITS, false);
    fixture_verify_clean(f);
}

static int redact(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_blob_redact(txn, ctx, text(""), err);
}

static void redacted_words_fall_to_the_next_source_and_stay_away(void **state) {
    tally_txn *txn;
    tally_description line;
    tally_hash blob;
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    (void)state;
    name_session("Cart survival", "agent");
    OK(say(TALLY_WORDS_COMMITS, "Names a person"));
    tally_put_be64(target, tally_session_ref(text("claude-code"), text("s1")));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_true(tally_words_get(txn, target, TALLY_WORDS_COMMITS, &line));
    memcpy(blob.b, line.blob, sizeof blob.b);
    tally_read_end(txn);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, redact, &blob, &f->err));
    assert_line("Cart survival", TALLY_WORDS_TITLE, false);
    assert_int_equal(say(TALLY_WORDS_COMMITS, "Names a person"), TALLY_EREFUSED);
    assert_line("Cart survival", TALLY_WORDS_TITLE, false);
}

static void the_same_words_are_not_recorded_twice(void **state) {
    (void)state;
    name_session(NULL, NULL);
    OK(say(TALLY_WORDS_COMMITS, "Keep the cart"));
    uint64_t size = fixture_size(f);
    assert_int_equal(say(TALLY_WORDS_COMMITS, "Keep the cart"), TALLY_EEXIST);
    assert_int_equal(say(TALLY_WORDS_PERSON, ""), TALLY_EEXIST);
    assert_int_equal(say(TALLY_WORDS_PERSON, "two\nlines"), TALLY_EINVAL);
    assert_int_equal(say(TALLY_WORDS_PERSON, "\xff"), TALLY_EINVAL);
    assert_int_equal(fixture_size(f), size);
}

static void what_a_client_cannot_use_is_vague(void **state) {
    static const char *const vague[] = {"",
                                        "consulting",
                                        "Work",
                                        "misc.",
                                        "fix",
                                        "WIP",
                                        "wip; fix",
                                        "Claude Code, 47 min",
                                        "fix bug #12",
                                        "Update",
                                        "various small fixes",
                                        "2 h",
                                        "...",
                                        "ok",
                                        "AI agent work, 1.5 hours"};
    static const char *const fine[] = {
        "Fix the login",          "Kick-off call", "cart",
        "Eval failure diagnosis", "\xe4\xbf\xae", /* a word in Chinese */
        "update Stripe webhooks"};
    (void)state;
    for (size_t i = 0; i < sizeof vague / sizeof *vague; i++)
        if (!tally_words_vague(text(vague[i]))) fail_msg("'%s' is not vague", vague[i]);
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (tally_words_vague(text(fine[i]))) fail_msg("'%s' is vague", fine[i]);
}

/* ---- commits ---- */

static void assert_commits(const char *log, size_t len, int64_t start_s, int64_t end_s,
                           const char *words) {
    char out[TALLY_WORDS_MAX_BYTES];
    size_t n = tally_commit_words(tally_span_of((const uint8_t *)log, len), text("ada@example.com"),
                                  start_s * 1000, end_s * 1000, out);
    if (n != strlen(words) || memcmp(out, words, n) != 0)
        fail_msg("'%.*s' is not '%s'", (int)n, out, words);
}

static void commits_of_the_window_and_author_are_joined_oldest_first(void **state) {
    static const char log[] = "1500\nada@example.com\nToo late\0"
                              "1400\nAda@Example.com\nThird\0"
                              "1300\nbob@example.com\nOf somebody else\0"
                              "1200\nada@example.com\nfixup! First\0"
                              "1100\nada@example.com\nFirst\0"
                              "1050\nada@example.com\nSecond\0"
                              "1000\nada@example.com\nFirst\0"
                              "999\nada@example.com\nToo early\0"
                              "1200\nada@example.com\nCut o";
    (void)state;
    assert_commits(log, sizeof log - 1, 1000, 1400, "Second; First; Third");
    assert_commits(log, sizeof log - 1, 2000, 3000, "");
    assert_commits(log, 0, 0, 3000, "");
}

static void subjects_become_one_line_of_utf8(void **state) {
    static const char log[] = "1000\nada@example.com\n \x1b[31mred\x07 \xfc"
                              "ber \xe2\x82\0"
                              "nonsense\nada@example.com\nno time\0"
                              "99999999999999999999\nada@example.com\nno time\0"
                              "1000\nada@example.com\n  \t \0";
    (void)state;
    assert_commits(log, sizeof log - 1, 1000, 1000,
                   "[31mred  \xef\xbf\xbd"
                   "ber \xef\xbf\xbd\xef\xbf\xbd");
}

static void many_commits_are_bounded_and_counted(void **state) {
    enum { COMMITS = 10000, ROOM = 64 };
    char *log = malloc(COMMITS * (size_t)ROOM), *at = log, out[TALLY_WORDS_MAX_BYTES];
    (void)state;
    assert_non_null(log);
    for (int i = COMMITS; i > 0; i--) {
        at += snprintf(at, ROOM, "%d\nada@example.com\nChange number %05d", 1000000 + i, i);
        *at++ = '\0';
    }
    size_t n = tally_commit_words(tally_span_of((uint8_t *)log, (size_t)(at - log)),
                                  text("ada@example.com"), 0, INT64_MAX, out);
    free(log);
    /* 19 bytes and 2 between them: 46 of them leave the 40 bytes for the count. */
    assert_true(n <= TALLY_WORDS_MAX_BYTES);
    assert_memory_equal(out, "Change number 00001; Change number 00002; ", 42);
    static const char end[] = "Change number 00045; Change number 00046; and 9954 more";
    assert_true(n > sizeof end);
    assert_memory_equal(out + n - (sizeof end - 1), end, sizeof end - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(each_source_gives_way_to_the_one_before_it),
        LEDGER(redacted_words_fall_to_the_next_source_and_stay_away),
        LEDGER(the_same_words_are_not_recorded_twice),
        cmocka_unit_test(what_a_client_cannot_use_is_vague),
        cmocka_unit_test(commits_of_the_window_and_author_are_joined_oldest_first),
        cmocka_unit_test(subjects_become_one_line_of_utf8),
        cmocka_unit_test(many_commits_are_bounded_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
