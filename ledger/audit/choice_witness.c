/* Who saw the records of a pack, and when: of each witness the first cosignature that covers each
 * of them. */
#include "choice.h"

#include <tally/ingest.h>
#include <tally/team.h>

#include <stdlib.h>

typedef struct witness_reach {
    tally_device_id witness;
    uint64_t size; /* of its last cosignature that was kept */
} witness_reach;

typedef struct witness_search {
    choice *c;
    uint32_t feed;
    uint64_t feed_size;
    uint64_t *indexes; /* of the feed's chosen records, ascending */
    size_t count;
    witness_reach *reaches;
    size_t reach_count, reach_room;
} witness_search;

static witness_reach *reach_of(witness_search *s, const tally_device_id *witness) {
    for (size_t i = 0; i < s->reach_count; i++)
        if (memcmp(s->reaches[i].witness.b, witness->b, sizeof witness->b) == 0)
            return &s->reaches[i];
    if (!shelf_grow((void **)&s->reaches, &s->reach_room, s->reach_count, sizeof *s->reaches))
        return NULL;
    s->reaches[s->reach_count] = (witness_reach){.witness = *witness};
    return &s->reaches[s->reach_count++];
}

/* Whether some chosen record lies in [from, end). */
static bool any_between(const witness_search *s, uint64_t from, uint64_t end) {
    for (size_t i = 0; i < s->count; i++)
        if (s->indexes[i] >= from) return s->indexes[i] < end;
    return false;
}

static int take(void *ctx, const tally_cosignature *row, tally_error *err) {
    witness_search *s = ctx;
    choice *c = s->c;
    tally_team_device member;
    tally_hash root;
    uint64_t size = row->checkpoint.size;
    if (size > s->feed_size || tally_team_device_get(c->shelf->txn, &row->witness, &member) != 0)
        return 0;
    witness_reach *reach = reach_of(s, &row->witness);
    if (!reach) return shelf_no_memory(err);
    if (!any_between(s, reach->size, size)) return 0;
    int rc = tally_feed_root(c->shelf->txn, s->feed, size, &root, err);
    if (rc != 0 || !tally_hash_eq(&root, &row->checkpoint.root)) return rc; /* another history */
    if (!shelf_grow((void **)&c->cosignatures, &c->cosignature_room, c->cosignature_count,
                    sizeof *row))
        return shelf_no_memory(err);
    c->cosignatures[c->cosignature_count++] = *row;
    reach->size = size;
    return choice_device(c, &row->witness, err);
}

static int index_order(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int feed_witnesses(choice *c, const tally_device_id *device, tally_error *err) {
    witness_search s = {.c = c};
    tally_feed feed = {0};
    if (tally_feed_find(c->shelf->txn, device, &s.feed) != 0) return 0;
    int rc = tally_feed_get(c->shelf->txn, s.feed, &feed, err);
    s.feed_size = feed.size;
    s.indexes = calloc(c->count + 1, sizeof *s.indexes);
    if (rc == 0 && !s.indexes) rc = shelf_no_memory(err);
    for (size_t i = 0; i < c->count && rc == 0; i++)
        if (c->items[i].place.feed == s.feed) s.indexes[s.count++] = c->items[i].place.index;
    if (s.indexes && s.count) qsort(s.indexes, s.count, sizeof *s.indexes, index_order);
    if (rc == 0 && s.count) rc = tally_cosignature_each(c->shelf->txn, device, 0, take, &s, err);
    free(s.indexes);
    free(s.reaches);
    return rc;
}

int choice_witnesses(choice *c, tally_error *err) {
    size_t authors = c->device_count; /* witnesses come after them */
    int rc = 0;
    for (size_t i = 0; i < authors && rc == 0; i++) {
        tally_device_id device = c->devices[i];
        rc = feed_witnesses(c, &device, err);
    }
    return rc;
}
