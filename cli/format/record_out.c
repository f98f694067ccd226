/* Turns a record's msgpack into JSON, value by value. */
#include "record_out.h"

/* `key` is "" after a key that came from the record, NULL inside an array. */
static void value_json(cli_json *json, const char *key, const tally_value *value);

static void map_json(cli_json *json, tally_cursor cursor) {
    tally_value key, value;
    while (tally_cursor_next(&cursor, &key) && tally_cursor_next(&cursor, &value)) {
        cli_json_key(json, key.bytes);
        value_json(json, "", &value);
    }
}

static void array_json(cli_json *json, tally_cursor cursor) {
    tally_value value;
    while (tally_cursor_next(&cursor, &value))
        value_json(json, NULL, &value);
}

/* Depth is bounded by TALLY_RECORD_MAX_DEPTH, which parsing has checked. */
static void value_json(cli_json *json, const char *key, const tally_value *value) {
    switch (value->type) {
    case TALLY_VALUE_NIL: cli_json_null(json, key); break;
    case TALLY_VALUE_BOOL: cli_json_bool(json, key, value->as.boolean); break;
    case TALLY_VALUE_UINT: cli_json_u64(json, key, value->as.uint); break;
    case TALLY_VALUE_INT: cli_json_i64(json, key, value->as.integer); break;
    case TALLY_VALUE_STR: cli_json_text(json, key, value->bytes); break;
    case TALLY_VALUE_BIN: cli_json_hex(json, key, value->bytes); break;
    case TALLY_VALUE_ARRAY:
        cli_json_open(json, key, '[');
        array_json(json, tally_cursor_of(value));
        cli_json_close(json, ']');
        break;
    case TALLY_VALUE_MAP:
        cli_json_open(json, key, '{');
        map_json(json, tally_cursor_of(value));
        cli_json_close(json, '}');
        break;
    }
}

int cli_record_json(cli_json *json, const tally_device_id *device, uint64_t index, tally_span bytes,
                    tally_error *err) {
    tally_record record;
    tally_hash leaf;
    if (tally_record_parse(bytes, &record, err)) {
        tally_fail_while(err, "record %llu is damaged", (unsigned long long)index);
        if (err) err->code = TALLY_ECORRUPT;
        return TALLY_ECORRUPT;
    }
    tally_leaf_hash(bytes, &leaf);
    cli_json_hex(json, "device", tally_span_of(device->b, sizeof device->b));
    cli_json_u64(json, "index", index);
    cli_json_hex(json, "hash", tally_span_of(leaf.b, sizeof leaf.b));
    cli_json_u64(json, "hlc", record.hlc);
    cli_json_time(json, "time", tally_hlc_ms(record.hlc));
    cli_json_text(json, "kind", record.kind);
    cli_json_open(json, "body", '{');
    map_json(json, tally_cursor_of_body(&record));
    cli_json_close(json, '}');
    return 0;
}
