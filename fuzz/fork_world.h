/* Devices that signed several histories each: an input makes the records, says where a history goes
 * on from another one, and at which sizes its device signed it. What is made is sound; bending it
 * is the target's matter. */
#ifndef TALLY_FUZZ_FORK_WORLD_H
#define TALLY_FUZZ_FORK_WORLD_H

#include "ledger_fuzz.h"

#include <tally/fork.h>

#include <assert.h>

#define FORK_DEVICES      5u /* 0 the creator, whose store this is; 1 and 3 admins, 2 a member; */
#define FORK_STRANGER     4u /* a device that only an input can add */
#define FORK_HISTORIES    7u
#define FORK_RECORDS_MAX  24u /* of one history */
#define FORK_RECORD_BYTES 256u

typedef struct history {
    unsigned device;
    const struct history *stem; /* whose first `common` records it shares; NULL: of none */
    uint64_t common, size;
    tally_hlc clock;
    tally_span records[FORK_RECORDS_MAX];
    tally_hash leaves[FORK_RECORDS_MAX];
    bool is_signed[FORK_RECORDS_MAX + 1]; /* by size; */
    tally_checkpoint at[FORK_RECORDS_MAX + 1];
    uint8_t bytes[FORK_RECORDS_MAX][FORK_RECORD_BYTES]; /* of its own records */
} history;

typedef struct fork_world {
    tally_hash team;
    tally_writer *writer;
    history made; /* what the store holds of the creator before any input */
    history list[FORK_HISTORIES];
    unsigned count;
} fork_world;

/* ---- a history ---- */

static inline void history_root(const history *h, uint64_t size, tally_hash *out) {
    tally_range range;
    tally_range_init(&range);
    for (uint64_t i = 0; i < size; i++)
        tally_range_append(&range, &h->leaves[i], NULL, NULL);
    tally_range_root(&range, out);
}

static inline void history_add(history *h, tally_span record) {
    uint8_t *bytes = h->bytes[h->size];
    must(h->size < FORK_RECORDS_MAX && record.len <= FORK_RECORD_BYTES);
    memcpy(bytes, record.ptr, record.len);
    h->records[h->size] = tally_span_of(bytes, record.len);
    tally_leaf_hash(record, &h->leaves[h->size]);
    h->size++;
}

static inline void history_sign(const fork_world *w, history *h) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_checkpoint *cp = &h->at[h->size];
    if (h->size == 0 || h->is_signed[h->size]) return;
    *cp = (tally_checkpoint){.size = h->size};
    history_root(h, h->size, &cp->root);
    tally_origin_format(&w->team, tally_key_device(fuzz_keys[h->device]), origin);
    tally_checkpoint_sign(fuzz_keys[h->device], origin, cp);
    h->is_signed[h->size] = true;
}

/* How many records two histories of one device have in common. */
static inline uint64_t histories_part(const history *a, const history *b) {
    uint64_t i = 0;
    while (i < a->size && i < b->size && tally_hash_eq(&a->leaves[i], &b->leaves[i]))
        i++;
    return i;
}

/* tally_subtree_get over a history's leaf hashes */
static inline int history_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                                  tally_error *err) {
    const history *h = ctx;
    tally_range range;
    (void)err;
    tally_range_init(&range);
    for (uint64_t i = index << level; i < (index + 1) << level; i++)
        tally_range_append(&range, &h->leaves[i], NULL, NULL);
    tally_range_root(&range, out);
    return 0;
}

static inline void history_side(history *h, uint64_t common, uint64_t size,
                                tally_fork_branch *out) {
    *out = (tally_fork_branch){.checkpoint = h->at[size]};
    history_root(h, common + 1, &out->next);
    if (common > 0)
        must(tally_consistency_prove(common, size, history_subtree, h, &out->to_common, NULL) == 0);
    if (common + 1 < size)
        must(tally_consistency_prove(common + 1, size, history_subtree, h, &out->to_next, NULL) ==
             0);
}

/* The proof that both are of one device; `choice` says which checkpoint of each. False where one is
 * the beginning of the other. */
static inline bool histories_prove(history *a, history *b, uint8_t choice, tally_fork *out) {
    history *both[2] = {a, b};
    uint64_t common = histories_part(a, b);
    if (a->device != b->device || common == a->size || common == b->size) return false;
    *out = (tally_fork){.device = *tally_key_device(fuzz_keys[a->device]), .common = common};
    history_root(a, common, &out->base);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t size = both[i]->size;
        if (choice >> i & 1) /* the first that proves it */
            for (size = common + 1; !both[i]->is_signed[size];)
                size++;
        history_side(both[i], common, size, &out->branches[i]);
    }
    if (memcmp(out->branches[0].next.b, out->branches[1].next.b, TALLY_HASH_BYTES) > 0) {
        tally_fork_branch first = out->branches[0];
        out->branches[0] = out->branches[1];
        out->branches[1] = first;
    }
    return true;
}

/* ---- records ---- */

static inline void put_device(tally_writer *writer, unsigned device) {
    tally_put_bin(writer, "device",
                  tally_span_of(tally_key_device(fuzz_keys[device])->b, TALLY_PUBLIC_KEY_BYTES));
}

static inline const char *cost_write(tally_writer *writer, const history *h, uint8_t choice) {
    static const char *const keys[] = {"a", "b", "c", "d"};
    tally_put_str(writer, "agent", tally_span_str("codex"));
    tally_put_str(writer, "key", tally_span_str(keys[choice % 4u]));
    tally_put_str(writer, "session", tally_span_str("s"));
    tally_put_str(writer, "model", tally_span_str("gpt-5"));
    tally_put_u64(writer, "time", FUZZ_NOW_MS + h->size);
    tally_put_u64(writer, "input", 10);
    tally_put_u64(writer, "output", choice / 4u);
    tally_put_u64(writer, "cache_read", 0);
    return "cost";
}

/* An admin's word about some history that is there, or the last word of one's own. */
static inline const char *resolve_write(const fork_world *w, tally_writer *writer, const history *h,
                                        bool own, tally_span *input) {
    uint8_t which = take(input), where = take(input);
    const history *kept = own || w->count == 0 ? h : &w->list[which % w->count];
    uint64_t size = kept == h ? h->size : where % (kept->size + 1);
    static tally_hash root;
    history_root(kept, size, &root);
    put_device(writer, kept->device);
    tally_put_u64(writer, "size", size);
    tally_put_bin(writer, "root", tally_span_of(root.b, sizeof root.b));
    if (own && which % 4u > 0) tally_put_u64(writer, "more", which % 4u);
    return "feed.resolve";
}

static inline const char *revoke_write(tally_writer *writer, uint8_t choice) {
    put_device(writer, choice % FORK_DEVICES);
    tally_put_u64(writer, "size", choice / FORK_DEVICES);
    return "device.revoke";
}

static inline const char *add_write(tally_writer *writer, uint8_t choice) {
    static const char *const roles[] = {"admin", "member", "auditor"};
    unsigned device = choice % 2 ? FORK_STRANGER : choice / 2 % FORK_DEVICES;
    put_device(writer, device);
    tally_put_bin(writer, "box_key",
                  tally_span_of(tally_key_box_public(fuzz_keys[device]), TALLY_PUBLIC_KEY_BYTES));
    tally_put_str(writer, "role", tally_span_str(roles[choice / 8u % 3u]));
    tally_put_str(writer, "member", tally_span_str("eve"));
    tally_put_str(writer, "name", tally_span_str("new"));
    return "device.add";
}

static inline void history_grow(const fork_world *w, history *h, uint8_t kind, tally_span *input) {
    const char *name;
    tally_span bytes;
    h->clock += 1u + take(input) % 16u;
    tally_writer_begin(w->writer);
    switch (kind % 8u) {
    case 0:
    case 1: name = resolve_write(w, w->writer, h, false, input); break;
    case 2: name = resolve_write(w, w->writer, h, true, input); break;
    case 3: name = revoke_write(w->writer, take(input)); break;
    case 4: name = add_write(w->writer, take(input)); break;
    default: name = cost_write(w->writer, h, take(input));
    }
    must(tally_writer_encode(w->writer, name, h->clock, &bytes, NULL) == 0);
    history_add(h, bytes);
}

/* ---- the world ---- */

/* The histories of the device so far, the store's own among them. */
static inline const history *stem_of(const fork_world *w, unsigned device, uint8_t choice) {
    const history *found[FORK_HISTORIES + 1];
    unsigned count = 0;
    if (device == 0) found[count++] = &w->made;
    for (unsigned i = 0; i < w->count; i++)
        if (w->list[i].device == device) found[count++] = &w->list[i];
    return count > 0 ? found[choice % count] : NULL;
}

/* The first records are those of `stem`; its checkpoints of them hold here too. */
static inline void history_begin(const fork_world *w, history *h, unsigned device,
                                 const history *stem, uint8_t choice) {
    *h = (history){.device = device, .stem = stem, .clock = w->made.clock};
    if (!stem) return;
    h->common = stem->size - choice % (stem->size + 1);
    for (uint64_t i = 0; i < h->common; i++) {
        history_add(h, stem->records[i]);
        h->is_signed[i + 1] = stem->is_signed[i + 1];
        h->at[i + 1] = stem->at[i + 1];
    }
    if (h->common < stem->size || stem != &w->made) {
        tally_record last;
        if (h->common == 0) return;
        must(tally_record_parse(h->records[h->common - 1], &last, NULL) == 0);
        h->clock = last.hlc;
    }
}

/* One history: whose, after what, then its records. A kind's high bits say where it is signed and
 * whether it is the last. */
static inline void world_history(fork_world *w, tally_span *input) {
    history *h = &w->list[w->count];
    uint8_t whose = take(input), common = take(input), kind;
    unsigned device = whose % FORK_DEVICES;
    history_begin(w, h, device, stem_of(w, device, whose / FORK_DEVICES), common);
    if (h->size == FORK_RECORDS_MAX) return;
    do {
        kind = take(input);
        history_grow(w, h, kind, input);
        if (kind & 0x40) history_sign(w, h);
    } while (!(kind & 0x80) && input->len > 0 && h->size < FORK_RECORDS_MAX);
    history_sign(w, h);
    w->count++;
}

static inline void fork_world_read(fork_world *w, tally_span *input) {
    w->count = 0;
    while (w->count < FORK_HISTORIES && input->len > 0)
        world_history(w, input);
}

/* What the store has of the creator's feed. */
static inline int fork_world_made(void *ctx, tally_txn *txn, tally_error *err) {
    fork_world *w = ctx;
    tally_feed feed;
    w->team = *tally_ledger_team(txn->ledger);
    must(tally_feed_get(txn, 0, &feed, NULL) == 0);
    for (uint64_t i = 0; i < feed.size; i++) {
        tally_span bytes;
        tally_checkpoint cp;
        must(tally_record_get(txn, 0, i, &bytes, NULL) == 0);
        history_add(&w->made, bytes);
        must(tally_checkpoint_get(txn, 0, i, &cp, NULL) == 0);
        w->made.at[cp.size] = cp;
        w->made.is_signed[cp.size] = true;
    }
    w->made.clock = feed.last_hlc;
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

#endif
