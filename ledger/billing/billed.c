/* Billed already: locks of living invoices, added up exactly, so that the parts billed of an entry
 * never exceed the whole. */
#include "billed.h"

#include <stdlib.h>

struct billed {
    tally_txn *txn;
    billed_issue *issues;
    size_t count, room;
};

typedef struct fraction {
    tally_u128 num, den;
    bool overflow;
} fraction;

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

static int keep_issue(void *ctx, const fact *f, tally_error *err) {
    billed *b = ctx;
    uint64_t compute = 0;
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

typedef struct lock_sum {
    billed *b;
    tally_span contract;
    fraction sum;
    billed_issue *here, *last;
} lock_sum;

static int sum_lock(void *ctx, const lock *l, tally_error *err) {
    lock_sum *sum = ctx;
    billed_issue *issue = billed_find(sum->b, &l->issue);
    (void)err;
    if (!issue || issue->voided) return 0;
    sum->last = issue;
    if (tally_span_eq(issue->contract, sum->contract)) sum->here = issue;
    fraction_add(&sum->sum, l->part, l->parts);
    return 0;
}

int billed_ask(billed *b, tally_span contract, const tally_entry_id *entry, int32_t day,
               uint64_t part, uint64_t parts, billed_state *out, tally_error *err) {
    lock_sum sum = {.b = b, .contract = contract, .sum = {0, 1, false}};
    *out = BILLED_NOT;
    if (b->count == 0) return 0;
    int rc = locks_of(b->txn, entry, day, sum_lock, &sum, err);
    if (rc != 0 || !sum.last) return rc;
    fraction_add(&sum.sum, part, parts);
    if (sum.here)
        *out = BILLED_HERE;
    else if (above_whole(&sum.sum))
        *out = BILLED_ELSEWHERE;
    billed_issue *by = sum.here ? sum.here : sum.last;
    if (*out != BILLED_NOT) by->left_out++;
    return 0;
}

/* ---- conflicts ---- */

#define GROUP_MAX 16u /* living invoices that hold one entry */

typedef struct conflict_pair {
    const billed_issue *a, *b;
    uint64_t entries;
} conflict_pair;

typedef struct conflict_scan {
    billed *b;
    tally_entry_id entry;
    int32_t day;
    fraction sum;
    const billed_issue *holders[GROUP_MAX];
    size_t holder_count;
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

/* All locks of one entry were seen: who holds it together with whom, if it is too much. */
static int entry_end(conflict_scan *scan, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; above_whole(&scan->sum) && i + 1 < scan->holder_count && rc == 0; i++)
        rc = pair_add(scan, scan->holders[i], scan->holders[i + 1], err);
    scan->sum = (fraction){0, 1, false};
    scan->holder_count = 0;
    return rc;
}

static int scan_lock(void *ctx, const lock *l, tally_error *err) {
    conflict_scan *scan = ctx;
    const billed_issue *issue = billed_find(scan->b, &l->issue);
    int rc = 0;
    if (!issue || issue->voided) return 0;
    if (l->day != scan->day || memcmp(l->entry.b, scan->entry.b, sizeof l->entry.b) != 0)
        rc = entry_end(scan, err);
    scan->entry = l->entry;
    scan->day = l->day;
    fraction_add(&scan->sum, l->part, l->parts);
    /* Locks of one invoice follow each other: they are in order of its leaf. */
    bool again = scan->holder_count && scan->holders[scan->holder_count - 1] == issue;
    if (!again && scan->holder_count < GROUP_MAX) scan->holders[scan->holder_count++] = issue;
    return rc;
}

int billed_conflicts(billed *b, billed_conflict_fn *fn, void *ctx, tally_error *err) {
    conflict_scan scan = {.b = b, .sum = {0, 1, false}};
    int rc = b->count > 1 ? locks_each(b->txn, scan_lock, &scan, err) : 0;
    if (rc == 0) rc = entry_end(&scan, err);
    for (size_t i = 0; i < scan.pair_count && rc == 0; i++)
        rc = fn(ctx, scan.pairs[i].a, scan.pairs[i].b, scan.pairs[i].entries, err);
    free(scan.pairs);
    return rc;
}
