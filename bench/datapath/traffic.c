/*
 * The loads of the data path benchmark, and what measures them at the other end. One program, so that nothing has to be installed.
 *
 *   traffic udp-send ADDRESS PORT FLOWS SIZE SECONDS RATE   numbered datagrams, round robin, in runs of eight a flow
 *   traffic udp-receive PORT                                counts them until half a second after the last one
 *   traffic accept PORT                                     takes connections and closes them, until it is killed
 *   traffic connect ADDRESS PORT SECONDS                    opens and closes connections, one after the other, from four threads' worth of sockets
 *   traffic echo PORT                                       sends datagrams back, until it is killed
 *   traffic round-trip ADDRESS PORT SECONDS                 one datagram there and back at a time
 *   traffic first-answer ADDRESS PORT                       asks every half millisecond until an answer comes, for ten seconds at most
 *   traffic syn-flood ADDRESS PORT RATE SECONDS             connection requests from random addresses
 *
 * SIZE is that of the IP packet. Each prints one line of "name value" pairs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RUN = 8, BURST = 64, MOST_FLOWS = 65536, HEADERS = 28 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
    fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
    return 1;
}

static struct sockaddr_in at(const char *address, const char *port)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    inet_pton(AF_INET, address, &place.sin_addr);
    return place;
}

static int udp_send(char **v)
{
    struct sockaddr_in to = at(v[0], v[1]);
    int flows = atoi(v[2]), size = atoi(v[3]) - HEADERS;
    double seconds = atof(v[4]), rate = atof(v[5]), start, passed;
    int *sockets = calloc((size_t)flows, sizeof *sockets);
    uint32_t *numbers = calloc((size_t)flows, sizeof *numbers);
    static char payload[RUN][2048];
    struct mmsghdr messages[RUN];
    struct iovec parts[RUN];
    unsigned long sent = 0, turn = 0;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < flows; i++) {
        sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&to, sizeof to) < 0) return fail("socket");
    }
    start = now();
    while ((passed = now() - start) < seconds) {
        if ((double)sent >= passed * rate) continue;
        int flow = (int)(turn++ % (unsigned long)flows);
        for (int i = 0; i < RUN; i++) {
            memcpy(payload[i], &flow, 4);
            numbers[flow]++;
            memcpy(payload[i] + 4, &numbers[flow], 4);
            parts[i].iov_base = payload[i];
            parts[i].iov_len = (size_t)size;
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int taken = sendmmsg(sockets[flow], messages, RUN, 0);
        if (taken > 0) sent += (unsigned long)taken;
    }
    printf("sent %lu seconds %.3f\n", sent, now() - start);
    return 0;
}

static int udp_receive(char **v)
{
    struct sockaddr_in here = at("0.0.0.0", v[0]);
    int s = socket(AF_INET, SOCK_DGRAM, 0), room = 64 << 20;
    static char payload[BURST][2048];
    static uint32_t last[MOST_FLOWS];
    struct mmsghdr messages[BURST];
    struct iovec parts[BURST];
    unsigned long received = 0, reordered = 0;
    double first = 0, latest = 0;
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(s, (struct sockaddr *)&here, sizeof here) < 0) return fail("bind");
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BURST; i++) {
        parts[i].iov_base = payload[i];
        parts[i].iov_len = sizeof payload[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        struct pollfd ready = { .fd = s, .events = POLLIN };
        if (poll(&ready, 1, first == 0 ? 10000 : 500) <= 0) break;
        int count = recvmmsg(s, messages, BURST, MSG_DONTWAIT, NULL);
        if (count <= 0) continue;
        latest = now();
        if (first == 0) first = latest;
        received += (unsigned long)count;
        for (int i = 0; i < count; i++) {
            uint32_t flow, number;
            memcpy(&flow, payload[i], 4);
            memcpy(&number, payload[i] + 4, 4);
            if (flow >= MOST_FLOWS) continue;
            if (number <= last[flow]) reordered++;
            else last[flow] = number;
        }
    }
    printf("received %lu reordered %lu seconds %.3f\n", received, reordered, latest - first);
    return 0;
}

static int accept_all(char **v)
{
    struct sockaddr_in here = at("0.0.0.0", v[0]);
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&here, sizeof here) < 0 || listen(s, 4096) < 0) return fail("listen");
    for (;;) {
        int c = accept(s, NULL, NULL);
        if (c >= 0) close(c);
    }
}

static int connect_all(char **v)
{
    enum { AT_ONCE = 32 };
    struct sockaddr_in to = at(v[0], v[1]);
    struct linger reset = { .l_onoff = 1, .l_linger = 0 }; /* no port stays behind in TIME_WAIT */
    double start = now(), seconds = atof(v[2]);
    struct pollfd open[AT_ONCE];
    unsigned long made = 0, failed = 0;
    for (int i = 0; i < AT_ONCE; i++) open[i].fd = -1;
    while (now() - start < seconds) {
        for (int i = 0; i < AT_ONCE; i++) {
            if (open[i].fd >= 0) continue;
            open[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            open[i].events = POLLOUT;
            setsockopt(open[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            if (connect(open[i].fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
                close(open[i].fd);
                open[i].fd = -1;
                failed++;
            }
        }
        if (poll(open, AT_ONCE, 100) <= 0) continue;
        for (int i = 0; i < AT_ONCE; i++) {
            if (open[i].fd < 0 || open[i].revents == 0) continue;
            if (open[i].revents & (POLLERR | POLLHUP)) failed++;
            else made++;
            close(open[i].fd);
            open[i].fd = -1;
        }
    }
    printf("connections %lu failed %lu seconds %.3f\n", made, failed, now() - start);
    return 0;
}

static int echo(char **v)
{
    struct sockaddr_in here = at("0.0.0.0", v[0]), from;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    char payload[2048];
    if (bind(s, (struct sockaddr *)&here, sizeof here) < 0) return fail("bind");
    for (;;) {
        socklen_t length = sizeof from;
        ssize_t count = recvfrom(s, payload, sizeof payload, 0, (struct sockaddr *)&from, &length);
        if (count >= 0) sendto(s, payload, (size_t)count, 0, (struct sockaddr *)&from, length);
    }
}

static int ascending(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

static int round_trip(char **v)
{
    enum { MOST = 1 << 20 };
    struct sockaddr_in to = at(v[0], v[1]);
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = { .tv_usec = 200000 };
    double *times = malloc(MOST * sizeof *times), start = now(), seconds = atof(v[2]);
    char payload[36] = { 0 };
    int count = 0, lost = 0;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(s, (struct sockaddr *)&to, sizeof to) < 0) return fail("connect");
    while (now() - start < seconds && count < MOST) {
        double sent = now();
        send(s, payload, sizeof payload, 0);
        if (recv(s, payload, sizeof payload, 0) < 0) lost++;
        else times[count++] = (now() - sent) * 1e6;
    }
    if (count == 0) return fail("no answer");
    qsort(times, (size_t)count, sizeof *times, ascending);
    printf("p50 %.1f p99 %.1f count %d lost %d\n", times[count / 2], times[count * 99LL / 100], count, lost);
    return 0;
}

static int first_answer(char **v)
{
    struct sockaddr_in to = at(v[0], v[1]);
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = { .tv_usec = 500 };
    double start = now();
    char payload[36] = { 0 };
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(s, (struct sockaddr *)&to, sizeof to) < 0) return fail("connect");
    while (now() - start < 10) {
        send(s, payload, sizeof payload, 0);
        if (recv(s, payload, sizeof payload, 0) < 0) continue;
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        printf("at_ns %lld%09ld\n", (long long)t.tv_sec, t.tv_nsec);
        return 0;
    }
    return fail("no answer");
}

static uint16_t checksum(const void *bytes, size_t length, uint32_t sum)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)(b[i] << 8 | b[i + 1]);
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static int syn_flood(char **v)
{
    struct sockaddr_in to = at(v[0], v[1]);
    double rate = atof(v[2]), seconds = atof(v[3]), start = now(), passed;
    int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    unsigned long sent = 0;
    if (s < 0) return fail("raw socket");
    while ((passed = now() - start) < seconds) {
        if ((double)sent >= passed * rate) continue;
        struct { struct iphdr ip; struct tcphdr tcp; } packet;
        memset(&packet, 0, sizeof packet);
        packet.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .tot_len = htons(sizeof packet),
            .saddr = htonl(0xC6330000u | ((uint32_t)rand() & 0xFFFF)), .daddr = to.sin_addr.s_addr };
        packet.tcp = (struct tcphdr){ .source = htons((uint16_t)(1024 + rand() % 60000)), .dest = to.sin_port, .seq = (uint32_t)rand(),
            .doff = 5, .syn = 1, .window = htons(64240) };
        uint32_t pseudo = (ntohl(packet.ip.saddr) >> 16) + (ntohl(packet.ip.saddr) & 0xFFFF) + (ntohl(packet.ip.daddr) >> 16)
            + (ntohl(packet.ip.daddr) & 0xFFFF) + IPPROTO_TCP + (uint32_t)sizeof packet.tcp;
        packet.tcp.check = checksum(&packet.tcp, sizeof packet.tcp, pseudo);
        if (sendto(s, &packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to) > 0) sent++;
    }
    printf("sent %lu seconds %.3f\n", sent, now() - start);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int arguments; int (*run)(char **); } verbs[] = {
        { "udp-send", 6, udp_send }, { "udp-receive", 1, udp_receive }, { "accept", 1, accept_all }, { "connect", 3, connect_all },
        { "echo", 1, echo }, { "round-trip", 3, round_trip }, { "first-answer", 2, first_answer },
        { "syn-flood", 4, syn_flood },
    };
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && argc == verbs[i].arguments + 2) return verbs[i].run(argv + 2);
    fputs("usage: traffic udp-send|udp-receive|accept|connect|echo|round-trip|first-answer|syn-flood ARGUMENTS (see traffic.c)\n", stderr);
    return 2;
}
