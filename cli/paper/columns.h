/* Text in the columns of a terminal or a typewriter: how wide it is and where its lines break.
 * Independent of the locale, unlike wcwidth. */
#ifndef TALLY_PAPER_COLUMNS_H
#define TALLY_PAPER_COLUMNS_H

#include <stddef.h>

/* Columns that UTF-8 text takes: wide characters two, combining marks none. */
size_t columns_of(const char *text);

typedef struct columns_line {
    const char *at;
    size_t bytes, columns;
} columns_line;

/* Takes the next line of at most `columns` (2 or more) from `*rest`, broken between words, or
 * inside one that is longer, or beside a wide character. NULL in `*rest` when nothing is left.
 * False at the end; the empty text has no line. */
int columns_next(const char **rest, size_t columns, columns_line *out);

#endif
