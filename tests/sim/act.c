/* Single things that people and their agents do on a node: capture, tag, redact, revoke, settle a
 * fork, invite. Each does nothing where it is impossible. */
#include "sim.h"

#include <tally/blob.h>

#include <stdlib.h>

#define TITLE_MAX_BYTES  200u
#define AGENT            "claude-code"
#define INVITE_S         900
#define DECLINES_PERCENT 5u

static tally_span text(const char *s) {
    return tally_span_str(s);
}

/* ---- capturing ---- */

/* Drawn before the write: it may run twice, and both times must write the same. */
typedef struct capture {
    node *n;
    uint64_t first, count, session;
    int64_t time_ms;
    bool named, titled, active, voids, breaks;
    tally_entry_id voided;
    uint8_t salt[TALLY_BLOB_SALT_BYTES], title[TITLE_MAX_BYTES];
    size_t title_len;
    tally_hash blob;
} capture;

static void session_name(const capture *c, char out[32]) {
    (void)snprintf(out, 32, "s%u-%llu", c->n->number, (unsigned long long)c->session);
}

static int put_session(const capture *c, tally_txn *txn, const char *name, tally_error *err) {
    tally_writer *writer = c->n->writer;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", text(AGENT));
    tally_put_str(writer, "id", text(name));
    tally_put_str(writer, "cwd", text("/home/ada/acme"));
    if (c->titled) tally_put_bin(writer, "title", tally_span_of(c->blob.b, TALLY_HASH_BYTES));
    return tally_append(txn, "session", writer, NULL, err);
}

static int put_cost(const capture *c, tally_txn *txn, uint64_t number, const char *name,
                    tally_error *err) {
    char key[32];
    tally_writer *writer = c->n->writer;
    (void)snprintf(key, sizeof key, "k%llu", (unsigned long long)number);
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", text(AGENT));
    tally_put_str(writer, "key", text(key));
    tally_put_str(writer, "session", text(name));
    tally_put_str(writer, "model", text("claude-opus-4-1"));
    tally_put_u64(writer, "time", (uint64_t)c->time_ms + number);
    tally_put_u64(writer, "input", number * 7);
    tally_put_u64(writer, "output", 1);
    return tally_append(txn, "cost", writer, NULL, err);
}

static int put_activity(const capture *c, tally_txn *txn, const char *name, tally_error *err) {
    uint8_t human[10] = {0x91, 0xcf};
    tally_writer *writer = c->n->writer;
    tally_put_be64(human + 2, (uint64_t)c->time_ms);
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", text(AGENT));
    tally_put_str(writer, "session", text(name));
    tally_put_raw(writer, "human", tally_span_of(human, sizeof human));
    return tally_append(txn, "activity", writer, NULL, err);
}

static int write_capture(void *ctx, tally_txn *txn, tally_error *err) {
    capture *c = ctx;
    char name[32];
    int rc = 0;
    session_name(c, name);
    if (c->titled)
        rc = tally_blob_put(txn, c->salt, tally_span_of(c->title, c->title_len), &c->blob, err);
    if (rc == 0 && c->named) rc = put_session(c, txn, name, err);
    for (uint64_t i = 0; i < c->count && rc == 0; i++)
        rc = put_cost(c, txn, c->first + i, name, err);
    if (rc == 0 && c->active) rc = put_activity(c, txn, name, err);
    if (rc == 0 && c->voids) {
        tally_writer_begin(c->n->writer);
        tally_put_bin(c->n->writer, "entry", tally_span_of(c->voided.b, sizeof c->voided.b));
        rc = tally_append(txn, "void", c->n->writer, NULL, err);
    }
    if (rc == 0 && c->breaks) rc = tally_fail(err, TALLY_EIO, "the power went");
    return rc;
}

static void draw_capture(world *w, node *n, uint64_t costs, capture *c) {
    *c = (capture){.n = n, .first = w->next_cost, .count = costs, .time_ms = node_now(w, n)};
    w->next_cost += costs;
    c->named = n->sessions_named == 0 || dice_chance(&w->dice, 30);
    c->session = n->sessions_named;
    if (c->named) c->session = ++n->sessions_named;
    c->titled = c->named && dice_chance(&w->dice, 50);
    c->active = dice_chance(&w->dice, 40);
    c->voids = w->next_cost > 4 && dice_chance(&w->dice, 10);
    char key[32];
    (void)snprintf(key, sizeof key, "k%llu",
                   (unsigned long long)dice_below(&w->dice, w->next_cost));
    tally_entry_id_of(text(AGENT), text(key), &c->voided);
    dice_bytes(&w->dice, c->salt, sizeof c->salt);
    dice_bytes(&w->dice, c->title, sizeof c->title);
    c->title_len = 1 + dice_below(&w->dice, sizeof c->title);
}

void act_capture(world *w, node *n, uint64_t costs) {
    capture c;
    if (!node_up(n)) return;
    draw_capture(w, n, costs, &c);
    if (node_write(w, n, write_capture, &c) != 0 || !c.titled) return;
    n->blob = c.blob;
    n->has_blob = true;
}

/* What was under way is gone, and nobody was told that it was done. */
void act_interrupted_write(world *w, node *n) {
    capture c;
    tally_error err = {0};
    if (!node_up(n)) return;
    draw_capture(w, n, 1 + dice_below(&w->dice, 5), &c);
    c.breaks = true;
    if (tally_ledger_write(n->ledger, node_now(w, n), write_capture, &c, &err) == 0)
        world_fail(w, "node %u: a write that failed says that it is done", n->number);
}

/* ---- people's decisions ---- */

typedef struct tagging {
    node *n;
    char session[32], tag[8];
    tally_hash add;
    uint8_t target[TALLY_ENTRY_BYTES];
    bool found, removes;
    uint64_t skip;
} tagging;

static int see_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                   const tally_hash *add) {
    tagging *t = ctx;
    (void)target;
    if (tag.len >= sizeof t->tag || t->skip-- > 0) return 0;
    t->found = true;
    t->add = *add;
    return 1;
}

static int write_tag(void *ctx, tally_txn *txn, tally_error *err) {
    tagging *t = ctx;
    uint8_t removes[3 + TALLY_HASH_BYTES] = {0x91, 0xc4, TALLY_HASH_BYTES};
    tally_writer *writer = t->n->writer;
    uint64_t skip = t->skip;
    t->found = false;
    if (t->removes) (void)tally_tag_each(txn, see_tag, t);
    t->skip = skip;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", text(AGENT));
    tally_put_str(writer, "session", text(t->session));
    tally_put_str(writer, "tag", text(t->tag));
    if (!t->found) return tally_append(txn, "tag.add", writer, NULL, err);
    memcpy(removes + 3, t->add.b, TALLY_HASH_BYTES);
    tally_put_raw(writer, "removes", tally_span_of(removes, sizeof removes));
    return tally_append(txn, "tag.remove", writer, NULL, err);
}

void act_tag(world *w, node *n) {
    tagging t = {.n = n, .removes = dice_chance(&w->dice, 40), .skip = dice_below(&w->dice, 4)};
    (void)snprintf(t.session, sizeof t.session, "s%llu-1",
                   (unsigned long long)dice_below(&w->dice, w->node_count));
    (void)snprintf(t.tag, sizeof t.tag, "t%llu", (unsigned long long)dice_below(&w->dice, 3));
    (void)node_write(w, n, write_tag, &t);
}

static int write_redact(void *ctx, tally_txn *txn, tally_error *err) {
    int rc = tally_blob_redact(txn, ctx, text("private"), err);
    return rc == TALLY_ENOTFOUND ? TALLY_EEXIST : rc; /* its record has not arrived here */
}

void act_redact(world *w, node *n) {
    node *of = &w->nodes[dice_below(&w->dice, w->node_count)];
    if (of->has_blob) (void)node_write(w, n, write_redact, &of->blob);
}

typedef struct revoking {
    tally_device_id device;
    uint8_t secret[TALLY_TEAM_SECRET_BYTES];
} revoking;

static int write_revoke(void *ctx, tally_txn *txn, tally_error *err) {
    const revoking *r = ctx;
    int rc = tally_team_device_revoke(txn, &r->device, r->secret, err);
    return rc == TALLY_ENOTFOUND ? TALLY_EREFUSED : rc; /* it has not heard of that device */
}

void act_revoke(world *w, node *by, node *whom) {
    revoking r = {.device = *tally_key_device(whom->key)};
    dice_bytes(&w->dice, r.secret, sizeof r.secret);
    world_trace(w, "revoke", by->number, whom->number, 0);
    if (node_write(w, by, write_revoke, &r) == 0) whom->revoked = true;
}

/* ---- forks ---- */

typedef struct resolving {
    tally_device_id device;
    uint64_t size;
    tally_hash root;
    unsigned choice;
    bool found;
} resolving;

static int see_fork(void *ctx, const tally_fork_state *state, tally_error *err) {
    resolving *r = ctx;
    (void)err;
    if (state->resolved) return 0;
    const tally_fork *proof = &state->proof;
    r->found = true;
    r->device = proof->device;
    r->size = r->choice < 2 ? proof->branches[r->choice].checkpoint.size : proof->common;
    r->root = r->choice < 2 ? proof->branches[r->choice].checkpoint.root : proof->base;
    return 1;
}

static int write_resolve(void *ctx, tally_txn *txn, tally_error *err) {
    resolving *r = ctx;
    r->found = false;
    int rc = tally_fork_each(txn, see_fork, r, err);
    if (!r->found) return rc;
    rc = tally_fork_resolve(txn, &r->device, r->size, &r->root, err);
    return rc == TALLY_EINVAL || rc == TALLY_ENOTFOUND ? TALLY_EREFUSED : rc;
}

void act_resolve(world *w, node *n) {
    resolving r = {.choice = (unsigned)dice_below(&w->dice, 3)};
    int rc = node_write(w, n, write_resolve, &r);
    if (r.found) world_trace(w, "resolve", n->number, r.choice, rc == 0);
}

/* ---- what the liar writes into its own feed: well-formed, and not its to say ---- */

typedef struct forging {
    node *n;
    const char *kind;
    tally_device_id device;
    uint8_t box_key[32];
    tally_hash root;
    uint64_t size;
} forging;

static int write_forged(void *ctx, tally_txn *txn, tally_error *err) {
    const forging *f = ctx;
    tally_writer *writer = f->n->writer;
    tally_writer_begin(writer);
    tally_put_bin(writer, "device", tally_span_of(f->device.b, sizeof f->device.b));
    if (strcmp(f->kind, "device.add") == 0) {
        tally_put_bin(writer, "box_key", tally_span_of(f->box_key, sizeof f->box_key));
        tally_put_str(writer, "role", text("admin"));
        tally_put_str(writer, "member", text("mallory"));
        tally_put_str(writer, "name", text("hers"));
    } else {
        tally_put_u64(writer, "size", f->size);
    }
    if (strcmp(f->kind, "feed.resolve") == 0)
        tally_put_bin(writer, "root", tally_span_of(f->root.b, sizeof f->root.b));
    return tally_append(txn, f->kind, writer, NULL, err);
}

static int see_any_fork(void *ctx, const tally_fork_state *state, tally_error *err) {
    forging *f = ctx;
    (void)err;
    f->device = state->proof.device;
    f->size = state->proof.branches[0].checkpoint.size;
    f->root = state->proof.branches[0].checkpoint.root;
    return 0;
}

void act_forge(world *w, node *liar) {
    static const char *const kinds[] = {"device.add", "device.revoke", "feed.resolve"};
    const node *other = &w->nodes[dice_chance(&w->dice, 50) && w->nodes[SIM_STRANGER].made
                                      ? SIM_STRANGER
                                      : dice_below(&w->dice, w->node_count)];
    tally_txn *txn;
    tally_error err = {0};
    forging f = {.n = liar, .kind = kinds[dice_below(&w->dice, 3)]};
    if (!node_up(liar) || !other->key) return;
    f.device = *tally_key_device(other->key);
    memcpy(f.box_key, tally_key_box_public(other->key), sizeof f.box_key);
    if (strcmp(f.kind, "feed.resolve") == 0 && tally_read_begin(liar->ledger, &txn, &err) == 0) {
        (void)tally_fork_each(txn, see_any_fork, &f, &err);
        tally_read_end(txn);
    }
    (void)node_write(w, liar, write_forged, &f);
}

/* ---- invites ---- */

void act_invite(world *w, node *inviter, node *joiner) {
    tally_invite invite = {.address_count = 1};
    if (!node_up(inviter) || !node_up(joiner)) return;
    invite.team = *tally_ledger_team(inviter->ledger);
    memcpy(invite.inviter, tally_key_box_public(inviter->key), sizeof invite.inviter);
    dice_bytes(&w->dice, invite.secret, sizeof invite.secret);
    invite.expires_s = node_now(w, inviter) / 1000 + INVITE_S;
    /* A joiner whose clock is wrong sees an invite that is late: people would set it right. */
    if (joiner->skew_ms > inviter->skew_ms) joiner->skew_ms = inviter->skew_ms;
    if (!w->healing && dice_chance(&w->dice, 5)) invite.expires_s -= 2 * (int64_t)INVITE_S;
    conn_plan plan = {.from = joiner->number,
                      .to = inviter->number,
                      .kind = TALLY_SESSION_JOIN,
                      .invite = &invite,
                      .role = joiner->role};
    (void)net_connect(w, &plan);
}

void act_decide(world *w, const event *e) {
    conn *c = w->conns[e->a];
    if (!c->ends[1].session || c->ends[1].decided) return;
    if (c->ends[0].code_shown && strcmp(c->ends[0].code, c->ends[1].code) != 0)
        world_fail(w, "two short codes of one handshake: %s and %s", c->ends[0].code,
                   c->ends[1].code);
    net_decide(w, c, w->healing || !dice_chance(&w->dice, DECLINES_PERCENT));
}
