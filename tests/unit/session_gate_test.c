/* Sessions against those who should not get in: refused with a code before anything is told. Those
 * who are in and break the rules are in session_guard_test.c. */
#include "session_rogue.h"

/* `by` calls `to` with the secret given. */
static end *call_with(pair *p, fixture *by, fixture *to, const uint8_t *secret) {
    tally_team_secret own[TALLY_TEAM_MAX_SECRETS], one = {0};
    end *ends[2] = {net_end(&p->n, by), net_end(&p->n, to)};
    tally_session_options caller = {
        .kind = TALLY_SESSION_TEAM, .initiator = true, .secrets = &one, .secret_count = 1};
    tally_session_options called_one = {.kind = TALLY_SESSION_TEAM, .secrets = own};
    memcpy(one.bytes, secret, sizeof one.bytes);
    called_one.secret_count = secrets_of(to, own);
    net_start(&p->n, ends[0], &caller);
    net_start(&p->n, ends[1], &called_one);
    net_join_ends(ends[0], ends[1]);
    net_run(&p->n);
    return ends[0];
}

static void another_secret_gets_no_answer(void **state) {
    pair *p = *state;
    uint8_t wrong[TALLY_TEAM_SECRET_BYTES] = {1};
    end *e = call_with(p, &p->b, &p->a, wrong);
    assert_true(tally_session_ended(e->other->session));
    assert_int_equal(e->other->bye, TALLY_BYE_PROTOCOL);
    tally_session_counts counts;
    tally_session_count(e->other->session, &counts);
    assert_int_equal(counts.bytes_out, 0);
    assert_false(tally_session_ended(e->session)); /* it cannot tell silence from a slow line: */
    net_wait(&p->n, TALLY_SESSION_HANDSHAKE_MS);
    assert_int_equal(e->bye, TALLY_BYE_SILENT);
}

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t next_secret[TALLY_TEAM_SECRET_BYTES] = {7, 7, 7};
    return tally_team_device_revoke(txn, ctx, next_secret, err);
}

static void revoke_key(fixture *f, const tally_key *key) {
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one,
                          (void *)(uintptr_t)tally_key_device(key), &f->err));
}

static void the_secret_before_the_last_still_opens(void **state) {
    pair *p = *state;
    fixture c;
    team_add(&p->a, &c, 3, TALLY_ROLE_MEMBER);
    revoke_key(&p->a, c.key); /* a new epoch, which b has not heard of */
    end *e = net_connect(&p->n, &p->b, &p->a);
    net_run(&p->n);
    assert_alive(e);
    assert_int_equal(e->seen[TALLY_SESSION_IN_SYNC], 1);
    assert_same_views(&p->a, &p->b);
    fixture_close(&c);
}

static void a_device_that_nobody_has_added_is_turned_away(void **state) {
    pair *p = *state;
    tally_key *stranger = fixture_seeded_key(9);
    end *victim = rogue_call(&p->r, &p->n, &p->a, stranger);
    assert_dropped(p, victim, TALLY_BYE_UNKNOWN);
    assert_int_equal(p->r.heard[TALLY_WIRE_HELLO], 0); /* and learns nothing */
    tally_key_free(stranger);
}

static void a_revoked_device_is_turned_away(void **state) {
    pair *p = *state;
    revoke_key(&p->a, p->b.key);
    end *e = net_connect(&p->n, &p->b, &p->a);
    net_run(&p->n);
    assert_int_equal(e->bye, TALLY_BYE_REVOKED);
    assert_true(e->theirs);
    assert_int_equal(e->other->bye, TALLY_BYE_REVOKED);
}

static void a_device_that_is_revoked_while_connected_is_let_go(void **state) {
    pair *p = *state;
    end *e = net_connect(&p->n, &p->b, &p->a);
    net_run(&p->n);
    assert_alive(e);
    revoke_key(&p->a, p->b.key);
    tally_session_wake(e->other->session, p->n.now);
    net_run(&p->n);
    assert_int_equal(e->other->bye, TALLY_BYE_REVOKED);
    assert_true(e->theirs);
}

/* What it said goes on to others all the same. */
static void a_device_that_has_revoked_itself_is_let_go_and_others_hear_of_it(void **state) {
    pair *p = *state;
    uint64_t size = fixture_size(&p->b);
    revoke_key(&p->b, p->b.key);
    end *e = net_connect(&p->n, &p->b, &p->a);
    net_run(&p->n);
    assert_int_equal(e->other->bye, TALLY_BYE_REVOKED);
    assert_false(e->other->theirs);
    assert_int_equal(team_stored(&p->a, tally_key_device(p->b.key)), size + 1);
    assert_int_equal(e->other->seen[TALLY_SESSION_TOOK], 1);
    assert_int_equal(e->other->took, 1);
}

static void a_device_does_not_talk_to_itself(void **state) {
    pair *p = *state;
    end *e = net_connect(&p->n, &p->a, &p->a);
    net_run(&p->n);
    assert_int_equal(e->bye, TALLY_BYE_ITSELF);
    assert_int_equal(e->other->bye, TALLY_BYE_ITSELF);
}

static void a_replayed_first_packet_leads_nowhere(void **state) {
    pair *p = *state;
    end *e = net_connect(&p->n, &p->b, &p->a);
    uint8_t first[128];
    tally_span out = tally_session_output(e->session);
    assert_int_equal(out.len, 2 + 48); /* e, and the tag of an empty payload */
    memcpy(first, out.ptr, out.len);
    net_run(&p->n);
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_session_options options = {.kind = TALLY_SESSION_TEAM, .secrets = secrets};
    options.secret_count = secrets_of(&p->a, secrets);
    end *victim = net_end(&p->n, &p->a);
    net_start(&p->n, victim, &options);
    tally_session_receive(victim->session, tally_span_of(first, 50), p->n.now);
    assert_int_equal(tally_session_output(victim->session).len, 2 + 96);
    /* The same again as the third packet, for want of anything better. */
    tally_session_receive(victim->session, tally_span_of(first, 50), p->n.now);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    assert_int_equal(victim->seen[TALLY_SESSION_ESTABLISHED], 0);
}

static void a_handshake_that_stalls_ends(void **state) {
    pair *p = *state;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_session_options options = {.kind = TALLY_SESSION_TEAM, .secrets = secrets};
    options.secret_count = secrets_of(&p->a, secrets);
    end *victim = net_end(&p->n, &p->a);
    net_start(&p->n, victim, &options);
    tally_session_receive(victim->session, text("\0"), p->n.now);
    assert_int_equal(tally_session_deadline(victim->session),
                     p->n.now + TALLY_SESSION_HANDSHAKE_MS);
    net_wait(&p->n, TALLY_SESSION_HANDSHAKE_MS);
    assert_int_equal(victim->bye, TALLY_BYE_SILENT);
    assert_int_equal(tally_session_output(victim->session).len, 0);
}

static void a_long_first_packet_is_refused_by_its_length(void **state) {
    pair *p = *state;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_session_options options = {.kind = TALLY_SESSION_TEAM, .secrets = secrets};
    const uint8_t header[2] = {0, TALLY_SESSION_HANDSHAKE_PACKET_MAX_BYTES + 1};
    options.secret_count = secrets_of(&p->a, secrets);
    end *victim = net_end(&p->n, &p->a);
    net_start(&p->n, victim, &options);
    tally_session_receive(victim->session, tally_span_of(header, 2), p->n.now);
    assert_int_equal(victim->bye, TALLY_BYE_LIMIT);
}

#define T(test) cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(another_secret_gets_no_answer),
        T(the_secret_before_the_last_still_opens),
        T(a_device_that_nobody_has_added_is_turned_away),
        T(a_revoked_device_is_turned_away),
        T(a_device_that_is_revoked_while_connected_is_let_go),
        T(a_device_that_has_revoked_itself_is_let_go_and_others_hear_of_it),
        T(a_device_does_not_talk_to_itself),
        T(a_replayed_first_packet_leads_nowhere),
        T(a_handshake_that_stalls_ends),
        T(a_long_first_packet_is_refused_by_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
