/* Fuzzes the reader of invoices' documents: what it takes is written again as the same bytes,
 * unless the trace was left out for its length. */
#include <tally/invoice.h>

#include <stdlib.h>

#include "msgpack_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_invoice *invoice;
    uint8_t *again = NULL;
    size_t len = 0;
    if (tally_invoice_decode(tally_span_of(data, size), &invoice, NULL) != 0) return 0;
    for (size_t i = 0; i < invoice->line_count; i++)
        if (invoice->lines[i].trace_at + invoice->lines[i].trace_count > invoice->trace_count)
            abort();
    if (tally_invoice_encode(invoice, &again, &len, NULL) != 0) abort();
    if (invoice->trace_count > 0 && (len != size || memcmp(again, data, size) != 0)) abort();
    free(again);
    tally_invoice_free(invoice);
    return 0;
}
