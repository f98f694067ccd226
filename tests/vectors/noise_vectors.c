/* Runs Noise test vectors from a JSON file, both sides of each: noise_vectors FILE. How one is
 * played is in noise_vector.h. */
#include <stdio.h>
#include <stdlib.h>

#include "noise_vector.h"
#include "vector_file.h"

#define NAME_MAX_BYTES 256u

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

int main(int argc, char **argv) {
    return run_vector_file(argc, argv, run_all);
}
