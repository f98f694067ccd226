/* Taking in commits of other devices, and reading commits to hand them on. Appending to the own
 * feed is in feed.c; what records mean is in view*.c. */
#include "store.h"
#include "view_fold.h"

#include <tally/ingest.h>

#include <stdlib.h>

/* A record that was checked. */
typedef struct checked {
    tally_record record;
    tally_hash leaf;
} checked;

typedef struct incoming {
    tally_txn *txn;
    const tally_device_id *device;
    uint64_t from;
    const tally_span *records;
    size_t count;
    const tally_checkpoint *cp;
    char name[17];   /* the device, short */
    bool stored;     /* there is a feed of the device already: */
    tally_feed feed; /* this */
    checked *list;
} incoming;

/* ---- what is stored ---- */

static int leaf_at(tally_txn *txn, uint32_t feed, uint64_t index, tally_hash *out,
                   tally_error *err) {
    tally_span bytes;
    int rc = tally_record_get(txn, feed, index, &bytes, err);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %llu of feed number %u is missing; run 'tally fsck'",
                          (unsigned long long)index, feed);
    if (rc == 0) tally_leaf_hash(bytes, out);
    return rc;
}

static int subtree_at(tally_txn *txn, uint32_t feed, uint64_t index, tally_hash *out,
                      tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    tally_span stored;
    store_feed_key(key, feed, index);
    int rc = store_get(txn, TABLE_SUBTREES, tally_span_of(key, sizeof key), &stored, err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && stored.len != TALLY_HASH_BYTES))
        return tally_fail(err, TALLY_ECORRUPT,
                          "a cached hash of feed number %u is missing; run 'tally fsck'", feed);
    if (rc == 0) memcpy(out->b, stored.ptr, TALLY_HASH_BYTES);
    return rc;
}

/* The right edge at a size the feed has passed: that of whole cached subtrees, as if they were
 * leaves, then that of the leaves after them. */
static int range_at(tally_txn *txn, uint32_t feed, uint64_t size, tally_range *out,
                    tally_error *err) {
    tally_range rest;
    tally_hash hash;
    uint64_t blocks = size >> TALLY_SUBTREE_LEVEL;
    int rc = 0;
    tally_range_init(out);
    tally_range_init(&rest);
    for (uint64_t i = 0; i < blocks && rc == 0; i++) {
        if ((rc = subtree_at(txn, feed, i, &hash, err)) == 0)
            tally_range_append(out, &hash, NULL, NULL);
    }
    for (uint64_t i = blocks << TALLY_SUBTREE_LEVEL; i < size && rc == 0; i++) {
        if ((rc = leaf_at(txn, feed, i, &hash, err)) == 0)
            tally_range_append(&rest, &hash, NULL, NULL);
    }
    memcpy(out->nodes + out->count, rest.nodes, rest.count * sizeof *rest.nodes);
    out->count += rest.count;
    out->size = size;
    return rc;
}

int tally_feed_root(tally_txn *txn, uint32_t feed, uint64_t size, tally_hash *root,
                    tally_error *err) {
    tally_feed head;
    tally_range range;
    int rc = feed_now(txn, feed, &head, err);
    if (rc != 0) return rc;
    if (size > head.size)
        return tally_fail(err, TALLY_EINVAL, "feed number %u has %llu records and not %llu", feed,
                          (unsigned long long)head.size, (unsigned long long)size);
    if (size == head.size)
        range = head.range;
    else
        rc = range_at(txn, feed, size, &range, err);
    if (rc == 0) tally_range_root(&range, root);
    return rc;
}

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
    int rc = tally_team_device_get(in->txn, in->device, &known);
    if (rc == 0 || (rc == TALLY_ENOTFOUND && brings_the_team(in))) return 0;
    if (rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "the view of the team is damaged; run 'tally rebuild'");
    return tally_fail(err, TALLY_EREFUSED,
                      "feed %s: nobody entitled has added this device to the team", in->name);
}

static int find_feed(incoming *in, tally_error *err) {
    uint32_t number;
    int rc = tally_feed_find(in->txn, in->device, &number);
    if (rc == 0) rc = feed_now(in->txn, number, &in->feed, err);
    in->stored = rc == 0;
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    if (in->from > in->feed.size)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "feed %s: records %llu to %llu are missing before record %llu", in->name,
                          (unsigned long long)in->feed.size, (unsigned long long)in->from - 1,
                          (unsigned long long)in->from);
    return 0;
}

static int check_signature(const incoming *in, tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
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

static int check_records(incoming *in, tally_error *err) {
    tally_hlc last = in->from == in->feed.size ? in->feed.last_hlc : 0;
    for (size_t i = 0; i < in->count; i++) {
        checked *item = &in->list[i];
        uint64_t index = in->from + i;
        if (tally_record_parse(in->records[i], &item->record, err) != 0)
            return tally_fail_while(err, "feed %s record %llu", in->name,
                                    (unsigned long long)index);
        if (item->record.hlc <= last && index > 0)
            return tally_fail(err, TALLY_EFORMAT, "feed %s record %llu: its clock does not rise",
                              in->name, (unsigned long long)index);
        last = item->record.hlc;
        tally_leaf_hash(in->records[i], &item->leaf);
    }
    return 0;
}

/* The records must be those that were signed. If they are, and stored ones among them differ, their
 * device has signed both. */
static int check_root(const incoming *in, tally_error *err) {
    tally_range range = in->feed.range;
    tally_hash root, held;
    int rc = 0;
    if (!in->stored) tally_range_init(&range);
    if (in->from < in->feed.size) rc = range_at(in->txn, in->feed.number, in->from, &range, err);
    for (size_t i = 0; i < in->count && rc == 0; i++)
        tally_range_append(&range, &in->list[i].leaf, NULL, NULL);
    if (rc != 0) return rc;
    tally_range_root(&range, &root);
    if (!tally_hash_eq(&root, &in->cp->root))
        return tally_fail(err, TALLY_EFORMAT,
                          "feed %s: its records up to %llu do not have the root that was signed",
                          in->name, (unsigned long long)in->cp->size);
    for (uint64_t index = in->from; index < in->feed.size; index++) {
        if ((rc = leaf_at(in->txn, in->feed.number, index, &held, err)) != 0) return rc;
        if (!tally_hash_eq(&held, &in->list[index - in->from].leaf)) return fork_found(in, err);
    }
    return 0;
}

static int check(incoming *in, tally_error *err) {
    int rc = check_limits(in, err);
    if (rc == 0) rc = check_device(in, err);
    if (rc == 0) rc = find_feed(in, err);
    if (rc == 0) rc = check_signature(in, err);
    if (rc == 0 && in->cp->size <= in->feed.size) return check_known(in, err);
    if (rc == 0) rc = check_records(in, err);
    return rc != 0 ? rc : check_root(in, err);
}

/* ---- storing ---- */

static int store_all(incoming *in, size_t known, tally_error *err) {
    tally_feed *feed = &in->feed;
    int rc = in->stored ? 0 : feed_make(in->txn, in->device, feed, err);
    for (size_t i = known; i < in->count && rc == 0; i++)
        rc = feed_put_record(in->txn, feed, in->records[i], &in->list[i].leaf, err);
    if (rc != 0) return rc;
    feed->last_hlc = in->list[in->count - 1].record.hlc;
    if ((rc = feed_put_checkpoint(in->txn, feed->number, in->cp, err)) != 0) return rc;
    if ((rc = feed_store(in->txn, feed, err)) != 0) return rc;
    in->txn->appended += in->count - known;
    if (!in->txn->own_loaded) return 0;
    if (feed->number == 0) in->txn->own = *feed;
    if (feed->last_hlc > in->txn->clock) in->txn->clock = feed->last_hlc;
    return 0;
}

static int fold_all(const incoming *in, size_t known, tally_error *err) {
    int rc = 0;
    for (size_t i = known; i < in->count && rc == 0; i++) {
        const checked *item = &in->list[i];
        view_source source = {in->txn, in->feed.number, in->from + i, in->device, &item->leaf};
        rc = view_apply(&source, &item->record, err);
    }
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
    int rc = check(&in, err);
    size_t known = rc == 0 ? (size_t)(in.feed.size - from) : 0;
    if (rc == 0) rc = store_all(&in, known, err);
    if (rc == 0) rc = fold_all(&in, known, err);
    free(in.list);
    return rc;
}
