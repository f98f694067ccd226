/* Whom to call and when: settings, memory and beacons give addresses; failures put them off. */
#include "dialer.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void schedule(net_dialer *dialer);

int64_t net_backoff_ms(uint32_t failures, uint32_t random) {
    int64_t wait = NET_BACKOFF_FIRST_MS;
    for (uint32_t i = 1; i < failures && wait < NET_BACKOFF_MAX_MS; i++)
        wait *= 2;
    if (wait > NET_BACKOFF_MAX_MS) wait = NET_BACKOFF_MAX_MS;
    return wait - (int64_t)(random % (uint32_t)(wait / 2 + 1));
}

static bool is_connected(const net_dialer *dialer, const net_target *target) {
    return target->connection ||
           (target->device_known && net_connection_find(dialer->hub, &target->device, NULL));
}

/* ---- results ---- */

static void put_off(net_target *target, const char *why) {
    target->tried = true;
    target->failures++;
    target->next_ms = net_now_ms() + net_backoff_ms(target->failures, randombytes_random());
    (void)snprintf(target->why, sizeof target->why, "%s", why);
    if (target->source == NET_FROM_LAN && target->failures >= NET_LAN_MAX_FAILURES)
        target->used = false;
    schedule(target->dialer);
}

static void on_established(void *ctx, net_connection *c) {
    net_target *target = ctx;
    if (target->connection != c) return;
    target->device = c->peer;
    target->device_known = true;
    target->skip = 0;
}

static void on_in_sync(void *ctx, net_connection *c) {
    net_target *target = ctx;
    if (target->connection != c) return;
    target->tried = target->in_sync = true;
    target->failures = 0;
}

/* Ends after which the same call may well go better soon. */
static bool is_peaceful(uint32_t code) {
    return code == TALLY_BYE_DONE || code == TALLY_BYE_SILENT || code == TALLY_BYE_BUSY ||
           code == TALLY_BYE_STOPPING;
}

static void on_ended(void *ctx, net_connection *c) {
    net_target *target = ctx;
    if (target->connection != c) return; /* the address was forgotten meanwhile */
    target->connection = NULL;
    target->in_sync = false;
    if (c->code == TALLY_BYE_ITSELF) target->itself = true;
    /* A peer that cannot open the handshake hangs up: perhaps it does not know the newest secret
       yet. */
    if (!c->established && !c->theirs) target->skip++;
    if (c->established && is_peaceful(c->code)) target->failures = 0;
    put_off(target, c->why);
}

/* ---- calling ---- */

static void on_called(void *ctx, net_connection *c, const char *why) {
    net_target *target = ctx;
    tally_error err = {0};
    target->call = NULL;
    if (!c) {
        if (target->failures == 0)
            net_say(target->dialer->hub, NET_INFO, "unreachable", target->address, "%s", why);
        put_off(target, why);
        return;
    }
    target->connection = c;
    if (net_connection_start_team(c, target->skip, &err) == 0) return;
    target->connection = NULL;
    net_say(target->dialer->hub, NET_ERROR, "trouble", target->address, "%s", err.text);
    put_off(target, err.text);
}

static void call(net_target *target) {
    const net_owner owner = {
        .established = on_established, .in_sync = on_in_sync, .ended = on_ended, .ctx = target};
    tally_error err = {0};
    if (net_call_start(target->dialer->hub, target->address, &owner, on_called, target,
                       &target->call, &err) != 0)
        put_off(target, err.text);
}

static void on_due(uv_timer_t *timer) {
    net_dialer *dialer = timer->data;
    int64_t now = net_now_ms();
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        if (!target->used || target->call || target->connection || target->itself ||
            target->next_ms > now)
            continue;
        if (is_connected(dialer, target)) {
            target->tried = true;
            target->next_ms = now + NET_RECHECK_MS;
        } else {
            call(target);
        }
    }
    schedule(dialer);
}

static void schedule(net_dialer *dialer) {
    int64_t now = net_now_ms(), next = INT64_MAX;
    if (dialer->closed) return;
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        if (!target->used || target->call || target->connection || target->itself) continue;
        /* The wall clock was set back: nobody waits longer than that. */
        if (target->next_ms > now + NET_BACKOFF_MAX_MS) target->next_ms = now;
        if (target->next_ms < next) next = target->next_ms;
    }
    if (next == INT64_MAX)
        (void)uv_timer_stop(&dialer->timer);
    else
        (void)uv_timer_start(&dialer->timer, on_due, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* ---- targets ---- */

static net_target *target_at(net_dialer *dialer, const char *address) {
    for (size_t i = 0; i < NET_MAX_PEERS; i++)
        if (dialer->targets[i].used && strcmp(dialer->targets[i].address, address) == 0)
            return &dialer->targets[i];
    return NULL;
}

static net_target *add(net_dialer *dialer, const char *address, net_source source) {
    net_target *target = target_at(dialer, address);
    if (target || strlen(address) >= sizeof target->address) return target;
    size_t i = 0, lan = 0;
    for (size_t k = 0; k < NET_MAX_PEERS; k++)
        lan += dialer->targets[k].used && dialer->targets[k].source == NET_FROM_LAN;
    if (source == NET_FROM_LAN && lan >= NET_MAX_LAN_PEERS) return NULL;
    while (i < NET_MAX_PEERS && dialer->targets[i].used)
        i++;
    if (i == NET_MAX_PEERS) return NULL;
    target = &dialer->targets[i];
    *target = (net_target){.dialer = dialer, .used = true, .source = source};
    memcpy(target->address, address, strlen(address) + 1);
    return target;
}

static void forget(net_target *target) {
    net_call_cancel(target->call);
    if (target->connection)
        net_connection_end(target->connection, TALLY_BYE_DONE,
                           "this address is not called any more");
    target->used = false;
    target->call = NULL;
    target->connection = NULL;
}

void net_dialer_init(net_dialer *dialer, net_hub *hub) {
    memset(dialer, 0, sizeof *dialer);
    dialer->hub = hub;
    (void)uv_timer_init(&hub->loop, &dialer->timer);
    dialer->timer.data = dialer;
}

void net_dialer_close(net_dialer *dialer) {
    if (dialer->closed) return;
    dialer->closed = true;
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_call_cancel(dialer->targets[i].call);
        dialer->targets[i].call = NULL;
    }
    uv_close((uv_handle_t *)&dialer->timer, NULL);
}

static bool is_named(const net_settings *settings, const char *address) {
    for (size_t i = 0; i < settings->peer_count; i++)
        if (strcmp(settings->peers[i], address) == 0) return true;
    return false;
}

void net_dialer_configure(net_dialer *dialer, const net_settings *settings) {
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        if (target->used && target->source == NET_FROM_SETTING &&
            !is_named(settings, target->address))
            forget(target);
    }
    for (size_t i = 0; i < settings->peer_count; i++) {
        net_target *target = add(dialer, settings->peers[i], NET_FROM_SETTING);
        if (target) target->source = NET_FROM_SETTING;
    }
    schedule(dialer);
}

static void one_remembered(void *ctx, const char *address, const tally_device_id *device) {
    net_target *target = add(ctx, address, NET_FROM_MEMORY);
    if (!target) return;
    target->listed = true;
    if (target->connection) return;
    target->device = *device;
    target->device_known = true;
}

void net_dialer_remember(net_dialer *dialer) {
    tally_error err = {0};
    for (size_t i = 0; i < NET_MAX_PEERS; i++)
        dialer->targets[i].listed = false;
    if (net_remembered_each(dialer->hub->ledger, one_remembered, dialer, &err) != 0)
        net_say(dialer->hub, NET_WARN, "trouble", NULL, "%s", err.text);
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        bool gone = target->source == NET_FROM_MEMORY && !target->listed && !target->connection;
        if (target->used && gone) forget(target);
    }
    schedule(dialer);
}

bool net_dialer_hear(net_dialer *dialer, const char *address) {
    net_target *target = add(dialer, address, NET_FROM_LAN);
    if (!target || target->call || target->itself || is_connected(dialer, target)) return false;
    int64_t now = net_now_ms(), since = now - target->heeded_ms;
    if (since >= 0 && since < NET_HEED_MS) return false;
    target->heeded_ms = now;
    target->next_ms = 0;
    schedule(dialer);
    return true;
}

uint32_t net_dialer_now(net_dialer *dialer) {
    uint32_t n = 0;
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        if (!target->used || target->itself || is_connected(dialer, target)) continue;
        target->next_ms = 0;
        n++;
    }
    schedule(dialer);
    return n;
}

void net_dialer_free_device(net_dialer *dialer, const tally_device_id *device) {
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        net_target *target = &dialer->targets[i];
        if (target->used && target->device_known &&
            memcmp(target->device.b, device->b, sizeof device->b) == 0)
            target->next_ms = net_now_ms() + net_backoff_ms(1, randombytes_random());
    }
    schedule(dialer);
}

bool net_dialer_settled(const net_dialer *dialer) {
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        const net_target *target = &dialer->targets[i];
        if (!target->used || target->itself) continue;
        if (!target->tried || target->call || (target->connection && !target->in_sync))
            return false;
    }
    return true;
}
