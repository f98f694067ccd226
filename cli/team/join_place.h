/* The directory that a joining device makes its ledger in: claimed for one join at a time, and
 * cleared again when the join came to nothing. */
#ifndef TALLY_CLI_JOIN_PLACE_H
#define TALLY_CLI_JOIN_PLACE_H

#include <tally/hash.h>
#include <tally/ledger.h>

typedef struct join_place {
    const char *dir;   /* borrowed */
    int lock;          /* descriptor of the directory, -1 when nothing is claimed */
    bool dir_was_here; /* and so was a key: what stays when all else is removed */
    bool key_was_here;
    bool ready; /* a ledger that an earlier join left is to be gone on with */
} join_place;

/* Makes the directory where it is missing. A ledger that an earlier join of the same team left
 * without getting in is taken up again, an empty one of another team is removed. TALLY_EEXIST, with
 * words on what to do, for any other ledger, and while another join is at work there. The caller
 * releases, also after a failure. */
int join_place_claim(const char *dir, const tally_hash *team, join_place *out, tally_error *err);
/* With `failed`: removes what the join made, unless there are records in it; true when some stay.
 */
bool join_place_release(join_place *place, bool failed);

#endif
