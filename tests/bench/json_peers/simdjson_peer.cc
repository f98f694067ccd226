/* json_bench through simdjson's on-demand reader: it validates only what is asked for. */
#include <simdjson.h>

#include "json_peers/peers.h"

using namespace simdjson;

static void add_text(ondemand::value value, bench_sums *sums) {
    std::string_view text;
    if (value.get_string().get(text) == SUCCESS) sums->text_bytes += text.size();
}

static void add_usage(ondemand::object usage, bench_sums *sums) {
    for (auto field : usage) {
        ondemand::value value;
        uint64_t tokens;
        if (field.value().get(value) != SUCCESS) return;
        ondemand::json_type type;
        if (value.type().get(type) != SUCCESS || type != ondemand::json_type::number) continue;
        if (value.get_uint64().get(tokens) == SUCCESS) sums->tokens += tokens;
    }
}

static void add_message(ondemand::object message, bench_sums *sums) {
    for (auto field : message) {
        ondemand::raw_json_string key;
        ondemand::value value;
        if (field.key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) return;
        if (key == "id" || key == "model") {
            add_text(value, sums);
        } else if (key == "usage") {
            ondemand::object usage;
            if (value.get_object().get(usage) == SUCCESS) add_usage(usage, sums);
        }
    }
}

extern "C" bool peer_simdjson(const char *line, size_t len, bench_sums *sums) {
    static ondemand::parser parser;
    ondemand::document document;
    ondemand::object root;
    padded_string_view view(line, len, len + BENCH_PADDING_BYTES);
    if (parser.iterate(view).get(document) != SUCCESS) return false;
    if (document.get_object().get(root) != SUCCESS) return false;
    for (auto field : root) {
        ondemand::raw_json_string key;
        ondemand::value value;
        if (field.key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) return false;
        if (key == "type" || key == "uuid" || key == "timestamp") {
            add_text(value, sums);
        } else if (key == "message") {
            ondemand::object message;
            if (value.get_object().get(message) == SUCCESS) add_message(message, sums);
        }
    }
    sums->lines++;
    return true;
}
