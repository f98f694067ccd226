/* Addresses as people write them ("host:port") and as sockets have them. Pure, but for listing this
 * machine's interfaces. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_HOST_BYTES     256u /* with its NUL */
#define NET_ADDRESS_BYTES  264u /* "[host]:port" with its NUL */
#define NET_MAX_INTERFACES 64u

typedef struct net_endpoint {
    char host[NET_HOST_BYTES]; /* without brackets; empty: every address */
    uint16_t port;             /* 0: any */
} net_endpoint;

/* Reads "host:port", "[ipv6]:port", "*:port" or ":port". */
bool net_endpoint_parse(const char *text, net_endpoint *out);
/* False when the host is a name, which has to be looked up. */
bool net_endpoint_numeric(const net_endpoint *endpoint, struct sockaddr_storage *out);

/* "host:port"; an IPv4 address that came through an IPv6 socket is written as IPv4. */
void net_sockaddr_format(const struct sockaddr *address, char out[NET_ADDRESS_BYTES]);
/* The host alone, IPv6 in brackets, so that ":port" can follow; empty for an address that another
 * machine could not use (link-local ones, whose scope is ours). */
void net_sockaddr_host(const struct sockaddr *address, char out[NET_HOST_BYTES]);
uint16_t net_sockaddr_port(const struct sockaddr *address);

/* One address of an interface that is up; IPv4 comes before IPv6. */
typedef struct net_interface {
    struct sockaddr_storage address; /* port 0 */
    bool loopback, link_local;
} net_interface;
/* Fills up to `max`; returns how many. */
size_t net_interfaces(net_interface *out, size_t max);

#endif
