/* `tally sync now`: calls everybody once, side by side, and ends when nobody lacks anything. */
#include "call.h"
#include "lock.h"
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CALLS 3u /* to one address, each with an older secret of the team */

typedef struct target {
    struct once *once;
    char address[NET_ADDRESS_BYTES];
    size_t skip;
    net_call *call;
    net_connection *connection;
    bool reached, in_sync; /* a teammate answered; nothing was left to do when it ended */
    char why[NET_WHY_BYTES];
} target;

typedef struct once {
    net_hub *hub;
    const net_sync_options *options;
    net_sync_result *result;
    target targets[NET_MAX_PEERS];
    size_t count;
    bool ending, done;
} once;

static void call(target *to);

/* Records that came from one may have to go to another: all end together. News that is not passed
 * on yet (hub->changed) comes here again when it is. */
static void look(once *all) {
    if (all->hub->changed) return;
    bool open = false;
    for (size_t i = 0; i < all->count; i++) {
        const target *to = &all->targets[i];
        if (to->call) return;
        if (!to->connection) continue;
        open = true;
        if (!all->ending &&
            !(to->connection->established && tally_session_in_sync(to->connection->session)))
            return;
    }
    if (!open) {
        all->done = true;
        return;
    }
    if (all->ending) return;
    all->ending = true;
    for (size_t i = 0; i < all->count; i++)
        if (all->targets[i].connection) {
            all->targets[i].in_sync = true;
            net_connection_end(all->targets[i].connection, TALLY_BYE_DONE, "in sync");
        }
}

static void __attribute__((format(printf, 2, 3))) why_set(target *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(to->why, sizeof to->why, format, arguments);
    va_end(arguments);
}

static void on_change(void *ctx) {
    look(ctx);
}

static void on_established(void *ctx, net_connection *c) {
    target *to = ctx;
    (void)c;
    to->reached = true;
}

static void on_in_sync(void *ctx, net_connection *c) {
    target *to = ctx;
    (void)c;
    look(to->once);
}

static void counts_add(net_sync_result *result, const net_connection *c) {
    tally_session_counts counts;
    tally_session_count(c->session, &counts);
    result->records_in += counts.records_in;
    result->records_out += counts.records_out;
    result->bytes_in += counts.bytes_in;
    result->bytes_out += counts.bytes_out;
}

static void on_ended(void *ctx, net_connection *c) {
    target *to = ctx;
    once *all = to->once;
    to->connection = NULL;
    counts_add(all->result, c);
    /* The peer has a connection with this device's daemon: what goes on goes on there. */
    if (c->code == TALLY_BYE_BUSY) to->reached = to->in_sync = true;
    why_set(to, "%s: %s", to->address, c->why);
    bool secret = c->code != TALLY_BYE_BUSY && c->code != TALLY_BYE_ITSELF; /* may be why */
    bool refused = !c->established && !c->theirs && secret;
    if (refused && !all->ending && ++to->skip < MAX_CALLS)
        call(to);
    else
        look(all);
}

static void on_called(void *ctx, net_connection *c, const char *why) {
    target *to = ctx;
    tally_error err = {0};
    to->call = NULL;
    if (!c) {
        why_set(to, "%s", why);
    } else {
        to->connection = c;
        if (net_connection_start_team(c, to->skip, &err) != 0) {
            to->connection = NULL;
            why_set(to, "%s", err.text);
        }
    }
    look(to->once);
}

static void call(target *to) {
    const net_owner owner = {
        .established = on_established, .in_sync = on_in_sync, .ended = on_ended, .ctx = to};
    tally_error err = {0};
    if (net_call_start(to->once->hub, to->address, &owner, on_called, to, &to->call, &err) == 0)
        return;
    why_set(to, "%s", err.text);
    look(to->once);
}

static void add(once *all, const char *address) {
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->targets[i].address, address) == 0) return;
    if (all->count == NET_MAX_PEERS || strlen(address) >= NET_ADDRESS_BYTES) return;
    target *to = &all->targets[all->count++];
    to->once = all;
    memcpy(to->address, address, strlen(address) + 1);
}

static void one_remembered(void *ctx, const char *address, const tally_device_id *device) {
    (void)device;
    add(ctx, address);
}

static int targets_find(once *all, tally_error *err) {
    const net_sync_options *options = all->options;
    net_settings settings;
    int rc = net_settings_read(options->ledger, &settings, err);
    for (size_t i = 0; rc == 0 && i < options->address_count; i++)
        add(all, options->addresses[i]);
    if (rc == 0 && options->address_count == 0) {
        for (size_t i = 0; i < settings.peer_count; i++)
            add(all, settings.peers[i]);
        rc = net_remembered_each(options->ledger, one_remembered, all, err);
    }
    if (rc == 0 && all->count == 0)
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "there is nobody to call: name an address, set 'sync.peers', or invite a "
                        "teammate");
    /* Only a daemon can be called back. */
    if (rc == 0 && net_lock_held(tally_ledger_dir(options->ledger)))
        all->hub->listen_port = net_settings_port(settings.listen);
    return rc;
}

static void run(once *all) {
    for (size_t i = 0; i < all->count; i++)
        call(&all->targets[i]);
    if (!all->done) net_hub_run(all->hub, &all->done, all->options->timeout_ms);
    all->ending = true;
    for (size_t i = 0; i < all->count; i++) {
        target *to = &all->targets[i];
        net_call_cancel(to->call);
        to->call = NULL;
        if (!to->connection) continue;
        net_connection_end(to->connection, TALLY_BYE_DONE, "no more time");
        why_set(to, "%s: not in sync in time", to->address);
    }
    net_hub_part(all->hub);
}

static int outcome(const once *all, tally_error *err) {
    const target *failed = NULL;
    uint32_t synced = 0;
    for (size_t i = 0; i < all->count; i++) {
        const target *to = &all->targets[i];
        all->result->reached += to->reached;
        synced += to->in_sync;
        if (!to->in_sync && !failed) failed = to;
    }
    all->result->tried = (uint32_t)all->count;
    if (!failed) return 0;
    return tally_fail(err, TALLY_EIO, "%u of %zu in sync; %s", synced, all->count,
                      *failed->why ? failed->why : failed->address);
}

int net_sync(const net_sync_options *options, net_sync_result *result, tally_error *err) {
    *result = (net_sync_result){0};
    once *all = calloc(1, sizeof *all);
    if (!all) return tally_fail(err, TALLY_ENOMEM, "no memory for syncing");
    all->options = options;
    all->result = result;
    int rc = net_hub_new(options->ledger, options->news, options->ctx, &all->hub, err);
    if (rc == 0) {
        all->hub->on_change = on_change;
        all->hub->on_change_ctx = all;
        rc = targets_find(all, err);
        if (rc == 0) {
            run(all);
            rc = outcome(all, err);
        }
        net_hub_free(all->hub);
    }
    free(all);
    return rc;
}
