/* Costs: one record a response, however often its lines were read; sidechain replays of main lines
 * count for nothing (agent-logs 3.6 rule 2). And the prices a model needs, before its first cost.
 */
#include "record_events.h"

#include <stdlib.h>

#define SIDE_MAX_ENTRIES 8u /* of one message: the response and its extra iterations */

/* ---- prices ---- */

/* Marks the shipped rows that the ledger holds already, and those that would take over from a price
 * that a person set: theirs holds until they set another. */
typedef struct held_rows {
    const tally_price *rows;
    size_t count;
    bool *held;
} held_rows;

static int mark_held(void *ctx, const tally_price *price, const tally_hash *leaf) {
    held_rows *shipped = ctx;
    (void)leaf;
    bool typed = strcmp(price->source, TALLY_PRICE_TYPED) == 0;
    for (size_t i = 0; i < shipped->count; i++) {
        const tally_price *row = &shipped->rows[i];
        bool covered =
            row->from_day == price->from_day || (typed && row->from_day > price->from_day);
        if (covered && strcmp(row->model, price->model) == 0) shipped->held[i] = true;
    }
    return 0;
}

/* Once a ledger and device: a price that people took out does not come back. */
static int append_price(capture_recorder *recorder, tally_txn *txn, const tally_price *price,
                        tally_error *err) {
    uint8_t id[CAPTURE_ID_BYTES], day[8], scratch[TALLY_PRICE_SCRATCH_BYTES];
    tally_span noted;
    tally_put_be64(day, (uint64_t)price->from_day);
    const tally_span parts[] = {tally_span_str("price"), tally_span_of(day, sizeof day),
                                tally_span_str(price->model)};
    record_alias_id(parts, 3, id);
    if (record_alias_get(recorder, txn, id, &noted) == 0) return 0;
    tally_writer_begin(recorder->writer);
    tally_price_put(recorder->writer, price, scratch, sizeof scratch);
    int rc = tally_append(txn, "price.set", recorder->writer, NULL, err);
    return rc ? rc : record_alias_put(recorder, txn, id, tally_span_of("\1", 1), err);
}

static int adopt_prices(capture_recorder *recorder, tally_txn *txn, tally_span model,
                        tally_error *err) {
    uint8_t id[CAPTURE_ID_BYTES] = {0};
    tally_put_be64(id, tally_string_ref(model));
    if (recorder->dry_run || capture_idmap_get(&recorder->models, id, NULL)) return 0;
    if (capture_idmap_put(&recorder->models, id, 0))
        return tally_fail(err, TALLY_ENOMEM, "no memory for the models in use");
    tally_price *rows = NULL;
    held_rows shipped = {0};
    int rc = tally_price_shipped(model, &rows, &shipped.count, err);
    if (rc || shipped.count == 0) goto out;
    shipped.rows = rows;
    shipped.held = calloc(shipped.count, sizeof *shipped.held);
    if (!shipped.held) {
        rc = tally_fail(err, TALLY_ENOMEM, "no memory for prices");
        goto out;
    }
    rc = tally_price_each(txn, mark_held, &shipped);
    if (rc) rc = tally_fail(err, rc, "cannot read the prices of the ledger; run 'tally fsck'");
    for (size_t i = 0; i < shipped.count && !rc; i++)
        if (!shipped.held[i]) rc = append_price(recorder, txn, &rows[i], err);
out:
    free(shipped.held);
    free(rows);
    return rc;
}

/* ---- costs ---- */

/* Notes on messages of one session stand side by side, so that a commit touches few pages. */
static void message_alias(const char *what, const batch_cost *cost, uint8_t id[CAPTURE_ID_BYTES]) {
    const tally_span parts[] = {tally_span_str(what), cost->session->id, cost->seen.message};
    record_alias_id(parts, 3, id);
    memmove(id + 8, id, 8);
    tally_put_be64(id, cost->session->ref);
}

static const char *service_of(uint32_t tier) {
    if (tier & TALLY_TIER_PRIORITY) return "priority";
    if (tier & TALLY_TIER_FLEX) return "flex";
    return tier & TALLY_TIER_BATCH ? "batch" : NULL;
}

static int append_cost(capture_recorder *recorder, tally_txn *txn, const batch_cost *cost,
                       tally_error *err) {
    const capture_cost *seen = &cost->seen;
    const tally_usage *usage = &seen->usage;
    int rc = adopt_prices(recorder, txn, seen->model, err);
    if (rc || recorder->dry_run) return rc;
    tally_writer *writer = recorder->writer;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", tally_span_str(cost->session->agent));
    tally_put_str(writer, "key", seen->key);
    tally_put_str(writer, "session", seen->session);
    tally_put_i64(writer, "time", seen->time_ms);
    tally_put_str(writer, "model", seen->model);
    tally_put_u64(writer, "input", usage->input);
    tally_put_u64(writer, "output", usage->output);
    tally_put_u64(writer, "cache_read", usage->cache_read);
    tally_put_u64_opt(writer, "cache_write_5m", usage->cache_write_5m);
    tally_put_u64_opt(writer, "cache_write_1h", usage->cache_write_1h);
    tally_put_u64_opt(writer, "reasoning", seen->reasoning);
    tally_put_u64_opt(writer, "web_searches", usage->web_searches);
    if (usage->tier & TALLY_TIER_FAST) tally_put_str(writer, "speed", tally_span_str("fast"));
    if (usage->tier & TALLY_TIER_US) tally_put_str(writer, "geo", tally_span_str("us"));
    tally_put_str_opt(writer, "service", tally_span_str(service_of(usage->tier)));
    tally_put_str_opt(writer, "subagent", seen->subagent);
    if (seen->has_reported) {
        tally_put_str(writer, "source", tally_span_str("reported"));
        tally_put_i64(writer, "stated", seen->reported_pico);
    }
    return tally_append(txn, "cost", writer, NULL, err);
}

/* The output of the entry as recorded so far, and whether that was observed or only imported;
 * TALLY_ENOTFOUND for a new one. */
static int recorded_output(const capture_recorder *recorder, tally_txn *txn,
                           const tally_entry_id *id, uint64_t *output, bool *observed) {
    *observed = true;
    if (recorder->dry_run && capture_idmap_get(&recorder->seen, id->b, output)) return 0;
    tally_cost held;
    uint64_t index;
    int rc = tally_cost_get(txn, id, &held, &index);
    if (rc != 0) return rc;
    *output = held.usage.output;
    *observed = held.source != TALLY_COST_IMPORTED;
    return 0;
}

static int append_void(capture_recorder *recorder, tally_txn *txn, tally_span entry,
                       tally_error *err) {
    if (recorder->dry_run) return 0;
    tally_writer_begin(recorder->writer);
    tally_put_bin(recorder->writer, "entry", entry);
    tally_put_str(recorder->writer, "reason", tally_span_str("sidechain replay"));
    return tally_append(txn, "void", recorder->writer, NULL, err);
}

/* The first main line of a message: sidechain responses of it that were recorded before are voided.
 */
static int note_main(capture_recorder *recorder, tally_txn *txn, const batch_cost *cost,
                     const uint8_t main_id[CAPTURE_ID_BYTES], tally_error *err) {
    uint8_t side_id[CAPTURE_ID_BYTES], entries[SIDE_MAX_ENTRIES * TALLY_ENTRY_BYTES];
    tally_span held;
    message_alias("claude-side", cost, side_id);
    int rc = record_alias_get(recorder, txn, side_id, &held);
    if (rc && rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "cannot read the notes on sidechain responses");
    size_t len = rc ? 0 : held.len - held.len % TALLY_ENTRY_BYTES;
    if (len > sizeof entries) len = sizeof entries;
    if (len) memcpy(entries, held.ptr, len);
    rc = record_alias_put(recorder, txn, main_id, tally_span_of("\1", 1), err);
    for (size_t at = 0; at < len && !rc; at += TALLY_ENTRY_BYTES)
        if (memcmp(entries + at, cost->id.b, TALLY_ENTRY_BYTES) != 0)
            rc = append_void(recorder, txn, tally_span_of(entries + at, TALLY_ENTRY_BYTES), err);
    return rc;
}

static int note_side(capture_recorder *recorder, tally_txn *txn, const batch_cost *cost,
                     tally_error *err) {
    uint8_t id[CAPTURE_ID_BYTES], entries[SIDE_MAX_ENTRIES * TALLY_ENTRY_BYTES];
    tally_span held = {0};
    message_alias("claude-side", cost, id);
    int rc = record_alias_get(recorder, txn, id, &held);
    if (rc && rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "cannot read the notes on sidechain responses");
    size_t len = rc ? 0 : held.len;
    if (len + TALLY_ENTRY_BYTES > sizeof entries) return 0;
    if (len) memcpy(entries, held.ptr, len);
    memcpy(entries + len, cost->id.b, TALLY_ENTRY_BYTES);
    return record_alias_put(recorder, txn, id, tally_span_of(entries, len + TALLY_ENTRY_BYTES),
                            err);
}

int record_cost(capture_recorder *recorder, tally_txn *txn, const batch_cost *cost,
                tally_error *err) {
    const capture_cost *seen = &cost->seen;
    uint8_t main_id[CAPTURE_ID_BYTES];
    tally_span held;
    bool main_seen = false;
    if (seen->message.len) {
        message_alias("claude-main", cost, main_id);
        main_seen = record_alias_get(recorder, txn, main_id, &held) == 0;
        if (seen->sidechain && main_seen) return 0;
    }
    uint64_t output = 0;
    bool observed = true;
    int rc = recorded_output(recorder, txn, &cost->id, &output, &observed);
    if (rc && rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "cannot look up a cost; run 'tally fsck'");
    bool is_new = rc == TALLY_ENOTFOUND;
    bool append = is_new || !observed || output < seen->usage.output;
    rc = append ? append_cost(recorder, txn, cost, err) : 0;
    if (rc) return rc;
    recorder->counts.costs += is_new;
    if (append && recorder->dry_run &&
        capture_idmap_put(&recorder->seen, cost->id.b, seen->usage.output))
        return tally_fail(err, TALLY_ENOMEM, "no memory for what a dry run remembers");
    if (seen->message.len == 0) return 0;
    if (seen->sidechain) return is_new ? note_side(recorder, txn, cost, err) : 0;
    return main_seen ? 0 : note_main(recorder, txn, cost, main_id, err);
}
