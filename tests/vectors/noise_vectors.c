/* Runs Noise test vectors from a JSON file, both sides of each: noise_vectors FILE. How one is
 * played is in noise_vector.h. */
#include <stdio.h>
#include <stdlib.h>

#include "noise_vector.h"

#define FILE_MAX_BYTES (64u * 1024u * 1024u)
#define NAME_MAX_BYTES 256u

typedef struct outcome {
    unsigned passed, failed;
} outcome;

static void run_one(const tally_json *vector, outcome *count) {
    tally_error err;
    if (noise_vector_play(vector, &err) == 0) {
        count->passed++;
        return;
    }
    char text[NAME_MAX_BYTES];
    size_t len = 0;
    tally_json name;
    if (tally_json_get(vector, "protocol_name", &name) || tally_json_get(vector, "name", &name))
        tally_json_text(&name, text, sizeof text, &len);
    printf("vector %u: %.*s: %s\n", count->passed + count->failed, (int)len, text, err.text);
    count->failed++;
}

/* `{"vectors": [...]}`, or the array alone. */
static int run_all(const tally_json *document, outcome *count) {
    tally_json list = *document, vector;
    tally_json_iter iter;
    if (document->type == TALLY_JSON_OBJECT && !tally_json_get(document, "vectors", &list))
        return -1;
    if (list.type != TALLY_JSON_ARRAY) return -1;
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &vector))
        run_one(&vector, count);
    return 0;
}

static int read_whole(const char *path, uint8_t **out, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    int rc = -1;
    uint8_t *bytes = malloc(FILE_MAX_BYTES);
    if (!bytes) goto out;
    *len = fread(bytes, 1, FILE_MAX_BYTES, file);
    if (ferror(file) || *len == FILE_MAX_BYTES) goto out;
    *out = bytes;
    bytes = NULL;
    rc = 0;
out:
    free(bytes);
    (void)fclose(file);
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: noise_vectors FILE\n");
        return 2;
    }
    uint8_t *bytes = NULL;
    size_t len;
    tally_json document;
    outcome count = {0, 0};
    int status = 2;
    if (read_whole(argv[1], &bytes, &len) != 0) {
        fprintf(stderr, "cannot read %s\n", argv[1]);
        goto out;
    }
    if (tally_json_parse(tally_span_of(bytes, len), &document) != 0 ||
        run_all(&document, &count) != 0) {
        fprintf(stderr, "%s does not hold Noise vectors\n", argv[1]);
        goto out;
    }
    printf("%u passed, %u failed\n", count.passed, count.failed);
    status = count.failed == 0 && count.passed > 0 ? 0 : 1;
out:
    free(bytes);
    return status;
}
