/* Fuzzes the key file parser, as given and with the check line made right, so that what lies behind
 * that line is reached too. A clear file that opens must be written back as the same bytes. */
#include <stdlib.h>
#include <tally/key.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK_WORD  "check "
#define CHECK_CHARS (sizeof CHECK_WORD - 1 + 2u * TALLY_HASH_BYTES + 1)

static void decode(tally_span file, tally_span passphrase) {
    tally_key *key;
    tally_error err;
    if (tally_key_decode(file, passphrase, &key, &err) != 0) return;
    if (!tally_key_is_sealed(file)) {
        uint8_t out[TALLY_KEY_FILE_MAX_BYTES];
        size_t len;
        if (tally_key_encode(key, tally_span_of(NULL, 0), out, sizeof out, &len, &err) != 0)
            abort();
        if (!tally_span_eq(file, tally_span_of(out, len))) abort();
    }
    tally_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    decode(tally_span_of(data, size), tally_span_str("a passphrase"));
    if (size < CHECK_CHARS || size > TALLY_KEY_FILE_MAX_BYTES) return 0;
    uint8_t repaired[TALLY_KEY_FILE_MAX_BYTES];
    char hex[2 * TALLY_HASH_BYTES + 1];
    tally_hash check;
    size_t text = size - CHECK_CHARS;
    memcpy(repaired, data, size);
    tally_sha256(tally_span_of(data, text), &check);
    tally_hex(tally_span_of(check.b, sizeof check.b), hex);
    memcpy(repaired + text, CHECK_WORD, sizeof CHECK_WORD - 1);
    memcpy(repaired + text + sizeof CHECK_WORD - 1, hex, sizeof hex - 1);
    repaired[size - 1] = '\n';
    /* Without a passphrase a sealed file stops before argon2id, whose cost a mutation could raise.
     */
    decode(tally_span_of(repaired, size), tally_span_of(NULL, 0));
    return 0;
}
