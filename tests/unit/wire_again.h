/* Writes a decoded message again, for wire_test.c and the fuzz target: one meaning has one
 * encoding, so the bytes must be the same. Header only. */
#ifndef TESTS_WIRE_AGAIN_H
#define TESTS_WIRE_AGAIN_H

#include <tally/wire.h>

static inline int hello_again(tally_wire_hello hello, tally_buffer *out, tally_error *err) {
    static tally_span features[TALLY_WIRE_MAX_FEATURES];
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    size_t texts = 0, count = 0;
    while (texts < TALLY_WIRE_MAX_FEATURES &&
           tally_wire_next_text(&hello.features, &features[texts]))
        texts++;
    while (count < TALLY_WIRE_MAX_HEADS && tally_wire_next_head(&hello.frontier, &heads[count]))
        count++;
    return tally_wire_put_hello(out, hello.clock_ms, features, texts, heads, count, err);
}

static inline size_t hashes_of(tally_wire_list list, tally_hash out[64]) {
    size_t count = 0;
    while (count < 64 && tally_wire_next_hash(&list, &out[count]))
        count++;
    return count;
}

static inline int trail_again(tally_wire_trail trail, tally_buffer *out, tally_error *err) {
    tally_wire_mark marks[TALLY_WIRE_MAX_MARKS];
    size_t count = 0;
    while (count < TALLY_WIRE_MAX_MARKS && tally_wire_next_mark(&trail.marks, &marks[count]))
        count++;
    return tally_wire_put_trail(out, &trail.device, marks, count, err);
}

static inline int cosigned_again(tally_wire_list list, tally_buffer *out, tally_error *err) {
    static tally_wire_cosigned marks[TALLY_WIRE_MAX_COSIGNED];
    size_t count = 0;
    while (count < TALLY_WIRE_MAX_COSIGNED && tally_wire_next_cosigned(&list, &marks[count]))
        count++;
    return tally_wire_put_cosigned(out, marks, count, err);
}

static inline int branch_again(const tally_wire_branch *b, tally_buffer *out, tally_error *err) {
    tally_fork_branch branch;
    tally_wire_side_get(&b->side, &branch);
    return tally_wire_put_branch(out, &b->device, b->common, &b->base, &branch, err);
}

static inline int fork_again(const tally_wire_fork *f, tally_buffer *out, tally_error *err) {
    tally_fork fork = {.device = f->device, .common = f->common, .base = f->base};
    for (size_t i = 0; i < 2; i++)
        tally_wire_side_get(&f->sides[i], &fork.branches[i]);
    return tally_wire_put_fork(out, &fork, err);
}

/* Appends the message's frame. An unknown one gives TALLY_EINVAL: nobody can write it. */
static inline int wire_again(const tally_wire_message *m, tally_buffer *out, tally_error *err) {
    tally_hash hashes[64];
    size_t count;
    switch (m->type) {
    case TALLY_WIRE_HELLO: return hello_again(m->as.hello, out, err);
    case TALLY_WIRE_COMMITS: return tally_wire_put_commits(out, &m->as.commits, err);
    case TALLY_WIRE_COSIG: return tally_wire_put_cosig(out, &m->as.cosig, err);
    case TALLY_WIRE_COSIGNED: return cosigned_again(m->as.cosigned, out, err);
    case TALLY_WIRE_HAVE: return tally_wire_put_have(out, &m->as.have, err);
    case TALLY_WIRE_WANT_BLOB:
        count = hashes_of(m->as.want_blob, hashes);
        return tally_wire_put_want_blob(out, hashes, count, err);
    case TALLY_WIRE_BLOB: return tally_wire_put_blob(out, &m->as.blob, err);
    case TALLY_WIRE_TRAIL: return trail_again(m->as.trail, out, err);
    case TALLY_WIRE_BRANCH: return branch_again(&m->as.branch, out, err);
    case TALLY_WIRE_FORK: return fork_again(&m->as.fork, out, err);
    case TALLY_WIRE_CREDIT: return tally_wire_put_credit(out, m->as.credit, err);
    case TALLY_WIRE_PING: return tally_wire_put_ping(out, err);
    case TALLY_WIRE_JOIN:
        return tally_wire_put_join(out, &m->as.join.device, m->as.join.signature, m->as.join.member,
                                   m->as.join.name, err);
    case TALLY_WIRE_BYE: return tally_wire_put_bye(out, m->as.bye.code, m->as.bye.words, err);
    case TALLY_WIRE_UNKNOWN: break;
    }
    return TALLY_EINVAL;
}

#endif
