/* flock on a file beside the ledger. The file stays; the lock does not. */
#include "lock.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int lock_open(const char *dir, int flags, tally_error *err) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, NET_LOCK_FILE);
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is too long: %s", dir);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? fd : tally_fail(err, TALLY_EIO, "cannot open %s: %s", path, strerror(errno));
}

int net_lock_take(const char *dir, int *fd, tally_error *err) {
    *fd = lock_open(dir, O_RDWR | O_CREAT, err);
    if (*fd < 0) return *fd;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return 0;
    int cause = errno;
    (void)close(*fd);
    *fd = -1;
    if (cause == EWOULDBLOCK)
        return tally_fail(err, TALLY_EEXIST,
                          "a daemon serves the ledger in %s already; 'tally node status' shows it",
                          dir);
    return tally_fail(err, TALLY_EIO, "cannot lock %s in %s: %s", NET_LOCK_FILE, dir,
                      strerror(cause));
}

bool net_lock_held(const char *dir) {
    int fd = lock_open(dir, O_RDONLY, NULL);
    if (fd < 0) return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return held;
}
