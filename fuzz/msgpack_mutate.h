/* A mutator that keeps msgpack whole: it puts another value in a value's place, never in a map's
 * key's, and repeats or drops elements of arrays. Every second time libFuzzer mutates bytes
 * instead, and that is also what happens to what is not msgpack. For one source of a target to
 * include. */
#ifndef TALLY_FUZZ_MSGPACK_MUTATE_H
#define TALLY_FUZZ_MSGPACK_MUTATE_H

#include <tally/record.h>

#include <stdlib.h>
#include <string.h>

#define MUTATE_MAX_VALUES 4096u
#define MUTATE_MAX_DEPTH  32u
#define MUTATE_BYTES      512u /* of a new value */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

typedef struct mutate_value {
    size_t at, head, end; /* from its first byte to behind its last; its content begins at `head` */
    uint32_t count;       /* of an array's elements */
    bool is_array;
} mutate_value;

typedef struct mutate_walk {
    const uint8_t *data;
    size_t size, at;
    mutate_value values[MUTATE_MAX_VALUES];
    size_t count;
} mutate_walk;

/* Heads of more than one byte: bytes of the length or number behind the first, and whether as many
 * bytes follow. */
typedef struct mutate_head {
    uint8_t width;
    bool has_content, is_container;
} mutate_head;

static inline mutate_head mutate_head_of(uint8_t first) {
    static const mutate_head wide[] = {
        [0x04] = {1, true, false},  {2, true, false},  {4, true, false},          /* bin */
        [0x0c] = {1, false, false}, {2, false, false}, {4, false, false},         /* uint */
        {8, false, false},          {1, false, false}, {2, false, false},         /* and int */
        {4, false, false},          {8, false, false}, [0x19] = {1, true, false}, /* str */
        {2, true, false},           {4, true, false},  {2, false, true},          /* array */
        {4, false, true},           {2, false, true},  {4, false, true},          /* map */
    };
    return first >= 0xc0 && first <= 0xdf ? wide[first - 0xc0] : (mutate_head){0};
}

/* Notes the value at w->at, unless it is a map's key, and all that is in it. False: no msgpack. */
static inline bool mutate_note(mutate_walk *w, bool is_key, unsigned depth) {
    if (w->at >= w->size || w->count == MUTATE_MAX_VALUES || depth > MUTATE_MAX_DEPTH) return false;
    uint8_t first = w->data[w->at];
    mutate_head head = mutate_head_of(first);
    bool is_map = (first & 0xf0) == 0x80 || first == 0xde || first == 0xdf;
    bool is_array = (first & 0xf0) == 0x90 || first == 0xdc || first == 0xdd;
    uint64_t n = is_map || is_array ? first & 0x0fu : (first & 0xe0) == 0xa0 ? first & 0x1fu : 0;
    mutate_value *value = is_key ? NULL : &w->values[w->count++];
    if (value) *value = (mutate_value){.at = w->at, .is_array = is_array};
    if (head.width > w->size - w->at - 1) return false;
    if (head.width > 0) n = 0;
    for (uint8_t i = 1; i <= head.width; i++)
        n = n << 8 | w->data[w->at + i];
    w->at += 1u + head.width;
    if (value) value->head = w->at, value->count = (uint32_t)n;
    if (is_map || is_array) {
        for (uint64_t i = 0; i < (is_map ? 2 * n : n); i++)
            if (!mutate_note(w, is_map && i % 2 == 0, depth + 1)) return false;
    } else if (head.width == 0 || head.has_content) {
        if (n > w->size - w->at) return false;
        w->at += n;
    }
    if (value) value->end = w->at;
    return true;
}

/* ---- new values, in their shortest form ---- */

static inline size_t mutate_uint(uint8_t *out, uint64_t value) {
    if (value < 0x80) return out[0] = (uint8_t)value, 1;
    size_t width = value < 0x100 ? 1 : value < 0x10000 ? 2 : value <= UINT32_MAX ? 4 : 8;
    out[0] = (uint8_t)(width == 1 ? 0xcc : width == 2 ? 0xcd : width == 4 ? 0xce : 0xcf);
    for (size_t i = 0; i < width; i++)
        out[1 + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    return 1 + width;
}

static inline size_t mutate_text(uint8_t *out, unsigned choice) {
    static const char *const texts[] = {
        "",    "USD",  "JPY",      "XXX", "2026-02-29", "cost", "\x1b", "\u202e", "<&>",
        "]]>", "=1+1", "\xc3\xa9", "|",   "2026-09-08", "a",    "m\nn", "S",      "AE"};
    const char *text = texts[choice % (sizeof texts / sizeof *texts)];
    size_t len = strlen(text), at = 1;
    if (choice % 23 == 0) {
        len = 256;
        out[0] = 0xda, out[1] = 1, out[2] = 0;
        memset(out + 3, 'x', len);
        return 3 + len;
    }
    out[0] = (uint8_t)(0xa0 | len);
    memcpy(out + at, text, len);
    return at + len;
}

static inline size_t mutate_fresh(uint8_t *out, unsigned choice) {
    static const uint64_t uints[] = {0,          1,         127,        128,        255,
                                     256,        65535,     65536,      UINT32_MAX, 1ull << 32,
                                     1ull << 53, INT64_MAX, 1ull << 63, UINT64_MAX, 10000};
    unsigned which = choice / 8;
    switch (choice % 8) {
    case 0:
    case 1: return mutate_uint(out, uints[which % (sizeof uints / sizeof *uints)]);
    case 2: return mutate_uint(out, which % 4096u);
    case 3: return out[0] = (uint8_t)(0xe0 | which % 32u), 1; /* -32 to -1 */
    case 4:
        memcpy(out, "\xd3\x80\0\0\0\0\0\0", 9); /* the least integer */
        return 9;
    case 5:
        out[0] = 0xc4, out[1] = (uint8_t)(which % 2 ? 32 : which % 40u);
        memset(out + 2, (int)(which % 256u), out[1]);
        return 2u + out[1];
    case 6: return out[0] = (uint8_t)(which % 3 == 0 ? 0xc3 : which % 3 == 1 ? 0x90 : 0x80), 1;
    default: return mutate_text(out, which);
    }
}

static inline size_t mutate_array_head(uint8_t *out, uint32_t count) {
    if (count < 16) return out[0] = (uint8_t)(0x90 | count), 1;
    out[0] = 0xdc, out[1] = (uint8_t)(count >> 8), out[2] = (uint8_t)count;
    return 3;
}

/* ---- putting them in ---- */

/* Bytes [at, end) become `len` others, which may be the input's own. */
static inline size_t mutate_splice(uint8_t *data, size_t size, size_t max_size, size_t at,
                                   size_t end, const uint8_t *bytes, size_t len) {
    if (size - (end - at) + len > max_size) return 0;
    memmove(data + at + len, data + end, size - end);
    memcpy(data + at, bytes, len);
    return size - (end - at) + len;
}

/* Repeats the array's last element, which is the last value that ends where it does, or drops it.
 */
static inline size_t mutate_array(mutate_walk *w, uint8_t *data, size_t max_size, size_t which,
                                  bool drop) {
    const mutate_value *array = &w->values[which], *last = NULL;
    uint8_t head[3];
    size_t content = array->end - array->head, depth_end = array->end;
    for (size_t i = which + 1; i < w->count && !last; i++)
        if (w->values[i].end == depth_end) last = &w->values[i];
    if (!last || array->count == 0 || array->count >= UINT16_MAX) return 0;
    size_t len = last->end - last->at;
    size_t head_len = mutate_array_head(head, drop ? array->count - 1 : array->count + 1);
    uint8_t *copy = malloc(head_len + content + len);
    if (!copy) return 0;
    memcpy(copy, head, head_len);
    memcpy(copy + head_len, data + array->head, content);
    if (!drop) memcpy(copy + head_len + content, data + last->at, len);
    size_t size = mutate_splice(data, w->size, max_size, array->at, array->end, copy,
                                head_len + (drop ? content - len : content + len));
    free(copy);
    return size;
}

static inline size_t mutate_whole(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    static mutate_walk w;
    uint8_t fresh[MUTATE_BYTES];
    w.data = data, w.size = size, w.at = 0, w.count = 0;
    if (size == 0 || !mutate_note(&w, false, 0) || w.at != size || w.count < 2) return 0;
    size_t which = 1 + (seed >> 3) % (w.count - 1);
    const mutate_value *value = &w.values[which];
    if (value->is_array && (seed & 4u)) return mutate_array(&w, data, max_size, which, seed & 2u);
    if ((seed & 6u) == 2u) { /* another of its own values */
        const mutate_value *other = &w.values[1 + (seed >> 11) % (w.count - 1)];
        size_t len = other->end - other->at;
        if (len > sizeof fresh) return 0;
        memcpy(fresh, data + other->at, len);
        return mutate_splice(data, size, max_size, value->at, value->end, fresh, len);
    }
    size_t len = mutate_fresh(fresh, seed >> 15);
    return mutate_splice(data, size, max_size, value->at, value->end, fresh, len);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size_t changed = seed & 1u ? mutate_whole(data, size, max_size, seed) : 0;
    return changed > 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
}

#endif
