/* Segment files: names, temporary files and the two passes of reading. What is in them is sync/'s
 * matter. */
#include "segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/partial.h>

#include "command.h"
#include "file.h"

static int system_fail(tally_error *err, const char *doing, const char *path) {
    int cause = errno;
    return tally_fail(err, tally_errno_code(cause), "cannot %s %s: %s; %s", doing, path,
                      strerror(cause), tally_errno_advice(cause));
}

/* ---- writing ---- */

static void new_clear(cli_segment_new *file) {
    free(file->partial);
    free(file->path);
    memset(file, 0, sizeof *file);
}

static int stdout_open(cli_segment_new *file, tally_error *err) {
    if (isatty(STDOUT_FILENO))
        return tally_fail(err, TALLY_EINVAL,
                          "a segment is no text for a terminal; send standard output to a file or "
                          "another program");
    file->out = stdout;
    return 0;
}

/* Takes the open file over; the names are copied. */
static int new_init(cli_segment_new *file, int fd, const char *partial, const char *path,
                    tally_error *err) {
    int code = fd < 0 ? system_fail(err, "write", path) : 0;
    memset(file, 0, sizeof *file);
    if (code) return code;
    file->path = strdup(path);
    file->partial = strdup(partial);
    file->out = file->path && file->partial ? fdopen(fd, "w") : NULL;
    if (file->out) {
        setvbuf(file->out, NULL, _IOFBF, CLI_BUFFER_BYTES);
        return 0;
    }
    close(fd);
    unlink(partial);
    new_clear(file);
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

int cli_segment_create(cli_segment_new *file, const char *path, tally_error *err) {
    struct stat there;
    char partial[PATH_MAX];
    memset(file, 0, sizeof *file);
    if (strcmp(path, "-") == 0) return stdout_open(file, err);
    if (lstat(path, &there) == 0)
        return tally_fail(err, TALLY_EEXIST, "%s is there already; name a new file", path);
    return new_init(file, tally_partial_open(path, partial, sizeof partial), partial, path, err);
}

int cli_segment_create_as(cli_segment_new *file, const char *partial, const char *path,
                          tally_error *err) {
    /* In a shared folder other users read it; what it says is encrypted. */
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    return new_init(file, fd, partial, path, err);
}

int cli_segment_sink(void *ctx, tally_span bytes, tally_error *err) {
    cli_segment_new *file = ctx;
    if (fwrite(bytes.ptr, 1, bytes.len, file->out) == bytes.len) return 0;
    return system_fail(err, "write", file->path ? file->path : "standard output");
}

int cli_segment_finish(cli_segment_new *file, bool keep, tally_error *err) {
    if (!file->out) return 0;
    const char *shown = file->path ? file->path : "standard output";
    bool bad = fflush(file->out) != 0 || ferror(file->out);
    if (!bad && keep && file->path) bad = fsync(fileno(file->out)) != 0;
    int code = keep && bad ? system_fail(err, "write", shown) : 0;
    if (file->path && keep && !code && tally_partial_name(file->partial, file->path, 0) != 0)
        code = system_fail(err, "write", shown);
    if (file->path && (!keep || code)) unlink(file->partial);
    if (file->path && fclose(file->out) != 0 && keep && !code)
        code = system_fail(err, "write", shown);
    new_clear(file);
    return code;
}

/* ---- reading ---- */

static int copy_on(int from, int to, const char *path, tally_error *err) {
    uint8_t bytes[CLI_BUFFER_BYTES];
    uint64_t total = 0;
    for (;;) {
        ssize_t got = read(from, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_fail(err, "read", path);
        if (got == 0) return 0;
        total += (uint64_t)got;
        if (total > CLI_SEGMENT_MAX_BYTES)
            return tally_fail(err, TALLY_ELIMIT, "%s is longer than a segment can be", path);
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, bytes + done, (size_t)(got - done));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return system_fail(err, "keep a copy of", path);
            done += put;
        }
    }
}

static int spool(int from, const char *path, const char *spool_dir, int *fd, tally_error *err) {
    char *name = NULL;
    if (asprintf(&name, "%s/segment.XXXXXX", spool_dir) < 0)
        return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int to = mkostemp(name, O_CLOEXEC);
    int code = to < 0 ? system_fail(err, "make a file in", spool_dir) : 0;
    if (!code) (void)unlink(name);
    free(name);
    if (!code) code = copy_on(from, to, path, err);
    if (!code && lseek(to, 0, SEEK_SET) != 0) code = system_fail(err, "read", path);
    if (code && to >= 0) close(to);
    *fd = code ? -1 : to;
    return code;
}

int cli_segment_open(const char *path, const char *spool_dir, int *fd, tally_error *err) {
    struct stat kind;
    bool input = strcmp(path, "-") == 0;
    const char *shown = input ? "standard input" : path;
    *fd = -1;
    if (!input && access(path, F_OK) != 0) return system_fail(err, "open", path);
    int from = STDIN_FILENO, code = input ? 0 : cli_file_open(path, &from, err);
    if (code) return code;
    code = fstat(from, &kind) != 0 ? system_fail(err, "read", shown) : 0;
    if (!code && S_ISDIR(kind.st_mode))
        code = tally_fail(err, TALLY_EINVAL,
                          "%s is a folder; 'tally sync folder' reads all segments of one", path);
    else if (!code && !input && S_ISREG(kind.st_mode))
        *fd = from;
    else if (!code)
        code = spool(from, shown, spool_dir, fd, err);
    if (!input && *fd != from) close(from);
    return code;
}

/* It may have become a pipe since it was listed, and opening one can take for ever. */
int cli_segment_open_listed(const char *path, int *fd, tally_error *err) {
    struct stat kind;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0) return system_fail(err, "open", path);
    int code = fstat(*fd, &kind) != 0 ? system_fail(err, "read", path) : 0;
    if (!code && !S_ISREG(kind.st_mode)) code = tally_fail(err, TALLY_EIO, "%s is no file", path);
    if (code) {
        close(*fd);
        *fd = -1;
    }
    return code;
}

int cli_segment_source(void *ctx, uint8_t *out, size_t size, size_t *len, tally_error *err) {
    int fd = *(const int *)ctx;
    *len = 0;
    while (*len < size) {
        ssize_t got = read(fd, out + *len, size - *len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_fail(err, "read", "the segment");
        if (got == 0) break;
        *len += (size_t)got;
    }
    return 0;
}

int cli_segment_rewind(int fd, tally_error *err) {
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : system_fail(err, "read again", "the segment");
}
