/* Nodes: real ledgers in folders of their own, clocks that are wrong, crashes that keep what was
 * committed and nothing else, backups and what restoring them does. */
#include "sim.h"

#include "store.h"

#include <tally/ingest.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES (64u * 1024u)

int64_t node_now(const world *w, const node *n) {
    return w->now_ms + n->skew_ms;
}

void node_expect(world *w, const node *n, int rc, int allowed, int also_allowed, const char *doing,
                 const tally_error *err) {
    if (rc == 0 || rc == allowed || rc == also_allowed) return;
    world_fail(w, "node %u cannot %s: code %d: %s", n->number, doing, rc, err->text);
}

static void path_in(const node *n, const char *name, char out[SIM_PATH_BYTES]) {
    (void)snprintf(out, SIM_PATH_BYTES, "%.200s/%s", n->dir, name);
}

void node_make(world *w, node *n, const tally_hash *team) {
    char path[SIM_PATH_BYTES];
    uint8_t seed[32];
    tally_error err = {0};
    dice_bytes(&w->dice, seed, sizeof seed);
    (void)snprintf(n->dir, sizeof n->dir, "%.200s/n%u", w->dir, n->number);
    (void)mkdir(n->dir, 0700);
    path_in(n, STORE_KEY_FILE, path);
    int rc = tally_key_from_seed(seed, &n->key, &err);
    if (rc == 0) rc = tally_writer_new(&n->writer, &err);
    if (rc == 0) rc = tally_key_write_file(n->key, tally_span_of(NULL, 0), path, &err);
    tally_ledger_init init = {.dir = n->dir,
                              .team = tally_span_str("Acme"),
                              .member = tally_span_str("ada"),
                              .device = tally_span_str("first"),
                              .timezone = tally_span_str("Europe/Berlin"),
                              .currency = tally_span_str("USD"),
                              .join = team,
                              .now_ms = node_now(w, n)};
    if (rc == 0) rc = tally_ledger_create(&init, &err);
    node_expect(w, n, rc, 0, 0, "make its ledger", &err);
    n->made = rc == 0;
}

void node_start(world *w, node *n) {
    tally_error err = {0};
    tally_ledger_options options = {.dir = n->dir, .map_bytes = SIM_MAP_BYTES};
    if (!n->made || n->ledger) return;
    int rc = tally_ledger_open(&options, &n->ledger, &err);
    n->boot++;
    n->secrets_version = 0;
    n->secret_count = 0;
    world_trace(w, "start", n->number, n->boot, (uint64_t)n->skew_ms);
    node_expect(w, n, rc, 0, 0, "open its ledger", &err);
    if (rc == 0) node_learn(w, n);
}

void node_crash(world *w, node *n) {
    if (!n->ledger) return;
    world_trace(w, "crash", n->number, n->boot, 0);
    tally_ledger_close(n->ledger);
    n->ledger = NULL;
}

void node_clear(node *n) {
    tally_ledger_close(n->ledger);
    tally_key_free(n->key);
    tally_writer_free(n->writer);
    sodium_memzero(n->secrets, sizeof n->secrets);
    *n = (node){.number = n->number};
}

/* ---- writing ---- */

/* Records of the own feed from `from` on, in order, behind the one before them. */
static int learn_from(world *w, node *n, tally_txn *txn, const tally_feed *own, uint64_t from,
                      tally_error *err) {
    uint32_t parent = SIM_NOBODY;
    tally_span bytes;
    tally_hash leaf;
    int rc = 0;
    if (from > 0 && (rc = tally_record_get(txn, 0, from - 1, &bytes, err)) == 0) {
        tally_leaf_hash(bytes, &leaf);
        parent = model_find(&w->model, &own->device, from - 1, &leaf);
        if (parent == SIM_NOBODY)
            world_fail(w, "node %u holds a record of its own, %llu, that it never wrote", n->number,
                       (unsigned long long)from - 1);
    }
    for (uint64_t i = from; i < own->size && rc == 0 && !w->failed; i++) {
        rc = tally_record_get(txn, 0, i, &bytes, err);
        if (rc == 0) parent = model_add(w, &own->device, i, parent, bytes);
        if (rc == 0 && parent != SIM_NOBODY && !n->liar && n->number != SIM_STRANGER)
            w->model.list[parent].acked = true;
    }
    return rc;
}

void node_learn(world *w, node *n) {
    tally_txn *txn;
    tally_feed own;
    tally_error err = {0};
    int rc = tally_read_begin(n->ledger, &txn, &err);
    if (rc == 0) {
        rc = tally_feed_get(txn, 0, &own, &err);
        if (rc == 0) {
            uint64_t from = n->learned < own.size ? n->learned : own.size;
            rc = learn_from(w, n, txn, &own, from, &err);
            n->learned = own.size;
        }
        tally_read_end(txn);
    }
    node_expect(w, n, rc, 0, 0, "read its own feed", &err);
}

void node_learn_forged(world *w, node *n, uint64_t index, tally_span record) {
    tally_txn *txn;
    tally_span bytes;
    tally_hash leaf;
    tally_error err = {0};
    const tally_device_id *device = tally_key_device(n->key);
    int rc = tally_read_begin(n->ledger, &txn, &err);
    if (rc == 0) {
        rc = tally_record_get(txn, 0, index - 1, &bytes, &err);
        if (rc == 0) {
            tally_leaf_hash(bytes, &leaf);
            (void)model_add(w, device, index, model_find(&w->model, device, index - 1, &leaf),
                            record);
        }
        tally_read_end(txn);
    }
    node_expect(w, n, rc, 0, 0, "read its own feed", &err);
}

int node_write(world *w, node *n, tally_write_fn *fn, void *ctx) {
    tally_error err = {0};
    if (!node_up(n)) return TALLY_EIO;
    int rc = tally_ledger_write(n->ledger, node_now(w, n), fn, ctx, &err);
    node_expect(w, n, rc, TALLY_EREFUSED, TALLY_EEXIST, "write", &err);
    world_trace(w, "write", n->number, (uint64_t)(uint32_t)rc, 0);
    if (w->trace && rc != 0) printf("    %s\n", err.text);
    if (rc == 0) node_learn(w, n);
    if (rc == 0) net_wake(w, n->number);
    return rc;
}

size_t node_secrets(world *w, node *n) {
    tally_txn *txn;
    tally_error err = {0};
    uint64_t version = tally_ledger_version(n->ledger);
    if (version == n->secrets_version) return n->secret_count;
    int rc = tally_read_begin(n->ledger, &txn, &err);
    if (rc == 0) {
        rc = tally_team_secrets(txn, n->secrets, &n->secret_count, &err);
        tally_read_end(txn);
    }
    node_expect(w, n, rc, TALLY_ENOTFOUND, 0, "open the team's secrets", &err);
    n->secrets_version = version;
    return n->secret_count;
}

/* ---- backups ---- */

static int copy_all(int in, int out) {
    static uint8_t bytes[COPY_BYTES];
    ssize_t some;
    while ((some = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)some) != some) return -1;
    return some == 0 ? 0 : -1;
}

/* False when there is no `from`. */
static bool copy_file(world *w, const char *from, const char *to) {
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return false;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0 || copy_all(in, out) != 0) world_fail(w, "cannot copy %s to %s", from, to);
    if (out >= 0) (void)close(out);
    (void)close(in);
    return true;
}

void node_backup(world *w, node *n) {
    char mark[SIM_PATH_BYTES], to[SIM_PATH_BYTES + 8];
    tally_error err = {0};
    if (!node_up(n) || n->backup_count == SIM_MAX_BACKUPS) return;
    backup *b = &n->backups[n->backup_count];
    (void)snprintf(b->path, sizeof b->path, "%.200s/b%u-%zu", w->dir, n->number, n->backup_count);
    int rc = tally_backup(n->ledger, b->path, &err);
    node_expect(w, n, rc, 0, 0, "make a backup", &err);
    path_in(n, TALLY_MARK_FILE, mark);
    (void)snprintf(to, sizeof to, "%s.mark", b->path);
    b->mark = copy_file(w, mark, to);
    n->backup_count++;
    world_trace(w, "backup", n->number, n->backup_count, 0);
}

/* A power cut in the middle of its write. */
static void tear(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0 && truncate(path, st.st_size / 2) != 0) (void)unlink(path);
}

void node_restore(world *w, node *n, const backup *from, restore_kind kind) {
    char store[SIM_PATH_BYTES], lock[SIM_PATH_BYTES + 8], mark[SIM_PATH_BYTES];
    char kept[SIM_PATH_BYTES + 8];
    if (node_up(n)) return;
    path_in(n, STORE_FILE, store);
    path_in(n, TALLY_MARK_FILE, mark);
    (void)snprintf(lock, sizeof lock, "%s-lock", store);
    (void)snprintf(kept, sizeof kept, "%s.mark", from->path);
    (void)unlink(store);
    (void)unlink(lock);
    if (!copy_file(w, from->path, store)) world_fail(w, "the backup %s is gone", from->path);
    if (kind == RESTORE_TORN_MARK)
        tear(mark);
    else if (kind != RESTORE_STORE)
        (void)unlink(mark);
    if (kind == RESTORE_FOLDER && from->mark) (void)copy_file(w, kept, mark);
    n->may_fork |= kind != RESTORE_STORE;
    n->learned = 0;
    world_trace(w, "restore", n->number, kind, from->mark);
}
