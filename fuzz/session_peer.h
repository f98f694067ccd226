/* A teammate whose messages are sound, or bent where an input says so: hellos, commits of its own
 * feed and of a device that it adds, cosignatures of all three feeds and summaries of them, blobs.
 * Messages as bytes are the target's matter. */
#ifndef TALLY_FUZZ_SESSION_PEER_H
#define TALLY_FUZZ_SESSION_PEER_H

#include <sodium.h>

#include "../sync/session_state.h"
#include "ledger_fuzz.h"

#define PEER_FEEDS       3u /* of the node that is spoken to, of the peer, of a device it adds */
#define PEER_CHECKPOINTS 16u
#define PEER_COSIGS      32u

typedef struct peer_feed {
    const tally_key *key;
    tally_range range;
    tally_hlc clock;
    tally_checkpoint heads[PEER_CHECKPOINTS]; /* signed */
    size_t count;
} peer_feed;

typedef struct peer_side {
    tally_hash team;
    tally_session *s;
    tally_wire_packer *packer;
    tally_writer *writer;
    tally_buffer out;
    peer_feed feeds[PEER_FEEDS];
    tally_cosignature cosigs[PEER_COSIGS]; /* that were said, in a ring */
    size_t cosig_count;
    int64_t now_ms;
} peer_side;

static const char peer_text[] = "what the peer's session is about";

static inline void peer_sign(const peer_side *p, const peer_feed *feed, tally_checkpoint *cp) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_origin_format(&p->team, tally_key_device(feed->key), origin);
    tally_checkpoint_sign(feed->key, origin, cp);
}

/* The salted bytes of a blob, and its id. */
static inline tally_span peer_blob(tally_hash *id) {
    static uint8_t salted[TALLY_BLOB_SALT_BYTES + sizeof peer_text] = {9};
    memcpy(salted + TALLY_BLOB_SALT_BYTES, peer_text, sizeof peer_text - 1);
    tally_span all = tally_span_of(salted, TALLY_BLOB_SALT_BYTES + sizeof peer_text - 1);
    tally_sha256(all, id);
    return all;
}

/* ---- what is said ---- */

static inline void say_hello(peer_side *p, tally_span *input) {
    uint8_t how = take(input);
    tally_wire_head heads[PEER_FEEDS];
    char words[2][32];
    size_t count = 0;
    uint64_t digest = how & 1 ? p->s->cosigs_digest : how;
    (void)snprintf(words[0], sizeof words[0], "cosigs %016llx", (unsigned long long)digest);
    (void)snprintf(words[1], sizeof words[1], "forks %016llx",
                   (unsigned long long)(how & 2 ? p->s->forks : 0));
    tally_span features[] = {tally_span_str(words[0]), tally_span_str(words[1])};
    for (unsigned i = 0; i < PEER_FEEDS; i++) {
        const peer_feed *feed = &p->feeds[i];
        if (feed->count == 0 || !(how >> (2 + i) & 1)) continue;
        const tally_checkpoint *head = &feed->heads[feed->count - 1];
        heads[count++] = (tally_wire_head){*tally_key_device(feed->key), head->size, head->root};
    }
    for (size_t i = 1; i < count; i++) /* ascending */
        for (size_t j = i; j > 0 && memcmp(&heads[j].device, &heads[j - 1].device, 32) < 0; j--) {
            tally_wire_head kept = heads[j];
            heads[j] = heads[j - 1];
            heads[j - 1] = kept;
        }
    must(tally_wire_put_hello(&p->out, p->now_ms, features, how & 32 ? 2 : 1, heads, count, NULL) ==
         0);
}

static inline const char *peer_record(peer_side *p, uint8_t kind) {
    static tally_hash id; /* until it is encoded */
    const tally_key *added = p->feeds[2].key;
    tally_writer_begin(p->writer);
    switch (kind % 3u) {
    case 0:
        tally_put_bin(p->writer, "device", tally_span_of(tally_key_device(added)->b, 32));
        tally_put_bin(p->writer, "box_key", tally_span_of(tally_key_box_public(added), 32));
        tally_put_str(p->writer, "role", tally_span_str("member"));
        tally_put_str(p->writer, "member", tally_span_str("eve"));
        tally_put_str(p->writer, "name", tally_span_str("phone"));
        return "device.add";
    case 1:
        (void)peer_blob(&id);
        tally_put_str(p->writer, "agent", tally_span_str("codex"));
        tally_put_str(p->writer, "id", tally_span_str("s2"));
        tally_put_bin(p->writer, "title", tally_span_of(id.b, sizeof id.b));
        return "session";
    default: return "note";
    }
}

/* One to four records at the feed's end, signed; what is bent is the root or the signature. */
static inline void say_commits(peer_side *p, peer_feed *feed, tally_span *input) {
    uint8_t how = take(input), bend = take(input);
    tally_buffer raw;
    tally_span record;
    tally_hash leaf;
    if (feed->count == PEER_CHECKPOINTS) return;
    tally_wire_commits commits = {
        .device = *tally_key_device(feed->key), .from = feed->range.size, .count = 1u + how % 4u};
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    for (uint32_t i = 0; i < commits.count; i++) {
        const char *kind = peer_record(p, (uint8_t)(how / 4u + i));
        must(tally_writer_encode(p->writer, kind, ++feed->clock, &record, NULL) == 0);
        must(tally_wire_add_record(&raw, record, NULL) == 0);
        tally_leaf_hash(record, &leaf);
        tally_range_append(&feed->range, &leaf, NULL, NULL);
    }
    commits.raw_len = (uint32_t)raw.len;
    commits.checkpoint.size = feed->range.size;
    tally_range_root(&feed->range, &commits.checkpoint.root);
    if (bend >= 0xf8) commits.checkpoint.root.b[0] ^= 1;
    peer_sign(p, feed, &commits.checkpoint);
    if (bend >= 0xf0 && bend < 0xf8) commits.checkpoint.signature[0] ^= 1;
    feed->heads[feed->count++] = commits.checkpoint;
    must(tally_wire_pack(p->packer, tally_buffer_span(&raw), &commits.packed, NULL) == 0);
    must(tally_wire_put_commits(&p->out, &commits, NULL) == 0);
    tally_buffer_clear(&raw);
}

/* Somebody's, of somebody's head; of a history that is not there, too. */
static inline void say_cosig(peer_side *p, tally_span *input) {
    uint8_t who = take(input), where = take(input), bend = take(input);
    const peer_feed *of = &p->feeds[who % PEER_FEEDS], *by = &p->feeds[who / 4u % PEER_FEEDS];
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature c = {.device = *tally_key_device(of->key),
                           .time_s = p->now_ms / 1000 + (int64_t)(where / 16u) * 3600 - 7200};
    c.checkpoint.size = 1u + where % 16u;
    if (of->count > 0) c.checkpoint = of->heads[where % of->count];
    if (of->count == 0 || bend >= 0xf8) {
        c.checkpoint.root.b[31] ^= bend;
        peer_sign(p, of, &c.checkpoint);
    }
    tally_origin_format(&p->team, &c.device, origin);
    tally_cosignature_sign(by->key, origin, &c);
    if (bend >= 0xf0 && bend < 0xf4) c.signature[bend % 64u] ^= 1;
    if (bend >= 0xf4 && bend < 0xf8) c.checkpoint.signature[bend % 64u] ^= 1;
    p->cosigs[p->cosig_count++ % PEER_COSIGS] = c;
    must(tally_wire_put_cosig(&p->out, &c, NULL) == 0);
}

/* What sync/session_cosig.c compares: see there. */
static inline uint64_t peer_mark(const peer_side *p, const tally_cosignature *c) {
    uint8_t mark[crypto_shorthash_BYTES];
    (void)crypto_shorthash(mark, c->signature, sizeof c->signature, p->s->handshake.b);
    return tally_get_be64(mark);
}

static inline int mark_order(const void *a, const void *b) {
    const tally_wire_cosigned *x = a, *y = b;
    int order = memcmp(x->device.b, y->device.b, sizeof x->device.b);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* Marks of chosen feeds, true of what was said or not. */
static inline void say_summary(peer_side *p, tally_span *input) {
    tally_wire_cosigned marks[2 * PEER_FEEDS];
    size_t count = 0, held = p->cosig_count < PEER_COSIGS ? p->cosig_count : PEER_COSIGS;
    uint8_t how = take(input);
    for (unsigned i = 0; i < 2 * PEER_FEEDS; i++) {
        const peer_feed *feed = &p->feeds[i / 2];
        if (!(how >> i & 1)) continue;
        tally_wire_cosigned *mark = &marks[count++];
        *mark = (tally_wire_cosigned){.device = *tally_key_device(feed->key),
                                      .size = i % 2 ? 2u + take(input) % 16u : 1};
        for (size_t j = 0; j < held; j++)
            if (memcmp(&p->cosigs[j].device, &mark->device, sizeof mark->device) == 0 &&
                p->cosigs[j].checkpoint.size >= mark->size)
                mark->digest ^= peer_mark(p, &p->cosigs[j]);
        if (how & 0x40) mark->digest ^= take(input);
    }
    qsort(marks, count, sizeof *marks, mark_order);
    must(tally_wire_put_cosigned(&p->out, marks, count, NULL) == 0);
}

static inline void say_blob(peer_side *p, tally_span *input) {
    uint8_t how = take(input);
    tally_wire_blob piece = {.bytes = peer_blob(&piece.id)};
    size_t whole = piece.bytes.len, half = how & 1 ? 1u + how / 2u % (whole - 1) : whole;
    piece.total = (uint32_t)whole;
    piece.bytes.len = half;
    if (how >= 0xf8) piece.id.b[0] ^= 1;
    must(tally_wire_put_blob(&p->out, &piece, NULL) == 0);
    if (half == whole) return;
    piece.offset = (uint32_t)half;
    piece.bytes = tally_span_of(piece.bytes.ptr + half, whole - half);
    must(tally_wire_put_blob(&p->out, &piece, NULL) == 0);
}

static inline void say_have(peer_side *p, tally_span *input) {
    uint8_t how = take(input);
    const peer_feed *feed = &p->feeds[how % PEER_FEEDS];
    if (feed->count == 0) return;
    const tally_checkpoint *at = &feed->heads[how / 4u % feed->count];
    tally_wire_head have = {*tally_key_device(feed->key), at->size, at->root};
    if (how >= 0xf8) have.root.b[0] ^= 1;
    must(tally_wire_put_have(&p->out, &have, NULL) == 0);
}

/* The next thing that it says, in p->out; false: time passes instead. */
static inline bool peer_says(peer_side *p, tally_span *input) {
    p->out.len = 0;
    switch (take(input) % 12u) {
    case 0: say_hello(p, input); break;
    case 1:
    case 2: say_commits(p, &p->feeds[1], input); break;
    case 3: say_commits(p, &p->feeds[2], input); break;
    case 4:
    case 5:
    case 6: say_cosig(p, input); break;
    case 7: say_summary(p, input); break;
    case 8: must(tally_wire_put_cosigned(&p->out, NULL, 0, NULL) == 0); break;
    case 9: say_blob(p, input); break;
    case 10: say_have(p, input); break;
    default: return false;
    }
    return true;
}

#endif
