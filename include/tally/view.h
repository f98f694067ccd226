/* Views: what follows from the records, kept ready to read. Each row is a pure fold over records;
 * arrival order does not matter. Rows are decoded from LMDB's pages while reading; nothing here is
 * stored by the caller. */
#ifndef TALLY_VIEW_H
#define TALLY_VIEW_H

#include <tally/ledger.h>
#include <tally/price.h>

#define TALLY_ENTRY_BYTES 16u
/* What token prices are published in, and costs are summed in. The team's currency is for invoices.
 */
#define TALLY_COST_CURRENCY "USD"

/* Identity of an observed cost: SHA-256("cost" 00 agent 00 key), first 16 bytes. Equal on every
 * device. */
typedef struct tally_entry_id {
    uint8_t b[TALLY_ENTRY_BYTES];
} tally_entry_id;
void tally_entry_id_of(tally_span agent, tally_span key, tally_entry_id *out);

/* Reference of a session or a string: first 8 bytes of SHA-256 of it, as a big-endian number. */
uint64_t tally_session_ref(tally_span agent, tally_span id);
uint64_t tally_string_ref(tally_span text);

typedef enum tally_cost_source {
    TALLY_COST_PRICED,   /* tokens x price in force */
    TALLY_COST_REPORTED, /* the agent's log states it */
    TALLY_COST_IMPORTED  /* came through `costs import` */
} tally_cost_source;

/* One API response, counted once, however often it was recorded. */
typedef struct tally_cost {
    int64_t time_ms;
    tally_entry_id id;
    uint64_t session; /* tally_session_ref */
    uint64_t model;   /* tally_string_ref of the raw name */
    tally_usage usage;
    uint64_t reasoning; /* part of usage.output */
    tally_cost_source source;
    int64_t stated_pico; /* reported, imported: the cost */
    bool stated;         /* stated_pico holds a cost (an import may be unpriced) */
    uint16_t currency;   /* stated: of that cost, as a number equal for equal codes */
    uint32_t feed;
} tally_cost;

/* Calls `fn` for every cost with start_ms <= time < end_ms in time order. A non-zero result stops
 * and is returned. */
typedef int tally_cost_fn(void *ctx, const tally_cost *cost);
int tally_cost_each(tally_txn *txn, int64_t start_ms, int64_t end_ms, tally_cost_fn *fn, void *ctx);
/* Where an entry stands and the record it came from (the one that counts), also of one that was
 * voided. TALLY_ENOTFOUND. */
int tally_cost_get(tally_txn *txn, const tally_entry_id *id, tally_cost *out, uint64_t *index);
/* True for an entry that a `void` took out of the figures. */
bool tally_cost_is_void(tally_txn *txn, const tally_entry_id *id);

/* What an entry id names: a cost, or what a person typed (expense.h and others). Voided ones too.
 */
typedef enum tally_entry_kind {
    TALLY_ENTRY_NONE,
    TALLY_ENTRY_COST,
    TALLY_ENTRY_TIME,
    TALLY_ENTRY_EXPENSE
} tally_entry_kind;
tally_entry_kind tally_entry_kind_of(tally_txn *txn, const tally_entry_id *id);
/* What a person typed, by the first TALLY_ENTRY_PREFIX_BYTES or more bytes of its id.
 * TALLY_ENOTFOUND; TALLY_EEXIST when several begin so. */
#define TALLY_ENTRY_PREFIX_BYTES 4u
int tally_entry_find_typed(tally_txn *txn, tally_span prefix, tally_entry_id *out);

/* A session as last described. Spans live as long as the transaction. */
typedef struct tally_agent_session {
    uint64_t ref;
    uint32_t feed;
    tally_span agent, id, parent, cwd, branch, remote, commit, version;
    const uint8_t *title;  /* blob id or NULL */
    tally_span title_from; /* "custom", "agent", "summary", "prompt" */
} tally_agent_session;
int tally_agent_session_get(tally_txn *txn, uint64_t ref,
                            tally_agent_session *out); /* TALLY_ENOTFOUND */
typedef int tally_agent_session_fn(void *ctx, const tally_agent_session *session);
int tally_agent_session_each(tally_txn *txn, tally_agent_session_fn *fn, void *ctx);

/* Activity of a session: a human event (start == end) or a run of agent events, in time order. */
typedef struct tally_activity {
    uint64_t session;
    int64_t start_ms, end_ms;
    bool human;
} tally_activity;
typedef int tally_activity_fn(void *ctx, const tally_activity *activity);
int tally_activity_each(tally_txn *txn, uint64_t session, tally_activity_fn *fn, void *ctx);
/* Of all sessions: what touches a UTC day of [start_ms, end_ms), each once, in order of the day it
 * is first met. */
int tally_activity_each_between(tally_txn *txn, int64_t start_ms, int64_t end_ms,
                                tally_activity_fn *fn, void *ctx);

/* Interned text of a model (tally_string_ref); empty when unknown. */
tally_span tally_string_get(tally_txn *txn, uint64_t ref);

/* Tags: observed-remove sets on sessions and on cost entries. `target` is 16 bytes: an entry id, or
 * a session ref in the first 8 and zeros. `add` is the leaf hash of the tag.add record. */
typedef int tally_tag_fn(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                         const tally_hash *add);
int tally_tag_each(tally_txn *txn, tally_tag_fn *fn, void *ctx);
/* Tags of one target, sorted, each once per add record. */
int tally_tag_each_of(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tally_tag_fn *fn,
                      void *ctx);

/* Price rows set in this ledger, of models in bytewise order, oldest first within a model. */
typedef int tally_price_fn(void *ctx, const tally_price *price, const tally_hash *leaf);
int tally_price_each(tally_txn *txn, tally_price_fn *fn, void *ctx);

/* A price book answers what a cost costs under the prices recorded in the ledger. Reads rows of a
 * model when it is first asked for; valid for one transaction. */
typedef struct tally_price_book tally_price_book;
int tally_price_book_new(tally_txn *txn, tally_price_book **out, tally_error *err);
void tally_price_book_free(tally_price_book *book);
typedef struct tally_priced {
    bool priced;
    int64_t pico;
    const char *why;          /* unpriced: a static sentence */
    const tally_price *price; /* the row that applied, or NULL */
    const tally_hash *leaf;   /* of its record, or NULL */
} tally_priced;
/* What cannot be priced is no error, it is unpriced and says why; what memory lacked for is
 * TALLY_ENOMEM, and then no figure can be trusted. */
int tally_price_book_cost(tally_price_book *book, const tally_cost *cost, tally_priced *out,
                          tally_error *err);

/* The team's settings: last team.create/team.set wins. */
typedef struct tally_team {
    tally_span name, timezone, currency;
} tally_team;
int tally_team_get(tally_txn *txn, tally_team *out, tally_error *err);
/* Member and device name of a feed. */
int tally_feed_names(tally_txn *txn, uint32_t feed, tally_span *member, tally_span *device);

#endif
