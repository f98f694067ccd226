/* The records of a pack: canonical, in their tree, and by somebody whom the team's own records let
 * speak. */
#include "pack.h"

#include "../view_fold.h"

bool pack_is_kind(const pack_item *item, const char *kind) {
    return !pack_is_leaf(item) && tally_span_is(item->record.kind, kind);
}

tally_span pack_text_of(const pack_item *item, const char *key) {
    tally_span text = {0};
    (void)tally_body_str(&item->record, key, &text);
    return text;
}

/* The device of the pack that a record's key names; NULL when it is none of them. */
static pack_device *named_device(tally_pack *pack, const tally_record *record, const char *key) {
    const uint8_t *bytes;
    if (!tally_body_bin(record, key, TALLY_PUBLIC_KEY_BYTES, &bytes)) return NULL;
    for (size_t i = 0; i < pack->device_count; i++)
        if (memcmp(pack->devices[i].key.b, bytes, TALLY_PUBLIC_KEY_BYTES) == 0)
            return &pack->devices[i];
    return NULL;
}

/* The first item is the record that made the team. */
static bool creation(pack_line *line, const pack_item *item) {
    tally_pack *pack = line->pack;
    pack_device *creator = &pack->devices[0];
    if (item->device != 0 || item->index != 0 || !pack_is_kind(item, "team.create"))
        return pack_bad(line, "the first record is not the team's");
    if (!tally_hash_eq(&item->leaf, &pack->team))
        return pack_bad(line, "its hash is not the team's id");
    if (named_device(pack, &item->record, "sign_key") != creator)
        return pack_bad(line, "the team is not of its author");
    creator->admitted = true;
    creator->role = TALLY_ROLE_ADMIN;
    (void)tally_body_str(&item->record, "member", &creator->member);
    return true;
}

static void admit(tally_pack *pack, const pack_item *item) {
    pack_device *device = named_device(pack, &item->record, "device");
    tally_span role;
    if (!device || device->admitted || !tally_body_str(&item->record, "role", &role) ||
        !team_role_parse(role, &device->role))
        return;
    device->admitted = true;
    (void)tally_body_str(&item->record, "member", &device->member);
}

/* Records before it whose feed it ends are found here. */
static bool revoke(pack_line *line, const pack_item *item) {
    tally_pack *pack = line->pack;
    pack_device *device = named_device(pack, &item->record, "device");
    const pack_device *author = &pack->devices[item->device];
    uint64_t size;
    bool itself = device == author;
    if (!device || !tally_body_u64(&item->record, "size", &size) || size >= device->limit)
        return true;
    if (!itself && (author->role != TALLY_ROLE_ADMIN || device == &pack->devices[0])) return true;
    device->limit = size;
    return device->reached <= size || pack_bad(line, "it takes out a record that stands before it");
}

static bool may_speak(pack_line *line, const pack_item *item) {
    tally_pack *pack = line->pack;
    const pack_device *author = &pack->devices[item->device];
    if (pack->item_count == 0) return creation(line, item);
    if (!author->admitted) return pack_bad(line, "nobody admitted its device before");
    if (author->role == TALLY_ROLE_AUDITOR) return pack_bad(line, "its device is an auditor's");
    if (item->index >= author->limit) return pack_bad(line, "its device was revoked before it");
    if (pack_is_kind(item, "device.add") && author->role == TALLY_ROLE_ADMIN) admit(pack, item);
    return !pack_is_kind(item, "device.revoke") || revoke(line, item);
}

static bool included(pack_line *line, const pack_item *item, size_t checkpoint,
                     const pack_list *list) {
    const tally_pack *pack = line->pack;
    const pack_checkpoint *row = &pack->checkpoints[checkpoint];
    const char *name = pack->devices[item->device].name;
    tally_hash proof[PACK_LIST_MAX];
    if (row->device != item->device) return pack_bad(line, "its checkpoint is another device's");
    if (item->index >= row->cp.size) return pack_bad(line, "its checkpoint does not reach it");
    for (size_t i = 0; i < list->count; i++)
        proof[i] = pack->nodes[list->items[i]];
    if (tally_inclusion_verify(item->index, row->cp.size, &item->leaf, proof, list->count,
                               &row->cp.root) == 0)
        return true;
    pack_subject(line, "proof of record %s/%llu", name, (unsigned long long)item->index);
    return pack_bad(line, "it does not lead to the root of its checkpoint");
}

static bool canonical(pack_line *line, pack_item *item) {
    tally_error why;
    if (item->bytes.len > TALLY_RECORD_MAX_BYTES)
        return pack_bad(line, "it has more than %u bytes", TALLY_RECORD_MAX_BYTES);
    if (tally_record_parse(item->bytes, &item->record, &why) != 0)
        return pack_bad(line, "%.250s", why.text);
    tally_leaf_hash(item->bytes, &item->leaf);
    return true;
}

bool pack_item_line(pack_line *line, bool withheld) {
    tally_pack *pack = line->pack;
    pack_item item = {0};
    pack_list list;
    size_t checkpoint;
    if (!pack_next(line, "its number", pack->item_count) ||
        !pack_given(line, false, "its device", pack->device_count, &item.device) ||
        !pack_number(line, false, "its index", &item.index))
        return false;
    pack_subject(line, "record %s/%llu", pack->devices[item.device].name,
                 (unsigned long long)item.index);
    if (!pack_given(line, false, "its checkpoint", pack->checkpoint_count, &checkpoint) ||
        !pack_list_of(line, false, "its proof", pack->node_count, &list) ||
        !(withheld ? pack_base64(line, true, "its hash", sizeof item.leaf.b, item.leaf.b, NULL)
                   : pack_base64(line, true, "its bytes", 0, NULL, &item.bytes) &&
                         canonical(line, &item)))
        return false;
    if (!included(line, &item, checkpoint, &list)) return false;
    pack_subject(line, "record %s/%llu", pack->devices[item.device].name,
                 (unsigned long long)item.index);
    if (!may_speak(line, &item) ||
        !pack_grow(line, (void **)&pack->items, &pack->item_room, pack->item_count, sizeof item))
        return false;
    pack_device *device = &pack->devices[item.device];
    if (item.index >= device->reached) device->reached = item.index + 1;
    pack->items[pack->item_count++] = item;
    return true;
}
