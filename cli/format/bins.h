/* The steps of a chart's time axis: days, weeks, months or years, as many as can be told apart. */
#ifndef TALLY_CLI_BINS_H
#define TALLY_CLI_BINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_BINS_MAX       132u /* never more than these */
#define CLI_BIN_WORD_BYTES 64u

typedef enum cli_bin_step { CLI_BIN_DAY, CLI_BIN_WEEK, CLI_BIN_MONTH, CLI_BIN_YEAR } cli_bin_step;

typedef struct cli_bins {
    cli_bin_step step;
    int64_t first; /* number of the first one */
    size_t count;
} cli_bins;

/* The finest step that makes few enough of first_day..last_day (days since 1970-01-01); -1 when
 * even years are too many. */
int cli_bins_choose(int64_t first_day, int64_t last_day, cli_bins *out);
/* Which one a day falls in; `count` for a day outside. */
size_t cli_bins_at(const cli_bins *bins, int64_t day);
/* "day", "week", "month", "year". */
const char *cli_bins_word(const cli_bins *bins);
/* What stands below a bar ("2 Mar"), and its name in full ("Mon 2 March 2026"). */
void cli_bins_label(const cli_bins *bins, size_t i, char out[CLI_BIN_WORD_BYTES]);
void cli_bins_title(const cli_bins *bins, size_t i, char out[CLI_BIN_WORD_BYTES]);
/* Whether there is room for the label; on a narrow page there is less. */
bool cli_bins_labelled(const cli_bins *bins, size_t i, bool narrow);

/* "1–31 March 2026", for both ends included. */
void cli_days_text(int64_t first_day, int64_t last_day, char out[CLI_BIN_WORD_BYTES]);

#endif
