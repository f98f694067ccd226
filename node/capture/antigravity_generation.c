/* Reads the protocol buffers in Antigravity's databases. */
#include "antigravity_generation.h"
#include "protobuf.h"

#include <tally/record.h>

#define COUNT_MAX  (UINT64_C(1) << 53)
#define TIME_MAX_S (INT64_C(1) << 37) /* a record's clock holds 48 bits of milliseconds */

/* Field numbers of CortexStepGeneratorMetadata and what is in it. */
enum { META_CHAT_MODEL = 1, META_STEPS = 2 };
enum { CHAT_USAGE = 4, CHAT_START = 9, CHAT_ROUTE = 19, CHAT_DISPLAY_NAME = 21 };
enum {
    USAGE_INPUT = 2, /* 1 is the model as a number, not tokens */
    USAGE_OUTPUT = 3,
    USAGE_CACHE_WRITE = 4,
    USAGE_CACHE_READ = 5,
    USAGE_RESPONSE_OUTPUT = 9,
    USAGE_THINKING = 10,
    USAGE_RESPONSE_ID = 11
};
enum { START_CREATED = 4 };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS = 2 };

static const char *read_usage(tally_span usage, antigravity_generation *out) {
    static const uint32_t numbers[] = {USAGE_INPUT,      USAGE_OUTPUT,          USAGE_CACHE_WRITE,
                                       USAGE_CACHE_READ, USAGE_RESPONSE_OUTPUT, USAGE_THINKING};
    uint64_t count[6];
    tally_span id;
    for (size_t i = 0; i < 6; i++) {
        (void)protobuf_number(usage, numbers[i], &count[i]);
        if (count[i] > COUNT_MAX) return "a token count that is no count";
    }
    if (count[1] != count[4] + count[5]) return "an output that is not the sum of its parts";
    out->usage = (tally_usage){
        .input = count[0], .output = count[1], .cache_write_5m = count[2], .cache_read = count[3]};
    out->reasoning = count[5];
    (void)protobuf_bytes(usage, USAGE_RESPONSE_ID, &id);
    if (id.len > CAPTURE_ID_MAX_BYTES || !tally_utf8_valid(id)) return "an unusable response id";
    capture_id_set(&out->response, id);
    return NULL;
}

/* "Gemini 3.1 Pro (High)" is "gemini-3.1-pro" at some effort; what is sold as a preview is named so
 * in price lists. */
static void take_display_name(tally_span name, capture_id *out) {
    static const char *const previews[] = {"gemini-3-pro", "gemini-3-flash", "gemini-3.1-pro",
                                           "gemini-3.1-flash"};
    static const char suffix[] = "-preview";
    size_t open = capture_find(name, " (");
    if (open != SIZE_MAX && name.ptr[name.len - 1] == ')') name.len = open;
    capture_id_set(out, name);
    for (size_t i = 0; i < out->len; i++) {
        char c = out->text[i];
        if (c == ' ') out->text[i] = '-';
        if (c >= 'A' && c <= 'Z') out->text[i] = (char)(c | 0x20);
    }
    for (size_t i = 0; i < sizeof previews / sizeof previews[0]; i++) {
        if (!tally_span_is(capture_id_span(out), previews[i])) continue;
        memcpy(out->text + out->len, suffix, sizeof suffix - 1);
        out->len = (uint16_t)(out->len + sizeof suffix - 1);
        return;
    }
}

/* A routing label ("gemini-pro-default") is no model: it stays, and has no price. */
static void read_model(tally_span chat, capture_id *out) {
    tally_span name;
    out->len = 0;
    if (protobuf_bytes(chat, CHAT_DISPLAY_NAME, &name) && name.len > 0 &&
        name.len <= CAPTURE_ID_MAX_BYTES && tally_utf8_valid(name))
        take_display_name(name, out);
    else if (protobuf_bytes(chat, CHAT_ROUTE, &name) && name.len <= CAPTURE_ID_MAX_BYTES &&
             tally_utf8_valid(name))
        capture_id_set(out, name);
}

/* Since 1.1.18 the field has another layout (UNCONFIRMED): then no time is said. */
static int64_t read_time(tally_span chat) {
    tally_span start, created;
    uint64_t seconds, nanos;
    (void)protobuf_bytes(chat, CHAT_START, &start);
    if (!protobuf_bytes(start, START_CREATED, &created)) return 0;
    (void)protobuf_number(created, TIMESTAMP_SECONDS, &seconds);
    (void)protobuf_number(created, TIMESTAMP_NANOS, &nanos);
    if (seconds >= (uint64_t)TIME_MAX_S || nanos >= UINT64_C(1000000000)) return 0;
    return (int64_t)(seconds * 1000 + nanos / 1000000);
}

/* Packed, or one field for each. */
static void read_steps(tally_span message, antigravity_generation *out) {
    protobuf_field field;
    while (protobuf_next(&message, &field)) {
        if (field.number != META_STEPS) continue;
        if (field.type == PROTOBUF_NUMBER) {
            out->has_step = true;
            out->last_step = field.value;
        }
        tally_span packed = field.bytes;
        uint64_t value = 0;
        unsigned shift = 0;
        for (size_t i = 0; i < packed.len; i++) {
            if (shift < 64) value |= (uint64_t)(packed.ptr[i] & 0x7f) << shift;
            shift += 7;
            if (packed.ptr[i] >= 0x80) continue;
            out->has_step = true;
            out->last_step = value;
            value = shift = 0;
        }
    }
}

int antigravity_generation_read(tally_span bytes, antigravity_generation *out, const char **why) {
    tally_span chat, usage;
    *out = (antigravity_generation){0};
    read_steps(bytes, out);
    if (!protobuf_bytes(bytes, META_CHAT_MODEL, &chat)) return 0;
    read_model(chat, &out->model);
    out->time_ms = read_time(chat);
    out->has_usage = protobuf_bytes(chat, CHAT_USAGE, &usage);
    *why = out->has_usage ? read_usage(usage, out) : NULL;
    return *why ? TALLY_EFORMAT : 0;
}

static int hex_of(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool antigravity_path(tally_span uri, capture_path *out) {
    static const char scheme[] = "file://";
    bool is_uri = capture_starts(uri, scheme);
    size_t from = is_uri ? sizeof scheme - 1 : 0;
    out->len = 0;
    if (uri.len - from > sizeof out->text) return false;
    for (size_t i = from; i < uri.len; i++) {
        int high = is_uri && uri.ptr[i] == '%' && i + 2 < uri.len ? hex_of(uri.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_of(uri.ptr[i + 2]) : -1;
        int byte = low >= 0 ? high * 16 + low : uri.ptr[i];
        out->text[out->len++] = (char)byte;
        if (low >= 0) i += 2;
    }
    if (out->len > 0 && out->text[0] == '/') return true;
    out->len = 0;
    return false;
}

bool antigravity_workspace_read(tally_span bytes, capture_path *out) {
    tally_span workspace, uri;
    out->len = 0;
    return protobuf_bytes(bytes, 1, &workspace) && protobuf_bytes(workspace, 1, &uri) &&
           antigravity_path(uri, out);
}
