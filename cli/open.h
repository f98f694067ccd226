/* Opening: where the ledger is, its passphrase, its time zone; and the reading session most
 * commands work in. */
#ifndef TALLY_CLI_OPEN_H
#define TALLY_CLI_OPEN_H

#include <tally/ledger.h>
#include <tally/time.h>
#include <tally/view.h>

#include "command.h"
#include "zones.h"

#define CLI_PASSPHRASE_MAX_BYTES 1024u
#define CLI_CAPTURE_MARK         "/capture.lock" /* in the directory; its time is the last pass */

/* Fills run->dir: --ledger, $TALLY_HOME, $XDG_DATA_HOME/tally, ~/.local/share/tally. */
int cli_dir_find(cli *run, tally_error *err);
/* The user's home directory; NULL when nothing tells it. */
const char *cli_home(void);

/* Opens the ledger of `run`. The caller closes it with tally_ledger_close. */
int cli_ledger_open(cli *run, bool read_only, tally_ledger **out, tally_error *err);

/* One snapshot with what printing needs. */
typedef struct cli_reading {
    tally_ledger *ledger;
    tally_txn *txn;
    tally_team team;
    tally_zone *zone; /* where days are cut: the team's, or that of the client asked for */
    tally_span zone_name;
    struct cli_lines *lines; /* line.h */
    cli_zones zones;         /* of the clients that have their own, when several are asked for */
} cli_reading;
int cli_reading_open(cli *run, cli_reading *out, tally_error *err);
void cli_reading_close(cli_reading *reading);

/* The instant as the zone's clock shows it, as if that were UTC. */
int64_t cli_local_ms(const tally_zone *zone, int64_t unix_ms);

/* A passphrase: from the file named by $TALLY_PASSPHRASE_FILE, else typed on the terminal without
 * echo. */
tally_passphrase_fn cli_passphrase_ask;
/* A new one, typed twice. */
tally_passphrase_fn cli_passphrase_choose;

#endif
