/* What options and arguments may be: fixed words, or names that the ledger knows. One row says
 * which; help says the same words, and tests/cli/complete.bats compares. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tally/invoice.h>
#include <tally/outbox.h>
#include <tally/policy.h>
#include <tally/price.h>
#include <tally/team.h>
#include <tally/time.h>
#include <tally/view.h>

#include "capture/adapters.h"
#include "complete.h"
#include "hook/hook_event.h"
#include "ledger/config.h"
#include "open.h"

#define TAGS_READ_MAX 10000u /* rows; the most used come early enough */
#define MONTHS        12
#define SEPARATORS    " ,|"

#define PERIODS     "today yesterday this-week last-week this-month last-month this-year last-year all"
#define REPORT_KEYS "client project branch tag agent model member device day week month session"
#define TAX         "S Z E AE O"

typedef void fill_fn(cli_candidates *list);
typedef void read_fn(cli_candidates *list, tally_txn *txn);

/* ---- what the program knows ---- */

static void words_add(cli_candidates *list, const char *words) {
    for (words += strspn(words, SEPARATORS); *words; words += strspn(words, SEPARATORS)) {
        size_t length = strcspn(words, SEPARATORS);
        cli_candidate_add(list, tally_span_of(words, length), NULL);
        words += length;
    }
}

static void agents_add(cli_candidates *list) {
    const capture_adapter *agent;
    for (size_t i = 0; (agent = capture_adapter_at(i)) != NULL; i++)
        cli_candidate_add(list, tally_span_str(agent->agent), NULL);
}

static void hook_agents_add(cli_candidates *list) {
    const hook_agent *agent;
    for (size_t i = 0; (agent = hook_agent_at(i)) != NULL; i++)
        cli_candidate_add(list, tally_span_str(agent->name), NULL);
}

static void settings_add(cli_candidates *list) {
    const cli_setting *setting;
    for (size_t i = 0; (setting = cli_setting_at(i)) != NULL; i++)
        cli_candidate_add(list, tally_span_str(setting->name), setting->help);
}

static void events_add(cli_candidates *list) {
    for (tally_hook_event event = 0; event < TALLY_HOOK_EVENTS; event++)
        cli_candidate_add(list, tally_span_str(tally_hook_event_name(event)), NULL);
}

static int model_add(void *ctx, const tally_price *price, tally_error *err) {
    (void)err;
    cli_candidate_add(ctx, tally_span_str(price->model), NULL);
    return 0;
}

static void models_add(cli_candidates *list) {
    (void)tally_price_shipped_each(model_add, list, NULL);
}

static void periods_add(cli_candidates *list) {
    time_t now = (time_t)(cli_now_ms() / 1000);
    struct tm day;
    char text[32];
    words_add(list, PERIODS);
    if (!localtime_r(&now, &day)) return;
    for (int i = 0; i < MONTHS; i++) {
        int months = (day.tm_year + 1900) * 12 + day.tm_mon - i;
        snprintf(text, sizeof text, "%04d-%02d", months / 12, months % 12 + 1);
        cli_candidate_add(list, tally_span_str(text), NULL);
    }
}

static void files_add(cli_candidates *list) {
    list->kind = "files";
}

static void folders_add(cli_candidates *list) {
    list->kind = "folders";
}

static void keys_add(cli_candidates *list) {
    words_add(list, REPORT_KEYS);
    list->kind = "list";
}

/* ---- what the ledger knows ---- */

typedef struct policy_names {
    cli_candidates *list;
    const char *field;
} policy_names;

static int policy_name_add(void *ctx, const tally_policy_row *row, tally_error *err) {
    const policy_names *names = ctx;
    tally_span text;
    (void)err;
    if (tally_body_str(&row->record, names->field, &text))
        cli_candidate_add(names->list, text, NULL);
    return 0;
}

static void policy_add(cli_candidates *list, tally_txn *txn, tally_policy policy) {
    size_t count, keys;
    policy_names names = {list, tally_policy_fields(policy, &count, &keys)->name};
    (void)tally_policy_each(txn, policy, policy_name_add, &names, NULL);
}

static int member_add(void *ctx, const tally_team_device *device) {
    cli_candidate_add(ctx, device->member, NULL);
    return 0;
}

static void members_add(cli_candidates *list, tally_txn *txn) {
    (void)tally_team_device_each(txn, member_add, list);
}

static int device_add(void *ctx, const tally_team_device *device) {
    cli_candidate_add(ctx, device->name, NULL);
    return 0;
}

static void devices_add(cli_candidates *list, tally_txn *txn) {
    (void)tally_team_device_each(txn, device_add, list);
}

static void devices_and_members_add(cli_candidates *list, tally_txn *txn) {
    devices_add(list, txn);
    members_add(list, txn);
}

typedef struct tag_names {
    cli_candidates *list;
    unsigned read;
} tag_names;

static int tag_add(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                   const tally_hash *add) {
    tag_names *names = ctx;
    (void)target, (void)add;
    cli_candidate_add(names->list, tag, NULL);
    return ++names->read == TAGS_READ_MAX;
}

static void tags_add(cli_candidates *list, tally_txn *txn) {
    tag_names names = {list, 0};
    (void)tally_tag_each(txn, tag_add, &names);
}

static int invoice_add(void *ctx, const tally_issued *issued, tally_error *err) {
    (void)err;
    cli_candidate_add(ctx, issued->number, NULL);
    return 0;
}

static void invoices_add(cli_candidates *list, tally_txn *txn) {
    (void)tally_issued_each(txn, cli_now_ms() / TALLY_DAY_MS, invoice_add, list, NULL);
}

static int webhook_add(void *ctx, const tally_hook *hook, tally_error *err) {
    (void)err;
    cli_candidate_add(ctx, hook->name, NULL);
    return 0;
}

static void webhooks_add(cli_candidates *list, tally_txn *txn) {
    (void)tally_hook_each(txn, webhook_add, list, NULL);
}

/* ---- which of them ---- */

/* One of `words`, `fill`, `read`, or else names of the policy table. */
typedef struct value_source {
    const char *command; /* its first word, or the whole name; NULL: any */
    const char *what;    /* an option's name, or an argument as help shows it */
    const char *words;
    fill_fn *fill;
    read_fn *read;
    tally_policy policy;
} value_source;

/* The first that fits counts. */
static const value_source sources[] = {
    {.command = "budget set", .what = "period", .words = "daily weekly monthly"},
    {.command = "report", .what = "basis", .words = "list paid both"},
    {.command = "team invite", .what = "member", .words = ""}, /* a new one */
    {.command = "team invite", .what = "device", .words = ""},
    {.command = "init", .what = "member", .words = ""},
    {.command = "init", .what = "device", .words = ""},
    {.command = "invoice", .what = "format", .words = "text md csv json html pdf ubl"},
    {.what = "basis", .words = "list paid"},
    {.what = "by", .fill = keys_add},
    {.what = "period", .fill = periods_add},
    {.what = "agent", .fill = agents_add},
    {.what = "model", .fill = models_add},
    {.what = "event", .fill = events_add},
    {.what = "client", .policy = TALLY_POLICY_CLIENT},
    {.what = "project", .policy = TALLY_POLICY_PROJECT},
    {.what = "contract", .policy = TALLY_POLICY_CONTRACT},
    {.what = "issuer", .read = members_add},
    {.what = "member", .read = members_add},
    {.what = "device", .read = devices_add},
    {.what = "tag", .read = tags_add},
    {.what = "invoice", .read = invoices_add},
    {.what = "category", .words = "llm embedding vector_db gpu egress monitoring other"},
    {.what = "covers", .words = "all beyond-plan"},
    {.what = "lines", .words = "description entry project day tag"},
    {.what = "role", .words = "admin member auditor"},
    {.what = "rounding", .words = "up nearest"},
    {.what = "rounding-per", .words = "entry day line"},
    {.what = "ai-cost", .words = "at_cost markup in_rate budget none"},
    {.what = "tax-category", .words = TAX},
    {.what = "compute-tax-category", .words = TAX},
    {.what = "witnesses", .words = "any admin member auditor"},

    {.command = "client", .what = "NAME", .policy = TALLY_POLICY_CLIENT},
    {.command = "project", .what = "NAME", .policy = TALLY_POLICY_PROJECT},
    {.command = "rule", .what = "NAME", .policy = TALLY_POLICY_RULE},
    {.command = "plan", .what = "NAME", .policy = TALLY_POLICY_PLAN},
    {.command = "budget", .what = "NAME", .policy = TALLY_POLICY_BUDGET},
    {.command = "contract", .what = "NAME", .policy = TALLY_POLICY_CONTRACT},
    {.command = "webhook", .what = "NAME", .read = webhooks_add},
    {.command = "invoice", .what = "NUMBER", .read = invoices_add},
    {.command = "hook", .what = "AGENT", .fill = hook_agents_add},
    {.command = "completion", .what = "SHELL", .words = "bash zsh fish"},
    {.what = "CONTRACT", .policy = TALLY_POLICY_CONTRACT},
    {.what = "PROVIDER", .policy = TALLY_POLICY_BILL},
    {.what = "MEMBER", .read = members_add},
    {.what = "DEVICE", .read = devices_add},
    {.what = "DEVICE|MEMBER", .read = devices_and_members_add},
    {.what = "TAG", .read = tags_add},
    {.what = "MODEL", .fill = models_add},
    {.what = "KEY", .fill = settings_add},
    {.what = "PATH", .fill = folders_add},
};

static bool source_fits(const value_source *source, const char *command, const char *what) {
    if (strcmp(source->what, what) != 0) return false;
    if (!source->command) return true;
    size_t length = strlen(source->command);
    return strncmp(source->command, command, length) == 0 && strchr(" ", command[length]);
}

/* Opening would make LMDB's lock: whoever only presses a key leaves no trace. Where none can be
 * made none will be. */
static bool would_leave_lock(const char *dir) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/" TALLY_STORE_LOCK_FILE, dir);
    return n < 0 || (size_t)n >= sizeof path || (access(path, F_OK) != 0 && access(dir, W_OK) == 0);
}

static void ledger_ask(cli_candidates *list, const cli *run, const value_source *source) {
    tally_ledger_options options = {.dir = run->dir, .read_only = true};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    if (*run->dir && !would_leave_lock(run->dir) && !tally_ledger_open(&options, &ledger, NULL) &&
        !tally_read_begin(ledger, &txn, NULL)) {
        if (source->read)
            source->read(list, txn);
        else
            policy_add(list, txn, source->policy);
    }
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
}

/* Words stand in the placeholder itself: "csv|json"; "FILE|-" names a file. */
static void shown_add(cli_candidates *list, const char *shown) {
    if (strncmp(shown, "FILE", 4) == 0)
        files_add(list);
    else if (strcmp(shown, "DIR") == 0)
        folders_add(list);
    else if (strchr(shown, '|') && *shown >= 'a' && *shown <= 'z')
        words_add(list, shown);
}

void cli_values_add(cli_candidates *list, cli *run, const char *what, const char *shown) {
    const value_source *source = sources, *end = sources + sizeof sources / sizeof *sources;
    while (source < end && !source_fits(source, run->command->name, what))
        source++;
    if (source == end)
        shown_add(list, shown);
    else if (source->words)
        words_add(list, source->words);
    else if (source->fill)
        source->fill(list);
    else
        ledger_ask(list, run, source);
}
