/* Membership the slow way: step by step as PROTOCOL.md says it, every step from the start. What
 * the tests hold membership.c to. Header only. */
#ifndef TESTS_MEMBERSHIP_SLOW_H
#define TESTS_MEMBERSHIP_SLOW_H

#include "membership.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static inline int slow_id_order(const tally_device_id *a, const tally_device_id *b) {
    return memcmp(a->b, b->b, TALLY_PUBLIC_KEY_BYTES);
}

static inline int slow_fact_order(const void *a, const void *b) {
    const team_fact *x = a, *y = b;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = slow_id_order(&x->author, &y->author);
    if (order != 0) return order;
    return (x->index > y->index) - (x->index < y->index);
}

static inline team_member *slow_member_of(team_member *members, size_t count,
                                          const tally_device_id *device) {
    for (size_t i = 0; i < count; i++)
        if (slow_id_order(&members[i].device, device) == 0) return &members[i];
    return NULL;
}

/* A device and what revocations applied so far leave of its feed. */
typedef struct slow_cut {
    tally_device_id device;
    uint64_t limit;
} slow_cut;

static inline uint64_t slow_limit_of(const slow_cut *cuts, size_t count,
                                     const tally_device_id *device) {
    uint64_t limit = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (slow_id_order(&cuts[i].device, device) == 0 && cuts[i].limit < limit)
            limit = cuts[i].limit;
    return limit;
}

static inline bool slow_entitled(team_member *members, size_t settled, const team_fact *fact) {
    const team_member *author = slow_member_of(members, settled, &fact->author);
    return author && author->role == TALLY_ROLE_ADMIN && fact->index < author->limit;
}

/* Everybody that the creator's admissions, and theirs in turn, bring in. */
static inline size_t slow_admit(const tally_device_id *creator, const team_fact *facts,
                                size_t count, const slow_cut *cuts, size_t cut_count,
                                team_member *members) {
    size_t known = 1, settled = 0;
    members[0] =
        (team_member){*creator, TALLY_ROLE_ADMIN, slow_limit_of(cuts, cut_count, creator), 0, NULL};
    for (unsigned round = 1; settled < known; round++) {
        settled = known;
        for (size_t i = 0; i < count && known < TALLY_TEAM_MAX_DEVICES; i++) {
            const team_fact *fact = &facts[i];
            if (fact->type != TEAM_FACT_ADD || !slow_entitled(members, settled, fact)) continue;
            if (slow_member_of(members, known, &fact->subject)) continue;
            members[known++] =
                (team_member){fact->subject, fact->role,
                              slow_limit_of(cuts, cut_count, &fact->subject), round, fact};
        }
    }
    return known;
}

/* Admins revoke others; everybody may revoke itself; nobody else revokes the creator. */
static inline bool slow_may_revoke(team_member *members, size_t count, const team_fact *fact) {
    const team_member *author = slow_member_of(members, count, &fact->author);
    bool itself = slow_id_order(&fact->author, &fact->subject) == 0;
    if (!author || fact->index >= author->limit) return false;
    if (itself) return true;
    return author->role == TALLY_ROLE_ADMIN &&
           slow_id_order(&fact->subject, &members[0].device) != 0;
}

/* The revocation to apply next; NULL when none is left that may. */
static inline const team_fact *slow_next_revocation(team_member *members, size_t known,
                                                    const team_fact *facts, size_t count,
                                                    const bool *applied) {
    const team_fact *next = NULL;
    unsigned nearest = UINT_MAX;
    for (size_t i = 0; i < count; i++) {
        if (facts[i].type != TEAM_FACT_REVOKE || applied[i]) continue;
        if (!slow_may_revoke(members, known, &facts[i])) continue;
        unsigned round = slow_member_of(members, known, &facts[i].author)->round;
        if (round >= nearest) continue;
        nearest = round;
        next = &facts[i];
    }
    return next;
}

static inline int slow_work_out(const tally_device_id *creator, team_fact *facts, size_t count,
                                team_member *out, size_t *member_count) {
    slow_cut *cuts = calloc(count ? count : 1, sizeof *cuts);
    bool *applied = calloc(count ? count : 1, sizeof *applied);
    size_t cut_count = 0;
    int rc = cuts && applied ? 0 : TALLY_ENOMEM;
    *member_count = 0;
    if (count > 0) qsort(facts, count, sizeof *facts, slow_fact_order);
    while (rc == 0) {
        *member_count = slow_admit(creator, facts, count, cuts, cut_count, out);
        const team_fact *next = slow_next_revocation(out, *member_count, facts, count, applied);
        if (!next) break;
        cuts[cut_count++] = (slow_cut){next->subject, next->size};
        applied[next - facts] = true;
    }
    free(applied);
    free(cuts);
    return rc;
}

#endif
