/* Sessions against those who are in and break the rules: refused with a code, and what they sent is
 * not kept. Who gets in is in session_gate_test.c. */
#include "session_rogue.h"

#include <zstd.h>

/* ---- who is in, and breaks the rules ---- */

static void nothing_but_a_hello_comes_first(void **state) {
    pair *p = *state;
    end *victim = rogue_call(&p->r, &p->n, &p->a, p->b.key);
    assert_int_equal(tally_wire_put_credit(&p->r.plain, 5, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
}

static void a_hello_of_another_version_is_told_so(void **state) {
    pair *p = *state;
    end *victim = rogue_call(&p->r, &p->n, &p->a, p->b.key);
    /* ["hello", 2] */
    rogue_say_bytes(&p->r, tally_span_of("\0\0\0\x08\x92\xa5hello\x02", 12));
    assert_dropped(p, victim, TALLY_BYE_VERSION);
}

static void a_first_message_above_its_limit_is_refused_by_its_length(void **state) {
    pair *p = *state;
    uint8_t header[4];
    tally_put_be32(header, TALLY_SESSION_FIRST_MESSAGE_MAX_BYTES + 1);
    end *victim = rogue_call(&p->r, &p->n, &p->a, p->b.key);
    rogue_say_bytes(&p->r, tally_span_of(header, 4));
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void a_length_of_4_GB_is_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    rogue_say_bytes(&p->r, tally_span_of("\xff\xff\xff\xff", 4));
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void an_unknown_message_is_passed_over(void **state) {
    pair *p = *state;
    end *victim = called(p);
    /* ["later", 1] */
    rogue_say_bytes(&p->r, tally_span_of("\0\0\0\x08\x92\xa5later\x01", 12));
    assert_alive(victim);
}

static void garbage_at_any_message_boundary_is_refused(void **state) {
    pair *p = *state;
    for (uint32_t before = 0; before < 6; before++) {
        end *victim = called(p);
        for (uint32_t i = 0; i < before; i++)
            assert_int_equal(tally_wire_put_ping(&p->r.plain, NULL), 0);
        rogue_say(&p->r);
        assert_alive(victim);
        rogue_say_bytes(&p->r, tally_span_of("\0\0\0\x05garba", 9));
        assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
        rogue_close(&p->r);
        net_close(&p->n);
    }
    (void)called(p);
}

static void a_flipped_bit_on_the_way_ends_it(void **state) {
    pair *p = *state;
    uint8_t packet[64] = {0};
    end *victim = called(p);
    rogue_raw(&p->r, tally_span_of(packet, sizeof packet));
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
}

static void credit_beyond_all_numbers_is_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    assert_int_equal(tally_wire_put_credit(&p->r.plain, INT64_MAX, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

/* One cost record of b's, signed or not. */
typedef struct forgery {
    uint8_t record[256];
    tally_wire_commits commits;
    tally_buffer raw;
    tally_wire_packer *packer;
} forgery;

static void forge(pair *p, forgery *g, const tally_key *signer) {
    fixture *f = &p->b;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_span record;
    tally_range range;
    tally_hash leaf;
    cost_body cost = {.agent = "x", .key = "k", .session = "s", .model = "m", .time = 1};
    put_cost(f->writer, &cost);
    OK(tally_writer_encode(f->writer, "cost", tally_hlc_next(0, FIXTURE_NOW_MS), &record, &f->err));
    tally_leaf_hash(record, &leaf);
    tally_range_init(&range);
    tally_range_append(&range, &leaf, NULL, NULL);
    *g = (forgery){.commits = {.device = *tally_key_device(p->b.key), .count = 1}};
    g->commits.checkpoint.size = 1;
    tally_range_root(&range, &g->commits.checkpoint.root);
    tally_origin_format(tally_ledger_team(p->a.ledger), &g->commits.device, origin);
    tally_checkpoint_sign(signer, origin, &g->commits.checkpoint);
    tally_buffer_init(&g->raw, TALLY_WIRE_RAW_MAX_BYTES);
    OK(tally_wire_add_record(&g->raw, record, &f->err));
    OK(tally_wire_packer_new(&g->packer, &f->err));
    OK(tally_wire_pack(g->packer, tally_buffer_span(&g->raw), &g->commits.packed, &f->err));
    g->commits.raw_len = (uint32_t)g->raw.len;
}

static void forgery_clear(forgery *g) {
    tally_buffer_clear(&g->raw);
    tally_wire_packer_free(g->packer);
}

static void a_signature_by_somebody_else_is_refused(void **state) {
    pair *p = *state;
    forgery g;
    end *victim = called(p);
    forge(p, &g, p->a.key);
    assert_int_equal(tally_wire_put_commits(&p->r.plain, &g.commits, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
    assert_int_equal(team_stored(&p->a, tally_key_device(p->b.key)), 0);
    forgery_clear(&g);
}

static void what_came_whole_before_the_garbage_is_kept(void **state) {
    pair *p = *state;
    forgery g;
    end *victim = called(p);
    forge(p, &g, p->b.key);
    assert_int_equal(tally_wire_put_commits(&p->r.plain, &g.commits, NULL), 0);
    rogue_say(&p->r);
    rogue_say_bytes(&p->r, tally_span_of("\0\0\0\x01x", 5));
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
    assert_int_equal(team_stored(&p->a, tally_key_device(p->b.key)), 1);
    assert_int_equal(victim->took, 1);
    forgery_clear(&g);
}

static void records_of_a_stranger_are_passed_over(void **state) {
    pair *p = *state;
    forgery g;
    tally_key *stranger = fixture_seeded_key(9);
    end *victim = called(p);
    forge(p, &g, stranger);
    g.commits.device = *tally_key_device(stranger);
    assert_int_equal(tally_wire_put_commits(&p->r.plain, &g.commits, NULL), 0);
    assert_int_equal(tally_wire_put_commits(&p->r.plain, &g.commits, NULL), 0);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_alive(victim);
    assert_int_equal(victim->seen[TALLY_SESSION_SKIPPED], 1); /* said once, not for each */
    assert_int_equal(team_stored(&p->a, tally_key_device(stranger)), 0);
    forgery_clear(&g);
    tally_key_free(stranger);
}

/* b's device plays the one that sends things in a bad order. */
static void what_was_refused_is_asked_for_again_when_it_has_become_welcome(void **state) {
    pair *p = *state;
    fixture c;
    uint64_t known = team_stored(&p->b, tally_key_device(p->a.key));
    team_add(&p->a, &c, 3, TALLY_ROLE_MEMBER);
    fixture_append_costs(&c, 0, 5);
    fixture_append_costs(&c, 5, 5);
    end *victim = rogue_call(&p->r, &p->n, &p->b, p->a.key); /* b does not know c */
    rogue_hello(&p->r, NULL, 0);
    rogue_commit(&p->r, &c, tally_key_device(c.key), 0);
    rogue_listen(&p->r);
    assert_int_equal(victim->seen[TALLY_SESSION_SKIPPED], 1);
    assert_int_equal(p->r.heard[TALLY_WIRE_HELLO], 1);
    rogue_commit(&p->r, &p->a, tally_key_device(p->a.key), known);
    rogue_listen(&p->r);
    assert_int_equal(p->r.heard[TALLY_WIRE_HELLO], 2);
    rogue_commit(&p->r, &c, tally_key_device(c.key), 5); /* a gap: asked for already */
    rogue_listen(&p->r);
    assert_int_equal(p->r.heard[TALLY_WIRE_HELLO], 2);
    rogue_commit(&p->r, &c, tally_key_device(c.key), 0);
    rogue_listen(&p->r);
    assert_int_equal(team_stored(&p->b, tally_key_device(c.key)), 5);
    rogue_commit(&p->r, &c, tally_key_device(c.key), 5);
    rogue_listen(&p->r);
    assert_int_equal(team_stored(&p->b, tally_key_device(c.key)), 10);
    assert_alive(victim);
    fixture_close(&c);
}

static void a_bad_order_within_one_write_is_put_right(void **state) {
    pair *p = *state;
    fixture c;
    uint64_t known = team_stored(&p->b, tally_key_device(p->a.key));
    team_add(&p->a, &c, 3, TALLY_ROLE_MEMBER);
    fixture_append_costs(&c, 0, 5);
    end *victim = rogue_call(&p->r, &p->n, &p->b, p->a.key);
    rogue_hello(&p->r, NULL, 0);
    rogue_commit(&p->r, &c, tally_key_device(c.key), 0);
    rogue_commit(&p->r, &p->a, tally_key_device(p->a.key), known);
    rogue_listen(&p->r);
    assert_int_equal(victim->seen[TALLY_SESSION_SKIPPED], 0);
    assert_int_equal(team_stored(&p->b, tally_key_device(c.key)), 5);
    fixture_close(&c);
}

static void a_zstd_bomb_is_refused(void **state) {
    pair *p = *state;
    static uint8_t zeros[64u * 1024u * 1024u];
    uint8_t *packed = malloc(ZSTD_compressBound(sizeof zeros));
    forgery g;
    end *victim = called(p);
    forge(p, &g, p->b.key);
    size_t len = ZSTD_compress(packed, ZSTD_compressBound(sizeof zeros), zeros, sizeof zeros, 3);
    assert_false(ZSTD_isError(len));
    g.commits.packed = tally_span_of(packed, len);
    g.commits.raw_len = TALLY_WIRE_RAW_MAX_BYTES;
    assert_int_equal(tally_wire_put_commits(&p->r.plain, &g.commits, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
    forgery_clear(&g);
    free(packed);
}

static void more_feeds_than_a_team_can_have_are_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    for (uint32_t i = 0; i <= TALLY_SESSION_MAX_FEEDS && !tally_session_ended(victim->session);
         i++) {
        tally_wire_head head = {.size = 1};
        tally_put_be32(head.device.b, i);
        assert_int_equal(tally_wire_put_have(&p->r.plain, &head, NULL), 0);
        rogue_say(&p->r);
    }
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void more_wishes_for_blobs_than_are_answered_are_refused(void **state) {
    pair *p = *state;
    static tally_hash ids[TALLY_SESSION_MAX_ASKED];
    end *victim = called(p);
    for (uint32_t i = 0; i < TALLY_SESSION_MAX_ASKED; i++)
        ids[i].b[0] = (uint8_t)i;
    assert_int_equal(tally_wire_put_want_blob(&p->r.plain, ids, TALLY_SESSION_MAX_ASKED, NULL), 0);
    ids[0].b[1] = 1;
    assert_int_equal(tally_wire_put_want_blob(&p->r.plain, ids, 1, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void hellos_without_end_are_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    for (uint32_t i = 1; i < TALLY_SESSION_MAX_HELLOS; i++)
        rogue_hello(&p->r, NULL, 0);
    assert_alive(victim);
    rogue_hello(&p->r, NULL, 0);
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void say_round(rogue *r) {
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tally_wire_put_cosigned(&r->plain, NULL, 0, NULL), 0);
        rogue_say(r);
        rogue_listen(r);
    }
}

static void a_summary_of_cosignatures_out_of_turn_is_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    tally_wire_cosigned mark = {.device = *tally_key_device(p->b.key), .size = 1, .digest = 1};
    for (int i = 0; i < 2; i++)
        assert_int_equal(tally_wire_put_cosigned(&p->r.plain, &mark, 1, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
}

static void rounds_of_cosignatures_that_no_hello_led_to_are_refused(void **state) {
    pair *p = *state;
    end *victim = called(p);
    tally_span feature = text("cosigs 0000000000000001");
    assert_int_equal(tally_wire_put_hello(&p->r.plain, p->n.now, &feature, 1, NULL, 0, NULL), 0);
    rogue_say(&p->r);
    for (int i = 0; i < 3; i++) /* two hellos there, one back */
        say_round(&p->r);
    assert_alive(victim);
    say_round(&p->r);
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

/* ---- who says little ---- */

/* 12 MB that stay as large when packed, in the feed of a. */
static void append_noise(fixture *f) {
    static uint8_t noise[60000];
    for (uint32_t i = 0; i < 200; i++) {
        for (uint32_t at = 0; at + 32 <= sizeof noise; at += 32) {
            uint8_t seed[8];
            tally_hash hash;
            tally_put_be32(seed, i);
            tally_put_be32(seed + 4, at);
            tally_sha256(tally_span_of(seed, 8), &hash);
            memcpy(noise + at, hash.b, 32);
        }
        tally_writer_begin(f->writer);
        tally_put_bin(f->writer, "noise", tally_span_of(noise, sizeof noise));
        (void)fixture_append(f, "later.kind");
    }
}

/* It takes nothing off the line, so that it gets no credit either. */
static void a_peer_that_overruns_its_window_is_dropped(void **state) {
    pair *p = *state;
    static uint8_t bytes[TALLY_WIRE_BLOB_PIECE_MAX_BYTES];
    tally_wire_blob blob = {.total = TALLY_WIRE_BLOB_MAX_BYTES, .bytes = {bytes, sizeof bytes}};
    append_noise(&p->a);
    end *victim = called(p);
    uint32_t fit = TALLY_SESSION_WINDOW_BYTES / (sizeof bytes + 100);
    for (uint32_t i = 0; i < fit; i++) {
        assert_int_equal(tally_wire_put_blob(&p->r.plain, &blob, NULL), 0);
        rogue_say(&p->r); /* nobody asked for it: it counts all the same */
    }
    assert_alive(victim);
    assert_int_equal(tally_wire_put_blob(&p->r.plain, &blob, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

static void output_stays_bounded_while_the_peer_gives_no_credit(void **state) {
    pair *p = *state;
    append_noise(&p->a);
    end *victim = called(p);
    tally_span out = tally_session_output(victim->session);
    assert_true(out.len >= TALLY_SESSION_OUTPUT_BYTES);
    assert_true(out.len <= TALLY_SESSION_OUTPUT_BYTES + TALLY_WIRE_PACKED_MAX_BYTES + 65536);
    rogue_listen(&p->r);
    assert_alive(victim);
    assert_true(p->r.heard_bytes <= TALLY_SESSION_WINDOW_BYTES);
    assert_true(p->r.heard_bytes > TALLY_SESSION_WINDOW_BYTES / 2);
    uint64_t before = p->r.heard_bytes;
    tally_session_tick(victim->session, p->n.now);
    rogue_listen(&p->r);
    assert_int_equal(p->r.heard_bytes, before);
    assert_int_equal(tally_wire_put_credit(&p->r.plain, TALLY_SESSION_WINDOW_BYTES, NULL), 0);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_true(p->r.heard_bytes > before);
    assert_int_equal(p->r.head.size, fixture_size(&p->a)); /* 12 MB: two windows hold them */
}

static void silence_is_answered_with_pings_and_then_the_end(void **state) {
    pair *p = *state;
    end *victim = called(p);
    rogue_listen(&p->r);
    for (uint32_t i = 0; i < 2; i++) {
        p->n.now += TALLY_SESSION_PING_MS;
        assert_true(tally_session_deadline(victim->session) <= p->n.now);
        tally_session_tick(victim->session, p->n.now);
        rogue_listen(&p->r);
        assert_int_equal(p->r.heard[TALLY_WIRE_PING], i + 1);
    }
    p->n.now += TALLY_SESSION_DEAD_MS - 2 * TALLY_SESSION_PING_MS;
    tally_session_tick(victim->session, p->n.now);
    assert_dropped(p, victim, TALLY_BYE_SILENT);
}

static void a_peer_that_pings_is_not_dead(void **state) {
    pair *p = *state;
    end *e = net_connect(&p->n, &p->a, &p->b);
    net_wait(&p->n, 10 * (int64_t)TALLY_SESSION_DEAD_MS);
    assert_alive(e);
    assert_alive(e->other);
    e->deaf = e->other->deaf = true; /* half open: nothing gets through any more */
    net_wait(&p->n, TALLY_SESSION_DEAD_MS + TALLY_SESSION_PING_MS);
    assert_int_equal(e->bye, TALLY_BYE_SILENT);
    assert_int_equal(e->other->bye, TALLY_BYE_SILENT);
}

static void after_the_end_bytes_are_ignored(void **state) {
    pair *p = *state;
    end *e = net_connect(&p->n, &p->a, &p->b);
    net_run(&p->n);
    tally_session_end(e->session, TALLY_BYE_STOPPING, "going to sleep", p->n.now);
    tally_session_receive(e->session, text("anything at all"), p->n.now);
    tally_session_wake(e->session, p->n.now);
    tally_session_end(e->session, TALLY_BYE_BUSY, "again", p->n.now);
    net_run(&p->n);
    assert_int_equal(e->seen[TALLY_SESSION_ENDED], 1);
    assert_int_equal(e->bye, TALLY_BYE_STOPPING);
    assert_false(e->theirs);
    assert_int_equal(e->other->bye, TALLY_BYE_STOPPING);
    assert_true(e->other->theirs);
    assert_string_equal(e->other->why, "going to sleep");
    assert_int_equal(tally_session_deadline(e->session), INT64_MAX);
}

#define T(test) cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(nothing_but_a_hello_comes_first),
        T(a_hello_of_another_version_is_told_so),
        T(a_first_message_above_its_limit_is_refused_by_its_length),
        T(a_length_of_4_GB_is_refused),
        T(an_unknown_message_is_passed_over),
        T(garbage_at_any_message_boundary_is_refused),
        T(a_flipped_bit_on_the_way_ends_it),
        T(a_peer_that_overruns_its_window_is_dropped),
        T(credit_beyond_all_numbers_is_refused),
        T(a_signature_by_somebody_else_is_refused),
        T(what_came_whole_before_the_garbage_is_kept),
        T(records_of_a_stranger_are_passed_over),
        T(what_was_refused_is_asked_for_again_when_it_has_become_welcome),
        T(a_bad_order_within_one_write_is_put_right),
        T(a_zstd_bomb_is_refused),
        T(more_feeds_than_a_team_can_have_are_refused),
        T(more_wishes_for_blobs_than_are_answered_are_refused),
        T(hellos_without_end_are_refused),
        T(rounds_of_cosignatures_that_no_hello_led_to_are_refused),
        T(a_summary_of_cosignatures_out_of_turn_is_refused),
        T(output_stays_bounded_while_the_peer_gives_no_credit),
        T(silence_is_answered_with_pings_and_then_the_end),
        T(a_peer_that_pings_is_not_dead),
        T(after_the_end_bytes_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
