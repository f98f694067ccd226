/* The ledger as a whole: making, opening, writing, growing, copying. Several processes are in
 * ledger_share_test.c, feeds in feed_test.c, damage in verify_test.c. */
#include "ledger_case.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#define SMALL_MAP_BYTES (128u * 1024u)
#define PASSPHRASE      "a long passphrase"

static int setup_folder(void **state) {
    f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_folder(f);
    *state = f;
    return 0;
}

/* The whole file; the caller frees. */
static uint8_t *read_whole(const char *name, size_t *len) {
    char path[FIXTURE_PATH_BYTES];
    struct stat st;
    fixture_path(f, name, path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    *len = (size_t)st.st_size;
    assert_int_equal(read(fd, bytes, *len), st.st_size);
    (void)close(fd);
    return bytes;
}

/* What an init or a join leaves that is killed early: no byte, the first of the store's first two
 * pages, or both. */
static void a_ledger_that_was_never_finished_is_said_to_be_so_and_made_again(void **state) {
    (void)state;
    char dir[FIXTURE_PATH_BYTES], path[FIXTURE_PATH_BYTES + 16];
    for (int pages = 0; pages < 3; pages++) {
        tally_ledger *ledger = NULL;
        MDB_env *env;
        (void)snprintf(dir, sizeof dir, "%.200s/pages-%d", f->dir, pages);
        assert_int_equal(mkdir(dir, 0700), 0);
        (void)snprintf(path, sizeof path, "%s/ledger.mdb", dir);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0 && close(fd) == 0);
        if (pages) {
            assert_int_equal(mdb_env_create(&env), 0);
            assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
            mdb_env_close(env);
            assert_int_equal(truncate(path, pages * sysconf(_SC_PAGESIZE)), 0);
        }
        for (int writes = 0; writes < 2; writes++) {
            const tally_ledger_options options = {.dir = dir, .read_only = !writes};
            assert_int_equal(tally_ledger_open(&options, &ledger, &f->err), TALLY_ENOTFOUND);
            assert_non_null(strstr(f->err.text, "never finished"));
        }
        tally_ledger_init init = fixture_init(f);
        init.dir = dir;
        OK(tally_ledger_create(&init, &f->err));
    }
}

static void a_new_ledger_begins_with_a_record_that_names_the_team(void **state) {
    (void)state;
    tally_txn *txn;
    tally_span bytes, member, device, name;
    tally_record record;
    tally_hash leaf;
    tally_team team;
    const uint8_t *key;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_feed_count(txn), 1);
    OK(tally_record_get(txn, 0, 0, &bytes, &f->err));
    OK(tally_record_parse(bytes, &record, &f->err));
    assert_true(tally_span_is(record.kind, "team.create"));
    assert_true(record.hlc == (uint64_t)FIXTURE_NOW_MS << 16);
    assert_true(tally_body_str(&record, "team", &name) && tally_span_is(name, "Acme"));
    assert_true(tally_body_bin(&record, "sign_key", 32, &key));
    assert_memory_equal(key, tally_key_device(f->key)->b, 32);
    assert_true(tally_body_bin(&record, "box_key", 32, &key));
    assert_memory_equal(key, tally_key_box_public(f->key), 32);
    tally_leaf_hash(bytes, &leaf);
    assert_true(tally_hash_eq(&leaf, tally_ledger_team(f->ledger)));
    OK(tally_team_get(txn, &team, &f->err));
    assert_true(tally_span_is(team.name, "Acme") && tally_span_is(team.currency, "USD") &&
                tally_span_is(team.timezone, "Europe/Berlin"));
    assert_int_equal(tally_feed_names(txn, 0, &member, &device), 0);
    assert_true(tally_span_is(member, "ada") && tally_span_is(device, "laptop"));
    tally_read_end(txn);
    assert_memory_equal(tally_ledger_device(f->ledger)->b, tally_key_device(f->key)->b, 32);
    fixture_verify_clean(f);
}

static void creating_twice_is_an_error_that_changes_no_byte(void **state) {
    (void)state;
    size_t len[4];
    uint8_t *file[4];
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    file[0] = read_whole(STORE_FILE, &len[0]);
    file[1] = read_whole(STORE_KEY_FILE, &len[1]);
    tally_ledger_init init = fixture_init(f);
    init.member = text("bob");
    assert_int_equal(tally_ledger_create(&init, &f->err), TALLY_EEXIST);
    file[2] = read_whole(STORE_FILE, &len[2]);
    file[3] = read_whole(STORE_KEY_FILE, &len[3]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(len[i], len[i + 2]);
        assert_memory_equal(file[i], file[i + 2], len[i]);
    }
    for (int i = 0; i < 4; i++)
        free(file[i]);
}

static void names_are_1_to_128_bytes_of_clean_utf8_and_the_currency_is_iso_4217(void **state) {
    (void)state;
    char longest[130];
    memset(longest, 'n', sizeof longest);
    const struct {
        tally_span name;
        const char *currency;
    } bad[] = {{text(""), "USD"},     {tally_span_of(longest, 129), "USD"},
               {text("a\nb"), "USD"}, {text("a\x7f"), "USD"},
               {text("\xff"), "USD"}, {text("ok"), "usd"},
               {text("ok"), "XYZ"},   {text("ok"), ""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tally_ledger_init init = fixture_init(f);
        init.member = bad[i].name;
        init.currency = text(bad[i].currency);
        assert_int_equal(tally_ledger_create(&init, &f->err), TALLY_EINVAL);
    }
    char path[FIXTURE_PATH_BYTES];
    fixture_path(f, STORE_KEY_FILE, path);
    assert_int_not_equal(access(path, F_OK), 0); /* refused before anything was made */
    tally_ledger_init init = fixture_init(f);
    init.member = tally_span_of(longest, 128);
    OK(tally_ledger_create(&init, &f->err));
}

static void a_folder_without_a_ledger_is_not_found(void **state) {
    (void)state;
    tally_ledger *ledger;
    tally_ledger_options options = {.dir = f->dir};
    assert_int_equal(tally_ledger_open(&options, &ledger, &f->err), TALLY_ENOTFOUND);
    assert_null(ledger);
}

/* A crash after the key file was written, and one after the environment was made too. */
static void what_a_cut_off_init_left_is_taken_up_again(void **state) {
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    f->key = fixture_seeded_key(9);
    fixture_path(f, STORE_KEY_FILE, path);
    OK(tally_key_write_file(f->key, tally_span_of(NULL, 0), path, &f->err));
    tally_ledger half = {0};
    OK(store_open_env(&half, f->dir, false, true, 0, &f->err));
    store_close_env(&half);
    tally_ledger_options options = {.dir = f->dir};
    tally_ledger *ledger;
    assert_int_equal(tally_ledger_open(&options, &ledger, &f->err), TALLY_ENOTFOUND);
    tally_ledger_init init = fixture_init(f);
    init.passphrase = text("the key that was left has none");
    assert_int_equal(tally_ledger_create(&init, &f->err), TALLY_EREFUSED);
    init.passphrase = text("");
    OK(tally_ledger_create(&init, &f->err));
    fixture_reopen(f, false, 0);
    assert_memory_equal(tally_ledger_device(f->ledger)->b, tally_key_device(f->key)->b, 32);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
    fixture_verify_clean(f);
}

typedef struct asked {
    unsigned times;
    const char *answer;
} asked;

static int answer(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    asked *a = ctx;
    (void)err;
    a->times++;
    *len = strlen(a->answer);
    assert_true(*len <= size);
    memcpy(out, a->answer, *len);
    return 0;
}

static void a_sealed_key_is_asked_for_at_the_first_write_only(void **state) {
    (void)state;
    asked wrong = {0, "not it"}, right = {0, PASSPHRASE};
    tally_ledger_options options = {.dir = f->dir, .ask = answer, .ask_ctx = &wrong};
    tally_ledger_init init = fixture_init(f);
    init.passphrase = text(PASSPHRASE);
    OK(tally_ledger_create(&init, &f->err));
    OK(tally_ledger_open(&options, &f->ledger, &f->err));
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
    assert_int_equal(wrong.times, 0);
    many_records many = {.writer = f->writer, .count = 1};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_EREFUSED);
    assert_int_equal(many.runs, 0);
    assert_int_equal(wrong.times, 1);
    tally_ledger_close(f->ledger);
    options.ask_ctx = &right;
    OK(tally_ledger_open(&options, &f->ledger, &f->err));
    fixture_append_costs(f, 0, 1);
    fixture_append_costs(f, 1, 1);
    assert_int_equal(right.times, 1);
    assert_int_equal(fixture_size(f), 4);
}

static void another_devices_key_is_refused(void **state) {
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    tally_key *other = fixture_seeded_key(200);
    fixture_path(f, STORE_KEY_FILE, path);
    assert_int_equal(unlink(path), 0);
    OK(tally_key_write_file(other, tally_span_of(NULL, 0), path, &f->err));
    tally_key_free(other);
    many_records many = {.writer = f->writer, .count = 1};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_ECORRUPT);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
}

static void a_small_map_grows_while_the_write_runs_again(void **state) {
    (void)state;
    fixture_reopen(f, false, SMALL_MAP_BYTES);
    many_records many = {.writer = f->writer, .count = 100, .pad = 40000};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err));
    assert_true(many.runs >= 2); /* 4 MB did not fit at first */
    assert_int_equal(fixture_size(f), 102);
    fixture_verify_clean(f);
    tally_hash before = fixture_digest(f);
    fixture_reopen(f, false, SMALL_MAP_BYTES);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    assert_int_equal(fixture_size(f), 102);
}

static void a_map_grows_before_the_write_that_would_fill_it(void **state) {
    (void)state;
    fixture_reopen(f, false, 4u * 1024u * 1024u);
    many_records first = {.writer = f->writer, .count = 60, .pad = 40000}; /* 11 pages each */
    many_records second = {.writer = f->writer, .first = 60, .count = 40, .pad = 40000};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &first, &f->err));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &second, &f->err));
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 1);
}

static int leave_traces(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {1};
    many_records *many = ctx;
    tally_hash id;
    int rc = tally_blob_put(txn, salt, text("a title"), &id, err);
    if (rc == 0) rc = tally_local_put(txn, TALLY_LOCAL_CURSORS, text("file"), text("offset"), err);
    return rc != 0 ? rc : append_many(many, txn, err);
}

static void an_error_from_the_callback_leaves_nothing(void **state) {
    (void)state;
    tally_hash before = fixture_digest(f);
    many_records many = {.writer = f->writer, .count = 5000, .fail_with = TALLY_EREFUSED};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, leave_traces, &many, &f->err),
                     TALLY_EREFUSED);
    assert_string_equal(f->err.text, "on purpose");
    assert_int_equal(many.runs, 1);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
    tally_txn *txn;
    tally_span out;
    tally_error untouched = {.code = 7};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_local_get(txn, TALLY_LOCAL_CURSORS, text("file"), &out),
                     TALLY_ENOTFOUND);
    assert_int_equal(tally_record_get(txn, 0, FIXTURE_FIRST, &out, &untouched), TALLY_ENOTFOUND);
    MDB_stat stat;
    assert_int_equal(mdb_stat(txn->txn, f->ledger->tables[TABLE_BLOBS], &stat), 0);
    assert_int_equal(stat.ms_entries, 0);
    tally_checkpoint cp;
    OK(tally_checkpoint_get(txn, 0, 0, &cp, &f->err));
    assert_int_equal(cp.size, FIXTURE_FIRST);
    assert_int_equal(tally_checkpoint_get(txn, 0, cp.size, &cp, NULL), TALLY_ENOTFOUND);
    tally_read_end(txn);
    many.fail_with = 0;
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, leave_traces, &many, &f->err));
    assert_int_equal(fixture_size(f), 5002);
    fixture_verify_clean(f);
}

/* As when the disk fills up in the middle: the file may not grow. */
static void a_write_that_the_disk_refuses_leaves_nothing_and_the_next_one_works(void **state) {
    (void)state;
    struct rlimit was, now;
    struct stat st;
    char path[FIXTURE_PATH_BYTES];
    fixture_append_costs(f, 0, 100);
    tally_hash before = fixture_digest(f);
    fixture_path(f, STORE_FILE, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = (rlim_t)st.st_size + 100000;
    (void)signal(SIGXFSZ, SIG_IGN);
    many_records many = {.writer = f->writer, .first = 100, .count = 500, .pad = 1000};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    int rc = tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(rc, TALLY_EIO);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    assert_int_equal(fixture_size(f), 102);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err));
    assert_int_equal(fixture_size(f), 602);
    fixture_verify_clean(f);
    fixture_reopen(f, false, 0);
    fixture_verify_clean(f);
}

static void a_write_that_appends_nothing_signs_nothing(void **state) {
    (void)state;
    many_records none = {.writer = f->writer};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &none, &f->err));
    assert_int_equal(none.runs, 1);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
    fixture_verify_clean(f);
}

static void what_is_opened_for_reading_only_refuses_to_write(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 10);
    tally_hash before = fixture_digest(f);
    fixture_reopen(f, true, 0);
    many_records many = {.writer = f->writer, .count = 1};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_EREADONLY);
    assert_int_equal(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err), TALLY_EREADONLY);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    fixture_verify_clean(f);
}

static int put_blobs(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {0xaa, 1};
    tally_hash *ids = ctx;
    int rc = tally_blob_put(txn, salt, text("content"), &ids[0], err);
    if (rc == 0) rc = tally_blob_put(txn, salt, tally_span_of(NULL, 0), &ids[1], err);
    if (rc == 0) rc = tally_blob_put(txn, salt, text("content"), &ids[2], err); /* once more */
    return rc;
}

static void a_blob_is_found_under_the_hash_of_salt_and_content(void **state) {
    (void)state;
    tally_hash ids[3], want;
    tally_span content;
    tally_txn *txn;
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_blobs, ids, &f->err));
    uint8_t salted[TALLY_BLOB_SALT_BYTES + 7] = {0xaa, 1};
    memcpy(salted + TALLY_BLOB_SALT_BYTES, "content", 7);
    tally_sha256(tally_span_of(salted, sizeof salted), &want);
    assert_true(tally_hash_eq(&ids[0], &want) && tally_hash_eq(&ids[2], &want));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_blob_get(txn, ids[0].b, &content), 0);
    assert_true(tally_span_is(content, "content"));
    assert_int_equal(tally_blob_get(txn, ids[1].b, &content), 0);
    assert_int_equal(content.len, 0);
    want.b[0] ^= 1;
    assert_int_equal(tally_blob_get(txn, want.b, &content), TALLY_ENOTFOUND);
    tally_read_end(txn);
    fixture_verify_clean(f);
}

static void several_snapshots_may_be_open_at_once(void **state) {
    (void)state;
    tally_txn *a, *b;
    OK(tally_read_begin(f->ledger, &a, &f->err));
    OK(tally_read_begin(f->ledger, &b, &f->err));
    assert_int_equal(tally_feed_count(a), 1);
    assert_int_equal(tally_feed_count(b), 1);
    tally_read_end(a);
    tally_read_end(b);
}

/* The first format had no table of team facts; its records are those of today. */
static int age(void *ctx, tally_txn *txn, tally_error *err) {
    uint8_t format[4];
    (void)ctx;
    tally_put_be32(format, 1);
    for (int t = TABLE_VIEW_FIRST; t < TABLE_COUNT; t++)
        assert_int_equal(mdb_drop(txn->txn, f->ledger->tables[t], t == TABLE_VIEW_TEAM_FACTS), 0);
    return store_put(txn, TABLE_LOCAL_SETTINGS, text("format"), tally_span_of(format, 4), 0, err);
}

static void a_ledger_of_the_first_format_is_brought_up_to_date_when_it_is_opened(void **state) {
    (void)state;
    fixture_append_costs(f, 0, 10);
    tally_hash before = fixture_digest(f);
    OK(store_write(f->ledger, 0, age, NULL, &f->err));
    tally_ledger_options options = {.dir = f->dir, .read_only = true};
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    assert_int_equal(tally_ledger_open(&options, &f->ledger, &f->err), TALLY_ECORRUPT);
    assert_non_null(strstr(f->err.text, "tally rebuild"));
    fixture_reopen(f, false, 0);
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    fixture_verify_clean(f);
    fixture_reopen(f, true, 0);
}

/* ---- backup ---- */

static void copy_file(const char *from, const char *to) {
    size_t len;
    uint8_t *bytes = read_whole(from, &len);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    (void)close(fd);
    free(bytes);
}

static void a_backup_is_a_ledger_that_needs_the_key_file_only_for_writing(void **state) {
    (void)state;
    char dir[FIXTURE_PATH_BYTES], path[FIXTURE_PATH_BYTES + 16], key[FIXTURE_PATH_BYTES + 16];
    fixture_append_costs(f, 0, 300);
    tally_hash before = fixture_digest(f), after;
    fixture_path(f, "copy", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s", dir, STORE_FILE);
    (void)snprintf(key, sizeof key, "%s/%s", dir, STORE_KEY_FILE);
    OK(tally_backup(f->ledger, path, &f->err));
    assert_int_equal(tally_backup(f->ledger, path, &f->err), TALLY_EEXIST);
    fixture copy = {.writer = f->writer};
    (void)snprintf(copy.dir, sizeof copy.dir, "%.250s", dir);
    fixture_reopen(&copy, false, 0);
    after = fixture_digest(&copy);
    assert_true(tally_hash_eq(&before, &after));
    fixture_verify_clean(&copy);
    many_records many = {.writer = f->writer, .first = 300, .count = 1};
    assert_int_equal(tally_ledger_write(copy.ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_ENOTFOUND);
    copy_file(STORE_KEY_FILE, key);
    OK(tally_ledger_write(copy.ledger, FIXTURE_NOW_MS, append_many, &many, &f->err));
    assert_int_equal(fixture_size(&copy), 303);
    assert_int_equal(fixture_size(f), 302);
    tally_ledger_close(copy.ledger);
}

int main(void) {
#define FOLDER(test) cmocka_unit_test_setup_teardown(test, setup_folder, fixture_teardown)
    const struct CMUnitTest tests[] = {
        LEDGER(a_new_ledger_begins_with_a_record_that_names_the_team),
        LEDGER(creating_twice_is_an_error_that_changes_no_byte),
        FOLDER(a_ledger_that_was_never_finished_is_said_to_be_so_and_made_again),
        FOLDER(names_are_1_to_128_bytes_of_clean_utf8_and_the_currency_is_iso_4217),
        FOLDER(a_folder_without_a_ledger_is_not_found),
        FOLDER(what_a_cut_off_init_left_is_taken_up_again),
        FOLDER(a_sealed_key_is_asked_for_at_the_first_write_only),
        LEDGER(another_devices_key_is_refused),
        LEDGER(a_small_map_grows_while_the_write_runs_again),
        LEDGER(a_map_grows_before_the_write_that_would_fill_it),
        LEDGER(an_error_from_the_callback_leaves_nothing),
        LEDGER(a_write_that_the_disk_refuses_leaves_nothing_and_the_next_one_works),
        LEDGER(a_write_that_appends_nothing_signs_nothing),
        LEDGER(what_is_opened_for_reading_only_refuses_to_write),
        LEDGER(a_blob_is_found_under_the_hash_of_salt_and_content),
        LEDGER(several_snapshots_may_be_open_at_once),
        LEDGER(a_ledger_of_the_first_format_is_brought_up_to_date_when_it_is_opened),
        LEDGER(a_backup_is_a_ledger_that_needs_the_key_file_only_for_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
