/* Any bytes as protocol name, and as messages put between two honest parties of a handshake and its
 * transport: nothing but what the other side wrote is believed once there is a key, and a failed
 * handshake stays failed. */
#include <tally/noise.h>

#include <stdlib.h>

#define KEY                 TALLY_NOISE_KEY_BYTES
#define MAX_PSKS            2u
#define MAX_STEPS           12u
#define PAYLOAD             "payload"
#define NAME_OF(pattern)    "Noise_" pattern "_25519_ChaChaPoly_SHA256"
#define DELIVER_UNCHANGED   0
#define DELIVER_WITH_A_FLIP 1 /* then 2 bytes of offset, 1 of mask */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    bool initiator_known, responder_known;
    bool clear_first; /* the first message is in the clear */
    size_t psks;
} protocols[] = {
    {NAME_OF("XXpsk0"), false, false, false, 1}, {NAME_OF("NN"), false, false, true, 0},
    {NAME_OF("IK"), false, true, false, 0},      {NAME_OF("KKpsk0+psk2"), true, true, false, 2},
    {NAME_OF("X1X1"), false, false, true, 0},    {NAME_OF("X"), false, true, false, 0}};
#define PROTOCOL_COUNT (sizeof protocols / sizeof protocols[0])

typedef struct endpoint {
    tally_noise *noise;
    tally_noise_cipher *send, *receive;
} endpoint;

typedef struct exchange {
    endpoint initiator, responder;
    bool initiators_turn;
    bool clear; /* nothing vouches for the next message */
} exchange;

static void must(bool condition) {
    if (!condition) abort();
}

static uint8_t take(tally_span *input) {
    if (input->len == 0) return 0;
    uint8_t byte = *input->ptr;
    *input = tally_span_of(input->ptr + 1, input->len - 1);
    return byte;
}

static size_t take_u16(tally_span *input) {
    size_t high = take(input);
    return high << 8 | take(input);
}

/* X25519 public keys of the private keys made of 0x11 and 0x22, from an independent tool. */
static const uint8_t initiator_public[KEY] = {
    0x7b, 0x4e, 0x90, 0x9b, 0xbe, 0x7f, 0xfe, 0x44, 0xc4, 0x65, 0xa2, 0x20, 0x03, 0x7d, 0x60, 0x8e,
    0xe3, 0x58, 0x97, 0xd3, 0x1e, 0xf9, 0x72, 0xf0, 0x7f, 0x74, 0x89, 0x2c, 0xb0, 0xf7, 0x3f, 0x13};
static const uint8_t responder_public[KEY] = {
    0x0f, 0xaa, 0x68, 0x4e, 0xd2, 0x88, 0x67, 0xb9, 0x7f, 0x4a, 0x6a, 0x2d, 0xee, 0x5d, 0xf8, 0xce,
    0x97, 0x4e, 0x76, 0xb7, 0x01, 0x8e, 0x3f, 0x22, 0xa1, 0xc4, 0xcf, 0x26, 0x78, 0x57, 0x0f, 0x20};

static tally_noise *party_new(size_t protocol, bool initiator) {
    uint8_t s[KEY], e[KEY], psk[KEY];
    memset(s, initiator ? 0x11 : 0x22, KEY);
    memset(e, initiator ? 0x33 : 0x44, KEY);
    memset(psk, 0x55, KEY);
    const tally_span psks[MAX_PSKS] = {tally_span_of(psk, KEY), tally_span_of(psk, KEY)};
    tally_noise_options options = {.protocol = tally_span_str(protocols[protocol].name),
                                   .initiator = initiator,
                                   .static_private = tally_span_of(s, KEY),
                                   .ephemeral_private = tally_span_of(e, KEY),
                                   .psks = psks,
                                   .psk_count = protocols[protocol].psks};
    if (initiator && protocols[protocol].responder_known)
        options.remote_static = tally_span_of(responder_public, KEY);
    if (!initiator && protocols[protocol].initiator_known)
        options.remote_static = tally_span_of(initiator_public, KEY);
    tally_noise *noise;
    must(tally_noise_new(&options, &noise, NULL) == 0);
    return noise;
}

/* Any bytes as a name: with every key given, only the name decides. */
static void fuzz_name(tally_span name) {
    uint8_t key[KEY];
    memset(key, 0x77, KEY);
    const tally_span span = tally_span_of(key, KEY);
    const tally_span psks[TALLY_NOISE_MAX_PSKS] = {span, span, span, span, span};
    tally_error err;
    tally_noise_options options = {
        .protocol = name, .static_private = span, .ephemeral_private = span, .psks = psks};
    for (size_t count = 0; count <= TALLY_NOISE_MAX_PSKS; count++) {
        options.psk_count = count;
        for (unsigned known = 0; known < 4; known++) {
            tally_noise *noise;
            options.initiator = (known & 1) != 0;
            options.remote_static = tally_span_of(key, (known & 2) != 0 ? KEY : 0);
            int rc = tally_noise_new(&options, &noise, &err);
            must(rc == 0 || rc == TALLY_EINVAL);
            must((rc == 0) == (noise != NULL));
            tally_noise_free(noise);
        }
    }
}

static int write_next(endpoint *from, uint8_t *out, size_t size, size_t *len) {
    const tally_span text = tally_span_str(PAYLOAD);
    if (from->send) return tally_noise_cipher_encrypt(from->send, text, out, size, len, NULL);
    return tally_noise_write_message(from->noise, text, out, size, len, NULL);
}

static int read_next(endpoint *to, tally_span message, uint8_t *out, size_t size, size_t *len) {
    if (to->receive) return tally_noise_cipher_decrypt(to->receive, message, out, size, len, NULL);
    return tally_noise_read_message(to->noise, message, out, size, len, NULL);
}

static void split_when_done(endpoint *end) {
    if (tally_noise_next(end->noise) != TALLY_NOISE_SPLIT) return;
    must(tally_noise_split(end->noise, &end->send, &end->receive, NULL) == 0);
}

/* What arrives instead of the `len` bytes in `sent`: those, changed, or something else. */
static tally_span on_the_way(tally_span *input, const uint8_t *sent, size_t len, uint8_t *changed) {
    uint8_t how = take(input);
    memcpy(changed, sent, len);
    if (how == DELIVER_UNCHANGED) return tally_span_of(changed, len);
    size_t n = take_u16(input);
    if (how == DELIVER_WITH_A_FLIP) {
        changed[n % len] ^= take(input);
        return tally_span_of(changed, len);
    }
    if (n > input->len) n = input->len;
    tally_span out = tally_span_of(input->ptr, n);
    *input = tally_span_of(input->ptr + n, input->len - n);
    return out;
}

/* One message; false when nobody can go on. */
static bool step(exchange *x, tally_span *input) {
    static uint8_t sent[256], changed[256], got[TALLY_NOISE_MESSAGE_MAX_BYTES];
    endpoint *from = x->initiators_turn ? &x->initiator : &x->responder;
    endpoint *to = x->initiators_turn ? &x->responder : &x->initiator;
    size_t sent_len, got_len;
    if (tally_noise_next(from->noise) == TALLY_NOISE_DONE && !from->send) {
        x->initiators_turn = !x->initiators_turn; /* one-way */
        return true;
    }
    if (write_next(from, sent, sizeof sent, &sent_len) != 0) return false;
    tally_span arrived = on_the_way(input, sent, sent_len, changed);
    int rc = read_next(to, arrived, got, sizeof got, &got_len);
    bool genuine = tally_span_eq(arrived, tally_span_of(sent, sent_len));
    must(rc == 0 || got_len == 0);
    if (rc == 0) must(got_len < arrived.len);
    if (rc == 0 && !x->clear) must(genuine && got_len == sizeof PAYLOAD - 1);
    if (rc != 0 && !to->receive) {
        must(tally_noise_next(to->noise) == TALLY_NOISE_FAILED);
        must(read_next(to, tally_span_of(sent, sent_len), got, sizeof got, &got_len) != 0);
        return false;
    }
    if (rc != 0) return false;
    split_when_done(from);
    split_when_done(to);
    x->initiators_turn = !x->initiators_turn;
    x->clear = false;
    return true;
}

static void endpoint_clear(endpoint *end) {
    tally_noise_cipher_free(end->send);
    tally_noise_cipher_free(end->receive);
    tally_noise_free(end->noise);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_span input = tally_span_of(data, size);
    size_t protocol = take(&input);
    if (protocol >= PROTOCOL_COUNT) {
        fuzz_name(input);
        return 0;
    }
    exchange x = {.initiators_turn = true, .clear = protocols[protocol].clear_first};
    x.initiator.noise = party_new(protocol, true);
    x.responder.noise = party_new(protocol, false);
    for (unsigned i = 0; i < MAX_STEPS && step(&x, &input); i++) {}
    endpoint_clear(&x.initiator);
    endpoint_clear(&x.responder);
    return 0;
}
