/* Records of a team of three devices, two of them ada's and one bob's, folded in any order into a
 * write that a test takes back. Header only. */
#ifndef TESTS_RANDOM_TEAM_H
#define TESTS_RANDOM_TEAM_H

#include "ledger_fixture.h"
#include "random.h"

#define TEAM_DEVICES      3u
#define TEAM_FACTS        256u
#define TEAM_RECORD_BYTES 320u
#define TEAM_TAKEN_BACK   (-1000) /* what a write returns that is not to stay */

typedef struct team_fact {
    uint8_t bytes[TEAM_RECORD_BYTES];
    size_t len;
    unsigned device;
    tally_hash leaf;
} team_fact;

typedef struct random_team {
    rng r;
    tally_key *keys[TEAM_DEVICES]; /* the first is the ledger's own, ada's */
    tally_hlc hlc;
    team_fact facts[TEAM_FACTS];
    unsigned count;
    unsigned order[TEAM_FACTS];
} random_team;

static inline void team_found(random_team *team, fixture *f) {
    team->keys[0] = f->key;
    team->keys[1] = fixture_seeded_key(2);
    team->keys[2] = fixture_seeded_key(3);
    fixture_admit(f, team->keys[1], TALLY_ROLE_MEMBER, "ada", "desk");
    fixture_admit(f, team->keys[2], TALLY_ROLE_MEMBER, "bob", "tower");
}

static inline void team_part(random_team *team) {
    tally_key_free(team->keys[1]);
    tally_key_free(team->keys[2]);
}

static inline void team_begin(random_team *team) {
    team->count = 0;
    team->hlc = (uint64_t)FIXTURE_NOW_MS << 16;
}

/* The device says what the writer holds, later than all that was said before. */
static inline void team_say(random_team *team, fixture *f, unsigned device, const char *kind) {
    tally_span bytes;
    assert_true(team->count < TEAM_FACTS);
    team_fact *fact = &team->facts[team->count];
    OK(tally_writer_encode(f->writer, kind, ++team->hlc, &bytes, &f->err));
    assert_true(bytes.len <= sizeof fact->bytes);
    memcpy(fact->bytes, bytes.ptr, fact->len = bytes.len);
    fact->device = device;
    tally_leaf_hash(bytes, &fact->leaf);
    team->order[team->count] = team->count;
    team->count++;
}

static inline void team_shuffle(random_team *team) {
    for (unsigned i = team->count; i > 1; i--) {
        unsigned k = rng_below(&team->r, i), kept = team->order[i - 1];
        team->order[i - 1] = team->order[k];
        team->order[k] = kept;
    }
}

/* Folds all that was said, in `order`. */
static inline int team_fold(random_team *team, tally_txn *txn, tally_error *err) {
    uint32_t numbers[TEAM_DEVICES] = {0};
    unsigned first = 1 + rng_below(&team->r, 2); /* a feed's number is this store's own matter */
    int rc = foreign_feed(txn, team->keys[first], &numbers[first], err);
    if (rc == 0) rc = foreign_feed(txn, team->keys[3 - first], &numbers[3 - first], err);
    for (unsigned i = 0; i < team->count && rc == 0; i++) {
        const team_fact *fact = &team->facts[team->order[i]];
        tally_record record;
        view_source source = {txn, numbers[fact->device], i,
                              tally_key_device(team->keys[fact->device]), &fact->leaf};
        rc = tally_record_parse(tally_span_of(fact->bytes, fact->len), &record, err);
        if (rc == 0) rc = view_apply(&source, &record, err);
    }
    return rc;
}

/* ---- what they say ---- */

/* One event: of a person when it has no length. */
static inline void team_say_event(random_team *team, fixture *f, unsigned device,
                                  const char *session, int64_t start_ms, int64_t end_ms) {
    uint8_t human[10] = {0x91, 0xcf}, runs[20] = {0x91, 0x92, 0xcf};
    bool person = start_ms == end_ms;
    tally_put_be64(human + 2, (uint64_t)start_ms);
    tally_put_be64(runs + 3, (uint64_t)start_ms);
    runs[11] = 0xcf;
    tally_put_be64(runs + 12, (uint64_t)end_ms);
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text(session));
    if (person)
        tally_put_raw(f->writer, "human", tally_span_of(human, sizeof human));
    else
        tally_put_raw(f->writer, "runs", tally_span_of(runs, sizeof runs));
    team_say(team, f, device, "activity");
}

static inline void team_say_session(random_team *team, fixture *f, unsigned device,
                                    const char *session, const char *cwd) {
    put_session(f->writer, "codex", session, cwd, NULL);
    team_say(team, f, device, "session");
}

#endif
