/* What counts, worked out a second time: membership by the rules of PROTOCOL.md section 1, and from
 * it the costs, straight from the records that were made. Slow and simple on purpose. */
#include "sim.h"

#include <stdlib.h>

typedef struct standing {
    bool member;
    tally_role role;
    uint32_t round;
    uint64_t limit;
} standing;

typedef struct oracle {
    world *w;
    uint32_t *facts; /* adds and revocations that are present, in order */
    uint32_t count;
    bool *applied;
    const uint64_t *commons; /* by node: facts from there on are left out; NULL: none */
    standing by[SIM_MAX_NODES];
} oracle;

static const model *sorting; /* qsort has no context */

static int fact_order(const void *a, const void *b) {
    const made *x = &sorting->list[*(const uint32_t *)a], *y = &sorting->list[*(const uint32_t *)b];
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = memcmp(x->device.b, y->device.b, sizeof x->device.b);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static standing *of(oracle *o, const tally_device_id *device) {
    static standing nobody;
    const node *n = world_node_of(o->w, device);
    nobody = (standing){.member = false};
    return n ? &o->by[n->number] : &nobody;
}

static bool admits(oracle *o, const made *fact, uint32_t round) {
    const standing *author = of(o, &fact->device);
    return author->member && author->role == TALLY_ROLE_ADMIN && author->round < round &&
           fact->index < author->limit;
}

/* Step 2: the creator, then in rounds whom those of the rounds before have added. */
static void admit(oracle *o) {
    bool grew = true;
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++)
        o->by[i].member = false;
    o->by[0].member = true;
    o->by[0].role = TALLY_ROLE_ADMIN;
    o->by[0].round = 0;
    for (uint32_t round = 1; grew; round++) {
        grew = false;
        for (uint32_t i = 0; i < o->count; i++) {
            const made *fact = &o->w->model.list[o->facts[i]];
            standing *subject = of(o, &fact->subject);
            if (fact->kind != MADE_ADD || subject->member || !admits(o, fact, round)) continue;
            subject->member = grew = true;
            subject->role = fact->role;
            subject->round = round;
        }
    }
}

static bool may_revoke(oracle *o, const made *fact) {
    const standing *author = of(o, &fact->device);
    if (!author->member || fact->index >= author->limit) return false;
    if (memcmp(fact->device.b, fact->subject.b, sizeof fact->device.b) == 0) return true;
    return author->role == TALLY_ROLE_ADMIN && of(o, &fact->subject) != &o->by[0];
}

/* Step 3: one revocation, the first of the nearest authors. */
static bool revoke_one(oracle *o) {
    const made *best = NULL;
    uint32_t at = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        const made *fact = &o->w->model.list[o->facts[i]];
        if (fact->kind != MADE_REVOKE || o->applied[i] || !may_revoke(o, fact)) continue;
        if (best && of(o, &fact->device)->round >= of(o, &best->device)->round) continue;
        best = fact;
        at = i;
    }
    if (!best) return false;
    standing *subject = of(o, &best->subject);
    uint32_t round_kept = subject->round;
    o->applied[at] = true;
    if (best->size < subject->limit) subject->limit = best->size;
    subject->round = round_kept;
    return true;
}

static bool left_out(oracle *o, const made *fact) {
    const node *author = world_node_of(o->w, &fact->device);
    return o->commons && author && fact->index >= o->commons[author->number];
}

static bool work_out(oracle *o, const bool *present) {
    const model *m = &o->w->model;
    o->facts = calloc(m->count + 1, sizeof *o->facts);
    o->applied = calloc(m->count + 1, sizeof *o->applied);
    if (!o->facts || !o->applied) return false;
    for (uint32_t i = 0; i < m->count; i++)
        if (present[i] && (m->list[i].kind == MADE_ADD || m->list[i].kind == MADE_REVOKE) &&
            !left_out(o, &m->list[i]))
            o->facts[o->count++] = i;
    sorting = m;
    qsort(o->facts, o->count, sizeof *o->facts, fact_order);
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++)
        o->by[i].limit = UINT64_MAX;
    do
        admit(o);
    while (revoke_one(o));
    return true;
}

static int entry_order(const void *a, const void *b) {
    return memcmp(a, b, TALLY_ENTRY_BYTES);
}

static bool counts(oracle *o, const made *record) {
    const standing *author = of(o, &record->device);
    return author->member && author->role != TALLY_ROLE_AUDITOR && record->index < author->limit;
}

/* Each once, ascending. */
static size_t gather(oracle *o, const bool *present, made_kind kind, tally_entry_id *out) {
    const model *m = &o->w->model;
    size_t count = 0, unique = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (present[i] && m->list[i].kind == kind && counts(o, &m->list[i]))
            out[count++] = m->list[i].entry;
    qsort(out, count, sizeof *out, entry_order);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || entry_order(&out[unique - 1], &out[i]) != 0) out[unique++] = out[i];
    return unique;
}

bool oracle_costs(world *w, const bool *present, tally_entry_id **out, size_t *count) {
    oracle o = {.w = w};
    tally_entry_id *voids = calloc(w->model.count + 1, sizeof *voids);
    *out = calloc(w->model.count + 1, sizeof **out);
    bool good = voids && *out && work_out(&o, present);
    if (good) {
        size_t all = gather(&o, present, MADE_COST, *out), left = 0;
        size_t voided = gather(&o, present, MADE_VOID, voids);
        for (size_t i = 0; i < all; i++)
            if (!bsearch(&(*out)[i], voids, voided, sizeof *voids, entry_order))
                (*out)[left++] = (*out)[i];
        *count = left;
    }
    free(o.facts);
    free(o.applied);
    free(voids);
    return good;
}

/* Another device's word names the end; the creator's own last word is part of what it keeps. */
static bool settles(oracle *o, const made *resolve, const tally_fork_state *known) {
    const standing *author = of(o, &resolve->device);
    if (memcmp(resolve->device.b, resolve->subject.b, sizeof resolve->device.b) == 0)
        return author == &o->by[0] && resolve->index == resolve->size &&
               known->size == resolve->index + 1 + resolve->more;
    return author->member && author->role == TALLY_ROLE_ADMIN && resolve->index < author->limit &&
           resolve->size == known->size && tally_hash_eq(&resolve->root, &known->root) &&
           !left_out(o, resolve);
}

bool oracle_settled(world *w, const bool *present, const uint64_t commons[SIM_MAX_NODES],
                    const tally_fork_state *known) {
    uint64_t bounds[SIM_MAX_NODES];
    const tally_device_id *device = &known->proof.device;
    oracle o = {.w = w, .commons = bounds};
    bool settled = false;
    memcpy(bounds, commons, sizeof bounds);
    /* The creator's feed is settled first, and all that it then holds decides about the others. */
    if (world_node_of(w, device) != &w->nodes[0]) bounds[0] = UINT64_MAX;
    bool good = work_out(&o, present);
    for (uint32_t i = 0; good && i < w->model.count && !settled; i++) {
        const made *resolve = &w->model.list[i];
        settled = present[i] && resolve->kind == MADE_RESOLVE &&
                  memcmp(resolve->subject.b, device->b, sizeof device->b) == 0 &&
                  settles(&o, resolve, known);
    }
    free(o.facts);
    free(o.applied);
    return settled;
}
