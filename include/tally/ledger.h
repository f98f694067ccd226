/* The ledger: one LMDB environment that several processes share. Reads see one snapshot; a write
 * appends records to this device's feed, signs the new head and updates the views in one durable
 * transaction, or does nothing at all. */
#ifndef TALLY_LEDGER_H
#define TALLY_LEDGER_H

#include <tally/checkpoint.h>
#include <tally/error.h>
#include <tally/key.h>
#include <tally/merkle.h>
#include <tally/record.h>

#define TALLY_COMMIT_MAX_RECORDS 4096u
#define TALLY_COMMIT_MAX_BYTES   (1024u * 1024u)
#define TALLY_BLOB_SALT_BYTES    16u
#define TALLY_BLOB_MAX_BYTES     (16u * 1024u * 1024u)
#define TALLY_SUBTREE_LEVEL      8u /* one cached subtree hash per 256 leaves */
#define TALLY_CLOCK_AHEAD_MS                                                                       \
    (48 * 3600 * INT64_C(1000)) /* how far another's clock may pull ours                           \
                                 */

typedef struct tally_ledger tally_ledger;
typedef struct tally_txn tally_txn;

typedef struct tally_ledger_options {
    const char *dir;          /* the ledger's directory */
    bool read_only;           /* never writes; works on a read-only file system */
    size_t map_bytes;         /* initial map size; 0 for the default. It grows by itself. */
    tally_passphrase_fn *ask; /* for a sealed key, asked at the first write; may be NULL */
    void *ask_ctx;
} tally_ledger_options;

typedef struct tally_ledger_init {
    const char *dir;
    tally_span team, member, device; /* names: 1..128 bytes of UTF-8 without control characters */
    tally_span timezone;             /* IANA name, "Europe/Berlin" */
    tally_span currency;             /* ISO 4217 */
    tally_span passphrase;           /* empty: the key file is stored in the clear, mode 0600 */
    const tally_hash *join;          /* NULL: make a team. Else the team to join: see below */
    int64_t now_ms;
} tally_ledger_init;

/* Makes keys, environment and the first two records: team.create, and a teamkey with the first team
 * secret. With `join` no record is written and the names are not looked at: the team's records come
 * through tally_ingest, and so may the device.add that lets this device's own records count.
 * TALLY_EEXIST, changing nothing, when `dir` holds a ledger. A crash half way leaves nothing that a
 * second init cannot finish. */
int tally_ledger_create(const tally_ledger_init *init, tally_error *err);

/* What stands in a ledger's directory, beside TALLY_MARK_FILE. The lock is LMDB's: whoever opens
 * the ledger makes it where it is missing. */
#define TALLY_KEY_FILE        "device.key"
#define TALLY_STORE_FILE      "ledger.mdb"
#define TALLY_STORE_LOCK_FILE "ledger.mdb-lock"

/* TALLY_ENOTFOUND when there is no ledger, TALLY_ECORRUPT when it cannot be read. The views of a
 * ledger that an earlier version wrote are made anew, unless it is opened for reading only
 * (TALLY_EFORMAT or TALLY_ECORRUPT then). Free with tally_ledger_close. */
int tally_ledger_open(const tally_ledger_options *options, tally_ledger **out, tally_error *err);
void tally_ledger_close(tally_ledger *ledger);
/* The directory given to open. */
const char *tally_ledger_dir(const tally_ledger *ledger);
/* Whether the store is still the file of its name there: what is written into one that was moved,
 * removed or replaced meanwhile is lost to everybody else. */
bool tally_ledger_in_place(const tally_ledger *ledger);
/* Team id: leaf hash of the first record. */
const tally_hash *tally_ledger_team(const tally_ledger *ledger);
const tally_device_id *tally_ledger_device(const tally_ledger *ledger);
/* The device's keys, read (and a passphrase asked for) when they are first needed; the ledger's. */
int tally_ledger_key(tally_ledger *ledger, const tally_key **out, tally_error *err);
/* Grows with every commit of any process that writes this ledger: equal numbers mean that nothing
 * has changed. */
uint64_t tally_ledger_version(const tally_ledger *ledger);

/* One read snapshot; a thread may hold several. Spans from getters live until tally_read_end.
 * TALLY_EIO when another process has grown the file while an older snapshot of this handle is still
 * open. */
int tally_read_begin(tally_ledger *ledger, tally_txn **out, tally_error *err);
void tally_read_end(tally_txn *txn);

/* Runs `fn` in a write transaction, signs and commits. When the map is full it grows and `fn` runs
 * again from the start: `fn` must not change anything outside the transaction that it cannot change
 * twice. An error from `fn` aborts all. No snapshot of this handle may be open: growing moves the
 * map (asserted). */
typedef int tally_write_fn(void *ctx, tally_txn *txn, tally_error *err);
int tally_ledger_write(tally_ledger *ledger, int64_t now_ms, tally_write_fn *fn, void *ctx,
                       tally_error *err);

/* Inside a write: encodes what `writer` holds as the next record of this device's feed, stores it
 * and folds it into the views. `leaf` (may be NULL) gets its leaf hash. A commit ends by itself at
 * its limits. */
int tally_append(tally_txn *txn, const char *kind, tally_writer *writer, tally_hash *leaf,
                 tally_error *err);

/* Feeds: `number` is this store's short name of a device, dense from 0 (0 is the own device); it
 * never leaves the store. */
typedef struct tally_feed {
    uint32_t number;
    tally_device_id device;
    uint64_t size;
    tally_hlc last_hlc;
    tally_range range; /* right edge at `size` */
} tally_feed;
uint32_t tally_feed_count(tally_txn *txn);
int tally_feed_get(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err);
/* The number of a device's feed; TALLY_ENOTFOUND when nothing of it is stored. */
int tally_feed_find(tally_txn *txn, const tally_device_id *device, uint32_t *number);

/* One stored record's bytes; TALLY_ENOTFOUND. */
int tally_record_get(tally_txn *txn, uint32_t feed, uint64_t index, tally_span *out,
                     tally_error *err);
/* Finds a record by a prefix (8..64 hex digits) of its leaf hash; TALLY_ENOTFOUND, TALLY_EINVAL
 * when several match. Scans the feeds. */
int tally_record_find(tally_txn *txn, tally_span hex_prefix, uint32_t *feed, uint64_t *index,
                      tally_error *err);
/* The first stored checkpoint of `feed` that covers record `index` (size > index). */
int tally_checkpoint_get(tally_txn *txn, uint32_t feed, uint64_t index, tally_checkpoint *out,
                         tally_error *err);

/* Local tables: never signed, never synced. An absent key gives TALLY_ENOTFOUND without touching
 * err. */
typedef enum tally_local {
    TALLY_LOCAL_CURSORS,
    TALLY_LOCAL_SETTINGS,
    TALLY_LOCAL_ALIASES,
    TALLY_LOCAL_PEERS,   /* peer.h */
    TALLY_LOCAL_FOLDERS, /* segments of shared folders that were read or written */
    TALLY_LOCAL_DESCRIBE /* sessions that wait for their description */
} tally_local;
int tally_local_get(tally_txn *txn, tally_local table, tally_span key, tally_span *out);
int tally_local_put(tally_txn *txn, tally_local table, tally_span key, tally_span value,
                    tally_error *err);
/* All rows of a table in bytewise order of the keys. A result of `fn` other than 0 stops and is
 * returned. */
typedef int tally_local_fn(void *ctx, tally_span key, tally_span value, tally_error *err);
int tally_local_each(tally_txn *txn, tally_local table, tally_local_fn *fn, void *ctx,
                     tally_error *err);
/* Absent is fine. */
int tally_local_del(tally_txn *txn, tally_local table, tally_span key, tally_error *err);

/* Blobs: id = SHA-256(salt || content). The salt (16 random bytes) comes from the caller. */
int tally_blob_put(tally_txn *txn, const uint8_t salt[TALLY_BLOB_SALT_BYTES], tally_span content,
                   tally_hash *id, tally_error *err);
/* Content without its salt; TALLY_ENOTFOUND when it is not here (or was redacted). */
int tally_blob_get(tally_txn *txn, const uint8_t id[TALLY_HASH_BYTES], tally_span *content);

/* Checks. A finding names what is bad: "feed 3f2a… record 17 (leaf …): …". */
typedef struct tally_check {
    uint64_t feeds, records, checkpoints, subtrees, blobs, view_rows; /* looked at */
    uint64_t findings;
    bool stopped; /* `found` asked to stop: the check is not whole */
    int (*found)(void *ctx, const char *sentence);              /* may be NULL; non-zero stops */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
    void *ctx;
} tally_check;
/* verify: every record hashed into its tree, every head's root and signature, the newest checkpoint
 * of each feed. With `deep`: every record parsed strictly, every stored checkpoint's root and
 * signature, cached subtree hashes, blobs, and the views rebuilt in memory order and compared.
 * Findings are counted in `check`; the return value is 0 unless the check itself could not run. */
int tally_verify(tally_ledger *ledger, bool deep, tally_check *check, tally_error *err);

/* Drops all views and folds every record again, in one write transaction. */
int tally_rebuild(tally_ledger *ledger, int64_t now_ms, tally_error *err);
/* SHA-256 over all view rows, equal on every peer that holds the same records, in whatever order
 * they came. */
int tally_view_digest(tally_txn *txn, tally_hash *out, tally_error *err);

/* A consistent copy of the live environment into the new file `path` (never overwrites). Keys are
 * not copied. */
int tally_backup(tally_ledger *ledger, const char *path, tally_error *err);

#endif
