/* The bump allocator behind a batch and the list of sources. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define ARENA_BLOCK_BYTES (64u * 1024u)

struct arena_block {
    arena_block *next;
    size_t size, used;
    alignas(max_align_t) uint8_t data[];
};

static arena_block *block_new(size_t size) {
    size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
    if (room > SIZE_MAX - sizeof(arena_block)) return NULL;
    arena_block *block = malloc(sizeof *block + room);
    if (!block) return NULL;
    *block = (arena_block){.size = room};
    return block;
}

/* The next block with room for `size`, inserted after the current one when the kept one is too
 * small. */
static arena_block *block_for(capture_arena *arena, size_t size) {
    arena_block *next = arena->current ? arena->current->next : arena->first;
    if (next && next->size >= size) {
        next->used = 0;
    } else {
        arena_block *block = block_new(size);
        if (!block) return NULL;
        block->next = next;
        if (arena->current)
            arena->current->next = block;
        else
            arena->first = block;
        next = block;
    }
    arena->current = next;
    return next;
}

void *capture_arena_take(capture_arena *arena, size_t size) {
    if (size > SIZE_MAX - alignof(max_align_t)) return NULL;
    size_t step = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    arena_block *block = arena->current;
    if (!block || block->size - block->used < step) block = block_for(arena, step);
    if (!block) return NULL;
    void *out = block->data + block->used;
    block->used += step;
    arena->used += step;
    memset(out, 0, step);
    return out;
}

int capture_arena_grow(capture_arena *arena, void **array, size_t *cap, size_t element) {
    size_t more = *cap ? *cap * 2 : 8, bytes;
    if (__builtin_mul_overflow(more, element, &bytes)) return -1;
    void *grown = capture_arena_take(arena, bytes);
    if (!grown) return -1;
    if (*cap) memcpy(grown, *array, *cap * element);
    *array = grown;
    *cap = more;
    return 0;
}

int capture_arena_copy(capture_arena *arena, tally_span from, tally_span *out) {
    *out = (tally_span){0};
    if (from.len == 0) return 0;
    uint8_t *copy = capture_arena_take(arena, from.len);
    if (!copy) return -1;
    memcpy(copy, from.ptr, from.len);
    *out = tally_span_of(copy, from.len);
    return 0;
}

char *capture_arena_text(capture_arena *arena, const char *text, size_t len) {
    if (len == SIZE_MAX) return NULL;
    char *copy = capture_arena_take(arena, len + 1);
    if (copy) memcpy(copy, text, len);
    return copy;
}

void capture_arena_reset(capture_arena *arena) {
    arena->current = NULL;
    arena->used = 0;
}

void capture_arena_clear(capture_arena *arena) {
    while (arena->first) {
        arena_block *next = arena->first->next;
        free(arena->first);
        arena->first = next;
    }
    *arena = (capture_arena){0};
}
