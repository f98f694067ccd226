/* Log lines: words for people or JSON for machines. What is worth a line is node/net's matter. */
#include "log.h"

#include "net/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tally/time.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES     2048u
#define SHORT_ID_BYTES 4u /* of a device, in words */

static const char *const levels[] = {
    [NET_INFO] = "info", [NET_WARN] = "warn", [NET_ERROR] = "error"};

static const char *const byes[] = {
    [TALLY_BYE_DONE] = "done",         [TALLY_BYE_VERSION] = "version",
    [TALLY_BYE_UNKNOWN] = "unknown",   [TALLY_BYE_REVOKED] = "revoked",
    [TALLY_BYE_PROTOCOL] = "protocol", [TALLY_BYE_LIMIT] = "limit",
    [TALLY_BYE_DECLINED] = "declined", [TALLY_BYE_EXPIRED] = "expired",
    [TALLY_BYE_SPENT] = "spent",       [TALLY_BYE_SILENT] = "silent",
    [TALLY_BYE_ITSELF] = "itself",     [TALLY_BYE_BUSY] = "busy",
    [TALLY_BYE_TROUBLE] = "trouble",   [TALLY_BYE_STOPPING] = "stopping"};

static const char *bye_name(int64_t code) {
    bool known = code >= 0 && code < (int64_t)(sizeof byes / sizeof *byes);
    return known ? byes[code] : NULL;
}

static size_t json_line(int64_t now_ms, const net_news *news, char *out, size_t size) {
    net_json json;
    net_json_init(&json, size - 1);
    net_json_open(&json, NULL, '{');
    net_json_time(&json, "time", now_ms);
    net_json_text(&json, "level", levels[news->level]);
    net_json_text(&json, "event", news->what);
    if (news->peer) net_json_hex(&json, "device", news->peer->b, sizeof news->peer->b);
    if (news->address) net_json_text(&json, "address", news->address);
    if (news->code != INT64_MIN) net_json_i64(&json, "code", news->code);
    if (bye_name(news->code)) net_json_text(&json, "why", bye_name(news->code));
    if (news->count > 0) net_json_u64(&json, "count", news->count);
    if (news->text) net_json_text(&json, "text", news->text);
    net_json_close(&json, '}');
    size_t len = json.failed ? 0 : json.text.len;
    if (len > 0) {
        memcpy(out, json.text.ptr, len);
        out[len++] = '\n';
    }
    net_json_clear(&json);
    return len;
}

/* Appends what fits; a peer's words must not reach a terminal's control codes. */
static void add(char *out, size_t size, size_t *len, const char *text) {
    for (; *text && *len < size - 1; text++)
        out[(*len)++] = (uint8_t)*text < 0x20 || *text == 0x7f ? '?' : *text;
}

static size_t text_line(int64_t now_ms, const net_news *news, char *out, size_t size) {
    char time[TALLY_TIME_TEXT_BYTES], part[64];
    size_t len = 0;
    tally_time_format(now_ms, time);
    (void)snprintf(part, sizeof part, "%s %-5s ", time, levels[news->level]);
    add(out, size, &len, part);
    add(out, size, &len, news->what);
    if (news->peer) {
        (void)snprintf(part, sizeof part, " %0*" PRIx32, (int)(2 * SHORT_ID_BYTES),
                       tally_get_be32(news->peer->b));
        add(out, size, &len, part);
    }
    if (news->address) {
        add(out, size, &len, " ");
        add(out, size, &len, news->address);
    }
    if (news->count > 0) {
        (void)snprintf(part, sizeof part, " (%" PRIu64 ")", news->count);
        add(out, size, &len, part);
    }
    if (bye_name(news->code)) {
        add(out, size, &len, ": ");
        add(out, size, &len, bye_name(news->code));
    }
    if (news->text && *news->text) {
        add(out, size, &len, ": ");
        add(out, size, &len, news->text);
    }
    out[len++] = '\n';
    return len;
}

size_t node_log_format(bool json, int64_t now_ms, const net_news *news, char *out, size_t size) {
    return json ? json_line(now_ms, news, out, size) : text_line(now_ms, news, out, size);
}

void node_log_news(void *ctx, const net_news *news) {
    const node_log *log = ctx;
    char line[LINE_BYTES];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    size_t len = node_log_format(log->json, now_ms, news, line, sizeof line);
    /* One write a line: lines of several processes do not mix. A log that is gone is no reason to
       stop. */
    if (len > 0) (void)!write(STDERR_FILENO, line, len);
}
