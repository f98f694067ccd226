/* tally report --html: one page that needs nothing beside itself. What it is made of: the head and
 * the charts here, tables in report_tables.c, the list of sessions in report_history.c. */
#include <inttypes.h>
#include <stdlib.h>

#include <tally/money.h>

#include "attribution_out.h"
#include "policy/engaged.h"
#include "report_view.h"
#include "shell.h"
#include "team/device.h"

#define COST_PIXELS    220u
#define HOURS_PIXELS   120u
#define SMALL_TOTAL    (10 * TALLY_PICO) /* below it cents are too coarse */
#define HOURS_DECIMALS 2
#define THOUSAND       1000u

/* ---- the head ---- */

/* The days from the first to the last that has anything. False when there are none, or one that no
 * calendar holds. */
static bool days_of(const tally_report *days, int64_t *first, int64_t *last) {
    bool found = false;
    for (size_t i = 0; i < tally_report_count(days); i++) {
        int64_t day;
        if (tally_date_parse(tally_report_at(days, i)->keys[0], &day) != 0) return false;
        if (!found || day < *first) *first = day;
        if (!found || day > *last) *last = day;
        found = true;
    }
    return found;
}

static void period_text(const report_page *page, const tally_report *days,
                        char out[CLI_BIN_WORD_BYTES]) {
    const tally_filter *filter = page->view->filter;
    int64_t first = 0, last = 0;
    if (filter->has_period && filter->period.end_ms != INT64_MAX)
        cli_days_text(filter->period.first_day, filter->period.end_day - 1, out);
    else if (days_of(days, &first, &last))
        cli_days_text(first, last, out);
    else
        snprintf(out, CLI_BIN_WORD_BYTES, "All time");
}

static bool option_filters(const cli_option *option) {
    static const char *const others[] = {"by", "html", "json", "ledger", "basis", "period"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(option->name, others[i]) == 0) return false;
    return true;
}

static void filters_put(report_page *page) {
    cli_html *html = &page->html;
    for (size_t i = 0; i < page->run->given_count; i++) {
        const cli_given *given = &page->run->given[i];
        if (!option_filters(given->option)) continue;
        cli_html_format(html, "<li><span>%s</span> ", given->option->name);
        if (given->value) cli_html_name(html, tally_span_str(given->value));
        cli_html_put(html, "</li>");
    }
}

static void head_put(report_page *page, const char *period) {
    static const char *const words[] = {[CLI_BASIS_LIST] = "list prices",
                                        [CLI_BASIS_PAID] = "what was paid under plans",
                                        [CLI_BASIS_BOTH] = "list prices, and what was paid"};
    cli_html *html = &page->html;
    const cli_reading *reading = page->view->reading;
    cli_html_put(html, "<header>\n<p class=\"team\">");
    cli_html_name(html, reading->team.name);
    cli_html_format(html, "</p>\n<h1>%s</h1>\n<ul class=\"facts\">", period);
    filters_put(page);
    cli_html_format(html, "<li><span>basis</span> %s, " TALLY_COST_CURRENCY "</li>",
                    words[page->view->basis]);
    cli_html_put(html, "<li><span>days of</span> ");
    if (reading->zones.count) cli_html_put(html, "each client\xe2\x80\x99s own zone, else ");
    cli_html_name(html, reading->zone_name);
    cli_html_put(html, "</li></ul>\n</header>\n");
}

/* ---- totals ---- */

/* 12,345,678 as "12.3 M", cut: to be read, with the exact number beside it. Below a hundred
 * thousand the exact number is as short. */
static void count_put(cli_html *html, uint64_t value) {
    static const char *const units[] = {"", "\xe2\x80\x89k", "\xe2\x80\x89M", "\xe2\x80\x89G",
                                        "\xe2\x80\x89T"};
    uint64_t unit = 1;
    size_t i = 0;
    if (value < 100 * THOUSAND) {
        cli_html_format(html, "<data value=\"%" PRIu64 "\">", value);
        cli_html_count(html, value);
        cli_html_put(html, "</data>");
        return;
    }
    while (i + 1 < sizeof units / sizeof *units && value / unit >= THOUSAND) {
        unit *= THOUSAND;
        i++;
    }
    cli_html_format(html, "<data value=\"%" PRIu64 "\">%" PRIu64, value, value / unit);
    if (unit >= THOUSAND && value / unit < 100)
        cli_html_format(html, ".%" PRIu64, value % unit / (unit / 10));
    cli_html_format(html, "%s</data>", units[i]);
}

static void figure_open(cli_html *html, const char *id, const char *label) {
    cli_html_format(html, "<div><dt>%s</dt><dd id=\"%s\">", label, id);
}

static void figure_close(cli_html *html, const char *unit) {
    cli_html_format(html, "%s%s%s</dd></div>\n", *unit ? " <small>" : "", unit,
                    *unit ? "</small>" : "");
}

static void costs_put(report_page *page, const tally_sums *total) {
    report_money money[2];
    size_t count = report_money_columns(page->view->basis, money);
    for (size_t i = 0; i < count; i++) {
        tally_sums shown = cli_basis_sums(money[i].basis, total);
        figure_open(&page->html, i ? "total-paid" : "total-cost", money[i].title);
        if (cli_sums_priced(&shown))
            cli_html_money(&page->html, shown.pico, page->decimals);
        else
            cli_html_put(&page->html, "<span class=\"warn\">not known</span>");
        figure_close(&page->html, cli_sums_priced(&shown) ? TALLY_COST_CURRENCY : "");
    }
}

static void totals_put(report_page *page, const tally_sums *total) {
    cli_html *html = &page->html;
    uint64_t cached = total->cache_read + total->cache_write_5m + total->cache_write_1h;
    cli_html_put(html, "<dl class=\"totals\">\n");
    costs_put(page, total);
    if (total->has_time) {
        figure_open(html, "total-hours", "Engaged");
        cli_html_hours(html, total->engaged_ms);
        figure_close(html, "h");
        figure_open(html, "total-agent-hours", "Agents at work");
        cli_html_hours(html, total->agent_ms);
        figure_close(html, "h");
    }
    figure_open(html, "total-sessions", "Sessions");
    count_put(html, total->sessions);
    figure_close(html, "");
    figure_open(html, "total-requests", "Requests");
    count_put(html, total->requests);
    figure_close(html, "");
    figure_open(html, "total-input", "Tokens in");
    count_put(html, total->input);
    figure_close(html, "");
    figure_open(html, "total-cached", "Tokens cached");
    count_put(html, cached);
    figure_close(html, "");
    figure_open(html, "total-output", "Tokens out");
    count_put(html, total->output);
    figure_close(html, "");
    cli_html_put(html, "</dl>\n");
}

static void unattributed_put(report_page *page, const tally_report *clients) {
    cli_html *html = &page->html;
    for (size_t i = 0; i < tally_report_count(clients); i++) {
        const tally_report_row *row = tally_report_at(clients, i);
        tally_sums shown = cli_basis_sums(page->view->basis, &row->sums);
        if (row->keys[0].len) continue;
        cli_html_put(html, "<li id=\"unattributed\"><b>");
        cli_html_money(html, shown.pico, page->decimals);
        cli_html_put(html, " " TALLY_COST_CURRENCY "</b>");
        if (row->sums.engaged_ms) {
            cli_html_put(html, " and <b>");
            cli_html_hours(html, row->sums.engaged_ms);
            cli_html_put(html, " h</b>");
        }
        cli_html_put(html, " belong to no client: 'tally rule set' or 'tally assign' says whose "
                           "they are.</li>\n");
    }
}

static void conflict_put(cli_html *html, const tally_conflict *conflict) {
    cli_html_put(html, "<li>Rules ");
    cli_html_name(html, conflict->rule);
    cli_html_put(html, " and ");
    cli_html_name(html, conflict->other);
    cli_html_format(html,
                    " disagree on %" PRIu64 " session%s, which belong to nobody until a "
                    "--priority or 'tally assign' settles it.</li>\n",
                    conflict->sessions, conflict->sessions == 1 ? "" : "s");
}

static void plans_put(report_page *page) {
    const tally_plans *plans = page->view->plans;
    for (size_t i = 0; plans && i < tally_plans_count(plans); i++) {
        const tally_plan_month *month = tally_plans_at(plans, i);
        char date[TALLY_TIME_TEXT_BYTES];
        tally_date_format(month->first_day, date);
        cli_html_put(&page->html,
                     month->bill ? "<li class=\"quiet\">Bill of " : "<li class=\"quiet\">Plan ");
        cli_html_name(&page->html, month->plan);
        cli_html_put(&page->html, ": ");
        cli_html_amount(&page->html, month->fee, month->currency);
        cli_html_put(&page->html, " ");
        cli_html_text(&page->html, month->currency);
        cli_html_format(&page->html, " for %.7s%s, shared over %" PRIu64 " requests.</li>\n", date,
                        month->beyond ? ", beyond the plan" : "", month->requests);
    }
}

static void expenses_put(report_page *page) {
    const tally_expense_sums *sums = &page->view->expenses;
    for (size_t i = 0; i < sums->count; i++) {
        cli_html_put(&page->html, "<li class=\"quiet\">Expenses, in no figure here: ");
        cli_html_amount(&page->html, sums->by_currency[i].pico,
                        tally_span_str(sums->by_currency[i].currency));
        cli_html_put(&page->html, " ");
        cli_html_text(&page->html, tally_span_str(sums->by_currency[i].currency));
        cli_html_put(&page->html, " ('tally expense list').</li>\n");
    }
}

/* What the figures leave out, before anybody reads them for the whole. */
static void gaps_put(report_page *page, const tally_report *clients) {
    cli_html *html = &page->html;
    const tally_sums *total = tally_report_total(clients);
    cli_html_put(html, "<ul class=\"gaps\">\n");
    unattributed_put(page, clients);
    if (page->view->basis != CLI_BASIS_PAID && total->unpriced_requests)
        cli_html_format(html,
                        "<li id=\"unpriced\">Without a price, and in no cost (+? marks where): "
                        "<b>%" PRIu64 " request%s</b>. 'tally report --by model --unpriced' names "
                        "their models, 'tally prices set' gives them one.</li>\n",
                        total->unpriced_requests, total->unpriced_requests == 1 ? "" : "s");
    if (page->view->basis != CLI_BASIS_LIST && total->unpaid_requests)
        cli_html_format(html,
                        "<li>Covered by no plan or bill: <b>%" PRIu64
                        " request%s</b>. What was paid for "
                        "them is not known, and in no sum.</li>\n",
                        total->unpaid_requests, total->unpaid_requests == 1 ? "" : "s");
    for (size_t i = 0; i < tally_report_conflict_count(page->view->report); i++)
        conflict_put(html, tally_report_conflict_at(page->view->report, i));
    plans_put(page);
    expenses_put(page);
    const char *overlap = page->has_time ? cli_overlap_words(page->view->reading) : NULL;
    if (overlap) cli_html_format(html, "<li id=\"overlap\">%s.</li>\n", overlap);
    cli_html_put(html, "</ul>\n");
}

/* ---- charts ---- */

static int colours_choose(report_page *page, const tally_report *clients, tally_error *err) {
    const tally_report_row **rows = report_ranked(page->view, clients);
    if (!rows) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    for (size_t i = 0; i < tally_report_count(clients); i++)
        if (rows[i]->keys[0].len && page->colours.count < CLI_CHART_RANKED)
            page->colours.clients[page->colours.count++] = rows[i]->keys[0];
    free(rows);
    return 0;
}

/* A short period is drawn whole, a longer one from its first to its last day with work. */
static bool chart_bins(const report_page *page, const tally_report *days, cli_bins *out) {
    const tally_filter *filter = page->view->filter;
    int64_t first = 0, last = 0;
    if (!days_of(days, &first, &last)) return false;
    if (filter->has_period && filter->period.end_ms != INT64_MAX &&
        cli_bins_choose(filter->period.first_day, filter->period.end_day - 1, out) == 0 &&
        out->step == CLI_BIN_DAY)
        return true;
    return cli_bins_choose(first, last, out) == 0;
}

static tally_i128 measure_of(const report_page *page, const tally_sums *sums, bool hours) {
    if (hours) return cli_hours_pico(sums->engaged_ms);
    return cli_basis_sums(page->view->basis, sums).pico;
}

static int chart_fill(const report_page *page, const tally_report *days, bool hours,
                      cli_chart *chart) {
    for (size_t i = 0; i < tally_report_count(days); i++) {
        const tally_report_row *row = tally_report_at(days, i);
        int64_t day;
        size_t slot = report_colour_of(&page->colours, row->keys[1]);
        if (tally_date_parse(row->keys[0], &day) != 0) return -1;
        if (cli_chart_add(chart, day, slot, measure_of(page, &row->sums, hours))) return -1;
    }
    return 0;
}

static bool chart_empty(const cli_chart *chart) {
    for (size_t i = 0; i < chart->bins.count; i++)
        for (size_t k = 0; k < CLI_CHART_SLOTS; k++)
            if (chart->values[i][k] > 0) return false;
    return true;
}

static int chart_put(report_page *page, const tally_report *days, bool hours, tally_error *err) {
    cli_html *html = &page->html;
    char label[CLI_BIN_WORD_BYTES];
    cli_chart *chart = calloc(1, sizeof *chart);
    if (!chart) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    chart->label = label;
    chart->unit = hours ? "h" : TALLY_COST_CURRENCY;
    chart->decimals = hours ? HOURS_DECIMALS : page->decimals;
    chart->height = hours ? HOURS_PIXELS : COST_PIXELS;
    memcpy(chart->names, page->colours.clients, sizeof page->colours.clients);
    chart->names[CLI_CHART_OTHERS] = tally_span_str("others");
    chart->names[CLI_CHART_NOBODY] = tally_span_str("(unattributed)");
    bool drawn = chart_bins(page, days, &chart->bins);
    int code = drawn ? chart_fill(page, days, hours, chart) : 0;
    if (code) tally_inexact("a sum of costs", err);
    if (!code && drawn && !chart_empty(chart)) {
        snprintf(label, sizeof label, "%s per %s",
                 hours                                 ? "Engaged hours"
                 : page->view->basis == CLI_BASIS_PAID ? "Paid"
                                                       : "Cost",
                 cli_bins_word(&chart->bins));
        cli_html_format(html, "<section class=\"card\">\n<h2>%s <small>%s</small></h2>\n", label,
                        chart->unit);
        cli_chart_legend(html, chart);
        cli_chart_put(html, chart);
        cli_html_put(html, "</section>\n");
    }
    free(chart);
    return code;
}

/* ---- how to check it ---- */

static void word_put(cli_html *html, const char *value) {
    size_t size = 4 * strlen(value) + 3; /* each byte a quote, and quotes around them */
    char *word = malloc(size);
    if (word && cli_shell_word(tally_span_str(value), word, size))
        cli_html_text(html, tally_span_str(word));
    free(word);
}

static void period_option_put(report_page *page) {
    const tally_period *period = &page->view->filter->period;
    char first[TALLY_TIME_TEXT_BYTES], last[TALLY_TIME_TEXT_BYTES];
    if (!page->view->filter->has_period || period->end_ms == INT64_MAX) return;
    /* "last-month" means another one tomorrow. */
    tally_date_format(period->first_day, first);
    tally_date_format(period->end_day - 1, last);
    cli_html_format(&page->html, " --period %s..%s", first, last);
}

static void command_put(report_page *page) {
    cli_html *html = &page->html;
    cli_html_put(html, "<pre>tally report --by client");
    period_option_put(page);
    for (size_t i = 0; i < page->run->given_count; i++) {
        const cli_given *given = &page->run->given[i];
        if (!option_filters(given->option) && strcmp(given->option->name, "basis") != 0) continue;
        cli_html_format(html, " --%s", given->option->name);
        if (!given->value) continue;
        cli_html_put(html, " ");
        word_put(html, given->value);
    }
    cli_html_put(html, " --json</pre>\n");
}

/* In an order that does not depend on whose ledger this is. */
static int device_order(const void *a, const void *b) {
    const cli_device *x = a, *y = b;
    return memcmp(x->in.device.b, y->in.device.b, sizeof x->in.device.b);
}

static int frontier_put(report_page *page, tally_error *err) {
    const cli_reading *reading = page->view->reading;
    cli_html *html = &page->html;
    cli_devices devices = {0};
    int code = cli_devices_read(reading->ledger, reading->txn, &devices, err);
    if (code) return code;
    if (devices.count) qsort(devices.rows, devices.count, sizeof *devices.rows, device_order);
    cli_html_put(html, "<p>Records it was made from, by device:</p>\n<ul class=\"frontier\">");
    for (size_t i = 0; i < devices.count; i++) {
        char id[CLI_ID_TEXT_BYTES], names[CLI_NAMES_TEXT_BYTES];
        cli_id_text(devices.rows[i].in.device.b, id);
        cli_device_names(&devices.rows[i].in, names);
        cli_html_format(html, "<li><code>%s</code> ", id);
        cli_html_name(html, tally_span_str(names));
        cli_html_format(html, " <b>%" PRIu64 "</b></li>", devices.rows[i].records);
    }
    cli_html_put(html, "</ul>\n");
    cli_devices_free(&devices);
    return 0;
}

static int foot_put(report_page *page, tally_error *err) {
    cli_html *html = &page->html;
    const tally_filter *filter = page->view->filter;
    cli_html_put(html, "<footer>\n<h2>How to check this</h2>\n<p>Amounts are shown rounded; the "
                       "exact ones stand behind them in the page. Any device of the team with the "
                       "same records comes to the same figures:</p>\n");
    command_put(page);
    int code = frontier_put(page, err);
    if (filter->has_min_cost || filter->has_max_cost)
        cli_html_put(html, "<p>Limits on costs are on single responses in charts and tables, and "
                           "on whole sessions in the list of sessions.</p>\n");
    cli_html_put(html, "<p class=\"made\">tally " TALLY_VERSION "</p>\n</footer>\n</main>\n");
    return code;
}

/* ---- the page ---- */

static int body_put(report_page *page, const tally_report *days, const tally_report *clients,
                    tally_error *err) {
    char period[CLI_BIN_WORD_BYTES];
    cli_html *html = &page->html;
    period_text(page, days, period);
    cli_html_put(html, "<main>\n");
    head_put(page, period);
    totals_put(page, tally_report_total(clients));
    gaps_put(page, clients);
    if (!tally_report_count(clients)) {
        cli_html_put(html, "<p class=\"empty\">Nothing was recorded that matches.</p>\n");
        return foot_put(page, err);
    }
    int code = chart_put(page, days, false, err);
    if (!code && page->has_time) code = chart_put(page, days, true, err);
    if (!code) code = report_tables_put(page, clients, err);
    if (!code) code = report_history_put(page, err);
    return code ? code : foot_put(page, err);
}

int report_html(cli *run, const report_view *view, FILE *out, tally_error *err) {
    static const tally_report_key by_day[] = {TALLY_BY_DAY, TALLY_BY_CLIENT};
    static const tally_report_key by_client[] = {TALLY_BY_CLIENT};
    report_page page = {.run = run, .view = view};
    tally_report *days = NULL, *clients = NULL;
    tally_span style = report_page_style(), script = report_page_script();
    cli_html_begin(&page.html, out);
    int code = report_sums(view, by_day, 2, &days, err);
    if (!code) code = report_sums(view, by_client, 1, &clients, err);
    if (!code) {
        tally_sums total = cli_basis_sums(view->basis, tally_report_total(clients));
        page.decimals = total.pico && total.pico < SMALL_TOTAL ? 4 : 2;
        page.has_time = total.has_time;
        code = colours_choose(&page, clients, err);
    }
    if (!code) {
        cli_html_open(&page.html, view->reading->team.name, style, script);
        code = body_put(&page, days, clients, err);
        cli_html_close(&page.html, script);
    }
    tally_report_free(days);
    tally_report_free(clients);
    return code;
}
