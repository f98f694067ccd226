/* Noise protocol names and the table of all patterns of the specification. How tokens are carried
 * out is in noise.c. */
#include "noise_pattern.h"

#define NAME_PREFIX    "Noise_"
#define NAME_SUITE     "_25519_ChaChaPoly_SHA256"
#define NAME_MAX_BYTES 255u /* section 8 */

#define MODIFIER_PSK       "psk"
#define MODIFIER_PSK_CHARS (sizeof MODIFIER_PSK) /* the word and its digit */

/* The table reads like the specification. */
enum {
    E = NOISE_E,
    S = NOISE_S,
    EE = NOISE_EE,
    ES = NOISE_ES,
    SE = NOISE_SE,
    SS = NOISE_SS,
    NONE = 0,
    FROM_INITIATOR = 1, /* -> s before the handshake */
    FROM_RESPONDER = 2, /* <- s before the handshake */
    FROM_BOTH = FROM_INITIATOR | FROM_RESPONDER
};

static const struct base_pattern {
    const char *name;
    uint8_t known;
    uint8_t messages[NOISE_MAX_MESSAGES][NOISE_MAX_TOKENS - 2]; /* room for psk at both ends */
} base_patterns[] = {
    /* clang-format off */
    /* one-way, section 7.4 */
    {"N", FROM_RESPONDER, {{E, ES}}},
    {"K", FROM_BOTH, {{E, ES, SS}}},
    {"X", FROM_RESPONDER, {{E, ES, S, SS}}},
    /* fundamental, section 7.5 */
    {"NN", NONE, {{E}, {E, EE}}},
    {"NK", FROM_RESPONDER, {{E, ES}, {E, EE}}},
    {"NX", NONE, {{E}, {E, EE, S, ES}}},
    {"KN", FROM_INITIATOR, {{E}, {E, EE, SE}}},
    {"KK", FROM_BOTH, {{E, ES, SS}, {E, EE, SE}}},
    {"KX", FROM_INITIATOR, {{E}, {E, EE, SE, S, ES}}},
    {"XN", NONE, {{E}, {E, EE}, {S, SE}}},
    {"XK", FROM_RESPONDER, {{E, ES}, {E, EE}, {S, SE}}},
    {"XX", NONE, {{E}, {E, EE, S, ES}, {S, SE}}},
    {"IN", NONE, {{E, S}, {E, EE, SE}}},
    {"IK", FROM_RESPONDER, {{E, ES, S, SS}, {E, EE, SE}}},
    {"IX", NONE, {{E, S}, {E, EE, SE, S, ES}}},
    /* deferred, section 18.1 */
    {"NK1", FROM_RESPONDER, {{E}, {E, EE, ES}}},
    {"NX1", NONE, {{E}, {E, EE, S}, {ES}}},
    {"X1N", NONE, {{E}, {E, EE}, {S}, {SE}}},
    {"X1K", FROM_RESPONDER, {{E, ES}, {E, EE}, {S}, {SE}}},
    {"XK1", FROM_RESPONDER, {{E}, {E, EE, ES}, {S, SE}}},
    {"X1K1", FROM_RESPONDER, {{E}, {E, EE, ES}, {S}, {SE}}},
    {"X1X", NONE, {{E}, {E, EE, S, ES}, {S}, {SE}}},
    {"XX1", NONE, {{E}, {E, EE, S}, {ES, S, SE}}},
    {"X1X1", NONE, {{E}, {E, EE, S}, {ES, S}, {SE}}},
    {"K1N", FROM_INITIATOR, {{E}, {E, EE}, {SE}}},
    {"K1K", FROM_BOTH, {{E, ES}, {E, EE}, {SE}}},
    {"KK1", FROM_BOTH, {{E}, {E, EE, SE, ES}}},
    {"K1K1", FROM_BOTH, {{E}, {E, EE, ES}, {SE}}},
    {"K1X", FROM_INITIATOR, {{E}, {E, EE, S, ES}, {SE}}},
    {"KX1", FROM_INITIATOR, {{E}, {E, EE, SE, S}, {ES}}},
    {"K1X1", FROM_INITIATOR, {{E}, {E, EE, S}, {SE, ES}}},
    {"I1N", NONE, {{E, S}, {E, EE}, {SE}}},
    {"I1K", FROM_RESPONDER, {{E, ES, S}, {E, EE}, {SE}}},
    {"IK1", FROM_RESPONDER, {{E, S}, {E, EE, SE, ES}}},
    {"I1K1", FROM_RESPONDER, {{E, S}, {E, EE, ES}, {SE}}},
    {"I1X", NONE, {{E, S}, {E, EE, S, ES}, {SE}}},
    {"IX1", NONE, {{E, S}, {E, EE, SE, S}, {ES}}},
    {"I1X1", NONE, {{E, S}, {E, EE, S}, {SE, ES}}},
    /* clang-format on */
};
#define BASE_COUNT (sizeof base_patterns / sizeof base_patterns[0])

static bool starts_with(tally_span text, const char *prefix) {
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static tally_span rest_of(tally_span text, size_t skip) {
    return tally_span_of(text.ptr + skip, text.len - skip);
}

/* Section 8: only then may a name be repeated in an error. */
static bool is_printable_name(tally_span name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '/' && c != '+') return false;
    }
    return name.len <= NAME_MAX_BYTES;
}

/* "XXpsk0+psk3" out of the full name. */
static int pattern_section(tally_span name, tally_span *out, tally_error *err) {
    if (!is_printable_name(name))
        return tally_fail(err, TALLY_EINVAL,
                          "cannot start a handshake: the protocol name is longer than %u bytes or "
                          "has characters other than letters, digits, '_', '/' and '+'",
                          NAME_MAX_BYTES);
    size_t prefix = strlen(NAME_PREFIX), suite = strlen(NAME_SUITE);
    bool ours = starts_with(name, NAME_PREFIX) && name.len > prefix + suite &&
                tally_span_is(rest_of(name, name.len - suite), NAME_SUITE);
    if (!ours)
        return tally_fail(err, TALLY_EINVAL,
                          "cannot start a handshake: '%.*s' is not of the form " NAME_PREFIX
                          "PATTERN" NAME_SUITE ", the only functions supported",
                          (int)name.len, (const char *)name.ptr);
    *out = tally_span_of(name.ptr + prefix, name.len - prefix - suite);
    return 0;
}

/* The base pattern's name ends where the first modifier's lower-case letter begins. */
static const struct base_pattern *base_find(tally_span section, size_t *base_len) {
    size_t len = 0;
    while (len < section.len && !(section.ptr[len] >= 'a' && section.ptr[len] <= 'z'))
        len++;
    *base_len = len;
    for (size_t i = 0; i < BASE_COUNT; i++)
        if (tally_span_is(tally_span_of(section.ptr, len), base_patterns[i].name))
            return &base_patterns[i];
    return NULL;
}

static void base_copy(const struct base_pattern *base, noise_pattern *out) {
    *out = (noise_pattern){.initiator_known = (base->known & FROM_INITIATOR) != 0,
                           .responder_known = (base->known & FROM_RESPONDER) != 0};
    for (size_t i = 0; i < NOISE_MAX_MESSAGES && base->messages[i][0] != NOISE_END; i++) {
        memcpy(out->messages[i], base->messages[i], sizeof base->messages[i]);
        out->message_count++;
    }
}

/* Section 9.4: psk0 stands at the start of the first message, pskN at the end of the Nth. The rule
 * of section 9.3 holds by itself: in all patterns both sides begin by sending e. */
static void psk_insert(noise_pattern *pattern, unsigned place) {
    uint8_t *message = pattern->messages[place == 0 ? 0 : place - 1];
    if (place == 0) {
        memmove(message + 1, message, NOISE_MAX_TOKENS - 1);
        message[0] = NOISE_PSK;
    } else {
        size_t end = 0;
        while (message[end] != NOISE_END)
            end++;
        message[end] = NOISE_PSK;
    }
    pattern->psk_count++;
}

/* "psk0+psk2": ascending, because section 8.1 wants modifiers sorted when their order has no
 * meaning. */
static int modifiers_apply(tally_span modifiers, noise_pattern *pattern, tally_error *err) {
    unsigned lowest = 0;
    while (modifiers.len > 0) {
        if (modifiers.len < MODIFIER_PSK_CHARS || !starts_with(modifiers, MODIFIER_PSK))
            return tally_fail(err, TALLY_EINVAL, "only psk modifiers are supported");
        unsigned place = (unsigned)modifiers.ptr[MODIFIER_PSK_CHARS - 1] - '0';
        if (place > pattern->message_count)
            return tally_fail(err, TALLY_EINVAL, "the pattern has %u messages, so psk0 to psk%u",
                              pattern->message_count, pattern->message_count);
        if (place < lowest)
            return tally_fail(err, TALLY_EINVAL, "psk modifiers must be ascending and unique");
        psk_insert(pattern, place);
        lowest = place + 1;
        modifiers = rest_of(modifiers, MODIFIER_PSK_CHARS);
        if (modifiers.len == 0) break;
        if (modifiers.len == 1 || modifiers.ptr[0] != '+')
            return tally_fail(err, TALLY_EINVAL, "modifiers must be joined by '+'");
        modifiers = rest_of(modifiers, 1);
    }
    return 0;
}

int noise_pattern_parse(tally_span name, noise_pattern *out, tally_error *err) {
    tally_span section = {0};
    size_t base_len;
    int rc = pattern_section(name, &section, err);
    if (rc != 0) return rc;
    const struct base_pattern *base = base_find(section, &base_len);
    if (!base) {
        rc = tally_fail(err, TALLY_EINVAL, "the Noise specification has no pattern '%.*s'",
                        (int)base_len, (const char *)section.ptr);
    } else {
        base_copy(base, out);
        rc = modifiers_apply(rest_of(section, base_len), out, err);
    }
    if (rc != 0 && err)
        rc = tally_fail_while(err, "cannot start a handshake with '%.*s'", (int)name.len,
                              (const char *)name.ptr);
    return rc;
}

bool noise_pattern_sends(const noise_pattern *pattern, bool initiator, noise_token token) {
    for (size_t i = initiator ? 0 : 1; i < pattern->message_count; i += 2)
        for (const uint8_t *at = pattern->messages[i]; *at != NOISE_END; at++)
            if (*at == token) return true;
    return false;
}
