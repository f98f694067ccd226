/* Secrets and signatures of the Standard Webhooks specification, version 1.0.0. */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include <tally/outbox.h>

#define WEBHOOK_SECRET_PREFIX     "whsec_"
#define WEBHOOK_SECRET_BYTES      32u /* of one that we make */
#define WEBHOOK_SECRET_TEXT_BYTES 96u /* of the longest: prefix, base64, NUL */
#define WEBHOOK_MAX_SECRETS       2u  /* while one is being replaced */
#define WEBHOOK_SIGNATURES_BYTES  (WEBHOOK_MAX_SECRETS * 48u + 1u)

/* "whsec_" and base64 of 24 to 64 bytes. `out` holds TALLY_HOOK_SECRET_MAX_BYTES; the caller wipes
 * it. TALLY_EINVAL, without repeating the text. */
int webhook_secret_read(tally_span text, uint8_t *out, size_t *len, tally_error *err);
void webhook_secret_write(tally_span secret, char out[WEBHOOK_SECRET_TEXT_BYTES]);

/* The value of webhook-signature: for each secret "v1," and base64 of HMAC-SHA-256 over
 * "ID.TIMESTAMP.BODY", with spaces between. */
void webhook_sign(const tally_span *secrets, size_t count, const char *id, int64_t unix_seconds,
                  tally_span body, char out[WEBHOOK_SIGNATURES_BYTES]);

#endif
