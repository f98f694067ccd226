/* Running the tally command and gathering what it prints. What it is run for is known elsewhere. */
#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- its end ---- */

static void on_closed(uv_handle_t *handle) {
    net_child *child = handle->data;
    if (--child->handles > 0) return;
    child->said[child->said_len] = '\0';
    char *newline = memchr(child->said, '\n', child->said_len);
    if (newline) *newline = '\0';
    child->running = false;
    child->ended(child->ctx);
    free(child->output);
    child->output = NULL;
    child->output_len = child->said_len = 0;
}

static void on_exit_code(uv_process_t *process, int64_t code, int signal) {
    net_child *child = process->data;
    child->exit_code = signal != 0 ? 128 + signal : code;
    uv_close((uv_handle_t *)process, on_closed);
}

/* ---- what it says ---- */

static void on_output_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    net_child *child = handle->data;
    (void)suggested;
    /* A full buffer gives an empty one here, which ends the reading with UV_ENOBUFS. */
    *buffer = uv_buf_init((char *)child->output + child->output_len,
                          (unsigned)(NET_CHILD_OUTPUT_BYTES - child->output_len));
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    net_child *child = stream->data;
    (void)buffer;
    if (got < 0)
        uv_close((uv_handle_t *)stream, on_closed);
    else
        child->output_len += (size_t)got;
}

static void on_words_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    net_child *child = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)child->hub->read_buffer, NET_READ_BYTES);
}

static void on_words(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    net_child *child = stream->data;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    size_t room = sizeof child->said - 1 - child->said_len;
    size_t n = (size_t)got < room ? (size_t)got : room;
    memcpy(child->said + child->said_len, buffer->base, n);
    child->said_len += n;
}

/* ---- running it ---- */

static int spawn(net_child *child, const char *const *command) {
    const char *const always[] = {"--json", "--ledger", tally_ledger_dir(child->hub->ledger)};
    char *arguments[1 + NET_CHILD_MAX_WORDS + sizeof always / sizeof *always + 1] = {
        (char *)(uintptr_t)child->tally};
    size_t count = 1;
    for (size_t i = 0; i < NET_CHILD_MAX_WORDS && command[i]; i++)
        arguments[count++] = (char *)(uintptr_t)command[i];
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        arguments[count++] = (char *)(uintptr_t)always[i];
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->words}};
    uv_process_options_t options = {.exit_cb = on_exit_code,
                                    .file = child->tally,
                                    .args = arguments,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    return uv_spawn(&child->hub->loop, &child->process, &options);
}

bool net_child_run(net_child *child, const char *const *command) {
    child->output = malloc(NET_CHILD_OUTPUT_BYTES);
    if (!child->output) return false;
    child->running = true;
    child->handles = 3;
    child->exit_code = 0;
    (void)uv_pipe_init(&child->hub->loop, &child->out, 0);
    (void)uv_pipe_init(&child->hub->loop, &child->words, 0);
    child->process.data = child->out.data = child->words.data = child;
    int rc = spawn(child, command);
    if (rc == 0) {
        (void)uv_read_start((uv_stream_t *)&child->out, on_output_buffer, on_output);
        (void)uv_read_start((uv_stream_t *)&child->words, on_words_buffer, on_words);
        return true;
    }
    child->exit_code = rc;
    child->said_len = (size_t)snprintf(child->said, sizeof child->said, "%s", uv_strerror(rc));
    uv_close((uv_handle_t *)&child->process, on_closed);
    uv_close((uv_handle_t *)&child->out, on_closed);
    uv_close((uv_handle_t *)&child->words, on_closed);
    return true;
}

void net_child_end(net_child *child) {
    if (uv_is_active((uv_handle_t *)&child->process))
        (void)uv_process_kill(&child->process, SIGTERM);
}
