/* A round over a shared folder: what is listed and what this store knows of it. Private to sync/.
 */
#ifndef TALLY_FOLDER_STATE_H
#define TALLY_FOLDER_STATE_H

#include <tally/folder.h>

typedef struct folder_item {
    char name[TALLY_FOLDER_NAME_BYTES];
    uint64_t size;
    bool partial; /* of a file in the making */
    bool passed;  /* not to be read in this round */
    bool kept;    /* not to be deleted in this round */
    bool gone;
} folder_item;

struct tally_folder {
    folder_item *items; /* by name */
    size_t count;
    size_t at;     /* of the next item to look at for reading */
    bool progress; /* something was read since that was 0 */
};

static inline tally_span folder_name(const folder_item *item) {
    return tally_span_str(item->name);
}

/* NULL when it is not listed. */
folder_item *folder_find(tally_folder *folder, tally_span name);

/* What is known of one file; `spans` borrows from the store. */
typedef struct folder_row {
    bool own;         /* this device wrote it, */
    uint64_t counter; /* as this many-th */
    uint64_t size;    /* in bytes; 0: its name is reserved, it may not be there yet */
    uint64_t epoch;
    int64_t written_ms; /* the writer's clock */
    uint64_t forks;     /* the writer's tally_fork_digest */
    bool skipped;       /* something in it was not taken, */
    tally_hash held;    /* when this store held this */
    tally_wire_list spans;
} folder_row;

/* folder_row.c. A row that does not read is as good as none: the file is read again. */
int folder_row_get(tally_txn *txn, tally_span name, folder_row *out);
bool folder_row_read(tally_span bytes, folder_row *out);
bool folder_row_next(tally_wire_list *spans, tally_segment_span *out);
/* Writes `row`, with these spans in place of its own. */
int folder_row_put(tally_txn *txn, tally_span name, const folder_row *row,
                   const tally_segment_span *spans, size_t count, tally_error *err);
/* A digest of all that this store holds. */
int folder_held_digest(tally_txn *txn, tally_hash *out, tally_error *err);

/* The row of a listed file when it is that of this very file. */
bool folder_item_row(tally_txn *txn, const folder_item *item, folder_row *out);

/* folder_cover.c: what the listed files of an epoch hold together, ascending by device: of each
 * feed all records up to a size, without a gap. `heads` holds TALLY_WIRE_MAX_HEADS. */
int folder_cover(const tally_folder *folder, tally_txn *txn, uint64_t epoch, tally_wire_head *heads,
                 size_t *count, tally_error *err);

/* folder_own.c: this device's own files of an epoch, newest first, without those that a newer one
 * stands for. The caller frees. */
typedef struct folder_own {
    size_t item;
    uint64_t counter, size;
} folder_own;
int folder_own_files(const tally_folder *folder, tally_txn *txn, uint64_t epoch, folder_own **out,
                     size_t *count, tally_error *err);

#endif
