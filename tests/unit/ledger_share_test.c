/* One ledger, several processes: writers take turns, readers never wait, and the file grows under
 * all of them. LMDB: no handle crosses a fork. */
#include "ledger_case.h"

#include <sys/wait.h>

#define SMALL_MAP_BYTES  (128u * 1024u)
#define SHARED_RECORDS   500u /* of each writer */
#define SHARED_PER_WRITE 5u
#define SHARED_READS_MAX 200000u

/* A child's whole work: its own handle, `count` records in small writes. Never returns. */
static void child_writes(uint32_t first) {
    tally_ledger_options options = {.dir = f->dir, .map_bytes = SMALL_MAP_BYTES};
    tally_ledger *ledger;
    int rc = tally_ledger_open(&options, &ledger, &f->err);
    for (uint32_t i = 0; rc == 0 && i < SHARED_RECORDS; i += SHARED_PER_WRITE) {
        many_records many = {
            .writer = f->writer, .first = first + i, .count = SHARED_PER_WRITE, .pad = 1000};
        rc = tally_ledger_write(ledger, FIXTURE_NOW_MS, append_many, &many, &f->err);
    }
    if (rc != 0) fprintf(stderr, "writer %u: %s\n", first, f->err.text);
    tally_ledger_close(ledger);
    _exit(rc != 0);
}

/* Reads until all is there: the feed only grows, and what a snapshot's head counts it holds. */
static void child_reads(void) {
    tally_ledger_options options = {.dir = f->dir, .map_bytes = SMALL_MAP_BYTES};
    tally_ledger *ledger;
    uint64_t last = 0;
    int rc = tally_ledger_open(&options, &ledger, &f->err);
    for (unsigned i = 0;
         rc == 0 && last < FIXTURE_FIRST + 2 * SHARED_RECORDS && i < SHARED_READS_MAX; i++) {
        tally_txn *txn;
        tally_feed feed;
        tally_span bytes;
        rc = tally_read_begin(ledger, &txn, &f->err);
        if (rc != 0) break;
        rc = tally_feed_get(txn, 0, &feed, &f->err);
        if (rc == 0) rc = tally_record_get(txn, 0, feed.size - 1, &bytes, &f->err);
        if (rc == 0 && (feed.size < last || tally_record_get(txn, 0, feed.size, &bytes, NULL) == 0))
            rc = tally_fail(&f->err, TALLY_ECORRUPT, "the feed shrank or ran ahead of its head");
        last = feed.size;
        tally_read_end(txn);
        (void)usleep(200);
    }
    if (rc != 0) fprintf(stderr, "reader: %s\n", f->err.text);
    tally_ledger_close(ledger);
    _exit(rc != 0 || last != FIXTURE_FIRST + 2 * SHARED_RECORDS);
}

static void two_processes_write_while_a_third_reads_and_nothing_is_lost(void **state) {
    (void)state;
    pid_t children[3];
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    for (uint32_t i = 0; i < 3; i++) {
        (void)fflush(NULL);
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0 && i == 2) child_reads();
        if (children[i] == 0) child_writes(i * SHARED_RECORDS);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    fixture_reopen(f, false, 0);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST + 2 * SHARED_RECORDS);
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (uint32_t i = 0; i < 2 * SHARED_RECORDS; i++) {
        char key[16];
        tally_cost cost;
        (void)snprintf(key, sizeof key, "k%u", i);
        tally_entry_id id = entry_of("claude-code", key);
        assert_int_equal(tally_cost_get(txn, &id, &cost, NULL), 0);
        assert_int_equal(cost.usage.input, i);
    }
    tally_read_end(txn);
    fixture_verify_clean(f);
}

/* A child that, once told to, makes the file far larger than its siblings' maps. */
static pid_t fork_grower(int *go) {
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) {
        (void)close(ends[0]);
        *go = ends[1];
        return child;
    }
    tally_ledger_options options = {.dir = f->dir};
    tally_ledger *ledger = NULL;
    many_records many = {.writer = f->writer, .count = 100, .pad = 60000};
    (void)close(ends[1]);
    int rc = read(ends[0], &byte, 1) == 1 ? 0 : -1;
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, &f->err);
    if (rc == 0) rc = tally_ledger_write(ledger, FIXTURE_NOW_MS, append_many, &many, &f->err);
    if (rc != 0) fprintf(stderr, "grower: %s\n", f->err.text);
    tally_ledger_close(ledger);
    _exit(rc != 0);
}

static void grow(pid_t child, int go) {
    int status;
    assert_int_equal(write(go, "", 1), 1);
    (void)close(go);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void an_open_snapshot_outlives_growth_elsewhere_and_the_next_one_sees_it(void **state) {
    (void)state;
    int go;
    tally_txn *old, *next;
    tally_feed feed;
    tally_span bytes;
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    pid_t child = fork_grower(&go);
    fixture_reopen(f, false, SMALL_MAP_BYTES);
    OK(tally_read_begin(f->ledger, &old, &f->err));
    grow(child, go);
    OK(tally_feed_get(old, 0, &feed, &f->err));
    assert_int_equal(feed.size, FIXTURE_FIRST);
    OK(tally_record_get(old, 0, 0, &bytes, &f->err));
    /* a second snapshot needs the larger map, which would move the first one's bytes away */
    assert_int_equal(tally_read_begin(f->ledger, &next, &f->err), TALLY_EIO);
    assert_non_null(strstr(f->err.text, "was grown by another process"));
    tally_hash leaf;
    tally_leaf_hash(bytes, &leaf);
    assert_true(tally_hash_eq(&leaf, tally_ledger_team(f->ledger)));
    tally_read_end(old);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST + 100);
    fixture_append_costs(f, 100, 1);
    fixture_verify_clean(f);
}

static void a_backup_takes_what_another_process_made_the_file_grow_to(void **state) {
    (void)state;
    int go;
    char path[FIXTURE_PATH_BYTES];
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    pid_t child = fork_grower(&go);
    fixture_reopen(f, false, SMALL_MAP_BYTES);
    grow(child, go);
    fixture_path(f, "copy.mdb", path);
    OK(tally_backup(f->ledger, path, &f->err));
    assert_int_equal(fixture_size(f), FIXTURE_FIRST + 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(two_processes_write_while_a_third_reads_and_nothing_is_lost),
        LEDGER(an_open_snapshot_outlives_growth_elsewhere_and_the_next_one_sees_it),
        LEDGER(a_backup_takes_what_another_process_made_the_file_grow_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
