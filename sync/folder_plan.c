/* Shared folders: what this device writes there, and under which name. */
#include "folder_state.h"

#include <tally/ingest.h>
#include <tally/peer.h>

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNTER_KEY      "counter" /* among the rows: no file is called that */
#define NAME_BYTES       12u
#define JOIN_LEAST_FILES (TALLY_FOLDER_JOIN_FILES / 2)
#define FORGET_AT_ONCE   256u

/* ---- joining ---- */

/* How many of this device's files one new file is to stand for: the newest ones, and older ones
 * that are not much larger than those after them together, so that no record is written over and
 * over again. */
static size_t to_join(const folder_own *own, size_t count) {
    if (count < TALLY_FOLDER_JOIN_FILES) return 0;
    uint64_t total = 0;
    size_t n = 0;
    while (n < count && (n < JOIN_LEAST_FILES || own[n].size / 2 <= total))
        if (tally_add_u64(total, own[n++].size, &total) != 0) break;
    return n;
}

/* ---- what to write ---- */

typedef struct planning {
    tally_txn *txn;
    tally_wire_head *heads; /* what the folder holds, and then what is to be written beyond */
    size_t *count;
    tally_wire_head own[TALLY_WIRE_MAX_HEADS];
    size_t own_count;
} planning;

static int head_cmp(const void *a, const void *b) {
    const tally_wire_head *x = a, *y = b;
    return memcmp(x->device.b, y->device.b, sizeof x->device.b);
}

static tally_wire_head *find_head(tally_wire_head *heads, size_t count,
                                  const tally_device_id *device) {
    tally_wire_head wanted = {.device = *device};
    return count > 0 ? bsearch(&wanted, heads, count, sizeof wanted, head_cmp) : NULL;
}

/* This store has records beyond what the folder holds. */
static bool lacks_records(const planning *p) {
    for (size_t i = 0; i < p->own_count; i++) {
        const tally_wire_head *head = find_head(p->heads, *p->count, &p->own[i].device);
        if (!head || head->size < p->own[i].size) return true;
    }
    return false;
}

/* 1: no file tells of the forks that are known here. */
static int lacks_forks(const tally_folder *folder, tally_txn *txn, uint64_t epoch,
                       tally_error *err) {
    folder_row row;
    uint64_t forks;
    int rc = tally_fork_digest(txn, &forks, err);
    if (rc != 0 || forks == 0) return rc;
    for (size_t i = 0; i < folder->count; i++)
        if (folder_item_row(txn, &folder->items[i], &row) && row.epoch == epoch &&
            row.forks == forks)
            return 0;
    return 1;
}

/* The new file begins no later than this one. */
static int begin_before(planning *p, const tally_segment_span *span, tally_error *err) {
    tally_wire_head *head = find_head(p->heads, *p->count, &span->device);
    uint32_t feed;
    if (!head || head->size <= span->from) return 0;
    if (span->from == 0 || tally_feed_find(p->txn, &span->device, &feed) != 0) {
        size_t at = (size_t)(head - p->heads);
        memmove(head, head + 1, (--*p->count - at) * sizeof *head);
        return 0;
    }
    head->size = span->from;
    return tally_feed_root(p->txn, feed, span->from, &head->root, err);
}

static int join(planning *p, const tally_folder *folder, const folder_own *own, size_t count,
                tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        folder_row row;
        tally_segment_span span;
        if (!folder_item_row(p->txn, &folder->items[own[i].item], &row)) continue;
        while (rc == 0 && folder_row_next(&row.spans, &span))
            rc = begin_before(p, &span, err);
    }
    return rc;
}

/* ---- names ---- */

static void name_of(const tally_team_secret *secret, const tally_device_id *device,
                    uint64_t counter, tally_folder_plan *plan) {
    static const uint8_t person[crypto_generichash_blake2b_PERSONALBYTES] = "tally folder";
    uint8_t subject[TALLY_PUBLIC_KEY_BYTES + 8], hash[TALLY_HASH_BYTES];
    char hex[2 * NAME_BYTES + 1];
    memcpy(subject, device->b, TALLY_PUBLIC_KEY_BYTES);
    tally_put_be64(subject + TALLY_PUBLIC_KEY_BYTES, counter);
    (void)crypto_generichash_blake2b_salt_personal(hash, sizeof hash, subject, sizeof subject,
                                                   secret->bytes, sizeof secret->bytes, NULL,
                                                   person);
    tally_hex(tally_span_of(hash, NAME_BYTES), hex);
    (void)snprintf(plan->name, sizeof plan->name, "%s" TALLY_FOLDER_SUFFIX, hex);
    (void)snprintf(plan->partial, sizeof plan->partial,
                   "%s" TALLY_FOLDER_SUFFIX TALLY_FOLDER_PARTIAL_SUFFIX, hex);
}

/* Never one that was used: a store that came back from a backup counts from its old number on. */
static int reserve(tally_folder *folder, tally_txn *txn, const tally_team_secret *secret,
                   int64_t now_ms, tally_folder_plan *plan, tally_error *err) {
    tally_span stored, key = tally_span_str(COUNTER_KEY);
    uint8_t next[8] = {0};
    tally_feed own;
    folder_row row = {.own = true, .epoch = secret->epoch, .written_ms = now_ms};
    int rc = tally_feed_get(txn, 0, &own, err);
    if (rc != 0) return rc;
    if (tally_local_get(txn, TALLY_LOCAL_FOLDERS, key, &stored) == 0 && stored.len == sizeof next)
        row.counter = tally_get_be64(stored.ptr);
    bool used = true;
    for (; used; row.counter += used) {
        name_of(secret, &own.device, row.counter, plan);
        tally_span name = tally_span_str(plan->name);
        used = folder_find(folder, name) || folder_find(folder, tally_span_str(plan->partial)) ||
               tally_local_get(txn, TALLY_LOCAL_FOLDERS, name, &stored) == 0;
    }
    tally_put_be64(next, row.counter + 1);
    rc = tally_local_put(txn, TALLY_LOCAL_FOLDERS, key, tally_span_of(next, sizeof next), err);
    return rc != 0 ? rc : folder_row_put(txn, tally_span_str(plan->name), &row, NULL, 0, err);
}

/* ---- forgetting ---- */

typedef struct forgetting {
    tally_folder *folder;
    int64_t before_ms;
    char names[FORGET_AT_ONCE][TALLY_FOLDER_NAME_BYTES];
    size_t count;
} forgetting;

static int collect_old(void *ctx, tally_span key, tally_span value, tally_error *err) {
    forgetting *f = ctx;
    folder_row row;
    (void)err;
    if (f->count == FORGET_AT_ONCE || key.len >= TALLY_FOLDER_NAME_BYTES ||
        tally_span_is(key, COUNTER_KEY) || folder_find(f->folder, key) ||
        (folder_row_read(value, &row) && row.written_ms >= f->before_ms))
        return 0;
    memcpy(f->names[f->count], key.ptr, key.len);
    f->names[f->count++][key.len] = '\0';
    return 0;
}

/* Rows of files that went long ago. One that comes back is read again. */
static int forget(tally_folder *folder, tally_txn *txn, int64_t now_ms, tally_error *err) {
    if (now_ms < TALLY_FOLDER_FORGET_MS) return 0;
    forgetting *f = calloc(1, sizeof *f);
    if (!f) return tally_fail(err, TALLY_ENOMEM, "no memory for the list of a folder");
    f->folder = folder;
    f->before_ms = now_ms - TALLY_FOLDER_FORGET_MS;
    int rc = tally_local_each(txn, TALLY_LOCAL_FOLDERS, collect_old, f, err);
    for (size_t i = 0; i < f->count && rc == 0; i++)
        rc = tally_local_del(txn, TALLY_LOCAL_FOLDERS, tally_span_str(f->names[i]), err);
    free(f);
    return rc;
}

/* ---- the plan ---- */

/* 1 when something is to be written: then `plan` says from where on. */
static int decide(tally_folder *folder, planning *p, uint64_t epoch, tally_error *err) {
    folder_own *own = NULL;
    size_t files = 0;
    int rc = tally_frontier(p->txn, p->own, &p->own_count, err);
    if (rc == 0) rc = folder_cover(folder, p->txn, epoch, p->heads, p->count, err);
    if (rc == 0) rc = folder_own_files(folder, p->txn, epoch, &own, &files, err);
    int lacks = rc == 0 ? lacks_records(p) : rc;
    if (lacks == 0) lacks = lacks_forks(folder, p->txn, epoch, err);
    size_t joined = to_join(own, files);
    if (lacks >= 0) rc = join(p, folder, own, joined, err);
    free(own);
    if (lacks < 0 || rc != 0) return lacks < 0 ? lacks : rc;
    return lacks == 1 || joined > 0;
}

int tally_folder_plan_write(tally_folder *folder, tally_txn *txn, const tally_team_secret *secret,
                            int64_t now_ms, tally_folder_plan *plan, tally_error *err) {
    planning *p = calloc(1, sizeof *p);
    if (!p) return tally_fail(err, TALLY_ENOMEM, "no memory to plan what a folder lacks");
    p->txn = txn;
    p->heads = plan->heads;
    p->count = &plan->head_count;
    int rc = decide(folder, p, secret->epoch, err);
    free(p);
    if (rc <= 0) return rc == 0 ? TALLY_ENOTFOUND : rc;
    rc = reserve(folder, txn, secret, now_ms, plan, err);
    return rc != 0 ? rc : forget(folder, txn, now_ms, err);
}

/* Into its place: one more fits. */
static void list_item(tally_folder *folder, const char *name, uint64_t size) {
    folder_item *item = folder_find(folder, tally_span_str(name));
    if (!item) {
        size_t at = folder->count++;
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a row is found only by a name
        while (at > 0 && strcmp(folder->items[at - 1].name, name) > 0)
            at--;
        item = &folder->items[at];
        memmove(item + 1, item, (folder->count - 1 - at) * sizeof *item);
        *item = (folder_item){.passed = true};
        (void)snprintf(item->name, sizeof item->name, "%s", name);
    }
    item->size = size;
}

int tally_folder_was_written(tally_folder *folder, tally_txn *txn, const tally_folder_plan *plan,
                             const tally_segment_write *segment, uint64_t size, tally_error *err) {
    tally_span name = tally_span_str(plan->name);
    folder_row row;
    if (!segment->spans || folder_row_get(txn, name, &row) != 0)
        return tally_fail(err, TALLY_EINVAL, "this file's name was not reserved");
    row.size = size;
    row.epoch = segment->secret->epoch;
    row.written_ms = segment->now_ms;
    row.forks = segment->forks;
    int rc = folder_row_put(txn, name, &row, segment->spans, segment->span_count, err);
    if (rc == 0) list_item(folder, plan->name, size);
    return rc;
}
