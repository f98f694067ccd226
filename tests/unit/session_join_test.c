/* Sessions that begin with an invite: the short code, the person's word, and what follows. */
#include "session_rogue.h"

typedef struct party {
    fixture a, b; /* a made the team; b has an empty ledger that is to join it */
    tally_invite invite;
    net n;
    end *inviter, *joiner;
} party;

static int party_setup(void **state) {
    party *p = calloc(1, sizeof *p);
    assert_non_null(p);
    fixture_open(&p->a);
    fixture_append_costs(&p->a, 0, 50);
    team_join(&p->b, &p->a, 2);
    p->n.now = FIXTURE_NOW_MS;
    p->invite = (tally_invite){.team = *tally_ledger_team(p->a.ledger),
                               .expires_s = FIXTURE_NOW_MS / 1000 + 900};
    memcpy(p->invite.inviter, tally_key_box_public(p->a.key), sizeof p->invite.inviter);
    memset(p->invite.secret, 0x5e, sizeof p->invite.secret);
    *state = p;
    return 0;
}

static int party_teardown(void **state) {
    party *p = *state;
    net_close(&p->n);
    fixture_close(&p->a);
    fixture_close(&p->b);
    free(p);
    return 0;
}

static end *start_inviter(party *p) {
    tally_team_secret secret = {0};
    memcpy(secret.bytes, p->invite.secret, sizeof secret.bytes);
    tally_session_options options = {.kind = TALLY_SESSION_INVITE,
                                     .secrets = &secret,
                                     .secret_count = 1,
                                     .invite = &p->invite,
                                     .role = TALLY_ROLE_MEMBER,
                                     .listen_port = 7117};
    p->inviter = net_end(&p->n, &p->a);
    net_start(&p->n, p->inviter, &options);
    return p->inviter;
}

/* `line`: the invite as the joiner read it. */
static void meet(party *p, const tally_invite *line) {
    tally_team_secret secret = {0};
    memcpy(secret.bytes, line->secret, sizeof secret.bytes);
    tally_session_options options = {.kind = TALLY_SESSION_JOIN,
                                     .secrets = &secret,
                                     .secret_count = 1,
                                     .invite = line,
                                     .member = text("bob"),
                                     .name = text("desk"),
                                     .host = text("192.0.2.7")};
    (void)start_inviter(p);
    p->joiner = net_end(&p->n, &p->b);
    net_start(&p->n, p->joiner, &options);
    net_join_ends(p->inviter, p->joiner);
    net_run(&p->n);
}

static bool is_member(fixture *f, const tally_key *key, tally_team_device *out) {
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_team_device_get(txn, tally_key_device(key), out);
    tally_read_end(txn);
    return rc == 0;
}

static void a_device_joins_when_the_person_says_yes(void **state) {
    party *p = *state;
    tally_team_device device;
    meet(p, &p->invite);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 1);
    assert_int_equal(p->joiner->seen[TALLY_SESSION_CODE], 1);
    assert_string_equal(p->inviter->code, p->joiner->code);
    assert_int_equal(strlen(p->inviter->code), 7);
    assert_string_equal(p->inviter->asked, "bob/desk");
    assert_false(is_member(&p->a, p->b.key, &device));
    assert_int_equal(p->inviter->seen[TALLY_SESSION_ESTABLISHED], 0);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_run(&p->n);
    assert_alive(p->inviter);
    assert_alive(p->joiner);
    assert_true(is_member(&p->a, p->b.key, &device));
    assert_int_equal(device.role, TALLY_ROLE_MEMBER);
    assert_memory_equal(device.box_key, tally_key_box_public(p->b.key), 32);
    assert_memory_equal(p->inviter->peer.b, tally_key_device(p->b.key)->b, 32);
    assert_memory_equal(p->joiner->peer.b, tally_key_device(p->a.key)->b, 32);
    assert_same_views(&p->a, &p->b);
    assert_true(tally_session_in_sync(p->inviter->session));
    assert_true(tally_session_in_sync(p->joiner->session));
    /* A teammate from now on: its records go to a, and the secret is there for the next time. */
    fixture_append_costs(&p->b, 100, 3);
    tally_session_wake(p->joiner->session, p->n.now);
    net_run(&p->n);
    assert_int_equal(team_stored(&p->a, tally_key_device(p->b.key)), 3);
    assert_same_views(&p->a, &p->b);
    net_close(&p->n);
    end *e = net_connect(&p->n, &p->b, &p->a);
    net_run(&p->n);
    assert_int_equal(e->seen[TALLY_SESSION_IN_SYNC], 1);
}

static void a_no_is_told_and_changes_nothing(void **state) {
    party *p = *state;
    tally_team_device device;
    uint64_t before = fixture_size(&p->a);
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, false, p->n.now);
    net_run(&p->n);
    assert_int_equal(p->joiner->bye, TALLY_BYE_DECLINED);
    assert_true(p->joiner->theirs);
    assert_false(is_member(&p->a, p->b.key, &device));
    assert_int_equal(fixture_size(&p->a), before);
    assert_int_equal(team_stored(&p->b, tally_key_device(p->a.key)), 0);
}

static void nothing_of_the_team_is_told_before_the_yes(void **state) {
    party *p = *state;
    tally_session_counts counts;
    meet(p, &p->invite);
    tally_session_count(p->inviter->session, &counts);
    assert_int_equal(counts.bytes_out, 2 + 96); /* the handshake alone */
}

static void a_late_invite_is_refused(void **state) {
    party *p = *state;
    tally_invite line = p->invite;
    line.expires_s += 3600; /* whoever changes the line does not change the inviter's */
    p->n.now = p->invite.expires_s * 1000;
    meet(p, &line);
    assert_int_equal(p->inviter->bye, TALLY_BYE_EXPIRED);
    assert_int_equal(p->joiner->bye, TALLY_BYE_EXPIRED);
    assert_true(p->joiner->theirs);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 0);
}

static void a_person_who_never_answers_is_a_no(void **state) {
    party *p = *state;
    meet(p, &p->invite);
    net_wait(&p->n, TALLY_SESSION_JOIN_MS - 1000);
    assert_alive(p->inviter);
    assert_alive(p->joiner);
    net_wait(&p->n, 1000);
    assert_int_equal(p->inviter->bye, TALLY_BYE_DECLINED);
    assert_true(tally_session_ended(p->joiner->session));
}

/* The inviter's machine went to sleep, or the line is gone and nothing says so. */
static void a_joiner_does_not_wait_for_one_that_is_gone(void **state) {
    party *p = *state;
    meet(p, &p->invite);
    assert_alive(p->joiner);
    p->inviter->gone = p->joiner->gone = true;
    net_wait(&p->n, TALLY_SESSION_DEAD_MS + 1000);
    assert_int_equal(p->joiner->bye, TALLY_BYE_SILENT);
    assert_false(p->joiner->theirs);
}

static void a_joiner_talks_to_nobody_but_the_inviter(void **state) {
    party *p = *state;
    tally_invite line = p->invite;
    line.inviter[0] ^= 1;
    meet(p, &line);
    assert_int_equal(p->joiner->bye, TALLY_BYE_PROTOCOL);
    assert_int_equal(p->joiner->seen[TALLY_SESSION_CODE], 0);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 0);
}

static void another_secret_than_the_invite_s_opens_nothing(void **state) {
    party *p = *state;
    tally_invite line = p->invite;
    line.secret[0] ^= 1;
    meet(p, &line);
    assert_int_equal(p->inviter->bye, TALLY_BYE_PROTOCOL);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 0);
}

/* The driver's word: it knows that the invite was used. */
static void a_spent_invite_is_told_so(void **state) {
    party *p = *state;
    meet(p, &p->invite);
    tally_session_end(p->inviter->session, TALLY_BYE_SPENT, "used already", p->n.now);
    net_run(&p->n);
    assert_int_equal(p->joiner->bye, TALLY_BYE_SPENT);
    assert_true(p->joiner->theirs);
}

/* The connection broke between the yes and the first record. */
static void a_join_that_was_cut_off_can_be_repeated(void **state) {
    party *p = *state;
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_lose(&p->n, p->inviter);
    uint64_t size = fixture_size(&p->a);
    assert_int_equal(team_stored(&p->b, tally_key_device(p->a.key)), 0);
    net_close(&p->n);
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_run(&p->n);
    assert_alive(p->joiner);
    assert_int_equal(fixture_size(&p->a), size); /* it was added already */
    assert_same_views(&p->a, &p->b);
}

/* It does not know yet that it is in the team when it is shown that its feed is forked. */
static void a_copy_that_joins_once_more_hears_of_its_fork(void **state) {
    party *p = *state;
    fixture twin = {0}, first;
    tally_fork_state known;
    tally_txn *txn;
    fixture_append_costs(&p->b, 0, 3);
    copy_ledger(&p->b, &twin, 2);
    fixture_append_costs(&p->b, 100, 2);
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_run(&p->n);
    assert_int_equal(team_stored(&p->a, tally_key_device(p->b.key)), 5);
    net_close(&p->n);
    first = p->b;
    p->b = twin;
    fixture_append_costs(&p->b, 200, 4);
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_wait(&p->n, TALLY_SESSION_COMPARE_MS);
    assert_alive(p->joiner);
    assert_alive(p->inviter);
    for (int i = 0; i < 2; i++) {
        fixture *f = i == 0 ? &p->a : &p->b;
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        OK(tally_fork_get(txn, tally_key_device(p->b.key), &known, &f->err));
        tally_read_end(txn);
        assert_int_equal(known.proof.common, 3);
    }
    assert_true(tally_session_in_sync(p->joiner->session));
    assert_true(tally_session_in_sync(p->inviter->session));
    assert_same_views(&p->a, &p->b);
    fixture_close(&first);
}

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t next_secret[TALLY_TEAM_SECRET_BYTES] = {7, 7, 7};
    return tally_team_device_revoke(txn, ctx, next_secret, err);
}

static void a_revoked_device_cannot_join_again(void **state) {
    party *p = *state;
    fixture *f = &p->a;
    fixture_admit(&p->a, p->b.key, TALLY_ROLE_MEMBER, "bob", "desk");
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one,
                          (void *)(uintptr_t)tally_key_device(p->b.key), &f->err));
    meet(p, &p->invite);
    tally_session_decide(p->inviter->session, true, p->n.now);
    net_run(&p->n);
    assert_int_equal(p->joiner->bye, TALLY_BYE_DECLINED);
}

/* One who holds the line, with somebody else's device key. */
static void a_device_key_must_be_the_joiner_s_own(void **state) {
    party *p = *state;
    rogue r;
    uint8_t proof[10 + TALLY_HASH_BYTES] = "tally join", signature[TALLY_SIGNATURE_BYTES];
    tally_key *other = fixture_seeded_key(8);
    (void)start_inviter(p);
    assert_true(rogue_open(&r, &p->n, p->inviter, p->b.key, p->invite.secret));
    memcpy(proof + 10, r.handshake.b, TALLY_HASH_BYTES);
    tally_key_sign(p->b.key, tally_span_of(proof, sizeof proof), signature);
    assert_int_equal(tally_wire_put_join(&r.plain, tally_key_device(other), signature, text("m"),
                                         text("d"), NULL),
                     0);
    rogue_say(&r);
    assert_int_equal(p->inviter->bye, TALLY_BYE_PROTOCOL);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 0);
    rogue_close(&r);
    tally_key_free(other);
}

/* A teammate that would come in a second time, under another name: when one of the two was revoked,
 * whoever has the keys would still be in. */
static void a_box_key_that_is_in_the_team_cannot_join_again(void **state) {
    party *p = *state;
    rogue r;
    uint8_t proof[10 + TALLY_HASH_BYTES] = "tally join", signature[TALLY_SIGNATURE_BYTES];
    tally_key *other = fixture_seeded_key(8);
    fixture_admit(&p->a, p->b.key, TALLY_ROLE_MEMBER, "bob", "desk");
    uint64_t size = fixture_size(&p->a);
    (void)start_inviter(p);
    assert_true(rogue_open(&r, &p->n, p->inviter, p->b.key, p->invite.secret));
    memcpy(proof + 10, r.handshake.b, TALLY_HASH_BYTES);
    tally_key_sign(other, tally_span_of(proof, sizeof proof), signature);
    assert_int_equal(tally_wire_put_join(&r.plain, tally_key_device(other), signature, text("m"),
                                         text("d"), NULL),
                     0);
    rogue_say(&r);
    assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], 1);
    tally_session_decide(p->inviter->session, true, p->n.now);
    assert_int_equal(p->inviter->bye, TALLY_BYE_DECLINED);
    assert_int_equal(fixture_size(&p->a), size);
    rogue_close(&r);
    tally_key_free(other);
}

/* What was signed in one handshake is worth nothing in the next. */
static void a_join_cannot_be_replayed(void **state) {
    party *p = *state;
    rogue r;
    uint8_t proof[10 + TALLY_HASH_BYTES] = "tally join", signature[TALLY_SIGNATURE_BYTES];
    for (int i = 0; i < 2; i++) {
        (void)start_inviter(p);
        assert_true(rogue_open(&r, &p->n, p->inviter, p->b.key, p->invite.secret));
        if (i == 0) memcpy(proof + 10, r.handshake.b, TALLY_HASH_BYTES);
        tally_key_sign(p->b.key, tally_span_of(proof, sizeof proof), signature);
        assert_int_equal(tally_wire_put_join(&r.plain, tally_key_device(p->b.key), signature,
                                             text("m"), text("d"), NULL),
                         0);
        rogue_say(&r);
        assert_int_equal(p->inviter->seen[TALLY_SESSION_CODE], i == 0 ? 1 : 0);
        rogue_close(&r);
    }
    assert_int_equal(p->inviter->bye, TALLY_BYE_PROTOCOL);
}

static void a_joiner_that_talks_out_of_turn_is_dropped(void **state) {
    party *p = *state;
    rogue r;
    (void)start_inviter(p);
    assert_true(rogue_open(&r, &p->n, p->inviter, p->b.key, p->invite.secret));
    rogue_hello(&r, NULL, 0);
    assert_int_equal(p->inviter->bye, TALLY_BYE_PROTOCOL);
    rogue_close(&r);
}

#define T(test) cmocka_unit_test_setup_teardown(test, party_setup, party_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_device_joins_when_the_person_says_yes),
        T(a_no_is_told_and_changes_nothing),
        T(nothing_of_the_team_is_told_before_the_yes),
        T(a_late_invite_is_refused),
        T(a_person_who_never_answers_is_a_no),
        T(a_joiner_does_not_wait_for_one_that_is_gone),
        T(a_joiner_talks_to_nobody_but_the_inviter),
        T(another_secret_than_the_invite_s_opens_nothing),
        T(a_spent_invite_is_told_so),
        T(a_join_that_was_cut_off_can_be_repeated),
        T(a_copy_that_joins_once_more_hears_of_its_fork),
        T(a_revoked_device_cannot_join_again),
        T(a_device_key_must_be_the_joiner_s_own),
        T(a_box_key_that_is_in_the_team_cannot_join_again),
        T(a_join_cannot_be_replayed),
        T(a_joiner_that_talks_out_of_turn_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
