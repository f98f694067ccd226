/* The daemon's log: one line an event on standard error. */
#ifndef NODE_LOG_H
#define NODE_LOG_H

#include "net/net.h"

typedef struct node_log {
    bool json;
} node_log;

/* A net_news_fn; `ctx` is a node_log. */
void node_log_news(void *ctx, const net_news *news);
/* Exactly what node_log_news writes, with its newline; 0 when it does not fit. */
size_t node_log_format(bool json, int64_t now_ms, const net_news *news, char *out, size_t size);

#endif
