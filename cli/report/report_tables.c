/* The page's tables: by client, project, model, member and the keys asked for, each with bars. */
#include <inttypes.h>
#include <stdlib.h>

#include "report_view.h"

#define ROWS_MAX 25u /* of one table; the rest is summed */

size_t report_colour_of(const report_colours *colours, tally_span client) {
    if (!client.len) return CLI_CHART_NOBODY;
    for (size_t i = 0; i < colours->count; i++)
        if (tally_span_eq(colours->clients[i], client)) return i;
    return CLI_CHART_OTHERS;
}

size_t report_money_columns(cli_basis basis, report_money out[2]) {
    static const report_money both[] = {{"List price", CLI_BASIS_LIST}, {"Paid", CLI_BASIS_PAID}};
    if (basis == CLI_BASIS_BOTH) {
        memcpy(out, both, sizeof both);
        return 2;
    }
    out[0] = (report_money){basis == CLI_BASIS_PAID ? "Paid" : "Cost", basis};
    return 1;
}

void report_money_cell(report_page *page, cli_basis basis, const tally_sums *sums) {
    tally_sums shown = cli_basis_sums(basis, sums);
    cli_html *html = &page->html;
    cli_html_put(html, "<td class=\"n\">");
    if (!cli_sums_priced(&shown)) {
        cli_html_put(html, basis == CLI_BASIS_PAID ? "<span class=\"warn\">not known</span></td>"
                                                   : "<span class=\"warn\">unpriced</span></td>");
        return;
    }
    if (shown.unpriced_requests)
        cli_html_format(
            html, "<span class=\"warn\" title=\"without a price: %" PRIu64 " requests\">+?</span> ",
            shown.unpriced_requests);
    cli_html_money(html, shown.pico, page->decimals);
    cli_html_put(html, "</td>");
}

int report_sums(const report_view *view, const tally_report_key *keys, size_t count,
                tally_report **out, tally_error *err) {
    return tally_report_run(view->reading->txn, view->filter, keys, count, view->reading->zone, out,
                            err);
}

static int ranked_order(const void *a, const void *b, void *basis) {
    const tally_report_row *x = *(const tally_report_row *const *)a;
    const tally_report_row *y = *(const tally_report_row *const *)b;
    tally_sums left = cli_basis_sums(*(const cli_basis *)basis, &x->sums);
    tally_sums right = cli_basis_sums(*(const cli_basis *)basis, &y->sums);
    if (left.pico != right.pico) return left.pico < right.pico ? 1 : -1;
    if (left.engaged_ms != right.engaged_ms) return left.engaged_ms < right.engaged_ms ? 1 : -1;
    for (size_t i = 0; i < TALLY_REPORT_MAX_KEYS; i++) {
        int order = tally_span_cmp(x->keys[i], y->keys[i]);
        if (order) return order;
    }
    return 0;
}

const tally_report_row **report_ranked(const report_view *view, const tally_report *report) {
    size_t count = tally_report_count(report);
    cli_basis basis = view->basis;
    const tally_report_row **rows = malloc((count + 1) * sizeof *rows);
    if (!rows) return NULL;
    for (size_t i = 0; i < count; i++)
        rows[i] = tally_report_at(report, i);
    if (count) qsort_r(rows, count, sizeof *rows, ranked_order, &basis);
    return rows;
}

typedef struct sums_table {
    const char *title, *id;
    report_keys keys;
    bool coloured; /* its first key is the client */
} sums_table;

/* A table while it is written. */
typedef struct table_shape {
    report_page *page;
    const sums_table *table;
    const tally_sums *total;
    report_money money[2];
    size_t money_count;
    bool has_time;
} table_shape;

/* Money where there is any, else hours. */
static tally_i128 measure_of(const table_shape *shape, const tally_sums *sums) {
    tally_sums total = cli_basis_sums(shape->page->view->basis, shape->total);
    if (total.pico > 0) return cli_basis_sums(shape->page->view->basis, sums).pico;
    return cli_hours_pico(sums->engaged_ms);
}

/* Clients' shares as one bar: the rows below it are its legend. */
static void shares_put(const table_shape *shape, const tally_report_row **rows, size_t count) {
    cli_html *html = &shape->page->html;
    tally_i128 slots[CLI_CHART_SLOTS] = {0}, sum = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        tally_i128 value = measure_of(shape, &rows[i]->sums);
        if (value <= 0 || tally_add_i128(sum, value, &sum)) continue;
        slots[report_colour_of(&shape->page->colours, rows[i]->keys[0])] += value;
    }
    if (sum == 0) return;
    cli_html_put(html, "<svg class=\"shares\" width=\"100%\" height=\"12\" role=\"img\" "
                       "aria-label=\"Share of each client\">");
    for (size_t i = 0; i < CLI_CHART_SLOTS; before += slots[i++]) {
        if (slots[i] == 0) continue;
        cli_html_format(html, "<rect class=\"c%zu\" height=\"12\"", i);
        cli_html_percent(html, "x", before, sum);
        cli_html_percent(html, "width", slots[i], sum);
        cli_html_put(html, "/>");
    }
    cli_html_put(html, "</svg>\n");
}

static void head_put(const table_shape *shape, const tally_report_row **rows, size_t count) {
    cli_html *html = &shape->page->html;
    cli_html_format(html, "<section class=\"card\" id=\"%s\">\n<h2>", shape->table->id);
    cli_html_put(html, shape->table->title);
    cli_html_put(html, "</h2>\n");
    if (shape->table->coloured && shape->table->keys.count == 1) shares_put(shape, rows, count);
    cli_html_put(html, "<div class=\"wide\"><table class=\"sums\">\n<thead><tr>");
    for (size_t i = 0; i < shape->table->keys.count; i++)
        cli_html_format(html, "<th scope=\"col\">%s</th>", shape->table->keys.names[i]);
    cli_html_put(html, "<th class=\"bar\"></th><th class=\"n count\" scope=\"col\">Requests</th>");
    if (shape->has_time) cli_html_put(html, "<th class=\"n\" scope=\"col\">Hours</th>");
    for (size_t i = 0; i < shape->money_count; i++)
        cli_html_format(html, "<th class=\"n\" scope=\"col\">%s</th>", shape->money[i].title);
    cli_html_put(html, "<th class=\"n share\" scope=\"col\">Share</th></tr></thead>\n<tbody>\n");
}

/* The end of a directory tells projects apart. */
static tally_span path_end(tally_span path) {
    size_t slashes = 0;
    for (size_t i = path.len; i-- > 1 && path.ptr[0] == '/';)
        if (path.ptr[i] == '/' && ++slashes == 2)
            return tally_span_of(path.ptr + i + 1, path.len - i - 1);
    return path;
}

static void key_put(const table_shape *shape, size_t key, const tally_report_row *row) {
    cli_html *html = &shape->page->html;
    tally_span text = row->keys[key];
    cli_html_put(html, key ? "<td class=\"name\"" : "<th scope=\"row\" class=\"name\"");
    if (text.len) cli_html_attribute(html, "title", text);
    cli_html_put(html, "><div>");
    if (shape->table->coloured && key == 0)
        cli_html_format(html,
                        "<svg class=\"swatch\" width=\"10\" height=\"10\" aria-hidden=\"true\">"
                        "<rect class=\"c%zu\" width=\"10\" height=\"10\" rx=\"2\"/></svg>",
                        report_colour_of(&shape->page->colours, text));
    if (!text.len)
        cli_html_format(html, "<span class=\"warn\">%s</span>",
                        report_missing_word(shape->table->keys.keys[key]));
    else
        cli_html_name(html, path_end(text));
    cli_html_put(html, key ? "</div></td>" : "</div></th>");
}

static void permille_put(cli_html *html, tally_i128 part, tally_i128 whole) {
    cli_html_put(html, "<td class=\"n share\">");
    if (whole > 0 && part >= 0 && part <= whole && whole < INT64_MAX) {
        unsigned parts = (unsigned)((part * 2000 + whole) / (whole * 2));
        cli_html_format(html, "%u.%u\xe2\x80\x89%%", parts / 10, parts % 10);
    }
    cli_html_put(html, "</td>");
}

static void figures_put(const table_shape *shape, const tally_sums *sums, bool counted) {
    cli_html *html = &shape->page->html;
    cli_html_put(html, "<td class=\"n count\">");
    if (counted) cli_html_count(html, sums->requests);
    cli_html_put(html, "</td>");
    if (shape->has_time) {
        cli_html_put(html, "<td class=\"n\">");
        cli_html_hours(html, sums->engaged_ms);
        cli_html_put(html, "</td>");
    }
    for (size_t i = 0; i < shape->money_count; i++)
        report_money_cell(shape->page, shape->money[i].basis, sums);
    permille_put(html, measure_of(shape, sums), measure_of(shape, shape->total));
    cli_html_put(html, "</tr>\n");
}

static void bar_put(const table_shape *shape, const tally_sums *sums, tally_i128 largest,
                    size_t colour) {
    cli_html *html = &shape->page->html;
    cli_html_format(html,
                    "<td class=\"bar\"><svg width=\"100%%\" height=\"8\" aria-hidden=\"true\">"
                    "<rect class=\"c%zu\" height=\"8\" rx=\"2\"",
                    colour);
    cli_html_percent(html, "width", measure_of(shape, sums), largest);
    cli_html_put(html, "/></svg></td>");
}

static void row_put(const table_shape *shape, const tally_report_row *row, tally_i128 largest) {
    const sums_table *table = shape->table;
    cli_html_put(&shape->page->html, "<tr>");
    for (size_t i = 0; i < table->keys.count; i++)
        key_put(shape, i, row);
    size_t colour = table->coloured ? report_colour_of(&shape->page->colours, row->keys[0]) : 0;
    bar_put(shape, &row->sums, largest, colour);
    figures_put(shape, &row->sums, true);
}

/* What is not listed, as one row. A request that was split may stand in several: they are not
 * counted. */
static int rest_put(const table_shape *shape, const tally_report_row **rows, size_t count,
                    tally_i128 largest, tally_error *err) {
    tally_sums rest = {.requests = 0};
    for (size_t i = 0; i < count; i++) {
        const tally_sums *sums = &rows[i]->sums;
        if (tally_add_i128(rest.pico, sums->pico, &rest.pico) ||
            tally_add_i128(rest.paid_pico, sums->paid_pico, &rest.paid_pico) ||
            tally_add_u64(rest.engaged_ms, sums->engaged_ms, &rest.engaged_ms))
            return tally_inexact("a sum of costs", err);
    }
    cli_html_format(&shape->page->html,
                    "<tr class=\"rest\"><th scope=\"row\" colspan=\"%zu\">%zu others</th>",
                    shape->table->keys.count, count);
    bar_put(shape, &rest, largest, CLI_CHART_OTHERS);
    figures_put(shape, &rest, false);
    return 0;
}

static int table_put(report_page *page, const sums_table *table, const tally_report *report,
                     tally_error *err) {
    size_t count = tally_report_count(report), shown = count > ROWS_MAX ? ROWS_MAX : count;
    table_shape shape = {.page = page, .table = table, .total = tally_report_total(report)};
    const tally_report_row **rows = report_ranked(page->view, report);
    if (!rows) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    shape.money_count = report_money_columns(page->view->basis, shape.money);
    shape.has_time = shape.total->has_time;
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a report has as many as it counts
    tally_i128 largest = count ? measure_of(&shape, &rows[0]->sums) : 0;
    head_put(&shape, rows, count);
    for (size_t i = 0; i < shown; i++)
        row_put(&shape, rows[i], largest);
    int code = count > shown ? rest_put(&shape, rows + shown, count - shown, largest, err) : 0;
    cli_html_format(&page->html,
                    "</tbody>\n<tfoot><tr><th scope=\"row\" colspan=\"%zu\">Total</th><td "
                    "class=\"bar\"></td>",
                    table->keys.count);
    figures_put(&shape, shape.total, true);
    cli_html_put(&page->html, "</tfoot></table></div>\n</section>\n");
    free(rows);
    return code;
}

static int table_read_put(report_page *page, const sums_table *table, tally_error *err) {
    tally_report *report = NULL;
    int code = report_sums(page->view, table->keys.keys, table->keys.count, &report, err);
    if (!code) code = table_put(page, table, report, err);
    tally_report_free(report);
    return code;
}

int report_tables_put(report_page *page, const tally_report *clients, tally_error *err) {
    static const sums_table by_client = {
        "Clients", "clients", {1, {TALLY_BY_CLIENT}, {"client"}}, true};
    static const sums_table by_model = {
        "Models", "models", {1, {TALLY_BY_MODEL}, {"model"}}, false};
    static const sums_table by_member = {
        "Members", "members", {1, {TALLY_BY_MEMBER}, {"member"}}, false};
    static const sums_table by_project = {
        "Projects",
        "projects",
        {2, {TALLY_BY_CLIENT, TALLY_BY_PROJECT}, {"client", "project"}},
        true};
    cli_html_put(&page->html, "<div class=\"tables\">\n");
    int code = table_put(page, &by_client, clients, err);
    cli_html_put(&page->html, "<div>\n");
    if (!code) code = table_read_put(page, &by_model, err);
    if (!code) code = table_read_put(page, &by_member, err);
    cli_html_put(&page->html, "</div>\n");
    if (!code) code = table_read_put(page, &by_project, err);
    if (!code && cli_value(page->run, "by")) {
        sums_table asked = {"As asked for", "asked", page->view->keys, false};
        code = table_put(page, &asked, page->view->report, err);
    }
    cli_html_put(&page->html, "</div>\n");
    return code;
}
