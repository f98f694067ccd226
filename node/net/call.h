/* A call: from one address as people write it to a connected socket. Private to node/net. */
#ifndef NET_CALL_H
#define NET_CALL_H

#include "connection.h"

#define NET_CONNECT_MS         10000 /* for one address of a name */
#define NET_CALL_MAX_ADDRESSES 8u    /* of one name */

typedef struct net_call net_call;

/* `c` is connected and not started, or NULL, and then `why` is a sentence. The call is over. */
typedef void net_call_fn(void *ctx, net_connection *c, const char *why);

/* Looks the host up where it is a name and tries its addresses in turn. `fn` is called once, from
 * the loop, unless the call is cancelled. TALLY_EINVAL for what is no address, TALLY_ENOMEM. */
int net_call_start(net_hub *hub, const char *address, const net_owner *owner, net_call_fn *fn,
                   void *ctx, net_call **out, tally_error *err);
void net_call_cancel(net_call *call);

#endif
