/* The team: which devices belong to it, in which role, how much of each feed counts, and the shared
 * secret of each epoch. All of it follows from records alone, so that all peers decide alike. */
#ifndef TALLY_TEAM_H
#define TALLY_TEAM_H

#include <tally/ledger.h>

#define TALLY_TEAM_MAX_DEVICES  1024u /* ever added; 50 at a time is the size we build for */
#define TALLY_TEAM_SECRET_BYTES 32u
#define TALLY_TEAM_MAX_SECRETS  8u /* the newest epochs, which a peer may still be using */

typedef enum tally_role {
    TALLY_ROLE_ADMIN = 1,  /* appends, adds and revokes devices */
    TALLY_ROLE_MEMBER = 2, /* appends */
    TALLY_ROLE_AUDITOR = 3 /* reads and cosigns; nothing it appends counts */
} tally_role;

/* One device of the team. Spans live as long as the transaction. */
typedef struct tally_team_device {
    tally_device_id device;
    uint8_t box_key[32]; /* X25519 */
    tally_role role;
    uint64_t limit; /* records of its feed that count; UINT64_MAX without a revocation */
    bool creator;   /* made the team: only it can revoke itself */
    tally_span member, name;
} tally_team_device;

/* TALLY_ENOTFOUND for a device that nobody entitled has added. */
int tally_team_device_get(tally_txn *txn, const tally_device_id *device, tally_team_device *out);
typedef int tally_team_device_fn(void *ctx, const tally_team_device *device);
/* In bytewise order of the device keys. */
int tally_team_device_each(tally_txn *txn, tally_team_device_fn *fn, void *ctx);

/* Appends device.add. TALLY_EREFUSED unless this device is an admin; TALLY_EEXIST when the device
 * is in the team. The current secret is sealed to it with a teamkey record. Where the feed of the
 * team's only admin is forked, this is its last word, which settles the fork (PROTOCOL.md section
 * 9). */
typedef struct tally_team_add {
    tally_device_id device;
    uint8_t box_key[32];
    tally_role role;
    tally_span member, name;
} tally_team_add;
int tally_team_device_add(tally_txn *txn, const tally_team_add *add, tally_error *err);

/* Appends device.revoke for what this store holds of the feed (later records count for nothing)
 * and, unless it revokes itself, a new epoch's secret, which the caller draws, sealed to every
 * device that remains. */
int tally_team_device_revoke(tally_txn *txn, const tally_device_id *device,
                             const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err);
/* The same, but of its feed only the first `records` count, or what is held when that is less. This
 * undoes what a device has said, also one that is revoked already: then there is no new secret. */
int tally_team_device_revoke_from(tally_txn *txn, const tally_device_id *device, uint64_t records,
                                  const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err);

/* Secrets that this device can open, newest epoch first. The caller wipes them. TALLY_ENOTFOUND
 * when there is none. */
typedef struct tally_team_secret {
    uint64_t epoch;
    uint8_t bytes[TALLY_TEAM_SECRET_BYTES];
} tally_team_secret;
int tally_team_secrets(tally_txn *txn, tally_team_secret out[TALLY_TEAM_MAX_SECRETS], size_t *count,
                       tally_error *err);

#endif
