/* The files that `costs import` takes, CSV and JSON: whatever they hold, they are read whole or
 * refused. The first byte says which reader gets the rest. */
#include "costs/costs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_error err;
    tally_zone *zone = NULL;
    cli_import_rows rows = {0};
    if (size == 0 || tally_zone_utc(&zone, &err) != 0) return 0;
    uint8_t *text = malloc(size); /* the CSV reader unescapes in place */
    int rc = -1;
    if (text) {
        memcpy(text, data + 1, size - 1);
        rc = data[0] & 1 ? cli_import_json(text, size - 1, &rows, &err)
                         : cli_import_csv(text, size - 1, zone, &rows, &err);
    }
    for (size_t i = 0; rc == 0 && i < rows.count; i++)
        if (cli_import_row_check(&rows.rows[i])) abort();
    cli_import_rows_clear(&rows);
    free(text);
    tally_zone_free(zone);
    return 0;
}
