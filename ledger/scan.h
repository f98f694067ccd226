/* The scan under every figure: costs of a period joined with their session, model, feed and tags,
 * filtered and priced. What a session, model or feed contributes is looked up once and kept.
 * Private to ledger/. */
#ifndef LEDGER_SCAN_H
#define LEDGER_SCAN_H

#include "attributor.h"
#include "intern.h"
#include "price_book.h"

#include <tally/report.h>
#include <tally/work.h>

#define SCAN_NO_GROUP       UINT32_MAX
#define SCAN_SEVERAL_GROUPS (UINT32_MAX - 1)
#define SCAN_FACTS          3u /* model, feed, calendar */

typedef struct scan_session {
    uint64_t ref;
    bool passes; /* all filters that a session alone decides */
    tally_agent_session session;
    uint32_t feed; /* whose the session is, its costs and its minutes; TALLY_ENGAGED_NOBODY */
    tally_attribution said;
    tally_span *tags; /* sorted, each once */
    size_t tag_count;
    struct scan_lane *lanes;
    uint32_t group;                      /* the report's: last group this session was counted in */
    const void *group_facts[SCAN_FACTS]; /* and what, beside the session, made it that group */
} scan_session;

typedef struct scan_model {
    uint64_t ref;
    bool passes;
    tally_span text;
    price_line *line;
} scan_model;

typedef struct scan_feed {
    bool known, passes;
    tally_span member, device;
} scan_feed;

/* One share of a cost: the whole of it where nobody split it. Shares of one cost follow each other,
 * have the same serial, and add up to it exactly. */
typedef struct scan_row {
    struct scan_lane *lane; /* NULL where something is the row's own: a share, an entry's tags */
    const tally_cost *cost; /* its tokens are those of the share */
    uint64_t serial;        /* of the cost, from 1 */
    const tally_attribution *said;
    const tally_share *share;   /* NULL: unattributed */
    tally_span client, project; /* without a project's name, the session's directory */
    bool usual;        /* the session's only attribution: its rows go where the last one went */
    uint32_t calendar; /* whose days: 0, or the client's place among the filter's zones + 1 */
    scan_session *session;
    const scan_model *model;
    const scan_feed *feed;
    const tally_span *tags; /* of the session and of the entry itself */
    size_t tag_count;
    tally_priced priced;
    bool paid; /* a plan covers it */
    int64_t paid_pico;
} scan_row;

/* What the receiver of rows has worked out for a lane's rows of [start_ms, end_ms): at first for
 * none. */
typedef struct scan_memo {
    int64_t start_ms, end_ms;
    uint64_t value;
} scan_memo;

/* The costs of one session, model and recording feed. They come in long runs, and their rows differ
 * in time, tokens and price alone, unless an entry has a tag or a decision of its own. */
typedef struct scan_lane {
    struct scan_lane *next; /* of the session's */
    uint64_t session, model;
    uint32_t feed;
    bool passes;              /* all filters but those of the period, of prices and of shares */
    int64_t start_ms, end_ms; /* of the period in its client's days */
    scan_row row;
    scan_memo memo;
} scan_lane;

static inline bool scan_memo_holds(const scan_row *row) {
    return row->lane && row->cost->time_ms >= row->lane->memo.start_ms &&
           row->cost->time_ms < row->lane->memo.end_ms;
}

typedef int scan_fn(void *ctx, const scan_row *row, tally_error *err);

/* ---- filter_days.c: calendars are numbered as in scan_row ---- */

typedef struct filter_period {
    int64_t start_ms, end_ms; /* without a period, all time */
} filter_period;
uint32_t filter_calendar(const tally_filter *f, tally_span client);
filter_period filter_days(const tally_filter *f, uint32_t calendar);

/* ---- filter_match.c ---- */

bool filter_session(const tally_filter *f, const scan_session *s);
/* Client and project alone: a period is by days that differ. */
bool filter_share(const tally_filter *f, const scan_row *row);
bool filter_model(tally_span wanted, tally_span text);
bool filter_price(const tally_filter *f, const tally_priced *priced);
/* False where the filter asks of sessions or costs what manual time cannot answer. */
bool filter_work(const tally_filter *f);
/* What the filter says of agent, path, branch, session, client, project and tag, for more filters
 * than the scan's own. */
bool scan_row_passes(const tally_filter *f, const scan_row *row);
/* What stands after a path's last slash, final ones not counting. */
tally_span scan_last_component(tally_span path);

/* ---- scan.c ---- */

typedef struct scan scan;
int scan_new(tally_txn *txn, const tally_filter *filter, scan **out, tally_error *err);
void scan_free(scan *s);
int scan_run(scan *s, scan_fn *fn, void *ctx, tally_error *err);
const scan_feed *scan_feed_of(scan *s, uint32_t feed);
/* A cost may come in several rows, and may belong to several groups. */
bool scan_splits(const scan *s);
/* Time spent in a session, by its shares and what of it lies in the period: calls `fn` for each
 * part whose client and project pass the filter. With `days`, the zone of clients that have none of
 * their own, parts end where their client's days do. The other filters are the caller's to ask
 * about. */
typedef int scan_time_fn(void *ctx, const scan_row *row, const tally_engaged *piece,
                         tally_error *err);
int scan_time(scan *s, const tally_engaged *piece, const tally_zone *days, scan_time_fn *fn,
              void *ctx, tally_error *err);
/* What of time the period can hold of a session: [start_ms, end_ms). */
void scan_window_of(scan *s, const scan_session *session, int64_t *start_ms, int64_t *end_ms);
/* Manual time by its shares, as rows without a cost whose session is empty and whose tags are the
 * entry's; the shares of one entry have the same serial. Calls `fn` for those that pass. */
typedef int scan_work_fn(void *ctx, const scan_row *row, const tally_time_entry *entry,
                         int64_t duration_ms, tally_error *err);
int scan_work(scan *s, scan_work_fn *fn, void *ctx, tally_error *err);
/* True when time spent in the session belongs in the figure: all filters pass, and none of them
 * asks about costs. */
bool scan_time_passes(scan *s, const scan_session *session, const scan_feed *feed);
/* Makes `row`, whose session is set, that of share `at`; of what nothing decided, the only one. */
void scan_row_share(scan_row *row, const tally_attribution *said, uint32_t at);
/* The session's joined facts, also for one without costs; NULL when memory ran out. */
scan_session *scan_session_of(scan *s, uint64_t ref);

/* What the shares of a cost are, each array adding up to the cost's own figure. */
typedef struct cost_pieces {
    tally_i128 input[TALLY_MAX_SHARES], plain_output[TALLY_MAX_SHARES], reasoning[TALLY_MAX_SHARES],
        cache_read[TALLY_MAX_SHARES], write_5m[TALLY_MAX_SHARES], write_1h[TALLY_MAX_SHARES],
        pico[TALLY_MAX_SHARES], paid_pico[TALLY_MAX_SHARES];
} cost_pieces;
void cost_divide(const scan_row *row, const tally_attribution *said, cost_pieces *out);
/* Makes `cost` (a copy of the whole) and `row` those of share `i`. */
void cost_take_piece(const cost_pieces *pieces, uint32_t i, tally_cost *cost, scan_row *row);

/* Adds one priced row to sums, and counts its request unless `again`: a share of a cost whose other
 * share is in these sums already. TALLY_EOVERFLOW. */
int sums_add(tally_sums *sums, const scan_row *row, bool again, tally_error *err);
/* Adds what another sum holds of requests, tokens and costs. */
int sums_join(tally_sums *sums, const tally_sums *other, tally_error *err);
int sums_add_time(tally_sums *sums, const tally_engaged *piece, tally_error *err);

#endif
