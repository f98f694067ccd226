/* Sessions between teammates: what is sent, taken, told and remembered. */
#include "session_rogue.h"

static uint64_t bytes_out(const end *e) {
    tally_session_counts counts;
    tally_session_count(e->session, &counts);
    return counts.bytes_out;
}

static uint64_t records_out(const end *e) {
    tally_session_counts counts;
    tally_session_count(e->session, &counts);
    return counts.records_out;
}

static uint64_t own_records(fixture *at, const fixture *of) {
    return team_stored(at, tally_key_device(of->key));
}

static void both_ways_at_once(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 40);
    fixture_append_costs(&t->b, 100, 30);
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    assert_alive(e);
    assert_alive(e->other);
    assert_int_equal(own_records(&t->a, &t->b), 30);
    assert_int_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    assert_same_views(&t->a, &t->b);
    assert_int_equal(e->took, 30);
    assert_int_equal(e->other->took, 40);
    assert_int_equal(e->seen[TALLY_SESSION_ESTABLISHED], 1);
    /* Once more when the other's cosignature has come. */
    assert_in_range(e->seen[TALLY_SESSION_IN_SYNC], 1, 2);
    assert_in_range(e->other->seen[TALLY_SESSION_IN_SYNC], 1, 2);
    assert_true(tally_session_in_sync(e->session));
    assert_memory_equal(e->peer.b, tally_key_device(t->b.key)->b, 32);
    assert_memory_equal(e->other->peer.b, tally_key_device(t->a.key)->b, 32);
}

static void any_node_carries_any_feed(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 10);
    fixture_append_costs(&t->b, 100, 20);
    (void)net_connect(&t->n, &t->a, &t->c);
    net_run(&t->n);
    net_close(&t->n);
    (void)net_connect(&t->n, &t->c, &t->b); /* a is offline */
    net_run(&t->n);
    net_close(&t->n);
    (void)net_connect(&t->n, &t->c, &t->a); /* and now b is */
    net_run(&t->n);
    assert_int_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    assert_int_equal(own_records(&t->a, &t->b), 20);
    assert_same_views(&t->a, &t->b);
    assert_same_views(&t->a, &t->c);
}

/* The one that made the team, then admins in the order in which they were met, then members. */
static void admissions_travel_before_what_they_admit(void **state) {
    trio *t = *state;
    fixture admins[3], member;
    const fixture *expected[5] = {&t->a, &admins[0], &admins[1], &admins[2], &member};
    rogue r;
    team_join(&member, &t->a, 9);
    for (uint8_t i = 0; i < 3; i++) {
        team_add(&t->a, &admins[i], (uint8_t)(4 + i), TALLY_ROLE_ADMIN);
        for (uint8_t j = 0; j < i; j++)
            copy_all(&admins[j], &admins[i]);
        fixture_append_costs(&admins[i], 100u * i, 3);
    }
    fixture_admit(&admins[2], member.key, TALLY_ROLE_MEMBER, "eve", "phone");
    copy_all(&t->a, &t->c);
    for (uint8_t i = 0; i < 3; i++)
        copy_all(&admins[i], &t->c);
    copy_all(&t->c, &member);
    fixture_append_costs(&member, 500, 3);
    copy_all(&member, &t->c);
    (void)rogue_call(&r, &t->n, &t->c, t->b.key);
    rogue_hello(&r, NULL, 0);
    rogue_listen(&r);
    assert_int_equal(r.order_count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_memory_equal(r.order[i].b, tally_key_device(expected[i]->key)->b, 32);
    rogue_close(&r);
    for (uint32_t i = 0; i < 3; i++)
        fixture_close(&admins[i]);
    fixture_close(&member);
}

static void missing_records_are_asked_for_once(void **state) {
    trio *t = *state;
    rogue r;
    fixture_append_costs(&t->b, 0, 5);
    fixture_append_costs(&t->b, 5, 5);
    fixture_append_costs(&t->b, 10, 5);
    end *victim = rogue_call(&r, &t->n, &t->a, t->b.key);
    rogue_hello(&r, NULL, 0);
    rogue_commit(&r, &t->b, tally_key_device(t->b.key), 5);
    rogue_listen(&r);
    assert_int_equal(r.heard[TALLY_WIRE_HELLO], 2);
    rogue_commit(&r, &t->b, tally_key_device(t->b.key), 10); /* was on its way */
    rogue_listen(&r);
    assert_int_equal(r.heard[TALLY_WIRE_HELLO], 2);
    for (uint64_t from = 0; from < 15; from += 5)
        rogue_commit(&r, &t->b, tally_key_device(t->b.key), from);
    rogue_listen(&r);
    assert_alive(victim);
    assert_int_equal(own_records(&t->a, &t->b), 15);
    rogue_close(&r);
}

static void a_new_record_is_pushed_at_once(void **state) {
    trio *t = *state;
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    fixture_append_costs(&t->a, 0, 1);
    tally_session_wake(e->session, t->n.now);
    assert_true(tally_session_output(e->session).len > 0); /* without any waiting */
    assert_false(tally_session_in_sync(e->session));
    net_run(&t->n);
    assert_int_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    assert_same_views(&t->a, &t->b);
    assert_int_equal(e->seen[TALLY_SESSION_IN_SYNC], 2);
    assert_int_equal(e->other->seen[TALLY_SESSION_IN_SYNC], 2);
}

static void news_of_others_are_relayed_after_a_while(void **state) {
    trio *t = *state;
    end *a_to_c = net_connect(&t->n, &t->a, &t->c), *c_to_b = net_connect(&t->n, &t->c, &t->b);
    net_run(&t->n);
    fixture_append_costs(&t->a, 0, 5);
    tally_session_wake(a_to_c->session, t->n.now);
    net_run(&t->n);
    assert_int_equal(own_records(&t->c, &t->a), fixture_size(&t->a));
    assert_int_not_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    net_wait(&t->n, TALLY_SESSION_RELAY_MS - 1);
    assert_int_equal(records_out(c_to_b), 0);
    net_wait(&t->n, 1);
    assert_int_equal(records_out(c_to_b), 5);
    assert_same_views(&t->a, &t->b);
    assert_true(tally_session_in_sync(c_to_b->session));
}

static void what_the_peer_has_by_then_is_not_relayed(void **state) {
    trio *t = *state;
    end *a_to_c = net_connect(&t->n, &t->a, &t->c), *c_to_b = net_connect(&t->n, &t->c, &t->b);
    end *a_to_b = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    fixture_append_costs(&t->a, 0, 5);
    tally_session_wake(a_to_c->session, t->n.now);
    tally_session_wake(a_to_b->session, t->n.now);
    net_wait(&t->n, 10 * TALLY_SESSION_RELAY_MS);
    assert_same_views(&t->a, &t->b);
    assert_same_views(&t->a, &t->c);
    assert_int_equal(records_out(c_to_b), 0);
    assert_int_equal(records_out(c_to_b->other), 0);
    assert_true(tally_session_in_sync(c_to_b->session));
    assert_true(tally_session_in_sync(c_to_b->other->session));
}

static void a_connection_with_nothing_new_costs_less_than_2_kB(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 300);
    fixture_append_costs(&t->b, 1000, 300);
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    net_close(&t->n);
    e = net_connect(&t->n, &t->b, &t->a);
    net_run(&t->n);
    assert_true(tally_session_in_sync(e->session) && tally_session_in_sync(e->other->session));
    tally_session_end(e->session, TALLY_BYE_DONE, "", t->n.now);
    net_run(&t->n);
    uint64_t bytes = bytes_out(e) + bytes_out(e->other);
    printf("nothing new: %llu bytes\n", (unsigned long long)bytes);
    assert_true(bytes < 2000);
    assert_int_equal(records_out(e) + records_out(e->other), 0);
}

/* Each commit has a signature of 64 bytes and a root of 32: joined, one of each goes out. */
static void small_commits_travel_together(void **state) {
    trio *t = *state;
    for (uint32_t i = 0; i < 400; i++)
        fixture_append_costs(&t->a, i, 1);
    end *e = net_connect(&t->n, &t->a, &t->b);
    net_run(&t->n);
    assert_same_views(&t->a, &t->b);
    assert_int_equal(records_out(e), 400);
    assert_true(bytes_out(e) < 400 * 96);
}

/* Cuts the connection after every 997 bytes: each time less is left. */
static void a_cut_transfer_resumes(void **state) {
    trio *t = *state;
    uint64_t last = 0, wanted;
    uint32_t connections = 0;
    for (uint32_t i = 0; i < 60; i++)
        fixture_append_costs(&t->a, 100 * i, 100);
    wanted = fixture_size(&t->a);
    for (uint64_t cut = 997; last < wanted; cut += 997) {
        assert_true(++connections < 200);
        end *e = net_connect(&t->n, &t->a, &t->b);
        e->cut = cut;
        net_run(&t->n);
        uint64_t stored = own_records(&t->b, &t->a);
        assert_true(stored >= last);
        last = stored;
        net_close(&t->n);
    }
    assert_same_views(&t->a, &t->b);
    fixture_verify_clean(&t->b);
}

/* The same commits cut at every 997th byte of one and the same stream. */
static void wherever_it_is_cut_nothing_is_half_taken(void **state) {
    trio *t = *state;
    uint64_t whole;
    for (uint32_t i = 0; i < 4; i++)
        fixture_append_costs(&t->a, 1000 * i, 1000);
    for (uint64_t cut = 997, end_at = UINT64_MAX; cut < end_at; cut += 997) {
        fixture b;
        team_join(&b, &t->a, 2);
        copy_all(&t->c, &b); /* as far as the admissions */
        uint64_t before = own_records(&b, &t->a);
        end *e = net_connect(&t->n, &t->a, &b);
        e->cut = cut;
        net_run(&t->n);
        whole = own_records(&b, &t->a) - before;
        assert_true(whole % 1000 == 0); /* commits, never parts of one */
        if (tally_session_ended(e->session))
            assert_true(whole <= 4000);
        else
            end_at = 0;
        net_close(&t->n);
        fixture_verify_clean(&b);
        fixture_close(&b);
    }
    assert_int_equal(whole, 4000);
}

static void pieces_of_any_size_make_no_difference(void **state) {
    trio *t = *state;
    const size_t pieces[] = {1, 7, 100, 65537};
    fixture_append_costs(&t->a, 0, 200);
    for (uint32_t i = 0; i < 4; i++) {
        fixture_append_costs(&t->b, 1000 * (i + 1), 50);
        end *e = net_connect(&t->n, &t->a, &t->b);
        e->chunk = e->other->chunk = pieces[i];
        net_run(&t->n);
        assert_true(tally_session_in_sync(e->session));
        assert_same_views(&t->a, &t->b);
        net_close(&t->n);
    }
}

/* ---- what is remembered ---- */

typedef struct remembered {
    uint32_t count;
    tally_device_id device;
    char address[64];
    int64_t seen_ms, clock_off_ms;
    uint64_t own; /* records of the remembering device that it had */
    tally_device_id self;
} remembered;

static int note_peer(void *ctx, const tally_peer *peer, tally_error *err) {
    remembered *r = ctx;
    (void)err;
    r->count++;
    r->device = peer->device;
    r->seen_ms = peer->seen_ms;
    r->clock_off_ms = peer->clock_off_ms;
    (void)snprintf(r->address, sizeof r->address, "%.*s", (int)peer->address.len,
                   (const char *)peer->address.ptr);
    for (size_t i = 0; i < peer->head_count; i++)
        if (memcmp(peer->heads[i].device.b, r->self.b, sizeof r->self.b) == 0)
            r->own = peer->heads[i].size;
    return 0;
}

static remembered peers_of(fixture *f) {
    remembered r = {.self = *tally_key_device(f->key)};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_peer_each(txn, note_peer, &r, &f->err));
    tally_read_end(txn);
    return r;
}

static void peers_are_remembered(void **state) {
    trio *t = *state;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_session_options caller = {.kind = TALLY_SESSION_TEAM,
                                    .initiator = true,
                                    .secrets = secrets,
                                    .secret_count = secrets_of(&t->a, secrets),
                                    .listen_port = 7117,
                                    .address = text("b.example:7000")};
    tally_session_options called = caller;
    called.initiator = false;
    called.listen_port = 0;
    called.address = text("");
    called.host = text("2001:db8::1");
    fixture_append_costs(&t->a, 0, 10);
    end *a = net_end(&t->n, &t->a), *b = net_end(&t->n, &t->b);
    net_start(&t->n, a, &caller);
    net_start(&t->n, b, &called);
    net_join_ends(a, b);
    net_run(&t->n);
    remembered at_a = peers_of(&t->a), at_b = peers_of(&t->b);
    assert_int_equal(at_a.count, 1);
    assert_memory_equal(at_a.device.b, tally_key_device(t->b.key)->b, 32);
    assert_string_equal(at_a.address, "b.example:7000");
    assert_string_equal(at_b.address, "[2001:db8::1]:7117");
    assert_int_equal(at_a.seen_ms, FIXTURE_NOW_MS);
    assert_int_equal(at_a.clock_off_ms, 0);
    assert_int_equal(at_b.clock_off_ms, 0);
    net_lose(&t->n, a);
    assert_int_equal(peers_of(&t->a).own, fixture_size(&t->a)); /* b had said that it has them */
}

static void what_came_whole_is_written_when_the_connection_is_lost(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 10);
    end *e = net_connect(&t->n, &t->a, &t->b);
    for (uint32_t i = 0; i < 8; i++) { /* no flush */
        (void)net_step(&t->n, e);
        (void)net_step(&t->n, e->other);
    }
    assert_int_not_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    tally_session_lost(e->other->session, "gone", t->n.now);
    assert_int_equal(own_records(&t->b, &t->a), fixture_size(&t->a));
    assert_int_equal(e->other->took, 10);
    assert_string_equal(e->other->why, "gone");
    assert_int_equal(e->other->bye, TALLY_BYE_SILENT);
}

static int note_span(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    uint64_t *count = ctx;
    (void)index, (void)record, (void)err;
    ++*count;
    return 0;
}

static void commits_are_joined_up_to_the_limits_of_one(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    const uint64_t first = fixture_size(f);
    tally_txn *txn;
    tally_checkpoint cp;
    uint64_t count = 0;
    fixture_append_costs(f, 0, 4000);
    fixture_append_costs(f, 4000, 96);
    fixture_append_costs(f, 5000, 1);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_commit_span(txn, 0, first, &cp, note_span, &count, &f->err));
    assert_int_equal(cp.size, first + TALLY_COMMIT_MAX_RECORDS);
    assert_int_equal(count, TALLY_COMMIT_MAX_RECORDS);
    count = 0;
    OK(tally_commit_span(txn, 0, first + 1, &cp, note_span, &count, &f->err));
    assert_int_equal(count, TALLY_COMMIT_MAX_RECORDS); /* up to the last */
    assert_int_equal(tally_commit_span(txn, 0, first + 4097, &cp, note_span, &count, &f->err),
                     TALLY_ENOTFOUND);
    tally_read_end(txn);
}

#define T(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(both_ways_at_once),
        T(any_node_carries_any_feed),
        T(admissions_travel_before_what_they_admit),
        T(missing_records_are_asked_for_once),
        T(a_new_record_is_pushed_at_once),
        T(news_of_others_are_relayed_after_a_while),
        T(what_the_peer_has_by_then_is_not_relayed),
        T(a_connection_with_nothing_new_costs_less_than_2_kB),
        T(small_commits_travel_together),
        T(a_cut_transfer_resumes),
        T(wherever_it_is_cut_nothing_is_half_taken),
        T(pieces_of_any_size_make_no_difference),
        T(peers_are_remembered),
        T(what_came_whole_is_written_when_the_connection_is_lost),
        T(commits_are_joined_up_to_the_limits_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
