/* A connection: one TCP socket and one session. Private to node/net. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include "hub.h"

#define NET_WHY_BYTES   320u
#define NET_NAME_BYTES  129u            /* of a member or device, with its NUL */
#define NET_FLUSH_BYTES (1024u * 1024u) /* taken, then written: what a crash makes come again */
#define NET_LINGER_MS   1000            /* for a bye to arrive */
#define NET_KEEPALIVE_S 30
#define NET_TICK_MAX_MS 60000 /* the wall clock may be set: look at deadlines that often */
#define NET_BUSY_WORDS  "another connection of these two devices is in use"

/* Somebody holds an invite: what the person is asked. */
typedef struct net_code {
    char text[TALLY_SHORT_CODE_BYTES];
    char member[NET_NAME_BYTES], name[NET_NAME_BYTES];
    tally_device_id device;
} net_code;

/* Whose connection it is. No function is called from inside a session, so all of them may use the
 * connection; each may be NULL. */
typedef struct net_owner {
    void (*established)(void *ctx, net_connection *c);
    void (*code)(void *ctx, net_connection *c, const net_code *code);
    void (*in_sync)(void *ctx, net_connection *c);
    void (*ended)(void *ctx, net_connection *c); /* once; c->code, c->theirs and c->why say why */
    void *ctx;
} net_owner;

struct net_connection {
    net_hub *hub;
    net_connection *next, *previous;
    net_owner owner;
    tally_session *session; /* NULL until started */
    bool outgoing;
    char address[NET_ADDRESS_BYTES]; /* that was called, or that it came from */
    char host[NET_HOST_BYTES];
    int64_t since_ms;

    tally_device_id peer;
    bool established, ended;
    uint32_t code; /* how it ended */
    bool theirs;
    char why[NET_WHY_BYTES];

    unsigned events; /* that the session told and settle has not looked at */
    uint64_t took;
    net_code asked;
    bool settling, writing, closing;
    bool broken, shut, lingering; /* cannot be written; all was written; waits for their end */
    size_t unflushed;             /* bytes taken since the last flush */
    bool undrained, read_now;     /* bytes taken and not flushed; in this very round */

    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint8_t *out; /* what is being written; NET_WRITE_BYTES, made when first needed */
    unsigned handles;
};

/* A connection without a session: its `tcp` is ready to accept or connect. NULL: no memory. The
 * loop frees it after net_connection_cut or when its session has ended. */
net_connection *net_connection_new(net_hub *hub, const net_owner *owner, bool outgoing);

/* The socket is connected: makes a session of `options`, of which only what is particular to this
 * one is filled in (kind, initiator, secrets, invite, names, role, address, host), and lets it run.
 * On an error the connection has been cut. */
int net_connection_start(net_connection *c, tally_session_options *options, tally_error *err);
/* The same for two teammates. An initiator leaves out the `skip` newest of the team's secrets, as
 * far as there are others. */
int net_connection_start_team(net_connection *c, size_t skip, tally_error *err);

void net_connection_wake(net_connection *c);
void net_connection_decide(net_connection *c, bool yes);
/* Says bye and ends. */
void net_connection_end(net_connection *c, tally_bye code, const char *words);
/* The same without a word, at once. */
void net_connection_drop(net_connection *c, const char *words);
/* Closes; the owner is not told. */
void net_connection_cut(net_connection *c);
/* After a round of I/O: flushes when no bytes came in it; true when it must be asked again. */
bool net_connection_drained(net_connection *c);

/* The established connection with a device, other than `except`; NULL when there is none. */
net_connection *net_connection_find(net_hub *hub, const tally_device_id *device,
                                    const net_connection *except);

#endif
