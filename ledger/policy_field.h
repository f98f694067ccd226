/* One field of a policy row against its type. Private to ledger/. */
#ifndef LEDGER_POLICY_FIELD_H
#define LEDGER_POLICY_FIELD_H

#include <tally/policy.h>

/* What the field must be, when it is not; NULL when all is well. `there`: the record has it. */
const char *policy_field_fault(const tally_policy_field *f, const tally_record *record,
                               bool *there);

#endif
