/* What a scan finds, one by one, for whoever lists instead of sums: costs and manual time by their
 * shares. */
#include "scan.h"

static tally_whose whose(const scan_row *row) {
    return (tally_whose){.said = row->said,
                         .share = row->share,
                         .client = row->client,
                         .project = row->project,
                         .member = row->feed->member,
                         .device = row->feed->device,
                         .tags = row->tags,
                         .tag_count = row->tag_count};
}

typedef struct facts_call {
    tally_facts_fn *fn;
    void *ctx;
} facts_call;

static int pass_facts(void *ctx, const scan_row *row, tally_error *err) {
    facts_call *call = ctx;
    tally_cost_facts facts = {.cost = row->cost,
                              .session = &row->session->session,
                              .priced = row->priced,
                              .model = row->model->text,
                              .whose = whose(row)};
    return call->fn(call->ctx, &facts, err);
}

int tally_costs_filter(tally_txn *txn, const tally_filter *filter, tally_facts_fn *fn, void *ctx,
                       tally_error *err) {
    scan *s;
    int rc = scan_new(txn, filter, &s, err);
    if (rc != 0) return rc;
    facts_call call = {fn, ctx};
    rc = scan_run(s, pass_facts, &call, err);
    scan_free(s);
    return rc;
}

typedef struct work_call {
    tally_time_facts_fn *fn;
    void *ctx;
} work_call;

static int pass_work_facts(void *ctx, const scan_row *row, const tally_time_entry *entry,
                           int64_t duration_ms, tally_error *err) {
    work_call *call = ctx;
    tally_time_facts facts = {.entry = entry, .duration_ms = duration_ms, .whose = whose(row)};
    return call->fn(call->ctx, &facts, err);
}

int tally_times_filter(tally_txn *txn, const tally_filter *filter, tally_time_facts_fn *fn,
                       void *ctx, tally_error *err) {
    scan *s;
    int rc = scan_new(txn, filter, &s, err);
    if (rc != 0) return rc;
    work_call call = {fn, ctx};
    rc = scan_work(s, pass_work_facts, &call, err);
    scan_free(s);
    return rc;
}
