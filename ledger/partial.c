/* Temporary neighbours of files: making, naming, and clearing away those whose makers were killed.
 * What is written into them is their makers' matter. */
#include <tally/partial.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096u
#define TRIES_MAX      100

/* The program's name is part of it: what is swept must be nobody else's. */
static const char infix[] = ".tally-partial-", random_part[] = "XXXXXX";
static const char random_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* The folder that holds `path`; -1 with errno set. */
static int folder_open(const char *path) {
    char folder[PATH_MAX_BYTES];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, slash ? path : ".", slash ? len : 1);
    folder[slash ? len : 1] = '\0';
    return open(len == 0 && slash ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool tally_partial_is(const char *name) {
    const size_t tail = sizeof infix - 1 + sizeof random_part - 1;
    size_t len = strlen(name);
    if (len < tail) return false;
    const char *at = name + len - tail;
    return strncmp(at, infix, sizeof infix - 1) == 0 &&
           strspn(at + sizeof infix - 1, random_digits) == sizeof random_part - 1;
}

static bool is_partial_of(const char *name, const char *of) {
    size_t len = strlen(of);
    return strncmp(name, of, len) == 0 && tally_partial_is(name) &&
           strlen(name + len) == sizeof infix - 1 + sizeof random_part - 1;
}

/* Whoever is at work holds the lock; who is dead does not. */
static void remove_if_dead(int folder, const char *name) {
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, name, 0);
    (void)close(fd);
}

void tally_partial_sweep(const char *path) {
    struct dirent *entry;
    int folder = folder_open(path);
    DIR *listing = folder >= 0 ? fdopendir(folder) : NULL;
    if (!listing) {
        if (folder >= 0) (void)close(folder);
        return;
    }
    while ((entry = readdir(listing)) != NULL)
        if (is_partial_of(entry->d_name, name_of(path))) remove_if_dead(folder, entry->d_name);
    (void)closedir(listing);
}

/* Another's sweep may have taken it for dead before it was locked. */
static bool locked_in_time(int fd) {
    struct stat st;
    (void)flock(fd, LOCK_EX); /* where files cannot be locked, none is swept either */
    return fstat(fd, &st) != 0 || st.st_nlink > 0;
}

int tally_partial_open(const char *path, char *out, size_t size) {
    tally_partial_sweep(path);
    for (int i = 0; i < TRIES_MAX; i++) {
        int len = snprintf(out, size, "%s%s%s", path, infix, random_part);
        if (len < 0 || (size_t)len >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = mkostemp(out, O_CLOEXEC);
        if (fd < 0 || locked_in_time(fd)) return fd;
        (void)close(fd);
    }
    errno = EBUSY;
    return -1;
}

/* Some file systems of USB sticks and networks cannot promise to take no other file's name, some
 * can only by a second link. */
static int name_new(const char *partial, const char *path) {
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    if (link(partial, path) == 0) {
        (void)unlink(partial);
        return 0;
    }
    if (errno == EEXIST) return -1;
    if (access(path, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(partial, path);
}

int tally_partial_name(const char *partial, const char *path, int replace) {
    if ((replace ? rename(partial, path) : name_new(partial, path)) != 0) return -1;
    int folder = folder_open(path); /* some folders cannot be read or synced; the file still is */
    int rc = folder >= 0 && fsync(folder) != 0 && errno == EIO ? -1 : 0;
    if (folder >= 0) (void)close(folder);
    if (rc != 0) errno = EIO;
    return rc;
}
