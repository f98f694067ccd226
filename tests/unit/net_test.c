/* The net's parts, one at a time: addresses, backoff, settings, locks, admission, the control
 * socket, log lines. Whole nodes talk in net_nodes_test.c. */
#include "team_fixture.h"

#include "../../node/log.c"
#include <net/control.h>
#include <net/dialer.h>
#include <net/listener.h>
#include <net/lock.h>

#include <pthread.h>
#include <sys/stat.h>

static void addresses_are_read_as_people_write_them(void **state) {
    (void)state;
    const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {{"acme.example:7117", "acme.example", 7117},
                {"192.0.2.1:1", "192.0.2.1", 1},
                {"[2001:db8::1]:65535", "2001:db8::1", 65535},
                {"*:7117", "", 7117},
                {":0", "", 0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        net_endpoint at;
        assert_true(net_endpoint_parse(good[i].text, &at));
        assert_string_equal(at.host, good[i].host);
        assert_int_equal(at.port, good[i].port);
    }
    const char *bad[] = {"",        "host",        "host:",          "host:65536", "host:-1",
                         "host:1x", "host:000001", "2001:db8::1:80", "[]:80",      "[::1]80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net_endpoint at;
        if (net_endpoint_parse(bad[i], &at)) fail_msg("took '%s'", bad[i]);
    }
}

static void a_host_that_is_too_long_is_refused(void **state) {
    (void)state;
    char text[NET_HOST_BYTES + 3];
    net_endpoint at;
    memset(text, 'a', sizeof text);
    memcpy(text + NET_HOST_BYTES - 1, ":1", 3); /* 255 bytes of host */
    assert_true(net_endpoint_parse(text, &at));
    memset(text, 'a', sizeof text);
    memcpy(text + NET_HOST_BYTES, ":1", 3);
    assert_false(net_endpoint_parse(text, &at));
}

static void an_ipv4_peer_of_an_ipv6_socket_is_written_as_ipv4(void **state) {
    (void)state;
    struct sockaddr_in6 mapped, real, local;
    char address[NET_ADDRESS_BYTES], host[NET_HOST_BYTES];
    assert_int_equal(uv_ip6_addr("::ffff:192.0.2.7", 99, &mapped), 0);
    net_sockaddr_format((struct sockaddr *)&mapped, address);
    net_sockaddr_host((struct sockaddr *)&mapped, host);
    assert_string_equal(address, "192.0.2.7:99");
    assert_string_equal(host, "192.0.2.7");
    assert_int_equal(uv_ip6_addr("2001:db8::7", 99, &real), 0);
    net_sockaddr_format((struct sockaddr *)&real, address);
    net_sockaddr_host((struct sockaddr *)&real, host);
    assert_string_equal(address, "[2001:db8::7]:99");
    assert_string_equal(host, "[2001:db8::7]");
    assert_int_equal(uv_ip6_addr("fe80::7", 99, &local), 0);
    net_sockaddr_host((struct sockaddr *)&local, host);
    assert_string_equal(host, ""); /* its scope means nothing elsewhere */
}

/* 1, 2, 4 … 256 seconds, then 5 minutes; the random part takes away up to half. */
static void waiting_doubles_up_to_five_minutes(void **state) {
    (void)state;
    int64_t full = 1000;
    for (uint32_t failures = 1; failures < 40; failures++) {
        int64_t most = full > 300000 ? 300000 : full;
        assert_int_equal(net_backoff_ms(failures, 0), most);
        assert_int_equal(net_backoff_ms(failures, (uint32_t)(most / 2)), most - most / 2);
        for (uint32_t random = 1; random < 5000; random += 7) {
            int64_t wait = net_backoff_ms(failures, random * 2654435761u);
            assert_true(wait >= most / 2 && wait <= most);
        }
        if (full < 300000) full *= 2;
    }
    assert_int_equal(net_backoff_ms(UINT32_MAX, 0), 300000);
}

static void peers_of_the_settings_are_cut_at_spaces_and_nonsense_is_left_out(void **state) {
    (void)state;
    static net_settings settings;
    net_settings_peers(text("  a.example:1 nonsense [2001:db8::1]:2,10.0.0.1:3 x:0 "), &settings);
    assert_int_equal(settings.peer_count, 3);
    assert_string_equal(settings.peers[0], "a.example:1");
    assert_string_equal(settings.peers[1], "[2001:db8::1]:2");
    assert_string_equal(settings.peers[2], "10.0.0.1:3");
    assert_int_equal(net_settings_port("*:7000"), 7000);
    assert_int_equal(net_settings_port("none"), 0);
}

static void settings_have_defaults(void **state) {
    fixture *f = *state;
    static net_settings settings;
    OK(net_settings_read(f->ledger, &settings, &f->err));
    assert_string_equal(settings.listen, "*:7117");
    assert_true(settings.beacon && settings.capture);
    assert_int_equal(settings.peer_count, 0);
}

static void one_daemon_serves_a_ledger(void **state) {
    fixture *f = *state;
    int first = -1, second = -1;
    assert_false(net_lock_held(f->dir));
    OK(net_lock_take(f->dir, &first, &f->err));
    assert_true(net_lock_held(f->dir));
    assert_int_equal(net_lock_take(f->dir, &second, &f->err), TALLY_EEXIST);
    assert_int_equal(second, -1);
    (void)close(first);
    assert_false(net_lock_held(f->dir));
}

/* ---- log lines ---- */

static const net_news ended = {.level = NET_WARN,
                               .what = "refused",
                               .address = "192.0.2.1:5",
                               .code = TALLY_BYE_PROTOCOL,
                               .count = 3,
                               .text = "bad \"\x1b[2J\xff words"};

static void a_log_line_in_words_has_no_control_characters(void **state) {
    (void)state;
    char line[512];
    size_t len = node_log_format(false, 1700000000123, &ended, line, sizeof line);
    line[len] = '\0';
    assert_string_equal(line, "2023-11-14T22:13:20.123Z warn  refused 192.0.2.1:5 (3): protocol: "
                              "bad \"?[2J\xff words\n");
}

static void a_log_line_in_json_is_one_valid_document(void **state) {
    (void)state;
    char line[512];
    size_t len = node_log_format(true, 1700000000123, &ended, line, sizeof line - 1);
    line[len] = '\0';
    assert_string_equal(line, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"event\":"
                              "\"refused\",\"address\":\"192.0.2.1:5\",\"code\":4,\"why\":"
                              "\"protocol\",\"count\":3,\"text\":\"bad \\\"\\u001b[2J\xef\xbf\xbd "
                              "words\"}\n");
    char tight[64];
    assert_int_equal(node_log_format(true, 0, &ended, tight, sizeof tight), 0);
}

static void json_text_keeps_utf8_and_replaces_what_is_none(void **state) {
    (void)state;
    const struct {
        const char *in, *out;
    } cases[] = {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
                 {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
                 {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
                 {"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"}};              /* cut off */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net_json json;
        char want[64];
        int n = snprintf(want, sizeof want, "\"%s\"", cases[i].out);
        net_json_init(&json, 1024);
        net_json_text(&json, NULL, cases[i].in);
        assert_false(json.failed);
        assert_int_equal(json.text.len, n);
        assert_memory_equal(json.text.ptr, want, (size_t)n);
        net_json_clear(&json);
    }
}

/* ---- the control socket ---- */

static bool answer_shout(void *ctx, const char *request, net_json *json) {
    (void)ctx;
    if (strcmp(request, "status") != 0) return false;
    net_json_open(json, NULL, '{');
    net_json_bool(json, "up", true);
    net_json_close(json, '}');
    return true;
}

typedef struct asking {
    const char *dir, *request;
    char *json;
    int rc;
    bool done;
    uv_async_t async;
} asking;

static void on_async(uv_async_t *async) {
    ((asking *)async->data)->done = true;
}

static void *ask(void *ctx) {
    asking *a = ctx;
    tally_error err = {0};
    a->rc = net_control(a->dir, a->request, &a->json, &err);
    (void)uv_async_send(&a->async);
    return NULL;
}

static void answer_of(net_hub *hub, const char *dir, const char *request, const char *want) {
    pthread_t thread;
    asking a = {.dir = dir, .request = request};
    (void)uv_async_init(&hub->loop, &a.async, on_async);
    a.async.data = &a;
    assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
    net_hub_run(hub, &a.done, 10000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    uv_close((uv_handle_t *)&a.async, NULL);
    (void)uv_run(&hub->loop, UV_RUN_NOWAIT);
    assert_int_equal(a.rc, 0);
    assert_string_equal(a.json, want);
    free(a.json);
}

static void the_control_socket_answers_its_own_user_only(void **state) {
    fixture *f = *state;
    net_hub *hub = NULL;
    char *json = NULL, path[FIXTURE_PATH_BYTES];
    struct stat st;
    assert_int_equal(net_control(f->dir, "status", &json, &f->err), TALLY_ENOTFOUND);
    OK(net_hub_new(f->ledger, NULL, NULL, &hub, &f->err));
    static net_control_server server;
    server = (net_control_server){.hub = hub, .answer = answer_shout};
    OK(net_control_open(&server, &f->err));
    fixture_path(f, NET_CONTROL_FILE, path);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    answer_of(hub, f->dir, "status", "{\"up\":true}");
    answer_of(hub, f->dir, "nonsense", "{\"error\":\"unknown request\"}");
    net_control_close(&server);
    assert_int_equal(lstat(path, &st), -1);
    assert_int_equal(net_control(f->dir, "status", &json, &f->err), TALLY_ENOTFOUND);
    net_hub_free(hub);
}

static void the_control_socket_of_a_long_path_is_found(void **state) {
    fixture *f = *state;
    char dir[FIXTURE_PATH_BYTES + 128];
    struct sockaddr_un at;
    int folder = -1;
    int n = snprintf(dir, sizeof dir, "%s/%0100d", f->dir, 7);
    assert_true(n > 108);
    assert_int_equal(mkdir(dir, 0700), 0);
    OK(net_control_address(dir, &at, &folder, &f->err));
    assert_true(folder >= 0);
    assert_true(strlen(at.sun_path) < 64);
    (void)close(folder);
}

/* ---- admission ---- */

static void start(void *ctx, net_connection *c) {
    tally_error err = {0};
    (void)ctx;
    assert_int_equal(net_connection_start_team(c, 0, &err), 0);
}

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

static uint32_t connected_once(net_hub *hub, uint32_t want) {
    const bool never = false;
    for (int i = 0; i < 400 && hub->connection_count != want; i++)
        net_hub_run(hub, &never, 5);
    return hub->connection_count;
}

static bool is_closed(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void strangers_who_say_nothing_make_way_for_others(void **state) {
    fixture *f = *state;
    net_hub *hub = NULL;
    const bool never = false;
    int same[NET_MAX_HANDSHAKES_PER_HOST + 1], other[NET_MAX_HANDSHAKES];
    OK(net_hub_new(f->ledger, NULL, NULL, &hub, &f->err));
    net_listener listener = {.hub = hub, .accepted = start};
    OK(net_listener_open(&listener, "127.0.0.1:0", &f->err));
    for (uint32_t i = 0; i < NET_MAX_HANDSHAKES_PER_HOST; i++) {
        same[i] = connect_from("127.0.0.1", listener.port);
        assert_int_equal(connected_once(hub, i + 1), i + 1);
    }
    same[NET_MAX_HANDSHAKES_PER_HOST] = connect_from("127.0.0.1", listener.port);
    for (int i = 0; i < 400 && !is_closed(same[0]); i++)
        net_hub_run(hub, &never, 5);
    assert_true(is_closed(same[0]));
    assert_false(is_closed(same[1]));
    assert_int_equal(hub->connection_count, NET_MAX_HANDSHAKES_PER_HOST);
    for (uint32_t i = 0; i < NET_MAX_HANDSHAKES; i++) {
        char host[32];
        (void)snprintf(host, sizeof host, "127.0.1.%u", i + 1);
        other[i] = connect_from(host, listener.port);
        uint32_t want = NET_MAX_HANDSHAKES_PER_HOST + i + 1;
        if (want > NET_MAX_HANDSHAKES) want = NET_MAX_HANDSHAKES;
        assert_int_equal(connected_once(hub, want), want);
    }
    for (int i = 0; i < 400 && !is_closed(same[NET_MAX_HANDSHAKES_PER_HOST]); i++)
        net_hub_run(hub, &never, 5);
    for (size_t i = 0; i <= NET_MAX_HANDSHAKES_PER_HOST; i++) {
        assert_true(is_closed(same[i]));
        (void)close(same[i]);
    }
    for (size_t i = 0; i < NET_MAX_HANDSHAKES; i++) {
        assert_false(is_closed(other[i]));
        (void)close(other[i]);
    }
    net_listener_close(&listener);
    net_hub_free(hub);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_people_write_them),
        cmocka_unit_test(a_host_that_is_too_long_is_refused),
        cmocka_unit_test(an_ipv4_peer_of_an_ipv6_socket_is_written_as_ipv4),
        cmocka_unit_test(waiting_doubles_up_to_five_minutes),
        cmocka_unit_test(peers_of_the_settings_are_cut_at_spaces_and_nonsense_is_left_out),
        cmocka_unit_test_setup_teardown(settings_have_defaults, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(one_daemon_serves_a_ledger, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(a_log_line_in_words_has_no_control_characters),
        cmocka_unit_test(a_log_line_in_json_is_one_valid_document),
        cmocka_unit_test(json_text_keeps_utf8_and_replaces_what_is_none),
        cmocka_unit_test_setup_teardown(the_control_socket_answers_its_own_user_only, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_control_socket_of_a_long_path_is_found, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(strangers_who_say_nothing_make_way_for_others,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
