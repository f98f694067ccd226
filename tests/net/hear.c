/* hear GROUP PORT: joins a multicast group on every interface and prints each datagram that comes,
 * one a line, in hexadecimal. Runs until it is killed. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DATAGRAM_MAX_BYTES 65536u

/* An interface has as many entries as addresses; joining twice fails and does no harm. */
static void join_everywhere(int fd, struct in_addr group) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        struct ip_mreqn request = {.imr_multiaddr = group,
                                   .imr_ifindex = (int)if_nametoindex(at->ifa_name)};
        (void)setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
    }
    freeifaddrs(all);
}

int main(int argc, char **argv) {
    static unsigned char bytes[DATAGRAM_MAX_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET};
    int yes = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fputs("usage: hear GROUP PORT\n", stderr);
        return 2;
    }
    address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        perror("hear: cannot listen");
        return 1;
    }
    join_everywhere(fd, address.sin_addr);
    for (;;) {
        ssize_t len = recv(fd, bytes, sizeof bytes, 0);
        if (len < 0) return 1;
        for (ssize_t i = 0; i < len; i++)
            printf("%02x", bytes[i]);
        putchar('\n');
        fflush(stdout);
    }
}
