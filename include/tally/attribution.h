/* Attribution: whose cost, whose minute. Decided while reading, from ordered rules and people's
 * decisions; nothing of it is stored, so that a rule set today attributes last year. */
#ifndef TALLY_ATTRIBUTION_H
#define TALLY_ATTRIBUTION_H

#include <tally/policy.h>
#include <tally/view.h>

#define TALLY_MAX_SHARES 16u
#define TALLY_MAX_PARTS  1000000u /* of all shares of one split */

/* What decided. */
typedef enum tally_attributed_by {
    TALLY_ATTRIBUTED_NOTHING, /* unattributed */
    TALLY_ATTRIBUTED_RULE,
    TALLY_ATTRIBUTED_ASSIGN, /* a person's word on this session or entry */
    TALLY_ATTRIBUTED_SPLIT,
    TALLY_ATTRIBUTED_CONFLICT /* rules of equal rank disagree: unattributed until a person settles
                                 it */
} tally_attributed_by;

typedef struct tally_share {
    tally_span client, project; /* either may be empty, not both */
    uint32_t parts;             /* of the sum of all shares' parts */
} tally_share;

/* One client and project as share, or several of a split, or none. Spans live as long as the
 * transaction. */
typedef struct tally_attribution {
    tally_attributed_by by;
    uint32_t count;
    uint64_t parts; /* sum */
    tally_share shares[TALLY_MAX_SHARES];
    tally_span rule;     /* by rule, and the first of a conflict: its name */
    tally_span other;    /* conflict: the second rule's name */
    tally_hash decision; /* by assign or split: leaf of the record */
    uint32_t feed;       /* and whose it is */
} tally_attribution;

/* Whose one row of a list is: a cost, an entry or a share of either. */
typedef struct tally_whose {
    const tally_attribution *said;
    const tally_share *share; /* NULL: unattributed */
    tally_span client, project;
    tally_span member, device;
    const tally_span *tags;
    size_t tag_count;
} tally_whose;

/* What rules look at. Empty spans: unknown; a rule that asks for it does not match. */
typedef struct tally_attributable {
    tally_span cwd, remote, branch, agent;
    const tally_span *tags; /* sorted */
    size_t tag_count;
} tally_attributable;

/* Rules. A rule matches when all that it names matches: `path` the directory or one above (a rule's
 * path without a leading slash matches these components anywhere), `remote` the repository or the
 * host and owner above it, however the remote is spelled, `branch` exactly or up to a final '*',
 * `agent` the name or its first part, `tag` one of the tags. Of those that match the largest
 * priority wins, then the longest path, then the most conditions; rules that are equal in all that
 * and name another client or project are a conflict. */
typedef struct tally_rules tally_rules;
int tally_rules_load(tally_txn *txn, tally_rules **out,
                     tally_error *err); /* valid for one transaction */
void tally_rules_free(tally_rules *rules);
size_t tally_rules_count(const tally_rules *rules);
void tally_rules_decide(const tally_rules *rules, const tally_attributable *what,
                        tally_attribution *out);
/* Every rule that matches, best first, for `rule test`: its name, client, project and rank in
 * words. */
typedef struct tally_rule_match {
    tally_span rule, client, project;
    int64_t priority;
    size_t path_bytes; /* of the rule's path, 0 without one */
    unsigned conditions;
} tally_rule_match;
typedef int tally_rule_fn(void *ctx, const tally_rule_match *match);
int tally_rules_explain(const tally_rules *rules, const tally_attributable *what, tally_rule_fn *fn,
                        void *ctx);

/* A person's decision on a session or an entry (the 16-byte target of view.h's tags): the last
 * assign or split, if it was not taken back. False when there is none. */
bool tally_decision_get(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES],
                        tally_attribution *out);
/* Appends assign (one share), split (two or more), or, with none, `assign` with nothing in it: it
 * takes back the last. The target is a session (agent and id) or an entry. TALLY_EINVAL: no client
 * and no project, too many shares, parts of 0. */
typedef struct tally_decide {
    tally_span agent, session; /* or: */
    const tally_entry_id *entry;
    const tally_share *shares;
    size_t share_count;
} tally_decide;
int tally_decide_append(tally_txn *txn, const tally_decide *decide, tally_error *err);

/* Whose a session is: its decision, or that of the session it is a sub-agent of, or what rules say.
 * Loads the rules: for one session, not for many. */
int tally_attribution_get(tally_txn *txn, uint64_t session, tally_attribution *out,
                          tally_error *err);

/* Divides an amount (pico-units, tokens, milliseconds; of either sign) by the shares' parts: out[i]
 * for each share, adding up to `amount` exactly; largest remainder, ties to the earlier share. */
void tally_shares_divide(tally_i128 amount, const tally_share *shares, size_t count,
                         tally_i128 *out);

#endif
