/* Bodies that no honest device writes: known kinds with known fields of any type and size. Folding
 * and reading them must not crash, lose sums, or depend on whether views were rebuilt. */
#include "ledger_case.h"
#include "random.h"

#include <tally/report.h>

#include <msgpack.h>

#define SEED       20260908u
#define RECORDS    6000u
#define LONG_BYTES 300u

static const char *const kinds[] = {"cost",          "cost",    "activity",    "session",
                                    "size",          "tag.add", "tag.remove",  "price.set",
                                    "price.unset",   "void",    "team.create", "device.add",
                                    "device.revoke", "teamkey"};

/* Every field a view reads, in order: bodies are canonical. */
static const char *const fields[] = {"agent",
                                     "batch",
                                     "box_key",
                                     "branch",
                                     "cache_read",
                                     "cache_write_1h",
                                     "cache_write_5m",
                                     "currency",
                                     "cwd",
                                     "device",
                                     "entry",
                                     "epoch",
                                     "flex",
                                     "from",
                                     "geo",
                                     "human",
                                     "id",
                                     "input",
                                     "key",
                                     "member",
                                     "model",
                                     "name",
                                     "output",
                                     "priority",
                                     "reasoning",
                                     "removes",
                                     "role",
                                     "runs",
                                     "sealed",
                                     "service",
                                     "session",
                                     "source",
                                     "speed",
                                     "stated",
                                     "tag",
                                     "team",
                                     "tiers",
                                     "time",
                                     "title",
                                     "undo",
                                     "us",
                                     "web_search",
                                     "web_searches"};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static bool huge; /* token counts go up to 2^64 - 1, so that sums overflow */

static void pack_text(msgpack_packer *pk, rng *r) {
    static const char *const words[] = {
        "a",          "b",          "",     "m1",      "m2",       "us.m1",
        "USD",        "EUR",        "eur",  "auditor", "reported", "imported",
        "1970-01-02", "1970-13-01", "fast", "us",      "batch"};
    static char longest[LONG_BYTES];
    const char *word = words[rng_below(r, sizeof words / sizeof *words)];
    size_t len = strlen(word);
    memset(longest, 'x', sizeof longest);
    if (rng_below(r, 20) == 0) word = longest, len = rng_below(r, sizeof longest);
    msgpack_pack_str(pk, len);
    msgpack_pack_str_body(pk, word, len);
}

static void pack_value(msgpack_packer *pk, rng *r, unsigned depth) {
    static const uint8_t zeros[40];
    static const uint32_t sizes[] = {0, 8, 16, 16, 32, 32, 40};
    uint32_t count = rng_below(r, 4), size = sizes[rng_below(r, 7)];
    switch (rng_below(r, depth < 5 ? 9 : 6)) {
    case 0: msgpack_pack_uint64(pk, rng_next(r) >> (huge ? rng_below(r, 64) : 24)); break;
    case 1: msgpack_pack_uint64(pk, (huge ? UINT64_MAX : UINT32_MAX) - rng_below(r, 2)); break;
    case 2: msgpack_pack_int64(pk, -1 - (int64_t)(rng_next(r) >> (1 + rng_below(r, 63)))); break;
    case 3: pack_text(pk, r); break;
    case 4:
        msgpack_pack_bin(pk, size);
        msgpack_pack_bin_body(pk, zeros, size);
        break;
    case 5: msgpack_pack_true(pk); break;
    case 6:
    case 7:
        msgpack_pack_array(pk, count);
        for (uint32_t i = 0; i < count; i++)
            pack_value(pk, r, depth + 1);
        break;
    default:
        msgpack_pack_map(pk, 1);
        msgpack_pack_str(pk, 5);
        msgpack_pack_str_body(pk, "above", 5);
        pack_value(pk, r, depth + 1);
        break;
    }
}

/* What an honest device would put there, most of the time. */
static void pack_field(msgpack_packer *pk, rng *r, const char *field) {
    static const char numbers[] =
        " cache_read cache_write_1h cache_write_5m input output reasoning "
        "web_searches stated ";
    char padded[32];
    (void)snprintf(padded, sizeof padded, " %s ", field);
    if (rng_below(r, 4) == 0)
        pack_value(pk, r, 3);
    else if (strcmp(field, "time") == 0)
        msgpack_pack_uint64(pk, rng_next(r) >> (20 + rng_below(r, 44)));
    else if (strstr(numbers, padded))
        msgpack_pack_uint64(pk, rng_below(r, 1000));
    else
        pack_text(pk, r);
}

static void pack_record(msgpack_sbuffer *out, rng *r, uint64_t hlc) {
    msgpack_packer pk;
    bool chosen[FIELD_COUNT];
    const char *kind = kinds[rng_below(r, sizeof kinds / sizeof *kinds)];
    uint32_t count = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        count += chosen[i] = rng_below(r, 5) != 0;
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 4);
    msgpack_pack_int(&pk, 1);
    msgpack_pack_str(&pk, strlen(kind));
    msgpack_pack_str_body(&pk, kind, strlen(kind));
    msgpack_pack_uint64(&pk, hlc);
    msgpack_pack_map(&pk, count);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!chosen[i]) continue;
        msgpack_pack_str(&pk, strlen(fields[i]));
        msgpack_pack_str_body(&pk, fields[i], strlen(fields[i]));
        pack_field(&pk, r, fields[i]);
    }
}

typedef struct hostile {
    rng r;
    tally_key *key;
} hostile;

static int write_hostile(void *ctx, tally_txn *txn, tally_error *err) {
    hostile *h = ctx;
    rng r = h->r;
    uint32_t number;
    int rc = foreign_feed(txn, h->key, &number, err);
    for (uint64_t i = 0; i < RECORDS && rc == 0; i++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init(&packed);
        pack_record(&packed, &r, 1 + i);
        rc = foreign_record(txn, number, h->key, tally_span_of(packed.data, packed.size), err);
        msgpack_sbuffer_destroy(&packed);
    }
    return rc;
}

typedef struct slow_sums {
    uint64_t rows, unpriced;
    tally_i128 pico;
    tally_price_book *book;
} slow_sums;

static int add_slowly(void *ctx, const tally_cost *cost) {
    slow_sums *sums = ctx;
    tally_priced priced;
    tally_price_book_cost(sums->book, cost, &priced, NULL);
    sums->rows++;
    sums->unpriced += !priced.priced;
    if (priced.priced) sums->pico += priced.pico;
    return 0;
}

/* Reads everything every way there is; nothing is lost on the way to a report's total. */
static void read_all(void) {
    tally_txn *txn;
    tally_zone *utc;
    tally_filter filter = {0};
    slow_sums sums = {0};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_zone_utc(&utc, &f->err));
    OK(tally_price_book_new(txn, &sums.book, &f->err));
    assert_int_equal(tally_cost_each(txn, INT64_MIN, INT64_MAX, add_slowly, &sums), 0);
    tally_price_book_free(sums.book);
    assert_true(sums.rows > 20);
    for (unsigned key = TALLY_BY_CLIENT; key <= TALLY_BY_SESSION; key++) {
        tally_report *report;
        const tally_report_key by[] = {(tally_report_key)key};
        int rc = tally_report_run(txn, &filter, by, 1, utc, &report, &f->err);
        assert_int_equal(rc, huge ? TALLY_EOVERFLOW : 0);
        if (rc != 0) continue;
        assert_int_equal(tally_report_total(report)->requests, sums.rows);
        assert_int_equal(tally_report_total(report)->unpriced_requests, sums.unpriced);
        assert_true(tally_report_total(report)->pico == sums.pico);
        tally_report_free(report);
    }
    tally_session_list *list;
    int rc = tally_sessions_run(txn, &filter, &list, &f->err);
    assert_int_equal(rc, huge ? TALLY_EOVERFLOW : 0);
    if (rc == 0) tally_sessions_free(list);
    tally_zone_free(utc);
    tally_read_end(txn);
}

static void fold_and_read(uint64_t seed) {
    hostile h = {rng_begin("hostile bodies", seed), fixture_seeded_key(2)};
    fixture_admit(f, h.key, TALLY_ROLE_ADMIN, "mallory", "box");
    OK(store_write(f->ledger, 0, write_hostile, &h, &f->err));
    tally_key_free(h.key);
    read_all();
    tally_hash before = fixture_digest(f);
    OK(tally_rebuild(f->ledger, 0, &f->err));
    tally_hash after = fixture_digest(f);
    assert_true(tally_hash_eq(&before, &after));
    fixture_append_costs(f, 0, 10); /* and the own feed goes on */
    read_all();
}

static void bodies_of_any_shape_are_folded_and_read_without_harm(void **state) {
    (void)state;
    huge = false;
    fold_and_read(SEED);
}

static void sums_that_do_not_fit_are_errors_and_harm_nothing_else(void **state) {
    (void)state;
    huge = true;
    fold_and_read(SEED + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(bodies_of_any_shape_are_folded_and_read_without_harm),
        LEDGER(sums_that_do_not_fit_are_errors_and_harm_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
