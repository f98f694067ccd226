/* What must hold when everything works again. */
#include "sim.h"

#include <tally/blob.h>
#include <tally/cosign.h>
#include <tally/peer.h>

#include <malloc.h>
#include <stdlib.h>

#define WANTED_MAX   16u
#define END_WAIT_MS  (TALLY_SESSION_JOIN_MS + SIM_MINUTE_MS)
#define DEEP_PERCENT 5u

/* ---- one node's state ---- */

typedef struct state {
    size_t head_count;
    tally_wire_head heads[SIM_MAX_NODES];
    tally_hash digest;
    uint64_t forks, cosigs;
} state;

typedef struct cosig_sum {
    tally_txn *txn;
    uint64_t sum;
} cosig_sum;

static int add_cosig(void *ctx, const tally_cosignature *c, tally_error *err) {
    cosig_sum *s = ctx;
    tally_team_device device;
    (void)err;
    if (tally_team_device_get(s->txn, &c->device, &device) != 0) return 0;
    if (tally_team_device_get(s->txn, &c->witness, &device) != 0) return 0;
    s->sum += tally_get_be64(c->signature) * 0x9e3779b97f4a7c15u;
    return 0;
}

typedef struct fork_sum {
    tally_txn *txn;
    uint64_t sum;
} fork_sum;

static int add_fork(void *ctx, const tally_fork_state *known, tally_error *err) {
    fork_sum *s = ctx;
    tally_team_device device;
    (void)err;
    if (tally_team_device_get(s->txn, &known->proof.device, &device) != 0) return 0;
    s->sum += (tally_get_be64(known->proof.device.b) ^ known->proof.common) * 0x9e3779b97f4a7c15u;
    return 0;
}

/* Feeds and forks of those who are in the team: what others wrote is stored by whoever once took
 * them for teammates, and counts nowhere. */
static int read_state(tally_txn *txn, state *out, tally_error *err) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_team_device device;
    size_t count;
    *out = (state){.head_count = 0};
    int rc = tally_frontier(txn, heads, &count, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (tally_team_device_get(txn, &heads[i].device, &device) != 0) continue;
        if (out->head_count < SIM_MAX_NODES) out->heads[out->head_count++] = heads[i];
    }
    if (rc == 0) rc = tally_view_digest(txn, &out->digest, err);
    fork_sum forks = {.txn = txn};
    if (rc == 0) rc = tally_fork_each(txn, add_fork, &forks, err);
    out->forks = forks.sum;
    cosig_sum cosigs = {.txn = txn};
    if (rc == 0) rc = tally_cosignature_each_back(txn, add_cosig, &cosigs, err);
    out->cosigs = cosigs.sum;
    return rc;
}

static bool state_of(world *w, node *n, state *out) {
    tally_txn *txn;
    tally_error err = {0};
    int rc = tally_read_begin(n->ledger, &txn, &err);
    if (rc == 0) {
        rc = read_state(txn, out, &err);
        tally_read_end(txn);
    }
    node_expect(w, n, rc, 0, 0, "tell its state", &err);
    return rc == 0;
}

/* What the creator's store says of a device: 0 and its row, or TALLY_ENOTFOUND. */
static int standing_of(world *w, const node *n, tally_team_device *out) {
    tally_txn *txn;
    if (!node_up(&w->nodes[0]) || tally_read_begin(w->nodes[0].ledger, &txn, NULL) != 0)
        return TALLY_ENOTFOUND;
    int rc = tally_team_device_get(txn, tally_key_device(n->key), out);
    tally_read_end(txn);
    return rc;
}

bool check_counts(world *w, const node *n) {
    tally_team_device device;
    if (!n->made || n->liar || !node_up(n)) return false;
    return standing_of(w, n, &device) == 0 && device.limit == UINT64_MAX;
}

bool check_outcast(world *w, const node *n) {
    tally_team_device device;
    return standing_of(w, n, &device) == 0 && device.limit != UINT64_MAX;
}

static uint32_t number_of(world *w, const tally_device_id *device) {
    const node *n = world_node_of(w, device);
    return n ? n->number : SIM_NOBODY;
}

static bool same_heads(world *w, const node *n, const state *a, const state *b, char *why,
                       size_t size) {
    for (size_t i = 0; i < a->head_count && i < b->head_count; i++) {
        const tally_wire_head *x = &a->heads[i], *y = &b->heads[i];
        if (memcmp(x->device.b, y->device.b, sizeof x->device.b) == 0 && x->size == y->size &&
            tally_hash_eq(&x->root, &y->root))
            continue;
        (void)snprintf(why, size, "node 0 has %llu records of node %u, node %u has %llu of node %u",
                       (unsigned long long)x->size, number_of(w, &x->device), n->number,
                       (unsigned long long)y->size, number_of(w, &y->device));
        return false;
    }
    (void)snprintf(why, size, "node 0 has %zu feeds and node %u has %zu", a->head_count, n->number,
                   b->head_count);
    return a->head_count == b->head_count;
}

static bool same_state(world *w, const node *n, const state *a, const state *b, char *why,
                       size_t size) {
    if (a->forks != b->forks) {
        (void)snprintf(why, size, "nodes 0 and %u know different forks", n->number);
        return false;
    }
    if (!same_heads(w, n, a, b, why, size)) return false;
    if (a->cosigs != b->cosigs) {
        (void)snprintf(why, size, "nodes 0 and %u hold different cosignatures", n->number);
        return false;
    }
    (void)snprintf(why, size, "nodes 0 and %u hold the same and see it differently", n->number);
    return tally_hash_eq(&a->digest, &b->digest);
}

bool check_agrees(world *w, char *why, size_t size) {
    state first, other;
    if (!state_of(w, &w->nodes[0], &first)) return false;
    for (uint32_t i = 1; i < w->node_count; i++) {
        node *n = &w->nodes[i];
        if (!check_counts(w, n)) continue;
        if (!state_of(w, n, &other) || !same_state(w, n, &first, &other, why, size)) return false;
    }
    return true;
}

/* ---- views follow from records ---- */

static int count_finding(void *ctx, const char *sentence) {
    world_fail(ctx, "verify: %s", sentence);
    return 0;
}

typedef struct own_cosigs {
    world *w;
    node *n;
    tally_txn *txn;
} own_cosigs;

/* Whoever has put its name to a history holds it, unless its disk was set back. */
static int check_own_cosig(void *ctx, const tally_cosignature *c, tally_error *err) {
    const own_cosigs *own = ctx;
    tally_checkpoint head;
    (void)err;
    if (memcmp(c->witness.b, tally_key_device(own->n->key)->b, sizeof c->witness.b) != 0) return 0;
    if (tally_cosignature_history(own->txn, c, &head, NULL) == 0) return 0;
    world_fail(own->w, "node %u cosigned %llu records of node %u that it does not hold",
               own->n->number, (unsigned long long)c->checkpoint.size,
               number_of(own->w, &c->device));
    return 1;
}

static void check_cosigs(world *w, node *n) {
    own_cosigs own = {.w = w, .n = n};
    tally_error err = {0};
    if (n->backup_count > 0 || n->liar || !node_up(n)) return;
    if (tally_read_begin(n->ledger, &own.txn, &err) != 0) return;
    (void)tally_cosignature_each_back(own.txn, check_own_cosig, &own, &err);
    tally_read_end(own.txn);
}

static void check_rebuilt(world *w, node *n) {
    state before, after;
    tally_error err = {0};
    tally_check deep = {.found = count_finding, .ctx = w};
    check_cosigs(w, n);
    if (!state_of(w, n, &before)) return;
    int rc = tally_rebuild(n->ledger, node_now(w, n), &err);
    node_expect(w, n, rc, 0, 0, "rebuild", &err);
    if (rc != 0 || !state_of(w, n, &after)) return;
    if (!tally_hash_eq(&before.digest, &after.digest))
        world_fail(w, "node %u sees its records otherwise after a rebuild", n->number);
    if (dice_chance(&w->dice, DEEP_PERCENT))
        node_expect(w, n, tally_verify(n->ledger, true, &deep, &err), 0, 0, "verify", &err);
}

typedef struct entries {
    tally_entry_id *list;
    size_t count, room;
} entries;

static int take_entry(void *ctx, const tally_cost *cost) {
    entries *e = ctx;
    if (e->count < e->room) e->list[e->count] = cost->id;
    e->count++;
    return 0;
}

static int entry_order(const void *a, const void *b) {
    return memcmp(a, b, TALLY_ENTRY_BYTES);
}

/* Nothing unauthorised counts, and nothing that counts is missing. */
static void check_costs(world *w, const bool *present) {
    node *n = &w->nodes[0];
    tally_txn *txn;
    tally_error err = {0};
    tally_entry_id *expected = NULL;
    size_t count = 0;
    entries seen = {.room = w->model.count + 1};
    seen.list = calloc(seen.room, sizeof *seen.list);
    bool good = seen.list && oracle_costs(w, present, &expected, &count);
    if (good && tally_read_begin(n->ledger, &txn, &err) == 0) {
        (void)tally_cost_each(txn, 0, INT64_MAX, take_entry, &seen);
        tally_read_end(txn);
        if (seen.count <= seen.room) qsort(seen.list, seen.count, sizeof *seen.list, entry_order);
        if (seen.count != count)
            world_fail(w, "%zu costs count, and %zu should", seen.count, count);
        else if (count > 0 && memcmp(seen.list, expected, count * sizeof *expected) != 0)
            world_fail(w, "%zu costs count, and not those that should", count);
    }
    free(expected);
    free(seen.list);
}

/* ---- nothing acknowledged is lost ---- */

static void check_kept(world *w, const bool *present, const bool *set_aside,
                       const bool *elsewhere) {
    for (uint32_t i = 0; i < w->model.count && !w->failed; i++) {
        const made *record = &w->model.list[i];
        const node *n = world_node_of(w, &record->device);
        if (!record->acked || record->gone || present[i] || set_aside[i] || !n) continue;
        /* What only an outcast still holds cannot come back. */
        if (!check_counts(w, n) || elsewhere[i]) continue;
        world_fail(w, "record %llu of node %u was acknowledged and is lost",
                   (unsigned long long)record->index, n->number);
    }
}

/* ---- forks ---- */

/* Two records that follow the same one, of one device. */
static bool part(const made *a, const made *b) {
    return a->index == b->index && a->parent == b->parent &&
           memcmp(a->device.b, b->device.b, sizeof a->device.b) == 0;
}

typedef struct fork_check {
    world *w;
    const bool *present;
    uint64_t commons[SIM_MAX_NODES];
} fork_check;

static int note_common(void *ctx, const tally_fork_state *known, tally_error *err) {
    fork_check *c = ctx;
    const node *n = world_node_of(c->w, &known->proof.device);
    (void)err;
    if (n) c->commons[n->number] = known->proof.common;
    return 0;
}

static int check_known_fork(void *ctx, const tally_fork_state *known, tally_error *err) {
    const fork_check *c = ctx;
    world *w = c->w;
    const model *m = &w->model;
    const node *n = world_node_of(w, &known->proof.device);
    (void)err;
    if (n && !n->may_fork && !n->liar)
        world_fail(w, "node %u forked although its high-water mark was there", n->number);
    if (known->resolved && !oracle_settled(w, c->present, c->commons, known))
        world_fail(w, "the fork of node %u was settled by nobody who may",
                   number_of(w, &known->proof.device));
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->list[i].index != known->proof.common) continue;
        if (memcmp(m->list[i].device.b, known->proof.device.b, TALLY_PUBLIC_KEY_BYTES) != 0)
            continue;
        for (uint32_t k = 0; k < i; k++)
            if (part(&m->list[i], &m->list[k])) return 0;
    }
    world_fail(w, "a fork of node %u at %llu is known that nobody made",
               number_of(w, &known->proof.device), (unsigned long long)known->proof.common);
    return 1;
}

/* Every pair of histories of a teammate of which honest nodes hold both must be known, and end
 * there. */
static void check_forks(world *w, const bool *present, const bool *held) {
    const model *m = &w->model;
    tally_txn *txn;
    tally_fork_state known;
    tally_team_device device;
    tally_error err = {0};
    if (tally_read_begin(w->nodes[0].ledger, &txn, &err) != 0) return;
    fork_check c = {.w = w, .present = present};
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++)
        c.commons[i] = UINT64_MAX;
    (void)tally_fork_each(txn, note_common, &c, &err);
    (void)tally_fork_each(txn, check_known_fork, &c, &err);
    for (uint32_t i = 0; i < m->count && !w->failed; i++) {
        if (!held[i] || tally_team_device_get(txn, &m->list[i].device, &device) != 0) continue;
        for (uint32_t k = 0; k < i && !w->failed; k++) {
            if (!held[k] || !part(&m->list[i], &m->list[k])) continue;
            int rc = tally_fork_get(txn, &m->list[i].device, &known, &err);
            if (rc != 0 || known.proof.common > m->list[i].index)
                world_fail(w, "the fork of node %u at %llu is not known",
                           number_of(w, &m->list[i].device), (unsigned long long)m->list[i].index);
        }
    }
    tally_read_end(txn);
}

/* ---- blobs ---- */

static bool holds_blob(node *n, const tally_hash *id) {
    tally_txn *txn;
    tally_span salted;
    if (tally_read_begin(n->ledger, &txn, NULL) != 0) return false;
    bool holds = tally_blob_stored(txn, id, &salted) == 0;
    tally_read_end(txn);
    return holds;
}

static void check_blobs(world *w, node *n) {
    tally_txn *txn;
    tally_error err = {0};
    tally_hash wanted[WANTED_MAX];
    size_t count = 0;
    if (tally_read_begin(n->ledger, &txn, &err) != 0) return;
    int rc = tally_blob_wanted(txn, NULL, wanted, WANTED_MAX, &count, &err);
    tally_read_end(txn);
    node_expect(w, n, rc, 0, 0, "list the blobs it lacks", &err);
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < w->node_count; k++)
            if (check_counts(w, &w->nodes[k]) && holds_blob(&w->nodes[k], &wanted[i]))
                world_fail(w, "node %u lacks a blob that node %u holds", n->number, k);
}

/* ---- bounds ---- */

/* Nothing gets through any more: every session must notice. */
static void check_ends(world *w) {
    for (size_t i = w->live_from; i < w->conn_count; i++)
        if (!w->conns[i]->gone) net_cut(w, w->conns[i], false, false);
    world_run_until(w, w->now_ms + END_WAIT_MS);
    for (size_t i = 0; i < w->conn_count; i++)
        for (unsigned k = 0; k < 2; k++)
            if (w->conns[i]->ends[k].session)
                world_fail(w, "a session of node %u does not end", w->conns[i]->ends[k].node);
    size_t heap = mallinfo2().uordblks; /* 0 under AddressSanitizer */
    if (heap > SIM_HEAP_MAX_BYTES) world_fail(w, "%zu bytes of memory are in use", heap);
}

void check_agreement(world *w) {
    bool *marks = calloc(4 * ((size_t)w->model.count + 1), sizeof *marks);
    if (!marks) {
        world_fail(w, "no memory to check");
        return;
    }
    size_t count = w->model.count + 1;
    bool *present = marks, *aside = present + count, *held = aside + count, *out = held + count;
    held_by(w, &w->nodes[0], present, NULL);
    for (uint32_t i = 0; i < w->node_count && !w->failed; i++) {
        node *n = &w->nodes[i];
        bool honest = check_counts(w, n);
        held_by(w, n, honest ? held : out, honest ? aside : out);
        if (honest && !w->failed) check_blobs(w, n);
    }
    for (size_t i = 0; i < w->model.count; i++)
        held[i] |= aside[i];
    if (!w->failed) check_costs(w, present);
    if (!w->failed) check_kept(w, present, aside, out);
    if (!w->failed) check_forks(w, present, held);
    free(marks);
    node *any = &w->nodes[dice_below(&w->dice, w->node_count)];
    if (!w->failed && check_counts(w, any)) check_rebuilt(w, any);
    if (!w->failed) check_ends(w);
}
