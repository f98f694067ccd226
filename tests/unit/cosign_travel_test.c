/* Cosignatures on their way between ledgers: what two that meet then hold, and what it costs. */
#include "cosign_fixture.h"

static void two_in_sync_hold_the_same_cosignatures(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    meet(t, &t->a, &t->b); /* a cosigns b's head, and b a's */
    assert_int_equal(cosignatures(&t->a, &t->b).count, 1);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 1);
    assert_int_equal(cosignatures(&t->b, &t->a).count, 1);
    assert_same_cosignatures(&t->a, &t->b);
    meet(t, &t->b, &t->c); /* c has never met a */
    assert_int_equal(cosignatures(&t->c, &t->b).count, 1);
    assert_same_cosignatures(&t->b, &t->c);
    assert_memory_equal(cosignatures(&t->c, &t->b).list[0].witness.b, tally_key_device(t->a.key)->b,
                        32);
}

static uint64_t sent_by(trio *t, fixture *a, fixture *b) {
    tally_session_counts counts;
    end *e = net_connect(&t->n, a, b);
    net_wait(&t->n, 1000);
    assert_alive(e);
    assert_true(tally_session_in_sync(e->session));
    tally_session_count(e->session, &counts);
    net_close(&t->n);
    return counts.bytes_out;
}

static void what_both_hold_is_not_sent_again(void **state) {
    trio *t = *state;
    int64_t time = FIXTURE_NOW_MS;
    for (uint32_t i = 0; i < 40; i++, time += 2 * HOUR_MS) {
        fixture_append_costs(&t->b, 10 * i, 1);
        copy_all(&t->b, &t->a);
        assert_int_equal(cosign_at(&t->a, time, true), 1);
    }
    t->n.now = time;
    uint64_t first = sent_by(t, &t->a, &t->b);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 40);
    assert_true(first > 40 * 200);
    assert_true(sent_by(t, &t->a, &t->b) < 1000);
    /* One that only the other lacks costs a summary and a few of its neighbours. */
    tally_cosignature c = forged(&t->a, &t->b, &t->c, 1767225600);
    assert_int_equal(take(&t->a, &c), 0);
    assert_true(sent_by(t, &t->a, &t->b) < 3000);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 41);
    assert_same_cosignatures(&t->a, &t->b);
}

/* Commits travel joined: the checkpoint that was cosigned may be passed over. */
static void the_checkpoint_comes_with_its_cosignature(void **state) {
    trio *t = *state;
    tally_checkpoint cp;
    tally_txn *txn;
    uint32_t feed;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, false), 1);
    fixture_append_costs(&t->b, 10, 4);
    meet(t, &t->b, &t->c);
    meet(t, &t->a, &t->c);
    fixture *f = &t->c;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, tally_key_device(t->b.key), &feed));
    OK(tally_checkpoint_get(txn, feed, 2, &cp, &f->err));
    tally_read_end(txn);
    assert_int_equal(cp.size, 3);
    tally_check check = {.found = NULL};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(check.findings, 0);
}

/* b's backup is restored and its last commit signed anew with other amounts. c knows the new
 * history only. That a saw the old one is proven when the two meet, and says when. */
static void a_rewritten_history_is_caught_by_a_teammates_cosignature(void **state) {
    trio *t = *state;
    fixture *f = &t->c, rewritten;
    tally_fork_state fork;
    tally_checkpoint head;
    tally_txn *txn;
    fixture_append_costs(&t->b, 0, 3);
    copy_ledger(&t->b, &rewritten, 2);
    fixture_append_costs(&t->b, 10, 2);
    meet(t, &t->a, &t->b);
    found old = cosignatures(&t->a, &t->b);
    assert_int_equal(old.count, 1);
    assert_int_equal(old.list[0].checkpoint.size, 5);
    t->n.now += 48 * HOUR_MS;
    fixture_append_costs(&rewritten, 70, 2); /* the same places, other amounts */
    meet(t, &rewritten, &t->c);
    assert_int_equal(team_stored(&t->c, tally_key_device(t->b.key)), 5);
    found fresh = cosignatures(&t->c, &t->b);
    assert_int_equal(fresh.count, 1); /* c's own, of the new history */
    assert_true(fresh.list[0].time_s >= old.list[0].time_s + 48 * 3600);
    meet(t, &t->a, &t->c);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_get(txn, tally_key_device(t->b.key), &fork, &f->err));
    assert_int_equal(fork.proof.common, 3);
    found both = {.count = 0};
    OK(tally_cosignature_each(txn, tally_key_device(t->b.key), 4, find_one, &both, &f->err));
    assert_int_equal(both.count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool of_a = memcmp(both.list[i].witness.b, tally_key_device(t->a.key)->b, 32) == 0;
        OK(tally_cosignature_history(txn, &both.list[i], &head, &f->err));
        assert_int_equal(head.size, 5);
        assert_true(tally_hash_eq(&head.root, &(of_a ? old : fresh).list[0].checkpoint.root));
    }
    tally_read_end(txn);
    assert_same_cosignatures(&t->a, &t->c);
    fixture_close(&rewritten);
}

/* The largest size there is, of a feed whose owner signs what it likes. */
static void sizes_up_to_the_largest_travel_and_settle(void **state) {
    trio *t = *state;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    uint64_t sizes[] = {INT64_MAX, INT64_MAX - 1, UINT64_C(1) << 62};
    tally_origin_format(tally_ledger_team(t->a.ledger), tally_key_device(t->b.key), origin);
    for (size_t i = 0; i < 3; i++) {
        tally_cosignature c = {.device = *tally_key_device(t->b.key),
                               .checkpoint = {.size = sizes[i], .root = {.b = {1}}},
                               .time_s = INT64_MAX};
        tally_checkpoint_sign(t->b.key, origin, &c.checkpoint);
        tally_cosignature_sign(t->c.key, origin, &c);
        assert_int_equal(take(&t->a, &c), 0);
    }
    meet(t, &t->a, &t->b);
    assert_int_equal(cosignatures(&t->b, &t->b).count, cosignatures(&t->a, &t->b).count);
    assert_same_cosignatures(&t->a, &t->b);
    assert_int_equal(counted(&t->a, FIXTURE_NOW_MS).late, 0);
}

/* Of 65 numbers of 64 bits some are the XOR of others: which, by Gaussian elimination. */
static uint64_t cancelling(const uint64_t marks[65], bool out[65]) {
    uint64_t rows[64], parts[64],
        all = 0; /* by highest bit; of which of the first 64 each is made */
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < 65; i++) {
        uint64_t row = marks[i], part = i < 64 ? UINT64_C(1) << i : 0;
        for (int bit = 63; bit >= 0 && row != 0; bit--) {
            if ((row >> bit & 1) == 0) continue;
            if (rows[bit] == 0) {
                rows[bit] = row;
                parts[bit] = part;
                break;
            }
            row ^= rows[bit];
            part ^= parts[bit];
        }
        if (row != 0) continue;
        for (size_t j = 0; j < 65; j++)
            if ((out[j] = j == i || (j < 64 && (part >> j & 1) != 0))) all ^= marks[j];
        return all;
    }
    return 1;
}

static tally_cosignature of_size(const trio *t, uint64_t size) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature c = {.device = *tally_key_device(t->b.key),
                           .checkpoint = {.size = size, .root = {.b = {1}}},
                           .time_s = 1767225600};
    tally_origin_format(tally_ledger_team(t->a.ledger), &c.device, origin);
    tally_checkpoint_sign(t->b.key, origin, &c.checkpoint);
    tally_cosignature_sign(t->c.key, origin, &c);
    return c;
}

/* Who signs many can pick some whose first bytes add up to nothing, or to a teammate's. */
static void cosignatures_chosen_to_cancel_out_hide_nothing(void **state) {
    trio *t = *state;
    tally_cosignature c;
    uint64_t marks[65];
    bool chosen[65];
    size_t count = 0;
    for (size_t i = 0; i < 65; i++) {
        c = of_size(t, 1000 + i);
        marks[i] = tally_get_be64(c.signature);
    }
    assert_int_equal(cancelling(marks, chosen), 0);
    for (size_t i = 0; i < 65; i++) {
        if (!chosen[i]) continue;
        c = of_size(t, 1000 + i);
        assert_int_equal(take(&t->a, &c), 0);
        count++;
    }
    assert_true(count > 1);
    meet(t, &t->a, &t->b);
    found there = cosignatures(&t->b, &t->b);
    assert_true(there.count >= count);
    assert_int_equal(there.count, cosignatures(&t->a, &t->b).count);
}

int main(void) {
#define TRIO(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)
    const struct CMUnitTest tests[] = {
        TRIO(two_in_sync_hold_the_same_cosignatures),
        TRIO(what_both_hold_is_not_sent_again),
        TRIO(cosignatures_chosen_to_cancel_out_hide_nothing),
        TRIO(the_checkpoint_comes_with_its_cosignature),
        TRIO(a_rewritten_history_is_caught_by_a_teammates_cosignature),
        TRIO(sizes_up_to_the_largest_travel_and_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
