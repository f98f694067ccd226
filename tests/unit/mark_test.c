/* The high-water mark: a ledger brought back from a backup does not sign other records in the place
 * of those it has lost. */
#include "fork_fixture.h"

static fixture *f;
static fixture bob;

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    return rc;
}

static int teardown(void **state) {
    fixture_close(&bob);
    return fixture_teardown(state);
}

/* `tally backup` to a file beside the ledger. */
static void back_up(fixture *who, const char *name) {
    char path[FIXTURE_PATH_BYTES];
    fixture_path(who, name, path);
    OK(tally_backup(who->ledger, path, &f->err));
}

/* The backup takes the store's place; key and mark stay where they are. */
static void restore(fixture *who, const char *name) {
    char path[FIXTURE_PATH_BYTES], store[FIXTURE_PATH_BYTES];
    fixture_path(who, name, path);
    fixture_path(who, STORE_FILE, store);
    tally_ledger_close(who->ledger);
    who->ledger = NULL;
    assert_int_equal(rename(path, store), 0);
    fixture_reopen(who, false, 0);
    fixture_hurry(who);
}

static int try_append(fixture *who) {
    many_records many = {.writer = who->writer, .first = 900, .count = 1};
    return tally_ledger_write(who->ledger, FIXTURE_NOW_MS, append_many, &many, &who->err);
}

static size_t mark_text(fixture *who, char *out, size_t size) {
    char path[FIXTURE_PATH_BYTES];
    fixture_path(who, TALLY_MARK_FILE, path);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    size_t n = fread(out, 1, size - 1, file);
    fclose(file);
    out[n] = '\0';
    return n;
}

static void mark_write(fixture *who, const char *bytes, size_t len) {
    char path[FIXTURE_PATH_BYTES];
    fixture_path(who, TALLY_MARK_FILE, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static uint64_t mark_size(fixture *who) {
    char words[512];
    unsigned long long size = 0;
    uint64_t read, lost;
    if (mark_text(who, words, sizeof words) == 0) return 0;
    assert_int_equal(sscanf(words, "tally mark 1\n%llu\n", &size), 1);
    OK(tally_mark_lost(who->ledger, &read, &lost, &who->err));
    assert_true(read == size);
    assert_true(read <= fixture_size(who) || lost == read - fixture_size(who));
    return size;
}

static void the_mark_rises_with_every_commit(void **state) {
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    struct stat st;
    assert_int_equal(mark_size(f), 4);
    fixture_append_costs(f, 0, 1);
    assert_int_equal(mark_size(f), 5);
    fixture_append_costs(f, 1, 10);
    assert_int_equal(mark_size(f), 15);
    many_records many = {.writer = f->writer, .count = 2, .fail_with = TALLY_EINVAL};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_EINVAL);
    assert_int_equal(mark_size(f), 15);
    fixture_path(f, TALLY_MARK_FILE, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_restored_backup_refuses_until_its_records_have_come_back(void **state) {
    (void)state;
    static commit c;
    fixture_append_costs(f, 0, 3);
    back_up(f, "backup");
    fixture_append_costs(f, 3, 2);
    fixture_append_costs(f, 5, 2);
    team_pass_all(f, &bob, fixture_id(f));
    restore(f, "backup");
    assert_int_equal(fixture_size(f), 7);
    assert_int_equal(try_append(f), TALLY_EREFUSED);
    assert_non_null(strstr(
        f->err.text,
        "this ledger is an older copy: this device has signed 11 records and the copy holds 7; "
        "'tally sync now' fetches them from a teammate; if nobody has them, delete "));
    assert_int_equal(fixture_size(f), 7);
    assert_true(commit_read(&bob, fixture_id(f), 7, &c));
    OK(commit_give(f, &c));
    assert_int_equal(mark_size(f), 11); /* never lowered */
    assert_int_equal(try_append(f), TALLY_EREFUSED);
    team_pass_all(&bob, f, fixture_id(f));
    OK(try_append(f));
    assert_int_equal(mark_size(f), 12);
    team_pass_all(f, &bob, fixture_id(f));
    fixture_verify_clean(f);
}

/* Nobody could invite a team's only admin again: it would be locked out of its own ledger. */
static void lost_records_end_the_only_admin_no_more_than_others(void **state) {
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    fixture_append_costs(f, 0, 3);
    back_up(f, "backup");
    fixture_append_costs(f, 3, 2);
    restore(f, "backup");
    assert_int_equal(try_append(f), TALLY_EREFUSED);
    fixture_path(f, TALLY_MARK_FILE, path);
    assert_non_null(strstr(f->err.text, path));
    assert_int_equal(unlink(path), 0);
    OK(try_append(f));
    fixture_verify_clean(f);

    team_pass_all(f, &bob, fixture_id(f));
    fixture_append_costs(&bob, 100, 3);
    back_up(&bob, "backup");
    fixture_append_costs(&bob, 103, 2);
    restore(&bob, "backup");
    assert_int_equal(try_append(&bob), TALLY_EREFUSED);
    assert_non_null(strstr(bob.err.text, "join again under a new key"));
}

static void a_current_backup_goes_on(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 3);
    back_up(f, "backup");
    restore(f, "backup");
    OK(try_append(f));
}

static void a_copy_that_went_another_way_refuses_at_the_same_size_and_past_it(void **state) {
    (void)state;
    char words[512];
    fixture other;
    fixture_append_costs(f, 0, 3);
    fork_copy(f, &other, 1);
    fixture_append_costs(f, 3, 2);
    fixture_append_costs(&other, 100, 2);
    size_t len = mark_text(f, words, sizeof words);
    mark_write(&other, words, len); /* the other store under this machine's mark */
    assert_int_equal(try_append(&other), TALLY_EREFUSED);
    assert_non_null(strstr(other.err.text, "another copy: the first 9 records"));
    char path[FIXTURE_PATH_BYTES];
    fixture_path(&other, TALLY_MARK_FILE, path);
    assert_int_equal(unlink(path), 0);
    fixture_append_costs(&other, 200, 2);
    mark_write(&other, words, len); /* longer, and its 9th record is not ours either */
    assert_int_equal(try_append(&other), TALLY_EREFUSED);
    assert_non_null(strstr(other.err.text, "another copy: the first 9 records"));
    fixture_close(&other);
}

static void a_mark_that_is_missing_or_torn_anywhere_is_made_anew(void **state) {
    (void)state;
    char words[512], path[FIXTURE_PATH_BYTES];
    uint32_t next = 1;
    fixture_append_costs(f, 0, 1);
    size_t len = mark_text(f, words, sizeof words);
    assert_int_equal(len, 13 + 21 + 65 + 17); /* head, 20 digits, 64 and 16 hex, newlines */
    fixture_path(f, TALLY_MARK_FILE, path);
    assert_int_equal(unlink(path), 0);
    fixture_append_costs(f, next++, 1);
    assert_int_equal(mark_size(f), 6);
    for (size_t cut = 0; cut <= len; cut += 4) {
        /* the first bytes of a mark that is far ahead: never believed unless whole */
        char torn[512];
        memcpy(torn, words, len);
        memset(torn + 13, '9', 19);
        mark_write(f, torn, cut < len ? cut : len);
        uint64_t size, lost;
        assert_int_equal(tally_mark_lost(f->ledger, &size, &lost, NULL), TALLY_ENOTFOUND);
        fixture_append_costs(f, next, 1);
        assert_int_equal(mark_size(f), 5 + next);
        next++;
    }
    for (size_t at = 0; at < len; at += 3) {
        char flipped[512];
        (void)mark_text(f, flipped, sizeof flipped);
        flipped[at] = (char)(flipped[at] ^ 1);
        mark_write(f, flipped, len);
        fixture_append_costs(f, next, 1);
        assert_int_equal(mark_size(f), 5 + next);
        next++;
    }
    mark_write(f, words, len); /* one that lies behind is raised */
    fixture_append_costs(f, next, 1);
    assert_int_equal(mark_size(f), 5 + next);
}

static void a_mark_of_another_device_or_team_says_nothing(void **state) {
    (void)state;
    char words[512];
    fixture_append_costs(f, 0, 40);
    size_t len = mark_text(f, words, sizeof words);
    mark_write(&bob, words, len);
    fixture_append_costs(&bob, 100, 1);
    assert_int_equal(mark_size(&bob), 1);
}

/* What peers claim of the own feed and cannot show does not count. */
static void nothing_that_a_peer_claims_raises_the_mark(void **state) {
    (void)state;
    static commit c;
    fixture_append_costs(f, 0, 3);
    back_up(f, "backup");
    fixture_append_costs(f, 3, 2);
    team_pass_all(f, &bob, fixture_id(f));
    restore(f, "backup");
    char path[FIXTURE_PATH_BYTES];
    fixture_path(f, TALLY_MARK_FILE, path);
    assert_int_equal(unlink(path), 0);
    assert_true(commit_read(&bob, fixture_id(f), 7, &c));
    c.cp.signature[0] ^= 1;
    assert_int_equal(commit_give(f, &c), TALLY_EFORMAT);
    assert_int_equal(mark_size(f), 0);
    c.cp.signature[0] ^= 1;
    OK(commit_give(f, &c));
    assert_int_equal(mark_size(f), 9);
}

/* A copy's longer history comes back: what this device itself signed is not in it. */
static void records_of_another_copy_do_not_move_the_mark(void **state) {
    (void)state;
    fixture other;
    fixture_append_costs(f, 0, 3);
    fork_copy(f, &other, 1);
    back_up(f, "backup");
    fixture_append_costs(f, 3, 2);
    fixture_append_costs(&other, 100, 5);
    restore(f, "backup");
    team_pass_all(&other, f, fixture_id(f));
    assert_int_equal(fixture_size(f), 12);
    assert_int_equal(mark_size(f), 9);
    assert_int_equal(try_append(f), TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "another copy: the first 9 records"));
    fixture_close(&other);
}

/* A ledger made anew with the same key, before it has met anybody. */
static void a_lost_store_waits_for_its_records_too(void **state) {
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    tally_hash team = *tally_ledger_team(f->ledger);
    team_pass_all(f, &bob, fixture_id(f));
    fixture_append_costs(&bob, 0, 3);
    team_pass_all(&bob, f, fixture_id(&bob));
    tally_ledger_close(bob.ledger);
    bob.ledger = NULL;
    fixture_path(&bob, STORE_FILE, path);
    assert_int_equal(unlink(path), 0);
    tally_ledger_init init = {.dir = bob.dir, .join = &team};
    OK(tally_ledger_create(&init, &f->err));
    fixture_reopen(&bob, false, 0);
    fixture_hurry(&bob);
    assert_int_equal(try_append(&bob), TALLY_EREFUSED);
    assert_non_null(strstr(bob.err.text, "has signed 3 records and the copy holds 0"));
    team_pass_all(f, &bob, fixture_id(f));
    team_pass_all(f, &bob, fixture_id(&bob));
    OK(try_append(&bob));
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(the_mark_rises_with_every_commit),
        TEAM(a_restored_backup_refuses_until_its_records_have_come_back),
        TEAM(lost_records_end_the_only_admin_no_more_than_others),
        TEAM(a_current_backup_goes_on),
        TEAM(a_copy_that_went_another_way_refuses_at_the_same_size_and_past_it),
        TEAM(a_mark_that_is_missing_or_torn_anywhere_is_made_anew),
        TEAM(a_mark_of_another_device_or_team_says_nothing),
        TEAM(nothing_that_a_peer_claims_raises_the_mark),
        TEAM(records_of_another_copy_do_not_move_the_mark),
        TEAM(a_lost_store_waits_for_its_records_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
