/* Whole files in and out. The ledger's own files are not touched here. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/partial.h>

#include "command.h"

#define READ_FIRST_BYTES 65536u
#define WRITER_WAIT_MS   3000 /* for somebody to open a pipe's other end */
#define WRITER_STEP_MS   50

static int system_fail(tally_error *err, const char *doing, const char *path) {
    int cause = errno, code = tally_errno_code(cause);
    if (code == TALLY_EEXIST)
        code = TALLY_EIO; /* exit 3, as all that keeps a file from being written */
    return tally_fail(err, code, "cannot %s %s: %s; %s", doing, path, strerror(cause),
                      tally_errno_advice(cause));
}

static int read_all(int fd, const char *path, size_t max, uint8_t **out, size_t *len,
                    tally_error *err) {
    size_t room = max < READ_FIRST_BYTES ? max + 1 : READ_FIRST_BYTES;
    uint8_t *bytes = malloc(room);
    *len = 0;
    for (;;) {
        ssize_t got = bytes ? read(fd, bytes + *len, room - *len) : -1;
        if (got < 0 && bytes && errno == EINTR) continue;
        if (got < 0) {
            free(bytes);
            return system_fail(err, "read", path);
        }
        if (got == 0) break;
        *len += (size_t)got;
        if (*len > max) {
            free(bytes);
            return tally_fail(err, TALLY_ELIMIT, "%s is larger than %zu bytes", path, max);
        }
        if (*len < room) continue;
        size_t larger = room > max / 2 ? max + 1 : room * 2;
        uint8_t *moved = realloc(bytes, larger);
        if (!moved) free(bytes);
        bytes = moved;
        room = larger;
    }
    *out = bytes;
    return 0;
}

/* Whether a pipe's other end is open, or something is still in it; nothing is taken out. */
static bool is_written(int fd) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return true;
    ssize_t got = tee(fd, ends[1], 1, SPLICE_F_NONBLOCK);
    bool written = got > 0 || (got < 0 && errno == EAGAIN);
    close(ends[0]);
    close(ends[1]);
    return written;
}

static bool gets_written(int fd) {
    for (int waited = 0; waited < WRITER_WAIT_MS; waited += WRITER_STEP_MS) {
        struct pollfd other = {.fd = fd, .events = POLLIN};
        if (is_written(fd) || poll(&other, 1, WRITER_STEP_MS) > 0) return true;
    }
    return false;
}

int cli_file_open(const char *path, int *out, tally_error *err) {
    struct stat kind;
    int code = 0, flags, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *out = -1;
    if (fd < 0) return system_fail(err, "open", path);
    bool known = fstat(fd, &kind) == 0;
    if (known && S_ISFIFO(kind.st_mode) && !gets_written(fd))
        code = tally_fail(err, TALLY_EIO, "%s is a pipe that nobody writes to", path);
    else if (!known || (flags = fcntl(fd, F_GETFL)) < 0 ||
             fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        code = system_fail(err, "read", path);
    if (code)
        close(fd);
    else
        *out = fd;
    return code;
}

int cli_file_read(const char *path, size_t max, uint8_t **out, size_t *len, tally_error *err) {
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", max, out, len, err);
    int fd, code = cli_file_open(path, &fd, err);
    if (code) return code;
    code = read_all(fd, path, max, out, len, err);
    close(fd);
    return code;
}

static void replace_clear(cli_replace *file) {
    free(file->temporary);
    free(file->path);
    memset(file, 0, sizeof *file);
}

/* A device or a pipe is written to as it is: renaming over /dev/full would remove the device. */
static int open_in_place(cli_replace *file, tally_error *err) {
    file->out = fopen(file->path, "we");
    return file->out ? 0 : system_fail(err, "write", file->path);
}

static int open_beside(cli_replace *file, tally_error *err) {
    char partial[PATH_MAX];
    int fd = tally_partial_open(file->path, partial, sizeof partial);
    if (fd < 0) return system_fail(err, "write", file->path);
    file->temporary = strdup(partial);
    mode_t mask = umask(0);
    umask(mask);
    bool fit = file->temporary && fchmod(fd, 0666 & ~mask) == 0;
    file->out = fit ? fdopen(fd, "w") : NULL;
    if (file->out) return 0;
    int code = system_fail(err, "write", file->path);
    close(fd);
    unlink(partial);
    return code;
}

int cli_replace_open(cli_replace *file, const char *path, tally_error *err) {
    struct stat there;
    memset(file, 0, sizeof *file);
    /* Through a link the file it leads to is replaced, not the link. */
    file->path = realpath(path, NULL);
    bool special = file->path && stat(file->path, &there) == 0 && !S_ISREG(there.st_mode);
    if (!file->path) file->path = strdup(path);
    if (!file->path) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = special ? open_in_place(file, err) : open_beside(file, err);
    if (!code) setvbuf(file->out, NULL, _IOFBF, CLI_BUFFER_BYTES);
    if (code) replace_clear(file);
    return code;
}

int cli_replace_close(cli_replace *file, bool keep, tally_error *err) {
    int code = 0;
    bool bad = ferror(file->out) || fflush(file->out) != 0;
    if (!bad && file->temporary) bad = fsync(fileno(file->out)) != 0;
    if (keep && bad) code = system_fail(err, "write", file->path);
    if (keep && !code && file->temporary && tally_partial_name(file->temporary, file->path, 1) != 0)
        code = system_fail(err, "replace", file->path);
    if (file->temporary && (!keep || code)) unlink(file->temporary);
    if (fclose(file->out) != 0 && keep && !code) code = system_fail(err, "write", file->path);
    replace_clear(file);
    return code;
}
