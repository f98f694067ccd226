/* Any bytes: what the strict decoder accepts is what msgpack-c packs for the same meaning, to the
 * byte, and the cursor walks all of it. */
#include <tally/record.h>

#include <msgpack.h>
#include <stdlib.h>

#include "msgpack_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

/* Walks a container to the bottom; its elements are as many as it says and end where it ends. */
static void walk(const tally_value *container) {
    tally_cursor cursor = tally_cursor_of(container);
    tally_value item;
    uint64_t items = container->count;
    if (container->type == TALLY_VALUE_MAP) items *= 2;
    for (uint64_t i = 0; i < items; i++) {
        must(tally_cursor_next(&cursor, &item));
        if (item.type == TALLY_VALUE_ARRAY || item.type == TALLY_VALUE_MAP) walk(&item);
    }
    must(cursor.at == cursor.end && !tally_cursor_next(&cursor, &item));
}

static void look_up(const tally_record *record) {
    tally_cursor cursor = tally_cursor_of_body(record);
    tally_value key, value, found;
    while (tally_cursor_next(&cursor, &key)) {
        char name[64];
        must(tally_cursor_next(&cursor, &value));
        if (key.bytes.len >= sizeof name || memchr(key.bytes.ptr, 0, key.bytes.len)) continue;
        memcpy(name, key.bytes.ptr, key.bytes.len);
        name[key.bytes.len] = '\0';
        must(tally_body_get(record, name, &found));
        must(found.type == value.type && found.bytes.ptr == value.bytes.ptr);
    }
}

static void pack_again(const uint8_t *data, size_t size) {
    msgpack_unpacked object;
    msgpack_sbuffer again;
    msgpack_packer packer;
    msgpack_unpacked_init(&object);
    msgpack_sbuffer_init(&again);
    msgpack_packer_init(&packer, &again, msgpack_sbuffer_write);
    must(msgpack_unpack_next(&object, (const char *)data, size, NULL) == MSGPACK_UNPACK_SUCCESS);
    must(msgpack_pack_object(&packer, object.data) == 0);
    must(again.size == size && memcmp(again.data, data, size) == 0);
    msgpack_sbuffer_destroy(&again);
    msgpack_unpacked_destroy(&object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_record record;
    tally_error err;
    int rc = tally_record_parse(tally_span_of(data, size), &record, &err);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT);
    if (rc != 0) return 0;
    tally_cursor cursor = {data, data + size};
    tally_value whole;
    must(tally_cursor_next(&cursor, &whole) && cursor.at == cursor.end);
    walk(&whole);
    look_up(&record);
    pack_again(data, size);
    return 0;
}
