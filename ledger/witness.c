/* Who has seen a record, and when: what stored cosignatures prove of the feeds as they are. */
#include "cosign_store.h"
#include "fork_store.h"

#include <tally/policy.h>

#include <stdlib.h>

#define WITNESS_MAX  256u /* devices that count for one feed; later ones are not looked at */
#define FIRST_SIGHTS 64u
#define HLC_MARKER   0xcfu
#define MS_PER_HOUR  INT64_C(3600000)

/* ---- policy ---- */

void tally_audit_policy_get(tally_txn *txn, tally_audit_policy *out) {
    static const struct {
        const char *name;
        tally_role role;
    } roles[] = {{"admin", TALLY_ROLE_ADMIN},
                 {"member", TALLY_ROLE_MEMBER},
                 {"auditor", TALLY_ROLE_AUDITOR}};
    tally_policy_row row;
    tally_span role;
    uint64_t number;
    *out = (tally_audit_policy){.quorum = TALLY_QUORUM_DEFAULT,
                                .backdate_hours = TALLY_BACKDATE_DEFAULT_HOURS};
    if (tally_policy_get(txn, TALLY_POLICY_AUDIT, NULL, 0, &row) != 0) return;
    if (tally_body_u64(&row.record, "quorum", &number)) out->quorum = (uint32_t)number;
    if (tally_body_u64(&row.record, "backdate_limit", &number))
        out->backdate_hours = (uint32_t)number;
    if (!tally_body_str(&row.record, "witnesses", &role)) return;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (tally_span_is(role, roles[i].name)) out->role = roles[i].role;
}

/* ---- who counts ---- */

typedef struct witness {
    tally_device_id device;
    size_t member; /* index, or WITNESS_MAX: it does not count */
} witness;

/* Members that may witness one feed, with the earliest time at which each saw what is asked for.
 * Names borrow from the transaction. */
typedef struct witnesses {
    tally_txn *txn;
    tally_audit_policy policy;
    tally_span author; /* the member whose feed it is */
    witness devices[WITNESS_MAX];
    size_t device_count;
    struct {
        tally_span name;
        int64_t time_s;
    } members[WITNESS_MAX];
    size_t member_count;
} witnesses;

static int begin(witnesses *w, tally_txn *txn, const tally_device_id *device) {
    tally_team_device author;
    w->txn = txn;
    w->device_count = w->member_count = 0;
    tally_audit_policy_get(txn, &w->policy);
    int rc = tally_team_device_get(txn, device, &author);
    w->author = author.member;
    return rc;
}

static size_t member_of(witnesses *w, const tally_device_id *device) {
    tally_team_device known;
    if (tally_team_device_get(w->txn, device, &known) != 0) return WITNESS_MAX;
    if (w->policy.role != 0 && known.role != w->policy.role) return WITNESS_MAX;
    if (tally_span_eq(known.member, w->author)) return WITNESS_MAX;
    for (size_t i = 0; i < w->member_count; i++)
        if (tally_span_eq(w->members[i].name, known.member)) return i;
    w->members[w->member_count].name = known.member;
    w->members[w->member_count].time_s = INT64_MAX;
    return w->member_count++;
}

static void see(witnesses *w, const tally_device_id *device, int64_t time_s) {
    size_t i = 0;
    while (i < w->device_count && memcmp(w->devices[i].device.b, device->b, sizeof device->b) != 0)
        i++;
    if (i == WITNESS_MAX) return;
    if (i == w->device_count) {
        w->devices[i] = (witness){.device = *device, .member = member_of(w, device)};
        w->device_count++;
    }
    size_t member = w->devices[i].member;
    if (member < WITNESS_MAX && time_s < w->members[member].time_s)
        w->members[member].time_s = time_s;
}

/* The time by which `quorum` members had seen it: the quorum-th smallest. */
static void count(const witnesses *w, tally_witnessed *out) {
    int64_t first[TALLY_QUORUM_MAX];
    uint32_t kept = 0, quorum = w->policy.quorum;
    out->members = 0;
    for (size_t i = 0; i < w->member_count; i++) {
        int64_t time = w->members[i].time_s;
        uint32_t at = kept < quorum ? kept++ : quorum;
        out->members++;
        if (at == quorum && time >= first[--at]) continue;
        for (; at > 0 && first[at - 1] > time; at--)
            first[at] = first[at - 1];
        first[at] = time;
    }
    out->quorum = kept == quorum;
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): below `kept` all are set
    out->time_s = out->quorum ? first[quorum - 1] : 0;
}

/* ---- cosignatures of a feed as it is stored ---- */

typedef struct sight {
    uint64_t size;
    tally_device_id witness;
    int64_t time_s;
} sight;

typedef struct sights {
    tally_txn *txn;
    const tally_feed *feed;
    uint64_t root_size; /* of `root` and `newest_ms`; 0: not known */
    tally_hash root;
    int64_t newest_ms; /* what the last of that many records claims */
    sight *list;       /* ascending by size */
    size_t count, room;
} sights;

/* The clock of a stored record, which is canonical: an array of four, the version, a kind, and the
 * clock as a 64-bit number. Smaller ones are of before 1970-01-19. */
static int64_t claimed_ms(tally_span bytes) {
    size_t at = 2;
    if (bytes.len > at && bytes.ptr[at] == 0xd9u && bytes.len > at + 1)
        at += 2u + bytes.ptr[at + 1];
    else if (bytes.len > at)
        at += 1u + (bytes.ptr[at] & 0x1fu);
    if (bytes.len < at + 9 || bytes.ptr[at] != HLC_MARKER) return 0;
    return tally_hlc_ms(tally_get_be64(bytes.ptr + at + 1));
}

static int root_at(sights *s, uint64_t size, tally_error *err) {
    tally_checkpoint cp;
    tally_span newest;
    if (s->root_size == size) return 0;
    int rc = tally_checkpoint_get(s->txn, s->feed->number, size - 1, &cp, err);
    if (rc == 0 && cp.size == size)
        s->root = cp.root;
    else
        rc = tally_feed_root(s->txn, s->feed->number, size, &s->root, err);
    if (rc == 0) rc = tally_record_get(s->txn, s->feed->number, size - 1, &newest, err);
    if (rc == 0) s->newest_ms = claimed_ms(newest);
    s->root_size = rc == 0 ? size : 0;
    return rc;
}

static int note(void *ctx, const tally_cosignature *c, tally_error *err) {
    sights *s = ctx;
    if (c->checkpoint.size > s->feed->size) return 1; /* and so are those that follow */
    int rc = root_at(s, c->checkpoint.size, err);
    if (rc != 0 || !tally_hash_eq(&s->root, &c->checkpoint.root)) return rc;
    /* Nobody has seen what was not there yet: a clock was wrong, or somebody lies. */
    if (c->time_s < s->newest_ms / 1000 - TALLY_COSIGN_CLOCKS_S) return 0;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : FIRST_SIGHTS;
        sight *grown = reallocarray(s->list, room, sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for cosignatures");
        s->list = grown;
        s->room = room;
    }
    s->list[s->count++] = (sight){c->checkpoint.size, c->witness, c->time_s};
    return 0;
}

/* Those of checkpoints of at least `size`; the caller frees the list. */
static int gather(sights *s, uint64_t size, tally_error *err) {
    int rc = tally_cosignature_each(s->txn, &s->feed->device, size, note, s, err);
    return rc == 1 ? 0 : rc;
}

static int seen_of(tally_txn *txn, const tally_feed *feed, uint64_t size, int64_t until_s,
                   tally_witnessed *out, tally_error *err) {
    sights s = {.txn = txn, .feed = feed};
    witnesses *w = malloc(sizeof *w);
    *out = (tally_witnessed){.quorum = false};
    if (!w) return tally_fail(err, TALLY_ENOMEM, "no memory for witnesses");
    int rc = begin(w, txn, &feed->device);
    if (rc == 0) rc = gather(&s, size, err);
    for (size_t i = 0; rc == 0 && i < s.count; i++)
        if (s.list[i].time_s <= until_s) see(w, &s.list[i].witness, s.list[i].time_s);
    if (rc == 0) count(w, out);
    free(s.list);
    free(w);
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

int tally_witness_of(tally_txn *txn, uint32_t feed, uint64_t index, tally_witnessed *out,
                     tally_error *err) {
    tally_feed head;
    int rc = feed_now(txn, feed, &head, err);
    return rc != 0 ? rc : seen_of(txn, &head, index + 1, INT64_MAX, out, err);
}

int witness_members(tally_txn *txn, uint32_t feed, uint64_t size, int64_t until_s, uint32_t *out,
                    tally_error *err) {
    tally_witnessed seen;
    tally_feed head;
    int rc = feed_now(txn, feed, &head, err);
    if (rc == 0) rc = seen_of(txn, &head, size, until_s, &seen, err);
    *out = rc == 0 ? seen.members : 0;
    return rc;
}

/* ---- all records ---- */

/* Records up to `size`, and not below the step before, were seen by a quorum at `time_s`. */
typedef struct step {
    uint64_t size;
    tally_witnessed seen;
} step;

/* Of a feed, in place of its sights: from the largest size down each adds to what the smaller ones
 * have, so that the earliest of all that cover a record is known at each. */
static int steps_of(sights *s, step **out, size_t *out_count, tally_error *err) {
    witnesses *w = malloc(sizeof *w);
    step *steps = s->count > 0 ? calloc(s->count, sizeof *steps) : NULL;
    size_t made = 0;
    *out = NULL;
    *out_count = 0;
    int rc = w && (steps || s->count == 0)
                 ? begin(w, s->txn, &s->feed->device)
                 : tally_fail(err, TALLY_ENOMEM, "no memory for witnesses");
    for (size_t i = s->count; rc == 0 && i > 0; i--) {
        const sight *at = &s->list[i - 1];
        see(w, &at->witness, at->time_s);
        if (i > 1 && s->list[i - 2].size == at->size) continue;
        steps[made].size = at->size;
        count(w, &steps[made++].seen);
    }
    free(w);
    if (rc != 0) {
        free(steps);
        return rc;
    }
    *out = steps;
    *out_count = made;
    return 0;
}

typedef struct judging {
    tally_witness_counts *counts;
    int64_t now_ms, limit_ms;
    const step *steps; /* descending by size; `left` of them are not passed */
    size_t left;
    uint64_t index, end;
    uint32_t feed;
} judging;

static void judge_one(judging *u, int64_t claimed) {
    while (u->left > 0 && u->steps[u->left - 1].size <= u->index)
        u->left--;
    const tally_witnessed *seen = u->left > 0 ? &u->steps[u->left - 1].seen : NULL;
    u->counts->records++;
    if (!seen || !seen->quorum) {
        u->counts->never++;
        u->counts->overdue += u->now_ms - claimed > u->limit_ms;
        return;
    }
    /* Seconds: a time that no clock gives must not overflow. */
    u->counts->late += seen->time_s - claimed / 1000 > u->limit_ms / 1000;
}

static int judge_all(tally_txn *txn, judging *u, tally_error *err) {
    MDB_cursor *cursor;
    uint8_t key[FEED_INDEX_KEY_BYTES];
    int rc = store_cursor(txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    store_feed_key(key, u->feed, 0);
    MDB_val k = {sizeof key, key}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; mdb == 0 && u->index < u->end; mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        if (k.mv_size != sizeof key || tally_get_be32(k.mv_data) != u->feed) break;
        if (v.mv_size > RECORD_CHECK_BYTES)
            judge_one(u, claimed_ms(tally_span_of((const uint8_t *)v.mv_data + RECORD_CHECK_BYTES,
                                                  v.mv_size - RECORD_CHECK_BYTES)));
        u->index++;
    }
    mdb_cursor_close(cursor);
    if (mdb != 0 && mdb != MDB_NOTFOUND) return store_fail(txn, mdb, "cannot read records", err);
    return 0;
}

static int count_feed(tally_txn *txn, const tally_feed *feed, judging *u, tally_error *err) {
    sights s = {.txn = txn, .feed = feed};
    step *steps = NULL;
    tally_team_device author;
    /* What a stranger, or a device after its revocation, wrote counts for nothing anyway. */
    if (tally_team_device_get(txn, &feed->device, &author) != 0) return 0;
    int rc = gather(&s, 1, err);
    if (rc == 0) rc = steps_of(&s, &steps, &u->left, err);
    u->steps = steps;
    u->feed = feed->number;
    u->index = 0;
    u->end = feed->size < author.limit ? feed->size : author.limit;
    if (rc == 0) rc = judge_all(txn, u, err);
    free(steps);
    free(s.list);
    return rc;
}

typedef struct names {
    tally_span list[WITNESS_MAX];
    uint64_t count;
} names;

static int note_name(void *ctx, const tally_team_device *device) {
    names *n = ctx;
    for (uint64_t i = 0; i < n->count; i++)
        if (tally_span_eq(n->list[i], device->member)) return 0;
    if (n->count < WITNESS_MAX) n->list[n->count++] = device->member;
    return 0;
}

int tally_witness_count(tally_txn *txn, int64_t now_ms, tally_witness_counts *out,
                        tally_error *err) {
    tally_audit_policy policy;
    names members = {.count = 0};
    tally_feed feed;
    *out = (tally_witness_counts){0};
    tally_audit_policy_get(txn, &policy);
    judging u = {
        .counts = out, .now_ms = now_ms, .limit_ms = (int64_t)policy.backdate_hours * MS_PER_HOUR};
    int rc = tally_team_device_each(txn, note_name, &members);
    out->witnesses = members.count > 0 ? members.count - 1 : 0;
    uint32_t feeds = out->witnesses > 0 ? tally_feed_count(txn) : 0;
    for (uint32_t number = 0; rc == 0 && number < feeds; number++) {
        rc = feed_load(txn, number, &feed, err);
        if (rc == 0) rc = count_feed(txn, &feed, &u, err);
    }
    return rc;
}
