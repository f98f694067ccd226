/* The attributor: what decides a session or an entry, for one transaction: people's decisions
 * first, then rules. Private to ledger/. */
#ifndef LEDGER_ATTRIBUTOR_H
#define LEDGER_ATTRIBUTOR_H

#include <tally/attribution.h>

#define ATTRIBUTOR_MAX_PARENTS 16u /* sub-agents of sub-agents */

typedef struct attributor {
    tally_txn *txn;
    tally_rules *rules;
    bool any_decisions;   /* some session or entry was decided by a person */
    bool entry_decisions; /* some entry was */
    bool any_splits;
} attributor;

/* Cleared with attributor_clear also after an error. */
int attributor_init(attributor *a, tally_txn *txn, tally_error *err);
void attributor_clear(attributor *a);

/* Of a session: its own decision, else those of the sessions it is a sub-agent of, else what rules
 * say of the topmost one with these tags. */
void attributor_session(const attributor *a, const tally_agent_session *session,
                        const tally_span *tags, size_t tag_count, tally_attribution *out);
/* Of an entry: true, and its own decision, when a person made one. */
bool attributor_entry(const attributor *a, const tally_entry_id *id, tally_attribution *out);

#endif
