/* Activity: human events and runs of the agent, each recorded once, also when a file is read again
 * or was copied into a forked session. */
#include "record_events.h"

#include <msgpack.h>
#include <stdlib.h>

/* What the ledger holds of one session, sorted. */
typedef struct held_activity {
    capture_arena *arena;
    int64_t *human;
    size_t human_count, human_cap;
    batch_run *runs; /* joined */
    size_t run_count, run_cap;
} held_activity;

static int take_held(void *ctx, const tally_activity *activity) {
    held_activity *held = ctx;
    if (activity->human) {
        void *human = held->human;
        if (held->human_count == held->human_cap &&
            capture_arena_grow(held->arena, &human, &held->human_cap, sizeof *held->human))
            return TALLY_ENOMEM;
        held->human = human;
        held->human[held->human_count++] = activity->start_ms;
        return 0;
    }
    void *runs = held->runs;
    if (held->run_count == held->run_cap &&
        capture_arena_grow(held->arena, &runs, &held->run_cap, sizeof *held->runs))
        return TALLY_ENOMEM;
    held->runs = runs;
    held->runs[held->run_count++] =
        (batch_run){.start_ms = activity->start_ms, .end_ms = activity->end_ms};
    return 0;
}

static int compare_ms(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int load(capture_recorder *recorder, tally_txn *txn, uint64_t ref, held_activity *held,
                tally_error *err) {
    *held = (held_activity){.arena = &recorder->scratch};
    int rc = tally_activity_each(txn, ref, take_held, held);
    if (rc == TALLY_ENOTFOUND) rc = 0;
    if (rc) return tally_fail(err, rc, "cannot read the activity of a session");
    if (held->human_count) qsort(held->human, held->human_count, sizeof *held->human, compare_ms);
    held->run_count = capture_runs_join(held->runs, held->run_count);
    return 0;
}

/* Cuts off what `held` covers at either end, and closes a gap of up to `gap` to it, so that the
 * runs of a session together do not depend on where passes and batches ended. False when nothing is
 * left. */
static bool fit_run(batch_run *run, const held_activity *held, int64_t gap) {
    for (size_t i = 0; i < held->run_count; i++) {
        const batch_run *h = &held->runs[i];
        if (h->end_ms < run->start_ms - gap) continue;
        if (h->start_ms > run->end_ms + gap) break;
        if (h->start_ms <= run->start_ms && h->end_ms >= run->end_ms) return false;
        if (h->start_ms <= run->start_ms)
            run->start_ms = h->end_ms;
        else if (h->end_ms >= run->end_ms)
            run->end_ms = h->start_ms;
    }
    return true;
}

/* Whose event this is: this session's (noted now), or another one's that it was copied from. */
static int owner_of(capture_recorder *recorder, tally_txn *txn, const batch_alias *alias,
                    uint64_t ref, uint64_t *owner, bool *noted, tally_error *err) {
    *owner = ref;
    *noted = false;
    if (!alias->known) return 0;
    tally_span value;
    int rc = record_alias_get(recorder, txn, alias->id, &value);
    if (rc == 0) {
        *noted = true;
        if (value.len == 8) *owner = tally_get_be64(value.ptr);
        return 0;
    }
    if (rc != TALLY_ENOTFOUND) return tally_fail(err, rc, "cannot read the notes on events");
    uint8_t mine[8];
    tally_put_be64(mine, ref);
    return record_alias_put(recorder, txn, alias->id, tally_span_of(mine, sizeof mine), err);
}

typedef struct fresh {
    int64_t *human;
    batch_run *runs;
    size_t human_count, run_count;
} fresh;

static int new_humans(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                      const held_activity *held, fresh *out, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < session->human_count && !rc; i++) {
        const batch_human *human = &session->human[i];
        uint64_t owner;
        bool noted;
        rc = owner_of(recorder, txn, &human->alias, session->ref, &owner, &noted, err);
        if (rc || noted) continue;
        if (out->human_count && out->human[out->human_count - 1] == human->ms) continue;
        if (held->human_count &&
            bsearch(&human->ms, held->human, held->human_count, sizeof *held->human, compare_ms))
            continue;
        out->human[out->human_count++] = human->ms;
    }
    return rc;
}

static int new_runs(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                    const held_activity *held, fresh *out, tally_error *err) {
    held_activity other = {0};
    uint64_t other_ref = 0;
    int rc = 0;
    for (size_t i = 0; i < session->run_count && !rc; i++) {
        batch_run run = session->runs[i];
        uint64_t owner;
        bool noted;
        /* Noted also when another device recorded it: a copy of it may come next. */
        rc = owner_of(recorder, txn, &run.alias, session->ref, &owner, &noted, err);
        if (rc || !fit_run(&run, held, CAPTURE_RUN_GAP_MS)) continue;
        if (owner != session->ref && owner != other_ref) {
            rc = load(recorder, txn, owner, &other, err);
            other_ref = owner;
        }
        if (rc || (owner != session->ref && !fit_run(&run, &other, 0))) continue;
        out->runs[out->run_count++] = run;
    }
    return rc;
}

static size_t pack_humans(msgpack_packer *packer, const fresh *found, size_t from, size_t room) {
    size_t n = found->human_count - from < room ? found->human_count - from : room;
    msgpack_pack_array(packer, n);
    for (size_t i = 0; i < n; i++)
        msgpack_pack_uint64(packer, (uint64_t)found->human[from + i]);
    return n;
}

static size_t pack_runs(msgpack_packer *packer, const fresh *found, size_t from, size_t room) {
    size_t n = found->run_count - from < room ? found->run_count - from : room;
    msgpack_pack_array(packer, n);
    for (size_t i = 0; i < n; i++) {
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint64(packer, (uint64_t)found->runs[from + i].start_ms);
        msgpack_pack_uint64(packer, (uint64_t)found->runs[from + i].end_ms);
    }
    return n;
}

/* One record for at most CAPTURE_ACTIVITY_MAX_ITEMS. */
static int append_slice(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                        const fresh *found, size_t *human_at, size_t *run_at, tally_error *err) {
    msgpack_sbuffer human, runs;
    msgpack_sbuffer_init(&human);
    msgpack_sbuffer_init(&runs);
    msgpack_packer human_packer, run_packer;
    msgpack_packer_init(&human_packer, &human, msgpack_sbuffer_write);
    msgpack_packer_init(&run_packer, &runs, msgpack_sbuffer_write);
    size_t humans = pack_humans(&human_packer, found, *human_at, CAPTURE_ACTIVITY_MAX_ITEMS);
    size_t items = pack_runs(&run_packer, found, *run_at, CAPTURE_ACTIVITY_MAX_ITEMS - humans);
    *human_at += humans;
    *run_at += items;
    tally_writer *writer = recorder->writer;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", tally_span_str(session->agent));
    tally_put_str(writer, "session", session->id);
    if (humans) tally_put_raw(writer, "human", tally_span_of(human.data, human.size));
    if (items) tally_put_raw(writer, "runs", tally_span_of(runs.data, runs.size));
    int rc = tally_append(txn, "activity", writer, NULL, err);
    msgpack_sbuffer_destroy(&human);
    msgpack_sbuffer_destroy(&runs);
    return rc;
}

int record_activity(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                    tally_error *err) {
    capture_arena_reset(&recorder->scratch);
    held_activity held;
    int rc = load(recorder, txn, session->ref, &held, err);
    if (rc) return rc;
    fresh out = {
        .human =
            capture_arena_take(&recorder->scratch, (session->human_count + 1) * sizeof(int64_t)),
        .runs =
            capture_arena_take(&recorder->scratch, (session->run_count + 1) * sizeof(batch_run)),
    };
    if (!out.human || !out.runs) return tally_fail(err, TALLY_ENOMEM, "no memory for activity");
    rc = new_humans(recorder, txn, session, &held, &out, err);
    if (!rc) rc = new_runs(recorder, txn, session, &held, &out, err);
    if (rc) return rc;
    recorder->counts.activity += out.human_count + out.run_count;
    size_t human_at = 0, run_at = 0;
    while (!recorder->dry_run && !rc && (human_at < out.human_count || run_at < out.run_count))
        rc = append_slice(recorder, txn, session, &out, &human_at, &run_at, err);
    return rc;
}
