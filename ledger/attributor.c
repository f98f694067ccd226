/* Joins decisions and rules for one session or entry. The rules' own order is in rule.c, the
 * decisions' view in decision.c. */
#include "attributor.h"

#include "store.h"
#include "view_fold.h"

/* Decisions are few; splits ask more of whoever sums, those on entries more of whoever scans. */
static int look_at_decisions(attributor *a, tally_error *err) {
    static const uint8_t zeros[TALLY_ENTRY_BYTES - 8];
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb, rc = store_cursor(a->txn, TABLE_VIEW_DECISIONS, &cursor, err);
    if (rc != 0) return rc;
    while ((mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        tally_attribution said;
        a->any_decisions = true;
        if (k.mv_size != TALLY_ENTRY_BYTES) continue;
        if (memcmp((const uint8_t *)k.mv_data + 8, zeros, sizeof zeros) != 0)
            a->entry_decisions = true;
        if (!a->any_splits)
            a->any_splits = tally_decision_get(a->txn, k.mv_data, &said) && said.count > 1;
        if (a->any_splits && a->entry_decisions) break;
    }
    mdb_cursor_close(cursor);
    return mdb == 0 || mdb == MDB_NOTFOUND ? 0
                                           : store_fail(a->txn, mdb, "cannot read decisions", err);
}

int attributor_init(attributor *a, tally_txn *txn, tally_error *err) {
    *a = (attributor){.txn = txn};
    int rc = tally_rules_load(txn, &a->rules, err);
    return rc != 0 ? rc : look_at_decisions(a, err);
}

void attributor_clear(attributor *a) {
    tally_rules_free(a->rules);
    a->rules = NULL;
}

static bool decided(const attributor *a, uint64_t session, tally_attribution *out) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    if (!a->any_decisions) return false;
    tally_put_be64(target, session);
    return tally_decision_get(a->txn, target, out);
}

void attributor_session(const attributor *a, const tally_agent_session *session,
                        const tally_span *tags, size_t tag_count, tally_attribution *out) {
    tally_agent_session top = *session, parent;
    for (unsigned depth = 0;; depth++) {
        if (decided(a, top.ref, out)) return;
        if (top.parent.len == 0 || depth == ATTRIBUTOR_MAX_PARENTS) break;
        if (tally_agent_session_get(a->txn, tally_session_ref(top.agent, top.parent), &parent) != 0)
            break;
        top = parent;
    }
    tally_attributable what = {.cwd = top.cwd,
                               .remote = top.remote,
                               .branch = top.branch,
                               .agent = top.agent,
                               .tags = tags,
                               .tag_count = tag_count};
    tally_rules_decide(a->rules, &what, out);
}

bool attributor_entry(const attributor *a, const tally_entry_id *id, tally_attribution *out) {
    return a->any_decisions && tally_decision_get(a->txn, id->b, out);
}
