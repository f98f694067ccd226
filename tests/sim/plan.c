/* What a seed does: a team of three to six nodes, one of which may lie, some hours or days in which
 * things happen to them, then an end in which everything works again and must agree. */
#include "sim.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SKEW_MAX_MS     (3 * 24 * SIM_HOUR_MS)
#define JOIN_RETRY_MS   (25 * SIM_SECOND_MS)
#define MANY_COSTS      300u
#define RESTART_MAX_MS  (60 * SIM_SECOND_MS)
#define MAX_REVOCATIONS 2u

typedef void action_fn(world *w, node *n);

static node *other_than(world *w, const node *n) {
    uint64_t step = 1 + dice_below(&w->dice, w->node_count - 1);
    return &w->nodes[(n->number + step) % w->node_count];
}

static void call(world *w, uint32_t from, uint32_t to) {
    conn_plan plan = {.from = from, .to = to, .kind = TALLY_SESSION_TEAM};
    (void)net_connect(w, &plan);
}

/* ---- actions ---- */

static void do_capture(world *w, node *n) {
    act_capture(w, n, dice_between(&w->dice, 1, 4));
}
static void do_capture_many(world *w, node *n) {
    act_capture(w, n, dice_between(&w->dice, 30, MANY_COSTS));
}

static void restart(world *w, const event *e) {
    node_start(w, &w->nodes[e->a]);
}

static void crash(world *w, node *n) {
    net_node_down(w, n->number, dice_chance(&w->dice, 50));
    node_crash(w, n);
}

static void do_crash(world *w, node *n) {
    if (!node_up(n)) return;
    crash(w, n);
    world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, RESTART_MAX_MS), restart, n->number, 0,
             0);
}

/* In the middle of a write: the process dies with a transaction open. */
static void do_interrupt(world *w, node *n) {
    act_interrupted_write(w, n);
    do_crash(w, n);
}

static void do_call(world *w, node *n) {
    call(w, n->number, other_than(w, n)->number);
}

/* Both call at the same moment: two connections that cross each other. */
static void do_cross(world *w, node *n) {
    const node *other = other_than(w, n);
    call(w, n->number, other->number);
    call(w, other->number, n->number);
}

static void do_cut(world *w, node *n) {
    conn *c = net_any(w);
    (void)n;
    if (c) net_cut(w, c, true, true);
}

static void do_half_cut(world *w, node *n) {
    conn *c = net_any(w);
    (void)n;
    if (c) net_cut(w, c, dice_chance(&w->dice, 33), dice_chance(&w->dice, 33));
}

static void do_partition(world *w, node *n) {
    (void)n;
    uint64_t sides = dice_chance(&w->dice, 30) ? 1 : dice_between(&w->dice, 2, 3);
    for (uint32_t i = 0; i < w->node_count; i++)
        w->side[i] = (uint32_t)dice_below(&w->dice, sides);
    world_trace(w, "partition", sides, 0, 0);
    net_partitioned(w);
}

static void do_backup(world *w, node *n) {
    node_backup(w, n);
}

/* The disk is set back; often the user goes on working before anybody is called. */
static void do_restore(world *w, node *n) {
    for (uint32_t i = 0; i < w->node_count && n->backup_count == 0; i++)
        n = &w->nodes[(n->number + 1) % w->node_count];
    if (n->backup_count == 0 || (n->number == 0 && !dice_chance(&w->dice, 25))) return;
    const backup *from = &n->backups[dice_below(&w->dice, n->backup_count)];
    if (node_up(n)) crash(w, n);
    node_restore(w, n, from, (restore_kind)dice_below(&w->dice, 4));
    held_note_gone(w);
    node_start(w, n);
    if (dice_chance(&w->dice, 80)) do_capture(w, n);
}

static void do_replay(world *w, node *n) {
    for (unsigned tries = 0; tries < 4 && w->conn_count > 0; tries++) {
        const conn *c = w->conns[dice_below(&w->dice, w->conn_count)];
        if (c->recorded_len == 0) continue;
        size_t len =
            dice_chance(&w->dice, 60) ? c->recorded_len : 1 + dice_below(&w->dice, c->recorded_len);
        uint32_t to = dice_chance(&w->dice, 70) ? c->ends[1].node : n->number;
        net_replay(w, to, tally_span_of(c->recorded, len));
        return;
    }
}

static void do_stranger(world *w, node *n) {
    if (!w->nodes[SIM_STRANGER].made) return;
    conn_plan plan = {.from = SIM_STRANGER,
                      .to = n->number,
                      .kind = TALLY_SESSION_TEAM,
                      .stolen = dice_chance(&w->dice, 60)};
    if (plan.stolen && dice_chance(&w->dice, 50)) act_steal(w, &w->nodes[SIM_STRANGER], n);
    (void)net_connect(w, &plan);
}

static void do_revoke(world *w, node *n) {
    node *whom = other_than(w, n);
    uint32_t revoked = 0;
    for (uint32_t i = 0; i < w->node_count; i++)
        revoked += w->nodes[i].revoked;
    if (!node_up(n) || whom->number == 0 || revoked == MAX_REVOCATIONS) return;
    if (n->role != TALLY_ROLE_ADMIN || revoked + 2 >= w->node_count) return;
    act_revoke(w, n, whom);
}

static void do_resolve(world *w, node *n) {
    if (n->role != TALLY_ROLE_ADMIN) n = &w->nodes[0];
    act_resolve(w, n);
}

static void do_forge(world *w, node *n) {
    for (uint32_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].liar) n = &w->nodes[i];
    if (n->liar) act_forge(w, n);
}

static const struct {
    action_fn *fn;
    unsigned weight;
} actions[] = {
    {do_capture, 30},        {do_capture_many, 2},    {act_tag, 7},
    {act_redact, 3},         {do_interrupt, 2},       {do_crash, 5},
    {do_call, 10},           {do_cross, 3},           {do_cut, 8},
    {do_half_cut, 4},        {do_partition, 5},       {do_backup, 6},
    {do_restore, 8},         {do_replay, 3},          {do_stranger, 3},
    {do_revoke, 3},          {do_resolve, 8},         {do_forge, 3},
    {act_segment_export, 3}, {act_segment_import, 4},
};

static void act(world *w, const event *e) {
    uint64_t total = 0, at;
    (void)e;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        total += actions[i].weight;
    at = dice_below(&w->dice, total);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (at < actions[i].weight) {
            uint32_t n = (uint32_t)dice_below(&w->dice, w->node_count);
            world_trace(w, "act", i, n, 0);
            actions[i].fn(w, &w->nodes[n]);
            return;
        }
        at -= actions[i].weight;
    }
}

/* ---- what goes on by itself ---- */

/* A node that is up calls somebody now and then, as the daemon does. */
static void call_around(world *w, const event *e) {
    node *n = &w->nodes[e->a];
    if (w->healing || w->now_ms > (int64_t)e->c) return;
    if (node_up(n) && node_secrets(w, n) > 0) {
        const node *other = other_than(w, n);
        if (!net_trying(w, n->number, other->number) &&
            (!net_established(w, n->number, other->number) || dice_chance(&w->dice, 5)))
            call(w, n->number, other->number);
    }
    world_at(w, w->now_ms + (int64_t)dice_between(&w->dice, 2, 40) * SIM_SECOND_MS, call_around,
             e->a, 0, e->c);
}

static void join(world *w, const event *e) {
    node *n = &w->nodes[e->a];
    if (w->healing || w->now_ms > (int64_t)e->c) return;
    if (node_up(n) && node_secrets(w, n) > 0) return;
    node *inviter = &w->nodes[dice_below(&w->dice, w->node_count)];
    bool able = node_up(inviter) && inviter->role == TALLY_ROLE_ADMIN && inviter != n &&
                node_secrets(w, inviter) > 0;
    if (node_up(n) && able && !net_trying(w, n->number, inviter->number)) act_invite(w, inviter, n);
    world_at(w, w->now_ms + JOIN_RETRY_MS, join, e->a, 0, e->c);
}

/* Some minutes in which the nodes are awake. */
static void play_sitting(world *w, bool first) {
    int64_t length = (int64_t)dice_between(&w->dice, 20, first ? 90 : 150) * SIM_SECOND_MS;
    int64_t end = w->now_ms + length;
    uint64_t count = dice_between(&w->dice, 8, 25);
    for (uint32_t i = 0; i < w->node_count; i++) {
        world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, 10000), call_around, i, 0,
                 (uint64_t)end);
        if (i > 0)
            world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, 20000), join, i, 0,
                     (uint64_t)end);
    }
    for (uint64_t i = 0; i < count; i++)
        world_at(w, w->now_ms + (int64_t)dice_below(&w->dice, (uint64_t)length), act, 0, 0, 0);
    world_run_until(w, end);
}

static int64_t draw_skew(world *w) {
    if (dice_chance(&w->dice, 65)) return (int64_t)dice_below(&w->dice, 4000) - 2000;
    return (int64_t)dice_below(&w->dice, 2 * (uint64_t)SKEW_MAX_MS) - SKEW_MAX_MS;
}

/* Lids are closed for hours; some clocks are set meanwhile. */
static void play_night(world *w) {
    for (uint32_t i = 0; i < w->node_count; i++) {
        node *n = &w->nodes[i];
        if (dice_chance(&w->dice, 30)) net_node_end(w, i);
        net_node_down(w, i, dice_chance(&w->dice, 30));
        node_crash(w, n);
        if (dice_chance(&w->dice, 15)) n->skew_ms = draw_skew(w);
    }
    world_run_until(w, w->now_ms + (int64_t)dice_between(&w->dice, 1, 30) * SIM_HOUR_MS);
    for (uint32_t i = 0; i < w->node_count; i++)
        if (dice_chance(&w->dice, 85)) node_start(w, &w->nodes[i]);
}

/* ---- a run ---- */

static void people(world *w) {
    w->node_count = (uint32_t)dice_between(&w->dice, 3, dice_chance(&w->dice, 60) ? 4 : 6);
    uint32_t liar = dice_chance(&w->dice, 50)
                        ? 1 + (uint32_t)dice_below(&w->dice, w->node_count - 1)
                        : SIM_NOBODY;
    w->lying = true;
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++)
        w->nodes[i].number = i;
    for (uint32_t i = 0; i < w->node_count && !w->failed; i++) {
        node *n = &w->nodes[i];
        uint64_t role = dice_below(&w->dice, 10);
        n->role = i == 0 || role < 3 ? TALLY_ROLE_ADMIN
                  : role < 9         ? TALLY_ROLE_MEMBER
                                     : TALLY_ROLE_AUDITOR;
        n->liar = i == liar;
        if (n->liar) n->role = TALLY_ROLE_MEMBER;
        n->skew_ms = draw_skew(w);
        node_make(w, n, i == 0 ? NULL : tally_ledger_team(w->nodes[0].ledger));
        node_start(w, n);
    }
    if (w->failed || !dice_chance(&w->dice, 40)) return;
    node *stranger = &w->nodes[SIM_STRANGER];
    node_make(w, stranger, tally_ledger_team(w->nodes[0].ledger));
    node_start(w, stranger);
    act_capture(w, stranger, 3);
}

static void play(world *w) {
    uint64_t sittings = dice_between(&w->dice, 2, 5);
    people(w);
    for (uint64_t i = 0; i < sittings && !w->failed; i++) {
        if (i > 0 && dice_chance(&w->dice, 50)) play_night(w);
        if (i > 0 && dice_chance(&w->dice, 40)) do_partition(w, &w->nodes[0]);
        play_sitting(w, i == 0);
    }
    if (!w->failed) heal_world(w);
    if (!w->failed) check_agreement(w);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

void plan_run(const char *base, uint64_t seed, bool trace, tally_wire_packer *packer,
              run_result *out) {
    world *w = calloc(1, sizeof *w);
    *out = (run_result){.passed = false};
    if (!w) return;
    w->seed = seed;
    w->trace = trace;
    w->now_ms = SIM_EPOCH_MS;
    w->trace_hash = 0xcbf29ce484222325u;
    w->packer = packer;
    dice_seed(&w->dice, seed);
    dice_seed_sodium(~seed);
    (void)snprintf(w->dir, sizeof w->dir, "%.100s/%llu-%ld", base, (unsigned long long)seed,
                   (long)getpid());
    if (mkdir(w->dir, 0700) != 0) world_fail(w, "cannot make the folder %s", w->dir);
    if (!w->failed) play(w);
    out->passed = !w->failed;
    memcpy(out->failure, w->failure, sizeof out->failure);
    out->trace_hash = w->trace_hash;
    out->events = w->played;
    out->records = w->model.count;
    net_free_all(w);
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++)
        node_clear(&w->nodes[i]);
    act_segment_free(w);
    model_clear(&w->model);
    free(w->heap);
    (void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
}
