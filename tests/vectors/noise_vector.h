/* One Noise test vector of the cacophony and snow format, played on both sides. Header only: shared
 * by noise_vectors.c, which prints, and tests/unit/noise_test.c, which asserts. */
#ifndef TALLY_NOISE_VECTOR_H
#define TALLY_NOISE_VECTOR_H

#include <tally/json.h>
#include <tally/noise.h>

#define NOISE_VECTOR_PROLOGUE_MAX_BYTES 65536u

/* One side's half of the vector. */
typedef struct noise_vector_party {
    uint8_t prologue[NOISE_VECTOR_PROLOGUE_MAX_BYTES];
    uint8_t keys[3][TALLY_NOISE_KEY_BYTES]; /* static, ephemeral, remote static */
    uint8_t psks[TALLY_NOISE_MAX_PSKS][TALLY_NOISE_KEY_BYTES];
    tally_span psk_spans[TALLY_NOISE_MAX_PSKS];
    tally_noise_options options;
} noise_vector_party;

/* Both sides of the protocol that a vector plays. */
typedef struct noise_vector_session {
    tally_noise *initiator, *responder;
    /* After the split: the direction that carries what this side sends. */
    struct {
        tally_noise_cipher *send, *receive;
    } initiator_end, responder_end;
} noise_vector_session;

static inline bool noise_vector_hex(const tally_json *value, uint8_t *out, size_t size,
                                    tally_span *span) {
    size_t len = value->raw.len / 2;
    if (value->type != TALLY_JSON_STRING || len > size) return false;
    *span = tally_span_of(out, len);
    return tally_unhex(value->raw, out, len) == 0;
}

/* A missing field is an empty one. */
static inline bool noise_vector_field(const tally_json *vector, const char *name, uint8_t *out,
                                      size_t size, tally_span *span) {
    tally_json value;
    *span = tally_span_of(NULL, 0);
    if (!tally_json_get(vector, name, &value) || value.type == TALLY_JSON_NULL) return true;
    return noise_vector_hex(&value, out, size, span);
}

static inline bool noise_vector_psks(const tally_json *vector, const char *name,
                                     noise_vector_party *party) {
    tally_json list, element;
    tally_json_iter iter;
    party->options.psks = party->psk_spans;
    if (!tally_json_get(vector, name, &list) || list.type == TALLY_JSON_NULL) return true;
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &element)) {
        size_t i = party->options.psk_count;
        if (i == TALLY_NOISE_MAX_PSKS) return false;
        if (!noise_vector_hex(&element, party->psks[i], sizeof party->psks[i],
                              &party->psk_spans[i]))
            return false;
        party->options.psk_count++;
    }
    return list.type == TALLY_JSON_ARRAY;
}

/* The options of one side; the protocol's name is under protocol_name, in older files under name.
 * False when a field is not what it should be. */
static inline bool noise_vector_read(const tally_json *vector, bool initiator,
                                     noise_vector_party *party) {
    tally_noise_options *options = &party->options;
    tally_json name;
    *options = (tally_noise_options){.initiator = initiator};
    if (!tally_json_get(vector, "protocol_name", &name) && !tally_json_get(vector, "name", &name))
        return false;
    if (name.type != TALLY_JSON_STRING || name.escaped) return false;
    options->protocol = name.raw;
    const size_t size = TALLY_NOISE_KEY_BYTES;
    return noise_vector_field(vector, initiator ? "init_prologue" : "resp_prologue",
                              party->prologue, sizeof party->prologue, &options->prologue) &&
           noise_vector_field(vector, initiator ? "init_static" : "resp_static", party->keys[0],
                              size, &options->static_private) &&
           noise_vector_field(vector, initiator ? "init_ephemeral" : "resp_ephemeral",
                              party->keys[1], size, &options->ephemeral_private) &&
           noise_vector_field(vector, initiator ? "init_remote_static" : "resp_remote_static",
                              party->keys[2], size, &options->remote_static) &&
           noise_vector_psks(vector, initiator ? "init_psks" : "resp_psks", party);
}

static inline void noise_vector_close(noise_vector_session *session) {
    tally_noise_cipher_free(session->initiator_end.send);
    tally_noise_cipher_free(session->initiator_end.receive);
    tally_noise_cipher_free(session->responder_end.send);
    tally_noise_cipher_free(session->responder_end.receive);
    tally_noise_free(session->initiator);
    tally_noise_free(session->responder);
    *session = (noise_vector_session){0};
}

/* The caller closes the session, also after a failure. */
static inline int noise_vector_open(const tally_json *vector, noise_vector_session *session,
                                    tally_error *err) {
    static noise_vector_party initiator, responder;
    *session = (noise_vector_session){0};
    if (!noise_vector_read(vector, true, &initiator) ||
        !noise_vector_read(vector, false, &responder))
        return tally_fail(err, TALLY_EFORMAT, "a field is missing, too long or not hexadecimal");
    int rc = tally_noise_new(&initiator.options, &session->initiator, err);
    if (rc == 0) rc = tally_noise_new(&responder.options, &session->responder, err);
    return rc;
}

static inline int noise_vector_split(noise_vector_session *session, tally_error *err) {
    int rc = tally_noise_split(session->initiator, &session->initiator_end.send,
                               &session->initiator_end.receive, err);
    if (rc == 0)
        rc = tally_noise_split(session->responder, &session->responder_end.send,
                               &session->responder_end.receive, err);
    return rc;
}

/* One message through the handshake or, after the split, through the transport: what is written
 * must be `ciphertext` and what is read from that must be `payload`. */
static inline int noise_vector_message(noise_vector_session *session, bool from_initiator,
                                       tally_span payload, tally_span ciphertext,
                                       tally_error *err) {
    static uint8_t written[TALLY_NOISE_MESSAGE_MAX_BYTES], read[TALLY_NOISE_MESSAGE_MAX_BYTES];
    tally_noise *writer = from_initiator ? session->initiator : session->responder;
    tally_noise *reader = from_initiator ? session->responder : session->initiator;
    bool transport = session->initiator_end.send != NULL;
    size_t written_len, read_len;
    tally_noise_cipher *send =
        from_initiator ? session->initiator_end.send : session->responder_end.send;
    tally_noise_cipher *receive =
        from_initiator ? session->responder_end.receive : session->initiator_end.receive;
    int rc = transport ? tally_noise_cipher_encrypt(send, payload, written, sizeof written,
                                                    &written_len, err)
                       : tally_noise_write_message(writer, payload, written, sizeof written,
                                                   &written_len, err);
    if (rc != 0) return rc;
    if (!tally_span_eq(tally_span_of(written, written_len), ciphertext))
        return tally_fail(err, TALLY_EFORMAT, "the ciphertext differs");
    rc = transport
             ? tally_noise_cipher_decrypt(receive, ciphertext, read, sizeof read, &read_len, err)
             : tally_noise_read_message(reader, ciphertext, read, sizeof read, &read_len, err);
    if (rc != 0) return rc;
    if (!tally_span_eq(tally_span_of(read, read_len), payload))
        return tally_fail(err, TALLY_EFORMAT, "the payload differs");
    return 0;
}

static inline bool noise_vector_hash_is(const tally_noise *noise, const uint8_t *want) {
    const tally_hash *hash = tally_noise_handshake_hash(noise);
    return hash && memcmp(hash->b, want, TALLY_HASH_BYTES) == 0;
}

/* Both hashes must be the vector's (snow's files have none), and one another's. */
static inline int noise_vector_hash(const tally_json *vector, const noise_vector_session *session,
                                    tally_error *err) {
    uint8_t want[TALLY_HASH_BYTES];
    tally_span span;
    const tally_hash *own = tally_noise_handshake_hash(session->initiator);
    if (!own || !noise_vector_hash_is(session->responder, own->b))
        return tally_fail(err, TALLY_EFORMAT, "the two sides' handshake hashes differ");
    if (!noise_vector_field(vector, "handshake_hash", want, sizeof want, &span) ||
        (span.len != 0 && span.len != sizeof want))
        return tally_fail(err, TALLY_EFORMAT, "the handshake hash is not one");
    if (span.len > 0 && !noise_vector_hash_is(session->initiator, want))
        return tally_fail(err, TALLY_EFORMAT, "the handshake hash differs");
    return 0;
}

/* Messages alternate, beginning with the initiator's; after a one-way handshake only it sends. */
static inline int noise_vector_messages(const tally_json *vector, noise_vector_session *session,
                                        tally_error *err) {
    static uint8_t payload[TALLY_NOISE_MESSAGE_MAX_BYTES], sent[TALLY_NOISE_MESSAGE_MAX_BYTES];
    tally_json list, message, value;
    tally_json_iter iter;
    tally_span payload_span, sent_span;
    unsigned count = 0;
    if (!tally_json_get(vector, "messages", &list) || list.type != TALLY_JSON_ARRAY)
        return tally_fail(err, TALLY_EFORMAT, "there are no messages");
    tally_json_iter_init(&iter, &list);
    for (; tally_json_next(&iter, NULL, &message); count++) {
        if (!noise_vector_field(&message, "payload", payload, sizeof payload, &payload_span) ||
            !tally_json_get(&message, "ciphertext", &value) ||
            !noise_vector_hex(&value, sent, sizeof sent, &sent_span))
            return tally_fail(err, TALLY_EFORMAT, "message %u is malformed", count + 1);
        bool one_way = session->initiator_end.send && !session->responder_end.send;
        bool from_initiator = one_way || count % 2 == 0;
        int rc = noise_vector_message(session, from_initiator, payload_span, sent_span, err);
        if (rc != 0) {
            if (err) (void)tally_fail_while(err, "message %u", count + 1);
            return rc;
        }
        if (tally_noise_next(session->initiator) != TALLY_NOISE_SPLIT) continue;
        rc = noise_vector_hash(vector, session, err);
        if (rc == 0) rc = noise_vector_split(session, err);
        if (rc != 0) return rc;
    }
    if (tally_noise_next(session->initiator) != TALLY_NOISE_DONE)
        return tally_fail(err, TALLY_EFORMAT, "the messages end before the handshake does");
    return 0;
}

/* 0 when every byte on both sides and the handshake hash are as the vector says. */
static inline int noise_vector_play(const tally_json *vector, tally_error *err) {
    noise_vector_session session;
    int rc = noise_vector_open(vector, &session, err);
    if (rc == 0) rc = noise_vector_messages(vector, &session, err);
    noise_vector_close(&session);
    return rc;
}

#endif
