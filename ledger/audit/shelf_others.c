/* What names other clients: their names and titles, their projects, and the tags, paths and remotes
 * by which rules know their work. A record with any of it in it stays out of a pack. */
#include "shelf_others.h"

#include <ctype.h>
#include <stdlib.h>

#define WHOLE_WORD_BYTES 4u /* what is shorter must stand by itself to name anything */

static uint8_t small(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static int name_order(const void *a, const void *b) {
    return tally_span_cmp(*(const tally_span *)a, *(const tally_span *)b);
}

static int name_add(tally_span **list, size_t *room, size_t *count, tally_span text,
                    tally_error *err) {
    if (text.len == 0) return 0;
    if (*count && (*list)[*count - 1].len == text.len) { /* runs of the same are usual */
        size_t i = 0;
        while (i < text.len && (*list)[*count - 1].ptr[i] == small(text.ptr[i]))
            i++;
        if (i == text.len) return 0;
    }
    uint8_t *copy = malloc(text.len);
    if (!copy || !shelf_grow((void **)list, room, *count, sizeof **list)) {
        free(copy);
        return shelf_no_memory(err);
    }
    for (size_t i = 0; i < text.len; i++)
        copy[i] = small(text.ptr[i]);
    (*list)[(*count)++] = tally_span_of(copy, text.len);
    return 0;
}

static int name_take(shelf *s, bool own, tally_span text, tally_error *err) {
    return own ? name_add(&s->own, &s->own_room, &s->own_count, text, err)
               : name_add(&s->others, &s->other_room, &s->other_count, text, err);
}

/* Shares of a split: [client, project, parts]. */
static int take_shares(shelf *s, const tally_record *record, tally_error *err) {
    tally_value list, share, client, project;
    int rc = 0;
    if (!tally_body_get(record, "shares", &list) || list.type != TALLY_VALUE_ARRAY) return 0;
    tally_cursor cursor = tally_cursor_of(&list);
    while (rc == 0 && tally_cursor_next(&cursor, &share)) {
        tally_cursor fields = tally_cursor_of(&share);
        if (share.type != TALLY_VALUE_ARRAY || !tally_cursor_next(&fields, &client) ||
            !tally_cursor_next(&fields, &project) || client.type != TALLY_VALUE_STR ||
            project.type != TALLY_VALUE_STR || client.bytes.len == 0)
            continue;
        bool own = tally_span_eq(client.bytes, s->client);
        rc = name_take(s, own, client.bytes, err);
        if (rc == 0) rc = name_take(s, own, project.bytes, err);
    }
    return rc;
}

int shelf_others_take(shelf *s, const tally_record *record, tally_error *err) {
    static const char *const keys[] = {"project", "title", "path", "remote", "tag", "contract"};
    tally_span client, text;
    int rc = 0;
    if (s->client.len == 0) return 0;
    if (tally_span_is(record->kind, "split")) return take_shares(s, record, err);
    if (!tally_body_str(record, "client", &client) || client.len == 0) return 0;
    bool own = tally_span_eq(client, s->client);
    rc = name_take(s, own, client, err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && rc == 0; i++)
        if (tally_body_str(record, keys[i], &text)) rc = name_take(s, own, text, err);
    return rc;
}

void shelf_others_settle(shelf *s) {
    size_t kept = 0;
    if (s->own_count) qsort(s->own, s->own_count, sizeof *s->own, name_order);
    if (s->other_count) qsort(s->others, s->other_count, sizeof *s->others, name_order);
    for (size_t i = 0; i < s->other_count; i++) {
        tally_span name = s->others[i];
        bool again = kept && tally_span_eq(s->others[kept - 1], name);
        bool ours = s->own_count && bsearch(&name, s->own, s->own_count, sizeof name, name_order);
        if (again || ours)
            free((void *)(uintptr_t)name.ptr);
        else
            s->others[kept++] = name;
    }
    s->other_count = kept;
}

void shelf_others_clear(shelf *s) {
    for (size_t i = 0; i < s->other_count; i++)
        free((void *)(uintptr_t)s->others[i].ptr);
    for (size_t i = 0; i < s->own_count; i++)
        free((void *)(uintptr_t)s->own[i].ptr);
    free(s->others);
    free(s->own);
}

static bool stands_at(tally_span bytes, size_t at, tally_span name) {
    for (size_t i = 0; i < name.len; i++)
        if (small(bytes.ptr[at + i]) != name.ptr[i]) return false;
    if (name.len >= WHOLE_WORD_BYTES) return true;
    size_t end = at + name.len;
    return (at == 0 || !isalnum(bytes.ptr[at - 1])) &&
           (end == bytes.len || !isalnum(bytes.ptr[end]));
}

bool shelf_names_other(const shelf *s, tally_span bytes) {
    for (size_t n = 0; n < s->other_count; n++)
        for (size_t at = 0; s->others[n].len <= bytes.len && at <= bytes.len - s->others[n].len;
             at++)
            if (small(bytes.ptr[at]) == s->others[n].ptr[0] && stands_at(bytes, at, s->others[n]))
                return true;
    return false;
}
