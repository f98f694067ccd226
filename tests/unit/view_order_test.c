/* Views do not depend on the order in which records arrive: random worlds of three devices are
 * folded in shuffled orders, the digests compared, and the result compared with sets worked out the
 * slow way. */
#include "view_gather.h"
#include "view_order_world.h"

#define SEED   20260908u
#define WORLDS 20u
#define ORDERS 8u /* of each world */

/* ---- the slow way ---- */

static int by_device(unsigned a, unsigned b) {
    return memcmp(tally_key_device(w.keys[a])->b, tally_key_device(w.keys[b])->b,
                  TALLY_PUBLIC_KEY_BYTES);
}

/* The later one, by clock, then by device key. */
static const fact *later(const fact *a, const fact *b) {
    if (!a) return b;
    if (a->hlc != b->hlc) return a->hlc > b->hlc ? a : b;
    return by_device(a->device, b->device) >= 0 ? a : b;
}

/* The one that counts: observed before imported, most output, then recorded first, then the smaller
 * device key. */
static const fact *counting(const fact *a, const fact *b) {
    if (!a) return b;
    if (a->imported != b->imported) return a->imported ? b : a;
    if (a->output != b->output) return a->output > b->output ? a : b;
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? a : b;
    return by_device(a->device, b->device) <= 0 ? a : b;
}

static const fact *expected_cost(const tally_entry_id *id) {
    const fact *winner = NULL, *state = NULL;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (memcmp(x->entry.b, id->b, sizeof id->b) != 0) continue;
        if (x->kind == COST) winner = counting(winner, x);
        if (x->kind == VOID) state = later(state, x);
    }
    return state && !state->undo ? NULL : winner;
}

static bool tag_removed(const fact *add) {
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        bool same = x->kind == UNTAG && strcmp(x->tag, add->tag) == 0 &&
                    memcmp(x->target, add->target, sizeof x->target) == 0;
        for (unsigned k = 0; same && k < x->remove_count; k++)
            if (tally_hash_eq(&x->removes[k], &add->leaf)) return true;
    }
    return false;
}

/* Two devices may write the very same bytes in the same millisecond: one leaf hash, one add. */
static bool tag_repeated(unsigned at) {
    for (unsigned i = 0; i < at; i++)
        if (w.facts[i].kind == TAG && tally_hash_eq(&w.facts[i].leaf, &w.facts[at].leaf))
            return true;
    return false;
}

typedef struct seen {
    tally_txn *txn;
    unsigned costs, tags;
    int64_t last_ms;
} seen;

static int see_cost(void *ctx, const tally_cost *cost) {
    seen *s = ctx;
    const fact *want = expected_cost(&cost->id);
    tally_device_id device;
    assert_non_null(want);
    assert_true(cost->time_ms >= s->last_ms);
    assert_int_equal(cost->time_ms, want->time);
    assert_int_equal(cost->usage.output, want->output);
    assert_int_equal(view_feed_device(s->txn, cost->feed, &device, NULL), 0);
    assert_memory_equal(device.b, tally_key_device(w.keys[want->device])->b, sizeof device.b);
    s->last_ms = cost->time_ms;
    s->costs++;
    return 0;
}

static int see_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                   const tally_hash *add) {
    seen *s = ctx;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (x->kind != TAG || !tally_hash_eq(&x->leaf, add)) continue;
        assert_memory_equal(x->target, target, TALLY_ENTRY_BYTES);
        assert_true(tally_span_is(tag, x->tag));
        assert_false(tag_removed(x));
        s->tags++;
        return 0;
    }
    fail_msg("a tag that nobody added");
    return 0;
}

static void assert_sessions(tally_txn *txn) {
    for (unsigned i = 0; i < w.count; i++) {
        const fact *last = NULL;
        tally_agent_session session;
        if (w.facts[i].kind != SESSION) continue;
        for (unsigned k = 0; k < w.count; k++)
            if (w.facts[k].kind == SESSION && w.facts[k].session == w.facts[i].session)
                last = later(last, &w.facts[k]);
        assert_int_equal(tally_agent_session_get(txn, last->session, &session), 0);
        assert_true(tally_span_is(session.cwd, last->cwd));
    }
}

/* Wanted: what a session is called by that nobody redacted. No blob is here. */
static void assert_wanted(tally_txn *txn) {
    tally_hash ids[BLOBS + 1];
    size_t count, expected = 0;
    assert_int_equal(tally_blob_wanted(txn, NULL, ids, BLOBS + 1, &count, NULL), 0);
    for (uint8_t blob = 1; blob <= BLOBS; blob++) {
        bool referred = false, redacted = false;
        tally_hash id = {{blob}};
        for (unsigned i = 0; i < w.count; i++) {
            referred |= w.facts[i].kind != REDACT && w.facts[i].blob == blob;
            redacted |= w.facts[i].kind == REDACT && w.facts[i].blob == blob;
        }
        assert_int_equal(tally_blob_redacted(txn, &id), redacted);
        if (!referred || redacted) continue;
        assert_true(expected < count && ids[expected].b[0] == blob);
        expected++;
    }
    assert_int_equal(count, expected);
}

static void assert_clients(tally_txn *txn) {
    for (unsigned c = 0; c < 3; c++) {
        const fact *last = NULL;
        tally_policy_row row;
        tally_span title = {0};
        char client[16];
        name(client, "c", c);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == CLIENT && strcmp(w.facts[i].client, client) == 0)
                last = later(last, &w.facts[i]);
        tally_span key = text(client);
        int rc = tally_policy_get(txn, TALLY_POLICY_CLIENT, &key, 1, &row);
        assert_int_equal(rc, last && *last->title ? 0 : TALLY_ENOTFOUND);
        if (rc == 0) assert_true(tally_body_str(&row.record, "title", &title));
        assert_true(rc != 0 || tally_span_is(title, last->title));
    }
}

static void assert_engaged(tally_txn *txn) {
    const fact *last = NULL;
    tally_engaged_policy policy;
    for (unsigned i = 0; i < w.count; i++)
        if (w.facts[i].kind == ENGAGED) last = later(last, &w.facts[i]);
    tally_engaged_policy_get(txn, &policy);
    assert_int_equal(policy.idle_ms, (last && last->idle > 0 ? last->idle : 10) * 60000);
}

typedef struct expenses_seen {
    unsigned count;
    int64_t last_day;
} expenses_seen;

static int note_expense(void *ctx, const tally_expense *expense, tally_error *err) {
    expenses_seen *met = ctx;
    (void)err;
    assert_true(expense->day >= met->last_day);
    met->last_day = expense->day;
    met->count++;
    return 0;
}

/* Of the records of one row the first one recorded counts, then that of the smaller device key. */
static void assert_expenses(tally_txn *txn) {
    static const int64_t days[] = {-1, 0, 20543}; /* 2026-03-31 */
    expenses_seen listed = {.last_day = INT64_MIN};
    unsigned expected = 0;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *first = &w.facts[i], *winner = first;
        bool met = first->kind != EXPENSE;
        for (unsigned k = 0; k < w.count && !met; k++) {
            const fact *x = &w.facts[k];
            if (x->kind != EXPENSE || memcmp(&x->entry, &first->entry, sizeof x->entry) != 0)
                continue;
            met = k < i;
            if (x->hlc < winner->hlc ||
                (x->hlc == winner->hlc && by_device(x->device, winner->device) < 0))
                winner = x;
        }
        if (met) continue;
        tally_expense got;
        expected++;
        OK(tally_expense_get(txn, &first->entry, &got));
        assert_true(tally_hash_eq(&got.leaf, &winner->leaf));
        assert_int_equal(got.amount, winner->output);
        assert_int_equal(got.day, days[winner->time]);
    }
    OK(tally_expense_each(txn, INT64_MIN, INT64_MAX, note_expense, &listed, &f->err));
    assert_int_equal(listed.count, expected);
}

static void assert_decisions(tally_txn *txn) {
    for (unsigned n = 0; n < 3; n++) {
        const fact *last = NULL;
        tally_attribution said;
        uint8_t target[TALLY_ENTRY_BYTES] = {0};
        char session[16];
        name(session, "s", n);
        uint64_t ref = tally_session_ref(text("a"), text(session));
        tally_put_be64(target, ref);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == DECISION && w.facts[i].session == ref)
                last = later(last, &w.facts[i]);
        bool decided = tally_decision_get(txn, target, &said);
        assert_int_equal(decided, last && *last->client);
        if (!decided) continue;
        bool split = strcmp(last->client, "x0") == 0;
        assert_int_equal(said.by, split ? TALLY_ATTRIBUTED_SPLIT : TALLY_ATTRIBUTED_ASSIGN);
        assert_true(tally_span_is(said.shares[0].client, split ? "x" : last->client));
        assert_true(tally_hash_eq(&said.decision, &last->leaf));
    }
}

static int see_work(void *ctx, const tally_time_entry *entry, tally_error *err) {
    seen *s = ctx;
    const fact *first = NULL, *state = NULL;
    tally_device_id device;
    (void)err;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (x->kind == WORK && tally_hash_eq(&x->leaf, &entry->leaf) &&
            (!first || by_device(x->device, first->device) < 0))
            first = x;
        if (x->kind == VOID && memcmp(x->entry.b, entry->id.b, sizeof x->entry.b) == 0)
            state = later(state, x);
    }
    assert_non_null(first);
    assert_true(!state || state->undo);
    assert_int_equal(entry->day, first->day);
    assert_int_equal(view_feed_device(s->txn, entry->feed, &device, NULL), 0);
    assert_memory_equal(device.b, tally_key_device(w.keys[first->device])->b, sizeof device.b);
    s->costs++;
    return 0;
}

static void assert_work(tally_txn *txn) {
    seen s = {.txn = txn};
    unsigned expected = 0;
    assert_int_equal(tally_time_each(txn, 0, INT64_MAX, see_work, &s, NULL), 0);
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i], *state = NULL;
        bool repeated = x->kind != WORK;
        for (unsigned k = 0; k < w.count; k++) {
            repeated |=
                k < i && w.facts[k].kind == WORK && tally_hash_eq(&w.facts[k].leaf, &x->leaf);
            if (w.facts[k].kind == VOID && memcmp(w.facts[k].entry.b, x->leaf.b, 16) == 0)
                state = later(state, &w.facts[k]);
        }
        expected += !repeated && (!state || state->undo);
    }
    assert_int_equal(s.costs, expected);
}

/* The registers as they are: no blob is here, so that no words can be read. */
static void assert_words(tally_txn *txn) {
    for (unsigned n = 0; n < 2 * TALLY_WORDS_RECORDED; n++) {
        const fact *last = NULL;
        uint8_t key[TALLY_ENTRY_BYTES + 1] = {0};
        tally_span blob;
        char session[16];
        name(session, "s", n / TALLY_WORDS_RECORDED);
        uint64_t ref = tally_session_ref(text("a"), text(session));
        tally_put_be64(key, ref);
        key[TALLY_ENTRY_BYTES] = (uint8_t)(n % TALLY_WORDS_RECORDED);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == WORDS && w.facts[i].session == ref &&
                w.facts[i].from == n % TALLY_WORDS_RECORDED)
                last = later(last, &w.facts[i]);
        int rc =
            view_register_get(txn, TABLE_VIEW_WORDS, tally_span_of(key, sizeof key), NULL, &blob);
        assert_int_equal(rc, last ? 0 : TALLY_ENOTFOUND);
        if (!last) continue;
        assert_int_equal(blob.len, last->blob > 0 ? TALLY_HASH_BYTES : 0);
        if (last->blob > 0) assert_int_equal(blob.ptr[0], last->blob);
    }
}

static void assert_as_expected(tally_txn *txn) {
    seen s = {.txn = txn, .last_ms = INT64_MIN};
    unsigned costs = 0, tags = 0;
    assert_int_equal(tally_cost_each(txn, INT64_MIN, INT64_MAX, see_cost, &s), 0);
    assert_int_equal(tally_tag_each(txn, see_tag, &s), 0);
    for (unsigned a = 0; a < 2; a++)
        for (unsigned k = 0; k < 8; k++) {
            char key[16];
            name(key, "k", k);
            tally_entry_id id = entry_of(agents[a], key);
            costs += expected_cost(&id) != NULL;
        }
    for (unsigned i = 0; i < w.count; i++)
        tags += w.facts[i].kind == TAG && !tag_removed(&w.facts[i]) && !tag_repeated(i);
    assert_int_equal(s.costs, costs);
    assert_int_equal(s.tags, tags);
    assert_sessions(txn);
    assert_work(txn);
    assert_words(txn);
    assert_wanted(txn);
    assert_clients(txn);
    assert_engaged(txn);
    assert_decisions(txn);
    assert_expenses(txn);
}

/* ---- arrivals ---- */

typedef struct arrival {
    rng r;
    tally_hash folded, rebuilt;
} arrival;

/* Costs meet what waits, and what stands in the tables; where an entry stands does not change with
 * what is written. */
static int write_some(tally_txn *txn, rng *r, tally_error *err) {
    char key[16];
    tally_cost waits = {0}, stands = {0};
    uint64_t from_waiting = 0, from_standing = 0;
    if (rng_below(r, 2) == 0) return 0;
    name(key, "k", rng_below(r, 8));
    tally_entry_id id = entry_of(agents[rng_below(r, 2)], key);
    int found = tally_cost_get(txn, &id, &waits, &from_waiting);
    int rc = view_gather_flush(txn, err);
    assert_int_equal(tally_cost_get(txn, &id, &stands, &from_standing), found);
    assert_int_equal(from_waiting, from_standing);
    assert_int_equal(waits.feed, stands.feed);
    assert_int_equal(waits.time_ms, stands.time_ms);
    assert_int_equal(waits.usage.output, stands.usage.output);
    assert_int_equal(waits.session, stands.session);
    return rc;
}

static int deliver(tally_txn *txn, rng *r, tally_error *err) {
    unsigned at[DEVICES] = {0}, left = w.count;
    uint32_t number[DEVICES] = {0, UINT32_MAX, UINT32_MAX};
    int rc = 0;
    while (rc == 0 && left > 0) {
        unsigned d = rng_below(r, DEVICES), run = 1 + rng_below(r, 30);
        if (number[d] == UINT32_MAX) rc = foreign_feed(txn, w.keys[d], &number[d], err);
        for (; rc == 0 && run > 0; run--) {
            while (at[d] < w.count && w.facts[at[d]].device != d)
                at[d]++;
            if (at[d] == w.count) break;
            const fact *next = &w.facts[at[d]++];
            rc = foreign_record(txn, number[d], w.keys[d], tally_span_of(next->bytes, next->len),
                                err);
            left--;
        }
        if (rc == 0) rc = write_some(txn, r, err);
    }
    return rc;
}

/* Folds all, looks, and ends in an error, so that the ledger stays as it was for the next order. */
static int arrive(void *ctx, tally_txn *txn, tally_error *err) {
    arrival *a = ctx;
    rng r = a->r;
    int rc = deliver(txn, &r, err);
    if (rc == 0) rc = tally_view_digest(txn, &a->folded, err);
    if (rc == 0) assert_as_expected(txn);
    if (rc == 0) rc = view_rebuild_in(txn, err);
    if (rc == 0) rc = tally_view_digest(txn, &a->rebuilt, err);
    return rc != 0 ? rc : tally_fail(err, TALLY_EREFUSED, "seen");
}

static void every_order_of_arrival_gives_the_same_views_and_so_does_a_rebuild(void **state) {
    (void)state;
    rng seeds = rng_begin("worlds", SEED);
    w.writer = f->writer;
    w.keys[0] = f->key;
    w.keys[1] = fixture_seeded_key(2);
    w.keys[2] = fixture_seeded_key(3);
    fixture_admit(f, w.keys[1], TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(f, w.keys[2], TALLY_ROLE_ADMIN, "eve", "tower");
    for (unsigned i = 0; i < WORLDS; i++) {
        tally_hash first = {{0}};
        make_world(rng_next(&seeds));
        for (unsigned order = 0; order < ORDERS; order++) {
            arrival a = {.r = {rng_next(&seeds)}};
            int rc = store_write(f->ledger, 0, arrive, &a, &f->err);
            if (rc != TALLY_EREFUSED) fail_msg("world %u order %u: %s", i, order, f->err.text);
            if (order == 0) first = a.folded;
            if (!tally_hash_eq(&a.folded, &first)) fail_msg("world %u: order %u", i, order);
            if (!tally_hash_eq(&a.folded, &a.rebuilt)) fail_msg("world %u: rebuild", i);
        }
    }
    tally_key_free(w.keys[1]);
    tally_key_free(w.keys[2]);
}

static void different_worlds_have_different_digests(void **state) {
    (void)state;
    tally_hash empty = fixture_digest(f);
    fixture_append_costs(f, 0, 1);
    tally_hash one = fixture_digest(f);
    fixture_append_costs(f, 0, 1); /* the same entry again */
    tally_hash again = fixture_digest(f);
    (void)fixture_append(f, "unknown");
    tally_hash unknown = fixture_digest(f);
    assert_false(tally_hash_eq(&empty, &one));
    assert_true(tally_hash_eq(&one, &again));
    assert_true(tally_hash_eq(&one, &unknown));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(every_order_of_arrival_gives_the_same_views_and_so_does_a_rebuild),
        LEDGER(different_worlds_have_different_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
