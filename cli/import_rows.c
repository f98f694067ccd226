/* Rows to be imported: where they are kept and what each must be. Reading them is in import_csv.c
 * and import_json.c, recording them in costs_import.c. */
#include "costs.h"

#include <stdlib.h>
#include <string.h>

#include <tally/money.h>

cli_import_row *cli_import_row_add(cli_import_rows *rows) {
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 256;
        cli_import_row *larger =
            room < UINT32_MAX ? realloc(rows->rows, room * sizeof *larger) : NULL;
        if (!larger) return NULL;
        rows->rows = larger;
        rows->room = room;
    }
    cli_import_row *row = &rows->rows[rows->count++];
    memset(row, 0, sizeof *row);
    return row;
}

void cli_import_rows_clear(cli_import_rows *rows) {
    free(rows->rows);
    free(rows->store);
    memset(rows, 0, sizeof *rows);
}

const char *cli_import_row_check(cli_import_row *row) {
    tally_span texts[] = {row->agent, row->session, row->model, row->cwd, row->branch};
    tally_span rest = row->tags, tag;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].len > CLI_IMPORT_TEXT_MAX_BYTES) return "a text is longer than 4096 bytes";
    if (!row->agent.len && row->session.len) return "it names a session but no agent";
    if (row->has_cost && row->pico < 0) return "total_cost is negative";
    if (row->time_ms < 0) return "it lies before 1970";
    if (row->currency.len && tally_currency_decimals(row->currency) < 0)
        return "currency is no ISO 4217 code";
    while (cli_tag_next(&rest, &tag))
        if (!cli_tag_ok(tag)) return "a tag has 1 to 64 bytes and no comma or semicolon";
    row->ref = tally_session_ref(row->agent, row->session);
    return NULL;
}
