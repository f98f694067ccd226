/* Verification: every flipped bit, lost, added and swapped row is found, and the finding names it.
 */
#include "feed_tail.h"
#include "ledger_case.h"
#include "random.h"

#define SEED           20260908u
#define LARGE_COSTS    300u
#define DEEP_SAMPLES   40u /* bits of each table of the large ledger */
#define VIEW_SAMPLES   4u  /* bits of each view */
#define ROW_MAX_BYTES  4096u
#define KEY_MAX_BYTES  128u
#define ROWS_MAX       512u
#define FOREIGN_NUMBER 1u

/* ---- what a check says ---- */

typedef struct heard {
    const char *want;
    bool named;
} heard;

static int hear(void *ctx, const char *sentence) {
    heard *h = ctx;
    if (strstr(sentence, h->want)) h->named = true;
    return 0;
}

/* The findings of a check, of which one must contain `want`. */
static void assert_found(bool deep, const char *want) {
    heard h = {want, false};
    tally_check check = {.found = hear, .ctx = &h};
    OK(tally_verify(f->ledger, deep, &check, &f->err));
    if (!h.named) {
        check = (tally_check){.found = fixture_print_finding};
        OK(tally_verify(f->ledger, deep, &check, &f->err));
        fail_msg("%s check: no finding says '%s'", deep ? "deep" : "fast", want);
    }
}

static uint64_t findings(bool deep) {
    tally_check check = {0};
    OK(tally_verify(f->ledger, deep, &check, &f->err));
    return check.findings;
}

/* ---- rows, behind the ledger's back ---- */

typedef struct row {
    uint8_t key[KEY_MAX_BYTES], value[ROW_MAX_BYTES];
    size_t key_len, len;
} row;

static MDB_txn *begin(void) {
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(f->ledger->env, NULL, 0, &txn), 0);
    return txn;
}

static void row_put(store_table table, const row *r) {
    MDB_txn *txn = begin();
    MDB_val k = {r->key_len, (void *)(uintptr_t)r->key}, v = {r->len, (void *)(uintptr_t)r->value};
    assert_int_equal(mdb_put(txn, f->ledger->tables[table], &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static void row_del(store_table table, const row *r) {
    MDB_txn *txn = begin();
    MDB_val k = {r->key_len, (void *)(uintptr_t)r->key}, v = {r->len, (void *)(uintptr_t)r->value};
    assert_int_equal(mdb_del(txn, f->ledger->tables[table], &k, &v), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* Copies all rows of a table; the caller frees. */
static row *rows_of(store_table table, size_t *count) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val k, v;
    row *rows = calloc(ROWS_MAX, sizeof *rows);
    assert_non_null(rows);
    *count = 0;
    assert_int_equal(mdb_txn_begin(f->ledger->env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, f->ledger->tables[table], &cursor), 0);
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
        assert_true(*count < ROWS_MAX && k.mv_size <= KEY_MAX_BYTES && v.mv_size <= ROW_MAX_BYTES);
        row *r = &rows[(*count)++];
        r->key_len = k.mv_size;
        r->len = v.mv_size;
        memcpy(r->key, k.mv_data, k.mv_size);
        if (v.mv_size > 0) memcpy(r->value, v.mv_data, v.mv_size);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return rows;
}

static row row_at(store_table table, uint32_t feed, uint64_t index) {
    row r = {.key_len = FEED_INDEX_KEY_BYTES};
    MDB_txn *txn = begin();
    store_feed_key(r.key, feed, index);
    MDB_val k = {r.key_len, r.key}, v;
    assert_int_equal(mdb_get(txn, f->ledger->tables[table], &k, &v), 0);
    assert_true(v.mv_size <= ROW_MAX_BYTES);
    memcpy(r.value, v.mv_data, v.mv_size);
    r.len = v.mv_size;
    mdb_txn_abort(txn);
    return r;
}

/* What the finding about a damaged row must say. */
static void name_of(store_table table, const row *r, char *out, size_t size) {
    uint64_t at = r->key_len == FEED_INDEX_KEY_BYTES ? tally_get_be64(r->key + 4) : 0;
    char hex[2 * TALLY_HASH_BYTES + 1];
    out[0] = '\0';
    if (table == TABLE_RECORDS)
        (void)snprintf(out, size, "record %llu (leaf", (unsigned long long)at);
    if (table == TABLE_CHECKPOINTS)
        (void)snprintf(out, size, "checkpoint at size %llu:", (unsigned long long)at);
    if (table == TABLE_SUBTREES)
        (void)snprintf(out, size,
                       "cached hash of records %llu to %llu:", (unsigned long long)(at * 256),
                       (unsigned long long)(at * 256 + 255));
    if (table == TABLE_BLOBS) {
        tally_hex(tally_span_of(r->key, TALLY_HASH_BYTES), hex);
        (void)snprintf(out, size, "blob %s:", hex);
    }
}

static void flip_and_check(store_table table, row *r, size_t bit, bool deep) {
    char want[96];
    name_of(table, r, want, sizeof want);
    r->value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    row_put(table, r);
    assert_found(deep, want);
    r->value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    row_put(table, r);
}

/* ---- ledgers ---- */

typedef struct foreign {
    tally_key *key;
    tally_writer *writer;
} foreign;

/* Three costs of another device, in feed number 1. */
static int write_foreign(void *ctx, tally_txn *txn, tally_error *err) {
    foreign *other = ctx;
    uint32_t number;
    int rc = foreign_feed(txn, other->key, &number, err);
    for (uint64_t i = 0; i < 3 && rc == 0; i++) {
        char key[16];
        tally_span bytes;
        (void)snprintf(key, sizeof key, "other%u", (unsigned)i);
        cost_body cost = {"codex", key,  "s9", "m2", 1788862800000 + i, 5, 6, 7,
                          NULL,    NULL, NULL, 0};
        put_cost(other->writer, &cost);
        rc = tally_writer_encode(other->writer, "cost", (FIXTURE_NOW_MS + i) << 16, &bytes, err);
        if (rc == 0) rc = foreign_record(txn, number, other->key, bytes, err);
    }
    return rc;
}

static void add_foreign(void) {
    foreign other = {fixture_seeded_key(2), f->writer};
    fixture_admit(f, other.key, TALLY_ROLE_MEMBER, "bob", "desk");
    OK(store_write(f->ledger, 0, write_foreign, &other, &f->err));
    tally_key_free(other.key);
}

static int put_three_blobs(void *ctx, tally_txn *txn, tally_error *err) {
    static const char *const contents[] = {"a title", "", "some evidence, a little longer"};
    int rc = 0;
    (void)ctx;
    for (uint8_t i = 0; i < 3 && rc == 0; i++) {
        uint8_t salt[TALLY_BLOB_SALT_BYTES] = {i, 0x55};
        tally_hash id;
        rc = tally_blob_put(txn, salt, text(contents[i]), &id, err);
    }
    return rc;
}

/* One record of each kind that a view folds. */
static void append_every_kind(void) {
    tally_entry_id id = entry_of("claude-code", "k0");
    put_session(f->writer, "claude-code", "s1", "/home/ada/acme", "main");
    (void)fixture_append(f, "session");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("claude-code"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_raw(f->writer, "human", tally_span_of("\x92\x05\x09", 3));
    tally_put_raw(f->writer, "runs", tally_span_of("\x91\x92\x06\x08", 4));
    (void)fixture_append(f, "activity");
    put_session_tag(f->writer, "claude-code", "s1", "kept");
    (void)fixture_append(f, "tag.add");
    put_entry_tag(f->writer, &id, "gone");
    uint8_t removes[3 + TALLY_HASH_BYTES] = {0x91, 0xc4, TALLY_HASH_BYTES};
    tally_hash add = fixture_append(f, "tag.add");
    memcpy(removes + 3, add.b, sizeof add.b);
    put_entry_tag(f->writer, &id, "gone");
    tally_put_raw(f->writer, "removes", tally_span_of(removes, sizeof removes));
    (void)fixture_append(f, "tag.remove");
    put_price(f->writer, "m1", "2026-01-01", "USD", 5000000, 25000000);
    (void)fixture_append(f, "price.set");
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
    (void)fixture_append(f, "void");
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "blob", tally_span_of(add.b, sizeof add.b)); /* of no blob: as good */
    (void)fixture_append(f, "redact");
}

static void make_large(void) {
    fixture_append_costs(f, 0, LARGE_COSTS);
    append_every_kind();
    add_foreign();
    OK(store_write(f->ledger, 0, put_three_blobs, NULL, &f->err));
    fixture_verify_clean(f);
}

/* ---- flipped bits ---- */

static void the_fast_check_names_the_record_for_every_bit_of_a_small_feed(void **state) {
    (void)state;
    size_t count, bits = 0;
    fixture_append_costs(f, 0, 2);
    append_every_kind();
    add_foreign();
    row *rows = rows_of(TABLE_RECORDS, &count);
    assert_int_equal(count, FIXTURE_FIRST + 2 + 8 + 2 + 3);
    for (size_t i = 0; i < count; i++)
        for (size_t bit = 0; bit < rows[i].len * 8; bit++, bits++)
            flip_and_check(TABLE_RECORDS, &rows[i], bit, false);
    free(rows);
    assert_true(bits > 8000);
    fixture_verify_clean(f);
}

static void the_deep_check_names_every_bit_of_checkpoints_heads_and_blobs(void **state) {
    (void)state;
    static const store_table tables[] = {TABLE_CHECKPOINTS, TABLE_FEEDS, TABLE_BLOBS};
    fixture_append_costs(f, 0, 2);
    add_foreign();
    OK(store_write(f->ledger, 0, put_three_blobs, NULL, &f->err));
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        size_t count;
        row *rows = rows_of(tables[t], &count);
        assert_true(count >= 2);
        for (size_t i = 0; i < count; i++)
            for (size_t bit = 0; bit < rows[i].len * 8; bit++)
                flip_and_check(tables[t], &rows[i], bit, true);
        free(rows);
    }
    fixture_verify_clean(f);
}

static void the_deep_check_names_sampled_bits_of_every_table_of_a_large_ledger(void **state) {
    (void)state;
    static const store_table tables[] = {TABLE_RECORDS, TABLE_CHECKPOINTS, TABLE_SUBTREES,
                                         TABLE_FEEDS, TABLE_BLOBS};
    rng r = rng_begin("flipped bits", SEED);
    make_large();
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        size_t count;
        row *rows = rows_of(tables[t], &count);
        assert_true(count >= 1);
        for (unsigned i = 0; i < DEEP_SAMPLES; i++) {
            row *victim = &rows[rng_below(&r, (uint32_t)count)];
            flip_and_check(tables[t], victim, rng_below(&r, (uint32_t)victim->len * 8), true);
        }
        free(rows);
    }
    fixture_verify_clean(f);
}

/* A deposit, and a share of an entry that some invoice bills. */
static void append_billing(void) {
    static const uint8_t issue[TALLY_HASH_BYTES] = {2};
    /* [[entry, part, parts, ms]] of PROTOCOL.md section 1 */
    static const uint8_t entries[23] = {0x91, 0x94, 0xc4, TALLY_ENTRY_BYTES, 7, [20] = 1, 1};
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "contract", text("shop"));
    tally_put_str(f->writer, "date", text("2026-03-14"));
    tally_put_u64(f->writer, "amount", 3500);
    (void)fixture_append(f, "deposit.receive");
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "issue", tally_span_of(issue, sizeof issue));
    tally_put_raw(f->writer, "entries", tally_span_of(entries, sizeof entries));
    (void)fixture_append(f, "invoice.entries");
}

/* The views of policy, decisions, manual time, words and billing hold something too. */
static void append_policy(void) {
    append_billing();
    static const uint8_t blob[TALLY_HASH_BYTES] = {1};
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "date", text("2026-03-14"));
    tally_put_u64(f->writer, "duration", 1);
    (void)fixture_append(f, "time.add");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_str(f->writer, "from", text("person"));
    tally_put_bin(f->writer, "text", tally_span_of(blob, sizeof blob));
    (void)fixture_append(f, "describe");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text("acme"));
    tally_put_str(f->writer, "title", text("Acme Ltd"));
    (void)fixture_append(f, "client.set");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text("s1"));
    tally_put_str(f->writer, "client", text("acme"));
    (void)fixture_append(f, "assign");
}

static void the_deep_check_finds_changed_views_and_rebuild_mends_them(void **state) {
    (void)state;
    rng r = rng_begin("changed views", SEED + 1);
    make_large();
    append_policy();
    for (int t = TABLE_VIEW_FIRST; t < TABLE_COUNT; t++) {
        size_t count;
        row *rows = rows_of((store_table)t, &count);
        assert_true(count >= 1);
        for (unsigned i = 0; i < VIEW_SAMPLES; i++) {
            row victim = rows[rng_below(&r, (uint32_t)count)];
            row_del((store_table)t, &victim);
            assert_found(true, "the views are not what the records give");
            size_t bit = rng_below(&r, (uint32_t)victim.len * 8);
            victim.value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            row_put((store_table)t, &victim);
            assert_found(true, "the views ");
            OK(tally_rebuild(f->ledger, 0, &f->err));
            assert_int_equal(findings(true), 0);
        }
        free(rows);
    }
}

/* ---- rows lost, added, swapped ---- */

static void swapped_records_are_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 10);
    row a = row_at(TABLE_RECORDS, 0, 3), b = row_at(TABLE_RECORDS, 0, 5), c = a, d = b;
    memcpy(c.value, b.value, c.len = b.len);
    memcpy(d.value, a.value, d.len = a.len);
    row_put(TABLE_RECORDS, &c);
    row_put(TABLE_RECORDS, &d);
    assert_found(false, "its root does not follow from records 2 to 11");
    assert_found(true, "record 4: its clock goes back");
    row_put(TABLE_RECORDS, &a);
    row_put(TABLE_RECORDS, &b);
    fixture_verify_clean(f);
}

static void a_missing_record_is_named_wherever_it_stood(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 10);
    for (uint64_t index = 0; index < 12; index++) {
        char want[64];
        row lost = row_at(TABLE_RECORDS, 0, index);
        row_del(TABLE_RECORDS, &lost);
        if (index < 11)
            (void)snprintf(want, sizeof want, "record %u: it is missing", (unsigned)index);
        else
            (void)snprintf(want, sizeof want, "11 records are stored and its head says 12");
        assert_found(false, want);
        assert_found(true, want);
        row_put(TABLE_RECORDS, &lost);
    }
    fixture_verify_clean(f);
}

static void an_extra_record_is_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    row extra = row_at(TABLE_RECORDS, 0, 3);
    store_feed_key(extra.key, 0, 5);
    row_put(TABLE_RECORDS, &extra);
    assert_found(false, "6 records are stored and its head says 5");
    row_del(TABLE_RECORDS, &extra);
    store_feed_key(extra.key, 7, 0); /* of a feed that is not there */
    row_put(TABLE_RECORDS, &extra);
    assert_found(true, "records: a row belongs to no feed");
}

static void a_record_cut_to_nothing_is_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    row cut = row_at(TABLE_RECORDS, 0, 2);
    for (size_t len = 0; len <= RECORD_CHECK_BYTES; len++) {
        cut.len = len;
        row_put(TABLE_RECORDS, &cut);
        assert_found(false, "record 2: it has no content");
        assert_found(true, "record 2: it has no content");
    }
}

static int spill(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    return feed_tail_spill(txn, 0, err);
}

static void a_missing_newest_checkpoint_is_found_and_an_older_one_is_covered(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    fixture_append_costs(f, 3, 3);
    OK(store_write(f->ledger, 0, spill, NULL, &f->err));
    row newest = row_at(TABLE_CHECKPOINTS, 0, 8), older = row_at(TABLE_CHECKPOINTS, 0, 5);
    row_del(TABLE_CHECKPOINTS, &newest);
    assert_found(false, "no checkpoint signs its head at size 8");
    assert_found(true, "no checkpoint signs its head at size 8");
    row_put(TABLE_CHECKPOINTS, &newest);
    row_del(TABLE_CHECKPOINTS, &older); /* the newest signs the same records and more */
    assert_int_equal(findings(true), 0);
}

static void a_checkpoint_beyond_the_end_is_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    OK(store_write(f->ledger, 0, spill, NULL, &f->err));
    row beyond = row_at(TABLE_CHECKPOINTS, 0, 5);
    store_feed_key(beyond.key, 0, 9);
    row_put(TABLE_CHECKPOINTS, &beyond);
    assert_found(false, "checkpoint at size 9: no records reach it");
    row_del(TABLE_CHECKPOINTS, &beyond);
    beyond.len--;
    store_feed_key(beyond.key, 0, 5);
    row_put(TABLE_CHECKPOINTS, &beyond);
    assert_found(false, "checkpoint at size 5: it has 95 bytes instead of 96");
}

static void a_missing_or_stray_cached_hash_is_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, LARGE_COSTS);
    row cached = row_at(TABLE_SUBTREES, 0, 0);
    row_del(TABLE_SUBTREES, &cached);
    assert_found(true, "cached hash of records 0 to 255: it is missing");
    row_put(TABLE_SUBTREES, &cached);
    store_feed_key(cached.key, 0, 1);
    row_put(TABLE_SUBTREES, &cached);
    assert_found(true, "subtrees: row 1 of feed number 0 lies past the feed's end");
}

static int stop_at_once(void *ctx, const char *sentence) {
    unsigned *calls = ctx;
    (void)sentence;
    ++*calls;
    return 1;
}

static void a_check_stops_when_it_is_told_to(void **state) {
    (void)state;
    unsigned calls = 0;
    fixture_append_costs(f, 0, 10);
    for (uint64_t index = 1; index < 5; index++) {
        row bad = row_at(TABLE_RECORDS, 0, index);
        bad.value[20] ^= 1;
        row_put(TABLE_RECORDS, &bad);
    }
    tally_check check = {.found = stop_at_once, .ctx = &calls};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(calls, 1);
    assert_int_equal(check.findings, 1);
    assert_true(check.stopped);
}

static void a_check_counts_what_it_looked_at_and_changes_nothing(void **state) {
    (void)state;
    make_large();
    tally_hash before = fixture_digest(f);
    tally_check check = {0};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(check.feeds, 2);
    assert_int_equal(check.records, FIXTURE_FIRST + LARGE_COSTS + 8 + 2 + 3);
    assert_int_equal(check.checkpoints, 1 + 1 + 8 + 1 + 3);
    assert_int_equal(check.subtrees, 1);
    assert_int_equal(check.blobs, 3);
    assert_true(check.view_rows > LARGE_COSTS);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(the_fast_check_names_the_record_for_every_bit_of_a_small_feed),
        LEDGER(the_deep_check_names_every_bit_of_checkpoints_heads_and_blobs),
        LEDGER(the_deep_check_names_sampled_bits_of_every_table_of_a_large_ledger),
        LEDGER(the_deep_check_finds_changed_views_and_rebuild_mends_them),
        LEDGER(swapped_records_are_found),
        LEDGER(a_missing_record_is_named_wherever_it_stood),
        LEDGER(an_extra_record_is_found),
        LEDGER(a_record_cut_to_nothing_is_found),
        LEDGER(a_missing_newest_checkpoint_is_found_and_an_older_one_is_covered),
        LEDGER(a_checkpoint_beyond_the_end_is_found),
        LEDGER(a_missing_or_stray_cached_hash_is_found),
        LEDGER(a_check_stops_when_it_is_told_to),
        LEDGER(a_check_counts_what_it_looked_at_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
