/* Membership: from the set of team records to the devices that belong and how much of each feed
 * counts. Pure: the result depends on the set alone. Private to ledger/. */
#ifndef LEDGER_MEMBERSHIP_H
#define LEDGER_MEMBERSHIP_H

#include <tally/team.h>

typedef enum team_fact_type { TEAM_FACT_ADD = 1, TEAM_FACT_REVOKE = 2 } team_fact_type;

typedef struct team_fact {
    team_fact_type type;
    tally_hlc hlc;
    tally_device_id author;
    uint64_t index; /* of the record in its author's feed */
    tally_device_id subject;
    tally_role role; /* add */
    uint64_t size;   /* revoke: records of the subject that still count */
    tally_span body; /* the record's */
} team_fact;

typedef struct team_member {
    tally_device_id device;
    tally_role role;
    uint64_t limit;
    unsigned round;         /* admissions between it and the creator */
    const team_fact *added; /* NULL: the creator */
} team_member;

/* Works out the members. `facts` is sorted in place. `out` holds TALLY_TEAM_MAX_DEVICES; more are
 * not admitted. The creator comes first. 0 or TALLY_ENOMEM. */
int membership_work_out(const tally_device_id *creator, team_fact *facts, size_t count,
                        team_member *out, size_t *member_count);

#endif
