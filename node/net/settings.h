/* Settings of this node: rows of the local settings table. Private to node/net. */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include "address.h"
#include "net.h"

#define NET_SETTING_PEERS   "sync.peers"   /* "host:port", separated by spaces */
#define NET_SETTING_LISTEN  "node.listen"  /* "host:port" or "none" */
#define NET_SETTING_BEACON  "node.beacon"  /* on, off */
#define NET_SETTING_CAPTURE "node.capture" /* on, off */

typedef struct net_settings {
    char peers[NET_MAX_PEERS][NET_ADDRESS_BYTES];
    size_t peer_count;
    char listen[NET_ADDRESS_BYTES];
    bool beacon, capture;
} net_settings;

int net_settings_read(tally_ledger *ledger, net_settings *out, tally_error *err);
/* Cuts the setting's text into addresses; what is none is left out. */
void net_settings_peers(tally_span text, net_settings *out);
/* The port of a listen setting; 0 for "none". */
uint16_t net_settings_port(const char *listen);

/* Addresses that teammates were last reached at (peer.h), with their devices. */
typedef void net_remembered_fn(void *ctx, const char *address, const tally_device_id *device);
int net_remembered_each(tally_ledger *ledger, net_remembered_fn *fn, void *ctx, tally_error *err);

#endif
