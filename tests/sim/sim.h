/* The simulator's world: virtual clock, network, nodes over real ledgers, and what is known to have
 * been written. One run at a time in a process; everything random comes from the run's seed. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <tally/fork.h>
#include <tally/session.h>
#include <tally/view.h>

#include <stdio.h>

#define SIM_MAX_NODES      8u
#define SIM_STRANGER       (SIM_MAX_NODES - 1u) /* the last place: never of the team */
#define SIM_MAX_BACKUPS    4u                   /* of one node */
#define SIM_MAX_SEGMENTS   6u                   /* on the stick at a time */
#define SIM_PATH_BYTES     256u
#define SIM_FAILURE_BYTES  1024u
#define SIM_EPOCH_MS       INT64_C(1788862805000) /* 2026-09-08T10:20:05Z: when every run begins */
#define SIM_SECOND_MS      INT64_C(1000)
#define SIM_MINUTE_MS      (60 * SIM_SECOND_MS)
#define SIM_HOUR_MS        (60 * SIM_MINUTE_MS)
#define SIM_MAP_BYTES      (512u * 1024u) /* small, so that stores grow during a run */
#define SIM_MAX_EVENTS     2000000u       /* of one run: more of them means that it never settles */
#define SIM_HEAP_MAX_BYTES (192u * 1024u * 1024u)
#define SIM_FLIGHT_BYTES   (256u * 1024u) /* what a link takes before the sender has to wait */
#define SIM_NOBODY         UINT32_MAX

typedef struct world world;

/* ---- random.c: one generator for what happens, one behind libsodium ---- */

typedef struct dice {
    uint64_t state[4];
} dice;
void dice_seed(dice *d, uint64_t seed);
uint64_t dice_next(dice *d);
uint64_t dice_below(dice *d, uint64_t bound); /* 0 when `bound` is 0 */
uint64_t dice_between(dice *d, uint64_t low, uint64_t high);
bool dice_chance(dice *d, unsigned percent);
void dice_bytes(dice *d, void *out, size_t len);
/* From now on libsodium draws from here: before sodium_init, once a process. */
void dice_install(void);
void dice_seed_sodium(uint64_t seed);

/* ---- world.c: clock, events, trace ---- */

typedef struct event event;
typedef void event_fn(world *w, const event *e);
struct event {
    int64_t at_ms;
    uint64_t turn; /* among those of the same time */
    event_fn *fn;
    uint32_t a, b;
    uint64_t c;
};

void world_at(world *w, int64_t at_ms, event_fn *fn, uint32_t a, uint32_t b, uint64_t c);
/* Plays events up to and including that time; the clock then shows it. */
void world_run_until(world *w, int64_t until_ms);
/* Numbers that a replay must bring again; shown with --trace. `what` is a literal. */
void world_trace(world *w, const char *what, uint64_t a, uint64_t b, uint64_t c);
/* The first failure of a run is kept; the run ends early. */
void world_fail(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- model.c: what was written, by whom, and how it hangs together ---- */

typedef enum made_kind {
    MADE_OTHER,
    MADE_CREATE,
    MADE_ADD,
    MADE_REVOKE,
    MADE_COST,
    MADE_VOID,
    MADE_RESOLVE
} made_kind;

typedef struct made {
    tally_hash leaf;
    tally_device_id device;
    uint64_t index;
    uint32_t parent; /* the record before it in its history; SIM_NOBODY for the first */
    made_kind kind;
    bool acked;              /* a write that held it returned 0 on an honest node */
    bool gone;               /* the only disk that held it was lost */
    tally_device_id subject; /* add, revoke, resolve */
    tally_role role;         /* add */
    uint64_t size;           /* revoke, resolve */
    tally_hash root;         /* resolve */
    uint64_t more;           /* resolve: records of the creator's last word behind it */
    tally_hlc hlc;
    tally_entry_id entry; /* cost, void */
} made;

typedef struct model {
    made *list;
    uint32_t count, room;
    uint32_t *slots; /* open addressing over list, by leaf */
    uint32_t slot_count;
} model;

/* SIM_NOBODY when nobody made it. */
uint32_t model_find(const model *m, const tally_device_id *device, uint64_t index,
                    const tally_hash *leaf);
/* Adds a record that `parent` precedes; one that is known is found again. */
uint32_t model_add(world *w, const tally_device_id *device, uint64_t index, uint32_t parent,
                   tally_span bytes);
/* Root of the history that ends in `record`. */
void model_root(const model *m, uint32_t record, tally_hash *root);
/* Whether the history that ends in `tip` holds `record`. */
bool model_reaches(const model *m, uint32_t tip, uint32_t record);
void model_clear(model *m);

/* ---- node.c: a node is a ledger in a folder, and a clock that is wrong ---- */

typedef struct backup {
    char path[SIM_PATH_BYTES];
    bool mark; /* device.mark was there and was copied, as PATH.mark */
} backup;

typedef struct node {
    uint32_t number;
    char dir[SIM_PATH_BYTES];
    tally_key *key;
    tally_ledger *ledger; /* NULL: not made yet, or down */
    tally_writer *writer;
    bool made;       /* there is a ledger in the folder */
    bool joined;     /* has been let into the team */
    bool liar;       /* its messages are altered on the way */
    tally_role role; /* what it was invited as */
    bool revoked;    /* an admin has revoked it, whether or not that holds */
    int64_t skew_ms;
    uint32_t boot;    /* starts so far: what belongs to an earlier one is dead */
    uint64_t learned; /* own records that the model has seen */
    uint32_t dials[SIM_MAX_NODES];
    uint32_t invites; /* while healing */
    bool may_fork;    /* its high-water mark was set back too, or lost */
    uint64_t secrets_version;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    size_t secret_count;
    backup backups[SIM_MAX_BACKUPS];
    size_t backup_count;
    uint32_t sessions_named;
    tally_hash blob; /* the last title it stored */
    bool has_blob;
} node;

/* Makes key and ledger; `team` NULL: a team of its own. */
void node_make(world *w, node *n, const tally_hash *team);
void node_start(world *w, node *n);
/* All memory goes, without a word to anybody; the folder stays. */
void node_crash(world *w, node *n);
void node_clear(node *n);
static inline bool node_up(const node *n) {
    return n->ledger != NULL;
}
int64_t node_now(const world *w, const node *n);
/* One write; `acked` records are put into the model. The code of the write. */
int node_write(world *w, node *n, tally_write_fn *fn, void *ctx);
/* Puts what the own feed has got since into the model. */
void node_learn(world *w, node *n);
/* A record that the liar signs behind its feed's end and does not store. */
void node_learn_forged(world *w, node *n, uint64_t index, tally_span record);
/* The secrets that the device holds, newest first; 0 when none. */
size_t node_secrets(world *w, node *n);
void node_backup(world *w, node *n);
/* The node is down; its store becomes the backup's. */
typedef enum restore_kind {
    RESTORE_STORE,    /* the store alone: the mark beside the key stays as it is */
    RESTORE_FOLDER,   /* the mark too */
    RESTORE_NO_MARK,  /* the mark is lost */
    RESTORE_TORN_MARK /* half of it is left */
} restore_kind;
void node_restore(world *w, node *n, const backup *from, restore_kind kind);
/* Fails the run unless `rc` is 0 or one of the codes allowed (0: none). */
void node_expect(world *w, const node *n, int rc, int allowed, int also_allowed, const char *doing,
                 const tally_error *err);

/* ---- net.c: connections ---- */

typedef struct tamper tamper;
typedef struct chunk {
    struct chunk *next;
    int64_t at_ms;
    size_t len, given;
    bool last;  /* the sender has closed behind it */
    bool reset; /* the connection broke: what was sent after the last chunk is lost */
    uint8_t bytes[];
} chunk;

typedef struct conn_end {
    uint32_t node;
    uint32_t boot;
    tally_session *session; /* NULL: closed, or played by an attacker */
    tally_session_kind kind;
    world *w;
    struct conn *conn;
    bool flush_due, wake_due, took, ended, established, code_shown, decided, asked, admitted;
    char code[TALLY_SHORT_CODE_BYTES];
    uint32_t bye;
    bool theirs;
    int64_t tick_at_ms;
    chunk *head, *tail; /* on their way to this end */
    size_t flight_bytes;
    int64_t last_at_ms;
} conn_end;

typedef struct conn {
    uint32_t id;
    conn_end ends[2]; /* 0 is the initiator */
    int64_t delay_ms;
    uint32_t bytes_per_ms;
    bool hole[2]; /* nothing reaches that end any more, and nobody is told */
    bool gone;    /* both ends know */
    bool mute;    /* the initiator is a stranger without a secret, or a recording */
    unsigned flip_percent;
    tamper *liar;
    uint8_t *recorded; /* what the initiator sent, for a replay */
    size_t recorded_len;
} conn;

typedef struct conn_plan {
    uint32_t from, to;       /* nodes */
    tally_session_kind kind; /* of `from`: TALLY_SESSION_TEAM or _JOIN */
    const tally_invite *invite;
    tally_role role;
    bool stolen; /* a stranger that knows the team's secret */
} conn_plan;

/* NULL when nothing came about (a node is down, or has no secret). */
conn *net_connect(world *w, const conn_plan *plan);
/* After every call into a session: moves its output on, closes it when it has ended, arms its
 * clock. */
void net_settle(world *w, conn *c, unsigned i);
/* Frees that end's session without a word. */
void net_close_end(conn *c, unsigned i);

/* ---- links.c: what happens to connections as wholes ---- */

/* Whether the two have a connection that both take for established. */
bool net_established(const world *w, uint32_t a, uint32_t b);
bool net_joining(const world *w); /* somebody is being let in */
bool net_trying(const world *w, uint32_t from, uint32_t to);
/* One end or both are told that the connection is lost; what was on its way goes with it. */
void net_cut(world *w, conn *c, bool first, bool second);
/* Every connection breaks, and both ends are told. */
void net_cut_all(world *w);
/* Connections across the sides of a partition break or fall silent. */
void net_partitioned(world *w);
void net_node_down(world *w, uint32_t number, bool silent);
void net_wake(world *w, uint32_t number);
/* Says bye to all of a node's peers. */
void net_node_end(world *w, uint32_t number);
void net_decide(world *w, conn *c, bool yes);
/* A connection that both ends have and nothing is wrong with, chosen by chance; NULL when none. */
conn *net_any(world *w);
/* Plays recorded bytes of another connection against a fresh responder. */
void net_replay(world *w, uint32_t number, tally_span bytes);
void net_free_all(world *w);

/* ---- tamper.c: stands in the middle of one connection with the keys of both ends ---- */

/* `lies`: the end (0 or 1) whose messages are altered. NULL when memory ran out. */
tamper *tamper_new(world *w, const conn *c, unsigned lies);
void tamper_free(tamper *t);
/* Takes what end `from` sent; appends what each end shall get. False: the connection is dropped. */
bool tamper_pass(tamper *t, unsigned from, tally_span bytes, tally_buffer out[2]);

/* ---- lies.c: what becomes of one message ---- */

/* Appends to `out` what the other side gets in place of `message`, as frames. False: nothing more,
 * the connection ends. */
bool lie_about(world *w, node *liar, tally_span message, tally_buffer *out);

/* ---- plan.c, act.c, heal.c, check.c ---- */

typedef struct segment_file {
    uint8_t *bytes;
    size_t len;
} segment_file;

struct world {
    uint64_t seed;
    bool trace, failed;
    char failure[SIM_FAILURE_BYTES];
    char dir[SIM_PATH_BYTES];
    dice dice;
    int64_t now_ms;
    uint64_t trace_hash;
    uint64_t turns, played;
    event *heap;
    size_t heap_count, heap_room;
    node nodes[SIM_MAX_NODES];
    uint32_t node_count;          /* of the team; the stranger's place is SIM_STRANGER */
    uint32_t side[SIM_MAX_NODES]; /* of a partition: nodes on other sides are out of reach */
    conn **conns;
    size_t conn_count, conn_room;
    size_t live_from; /* connections before it are gone */
    model model;
    uint64_t next_cost;
    segment_file segments[SIM_MAX_SEGMENTS];
    size_t segment_count;
    tally_wire_packer *packer;
    bool healing, lying;
};

node *world_node_of(world *w, const tally_device_id *device); /* NULL: nobody's */
static inline bool world_linked(const world *w, uint32_t a, uint32_t b) {
    return w->side[a] == w->side[b];
}

/* Plays one seed in a new folder under `base`. */
typedef struct run_result {
    bool passed;
    char failure[SIM_FAILURE_BYTES];
    uint64_t trace_hash, events, records;
} run_result;
void plan_run(const char *base, uint64_t seed, bool trace, tally_wire_packer *packer,
              run_result *out);

/* act.c: single things that happen to a node. Each does nothing where it is impossible. */
void act_capture(world *w, node *n, uint64_t costs);
void act_interrupted_write(world *w, node *n);
void act_tag(world *w, node *n);
void act_redact(world *w, node *n);
void act_revoke(world *w, node *by, node *whom);
void act_resolve(world *w, node *n);
void act_forge(world *w, node *liar);
void act_invite(world *w, node *inviter, node *joiner);
void act_decide(world *w, const event *e);
void act_segment_export(world *w, node *n);
void act_segment_import(world *w, node *n);
/* A thief takes a copy of all that `from` holds. */
void act_steal(world *w, node *thief, node *from);
void act_segment_free(world *w);

/* heal.c: everything works again; true when all honest nodes came to agree. */
void heal_world(world *w);

/* check.c: what must hold. */
void check_agreement(world *w);
/* Whether all nodes that count hold the same; else says who differs in what. */
bool check_agrees(world *w, char *why, size_t size);
/* Whether the node is an honest member whose state must agree, as the creator's ledger has it. */
bool check_counts(world *w, const node *n);
bool check_outcast(world *w, const node *n); /* revoked, as the creator's ledger has it */

/* held.c: which of the records that were made a node still holds. */

/* Marks records of the model in `held`: of the feeds, and of branches that were set aside. Either
 * may be NULL. A record that nobody made fails the run. */
void held_by(world *w, node *n, bool *in_feeds, bool *in_branches);
/* A disk was lost: records that no node holds any more are gone. */
void held_note_gone(world *w);

/* oracle.c: what counts, worked out anew from the records by the rules of PROTOCOL.md. */

/* The entries of costs that count, ascending; the caller frees. False: no memory. `present` says
 * which records of the model are in the feeds. */
bool oracle_costs(world *w, const bool *present, tally_entry_id **out, size_t *count);
/* Whether a feed.resolve that is present lets a forked feed go on to that end (PROTOCOL.md section
 * 9). `commons`: by node, where forked feeds part; UINT64_MAX for others. */
bool oracle_settled(world *w, const bool *present, const uint64_t commons[SIM_MAX_NODES],
                    const tally_fork_state *known);

#endif
