/* The line that says what something was for, as commands show it. Which words it is, is decided in
 * the ledger (describe.h). */
#ifndef TALLY_CLI_LINE_H
#define TALLY_CLI_LINE_H

#include <tally/describe.h>

#include "format/json_out.h"
#include "format/table_out.h"
#include "open.h"

/* Lines of sessions that were asked for, while a reading is open. */
typedef struct cli_lines cli_lines;
cli_lines *cli_lines_new(void); /* NULL when memory ran out */
void cli_lines_free(cli_lines *lines);

/* The line of a session. It lives until another session is asked for. */
const tally_description *cli_session_line(const cli_reading *reading, uint64_t session);
/* "description", "description_from" and "description_vague" into the object that is open. */
void cli_description_json(cli_json *json, const tally_description *line);
void cli_description_cell(cli_table *table, const tally_description *line);

#endif
