/* Beacons on the local network: telling teammates where this node listens, and hearing them.
 * Private to node/net. */
#ifndef NET_LAN_H
#define NET_LAN_H

#include "hub.h"

#include <tally/beacon.h>

#define NET_BEACON_EVERY_MS  30000
#define NET_BEACON_REPLY_MS  2000 /* at most one unasked-for beacon in that time */
#define NET_BEACON_LOOK_MS   5000 /* between looks at this machine's interfaces */
#define NET_BEACON_OWN       4u   /* nonces of ours that are remembered */
#define NET_BEACON_MAX_BYTES 64u  /* more than a beacon has: longer datagrams are none */

typedef struct net_lan {
    net_hub *hub;
    /* A teammate listens at `address`. */
    void (*heard)(void *ctx, const char *address);
    /* This machine's addresses are others than before. */
    void (*moved)(void *ctx);
    void *ctx;

    uv_udp_t udp;
    uv_timer_t timer;
    bool open;
    uint64_t interfaces; /* hash of the list that the group was joined on */
    int64_t sent_ms;
    uint8_t own[NET_BEACON_OWN][TALLY_BEACON_NONCE_BYTES];
    size_t own_next;
    char buffer[NET_BEACON_MAX_BYTES];
} net_lan;

/* `hub`, `heard`, `moved` and `ctx` are set by the caller; sends nothing while hub->listen_port is
 * 0. TALLY_EIO when the group's port cannot be had. */
int net_lan_open(net_lan *lan, tally_error *err);
void net_lan_close(net_lan *lan);
/* Sends one now, unless one was sent a moment ago. */
void net_lan_announce(net_lan *lan);

#endif
