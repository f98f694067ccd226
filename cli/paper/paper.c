/* The table of formats, and the one way from an invoice to bytes. */
#include "paper.h"

#include <stdlib.h>

#include "format/memstream.h"
#include "formats.h"

typedef struct format_row {
    const char *name;
    paper_writer *write;
    bool text;
} format_row;

static const format_row formats[PAPER_FORMATS] = {
    [PAPER_TEXT] = {"text", paper_text, true}, [PAPER_MARKDOWN] = {"md", paper_markdown, true},
    [PAPER_CSV] = {"csv", paper_csv, true},    [PAPER_JSON] = {"json", paper_json, true},
    [PAPER_HTML] = {"html", paper_html, true}, [PAPER_PDF] = {"pdf", paper_pdf, false},
    [PAPER_UBL] = {"ubl", paper_ubl, true}};

int paper_format_parse(const char *name, paper_format *out) {
    for (size_t i = 0; i < PAPER_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0) {
            *out = (paper_format)i;
            return 0;
        }
    return -1;
}

bool paper_format_is_text(paper_format format) {
    return formats[format].text;
}

int paper_write(const tally_invoice *invoice, paper_format format, paper_sink *sink,
                tally_error *err) {
    char *bytes = NULL;
    size_t len = 0;
    paper_sheet *sheet = NULL;
    FILE *out = open_memstream(&bytes, &len);
    int rc = out ? sheet_new(invoice, &sheet, err) : TALLY_ENOMEM;
    if (rc == 0) rc = formats[format].write(out, invoice, sheet, err);
    if (!out || !cli_memstream_close(out, &bytes))
        rc = tally_fail(err, TALLY_ENOMEM, "out of memory for the invoice's text");
    if (rc == 0) rc = sink->write(sink->ctx, tally_span_of(bytes, len), err);
    sheet_free(sheet);
    free(bytes);
    return rc;
}
