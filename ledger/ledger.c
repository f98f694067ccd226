/* The ledger as a whole: making one, opening one, copying one. Appending is in feed.c, checking in
 * verify.c. */
#include "store.h"
#include "team.h"
#include "view_fold.h"

#include <tally/money.h>
#include <tally/partial.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char format_key[] = "format", team_key[] = "team", device_key[] = "device";

static int check_init(const tally_ledger_init *init, tally_error *err) {
    const struct {
        const char *what;
        tally_span text;
    } names[] = {{"team", init->team},
                 {"member", init->member},
                 {"device", init->device},
                 {"time zone", init->timezone}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!team_name_ok(names[i].text))
            return tally_fail(err, TALLY_EINVAL,
                              "the %s name must be 1 to %u bytes of UTF-8 without "
                              "control characters",
                              names[i].what, TEAM_NAME_MAX_BYTES);
    if (tally_currency_decimals(init->currency) < 0)
        return tally_fail(err, TALLY_EINVAL,
                          "'%.*s' is no ISO 4217 currency code (like USD or EUR)",
                          (int)(init->currency.len < 16 ? init->currency.len : 16),
                          (const char *)init->currency.ptr);
    return 0;
}

/* mkdir -p with mode 0700 for what is missing. */
static int make_dir(const char *dir, tally_error *err) {
    char path[4096];
    size_t len = strlen(dir);
    if (len == 0 || len >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is empty or too long");
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        char kept = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return tally_fail(err, errno == ENOSPC ? TALLY_ENOSPC : TALLY_EREADONLY,
                              "cannot make the folder %s: %s; %s", path, strerror(errno),
                              tally_errno_advice(errno));
        path[i] = kept;
    }
    return 0;
}

typedef struct passphrase_given {
    tally_span text;
    bool asked; /* the file is sealed */
} passphrase_given;

static int give_passphrase(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    passphrase_given *given = ctx;
    given->asked = true;
    if (given->text.len > size)
        return tally_fail(err, TALLY_ELIMIT, "the passphrase is longer than %zu bytes", size);
    if (given->text.len > 0) memcpy(out, given->text.ptr, given->text.len);
    *len = given->text.len;
    return 0;
}

/* Keys that an init left when it was cut off are taken up again; a passphrase that would not
 * protect them is refused. */
static int old_key(const char *path, tally_span passphrase, tally_key **out, tally_error *err) {
    passphrase_given given = {passphrase, false};
    int rc = tally_key_read_file(path, give_passphrase, &given, out, err);
    if (rc != 0 || passphrase.len == 0 || given.asked) return rc;
    tally_key_free(*out);
    *out = NULL;
    return tally_fail(
        err, TALLY_EREFUSED,
        "%s holds a key without a passphrase, left by an init that was cut off; remove "
        "it, or run init without a passphrase",
        path);
}

static int init_key(const char *dir, tally_span passphrase, tally_key **out, tally_error *err) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, STORE_KEY_FILE);
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is too long: %s", dir);
    tally_partial_sweep(path);
    if (access(path, F_OK) == 0) return old_key(path, passphrase, out, err);
    int rc = tally_key_generate(out, err);
    if (rc == 0) rc = tally_key_write_file(*out, passphrase, path, err);
    return rc;
}

typedef struct first_commit {
    tally_ledger *ledger;
    const tally_ledger_init *init;
    tally_writer *writer;
} first_commit;

static int put_setting(tally_txn *txn, const char *key, tally_span value, tally_error *err) {
    return store_put(txn, TABLE_LOCAL_SETTINGS, tally_span_str(key), value, 0, err);
}

/* The team's first two records: that it is, and the secret that its members will share. */
static int write_team(tally_txn *txn, const first_commit *first, tally_error *err) {
    tally_ledger *ledger = first->ledger;
    tally_writer *w = first->writer;
    uint8_t secret[TALLY_TEAM_SECRET_BYTES];
    tally_writer_begin(w);
    tally_put_str(w, "team", first->init->team);
    tally_put_str(w, "member", first->init->member);
    tally_put_str(w, "device", first->init->device);
    tally_put_str(w, "timezone", first->init->timezone);
    tally_put_str(w, "currency", first->init->currency);
    tally_put_bin(w, "sign_key", tally_span_of(ledger->device.b, TALLY_PUBLIC_KEY_BYTES));
    tally_put_bin(w, "box_key", tally_span_of(tally_key_box_public(ledger->key), 32));
    int rc = tally_append(txn, "team.create", w, &ledger->team, err);
    if (rc != 0) return rc;
    randombytes_buf(secret, sizeof secret);
    rc = team_secret_append(txn, w, 1, secret, err);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

static int write_first(void *ctx, tally_txn *txn, tally_error *err) {
    first_commit *first = ctx;
    tally_ledger *ledger = first->ledger;
    tally_span existing;
    if (store_get(txn, TABLE_LOCAL_SETTINGS, tally_span_str(team_key), &existing, err) == 0)
        return tally_fail(err, TALLY_EEXIST, "there is a ledger in %s already; nothing was changed",
                          ledger->dir);
    tally_feed feed = {.number = 0, .device = ledger->device};
    tally_range_init(&feed.range);
    uint8_t zero[4] = {0}, format[4];
    tally_put_be32(format, STORE_FORMAT);
    tally_span device = tally_span_of(ledger->device.b, TALLY_PUBLIC_KEY_BYTES);
    int rc = feed_store(txn, &feed, err);
    if (rc == 0) rc = store_put(txn, TABLE_DEVICES, device, tally_span_of(zero, 4), 0, err);
    if (rc == 0) rc = put_setting(txn, format_key, tally_span_of(format, 4), err);
    if (rc == 0) rc = put_setting(txn, device_key, device, err);
    if (rc != 0) return rc;
    rc = first->init->join ? 0 : write_team(txn, first, err);
    if (rc != 0) return rc;
    if (first->init->join) ledger->team = *first->init->join;
    tally_origin_format(&ledger->team, &ledger->device, ledger->origin);
    return put_setting(txn, team_key, tally_span_of(ledger->team.b, TALLY_HASH_BYTES), err);
}

static bool ledger_exists(const char *dir) {
    tally_ledger_options options = {.dir = dir, .read_only = true};
    tally_ledger *ledger = NULL;
    int rc = tally_ledger_open(&options, &ledger, NULL);
    tally_ledger_close(ledger);
    return rc == 0;
}

int tally_ledger_create(const tally_ledger_init *init, tally_error *err) {
    int rc = init->join ? 0 : check_init(init, err);
    if (rc != 0) return rc;
    if (ledger_exists(init->dir))
        return tally_fail(err, TALLY_EEXIST, "there is a ledger in %s already; nothing was changed",
                          init->dir);
    tally_ledger *ledger = calloc(1, sizeof *ledger);
    tally_writer *writer = NULL;
    if (!ledger) return tally_fail(err, TALLY_ENOMEM, "no memory to make a ledger");
    if ((rc = make_dir(init->dir, err)) != 0) goto done;
    if ((rc = init_key(init->dir, init->passphrase, &ledger->key, err)) != 0) goto done;
    ledger->device = *tally_key_device(ledger->key);
    if ((rc = store_open_env(ledger, init->dir, false, true, 0, err)) != 0) goto done;
    if ((rc = tally_writer_new(&writer, err)) != 0) goto done;
    first_commit first = {ledger, init, writer};
    rc = tally_ledger_write(ledger, init->now_ms, write_first, &first, err);
done:
    tally_writer_free(writer);
    tally_ledger_close(ledger);
    return rc;
}

static bool format_known(uint32_t format) {
    return format >= STORE_FORMAT_OLDEST && format <= STORE_FORMAT;
}

static int read_identity(tally_ledger *ledger, tally_error *err) {
    tally_txn txn;
    tally_span format = {0}, team = {0}, device = {0};
    int rc = store_txn_begin(ledger, false, &txn, err);
    if (rc != 0) return rc;
    const char *names[] = {format_key, team_key, device_key};
    tally_span *values[] = {&format, &team, &device};
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = store_get(&txn, TABLE_LOCAL_SETTINGS, tally_span_str(names[i]), values[i], err);
    if (rc == TALLY_ENOTFOUND)
        rc = store_unfinished_fail(ledger->dir, err);
    else if (rc == 0 && format.len == 4 && !format_known(tally_get_be32(format.ptr)))
        rc = tally_fail(err, TALLY_EFORMAT,
                        "the ledger in %s has store format %u and this program "
                        "reads %u; use the version that wrote it",
                        ledger->dir, tally_get_be32(format.ptr), STORE_FORMAT);
    else if (rc == 0 && (format.len != 4 || team.len != TALLY_HASH_BYTES ||
                         device.len != TALLY_PUBLIC_KEY_BYTES))
        rc = tally_fail(err, TALLY_ECORRUPT, "the settings of the ledger in %s are damaged",
                        ledger->dir);
    if (rc == 0) {
        assert(team.ptr && device.ptr);
        if (tally_get_be32(format.ptr) < STORE_FORMAT_VIEWS) ledger->views_outdated = true;
        ledger->format_outdated = tally_get_be32(format.ptr) != STORE_FORMAT;
        memcpy(ledger->team.b, team.ptr, TALLY_HASH_BYTES);
        memcpy(ledger->device.b, device.ptr, TALLY_PUBLIC_KEY_BYTES);
        tally_origin_format(&ledger->team, &ledger->device, ledger->origin);
    }
    mdb_txn_abort(txn.txn);
    return rc;
}

/* Records have not changed since the oldest format; views have, and follow from the records. The
 * new number keeps earlier versions from reading what they would not understand. */
static int bring_up_to_date(void *ctx, tally_txn *txn, tally_error *err) {
    const bool *views = ctx;
    uint8_t format[4];
    tally_put_be32(format, STORE_FORMAT);
    int rc = *views ? view_rebuild_in(txn, err) : 0;
    return rc != 0 ? rc : put_setting(txn, format_key, tally_span_of(format, 4), err);
}

static int check_views(tally_ledger *ledger, tally_error *err) {
    bool views = ledger->views_outdated, format = ledger->format_outdated;
    ledger->views_outdated = ledger->format_outdated = false;
    if (!views && (!format || ledger->read_only)) return 0;
    if (!ledger->read_only) return store_write(ledger, 0, bring_up_to_date, &views, err);
    return tally_fail(
        err, TALLY_EFORMAT,
        "the ledger in %s was written by an earlier version; run 'tally rebuild' once",
        ledger->dir);
}

int tally_ledger_open(const tally_ledger_options *options, tally_ledger **out, tally_error *err) {
    *out = NULL;
    tally_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) return tally_fail(err, TALLY_ENOMEM, "no memory to open the ledger");
    ledger->ask = options->ask;
    ledger->ask_ctx = options->ask_ctx;
    int rc =
        store_open_env(ledger, options->dir, options->read_only, false, options->map_bytes, err);
    if (rc == 0) rc = read_identity(ledger, err);
    if (rc == 0) rc = check_views(ledger, err);
    if (rc != 0) {
        tally_ledger_close(ledger);
        return rc;
    }
    *out = ledger;
    return 0;
}

void tally_ledger_close(tally_ledger *ledger) {
    if (!ledger) return;
    mark_close(ledger);
    store_close_env(ledger);
    tally_key_free(ledger->key);
    free(ledger);
}

const char *tally_ledger_dir(const tally_ledger *ledger) {
    return ledger->dir;
}
const tally_hash *tally_ledger_team(const tally_ledger *ledger) {
    return &ledger->team;
}
const tally_device_id *tally_ledger_device(const tally_ledger *ledger) {
    return &ledger->device;
}

int tally_ledger_key(tally_ledger *ledger, const tally_key **out, tally_error *err) {
    int rc = feed_need_key(ledger, err);
    *out = rc == 0 ? ledger->key : NULL;
    return rc;
}

/* Of a fresh snapshot: LMDB writes its meta page before readers are given what it names. */
uint64_t tally_ledger_version(const tally_ledger *ledger) {
    MDB_envinfo info;
    MDB_txn *txn;
    if (mdb_txn_begin(ledger->env, NULL, MDB_RDONLY, &txn) != 0) /* grown by another process */
        return mdb_env_info(ledger->env, &info) == 0 ? info.me_last_txnid : 0;
    uint64_t version = mdb_txn_id(txn);
    mdb_txn_abort(txn);
    return version;
}

static int backup_fail(const char *path, int rc, tally_error *err) {
    if (rc < 0) /* LMDB's own: what it read made no sense */
        return tally_fail(err, TALLY_ECORRUPT,
                          "cannot write the backup %s: %s; 'tally fsck' says what is damaged", path,
                          mdb_strerror(rc));
    return tally_fail(err, tally_errno_code(rc), "cannot write the backup %s: %s; %s", path,
                      strerror(rc), tally_errno_advice(rc));
}

/* Under another name until it is whole: half a backup must not look like one. */
int tally_backup(tally_ledger *ledger, const char *path, tally_error *err) {
    tally_txn probe; /* takes up a size that another process gave the map: LMDB's copy does not */
    int rc = store_txn_begin(ledger, false, &probe, err);
    if (rc != 0) return rc;
    mdb_txn_abort(probe.txn);
    char partial[4096];
    if (access(path, F_OK) == 0) return backup_fail(path, EEXIST, err);
    int fd = tally_partial_open(path, partial, sizeof partial);
    if (fd < 0) return backup_fail(path, errno, err);
    rc = mdb_env_copyfd2(ledger->env, fd, MDB_CP_COMPACT);
    if (rc == 0 && fsync(fd) != 0) rc = errno;
    if (rc == 0 && tally_partial_name(partial, path, 0) != 0) rc = errno;
    if (rc != 0) (void)unlink(partial);
    (void)close(fd);
    return rc == 0 ? 0 : backup_fail(path, rc, err);
}
