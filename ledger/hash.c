/* SHA-256 and the two RFC 6962 hashes made from it, and hex. Which library does the work is decided
 * here and nowhere else: libcrypto for whoever hashes much, where this machine has it; else
 * libsodium. */
#include <tally/hash.h>

#include <sodium.h>

#ifdef TALLY_HAVE_LIBCRYPTO
#define OPENSSL_API_COMPAT 0x10101000L /* of 1.1.1 */
#include <dlfcn.h>
#include <openssl/opensslv.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#endif

/* Records are mostly a few hundred bytes: joining prefix and record first is cheaper than a second
 * call into the engine. */
#define LEAF_JOIN_MAX_BYTES 1024u

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

/* libcrypto is loaded by name after so many bytes: linked, it would make the start of every command
 * half as long again (4,000 symbols, found before main), for commands that hash a few names. */
#define LIBCRYPTO_WORTH_BYTES (256u * 1024u)

#ifdef TALLY_HAVE_LIBCRYPTO

#if OPENSSL_VERSION_MAJOR >= 3
#define LIBCRYPTO_NAME "libcrypto.so.3"
#else
#define LIBCRYPTO_NAME "libcrypto.so.1.1"
#endif

/* SHA256_* and not EVP: a digest by EVP allocates, and for what is a few hundred bytes long that
 * costs more than the hashing. They are deprecated and in every version. */
static struct {
    int (*init)(SHA256_CTX *state);
    int (*update)(SHA256_CTX *state, const void *data, size_t len);
    int (*final)(unsigned char *digest, SHA256_CTX *state);
} libcrypto;
static pthread_once_t libcrypto_asked = PTHREAD_ONCE_INIT;
static atomic_uint hashed_bytes; /* until they are enough */

/* A symbol as a pointer to a function, which ISO C does not convert. */
static bool find_symbol(void *library, const char *name, void *function, size_t size) {
    void *symbol = dlsym(library, name);
    if (!symbol || size != sizeof symbol) return false;
    memcpy(function, &symbol, size);
    return true;
}

static void load_libcrypto(void) {
    void *library = dlopen(LIBCRYPTO_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    if (!find_symbol(library, "SHA256_Init", &libcrypto.init, sizeof libcrypto.init) ||
        !find_symbol(library, "SHA256_Update", &libcrypto.update, sizeof libcrypto.update) ||
        !find_symbol(library, "SHA256_Final", &libcrypto.final, sizeof libcrypto.final))
        libcrypto.init = NULL;
}

static bool worth_loading(const tally_span *parts, size_t count) {
    unsigned before = atomic_load_explicit(&hashed_bytes, memory_order_relaxed), bytes = before;
    for (size_t i = 0; i < count && bytes < LIBCRYPTO_WORTH_BYTES; i++)
        bytes +=
            parts[i].len < LIBCRYPTO_WORTH_BYTES ? (unsigned)parts[i].len : LIBCRYPTO_WORTH_BYTES;
    if (bytes != before) atomic_store_explicit(&hashed_bytes, bytes, memory_order_relaxed);
    return bytes >= LIBCRYPTO_WORTH_BYTES;
}

static bool digest_by_libcrypto(const tally_span *parts, size_t count, tally_hash *out) {
    SHA256_CTX state;
    if (!worth_loading(parts, count)) return false;
    (void)pthread_once(&libcrypto_asked, load_libcrypto);
    if (!libcrypto.init || libcrypto.init(&state) != 1) return false;
    for (size_t i = 0; i < count; i++)
        if (libcrypto.update(&state, parts[i].ptr, parts[i].len) != 1) return false;
    return libcrypto.final(out->b, &state) == 1;
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

int tally_unbase64(tally_span text, bool for_url, uint8_t *out, size_t size, size_t *len) {
    *len = 0;
    for (size_t i = 0; i < text.len; i++) /* libsodium 1.0.18 takes bytes above ASCII for digits */
        if (text.ptr[i] >= 0x80) return -1;
    return sodium_base642bin(out, size, (const char *)text.ptr, text.len, NULL, len, NULL,
                             for_url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
                                     : sodium_base64_VARIANT_ORIGINAL);
}
