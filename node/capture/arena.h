/* A bump allocator: memory for many small things that all go away together. Blocks are kept for the
 * next use. */
#ifndef CAPTURE_ARENA_H
#define CAPTURE_ARENA_H

#include <tally/bytes.h>

typedef struct arena_block arena_block;

typedef struct capture_arena {
    arena_block *first, *current;
    size_t used; /* bytes handed out since the last reset */
} capture_arena;

/* Zeroed memory aligned for any object; NULL when memory ran out. */
void *capture_arena_take(capture_arena *arena, size_t size);
/* Doubles an array of `*cap` elements (starts with 8), moving its content; -1 when memory ran out.
 */
int capture_arena_grow(capture_arena *arena, void **array, size_t *cap, size_t element);
/* Copies bytes; -1 when memory ran out. An empty span stays empty. */
int capture_arena_copy(capture_arena *arena, tally_span from, tally_span *out);
/* Copies text and terminates it; NULL when memory ran out. */
char *capture_arena_text(capture_arena *arena, const char *text, size_t len);
/* Forgets everything and keeps the blocks. */
void capture_arena_reset(capture_arena *arena);
void capture_arena_clear(capture_arena *arena);

#endif
