/* What was written: every record that a device of the simulation ever signed, and the record before
 * it. A device that was set back to a backup has several histories: they share their beginning. */
#include "sim.h"

#include <stdlib.h>

static uint64_t slot_hash(const tally_device_id *device, uint64_t index, const tally_hash *leaf) {
    return tally_get_be64(leaf->b) ^ tally_get_be64(device->b) ^ (index * 0x9e3779b97f4a7c15u);
}

static bool same(const made *record, const tally_device_id *device, uint64_t index,
                 const tally_hash *leaf) {
    return record->index == index && tally_hash_eq(&record->leaf, leaf) &&
           memcmp(record->device.b, device->b, sizeof device->b) == 0;
}

uint32_t model_find(const model *m, const tally_device_id *device, uint64_t index,
                    const tally_hash *leaf) {
    if (m->slot_count == 0) return SIM_NOBODY;
    uint32_t at = (uint32_t)slot_hash(device, index, leaf) & (m->slot_count - 1);
    for (; m->slots[at] != SIM_NOBODY; at = (at + 1) & (m->slot_count - 1))
        if (same(&m->list[m->slots[at]], device, index, leaf)) return m->slots[at];
    return SIM_NOBODY;
}

static void place(model *m, uint32_t number) {
    const made *record = &m->list[number];
    uint32_t at = (uint32_t)slot_hash(&record->device, record->index, &record->leaf);
    for (at &= m->slot_count - 1; m->slots[at] != SIM_NOBODY; at = (at + 1) & (m->slot_count - 1))
        continue;
    m->slots[at] = number;
}

static bool grow(model *m) {
    uint32_t room = m->room ? 2 * m->room : 1024, slot_count = 4 * room;
    made *list = realloc(m->list, room * sizeof *list);
    if (list) m->list = list;
    uint32_t *slots = malloc(slot_count * sizeof *slots);
    if (!list || !slots) {
        free(slots);
        return false;
    }
    free(m->slots);
    m->slots = slots;
    m->slot_count = slot_count;
    m->room = room;
    memset(slots, 0xff, slot_count * sizeof *slots);
    for (uint32_t i = 0; i < m->count; i++)
        place(m, i);
    return true;
}

static void read_device(const tally_record *record, made *out) {
    const uint8_t *device;
    if (tally_body_bin(record, "device", TALLY_PUBLIC_KEY_BYTES, &device))
        memcpy(out->subject.b, device, TALLY_PUBLIC_KEY_BYTES);
}

static void read_add(const tally_record *record, made *out) {
    tally_span role = {0};
    read_device(record, out);
    (void)tally_body_str(record, "role", &role);
    out->kind = MADE_ADD;
    out->role = tally_span_is(role, "admin")    ? TALLY_ROLE_ADMIN
                : tally_span_is(role, "member") ? TALLY_ROLE_MEMBER
                                                : TALLY_ROLE_AUDITOR;
}

static void read_cost(const tally_record *record, made *out) {
    tally_span agent, key;
    if (!tally_body_str(record, "agent", &agent) || !tally_body_str(record, "key", &key)) return;
    tally_entry_id_of(agent, key, &out->entry);
    out->kind = MADE_COST;
}

static void read_resolve(const tally_record *record, made *out) {
    const uint8_t *root;
    read_device(record, out);
    (void)tally_body_u64(record, "size", &out->size);
    (void)tally_body_u64(record, "more", &out->more);
    if (tally_body_bin(record, "root", TALLY_HASH_BYTES, &root))
        memcpy(out->root.b, root, TALLY_HASH_BYTES);
    out->kind = MADE_RESOLVE;
}

/* What a record says that decides what counts. */
static bool read_record(tally_span bytes, made *out) {
    tally_record record;
    const uint8_t *entry;
    if (tally_record_parse(bytes, &record, NULL) != 0) return false;
    tally_leaf_hash(bytes, &out->leaf);
    out->hlc = record.hlc;
    if (tally_span_is(record.kind, "team.create")) out->kind = MADE_CREATE;
    if (tally_span_is(record.kind, "device.add")) read_add(&record, out);
    if (tally_span_is(record.kind, "cost")) read_cost(&record, out);
    if (tally_span_is(record.kind, "device.revoke")) {
        read_device(&record, out);
        (void)tally_body_u64(&record, "size", &out->size);
        out->kind = MADE_REVOKE;
    }
    if (tally_span_is(record.kind, "feed.resolve")) read_resolve(&record, out);
    if (tally_span_is(record.kind, "void") &&
        tally_body_bin(&record, "entry", TALLY_ENTRY_BYTES, &entry)) {
        memcpy(out->entry.b, entry, TALLY_ENTRY_BYTES);
        out->kind = MADE_VOID;
    }
    return true;
}

uint32_t model_add(world *w, const tally_device_id *device, uint64_t index, uint32_t parent,
                   tally_span bytes) {
    model *m = &w->model;
    made record = {.device = *device, .index = index, .parent = parent};
    if (!read_record(bytes, &record)) {
        world_fail(w, "a record of our own does not read");
        return SIM_NOBODY;
    }
    uint32_t known = model_find(m, device, index, &record.leaf);
    if (known != SIM_NOBODY) return known;
    if (m->count == m->room && !grow(m)) {
        world_fail(w, "no memory for the model");
        return SIM_NOBODY;
    }
    m->list[m->count] = record;
    place(m, m->count);
    world_trace(w, "made", tally_get_be32(device->b), index, tally_get_be32(record.leaf.b));
    return m->count++;
}

void model_root(const model *m, uint32_t record, tally_hash *root) {
    tally_range range;
    uint64_t size = m->list[record].index + 1;
    uint32_t *path = calloc(size, sizeof *path);
    tally_range_init(&range);
    if (!path) return;
    for (uint64_t i = size; i > 0 && record != SIM_NOBODY; record = m->list[record].parent)
        path[--i] = record;
    for (uint64_t i = 0; i < size; i++)
        tally_range_append(&range, &m->list[path[i]].leaf, NULL, NULL);
    tally_range_root(&range, root);
    free(path);
}

bool model_reaches(const model *m, uint32_t tip, uint32_t record) {
    while (tip != SIM_NOBODY && m->list[tip].index > m->list[record].index)
        tip = m->list[tip].parent;
    return tip == record;
}

void model_clear(model *m) {
    free(m->list);
    free(m->slots);
    *m = (model){0};
}
