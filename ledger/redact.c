/* Redaction: a record says that a blob goes, everywhere and for good. What refers to it stays, and
 * so does every proof. */
#include "blob.h"
#include "view_fold.h"

#include <tally/view.h>

#include <sodium.h>

#define KIND        "redact"
#define KDF_CONTEXT "redacted" /* exactly crypto_kdf_CONTEXTBYTES */
#define KDF_CONTENT 1

_Static_assert(sizeof KDF_CONTEXT - 1 == crypto_kdf_CONTEXTBYTES, "context");
_Static_assert(crypto_kdf_KEYBYTES == 32, "an X25519 private key derives");

static const uint8_t mark[] = {1};

static int note(tally_txn *txn, store_table table, const tally_hash *key, tally_error *err) {
    return store_put(txn, table, blob_key(key), tally_span_of(mark, 1), 0, err);
}

/* Under a key that is not in the store: whoever has the store alone cannot try short texts. */
static void content_hash(const tally_key *key, tally_span content, tally_hash *out) {
    uint8_t secret[crypto_kdf_KEYBYTES];
    (void)crypto_kdf_derive_from_key(secret, sizeof secret, KDF_CONTENT, KDF_CONTEXT,
                                     tally_key_box_secret(key));
    (void)crypto_generichash(out->b, sizeof out->b, content.ptr, content.len, secret,
                             sizeof secret);
    sodium_memzero(secret, sizeof secret);
}

/* What is held of a blob that goes, so that capture knows the text when it meets it again. Views
 * are also folded without the key; then nothing that can be remembered is held any more. */
static int remember(tally_txn *txn, const tally_hash *id, tally_error *err) {
    tally_span content;
    tally_hash hash;
    if (!txn->ledger->key || tally_blob_get(txn, id->b, &content) != 0) return 0;
    content_hash(txn->ledger->key, content, &hash);
    int rc = note(txn, TABLE_LOCAL_REDACTED, id, err);
    return rc != 0 ? rc : note(txn, TABLE_LOCAL_REDACTED, &hash, err);
}

int view_fold_redact(const view_source *source, const tally_record *record, tally_error *err) {
    tally_txn *txn = source->txn;
    const uint8_t *bytes;
    tally_hash id;
    if (!tally_body_bin(record, "blob", TALLY_HASH_BYTES, &bytes)) return 0;
    memcpy(id.b, bytes, sizeof id.b);
    int rc = remember(txn, &id, err);
    if (rc == 0) rc = note(txn, TABLE_VIEW_REDACTIONS, &id, err);
    if (rc == 0) rc = store_del(txn, TABLE_BLOBS, blob_key(&id), NULL, err);
    return rc != 0 ? rc : store_del(txn, TABLE_LOCAL_WANTS, blob_key(&id), NULL, err);
}

bool tally_blob_redacted(tally_txn *txn, const tally_hash *id) {
    return blob_held(txn, TABLE_VIEW_REDACTIONS, id);
}

bool tally_blob_redacted_here(tally_txn *txn, const tally_hash *id) {
    return blob_held(txn, TABLE_LOCAL_REDACTED, id);
}

bool tally_blob_content_redacted(tally_txn *txn, tally_span content) {
    MDB_stat stat;
    tally_hash hash;
    MDB_dbi table = txn->ledger->tables[TABLE_LOCAL_REDACTED];
    if (mdb_stat(txn->txn, table, &stat) == 0 && stat.ms_entries == 0) return false;
    if (feed_need_key(txn->ledger, NULL) != 0) return false;
    content_hash(txn->ledger->key, content, &hash);
    return blob_held(txn, TABLE_LOCAL_REDACTED, &hash);
}

static int check_redact(tally_txn *txn, const tally_hash *id, const char *hex, tally_span reason,
                        tally_error *err) {
    if (tally_blob_redacted(txn, id))
        return tally_fail(err, TALLY_EEXIST, "blob %s was redacted before", hex);
    if (!blob_held(txn, TABLE_BLOBS, id) && !blob_held(txn, TABLE_LOCAL_WANTS, id))
        return tally_fail(err, TALLY_ENOTFOUND, "no record that counts refers to a blob %s", hex);
    if (reason.len > TALLY_REDACT_REASON_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a reason has at most %u bytes, not %zu",
                          TALLY_REDACT_REASON_MAX_BYTES, reason.len);
    return 0;
}

int tally_blob_redact(tally_txn *txn, const tally_hash *id, tally_span reason, tally_error *err) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    tally_writer *writer;
    tally_hex(blob_key(id), hex);
    int rc = check_redact(txn, id, hex, reason, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_writer_begin(writer);
    tally_put_bin(writer, "blob", blob_key(id));
    tally_put_str_opt(writer, "reason", reason);
    rc = tally_append(txn, KIND, writer, NULL, err);
    if (rc == 0 && !tally_blob_redacted(txn, id))
        rc = tally_fail(err, TALLY_EREFUSED,
                        "cannot redact: nothing that this device records counts in the team; run "
                        "this on a device that is a member");
    tally_writer_free(writer);
    return rc;
}

/* ---- what a session or an entry was ever called ---- */

/* The records that hold words about a session, or an entry, and under which keys. */
static const struct {
    const char *kind, *id, *words;
} naming[] = {{"session", "id", "title"}, {"describe", "session", "text"}};
#define NAMINGS (sizeof naming / sizeof *naming)

/* Told from a record's first bytes; most records need no closer look. */
static size_t naming_of(tally_span stored) {
    size_t i = 0;
    for (; i < NAMINGS; i++) {
        size_t len = strlen(naming[i].kind);
        const uint8_t head[] = {0x94, TALLY_RECORD_VERSION, (uint8_t)(0xa0 | len)};
        if (stored.len > RECORD_CHECK_BYTES + sizeof head + len &&
            memcmp(stored.ptr + RECORD_CHECK_BYTES, head, sizeof head) == 0 &&
            memcmp(stored.ptr + RECORD_CHECK_BYTES + sizeof head, naming[i].kind, len) == 0)
            break;
    }
    return i;
}

typedef bool whose_fn(const tally_record *record, const char *id_key, const void *whose);

static bool of_session(const tally_record *record, const char *id_key, const void *session) {
    tally_span agent, id;
    return tally_body_str(record, "agent", &agent) && tally_body_str(record, id_key, &id) &&
           tally_session_ref(agent, id) == *(const uint64_t *)session;
}

static bool of_entry(const tally_record *record, const char *id_key, const void *entry) {
    const uint8_t *id;
    (void)id_key;
    return tally_body_bin(record, "entry", TALLY_ENTRY_BYTES, &id) &&
           memcmp(id, ((const tally_entry_id *)entry)->b, TALLY_ENTRY_BYTES) == 0;
}

static bool words_in(tally_span stored, whose_fn *is_whose, const void *whose, tally_hash *words) {
    tally_record record;
    const uint8_t *blob;
    size_t i = naming_of(stored);
    if (i == NAMINGS) return false;
    tally_span bytes =
        tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    if (tally_record_parse(bytes, &record, NULL) != 0 || !is_whose(&record, naming[i].id, whose) ||
        !tally_body_bin(&record, naming[i].words, TALLY_HASH_BYTES, &blob))
        return false;
    memcpy(words->b, blob, sizeof words->b);
    return true;
}

static int words_each(tally_txn *txn, whose_fn *is_whose, const void *whose, tally_title_fn *fn,
                      void *ctx, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    tally_hash words;
    int mdb = 0, rc = store_cursor(txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        if (words_in(store_span(v), is_whose, whose, &words)) rc = fn(ctx, &words, err);
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == MDB_NOTFOUND ? rc : store_fail(txn, mdb, "cannot read records", err);
}

int tally_session_titles(tally_txn *txn, uint64_t session, tally_title_fn *fn, void *ctx,
                         tally_error *err) {
    return words_each(txn, of_session, &session, fn, ctx, err);
}

int tally_entry_words(tally_txn *txn, const tally_entry_id *entry, tally_title_fn *fn, void *ctx,
                      tally_error *err) {
    return words_each(txn, of_entry, entry, fn, ctx, err);
}
