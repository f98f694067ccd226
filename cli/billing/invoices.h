/* What the invoice commands share: writing one out, and opening what was issued. */
#ifndef TALLY_CLI_INVOICES_H
#define TALLY_CLI_INVOICES_H

#include "billing.h"
#include "paper/paper.h"

#define CLI_INVOICE_FORMAT_OPTIONS                                                                 \
    {"format", "F", PAPER_FORMAT_NAMES " (default: text)"}, {                                      \
        "output", "FILE", "write to this file (default: standard output)"                          \
    }

/* --format, else json with --json, else text. Returns CLI_DONE or CLI_USAGE. */
int cli_invoice_format(const cli *run, paper_format *out);
/* To --output, or to standard output. */
int cli_invoice_write(cli *run, const tally_invoice *invoice, paper_format format,
                      tally_error *err);

/* A conflict in words, and as an object of an array. */
void cli_invoice_conflict_words(const tally_invoice_conflict *conflict, char *out, size_t size);
void cli_invoice_conflict_json(cli_json *json, const tally_invoice_conflict *conflict);

/* Of a living invoice that bills records which count no more: what to say, and an array of them. */
void cli_invoice_fallen_words(const tally_issued *issued, char *out, size_t size);
int cli_invoices_fallen_json(cli_json *json, const char *key, tally_txn *txn, int64_t day,
                             tally_error *err);

/* An issued invoice with its zones, and a ledger that may be written to, so that it can be derived
 * again; no snapshot is open. Free with cli_issued_close, also after an error. */
typedef struct cli_issued {
    tally_ledger *ledger;
    tally_issued issued;     /* its spans are copied */
    tally_invoice *document; /* what was frozen */
    tally_zone *zone, *team_zone;
    int64_t today;
    char texts[1024];
    tally_frontier_entry *frontier;
} cli_issued;
int cli_issued_open(cli *run, const char *name, cli_issued *out, tally_error *err);
void cli_issued_close(cli_issued *opened);

#endif
