/* Random worlds of three devices for view_order_test.c: facts, and makers of each kind of record.
 * What views must make of them is the test's. */
#ifndef TESTS_UNIT_VIEW_ORDER_WORLD_H
#define TESTS_UNIT_VIEW_ORDER_WORLD_H

#include "ledger_case.h"
#include "random.h"

#include <tally/blob.h>

#include <tally/attribution.h>
#include <tally/describe.h>
#include <tally/engaged.h>
#include <tally/expense.h>

#define DEVICES       3u
#define WORLD_RECORDS 180u
#define RECORD_BYTES  512u
#define REMOVES_MAX   3u
#define BLOBS         16u
#define BASE_HLC      ((uint64_t)FIXTURE_NOW_MS << 16)
#define DAY_MS        86400000u

/* One record and, for the slow way, what it says. */
typedef struct fact {
    uint8_t bytes[RECORD_BYTES];
    size_t len;
    unsigned device;
    tally_hlc hlc;
    tally_hash leaf;
    enum {
        OTHER,
        COST,
        VOID,
        TAG,
        UNTAG,
        SESSION,
        REDACT,
        CLIENT,
        DECISION,
        EXPENSE,
        ENGAGED,
        WORK,
        WORDS
    } kind;
    tally_entry_id entry;
    uint64_t time, output;
    bool undo, imported;
    uint8_t target[TALLY_ENTRY_BYTES];
    char tag[16], cwd[16];
    tally_hash removes[REMOVES_MAX];
    unsigned remove_count;
    uint64_t session;
    uint8_t blob; /* the first byte of one: words, or what was redacted; 0 for none */
    int64_t day;
    tally_words_from from;
    char client[16], title[16]; /* of a client.set (without a title: unset) or a decision */
    unsigned idle;              /* of an engaged.set; 0: unset */
} fact;

typedef struct world {
    rng r;
    tally_key *keys[DEVICES]; /* the first is the ledger's own */
    tally_hlc hlc[DEVICES];
    fact facts[WORLD_RECORDS];
    unsigned count;
    tally_writer *writer;
} world;

static world w;

/* ---- making a world: few names, so that everything meets everything. The writer borrows texts
 * until it encodes, so they are static. ---- */

static const char *const agents[] = {"a", "b"};
static const char *const models[] = {"m1", "m2", "m3"};

static inline void name(char *out, const char *prefix, uint32_t number) {
    (void)snprintf(out, 16, "%s%u", prefix, number);
}

static inline const char *make_cost(fact *made) {
    static char key[16], session[16];
    name(key, "k", rng_below(&w.r, 8));
    name(session, "s", rng_below(&w.r, 4));
    const char *agent = agents[rng_below(&w.r, 2)];
    made->time = (uint64_t)rng_below(&w.r, 4) * DAY_MS + rng_below(&w.r, 3);
    made->output = rng_below(&w.r, 4);
    made->entry = entry_of(agent, key);
    cost_body cost = {.agent = agent,
                      .key = key,
                      .session = session,
                      .model = models[rng_below(&w.r, 3)],
                      .time = made->time,
                      .input = rng_below(&w.r, 3),
                      .output = made->output};
    if (rng_below(&w.r, 4) == 0) cost.source = "reported", cost.stated = rng_below(&w.r, 9);
    made->imported = rng_below(&w.r, 6) == 0;
    if (made->imported) cost.source = "imported", cost.currency = "EUR";
    put_cost(w.writer, &cost);
    made->kind = COST;
    if (rng_below(&w.r, 12) == 0) { /* no cost at all: the views pass it over */
        tally_put_u64(w.writer, "web_searches", UINT64_MAX);
        made->kind = OTHER;
    }
    return "cost";
}

static inline const char *make_void(fact *made) {
    char key[16];
    name(key, "k", rng_below(&w.r, 8));
    made->kind = VOID;
    made->entry = entry_of(agents[rng_below(&w.r, 2)], key);
    const fact *earlier = w.count > 0 ? &w.facts[rng_below(&w.r, w.count)] : NULL;
    if (earlier && earlier->kind == WORK)
        memcpy(made->entry.b, earlier->leaf.b, sizeof made->entry.b);
    made->undo = rng_below(&w.r, 2) == 0;
    tally_writer_begin(w.writer);
    tally_put_bin(w.writer, "entry", tally_span_of(made->entry.b, TALLY_ENTRY_BYTES));
    if (made->undo) tally_put_true(w.writer, "undo");
    return "void";
}

static inline void put_target(fact *made) {
    static char number[16];
    const char *agent = agents[rng_below(&w.r, 2)];
    name(made->tag, "t", rng_below(&w.r, 2));
    memset(made->target, 0, sizeof made->target);
    if (rng_below(&w.r, 2) == 0) {
        name(number, "s", rng_below(&w.r, 2));
        tally_put_be64(made->target, tally_session_ref(text(agent), text(number)));
        put_session_tag(w.writer, agent, number, made->tag);
    } else {
        static tally_entry_id id;
        name(number, "k", rng_below(&w.r, 2));
        id = entry_of(agent, number);
        memcpy(made->target, id.b, sizeof id.b);
        put_entry_tag(w.writer, &id, made->tag);
    }
}

static inline const char *make_tag(fact *made) {
    made->kind = TAG;
    put_target(made);
    return "tag.add";
}

/* Names adds that were made before, often of just this target, sometimes of another. */
static inline const char *make_untag(fact *made) {
    static uint8_t array[1 + REMOVES_MAX * (2 + TALLY_HASH_BYTES)];
    made->kind = UNTAG;
    put_target(made);
    for (unsigned i = 0; i < w.count && made->remove_count < REMOVES_MAX; i++) {
        const fact *add = &w.facts[i];
        bool same = memcmp(add->target, made->target, sizeof add->target) == 0 &&
                    strcmp(add->tag, made->tag) == 0;
        if (add->kind != TAG || rng_below(&w.r, same ? 2 : 6) != 0) continue;
        made->removes[made->remove_count++] = add->leaf;
    }
    array[0] = (uint8_t)(0x90 | made->remove_count);
    for (unsigned i = 0; i < made->remove_count; i++) {
        uint8_t *at = array + 1 + i * (2 + TALLY_HASH_BYTES);
        at[0] = 0xc4;
        at[1] = TALLY_HASH_BYTES;
        memcpy(at + 2, made->removes[i].b, TALLY_HASH_BYTES);
    }
    tally_put_raw(w.writer, "removes",
                  tally_span_of(array, 1 + made->remove_count * (2 + TALLY_HASH_BYTES)));
    return "tag.remove";
}

static inline void put_blob(const fact *made, const char *key) {
    static uint8_t id[TALLY_HASH_BYTES];
    id[0] = made->blob;
    tally_put_bin(w.writer, key, tally_span_of(id, sizeof id));
}

static inline const char *make_session(fact *made) {
    static char id[16];
    const char *agent = agents[rng_below(&w.r, 2)];
    name(id, "s", rng_below(&w.r, 4));
    name(made->cwd, "/p", rng_below(&w.r, 100));
    made->kind = SESSION;
    made->session = tally_session_ref(text(agent), text(id));
    put_session(w.writer, agent, id, made->cwd, "main");
    made->blob = (uint8_t)rng_below(&w.r, BLOBS + 1);
    if (made->blob > 0) put_blob(made, "title");
    return "session";
}

static inline const char *make_redact(fact *made) {
    made->kind = REDACT;
    made->blob = (uint8_t)(1 + rng_below(&w.r, BLOBS));
    tally_writer_begin(w.writer);
    put_blob(made, "blob");
    return "redact";
}

/* Few texts and days, so that devices also write the very same bytes at once. */
static inline const char *make_work(fact *made) {
    static const char *const dates[] = {"1970-01-01", "1970-01-02", "1970-02-30"};
    uint32_t day = rng_below(&w.r, 3), duration = rng_below(&w.r, 4);
    made->kind = day < 2 && duration > 0 ? WORK : OTHER; /* nonsense: no effect */
    made->day = day;
    made->blob = made->kind == WORK ? (uint8_t)rng_below(&w.r, 3) : 0;
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "date", text(dates[day]));
    tally_put_u64(w.writer, "duration", duration);
    if (made->blob > 0) put_blob(made, "text");
    return "time.add";
}

static inline const char *make_words(fact *made) {
    static char session[16];
    made->kind = WORDS;
    name(session, "s", rng_below(&w.r, 2));
    made->session = tally_session_ref(text("a"), text(session));
    made->from = (tally_words_from)rng_below(&w.r, TALLY_WORDS_RECORDED);
    made->blob = (uint8_t)rng_below(&w.r, BLOBS + 1);
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "agent", text("a"));
    tally_put_str(w.writer, "session", text(session));
    tally_put_str(w.writer, "from", text(tally_words_from_text(made->from)));
    if (made->blob > 0) put_blob(made, "text");
    return "describe";
}

static inline const char *make_activity(fact *made) {
    static uint8_t human[3], runs[4];
    (void)made;
    human[0] = 0x92;
    human[1] = (uint8_t)rng_below(&w.r, 6);
    human[2] = (uint8_t)rng_below(&w.r, 6);
    runs[0] = 0x91;
    runs[1] = 0x92;
    runs[2] = (uint8_t)rng_below(&w.r, 6);
    runs[3] = (uint8_t)rng_below(&w.r, 6); /* may end before it starts */
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "agent", text("a"));
    tally_put_str(w.writer, "session", text("s0"));
    tally_put_raw(w.writer, "human", tally_span_of(human, sizeof human));
    tally_put_raw(w.writer, "runs", tally_span_of(runs, sizeof runs));
    return "activity";
}

static inline const char *make_price(fact *made) {
    static const char *const dates[] = {NULL, "1970-01-01", "1970-01-03"};
    const char *from = dates[rng_below(&w.r, 3)], *model = models[rng_below(&w.r, 3)];
    (void)made;
    if (rng_below(&w.r, 2) == 0) {
        put_price(w.writer, model, from, "USD", rng_below(&w.r, 5), rng_below(&w.r, 5));
        return "price.set";
    }
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "model", text(model));
    tally_put_str_opt(w.writer, "from", text(from));
    return "price.unset";
}

static inline const char *make_client(fact *made) {
    made->kind = CLIENT;
    name(made->client, "c", rng_below(&w.r, 3));
    if (rng_below(&w.r, 3) != 0) name(made->title, "title", rng_below(&w.r, 100));
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "client", text(made->client));
    tally_put_str_opt(w.writer, "title", text(made->title));
    if (rng_below(&w.r, 9) == 0) { /* nonsense: no effect */
        made->kind = OTHER;
        tally_put_str(w.writer, "currency", text("nonsense"));
        return "client.set";
    }
    return *made->title ? "client.set" : "client.unset";
}

static inline const char *make_engaged(fact *made) {
    made->kind = ENGAGED;
    made->idle = rng_below(&w.r, 20);
    tally_writer_begin(w.writer);
    if (made->idle > 0) tally_put_u64(w.writer, "idle_minutes", made->idle);
    return made->idle > 0 ? "engaged.set" : "engaged.unset";
}

/* On one of few targets: an assign, a split, or the word that takes either back. */
static inline const char *make_decision(fact *made) {
    static const uint8_t shares[] = {0x92, 0x93, 0xa1, 'x', 0xa0, 1, 0x93, 0xa1, 'y', 0xa0, 2};
    static char session[16];
    made->kind = DECISION;
    name(session, "s", rng_below(&w.r, 3));
    made->session = tally_session_ref(text("a"), text(session));
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "agent", text("a"));
    tally_put_str(w.writer, "session", text(session));
    switch (rng_below(&w.r, 3)) {
    case 0: return "assign";
    case 1: name(made->client, "x", 0); break;
    default: name(made->client, "c", rng_below(&w.r, 100));
    }
    if (strcmp(made->client, "x0") == 0) {
        tally_put_raw(w.writer, "shares", tally_span_of(shares, sizeof shares));
        return "split";
    }
    tally_put_str(w.writer, "client", text(made->client));
    return "assign";
}

/* One of few rows of an import, which two devices may both have recorded, with other amounts. */
static inline const char *make_expense(fact *made) {
    static const char *const dates[] = {"1969-12-31", "1970-01-01", "2026-03-31"};
    static uint8_t key[TALLY_EXPENSE_KEY_BYTES];
    uint8_t domain[8 + sizeof key] = "expense";
    tally_hash hash;
    made->kind = EXPENSE;
    key[0] = (uint8_t)rng_below(&w.r, 6);
    made->output = rng_below(&w.r, 1000);
    made->time = rng_below(&w.r, 3);
    memcpy(domain + 8, key, sizeof key);
    tally_sha256(tally_span_of(domain, sizeof domain), &hash);
    memcpy(made->entry.b, hash.b, sizeof made->entry.b);
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "date", text(dates[made->time]));
    tally_put_str(w.writer, "category", text("gpu"));
    tally_put_str(w.writer, "provider", text("Modal"));
    tally_put_str(w.writer, "currency", text("USD"));
    tally_put_u64(w.writer, "amount", made->output);
    tally_put_bin(w.writer, "key", tally_span_of(key, sizeof key));
    return "expense";
}

/* Money and invoices: facts by contract and number, locks on few entries, rows that name a file. */
static inline const char *make_billing(fact *made) {
    static uint8_t issue[TALLY_HASH_BYTES], entries[2 + 18 + 8];
    static char number[16];
    (void)made;
    static const char *const kinds[] = {"deposit.receive", "credit.add",       "invoice.issue",
                                        "invoice.entries", "invoice.void",     "payment",
                                        "contract.set",    "milestone.accept", "change.withdraw"};
    const char *kind = kinds[rng_below(&w.r, sizeof kinds / sizeof *kinds)];
    name(number, "n", rng_below(&w.r, 3));
    issue[0] = (uint8_t)rng_below(&w.r, 3);
    entries[0] = 0x91;
    entries[1] = 0x94 + (uint8_t)rng_below(&w.r, 2);
    entries[2] = 0xc4;
    entries[3] = TALLY_ENTRY_BYTES;
    entries[4] = (uint8_t)rng_below(&w.r, 3);
    entries[20] = (uint8_t)rng_below(&w.r, 3); /* a part of 0 is none */
    entries[21] = (uint8_t)(1 + rng_below(&w.r, 3));
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "contract", text(number));
    tally_put_str(w.writer, "number", text(strstr(kind, "milestone") ? "2" : number));
    tally_put_str(w.writer, "client", text("acme"));
    tally_put_str(w.writer, "date", text("2026-03-01"));
    tally_put_u64(w.writer, "amount", 1 + rng_below(&w.r, 9));
    tally_put_bin(w.writer, "issue", tally_span_of(issue, sizeof issue));
    tally_put_raw(w.writer, "entries", tally_span_of(entries, entries[1] == 0x94 ? 23u : 24u));
    return kind;
}

static inline const char *make_other(fact *made) {
    (void)made;
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "team", text(agents[rng_below(&w.r, 2)]));
    tally_put_str(w.writer, "member", text(agents[rng_below(&w.r, 2)]));
    tally_put_str(w.writer, "currency", text("USD"));
    return rng_below(&w.r, 2) == 0 ? "team.create" : "from.the.future";
}

static inline void make_fact(void) {
    static const char *(*const makers[])(fact *) = {
        make_cost,   make_cost,    make_cost,    make_cost,    make_void,     make_void,
        make_tag,    make_tag,     make_untag,   make_session, make_activity, make_price,
        make_price,  make_other,   make_client,  make_client,  make_decision, make_decision,
        make_redact, make_expense, make_expense, make_engaged, make_work,     make_work,
        make_words,  make_words,   make_billing, make_billing, make_billing};
    fact *made = &w.facts[w.count];
    tally_span bytes;
    *made = (fact){.device = rng_below(&w.r, DEVICES), .kind = OTHER};
    const char *kind = makers[rng_below(&w.r, sizeof makers / sizeof *makers)](made);
    made->hlc = w.hlc[made->device] += 1 + rng_below(&w.r, 2);
    OK(tally_writer_encode(w.writer, kind, made->hlc, &bytes, &f->err));
    assert_true(bytes.len <= sizeof made->bytes);
    memcpy(made->bytes, bytes.ptr, made->len = bytes.len);
    tally_leaf_hash(bytes, &made->leaf);
    w.count++;
}

static inline void make_world(uint64_t seed) {
    w.r = (rng){seed};
    w.count = 0;
    for (unsigned d = 0; d < DEVICES; d++)
        w.hlc[d] = BASE_HLC;
    while (w.count < WORLD_RECORDS)
        make_fact();
}

#endif
