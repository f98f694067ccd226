/* What happens to connections as wholes: they break, fall silent, are looked up and freed. How
 * bytes travel on one is in net.c. */
#include "sim.h"

#include <stdlib.h>

#define TOLD_AFTER_MS 500

static void drop_chunks(conn_end *end) {
    for (chunk *next; end->head; end->head = next) {
        next = end->head->next;
        free(end->head);
    }
    end->tail = NULL;
    end->flight_bytes = 0;
}

void net_close_end(conn *c, unsigned i) {
    tally_session_free(c->ends[i].session);
    c->ends[i].session = NULL;
    c->gone = !c->ends[0].session && !c->ends[1].session;
}

static void told(world *w, const event *e) {
    conn *c = w->conns[e->a];
    conn_end *end = &c->ends[e->b];
    if (!end->session) return;
    tally_session_lost(end->session, "connection reset", node_now(w, &w->nodes[end->node]));
    net_settle(w, c, e->b);
}

/* What was on its way is lost; an end that is not told hears nothing more. */
void net_cut(world *w, conn *c, bool first, bool second) {
    world_trace(w, "cut", c->id, first, second);
    for (uint32_t i = 0; i < 2; i++) {
        c->hole[i] = true;
        drop_chunks(&c->ends[i]);
        if (i == 0 ? first : second)
            world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, TOLD_AFTER_MS), told, c->id, i,
                     0);
    }
}

void net_cut_all(world *w) {
    for (size_t i = w->live_from; i < w->conn_count; i++)
        if (!w->conns[i]->gone) net_cut(w, w->conns[i], true, true);
}

void net_partitioned(world *w) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        conn *c = w->conns[i];
        if (c->gone || c->ends[0].node == SIM_NOBODY) continue;
        if (world_linked(w, c->ends[0].node, c->ends[1].node)) continue;
        bool silent = dice_chance(&w->dice, 50);
        net_cut(w, c, !silent, !silent);
    }
}

void net_node_down(world *w, uint32_t number, bool silent) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        conn *c = w->conns[i];
        for (unsigned k = 0; k < 2; k++) {
            if (c->gone || c->ends[k].node != number || !c->ends[k].session) continue;
            net_close_end(c, k);
            if (!c->gone) net_cut(w, c, k == 1 && !silent, k == 0 && !silent);
        }
    }
}

void net_node_end(world *w, uint32_t number) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        conn *c = w->conns[i];
        for (unsigned k = 0; k < 2; k++) {
            conn_end *end = &c->ends[k];
            if (end->node != number || !end->session) continue;
            tally_session_end(end->session, TALLY_BYE_STOPPING, "stopping",
                              node_now(w, &w->nodes[number]));
            net_settle(w, c, k);
        }
    }
}

static bool joins(const conn *c, uint32_t a, uint32_t b) {
    return (c->ends[0].node == a && c->ends[1].node == b) ||
           (c->ends[0].node == b && c->ends[1].node == a);
}

bool net_established(const world *w, uint32_t a, uint32_t b) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        const conn *c = w->conns[i];
        bool open = c->ends[0].session && c->ends[1].session;
        if (open && joins(c, a, b) && c->ends[0].established && c->ends[1].established) return true;
    }
    return false;
}

bool net_trying(const world *w, uint32_t from, uint32_t to) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        const conn *c = w->conns[i];
        if (!c->gone && c->ends[0].session && c->ends[0].node == from && c->ends[1].node == to)
            return true;
    }
    return false;
}

bool net_joining(const world *w) {
    for (size_t i = w->live_from; i < w->conn_count; i++)
        if (!w->conns[i]->gone && w->conns[i]->ends[0].kind == TALLY_SESSION_JOIN &&
            !w->conns[i]->ends[0].established)
            return true;
    return false;
}

conn *net_any(world *w) {
    size_t live = w->conn_count - w->live_from;
    for (unsigned tries = 0; tries < 8 && live > 0; tries++) {
        conn *c = w->conns[w->live_from + dice_below(&w->dice, live)];
        if (c->ends[0].session && c->ends[1].session && !c->hole[0] && !c->hole[1]) return c;
    }
    return NULL;
}

void net_decide(world *w, conn *c, bool yes) {
    conn_end *end = &c->ends[1];
    node *inviter = &w->nodes[end->node];
    if (!end->session) return;
    end->decided = true;
    tally_session_decide(end->session, yes, node_now(w, inviter));
    node_learn(w, inviter);
    net_settle(w, c, 1);
    net_wake(w, end->node);
}

void net_free_all(world *w) {
    for (size_t i = 0; i < w->conn_count; i++) {
        conn *c = w->conns[i];
        for (unsigned k = 0; k < 2; k++) {
            drop_chunks(&c->ends[k]);
            net_close_end(c, k);
        }
        tamper_free(c->liar);
        free(c->recorded);
        free(c);
    }
    free(w->conns);
    w->conns = NULL;
    w->conn_count = w->conn_room = w->live_from = 0;
}
