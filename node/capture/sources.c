/* Finds the agents' log files: in the places that the adapters name, and in those of Claude Code
 * and Codex, which need more words (agent-logs 3.1, 4.1). The walk itself is in walk.c, the order
 * of reading in order.c. */
#include "sources.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CODEX_PREFIX   "rollout-"
#define CODEX_TIME_LEN 20u /* "2026-09-11T10-00-00-" after the prefix */

typedef struct finder {
    const capture_search *search;
    capture_sources *out;
    walk_seen seen;
    const capture_adapter *adapter;
    const capture_place *place; /* being walked; NULL where sources.c knows the way */
    size_t root_len;            /* of the folder being walked */
    bool archived;
    bool full; /* CAPTURE_SOURCES_MAX was reached and told */
    tally_error *err;
} finder;

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static int add(finder *find, const capture_source *source) {
    capture_sources *out = find->out;
    if (out->count == CAPTURE_SOURCES_MAX) {
        if (!find->full)
            find->search->report(find->search->ctx, source->path, 0,
                                 "too many log files; this one and the rest are not read");
        find->full = true;
        return 0;
    }
    if (out->count == out->cap) {
        void *items = out->items;
        if (capture_arena_grow(&out->arena, &items, &out->cap, sizeof *out->items))
            return tally_fail(find->err, TALLY_ENOMEM, "no memory for the list of log files");
        out->items = items;
    }
    out->items[out->count++] = *source;
    return 0;
}

/* A path of the tree as a source; `id` is the part of `name` that names the session. */
static int add_named(finder *find, const walk_file *file, tally_span id, capture_source *source) {
    source->path = capture_arena_text(&find->out->arena, file->path, strlen(file->path));
    if (!source->path || capture_arena_copy(&find->out->arena, id, &source->id))
        return tally_fail(find->err, TALLY_ENOMEM, "no memory for the list of log files");
    source->adapter = find->adapter;
    source->archived = find->archived;
    source->stamp = capture_source_stamp(source, file->st);
    return add(find, source);
}

static bool claude_wants(void *ctx, const char *path, const char *name) {
    finder *find = ctx;
    if (!ends_with(name, ".jsonl")) return false;
    if (strstr(path + find->root_len, "/subagents/")) return starts_with(name, "agent-");
    return strcmp(name, "journal.jsonl") != 0;
}

static int claude_file(void *ctx, const walk_file *file) {
    finder *find = ctx;
    capture_source source = {0};
    const char *below = strstr(file->path + find->root_len, "/subagents/");
    if (below) {
        char main[PATH_MAX];
        int n = snprintf(main, sizeof main, "%.*s.jsonl", (int)(below - file->path), file->path);
        if (n < 0 || (size_t)n >= sizeof main) return 0;
        source.main = capture_arena_text(&find->out->arena, main, (size_t)n);
        if (!source.main) return tally_fail(find->err, TALLY_ENOMEM, "no memory for a path");
    }
    source.subagent = below || starts_with(file->name, "agent-");
    size_t stem = strlen(file->name) - strlen(".jsonl");
    return add_named(find, file, tally_span_of(file->name, stem), &source);
}

static bool claude_enters(void *ctx, const char *name) {
    (void)ctx;
    return strcmp(name, "tool-results") != 0;
}

static bool codex_wants(void *ctx, const char *path, const char *name) {
    (void)ctx, (void)path;
    return starts_with(name, CODEX_PREFIX) &&
           (ends_with(name, ".jsonl") || ends_with(name, ".jsonl.zst"));
}

/* "rollout-<local time>-<thread id>[_<rollout id>]": what follows the time names the thread's file.
 */
static int codex_file(void *ctx, const walk_file *file) {
    finder *find = ctx;
    capture_source source = {.form = capture_form_of(file->name)};
    const char *id = file->name + strlen(CODEX_PREFIX);
    size_t len = strlen(id) - strlen(source.form == CAPTURE_ZSTD ? ".jsonl.zst" : ".jsonl");
    if (len > CODEX_TIME_LEN && id[CODEX_TIME_LEN - 1] == '-') {
        id += CODEX_TIME_LEN;
        len -= CODEX_TIME_LEN;
    }
    return add_named(find, file, tally_span_of(id, len), &source);
}

static bool any_folder(void *ctx, const char *name) {
    (void)ctx, (void)name;
    return true;
}

static const walk_rules claude_rules = {.enters = claude_enters,
                                        .wants = claude_wants,
                                        .file = claude_file,
                                        .max_depth = CAPTURE_WALK_MAX_DEPTH,
                                        .links = true};
static const walk_rules codex_rules = {.enters = any_folder,
                                       .wants = codex_wants,
                                       .file = codex_file,
                                       .max_depth = CAPTURE_WALK_MAX_DEPTH,
                                       .links = true};

static int walk_at(finder *find, const walk_rules *rules, const char *base, const char *below) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s", base, below);
    if (n < 0 || (size_t)n >= sizeof path) {
        find->search->report(find->search->ctx, base, 0, "the path is too long");
        return 0;
    }
    find->root_len = (size_t)n;
    return walk_tree(path, rules, &find->seen, find, find->search->report, find->search->ctx,
                     find->err);
}

static int walk_claude(finder *find, const char *root) {
    return walk_at(find, &claude_rules, root, "/projects");
}

static int walk_codex(finder *find, const char *root) {
    find->archived = false;
    int rc = walk_at(find, &codex_rules, root, "/sessions");
    find->archived = true;
    if (!rc) rc = walk_at(find, &codex_rules, root, "/archived_sessions");
    find->archived = false;
    return rc;
}

/* The desktop app hides whole .claude folders some levels down. */
static int desktop_folder(void *ctx, const char *path) {
    finder *find = ctx;
    size_t root_len = find->root_len;
    int rc = ends_with(path, "/.claude") ? walk_claude(find, path) : 0;
    find->root_len = root_len;
    return rc;
}

static bool desktop_enters(void *ctx, const char *name) {
    (void)ctx;
    return strcmp(name, "node_modules") != 0 && strcmp(name, ".git") != 0;
}

static const walk_rules desktop_rules = {
    .enters = desktop_enters, .folder = desktop_folder, .max_depth = CAPTURE_DESKTOP_MAX_DEPTH};

/* Calls `walk` for each folder of a comma-separated list. */
static int walk_list(finder *find, const char *list, int (*walk)(finder *, const char *)) {
    int rc = 0;
    while (!rc && *list) {
        size_t len = strcspn(list, ",");
        const char *from = list;
        list += len + (list[len] == ',');
        while (len && *from == ' ')
            from++, len--;
        while (len && (from[len - 1] == ' ' || (from[len - 1] == '/' && len > 1)))
            len--;
        if (len == 0) continue;
        char path[PATH_MAX], here[PATH_MAX] = "";
        if (*from != '/' && !getcwd(here, sizeof here)) continue;
        int n = snprintf(path, sizeof path, "%s%s%.*s", here, *here ? "/" : "", (int)len, from);
        if (n > 0 && (size_t)n < sizeof path) rc = walk(find, path);
    }
    return rc;
}

static const char *environment(const capture_search *search, const char *name) {
    const char *value = search->use_environment ? getenv(name) : NULL;
    return value && *value ? value : NULL;
}

static int find_claude(finder *find) {
    const capture_search *search = find->search;
    const char *list = environment(search, "CLAUDE_CONFIG_DIR");
    const char *xdg = environment(search, "XDG_CONFIG_HOME");
    char config[PATH_MAX], claude[PATH_MAX], dot[PATH_MAX], mac[PATH_MAX], desktop[PATH_MAX];
    int a = xdg ? snprintf(config, sizeof config, "%s", xdg)
                : snprintf(config, sizeof config, "%s/.config", search->home);
    int b = snprintf(claude, sizeof claude, "%.*s/claude", PATH_MAX - 64, config);
    int c = snprintf(dot, sizeof dot, "%s/.claude", search->home);
    int d = snprintf(desktop, sizeof desktop, "%.*s/Claude", PATH_MAX - 64, config);
    int e = snprintf(mac, sizeof mac, "%s/Library/Application Support/Claude", search->home);
    if (a >= PATH_MAX - 64 || b >= PATH_MAX || c >= PATH_MAX || d >= PATH_MAX || e >= PATH_MAX)
        return tally_fail(find->err, TALLY_EINVAL, "the path of the home directory is too long");
    int rc;
    if (list) {
        rc = walk_list(find, list, walk_claude);
    } else {
        rc = walk_claude(find, claude);
        if (!rc) rc = walk_claude(find, dot);
    }
    if (!rc) rc = walk_at(find, &desktop_rules, desktop, "/local-agent-mode-sessions");
    if (!rc) rc = walk_at(find, &desktop_rules, mac, "/local-agent-mode-sessions");
    return rc;
}

static int find_codex(finder *find) {
    const char *list = environment(find->search, "CODEX_HOME");
    if (list) return walk_list(find, list, walk_codex);
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.codex", find->search->home) >= PATH_MAX)
        return tally_fail(find->err, TALLY_EINVAL, "the path of the home directory is too long");
    return walk_codex(find, path);
}

static int by_path(const void *a, const void *b) {
    const capture_source *x = a, *y = b;
    return strcmp(x->path, y->path);
}

/* Files of one thread side by side, the one to read first: plain before zstd, active before
 * archived. */
static int by_thread(const void *a, const void *b) {
    const capture_source *x = a, *y = b;
    int order = strcmp(x->adapter->agent, y->adapter->agent);
    if (!order) order = tally_span_cmp(x->id, y->id);
    if (!order) order = (x->form > y->form) - (x->form < y->form);
    if (!order) order = (x->archived > y->archived) - (x->archived < y->archived);
    return order ? order : strcmp(x->path, y->path);
}

static void drop_twins(capture_sources *out) {
    size_t kept = 0;
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_thread);
    for (size_t i = 0; i < out->count; i++) {
        const capture_source *last = kept ? &out->items[kept - 1] : NULL;
        const capture_source *item = &out->items[i];
        bool twin = last && item->adapter == &capture_codex && last->adapter == item->adapter &&
                    tally_span_eq(last->id, item->id);
        if (!twin) out->items[kept++] = *item;
    }
    out->count = kept;
}

/* Hard links and symbolic links: one file is read through its first path only. */
static int drop_links(capture_sources *out, tally_error *err) {
    capture_idmap seen = {0};
    size_t kept = 0;
    int rc = 0;
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_path);
    for (size_t i = 0; i < out->count && !rc; i++) {
        uint8_t id[CAPTURE_ID_BYTES];
        tally_put_be64(id, out->items[i].stamp.dev);
        tally_put_be64(id + 8, out->items[i].stamp.ino);
        if (capture_idmap_get(&seen, id, NULL)) continue;
        out->items[kept++] = out->items[i];
        if (capture_idmap_put(&seen, id, 0))
            rc = tally_fail(err, TALLY_ENOMEM, "no memory for the list of log files");
    }
    out->count = kept;
    capture_idmap_clear(&seen);
    return rc;
}

static bool place_wants(void *ctx, const char *path, const char *name) {
    const finder *find = ctx;
    return find->place->wants(path, name);
}

/* The name of the folder that is `up` above the file. */
static tally_span folder_above(const char *path, unsigned up) {
    const char *end = path + strlen(path), *from = end;
    for (unsigned i = 0; i <= up && from > path; i++) {
        end = from;
        from = memrchr(path, '/', (size_t)(end - path));
        if (!from) return (tally_span){0};
    }
    return tally_span_of(from + 1, (size_t)(end - from) - 1);
}

static int place_file(void *ctx, const walk_file *file) {
    finder *find = ctx;
    capture_source source = {.form = capture_form_of(file->name)};
    const char *dot = strrchr(file->name, '.');
    size_t stem = dot && dot > file->name ? (size_t)(dot - file->name) : strlen(file->name);
    unsigned up = find->place->id_up;
    tally_span id = up ? folder_above(file->path, up) : tally_span_of(file->name, stem);
    return add_named(find, file, id, &source);
}

static int find_places(finder *find) {
    int rc = 0;
    for (size_t i = 0; i < capture_place_count(find->adapter) && !rc; i++) {
        const capture_place *place = &find->adapter->places[i];
        const walk_rules rules = {.enters = any_folder,
                                  .wants = place_wants,
                                  .file = place_file,
                                  .max_depth = place->depth,
                                  .quiet_depth = true,
                                  .links = true};
        const char *set = place->variable ? environment(find->search, place->variable) : NULL;
        if (set && *set != '/') set = NULL;
        char base[PATH_MAX], below[PATH_MAX];
        int n = set ? snprintf(base, sizeof base, "%s", set)
                    : snprintf(base, sizeof base, "%s%s%s", find->search->home,
                               *place->base ? "/" : "", place->base);
        if (n < 0 || (size_t)n >= sizeof base) continue;
        (void)snprintf(below, sizeof below, "%s%s", *place->below ? "/" : "", place->below);
        find->place = place;
        if (place->wants) rc = walk_at(find, &rules, base, below);
    }
    return rc;
}

static const struct {
    const capture_adapter *adapter;
    int (*find)(finder *);
} ways[] = {{&capture_claude, find_claude}, {&capture_codex, find_codex}};

static int find_agent(finder *find) {
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (ways[i].adapter == find->adapter) return ways[i].find(find);
    return find_places(find);
}

int capture_sources_find(const capture_search *search, capture_sources *out, tally_error *err) {
    *out = (capture_sources){0};
    finder find = {.search = search, .out = out, .err = err};
    int rc = 0;
    for (size_t i = 0; capture_adapter_at(i) && !rc; i++) {
        find.adapter = capture_adapter_at(i);
        if (capture_adapter_is(find.adapter, search->agent)) rc = find_agent(&find);
    }
    walk_seen_clear(&find.seen);
    if (rc) return rc;
    drop_twins(out);
    return drop_links(out, err);
}

void capture_sources_clear(capture_sources *sources) {
    capture_arena_clear(&sources->arena);
    *sources = (capture_sources){0};
}

capture_source *capture_sources_by_path(const capture_sources *sources, const char *path) {
    const capture_source wanted = {.path = path};
    if (sources->count == 0) return NULL;
    return bsearch(&wanted, sources->items, sources->count, sizeof wanted, by_path);
}

capture_source *capture_sources_by_id(const capture_sources *sources,
                                      const capture_adapter *adapter, tally_span id) {
    for (size_t i = 0; i < sources->count; i++)
        if (sources->items[i].adapter == adapter && tally_span_eq(sources->items[i].id, id) &&
            sources->items[i].form <= CAPTURE_ZSTD)
            return &sources->items[i];
    return NULL;
}

bool capture_sources_have_database(const capture_sources *sources, const capture_adapter *adapter) {
    bool found = false;
    for (size_t i = 0; adapter->rows && i < sources->count && !found; i++)
        found = sources->items[i].adapter == adapter && sources->items[i].form == CAPTURE_DATABASE;
    return found;
}

capture_stamp capture_source_stamp(const capture_source *source, const struct stat *st) {
    capture_stamp stamp = capture_stamp_of(st);
    char path[PATH_MAX];
    struct stat log;
    if (source->form != CAPTURE_DATABASE) return stamp;
    int n = snprintf(path, sizeof path, "%s-wal", source->path);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &log) != 0) return stamp;
    const capture_stamp more = capture_stamp_of(&log);
    if (tally_add_u64(stamp.size, more.size, &stamp.size)) stamp.size = UINT64_MAX;
    if (more.mtime_ns > stamp.mtime_ns) stamp.mtime_ns = more.mtime_ns;
    return stamp;
}

int capture_source_open(const capture_source *source, struct stat *st) {
    int fd = open(source->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return -1;
    int cause = EINVAL;
    if (fstat(fd, st) != 0)
        cause = errno;
    else if (S_ISREG(st->st_mode))
        return fd;
    (void)close(fd);
    errno = cause;
    return -1;
}
