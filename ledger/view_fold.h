/* Folding records into views: what each kind of record changes. Private to ledger/. */
#ifndef LEDGER_VIEW_FOLD_H
#define LEDGER_VIEW_FOLD_H

#include "store.h"

#include <tally/team.h>
#include <tally/view.h>

/* Where the record being folded stands. */
typedef struct view_source {
    tally_txn *txn;
    uint32_t feed;
    uint64_t index;
    const tally_device_id *device;
    const tally_hash *leaf;
} view_source;

/* Folds one record by its kind. Unknown kinds, malformed bodies and records that do not count
 * change nothing; a record of the team may change what counts, which view_settle then brings in. */
int view_apply(const view_source *source, const tally_record *record, tally_error *err);

typedef int view_fold_fn(const view_source *source, const tally_record *record, tally_error *err);
view_fold_fn view_fold_cost, view_fold_void, view_fold_session, view_fold_activity,
    view_fold_tag_add, view_fold_tag_remove, view_fold_price_set, view_fold_price_unset,
    view_fold_redact, view_fold_assign, view_fold_split, view_fold_policy, view_fold_expense,
    view_fold_time_add, view_fold_describe, view_fold_billing, view_fold_locks;
/* Kinds that view_fold_policy folds: too many for the table. */
bool view_policy_kind(tally_span kind);

/* Last-writer-wins registers: 8 bytes of clock, 4 of feed number, then the value. The later clock
 * wins; on equal clocks the larger device key. Writes `value` under `key` if it wins over what
 * stands there. */
#define REGISTER_HEAD_BYTES 12u
#define REGISTER_FEED_AT    8
int view_register_put(const view_source *source, store_table table, tally_span key, tally_hlc hlc,
                      tally_span value, tally_error *err);
/* Whether a record of `source` with that clock wins over the row that stands there. */
int view_register_wins(const view_source *source, tally_hlc hlc, tally_span held, bool *wins,
                       tally_error *err);
/* The value of a register: 0, TALLY_ENOTFOUND. */
int view_register_get(tally_txn *txn, store_table table, tally_span key, uint32_t *feed,
                      tally_span *value);

/* Team records: facts, kept whether or not their author was entitled; who is, follows from all of
 * them together. */
typedef enum team_row_type {
    TEAM_ROW_ADD = 1,
    TEAM_ROW_REVOKE = 2,
    TEAM_ROW_CREATE = 3,
    TEAM_ROW_KEY = 4,
    TEAM_ROW_RESOLVE = 5
} team_row_type;

typedef struct team_row {
    team_row_type type;
    tally_device_id author;
    uint64_t index; /* in its author's feed */
    tally_hlc hlc;
    tally_record record; /* its body only */
} team_row;

#define TEAM_NAME_MAX_BYTES 128u
/* Names of teams, members and devices: 1 to 128 bytes of UTF-8 without control characters. */
bool team_name_ok(tally_span name);
bool team_role_parse(tally_span text, tally_role *out);
tally_span team_role_text(tally_role role);

bool view_team_kind(tally_span kind);
int view_team_fold(const view_source *source, const tally_record *record, tally_error *err);
typedef int team_row_fn(void *ctx, const team_row *row, tally_error *err);
int view_team_each_row(tally_txn *txn, team_row_fn *fn, void *ctx, tally_error *err);
/* Says why the team could not be read: `rc`, which is not 0. */
int view_team_fail(int rc, tally_error *err);
/* What an add or a revoke says, for membership.h; false for any other row. */
struct team_fact;
bool team_fact_of(const team_row *row, struct team_fact *out);
/* Forgets what a device said of the team from record `from` of its feed on. */
int view_team_cut(tally_txn *txn, const tally_device_id *device, uint64_t from, tally_error *err);
/* Works out the members when team records were folded since, and notes whether that changes what
 * counts of stored records. */
int view_members_settle(tally_txn *txn, tally_error *err);
/* Whether a record's place in its feed lets it count. */
int view_members_gate(const view_source *source, bool *counts, tally_error *err);
/* Brings in what team records changed: members, and if need be every view. Before a commit, and
 * before views are compared. */
int view_settle(tally_txn *txn, tally_error *err);

/* Device key of a feed. */
int view_feed_device(tally_txn *txn, uint32_t feed, tally_device_id *out, tally_error *err);

/* A currency in two bytes: its three capital letters in base 26, plus 1; 0 for what is no code. */
uint16_t view_currency_code(tally_span code);

/* Where rows of view_entries hold their feed number. */
#define VIEW_ENTRY_FEED_AT 8

/* Folds everything again inside a transaction: rebuild, and the deep check, which throws the result
 * away. */
int view_rebuild_in(tally_txn *txn, tally_error *err);

/* The target of a decision, a tag or words, as the views key it: `entry`, or `agent` and `session`.
 * False when the record names neither. */
bool view_target_of(const tally_record *record, uint8_t target[TALLY_ENTRY_BYTES]);
/* What a description must be. TALLY_EINVAL. */
int view_words_check(tally_span text, tally_error *err);

/* Interns text under its reference; keeps the smallest when two share one. */
int view_string_put(tally_txn *txn, tally_span text, uint64_t *ref, tally_error *err);

#endif
