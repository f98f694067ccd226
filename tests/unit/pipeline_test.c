/* The hand-over of batches between the side that reads and the side that records. */
#include "capture/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define BATCHES 40u

/* What the recording side saw. */
typedef struct journal {
    pthread_t reader;
    unsigned taken, on_reader; /* batches; of them on the reading side's thread */
    unsigned fail_at;          /* this one fails; 0: none */
    bool slow, out_of_order;
} journal;

static int record(void *ctx, capture_batch *batch, tally_error *err) {
    journal *seen = ctx;
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    if (seen->slow) (void)nanosleep(&moment, NULL);
    seen->taken++;
    seen->on_reader += pthread_equal(seen->reader, pthread_self()) != 0;
    if (batch->cost_count != 1 || batch->costs[0].seen.time_ms != (int64_t)seen->taken)
        seen->out_of_order = true;
    if (seen->taken == seen->fail_at) return tally_fail(err, TALLY_ENOSPC, "the disk is full");
    return 0;
}

/* Gathers the response number `number` and nothing else. */
static void gather(capture_pipeline *pipeline, unsigned number) {
    tally_error err;
    char key[32];
    int len = snprintf(key, sizeof key, "key-%u", number);
    const capture_cost cost = {
        .session = tally_span_str("session"),
        .key = tally_span_of(key, (size_t)len),
        .time_ms = (int64_t)number,
        .model = tally_span_str("model"),
    };
    assert_int_equal(capture_batch_cost(pipeline->filling, "agent", &cost, &err), 0);
}

static void open_pipeline(capture_pipeline *pipeline, journal *seen) {
    seen->reader = pthread_self();
    capture_pipeline_init(pipeline, 8, 1024, record, seen);
}

static void batches_are_recorded_once_and_in_order(void **state) {
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        capture_pipeline pipeline;
        journal seen = {.slow = slow == 1};
        tally_error err;
        open_pipeline(&pipeline, &seen);
        for (unsigned i = 1; i <= BATCHES; i++) {
            gather(&pipeline, i);
            if (i < BATCHES) assert_int_equal(capture_pipeline_pass(&pipeline, &err), 0);
        }
        assert_int_equal(capture_pipeline_finish(&pipeline, &err), 0);
        assert_int_equal(seen.taken, BATCHES);
        assert_false(seen.out_of_order);
        assert_true(seen.on_reader < BATCHES);
        capture_pipeline_clear(&pipeline);
        assert_int_equal(seen.taken, BATCHES);
    }
}

static void a_pass_of_one_batch_needs_no_thread(void **state) {
    (void)state;
    capture_pipeline pipeline;
    journal seen = {0};
    tally_error err;
    open_pipeline(&pipeline, &seen);
    gather(&pipeline, 1);
    assert_int_equal(capture_pipeline_finish(&pipeline, &err), 0);
    assert_int_equal(seen.taken, 1);
    assert_int_equal(seen.on_reader, 1);
    assert_false(pipeline.threaded);
    capture_pipeline_clear(&pipeline);
}

static void nothing_gathered_is_not_recorded(void **state) {
    (void)state;
    capture_pipeline pipeline;
    journal seen = {0};
    tally_error err;
    open_pipeline(&pipeline, &seen);
    for (int i = 0; i < 3; i++)
        assert_int_equal(capture_pipeline_pass(&pipeline, &err), 0);
    assert_int_equal(capture_pipeline_finish(&pipeline, &err), 0);
    assert_int_equal(seen.taken, 0);
    capture_pipeline_clear(&pipeline);
}

static void an_error_of_the_recording_side_is_told_and_nothing_is_recorded_after_it(void **state) {
    (void)state;
    for (unsigned fail_at = 1; fail_at <= 4; fail_at++) {
        capture_pipeline pipeline;
        journal seen = {.fail_at = fail_at, .slow = true};
        tally_error err = {0};
        int rc = 0;
        open_pipeline(&pipeline, &seen);
        for (unsigned i = 1; i <= fail_at && !rc; i++) {
            gather(&pipeline, i);
            rc = capture_pipeline_pass(&pipeline, &err);
        }
        if (!rc) {
            gather(&pipeline, fail_at + 1);
            rc = capture_pipeline_finish(&pipeline, &err);
        }
        assert_int_equal(rc, TALLY_ENOSPC);
        assert_non_null(strstr(err.text, "the disk is full"));
        capture_pipeline_clear(&pipeline);
        assert_int_equal(seen.taken, fail_at);
    }
}

static void after_waiting_nothing_is_being_recorded(void **state) {
    (void)state;
    capture_pipeline pipeline;
    journal seen = {.slow = true};
    tally_error err;
    open_pipeline(&pipeline, &seen);
    for (unsigned i = 1; i <= 5; i++) {
        gather(&pipeline, i);
        assert_int_equal(capture_pipeline_pass(&pipeline, &err), 0);
        assert_int_equal(capture_pipeline_wait(&pipeline, &err), 0);
        assert_int_equal(seen.taken, i);
    }
    capture_pipeline_clear(&pipeline);
}

static void a_batch_that_was_handed_over_is_recorded_also_when_reading_breaks_off(void **state) {
    (void)state;
    capture_pipeline pipeline;
    journal seen = {.slow = true};
    tally_error err;
    open_pipeline(&pipeline, &seen);
    for (unsigned i = 1; i <= 3; i++) {
        gather(&pipeline, i);
        assert_int_equal(capture_pipeline_pass(&pipeline, &err), 0);
    }
    gather(&pipeline, 4);
    capture_pipeline_clear(&pipeline);
    assert_int_equal(seen.taken, 3);
    assert_false(seen.out_of_order);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_recorded_once_and_in_order),
        cmocka_unit_test(a_pass_of_one_batch_needs_no_thread),
        cmocka_unit_test(nothing_gathered_is_not_recorded),
        cmocka_unit_test(an_error_of_the_recording_side_is_told_and_nothing_is_recorded_after_it),
        cmocka_unit_test(after_waiting_nothing_is_being_recorded),
        cmocka_unit_test(a_batch_that_was_handed_over_is_recorded_also_when_reading_breaks_off),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
