/* Shared folders between real ledgers, the folder being a list in memory: rounds, gaps, lost and
 * torn files, joining, epochs, and crashes at every step. */
#include "folder_fixture.h"

/* ---- two devices, and a third that comes later ---- */

typedef struct trio {
    fixture a, b, c;
    shared s;
} trio;

static int trio_setup(void **state) {
    trio *t = calloc(1, sizeof *t);
    assert_non_null(t);
    fixture_open(&t->a);
    team_join(&t->b, &t->a, 2);
    team_join(&t->c, &t->a, 3);
    fixture_admit(&t->a, t->b.key, TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(&t->a, t->c.key, TALLY_ROLE_MEMBER, "cy", "tower");
    /* b and c have met a once, as joining does */
    team_pass_all(&t->a, &t->b, tally_key_device(t->a.key));
    team_pass_all(&t->a, &t->c, tally_key_device(t->a.key));
    *state = t;
    return 0;
}

static int trio_teardown(void **state) {
    trio *t = *state;
    shared_clear(&t->s);
    fixture_close(&t->c);
    fixture_close(&t->b);
    fixture_close(&t->a);
    free(t);
    return 0;
}

static void assert_same(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    assert_memory_equal(&x, &y, sizeof x);
}

static void a_round(trio *t) {
    (void)round_on(&t->a, &t->s);
    (void)round_on(&t->b, &t->s);
    (void)round_on(&t->c, &t->s);
}

static void devices_agree_through_a_folder_and_then_rest(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 3);
    fixture_append_costs(&t->b, 100, 2);
    fixture_append_costs(&t->c, 200, 1);
    round_of *r = round_on(&t->a, &t->s);
    assert_int_equal(r->wrote, 1);
    assert_int_equal(r->records_out, 9);
    r = round_on(&t->b, &t->s);
    assert_int_equal(r->read, 1);
    assert_int_equal(r->records_in, 3);
    assert_int_equal(r->records_out, 2); /* not what the folder holds already */
    r = round_on(&t->c, &t->s);
    assert_int_equal(r->read, 2);
    assert_int_equal(r->records_in, 5);
    assert_int_equal(r->records_out, 1);
    (void)round_on(&t->a, &t->s);
    (void)round_on(&t->b, &t->s);
    assert_same(&t->a, &t->b);
    assert_same(&t->a, &t->c);
    for (size_t i = 0; i < 3; i++) {
        fixture *each[] = {&t->a, &t->b, &t->c};
        r = round_on(each[i], &t->s);
        assert_int_equal(r->read + r->passed + r->wrote + r->deleted, 0);
    }
    assert_int_equal(shared_count(&t->s), 3);
}

static void a_file_is_named_by_secret_device_and_counter(void **state) {
    trio *t = *state;
    static const uint8_t person[16] = "tally folder";
    uint8_t subject[40] = {0}, hash[32];
    char name[TALLY_FOLDER_NAME_BYTES];
    for (uint8_t counter = 0; counter < 3; counter++) {
        fixture_append_costs(&t->a, counter, 1);
        (void)round_on(&t->a, &t->s);
        tally_team_secret secret = secret_of(&t->a);
        memcpy(subject, tally_key_device(t->a.key)->b, 32);
        subject[39] = counter;
        (void)crypto_generichash_blake2b_salt_personal(hash, 32, subject, 40, secret.bytes, 32,
                                                       NULL, person);
        tally_hex(tally_span_of(hash, 12), name);
        memcpy(name + 24, ".tally", 7);
        assert_non_null(shared_find(&t->s, name));
    }
}

static void other_files_are_left_alone(void **state) {
    trio *t = *state;
    static const char *const others[] = {"README.txt",
                                         "0123456789abcdef01234567.tall",
                                         "0123456789ABCDEF01234567.tally",
                                         "0123456789abcdef0123456.tally",
                                         "0123456789abcdef012345678.tally",
                                         "0123456789abcdef01234567_tally",
                                         "0123456789abcdef01234567.tally.partia",
                                         "0123456789abcdef01234567.tally.sync-1",
                                         "0123456789abcdef01234567.tally.partial"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        shared_add(&t->s, others[i], (file){0});
    round_of *r = round_at(&t->a, &t->s, FIXTURE_NOW_MS + 1000 * DAY_MS, NO_CRASH);
    assert_int_equal(r->read + r->passed + r->deleted, 0);
    assert_int_equal(t->s.count, 1 + sizeof others / sizeof *others);
    r = round_on(&t->a, &t->s);
    assert_int_equal(r->read + r->passed + r->wrote + r->deleted, 0);
}

static void a_file_that_came_before_another_is_read_again_after_it(void **state) {
    trio *t = *state;
    round_of *r = round_on(&t->a, &t->s); /* one */
    char one[TALLY_FOLDER_NAME_BYTES];
    (void)snprintf(one, sizeof one, "%s", r->plan.name);
    fixture_append_costs(&t->a, 0, 1);
    (void)round_on(&t->a, &t->s); /* two */
    fixture_append_costs(&t->a, 1, 1);
    (void)round_on(&t->a, &t->s); /* three */
    assert_int_equal(shared_count(&t->s), 3);
    fixture late, *d = &late;
    team_join(d, &t->a, 4);
    fixture_admit(&t->a, d->key, TALLY_ROLE_MEMBER, "dee", "phone");
    team_pass_all(&t->a, d, tally_key_device(t->a.key));
    fixture_append_costs(&t->b, 5, 1);
    (void)round_on(&t->b, &t->s);

    /* b's second file comes before its first one */
    char first[TALLY_FOLDER_NAME_BYTES], second[TALLY_FOLDER_NAME_BYTES];
    fixture_append_costs(&t->b, 6, 1);
    (void)snprintf(first, sizeof first, "%s", round_on(&t->b, &t->s)->plan.name);
    fixture_append_costs(&t->b, 7, 1);
    (void)snprintf(second, sizeof second, "%s", round_on(&t->b, &t->s)->plan.name);
    file kept =
        file_copy(&shared_find(&t->s, first)->content, shared_find(&t->s, first)->content.len);
    shared_remove(&t->s, first);
    r = round_on(d, &t->s);
    assert_true(r->skipped > 0); /* tried again when other files have brought something */
    assert_int_equal(team_stored(d, tally_key_device(t->b.key)), 1);
    r = round_on(d, &t->s);
    assert_int_equal(r->read, 0); /* nothing has changed here since */
    shared_add(&t->s, first, kept);
    r = round_on(d, &t->s);
    assert_int_equal(r->read, 2);
    assert_int_equal(r->records_in, 2);
    assert_int_equal(r->skipped, 0);
    assert_int_equal(team_stored(d, tally_key_device(t->b.key)), 3);
    fixture_close(d);
}

static void a_torn_file_is_passed_over_until_it_is_whole(void **state) {
    trio *t = *state;
    round_of *r = round_on(&t->a, &t->s);
    fixture_append_costs(&t->a, 0, 3);
    r = round_on(&t->a, &t->s);
    char name[TALLY_FOLDER_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s", r->plan.name);
    stored *whole = shared_find(&t->s, name);
    size_t len = whole->content.len;
    whole->content.len = len / 2;
    r = round_on(&t->b, &t->s);
    assert_int_equal(r->passed, 1);
    assert_int_equal(r->read, 1);
    assert_int_equal(r->records_in, 0);
    shared_find(&t->s, name)->content.len = len;
    r = round_on(&t->b, &t->s);
    assert_int_equal(r->read, 1);
    assert_int_equal(r->records_in, 3);
}

static void what_a_lost_file_held_is_written_again_by_whoever_comes_next(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    a_round(t);
    a_round(t);
    assert_same(&t->a, &t->c);
    while (t->s.count > 0)
        shared_remove(&t->s, t->s.files[0].name);
    round_of *r = round_on(&t->c, &t->s);
    assert_int_equal(r->wrote, 1);
    assert_int_equal(r->records_out, FIXTURE_FIRST + 4 + 3); /* b's as well */
    r = round_on(&t->a, &t->s);
    assert_int_equal(r->wrote, 0);
}

static void many_small_files_are_joined_into_one(void **state) {
    trio *t = *state;
    for (uint32_t i = 0; i < TALLY_FOLDER_JOIN_FILES; i++) {
        fixture_append_costs(&t->a, i, 1);
        assert_int_equal(round_on(&t->a, &t->s)->deleted, 0);
    }
    assert_int_equal(shared_count(&t->s), TALLY_FOLDER_JOIN_FILES);
    round_of *r = round_on(&t->a, &t->s);
    assert_int_equal(r->wrote, 1);
    assert_true(r->deleted >= TALLY_FOLDER_JOIN_FILES / 2);
    assert_int_equal(shared_count(&t->s), TALLY_FOLDER_JOIN_FILES + 1 - r->deleted);
    r = round_on(&t->a, &t->s);
    assert_int_equal(r->wrote + r->deleted, 0);
    (void)round_on(&t->b, &t->s);
    assert_same(&t->a, &t->b);
}

static void a_crash_between_writing_and_deleting_is_made_good(void **state) {
    trio *t = *state;
    for (uint32_t i = 0; i < TALLY_FOLDER_JOIN_FILES; i++) {
        fixture_append_costs(&t->a, i, 1);
        (void)round_on(&t->a, &t->s);
    }
    round_of *r = round_at(&t->a, &t->s, FIXTURE_NOW_MS, BEFORE_DELETE);
    assert_int_equal(shared_count(&t->s), TALLY_FOLDER_JOIN_FILES + 1);
    r = round_on(&t->a, &t->s);
    assert_int_equal(r->wrote, 0);
    assert_true(r->deleted >= TALLY_FOLDER_JOIN_FILES / 2);
    (void)round_on(&t->b, &t->s);
    assert_same(&t->a, &t->b);
}

static void a_crash_after_the_rename_leaves_an_own_file(void **state) {
    trio *t = *state;
    for (uint32_t i = 0; i < TALLY_FOLDER_JOIN_FILES; i++) {
        fixture_append_costs(&t->a, i, 1);
        round_of *r = round_at(&t->a, &t->s, FIXTURE_NOW_MS, i == 3 ? AFTER_RENAME : NO_CRASH);
        assert_int_equal(r->read, i == 4);
        assert_int_equal(r->records_in, 0);
        assert_int_equal(r->records_out, i == 0 ? FIXTURE_FIRST + 4 + 1 : 1);
    }
    round_of *r = round_on(&t->a, &t->s);
    assert_int_equal(r->deleted, TALLY_FOLDER_JOIN_FILES); /* that one too */
    (void)round_on(&t->b, &t->s);
    assert_same(&t->a, &t->b);
}

static void a_partial_file_is_deleted_by_its_writer_after_a_day(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 1);
    (void)round_at(&t->a, &t->s, FIXTURE_NOW_MS, BEFORE_RENAME);
    assert_int_equal(shared_count(&t->s), 0);
    round_of *r = round_at(&t->b, &t->s, FIXTURE_NOW_MS + 2 * DAY_MS, NO_CRASH);
    assert_int_equal(r->deleted + r->read + r->passed, 0);
    r = round_at(&t->a, &t->s, FIXTURE_NOW_MS + DAY_MS, NO_CRASH);
    assert_int_equal(r->deleted, 0); /* another process may be at it */
    r = round_at(&t->a, &t->s, FIXTURE_NOW_MS + DAY_MS + 1, NO_CRASH);
    assert_int_equal(r->deleted, 1);
    assert_int_equal(t->s.count, shared_count(&t->s));
}

/* One record that `device` never signed, at `from`, sealed with the team's secret, as if the proof
 * of a fork vouched for it. */
static file forged_file(fixture *f, const tally_device_id *device, uint64_t from) {
    static uint8_t sealed[4096];
    tally_team_secret secret = secret_of(f);
    tally_buffer plain, raw;
    tally_wire_commits c = {.device = *device, .from = from, .count = 1};
    seal s;
    file out = {0};
    tally_buffer_init(&plain, 2000);
    tally_buffer_init(&raw, 100);
    OK(tally_wire_add_record(&raw, text("a record"), &f->err));
    OK(tally_wire_pack(segment_packer(), tally_buffer_span(&raw), &c.packed, &f->err));
    c.raw_len = (uint32_t)raw.len;
    c.checkpoint.size = from + 1;
    OK(tally_wire_put_hello(&plain, 0, NULL, 0, NULL, 0, &f->err));
    OK(tally_wire_put_commits(&plain, &c, &f->err));
    seal_begin(&s, secret.bytes, sealed, sizeof sealed);
    assert_true(seal_chunk(&s, plain.ptr, plain.len, SEAL_FINAL));
    (void)file_sink(&out, tally_span_of(sealed, s.len), NULL);
    tally_buffer_clear(&raw);
    tally_buffer_clear(&plain);
    return out;
}

static void what_nobody_could_take_does_not_count_as_held(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    shared_add(&t->s, "00112233445566778899aabb.tally",
               forged_file(f, tally_key_device(f->key), FIXTURE_FIRST + 4 + 1));
    round_of *r = round_on(f, &t->s);
    assert_int_equal(r->skipped, 1);
    fixture_append_costs(f, 0, 1);
    r = round_on(f, &t->s);
    assert_int_equal(r->records_out, 1);
    fixture_append_costs(f, 1, 1); /* where the forged one claims to be */
    r = round_on(f, &t->s);
    assert_int_equal(r->skipped, 1);
    assert_int_equal(r->records_out, 1);
    (void)round_on(&t->b, &t->s);
    assert_same(f, &t->b);
}

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t secret[TALLY_TEAM_SECRET_BYTES] = {9};
    return tally_team_device_revoke(txn, ctx, secret, err);
}

static void after_a_rotation_all_is_written_under_the_new_secret(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    tally_device_id gone = *tally_key_device(t->c.key);
    fixture_append_costs(&t->b, 0, 3);
    a_round(t);
    a_round(t);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one, &gone, &f->err));
    round_of *r = round_on(f, &t->s);
    assert_int_equal(r->wrote, 1);
    assert_int_equal(r->records_out, FIXTURE_FIRST + 4 + 3 + 2);
    assert_int_equal(r->deleted, 1); /* its own of the old epoch */
    r = round_on(&t->c, &t->s);      /* who was revoked can read no more */
    assert_int_equal(r->passed, 1);
    assert_int_equal(r->records_in, 0);
    r = round_on(&t->b, &t->s);
    assert_int_equal(r->read, 2); /* the one under the secret it brings, and c's of before */
    assert_int_equal(r->records_in, 2);
    assert_int_equal(r->wrote, 0);
    assert_int_equal(r->deleted, 1);
    fixture_append_costs(&t->b, 50, 1);
    r = round_on(&t->b, &t->s);
    assert_int_equal(r->records_out, 1);
    (void)round_on(f, &t->s);
    assert_same(f, &t->b);
}

static void a_file_copied_to_another_folder_is_not_read_twice(void **state) {
    trio *t = *state;
    static shared stick;
    stick = (shared){.count = 0};
    fixture_append_costs(&t->a, 0, 3);
    (void)round_on(&t->a, &t->s);
    (void)round_on(&t->b, &t->s);
    shared_add(&stick, t->s.files[0].name,
               file_copy(&t->s.files[0].content, t->s.files[0].content.len));
    round_of *r = round_on(&t->b, &stick);
    assert_int_equal(r->read + r->wrote, 0);
    shared_clear(&stick);
    r = round_on(&t->b, &stick); /* an empty one lacks everything */
    assert_int_equal(r->records_out, FIXTURE_FIRST + 4 + 3);
    shared_clear(&stick);
}

static int count_row(void *ctx, tally_span key, tally_span value, tally_error *err) {
    (void)key, (void)value, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static size_t rows_of(fixture *f) {
    size_t count = 0;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_local_each(txn, TALLY_LOCAL_FOLDERS, count_row, &count, &f->err));
    tally_read_end(txn);
    return count;
}

static void files_that_went_long_ago_are_forgotten(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->a, 0, 3);
    (void)round_on(&t->a, &t->s);
    (void)round_on(&t->b, &t->s);
    assert_int_equal(rows_of(&t->b), 1);
    fixture_append_costs(&t->b, 10, 1);
    shared_clear(&t->s);
    (void)round_at(&t->b, &t->s, FIXTURE_NOW_MS + TALLY_FOLDER_FORGET_MS, NO_CRASH);
    assert_int_equal(rows_of(&t->b), 3); /* the counter, the new one, the old one */
    fixture_append_costs(&t->b, 11, 1);
    (void)round_at(&t->b, &t->s, FIXTURE_NOW_MS + TALLY_FOLDER_FORGET_MS + 1, NO_CRASH);
    assert_int_equal(rows_of(&t->b), 3); /* the counter and two new ones */
}

static void a_folder_of_too_many_files_is_refused(void **state) {
    (void)state;
    tally_error err;
    tally_folder *folder;
    size_t count = 2 * TALLY_FOLDER_MAX_FILES + 1;
    tally_folder_file *files = calloc(count, sizeof *files);
    char(*names)[TALLY_FOLDER_NAME_BYTES] = calloc(count, sizeof *names);
    assert_true(files && names);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "%024zx.tally", i);
        files[i].name = text(names[i]);
    }
    assert_int_equal(tally_folder_new(files, count, &folder, &err), TALLY_ELIMIT);
    assert_int_equal(tally_folder_new(files, count - 1, &folder, &err), 0);
    tally_folder_free(folder);
    tally_folder_free(NULL);
    free(names);
    free(files);
}

#define TRIO(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TRIO(devices_agree_through_a_folder_and_then_rest),
        TRIO(a_file_is_named_by_secret_device_and_counter),
        TRIO(other_files_are_left_alone),
        TRIO(a_file_that_came_before_another_is_read_again_after_it),
        TRIO(a_torn_file_is_passed_over_until_it_is_whole),
        TRIO(what_a_lost_file_held_is_written_again_by_whoever_comes_next),
        TRIO(many_small_files_are_joined_into_one),
        TRIO(a_crash_between_writing_and_deleting_is_made_good),
        TRIO(a_crash_after_the_rename_leaves_an_own_file),
        TRIO(a_partial_file_is_deleted_by_its_writer_after_a_day),
        TRIO(what_nobody_could_take_does_not_count_as_held),
        TRIO(after_a_rotation_all_is_written_under_the_new_secret),
        TRIO(a_file_copied_to_another_folder_is_not_read_twice),
        TRIO(files_that_went_long_ago_are_forgotten),
        cmocka_unit_test(a_folder_of_too_many_files_is_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tally_wire_packer_free(segment_packer());
    return failed;
}
