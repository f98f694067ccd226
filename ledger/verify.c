/* Verification: recomputes what the signatures promise and names what does not agree. The fast
 * check hashes every record and trusts nothing but the newest signature of each feed; the deep one
 * checks every stored byte. */
#include "verify.h"
#include "feed_tail.h"
#include "view_fold.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FINDING_MAX_BYTES 512u
#define PROGRESS_RECORDS  65536u

/* A walk over the records of one feed. */
typedef struct walk {
    tally_txn *txn;
    tally_check *check;
    bool deep;
    const tally_feed *feed;
    char device[2 * TALLY_PUBLIC_KEY_BYTES + 1];
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_range range; /* over the records seen so far */
    tally_hlc last_hlc;
    uint64_t good_size; /* the last size whose root agreed with a checkpoint */
    MDB_cursor *checkpoints;
    feed_tail waiting;
    size_t waiting_at;     /* how many of these were met */
    tally_checkpoint next; /* the checkpoint to come; size 0 when there is none */
    bool head_seen;        /* a checkpoint at the feed's size was met */
    bool stop;
    bool forked; /* the feed is, as `fork` says; that itself is checked in verify_fork.c */
    fork_row fork;
    uint64_t total; /* records of all feeds, for progress */
} walk;

void verify_find(tally_check *check, const char *format, ...) {
    char sentence[FINDING_MAX_BYTES];
    va_list args;
    if (check->stopped) return;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    check->findings++;
    check->stopped = check->found && check->found(check->ctx, sentence) != 0;
}

/* Moves on to the next checkpoint of this feed in the table; its size is 0 when there is none. */
static int next_stored(walk *w, MDB_cursor_op op, tally_error *err) {
    uint8_t first[FEED_INDEX_KEY_BYTES];
    store_feed_key(first, w->feed->number, 0);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(w->checkpoints, &k, &v, op);
    w->next.size = 0;
    if (mdb == MDB_NOTFOUND) return 0;
    if (mdb != 0) return store_fail(w->txn, mdb, "cannot read checkpoints", err);
    if (k.mv_size != FEED_INDEX_KEY_BYTES || tally_get_be32(k.mv_data) != w->feed->number) return 0;
    w->next.size = tally_get_be64((const uint8_t *)k.mv_data + 4);
    if (v.mv_size != TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES) {
        verify_find(w->check,
                    "feed %.16s checkpoint at size %" PRIu64 ": it has %zu bytes instead of %u",
                    w->device, w->next.size, v.mv_size, TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES);
        memset(w->next.root.b, 0, TALLY_HASH_BYTES);
        memset(w->next.signature, 0, TALLY_SIGNATURE_BYTES);
        return 0;
    }
    memcpy(w->next.root.b, v.mv_data, TALLY_HASH_BYTES);
    memcpy(w->next.signature, (const uint8_t *)v.mv_data + TALLY_HASH_BYTES, TALLY_SIGNATURE_BYTES);
    return 0;
}

/* Moves on to the next checkpoint of this feed: those of the table, then those that wait. */
static int next_checkpoint(walk *w, MDB_cursor_op op, tally_error *err) {
    if (w->waiting_at == 0) {
        int rc = next_stored(w, op, err);
        if (rc != 0 || w->next.size > 0) return rc;
    }
    w->next.size = 0;
    if (w->waiting_at < w->waiting.checkpoints) w->next = w->waiting.checkpoint[w->waiting_at++];
    return 0;
}

/* The tree stands at a checkpoint's size: its root must agree, and its signature where it counts.
 */
static int meet_checkpoint(walk *w, tally_error *err) {
    if (w->next.size != w->range.size) return 0;
    tally_hash root;
    tally_range_root(&w->range, &root);
    w->check->checkpoints++;
    bool head = w->next.size == w->feed->size;
    bool vouched = head && w->forked && fork_vouches(&w->fork, &w->next);
    w->head_seen = w->head_seen || head;
    bool agrees = tally_hash_eq(&root, &w->next.root);
    if (!agrees)
        verify_find(w->check,
                    "feed %.16s checkpoint at size %" PRIu64
                    ": its root does not follow from records "
                    "%" PRIu64 " to %" PRIu64,
                    w->device, w->next.size, w->good_size, w->next.size - 1);
    else
        w->good_size = w->next.size;
    if (!vouched && (head || w->deep) &&
        tally_checkpoint_verify(&w->feed->device, w->origin, &w->next) != 0)
        verify_find(w->check,
                    "feed %.16s checkpoint at size %" PRIu64 ": its signature is not valid",
                    w->device, w->next.size);
    return next_checkpoint(w, MDB_NEXT, err);
}

static void check_subtree(void *ctx, unsigned level, uint64_t index, const tally_hash *hash) {
    walk *w = ctx;
    if (level != TALLY_SUBTREE_LEVEL || !w->deep) return;
    uint8_t key[FEED_INDEX_KEY_BYTES];
    tally_span stored;
    store_feed_key(key, w->feed->number, index);
    w->check->subtrees++;
    int rc = store_get(w->txn, TABLE_SUBTREES, tally_span_of(key, sizeof key), &stored, NULL);
    if (rc != 0 || stored.len != TALLY_HASH_BYTES ||
        memcmp(stored.ptr, hash->b, TALLY_HASH_BYTES) != 0)
        verify_find(w->check, "feed %.16s cached hash of records %" PRIu64 " to %" PRIu64 ": it %s",
                    w->device, index << level, ((index + 1) << level) - 1,
                    rc != 0 ? "is missing" : "does not agree");
}

static void check_record(walk *w, uint64_t index, tally_span bytes) {
    tally_record record;
    tally_error why;
    if (tally_record_parse(bytes, &record, &why) != 0) {
        verify_find(w->check, "feed %.16s record %" PRIu64 ": %s", w->device, index, why.text);
        return;
    }
    if (record.hlc <= w->last_hlc && index > 0)
        verify_find(w->check, "feed %.16s record %" PRIu64 ": its clock goes back", w->device,
                    index);
    w->last_hlc = record.hlc;
}

/* Hashes one stored record into the tree; its stored check says whether it is this one that is bad.
 */
static int meet_record(walk *w, uint64_t index, tally_span stored, tally_error *err) {
    if (stored.len <= RECORD_CHECK_BYTES) {
        verify_find(w->check, "feed %.16s record %" PRIu64 ": it has no content", w->device, index);
        w->stop = true;
        return 0;
    }
    tally_hash leaf;
    tally_span bytes =
        tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    tally_leaf_hash(bytes, &leaf);
    if (memcmp(leaf.b, stored.ptr, RECORD_CHECK_BYTES) != 0) {
        char hex[2 * RECORD_CHECK_BYTES + 1];
        tally_hex(tally_span_of(stored.ptr, RECORD_CHECK_BYTES), hex);
        verify_find(w->check,
                    "feed %.16s record %" PRIu64 " (leaf %s): its bytes are not what was recorded",
                    w->device, index, hex);
    }
    if (w->deep) check_record(w, index, bytes);
    tally_range_append(&w->range, &leaf, check_subtree, w);
    w->check->records++;
    if (w->check->progress && w->check->records % PROGRESS_RECORDS == 0)
        w->check->progress(w->check->ctx, w->check->records, w->total);
    return meet_checkpoint(w, err);
}

static int walk_records(walk *w, tally_error *err) {
    MDB_cursor *cursor;
    int rc = store_cursor(w->txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    uint8_t first[FEED_INDEX_KEY_BYTES];
    store_feed_key(first, w->feed->number, 0);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    uint64_t index = 0;
    while (mdb == 0 && rc == 0 && !w->stop && !w->check->stopped) {
        bool ours =
            k.mv_size == FEED_INDEX_KEY_BYTES && tally_get_be32(k.mv_data) == w->feed->number;
        if (!ours) break;
        if (tally_get_be64((const uint8_t *)k.mv_data + 4) != index) {
            verify_find(w->check, "feed %.16s record %" PRIu64 ": it is missing", w->device, index);
            w->stop = true;
            break;
        }
        rc = meet_record(w, index++, store_span(v), err);
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(w->txn, mdb, "cannot read records", err);
    return rc;
}

/* What the feed's row says must be what its records give. */
static void check_head(walk *w) {
    if (w->stop) return;
    const tally_feed *feed = w->feed;
    if (w->range.size != feed->size)
        verify_find(w->check,
                    "feed %.16s: %" PRIu64 " records are stored and its head says %" PRIu64,
                    w->device, w->range.size, feed->size);
    else if (w->range.count != feed->range.count ||
             memcmp(w->range.nodes, feed->range.nodes, w->range.count * sizeof(tally_hash)) != 0)
        verify_find(w->check, "feed %.16s head: its cached hashes do not follow from its records",
                    w->device);
    if (w->deep && feed->size > 0 && w->last_hlc != feed->last_hlc)
        verify_find(w->check, "feed %.16s head: its clock is not that of its last record",
                    w->device);
    if (!w->head_seen && feed->size > 0)
        verify_find(w->check, "feed %.16s: no checkpoint signs its head at size %" PRIu64,
                    w->device, feed->size);
    if (w->next.size > 0)
        verify_find(w->check, "feed %.16s checkpoint at size %" PRIu64 ": no records reach it",
                    w->device, w->next.size);
}

static uint64_t stored_rows(tally_txn *txn, store_table table) {
    MDB_stat stat;
    return mdb_stat(txn->txn, txn->ledger->tables[table], &stat) == 0 ? stat.ms_entries : 0;
}

static int check_feed(tally_txn *txn, uint32_t number, bool deep, tally_check *check,
                      tally_error *err) {
    tally_feed feed;
    tally_error why;
    int rc = feed_load(txn, number, &feed, &why);
    check->feeds++;
    if (rc != 0) {
        verify_find(check, "%s", why.text);
        return 0;
    }
    walk w = {.txn = txn,
              .check = check,
              .deep = deep,
              .feed = &feed,
              .total = stored_rows(txn, TABLE_RECORDS)};
    tally_hex(tally_span_of(feed.device.b, sizeof feed.device.b), w.device);
    tally_origin_format(&txn->ledger->team, &feed.device, w.origin);
    tally_range_init(&w.range);
    w.forked = fork_load(txn, &feed.device, &w.fork, NULL) == 0;
    if ((rc = store_cursor(txn, TABLE_CHECKPOINTS, &w.checkpoints, err)) != 0) return rc;
    rc = feed_tail_load(txn, number, &w.waiting, err);
    if (rc == 0) rc = next_checkpoint(&w, MDB_SET_RANGE, err);
    if (rc == 0) rc = walk_records(&w, err);
    if (rc == 0) check_head(&w);
    mdb_cursor_close(w.checkpoints);
    return rc;
}

static bool holds_a_team(tally_txn *txn) {
    tally_span bytes;
    tally_record record;
    int rc = tally_record_get(txn, 0, 0, &bytes, NULL);
    if (rc == TALLY_ENOTFOUND) return false;
    if (rc == 0) rc = tally_record_parse(bytes, &record, NULL);
    return rc != 0 || tally_span_is(record.kind, "team.create");
}

/* The own device's key names the feed that the store calls 0, and the team is the first record of
 * somebody's feed. */
static void check_identity(tally_txn *txn, tally_check *check) {
    tally_device_id device;
    if (view_feed_device(txn, 0, &device, NULL) != 0 ||
        memcmp(device.b, txn->ledger->device.b, sizeof device.b) != 0)
        verify_find(check, "the settings: the device they name does not own the first feed");
    uint32_t feeds = tally_feed_count(txn);
    if (feeds == 1 && !holds_a_team(txn)) return; /* it joined one, whose records are to come */
    for (uint32_t number = 0; number < feeds; number++) {
        tally_span bytes;
        tally_hash leaf;
        if (tally_record_get(txn, number, 0, &bytes, NULL) != 0) continue;
        tally_leaf_hash(bytes, &leaf);
        if (tally_hash_eq(&leaf, &txn->ledger->team)) return;
    }
    verify_find(check, "the settings: the team they name is the first record of no feed");
}

static int check_blobs(tally_txn *txn, tally_check *check, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb, rc = store_cursor(txn, TABLE_BLOBS, &cursor, err);
    if (rc != 0) return rc;
    while ((mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        tally_hash hash;
        char hex[2 * TALLY_HASH_BYTES + 1];
        check->blobs++;
        tally_sha256(store_span(v), &hash);
        if (k.mv_size == TALLY_HASH_BYTES && memcmp(k.mv_data, hash.b, TALLY_HASH_BYTES) == 0)
            continue;
        tally_hex(
            tally_span_of(k.mv_data, k.mv_size < TALLY_HASH_BYTES ? k.mv_size : TALLY_HASH_BYTES),
            hex);
        verify_find(check, "blob %s: its content does not have that hash", hex);
    }
    mdb_cursor_close(cursor);
    return mdb == MDB_NOTFOUND ? 0 : store_fail(txn, mdb, "cannot read blobs", err);
}

/* Cached hashes and checkpoints that belong to no feed or lie past its end. */
static int check_strays(tally_txn *txn, store_table table, tally_check *check, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    uint32_t feeds = tally_feed_count(txn);
    int mdb, rc = store_cursor(txn, table, &cursor, err);
    if (rc != 0) return rc;
    while ((mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        uint32_t number =
            k.mv_size == FEED_INDEX_KEY_BYTES ? tally_get_be32(k.mv_data) : UINT32_MAX;
        if (number >= feeds) {
            verify_find(check, "%s: a row belongs to no feed", store_table_name(table));
            continue;
        }
        tally_feed feed;
        uint64_t at = tally_get_be64((const uint8_t *)k.mv_data + 4);
        if (feed_load(txn, number, &feed, NULL) != 0) continue;
        bool past =
            table == TABLE_SUBTREES ? at >= feed.size >> TALLY_SUBTREE_LEVEL : at >= feed.size;
        if (past && !(table == TABLE_CHECKPOINTS && at == feed.size))
            verify_find(check, "%s: row %" PRIu64 " of feed number %u lies past the feed's end",
                        store_table_name(table), at, number);
    }
    mdb_cursor_close(cursor);
    return mdb == MDB_NOTFOUND ? 0 : store_fail(txn, mdb, "cannot read the ledger", err);
}

int verify_all(tally_txn *txn, bool deep, tally_check *check, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    int rc = 0;
    check_identity(txn, check);
    for (uint32_t number = 0; number < feeds && rc == 0 && !check->stopped; number++)
        rc = check_feed(txn, number, deep, check, err);
    if (rc == 0 && !check->stopped) verify_forks(txn, deep, check);
    if (rc == 0 && !check->stopped) rc = verify_cosignatures(txn, deep, check, err);
    static const store_table stray[] = {TABLE_RECORDS, TABLE_CHECKPOINTS, TABLE_SUBTREES};
    for (size_t i = 0; deep && rc == 0 && !check->stopped && i < sizeof stray / sizeof *stray; i++)
        rc = check_strays(txn, stray[i], check, err);
    if (rc == 0 && deep && !check->stopped) rc = check_blobs(txn, check, err);
    return rc;
}

typedef struct view_compare {
    tally_check *check;
    bool done;
} view_compare;

/* Rebuilds the views and compares digests; always ends in an abort, so that a check changes
 * nothing. */
static int compare_views(void *ctx, tally_txn *txn, tally_error *err) {
    view_compare *compare = ctx;
    tally_hash before, after;
    tally_error why;
    int rc = tally_view_digest(txn, &before, &why);
    if (rc == 0) rc = view_rebuild_in(txn, &why);
    if (rc == 0) rc = tally_view_digest(txn, &after, &why);
    if (txn->map_full) return tally_fail(err, TALLY_ELIMIT, "the map must grow first");
    compare->done = true;
    for (int t = TABLE_VIEW_FIRST; t < TABLE_COUNT; t++)
        compare->check->view_rows += stored_rows(txn, (store_table)t);
    if (rc != 0)
        verify_find(compare->check, "the views cannot be rebuilt: %s", why.text);
    else if (!tally_hash_eq(&before, &after))
        verify_find(compare->check, "the views are not what the records give; run 'tally rebuild'");
    return tally_fail(err, TALLY_EREFUSED, "a check never commits");
}

int tally_verify(tally_ledger *ledger, bool deep, tally_check *check, tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    rc = verify_all(txn, deep, check, err);
    tally_read_end(txn);
    if (rc != 0 || !deep || ledger->read_only || check->stopped) return rc;
    view_compare compare = {.check = check};
    rc = store_write(ledger, 0, compare_views, &compare, err);
    return compare.done ? 0 : rc;
}
