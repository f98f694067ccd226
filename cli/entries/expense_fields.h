/* An expense as people and files write it: texts on one side, what is recorded on the other. */
#ifndef TALLY_CLI_EXPENSE_FIELDS_H
#define TALLY_CLI_EXPENSE_FIELDS_H

#include <tally/expense.h>
#include <tally/policy.h>
#include <tally/record.h>

/* Empty: not given. */
typedef struct cli_expense_texts {
    tally_span date, category, provider, amount, currency, client, project, quantity, unit, note;
} cli_expense_texts;

/* A static sentence that says what is wrong, or NULL. The entry borrows the texts; note, evidence
 * and key are the caller's. */
const char *cli_expense_read(const cli_expense_texts *texts, tally_expense_entry *out);

/* The rows of a file. Texts borrow the file's bytes. */
typedef struct cli_expense_row {
    tally_expense_entry entry;
    tally_span note;
    char client[TALLY_NAME_MAX_BYTES]; /* room for the client of a project that stands alone */
    tally_hash key; /* SHA-256 of the file's hash and the row's number, u64 big-endian from 0 */
} cli_expense_row;
typedef struct cli_expense_rows {
    cli_expense_row *rows;
    size_t count, room;
} cli_expense_rows;

#define CLI_EXPENSE_FILE_MAX_BYTES (16u * 1024u * 1024u)
#define CLI_EXPENSE_MAX_ROWS       100000u

/* Columns by name in any order: date, category, provider, amount; and, if there are any, currency,
 * client, project, quantity, unit, note. Others are passed over. `currency` holds where a row names
 * none. Any malformed row refuses the whole file: TALLY_EFORMAT with its line. The reader changes
 * the bytes. Free with cli_expense_rows_clear, also after an error. */
int cli_expense_csv(uint8_t *text, size_t len, tally_span currency, cli_expense_rows *rows,
                    tally_error *err);
void cli_expense_rows_clear(cli_expense_rows *rows);

#endif
