/* What a session sends of its own accord: the records that the peer lacks. */
#include "session_state.h"

#include <assert.h>

/* What a message of commits has beyond its records: zstd's worst case, and the other elements. */
#define COMMITS_OVERHEAD_BYTES (TALLY_WIRE_PACKED_MAX_BYTES - TALLY_WIRE_RAW_MAX_BYTES + 512u)

typedef struct gathering {
    tally_buffer raw;
    uint32_t count;
} gathering;

static int gather(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    gathering *g = ctx;
    (void)index;
    g->count++;
    return tally_wire_add_record(&g->raw, record, err);
}

/* Nothing is built on a history that has not been compared: it might not fit. */
static bool is_lacking(const tally_session *s, const session_feed *feed) {
    return feed->ours > feed->sent && feed->search == SEARCH_NONE && !feed->stuck &&
           session_compare_deadline(feed) == INT64_MAX && feed->relay_ms <= s->now;
}

/* The feeds that say who is in the team come first: the peer takes nothing of a device that it does
 * not know. Numbers rise in the order in which this store met the feeds. */
static session_feed *next_feed(tally_session *s) {
    session_feed *best = NULL;
    for (size_t i = 0; i < s->feed_count; i++) {
        session_feed *feed = &s->feeds[i];
        if (!is_lacking(s, feed)) continue;
        if (!best || feed->rank < best->rank ||
            (feed->rank == best->rank && feed->number < best->number))
            best = feed;
    }
    return best;
}

/* The next records of `feed` that the peer lacks, up to a checkpoint. 0, or an error;
 * TALLY_ENOTFOUND: nothing signs them; TALLY_EREFUSED: the peer has not given enough credit. */
static int put_commits(tally_session *s, session_feed *feed, gathering *g, tally_error *err) {
    tally_wire_commits commits = {.device = feed->device, .from = feed->sent};
    size_t before = s->plain.len;
    int rc =
        tally_commit_span(s->txn, feed->number, feed->sent, &commits.checkpoint, gather, g, err);
    if (rc != 0) return rc;
    s->push_bytes = g->raw.len + COMMITS_OVERHEAD_BYTES; /* at the worst */
    if (s->credit < s->push_bytes) return TALLY_EREFUSED;
    s->push_bytes = 0;
    commits.count = g->count;
    commits.raw_len = (uint32_t)g->raw.len;
    rc = tally_wire_pack(s->packer, tally_buffer_span(&g->raw), &commits.packed, err);
    if (rc == 0) rc = tally_wire_put_commits(&s->plain, &commits, err);
    if (rc != 0) return rc;
    session_count_out(s, s->plain.len - before);
    s->counts.records_out += g->count;
    feed->sent = feed->agreed = commits.checkpoint.size;
    return 0;
}

void session_count_out(tally_session *s, size_t len) {
    assert(len <= s->credit);
    s->credit -= len;
    s->lent += len;
}

bool session_push(tally_session *s) {
    tally_error err = {0};
    session_feed *feed = next_feed(s);
    /* Gathering records over and over would be work that a stingy peer could ask for. */
    if (!feed || s->credit < s->push_bytes || !session_read(s)) return false;
    gathering g = {0};
    tally_buffer_init(&g.raw, TALLY_WIRE_RAW_MAX_BYTES);
    int rc = put_commits(s, feed, &g, &err);
    tally_buffer_clear(&g.raw);
    if (rc == TALLY_EREFUSED) return false;
    if (rc != TALLY_ENOTFOUND) return session_put(s, rc, &err);
    feed->stuck = true;
    return session_push(s);
}
