/* The team's devices as commands list and name them: who they are, what is held of them, what is
 * remembered of their nodes. */
#ifndef TALLY_CLI_DEVICE_H
#define TALLY_CLI_DEVICE_H

#include <tally/fork.h>
#include <tally/team.h>

#include "format/json_out.h"
#include "format/table_out.h"
#include "open.h"

#define CLI_ID_TEXT_BYTES    9u   /* the first 4 bytes of a key or hash in hex, and a NUL */
#define CLI_NAMES_TEXT_BYTES 300u /* "member/device" and a NUL */

typedef struct cli_device {
    tally_team_device in; /* its spans live as long as the transaction */
    bool itself;          /* this device */
    uint64_t records;     /* of its feed, held here */
    uint64_t counting;    /* of those */
    bool began;           /* first_ms holds the time of its first record */
    int64_t first_ms;
    bool frozen, resolved; /* it signed two histories; an admin has chosen one */
    uint64_t common;       /* frozen: records that both histories share, */
    uint64_t end;          /* and where the feed ends now */
    bool met;              /* the fields below are known: its node was heard once */
    int64_t seen_ms, clock_off_ms;
    tally_span address;
    uint64_t has;       /* records of all feeds that it was known to hold */
    uint64_t they_lack; /* held here, not known to be there */
    uint64_t we_lack;   /* there, and not here */
} cli_device;

/* This device first, then in order of member and name. */
typedef struct cli_devices {
    cli_device *rows;
    size_t count;
    uint64_t records; /* of all feeds, held here */
} cli_devices;

/* The caller frees with cli_devices_free. */
int cli_devices_read(tally_ledger *ledger, tally_txn *txn, cli_devices *out, tally_error *err);
void cli_devices_free(cli_devices *devices);

/* A command that shows them all, in either form. The exit code. */
typedef struct cli_devices_view {
    void (*json)(cli *run, const cli_reading *reading, const cli_devices *devices);
    const cli_column *columns;
    size_t column_count;
    void (*line)(cli_table *table, const cli_reading *reading, const cli_device *device);
    void (*after)(const cli_devices *devices); /* more words; may be NULL */
} cli_devices_view;
int cli_devices_show(cli *run, const cli_devices_view *view);

static inline bool cli_device_revoked(const cli_device *device) {
    return device->in.limit != UINT64_MAX;
}

/* The one device that `text` names: "member/name", a name, a member with one device, or the
 * beginning of an id (4 hex digits at least). A name that several bear is TALLY_EINVAL; of those,
 * revoked ones stand back. TALLY_ENOTFOUND. */
int cli_device_find(const cli_devices *devices, const char *text, const cli_device **out,
                    tally_error *err);
/* The same, but a member's name means all their devices that are not revoked: `each` holds
 * devices->count of them. */
int cli_device_find_all(const cli_devices *devices, const char *text, const cli_device **each,
                        size_t *count, tally_error *err);

const char *cli_role_text(tally_role role);
/* False for a text that names no role. */
bool cli_role_parse(const char *text, tally_role *out);
void cli_id_text(const uint8_t *bytes, char out[CLI_ID_TEXT_BYTES]);
/* "member/name", fit to be printed. */
void cli_device_names(const tally_team_device *device, char out[CLI_NAMES_TEXT_BYTES]);
/* Members "member", "name" and "device" into the object that is open. */
void cli_device_json(cli_json *json, const tally_team_device *device);

#endif
