/* Records for fold_fuzz.c: each of a known kind with the fields that PROTOCOL.md gives it, most of
 * them sound, signed and in order, so that what lies behind the parser and the signature is
 * reached. Few names, so that everything meets everything. */
#ifndef TALLY_FUZZ_FOLD_WORLD_H
#define TALLY_FUZZ_FOLD_WORLD_H

#include "ledger_fuzz.h"

#include <tally/policy.h>
#include <tally/view.h>

#include <msgpack.h>

#define WORLD_DEVICES      3u
#define WORLD_RECORDS_MAX  48u
#define WORLD_RECORD_BYTES 2048u
#define WORLD_ROOM_BYTES   16384u /* fifty fields, each too long */
#define WORLD_BLOBS        4u     /* the last of them is nowhere */
#define WORLD_TEXT_BYTES   64u

/* What a field's byte may say instead of which of the sound values it is. */
enum {
    FIELD_BYTES = 0xfc, /* a text of the input's own bytes */
    FIELD_LONG,         /* a text longer than any name */
    FIELD_HUGE,         /* a number at the end of its range */
    FIELD_WRONG         /* of another type */
};

typedef struct world_record {
    uint8_t bytes[WORLD_RECORD_BYTES];
    size_t len;
    unsigned device;
    tally_hash leaf;
} world_record;

typedef struct world {
    world_record records[WORLD_RECORDS_MAX];
    unsigned count;
    tally_hlc clock[WORLD_DEVICES];
    tally_hash blobs[WORLD_BLOBS];
    tally_writer *writer;
    uint8_t room[WORLD_ROOM_BYTES]; /* of the record in the making: the writer borrows */
    size_t used;
} world;

/* ---- values ---- */

/* A field's letter says what it holds: see `value_put`. A '?' after it: it may be absent. */
typedef struct world_field {
    const char *name;
    const char *type;
} world_field;

typedef struct world_kind {
    const char *name;
    world_field fields[20];
} world_kind;

#define SESSION_FIELDS                                                                             \
    {"agent", "a"}, {                                                                              \
        "id", "s"                                                                                  \
    }
#define TARGET_FIELDS                                                                              \
    {"agent", "a?"}, {"session", "s?"}, {                                                          \
        "entry", "e?"                                                                              \
    }

static const world_kind world_kinds[] = {
    {"session",
     {SESSION_FIELDS,
      {"parent", "s?"},
      {"cwd", "p?"},
      {"branch", "n?"},
      {"remote", "r?"},
      {"commit", "n?"},
      {"version", "n?"},
      {"title", "b?"},
      {"title_from", "f?"}}},
    {"cost",
     {{"agent", "a"},
      {"key", "k"},
      {"session", "s"},
      {"model", "m"},
      {"time", "t"},
      {"input", "u"},
      {"output", "u"},
      {"cache_read", "u?"},
      {"cache_write_5m", "u?"},
      {"cache_write_1h", "u?"},
      {"reasoning", "u?"},
      {"web_searches", "u?"},
      {"speed", "S?"},
      {"service", "S?"},
      {"source", "S?"},
      {"stated", "$?"},
      {"currency", "C?"},
      {"entry", "e?"}}},
    {"activity", {{"agent", "a"}, {"session", "s"}, {"human", "H?"}, {"runs", "U?"}}},
    {"tag.add", {{"tag", "g"}, TARGET_FIELDS}},
    {"tag.remove", {{"tag", "g"}, {"removes", "R"}, TARGET_FIELDS}},
    {"void", {{"entry", "e"}, {"reason", "x?"}, {"undo", "T?"}}},
    {"redact", {{"blob", "b"}, {"reason", "x?"}}},
    {"price.set",
     {{"model", "m"},
      {"currency", "C"},
      {"from", "d?"},
      {"input", "u?"},
      {"output", "u?"},
      {"cache_read", "u?"},
      {"cache_write_5m", "u?"},
      {"web_search", "u?"},
      {"source", "S?"}}},
    {"price.unset", {{"model", "m"}, {"from", "d?"}}},
    {"assign", {TARGET_FIELDS, {"client", "c?"}, {"project", "j?"}}},
    {"split", {TARGET_FIELDS, {"shares", "L"}}},
    {"time.add",
     {{"date", "d"},
      {"duration", "D"},
      {"start", "t?"},
      {"client", "c?"},
      {"project", "j?"},
      {"text", "b?"}}},
    {"describe", {TARGET_FIELDS, {"from", "w"}, {"text", "b?"}}},
    {"expense",
     {{"date", "d"},
      {"category", "G"},
      {"provider", "n"},
      {"amount", "$"},
      {"currency", "C"},
      {"quantity", "$?"},
      {"unit", "n?"},
      {"client", "c?"},
      {"project", "j?"},
      {"note", "b?"},
      {"evidence", "b?"},
      {"evidence_name", "n?"},
      {"evidence_type", "n?"},
      {"key", "h?"}}},
    {"deposit.receive", {{"contract", "n"}, {"amount", "u"}, {"date", "d"}, {"credits", "K?"}}},
    {"credit.add", {{"contract", "n"}, {"amount", "u"}, {"reason", "x"}, {"for", "n?"}}},
    {"invoice.issue",
     {{"number", "n"},
      {"contract", "n"},
      {"client", "c"},
      {"currency", "C"},
      {"from", "d"},
      {"to", "d"},
      {"issue_date", "d"},
      {"due_date", "d"},
      {"milestone", "u?"},
      {"late_fee_bp", "u?"},
      {"total", "u"},
      {"compute", "u"},
      {"project", "u"},
      {"document", "b"},
      {"sha256", "h"},
      {"trace", "h"},
      {"frontier", "F"}}},
    {"invoice.entries", {{"issue", "h"}, {"entries", "E"}}},
    {"invoice.void", {{"number", "n"}, {"issue", "h"}, {"reason", "x?"}}},
    {"payment", {{"number", "n"}, {"issue", "h"}, {"amount", "u"}, {"date", "d"}, {"note", "b?"}}},
};
#define WORLD_KINDS (sizeof world_kinds / sizeof *world_kinds)

/* In the order of tally_policy. */
static const char *const world_policies[TALLY_POLICY_COUNT][2] = {
    {"client.set", "client.unset"},       {"project.set", "project.unset"},
    {"rule.set", "rule.unset"},           {"rate.set", "rate.unset"},
    {"plan.set", "plan.unset"},           {"fx.set", "fx.unset"},
    {"budget.set", "budget.unset"},       {"bill.set", "bill.unset"},
    {"engaged.set", "engaged.unset"},     {"contract.set", "contract.unset"},
    {"milestone.set", "milestone.unset"}, {"milestone.accept", "milestone.reopen"},
    {"change.set", "change.unset"},       {"change.approve", "change.withdraw"},
    {"issuer.set", "issuer.unset"},       {"audit.set", "audit.unset"},
};

static const char *const pool_agents[] = {"codex", "claude-sub", "gemini"};
static const char *const pool_models[] = {"m1", "gpt-5", "claude-sonnet-4-5", "us.m1"};
static const char *const pool_paths[] = {"/w/shop", "/w/shop/api", "/x", "w"};
static const char *const pool_remotes[] = {"git@example.com:a/b.git", "https://example.com/a/b",
                                           "ssh://u@example.com:22/a"};
static const char *const pool_froms[] = {"person", "commits", "command"};
static const char *const pool_title_froms[] = {"custom", "agent", "summary", "prompt"};
static const char *const pool_dates[] = {"2026-09-08", "2026-09-01", "2026-09-30",
                                         "2026-10-01", "1970-01-01", "9999-12-31"};
static const char *const pool_months[] = {"2026-09", "2026-08", "2026-10"};
static const char *const pool_currencies[] = {"USD", "EUR", "JPY", "KWD"};
static const char *const pool_sources[] = {"reported", "imported", "fast", "us", "batch", "typed"};
static const char *const pool_categories[] = {"llm",    "embedding",  "vector_db", "gpu",
                                              "egress", "monitoring", "other"};
static const char *const pool_words[] = {"parser", "", "Search index", "x"};
static const char *const pool_clients[] = {"c0", "c1", "c2"};
static const char *const pool_projects[] = {"p0", "p1"};
static const char *const pool_names[] = {"c0", "n1", "n2", "anthropic", "openai"};
static const char *const pool_tags[] = {"t0", "t1"};
static const char *const pool_sessions[] = {"s0", "s1", "s2", "s3"};
static const char *const pool_keys[] = {"k0", "k1", "k2", "k3", "k4", "k5"};
static const char *const pool_members[] = {"ada", "bob", "eve"};
static const int64_t pool_money[] = {TALLY_PICO,       0, 3 * TALLY_PICO / 10, -TALLY_PICO,
                                     125 * TALLY_PICO, 1, 999999 * TALLY_PICO};
static const uint64_t pool_counts[] = {1, 0, 7, 99, 1000, 1u << 20, 100};

#define PICK(pool, choice) ((pool)[(choice) % (sizeof(pool) / sizeof *(pool))])

static inline uint8_t *world_room(world *w, size_t len) {
    must(w->used + len <= sizeof w->room);
    w->used += len;
    return w->room + w->used - len;
}

/* A small msgpack array in the room of the record. */
static inline int world_pack(void *data, const char *bytes, size_t len) {
    world *w = data;
    if (w->used + len > sizeof w->room) return -1;
    memcpy(world_room(w, len), bytes, len);
    return 0;
}

static inline tally_entry_id world_entry(const world *w, uint8_t choice) {
    tally_entry_id id = {{0}};
    if (choice % 2 == 0 || w->count == 0) {
        tally_entry_id_of(tally_span_str(PICK(pool_agents, choice / 2)),
                          tally_span_str(PICK(pool_keys, choice / 8)), &id);
    } else {
        memcpy(id.b, w->records[(choice / 2) % w->count].leaf.b, sizeof id.b);
    }
    return id;
}

static inline const tally_hash *world_leaf(const world *w, uint8_t choice) {
    static const tally_hash none = {{0}};
    return w->count > 0 ? &w->records[w->count - 1 - choice % w->count].leaf : &none;
}

static inline void pack_share(msgpack_packer *pk, uint8_t choice) {
    const char *client = choice % 3 == 0 ? "" : PICK(pool_clients, choice / 3);
    const char *project = choice % 3 == 1 ? "" : PICK(pool_projects, choice / 9);
    (void)msgpack_pack_array(pk, 3);
    (void)msgpack_pack_str(pk, strlen(client));
    (void)msgpack_pack_str_body(pk, client, strlen(client));
    (void)msgpack_pack_str(pk, strlen(project));
    (void)msgpack_pack_str_body(pk, project, strlen(project));
    (void)msgpack_pack_uint64(pk, 1u + choice % 5u);
}

static inline void pack_bytes(msgpack_packer *pk, const void *bytes, size_t len) {
    (void)msgpack_pack_bin(pk, len);
    (void)msgpack_pack_bin_body(pk, bytes, len);
}

static inline uint64_t world_time(uint8_t choice) {
    return (uint64_t)FUZZ_NOW_MS + (uint64_t)(choice % 16u) * 60000u * (1u + choice / 16u);
}

/* One of an invoice's entries: of an entry, of a session's day, or of a day that others share. */
static inline void pack_locked(msgpack_packer *pk, const world *w, uint8_t choice) {
    tally_entry_id id = world_entry(w, choice);
    uint32_t count = choice % 3u == 0 ? 4 : 4 + choice % 3u;
    if (count > 4) {
        memset(id.b, 0, sizeof id.b);
        tally_put_be64(id.b, tally_session_ref(tally_span_str(PICK(pool_agents, choice / 3)),
                                               tally_span_str(PICK(pool_sessions, choice / 9))));
    }
    (void)msgpack_pack_array(pk, count);
    pack_bytes(pk, id.b, sizeof id.b);
    (void)msgpack_pack_uint64(pk, 1);
    (void)msgpack_pack_uint64(pk, 1u + choice % 2u);
    (void)msgpack_pack_uint64(pk, PICK(pool_counts, choice));
    if (count > 4) (void)msgpack_pack_uint64(pk, 20704u);
    if (count > 5) (void)msgpack_pack_uint64(pk, choice);
}

/* Arrays: how many elements, then what is in each, is the input's. */
static inline tally_span world_array(world *w, char type, uint8_t choice, tally_span *input) {
    size_t at = w->used;
    uint32_t count = 1u + choice % 4u;
    msgpack_packer pk;
    msgpack_packer_init(&pk, w, world_pack);
    (void)msgpack_pack_array(&pk, type == 'L' ? count + 1 : count);
    for (uint32_t i = 0; i < (type == 'L' ? count + 1 : count); i++) {
        uint8_t next = take(input);
        uint64_t from = world_time(next);
        switch (type) {
        case 'H': (void)msgpack_pack_uint64(&pk, from); break;
        case 'U':
            (void)msgpack_pack_array(&pk, 2);
            (void)msgpack_pack_uint64(&pk, from);
            (void)msgpack_pack_uint64(&pk, from + 1000u * take(input));
            break;
        case 'R': pack_bytes(&pk, world_leaf(w, next)->b, TALLY_HASH_BYTES); break;
        case 'K':
            (void)msgpack_pack_array(&pk, 2);
            (void)msgpack_pack_uint64(&pk, next % 100u);
            (void)msgpack_pack_uint64(&pk, 1u + next);
            break;
        case 'F':
            (void)msgpack_pack_array(&pk, 2);
            pack_bytes(&pk, tally_key_device(fuzz_keys[i])->b, TALLY_PUBLIC_KEY_BYTES);
            (void)msgpack_pack_uint64(&pk, next);
            break;
        case 'E': pack_locked(&pk, w, next); break;
        default: pack_share(&pk, next); break;
        }
    }
    return tally_span_of(w->room + at, w->used - at);
}

/* Texts; NULL where the type is none. */
static inline const char *world_text(char type, uint8_t choice) {
    switch (type) {
    case 'a': return PICK(pool_agents, choice);
    case 's': return PICK(pool_sessions, choice);
    case 'k': return PICK(pool_keys, choice);
    case 'm': return PICK(pool_models, choice);
    case 'p': return PICK(pool_paths, choice);
    case 'r': return PICK(pool_remotes, choice);
    case 'n': return PICK(pool_names, choice);
    case 'g': return PICK(pool_tags, choice);
    case 'c': return PICK(pool_clients, choice);
    case 'j': return PICK(pool_projects, choice);
    case 'd': return PICK(pool_dates, choice);
    case 'M': return PICK(pool_months, choice);
    case 'C': return PICK(pool_currencies, choice);
    case 'S': return PICK(pool_sources, choice);
    case 'G': return PICK(pool_categories, choice);
    case 'w': return PICK(pool_froms, choice);
    case 'f': return PICK(pool_title_froms, choice);
    case 'x': return PICK(pool_words, choice);
    case 'y': return PICK(pool_members, choice);
    default: return NULL;
    }
}

static inline void value_put_odd(world *w, const char *name, uint8_t choice, tally_span *input) {
    uint8_t *room;
    tally_span text;
    switch (choice) {
    case FIELD_BYTES:
        text = take_some(input, take(input) % WORLD_TEXT_BYTES);
        room = world_room(w, WORLD_TEXT_BYTES);
        if (text.len > 0) memcpy(room, text.ptr, text.len);
        tally_put_str(w->writer, name, tally_span_of(room, tally_utf8_valid(text) ? text.len : 0));
        break;
    case FIELD_LONG:
        room = world_room(w, 300);
        memset(room, 'x', 300);
        tally_put_str(w->writer, name, tally_span_of(room, 300));
        break;
    case FIELD_HUGE: tally_put_u64(w->writer, name, UINT64_MAX >> (take(input) % 64u)); break;
    default:
        if (take(input) % 2 == 0)
            tally_put_true(w->writer, name);
        else
            tally_put_i64(w->writer, name, -1 - (int64_t)take(input));
    }
}

static inline void value_put(world *w, const char *name, char type, uint8_t choice,
                             tally_span *input) {
    const char *text = world_text(type, choice);
    uint8_t *room;
    tally_entry_id id;
    if (choice >= FIELD_BYTES) {
        value_put_odd(w, name, choice, input);
    } else if (text) {
        tally_put_str(w->writer, name, tally_span_str(text));
    } else if (type == 'u') {
        tally_put_u64(w->writer, name, PICK(pool_counts, choice));
    } else if (type == '1') { /* a small number, in decimal or not, as the table wants it */
        tally_put_u64(w->writer, name, choice);
    } else if (type == 't') {
        tally_put_u64(w->writer, name, world_time(choice));
    } else if (type == 'D') {
        tally_put_u64(w->writer, name, 60000u * (1u + choice));
    } else if (type == '$') {
        int64_t money = PICK(pool_money, choice);
        if (money < 0)
            tally_put_i64(w->writer, name, money);
        else
            tally_put_u64(w->writer, name, (uint64_t)money);
    } else if (type == 'T') {
        tally_put_true(w->writer, name);
    } else if (type == 'b' || type == 'h') {
        const tally_hash *hash =
            type == 'b' ? &w->blobs[choice % WORLD_BLOBS] : world_leaf(w, choice);
        memcpy(room = world_room(w, TALLY_HASH_BYTES), hash->b, TALLY_HASH_BYTES);
        tally_put_bin(w->writer, name, tally_span_of(room, TALLY_HASH_BYTES));
    } else if (type == 'e') {
        id = world_entry(w, choice);
        memcpy(room = world_room(w, sizeof id.b), id.b, sizeof id.b);
        tally_put_bin(w->writer, name, tally_span_of(room, sizeof id.b));
    } else {
        tally_put_raw(w->writer, name, world_array(w, type, choice, input));
    }
}

/* ---- records ---- */

/* The pool from which a field of a policy's table is taken. */
static inline void policy_value_put(world *w, const tally_policy_field *field, uint8_t choice,
                                    tally_span *input) {
    static const char *const few[][5] = {
        [TALLY_FIELD_PERIOD - TALLY_FIELD_PERIOD] = {"daily", "weekly", "monthly"},
        [TALLY_FIELD_COVERS - TALLY_FIELD_PERIOD] = {"all", "beyond-plan"},
        [TALLY_FIELD_OVERLAP - TALLY_FIELD_PERIOD] = {"split", "focus", "parallel"},
        [TALLY_FIELD_ROUNDING - TALLY_FIELD_PERIOD] = {"up", "nearest"},
        [TALLY_FIELD_PER - TALLY_FIELD_PERIOD] = {"entry", "day", "line"},
        [TALLY_FIELD_AI_COST -
            TALLY_FIELD_PERIOD] = {"at_cost", "markup", "in_rate", "budget", "none"},
        [TALLY_FIELD_BASIS - TALLY_FIELD_PERIOD] = {"list", "paid"},
        [TALLY_FIELD_LINES -
            TALLY_FIELD_PERIOD] = {"description", "entry", "project", "day", "tag"},
        [TALLY_FIELD_TAX - TALLY_FIELD_PERIOD] = {"S", "Z", "E", "AE", "O"},
        [TALLY_FIELD_YES_NO - TALLY_FIELD_PERIOD] = {"yes", "no"},
        [TALLY_FIELD_WITNESS - TALLY_FIELD_PERIOD] = {"any", "admin", "member", "auditor"},
    };
    static const char *const ordinals[] = {"1", "2", "99", "0"};
    static const char *const countries[] = {"DE", "US", "XX"};
    if (choice < FIELD_BYTES && field->type >= TALLY_FIELD_PERIOD &&
        field->type <= TALLY_FIELD_WITNESS) {
        const char *text = few[field->type - TALLY_FIELD_PERIOD][choice % 5u];
        tally_put_str(w->writer, field->name, tally_span_str(text ? text : "other"));
        return;
    }
    const char *text = field->type == TALLY_FIELD_ORDINAL   ? PICK(ordinals, choice)
                       : field->type == TALLY_FIELD_COUNTRY ? PICK(countries, choice)
                                                            : NULL;
    if (text && choice < FIELD_BYTES) {
        tally_put_str(w->writer, field->name, tally_span_str(text));
        return;
    }
    char type = 'n';
    switch (field->type) {
    case TALLY_FIELD_TEXT: type = strcmp(field->name, "path") == 0 ? 'p' : 'x'; break;
    case TALLY_FIELD_DATE: type = 'd'; break;
    case TALLY_FIELD_MONTH: type = 'M'; break;
    case TALLY_FIELD_CURRENCY: type = 'C'; break;
    case TALLY_FIELD_BLOB: type = 'b'; break;
    case TALLY_FIELD_PICO: type = '$'; break;
    default:
        if (tally_field_is_number(field->type)) type = '1';
        if (strcmp(field->name, "client") == 0) type = 'c';
        if (strcmp(field->name, "project") == 0) type = 'j';
        if (strcmp(field->name, "member") == 0) type = 'y';
        if (strcmp(field->name, "agent") == 0) type = 'a';
        if (strcmp(field->name, "tag") == 0) type = 'g';
    }
    if (strcmp(field->name, "remote") == 0) type = 'r';
    if (type == '1' && choice == 0) choice = 1;
    value_put(w, field->name, type, choice, input);
}

static inline const char *world_policy(world *w, tally_policy policy, tally_span *input) {
    size_t count, keys;
    const tally_policy_field *fields = tally_policy_fields(policy, &count, &keys);
    bool unset = take(input) % 8u == 7;
    if (unset) count = keys;
    for (size_t i = 0; i < count; i++) {
        uint8_t choice = take(input);
        if (!fields[i].needed && choice % 2 == 0) continue;
        policy_value_put(w, &fields[i],
                         fields[i].needed || choice >= FIELD_BYTES ? choice : choice / 2, input);
    }
    return world_policies[policy][unset];
}

static inline const char *world_fact(world *w, const world_kind *kind, tally_span *input) {
    for (const world_field *field = kind->fields; field->name; field++) {
        uint8_t choice = take(input);
        bool optional = field->type[1] == '?';
        if (optional && choice % 2 == 0) continue;
        value_put(w, field->name, field->type[0],
                  optional && choice < FIELD_BYTES ? choice / 2 : choice, input);
    }
    return kind->name;
}

/* Appends one record to the world as the input says; one that no device could write is left out. */
static inline void world_add(world *w, tally_span *input) {
    world_record *out = &w->records[w->count];
    uint8_t kind = take(input), who = take(input);
    tally_span bytes;
    out->device = who % WORLD_DEVICES;
    w->clock[out->device] += 1u + who / WORLD_DEVICES;
    w->used = 0;
    tally_writer_begin(w->writer);
    kind %= WORLD_KINDS + TALLY_POLICY_COUNT;
    const char *name = kind < WORLD_KINDS
                           ? world_fact(w, &world_kinds[kind], input)
                           : world_policy(w, (tally_policy)(kind - WORLD_KINDS), input);
    if (tally_writer_encode(w->writer, name, w->clock[out->device], &bytes, NULL) != 0) return;
    if (bytes.len > sizeof out->bytes) return;
    memcpy(out->bytes, bytes.ptr, bytes.len);
    out->len = bytes.len;
    tally_leaf_hash(bytes, &out->leaf);
    w->count++;
}

static inline void world_read(world *w, tally_span *input) {
    w->count = 0;
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        w->clock[i] = tally_hlc_next(0, FUZZ_NOW_MS);
    while (w->count < WORLD_RECORDS_MAX && input->len > 0)
        world_add(w, input);
}

/* ---- taking in ---- */

typedef struct feed_way {
    tally_span records[WORLD_RECORDS_MAX];
    size_t count, sent;
    tally_range range;
} feed_way;

static inline void feed_ways(world *w, feed_way ways[WORLD_DEVICES]) {
    for (unsigned d = 0; d < WORLD_DEVICES; d++) {
        ways[d].count = ways[d].sent = 0;
        tally_range_init(&ways[d].range);
    }
    for (unsigned i = 0; i < w->count; i++) {
        feed_way *way = &ways[w->records[i].device];
        way->records[way->count++] = tally_span_of(w->records[i].bytes, w->records[i].len);
    }
}

static inline void send_some(tally_txn *txn, unsigned d, feed_way *way, size_t count) {
    const tally_key *key = fuzz_keys[1 + d];
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_checkpoint cp = {.size = way->sent + count};
    for (size_t i = 0; i < count; i++) {
        tally_hash leaf;
        tally_leaf_hash(way->records[way->sent + i], &leaf);
        tally_range_append(&way->range, &leaf, NULL, NULL);
    }
    tally_range_root(&way->range, &cp.root);
    tally_origin_format(&txn->ledger->team, tally_key_device(key), origin);
    tally_checkpoint_sign(key, origin, &cp);
    must(tally_ingest(txn, tally_key_device(key), way->sent, way->records + way->sent, count, &cp,
                      NULL) == 0);
    way->sent += count;
}

/* The three devices, and the blobs that records name. */
static inline int world_team(world *w, tally_txn *txn, tally_error *err) {
    static const char *const texts[] = {"Search index", "fix", "Parser"};
    int rc = fuzz_device_add(txn, 1, TALLY_ROLE_ADMIN, err);
    if (rc == 0) rc = fuzz_device_add(txn, 2, TALLY_ROLE_MEMBER, err);
    if (rc == 0) rc = fuzz_device_add(txn, 3, TALLY_ROLE_MEMBER, err);
    for (unsigned i = 0; i < WORLD_BLOBS - 1 && rc == 0; i++) {
        const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {(uint8_t)i};
        rc = tally_blob_put(txn, salt, tally_span_str(texts[i]), &w->blobs[i], err);
    }
    return rc;
}

#endif
