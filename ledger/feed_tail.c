/* The tail of a feed's head row (feed_tail.h). What a waiting cost means is known in
 * view_gather.c. */
#include "feed_tail.h"

static tally_span take(tally_span *rest, size_t len) {
    tally_span taken = tally_span_of(rest->ptr, len);
    *rest = tally_span_of(rest->ptr + len, rest->len - len);
    return taken;
}

static void checkpoint_read(tally_span bytes, tally_checkpoint *out) {
    out->size = tally_get_be64(bytes.ptr);
    memcpy(out->root.b, bytes.ptr + 8, TALLY_HASH_BYTES);
    memcpy(out->signature, bytes.ptr + 8 + TALLY_HASH_BYTES, TALLY_SIGNATURE_BYTES);
}

bool feed_tail_parse(tally_span bytes, feed_tail *out) {
    *out = (feed_tail){0};
    if (bytes.len == 0) return true;
    if (bytes.len < 2 || bytes.ptr[0] > FEED_TAIL_CHECKPOINTS || bytes.ptr[1] > FEED_TAIL_COSTS)
        return false;
    size_t checkpoints = bytes.ptr[0], costs = bytes.ptr[1];
    if (checkpoints + costs == 0 ||
        bytes.len != 2 + checkpoints * FEED_CHECKPOINT_BYTES + costs * FEED_WAITING_BYTES)
        return false;
    (void)take(&bytes, 2);
    for (; out->checkpoints < checkpoints; out->checkpoints++)
        checkpoint_read(take(&bytes, FEED_CHECKPOINT_BYTES), &out->checkpoint[out->checkpoints]);
    for (; out->costs < costs; out->costs++) {
        const uint8_t *at = take(&bytes, FEED_WAITING_BYTES).ptr;
        out->cost[out->costs] = (waiting_cost){tally_get_be64(at), tally_get_be64(at + 8)};
    }
    return true;
}

static size_t tail_encode(const feed_tail *tail, uint8_t out[FEED_TAIL_MAX_BYTES]) {
    if (tail->checkpoints + tail->costs == 0) return 0;
    uint8_t *at = out;
    *at++ = (uint8_t)tail->checkpoints;
    *at++ = (uint8_t)tail->costs;
    for (size_t i = 0; i < tail->checkpoints; i++, at += FEED_CHECKPOINT_BYTES) {
        tally_put_be64(at, tail->checkpoint[i].size);
        memcpy(at + 8, tail->checkpoint[i].root.b, TALLY_HASH_BYTES);
        memcpy(at + 8 + TALLY_HASH_BYTES, tail->checkpoint[i].signature, TALLY_SIGNATURE_BYTES);
    }
    for (size_t i = 0; i < tail->costs; i++, at += FEED_WAITING_BYTES) {
        tally_put_be64(at, tail->cost[i].index);
        tally_put_be64(at + 8, tail->cost[i].id);
    }
    return (size_t)(at - out);
}

int feed_tail_load(tally_txn *txn, uint32_t number, feed_tail *out, tally_error *err) {
    tally_span head, tail = {0};
    int rc = feed_row(txn, number, &head, &tail, err);
    if (feed_tail_parse(tail, out)) return rc == TALLY_ENOTFOUND ? 0 : rc;
    return feed_damaged(number, err);
}

int feed_tail_store(tally_txn *txn, uint32_t number, const feed_tail *tail, tally_error *err) {
    uint8_t bytes[FEED_TAIL_MAX_BYTES], copy[FEED_HEAD_MAX_BYTES];
    tally_span head, old;
    int rc = feed_row(txn, number, &head, &old, err);
    if (rc != 0) return rc;
    memcpy(copy, head.ptr, head.len); /* LMDB's own bytes may move while it writes */
    return feed_put_row(txn, number, tally_span_of(copy, head.len),
                        tally_span_of(bytes, tail_encode(tail, bytes)), err);
}

static int move_all(tally_txn *txn, uint32_t number, feed_tail *tail, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < tail->checkpoints && rc == 0; i++)
        rc = feed_put_checkpoint_row(txn, number, &tail->checkpoint[i], err);
    tail->checkpoints = 0;
    return rc;
}

int feed_tail_sign(tally_txn *txn, uint32_t number, const tally_checkpoint *cp, tally_error *err) {
    feed_tail tail;
    int rc = feed_tail_load(txn, number, &tail, err);
    if (rc == 0 && tail.checkpoints == FEED_TAIL_CHECKPOINTS)
        rc = move_all(txn, number, &tail, err);
    if (rc != 0) return rc;
    tail.checkpoint[tail.checkpoints++] = *cp;
    return feed_tail_store(txn, number, &tail, err);
}

int feed_tail_spill(tally_txn *txn, uint32_t number, tally_error *err) {
    feed_tail tail;
    int rc = feed_tail_load(txn, number, &tail, err);
    if (rc != 0 || tail.checkpoints == 0) return rc;
    rc = move_all(txn, number, &tail, err);
    return rc != 0 ? rc : feed_tail_store(txn, number, &tail, err);
}
