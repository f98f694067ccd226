/* Verification of cosignatures: what teammates have put their names to, against the feeds as they
 * are stored. */
#include "cosign_store.h"
#include "fork_store.h"
#include "verify.h"

#include <inttypes.h>

typedef struct audit {
    tally_txn *txn;
    tally_check *check;
    bool deep;
    tally_checkpoint last; /* that was compared: */
    tally_device_id device;
} audit;

static void check_signatures(audit *a, const tally_cosignature *c) {
    char origin[TALLY_ORIGIN_MAX_BYTES], names[2][17];
    tally_origin_format(&a->txn->ledger->team, &c->device, origin);
    if (tally_checkpoint_verify(&c->device, origin, &c->checkpoint) == 0 &&
        tally_cosignature_verify(origin, c) == 0)
        return;
    tally_hex(tally_span_of(c->device.b, 8), names[0]);
    tally_hex(tally_span_of(c->witness.b, 8), names[1]);
    verify_find(a->check,
                "feed %s: the cosignature of %s at size %" PRIu64 ": its signatures are not valid",
                names[0], names[1], c->checkpoint.size);
}

/* Signed by its device, seen by a teammate, and not what is stored here: unless that is known as a
 * fork, records were changed. */
static int check_history(audit *a, const tally_cosignature *c, tally_error *err) {
    char names[2][17];
    tally_feed feed;
    tally_hash root;
    uint32_t number;
    bool frozen;
    int rc = fork_is_frozen(a->txn, &c->device, &frozen, err);
    if (rc != 0 || frozen) return rc;
    if (tally_feed_find(a->txn, &c->device, &number) != 0) return 0;
    if (feed_load(a->txn, number, &feed, NULL) != 0 || c->checkpoint.size > feed.size) return 0;
    tally_error why;
    if (tally_feed_root(a->txn, number, c->checkpoint.size, &root, &why) != 0) return 0;
    if (tally_hash_eq(&root, &c->checkpoint.root)) return 0;
    tally_hex(tally_span_of(c->device.b, 8), names[0]);
    tally_hex(tally_span_of(c->witness.b, 8), names[1]);
    verify_find(a->check,
                "feed %s: its device signed other first %" PRIu64
                " records, which %s saw at %" PRId64 " (Unix seconds); sync with that device",
                names[0], c->checkpoint.size, names[1], c->time_s);
    return 0;
}

static int check_one(void *ctx, const tally_cosignature *c, tally_error *err) {
    audit *a = ctx;
    if (a->deep) check_signatures(a, c);
    bool again = a->last.size == c->checkpoint.size &&
                 tally_hash_eq(&a->last.root, &c->checkpoint.root) &&
                 memcmp(a->device.b, c->device.b, sizeof c->device.b) == 0;
    a->last = c->checkpoint;
    a->device = c->device;
    if (a->check->stopped) return 1;
    return again ? 0 : check_history(a, c, err);
}

static int pass_over(void *ctx, const tally_cosignature *c, tally_error *err) {
    (void)ctx;
    (void)c;
    (void)err;
    return 0;
}

int verify_cosignatures(tally_txn *txn, bool deep, tally_check *check, tally_error *err) {
    audit a = {.txn = txn, .check = check, .deep = deep};
    tally_error why;
    int rc = tally_cosignature_each_back(txn, check_one, &a, &why);
    if (rc == 1) return 0;
    /* Whether each that came is stored. */
    if (rc == 0) rc = tally_cosignature_since(txn, 0, pass_over, NULL, &why);
    if (rc == TALLY_ECORRUPT)
        verify_find(check, "%s", why.text);
    else if (rc != 0 && err)
        *err = why;
    return rc == TALLY_ECORRUPT ? 0 : rc;
}
