/* A session's first three packets, and who the other side turns out to be. The cryptography is in
 * noise*.c. */
#include "session_state.h"

#include <tally/secret.h>

#include <sodium.h>
#include <stdlib.h>

static tally_span key_span(const uint8_t *key) {
    return tally_span_of(key, TALLY_NOISE_KEY_BYTES);
}

/* A handshake with one of the secrets. */
static int start(const tally_session *s, size_t secret, tally_noise **out, tally_error *err) {
    tally_span psk = tally_span_of(s->secrets->list[secret].bytes, TALLY_TEAM_SECRET_BYTES);
    tally_noise_options options = {.protocol = tally_span_str(TALLY_SESSION_PROTOCOL),
                                   .initiator = s->initiator,
                                   .prologue = tally_span_str(TALLY_SESSION_PROLOGUE),
                                   .static_private = key_span(tally_key_box_secret(s->key)),
                                   .ephemeral_private = key_span(s->secrets->ephemeral),
                                   .psks = &psk,
                                   .psk_count = 1};
    if (s->kind == TALLY_SESSION_JOIN) options.remote_static = key_span(s->inviter);
    return tally_noise_new(&options, out, err);
}

static bool write_message(tally_session *s) {
    uint8_t packet[TALLY_NOISE_OVERHEAD_MAX_BYTES];
    tally_error err = {0};
    size_t len;
    if (tally_noise_write_message(s->noise, (tally_span){0}, packet, sizeof packet, &len, &err) !=
        0)
        return session_refuse(s, &err);
    return session_out_add(s, tally_span_of(packet, len));
}

int session_handshake_begin(tally_session *s, tally_error *err) {
    if (!s->initiator) return 0; /* which secret is to be used shows with the first packet */
    int rc = start(s, 0, &s->noise, err);
    if (rc == 0 && !write_message(s)) rc = tally_fail(err, TALLY_ENOMEM, "no memory to call");
    return rc;
}

void session_handshake_clear(tally_session *s) {
    tally_noise_free(s->noise);
    s->noise = NULL;
    tally_secret_free(s->secrets);
    s->secrets = NULL;
}

/* Nothing can be said to a stranger, and nothing is: it learns not even what this is. */
static bool fail(tally_session *s, const tally_error *err) {
    if (err->code == TALLY_ENOMEM) return session_trouble(s, err);
    return session_end(s, TALLY_BYE_PROTOCOL, false, false,
                       "the handshake failed: the other side is not of this team, or has another "
                       "secret of it");
}

static bool read_message(tally_noise *noise, tally_span packet, tally_error *err) {
    uint8_t payload[TALLY_SESSION_HANDSHAKE_PACKET_MAX_BYTES];
    size_t len;
    if (tally_noise_read_message(noise, packet, payload, sizeof payload, &len, err) != 0)
        return false;
    if (len == 0) return true;
    (void)tally_fail(err, TALLY_EFORMAT, "refused a handshake with a payload");
    return false;
}

/* The first packet opens with the secret that it was made with. */
static bool find_secret(tally_session *s, tally_span packet) {
    tally_error err = {.code = TALLY_EFORMAT};
    for (size_t i = 0; i < s->secrets->count; i++) {
        tally_noise *noise;
        if (start(s, i, &noise, &err) != 0) return session_trouble(s, &err);
        if (read_message(noise, packet, &err)) {
            s->noise = noise;
            return true;
        }
        tally_noise_free(noise);
    }
    return fail(s, &err);
}

typedef struct lookup {
    const uint8_t *key;
    bool found;
    tally_team_device device;
} lookup;

/* One that was not revoked beats one that was, should two have the same key. */
static int look(void *ctx, const tally_team_device *device) {
    lookup *l = ctx;
    if (memcmp(device->box_key, l->key, sizeof device->box_key) != 0) return 0;
    if (l->found && l->device.limit == UINT64_MAX) return 0;
    l->found = true;
    l->device = *device;
    return 0;
}

int session_peer_find(tally_session *s, tally_txn *txn, tally_team_device *out) {
    lookup l = {.key = s->remote};
    int rc = tally_team_device_each(txn, look, &l);
    if (rc != 0) return rc;
    *out = l.device;
    return l.found ? 0 : TALLY_ENOTFOUND;
}

static bool meet_teammate(tally_session *s) {
    tally_error err = {0};
    tally_team_device device = {0};
    tally_txn *txn = session_read(s);
    if (!txn) return false;
    int rc = session_peer_find(s, txn, &device);
    session_read_done(s);
    if (rc == TALLY_ENOTFOUND)
        return session_end(s, TALLY_BYE_UNKNOWN, false, true,
                           "as far as this node knows, nobody has added that device to the team");
    if (rc != 0) {
        (void)tally_fail(&err, rc, "the view of the team is damaged; run 'tally rebuild'");
        return session_trouble(s, &err);
    }
    s->peer = device.device;
    s->peer_known = true;
    if (device.limit != UINT64_MAX)
        return session_end(s, TALLY_BYE_REVOKED, false, true,
                           "that device was revoked; it can join again with new keys");
    s->stage = STAGE_HELLO;
    return session_hello_say(s) && session_seal(s);
}

/* All messages are through: from here on packets carry the message stream. */
static bool finish(tally_session *s) {
    tally_error err = {0};
    s->handshake = *tally_noise_handshake_hash(s->noise);
    memcpy(s->remote, tally_noise_remote_static(s->noise), sizeof s->remote);
    if (tally_noise_split(s->noise, &s->sending, &s->receiving, &err) != 0)
        return session_trouble(s, &err);
    session_handshake_clear(s);
    s->opened = malloc(TALLY_PACKET_MAX_BYTES);
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for a session");
    if (!s->opened) return session_trouble(s, &err);
    s->packets.max_frame_bytes = TALLY_PACKET_MAX_BYTES;
    s->heard_ms = s->now;
    s->limit_ms = session_after(s->now, TALLY_SESSION_HELLO_MS);
    if (sodium_memcmp(s->remote, tally_key_box_public(s->key), sizeof s->remote) == 0)
        return session_end(s, TALLY_BYE_ITSELF, false, true, "both ends are the same device");
    return s->kind == TALLY_SESSION_TEAM ? meet_teammate(s) : session_join_begin(s);
}

bool session_handshake_take(tally_session *s, tally_span packet) {
    tally_error err = {0};
    if (!s->noise) {
        if (!find_secret(s, packet)) return false;
    } else if (tally_noise_next(s->noise) == TALLY_NOISE_READ) {
        if (!read_message(s->noise, packet, &err)) return fail(s, &err);
    }
    if (tally_noise_next(s->noise) == TALLY_NOISE_WRITE && !write_message(s)) return false;
    return tally_noise_next(s->noise) != TALLY_NOISE_SPLIT || finish(s);
}
