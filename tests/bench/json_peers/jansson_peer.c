/* json_bench through Jansson: builds a tree, then walks it. */
#include <jansson.h>

#include "json_peers/peers.h"

static void add_text(const json_t *object, const char *name, bench_sums *sums) {
    const json_t *value = json_object_get(object, name);
    if (value) sums->text_bytes += json_string_length(value);
}

bool peer_jansson(const char *line, size_t len, bench_sums *sums) {
    json_t *root = json_loadb(line, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!root) return false;
    add_text(root, "type", sums);
    add_text(root, "uuid", sums);
    add_text(root, "timestamp", sums);
    const json_t *message = json_object_get(root, "message");
    add_text(message, "id", sums);
    add_text(message, "model", sums);
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(message, "usage"), key, value) {
        if (json_is_integer(value)) sums->tokens += (uint64_t)json_integer_value(value);
    }
    sums->lines++;
    json_decref(root);
    return true;
}
