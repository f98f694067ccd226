/* elsewhen LEDGER ahead HOURS: appends a record with a clock that runs so far ahead.
 * elsewhen LEDGER met DAYS SECONDS: every teammate was met so many days ago, with a clock so far
 * off. The tests of doctor use it: what it finds takes days to come about. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tally/ledger.h>
#include <tally/peer.h>

#define PEERS_MAX 8u
#define HOUR_MS   3600000LL

typedef struct changes {
    tally_writer *writer;
    tally_device_id peers[PEERS_MAX];
    size_t count;
    int64_t seen_ms, off_ms;
} changes;

static int note_write(void *ctx, tally_txn *txn, tally_error *err) {
    changes *change = ctx;
    tally_writer_begin(change->writer);
    return tally_append(txn, "test.note", change->writer, NULL, err);
}

static int peer_take(void *ctx, const tally_peer *peer, tally_error *err) {
    changes *change = ctx;
    (void)err;
    if (change->count < PEERS_MAX) change->peers[change->count++] = peer->device;
    return 0;
}

static int peers_write(void *ctx, tally_txn *txn, tally_error *err) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    changes *change = ctx;
    change->count = 0;
    int code = tally_peer_each(txn, peer_take, change, err);
    for (size_t i = 0; !code && i < change->count; i++) {
        tally_peer peer;
        code = tally_peer_get(txn, &change->peers[i], heads, &peer, err);
        peer.seen_ms = change->seen_ms;
        peer.clock_off_ms = change->off_ms;
        peer.address = tally_span_of(NULL, 0); /* keeps the one that is there */
        if (!code) code = tally_peer_put(txn, &peer, err);
    }
    return code;
}

static int change_ledger(int argc, char **argv, tally_error *err) {
    tally_ledger_options options = {.dir = argv[1]};
    tally_ledger *ledger = NULL;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000, many = strtoll(argv[3], NULL, 10);
    bool ahead = strcmp(argv[2], "ahead") == 0;
    changes change = {.seen_ms = now_ms - many * 24 * HOUR_MS,
                      .off_ms = argc > 4 ? strtoll(argv[4], NULL, 10) * 1000 : 0};
    int code = tally_writer_new(&change.writer, err);
    if (!code) code = tally_ledger_open(&options, &ledger, err);
    if (!code)
        code = tally_ledger_write(ledger, ahead ? now_ms + many * HOUR_MS : now_ms,
                                  ahead ? note_write : peers_write, &change, err);
    tally_ledger_close(ledger);
    tally_writer_free(change.writer);
    return code;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    if (argc < 4) {
        fputs("usage: elsewhen LEDGER ahead HOURS | met DAYS SECONDS\n", stderr);
        return 2;
    }
    if (change_ledger(argc, argv, &err) == 0) return 0;
    fprintf(stderr, "elsewhen: %s\n", err.text);
    return 1;
}
