/* Calling: looking a name up and connecting, one address after the other. When to call whom is
 * dialer.c's. */
#include "call.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net_call {
    net_hub *hub;
    net_owner owner;
    net_call_fn *fn; /* NULL: cancelled */
    void *ctx;
    char text[NET_ADDRESS_BYTES];
    net_endpoint to;
    struct sockaddr_storage addresses[NET_CALL_MAX_ADDRESSES];
    size_t count, next;
    int cause; /* of the last failure */
    net_connection *connection;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_timer_t timer; /* of the lookup's stand-in and of each connect */
    bool looking, connecting;
};

static void connect_next(net_call *call);

static void on_closed(uv_handle_t *timer) {
    free(timer->data);
}

static void call_free(net_call *call) {
    if (!call->looking && !call->connecting) uv_close((uv_handle_t *)&call->timer, on_closed);
}

static void finish(net_call *call, net_connection *c) {
    char why[NET_WHY_BYTES] = "";
    net_call_fn *fn = call->fn;
    call->fn = NULL;
    if (!c)
        (void)snprintf(why, sizeof why, "%s: %s", call->text,
                       call->cause == UV_ECANCELED ? "no answer" : uv_strerror(call->cause));
    if (fn)
        fn(call->ctx, c, why);
    else if (c)
        net_connection_cut(c);
    call_free(call);
}

static void on_connect(uv_connect_t *request, int status) {
    net_call *call = request->data;
    net_connection *c = call->connection;
    call->connecting = false;
    call->connection = NULL;
    (void)uv_timer_stop(&call->timer);
    if (status == 0 && call->fn) {
        finish(call, c);
        return;
    }
    call->cause = status == 0 ? UV_ECANCELED : status;
    net_connection_cut(c);
    connect_next(call);
}

static void on_timeout(uv_timer_t *timer) {
    net_call *call = timer->data;
    if (call->connecting)
        net_connection_cut(call->connection); /* on_connect follows, with UV_ECANCELED */
    else
        connect_next(call);
}

static void connect_next(net_call *call) {
    while (call->fn && call->next < call->count) {
        struct sockaddr_storage *to = &call->addresses[call->next++];
        net_connection *c = net_connection_new(call->hub, &call->owner, true);
        if (!c) {
            call->cause = UV_ENOMEM;
            break;
        }
        memcpy(c->address, call->text, sizeof c->address);
        net_sockaddr_host((const struct sockaddr *)to, c->host);
        call->connect.data = call;
        call->cause =
            uv_tcp_connect(&call->connect, &c->tcp, (const struct sockaddr *)to, on_connect);
        if (call->cause == 0) {
            call->connection = c;
            call->connecting = true;
            (void)uv_timer_start(&call->timer, on_timeout, NET_CONNECT_MS, 0);
            return;
        }
        net_connection_cut(c);
    }
    finish(call, NULL);
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *list) {
    net_call *call = request->data;
    call->looking = false;
    call->cause = status;
    for (struct addrinfo *a = list; a && call->count < NET_CALL_MAX_ADDRESSES; a = a->ai_next)
        memcpy(&call->addresses[call->count++], a->ai_addr, a->ai_addrlen);
    uv_freeaddrinfo(list);
    connect_next(call);
}

/* A numeric address goes through the timer, so that `fn` is never called from net_call_start. */
static int begin(net_call *call) {
    if (net_endpoint_numeric(&call->to, &call->addresses[0])) {
        call->count = 1;
        return uv_timer_start(&call->timer, on_timeout, 0, 0);
    }
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    (void)snprintf(port, sizeof port, "%u", call->to.port);
    int rc =
        uv_getaddrinfo(&call->hub->loop, &call->lookup, on_lookup, call->to.host, port, &hints);
    call->looking = rc == 0;
    return rc;
}

int net_call_start(net_hub *hub, const char *address, const net_owner *owner, net_call_fn *fn,
                   void *ctx, net_call **out, tally_error *err) {
    *out = NULL;
    net_call *call = calloc(1, sizeof *call);
    if (!call) return tally_fail(err, TALLY_ENOMEM, "no memory to call %s", address);
    if (strlen(address) >= sizeof call->text || !net_endpoint_parse(address, &call->to) ||
        call->to.host[0] == '\0' || call->to.port == 0) {
        free(call);
        return tally_fail(err, TALLY_EINVAL, "'%s' is no address; write HOST:PORT", address);
    }
    call->hub = hub;
    call->owner = *owner;
    call->fn = fn;
    call->ctx = ctx;
    memcpy(call->text, address, strlen(address));
    (void)uv_timer_init(&hub->loop, &call->timer);
    call->timer.data = call->lookup.data = call;
    int rc = begin(call);
    if (rc != 0) {
        call->fn = NULL;
        call_free(call);
        return tally_fail(err, TALLY_EIO, "%s: %s", address, uv_strerror(rc));
    }
    *out = call;
    return 0;
}

void net_call_cancel(net_call *call) {
    if (!call || !call->fn) return;
    call->fn = NULL;
    if (call->looking)
        (void)uv_cancel((uv_req_t *)&call->lookup); /* on_lookup follows, now or when it is done */
    else if (call->connecting)
        net_connection_cut(call->connection);
    else
        call_free(call);
}
