/* When the agents' logs are captured, by the tally command as a child process. Private to node/net.
 */
#ifndef NET_CAPTURING_H
#define NET_CAPTURING_H

#include "agents.h"
#include "child.h"

#define NET_CAPTURE_QUIET_MS  400  /* after the last change that was seen */
#define NET_CAPTURE_LATEST_MS 3000 /* after the first one */
#define NET_CAPTURE_FINAL_MS                                                                       \
    (11 * 60 * 1000) /* responses are final after 10 minutes of silence                            \
                      */

typedef struct net_captured {
    int64_t time_ms; /* when it ended; 0: none yet */
    int64_t exit_code;
    uint64_t files, sessions, costs, activity;
} net_captured;

typedef struct net_capturing {
    net_hub *hub;
    net_agents agents;
    bool open, waiting; /* waiting: for net_capturing_begin */
    int64_t first_ms;   /* of the changes that wait; 0: none */
    int64_t final_ms;   /* when a last pass is due after silence; 0: none */
    bool wanted;        /* a pass whatever the search says */
    bool auditor_told;  /* why nothing is captured was said */
    net_captured last;
    net_child child;
    uv_timer_t quiet, look;
} net_capturing;

/* Zeros before the first time. Nothing is captured before net_capturing_begin. */
void net_capturing_open(net_capturing *capturing, net_hub *hub, const char *tally);
void net_capturing_begin(net_capturing *capturing);
/* A child that runs is told to end; the loop must run until it has. */
void net_capturing_close(net_capturing *capturing);

#endif
