/* The high-water mark: a small file beside the key that says how many records this device has
 * signed, so that a store brought back from a backup does not sign others in their place. It is
 * written after each commit without waiting for the disk: what is torn or missing is made anew, and
 * a mark that lies behind protects a little less. */
#include "store.h"

#include <tally/fork.h>
#include <tally/ingest.h>
#include <tally/team.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_HEAD        "tally mark 1\n"
#define MARK_HEAD_BYTES  (sizeof MARK_HEAD - 1)
#define MARK_SIZE_DIGITS 20u
#define MARK_CHECK_BYTES 8u
/* Head, size in decimal, root in hex, check in hex, each with a newline. */
#define MARK_BYTES                                                                                 \
    (MARK_HEAD_BYTES + MARK_SIZE_DIGITS + 1 + 2 * TALLY_HASH_BYTES + 1 + 2 * MARK_CHECK_BYTES + 1)

typedef struct mark {
    uint64_t size;
    tally_hash root;
} mark;

/* Of team and device too: another ledger's mark says nothing here. */
static void mark_sum(const tally_ledger *ledger, const mark *m, tally_hash *out) {
    uint8_t size[8];
    tally_put_be64(size, m->size);
    tally_span parts[] = {
        tally_span_str(MARK_HEAD), tally_span_of(ledger->team.b, TALLY_HASH_BYTES),
        tally_span_of(ledger->device.b, TALLY_PUBLIC_KEY_BYTES), tally_span_of(size, sizeof size),
        tally_span_of(m->root.b, TALLY_HASH_BYTES)};
    tally_sha256_parts(parts, sizeof parts / sizeof *parts, out);
}

/* `out` holds MARK_BYTES and a NUL. */
static void mark_format(const tally_ledger *ledger, const mark *m, char *out) {
    char root[2 * TALLY_HASH_BYTES + 1], check[2 * MARK_CHECK_BYTES + 1];
    tally_hash sum;
    mark_sum(ledger, m, &sum);
    tally_hex(tally_span_of(m->root.b, TALLY_HASH_BYTES), root);
    tally_hex(tally_span_of(sum.b, MARK_CHECK_BYTES), check);
    (void)snprintf(out, MARK_BYTES + 1, MARK_HEAD "%020" PRIu64 "\n%s\n%s\n", m->size, root, check);
}

/* True when the text is what this ledger would write. */
static bool mark_parse(const tally_ledger *ledger, const char *text, mark *out) {
    char again[MARK_BYTES + 1];
    const char *digits = text + MARK_HEAD_BYTES, *root = digits + MARK_SIZE_DIGITS + 1;
    out->size = 0;
    for (size_t i = 0; i < MARK_SIZE_DIGITS; i++) {
        if (digits[i] < '0' || digits[i] > '9') return false;
        if (__builtin_mul_overflow(out->size, 10u, &out->size) ||
            tally_add_u64(out->size, (uint64_t)(digits[i] - '0'), &out->size) != 0)
            return false;
    }
    if (tally_unhex(tally_span_of(root, 2 * TALLY_HASH_BYTES), out->root.b, TALLY_HASH_BYTES) != 0)
        return false;
    mark_format(ledger, out, again);
    return memcmp(text, again, MARK_BYTES) == 0;
}

/* The caller closes; -1 when it cannot be had. */
static int file_open(const tally_ledger *ledger, int flags) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", ledger->dir, TALLY_MARK_FILE);
    if (n < 0 || (size_t)n >= sizeof path) return -1;
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

/* The file, kept open; -1 when it cannot be had. One that was deleted or replaced is left. */
static int mark_file(tally_ledger *ledger, int flags) {
    struct stat st;
    if (ledger->mark_open && fstat(ledger->mark_fd, &st) == 0 && st.st_nlink > 0)
        return ledger->mark_fd;
    mark_close(ledger);
    int fd = file_open(ledger, flags | O_RDWR);
    ledger->mark_open = fd >= 0;
    ledger->mark_fd = fd;
    return fd;
}

void mark_close(tally_ledger *ledger) {
    if (ledger->mark_open) (void)close(ledger->mark_fd);
    ledger->mark_open = false;
}

static bool mark_read(const tally_ledger *ledger, int fd, mark *out) {
    char text[MARK_BYTES + 1]; /* a longer file is none of ours */
    return fd >= 0 && pread(fd, text, sizeof text, 0) == (ssize_t)MARK_BYTES &&
           mark_parse(ledger, text, out);
}

static bool mark_load(tally_ledger *ledger, mark *out) {
    ledger->mark_whole = mark_read(ledger, mark_file(ledger, 0), out);
    return ledger->mark_whole;
}

int tally_mark_lost(tally_ledger *ledger, uint64_t *size, uint64_t *lost, tally_error *err) {
    mark m;
    tally_txn *txn;
    tally_feed own;
    int fd = file_open(ledger, O_RDONLY);
    bool whole = mark_read(ledger, fd, &m);
    if (fd >= 0) (void)close(fd);
    *size = whole ? m.size : 0;
    *lost = 0;
    if (!whole) return TALLY_ENOTFOUND;
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_feed_get(txn, 0, &own, err);
    tally_read_end(txn);
    if (rc == 0 && m.size > own.size) *lost = m.size - own.size;
    return rc;
}

typedef struct admins {
    const tally_device_id *own;
    bool itself, others;
} admins;

static int note_admin(void *ctx, const tally_team_device *device) {
    admins *all = ctx;
    if (device->role != TALLY_ROLE_ADMIN || device->limit != UINT64_MAX) return 0;
    if (memcmp(device->device.b, all->own->b, sizeof all->own->b) == 0)
        all->itself = true;
    else
        all->others = true;
    return 0;
}

static bool is_only_admin(tally_txn *txn) {
    admins all = {.own = &txn->ledger->device};
    return tally_team_device_each(txn, note_admin, &all) == 0 && all.itself && !all.others;
}

#define WAY_ON_BYTES 320u

/* What is left when the records are lost for good. A device that no other admin could let in again
 * has only this; should they turn up after all, it is a fork like any other. */
static void way_on(tally_txn *txn, char out[WAY_ON_BYTES]) {
    if (is_only_admin(txn))
        (void)snprintf(out, WAY_ON_BYTES,
                       "delete %.200s/" TALLY_MARK_FILE " and go on without them",
                       txn->ledger->dir);
    else
        (void)snprintf(out, WAY_ON_BYTES, "join again under a new key (tally help team join)");
}

static int older_copy(tally_txn *txn, const mark *m, tally_error *err) {
    char words[WAY_ON_BYTES];
    way_on(txn, words);
    return tally_fail(err, TALLY_EREFUSED,
                      "this ledger is an older copy: this device has signed %" PRIu64
                      " records and the copy holds %" PRIu64
                      "; 'tally sync now' fetches them from a teammate; if nobody has them, %s",
                      m->size, txn->own.size, words);
}

static int other_history(tally_txn *txn, const mark *m, tally_error *err) {
    char words[WAY_ON_BYTES];
    way_on(txn, words);
    return tally_fail(err, TALLY_EREFUSED,
                      "this ledger is another copy: the first %" PRIu64
                      " records that this device has signed are not those it holds; bring back the "
                      "copy they are in; if nobody has it, %s",
                      m->size, words);
}

/* Whether the own feed goes on from what was marked. One that is ahead or damaged contradicts
 * nothing. */
static int agrees(tally_txn *txn, const tally_feed *own, const mark *m, bool *out,
                  tally_error *err) {
    tally_hash root;
    int rc = 0;
    if (m->size == own->size)
        tally_range_root(&own->range, &root);
    else
        rc = tally_feed_root(txn, 0, m->size, &root, err);
    *out = rc == 0 && tally_hash_eq(&root, &m->root);
    return rc;
}

int mark_check(tally_txn *txn, tally_error *err) {
    mark m;
    bool same;
    if (!mark_load(txn->ledger, &m)) return 0;
    if (m.size > txn->own.size) return older_copy(txn, &m, err);
    int rc = agrees(txn, &txn->own, &m, &same, err);
    return rc == 0 && !same ? other_history(txn, &m, err) : rc;
}

int mark_may_rise(tally_txn *txn, const tally_feed *own, bool *out, tally_error *err) {
    mark m;
    *out = true;
    if (!mark_load(txn->ledger, &m)) return 0;
    *out = m.size <= own->size;
    return *out ? agrees(txn, own, &m, out, err) : 0;
}

void mark_raise(tally_ledger *ledger, const tally_feed *own) {
    char text[MARK_BYTES + 1];
    mark now = {.size = own->size};
    int fd = ledger->mark_open ? ledger->mark_fd : mark_file(ledger, O_CREAT);
    if (fd < 0 || (!ledger->mark_whole && ftruncate(fd, 0) != 0)) return;
    tally_range_root(&own->range, &now.root);
    mark_format(ledger, &now, text);
    (void)!pwrite(fd, text, MARK_BYTES, 0);
}
