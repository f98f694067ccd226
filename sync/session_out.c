/* What a session says: messages joined into packets and sealed, as far as there is room for
 * output, and in which order what is due is said. */
#include "session_state.h"

#include <assert.h>

/* Messages that are not sealed yet: less than a packet, and one more. */
#define PLAIN_LIMIT_BYTES                                                                          \
    (TALLY_PACKET_MAX_BYTES + TALLY_MESSAGE_HEADER_BYTES + TALLY_MESSAGE_MAX_BYTES)
/* TALLY_SESSION_OUTPUT_BYTES and one message, and as much again that was sent but not dropped. */
#define OUT_LIMIT_BYTES (2u * (TALLY_SESSION_OUTPUT_BYTES + 2u * TALLY_MESSAGE_MAX_BYTES))
#define RAW_LIMIT_BYTES (TALLY_SESSION_PENDING_BYTES + TALLY_WIRE_BLOB_MAX_BYTES)

void session_buffers_init(tally_session *s) {
    tally_buffer_init(&s->plain, PLAIN_LIMIT_BYTES);
    tally_buffer_init(&s->out, OUT_LIMIT_BYTES);
    tally_buffer_init(&s->raw, RAW_LIMIT_BYTES);
    tally_buffer_init(&s->piece.bytes, TALLY_WIRE_BLOB_MAX_BYTES);
}

/* A session that is quiet keeps little. */
void session_buffers_trim(tally_session *s) {
    if (s->plain.len == 0 && s->plain.capacity > TALLY_FRAME_KEEP_BYTES)
        tally_buffer_clear(&s->plain);
    if (s->out.len == 0 && s->out.capacity > TALLY_FRAME_KEEP_BYTES) tally_buffer_clear(&s->out);
    if (s->raw.len == 0 && s->raw.capacity > TALLY_FRAME_KEEP_BYTES) tally_buffer_clear(&s->raw);
}

size_t session_output_len(const tally_session *s) {
    return s->out.len - s->out_at;
}

void session_out_drop(tally_session *s, size_t len) {
    assert(len <= session_output_len(s));
    s->out_at += len;
    s->counts.bytes_out += len;
    if (s->out_at < s->out.len / 2) return; /* not for every few bytes: the rest moves */
    tally_buffer_drop(&s->out, s->out_at);
    s->out_at = 0;
}

bool session_out_add(tally_session *s, tally_span packet) {
    tally_error err = {0};
    uint8_t *at;
    if (tally_buffer_extend(&s->out, TALLY_PACKET_HEADER_BYTES + packet.len, &at, &err) != 0)
        return session_trouble(s, &err);
    tally_packet_header(at, packet.len);
    memcpy(at + TALLY_PACKET_HEADER_BYTES, packet.ptr, packet.len);
    return true;
}

static bool seal_one(tally_session *s, tally_span plain) {
    tally_error err = {0};
    size_t size = plain.len + TALLY_NOISE_TAG_BYTES, len;
    uint8_t *at;
    int rc = tally_buffer_extend(&s->out, TALLY_PACKET_HEADER_BYTES + size, &at, &err);
    if (rc == 0) {
        tally_packet_header(at, size);
        rc = tally_noise_cipher_encrypt(s->sending, plain, at + TALLY_PACKET_HEADER_BYTES, size,
                                        &len, &err);
    }
    s->spoke_ms = s->now;
    return rc == 0 || session_trouble(s, &err);
}

static bool seal_packets(tally_session *s, bool rest) {
    size_t at = 0;
    for (;;) {
        size_t left = s->plain.len - at;
        if (left < SESSION_PLAIN_BYTES && (!rest || left == 0)) break;
        size_t len = left < SESSION_PLAIN_BYTES ? left : SESSION_PLAIN_BYTES;
        if (!seal_one(s, tally_span_of(s->plain.ptr + at, len))) return false;
        at += len;
    }
    if (at > 0) tally_buffer_drop(&s->plain, at);
    return true;
}

bool session_put(tally_session *s, int rc, const tally_error *err) {
    return rc == 0 ? seal_packets(s, false) : session_trouble(s, err);
}

bool session_seal(tally_session *s) {
    return seal_packets(s, true);
}

/* ---- what is due ---- */

static bool say_credit(tally_session *s) {
    tally_error err = {0};
    uint64_t given = s->credit_due;
    s->credit_due = 0;
    s->window += given;
    return session_put(s, tally_wire_put_credit(&s->plain, given, &err), &err);
}

/* The first feed for which something small is due. */
static bool say_of_feed(tally_session *s) {
    for (size_t i = 0; i < s->feed_count; i++) {
        session_feed *feed = &s->feeds[i];
        if (feed->fork_ours != 0 && (feed->fork_theirs == 0 || feed->fork_ours < feed->fork_theirs))
            return session_fork_say(s, feed);
        if (feed->tell) return session_have_say(s, feed);
        if (feed->search == SEARCH_DUE) return session_search_say(s, feed);
    }
    return false;
}

/* True when something was said. Forks go before the hello that follows from them. */
static bool say_next(tally_session *s) {
    if (say_of_feed(s)) return true;
    if (!s->ending && s->hello_due) return session_hello_say(s);
    if (!s->ending && s->credit_due > 0) return say_credit(s);
    if (!s->ending && s->asks_due && session_asks_say(s)) return true;
    if (!s->ending && session_blob_say(s)) return true;
    if (!s->ending && session_push(s)) return true;
    return !s->ending && session_cosig_say(s);
}

void session_pump(tally_session *s) {
    while (!s->ending && session_output_len(s) + s->plain.len < TALLY_SESSION_OUTPUT_BYTES)
        if (!say_next(s)) break;
    if (!s->ending) (void)session_seal(s);
}
