/* Charts as inline SVG. Lengths along the page are percentages and those up it are pixels, so that
 * a chart is as wide as its place without its text being scaled; colours are classes of the page's
 * style: c0 to c5 for the largest, c6 for what is summed as others, c7 for what belongs to nobody.
 */
#ifndef TALLY_CLI_HTML_CHART_H
#define TALLY_CLI_HTML_CHART_H

#include "bins.h"
#include "html_out.h"

#define CLI_CHART_RANKED 6u
#define CLI_CHART_OTHERS 6u
#define CLI_CHART_NOBODY 7u
#define CLI_CHART_SLOTS  8u

/* Bars over time, each a stack of slots. Values are pico-units of `unit`. */
typedef struct cli_chart {
    const char *label; /* what it shows, for who cannot see it */
    const char *unit;
    int decimals;
    unsigned height; /* pixels */
    cli_bins bins;
    tally_span names[CLI_CHART_SLOTS];
    tally_i128 values[CLI_BINS_MAX][CLI_CHART_SLOTS];
} cli_chart;

/* 0, or -1 when a sum is too large to be exact. What is not positive has no height. */
int cli_chart_add(cli_chart *chart, int64_t day, size_t slot, tally_i128 value);
void cli_chart_put(cli_html *html, const cli_chart *chart);
/* The swatches and names of the slots that are in use. */
void cli_chart_legend(cli_html *html, const cli_chart *chart);

#endif
