/* Signing messages. Where secrets are kept is ledger/endpoint.c's matter. */
#include "sign.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define PREFIX_BYTES (sizeof WEBHOOK_SECRET_PREFIX - 1)

_Static_assert(PREFIX_BYTES + sodium_base64_ENCODED_LEN(TALLY_HOOK_SECRET_MAX_BYTES,
                                                        sodium_base64_VARIANT_ORIGINAL) <=
                   WEBHOOK_SECRET_TEXT_BYTES,
               "a secret's text");

int webhook_secret_read(tally_span text, uint8_t *out, size_t *len, tally_error *err) {
    if (text.len > PREFIX_BYTES && memcmp(text.ptr, WEBHOOK_SECRET_PREFIX, PREFIX_BYTES) == 0 &&
        tally_unbase64(tally_span_of(text.ptr + PREFIX_BYTES, text.len - PREFIX_BYTES), false, out,
                       TALLY_HOOK_SECRET_MAX_BYTES, len) == 0 &&
        *len >= TALLY_HOOK_SECRET_MIN_BYTES)
        return 0;
    return tally_fail(err, TALLY_EINVAL,
                      "that is no webhook secret; one is 'whsec_' and base64 of %u to %u bytes",
                      TALLY_HOOK_SECRET_MIN_BYTES, TALLY_HOOK_SECRET_MAX_BYTES);
}

void webhook_secret_write(tally_span secret, char out[WEBHOOK_SECRET_TEXT_BYTES]) {
    assert(secret.len <= TALLY_HOOK_SECRET_MAX_BYTES);
    memcpy(out, WEBHOOK_SECRET_PREFIX, PREFIX_BYTES);
    (void)sodium_bin2base64(out + PREFIX_BYTES, WEBHOOK_SECRET_TEXT_BYTES - PREFIX_BYTES,
                            secret.ptr, secret.len, sodium_base64_VARIANT_ORIGINAL);
}

static size_t sign_one(tally_span secret, tally_span head, tally_span body, char *out,
                       size_t room) {
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    (void)crypto_auth_hmacsha256_init(&state, secret.ptr, secret.len);
    (void)crypto_auth_hmacsha256_update(&state, head.ptr, head.len);
    (void)crypto_auth_hmacsha256_update(&state, body.ptr, body.len);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
    memcpy(out, "v1,", 3);
    (void)sodium_bin2base64(out + 3, room - 3, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
    return strlen(out);
}

void webhook_sign(const tally_span *secrets, size_t count, const char *id, int64_t unix_seconds,
                  tally_span body, char out[WEBHOOK_SIGNATURES_BYTES]) {
    char head[128];
    size_t used = 0;
    int n = snprintf(head, sizeof head, "%s.%" PRId64 ".", id, unix_seconds);
    assert(n > 0 && (size_t)n < sizeof head && count <= WEBHOOK_MAX_SECRETS);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (used) out[used++] = ' ';
        used += sign_one(secrets[i], tally_span_of(head, (size_t)n), body, out + used,
                         WEBHOOK_SIGNATURES_BYTES - used);
    }
}
