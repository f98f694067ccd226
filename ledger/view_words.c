/* Recorded words: the view of `describe` records, one register for each source of each target, and
 * appending them. Which of them is the line is decided in describe.c. */
#include "blob.h"
#include "view_fold.h"

#include <tally/describe.h>

#define KIND      "describe"
#define KEY_BYTES (TALLY_ENTRY_BYTES + 1u)

static const char *const sources[] = {
    [TALLY_WORDS_PERSON] = "person",   [TALLY_WORDS_COMMAND] = "command",
    [TALLY_WORDS_COMMITS] = "commits", [TALLY_WORDS_TITLE] = "title",
    [TALLY_WORDS_PROMPT] = "prompt",   [TALLY_WORDS_NONE] = "none"};

const char *tally_words_from_text(tally_words_from from) {
    return sources[from];
}

static bool from_read(const tally_record *record, uint8_t *from) {
    tally_span text;
    if (!tally_body_str(record, "from", &text)) return false;
    for (*from = 0; *from < TALLY_WORDS_RECORDED; (*from)++)
        if (tally_span_is(text, sources[*from])) return true;
    return false;
}

/* Value: the blob's id, or nothing when the words were taken back. */
int view_fold_describe(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[KEY_BYTES];
    const uint8_t *blob;
    tally_hash text;
    if (!view_target_of(record, key) || !from_read(record, key + TALLY_ENTRY_BYTES)) return 0;
    bool said = tally_body_bin(record, "text", sizeof text.b, &blob);
    if (said) memcpy(text.b, blob, sizeof text.b);
    int rc = view_register_put(source, TABLE_VIEW_WORDS, tally_span_of(key, sizeof key),
                               record->hlc, tally_span_of(text.b, said ? sizeof text.b : 0), err);
    return rc == 0 && said ? blob_refer(source->txn, &text, err) : rc;
}

/* The blob that holds them, wherever it is. */
static bool words_blob(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES],
                       tally_words_from from, tally_span *blob) {
    uint8_t key[KEY_BYTES];
    memcpy(key, target, TALLY_ENTRY_BYTES);
    key[TALLY_ENTRY_BYTES] = (uint8_t)from;
    return view_register_get(txn, TABLE_VIEW_WORDS, tally_span_of(key, sizeof key), NULL, blob) ==
               0 &&
           blob->len == TALLY_HASH_BYTES;
}

bool tally_words_get(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tally_words_from from,
                     tally_description *out) {
    tally_span blob, text;
    if (!words_blob(txn, target, from, &blob) || tally_blob_get(txn, blob.ptr, &text) != 0 ||
        text.len == 0)
        return false;
    *out = (tally_description){text, from, tally_words_vague(text), blob.ptr};
    return true;
}

/* ---- appending ---- */

int view_words_check(tally_span text, tally_error *err) {
    bool steers = false;
    for (size_t i = 0; i < text.len; i++)
        steers = steers || text.ptr[i] < 0x20 || text.ptr[i] == 0x7f;
    if (!steers && text.len <= TALLY_WORDS_MAX_BYTES && tally_utf8_valid(text)) return 0;
    return tally_fail(err, TALLY_EINVAL,
                      "a description is one line of UTF-8 text, at most %u bytes, without control "
                      "characters",
                      TALLY_WORDS_MAX_BYTES);
}

static int describe_check(tally_txn *txn, const tally_describe *describe,
                          const uint8_t target[TALLY_ENTRY_BYTES], tally_error *err) {
    tally_description held;
    tally_span blob;
    if (describe->text.len == 0 && !words_blob(txn, target, describe->from, &blob))
        return tally_fail(err, TALLY_EEXIST, "there are no words to take back");
    if (describe->text.len == 0) return 0;
    if (tally_words_get(txn, target, describe->from, &held) &&
        tally_span_eq(held.text, describe->text))
        return tally_fail(err, TALLY_EEXIST, "it reads so already");
    if (tally_blob_content_redacted(txn, describe->text))
        return tally_fail(err, TALLY_EREFUSED,
                          "these words were redacted; nothing records them again");
    return view_words_check(describe->text, err);
}

int tally_describe_append(tally_txn *txn, const tally_describe *describe, tally_error *err) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tally_writer *writer;
    tally_hash blob;
    if (describe->entry)
        memcpy(target, describe->entry->b, sizeof target);
    else
        tally_put_be64(target, tally_session_ref(describe->agent, describe->session));
    int rc = describe_check(txn, describe, target, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_writer_begin(writer);
    if (describe->entry) {
        tally_put_bin(writer, "entry", tally_span_of(describe->entry->b, TALLY_ENTRY_BYTES));
    } else {
        tally_put_str(writer, "agent", describe->agent);
        tally_put_str(writer, "session", describe->session);
    }
    tally_put_str(writer, "from", tally_span_str(sources[describe->from]));
    if (describe->text.len) {
        rc = tally_blob_put(txn, describe->salt, describe->text, &blob, err);
        tally_put_bin(writer, "text", tally_span_of(blob.b, sizeof blob.b));
    }
    if (rc == 0) rc = tally_append(txn, KIND, writer, NULL, err);
    tally_writer_free(writer);
    return rc;
}
