/* `tally team join`: calls the inviter's addresses in turn until one holds the invite, and goes on
 * until the team's records are here. */
#include "call.h"
#include "settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct joining {
    net_hub *hub;
    const net_join_options *options;
    net_sync_result *result;
    net_call *call;
    net_connection *connection;
    uint8_t next; /* of the invite's addresses */
    bool answered, joined, refused, done;
    bool trouble; /* with the own store, not with the connection */
    char why[NET_WHY_BYTES];
} joining;

static void call_next(joining *all);

static void on_code(void *ctx, net_connection *c, const net_code *code) {
    joining *all = ctx;
    (void)c;
    all->answered = true;
    all->options->code(all->options->ctx, code->text);
}

static void on_in_sync(void *ctx, net_connection *c) {
    joining *all = ctx;
    all->joined = true;
    net_connection_end(c, TALLY_BYE_DONE, "joined");
}

static void on_ended(void *ctx, net_connection *c) {
    joining *all = ctx;
    tally_session_counts counts;
    tally_session_count(c->session, &counts);
    all->result->records_in += counts.records_in;
    all->result->records_out += counts.records_out;
    all->result->bytes_in += counts.bytes_in;
    all->result->bytes_out += counts.bytes_out;
    all->connection = NULL;
    (void)snprintf(all->why, sizeof all->why, "%s", c->why);
    /* Once the inviter has answered, and whatever it says itself, is its word; before that some
       other machine may have this address by now. */
    all->refused = c->theirs && c->code != TALLY_BYE_DONE;
    all->trouble = !c->theirs && c->code == TALLY_BYE_TROUBLE;
    if (all->joined || all->answered || all->refused || all->trouble)
        all->done = true;
    else
        call_next(all);
}

static void on_called(void *ctx, net_connection *c, const char *why) {
    joining *all = ctx;
    tally_error err = {0};
    tally_team_secret secret = {0};
    all->call = NULL;
    if (!c) {
        (void)snprintf(all->why, sizeof all->why, "%s", why);
        call_next(all);
        return;
    }
    all->result->reached++;
    all->connection = c;
    memcpy(secret.bytes, all->options->invite->secret, sizeof secret.bytes);
    /* No address: the inviter's daemon listens on another port than its invite, which its hello
       names. */
    tally_session_options options = {.kind = TALLY_SESSION_JOIN,
                                     .initiator = true,
                                     .secrets = &secret,
                                     .secret_count = 1,
                                     .invite = all->options->invite,
                                     .member = all->options->member,
                                     .name = all->options->name,
                                     .host = tally_span_str(c->host)};
    int rc = net_connection_start(c, &options, &err);
    sodium_memzero(&secret, sizeof secret);
    if (rc == 0) return;
    all->connection = NULL;
    (void)snprintf(all->why, sizeof all->why, "%.300s", err.text);
    all->done = true;
}

static void call_next(joining *all) {
    const tally_invite *invite = all->options->invite;
    const net_owner owner = {.code = on_code, .in_sync = on_in_sync, .ended = on_ended, .ctx = all};
    tally_error err = {0};
    while (all->next < invite->address_count) {
        const char *address = invite->addresses[all->next++];
        all->result->tried++;
        if (net_call_start(all->hub, address, &owner, on_called, all, &all->call, &err) == 0)
            return;
        (void)snprintf(all->why, sizeof all->why, "%.300s", err.text);
    }
    all->done = true;
}

static int outcome(const joining *all, bool late, tally_error *err) {
    if (all->joined) return 0;
    if (late)
        return tally_fail(err, all->answered ? TALLY_EREFUSED : TALLY_EIO,
                          "nobody has answered in time; ask for a new invite");
    if (all->refused) return tally_fail(err, TALLY_EREFUSED, "%s", all->why);
    if (all->trouble) /* no matter of the network: exit 3 */
        return tally_fail(err, TALLY_EREADONLY, "%s; the invite is used up, ask for a new one",
                          all->why);
    if (all->answered)
        return tally_fail(err, TALLY_EIO, "the connection broke (%s); run this again", all->why);
    return tally_fail(err, TALLY_EIO,
                      "nobody holds this invite any more: it was used, it is late, or 'tally team "
                      "invite' was ended on the other side (%s)",
                      all->why);
}

int net_join(const net_join_options *options, net_sync_result *result, tally_error *err) {
    net_settings settings;
    *result = (net_sync_result){0};
    if (options->invite->expires_s <= net_now_ms() / 1000)
        return tally_fail(err, TALLY_EREFUSED, "this invite is late; ask for a new one");
    joining *all = calloc(1, sizeof *all);
    if (!all) return tally_fail(err, TALLY_ENOMEM, "no memory for joining");
    all->options = options;
    all->result = result;
    int rc = net_settings_read(options->ledger, &settings, err);
    if (rc == 0) rc = net_hub_new(options->ledger, options->news, options->ctx, &all->hub, err);
    if (rc == 0) {
        all->hub->listen_port = net_settings_port(settings.listen);
        call_next(all);
        if (!all->done) net_hub_run(all->hub, &all->done, options->timeout_ms);
        bool late = !all->done;
        net_call_cancel(all->call);
        if (all->connection) net_connection_end(all->connection, TALLY_BYE_DONE, "no more time");
        net_hub_part(all->hub);
        rc = outcome(all, late, err);
        net_hub_free(all->hub);
    }
    free(all);
    return rc;
}
