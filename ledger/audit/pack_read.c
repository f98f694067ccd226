/* Reading a pack: which line may stand where, the keys, the trees' heads, the blobs and the seal.
 * Records are in pack_item.c, invoices in pack_document.c. */
#include "pack.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- keys ---- */

static bool team_line(pack_line *line) {
    pack_subject(line, "team");
    return pack_hex(line, true, "the team's id", line->pack->team.b, TALLY_HASH_BYTES);
}

static bool about_line(pack_line *line) {
    tally_span what;
    int64_t first, end;
    pack_subject(line, "about");
    if (!pack_kind(line, &what)) return false;
    if (!tally_span_is(what, "invoice") && !tally_span_is(what, "client") &&
        !tally_span_is(what, "all"))
        return pack_bad(line, "a pack is about an invoice, a client or all");
    if (!pack_word(line, false, "its name") || !pack_signed(line, false, "the first day", &first) ||
        !pack_signed(line, true, "the end day", &end))
        return false;
    return (first < end && first >= PACK_DAY_FIRST && end <= PACK_DAY_LAST) ||
           pack_bad(line, "its days are no period");
}

static bool device_line(pack_line *line) {
    tally_pack *pack = line->pack;
    pack_device device = {.limit = UINT64_MAX};
    if (!pack_next(line, "its number", pack->device_count)) return false;
    pack_subject(line, "device %zu", pack->device_count);
    if (!pack_hex(line, true, "its key", device.key.b, sizeof device.key.b)) return false;
    for (size_t i = 0; i < pack->device_count; i++)
        if (memcmp(pack->devices[i].key.b, device.key.b, sizeof device.key.b) == 0)
            return pack_bad(line, "device %zu has this key", i);
    if (pack->device_count == TALLY_PACK_MAX_DEVICES)
        return pack_bad(line, "there are more than %u devices", TALLY_PACK_MAX_DEVICES);
    tally_hex(tally_span_of(device.key.b, 4), device.name);
    if (!pack_grow(line, (void **)&pack->devices, &pack->device_room, pack->device_count,
                   sizeof device))
        return false;
    pack->devices[pack->device_count++] = device;
    return true;
}

/* ---- trees ---- */

static bool node_line(pack_line *line) {
    tally_pack *pack = line->pack;
    tally_hash hash;
    if (!pack_next(line, "its number", pack->node_count)) return false;
    pack_subject(line, "node %zu", pack->node_count);
    if (!pack_base64(line, true, "its hash", sizeof hash.b, hash.b, NULL) ||
        !pack_grow(line, (void **)&pack->nodes, &pack->node_room, pack->node_count, sizeof hash))
        return false;
    pack->nodes[pack->node_count++] = hash;
    return true;
}

static bool consistent(pack_line *line, const pack_device *device, const tally_checkpoint *cp,
                       const pack_list *list) {
    tally_pack *pack = line->pack;
    tally_hash proof[PACK_LIST_MAX];
    if (!device->has_checkpoint)
        return list->count == 0 || pack_bad(line, "the first of its device follows from none");
    const tally_checkpoint *before = &pack->checkpoints[device->checkpoint].cp;
    if (cp->size <= before->size)
        return pack_bad(line, "its size is not above that of the one before");
    for (size_t i = 0; i < list->count; i++)
        proof[i] = pack->nodes[list->items[i]];
    pack_subject(line, "consistency of checkpoint %s/%llu", device->name,
                 (unsigned long long)cp->size);
    return tally_consistency_verify(before->size, cp->size, proof, list->count, &before->root,
                                    &cp->root) == 0 ||
           pack_bad(line, "it does not go on from the checkpoint before");
}

static bool checkpoint_line(pack_line *line) {
    tally_pack *pack = line->pack;
    pack_checkpoint row = {0};
    pack_list list;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    if (!pack_next(line, "its number", pack->checkpoint_count) ||
        !pack_given(line, false, "its device", pack->device_count, &row.device) ||
        !pack_number(line, false, "its size", &row.cp.size))
        return false;
    pack_device *device = &pack->devices[row.device];
    pack_subject(line, "checkpoint %s/%llu", device->name, (unsigned long long)row.cp.size);
    if (!pack_base64(line, false, "its root", sizeof row.cp.root.b, row.cp.root.b, NULL) ||
        !pack_base64(line, false, "its signature", sizeof row.cp.signature, row.cp.signature,
                     NULL) ||
        !pack_list_of(line, true, "its consistency proof", pack->node_count, &list))
        return false;
    tally_origin_format(&pack->team, &device->key, origin);
    if (row.cp.size == 0) return pack_bad(line, "a checkpoint of nothing");
    if (tally_checkpoint_verify(&device->key, origin, &row.cp) != 0)
        return pack_bad(line, "its signature is not the device's");
    if (!consistent(line, device, &row.cp, &list) ||
        !pack_grow(line, (void **)&pack->checkpoints, &pack->checkpoint_room,
                   pack->checkpoint_count, sizeof row))
        return false;
    device->has_checkpoint = true;
    device->checkpoint = pack->checkpoint_count;
    pack->checkpoints[pack->checkpoint_count++] = row;
    return true;
}

/* c2sp.org/tlog-cosignature, cosignature/v1. */
static bool cosignature_line(pack_line *line) {
    tally_pack *pack = line->pack;
    size_t checkpoint, witness;
    uint64_t time;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    char origin[TALLY_ORIGIN_MAX_BYTES], text[TALLY_CHECKPOINT_MAX_BYTES + 64];
    if (!pack_next(line, "its number", pack->cosignature_count) ||
        !pack_given(line, false, "its checkpoint", pack->checkpoint_count, &checkpoint))
        return false;
    const pack_checkpoint *row = &pack->checkpoints[checkpoint];
    const pack_device *author = &pack->devices[row->device];
    pack_subject(line, "cosignature %zu of checkpoint %s/%llu", pack->cosignature_count,
                 author->name, (unsigned long long)row->cp.size);
    if (!pack_given(line, false, "its device", pack->device_count, &witness) ||
        !pack_number(line, false, "its time", &time) ||
        !pack_base64(line, true, "its signature", sizeof signature, signature, NULL))
        return false;
    if (witness == row->device) return pack_bad(line, "nobody is a witness of their own");
    int head = snprintf(text, sizeof text, "cosignature/v1\ntime %llu\n", (unsigned long long)time);
    tally_origin_format(&pack->team, &author->key, origin);
    size_t body = tally_checkpoint_body(origin, row->cp.size, &row->cp.root, text + head);
    if (tally_signature_verify(&pack->devices[witness].key,
                               tally_span_of(text, (size_t)head + body), signature) != 0)
        return pack_bad(line, "it is not the device's");
    pack->cosignature_count++;
    return true;
}

/* ---- blobs ---- */

static bool blob_line(pack_line *line) {
    tally_pack *pack = line->pack;
    pack_blob blob;
    tally_hash hash;
    if (!pack_next(line, "its number", pack->blob_count)) return false;
    pack_subject(line, "blob %zu", pack->blob_count);
    if (!pack_hex(line, false, "its id", blob.id.b, sizeof blob.id.b) ||
        !pack_base64(line, true, "its content", 0, NULL, &blob.salted))
        return false;
    tally_sha256(blob.salted, &hash);
    if (!tally_hash_eq(&hash, &blob.id)) return pack_bad(line, "its bytes are not those of its id");
    if (blob.salted.len < TALLY_BLOB_SALT_BYTES) return pack_bad(line, "it is too short");
    if (!pack_grow(line, (void **)&pack->blobs, &pack->blob_room, pack->blob_count, sizeof blob))
        return false;
    pack->blobs[pack->blob_count++] = blob;
    return true;
}

/* ---- seal ---- */

size_t pack_seal_text(const tally_hash *team, const tally_device_id *device, size_t before,
                      const tally_hash *hash, char origin[TALLY_ORIGIN_MAX_BYTES],
                      char out[TALLY_CHECKPOINT_MAX_BYTES]) {
    static const char suffix[] = "/audit-pack";
    tally_origin_format(team, device, origin);
    size_t len = strlen(origin);
    memcpy(origin + len, suffix, sizeof suffix);
    return tally_checkpoint_body(origin, before, hash, out);
}

static bool seal_line(pack_line *line, const uint8_t *start) {
    tally_pack *pack = line->pack;
    size_t device;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    char origin[TALLY_ORIGIN_MAX_BYTES], text[TALLY_CHECKPOINT_MAX_BYTES];
    tally_hash hash;
    pack_subject(line, "seal");
    if (!pack_given(line, false, "its device", pack->device_count, &device) ||
        !pack_base64(line, true, "its signature", sizeof signature, signature, NULL))
        return false;
    for (size_t i = 0; i < pack->device_count; i++) {
        if (pack->devices[i].admitted) continue;
        pack_subject(line, "device %zu", i);
        return pack_bad(line, "no record of the team admits it");
    }
    size_t before = (size_t)(start - pack->text.ptr);
    tally_sha256(tally_span_of(pack->text.ptr, before), &hash);
    size_t len =
        pack_seal_text(&pack->team, &pack->devices[device].key, before, &hash, origin, text);
    if (tally_signature_verify(&pack->devices[device].key, tally_span_of(text, len), signature) !=
        0)
        return pack_bad(line, "it is not the device's over the lines before it");
    pack->verdict->sealed_by = pack->devices[device].key;
    return true;
}

/* ---- lines in their order ---- */

typedef enum pack_rank {
    RANK_NAME,
    RANK_TEAM,
    RANK_ABOUT,
    RANK_DEVICE,
    RANK_NODE,
    RANK_CHECKPOINT,
    RANK_COSIGNATURE,
    RANK_ITEM,
    RANK_BLOB,
    RANK_DOCUMENT,
    RANK_SEAL,
    RANK_COUNT
} pack_rank;

static const struct {
    bool needed, once;
} ranks[RANK_COUNT] = {
    [RANK_NAME] = {true, true},    [RANK_TEAM] = {true, true},        [RANK_ABOUT] = {true, true},
    [RANK_DEVICE] = {true, false}, [RANK_CHECKPOINT] = {true, false}, [RANK_ITEM] = {true, false},
    [RANK_SEAL] = {true, true},
};

typedef enum pack_kind_of {
    KIND_TEAM,
    KIND_ABOUT,
    KIND_DEVICE,
    KIND_NODE,
    KIND_CHECKPOINT,
    KIND_COSIGNATURE,
    KIND_RECORD,
    KIND_LEAF,
    KIND_BLOB,
    KIND_DOCUMENT,
    KIND_DAY,
    KIND_TRACE,
    KIND_LINE,
    KIND_SEAL,
    KIND_COUNT
} pack_kind_of;

static const struct {
    const char *word;
    pack_rank rank;
} kinds[KIND_COUNT] = {
    [KIND_TEAM] = {"team", RANK_TEAM},
    [KIND_ABOUT] = {"about", RANK_ABOUT},
    [KIND_DEVICE] = {"device", RANK_DEVICE},
    [KIND_NODE] = {"node", RANK_NODE},
    [KIND_CHECKPOINT] = {"checkpoint", RANK_CHECKPOINT},
    [KIND_COSIGNATURE] = {"cosignature", RANK_COSIGNATURE},
    [KIND_RECORD] = {"record", RANK_ITEM},
    [KIND_LEAF] = {"leaf", RANK_ITEM},
    [KIND_BLOB] = {"blob", RANK_BLOB},
    [KIND_DOCUMENT] = {"document", RANK_DOCUMENT},
    [KIND_DAY] = {"day", RANK_DOCUMENT},
    [KIND_TRACE] = {"trace", RANK_DOCUMENT},
    [KIND_LINE] = {"line", RANK_DOCUMENT},
    [KIND_SEAL] = {"seal", RANK_SEAL},
};

/* Whether a line of this rank may stand after one of rank `last`. */
static bool in_order(pack_rank last, pack_rank rank) {
    if (rank < last || (rank == last && ranks[rank].once)) return false;
    for (unsigned r = (unsigned)last + 1; r < (unsigned)rank; r++)
        if (ranks[r].needed) return false;
    return true;
}

/* Within a document: its days, then rows and lines as the document has them. */
static bool in_document(const tally_pack *pack, pack_kind_of kind) {
    if (kind == KIND_DOCUMENT || kind == KIND_SEAL) return pack_document_done(pack);
    if (kind != KIND_DAY && kind != KIND_TRACE && kind != KIND_LINE) return true;
    if (pack_document_done(pack)) return false;
    if (kind == KIND_DAY) return !pack->rows_begun;
    return kind == KIND_TRACE ? pack->row < pack->rows_end : pack->row == pack->rows_end;
}

static bool line_of_kind(pack_line *line, pack_kind_of kind, const uint8_t *start) {
    switch (kind) {
    case KIND_TEAM: return team_line(line);
    case KIND_ABOUT: return about_line(line);
    case KIND_DEVICE: return device_line(line);
    case KIND_NODE: return node_line(line);
    case KIND_CHECKPOINT: return checkpoint_line(line);
    case KIND_COSIGNATURE: return cosignature_line(line);
    case KIND_RECORD: return pack_item_line(line, false);
    case KIND_LEAF: return pack_item_line(line, true);
    case KIND_BLOB: return blob_line(line);
    case KIND_DOCUMENT: return pack_document_line(line);
    case KIND_DAY: return pack_day_line(line);
    case KIND_TRACE: return pack_trace_line(line);
    case KIND_LINE: return pack_invoice_line(line);
    case KIND_SEAL: return seal_line(line, start);
    case KIND_COUNT: break;
    }
    return false;
}

static bool read_line(pack_line *line, pack_rank *last) {
    const uint8_t *start = line->at;
    tally_span word;
    pack_subject(line, "pack line %llu", (unsigned long long)line->number);
    if (line->number == 1) {
        *last = RANK_NAME;
        return (line->whole &&
                tally_span_is(tally_span_of(start, (size_t)(line->end - start)), PACK_NAME)) ||
               pack_bad(line, "it does not begin with '" PACK_NAME "'");
    }
    if (!pack_kind(line, &word)) return false;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (!tally_span_is(word, kinds[kind].word)) continue;
        if (!in_order(*last, kinds[kind].rank) || !in_document(line->pack, (pack_kind_of)kind))
            return pack_bad(line, "'%s' may not stand here", kinds[kind].word);
        *last = kinds[kind].rank;
        return line_of_kind(line, (pack_kind_of)kind, start);
    }
    return pack_bad(line, "it is no line of a pack");
}

static bool read_lines(tally_pack *pack) {
    const uint8_t *at = pack->text.ptr, *end = at + pack->text.len;
    pack_rank last = RANK_NAME;
    pack_line line = {.pack = pack};
    for (line.number = 1; at < end; line.number++) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(end - at));
        line.whole = feed != NULL;
        line.at = at;
        line.end = feed ? feed : end;
        if (!read_line(&line, &last)) return false;
        at = feed ? feed + 1 : end;
    }
    pack_subject(&line, "pack line %llu", (unsigned long long)line.number);
    return (line.number > 1 && last == RANK_SEAL) ||
           pack_bad(&line, "the pack ends before its seal");
}

/* ---- the whole ---- */

static void say_counts(const tally_pack *pack, tally_pack_verdict *out) {
    out->team = pack->team;
    out->devices = pack->device_count;
    out->checkpoints = pack->checkpoint_count;
    out->cosignatures = pack->cosignature_count;
    out->blobs = pack->blob_count;
    out->documents = pack->document_count;
    for (size_t i = 0; i < pack->item_count; i++)
        (*(pack->items[i].bytes.len ? &out->records : &out->withheld))++;
}

int tally_pack_read(tally_span text, tally_pack **out, tally_pack_verdict *verdict,
                    tally_error *err) {
    tally_pack *pack = calloc(1, sizeof *pack);
    *out = NULL;
    *verdict = (tally_pack_verdict){.ok = true};
    if (!pack) return tally_fail(err, TALLY_ENOMEM, "no memory for a pack");
    pack->text = text;
    pack->verdict = verdict;
    pack->bytes_room = text.len < TALLY_PACK_MAX_BYTES ? text.len + 1 : 1;
    pack->bytes = malloc(pack->bytes_room);
    pack_line first = {.pack = pack, .number = 1, .subject = "pack line 1"};
    pack->no_memory =
        !pack->bytes || index_map_init(&pack->held) != 0 || index_map_init(&pack->by_contract) != 0;
    if (!pack->no_memory && text.len > TALLY_PACK_MAX_BYTES)
        (void)pack_bad(&first, "the pack has more than %u bytes", TALLY_PACK_MAX_BYTES);
    else if (!pack->no_memory)
        (void)read_lines(pack);
    say_counts(pack, verdict);
    int rc = pack->no_memory ? tally_fail(err, TALLY_ENOMEM, "no memory for a pack") : 0;
    if (rc == 0 && verdict->ok)
        *out = pack;
    else
        tally_pack_free(pack);
    return rc;
}

void tally_pack_free(tally_pack *pack) {
    if (!pack) return;
    for (size_t i = 0; i < pack->document_count; i++)
        tally_invoice_free(pack->documents[i].invoice);
    free(pack->bytes);
    free(pack->devices);
    free(pack->nodes);
    free(pack->checkpoints);
    free(pack->items);
    free(pack->blobs);
    free(pack->documents);
    free(pack->days);
    free(pack->rates);
    free(pack->activity);
    free(pack->locks);
    free(pack->parts);
    index_map_clear(&pack->billed);
    free(pack->shares);
    index_map_clear(&pack->held);
    index_map_clear(&pack->by_contract);
    free(pack);
}

int tally_pack_verify(tally_span text, tally_pack_verdict *out, tally_error *err) {
    tally_pack *pack;
    int rc = tally_pack_read(text, &pack, out, err);
    tally_pack_free(pack);
    return rc;
}

size_t tally_pack_item_count(const tally_pack *pack) {
    return pack->item_count;
}

void tally_pack_item_get(const tally_pack *pack, size_t i, tally_pack_item *out) {
    const pack_item *item = &pack->items[i];
    *out = (tally_pack_item){pack->devices[item->device].key, item->index, item->leaf, item->bytes};
}

size_t tally_pack_document_count(const tally_pack *pack) {
    return pack->document_count;
}

const tally_invoice *tally_pack_document(const tally_pack *pack, size_t i) {
    return pack->documents[i].invoice;
}
