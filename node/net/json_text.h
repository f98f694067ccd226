/* Writes one compact JSON document into a buffer: the daemon's status and its log lines. Private to
 * node/. */
#ifndef NET_JSON_TEXT_H
#define NET_JSON_TEXT_H

#include <tally/frame.h>
#include <tally/key.h>

typedef struct net_json {
    tally_buffer text;
    bool filled; /* something stands at this level already */
    bool failed; /* no memory, or over the limit: the text is not whole */
} net_json;

void net_json_init(net_json *json, size_t limit_bytes);
void net_json_clear(net_json *json);

/* `key` is NULL inside arrays and for the document itself. */
void net_json_open(net_json *json, const char *key, char bracket);
void net_json_close(net_json *json, char bracket);
/* Control characters are escaped; bytes that are no UTF-8 become U+FFFD. NULL gives null. */
void net_json_text(net_json *json, const char *key, const char *text);
void net_json_hex(net_json *json, const char *key, const uint8_t *bytes, size_t len);
void net_json_i64(net_json *json, const char *key, int64_t value);
void net_json_u64(net_json *json, const char *key, uint64_t value);
void net_json_bool(net_json *json, const char *key, bool value);
void net_json_null(net_json *json, const char *key);
/* RFC 3339, UTC. */
void net_json_time(net_json *json, const char *key, int64_t unix_ms);

#endif
