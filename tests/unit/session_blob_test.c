/* Sessions that carry blobs: asked for, cut into pieces, and found again where they come late. */
#include "session_rogue.h"

/* A session whose title is `content`: the record, and the blob if it is to be here. */
typedef struct titled {
    fixture *f;
    const char *session;
    tally_span content;

    tally_hash id;
} titled;

static int put_titled(void *ctx, tally_txn *txn, tally_error *err) {
    titled *t = ctx;
    uint8_t salt[TALLY_BLOB_SALT_BYTES] = {0};
    memcpy(salt, t->session, strlen(t->session));
    int rc = tally_blob_put(txn, salt, t->content, &t->id, err);
    if (rc != 0) return rc;
    put_session(t->f->writer, "claude-code", t->session, "/work", NULL);
    tally_put_bin(t->f->writer, "title", tally_span_of(t->id.b, sizeof t->id.b));
    return tally_append(txn, "session", t->f->writer, NULL, err);
}

static tally_hash add_title(fixture *f, const char *session, tally_span content) {
    titled t = {.f = f, .session = session, .content = content};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_titled, &t, &f->err));
    return t.id;
}

/* Whether the blob is here, with this content. */
static bool holds(fixture *f, const tally_hash *id, tally_span content) {
    tally_txn *txn;
    tally_span found;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    bool ok = tally_blob_get(txn, id->b, &found) == 0 && tally_span_eq(found, content);
    tally_read_end(txn);
    return ok;
}

static int drop_blob(void *ctx, tally_txn *txn, tally_error *err) {
    const tally_hash *id = ctx;
    MDB_val key = {sizeof id->b, (void *)(uintptr_t)id->b};
    (void)err;
    return mdb_del(txn->txn, txn->ledger->tables[TABLE_BLOBS], &key, NULL);
}

static void a_blob_follows_the_record_that_refers_to_it(void **state) {
    trio *t = *state;
    tally_hash id = add_title(&t->a, "s1", text("Fix the build"));
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    assert_true(holds(&t->b, &id, text("Fix the build")));
    assert_true(tally_session_in_sync(e->session) && tally_session_in_sync(e->other->session));
    tally_hash later = add_title(&t->a, "s2", text("Ship it"));
    tally_session_wake(e->session, t->n.now);
    net_run(&t->n);
    assert_true(holds(&t->b, &later, text("Ship it")));
}

static void a_large_blob_comes_in_pieces(void **state) {
    trio *t = *state;
    static uint8_t large[10u * 1024u * 1024u]; /* more than a window */
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 2654435761u >> 24);
    tally_hash id = add_title(&t->a, "s1", tally_span_of(large, sizeof large));
    tally_hash small = add_title(&t->a, "s2", text("small"));
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    assert_alive(e);
    assert_true(holds(&t->b, &id, tally_span_of(large, sizeof large)));
    assert_true(holds(&t->b, &small, text("small")));
    assert_true(tally_session_in_sync(e->session));
}

static void many_blobs_are_asked_for_in_turns(void **state) {
    trio *t = *state;
    tally_hash ids[200];
    for (uint32_t i = 0; i < 200; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%u", i);
        ids[i] = add_title(&t->a, name, text(name));
    }
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    for (uint32_t i = 0; i < 200; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%u", i);
        assert_true(holds(&t->b, &ids[i], text(name)));
    }
    assert_true(tally_session_in_sync(e->other->session));
    assert_int_equal(e->other->took, 400); /* a record and a blob each */
}

/* c has the record and not the blob; b asks c in vain, and gets it as soon as c has it. */
static void a_blob_that_comes_late_is_passed_on(void **state) {
    trio *t = *state;
    fixture *f = &t->c;
    tally_hash id = add_title(&t->a, "s1", text("late"));
    end *first = net_connect(&t->n, &t->a, &t->c);
    net_run(&t->n);
    net_drop(first->other);
    net_drop(first);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, drop_blob, &id, &f->err));
    fixture_reopen(&t->c, false, 0);
    OK(tally_rebuild(t->c.ledger, FIXTURE_NOW_MS, &f->err)); /* c wants it again */
    t->n.count = 0;
    end *e = net_connect(&t->n, &t->c, &t->b);
    net_run(&t->n);
    assert_true(tally_session_in_sync(e->session) && tally_session_in_sync(e->other->session));
    assert_false(holds(&t->b, &id, text("late")));
    (void)net_connect(&t->n, &t->a, &t->c);
    net_run(&t->n);
    assert_true(holds(&t->c, &id, text("late")));
    assert_true(holds(&t->b, &id, text("late")));
}

static int redact_one(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_blob_redact(txn, ctx, text("typed by mistake"), err);
}

static void what_was_redacted_is_not_taken_again(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    tally_hash id = add_title(&t->a, "s1", text("a secret"));
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    assert_true(holds(&t->b, &id, text("a secret")));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, redact_one, &id, &f->err));
    tally_session_wake(e->session, t->n.now);
    net_run(&t->n);
    assert_false(holds(&t->b, &id, text("a secret")));
    net_close(&t->n);
    (void)net_connect(&t->n, &t->b, &t->c);
    net_run(&t->n);
    assert_false(holds(&t->c, &id, text("a secret")));
}

/* ---- who gives something else ---- */

static end *asked(trio *t, rogue *r, tally_hash *id) {
    *id = add_title(&t->b, "s1", text("right"));
    end *victim = rogue_call(r, &t->n, &t->a, t->b.key);
    rogue_hello(r, NULL, 0);
    rogue_commit(r, &t->b, tally_key_device(t->b.key), 0);
    rogue_listen(r);
    assert_int_equal(r->heard[TALLY_WIRE_WANT_BLOB], 1);
    return victim;
}

static void another_blob_than_the_one_named_is_refused(void **state) {
    trio *t = *state;
    rogue r;
    tally_wire_blob blob = {.total = 21, .bytes = text("0123456789abcdefwrong")};
    end *victim = asked(t, &r, &blob.id);
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    rogue_say(&r);
    rogue_listen(&r);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    assert_false(holds(&t->a, &blob.id, text("wrong")));
    rogue_close(&r);
}

static void pieces_out_of_order_are_refused(void **state) {
    trio *t = *state;
    rogue r;
    tally_wire_blob blob = {.total = 21, .offset = 1, .bytes = text("0123456789")};
    end *victim = asked(t, &r, &blob.id);
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    rogue_say(&r);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    rogue_close(&r);
}

static void pieces_with_a_gap_between_are_refused(void **state) {
    trio *t = *state;
    rogue r;
    tally_wire_blob blob = {.total = 21, .bytes = text("0123456789")};
    end *victim = asked(t, &r, &blob.id);
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    rogue_say(&r);
    assert_alive(victim);
    blob.offset = 11;
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    rogue_say(&r);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    rogue_close(&r);
}

static void a_blob_waits_for_credit(void **state) {
    trio *t = *state;
    rogue r;
    static uint8_t large[12u * 1024u * 1024u];
    tally_hash id = add_title(&t->a, "s1", tally_span_of(large, sizeof large));
    end *victim = rogue_call(&r, &t->n, &t->a, t->b.key);
    rogue_hello(&r, NULL, 0);
    assert_int_equal(tally_wire_put_want_blob(&r.plain, &id, 1, NULL), 0);
    rogue_say(&r);
    rogue_listen(&r);
    assert_alive(victim);
    assert_true(r.heard_bytes <= TALLY_SESSION_WINDOW_BYTES);
    assert_true(r.heard_bytes > TALLY_SESSION_WINDOW_BYTES - 300000);
    assert_int_equal(tally_wire_put_credit(&r.plain, r.heard_bytes, NULL), 0);
    rogue_say(&r);
    rogue_listen(&r);
    assert_true(r.heard_bytes > sizeof large);
    rogue_close(&r);
}

/* "No" half way, as when it was redacted meanwhile: nothing is kept, and the session goes on. */
static void a_blob_may_be_given_up_half_way(void **state) {
    trio *t = *state;
    rogue r;
    tally_wire_blob blob = {.total = 21, .bytes = text("0123456789")}, no = {0};
    end *victim = asked(t, &r, &blob.id);
    no.id = blob.id;
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    assert_int_equal(tally_wire_put_blob(&r.plain, &no, NULL), 0);
    rogue_say(&r);
    rogue_listen(&r);
    assert_alive(victim);
    assert_false(holds(&t->a, &blob.id, text("right")));
    rogue_close(&r);
}

static void a_blob_that_nobody_asked_for_is_not_kept(void **state) {
    trio *t = *state;
    rogue r;
    tally_wire_blob blob = {.total = 21, .bytes = text("0123456789abcdefwrong")};
    end *victim = rogue_call(&r, &t->n, &t->a, t->b.key);
    tally_sha256(blob.bytes, &blob.id);
    rogue_hello(&r, NULL, 0);
    assert_int_equal(tally_wire_put_blob(&r.plain, &blob, NULL), 0);
    rogue_say(&r);
    rogue_listen(&r);
    assert_alive(victim);
    assert_false(holds(&t->a, &blob.id, text("wrong")));
    assert_int_equal(r.heard[TALLY_WIRE_CREDIT], 1); /* it counted against the window */
    rogue_close(&r);
}

#define T(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_blob_follows_the_record_that_refers_to_it),
        T(a_large_blob_comes_in_pieces),
        T(many_blobs_are_asked_for_in_turns),
        T(a_blob_that_comes_late_is_passed_on),
        T(what_was_redacted_is_not_taken_again),
        T(another_blob_than_the_one_named_is_refused),
        T(pieces_out_of_order_are_refused),
        T(pieces_with_a_gap_between_are_refused),
        T(a_blob_waits_for_credit),
        T(a_blob_may_be_given_up_half_way),
        T(a_blob_that_nobody_asked_for_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
