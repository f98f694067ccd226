/* Cosignatures between two nodes: finding out which the other lacks, sending and taking them, and
 * cosigning the heads that came when both are in sync. */
#include "session_state.h"

#include <sodium.h>
#include <stdlib.h>

#define SAY_AT_ONCE 64u /* of the log */
#define MARKS_MAX   16u /* of one device */

_Static_assert(crypto_shorthash_KEYBYTES <= TALLY_HASH_BYTES, "the handshake's hash is the key");
_Static_assert(crypto_shorthash_BYTES == 8, "a mark is one number");

static bool store_failed(tally_session *s, int rc, tally_error *err) {
    (void)rc;
    return session_trouble(s, err);
}

/* ---- what is here ---- */

static int mark_device(void *ctx, const tally_team_device *device) {
    uint64_t *mark = ctx;
    *mark += tally_get_be64(device->device.b);
    return 0;
}

/* Who is in the team, as a number other than 0. */
static uint64_t team_mark(tally_txn *txn) {
    uint64_t mark = 0;
    (void)tally_team_device_each(txn, mark_device, &mark);
    return mark ? mark : 1;
}

bool session_cosig_refused(tally_session *s) {
    tally_txn *txn = session_read(s);
    if (txn) s->cosigs_refused = team_mark(txn);
    return txn != NULL;
}

/* Digests are XORs of these. Their key is made in the handshake: a witness who could foresee marks
 * would sign some that hide a teammate's, so that two nodes take themselves to hold the same. */
static uint64_t mark_of(const tally_session *s, const tally_cosignature *c) {
    uint8_t mark[crypto_shorthash_BYTES];
    (void)crypto_shorthash(mark, c->signature, sizeof c->signature, s->handshake.b);
    return tally_get_be64(mark);
}

typedef struct digesting {
    const tally_session *s;
    uint64_t digest;
} digesting;

static int add_to_digest(void *ctx, const tally_cosignature *c, tally_error *err) {
    digesting *d = ctx;
    (void)err;
    d->digest ^= mark_of(d->s, c);
    return 0;
}

bool session_cosigs_digest(tally_session *s) {
    digesting all = {.s = s};
    tally_error err = {0};
    if (s->cosigs_digested && s->cosigs_digest_came == s->cosigs_came) return true;
    if (!session_read(s)) return false;
    int rc = tally_cosignature_each_back(s->txn, add_to_digest, &all, &err);
    if (rc != 0) return store_failed(s, rc, &err);
    s->cosigs_digested = true;
    s->cosigs_digest_came = s->cosigs_came;
    s->cosigs_digest = all.digest;
    return true;
}

/* What was refused may be welcome now: a hello has the peer offer it again. */
bool session_cosigs_read(tally_session *s, tally_txn *txn) {
    tally_error err = {0};
    int rc = tally_cosignatures_came(txn, &s->cosigs_came, &err);
    if (rc != 0) return store_failed(s, rc, &err);
    if (s->cosigs_refused && s->cosigs_refused != team_mark(txn)) {
        s->cosigs_refused = 0;
        s->hello_due = true;
    }
    return true;
}

bool session_cosigs_compare(tally_session *s, uint64_t theirs) {
    if (!s->cosigs_spoken) return true;
    if (s->round) {
        s->cosigs_again = true; /* this one may have gone past what is asked for */
        return true;
    }
    if (!session_cosigs_digest(s)) return false;
    if (theirs == s->cosigs_digest)
        s->cosigs_told = s->cosigs_came;
    else
        s->round = s->summary_due = true;
    return true;
}

static bool has_range(const session_feed *feed) {
    return feed->cosig_from < feed->cosig_to;
}

static session_feed *next_range(tally_session *s) {
    for (size_t i = 0; i < s->feed_count; i++)
        if (has_range(&s->feeds[i])) return &s->feeds[i];
    return NULL;
}

bool session_cosigs_in_sync(const tally_session *s) {
    return !s->cosigs_spoken || (!s->round && s->cosigs_told >= s->cosigs_came);
}

/* ---- a summary of ours ---- */

/* Marks of a device stand the closer the nearer to its end, where news are: each is for twice as
 * many cosignatures as the one after it. Made from the end. */
typedef struct summary {
    const tally_session *s;
    tally_wire_cosigned *list;
    size_t count, room;
    bool any;
    tally_wire_cosigned at; /* of those since the last mark */
    uint64_t here, wanted;
    uint32_t marks; /* of this device */
} summary;

static int add_mark(summary *m, uint64_t size, tally_error *err) {
    if (m->count == TALLY_WIRE_MAX_COSIGNED)
        return tally_fail(err, TALLY_ELIMIT, "more than %u marks of cosignatures are needed",
                          TALLY_WIRE_MAX_COSIGNED);
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : MARKS_MAX;
        tally_wire_cosigned *grown = reallocarray(m->list, room, sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for marks of cosignatures");
        m->list = grown;
        m->room = room;
    }
    m->at.size = size;
    m->list[m->count++] = m->at;
    m->at.digest = 0;
    m->here = 0;
    m->wanted *= 2;
    m->marks++;
    return 0;
}

static int summarise(void *ctx, const tally_cosignature *c, tally_error *err) {
    summary *m = ctx;
    bool same = m->any && memcmp(&m->at.device, &c->device, sizeof c->device) == 0;
    bool full = m->here >= m->wanted && m->at.size != c->checkpoint.size;
    int rc = 0;
    if (m->any && !same)
        rc = add_mark(m, 1, err); /* from its first record on */
    else if (same && full && m->marks + 1 < MARKS_MAX)
        rc = add_mark(m, m->at.size, err);
    if (!same)
        *m = (summary){.s = m->s, .list = m->list, .count = m->count, .room = m->room, .wanted = 1};
    m->any = true;
    m->at.device = c->device;
    m->at.size = c->checkpoint.size;
    m->at.digest ^= mark_of(m->s, c);
    m->here++;
    return rc;
}

static int put_summary(tally_session *s, tally_error *err) {
    summary m = {.s = s};
    int rc = tally_cosignature_each_back(s->txn, summarise, &m, err);
    if (rc == 0 && m.any) rc = add_mark(&m, 1, err);
    for (size_t i = 0; i < m.count / 2; i++) {
        tally_wire_cosigned other = m.list[i];
        m.list[i] = m.list[m.count - 1 - i];
        m.list[m.count - 1 - i] = other;
    }
    if (rc == 0) rc = tally_wire_put_cosigned(&s->plain, m.list, m.count, err);
    free(m.list);
    return rc;
}

static bool say_summary(tally_session *s) {
    tally_error err = {0};
    if (!session_refresh(s) || !session_read(s)) return false;
    s->summary_due = false;
    s->cosigs_told = s->cosigs_came; /* what comes later is told as it comes */
    return session_put(s, put_summary(s, &err), &err);
}

/* ---- a summary of theirs ---- */

typedef struct comparing {
    tally_session *s;
    tally_wire_cosigned *marks; /* ascending; */
    size_t left, count;         /* `left` of them are not passed */
    uint64_t digest;            /* of ours from the last of those on */
    bool any, failed;
} comparing;

static void offer(comparing *c, const tally_device_id *device, uint64_t from, uint64_t to) {
    session_feed *feed = session_feed_need(c->s, device);
    c->failed = c->failed || !feed;
    if (!feed) return;
    bool more = has_range(feed);
    if (!more || from < feed->cosig_from) feed->cosig_from = from;
    if (!more || to > feed->cosig_to) feed->cosig_to = to;
}

/* What lies from the last mark on has been gone through. */
static void pass_mark(comparing *c) {
    const tally_wire_cosigned *mark = &c->marks[--c->left], *next = mark + 1;
    bool last = c->left + 1 == c->count || memcmp(&next->device, &mark->device, 32) != 0;
    if (c->any && c->digest != mark->digest)
        offer(c, &mark->device, mark->size, last ? UINT64_MAX : next->size);
    c->digest = 0;
    c->any = false;
}

static int compare_one(void *ctx, const tally_cosignature *ours, tally_error *err) {
    comparing *c = ctx;
    int order = -1;
    (void)err;
    for (; c->left > 0; pass_mark(c)) {
        const tally_wire_cosigned *mark = &c->marks[c->left - 1];
        order = memcmp(&mark->device, &ours->device, sizeof ours->device);
        if (order < 0 || (order == 0 && mark->size <= ours->checkpoint.size)) break;
    }
    if (c->left > 0 && order == 0) {
        c->digest ^= mark_of(c->s, ours);
        c->any = true;
    } else {
        offer(c, &ours->device, ours->checkpoint.size, ours->checkpoint.size + 1);
    }
    return c->failed ? TALLY_ELIMIT : 0;
}

static bool compare_all(tally_session *s, tally_wire_list marks) {
    comparing c = {.s = s, .marks = calloc((size_t)marks.count + 1, sizeof *c.marks)};
    tally_error err = {0};
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for marks of cosignatures");
    if (!c.marks) return session_trouble(s, &err);
    while (tally_wire_next_cosigned(&marks, &c.marks[c.count]))
        c.count++;
    c.left = c.count;
    int rc = session_read(s) ? tally_cosignature_each_back(s->txn, compare_one, &c, &err) : 0;
    while (rc == 0 && !c.failed && c.left > 0)
        pass_mark(&c);
    free(c.marks);
    if (s->ending || c.failed) return false;
    return rc == 0 || store_failed(s, rc, &err);
}

static void end_round(tally_session *s) {
    if (!s->end_said || !s->end_heard) return;
    s->summary_heard = s->end_said = s->end_heard = false;
    s->round = s->summary_due = s->cosigs_again;
    s->cosigs_again = false;
}

/* Each goes through all that is held, and what begins one is a hello of either side. */
static bool count_round(tally_session *s) {
    tally_error err = {0};
    if (++s->rounds <= s->hellos_in + s->hellos_out) return true;
    (void)tally_fail(&err, TALLY_ELIMIT, "refused a summary of cosignatures that no hello led to");
    return session_refuse(s, &err);
}

bool session_cosigned_take(tally_session *s, tally_wire_list marks) {
    tally_error err = {0};
    if (!s->summary_heard) {
        if (!count_round(s)) return false;
        if (!s->round) s->round = s->summary_due = true;
        s->summary_heard = s->end_due = true;
        return compare_all(s, marks);
    }
    if (marks.count > 0 || s->end_heard) {
        (void)tally_fail(&err, TALLY_EFORMAT, "refused a summary of cosignatures out of turn");
        return session_refuse(s, &err);
    }
    s->end_heard = true;
    end_round(s);
    return true;
}

/* ---- sending and taking ---- */

typedef struct sending {
    tally_session *s;
    uint64_t size; /* all of one size go together; 0: of any */
    uint32_t left;
    uint64_t sent;
} sending;

static int put_one(void *ctx, const tally_cosignature *c, tally_error *err) {
    sending *out = ctx;
    if (out->left == 0 || (out->size != 0 && c->checkpoint.size != out->size)) return 1;
    if (out->left != UINT32_MAX)
        out->left--;
    else
        out->size = c->checkpoint.size;
    out->sent++;
    return tally_wire_put_cosig(&out->s->plain, c, err);
}

static bool say_range(tally_session *s, session_feed *feed) {
    sending out = {.s = s, .left = UINT32_MAX};
    tally_error err = {0};
    tally_device_id device = feed->device;
    if (!session_read(s)) return false;
    int rc = tally_cosignature_each(s->txn, &device, feed->cosig_from, put_one, &out, &err);
    feed->cosig_from = rc == 1 && out.size < feed->cosig_to ? out.size + 1 : feed->cosig_to;
    return session_put(s, rc == 1 ? 0 : rc, &err);
}

static bool say_news(tally_session *s) {
    sending out = {.s = s, .left = SAY_AT_ONCE};
    tally_error err = {0};
    if (!session_read(s)) return false;
    int rc = tally_cosignature_since(s->txn, s->cosigs_told, put_one, &out, &err);
    s->cosigs_told = rc == 1 ? s->cosigs_told + out.sent : s->cosigs_came;
    return session_put(s, rc == 1 ? 0 : rc, &err);
}

static bool say_end(tally_session *s) {
    tally_error err = {0};
    s->end_due = false;
    s->end_said = true;
    bool ok = session_put(s, tally_wire_put_cosigned(&s->plain, NULL, 0, &err), &err);
    end_round(s);
    return ok;
}

bool session_cosig_say(tally_session *s) {
    if (!s->cosigs_spoken || s->stage != STAGE_OPEN) return false;
    if (s->summary_due) return say_summary(s);
    session_feed *feed = next_range(s);
    if (feed) return say_range(s, feed);
    if (s->end_due) return say_end(s);
    return !s->round && s->cosigs_told < s->cosigs_came && say_news(s);
}

bool session_cosig_take(tally_session *s, const tally_cosignature *c) {
    uint8_t *at;
    session_item *item = session_item_add(s, 0, &at);
    if (!item) return false;
    item->what = ITEM_COSIG;
    item->device = c->device;
    item->checkpoint = c->checkpoint;
    item->witness = c->witness;
    item->time_s = c->time_s;
    memcpy(item->signature, c->signature, sizeof item->signature);
    return true;
}

/* ---- cosigning ---- */

void session_cosign_soon(tally_session *s) {
    int64_t at = session_after(s->cosigned_ms, TALLY_SESSION_COSIGN_MS);
    if (s->cosign_ms > at) s->cosign_ms = at;
}

static int cosign(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_cosign(txn, false, ctx, err);
}

static bool cosign_now(tally_session *s) {
    tally_error err = {0};
    uint64_t made = 0;
    session_read_done(s);
    if (tally_ledger_write(s->ledger, s->wall, cosign, &made, &err) != 0)
        return session_trouble(s, &err);
    if (made == 0) return true;
    tally_session_event took = {.type = TALLY_SESSION_TOOK, .peer = s->peer};
    session_tell(s, &took);
    if (s->ending || !session_refresh(s)) return false;
    session_pump(s);
    session_read_done(s);
    return !s->ending;
}

bool session_cosign(tally_session *s) {
    tally_error err = {0};
    int64_t due_ms;
    if (s->now < s->cosign_ms) return true;
    if (!session_read(s)) return false;
    int rc = tally_cosign_due(s->txn, s->wall, &due_ms, &err);
    session_read_done(s);
    if (rc != 0) return store_failed(s, rc, &err);
    s->cosigned_ms = s->now;
    s->cosign_ms = due_ms == INT64_MAX ? INT64_MAX : session_after(s->now, TALLY_SESSION_COSIGN_MS);
    if (due_ms <= s->wall) return cosign_now(s);
    int64_t wait = due_ms - (s->wall > 0 ? s->wall : 0);
    if (due_ms != INT64_MAX && wait > TALLY_SESSION_COSIGN_MS)
        s->cosign_ms = session_after(s->now, wait);
    return true;
}
