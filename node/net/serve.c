/* The daemon: listens, calls, hears beacons, watches the ledger and the agents' logs, until it is
 * told to stop. Each of these has a file of its own. */
#include "lock.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- incoming connections ---- */

static void on_accepted(void *ctx, net_connection *c) {
    net_server *server = ctx;
    tally_error err = {0};
    if (net_connection_start_team(c, 0, &err) != 0)
        net_say(server->hub, NET_ERROR, "trouble", NULL, "%s", err.text);
}

static void on_ended(void *ctx, net_connection *c) {
    net_server *server = ctx;
    if (c->established && !server->stopping) net_dialer_free_device(&server->dialer, &c->peer);
}

/* ---- what the settings and options want ---- */

static int listen_apply(net_server *server, tally_error *err) {
    const char *wanted =
        server->options->listen ? server->options->listen : server->settings.listen;
    if (strcmp(server->listen, wanted) == 0) return 0;
    net_listener_close(&server->listener);
    server->hub->listen_port = 0;
    (void)snprintf(server->listen, sizeof server->listen, "%s", wanted);
    if (strcmp(wanted, "none") == 0) return 0;
    int rc = net_listener_open(&server->listener, wanted, err);
    if (rc != 0) return rc;
    server->hub->listen_port = server->listener.port;
    net_say(server->hub, NET_INFO, "listening", server->listener.address, "%s", "");
    return 0;
}

static void lan_apply(net_server *server) {
    tally_error err = {0};
    bool wanted = server->options->beacon && server->settings.beacon;
    if (!wanted)
        net_lan_close(&server->lan);
    else if (net_lan_open(&server->lan, &err) != 0)
        net_say(server->hub, NET_WARN, "no beacon", NULL, "%s", err.text);
}

static void capture_apply(net_server *server) {
    bool wanted = server->options->capture && server->settings.capture && server->options->tally;
    if (!wanted)
        net_capturing_close(&server->capturing);
    else
        net_capturing_open(&server->capturing, server->hub, server->options->tally);
    if (wanted && net_now_ms() >= server->until_ms) net_capturing_begin(&server->capturing);
}

static void settings_apply(net_server *server) {
    net_settings settings;
    tally_error err = {0};
    if (net_settings_read(server->hub->ledger, &settings, &err) != 0) {
        net_say(server->hub, NET_ERROR, "trouble", NULL, "%s", err.text);
        return;
    }
    server->settings = settings;
    if (listen_apply(server, &err) != 0)
        net_say(server->hub, NET_ERROR, "not listening", server->listen, "%s", err.text);
    lan_apply(server);
    capture_apply(server);
    net_dialer_configure(&server->dialer, &server->settings);
    net_dialer_remember(&server->dialer);
}

static void on_change(void *ctx) {
    net_server *server = ctx;
    if (server->stopping) return;
    settings_apply(server);
    net_delivering_wake(&server->delivering);
}

/* ---- beacons ---- */

static void on_heard(void *ctx, const char *address) {
    net_server *server = ctx;
    if (!net_dialer_hear(&server->dialer, address)) return;
    net_say(server->hub, NET_INFO, "heard", address, "%s", "");
    net_lan_announce(&server->lan);
}

static void on_moved(void *ctx) {
    net_server *server = ctx;
    net_say(server->hub, NET_INFO, "moved", NULL, "this machine's addresses have changed");
    (void)net_dialer_now(&server->dialer);
}

/* ---- control ---- */

static bool on_request(void *ctx, const char *request, net_json *json) {
    net_server *server = ctx;
    if (strcmp(request, "status") == 0) {
        net_status_write(server, json);
        return true;
    }
    if (strcmp(request, "sync") != 0) return false;
    uint64_t connected = 0;
    for (const net_connection *c = server->hub->connections; c; c = c->next)
        connected += c->established && !c->ended;
    net_dialer_remember(&server->dialer);
    net_lan_announce(&server->lan);
    net_json_open(json, NULL, '{');
    net_json_u64(json, "calling", net_dialer_now(&server->dialer));
    net_json_u64(json, "connected", connected);
    net_json_close(json, '}');
    return true;
}

/* ---- own feed first ---- */

static bool peers_settled(const net_server *server) {
    for (const net_connection *c = server->hub->connections; c; c = c->next)
        if (c->session && !c->ended && !(c->established && tally_session_in_sync(c->session)))
            return false;
    return net_dialer_settled(&server->dialer);
}

/* A restored backup must not sign again what it signed before: teammates may have what it lost. */
static void on_patience(uv_timer_t *timer) {
    net_server *server = timer->data;
    if (net_now_ms() < server->until_ms && !peers_settled(server)) return;
    server->until_ms = 0;
    (void)uv_timer_stop(timer);
    net_capturing_begin(&server->capturing);
}

/* ---- the end ---- */

static void on_stopped(uv_timer_t *timer) {
    net_server *server = timer->data;
    bool gone = server->hub->connection_count == 0 && !server->capturing.child.running &&
                !server->delivering.child.running;
    if (gone || net_now_ms() >= server->until_ms) server->done = true;
}

static void stop(net_server *server) {
    if (server->stopping) return;
    server->stopping = true;
    server->until_ms = net_now_ms() + NET_STOP_MS;
    net_say(server->hub, NET_INFO, "stopping", NULL, "%s", "");
    net_listener_close(&server->listener);
    net_lan_close(&server->lan);
    net_dialer_close(&server->dialer);
    net_ledger_watch_close(&server->watch);
    net_capturing_close(&server->capturing);
    net_delivering_close(&server->delivering);
    net_control_close(&server->control);
    for (net_connection *c = server->hub->connections; c; c = c->next)
        net_connection_end(c, TALLY_BYE_STOPPING, "this node is being stopped");
    (void)uv_timer_start(&server->patience, on_stopped, 0, NET_STOP_LOOK_MS);
}

static void on_signal(uv_signal_t *handle, int number) {
    net_server *server = handle->data;
    if (number != SIGHUP) {
        stop(server);
    } else if (!server->stopping) {
        net_say(server->hub, NET_INFO, "settings", NULL, "reading the settings again");
        server->listen[0] = '\0'; /* also tries again what could not be opened */
        settings_apply(server);
    }
}

static void signals_open(net_server *server) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        (void)uv_signal_init(&server->hub->loop, &server->signals[i]);
        server->signals[i].data = server;
        (void)uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
}

static void on_lost(void *ctx) {
    net_server *server = ctx;
    server->lost = true;
    stop(server);
}

/* ---- the whole ---- */

static void parts_init(net_server *server) {
    net_hub *hub = server->hub;
    server->listener = (net_listener){.hub = hub,
                                      .accepted = on_accepted,
                                      .ctx = server,
                                      .owner = {.ended = on_ended, .ctx = server}};
    server->lan = (net_lan){.hub = hub, .heard = on_heard, .moved = on_moved, .ctx = server};
    server->control = (net_control_server){.hub = hub, .answer = on_request, .ctx = server};
    hub->on_change = on_change;
    hub->on_change_ctx = server;
    (void)uv_timer_init(&hub->loop, &server->patience);
    server->patience.data = server;
    net_dialer_init(&server->dialer, hub);
    server->watch.lost = on_lost;
    server->watch.ctx = server;
    net_ledger_watch_open(&server->watch, hub);
    signals_open(server);
}

static int run(net_server *server, tally_error *err) {
    int rc = net_settings_read(server->hub->ledger, &server->settings, err);
    if (rc == 0) rc = listen_apply(server, err); /* later ones are told and tried again */
    if (rc == 0) rc = net_control_open(&server->control, err);
    if (rc != 0) return rc;
    server->until_ms = net_now_ms() + NET_OWN_FEED_MS;
    settings_apply(server);
    net_delivering_open(&server->delivering, server->hub, server->options->tally);
    (void)uv_timer_start(&server->patience, on_patience, 0, NET_OWN_FEED_LOOK_MS);
    net_hub_run(server->hub, &server->done, -1);
    net_say(server->hub, NET_INFO, "stopped", NULL, "%s", "");
    if (!server->lost) return 0;
    return tally_fail(err, TALLY_EIO,
                      "the ledger in %s was moved, removed or replaced while it was served; start "
                      "tallyd again where it is now",
                      tally_ledger_dir(server->options->ledger));
}

int net_serve(const net_serve_options *options, tally_error *err) {
    int lock = -1;
    net_server *server = calloc(1, sizeof *server);
    if (!server) return tally_fail(err, TALLY_ENOMEM, "no memory for the daemon");
    server->options = options;
    server->since_ms = net_now_ms();
    int rc = net_lock_take(tally_ledger_dir(options->ledger), &lock, err);
    if (rc == 0) rc = net_hub_new(options->ledger, options->news, options->ctx, &server->hub, err);
    if (rc == 0) {
        parts_init(server);
        rc = run(server, err);
        stop(server);
        for (size_t i = 0; i < sizeof server->signals / sizeof *server->signals; i++)
            uv_close((uv_handle_t *)&server->signals[i], NULL);
        uv_close((uv_handle_t *)&server->patience, NULL);
        net_hub_free(server->hub);
    }
    if (lock >= 0) (void)close(lock);
    free(server);
    return rc;
}
