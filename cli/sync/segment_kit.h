/* What commands need to read and write segments, and the two ways in which they do. */
#ifndef TALLY_CLI_SEGMENT_KIT_H
#define TALLY_CLI_SEGMENT_KIT_H

#include <tally/segment.h>

#include "segment_file.h"

typedef struct cli_segment_kit {
    tally_ledger *ledger; /* borrowed */
    tally_team_secret *secrets;
    size_t secret_count;
    tally_wire_packer *packer;
    tally_wire_head *heads;    /* TALLY_WIRE_MAX_HEADS of them, */
    tally_segment_span *spans; /* and as many */
} cli_segment_kit;
/* The caller closes with cli_segment_kit_close, which wipes the secrets, also after a failure. */
int cli_segment_kit_open(tally_ledger *ledger, cli_segment_kit *out, tally_error *err);
void cli_segment_kit_close(cli_segment_kit *kit);

/* Takes in a whole segment: checks it to its end, then stores it in one write. `then` (may be NULL)
 * runs at the end of that write, perhaps more than once. `out` borrows from the kit. */
typedef int cli_segment_then_fn(void *ctx, tally_txn *txn, const tally_segment_read *segment,
                                tally_error *err);
int cli_segment_take(cli_segment_kit *kit, int fd, cli_segment_then_fn *then, void *ctx,
                     tally_segment_read *out, tally_error *err);

/* Writes what lies beyond a frontier into a file that was created, and gives it its name; when that
 * is nothing (TALLY_ENOTFOUND), and on any failure, no file stays. `out` borrows from the kit. */
int cli_segment_put(cli_segment_kit *kit, const tally_wire_head *heads, size_t head_count,
                    cli_segment_new *file, tally_segment_write *out, tally_error *err);

/* "12 records", and " and 3 blobs" where there are any. */
#define CLI_AMOUNT_TEXT_BYTES 64u
void cli_amount_text(uint64_t records, uint64_t blobs, char out[CLI_AMOUNT_TEXT_BYTES]);

#endif
