/* The creator's last word: how the only admin of a team settles a fork of its own feed. A
 * feed.resolve in the creator's own feed that names the history before it closes the feed with the
 * commit that it begins; who goes on from there is added in that commit. PROTOCOL.md section 9. */
#include "fork_store.h"
#include "view_fold.h"

/* Walks one history past `common` and keeps the best word so far. */
typedef struct search {
    tally_txn *txn;
    const fork_row *row;
    uint32_t feed;
    const branch *b; /* NULL: the main feed */
    uint64_t end;    /* of this history */
    bool found;
    tally_hlc hlc;
    verdict best;
} search;

/* `index` records with this root come before the record. */
static bool is_word(const search *s, const tally_record *record, uint64_t index,
                    const tally_hash *root, uint64_t *end) {
    const uint8_t *device, *named;
    uint64_t size, more = 0;
    if (!tally_span_is(record->kind, "feed.resolve")) return false;
    (void)tally_body_u64(record, "more", &more);
    return tally_body_bin(record, "device", TALLY_PUBLIC_KEY_BYTES, &device) &&
           memcmp(device, s->row->proof.device.b, TALLY_PUBLIC_KEY_BYTES) == 0 &&
           tally_body_u64(record, "size", &size) && size == index &&
           tally_body_bin(record, "root", TALLY_HASH_BYTES, &named) &&
           memcmp(named, root->b, TALLY_HASH_BYTES) == 0 && more < TALLY_COMMIT_MAX_RECORDS &&
           tally_add_u64(index + 1, more, end) == 0;
}

/* The feed would end at `end`: a size of this history that its device signed. */
static int weigh(search *s, tally_hlc hlc, uint64_t end, tally_error *err) {
    tally_checkpoint cp;
    if (end > s->end) return 0;
    int rc = s->b ? branch_checkpoint_from(s->txn, s->b, end, &cp, err)
                  : feed_signed_until(s->txn, s->feed, end, &cp, err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && cp.size != end)) return 0;
    if (rc != 0) return rc;
    bool better = !s->found || hlc > s->hlc ||
                  (hlc == s->hlc && memcmp(cp.root.b, s->best.root.b, TALLY_HASH_BYTES) > 0);
    if (!better) return 0;
    s->found = true;
    s->hlc = hlc;
    s->best = (verdict){FORK_CLOSED, end, cp.root};
    return 0;
}

static int search_history(search *s, tally_error *err) {
    tally_range range;
    uint64_t common = s->row->proof.common;
    if (s->end <= common) return 0;
    int rc = history_edge(s->txn, s->feed, s->b, common, &range, err);
    for (uint64_t i = common; rc == 0 && i < s->end; i++) {
        tally_span bytes;
        tally_record record;
        tally_hash root, leaf;
        uint64_t end;
        tally_range_root(&range, &root);
        if (i == common && !tally_hash_eq(&root, &s->row->proof.base)) return 0;
        rc = history_record(s->txn, s->feed, s->b, i, &bytes, err);
        if (rc == 0) rc = tally_record_parse(bytes, &record, err);
        if (rc != 0) return rc;
        tally_leaf_hash(bytes, &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
        if (is_word(s, &record, i, &root, &end)) rc = weigh(s, record.hlc, end, err);
    }
    return rc;
}

int fork_last_word(tally_txn *txn, const fork_row *row, verdict *out, tally_error *err) {
    search s = {.txn = txn, .row = row};
    branch_set set;
    tally_feed feed;
    int rc = tally_feed_find(txn, &row->proof.device, &s.feed);
    if (rc == 0) rc = feed_now(txn, s.feed, &feed, err);
    if (rc == 0) rc = branch_read_all(txn, s.feed, &set, err);
    if (rc != 0) return rc;
    s.end = feed.size;
    rc = search_history(&s, err);
    for (size_t i = 0; i < set.count && rc == 0; i++) {
        s.b = &set.list[i];
        s.end = s.b->edge.size;
        rc = search_history(&s, err);
    }
    if (rc == 0 && s.found) *out = s.best;
    return rc != 0 ? rc : s.found ? 0 : TALLY_ENOTFOUND;
}

/* ---- saying it ---- */

bool fork_may_say(tally_txn *txn) {
    fork_row row;
    return fork_load(txn, &txn->ledger->device, &row, NULL) == 0 &&
           (row.standing == FORK_OPEN || row.standing == FORK_CLOSED);
}

/* The longest history that this store itself appended and a fork cut off; NULL when there is none.
 */
static const branch *own_branch(const branch_set *set) {
    const branch *best = NULL;
    for (size_t i = 0; i < set->count; i++)
        if (!set->list[i].staged && (!best || set->list[i].edge.size > best->edge.size))
            best = &set->list[i];
    return best;
}

/* Brings back what this device had appended, unless an earlier word did. */
static int go_back(tally_txn *txn, tally_feed *own, tally_error *err) {
    branch_set set;
    fork_row row;
    int rc = fork_load(txn, &own->device, &row, err);
    if (rc != 0 || row.standing == FORK_CLOSED) return rc;
    rc = branch_read_all(txn, own->number, &set, err);
    const branch *b = rc == 0 ? own_branch(&set) : NULL;
    if (!b || b->edge.size <= own->size) return rc;
    rc = branch_adopt(txn, own, b, b->edge.size, err);
    return rc == TALLY_EEXIST ? 0 : rc;
}

int fork_say_last_word(tally_txn *txn, tally_writer *writer, uint32_t more, tally_error *err) {
    tally_feed own;
    tally_hash root;
    int rc = feed_now(txn, 0, &own, err);
    if (rc == 0) rc = go_back(txn, &own, err);
    if (rc != 0) return rc;
    tally_range_root(&own.range, &root);
    tally_writer_begin(writer);
    tally_put_bin(writer, "device", tally_span_of(own.device.b, sizeof own.device.b));
    tally_put_u64(writer, "size", own.size);
    tally_put_bin(writer, "root", tally_span_of(root.b, sizeof root.b));
    tally_put_u64_opt(writer, "more", more);
    txn->closing = more + 1;
    return tally_append(txn, "feed.resolve", writer, NULL, err);
}
