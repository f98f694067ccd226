/* Shared folders: this device's own files: which of them stand for something, and which may go.
 * Nobody deletes another one's. */
#include "folder_state.h"

#include <stdlib.h>

/* ---- own files ---- */

static bool span_in(tally_wire_list list, const tally_segment_span *span) {
    tally_segment_span wider;
    while (folder_row_next(&list, &wider))
        if (memcmp(wider.device.b, span->device.b, sizeof span->device.b) == 0 &&
            wider.from <= span->from && wider.size >= span->size)
            return true;
    return false;
}

/* Whether one of `own`, newest first, is newer than this file and holds all of it. */
static bool stands_in_newer(const tally_folder *folder, tally_txn *txn, const folder_own *own,
                            size_t count, const folder_row *row) {
    for (size_t i = 0; i < count && own[i].counter > row->counter; i++) {
        folder_row newer;
        tally_segment_span span;
        tally_wire_list walk = row->spans;
        if (!folder_item_row(txn, &folder->items[own[i].item], &newer)) continue;
        if (row->forks != 0 && newer.forks == 0) continue;
        bool all = true;
        while (all && folder_row_next(&walk, &span))
            all = span_in(newer.spans, &span);
        if (all) return true;
    }
    return false;
}

static int own_cmp(const void *a, const void *b) {
    const folder_own *x = a, *y = b;
    return (x->counter < y->counter) - (x->counter > y->counter);
}

int folder_own_files(const tally_folder *folder, tally_txn *txn, uint64_t epoch, folder_own **out,
                     size_t *count, tally_error *err) {
    folder_row row;
    size_t found = 0;
    *count = 0;
    folder_own *own = *out = calloc(folder->count + 1, sizeof *own);
    if (!own) return tally_fail(err, TALLY_ENOMEM, "no memory for the list of a folder");
    for (size_t i = 0; i < folder->count; i++)
        if (folder_item_row(txn, &folder->items[i], &row) && row.own && row.epoch == epoch)
            own[found++] = (folder_own){i, row.counter, row.size};
    qsort(own, found, sizeof *own, own_cmp);
    for (size_t i = 0; i < found; i++)
        if (folder_item_row(txn, &folder->items[own[i].item], &row) &&
            !stands_in_newer(folder, txn, own, *count, &row))
            own[(*count)++] = own[i];
    return 0;
}

/* ---- deleting ---- */

typedef struct deleting {
    tally_folder *folder;
    tally_txn *txn;
    uint64_t epoch; /* the newest */
    int64_t now_ms;
    folder_own *own; /* of that epoch */
    size_t own_count;
    tally_wire_head *cover; /* what files of that epoch hold; read when first needed */
    size_t cover_count;
} deleting;

/* 1: files of the newest epoch hold all that this one of an older epoch does. */
static int stands_in_epoch(deleting *d, const folder_row *row, tally_error *err) {
    tally_segment_span span;
    tally_wire_list walk = row->spans;
    if (!d->cover) {
        d->cover = calloc(TALLY_WIRE_MAX_HEADS, sizeof *d->cover);
        if (!d->cover) return tally_fail(err, TALLY_ENOMEM, "no memory for what a folder holds");
        int rc = folder_cover(d->folder, d->txn, d->epoch, d->cover, &d->cover_count, err);
        if (rc != 0) return rc;
    }
    while (folder_row_next(&walk, &span)) {
        bool held = false;
        for (size_t i = 0; i < d->cover_count && !held; i++)
            held = memcmp(d->cover[i].device.b, span.device.b, sizeof span.device.b) == 0 &&
                   d->cover[i].size >= span.size;
        if (!held) return 0;
    }
    return 1;
}

/* 1: it may go. */
static int may_go(deleting *d, const folder_item *item, tally_error *err) {
    folder_row row;
    if (item->gone || item->kept) return 0;
    if (item->partial) {
        size_t len = strlen(item->name) - (sizeof TALLY_FOLDER_PARTIAL_SUFFIX - 1);
        return folder_row_get(d->txn, tally_span_of(item->name, len), &row) == 0 && row.own &&
               row.written_ms < d->now_ms - TALLY_FOLDER_STALE_MS;
    }
    if (!folder_item_row(d->txn, item, &row) || !row.own || row.epoch > d->epoch) return 0;
    if (stands_in_newer(d->folder, d->txn, d->own, d->own_count, &row)) return 1;
    return row.epoch < d->epoch ? stands_in_epoch(d, &row, err) : 0;
}

int tally_folder_next_delete(tally_folder *folder, tally_txn *txn, const tally_team_secret *secret,
                             int64_t now_ms, tally_folder_file *out, tally_error *err) {
    deleting d = {.folder = folder, .txn = txn, .epoch = secret->epoch, .now_ms = now_ms};
    int rc = folder_own_files(folder, txn, d.epoch, &d.own, &d.own_count, err);
    int found = 0;
    for (size_t i = 0; i < folder->count && rc == 0 && found == 0; i++) {
        found = may_go(&d, &folder->items[i], err);
        if (found == 1)
            *out = (tally_folder_file){folder_name(&folder->items[i]), folder->items[i].size};
    }
    free(d.own);
    free(d.cover);
    if (rc != 0 || found < 0) return rc != 0 ? rc : found;
    return found == 1 ? 0 : TALLY_ENOTFOUND;
}

int tally_folder_was_deleted(tally_folder *folder, tally_txn *txn, tally_span name, bool gone,
                             tally_error *err) {
    folder_item *item = folder_find(folder, name);
    if (!item) return tally_fail(err, TALLY_EINVAL, "this file is not one of the folder's");
    item->kept = true;
    item->gone = gone;
    if (!gone || item->partial) return 0;
    return tally_local_del(txn, TALLY_LOCAL_FOLDERS, name, err);
}
