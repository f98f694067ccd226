/* The asking side of the control socket, and where that socket is. Waits; needs no loop. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int net_control_address(const char *dir, struct sockaddr_un *out, int *folder, tally_error *err) {
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s/%s", dir, NET_CONTROL_FILE);
    if (n > 0 && (size_t)n < sizeof out->sun_path) return 0;
    *folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0) return tally_fail(err, TALLY_EIO, "cannot open %s: %s", dir, strerror(errno));
    (void)snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", *folder,
                   NET_CONTROL_FILE);
    return 0;
}

static int ask_fail(tally_error *err, int cause) {
    bool nobody = cause == ENOENT || cause == ECONNREFUSED;
    return tally_fail(err, nobody ? TALLY_ENOTFOUND : TALLY_EIO,
                      nobody ? "no daemon serves this ledger; start it with 'tallyd' or 'systemctl "
                               "--user start tallyd'"
                             : "the daemon does not answer: %s",
                      strerror(cause));
}

static int request_send(int fd, const char *request) {
    char line[NET_CONTROL_REQUEST_BYTES];
    int n = snprintf(line, sizeof line, "%s\n", request);
    if (n < 0 || (size_t)n >= sizeof line) return EINVAL;
    return send(fd, line, (size_t)n, MSG_NOSIGNAL) == n ? 0 : errno;
}

/* Until the daemon closes. */
static int answer_receive(int fd, tally_buffer *out) {
    for (;;) {
        uint8_t *at;
        if (tally_buffer_extend(out, 4096, &at, NULL) != 0) return EMSGSIZE;
        ssize_t got = recv(fd, at, 4096, 0);
        out->len -= 4096 - (size_t)(got > 0 ? got : 0);
        if (got == 0) return out->len > 0 ? 0 : EPROTO;
        if (got < 0 && errno != EINTR) return errno == EAGAIN ? ETIMEDOUT : errno;
    }
}

int net_control(const char *ledger_dir, const char *request, char **json, tally_error *err) {
    struct sockaddr_un at;
    tally_buffer answer;
    int folder = -1, cause = 0;
    const struct timeval patience = {.tv_sec = NET_CONTROL_MS / 1000};
    *json = NULL;
    int rc = net_control_address(ledger_dir, &at, &folder, err);
    if (rc != 0) return rc;
    tally_buffer_init(&answer, NET_CONTROL_ANSWER_BYTES + 4096);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        cause = errno;
    if (cause == 0) cause = request_send(fd, request);
    if (cause == 0) cause = answer_receive(fd, &answer);
    if (cause == 0 && !(*json = strndup((const char *)answer.ptr, answer.len))) cause = ENOMEM;
    if (cause != 0) rc = ask_fail(err, cause);
    if (fd >= 0) (void)close(fd);
    if (folder >= 0) (void)close(folder);
    tally_buffer_clear(&answer);
    return rc;
}
