/* What is remembered of teammates' nodes, and this store's own frontier. */
#include "team_fixture.h"

#include <tally/peer.h>

static tally_wire_head heads[TALLY_WIRE_MAX_HEADS + 1];

/* Devices 0, 1, 2 .. in big-endian, sizes to match. */
static void heads_fill(void) {
    memset(heads, 0, sizeof heads);
    for (uint32_t i = 0; i <= TALLY_WIRE_MAX_HEADS; i++) {
        tally_put_be32(heads[i].device.b, i);
        heads[i].size = (uint64_t)i << 40 | 1;
        memset(heads[i].root.b, (int)(i & 0xff), sizeof heads[i].root.b);
    }
}

static tally_device_id device_of(uint8_t number) {
    tally_device_id id = {{0}};
    id.b[0] = number;
    return id;
}

static int put_one(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_peer_put(txn, ctx, err);
}

static int put(fixture *f, const tally_peer *peer) {
    tally_peer copy = *peer;
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_one, &copy, &f->err);
}

static void what_is_put_is_got(void **state) {
    fixture *f = *state;
    tally_txn *txn;
    tally_peer got;
    static tally_wire_head got_heads[TALLY_WIRE_MAX_HEADS];
    heads_fill();
    tally_peer peer = {.device = device_of(7),
                       .seen_ms = 1788862805000,
                       .clock_off_ms = -1500,
                       .address = text("10.0.0.7:7117"),
                       .heads = heads,
                       .head_count = 3};
    OK(put(f, &peer));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_peer_get(txn, &peer.device, got_heads, &got, &f->err));
    assert_memory_equal(&got.device, &peer.device, sizeof got.device);
    assert_true(got.seen_ms == 1788862805000 && got.clock_off_ms == -1500);
    assert_true(tally_span_is(got.address, "10.0.0.7:7117"));
    assert_int_equal(got.head_count, 3);
    assert_true(got.heads == got_heads);
    assert_memory_equal(got_heads, heads, 3 * sizeof *heads);
    tally_device_id other = device_of(8);
    assert_int_equal(tally_peer_get(txn, &other, got_heads, &got, &f->err), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

static void an_empty_address_keeps_the_one_that_is_there(void **state) {
    fixture *f = *state;
    tally_txn *txn;
    tally_peer got;
    static tally_wire_head got_heads[TALLY_WIRE_MAX_HEADS];
    tally_peer peer = {.device = device_of(7), .seen_ms = 1, .address = text("a:1")};
    OK(put(f, &peer));
    peer.seen_ms = 2;
    peer.address = (tally_span){0};
    OK(put(f, &peer));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_peer_get(txn, &peer.device, got_heads, &got, &f->err));
    assert_int_equal(got.seen_ms, 2);
    assert_true(tally_span_is(got.address, "a:1"));
    tally_read_end(txn);

    peer.address = text("b:2");
    OK(put(f, &peer));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_peer_get(txn, &peer.device, got_heads, &got, &f->err));
    assert_true(tally_span_is(got.address, "b:2"));
    tally_read_end(txn);
}

static void the_limits_of_a_row_are_kept(void **state) {
    fixture *f = *state;
    char address[256];
    heads_fill();
    memset(address, 'a', sizeof address);
    tally_peer peer = {.device = device_of(1),
                       .seen_ms = INT64_MAX,
                       .clock_off_ms = INT64_MIN,
                       .address = tally_span_of(address, 255),
                       .heads = heads,
                       .head_count = 1024};
    OK(put(f, &peer));
    peer.address = tally_span_of(address, 256);
    assert_int_equal(put(f, &peer), TALLY_EINVAL);
    peer.address = text("\xff");
    assert_int_equal(put(f, &peer), TALLY_EINVAL);
    peer.address = text("a:1");
    peer.head_count = 1025;
    assert_int_equal(put(f, &peer), TALLY_ELIMIT);
}

typedef struct seen {
    uint8_t devices[8];
    size_t count;
    int stop_with;
} seen;

static int note_peer(void *ctx, const tally_peer *peer, tally_error *err) {
    seen *s = ctx;
    (void)err;
    assert_true(s->count < sizeof s->devices);
    s->devices[s->count++] = peer->device.b[0];
    return s->stop_with;
}

/* A row as another program, or a later version, could have left it. */
typedef struct raw_row {
    uint8_t key[33];
    size_t key_len;
    tally_span value;
} raw_row;

static int put_raw(void *ctx, tally_txn *txn, tally_error *err) {
    const raw_row *row = ctx;
    return tally_local_put(txn, TALLY_LOCAL_PEERS, tally_span_of(row->key, row->key_len),
                           row->value, err);
}

static void rows_come_in_order_and_those_that_do_not_read_are_passed_over(void **state) {
    fixture *f = *state;
    static const struct {
        size_t key_len;
        const char *bytes;
        size_t len;
    } bad[] = {{32, "", 0},
               {32, "\xc0", 1},
               {32, "\x95\x02\x00\x00\xa0\x90", 6},     /* version 2 */
               {32, "\x94\x01\x00\x00\xa0", 5},         /* four elements */
               {32, "\x95\x01\xa0\x00\xa0\x90", 6},     /* seen is a text */
               {32, "\x95\x01\x00\x00\xa1\xff\x90", 7}, /* not UTF-8 */
               {32, "\x95\x01\x00\x00\xa0\x91\x01", 7}, /* a head that is none */
               {32, "\x95\x01\x00\x00\xa0\x90\x00", 7}, /* one byte more */
               {31, "\x95\x01\x00\x00\xa0\x90", 6},
               {33, "\x95\x01\x00\x00\xa0\x90", 6}};
    for (uint8_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        raw_row row = {.key = {(uint8_t)(100 + i)},
                       .key_len = bad[i].key_len,
                       .value = tally_span_of(bad[i].bytes, bad[i].len)};
        OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_raw, &row, &f->err));
    }
    raw_row good = {.key = {99}, .key_len = 32, .value = text("\x95\x01\x07\xff\xa1y\x90")};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_raw, &good, &f->err));
    tally_peer peer = {.device = device_of(200), .seen_ms = 1};
    OK(put(f, &peer));
    peer.device = device_of(3);
    OK(put(f, &peer));

    tally_txn *txn;
    seen s = {.count = 0};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_peer_each(txn, note_peer, &s, &f->err));
    assert_int_equal(s.count, 3);
    assert_memory_equal(s.devices, "\x03\x63\xc8", 3);
    s = (seen){.stop_with = 5};
    assert_int_equal(tally_peer_each(txn, note_peer, &s, &f->err), 5);
    assert_int_equal(s.count, 1);
    tally_device_id damaged = device_of(100);
    assert_int_equal(tally_peer_get(txn, &damaged, heads, &peer, &f->err), TALLY_ENOTFOUND);
    tally_read_end(txn);
}

static void a_frontier_names_every_feed_with_records_in_order(void **state) {
    fixture *f = *state;
    fixture other, *o = &other;
    tally_txn *txn;
    size_t count = 9;
    tally_hash root;
    team_join(o, f, 2);
    OK(tally_read_begin(o->ledger, &txn, &o->err));
    OK(tally_frontier(txn, heads, &count, &o->err));
    assert_int_equal(count, 0); /* its own feed has no record yet */
    tally_read_end(txn);

    fixture_admit(f, o->key, TALLY_ROLE_MEMBER, "bob", "desk");
    team_pass_all(f, o, tally_key_device(f->key));
    fixture_append_costs(o, 0, 3);
    OK(tally_read_begin(o->ledger, &txn, &o->err));
    OK(tally_frontier(txn, heads, &count, &o->err));
    assert_int_equal(count, 2);
    assert_true(memcmp(heads[0].device.b, heads[1].device.b, 32) < 0);
    for (size_t i = 0; i < count; i++) {
        uint32_t number;
        OK(tally_feed_find(txn, &heads[i].device, &number));
        assert_int_equal(heads[i].size, number == 0 ? 3 : FIXTURE_FIRST + 2);
        OK(tally_feed_root(txn, number, heads[i].size, &root, &o->err));
        assert_memory_equal(&root, &heads[i].root, sizeof root);
    }
    tally_read_end(txn);
    fixture_close(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_got, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_empty_address_keeps_the_one_that_is_there, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_limits_of_a_row_are_kept, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(
            rows_come_in_order_and_those_that_do_not_read_are_passed_over, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(a_frontier_names_every_feed_with_records_in_order,
                                        fixture_setup, fixture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
