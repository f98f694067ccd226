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

static bool of_same_cost(const cli_import_row *a, const cli_import_row *b) {
    return memcmp(a->id.b, b->id.b, sizeof a->id.b) == 0 && a->time_ms == b->time_ms &&
           a->ref == b->ref && a->has_cost == b->has_cost && tally_span_eq(a->model, b->model);
}

static bool same_goal(const cli_import_row *a, const cli_import_row *b) {
    return tally_span_eq(a->client, b->client) && tally_span_eq(a->project, b->project);
}

static bool row_add(cli_import_row *sum, const cli_import_row *row) {
    const struct {
        uint64_t *to, from;
    } counts[] = {{&sum->input, row->input},
                  {&sum->output, row->output},
                  {&sum->reasoning, row->reasoning},
                  {&sum->cache_read, row->cache_read},
                  {&sum->cache_write_5m, row->cache_write_5m},
                  {&sum->cache_write_1h, row->cache_write_1h}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (tally_add_u64(*counts[i].to, counts[i].from, counts[i].to)) return false;
    return !__builtin_add_overflow(sum->pico, row->pico, &sum->pico);
}

/* Adds the rows of one cost up into the first of them. One that repeats a goal is no share but the
 * same row again. */
static bool run_join(cli_import_row *rows, size_t count, cli_import_row *sum) {
    *sum = rows[0];
    for (size_t i = 1; i < count; i++) {
        bool again = i > TALLY_MAX_SHARES;
        for (size_t k = 0; !again && k < i; k++)
            again = same_goal(&rows[k], &rows[i]);
        if (!again && !row_add(sum, &rows[i])) return false;
    }
    return true;
}

const char *cli_import_rows_join(cli_import_rows *rows) {
    size_t kept = 0;
    for (size_t at = 0, end; at < rows->count; at = end) {
        for (end = at + 1; end < rows->count; end++)
            if (!of_same_cost(&rows->rows[at], &rows->rows[end])) break;
        cli_import_row sum;
        if (!run_join(&rows->rows[at], end - at, &sum))
            return "the shares of a cost add up to more than fits";
        rows->rows[kept++] = sum;
    }
    rows->count = kept;
    return NULL;
}
