/* Gathering events: sessions merged by their id, costs in order, activity folded into runs as it
 * comes, so that a gigabyte of log lines stays small. Recording them is in record_events.c. */
#include "batch.h"

#include <stdlib.h>

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory for what the logs hold");
}

/* `array` with more room; NULL when memory ran out, and it stays as it was. */
static void *grown(void *array, size_t *cap, size_t element) {
    size_t more = *cap ? *cap * 2 : 64, bytes;
    if (__builtin_mul_overflow(more, element, &bytes)) return NULL;
    void *larger = realloc(array, bytes);
    if (larger) *cap = more;
    return larger;
}

/* FNV-1a; only for the table in memory. */
static uint64_t hash_of(const char *agent, tally_span id) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *c = agent; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001B3u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ id.ptr[i]) * 0x100000001B3u;
    return hash;
}

static bool is_session(const batch_session *session, const char *agent, tally_span id) {
    return tally_span_eq(session->id, id) && strcmp(session->agent, agent) == 0;
}

static int grow_table(capture_batch *batch) {
    size_t cap = batch->table_cap ? batch->table_cap * 2 : 256;
    batch_session **table = calloc(cap, sizeof(batch_session *));
    if (!table) return -1;
    for (batch_session *s = batch->first; s; s = s->next) {
        size_t at = (size_t)s->hash & (cap - 1);
        while (table[at])
            at = (at + 1) & (cap - 1);
        table[at] = s;
    }
    free(batch->table);
    batch->table = table;
    batch->table_cap = cap;
    return 0;
}

static batch_session *session_new(capture_batch *batch, const char *agent, tally_span id,
                                  uint64_t hash) {
    batch_session *session = capture_arena_take(&batch->arena, sizeof *session);
    if (!session || capture_arena_copy(&batch->arena, id, &session->id)) return NULL;
    session->agent = agent;
    session->hash = hash;
    session->ref = tally_session_ref(tally_span_str(agent), id);
    session->seen.id = session->id;
    if (batch->last)
        batch->last->next = session;
    else
        batch->first = session;
    batch->last = session;
    batch->session_count++;
    return session;
}

static batch_session *session_of(capture_batch *batch, const char *agent, tally_span id) {
    if (batch->recent && is_session(batch->recent, agent, id)) return batch->recent;
    if (batch->session_count * 2 >= batch->table_cap && grow_table(batch)) return NULL;
    uint64_t hash = hash_of(agent, id);
    size_t at = (size_t)hash & (batch->table_cap - 1);
    while (batch->table[at] && !is_session(batch->table[at], agent, id))
        at = (at + 1) & (batch->table_cap - 1);
    if (!batch->table[at]) batch->table[at] = session_new(batch, agent, id, hash);
    if (batch->table[at]) batch->recent = batch->table[at];
    return batch->table[at];
}

/* Replaces `held` unless the text is empty or the same. */
static int replace(capture_batch *batch, tally_span *held, tally_span text) {
    if (text.len == 0 || tally_span_eq(*held, text)) return 0;
    return capture_arena_copy(&batch->arena, text, held);
}

static int keep_first(capture_batch *batch, tally_span *held, tally_span text) {
    return held->len ? 0 : replace(batch, held, text);
}

int capture_batch_session(capture_batch *batch, const char *agent, const capture_session *seen,
                          tally_error *err) {
    batch_session *session = session_of(batch, agent, seen->id);
    if (!session) return no_memory(err);
    capture_session *held = &session->seen;
    session->described = true;
    bool title = seen->title.len && seen->title_rank && seen->title_rank >= held->title_rank;
    if (keep_first(batch, &held->parent, seen->parent) ||
        keep_first(batch, &held->cwd, seen->cwd) ||
        keep_first(batch, &held->remote, seen->remote) ||
        keep_first(batch, &held->commit, seen->commit) ||
        replace(batch, &held->branch, seen->branch) ||
        replace(batch, &held->version, seen->version) ||
        (title && replace(batch, &held->title, seen->title)))
        return no_memory(err);
    if (title) held->title_rank = seen->title_rank;
    return 0;
}

int capture_batch_cost(capture_batch *batch, const char *agent, const capture_cost *seen,
                       tally_error *err) {
    batch_session *session = session_of(batch, agent, seen->session);
    if (!session) return no_memory(err);
    if (batch->cost_count == batch->cost_cap) {
        void *costs = grown(batch->costs, &batch->cost_cap, sizeof *batch->costs);
        if (!costs) return no_memory(err);
        batch->costs = costs;
    }
    const batch_cost *before = batch->cost_count ? &batch->costs[batch->cost_count - 1] : NULL;
    batch_cost *cost = &batch->costs[batch->cost_count];
    *cost = (batch_cost){.session = session, .seen = *seen};
    cost->seen.session = session->id;
    tally_entry_id_of(tally_span_str(agent), seen->key, &cost->id);
    /* The model seldom changes: its name is kept once for a row of costs. */
    if (before && tally_span_eq(before->seen.model, seen->model))
        cost->seen.model = before->seen.model;
    else if (capture_arena_copy(&batch->arena, seen->model, &cost->seen.model))
        return no_memory(err);
    if (capture_arena_copy(&batch->arena, seen->key, &cost->seen.key) ||
        capture_arena_copy(&batch->arena, seen->subagent, &cost->seen.subagent) ||
        capture_arena_copy(&batch->arena, seen->message, &cost->seen.message))
        return no_memory(err);
    batch->cost_count++;
    return 0;
}

static batch_alias alias_of(const char *agent, const char *what, tally_span key) {
    batch_alias alias = {.known = key.len > 0};
    if (!alias.known) return alias;
    const tally_span zero = tally_span_of("", 1);
    const tally_span parts[] = {tally_span_str(agent), zero, tally_span_str(what), zero, key};
    tally_hash hash;
    tally_sha256_parts(parts, 5, &hash);
    memcpy(alias.id, hash.b, CAPTURE_ID_BYTES);
    return alias;
}

static int add_human(capture_batch *batch, batch_session *session, const char *agent,
                     const capture_activity *seen) {
    if (session->human_count == session->human_cap) {
        void *human = session->human;
        if (capture_arena_grow(&batch->arena, &human, &session->human_cap, sizeof *session->human))
            return -1;
        session->human = human;
    }
    session->human[session->human_count++] =
        (batch_human){seen->time_ms, alias_of(agent, "event", seen->key)};
    return 0;
}

static int add_agent(capture_batch *batch, batch_session *session, const char *agent,
                     const capture_activity *seen) {
    int64_t ms = seen->time_ms;
    batch_run *run = session->run_count ? &session->runs[session->open_run] : NULL;
    if (run && ms >= run->start_ms && ms - run->end_ms <= CAPTURE_RUN_GAP_MS) {
        if (ms > run->end_ms) run->end_ms = ms;
        if (!run->alias.known && seen->key.len) run->alias = alias_of(agent, "run", seen->key);
        return 0;
    }
    if (session->run_count == session->run_cap) {
        void *runs = session->runs;
        if (capture_arena_grow(&batch->arena, &runs, &session->run_cap, sizeof *session->runs))
            return -1;
        session->runs = runs;
    }
    session->open_run = session->run_count++;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where there is room there are runs
    session->runs[session->open_run] = (batch_run){ms, ms, alias_of(agent, "run", seen->key)};
    return 0;
}

int capture_batch_activity(capture_batch *batch, const char *agent, const capture_activity *seen,
                           tally_error *err) {
    batch_session *session = session_of(batch, agent, seen->session);
    if (!session) return no_memory(err);
    int rc = seen->human ? add_human(batch, session, agent, seen)
                         : add_agent(batch, session, agent, seen);
    return rc ? no_memory(err) : 0;
}

int capture_batch_cursor(capture_batch *batch, const uint8_t key[CAPTURE_ID_BYTES],
                         tally_span value, tally_error *err) {
    if (batch->cursor_count == batch->cursor_cap) {
        void *cursors = grown(batch->cursors, &batch->cursor_cap, sizeof *batch->cursors);
        if (!cursors) return no_memory(err);
        batch->cursors = cursors;
    }
    batch_cursor *cursor = &batch->cursors[batch->cursor_count];
    memcpy(cursor->key, key, CAPTURE_ID_BYTES);
    if (capture_arena_copy(&batch->arena, value, &cursor->value)) return no_memory(err);
    batch->cursor_count++;
    return 0;
}

bool capture_batch_is_empty(const capture_batch *batch) {
    return batch->session_count == 0 && batch->cost_count == 0 && batch->cursor_count == 0;
}

bool capture_batch_is_full(const capture_batch *batch) {
    size_t used = batch->arena.used + batch->cost_count * sizeof *batch->costs +
                  batch->cursor_count * sizeof *batch->cursors;
    return batch->cost_count >= batch->max_costs || used >= batch->max_bytes;
}

static int by_start(const void *a, const void *b) {
    const batch_run *x = a, *y = b;
    int order = (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
    return order ? order : (x->end_ms < y->end_ms) - (x->end_ms > y->end_ms);
}

static int by_ms(const void *a, const void *b) {
    const batch_human *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

size_t capture_runs_join(batch_run *runs, size_t count) {
    if (count == 0) return 0;
    qsort(runs, count, sizeof *runs, by_start);
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        if (runs[i].start_ms - runs[kept].end_ms > CAPTURE_RUN_GAP_MS) {
            runs[++kept] = runs[i];
            continue;
        }
        if (runs[i].end_ms > runs[kept].end_ms) runs[kept].end_ms = runs[i].end_ms;
        if (!runs[kept].alias.known) runs[kept].alias = runs[i].alias;
    }
    return kept + 1;
}

void capture_batch_seal(capture_batch *batch) {
    for (batch_session *s = batch->first; s; s = s->next) {
        s->run_count = capture_runs_join(s->runs, s->run_count);
        s->open_run = s->run_count ? s->run_count - 1 : 0;
        if (s->human_count) qsort(s->human, s->human_count, sizeof *s->human, by_ms);
    }
}

void capture_batch_reset(capture_batch *batch) {
    capture_arena_reset(&batch->arena);
    if (batch->table) memset(batch->table, 0, batch->table_cap * sizeof(batch_session *));
    *batch = (capture_batch){
        .arena = batch->arena,
        .table = batch->table,
        .table_cap = batch->table_cap,
        .costs = batch->costs,
        .cost_cap = batch->cost_cap,
        .cursors = batch->cursors,
        .cursor_cap = batch->cursor_cap,
        .max_costs = batch->max_costs,
        .max_bytes = batch->max_bytes,
    };
}

void capture_batch_clear(capture_batch *batch) {
    capture_arena_clear(&batch->arena);
    free(batch->table);
    free(batch->costs);
    free(batch->cursors);
    *batch = (capture_batch){0};
}
