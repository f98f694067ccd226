/* tap FOLDER PORT ADDRESS PORT2 [BYTES_PER_SECOND]: a TCP relay that keeps what it sees. Listens on
 * 127.0.0.1:PORT and passes each connection on to ADDRESS:PORT2, both ways, in total no faster than
 * said. Connection N (from 1) leaves FOLDER/N.up (towards ADDRESS) and FOLDER/N.down, written
 * before the bytes go on. Runs until it is killed. It looks into nothing and changes nothing. */
#include "bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_MAX     64u    /* connections at a time */
#define BUFFER_BYTES  16384u /* in a direction: what the relay itself holds back is small */
#define BACKLOG       64
#define PORTION_MS    5u /* at a limited rate bytes go in portions of this time */
#define PORTIONS_KEPT 4u /* what a late turn may make up for */
#define PORT_MAX      65535u
#define RATE_MAX      1000000000u

/* One direction of one connection. */
typedef struct flow {
    int from, to, file;
    size_t at, len; /* of the buffer: what still has to go on */
    bool ended;     /* `from` has said all, and `to` was told so */
    uint8_t buffer[BUFFER_BYTES];
} flow;

typedef struct line {
    bool open;
    flow up, down;
} line;

typedef struct tap {
    const char *folder;
    struct sockaddr_in target;
    int listener;
    uint32_t count;
    uint64_t rate, allowance; /* bytes a second, 0: any; bytes that may go now */
    uint64_t filled_ns;
    line lines[LINES_MAX];
} tap;

static int file_open(const tap *t, const char *direction) {
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%u.%s", t->folder, t->count, direction);
    if (n < 0 || (size_t)n >= sizeof path) return -1;
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void line_close(line *l) {
    (void)close(l->up.from);
    (void)close(l->down.from);
    (void)close(l->up.file);
    (void)close(l->down.file);
    l->open = false;
}

static int dial(const struct sockaddr_in *target) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)target, sizeof *target) == 0) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

/* A connection that nobody takes at the other end is closed at once. */
static void line_accept(tap *t) {
    int near = accept(t->listener, NULL, NULL);
    line *l = NULL;
    for (size_t i = 0; i < LINES_MAX && !l; i++)
        if (!t->lines[i].open) l = &t->lines[i];
    int far = near >= 0 && l ? dial(&t->target) : -1;
    if (far < 0) {
        if (near >= 0) (void)close(near);
        return;
    }
    t->count++;
    *l = (line){.open = true,
                .up = {.from = near, .to = far, .file = file_open(t, "up")},
                .down = {.from = far, .to = near, .file = file_open(t, "down")}};
}

/* False when the connection is broken. Called when `from` is readable and nothing is held back. */
static bool flow_read(tap *t, flow *f) {
    size_t most = sizeof f->buffer;
    if (t->rate && t->allowance < most) most = (size_t)t->allowance;
    ssize_t got = recv(f->from, f->buffer, most, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        f->ended = true;
        return shutdown(f->to, SHUT_WR) == 0;
    }
    f->at = 0;
    f->len = (size_t)got;
    if (t->rate) t->allowance -= f->len;
    return write(f->file, f->buffer, f->len) == got;
}

static bool flow_write(flow *f) {
    ssize_t put = send(f->to, f->buffer + f->at, f->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    f->at += (size_t)put;
    f->len -= (size_t)put;
    return true;
}

static short flow_wants(const tap *t, const flow *f, bool reading) {
    if (reading) return !f->ended && f->len == 0 && (!t->rate || t->allowance > 0) ? POLLIN : 0;
    return f->len > 0 ? POLLOUT : 0;
}

/* In portions, so that a limited relay sleeps in between. */
static void allowance_fill(tap *t) {
    uint64_t now = bench_now_ns(), passed_us = (now - t->filled_ns) / 1000;
    if (passed_us < PORTION_MS * 1000) return;
    if (passed_us > PORTIONS_KEPT * PORTION_MS * 1000)
        passed_us = PORTIONS_KEPT * PORTION_MS * 1000;
    t->filled_ns = now;
    t->allowance = passed_us * t->rate / 1000000;
}

static void line_serve(tap *t, line *l, const struct pollfd *near, const struct pollfd *far) {
    const short in = POLLIN | POLLHUP | POLLERR;
    bool fine = true;
    if ((near->revents & in) && flow_wants(t, &l->up, true)) fine = flow_read(t, &l->up);
    if (fine && (far->revents & in) && flow_wants(t, &l->down, true)) fine = flow_read(t, &l->down);
    if (fine && l->up.len > 0) fine = flow_write(&l->up);
    if (fine && l->down.len > 0) fine = flow_write(&l->down);
    if (!fine || (l->up.ended && l->down.ended)) line_close(l);
}

static void turn(tap *t) {
    struct pollfd fds[1 + 2 * LINES_MAX] = {{.fd = t->listener, .events = POLLIN}};
    allowance_fill(t);
    for (size_t i = 0; i < LINES_MAX; i++) {
        const line *l = &t->lines[i];
        short near = 0, far = 0;
        if (l->open) {
            near = (short)(flow_wants(t, &l->up, true) | flow_wants(t, &l->down, false));
            far = (short)(flow_wants(t, &l->down, true) | flow_wants(t, &l->up, false));
        }
        /* A socket of which nothing is wanted is left out: its hang-up would come every time. */
        fds[1 + 2 * i] = (struct pollfd){.fd = near ? l->up.from : -1, .events = near};
        fds[2 + 2 * i] = (struct pollfd){.fd = far ? l->down.from : -1, .events = far};
    }
    if (poll(fds, 1 + 2 * LINES_MAX, t->rate ? (int)PORTION_MS : -1) < 0) return;
    for (size_t i = 0; i < LINES_MAX; i++)
        if (t->lines[i].open) line_serve(t, &t->lines[i], &fds[1 + 2 * i], &fds[2 + 2 * i]);
    if (fds[0].revents) line_accept(t);
}

static int listen_on(uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv) {
    static tap t;
    uint64_t port = argc > 2 ? bench_number(argv[2], PORT_MAX) : 0;
    uint64_t port2 = argc > 4 ? bench_number(argv[4], PORT_MAX) : 0;
    t.target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port2)};
    if (!port || !port2 || argc > 6 || inet_pton(AF_INET, argv[3], &t.target.sin_addr) != 1) {
        fputs("usage: tap FOLDER PORT ADDRESS PORT2 [BYTES_PER_SECOND]\n", stderr);
        return 2;
    }
    t.folder = argv[1];
    t.rate = argc == 6 ? bench_number(argv[5], RATE_MAX) : 0;
    t.filled_ns = bench_now_ns();
    t.listener = listen_on((uint16_t)port);
    if (t.listener < 0) {
        perror("tap: cannot listen");
        return 1;
    }
    for (;;)
        turn(&t);
}
