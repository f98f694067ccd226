/* Invoices' documents as a teammate may have signed them, on paper: whatever they hold, every
 * format writes it or refuses, the JSON is JSON, no text steers a terminal, and no text becomes
 * markup. */
#include <tally/json.h>

#include <stdlib.h>
#include <string.h>

#include "msgpack_mutate.h"
#include "paper/paper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

/* Bytes of UTF-8; of control characters only newlines, and in tables tabs. */
static void is_plain(tally_span text, bool tabs) {
    must(tally_utf8_valid(text));
    for (size_t i = 0; i < text.len; i++)
        must(text.ptr[i] == '\n' || text.ptr[i] == '\r' || (tabs && text.ptr[i] == '\t') ||
             (text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f));
}

static size_t count_of(tally_span text, uint8_t byte) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == byte;
    return count;
}

static int look(void *ctx, tally_span bytes, tally_error *err) {
    const paper_format *format = ctx;
    tally_json root;
    (void)err;
    must(bytes.len > 0);
    is_plain(bytes, *format == PAPER_CSV);
    if (*format == PAPER_JSON) must(tally_json_parse(bytes, &root) == 0);
    if (*format == PAPER_HTML || *format == PAPER_UBL) {
        must(bytes.ptr[0] == '<');
        must(*format == PAPER_HTML || count_of(bytes, '<') == count_of(bytes, '>'));
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_invoice *invoice;
    if (tally_invoice_decode(tally_span_of(data, size), &invoice, NULL) != 0) return 0;
    for (int i = 0; i < PAPER_FORMATS; i++) {
        paper_format format = (paper_format)i;
        paper_sink sink = {.write = look, .ctx = &format};
        tally_error err = {0};
        if (format == PAPER_PDF) continue; /* not ours: pango lays it out */
        int rc = paper_write(invoice, format, &sink, &err);
        must(rc == 0 || err.text[0] != '\0');
        must(rc == 0 || format == PAPER_UBL || rc == TALLY_EOVERFLOW);
    }
    tally_invoice_free(invoice);
    return 0;
}
