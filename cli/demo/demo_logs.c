/* The logs of the demo's week, as Claude Code and Codex write them. Every figure is made from the
 * tables here, so that a reader can add them up by hand. What the demo does with them is not here.
 */
#include "demo.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include <tally/time.h>

#include "format/json_out.h"

#define MINUTE_MS   60000LL
#define DAY_MS      (1440 * MINUTE_MS)
#define TURN_MS     (6 * MINUTE_MS) /* ten turns are an hour: no gap is idle time */
#define TODAY_MS    10000LL /* a turn of today's, so that it does not reach into yesterday */
#define ID_BYTES    37u
#define VERSION_CC  "2.1.268"
#define VERSION_CDX "0.163.0"

/* Tokens of each response. The prices in force are a few units a million, so costs are round. */
#define INPUT_TOKENS  10000u
#define OUTPUT_TOKENS 4000u
#define READ_TOKENS   200000u
#define WRITE_TOKENS  10000u /* Claude Code only */

typedef struct session {
    demo_who who;
    demo_part part;
    unsigned day, hour; /* of the week, from Monday */
    unsigned turns;     /* a prompt and a response each */
    bool codex;
    const char *model, *project, *branch, *title, *prompt;
} session;

static const session sessions[] = {
    {DEMO_ADA, DEMO_MONDAY_TUESDAY, 0, 9, 10, false, "claude-opus-5-5", "larkspur-books/storefront",
     "feat/gift-cards", "Gift cards: balance and redemption", "Let customers redeem a gift card"},
    {DEMO_BEN, DEMO_MONDAY_TUESDAY, 0, 11, 10, false, "claude-sonnet-5",
     "larkspur-books/storefront", "perf/catalogue", "Catalogue queries made four times faster",
     "The catalogue page takes two seconds"},
    {DEMO_ADA, DEMO_MONDAY_TUESDAY, 1, 10, 5, true, "gpt-6.1-sol", "larkspur-books/storefront",
     "fix/search", "Search finds words without their accents", "Search ignores accents: fix it"},
    {DEMO_ADA, DEMO_WEDNESDAY_FRIDAY, 2, 9, 5, false, "claude-sonnet-5",
     "larkspur-books/storefront", "feat/gift-cards", "Gift cards: refunds",
     "Refund to the card it was paid with"},
    {DEMO_BEN, DEMO_WEDNESDAY_FRIDAY, 2, 8, 10, true, "gpt-6.1-sol", "larkspur-books/storefront",
     "feat/guest", "Checkout without an account", "Guests must be able to check out"},
    {DEMO_ADA, DEMO_WEDNESDAY_FRIDAY, 3, 13, 5, false, "claude-opus-5-5", "harbor-clinic/intake",
     "fix/consent", "Consent form keeps its date", "The consent form loses its date"},
    {DEMO_BEN, DEMO_WEDNESDAY_FRIDAY, 3, 8, 5, false, "claude-opus-5-5",
     "larkspur-books/storefront", "feat/guest", "Checkout: the guest's address",
     "Ask guests for an address once"},
    {DEMO_BEN, DEMO_WEDNESDAY_FRIDAY, 4, 15, 5, false, "claude-haiku-5-5", "harbor-clinic/intake",
     "main", "Release notes for the clinic", "Write the release notes"},
    {DEMO_ADA, DEMO_TODAY, 0, 0, 2, false, "claude-opus-5-5", "lab/embeddings", "main",
     "Which embedding model for search?", "Compare three embedding models"},
};

/* One log that is being written. */
typedef struct log_file {
    FILE *out;
    cli_json json;
    const session *of;
    size_t number; /* of the session */
    int64_t begin_ms, turn_ms;
    unsigned ordinal; /* Codex numbers its lines */
    char id[ID_BYTES], cwd[PATH_MAX + 64];
} log_file;

/* A UUID that is always the same: a hash of what it is for (splitmix64's last steps). */
static void id_make(size_t number, unsigned salt, char out[ID_BYTES]) {
    uint64_t bits[2];
    for (unsigned i = 0; i < 2; i++) {
        uint64_t x = (number + 1) * 0x9e3779b97f4a7c15u + salt * 2u + i;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        bits[i] = x ^ (x >> 31);
    }
    snprintf(out, ID_BYTES, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(bits[0] >> 32),
             (unsigned)(bits[0] >> 16) & 0xffffu, (unsigned)bits[0] & 0xfffu,
             (unsigned)(bits[1] >> 52), bits[1] & 0xffffffffffffu);
}

void demo_session_name(size_t n, char out[DEMO_SESSION_BYTES]) {
    char id[ID_BYTES];
    id_make(n, 0, id);
    snprintf(out, DEMO_SESSION_BYTES, "%.8s", id);
}

static int64_t prompt_ms(const log_file *log, unsigned turn) {
    return log->begin_ms + (int64_t)turn * log->turn_ms;
}

/* ---- Claude Code ---- */

/* The fields that end every line of a conversation. */
static void claude_line_close(log_file *log, int64_t time_ms) {
    cli_json *json = &log->json;
    cli_json_time(json, "timestamp", time_ms);
    cli_json_string(json, "userType", "external");
    cli_json_string(json, "entrypoint", "cli");
    cli_json_string(json, "cwd", log->cwd);
    cli_json_string(json, "sessionId", log->id);
    cli_json_string(json, "version", VERSION_CC);
    cli_json_string(json, "gitBranch", log->of->branch);
    cli_json_close(json, '}');
    cli_json_end(json);
}

static void claude_line_open(log_file *log, const char *type, unsigned salt, bool first) {
    cli_json *json = &log->json;
    char id[ID_BYTES];
    cli_json_begin(json, log->out);
    cli_json_open(json, NULL, '{');
    id_make(log->number, salt - 1, id);
    if (first)
        cli_json_null(json, "parentUuid");
    else
        cli_json_string(json, "parentUuid", id);
    cli_json_bool(json, "isSidechain", false);
    cli_json_string(json, "type", type);
    id_make(log->number, salt, id);
    cli_json_string(json, "uuid", id);
}

static void claude_prompt(log_file *log, unsigned turn) {
    cli_json *json = &log->json;
    claude_line_open(log, "user", 2 * turn + 2, turn == 0);
    cli_json_open(json, "message", '{');
    cli_json_string(json, "role", "user");
    cli_json_string(json, "content", turn ? "Go on, and show me the tests" : log->of->prompt);
    cli_json_close(json, '}');
    cli_json_string(json, "permissionMode", "default");
    cli_json_open(json, "origin", '{');
    cli_json_string(json, "kind", "human");
    cli_json_close(json, '}');
    cli_json_string(json, "promptSource", "typed");
    claude_line_close(log, prompt_ms(log, turn));
}

static void claude_usage(cli_json *json) {
    cli_json_open(json, "usage", '{');
    cli_json_u64(json, "input_tokens", INPUT_TOKENS);
    cli_json_u64(json, "cache_creation_input_tokens", WRITE_TOKENS);
    cli_json_u64(json, "cache_read_input_tokens", READ_TOKENS);
    cli_json_open(json, "cache_creation", '{');
    cli_json_u64(json, "ephemeral_5m_input_tokens", 0);
    cli_json_u64(json, "ephemeral_1h_input_tokens", WRITE_TOKENS);
    cli_json_close(json, '}');
    cli_json_u64(json, "output_tokens", OUTPUT_TOKENS);
    cli_json_string(json, "service_tier", "standard");
    cli_json_string(json, "speed", "standard");
    cli_json_close(json, '}');
}

static void claude_response(log_file *log, unsigned turn) {
    cli_json *json = &log->json;
    char id[ID_BYTES], name[ID_BYTES + 16];
    claude_line_open(log, "assistant", 2 * turn + 3, false);
    id_make(log->number, 1000 + turn, id);
    snprintf(name, sizeof name, "req_demo%.8s", id);
    cli_json_string(json, "requestId", name);
    cli_json_open(json, "message", '{');
    snprintf(name, sizeof name, "msg_demo%.8s", id);
    cli_json_string(json, "id", name);
    cli_json_string(json, "type", "message");
    cli_json_string(json, "role", "assistant");
    cli_json_string(json, "model", log->of->model);
    cli_json_open(json, "content", '[');
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "type", "text");
    cli_json_string(json, "text", "Done, and the tests pass.");
    cli_json_close(json, '}');
    cli_json_close(json, ']');
    cli_json_string(json, "stop_reason", "end_turn");
    claude_usage(json);
    cli_json_close(json, '}');
    claude_line_close(log, prompt_ms(log, turn + 1));
}

static void claude_write(log_file *log) {
    cli_json *json = &log->json;
    cli_json_begin(json, log->out);
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "type", "ai-title");
    cli_json_string(json, "aiTitle", log->of->title);
    cli_json_string(json, "sessionId", log->id);
    cli_json_close(json, '}');
    cli_json_end(json);
    for (unsigned turn = 0; turn < log->of->turns; turn++) {
        claude_prompt(log, turn);
        claude_response(log, turn);
    }
}

/* ---- Codex ---- */

static void codex_line_open(log_file *log, const char *type, int64_t time_ms) {
    cli_json *json = &log->json;
    cli_json_begin(json, log->out);
    cli_json_open(json, NULL, '{');
    cli_json_time(json, "timestamp", time_ms);
    cli_json_u64(json, "ordinal", log->ordinal++);
    cli_json_string(json, "type", type);
    cli_json_open(json, "payload", '{');
}

static void codex_line_close(log_file *log) {
    cli_json_close(&log->json, '}');
    cli_json_close(&log->json, '}');
    cli_json_end(&log->json);
}

static void codex_begin(log_file *log) {
    cli_json *json = &log->json;
    codex_line_open(log, "session_meta", log->begin_ms);
    cli_json_string(json, "session_id", log->id);
    cli_json_string(json, "id", log->id);
    cli_json_time(json, "timestamp", log->begin_ms);
    cli_json_string(json, "cwd", log->cwd);
    cli_json_string(json, "originator", "codex-tui");
    cli_json_string(json, "cli_version", VERSION_CDX);
    cli_json_string(json, "source", "cli");
    cli_json_string(json, "model_provider", "openai");
    cli_json_open(json, "git", '{');
    cli_json_string(json, "branch", log->of->branch);
    cli_json_close(json, '}');
    codex_line_close(log);
    codex_line_open(log, "event_msg", log->begin_ms);
    cli_json_string(json, "type", "thread_name_updated");
    cli_json_string(json, "thread_id", log->id);
    cli_json_string(json, "thread_name", log->of->title);
    codex_line_close(log);
}

static void codex_prompt(log_file *log, unsigned turn, const char *turn_id) {
    cli_json *json = &log->json;
    int64_t time_ms = prompt_ms(log, turn);
    codex_line_open(log, "turn_context", time_ms);
    cli_json_string(json, "turn_id", turn_id);
    cli_json_string(json, "cwd", log->cwd);
    cli_json_string(json, "model", log->of->model);
    codex_line_close(log);
    codex_line_open(log, "event_msg", time_ms);
    cli_json_string(json, "type", "user_message");
    cli_json_string(json, "message", turn ? "Go on, and show me the tests" : log->of->prompt);
    codex_line_close(log);
}

static void codex_tokens(cli_json *json, const char *key, unsigned times) {
    const uint64_t input = INPUT_TOKENS + READ_TOKENS; /* Codex counts what was cached as input */
    cli_json_open(json, key, '{');
    cli_json_u64(json, "input_tokens", times * input);
    cli_json_u64(json, "cached_input_tokens", (uint64_t)times * READ_TOKENS);
    cli_json_u64(json, "cache_write_input_tokens", 0);
    cli_json_u64(json, "output_tokens", (uint64_t)times * OUTPUT_TOKENS);
    cli_json_u64(json, "reasoning_output_tokens", 0);
    cli_json_u64(json, "total_tokens", times * (input + OUTPUT_TOKENS));
    cli_json_close(json, '}');
}

static void codex_response(log_file *log, unsigned turn, const char *turn_id) {
    cli_json *json = &log->json;
    char id[ID_BYTES], name[ID_BYTES + 16];
    id_make(log->number, 1000 + turn, id);
    snprintf(name, sizeof name, "resp_demo%.8s", id);
    codex_line_open(log, "token_usage_record", prompt_ms(log, turn + 1));
    cli_json_string(json, "thread_id", log->id);
    cli_json_string(json, "turn_id", turn_id);
    cli_json_string(json, "response_id", name);
    codex_tokens(json, "usage", 1);
    codex_tokens(json, "turn_token_usage", 1);
    codex_tokens(json, "thread_token_usage", turn + 1);
    codex_line_close(log);
}

static void codex_write(log_file *log) {
    char turn_id[ID_BYTES];
    codex_begin(log);
    for (unsigned turn = 0; turn < log->of->turns; turn++) {
        id_make(log->number, 2000 + turn, turn_id);
        codex_prompt(log, turn, turn_id);
        codex_response(log, turn, turn_id);
    }
}

/* ---- where they lie ---- */

/* Makes every folder that leads to `path`. */
static int folders_make(char *path, tally_error *err) {
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        int made = mkdir(path, 0700);
        int why = errno;
        if (made != 0 && why != EEXIST)
            tally_fail(err, TALLY_EIO, "cannot make %s: %s", path, strerror(why));
        *at = '/';
        if (made != 0 && why != EEXIST) return TALLY_EIO;
    }
    return 0;
}

static void path_make(const log_file *log, const char *home, char *out, size_t size) {
    char project[PATH_MAX + 64], time[TALLY_TIME_TEXT_BYTES];
    if (!log->of->codex) {
        snprintf(project, sizeof project, "%s", log->cwd);
        for (char *at = project; *at; at++)
            if (*at == '/' || *at == '.') *at = '-';
        /* The name of a folder has its limit, and a long home would break it. */
        size_t len = strlen(project), cut = len > 200 ? len - 200 : 0;
        snprintf(out, size, "%s/.claude/projects/%s/%s.jsonl", home, project + cut, log->id);
        return;
    }
    tally_time_format(log->begin_ms, time);
    time[13] = time[16] = '-';
    snprintf(out, size, "%s/.codex/sessions/%.4s/%.2s/%.2s/rollout-%.19s-%s.jsonl", home, time,
             time + 5, time + 8, time, log->id);
}

static int log_write(log_file *log, const char *home, tally_error *err) {
    char path[2 * PATH_MAX];
    path_make(log, home, path, sizeof path);
    if (folders_make(path, err)) return err->code;
    log->out = fopen(path, "we");
    if (!log->out) return tally_fail(err, TALLY_EIO, "cannot make %s: %s", path, strerror(errno));
    (log->of->codex ? codex_write : claude_write)(log);
    bool written = !ferror(log->out);
    written = fclose(log->out) == 0 && written;
    return written ? 0 : tally_fail(err, TALLY_EIO, "cannot write %s", path);
}

int demo_logs_write(demo_who who, demo_part part, const char *home, int64_t monday_ms,
                    int64_t now_ms, tally_error *err) {
    int code = 0;
    for (size_t i = 0; !code && i < sizeof sessions / sizeof *sessions; i++) {
        const session *of = &sessions[i];
        if (of->who != who || of->part != part) continue;
        bool today = part == DEMO_TODAY;
        log_file log = {.of = of, .number = i, .turn_ms = today ? TODAY_MS : TURN_MS};
        log.begin_ms = today ? now_ms - (int64_t)of->turns * TODAY_MS
                             : monday_ms + of->day * DAY_MS + of->hour * 60 * MINUTE_MS;
        id_make(i, 0, log.id);
        snprintf(log.cwd, sizeof log.cwd, "%s/work/%s", home, of->project);
        code = log_write(&log, home, err);
    }
    return code;
}
