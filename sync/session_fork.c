/* Forks between two nodes: the search for the place where two histories of a feed part, and the
 * telling of proofs. What a proof is and what follows from it is in ledger/fork*.c. */
#include "session_state.h"

#include <stdio.h>

/* ---- the search ---- */

void session_search_begin(tally_session *s, session_feed *feed, uint64_t agree, uint64_t differ) {
    /* A frozen feed has its proof already, and ends where that says. */
    if (feed->fork_ours != 0 && feed->fork_ours <= differ) return;
    if (feed->search != SEARCH_NONE && feed->differ <= differ) return;
    feed->agree = agree;
    feed->differ = differ;
    feed->search = SEARCH_DUE;
    feed->search_ms = s->now;
}

/* Our roots at some sizes from `agree` to `differ`, both included where there is a root. */
static int put_trail(tally_session *s, const session_feed *feed, tally_error *err) {
    tally_wire_mark marks[SESSION_TRAIL_MARKS];
    size_t count = 0;
    uint64_t span = feed->differ - feed->agree, last = 0;
    for (unsigned i = 0; i < SESSION_TRAIL_MARKS; i++) {
        const unsigned steps = SESSION_TRAIL_MARKS - 1;
        uint64_t size = feed->agree + span / steps * i + span % steps * i / steps;
        if (size == 0 || size == last) continue;
        int rc = session_root(s->txn, feed, size, &marks[count].root, err);
        if (rc != 0) return rc;
        marks[count++].size = last = size;
    }
    return tally_wire_put_trail(&s->plain, &feed->device, marks, count, err);
}

static int put_branch(tally_session *s, const session_feed *feed, tally_error *err) {
    tally_fork_branch branch;
    tally_hash base;
    int rc = tally_fork_branch_make(s->txn, feed->number, feed->agree, &base, &branch, err);
    if (rc != 0) return rc;
    return tally_wire_put_branch(&s->plain, &feed->device, feed->agree, &base, &branch, err);
}

bool session_search_say(tally_session *s, session_feed *feed) {
    tally_error err = {0};
    feed->search = SEARCH_WAIT;
    feed->search_ms = s->now;
    if (!session_read(s)) return false;
    /* The peer, who asked, may know that device, and find the place without us. */
    if (session_is_stranger(s->txn, feed)) session_difference_waits(feed);
    int rc = feed->agree + 1 == feed->differ ? put_branch(s, feed, &err) : put_trail(s, feed, &err);
    /* A feed that has become shorter meanwhile has become frozen: the proof goes out by itself. */
    if (rc == TALLY_EINVAL) {
        feed->search = SEARCH_NONE;
        return true;
    }
    return session_put(s, rc, &err);
}

/* Narrows down where both part by a trail's marks: halves them, for each costs a root. */
static int narrow(tally_session *s, const session_feed *feed, const tally_wire_mark *marks,
                  size_t count, uint64_t *agree, uint64_t *differ, tally_error *err) {
    size_t low = 0, high = count; /* those below `low` agree, those from `high` on differ */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        tally_hash root;
        int rc = session_root(s->txn, feed, marks[middle].size, &root, err);
        if (rc != 0) return rc;
        if (tally_hash_eq(&root, &marks[middle].root))
            low = middle + 1;
        else
            high = middle;
    }
    *agree = low > 0 ? marks[low - 1].size : 0;
    *differ = high < count ? marks[high].size : 0;
    return 0;
}

bool session_trail_take(tally_session *s, const tally_wire_trail *trail) {
    tally_wire_mark marks[TALLY_WIRE_MAX_MARKS];
    tally_wire_list list = trail->marks;
    tally_error err = {0};
    size_t count = 0;
    uint64_t agree, differ;
    if (++s->trails > TALLY_SESSION_MAX_TRAILS) {
        (void)tally_fail(&err, TALLY_EFORMAT, "refused a trail after %u that led nowhere",
                         TALLY_SESSION_MAX_TRAILS);
        return session_refuse(s, &err);
    }
    session_feed *feed = session_feed_find(s, &trail->device);
    if (!feed || feed->number == SESSION_NO_NUMBER) return true;
    if (feed->search == SEARCH_DUE) return true; /* what we are about to say answers it as well */
    if (!session_refresh(s) || !session_read(s)) return false;
    feed = session_feed_find(s, &trail->device); /* the table may have moved */
    while (count < TALLY_WIRE_MAX_MARKS && tally_wire_next_mark(&list, &marks[count]) &&
           marks[count].size <= feed->ours)
        count++;
    int rc = narrow(s, feed, marks, count, &agree, &differ, &err);
    session_read_done(s);
    if (rc != 0) return session_trouble(s, &err);
    if (differ == 0) return true; /* ours does not reach so far, or the feed has changed since */
    if (feed->agreed > agree && feed->agreed < differ) agree = feed->agreed;
    feed->search = SEARCH_NONE; /* a step was made: the next is ours */
    session_search_begin(s, feed, agree, differ);
    return true;
}

/* ---- proofs ---- */

typedef struct fork_write {
    const tally_fork *fork;
    int rc;
} fork_write;

/* What leaves the store as it was is no error of the write. */
static int write_fork(void *ctx, tally_txn *txn, tally_error *err) {
    fork_write *w = ctx;
    w->rc = tally_fork_put(txn, w->fork, err);
    bool unchanged = w->rc == TALLY_EEXIST || w->rc == TALLY_EFORMAT || w->rc == TALLY_EREFUSED;
    return unchanged ? 0 : w->rc;
}

/* The admin's word that settles it may be among the commits that follow: nothing is said of that.
 */
static void tell_forked(tally_session *s, const tally_fork *fork) {
    char hex[17], text[200];
    tally_hex(tally_span_of(fork->device.b, 8), hex);
    (void)snprintf(text, sizeof text,
                   "device %s signed two histories that part after record %llu; 'tally team "
                   "forks' shows what counts of it",
                   hex, (unsigned long long)fork->common);
    tally_session_event forked = {
        .type = TALLY_SESSION_FORKED, .peer = fork->device, .text = tally_span_str(text)};
    tally_session_event took = {.type = TALLY_SESSION_TOOK, .peer = s->peer};
    session_tell(s, &forked);
    if (!s->ending) session_tell(s, &took);
}

/* Stores a proof. Commits that wait are written first, so that they do not meet a frozen feed.
 * *stranger: it was not kept, because nobody has added the device here. */
static bool store_fork(tally_session *s, const tally_fork *fork, bool *stranger) {
    fork_write w = {.fork = fork};
    tally_error err = {0};
    *stranger = false;
    if (!session_write(s)) return false;
    session_read_done(s);
    int rc = tally_ledger_write(s->ledger, s->wall, write_fork, &w, &err);
    if (rc != 0) return session_trouble(s, &err);
    if (w.rc == TALLY_EFORMAT) return session_refuse(s, &err);
    *stranger = w.rc == TALLY_EREFUSED;
    /* Told first: the peer may be one whom only the history that is cut off has added. */
    if (w.rc == 0) tell_forked(s, fork);
    return !s->ending && session_refresh(s);
}

/* Both sides of the place, in the order that a proof has. */
static void fork_make(const tally_wire_branch *branch, const tally_fork_branch *ours,
                      const tally_fork_branch *theirs, tally_fork *out) {
    bool ours_first = memcmp(ours->next.b, theirs->next.b, sizeof ours->next.b) < 0;
    out->device = branch->device;
    out->common = branch->common;
    out->base = branch->base;
    out->branches[0] = ours_first ? *ours : *theirs;
    out->branches[1] = ours_first ? *theirs : *ours;
}

bool session_branch_take(tally_session *s, const tally_wire_branch *branch) {
    tally_fork_branch ours, theirs;
    tally_fork fork;
    tally_hash base;
    tally_error err = {0};
    bool stranger;
    tally_wire_side_get(&branch->side, &theirs);
    if (tally_fork_branch_check(tally_ledger_team(s->ledger), &branch->device, branch->common,
                                &branch->base, &theirs, &err) != 0)
        return session_refuse(s, &err);
    if (!session_refresh(s) || !session_read(s)) return false;
    session_feed *feed = session_feed_find(s, &branch->device);
    /* Never here, frozen there or before: nothing of ours to hold against it. */
    if (!feed || feed->ours <= branch->common) return true;
    if (feed->fork_ours != 0 && feed->fork_ours <= branch->common + 1) return true;
    int rc = tally_fork_branch_make(s->txn, feed->number, branch->common, &base, &ours, &err);
    session_read_done(s);
    if (rc != 0) return session_trouble(s, &err);
    if (!tally_hash_eq(&base, &branch->base) || tally_hash_eq(&ours.next, &theirs.next)) {
        (void)tally_fail(&err, TALLY_EFORMAT, "refused a branch: no histories part there");
        return session_refuse(s, &err);
    }
    fork_make(branch, &ours, &theirs, &fork);
    if (!store_fork(s, &fork, &stranger)) return false;
    feed = session_feed_find(s, &branch->device); /* the table may have moved */
    if (stranger && feed) session_difference_waits(feed);
    return true;
}

/* Each proof that parts earlier makes the views be folded anew, and whoever signs at will can part
 * as often as it has records. */
static bool may_prove(tally_session *s, const session_feed *feed) {
    tally_error err = {0};
    if (feed->proofs < TALLY_SESSION_MAX_PROOFS) return true;
    (void)tally_fail(&err, TALLY_ELIMIT, "refused one more proof of a fork of one feed after %u",
                     TALLY_SESSION_MAX_PROOFS);
    return session_refuse(s, &err);
}

bool session_fork_take(tally_session *s, const tally_wire_fork *message) {
    tally_fork fork = {.device = message->device, .common = message->common, .base = message->base};
    for (int i = 0; i < 2; i++)
        tally_wire_side_get(&message->sides[i], &fork.branches[i]);
    session_feed *feed = session_feed_need(s, &message->device);
    if (!feed || !may_prove(s, feed)) return false;
    uint64_t before = feed->fork_ours;
    bool stranger;
    if (!store_fork(s, &fork, &stranger)) return false;
    feed = session_feed_need(s, &message->device); /* the table may have moved */
    if (!feed) return false;
    if (feed->fork_ours != before) feed->proofs++;
    if (feed->fork_theirs == 0 || fork.common + 1 < feed->fork_theirs)
        feed->fork_theirs = fork.common + 1;
    feed->fork_missed = stranger; /* asked for again when somebody has added that device here */
    return true;
}

/* ---- those that are known ---- */

static int read_fork(void *ctx, const tally_fork_state *state, tally_error *err) {
    tally_session *s = ctx;
    (void)err;
    session_feed *feed = session_feed_need(s, &state->proof.device);
    if (!feed) return TALLY_ELIMIT;
    feed->fork_ours = state->proof.common + 1;
    if (feed->search != SEARCH_NONE && feed->differ >= feed->fork_ours) feed->search = SEARCH_NONE;
    return 0;
}

bool session_forks_read(tally_session *s, tally_txn *txn) {
    tally_error err = {0};
    uint64_t digest;
    int rc = tally_fork_digest(txn, &digest, &err);
    if (rc == 0 && digest == s->forks) return true;
    if (rc == 0) rc = tally_fork_each(txn, read_fork, s, &err);
    if (rc != 0) return session_trouble(s, &err);
    s->forks = digest;
    return true;
}

bool session_fork_say(tally_session *s, session_feed *feed) {
    tally_fork_state state;
    tally_error err = {0};
    if (!session_read(s)) return false;
    int rc = tally_fork_get(s->txn, &feed->device, &state, &err);
    feed->fork_theirs = feed->fork_ours;
    if (rc == 0) rc = tally_wire_put_fork(&s->plain, &state.proof, &err);
    return session_put(s, rc, &err);
}
