/* Ledgers that are copied and go on twice, and teammates that meet: forks first, then commits, the
 * way sessions do it. Header only. */
#ifndef TESTS_FORK_FIXTURE_H
#define TESTS_FORK_FIXTURE_H

#include "team_fixture.h"

#include <tally/fork.h>

#define NO_FORK UINT64_MAX

static inline void copy_file(const fixture *from, fixture *to, const char *name, mode_t mode) {
    char source[FIXTURE_PATH_BYTES], target[FIXTURE_PATH_BYTES];
    static char bytes[65536];
    fixture_path(from, name, source);
    fixture_path(to, name, target);
    FILE *in = fopen(source, "rb"), *out = fopen(target, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(target, mode), 0);
}

/* A copy of the whole ledger, as of a machine that was cloned. The key is the same. */
static inline void fork_copy(fixture *f, fixture *to, uint8_t seed) {
    char path[FIXTURE_PATH_BYTES];
    fixture_folder(to);
    to->key = fixture_seeded_key(seed);
    copy_file(f, to, STORE_KEY_FILE, 0600);
    fixture_path(to, STORE_FILE, path);
    OK(tally_backup(f->ledger, path, &f->err));
    fixture_reopen(to, false, 0);
    fixture_hurry(to);
}

/* The creator's key makes a team once more, a millisecond later. */
static inline void fork_make_again(fixture *f, fixture *other) {
    fixture_folder(other);
    other->key = fixture_seeded_key(1);
    copy_file(f, other, STORE_KEY_FILE, 0600);
    tally_ledger_init init = fixture_init(other);
    init.now_ms++;
    OK(tally_ledger_create(&init, &f->err));
    fixture_reopen(other, false, 0);
    fixture_hurry(other);
}

static inline const tally_device_id *fixture_id(const fixture *who) {
    return tally_key_device(who->key);
}

/* ---- looking ---- */

/* How many records of the device are here; the root at `size` when there are as many. */
static inline uint64_t fork_root(fixture *f, const tally_device_id *device, uint64_t size,
                                 tally_hash *root) {
    tally_txn *txn;
    tally_feed feed = {0};
    uint32_t number;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    if (tally_feed_find(txn, device, &number) == 0) {
        OK(tally_feed_get(txn, number, &feed, &f->err));
        if (size <= feed.size) OK(tally_feed_root(txn, number, size, root, &f->err));
    }
    tally_read_end(txn);
    return feed.size;
}

/* Where two ledgers' histories of a device part; NO_FORK when one is the beginning of the other. */
static inline uint64_t fork_place(fixture *a, fixture *b, const tally_device_id *device) {
    tally_hash x, y;
    uint64_t m = fork_root(a, device, UINT64_MAX, &x), n = fork_root(b, device, UINT64_MAX, &y);
    uint64_t both = m < n ? m : n;
    for (uint64_t size = 1; size <= both; size++) {
        fork_root(a, device, size, &x);
        fork_root(b, device, size, &y);
        if (!tally_hash_eq(&x, &y)) return size - 1;
    }
    return NO_FORK;
}

static inline bool fork_known(fixture *f, const tally_device_id *device, tally_fork_state *out) {
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_fork_get(txn, device, out, &f->err);
    tally_read_end(txn);
    assert_true(rc == 0 || rc == TALLY_ENOTFOUND);
    return rc == 0;
}

static inline void fork_side(fixture *f, const tally_device_id *device, uint64_t common,
                             tally_hash *base, tally_fork_branch *out) {
    tally_txn *txn;
    uint32_t number;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, device, &number));
    OK(tally_fork_branch_make(txn, number, common, base, out, &f->err));
    tally_read_end(txn);
}

/* ---- proofs ---- */

static inline void fork_order(tally_fork *fork) {
    tally_fork_branch first = fork->branches[0];
    if (memcmp(first.next.b, fork->branches[1].next.b, TALLY_HASH_BYTES) < 0) return;
    fork->branches[0] = fork->branches[1];
    fork->branches[1] = first;
}

static inline void fork_prove(fixture *a, fixture *b, const tally_device_id *device,
                              uint64_t common, tally_fork *out) {
    *out = (tally_fork){.device = *device, .common = common};
    fork_side(a, device, common, &out->base, &out->branches[0]);
    fork_side(b, device, common, &out->base, &out->branches[1]);
    fork_order(out);
}

static inline int fork_write(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_fork_put(txn, ctx, err);
}

static inline int fork_give(fixture *f, tally_fork *fork) {
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, fork_write, fork, &f->err);
}

/* ---- meeting ---- */

typedef struct fork_list {
    tally_fork list[8];
    size_t count;
} fork_list;

static inline int fork_note(void *ctx, const tally_fork_state *state, tally_error *err) {
    fork_list *all = ctx;
    (void)err;
    assert_true(all->count < 8);
    all->list[all->count++] = state->proof;
    return 0;
}

static inline void forks_pass(fixture *f, fixture *to) {
    static fork_list all;
    tally_txn *txn;
    all.count = 0;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_each(txn, fork_note, &all, &f->err));
    tally_read_end(txn);
    for (size_t i = 0; i < all.count; i++) {
        int rc = fork_give(to, &all.list[i]);
        if (rc != 0 && rc != TALLY_EEXIST && rc != TALLY_EREFUSED) fail_msg("%s", to->err.text);
    }
}

/* Up to the last checkpoint that fits, as sync sends. */
static inline bool commit_read_joined(fixture *f, const tally_device_id *device, uint64_t from,
                                      commit *out) {
    tally_txn *txn;
    uint32_t number;
    out->device = *device;
    out->from = from;
    out->count = out->used = 0;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_feed_find(txn, device, &number);
    if (rc == 0) rc = tally_commit_span(txn, number, from, &out->cp, commit_take, out, &f->err);
    tally_read_end(txn);
    assert_true(rc == 0 || rc == TALLY_ENOTFOUND);
    return rc == 0;
}

/* Hands over what `to` lacks, from where both agree. True when anything was taken. */
static inline bool feed_pass(fixture *from, fixture *to, const tally_device_id *device) {
    static commit c;
    tally_fork_state state;
    tally_hash x;
    static unsigned turn;
    bool joined = ++turn % 2 == 0;
    uint64_t at = fork_root(to, device, UINT64_MAX, &x);
    uint64_t place = fork_place(from, to, device);
    bool took = false;
    if (place != NO_FORK) {
        if (!fork_known(from, device, &state) || state.proof.common != place) return false;
        at = place;
    }
    while (joined ? commit_read_joined(from, device, at, &c) : commit_read(from, device, at, &c)) {
        int rc = commit_give(to, &c);
        if (rc == TALLY_EREFUSED || rc == TALLY_ECORRUPT) break;
        if (rc != 0 && rc != TALLY_EEXIST) fail_msg("%s", to->err.text);
        took = took || rc == 0;
        at = c.cp.size;
    }
    return took;
}

static inline bool fork_meet_over(fixture *a, fixture *b, const tally_device_id *device) {
    static tally_fork fork;
    uint64_t place = fork_place(a, b, device);
    tally_fork_state x, y;
    if (place == NO_FORK) return false;
    if (fork_known(a, device, &x) && fork_known(b, device, &y) && x.proof.common <= place &&
        y.proof.common <= place)
        return false;
    fork_prove(a, b, device, place, &fork);
    int rc = fork_give(a, &fork), other = fork_give(b, &fork);
    assert_true(rc == 0 || rc == TALLY_EEXIST);
    assert_true(other == 0 || other == TALLY_EEXIST);
    return rc == 0 || other == 0;
}

/* Both give each other what they know, until neither learns anything. */
static inline void fork_meet(fixture *a, fixture *b, const tally_device_id *const *devices,
                             size_t count) {
    bool again = true;
    for (unsigned round = 0; again; round++) {
        assert_true(round < 20);
        again = false;
        forks_pass(a, b);
        forks_pass(b, a);
        for (size_t i = 0; i < count; i++) {
            if (fork_meet_over(a, b, devices[i])) again = true;
            if (feed_pass(a, b, devices[i])) again = true;
            if (feed_pass(b, a, devices[i])) again = true;
        }
    }
}

typedef struct fork_choice {
    const tally_device_id *device;
    uint64_t size;
    tally_hash root;
} fork_choice;

static inline int fork_choose(void *ctx, tally_txn *txn, tally_error *err) {
    const fork_choice *choice = ctx;
    return tally_fork_resolve(txn, choice->device, choice->size, &choice->root, err);
}

static inline int fork_resolve(fixture *f, fork_choice *choice) {
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, fork_choose, choice, &f->err);
}

static inline int branch_count_one(void *ctx, const tally_branch *branch, tally_error *err) {
    (void)branch, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static inline size_t branch_count(fixture *f, const tally_device_id *device) {
    tally_txn *txn;
    size_t count = 0;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_branch_each(txn, device, branch_count_one, &count, &f->err));
    tally_read_end(txn);
    return count;
}

#endif
