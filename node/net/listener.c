/* Listening and admission: how many connections there may be, and who gives way. */
#include "listener.h"

#include <stdlib.h>
#include <string.h>

/* Not one whose code a person is looking at: whoever holds an invite would lose it to strangers. */
static bool is_pending(const net_connection *c) {
    bool asking = c->asked.text[0] != '\0';
    return !c->outgoing && c->session && !c->established && !c->ended && !asking;
}

/* Room for one more: of those whose handshake is under way the oldest gives way, first of the same
 * host. The list has the newest first. False when there is no room. */
static bool make_room(net_hub *hub, const net_connection *fresh) {
    net_connection *oldest = NULL, *oldest_here = NULL;
    uint32_t pending = 0, here = 0;
    for (net_connection *c = hub->connections; c; c = c->next) {
        if (!is_pending(c)) continue;
        pending++;
        oldest = c;
        if (strcmp(c->host, fresh->host) != 0) continue;
        here++;
        oldest_here = c;
    }
    net_connection *goes = NULL;
    if (here >= NET_MAX_HANDSHAKES_PER_HOST)
        goes = oldest_here;
    else if (pending >= NET_MAX_HANDSHAKES || hub->connection_count > NET_MAX_CONNECTIONS)
        goes = oldest;
    if (goes) net_connection_drop(goes, "gave way: too many handshakes at once");
    return goes || hub->connection_count <= NET_MAX_CONNECTIONS;
}

static void on_connection(uv_stream_t *server, int status) {
    net_listener *listener = server->data;
    struct sockaddr_storage peer = {0};
    int len = sizeof peer;
    if (status != 0 || !listener) return;
    net_connection *c = net_connection_new(listener->hub, &listener->owner, false);
    if (!c) return;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0 ||
        uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &len) != 0) {
        net_connection_cut(c);
        return;
    }
    net_sockaddr_format((const struct sockaddr *)&peer, c->address);
    net_sockaddr_host((const struct sockaddr *)&peer, c->host);
    if (!make_room(listener->hub, c)) {
        net_say(listener->hub, NET_WARN, "refused", c->address, "%u connections are open",
                NET_MAX_CONNECTIONS);
        net_connection_cut(c);
        return;
    }
    listener->accepted(listener->ctx, c);
}

static int bind_to(uv_tcp_t *tcp, const struct sockaddr *address) {
    int rc = uv_tcp_bind(tcp, address, 0);
    return rc != 0 ? rc : uv_listen((uv_stream_t *)tcp, NET_LISTEN_BACKLOG, on_connection);
}

static void on_free(uv_handle_t *handle) {
    free(handle);
}

/* A handle that failed to bind cannot be used again: each try has its own. */
static int try_bind(net_listener *listener, const struct sockaddr_storage *address) {
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (!tcp) return UV_ENOMEM;
    (void)uv_tcp_init(&listener->hub->loop, tcp);
    tcp->data = listener;
    int rc = bind_to(tcp, (const struct sockaddr *)address);
    if (rc == 0)
        listener->tcp = tcp;
    else
        uv_close((uv_handle_t *)tcp, on_free);
    return rc;
}

int net_listener_open(net_listener *listener, const char *address, tally_error *err) {
    net_endpoint to;
    struct sockaddr_storage at;
    if (!net_endpoint_parse(address, &to))
        return tally_fail(err, TALLY_EINVAL, "'%s' is no address to listen on; write HOST:PORT",
                          address);
    bool every = to.host[0] == '\0';
    if (every) memcpy(to.host, "::", 3);
    if (strcmp(to.host, "localhost") == 0) memcpy(to.host, "127.0.0.1", 10);
    if (!net_endpoint_numeric(&to, &at))
        return tally_fail(err, TALLY_EINVAL,
                          "'%s': to listen, name an IP address of this machine, or '*:%u' for all",
                          address, to.port);
    int rc = try_bind(listener, &at);
    if (rc != 0 && rc != UV_EADDRINUSE && every) { /* a machine without IPv6 */
        (void)uv_ip4_addr("0.0.0.0", to.port, (struct sockaddr_in *)&at);
        rc = try_bind(listener, &at);
    }
    if (rc != 0)
        return tally_fail(err, TALLY_EIO, "cannot listen on %s: %s", address, uv_strerror(rc));
    int len = sizeof at;
    (void)uv_tcp_getsockname(listener->tcp, (struct sockaddr *)&at, &len);
    listener->port = net_sockaddr_port((const struct sockaddr *)&at);
    net_sockaddr_format((const struct sockaddr *)&at, listener->address);
    return 0;
}

void net_listener_close(net_listener *listener) {
    if (!listener->tcp) return;
    listener->tcp->data = NULL;
    uv_close((uv_handle_t *)listener->tcp, on_free);
    listener->tcp = NULL;
    listener->port = 0;
}
