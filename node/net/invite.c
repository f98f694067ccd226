/* `tally team invite`: listens with a secret of its own, lets a person compare the codes, and ends
 * when one device has joined. */
#include "listener.h"
#include "settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct inviting {
    net_hub *hub;
    const net_invite_options *options;
    net_listener listener;
    tally_invite invite;
    uv_timer_t timer;
    uv_work_t work; /* a person is asked on another thread, so that the sessions live on */
    net_connection *candidate;
    net_code code; /* of the candidate */
    bool asking, answer, accepted, joined, late, declined, done;
    tally_device_id *device;
} inviting;

static void look(inviting *all) {
    if (all->asking || all->candidate) return;
    if (all->joined || all->late || all->declined) all->done = true;
}

/* ---- asking ---- */

static void ask_run(uv_work_t *work) {
    inviting *all = work->data;
    const net_code *code = &all->code;
    all->answer = all->options->ask(all->options->ctx, code->text, tally_span_str(code->member),
                                    tally_span_str(code->name), &code->device);
}

static void on_answer(uv_work_t *work, int status) {
    inviting *all = work->data;
    bool yes = status == 0 && all->answer;
    all->asking = false;
    if (!yes) all->declined = true;
    if (all->candidate) {
        all->accepted = yes;
        net_connection_decide(all->candidate, yes);
    } else if (yes) {
        net_say(all->hub, NET_WARN, "gone", NULL,
                "%s has hung up meanwhile; it can join again with the same line", all->code.name);
    }
    look(all);
}

static void on_code(void *ctx, net_connection *c, const net_code *code) {
    inviting *all = ctx;
    if (all->joined || all->accepted) {
        net_connection_end(c, TALLY_BYE_SPENT, "this invite has been used");
    } else if (all->candidate || all->asking) {
        net_connection_end(c, TALLY_BYE_BUSY, "another device is joining at this moment");
    } else {
        all->candidate = c;
        all->code = *code;
        all->asking = uv_queue_work(&all->hub->loop, &all->work, ask_run, on_answer) == 0;
        if (!all->asking) net_connection_decide(c, false);
    }
}

/* ---- joining ---- */

static void on_established(void *ctx, net_connection *c) {
    inviting *all = ctx;
    if (c != all->candidate) return;
    all->joined = true;
    *all->device = c->peer;
}

static void on_in_sync(void *ctx, net_connection *c) {
    inviting *all = ctx;
    if (c == all->candidate && all->joined)
        net_connection_end(c, TALLY_BYE_DONE, "welcome to the team");
}

/* The connection broke between the yes and the hello: the device is a member, or it is not. */
static bool is_member(inviting *all) {
    tally_txn *txn = NULL;
    tally_team_device member;
    if (tally_read_begin(all->hub->ledger, &txn, NULL) != 0) return false;
    bool found = tally_team_device_get(txn, &all->code.device, &member) == 0;
    tally_read_end(txn);
    return found;
}

static void on_ended(void *ctx, net_connection *c) {
    inviting *all = ctx;
    if (c != all->candidate) return;
    all->candidate = NULL;
    if (all->accepted && !all->joined && is_member(all)) {
        all->joined = true;
        *all->device = all->code.device;
    }
    all->accepted = all->joined;
    if (all->joined && c->code != TALLY_BYE_DONE)
        net_say(
            all->hub, NET_WARN, "broken off", NULL,
            "%s/%s is in the team and may not know it; if 'tally sync now' does not help there, "
            "revoke it here and invite it again",
            all->code.member, all->code.name);
    look(all);
}

static void on_late(uv_timer_t *timer) {
    inviting *all = timer->data;
    all->late = true;
    net_listener_close(&all->listener);
    look(all);
}

static void on_accepted(void *ctx, net_connection *c) {
    inviting *all = ctx;
    tally_error err = {0};
    tally_team_secret secret = {0};
    memcpy(secret.bytes, all->invite.secret, sizeof secret.bytes);
    tally_session_options options = {.kind = TALLY_SESSION_INVITE,
                                     .secrets = &secret,
                                     .secret_count = 1,
                                     .invite = &all->invite,
                                     .role = all->options->role,
                                     .host = tally_span_str(c->host)};
    if (net_connection_start(c, &options, &err) != 0)
        net_say(all->hub, NET_ERROR, "trouble", NULL, "%s", err.text);
    sodium_memzero(&secret, sizeof secret);
}

/* ---- the invite ---- */

static void address_add(tally_invite *invite, const char *address) {
    if (invite->address_count < TALLY_INVITE_MAX_ADDRESSES &&
        tally_address_valid(tally_span_str(address)))
        memcpy(invite->addresses[invite->address_count++], address, strlen(address) + 1);
}

/* Where this machine can be reached, as far as it knows itself; itself when it has no network. */
static void own_addresses(inviting *all) {
    net_interface list[NET_MAX_INTERFACES];
    char address[NET_ADDRESS_BYTES], host[NET_HOST_BYTES];
    net_endpoint at;
    bool one = all->options->listen && net_endpoint_parse(all->options->listen, &at) && *at.host;
    size_t count = one ? 0 : net_interfaces(list, NET_MAX_INTERFACES);
    for (int loopback = 0; loopback < 2 && all->invite.address_count == 0; loopback++)
        for (size_t i = 0; i < count; i++) {
            if (list[i].loopback != (loopback == 1) || list[i].link_local) continue;
            net_sockaddr_host((const struct sockaddr *)&list[i].address, host);
            (void)snprintf(address, sizeof address, "%.*s:%u", (int)(sizeof address - 8), host,
                           all->listener.port);
            if (*host) address_add(&all->invite, address);
        }
    if (one) address_add(&all->invite, all->listener.address);
}

static int invite_make(inviting *all, tally_error *err) {
    const net_invite_options *options = all->options;
    tally_invite *invite = &all->invite;
    invite->team = *tally_ledger_team(options->ledger);
    memcpy(invite->inviter, tally_key_box_public(all->hub->key), sizeof invite->inviter);
    randombytes_buf(invite->secret, sizeof invite->secret);
    invite->expires_s = (net_now_ms() + options->lifetime_ms) / 1000;
    for (size_t i = 0; i < options->address_count; i++) {
        if (!tally_address_valid(tally_span_str(options->addresses[i])))
            return tally_fail(err, TALLY_EINVAL, "'%s' is no address; write HOST:PORT",
                              options->addresses[i]);
        address_add(invite, options->addresses[i]);
    }
    if (options->address_count == 0) own_addresses(all);
    if (invite->address_count == 0)
        return tally_fail(err, TALLY_EINVAL,
                          "no address of this machine is known that a teammate could call; name "
                          "one with --address");
    return 0;
}

static int line_give(inviting *all, tally_error *err) {
    char line[TALLY_INVITE_LINE_MAX_BYTES];
    int rc = tally_invite_encode(&all->invite, line, NULL, err);
    if (rc == 0) all->options->line(all->options->ctx, line, &all->invite);
    sodium_memzero(line, sizeof line);
    return rc;
}

static int run(inviting *all, tally_error *err) {
    net_settings settings;
    int rc = net_settings_read(all->options->ledger, &settings, err);
    if (rc == 0)
        rc = net_listener_open(&all->listener, all->options->listen ? all->options->listen : "*:0",
                               err);
    if (rc == 0) rc = invite_make(all, err);
    if (rc == 0) rc = line_give(all, err);
    if (rc != 0) return rc;
    all->hub->listen_port = net_settings_port(settings.listen);
    (void)uv_timer_start(&all->timer, on_late, (uint64_t)all->options->lifetime_ms, 0);
    net_hub_run(all->hub, &all->done, -1);
    net_hub_part(all->hub);
    if (all->joined) return 0;
    return tally_fail(err, TALLY_EREFUSED,
                      all->declined ? "declined: nobody has joined; the invite is void"
                                    : "nobody has joined in time; the invite is void");
}

int net_invite(const net_invite_options *options, tally_device_id *joined, tally_error *err) {
    inviting *all = calloc(1, sizeof *all);
    if (!all) return tally_fail(err, TALLY_ENOMEM, "no memory for the invite");
    all->options = options;
    all->device = joined;
    int rc = net_hub_new(options->ledger, options->news, options->ctx, &all->hub, err);
    if (rc == 0) {
        all->listener = (net_listener){.hub = all->hub,
                                       .accepted = on_accepted,
                                       .owner = {.established = on_established,
                                                 .code = on_code,
                                                 .in_sync = on_in_sync,
                                                 .ended = on_ended,
                                                 .ctx = all},
                                       .ctx = all};
        all->work.data = all;
        (void)uv_timer_init(&all->hub->loop, &all->timer);
        all->timer.data = all;
        rc = run(all, err);
        net_listener_close(&all->listener);
        uv_close((uv_handle_t *)&all->timer, NULL);
        net_hub_free(all->hub);
    }
    sodium_memzero(&all->invite, sizeof all->invite);
    free(all);
    return rc;
}
