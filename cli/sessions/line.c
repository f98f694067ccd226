/* Lines of sessions, looked up once for many rows, and shown. */
#include "line.h"

#include <stdlib.h>

#define SLOTS 256u

struct cli_lines {
    struct {
        bool known;
        uint64_t session;
        char room[TALLY_WORDS_SPARE_BYTES];
        tally_description line;
    } slots[SLOTS];
};

cli_lines *cli_lines_new(void) {
    return calloc(1, sizeof(cli_lines));
}

void cli_lines_free(cli_lines *lines) {
    free(lines);
}

const tally_description *cli_session_line(const cli_reading *reading, uint64_t session) {
    size_t at = session % SLOTS;
    cli_lines *lines = reading->lines;
    if (!lines->slots[at].known || lines->slots[at].session != session)
        tally_describe_session(reading->txn, session, reading->zone, lines->slots[at].room,
                               &lines->slots[at].line);
    lines->slots[at].known = true;
    lines->slots[at].session = session;
    return &lines->slots[at].line;
}

void cli_description_json(cli_json *json, const tally_description *line) {
    cli_json_text_or_null(json, "description", line->text);
    cli_json_string(json, "description_from", tally_words_from_text(line->from));
    cli_json_bool(json, "description_vague", line->vague);
}

void cli_description_cell(cli_table *table, const tally_description *line) {
    cli_cell(table, line->text, line->vague ? CLI_WARNING : CLI_PLAIN);
}
