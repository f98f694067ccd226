/* The tail of the own feed's head: what small commits leave there counts as if it stood in the
 * tables, goes there in time, and a store without one goes on working. */
#include "feed_tail.h"
#include "ledger_case.h"
#include "random.h"
#include "view_gather.h"

#include <tally/ingest.h>

#define SEED      20261121u
#define STEPS     120u
#define MAX_SEEN  512u
#define FIRST_MS  1788862805000 /* of append_many's costs, which are a second apart */
#define OLD_SHAPE 4u            /* the last format whose heads had no tail */

/* ---- looking behind the ledger's back ---- */

static size_t rows(store_table table) {
    MDB_stat stat;
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(f->ledger->env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_stat(txn, f->ledger->tables[table], &stat), 0);
    mdb_txn_abort(txn);
    return stat.ms_entries;
}

static feed_tail tail_now(void) {
    feed_tail tail;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(feed_tail_load(txn, 0, &tail, &f->err));
    tally_read_end(txn);
    return tail;
}

static int put_tail(void *ctx, tally_txn *txn, tally_error *err) {
    return feed_tail_store(txn, 0, ctx, err);
}

static int write_tables(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    int rc = view_gather_flush(txn, err);
    return rc != 0 ? rc : feed_tail_spill(txn, 0, err);
}

static void settle_tables(void) {
    OK(store_write(f->ledger, 0, write_tables, NULL, &f->err));
}

typedef struct seen {
    size_t count;
    int64_t time_ms[MAX_SEEN];
    uint64_t output[MAX_SEEN];
} seen;

static int see(void *ctx, const tally_cost *cost) {
    seen *s = ctx;
    assert_true(s->count < MAX_SEEN);
    s->time_ms[s->count] = cost->time_ms;
    s->output[s->count++] = cost->usage.output;
    return 0;
}

static seen costs_between(int64_t from_ms, int64_t to_ms) {
    seen s = {0};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_cost_each(txn, from_ms, to_ms, see, &s), 0);
    tally_read_end(txn);
    return s;
}

/* The size of each checkpoint, asked for from the front; the last until a size, from the back. */
static void assert_checkpoints(const uint64_t *sizes, size_t count) {
    tally_txn *txn;
    tally_checkpoint cp;
    uint64_t index = 0;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_origin_format(tally_ledger_team(f->ledger), tally_ledger_device(f->ledger), origin);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (size_t i = 0; i < count; index = sizes[i++]) {
        OK(tally_checkpoint_get(txn, 0, index, &cp, &f->err));
        assert_int_equal(cp.size, sizes[i]);
        assert_int_equal(tally_checkpoint_verify(tally_ledger_device(f->ledger), origin, &cp), 0);
    }
    assert_int_equal(tally_checkpoint_get(txn, 0, index, &cp, &f->err), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

static void cost(const char *key, int64_t time_ms, uint64_t output) {
    cost_body body = {.agent = "claude-code",
                      .key = key,
                      .session = "s1",
                      .model = "m1",
                      .time = (uint64_t)time_ms,
                      .output = output};
    put_cost(f->writer, &body);
    (void)fixture_append(f, "cost");
}

typedef struct heard {
    const char *want;
    bool named;
} heard;

static int hear(void *ctx, const char *sentence) {
    heard *h = ctx;
    if (strstr(sentence, h->want)) h->named = true;
    return 0;
}

static void assert_finding(bool deep, const char *want) {
    heard h = {want, false};
    tally_check check = {.found = hear, .ctx = &h};
    OK(tally_verify(f->ledger, deep, &check, &f->err));
    assert_true(h.named);
}

static int ignore_record(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    (void)ctx, (void)index, (void)record, (void)err;
    return 0;
}

/* ---- checkpoints ---- */

static void eight_checkpoints_wait_and_the_ninth_sends_them_to_the_table(void **state) {
    (void)state;
    uint64_t sizes[12];
    sizes[0] = FIXTURE_FIRST;
    for (uint32_t i = 1; i < 12; i++) {
        fixture_append_costs(f, i, 1);
        sizes[i] = FIXTURE_FIRST + i;
        assert_checkpoints(sizes, i + 1);
        assert_int_equal(rows(TABLE_CHECKPOINTS), i < 8 ? 0 : 8);
        assert_int_equal(tail_now().checkpoints, i < 8 ? i + 1 : i - 7);
    }
    settle_tables();
    assert_int_equal(rows(TABLE_CHECKPOINTS), 12);
    assert_int_equal(tail_now().checkpoints, 0);
    assert_checkpoints(sizes, 12);
    fixture_verify_clean(f);
}

static void a_commit_is_handed_on_with_a_checkpoint_that_waits(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    settle_tables();
    fixture_append_costs(f, 3, 2);
    tally_txn *txn;
    tally_checkpoint cp;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_commit_span(txn, 0, FIXTURE_FIRST, &cp, ignore_record, NULL, &f->err));
    assert_int_equal(cp.size, FIXTURE_FIRST + 5);
    assert_int_equal(tally_commit_span(txn, 0, FIXTURE_FIRST + 5, &cp, ignore_record, NULL, NULL),
                     TALLY_ENOTFOUND);
    tally_read_end(txn);
}

static void a_lost_or_strange_waiting_checkpoint_is_found(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    feed_tail whole = tail_now(), torn = whole;
    torn.checkpoints--;
    OK(store_write(f->ledger, 0, put_tail, &torn, &f->err));
    assert_finding(false, "no checkpoint signs its head at size 5");
    torn = whole;
    torn.checkpoint[torn.checkpoints] = torn.checkpoint[torn.checkpoints - 1];
    torn.checkpoint[torn.checkpoints++].size = 9;
    OK(store_write(f->ledger, 0, put_tail, &torn, &f->err));
    assert_finding(false, "checkpoint at size 9: no records reach it");
    OK(store_write(f->ledger, 0, put_tail, &whole, &f->err));
    fixture_verify_clean(f);
}

/* ---- costs ---- */

static void eight_costs_wait_and_the_ninth_sends_them_to_the_tables(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        fixture_append_costs(f, i, 1);
    assert_int_equal(rows(TABLE_VIEW_ENTRIES), 0);
    assert_int_equal(tail_now().costs, 8);
    tally_hash waiting = fixture_digest(f);
    settle_tables();
    assert_int_equal(rows(TABLE_VIEW_ENTRIES), 8);
    assert_int_equal(rows(TABLE_VIEW_COSTS), 8);
    assert_int_equal(tail_now().costs, 0);
    tally_hash written = fixture_digest(f);
    assert_true(tally_hash_eq(&waiting, &written));
    for (uint32_t i = 8; i < 16; i++)
        fixture_append_costs(f, i, 1);
    assert_int_equal(tail_now().costs, 8);
    fixture_append_costs(f, 16, 1);
    assert_int_equal(tail_now().costs, 0);
    assert_int_equal(rows(TABLE_VIEW_ENTRIES), 17);
    fixture_verify_clean(f);
}

static void waiting_costs_come_in_their_place_among_those_of_the_table(void **state) {
    (void)state;
    static const int64_t table[] = {10, 30, 90000000, 90000020}, wait[] = {20, 5, 90000010, 40};
    static const int64_t all[] = {5, 10, 20, 30, 40, 90000000, 90000010, 90000020};
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (size_t i = 0; i < 4; i++)
        cost(keys[i], FIRST_MS + table[i], 1);
    settle_tables();
    for (size_t i = 0; i < 4; i++)
        cost(keys[i + 4], FIRST_MS + wait[i], 2);
    assert_int_equal(rows(TABLE_VIEW_COSTS), 4);
    seen s = costs_between(0, INT64_MAX);
    assert_int_equal(s.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(s.time_ms[i], FIRST_MS + all[i]);
    assert_int_equal(costs_between(FIRST_MS + 10, FIRST_MS + 40).count, 3);
    assert_int_equal(costs_between(FIRST_MS + 40, FIRST_MS + 90000010).count, 2);
    assert_int_equal(costs_between(FIRST_MS + 90000021, INT64_MAX).count, 0);
}

static void of_two_records_of_an_entry_one_counts_whether_the_other_waits_or_stands(void **state) {
    (void)state;
    cost("a", FIRST_MS, 5);
    cost("a", FIRST_MS + 1, 9); /* a later snapshot of what waits */
    cost("a", FIRST_MS + 2, 7); /* an earlier one */
    assert_int_equal(tail_now().costs, 1);
    seen s = costs_between(0, INT64_MAX);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.output[0], 9);
    settle_tables();
    cost("a", FIRST_MS + 3, 11);
    s = costs_between(0, INT64_MAX);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.output[0], 11);
    fixture_verify_clean(f);
}

static void a_voided_cost_is_taken_out_while_it_waits(void **state) {
    (void)state;
    tally_entry_id id = entry_of("claude-code", "a");
    cost("a", FIRST_MS, 5);
    cost("b", FIRST_MS + 1, 6);
    tally_writer_begin(f->writer);
    tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
    (void)fixture_append(f, "void");
    assert_int_equal(tail_now().costs, 2);
    seen s = costs_between(0, INT64_MAX);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.output[0], 6);
    settle_tables();
    s = costs_between(0, INT64_MAX);
    assert_int_equal(s.count, 1);
    fixture_verify_clean(f);
}

static void a_cost_that_waits_and_stands_in_the_table_is_found_and_rebuild_mends_it(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 2);
    feed_tail waiting = tail_now();
    waiting.checkpoints = 0;
    settle_tables();
    OK(store_write(f->ledger, 0, put_tail, &waiting, &f->err));
    assert_finding(true, "is noted as a cost to come and is there");
    OK(tally_rebuild(f->ledger, 0, &f->err));
    fixture_verify_clean(f);
    assert_int_equal(costs_between(0, INT64_MAX).count, 2);
}

/* Small and large commits, entries met again, voids, rebuilds: the views are always those that the
 * records give. */
static void random_commits_give_the_views_that_a_rebuild_gives(void **state) {
    (void)state;
    rng r = rng_begin("commits", SEED);
    for (unsigned step = 0; step < STEPS; step++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", rng_below(&r, 60));
        tally_entry_id id = entry_of("claude-code", key);
        switch (rng_below(&r, 12)) {
        case 0: fixture_append_costs(f, rng_below(&r, 60), 1 + rng_below(&r, 20)); break;
        case 1:
            tally_writer_begin(f->writer);
            tally_put_bin(f->writer, "entry", tally_span_of(id.b, sizeof id.b));
            if (rng_below(&r, 2) == 0) tally_put_true(f->writer, "undo");
            (void)fixture_append(f, "void");
            break;
        case 2: settle_tables(); break;
        case 3: OK(tally_rebuild(f->ledger, 0, &f->err)); break;
        default: cost(key, FIRST_MS + rng_below(&r, 200000000), rng_below(&r, 5)); break;
        }
        if (step % 10 == 0) fixture_verify_clean(f);
    }
    tally_hash folded = fixture_digest(f);
    OK(tally_rebuild(f->ledger, 0, &f->err));
    tally_hash rebuilt = fixture_digest(f);
    assert_true(tally_hash_eq(&folded, &rebuilt));
}

/* ---- stores of before ---- */

static void put_raw(MDB_txn *txn, store_table table, const uint8_t *key, size_t key_len,
                    const uint8_t *value, size_t len) {
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)value};
    assert_int_equal(mdb_put(txn, f->ledger->tables[table], &k, &v, 0), 0);
}

/* As format 4 had it: each checkpoint under feed and size, root before signature; a head of device,
 * size, clock and one hash a set bit of the size, and nothing behind it. */
static void write_as_before(void) {
    static const uint8_t feed_zero[4], format[4] = {0, 0, 0, OLD_SHAPE};
    settle_tables();
    fixture_append_costs(f, 100, 1);
    feed_tail tail = tail_now();
    tally_txn *read;
    tally_feed feed;
    uint8_t head[48 + 64 * 32], *at = head;
    OK(tally_read_begin(f->ledger, &read, &f->err));
    OK(tally_feed_get(read, 0, &feed, &f->err));
    tally_read_end(read);
    memcpy(at, feed.device.b, 32);
    tally_put_be64(at + 32, feed.size);
    tally_put_be64(at + 40, feed.last_hlc);
    at += 48;
    for (uint32_t i = 0; i < feed.range.count; i++, at += 32)
        memcpy(at, feed.range.nodes[i].b, 32);
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(f->ledger->env, NULL, 0, &txn), 0);
    for (size_t i = 0; i < tail.checkpoints; i++) {
        uint8_t key[12] = {0}, row[96];
        tally_put_be64(key + 4, tail.checkpoint[i].size);
        memcpy(row, tail.checkpoint[i].root.b, 32);
        memcpy(row + 32, tail.checkpoint[i].signature, 64);
        put_raw(txn, TABLE_CHECKPOINTS, key, sizeof key, row, sizeof row);
    }
    put_raw(txn, TABLE_FEEDS, feed_zero, 4, head, (size_t)(at - head));
    put_raw(txn, TABLE_LOCAL_SETTINGS, (const uint8_t *)"format", 6, format, 4);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static uint32_t format_now(void) {
    tally_txn *txn;
    tally_span format;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_local_get(txn, TALLY_LOCAL_SETTINGS, text("format"), &format));
    uint32_t number = tally_get_be32(format.ptr);
    tally_read_end(txn);
    return number;
}

static void a_store_without_tails_is_read_and_goes_on_with_them(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2, 5, 6, 7};
    fixture_append_costs(f, 0, 3);
    settle_tables();
    write_as_before();
    OK(tally_rebuild(f->ledger, 0, &f->err)); /* the cost that waited was not in the old tables */
    settle_tables();
    assert_int_equal(tail_now().checkpoints + tail_now().costs, 0);
    tally_hash before = fixture_digest(f);
    fixture_reopen(f, true, 0); /* who only reads changes nothing */
    assert_int_equal(format_now(), OLD_SHAPE);
    assert_checkpoints(sizes, 3);
    assert_int_equal(costs_between(0, INT64_MAX).count, 4);
    fixture_reopen(f, false, 0);
    assert_int_equal(format_now(), STORE_FORMAT);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    fixture_append_costs(f, 200, 1);
    assert_int_equal(tail_now().checkpoints, 1);
    assert_int_equal(tail_now().costs, 1);
    assert_checkpoints(sizes, 4);
    assert_int_equal(costs_between(0, INT64_MAX).count, 5);
    fixture_verify_clean(f);
}

static void a_tail_is_read_as_it_was_written_and_nothing_else_is(void **state) {
    (void)state;
    feed_tail out;
    uint8_t bytes[FEED_TAIL_MAX_BYTES + 1] = {0};
    assert_true(feed_tail_parse(tally_span_of(NULL, 0), &out));
    assert_false(
        feed_tail_parse(tally_span_of(bytes, 2), &out)); /* nothing is written as nothing */
    for (unsigned checkpoints = 0; checkpoints < 12; checkpoints++)
        for (unsigned costs = 0; costs < 12; costs++) {
            size_t len = 2 + 104 * checkpoints + 16 * costs;
            bool ok = checkpoints <= 8 && costs <= 8 && checkpoints + costs > 0;
            bytes[0] = (uint8_t)checkpoints;
            bytes[1] = (uint8_t)costs;
            if (len < sizeof bytes)
                assert_int_equal(feed_tail_parse(tally_span_of(bytes, len), &out), ok);
            if (len - 1 < sizeof bytes)
                assert_false(feed_tail_parse(tally_span_of(bytes, len - 1), &out));
            if (len + 1 < sizeof bytes)
                assert_false(feed_tail_parse(tally_span_of(bytes, len + 1), &out));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(eight_checkpoints_wait_and_the_ninth_sends_them_to_the_table),
        LEDGER(a_commit_is_handed_on_with_a_checkpoint_that_waits),
        LEDGER(a_lost_or_strange_waiting_checkpoint_is_found),
        LEDGER(eight_costs_wait_and_the_ninth_sends_them_to_the_tables),
        LEDGER(waiting_costs_come_in_their_place_among_those_of_the_table),
        LEDGER(of_two_records_of_an_entry_one_counts_whether_the_other_waits_or_stands),
        LEDGER(a_voided_cost_is_taken_out_while_it_waits),
        LEDGER(a_cost_that_waits_and_stands_in_the_table_is_found_and_rebuild_mends_it),
        LEDGER(random_commits_give_the_views_that_a_rebuild_gives),
        LEDGER(a_store_without_tails_is_read_and_goes_on_with_them),
        LEDGER(a_tail_is_read_as_it_was_written_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
