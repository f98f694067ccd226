/* The ledger's folder under inotify. LMDB writes its file with pwrite, last the page that makes a
 * commit valid, and that tells us; but only a moment later does it let readers see the commit (in
 * shared memory, which tells nobody). So after what was noticed it is looked again. */
#include "ledger_watch.h"

static void look(net_ledger_watch *watch) {
    if (tally_ledger_in_place(watch->hub->ledger)) {
        (void)net_hub_look(watch->hub);
    } else if (!watch->told) {
        watch->told = true;
        watch->lost(watch->ctx);
    }
}

static void on_again(uv_timer_t *timer) {
    net_ledger_watch *watch = timer->data;
    look(watch);
    watch->again_ms *= NET_AGAIN_FACTOR;
    if (watch->open && watch->again_ms <= NET_AGAIN_LAST_MS)
        (void)uv_timer_start(timer, on_again, watch->again_ms, 0);
}

static void on_file(uv_fs_event_t *events, const char *name, int what, int status) {
    net_ledger_watch *watch = events->data;
    (void)name, (void)what;
    if (status != 0) return;
    look(watch);
    if (!watch->open) return;
    watch->again_ms = NET_AGAIN_FIRST_MS;
    (void)uv_timer_start(&watch->again, on_again, watch->again_ms, 0);
}

static void on_poll(uv_timer_t *timer) {
    net_ledger_watch *watch = timer->data;
    look(watch);
}

void net_ledger_watch_open(net_ledger_watch *watch, net_hub *hub) {
    (void)uv_timer_init(&hub->loop, &watch->poll);
    (void)uv_timer_init(&hub->loop, &watch->again);
    watch->hub = hub;
    watch->poll.data = watch->again.data = watch;
    (void)uv_timer_start(&watch->poll, on_poll, NET_POLL_MS, NET_POLL_MS);
    watch->open = true;
    watch->watching = uv_fs_event_init(&hub->loop, &watch->events) == 0;
    if (!watch->watching) return;
    watch->events.data = watch;
    int rc = uv_fs_event_start(&watch->events, on_file, tally_ledger_dir(hub->ledger), 0);
    if (rc != 0)
        net_say(hub, NET_WARN, "slow", NULL,
                "cannot watch the ledger's folder (%s): looking every %d ms", uv_strerror(rc),
                NET_POLL_MS);
}

void net_ledger_watch_close(net_ledger_watch *watch) {
    if (!watch->open) return;
    watch->open = false;
    uv_close((uv_handle_t *)&watch->poll, NULL);
    uv_close((uv_handle_t *)&watch->again, NULL);
    if (watch->watching) uv_close((uv_handle_t *)&watch->events, NULL);
}
