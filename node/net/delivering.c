/* Deliveries: runs `tally webhook deliver` a moment after the ledger has changed, and when it said
 * that something is due. No byte goes to an endpoint from the daemon itself. */
#include "delivering.h"

#include <tally/json.h>
#include <tally/outbox.h>
#include <tally/time.h>

static const char *const command[] = {"webhook", "deliver", NULL};

/* ---- whether and when ---- */

static int found_one(void *ctx, const tally_hook *hook, tally_error *err) {
    (void)ctx, (void)err;
    return hook->disabled.len ? 0 : 1;
}

static bool has_hooks(net_delivering *delivering) {
    tally_txn *txn;
    if (tally_read_begin(delivering->hub->ledger, &txn, NULL) != 0) return false;
    bool any = tally_hook_each(txn, found_one, NULL, NULL) == 1;
    tally_read_end(txn);
    return any;
}

static void on_due(uv_timer_t *timer);

static void plan(net_delivering *delivering) {
    int64_t now = net_now_ms(), left = delivering->next_ms - now;
    if (!delivering->open || delivering->child.running) return;
    if (delivering->wanted && (delivering->next_ms == INT64_MAX || left > NET_DELIVER_QUIET_MS))
        left = NET_DELIVER_QUIET_MS;
    else if (delivering->next_ms == INT64_MAX)
        return;
    (void)uv_timer_start(&delivering->due, on_due, left > 0 ? (uint64_t)left : 0, 0);
}

static void on_due(uv_timer_t *timer) {
    net_delivering *delivering = timer->data;
    delivering->wanted = false;
    delivering->next_ms = INT64_MAX;
    if (!has_hooks(delivering)) return;
    if (!net_child_run(&delivering->child, command))
        delivering->next_ms = net_now_ms() + NET_DELIVER_TROUBLE_MS;
    plan(delivering);
}

/* ---- what came of it ---- */

static bool result_read(net_delivering *delivering, uint64_t *delivered, uint64_t *failed) {
    const net_child *child = &delivering->child;
    tally_json document, value;
    char text[TALLY_TIME_TEXT_BYTES];
    size_t len;
    if (tally_json_parse(tally_span_of(child->output, child->output_len), &document) != 0 ||
        !tally_json_get(&document, "delivered", &value) || !tally_json_u64(&value, delivered) ||
        !tally_json_get(&document, "failed", &value) || !tally_json_u64(&value, failed) ||
        !tally_json_get(&document, "next", &value))
        return false;
    if (value.type != TALLY_JSON_STRING) return true; /* null: nothing is due */
    tally_json_text(&value, text, sizeof text, &len);
    return tally_time_parse(tally_span_of(text, len), &delivering->next_ms) == 0;
}

static void on_ended(void *ctx) {
    net_delivering *delivering = ctx;
    const net_child *child = &delivering->child;
    uint64_t delivered = 0, failed = 0;
    if (!delivering->open) return;
    bool read = result_read(delivering, &delivered, &failed);
    if (!read) {
        delivering->next_ms = net_now_ms() + NET_DELIVER_TROUBLE_MS;
        net_say(delivering->hub, NET_ERROR, "delivery failed", NULL, "%s ended with %lld%s%s",
                child->tally, (long long)child->exit_code, *child->said ? ": " : "", child->said);
    }
    if (delivered)
        net_say(delivering->hub, NET_INFO, "delivered", NULL, "%llu messages to webhooks",
                (unsigned long long)delivered);
    if (failed)
        net_say(delivering->hub, NET_WARN, "not delivered", NULL, "%llu messages; first: %s",
                (unsigned long long)failed, child->said);
    (void)net_hub_look(delivering->hub);
    plan(delivering);
}

/* ---- opening and closing ---- */

void net_delivering_open(net_delivering *delivering, net_hub *hub, const char *tally) {
    if (delivering->open || delivering->child.running || !tally) return;
    *delivering = (net_delivering){.hub = hub,
                                   .open = true,
                                   .wanted = true,
                                   .next_ms = INT64_MAX,
                                   .child = {.hub = hub, .tally = tally, .ended = on_ended}};
    delivering->child.ctx = delivering;
    (void)uv_timer_init(&hub->loop, &delivering->due);
    delivering->due.data = delivering;
    plan(delivering);
}

void net_delivering_wake(net_delivering *delivering) {
    delivering->wanted = true;
    plan(delivering);
}

void net_delivering_close(net_delivering *delivering) {
    if (!delivering->open) return;
    delivering->open = false;
    uv_close((uv_handle_t *)&delivering->due, NULL);
    net_child_end(&delivering->child);
}
