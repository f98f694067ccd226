/* JSON writer: one document, written as it goes. Indented on a terminal, compact elsewhere. */
#ifndef TALLY_CLI_JSON_OUT_H
#define TALLY_CLI_JSON_OUT_H

#include <stdio.h>

#include <tally/bytes.h>

#define CLI_JSON_MAX_DEPTH 32

typedef struct cli_json {
    FILE *out;
    bool pretty;
    unsigned depth;
    bool filled[CLI_JSON_MAX_DEPTH]; /* something stands at this level already */
} cli_json;

/* Writes to `out`; the document ends with cli_json_end, which adds a newline. */
void cli_json_begin(cli_json *json, FILE *out);
void cli_json_end(cli_json *json);

/* `key` is NULL inside arrays and for the document itself. Text that is not UTF-8 gets U+FFFD for
 * each bad byte. */
void cli_json_open(cli_json *json, const char *key, char bracket); /* '{' or '[' */
void cli_json_close(cli_json *json, char bracket);                 /* '}' or ']' */
void cli_json_text(cli_json *json, const char *key, tally_span text);
void cli_json_string(cli_json *json, const char *key, const char *text);
void cli_json_text_or_null(cli_json *json, const char *key, tally_span text); /* null when empty */
void cli_json_texts(cli_json *json, const char *key, const tally_span *texts,
                    size_t count); /* [] */
void cli_json_u64(cli_json *json, const char *key, uint64_t value);
void cli_json_i64(cli_json *json, const char *key, int64_t value);
void cli_json_bool(cli_json *json, const char *key, bool value);
void cli_json_null(cli_json *json, const char *key);
void cli_json_hex(cli_json *json, const char *key, tally_span bytes);
/* RFC 3339 UTC with milliseconds. */
void cli_json_time(cli_json *json, const char *key, int64_t unix_ms);
/* Pico-units as an exact decimal string with at least two decimals. */
void cli_json_money(cli_json *json, const char *key, tally_i128 pico);
/* The same with at least the decimals of that currency. */
void cli_json_amount(cli_json *json, const char *key, tally_i128 pico, tally_span currency);
/* null when it is not known; `value` may be anything then. */
void cli_json_u64_or_null(cli_json *json, const char *key, bool known, uint64_t value);
void cli_json_time_or_null(cli_json *json, const char *key, bool known, int64_t unix_ms);
void cli_json_money_or_null(cli_json *json, const char *key, bool known, tally_i128 pico);
/* A key that came from outside (a record's field); the value follows with the key "". */
void cli_json_key(cli_json *json, tally_span key);

/* How many bytes the UTF-8 character at the start of `text` has, which is not empty; 0 when it is
 * none. */
size_t cli_character_bytes(tally_span text);

#endif
