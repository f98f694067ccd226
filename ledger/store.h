/* The store, inside: LMDB tables, transactions and how LMDB's errors become ours. Private to
 * ledger/. */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <tally/ledger.h>

#include <lmdb.h>

#define STORE_FILE          TALLY_STORE_FILE
#define STORE_KEY_FILE      TALLY_KEY_FILE
#define STORE_FORMAT        5u
#define STORE_FORMAT_VIEWS  4u /* since then views are as now; what a feed's tail holds is new */
#define STORE_FORMAT_OLDEST 1u /* that is brought up to date: its views are made anew */
#define STORE_MAP_BYTES     (64u * 1024u * 1024u)
#define STORE_MAP_MAX_BYTES ((size_t)1 << 42)
#define STORE_MAX_READERS   256u
#define STORE_RENEW_RECORDS 1024u /* a commit of as many makes the map anew */
#define RECORD_CHECK_BYTES                                                                         \
    8u /* first bytes of the leaf hash, stored before each record: names the bad one */
#define FEED_INDEX_KEY_BYTES 12u
#define FEED_FIXED_BYTES     (TALLY_PUBLIC_KEY_BYTES + 8u + 8u)
#define FEED_HEAD_MAX_BYTES  (FEED_FIXED_BYTES + TALLY_MERKLE_MAX_LEVELS * TALLY_HASH_BYTES)

typedef enum store_table {
    TABLE_FEEDS,
    TABLE_DEVICES,
    TABLE_RECORDS,
    TABLE_CHECKPOINTS,
    TABLE_SUBTREES,
    TABLE_BLOBS,
    TABLE_LOCAL_CURSORS,
    TABLE_LOCAL_SETTINGS,
    TABLE_LOCAL_ALIASES,
    TABLE_ADDED_FIRST, /* from here on made when an earlier version's store lacks them */
    TABLE_LOCAL_PEERS = TABLE_ADDED_FIRST,
    TABLE_LOCAL_FOLDERS,
    TABLE_LOCAL_WANTS,    /* blobs that records refer to and that are not here */
    TABLE_LOCAL_DESCRIBE, /* sessions that wait for their description */
    TABLE_LOCAL_REDACTED, /* what this device knows again: ids and keyed hashes of contents */
    TABLE_LOCAL_OUTBOX,   /* webhooks and what waits for them: outbox.h */
    TABLE_FORKS,
    TABLE_BRANCHES,
    TABLE_BRANCH_RECORDS,
    TABLE_BRANCH_CHECKPOINTS,
    TABLE_COSIGNATURES,
    TABLE_LOCAL_COSIGNED, /* the order in which they came */
    TABLE_VIEW_FIRST,
    TABLE_VIEW_COSTS = TABLE_VIEW_FIRST,
    TABLE_VIEW_ENTRIES,
    TABLE_VIEW_VOIDS,
    TABLE_VIEW_SESSIONS,
    TABLE_VIEW_ACTIVITY,
    TABLE_VIEW_ACTIVITY_DAYS,
    TABLE_VIEW_STRINGS,
    TABLE_VIEW_TAGS,
    TABLE_VIEW_UNTAGS,
    TABLE_VIEW_PRICES,
    TABLE_VIEW_TEAM,
    TABLE_VIEW_TEAM_FACTS,
    TABLE_VIEW_DEVICES,
    TABLE_VIEW_REDACTIONS,
    TABLE_VIEW_POLICY,
    TABLE_VIEW_DECISIONS,
    TABLE_VIEW_TYPED,
    TABLE_VIEW_TYPED_DAYS,
    TABLE_VIEW_BILLING,
    TABLE_VIEW_LOCKS,
    TABLE_VIEW_WORDS,
    TABLE_COUNT
} store_table;

struct tally_ledger {
    char *dir;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    bool read_only;
    tally_key *key; /* NULL until the first write */
    tally_passphrase_fn *ask;
    void *ask_ctx;
    bool views_outdated;  /* made by an earlier version; only while opening, */
    bool format_outdated; /* and so is this: nothing but its number changes */
    tally_hash team;
    tally_device_id device;
    char origin[TALLY_ORIGIN_MAX_BYTES]; /* of the own feed */
    uint32_t readers;                    /* open read transactions of this handle */
    bool mark_open;                      /* mark_fd is the mark's file, */
    bool mark_whole;                     /* which held a mark when it was last read */
    int mark_fd;
};

struct tally_txn {
    tally_ledger *ledger;
    MDB_txn *txn;
    bool write;
    bool map_full; /* some call met MDB_MAP_FULL: grow and run again */
    int64_t now_ms;
    bool own_loaded; /* `own` is the own feed as this transaction leaves it */
    tally_feed own;
    tally_hlc clock;       /* own_loaded: the latest of any feed; ours goes on after it */
    bool own_frozen;       /* own_loaded: the own feed is forked and takes no more */
    bool own_auditor;      /* own_loaded: nothing that it would append counts */
    uint32_t closing;      /* records that it takes all the same: its last word */
    bool own_grew;         /* the mark may have to rise */
    uint64_t appended;     /* records, in this transaction */
    uint32_t open_records; /* since the last checkpoint */
    size_t open_bytes;
    struct view_gather *gather; /* costs that are in no table; NULL while there are none */
    bool recent_taken;   /* those of the own feed's tail (feed_tail.h) are among them, or dropped */
    bool team_changed;   /* team records were folded since the members were worked out */
    bool forks_changed;  /* proofs, branches or team facts: what forked feeds end at may change */
    bool fold_again;     /* what counts of stored records changed: all views follow from anew */
    bool gate_known;     /* gate_feed and gate_limit hold */
    uint32_t gate_feed;  /* the feed that was folded last, */
    uint64_t gate_limit; /* and how many of its records count */
};

/* Turns an LMDB or errno code into ours: "DOING: cause; next step". Notes a full map. */
int store_fail(tally_txn *txn, int rc, const char *doing, tally_error *err);
int store_env_fail(const tally_ledger *ledger, int rc, const char *doing, tally_error *err);
/* TALLY_ENOTFOUND: whoever made the ledger was stopped before it was one. */
int store_unfinished_fail(const char *dir, tally_error *err);

/* 0, TALLY_ENOTFOUND (err untouched), or an error. */
int store_get(tally_txn *txn, store_table table, tally_span key, tally_span *out, tally_error *err);
int store_put(tally_txn *txn, store_table table, tally_span key, tally_span value, unsigned flags,
              tally_error *err);
/* Deletes a key, or one of its duplicates when `value` is given. Absent is fine. */
int store_del(tally_txn *txn, store_table table, tally_span key, const tally_span *value,
              tally_error *err);
int store_cursor(tally_txn *txn, store_table table, MDB_cursor **out, tally_error *err);

int store_txn_begin(tally_ledger *ledger, bool write, tally_txn *out, tally_error *err);
/* tally_ledger_write without reading the device's keys: for writes that append nothing. */
int store_write(tally_ledger *ledger, int64_t now_ms, tally_write_fn *fn, void *ctx,
                tally_error *err);
/* Opens the environment and its tables; with `create` makes what is missing. */
int store_open_env(tally_ledger *ledger, const char *dir, bool read_only, bool create,
                   size_t map_bytes, tally_error *err);
void store_close_env(tally_ledger *ledger);
const char *store_table_name(store_table table);

static inline MDB_val store_val(tally_span span) {
    return (MDB_val){span.len, (void *)(uintptr_t)span.ptr};
}

static inline tally_span store_span(MDB_val val) {
    return tally_span_of(val.mv_data, val.mv_size);
}

static inline void store_feed_key(uint8_t key[FEED_INDEX_KEY_BYTES], uint32_t feed,
                                  uint64_t index) {
    tally_put_be32(key, feed);
    tally_put_be64(key + 4, index);
}

/* feed.c */
int feed_load(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err);
int feed_store(tally_txn *txn, const tally_feed *feed, tally_error *err);
/* A feed's stored row: its head, and what waits behind it (feed_tail.h). TALLY_ENOTFOUND (err
 * untouched), TALLY_ECORRUPT. */
int feed_row(tally_txn *txn, uint32_t number, tally_span *head, tally_span *tail, tally_error *err);
int feed_put_row(tally_txn *txn, uint32_t number, tally_span head, tally_span tail,
                 tally_error *err);
int feed_damaged(uint32_t number, tally_error *err);
/* As this transaction sees it: the own feed with what was appended since its last checkpoint. */
int feed_now(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err);
/* Adds an empty feed under the next number. */
int feed_make(tally_txn *txn, const tally_device_id *device, tally_feed *out, tally_error *err);
/* Stores the bytes of a record behind their check; a cached hash of the tree. */
int feed_put_bytes(tally_txn *txn, uint32_t feed, uint64_t index, tally_span bytes,
                   const tally_hash *leaf, tally_error *err);
int feed_put_subtree(tally_txn *txn, uint32_t feed, uint64_t index, const tally_hash *hash,
                     tally_error *err);
/* Stores a record and hashes it into the tree; the caller stores the row. */
int feed_put_record(tally_txn *txn, tally_feed *feed, tally_span bytes, const tally_hash *leaf,
                    tally_error *err);
int feed_put_checkpoint(tally_txn *txn, uint32_t number, const tally_checkpoint *cp,
                        tally_error *err);
/* The same into the table alone, past what waits for it. */
int feed_put_checkpoint_row(tally_txn *txn, uint32_t number, const tally_checkpoint *cp,
                            tally_error *err);
/* Ends the open commit: root, signature, checkpoint, feed row. */
int feed_seal(tally_txn *txn, tally_error *err);
/* Reads the device's keys when a write first needs them. */
int feed_need_key(tally_ledger *ledger, tally_error *err);

/* mark.c: the high-water mark (fork.h). Refuses when the own feed, loaded in `txn`, is behind it or
 * contradicts it. */
int mark_check(tally_txn *txn, tally_error *err);
/* Whether the own feed goes on from what is marked; records that came from elsewhere need not. */
int mark_may_rise(tally_txn *txn, const tally_feed *own, bool *out, tally_error *err);
/* After a commit: raises it to this head of the own feed. What cannot be written is left. */
void mark_raise(tally_ledger *ledger, const tally_feed *own);
void mark_close(tally_ledger *ledger);

#endif
