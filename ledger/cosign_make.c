/* Making cosignatures: of whose head, and when. Storing is in cosign_store.c. */
#include "cosign_store.h"
#include "fork_store.h"
#include "view_fold.h"

#include <assert.h>

typedef struct maker {
    tally_txn *txn;
    bool asked;
    tally_device_id self;
    char member[COSIGN_MEMBER_BYTES];
    size_t member_len;
    uint32_t quorum;
    int64_t now_s;
} maker;

/* A head that may be cosigned: what of it follows from the store alone. */
typedef struct candidate {
    tally_feed feed;
    tally_checkpoint head;
    int64_t not_before_s; /* because of this device's last one; INT64_MIN: there is none */
} candidate;

/* TALLY_EREFUSED for a device that nobody has added or that was revoked. */
static int begin(tally_txn *txn, bool asked, int64_t now_ms, maker *m) {
    tally_team_device own;
    tally_audit_policy policy;
    *m = (maker){.txn = txn, .asked = asked, .self = txn->ledger->device, .now_s = now_ms / 1000};
    int rc = tally_team_device_get(txn, &m->self, &own);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && own.limit != UINT64_MAX)) return TALLY_EREFUSED;
    if (rc != 0) return rc;
    m->member_len = own.member.len < sizeof m->member ? own.member.len : 0;
    memcpy(m->member, own.member.ptr, m->member_len);
    tally_audit_policy_get(txn, &policy);
    m->quorum = policy.quorum;
    return 0;
}

/* Sets *fits when the feed's head is one that this device may put its name to. */
static int look_at(maker *m, uint32_t number, candidate *c, bool *fits, tally_error *err) {
    tally_team_device author;
    bool frozen;
    *fits = false;
    int rc = feed_now(m->txn, number, &c->feed, err);
    if (rc != 0 || c->feed.size == 0) return rc;
    if (memcmp(c->feed.device.b, m->self.b, sizeof m->self.b) == 0) return 0;
    if (tally_team_device_get(m->txn, &c->feed.device, &author) != 0) return 0;
    tally_span member = tally_span_of(m->member, m->member_len);
    if (c->feed.size > author.limit || (!m->asked && tally_span_eq(author.member, member)))
        return 0;
    rc = fork_is_frozen(m->txn, &c->feed.device, &frozen, err);
    if (rc != 0 || frozen) return rc;
    rc = tally_checkpoint_get(m->txn, number, c->feed.size - 1, &c->head, err);
    if (rc != 0) return rc;
    *fits = c->head.size == c->feed.size && !feed_checkpoint_unsigned(&c->head);
    return 0;
}

/* Clears *fits when there is nothing new in it, and otherwise says from when on. */
static int look_back(maker *m, candidate *c, bool *fits, tally_error *err) {
    tally_cosignature last;
    uint32_t members;
    int rc = cosign_last_by(m->txn, &c->feed.device, &m->self, &last, err);
    c->not_before_s = INT64_MIN;
    if (rc == 0 && last.checkpoint.size >= c->feed.size) *fits = false;
    if (rc == 0 && (m->asked || last.time_s > INT64_MAX - TALLY_COSIGN_EVERY_S))
        c->not_before_s = last.time_s;
    else if (rc == 0)
        c->not_before_s = last.time_s + TALLY_COSIGN_EVERY_S;
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    if (!*fits || m->asked) return 0;
    /* Whose clock is years ahead must not keep others from witnessing. */
    rc = witness_members(m->txn, c->feed.number, c->feed.size, m->now_s + TALLY_COSIGN_CLOCKS_S,
                         &members, err);
    if (rc == 0 && members >= m->quorum) *fits = false;
    return rc;
}

static int find(maker *m, uint32_t number, candidate *c, bool *fits, tally_error *err) {
    int rc = look_at(m, number, c, fits, err);
    return rc != 0 || !*fits ? rc : look_back(m, c, fits, err);
}

static int make(maker *m, const candidate *c, int64_t now_s, tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature made = {.device = c->feed.device, .checkpoint = c->head, .time_s = now_s};
    tally_origin_format(&m->txn->ledger->team, &c->feed.device, origin);
    tally_cosignature_sign(m->txn->ledger->key, origin, &made);
    return cosign_keep_own(m->txn, &made, err);
}

int tally_cosign(tally_txn *txn, bool asked, uint64_t *made, tally_error *err) {
    maker m;
    candidate c;
    bool fits;
    int64_t now_s = txn->now_ms / 1000;
    uint64_t count = 0;
    assert(txn->write && txn->ledger->key);
    if (made) *made = 0;
    int rc = begin(txn, asked, txn->now_ms, &m);
    if (rc == TALLY_EREFUSED || (rc == 0 && now_s < 0)) return 0;
    if (rc != 0) return view_team_fail(rc, err);
    uint32_t feeds = tally_feed_count(txn);
    for (uint32_t number = 0; rc == 0 && number < feeds; number++) {
        rc = find(&m, number, &c, &fits, err);
        if (rc != 0 || !fits || now_s < c.not_before_s) continue;
        rc = make(&m, &c, now_s, err);
        count += rc == 0;
        if (rc == TALLY_EEXIST || rc == TALLY_EREFUSED) rc = 0;
    }
    if (made) *made = count;
    return rc;
}

int tally_cosign_due(tally_txn *txn, int64_t now_ms, int64_t *due_ms, tally_error *err) {
    maker m;
    candidate c;
    bool fits;
    *due_ms = INT64_MAX;
    int rc = begin(txn, false, now_ms, &m);
    if (rc == TALLY_EREFUSED) return 0;
    if (rc != 0) return view_team_fail(rc, err);
    uint32_t feeds = tally_feed_count(txn);
    for (uint32_t number = 0; rc == 0 && number < feeds; number++) {
        rc = find(&m, number, &c, &fits, err);
        if (rc != 0 || !fits) continue;
        bool sane = c.not_before_s < INT64_MAX / 1000;
        int64_t at = c.not_before_s == INT64_MIN ? 0 : sane ? c.not_before_s * 1000 : INT64_MAX;
        if (at < *due_ms) *due_ms = at;
    }
    return rc;
}
