/* Two parties with fixed keys and the messages between them, for noise_test.c: header only. */
#ifndef TALLY_NOISE_PAIR_H
#define TALLY_NOISE_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>

#include "../../sync/noise_pattern.h"

#define KEY           TALLY_NOISE_KEY_BYTES
#define NAME(pattern) "Noise_" pattern "_25519_ChaChaPoly_SHA256"

/* One side's options and the keys they point to. */
typedef struct party {
    uint8_t s[KEY], e[KEY], rs[KEY], psks[TALLY_NOISE_MAX_PSKS][KEY];
    tally_span psk_spans[TALLY_NOISE_MAX_PSKS];
    tally_noise_options options;
} party;

static party alice, bob;
static tally_noise *initiator, *responder;
static uint8_t message[TALLY_NOISE_MESSAGE_MAX_BYTES + 1], payload[TALLY_NOISE_MESSAGE_MAX_BYTES];
static size_t message_len, payload_len;
static tally_error err;

/* All keys that the pattern needs; deterministic. */
static void party_init(party *p, const char *protocol, bool is_initiator) {
    noise_pattern pattern;
    tally_noise_options *o = &p->options;
    *o = (tally_noise_options){.protocol = tally_span_str(protocol),
                               .initiator = is_initiator,
                               .prologue = tally_span_str("prologue"),
                               .psks = p->psk_spans};
    if (noise_pattern_parse(o->protocol, &pattern, &err) != 0) fail_msg("%s", err.text);
    memset(p->s, is_initiator ? 0x11 : 0x22, KEY);
    memset(p->e, is_initiator ? 0x33 : 0x44, KEY);
    o->static_private = tally_span_of(p->s, KEY);
    o->ephemeral_private = tally_span_of(p->e, KEY);
    if (noise_pattern_knows(&pattern, !is_initiator)) {
        uint8_t other[KEY];
        memset(other, is_initiator ? 0x22 : 0x11, KEY);
        crypto_scalarmult_base(p->rs, other);
        o->remote_static = tally_span_of(p->rs, KEY);
    }
    o->psk_count = pattern.psk_count;
    for (size_t i = 0; i < pattern.psk_count; i++) {
        memset(p->psks[i], 0x50 + (int)i, KEY);
        p->psk_spans[i] = tally_span_of(p->psks[i], KEY);
    }
}

static void close_both(void) {
    tally_noise_free(initiator);
    tally_noise_free(responder);
    initiator = responder = NULL;
}

/* With `alice` and `bob` as they are now. */
static void open_both(void) {
    close_both();
    if (tally_noise_new(&alice.options, &initiator, &err) != 0) fail_msg("%s", err.text);
    if (tally_noise_new(&bob.options, &responder, &err) != 0) fail_msg("%s", err.text);
}

static void open_protocol(const char *protocol) {
    party_init(&alice, protocol, true);
    party_init(&bob, protocol, false);
    open_both();
}

static tally_noise *writer(void) {
    return tally_noise_next(initiator) == TALLY_NOISE_WRITE ? initiator : responder;
}

static tally_noise *reader(void) {
    return tally_noise_next(initiator) == TALLY_NOISE_WRITE ? responder : initiator;
}

static int write_next(void) {
    return tally_noise_write_message(writer(), tally_span_str("payload"), message, sizeof message,
                                     &message_len, &err);
}

static int read_by(tally_noise *noise, size_t len) {
    memset(payload, 0xaa, sizeof "payload");
    return tally_noise_read_message(noise, tally_span_of(message, len), payload, sizeof payload,
                                    &payload_len, &err);
}

/* One message from either side to the other. */
static int pass_next(void) {
    tally_noise *to = reader();
    int rc = write_next();
    if (rc != 0) return rc;
    rc = read_by(to, message_len);
    if (rc == 0) assert_true(tally_span_is(tally_span_of(payload, payload_len), "payload"));
    return rc;
}

static void must_pass(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (pass_next() != 0) fail_msg("message %u: %s", i, err.text);
}

#endif
