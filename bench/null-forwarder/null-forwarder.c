/*
 * The emptiest program that can stand in the firewall's place: one TUN, one blocking read, one write, nothing between.
 * What it carries is what the kernel's TUN can carry with plain system calls; benchmarks divide by it.
 *
 * It sets up no address, no route and no MTU: the benchmark's script does that, the same for every candidate.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { HEADER = 10, LONGEST = HEADER + 65535 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void usage(FILE *to)
{
    fputs("usage: null-forwarder [-n NAME] [-o LIST] [-p]\n"
          "  -n NAME  the TUN to make (default null0)\n"
          "  -o LIST  offloads, by comma: csum tso4 tso6 tso_ecn uso, or all (default), or none (the header alone),\n"
          "           or plain (not even the virtio-net header)\n"
          "  -p       print counters at the end\n",
          to);
}

static unsigned parse_offloads(char *list, int *with_header)
{
    static const struct { const char *name; unsigned bits; } known[] = {
        { "csum", TUN_F_CSUM },
        { "tso4", TUN_F_CSUM | TUN_F_TSO4 },
        { "tso6", TUN_F_CSUM | TUN_F_TSO6 },
        { "tso_ecn", TUN_F_CSUM | TUN_F_TSO_ECN },
        { "uso", TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 },
        { "all", TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6 },
        { "none", 0 },
    };
    unsigned bits = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        size_t i;
        if (strcmp(word, "plain") == 0) {
            *with_header = 0;
            continue;
        }
        for (i = 0; i < sizeof known / sizeof *known && strcmp(word, known[i].name) != 0; i++)
            ;
        if (i == sizeof known / sizeof *known) {
            fprintf(stderr, "null-forwarder: unknown offload '%s'\n", word);
            usage(stderr);
            exit(2);
        }
        bits |= known[i].bits;
    }
    return bits;
}

static int open_tun(const char *name, unsigned offloads, int with_header)
{
    struct ifreq request;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "null-forwarder: /dev/net/tun: %s\n", strerror(errno));
        exit(1);
    }
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (with_header ? IFF_VNET_HDR : 0));
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        fprintf(stderr, "null-forwarder: cannot make TUN %s: %s\n", name, strerror(errno));
        exit(1);
    }
    if (with_header && ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0) {
        fprintf(stderr, "null-forwarder: the kernel refuses offloads 0x%x: %s\n", offloads, strerror(errno));
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static uint8_t frame[LONGEST];
    const char *name = "null0";
    char all[] = "all";
    char *list = all;
    int with_header = 1, print = 0, option;
    unsigned long long packets = 0, bytes = 0, refused = 0;

    while ((option = getopt(argc, argv, "n:o:ph")) != -1) {
        switch (option) {
        case 'n': name = optarg; break;
        case 'o': list = optarg; break;
        case 'p': print = 1; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    }
    if (optind != argc || strlen(name) == 0 || strlen(name) >= IFNAMSIZ) {
        usage(stderr);
        return 2;
    }

    unsigned offloads = parse_offloads(list, &with_header);
    int fd = open_tun(name, offloads, with_header);

    /* No SA_RESTART: the blocking read must return when we are asked to stop. */
    struct sigaction action = { .sa_handler = stop };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    printf("%s ready\n", name);
    fflush(stdout);

    while (!stopped) {
        ssize_t length = read(fd, frame, sizeof frame);
        if (length < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            fprintf(stderr, "null-forwarder: read: %s\n", strerror(errno));
            return 1;
        }
        packets++;
        bytes += (unsigned long long)length;
        if (write(fd, frame, (size_t)length) < 0) refused++;
    }
    if (print) printf("packets %llu bytes %llu refused %llu\n", packets, bytes, refused);
    return 0;
}
