/* The sheet: an invoice as words and figures, ready to be set. Text, Markdown, HTML and PDF all
 * print this, so that they say the same. All text is UTF-8 without characters that steer a terminal
 * or reorder what stands beside them; NULL never stands where a text is expected. */
#ifndef TALLY_PAPER_SHEET_H
#define TALLY_PAPER_SHEET_H

#include <stdbool.h>
#include <stddef.h>

struct tally_invoice;
struct tally_error;

typedef struct sheet_pair {
    const char *label, *value;
} sheet_pair;

typedef struct sheet_pairs {
    sheet_pair *at;
    size_t count;
} sheet_pairs;

typedef struct sheet_words {
    const char **at;
    size_t count;
} sheet_words;

typedef enum sheet_row_kind {
    SHEET_BLOCK,   /* a block's title */
    SHEET_LINE,    /* all cells */
    SHEET_SUBTOTAL /* text and amount; ends the block, unless it is the one of credits */
} sheet_row_kind;

typedef struct sheet_row {
    sheet_row_kind kind;
    const char *text, *detail; /* what, and below it in small */
    const char *quantity, *unit, *price, *amount;
} sheet_row;

typedef struct paper_sheet {
    bool draft;
    bool letter;          /* the buyer's country uses this paper, not A4 */
    const char *kind;     /* "Invoice", "Credit note" */
    const char *name;     /* the number, or "Draft" */
    const char *title;    /* what it is about; may be empty */
    const char *currency; /* "USD" */
    sheet_words seller;   /* the name, then the lines of the address */
    sheet_words buyer;
    sheet_pairs facts; /* dates, period, order */
    sheet_row *rows;
    size_t row_count;
    sheet_pairs totals;         /* above the last figure */
    sheet_pair due;             /* the last figure, with its currency */
    sheet_pairs payment;        /* where to pay */
    sheet_words clauses;        /* sentences */
    sheet_pairs digests;        /* what an auditor compares */
    const char *issued;         /* "2026-03-31" */
    struct sheet_piece *pieces; /* owns every text */
    bool out_of_memory;
} paper_sheet;

/* TALLY_ENOMEM. Free with sheet_free; it borrows nothing from `invoice`. */
int sheet_new(const struct tally_invoice *invoice, paper_sheet **out, struct tally_error *err);
void sheet_free(paper_sheet *sheet);

#endif
