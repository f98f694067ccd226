/* Views do not depend on the order in which records arrive: random worlds of three devices are
 * folded in shuffled orders, the digests compared, and the result compared with sets worked out the
 * slow way. */
#include "ledger_fixture.h"
#include "random.h"
#include "view_gather.h"

#include <tally/blob.h>

#include <tally/attribution.h>
#include <tally/describe.h>
#include <tally/engaged.h>
#include <tally/expense.h>

#define SEED          20260908u
#define WORLDS        20u
#define ORDERS        8u /* of each world */
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

static fixture *f;
static world w;

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    return rc;
}

/* ---- making a world: few names, so that everything meets everything. The writer borrows texts
 * until it encodes, so they are static. ---- */

static const char *const agents[] = {"a", "b"};
static const char *const models[] = {"m1", "m2", "m3"};

static void name(char *out, const char *prefix, uint32_t number) {
    (void)snprintf(out, 16, "%s%u", prefix, number);
}

static const char *make_cost(fact *made) {
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

static const char *make_void(fact *made) {
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

static void put_target(fact *made) {
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

static const char *make_tag(fact *made) {
    made->kind = TAG;
    put_target(made);
    return "tag.add";
}

/* Names adds that were made before, often of just this target, sometimes of another. */
static const char *make_untag(fact *made) {
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

static void put_blob(const fact *made, const char *key) {
    static uint8_t id[TALLY_HASH_BYTES];
    id[0] = made->blob;
    tally_put_bin(w.writer, key, tally_span_of(id, sizeof id));
}

static const char *make_session(fact *made) {
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

static const char *make_redact(fact *made) {
    made->kind = REDACT;
    made->blob = (uint8_t)(1 + rng_below(&w.r, BLOBS));
    tally_writer_begin(w.writer);
    put_blob(made, "blob");
    return "redact";
}

/* Few texts and days, so that devices also write the very same bytes at once. */
static const char *make_work(fact *made) {
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

static const char *make_words(fact *made) {
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

static const char *make_activity(fact *made) {
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

static const char *make_price(fact *made) {
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

static const char *make_client(fact *made) {
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

static const char *make_engaged(fact *made) {
    made->kind = ENGAGED;
    made->idle = rng_below(&w.r, 20);
    tally_writer_begin(w.writer);
    if (made->idle > 0) tally_put_u64(w.writer, "idle_minutes", made->idle);
    return made->idle > 0 ? "engaged.set" : "engaged.unset";
}

/* On one of few targets: an assign, a split, or the word that takes either back. */
static const char *make_decision(fact *made) {
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
static const char *make_expense(fact *made) {
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
static const char *make_billing(fact *made) {
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

static const char *make_other(fact *made) {
    (void)made;
    tally_writer_begin(w.writer);
    tally_put_str(w.writer, "team", text(agents[rng_below(&w.r, 2)]));
    tally_put_str(w.writer, "member", text(agents[rng_below(&w.r, 2)]));
    tally_put_str(w.writer, "currency", text("USD"));
    return rng_below(&w.r, 2) == 0 ? "team.create" : "from.the.future";
}

static void make_fact(void) {
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

static void make_world(uint64_t seed) {
    w.r = (rng){seed};
    w.count = 0;
    for (unsigned d = 0; d < DEVICES; d++)
        w.hlc[d] = BASE_HLC;
    while (w.count < WORLD_RECORDS)
        make_fact();
}

/* ---- the slow way ---- */

static int by_device(unsigned a, unsigned b) {
    return memcmp(tally_key_device(w.keys[a])->b, tally_key_device(w.keys[b])->b,
                  TALLY_PUBLIC_KEY_BYTES);
}

/* The later one, by clock, then by device key. */
static const fact *later(const fact *a, const fact *b) {
    if (!a) return b;
    if (a->hlc != b->hlc) return a->hlc > b->hlc ? a : b;
    return by_device(a->device, b->device) >= 0 ? a : b;
}

/* The one that counts: observed before imported, most output, then recorded first, then the smaller
 * device key. */
static const fact *counting(const fact *a, const fact *b) {
    if (!a) return b;
    if (a->imported != b->imported) return a->imported ? b : a;
    if (a->output != b->output) return a->output > b->output ? a : b;
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? a : b;
    return by_device(a->device, b->device) <= 0 ? a : b;
}

static const fact *expected_cost(const tally_entry_id *id) {
    const fact *winner = NULL, *state = NULL;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (memcmp(x->entry.b, id->b, sizeof id->b) != 0) continue;
        if (x->kind == COST) winner = counting(winner, x);
        if (x->kind == VOID) state = later(state, x);
    }
    return state && !state->undo ? NULL : winner;
}

static bool tag_removed(const fact *add) {
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        bool same = x->kind == UNTAG && strcmp(x->tag, add->tag) == 0 &&
                    memcmp(x->target, add->target, sizeof x->target) == 0;
        for (unsigned k = 0; same && k < x->remove_count; k++)
            if (tally_hash_eq(&x->removes[k], &add->leaf)) return true;
    }
    return false;
}

/* Two devices may write the very same bytes in the same millisecond: one leaf hash, one add. */
static bool tag_repeated(unsigned at) {
    for (unsigned i = 0; i < at; i++)
        if (w.facts[i].kind == TAG && tally_hash_eq(&w.facts[i].leaf, &w.facts[at].leaf))
            return true;
    return false;
}

typedef struct seen {
    tally_txn *txn;
    unsigned costs, tags;
    int64_t last_ms;
} seen;

static int see_cost(void *ctx, const tally_cost *cost) {
    seen *s = ctx;
    const fact *want = expected_cost(&cost->id);
    tally_device_id device;
    assert_non_null(want);
    assert_true(cost->time_ms >= s->last_ms);
    assert_int_equal(cost->time_ms, want->time);
    assert_int_equal(cost->usage.output, want->output);
    assert_int_equal(view_feed_device(s->txn, cost->feed, &device, NULL), 0);
    assert_memory_equal(device.b, tally_key_device(w.keys[want->device])->b, sizeof device.b);
    s->last_ms = cost->time_ms;
    s->costs++;
    return 0;
}

static int see_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                   const tally_hash *add) {
    seen *s = ctx;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (x->kind != TAG || !tally_hash_eq(&x->leaf, add)) continue;
        assert_memory_equal(x->target, target, TALLY_ENTRY_BYTES);
        assert_true(tally_span_is(tag, x->tag));
        assert_false(tag_removed(x));
        s->tags++;
        return 0;
    }
    fail_msg("a tag that nobody added");
    return 0;
}

static void assert_sessions(tally_txn *txn) {
    for (unsigned i = 0; i < w.count; i++) {
        const fact *last = NULL;
        tally_agent_session session;
        if (w.facts[i].kind != SESSION) continue;
        for (unsigned k = 0; k < w.count; k++)
            if (w.facts[k].kind == SESSION && w.facts[k].session == w.facts[i].session)
                last = later(last, &w.facts[k]);
        assert_int_equal(tally_agent_session_get(txn, last->session, &session), 0);
        assert_true(tally_span_is(session.cwd, last->cwd));
    }
}

/* Wanted: what a session is called by that nobody redacted. No blob is here. */
static void assert_wanted(tally_txn *txn) {
    tally_hash ids[BLOBS + 1];
    size_t count, expected = 0;
    assert_int_equal(tally_blob_wanted(txn, NULL, ids, BLOBS + 1, &count, NULL), 0);
    for (uint8_t blob = 1; blob <= BLOBS; blob++) {
        bool referred = false, redacted = false;
        tally_hash id = {{blob}};
        for (unsigned i = 0; i < w.count; i++) {
            referred |= w.facts[i].kind != REDACT && w.facts[i].blob == blob;
            redacted |= w.facts[i].kind == REDACT && w.facts[i].blob == blob;
        }
        assert_int_equal(tally_blob_redacted(txn, &id), redacted);
        if (!referred || redacted) continue;
        assert_true(expected < count && ids[expected].b[0] == blob);
        expected++;
    }
    assert_int_equal(count, expected);
}

static void assert_clients(tally_txn *txn) {
    for (unsigned c = 0; c < 3; c++) {
        const fact *last = NULL;
        tally_policy_row row;
        tally_span title = {0};
        char client[16];
        name(client, "c", c);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == CLIENT && strcmp(w.facts[i].client, client) == 0)
                last = later(last, &w.facts[i]);
        tally_span key = text(client);
        int rc = tally_policy_get(txn, TALLY_POLICY_CLIENT, &key, 1, &row);
        assert_int_equal(rc, last && *last->title ? 0 : TALLY_ENOTFOUND);
        if (rc == 0) assert_true(tally_body_str(&row.record, "title", &title));
        assert_true(rc != 0 || tally_span_is(title, last->title));
    }
}

static void assert_engaged(tally_txn *txn) {
    const fact *last = NULL;
    tally_engaged_policy policy;
    for (unsigned i = 0; i < w.count; i++)
        if (w.facts[i].kind == ENGAGED) last = later(last, &w.facts[i]);
    tally_engaged_policy_get(txn, &policy);
    assert_int_equal(policy.idle_ms, (last && last->idle > 0 ? last->idle : 10) * 60000);
}

typedef struct expenses_seen {
    unsigned count;
    int64_t last_day;
} expenses_seen;

static int note_expense(void *ctx, const tally_expense *expense, tally_error *err) {
    expenses_seen *met = ctx;
    (void)err;
    assert_true(expense->day >= met->last_day);
    met->last_day = expense->day;
    met->count++;
    return 0;
}

/* Of the records of one row the first one recorded counts, then that of the smaller device key. */
static void assert_expenses(tally_txn *txn) {
    static const int64_t days[] = {-1, 0, 20543}; /* 2026-03-31 */
    expenses_seen listed = {.last_day = INT64_MIN};
    unsigned expected = 0;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *first = &w.facts[i], *winner = first;
        bool met = first->kind != EXPENSE;
        for (unsigned k = 0; k < w.count && !met; k++) {
            const fact *x = &w.facts[k];
            if (x->kind != EXPENSE || memcmp(&x->entry, &first->entry, sizeof x->entry) != 0)
                continue;
            met = k < i;
            if (x->hlc < winner->hlc ||
                (x->hlc == winner->hlc && by_device(x->device, winner->device) < 0))
                winner = x;
        }
        if (met) continue;
        tally_expense got;
        expected++;
        OK(tally_expense_get(txn, &first->entry, &got));
        assert_true(tally_hash_eq(&got.leaf, &winner->leaf));
        assert_int_equal(got.amount, winner->output);
        assert_int_equal(got.day, days[winner->time]);
    }
    OK(tally_expense_each(txn, INT64_MIN, INT64_MAX, note_expense, &listed, &f->err));
    assert_int_equal(listed.count, expected);
}

static void assert_decisions(tally_txn *txn) {
    for (unsigned n = 0; n < 3; n++) {
        const fact *last = NULL;
        tally_attribution said;
        uint8_t target[TALLY_ENTRY_BYTES] = {0};
        char session[16];
        name(session, "s", n);
        uint64_t ref = tally_session_ref(text("a"), text(session));
        tally_put_be64(target, ref);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == DECISION && w.facts[i].session == ref)
                last = later(last, &w.facts[i]);
        bool decided = tally_decision_get(txn, target, &said);
        assert_int_equal(decided, last && *last->client);
        if (!decided) continue;
        bool split = strcmp(last->client, "x0") == 0;
        assert_int_equal(said.by, split ? TALLY_ATTRIBUTED_SPLIT : TALLY_ATTRIBUTED_ASSIGN);
        assert_true(tally_span_is(said.shares[0].client, split ? "x" : last->client));
        assert_true(tally_hash_eq(&said.decision, &last->leaf));
    }
}

static int see_work(void *ctx, const tally_time_entry *entry, tally_error *err) {
    seen *s = ctx;
    const fact *first = NULL, *state = NULL;
    tally_device_id device;
    (void)err;
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i];
        if (x->kind == WORK && tally_hash_eq(&x->leaf, &entry->leaf) &&
            (!first || by_device(x->device, first->device) < 0))
            first = x;
        if (x->kind == VOID && memcmp(x->entry.b, entry->id.b, sizeof x->entry.b) == 0)
            state = later(state, x);
    }
    assert_non_null(first);
    assert_true(!state || state->undo);
    assert_int_equal(entry->day, first->day);
    assert_int_equal(view_feed_device(s->txn, entry->feed, &device, NULL), 0);
    assert_memory_equal(device.b, tally_key_device(w.keys[first->device])->b, sizeof device.b);
    s->costs++;
    return 0;
}

static void assert_work(tally_txn *txn) {
    seen s = {.txn = txn};
    unsigned expected = 0;
    assert_int_equal(tally_time_each(txn, 0, INT64_MAX, see_work, &s, NULL), 0);
    for (unsigned i = 0; i < w.count; i++) {
        const fact *x = &w.facts[i], *state = NULL;
        bool repeated = x->kind != WORK;
        for (unsigned k = 0; k < w.count; k++) {
            repeated |=
                k < i && w.facts[k].kind == WORK && tally_hash_eq(&w.facts[k].leaf, &x->leaf);
            if (w.facts[k].kind == VOID && memcmp(w.facts[k].entry.b, x->leaf.b, 16) == 0)
                state = later(state, &w.facts[k]);
        }
        expected += !repeated && (!state || state->undo);
    }
    assert_int_equal(s.costs, expected);
}

/* The registers as they are: no blob is here, so that no words can be read. */
static void assert_words(tally_txn *txn) {
    for (unsigned n = 0; n < 2 * TALLY_WORDS_RECORDED; n++) {
        const fact *last = NULL;
        uint8_t key[TALLY_ENTRY_BYTES + 1] = {0};
        tally_span blob;
        char session[16];
        name(session, "s", n / TALLY_WORDS_RECORDED);
        uint64_t ref = tally_session_ref(text("a"), text(session));
        tally_put_be64(key, ref);
        key[TALLY_ENTRY_BYTES] = (uint8_t)(n % TALLY_WORDS_RECORDED);
        for (unsigned i = 0; i < w.count; i++)
            if (w.facts[i].kind == WORDS && w.facts[i].session == ref &&
                w.facts[i].from == n % TALLY_WORDS_RECORDED)
                last = later(last, &w.facts[i]);
        int rc =
            view_register_get(txn, TABLE_VIEW_WORDS, tally_span_of(key, sizeof key), NULL, &blob);
        assert_int_equal(rc, last ? 0 : TALLY_ENOTFOUND);
        if (!last) continue;
        assert_int_equal(blob.len, last->blob > 0 ? TALLY_HASH_BYTES : 0);
        if (last->blob > 0) assert_int_equal(blob.ptr[0], last->blob);
    }
}

static void assert_as_expected(tally_txn *txn) {
    seen s = {.txn = txn, .last_ms = INT64_MIN};
    unsigned costs = 0, tags = 0;
    assert_int_equal(tally_cost_each(txn, INT64_MIN, INT64_MAX, see_cost, &s), 0);
    assert_int_equal(tally_tag_each(txn, see_tag, &s), 0);
    for (unsigned a = 0; a < 2; a++)
        for (unsigned k = 0; k < 8; k++) {
            char key[16];
            name(key, "k", k);
            tally_entry_id id = entry_of(agents[a], key);
            costs += expected_cost(&id) != NULL;
        }
    for (unsigned i = 0; i < w.count; i++)
        tags += w.facts[i].kind == TAG && !tag_removed(&w.facts[i]) && !tag_repeated(i);
    assert_int_equal(s.costs, costs);
    assert_int_equal(s.tags, tags);
    assert_sessions(txn);
    assert_work(txn);
    assert_words(txn);
    assert_wanted(txn);
    assert_clients(txn);
    assert_engaged(txn);
    assert_decisions(txn);
    assert_expenses(txn);
}

/* ---- arrivals ---- */

typedef struct arrival {
    rng r;
    tally_hash folded, rebuilt;
} arrival;

/* Costs meet what waits, and what stands in the tables; where an entry stands does not change with
 * what is written. */
static int write_some(tally_txn *txn, rng *r, tally_error *err) {
    char key[16];
    tally_cost waits = {0}, stands = {0};
    uint64_t from_waiting = 0, from_standing = 0;
    if (rng_below(r, 2) == 0) return 0;
    name(key, "k", rng_below(r, 8));
    tally_entry_id id = entry_of(agents[rng_below(r, 2)], key);
    int found = tally_cost_get(txn, &id, &waits, &from_waiting);
    int rc = view_gather_flush(txn, err);
    assert_int_equal(tally_cost_get(txn, &id, &stands, &from_standing), found);
    assert_int_equal(from_waiting, from_standing);
    assert_int_equal(waits.feed, stands.feed);
    assert_int_equal(waits.time_ms, stands.time_ms);
    assert_int_equal(waits.usage.output, stands.usage.output);
    assert_int_equal(waits.session, stands.session);
    return rc;
}

static int deliver(tally_txn *txn, rng *r, tally_error *err) {
    unsigned at[DEVICES] = {0}, left = w.count;
    uint32_t number[DEVICES] = {0, UINT32_MAX, UINT32_MAX};
    int rc = 0;
    while (rc == 0 && left > 0) {
        unsigned d = rng_below(r, DEVICES), run = 1 + rng_below(r, 30);
        if (number[d] == UINT32_MAX) rc = foreign_feed(txn, w.keys[d], &number[d], err);
        for (; rc == 0 && run > 0; run--) {
            while (at[d] < w.count && w.facts[at[d]].device != d)
                at[d]++;
            if (at[d] == w.count) break;
            const fact *next = &w.facts[at[d]++];
            rc = foreign_record(txn, number[d], w.keys[d], tally_span_of(next->bytes, next->len),
                                err);
            left--;
        }
        if (rc == 0) rc = write_some(txn, r, err);
    }
    return rc;
}

/* Folds all, looks, and ends in an error, so that the ledger stays as it was for the next order. */
static int arrive(void *ctx, tally_txn *txn, tally_error *err) {
    arrival *a = ctx;
    rng r = a->r;
    int rc = deliver(txn, &r, err);
    if (rc == 0) rc = tally_view_digest(txn, &a->folded, err);
    if (rc == 0) assert_as_expected(txn);
    if (rc == 0) rc = view_rebuild_in(txn, err);
    if (rc == 0) rc = tally_view_digest(txn, &a->rebuilt, err);
    return rc != 0 ? rc : tally_fail(err, TALLY_EREFUSED, "seen");
}

static void every_order_of_arrival_gives_the_same_views_and_so_does_a_rebuild(void **state) {
    (void)state;
    rng seeds = rng_begin("worlds", SEED);
    w.writer = f->writer;
    w.keys[0] = f->key;
    w.keys[1] = fixture_seeded_key(2);
    w.keys[2] = fixture_seeded_key(3);
    fixture_admit(f, w.keys[1], TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(f, w.keys[2], TALLY_ROLE_ADMIN, "eve", "tower");
    for (unsigned i = 0; i < WORLDS; i++) {
        tally_hash first = {{0}};
        make_world(rng_next(&seeds));
        for (unsigned order = 0; order < ORDERS; order++) {
            arrival a = {.r = {rng_next(&seeds)}};
            int rc = store_write(f->ledger, 0, arrive, &a, &f->err);
            if (rc != TALLY_EREFUSED) fail_msg("world %u order %u: %s", i, order, f->err.text);
            if (order == 0) first = a.folded;
            if (!tally_hash_eq(&a.folded, &first)) fail_msg("world %u: order %u", i, order);
            if (!tally_hash_eq(&a.folded, &a.rebuilt)) fail_msg("world %u: rebuild", i);
        }
    }
    tally_key_free(w.keys[1]);
    tally_key_free(w.keys[2]);
}

static void different_worlds_have_different_digests(void **state) {
    (void)state;
    tally_hash empty = fixture_digest(f);
    fixture_append_costs(f, 0, 1);
    tally_hash one = fixture_digest(f);
    fixture_append_costs(f, 0, 1); /* the same entry again */
    tally_hash again = fixture_digest(f);
    (void)fixture_append(f, "unknown");
    tally_hash unknown = fixture_digest(f);
    assert_false(tally_hash_eq(&empty, &one));
    assert_true(tally_hash_eq(&one, &again));
    assert_true(tally_hash_eq(&one, &unknown));
}

int main(void) {
#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        LEDGER(every_order_of_arrival_gives_the_same_views_and_so_does_a_rebuild),
        LEDGER(different_worlds_have_different_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
