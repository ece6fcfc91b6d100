/*
 * Long transfers whose every byte is held against what was sent; for integrity.sh.
 *
 *   integrity stream-send ADDRESS PORT BYTES                   pseudo-random bytes by TCP
 *   integrity stream-receive PORT                              one connection, until its end
 *   integrity datagrams-send ADDRESS PORT FLOWS SIZE COUNT RATE   numbered datagrams, round robin, in runs of sixteen a flow
 *   integrity datagrams-receive PORT                           until two seconds after the last one
 *
 * SIZE is that of the UDP payload, a multiple of 8. Each prints one line of "name value" pairs; the sums of both ends are equal if their bytes are.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, RUN = 16, BURST = 64, MOST_FLOWS = 4096, MOST_SIZE = 2048 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const char *what)
{
    fprintf(stderr, "integrity: %s: %s\n", what, strerror(errno));
    return 1;
}

static struct sockaddr_in at(const char *address, const char *port)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    inet_pton(AF_INET, address, &place.sin_addr);
    return place;
}

/* SplitMix64's finish: every bit of the answer depends on every bit of the number. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Depends on the order of the words. */
static uint64_t sum_of(uint64_t sum, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) sum = ((sum << 5 | sum >> 59) ^ words[i]) * 0x9E3779B97F4A7C15u;
    return sum;
}

static int stream_send(char **v)
{
    struct sockaddr_in to = at(v[0], v[1]);
    static uint64_t block[BLOCK / 8];
    uint64_t bytes = strtoull(v[2], NULL, 10) / BLOCK * BLOCK, sum = 0, number = 0;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    double start = now();
    if (connect(s, (struct sockaddr *)&to, sizeof to) < 0) return fail("connect");
    for (uint64_t left = bytes; left > 0; left -= BLOCK) {
        for (size_t i = 0; i < BLOCK / 8; i++) block[i] = mixed(++number);
        sum = sum_of(sum, block, BLOCK / 8);
        for (size_t done = 0; done < BLOCK;) {
            ssize_t count = write(s, (char *)block + done, BLOCK - done);
            if (count < 0) return fail("write");
            done += (size_t)count;
        }
    }
    printf("bytes %llu sum %016llx seconds %.1f\n", (unsigned long long)bytes, (unsigned long long)sum, now() - start);
    return 0;
}

static int stream_receive(char **v)
{
    struct sockaddr_in here = at("0.0.0.0", v[0]);
    static uint64_t block[BLOCK / 8];
    uint64_t bytes = 0, sum = 0;
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    size_t filled = 0;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&here, sizeof here) < 0 || listen(s, 1) < 0) return fail("listen");
    int c = accept(s, NULL, NULL);
    for (;;) {
        ssize_t count = read(c, (char *)block + filled, BLOCK - filled);
        if (count < 0) return fail("read");
        if (count == 0) break;
        bytes += (uint64_t)count;
        filled += (size_t)count;
        if (filled < BLOCK) continue;
        sum = sum_of(sum, block, BLOCK / 8);
        filled = 0;
    }
    printf("bytes %llu sum %016llx\n", (unsigned long long)bytes, (unsigned long long)sum);
    return 0;
}

/* What a datagram holds follows from its flow and number, which are its first word. */
static uint64_t fill(uint64_t *words, size_t count, uint32_t flow, uint32_t number)
{
    words[0] = (uint64_t)flow << 32 | number;
    for (size_t i = 1; i < count; i++) words[i] = mixed(words[0] * 256 + i);
    return sum_of(0, words, count);
}

static int datagrams_send(char **v)
{
    struct sockaddr_in to = at(v[0], v[1]);
    uint32_t flows = (uint32_t)atoi(v[2]), numbers[MOST_FLOWS] = { 0 };
    size_t size = (size_t)atoi(v[3]);
    uint64_t count = strtoull(v[4], NULL, 10), sum = 0, sent = 0, turn = 0;
    double rate = atof(v[5]), start = now();
    static uint64_t payload[RUN][MOST_SIZE / 8];
    struct mmsghdr messages[RUN];
    struct iovec parts[RUN];
    int sockets[MOST_FLOWS];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < RUN; i++) {
        parts[i] = (struct iovec){ .iov_base = payload[i], .iov_len = size };
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    if (flows == 0 || flows > MOST_FLOWS || size < 8 || size > MOST_SIZE || size % 8 != 0) return fail("flows or size");
    for (uint32_t i = 0; i < flows; i++) {
        sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&to, sizeof to) < 0) return fail("socket");
    }
    while (sent < count) {
        if ((double)sent > (now() - start) * rate) continue;
        uint32_t flow = (uint32_t)(turn++ % flows);
        for (int i = 0; i < RUN; i++) sum += fill(payload[i], size / 8, flow, ++numbers[flow]);
        for (int done = 0; done < RUN;) {
            int taken = sendmmsg(sockets[flow], messages + done, (unsigned)(RUN - done), 0);
            if (taken < 0 && errno != ENOBUFS && errno != EAGAIN) return fail("send");
            if (taken > 0) done += taken;
        }
        sent += RUN;
    }
    printf("datagrams %llu sum %016llx seconds %.1f\n", (unsigned long long)sent, (unsigned long long)sum, now() - start);
    return 0;
}

static int datagrams_receive(char **v)
{
    struct sockaddr_in here = at("0.0.0.0", v[0]);
    static uint64_t payload[BURST][MOST_SIZE / 8], expected[MOST_SIZE / 8];
    static uint32_t last[MOST_FLOWS];
    uint64_t received = 0, sum = 0, reordered = 0, wrong = 0;
    struct mmsghdr messages[BURST];
    struct iovec parts[BURST];
    int s = socket(AF_INET, SOCK_DGRAM, 0), room = 256 << 20;
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(s, (struct sockaddr *)&here, sizeof here) < 0) return fail("bind");
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BURST; i++) {
        parts[i] = (struct iovec){ .iov_base = payload[i], .iov_len = MOST_SIZE };
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        struct pollfd ready = { .fd = s, .events = POLLIN };
        if (poll(&ready, 1, received == 0 ? 10000 : 2000) <= 0) break;
        int count = recvmmsg(s, messages, BURST, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            size_t words = messages[i].msg_len / 8;
            uint32_t flow = (uint32_t)(payload[i][0] >> 32), number = (uint32_t)payload[i][0];
            received++;
            sum += sum_of(0, payload[i], words);
            fill(expected, words, flow, number);
            if (memcmp(expected, payload[i], words * 8) != 0 || flow >= MOST_FLOWS) wrong++;
            else if (number <= last[flow]) reordered++;
            else last[flow] = number;
        }
    }
    printf("datagrams %llu sum %016llx reordered %llu wrong %llu\n", (unsigned long long)received, (unsigned long long)sum, (unsigned long long)reordered, (unsigned long long)wrong);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct { const char *name; int arguments; int (*run)(char **); } verbs[] = {
        { "stream-send", 3, stream_send }, { "stream-receive", 1, stream_receive },
        { "datagrams-send", 6, datagrams_send }, { "datagrams-receive", 1, datagrams_receive },
    };
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && argc == verbs[i].arguments + 2) return verbs[i].run(argv + 2);
    fputs("usage: integrity stream-send|stream-receive|datagrams-send|datagrams-receive ARGUMENTS (see integrity.c)\n", stderr);
    return 2;
}
