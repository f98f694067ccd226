/* Decisions: what a person said of one session or one entry, whatever the rules say: assign and
 * split. One register a target; the last word holds. */
#include "view_fold.h"

#include <tally/attribution.h>
#include <tally/policy.h>

#include <stdlib.h>

#define SHARE_MAX_BYTES (1u + 2u * (2u + TALLY_NAME_MAX_BYTES) + 5u)

static const char assign_kind[] = "assign", split_kind[] = "split";

static bool name_or_nothing(tally_span name) {
    if (name.len > TALLY_NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f) return false;
    return true;
}

static bool share_ok(const tally_share *share) {
    return name_or_nothing(share->client) && name_or_nothing(share->project) &&
           share->client.len + share->project.len > 0 && share->parts > 0 &&
           share->parts <= TALLY_MAX_PARTS;
}

/* ---- reading bodies ---- */

static bool read_share(const tally_value *value, tally_share *out) {
    tally_value client, project, parts;
    if (value->type != TALLY_VALUE_ARRAY || value->count != 3) return false;
    tally_cursor cursor = tally_cursor_of(value);
    if (!tally_cursor_next(&cursor, &client) || !tally_cursor_next(&cursor, &project) ||
        !tally_cursor_next(&cursor, &parts))
        return false;
    if (client.type != TALLY_VALUE_STR || project.type != TALLY_VALUE_STR ||
        parts.type != TALLY_VALUE_UINT || parts.as.uint > TALLY_MAX_PARTS)
        return false;
    *out = (tally_share){client.bytes, project.bytes, (uint32_t)parts.as.uint};
    return share_ok(out);
}

static bool read_split(const tally_record *record, tally_attribution *out) {
    tally_value list, item;
    if (!tally_body_get(record, "shares", &list) || list.type != TALLY_VALUE_ARRAY) return false;
    if (list.count < 2 || list.count > TALLY_MAX_SHARES) return false;
    out->by = TALLY_ATTRIBUTED_SPLIT;
    tally_cursor cursor = tally_cursor_of(&list);
    while (tally_cursor_next(&cursor, &item)) {
        if (!read_share(&item, &out->shares[out->count])) return false;
        out->parts += out->shares[out->count++].parts;
    }
    return out->parts <= TALLY_MAX_PARTS;
}

/* One with neither client nor project takes back what was said before. */
static bool read_assign(const tally_record *record, tally_attribution *out) {
    tally_share *share = &out->shares[0];
    (void)tally_body_str(record, "client", &share->client);
    (void)tally_body_str(record, "project", &share->project);
    share->parts = 1;
    if (share->client.len + share->project.len == 0) return true;
    out->by = TALLY_ATTRIBUTED_ASSIGN;
    out->count = 1;
    out->parts = 1;
    return share_ok(share);
}

static bool read_decision(const tally_record *record, bool split, tally_attribution *out) {
    *out = (tally_attribution){.by = TALLY_ATTRIBUTED_NOTHING};
    return split ? read_split(record, out) : read_assign(record, out);
}

/* ---- the view ---- */

/* Value: the leaf, 1 for a split, the body. */
static int fold(const view_source *source, const tally_record *record, bool split,
                tally_error *err) {
    uint8_t target[TALLY_ENTRY_BYTES], value[TALLY_RECORD_MAX_BYTES];
    const size_t head = TALLY_HASH_BYTES + 1u;
    tally_attribution said;
    if (!view_target_of(record, target) || !read_decision(record, split, &said)) return 0;
    if (record->body.len > sizeof value - head) return 0;
    memcpy(value, source->leaf->b, TALLY_HASH_BYTES);
    value[TALLY_HASH_BYTES] = split;
    memcpy(value + head, record->body.ptr, record->body.len);
    return view_register_put(source, TABLE_VIEW_DECISIONS, tally_span_of(target, sizeof target),
                             record->hlc, tally_span_of(value, head + record->body.len), err);
}

int view_fold_assign(const view_source *source, const tally_record *record, tally_error *err) {
    return fold(source, record, false, err);
}

int view_fold_split(const view_source *source, const tally_record *record, tally_error *err) {
    return fold(source, record, true, err);
}

bool tally_decision_get(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES],
                        tally_attribution *out) {
    tally_span value;
    uint32_t feed;
    const size_t head = TALLY_HASH_BYTES + 1u;
    if (view_register_get(txn, TABLE_VIEW_DECISIONS, tally_span_of(target, TALLY_ENTRY_BYTES),
                          &feed, &value) != 0 ||
        value.len <= head)
        return false;
    tally_record record = {.body = tally_span_of(value.ptr + head, value.len - head)};
    if (!read_decision(&record, value.ptr[TALLY_HASH_BYTES] != 0, out)) return false;
    memcpy(out->decision.b, value.ptr, TALLY_HASH_BYTES);
    out->feed = feed;
    return out->by != TALLY_ATTRIBUTED_NOTHING;
}

/* ---- appending ---- */

/* Names are at most 64 bytes and parts at most 1,000,000: the forms below are the shortest. */
static size_t pack_text(tally_span text, uint8_t *out) {
    size_t len = 0;
    if (text.len >= 32) out[len++] = 0xd9;
    out[len] = (uint8_t)(text.len >= 32 ? text.len : 0xa0 | text.len);
    len++;
    if (text.len > 0) memcpy(out + len, text.ptr, text.len);
    return len + text.len;
}

static size_t pack_parts(uint32_t parts, uint8_t *out) {
    if (parts < 0x80) {
        out[0] = (uint8_t)parts;
        return 1;
    }
    size_t bytes = parts <= UINT8_MAX ? 1 : parts <= UINT16_MAX ? 2 : 4;
    out[0] = bytes == 1 ? 0xcc : bytes == 2 ? 0xcd : 0xce;
    for (size_t i = 0; i < bytes; i++)
        out[1 + i] = (uint8_t)(parts >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
}

static size_t pack_shares(const tally_decide *decide, uint8_t *out) {
    size_t len = 0;
    if (decide->share_count < 16) {
        out[len++] = (uint8_t)(0x90 | decide->share_count);
    } else {
        out[len++] = 0xdc;
        out[len++] = 0;
        out[len++] = (uint8_t)decide->share_count;
    }
    for (size_t i = 0; i < decide->share_count; i++) {
        out[len++] = 0x93;
        len += pack_text(decide->shares[i].client, out + len);
        len += pack_text(decide->shares[i].project, out + len);
        len += pack_parts(decide->shares[i].parts, out + len);
    }
    return len;
}

static const char *typed_fault(tally_span name) {
    return name.len ? tally_field_typed_fault(TALLY_FIELD_NAME, name) : NULL;
}

static int check_decide(const tally_decide *decide, tally_error *err) {
    uint64_t parts = 0;
    if (decide->share_count > TALLY_MAX_SHARES)
        return tally_fail(err, TALLY_EINVAL, "a split has at most %u shares", TALLY_MAX_SHARES);
    for (size_t i = 0; i < decide->share_count; i++) {
        if (!share_ok(&decide->shares[i]))
            return tally_fail(err, TALLY_EINVAL,
                              "share %zu needs a client or a project of 1 to %u bytes without "
                              "control characters, and parts from 1 to %u",
                              i + 1, TALLY_NAME_MAX_BYTES, TALLY_MAX_PARTS);
        const char *fault = typed_fault(decide->shares[i].client);
        if (!fault) fault = typed_fault(decide->shares[i].project);
        if (fault)
            return tally_fail(err, TALLY_EINVAL, "the client or project of share %zu must be %s",
                              i + 1, fault);
        for (size_t k = 0; k < i; k++)
            if (tally_span_eq(decide->shares[k].client, decide->shares[i].client) &&
                tally_span_eq(decide->shares[k].project, decide->shares[i].project))
                return tally_fail(err, TALLY_EINVAL,
                                  "shares %zu and %zu are of the same client "
                                  "and project; add their parts up",
                                  k + 1, i + 1);
        parts += decide->shares[i].parts;
    }
    if (parts > TALLY_MAX_PARTS)
        return tally_fail(err, TALLY_EINVAL, "the shares of a split have at most %u parts in all",
                          TALLY_MAX_PARTS);
    return 0;
}

int tally_decide_append(tally_txn *txn, const tally_decide *decide, tally_error *err) {
    uint8_t shares[3 + TALLY_MAX_SHARES * SHARE_MAX_BYTES];
    bool split = decide->share_count > 1;
    tally_writer *writer;
    int rc = check_decide(decide, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_writer_begin(writer);
    if (decide->entry) {
        tally_put_bin(writer, "entry", tally_span_of(decide->entry->b, sizeof decide->entry->b));
    } else {
        tally_put_str(writer, "agent", decide->agent);
        tally_put_str(writer, "session", decide->session);
    }
    if (split) {
        tally_put_raw(writer, "shares", tally_span_of(shares, pack_shares(decide, shares)));
    } else if (decide->share_count == 1) {
        tally_put_str_opt(writer, "client", decide->shares[0].client);
        tally_put_str_opt(writer, "project", decide->shares[0].project);
    }
    rc = tally_append(txn, split ? split_kind : assign_kind, writer, NULL, err);
    tally_writer_free(writer);
    return rc;
}
