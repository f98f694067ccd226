/* The rules of membership. A device is admitted in the round after the admin who added it, so that
 * nothing that it or those it added say can unsettle how it came in. Revocations apply one by one,
 * those of admins nearer to the creator first, then by their clocks; each starts the admissions
 * over with less of its subject's feed counting. So a revocation beats what its subject did beyond
 * the cut, grants and revocations alike, and the creator settles what two admins do to each other.
 */
#include "membership.h"

#include <limits.h>
#include <stdlib.h>

static int id_order(const tally_device_id *a, const tally_device_id *b) {
    return memcmp(a->b, b->b, TALLY_PUBLIC_KEY_BYTES);
}

static int fact_order(const void *a, const void *b) {
    const team_fact *x = a, *y = b;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = id_order(&x->author, &y->author);
    if (order != 0) return order;
    return (x->index > y->index) - (x->index < y->index);
}

static team_member *member_of(team_member *members, size_t count, const tally_device_id *device) {
    for (size_t i = 0; i < count; i++)
        if (id_order(&members[i].device, device) == 0) return &members[i];
    return NULL;
}

/* A device and what revocations applied so far leave of its feed. */
typedef struct cut {
    tally_device_id device;
    uint64_t limit;
} cut;

static uint64_t limit_of(const cut *cuts, size_t count, const tally_device_id *device) {
    uint64_t limit = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (id_order(&cuts[i].device, device) == 0 && cuts[i].limit < limit) limit = cuts[i].limit;
    return limit;
}

static bool entitled(team_member *members, size_t settled, const team_fact *fact) {
    const team_member *author = member_of(members, settled, &fact->author);
    return author && author->role == TALLY_ROLE_ADMIN && fact->index < author->limit;
}

/* Everybody that the creator's admissions, and theirs in turn, bring in. */
static size_t admit(const tally_device_id *creator, const team_fact *facts, size_t count,
                    const cut *cuts, size_t cut_count, team_member *members) {
    size_t known = 1, settled = 0;
    members[0] =
        (team_member){*creator, TALLY_ROLE_ADMIN, limit_of(cuts, cut_count, creator), 0, NULL};
    for (unsigned round = 1; settled < known; round++) {
        settled = known;
        for (size_t i = 0; i < count && known < TALLY_TEAM_MAX_DEVICES; i++) {
            const team_fact *fact = &facts[i];
            if (fact->type != TEAM_FACT_ADD || !entitled(members, settled, fact)) continue;
            if (member_of(members, known, &fact->subject)) continue;
            members[known++] = (team_member){
                fact->subject, fact->role, limit_of(cuts, cut_count, &fact->subject), round, fact};
        }
    }
    return known;
}

/* Admins revoke others; everybody may revoke itself; nobody else revokes the creator. */
static bool may_revoke(team_member *members, size_t count, const team_fact *fact) {
    const team_member *author = member_of(members, count, &fact->author);
    bool itself = id_order(&fact->author, &fact->subject) == 0;
    if (!author || fact->index >= author->limit) return false;
    if (itself) return true;
    return author->role == TALLY_ROLE_ADMIN && id_order(&fact->subject, &members[0].device) != 0;
}

/* The revocation to apply next; NULL when none is left that may. */
static const team_fact *next_revocation(team_member *members, size_t known, const team_fact *facts,
                                        size_t count, const bool *applied) {
    const team_fact *next = NULL;
    unsigned nearest = UINT_MAX;
    for (size_t i = 0; i < count; i++) {
        if (facts[i].type != TEAM_FACT_REVOKE || applied[i]) continue;
        if (!may_revoke(members, known, &facts[i])) continue;
        unsigned round = member_of(members, known, &facts[i].author)->round;
        if (round >= nearest) continue;
        nearest = round;
        next = &facts[i];
    }
    return next;
}

int membership_work_out(const tally_device_id *creator, team_fact *facts, size_t count,
                        team_member *out, size_t *member_count) {
    cut *cuts = calloc(count ? count : 1, sizeof *cuts);
    bool *applied = calloc(count ? count : 1, sizeof *applied);
    size_t cut_count = 0;
    int rc = cuts && applied ? 0 : TALLY_ENOMEM;
    *member_count = 0;
    if (count > 0) qsort(facts, count, sizeof *facts, fact_order);
    while (rc == 0) {
        *member_count = admit(creator, facts, count, cuts, cut_count, out);
        const team_fact *next = next_revocation(out, *member_count, facts, count, applied);
        if (!next) break;
        cuts[cut_count++] = (cut){next->subject, next->size};
        applied[next - facts] = true;
    }
    free(applied);
    free(cuts);
    return rc;
}
