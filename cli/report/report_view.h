/* What one `tally report` shows, shared by its three forms: table, JSON (report.c) and page
 * (report_html.c and what stands beside it). */
#ifndef TALLY_CLI_REPORT_VIEW_H
#define TALLY_CLI_REPORT_VIEW_H

#include "basis.h"
#include "entries/expense_out.h"
#include "format/html_chart.h"

typedef struct report_keys {
    size_t count;
    tally_report_key keys[TALLY_REPORT_MAX_KEYS];
    const char *names[TALLY_REPORT_MAX_KEYS];
} report_keys;

typedef struct report_view {
    const cli_reading *reading;
    const tally_filter *filter;
    report_keys keys;
    cli_basis basis;
    tally_plans *plans;
    tally_report *report;
    tally_expense_sums expenses; /* beside the rows, in no total */
} report_view;

/* "(unattributed)", "(untagged)" or "(none)": what a missing key is called. */
const char *report_missing_word(tally_report_key key);

/* Writes the whole page. */
int report_html(cli *run, const report_view *view, FILE *out, tally_error *err);

/* ---- the page's own ---- */

/* The largest clients have a colour each, the same one everywhere on the page. */
typedef struct report_colours {
    size_t count;
    tally_span clients[CLI_CHART_RANKED];
} report_colours;
size_t report_colour_of(const report_colours *colours, tally_span client);

typedef struct report_page {
    const cli *run;
    const report_view *view;
    cli_html html;
    report_colours colours;
    int decimals; /* of money as shown */
    bool has_time;
} report_page;

/* One column of money, or with both bases two. */
typedef struct report_money {
    const char *title;
    cli_basis basis;
} report_money;
size_t report_money_columns(cli_basis basis, report_money out[2]);
/* A cell: the figure, marked where requests without one are left out of it. */
void report_money_cell(report_page *page, cli_basis basis, const tally_sums *sums);

/* Sums by these keys, under the filters of the view. */
int report_sums(const report_view *view, const tally_report_key *keys, size_t count,
                tally_report **out, tally_error *err);
/* Rows by cost, largest first. The caller frees the array; NULL when memory ran out. */
const tally_report_row **report_ranked(const report_view *view, const tally_report *report);

/* Tables of sums. */
int report_tables_put(report_page *page, const tally_report *clients, tally_error *err);
/* The list of sessions with its filters. */
int report_history_put(report_page *page, tally_error *err);

/* The files under cli/report/page/, inside the program. */
tally_span report_page_style(void);
tally_span report_page_script(void);

#endif
