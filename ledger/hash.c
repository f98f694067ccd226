/* SHA-256 and the two RFC 6962 hashes made from it, and hex. Which library does the work is decided
 * here and nowhere else: libcrypto where the build has it, libsodium otherwise and whenever
 * libcrypto fails. */
#include <tally/hash.h>

#include <sodium.h>

/* Records are mostly a few hundred bytes: joining prefix and record first is cheaper than a second
 * call into the engine. */
#define LEAF_JOIN_MAX_BYTES 1024u

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

#ifdef TALLY_HAVE_LIBCRYPTO

#include <openssl/evp.h>
#include <pthread.h>

static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static EVP_MD *engine;
static pthread_key_t context_slot;
static _Thread_local EVP_MD_CTX *context;

static void context_free(void *ctx) {
    EVP_MD_CTX_free(ctx);
}

static void engine_open(void) {
    if (pthread_key_create(&context_slot, context_free) != 0) return;
    engine = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* The thread's context, made on first use; NULL when libcrypto cannot serve. The slot exists only
 * so that the context is freed when its thread ends. */
static EVP_MD_CTX *context_get(void) {
    if (context) return context;
    (void)pthread_once(&engine_once, engine_open);
    if (!engine) return NULL;
    EVP_MD_CTX *made = EVP_MD_CTX_new();
    if (!made) return NULL;
    if (EVP_DigestInit_ex2(made, engine, NULL) != 1 ||
        pthread_setspecific(context_slot, made) != 0) {
        EVP_MD_CTX_free(made);
        return NULL;
    }
    context = made;
    return context;
}

static bool digest_by_libcrypto(const tally_span *parts, size_t count, tally_hash *out) {
    EVP_MD_CTX *ctx = context_get();
    if (!ctx || EVP_DigestInit_ex2(ctx, NULL, NULL) != 1) return false;
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) != 1) return false;
    return EVP_DigestFinal_ex(ctx, out->b, NULL) == 1;
}

#else

static bool digest_by_libcrypto(const tally_span *parts, size_t count, tally_hash *out) {
    (void)parts, (void)count, (void)out;
    return false;
}

#endif

static void digest_by_libsodium(const tally_span *parts, size_t count, tally_hash *out) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len) crypto_hash_sha256_update(&state, parts[i].ptr, parts[i].len);
    crypto_hash_sha256_final(&state, out->b);
}

void tally_sha256_parts(const tally_span *parts, size_t count, tally_hash *out) {
    if (!digest_by_libcrypto(parts, count, out)) digest_by_libsodium(parts, count, out);
}

void tally_sha256(tally_span data, tally_hash *out) {
    tally_sha256_parts(&data, 1, out);
}

void tally_leaf_hash(tally_span record, tally_hash *out) {
    uint8_t joined[LEAF_JOIN_MAX_BYTES];
    joined[0] = LEAF_PREFIX;
    if (record.len < sizeof joined) {
        if (record.len) memcpy(joined + 1, record.ptr, record.len);
        tally_sha256(tally_span_of(joined, record.len + 1), out);
        return;
    }
    tally_span parts[] = {tally_span_of(joined, 1), record};
    tally_sha256_parts(parts, 2, out);
}

void tally_node_hash(const tally_hash *left, const tally_hash *right, tally_hash *out) {
    uint8_t joined[1 + 2 * TALLY_HASH_BYTES];
    joined[0] = NODE_PREFIX;
    memcpy(joined + 1, left->b, TALLY_HASH_BYTES);
    memcpy(joined + 1 + TALLY_HASH_BYTES, right->b, TALLY_HASH_BYTES);
    tally_sha256(tally_span_of(joined, sizeof joined), out);
}

void tally_hex(tally_span bytes, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[bytes.ptr[i] >> 4];
        out[2 * i + 1] = digits[bytes.ptr[i] & 15];
    }
    out[2 * bytes.len] = '\0';
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int tally_unhex(tally_span text, uint8_t *out, size_t len) {
    if (text.len % 2 != 0 || text.len / 2 != len) return -1;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.ptr[2 * i]);
        int low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return -1;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
