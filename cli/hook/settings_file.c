/* Reads and replaces agents' settings. A crash leaves the old file or the new one. */
#include "settings_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "open.h"

#define MODE_NEW    0600
#define MODE_FOLDER 0700
#define NOTIFY_FILE "config.toml"

bool settings_folder(const hook_agent *agent, char *out) {
    const char *set = getenv(agent->variable);
    int n;
    if (set && *set == '/')
        n = snprintf(out, PATH_MAX, "%s%s", set, agent->below);
    else if (cli_home())
        n = snprintf(out, PATH_MAX, "%s/%s", cli_home(), agent->folder);
    else
        return false;
    return n > 0 && n < PATH_MAX;
}

static int regular_read(const char *path, struct stat *there, settings_text *out,
                        tally_error *err) {
    if (stat(path, there) != 0)
        return tally_fail(err, errno == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO, "cannot read %s: %s",
                          path, strerror(errno));
    if (!S_ISREG(there->st_mode)) return tally_fail(err, TALLY_EIO, "%s is no ordinary file", path);
    return cli_file_read(path, SETTINGS_MAX_BYTES, &out->bytes, &out->len, err);
}

int settings_file_read(const hook_agent *agent, bool notify, settings_file *out, tally_error *err) {
    struct stat there;
    *out = (settings_file){.agent = agent, .notify = notify, .mode = MODE_NEW};
    char folder[PATH_MAX];
    if (!settings_folder(agent, folder))
        return tally_fail(err, TALLY_EINVAL, "no home directory is known");
    int n =
        snprintf(out->path, sizeof out->path, "%s/%s", folder, notify ? NOTIFY_FILE : agent->file);
    if (n < 0 || (size_t)n >= sizeof out->path)
        return tally_fail(err, TALLY_EINVAL, "the path of the home directory is too long");
    memcpy(out->target, out->path, sizeof out->target);
    if (lstat(out->path, &there) != 0 && errno == ENOENT) return 0;
    if (!realpath(out->path, out->target))
        return tally_fail(err, TALLY_EIO, "cannot follow the link %s: %s", out->path,
                          strerror(errno));
    int code = regular_read(out->target, &there, &out->text, err);
    if (code) return code;
    out->exists = true;
    out->mode = there.st_mode & 07777;
    return 0;
}

void settings_file_clear(settings_file *file) {
    free(file->text.bytes);
    *file = (settings_file){.agent = NULL};
}

static int replace(const char *path, mode_t mode, const settings_text *text, tally_error *err) {
    cli_replace file;
    int code = cli_replace_open(&file, path, err);
    if (code) return code;
    (void)fchmod(fileno(file.out), mode);
    if (text->len) (void)fwrite(text->bytes, 1, text->len, file.out);
    return cli_replace_close(&file, true, err);
}

static bool kept_path(const settings_file *file, char out[PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%s" SETTINGS_BACKUP, file->target);
    return n > 0 && n < PATH_MAX;
}

/* A link of that name would have another file written. */
static int kept_write(const settings_file *file, tally_error *err) {
    char path[PATH_MAX];
    if (!kept_path(file, path))
        return tally_fail(err, TALLY_EINVAL, "the path %s is too long", file->target);
    if (unlink(path) != 0 && errno != ENOENT)
        return tally_fail(err, tally_errno_code(errno), "cannot replace %s: %s; %s", path,
                          strerror(errno), tally_errno_advice(errno));
    return replace(path, file->mode, &file->text, err);
}

int settings_file_write(const settings_file *file, const settings_text *text, bool keep,
                        tally_error *err) {
    char folder[PATH_MAX];
    if (!file->exists && settings_folder(file->agent, folder) && mkdir(folder, MODE_FOLDER) != 0 &&
        errno != EEXIST)
        return tally_fail(err, tally_errno_code(errno), "cannot make %s: %s; %s", folder,
                          strerror(errno), tally_errno_advice(errno));
    int code = keep && file->exists ? kept_write(file, err) : 0;
    return code ? code : replace(file->target, file->mode, text, err);
}

int settings_kept_read(const settings_file *file, settings_text *out, tally_error *err) {
    char path[PATH_MAX];
    struct stat there;
    *out = (settings_text){NULL, 0};
    if (!kept_path(file, path)) return tally_fail(err, TALLY_ENOTFOUND, "there is nothing kept");
    return regular_read(path, &there, out, err);
}

void settings_kept_remove(const settings_file *file) {
    char path[PATH_MAX];
    if (kept_path(file, path)) (void)unlink(path);
}
