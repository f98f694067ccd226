/* Taking in commits: what is in order is stored as it came, anything else is refused by name and
 * changes nothing. */
#include "team_fixture.h"

static fixture *f;         /* ada, who made the team */
static fixture bob, carol; /* who joined it */
static commit c;

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    return rc;
}

static int teardown(void **state) {
    fixture_close(&bob);
    fixture_close(&carol);
    return fixture_teardown(state);
}

static const tally_device_id *id_of(const fixture *who) {
    return tally_key_device(who->key);
}

/* Signs what `c` holds as the head that it leads to, as its author would; `before` is the author's
 * own tree up to there. */
static void sign_again(const fixture *author, fixture *before) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_txn *txn;
    tally_range range;
    tally_feed feed;
    uint32_t number;
    tally_range_init(&range);
    OK(tally_read_begin(before->ledger, &txn, &f->err));
    if (tally_feed_find(txn, id_of(author), &number) == 0) {
        OK(tally_feed_get(txn, number, &feed, &f->err));
        assert_int_equal(feed.size, c.from);
        range = feed.range;
    }
    tally_read_end(txn);
    for (size_t i = 0; i < c.count; i++) {
        tally_hash leaf;
        tally_leaf_hash(c.records[i], &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
    }
    c.cp.size = range.size;
    tally_range_root(&range, &c.cp.root);
    tally_origin_format(tally_ledger_team(f->ledger), id_of(author), origin);
    tally_checkpoint_sign(author->key, origin, &c.cp);
}

/* The commit is refused with `code`, and nothing at all has changed. */
static void assert_refused(fixture *at, int code, const char *sentence) {
    tally_hash before = fixture_digest(at);
    uint64_t size = team_stored(at, &c.device);
    int rc = commit_give(at, &c);
    if (rc != code) fail_msg("%d instead of %d: %s", rc, code, at->err.text);
    if (!strstr(at->err.text, sentence)) fail_msg("'%s' is not in: %s", sentence, at->err.text);
    tally_hash after = fixture_digest(at);
    assert_true(tally_hash_eq(&before, &after));
    assert_int_equal(team_stored(at, &c.device), size);
    fixture_verify_clean(at);
}

static void a_commit_arrives_as_it_was_written(void **state) {
    (void)state;
    tally_txn *a, *b;
    uint32_t number;
    fixture_append_costs(f, 0, 600); /* two whole cached subtrees */
    team_pass_all(f, &bob, id_of(f));
    OK(tally_read_begin(f->ledger, &a, &f->err));
    OK(tally_read_begin(bob.ledger, &b, &f->err));
    OK(tally_feed_find(b, id_of(f), &number));
    assert_int_equal(number, 1);
    for (uint64_t i = 0; i < 604; i++) { /* two, device.add and its key, 600 costs */
        tally_span was, is;
        tally_checkpoint had, has;
        OK(tally_record_get(a, 0, i, &was, &f->err));
        OK(tally_record_get(b, number, i, &is, &f->err));
        assert_true(tally_span_eq(was, is));
        OK(tally_checkpoint_get(a, 0, i, &had, &f->err));
        OK(tally_checkpoint_get(b, number, i, &has, &f->err));
        assert_memory_equal(&had, &has, sizeof had);
    }
    tally_read_end(a);
    tally_read_end(b);
    tally_hash at_ada = fixture_digest(f), at_bob = fixture_digest(&bob);
    assert_true(tally_hash_eq(&at_ada, &at_bob));
    fixture_verify_clean(&bob);
}

static void what_is_known_exists_and_what_comes_too_early_is_not_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    fixture_append_costs(f, 3, 3);
    team_pass_all(f, &bob, id_of(f));
    for (uint64_t from = 0; from < 10;) { /* each commit once more */
        assert_true(commit_read(f, id_of(f), from, &c));
        assert_refused(&bob, TALLY_EEXIST, "are here already");
        from = c.cp.size;
    }
    OK(team_pass(f, &carol, id_of(f)));
    assert_true(commit_read(f, id_of(f), 4, &c));
    assert_refused(&carol, TALLY_ENOTFOUND, "records 2 to 3 are missing before record 4");
}

static void a_stranger_is_refused_and_so_is_a_stolen_beginning(void **state) {
    (void)state;
    fixture_append_costs(&carol, 0, 2);
    assert_true(commit_read(&carol, id_of(&carol), 0, &c));
    assert_refused(f, TALLY_EREFUSED, "nobody entitled has added this device");
    /* bob has no record yet and believes nobody but the team's creator */
    assert_refused(&bob, TALLY_EREFUSED, "nobody entitled has added this device");
    assert_true(commit_read(f, id_of(f), 0, &c)); /* ada's own first commit, under carol's name */
    c.device = *id_of(&carol);
    sign_again(&carol, &bob);
    assert_refused(&bob, TALLY_EREFUSED, "nobody entitled has added this device");
}

static int see_creator(void *ctx, const tally_team_device *device) {
    if (!device->creator) return 0;
    assert_memory_equal(device->device.b, id_of(f)->b, sizeof device->device.b);
    ++*(unsigned *)ctx;
    return 0;
}

/* Ada's first record at the head of other members' feeds: it still names ada. */
static void a_copy_of_the_first_record_makes_nobody_the_creator(void **state) {
    (void)state;
    fixture after = {0}; /* whose key sorts after ada's, as bob's sorts before */
    const fixture *const thieves[] = {&bob, &after};
    for (uint8_t seed = 4; !after.key; seed++) {
        after.key = fixture_seeded_key(seed);
        if (memcmp(id_of(&after)->b, id_of(f)->b, TALLY_PUBLIC_KEY_BYTES) > 0) break;
        tally_key_free(after.key);
        after.key = NULL;
    }
    assert_true(memcmp(id_of(&bob)->b, id_of(f)->b, TALLY_PUBLIC_KEY_BYTES) < 0);
    fixture_admit(f, after.key, TALLY_ROLE_MEMBER, "carol", "tower");
    for (size_t i = 0; i < 2; i++) {
        tally_txn *txn;
        unsigned creators = 0;
        assert_true(commit_read(f, id_of(f), 0, &c));
        c.device = *id_of(thieves[i]);
        c.count = 1;
        sign_again(thieves[i], f);
        OK(commit_give(f, &c));
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        assert_int_equal(tally_team_device_each(txn, see_creator, &creators), 0);
        tally_read_end(txn);
        assert_int_equal(creators, 1);
    }
    tally_key_free(after.key);
    fixture_verify_clean(f);
}

static void every_flipped_bit_of_a_commit_is_refused(void **state) {
    (void)state;
    OK(team_pass(f, &carol, id_of(f)));
    assert_true(commit_read(f, id_of(f), 2, &c));
    tally_hash before = fixture_digest(&carol);
    struct {
        uint8_t *at;
        size_t len;
    } parts[] = {{c.bytes, c.used},
                 {c.cp.root.b, sizeof c.cp.root.b},
                 {c.cp.signature, sizeof c.cp.signature}};
    for (size_t p = 0; p < 3; p++)
        for (size_t bit = 0; bit < parts[p].len * 8; bit++) {
            parts[p].at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_equal(commit_give(&carol, &c), TALLY_EFORMAT);
            parts[p].at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    tally_hash after = fixture_digest(&carol);
    assert_true(tally_hash_eq(&before, &after));
    assert_int_equal(team_stored(&carol, id_of(f)), 2);
    OK(commit_give(&carol, &c));
}

static void a_wrong_root_a_wrong_signature_and_a_wrong_size_are_told_apart(void **state) {
    (void)state;
    OK(team_pass(f, &carol, id_of(f)));
    assert_true(commit_read(f, id_of(f), 2, &c));
    tally_checkpoint good = c.cp;
    c.cp.signature[3] ^= 1;
    assert_refused(&carol, TALLY_EFORMAT, "the signature on its checkpoint at size 4");
    c.cp = good;
    c.cp.size++;
    assert_refused(&carol, TALLY_EFORMAT, "2 records from 2 do not make the 5");
    c.cp = good;
    c.cp.root.b[0] ^= 1; /* signed by its device all the same */
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_origin_format(tally_ledger_team(f->ledger), id_of(f), origin);
    tally_checkpoint_sign(f->key, origin, &c.cp);
    assert_refused(&carol, TALLY_EFORMAT, "do not have the root that was signed");
    c.cp = good; /* bob's signature under ada's feed */
    tally_checkpoint_sign(bob.key, origin, &c.cp);
    assert_refused(&carol, TALLY_EFORMAT, "the signature on its checkpoint");
    c.cp = good;
    OK(commit_give(&carol, &c));
}

/* Encodes a record with this clock into `c`. */
static void put_record(tally_hlc hlc, size_t pad) {
    static uint8_t padding[TALLY_RECORD_MAX_BYTES];
    tally_span bytes;
    tally_writer_begin(f->writer);
    if (pad > 0) tally_put_bin(f->writer, "pad", tally_span_of(padding, pad));
    OK(tally_writer_encode(f->writer, "note", hlc, &bytes, &f->err));
    OK(commit_take(&c, 0, bytes, NULL));
}

static void begin_commit(const fixture *author, uint64_t from) {
    c.device = *id_of(author);
    c.from = from;
    c.count = c.used = 0;
}

static void what_its_author_signed_wrongly_is_refused_all_the_same(void **state) {
    (void)state;
    team_pass_all(f, &carol, id_of(f));
    begin_commit(&bob, 0); /* a clock that stands still */
    put_record(7, 0);
    put_record(7, 0);
    sign_again(&bob, &carol);
    assert_refused(&carol, TALLY_EFORMAT, "record 1: its clock does not rise");
    begin_commit(&bob, 0); /* a record with a byte after its end */
    put_record(7, 0);
    c.bytes[c.used] = 0xc0;
    c.records[0].len++;
    sign_again(&bob, &carol);
    assert_refused(&carol, TALLY_EFORMAT, "record 0: ");
    begin_commit(&bob, 0); /* and one that goes on in order */
    put_record(7, 0);
    sign_again(&bob, &carol);
    OK(commit_give(&carol, &c));
    begin_commit(&bob, 1);
    put_record(6, 0);
    sign_again(&bob, &carol);
    assert_refused(&carol, TALLY_EFORMAT, "record 1: its clock does not rise");
}

static void a_commit_over_its_limits_is_refused(void **state) {
    (void)state;
    team_pass_all(f, &carol, id_of(f));
    begin_commit(&bob, 0);
    c.cp = (tally_checkpoint){0};
    assert_refused(&carol, TALLY_ELIMIT, "1 to 4096 records, not 0");
    for (tally_hlc i = 1; i <= TALLY_COMMIT_MAX_RECORDS; i++)
        put_record(i, 0);
    c.count = TALLY_COMMIT_MAX_RECORDS + 1; /* refused before the records are looked at */
    assert_refused(&carol, TALLY_ELIMIT, "1 to 4096 records, not 4097");
    begin_commit(&bob, 0);
    for (tally_hlc i = 1; i <= 17; i++)
        put_record(i, 62000); /* 17 x 62 kB are over 1 MiB, 16 are not */
    sign_again(&bob, &carol);
    assert_refused(&carol, TALLY_ELIMIT, "larger than 1048576 bytes");
    c.count = 16;
    sign_again(&bob, &carol);
    OK(commit_give(&carol, &c));
}

/* Two histories of bob from record 1 on: of one restored backup, say. */
static void two_histories_of_one_device_are_a_fork(void **state) {
    (void)state;
    team_pass_all(f, &carol, id_of(f));
    begin_commit(&bob, 0);
    put_record(10, 0);
    put_record(11, 0);
    sign_again(&bob, &carol);
    OK(commit_give(&carol, &c));
    begin_commit(&bob, 0); /* the same size, another root */
    put_record(10, 0);
    put_record(12, 0);
    sign_again(&bob, &bob);
    assert_refused(&carol, TALLY_ECORRUPT, "a fork");
    put_record(13, 0); /* and longer, contradicting what is stored */
    sign_again(&bob, &bob);
    assert_refused(&carol, TALLY_ECORRUPT, "a fork");
    c.count = 1; /* a shorter one that agrees */
    sign_again(&bob, &bob);
    assert_refused(&carol, TALLY_EEXIST, "first 1 records are here already");
    c.count = c.used = 0; /* a longer one that agrees: its tail is taken */
    put_record(10, 0);
    put_record(11, 0);
    put_record(14, 0);
    sign_again(&bob, &bob);
    OK(commit_give(&carol, &c));
    assert_int_equal(team_stored(&carol, id_of(&bob)), 3);
    fixture_verify_clean(&carol);
}

static tally_hlc last_clock(fixture *who) {
    tally_txn *txn;
    tally_feed feed;
    OK(tally_read_begin(who->ledger, &txn, &f->err));
    OK(tally_feed_get(txn, 0, &feed, &f->err));
    tally_read_end(txn);
    return feed.last_hlc;
}

static void the_own_clock_goes_on_after_what_was_seen_up_to_48_hours_ahead(void **state) {
    (void)state;
    tally_hlc ahead = ((uint64_t)FIXTURE_NOW_MS + 3600000) << 16; /* an hour */
    team_pass_all(f, &carol, id_of(f));
    begin_commit(&bob, 0);
    put_record(ahead, 0);
    sign_again(&bob, &carol);
    OK(commit_give(&carol, &c));
    fixture_append_costs(&carol, 0, 1);
    assert_true(last_clock(&carol) == ahead + 1);
    begin_commit(&bob, 1);
    put_record(UINT64_MAX, 0); /* the year 10889 */
    sign_again(&bob, &carol);
    OK(commit_give(&carol, &c));
    fixture_append_costs(&carol, 1, 1);
    assert_true(last_clock(&carol) == (((uint64_t)FIXTURE_NOW_MS + 172800000) << 16) + 1);
    fixture_append_costs(&carol, 2, 1);
    assert_true(last_clock(&carol) == (((uint64_t)FIXTURE_NOW_MS + 172800000) << 16) + 2);
    fixture_verify_clean(&carol);
}

/* As after a restored backup: a teammate has more of the own feed. */
static void the_own_feed_is_taken_from_a_teammate(void **state) {
    (void)state;
    fixture young;
    team_pass_all(f, &bob, id_of(f));
    fixture_append_costs(&bob, 0, 5);
    team_pass_all(&bob, f, id_of(&bob));
    team_join(&young, f, 2); /* bob's key, nothing else */
    team_pass_all(f, &young, id_of(f));
    team_pass_all(f, &young, id_of(&bob));
    assert_int_equal(fixture_size(&young), 5);
    fixture_append_costs(&young, 5, 1);
    assert_int_equal(fixture_size(&young), 6);
    team_pass_all(&young, f, id_of(&bob));
    tally_hash a = fixture_digest(f), b = fixture_digest(&young);
    assert_true(tally_hash_eq(&a, &b));
    fixture_verify_clean(&young);
    fixture_close(&young);
}

/* Folds a commit, and notes whether all views would be made anew for it. */
static int ingest_and_look(void *ctx, tally_txn *txn, tally_error *err) {
    bool *again = ctx;
    tally_team_device creator;
    int rc = commit_ingest(&c, txn, err);
    if (rc == 0) rc = tally_team_device_get(txn, &c.device, &creator);
    *again = txn->fold_again;
    return rc;
}

static void the_first_commit_of_the_creator_is_folded_once(void **state) {
    (void)state;
    fixture young;
    bool again = true;
    team_join(&young, f, 4);
    assert_true(commit_read(f, id_of(f), 0, &c));
    OK(tally_ledger_write(young.ledger, FIXTURE_NOW_MS, ingest_and_look, &again, &f->err));
    assert_false(again);
    team_pass_all(f, &young, id_of(f));
    tally_hash a = fixture_digest(f), b = fixture_digest(&young);
    assert_true(tally_hash_eq(&a, &b));
    fixture_close(&young);
}

static void the_root_at_every_size_is_that_of_the_leaves(void **state) {
    (void)state;
    tally_txn *txn;
    tally_range range;
    tally_hash root, want, leaf;
    fixture_append_costs(f, 0, 600);
    tally_range_init(&range);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (uint64_t size = 0; size <= 604; size++) {
        tally_span bytes;
        OK(tally_feed_root(txn, 0, size, &root, &f->err));
        tally_range_root(&range, &want);
        assert_true(tally_hash_eq(&root, &want));
        if (size == 604) break;
        OK(tally_record_get(txn, 0, size, &bytes, &f->err));
        tally_leaf_hash(bytes, &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
    }
    assert_int_equal(tally_feed_root(txn, 0, 605, &root, &f->err), TALLY_EINVAL);
    tally_read_end(txn);
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(a_commit_arrives_as_it_was_written),
        TEAM(what_is_known_exists_and_what_comes_too_early_is_not_found),
        TEAM(a_stranger_is_refused_and_so_is_a_stolen_beginning),
        TEAM(a_copy_of_the_first_record_makes_nobody_the_creator),
        TEAM(every_flipped_bit_of_a_commit_is_refused),
        TEAM(a_wrong_root_a_wrong_signature_and_a_wrong_size_are_told_apart),
        TEAM(what_its_author_signed_wrongly_is_refused_all_the_same),
        TEAM(a_commit_over_its_limits_is_refused),
        TEAM(two_histories_of_one_device_are_a_fork),
        TEAM(the_own_clock_goes_on_after_what_was_seen_up_to_48_hours_ahead),
        TEAM(the_own_feed_is_taken_from_a_teammate),
        TEAM(the_first_commit_of_the_creator_is_folded_once),
        TEAM(the_root_at_every_size_is_that_of_the_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
