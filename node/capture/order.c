/* The order in which log files are read. A response that stands in several files belongs to the one
 * that had it first, so originals come before their forks and transcripts before their subagents
 * (agent-logs 3.6 rule 4). */
#include "sources.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <tally/json.h>
#include <tally/time.h>
#include <unistd.h>

#define HEAD_MAX_LINES 256u
#define HEAD_MAX_BYTES (1024u * 1024u)
#define TAIL_BYTES     (64u * 1024u)
#define TAIL_MAX_BYTES (2u * 1024u * 1024u)

static bool time_of(tally_span line, tally_json *root, int64_t *ms) {
    tally_json value;
    return tally_json_parse(line, root) == 0 && tally_json_get(root, "timestamp", &value) &&
           value.type == TALLY_JSON_STRING && tally_time_parse(value.raw, ms) == 0;
}

/* Old versions put subagents' files beside the transcripts; their lines name the session they
 * belong to. */
static void find_main(const capture_sources *sources, capture_source *source,
                      const tally_json *root) {
    tally_json id;
    char path[PATH_MAX];
    const char *slash = strrchr(source->path, '/');
    if (!source->subagent || source->main || !slash) return;
    if (!tally_json_get(root, "sessionId", &id) || id.type != TALLY_JSON_STRING) return;
    if (id.escaped || id.raw.len > CAPTURE_TEXT_MAX_BYTES) return;
    int n = snprintf(path, sizeof path, "%.*s/%.*s.jsonl", (int)(slash - source->path),
                     source->path, (int)id.raw.len, (const char *)id.raw.ptr);
    if (n < 0 || (size_t)n >= sizeof path) return;
    const capture_source *main = capture_sources_by_path(sources, path);
    if (main) source->main = main->path;
}

static int read_head(const capture_sources *sources, capture_source *source, int fd,
                     capture_reader *reader, tally_error *err) {
    uint64_t size = source->stamp.size < HEAD_MAX_BYTES ? source->stamp.size : HEAD_MAX_BYTES;
    int rc = 0;
    if (source->form == CAPTURE_ZSTD)
        rc = capture_reader_start_zstd(reader, fd, source->stamp.size, err);
    else
        capture_reader_start(reader, fd, 0, 0, size);
    for (unsigned i = 0; i < HEAD_MAX_LINES && !rc; i++) {
        capture_line line;
        tally_json root;
        /* Damage is told when the file is read; here it only means that its times are not known. */
        if (capture_reader_next(reader, &line, NULL) != 1) break;
        if (line.passed_over || !time_of(line.text, &root, &source->first_ms)) continue;
        find_main(sources, source, &root);
        break;
    }
    return rc;
}

/* The last complete line in `bytes` that holds a time. The first line may have begun before them.
 */
static bool last_time(const uint8_t *bytes, size_t len, bool whole, int64_t *ms) {
    const uint8_t *end = memrchr(bytes, '\n', len);
    while (end) {
        const uint8_t *before = memrchr(bytes, '\n', (size_t)(end - bytes));
        if (!before && !whole) return false;
        const uint8_t *from = before ? before + 1 : bytes;
        tally_json root;
        if (time_of(tally_span_of(from, (size_t)(end - from)), &root, ms)) return true;
        end = before;
    }
    return false;
}

static int read_tail(capture_source *source, int fd, tally_error *err) {
    static const size_t windows[] = {TAIL_BYTES, TAIL_MAX_BYTES};
    bool found = false;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0] && !found; i++) {
        uint64_t size = source->stamp.size;
        size_t len = size < windows[i] ? (size_t)size : windows[i];
        uint8_t *bytes = malloc(len ? len : 1);
        if (!bytes) return tally_fail(err, TALLY_ENOMEM, "no memory for the end of a log file");
        ssize_t got = pread(fd, bytes, len, (off_t)(size - len));
        found = got > 0 && last_time(bytes, (size_t)got, len == size, &source->last_ms);
        free(bytes);
        if (len == size) break;
    }
    return 0;
}

int capture_source_time(const capture_sources *sources, capture_source *source,
                        capture_reader *reader, tally_error *err) {
    int64_t mtime_ms = source->stamp.mtime_ns / 1000000;
    source->first_ms = source->last_ms = mtime_ms;
    source->timed = true;
    if (source->form == CAPTURE_DOCUMENT || source->form == CAPTURE_DATABASE) return 0;
    struct stat st;
    int fd = capture_source_open(source, &st);
    if (fd < 0) return 0;
    int rc = read_head(sources, source, fd, reader, err);
    if (!rc && source->form == CAPTURE_LINES) rc = read_tail(source, fd, err);
    (void)close(fd);
    return rc;
}

/* What a file is sorted by: its transcript's times and path first, so that it stays with it. */
typedef struct rank {
    capture_source *source;
    const capture_source *family;
} rank;

static int by_rank(const void *a, const void *b) {
    const rank *x = a, *y = b;
    const capture_source *f = x->family, *g = y->family;
    int order = (f->first_ms > g->first_ms) - (f->first_ms < g->first_ms);
    if (!order) order = (f->last_ms > g->last_ms) - (f->last_ms < g->last_ms);
    if (!order) order = strcmp(f->path, g->path);
    if (order || x->source == y->source) return order;
    f = x->source, g = y->source;
    order = (int)f->subagent - (int)g->subagent;
    if (!order) order = (f->first_ms > g->first_ms) - (f->first_ms < g->first_ms);
    return order ? order : strcmp(f->path, g->path);
}

int capture_sources_order(const capture_sources *sources, capture_source **list, size_t count,
                          tally_error *err) {
    if (count == 0) return 0;
    rank *ranks = calloc(count, sizeof *ranks);
    if (!ranks) return tally_fail(err, TALLY_ENOMEM, "no memory for sorting the log files");
    for (size_t i = 0; i < count; i++) {
        const capture_source *main =
            list[i]->main ? capture_sources_by_path(sources, list[i]->main) : NULL;
        ranks[i] = (rank){list[i], main && main->timed ? main : list[i]};
    }
    qsort(ranks, count, sizeof *ranks, by_rank);
    for (size_t i = 0; i < count; i++)
        list[i] = ranks[i].source;
    free(ranks);
    return 0;
}
