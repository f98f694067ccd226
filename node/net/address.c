/* Addresses: parsing, writing, listing this machine's own. Looking names up is in call.c. */
#include "address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define PORT_DIGITS 5u

static bool port_parse(const char *text, uint16_t *out) {
    uint32_t value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > PORT_DIGITS) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

bool net_endpoint_parse(const char *text, net_endpoint *out) {
    const char *colon = strrchr(text, ':');
    if (!colon || !port_parse(colon + 1, &out->port)) return false;
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
        if (len == 0) return false;
    } else if (memchr(host, ':', len)) {
        return false; /* IPv6 without brackets: where does the port begin? */
    }
    if (len == 1 && host[0] == '*') len = 0;
    if (len >= sizeof out->host) return false;
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    return true;
}

bool net_endpoint_numeric(const net_endpoint *endpoint, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    return uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)out) == 0;
}

/* An IPv4 address behind ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) as what it is. */
static struct sockaddr_storage plain(const struct sockaddr *address) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_storage out = {0};
    memcpy(&out, address,
           address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in));
    if (address->sa_family != AF_INET6) return out;
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    if (memcmp(six.sin6_addr.s6_addr, mapped, sizeof mapped) != 0) return out;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
    memcpy(&four.sin_addr, six.sin6_addr.s6_addr + sizeof mapped, sizeof four.sin_addr);
    memset(&out, 0, sizeof out);
    memcpy(&out, &four, sizeof four);
    return out;
}

static bool is_link_local(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET6) {
        const uint8_t *b = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
        return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
    }
    return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 16) == 0xa9fe;
}

static void host_format(const struct sockaddr_storage *address, char *out, size_t size) {
    char name[NET_HOST_BYTES] = "?";
    bool six = address->ss_family == AF_INET6;
    if (six)
        (void)uv_ip6_name((const struct sockaddr_in6 *)address, name, sizeof name);
    else if (address->ss_family == AF_INET)
        (void)uv_ip4_name((const struct sockaddr_in *)address, name, sizeof name);
    (void)snprintf(out, size, six ? "[%.*s]" : "%.*s", (int)(size - 3), name);
}

uint16_t net_sockaddr_port(const struct sockaddr *address) {
    uint16_t port = 0; /* sin_port and sin6_port lie at the same place (RFC 3493 section 3.3) */
    memcpy(&port, (const uint8_t *)address + offsetof(struct sockaddr_in, sin_port), sizeof port);
    return ntohs(port);
}

void net_sockaddr_format(const struct sockaddr *address, char out[NET_ADDRESS_BYTES]) {
    struct sockaddr_storage from = plain(address);
    char host[NET_HOST_BYTES];
    host_format(&from, host, sizeof host);
    (void)snprintf(out, NET_ADDRESS_BYTES, "%s:%u", host, net_sockaddr_port(address));
}

void net_sockaddr_host(const struct sockaddr *address, char out[NET_HOST_BYTES]) {
    struct sockaddr_storage from = plain(address);
    out[0] = '\0';
    if (from.ss_family == AF_INET6 && is_link_local(&from)) return;
    host_format(&from, out, NET_HOST_BYTES);
}

static size_t interfaces_of(const uv_interface_address_t *list, int count, int family,
                            net_interface *out, size_t max) {
    size_t n = 0;
    for (int i = 0; i < count && n < max; i++) {
        if (list[i].address.address4.sin_family != family) continue;
        net_interface *to = &out[n++];
        *to = (net_interface){.loopback = list[i].is_internal};
        if (family == AF_INET)
            memcpy(&to->address, &list[i].address.address4, sizeof list[i].address.address4);
        else
            memcpy(&to->address, &list[i].address.address6, sizeof list[i].address.address6);
        to->link_local = is_link_local(&to->address);
    }
    return n;
}

size_t net_interfaces(net_interface *out, size_t max) {
    uv_interface_address_t *list = NULL;
    int count = 0;
    if (uv_interface_addresses(&list, &count) != 0) return 0;
    size_t n = interfaces_of(list, count, AF_INET, out, max);
    n += interfaces_of(list, count, AF_INET6, out + n, max - n);
    uv_free_interface_addresses(list, count);
    return n;
}
