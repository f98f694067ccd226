/* The calls that change files, each behind the gate. They are made as system calls, so that nothing
 * here stands on a libc whose functions it replaces. Streams over files go through write() here:
 * libc's own way would not be seen. */
#include "gate.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define OURS        __attribute__((visibility("default")))
#define STREAMS_MAX 32

/* ---- writing ---- */

/* Pipes, sockets and terminals are other faults' matter. */
static bool is_file(int fd) {
    struct stat st;
    return fd > 2 && syscall(SYS_fstat, fd, &st) == 0 &&
           (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static fault_deed gate_fd(fault_group group, int fd, const char *call) {
    return is_file(fd) ? fault_gate(group, call) : FAULT_NONE;
}

static long failed(void) {
    errno = fault_errno;
    return -1;
}

static size_t part(fault_deed deed, size_t len) {
    return deed == FAULT_SHORT || deed == FAULT_TORN ? len / 2 : len;
}

OURS ssize_t write(int fd, const void *bytes, size_t len) {
    fault_deed deed = gate_fd(FAULT_WRITE, fd, "write");
    if (deed == FAULT_ERROR) return failed();
    long put = syscall(SYS_write, fd, bytes, part(deed, len));
    fault_done(deed);
    return put;
}

OURS ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at);
OURS ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    fault_deed deed = gate_fd(FAULT_WRITE, fd, "pwrite");
    if (deed == FAULT_ERROR) return failed();
    long put = syscall(SYS_pwrite64, fd, bytes, part(deed, len), at);
    fault_done(deed);
    return put;
}

OURS ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return pwrite64(fd, bytes, len, at);
}

/* Half of the pieces; of a single one, half of its bytes. */
static long vector(fault_deed deed, int fd, const struct iovec *pieces, int count, off64_t at,
                   bool placed) {
    struct iovec half = {.iov_base = count ? pieces->iov_base : NULL,
                         .iov_len = count ? pieces->iov_len / 2 : 0};
    if (deed == FAULT_SHORT || deed == FAULT_TORN) {
        pieces = count > 1 ? pieces : &half;
        count = count > 1 ? count / 2 : count;
    }
    return placed ? syscall(SYS_pwritev, fd, pieces, count, at, 0)
                  : syscall(SYS_writev, fd, pieces, count);
}

OURS ssize_t writev(int fd, const struct iovec *pieces, int count) {
    fault_deed deed = gate_fd(FAULT_WRITE, fd, "writev");
    if (deed == FAULT_ERROR) return failed();
    long put = vector(deed, fd, pieces, count, 0, false);
    fault_done(deed);
    return put;
}

OURS ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at);
OURS ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at) {
    fault_deed deed = gate_fd(FAULT_WRITE, fd, "pwritev");
    if (deed == FAULT_ERROR) return failed();
    long put = vector(deed, fd, pieces, count, at, true);
    fault_done(deed);
    return put;
}

OURS ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
    return pwritev64(fd, pieces, count, at);
}

/* ---- the rest: done or not done ---- */

/* A torn one is not made. */
#define GATED(deed, call)                                                                          \
    do {                                                                                           \
        fault_deed deed_ = (deed);                                                                 \
        if (deed_ == FAULT_ERROR) return (int)failed();                                            \
        if (deed_ == FAULT_TORN) fault_kill();                                                     \
        long rc_ = (call);                                                                         \
        fault_done(deed_);                                                                         \
        return (int)rc_;                                                                           \
    } while (0)

OURS int fsync(int fd) {
    GATED(gate_fd(FAULT_SYNC, fd, "fsync"), syscall(SYS_fsync, fd));
}
OURS int fdatasync(int fd) {
    GATED(gate_fd(FAULT_SYNC, fd, "fdatasync"), syscall(SYS_fdatasync, fd));
}
OURS int msync(void *at, size_t len, int flags) {
    GATED(fault_gate(FAULT_SYNC, "msync"), syscall(SYS_msync, at, len, flags));
}
OURS int ftruncate64(int fd, off64_t len);
OURS int ftruncate64(int fd, off64_t len) {
    GATED(gate_fd(FAULT_SIZE, fd, "ftruncate"), syscall(SYS_ftruncate, fd, len));
}
OURS int ftruncate(int fd, off_t len) {
    return ftruncate64(fd, len);
}
OURS int mkdir(const char *path, mode_t mode) {
    GATED(fault_gate(FAULT_NAME, "mkdir"), syscall(SYS_mkdir, path, mode));
}
OURS int link(const char *from, const char *to) {
    GATED(fault_gate(FAULT_NAME, "link"), syscall(SYS_link, from, to));
}
OURS int rename(const char *from, const char *to) {
    GATED(fault_gate(FAULT_NAME, "rename"), syscall(SYS_rename, from, to));
}
OURS int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    GATED(fault_gate(FAULT_NAME, "renameat2"), syscall(SYS_renameat2, a, from, b, to, flags));
}
OURS int unlink(const char *path) {
    GATED(fault_gate(FAULT_NAME, "unlink"), syscall(SYS_unlink, path));
}
OURS int unlinkat(int at, const char *path, int flags) {
    GATED(fault_gate(FAULT_NAME, "unlinkat"), syscall(SYS_unlinkat, at, path, flags));
}

OURS int mkostemp(char *path, int flags) {
    int (*real)(char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "mkostemp");
    GATED(fault_gate(FAULT_NAME, "mkostemp"), real(path, flags));
}

static int open_gated(int at, const char *path, int flags, unsigned mode) {
    fault_deed deed = flags & O_CREAT ? fault_gate(FAULT_NAME, "open") : FAULT_NONE;
    GATED(deed, syscall(SYS_openat, at, path, flags, mode));
}

/* The mode stands there only when a file may be made. */
#define OPEN(at)                                                                                   \
    do {                                                                                           \
        va_list rest_;                                                                             \
        va_start(rest_, flags);                                                                    \
        unsigned mode_ = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest_, unsigned) : 0;              \
        va_end(rest_);                                                                             \
        return open_gated(at, path, flags, mode_);                                                 \
    } while (0)

OURS int open(const char *path, int flags, ...) {
    OPEN(AT_FDCWD);
}
OURS int open64(const char *path, int flags, ...);
OURS int open64(const char *path, int flags, ...) {
    OPEN(AT_FDCWD);
}
OURS int openat(int at, const char *path, int flags, ...) {
    OPEN(at);
}
OURS int openat64(int at, const char *path, int flags, ...);
OURS int openat64(int at, const char *path, int flags, ...) {
    OPEN(at);
}

static void *map(void *at, size_t len, int prot, int flags, int fd, off64_t offset) {
    if (fd >= 0 && fault_gate(FAULT_MAP, "mmap") == FAULT_ERROR) {
        errno = fault_errno;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}

OURS void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    return map(at, len, prot, flags, fd, offset);
}
OURS void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t offset);
OURS void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t offset) {
    return map(at, len, prot, flags, fd, offset);
}

/* ---- streams ---- */

static struct {
    FILE *stream;
    int fd;
} streams[STREAMS_MAX];

static ssize_t stream_write(void *cookie, const char *bytes, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t put = write((int)(long)cookie, bytes + done, len - done);
        if (put < 0) return 0; /* as fopencookie(3) wants it; errno stays */
        done += (size_t)put;
    }
    return (ssize_t)done;
}

static int stream_close(void *cookie) {
    int fd = (int)(long)cookie;
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (streams[i].stream && streams[i].fd == fd) streams[i].stream = NULL;
    return close(fd);
}

OURS FILE *fdopen(int fd, const char *mode) {
    static const cookie_io_functions_t functions = {.write = stream_write, .close = stream_close};
    FILE *(*real)(int, const char *);
    size_t i = 0;
    while (i < STREAMS_MAX && streams[i].stream)
        i++;
    if (*mode != 'w' || !is_file(fd) || i == STREAMS_MAX) {
        *(void **)&real = dlsym(RTLD_NEXT, "fdopen");
        return real(fd, mode);
    }
    streams[i].fd = fd;
    return streams[i].stream = fopencookie((void *)(long)fd, mode, functions);
}

OURS int fileno(FILE *stream) {
    int (*real)(FILE *);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (stream && streams[i].stream == stream) return streams[i].fd;
    *(void **)&real = dlsym(RTLD_NEXT, "fileno");
    return real(stream);
}
