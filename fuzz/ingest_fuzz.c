/* Commits from outside into a small real ledger: an input says which device sends what and how far
 * its signature is to be trusted. Feeds only grow, what is refused changes nothing, every root
 * follows from the records, and views are what a rebuild gives. */
#include "ledger_fuzz.h"
#include "view_fold.h"

#include <tally/blob.h>

#define NOW_MS       FUZZ_NOW_MS
#define DEVICES      FUZZ_DEVICES_MAX
#define MAX_COMMITS  6u   /* of one input */
#define MAX_RECORDS  8u   /* of one commit */
#define FILL_RECORDS 260u /* of the member: more than one cached subtree covers */
#define MAX_WANTED   64u

/* What an input's second byte says of a commit. */
#define FLAG_SIGN   1u /* with the device's own key; else the signature is from the input */
#define FLAG_AT_END 2u /* begins where the stored feed ends; else the input says where */
#define FLAG_TRUE   4u /* size and root are those of the records; else one of them is not */
#define FLAG_REPEAT 8u /* what is stored already comes first, as it is */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Device 0 made the ledger; 1 is an admin, 2 a member with a feed, 3 an auditor, 4 a stranger, 5 a
 * member that was revoked. */
static tally_key *const *const keys = fuzz_keys;

static const char *const kinds[] = {"cost",         "session",    "activity",      "tag.add",
                                    "tag.remove",   "void",       "price.set",     "redact",
                                    "team.create",  "device.add", "device.revoke", "teamkey",
                                    "feed.resolve", "note",       "time.add"};

/* ---- the input ---- */

typedef struct commit {
    unsigned device, flags;
    uint64_t from;
    size_t count;
    tally_span records[MAX_RECORDS + FILL_RECORDS];
    uint8_t bytes[MAX_RECORDS][TALLY_RECORD_MAX_BYTES + 128];
    tally_checkpoint cp;
} commit;

/* Kind 0 stands for bytes as they are; the others get a head, and a clock that rises with `step`.
 */
static tally_span take_record(tally_span *input, tally_hlc *clock, uint8_t *out) {
    size_t kind = take(input) % (sizeof kinds / sizeof *kinds + 1);
    uint8_t step = take(input);
    size_t high = take(input), len = high << 8 | take(input);
    tally_span body = take_some(input, len);
    size_t at = 0;
    if (kind > 0) {
        const char *name = kinds[kind - 1];
        size_t name_len = strlen(name);
        *clock += step;
        out[at++] = 0x94;
        out[at++] = TALLY_RECORD_VERSION;
        out[at++] = (uint8_t)(0xa0 | name_len);
        memcpy(out + at, name, name_len);
        at += name_len;
        out[at++] = 0xcf;
        tally_put_be64(out + at, *clock);
        at += 8;
    }
    if (body.len > 0) memcpy(out + at, body.ptr, body.len);
    return tally_span_of(out, at + body.len);
}

/* ---- the ledger ---- */

static void feed_of(tally_txn *txn, unsigned device, tally_feed *out) {
    uint32_t number;
    *out = (tally_feed){.number = UINT32_MAX};
    tally_range_init(&out->range);
    if (tally_feed_find(txn, tally_key_device(keys[device]), &number) != 0) return;
    must(tally_feed_get(txn, number, out, NULL) == 0);
}

/* The right edge over the first `size` stored records, from those records. */
static void range_to(tally_txn *txn, uint32_t feed, uint64_t size, tally_range *out) {
    tally_range_init(out);
    for (uint64_t i = 0; i < size; i++) {
        tally_span bytes;
        tally_hash leaf;
        must(tally_record_get(txn, feed, i, &bytes, NULL) == 0);
        tally_leaf_hash(bytes, &leaf);
        tally_range_append(out, &leaf, NULL, NULL);
    }
}

static void origin_of(tally_txn *txn, unsigned device, char origin[TALLY_ORIGIN_MAX_BYTES]) {
    tally_origin_format(&txn->ledger->team, tally_key_device(keys[device]), origin);
}

/* Size, root and signature: true, or from the input where a flag is not set. */
static void sign(tally_txn *txn, commit *c, const tally_feed *feed, tally_span *input) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_range range;
    range_to(txn, feed->number, c->from < feed->size ? c->from : feed->size, &range);
    for (size_t i = 0; i < c->count; i++) {
        tally_hash leaf;
        tally_leaf_hash(c->records[i], &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
    }
    c->cp = (tally_checkpoint){.size = c->from + c->count};
    tally_range_root(&range, &c->cp.root);
    if (!(c->flags & FLAG_TRUE)) {
        c->cp.size += (uint64_t)take(input) - 128;
        c->cp.root.b[take(input) % TALLY_HASH_BYTES] ^= take(input);
    }
    origin_of(txn, c->device, origin);
    tally_checkpoint_sign(keys[c->device], origin, &c->cp);
    if (!(c->flags & FLAG_SIGN))
        c->cp.signature[take(input) % TALLY_SIGNATURE_BYTES] ^= take(input);
}

/* Copies of what is stored: a commit must not point into the ledger. */
static void repeat_stored(tally_txn *txn, commit *c, const tally_feed *feed) {
    static uint8_t copies[FILL_RECORDS][256];
    while (c->from + c->count < feed->size && c->count < FILL_RECORDS) {
        tally_span bytes;
        must(tally_record_get(txn, feed->number, c->from + c->count, &bytes, NULL) == 0);
        if (bytes.len > sizeof copies[0]) return;
        memcpy(copies[c->count], bytes.ptr, bytes.len);
        c->records[c->count] = tally_span_of(copies[c->count], bytes.len);
        c->count++;
    }
}

static void take_commit(tally_txn *txn, tally_span *input, commit *c) {
    tally_feed feed;
    c->device = take(input) % DEVICES;
    c->flags = take(input);
    feed_of(txn, c->device, &feed);
    c->from = c->flags & FLAG_AT_END ? feed.size : take(input) % (feed.size + 2);
    c->count = 0;
    if (c->flags & FLAG_REPEAT) repeat_stored(txn, c, &feed);
    bool goes_on = c->from >= feed.size || c->flags & FLAG_REPEAT;
    tally_hlc clock = goes_on && feed.size > 0 ? feed.last_hlc : tally_hlc_next(0, NOW_MS);
    size_t records = take(input) % (MAX_RECORDS + 1);
    for (size_t i = 0; i < records; i++)
        c->records[c->count++] = take_record(input, &clock, c->bytes[i]);
    sign(txn, c, &feed, input);
}

/* ---- what must hold ---- */

static void sizes_of(tally_txn *txn, uint64_t out[DEVICES]) {
    for (unsigned i = 0; i < DEVICES; i++) {
        tally_feed feed;
        feed_of(txn, i, &feed);
        out[i] = feed.size;
    }
}

static tally_hash digest_of(tally_txn *txn) {
    tally_hash digest;
    must(tally_view_digest(txn, &digest, NULL) == 0);
    return digest;
}

/* The head is that of the records, and signed; and so is the root at a size the input chose. */
static void check_feed(tally_txn *txn, unsigned device, uint8_t chosen) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_feed feed;
    tally_range range;
    tally_hash expected, root;
    tally_checkpoint cp;
    feed_of(txn, device, &feed);
    if (feed.size == 0) return;
    range_to(txn, feed.number, feed.size, &range);
    must(range.count == feed.range.count);
    must(memcmp(range.nodes, feed.range.nodes, range.count * sizeof *range.nodes) == 0);
    must(tally_checkpoint_get(txn, feed.number, feed.size - 1, &cp, NULL) == 0);
    tally_range_root(&range, &root);
    must(cp.size == feed.size && tally_hash_eq(&cp.root, &root));
    origin_of(txn, device, origin);
    must(tally_checkpoint_verify(tally_key_device(keys[device]), origin, &cp) == 0);
    uint64_t part = chosen % (feed.size + 1);
    range_to(txn, feed.number, part, &range);
    tally_range_root(&range, &expected);
    must(tally_feed_root(txn, feed.number, part, &root, NULL) == 0);
    must(tally_hash_eq(&root, &expected));
}

typedef struct handed {
    tally_span records[FILL_RECORDS + MAX_COMMITS * MAX_RECORDS];
    size_t count;
    uint64_t next;
} handed;

static int hand_on(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    handed *h = ctx;
    (void)err;
    must(index == h->next++);
    h->records[h->count++] = record;
    return 0;
}

/* What is handed on, to its first head or to the last that fits, is what is here already. */
static void check_handed(tally_txn *txn, unsigned device, uint8_t chosen) {
    static handed h;
    tally_feed feed;
    tally_checkpoint cp;
    feed_of(txn, device, &feed);
    for (int joined = 0; joined < 2 && feed.size > 0; joined++) {
        uint64_t from = chosen % feed.size;
        h.count = 0;
        h.next = from;
        int rc = joined ? tally_commit_span(txn, feed.number, from, &cp, hand_on, &h, NULL)
                        : tally_commit_get(txn, feed.number, from, &cp, hand_on, &h, NULL);
        must(rc == 0 && h.next == cp.size && (!joined || cp.size == feed.size));
        must(tally_ingest(txn, &feed.device, from, h.records, h.count, &cp, NULL) == TALLY_EEXIST);
    }
    if (feed.size > 0)
        must(tally_commit_get(txn, feed.number, feed.size, &cp, hand_on, &h, NULL) ==
             TALLY_ENOTFOUND);
}

static void check_views(tally_txn *txn) {
    tally_hash wanted[2][MAX_WANTED];
    size_t count[2];
    tally_hash folded = digest_of(txn);
    must(tally_blob_wanted(txn, NULL, wanted[0], MAX_WANTED, &count[0], NULL) == 0);
    must(view_rebuild_in(txn, NULL) == 0);
    tally_hash rebuilt = digest_of(txn);
    must(tally_hash_eq(&folded, &rebuilt));
    must(tally_blob_wanted(txn, NULL, wanted[1], MAX_WANTED, &count[1], NULL) == 0);
    must(count[0] == count[1] && memcmp(wanted[0], wanted[1], count[0] * sizeof **wanted) == 0);
}

/* One commit: taken in whole, or refused for a reason that holds and without a trace. */
static void give(tally_txn *txn, const commit *c, tally_hash *digest) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    uint64_t before[DEVICES], after[DEVICES];
    sizes_of(txn, before);
    const tally_device_id *device = tally_key_device(keys[c->device]);
    tally_error why = {0};
    int rc = tally_ingest(txn, device, c->from, c->records, c->count, &c->cp, &why);
    must(rc == 0 || why.text[0] != '\0');
    must(rc == 0 || rc == TALLY_EEXIST || rc == TALLY_ENOTFOUND || rc == TALLY_EREFUSED ||
         rc == TALLY_ELIMIT || rc == TALLY_EFORMAT || rc == TALLY_ECORRUPT);
    sizes_of(txn, after);
    origin_of(txn, c->device, origin);
    bool is_signed = tally_checkpoint_verify(device, origin, &c->cp) == 0;
    if (rc == 0 || rc == TALLY_EEXIST || rc == TALLY_ECORRUPT) must(is_signed);
    for (unsigned i = 0; i < DEVICES; i++)
        must(rc == 0 && i == c->device ? after[i] == c->cp.size && after[i] > before[i]
                                       : after[i] == before[i]);
    tally_hash now = digest_of(txn);
    must(rc == 0 || tally_hash_eq(&now, digest));
    *digest = now;
}

/* Ends in an error, so that the ledger is as it was for the next input. */
static int one_input(void *ctx, tally_txn *txn, tally_error *err) {
    static commit c;
    tally_span input = *(const tally_span *)ctx;
    uint8_t chosen = take(&input);
    tally_hash digest = digest_of(txn);
    for (unsigned i = 0; i < MAX_COMMITS && input.len > 0; i++) {
        take_commit(txn, &input, &c);
        give(txn, &c, &digest);
    }
    for (unsigned i = 0; i < DEVICES; i++) {
        check_feed(txn, i, chosen);
        check_handed(txn, i, chosen);
    }
    check_views(txn);
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

/* ---- making the ledger, once ---- */

static int make_team(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t secret[TALLY_TEAM_SECRET_BYTES] = {1};
    (void)ctx;
    int rc = fuzz_device_add(txn, 1, TALLY_ROLE_ADMIN, err);
    if (rc == 0) rc = fuzz_device_add(txn, 2, TALLY_ROLE_MEMBER, err);
    if (rc == 0) rc = fuzz_device_add(txn, 3, TALLY_ROLE_AUDITOR, err);
    if (rc == 0) rc = fuzz_device_add(txn, 5, TALLY_ROLE_MEMBER, err);
    return rc != 0 ? rc : tally_team_device_revoke(txn, tally_key_device(keys[5]), secret, err);
}

/* The member's feed: notes that no view looks at, eight to a commit. */
static int fill(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t note[] = {14, 1, 0, 1, 0x80}; /* kind, step, length, an empty body */
    static commit c;
    uint8_t script[3 + MAX_RECORDS * sizeof note] = {2, FLAG_SIGN | FLAG_AT_END | FLAG_TRUE,
                                                     MAX_RECORDS};
    (void)ctx;
    for (size_t i = 0; i < MAX_RECORDS; i++)
        memcpy(script + 3 + i * sizeof note, note, sizeof note);
    int rc = 0;
    for (uint64_t size = 0; rc == 0 && size < FILL_RECORDS; size += MAX_RECORDS) {
        tally_span input = tally_span_of(script, sizeof script);
        take_commit(txn, &input, &c);
        rc = tally_ingest(txn, tally_key_device(keys[2]), c.from, c.records, c.count, &c.cp, err);
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_ledger *ledger;
    tally_span input = tally_span_of(data, size);
    if (!ledger) {
        ledger = fuzz_ledger_make(make_team);
        must(tally_ledger_write(ledger, NOW_MS, fill, NULL, NULL) == 0);
    }
    must(tally_ledger_write(ledger, NOW_MS, one_input, &input, NULL) == TALLY_EREFUSED);
    return 0;
}
