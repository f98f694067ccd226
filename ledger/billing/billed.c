/* Billed already: locks of living invoices, added up exactly, so that the parts billed of an entry
 * never exceed the whole. */
#include "billed.h"
#include "invoice.h"

#include <tally/invoice.h>

#include <stdlib.h>

#define HELD_MAX 64u /* living locks of one entry; more of them are more than the whole */

typedef struct fraction {
    tally_u128 num, den;
    bool overflow;
} fraction;

/* What living invoices hold of one entry, or of one day of a session. */
typedef struct held {
    billed_issue *issue;
    lock lock;
} held;

typedef struct held_list {
    billed *b;
    held items[HELD_MAX];
    size_t count;
    bool overflow;
} held_list;

struct billed {
    tally_txn *txn;
    billed_issue *issues;
    size_t count, room;
    held_list list;
    /* Shares of one entry that this draft bills already. */
    tally_entry_id asked;
    int32_t asked_day;
    fraction granted;
};

static tally_u128 gcd(tally_u128 a, tally_u128 b) {
    while (b != 0) {
        tally_u128 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void fraction_add(fraction *f, uint64_t part, uint64_t parts) {
    tally_u128 left, right;
    if (tally_mul_u128(f->num, parts, &left) || tally_mul_u128(f->den, part, &right) ||
        __builtin_add_overflow(left, right, &f->num) || tally_mul_u128(f->den, parts, &f->den)) {
        f->overflow = true;
        return;
    }
    tally_u128 by = gcd(f->num, f->den);
    f->num /= by;
    f->den /= by;
}

static bool above_whole(const fraction *f) {
    return f->overflow || f->num > f->den;
}

/* ---- the invoices there are ---- */

static bool amount_counts(const tally_record *record, const char *key) {
    int64_t minor;
    return !tally_body_i64(record, key, &minor) || invoice_amount_ok(minor);
}

bool billed_issue_counts(const tally_record *record) {
    tally_span currency;
    return tally_body_str(record, "currency", &currency) &&
           tally_currency_decimals(currency) >= 0 && amount_counts(record, "total") &&
           amount_counts(record, "compute") && amount_counts(record, "project");
}

static int keep_issue(void *ctx, const fact *f, tally_error *err) {
    billed *b = ctx;
    tally_policy_row contract;
    uint64_t compute = 0;
    if (!billed_issue_counts(&f->record)) return 0; /* what it holds is not billed either */
    if (b->count == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        billed_issue *grown = realloc(b->issues, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for invoices");
        b->issues = grown;
        b->room = room;
    }
    billed_issue *issue = &b->issues[b->count++];
    *issue = (billed_issue){
        .leaf = f->leaf, .number = f->subject, .feed = f->feed, .hlc = f->hlc, .record = f->record};
    (void)tally_body_str(&f->record, "contract", &issue->contract);
    (void)tally_body_str(&f->record, "client", &issue->client);
    if (tally_policy_get(b->txn, TALLY_POLICY_CONTRACT, &issue->contract, 1, &contract) == 0)
        (void)tally_body_str(&contract.record, "project", &issue->project);
    if (tally_body_u64(&f->record, "compute", &compute) && compute <= INT64_MAX)
        issue->compute = (int64_t)compute;
    return 0;
}

static int issue_order(const void *a, const void *b) {
    const billed_issue *x = a, *y = b;
    return memcmp(x->leaf.b, y->leaf.b, sizeof x->leaf.b);
}

billed_issue *billed_find(billed *b, const tally_hash *leaf) {
    billed_issue wanted = {.leaf = *leaf};
    return b->count ? bsearch(&wanted, b->issues, b->count, sizeof wanted, issue_order) : NULL;
}

static int mark_void(void *ctx, const fact *f, tally_error *err) {
    const uint8_t *issue;
    tally_hash leaf;
    (void)err;
    if (!tally_body_bin(&f->record, "issue", TALLY_HASH_BYTES, &issue)) return 0;
    memcpy(leaf.b, issue, sizeof leaf.b);
    billed_issue *found = billed_find(ctx, &leaf);
    if (found && tally_span_eq(found->number, f->subject)) found->voided = true;
    return 0;
}

int billed_new(tally_txn *txn, billed **out, tally_error *err) {
    billed *b = calloc(1, sizeof *b);
    *out = NULL;
    if (!b) return tally_fail(err, TALLY_ENOMEM, "no memory for invoices");
    b->txn = txn;
    int rc = facts_each(txn, FACT_ISSUE, (tally_span){0}, keep_issue, b, err);
    if (b->count) qsort(b->issues, b->count, sizeof *b->issues, issue_order);
    if (rc == 0) rc = facts_each(txn, FACT_VOID, (tally_span){0}, mark_void, b, err);
    if (rc != 0) {
        billed_free(b);
        return rc;
    }
    *out = b;
    return 0;
}

void billed_free(billed *b) {
    if (!b) return;
    free(b->issues);
    free(b);
}

size_t billed_count(const billed *b) {
    return b->count;
}

billed_issue *billed_at(billed *b, size_t i) {
    return &b->issues[i];
}

/* ---- one entry ---- */

static void held_add(held_list *list, billed_issue *issue, const lock *l) {
    if (list->count < HELD_MAX)
        list->items[list->count++] = (held){issue, *l};
    else
        list->overflow = true;
}

static int keep_lock(void *ctx, const lock *l, tally_error *err) {
    held_list *list = ctx;
    billed_issue *issue = billed_find(list->b, &l->issue);
    (void)err;
    if (issue && !issue->voided) held_add(list, issue, l);
    return 0;
}

/* Bill the same shares: one contract, or two of one client for one project. */
static bool same_scope(const billed_issue *a, const billed_issue *b) {
    return tally_span_eq(a->contract, b->contract) ||
           (tally_span_eq(a->client, b->client) && tally_span_eq(a->project, b->project));
}

static bool before(const lock *a, const lock *b) {
    return b->after_ms > 0 && a->after_ms + a->ms <= b->after_ms;
}

/* Later minutes of a share whose earlier ones are held too: one part, not two. */
static bool continues(const held_list *list, size_t i) {
    for (size_t k = 0; k < list->count; k++)
        if (k != i && same_scope(list->items[k].issue, list->items[i].issue) &&
            before(&list->items[k].lock, &list->items[i].lock))
            return true;
    return false;
}

/* Of all holders, or of those who bill `client`. */
static fraction held_sum(const held_list *list, const tally_span *client) {
    fraction sum = {0, 1, list->overflow};
    for (size_t i = 0; i < list->count; i++) {
        const held *h = &list->items[i];
        if ((client && !tally_span_eq(h->issue->client, *client)) || continues(list, i)) continue;
        fraction_add(&sum, h->lock.part, h->lock.parts);
    }
    return sum;
}

/* The first stretch of time that no lock of the contract covers. */
static void find_stretch(const held_list *list, tally_span contract, const billed_share *share,
                         billed_answer *out) {
    out->from_ms = 0;
    out->to_ms = INT64_MAX;
    bool moved = share->day != LOCK_NO_DAY && share->part == share->client_part && !list->overflow;
    if (!moved) out->to_ms = 0;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < list->count; i++) {
            const lock *l = &list->items[i].lock;
            if (!tally_span_eq(list->items[i].issue->contract, contract)) continue;
            if (l->part * share->parts != share->part * l->parts) {
                out->from_ms = out->to_ms = 0; /* another share than now: not to be compared */
                return;
            }
            if (l->ms > 0 && l->after_ms <= out->from_ms && out->from_ms < l->after_ms + l->ms) {
                out->from_ms = l->after_ms + l->ms;
                moved = true;
            }
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        const held *h = &list->items[i];
        if (tally_span_eq(h->issue->contract, contract) && h->lock.after_ms > out->from_ms &&
            h->lock.after_ms < out->to_ms)
            out->to_ms = h->lock.after_ms;
    }
}

static bool too_much(const billed *b, const billed_share *share, const tally_span *client) {
    fraction sum = held_sum(&b->list, client);
    tally_u128 num, den;
    fraction_add(&sum, share->part, share->parts);
    if (b->granted.num > 0) fraction_add(&sum, (uint64_t)b->granted.num, (uint64_t)b->granted.den);
    if (!client) return above_whole(&sum);
    return sum.overflow || tally_mul_u128(sum.num, share->parts, &num) ||
           tally_mul_u128(sum.den, share->client_part, &den) || num > den;
}

static billed_state state_of(billed *b, const tally_contract *contract, const billed_share *share,
                             billed_answer *out) {
    bool scope = false;
    for (size_t i = 0; i < b->list.count; i++) {
        billed_issue *issue = b->list.items[i].issue;
        out->by = issue;
        if (tally_span_eq(issue->contract, contract->contract)) return BILLED_HERE;
        scope = scope || (tally_span_eq(issue->client, contract->client) &&
                          tally_span_eq(issue->project, contract->project));
    }
    return scope || too_much(b, share, NULL) || too_much(b, share, &contract->client)
               ? BILLED_ELSEWHERE
               : BILLED_NOT;
}

int billed_ask(billed *b, const tally_contract *contract, const billed_share *share,
               billed_answer *out, tally_error *err) {
    *out = (billed_answer){.state = BILLED_NOT};
    if (b->count == 0) return 0;
    b->list.b = b;
    b->list.count = 0;
    b->list.overflow = false;
    int rc = locks_of(b->txn, &share->entry, share->day, keep_lock, &b->list, err);
    if (rc != 0 || b->list.count == 0) return rc;
    if (b->asked_day != share->day ||
        memcmp(b->asked.b, share->entry.b, sizeof share->entry.b) != 0)
        b->granted = (fraction){0, 1, false};
    b->asked = share->entry;
    b->asked_day = share->day;
    out->state = state_of(b, contract, share, out);
    if (out->state == BILLED_NOT)
        fraction_add(&b->granted, share->part, share->parts);
    else
        out->by->left_out++;
    if (out->state == BILLED_HERE) find_stretch(&b->list, contract->contract, share, out);
    return 0;
}

/* ---- conflicts ---- */

typedef struct conflict_pair {
    const billed_issue *a, *b;
    uint64_t entries;
} conflict_pair;

typedef struct conflict_scan {
    held_list list; /* of the entry that is looked at */
    tally_entry_id entry;
    int32_t day;
    conflict_pair *pairs;
    size_t pair_count, pair_room;
} conflict_scan;

static int pair_add(conflict_scan *scan, const billed_issue *a, const billed_issue *b,
                    tally_error *err) {
    for (size_t i = 0; i < scan->pair_count; i++)
        if (scan->pairs[i].a == a && scan->pairs[i].b == b) {
            scan->pairs[i].entries++;
            return 0;
        }
    if (scan->pair_count == scan->pair_room) {
        size_t room = scan->pair_room ? 2 * scan->pair_room : 8;
        conflict_pair *grown = realloc(scan->pairs, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for invoices");
        scan->pairs = grown;
        scan->pair_room = room;
    }
    scan->pairs[scan->pair_count++] = (conflict_pair){a, b, 1};
    return 0;
}

/* One invoice may hold several shares of an entry: its first lock speaks for it. */
static bool speaks(const held_list *list, size_t i) {
    return i == 0 || list->items[i - 1].issue != list->items[i].issue;
}

static bool clash(const held *a, const held *b, bool above) {
    if (!same_scope(a->issue, b->issue)) return above;
    return !before(&a->lock, &b->lock) && !before(&b->lock, &a->lock);
}

/* All locks of one entry were seen: who holds it together with whom, if it is too much. */
static int entry_end(conflict_scan *scan, tally_error *err) {
    const held_list *list = &scan->list;
    fraction sum = held_sum(list, NULL);
    int rc = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = i + 1; k < list->count && speaks(list, i) && rc == 0; k++)
            if (list->items[i].issue != list->items[k].issue && speaks(list, k) &&
                clash(&list->items[i], &list->items[k], above_whole(&sum)))
                rc = pair_add(scan, list->items[i].issue, list->items[k].issue, err);
    scan->list.count = 0;
    scan->list.overflow = false;
    return rc;
}

/* Locks of one invoice follow each other: they are in order of its leaf. */
static int scan_lock(void *ctx, const lock *l, tally_error *err) {
    conflict_scan *scan = ctx;
    billed_issue *issue = billed_find(scan->list.b, &l->issue);
    int rc = 0;
    if (!issue || issue->voided) return 0;
    if (l->day != scan->day || memcmp(l->entry.b, scan->entry.b, sizeof l->entry.b) != 0)
        rc = entry_end(scan, err);
    scan->entry = l->entry;
    scan->day = l->day;
    held_add(&scan->list, issue, l);
    return rc;
}

int billed_conflicts(billed *b, billed_conflict_fn *fn, void *ctx, tally_error *err) {
    conflict_scan scan = {.list = {.b = b}};
    int rc = b->count > 1 ? locks_each(b->txn, scan_lock, &scan, err) : 0;
    if (rc == 0) rc = entry_end(&scan, err);
    for (size_t i = 0; i < scan.pair_count && rc == 0; i++)
        rc = fn(ctx, scan.pairs[i].a, scan.pairs[i].b, scan.pairs[i].entries, err);
    free(scan.pairs);
    return rc;
}

/* ---- one entry ---- */

typedef struct billed_search {
    billed *b;
    const billed_issue *on;
} billed_search;

static int take_living(void *ctx, const lock *l, tally_error *err) {
    billed_search *search = ctx;
    const billed_issue *issue = billed_find(search->b, &l->issue);
    (void)err;
    if (issue && !issue->voided && !search->on) search->on = issue;
    return 0;
}

int tally_entry_billed_on(tally_txn *txn, const tally_entry_id *entry, tally_span *number,
                          tally_error *err) {
    billed_search search = {.on = NULL};
    *number = (tally_span){0};
    int rc = billed_new(txn, &search.b, err);
    if (rc != 0) return rc;
    rc = locks_of(txn, entry, LOCK_NO_DAY, take_living, &search, err);
    if (search.on) *number = search.on->number;
    billed_free(search.b);
    return rc;
}
