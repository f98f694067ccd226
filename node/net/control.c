/* The daemon's side of the control socket. Only its own user may connect: the file has mode 0600.
 */
#include "control.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct net_control_client {
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    net_control_server *server;
    char request[NET_CONTROL_REQUEST_BYTES + 1];
    size_t len;
    net_json answer;
    unsigned handles;
    bool answered;
} client;

static void on_client_closed(uv_handle_t *handle) {
    client *from = handle->data;
    if (--from->handles > 0) return;
    net_json_clear(&from->answer);
    free(from);
}

static void client_close(client *from) {
    if (uv_is_closing((uv_handle_t *)&from->pipe)) return;
    for (size_t i = 0; i < NET_CONTROL_MAX_CLIENTS; i++)
        if (from->server->clients[i] == from) from->server->clients[i] = NULL;
    uv_close((uv_handle_t *)&from->pipe, on_client_closed);
    uv_close((uv_handle_t *)&from->timer, on_client_closed);
}

static void on_late(uv_timer_t *timer) {
    client_close(timer->data);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    client_close(write->data);
}

static void reply(client *from) {
    net_control_server *server = from->server;
    from->answered = true;
    net_json_init(&from->answer, NET_CONTROL_ANSWER_BYTES);
    if (!server->open || !server->answer(server->ctx, from->request, &from->answer)) {
        net_json_open(&from->answer, NULL, '{');
        net_json_text(&from->answer, "error", "unknown request");
        net_json_close(&from->answer, '}');
    }
    tally_span text = tally_buffer_span(&from->answer.text);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text.ptr, (unsigned)text.len);
    if (from->answer.failed ||
        uv_write(&from->write, (uv_stream_t *)&from->pipe, &buffer, 1, on_written) != 0)
        client_close(from);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    client *from = handle->data;
    (void)suggested;
    *buffer =
        uv_buf_init(from->request + from->len, (unsigned)(NET_CONTROL_REQUEST_BYTES - from->len));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    client *from = stream->data;
    (void)buffer;
    if (from->answered) {
        if (got < 0) (void)uv_read_stop(stream);
        return;
    }
    if (got > 0) from->len += (size_t)got;
    char *newline = memchr(from->request, '\n', from->len);
    if (newline) {
        *newline = '\0';
        (void)uv_read_stop(stream);
        reply(from);
    } else if (got < 0) { /* its end, or a request that is too long */
        client_close(from);
    }
}

static void on_connection(uv_stream_t *stream, int status) {
    net_control_server *server = stream->data;
    client *from = status == 0 ? calloc(1, sizeof *from) : NULL;
    if (!from) return;
    from->server = server;
    from->handles = 2;
    (void)uv_pipe_init(&server->hub->loop, &from->pipe, 0);
    (void)uv_timer_init(&server->hub->loop, &from->timer);
    from->pipe.data = from->timer.data = from->write.data = from;
    size_t slot = 0;
    while (slot < NET_CONTROL_MAX_CLIENTS && server->clients[slot])
        slot++;
    if (uv_accept(stream, (uv_stream_t *)&from->pipe) != 0 || slot == NET_CONTROL_MAX_CLIENTS) {
        client_close(from);
        return;
    }
    server->clients[slot] = from;
    (void)uv_timer_start(&from->timer, on_late, NET_CONTROL_MS, 0);
    if (uv_read_start((uv_stream_t *)&from->pipe, on_buffer, on_read) != 0) client_close(from);
}

int net_control_open(net_control_server *server, tally_error *err) {
    int rc = net_control_address(tally_ledger_dir(server->hub->ledger), &server->at,
                                 &server->folder, err);
    if (rc != 0) return rc;
    (void)uv_pipe_init(&server->hub->loop, &server->pipe, 0);
    server->pipe.data = server;
    (void)unlink(server->at.sun_path);
    mode_t mask = umask(0177);
    int uv = uv_pipe_bind(&server->pipe, server->at.sun_path);
    (void)umask(mask);
    if (uv == 0)
        uv = uv_listen((uv_stream_t *)&server->pipe, NET_CONTROL_MAX_CLIENTS, on_connection);
    server->open = uv == 0;
    if (uv == 0) return 0;
    uv_close((uv_handle_t *)&server->pipe, NULL);
    if (server->folder >= 0) (void)close(server->folder);
    return tally_fail(err, TALLY_EIO, "cannot make the control socket %s in %s: %s",
                      NET_CONTROL_FILE, tally_ledger_dir(server->hub->ledger), uv_strerror(uv));
}

void net_control_close(net_control_server *server) {
    if (!server->open) return;
    server->open = false;
    for (size_t i = 0; i < NET_CONTROL_MAX_CLIENTS; i++)
        if (server->clients[i]) client_close(server->clients[i]);
    (void)unlink(server->at.sun_path);
    uv_close((uv_handle_t *)&server->pipe, NULL);
    if (server->folder >= 0) (void)close(server->folder);
}
