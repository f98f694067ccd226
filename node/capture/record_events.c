/* The order in which a batch is recorded: sessions, then costs, then activity, then cursors; and
 * the local notes that the parts share. */
#include "record_events.h"

#include <assert.h>

#define ALIAS_MAX_PARTS 4u

int capture_recorder_init(capture_recorder *recorder, bool dry_run, tally_error *err) {
    *recorder = (capture_recorder){.dry_run = dry_run};
    return tally_writer_new(&recorder->writer, err);
}

void capture_recorder_clear(capture_recorder *recorder) {
    tally_writer_free(recorder->writer);
    capture_idmap_clear(&recorder->models);
    capture_idmap_clear(&recorder->seen);
    capture_arena_clear(&recorder->scratch);
    *recorder = (capture_recorder){0};
}

void capture_recorder_settle(capture_recorder *recorder) {
    recorder->unsettled = false;
}

static int put_cursors(tally_txn *txn, const capture_batch *batch, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < batch->cursor_count && !rc; i++)
        rc = tally_local_put(txn, TALLY_LOCAL_CURSORS,
                             tally_span_of(batch->cursors[i].key, CAPTURE_ID_BYTES),
                             batch->cursors[i].value, err);
    return rc;
}

int capture_record(capture_recorder *recorder, tally_txn *txn, const capture_batch *batch,
                   tally_error *err) {
    /* A transaction that was thrown away took the prices with it that were recorded in it. */
    if (recorder->unsettled) capture_idmap_clear(&recorder->models);
    recorder->unsettled = true;
    recorder->counts = (capture_counts){0};
    int rc = 0;
    for (const batch_session *s = batch->first; s && !rc; s = s->next)
        if (s->described) rc = record_session(recorder, txn, s, err);
    for (size_t i = 0; i < batch->cost_count && !rc; i++)
        rc = record_cost(recorder, txn, &batch->costs[i], err);
    for (const batch_session *s = batch->first; s && !rc; s = s->next)
        if (s->human_count || s->run_count) rc = record_activity(recorder, txn, s, err);
    if (!rc && !recorder->dry_run) rc = put_cursors(txn, batch, err);
    return rc;
}

int record_alias_get(capture_recorder *recorder, tally_txn *txn, const uint8_t id[CAPTURE_ID_BYTES],
                     tally_span *out) {
    uint64_t value;
    if (recorder->dry_run && capture_idmap_get(&recorder->seen, id, &value)) {
        tally_put_be64(recorder->value, value);
        *out = tally_span_of(recorder->value, sizeof recorder->value);
        return 0;
    }
    return tally_local_get(txn, TALLY_LOCAL_ALIASES, tally_span_of(id, CAPTURE_ID_BYTES), out);
}

int record_alias_put(capture_recorder *recorder, tally_txn *txn, const uint8_t id[CAPTURE_ID_BYTES],
                     tally_span value, tally_error *err) {
    if (!recorder->dry_run)
        return tally_local_put(txn, TALLY_LOCAL_ALIASES, tally_span_of(id, CAPTURE_ID_BYTES), value,
                               err);
    uint8_t start[8] = {0};
    memcpy(start, value.ptr, value.len < sizeof start ? value.len : sizeof start);
    if (capture_idmap_put(&recorder->seen, id, tally_get_be64(start)))
        return tally_fail(err, TALLY_ENOMEM, "no memory for what a dry run remembers");
    return 0;
}

void record_alias_id(const tally_span *parts, size_t count, uint8_t id[CAPTURE_ID_BYTES]) {
    assert(count > 0 && count <= ALIAS_MAX_PARTS);
    tally_span joined[2 * ALIAS_MAX_PARTS];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (i) joined[n++] = tally_span_of("", 1);
        joined[n++] = parts[i];
    }
    tally_hash hash;
    tally_sha256_parts(joined, n, &hash);
    memcpy(id, hash.b, CAPTURE_ID_BYTES);
}
