/* json_bench through cJSON: builds a tree, then walks it. */
#include <cjson/cJSON.h>
#include <string.h>

#include "json_peers/peers.h"

static void add_text(const cJSON *object, const char *name, bench_sums *sums) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (text) sums->text_bytes += strlen(text);
}

bool peer_cjson(const char *line, size_t len, bench_sums *sums) {
    cJSON *root = cJSON_ParseWithLength(line, len);
    if (!root) return false;
    add_text(root, "type", sums);
    add_text(root, "uuid", sums);
    add_text(root, "timestamp", sums);
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(root, "message");
    add_text(message, "id", sums);
    add_text(message, "model", sums);
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(message, "usage");
    const cJSON *value;
    cJSON_ArrayForEach(value, usage) {
        if (cJSON_IsNumber(value)) sums->tokens += (uint64_t)value->valuedouble;
    }
    sums->lines++;
    cJSON_Delete(root);
    return true;
}
