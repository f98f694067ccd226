/* Asks for the budgets that present work counts against and says what is spent. */
#include "hook_budget.h"

#include <inttypes.h>
#include <stdarg.h>

#include "policy/budgets.h"
#include "shell.h"

typedef struct verdict {
    const cli_reading *reading;
    tally_budget_level level;
    char *text;
    size_t used;
} verdict;

__attribute__((format(printf, 2, 3))) static void put(verdict *said, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length =
        vsnprintf(said->text + said->used, HOOK_SENTENCE_MAX_BYTES - said->used, format, args);
    va_end(args);
    if (length > 0) said->used += (size_t)length;
    if (said->used >= HOOK_SENTENCE_MAX_BYTES) said->used = HOOK_SENTENCE_MAX_BYTES - 1;
}

static void put_word(verdict *said, tally_span name) {
    char word[HOOK_SENTENCE_MAX_BYTES];
    if (cli_shell_word(name, word, sizeof word)) put(said, "%s", word);
}

typedef struct condition {
    const char *option, *words;
    tally_span value;
} condition;

static void put_command(verdict *said, const tally_budget *budget, const condition *conditions) {
    put(said, "tally budget set --name ");
    put_word(said, budget->budget);
    put(said, " --period %.*s", (int)budget->every.len, (const char *)budget->every.ptr);
    for (; conditions->option; conditions++) {
        if (!conditions->value.len) continue;
        put(said, " %s ", conditions->option);
        put_word(said, conditions->value);
    }
    if (budget->notify_at) put(said, " --notify-at %" PRIu32, budget->notify_at);
    if (budget->stop_at) put(said, " --stop-at %" PRIu32, budget->stop_at);
    put(said, " --limit AMOUNT");
}

static void say(verdict *said, const tally_budget *budget) {
    const condition conditions[] = {{"--client", "client", budget->client},
                                    {"--project", "project", budget->project},
                                    {"--agent", "agent", budget->agent},
                                    {"--tag", "tag", budget->tag},
                                    {NULL, NULL, {NULL, 0}}};
    char spent[TALLY_MONEY_TEXT_BYTES], limit[TALLY_MONEY_TEXT_BYTES];
    char until[TALLY_TIME_TEXT_BYTES];
    bool stop = budget->level == TALLY_BUDGET_STOP;
    tally_pico_format_rounded(budget->spent, 2, true, spent);
    tally_pico_format_rounded(budget->limit, 2, true, limit);
    tally_date_format(budget->period.end_day, until);
    said->used = 0;
    put(said, "Tally: the %.*s budget '%.*s'", (int)budget->every.len,
        (const char *)budget->every.ptr, (int)budget->budget.len, (const char *)budget->budget.ptr);
    bool any = false;
    for (const condition *at = conditions; at->option; at++) {
        if (!at->value.len) continue;
        put(said, ", for %s %.*s", at->words, (int)at->value.len, (const char *)at->value.ptr);
        any = true;
    }
    if (any) put(said, ",");
    if (stop && budget->spent >= budget->limit)
        put(said, " is spent: ");
    else
        put(said, " has reached %" PRIu32 " percent: ", stop ? budget->stop_at : budget->notify_at);
    put(said, "%s of %s %s.", spent, limit, TALLY_COST_CURRENCY);
    if (budget->unpriced_requests)
        put(said, " %" PRIu64 " more requests have no price.", budget->unpriced_requests);
    if (!stop) return;
    put(said, " It starts anew on %s. To go on now, raise it: ", until);
    put_command(said, budget, conditions);
}

static int budget_look(void *ctx, const tally_budget *budget, tally_error *err) {
    verdict *said = ctx;
    (void)err;
    if (budget->level <= said->level) return 0;
    said->level = budget->level;
    say(said, budget);
    return 0;
}

int hook_budget_ask(const cli_reading *reading, const cli_work *work, tally_budget_level *level,
                    char *out, tally_error *err) {
    verdict said = {.reading = reading, .level = TALLY_BUDGET_FINE, .text = out};
    out[0] = '\0';
    int code = cli_budgets_each(reading->txn, reading->zone, cli_now_ms(), &work->asked,
                                budget_look, &said, err);
    *level = said.level;
    cli_text_one_line(out);
    return code;
}
