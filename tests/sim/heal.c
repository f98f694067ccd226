/* Everything works again: no partition, nobody lies, all nodes are up and call each other until
 * they agree. That they do, in bounded time, is an invariant itself. */
#include "sim.h"

#define ROUNDS      60u
#define ROUND_MS    (15 * SIM_SECOND_MS)
#define MAX_INVITES 8u

static void start_all(world *w) {
    bool liar_goes = dice_chance(&w->dice, 50);
    w->healing = true;
    w->lying = false;
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++) {
        node *n = &w->nodes[i];
        w->side[i] = 0;
        if (i == SIM_STRANGER || (n->liar && liar_goes)) {
            net_node_down(w, i, false);
            node_crash(w, n);
        } else if (!node_up(n)) {
            node_start(w, n);
        }
    }
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        conn *c = w->conns[i];
        c->flip_percent = 0;
        /* Who waits to be let in, and hears nothing, gives up and asks again. */
        bool stuck = c->ends[0].kind == TALLY_SESSION_JOIN && (c->hole[0] || c->hole[1]);
        if (!c->gone && (c->liar || stuck)) net_cut(w, c, true, true);
    }
}

/* Devices that hold no secret of the team can only be let in again. */
static void invite_outsiders(world *w) {
    for (uint32_t i = 1; i < w->node_count; i++) {
        node *n = &w->nodes[i];
        if (!node_up(n) || node_secrets(w, n) > 0 || net_trying(w, i, 0)) continue;
        if (check_outcast(w, n) || n->invites++ >= MAX_INVITES) continue;
        act_invite(w, &w->nodes[0], n);
    }
}

static void call_all(world *w) {
    for (uint32_t i = 0; i < w->node_count; i++) {
        for (uint32_t k = 0; k < w->node_count; k++) {
            if (i == k || net_established(w, i, k) || net_trying(w, i, k)) continue;
            if (net_trying(w, k, i) && dice_chance(&w->dice, 70)) continue;
            conn_plan plan = {.from = i, .to = k, .kind = TALLY_SESSION_TEAM};
            (void)net_connect(w, &plan);
        }
    }
}

/* People settle the forks they see, sometimes two of them at once and differently; work goes on. */
static void go_on(world *w) {
    for (uint32_t i = 0; i < w->node_count; i++) {
        node *n = &w->nodes[i];
        if (!node_up(n)) continue;
        if (n->liar) act_forge(w, n);
        if (n->role == TALLY_ROLE_ADMIN && dice_chance(&w->dice, 60)) act_resolve(w, n);
        if (dice_chance(&w->dice, 50)) act_capture(w, n, 1);
    }
}

/* Agreement has to outlive new connections, over which blobs are asked for once more. */
void heal_world(world *w) {
    char why[SIM_FAILURE_BYTES / 2] = "";
    bool again = false, went_on = false;
    start_all(w);
    for (uint32_t round = 0; round < ROUNDS && !w->failed; round++) {
        invite_outsiders(w);
        call_all(w);
        world_run_until(w, w->now_ms + ROUND_MS);
        if (w->failed || round < 2 || net_joining(w) || !check_agrees(w, why, sizeof why)) {
            again = false;
            continue;
        }
        world_trace(w, "agree", round, w->played, again);
        if (again) return;
        again = went_on;
        if (!went_on) go_on(w);
        went_on = true;
        if (!again) continue;
        net_cut_all(w);
        world_run_until(w, w->now_ms + SIM_SECOND_MS);
    }
    world_fail(w, "no agreement in %u minutes: %s", (unsigned)(ROUNDS * ROUND_MS / SIM_MINUTE_MS),
               why);
}
