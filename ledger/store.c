/* The store: opens the LMDB environment, begins and ends transactions, grows the map, and says what
 * went wrong. What the tables mean is known elsewhere (feed.c, view*.c). */
#include "store.h"
#include "fork_store.h"
#include "view_fold.h"
#include "view_gather.h"

#include <tally/fork.h>
#include <tally/memory.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FULL_DISK_BYTES (64u * 1024u) /* less than this free counts as full */

static const struct {
    const char *name;
    unsigned flags;
} table_specs[TABLE_COUNT] = {
    [TABLE_FEEDS] = {"feeds", 0},
    [TABLE_DEVICES] = {"devices", 0},
    [TABLE_RECORDS] = {"records", 0},
    [TABLE_CHECKPOINTS] = {"checkpoints", 0},
    [TABLE_SUBTREES] = {"subtrees", 0},
    [TABLE_BLOBS] = {"blobs", 0},
    [TABLE_LOCAL_CURSORS] = {"local_cursors", 0},
    [TABLE_LOCAL_SETTINGS] = {"local_settings", 0},
    [TABLE_LOCAL_ALIASES] = {"local_aliases", 0},
    [TABLE_LOCAL_PEERS] = {"local_peers", 0},
    [TABLE_LOCAL_FOLDERS] = {"local_folders", 0},
    [TABLE_LOCAL_WANTS] = {"local_wants", 0},
    [TABLE_LOCAL_DESCRIBE] = {"local_describe", 0},
    [TABLE_LOCAL_REDACTED] = {"local_redacted", 0},
    [TABLE_LOCAL_OUTBOX] = {"local_outbox", 0},
    [TABLE_FORKS] = {"forks", 0},
    [TABLE_BRANCHES] = {"branches", 0},
    [TABLE_BRANCH_RECORDS] = {"branch_records", 0},
    [TABLE_BRANCH_CHECKPOINTS] = {"branch_checkpoints", 0},
    [TABLE_COSIGNATURES] = {"cosignatures", 0},
    [TABLE_LOCAL_COSIGNED] = {"local_cosigned", 0},
    [TABLE_VIEW_COSTS] = {"view_costs", MDB_DUPSORT | MDB_DUPFIXED},
    [TABLE_VIEW_ENTRIES] = {"view_entries", 0},
    [TABLE_VIEW_VOIDS] = {"view_voids", 0},
    [TABLE_VIEW_SESSIONS] = {"view_sessions", 0},
    [TABLE_VIEW_ACTIVITY] = {"view_activity", MDB_DUPSORT | MDB_DUPFIXED},
    [TABLE_VIEW_ACTIVITY_DAYS] = {"view_activity_days", MDB_DUPSORT | MDB_DUPFIXED},
    [TABLE_VIEW_STRINGS] = {"view_strings", 0},
    [TABLE_VIEW_TAGS] = {"view_tags", MDB_DUPSORT | MDB_DUPFIXED},
    [TABLE_VIEW_UNTAGS] = {"view_untags", 0},
    [TABLE_VIEW_PRICES] = {"view_prices", 0},
    [TABLE_VIEW_TEAM] = {"view_team", 0},
    [TABLE_VIEW_TEAM_FACTS] = {"view_team_facts", 0},
    [TABLE_VIEW_DEVICES] = {"view_devices", 0},
    [TABLE_VIEW_REDACTIONS] = {"view_redactions", 0},
    [TABLE_VIEW_POLICY] = {"view_policy", 0},
    [TABLE_VIEW_DECISIONS] = {"view_decisions", 0},
    [TABLE_VIEW_TYPED] = {"view_typed", 0},
    [TABLE_VIEW_TYPED_DAYS] = {"view_typed_days", 0},
    [TABLE_VIEW_BILLING] = {"view_billing", 0},
    [TABLE_VIEW_LOCKS] = {"view_locks", 0},
    [TABLE_VIEW_WORDS] = {"view_words", 0},
};

const char *store_table_name(store_table table) {
    return table_specs[table].name;
}

static bool is_damage(int rc) {
    return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID || rc == MDB_PANIC ||
           rc == MDB_VERSION_MISMATCH || rc == MDB_INCOMPATIBLE || rc == MDB_BAD_TXN ||
           rc == MDB_CURSOR_FULL || rc == MDB_BAD_VALSIZE || rc == MDB_BAD_DBI;
}

/* LMDB reports a write that the disk had no room for to the end as EIO. */
static bool disk_is_full(const char *dir) {
    struct statvfs vfs;
    return statvfs(dir, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < FULL_DISK_BYTES;
}

int store_env_fail(const tally_ledger *ledger, int rc, const char *doing, tally_error *err) {
    const char *dir = ledger->dir;
    if (rc == ENOSPC || rc == EDQUOT || (rc == EIO && disk_is_full(dir)))
        return tally_fail(err, TALLY_ENOSPC,
                          "%s: the disk that holds %s is full; free some space and run this again "
                          "(nothing recorded is lost)",
                          doing, dir);
    if (rc == EFBIG)
        return tally_fail(
            err, TALLY_ENOSPC,
            "%s: %s/%s may not grow (a limit on the size of files); raise 'ulimit -f' "
            "and run this again (nothing recorded is lost)",
            doing, dir, STORE_FILE);
    if (rc == EROFS || rc == EACCES || rc == EPERM)
        return tally_fail(err, TALLY_EREADONLY,
                          "%s: the ledger in %s cannot be written (%s); check "
                          "its owner, mode and mount",
                          doing, dir, strerror(rc));
    if (rc == ENOMEM) {
        tally_memory_lost();
        return tally_fail(err, TALLY_ENOMEM,
                          "%s: memory ran out; end other programs and run this again (nothing "
                          "recorded is lost)",
                          doing);
    }
    if (is_damage(rc))
        return tally_fail(err, TALLY_ECORRUPT,
                          "%s: the store in %s is damaged (%s); run 'tally fsck', "
                          "then restore a backup",
                          doing, dir, mdb_strerror(rc));
    return tally_fail(err, TALLY_EIO,
                      "%s: cannot read or write %s/%s: %s; look at the disk, then run this again "
                      "(nothing recorded is lost)",
                      doing, dir, STORE_FILE, mdb_strerror(rc));
}

/* A device that has signed anything has its mark beside the store. */
static bool signed_before(const char *dir) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, TALLY_MARK_FILE);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

int store_unfinished_fail(const char *dir, tally_error *err) {
    if (signed_before(dir))
        return tally_fail(
            err, TALLY_ECORRUPT,
            "the store in %s is empty or cut off, and this device has signed records that it "
            "held; restore a backup, or join again and sync",
            dir);
    return tally_fail(err, TALLY_ENOTFOUND,
                      "the ledger in %s was never finished; run 'tally init' or 'tally team join' "
                      "again",
                      dir);
}

int store_fail(tally_txn *txn, int rc, const char *doing, tally_error *err) {
    if (rc == MDB_MAP_FULL) txn->map_full = true;
    return store_env_fail(txn->ledger, rc, doing, err);
}

/* Too short for LMDB's two meta pages, which it writes first and at once: whoever made it was
 * stopped on the way, or something has cut it off. */
static bool file_is_stub(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < 2 * sysconf(_SC_PAGESIZE);
}

/* What an init or a join left of a store when it was stopped before that was one. */
static int clear_stub(const char *dir, const char *path, tally_error *err) {
    if (!file_is_stub(path)) return 0;
    if (signed_before(dir)) return store_unfinished_fail(dir, err);
    if (truncate(path, 0) == 0) return 0;
    return tally_fail(err, TALLY_EIO, "cannot clear away the unfinished %s: %s; remove it", path,
                      strerror(errno));
}

/* Space for growth without copying: at least twice what the file holds now. */
static size_t initial_map(const char *path, size_t wanted) {
    struct stat st;
    size_t map = wanted ? wanted : STORE_MAP_BYTES;
    size_t held = stat(path, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
    while (map < held * 2 && map < STORE_MAP_MAX_BYTES)
        map *= 2;
    return map;
}

/* Tables from `make_from` on are made when they are missing. */
static int open_tables(tally_ledger *ledger, int make_from) {
    MDB_txn *txn;
    int rc = mdb_txn_begin(ledger->env, NULL, make_from < TABLE_COUNT ? 0 : MDB_RDONLY, &txn);
    if (rc != 0) return rc;
    for (int t = 0; t < TABLE_COUNT && rc == 0; t++)
        rc = mdb_dbi_open(txn, table_specs[t].name,
                          table_specs[t].flags | (t >= make_from ? MDB_CREATE : 0),
                          &ledger->tables[t]);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* LMDB met bytes that no page of its own can hold and would abort: it shall end as a page that is
 * missing ends, which whoever opens a store must reckon with. */
static void page_nonsense(MDB_env *env, const char *words) {
    (void)env, (void)words;
    (void)raise(SIGBUS);
    abort();
}

/* Whether the file has LMDB's two meta pages only: whoever made it was stopped before anything
 * else. */
static bool never_written(const tally_ledger *ledger) {
    MDB_envinfo info;
    return mdb_env_info(ledger->env, &info) == 0 && info.me_last_txnid == 0 &&
           info.me_last_pgno == 1;
}

int store_open_env(tally_ledger *ledger, const char *dir, bool read_only, bool create,
                   size_t map_bytes, tally_error *err) {
    char path[4096];
    int rc = 0;
    ledger->read_only = read_only;
    ledger->dir = strdup(dir);
    if (!ledger->dir) return tally_fail(err, TALLY_ENOMEM, "no memory to open %s", dir);
    int n = snprintf(path, sizeof path, "%s/%s", dir, STORE_FILE);
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is too long: %s", dir);
    if (!create && access(path, F_OK) != 0)
        return errno == ENOENT
                   ? tally_fail(err, TALLY_ENOTFOUND,
                                "there is no ledger in %s; make one with 'tally init'", dir)
                   : tally_fail(err, tally_errno_code(errno),
                                "cannot open the ledger in %s: %s; %s", dir, strerror(errno),
                                tally_errno_advice(errno));
    if (!create && file_is_stub(path)) return store_unfinished_fail(dir, err);
    if (create && (rc = clear_stub(dir, path, err)) != 0) return rc;
    if ((rc = mdb_env_create(&ledger->env)) != 0) goto failed;
    (void)mdb_env_set_assert(ledger->env, page_nonsense);
    if ((rc = mdb_env_set_maxdbs(ledger->env, TABLE_COUNT)) != 0) goto failed;
    if ((rc = mdb_env_set_maxreaders(ledger->env, STORE_MAX_READERS)) != 0) goto failed;
    if ((rc = mdb_env_set_mapsize(ledger->env, initial_map(path, map_bytes))) != 0) goto failed;
    /* NOTLS: a thread may hold several snapshots, and begin one while it writes. */
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (read_only ? MDB_RDONLY : 0);
    if ((rc = mdb_env_open(ledger->env, path, flags, 0600)) != 0) goto failed;
    int dead;
    (void)mdb_reader_check(ledger->env, &dead);
    rc = open_tables(ledger, create ? 0 : TABLE_COUNT);
    if (rc == MDB_NOTFOUND && !read_only) { /* an earlier version had fewer */
        rc = open_tables(ledger, TABLE_ADDED_FIRST);
        ledger->views_outdated = true;
    }
    if (rc != 0) goto failed;
    return 0;
failed:
    if (rc == MDB_NOTFOUND && never_written(ledger)) return store_unfinished_fail(dir, err);
    if (rc == MDB_NOTFOUND)
        return tally_fail(err, TALLY_ECORRUPT,
                          "%s is of an earlier version or not whole: a table is missing; run "
                          "'tally rebuild', or restore a backup",
                          path);
    return store_env_fail(ledger, rc, "cannot open the ledger", err);
}

bool tally_ledger_in_place(const tally_ledger *ledger) {
    char path[4096];
    struct stat open_one, named;
    mdb_filehandle_t fd;
    (void)snprintf(path, sizeof path, "%s/%s", ledger->dir, STORE_FILE); /* it fitted before */
    return mdb_env_get_fd(ledger->env, &fd) == 0 && fstat(fd, &open_one) == 0 &&
           stat(path, &named) == 0 && open_one.st_ino == named.st_ino &&
           open_one.st_dev == named.st_dev;
}

void store_close_env(tally_ledger *ledger) {
    if (ledger->env) mdb_env_close(ledger->env);
    ledger->env = NULL;
    free(ledger->dir);
    ledger->dir = NULL;
}

int store_txn_begin(tally_ledger *ledger, bool write, tally_txn *out, tally_error *err) {
    *out = (tally_txn){.ledger = ledger, .write = write};
    int rc = mdb_txn_begin(ledger->env, NULL, write ? 0 : MDB_RDONLY, &out->txn);
    while (rc == MDB_MAP_RESIZED) { /* another process grew the file, perhaps once more just now */
        if (ledger->readers > 0)    /* adopting its size would move the map under them */
            return tally_fail(err, TALLY_EIO,
                              "the ledger in %s was grown by another process while this one was "
                              "reading it; end that and run this again",
                              ledger->dir);
        rc = mdb_env_set_mapsize(ledger->env, 0);
        if (rc == 0) rc = mdb_txn_begin(ledger->env, NULL, write ? 0 : MDB_RDONLY, &out->txn);
    }
    if (rc != 0)
        return store_env_fail(ledger, rc,
                              write ? "cannot write the ledger" : "cannot read the ledger", err);
    return 0;
}

int tally_read_begin(tally_ledger *ledger, tally_txn **out, tally_error *err) {
    tally_txn *txn = malloc(sizeof *txn);
    if (!txn) return tally_fail(err, TALLY_ENOMEM, "no memory to read the ledger");
    int rc = store_txn_begin(ledger, false, txn, err);
    if (rc != 0) {
        free(txn);
        return rc;
    }
    ledger->readers++;
    *out = txn;
    return 0;
}

void tally_read_end(tally_txn *txn) {
    if (!txn) return;
    assert(!txn->write && txn->ledger->readers > 0);
    txn->ledger->readers--;
    view_gather_clear(txn);
    mdb_txn_abort(txn->txn);
    free(txn);
}

static int grow_map(tally_ledger *ledger, tally_error *err) {
    MDB_envinfo info;
    (void)mdb_env_info(ledger->env, &info);
    if (info.me_mapsize >= STORE_MAP_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "the ledger in %s has reached its largest size",
                          ledger->dir);
    int rc = mdb_env_set_mapsize(ledger->env, info.me_mapsize * 2);
    return rc == 0 ? 0 : store_env_fail(ledger, rc, "cannot grow the ledger", err);
}

/* A write that fills the map runs again after it has grown, so it grows before: while less than
 * half of it is free, as initial_map leaves. It is address space and no memory. */
static int keep_room(tally_ledger *ledger, tally_error *err) {
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(ledger->env, &info) != 0 || mdb_env_stat(ledger->env, &stat) != 0) return 0;
    bool room = info.me_last_pgno < info.me_mapsize / 2 / stat.ms_psize;
    return room || info.me_mapsize >= STORE_MAP_MAX_BYTES ? 0 : grow_map(ledger, err);
}

/* LMDB maps the whole file and pages stay resident once touched. After a large commit the map is
 * made anew, so that capturing years of logs takes no more memory than capturing a day. No
 * transaction is open here. */
static void renew_map(tally_ledger *ledger, uint64_t appended) {
    MDB_envinfo info;
    if (appended < STORE_RENEW_RECORDS || mdb_env_info(ledger->env, &info) != 0) return;
    (void)mdb_env_set_mapsize(ledger->env, info.me_mapsize);
}

/* One attempt; sets *full when the map must grow first. */
static int write_once(tally_ledger *ledger, int64_t now_ms, tally_write_fn *fn, void *ctx,
                      bool *full, tally_error *err) {
    tally_txn txn;
    uint64_t losses = tally_memory_losses();
    int rc = store_txn_begin(ledger, true, &txn, err);
    if (rc != 0) return rc;
    txn.now_ms = now_ms;
    tally_feed own = {0};
    rc = fn(ctx, &txn, err);
    if (rc == 0) rc = feed_seal(&txn, err);
    if (rc == 0) rc = fork_settle(&txn, err);
    if (rc == 0) rc = view_settle(&txn, err);
    if (rc == 0) rc = view_gather_settle(&txn, err);
    if (rc == 0 && txn.own_grew) rc = feed_now(&txn, 0, &own, err);
    bool rise = txn.own_grew && txn.own_loaded && !txn.own_frozen; /* checked when it was loaded */
    if (rc == 0 && txn.own_grew && !rise) rc = mark_may_rise(&txn, &own, &rise, err);
    view_gather_clear(&txn);
    if (rc == 0 && tally_memory_losses() != losses) /* something may have been taken for absent */
        rc = tally_fail(err, TALLY_ENOMEM, "no memory to write the ledger");
    if (rc != 0) {
        mdb_txn_abort(txn.txn);
    } else {
        int mdb = mdb_txn_commit(txn.txn);
        if (mdb != 0) rc = store_fail(&txn, mdb, "cannot write the ledger", err);
        if (mdb == 0 && rise) mark_raise(ledger, &own);
        if (mdb == 0) renew_map(ledger, txn.appended);
    }
    *full = txn.map_full;
    return rc;
}

int store_write(tally_ledger *ledger, int64_t now_ms, tally_write_fn *fn, void *ctx,
                tally_error *err) {
    if (ledger->read_only)
        return tally_fail(err, TALLY_EREADONLY, "the ledger in %s was opened for reading only",
                          ledger->dir);
    assert(ledger->readers == 0); /* growing may move the map: nothing may be looking at it */
    int rc = keep_room(ledger, err);
    for (bool full = true; rc == 0 && full;) {
        full = false;
        rc = write_once(ledger, now_ms, fn, ctx, &full, err);
        if (full) rc = grow_map(ledger, err);
    }
    return rc;
}

int tally_ledger_write(tally_ledger *ledger, int64_t now_ms, tally_write_fn *fn, void *ctx,
                       tally_error *err) {
    int rc =
        feed_need_key(ledger, err); /* a passphrase is asked for before the writer lock is held */
    return rc != 0 ? rc : store_write(ledger, now_ms, fn, ctx, err);
}

int store_get(tally_txn *txn, store_table table, tally_span key, tally_span *out,
              tally_error *err) {
    MDB_val k = store_val(key), v;
    int rc = mdb_get(txn->txn, txn->ledger->tables[table], &k, &v);
    if (rc == MDB_NOTFOUND) return TALLY_ENOTFOUND;
    if (rc != 0) return store_fail(txn, rc, "cannot read the ledger", err);
    *out = store_span(v);
    return 0;
}

int store_put(tally_txn *txn, store_table table, tally_span key, tally_span value, unsigned flags,
              tally_error *err) {
    MDB_val k = store_val(key), v = store_val(value);
    int rc = mdb_put(txn->txn, txn->ledger->tables[table], &k, &v, flags);
    if (rc == MDB_KEYEXIST && (flags & (MDB_NOOVERWRITE | MDB_NODUPDATA | MDB_APPEND)))
        return TALLY_EEXIST;
    return rc == 0 ? 0 : store_fail(txn, rc, "cannot write the ledger", err);
}

int store_del(tally_txn *txn, store_table table, tally_span key, const tally_span *value,
              tally_error *err) {
    MDB_val k = store_val(key), v = {0};
    if (value) v = store_val(*value);
    int rc = mdb_del(txn->txn, txn->ledger->tables[table], &k, value ? &v : NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : store_fail(txn, rc, "cannot write the ledger", err);
}

int store_cursor(tally_txn *txn, store_table table, MDB_cursor **out, tally_error *err) {
    int rc = mdb_cursor_open(txn->txn, txn->ledger->tables[table], out);
    return rc == 0 ? 0 : store_fail(txn, rc, "cannot read the ledger", err);
}

static const store_table local_tables[] = {
    [TALLY_LOCAL_CURSORS] = TABLE_LOCAL_CURSORS, [TALLY_LOCAL_SETTINGS] = TABLE_LOCAL_SETTINGS,
    [TALLY_LOCAL_ALIASES] = TABLE_LOCAL_ALIASES, [TALLY_LOCAL_PEERS] = TABLE_LOCAL_PEERS,
    [TALLY_LOCAL_FOLDERS] = TABLE_LOCAL_FOLDERS, [TALLY_LOCAL_DESCRIBE] = TABLE_LOCAL_DESCRIBE,
};

int tally_local_get(tally_txn *txn, tally_local table, tally_span key, tally_span *out) {
    return store_get(txn, local_tables[table], key, out, NULL);
}

int tally_local_put(tally_txn *txn, tally_local table, tally_span key, tally_span value,
                    tally_error *err) {
    return store_put(txn, local_tables[table], key, value, 0, err);
}

int tally_local_del(tally_txn *txn, tally_local table, tally_span key, tally_error *err) {
    return store_del(txn, local_tables[table], key, NULL, err);
}

int tally_local_each(tally_txn *txn, tally_local table, tally_local_fn *fn, void *ctx,
                     tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb = 0, rc = store_cursor(txn, local_tables[table], &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        rc = fn(ctx, store_span(k), store_span(v), err);
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == MDB_NOTFOUND ? rc
                                          : store_fail(txn, mdb, "cannot read a local table", err);
}
