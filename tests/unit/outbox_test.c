/* The outbox: when messages are tried, who may send them, and what is known of an endpoint. Delays
 * are those of the Standard Webhooks specification's example schedule. */
#include "ledger_case.h"

#include "outbox_row.h"

#include <tally/outbox.h>

#include <sodium.h>

#define SECOND   1000LL
#define LEASE_MS (30 * SECOND)
#define NOW      FIXTURE_NOW_MS

static uint8_t sealed[32 + TALLY_HOOK_SEALED_EXTRA];

/* ---- writing ---- */

typedef struct job {
    const char *hook;
    uint8_t number; /* of a message: its id's first byte */
    uint64_t count;
} job;

static int put_hook(void *ctx, tally_txn *txn, tally_error *err) {
    const job *j = ctx;
    tally_hook hook = {.name = text(j->hook),
                       .url = text("https://example.com/in"),
                       .id = {j->number},
                       .events = TALLY_HOOK_EVERY,
                       .secret = tally_span_of(sealed, sizeof sealed)};
    return tally_hook_put(txn, &hook, err);
}

static int put_message(void *ctx, tally_txn *txn, tally_error *err) {
    const job *j = ctx;
    tally_message message = {.id = {j->number},
                             .hook = text(j->hook),
                             .type = text("ping"),
                             .payload = text("{}"),
                             .event_ms = NOW + j->number,
                             .made_ms = NOW};
    return tally_outbox_add(txn, &message, err);
}

static int revive(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_outbox_revive(txn, NOW, &((job *)ctx)->count, err);
}

static int drop_hook(void *ctx, tally_txn *txn, tally_error *err) {
    job *j = ctx;
    return tally_hook_remove(txn, text(j->hook), &j->count, err);
}

static int forget(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_outbox_forget(txn, *(int64_t *)ctx, err);
}

static void hook(const char *name, uint8_t number) {
    job j = {.hook = name, .number = number};
    OK(tally_ledger_write(f->ledger, NOW, put_hook, &j, &f->err));
}

static void message(const char *name, uint8_t number) {
    job j = {.hook = name, .number = number};
    OK(tally_ledger_write(f->ledger, NOW, put_message, &j, &f->err));
}

/* ---- sending ---- */

/* The number of the message that is taken at `now_ms`, or 0. It is left in `claim`. */
static uint8_t take_with(int64_t now_ms, bool early, tally_claim *claim) {
    tally_claim_options options = {
        .now_ms = now_ms, .lease_ms = LEASE_MS, .early = early, .started_ms = now_ms};
    int rc = tally_outbox_claim(f->ledger, &options, claim, &f->err);
    if (rc != TALLY_ENOTFOUND) OK(rc);
    return rc == 0 ? claim->message.id[0] : 0;
}

static uint8_t take(int64_t now_ms, tally_claim *claim) {
    return take_with(now_ms, false, claim);
}

static void settle(tally_claim *claim, int64_t now_ms, tally_outcome outcome) {
    OK(tally_outbox_settle(f->ledger, claim, &outcome, now_ms, &f->err));
    tally_claim_clear(claim);
}

#define FAILED    ((tally_outcome){.status = 500, .why = "no"})
#define SILENT    ((tally_outcome){.hold = true, .why = "nobody"})
#define DELIVERED ((tally_outcome){.delivered = true, .status = 200})

static int find_message(void *ctx, const tally_message *m, tally_error *err) {
    tally_message *wanted = ctx;
    (void)err;
    if (m->id[0] != wanted->id[0]) return 0;
    *wanted = *m;
    wanted->hook = wanted->type = wanted->why = (tally_span){0}; /* they end with the snapshot */
    wanted->payload.ptr = NULL;
    return 0;
}

static tally_message seen(uint8_t number) {
    tally_message m = {.id = {number}, .state = TALLY_MESSAGE_DEAD};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_outbox_each(txn, find_message, &m, &f->err));
    tally_read_end(txn);
    return m;
}

static int64_t next_due(void) {
    tally_txn *txn;
    int64_t at;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_outbox_next(txn, &at, &f->err));
    tally_read_end(txn);
    return at;
}

/* ---- tests ---- */

static void tries_follow_the_specifications_schedule_and_at_most_a_tenth_more(void **state) {
    static const int64_t delays[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    uint8_t low[TALLY_MESSAGE_ID_BYTES] = {0}, high[TALLY_MESSAGE_ID_BYTES];
    (void)state;
    memset(high, 0xff, sizeof high);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(tally_outbox_delay_ms(low, i + 1), delays[i] * SECOND);
        assert_in_range(tally_outbox_delay_ms(high, i + 1), delays[i] * 1095, delays[i] * 1100);
    }
    assert_int_equal(tally_outbox_delay_ms(high, 0), 0);
    assert_int_equal(tally_outbox_delay_ms(low, 10), -1);
}

static void a_message_that_never_arrives_is_tried_ten_times_and_then_dead(void **state) {
    tally_claim claim;
    int64_t now = NOW;
    job j = {.hook = "a"};
    (void)state;
    hook("a", 1);
    message("a", 7);
    for (uint64_t tries = 1; tries <= 10; tries++) {
        assert_int_equal(next_due(), now);
        assert_int_equal(take(now - 1, &claim), 0);
        assert_int_equal(take(now, &claim), 7);
        assert_int_equal(claim.message.tries, tries);
        settle(&claim, now, FAILED);
        now += tally_outbox_delay_ms(claim.message.id, tries);
        now = tries < 10 ? seen(7).next_ms : now;
    }
    assert_int_equal(seen(7).state, TALLY_MESSAGE_DEAD);
    assert_true(next_due() == INT64_MAX);
    assert_int_equal(take(INT64_MAX / 2, &claim), 0);
    /* 5 + 300 + 1,800 + 7,200 + 18,000 + 36,000 + 50,400 + 72,000 + 86,400 s, and up to a tenth. */
    assert_in_range(seen(7).tried_ms - NOW, 272105 * SECOND, 272105 * 1100);
    OK(tally_ledger_write(f->ledger, NOW, revive, &j, &f->err));
    assert_int_equal(j.count, 1);
    assert_int_equal(take(NOW, &claim), 7);
    assert_int_equal(claim.message.tries, 1);
    tally_claim_clear(&claim);
}

static void what_is_being_sent_is_nobody_elses_until_the_lease_ends(void **state) {
    tally_claim first, second;
    (void)state;
    hook("a", 1);
    message("a", 7);
    assert_int_equal(take(NOW, &first), 7);
    assert_int_equal(take(NOW, &second), 0);
    assert_int_equal(take_with(NOW + LEASE_MS - 1, true, &second), 0);
    assert_int_equal(next_due(), NOW + LEASE_MS);
    assert_int_equal(take(NOW + LEASE_MS, &second), 7); /* the first one was killed, it seems */
    assert_int_equal(second.message.tries, 2);
    /* It was slow: that it failed says nothing any more, that it arrived does. */
    settle(&first, NOW + LEASE_MS + 1, FAILED);
    assert_int_equal(seen(7).lease_ms, NOW + 2 * LEASE_MS);
    settle(&second, NOW + LEASE_MS + 2, DELIVERED);
    assert_int_equal(seen(7).state, TALLY_MESSAGE_DELIVERED);
    assert_int_equal(seen(7).payload.len, 0);
}

static void one_that_kills_its_senders_comes_to_an_end(void **state) {
    tally_claim claim;
    int64_t now = NOW;
    (void)state;
    hook("a", 1);
    message("a", 7);
    for (int i = 0; i < 10; i++, now += LEASE_MS) {
        assert_int_equal(take(now, &claim), 7);
        tally_claim_clear(&claim);
    }
    assert_int_equal(take(now, &claim), 0);
    assert_int_equal(seen(7).state, TALLY_MESSAGE_DEAD);
}

/* A row of the queue that says another time than its message, as on a damaged disk. */
static int misplace(void *ctx, tally_txn *txn, tally_error *err) {
    uint8_t name[8 + TALLY_MESSAGE_ID_BYTES] = {0}, value[9] = {0};
    tally_put_be64(name, *(const uint64_t *)ctx);
    name[8] = 7;
    value[8] = 'a';
    outbox_key key = outbox_key_of(OUTBOX_QUEUE, tally_span_of(name, sizeof name));
    return outbox_put(txn, &key, tally_span_of(value, sizeof value), err);
}

static void a_damaged_queue_sends_nothing_twice_and_comes_to_an_end(void **state) {
    static const uint64_t times[] = {0, 1, NOW - 1, UINT64_C(1) << 63, UINT64_MAX};
    tally_claim claim;
    (void)state;
    hook("a", 1);
    message("a", 7);
    assert_int_equal(take(NOW, &claim), 7);
    settle(&claim, NOW, DELIVERED);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        OK(tally_ledger_write(f->ledger, NOW, misplace, (void *)(uintptr_t)&times[i], &f->err));
        assert_int_equal(take(NOW, &claim), 0);
    }
    message("a", 8);
    int64_t now = NOW;
    for (int i = 0; i < 10; i++, now = seen(8).next_ms) {
        assert_int_equal(take(now, &claim), 8);
        settle(&claim, now, FAILED);
    }
    assert_int_equal(seen(8).state, TALLY_MESSAGE_DEAD);
    assert_int_equal(take(now, &claim), 0);
}

/* Tried as often as anything is, and one more row of it is left. */
static void what_was_tried_often_enough_is_dead_whatever_the_queue_says(void **state) {
    static const uint64_t long_ago = 1;
    tally_claim claim;
    (void)state;
    hook("a", 1);
    message("a", 7);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(take(NOW + i * LEASE_MS, &claim), 7);
        tally_claim_clear(&claim);
    }
    OK(tally_ledger_write(f->ledger, NOW, misplace, (void *)(uintptr_t)&long_ago, &f->err));
    assert_int_equal(take(NOW + 10 * LEASE_MS, &claim), 0);
    assert_int_equal(seen(7).state, TALLY_MESSAGE_DEAD);
    assert_true(next_due() == INT64_MAX);
}

static void an_endpoint_in_trouble_gets_one_at_a_time_and_others_go_on(void **state) {
    tally_claim claim;
    (void)state;
    hook("a", 1);
    hook("b", 2);
    message("a", 1);
    message("a", 2);
    message("b", 3);
    assert_int_equal(take(NOW, &claim), 1);
    settle(&claim, NOW, SILENT);
    assert_int_equal(take(NOW, &claim), 3);
    settle(&claim, NOW, DELIVERED);
    assert_int_equal(take(NOW, &claim), 0);
    int64_t held = next_due();
    assert_in_range(held - NOW, 5 * SECOND, 5500);
    assert_int_equal(take(held, &claim), 2);
    settle(&claim, held, DELIVERED); /* it is well again */
    assert_int_equal(take(held, &claim), 1);
    settle(&claim, held, DELIVERED);
    assert_true(next_due() == INT64_MAX);
}

/* Nothing was sent while the device's own key did not open the secret: however long that lasts, all
 * ten tries are left. */
static void what_could_not_be_signed_was_not_tried(void **state) {
    tally_claim claim;
    int64_t now = NOW;
    (void)state;
    hook("a", 1);
    message("a", 1);
    for (unsigned i = 0; i < 2 * TALLY_OUTBOX_TRIES; i++) {
        assert_int_equal(take(now, &claim), 1);
        assert_int_equal(claim.message.tries, 1);
        settle(&claim, now, ((tally_outcome){.hold = true, .untried = true, .why = "no secret"}));
        assert_int_equal(take(now, &claim), 0);
        now += TALLY_HOOK_HOLD_MAX_MS;
    }
    assert_int_equal(seen(1).tries, 0);
    assert_int_equal(take(now, &claim), 1);
    settle(&claim, now, DELIVERED);
}

/* Else thousands that wait for an endpoint in trouble are looked at once for each that goes out. */
static void a_run_goes_on_where_it_found_the_last_one(void **state) {
    tally_claim claim;
    tally_outbox_place place = {{0}};
    tally_claim_options options = {
        .now_ms = NOW, .lease_ms = LEASE_MS, .started_ms = NOW, .place = &place};
    uint8_t held[][TALLY_HOOK_ID_BYTES] = {{1}};
    (void)state;
    hook("a", 1);
    hook("b", 2);
    message("a", 1);
    message("b", 2);
    message("a", 3);
    message("b", 4);
    options.skip = (const uint8_t(*)[TALLY_HOOK_ID_BYTES])held;
    options.skip_count = 1;
    OK(tally_outbox_claim(f->ledger, &options, &claim, &f->err));
    assert_int_equal(claim.message.id[0], 2);
    settle(&claim, NOW, DELIVERED);
    options.skip_count = 0; /* what was passed over is not looked at again, */
    OK(tally_outbox_claim(f->ledger, &options, &claim, &f->err));
    assert_int_equal(claim.message.id[0], 3);
    settle(&claim, NOW, DELIVERED);
    OK(tally_outbox_claim(f->ledger, &options, &claim, &f->err));
    assert_int_equal(claim.message.id[0], 4);
    settle(&claim, NOW, DELIVERED);
    assert_int_equal(tally_outbox_claim(f->ledger, &options, &claim, &f->err), TALLY_ENOTFOUND);
    assert_int_equal(take(NOW, &claim), 1); /* but by the next run */
    settle(&claim, NOW, DELIVERED);
}

/* A clock that was a year ahead wrote down when to try again, and until when a lease and an
 * endpoint's rest hold. */
static void what_a_clock_put_off_for_a_year_goes_out_when_it_is_right_again(void **state) {
    int64_t ahead = NOW + 365 * 86400 * SECOND;
    tally_claim claim;
    (void)state;
    hook("d", 4);
    message("d", 9);
    assert_int_equal(take(NOW, &claim), 9);
    settle(&claim, NOW, FAILED); /* this one does have to wait */
    hook("a", 1);
    hook("b", 2);
    hook("c", 3);
    message("a", 1);
    message("b", 2);
    message("c", 3);
    assert_int_equal(take(ahead, &claim), 1); /* and its sender was killed */
    tally_claim_clear(&claim);
    assert_int_equal(take(ahead, &claim), 2);
    settle(&claim, ahead, SILENT);
    assert_int_equal(take(ahead, &claim), 3);
    settle(&claim, ahead, FAILED);
    uint8_t left = 1 + 2 + 3;
    for (int i = 0; i < 3; i++) {
        uint8_t number = take(NOW, &claim);
        assert_in_range(number, 1, left);
        settle(&claim, NOW, DELIVERED);
        left = (uint8_t)(left - number);
    }
    assert_int_equal(left, 0);
    assert_int_equal(take(NOW, &claim), 0);
    assert_in_range(next_due() - NOW, 5 * SECOND, 5500);
}

static void a_person_who_asks_need_not_wait_for_a_clock(void **state) {
    int64_t ahead = NOW + 365 * 86400 * SECOND;
    tally_claim claim;
    (void)state;
    hook("a", 1);
    message("a", 1);
    assert_int_equal(take(ahead, &claim), 1);
    tally_claim_clear(&claim);
    assert_int_equal(take_with(NOW, true, &claim), 1);
    settle(&claim, NOW, FAILED);
    assert_int_equal(take(NOW, &claim), 0); /* it was tried just now */
    assert_int_equal(take(NOW + 330 * SECOND, &claim), 1);
    tally_claim_clear(&claim);
}

static void what_retry_after_asks_for_holds_for_the_message_and_its_endpoint(void **state) {
    tally_claim claim;
    (void)state;
    hook("a", 1);
    message("a", 1);
    message("a", 2);
    assert_int_equal(take(NOW, &claim), 1);
    settle(&claim, NOW,
           (tally_outcome){
               .status = 503, .hold = true, .retry_after_ms = 3600 * SECOND, .why = "later"});
    assert_int_equal(next_due(), NOW + 3600 * SECOND);
    assert_int_equal(take(NOW + 3600 * SECOND - 1, &claim), 0);
    assert_int_equal(take(NOW + 3600 * SECOND, &claim), 2);
    tally_claim_clear(&claim);
}

static void an_endpoint_that_is_gone_is_left_alone(void **state) {
    tally_claim claim;
    job j = {.hook = "a"};
    (void)state;
    hook("a", 1);
    message("a", 1);
    message("a", 2);
    assert_int_equal(take(NOW, &claim), 1);
    settle(&claim, NOW, (tally_outcome){.status = 410, .gone = true, .why = "410"});
    assert_true(next_due() == INT64_MAX);
    assert_int_equal(take_with(INT64_MAX / 2, true, &claim), 0);
    OK(tally_ledger_write(f->ledger, NOW, drop_hook, &j, &f->err));
    assert_int_equal(j.count, 2);
    assert_int_equal(seen(1).made_ms, 0);
}

static void the_same_event_is_put_in_once_and_forgotten_after_forty_days(void **state) {
    tally_claim claim;
    int64_t later = NOW + TALLY_OUTBOX_KEEP_MS;
    (void)state;
    hook("a", 1);
    message("a", 1);
    message("a", 1);
    assert_int_equal(take(NOW, &claim), 1);
    settle(&claim, NOW, DELIVERED);
    message("a", 1);
    assert_int_equal(take(NOW, &claim), 0);
    OK(tally_ledger_write(f->ledger, NOW, forget, &later, &f->err));
    assert_int_equal(seen(1).made_ms, NOW);
    later++;
    OK(tally_ledger_write(f->ledger, NOW, forget, &later, &f->err));
    assert_int_equal(seen(1).made_ms, 0);
}

static void ids_follow_from_endpoint_event_and_seed_alone(void **state) {
    const tally_hook a = {.id = {1}}, b = {.id = {2}}, renamed = {.id = {1}, .name = text("x")};
    uint8_t ids[5][TALLY_MESSAGE_ID_BYTES];
    char id[TALLY_MESSAGE_ID_TEXT_BYTES];
    (void)state;
    tally_message_id(&a, TALLY_HOOK_INVOICE_ISSUED, text("leaf"), ids[0]);
    tally_message_id(&renamed, TALLY_HOOK_INVOICE_ISSUED, text("leaf"), ids[1]);
    tally_message_id(&b, TALLY_HOOK_INVOICE_ISSUED, text("leaf"), ids[2]);
    tally_message_id(&a, TALLY_HOOK_INVOICE_VOIDED, text("leaf"), ids[3]);
    tally_message_id(&a, TALLY_HOOK_INVOICE_ISSUED, text("leag"), ids[4]);
    assert_memory_equal(ids[0], ids[1], sizeof ids[0]);
    for (int i = 2; i < 5; i++)
        assert_memory_not_equal(ids[0], ids[i], sizeof ids[0]);
    tally_message_id_text((uint8_t[TALLY_MESSAGE_ID_BYTES]){0xab, 1}, id);
    assert_string_equal(id, "msg_ab010000000000000000000000000000");
}

static void a_secret_opens_under_the_key_it_was_sealed_to_and_no_other(void **state) {
    tally_key *other = fixture_seeded_key(2);
    uint8_t secret[32], out[TALLY_HOOK_SECRET_MAX_BYTES];
    tally_error err = {0};
    size_t len;
    (void)state;
    memset(secret, 'k', sizeof secret);
    OK(tally_hook_seal(f->key, tally_span_of(secret, sizeof secret), sealed, &f->err));
    OK(tally_hook_open(f->key, tally_span_of(sealed, sizeof sealed), out, &len, &f->err));
    assert_int_equal(len, sizeof secret);
    assert_memory_equal(out, secret, len);
    assert_int_equal(tally_hook_open(other, tally_span_of(sealed, sizeof sealed), out, &len, &err),
                     TALLY_EFORMAT);
    assert_int_equal(tally_hook_open(f->key, tally_span_of(sealed, 50), out, &len, &err),
                     TALLY_EFORMAT);
    assert_int_equal(tally_hook_seal(f->key, tally_span_of(secret, 23), sealed, &err),
                     TALLY_EINVAL);
    tally_key_free(other);
}

static void there_are_sixty_four_endpoints_and_no_more(void **state) {
    char name[16];
    (void)state;
    for (unsigned i = 0; i < TALLY_HOOK_MAX; i++) {
        (void)snprintf(name, sizeof name, "hook-%u", i);
        hook(name, (uint8_t)i);
    }
    job one_more = {.hook = "another"};
    assert_int_equal(tally_ledger_write(f->ledger, NOW, put_hook, &one_more, &f->err),
                     TALLY_ELIMIT);
    hook("hook-1", 1); /* one that is there may change */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_follow_the_specifications_schedule_and_at_most_a_tenth_more),
        LEDGER(a_message_that_never_arrives_is_tried_ten_times_and_then_dead),
        LEDGER(what_is_being_sent_is_nobody_elses_until_the_lease_ends),
        LEDGER(one_that_kills_its_senders_comes_to_an_end),
        LEDGER(a_damaged_queue_sends_nothing_twice_and_comes_to_an_end),
        LEDGER(what_was_tried_often_enough_is_dead_whatever_the_queue_says),
        LEDGER(an_endpoint_in_trouble_gets_one_at_a_time_and_others_go_on),
        LEDGER(what_could_not_be_signed_was_not_tried),
        LEDGER(a_run_goes_on_where_it_found_the_last_one),
        LEDGER(what_a_clock_put_off_for_a_year_goes_out_when_it_is_right_again),
        LEDGER(a_person_who_asks_need_not_wait_for_a_clock),
        LEDGER(what_retry_after_asks_for_holds_for_the_message_and_its_endpoint),
        LEDGER(an_endpoint_that_is_gone_is_left_alone),
        LEDGER(the_same_event_is_put_in_once_and_forgotten_after_forty_days),
        cmocka_unit_test(ids_follow_from_endpoint_event_and_seed_alone),
        LEDGER(a_secret_opens_under_the_key_it_was_sealed_to_and_no_other),
        LEDGER(there_are_sixty_four_endpoints_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
