/* Taking in commits of other devices, and reading commits to hand them on. Appending to the own
 * feed is in feed.c; what records mean is in view*.c. */
#include "fork_store.h"
#include "view_fold.h"

#include <tally/ingest.h>

#include <assert.h>
#include <stdlib.h>

int tally_commit_get(tally_txn *txn, uint32_t feed, uint64_t from, tally_checkpoint *cp,
                     tally_commit_fn *fn, void *ctx, tally_error *err) {
    int rc = tally_checkpoint_get(txn, feed, from, cp, err);
    for (uint64_t index = from; rc == 0 && index < cp->size; index++) {
        tally_span bytes;
        rc = tally_record_get(txn, feed, index, &bytes, err);
        if (rc == TALLY_ENOTFOUND)
            return tally_fail(err, TALLY_ECORRUPT,
                              "record %llu of feed number %u is missing; run 'tally fsck'",
                              (unsigned long long)index, feed);
        if (rc == 0) rc = fn(ctx, index, bytes, err);
    }
    return rc;
}

/* ---- checking ---- */

static int check_limits(const incoming *in, tally_error *err) {
    size_t bytes = 0;
    uint64_t end;
    if (in->count == 0 || in->count > TALLY_COMMIT_MAX_RECORDS)
        return tally_fail(err, TALLY_ELIMIT, "feed %s: a commit has 1 to %u records, not %zu",
                          in->name, TALLY_COMMIT_MAX_RECORDS, in->count);
    for (size_t i = 0; i < in->count && bytes <= TALLY_COMMIT_MAX_BYTES; i++) {
        if (in->records[i].len > TALLY_RECORD_MAX_BYTES)
            return tally_fail(err, TALLY_ELIMIT, "feed %s: a record is larger than %u bytes",
                              in->name, TALLY_RECORD_MAX_BYTES);
        bytes += in->records[i].len;
    }
    if (bytes > TALLY_COMMIT_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "feed %s: a commit is larger than %u bytes", in->name,
                          TALLY_COMMIT_MAX_BYTES);
    if (tally_add_u64(in->from, in->count, &end) != 0 || end != in->cp->size)
        return tally_fail(err, TALLY_EFORMAT,
                          "feed %s: %zu records from %llu do not make the %llu that were signed",
                          in->name, in->count, (unsigned long long)in->from,
                          (unsigned long long)in->cp->size);
    return 0;
}

/* The record that made the team names its author: nobody has to have added that device. */
static bool brings_the_team(const incoming *in) {
    tally_record record;
    tally_hash leaf;
    const uint8_t *key;
    if (in->from != 0) return false;
    tally_leaf_hash(in->records[0], &leaf);
    return tally_hash_eq(&leaf, &in->txn->ledger->team) &&
           tally_record_parse(in->records[0], &record, NULL) == 0 &&
           tally_span_is(record.kind, "team.create") &&
           tally_body_bin(&record, "sign_key", TALLY_PUBLIC_KEY_BYTES, &key) &&
           memcmp(key, in->device->b, TALLY_PUBLIC_KEY_BYTES) == 0;
}

static int check_device(const incoming *in, tally_error *err) {
    tally_team_device known;
    bool brings = brings_the_team(in);
    int rc = tally_team_device_get(in->txn, in->device, &known);
    if (rc == 0 && known.creator && in->from == 0 && !brings)
        return tally_fail(err, TALLY_EFORMAT,
                          "feed %s: the first record of the team's creator is the team's own id, "
                          "and there is no other",
                          in->name);
    if (rc == 0 || (rc == TALLY_ENOTFOUND && brings)) return 0;
    if (rc != TALLY_ENOTFOUND) return view_team_fail(rc, err);
    return tally_fail(err, TALLY_EREFUSED,
                      "feed %s: nobody entitled has added this device to the team", in->name);
}

static int find_feed(incoming *in, tally_error *err) {
    uint32_t number;
    int rc = tally_feed_find(in->txn, in->device, &number);
    if (rc == 0) rc = feed_now(in->txn, number, &in->feed, err);
    in->stored = rc == 0;
    return rc != 0 && rc != TALLY_ENOTFOUND ? rc : 0;
}

static int check_gap(const incoming *in, tally_error *err) {
    if (in->from <= in->feed.size) return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "feed %s: records %llu to %llu are missing before record %llu", in->name,
                      (unsigned long long)in->feed.size, (unsigned long long)in->from - 1,
                      (unsigned long long)in->from);
}

/* The end of a frozen feed may be one that its device never signed. */
static int check_signature(const incoming *in, const fork_row *fork, tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    if (feed_checkpoint_unsigned(in->cp) && fork && fork_vouches(fork, in->cp)) return 0;
    if (feed_checkpoint_unsigned(in->cp))
        return tally_fail(err, TALLY_EREFUSED,
                          "feed %s: it ends at size %llu by the proof of a fork that is not here",
                          in->name, (unsigned long long)in->cp->size);
    tally_origin_format(&in->txn->ledger->team, in->device, origin);
    if (tally_checkpoint_verify(in->device, origin, in->cp) == 0) return 0;
    return tally_fail(err, TALLY_EFORMAT,
                      "feed %s: the signature on its checkpoint at size %llu is not valid",
                      in->name, (unsigned long long)in->cp->size);
}

static int fork_found(const incoming *in, tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "feed %s: a fork: its device signed %llu records that contradict those "
                      "stored here; both histories are evidence, and an admin must settle it",
                      in->name, (unsigned long long)in->cp->size);
}

/* Nothing new: then it must say what is stored. */
static int check_known(const incoming *in, tally_error *err) {
    tally_hash root;
    int rc = tally_feed_root(in->txn, in->feed.number, in->cp->size, &root, err);
    if (rc != 0) return rc;
    if (!tally_hash_eq(&root, &in->cp->root)) return fork_found(in, err);
    return tally_fail(err, TALLY_EEXIST, "feed %s: its first %llu records are here already",
                      in->name, (unsigned long long)in->cp->size);
}

/* `last` is the clock before them, 0 when that will show. */
static int check_records(incoming *in, tally_hlc last, tally_error *err) {
    for (size_t i = 0; i < in->count; i++) {
        checked *item = &in->list[i];
        uint64_t index = in->from + i;
        int rc = tally_record_parse(in->records[i], &item->record, err);
        if (rc != 0) {
            (void)tally_fail_while(err, "feed %s record %llu", in->name, (unsigned long long)index);
            return rc; /* also when nobody asked for words */
        }
        if (item->record.hlc <= last && index > 0)
            return tally_fail(err, TALLY_EFORMAT, "feed %s record %llu: its clock does not rise",
                              in->name, (unsigned long long)index);
        last = item->record.hlc;
        tally_leaf_hash(in->records[i], &item->leaf);
    }
    return 0;
}

static void note_subtree(void *ctx, unsigned level, uint64_t index, const tally_hash *hash) {
    incoming *in = ctx;
    if (level != TALLY_SUBTREE_LEVEL) return;
    assert(index == (in->from >> TALLY_SUBTREE_LEVEL) + in->subtree_count);
    in->subtrees[in->subtree_count++] = *hash;
}

/* The records must be those that were signed. If they are, and stored ones among them differ, their
 * device has signed both. */
static int check_root(incoming *in, tally_error *err) {
    tally_hash root, held;
    int rc = 0;
    in->grown = in->feed.range;
    if (in->from < in->feed.size)
        rc = feed_range_at(in->txn, in->feed.number, in->from, &in->grown, err);
    for (size_t i = 0; i < in->count && rc == 0; i++)
        tally_range_append(&in->grown, &in->list[i].leaf, note_subtree, in);
    if (rc != 0) return rc;
    tally_range_root(&in->grown, &root);
    if (!tally_hash_eq(&root, &in->cp->root))
        return tally_fail(err, TALLY_EFORMAT,
                          "feed %s: its records up to %llu do not have the root that was signed",
                          in->name, (unsigned long long)in->cp->size);
    for (uint64_t index = in->from; index < in->feed.size; index++) {
        if ((rc = feed_leaf(in->txn, in->feed.number, index, &held, err)) != 0) return rc;
        if (!tally_hash_eq(&held, &in->list[index - in->from].leaf)) return fork_found(in, err);
    }
    return 0;
}

static int past_the_end(const incoming *in, const fork_row *fork, tally_error *err) {
    return tally_fail(err, TALLY_EREFUSED,
                      "feed %s is forked: it ends after %llu records%s, and no more are taken",
                      in->name, (unsigned long long)fork->size,
                      fork->standing == FORK_FROZEN ? " until an admin settles it" : "");
}

/* Whether the feed as it is here has that checkpoint on its way. */
static int is_known(const incoming *in, bool *out, tally_error *err) {
    tally_hash root;
    *out = false;
    if (in->cp->size > in->feed.size) return 0;
    int rc = tally_feed_root(in->txn, in->feed.number, in->cp->size, &root, err);
    *out = rc == 0 && tally_hash_eq(&root, &in->cp->root);
    return rc;
}

/* A forked feed: up to `common` as ever; past that only what may lead to where it shall end, which
 * is gathered beside it. Sets *stage for such a commit. */
static int check_forked(const incoming *in, const fork_row *fork, bool *stage, tally_error *err) {
    const tally_checkpoint *cp = in->cp;
    bool known, by_word = fork->standing == FORK_OPEN || fork->standing == FORK_CLOSED;
    if (cp->size == fork->proof.common && !tally_hash_eq(&cp->root, &fork->proof.base))
        return fork_found(in, err);
    if (cp->size <= fork->proof.common) return 0;
    int rc = is_known(in, &known, err);
    if (rc != 0 || known) return rc;
    if (!by_word && cp->size > fork->size) return past_the_end(in, fork, err);
    bool elsewhere = cp->size <= in->feed.size ||
                     (cp->size == fork->size && !tally_hash_eq(&cp->root, &fork->root));
    if (!by_word && elsewhere)
        return tally_fail(err, TALLY_EREFUSED,
                          "feed %s is forked: these records are of a branch that was not kept",
                          in->name);
    *stage = true;
    return 0;
}

/* Sets *stage for a commit that is in order and belongs to a branch. */
static int check(incoming *in, bool *stage, tally_error *err) {
    fork_row fork;
    int rc = check_limits(in, err);
    if (rc == 0) rc = check_device(in, err);
    if (rc == 0) rc = find_feed(in, err);
    if (rc != 0) return rc;
    rc = fork_load(in->txn, in->device, &fork, err);
    in->forked = rc == 0;
    if (rc == 0 || rc == TALLY_ENOTFOUND) rc = check_signature(in, in->forked ? &fork : NULL, err);
    if (rc == 0 && in->forked) rc = check_forked(in, &fork, stage, err);
    if (rc == 0 && *stage) return check_records(in, 0, err);
    if (rc == 0) rc = check_gap(in, err);
    if (rc == 0 && in->cp->size <= in->feed.size) return check_known(in, err);
    if (rc == 0) rc = check_records(in, in->from == in->feed.size ? in->feed.last_hlc : 0, err);
    return rc != 0 ? rc : check_root(in, err);
}

/* ---- storing ---- */

static int store_records(const incoming *in, size_t known, tally_error *err) {
    uint64_t subtree = in->from >> TALLY_SUBTREE_LEVEL;
    int rc = 0;
    for (size_t i = known; i < in->count && rc == 0; i++)
        rc = feed_put_bytes(in->txn, in->feed.number, in->from + i, in->records[i],
                            &in->list[i].leaf, err);
    for (size_t i = 0; i < in->subtree_count && rc == 0; i++)
        rc = feed_put_subtree(in->txn, in->feed.number, subtree + i, &in->subtrees[i], err);
    return rc;
}

static int store_head(incoming *in, tally_error *err) {
    tally_feed *feed = &in->feed;
    feed->size = in->cp->size;
    feed->range = in->grown;
    feed->last_hlc = in->list[in->count - 1].record.hlc;
    int rc = feed_put_checkpoint(in->txn, feed->number, in->cp, err);
    return rc != 0 ? rc : feed_keep(in->txn, feed, err);
}

static int fold_some(const incoming *in, size_t known, bool of_team, tally_error *err) {
    int rc = 0;
    for (size_t i = known; i < in->count && rc == 0; i++) {
        const checked *item = &in->list[i];
        view_source source = {in->txn, in->feed.number, in->from + i, in->device, &item->leaf};
        if (view_team_kind(item->record.kind) == of_team)
            rc = view_apply(&source, &item->record, err);
    }
    return rc;
}

/* What the commit says of the team first: who counts is then worked out once, and not again for
 * each record that follows one of the team's. And that before the feed has grown, or its new
 * records, which are not folded yet, would seem to have been folded as a stranger's. */
static int take(incoming *in, tally_error *err) {
    tally_txn *txn = in->txn;
    size_t known = (size_t)(in->feed.size - in->from);
    int rc = in->stored ? 0 : feed_make(txn, in->device, &in->feed, err);
    if (rc == 0) rc = store_records(in, known, err);
    txn->appended += in->count - known;
    if (rc == 0) rc = fold_some(in, known, true, err);
    if (rc == 0 && txn->team_changed) rc = view_members_settle(txn, err);
    if (rc == 0) rc = store_head(in, err);
    if (rc == 0) rc = fold_some(in, known, false, err);
    /* Where a forked feed ends, what is known of its branches may fit now. */
    if (rc == 0 && in->forked) txn->forks_changed = true;
    return rc;
}

int tally_ingest(tally_txn *txn, const tally_device_id *device, uint64_t from,
                 const tally_span *records, size_t count, const tally_checkpoint *cp,
                 tally_error *err) {
    incoming in = {
        .txn = txn, .device = device, .from = from, .records = records, .count = count, .cp = cp};
    tally_hex(tally_span_of(device->b, 8), in.name);
    if (txn->open_records > 0 && memcmp(device->b, txn->ledger->device.b, sizeof device->b) == 0)
        return tally_fail(err, TALLY_EINVAL,
                          "the own feed is being appended to in this transaction");
    if (count > 0 && count <= TALLY_COMMIT_MAX_RECORDS) {
        in.list = calloc(count, sizeof *in.list);
        if (!in.list) return tally_fail(err, TALLY_ENOMEM, "no memory to take in a commit");
    }
    bool stage = false;
    int rc = check(&in, &stage, err);
    if (rc == 0) rc = stage ? fork_stage(&in, err) : take(&in, err);
    if (rc == 0) rc = fork_settle(txn, err);
    free(in.list);
    return rc;
}

/* ---- handing on ---- */

/* Walks the stored records from `from` on; `fn` may stop it with 1. */
static int walk_records(tally_txn *txn, uint32_t feed, uint64_t from, tally_commit_fn *fn,
                        void *ctx, tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    store_feed_key(key, feed, from);
    MDB_val k = {sizeof key, key}, v;
    uint64_t index = from;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && mdb == 0; index++, mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const uint8_t *at = k.mv_data;
        if (k.mv_size != FEED_INDEX_KEY_BYTES || tally_get_be32(at) != feed) break;
        if (tally_get_be64(at + 4) != index || v.mv_size <= RECORD_CHECK_BYTES) {
            rc = tally_fail(err, TALLY_ECORRUPT,
                            "record %llu of feed number %u is missing or damaged; run 'tally fsck'",
                            (unsigned long long)index, feed);
            break;
        }
        rc = fn(ctx, index,
                tally_span_of((const uint8_t *)v.mv_data + RECORD_CHECK_BYTES,
                              v.mv_size - RECORD_CHECK_BYTES),
                err);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        return store_fail(txn, mdb, "cannot read the ledger", err);
    return rc;
}

typedef struct span_limits {
    uint64_t from, end; /* records from..end are within the limits */
    size_t bytes;
} span_limits;

static int within_limits(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    span_limits *span = ctx;
    (void)err;
    if (index - span->from == TALLY_COMMIT_MAX_RECORDS) return 1;
    if (record.len > TALLY_COMMIT_MAX_BYTES - span->bytes) return 1;
    span->bytes += record.len;
    span->end = index + 1;
    return 0;
}

/* The last checkpoint in (from, end]; TALLY_ENOTFOUND. */
static int last_checkpoint(tally_txn *txn, uint32_t feed, uint64_t from, uint64_t end,
                           tally_checkpoint *out, tally_error *err) {
    int rc = feed_checkpoint_until(txn, feed, end, out, err);
    return rc == 0 && out->size <= from ? TALLY_ENOTFOUND : rc;
}

typedef struct span_give {
    uint64_t end;
    tally_commit_fn *fn;
    void *ctx;
} span_give;

static int give_until(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    const span_give *give = ctx;
    int rc = give->fn(give->ctx, index, record, err);
    return rc == 0 && index + 1 == give->end ? 1 : rc;
}

int tally_commit_span(tally_txn *txn, uint32_t feed, uint64_t from, tally_checkpoint *cp,
                      tally_commit_fn *fn, void *ctx, tally_error *err) {
    span_limits span = {.from = from, .end = from};
    int rc = walk_records(txn, feed, from, within_limits, &span, err);
    if (rc < 0) return rc;
    rc = last_checkpoint(txn, feed, from, span.end, cp, err);
    if (rc != 0)
        return rc == TALLY_ENOTFOUND ? tally_fail(err, rc, "no checkpoint covers record %llu",
                                                  (unsigned long long)from)
                                     : rc;
    span_give give = {.end = cp->size, .fn = fn, .ctx = ctx};
    rc = walk_records(txn, feed, from, give_until, &give, err);
    return rc == 1 ? 0 : rc;
}
