/* Where JSON strings and containers end: byte by byte everywhere, 64 bytes at a time with AVX2. The
 * block method (odd runs of backslashes by carry, the inside of strings by carry-less
 * multiplication) is that of Langdale and Lemire, "Parsing Gigabytes of JSON per Second", VLDB
 * Journal 28 (2019), sections 3.1.1 and 3.1.2. */
#include "json_scan.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

bool json_hex4(const uint8_t *at, const uint8_t *end, uint32_t *unit) {
    if (end - at < 4) return false;
    uint32_t sum = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = at[i], lower = c | 0x20;
        uint32_t digit = c >= '0' && c <= '9'           ? c - '0'
                         : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                        : 16;
        if (digit == 16) return false;
        sum = sum << 4 | digit;
    }
    *unit = sum;
    return true;
}

/* Portable. */

static const uint8_t *find_special(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        uint32_t mask = json_special16(at);
        if (mask) return at + __builtin_ctz(mask);
    }
#else
    /* Eight bytes in one word: a subtraction borrows into the top bit of a byte that is too small.
     */
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t v;
        memcpy(&v, at, sizeof v);
        uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';
        uint64_t found =
            ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((v - ones * 0x20) & ~v);
        if (found & tops) break;
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
        at++;
    return at;
}

/* `at` is on a backslash. Returns the byte after the escape. */
static const uint8_t *check_escape(const uint8_t *at, const uint8_t *end) {
    uint32_t unit;
    if (end - at < 2) return NULL;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return at + 2;
    case 'u': return json_hex4(at + 2, end, &unit) ? at + 6 : NULL;
    default: return NULL;
    }
}

static const uint8_t *check_string(const uint8_t *at, const uint8_t *end) {
    for (;;) {
        at = find_special(at, end);
        if (at == end) return NULL;
        if (*at == '"') return at;
        if (*at != '\\') return NULL;
        at = check_escape(at, end);
        if (!at) return NULL;
    }
}

static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end, bool *escaped) {
    *escaped = false;
    at = find_special(at, end);
    while (at < end && *at != '"') {
        *escaped = true;
        at = end - at < 2 ? end : find_special(at + 2, end);
    }
    return at;
}

static const uint8_t *skip_container(const uint8_t *at, const uint8_t *end) {
    size_t depth = 0;
    bool escaped;
    while (at < end) {
        uint8_t c = *at++;
        if (c == '"') {
            at = skip_string(at, end, &escaped);
            if (at < end) at++;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            break;
        }
    }
    return at;
}

const json_scanner json_scanner_portable = {check_string, skip_string, skip_container};

#if defined(__x86_64__)

#define BLOCK_BYTES 64
#define AVX2_TARGET __attribute__((target("avx2,bmi,bmi2,pclmul,popcnt")))

/* 64 bytes of text; bit i of a mask speaks of byte i. */
typedef struct block {
    __m256i low, high;
} block;

/* What lies beyond `end` reads as `padding`. */
AVX2_TARGET static inline block block_load(const uint8_t *at, const uint8_t *end, uint8_t padding) {
    uint8_t tail[BLOCK_BYTES];
    if (end - at < BLOCK_BYTES) {
        memset(tail, padding, sizeof tail);
        memcpy(tail, at, (size_t)(end - at));
        at = tail;
    }
    return (block){_mm256_loadu_si256((const __m256i *)(const void *)at),
                   _mm256_loadu_si256((const __m256i *)(const void *)(at + 32))};
}

AVX2_TARGET static inline uint64_t mask_of(__m256i low, __m256i high) {
    uint32_t l = (uint32_t)_mm256_movemask_epi8(low), h = (uint32_t)_mm256_movemask_epi8(high);
    return (uint64_t)h << 32 | l;
}

AVX2_TARGET static inline uint64_t block_equals(block b, char c) {
    __m256i v = _mm256_set1_epi8(c);
    return mask_of(_mm256_cmpeq_epi8(b.low, v), _mm256_cmpeq_epi8(b.high, v));
}

AVX2_TARGET static inline uint64_t block_controls(block b) {
    __m256i v = _mm256_set1_epi8(0x1F);
    return mask_of(_mm256_cmpeq_epi8(_mm256_min_epu8(b.low, v), b.low),
                   _mm256_cmpeq_epi8(_mm256_min_epu8(b.high, v), b.high));
}

/* Bytes that may follow a backslash. Each class of high nibbles has a bit; a low nibble names the
 * classes in which it makes a legal byte: 2_ is '"' '/', 5_ is '\\', 6_ is 'b' 'f' 'n', 7_ is 'r'
 * 't' 'u'. */
AVX2_TARGET static inline __m256i not_escapable(__m256i v) {
    const __m256i by_high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                             1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i by_low = _mm256_setr_epi8(0, 0, 1 + 4 + 8, 0, 8, 8, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1,
                                            0, 0, 1 + 4 + 8, 0, 8, 8, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    __m256i high = _mm256_shuffle_epi8(by_high, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    __m256i low = _mm256_shuffle_epi8(by_low, _mm256_and_si256(v, nibble));
    return _mm256_cmpeq_epi8(_mm256_and_si256(high, low), _mm256_setzero_si256());
}

/* The bytes that a backslash escapes. `*carry` is 1 when the block before ended in an odd run of
 * backslashes. */
AVX2_TARGET static inline uint64_t escaped_bytes(uint64_t slash, uint64_t *carry) {
    const uint64_t even = UINT64_C(0x5555555555555555);
    slash &= ~*carry;
    uint64_t follows = slash << 1 | *carry;
    uint64_t odd_starts = slash & ~even & ~follows;
    unsigned long long runs;
    *carry = __builtin_uaddll_overflow(odd_starts, slash, &runs);
    return (even ^ (runs << 1)) & follows;
}

/* Every \u among `escaped` has its digits, which may lie beyond the block. */
static bool check_units(const uint8_t *at, const uint8_t *end, uint64_t escaped) {
    uint32_t unit;
    for (; escaped; escaped &= escaped - 1)
        if (!json_hex4(at + __builtin_ctzll(escaped) + 1, end, &unit)) return false;
    return true;
}

AVX2_TARGET static const uint8_t *check_string_avx2(const uint8_t *at, const uint8_t *end) {
    uint64_t carry = 0;
    for (; at < end; at += BLOCK_BYTES) {
        block b =
            block_load(at, end, 0); /* the padding is a control byte: a string must end before it */
        uint64_t quote = block_equals(b, '"'), slash = block_equals(b, '\\');
        uint64_t control = block_controls(b);
        uint64_t escaped = 0;
        if (slash | carry) {
            escaped = escaped_bytes(slash, &carry);
            quote &= ~escaped;
        }
        uint64_t inside = quote ? _blsmsk_u64(quote) : ~UINT64_C(0);
        if (control & inside) return NULL;
        escaped &= inside;
        if (escaped) {
            if (escaped & mask_of(not_escapable(b.low), not_escapable(b.high))) return NULL;
            uint64_t units = escaped & block_equals(b, 'u');
            if (units && !check_units(at, end, units)) return NULL;
        }
        if (quote) return at + _tzcnt_u64(quote);
    }
    return NULL;
}

AVX2_TARGET static const uint8_t *skip_string_avx2(const uint8_t *at, const uint8_t *end,
                                                   bool *escaped) {
    uint64_t carry = 0, slashes = 0;
    *escaped = false;
    for (; at < end; at += BLOCK_BYTES) {
        block b = block_load(at, end, ' ');
        uint64_t quote = block_equals(b, '"'), slash = block_equals(b, '\\');
        if (slash | carry) quote &= ~escaped_bytes(slash, &carry);
        slashes |= quote ? slash & _blsmsk_u64(quote) : slash;
        if (!quote) continue;
        *escaped = slashes != 0;
        return at + _tzcnt_u64(quote);
    }
    *escaped = slashes != 0;
    return end;
}

/* Bit i is the parity of bits 0..i: from the quotes of a block to the bytes between them. */
AVX2_TARGET static inline uint64_t parity_up_to(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

AVX2_TARGET static const uint8_t *skip_container_avx2(const uint8_t *at, const uint8_t *end) {
    const __m256i fold = _mm256_set1_epi8(0x20); /* makes '[' '{' and ']' '}' the same byte */
    uint64_t carry = 0, in_string = 0, depth = 0;
    for (; at < end; at += BLOCK_BYTES) {
        block b = block_load(at, end, ' ');
        uint64_t quote = block_equals(b, '"'), slash = block_equals(b, '\\');
        if (slash | carry) quote &= ~escaped_bytes(slash, &carry);
        if (in_string && !quote) continue; /* most of a log: the middle of a long text */
        uint64_t strings = parity_up_to(quote) ^ in_string;
        in_string = (uint64_t)((int64_t)strings >> 63);
        b = (block){_mm256_or_si256(b.low, fold), _mm256_or_si256(b.high, fold)};
        uint64_t open = block_equals(b, '{') & ~strings, close = block_equals(b, '}') & ~strings;
        uint64_t closed = (uint64_t)_mm_popcnt_u64(close);
        for (uint64_t left = close; closed >= depth && left; left = _blsr_u64(left)) {
            uint64_t before = _blsmsk_u64(left);
            uint64_t opened = (uint64_t)_mm_popcnt_u64(open & before);
            if (depth + opened == (uint64_t)_mm_popcnt_u64(close & before))
                return at + _tzcnt_u64(left) + 1;
        }
        depth += (uint64_t)_mm_popcnt_u64(open) - closed;
    }
    return end;
}

static const json_scanner json_scanner_avx2 = {check_string_avx2, skip_string_avx2,
                                               skip_container_avx2};

const json_scanner *json_scanner_best(void) {
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul") &&
                __builtin_cpu_supports("popcnt");
    return avx2 ? &json_scanner_avx2 : &json_scanner_portable;
}

#else

const json_scanner *json_scanner_best(void) {
    return &json_scanner_portable;
}

#endif
