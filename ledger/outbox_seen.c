/* How far records were looked through for events that webhooks are told of, and which sessions were
 * still running then. */
#include "outbox_row.h"

static uint64_t number_get(tally_txn *txn, const outbox_key *key) {
    tally_span value;
    if (outbox_get(txn, key, &value, NULL) != 0 || value.len != 8) return 0;
    return tally_get_be64(value.ptr);
}

static int number_put(tally_txn *txn, const outbox_key *key, uint64_t number, tally_error *err) {
    uint8_t value[8];
    tally_put_be64(value, number);
    return outbox_put(txn, key, tally_span_of(value, sizeof value), err);
}

uint64_t tally_outbox_generation(tally_txn *txn) {
    outbox_key key = outbox_key_of(OUTBOX_GENERATION, (tally_span){0});
    return number_get(txn, &key);
}

int tally_outbox_generation_raise(tally_txn *txn, tally_error *err) {
    outbox_key key = outbox_key_of(OUTBOX_GENERATION, (tally_span){0});
    return number_put(txn, &key, number_get(txn, &key) + 1, err);
}

static outbox_key seen_key(uint32_t feed) {
    uint8_t name[4];
    tally_put_be32(name, feed);
    return outbox_key_of(OUTBOX_SEEN, tally_span_of(name, sizeof name));
}

uint64_t tally_outbox_seen(tally_txn *txn, uint32_t feed) {
    outbox_key key = seen_key(feed);
    return number_get(txn, &key);
}

int tally_outbox_seen_put(tally_txn *txn, uint32_t feed, uint64_t size, tally_error *err) {
    outbox_key key = seen_key(feed);
    return number_put(txn, &key, size, err);
}

int tally_outbox_seen_all(tally_txn *txn, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    int rc = 0;
    for (uint32_t number = 0; number < feeds && rc == 0; number++) {
        tally_feed feed;
        rc = tally_feed_get(txn, number, &feed, err);
        if (rc == 0) rc = tally_outbox_seen_put(txn, number, feed.size, err);
    }
    return rc;
}

int tally_outbox_running_put(tally_txn *txn, uint64_t session, bool running, tally_error *err) {
    static const uint8_t mark[] = {1};
    uint8_t name[8];
    tally_put_be64(name, session);
    outbox_key key = outbox_key_of(OUTBOX_RUNNING, tally_span_of(name, sizeof name));
    return running ? outbox_put(txn, &key, tally_span_of(mark, sizeof mark), err)
                   : outbox_del(txn, &key, err);
}

typedef struct running_walk {
    tally_outbox_running_fn *fn;
    void *ctx;
} running_walk;

static int one_running(void *ctx, tally_span name, tally_span value, tally_error *err) {
    const running_walk *walk = ctx;
    (void)value;
    return name.len == 8 ? walk->fn(walk->ctx, tally_get_be64(name.ptr), err) : outbox_damaged(err);
}

int tally_outbox_running_each(tally_txn *txn, tally_outbox_running_fn *fn, void *ctx,
                              tally_error *err) {
    running_walk walk = {fn, ctx};
    return outbox_each(txn, OUTBOX_RUNNING, one_running, &walk, err);
}
