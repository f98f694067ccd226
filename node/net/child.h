/* The tally command as a child process: what is not the daemon's own work (reading agents' logs,
 * posting to webhooks) is done apart from it. Private to node/net. */
#ifndef NET_CHILD_H
#define NET_CHILD_H

#include "hub.h"

#define NET_CHILD_OUTPUT_BYTES (1024u * 1024u)
#define NET_CHILD_WORDS_BYTES  512u
#define NET_CHILD_MAX_WORDS    4u /* of a command */

typedef struct net_child {
    net_hub *hub;
    const char *tally;        /* the command's path; borrowed */
    void (*ended)(void *ctx); /* output, said and exit_code hold until it returns */
    void *ctx;

    bool running;
    int64_t exit_code;
    uint8_t *output;
    size_t output_len;
    char said[NET_CHILD_WORDS_BYTES]; /* the first line on standard error */
    size_t said_len;

    uv_process_t process;
    uv_pipe_t out, words;
    unsigned handles; /* that are open: process and two pipes */
} net_child;

/* Runs `tally COMMAND --json --ledger DIR`; `command` ends with NULL. False, and nothing happens,
 * when memory ran out. What goes wrong later is told by its end. */
bool net_child_run(net_child *child, const char *const *command);
/* Tells it to end; the loop must run until it has. */
void net_child_end(net_child *child);

#endif
