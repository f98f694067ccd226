/* Sound rows of local tables, as an input says: endpoints, messages of the outbox and how far it
 * was looked through, peers, files of a shared folder. What is written is read back as it was. */
#ifndef TALLY_FUZZ_ROW_LOCAL_H
#define TALLY_FUZZ_ROW_LOCAL_H

#include "ledger_fuzz.h"

#include <tally/outbox.h>
#include <tally/peer.h>

#include "../sync/folder_state.h"

#define LOCAL_FILE  "0123456789abcdef01234567.tally"
#define LOCAL_HEADS 4u

static inline tally_span local_text(tally_span *input, uint8_t room[64]) {
    tally_span text = take_some(input, take(input) % 64u);
    if (text.len > 0) memcpy(room, text.ptr, text.len);
    return tally_span_of(room, tally_utf8_valid(text) ? text.len : 0);
}

static inline tally_span local_name(tally_span *input) {
    static const char *const names[] = {"a", "b", "chat"};
    return tally_span_str(names[take(input) % 3u]);
}

/* Near now, or anything at all. */
static inline int64_t local_time(tally_span *input) {
    uint8_t choice = take(input);
    uint8_t bytes[8] = {choice};
    if (choice < 0xf0) return FUZZ_NOW_MS + ((int64_t)choice - 120) * 600000;
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = take(input);
    return (int64_t)tally_get_be64(bytes);
}

static inline void local_hook(tally_txn *txn, tally_span *input) {
    static const uint8_t secret[TALLY_HOOK_SECRET_MIN_BYTES] = {7};
    uint8_t url[64], disabled[64], sealed[sizeof secret + TALLY_HOOK_SEALED_EXTRA];
    uint8_t opened[TALLY_HOOK_SECRET_MAX_BYTES];
    size_t len;
    tally_hook hook = {.name = local_name(input)}, again;
    hook.url = local_text(input, url);
    hook.disabled = local_text(input, disabled);
    hook.id[0] = take(input);
    hook.events = take(input) & TALLY_HOOK_EVERY;
    hook.all = hook.id[0] & 1;
    hook.insecure = hook.id[0] & 2;
    hook.since_ms = local_time(input);
    hook.old_until_ms = local_time(input);
    hook.held_until_ms = local_time(input);
    must(tally_hook_seal(fuzz_keys[0], tally_span_of(secret, sizeof secret), sealed, NULL) == 0);
    hook.secret = tally_span_of(sealed, sizeof sealed);
    if (hook.all) hook.old_secret = hook.secret;
    if (tally_hook_put(txn, &hook, NULL) != 0) return;
    must(tally_hook_get(txn, hook.name, &again, NULL) == 0);
    must(tally_span_eq(again.url, hook.url) && tally_span_eq(again.disabled, hook.disabled) &&
         again.events == hook.events && again.all == hook.all && again.insecure == hook.insecure &&
         again.since_ms == hook.since_ms && again.old_until_ms == hook.old_until_ms &&
         again.held_until_ms == hook.held_until_ms &&
         tally_span_eq(again.old_secret, hook.old_secret));
    must(tally_hook_open(fuzz_keys[0], again.secret, opened, &len, NULL) == 0);
    must(tally_span_eq(tally_span_of(opened, len), tally_span_of(secret, sizeof secret)));
    must(tally_hook_open(fuzz_keys[1], again.secret, opened, &len, NULL) != 0);
}

static inline void local_message(tally_txn *txn, tally_span *input) {
    static const char payload[] = "{\"event\":1}";
    tally_hook hook = {.name = local_name(input)};
    tally_hook_event event = (tally_hook_event)(take(input) % TALLY_HOOK_EVENTS);
    uint8_t seed = take(input) % 4u;
    tally_message message = {.hook = hook.name,
                             .type = tally_span_str(tally_hook_event_name(event)),
                             .payload = tally_span_str(payload),
                             .event_ms = local_time(input),
                             .made_ms = local_time(input)};
    tally_message_id(&hook, event, tally_span_of(&seed, 1), message.id);
    must(tally_outbox_add(txn, &message, NULL) == 0 && tally_outbox_has(txn, message.id));
}

static inline void local_seen(tally_txn *txn, tally_span *input) {
    uint8_t how = take(input);
    uint64_t before = tally_outbox_generation(txn);
    must(tally_outbox_generation_raise(txn, NULL) == 0);
    must(tally_outbox_generation(txn) == before + 1);
    must(tally_outbox_seen_put(txn, how % 4u, how, NULL) == 0);
    must(tally_outbox_seen(txn, how % 4u) == how);
    must(tally_outbox_running_put(txn, how / 2u, how % 2u, NULL) == 0);
    if (how % 8u == 7) must(tally_outbox_seen_all(txn, NULL) == 0);
}

static inline void local_peer(tally_txn *txn, tally_span *input) {
    static tally_wire_head heads[LOCAL_HEADS], read[TALLY_WIRE_MAX_HEADS];
    uint8_t address[64];
    tally_peer again, peer = {.device = *tally_key_device(fuzz_keys[take(input) % 3u]),
                              .seen_ms = local_time(input),
                              .clock_off_ms = local_time(input),
                              .heads = heads};
    peer.address = local_text(input, address);
    peer.head_count = take(input) % (LOCAL_HEADS + 1u);
    for (size_t i = 0; i < peer.head_count; i++) {
        memset(&heads[i], 0, sizeof heads[i]);
        heads[i].device.b[0] = (uint8_t)i;
        heads[i].size = 1u + take(input);
    }
    must(tally_peer_put(txn, &peer, NULL) == 0);
    must(tally_peer_get(txn, &peer.device, read, &again, NULL) == 0);
    must(again.seen_ms == peer.seen_ms && again.clock_off_ms == peer.clock_off_ms &&
         again.head_count == peer.head_count &&
         memcmp(read, heads, peer.head_count * sizeof *heads) == 0);
    must(peer.address.len == 0 || tally_span_eq(again.address, peer.address));
}

static inline void local_file(tally_txn *txn, tally_span *input) {
    static tally_segment_span spans[LOCAL_HEADS];
    uint8_t how = take(input);
    folder_row again, row = {.own = how & 1,
                             .counter = take(input),
                             .size = how & 2 ? 4096u : take(input),
                             .epoch = take(input),
                             .written_ms = local_time(input),
                             .forks = take(input),
                             .skipped = how & 4};
    size_t count = how / 8u % (LOCAL_HEADS + 1u);
    if (row.written_ms < 0) row.written_ms = 0;
    must(folder_held_digest(txn, &row.held, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        spans[i] = (tally_segment_span){.device = *tally_key_device(fuzz_keys[i])};
        spans[i].from = take(input);
        spans[i].size = spans[i].from + 1u + take(input);
    }
    must(folder_row_put(txn, tally_span_str(LOCAL_FILE), &row, spans, count, NULL) == 0);
    must(folder_row_get(txn, tally_span_str(LOCAL_FILE), &again) == 0);
    must(again.own == row.own && again.counter == row.counter && again.size == row.size &&
         again.epoch == row.epoch && again.written_ms == row.written_ms &&
         again.forks == row.forks && again.skipped == row.skipped && again.spans.count == count);
}

static inline void local_row(tally_txn *txn, tally_span *input) {
    uint64_t dropped;
    switch (take(input) % 8u) {
    case 0:
    case 1: local_hook(txn, input); break;
    case 2:
    case 3: local_message(txn, input); break;
    case 4: local_seen(txn, input); break;
    case 5: local_peer(txn, input); break;
    case 6: local_file(txn, input); break;
    default: (void)tally_hook_remove(txn, local_name(input), &dropped, NULL);
    }
}

#endif
