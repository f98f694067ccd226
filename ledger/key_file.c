/* Key files on disk: written once, never over another, and read only when nobody else can. Their
 * text is in key_text.c. */
#include <tally/key.h>
#include <tally/secret.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/partial.h>

#define PATH_MAX_BYTES 4096u

/* One allocation in guarded memory for all that must not leak while a file is read or written. */
typedef struct file_workspace {
    uint8_t file[TALLY_KEY_FILE_MAX_BYTES];
    char passphrase[TALLY_PASSPHRASE_MAX_BYTES];
} file_workspace;

static int workspace_new(file_workspace **out, tally_error *err) {
    void *memory;
    int rc = tally_secret_new(sizeof(file_workspace), &memory, err);
    *out = memory;
    return rc;
}

static int fail_errno(tally_error *err, const char *what, const char *path) {
    int cause = errno, code = cause == ENOENT ? TALLY_ENOTFOUND : tally_errno_code(cause);
    return tally_fail(err, code, "cannot %s key file %s: %s; %s", what, path, strerror(cause),
                      tally_errno_advice(cause));
}

static int write_all(int fd, tally_span bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        bytes = tally_span_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return 0;
}

/* Half a key never stands under that name, and no other key is written over. */
static int write_exclusively(tally_span bytes, const char *path, tally_error *err) {
    char partial[PATH_MAX_BYTES];
    int rc = 0;
    int fd = tally_partial_open(path, partial, sizeof partial);
    if (fd < 0) return fail_errno(err, "create", path);
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || write_all(fd, bytes) != 0 || fsync(fd) != 0)
        rc = fail_errno(err, "write", path);
    else if (tally_partial_name(partial, path, 0) != 0)
        rc = fail_errno(err, "create", path);
    if (rc != 0) (void)unlink(partial);
    (void)close(fd);
    return rc;
}

int tally_key_write_file(const tally_key *key, tally_span passphrase, const char *path,
                         tally_error *err) {
    file_workspace *work;
    int rc = workspace_new(&work, err);
    if (rc != 0) return rc;
    size_t len;
    rc = tally_key_encode(key, passphrase, work->file, sizeof work->file, &len, err);
    if (rc == 0) rc = write_exclusively(tally_span_of(work->file, len), path, err);
    tally_secret_free(work);
    return rc;
}

static int check_file_is_private(int fd, const char *path, tally_error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0) return fail_errno(err, "inspect", path);
    if (!S_ISREG(info.st_mode))
        return tally_fail(err, TALLY_EREFUSED, "key file %s is not a regular file", path);
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return tally_fail(err, TALLY_EREFUSED,
                          "key file %s is open to others (mode %03o); run 'chmod 600 %s'", path,
                          (unsigned)(info.st_mode & 0777), path);
    return 0;
}

/* Reads the whole file into work->file; one byte more than allowed is refused. */
static int read_private(file_workspace *work, const char *path, size_t *len, tally_error *err) {
    *len = 0;
    /* O_NONBLOCK: a FIFO put in the file's place must not hang us before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno(err, "open", path);
    int rc = check_file_is_private(fd, path, err);
    while (rc == 0) {
        ssize_t n = read(fd, work->file + *len, sizeof work->file - *len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = fail_errno(err, "read", path);
        if (n <= 0) break;
        *len += (size_t)n;
        if (*len == sizeof work->file)
            rc = tally_fail(err, TALLY_EFORMAT, "key file %s is too long to be one", path);
    }
    (void)close(fd);
    return rc;
}

int tally_key_read_file(const char *path, tally_passphrase_fn *ask, void *ctx, tally_key **out,
                        tally_error *err) {
    *out = NULL;
    file_workspace *work;
    int rc = workspace_new(&work, err);
    if (rc != 0) return rc;
    size_t len, passphrase_len = 0;
    rc = read_private(work, path, &len, err);
    if (rc != 0) goto out;
    tally_span file = tally_span_of(work->file, len);
    if (ask && tally_key_is_sealed(file)) {
        rc = ask(ctx, work->passphrase, sizeof work->passphrase, &passphrase_len, err);
        if (rc != 0) goto out;
        assert(passphrase_len <= sizeof work->passphrase);
    }
    rc = tally_key_decode(file, tally_span_of(work->passphrase, passphrase_len), out, err);
    if (rc != 0) (void)tally_fail_while(err, "cannot use key file %s", path);
out:
    tally_secret_free(work);
    return rc;
}
