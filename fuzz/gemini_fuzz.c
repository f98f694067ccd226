/* Fuzzes the Gemini CLI adapter with whole chats, read in two passes, and what is asked for the
 * directory of a chat: projects.json, and the file beside the chats. */
#include "adapter_fuzz.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/gemini_project.h"

#define PATH_BYTES 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[256];

/* Ids of the project: a name, and the SHA-256 of "/w". */
static const char *const ids[] = {
    "acme", "d1bb8ca354673cd575d31d952490058c9943aef39d5a9553fb4a21ab7a59a19d"};

static void path_of(char out[PATH_BYTES], const char *id, const char *name) {
    int n = snprintf(out, PATH_BYTES, "%s/%s%s%s", folder, id ? "tmp/" : "", id ? id : "", name);
    require(n > 0 && n < (int)PATH_BYTES);
}

static void folder_remove(void) {
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        path_of(path, ids[i], "/.project_root");
        (void)unlink(path);
        path_of(path, ids[i], "");
        (void)rmdir(path);
    }
    path_of(path, NULL, "projects.json");
    (void)unlink(path);
    path_of(path, NULL, "tmp");
    (void)rmdir(path);
    (void)rmdir(folder);
}

static void folder_make(void) {
    const char *base = getenv("TMPDIR");
    char path[PATH_BYTES];
    if (folder[0]) return;
    if (!base) base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int n = snprintf(folder, sizeof folder, "%s/tally-fuzz-XXXXXX", base);
    require(n > 0 && (size_t)n < sizeof folder && mkdtemp(folder) && atexit(folder_remove) == 0);
    path_of(path, NULL, "tmp");
    require(mkdir(path, 0700) == 0);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        path_of(path, ids[i], "");
        require(mkdir(path, 0700) == 0);
    }
}

static void file_put(const char *path, const uint8_t *data, size_t size) {
    FILE *out = fopen(path, "wb");
    require(out && fwrite(data, 1, size, out) == size);
    require(fclose(out) == 0);
}

/* A root that is no absolute path is passed over. */
static void try_projects(const uint8_t *data, size_t size, bool beside) {
    char path[PATH_BYTES], found[CAPTURE_TEXT_MAX_BYTES];
    folder_make();
    path_of(path, NULL, "projects.json");
    file_put(path, data, size);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        size_t len = 0;
        path_of(path, ids[i], "/.project_root");
        if (beside)
            file_put(path, data, size);
        else
            (void)unlink(path);
        path_of(path, ids[i], "/chats/session-1.jsonl");
        bool known = gemini_project(path, found, &len);
        require(!known || (len > 0 && len <= sizeof found));
        require(!beside || size == 0 || size > sizeof found || data[0] != '/' ||
                (known && memcmp(found, data, len) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"/p/0a1b2c3d.jsonl",
                                        "/h/.gemini/tmp/a/chats/session-1.json",
                                        "/h/.gemini/tmp/a/chats/s-1/s-2.jsonl"};
    if (size < 1) return 0;
    try_projects(data + 1, size - 1, data[0] & 1);
    return fuzz_adapter_at(&capture_gemini, paths[data[0] % 3u], data, size);
}
