/* Who has seen a feed's records, and when: cosignatures as commands show them. */
#ifndef TALLY_CLI_WITNESS_OUT_H
#define TALLY_CLI_WITNESS_OUT_H

#include <tally/cosign.h>

#include "format/json_out.h"

/* One cosignature of each device that has put its name to what is asked for: the earliest. */
typedef struct cli_sight {
    tally_cosignature what;
    tally_team_device who; /* its spans live as long as the transaction */
} cli_sight;

typedef struct cli_sights {
    cli_sight *rows; /* by time */
    size_t count, room;
} cli_sights;

/* Of checkpoints from `size` on for which `fits` (may be NULL: all) says yes. The caller frees with
 * cli_sights_free. */
typedef bool cli_sight_fits(void *ctx, const tally_cosignature *c);
int cli_sights_read(tally_txn *txn, const tally_device_id *device, uint64_t size,
                    cli_sight_fits *fits, void *ctx, cli_sights *out, tally_error *err);
void cli_sights_free(cli_sights *sights);

/* An array of who, when, and of what size; with `team`, the lines of the signed note too. */
void cli_sights_json(cli_json *json, const char *key, const cli_sights *sights,
                     const tally_hash *team);
/* A line each, indented. */
void cli_sights_text(FILE *out, const cli_sights *sights);

#endif
