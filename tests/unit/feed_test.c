/* Feeds: where checkpoints fall, what they sign, and how records are found again. Roots are
 * recomputed by RFC 6962 section 2.1 and signatures checked by libsodium alone. */
#include "ledger_case.h"

#include <tally/fork.h>

#include <sodium.h>

#define MANY_RECORDS 10000u

static tally_hash leaves[FIXTURE_FIRST + MANY_RECORDS];

/* MTH of RFC 6962 section 2.1, word for word, over leaf hashes. */
static tally_hash naive_root(uint64_t begin, uint64_t end) {
    uint8_t node[1 + 2 * TALLY_HASH_BYTES] = {1};
    tally_hash out;
    if (end - begin == 1) return leaves[begin];
    uint64_t k = 1;
    while (k * 2 < end - begin)
        k *= 2;
    tally_hash left = naive_root(begin, begin + k), right = naive_root(begin + k, end);
    memcpy(node + 1, left.b, TALLY_HASH_BYTES);
    memcpy(node + 1 + TALLY_HASH_BYTES, right.b, TALLY_HASH_BYTES);
    crypto_hash_sha256(out.b, node, sizeof node);
    return out;
}

static void read_leaves(tally_txn *txn, uint64_t size) {
    static uint8_t leaf[1 + TALLY_RECORD_MAX_BYTES];
    tally_span bytes;
    assert_true(size <= sizeof leaves / sizeof *leaves);
    for (uint64_t i = 0; i < size; i++) {
        OK(tally_record_get(txn, 0, i, &bytes, &f->err));
        memcpy(leaf + 1, bytes.ptr, bytes.len);
        crypto_hash_sha256(leaves[i].b, leaf, 1 + bytes.len);
    }
}

/* c2sp.org/tlog-checkpoint: origin, size, root, each on a line. */
static void assert_signed(const tally_checkpoint *cp) {
    char team[65], device[65], root[64], body[512];
    sodium_bin2hex(team, sizeof team, tally_ledger_team(f->ledger)->b, 32);
    sodium_bin2hex(device, sizeof device, tally_ledger_device(f->ledger)->b, 32);
    sodium_bin2base64(root, sizeof root, cp->root.b, 32, sodium_base64_VARIANT_ORIGINAL);
    int len = snprintf(body, sizeof body, "tally.invalid/%s/%s\n%llu\n%s\n", team, device,
                       (unsigned long long)cp->size, root);
    assert_int_equal(crypto_sign_verify_detached(cp->signature, (const uint8_t *)body,
                                                 (unsigned long long)len,
                                                 tally_ledger_device(f->ledger)->b),
                     0);
}

/* The sizes of all checkpoints, each with the right root and signature. */
static void assert_checkpoints(tally_txn *txn, const uint64_t *sizes, size_t count) {
    uint64_t index = 0;
    for (size_t i = 0; i < count; i++) {
        tally_checkpoint cp;
        OK(tally_checkpoint_get(txn, 0, index, &cp, &f->err));
        assert_int_equal(cp.size, sizes[i]);
        tally_hash root = naive_root(0, cp.size);
        assert_true(tally_hash_eq(&root, &cp.root));
        assert_signed(&cp);
        index = cp.size;
    }
    tally_checkpoint none;
    assert_int_equal(tally_checkpoint_get(txn, 0, index, &none, &f->err), TALLY_ENOTFOUND);
}

static void assert_subtrees(tally_txn *txn, uint64_t size) {
    MDB_stat stat;
    assert_int_equal(mdb_stat(txn->txn, f->ledger->tables[TABLE_SUBTREES], &stat), 0);
    assert_int_equal(stat.ms_entries, size / 256);
    for (uint64_t i = 0; i < size / 256; i++) {
        uint8_t key[FEED_INDEX_KEY_BYTES];
        tally_span stored;
        store_feed_key(key, 0, i);
        OK(store_get(txn, TABLE_SUBTREES, tally_span_of(key, sizeof key), &stored, &f->err));
        tally_hash root = naive_root(256 * i, 256 * (i + 1));
        assert_int_equal(stored.len, TALLY_HASH_BYTES);
        assert_memory_equal(stored.ptr, root.b, TALLY_HASH_BYTES);
    }
}

/* One write of `count` records after the first ones leaves checkpoints at just these sizes. */
static void assert_commit(uint32_t count, const uint64_t *sizes, size_t size_count) {
    tally_txn *txn;
    tally_feed feed;
    fixture_append_costs(f, 0, count);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_get(txn, 0, &feed, &f->err));
    assert_int_equal(feed.size, FIXTURE_FIRST + count);
    read_leaves(txn, feed.size);
    assert_checkpoints(txn, sizes, size_count);
    assert_subtrees(txn, feed.size);
    tally_hash root, want = naive_root(0, feed.size);
    tally_range_root(&feed.range, &root);
    assert_true(tally_hash_eq(&root, &want));
    tally_read_end(txn);
    fixture_verify_clean(f);
}

static void a_commit_of_one_record_ends_in_a_checkpoint(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2, 3};
    assert_commit(1, sizes, 2);
}

static void a_commit_of_4096_records_ends_in_one_checkpoint(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2, 4098};
    assert_commit(4096, sizes, 2);
}

static void the_4097th_record_of_a_write_begins_another_commit(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2, 4098, 4099};
    assert_commit(4097, sizes, 3);
}

static void ten_thousand_records_in_one_write_are_three_commits(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2, 4098, 8194, 10002};
    assert_commit(MANY_RECORDS, sizes, 4);
}

static void a_commit_ends_before_it_exceeds_a_mebibyte(void **state) {
    (void)state;
    tally_txn *txn;
    tally_span bytes;
    many_records many = {.writer = f->writer, .first = 100, .count = 40, .pad = 60000};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_record_get(txn, 0, FIXTURE_FIRST, &bytes, &f->err)); /* all 40 are of this length */
    uint64_t fit = 1048576 / bytes.len;
    assert_int_equal(fit, 17);
    const uint64_t sizes[] = {2, 2 + 17, 2 + 2 * 17, 2 + 40};
    read_leaves(txn, 42);
    assert_checkpoints(txn, sizes, 4);
    tally_read_end(txn);
}

static void each_write_goes_on_where_the_last_one_ended(void **state) {
    (void)state;
    tally_txn *txn;
    static const uint64_t sizes[] = {2, 5, 6, 10};
    fixture_append_costs(f, 0, 3);
    fixture_reopen(f, false, 0);
    fixture_append_costs(f, 3, 1);
    fixture_append_costs(f, 4, 4);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    read_leaves(txn, 10);
    assert_checkpoints(txn, sizes, 4);
    tally_read_end(txn);
}

static void clocks_rise_with_every_record_even_when_the_wall_clock_falls(void **state) {
    (void)state;
    tally_txn *txn;
    tally_feed feed;
    tally_hlc last = 0;
    many_records many = {.writer = f->writer, .count = 3};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS - 86400000, append_many, &many, &f->err));
    many.first = 3;
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS + 5, append_many, &many, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (uint64_t i = 0; i < 8; i++) {
        tally_span bytes;
        tally_record record;
        OK(tally_record_get(txn, 0, i, &bytes, &f->err));
        OK(tally_record_parse(bytes, &record, &f->err));
        int64_t ms = i < 5 ? FIXTURE_NOW_MS : FIXTURE_NOW_MS + 5;
        uint64_t counter = i < 5 ? i : i - 5;
        assert_true(record.hlc == ((uint64_t)ms << 16 | counter));
        assert_true(i == 0 || record.hlc > last);
        last = record.hlc;
    }
    OK(tally_feed_get(txn, 0, &feed, &f->err));
    assert_true(feed.last_hlc == last);
    tally_read_end(txn);
}

static void a_record_is_found_by_eight_to_sixty_four_digits_of_its_leaf_hash(void **state) {
    (void)state;
    tally_txn *txn;
    char hex[65];
    uint32_t feed;
    uint64_t index;
    fixture_append_costs(f, 0, 50);
    tally_hash leaf = fixture_append(f, "note");
    tally_hex(tally_span_of(leaf.b, 32), hex);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (size_t len = 8; len <= 64; len += 2) {
        feed = 9, index = 0;
        OK(tally_record_find(txn, tally_span_of(hex, len), &feed, &index, &f->err));
        assert_int_equal(feed, 0);
        assert_int_equal(index, 52);
    }
    hex[63] = hex[63] == '0' ? '1' : '0';
    assert_int_equal(tally_record_find(txn, text(hex), &feed, &index, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_record_find(txn, text("1234567"), &feed, &index, &f->err), TALLY_EINVAL);
    assert_int_equal(tally_record_find(txn, text("1234567x"), &feed, &index, &f->err),
                     TALLY_EINVAL);
    tally_read_end(txn);
}

/* All digits count, also the last of an odd number of them. */
static void an_odd_number_of_digits_is_compared_to_the_last(void **state) {
    (void)state;
    tally_txn *txn;
    char hex[65];
    uint32_t feed;
    uint64_t index;
    fixture_append_costs(f, 0, 1);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    read_leaves(txn, 2);
    tally_hex(tally_span_of(leaves[1].b, 32), hex);
    OK(tally_record_find(txn, tally_span_of(hex, 9), &feed, &index, &f->err));
    assert_int_equal(index, 1);
    hex[8] = hex[8] == '0' ? '1' : '0';
    assert_int_equal(tally_record_find(txn, tally_span_of(hex, 9), &feed, &index, &f->err),
                     TALLY_ENOTFOUND);
    hex[8] = 'x';
    assert_int_equal(tally_record_find(txn, tally_span_of(hex, 9), &feed, &index, &f->err),
                     TALLY_EINVAL);
    tally_read_end(txn);
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    tally_txn *txn;
    tally_span bytes;
    tally_feed feed;
    tally_checkpoint cp;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_record_get(txn, 0, 2, &bytes, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_record_get(txn, 1, 0, &bytes, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_feed_get(txn, 1, &feed, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_checkpoint_get(txn, 1, 0, &cp, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_checkpoint_get(txn, 0, 2, &cp, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(tally_checkpoint_get(txn, 0, UINT64_MAX, &cp, &f->err), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

/* A head that has lost a record must not overwrite the one that is stored. */
static int wind_back(void *ctx, tally_txn *txn, tally_error *err) {
    tally_feed *feed = ctx;
    return feed_store(txn, feed, err);
}

static void a_stored_record_is_never_overwritten(void **state) {
    (void)state;
    tally_txn *txn;
    tally_feed before;
    tally_span bytes;
    tally_hash was, is;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_get(txn, 0, &before, &f->err));
    tally_read_end(txn);
    fixture_append_costs(f, 0, 1);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_record_get(txn, 0, FIXTURE_FIRST, &bytes, &f->err));
    tally_leaf_hash(bytes, &was);
    tally_read_end(txn);
    OK(store_write(f->ledger, 0, wind_back, &before, &f->err));
    char mark[FIXTURE_PATH_BYTES]; /* which would say before that records are missing */
    fixture_path(f, TALLY_MARK_FILE, mark);
    assert_int_equal(unlink(mark), 0);
    many_records many = {.writer = f->writer, .first = 7, .count = 1};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_ECORRUPT);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_record_get(txn, 0, FIXTURE_FIRST, &bytes, &f->err));
    tally_leaf_hash(bytes, &is);
    assert_true(tally_hash_eq(&was, &is));
    tally_read_end(txn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(a_commit_of_one_record_ends_in_a_checkpoint),
        LEDGER(a_commit_of_4096_records_ends_in_one_checkpoint),
        LEDGER(the_4097th_record_of_a_write_begins_another_commit),
        LEDGER(ten_thousand_records_in_one_write_are_three_commits),
        LEDGER(a_commit_ends_before_it_exceeds_a_mebibyte),
        LEDGER(each_write_goes_on_where_the_last_one_ended),
        LEDGER(clocks_rise_with_every_record_even_when_the_wall_clock_falls),
        LEDGER(a_record_is_found_by_eight_to_sixty_four_digits_of_its_leaf_hash),
        LEDGER(an_odd_number_of_digits_is_compared_to_the_last),
        LEDGER(what_is_not_there_is_not_found),
        LEDGER(a_stored_record_is_never_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
