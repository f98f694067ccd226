/* The hub: the loop's life, and what happens after each round of I/O. Sockets are in connection.c
 * and listener.c. */
#include "hub.h"
#include "connection.h"

#include <tally/secret.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SENTENCE_BYTES 512u
#define SECRET_BYTES   sizeof(tally_team_secret)

int64_t net_now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void net_tell(net_hub *hub, const net_news *news) {
    if (hub->news) hub->news(hub->news_ctx, news);
}

void net_say(net_hub *hub, net_level level, const char *what, const char *address,
             const char *format, ...) {
    char text[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    net_tell(hub, &(net_news){.level = level,
                              .what = what,
                              .address = address,
                              .code = INT64_MIN,
                              .text = *text ? text : NULL});
}

static void on_idle(uv_idle_t *idle) {
    (void)idle; /* its being active is the point: the loop polls without waiting */
}

static void awake(net_hub *hub) {
    (void)uv_idle_start(&hub->idle, on_idle);
}

void net_hub_changed(net_hub *hub) {
    hub->changed = true;
    awake(hub);
}

bool net_hub_look(net_hub *hub) {
    bool other = tally_ledger_version(hub->ledger) != hub->version;
    if (other) net_hub_changed(hub);
    return other;
}

void net_hub_drain(net_hub *hub) {
    hub->draining = true;
    awake(hub);
}

static void wake_all(net_hub *hub) {
    hub->version = tally_ledger_version(hub->ledger);
    for (net_connection *c = hub->connections; c; c = c->next)
        net_connection_wake(c);
    if (hub->on_change) hub->on_change(hub->on_change_ctx);
}

/* Bytes that arrived in this very round may be followed by more: those connections wait one more
 * round. So many commits share one durable write. */
static void after_io(uv_check_t *check) {
    net_hub *hub = check->data;
    if (hub->draining) {
        bool more = false;
        for (net_connection *c = hub->connections; c; c = c->next)
            more |= net_connection_drained(c);
        hub->draining = more;
    }
    if (hub->changed) {
        hub->changed = false;
        wake_all(hub);
    }
    if (!hub->draining && !hub->changed) (void)uv_idle_stop(&hub->idle);
}

int net_hub_new(tally_ledger *ledger, net_news_fn *news, void *news_ctx, net_hub **out,
                tally_error *err) {
    *out = NULL;
    net_hub *hub = calloc(1, sizeof *hub);
    if (!hub) return tally_fail(err, TALLY_ENOMEM, "no memory for connections");
    hub->ledger = ledger;
    hub->news = news;
    hub->news_ctx = news_ctx;
    int rc = tally_ledger_key(ledger, &hub->key, err);
    if (rc == 0) rc = tally_wire_packer_new(&hub->packer, err);
    if (rc == 0 && !(hub->read_buffer = malloc(NET_READ_BYTES)))
        rc = tally_fail(err, TALLY_ENOMEM, "no memory for connections");
    void *secrets = NULL;
    if (rc == 0) rc = tally_secret_new(TALLY_TEAM_MAX_SECRETS * SECRET_BYTES, &secrets, err);
    hub->secrets = secrets;
    int uv = rc == 0 ? uv_loop_init(&hub->loop) : 0;
    if (uv != 0) rc = tally_fail(err, TALLY_EIO, "cannot make an event loop: %s", uv_strerror(uv));
    if (rc != 0) {
        tally_secret_free(hub->secrets);
        free(hub->read_buffer);
        tally_wire_packer_free(hub->packer);
        free(hub);
        return rc;
    }
    (void)uv_check_init(&hub->loop, &hub->check);
    (void)uv_idle_init(&hub->loop, &hub->idle);
    hub->check.data = hub;
    (void)uv_check_start(&hub->check, after_io);
    uv_unref((uv_handle_t *)&hub->check);
    hub->version = tally_ledger_version(ledger);
    /* A peer that hangs up while we write is an error of that write. */
    hub->on_pipe = signal(SIGPIPE, SIG_IGN);
    *out = hub;
    return 0;
}

static void on_deadline(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

static void on_timer_closed(uv_handle_t *timer) {
    *(bool *)timer->data = true;
}

void net_hub_run(net_hub *hub, const bool *done, int64_t timeout_ms) {
    uv_timer_t timer;
    bool late = false, closed = false;
    (void)uv_timer_init(&hub->loop, &timer);
    timer.data = &late;
    if (timeout_ms >= 0) (void)uv_timer_start(&timer, on_deadline, (uint64_t)timeout_ms, 0);
    while (!*done && !late)
        (void)uv_run(&hub->loop, UV_RUN_ONCE);
    timer.data = &closed;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (!closed)
        (void)uv_run(&hub->loop, UV_RUN_NOWAIT);
}

void net_hub_part(net_hub *hub) {
    const bool never = false;
    for (int i = 0; i < NET_PART_MS / NET_PART_LOOK_MS && hub->connection_count > 0; i++)
        net_hub_run(hub, &never, NET_PART_LOOK_MS);
}

void net_hub_free(net_hub *hub) {
    if (!hub) return;
    (void)signal(SIGPIPE, hub->on_pipe);
    for (net_connection *c = hub->connections; c; c = c->next)
        net_connection_cut(c);
    uv_close((uv_handle_t *)&hub->check, NULL);
    uv_close((uv_handle_t *)&hub->idle, NULL);
    int64_t until = net_now_ms() + NET_CLOSE_MS;
    while (uv_loop_close(&hub->loop) == UV_EBUSY) {
        if (net_now_ms() >= until) return; /* a resolver's thread still writes to it */
        (void)uv_run(&hub->loop, UV_RUN_NOWAIT);
        if (uv_loop_alive(&hub->loop)) uv_sleep(1);
    }
    tally_secret_free(hub->secrets);
    free(hub->read_buffer);
    tally_wire_packer_free(hub->packer);
    free(hub);
}

static int secrets_read(net_hub *hub, tally_error *err) {
    tally_txn *txn = NULL;
    uint64_t version = tally_ledger_version(hub->ledger);
    if (hub->secret_count > 0 && version == hub->secrets_version) return 0;
    hub->secret_count = 0;
    int rc = tally_read_begin(hub->ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_team_secrets(txn, hub->secrets, &hub->secret_count, err);
    tally_read_end(txn);
    hub->secrets_version = version;
    return rc;
}

int net_hub_secrets(net_hub *hub, const tally_team_secret **out, size_t *count, tally_error *err) {
    int rc = secrets_read(hub, err);
    *count = rc == 0 ? hub->secret_count : 0;
    *out = hub->secrets;
    if (rc == TALLY_ENOTFOUND)
        rc = tally_fail(err, rc,
                        "this device holds no secret of the team: it was revoked, or has not "
                        "joined yet");
    return rc;
}
