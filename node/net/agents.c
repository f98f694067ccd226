/* Searching for log folders and watching them. A search runs on libuv's thread pool: there may be
 * ten thousand logs, and sessions must not wait for them. */
#include "agents.h"

#include <capture/sources.h>

#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct net_agents_watch {
    uv_fs_event_t events;
    net_agents *agents;
    char *path;
};

typedef struct folder {
    char *path;
    int64_t written_ns; /* the newest log in it */
} folder;

/* Belongs to the pool's thread while it runs. */
typedef struct net_agents_search {
    uv_work_t work;
    net_agents *agents; /* NULL: nobody waits for it any more */
    uint64_t seen;
    folder *folders;
    size_t count, room;
} net_agents_search;

static const char *home_find(void) {
    const char *home = getenv("HOME");
    if (home && *home) return home;
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && *user->pw_dir ? user->pw_dir : "/";
}

/* ---- the search ---- */

static int by_path(const void *a, const void *b) {
    return strcmp(((const folder *)a)->path, ((const folder *)b)->path);
}

static int by_time(const void *a, const void *b) {
    int64_t x = ((const folder *)a)->written_ns, y = ((const folder *)b)->written_ns;
    return (x < y) - (x > y);
}

static void folder_add(net_agents_search *search, const char *path, size_t len, int64_t written) {
    if (search->count == search->room) {
        size_t room = search->room ? search->room * 2 : 64;
        folder *larger = realloc(search->folders, room * sizeof *larger);
        if (!larger) return; /* not watched: the next look finds what it holds */
        search->folders = larger;
        search->room = room;
    }
    char *copy = strndup(path, len);
    if (copy) search->folders[search->count++] = (folder){copy, written};
}

/* Of equal paths one stays, with the latest time. */
static void folders_unite(net_agents_search *search) {
    size_t kept = 0;
    if (search->count > 0) qsort(search->folders, search->count, sizeof *search->folders, by_path);
    for (size_t i = 0; i < search->count; i++) {
        folder *last = kept > 0 ? &search->folders[kept - 1] : NULL;
        folder *here = &search->folders[i];
        if (last && strcmp(last->path, here->path) == 0) {
            if (here->written_ns > last->written_ns) last->written_ns = here->written_ns;
            free(here->path);
        } else {
            search->folders[kept++] = *here;
        }
    }
    search->count = kept;
}

/* New folders appear above those that hold logs: one a project, one a day. The home directory
 * itself and what lies above it is everybody's. */
static void ancestors_add(net_agents_search *search, const char *home) {
    size_t count = search->count, home_len = strlen(home);
    for (size_t i = 0; i < count; i++) {
        char *path = search->folders[i].path;
        size_t len = strlen(path);
        for (unsigned up = 0; up < NET_WATCH_ANCESTORS; up++) {
            while (len > 0 && path[len - 1] != '/')
                len--;
            if (len <= 1) break;
            len--; /* the slash */
            bool outside = len <= home_len && strncmp(home, path, len) == 0;
            if (outside) break;
            folder_add(search, path, len, search->folders[i].written_ns);
            path = search->folders[i].path; /* adding may move the list, not the texts */
        }
    }
}

/* Where agents will put their first log. A home without their folders is looked at every minute. */
static void places_add(net_agents_search *search, const char *home) {
    static const struct {
        const char *variable, *folder, *below;
    } places[] = {{"CLAUDE_CONFIG_DIR", ".claude", "projects"},
                  {NULL, ".config/claude", "projects"},
                  {"CODEX_HOME", ".codex", "sessions"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX];
        const char *set = places[i].variable ? getenv(places[i].variable) : NULL;
        int base = set && *set == '/'
                       ? snprintf(path, sizeof path, "%s", set)
                       : snprintf(path, sizeof path, "%s/%s", home, places[i].folder);
        if (base <= 0 || (size_t)base + 16 >= sizeof path) continue;
        (void)snprintf(path + base, sizeof path - (size_t)base, "/%s", places[i].below);
        if (access(path, R_OK) != 0) path[base] = '\0';
        if (access(path, R_OK) == 0) folder_add(search, path, strlen(path), INT64_MAX);
    }
}

static void folders_cut(net_agents_search *search) {
    if (search->count <= NET_MAX_WATCHES) return;
    qsort(search->folders, search->count, sizeof *search->folders, by_time);
    for (size_t i = NET_MAX_WATCHES; i < search->count; i++)
        free(search->folders[i].path);
    search->count = NET_MAX_WATCHES;
    qsort(search->folders, search->count, sizeof *search->folders, by_path);
}

static uint64_t stamp_hash(const capture_source *source) {
    static const uint8_t key[crypto_shorthash_KEYBYTES] = {0}; /* only to notice a difference */
    uint8_t bytes[4 * 8], out[crypto_shorthash_BYTES];
    tally_put_be64(bytes, source->stamp.dev);
    tally_put_be64(bytes + 8, source->stamp.ino);
    tally_put_be64(bytes + 16, source->stamp.size);
    tally_put_be64(bytes + 24, (uint64_t)source->stamp.mtime_ns);
    (void)crypto_shorthash(out, bytes, sizeof bytes, key);
    return tally_get_be64(out);
}

static void on_unreadable(void *ctx, const char *path, uint64_t line, const char *why) {
    (void)ctx, (void)path, (void)line, (void)why; /* the capture that follows tells it */
}

static void search_run(uv_work_t *work) {
    net_agents_search *search = work->data;
    capture_sources sources = {0};
    char home[PATH_MAX];
    if (!realpath(home_find(), home)) return;
    capture_search what = {.home = home, .use_environment = true, .report = on_unreadable};
    if (capture_sources_find(&what, &sources, NULL) == 0) {
        for (size_t i = 0; i < sources.count; i++) {
            const capture_source *source = &sources.items[i];
            const char *slash = strrchr(source->path, '/');
            search->seen += stamp_hash(source);
            if (slash && slash != source->path)
                folder_add(search, source->path, (size_t)(slash - source->path),
                           source->stamp.mtime_ns);
        }
    }
    capture_sources_clear(&sources);
    folders_unite(search);
    ancestors_add(search, home);
    places_add(search, home);
    folders_unite(search);
    folders_cut(search);
}

/* ---- watching ---- */

static void on_watch_closed(uv_handle_t *handle) {
    net_agents_watch *watch = handle->data;
    free(watch->path);
    free(watch);
}

static void on_file(uv_fs_event_t *events, const char *name, int what, int status) {
    net_agents_watch *watch = events->data;
    (void)name, (void)what;
    if (status == 0) watch->agents->touched(watch->agents->ctx);
}

/* Takes the path. NULL when the folder is gone or the system has no watches left: then looking
 * every minute has to do. */
static net_agents_watch *watch_open(net_agents *agents, char *path) {
    net_agents_watch *watch = calloc(1, sizeof *watch);
    if (!watch || uv_fs_event_init(&agents->hub->loop, &watch->events) != 0) {
        free(watch);
        free(path);
        return NULL;
    }
    watch->events.data = watch;
    watch->agents = agents;
    watch->path = path;
    if (uv_fs_event_start(&watch->events, on_file, path, 0) == 0) return watch;
    uv_close((uv_handle_t *)&watch->events, on_watch_closed);
    return NULL;
}

static void watch_close(net_agents_watch *watch) {
    uv_close((uv_handle_t *)&watch->events, on_watch_closed);
}

/* Both lists are sorted by path: what is in both stays watched. */
static void watches_renew(net_agents *agents, net_agents_search *search) {
    net_agents_watch **fresh = calloc(search->count + 1, sizeof(net_agents_watch *));
    size_t old = 0, n = 0;
    if (!fresh) return;
    for (size_t i = 0; i < search->count; i++) {
        while (old < agents->watch_count &&
               strcmp(agents->watches[old]->path, search->folders[i].path) < 0)
            watch_close(agents->watches[old++]);
        bool same = old < agents->watch_count &&
                    strcmp(agents->watches[old]->path, search->folders[i].path) == 0;
        if (same) {
            fresh[n++] = agents->watches[old++];
            continue;
        }
        fresh[n] = watch_open(agents, search->folders[i].path);
        search->folders[i].path = NULL;
        if (fresh[n]) n++;
    }
    while (old < agents->watch_count)
        watch_close(agents->watches[old++]);
    free(agents->watches);
    agents->watches = fresh;
    agents->watch_count = n;
}

static void on_searched(uv_work_t *work, int status) {
    net_agents_search *search = work->data;
    net_agents *agents = search->agents;
    if (agents) {
        bool changed = search->seen != agents->seen;
        agents->search = NULL;
        agents->seen = search->seen;
        watches_renew(agents, search);
        agents->looked(agents->ctx, status == 0 && changed);
    }
    for (size_t i = 0; i < search->count; i++)
        free(search->folders[i].path);
    free(search->folders);
    free(search);
}

bool net_agents_look(net_agents *agents) {
    if (agents->search) return false;
    net_agents_search *search = calloc(1, sizeof *search);
    if (!search) return false;
    search->agents = agents;
    search->work.data = search;
    agents->search = search;
    (void)uv_queue_work(&agents->hub->loop, &search->work, search_run, on_searched);
    return true;
}

void net_agents_close(net_agents *agents) {
    if (agents->search) agents->search->agents = NULL;
    agents->search = NULL;
    for (size_t i = 0; i < agents->watch_count; i++)
        watch_close(agents->watches[i]);
    free(agents->watches);
    agents->watches = NULL;
    agents->watch_count = 0;
}
