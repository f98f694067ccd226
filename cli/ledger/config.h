/* Settings of this machine, as `tally config` knows them; help, man pages and completion list them
 * too. */
#ifndef TALLY_CLI_CONFIG_H
#define TALLY_CLI_CONFIG_H

#include <tally/bytes.h>

typedef struct cli_setting {
    const char *name, *fallback;
    const char *form; /* what it may be, in words */
    bool (*fits)(tally_span value);
    const char *help;
} cli_setting;

/* The `i`th; NULL after the last. */
const cli_setting *cli_setting_at(size_t i);

#endif
