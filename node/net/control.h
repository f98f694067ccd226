/* The control socket: one request, one JSON document. Private to node/net. */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "hub.h"
#include "json_text.h"

#include <sys/un.h>

#define NET_CONTROL_REQUEST_BYTES 64u
#define NET_CONTROL_ANSWER_BYTES  (1024u * 1024u)
#define NET_CONTROL_MAX_CLIENTS   8u
#define NET_CONTROL_MS            5000 /* for the whole exchange */

typedef struct net_control_server {
    net_hub *hub;
    /* Writes the answer; false for a request that nobody knows. */
    bool (*answer)(void *ctx, const char *request, net_json *json);
    void *ctx;
    uv_pipe_t pipe;
    bool open;
    struct net_control_client *clients[NET_CONTROL_MAX_CLIENTS];
    struct sockaddr_un at;
    int folder; /* descriptor that `at` goes through, or -1 */
} net_control_server;

/* The caller holds the daemon's lock: a socket file that is there is a dead one's and is replaced.
 * `hub`, `answer` and `ctx` are set by the caller. TALLY_EIO. */
int net_control_open(net_control_server *server, tally_error *err);
void net_control_close(net_control_server *server);

/* Where the socket of a ledger is. A path that is too long for a socket address goes through a
 * descriptor of the folder, which the caller closes (-1: none is needed). TALLY_EIO. */
int net_control_address(const char *dir, struct sockaddr_un *out, int *folder, tally_error *err);

#endif
