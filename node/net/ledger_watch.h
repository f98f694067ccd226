/* Notices that another process has written the ledger. Private to node/net. */
#ifndef NET_LEDGER_WATCH_H
#define NET_LEDGER_WATCH_H

#include "hub.h"

#define NET_POLL_MS        1000 /* for file systems that tell nothing */
#define NET_AGAIN_FIRST_MS 1    /* after an event: looking again, */
#define NET_AGAIN_FACTOR   5    /* each time so much later, */
#define NET_AGAIN_LAST_MS  250  /* up to here */

typedef struct net_ledger_watch {
    net_hub *hub;
    void (*lost)(void *ctx); /* the store was moved, removed or replaced; told once */
    void *ctx;
    uv_fs_event_t events;
    uv_timer_t poll, again;
    uint64_t again_ms; /* the wait that is under way */
    bool open, watching, told;
} net_ledger_watch;

/* `lost` and `ctx` are set. */
void net_ledger_watch_open(net_ledger_watch *watch, net_hub *hub);
void net_ledger_watch_close(net_ledger_watch *watch);

#endif
