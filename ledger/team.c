/* Changing the team, and its shared secrets: appends device.add, device.revoke and teamkey, and
 * opens what was sealed to this device. Who may is decided by the members view. */
#include "team.h"

#include "fork_store.h"
#include "view_fold.h"

#include <sodium.h>
#include <stdlib.h>

#define SEALED_BYTES     (TALLY_TEAM_SECRET_BYTES + crypto_box_SEALBYTES)
#define SEALED_PER_KEY   256u /* of one teamkey record: 30 of its 64 KiB */
#define PAIR_BYTES       (1u + 2u + TALLY_PUBLIC_KEY_BYTES + 2u + SEALED_BYTES)
#define ARRAY_HEAD_BYTES 3u
#define ADD_RECORDS      2u /* that adding a device appends */

/* ---- secrets ---- */

/* A teamkey that names this device. */
typedef struct sealed_secret {
    uint64_t epoch, index;
    tally_hlc hlc;
    tally_device_id author;
    uint8_t sealed[SEALED_BYTES];
} sealed_secret;

typedef struct keyring {
    tally_txn *txn;
    uint64_t newest; /* epoch, also of secrets that are not for this device */
    size_t count;
    sealed_secret held[TALLY_TEAM_MAX_SECRETS]; /* newest first */
} keyring;

/* Newest epoch first; where two admins made one at the same time, the later, then the larger key.
 */
static bool newer(const sealed_secret *a, const sealed_secret *b) {
    if (a->epoch != b->epoch) return a->epoch > b->epoch;
    if (a->hlc != b->hlc) return a->hlc > b->hlc;
    int order = memcmp(a->author.b, b->author.b, sizeof a->author.b);
    return order != 0 ? order > 0 : a->index > b->index;
}

static void hold(keyring *ring, const sealed_secret *secret) {
    size_t at = ring->count;
    while (at > 0 && newer(secret, &ring->held[at - 1]))
        at--;
    if (at == TALLY_TEAM_MAX_SECRETS) return;
    if (ring->count < TALLY_TEAM_MAX_SECRETS) ring->count++;
    memmove(&ring->held[at + 1], &ring->held[at], (ring->count - 1 - at) * sizeof *ring->held);
    ring->held[at] = *secret;
}

/* The part of `sealed` (pairs of device and box) that is for `device`. */
static bool find_sealed(const tally_record *record, const tally_device_id *device,
                        uint8_t out[SEALED_BYTES]) {
    tally_value list, pair, id, box;
    if (!tally_body_get(record, "sealed", &list) || list.type != TALLY_VALUE_ARRAY) return false;
    tally_cursor pairs = tally_cursor_of(&list);
    while (tally_cursor_next(&pairs, &pair)) {
        if (pair.type != TALLY_VALUE_ARRAY || pair.count != 2) continue;
        tally_cursor parts = tally_cursor_of(&pair);
        if (!tally_cursor_next(&parts, &id) || !tally_cursor_next(&parts, &box)) continue;
        if (id.type != TALLY_VALUE_BIN || box.type != TALLY_VALUE_BIN) continue;
        if (box.bytes.len != SEALED_BYTES) continue;
        if (!tally_span_eq(id.bytes, tally_span_of(device->b, sizeof device->b))) continue;
        memcpy(out, box.bytes.ptr, SEALED_BYTES);
        return true;
    }
    return false;
}

static int see_row(void *ctx, const team_row *row, tally_error *err) {
    keyring *ring = ctx;
    tally_team_device author;
    sealed_secret secret = {.hlc = row->hlc, .author = row->author, .index = row->index};
    (void)err;
    if (row->type != TEAM_ROW_KEY) return 0;
    if (tally_team_device_get(ring->txn, &row->author, &author) != 0) return 0;
    if (author.role != TALLY_ROLE_ADMIN || row->index >= author.limit) return 0;
    if (!tally_body_u64(&row->record, "epoch", &secret.epoch)) return 0;
    if (secret.epoch > ring->newest) ring->newest = secret.epoch;
    if (find_sealed(&row->record, &ring->txn->ledger->device, secret.sealed)) hold(ring, &secret);
    return 0;
}

static int keyring_read(tally_txn *txn, keyring *out, tally_error *err) {
    *out = (keyring){.txn = txn};
    int rc = txn->team_changed ? view_members_settle(txn, err) : 0;
    return rc != 0 ? rc : view_team_each_row(txn, see_row, out, err);
}

static int open_secrets(const keyring *ring, const tally_key *key,
                        tally_team_secret out[TALLY_TEAM_MAX_SECRETS], size_t *count) {
    *count = 0;
    for (size_t i = 0; i < ring->count; i++) {
        const sealed_secret *held = &ring->held[i];
        tally_team_secret *next = &out[*count], *last = *count > 0 ? next - 1 : NULL;
        next->epoch = held->epoch;
        if (tally_key_open_sealed(key, tally_span_of(held->sealed, SEALED_BYTES), next->bytes,
                                  sizeof next->bytes) != 0)
            continue;
        bool again = last && last->epoch == next->epoch &&
                     sodium_memcmp(last->bytes, next->bytes, sizeof next->bytes) == 0;
        if (!again) ++*count;
    }
    return *count > 0 ? 0 : TALLY_ENOTFOUND;
}

int tally_team_secrets(tally_txn *txn, tally_team_secret out[TALLY_TEAM_MAX_SECRETS], size_t *count,
                       tally_error *err) {
    keyring ring;
    *count = 0;
    int rc = feed_need_key(txn->ledger, err);
    if (rc == 0) rc = keyring_read(txn, &ring, err);
    if (rc != 0) return rc;
    if (open_secrets(&ring, txn->ledger->key, out, count) == 0) return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "this device holds no secret of the team: an admin has yet to add it, or the "
                      "record that does has yet to arrive");
}

/* ---- sealing ---- */

/* One device that a secret is sealed to. */
typedef struct receiver {
    tally_device_id device;
    uint8_t box_key[crypto_box_PUBLICKEYBYTES];
} receiver;

typedef struct receivers {
    receiver *list;
    size_t count;
} receivers;

static int add_remaining(void *ctx, const tally_team_device *device) {
    receivers *all = ctx;
    if (device->limit != UINT64_MAX || all->count == TALLY_TEAM_MAX_DEVICES) return 0;
    receiver *next = &all->list[all->count++];
    next->device = device->device;
    memcpy(next->box_key, device->box_key, sizeof next->box_key);
    return 0;
}

static size_t pack_pair(const receiver *to, const uint8_t *secret, uint8_t *out) {
    out[0] = 0x92;
    out[1] = 0xc4;
    out[2] = TALLY_PUBLIC_KEY_BYTES;
    memcpy(out + 3, to->device.b, TALLY_PUBLIC_KEY_BYTES);
    uint8_t *box = out + 3 + TALLY_PUBLIC_KEY_BYTES;
    box[0] = 0xc4;
    box[1] = SEALED_BYTES;
    /* Fails for a box key that is no point of the curve: such a device can open nothing. */
    if (crypto_box_seal(box + 2, secret, TALLY_TEAM_SECRET_BYTES, to->box_key) != 0) return 0;
    return PAIR_BYTES;
}

/* Appends one teamkey record for up to SEALED_PER_KEY devices. */
static int append_key(tally_txn *txn, tally_writer *writer, uint64_t epoch, const uint8_t *secret,
                      const receiver *to, size_t count, tally_error *err) {
    uint8_t array[ARRAY_HEAD_BYTES + SEALED_PER_KEY * PAIR_BYTES];
    size_t len = ARRAY_HEAD_BYTES, packed = 0;
    for (size_t i = 0; i < count; i++) {
        size_t pair = pack_pair(&to[i], secret, array + len);
        len += pair;
        packed += pair > 0;
    }
    if (packed == 0)
        return tally_fail(err, TALLY_EINVAL,
                          "the team's secret cannot be sealed: the device's box key is no X25519 "
                          "key");
    size_t head = packed < 16 ? ARRAY_HEAD_BYTES - 1 : 0; /* the shortest form of a length */
    array[head] = packed < 16 ? (uint8_t)(0x90 | packed) : 0xdc;
    if (packed >= 16) {
        array[1] = (uint8_t)(packed >> 8);
        array[2] = (uint8_t)packed;
    }
    tally_writer_begin(writer);
    tally_put_u64(writer, "epoch", epoch);
    tally_put_raw(writer, "sealed", tally_span_of(array + head, len - head));
    return tally_append(txn, "teamkey", writer, NULL, err);
}

int team_secret_append(tally_txn *txn, tally_writer *writer, uint64_t epoch,
                       const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err) {
    receivers all = {.list = calloc(TALLY_TEAM_MAX_DEVICES, sizeof *all.list)};
    if (!all.list) return tally_fail(err, TALLY_ENOMEM, "no memory to seal the team's secret");
    int rc = tally_team_device_each(txn, add_remaining, &all);
    if (rc != 0) rc = view_team_fail(rc, err);
    for (size_t at = 0; rc == 0 && at < all.count; at += SEALED_PER_KEY) {
        size_t some = all.count - at < SEALED_PER_KEY ? all.count - at : SEALED_PER_KEY;
        rc = append_key(txn, writer, epoch, secret, all.list + at, some, err);
    }
    free(all.list);
    return rc;
}

/* ---- adding and revoking ---- */

static void short_name(const tally_device_id *device, char out[17]) {
    tally_hex(tally_span_of(device->b, 8), out);
}

static int need_admin(tally_txn *txn, const char *doing, tally_error *err) {
    tally_team_device own;
    int rc = tally_team_device_get(txn, &txn->ledger->device, &own);
    if (rc == 0 && own.role == TALLY_ROLE_ADMIN && own.limit == UINT64_MAX) return 0;
    if (rc != 0 && rc != TALLY_ENOTFOUND) return view_team_fail(rc, err);
    return tally_fail(err, TALLY_EREFUSED,
                      "cannot %s: this device is no admin of the team; ask one", doing);
}

static int same_box_key(void *ctx, const tally_team_device *device) {
    return memcmp(ctx, device->box_key, sizeof device->box_key) == 0;
}

/* Two devices with one box key would be one when they connect, and to revoke one of them would
 * leave whoever has its keys in the team as the other. */
static int check_box_key(tally_txn *txn, const tally_team_add *add, tally_error *err) {
    int rc = tally_team_device_each(txn, same_box_key, (void *)(uintptr_t)add->box_key);
    if (rc == 0) return 0;
    if (rc == 1)
        return tally_fail(err, TALLY_EEXIST,
                          "the new device has the box key of one that is or was in the team; it "
                          "can join with new keys");
    return view_team_fail(rc, err);
}

static int check_add(tally_txn *txn, const tally_team_add *add, tally_error *err) {
    char hex[17];
    tally_team_device known;
    short_name(&add->device, hex);
    int rc = need_admin(txn, "add a device", err);
    if (rc != 0) return rc;
    if (!team_name_ok(add->member) || !team_name_ok(add->name) ||
        team_role_text(add->role).len == 0)
        return tally_fail(err, TALLY_EINVAL,
                          "a device needs a role, a member and a name of 1 to %u bytes of UTF-8 "
                          "without control characters",
                          TEAM_NAME_MAX_BYTES);
    rc = tally_team_device_get(txn, &add->device, &known);
    if (rc == 0 && known.limit == UINT64_MAX)
        return tally_fail(err, TALLY_EEXIST, "device %s is in the team already", hex);
    if (rc == 0)
        return tally_fail(err, TALLY_EEXIST,
                          "device %s was revoked, and its keys do not come back; it can join with "
                          "new ones",
                          hex);
    if (rc != TALLY_ENOTFOUND) return view_team_fail(rc, err);
    return check_box_key(txn, add, err);
}

/* The secret in use, for one more device. A team that has none yet gets its first. */
static int share_secret(tally_txn *txn, tally_writer *writer, const tally_team_add *add,
                        tally_error *err) {
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    size_t count;
    receiver to = {.device = add->device};
    memcpy(to.box_key, add->box_key, sizeof to.box_key);
    int rc = tally_team_secrets(txn, secrets, &count, err);
    if (rc == 0) {
        rc = append_key(txn, writer, secrets[0].epoch, secrets[0].bytes, &to, 1, err);
    } else if (rc == TALLY_ENOTFOUND) {
        randombytes_buf(secrets[0].bytes, sizeof secrets[0].bytes);
        rc = team_secret_append(txn, writer, 1, secrets[0].bytes, err);
    }
    sodium_memzero(secrets, sizeof secrets);
    return rc;
}

static int append_add(tally_txn *txn, tally_writer *writer, const tally_team_add *add,
                      tally_error *err) {
    tally_writer_begin(writer);
    tally_put_bin(writer, "device", tally_span_of(add->device.b, sizeof add->device.b));
    tally_put_bin(writer, "box_key", tally_span_of(add->box_key, sizeof add->box_key));
    tally_put_str(writer, "role", team_role_text(add->role));
    tally_put_str(writer, "member", add->member);
    tally_put_str(writer, "name", add->name);
    return tally_append(txn, "device.add", writer, NULL, err);
}

int tally_team_device_add(tally_txn *txn, const tally_team_add *add, tally_error *err) {
    tally_writer *writer;
    int rc = check_add(txn, add, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    if (fork_may_say(txn)) rc = fork_say_last_word(txn, writer, ADD_RECORDS, err);
    if (rc == 0) rc = append_add(txn, writer, add, err);
    if (rc == 0) rc = share_secret(txn, writer, add, err);
    tally_writer_free(writer);
    return rc;
}

/* Sets `*gone` when it was revoked before; that may only be lowered. */
static int check_revoke(tally_txn *txn, const tally_device_id *device, uint64_t records,
                        bool itself, bool *gone, tally_error *err) {
    char hex[17];
    tally_team_device known;
    short_name(device, hex);
    int rc = itself ? 0 : need_admin(txn, "revoke a device", err);
    if (rc != 0) return rc;
    if (tally_team_device_get(txn, device, &known) != 0)
        return tally_fail(err, TALLY_ENOTFOUND, "device %s is not in the team", hex);
    *gone = known.limit != UINT64_MAX;
    if (*gone && records >= known.limit)
        return tally_fail(err, TALLY_EEXIST, "device %s is revoked already", hex);
    if (known.creator && !itself)
        return tally_fail(err, TALLY_EREFUSED, "device %s made the team: only it can revoke itself",
                          hex);
    return 0;
}

static int append_revoke(tally_txn *txn, tally_writer *writer, const tally_device_id *device,
                         uint64_t records, tally_error *err) {
    tally_feed feed = {0};
    uint32_t number;
    int rc = tally_feed_find(txn, device, &number);
    if (rc == 0) rc = feed_now(txn, number, &feed, err);
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    tally_writer_begin(writer);
    tally_put_bin(writer, "device", tally_span_of(device->b, sizeof device->b));
    tally_put_u64(writer, "size", records < feed.size ? records : feed.size);
    return tally_append(txn, "device.revoke", writer, NULL, err);
}

/* After the revocation, so that it counts neither the revoked device's keys nor the device itself.
 */
static int rotate(tally_txn *txn, tally_writer *writer, const uint8_t *secret, tally_error *err) {
    keyring ring;
    int rc = keyring_read(txn, &ring, err);
    if (rc != 0) return rc;
    if (ring.newest >= UINT32_MAX)
        return tally_fail(err, TALLY_ELIMIT, "the team has used up its epochs");
    return team_secret_append(txn, writer, ring.newest + 1, secret, err);
}

int tally_team_device_revoke_from(tally_txn *txn, const tally_device_id *device, uint64_t records,
                                  const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err) {
    tally_writer *writer;
    bool itself = memcmp(device->b, txn->ledger->device.b, sizeof device->b) == 0, gone = false;
    int rc = check_revoke(txn, device, records, itself, &gone, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    rc = append_revoke(txn, writer, device, records, err);
    if (rc == 0 && !itself && !gone) rc = rotate(txn, writer, secret, err);
    tally_writer_free(writer);
    return rc;
}

int tally_team_device_revoke(tally_txn *txn, const tally_device_id *device,
                             const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err) {
    return tally_team_device_revoke_from(txn, device, UINT64_MAX, secret, err);
}
