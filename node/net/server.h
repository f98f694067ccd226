/* The daemon's parts. Private to node/net: serve.c and status.c. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "capturing.h"
#include "control.h"
#include "delivering.h"
#include "dialer.h"
#include "lan.h"
#include "ledger_watch.h"
#include "listener.h"
#include "settings.h"

#define NET_OWN_FEED_MS      5000 /* for teammates to bring what this device has forgotten */
#define NET_OWN_FEED_LOOK_MS 100
#define NET_STOP_MS          1200 /* for byes and children to end */
#define NET_STOP_LOOK_MS     10

typedef struct net_server {
    net_hub *hub;
    const net_serve_options *options;
    net_settings settings;
    char listen[NET_ADDRESS_BYTES]; /* what the listener was opened with */
    net_listener listener;
    net_dialer dialer;
    net_lan lan;
    net_ledger_watch watch;
    net_capturing capturing;
    net_delivering delivering;
    net_control_server control;
    uv_signal_t signals[3];
    uv_timer_t patience; /* before the first capture; later, before the end */
    int64_t since_ms, until_ms;
    bool stopping, done, lost; /* lost: the ledger is not in its place any more */
} net_server;

/* The answer to "status". */
void net_status_write(const net_server *server, net_json *json);

#endif
