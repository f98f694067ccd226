/* Proving a fork from commits that contradict a stored feed. Private to sync/. */
#ifndef TALLY_SEGMENT_FORK_H
#define TALLY_SEGMENT_FORK_H

#include <tally/wire.h>

/* Inside a write, after tally_ingest said TALLY_ECORRUPT: `records` are the commits' count of them.
 * 0: the proof was made and put. TALLY_EREFUSED when the two histories part before the first of
 * these records, so that they prove nothing; TALLY_EEXIST when the fork is known. */
int segment_prove_fork(tally_txn *txn, const tally_wire_commits *commits, const tally_span *records,
                       tally_error *err);

#endif
