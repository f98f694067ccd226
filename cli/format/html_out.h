/* HTML writer: what is ours goes out as it stands, what came from outside is escaped so that it can
 * neither become markup nor reorder the text beside it. Shared by all pages. */
#ifndef TALLY_CLI_HTML_OUT_H
#define TALLY_CLI_HTML_OUT_H

#include <stdio.h>

#include <tally/bytes.h>

typedef struct cli_html {
    FILE *out;
    uint64_t bytes; /* written so far */
} cli_html;

void cli_html_begin(cli_html *html, FILE *out);
/* Markup of ours, as it stands. */
void cli_html_put(cli_html *html, const char *markup);
/* The same with numbers in it: never with text from outside. */
void cli_html_format(cli_html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text from outside, between tags. What is not UTF-8, controls a text or steers its direction
 * becomes U+FFFD. */
void cli_html_text(cli_html *html, tally_span text);
/* The same in an element that keeps its direction to itself. */
void cli_html_name(cli_html *html, tally_span name);
/* ` name="text"`, inside a tag. */
void cli_html_attribute(cli_html *html, const char *name, tally_span text);
/* The same with every character kept, for scripts that compare it: nobody is shown it. */
void cli_html_exact(cli_html *html, const char *name, tally_span text);

/* 1,234,567 */
void cli_html_count(cli_html *html, uint64_t count);
/* <data value="EXACT">ROUNDED</data>: money with its exact decimal text beside what is read. */
void cli_html_money(cli_html *html, tally_i128 pico, int decimals);
/* The same, with the decimals of that currency. */
void cli_html_amount(cli_html *html, tally_i128 pico, tally_span currency);
/* The same of milliseconds, in hours. */
void cli_html_hours(cli_html *html, uint64_t ms);
/* A share of 100 %, as CSS and SVG take lengths: "12.345%". 0 where `whole` is not positive. */
void cli_html_percent(cli_html *html, const char *attribute, tally_i128 part, tally_i128 whole);

/* The page's beginning up to <body>. It may run `script` and apply `style`, and nothing else: no
 * address is ever asked, which its Content-Security-Policy has the browser hold to. */
void cli_html_open(cli_html *html, tally_span title, tally_span style, tally_span script);
/* The script, which must be the one that cli_html_open was given, and the page's end. */
void cli_html_close(cli_html *html, tally_span script);

#endif
