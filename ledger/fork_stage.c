/* Gathering the history that a settled feed goes on to: commits past `common` wait in a branch
 * until it is whole. What is taken at all is decided in ingest.c; what becomes of it in fork.c. */
#include "fork_store.h"

typedef struct stage {
    incoming *in;
    branch_set set;
    const branch *stem; /* the branch that the commit leaves before the branch's end */
} stage;

/* Whether this history up to `from` and these records have the root that was signed. */
static int fits(const stage *s, const branch *b, bool *out, tally_error *err) {
    const incoming *in = s->in;
    tally_range range;
    tally_hash root;
    tally_hlc last;
    *out = false;
    if (b ? in->from < b->from || in->from > b->edge.size : in->from > in->feed.size) return 0;
    int rc = history_edge(in->txn, in->feed.number, b, in->from, &range, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < in->count; i++)
        tally_range_append(&range, &in->list[i].leaf, NULL, NULL);
    tally_range_root(&range, &root);
    if (!tally_hash_eq(&root, &in->cp->root)) return 0;
    rc = history_clock(in->txn, in->feed.number, b, in->from, &last, err);
    if (rc == 0 && in->from > 0 && in->list[0].record.hlc <= last)
        return tally_fail(err, TALLY_EFORMAT, "feed %s record %llu: its clock does not rise",
                          in->name, (unsigned long long)in->from);
    *out = rc == 0;
    return rc;
}

/* The first record of the commit that a branch has otherwise, or does not have. */
static int first_new(const stage *s, const branch *b, uint64_t *out, tally_error *err) {
    const incoming *in = s->in;
    int rc = 0;
    for (*out = in->from; rc == 0 && *out < b->edge.size && *out < in->cp->size; ++*out) {
        tally_hash held;
        rc = history_leaf(in->txn, b->feed, b, *out, &held, err);
        if (rc == 0 && !tally_hash_eq(&held, &in->list[*out - in->from].leaf)) break;
    }
    return rc;
}

static int add(const stage *s, branch *b, tally_error *err) {
    const incoming *in = s->in;
    int rc = 0;
    for (size_t i = (size_t)(b->edge.size - in->from); i < in->count && rc == 0; i++)
        rc = branch_add(in->txn, b, &in->list[i].record, in->records[i], &in->list[i].leaf, err);
    if (rc == 0) rc = branch_put_checkpoint(in->txn, b, in->cp, err);
    in->txn->forks_changed = true;
    return rc != 0 ? rc : branch_keep(in->txn, b, err);
}

/* A commit that the branch has already may bring a checkpoint that it has not. */
static int repeat(const stage *s, const branch *b, tally_error *err) {
    const incoming *in = s->in;
    if (branch_signed_at(in->txn, b, in->cp->size, &in->cp->root))
        return tally_fail(err, TALLY_EEXIST, "feed %s: its first %llu records are here already",
                          in->name, (unsigned long long)in->cp->size);
    in->txn->forks_changed = true;
    return branch_put_checkpoint(in->txn, b, in->cp, err);
}

/* Takes the commit into the branch that it repeats or continues; sets *done then. */
static int into_branch(stage *s, bool *done, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < s->set.count && rc == 0 && !*done; i++) {
        branch *b = &s->set.list[i];
        uint64_t end = b->edge.size < s->in->cp->size ? b->edge.size : s->in->cp->size, fresh;
        bool fit;
        rc = fits(s, b, &fit, err);
        if (rc != 0 || !fit) continue;
        rc = first_new(s, b, &fresh, err);
        if (rc != 0) continue;
        *done = fresh >= end;
        if (!*done)
            s->stem = b;
        else
            rc = end == s->in->cp->size ? repeat(s, b, err) : add(s, b, err);
    }
    return rc;
}

static int unfit(const stage *s, const fork_row *fork, tally_error *err) {
    const incoming *in = s->in;
    if (in->from > fork->proof.common || in->from > in->feed.size)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "feed %s: records of this branch before record %llu are missing",
                          in->name, (unsigned long long)in->from);
    return tally_fail(err, TALLY_EFORMAT,
                      "feed %s: its records up to %llu do not have the root that was signed",
                      in->name, (unsigned long long)in->cp->size);
}

/* Begins a branch, from the main feed or with what another branch has up to there. */
static int new_branch(stage *s, tally_error *err) {
    incoming *in = s->in;
    branch made, stem;
    int rc = in->stored ? 0 : feed_make(in->txn, in->device, &in->feed, err);
    in->stored = rc == 0;
    if (s->stem) stem = *s->stem;
    if (rc == 0)
        rc = branch_make(in->txn, in->feed.number, s->stem ? stem.from : in->from, true,
                         s->stem ? &stem : NULL, &made, err);
    if (rc == 0 && s->stem) rc = branch_copy(in->txn, &stem, &made, in->from, err);
    return rc != 0 ? rc : add(s, &made, err);
}

int fork_stage(incoming *in, tally_error *err) {
    stage s = {.in = in};
    fork_row fork;
    bool done = false, fit = false;
    int rc = in->stored ? branch_read_all(in->txn, in->feed.number, &s.set, err) : 0;
    if (rc == 0) rc = into_branch(&s, &done, err);
    if (rc != 0 || done) return rc;
    if (!s.stem) rc = fits(&s, NULL, &fit, err);
    if (rc == 0 && (s.stem || fit)) return new_branch(&s, err);
    if (rc == 0) rc = fork_load(in->txn, in->device, &fork, err);
    return rc != 0 ? rc : unfit(&s, &fork, err);
}
