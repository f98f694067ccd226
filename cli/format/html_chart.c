/* Drawing charts, in integers throughout. What is charted is the caller's matter. */
#include "html_chart.h"

#include <tally/money.h>

#define STEPS_MAX     5
#define TENTHS        10u /* of a pixel, the unit of heights here */
#define TOP_TENTHS    80u /* room for the highest tick's text */
#define LABEL_PIXELS  22u /* and for the labels below */
#define BINS_LEAST    12u /* a few bars are not drawn broader than this many would be */
#define PLACE_PARTS   100000u
#define BAR_PERCENT   72u
#define DECIMALS_MOST 6

int cli_chart_add(cli_chart *chart, int64_t day, size_t slot, tally_i128 value) {
    size_t at = cli_bins_at(&chart->bins, day);
    if (at == chart->bins.count || value <= 0) return 0;
    return tally_add_i128(chart->values[at][slot], value, &chart->values[at][slot]);
}

/* A step for an axis that goes up to `max` > 0: 1, 2 or 5 times a power of ten, such that `max` is
 * reached in at most five. */
static tally_i128 axis_step(tally_i128 max) {
    static const int factors[] = {1, 2, 5};
    for (tally_i128 power = 1;; power *= 10)
        for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
            if (max / STEPS_MAX < power * factors[i] ||
                (max / STEPS_MAX == power * factors[i] && max % STEPS_MAX == 0))
                return power * factors[i];
}

static tally_i128 bin_sum(const cli_chart *chart, size_t bin) {
    tally_i128 sum = 0;
    for (size_t i = 0; i < CLI_CHART_SLOTS; i++)
        if (tally_add_i128(sum, chart->values[bin][i], &sum)) return 0;
    return sum;
}

static int step_decimals(tally_i128 step) {
    int decimals = 0;
    for (tally_i128 unit = TALLY_PICO; step % unit != 0 && decimals < DECIMALS_MOST; decimals++)
        unit /= 10;
    return decimals;
}

/* Tenths of a pixel from the top. */
static unsigned height_at(const cli_chart *chart, tally_i128 value, tally_i128 top) {
    unsigned room = chart->height * TENTHS - TOP_TENTHS;
    /* Large amounts are cut so that the product fits; a pixel is coarser than what is lost. */
    while (top > INT64_MAX) {
        top /= 2;
        value /= 2;
    }
    return chart->height * TENTHS - (unsigned)(value * room / top);
}

static void pixels_put(cli_html *html, const char *attribute, unsigned tenths) {
    cli_html_format(html, " %s=\"%u.%u\"", attribute, tenths / TENTHS, tenths % TENTHS);
}

static void axis_put(cli_html *html, const cli_chart *chart, tally_i128 step, tally_i128 top) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_html_format(html, "<svg class=\"axis\" width=\"64\" height=\"%u\" aria-hidden=\"true\">",
                    chart->height + LABEL_PIXELS);
    for (tally_i128 value = 0; value <= top; value += step) {
        unsigned y = height_at(chart, value, top);
        tally_pico_format_rounded(value, step_decimals(step), true, text);
        cli_html_put(html, "<text x=\"56\"");
        pixels_put(html, "y", y + 4 * TENTHS);
        cli_html_format(html, ">%s</text>", text);
    }
    cli_html_put(html, "</svg>");
}

static void lines_put(cli_html *html, const cli_chart *chart, tally_i128 step, tally_i128 top) {
    for (tally_i128 value = step; value <= top; value += step) {
        unsigned y = height_at(chart, value, top);
        cli_html_put(html, "<line x1=\"0\" x2=\"100%\"");
        pixels_put(html, "y1", y);
        pixels_put(html, "y2", y);
        cli_html_put(html, "/>");
    }
}

/* Where a bin's room begins and how much it has, in parts of the chart's width. */
static unsigned place_of(const cli_chart *chart, size_t bin, unsigned *room) {
    size_t count = chart->bins.count;
    size_t places = count < BINS_LEAST ? BINS_LEAST : count;
    *room = (unsigned)(PLACE_PARTS / places);
    return (unsigned)((PLACE_PARTS - *room * count) / 2 + *room * bin);
}

static void place_put(cli_html *html, const char *attribute, unsigned parts) {
    cli_html_format(html, " %s=\"%u.%03u%%\"", attribute, parts / 1000, parts % 1000);
}

static void slot_title(cli_html *html, const cli_chart *chart, size_t bin, tally_span name,
                       tally_i128 value) {
    char title[CLI_BIN_WORD_BYTES], amount[TALLY_MONEY_TEXT_BYTES];
    cli_bins_title(&chart->bins, bin, title);
    tally_pico_format_rounded(value, chart->decimals, true, amount);
    cli_html_format(html, "<title>%s", title);
    if (name.len) {
        cli_html_put(html, " \xc2\xb7 ");
        cli_html_text(html, name);
    }
    cli_html_format(html, ": %s %s</title>", amount, chart->unit);
}

static void bar_put(cli_html *html, const cli_chart *chart, size_t bin, tally_i128 top) {
    unsigned room, at = place_of(chart, bin, &room), wide = room * BAR_PERCENT / 100;
    tally_i128 sum = bin_sum(chart, bin), below = 0;
    if (sum == 0) return;
    /* All of the column answers the pointer, however small the bar is. */
    cli_html_put(html, "<g class=\"bar\"><rect class=\"room\" y=\"0\"");
    place_put(html, "x", at);
    place_put(html, "width", room);
    cli_html_format(html, " height=\"%u\">", chart->height);
    slot_title(html, chart, bin, tally_span_str(NULL), sum);
    cli_html_put(html, "</rect>");
    for (size_t i = 0; i < CLI_CHART_SLOTS; i++) {
        tally_i128 value = chart->values[bin][i];
        if (value == 0) continue;
        unsigned low = height_at(chart, below, top), high = height_at(chart, below + value, top);
        below += value;
        cli_html_format(html, "<rect class=\"c%zu\"", i);
        place_put(html, "x", at + (room - wide) / 2);
        place_put(html, "width", wide);
        pixels_put(html, "y", high);
        pixels_put(html, "height", low - high);
        cli_html_put(html, ">");
        slot_title(html, chart, bin, chart->names[i], value);
        cli_html_put(html, "</rect>");
    }
    cli_html_put(html, "</g>");
}

static void labels_put(cli_html *html, const cli_chart *chart) {
    char label[CLI_BIN_WORD_BYTES];
    for (size_t i = 0; i < chart->bins.count; i++) {
        unsigned room, at = place_of(chart, i, &room);
        bool narrow = cli_bins_labelled(&chart->bins, i, true);
        if (!narrow && !cli_bins_labelled(&chart->bins, i, false)) continue;
        cli_bins_label(&chart->bins, i, label);
        cli_html_put(html, narrow ? "<text" : "<text class=\"minor\"");
        place_put(html, "x", at + room / 2);
        cli_html_format(html, " y=\"%u\">%s</text>", chart->height + LABEL_PIXELS - 5, label);
    }
}

void cli_chart_put(cli_html *html, const cli_chart *chart) {
    tally_i128 max = 0;
    for (size_t i = 0; i < chart->bins.count; i++)
        if (bin_sum(chart, i) > max) max = bin_sum(chart, i);
    if (max == 0) return;
    tally_i128 step = axis_step(max), top = (max + step - 1) / step * step;
    cli_html_put(html, "<div class=\"chart\">");
    axis_put(html, chart, step, top);
    cli_html_format(html, "<svg class=\"plot\" width=\"100%%\" height=\"%u\" role=\"img\"",
                    chart->height + LABEL_PIXELS);
    cli_html_attribute(html, "aria-label", tally_span_str(chart->label));
    cli_html_put(html, ">");
    lines_put(html, chart, step, top);
    for (size_t i = 0; i < chart->bins.count; i++)
        bar_put(html, chart, i, top);
    cli_html_format(html, "<line class=\"base\" x1=\"0\" x2=\"100%%\" y1=\"%u\" y2=\"%u\"/>",
                    chart->height, chart->height);
    labels_put(html, chart);
    cli_html_put(html, "</svg></div>\n");
}

void cli_chart_legend(cli_html *html, const cli_chart *chart) {
    cli_html_put(html, "<ul class=\"legend\">");
    for (size_t i = 0; i < CLI_CHART_SLOTS; i++) {
        bool used = false;
        for (size_t bin = 0; bin < chart->bins.count && !used; bin++)
            used = chart->values[bin][i] > 0;
        if (!used) continue;
        cli_html_format(html,
                        "<li><svg class=\"swatch\" width=\"10\" height=\"10\" "
                        "aria-hidden=\"true\"><rect class=\"c%zu\" width=\"10\" height=\"10\" "
                        "rx=\"2\"/></svg>",
                        i);
        cli_html_name(html, chart->names[i]);
        cli_html_put(html, "</li>");
    }
    cli_html_put(html, "</ul>\n");
}
