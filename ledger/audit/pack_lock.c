/* What invoices of a pack hold of sessions' days, by their invoice.entries: the time before a
 * stretch that came late, and that no row of an invoice is billed a second time. */
#include "pack.h"

#include "../billing/facts.h"

#include <stdlib.h>

#define AFTER_MAX_MS INT64_C(93600000) /* a day of 26 hours */

/* The first of equal ones comes first. */
static int lock_order(const void *a, const void *b) {
    const pack_lock *x = a, *y = b;
    int order = memcmp(x->issue.b, y->issue.b, sizeof x->issue.b);
    if (order == 0) order = memcmp(x->entry.b, y->entry.b, sizeof x->entry.b);
    if (order == 0) order = (x->day > y->day) - (x->day < y->day);
    if (order == 0) order = (x->part > y->part) - (x->part < y->part);
    if (order == 0) order = (x->parts > y->parts) - (x->parts < y->parts);
    if (order == 0) order = (x->ms > y->ms) - (x->ms < y->ms);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static bool same_share(const pack_lock *x, const pack_lock *y) {
    pack_lock twin = *x;
    twin.n = y->n;
    return lock_order(&twin, y) == 0;
}

static bool take_locks(pack_line *line, const tally_record *record) {
    tally_pack *pack = line->pack;
    const uint8_t *issue;
    tally_value list, item;
    lock l;
    if (!tally_body_bin(record, "issue", TALLY_HASH_BYTES, &issue) ||
        !tally_body_get(record, "entries", &list) || list.type != TALLY_VALUE_ARRAY)
        return true;
    tally_cursor cursor = tally_cursor_of(&list);
    while (tally_cursor_next(&cursor, &item)) {
        if (!lock_read(&item, &l) || l.day == LOCK_NO_DAY || l.after_ms > AFTER_MAX_MS) continue;
        if (!pack_grow(line, (void **)&pack->locks, &pack->lock_room, pack->lock_count,
                       sizeof *pack->locks))
            return false;
        pack_lock *out = &pack->locks[pack->lock_count];
        *out = (pack_lock){.entry = l.entry,
                           .day = l.day,
                           .part = l.part,
                           .parts = l.parts,
                           .ms = l.ms,
                           .n = pack->lock_count++,
                           .after_ms = l.after_ms};
        memcpy(out->issue.b, issue, sizeof out->issue.b);
    }
    return true;
}

/* All of the pack, made when it is first asked for. */
static bool locks_sorted(pack_line *line) {
    tally_pack *pack = line->pack;
    if (pack->locks_known) return true;
    for (size_t i = 0; i < pack->item_count; i++)
        if (pack_is_kind(&pack->items[i], "invoice.entries") &&
            !take_locks(line, &pack->items[i].record))
            return false;
    if (pack->lock_count) qsort(pack->locks, pack->lock_count, sizeof *pack->locks, lock_order);
    pack->locks_known = true;
    return true;
}

bool pack_time_before(pack_line *line, const pack_document *document, const tally_trace *row,
                      int64_t *out) {
    tally_pack *pack = line->pack;
    size_t low = 0, high;
    *out = 0;
    if (!tally_span_is(row->what, "session")) return true;
    if (!locks_sorted(line)) return false;
    pack_lock wanted = {.issue = pack->items[document->issue].leaf,
                        .entry = row->entry,
                        .day = row->day,
                        .part = row->part,
                        .parts = row->parts,
                        .ms = row->ms};
    for (high = pack->lock_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (lock_order(&pack->locks[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < pack->lock_count && same_share(&wanted, &pack->locks[low]);
    *out = found ? pack->locks[low].after_ms : PACK_NOT_SAID;
    return true;
}

/* ---- once ---- */

/* One name for what the row bills, whatever else the document says of it. */
static uint64_t billed_key(const tally_trace *row, const pack_item *item) {
    static const tally_hash none;
    uint64_t day = index_mix(tally_string_ref(row->what), (uint64_t)row->day);
    bool shown = item && !pack_is_leaf(item);
    if (shown && tally_span_is(row->what, "session"))
        return index_mix(tally_session_ref(pack_text_of(item, "agent"), pack_text_of(item, "id")),
                         day);
    if (tally_span_is(row->what, "cost") || tally_hash_eq(&row->leaf, &none)) {
        if (tally_span_is(row->what, "cost")) day = 0;
        return index_mix(index_mix(tally_get_be64(row->entry.b), tally_get_be64(row->entry.b + 8)),
                         day);
    }
    return index_mix(index_mix(tally_get_be64(row->leaf.b), tally_get_be64(row->leaf.b + 8)), day);
}

/* Adds what the row bills to what `map` says is billed of that already; wrong beyond the whole. */
static bool add_parts(pack_line *line, index_map *map, uint64_t key, const tally_trace *row,
                      pack_parts **parts, size_t *count, size_t *room, const char *fault) {
    const tally_u128 share = (tally_u128)row->part * PACK_WHOLE / row->parts;
    uint32_t *slot = index_map_slot(map, key);
    if (!slot) return pack_out_of_memory(line);
    if (*slot == 0) {
        if (!pack_grow(line, (void **)parts, room, *count, sizeof **parts)) return false;
        (*parts)[(*count)++] = (pack_parts){share, row->parts};
        *slot = (uint32_t)*count;
        return true;
    }
    pack_parts *before = &(*parts)[*slot - 1];
    if (share > PACK_WHOLE - before->billed) return pack_bad(line, "%s", fault);
    before->billed += share;
    return true;
}

bool pack_row_once(pack_line *line, const tally_trace *row, const pack_item *item) {
    tally_pack *pack = line->pack;
    uint64_t key = billed_key(row, item);
    uint32_t at = index_map_find(&pack->billed, key);
    if (at && pack->parts[at - 1].parts != row->parts) return pack_bad(line, "it is billed twice");
    return add_parts(line, &pack->billed, key, row, &pack->parts, &pack->parts_count,
                     &pack->parts_room, "it is billed twice");
}

bool pack_row_alone(pack_line *line, const pack_document *document, const tally_trace *row,
                    const pack_item *item) {
    tally_pack *pack = line->pack;
    uint64_t key = billed_key(row, item);
    int64_t before;
    if (!pack_time_before(line, document, row, &before)) return false;
    if (document->voided || before != 0) return true; /* other stretches of time are other time */
    uint32_t *by = index_map_slot(&pack->by_contract,
                                  index_mix(key, tally_string_ref(document->invoice->contract)));
    if (!by) return pack_out_of_memory(line);
    if (*by != 0 && *by != pack->document_count)
        return pack_bad(line, "another invoice under this contract bills it");
    *by = (uint32_t)pack->document_count;
    return add_parts(line, &pack->held, key, row, &pack->shares, &pack->share_count,
                     &pack->share_room, "with another invoice it is billed beyond the whole");
}
