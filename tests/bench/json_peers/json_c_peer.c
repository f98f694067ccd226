/* json_bench through json-c: builds a tree, then walks it. */
#include <json-c/json.h>

#include "json_peers/peers.h"

static struct json_tokener *tokener; /* reused, as its manual advises */

static void add_text(struct json_object *object, const char *name, bench_sums *sums) {
    struct json_object *value;
    if (json_object_object_get_ex(object, name, &value))
        sums->text_bytes += (uint64_t)json_object_get_string_len(value);
}

bool peer_json_c(const char *line, size_t len, bench_sums *sums) {
    if (!tokener) tokener = json_tokener_new();
    if (!tokener) return false;
    json_tokener_reset(tokener);
    struct json_object *root = json_tokener_parse_ex(tokener, line, (int)len);
    if (!root) return false;
    struct json_object *message, *usage;
    add_text(root, "type", sums);
    add_text(root, "uuid", sums);
    add_text(root, "timestamp", sums);
    if (json_object_object_get_ex(root, "message", &message)) {
        add_text(message, "id", sums);
        add_text(message, "model", sums);
        if (json_object_object_get_ex(message, "usage", &usage)) {
            json_object_object_foreach(usage, key, value) {
                (void)key;
                if (json_object_is_type(value, json_type_int))
                    sums->tokens += json_object_get_uint64(value);
            }
        }
    }
    sums->lines++;
    json_object_put(root);
    return true;
}
