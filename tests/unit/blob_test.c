/* Blobs that travel and blobs that go: what is wanted, what is taken in, and what a redaction takes
 * away on every node, in whatever order it all arrives. */
#include "team_fixture.h"

#include <tally/blob.h>

#define WANTED_MAX 8u

static fixture *f;         /* ada, who made the team */
static fixture bob, carol; /* who joined it */

static const tally_device_id *id_of(const fixture *who) {
    return tally_key_device(who->key);
}

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(f, carol.key, TALLY_ROLE_MEMBER, "carol", "tower");
    team_pass_all(f, &bob, id_of(f));
    team_pass_all(f, &carol, id_of(f));
    return rc;
}

static int teardown(void **state) {
    fixture_close(&bob);
    fixture_close(&carol);
    return fixture_teardown(state);
}

/* ---- writing ---- */

/* A blob as it travels: its salt is sixteen times the same byte. */
typedef struct salted {
    uint8_t bytes[TALLY_BLOB_SALT_BYTES + 64];
    tally_span whole;
    tally_hash id;
} salted;

static void salt(salted *s, uint8_t byte, const char *content) {
    size_t len = strlen(content);
    assert_true(len <= sizeof s->bytes - TALLY_BLOB_SALT_BYTES);
    memset(s->bytes, byte, TALLY_BLOB_SALT_BYTES);
    memcpy(s->bytes + TALLY_BLOB_SALT_BYTES, content, len);
    s->whole = tally_span_of(s->bytes, TALLY_BLOB_SALT_BYTES + len);
    tally_sha256(s->whole, &s->id);
}

/* A session record with a title; `content` NULL: the blob itself is not put. */
typedef struct titled {
    fixture *at;
    const char *session, *content;
    tally_hash blob;
} titled;

static int write_titled(void *ctx, tally_txn *txn, tally_error *err) {
    titled *t = ctx;
    uint8_t salt_bytes[TALLY_BLOB_SALT_BYTES];
    memset(salt_bytes, 7, sizeof salt_bytes);
    int rc = t->content ? tally_blob_put(txn, salt_bytes, text(t->content), &t->blob, err) : 0;
    if (rc != 0) return rc;
    put_session(t->at->writer, "claude-code", t->session, "/w", "main");
    tally_put_bin(t->at->writer, "title", tally_span_of(t->blob.b, sizeof t->blob.b));
    tally_put_str(t->at->writer, "title_from", text("custom"));
    return tally_append(txn, "session", t->at->writer, NULL, err);
}

static tally_hash title_put(fixture *at, const char *session, const char *content) {
    titled t = {at, session, content, {{0}}};
    OK(tally_ledger_write(at->ledger, FIXTURE_NOW_MS, write_titled, &t, &f->err));
    return t.blob;
}

static void title_refer(fixture *at, const char *session, const tally_hash *blob) {
    titled t = {at, session, NULL, *blob};
    OK(tally_ledger_write(at->ledger, FIXTURE_NOW_MS, write_titled, &t, &f->err));
}

typedef struct taking {
    const tally_hash *id;
    tally_span bytes;
} taking;

static int write_take(void *ctx, tally_txn *txn, tally_error *err) {
    const taking *t = ctx;
    return tally_blob_take(txn, t->id, t->bytes, err);
}

static int take(fixture *at, const tally_hash *id, tally_span bytes) {
    taking t = {id, bytes};
    return tally_ledger_write(at->ledger, FIXTURE_NOW_MS, write_take, &t, &at->err);
}

typedef struct redacting {
    const tally_hash *id;
    const char *reason;
} redacting;

static int write_redact(void *ctx, tally_txn *txn, tally_error *err) {
    const redacting *r = ctx;
    return tally_blob_redact(txn, r->id, text(r->reason), err);
}

static int redact(fixture *at, const tally_hash *id, const char *reason) {
    redacting r = {id, reason};
    return tally_ledger_write(at->ledger, FIXTURE_NOW_MS, write_redact, &r, &at->err);
}

/* A `redact` record as any other program may write it, whatever it names. */
static void redact_raw(fixture *at, const tally_hash *id) {
    tally_writer_begin(at->writer);
    tally_put_bin(at->writer, "blob", tally_span_of(id->b, sizeof id->b));
    (void)fixture_append(at, "redact");
}

/* ---- looking ---- */

typedef struct wanted {
    size_t count;
    tally_hash ids[WANTED_MAX];
} wanted;

static wanted wanted_at(fixture *at) {
    tally_txn *txn;
    wanted w;
    OK(tally_read_begin(at->ledger, &txn, &f->err));
    OK(tally_blob_wanted(txn, NULL, w.ids, WANTED_MAX, &w.count, &f->err));
    tally_read_end(txn);
    return w;
}

static bool has_blob(fixture *at, const tally_hash *id) {
    tally_txn *txn;
    tally_span bytes, content;
    OK(tally_read_begin(at->ledger, &txn, &f->err));
    int stored = tally_blob_stored(txn, id, &bytes), got = tally_blob_get(txn, id->b, &content);
    assert_int_equal(stored, got);
    assert_true(stored == 0 || stored == TALLY_ENOTFOUND);
    tally_read_end(txn);
    return stored == 0;
}

static bool is_redacted(fixture *at, const tally_hash *id) {
    tally_txn *txn;
    OK(tally_read_begin(at->ledger, &txn, &f->err));
    bool redacted = tally_blob_redacted(txn, id);
    tally_read_end(txn);
    return redacted;
}

/* As sync does: what is stored there is offered here. */
static int blob_pass(fixture *from, fixture *to, const tally_hash *id) {
    static uint8_t copy[4096];
    tally_txn *txn;
    tally_span stored;
    OK(tally_read_begin(from->ledger, &txn, &f->err));
    OK(tally_blob_stored(txn, id, &stored));
    assert_true(stored.len <= sizeof copy);
    memcpy(copy, stored.ptr, stored.len);
    tally_read_end(txn);
    return take(to, id, tally_span_of(copy, stored.len));
}

static void assert_equal_views(fixture *a, fixture *b) {
    tally_hash at_a = fixture_digest(a), at_b = fixture_digest(b);
    assert_true(tally_hash_eq(&at_a, &at_b));
}

/* ---- taking in ---- */

static void a_blob_is_wanted_from_the_record_that_refers_to_it_until_it_is_here(void **state) {
    (void)state;
    tally_hash id = title_put(f, "s1", "Invoice page");
    assert_int_equal(wanted_at(f).count, 0);
    team_pass_all(f, &bob, id_of(f));
    wanted w = wanted_at(&bob);
    assert_int_equal(w.count, 1);
    assert_true(tally_hash_eq(&w.ids[0], &id));
    OK(blob_pass(f, &bob, &id));
    assert_int_equal(wanted_at(&bob).count, 0);
    assert_true(has_blob(&bob, &id));
    assert_int_equal(blob_pass(f, &bob, &id), TALLY_EEXIST);
    fixture_verify_clean(&bob);
    OK(tally_rebuild(bob.ledger, FIXTURE_NOW_MS, &f->err));
    assert_int_equal(wanted_at(&bob).count, 0);
}

static void what_is_wanted_is_listed_in_order_and_in_parts(void **state) {
    (void)state;
    tally_hash ids[] = {{{3}}, {{1}}, {{2}}};
    for (size_t i = 0; i < 3; i++)
        title_refer(f, "s1", &ids[i]); /* titles that were replaced count too */
    for (int pass = 0; pass < 2; pass++) {
        tally_txn *txn;
        tally_hash out[2];
        size_t count;
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        OK(tally_blob_wanted(txn, NULL, out, 2, &count, &f->err));
        assert_int_equal(count, 2);
        assert_int_equal(out[0].b[0], 1);
        assert_int_equal(out[1].b[0], 2);
        OK(tally_blob_wanted(txn, &out[1], out, 2, &count, &f->err));
        assert_int_equal(count, 1);
        assert_int_equal(out[0].b[0], 3);
        tally_hash between = {{1, 1}};
        OK(tally_blob_wanted(txn, &between, out, 2, &count, &f->err));
        assert_int_equal(count, 2);
        assert_int_equal(out[0].b[0], 2);
        OK(tally_blob_wanted(txn, &ids[0], out, 2, &count, &f->err));
        assert_int_equal(count, 0);
        tally_read_end(txn);
        OK(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err));
    }
}

static void what_nobody_refers_to_or_is_not_what_it_says_is_refused(void **state) {
    (void)state;
    static uint8_t large[TALLY_BLOB_STORED_MAX_BYTES + 1];
    salted good, other;
    salt(&good, 1, "title");
    salt(&other, 2, "title");
    assert_int_equal(take(f, &good.id, good.whole), TALLY_EREFUSED);
    title_refer(f, "s1", &good.id);
    assert_int_equal(take(f, &other.id, other.whole), TALLY_EREFUSED);
    assert_int_equal(take(f, &good.id, other.whole), TALLY_EFORMAT);
    assert_int_equal(take(f, &good.id, tally_span_of(good.bytes, good.whole.len - 1)),
                     TALLY_EFORMAT);
    assert_int_equal(take(f, &good.id, tally_span_of(NULL, 0)), TALLY_EFORMAT);
    assert_int_equal(take(f, &good.id, tally_span_of(large, sizeof large)), TALLY_ELIMIT);
    assert_int_equal(wanted_at(f).count, 1);
    OK(take(f, &good.id, good.whole));
    assert_true(has_blob(f, &good.id));
}

static void bytes_too_few_for_a_salt_are_no_blob_even_with_their_hash(void **state) {
    (void)state;
    uint8_t few[TALLY_BLOB_SALT_BYTES - 1] = {0};
    tally_hash id;
    tally_sha256(tally_span_of(few, sizeof few), &id);
    title_refer(f, "s1", &id);
    assert_int_equal(take(f, &id, tally_span_of(few, sizeof few)), TALLY_EFORMAT);
    salted empty;
    salt(&empty, 1, ""); /* an empty text is one */
    title_refer(f, "s1", &empty.id);
    OK(take(f, &empty.id, empty.whole));
}

static void the_largest_blob_fits_and_is_handed_on_whole(void **state) {
    (void)state;
    static uint8_t large[TALLY_BLOB_STORED_MAX_BYTES];
    tally_hash id;
    tally_txn *txn;
    tally_span stored;
    memset(large, 9, sizeof large);
    tally_sha256(tally_span_of(large, sizeof large), &id);
    title_refer(f, "s1", &id);
    OK(take(f, &id, tally_span_of(large, sizeof large)));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_blob_stored(txn, &id, &stored));
    assert_int_equal(stored.len, sizeof large);
    assert_memory_equal(stored.ptr, large, sizeof large);
    tally_read_end(txn);
}

/* ---- redaction ---- */

static void a_redaction_takes_the_blob_from_every_node_and_leaves_the_proofs(void **state) {
    (void)state;
    tally_hash id = title_put(f, "s1", "Merger with Initech");
    salted travelling;
    salt(&travelling, 7, "Merger with Initech");
    assert_true(tally_hash_eq(&travelling.id, &id));
    team_pass_all(f, &bob, id_of(f));
    OK(blob_pass(f, &bob, &id));
    OK(redact(&bob, &id, "names a client")); /* any member may */
    assert_false(has_blob(&bob, &id));
    team_pass_all(&bob, f, id_of(&bob));
    fixture *both[] = {f, &bob};
    for (size_t i = 0; i < 2; i++) {
        tally_hash before = fixture_digest(both[i]);
        assert_false(has_blob(both[i], &id));
        assert_true(is_redacted(both[i], &id));
        assert_int_equal(wanted_at(both[i]).count, 0);
        assert_int_equal(take(both[i], &id, travelling.whole), TALLY_EREFUSED);
        fixture_verify_clean(both[i]);
        OK(tally_rebuild(both[i]->ledger, FIXTURE_NOW_MS, &f->err));
        tally_hash after = fixture_digest(both[i]);
        assert_true(tally_hash_eq(&before, &after));
        assert_int_equal(wanted_at(both[i]).count, 0);
    }
    assert_equal_views(f, &bob);
    title_refer(f, "s2", &id); /* a new reference does not bring it back */
    assert_int_equal(wanted_at(f).count, 0);
}

/* Ada and carol refer to one blob, bob redacts it: six orders of arrival at a fourth device. */
static void the_order_of_reference_and_redaction_makes_no_difference(void **state) {
    (void)state;
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    salted blob;
    salt(&blob, 5, "Secret");
    fixture *sources[] = {f, &bob, &carol}, dave[6];
    tally_key *key = fixture_seeded_key(4);
    fixture_admit(f, key, TALLY_ROLE_MEMBER, "dave", "van");
    tally_key_free(key);
    uint64_t before = fixture_size(f);
    title_refer(f, "s1", &blob.id);
    redact_raw(&bob, &blob.id);
    title_refer(&carol, "s2", &blob.id);
    for (size_t i = 0; i < 6; i++) {
        team_join(&dave[i], f, 4);
        while (team_stored(&dave[i], id_of(f)) < before)
            OK(team_pass(f, &dave[i], id_of(f)));
        for (size_t k = 0; k < 3; k++) {
            fixture *source = sources[orders[i][k]];
            team_pass_all(source, &dave[i], id_of(source));
            if (wanted_at(&dave[i]).count > 0 && orders[i][k] == 0)
                OK(take(&dave[i], &blob.id, blob.whole)); /* it may have come in between */
        }
        assert_int_equal(wanted_at(&dave[i]).count, 0);
        assert_false(has_blob(&dave[i], &blob.id));
        assert_int_equal(take(&dave[i], &blob.id, blob.whole), TALLY_EREFUSED);
        assert_equal_views(&dave[i], &dave[0]);
    }
    for (size_t i = 0; i < 6; i++)
        fixture_close(&dave[i]);
}

static void a_redaction_that_does_not_count_takes_nothing_away(void **state) {
    (void)state;
    fixture eve;
    team_join(&eve, f, 5);
    fixture_admit(f, eve.key, TALLY_ROLE_AUDITOR, "eve", "office");
    tally_hash id = title_put(f, "s1", "Mine");
    redact_raw(&eve, &id);
    team_pass_all(&eve, f, id_of(&eve));
    assert_true(has_blob(f, &id));
    assert_false(is_redacted(f, &id));
    team_pass_all(f, &eve, id_of(f));
    uint64_t size = fixture_size(&eve);
    assert_int_equal(redact(&eve, &id, ""), TALLY_EREFUSED); /* and says so to who asks */
    assert_int_equal(fixture_size(&eve), size);
    fixture_close(&eve);
}

static void malformed_redactions_have_no_effect(void **state) {
    (void)state;
    tally_hash id = title_put(f, "s1", "Mine");
    tally_hash before = fixture_digest(f);
    tally_writer_begin(f->writer);
    (void)fixture_append(f, "redact");
    tally_put_bin(f->writer, "blob", tally_span_of(id.b, sizeof id.b - 1));
    (void)fixture_append(f, "redact");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "blob", text("0123456789abcdef0123456789abcdef"));
    (void)fixture_append(f, "redact");
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    assert_true(has_blob(f, &id));
}

static void what_is_unknown_or_gone_already_cannot_be_redacted(void **state) {
    (void)state;
    tally_hash unknown = {{1}}, id = title_put(f, "s1", "Mine");
    char reason[TALLY_REDACT_REASON_MAX_BYTES + 2];
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    uint64_t size = fixture_size(f);
    assert_int_equal(redact(f, &unknown, ""), TALLY_ENOTFOUND);
    assert_int_equal(redact(f, &id, reason), TALLY_ELIMIT);
    assert_int_equal(redact(f, &id, "\xff"), TALLY_EINVAL);
    assert_int_equal(fixture_size(f), size);
    assert_true(has_blob(f, &id));
    OK(redact(f, &id, reason + 1));
    assert_int_equal(redact(f, &id, ""), TALLY_EEXIST);
    assert_int_equal(fixture_size(f), size + 1);
    title_refer(f, "s2", &unknown); /* wanted is enough: it need not be here */
    OK(redact(f, &unknown, ""));
    assert_int_equal(wanted_at(f).count, 0);
}

static int write_revoke(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t secret[TALLY_TEAM_SECRET_BYTES] = {1};
    return tally_team_device_revoke(txn, ctx, secret, err);
}

/* Bob is revoked while his reference and his redaction are still on their way. */
static void what_counts_no_more_wants_and_redacts_no_more(void **state) {
    (void)state;
    tally_hash mine = title_put(f, "s1", "Mine"), his = {{9}};
    tally_device_id who = *id_of(&bob);
    title_refer(&bob, "s2", &his);
    redact_raw(&bob, &mine);
    team_pass_all(f, &carol, id_of(f));
    team_pass_all(&bob, &carol, id_of(&bob)); /* carol hears bob first */
    assert_int_equal(wanted_at(&carol).count, 1);
    assert_true(is_redacted(&carol, &mine));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, write_revoke, &who, &f->err));
    team_pass_all(f, &carol, id_of(f));
    team_pass_all(&bob, f, id_of(&bob)); /* ada hears him after she revoked him */
    assert_false(is_redacted(&carol, &mine));
    wanted w = wanted_at(&carol);
    assert_int_equal(w.count, 1); /* ada's title, once more; bob's no more */
    assert_true(tally_hash_eq(&w.ids[0], &mine));
    OK(blob_pass(f, &carol, &mine));
    assert_equal_views(f, &carol);
    assert_true(has_blob(f, &mine));
}

/* ---- what capture asks ---- */

typedef struct question {
    const char *content;
    tally_hash id;
    bool content_known, id_known;
} question;

static int write_question(void *ctx, tally_txn *txn, tally_error *err) {
    question *q = ctx;
    (void)err;
    q->content_known = tally_blob_content_redacted(txn, text(q->content));
    q->id_known = tally_blob_redacted_here(txn, &q->id);
    return 0;
}

static question ask(fixture *at, const char *content, const tally_hash *id) {
    question q = {.content = content, .id = *id};
    OK(tally_ledger_write(at->ledger, FIXTURE_NOW_MS, write_question, &q, &f->err));
    return q;
}

static void a_redacted_text_is_known_again_where_it_was_held(void **state) {
    (void)state;
    tally_hash id = title_put(f, "s1", "Secret");
    assert_false(ask(f, "Secret", &id).content_known);
    OK(redact(f, &id, ""));
    OK(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err));
    question q = ask(f, "Secret", &id);
    assert_true(q.content_known && q.id_known);
    assert_false(ask(f, "secret", &id).content_known);
    team_pass_all(f, &bob, id_of(f)); /* bob never had it */
    q = ask(&bob, "Secret", &id);
    assert_false(q.content_known || q.id_known);
    assert_true(is_redacted(&bob, &id));
}

typedef struct titles {
    size_t count;
    tally_hash ids[WANTED_MAX];
} titles;

static int note_title(void *ctx, const tally_hash *blob, tally_error *err) {
    titles *t = ctx;
    (void)err;
    assert_true(t->count < WANTED_MAX);
    t->ids[t->count++] = *blob;
    return 0;
}

static void every_title_of_a_session_is_found_whoever_gave_it(void **state) {
    (void)state;
    tally_txn *txn;
    titles t = {0};
    tally_hash first = title_put(f, "s1", "one"), second = {{2}}, other = {{3}};
    title_refer(&bob, "s1", &second);
    title_refer(f, "s2", &other);
    put_session(f->writer, "claude-code", "s1", "/w", "main"); /* now without a title */
    (void)fixture_append(f, "session");
    team_pass_all(&bob, f, id_of(&bob));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_session_titles(txn, tally_session_ref(text("claude-code"), text("s1")), note_title, &t,
                            &f->err));
    tally_read_end(txn);
    assert_int_equal(t.count, 2);
    assert_true(tally_hash_eq(&t.ids[0], &first));
    assert_true(tally_hash_eq(&t.ids[1], &second));
}

/* ---- checking ---- */

static int damage(void *ctx, tally_txn *txn, tally_error *err) {
    const tally_hash *id = ctx;
    return store_put(txn, TABLE_BLOBS, tally_span_of(id->b, sizeof id->b),
                     text("0123456789abcdef and another text"), 0, err);
}

static int keep_sentence(void *ctx, const char *sentence) {
    (void)snprintf(ctx, 512, "%s", sentence);
    return 0;
}

static void a_missing_blob_is_no_finding_and_a_wrong_one_is(void **state) {
    (void)state;
    char sentence[512], hex[2 * TALLY_HASH_BYTES + 1];
    tally_hash missing = {{1}};
    title_refer(f, "s1", &missing);
    fixture_verify_clean(f);
    tally_hash id = title_put(f, "s2", "Mine");
    OK(store_write(f->ledger, 0, damage, &id, &f->err));
    tally_check check = {.found = keep_sentence, .ctx = sentence};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(check.findings, 1);
    tally_hex(tally_span_of(id.b, sizeof id.b), hex);
    assert_non_null(strstr(sentence, hex));
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(a_blob_is_wanted_from_the_record_that_refers_to_it_until_it_is_here),
        TEAM(what_is_wanted_is_listed_in_order_and_in_parts),
        TEAM(what_nobody_refers_to_or_is_not_what_it_says_is_refused),
        TEAM(bytes_too_few_for_a_salt_are_no_blob_even_with_their_hash),
        TEAM(the_largest_blob_fits_and_is_handed_on_whole),
        TEAM(a_redaction_takes_the_blob_from_every_node_and_leaves_the_proofs),
        TEAM(the_order_of_reference_and_redaction_makes_no_difference),
        TEAM(a_redaction_that_does_not_count_takes_nothing_away),
        TEAM(malformed_redactions_have_no_effect),
        TEAM(what_is_unknown_or_gone_already_cannot_be_redacted),
        TEAM(what_counts_no_more_wants_and_redacts_no_more),
        TEAM(a_redacted_text_is_known_again_where_it_was_held),
        TEAM(every_title_of_a_session_is_found_whoever_gave_it),
        TEAM(a_missing_blob_is_no_finding_and_a_wrong_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
