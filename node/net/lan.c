/* UDP multicast of beacons (tally/beacon.h), on every interface. What a beacon proves is decided by
 * the handshake that follows; here it only says whom to call. */
#include "lan.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void send_everywhere(net_lan *lan, const uint8_t *beacon) {
    net_interface list[NET_MAX_INTERFACES];
    struct sockaddr_in group;
    (void)uv_ip4_addr(NET_BEACON_GROUP, NET_DEFAULT_PORT, &group);
    size_t n = net_interfaces(list, NET_MAX_INTERFACES);
    for (size_t i = 0; i < n; i++) {
        char name[INET_ADDRSTRLEN];
        if (list[i].address.ss_family != AF_INET ||
            uv_ip4_name((const struct sockaddr_in *)&list[i].address, name, sizeof name) != 0 ||
            uv_udp_set_multicast_interface(&lan->udp, name) != 0)
            continue;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)beacon, TALLY_BEACON_BYTES);
        (void)uv_udp_try_send(&lan->udp, &buffer, 1, (const struct sockaddr *)&group);
    }
}

static void beacon_send(net_lan *lan) {
    const tally_team_secret *secrets;
    uint8_t beacon[TALLY_BEACON_BYTES], *nonce = lan->own[lan->own_next++ % NET_BEACON_OWN];
    size_t count = 0;
    int64_t now = net_now_ms();
    if (lan->hub->listen_port == 0 || net_hub_secrets(lan->hub, &secrets, &count, NULL) != 0)
        return;
    randombytes_buf(nonce, TALLY_BEACON_NONCE_BYTES);
    if (tally_beacon_make(secrets[0].bytes, nonce, now / 1000, lan->hub->listen_port, beacon,
                          NULL) == 0)
        send_everywhere(lan, beacon);
    lan->sent_ms = now;
}

void net_lan_announce(net_lan *lan) {
    int64_t since = net_now_ms() - lan->sent_ms;
    if (lan->open && (since < 0 || since >= NET_BEACON_REPLY_MS)) beacon_send(lan);
}

static bool is_own(const net_lan *lan, const uint8_t *payload) {
    for (size_t i = 0; i < NET_BEACON_OWN; i++)
        if (memcmp(lan->own[i], payload + 1, TALLY_BEACON_NONCE_BYTES) == 0) return true;
    return false;
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    net_lan *lan = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(lan->buffer, sizeof lan->buffer);
}

static void on_datagram(uv_udp_t *udp, ssize_t got, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags) {
    net_lan *lan = udp->data;
    const tally_team_secret *secrets;
    char host[NET_HOST_BYTES], address[NET_ADDRESS_BYTES];
    size_t count = 0;
    uint16_t port = 0;
    if (got != (ssize_t)TALLY_BEACON_BYTES || !from || flags & UV_UDP_PARTIAL) return;
    const uint8_t *payload = (const uint8_t *)buffer->base;
    if (is_own(lan, payload) || net_hub_secrets(lan->hub, &secrets, &count, NULL) != 0) return;
    bool ours = tally_beacon_recognise(tally_span_of(payload, (size_t)got), secrets, count,
                                       net_now_ms() / 1000, &port, NULL);
    net_sockaddr_host(from, host);
    if (!ours || !*host) return;
    (void)snprintf(address, sizeof address, "%.*s:%u", (int)(sizeof address - 8), host, port);
    lan->heard(lan->ctx, address);
}

static uint64_t interfaces_hash(const net_interface *list, size_t count) {
    uint64_t hash = 0;
    static const uint8_t key[crypto_shorthash_KEYBYTES] = {0}; /* only to notice a difference */
    uint8_t out[crypto_shorthash_BYTES];
    for (size_t i = 0; i < count; i++) {
        (void)crypto_shorthash(out, (const uint8_t *)&list[i].address, sizeof list[i].address, key);
        hash += tally_get_be64(out);
    }
    return hash;
}

/* Joining twice on one interface is an error that says nothing new. */
static void join_groups(net_lan *lan, const net_interface *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char name[INET_ADDRSTRLEN];
        if (list[i].address.ss_family == AF_INET &&
            uv_ip4_name((const struct sockaddr_in *)&list[i].address, name, sizeof name) == 0)
            (void)uv_udp_set_membership(&lan->udp, NET_BEACON_GROUP, name, UV_JOIN_GROUP);
    }
}

static void look(net_lan *lan) {
    net_interface list[NET_MAX_INTERFACES];
    size_t count = net_interfaces(list, NET_MAX_INTERFACES);
    uint64_t hash = interfaces_hash(list, count);
    if (hash == lan->interfaces) return;
    bool first = lan->interfaces == 0;
    lan->interfaces = hash;
    join_groups(lan, list, count);
    lan->sent_ms = 0;
    if (!first && lan->moved) lan->moved(lan->ctx);
}

static void on_timer(uv_timer_t *timer) {
    net_lan *lan = timer->data;
    look(lan);
    int64_t since = net_now_ms() - lan->sent_ms;
    if (since < 0 || since >= NET_BEACON_EVERY_MS) beacon_send(lan);
}

static int udp_open(net_lan *lan) {
    struct sockaddr_in any;
    (void)uv_ip4_addr("0.0.0.0", NET_DEFAULT_PORT, &any);
    int rc = uv_udp_bind(&lan->udp, (const struct sockaddr *)&any, UV_UDP_REUSEADDR);
    if (rc == 0) rc = uv_udp_set_multicast_ttl(&lan->udp, 1);
    if (rc == 0) rc = uv_udp_set_multicast_loop(&lan->udp, 1); /* several nodes on one machine */
    if (rc == 0) rc = uv_udp_recv_start(&lan->udp, on_buffer, on_datagram);
    return rc;
}

int net_lan_open(net_lan *lan, tally_error *err) {
    if (lan->open) return 0;
    lan->interfaces = 0;
    lan->sent_ms = 0;
    (void)uv_udp_init(&lan->hub->loop, &lan->udp);
    (void)uv_timer_init(&lan->hub->loop, &lan->timer);
    lan->udp.data = lan->timer.data = lan;
    lan->open = true;
    int rc = udp_open(lan);
    if (rc != 0) {
        net_lan_close(lan);
        return tally_fail(err, TALLY_EIO, "cannot use UDP port %u for beacons: %s",
                          NET_DEFAULT_PORT, uv_strerror(rc));
    }
    (void)uv_timer_start(&lan->timer, on_timer, 0, NET_BEACON_LOOK_MS);
    return 0;
}

void net_lan_close(net_lan *lan) {
    if (!lan->open) return;
    lan->open = false;
    uv_close((uv_handle_t *)&lan->udp, NULL);
    uv_close((uv_handle_t *)&lan->timer, NULL);
}
