/* What the key file needs to see of a key: its two secrets. For key.c and key_file.c only; nobody
 * else includes this. */
#ifndef TALLY_LEDGER_KEY_SECRET_H
#define TALLY_LEDGER_KEY_SECRET_H

#include <tally/key.h>

/* An Ed25519 seed (RFC 8032 section 5.1.5) and an X25519 private key (RFC 7748 section 5). Keep in
 * sodium_malloc memory. */
typedef struct tally_key_secrets {
    uint8_t sign_seed[32];
    uint8_t box_secret[32];
} tally_key_secrets;

/* Derives the public halves; copies `secrets` into locked memory. The caller frees with
 * tally_key_free. */
int tally_key_from_secrets(const tally_key_secrets *secrets, tally_key **out, tally_error *err);
/* Borrowed, read-only, as long as the key. */
const tally_key_secrets *tally_key_secrets_of(const tally_key *key);

#endif
