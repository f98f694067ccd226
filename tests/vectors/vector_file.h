/* What the vector runners share: a file read whole as JSON, cases counted, and the closing line.
 * Header only. */
#ifndef TESTS_VECTOR_FILE_H
#define TESTS_VECTOR_FILE_H

#include <tally/json.h>

#include <stdio.h>
#include <stdlib.h>

#define VECTOR_FILE_MAX_BYTES (64u * 1024u * 1024u)

typedef struct outcome {
    unsigned passed, failed;
} outcome;

static int read_whole(const char *path, uint8_t **out, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    int rc = -1;
    uint8_t *bytes = malloc(VECTOR_FILE_MAX_BYTES);
    if (!bytes) goto out;
    *len = fread(bytes, 1, VECTOR_FILE_MAX_BYTES, file);
    if (ferror(file) || *len == VECTOR_FILE_MAX_BYTES) goto out;
    *out = bytes;
    bytes = NULL;
    rc = 0;
out:
    free(bytes);
    (void)fclose(file);
    return rc;
}

/* The whole program: runs `run_all` over the file that the command line names and prints the count.
 * `run_all` returns -1 when the document is not of its shape. Exit code: 0 all passed, 1 some
 * failed or there were none, 2 no such file or shape. */
static int run_vector_file(int argc, char **argv,
                           int (*run_all)(const tally_json *document, outcome *count)) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    tally_json document;
    outcome count = {0, 0};
    int status = 2;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return status;
    }
    if (read_whole(argv[1], &bytes, &len) != 0) {
        fprintf(stderr, "cannot read %s\n", argv[1]);
    } else if (tally_json_parse(tally_span_of(bytes, len), &document) != 0 ||
               run_all(&document, &count) != 0) {
        fprintf(stderr, "%s does not hold vectors of this kind\n", argv[1]);
    } else {
        printf("%u passed, %u failed\n", count.passed, count.failed);
        status = count.failed == 0 && count.passed > 0 ? 0 : 1;
    }
    free(bytes);
    return status;
}

#endif
