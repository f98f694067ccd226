/* Paths of rules: which are made absolute, and how. Matching them is the ledger's. */
#include "rule_path.h"

#include <string.h>
#include <unistd.h>

#include "open.h"

/* `text` begins with this folder: it is followed by a slash or by nothing. */
static bool begins_with(const char *text, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(text, folder, length) == 0 && (text[length] == '/' || !text[length]);
}

/* Appends the folders of `text` to the absolute path in `out`. */
static int folders_add(const char *text, char *out, size_t *used) {
    while (*text) {
        size_t length = strcspn(text, "/");
        if (length == 2 && strncmp(text, "..", 2) == 0) {
            while (*used > 0 && out[--*used] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *text == '.')) {
            if (*used + 1 + length >= PATH_MAX) return -1;
            out[(*used)++] = '/';
            memcpy(out + *used, text, length);
            *used += length;
        }
        text += length + (text[length] == '/');
    }
    return 0;
}

int cli_path_here(const char *text, char *out, tally_error *err) {
    char base[PATH_MAX] = "";
    const char *home = begins_with(text, "~") ? cli_home() : NULL;
    size_t used = 0;
    if (!*text) return tally_fail(err, TALLY_EINVAL, "a path is empty; '.' is the directory here");
    if (home)
        snprintf(base, sizeof base, "%s", home);
    else if (*text != '/' && !getcwd(base, sizeof base))
        return tally_fail(err, TALLY_EIO,
                          "the current directory cannot be read; give the whole path");
    if (folders_add(base, out, &used) || folders_add(text + (home != NULL), out, &used))
        return tally_fail(err, TALLY_EINVAL, "a path is longer than %d bytes", PATH_MAX - 1);
    if (used == 0) out[used++] = '/';
    out[used] = '\0';
    return 0;
}

int cli_rule_path(const char *text, char *out, tally_error *err) {
    if (*text == '/' || begins_with(text, ".") || begins_with(text, "..") || begins_with(text, "~"))
        return cli_path_here(text, out, err);
    if (strlen(text) >= PATH_MAX)
        return tally_fail(err, TALLY_EINVAL, "a path is longer than %d bytes", PATH_MAX - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}
