/* Whole files in and out. The ledger's own files are not touched here. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/partial.h>

#include "command.h"

#define READ_FIRST_BYTES 65536u

static int system_fail(tally_error *err, const char *doing, const char *path) {
    int cause = errno, code = tally_errno_code(cause);
    /* Exit 3, as all that keeps a file from being read or written: not as "nothing found". */
    if (code == TALLY_ENOTFOUND || code == TALLY_EEXIST) code = TALLY_EIO;
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

int cli_file_read(const char *path, size_t max, uint8_t **out, size_t *len, tally_error *err) {
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", max, out, len, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return system_fail(err, "open", path);
    int code = read_all(fd, path, max, out, len, err);
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
