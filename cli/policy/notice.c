/* Notices of budgets: deciding what is new, remembering it in this machine's settings, handing it
 * to the desktop. What a budget's level is, the ledger says. */
#include "notice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "open.h"

#define TOLD_PREFIX    "budget.told " /* and the budget's name: what was told of it last */
#define TOLD_BYTES     25u            /* start, end, limit: 8 bytes each, big-endian; level */
#define TOLD_KEY_BYTES (sizeof TOLD_PREFIX + TALLY_NAME_MAX_BYTES)
#define ARGUMENTS_MAX  32u
#define TITLE_BYTES    128u

typedef struct told_state {
    int64_t start_ms, end_ms, limit;
    tally_budget_level level;
} told_state;

/* A budget in its current period. */
typedef struct notice_budget {
    told_state state;
    cli_notice notice;
    bool tell; /* set anew when the write runs again */
} notice_budget;

/* What is remembered of a budget or a period that is gone. */
typedef struct told_stale {
    char key[TOLD_KEY_BYTES];
    size_t key_len;
    uint8_t value[TOLD_BYTES];
    size_t value_len;
} told_stale;

typedef struct notice_look {
    tally_txn *txn;
    notice_budget *budgets;
    size_t count;
    told_stale *stale;
    size_t stale_count;
    bool untold;
} notice_look;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

/* ---- what is remembered ---- */

static size_t told_key(const char *budget, char out[TOLD_KEY_BYTES]) {
    return (size_t)snprintf(out, TOLD_KEY_BYTES, TOLD_PREFIX "%s", budget);
}

static void told_write(const told_state *state, uint8_t out[TOLD_BYTES]) {
    tally_put_be64(out, (uint64_t)state->start_ms);
    tally_put_be64(out + 8, (uint64_t)state->end_ms);
    tally_put_be64(out + 16, (uint64_t)state->limit);
    out[24] = (uint8_t)state->level;
}

static bool told_read(tally_span value, told_state *out) {
    if (value.len != TOLD_BYTES) return false;
    *out = (told_state){.start_ms = (int64_t)tally_get_be64(value.ptr),
                        .end_ms = (int64_t)tally_get_be64(value.ptr + 8),
                        .limit = (int64_t)tally_get_be64(value.ptr + 16),
                        .level = value.ptr[24]};
    return true;
}

static bool same_period(const told_state *a, const told_state *b) {
    return a->start_ms == b->start_ms && a->end_ms == b->end_ms;
}

/* Also true where another process is in a later period already. */
static bool was_told(tally_txn *txn, const notice_budget *b) {
    char key[TOLD_KEY_BYTES];
    tally_span value;
    told_state told;
    size_t len = told_key(b->notice.budget, key);
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_of(key, len), &value) != 0 ||
        !told_read(value, &told))
        return false;
    if (told.start_ms > b->state.start_ms) return true;
    return same_period(&told, &b->state) && told.limit == b->state.limit &&
           told.level >= b->state.level;
}

/* ---- looking ---- */

static int look_budget(void *ctx, const tally_budget *b, tally_error *err) {
    notice_look *look = ctx;
    notice_budget *larger = realloc(look->budgets, (look->count + 1) * sizeof *larger);
    if (!larger) return no_memory(err);
    look->budgets = larger;
    notice_budget *next = &look->budgets[look->count++];
    *next = (notice_budget){
        .state = {b->period.start_ms, b->period.end_ms, b->limit, b->level},
        .notice = {.level = b->level},
    };
    snprintf(next->notice.budget, sizeof next->notice.budget, "%.*s", (int)b->budget.len,
             (const char *)b->budget.ptr);
    cli_budget_sentence(b, next->notice.text);
    if (b->level > TALLY_BUDGET_FINE && !was_told(look->txn, next)) look->untold = true;
    return 0;
}

static bool is_current(const notice_look *look, tally_span name, const told_state *told) {
    for (size_t i = 0; i < look->count; i++)
        if (tally_span_is(name, look->budgets[i].notice.budget))
            return same_period(told, &look->budgets[i].state);
    return false;
}

static int look_setting(void *ctx, tally_span key, tally_span value, tally_error *err) {
    notice_look *look = ctx;
    const size_t prefix = sizeof TOLD_PREFIX - 1;
    told_state told = {.level = TALLY_BUDGET_FINE};
    if (key.len <= prefix || key.len >= TOLD_KEY_BYTES || memcmp(key.ptr, TOLD_PREFIX, prefix) != 0)
        return 0;
    tally_span name = tally_span_of(key.ptr + prefix, key.len - prefix);
    if (told_read(value, &told) && is_current(look, name, &told)) return 0;
    told_stale *larger = realloc(look->stale, (look->stale_count + 1) * sizeof *larger);
    if (!larger) return no_memory(err);
    look->stale = larger;
    told_stale *stale = &look->stale[look->stale_count++];
    stale->key_len = key.len;
    memcpy(stale->key, key.ptr, key.len);
    stale->value_len = value.len < TOLD_BYTES ? value.len : TOLD_BYTES;
    if (stale->value_len) memcpy(stale->value, value.ptr, stale->value_len);
    return 0;
}

static void command_read(tally_txn *txn, char out[CLI_NOTIFY_COMMAND_MAX_BYTES + 1]) {
    tally_span set;
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str("notify.command"), &set) != 0 ||
        set.len > CLI_NOTIFY_COMMAND_MAX_BYTES)
        set = tally_span_str(CLI_NOTIFY_COMMAND);
    snprintf(out, CLI_NOTIFY_COMMAND_MAX_BYTES + 1, "%.*s", (int)set.len, (const char *)set.ptr);
}

static int look_around(tally_ledger *ledger, notice_look *look, cli_notices *out,
                       tally_error *err) {
    tally_team team;
    tally_zone *zone = NULL;
    int code = tally_read_begin(ledger, &look->txn, err);
    if (code) return code;
    code = tally_team_get(look->txn, &team, err);
    if (!code) code = cli_zone_load(team.timezone, &zone, err);
    if (!code) code = cli_budgets_each(look->txn, zone, cli_now_ms(), NULL, look_budget, look, err);
    if (!code) code = tally_local_each(look->txn, TALLY_LOCAL_SETTINGS, look_setting, look, err);
    if (!code) command_read(look->txn, out->command);
    tally_zone_free(zone);
    tally_read_end(look->txn);
    return code;
}

/* ---- deciding ---- */

/* What another process has written over meanwhile is not stale any more. */
static int stale_drop(tally_txn *txn, const told_stale *stale, tally_error *err) {
    tally_span key = tally_span_of(stale->key, stale->key_len), value;
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, key, &value) != 0 ||
        !tally_span_eq(tally_span_of(value.ptr, value.len < TOLD_BYTES ? value.len : TOLD_BYTES),
                       tally_span_of(stale->value, stale->value_len)))
        return 0;
    return tally_local_del(txn, TALLY_LOCAL_SETTINGS, key, err);
}

static int told_apply(void *ctx, tally_txn *txn, tally_error *err) {
    notice_look *look = ctx;
    int code = 0;
    for (size_t i = 0; i < look->stale_count && !code; i++)
        code = stale_drop(txn, &look->stale[i], err);
    for (size_t i = 0; i < look->count && !code; i++) {
        notice_budget *b = &look->budgets[i];
        char key[TOLD_KEY_BYTES];
        uint8_t value[TOLD_BYTES];
        b->tell = b->state.level > TALLY_BUDGET_FINE && !was_told(txn, b);
        if (!b->tell) continue;
        told_write(&b->state, value);
        code = tally_local_put(txn, TALLY_LOCAL_SETTINGS,
                               tally_span_of(key, told_key(b->notice.budget, key)),
                               tally_span_of(value, sizeof value), err);
    }
    return code;
}

int cli_notices_take(tally_ledger *ledger, cli_notices *out, tally_error *err) {
    notice_look look = {.count = 0};
    *out = (cli_notices){.count = 0};
    int code = look_around(ledger, &look, out, err);
    if (!code && (look.untold || look.stale_count)) {
        out->list = calloc(look.count + 1, sizeof *out->list);
        code = out->list ? tally_ledger_write(ledger, cli_now_ms(), told_apply, &look, err)
                         : no_memory(err);
        for (size_t i = 0; i < look.count && !code; i++)
            if (look.budgets[i].tell) out->list[out->count++] = look.budgets[i].notice;
    }
    free(look.budgets);
    free(look.stale);
    return code;
}

void cli_notices_clear(cli_notices *notices) {
    free(notices->list);
    *notices = (cli_notices){.count = 0};
}

/* ---- telling ---- */

bool cli_notify_command_ok(tally_span text) {
    size_t words = 1;
    if (text.len == 0 || text.len > CLI_NOTIFY_COMMAND_MAX_BYTES) return false;
    for (size_t i = 0; i < text.len; i++) {
        bool space = text.ptr[i] == ' ';
        if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f) return false;
        if (space && (i == 0 || i + 1 == text.len || text.ptr[i - 1] == ' ')) return false;
        words += space;
    }
    return words + 3 <= ARGUMENTS_MAX;
}

/* In a session of its own and with nothing of ours open, so that it may outlive this process. */
static int spawn(char *const *arguments) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

void cli_notices_tell(const cli_notices *notices) {
    char words[sizeof notices->command], title[TITLE_BYTES];
    if (strcmp(notices->command, "none") == 0) return;
    for (size_t i = 0; i < notices->count; i++) {
        char *arguments[ARGUMENTS_MAX + 1] = {NULL}, *rest = NULL;
        size_t count = 0;
        snprintf(words, sizeof words, "%s", notices->command);
        for (char *word = strtok_r(words, " ", &rest); word && count + 2 < ARGUMENTS_MAX;
             word = strtok_r(NULL, " ", &rest))
            arguments[count++] = word;
        if (count == 0) return;
        snprintf(title, sizeof title, "Budget %s: %s", notices->list[i].budget,
                 notices->list[i].level == TALLY_BUDGET_STOP ? "spent" : "notice");
        cli_text_one_line(title);
        arguments[count++] = title;
        arguments[count] = notices->list[i].text;
        int code = spawn(arguments);
        /* A machine without a desktop lacks the default: that is nobody's mistake. */
        if (code && strcmp(notices->command, CLI_NOTIFY_COMMAND) != 0)
            cli_say("notify.command cannot be run: %s: %s", arguments[0], strerror(code));
    }
}

void cli_notices_say(const cli_notices *notices) {
    for (size_t i = 0; i < notices->count; i++)
        cli_say("budget %s", notices->list[i].text);
}

void cli_notices_json(cli_json *json, const cli_notices *notices) {
    cli_json_open(json, "notices", '[');
    for (size_t i = 0; i < notices->count; i++) {
        const cli_notice *notice = &notices->list[i];
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "budget", notice->budget);
        cli_json_string(json, "level", cli_budget_level(notice->level));
        cli_json_string(json, "text", notice->text);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}
