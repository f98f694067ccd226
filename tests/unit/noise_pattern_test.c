/* Noise protocol names, and the pattern table against the derivation rules of section 18.3. What
 * the patterns do with keys is tested in noise_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "../../sync/noise_pattern.h"

static const char *const fundamental[] = {"NN", "NK", "NX", "KN", "KK", "KX",
                                          "XN", "XK", "XX", "IN", "IK", "IX"};
#define FUNDAMENTAL_COUNT (sizeof fundamental / sizeof fundamental[0])

/* What a name says, and how far the derivation has come. */
typedef struct derivation {
    char initiator, responder; /* N, K, X, I */
    bool one_way, se_deferred, es_deferred;
    bool e_sent[2], s_sent[2]; /* by responder, by initiator; s also in a pre-message */
    bool performed[NOISE_PSK];
    unsigned message;
    bool skips_se, skips_es; /* in this message */
} derivation;

static bool may_send_s(const derivation *d, bool initiator) {
    if (d->s_sent[initiator]) return false;
    if (!initiator) return d->responder == 'X';
    if (d->message == 0) return d->initiator == 'I' || (d->one_way && d->initiator == 'X');
    return d->initiator == 'X';
}

static bool may_perform(derivation *d, noise_token token) {
    if (d->performed[token]) return false;
    const bool *e = d->e_sent, *s = d->s_sent;
    switch (token) {
    case NOISE_EE: return e[0] && e[1];
    case NOISE_SE:
        if (!s[1] || !e[0]) return false;
        if (d->se_deferred) d->skips_se = true;
        d->se_deferred = false;
        return !d->skips_se;
    case NOISE_ES:
        if (!e[1] || !s[0]) return false;
        if (d->es_deferred) d->skips_es = true;
        d->es_deferred = false;
        return !d->skips_es;
    case NOISE_SS:
        return s[0] && s[1] && d->performed[NOISE_ES] && d->message == 0 && !d->se_deferred;
    default: return false;
    }
}

/* The first rule of the sender's table that matches. */
static noise_token next_token(derivation *d, bool initiator) {
    static const noise_token order[] = {NOISE_EE, NOISE_SE, NOISE_ES, NOISE_SS};
    if (!d->e_sent[initiator]) {
        d->e_sent[initiator] = true;
        return NOISE_E;
    }
    for (size_t i = 0; i < 4; i++) {
        if (!may_perform(d, order[i])) continue;
        d->performed[order[i]] = true;
        return order[i];
    }
    if (!may_send_s(d, initiator)) return NOISE_END;
    d->s_sent[initiator] = true;
    return NOISE_S;
}

/* Section 18.3, word for word. */
static void derive(derivation *d, noise_pattern *out) {
    *out = (noise_pattern){.initiator_known = d->initiator == 'K',
                           .responder_known = d->one_way || d->responder == 'K'};
    d->s_sent[1] = out->initiator_known;
    d->s_sent[0] = out->responder_known;
    for (; d->message < NOISE_MAX_MESSAGES; d->message++) {
        size_t count = 0;
        noise_token token;
        d->skips_se = d->skips_es = false;
        while ((token = next_token(d, d->message % 2 == 0)) != NOISE_END)
            out->messages[d->message][count++] = (uint8_t)token;
        if (count == 0) return;
        out->message_count++;
        if (d->one_way) return;
    }
}

static int parse(const char *pattern, noise_pattern *out, tally_error *err) {
    char name[128];
    (void)snprintf(name, sizeof name, "Noise_%s_25519_ChaChaPoly_SHA256", pattern);
    return noise_pattern_parse(tally_span_str(name), out, err);
}

static void must_equal_derived(const char *name, derivation d) {
    noise_pattern parsed, derived;
    tally_error err;
    if (parse(name, &parsed, &err) != 0) fail_msg("%s", err.text);
    derive(&d, &derived);
    assert_int_equal(parsed.initiator_known, derived.initiator_known);
    assert_int_equal(parsed.responder_known, derived.responder_known);
    assert_int_equal(parsed.message_count, derived.message_count);
    assert_int_equal(parsed.psk_count, 0);
    assert_memory_equal(parsed.messages, derived.messages, sizeof parsed.messages);
}

static void one_way_patterns_follow_the_derivation_rules(void **state) {
    (void)state;
    must_equal_derived("N", (derivation){.initiator = 'N', .one_way = true});
    must_equal_derived("K", (derivation){.initiator = 'K', .one_way = true});
    must_equal_derived("X", (derivation){.initiator = 'X', .one_way = true});
}

/* "1" after a letter defers that side's authentication; N has none, so it cannot be deferred. */
static void fundamental_and_deferred_patterns_follow_the_derivation_rules(void **state) {
    (void)state;
    unsigned deferred = 0;
    for (size_t i = 0; i < FUNDAMENTAL_COUNT; i++) {
        for (unsigned marks = 0; marks < 4; marks++) {
            char first = fundamental[i][0], second = fundamental[i][1], name[8];
            bool se = (marks & 1) != 0, es = (marks & 2) != 0;
            if ((se && first == 'N') || (es && second == 'N')) continue;
            (void)snprintf(name, sizeof name, "%c%s%c%s", first, se ? "1" : "", second,
                           es ? "1" : "");
            must_equal_derived(name, (derivation){.initiator = first,
                                                  .responder = second,
                                                  .se_deferred = se,
                                                  .es_deferred = es});
            deferred += marks != 0;
        }
    }
    assert_int_equal(deferred, 23); /* section 7.6 counts them */
}

static void psk_modifiers_stand_where_section_9_4_puts_them(void **state) {
    (void)state;
    noise_pattern pattern;
    assert_int_equal(parse("XXpsk0+psk1+psk2+psk3", &pattern, NULL), 0);
    static const uint8_t want[NOISE_MAX_MESSAGES][NOISE_MAX_TOKENS] = {
        {NOISE_PSK, NOISE_E, NOISE_PSK},
        {NOISE_E, NOISE_EE, NOISE_S, NOISE_ES, NOISE_PSK},
        {NOISE_S, NOISE_SE, NOISE_PSK}};
    assert_int_equal(pattern.psk_count, 4);
    assert_int_equal(pattern.message_count, 3);
    assert_memory_equal(pattern.messages, want, sizeof want);
    assert_int_equal(parse("X1X1psk4", &pattern, NULL), 0);
    assert_int_equal(pattern.messages[3][1], NOISE_PSK);
    /* The longest messages there are must fit. */
    assert_int_equal(parse("IXpsk0+psk1+psk2", &pattern, NULL), 0);
    assert_int_equal(pattern.messages[1][5], NOISE_PSK);
    assert_int_equal(parse("IKpsk0+psk1", &pattern, NULL), 0);
    assert_int_equal(pattern.messages[0][5], NOISE_PSK);
    assert_int_equal(pattern.messages[0][6], NOISE_END);
}

static void other_names_are_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",
        "Noise_",
        "Noise__25519_ChaChaPoly_SHA256",
        "Noise_25519_ChaChaPoly_SHA256",
        "noise_XX_25519_ChaChaPoly_SHA256",
        "NoisePSK_XX_25519_ChaChaPoly_SHA256",
        "Noise_XX_448_ChaChaPoly_SHA256",
        "Noise_XX_25519_AESGCM_SHA256",
        "Noise_XX_25519_ChaChaPoly_SHA512",
        "Noise_XX_25519_ChaChaPoly_BLAKE2s",
        "Noise_XX_25519_ChaChaPoly_SHA256 ",
        " Noise_XX_25519_ChaChaPoly_SHA256",
        "Noise_XX_25519_ChaChaPoly_SHA256\n",
        "Noise_YY_25519_ChaChaPoly_SHA256",
        "Noise_X_X_25519_ChaChaPoly_SHA256",
        "Noise_N1N_25519_ChaChaPoly_SHA256",
        "Noise_NN1_25519_ChaChaPoly_SHA256",
        "Noise_XX2_25519_ChaChaPoly_SHA256",
        "Noise_XXX_25519_ChaChaPoly_SHA256",
        "Noise_psk0_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk4_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk9_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk/_25519_ChaChaPoly_SHA256",
        "Noise_Npsk2_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk00_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk0+_25519_ChaChaPoly_SHA256",
        "Noise_XX+psk0_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk0psk1_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk0+psk0_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk2+psk0_25519_ChaChaPoly_SHA256",
        "Noise_XXpsk0++psk1_25519_ChaChaPoly_SHA256",
        "Noise_XXfallback_25519_ChaChaPoly_SHA256",
        "Noise_XXfallback+psk0_25519_ChaChaPoly_SHA256",
        "Noise_XXhfs_25519+Kyber1024_ChaChaPoly_SHA256",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        noise_pattern pattern;
        tally_error err = {0};
        if (noise_pattern_parse(tally_span_str(refused[i]), &pattern, &err) != TALLY_EINVAL)
            fail_msg("accepted: %s", refused[i]);
        assert_int_equal(err.code, TALLY_EINVAL);
        assert_non_null(strstr(err.text, "cannot start a handshake"));
        assert_int_equal(noise_pattern_parse(tally_span_str(refused[i]), &pattern, NULL),
                         TALLY_EINVAL);
    }
}

static void a_name_with_strange_bytes_is_not_repeated_in_the_error(void **state) {
    (void)state;
    noise_pattern pattern;
    tally_error err = {0};
    static const char strange[] = "Noise_\x1b[31mXX\0_25519_ChaChaPoly_SHA256";
    assert_int_equal(
        noise_pattern_parse(tally_span_of(strange, sizeof strange - 1), &pattern, &err),
        TALLY_EINVAL);
    assert_null(strchr(err.text, '\x1b'));
    char longer[300];
    memset(longer, 'X', sizeof longer);
    assert_int_equal(noise_pattern_parse(tally_span_of(longer, sizeof longer), &pattern, &err),
                     TALLY_EINVAL);
    assert_null(strstr(err.text, "XXX"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_way_patterns_follow_the_derivation_rules),
        cmocka_unit_test(fundamental_and_deferred_patterns_follow_the_derivation_rules),
        cmocka_unit_test(psk_modifiers_stand_where_section_9_4_puts_them),
        cmocka_unit_test(other_names_are_refused_with_a_reason),
        cmocka_unit_test(a_name_with_strange_bytes_is_not_repeated_in_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
