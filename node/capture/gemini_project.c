/* The project directory of a Gemini CLI chat. What the chat says is gemini.c's matter. */
#include "gemini_project.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tally/hash.h>
#include <unistd.h>

#define PROJECTS_MAX_BYTES (1024u * 1024u)

/* At most `size` bytes of a regular file; 0 when there is none or it is larger. */
static size_t read_small(const char *path, char *out, size_t size) {
    struct stat st;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return 0;
    bool fits = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
                (uint64_t)st.st_size <= size;
    while (fits && len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += (size_t)n;
    }
    (void)close(fd);
    return len;
}

static bool names(tally_span id, const tally_json *project, const tally_json *name) {
    char path[CAPTURE_TEXT_MAX_BYTES], hex[2 * TALLY_HASH_BYTES + 1];
    size_t len = 0;
    tally_hash hash;
    if (name->type == TALLY_JSON_STRING && !name->escaped && tally_span_eq(name->raw, id))
        return true;
    if (id.len != 2 * TALLY_HASH_BYTES) return false;
    tally_json_text(project, path, sizeof path, &len);
    tally_sha256(tally_span_of(path, len), &hash);
    for (size_t i = 0; i < TALLY_HASH_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash.b[i]);
    return memcmp(id.ptr, hex, id.len) == 0;
}

static bool find_project(tally_span text, tally_span id, char *out, size_t *len) {
    tally_json root, projects, project, name;
    tally_json_iter iter;
    if (tally_json_parse(text, &root) || !tally_json_get(&root, "projects", &projects) ||
        projects.type != TALLY_JSON_OBJECT)
        return false;
    tally_json_iter_init(&iter, &projects);
    while (tally_json_next(&iter, &project, &name)) {
        if (!names(id, &project, &name)) continue;
        tally_json_text(&project, out, CAPTURE_TEXT_MAX_BYTES, len);
        return *len > 0;
    }
    return false;
}

static bool look_up(const char *gemini, int gemini_len, tally_span id, char *out, size_t *len) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s/projects.json", gemini_len, gemini);
    char *text = n > 0 && (size_t)n < sizeof path ? malloc(PROJECTS_MAX_BYTES) : NULL;
    if (!text) return false;
    size_t size = read_small(path, text, PROJECTS_MAX_BYTES);
    bool found = size > 0 && find_project(tally_span_of(text, size), id, out, len);
    free(text);
    return found;
}

const char *gemini_chats(const char *path) {
    const char *found = NULL;
    for (const char *at = strstr(path, "/chats/"); at; at = strstr(at + 1, "/chats/"))
        found = at;
    return found;
}

bool gemini_project(const char *path, char out[CAPTURE_TEXT_MAX_BYTES], size_t *len) {
    static const char tmp[] = "/tmp/";
    char file[PATH_MAX];
    const char *chats = gemini_chats(path), *id = chats;
    while (id && id > path && id[-1] != '/')
        id--;
    if (!id || id - path < (ptrdiff_t)sizeof tmp ||
        memcmp(id - (sizeof tmp - 1), tmp, sizeof tmp - 1) != 0)
        return false;
    int n = snprintf(file, sizeof file, "%.*s/.project_root", (int)(chats - path), path);
    *len = n > 0 && (size_t)n < sizeof file ? read_small(file, out, CAPTURE_TEXT_MAX_BYTES) : 0;
    while (*len > 0 && (uint8_t)out[*len - 1] <= ' ')
        (*len)--;
    if (*len > 0 && out[0] == '/') return true;
    return look_up(path, (int)(id - (sizeof tmp - 1) - path),
                   tally_span_of(id, (size_t)(chats - id)), out, len);
}
