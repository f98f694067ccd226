/* The directory walk. What is looked for is the caller's matter. */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

typedef struct walker {
    const walk_rules *rules;
    walk_seen *seen;
    void *ctx;
    void (*report)(void *ctx, const char *path, uint64_t line, const char *why);
    void *report_ctx;
    tally_error *err;
    char path[PATH_MAX];
    size_t len;
} walker;

void walk_seen_clear(walk_seen *seen) {
    capture_idmap_clear(&seen->folders);
    *seen = (walk_seen){0};
}

static void report(const walker *walk, const char *why) {
    walk->report(walk->report_ctx, walk->path, 0, why);
}

/* Appends "/name"; the old length is `walk->len` as it was. False when the path would be too long.
 */
static bool push(walker *walk, const char *name) {
    size_t n = strlen(name);
    if (n + 2 > sizeof walk->path - walk->len) {
        report(walk, "a name below this folder makes the path too long");
        return false;
    }
    walk->path[walk->len] = '/';
    memcpy(walk->path + walk->len + 1, name, n + 1);
    walk->len += n + 1;
    return true;
}

static void pop(walker *walk, size_t len) {
    walk->len = len;
    walk->path[len] = '\0';
}

/* 1 when the folder is new, 0 when it was entered before or there are too many. */
static int enter_once(walker *walk, const struct stat *st) {
    uint8_t id[CAPTURE_ID_BYTES];
    tally_put_be64(id, (uint64_t)st->st_dev);
    tally_put_be64(id + 8, (uint64_t)st->st_ino);
    if (capture_idmap_get(&walk->seen->folders, id, NULL)) return 0;
    if (walk->seen->folders.count >= WALK_FOLDERS_MAX) {
        if (!walk->seen->full) report(walk, "too many folders; the rest is not looked at");
        walk->seen->full = true;
        return 0;
    }
    if (capture_idmap_put(&walk->seen->folders, id, 0))
        return tally_fail(walk->err, TALLY_ENOMEM, "no memory for walking folders");
    return 1;
}

static int walk_folder(walker *walk, int parent, const char *name, unsigned depth, bool link);

static int visit_file(walker *walk, int folder, const char *name) {
    struct stat st;
    if (fstatat(folder, name, &st, 0) != 0) {
        if (errno != ENOENT) report(walk, strerror(errno));
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        report(walk, "not a regular file");
        return 0;
    }
    const walk_file file = {.path = walk->path, .name = name, .st = &st};
    return walk->rules->file(walk->ctx, &file);
}

static bool is_folder(int folder, const struct dirent *entry, bool *link) {
    struct stat st;
    *link = entry->d_type == DT_LNK;
    if (entry->d_type == DT_DIR) return true;
    if (entry->d_type == DT_UNKNOWN &&
        fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *link = S_ISLNK(st.st_mode);
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return false;
    return fstatat(folder, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int visit(walker *walk, int folder, const struct dirent *entry, unsigned depth) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    size_t len = walk->len;
    if (!push(walk, name)) return 0;
    int rc = 0;
    bool link = false;
    if (is_folder(folder, entry, &link)) {
        if (walk->rules->enters(walk->ctx, name))
            rc = walk_folder(walk, folder, name, depth + 1, link);
    } else if (walk->rules->wants && walk->rules->wants(walk->ctx, walk->path, name)) {
        rc = visit_file(walk, folder, name);
    }
    pop(walk, len);
    return rc;
}

static int walk_entries(walker *walk, DIR *dir, unsigned depth) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) report(walk, strerror(errno));
        if (!entry) return 0;
        int rc = visit(walk, dirfd(dir), entry, depth);
        if (rc) return rc;
    }
}

static int walk_folder(walker *walk, int parent, const char *name, unsigned depth, bool link) {
    if (link && (!walk->rules->links || depth > WALK_LINK_MAX_DEPTH)) {
        if (walk->rules->links) report(walk, "a link to a folder this far down is not followed");
        return 0;
    }
    if (depth > walk->rules->max_depth) {
        if (walk->rules->wants && !walk->rules->quiet_depth)
            report(walk, "too many folders deep; not looked at");
        return 0;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR) report(walk, strerror(errno));
        return 0;
    }
    DIR *dir = NULL;
    struct stat st;
    int rc = fstat(fd, &st) == 0 ? enter_once(walk, &st) : 0;
    if (rc <= 0) goto out;
    rc = walk->rules->folder ? walk->rules->folder(walk->ctx, walk->path) : 0;
    if (rc) goto out;
    dir = fdopendir(fd);
    if (dir)
        rc = walk_entries(walk, dir, depth);
    else
        report(walk, strerror(errno));
out:
    if (dir)
        (void)closedir(dir);
    else
        (void)close(fd);
    return rc;
}

int walk_tree(const char *root, const walk_rules *rules, walk_seen *seen, void *ctx,
              void (*report_fn)(void *ctx, const char *path, uint64_t line, const char *why),
              void *report_ctx, tally_error *err) {
    walker walk = {.rules = rules,
                   .seen = seen,
                   .ctx = ctx,
                   .report = report_fn,
                   .report_ctx = report_ctx,
                   .err = err};
    size_t len = strlen(root);
    if (len >= sizeof walk.path) {
        report_fn(report_ctx, root, 0, "the path is too long");
        return 0;
    }
    memcpy(walk.path, root, len + 1);
    walk.len = len;
    return walk_folder(&walk, AT_FDCWD, walk.path, 0, false);
}
