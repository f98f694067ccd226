/* Which cells a spreadsheet would run. The writer and the reader of CSV agree on it here. */
#ifndef TALLY_CLI_CSV_FORMULA_H
#define TALLY_CLI_CSV_FORMULA_H

#include <tally/bytes.h>

/* True for what begins with a character that OWASP names (CSV Injection; ASVS 5.0, 1.2.10), with
 * its full-width form, or with such a one after spaces. Apostrophes before it are counted in, so
 * that taking one away gives back exactly what was there. */
static inline bool cli_csv_is_formula(tally_span text) {
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"}; /* = + - @ */
    size_t at = 0;
    while (at < text.len && text.ptr[at] == '\'')
        at++;
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    if (at == text.len) return false;
    if (text.ptr[at] && strchr("=+-@\t\r\n", text.ptr[at])) return true;
    for (size_t i = 0; text.len - at >= 3 && i < sizeof wide / sizeof *wide; i++)
        if (memcmp(text.ptr + at, wide[i], 3) == 0) return true;
    return false;
}

#endif
