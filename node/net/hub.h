/* The hub: what all connections of one process share. One loop, one thread, one ledger handle.
 * Private to node/net. */
#ifndef NET_HUB_H
#define NET_HUB_H

#include "address.h"
#include "net.h"

#include <uv.h>

#define NET_READ_BYTES   (256u * 1024u) /* one read; more at hand is read at once after it */
#define NET_WRITE_BYTES  (256u * 1024u) /* copied for a socket that is full */
#define NET_CLOSE_MS     2000           /* for handles to close at the end */
#define NET_PART_MS      500            /* for byes to arrive */
#define NET_PART_LOOK_MS 5

typedef struct net_connection net_connection;

typedef struct net_hub {
    uv_loop_t loop;
    tally_ledger *ledger;
    const tally_key *key;
    tally_wire_packer *packer;
    net_news_fn *news;
    void *news_ctx;
    uint16_t listen_port; /* said in hellos; 0: none */

    net_connection *connections; /* the newest first */
    uint32_t connection_count;
    uint8_t *read_buffer;

    uv_check_t check; /* after each round of I/O: flush what was drained, wake on changes */
    uv_idle_t idle;   /* while one of both waits, the loop does not sleep */
    bool draining;    /* some connection has taken bytes that are not flushed */
    bool changed;     /* the ledger has new records */
    uint64_t version; /* of the ledger when the sessions were woken last */

    tally_team_secret *secrets; /* in locked memory; of `secrets_version` of the ledger: */
    size_t secret_count;
    uint64_t secrets_version; /* whoever only knocks must not make us open them anew */

    void (*on_pipe)(int);         /* what SIGPIPE did before */
    void (*on_change)(void *ctx); /* the ledger has changed; may be NULL */
    void *on_change_ctx;
} net_hub;

/* Reads the key (and asks for its passphrase). The caller frees with net_hub_free. */
int net_hub_new(tally_ledger *ledger, net_news_fn *news, void *news_ctx, net_hub **out,
                tally_error *err);
/* Every handle must have been closed or be about to close; connections that are left are cut. When
 * a name is still being looked up after NET_CLOSE_MS, the hub's memory is left to the system. */
void net_hub_free(net_hub *hub);

/* Unix milliseconds. */
int64_t net_now_ms(void);
/* Runs the loop until *done, or for `timeout_ms` (negative: for ever). */
void net_hub_run(net_hub *hub, const bool *done, int64_t timeout_ms);

/* A moment for the last words of connections that have ended. */
void net_hub_part(net_hub *hub);

/* Sessions are woken after this round of I/O. */
void net_hub_changed(net_hub *hub);
/* The same when the ledger's version is another than the one last seen; true then. */
bool net_hub_look(net_hub *hub);
void net_hub_drain(net_hub *hub);

/* The team's secrets, newest first: the hub's own, until the next call. */
int net_hub_secrets(net_hub *hub, const tally_team_secret **out, size_t *count, tally_error *err);

void net_tell(net_hub *hub, const net_news *news);
/* The most frequent: a level, a word, an address and a sentence. */
void net_say(net_hub *hub, net_level level, const char *what, const char *address,
             const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
