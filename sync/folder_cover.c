/* Shared folders: what the files that are listed hold together. */
#include "folder_state.h"

#include <tally/ingest.h>

#include <stdlib.h>

typedef struct cover {
    tally_txn *txn;
    tally_segment_span *spans;
    size_t count, capacity;
    bool forked; /* the device looked at last, */
    uint32_t feed;
    uint64_t own; /* of its feed here */
} cover;

static int cover_add(cover *c, tally_wire_list list, tally_error *err) {
    tally_segment_span span;
    while (folder_row_next(&list, &span)) {
        if (c->count == TALLY_FOLDER_MAX_SPANS)
            return tally_fail(err, TALLY_ELIMIT,
                              "the folder's files are too many small ones; begin a new folder");
        if (c->count == c->capacity) {
            size_t capacity = c->capacity ? 2 * c->capacity : 256;
            tally_segment_span *spans = reallocarray(c->spans, capacity, sizeof *spans);
            if (!spans) return tally_fail(err, TALLY_ENOMEM, "no memory for what a folder holds");
            c->spans = spans;
            c->capacity = capacity;
        }
        c->spans[c->count++] = span;
    }
    return 0;
}

static int span_cmp(const void *a, const void *b) {
    const tally_segment_span *x = a, *y = b;
    int order = memcmp(x->device.b, y->device.b, sizeof x->device.b);
    if (order != 0) return order;
    return (x->from > y->from) - (x->from < y->from);
}

static int look_at_device(cover *c, const tally_device_id *device, tally_error *err) {
    tally_fork_state fork;
    tally_feed feed;
    int rc = tally_fork_get(c->txn, device, &fork, err);
    c->forked = rc == 0;
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    c->own = 0;
    rc = tally_feed_find(c->txn, device, &c->feed);
    if (rc == 0) rc = tally_feed_get(c->txn, c->feed, &feed, err);
    if (rc == 0) c->own = feed.size;
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

/* Of a feed that forked only what is this store's history counts. */
static bool counts(const cover *c, const tally_segment_span *span) {
    tally_hash root;
    if (!c->forked) return true;
    return span->size <= c->own && tally_feed_root(c->txn, c->feed, span->size, &root, NULL) == 0 &&
           tally_hash_eq(&root, &span->root);
}

/* One sweep over the spans, by device and beginning. */
static int sweep(cover *c, tally_wire_head *heads, size_t *count, tally_error *err) {
    tally_wire_head head = {.size = 0};
    int rc = 0;
    for (size_t i = 0; i < c->count && rc == 0; i++) {
        const tally_segment_span *span = &c->spans[i];
        if (i == 0 || memcmp(head.device.b, span->device.b, sizeof head.device.b) != 0) {
            head = (tally_wire_head){.device = span->device};
            rc = look_at_device(c, &span->device, err);
        }
        if (rc != 0 || span->from > head.size || span->size <= head.size || !counts(c, span))
            continue;
        if (head.size == 0 && *count == TALLY_WIRE_MAX_HEADS)
            return tally_fail(err, TALLY_ELIMIT, "the folder holds records of too many devices");
        *count += head.size == 0;
        head.size = span->size;
        head.root = span->root;
        heads[*count - 1] = head;
    }
    return rc;
}

int folder_cover(const tally_folder *folder, tally_txn *txn, uint64_t epoch, tally_wire_head *heads,
                 size_t *count, tally_error *err) {
    cover c = {.txn = txn};
    folder_row row;
    int rc = 0;
    *count = 0;
    for (size_t i = 0; i < folder->count && rc == 0; i++)
        if (folder_item_row(txn, &folder->items[i], &row) && row.epoch == epoch && !row.skipped)
            rc = cover_add(&c, row.spans, err);
    if (c.count > 0) qsort(c.spans, c.count, sizeof *c.spans, span_cmp);
    if (rc == 0) rc = sweep(&c, heads, count, err);
    free(c.spans);
    return rc;
}
