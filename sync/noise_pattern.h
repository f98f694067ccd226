/* Noise handshake patterns: what a protocol name means, as tokens (sections 7, 8, 9 and 18.1).
 * Private to sync/. */
#ifndef TALLY_NOISE_PATTERN_H
#define TALLY_NOISE_PATTERN_H

#include <tally/noise.h>

#define NOISE_MAX_MESSAGES 4u
/* The longest message has 5 tokens (IX, second); psk modifiers add one at its start, one at its end
 * and there is an end mark. */
#define NOISE_MAX_TOKENS 8u

typedef enum noise_token {
    NOISE_END,
    NOISE_E,
    NOISE_S,
    NOISE_EE,
    NOISE_ES,
    NOISE_SE,
    NOISE_SS,
    NOISE_PSK
} noise_token;

/* The initiator sends messages 0 and 2, the responder 1 and 3. */
typedef struct noise_pattern {
    bool initiator_known; /* pre-message: -> s */
    bool responder_known; /* pre-message: <- s */
    uint8_t message_count;
    uint8_t psk_count;
    uint8_t messages[NOISE_MAX_MESSAGES][NOISE_MAX_TOKENS]; /* each ends in NOISE_END */
} noise_pattern;

/* Reads a full protocol name. TALLY_EINVAL when it is none or asks for something that is not here.
 */
int noise_pattern_parse(tally_span name, noise_pattern *out, tally_error *err);

/* Whether this side sends `token` in some message. */
bool noise_pattern_sends(const noise_pattern *pattern, bool initiator, noise_token token);

/* Whether this side's static key is known to the other beforehand. */
static inline bool noise_pattern_knows(const noise_pattern *pattern, bool initiator) {
    return initiator ? pattern->initiator_known : pattern->responder_known;
}

static inline bool noise_pattern_is_one_way(const noise_pattern *pattern) {
    return pattern->message_count == 1;
}

#endif
