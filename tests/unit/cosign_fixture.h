/* Cosignatures in tests: made, forged, taken in and asked for, and teammates that meet. Header
 * only.
 */
#ifndef TESTS_COSIGN_FIXTURE_H
#define TESTS_COSIGN_FIXTURE_H

#include "session_pair.h"

#include <tally/cosign.h>
#include <tally/fork.h>

#define HOUR_MS INT64_C(3600000)

typedef struct asking {
    bool asked;
    uint64_t made;
} asking;

static inline int cosign_in(void *ctx, tally_txn *txn, tally_error *err) {
    asking *a = ctx;
    return tally_cosign(txn, a->asked, &a->made, err);
}

static inline uint64_t cosign_at(fixture *f, int64_t now_ms, bool asked) {
    asking a = {.asked = asked};
    OK(tally_ledger_write(f->ledger, now_ms, cosign_in, &a, &f->err));
    return a.made;
}

typedef struct found {
    size_t count;
    tally_cosignature list[64];
} found;

static inline int find_one(void *ctx, const tally_cosignature *c, tally_error *err) {
    found *all = ctx;
    (void)err;
    assert_true(all->count < 64);
    all->list[all->count++] = *c;
    return 0;
}

static inline found cosignatures(fixture *f, const fixture *of) {
    found all = {.count = 0};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_cosignature_each(txn, tally_key_device(of->key), 1, find_one, &all, &f->err));
    tally_read_end(txn);
    return all;
}

/* That both hold the same, of whatever feeds. */
static inline void assert_same_cosignatures(fixture *a, fixture *b) {
    fixture *both[] = {a, b};
    found all[2] = {{.count = 0}, {.count = 0}};
    for (size_t i = 0; i < 2; i++) {
        fixture *f = both[i];
        tally_txn *txn;
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        OK(tally_cosignature_each_back(txn, find_one, &all[i], &f->err));
        tally_read_end(txn);
    }
    assert_true(all[0].count > 0);
    assert_int_equal(all[0].count, all[1].count);
    for (size_t i = 0; i < all[0].count; i++)
        assert_memory_equal(all[0].list[i].signature, all[1].list[i].signature,
                            TALLY_SIGNATURE_BYTES);
}

typedef struct taking {
    const tally_cosignature *what;
    int rc;
} taking;

static inline int take_in(void *ctx, tally_txn *txn, tally_error *err) {
    taking *t = ctx;
    t->rc = tally_cosignature_take(txn, t->what, err);
    return 0;
}

/* What taking it gave. */
static inline int take(fixture *f, tally_cosignature *c) {
    taking t = {.what = c};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, take_in, &t, &f->err));
    return t.rc;
}

static inline tally_witnessed seen(fixture *f, const fixture *of, uint64_t index) {
    tally_witnessed out;
    tally_txn *txn;
    uint32_t feed;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, tally_key_device(of->key), &feed));
    OK(tally_witness_of(txn, feed, index, &out, &f->err));
    tally_read_end(txn);
    return out;
}

static inline tally_witness_counts counted(fixture *f, int64_t now_ms) {
    tally_witness_counts out;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_witness_count(txn, now_ms, &out, &f->err));
    tally_read_end(txn);
    return out;
}

static inline tally_cosignature forged(fixture *f, fixture *author, const fixture *witness,
                                       int64_t time_s) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature c = {.device = *tally_key_device(author->key), .time_s = time_s};
    tally_txn *txn;
    OK(tally_read_begin(author->ledger, &txn, &author->err));
    uint64_t size = fixture_size(author);
    OK(tally_checkpoint_get(txn, 0, size - 1, &c.checkpoint, &author->err));
    tally_read_end(txn);
    tally_origin_format(tally_ledger_team(f->ledger), &c.device, origin);
    tally_cosignature_sign(witness->key, origin, &c);
    return c;
}

static inline void meet(trio *t, fixture *a, fixture *b) {
    end *e = net_connect(&t->n, a, b);
    net_wait(&t->n, 1000);
    assert_alive(e);
    assert_alive(e->other);
    assert_true(tally_session_in_sync(e->session));
    assert_true(tally_session_in_sync(e->other->session));
    net_close(&t->n);
}

#endif
