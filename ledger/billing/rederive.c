/* Deriving again what was issued: the ledger is cut back to the frontier that the invoice names,
 * in a write that is thrown away, and the draft is made anew. Comparing two documents. */
#include "invoice.h"

#include "../feed_tree.h"
#include "../view_gather.h"

#include <tally/fork.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct rederivation {
    const tally_issued *issued;
    const tally_invoice *frozen; /* whose words are taken; NULL: the records' */
    const tally_zone *zone, *team_zone;
    tally_invoice *out;
    bool done;
    int rc;
    tally_error why;
} rederivation;

static uint64_t size_at(const tally_issued *issued, const tally_device_id *device) {
    for (size_t i = 0; i < issued->frontier_count; i++)
        if (memcmp(issued->frontier[i].device.b, device->b, sizeof device->b) == 0)
            return issued->frontier[i].size;
    return 0;
}

static int frontier_missing(tally_txn *txn, const tally_issued *issued,
                            const tally_device_id *device, uint64_t here, uint64_t wanted,
                            tally_error *err) {
    tally_fork_state fork;
    char hex[17];
    tally_hex(tally_span_of(device->b, 8), hex);
    if (tally_fork_get(txn, device, &fork, NULL) == 0 && fork.size < wanted)
        return tally_fail(err, TALLY_EREFUSED,
                          "invoice %.*s was made from %" PRIu64
                          " records of device %s, which signed "
                          "two histories: after the first %" PRIu64 " none counts; 'tally team "
                          "forks' shows them; once an admin has chosen, void it and issue it again",
                          SPAN(issued->number), wanted, hex, fork.size);
    return tally_fail(err, TALLY_ENOTFOUND,
                      "invoice %.*s was made from %" PRIu64 " records of device %s, and %" PRIu64
                      " are here; 'tally sync now' fetches the rest",
                      SPAN(issued->number), wanted, hex, here);
}

/* All that the frontier names must be here. */
static int frontier_here(tally_txn *txn, const tally_issued *issued, tally_error *err) {
    for (size_t i = 0; i < issued->frontier_count; i++) {
        const tally_frontier_entry *entry = &issued->frontier[i];
        tally_feed feed = {0};
        uint32_t number;
        int rc = tally_feed_find(txn, &entry->device, &number);
        if (rc == 0) rc = feed_now(txn, number, &feed, err);
        if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
        if (feed.size < entry->size)
            return frontier_missing(txn, issued, &entry->device, feed.size, entry->size, err);
    }
    return 0;
}

/* Only sizes change: what is folded again ends there. */
static int cut_back(tally_txn *txn, const tally_issued *issued, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    int rc = frontier_here(txn, issued, err);
    for (uint32_t i = 0; i < feeds && rc == 0; i++) {
        tally_feed feed;
        rc = feed_load(txn, i, &feed, err);
        if (rc != 0) break;
        uint64_t size = size_at(issued, &feed.device);
        if (size == feed.size) continue;
        rc = feed_range_at(txn, i, size, &feed.range, err);
        if (rc == 0) rc = feed_clock_at(txn, i, size, &feed.last_hlc, err);
        feed.size = size;
        if (rc == 0) rc = feed_store(txn, &feed, err);
    }
    if (rc == 0) rc = view_rebuild_in(txn, err);
    return rc == 0 ? view_gather_flush(txn, err) : rc;
}

static int derive_again(tally_txn *txn, rederivation *again, tally_error *err) {
    const tally_issued *issued = again->issued;
    tally_draft asked = {.contract = issued->contract,
                         .zone = again->zone,
                         .team_zone = again->team_zone,
                         .milestone = issued->milestone,
                         .issue_day = issued->issue_day,
                         .issuer = issued->member,
                         .words_of = again->frozen};
    asked.period.first_day = issued->first_day;
    asked.period.end_day = issued->end_day;
    asked.period.start_ms = tally_zone_day_start(again->zone, issued->first_day);
    asked.period.end_ms = tally_zone_day_start(again->zone, issued->end_day);
    int rc = cut_back(txn, issued, err);
    tally_invoice_free(again->out); /* this may run a second time */
    again->out = NULL;
    if (rc == 0) rc = tally_invoice_derive(txn, &asked, &again->out, err);
    return rc;
}

static int rederive_apply(void *ctx, tally_txn *txn, tally_error *err) {
    rederivation *again = ctx;
    again->rc = derive_again(txn, again, &again->why);
    if (txn->map_full) return tally_fail(err, TALLY_ELIMIT, "the map must grow first");
    again->done = true;
    return tally_fail(err, TALLY_EREFUSED, "what is derived again is never kept");
}

int tally_invoice_rederive(tally_ledger *ledger, const tally_issued *issued, const tally_zone *zone,
                           const tally_zone *team_zone, tally_invoice **out, tally_error *err) {
    return tally_invoice_rederive_figures(ledger, issued, NULL, zone, team_zone, out, err);
}

int tally_invoice_rederive_figures(tally_ledger *ledger, const tally_issued *issued,
                                   const tally_invoice *frozen, const tally_zone *zone,
                                   const tally_zone *team_zone, tally_invoice **out,
                                   tally_error *err) {
    rederivation again = {.issued = issued, .frozen = frozen, .zone = zone, .team_zone = team_zone};
    char number[TALLY_NAME_MAX_BYTES + 1] = "";
    *out = NULL;
    if (issued->number.len > 0 && issued->number.len <= TALLY_NAME_MAX_BYTES)
        memcpy(number, issued->number.ptr, issued->number.len);
    int rc = store_write(ledger, 0, rederive_apply, &again, err);
    if (again.done) rc = again.rc;
    if (again.done && rc != 0 && err) *err = again.why;
    if (rc != 0) {
        tally_invoice_free(again.out);
        return rc;
    }
    invoice_set_number(again.out, number);
    *out = again.out;
    return 0;
}

/* ---- comparing ---- */

bool tally_invoice_same(const tally_issued *issued, const tally_invoice *frozen,
                        const tally_invoice *derived, char out[TALLY_DIFFERENCE_BYTES]) {
    tally_invoice unpaid = *frozen; /* payments came later */
    uint8_t *bytes = NULL;
    size_t len = 0;
    tally_hash hash = {{0}};
    out[0] = '\0';
    if (tally_invoice_encode(derived, &bytes, &len, NULL) == 0)
        tally_sha256(tally_span_of(bytes, len), &hash);
    free(bytes);
    if (tally_hash_eq(&hash, &issued->document_hash)) return true;
    unpaid.paid = 0;
    unpaid.due = unpaid.total;
    invoice_difference(&unpaid, derived, out);
    return false;
}
