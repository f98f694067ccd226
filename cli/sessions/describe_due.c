/* Which sessions a capture has to describe: those whose events are new and that have ended, and
 * those that were found unended before. A pass that finds nothing new reads two rows. */
#include <stdlib.h>
#include <string.h>

#include "describe_jobs.h"

#define STATE_KEY       "state"
#define STATE_BYTES     16u   /* records of the own feed that were looked at, when the next waits */
#define WAITING_BYTES   9u    /* 'p' and the session */
#define LOOKED_MIN      1024u /* so many records without an event are worth remembering */
#define COMMAND_RUNS    16u   /* of describe.command in one capture */
#define COMMAND_LATE_MS (48 * INT64_C(3600000)) /* older sessions are not worded by themselves */

typedef struct due_pass {
    int64_t now_ms, next_ms; /* when the next waiting one ends */
    uint64_t seen, size;     /* records of the own feed */
    uint64_t *found;         /* sessions with new events, and those that waited */
    size_t found_count, found_room;
    uint64_t *waiting; /* of these, what has not ended */
    size_t waiting_count;
    cli_describe_jobs jobs;
    bool commits;
    char command[CLI_COMMAND_MAX_BYTES + 1];
} due_pass;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

static int found_add(due_pass *pass, uint64_t session, tally_error *err) {
    if (pass->found_count > 0 && pass->found[pass->found_count - 1] == session) return 0;
    if (pass->found_count == pass->found_room) {
        size_t room = pass->found_room ? pass->found_room * 2 : 64;
        uint64_t *larger = realloc(pass->found, room * sizeof *larger);
        if (!larger) return no_memory(err);
        pass->found = larger;
        pass->found_room = room;
    }
    pass->found[pass->found_count++] = session;
    return 0;
}

static int waiting_found(void *ctx, tally_span key, tally_span value, tally_error *err) {
    (void)value;
    if (key.len != WAITING_BYTES || key.ptr[0] != 'p') return 0;
    return found_add(ctx, tally_get_be64(key.ptr + 1), err);
}

/* Told from a record's first bytes; most records need no closer look. */
static bool is_activity(tally_span record) {
    static const uint8_t head[] = {
        0x94, TALLY_RECORD_VERSION, 0xa8, 'a', 'c', 't', 'i', 'v', 'i', 't', 'y'};
    return record.len > sizeof head && memcmp(record.ptr, head, sizeof head) == 0;
}

static int records_look(due_pass *pass, tally_txn *txn, tally_error *err) {
    int code = 0;
    for (uint64_t i = pass->seen; !code && i < pass->size; i++) {
        tally_span bytes, agent, session;
        tally_record record;
        code = tally_record_get(txn, 0, i, &bytes, err);
        if (code || !is_activity(bytes) || tally_record_parse(bytes, &record, NULL) != 0) continue;
        if (tally_body_str(&record, "agent", &agent) &&
            tally_body_str(&record, "session", &session))
            code = found_add(pass, tally_session_ref(agent, session), err);
    }
    return code;
}

static void state_read(due_pass *pass, tally_txn *txn) {
    tally_span state;
    if (tally_local_get(txn, TALLY_LOCAL_DESCRIBE, tally_span_str(STATE_KEY), &state) != 0 ||
        state.len != STATE_BYTES)
        return;
    pass->seen = tally_get_be64(state.ptr);
    pass->next_ms = (int64_t)tally_get_be64(state.ptr + 8);
    if (pass->seen > pass->size) pass->seen = 0; /* another history than it was */
}

static int ref_order(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Those that ended become jobs; the others wait on. */
static int found_sort(due_pass *pass, tally_txn *txn, tally_error *err) {
    int code = 0;
    pass->next_ms = INT64_MAX;
    pass->waiting = malloc((pass->found_count ? pass->found_count : 1) * sizeof *pass->waiting);
    if (!pass->waiting) return no_memory(err);
    if (pass->found_count) qsort(pass->found, pass->found_count, sizeof *pass->found, ref_order);
    for (size_t i = 0; i < pass->found_count && !code; i++) {
        int64_t start_ms, end_ms;
        if (i > 0 && pass->found[i] == pass->found[i - 1]) continue;
        if (!cli_session_window(txn, pass->found[i], &start_ms, &end_ms)) continue;
        int64_t due_ms = end_ms + CLI_DESCRIBE_GRACE_MS;
        if (due_ms <= pass->now_ms) {
            code = cli_describe_job_add(&pass->jobs, txn, pass->found[i], err);
            continue;
        }
        pass->waiting[pass->waiting_count++] = pass->found[i];
        if (due_ms < pass->next_ms) pass->next_ms = due_ms;
    }
    return code;
}

/* True when there is something to do or to remember. */
static int look(due_pass *pass, tally_ledger *ledger, bool *more, tally_error *err) {
    tally_txn *txn = NULL;
    tally_feed own;
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    *more = false;
    cli_describe_settings(txn, &pass->commits, pass->command);
    code = tally_feed_get(txn, 0, &own, err);
    if (code || (!pass->commits && !pass->command[0])) goto done;
    pass->size = own.size;
    pass->next_ms = INT64_MAX;
    state_read(pass, txn);
    bool waited = pass->next_ms <= pass->now_ms;
    if (pass->size == pass->seen && !waited) goto done;
    code = records_look(pass, txn, err);
    *more = pass->found_count > 0 || waited || pass->size - pass->seen > LOOKED_MIN;
    if (!code && *more)
        code = tally_local_each(txn, TALLY_LOCAL_DESCRIBE, waiting_found, pass, err);
    if (!code && *more) code = found_sort(pass, txn, err);
done:
    tally_read_end(txn);
    return code;
}

static void waiting_key(uint64_t session, uint8_t key[WAITING_BYTES]) {
    key[0] = 'p';
    tally_put_be64(key + 1, session);
}

static int pass_write(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t mark[] = {1};
    due_pass *pass = ctx;
    uint8_t key[WAITING_BYTES], state[STATE_BYTES];
    int code = cli_describe_write(&pass->jobs, txn, err);
    for (size_t i = 0; i < pass->found_count && !code; i++) {
        waiting_key(pass->found[i], key);
        code = tally_local_del(txn, TALLY_LOCAL_DESCRIBE, tally_span_of(key, sizeof key), err);
    }
    for (size_t i = 0; i < pass->waiting_count && !code; i++) {
        waiting_key(pass->waiting[i], key);
        code = tally_local_put(txn, TALLY_LOCAL_DESCRIBE, tally_span_of(key, sizeof key),
                               tally_span_of(mark, sizeof mark), err);
    }
    tally_put_be64(state, pass->size);
    tally_put_be64(state + 8, (uint64_t)pass->next_ms);
    if (code) return code;
    return tally_local_put(txn, TALLY_LOCAL_DESCRIBE, tally_span_str(STATE_KEY),
                           tally_span_of(state, sizeof state), err);
}

/* What ended long ago comes last, and is left out: a first capture meets years of sessions. */
static int late_last(const void *a, const void *b) {
    const cli_describe_job *x = a, *y = b;
    return (x->end_ms < y->end_ms) - (x->end_ms > y->end_ms);
}

static int command_run(due_pass *pass, tally_ledger *ledger, bool quiet, tally_error *err) {
    cli_describe_jobs recent = pass->jobs;
    if (recent.count) qsort(recent.items, recent.count, sizeof *recent.items, late_last);
    while (recent.count > 0 &&
           recent.items[recent.count - 1].end_ms < pass->now_ms - COMMAND_LATE_MS)
        recent.count--;
    return cli_describe_command(&recent, ledger, pass->command, COMMAND_RUNS, quiet, err);
}

int cli_describe_due(tally_ledger *ledger, bool quiet, tally_error *err) {
    due_pass *pass = calloc(1, sizeof *pass);
    bool more = false;
    if (!pass) return no_memory(err);
    pass->now_ms = cli_now_ms();
    int code = look(pass, ledger, &more, err);
    if (!code && more) {
        if (pass->commits) cli_describe_git(&pass->jobs);
        code = tally_ledger_write(ledger, pass->now_ms, pass_write, pass, err);
        if (!code && pass->command[0]) code = command_run(pass, ledger, quiet, err);
    }
    cli_describe_jobs_clear(&pass->jobs);
    free(pass->found);
    free(pass->waiting);
    free(pass);
    return code;
}
