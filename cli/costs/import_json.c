/* Reads the JSON that `costs export` writes: {"costs":[{...}]}. Members it does not know are passed
 * over. */
#include "costs.h"

#include <stdlib.h>
#include <string.h>

#include <tally/json.h>
#include <tally/money.h>

typedef enum json_field {
    JSON_ID,
    JSON_TIME,
    JSON_AGENT,
    JSON_SESSION,
    JSON_MODEL,
    JSON_PATH,
    JSON_BRANCH,
    JSON_TAGS,
    JSON_INPUT,
    JSON_OUTPUT,
    JSON_REASONING,
    JSON_READ,
    JSON_WRITE,
    JSON_WRITE_5M,
    JSON_WRITE_1H,
    JSON_COST,
    JSON_CURRENCY,
    JSON_CLIENT,
    JSON_PROJECT,
    JSON_FIELDS
} json_field;

static const char *const field_names[JSON_FIELDS] = {"id",
                                                     "time",
                                                     "agent",
                                                     "session",
                                                     "model",
                                                     "project_path",
                                                     "branch",
                                                     "tags",
                                                     "input_tokens",
                                                     "output_tokens",
                                                     "reasoning_tokens",
                                                     "cache_read_tokens",
                                                     "cache_write_tokens",
                                                     "cache_write_5m_tokens",
                                                     "cache_write_1h_tokens",
                                                     "total_cost",
                                                     "currency",
                                                     "client",
                                                     "project"};

typedef struct row_fields {
    bool has[JSON_FIELDS];
    tally_json value[JSON_FIELDS];
} row_fields;

/* Where decoded texts go. They are never longer than their source, so the file's size is room
 * enough. */
typedef struct text_store {
    uint8_t *at;
} text_store;

static void fields_read(const tally_json *object, row_fields *fields) {
    tally_json_iter iter;
    tally_json key, value;
    memset(fields, 0, sizeof *fields);
    tally_json_iter_init(&iter, object);
    while (tally_json_next(&iter, &key, &value))
        for (size_t i = 0; i < JSON_FIELDS; i++)
            if (tally_json_key_is(&key, field_names[i])) {
                fields->has[i] = value.type != TALLY_JSON_NULL;
                fields->value[i] = value;
            }
}

static bool text_decode(const tally_json *value, text_store *store, tally_span *out) {
    if (value->type != TALLY_JSON_STRING || value->raw.len > CLI_IMPORT_TEXT_MAX_BYTES)
        return false;
    *out = value->raw;
    if (!value->escaped) return true;
    size_t len = 0;
    tally_json_text(value, (char *)store->at, value->raw.len, &len);
    *out = tally_span_of(store->at, len);
    store->at += len;
    return true;
}

/* An absent text is empty. */
static bool text_read(const row_fields *fields, json_field field, text_store *store,
                      tally_span *out) {
    *out = tally_span_str(NULL);
    return !fields->has[field] || text_decode(&fields->value[field], store, out);
}

static bool count_read(const row_fields *fields, json_field field, uint64_t *out) {
    *out = 0;
    return !fields->has[field] || tally_json_u64(&fields->value[field], out);
}

/* ["a","b"] as "a;b": the quotes and the comma leave room for it. */
static bool tags_read(const row_fields *fields, text_store *store, tally_span *out) {
    tally_json_iter iter;
    tally_json value;
    uint8_t *start = store->at;
    *out = tally_span_str(NULL);
    if (!fields->has[JSON_TAGS]) return true;
    if (fields->value[JSON_TAGS].type != TALLY_JSON_ARRAY) return false;
    tally_json_iter_init(&iter, &fields->value[JSON_TAGS]);
    while (tally_json_next(&iter, NULL, &value)) {
        tally_span tag;
        if (store->at != start) *store->at++ = ';';
        if (!text_decode(&value, store, &tag) || !cli_tag_ok(tag)) return false;
        if (!value.escaped) {
            memcpy(store->at, tag.ptr, tag.len);
            store->at += tag.len;
        }
    }
    *out = tally_span_of(start, (size_t)(store->at - start));
    return true;
}

static const char *numbers_read(const row_fields *fields, cli_import_row *row) {
    uint64_t written = 0;
    if (!fields->has[JSON_INPUT] || !count_read(fields, JSON_INPUT, &row->input))
        return "input_tokens is not a count";
    if (!fields->has[JSON_OUTPUT] || !count_read(fields, JSON_OUTPUT, &row->output))
        return "output_tokens is not a count";
    if (!count_read(fields, JSON_REASONING, &row->reasoning) || row->reasoning > row->output)
        return "reasoning_tokens is not a part of output_tokens";
    if (!count_read(fields, JSON_READ, &row->cache_read)) return "cache_read_tokens is not a count";
    if (!count_read(fields, JSON_WRITE, &written) ||
        !count_read(fields, JSON_WRITE_5M, &row->cache_write_5m) ||
        !count_read(fields, JSON_WRITE_1H, &row->cache_write_1h))
        return "cache_write_tokens is not a count";
    if (!fields->has[JSON_WRITE_5M] && !fields->has[JSON_WRITE_1H])
        row->cache_write_5m = written;
    else if (fields->has[JSON_WRITE] && row->cache_write_5m + row->cache_write_1h != written)
        return "cache_write_tokens is not the sum of its two kinds";
    row->has_cost = fields->has[JSON_COST];
    if (row->has_cost && (fields->value[JSON_COST].type != TALLY_JSON_STRING ||
                          tally_pico_parse(fields->value[JSON_COST].raw, false, &row->pico)))
        return "total_cost is not an amount in a string";
    return NULL;
}

static const char *row_read(const row_fields *fields, text_store *store, cli_import_row *row) {
    const tally_json *id = &fields->value[JSON_ID], *time = &fields->value[JSON_TIME];
    if (!fields->has[JSON_ID] || id->type != TALLY_JSON_STRING ||
        id->raw.len != 2 * sizeof row->id.b || tally_unhex(id->raw, row->id.b, sizeof row->id.b))
        return "id is not 32 hexadecimal digits";
    if (!fields->has[JSON_TIME] || time->type != TALLY_JSON_STRING ||
        tally_time_parse(time->raw, &row->time_ms))
        return "time is not like 2026-03-01T09:30:00Z";
    if (!text_read(fields, JSON_AGENT, store, &row->agent)) return "agent is not a short text";
    if (!text_read(fields, JSON_SESSION, store, &row->session))
        return "session is not a short text";
    if (!text_read(fields, JSON_MODEL, store, &row->model)) return "model is not a short text";
    if (!text_read(fields, JSON_PATH, store, &row->cwd)) return "project_path is not a short text";
    if (!text_read(fields, JSON_BRANCH, store, &row->branch)) return "branch is not a short text";
    if (!text_read(fields, JSON_CURRENCY, store, &row->currency))
        return "currency is not a short text";
    if (!text_read(fields, JSON_CLIENT, store, &row->client)) return "client is not a short text";
    if (!text_read(fields, JSON_PROJECT, store, &row->project))
        return "project is not a short text";
    if (!tags_read(fields, store, &row->tags))
        return "tags is not a list of tags (1 to 64 bytes, without comma and semicolon)";
    const char *why = numbers_read(fields, row);
    return why ? why : cli_import_row_check(row);
}

static uint32_t line_of(const uint8_t *text, const uint8_t *at) {
    uint32_t line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

int cli_import_json(const uint8_t *text, size_t len, cli_import_rows *rows, tally_error *err) {
    tally_json document, costs, value;
    tally_json_iter iter;
    row_fields fields;
    size_t number = 0;
    int code = tally_json_parse(tally_span_of(text, len), &document);
    if (code) return tally_fail(err, TALLY_EFORMAT, "it is not one whole JSON document");
    if (!tally_json_get(&document, "costs", &costs) || costs.type != TALLY_JSON_ARRAY)
        return tally_fail(err, TALLY_EFORMAT,
                          "it has no list 'costs'; 'tally costs export --format json' writes one");
    rows->store = malloc(len);
    if (!rows->store) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    text_store store = {rows->store};
    tally_json_iter_init(&iter, &costs);
    while (tally_json_next(&iter, NULL, &value)) {
        const char *why = "it is not an object";
        cli_import_row *row = cli_import_row_add(rows);
        if (!row) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        if (value.type == TALLY_JSON_OBJECT) {
            fields_read(&value, &fields);
            why = row_read(&fields, &store, row);
        }
        number++;
        if (why)
            return tally_fail(err, TALLY_EFORMAT, "line %u, cost %zu: %s",
                              line_of(text, value.raw.ptr), number, why);
    }
    return 0;
}
