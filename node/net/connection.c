/* A connection: moves bytes between a socket and a session, and passes the session's news on. What
 * the bytes mean is sync/'s; who is called is dialer.c's. */
#include "connection.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_ESTABLISHED 1u
#define EVENT_CODE        2u
#define EVENT_TOOK        4u
#define EVENT_IN_SYNC     8u
#define EVENT_ENDED       16u

static void settle(net_connection *c);

static void text_copy(char *out, size_t size, tally_span text) {
    size_t n = text.len < size - 1 ? text.len : size - 1;
    if (n > 0) memcpy(out, text.ptr, n);
    out[n] = '\0';
}

static void sentence(net_connection *c, net_level level, const char *what,
                     const tally_session_event *event) {
    char text[NET_WHY_BYTES];
    text_copy(text, sizeof text, event->text);
    net_tell(c->hub, &(net_news){.level = level,
                                 .what = what,
                                 .peer = &event->peer,
                                 .address = c->address,
                                 .code = INT64_MIN,
                                 .count = event->count,
                                 .text = text});
}

/* Called from inside the session: only notes. */
static void on_event(void *ctx, const tally_session_event *event) {
    net_connection *c = ctx;
    switch (event->type) {
    case TALLY_SESSION_ESTABLISHED:
        c->events |= EVENT_ESTABLISHED;
        c->peer = event->peer;
        break;
    case TALLY_SESSION_CODE:
        c->events |= EVENT_CODE;
        c->asked.device = event->peer;
        text_copy(c->asked.text, sizeof c->asked.text, event->text);
        text_copy(c->asked.member, sizeof c->asked.member, event->member);
        text_copy(c->asked.name, sizeof c->asked.name, event->name);
        break;
    case TALLY_SESSION_TOOK:
        c->events |= EVENT_TOOK;
        c->took += event->count;
        break;
    case TALLY_SESSION_IN_SYNC: c->events |= EVENT_IN_SYNC; break;
    case TALLY_SESSION_SKIPPED: sentence(c, NET_WARN, "skipped", event); break;
    case TALLY_SESSION_FORKED: sentence(c, NET_ERROR, "forked", event); break;
    case TALLY_SESSION_ENDED:
        c->events |= EVENT_ENDED;
        c->code = event->code;
        c->theirs = event->theirs;
        text_copy(c->why, sizeof c->why, event->text);
        break;
    }
}

static void free_connection(uv_handle_t *handle) {
    net_connection *c = handle->data;
    if (--c->handles > 0) return;
    tally_session_free(c->session);
    free(c->out);
    free(c);
}

void net_connection_cut(net_connection *c) {
    if (c->closing) return;
    c->closing = c->ended = true;
    if (c->previous)
        c->previous->next = c->next;
    else
        c->hub->connections = c->next;
    if (c->next) c->next->previous = c->previous;
    c->hub->connection_count--;
    /* `next` stays: whoever walks the list may stand here. The memory lives until the loop's next
     * round. */
    uv_close((uv_handle_t *)&c->tcp, free_connection);
    uv_close((uv_handle_t *)&c->timer, free_connection);
}

net_connection *net_connection_new(net_hub *hub, const net_owner *owner, bool outgoing) {
    net_connection *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->hub = hub;
    c->owner = *owner;
    c->outgoing = outgoing;
    c->since_ms = net_now_ms();
    c->handles = 2;
    (void)uv_tcp_init(&hub->loop, &c->tcp);
    (void)uv_timer_init(&hub->loop, &c->timer);
    c->tcp.data = c->timer.data = c->write.data = c->shutdown.data = c;
    c->next = hub->connections;
    if (c->next) c->next->previous = c;
    hub->connections = c;
    hub->connection_count++;
    return c;
}

net_connection *net_connection_find(net_hub *hub, const tally_device_id *device,
                                    const net_connection *except) {
    for (net_connection *c = hub->connections; c; c = c->next)
        if (c != except && c->established && !c->ended &&
            memcmp(c->peer.b, device->b, sizeof device->b) == 0)
            return c;
    return NULL;
}

static void lost(net_connection *c, const char *words) {
    tally_session_lost(c->session, words, net_now_ms());
    c->broken = true;
}

/* ---- two connections of the same two devices ---- */

/* Both ends must let go of the same one. Of two that were made from both sides the one stays that
 * the smaller key began; of two from one side the newer: its maker has lost the older. */
static void keep_one(net_connection *c) {
    net_connection *other = net_connection_find(c->hub, &c->peer, c);
    if (!other) return;
    net_connection *goes = other;
    if (other->outgoing != c->outgoing) {
        bool ours = memcmp(tally_ledger_device(c->hub->ledger)->b, c->peer.b, sizeof c->peer.b) < 0;
        goes = c->outgoing == ours ? other : c;
    }
    net_connection_end(goes, TALLY_BYE_BUSY, NET_BUSY_WORDS);
}

/* ---- what the session told ---- */

static void tell(net_connection *c, net_level level, const char *what, uint64_t count) {
    bool ended = strcmp(what, "took") != 0 && c->ended;
    net_tell(c->hub, &(net_news){.level = level,
                                 .what = what,
                                 .peer = c->established ? &c->peer : NULL,
                                 .address = c->address,
                                 .code = ended ? (int64_t)c->code : INT64_MIN,
                                 .count = count,
                                 .text = ended && *c->why ? c->why : NULL});
}

static void end_tell(net_connection *c) {
    tally_session_counts counts;
    bool peaceful =
        c->code == TALLY_BYE_DONE || c->code == TALLY_BYE_STOPPING || c->code == TALLY_BYE_BUSY;
    net_level level = peaceful || c->established ? NET_INFO : NET_WARN;
    if (c->code == TALLY_BYE_TROUBLE && !c->theirs)
        level = NET_ERROR; /* of this node's own store */
    tally_session_count(c->session, &counts);
    tell(c, level, c->established ? "ended" : "refused", counts.records_in);
}

static void dispatch(net_connection *c, unsigned events) {
    const net_owner *owner = &c->owner;
    if (events & EVENT_CODE && owner->code) owner->code(owner->ctx, c, &c->asked);
    if (events & EVENT_ESTABLISHED) {
        c->established = true;
        tell(c, NET_INFO, "connected", 0);
        if (!(events & EVENT_ENDED)) keep_one(c);
        if (!tally_session_ended(c->session) && owner->established)
            owner->established(owner->ctx, c);
    }
    if (events & EVENT_TOOK) {
        tell(c, NET_INFO, "took", c->took);
        c->took = 0;
        net_hub_changed(c->hub);
    }
    if (events & EVENT_IN_SYNC && !tally_session_ended(c->session) && owner->in_sync)
        owner->in_sync(owner->ctx, c);
    if (events & EVENT_ENDED) {
        c->ended = true;
        end_tell(c);
        if (owner->ended) owner->ended(owner->ctx, c);
    }
}

/* ---- writing: the session's output is the only queue ---- */

static void on_written(uv_write_t *write, int status) {
    net_connection *c = write->data;
    c->writing = false;
    if (c->closing) return;
    if (status != 0) lost(c, uv_strerror(status));
    settle(c);
}

/* The socket is full. The session's bytes may move while the loop waits for it, so they are
 * copied. */
static void write_later(net_connection *c, tally_span out) {
    if (!c->out) c->out = malloc(NET_WRITE_BYTES);
    if (!c->out) {
        lost(c, "no memory for sending");
        return;
    }
    size_t n = out.len < NET_WRITE_BYTES ? out.len : NET_WRITE_BYTES;
    memcpy(c->out, out.ptr, n);
    uv_buf_t buffer = uv_buf_init((char *)c->out, (unsigned)n);
    int rc = uv_write(&c->write, (uv_stream_t *)&c->tcp, &buffer, 1, on_written);
    if (rc != 0) {
        lost(c, uv_strerror(rc));
        return;
    }
    c->writing = true;
    tally_session_sent(c->session, n, net_now_ms());
}

static void write_now(net_connection *c) {
    while (!c->writing && !c->broken && !c->shut) {
        tally_span out = tally_session_output(c->session);
        if (out.len == 0) return;
        size_t n = out.len < INT32_MAX ? out.len : INT32_MAX;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)out.ptr, (unsigned)n);
        int wrote = uv_try_write((uv_stream_t *)&c->tcp, &buffer, 1);
        if (wrote > 0)
            tally_session_sent(c->session, (size_t)wrote, net_now_ms());
        else if (wrote == UV_EAGAIN || wrote == 0)
            write_later(c, out);
        else
            lost(c, uv_strerror(wrote));
    }
}

/* ---- timers and the end ---- */

static void on_linger(uv_timer_t *timer) {
    net_connection_cut(timer->data);
}

static void on_tick(uv_timer_t *timer) {
    net_connection *c = timer->data;
    tally_session_tick(c->session, net_now_ms());
    settle(c);
}

static void on_shut(uv_shutdown_t *request, int status) {
    (void)request, (void)status; /* their end of the stream, or the timer, closes the socket */
}

/* Closing at once would make the kernel throw our bye away when unread bytes of theirs are left. */
static void finish(net_connection *c) {
    if (c->broken) {
        net_connection_cut(c);
        return;
    }
    if (!c->shut && !c->writing && tally_session_output(c->session).len == 0) {
        c->shut = true;
        if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut) != 0) {
            net_connection_cut(c);
            return;
        }
    }
    if (!c->lingering) (void)uv_timer_start(&c->timer, on_linger, NET_LINGER_MS, 0);
    c->lingering = true;
}

static void timer_set(net_connection *c) {
    int64_t at = tally_session_deadline(c->session), now = net_now_ms();
    int64_t wait = at <= now ? 1 : at - now < NET_TICK_MAX_MS ? at - now : NET_TICK_MAX_MS;
    (void)uv_timer_start(&c->timer, on_tick, (uint64_t)wait, 0);
}

/* After every call into the session: its news, its output, its next deadline. */
static void settle(net_connection *c) {
    if (c->settling || c->closing) return;
    c->settling = true;
    do {
        unsigned events = c->events;
        c->events = 0;
        dispatch(c, events);
        if (!c->closing) write_now(c);
    } while (c->events != 0 && !c->closing);
    c->settling = false;
    if (c->closing) return;
    if (c->ended)
        finish(c);
    else
        timer_set(c);
}

/* ---- reading ---- */

static void flush(net_connection *c) {
    c->unflushed = 0;
    c->undrained = false;
    tally_session_flush(c->session, net_now_ms());
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    net_connection *c = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)c->hub->read_buffer, NET_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    net_connection *c = stream->data;
    if (got == 0 || (got > 0 && c->ended)) return;
    if (c->ended) {
        net_connection_cut(c);
        return;
    }
    if (got < 0) {
        lost(c, got == UV_EOF ? "the other side closed the connection" : uv_strerror((int)got));
    } else {
        tally_session_receive(c->session, tally_span_of(buffer->base, (size_t)got), net_now_ms());
        c->unflushed += (size_t)got;
        c->undrained = c->read_now = true;
        net_hub_drain(c->hub);
        if (c->unflushed >= NET_FLUSH_BYTES) flush(c);
    }
    settle(c);
}

bool net_connection_drained(net_connection *c) {
    if (!c->undrained || c->closing) return false;
    if (c->read_now) {
        c->read_now = false;
        return true;
    }
    flush(c);
    settle(c);
    return false;
}

/* ---- the life of it ---- */

int net_connection_start(net_connection *c, tally_session_options *options, tally_error *err) {
    uint8_t ephemeral[32];
    assert(!c->session);
    randombytes_buf(ephemeral, sizeof ephemeral);
    options->ledger = c->hub->ledger;
    options->key = c->hub->key;
    options->packer = c->hub->packer;
    options->ephemeral = ephemeral;
    options->listen_port = c->hub->listen_port;
    options->event = on_event;
    options->ctx = c;
    int rc = tally_session_new(options, net_now_ms(), &c->session, err);
    sodium_memzero(ephemeral, sizeof ephemeral);
    int uv = rc == 0 ? uv_read_start((uv_stream_t *)&c->tcp, on_buffer, on_read) : 0;
    if (uv != 0) rc = tally_fail(err, TALLY_EIO, "%s: %s", c->address, uv_strerror(uv));
    if (rc != 0) {
        net_connection_cut(c);
        return rc;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_tcp_keepalive(&c->tcp, 1, NET_KEEPALIVE_S);
    settle(c);
    return 0;
}

int net_connection_start_team(net_connection *c, size_t skip, tally_error *err) {
    const tally_team_secret *secrets;
    size_t count = 0;
    int rc = net_hub_secrets(c->hub, &secrets, &count, err);
    if (!c->outgoing) skip = 0;
    if (rc == 0 && skip > 0) skip %= count;
    tally_session_options options = {.kind = TALLY_SESSION_TEAM,
                                     .initiator = c->outgoing,
                                     .secrets = secrets + skip,
                                     .secret_count = count - skip,
                                     .address = tally_span_str(c->outgoing ? c->address : ""),
                                     .host = tally_span_str(c->host)};
    if (rc == 0)
        rc = net_connection_start(c, &options, err);
    else
        net_connection_cut(c);
    return rc;
}

void net_connection_wake(net_connection *c) {
    if (!c->session || c->ended) return;
    tally_session_wake(c->session, net_now_ms());
    settle(c);
}

void net_connection_decide(net_connection *c, bool yes) {
    if (c->ended) return;
    tally_session_decide(c->session, yes, net_now_ms());
    settle(c);
}

void net_connection_drop(net_connection *c, const char *words) {
    if (!c->session) net_connection_cut(c);
    if (c->ended) return;
    lost(c, words);
    settle(c);
}

void net_connection_end(net_connection *c, tally_bye code, const char *words) {
    if (!c->session) {
        net_connection_cut(c);
        return;
    }
    if (c->ended) return;
    tally_session_flush(c->session, net_now_ms());
    tally_session_end(c->session, code, words, net_now_ms());
    settle(c);
}
