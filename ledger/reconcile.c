/* Reconciling a provider's bill with what was recorded. Sharing a bill out is plan.c's. */
#include "intern.h"
#include "store.h"

#include <tally/reconcile.h>

#include <stdlib.h>

typedef struct row {
    tally_reconcile_row shown;
    uint64_t core; /* of the canonical model name */
} row;

struct tally_reconciliation {
    row *rows;
    size_t count, room;
    index_map index;
    bool by_model;
    tally_reconcile_row total;
    uint64_t outside;
    tally_i128 outside_pico;
};

typedef struct reconcile_pass {
    tally_reconciliation *r;
    const tally_reconcile_ask *ask;
    tally_txn *txn;
    tally_price_book *book;
    tally_error *err;
} reconcile_pass;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory to reconcile");
}

static uint64_t core_of(tally_span model) {
    char canonical[TALLY_MODEL_MAX_BYTES];
    size_t len = tally_model_canonical(model, canonical);
    return tally_string_ref(len > 0 ? tally_span_of((const uint8_t *)canonical, len) : model);
}

static row *row_new(tally_reconciliation *r, int64_t day, tally_span model, uint64_t core) {
    if (r->count == r->room) {
        size_t room = r->room ? r->room * 2 : 64;
        row *grown = room < UINT32_MAX ? realloc(r->rows, room * sizeof *grown) : NULL;
        if (!grown) return NULL;
        r->rows = grown;
        r->room = room;
    }
    r->rows[r->count] = (row){.shown = {.day = day, .model = model}, .core = core};
    return &r->rows[r->count++];
}

/* The row of a day and a model; NULL when memory ran out. */
static row *row_of(tally_reconciliation *r, int64_t day, tally_span model) {
    if (!r->by_model) model = (tally_span){0};
    uint64_t core = core_of(model);
    for (uint64_t id = index_mix(core, (uint64_t)day);; id++) { /* another where two share one */
        uint32_t *slot = index_map_slot(&r->index, id);
        if (!slot) return NULL;
        if (*slot == 0) {
            row *made = row_new(r, day, model, core);
            *slot = made ? (uint32_t)r->count : 0;
            return made;
        }
        row *found = &r->rows[*slot - 1];
        if (found->core == core && found->shown.day == day) return found;
    }
}

/* ---- both sides ---- */

static int add_line(reconcile_pass *pass, const tally_bill_line *line) {
    tally_reconciliation *r = pass->r;
    if (line->day < pass->ask->first_day || line->day >= pass->ask->end_day) {
        r->outside++;
        return tally_add_i128(r->outside_pico, line->pico, &r->outside_pico) == 0
                   ? 0
                   : tally_inexact("a sum of costs", pass->err);
    }
    row *found = row_of(r, line->day, line->model);
    if (!found) return no_memory(pass->err);
    found->shown.on_bill = true;
    return tally_add_i128(found->shown.billed, line->pico, &found->shown.billed) == 0
               ? 0
               : tally_inexact("a sum of costs", pass->err);
}

static bool is_asked(const reconcile_pass *pass, const tally_cost *cost, tally_span *model) {
    tally_agent_session session = {0};
    tally_span member = {0}, device;
    bool described = tally_agent_session_get(pass->txn, cost->session, &session) == 0;
    *model = tally_string_get(pass->txn, cost->model);
    if (!tally_plan_covers(pass->ask->provider, session.agent, *model)) return false;
    if (pass->ask->member.len == 0) return true;
    (void)tally_feed_names(pass->txn, described ? session.feed : cost->feed, &member, &device);
    return tally_span_eq(member, pass->ask->member);
}

static int add_cost(void *ctx, const tally_cost *cost) {
    reconcile_pass *pass = ctx;
    tally_span model;
    tally_priced priced;
    if (!is_asked(pass, cost, &model)) return 0;
    row *found = row_of(pass->r, tally_floor_div(cost->time_ms, TALLY_DAY_MS), model);
    if (!found) return no_memory(pass->err);
    if (found->shown.requests++ == 0 && pass->r->by_model) found->shown.model = model;
    int rc = tally_price_book_cost(pass->book, cost, &priced, pass->err);
    if (rc != 0) return rc;
    found->shown.unpriced_requests += !priced.priced;
    if (!priced.priced) return 0;
    return tally_add_i128(found->shown.recorded, priced.pico, &found->shown.recorded) == 0
               ? 0
               : tally_inexact("a sum of costs", pass->err);
}

static int row_order(const void *a, const void *b) {
    const row *x = a, *y = b;
    if (x->shown.day != y->shown.day) return x->shown.day < y->shown.day ? -1 : 1;
    int order = tally_span_cmp(x->shown.model, y->shown.model);
    return order != 0 ? order : (x->core > y->core) - (x->core < y->core);
}

static int sum_rows(tally_reconciliation *r, tally_error *err) {
    tally_reconcile_row *total = &r->total;
    int over = 0;
    for (size_t i = 0; i < r->count; i++) {
        const tally_reconcile_row *from = &r->rows[i].shown;
        total->requests += from->requests;
        total->unpriced_requests += from->unpriced_requests;
        total->on_bill = total->on_bill || from->on_bill;
        over |= tally_add_i128(total->recorded, from->recorded, &total->recorded);
        over |= tally_add_i128(total->billed, from->billed, &total->billed);
    }
    return over ? tally_inexact("a sum of costs", err) : 0;
}

static int fill(reconcile_pass *pass) {
    tally_reconciliation *r = pass->r;
    const tally_reconcile_ask *ask = pass->ask;
    if (index_map_init(&r->index) != 0) return no_memory(pass->err);
    int rc = tally_price_book_new(pass->txn, &pass->book, pass->err);
    for (size_t i = 0; rc == 0 && i < ask->line_count; i++)
        rc = add_line(pass, &ask->lines[i]);
    if (rc == 0)
        rc = tally_cost_each(pass->txn, ask->first_day * TALLY_DAY_MS, ask->end_day * TALLY_DAY_MS,
                             add_cost, pass);
    if (rc == TALLY_EIO || rc == TALLY_ECORRUPT)
        (void)tally_fail(pass->err, rc, "cannot read the cost view; run 'tally fsck'");
    if (rc == 0 && r->count > 0) qsort(r->rows, r->count, sizeof *r->rows, row_order);
    return rc == 0 ? sum_rows(r, pass->err) : rc;
}

int tally_reconcile(tally_txn *txn, const tally_reconcile_ask *ask, tally_reconciliation **out,
                    tally_error *err) {
    reconcile_pass pass = {.ask = ask, .txn = txn, .err = err};
    *out = NULL;
    pass.r = calloc(1, sizeof *pass.r);
    if (!pass.r) return no_memory(err);
    pass.r->by_model = ask->line_count == 0;
    for (size_t i = 0; i < ask->line_count; i++)
        pass.r->by_model = pass.r->by_model || ask->lines[i].model.len > 0;
    int rc = fill(&pass);
    tally_price_book_free(pass.book);
    if (rc != 0)
        tally_reconciliation_free(pass.r);
    else
        *out = pass.r;
    return rc;
}

void tally_reconciliation_free(tally_reconciliation *reconciliation) {
    if (!reconciliation) return;
    index_map_clear(&reconciliation->index);
    free(reconciliation->rows);
    free(reconciliation);
}

size_t tally_reconciliation_count(const tally_reconciliation *reconciliation) {
    return reconciliation->count;
}

const tally_reconcile_row *tally_reconciliation_at(const tally_reconciliation *reconciliation,
                                                   size_t i) {
    return &reconciliation->rows[i].shown;
}

const tally_reconcile_row *tally_reconciliation_total(const tally_reconciliation *reconciliation) {
    return &reconciliation->total;
}

uint64_t tally_reconciliation_outside(const tally_reconciliation *reconciliation,
                                      tally_i128 *pico) {
    *pico = reconciliation->outside_pico;
    return reconciliation->outside;
}
