/* Claiming and clearing the place of a join. The join itself is in team_join.c. */
#include "join_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include <tally/fork.h>
#include <tally/team.h>

#include "open.h"

/* mkdir -p, for its owner alone. */
static int dir_make(const char *dir, bool *was_here, tally_error *err) {
    char path[PATH_MAX];
    size_t length = strlen(dir);
    struct stat kind;
    *was_here = stat(dir, &kind) == 0;
    if (length == 0 || length >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is empty or too long");
    memcpy(path, dir, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (dir[i] != '/' && dir[i] != '\0') continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return tally_fail(err, errno == ENOSPC ? TALLY_ENOSPC : TALLY_EREADONLY,
                              "cannot make the folder %s: %s; %s", path, strerror(errno),
                              tally_errno_advice(errno));
        path[i] = dir[i];
    }
    return 0;
}

static bool file_here(const join_place *place, const char *name) {
    struct stat kind;
    return fstatat(place->lock, name, &kind, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What a ledger holds, as far as a join cares. */
typedef struct holding {
    bool there, own_team;
    uint64_t records, own_records;
    bool secret; /* it holds a key of the team: it is in */
} holding;

static int holding_count(tally_txn *txn, holding *out, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    int code = 0;
    for (uint32_t i = 0; !code && i < feeds; i++) {
        tally_feed feed;
        code = tally_feed_get(txn, i, &feed, err);
        if (!code) out->records += feed.size;
        if (!code && i == 0) out->own_records = feed.size;
    }
    return code;
}

/* Asks for no passphrase as long as there is nothing to be opened with it. */
static void holding_secret(tally_txn *txn, holding *out) {
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    size_t count = 0;
    if (out->records)
        out->secret = tally_team_secrets(txn, secrets, &count, NULL) != TALLY_ENOTFOUND;
    sodium_memzero(secrets, sizeof secrets);
}

static int holding_read(const char *dir, const tally_hash *team, holding *out, tally_error *err) {
    tally_ledger_options options = {.dir = dir, .read_only = true, .ask = cli_passphrase_ask};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    *out = (holding){.there = false};
    int code = tally_ledger_open(&options, &ledger, err);
    if (code == TALLY_ENOTFOUND) return 0;
    if (!code) code = tally_read_begin(ledger, &txn, err);
    if (!code) {
        out->there = true;
        out->own_team = tally_hash_eq(tally_ledger_team(ledger), team);
        code = holding_count(txn, out, err);
    }
    if (!code && out->own_team && !out->own_records) holding_secret(txn, out);
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
    return code;
}

static void store_remove(const join_place *place) {
    (void)unlinkat(place->lock, TALLY_STORE_FILE, 0);
    (void)unlinkat(place->lock, TALLY_STORE_LOCK_FILE, 0);
    (void)unlinkat(place->lock, TALLY_MARK_FILE, 0);
}

static int look(join_place *place, const tally_hash *team, tally_error *err) {
    holding here;
    int code = holding_read(place->dir, team, &here, err);
    if (code || !here.there) return code;
    if (here.own_team && !here.own_records && !here.secret) {
        place->ready = true;
        return 0;
    }
    if (!here.records) {
        store_remove(place);
        return 0;
    }
    if (here.own_team)
        return tally_fail(err, TALLY_EEXIST,
                          "the ledger in %s is in this team already; 'tally sync now' brings what "
                          "is new",
                          place->dir);
    return tally_fail(err, TALLY_EEXIST,
                      "there is a ledger of another team in %s; nothing was changed. Join with "
                      "--ledger DIR or TALLY_HOME elsewhere; 'tally costs export' and 'costs "
                      "import' carry costs over",
                      place->dir);
}

int join_place_claim(const char *dir, const tally_hash *team, join_place *out, tally_error *err) {
    *out = (join_place){.dir = dir, .lock = -1};
    int code = dir_make(dir, &out->dir_was_here, err);
    if (code) return code;
    out->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->lock < 0)
        return tally_fail(err, TALLY_EIO, "cannot open the folder %s: %s", dir, strerror(errno));
    if (flock(out->lock, LOCK_EX | LOCK_NB) != 0) {
        close(out->lock);
        out->lock = -1;
        return tally_fail(err, TALLY_EEXIST, "another 'tally team join' is at work in %s", dir);
    }
    out->key_was_here = file_here(out, TALLY_KEY_FILE);
    return look(out, team, err);
}

bool join_place_release(join_place *place, bool failed) {
    static const tally_hash none;
    holding here = {.records = 1};
    bool stays = false;
    if (place->lock < 0) return false;
    if (failed && holding_read(place->dir, &none, &here, NULL) == 0) {
        stays = here.records > 0;
        if (!stays) store_remove(place);
        if (!stays && !place->key_was_here) (void)unlinkat(place->lock, TALLY_KEY_FILE, 0);
        if (!stays && !place->dir_was_here) (void)rmdir(place->dir);
    }
    close(place->lock);
    place->lock = -1;
    return stays;
}
