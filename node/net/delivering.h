/* When what waits for webhooks is delivered, by the tally command as a child process. Private to
 * node/net. */
#ifndef NET_DELIVERING_H
#define NET_DELIVERING_H

#include "child.h"

#define NET_DELIVER_QUIET_MS   1000            /* after the ledger has changed */
#define NET_DELIVER_TROUBLE_MS (5 * 60 * 1000) /* after it could not be done at all */

typedef struct net_delivering {
    net_hub *hub;
    bool open;
    bool wanted;     /* the ledger has changed since the last run began */
    int64_t next_ms; /* when something is due; INT64_MAX: when the ledger changes */
    net_child child;
    uv_timer_t due;
} net_delivering;

/* Zeros before the first time. Without an endpoint nothing is ever run. */
void net_delivering_open(net_delivering *delivering, net_hub *hub, const char *tally);
/* The ledger has changed. */
void net_delivering_wake(net_delivering *delivering);
/* A child that runs is told to end; the loop must run until it has. */
void net_delivering_close(net_delivering *delivering);

#endif
