/* The cost view: one fixed-size row per API response, by day and time, counted once however often
 * it was recorded. Also voids, which take an entry out. Prices are applied while reading
 * (view_price.c). */
#include "feed_tail.h"
#include "view_fold.h"
#include "view_gather.h"

#include <tally/view.h>

#include <assert.h>

#define DAY_MS    86400000
#define ROW_BYTES VIEW_ROW_BYTES

/* Offsets in a row. Time first and big-endian, so that a day's rows stand in time order; then the
 * unique entry id. */
enum row_at {
    AT_TIME = VIEW_ROW_TIME_AT,
    AT_ID = VIEW_ROW_ID_AT,
    AT_SESSION = 24,
    AT_MODEL = 32,
    AT_INPUT = 40,
    AT_OUTPUT = 48,
    AT_CACHE_READ = 56,
    AT_WRITE_5M = 64,
    AT_WRITE_1H = 72,
    AT_REASONING = 80,
    AT_STATED = 88,
    AT_FEED = VIEW_ROW_FEED_AT,
    AT_SEARCHES = 100,
    AT_TIER = 104,
    AT_SOURCE = 108,
    AT_HAS_STATED = 109,
    AT_CURRENCY = 110
};

#define ENTRY_BYTES VIEW_ENTRY_BYTES

void tally_entry_id_of(tally_span agent, tally_span key, tally_entry_id *out) {
    static const uint8_t domain[] = {'c', 'o', 's', 't', 0}, zero[] = {0};
    tally_span parts[] = {tally_span_of(domain, sizeof domain), agent, tally_span_of(zero, 1), key};
    tally_hash hash;
    tally_sha256_parts(parts, 4, &hash);
    memcpy(out->b, hash.b, TALLY_ENTRY_BYTES);
}

static void row_encode(const tally_cost *cost, uint8_t row[ROW_BYTES]) {
    memset(row, 0, ROW_BYTES);
    tally_put_be64(row + AT_TIME, (uint64_t)cost->time_ms);
    memcpy(row + AT_ID, cost->id.b, TALLY_ENTRY_BYTES);
    tally_put_be64(row + AT_SESSION, cost->session);
    tally_put_be64(row + AT_MODEL, cost->model);
    tally_put_be64(row + AT_INPUT, cost->usage.input);
    tally_put_be64(row + AT_OUTPUT, cost->usage.output);
    tally_put_be64(row + AT_CACHE_READ, cost->usage.cache_read);
    tally_put_be64(row + AT_WRITE_5M, cost->usage.cache_write_5m);
    tally_put_be64(row + AT_WRITE_1H, cost->usage.cache_write_1h);
    tally_put_be64(row + AT_REASONING, cost->reasoning);
    tally_put_be64(row + AT_STATED, (uint64_t)cost->stated_pico);
    tally_put_be32(row + AT_FEED, cost->feed);
    tally_put_be32(row + AT_SEARCHES, (uint32_t)cost->usage.web_searches);
    tally_put_be32(row + AT_TIER, cost->usage.tier);
    row[AT_SOURCE] = (uint8_t)cost->source;
    row[AT_HAS_STATED] = cost->stated;
    row[AT_CURRENCY] = (uint8_t)(cost->currency >> 8);
    row[AT_CURRENCY + 1] = (uint8_t)cost->currency;
}

static inline uint64_t load64(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static void row_decode(const uint8_t *row, tally_cost *cost) {
    cost->time_ms = (int64_t)load64(row + AT_TIME);
    memcpy(cost->id.b, row + AT_ID, TALLY_ENTRY_BYTES);
    cost->session = load64(row + AT_SESSION);
    cost->model = load64(row + AT_MODEL);
    cost->usage.input = load64(row + AT_INPUT);
    cost->usage.output = load64(row + AT_OUTPUT);
    cost->usage.cache_read = load64(row + AT_CACHE_READ);
    cost->usage.cache_write_5m = load64(row + AT_WRITE_5M);
    cost->usage.cache_write_1h = load64(row + AT_WRITE_1H);
    cost->reasoning = load64(row + AT_REASONING);
    cost->stated_pico = (int64_t)load64(row + AT_STATED);
    cost->feed = tally_get_be32(row + AT_FEED);
    cost->usage.web_searches = tally_get_be32(row + AT_SEARCHES);
    cost->usage.tier = tally_get_be32(row + AT_TIER);
    cost->source = (tally_cost_source)row[AT_SOURCE];
    cost->stated = row[AT_HAS_STATED] != 0;
    cost->currency = (uint16_t)(row[AT_CURRENCY] << 8 | row[AT_CURRENCY + 1]);
}

static void day_key(uint64_t time_ms, uint8_t key[4]) {
    tally_put_be32(key, (uint32_t)(time_ms / DAY_MS));
}

/* Fields of a cost body, in the order of their keys. */
typedef enum cost_field {
    COST_AGENT,
    COST_CACHE_READ,
    COST_WRITE_1H,
    COST_WRITE_5M,
    COST_CURRENCY,
    COST_ENTRY,
    COST_GEO,
    COST_INPUT,
    COST_KEY,
    COST_MODEL,
    COST_OUTPUT,
    COST_REASONING,
    COST_SERVICE,
    COST_SESSION,
    COST_SOURCE,
    COST_SPEED,
    COST_STATED,
    COST_TIME,
    COST_SEARCHES,
    COST_FIELDS
} cost_field;

#define KEY(text)                                                                                  \
    { (const uint8_t *)(text), sizeof(text) - 1 }
static const tally_span cost_keys[COST_FIELDS] = {KEY("agent"),
                                                  KEY("cache_read"),
                                                  KEY("cache_write_1h"),
                                                  KEY("cache_write_5m"),
                                                  KEY("currency"),
                                                  KEY("entry"),
                                                  KEY("geo"),
                                                  KEY("input"),
                                                  KEY("key"),
                                                  KEY("model"),
                                                  KEY("output"),
                                                  KEY("reasoning"),
                                                  KEY("service"),
                                                  KEY("session"),
                                                  KEY("source"),
                                                  KEY("speed"),
                                                  KEY("stated"),
                                                  KEY("time"),
                                                  KEY("web_searches")};
#undef KEY

/* One walk over the body: its keys are sorted, and so are ours. A cost is read on every append and
 * every rebuild, where looking up each field for itself was a fifth of the work. An absent field is
 * nil. */
static void cost_fields(const tally_record *record, tally_value fields[COST_FIELDS]) {
    tally_cursor cursor = tally_cursor_of_body(record);
    tally_value name, value;
    size_t at = 0;
    for (size_t i = 0; i < COST_FIELDS; i++)
        fields[i] = (tally_value){.type = TALLY_VALUE_NIL};
    while (at < COST_FIELDS && tally_cursor_next(&cursor, &name) &&
           tally_cursor_next(&cursor, &value)) {
        int order = -1;
        while (at < COST_FIELDS && (order = tally_span_cmp(cost_keys[at], name.bytes)) < 0)
            at++;
        if (at < COST_FIELDS && order == 0) fields[at++] = value;
    }
}

static bool take_str(const tally_value *value, tally_span *out) {
    if (value->type != TALLY_VALUE_STR) return false;
    *out = value->bytes;
    return true;
}

static uint64_t number_or_zero(const tally_value *value) {
    return value->type == TALLY_VALUE_UINT ? value->as.uint : 0;
}

static bool take_i64(const tally_value *value, int64_t *out) {
    bool fits = value->type == TALLY_VALUE_UINT && value->as.uint <= INT64_MAX;
    if (fits) *out = (int64_t)value->as.uint;
    if (value->type == TALLY_VALUE_INT) *out = value->as.integer;
    return fits || value->type == TALLY_VALUE_INT;
}

static uint32_t tier_of(const tally_value fields[COST_FIELDS]) {
    static const struct {
        cost_field field;
        const char *value;
        uint32_t tier;
    } marks[] = {{COST_SPEED, "fast", TALLY_TIER_FAST},
                 {COST_GEO, "us", TALLY_TIER_US},
                 {COST_SERVICE, "batch", TALLY_TIER_BATCH},
                 {COST_SERVICE, "priority", TALLY_TIER_PRIORITY},
                 {COST_SERVICE, "flex", TALLY_TIER_FLEX}};
    uint32_t tier = 0;
    tally_span text;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (take_str(&fields[marks[i].field], &text) && tally_span_is(text, marks[i].value))
            tier |= marks[i].tier;
    return tier;
}

uint16_t view_currency_code(tally_span code) {
    uint32_t packed = 0;
    if (code.len != 3) return 0;
    for (size_t i = 0; i < code.len; i++) {
        if (code.ptr[i] < 'A' || code.ptr[i] > 'Z') return 0;
        packed = packed * 26 + (uint32_t)(code.ptr[i] - 'A');
    }
    return (uint16_t)(packed + 1);
}

/* What a cost states is in `currency`; agents, whose logs name none, state US dollars. */
static void read_source(const tally_value fields[COST_FIELDS], tally_cost *cost) {
    tally_span source = {0}, currency = tally_span_str("USD");
    (void)take_str(&fields[COST_SOURCE], &source);
    (void)take_str(&fields[COST_CURRENCY], &currency);
    if (tally_span_is(source, "reported")) cost->source = TALLY_COST_REPORTED;
    if (tally_span_is(source, "imported")) cost->source = TALLY_COST_IMPORTED;
    cost->stated =
        cost->source != TALLY_COST_PRICED && take_i64(&fields[COST_STATED], &cost->stated_pico);
    if (cost->source == TALLY_COST_REPORTED && !cost->stated) cost->source = TALLY_COST_PRICED;
    if (cost->stated) cost->currency = view_currency_code(currency);
}

typedef struct cost_texts {
    tally_span agent, session, model;
} cost_texts;

/* Reads a cost body; false when it is not one: the record stays, the view passes it over. The
 * references of `texts` are left to the caller. */
static bool cost_read(const tally_record *record, tally_cost *cost, cost_texts *texts) {
    tally_span key;
    tally_value fields[COST_FIELDS];
    *cost = (tally_cost){0};
    cost_fields(record, fields);
    const tally_value *time = &fields[COST_TIME], *entry = &fields[COST_ENTRY];
    if (!take_str(&fields[COST_AGENT], &texts->agent) || !take_str(&fields[COST_KEY], &key) ||
        !take_str(&fields[COST_SESSION], &texts->session) ||
        !take_str(&fields[COST_MODEL], &texts->model) || time->type != TALLY_VALUE_UINT ||
        time->as.uint / DAY_MS > UINT32_MAX)
        return false;
    cost->time_ms = (int64_t)time->as.uint;
    read_source(fields, cost);
    /* Only an import may say whose entry it is: what was observed is named by its own key. */
    if (cost->source == TALLY_COST_IMPORTED && entry->type == TALLY_VALUE_BIN &&
        entry->bytes.len == TALLY_ENTRY_BYTES)
        memcpy(cost->id.b, entry->bytes.ptr, TALLY_ENTRY_BYTES);
    else
        tally_entry_id_of(texts->agent, key, &cost->id);
    cost->usage.input = number_or_zero(&fields[COST_INPUT]);
    cost->usage.output = number_or_zero(&fields[COST_OUTPUT]);
    cost->usage.cache_read = number_or_zero(&fields[COST_CACHE_READ]);
    cost->usage.cache_write_5m = number_or_zero(&fields[COST_WRITE_5M]);
    cost->usage.cache_write_1h = number_or_zero(&fields[COST_WRITE_1H]);
    cost->reasoning = number_or_zero(&fields[COST_REASONING]);
    cost->usage.web_searches = number_or_zero(&fields[COST_SEARCHES]);
    cost->usage.tier = tier_of(fields);
    return cost->usage.web_searches <= UINT32_MAX;
}

/* Reads the record that now counts for an entry. */
static int read_winner(tally_txn *txn, tally_span entry, tally_record *record, tally_cost *cost,
                       tally_device_id *device, tally_error *err) {
    if (entry.len != ENTRY_BYTES) return tally_fail(err, TALLY_ECORRUPT, "a view row is damaged");
    uint32_t feed = tally_get_be32(entry.ptr + VIEW_ENTRY_FEED_AT);
    tally_span bytes;
    cost_texts texts;
    int rc = tally_record_get(txn, feed, tally_get_be64(entry.ptr + 12), &bytes, err);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, TALLY_ECORRUPT,
                          "a view names a record that is missing; run 'tally fsck'");
    if (rc == 0) rc = tally_record_parse(bytes, record, err);
    if (rc != 0) return rc;
    if (!cost_read(record, cost, &texts))
        return tally_fail(err, TALLY_ECORRUPT,
                          "a view names a record that is no cost; run 'tally rebuild'");
    cost->session = tally_session_ref(texts.agent, texts.session);
    cost->model = tally_string_ref(texts.model);
    cost->feed = feed;
    return device ? view_feed_device(txn, feed, device, err) : 0;
}

int view_cost_recent(tally_txn *txn, uint64_t index, gathered_cost *out, tally_error *err) {
    uint8_t entry[ENTRY_BYTES] = {0}; /* feed 0 */
    tally_record record;
    tally_cost cost;
    tally_put_be64(entry + 12, index);
    int rc = read_winner(txn, tally_span_of(entry, sizeof entry), &record, &cost, NULL, err);
    if (rc != 0) return rc;
    row_encode(&cost, out->row);
    out->index = index;
    out->hlc = record.hlc;
    return 0;
}

bool view_cost_void(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES]) {
    tally_span state;
    return view_register_get(txn, TABLE_VIEW_VOIDS, tally_span_of(id, VIEW_ID_BYTES), NULL,
                             &state) == 0 &&
           state.len == 1 && state.ptr[0] == 1;
}

void view_cost_day(const uint8_t row[VIEW_ROW_BYTES], uint8_t day[VIEW_DAY_BYTES]) {
    day_key(load64(row + AT_TIME), day);
}

/* Puts a row into the table or takes it out. */
static int row_set(tally_txn *txn, const tally_cost *cost, bool there, tally_error *err) {
    uint8_t day[VIEW_DAY_BYTES], row[ROW_BYTES];
    row_encode(cost, row);
    view_cost_day(row, day);
    tally_span key = tally_span_of(day, sizeof day), value = tally_span_of(row, sizeof row);
    return there ? store_put(txn, TABLE_VIEW_COSTS, key, value, 0, err)
                 : store_del(txn, TABLE_VIEW_COSTS, key, &value, err);
}

/* Of several records of one response one that was observed counts before one that was imported,
 * then the one with the most output (a snapshot taken later), then the one recorded first, then the
 * smaller device key: the same choice whatever the order of arrival. */
static bool better(const tally_cost *a, tally_hlc a_hlc, const tally_device_id *a_device,
                   const tally_cost *b, tally_hlc b_hlc, const tally_device_id *b_device) {
    bool a_seen = a->source != TALLY_COST_IMPORTED, b_seen = b->source != TALLY_COST_IMPORTED;
    if (a_seen != b_seen) return a_seen;
    if (a->usage.output != b->usage.output) return a->usage.output > b->usage.output;
    if (a_hlc != b_hlc) return a_hlc < b_hlc;
    return memcmp(a_device->b, b_device->b, TALLY_PUBLIC_KEY_BYTES) < 0;
}

bool tally_cost_is_void(tally_txn *txn, const tally_entry_id *id) {
    return view_cost_void(txn, id->b);
}

int view_cost_contend(tally_txn *txn, const gathered_cost *cost, const uint8_t entry[ENTRY_BYTES],
                      bool *wins, tally_error *err) {
    tally_cost ours, held;
    tally_record held_record;
    tally_device_id device, held_device;
    row_decode(cost->row, &ours);
    int rc =
        read_winner(txn, tally_span_of(entry, ENTRY_BYTES), &held_record, &held, &held_device, err);
    if (rc == 0) rc = view_feed_device(txn, ours.feed, &device, err);
    if (rc != 0) return rc;
    *wins = better(&ours, cost->hlc, &device, &held, held_record.hlc, &held_device);
    return *wins ? row_set(txn, &held, false, err) : 0;
}

/* Whether a cost counts instead of the one that was gathered for the same entry. */
static int beats(const view_source *source, const tally_cost *cost, tally_hlc hlc,
                 const gathered_cost *held, bool *out, tally_error *err) {
    tally_cost other;
    tally_device_id device;
    row_decode(held->row, &other);
    int rc = view_feed_device(source->txn, other.feed, &device, err);
    *out = rc == 0 && better(cost, hlc, source->device, &other, held->hlc, &device);
    return rc;
}

/* The references, and the model's name stored under its own. */
static int refer(tally_txn *txn, const cost_texts *texts, tally_cost *cost, tally_error *err) {
    view_texts *known = view_gather_texts(txn, err);
    if (!known) return TALLY_ENOMEM;
    if (!view_memo_find(&known->sessions, texts->agent, texts->session, &cost->session)) {
        cost->session = tally_session_ref(texts->agent, texts->session);
        view_memo_note(&known->sessions, texts->agent, texts->session, cost->session);
    }
    if (view_memo_find(&known->models, (tally_span){0}, texts->model, &cost->model)) return 0;
    int rc = view_string_put(txn, texts->model, &cost->model, err);
    if (rc == 0) view_memo_note(&known->models, (tally_span){0}, texts->model, cost->model);
    return rc;
}

int view_fold_cost(const view_source *source, const tally_record *record, tally_error *err) {
    tally_txn *txn = source->txn;
    tally_cost cost;
    cost_texts texts;
    gathered_cost *place;
    bool held, wins = true;
    if (!cost_read(record, &cost, &texts)) return 0;
    cost.feed = source->feed;
    int rc = refer(txn, &texts, &cost, err);
    if (rc == 0) rc = view_gather_cost(txn, cost.id.b, &place, &held, err);
    if (rc == 0 && held) rc = beats(source, &cost, record->hlc, place, &wins, err);
    if (rc != 0 || !wins) return rc;
    row_encode(&cost, place->row);
    place->index = source->index;
    place->hlc = record->hlc;
    return 0;
}

/* void {entry, reason} takes an entry out of every figure; void {entry, undo: true} brings it back.
 * A cost that is gathered, or comes later, looks at the register itself. */
int view_fold_void(const view_source *source, const tally_record *record, tally_error *err) {
    tally_txn *txn = source->txn;
    const uint8_t *id;
    if (!tally_body_bin(record, "entry", TALLY_ENTRY_BYTES, &id)) return 0;
    tally_span key = tally_span_of(id, TALLY_ENTRY_BYTES), entry;
    uint8_t state = tally_body_true(record, "undo") ? 0 : 1;
    int rc = view_register_put(source, TABLE_VIEW_VOIDS, key, record->hlc, tally_span_of(&state, 1),
                               err);
    if (rc == 0) rc = store_get(txn, TABLE_VIEW_ENTRIES, key, &entry, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    tally_record winner;
    tally_cost cost;
    rc = read_winner(txn, entry, &winner, &cost, NULL, err);
    return rc != 0 ? rc : row_set(txn, &cost, !view_cost_void(txn, id), err);
}

/* Costs in order of time: those of the table, and between them those that wait for it. */
typedef struct cost_walk {
    int64_t start_ms, end_ms;
    int64_t due_ms; /* the time of the next that waits */
    size_t count, next;
    gathered_row waiting[FEED_TAIL_COSTS];
    tally_cost_fn *fn;
    void *ctx;
} cost_walk;

static void next_waiting(cost_walk *w) {
    w->due_ms =
        w->next < w->count ? (int64_t)load64(w->waiting[w->next].value + AT_TIME) : INT64_MAX;
}

static int give_row(const cost_walk *w, const uint8_t *row) {
    tally_cost cost;
    int64_t time_ms = (int64_t)load64(row + AT_TIME);
    if (time_ms < w->start_ms || time_ms >= w->end_ms) return 0;
    row_decode(row, &cost);
    return w->fn(w->ctx, &cost);
}

/* Those that wait and come before this row of the table; all that are left before NULL. */
static int give_waiting(cost_walk *w, const uint8_t *row) {
    int rc = 0;
    while (rc == 0 && w->next < w->count &&
           (!row || memcmp(w->waiting[w->next].value, row, ROW_BYTES) < 0)) {
        rc = give_row(w, w->waiting[w->next++].value);
        next_waiting(w);
    }
    return rc;
}

/* The rows of one day that stand at the cursor, a page of them at a time. */
static int each_of_day(cost_walk *w, MDB_cursor *cursor, MDB_val page) {
    MDB_val key;
    tally_cost cost;
    int mdb = 0;
    while (mdb == 0) {
        const uint8_t *row = page.mv_data, *end = row + page.mv_size;
        for (; end - row >= (ptrdiff_t)ROW_BYTES; row += ROW_BYTES) {
            int64_t time_ms = (int64_t)load64(row + AT_TIME);
            if (time_ms < w->start_ms) continue;
            if (time_ms >= w->end_ms) return 0;
            int rc = time_ms >= w->due_ms ? give_waiting(w, row) : 0;
            if (rc != 0) return rc;
            row_decode(row, &cost);
            rc = w->fn(w->ctx, &cost);
            if (rc != 0) return rc;
        }
        mdb = mdb_cursor_get(cursor, &key, &page, MDB_NEXT_MULTIPLE);
    }
    return mdb == MDB_NOTFOUND ? 0 : TALLY_EIO;
}

static int each_of_table(cost_walk *w, tally_txn *txn, MDB_cursor *cursor) {
    uint8_t first[4];
    int rc = 0;
    day_key(w->start_ms > 0 ? (uint64_t)w->start_ms : 0, first);
    MDB_val key = {sizeof first, first}, value;
    int mdb = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (mdb == 0 && rc == 0) {
        if (key.mv_size != 4 || (int64_t)tally_get_be32(key.mv_data) * DAY_MS >= w->end_ms) break;
        mdb = mdb_cursor_get(cursor, &key, &value, MDB_GET_MULTIPLE);
        if (mdb == 0) rc = each_of_day(w, cursor, value);
        if (mdb == 0 && rc == 0) mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT_NODUP);
    }
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read costs", NULL);
    return rc;
}

int tally_cost_each(tally_txn *txn, int64_t start_ms, int64_t end_ms, tally_cost_fn *fn,
                    void *ctx) {
    MDB_cursor *cursor;
    cost_walk w = {.start_ms = start_ms, .end_ms = end_ms, .fn = fn, .ctx = ctx};
    int rc = view_gather_flush(txn, NULL);
    if (rc == 0) rc = view_gather_rows(txn, TABLE_VIEW_COSTS, w.waiting, &w.count, NULL);
    next_waiting(&w);
    if (rc == 0) rc = store_cursor(txn, TABLE_VIEW_COSTS, &cursor, NULL);
    if (rc != 0) return rc;
    rc = each_of_table(&w, txn, cursor);
    mdb_cursor_close(cursor);
    return rc != 0 ? rc : give_waiting(&w, NULL);
}

/* Writing what is gathered for one entry would write it all: it is only done when the table has
 * another record of that entry, so that both must be compared. */
int tally_cost_get(tally_txn *txn, const tally_entry_id *id, tally_cost *out, uint64_t *index) {
    tally_span entry, key = tally_span_of(id->b, TALLY_ENTRY_BYTES);
    tally_record record;
    int rc = view_gather_meet(txn, id->b, NULL);
    if (rc != 0) return rc;
    const gathered_cost *gathered = view_gather_find(txn, id->b);
    rc = store_get(txn, TABLE_VIEW_ENTRIES, key, &entry, NULL);
    if (rc == TALLY_ENOTFOUND && gathered) {
        row_decode(gathered->row, out);
        if (index) *index = gathered->index;
        return 0;
    }
    if (rc == 0 && gathered) rc = view_gather_flush(txn, NULL);
    if (rc == 0 && gathered) rc = store_get(txn, TABLE_VIEW_ENTRIES, key, &entry, NULL);
    if (rc == 0) rc = read_winner(txn, entry, &record, out, NULL, NULL);
    if (rc != 0) return rc;
    if (index) *index = tally_get_be64(entry.ptr + 12);
    return 0;
}
