/* Time zones by name, and those of clients: their days are cut by their own clocks. */
#ifndef TALLY_CLI_ZONES_H
#define TALLY_CLI_ZONES_H

#include <tally/report.h>

/* A zone by its IANA name from $TZDIR or the system's folder. TALLY_EINVAL for no name at all,
 * TALLY_EIO when there is no such file. */
int cli_zone_load(tally_span name, tally_zone **out, tally_error *err);
/* The zone of one client; NULL in `out` when its row names none. */
int cli_client_zone_load(tally_txn *txn, tally_span client, tally_zone **out, tally_span *name,
                         tally_error *err);

/* The clients whose rows name another zone than `usual`, ascending. Names borrow the transaction.
 */
typedef struct cli_zones {
    tally_client_zone *clients;
    tally_span *names; /* of their zones */
    size_t count, room;
} cli_zones;
int cli_zones_load(tally_txn *txn, tally_span usual, cli_zones *out, tally_error *err);
void cli_zones_clear(cli_zones *zones);
/* The client's zone, or `usual`. */
const tally_zone *cli_zone_of(const cli_zones *zones, tally_span client, const tally_zone *usual);

#endif
