/* Blobs between two nodes: asking for those that records here refer to, answering, and putting
 * pieces together. */
#include "session_state.h"

#include <stdlib.h>

/* The largest message with a piece: its other elements take less than 100 bytes. */
#define BLOB_MESSAGE_BYTES (TALLY_WIRE_BLOB_PIECE_MAX_BYTES + 128u)

/* ---- a few ids ---- */

void session_ids_clear(session_ids *ids) {
    free(ids->list);
    *ids = (session_ids){0};
}

static uint32_t ids_find(const session_ids *ids, const tally_hash *id) {
    uint32_t at = 0;
    while (at < ids->count && !tally_hash_eq(&ids->list[at], id))
        at++;
    return at;
}

static bool ids_hold(const session_ids *ids, const tally_hash *id) {
    return ids_find(ids, id) < ids->count;
}

static void ids_remove(session_ids *ids, uint32_t at) {
    ids->count--;
    memmove(&ids->list[at], &ids->list[at + 1], (ids->count - at) * sizeof *ids->list);
}

/* The oldest gives way when there are `most`. False without memory. */
static bool ids_add(session_ids *ids, const tally_hash *id, uint32_t most) {
    if (ids_hold(ids, id)) return true;
    if (ids->count == most) ids_remove(ids, 0);
    if (ids->count == ids->room) {
        uint32_t room = ids->room ? 2 * ids->room : 8;
        tally_hash *grown = realloc(ids->list, room * sizeof *grown);
        if (!grown) return false;
        ids->list = grown;
        ids->room = room;
    }
    ids->list[ids->count++] = *id;
    return true;
}

static bool no_memory(tally_session *s) {
    tally_error err = {0};
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for ids of blobs");
    return session_trouble(s, &err);
}

static bool refuse(tally_session *s, int code, const char *why) {
    tally_error err = {0};
    (void)tally_fail(&err, code, "%s", why);
    return session_refuse(s, &err);
}

/* ---- asking ---- */

/* The next ids that are wanted and were not asked for in vain. */
static int gather(tally_session *s, tally_hash *ids, size_t *count, tally_error *err) {
    tally_hash found[TALLY_WIRE_MAX_BLOB_IDS];
    size_t got;
    *count = 0;
    do {
        int rc = tally_blob_wanted(s->txn, s->ask_on ? &s->ask_after : NULL, found,
                                   TALLY_WIRE_MAX_BLOB_IDS, &got, err);
        if (rc != 0) return rc;
        for (size_t i = 0; i < got; i++)
            if (!ids_hold(&s->lacking, &found[i])) ids[(*count)++] = found[i];
        s->ask_on = got == TALLY_WIRE_MAX_BLOB_IDS;
        if (s->ask_on) s->ask_after = found[got - 1];
    } while (*count == 0 && s->ask_on);
    return 0;
}

bool session_asks_say(tally_session *s) {
    tally_hash ids[TALLY_WIRE_MAX_BLOB_IDS];
    tally_error err = {0};
    size_t count;
    if (s->asked.count > 0 || !session_read(s)) return false;
    int rc = gather(s, ids, &count, &err);
    if (rc != 0) return session_trouble(s, &err);
    s->asks_due = s->ask_on; /* the rest after the answers */
    if (count == 0) return false;
    for (size_t i = 0; i < count; i++)
        if (!ids_add(&s->asked, &ids[i], TALLY_SESSION_MAX_ASKED)) return no_memory(s);
    return session_put(s, tally_wire_put_want_blob(&s->plain, ids, count, &err), &err);
}

/* ---- taking ---- */

/* The peer does not hold it now. If it comes to, it sends it. */
static bool take_no(tally_session *s, const tally_wire_blob *blob) {
    uint32_t at = ids_find(&s->asked, &blob->id);
    if (s->piece.open && tally_hash_eq(&s->piece.id, &blob->id)) {
        s->piece.open = false; /* redacted while it was on its way */
        tally_buffer_clear(&s->piece.bytes);
    }
    if (at == s->asked.count) return true;
    ids_remove(&s->asked, at);
    return ids_add(&s->lacking, &blob->id, TALLY_SESSION_MAX_LACKING) || no_memory(s);
}

static bool take_whole(tally_session *s, const tally_hash *id, tally_span bytes) {
    uint8_t *at;
    session_item *item = session_item_add(s, bytes.len, &at);
    if (!item) return false;
    memcpy(at, bytes.ptr, bytes.len);
    item->what = ITEM_BLOB;
    item->id = *id;
    uint32_t asked = ids_find(&s->asked, id), lacking = ids_find(&s->lacking, id);
    if (asked < s->asked.count) ids_remove(&s->asked, asked);
    if (lacking < s->lacking.count) ids_remove(&s->lacking, lacking);
    return true;
}

/* The pieces of a blob come in order and right after each other, without a gap. */
static bool take_piece(tally_session *s, const tally_wire_blob *blob) {
    session_piece *piece = &s->piece;
    tally_error err = {0};
    bool goes_on = piece->open && tally_hash_eq(&piece->id, &blob->id) &&
                   piece->total == blob->total && piece->bytes.len == blob->offset;
    if (!goes_on) {
        if (piece->open || blob->offset != 0)
            return refuse(s, TALLY_EFORMAT, "refused a piece of a blob out of order");
        piece->open = true;
        piece->id = blob->id;
        piece->total = blob->total;
    }
    if (tally_buffer_add(&piece->bytes, blob->bytes, &err) != 0) return session_trouble(s, &err);
    if (piece->bytes.len < piece->total) return true;
    piece->open = false;
    bool ok = take_whole(s, &piece->id, tally_buffer_span(&piece->bytes));
    tally_buffer_clear(&piece->bytes);
    return ok;
}

bool session_blob_take(tally_session *s, const tally_wire_blob *blob, size_t len) {
    if (!session_window_holds(s, len)) return false;
    bool welcome = ids_hold(&s->asked, &blob->id) || ids_hold(&s->lacking, &blob->id);
    bool ok = true;
    if (blob->total == 0)
        ok = take_no(s, blob);
    else if (!welcome)
        ok = true; /* came by another way meanwhile, or was asked for too long ago */
    else if (blob->offset == 0 && blob->bytes.len == blob->total && !s->piece.open)
        ok = take_whole(s, &blob->id, blob->bytes);
    else
        ok = take_piece(s, blob);
    return ok && session_count_in(s, len);
}

/* ---- answering ---- */

bool session_wants_take(tally_session *s, tally_wire_list ids) {
    tally_hash id;
    if (ids.count > TALLY_SESSION_MAX_ASKED - s->wanted.count)
        return refuse(s, TALLY_ELIMIT, "refused to look for more blobs before the last were sent");
    while (tally_wire_next_hash(&ids, &id))
        if (!ids_add(&s->wanted, &id, TALLY_SESSION_MAX_ASKED)) return no_memory(s);
    return true;
}

/* What the peer asked for in vain, and is here now. */
bool session_owed_look(tally_session *s, tally_txn *txn) {
    tally_span stored;
    for (uint32_t i = 0; i < s->owed.count && s->wanted.count < TALLY_SESSION_MAX_ASKED;) {
        tally_hash id = s->owed.list[i];
        if (tally_blob_stored(txn, &id, &stored) != 0) {
            i++;
            continue;
        }
        ids_remove(&s->owed, i);
        if (!ids_add(&s->wanted, &id, TALLY_SESSION_MAX_ASKED)) return no_memory(s);
    }
    return true;
}

/* The next piece of the first blob that is wanted, or that it is not here. */
static int put_piece(tally_session *s, const tally_hash *id, bool *last, tally_error *err) {
    tally_wire_blob blob = {.id = *id};
    tally_span stored = {0};
    int rc = tally_blob_stored(s->txn, id, &stored);
    if (rc != 0 && rc != TALLY_ENOTFOUND)
        return tally_fail(err, rc, "a blob cannot be read; run 'tally fsck'");
    /* One that was redacted and stored anew under way is another: nothing is left of this one. */
    bool here = rc == 0 && stored.len > s->answered && stored.len <= TALLY_WIRE_BLOB_MAX_BYTES;
    if (here) {
        size_t left = stored.len - s->answered;
        if (left > TALLY_WIRE_BLOB_PIECE_MAX_BYTES) left = TALLY_WIRE_BLOB_PIECE_MAX_BYTES;
        blob.total = (uint32_t)stored.len;
        blob.offset = s->answered;
        blob.bytes = tally_span_of(stored.ptr + s->answered, left);
    }
    size_t before = s->plain.len;
    rc = tally_wire_put_blob(&s->plain, &blob, err);
    if (rc != 0) return rc;
    session_count_out(s, s->plain.len - before);
    s->answered += (uint32_t)blob.bytes.len;
    *last = !here || s->answered == stored.len;
    if (!here && !ids_add(&s->owed, id, TALLY_SESSION_MAX_LACKING))
        return tally_fail(err, TALLY_ENOMEM, "no memory for ids of blobs");
    return 0;
}

bool session_blob_say(tally_session *s) {
    tally_error err = {0};
    bool last = false;
    if (s->wanted.count == 0 || s->credit < BLOB_MESSAGE_BYTES || !session_read(s)) return false;
    tally_hash id = s->wanted.list[0];
    int rc = put_piece(s, &id, &last, &err);
    if (last) {
        ids_remove(&s->wanted, 0);
        s->answered = 0;
    }
    return session_put(s, rc, &err);
}
