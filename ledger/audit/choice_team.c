/* The team's records in a pack: what made the team, what let each of its devices speak, and what
 * ended that. */
#include "choice.h"

#include "../membership.h"
#include "../view_fold.h"

#include <stdlib.h>

typedef struct team_facts {
    team_fact *items;
    size_t count, room;
} team_facts;

static int keep_fact(void *ctx, const team_row *row, tally_error *err) {
    team_facts *facts = ctx;
    team_fact fact;
    if (!team_fact_of(row, &fact)) return 0;
    if (!shelf_grow((void **)&facts->items, &facts->room, facts->count, sizeof fact))
        return shelf_no_memory(err);
    facts->items[facts->count++] = fact;
    return 0;
}

static bool same(const tally_device_id *a, const tally_device_id *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static int fact_order(const void *a, const void *b) {
    const team_fact *x = a, *y = b;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = memcmp(x->author.b, y->author.b, sizeof x->author.b);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* The next of the team's records. */
static int place_next(choice *c, const tally_device_id *author, uint64_t index, tally_error *err) {
    shelf_place place = {.index = index};
    size_t item;
    int rc = tally_feed_find(c->shelf->txn, author, &place.feed);
    if (rc != 0) return tally_fail(err, rc, "a record of the team is not here");
    rc = choice_add(c, place, &item, err);
    if (rc != 0 || c->items[item].number != 0) return rc;
    c->items[item].withheld = false;
    c->items[item].number = (uint32_t)++c->team_count;
    return 0;
}

static bool author_entitled(const choice *c, const team_fact *fact) {
    tally_team_device author;
    return tally_team_device_get(c->shelf->txn, &fact->author, &author) == 0 &&
           author.role == TALLY_ROLE_ADMIN && fact->index < author.limit;
}

/* The admission that holds: the first by somebody entitled, of that role. */
static const team_fact *admission_of(const choice *c, const team_facts *facts,
                                     const tally_team_device *device) {
    for (size_t i = 0; i < facts->count; i++) {
        const team_fact *fact = &facts->items[i];
        if (fact->type == TEAM_FACT_ADD && same(&fact->subject, &device->device) &&
            fact->role == device->role && author_entitled(c, fact))
            return fact;
    }
    return NULL;
}

static const team_fact *revocation_of(const team_facts *facts, const tally_team_device *device) {
    for (size_t i = 0; i < facts->count; i++) {
        const team_fact *fact = &facts->items[i];
        if (fact->type == TEAM_FACT_REVOKE && same(&fact->subject, &device->device) &&
            fact->size == device->limit)
            return fact;
    }
    return NULL;
}

static int stranger(const tally_device_id *device, tally_error *err) {
    char hex[17];
    tally_hex(tally_span_of(device->b, 8), hex);
    return tally_fail(err, TALLY_ENOTFOUND,
                      "device %s is not in the team: nothing can be packed "
                      "that rests on it",
                      hex);
}

/* Everybody's admission, those of its author before it. */
static int admit(choice *c, const team_facts *facts, const tally_device_id *device, unsigned depth,
                 tally_error *err) {
    tally_team_device member;
    if (tally_team_device_get(c->shelf->txn, device, &member) != 0) return stranger(device, err);
    if (member.creator) return 0;
    const team_fact *fact = admission_of(c, facts, &member);
    if (!fact || depth > TALLY_TEAM_MAX_DEVICES) return stranger(device, err);
    int rc = choice_device(c, &fact->author, err);
    if (rc == 0) rc = admit(c, facts, &fact->author, depth + 1, err);
    return rc == 0 ? place_next(c, &fact->author, fact->index, err) : rc;
}

static int find_creator(void *ctx, const tally_team_device *device) {
    tally_team_device *out = ctx;
    if (device->creator) *out = *device;
    return 0;
}

int choice_team(choice *c, tally_error *err) {
    team_facts facts = {0};
    tally_team_device creator = {.creator = false};
    int rc = tally_team_device_each(c->shelf->txn, find_creator, &creator);
    if (rc != 0 || !creator.creator)
        return tally_fail(err, rc ? rc : TALLY_ENOTFOUND, "the team's first record is not here");
    rc = view_team_each_row(c->shelf->txn, keep_fact, &facts, err);
    if (rc == 0 && facts.count) qsort(facts.items, facts.count, sizeof *facts.items, fact_order);
    if (rc == 0) rc = place_next(c, &creator.device, 0, err);
    /* Admitting and revoking may bring in more devices. */
    for (size_t i = 0; i < c->device_count && rc == 0; i++) {
        tally_team_device device;
        rc = admit(c, &facts, &c->devices[i], 0, err);
        if (rc != 0 || tally_team_device_get(c->shelf->txn, &c->devices[i], &device) != 0 ||
            device.limit == UINT64_MAX)
            continue;
        const team_fact *fact = revocation_of(&facts, &device);
        if (!fact) continue;
        rc = choice_device(c, &fact->author, err);
        if (rc == 0) rc = admit(c, &facts, &fact->author, 0, err);
        if (rc == 0) rc = place_next(c, &fact->author, fact->index, err);
    }
    free(facts.items);
    if (rc != 0) return rc;
    /* The creator is device 0. */
    rc = choice_device(c, &creator.device, err);
    for (size_t i = 0; i < c->device_count && rc == 0; i++)
        if (same(&c->devices[i], &creator.device)) {
            c->devices[i] = c->devices[0];
            c->devices[0] = creator.device;
        }
    return rc;
}
