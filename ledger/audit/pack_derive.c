/* The invoices of a pack: which are asked for, and each derived again from the records that it
 * names. */
#include "packing.h"

#include "sheaf.h"

#include <stdlib.h>

/* Copies of what outlives the snapshot. */
typedef struct issued_copy {
    tally_issued issued;
    tally_frontier_entry *frontier;
    tally_span client;
    uint8_t texts[8 * TALLY_NAME_MAX_BYTES];
} issued_copy;

typedef struct issued_list {
    packing *p;
    issued_copy **items;
    size_t count, room;
} issued_list;

static bool is_asked(const tally_pack_options *o, const tally_issued *issued) {
    if (o->number.len) return false; /* found by its name */
    if (o->client.len && !tally_span_eq(o->client, issued->client)) return false;
    return issued->issue_day >= o->first_day && issued->issue_day < o->end_day;
}

static void copy_texts(issued_copy *copy) {
    tally_span *texts[] = {&copy->issued.number, &copy->issued.contract, &copy->issued.client,
                           &copy->issued.currency, &copy->issued.member};
    size_t used = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t room = sizeof copy->texts - used;
        size_t len = texts[i]->len < room ? texts[i]->len : room;
        if (len) memcpy(copy->texts + used, texts[i]->ptr, len);
        *texts[i] = tally_span_of(copy->texts + used, len);
        used += len;
    }
    copy->issued.device = copy->issued.void_member = copy->issued.void_reason = (tally_span){0};
}

static int copy_issued(issued_list *list, const tally_issued *issued, tally_error *err) {
    issued_copy *copy = calloc(1, sizeof *copy);
    if (!copy || !shelf_grow((void **)&list->items, &list->room, list->count, sizeof copy)) {
        free(copy);
        return shelf_no_memory(err);
    }
    list->items[list->count++] = copy;
    copy->issued = *issued;
    copy_texts(copy);
    copy->frontier = calloc(issued->frontier_count + 1, sizeof *copy->frontier);
    if (!copy->frontier) return shelf_no_memory(err);
    if (issued->frontier_count)
        memcpy(copy->frontier, issued->frontier, issued->frontier_count * sizeof *copy->frontier);
    copy->issued.frontier = copy->frontier;
    return 0;
}

typedef struct issued_search {
    issued_list *list;
    tally_hash named; /* by its name; zeros: by the options */
} issued_search;

static int take_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    issued_search *search = ctx;
    if (!tally_hash_eq(&issued->issue, &search->named) &&
        !is_asked(search->list->p->options, issued))
        return 0;
    return copy_issued(search->list, issued, err);
}

static int find_issued(tally_txn *txn, issued_list *list, tally_error *err) {
    const tally_pack_options *o = list->p->options;
    issued_search search = {.list = list};
    tally_issued named;
    tally_team team;
    int rc = tally_team_get(txn, &team, err);
    if (rc == 0) rc = list->p->zones(list->p->zones_ctx, team.timezone, &list->p->team_zone, err);
    if (rc == 0 && o->number.len) rc = tally_issued_get(txn, o->number, o->as_of_day, &named, err);
    if (rc == 0 && o->number.len) search.named = named.issue;
    if (rc == 0) rc = tally_issued_each(txn, o->as_of_day, take_issued, &search, err);
    if (rc == 0 && list->count == 0)
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "no invoice was issued there; 'tally invoice list' shows all");
    return rc;
}

static void invoice_drop(choice_invoice *invoice) {
    tally_invoice_free(invoice->derived);
    tally_zone_free(invoice->zone);
}

/* What was taken back since cannot be shown. A void invoice of a longer time is left out, and
 * counted: it asks for nothing. */
static int refuse_fallen(packing *p, const issued_copy *copy, tally_error *err) {
    bool is_void = copy->issued.status == TALLY_INVOICE_VOID;
    if (is_void && !p->options->number.len) {
        p->left_out++;
        return 0;
    }
    return tally_fail(
        err, TALLY_EREFUSED,
        "invoice %.*s bills records that count no more, since a device was revoked or "
        "signed two histories: %s",
        (int)copy->issued.number.len, (const char *)copy->issued.number.ptr,
        is_void ? "it is void, and no pack can show it"
                : "void it with 'tally invoice void', and issue it again");
}

/* Derives one again, with its frozen words (they may have been redacted since), and holds it
 * against what was frozen. */
static int derive_frozen(packing *p, const issued_copy *copy, const tally_invoice *frozen,
                         choice_invoice *out, tally_error *err) {
    char difference[TALLY_DIFFERENCE_BYTES];
    int rc = tally_invoice_rederive_figures(p->ledger, &copy->issued, frozen, out->zone,
                                            p->team_zone, &out->derived, err);
    if (rc == 0 && !tally_invoice_same(&copy->issued, frozen, out->derived, difference))
        rc = tally_fail(err, TALLY_ECORRUPT,
                        "invoice %.*s does not follow from its records (%s); "
                        "see 'tally invoice verify'",
                        (int)copy->issued.number.len, (const char *)copy->issued.number.ptr,
                        difference);
    return rc;
}

static int has_fallen(packing *p, const issued_copy *copy, const tally_invoice *document, bool *out,
                      tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(p->ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_invoice_fallen(txn, &copy->issued, document, out, err);
    tally_read_end(txn);
    return rc;
}

static int read_frozen(packing *p, const issued_copy *copy, tally_invoice **frozen,
                       choice_invoice *out, tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(p->ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_issued_document(txn, &copy->issued, frozen, err);
    if (rc == 0) rc = p->zones(p->zones_ctx, (*frozen)->timezone, &out->zone, err);
    tally_read_end(txn);
    return rc;
}

/* Looks twice for what has fallen: only what is derived again names the contract's record. */
static int derive_one(packing *p, const issued_copy *copy, tally_error *err) {
    tally_invoice *frozen = NULL;
    bool fallen = false;
    if (!shelf_grow((void **)&p->invoices, &p->room, p->count, sizeof *p->invoices))
        return shelf_no_memory(err);
    choice_invoice *out = &p->invoices[p->count++];
    *out = (choice_invoice){.issue = copy->issued.issue, .blob = copy->issued.document};
    int rc = read_frozen(p, copy, &frozen, out, err);
    if (rc == 0) rc = has_fallen(p, copy, frozen, &fallen, err);
    if (rc == 0 && !fallen) rc = derive_frozen(p, copy, frozen, out, err);
    if (rc == 0 && !fallen) rc = has_fallen(p, copy, out->derived, &fallen, err);
    if (rc == 0 && fallen) {
        rc = refuse_fallen(p, copy, err);
        invoice_drop(out);
        p->count--;
    }
    tally_invoice_free(frozen);
    return rc;
}

int packing_derive(packing *p, tally_error *err) {
    issued_list list = {.p = p};
    tally_txn *txn;
    int rc = tally_read_begin(p->ledger, &txn, err);
    if (rc != 0) return rc;
    rc = find_issued(txn, &list, err);
    tally_read_end(txn);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        rc = derive_one(p, list.items[i], err);
    for (size_t i = 0; i < list.count; i++) {
        free(list.items[i]->frontier);
        free(list.items[i]);
    }
    free(list.items);
    if (p->options->left_out) *p->options->left_out = p->left_out;
    if (rc == 0 && p->count == 0)
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "all invoices of that time are void, and the records behind them count no "
                        "more; 'tally invoice list' shows them");
    return rc;
}

void packing_clear(packing *p) {
    for (size_t i = 0; i < p->count; i++)
        invoice_drop(&p->invoices[i]);
    free(p->invoices);
    tally_zone_free(p->team_zone);
}
