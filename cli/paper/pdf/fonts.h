/* The fonts of the PDF: these files and no others, whatever the machine's font settings say. */
#ifndef TALLY_PAPER_PDF_FONTS_H
#define TALLY_PAPER_PDF_FONTS_H

#include <fontconfig/fontconfig.h>
#include <pango/pango.h>
#include <stdbool.h>
#include <stdint.h>

#include <tally/error.h>

/* In the order in which they are asked for a character. */
#define FONT_FAMILIES "Inter, DejaVu Sans, Droid Sans Fallback, Symbola"

typedef struct pdf_fonts {
    FcConfig *config;
    PangoFontMap *map;
    FcCharSet *covered;
} pdf_fonts;

/* The Latin, Greek and Cyrillic fonts; with those for other scripts only if `others`. Loaded once
 * and kept until the program ends: pango never quite lets go of them. TALLY_ENOTFOUND names the
 * package to install. */
int fonts_get(bool others, const pdf_fonts **out, tally_error *err);
/* The first character of `text` that no font loaded has; 0 when there is none. */
uint32_t fonts_missing(const pdf_fonts *fonts, const char *text);

#endif
