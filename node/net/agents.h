/* The agents' log folders under inotify. Which files matter is node/capture/sources.h's; reading
 * them is the tally command's. Private to node/net. */
#ifndef NET_AGENTS_H
#define NET_AGENTS_H

#include "hub.h"

#define NET_MAX_WATCHES     1024u /* folders; those that were written last */
#define NET_WATCH_ANCESTORS 3u    /* above a folder with logs, below the home directory */
#define NET_LOOK_MS         60000 /* between searches for what inotify missed */

typedef struct net_agents_watch net_agents_watch;

typedef struct net_agents {
    net_hub *hub;
    void (*touched)(void *ctx); /* something in a watched folder changed */
    void (*looked)(void *ctx,
                   bool changed); /* net_agents_look is through; changed: since the last */
    void *ctx;

    net_agents_watch **watches; /* by path */
    size_t watch_count;
    uint64_t seen; /* hash over all log files' stamps */
    struct net_agents_search *search;
} net_agents;

/* Searches all agents' logs on another thread, then watches their folders. False when a search is
 * under way already. */
bool net_agents_look(net_agents *agents);
void net_agents_close(net_agents *agents);

#endif
