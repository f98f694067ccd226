/* json_bench through YAJL: a stream of callbacks, from which the path is kept by hand. */
#include <string.h>
#include <yajl/yajl_parse.h>

#include "json_peers/peers.h"

/* depth 1: members of the line; 2: of message; 3: of message.usage. */
typedef struct place {
    unsigned depth, message_depth, usage_depth;
    bool wanted, into_message, into_usage;
    bench_sums *sums;
} place;

static bool key_is(const unsigned char *key, size_t len, const char *name) {
    return len == strlen(name) && memcmp(key, name, len) == 0;
}

static int on_key(void *ctx, const unsigned char *key, size_t len) {
    place *at = ctx;
    bool top = at->depth == 1;
    bool message = at->message_depth != 0 && at->depth == at->message_depth;
    at->wanted = (top && (key_is(key, len, "type") || key_is(key, len, "uuid") ||
                          key_is(key, len, "timestamp"))) ||
                 (message && (key_is(key, len, "id") || key_is(key, len, "model")));
    at->into_message = top && key_is(key, len, "message");
    at->into_usage = message && key_is(key, len, "usage");
    return 1;
}

static int on_start(void *ctx) {
    place *at = ctx;
    at->depth++;
    if (at->into_message) at->message_depth = at->depth;
    if (at->into_usage) at->usage_depth = at->depth;
    at->wanted = at->into_message = at->into_usage = false;
    return 1;
}

static int on_end(void *ctx) {
    place *at = ctx;
    if (at->depth == at->message_depth) at->message_depth = 0;
    if (at->depth == at->usage_depth) at->usage_depth = 0;
    at->depth--;
    return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len) {
    place *at = ctx;
    (void)text;
    if (at->wanted) at->sums->text_bytes += len;
    at->wanted = false;
    return 1;
}

static int on_integer(void *ctx, long long value) {
    place *at = ctx;
    if (at->usage_depth != 0 && at->depth == at->usage_depth) at->sums->tokens += (uint64_t)value;
    return 1;
}

static const yajl_callbacks callbacks = {.yajl_integer = on_integer,
                                         .yajl_string = on_string,
                                         .yajl_start_map = on_start,
                                         .yajl_map_key = on_key,
                                         .yajl_end_map = on_end,
                                         .yajl_start_array = on_start,
                                         .yajl_end_array = on_end};

bool peer_yajl(const char *line, size_t len, bench_sums *sums) {
    place at = {.sums = sums};
    yajl_handle handle = yajl_alloc(&callbacks, NULL, &at);
    if (!handle) return false;
    yajl_config(handle, yajl_dont_validate_strings, 1);
    bool ok = yajl_parse(handle, (const unsigned char *)line, len) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    sums->lines += ok;
    return ok;
}
