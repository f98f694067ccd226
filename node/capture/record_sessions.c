/* Sessions: what is new about one is merged into what the ledger holds, and the whole is recorded
 * again when something changed. Titles are blobs, so that they can be redacted. */
#include "record_events.h"

#include <tally/blob.h>

#include <sodium.h>

/* By capture_session.title_rank. */
static const char *const title_sources[] = {NULL, "prompt", "summary", "agent", "custom"};
enum { TITLE_PROMPT = 1, TITLE_CUSTOM = 4 };
#define TITLE_RANKS (sizeof title_sources / sizeof title_sources[0])

static uint32_t rank_of(tally_span from) {
    for (uint32_t rank = 1; rank < TITLE_RANKS; rank++)
        if (tally_span_is(from, title_sources[rank])) return rank;
    return 0;
}

static bool prompts_allowed(tally_txn *txn) {
    tally_span value;
    return tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(CAPTURE_SETTING_PROMPT_TITLES),
                           &value) == 0 &&
           tally_span_is(value, "yes");
}

/* Who redacts a title wants none, until a person sets another: not one that an agent words anew,
 * and not the same text again. Where that text is not known, any could be it. */
static bool redacted_gives_way(tally_txn *txn, const tally_hash *held,
                               const capture_session *seen) {
    return seen->title_rank == TITLE_CUSTOM && tally_blob_redacted_here(txn, held);
}

/* A better source wins, and a later text of the same source. */
static bool better_title(tally_txn *txn, const tally_agent_session *held,
                         const capture_session *seen) {
    tally_hash id;
    tally_span content;
    if (!held->title) return true;
    memcpy(id.b, held->title, sizeof id.b);
    if (tally_blob_redacted(txn, &id)) return redacted_gives_way(txn, &id, seen);
    uint32_t held_rank = rank_of(held->title_from);
    if (seen->title_rank != held_rank) return seen->title_rank > held_rank;
    return tally_blob_get(txn, id.b, &content) == 0 && !tally_span_eq(content, seen->title);
}

/* A text that was redacted is not recorded again: not when a log is read anew, and not in the fork
 * of a session, which repeats it. */
static bool title_is_new(tally_txn *txn, const tally_agent_session *held,
                         const capture_session *seen) {
    if (seen->title.len == 0 || seen->title_rank == 0) return false;
    if (seen->title_rank == TITLE_PROMPT && !prompts_allowed(txn)) return false;
    return better_title(txn, held, seen) && !tally_blob_content_redacted(txn, seen->title);
}

/* An access token in "https://user:token@host/..." is nobody's business; "ssh://git@host" is part
 * of the address. */
static tally_span without_password(tally_span url, char *buffer, size_t size) {
    const uint8_t *scheme = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
    if (!scheme) return url;
    size_t start = (size_t)(scheme - url.ptr) + 3;
    const uint8_t *slash = memchr(url.ptr + start, '/', url.len - start);
    size_t end = slash ? (size_t)(slash - url.ptr) : url.len;
    const uint8_t *at = memrchr(url.ptr + start, '@', end - start);
    if (!at) return url;
    size_t host = (size_t)(at - url.ptr) + 1;
    bool web = url.len > 4 && memcmp(url.ptr, "http", 4) == 0;
    if (!web && !memchr(url.ptr + start, ':', host - start)) return url;
    size_t len = start + url.len - host;
    if (len > size) return (tally_span){0};
    memcpy(buffer, url.ptr, start);
    memcpy(buffer + start, url.ptr + host, url.len - host);
    return tally_span_of(buffer, len);
}

static void keep_first(tally_span *held, tally_span seen, bool *changed) {
    if (held->len || seen.len == 0) return;
    *held = seen;
    *changed = true;
}

/* Merges into `held`, whose spans stay the ledger's or the batch's. A new version alone is not
 * worth a record. */
static bool merge(tally_agent_session *held, const capture_session *seen, tally_span remote) {
    bool changed = false;
    keep_first(&held->parent, seen->parent, &changed);
    keep_first(&held->cwd, seen->cwd, &changed);
    keep_first(&held->remote, remote, &changed);
    keep_first(&held->commit, seen->commit, &changed);
    if (seen->branch.len && !tally_span_eq(held->branch, seen->branch)) {
        held->branch = seen->branch;
        changed = true;
    }
    if (seen->version.len) held->version = seen->version;
    return changed;
}

static int append_session(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                          const tally_agent_session *merged, const uint8_t *title,
                          tally_span title_from, tally_error *err) {
    tally_writer *writer = recorder->writer;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", tally_span_str(session->agent));
    tally_put_str(writer, "id", session->id);
    tally_put_str_opt(writer, "parent", merged->parent);
    tally_put_str_opt(writer, "cwd", merged->cwd);
    tally_put_str_opt(writer, "branch", merged->branch);
    tally_put_str_opt(writer, "remote", merged->remote);
    tally_put_str_opt(writer, "commit", merged->commit);
    tally_put_str_opt(writer, "version", merged->version);
    if (title) {
        tally_put_bin(writer, "title", tally_span_of(title, TALLY_HASH_BYTES));
        tally_put_str_opt(writer, "title_from", title_from);
    }
    return tally_append(txn, "session", writer, NULL, err);
}

static int put_title(tally_txn *txn, tally_span text, tally_hash *id, tally_error *err) {
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
    randombytes_buf(salt, sizeof salt);
    return tally_blob_put(txn, salt, text, id, err);
}

/* The session as held; empty and `*known` false when there is none. A dry run remembers what it
 * counted. */
static int held_session(capture_recorder *recorder, tally_txn *txn, uint64_t ref,
                        tally_agent_session *held, bool *known, tally_error *err) {
    uint8_t id[CAPTURE_ID_BYTES] = "\0\0\0\0\0\0\0\0session";
    tally_put_be64(id, ref);
    int rc = tally_agent_session_get(txn, ref, held);
    *known = rc == 0;
    if (rc == 0) return 0;
    *held = (tally_agent_session){.ref = ref};
    if (rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "cannot look up a session; run 'tally fsck'");
    if (!recorder->dry_run) return 0;
    *known = capture_idmap_get(&recorder->seen, id, NULL);
    if (capture_idmap_put(&recorder->seen, id, 0))
        return tally_fail(err, TALLY_ENOMEM, "no memory for what a dry run remembers");
    return 0;
}

int record_session(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                   tally_error *err) {
    const capture_session *seen = &session->seen;
    tally_agent_session held;
    bool known, changed;
    int rc = held_session(recorder, txn, session->ref, &held, &known, err);
    if (rc) return rc;
    recorder->counts.sessions += !known;
    if (recorder->dry_run) return 0;

    tally_hash title;
    bool titled = title_is_new(txn, &held, seen);
    if (titled) {
        rc = put_title(txn, seen->title, &title, err);
        /* A write moves the ledger's pages: what was read before it is read again. */
        if (!rc) rc = held_session(recorder, txn, session->ref, &held, &known, err);
        if (rc) return rc;
    }
    char buffer[CAPTURE_TEXT_MAX_BYTES];
    changed = merge(&held, seen, without_password(seen->remote, buffer, sizeof buffer));
    if (known && !changed && !titled) return 0;
    const char *from = titled ? title_sources[seen->title_rank] : NULL;
    return append_session(recorder, txn, session, &held, titled ? title.b : held.title,
                          from ? tally_span_str(from) : held.title_from, err);
}
