/* Figures as they stand on paper. Nothing here asks the locale. */
#include "figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tally/hash.h>

#define FEED_BYTES (TALLY_PUBLIC_KEY_BYTES + 8)

void paper_money(int64_t minor, int decimals, bool group, char *out) {
    tally_i128 pico = minor;
    for (int i = decimals; i < TALLY_PICO_DECIMALS; i++)
        pico *= 10;
    tally_pico_format_rounded(pico, decimals, group, out);
}

void paper_hundredths(int64_t hundredths, char *out) {
    paper_money(hundredths, 2, true, out);
}

void paper_short(int64_t hundredths, char *out) {
    tally_pico_format((tally_i128)hundredths * (TALLY_PICO / 100), 0, out);
}

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

void paper_day(int64_t day, char *out) {
    paper_period(day, day + 1, out);
}

/* What the last day says already is left out of the first. */
void paper_period(int64_t first_day, int64_t end_day, char *out) {
    char first[PAPER_FIGURE_BYTES / 2] = "";
    int64_t year, last_year;
    unsigned month, day, last_month, last_day;
    tally_civil_from_days(first_day, &year, &month, &day);
    tally_civil_from_days(end_day - 1, &last_year, &last_month, &last_day);
    if (year != last_year)
        snprintf(first, sizeof first, "%u %s %" PRId64 " \u2013 ", day, month_names[month - 1],
                 year);
    else if (month != last_month)
        snprintf(first, sizeof first, "%u %s \u2013 ", day, month_names[month - 1]);
    else if (day != last_day)
        snprintf(first, sizeof first, "%u\u2013", day);
    snprintf(out, PAPER_FIGURE_BYTES, "%s%u %s %" PRId64, first, last_day,
             month_names[last_month - 1], last_year);
}

const char *paper_unit(tally_span unit, int64_t hundredths) {
    if (tally_span_is(unit, "hour")) return "h";
    if (tally_span_is(unit, "month")) return hundredths == 100 ? "month" : "months";
    return "";
}

const char *paper_block(tally_line_block block) {
    static const char *const names[] = {"Engineering", "Compute and AI services", "Credits"};
    return names[block];
}

const char *paper_block_key(tally_line_block block) {
    static const char *const names[] = {"engineering", "compute", "credits"};
    return names[block];
}

const char *paper_line_kind(tally_line_kind kind) {
    static const char *const names[] = {"hours",  "milestone", "project", "retainer", "overage",
                                        "change", "compute",   "deposit", "credit"};
    return names[kind];
}

/* Greece and Northern Ireland have letters of their own for this. */
bool paper_is_vat_number(tally_span id) {
    if (id.len < 3) return false;
    tally_span prefix = tally_span_of(id.ptr, 2);
    return paper_country(prefix) != NULL || tally_span_is(prefix, "EL") ||
           tally_span_is(prefix, "XI");
}

int paper_frontier_digest(const tally_invoice *invoice, tally_hash *out) {
    size_t len = TALLY_HASH_BYTES + invoice->frontier_count * FEED_BYTES;
    uint8_t *bytes = malloc(len), *at = bytes;
    if (!bytes) return TALLY_ENOMEM;
    memcpy(at, invoice->team.b, TALLY_HASH_BYTES);
    at += TALLY_HASH_BYTES;
    for (size_t i = 0; i < invoice->frontier_count; i++, at += FEED_BYTES) {
        memcpy(at, invoice->frontier[i].device.b, TALLY_PUBLIC_KEY_BYTES);
        tally_put_be64(at + TALLY_PUBLIC_KEY_BYTES, invoice->frontier[i].size);
    }
    tally_sha256(tally_span_of(bytes, len), out);
    free(bytes);
    return 0;
}
