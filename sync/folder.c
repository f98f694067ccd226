/* Shared folders: the listing, and which files are worth reading. What is written and deleted is in
 * folder_plan.c, what files hold together in folder_cover.c. */
#include "folder_state.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_DIGITS   24u
#define SUFFIX_BYTES  (sizeof TALLY_FOLDER_SUFFIX - 1)
#define WHOLE_BYTES   (NAME_DIGITS + SUFFIX_BYTES)
#define PARTIAL_BYTES (WHOLE_BYTES + sizeof TALLY_FOLDER_PARTIAL_SUFFIX - 1)
#define LISTED_MAX    (2u * TALLY_FOLDER_MAX_FILES) /* with partial ones */
_Static_assert(PARTIAL_BYTES < TALLY_FOLDER_NAME_BYTES, "with its NUL");

/* ---- listing ---- */

static bool name_ok(tally_span name, bool *partial) {
    *partial = name.len == PARTIAL_BYTES;
    if (name.len != WHOLE_BYTES && !*partial) return false;
    for (size_t i = 0; i < NAME_DIGITS; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    tally_span suffix = tally_span_of(name.ptr + NAME_DIGITS, SUFFIX_BYTES);
    tally_span rest = tally_span_of(name.ptr + WHOLE_BYTES, name.len - WHOLE_BYTES);
    return tally_span_is(suffix, TALLY_FOLDER_SUFFIX) &&
           (!*partial || tally_span_is(rest, TALLY_FOLDER_PARTIAL_SUFFIX));
}

bool tally_folder_name(tally_span name) {
    bool partial;
    return name_ok(name, &partial);
}

static int item_cmp(const void *a, const void *b) {
    return strcmp(((const folder_item *)a)->name, ((const folder_item *)b)->name);
}

int tally_folder_new(const tally_folder_file *files, size_t count, tally_folder **out,
                     tally_error *err) {
    bool partial;
    size_t ours = 0;
    *out = NULL;
    for (size_t i = 0; i < count; i++)
        ours += name_ok(files[i].name, &partial);
    if (ours > LISTED_MAX)
        return tally_fail(err, TALLY_ELIMIT,
                          "the folder holds more than %u segments; begin a new folder",
                          TALLY_FOLDER_MAX_FILES);
    tally_folder *folder = calloc(1, sizeof *folder);
    if (folder) folder->items = calloc(ours + 1, sizeof *folder->items); /* one may be written */
    if (!folder || !folder->items) {
        free(folder);
        return tally_fail(err, TALLY_ENOMEM, "no memory for the list of a folder");
    }
    for (size_t i = 0; i < count; i++) {
        if (!name_ok(files[i].name, &partial)) continue;
        folder_item *item = &folder->items[folder->count++];
        memcpy(item->name, files[i].name.ptr, files[i].name.len);
        item->size = files[i].size;
        item->partial = partial;
    }
    qsort(folder->items, folder->count, sizeof *folder->items, item_cmp);
    *out = folder;
    return 0;
}

void tally_folder_free(tally_folder *folder) {
    if (!folder) return;
    free(folder->items);
    free(folder);
}

folder_item *folder_find(tally_folder *folder, tally_span name) {
    folder_item wanted = {0};
    if (name.len >= sizeof wanted.name) return NULL;
    memcpy(wanted.name, name.ptr, name.len);
    return bsearch(&wanted, folder->items, folder->count, sizeof wanted, item_cmp);
}

/* ---- reading ---- */

/* 1: worth reading. */
static int worth_reading(tally_txn *txn, const folder_item *item, tally_error *err) {
    folder_row row;
    tally_hash held;
    if (item->partial || item->passed || item->gone) return 0;
    int rc = folder_row_get(txn, folder_name(item), &row);
    if (rc == TALLY_ENOTFOUND) return 1;
    if (rc != 0) return tally_fail(err, rc, "cannot read what is known of a folder's files");
    if (row.size != item->size) return 1;
    if (!row.skipped) return 0;
    rc = folder_held_digest(txn, &held, err);
    return rc != 0 ? rc : !tally_hash_eq(&held, &row.held);
}

int tally_folder_next_read(tally_folder *folder, tally_txn *txn, tally_folder_file *out,
                           tally_error *err) {
    for (;;) {
        for (; folder->at < folder->count; folder->at++) {
            const folder_item *item = &folder->items[folder->at];
            int rc = worth_reading(txn, item, err);
            if (rc < 0) return rc;
            if (rc == 0) continue;
            folder->at++;
            *out = (tally_folder_file){folder_name(item), item->size};
            return 0;
        }
        if (!folder->progress) return TALLY_ENOTFOUND;
        folder->progress = false;
        folder->at = 0;
    }
}

void tally_folder_pass_over(tally_folder *folder, tally_span name) {
    folder_item *item = folder_find(folder, name);
    if (item) item->passed = true;
}

int tally_folder_was_read(tally_folder *folder, tally_txn *txn, tally_span name,
                          const tally_segment_read *segment, tally_error *err) {
    const folder_item *item = folder_find(folder, name);
    folder_row row;
    if (!item || !segment->spans)
        return tally_fail(err, TALLY_EINVAL, "this file is not one of the folder's");
    if (folder_row_get(txn, name, &row) != 0) row = (folder_row){0}; /* another device's */
    row.size = item->size;
    row.epoch = segment->epoch;
    row.written_ms = segment->clock_ms;
    row.forks = segment->forks;
    row.skipped = segment->skipped > 0;
    int rc = row.skipped ? folder_held_digest(txn, &row.held, err) : 0;
    if (rc == 0) rc = folder_row_put(txn, name, &row, segment->spans, segment->span_count, err);
    folder->progress = folder->progress || rc == 0;
    return rc;
}
