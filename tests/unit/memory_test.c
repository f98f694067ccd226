/* Memory that ran out: noted, and no write in which it did is committed. The programs under it are
 * struck by tests/faults. */
#include "ledger_fixture.h"

#include <tally/ledger.h>
#include <tally/memory.h>

static fixture *f;
static int called;

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    return rc;
}

static int put_while_memory_lacks(void *ctx, tally_txn *txn, tally_error *err) {
    const bool *lacks = ctx;
    if (*lacks) tally_memory_lost(); /* and whoever asked for some took it for something else */
    return tally_local_put(txn, TALLY_LOCAL_SETTINGS, text("thing"), text("value"), err);
}

static bool is_there(void) {
    tally_txn *txn;
    tally_span value;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_local_get(txn, TALLY_LOCAL_SETTINGS, text("thing"), &value);
    tally_read_end(txn);
    return rc == 0;
}

static void a_write_in_which_memory_ran_out_is_not_committed(void **state) {
    (void)state;
    bool lacks = true;
    assert_int_equal(
        tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_while_memory_lacks, &lacks, &f->err),
        TALLY_ENOMEM);
    assert_false(is_there());
    lacks = false; /* what is past does not count */
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_while_memory_lacks, &lacks, &f->err));
    assert_true(is_there());
}

static void note_call(void) {
    called++;
}

static void a_program_is_told_of_each_lack_once(void **state) {
    (void)state;
    uint64_t before = tally_memory_losses();
    tally_memory_on_loss(note_call);
    tally_memory_lost();
    tally_memory_lost();
    tally_memory_on_loss(NULL);
    tally_memory_lost();
    assert_int_equal(called, 2);
    assert_int_equal(tally_memory_losses() - before, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_in_which_memory_ran_out_is_not_committed, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_program_is_told_of_each_lack_once, setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
