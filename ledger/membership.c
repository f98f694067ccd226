/* The rules of membership. A device is admitted in the round after the admin who added it, so that
 * nothing that it or those it added say can unsettle how it came in. Revocations apply one by one,
 * those of admins nearer to the creator first, then by their clocks; each starts the admissions
 * over with less of its subject's feed counting. So a revocation beats what its subject did beyond
 * the cut, grants and revocations alike, and the creator settles what two admins do to each other.
 *
 * An admin gone bad can append any number of facts. So a revocation that lowers no limit is passed
 * over, and admissions start over only when one that is in use falls: neither changes the outcome.
 */
#include "membership.h"

#include <stdlib.h>

#define NOBODY SIZE_MAX
#define NONE   SIZE_MAX

/* What an author says, by kind: facts are taken from each list in their order. */
typedef enum saying { SAID_ADD, SAID_LEAVE, SAID_REVOKE, SAID_KINDS } saying;

typedef struct fact_list {
    size_t at, end; /* in team.listed */
} fact_list;

/* A device that some fact names. */
typedef struct device {
    tally_device_id id;
    uint64_t limit; /* what the revocations applied so far leave of its feed */
    size_t member;  /* its place in team.members, or NOBODY */
    fact_list said[SAID_KINDS];
} device;

typedef struct parties {
    size_t author, subject; /* in team.devices */
} parties;

typedef struct team {
    const team_fact *facts; /* in their order; a fact is named by its place here */
    size_t count;
    device *devices; /* in order of their ids */
    size_t device_count;
    parties *parties; /* of each fact */
    size_t *listed;   /* facts by author and kind */
    size_t *round;    /* admissions of one round */
    size_t creator;
    team_member *members; /* in order of their rounds */
    size_t known;
    size_t numbers[TALLY_TEAM_MAX_DEVICES]; /* of the members, in team.devices */
} team;

static int id_order(const void *a, const void *b) {
    const tally_device_id *x = a, *y = b;
    return memcmp(x->b, y->b, TALLY_PUBLIC_KEY_BYTES);
}

static int fact_order(const void *a, const void *b) {
    const team_fact *x = a, *y = b;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = id_order(&x->author, &y->author);
    if (order != 0) return order;
    return (x->index > y->index) - (x->index < y->index);
}

static int place_order(const void *a, const void *b) {
    const size_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* ---- numbering: everything after this is looked up by place ---- */

static size_t device_at(const team *t, const tally_device_id *id) {
    const device *found = bsearch(id, t->devices, t->device_count, sizeof *t->devices, id_order);
    return (size_t)(found - t->devices);
}

/* All devices that facts name, each once. */
static int number_devices(team *t, const tally_device_id *creator) {
    size_t named = 2 * t->count + 1, kept = 0;
    tally_device_id *ids = calloc(named, sizeof *ids);
    t->devices = calloc(named, sizeof *t->devices);
    int rc = ids && t->devices ? 0 : TALLY_ENOMEM;
    if (rc != 0) goto done;
    ids[0] = *creator;
    for (size_t i = 0; i < t->count; i++) {
        ids[2 * i + 1] = t->facts[i].author;
        ids[2 * i + 2] = t->facts[i].subject;
    }
    qsort(ids, named, sizeof *ids, id_order);
    for (size_t i = 0; i < named; i++)
        if (i == 0 || id_order(&ids[i - 1], &ids[i]) != 0)
            t->devices[kept++] = (device){.id = ids[i], .limit = UINT64_MAX, .member = NOBODY};
    t->device_count = kept;
    t->creator = device_at(t, creator);
done:
    free(ids);
    return rc;
}

/* SAID_KINDS for what nobody may say: revoking the creator is for the creator. */
static saying said_by(const team *t, size_t fact) {
    const parties *p = &t->parties[fact];
    if (t->facts[fact].type == TEAM_FACT_ADD) return SAID_ADD;
    if (p->author == p->subject) return SAID_LEAVE;
    return p->subject == t->creator ? SAID_KINDS : SAID_REVOKE;
}

/* Counts each list, then fills them: facts stay in their order. */
static int list_facts(team *t) {
    size_t at = 0;
    t->parties = calloc(t->count + 1, sizeof *t->parties);
    t->listed = calloc(t->count + 1, sizeof *t->listed);
    t->round = calloc(t->count + 1, sizeof *t->round);
    if (!t->parties || !t->listed || !t->round) return TALLY_ENOMEM;
    for (size_t i = 0; i < t->count; i++) {
        t->parties[i] =
            (parties){device_at(t, &t->facts[i].author), device_at(t, &t->facts[i].subject)};
        saying kind = said_by(t, i);
        if (kind < SAID_KINDS) t->devices[t->parties[i].author].said[kind].end++;
    }
    for (size_t d = 0; d < t->device_count; d++)
        for (int kind = 0; kind < SAID_KINDS; kind++) {
            fact_list *list = &t->devices[d].said[kind];
            size_t length = list->end;
            list->at = list->end = at;
            at += length;
        }
    for (size_t i = 0; i < t->count; i++) {
        saying kind = said_by(t, i);
        if (kind < SAID_KINDS) t->listed[t->devices[t->parties[i].author].said[kind].end++] = i;
    }
    return 0;
}

/* ---- admissions ---- */

static void enter(team *t, size_t number, tally_role role, unsigned round, const team_fact *added) {
    device *d = &t->devices[number];
    d->member = t->known;
    t->numbers[t->known] = number;
    t->members[t->known++] = (team_member){d->id, role, d->limit, round, added};
}

/* What the members from `first` on add, in the order of facts. */
static size_t gather_round(team *t, size_t first) {
    size_t count = 0;
    for (size_t m = first; m < t->known; m++) {
        if (t->members[m].role != TALLY_ROLE_ADMIN) continue;
        const device *author = &t->devices[t->numbers[m]];
        for (size_t i = author->said[SAID_ADD].at; i < author->said[SAID_ADD].end; i++)
            if (t->facts[t->listed[i]].index < author->limit) t->round[count++] = t->listed[i];
    }
    if (count > 0) qsort(t->round, count, sizeof *t->round, place_order);
    return count;
}

/* Everybody that the creator's admissions, and theirs in turn, bring in. What a member of an
 * earlier round adds, it added then. */
static void admit(team *t) {
    size_t settled = 0;
    for (size_t m = 0; m < t->known; m++)
        t->devices[t->numbers[m]].member = NOBODY;
    t->known = 0;
    enter(t, t->creator, TALLY_ROLE_ADMIN, 0, NULL);
    for (unsigned round = 1; settled < t->known; round++) {
        size_t count = gather_round(t, settled);
        settled = t->known;
        for (size_t i = 0; i < count && t->known < TALLY_TEAM_MAX_DEVICES; i++) {
            size_t fact = t->round[i], subject = t->parties[fact].subject;
            if (t->devices[subject].member == NOBODY)
                enter(t, subject, t->facts[fact].role, round, &t->facts[fact]);
        }
    }
}

/* ---- revocations ---- */

/* The first of a list that its author may still say and that lowers its subject's limit. What falls
 * out here never comes back: limits only fall. */
static size_t first_that_cuts(team *t, fact_list *list) {
    for (; list->at < list->end; list->at++) {
        size_t fact = t->listed[list->at];
        const team_fact *revocation = &t->facts[fact];
        const device *author = &t->devices[t->parties[fact].author];
        const device *subject = &t->devices[t->parties[fact].subject];
        if (revocation->index < author->limit && revocation->size < subject->limit) return fact;
    }
    return NONE;
}

/* The revocation to apply next: admins revoke others, and everybody may revoke itself. */
static size_t next_revocation(team *t) {
    size_t next = NONE;
    for (size_t m = 0; m < t->known; m++) {
        const team_member *member = &t->members[m];
        if (next != NONE && member->round > t->members[m - 1].round) break; /* others are nearer */
        device *author = &t->devices[t->numbers[m]];
        size_t leave = first_that_cuts(t, &author->said[SAID_LEAVE]);
        size_t revoke = member->role == TALLY_ROLE_ADMIN
                            ? first_that_cuts(t, &author->said[SAID_REVOKE])
                            : NONE;
        size_t first = leave < revoke ? leave : revoke;
        if (first < next) next = first;
    }
    return next;
}

/* Lowers the limit; true when that takes back an admission by which a member is in. */
static bool cut(team *t, size_t revocation) {
    size_t number = t->parties[revocation].subject;
    device *subject = &t->devices[number];
    subject->limit = t->facts[revocation].size;
    if (subject->member == NOBODY) return false;
    t->members[subject->member].limit = subject->limit;
    for (size_t m = 0; m < t->known; m++) {
        const team_fact *added = t->members[m].added;
        if (!added || added->index < subject->limit) continue;
        if (t->parties[added - t->facts].author == number) return true;
    }
    return false;
}

int membership_work_out(const tally_device_id *creator, team_fact *facts, size_t count,
                        team_member *out, size_t *member_count) {
    team t = {.facts = facts, .count = count, .members = out};
    if (count > 0) qsort(facts, count, sizeof *facts, fact_order);
    int rc = number_devices(&t, creator);
    if (rc == 0) rc = list_facts(&t);
    if (rc == 0) admit(&t);
    for (size_t next; rc == 0 && (next = next_revocation(&t)) != NONE;)
        if (cut(&t, next)) admit(&t);
    *member_count = t.known;
    free(t.round);
    free(t.listed);
    free(t.parties);
    free(t.devices);
    return rc;
}
