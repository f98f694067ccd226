/* Costs in and out: what list, export and import share. */
#ifndef TALLY_CLI_COSTS_H
#define TALLY_CLI_COSTS_H

#include <tally/attribution.h>

#include "cost_row.h"
#include "filter.h"
#include "sessions/tags.h"

#define CLI_CSV_HEADER                                                                             \
    "date,tags,project_path,agent,model,input_tokens,output_tokens,cache_read_tokens,"             \
    "cache_write_tokens,total_cost,session,client,project,member,entry_id"
#define CLI_IMPORT_MAX_BYTES      (1024u * 1024u * 1024u)
#define CLI_IMPORT_TEXT_MAX_BYTES 4096u /* of one text in a row */
#define CLI_TOKENS_MAX            (1ULL << 53)

/* RFC 4180 with line feeds. Cells that a spreadsheet would run as a formula start with an
 * apostrophe. */
int cli_costs_csv(FILE *out, const cli_reading *reading, const tally_filter *filter,
                  tally_error *err);

/* One row to be imported. Texts borrow the file's bytes or the rows' store. */
typedef struct cli_import_row {
    tally_entry_id id;
    int64_t time_ms;
    tally_span agent, session, model, cwd, branch, currency;
    tally_span tags; /* with ';' between */
    tally_span client, project;
    uint64_t input, output, reasoning, cache_read, cache_write_5m, cache_write_1h;
    uint64_t ref; /* of its session */
    int64_t pico;
    bool has_cost;
} cli_import_row;

typedef struct cli_import_rows {
    cli_import_row *rows;
    size_t count, room;
    uint8_t *store; /* decoded texts */
} cli_import_rows;

/* The next row, zeroed; NULL when memory ran out. */
cli_import_row *cli_import_row_add(cli_import_rows *rows);
void cli_import_rows_clear(cli_import_rows *rows);
/* Any malformed row refuses the whole file: TALLY_EFORMAT with line and reason. The bytes, valid
 * UTF-8 without NUL, must stay as long as the rows; the CSV reader changes them. */
int cli_import_csv(uint8_t *text, size_t len, const tally_zone *zone, cli_import_rows *rows,
                   tally_error *err);
int cli_import_json(const uint8_t *text, size_t len, cli_import_rows *rows, tally_error *err);
/* A cost that was split stands in several rows, one after the other, that name other clients or
 * projects: makes one row of them again. A static sentence, or NULL when all went well. */
const char *cli_import_rows_join(cli_import_rows *rows);
/* What both forms demand of a row once its fields are read; completes it. A static sentence, or
 * NULL when it is right. */
const char *cli_import_row_check(cli_import_row *row);

#endif
