/* What two nodes tell each other of what they hold: hello and have; and what is remembered of it.
 */
#include "session_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FEATURE_PORT   "port "
#define FEATURE_FORKS  "forks "
#define FEATURE_COSIGS "cosigs "
#define FEATURE_COUNT  3u

/* ---- saying ---- */

static size_t features(const tally_session *s, char text[FEATURE_COUNT][32],
                       tally_span out[FEATURE_COUNT]) {
    size_t count = 0;
    if (s->listen_port != 0) {
        (void)snprintf(text[count], 32, FEATURE_PORT "%u", (unsigned)s->listen_port);
        count++;
    }
    if (s->forks != 0) {
        (void)snprintf(text[count], 32, FEATURE_FORKS "%016" PRIx64, s->forks);
        count++;
    }
    (void)snprintf(text[count++], 32, FEATURE_COSIGS "%016" PRIx64, s->cosigs_digest);
    for (size_t i = 0; i < count; i++)
        out[i] = tally_span_str(text[i]);
    return count;
}

/* Everything is told with a hello; after the first, what the peer lacks goes out at once. */
static void mark_told(tally_session *s) {
    for (size_t i = 0; i < s->feed_count; i++) {
        s->feeds[i].tell = false;
        if (s->hellos_out == 0) s->feeds[i].relay_ms = 0;
    }
    if (s->hellos_out == 0) s->asks_ms = INT64_MAX;
    s->hellos_out++;
}

bool session_hello_say(tally_session *s) {
    char text[FEATURE_COUNT][32];
    tally_span spans[FEATURE_COUNT];
    tally_error err = {0};
    size_t count = 0;
    s->hello_due = false;
    if (s->hellos_out == TALLY_SESSION_MAX_HELLOS) return true;
    tally_wire_head *heads = malloc(TALLY_WIRE_MAX_HEADS * sizeof *heads);
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for a hello");
    if (!heads) return session_trouble(s, &err);
    if (!session_refresh(s) || !session_read(s) || !session_cosigs_digest(s)) {
        free(heads);
        return false;
    }
    int rc = tally_frontier(s->txn, heads, &count, &err);
    if (rc == 0)
        rc = tally_wire_put_hello(&s->plain, s->wall, spans, features(s, text, spans), heads, count,
                                  &err);
    free(heads);
    if (s->stage != STAGE_OPEN) session_read_done(s);
    mark_told(s);
    return session_put(s, rc, &err);
}

bool session_have_say(tally_session *s, session_feed *feed) {
    tally_error err = {0};
    tally_wire_head head = {.device = feed->device, .size = feed->ours};
    feed->tell = false;
    if (feed->ours == 0 || !session_read(s)) return !s->ending;
    int rc = session_root(s->txn, feed, feed->ours, &head.root, &err);
    if (rc == 0) rc = tally_wire_put_have(&s->plain, &head, &err);
    return session_put(s, rc, &err);
}

/* ---- hearing ---- */

static bool take_port(tally_span text, uint16_t *out) {
    uint32_t port = 0;
    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0') return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        port = 10 * port + (text.ptr[i] - (uint32_t)'0');
    }
    if (port > UINT16_MAX) return false;
    *out = (uint16_t)port;
    return true;
}

static bool take_digest(tally_span text, uint64_t *out) {
    uint8_t bytes[8];
    if (tally_unhex(text, bytes, sizeof bytes) != 0) return false;
    *out = tally_get_be64(bytes);
    return true;
}

static bool begins(tally_span text, const char *prefix, tally_span *rest) {
    tally_span front = tally_span_str(prefix);
    if (text.len < front.len || memcmp(text.ptr, front.ptr, front.len) != 0) return false;
    *rest = tally_span_of(text.ptr + front.len, text.len - front.len);
    return true;
}

/* Features that do not read are like those that are not known: passed over. */
static void take_features(tally_session *s, tally_wire_list list, uint64_t *forks,
                          uint64_t *cosigs) {
    tally_span text, rest;
    *forks = *cosigs = 0;
    s->cosigs_spoken = false;
    while (tally_wire_next_text(&list, &text)) {
        if (begins(text, FEATURE_PORT, &rest)) (void)take_port(rest, &s->peer_port);
        if (begins(text, FEATURE_FORKS, &rest)) (void)take_digest(rest, forks);
        if (begins(text, FEATURE_COSIGS, &rest)) s->cosigs_spoken = take_digest(rest, cosigs);
    }
}

/* What was known of the peer before no longer holds. An answer that is due to its last trail is: it
 * may have come together with this hello. */
static void forget(tally_session *s, bool same_forks) {
    size_t kept = 0;
    for (size_t i = 0; i < s->feed_count; i++) {
        session_feed *feed = &s->feeds[i];
        feed->held = feed->sent = 0;
        feed->unchecked = feed->stuck = false;
        feed->relay_ms = 0;
        if (feed->search == SEARCH_WAIT) feed->search = SEARCH_NONE;
        feed->fork_theirs = same_forks ? feed->fork_ours : 0;
        if (feed->number != SESSION_NO_NUMBER || feed->fork_ours != 0) s->feeds[kept++] = *feed;
    }
    s->feed_count = kept;
}

bool session_hello_take(tally_session *s, const tally_wire_hello *hello) {
    tally_wire_list frontier = hello->frontier;
    tally_wire_head head;
    tally_error err = {0};
    uint64_t forks, cosigs;
    if (++s->hellos_in > TALLY_SESSION_MAX_HELLOS) {
        (void)tally_fail(&err, TALLY_ELIMIT, "refused one more hello after %u",
                         TALLY_SESSION_MAX_HELLOS);
        return session_refuse(s, &err);
    }
    bool first = s->stage != STAGE_OPEN;
    if (s->stage == STAGE_WAIT && !session_hello_say(s)) return false;
    s->stage = STAGE_OPEN;
    s->messages.max_frame_bytes = TALLY_MESSAGE_MAX_BYTES;
    if (__builtin_sub_overflow(hello->clock_ms, s->wall, &s->clock_off_ms))
        s->clock_off_ms = INT64_MAX;
    if (!session_refresh(s)) return false;
    take_features(s, hello->features, &forks, &cosigs);
    bool compared = session_cosigs_compare(s, cosigs);
    session_read_done(s);
    if (!compared) return false;
    forget(s, forks == s->forks);
    while (tally_wire_next_head(&frontier, &head)) {
        session_feed *feed = session_feed_need(s, &head.device);
        if (!feed) return false;
        session_claim(s, feed, head.size, &head.root);
    }
    s->asks_due = true;
    s->remember_due = true;
    return first ? session_remember(s) && session_greet(s) : true;
}

bool session_greet(tally_session *s) {
    if (s->established || !s->peer_known || s->stage != STAGE_OPEN) return true;
    s->established = true;
    tally_session_event event = {.type = TALLY_SESSION_ESTABLISHED, .peer = s->peer};
    session_tell(s, &event);
    return !s->ending;
}

/* Older news than what is known says nothing. */
bool session_have_take(tally_session *s, const tally_wire_head *have) {
    session_feed *feed = session_feed_need(s, &have->device);
    if (!feed) return false;
    if (have->size < feed->held) return true;
    if (have->size == feed->held && tally_hash_eq(&have->root, &feed->held_root)) return true;
    session_claim(s, feed, have->size, &have->root);
    return true;
}

/* ---- remembering ---- */

/* Where the peer can be called: where we called it, or its host and the port that it named. */
static tally_span address_of(const tally_session *s, char out[TALLY_PEER_ADDRESS_MAX_BYTES + 1]) {
    bool bare_v6 = strchr(s->host, ':') != NULL && s->host[0] != '[';
    if (s->address[0] != '\0') return tally_span_str(s->address);
    if (s->host[0] == '\0' || s->peer_port == 0) return (tally_span){0};
    int len = snprintf(out, TALLY_PEER_ADDRESS_MAX_BYTES + 1, bare_v6 ? "[%s]:%u" : "%s:%u",
                       s->host, (unsigned)s->peer_port);
    if (len < 0 || (unsigned)len > TALLY_PEER_ADDRESS_MAX_BYTES) return (tally_span){0};
    tally_span address = tally_span_of(out, (size_t)len);
    return tally_address_valid(address) ? address : (tally_span){0};
}

int session_remember_in(tally_session *s, tally_txn *txn, tally_error *err) {
    char address[TALLY_PEER_ADDRESS_MAX_BYTES + 1];
    tally_wire_head *heads = malloc(TALLY_WIRE_MAX_HEADS * sizeof *heads);
    if (!heads) return tally_fail(err, TALLY_ENOMEM, "no memory to remember a peer");
    tally_peer peer = {.device = s->peer,
                       .seen_ms = s->wall,
                       .clock_off_ms = s->clock_off_ms,
                       .address = address_of(s, address),
                       .heads = heads};
    for (size_t i = 0; i < s->feed_count && peer.head_count < TALLY_WIRE_MAX_HEADS; i++) {
        const session_feed *feed = &s->feeds[i];
        if (feed->held == 0) continue;
        heads[peer.head_count++] = (tally_wire_head){feed->device, feed->held, feed->held_root};
    }
    int rc = tally_peer_put(txn, &peer, err);
    free(heads);
    return rc;
}
