/* What a session takes in: commits and blobs are gathered and then written together, and what came
 * of each is noted. */
#include "session_state.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_ROOM     16u
#define MAX_PASSES     3u /* over what had to wait for an admission in the same write */
#define SPAN_LIST_SIZE (TALLY_COMMIT_MAX_RECORDS * sizeof(tally_span))

/* ---- gathering ---- */

static bool room_for_item(tally_session *s) {
    tally_error err = {0};
    if (s->item_count < s->item_room) return true;
    size_t room = s->item_room ? 2 * s->item_room : FIRST_ROOM;
    session_item *grown = realloc(s->items, room * sizeof *grown);
    (void)tally_fail(&err, TALLY_ENOMEM, "no memory for %zu commits", room);
    if (!grown) return session_trouble(s, &err);
    s->items = grown;
    s->item_room = room;
    return true;
}

session_item *session_item_add(tally_session *s, size_t len, uint8_t **at) {
    tally_error err = {0};
    bool full = s->item_count == TALLY_SESSION_PENDING_COMMITS ||
                (s->raw.len > 0 && s->raw.len + len > TALLY_SESSION_PENDING_BYTES);
    if (full && !session_write(s)) return NULL;
    if (!room_for_item(s)) return NULL;
    size_t start = s->raw.len;
    if (tally_buffer_extend(&s->raw, len, at, &err) != 0) {
        (void)session_trouble(s, &err);
        return NULL;
    }
    session_item *item = &s->items[s->item_count++];
    *item = (session_item){.at = start, .len = len};
    return item;
}

bool session_window_holds(tally_session *s, size_t len) {
    tally_error err = {0};
    if (len <= s->window) return true;
    (void)tally_fail(&err, TALLY_ELIMIT, "refused %zu bytes: the window has %llu left", len,
                     (unsigned long long)s->window);
    return session_refuse(s, &err);
}

bool session_count_in(tally_session *s, size_t len) {
    s->window -= len;
    s->spent += len;
    return s->spent < SESSION_CREDIT_BYTES || session_write(s);
}

bool session_commits_take(tally_session *s, const tally_wire_commits *commits, size_t len) {
    tally_error err = {0};
    uint8_t *raw;
    if (!session_window_holds(s, len) || !session_feed_need(s, &commits->device)) return false;
    session_item *item = session_item_add(s, commits->raw_len, &raw);
    if (!item) return false;
    item->device = commits->device;
    item->from = commits->from;
    item->count = commits->count;
    item->checkpoint = commits->checkpoint;
    if (tally_wire_unpack(s->packer, commits, raw, &err) != 0) {
        s->item_count--; /* what came before it is whole */
        s->raw.len = item->at;
        return session_refuse(s, &err);
    }
    return session_count_in(s, len);
}

/* ---- writing ---- */

typedef struct writing {
    tally_session *s;
    tally_span *spans;
    tally_error refused;         /* of the last item that was */
    bool again;                  /* something was left out: run once more */
    uint64_t came, told, cosigs; /* of cosignatures: see session_state.h; new ones */
} writing;

static uint64_t size_of(tally_txn *txn, const tally_device_id *device) {
    tally_feed feed;
    uint32_t number;
    if (tally_feed_find(txn, device, &number) != 0) return 0;
    return tally_feed_get(txn, number, &feed, NULL) == 0 ? feed.size : 0;
}

static session_skip skip_of(tally_txn *txn, const tally_device_id *device, int rc) {
    tally_team_device known;
    if (rc == TALLY_ENOTFOUND) return SKIP_GAP;
    if (rc != TALLY_EREFUSED) return SKIP_NONE;
    return tally_team_device_get(txn, device, &known) == 0 ? SKIP_FROZEN : SKIP_STRANGER;
}

static int take_commits(writing *w, tally_txn *txn, session_item *item, tally_error *err) {
    tally_span raw = tally_span_of(w->s->raw.ptr + item->at, item->len);
    size_t count = 0;
    while (count < item->count && tally_wire_next_record(&raw, &w->spans[count]))
        count++;
    uint64_t before = size_of(txn, &item->device);
    item->rc =
        tally_ingest(txn, &item->device, item->from, w->spans, count, &item->checkpoint, err);
    item->size = size_of(txn, &item->device);
    item->fresh = item->rc == 0 && item->size > before ? item->size - before : 0;
    item->skip = skip_of(txn, &item->device, item->rc);
    return item->rc;
}

/* True for what an item may come to while the write goes on. */
static bool is_settled(int rc) {
    return rc == 0 || rc == TALLY_EEXIST || rc == TALLY_EREFUSED || rc == TALLY_ENOTFOUND;
}

/* Whether it is news the log of them says. Of devices that nobody has added none is taken; the next
 * hello offers them again. */
static int take_cosig(tally_txn *txn, session_item *item, tally_error *err) {
    tally_cosignature c = {.device = item->device,
                           .checkpoint = item->checkpoint,
                           .witness = item->witness,
                           .time_s = item->time_s};
    memcpy(c.signature, item->signature, sizeof c.signature);
    item->rc = tally_cosignature_take(txn, &c, err);
    item->skip = item->rc == TALLY_EREFUSED ? SKIP_STRANGER : SKIP_NONE;
    return item->rc;
}

static int take_item(writing *w, tally_txn *txn, session_item *item, tally_error *err) {
    tally_session *s = w->s;
    if (item->what == ITEM_COSIG) return take_cosig(txn, item, err);
    if (item->what == ITEM_COMMITS) return take_commits(w, txn, item, err);
    item->rc =
        tally_blob_take(txn, &item->id, tally_span_of(s->raw.ptr + item->at, item->len), err);
    item->fresh = item->rc == 0;
    return item->rc;
}

/* All that come from this device wait: the place of the fork must be found first. */
static void leave_out(tally_session *s, const session_item *forked) {
    for (size_t i = 0; i < s->item_count; i++) {
        session_item *item = &s->items[i];
        if (item->what == ITEM_COMMITS &&
            memcmp(&item->device, &forked->device, sizeof item->device) == 0)
            item->left_out = true;
    }
}

/* One pass; `progress` when something was taken that may make others welcome. 0, 1 at an item that
 * its sender must answer for (those before it stay), or an error. */
static int pass(writing *w, tally_txn *txn, bool first, bool *progress, bool *waits,
                tally_error *err) {
    tally_session *s = w->s;
    *progress = *waits = false;
    for (size_t i = 0; i < s->item_count; i++) {
        session_item *item = &s->items[i];
        if (item->left_out || (!first && item->skip == SKIP_NONE)) continue;
        int rc = take_item(w, txn, item, err);
        if (rc == TALLY_ECORRUPT && item->what == ITEM_COMMITS) {
            leave_out(s, item);
            w->again = true;
            return rc;
        }
        if (rc == TALLY_EFORMAT || rc == TALLY_ELIMIT) return 1;
        if (!is_settled(rc)) return rc;
        if (rc == 0) *progress = true;
        if (item->skip != SKIP_NONE) *waits = true;
        if (rc == TALLY_EREFUSED && item->what != ITEM_COSIG) w->refused = *err;
    }
    return 0;
}

/* What a peer has sent it holds. Before it is remembered; it does not matter how often. What was
 * gathered beside the feed is another history than ours. */
static void hold(session_feed *feed, const session_item *item) {
    const tally_checkpoint *cp = &item->checkpoint;
    if (cp->size < feed->held) return;
    feed->held = cp->size;
    feed->held_root = cp->root;
    feed->unchecked = false;
    if (feed->sent < feed->held && item->size >= cp->size) feed->sent = feed->held;
}

static void note_held(tally_session *s) {
    for (size_t i = 0; i < s->item_count; i++) {
        const session_item *item = &s->items[i];
        bool commits = item->what == ITEM_COMMITS;
        session_feed *feed = commits ? session_feed_find(s, &item->device) : NULL;
        if (feed && !item->left_out && is_settled(item->rc)) hold(feed, item);
    }
}

static int write_items(void *ctx, tally_txn *txn, tally_error *err) {
    writing *w = ctx;
    tally_session *s = w->s;
    bool progress = true, waits = true;
    uint64_t before = 0;
    int rc;
    for (size_t i = 0; i < s->item_count; i++) {
        session_item *item = &s->items[i];
        if (!item->left_out) item->rc = 0;
        item->skip = SKIP_NONE;
        item->fresh = 0;
    }
    rc = tally_cosignatures_came(txn, &before, err);
    for (unsigned n = 0; n < MAX_PASSES && rc == 0 && progress && waits; n++)
        rc = pass(w, txn, n == 0, &progress, &waits, err);
    if (rc == 1) w->refused = *err;
    if (rc < 0) return rc;
    note_held(s);
    /* What came from the peer is not told it. */
    w->told = s->cosigs_told;
    rc = tally_cosignatures_came(txn, &w->came, err);
    if (rc != 0) return rc;
    if (w->told == before) w->told = w->came;
    w->cosigs = w->came - before;
    return s->peer_known ? session_remember_in(s, txn, err) : 0;
}

/* ---- what came of it ---- */

static bool note_skipped(tally_session *s, session_feed *feed, const session_item *item) {
    bool news = item->skip != feed->skip && item->skip != SKIP_GAP;
    feed->skip = item->skip;
    feed->tell = true;
    if (item->skip == SKIP_GAP) session_ask_again(s, feed);
    return news;
}

static void note_taken(tally_session *s, session_feed *feed, const session_item *item) {
    feed->skip = SKIP_NONE;
    feed->asked_again = false;
    feed->tell = true;
    s->counts.records_in += item->fresh;
    if (item->checkpoint.size > feed->agreed) feed->agreed = item->checkpoint.size;
}

/* Which of the stored records differs is not known; that it lies between these sizes is. */
static void note_fork(tally_session *s, session_feed *feed, const session_item *item) {
    uint64_t size = item->checkpoint.size, differ = size < item->size ? size : item->size;
    uint64_t agree = size > item->size ? item->from : feed->agreed;
    if (differ > 0) session_search_begin(s, feed, agree < differ ? agree : 0, differ);
}

/* `news`: it was refused, and for a reason that is new. */
static bool note_item(tally_session *s, const session_item *item, bool *news) {
    *news = false;
    if (item->what == ITEM_COSIG && item->skip != SKIP_NONE) return session_cosig_refused(s);
    if (item->what != ITEM_COMMITS) return true;
    session_feed *feed = session_feed_need(s, &item->device);
    if (!feed) return false;
    if (item->left_out && item->rc == TALLY_ECORRUPT) note_fork(s, feed, item);
    if (item->left_out) return true;
    if (item->skip != SKIP_NONE)
        *news = note_skipped(s, feed, item);
    else
        note_taken(s, feed, item);
    return true;
}

static void tell_skipped(tally_session *s, const session_item *item, const tally_error *err) {
    tally_session_event event = {
        .type = TALLY_SESSION_SKIPPED, .peer = item->device, .text = tally_span_str(err->text)};
    session_tell(s, &event);
}

/* After the transaction. The items are gone before the driver is told anything. */
static bool note_all(tally_session *s, writing *w) {
    uint64_t taken = 0;
    session_item skipped = {0};
    bool skips = false, refused = false;
    for (size_t i = 0; i < s->item_count; i++) {
        const session_item *item = &s->items[i];
        bool news;
        taken += item->fresh;
        if (!item->left_out && (item->rc == TALLY_EFORMAT || item->rc == TALLY_ELIMIT)) {
            refused = true;
            break;
        }
        if (!note_item(s, item, &news)) return false;
        if (news && !skips) skipped = *item;
        skips |= news;
    }
    s->item_count = 0;
    s->raw.len = 0;
    if (taken > 0) s->asks_due = true;
    tally_session_event took = {.type = TALLY_SESSION_TOOK, .peer = s->peer, .count = taken};
    /* Told first: what came may end this session, and others must hear of it all the same. */
    if (taken > 0 || w->cosigs > 0) session_tell(s, &took);
    if (!s->ending && !session_refresh(s)) return false;
    if (skips) tell_skipped(s, &skipped, &w->refused);
    if (refused) return session_refuse(s, &w->refused);
    return !s->ending && session_greet(s);
}

static void give_back(tally_session *s) {
    s->credit_due += s->spent;
    s->spent = 0;
}

static bool write_all(tally_session *s) {
    tally_error err = {0};
    writing w = {.s = s, .spans = malloc(SPAN_LIST_SIZE)};
    int rc = w.spans ? 0 : tally_fail(&err, TALLY_ENOMEM, "no memory to take in commits");
    session_read_done(s);
    do {
        w.again = false;
        if (rc == 0) rc = tally_ledger_write(s->ledger, s->wall, write_items, &w, &err);
        if (w.again) rc = 0;
    } while (w.again);
    free(w.spans);
    if (rc != 0) return session_trouble(s, &err);
    s->cosigs_told = w.told;
    s->remember_due = false;
    s->remembered_ms = s->now;
    give_back(s);
    return note_all(s, &w);
}

bool session_write(tally_session *s) {
    if (s->item_count > 0) return write_all(s);
    give_back(s);
    return true;
}

bool session_remember(tally_session *s) {
    bool nothing = s->item_count == 0 && (!s->remember_due || !s->peer_known);
    return nothing || write_all(s);
}
