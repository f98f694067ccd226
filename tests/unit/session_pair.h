/* Sessions between real ledgers in one process: ends joined by pipes in memory, a clock that the
 * test moves, and what each end was told. Header only. */
#ifndef TESTS_SESSION_PAIR_H
#define TESTS_SESSION_PAIR_H

#include "team_fixture.h"

#include <tally/blob.h>
#include <tally/fork.h>
#include <tally/peer.h>
#include <tally/session.h>

#include <sodium.h>

#define MAX_ENDS   8u
#define EVENTS     (TALLY_SESSION_ENDED + 1)
#define TEXT_BYTES 700u
#define NO_CUT     UINT64_MAX

typedef struct end {
    fixture *f;
    struct end *other;
    tally_session *session;
    tally_wire_packer *packer;
    uint64_t cut; /* after so many bytes of its output the connection is gone */
    bool deaf;    /* what it is sent stays on the way */
    bool gone;    /* no byte goes either way any more */
    bool unwoken; /* not told when another session of its ledger took something */
    size_t chunk; /* bytes delivered at once */
    uint32_t seen[EVENTS];
    uint64_t took;            /* records and blobs, by the events */
    bool wake_others, answer; /* what its person says to the code */
    char code[TALLY_SHORT_CODE_BYTES], why[TEXT_BYTES], skipped[TEXT_BYTES], forked[TEXT_BYTES];
    char asked[TEXT_BYTES];
    uint32_t bye;
    bool theirs;
    tally_device_id peer;
} end;

typedef struct net {
    end ends[MAX_ENDS];
    uint32_t count;
    int64_t now;
    uint8_t drawn; /* ephemeral keys so far */
} net;

static inline void copy_words(char out[TEXT_BYTES], tally_span words) {
    (void)snprintf(out, TEXT_BYTES, "%.*s", (int)words.len, (const char *)words.ptr);
}

static inline void note_event(void *ctx, const tally_session_event *event) {
    end *e = ctx;
    assert_int_equal(e->seen[TALLY_SESSION_ENDED], 0); /* that one is the last */
    e->seen[event->type]++;
    switch (event->type) {
    case TALLY_SESSION_ESTABLISHED: e->peer = event->peer; break;
    case TALLY_SESSION_CODE:
        (void)snprintf(e->code, sizeof e->code, "%.*s", (int)event->text.len,
                       (const char *)event->text.ptr);
        (void)snprintf(e->asked, sizeof e->asked, "%.*s/%.*s", (int)event->member.len,
                       (const char *)event->member.ptr, (int)event->name.len,
                       (const char *)event->name.ptr);
        break;
    case TALLY_SESSION_TOOK:
        e->took += event->count;
        e->wake_others = true;
        break;
    case TALLY_SESSION_SKIPPED: copy_words(e->skipped, event->text); break;
    case TALLY_SESSION_FORKED: copy_words(e->forked, event->text); break;
    case TALLY_SESSION_ENDED:
        copy_words(e->why, event->text);
        e->bye = event->code;
        e->theirs = event->theirs;
        break;
    case TALLY_SESSION_IN_SYNC: break;
    }
}

/* ---- making ---- */

static inline size_t secrets_of(fixture *f, tally_team_secret out[TALLY_TEAM_MAX_SECRETS]) {
    tally_txn *txn;
    size_t count;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_team_secrets(txn, out, &count, &f->err));
    tally_read_end(txn);
    return count;
}

/* A new end that is not connected yet. */
static inline end *net_end(net *n, fixture *f) {
    assert_true(n->count < MAX_ENDS);
    end *e = &n->ends[n->count++];
    *e = (end){.f = f, .cut = NO_CUT, .chunk = 65536};
    OK(tally_wire_packer_new(&e->packer, &f->err));
    return e;
}

static inline void net_start(net *n, end *e, tally_session_options *options) {
    fixture *f = e->f;
    uint8_t ephemeral[32] = {0x40, ++n->drawn};
    options->ledger = f->ledger;
    OK(tally_ledger_key(f->ledger, &options->key, &f->err));
    options->packer = e->packer;
    options->ephemeral = ephemeral;
    options->event = note_event;
    options->ctx = e;
    OK(tally_session_new(options, n->now, &e->session, &f->err));
}

static inline void net_join_ends(end *a, end *b) {
    a->other = b;
    b->other = a;
}

/* Two teammates, `a` calling, each with the secrets that its ledger holds. */
static inline end *net_connect(net *n, fixture *a, fixture *b) {
    end *ends[2] = {net_end(n, a), net_end(n, b)};
    for (int i = 0; i < 2; i++) {
        tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
        tally_session_options options = {.kind = TALLY_SESSION_TEAM, .initiator = i == 0};
        options.secrets = secrets;
        options.secret_count = secrets_of(ends[i]->f, secrets);
        net_start(n, ends[i], &options);
    }
    net_join_ends(ends[0], ends[1]);
    return ends[0];
}

static inline void net_drop(end *e) {
    tally_session_free(e->session);
    tally_wire_packer_free(e->packer);
    e->session = NULL;
    e->packer = NULL;
}

static inline void net_close(net *n) {
    for (uint32_t i = 0; i < n->count; i++)
        net_drop(&n->ends[i]);
    n->count = 0;
}

/* ---- running ---- */

static inline void net_lose(net *n, end *e) {
    e->gone = e->other->gone = true;
    tally_session_lost(e->session, "cut", n->now);
    tally_session_lost(e->other->session, "cut", n->now);
}

/* Some bytes of one end go to the other; false when there are none. */
static inline bool net_step(net *n, end *e) {
    tally_span out = tally_session_output(e->session);
    size_t len = out.len < e->chunk ? out.len : e->chunk;
    if (len == 0 || e->gone || e->other->deaf) return false;
    bool cut = len >= e->cut;
    if (cut) len = (size_t)e->cut;
    if (!tally_session_ended(e->other->session))
        tally_session_receive(e->other->session, tally_span_of(out.ptr, len), n->now);
    if (e->cut != NO_CUT) e->cut -= len;
    if (cut)
        net_lose(n, e);
    else
        tally_session_sent(e->session, len, n->now);
    return !cut;
}

static inline bool net_wake(net *n) {
    bool any = false;
    for (uint32_t i = 0; i < n->count; i++) {
        end *took = &n->ends[i];
        for (uint32_t j = 0; took->wake_others && j < n->count; j++) {
            end *e = &n->ends[j];
            if (j == i || e->f != took->f || !e->session || e->unwoken) continue;
            tally_session_wake(e->session, n->now);
            any = true;
        }
        took->wake_others = false;
    }
    return any;
}

/* Until nothing more happens without the clock. */
static inline void net_run(net *n) {
    bool moved = true;
    for (uint32_t rounds = 0; moved; rounds++) {
        assert_true(rounds < 1000000);
        moved = false;
        for (uint32_t i = 0; i < n->count; i++)
            if (n->ends[i].session && n->ends[i].other) moved |= net_step(n, &n->ends[i]);
        if (moved) continue;
        for (uint32_t i = 0; i < n->count; i++) {
            end *e = &n->ends[i];
            if (!e->session) continue;
            tally_session_flush(e->session, n->now);
            if (tally_session_output(e->session).len > 0 && e->other && !e->gone && !e->other->deaf)
                moved = true;
        }
        moved |= net_wake(n);
    }
}

/* The clock goes on, from deadline to deadline. */
static inline void net_wait(net *n, int64_t ms) {
    int64_t until = n->now + ms;
    net_run(n);
    for (uint32_t ticks = 0;; ticks++) {
        int64_t next = INT64_MAX;
        assert_true(ticks < 100000);
        for (uint32_t i = 0; i < n->count; i++) {
            int64_t at = n->ends[i].session ? tally_session_deadline(n->ends[i].session) : next;
            if (at < next) next = at;
        }
        if (next > until) break;
        if (next > n->now) n->now = next;
        for (uint32_t i = 0; i < n->count; i++)
            if (n->ends[i].session && tally_session_deadline(n->ends[i].session) <= n->now)
                tally_session_tick(n->ends[i].session, n->now);
        net_run(n);
    }
    n->now = until;
}

/* ---- teams ---- */

/* `to` holds all of `from`'s feeds, without any session. */
static inline void copy_all(fixture *from, fixture *to) {
    fixture *f = from;
    tally_txn *txn;
    tally_device_id devices[16];
    uint32_t count;
    OK(tally_read_begin(from->ledger, &txn, &f->err));
    count = tally_feed_count(txn);
    assert_true(count <= 16);
    for (uint32_t i = 0; i < count; i++) {
        tally_feed feed;
        OK(tally_feed_get(txn, i, &feed, &f->err));
        devices[i] = feed.device;
    }
    tally_read_end(txn);
    for (uint32_t i = 0; i < count; i++)
        team_pass_all(from, to, &devices[i]);
}

/* Copies what a ledger's folder holds, whose key is of that seed; the mark beside the key stays
 * behind, as after a restore. */
static inline void copy_ledger(fixture *from, fixture *to, uint8_t seed) {
    fixture *f = to;
    char path[FIXTURE_PATH_BYTES];
    fixture_folder(to);
    fixture_path(to, STORE_FILE, path);
    if (tally_backup(from->ledger, path, &from->err) != 0) fail_msg("%s", from->err.text);
    to->key = fixture_seeded_key(seed);
    fixture_path(to, STORE_KEY_FILE, path);
    OK(tally_key_write_file(to->key, tally_span_of(NULL, 0), path, &to->err));
    fixture_reopen(to, false, 0);
    fixture_hurry(to);
}

/* `a` makes the team and admits `b`, whose ledger holds that. */
static inline void team_of_two(fixture *a, fixture *b) {
    fixture_open(a);
    team_join(b, a, 2);
    fixture_admit(a, b->key, TALLY_ROLE_MEMBER, "bob", "desk");
    copy_all(a, b);
}

/* One more, added by `a`; only the two of them know. */
static inline void team_add(fixture *a, fixture *c, uint8_t seed, tally_role role) {
    team_join(c, a, seed);
    fixture_admit(a, c->key, role, "cy", "tower");
    copy_all(a, c);
}

static inline bool same_views(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    return tally_hash_eq(&x, &y);
}

#define assert_same_views(a, b) assert_true(same_views(a, b))
/* Fails with the reason for which the end ended. */
#define assert_alive(e)                                                                            \
    do {                                                                                           \
        if (tally_session_ended((e)->session)) fail_msg("ended: %s", (e)->why);                    \
    } while (0)

/* The state of a test with three teammates. */
typedef struct trio {
    fixture a, b, c; /* a made the team; b and c are members */
    net n;
} trio;

static inline int trio_setup(void **state) {
    trio *t = calloc(1, sizeof *t);
    assert_non_null(t);
    team_of_two(&t->a, &t->b);
    team_add(&t->a, &t->c, 3, TALLY_ROLE_MEMBER);
    copy_all(&t->a, &t->b);
    t->n.now = FIXTURE_NOW_MS;
    *state = t;
    return 0;
}

static inline int trio_teardown(void **state) {
    trio *t = *state;
    net_close(&t->n);
    fixture_close(&t->a);
    fixture_close(&t->b);
    fixture_close(&t->c);
    free(t);
    return 0;
}

#endif
