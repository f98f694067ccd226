/* The dialer: whom to call, and when. Private to node/net. */
#ifndef NET_DIALER_H
#define NET_DIALER_H

#include "call.h"
#include "settings.h"

#define NET_MAX_LAN_PEERS    16u   /* of NET_MAX_PEERS: whoever repeats beacons must not fill it */
#define NET_LAN_MAX_FAILURES 5u    /* then it is forgotten until its next beacon */
#define NET_HEED_MS          10000 /* of one address: whoever repeats beacons must not set the pace */
#define NET_RECHECK_MS       5000 /* for a device that is connected the other way round */

typedef enum net_source { NET_FROM_SETTING, NET_FROM_MEMORY, NET_FROM_LAN } net_source;

typedef struct net_target {
    struct net_dialer *dialer;
    bool used;
    char address[NET_ADDRESS_BYTES];
    net_source source;
    bool listed; /* from memory: it is remembered still */
    bool device_known;
    tally_device_id device;
    uint32_t failures; /* since it last went well */
    size_t skip;       /* the team's newest secrets that it did not take */
    int64_t next_ms;   /* when it is called next */
    int64_t heeded_ms; /* when a beacon made it be called at once */
    bool tried, in_sync;
    bool itself; /* that is this device: never again */
    net_call *call;
    net_connection *connection;
    char why[NET_WHY_BYTES]; /* of the last failure */
} net_target;

typedef struct net_dialer {
    net_hub *hub;
    net_target targets[NET_MAX_PEERS];
    uv_timer_t timer;
    bool closed;
} net_dialer;

/* How long to wait after `failures` (1 or more) in a row: doubling from NET_BACKOFF_FIRST_MS up to
 * NET_BACKOFF_MAX_MS, less up to half of it by `random`, so that many do not call at once. */
int64_t net_backoff_ms(uint32_t failures, uint32_t random);

void net_dialer_init(net_dialer *dialer, net_hub *hub);
/* Hangs up calls under way; connections are the hub's. */
void net_dialer_close(net_dialer *dialer);

/* What the settings say now: others from there are forgotten. */
void net_dialer_configure(net_dialer *dialer, const net_settings *settings);
/* What is remembered of teammates now: others from there are forgotten, unless they are connected.
 */
void net_dialer_remember(net_dialer *dialer);
/* A beacon came from there. True when it is somebody to call. */
bool net_dialer_hear(net_dialer *dialer, const char *address);
/* Calls everybody who is not connected, now; returns how many. */
uint32_t net_dialer_now(net_dialer *dialer);
/* A connection with that device has ended: it may be called again. */
void net_dialer_free_device(net_dialer *dialer, const tally_device_id *device);
/* True when every target has been tried, and those that answered are in sync or gone. */
bool net_dialer_settled(const net_dialer *dialer);

#endif
