/* A listener: accepts connections and keeps strangers from using them all up. Private to node/net.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "connection.h"

#define NET_LISTEN_BACKLOG          64
#define NET_MAX_HANDSHAKES_PER_HOST 8u

typedef struct net_listener {
    net_hub *hub;
    /* A connection was accepted; `c->address` and `c->host` are set. Starts it. */
    void (*accepted)(void *ctx, net_connection *c);
    net_owner owner;
    void *ctx;

    uv_tcp_t *tcp; /* NULL: closed */
    uint16_t port;
    char address[NET_ADDRESS_BYTES];
} net_listener;

/* `hub`, `accepted`, `owner` and `ctx` are set by the caller. `address`: "host:port", the host
 * numeric or empty for all, port 0 for any. TALLY_EINVAL, TALLY_EIO. */
int net_listener_open(net_listener *listener, const char *address, tally_error *err);
/* Closed ones are allowed. */
void net_listener_close(net_listener *listener);

#endif
