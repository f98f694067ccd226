/* make_tree_bench HOME MEGABYTES: writes that many bytes of Claude Code logs under HOME/.claude,
 * the same bytes each time. Line shapes follow Claude Code 2.1; sizes follow long agent sessions.
 */
#include "bench.h"

#include <tally/time.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TREE_SEED          UINT64_C(20260901)
#define FIRST_MS           INT64_C(1788249600000) /* 2026-09-01T08:00:00Z */
#define SPREAD_S           (60 * 86400)           /* sessions begin within 60 days */
#define TREE_MAX_MEGABYTES 100000u
#define PATH_BYTES         1024u
#define LINE_BYTES         (256u * 1024u)
#define POOL_BYTES         (1024u * 1024u)
#define POOL_WORDS         (POOL_BYTES / 2)
#define ID_BYTES           40u
#define PROJECTS           12u
#define FILE_BUFFER_BYTES  (1024u * 1024u)

typedef struct tree {
    const char *home;
    bench_random random;
    uint64_t written, goal, files, responses;
    char *pool; /* words of escaped JSON text */
    size_t word_count;
    uint32_t *words; /* where each begins; the last entry is the end */
    char *line;
    size_t line_len;
} tree;

/* One transcript being written. */
typedef struct transcript {
    FILE *file;
    const char *cwd, *branch, *model;
    char session[ID_BYTES], parent[ID_BYTES], agent[ID_BYTES];
    int64_t now_ms;
    bool sidechain;
} transcript;

static const char *const projects[PROJECTS] = {
    "acme-shop", "acme-api",  "fintech-api", "fintech-web",  "atlas-maps",    "atlas-tiles",
    "billing",   "notes-app", "tally-site",  "weather-feed", "wiki-importer", "zoo-tickets"};

/* Whole words only are cut out of the pool, so that no escape is torn. */
static const char *const words[] = {"return ",        "static int ", "if (len == 0) ",
                                    "{\\n    ",       "}\\n",        "self.assertEqual(",
                                    "\\\"name\\\": ", "\\t",         "printf(\\\"%s\\\\n\\\", ",
                                    "caf\xc3\xa9 ",   "\\u2192 ",    "path/to/module.py:42 ",
                                    "the ",           "checkout ",   "total ",
                                    "0x7f3a, ",       "-> ",         "/* why */ ",
                                    "const ",         "import ",     "<div class=\\\"row\\\">\\n",
                                    "200 OK\\n",      "ms ",         "ledger "};

static void fill_pool(tree *t) {
    size_t len = 0;
    while (t->word_count + 1 < POOL_WORDS) {
        const char *word = words[bench_between(&t->random, 0, sizeof words / sizeof *words)];
        size_t n = strlen(word);
        if (len + n > POOL_BYTES) break;
        t->words[t->word_count++] = (uint32_t)len;
        memcpy(t->pool + len, word, n);
        len += n;
    }
    t->words[t->word_count] = (uint32_t)len;
}

__attribute__((format(printf, 2, 3))) static void put(tree *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->line + t->line_len, LINE_BYTES - t->line_len, format, args);
    va_end(args);
    if (n > 0) t->line_len += (size_t)n;
}

/* A stretch of the pool of about `bytes` bytes. */
static tally_span text_of(tree *t, uint32_t bytes) {
    uint32_t from = bench_between(&t->random, 0, (uint32_t)t->word_count / 2), to = from;
    uint32_t start = t->words[from];
    while (to < t->word_count && t->words[to] - start < bytes)
        to++;
    return tally_span_of(t->pool + start, t->words[to] - start);
}

static void put_span(tree *t, tally_span text) {
    memcpy(t->line + t->line_len, text.ptr, text.len);
    t->line_len += text.len;
}

static void put_text(tree *t, uint32_t bytes) {
    put_span(t, text_of(t, bytes));
}

static void make_uuid(tree *t, char out[ID_BYTES]) {
    uint64_t a = bench_next(&t->random), b = bench_next(&t->random);
    (void)snprintf(out, ID_BYTES, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
                   (unsigned)(a >> 16) & 0xffffu, (unsigned)a & 0xfffu,
                   (unsigned)(b >> 52) & 0xfffu, (unsigned long long)(b & 0xffffffffffffu));
}

static void put_tail(tree *t, transcript *s) {
    char now[TALLY_TIME_TEXT_BYTES], id[ID_BYTES];
    make_uuid(t, id);
    tally_time_format(s->now_ms, now);
    put(t, ",\"uuid\":\"%s\",\"timestamp\":\"%s\",\"userType\":\"external\",\"entrypoint\":\"cli\"",
        id, now);
    put(t, ",\"cwd\":\"%s\",\"sessionId\":\"%s\",\"version\":\"2.1.240\",\"gitBranch\":\"%s\"",
        s->cwd, s->session, s->branch);
    if (s->sidechain) put(t, ",\"agentId\":\"%s\"", s->agent);
    put(t, "}\n");
    memcpy(s->parent, id, ID_BYTES);
}

static void put_head(tree *t, const transcript *s) {
    t->line_len = 0;
    if (s->parent[0])
        put(t, "{\"parentUuid\":\"%s\"", s->parent);
    else
        put(t, "{\"parentUuid\":null");
    put(t, ",\"isSidechain\":%s", s->sidechain ? "true" : "false");
}

static int end_line(tree *t, transcript *s) {
    t->written += t->line_len;
    return fwrite(t->line, 1, t->line_len, s->file) == t->line_len ? 0 : -1;
}

static int write_prompt(tree *t, transcript *s) {
    s->now_ms += bench_between(&t->random, 20000, 400000);
    put_head(t, s);
    put(t, ",\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"Please ");
    put_text(t, bench_between(&t->random, 40, 600));
    put(t, "\"}");
    if (!s->sidechain)
        put(t, ",\"permissionMode\":\"default\",\"origin\":{\"kind\":\"human\"},\"promptSource\":"
               "\"typed\"");
    put_tail(t, s);
    return end_line(t, s);
}

typedef struct response {
    char message[ID_BYTES], request[ID_BYTES];
    uint32_t input, read, written, output, tool;
} response;

static void put_usage(tree *t, const response *r, uint32_t output) {
    put(t,
        "\"usage\":{\"input_tokens\":%u,\"cache_creation_input_tokens\":%u,"
        "\"cache_read_input_tokens\":%u,\"output_tokens\":%u,",
        r->input, r->written, r->read, output);
    put(t, "\"server_tool_use\":{\"web_search_requests\":0,\"web_fetch_requests\":0},"
           "\"service_tier\":\"standard\",");
    put(t,
        "\"cache_creation\":{\"ephemeral_1h_input_tokens\":0,\"ephemeral_5m_input_tokens\":%u},"
        "\"inference_geo\":\"\",\"iterations\":[],\"speed\":\"standard\"}",
        r->written);
}

static void put_block(tree *t, const response *r, bool tool) {
    if (tool) {
        put(t,
            "{\"type\":\"tool_use\",\"id\":\"toolu_%08x\",\"name\":\"Edit\",\"input\":{\"file_"
            "path\":"
            "\"/src/a.c\",\"id\":\"nested\",\"old_string\":\"",
            r->tool);
        put_text(t, bench_between(&t->random, 20, 500));
        put(t, "\",\"new_string\":\"");
        put_text(t, bench_between(&t->random, 20, 900));
        put(t, "\"}}");
    } else {
        put(t, "{\"type\":\"text\",\"text\":\"");
        put_text(t, bench_between(&t->random, 40, 1400));
        put(t, "\"}");
    }
}

/* One content block of a response; `last` carries the final usage. */
static int write_block(tree *t, transcript *s, const response *r, uint32_t output, bool tool,
                       bool last) {
    s->now_ms += bench_between(&t->random, 400, 9000);
    put_head(t, s);
    put(t,
        ",\"message\":{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\","
        "\"content\":[",
        r->message, s->model);
    put_block(t, r, tool);
    put(t, "],\"stop_reason\":%s,\"stop_sequence\":null,",
        !last  ? "null"
        : tool ? "\"tool_use\""
               : "\"end_turn\"");
    put_usage(t, r, output);
    put(t, ",\"stop_details\":null},\"requestId\":\"%s\",\"type\":\"assistant\"", r->request);
    put_tail(t, s);
    return end_line(t, s);
}

/* A quarter are 1-40 KB, each size class as frequent as the next; the rest are short. */
static uint32_t result_bytes(tree *t) {
    if (bench_between(&t->random, 0, 100) >= 25) return bench_between(&t->random, 20, 600);
    uint32_t low = 1024u << bench_between(&t->random, 0, 5);
    return bench_between(&t->random, low, low + low / 4 * 5);
}

/* As agents write it: the text for the model, and once more for the screen. */
static int write_result(tree *t, transcript *s, const response *r) {
    tally_span text = text_of(t, result_bytes(t));
    s->now_ms += bench_between(&t->random, 50, 20000);
    put_head(t, s);
    put(t,
        ",\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"tool_use_id\":"
        "\"toolu_%08x\",\"type\":\"tool_result\",\"content\":\"",
        r->tool);
    put_span(t, text);
    put(t, "\",\"is_error\":false}]},\"toolUseResult\":{\"stdout\":\"");
    put_span(t, text);
    put(t, "\",\"stderr\":\"\",\"interrupted\":false,\"isImage\":false}");
    put_tail(t, s);
    return end_line(t, s);
}

static int write_response(tree *t, transcript *s, bool ends_turn) {
    response r = {.input = bench_between(&t->random, 1, 40),
                  .read = bench_between(&t->random, 8000, 180000),
                  .written = bench_between(&t->random, 200, 9000),
                  .output = bench_between(&t->random, 60, 2500),
                  .tool = (uint32_t)bench_next(&t->random)};
    (void)snprintf(r.message, sizeof r.message, "msg_01%016llx",
                   (unsigned long long)bench_next(&t->random));
    (void)snprintf(r.request, sizeof r.request, "req_011%016llx",
                   (unsigned long long)bench_next(&t->random));
    uint32_t blocks = bench_between(&t->random, 2, 4);
    int rc = 0;
    for (uint32_t i = 0; i < blocks && rc == 0; i++) {
        bool last = i + 1 == blocks;
        uint32_t output = last ? r.output : 1 + i * 7;
        rc = write_block(t, s, &r, output, last && !ends_turn, last);
    }
    t->responses++;
    return rc != 0 || ends_turn ? rc : write_result(t, s, &r);
}

static int write_turns(tree *t, transcript *s, uint32_t turns) {
    int rc = 0;
    for (uint32_t i = 0; i < turns && rc == 0; i++) {
        uint32_t responses = bench_between(&t->random, 2, 14);
        rc = write_prompt(t, s);
        for (uint32_t k = 0; k < responses && rc == 0; k++)
            rc = write_response(t, s, k + 1 == responses);
    }
    return rc;
}

static int make_dirs(char *path) {
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        int rc = mkdir(path, 0755);
        *at = kept;
        if (rc != 0 && errno != EEXIST) return -1;
        if (kept == '\0') return 0;
    }
}

__attribute__((format(printf, 2, 3))) static FILE *open_log(char *folder, const char *format, ...) {
    char path[2 * PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/", folder);
    va_list args;
    va_start(args, format);
    n = n < 0 ? n : vsnprintf(path + n, sizeof path - (size_t)n, format, args);
    va_end(args);
    FILE *file = n < 0 || make_dirs(folder) != 0 ? NULL : fopen(path, "wb");
    if (file) (void)setvbuf(file, NULL, _IOFBF, FILE_BUFFER_BYTES);
    return file;
}

static int write_title(tree *t, transcript *s) {
    t->line_len = 0;
    put(t, "{\"type\":\"ai-title\",\"aiTitle\":\"Session %llu\",\"sessionId\":\"%s\"}\n",
        (unsigned long long)t->files, s->session);
    return end_line(t, s);
}

static int close_log(tree *t, transcript *s, int rc) {
    t->files++;
    return fclose(s->file) == 0 ? rc : -1;
}

static int write_subagent(tree *t, const transcript *main, const char *folder) {
    char below[PATH_BYTES];
    transcript s = *main;
    int n = snprintf(below, sizeof below, "%s/%s/subagents", folder, main->session);
    if (n < 0 || (size_t)n >= sizeof below) return -1;
    s.sidechain = true;
    s.model = "claude-haiku-4-5";
    s.parent[0] = '\0';
    (void)snprintf(s.agent, sizeof s.agent, "a%016llx", (unsigned long long)bench_next(&t->random));
    if (!(s.file = open_log(below, "agent-%s.jsonl", s.agent))) return -1;
    return close_log(t, &s, write_turns(t, &s, bench_between(&t->random, 1, 4)));
}

static int write_session(tree *t, uint64_t number) {
    char folder[PATH_BYTES], cwd[PATH_BYTES];
    const char *project = projects[bench_between(&t->random, 0, PROJECTS)];
    transcript s = {.branch = number % 3 ? "main" : "feature/checkout",
                    .model = number % 4 ? "claude-opus-4-8" : "claude-sonnet-4-6",
                    .cwd = cwd};
    (void)snprintf(cwd, sizeof cwd, "/home/dev/clients/%s", project);
    int n = snprintf(folder, sizeof folder, "%s/.claude/projects/-home-dev-clients-%s", t->home,
                     project);
    if (n < 0 || (size_t)n >= sizeof folder) return -1;
    make_uuid(t, s.session);
    s.now_ms = FIRST_MS + (int64_t)bench_between(&t->random, 0, SPREAD_S) * 1000;
    int64_t first_ms = s.now_ms;
    if (!(s.file = open_log(folder, "%s.jsonl", s.session))) return -1;
    int rc = write_title(t, &s);
    if (rc == 0) rc = write_turns(t, &s, bench_between(&t->random, 1, 18));
    rc = close_log(t, &s, rc);
    uint32_t subagents = number % 3 == 0 ? bench_between(&t->random, 1, 4) : 0;
    for (s.now_ms = first_ms; subagents > 0 && rc == 0; subagents--)
        rc = write_subagent(t, &s, folder);
    return rc;
}

int main(int argc, char **argv) {
    uint64_t megabytes = argc == 3 ? bench_number(argv[2], TREE_MAX_MEGABYTES) : 0;
    if (megabytes == 0 || strlen(argv[1]) > PATH_BYTES / 2) {
        fputs("usage: make_tree_bench HOME MEGABYTES\n", stderr);
        return 2;
    }
    tree t = {.home = argv[1], .random = {TREE_SEED}, .goal = megabytes * 1000000};
    t.pool = malloc(POOL_BYTES);
    t.words = malloc(POOL_WORDS * sizeof *t.words);
    t.line = malloc(LINE_BYTES);
    int rc = t.pool && t.words && t.line ? 0 : -1;
    if (rc == 0) fill_pool(&t);
    for (uint64_t number = 0; rc == 0 && t.written < t.goal; number++)
        rc = write_session(&t, number);
    if (rc != 0) perror("make_tree_bench");
    printf("%llu files, %llu bytes, %llu responses\n", (unsigned long long)t.files,
           (unsigned long long)t.written, (unsigned long long)t.responses);
    free(t.pool);
    free(t.words);
    free(t.line);
    return rc == 0 ? 0 : 1;
}
