/* The bounded set of hashes, held against a plain list of what was added. */
#include "capture/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CAPACITY 256u
#define ADDED    2000u

/* Spread over the set, with low bits that often collide. */
static uint64_t member(uint64_t number) {
    return number * UINT64_C(0x9E3779B97F4A7C15) & ~UINT64_C(0x3C);
}

static void the_newest_members_are_held_and_older_ones_forgotten(void **state) {
    (void)state;
    capture_recent set;
    capture_recent_init(&set, CAPACITY);
    assert_false(capture_recent_has(&set, member(1)));
    for (uint64_t n = 1; n <= ADDED; n++) {
        assert_int_equal(capture_recent_add(&set, member(n), NULL), 0);
        uint64_t held = n < CAPACITY ? n : CAPACITY;
        assert_int_equal(set.count, held);
        for (uint64_t age = 0; age < held; age++) {
            assert_true(capture_recent_has(&set, member(n - age)));
            assert_true(capture_recent_newest(&set, (uint32_t)age) == member(n - age));
        }
        if (n > held) assert_false(capture_recent_has(&set, member(n - held)));
    }
    capture_recent_clear(&set);
    assert_false(capture_recent_has(&set, member(ADDED)));
}

static void adding_a_member_again_changes_nothing(void **state) {
    (void)state;
    capture_recent set;
    capture_recent_init(&set, 4);
    for (uint64_t n = 1; n <= 4; n++)
        assert_int_equal(capture_recent_add(&set, member(n), NULL), 0);
    assert_int_equal(capture_recent_add(&set, member(1), NULL), 0);
    assert_int_equal(set.count, 4);
    assert_true(capture_recent_newest(&set, 3) == member(1));
    assert_int_equal(capture_recent_add(&set, member(5), NULL), 0);
    assert_false(capture_recent_has(&set, member(1)));
    assert_true(capture_recent_has(&set, member(2)));
    capture_recent_clear(&set);
}

static void a_small_set_takes_little_memory(void **state) {
    (void)state;
    capture_recent set;
    capture_recent_init(&set, 1u << 20);
    assert_int_equal(set.room, 0);
    assert_int_equal(capture_recent_add(&set, member(1), NULL), 0);
    assert_true(set.room <= 64);
    capture_recent_clear(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_members_are_held_and_older_ones_forgotten),
        cmocka_unit_test(adding_a_member_again_changes_nothing),
        cmocka_unit_test(a_small_set_takes_little_memory),
    };
    return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
