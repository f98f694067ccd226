/* Manual time: work that no agent's log shows, as people write it down (`time.add`). What was
 * engaged time is in engaged.h. */
#ifndef TALLY_WORK_H
#define TALLY_WORK_H

#include <tally/report.h>

#define TALLY_TIME_MAX_MS TALLY_DAY_MS /* of one entry, and of a member's entries on one day */

/* Spans and `text` live as long as the transaction writes nothing. */
typedef struct tally_time_entry {
    tally_entry_id id;   /* first 16 bytes of the record's leaf hash */
    tally_hash leaf;     /* of the record */
    uint32_t feed;       /* of the device that recorded it; its member did the work */
    int64_t day;         /* days since 1970-01-01: the date as it was written down, in no zone */
    int64_t start_ms;    /* when it began, or -1 */
    int64_t duration_ms; /* 1 to TALLY_TIME_MAX_MS */
    tally_span client, project; /* as written down; a decision on the entry comes before them */
    const uint8_t *text;        /* blob id, or NULL */
} tally_time_entry;

/* Calls `fn` for every entry with first_day <= day < end_day that is not void, by day, then by id.
 * A result of `fn` other than 0 stops and is returned. */
typedef int tally_time_fn(void *ctx, const tally_time_entry *entry, tally_error *err);
int tally_time_each(tally_txn *txn, int64_t first_day, int64_t end_day, tally_time_fn *fn,
                    void *ctx, tally_error *err);
/* Also of one that is void (tally_cost_is_void tells). TALLY_ENOTFOUND. */
int tally_time_get(tally_txn *txn, const tally_entry_id *id, tally_time_entry *out);

/* An entry, or one share of an entry that was split: whose it is. A decision on the entry comes
 * first, then what was written down with it, then rules, which see nothing but its tags. */
typedef struct tally_time_facts {
    const tally_time_entry *entry;
    int64_t duration_ms; /* of the share; shares add up to the entry's exactly */
    tally_whose whose;   /* client and project of the share, tags of the entry */
} tally_time_facts;

/* Calls `fn` for every share that passes, entries in order of their day, the shares of one after
 * each other. A period means its local days. Nothing passes a filter about sessions or costs:
 * agent, path, branch, session, model, a price. */
typedef int tally_time_facts_fn(void *ctx, const tally_time_facts *facts, tally_error *err);
int tally_times_filter(tally_txn *txn, const tally_filter *filter, tally_time_facts_fn *fn,
                       void *ctx, tally_error *err);

/* Inside a write: appends `time.add`. TALLY_EINVAL with the rule that is broken: a duration outside
 * 1 to TALLY_TIME_MAX_MS, a day before 1970, a start of another day, a name that is none, or a day
 * of this member that would be longer than 24 hours. `text` is stored as a blob with `salt` (random
 * bytes); empty: none. `out` (may be NULL) gets the entry's id. */
typedef struct tally_time_new {
    int64_t day, start_ms, duration_ms; /* start_ms: -1 where it is not known */
    tally_span client, project, text;
    const uint8_t *salt; /* TALLY_BLOB_SALT_BYTES */
} tally_time_new;
int tally_time_append(tally_txn *txn, const tally_time_new *entry, tally_entry_id *out,
                      tally_error *err);

#endif
