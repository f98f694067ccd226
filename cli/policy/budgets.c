/* Budgets as several commands need them. Figures are the ledger's; the commands are in budget.c. */
#include "budgets.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "open.h"

#define MONEY_DECIMALS   2
#define SHARE_DECIMALS   1
#define SHARE_UNIT       (TALLY_PICO / 10) /* a tenth of a percent, as the ledger's are cut to */
#define SHARES_IN_A_UNIT 10                /* hundredths of a percent in that */

/* ---- zones ---- */

typedef struct zone_kept {
    tally_span name;
    tally_zone *zone;
} zone_kept;

typedef struct zone_shelf {
    zone_kept *kept;
    size_t count;
} zone_shelf;

static int zone_find(void *ctx, tally_span name, const tally_zone **out, tally_error *err) {
    zone_shelf *shelf = ctx;
    for (size_t i = 0; i < shelf->count; i++)
        if (tally_span_eq(shelf->kept[i].name, name)) {
            *out = shelf->kept[i].zone;
            return 0;
        }
    zone_kept *larger = realloc(shelf->kept, (shelf->count + 1) * sizeof *larger);
    if (!larger) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    shelf->kept = larger;
    zone_kept *next = &shelf->kept[shelf->count];
    next->name = name;
    int code = cli_zone_load(name, &next->zone, err);
    if (code) return code;
    shelf->count++;
    *out = next->zone;
    return 0;
}

int cli_budgets_each(tally_txn *txn, const tally_zone *team, int64_t now_ms,
                     const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                     tally_error *err) {
    zone_shelf shelf = {.count = 0};
    tally_budget_zones zones = {.team = team, .of_name = zone_find, .ctx = &shelf};
    int code = tally_budgets_each_zoned(txn, &zones, now_ms, asked, fn, ctx, err);
    for (size_t i = 0; i < shelf.count; i++)
        tally_zone_free(shelf.kept[i].zone);
    free(shelf.kept);
    return code;
}

/* ---- showing ---- */

const char *cli_budget_level(tally_budget_level level) {
    static const char *const names[] = {"fine", "notify", "stop"};
    return names[level];
}

void cli_budget_share(const tally_budget *budget, char out[TALLY_MONEY_TEXT_BYTES]) {
    tally_pico_format_rounded(budget->share / SHARES_IN_A_UNIT * SHARE_UNIT, SHARE_DECIMALS, true,
                              out);
    size_t length = strlen(out); /* 128 bits take no more than 54 */
    assert(length + sizeof " %" <= TALLY_MONEY_TEXT_BYTES);
    memcpy(out + length, " %", sizeof " %");
}

void cli_budget_json(cli_json *json, const char *key, const tally_budget *b) {
    cli_json_open(json, key, '{');
    cli_json_text(json, "budget", b->budget);
    cli_json_text(json, "period", b->every);
    cli_json_text_or_null(json, "agent", b->agent);
    cli_json_text_or_null(json, "client", b->client);
    cli_json_text_or_null(json, "project", b->project);
    cli_json_text_or_null(json, "tag", b->tag);
    cli_json_time(json, "from", b->period.start_ms);
    cli_json_time(json, "to", b->period.end_ms);
    cli_json_i64(json, "days_left", b->days_left);
    cli_json_string(json, "currency", TALLY_COST_CURRENCY);
    cli_json_money(json, "limit", b->limit);
    cli_json_money(json, "spent", b->spent);
    cli_json_money(json, "share_percent", b->share * (TALLY_PICO / 100));
    cli_json_money(json, "remaining", b->limit - b->spent);
    cli_json_money(json, "forecast", b->forecast);
    cli_json_u64_or_null(json, "notify_at", b->notify_at != 0, b->notify_at);
    cli_json_u64_or_null(json, "stop_at", b->stop_at != 0, b->stop_at);
    cli_json_string(json, "level", cli_budget_level(b->level));
    cli_json_u64(json, "unpriced_requests", b->unpriced_requests);
    cli_json_close(json, '}');
}

void cli_budget_sentence(const tally_budget *b, char out[CLI_BUDGET_LINE_BYTES]) {
    char spent[TALLY_MONEY_TEXT_BYTES], limit[TALLY_MONEY_TEXT_BYTES];
    char share[TALLY_MONEY_TEXT_BYTES], until[TALLY_TIME_TEXT_BYTES], then[64] = "";
    tally_pico_format_rounded(b->spent, MONEY_DECIMALS, true, spent);
    tally_pico_format_rounded(b->limit, MONEY_DECIMALS, true, limit);
    cli_budget_share(b, share);
    tally_date_format(b->period.end_day - 1, until);
    if (b->level == TALLY_BUDGET_STOP)
        snprintf(then, sizeof then, "; agents are stopped until then");
    else if (b->stop_at)
        snprintf(then, sizeof then, "; agents are stopped at %" PRIu32 " %%", b->stop_at);
    snprintf(out, CLI_BUDGET_LINE_BYTES,
             "%.*s: %s of %s " TALLY_COST_CURRENCY " spent (%s) until %s%s", (int)b->budget.len,
             (const char *)b->budget.ptr, spent, limit, share, until, then);
    cli_text_one_line(out);
}
