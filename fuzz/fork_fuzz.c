/* Devices that signed several histories, as a store learns of them: commits, proofs and segments,
 * again and again until nothing changes. In whatever order they come feeds end at the same records
 * and views are the same; what is bent is refused without a trace; nothing counts that was not
 * signed. */
#include "fork_world.h"
#include "verify.h"
#include "view_fold.h"

#include <tally/segment.h>

#include "../tests/unit/segment_seal.h"

#define ROUNDS_MAX  96u
#define GIFTS_MAX   512u
#define SEGMENT_MAX (256u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static fork_world the_world;
static tally_wire_packer *packer;

static const tally_team_secret secret = {.epoch = 1, .bytes = {0x5e, 0xc2, 0xe7}};

/* ---- what is given ---- */

/* A commit of a history; one whose end the proof of a fork vouches for; a proof of two histories; a
 * history whole, in a segment. */
typedef enum gift_type { GIFT_COMMIT, GIFT_VOUCHED, GIFT_PROOF, GIFT_SEGMENT } gift_type;

typedef struct gift {
    gift_type type;
    history *one, *other;
    uint64_t from, size;
} gift;

typedef struct giving {
    gift list[GIFTS_MAX];
    size_t count;
    uint8_t order;     /* 0: as they are in the list, and no segments; else shuffled by this */
    uint8_t proofs;    /* which checkpoints they name */
    tally_span bends;  /* what is bent before it is given as it is */
    tally_hash views;  /* at the end */
    tally_hash states; /* likewise, of forks and feeds */
} giving;

static void gift_add(giving *g, gift_type type, history *one, history *other, uint64_t from,
                     uint64_t size) {
    must(g->count < GIFTS_MAX);
    g->list[g->count++] = (gift){type, one, other, from, size};
}

/* Between the sizes at which it is signed. */
static void gifts_of_history(giving *g, history *h) {
    uint64_t from = 0;
    for (uint64_t size = from + 1; size <= h->size; size++) {
        if (!h->is_signed[size]) continue;
        gift_add(g, GIFT_COMMIT, h, NULL, from, size);
        from = size;
    }
}

static void gifts_of_fork(giving *g, history *one, history *other) {
    uint64_t common = histories_part(one, other), from = common > 0 ? common - 1 : 0;
    static tally_fork fork;
    if (!histories_prove(one, other, 0, &fork)) return;
    gift_add(g, GIFT_PROOF, one, other, 0, 0);
    while (from > 0 && !one->is_signed[from])
        from--;
    if (common > from) gift_add(g, GIFT_VOUCHED, one, NULL, from, common);
}

static void gifts_list(giving *g) {
    fork_world *w = &the_world;
    g->count = 0;
    gifts_of_history(g, &w->made);
    for (unsigned i = 0; i < w->count; i++)
        gifts_of_history(g, &w->list[i]);
    for (unsigned i = 0; i < w->count; i++) {
        gifts_of_fork(g, &w->list[i], &w->made);
        for (unsigned j = 0; j < i; j++)
            gifts_of_fork(g, &w->list[i], &w->list[j]);
    }
    for (unsigned i = 0; g->order && i < w->count; i++)
        if (g->order >> (i % 8u) & 1) gift_add(g, GIFT_SEGMENT, &w->list[i], NULL, 0, 0);
    uint32_t state = g->order;
    for (size_t i = g->count; g->order && i > 1; i--) {
        state = state * 1664525u + 1013904223u;
        size_t j = (state >> 8) % i;
        gift kept = g->list[i - 1];
        g->list[i - 1] = g->list[j];
        g->list[j] = kept;
    }
}

/* ---- giving ---- */

typedef struct commit {
    tally_device_id device;
    tally_span records[FORK_RECORDS_MAX];
    tally_checkpoint cp;
} commit;

/* One bit of what is signed or of what it is signed with. */
static void bend_commit(commit *c, const gift *g, uint8_t *copy, uint8_t where) {
    size_t first = (size_t)g->from;
    uint8_t bit = (uint8_t)(1u << where % 8u);
    switch (where / 8u % 4u) {
    case 0: c->cp.root.b[where / 32u] ^= bit; break;
    case 1: c->cp.signature[where / 32u * 9u] ^= bit; break;
    case 2: c->device = *tally_key_device(fuzz_keys[(g->one->device + 1u) % FORK_DEVICES]); break;
    default:
        memcpy(copy, c->records[first].ptr, c->records[first].len);
        copy[c->records[first].len - 1u - where / 32u] ^= bit;
        c->records[first].ptr = copy;
    }
}

static int give_commit(tally_txn *txn, const gift *g, int bend) {
    uint8_t copy[FORK_RECORD_BYTES];
    commit c = {.device = *tally_key_device(fuzz_keys[g->one->device])};
    memcpy(c.records, g->one->records, sizeof c.records);
    if (g->type == GIFT_VOUCHED) {
        c.cp.size = g->size;
        history_root(g->one, g->size, &c.cp.root);
    } else {
        c.cp = g->one->at[g->size];
    }
    if (bend >= 0) bend_commit(&c, g, copy, (uint8_t)bend);
    return tally_ingest(txn, &c.device, g->from, c.records + g->from, (size_t)(g->size - g->from),
                        &c.cp, NULL);
}

static void bend_proof(tally_fork *fork, uint8_t where) {
    tally_fork_branch *side = &fork->branches[where & 1];
    uint8_t bit = (uint8_t)(1u << (where >> 1) % 8u);
    switch (where >> 4 & 7) {
    case 0: side->checkpoint.signature[0] ^= bit; break;
    case 1: side->checkpoint.root.b[0] ^= bit; break;
    case 2: side->next.b[0] ^= bit; break;
    case 3: side->checkpoint.size += bit; break;
    case 4: fork->base.b[31] ^= bit; break;
    case 5: fork->common += bit; break;
    case 6: side->to_next.count ^= 1u; break;
    default: fork->branches[0] = fork->branches[1];
    }
}

static int give_proof(tally_txn *txn, const gift *g, uint8_t proofs, int bend) {
    static tally_fork fork;
    must(histories_prove(g->one, g->other, proofs, &fork));
    must(tally_fork_check(&the_world.team, &fork, NULL) == 0);
    if (bend >= 0) bend_proof(&fork, (uint8_t)bend);
    return tally_fork_put(txn, &fork, NULL);
}

/* All of a history, from its beginning, as somebody writes it who knows of no fork. */
static size_t segment_make(const history *h, uint8_t *out) {
    tally_buffer plain, raw;
    uint64_t from = 0;
    seal s;
    tally_buffer_init(&plain, SEGMENT_MAX / 2);
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    must(tally_wire_put_hello(&plain, FUZZ_NOW_MS, NULL, 0, NULL, 0, NULL) == 0);
    for (uint64_t size = 1; size <= h->size; size++) {
        if (!h->is_signed[size]) continue;
        tally_wire_commits commits = {.device = *tally_key_device(fuzz_keys[h->device]),
                                      .from = from,
                                      .count = (uint32_t)(size - from),
                                      .checkpoint = h->at[size]};
        raw.len = 0;
        for (; from < size; from++)
            must(tally_wire_add_record(&raw, h->records[from], NULL) == 0);
        commits.raw_len = (uint32_t)raw.len;
        must(tally_wire_pack(packer, tally_buffer_span(&raw), &commits.packed, NULL) == 0);
        must(tally_wire_put_commits(&plain, &commits, NULL) == 0);
    }
    seal_begin(&s, secret.bytes, out, SEGMENT_MAX);
    must(seal_chunk(&s, plain.ptr, plain.len, SEAL_FINAL));
    tally_buffer_clear(&raw);
    tally_buffer_clear(&plain);
    return s.len;
}

static int give_segment(tally_txn *txn, const gift *g) {
    static uint8_t sealed[SEGMENT_MAX];
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    seal_source source = {.bytes = sealed, .len = segment_make(g->one, sealed)};
    tally_segment_read read = {.secrets = &secret,
                               .secret_count = 1,
                               .packer = packer,
                               .source = seal_read,
                               .ctx = &source,
                               .heads = heads};
    return tally_segment_take(&read, txn, NULL);
}

static int give(tally_txn *txn, const giving *all, const gift *g, int bend) {
    switch (g->type) {
    case GIFT_PROOF: return give_proof(txn, g, all->proofs, bend);
    case GIFT_SEGMENT: return give_segment(txn, g);
    default: return give_commit(txn, g, bend);
    }
}

/* ---- what must hold ---- */

static tally_hash digest_of(tally_txn *txn) {
    tally_hash digest;
    must(tally_view_digest(txn, &digest, NULL) == 0);
    return digest;
}

/* Of each device of the team: where its feed ends, and what is known of its fork. */
static tally_hash states_of(tally_txn *txn) {
    static struct {
        bool is_here, forked, resolved;
        uint64_t size, common, ends;
        tally_hash root, end;
    } all[FORK_DEVICES];
    static tally_fork_state fork;
    tally_hash digest;
    memset(all, 0, sizeof all);
    for (unsigned i = 0; i < FORK_DEVICES; i++) {
        const tally_device_id *id = tally_key_device(fuzz_keys[i]);
        tally_team_device device;
        tally_feed feed;
        uint32_t number;
        all[i].is_here = tally_team_device_get(txn, id, &device) == 0;
        if (!all[i].is_here) continue;
        tally_range_init(&feed.range);
        if (tally_feed_find(txn, id, &number) == 0)
            must(tally_feed_get(txn, number, &feed, NULL) == 0);
        all[i].size = feed.range.size;
        tally_range_root(&feed.range, &all[i].root);
        int rc = tally_fork_get(txn, id, &fork, NULL);
        must(rc == 0 || rc == TALLY_ENOTFOUND);
        all[i].forked = rc == 0;
        if (rc != 0) continue;
        all[i].resolved = fork.resolved;
        all[i].common = fork.proof.common;
        all[i].ends = fork.size;
        all[i].end = fork.root;
        must(fork.held == all[i].size && all[i].size <= fork.size);
    }
    tally_sha256(tally_span_of(all, sizeof all), &digest);
    return digest;
}

/* A bent gift changes nothing, whatever is here. */
static void give_bent(tally_txn *txn, const giving *all, const gift *g, uint8_t bend) {
    if (g->type == GIFT_SEGMENT) return;
    tally_hash views = digest_of(txn), states = states_of(txn);
    must(give(txn, all, g, bend) != 0);
    tally_hash views_now = digest_of(txn), states_now = states_of(txn);
    must(tally_hash_eq(&views, &views_now) && tally_hash_eq(&states, &states_now));
}

static bool begins(const history *h, unsigned device, const tally_feed *feed) {
    tally_hash ours, theirs;
    if (h->device != device || h->size < feed->size) return false;
    tally_range_root(&feed->range, &ours);
    history_root(h, feed->size, &theirs);
    return tally_hash_eq(&ours, &theirs);
}

static bool begins_some(unsigned device, const tally_feed *feed) {
    bool found = feed->size == 0 || begins(&the_world.made, device, feed);
    for (unsigned i = 0; i < the_world.count && !found; i++)
        found = begins(&the_world.list[i], device, feed);
    return found;
}

/* All of it is as the check of a ledger wants it, and what feeds hold somebody made. */
static void check_store(tally_txn *txn) {
    tally_check check = {0};
    must(verify_all(txn, true, &check, NULL) == 0 && check.findings == 0);
    for (unsigned i = 0; i < FORK_DEVICES; i++) {
        uint32_t number;
        tally_feed feed;
        if (tally_feed_find(txn, tally_key_device(fuzz_keys[i]), &number) != 0) continue;
        must(tally_feed_get(txn, number, &feed, NULL) == 0);
        must(begins_some(i, &feed));
    }
    tally_hash folded = digest_of(txn);
    must(view_rebuild_in(txn, NULL) == 0);
    tally_hash rebuilt = digest_of(txn);
    must(tally_hash_eq(&folded, &rebuilt));
}

static int segment_sink(void *ctx, tally_span bytes, tally_error *err) {
    (void)err;
    must(tally_buffer_add(ctx, bytes, NULL) == 0);
    return 0;
}

/* What the store says of itself in a segment is whole, and nothing new to it. */
static void check_segment(tally_txn *txn) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    static tally_segment_span spans[TALLY_WIRE_MAX_HEADS];
    tally_buffer sealed;
    tally_hash before = states_of(txn);
    tally_buffer_init(&sealed, SEGMENT_MAX);
    tally_segment_write out = {.txn = txn,
                               .secret = &secret,
                               .packer = packer,
                               .now_ms = FUZZ_NOW_MS,
                               .sink = segment_sink,
                               .ctx = &sealed,
                               .spans = spans};
    must(tally_segment_write_to(&out, NULL) == 0);
    seal_source source = {.bytes = sealed.ptr, .len = sealed.len};
    tally_segment_read in = {.secrets = &secret,
                             .secret_count = 1,
                             .packer = packer,
                             .source = seal_read,
                             .ctx = &source,
                             .heads = heads};
    must(tally_segment_check(&in, NULL) == 0);
    must(in.records == out.records && in.forks == out.forks);
    source.at = 0;
    must(tally_segment_take(&in, txn, NULL) == 0 && in.records == 0 && in.forked == 0);
    tally_hash after = states_of(txn);
    must(tally_hash_eq(&before, &after));
    tally_buffer_clear(&sealed);
}

/* What this store's own device, the creator's, would say of each fork. Comes last: its word waits
 * for the end of the transaction, which there is none of. */
static void settle_here(tally_txn *txn) {
    static tally_fork_state fork;
    for (unsigned i = 0; i < FORK_DEVICES; i++) {
        const tally_device_id *id = tally_key_device(fuzz_keys[i]);
        bool forked = tally_fork_get(txn, id, &fork, NULL) == 0;
        const tally_fork *proof = &fork.proof;
        const tally_checkpoint *tip = &proof->branches[i % 2].checkpoint;
        int none = tally_fork_resolve(txn, id, proof->common + 1, &proof->base, NULL);
        int neither = tally_fork_resolve(txn, id, proof->common, &proof->base, NULL);
        int one = tally_fork_resolve(txn, id, tip->size, &tip->root, NULL);
        if (forked)
            must((none == TALLY_EINVAL && neither == 0 && one == 0) ||
                 (none == TALLY_EREFUSED && neither == none && one == none));
        else
            must(none == TALLY_ENOTFOUND && neither == none && one == none);
    }
}

/* Ends in an error, so that the ledger is as it was for the next order. */
static int one_order(void *ctx, tally_txn *txn, tally_error *err) {
    giving *all = ctx;
    bool changed = true;
    gifts_list(all);
    tally_span bends = all->bends;
    all->states = states_of(txn);
    for (unsigned round = 0; changed; round++) {
        must(round < ROUNDS_MAX);
        changed = false;
        for (size_t i = 0; i < all->count; i++) {
            const gift *g = &all->list[i];
            if (bends.len > 0 && (take(&bends) & 7u) == 0) give_bent(txn, all, g, take(&bends));
            int rc = give(txn, all, g, -1);
            must(rc == 0 || rc == TALLY_EEXIST || rc == TALLY_ENOTFOUND || rc == TALLY_EREFUSED ||
                 rc == TALLY_ECORRUPT || rc == TALLY_EFORMAT);
            changed = changed || (rc == 0 && g->type != GIFT_SEGMENT);
        }
        tally_hash now = states_of(txn), views = digest_of(txn);
        changed = changed || !tally_hash_eq(&now, &all->states) ||
                  (round > 0 && !tally_hash_eq(&views, &all->views));
        all->states = now;
        all->views = views;
    }
    check_store(txn);
    if (all->order) check_segment(txn);
    if (all->order) settle_here(txn);
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_ledger *ledger;
    static giving straight, mixed;
    tally_span input = tally_span_of(data, size);
    if (!ledger) {
        must(tally_writer_new(&the_world.writer, NULL) == 0);
        must(tally_wire_packer_new(&packer, NULL) == 0);
        ledger = fuzz_ledger_make(fuzz_two_admins);
        must(tally_ledger_write(ledger, FUZZ_NOW_MS, fork_world_made, &the_world, NULL) ==
             TALLY_EREFUSED);
    }
    mixed.order = (uint8_t)(1u + take(&input) % 255u);
    mixed.proofs = take(&input);
    mixed.bends = take_some(&input, take(&input) % 32u);
    fork_world_read(&the_world, &input);
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, one_order, &straight, NULL) == TALLY_EREFUSED);
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, one_order, &mixed, NULL) == TALLY_EREFUSED);
    must(tally_hash_eq(&straight.states, &mixed.states));
    must(tally_hash_eq(&straight.views, &mixed.views));
    return 0;
}
