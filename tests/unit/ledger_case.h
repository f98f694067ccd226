/* A ledger of its own, `f`, for each case of a test that is listed as LEDGER(case). */
#ifndef TESTS_LEDGER_CASE_H
#define TESTS_LEDGER_CASE_H

#include "ledger_fixture.h"

static fixture *f;

static inline int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    return rc;
}

#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

#endif
