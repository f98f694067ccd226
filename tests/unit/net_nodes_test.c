/* Whole nodes over loopback sockets, each a process of its own: joining, syncing, serving,
 * strangers. What sessions say to each other is in session_*_test.c. */
#include "team_fixture.h"

#include <net/address.h>
#include <net/net.h>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <uv.h>

#define PATIENCE_MS 20000 /* a loaded machine under sanitizers; nothing here waits that long */
#define LINE_BYTES  4096u

/* ---- a node in another process ---- */

typedef struct node {
    pid_t pid;
    int out; /* what it tells, line by line */
} node;

static int told; /* in the child */

static void tell(const char *text) {
    (void)!write(told, text, strlen(text));
    (void)!write(told, "\n", 1);
}

/* Reads up to the next newline; fails the test when none comes in time. */
static void node_line(const node *n, char out[LINE_BYTES]) {
    size_t len = 0;
    for (;;) {
        struct pollfd fd = {.fd = n->out, .events = POLLIN};
        if (poll(&fd, 1, PATIENCE_MS) != 1 || read(n->out, out + len, 1) != 1)
            fail_msg("the other process says nothing more");
        if (out[len] == '\n') break;
        assert_true(++len < LINE_BYTES);
    }
    out[len] = '\0';
}

/* Runs `body` on the ledger of `f` in a child process. No handle of that ledger may be open here.
 */
static node node_start(fixture *f, int (*body)(tally_ledger *, tally_error *)) {
    int pipes[2];
    node n;
    tally_ledger_close(f->ledger);
    f->ledger = NULL;
    assert_int_equal(pipe(pipes), 0);
    (void)fflush(NULL);
    n.pid = fork();
    assert_true(n.pid >= 0);
    if (n.pid == 0) {
        tally_ledger *ledger = NULL;
        tally_error err = {0};
        tally_ledger_options options = {.dir = f->dir};
        told = pipes[1];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
        int rc = tally_ledger_open(&options, &ledger, &err);
        if (rc == 0) rc = body(ledger, &err);
        tally_ledger_close(ledger);
        _exit(-rc);
    }
    (void)close(pipes[1]);
    n.out = pipes[0];
    return n;
}

/* The result of its body, as a positive number; opens the ledger here again. */
static int node_end(const node *n, fixture *f) {
    int status = 0;
    (void)close(n->out);
    assert_int_equal(waitpid(n->pid, &status, 0), n->pid);
    assert_true(WIFEXITED(status));
    fixture_reopen(f, false, 0);
    fixture_hurry(f);
    return WEXITSTATUS(status);
}

/* ---- serving ---- */

static void tell_listening(void *ctx, const net_news *news) {
    (void)ctx;
    if (strcmp(news->what, "listening") == 0) tell(news->address);
}

static int serve(tally_ledger *ledger, tally_error *err) {
    net_serve_options options = {.ledger = ledger, .listen = "127.0.0.1:0", .news = tell_listening};
    return net_serve(&options, err);
}

static int sync_with(fixture *f, const char *address, net_sync_result *result) {
    net_sync_options options = {
        .ledger = f->ledger, .addresses = &address, .address_count = 1, .timeout_ms = PATIENCE_MS};
    return net_sync(&options, result, &f->err);
}

static void team_setup(fixture *a, fixture *b) {
    fixture_open(a);
    team_join(b, a, 2);
    fixture_admit(a, b->key, TALLY_ROLE_MEMBER, "bob", "desk");
    /* A joiner learns the team's secret with its first records. */
    team_pass_all(a, b, tally_key_device(a->key));
}

static void one_sync_brings_both_sides_everything(void **state) {
    fixture a, b, *f = &b;
    char address[LINE_BYTES];
    net_sync_result result;
    (void)state;
    team_setup(&a, &b);
    fixture_append_costs(&a, 0, 5000);
    fixture_append_costs(&b, 5000, 300);
    node n = node_start(&a, serve);
    node_line(&n, address);
    OK(sync_with(&b, address, &result));
    assert_int_equal(result.tried, 1);
    assert_int_equal(result.reached, 1);
    assert_int_equal(result.records_in, 5000);
    assert_int_equal(result.records_out, 300);
    OK(sync_with(&b, address, &result)); /* nothing new: the handshake and two hellos */
    assert_int_equal(result.records_in + result.records_out, 0);
    assert_true(result.bytes_in + result.bytes_out < 2048);
    assert_int_equal(kill(n.pid, SIGTERM), 0);
    assert_int_equal(node_end(&n, &a), 0);
    tally_hash ours = fixture_digest(&a), theirs = fixture_digest(&b);
    assert_memory_equal(ours.b, theirs.b, sizeof ours.b);
    fixture_close(&b);
    fixture_close(&a);
}

static bool arrives(fixture *f, const tally_device_id *device, uint64_t size) {
    for (int i = 0; i < PATIENCE_MS / 10; i++) {
        if (team_stored(f, device) >= size) return true;
        usleep(10000);
    }
    return false;
}

static int put_peers(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_local_put(txn, TALLY_LOCAL_SETTINGS, text("sync.peers"), text(ctx), err);
}

/* The setting is written while the daemon runs, and so are the records, by this process. */
static void what_one_process_writes_reaches_the_other_node_by_itself(void **state) {
    fixture a, b, *f = &b;
    char address[LINE_BYTES], own[LINE_BYTES];
    (void)state;
    team_setup(&a, &b);
    node na = node_start(&a, serve), nb = node_start(&b, serve);
    node_line(&na, address);
    node_line(&nb, own);
    fixture_reopen(&a, false, 0);
    fixture_reopen(&b, false, 0);
    OK(tally_ledger_write(b.ledger, FIXTURE_NOW_MS, put_peers, address, &b.err));
    for (uint32_t i = 0; i < 20; i++) {
        fixture_append_costs(&b, i, 1);
        assert_true(arrives(&a, tally_key_device(b.key), i + 1));
        fixture_append_costs(&a, 100 + i, 1);
        assert_true(arrives(&b, tally_key_device(a.key), fixture_size(&a)));
    }
    assert_int_equal(kill(na.pid, SIGTERM), 0);
    assert_int_equal(kill(nb.pid, SIGINT), 0);
    assert_int_equal(node_end(&na, &a), 0);
    assert_int_equal(node_end(&nb, &b), 0);
    fixture_close(&b);
    fixture_close(&a);
}

static int say(const char *address, const void *bytes, size_t len) {
    net_endpoint at;
    struct sockaddr_storage to;
    assert_true(net_endpoint_parse(address, &at) && net_endpoint_numeric(&at, &to));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
    return fd;
}

/* The end of the stream, and not one byte before it. */
static void hears_nothing(int fd) {
    char byte;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
}

static void strangers_learn_nothing_and_disturb_nobody(void **state) {
    fixture a, b, *f = &b;
    char address[LINE_BYTES];
    net_sync_result result;
    uint8_t first[2 + 48] = {0, 48}, noise[64];
    (void)state;
    team_setup(&a, &b);
    node n = node_start(&a, serve);
    node_line(&n, address);
    hears_nothing(say(address, first, sizeof first)); /* the right length, the wrong secret */
    memset(noise, 0xff, sizeof noise);                /* a packet of 65,535 bytes */
    hears_nothing(say(address, noise, sizeof noise));
    hears_nothing(say(address, "GET / HTTP/1.1\r\n\r\n", 18));
    OK(sync_with(&b, address, &result));
    assert_int_equal(kill(n.pid, SIGTERM), 0);
    assert_int_equal(node_end(&n, &a), 0);
    fixture_close(&b);
    fixture_close(&a);
}

static void a_second_daemon_of_a_ledger_is_refused(void **state) {
    fixture a;
    char address[LINE_BYTES];
    (void)state;
    fixture_open(&a);
    node n = node_start(&a, serve);
    node_line(&n, address);
    fixture_reopen(&a, false, 0);
    net_serve_options options = {.ledger = a.ledger, .listen = "127.0.0.1:0"};
    assert_int_equal(net_serve(&options, &a.err), TALLY_EEXIST);
    assert_int_equal(kill(n.pid, SIGTERM), 0);
    assert_int_equal(node_end(&n, &a), 0);
    fixture_close(&a);
}

static void whoever_cannot_be_reached_is_named(void **state) {
    fixture a;
    net_sync_result result;
    (void)state;
    fixture_open(&a);
    net_sync_options nobody = {.ledger = a.ledger, .timeout_ms = 1000};
    assert_int_equal(net_sync(&nobody, &result, &a.err), TALLY_ENOTFOUND);
    assert_int_equal(sync_with(&a, "127.0.0.1:1", &result), TALLY_EIO);
    assert_int_equal(result.tried, 1);
    assert_int_equal(result.reached, 0);
    assert_non_null(strstr(a.err.text, "127.0.0.1:1"));
    fixture_close(&a);
}

/* ---- inviting and joining ---- */

static void tell_line(void *ctx, const char *line, const tally_invite *invite) {
    (void)ctx, (void)invite;
    tell(line);
}

static bool say_yes(void *ctx, const char *code, tally_span member, tally_span name,
                    const tally_device_id *device) {
    (void)ctx, (void)device;
    bool right = tally_span_is(member, "bob") && tally_span_is(name, "desk");
    tell(code);
    return right;
}

static bool say_no(void *ctx, const char *code, tally_span member, tally_span name,
                   const tally_device_id *device) {
    (void)ctx, (void)code, (void)member, (void)name, (void)device;
    return false;
}

static int invite_with(tally_ledger *ledger, bool yes, int64_t lifetime_ms, tally_error *err) {
    tally_device_id joined;
    net_invite_options options = {.ledger = ledger,
                                  .role = TALLY_ROLE_MEMBER,
                                  .listen = "127.0.0.1:0",
                                  .lifetime_ms = lifetime_ms,
                                  .line = tell_line,
                                  .ask = yes ? say_yes : say_no};
    return net_invite(&options, &joined, err);
}

static int invite_yes(tally_ledger *ledger, tally_error *err) {
    return invite_with(ledger, true, 60000, err);
}
static int invite_no(tally_ledger *ledger, tally_error *err) {
    return invite_with(ledger, false, 60000, err);
}
static int invite_short(tally_ledger *ledger, tally_error *err) {
    return invite_with(ledger, true, 200, err);
}

static char shown[TALLY_SHORT_CODE_BYTES];

static void show(void *ctx, const char *code) {
    (void)ctx;
    (void)snprintf(shown, sizeof shown, "%s", code);
}

static void invite_read(const char *line, tally_invite *out) {
    int64_t now_s = (int64_t)time(NULL);
    assert_int_equal(tally_invite_decode(text(line), now_s, out, NULL), 0);
}

static int join_with(fixture *f, const tally_invite *invite, net_sync_result *result) {
    net_join_options options = {.ledger = f->ledger,
                                .invite = invite,
                                .member = text("bob"),
                                .name = text("desk"),
                                .timeout_ms = PATIENCE_MS,
                                .code = show};
    return net_join(&options, result, &f->err);
}

static void whoever_joins_holds_the_teams_records(void **state) {
    fixture a, b, *f = &b;
    char line[LINE_BYTES], code[LINE_BYTES];
    tally_invite invite;
    net_sync_result result;
    (void)state;
    fixture_open(&a);
    fixture_append_costs(&a, 0, 100);
    team_join(&b, &a, 2);
    node n = node_start(&a, invite_yes);
    node_line(&n, line);
    invite_read(line, &invite);
    assert_int_equal(invite.address_count, 1);
    OK(join_with(&b, &invite, &result));
    node_line(&n, code);
    assert_string_equal(code, shown);
    assert_int_equal(node_end(&n, &a), 0);
    assert_int_equal(result.records_in, FIXTURE_FIRST + 100 + 2); /* and device.add, teamkey */
    tally_hash ours = fixture_digest(&a), theirs = fixture_digest(&b);
    assert_memory_equal(ours.b, theirs.b, sizeof ours.b);
    /* The invite is spent: its process has ended. */
    assert_int_equal(join_with(&b, &invite, &result), TALLY_EIO);
    fixture_close(&b);
    fixture_close(&a);
}

static void whoever_is_declined_gets_no_record(void **state) {
    fixture a, b;
    char line[LINE_BYTES];
    tally_invite invite;
    net_sync_result result;
    (void)state;
    fixture_open(&a);
    team_join(&b, &a, 2);
    node n = node_start(&a, invite_no);
    node_line(&n, line);
    invite_read(line, &invite);
    assert_int_equal(join_with(&b, &invite, &result), TALLY_EREFUSED);
    assert_int_equal(node_end(&n, &a), -TALLY_EREFUSED);
    assert_int_equal(team_stored(&b, tally_key_device(a.key)), 0);
    assert_int_equal(fixture_size(&a), FIXTURE_FIRST);
    fixture_close(&b);
    fixture_close(&a);
}

static void an_invite_ends_when_it_is_late(void **state) {
    fixture a;
    char line[LINE_BYTES];
    (void)state;
    fixture_open(&a);
    node n = node_start(&a, invite_short);
    node_line(&n, line);
    assert_int_equal(node_end(&n, &a), -TALLY_EREFUSED);
    fixture_close(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sync_brings_both_sides_everything),
        cmocka_unit_test(what_one_process_writes_reaches_the_other_node_by_itself),
        cmocka_unit_test(strangers_learn_nothing_and_disturb_nobody),
        cmocka_unit_test(a_second_daemon_of_a_ledger_is_refused),
        cmocka_unit_test(whoever_cannot_be_reached_is_named),
        cmocka_unit_test(whoever_joins_holds_the_teams_records),
        cmocka_unit_test(whoever_is_declined_gets_no_record),
        cmocka_unit_test(an_invite_ends_when_it_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
