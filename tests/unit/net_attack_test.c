/* Strangers and eavesdroppers at the door: what they can make a node do without any key. */
#include "net/connection.h"
#include "net/dialer.h"
#include "net/listener.h"

#include "team_fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <tally/team.h>
#include <time.h>

#define PATIENCE_MS 20000

static int connect_from(const char *host, uint16_t port) {
    struct sockaddr_in from, to;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)uv_ip4_addr(host, 0, &from);
    (void)uv_ip4_addr("127.0.0.1", port, &to);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* ---- while a person compares codes ---- */

#define STRANGERS (NET_MAX_HANDSHAKES + NET_MAX_HANDSHAKES_PER_HOST)

typedef struct inviting {
    fixture f;
    tally_invite invite;
    pthread_mutex_t mutex;
    pthread_cond_t ready;
    bool listening;
    int rc;
} inviting;

static void note_line(void *ctx, const char *line, const tally_invite *invite) {
    inviting *i = ctx;
    (void)line;
    pthread_mutex_lock(&i->mutex);
    i->invite = *invite;
    i->listening = true;
    pthread_cond_signal(&i->ready);
    pthread_mutex_unlock(&i->mutex);
}

/* Strangers fill the door, those of the joiner's own host first; then the person says yes. */
static bool say_yes_late(void *ctx, const char *code, tally_span member, tally_span name,
                         const tally_device_id *device) {
    inviting *i = ctx;
    int fds[STRANGERS];
    struct timespec moment = {.tv_nsec = 300 * 1000 * 1000};
    const char *port = strrchr(i->invite.addresses[0], ':');
    (void)code, (void)member, (void)name, (void)device;
    for (uint32_t k = 0; k < STRANGERS; k++) {
        char host[32] = "127.0.0.1";
        if (k >= NET_MAX_HANDSHAKES_PER_HOST) (void)snprintf(host, sizeof host, "127.0.1.%u", k);
        fds[k] = connect_from(host, (uint16_t)strtoul(port + 1, NULL, 10));
    }
    (void)nanosleep(&moment, NULL);
    for (uint32_t k = 0; k < STRANGERS; k++)
        (void)close(fds[k]);
    return true;
}

static void *invite_run(void *ctx) {
    inviting *i = ctx;
    tally_device_id joined;
    net_invite_options options = {.ledger = i->f.ledger,
                                  .role = TALLY_ROLE_MEMBER,
                                  .listen = "127.0.0.1:0",
                                  .lifetime_ms = PATIENCE_MS,
                                  .line = note_line,
                                  .ask = say_yes_late,
                                  .ctx = i};
    i->rc = net_invite(&options, &joined, &i->f.err);
    return NULL;
}

static void show(void *ctx, const char *code) {
    (void)ctx, (void)code;
}

static void strangers_do_not_push_out_whom_a_person_looks_at(void **state) {
    inviting *i = calloc(1, sizeof *i);
    fixture b, *f = &b;
    pthread_t thread;
    net_sync_result result;
    (void)state;
    assert_non_null(i);
    pthread_mutex_init(&i->mutex, NULL);
    pthread_cond_init(&i->ready, NULL);
    fixture_open(&i->f);
    team_join(&b, &i->f, 2);
    assert_int_equal(pthread_create(&thread, NULL, invite_run, i), 0);
    pthread_mutex_lock(&i->mutex);
    while (!i->listening)
        pthread_cond_wait(&i->ready, &i->mutex);
    pthread_mutex_unlock(&i->mutex);
    net_join_options options = {.ledger = b.ledger,
                                .invite = &i->invite,
                                .member = text("bob"),
                                .name = text("desk"),
                                .timeout_ms = PATIENCE_MS,
                                .code = show};
    OK(net_join(&options, &result, &f->err));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(i->rc, 0);
    fixture_close(&b);
    fixture_close(&i->f);
    pthread_cond_destroy(&i->ready);
    pthread_mutex_destroy(&i->mutex);
    free(i);
}

/* ---- beacons that are repeated ---- */

static void repeated_beacons_do_not_set_the_pace_of_calls(void **state) {
    fixture *f = *state;
    net_hub *hub = NULL;
    net_dialer *dialer = calloc(1, sizeof *dialer);
    const bool never = false;
    uint32_t heeded = 0;
    assert_non_null(dialer);
    OK(net_hub_new(f->ledger, NULL, NULL, &hub, &f->err));
    net_dialer_init(dialer, hub);
    for (int i = 0; i < 50; i++) { /* nobody listens there: refused at once */
        heeded += net_dialer_hear(dialer, "127.0.0.1:1");
        net_hub_run(hub, &never, 2);
    }
    assert_int_equal(heeded, 1);
    assert_true(dialer->targets[0].failures <= 1);
    for (uint32_t i = 0; i < 2 * NET_MAX_LAN_PEERS; i++) {
        char address[32];
        (void)snprintf(address, sizeof address, "127.0.2.%u:1", i);
        heeded += net_dialer_hear(dialer, address);
    }
    assert_int_equal(heeded, NET_MAX_LAN_PEERS);
    net_dialer_close(dialer);
    net_hub_run(hub, &never, 10);
    net_hub_free(hub);
    free(dialer);
}

/* ---- secrets, looked up for everybody who knocks ---- */

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t next_secret[TALLY_TEAM_SECRET_BYTES] = {7, 7, 7};
    return tally_team_device_revoke(txn, ctx, next_secret, err);
}

static void secrets_are_those_of_the_ledger_as_it_is_now(void **state) {
    fixture *f = *state;
    net_hub *hub = NULL;
    const tally_team_secret *held;
    tally_team_secret first; /* the hub's own go with the next call */
    size_t count = 0;
    tally_key *other = fixture_seeded_key(9);
    fixture_admit(f, other, TALLY_ROLE_MEMBER, "bob", "desk");
    OK(net_hub_new(f->ledger, NULL, NULL, &hub, &f->err));
    OK(net_hub_secrets(hub, &held, &count, &f->err));
    assert_int_equal(count, 1);
    first = held[0];
    OK(net_hub_secrets(hub, &held, &count, &f->err));
    assert_int_equal(count, 1);
    assert_memory_equal(held[0].bytes, first.bytes, sizeof first.bytes);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_one,
                          (void *)(uintptr_t)tally_key_device(other), &f->err));
    OK(net_hub_secrets(hub, &held, &count, &f->err));
    assert_int_equal(count, 2);
    assert_int_equal(held[0].bytes[0], 7);
    assert_memory_equal(held[1].bytes, first.bytes, sizeof first.bytes);
    net_hub_free(hub);
    tally_key_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_do_not_push_out_whom_a_person_looks_at),
        cmocka_unit_test_setup_teardown(repeated_beacons_do_not_set_the_pace_of_calls,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(secrets_are_those_of_the_ledger_as_it_is_now, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
