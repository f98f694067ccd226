/* The clock and what is due: events in order of time, then of when they were planned. Also the
 * trace, by which two runs of one seed are compared, and the first failure. */
#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>

#define FNV_PRIME 0x100000001b3u

static bool before(const event *a, const event *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->turn < b->turn;
}

static void swap(event *a, event *b) {
    event kept = *a;
    *a = *b;
    *b = kept;
}

void world_at(world *w, int64_t at_ms, event_fn *fn, uint32_t a, uint32_t b, uint64_t c) {
    if (w->heap_count == w->heap_room) {
        size_t room = w->heap_room ? 2 * w->heap_room : 256;
        event *grown = realloc(w->heap, room * sizeof *grown);
        if (!grown) {
            world_fail(w, "no memory for events");
            return;
        }
        w->heap = grown;
        w->heap_room = room;
    }
    size_t at = w->heap_count++;
    w->heap[at] = (event){at_ms > w->now_ms ? at_ms : w->now_ms, w->turns++, fn, a, b, c};
    for (; at > 0 && before(&w->heap[at], &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&w->heap[at], &w->heap[(at - 1) / 2]);
}

static event take_first(world *w) {
    event first = w->heap[0];
    w->heap[0] = w->heap[--w->heap_count];
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < w->heap_count && before(&w->heap[left], &w->heap[least])) least = left;
        if (right < w->heap_count && before(&w->heap[right], &w->heap[least])) least = right;
        if (least == at) return first;
        swap(&w->heap[at], &w->heap[least]);
        at = least;
    }
}

void world_run_until(world *w, int64_t until_ms) {
    while (!w->failed && w->heap_count > 0 && w->heap[0].at_ms <= until_ms) {
        event next = take_first(w);
        w->now_ms = next.at_ms;
        if (++w->played > SIM_MAX_EVENTS) world_fail(w, "%u events, and no end", SIM_MAX_EVENTS);
        next.fn(w, &next);
    }
    if (w->now_ms < until_ms) w->now_ms = until_ms;
}

static void mix(world *w, uint64_t value) {
    w->trace_hash = (w->trace_hash ^ value) * FNV_PRIME;
    w->trace_hash ^= w->trace_hash >> 29;
}

void world_trace(world *w, const char *what, uint64_t a, uint64_t b, uint64_t c) {
    mix(w, (uint64_t)w->now_ms);
    for (const char *at = what; *at; at++)
        mix(w, (uint8_t)*at);
    mix(w, a);
    mix(w, b);
    mix(w, c);
    if (w->trace)
        printf("%12lld ms  %-12s %llu %llu %llu\n", (long long)(w->now_ms - SIM_EPOCH_MS), what,
               (unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
}

void world_fail(world *w, const char *format, ...) {
    va_list list;
    if (w->failed) return;
    w->failed = true;
    va_start(list, format);
    (void)vsnprintf(w->failure, sizeof w->failure, format, list);
    va_end(list);
    if (w->trace) printf("FAILED: %s\n", w->failure);
}

node *world_node_of(world *w, const tally_device_id *device) {
    for (uint32_t i = 0; i < SIM_MAX_NODES; i++) {
        node *n = &w->nodes[i];
        if (n->key && memcmp(tally_key_device(n->key)->b, device->b, sizeof device->b) == 0)
            return n;
    }
    return NULL;
}
