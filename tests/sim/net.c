/* The network: connections that carry bytes in order, late, slowly and sometimes not at all, with a
 * session at each end. Bytes on the way may be flipped or made up; a cut takes those that have not
 * arrived. */
#include "sim.h"

#include <stdlib.h>

#define DELAY_MAX_MS     400
#define PORT             7117u
#define FRESH_BYTES      32u
#define RECORD_MAX_BYTES (32u * 1024u)
#define OUTPUT_MAX_BYTES (TALLY_SESSION_OUTPUT_BYTES + TALLY_MESSAGE_MAX_BYTES + 128u * 1024u)
#define INJECTED_MAX     40u

static node *node_of(world *w, const conn_end *end) {
    return &w->nodes[end->node];
}

static int64_t end_now(world *w, const conn_end *end) {
    return node_now(w, node_of(w, end));
}

/* ---- on the way ---- */

static void deliver(world *w, const event *e);

static void enqueue(world *w, conn *c, unsigned to, tally_span bytes, bool last, bool reset) {
    conn_end *end = &c->ends[to];
    chunk *next = calloc(1, sizeof *next + bytes.len);
    if (!next) {
        world_fail(w, "no memory for the network");
        return;
    }
    int64_t at = w->now_ms + c->delay_ms + (int64_t)(bytes.len / c->bytes_per_ms) +
                 (int64_t)dice_below(&w->dice, 4);
    next->at_ms = at > end->last_at_ms ? at : end->last_at_ms;
    next->len = bytes.len;
    next->last = last;
    next->reset = reset;
    if (bytes.len > 0) memcpy(next->bytes, bytes.ptr, bytes.len);
    end->last_at_ms = next->at_ms;
    end->flight_bytes += bytes.len;
    if (end->tail)
        end->tail->next = next;
    else
        end->head = next;
    end->tail = next;
    world_at(w, next->at_ms, deliver, c->id, to, 0);
}

static void record(conn *c, tally_span bytes) {
    if (bytes.len == 0 || c->recorded_len + bytes.len > RECORD_MAX_BYTES) return;
    uint8_t *grown = realloc(c->recorded, c->recorded_len + bytes.len);
    if (!grown) return;
    memcpy(grown + c->recorded_len, bytes.ptr, bytes.len);
    c->recorded = grown;
    c->recorded_len += bytes.len;
}

/* Somebody on the path: a bit flipped, or bytes of nobody in between. */
static void disturb(world *w, conn *c, unsigned to, chunk *last) {
    uint8_t noise[INJECTED_MAX];
    if (!last || !dice_chance(&w->dice, c->flip_percent)) return;
    if (last->len > 0 && dice_chance(&w->dice, 70)) {
        last->bytes[dice_below(&w->dice, last->len)] ^= (uint8_t)(1u << dice_below(&w->dice, 8));
        return;
    }
    size_t len = 1 + dice_below(&w->dice, sizeof noise);
    dice_bytes(&w->dice, noise, len);
    enqueue(w, c, to, tally_span_of(noise, len), false, false);
}

/* Cut into pieces that have nothing to do with packets. */
static void send_bytes(world *w, conn *c, unsigned to, tally_span bytes) {
    if (to == 0 && c->mute && bytes.len > 0)
        world_fail(w, "node %u answered a stranger with %zu bytes", c->ends[1].node, bytes.len);
    if (to == 1) record(c, bytes);
    while (bytes.len > 0) {
        size_t some = dice_chance(&w->dice, 60) ? bytes.len : 1 + dice_below(&w->dice, bytes.len);
        enqueue(w, c, to, tally_span_of(bytes.ptr, some), false, false);
        disturb(w, c, to, c->ends[to].tail);
        bytes = tally_span_of(bytes.ptr + some, bytes.len - some);
    }
}

/* ---- ends ---- */

static void note_established(conn_end *end, const tally_session_event *e) {
    world *w = end->w;
    const conn_end *other = &end->conn->ends[end == end->conn->ends];
    end->established = true;
    if (other->node == SIM_NOBODY || other->node == SIM_STRANGER || end->node == SIM_STRANGER) {
        world_fail(w, "node %u took a stranger or a recording for a teammate", end->node);
        return;
    }
    const tally_device_id *device = tally_key_device(node_of(w, other)->key);
    if (memcmp(e->peer.b, device->b, sizeof device->b) != 0)
        world_fail(w, "node %u takes node %u for somebody else", end->node, other->node);
    node_of(w, end)->joined = true;
}

static void on_event(void *ctx, const tally_session_event *e) {
    conn_end *end = ctx;
    world *w = end->w;
    world_trace(w, "event", end->conn->id * 2 + (end == &end->conn->ends[1]), e->type, e->code);
    if (w->trace && e->text.len > 0)
        printf("    node %u: %.*s\n", end->node, (int)e->text.len, (const char *)e->text.ptr);
    if (e->type == TALLY_SESSION_ESTABLISHED) note_established(end, e);
    if (e->type == TALLY_SESSION_TOOK || e->type == TALLY_SESSION_FORKED) end->took = true;
    if (e->type == TALLY_SESSION_CODE && e->text.len < sizeof end->code) {
        memcpy(end->code, e->text.ptr, e->text.len);
        end->code_shown = true;
    }
    if (e->type == TALLY_SESSION_ENDED) {
        end->ended = true;
        end->bye = e->code;
        end->theirs = e->theirs;
    }
}

/* Moves what the session has made onto the way. */
static void pump(world *w, conn *c, unsigned i) {
    conn_end *end = &c->ends[i];
    tally_span waiting = tally_session_output(end->session);
    if (waiting.len > OUTPUT_MAX_BYTES)
        world_fail(w, "node %u holds %zu bytes for sending", end->node, waiting.len);
    while (waiting.len > 0 && (end->ended || c->ends[!i].flight_bytes < SIM_FLIGHT_BYTES)) {
        size_t some = waiting.len < SIM_FLIGHT_BYTES ? waiting.len : SIM_FLIGHT_BYTES;
        tally_span bytes = tally_span_of(waiting.ptr, some);
        if (!c->liar) {
            send_bytes(w, c, !i, bytes);
        } else {
            tally_buffer out[2];
            for (unsigned k = 0; k < 2; k++)
                tally_buffer_init(&out[k], 64u * 1024u * 1024u);
            bool go_on = tamper_pass(c->liar, i, bytes, out);
            for (unsigned k = 0; k < 2; k++) {
                send_bytes(w, c, k, tally_buffer_span(&out[k]));
                tally_buffer_clear(&out[k]);
            }
            if (!go_on) net_cut(w, c, true, true);
        }
        tally_session_sent(end->session, some, end_now(w, end));
        waiting = tally_session_output(end->session);
    }
}

static void tick(world *w, const event *e) {
    conn *c = w->conns[e->a];
    conn_end *end = &c->ends[e->b];
    if (!end->session || end->tick_at_ms != e->at_ms) return;
    end->tick_at_ms = INT64_MAX;
    if (tally_session_deadline(end->session) <= end_now(w, end))
        tally_session_tick(end->session, end_now(w, end));
    net_settle(w, c, e->b);
}

static void arm(world *w, conn *c, unsigned i) {
    conn_end *end = &c->ends[i];
    int64_t due = tally_session_deadline(end->session);
    if (due == INT64_MAX) return;
    due -= node_of(w, end)->skew_ms;
    if (due < w->now_ms + 1) due = w->now_ms + 1;
    if (due >= end->tick_at_ms) return;
    end->tick_at_ms = due;
    world_at(w, due, tick, c->id, i, 0);
}

/* Nobody talks with a device that its own store does not count among the team's. */
static void check_admitted(world *w, const conn *c, conn_end *end) {
    const conn_end *other = &c->ends[end == c->ends];
    tally_team_device device;
    tally_txn *txn;
    if (!end->established || end->admitted || end->ended) return;
    end->admitted = true;
    if (end->kind != TALLY_SESSION_TEAM || other->node == SIM_NOBODY) return;
    if (tally_read_begin(node_of(w, end)->ledger, &txn, NULL) != 0) return;
    int rc = tally_team_device_get(txn, tally_key_device(node_of(w, other)->key), &device);
    tally_read_end(txn);
    if (rc != 0 || device.limit != UINT64_MAX)
        world_fail(w, "node %u talks with node %u, which it knows to be no teammate", end->node,
                   other->node);
}

/* After every call into a session: what it wants to send, do and be told. */
void net_settle(world *w, conn *c, unsigned i) {
    conn_end *end = &c->ends[i];
    if (!end->session || w->failed) return;
    check_admitted(w, c, end);
    pump(w, c, i);
    if (end->took) {
        end->took = false;
        net_wake(w, end->node);
    }
    if (end->code_shown && end->kind == TALLY_SESSION_INVITE && !end->asked) {
        end->asked = true;
        world_at(w, w->now_ms + (int64_t)dice_between(&w->dice, 500, 20000), act_decide, c->id, i,
                 0);
    }
    if (end->ended) {
        if (!c->hole[!i]) enqueue(w, c, !i, tally_span_of(NULL, 0), true, false);
        net_close_end(c, i);
        return;
    }
    arm(w, c, i);
}

static void flush(world *w, const event *e) {
    conn *c = w->conns[e->a];
    conn_end *end = &c->ends[e->b];
    end->flush_due = false;
    if (!end->session) return;
    tally_session_flush(end->session, end_now(w, end));
    net_settle(w, c, e->b);
}

static void deliver(world *w, const event *e) {
    conn *c = w->conns[e->a];
    conn_end *end = &c->ends[e->b], *other = &c->ends[!e->b];
    chunk *next = end->head;
    if (!next || next->at_ms > w->now_ms || c->hole[e->b]) return; /* a cut took it */
    end->head = next->next;
    if (!end->head) end->tail = NULL;
    end->flight_bytes -= next->len;
    world_trace(w, "deliver", c->id * 2 + e->b, next->len, (uint64_t)next->last << 1 | next->reset);
    if (end->session && (next->last || next->reset)) {
        tally_session_lost(end->session, next->reset ? "connection reset" : "closed",
                           end_now(w, end));
    } else if (end->session) {
        tally_session_receive(end->session, tally_span_of(next->bytes, next->len), end_now(w, end));
        if (!end->flush_due)
            world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, 3), flush, c->id, e->b, 0);
        end->flush_due = true;
    }
    free(next);
    net_settle(w, c, e->b);
    if (other->session) net_settle(w, c, !e->b); /* there is room on the way again */
}

static void wake(world *w, const event *e) {
    conn *c = w->conns[e->a];
    conn_end *end = &c->ends[e->b];
    end->wake_due = false;
    if (!end->session) return;
    tally_session_wake(end->session, end_now(w, end));
    net_settle(w, c, e->b);
}

void net_wake(world *w, uint32_t number) {
    for (size_t i = w->live_from; i < w->conn_count; i++) {
        for (unsigned k = 0; k < 2; k++) {
            conn_end *end = &w->conns[i]->ends[k];
            if (end->node != number || !end->session || end->wake_due) continue;
            end->wake_due = true;
            world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, 20), wake, (uint32_t)i, k, 0);
        }
    }
}

/* ---- connecting ---- */

static conn *conn_new(world *w) {
    if (w->conn_count == w->conn_room) {
        size_t room = w->conn_room ? 2 * w->conn_room : 64;
        conn **grown = realloc(w->conns, room * sizeof(conn *));
        if (!grown) return NULL;
        w->conns = grown;
        w->conn_room = room;
    }
    conn *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->id = (uint32_t)w->conn_count;
    w->conns[w->conn_count++] = c;
    for (unsigned i = 0; i < 2; i++)
        c->ends[i] = (conn_end){
            .node = SIM_NOBODY, .w = w, .conn = c, .tick_at_ms = INT64_MAX, .bye = UINT32_MAX};
    c->delay_ms = (int64_t)dice_below(&w->dice, dice_chance(&w->dice, 80) ? 40 : DELAY_MAX_MS);
    c->bytes_per_ms = dice_chance(&w->dice, 15) ? (uint32_t)dice_between(&w->dice, 1, 20) : 10000;
    while (w->live_from < w->conn_count && w->conns[w->live_from]->gone)
        w->live_from++;
    return c;
}

/* The secrets an end starts with; an initiator that had no answer begins with an older one. */
static size_t choose_secrets(world *w, const conn_plan *plan, bool initiator,
                             tally_team_secret out[TALLY_TEAM_MAX_SECRETS]) {
    node *n = &w->nodes[initiator ? plan->from : plan->to];
    if (plan->invite) {
        out[0] = (tally_team_secret){.epoch = 0};
        memcpy(out[0].bytes, plan->invite->secret, sizeof out[0].bytes);
        return 1;
    }
    if (initiator && plan->from == SIM_STRANGER) {
        if (!plan->stolen) dice_bytes(&w->dice, out[0].bytes, sizeof out[0].bytes);
        if (!plan->stolen || node_secrets(w, &w->nodes[plan->to]) == 0) return !plan->stolen;
        out[0] = w->nodes[plan->to].secrets[0];
        return 1;
    }
    size_t count = node_secrets(w, n);
    size_t first = initiator && count > 0 ? n->dials[plan->to]++ % count : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = n->secrets[(first + i) % count];
    return count;
}

static bool open_end(world *w, conn *c, unsigned i, const conn_plan *plan) {
    conn_end *end = &c->ends[i];
    node *n = &w->nodes[i == 0 ? plan->from : plan->to];
    uint8_t ephemeral[FRESH_BYTES];
    char address[32], member[16], name[16];
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_error err = {0};
    size_t count = choose_secrets(w, plan, i == 0, secrets);
    if (count == 0) return false;
    dice_bytes(&w->dice, ephemeral, sizeof ephemeral);
    (void)snprintf(address, sizeof address, "10.0.0.%u:%u", i == 0 ? plan->to : plan->from, PORT);
    (void)snprintf(member, sizeof member, "member %u", n->number % 3);
    (void)snprintf(name, sizeof name, "device %u", n->number);
    end->node = n->number;
    end->boot = n->boot;
    end->kind = plan->kind == TALLY_SESSION_JOIN && i == 1 ? TALLY_SESSION_INVITE : plan->kind;
    tally_session_options options = {
        .kind = end->kind,
        .initiator = i == 0,
        .ledger = n->ledger,
        .key = n->key,
        .packer = w->packer,
        .secrets = secrets,
        .secret_count = count,
        .invite = plan->invite,
        .member = tally_span_str(member),
        .name = tally_span_str(name),
        .role = plan->role,
        .ephemeral = ephemeral,
        .listen_port = PORT,
        .address = i == 0 ? tally_span_str(address) : tally_span_of(NULL, 0),
        .host = tally_span_of((const uint8_t *)address, strcspn(address, ":")),
        .event = on_event,
        .ctx = end};
    int rc = tally_session_new(&options, node_now(w, n), &end->session, &err);
    node_expect(w, n, rc, 0, 0, "begin a session", &err);
    return rc == 0;
}

conn *net_connect(world *w, const conn_plan *plan) {
    const node *from = &w->nodes[plan->from], *to = &w->nodes[plan->to];
    if (!node_up(from) || !node_up(to) || !world_linked(w, plan->from, plan->to)) return NULL;
    conn *c = conn_new(w);
    if (!c) return NULL;
    world_trace(w, "connect", plan->from, plan->to, plan->kind);
    c->mute = plan->from == SIM_STRANGER && !plan->stolen;
    if (!w->healing && dice_chance(&w->dice, 4)) c->flip_percent = 10;
    bool open = open_end(w, c, 0, plan) && open_end(w, c, 1, plan);
    if (!open) {
        net_close_end(c, 0);
        net_close_end(c, 1);
        c->gone = true;
        return NULL;
    }
    if (w->lying && (from->liar || to->liar) && plan->kind == TALLY_SESSION_TEAM)
        c->liar = tamper_new(w, c, from->liar ? 0 : 1);
    for (unsigned i = 0; i < 2; i++)
        net_settle(w, c, i);
    return c;
}

void net_replay(world *w, uint32_t number, tally_span bytes) {
    conn_plan plan = {.from = SIM_NOBODY, .to = number, .kind = TALLY_SESSION_TEAM};
    if (!node_up(&w->nodes[number])) return;
    conn *c = conn_new(w);
    if (!c) return;
    world_trace(w, "replay", number, bytes.len, 0);
    if (!open_end(w, c, 1, &plan)) {
        c->gone = true;
        return;
    }
    send_bytes(w, c, 1, bytes);
    net_settle(w, c, 1);
}
