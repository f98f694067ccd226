/* Who settles forks: reads the team's facts as far as no fork touches them, and from them decides
 * where a forked feed ends. What a forked device said past the place where its histories part
 * settles nothing, so that no settlement can undo what it follows from. */
#include "fork_store.h"
#include "membership.h"
#include "view_fold.h"

#include <stdlib.h>

/* A feed.resolve, whether or not its author was entitled to it. */
typedef struct resolve {
    tally_device_id author, subject;
    uint64_t index, size;
    tally_hlc hlc;
    tally_hash root;
} resolve;

struct judge {
    tally_txn *txn;
    fork_cut *forks;
    size_t fork_count, fork_room;
    bool created, creator_settled;
    tally_device_id creator;
    team_fact *facts;
    size_t fact_count, fact_room;
    resolve *resolves;
    size_t resolve_count, resolve_room;
    team_member *members;
    size_t member_count;
};

static bool same(const tally_device_id *a, const tally_device_id *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* Room for one more item in a list that grows. */
static void *make_room(void *items, size_t count, size_t *room, size_t bytes, tally_error *err) {
    if (count < *room) return items;
    size_t more = *room ? 2 * *room : 16;
    void *grown = realloc(items, more * bytes);
    if (!grown) {
        (void)tally_fail(err, TALLY_ENOMEM, "no memory to settle forks");
        return NULL;
    }
    *room = more;
    return grown;
}

static int note_fork(void *ctx, const fork_row *row, tally_error *err) {
    judge *j = ctx;
    void *list = make_room(j->forks, j->fork_count, &j->fork_room, sizeof *j->forks, err);
    if (!list) return TALLY_ENOMEM;
    j->forks = list;
    j->forks[j->fork_count++] = (fork_cut){row->proof.device, row->proof.common};
    return 0;
}

static const fork_cut *fork_of(const judge *j, const tally_device_id *device) {
    for (size_t i = 0; i < j->fork_count; i++)
        if (same(&j->forks[i].device, device)) return &j->forks[i];
    return NULL;
}

/* ---- reading the facts ---- */

static bool counts(const judge *j, const team_row *row) {
    const fork_cut *fork = fork_of(j, &row->author);
    if (!fork || row->index < fork->common) return true;
    return j->creator_settled && same(&row->author, &j->creator);
}

static int note_resolve(judge *j, const team_row *row, tally_error *err) {
    const uint8_t *device, *root;
    resolve fact = {.author = row->author, .index = row->index, .hlc = row->hlc};
    if (!tally_body_bin(&row->record, "device", TALLY_PUBLIC_KEY_BYTES, &device) ||
        !tally_body_bin(&row->record, "root", TALLY_HASH_BYTES, &root) ||
        !tally_body_u64(&row->record, "size", &fact.size))
        return 0;
    memcpy(fact.subject.b, device, sizeof fact.subject.b);
    memcpy(fact.root.b, root, sizeof fact.root.b);
    void *list = make_room(j->resolves, j->resolve_count, &j->resolve_room, sizeof fact, err);
    if (!list) return TALLY_ENOMEM;
    j->resolves = list;
    j->resolves[j->resolve_count++] = fact;
    return 0;
}

static int note_row(void *ctx, const team_row *row, tally_error *err) {
    judge *j = ctx;
    team_fact fact;
    if (row->type == TEAM_ROW_CREATE) {
        j->created = true;
        j->creator = row->author;
    }
    if (!counts(j, row)) return 0;
    if (row->type == TEAM_ROW_RESOLVE) return note_resolve(j, row, err);
    if (!team_fact_of(row, &fact)) return 0;
    void *list = make_room(j->facts, j->fact_count, &j->fact_room, sizeof fact, err);
    if (!list) return TALLY_ENOMEM;
    j->facts = list;
    j->facts[j->fact_count++] = fact;
    return 0;
}

static int read_facts(judge *j, tally_error *err) {
    j->fact_count = j->resolve_count = j->member_count = 0;
    int rc = view_team_each_row(j->txn, note_row, j, err);
    if (rc != 0 || !j->created) return rc;
    rc = membership_work_out(&j->creator, j->facts, j->fact_count, j->members, &j->member_count);
    return rc == 0 ? 0 : tally_fail(err, rc, "no memory to settle forks");
}

int judge_new(tally_txn *txn, judge **out, tally_error *err) {
    judge *j = calloc(1, sizeof *j);
    *out = j;
    if (j) j->members = calloc(TALLY_TEAM_MAX_DEVICES, sizeof *j->members);
    if (!j || !j->members) return tally_fail(err, TALLY_ENOMEM, "no memory to settle forks");
    j->txn = txn;
    int rc = fork_each_row(txn, note_fork, j, err);
    return rc != 0 ? rc : read_facts(j, err);
}

void judge_free(judge *j) {
    if (!j) return;
    free(j->members);
    free(j->resolves);
    free(j->facts);
    free(j->forks);
    free(j);
}

bool judge_creator_forked(const judge *j, tally_device_id *out) {
    *out = j->creator;
    return j->created && fork_of(j, &j->creator) != NULL;
}

int judge_creator_settled(judge *j, tally_error *err) {
    j->creator_settled = true;
    return read_facts(j, err);
}

size_t judge_count(const judge *j) {
    return j->fork_count;
}

const fork_cut *judge_at(const judge *j, size_t i) {
    return &j->forks[i];
}

/* ---- deciding ---- */

static const team_member *member_of(const judge *j, const tally_device_id *device) {
    for (size_t i = 0; i < j->member_count; i++)
        if (same(&j->members[i].device, device)) return &j->members[i];
    return NULL;
}

bool judge_entitled(const judge *j, const tally_device_id *device) {
    const team_member *member = member_of(j, device);
    return member && member->role == TALLY_ROLE_ADMIN && member->limit == UINT64_MAX &&
           !fork_of(j, device);
}

/* By somebody else who was an admin when it was said. */
static bool stands(const judge *j, const resolve *fact) {
    const team_member *author = member_of(j, &fact->author);
    return author && author->role == TALLY_ROLE_ADMIN && fact->index < author->limit &&
           !same(&fact->author, &fact->subject);
}

static bool later(const resolve *a, const resolve *b) {
    if (a->hlc != b->hlc) return a->hlc > b->hlc;
    int order = memcmp(a->author.b, b->author.b, sizeof a->author.b);
    return order != 0 ? order > 0 : a->index > b->index;
}

static const resolve *last_resolve(const judge *j, const tally_device_id *device) {
    const resolve *last = NULL;
    for (size_t i = 0; i < j->resolve_count; i++) {
        const resolve *fact = &j->resolves[i];
        if (!same(&fact->subject, device) || !stands(j, fact)) continue;
        if (!last || later(fact, last)) last = fact;
    }
    return last;
}

/* Whether nobody but the creator could settle its feed. */
static bool nobody_else(const judge *j) {
    for (size_t i = 0; i < j->member_count; i++)
        if (!same(&j->members[i].device, &j->creator) && judge_entitled(j, &j->members[i].device))
            return false;
    return true;
}

int judge_decide(judge *j, const fork_row *row, verdict *out, tally_error *err) {
    const tally_fork *proof = &row->proof;
    const resolve *last = last_resolve(j, &proof->device);
    *out = (verdict){FORK_FROZEN, proof->common, proof->base};
    if (last) {
        bool neither = last->size == proof->common && tally_hash_eq(&last->root, &proof->base);
        if (last->size > proof->common || neither)
            *out = (verdict){FORK_RESOLVED, last->size, last->root};
        return 0;
    }
    if (!j->created || !same(&proof->device, &j->creator) || !nobody_else(j)) return 0;
    out->standing = FORK_OPEN;
    int rc = fork_last_word(j->txn, row, out, err);
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}
