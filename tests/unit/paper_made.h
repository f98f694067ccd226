/* An invoice written to memory or to a file, and an independent program's word on it. */
#ifndef TESTS_UNIT_PAPER_MADE_H
#define TESTS_UNIT_PAPER_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paper/paper.h"
#include "paper_fixture.h"

typedef struct paper_made {
    int rc;
    char *bytes; /* and a NUL */
    size_t len;
    tally_error err;
} paper_made;

static inline int made_write(void *ctx, tally_span bytes, tally_error *err) {
    paper_made *made = ctx;
    (void)err;
    made->bytes = malloc(bytes.len + 1);
    if (!made->bytes) abort();
    memcpy(made->bytes, bytes.ptr, bytes.len);
    made->bytes[bytes.len] = '\0';
    made->len = bytes.len;
    return 0;
}

static inline paper_made make(const tally_invoice *invoice, paper_format format) {
    paper_made made = {0};
    paper_sink sink = {made_write, &made};
    made.rc = paper_write(invoice, format, &sink, &made.err);
    return made;
}

static inline void made_free(paper_made *made) {
    free(made->bytes);
    made->bytes = NULL;
}

/* Writes it to a new file, whose name `path` (FIXTURE_TEXT bytes) gets. */
static inline void made_save(const paper_made *made, char *path) {
    snprintf(path, FIXTURE_TEXT, "%s/tally-paper-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, made->bytes, made->len) != (ssize_t)made->len) abort();
    close(fd);
}

/* What a command prints, for free(); NULL when it failed. */
static inline char *said(const char *command) {
    size_t len = 0, room = 1 << 20;
    char *out = malloc(room);
    FILE *pipe = popen(command, "r");
    if (!pipe || !out) abort();
    while (len + 1 < room) {
        size_t got = fread(out + len, 1, room - len - 1, pipe);
        if (!got) break;
        len += got;
    }
    out[len] = '\0';
    if (pclose(pipe) == 0) return out;
    free(out);
    return NULL;
}

static inline bool have(const char *program) {
    char command[FIXTURE_TEXT];
    snprintf(command, sizeof command, "command -v %s >/dev/null", program);
    char *out = said(command);
    free(out);
    return out != NULL;
}

static inline size_t times(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

#endif
