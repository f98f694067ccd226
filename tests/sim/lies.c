/* What a lying peer makes of a message: other roots, other records, other signers, claims beyond
 * all measure, things that were said before, and an end at odd moments. */
#include "sim.h"

#include <stdlib.h>

#define LIES_PERCENT 25u
#define FORGED_MAX   3u
#define HUGE_SIZE    ((uint64_t)INT64_MAX)
#define RECORDS_MAX  TALLY_COMMIT_MAX_RECORDS

static bool put_frame(tally_buffer *out, tally_span message) {
    uint8_t header[TALLY_MESSAGE_HEADER_BYTES];
    tally_put_be32(header, (uint32_t)message.len);
    return tally_buffer_add(out, tally_span_of(header, sizeof header), NULL) == 0 &&
           tally_buffer_add(out, message, NULL) == 0;
}

/* ---- hello, have ---- */

static bool lie_hello(world *w, const tally_wire_hello *hello, tally_buffer *out) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_span features[TALLY_WIRE_MAX_FEATURES];
    tally_wire_list list = hello->frontier, words = hello->features;
    size_t count = 0, feature_count = 0;
    int64_t clock = hello->clock_ms;
    while (tally_wire_next_head(&list, &heads[count]))
        count++;
    while (tally_wire_next_text(&words, &features[feature_count]))
        feature_count++;
    tally_wire_head *one = count > 0 ? &heads[dice_below(&w->dice, count)] : NULL;
    switch (dice_below(&w->dice, 5)) {
    case 0:
        if (one) dice_bytes(&w->dice, one->root.b, sizeof one->root.b);
        break;
    case 1:
        if (one) one->size += 1 + dice_below(&w->dice, 1000);
        break;
    case 2:
        if (one) one->size = HUGE_SIZE;
        break;
    case 3: count = dice_below(&w->dice, count + 1); break;
    default: clock = INT64_MAX; break;
    }
    return tally_wire_put_hello(out, clock, features, feature_count, heads, count, NULL) == 0;
}

static bool lie_have(world *w, tally_wire_head have, tally_buffer *out) {
    if (dice_chance(&w->dice, 50))
        have.size = dice_chance(&w->dice, 50) ? HUGE_SIZE : have.size + 3;
    if (dice_chance(&w->dice, 50)) dice_bytes(&w->dice, have.root.b, sizeof have.root.b);
    return tally_wire_put_have(out, &have, NULL) == 0;
}

/* ---- commits ---- */

static bool put_commits(world *w, tally_wire_commits commits, tally_span raw, tally_buffer *out) {
    if (tally_wire_pack(w->packer, raw, &commits.packed, NULL) != 0) return false;
    commits.raw_len = (uint32_t)raw.len;
    return tally_wire_put_commits(out, &commits, NULL) == 0;
}

static void sign(const node *liar, const tally_device_id *feed, tally_checkpoint *cp) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_origin_format(tally_ledger_team(liar->ledger), feed, origin);
    tally_checkpoint_sign(liar->key, origin, cp);
}

/* Where a device's feed ends in the liar's own store. */
static bool feed_of(node *liar, const tally_device_id *device, tally_feed *out) {
    tally_txn *txn;
    uint32_t number;
    if (tally_read_begin(liar->ledger, &txn, NULL) != 0) return false;
    bool found =
        tally_feed_find(txn, device, &number) == 0 && tally_feed_get(txn, number, out, NULL) == 0;
    tally_read_end(txn);
    return found;
}

/* A cost that nobody had, behind the end of a feed; signed by the liar whosever feed it is. */
static bool put_forged(world *w, node *liar, const tally_device_id *device, tally_buffer *out) {
    char key[32];
    tally_feed feed;
    tally_span record;
    tally_buffer raw;
    tally_hash leaf;
    bool own = memcmp(device->b, tally_key_device(liar->key)->b, sizeof device->b) == 0;
    if (!feed_of(liar, device, &feed) || feed.size == 0) return true;
    (void)snprintf(key, sizeof key, "k%llu", (unsigned long long)w->next_cost++);
    tally_writer_begin(liar->writer);
    tally_put_str(liar->writer, "agent", tally_span_str("claude-code"));
    tally_put_str(liar->writer, "key", tally_span_str(key));
    tally_put_str(liar->writer, "session", tally_span_str("forged"));
    tally_put_str(liar->writer, "model", tally_span_str("claude-opus-4-1"));
    tally_put_u64(liar->writer, "time", (uint64_t)w->now_ms);
    tally_put_u64(liar->writer, "input", 1000000);
    tally_hlc hlc = tally_hlc_next(feed.last_hlc, node_now(w, liar));
    if (tally_writer_encode(liar->writer, "cost", hlc, &record, NULL) != 0) return false;
    tally_leaf_hash(record, &leaf);
    if (own) node_learn_forged(w, liar, feed.size, record);
    tally_wire_commits commits = {.device = *device, .from = feed.size, .count = 1};
    tally_range_append(&feed.range, &leaf, NULL, NULL);
    commits.checkpoint.size = feed.size + 1;
    tally_range_root(&feed.range, &commits.checkpoint.root);
    sign(liar, device, &commits.checkpoint);
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    bool good = tally_wire_add_record(&raw, record, NULL) == 0 &&
                put_commits(w, commits, tally_buffer_span(&raw), out);
    tally_buffer_clear(&raw);
    return good;
}

/* One byte of a record, or of what is said about them, is another. */
static bool lie_commits(world *w, node *liar, const tally_wire_commits *sent, tally_buffer *out) {
    tally_wire_commits commits = *sent;
    uint64_t choice = dice_below(&w->dice, 7);
    const tally_device_id *forged = choice == 5 ? tally_key_device(liar->key) : &sent->device;
    if (choice >= 5)
        return tally_wire_put_commits(out, sent, NULL) == 0 && put_forged(w, liar, forged, out);
    uint8_t *raw = malloc(sent->raw_len);
    if (!raw || tally_wire_unpack(w->packer, sent, raw, NULL) != 0) {
        free(raw);
        return false;
    }
    tally_span records = tally_span_of(raw, sent->raw_len), record;
    (void)tally_wire_next_record(&records, &record);
    if (choice <= 1) /* in the text of the first record: it often still reads */
        raw[TALLY_WIRE_RECORD_HEADER_BYTES + dice_below(&w->dice, record.len)] ^= 1;
    if (choice == 1) sign(liar, &commits.device, &commits.checkpoint);
    if (choice == 2) dice_bytes(&w->dice, commits.checkpoint.root.b, TALLY_HASH_BYTES);
    if (choice == 3) {
        uint64_t by = 1 + dice_below(&w->dice, 3);
        commits.from += by;
        commits.checkpoint.size += by;
    }
    if (choice == 4) commits.device = *tally_key_device(liar->key);
    bool good = put_commits(w, commits, tally_span_of(raw, sent->raw_len), out);
    free(raw);
    return good;
}

/* Other bytes under the same id. */
static bool lie_blob(world *w, tally_wire_blob blob, tally_buffer *out) {
    uint8_t *copy = malloc(blob.bytes.len + 1);
    if (!copy) return false;
    if (blob.bytes.len > 0) {
        memcpy(copy, blob.bytes.ptr, blob.bytes.len);
        copy[dice_below(&w->dice, blob.bytes.len)] ^= 1;
        blob.bytes.ptr = copy;
    }
    bool good = tally_wire_put_blob(out, &blob, NULL) == 0;
    free(copy);
    return good;
}

/* ---- what belongs to forks ---- */

static bool lie_trail(world *w, const tally_wire_trail *trail, tally_buffer *out) {
    tally_wire_mark marks[TALLY_WIRE_MAX_MARKS];
    tally_wire_list list = trail->marks;
    size_t count = 0;
    while (count < TALLY_WIRE_MAX_MARKS && tally_wire_next_mark(&list, &marks[count]))
        count++;
    if (count > 0) dice_bytes(&w->dice, marks[dice_below(&w->dice, count)].root.b, 32);
    return tally_wire_put_trail(out, &trail->device, marks, count, NULL) == 0;
}

/* A trail out of nothing about anybody's feed. */
static bool invent_trail(world *w, const node *liar, tally_buffer *out) {
    tally_wire_mark mark = {.size = 1 + dice_below(&w->dice, 20)};
    const node *of = &w->nodes[dice_below(&w->dice, w->node_count)];
    (void)liar;
    dice_bytes(&w->dice, mark.root.b, sizeof mark.root.b);
    return tally_wire_put_trail(out, tally_key_device(of->key), &mark, 1, NULL) == 0;
}

/* ---- cosignatures ---- */

/* Another time, another head, or one of its own on what it pleases, with a clock that it chose. */
static bool lie_cosig(world *w, const node *liar, tally_cosignature c, tally_buffer *out) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    switch (dice_below(&w->dice, 4)) {
    case 0: c.time_s -= c.time_s > 0; break;
    case 1: dice_bytes(&w->dice, c.checkpoint.root.b, sizeof c.checkpoint.root.b); break;
    case 2: c.witness = *tally_key_device(liar->key); break;
    default:
        c.time_s = (int64_t)dice_below(&w->dice, 1u << 31);
        tally_origin_format(tally_ledger_team(liar->ledger), &c.device, origin);
        tally_cosignature_sign(liar->key, origin, &c);
    }
    return tally_wire_put_cosig(out, &c, NULL) == 0;
}

static bool lie_cosigned(world *w, tally_wire_list list, tally_buffer *out) {
    static tally_wire_cosigned marks[TALLY_WIRE_MAX_COSIGNED];
    size_t count = 0;
    while (count < TALLY_WIRE_MAX_COSIGNED && tally_wire_next_cosigned(&list, &marks[count]))
        count++;
    if (count > 0) marks[dice_below(&w->dice, count)].digest ^= 1;
    if (count > 0 && dice_chance(&w->dice, 30)) count--;
    return tally_wire_put_cosigned(out, marks, count, NULL) == 0;
}

/* ---- any message ---- */

static bool damage(world *w, tally_span message, tally_buffer *out) {
    uint8_t *copy = malloc(message.len);
    if (!copy) return false;
    memcpy(copy, message.ptr, message.len);
    copy[dice_below(&w->dice, message.len)] ^= (uint8_t)(1u << dice_below(&w->dice, 8));
    bool good = put_frame(out, tally_span_of(copy, message.len));
    free(copy);
    return good;
}

static bool lie_anyhow(world *w, node *liar, tally_span message, tally_buffer *out) {
    static const uint8_t unknown[] = {0x92, 0xa6, 'g', 'o', 's', 's', 'i', 'p', 0xc0};
    uint8_t header[TALLY_MESSAGE_HEADER_BYTES];
    switch (dice_below(&w->dice, 9)) {
    case 0: return damage(w, message, out);
    case 1: return put_frame(out, message) && put_frame(out, message);
    case 2: return true; /* never said */
    case 3:
        return tally_wire_put_bye(out, (uint32_t)dice_below(&w->dice, 16), tally_span_str("bye"),
                                  NULL) == 0 &&
               put_frame(out, message);
    case 4: /* a length of up to 4 GB */
        tally_put_be32(header, UINT32_MAX - (uint32_t)dice_below(&w->dice, 3));
        return tally_buffer_add(out, tally_span_of(header, sizeof header), NULL) == 0;
    case 5: return invent_trail(w, liar, out) && put_frame(out, message);
    case 6: return tally_wire_put_credit(out, HUGE_SIZE, NULL) == 0 && put_frame(out, message);
    case 7:
        return put_frame(out, tally_span_of(unknown, sizeof unknown)) && put_frame(out, message);
    default: return false; /* hangs up */
    }
}

bool lie_about(world *w, node *liar, tally_span message, tally_buffer *out) {
    tally_wire_message m;
    if (!w->lying || !dice_chance(&w->dice, LIES_PERCENT) || !node_up(liar) ||
        tally_wire_decode(message, &m, NULL) != 0)
        return put_frame(out, message);
    world_trace(w, "lie", liar->number, m.type, message.len);
    bool special = dice_chance(&w->dice, 70);
    if (special && m.type == TALLY_WIRE_HELLO) return lie_hello(w, &m.as.hello, out);
    if (special && m.type == TALLY_WIRE_HAVE) return lie_have(w, m.as.have, out);
    if (special && m.type == TALLY_WIRE_COMMITS) return lie_commits(w, liar, &m.as.commits, out);
    if (special && m.type == TALLY_WIRE_BLOB) return lie_blob(w, m.as.blob, out);
    if (special && m.type == TALLY_WIRE_TRAIL) return lie_trail(w, &m.as.trail, out);
    if (special && m.type == TALLY_WIRE_COSIG) return lie_cosig(w, liar, m.as.cosig, out);
    if (special && m.type == TALLY_WIRE_COSIGNED) return lie_cosigned(w, m.as.cosigned, out);
    return lie_anyhow(w, liar, message, out);
}
