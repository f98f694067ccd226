/* The end of a stream from open_memstream. */
#ifndef CLI_FORMAT_MEMSTREAM_H
#define CLI_FORMAT_MEMSTREAM_H

#include <stdbool.h>
#include <stdio.h>

/* Closes it; false when the text is not whole. glibc's fclose fits the text's memory to its length
 * and, where that finds none, leaves NULL and reports nothing. */
static inline bool cli_memstream_close(FILE *stream, char *const *text) {
    bool written = !ferror(stream);
    return fclose(stream) == 0 && written && *text;
}

#endif
