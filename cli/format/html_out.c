/* Escaping and the frame of a page. What a page says is in the file of its command. */
#include "html_out.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>

#include <tally/hash.h>
#include <tally/money.h>

#include "command.h"
#include "costs/cost_row.h"
#include "json_out.h"

#define REPLACEMENT     "\xef\xbf\xbd"
#define FORMAT_BYTES    512u
#define PERCENT_PARTS   100000 /* of the whole: thousandths of a percent */
#define HOURS_EXACT     6
#define HOURS_SHOWN     2
#define CHARACTER_BYTES 4u

void cli_html_begin(cli_html *html, FILE *out) {
    html->out = out;
    html->bytes = 0;
}

static void bytes_put(cli_html *html, const void *bytes, size_t len) {
    fwrite(bytes, 1, len, html->out);
    html->bytes += len;
}

void cli_html_put(cli_html *html, const char *markup) {
    bytes_put(html, markup, strlen(markup));
}

void cli_html_format(cli_html *html, const char *format, ...) {
    char text[FORMAT_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length > 0)
        bytes_put(html, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

/* What stands for an ASCII character that is markup, or NULL. */
static const char *entity_of(uint8_t byte) {
    switch (byte) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

static void reference_put(cli_html *html, const uint8_t *at, size_t bytes) {
    static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = at[0] & first[bytes];
    for (size_t i = 1; i < bytes; i++)
        code = (code << 6) | (at[i] & 0x3fu);
    if (code)
        cli_html_format(html, "&#x%" PRIx32 ";", code);
    else
        cli_html_put(html, REPLACEMENT); /* HTML has no U+0000 */
}

/* One character that is not printable ASCII, at the start of `text`. Returns its bytes. */
static size_t special_put(cli_html *html, tally_span text, bool exact) {
    char copy[CHARACTER_BYTES + 1] = "";
    size_t bytes = cli_character_bytes(text);
    if (!bytes) {
        cli_html_put(html, REPLACEMENT);
        return 1;
    }
    memcpy(copy, text.ptr, bytes);
    bool steers = (uint8_t)copy[0] < ' ' || copy[0] == 0x7f || cli_steering_bytes(copy);
    if (!steers)
        bytes_put(html, copy, bytes);
    else if (exact)
        reference_put(html, text.ptr, bytes);
    else
        cli_html_put(html, copy[0] == '\n' || copy[0] == '\t' ? " " : REPLACEMENT);
    return bytes;
}

static void escaped_put(cli_html *html, tally_span text, bool exact) {
    while (text.len) {
        size_t step = 0;
        while (step < text.len && text.ptr[step] >= ' ' && text.ptr[step] < 0x7f &&
               !entity_of(text.ptr[step]))
            step++;
        const char *entity = step ? NULL : entity_of(text.ptr[0]);
        if (step)
            bytes_put(html, text.ptr, step);
        else if (entity)
            cli_html_put(html, entity);
        if (entity) step = 1;
        if (!step) step = special_put(html, text, exact);
        text = tally_span_of(text.ptr + step, text.len - step);
    }
}

void cli_html_text(cli_html *html, tally_span text) {
    escaped_put(html, text, false);
}

void cli_html_name(cli_html *html, tally_span name) {
    cli_html_put(html, "<bdi>");
    escaped_put(html, name, false);
    cli_html_put(html, "</bdi>");
}

static void attribute_put(cli_html *html, const char *name, tally_span text, bool exact) {
    cli_html_format(html, " %s=\"", name);
    escaped_put(html, text, exact);
    cli_html_put(html, "\"");
}

void cli_html_attribute(cli_html *html, const char *name, tally_span text) {
    attribute_put(html, name, text, false);
}

void cli_html_exact(cli_html *html, const char *name, tally_span text) {
    attribute_put(html, name, text, true);
}

void cli_html_count(cli_html *html, uint64_t count) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded((tally_i128)count * TALLY_PICO, 0, true, text);
    cli_html_put(html, text);
}

void cli_html_amount(cli_html *html, tally_i128 pico, tally_span currency) {
    char exact[TALLY_MONEY_TEXT_BYTES], shown[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_in(pico, currency, exact);
    tally_pico_format_rounded(pico, tally_currency_decimals(currency), true, shown);
    cli_html_format(html, "<data value=\"%s\">%s</data>", exact, shown);
}

void cli_html_money(cli_html *html, tally_i128 pico, int decimals) {
    char exact[TALLY_MONEY_TEXT_BYTES], shown[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(pico, 2, exact);
    tally_pico_format_rounded(pico, decimals, true, shown);
    cli_html_format(html, "<data value=\"%s\">%s</data>", exact, shown);
}

void cli_html_hours(cli_html *html, uint64_t ms) {
    char exact[TALLY_MONEY_TEXT_BYTES], shown[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(cli_hours_pico(ms), HOURS_EXACT, false, exact);
    tally_pico_format_rounded(cli_hours_pico(ms), HOURS_SHOWN, true, shown);
    cli_html_format(html, "<data value=\"%s\">%s</data>", exact, shown);
}

void cli_html_percent(cli_html *html, const char *attribute, tally_i128 part, tally_i128 whole) {
    tally_u128 parts = 0;
    if (part > 0 && whole > 0 && part < whole)
        parts = tally_mul_u128((tally_u128)part, PERCENT_PARTS, &parts) == 0
                    ? parts / (tally_u128)whole
                    : (tally_u128)(part / (whole / PERCENT_PARTS));
    else if (part > 0 && whole > 0)
        parts = PERCENT_PARTS;
    cli_html_format(html, " %s=\"%u.%03u%%\"", attribute, (unsigned)(parts / 1000),
                    (unsigned)(parts % 1000));
}

/* The hash by which a Content-Security-Policy lets an inline element pass. */
static void source_put(cli_html *html, const char *directive, tally_span text) {
    char base64[sodium_base64_ENCODED_LEN(TALLY_HASH_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    tally_hash hash;
    tally_sha256(text, &hash);
    sodium_bin2base64(base64, sizeof base64, hash.b, sizeof hash.b, sodium_base64_VARIANT_ORIGINAL);
    cli_html_format(html, "%s 'sha256-%s'; ", directive, base64);
}

void cli_html_open(cli_html *html, tally_span title, tally_span style, tally_span script) {
    cli_html_put(html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\""
                       "default-src 'none'; base-uri 'none'; form-action 'none'; ");
    source_put(html, "style-src", style);
    source_put(html, "script-src", script);
    cli_html_put(html, "\">\n<meta name=\"viewport\" content=\"width=device-width, "
                       "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
                       "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    cli_html_text(html, title);
    cli_html_put(html, "</title>\n<style>");
    bytes_put(html, style.ptr, style.len);
    cli_html_put(html, "</style>\n</head>\n<body>\n");
}

void cli_html_close(cli_html *html, tally_span script) {
    cli_html_put(html, "<script>");
    bytes_put(html, script.ptr, script.len);
    cli_html_put(html, "</script>\n</body>\n</html>\n");
}
