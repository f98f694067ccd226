/* The net: sessions (tally/session.h) over real sockets, on one libuv loop. What the daemon serves
 * for days and what a command does once both stand on it. The only room with sockets. */
#ifndef NODE_NET_H
#define NODE_NET_H

#include <tally/ledger.h>
#include <tally/session.h>

#define NET_DEFAULT_PORT 7117u
#define NET_BEACON_GROUP                                                                           \
    "239.255.71.17" /* organisation-local scope of RFC 2365, UDP, port NET_DEFAULT_PORT */
#define NET_MAX_CONNECTIONS  128u
#define NET_MAX_HANDSHAKES   32u /* connections whose peer is not known yet */
#define NET_MAX_PEERS        64u /* addresses to call */
#define NET_BACKOFF_FIRST_MS 1000
#define NET_BACKOFF_MAX_MS   (5 * 60 * 1000)
#define NET_CONTROL_FILE     "tallyd.sock" /* in the ledger's directory */
#define NET_LOCK_FILE        "tallyd.lock"

/* One line of news for a log, at the caller's choice as words or as JSON: no secrets, no addresses
 * of strangers beyond what a log needs. Keys and values are borrowed; `peer` may be NULL. */
typedef enum net_level { NET_INFO, NET_WARN, NET_ERROR } net_level;
typedef struct net_news {
    net_level level;
    const char
        *what; /* a stable word: "listening", "connected", "refused", "ended", "took", "forked" … */
    const tally_device_id *peer;
    const char *address; /* "host:port" or NULL */
    int64_t code;        /* a tally_bye or a tally_code; INT64_MIN: none */
    uint64_t count;      /* records, where there is a number */
    const char *text;    /* a sentence or NULL */
} net_news;
typedef void net_news_fn(void *ctx, const net_news *news);

/* ---- for commands: each runs its own loop and returns when it is done ---- */

/* Calls the given addresses ("host:port"), or, with none, all that are configured ("sync.peers") or
 * remembered, at the same time, and goes on until every session that came about is in sync or
 * ended. */
typedef struct net_sync_options {
    tally_ledger *ledger;
    const char *const *addresses;
    size_t address_count;
    int64_t timeout_ms; /* for the whole; what is on its way when it ends resumes next time */
    net_news_fn *news;
    void *ctx;
} net_sync_options;
typedef struct net_sync_result {
    uint32_t tried, reached; /* addresses */
    uint64_t records_in, records_out, bytes_in, bytes_out;
} net_sync_result;
/* 0 when every address was reached and in sync; TALLY_ENOTFOUND when there is nobody to call;
 * TALLY_EIO when some were not reached or did not come in sync (the result says how many; err names
 * the first). */
int net_sync(const net_sync_options *options, net_sync_result *result, tally_error *err);

/* Inviting: listens, gives out the line, and serves joiners until one has joined, the invite is
 * late, or `ask` said no. */
typedef struct net_invite_options {
    tally_ledger *ledger;
    tally_role role;
    const char *listen; /* "host:port", port 0: any; NULL: every address, any port */
    const char *const
        *addresses; /* to put into the line; with none those of this machine's interfaces */
    size_t address_count;
    int64_t lifetime_ms;
    /* The line is ready; show it. Wipe copies. */
    void (*line)(void *ctx, const char *line, const tally_invite *invite);
    /* Somebody holds the line: do the codes agree? May block: it is called on another thread, so
     * that the connection lives on meanwhile, and only once at a time. It must not use the ledger.
     */
    bool (*ask)(void *ctx, const char *code, tally_span member, tally_span name,
                const tally_device_id *device);
    net_news_fn *news;
    void *ctx;
} net_invite_options;
/* 0: joined and in sync (`joined` says who). TALLY_EREFUSED: late or declined. TALLY_EIO: cannot
 * listen. */
int net_invite(const net_invite_options *options, tally_device_id *joined, tally_error *err);

/* Joining, on a ledger that was created with `join`: tries the invite's addresses in order until
 * one answers, and goes on until the team's records are here. */
typedef struct net_join_options {
    tally_ledger *ledger;
    const tally_invite *invite;
    tally_span member, name;
    int64_t timeout_ms;                        /* to be answered by a person */
    void (*code)(void *ctx, const char *code); /* show it */
    net_news_fn *news;
    void *ctx;
} net_join_options;
/* TALLY_EREFUSED: late, spent or declined (err says which), TALLY_EIO: nobody answers. */
int net_join(const net_join_options *options, net_sync_result *result, tally_error *err);

/* ---- the daemon ---- */

typedef struct net_serve_options {
    tally_ledger *ledger;
    const char *listen; /* "host:port"; NULL: setting "node.listen", else every address and
                           NET_DEFAULT_PORT; "none": do not listen */
    bool beacon;        /* look for teammates on the LAN */
    bool capture;       /* watch the agents' folders and capture */
    const char *tally;  /* path of the tally command, which captures */
    net_news_fn *news;
    void *ctx;
} net_serve_options;
/* Runs until SIGTERM or SIGINT; then says bye to all, and returns 0. TALLY_EEXIST: a daemon serves
 * this ledger already. */
int net_serve(const net_serve_options *options, tally_error *err);

/* Asks the running daemon: one JSON document (NUL-terminated; the caller frees). `request`:
 * "status" (pid, since, listen address, connections with device, address, direction, since, in
 * sync, records and bytes both ways; peers being called with the next try; last capture) or "sync"
 * (call everybody now). TALLY_ENOTFOUND when no daemon runs. */
int net_control(const char *ledger_dir, const char *request, char **json, tally_error *err);

#endif
