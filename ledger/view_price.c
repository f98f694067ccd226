/* The price view: each model's rows by the date they hold from, last writer wins per (model, date).
 * The price book reads them when a model is first asked for and prices costs with them. */
#include "intern.h"
#include "price_book.h"
#include "view_fold.h"

#include <tally/time.h>
#include <tally/view.h>

#include <limits.h>
#include <stdlib.h>

#define PRICE_KEY_BYTES (TALLY_MODEL_MAX_BYTES + 1u + 8u)
#define ROW_HEAD_BYTES  (1u + TALLY_HASH_BYTES) /* set or unset, leaf hash; then the body */
#define DAY_MS          86400000

/* model, 00, date: bytewise order is by model, then by date. */
static size_t price_key(tally_span model, int64_t from_day, uint8_t key[PRICE_KEY_BYTES]) {
    if (model.len == 0 || model.len >= TALLY_MODEL_MAX_BYTES || memchr(model.ptr, 0, model.len))
        return 0;
    memcpy(key, model.ptr, model.len);
    key[model.len] = 0;
    tally_put_be64(key + model.len + 1, (uint64_t)from_day ^ (1ull << 63));
    return model.len + 9;
}

static int register_price(const view_source *source, const tally_record *record, tally_span model,
                          int64_t from_day, bool set, tally_error *err) {
    uint8_t key[PRICE_KEY_BYTES], row[ROW_HEAD_BYTES + TALLY_RECORD_MAX_BYTES];
    size_t len = price_key(model, from_day, key);
    if (len == 0 || record->body.len > TALLY_RECORD_MAX_BYTES) return 0;
    row[0] = set;
    memcpy(row + 1, source->leaf->b, TALLY_HASH_BYTES);
    memcpy(row + ROW_HEAD_BYTES, record->body.ptr, record->body.len);
    size_t used = ROW_HEAD_BYTES + record->body.len;
    if (used > TALLY_RECORD_MAX_BYTES) return 0;
    return view_register_put(source, TABLE_VIEW_PRICES, tally_span_of(key, len), record->hlc,
                             tally_span_of(row, used), err);
}

int view_fold_price_set(const view_source *source, const tally_record *record, tally_error *err) {
    tally_price price;
    if (tally_price_read(record, &price, NULL) != 0) return 0;
    return register_price(source, record, tally_span_str(price.model), price.from_day, true, err);
}

/* price.unset {model, from?}: the row of that date holds no longer; an older one does again. */
int view_fold_price_unset(const view_source *source, const tally_record *record, tally_error *err) {
    tally_span model;
    tally_value from;
    int64_t day = TALLY_PRICE_UNDATED;
    if (!tally_body_str(record, "model", &model)) return 0;
    if (tally_body_get(record, "from", &from) &&
        (from.type != TALLY_VALUE_STR || tally_date_parse(from.bytes, &day) != 0))
        return 0;
    return register_price(source, record, model, day, false, err);
}

/* The price a row holds; false when it was unset or cannot be read. */
static bool row_price(MDB_val value, tally_price *price, tally_hash *leaf) {
    const uint8_t *row = (const uint8_t *)value.mv_data + REGISTER_HEAD_BYTES;
    if (value.mv_size < REGISTER_HEAD_BYTES + ROW_HEAD_BYTES || row[0] != 1) return false;
    memcpy(leaf->b, row + 1, TALLY_HASH_BYTES);
    tally_record record = {.kind = tally_span_str("price.set"),
                           .body =
                               tally_span_of(row + ROW_HEAD_BYTES,
                                             value.mv_size - REGISTER_HEAD_BYTES - ROW_HEAD_BYTES)};
    return tally_price_read(&record, price, NULL) == 0;
}

/* Rows whose key begins with `prefix` (empty: all). */
static int each_price(tally_txn *txn, tally_span prefix, tally_price_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_VIEW_PRICES, &cursor, NULL);
    if (rc != 0) return rc;
    MDB_val k = store_val(prefix), v;
    int mdb = mdb_cursor_get(cursor, &k, &v, prefix.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (mdb == 0 && rc == 0) {
        if (prefix.len > 0 &&
            (k.mv_size < prefix.len || memcmp(k.mv_data, prefix.ptr, prefix.len) != 0))
            break;
        tally_price price;
        tally_hash leaf;
        if (row_price(v, &price, &leaf)) rc = fn(ctx, &price, &leaf);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read prices", NULL);
    return rc;
}

int tally_price_each(tally_txn *txn, tally_price_fn *fn, void *ctx) {
    return each_price(txn, (tally_span){0}, fn, ctx);
}

/* One raw model name and the rows that price it: borrowed ones oldest first, then its own. */
struct price_line {
    uint64_t ref;
    const char *why; /* no rows: why */
    bool regional;   /* the name asks for a region that the borrowed rows' name does not keep */
    size_t borrowed; /* so many of the rows stand under another name of the model */
    size_t count;
    tally_price *rows;
    tally_hash *leaves;       /* of their records */
    int64_t start_ms, end_ms; /* the last cost fell between these, where row `at` is in force */
    size_t at;                /* `count`: none is */
};

struct tally_price_book {
    tally_txn *txn;
    uint16_t currency; /* the only one that sums are made in */
    price_line *last;  /* asked for; costs come in runs of one model */
    index_map index;   /* reference -> model */
    size_t model_count, model_room;
    price_line **models; /* pointers, so that `last` stays where it is */
    bool names_read;
    size_t name_count, name_room;
    tally_span *names; /* distinct models with rows, for the resolver; spans into LMDB */
};

int tally_price_book_new(tally_txn *txn, tally_price_book **out, tally_error *err) {
    tally_price_book *book = calloc(1, sizeof *book);
    if (!book || index_map_init(&book->index) != 0) {
        free(book);
        return tally_fail(err, TALLY_ENOMEM, "no memory for prices");
    }
    book->currency = view_currency_code(tally_span_str(TALLY_COST_CURRENCY));
    book->txn = txn;
    *out = book;
    return 0;
}

void tally_price_book_free(tally_price_book *book) {
    if (!book) return;
    for (size_t i = 0; i < book->model_count; i++) {
        free(book->models[i]->rows);
        free(book->models[i]->leaves);
        free(book->models[i]);
    }
    free(book->models);
    free(book->names);
    index_map_clear(&book->index);
    free(book);
}

static int keep_name(tally_price_book *book, tally_span name) {
    if (book->name_count > 0 && tally_span_eq(book->names[book->name_count - 1], name)) return 0;
    if (book->name_count == book->name_room) {
        size_t room = book->name_room ? book->name_room * 2 : 64;
        tally_span *grown = realloc(book->names, room * sizeof *grown);
        if (!grown) return TALLY_ENOMEM;
        book->names = grown;
        book->name_room = room;
    }
    book->names[book->name_count++] = name;
    return 0;
}

static int read_names(tally_price_book *book) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = store_cursor(book->txn, TABLE_VIEW_PRICES, &cursor, NULL);
    while (rc == 0 && mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
        const uint8_t *zero = memchr(k.mv_data, 0, k.mv_size);
        const uint8_t *row = (const uint8_t *)v.mv_data + REGISTER_HEAD_BYTES;
        if (!zero || v.mv_size <= REGISTER_HEAD_BYTES || row[0] != 1) continue;
        rc = keep_name(book, tally_span_of(k.mv_data, (size_t)(zero - (const uint8_t *)k.mv_data)));
    }
    if (rc == 0) mdb_cursor_close(cursor);
    book->names_read = rc == 0;
    return rc;
}

static int keep_row(void *ctx, const tally_price *price, const tally_hash *leaf) {
    price_line *model = ctx;
    tally_price *grown = realloc(model->rows, (model->count + 1) * sizeof *grown);
    if (!grown) return TALLY_ENOMEM;
    model->rows = grown;
    tally_hash *leaves = realloc(model->leaves, (model->count + 1) * sizeof *leaves);
    if (!leaves) return TALLY_ENOMEM;
    model->leaves = leaves;
    model->leaves[model->count] = *leaf;
    model->rows[model->count++] = *price;
    return 0;
}

static int load_rows(tally_price_book *book, tally_span name, price_line *model) {
    uint8_t prefix[PRICE_KEY_BYTES];
    size_t len = price_key(name, 0, prefix);
    return len == 0 ? 0
                    : each_price(book->txn, tally_span_of(prefix, name.len + 1), keep_row, model);
}

/* The rows of the name that the resolver picks among the others. */
static int borrow_rows(tally_price_book *book, tally_span raw, price_line *model) {
    int rc = book->names_read ? 0 : read_names(book);
    tally_span *others = rc == 0 ? calloc(book->name_count + 1, sizeof *others) : NULL;
    size_t count = 0;
    if (rc == 0 && !others) rc = TALLY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < book->name_count; i++)
        if (!tally_span_eq(book->names[i], raw)) others[count++] = book->names[i];
    int pick = rc == 0 ? tally_model_resolve(raw, others, count) : -1;
    if (pick >= 0) rc = load_rows(book, others[pick], model);
    model->borrowed = model->count;
    model->regional =
        pick >= 0 && tally_model_is_regional(raw) && !tally_model_is_regional(others[pick]);
    free(others);
    return rc;
}

/* Finds the rows of a raw model name: under the name itself, and for the days before the first of
 * them under another: a price set for one spelling today must not take the older one away. */
static int load_model(tally_price_book *book, price_line *model) {
    tally_span raw = tally_string_get(book->txn, model->ref);
    model->why =
        "this model has no price; add one with 'tally prices set' or 'tally prices import'";
    if (raw.len == 0) return 0;
    int rc = load_rows(book, raw, model);
    if (rc == 0 && model->count > 0 && model->rows[0].from_day == TALLY_PRICE_UNDATED) return 0;
    model->count = 0;
    if (rc == 0) rc = borrow_rows(book, raw, model);
    if (rc == 0) rc = load_rows(book, raw, model);
    if (rc == 0) return 0;
    model->count = 0; /* half the rows would be a wrong price */
    model->why = "the prices of this model cannot be read; run 'tally fsck'";
    return rc == TALLY_ENOMEM ? rc : 0;
}

price_line *price_book_line(tally_price_book *book, uint64_t ref) {
    uint32_t *slot = index_map_slot(&book->index, ref);
    if (!slot) return NULL;
    if (*slot != 0) return book->models[*slot - 1];
    if (book->model_count == book->model_room) {
        size_t room = book->model_room ? book->model_room * 2 : 32;
        price_line **grown = realloc(book->models, room * sizeof(price_line *));
        if (!grown) return NULL;
        book->models = grown;
        book->model_room = room;
    }
    price_line *model = calloc(1, sizeof *model);
    if (!model) return NULL;
    model->ref = ref;
    book->models[book->model_count++] = model;
    if (load_model(book, model) != 0) return NULL;
    *slot = (uint32_t)book->model_count;
    return model;
}

/* Which row is in force at `time_ms`: the last one whose date is not later. */
static void find_row(price_line *line, int64_t time_ms) {
    line->start_ms = INT64_MIN;
    line->end_ms = INT64_MAX;
    line->at = line->count;
    for (size_t i = line->count; i-- > 0;) {
        int64_t from_ms = line->rows[i].from_day * DAY_MS;
        if (from_ms <= time_ms) {
            line->start_ms = from_ms;
            line->at = i;
            return;
        }
        if (from_ms < line->end_ms) line->end_ms = from_ms;
    }
}

static const char foreign[] = "its cost is in another currency than " TALLY_COST_CURRENCY;

static void apply_row(const price_line *line, const tally_cost *cost, tally_priced *out) {
    const tally_price *price = &line->rows[line->at];
    const tally_usage *usage = &cost->usage;
    tally_usage in_region;
    out->price = price;
    out->leaf = &line->leaves[line->at];
    out->why = foreign;
    if (memcmp(price->currency, TALLY_COST_CURRENCY, sizeof TALLY_COST_CURRENCY) != 0) return;
    if (line->regional && line->at < line->borrowed) {
        in_region = cost->usage;
        in_region.tier |= TALLY_TIER_US;
        usage = &in_region;
    }
    out->priced = tally_price_apply(price, usage, &out->pico, &out->why) == 0;
}

void price_line_cost(const tally_price_book *book, price_line *line, const tally_cost *cost,
                     tally_priced *out) {
    *out = (tally_priced){0};
    if (cost->source != TALLY_COST_PRICED) {
        out->priced = cost->stated && cost->currency == book->currency;
        if (out->priced)
            out->pico = cost->stated_pico;
        else
            out->why = cost->stated ? foreign : "the import states no cost for it";
        return;
    }
    if (cost->time_ms < line->start_ms || cost->time_ms >= line->end_ms)
        find_row(line, cost->time_ms);
    if (line->at < line->count)
        apply_row(line, cost, out);
    else
        out->why = line->count ? "no price of this model was in force on that day" : line->why;
}

int tally_price_book_cost(tally_price_book *book, const tally_cost *cost, tally_priced *out,
                          tally_error *err) {
    price_line *line = book->last;
    *out = (tally_priced){0};
    if (!line || line->ref != cost->model) line = book->last = price_book_line(book, cost->model);
    if (!line) return tally_fail(err, TALLY_ENOMEM, "no memory for prices");
    price_line_cost(book, line, cost, out);
    return 0;
}
