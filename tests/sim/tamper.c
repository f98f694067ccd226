/* A peer that lies: its session is honest, and between it and the other end stands this, which
 * knows the keys of both and so speaks Noise with each. What it alters is in lies.c. */
#include "sim.h"

#include <tally/noise.h>

#include <stdlib.h>

#define PLAIN_MAX_BYTES  (16u * 1024u * 1024u)
#define PACKET_MAX_PLAIN (TALLY_PACKET_MAX_BYTES - TALLY_NOISE_TAG_BYTES)
#define PACKET_ROOM      (TALLY_PACKET_HEADER_BYTES + TALLY_PACKET_MAX_BYTES)

/* What faces one end: the other end's part. */
typedef struct face {
    tally_noise *noise;
    tally_noise_cipher *send, *receive;
    tally_frame_reader packets, messages;
    tally_buffer waiting; /* plaintext for that end, until its handshake is through */
} face;

struct tamper {
    world *w;
    uint32_t nodes[2];
    unsigned lies;
    tally_team_secret psk;
    face faces[2];
};

tamper *tamper_new(world *w, const conn *c, unsigned lies) {
    tamper *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->w = w;
    t->lies = lies;
    for (unsigned i = 0; i < 2; i++) {
        t->nodes[i] = c->ends[i].node;
        tally_packet_reader_init(&t->faces[i].packets);
        tally_message_reader_init(&t->faces[i].messages, TALLY_MESSAGE_MAX_BYTES);
        tally_buffer_init(&t->faces[i].waiting, PLAIN_MAX_BYTES);
    }
    return t;
}

void tamper_free(tamper *t) {
    if (!t) return;
    for (unsigned i = 0; i < 2; i++) {
        face *f = &t->faces[i];
        tally_noise_free(f->noise);
        tally_noise_cipher_free(f->send);
        tally_noise_cipher_free(f->receive);
        tally_frame_reader_clear(&f->packets);
        tally_frame_reader_clear(&f->messages);
        tally_buffer_clear(&f->waiting);
    }
    free(t);
}

/* Facing one end with the other's static key. */
static bool face_open(tamper *t, unsigned i, const tally_team_secret *psk) {
    uint8_t ephemeral[TALLY_NOISE_KEY_BYTES];
    tally_span secret = tally_span_of(psk->bytes, sizeof psk->bytes);
    const tally_key *key = t->w->nodes[t->nodes[!i]].key;
    dice_bytes(&t->w->dice, ephemeral, sizeof ephemeral);
    tally_noise_free(t->faces[i].noise);
    tally_noise_options options = {
        .protocol = tally_span_str(TALLY_SESSION_PROTOCOL),
        .initiator = i == 1,
        .prologue = tally_span_str(TALLY_SESSION_PROLOGUE),
        .static_private = tally_span_of(tally_key_box_secret(key), TALLY_NOISE_KEY_BYTES),
        .ephemeral_private = tally_span_of(ephemeral, sizeof ephemeral),
        .psks = &secret,
        .psk_count = 1};
    return tally_noise_new(&options, &t->faces[i].noise, NULL) == 0;
}

static bool put_packet(tally_buffer *out, tally_span packet) {
    uint8_t header[TALLY_PACKET_HEADER_BYTES];
    tally_packet_header(header, packet.len);
    return tally_buffer_add(out, tally_span_of(header, sizeof header), NULL) == 0 &&
           tally_buffer_add(out, packet, NULL) == 0;
}

static bool read_step(face *f, tally_span packet) {
    uint8_t payload[256];
    size_t len;
    return tally_noise_read_message(f->noise, packet, payload, sizeof payload, &len, NULL) == 0;
}

/* Writes what is this face's to write, and splits when all is through. */
static bool write_steps(face *f, tally_buffer *out) {
    uint8_t packet[256];
    size_t len;
    while (tally_noise_next(f->noise) == TALLY_NOISE_WRITE) {
        if (tally_noise_write_message(f->noise, tally_span_of(NULL, 0), packet, sizeof packet, &len,
                                      NULL) != 0)
            return false;
        if (!put_packet(out, tally_span_of(packet, len))) return false;
    }
    if (tally_noise_next(f->noise) != TALLY_NOISE_SPLIT) return true;
    return tally_noise_split(f->noise, &f->send, &f->receive, NULL) == 0;
}

/* The initiator's first packet tells which of its secrets it uses. */
static bool first_packet(tamper *t, tally_span packet) {
    node *n = &t->w->nodes[t->nodes[0]];
    for (size_t i = 0; i < n->secret_count; i++) {
        t->psk = n->secrets[i];
        if (face_open(t, 0, &t->psk) && read_step(&t->faces[0], packet)) return true;
    }
    return false;
}

static bool handshake(tamper *t, unsigned from, tally_span packet, tally_buffer out[2]) {
    face *f = &t->faces[from];
    if (from == 0 && !f->noise) {
        if (!first_packet(t, packet) || !write_steps(f, &out[0])) return false;
        return face_open(t, 1, &t->psk) && write_steps(&t->faces[1], &out[1]);
    }
    return f->noise && read_step(f, packet) && write_steps(f, &out[from]);
}

/* Seals what waits for an end. */
static bool give(face *f, tally_buffer *out) {
    static uint8_t packet[PACKET_ROOM];
    size_t at = 0, len;
    if (!f->send) return true;
    while (at < f->waiting.len) {
        size_t some =
            f->waiting.len - at < PACKET_MAX_PLAIN ? f->waiting.len - at : PACKET_MAX_PLAIN;
        if (tally_noise_cipher_encrypt(f->send, tally_span_of(f->waiting.ptr + at, some), packet,
                                       sizeof packet, &len, NULL) != 0)
            return false;
        if (!put_packet(out, tally_span_of(packet, len))) return false;
        at += some;
    }
    tally_buffer_clear(&f->waiting);
    return true;
}

static bool pass_message(tamper *t, unsigned from, tally_span message) {
    uint8_t header[TALLY_MESSAGE_HEADER_BYTES];
    tally_buffer *to = &t->faces[!from].waiting;
    if (from == t->lies) return lie_about(t->w, &t->w->nodes[t->nodes[from]], message, to);
    tally_put_be32(header, (uint32_t)message.len);
    return tally_buffer_add(to, tally_span_of(header, sizeof header), NULL) == 0 &&
           tally_buffer_add(to, message, NULL) == 0;
}

static bool transport(tamper *t, unsigned from, tally_span packet) {
    static uint8_t plain[TALLY_PACKET_MAX_BYTES];
    face *f = &t->faces[from];
    tally_span message;
    size_t len;
    int rc = 0;
    if (tally_noise_cipher_decrypt(f->receive, packet, plain, sizeof plain, &len, NULL) != 0)
        return false;
    tally_span input = tally_span_of(plain, len);
    bool good = true;
    while (good && (rc = tally_frame_next(&f->messages, &input, &message, NULL)) == 1)
        good = pass_message(t, from, message);
    return good && rc == 0;
}

bool tamper_pass(tamper *t, unsigned from, tally_span bytes, tally_buffer out[2]) {
    face *f = &t->faces[from];
    tally_span packet;
    int rc = 0;
    bool good = true;
    while (good && (rc = tally_frame_next(&f->packets, &bytes, &packet, NULL)) == 1)
        good = f->receive ? transport(t, from, packet) : handshake(t, from, packet, out);
    for (unsigned i = 0; i < 2; i++)
        good = give(&t->faces[i], &out[i]) && good; /* what was said before still arrives */
    return good && rc == 0;
}
