/* The CSV files that `expense import` and `reconcile --bill` take: whatever they hold, they are
 * read whole or refused. The first byte says which reader gets the rest. */
#include "entries/expense_fields.h"
#include "report/bill_csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expenses(uint8_t *text, size_t len) {
    tally_error err;
    cli_expense_rows rows = {0};
    int rc = cli_expense_csv(text, len, tally_span_str("USD"), &rows, &err);
    for (size_t i = 0; rc == 0 && i < rows.count; i++)
        if (tally_expense_fault(&rows.rows[i].entry)) abort();
    cli_expense_rows_clear(&rows);
}

static void bill(uint8_t *text, size_t len) {
    tally_error err;
    cli_bill lines = {0};
    int rc = cli_bill_csv(text, len, &lines, &err);
    for (size_t i = 0; rc == 0 && i < lines.count; i++)
        if (lines.lines[i].model.len > len) abort();
    cli_bill_clear(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    uint8_t *text = malloc(size); /* the readers unquote in place */
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    if (data[0] & 1)
        bill(text, size - 1);
    else
        expenses(text, size - 1);
    free(text);
    return 0;
}
