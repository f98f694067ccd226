/* The scanner chosen for this processor against the portable one, on strings and containers made by
 * a seeded generator. */
#include "json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static uint32_t next_random(uint64_t *seed) {
    *seed =
        *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

static void the_fast_scanner_agrees_with_the_portable_one_on_strings(void **state) {
    (void)state;
    static const char alphabet[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\\\\\\\\"/bfnrtu0Fg ";
    const json_scanner *fast = json_scanner_best(), *plain = &json_scanner_portable;
    uint64_t seed = 20260301;
    unsigned complete = 0;
    for (int round = 0; round < 20000; round++) {
        size_t len = next_random(&seed) % 200;
        uint8_t *text = malloc(len + 1);
        assert_non_null(text);
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)alphabet[next_random(&seed) % (sizeof alphabet - 1)];
        const uint8_t *end = text + len, *quote = plain->check_string(text, end);
        if (fast->check_string(text, end) != quote) fail_msg("seed 20260301, round %d", round);
        if (quote) {
            bool escaped = false, plainly = false;
            complete++;
            assert_ptr_equal(plain->skip_string(text, end, &plainly), quote);
            assert_ptr_equal(fast->skip_string(text, end, &escaped), quote);
            assert_int_equal(escaped, plainly);
            assert_int_equal(escaped, memchr(text, '\\', (size_t)(quote - text)) != NULL);
        }
        free(text);
    }
    assert_true(complete > 1000); /* else the alphabet no longer makes strings */
}

static void the_fast_scanner_agrees_with_the_portable_one_on_containers(void **state) {
    (void)state;
    static const char *const tokens[] = {"[", "{",    "]",      "}",         "]",        ",",
                                         "1", "    ", "\"}]\"", "\"\\\"[\"", "\"\\\\\"", "\"{[\""};
    uint64_t seed = 20260302;
    for (int round = 0; round < 20000; round++) {
        char text[600] = "[";
        size_t len = 1, count = next_random(&seed) % 100;
        for (size_t i = 0; i < count; i++) {
            const char *token = tokens[next_random(&seed) % COUNT(tokens)];
            memcpy(text + len, token, strlen(token));
            len += strlen(token);
        }
        uint8_t *exact = malloc(len);
        assert_non_null(exact);
        memcpy(exact, text, len);
        if (json_scanner_best()->skip_container(exact, exact + len) !=
            json_scanner_portable.skip_container(exact, exact + len))
            fail_msg("seed 20260302, round %d: %.*s", round, (int)len, text);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fast_scanner_agrees_with_the_portable_one_on_strings),
        cmocka_unit_test(the_fast_scanner_agrees_with_the_portable_one_on_containers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
