/* Segments between real ledgers: what one writes the other takes in; what came to harm, or is of
 * another team, is refused whole. Forged insides are in segment_hostile_test.c. */
#include "segment_fixture.h"

/* A team of two: the creator, and one that has joined and holds nothing yet. */
typedef struct pair {
    fixture a, b;
} pair;

static int pair_setup(void **state) {
    pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    fixture_open(&p->a);
    team_join(&p->b, &p->a, 2);
    fixture_admit(&p->a, p->b.key, TALLY_ROLE_MEMBER, "bob", "desk");
    *state = p;
    return 0;
}

static int pair_teardown(void **state) {
    pair *p = *state;
    fixture_close(&p->b);
    fixture_close(&p->a);
    free(p);
    return 0;
}

static void assert_same(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    assert_memory_equal(&x, &y, sizeof x);
}

static void what_one_writes_the_other_takes_in(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    taking t;
    tally_segment_write written;
    file all = {0};
    fixture_append_costs(f, 0, 5);
    tally_hash title = fixture_titled(f, "a title", 0);
    OK(segment_write(f, NULL, 0, &written, &all));
    assert_int_equal(written.records, 10);
    assert_int_equal(written.blobs, 1);
    assert_int_equal(written.span_count, 1);
    assert_memory_equal(&segment_spans[0].device, tally_key_device(f->key), 32);
    assert_true(segment_spans[0].from == 0 && segment_spans[0].size == 10);

    segment_give(&p->b, f, &all, &t);
    assert_int_equal(t.read.records, 10);
    assert_int_equal(t.read.blobs, 1);
    assert_int_equal(t.read.skipped, 0);
    assert_int_equal(t.read.epoch, 1);
    assert_true(t.read.clock_ms == FIXTURE_NOW_MS);
    assert_int_equal(t.read.head_count, 1);
    assert_int_equal(segment_heads[0].size, 10);
    assert_int_equal(t.read.span_count, 1);
    assert_true(segment_spans[0].from == 0 && segment_spans[0].size == 10);
    assert_true(fixture_has_blob(&p->b, &title));
    assert_same(f, &p->b);
    fixture_verify_clean(&p->b);

    segment_give(&p->b, f, &all, &t); /* again: nothing new */
    assert_int_equal(t.read.records, 0);
    assert_int_equal(t.read.blobs, 0);
    assert_int_equal(t.read.skipped, 0);
    free(all.b);
}

static size_t frontier_of(fixture *f, tally_wire_head *heads) {
    tally_txn *txn;
    size_t count;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_frontier(txn, heads, &count, &f->err));
    tally_read_end(txn);
    return count;
}

static void only_what_lies_beyond_a_frontier_is_written(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    taking t;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    file all = segment_all(f), more = {0};
    segment_give(&p->b, f, &all, &t);
    fixture_append_costs(&p->b, 100, 2);
    fixture_append_costs(f, 0, 3);
    size_t count = frontier_of(&p->b, heads);
    OK(segment_write(f, heads, count, &written, &more));
    assert_int_equal(written.records, 3);
    assert_true(segment_spans[0].from == 4 && segment_spans[0].size == 7);
    segment_give(&p->b, f, &more, &t);
    assert_int_equal(t.read.records, 3);
    free(more.b);

    more = (file){0};
    count = frontier_of(f, heads);
    OK(segment_write(&p->b, heads, count, &written, &more));
    assert_int_equal(written.records, 2);
    segment_give(f, f, &more, &t);
    assert_same(f, &p->b);
    free(more.b);
    free(all.b);
}

static void nothing_beyond_a_frontier_writes_nothing(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    file out = {0};
    size_t count = frontier_of(f, heads);
    assert_int_equal(segment_write(f, heads, count, &written, &out), TALLY_ENOTFOUND);
    assert_int_equal(out.len, 0);
    heads[0].size++; /* they have more than we do */
    assert_int_equal(segment_write(f, heads, count, &written, &out), TALLY_ENOTFOUND);
    assert_int_equal(out.len, 0);
    assert_null(out.b);
}

static void small_commits_are_joined_up_to_a_later_checkpoint(void **state) {
    pair *p = *state;
    fixture *f = &p->b;
    taking t;
    tally_txn *txn;
    tally_checkpoint cp;
    uint32_t number;
    for (uint32_t i = 0; i < 20; i++)
        fixture_append_costs(&p->a, i, 1);
    file all = segment_all(&p->a);
    segment_give(f, &p->a, &all, &t);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, tally_key_device(p->a.key), &number));
    OK(tally_checkpoint_get(txn, number, 0, &cp, &f->err));
    assert_int_equal(cp.size, FIXTURE_FIRST + 2 + 20);
    tally_read_end(txn);
    free(all.b);
}

static void a_device_comes_after_the_one_that_added_it(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    fixture third, *c = &third;
    taking t;
    file all = segment_all(f);
    segment_give(&p->b, f, &all, &t);
    fixture_append_costs(&p->b, 0, 2);
    free(all.b);
    all = segment_all(&p->b); /* from the one that was added */
    team_join(c, f, 3);
    segment_give(c, f, &all, &t);
    assert_int_equal(t.read.skipped, 0);
    assert_int_equal(t.read.records, 6);
    assert_same(c, &p->b);
    fixture_close(c);
    free(all.b);
}

static void a_large_blob_comes_in_pieces(void **state) {
    pair *p = *state;
    taking t;
    tally_hash id = fixture_titled(&p->a, "large", 700000);
    file all = segment_all(&p->a);
    segment_give(&p->b, &p->a, &all, &t);
    assert_int_equal(t.read.blobs, 1);
    assert_true(fixture_has_blob(&p->b, &id));
    free(all.b);
}

static void what_cannot_be_taken_yet_is_skipped_and_counted(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    taking t;
    file more = {0}, all;
    size_t count = frontier_of(f, heads);
    fixture_append_costs(f, 0, 3);
    OK(segment_write(f, heads, count, &written, &more));
    segment_give(&p->b, f, &more, &t); /* the first four records are missing */
    assert_int_equal(t.read.skipped, 1);
    assert_int_equal(t.read.records, 0);
    assert_int_equal(team_stored(&p->b, tally_key_device(f->key)), 0);
    all = segment_all(f);
    segment_give(&p->b, f, &all, &t);
    segment_give(&p->b, f, &more, &t);
    assert_int_equal(t.read.skipped, 0);
    assert_same(f, &p->b);
    free(more.b);
    free(all.b);
}

static int check_bytes(fixture *f, const uint8_t *bytes, size_t len) {
    static taking t;
    tally_team_secret secret = secret_of(f);
    taking_begin(&t, &secret, 1, bytes, len);
    f->err = (tally_error){0};
    return tally_segment_check(&t.read, &f->err);
}

static void a_segment_torn_at_any_length_is_refused(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    (void)fixture_titled(f, "a title", 0);
    file all = segment_all(f);
    assert_int_equal(check_bytes(f, all.b, all.len), 0);
    for (size_t len = 0; len < all.len; len++) {
        int rc = check_bytes(f, all.b, len);
        if (rc != TALLY_EFORMAT) fail_msg("cut to %zu of %zu: %d", len, all.len, rc);
    }
    free(all.b);
}

static void any_flipped_bit_is_refused(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    file all = segment_all(f);
    for (size_t i = 0; i < all.len; i++) {
        all.b[i] ^= (uint8_t)(1u << i % 8);
        int rc = check_bytes(f, all.b, all.len);
        if (rc != TALLY_EFORMAT && rc != TALLY_ELIMIT) fail_msg("byte %zu: %d", i, rc);
        all.b[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(check_bytes(f, all.b, all.len), 0);
    free(all.b);
}

static void bytes_after_the_end_are_refused(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    file all = segment_all(f);
    assert_int_equal(file_sink(&all, tally_span_of("", 1), NULL), 0);
    assert_int_equal(check_bytes(f, all.b, all.len), TALLY_EFORMAT);
    all.len--;
    file twice = {0};
    assert_int_equal(file_sink(&twice, tally_span_of(all.b, all.len), NULL), 0);
    assert_int_equal(file_sink(&twice, tally_span_of(all.b, all.len), NULL), 0);
    assert_int_equal(check_bytes(f, twice.b, twice.len), TALLY_EFORMAT);
    free(twice.b);
    free(all.b);
}

/* Offsets of the chunks, and the end. */
static size_t chunks_of(const file *in, size_t *at, size_t max) {
    size_t count = 0, next = SEAL_FIRST_CHUNK;
    while (next < in->len && count < max) {
        at[count++] = next;
        next += 4 + tally_get_be32(in->b + next);
    }
    assert_int_equal(next, in->len);
    at[count] = next;
    return count;
}

static void chunks_out_of_order_or_left_out_are_refused(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    size_t at[16];
    (void)fixture_titled(f, "large", 300000);
    file all = segment_all(f);
    size_t count = chunks_of(&all, at, 15);
    assert_true(count >= 4);
    for (size_t gone = 0; gone < count; gone++) {
        file less = {0};
        (void)file_sink(&less, tally_span_of(all.b, at[gone]), NULL);
        (void)file_sink(&less, tally_span_of(all.b + at[gone + 1], all.len - at[gone + 1]), NULL);
        assert_int_equal(check_bytes(f, less.b, less.len), TALLY_EFORMAT);
        free(less.b);
    }
    for (size_t i = 0; i + 1 < count; i++) {
        file other = {0};
        (void)file_sink(&other, tally_span_of(all.b, at[i]), NULL);
        (void)file_sink(&other, tally_span_of(all.b + at[i + 1], at[i + 2] - at[i + 1]), NULL);
        (void)file_sink(&other, tally_span_of(all.b + at[i], at[i + 1] - at[i]), NULL);
        (void)file_sink(&other, tally_span_of(all.b + at[i + 2], all.len - at[i + 2]), NULL);
        assert_int_equal(other.len, all.len);
        assert_int_equal(check_bytes(f, other.b, other.len), TALLY_EFORMAT);
        free(other.b);
    }
    free(all.b);
}

static void a_segment_of_another_team_is_refused(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    fixture foreign;
    fixture_open(&foreign); /* same key, another team secret */
    file all = segment_all(&foreign);
    assert_int_equal(check_bytes(f, all.b, all.len), TALLY_EFORMAT);
    free(all.b);
    fixture_close(&foreign);
}

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t secret[TALLY_TEAM_SECRET_BYTES] = {9};
    return tally_team_device_revoke(txn, ctx, secret, err);
}

static void the_secret_of_an_older_epoch_opens_what_was_written_under_it(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    static taking t;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_device_id gone = *tally_key_device(p->b.key);
    file old = segment_all(f);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one, &gone, &f->err));
    assert_int_equal(secrets_of(f, secrets), 2);
    taking_begin(&t, secrets, 2, old.b, old.len);
    OK(tally_segment_check(&t.read, &f->err));
    assert_int_equal(t.read.epoch, 1);
    taking_begin(&t, secrets, 1, old.b, old.len);
    assert_int_equal(tally_segment_check(&t.read, &f->err), TALLY_EFORMAT);

    file new = segment_all(f);
    taking_begin(&t, secrets, 2, new.b, new.len);
    OK(tally_segment_check(&t.read, &f->err));
    assert_int_equal(t.read.epoch, 2);
    taking_begin(&t, secrets, 0, new.b, new.len);
    assert_int_equal(tally_segment_check(&t.read, &f->err), TALLY_EFORMAT);
    free(new.b);
    free(old.b);
}

/* An admin can put any 32 bytes there, and must not end everybody's segments with it. */
static void a_device_whose_box_key_is_none_keeps_nobody_from_writing(void **state) {
    static const uint8_t none[32] = {0};
    pair *p = *state;
    fixture *f = &p->a;
    tally_device_id gone = *tally_key_device(p->b.key);
    tally_key *odd = fixture_seeded_key(4);
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "device", tally_span_of(tally_key_device(odd)->b, 32));
    tally_put_bin(f->writer, "box_key", tally_span_of(none, sizeof none));
    tally_put_str(f->writer, "role", text("member"));
    tally_put_str(f->writer, "member", text("odd"));
    tally_put_str(f->writer, "name", text("odd"));
    (void)fixture_append(f, "device.add");
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one, &gone, &f->err));
    file new = segment_all(f);
    assert_int_equal(tally_get_be32(new.b) >> 16, 1); /* only a can open anything */
    free(new.b);
    tally_key_free(odd);
}

static void a_device_that_missed_the_new_secret_finds_it_in_the_segment(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    fixture third, *c = &third;
    static taking t;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_device_id gone = *tally_key_device(p->b.key);
    team_join(c, f, 3);
    fixture_admit(f, c->key, TALLY_ROLE_MEMBER, "cy", "tower");
    team_pass_all(f, &p->b, tally_key_device(f->key));
    team_pass_all(f, c, tally_key_device(f->key));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one, &gone, &f->err));
    file new = segment_all(f);
    assert_int_equal(tally_get_be32(new.b) >> 16, 2); /* a and c, each 88 bytes */
    assert_int_equal(tally_get_be32(new.b + 2 + 2 * 88 + 24) <= TALLY_SEGMENT_CHUNK_MAX_BYTES, 1);

    assert_int_equal(secrets_of(c, secrets), 1);
    taking_begin(&t, secrets, 1, new.b, new.len);
    assert_int_equal(tally_segment_check(&t.read, &c->err), TALLY_EFORMAT);
    t.source.at = 0;
    t.read.key = c->key;
    if (tally_segment_check(&t.read, &c->err) != 0) fail_msg("%s", c->err.text);
    assert_int_equal(t.read.epoch, 2);
    assert_int_equal(segment_take(c, &t), 0);
    assert_int_equal(secrets_of(c, secrets), 2);
    assert_int_equal(secrets[0].epoch, 2);

    assert_int_equal(secrets_of(&p->b, secrets), 1); /* who was revoked */
    taking_begin(&t, secrets, 1, new.b, new.len);
    t.read.key = p->b.key;
    assert_int_equal(tally_segment_check(&t.read, &f->err), TALLY_EFORMAT);

    secrets_of(f, secrets); /* a key for somebody else is part of the whole, too */
    for (size_t i = 0; i < 2 + 2 * 88; i++) {
        new.b[i] ^= 0x10;
        taking_begin(&t, secrets, 2, new.b, new.len);
        int rc = tally_segment_check(&t.read, &f->err);
        if (rc != TALLY_EFORMAT && rc != TALLY_ELIMIT) fail_msg("byte %zu: %d", i, rc);
        new.b[i] ^= 0x10;
    }
    free(new.b);
    fixture_close(c);
}

static void bytes_that_change_between_the_passes_change_nothing(void **state) {
    pair *p = *state;
    fixture *f = &p->b;
    static taking t;
    tally_team_secret secret = secret_of(&p->a);
    size_t at[16];
    (void)fixture_titled(&p->a, "large", 300000);
    file all = segment_all(&p->a);
    size_t count = chunks_of(&all, at, 15);
    taking_begin(&t, &secret, 1, all.b, all.len);
    OK(tally_segment_check(&t.read, &f->err));
    all.b[at[count] - 1] ^= 1;
    assert_int_equal(segment_take(f, &t), TALLY_EFORMAT);
    assert_int_equal(team_stored(f, tally_key_device(p->a.key)), 0);
    all.b[at[count] - 1] ^= 1;
    OK(segment_take(f, &t));
    assert_int_equal(team_stored(f, tally_key_device(p->a.key)), 5);
    free(all.b);
}

static void failing_sources_and_sinks_are_passed_on(void **state) {
    pair *p = *state;
    fixture *f = &p->a;
    static taking t;
    tally_team_secret secret = secret_of(f);
    tally_segment_write written;
    file all = segment_all(f);
    for (size_t limit = 1; limit < all.len; limit += 97) {
        file out = {.limit = limit};
        assert_int_equal(segment_write(f, NULL, 0, &written, &out), TALLY_ENOSPC);
        free(out.b);
    }
    for (size_t len = 0; len <= all.len; len += 97) {
        taking_begin(&t, &secret, 1, all.b, len);
        t.source.fail_with = TALLY_EIO;
        assert_int_equal(tally_segment_check(&t.read, &f->err), TALLY_EIO);
    }
    taking_begin(&t, &secret, 1, all.b, all.len);
    t.source.step = 1; /* a byte at a time */
    OK(tally_segment_check(&t.read, &f->err));
    assert_int_equal(t.read.records, 4);
    free(all.b);
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PAIR(what_one_writes_the_other_takes_in),
        PAIR(only_what_lies_beyond_a_frontier_is_written),
        PAIR(nothing_beyond_a_frontier_writes_nothing),
        PAIR(small_commits_are_joined_up_to_a_later_checkpoint),
        PAIR(a_device_comes_after_the_one_that_added_it),
        PAIR(a_large_blob_comes_in_pieces),
        PAIR(what_cannot_be_taken_yet_is_skipped_and_counted),
        PAIR(a_segment_torn_at_any_length_is_refused),
        PAIR(any_flipped_bit_is_refused),
        PAIR(bytes_after_the_end_are_refused),
        PAIR(chunks_out_of_order_or_left_out_are_refused),
        PAIR(a_segment_of_another_team_is_refused),
        PAIR(the_secret_of_an_older_epoch_opens_what_was_written_under_it),
        PAIR(a_device_whose_box_key_is_none_keeps_nobody_from_writing),
        PAIR(a_device_that_missed_the_new_secret_finds_it_in_the_segment),
        PAIR(bytes_that_change_between_the_passes_change_nothing),
        PAIR(failing_sources_and_sinks_are_passed_on)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tally_wire_packer_free(segment_packer());
    return failed;
}
