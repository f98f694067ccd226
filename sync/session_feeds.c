/* What a session knows of each feed: how much is here, how much the peer holds, and whether both
 * are one history. */
#include "session_state.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

enum rank { RANK_CREATOR, RANK_ADMIN, RANK_OTHER };

/* ---- the table ---- */

/* Where the device is, or would be. */
static size_t position(const tally_session *s, const tally_device_id *device, bool *there) {
    size_t low = 0, high = s->feed_count;
    *there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(s->feeds[middle].device.b, device->b, sizeof device->b);
        if (order == 0) *there = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

session_feed *session_feed_find(tally_session *s, const tally_device_id *device) {
    bool there;
    size_t at = position(s, device, &there);
    return there ? &s->feeds[at] : NULL;
}

static bool make_room(tally_session *s) {
    tally_error err = {0};
    if (s->feed_count < s->feed_room) return true;
    if (s->feed_count == TALLY_SESSION_MAX_FEEDS) {
        (void)tally_fail(&err, TALLY_ELIMIT, "more than %u feeds are spoken of",
                         TALLY_SESSION_MAX_FEEDS);
        return session_refuse(s, &err);
    }
    size_t room = s->feed_room ? 2 * s->feed_room : FIRST_ROOM;
    session_feed *grown = realloc(s->feeds, room * sizeof *grown);
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for %zu feeds", room);
    if (!grown) return session_trouble(s, &err);
    s->feeds = grown;
    s->feed_room = room;
    return true;
}

session_feed *session_feed_need(tally_session *s, const tally_device_id *device) {
    bool there;
    size_t at = position(s, device, &there);
    if (there) return &s->feeds[at];
    if (!make_room(s)) return NULL;
    session_feed *feed = &s->feeds[at];
    memmove(feed + 1, feed, (s->feed_count - at) * sizeof *feed);
    s->feed_count++;
    *feed = (session_feed){.device = *device, .number = SESSION_NO_NUMBER, .rank = RANK_OTHER};
    return feed;
}

/* ---- roots ---- */

/* A root that is stored: 0, 1 when it is not, or an error. */
static int stored_root(tally_txn *txn, const session_feed *feed, uint64_t size, tally_hash *root,
                       tally_error *err) {
    tally_checkpoint cp;
    tally_feed head;
    int rc = tally_feed_get(txn, feed->number, &head, err);
    if (rc != 0) return rc;
    if (size == head.size) {
        tally_range_root(&head.range, root);
        return 0;
    }
    /* Feeds end at checkpoints, so that what is asked for is mostly one. */
    bool signed_there = size > 0 &&
                        tally_checkpoint_get(txn, feed->number, size - 1, &cp, NULL) == 0 &&
                        cp.size == size;
    if (signed_there) *root = cp.root;
    return signed_there ? 0 : 1;
}

int session_root(tally_txn *txn, const session_feed *feed, uint64_t size, tally_hash *root,
                 tally_error *err) {
    int rc = stored_root(txn, feed, size, root, err);
    return rc == 1 ? tally_feed_root(txn, feed->number, size, root, err) : rc;
}

bool session_is_stranger(tally_txn *txn, const session_feed *feed) {
    tally_team_device device;
    return tally_team_device_get(txn, &feed->device, &device) == TALLY_ENOTFOUND;
}

void session_difference_waits(session_feed *feed) {
    feed->search = SEARCH_NONE;
    feed->stuck = feed->fork_missed = true;
}

/* A difference. Past the place where a fork is known to part there is nothing to look for: the peer
 * counts as having what comes before it, and is sent what follows. Nor is there in a stranger's
 * feed, of whose forks no proof is kept. */
static void note_difference(tally_session *s, session_feed *feed) {
    if (feed->fork_ours != 0 && feed->held >= feed->fork_ours)
        feed->sent = feed->agreed = feed->fork_ours - 1;
    else if (session_is_stranger(s->txn, feed))
        session_difference_waits(feed);
    else
        session_search_begin(s, feed, feed->agreed < feed->held ? feed->agreed : 0, feed->held);
}

static bool can_compare(const session_feed *feed) {
    return feed->unchecked && feed->held <= feed->ours;
}

/* Our root where the peer says that its feed ends. To work one out that is not stored can mean
 * reading megabytes, and a claim costs the peer nothing: of each feed one now and then. 1: later.
 */
static int root_to_compare(tally_session *s, session_feed *feed, tally_hash *root,
                           tally_error *err) {
    int rc = stored_root(s->txn, feed, feed->held, root, err);
    if (rc != 1 || feed->compare_ms > s->now) return rc;
    feed->compare_ms = session_after(s->now, TALLY_SESSION_COMPARE_MS);
    return tally_feed_root(s->txn, feed->number, feed->held, root, err);
}

/* The peer has more of a feed than is here. Of a stranger's nothing would be taken, and where the
 * peer sees that both differ nothing comes: there is nothing to wait for. Past a fork that both
 * know it may have another history, and need ours to choose between the creator's last words. */
static bool expect_more(tally_session *s, session_feed *feed) {
    if (feed->fork_ours != 0 && feed->fork_ours == feed->fork_theirs &&
        feed->ours >= feed->fork_ours) {
        feed->sent = feed->agreed = feed->fork_ours - 1;
        feed->unchecked = false;
        return true;
    }
    if (!session_read(s)) return false;
    if (session_is_stranger(s->txn, feed)) feed->skip = SKIP_STRANGER;
    return true;
}

/* The peer's root against ours, as soon as ours reaches as far. */
static bool compare(tally_session *s, session_feed *feed) {
    tally_error err = {0};
    tally_hash root;
    if (feed->unchecked && feed->ours > 0 && feed->held > feed->ours) return expect_more(s, feed);
    if (!can_compare(feed)) return true;
    if (!session_read(s)) return false;
    int rc = root_to_compare(s, feed, &root, &err);
    if (rc < 0) return session_trouble(s, &err);
    if (rc == 1) {
        s->claimed = true;
        return true;
    }
    feed->unchecked = false;
    if (!tally_hash_eq(&root, &feed->held_root))
        note_difference(s, feed);
    else if (feed->held > feed->agreed)
        feed->agreed = feed->held;
    return true;
}

void session_claim(tally_session *s, session_feed *feed, uint64_t size, const tally_hash *root) {
    feed->held = size;
    feed->held_root = *root;
    if (size > feed->sent) feed->sent = size;
    feed->unchecked = size > 0;
    s->claimed = s->remember_due = true;
}

bool session_compare(tally_session *s) {
    bool ok = true;
    if (!s->claimed) return true;
    s->claimed = false;
    for (size_t i = 0; ok && i < s->feed_count; i++)
        ok = compare(s, &s->feeds[i]);
    return ok;
}

int64_t session_compare_deadline(const session_feed *feed) {
    return can_compare(feed) ? feed->compare_ms : INT64_MAX;
}

/* ---- reading the ledger ---- */

/* After a fork was found, here or by another connection. What the peer makes of it, its next hello
 * says. */
static void shrink(tally_session *s, session_feed *feed) {
    if (feed->agreed > feed->ours) feed->agreed = feed->ours;
    if (feed->sent > feed->ours) feed->sent = feed->held;
    s->hello_due = true;
}

/* News of others wait: perhaps the peer gets them from where we got them. Not so when it is being
 * sent what came before them. */
static void grow(tally_session *s, session_feed *feed, uint64_t before) {
    bool own = feed->number == 0, waits = feed->relay_ms > s->now;
    feed->stuck = false;
    if (feed->sent >= feed->ours || (feed->sent < before && !waits)) return;
    if (!waits) feed->relay_ms = own ? 0 : session_after(s->now, TALLY_SESSION_RELAY_MS);
    feed->tell = !own;
    if (!own && s->asks_ms == INT64_MAX) s->asks_ms = feed->relay_ms;
}

static uint8_t rank_of(tally_txn *txn, const tally_device_id *device) {
    tally_team_device known;
    if (tally_team_device_get(txn, device, &known) != 0) return RANK_OTHER;
    if (known.creator) return RANK_CREATOR;
    return known.role == TALLY_ROLE_ADMIN ? RANK_ADMIN : RANK_OTHER;
}

static bool read_feed(tally_session *s, tally_txn *txn, uint32_t number) {
    tally_error err = {0};
    tally_feed head;
    if (tally_feed_get(txn, number, &head, &err) != 0) return session_trouble(s, &err);
    if (head.size == 0 && !session_feed_find(s, &head.device)) return true;
    session_feed *feed = session_feed_need(s, &head.device);
    if (!feed) return false;
    uint64_t before = feed->ours;
    feed->number = number;
    feed->ours = head.size;
    if (head.size < before) shrink(s, feed);
    if (head.size > before && number != 0) session_cosign_soon(s);
    if (head.size > before) grow(s, feed, before);
    if (head.size != before || before == 0) feed->rank = rank_of(txn, &feed->device);
    return compare(s, feed);
}

/* What was refused may be welcome now: the peer is told once more what is here. */
static void look_again(tally_session *s, tally_txn *txn, session_feed *feed) {
    tally_fork_state state;
    bool again = false, stranger = session_is_stranger(txn, feed);
    if (feed->skip == SKIP_STRANGER) again = !stranger;
    if (feed->skip == SKIP_FROZEN)
        again = tally_fork_get(txn, &feed->device, &state, NULL) == 0 && state.resolved &&
                state.held < state.size;
    if (again) session_ask_again(s, feed);
    if (feed->search == SEARCH_WAIT && stranger) session_difference_waits(feed);
    if (feed->fork_missed && !stranger) {
        feed->fork_missed = feed->stuck = false;
        feed->unchecked = feed->held > 0;
        s->claimed = s->hello_due = true;
    }
}

void session_ask_again(tally_session *s, session_feed *feed) {
    if (!feed->asked_again) s->hello_due = true;
    feed->asked_again = true;
    feed->skip = SKIP_NONE;
}

/* A session outlives what let it begin: the peer may be revoked meanwhile. */
static bool check_peer(tally_session *s, tally_txn *txn) {
    tally_team_device device;
    int rc;
    if (!s->peer_known) {
        if (session_peer_find(s, txn, &device) != 0) return true;
        s->peer = device.device;
        s->peer_known = true;
    }
    rc = tally_team_device_get(txn, &s->peer, &device);
    if (rc == 0 && device.limit == UINT64_MAX) return true;
    if (rc == 0)
        return session_end(s, TALLY_BYE_REVOKED, false, true, "that device has been revoked");
    return session_end(s, TALLY_BYE_UNKNOWN, false, true,
                       "as far as this node knows, that device is not in the team any more");
}

bool session_refresh(tally_session *s) {
    uint64_t version = tally_ledger_version(s->ledger);
    if (version == s->version) return true;
    session_read_done(s); /* it may be older than `version` */
    tally_txn *txn = session_read(s);
    if (!txn) return false;
    uint32_t count = tally_feed_count(txn);
    bool ok = true;
    for (uint32_t number = 0; ok && number < count; number++)
        ok = read_feed(s, txn, number);
    if (ok) ok = session_forks_read(s, txn) && session_cosigs_read(s, txn);
    for (size_t i = 0; ok && i < s->feed_count; i++)
        if (s->feeds[i].skip != SKIP_NONE || s->feeds[i].fork_missed ||
            s->feeds[i].search == SEARCH_WAIT)
            look_again(s, txn, &s->feeds[i]);
    if (ok) ok = session_owed_look(s, txn);
    if (ok) ok = check_peer(s, txn);
    if (!ok) return false;
    session_read_done(s);
    s->version = version;
    return true;
}

/* ---- in sync ---- */

static bool feed_in_sync(const session_feed *feed) {
    if (feed->tell || feed->search != SEARCH_NONE || can_compare(feed)) return false;
    if (feed->fork_ours != 0 && (feed->fork_theirs == 0 || feed->fork_ours < feed->fork_theirs))
        return false;
    if (feed->ours > feed->sent && !feed->stuck) return false;
    return feed->held <= feed->ours || feed->skip == SKIP_STRANGER || feed->skip == SKIP_FROZEN;
}

bool session_in_sync(const tally_session *s) {
    bool blobs = s->asks_due || s->asks_ms != INT64_MAX || s->asked.count > 0 ||
                 s->wanted.count > 0 || s->piece.open;
    bool due =
        s->hello_due || s->credit_due > 0 || s->item_count > 0 || s->spent > 0 || s->lent > 0;
    if (!s->established || blobs || due || !session_cosigs_in_sync(s)) return false;
    for (size_t i = 0; i < s->feed_count; i++)
        if (!feed_in_sync(&s->feeds[i])) return false;
    return true;
}
