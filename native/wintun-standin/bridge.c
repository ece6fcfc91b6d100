// The other end of the stand-in, on Linux: owns a TUN in the network namespace that it is started in, and carries its packets over UDP on
// 127.0.0.1 to the stand-in and back.
//
//     wintun-bridge NAME PORT     makes the TUN, brings it up, prints "ready", and runs until it is told to stop
#include "frames.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_tun(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) fail("/dev/net/tun");
    if (ioctl(tun, TUNSETIFF, &request) < 0) fail(name);
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) < 0) fail(name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(any, SIOCSIFFLAGS, &request) < 0) fail(name);
    close(any);
    return tun;
}

static int open_socket(int port) {
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int size = FRAME_SOCKET_BUFFER;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (bind(udp, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    return udp;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "wintun-bridge NAME PORT\n");
        return 2;
    }
    static char frame[FRAME_LONGEST], second[FRAME_LONGEST], packet[FRAME_LONGEST];
    struct sockaddr_in peer = {0};
    int tun = open_tun(arguments[1]), udp = open_socket(atoi(arguments[2]));
    bool have_first = false;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd ends[] = {{.fd = tun, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
        if (poll(ends, 2, -1) < 0) fail("poll");

        for (;;) {
            ssize_t length = read(tun, frame + 1, FRAME_LONGEST - 1);
            if (length <= 0) break;
            if (!peer.sin_port) continue; // nobody is there: lost, as on a cable that leads nowhere
            frame[0] = length <= FRAME_SPLIT ? FRAME_WHOLE : FRAME_FIRST;
            size_t now = length <= FRAME_SPLIT ? (size_t)length : FRAME_SPLIT;
            sendto(udp, frame, 1 + now, 0, (struct sockaddr *)&peer, sizeof peer);
            if ((size_t)length == now) continue;
            second[0] = FRAME_REST;
            memcpy(second + 1, frame + 1 + now, (size_t)length - now);
            sendto(udp, second, 1 + (size_t)length - now, 0, (struct sockaddr *)&peer, sizeof peer);
        }

        for (;;) {
            struct sockaddr_in from;
            socklen_t from_length = sizeof from;
            ssize_t length = recvfrom(udp, frame, FRAME_LONGEST, 0, (struct sockaddr *)&from, &from_length);
            if (length < 1) break;
            if (frame[0] == FRAME_HELLO) {
                peer = from;
                sendto(udp, frame, 1, 0, (struct sockaddr *)&peer, sizeof peer);
            }
            // What the kernel refuses is lost.
            if (frame[0] == FRAME_WHOLE && write(tun, frame + 1, (size_t)length - 1) < 0) perror("write");
            if (frame[0] == FRAME_REST && have_first && FRAME_SPLIT + (size_t)length - 1 <= sizeof packet) {
                memcpy(packet + FRAME_SPLIT, frame + 1, (size_t)length - 1);
                if (write(tun, packet, FRAME_SPLIT + (size_t)length - 1) < 0) perror("write");
            }
            have_first = frame[0] == FRAME_FIRST && length == 1 + FRAME_SPLIT;
            if (have_first) memcpy(packet, frame + 1, FRAME_SPLIT);
        }
    }
}
