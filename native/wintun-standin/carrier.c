#include "carrier.h"
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <ws2tcpip.h>
static bool sockets_ready(void) {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}
#else
#include <sys/time.h>
static bool sockets_ready(void) { return true; }
#endif

struct carrier {
    ring *in, *out;
    event_t readable, sendable;
    socket_t socket;
    thread_t receiver, sender;
    volatile bool stopping;
};

static bool put_in(carrier *carrier, const char *part, int length, const char *rest, int rest_length) {
    uint8_t *room = ring_reserve(carrier->in, (uint32_t)(length + rest_length));
    if (!room) return false;
    memcpy(room, part, (size_t)length);
    if (rest_length) memcpy(room + length, rest, (size_t)rest_length);
    ring_commit(carrier->in, room);
    event_set(carrier->readable);
    return true;
}

static THREAD_RESULT receive(void *argument) {
    carrier *carrier = argument;
    char *frame = malloc(FRAME_LONGEST), *first = malloc(FRAME_SPLIT);
    bool have_first = false;
    while (frame && first && !carrier->stopping) {
        int length = (int)recv(carrier->socket, frame, FRAME_LONGEST, 0);
        // Nobody is there any more, or a quarter of a second is over.
        if (length < 1) continue;
        if (frame[0] == FRAME_WHOLE) put_in(carrier, frame + 1, length - 1, NULL, 0);
        if (frame[0] == FRAME_REST && have_first) put_in(carrier, first, FRAME_SPLIT, frame + 1, length - 1);
        have_first = frame[0] == FRAME_FIRST && length == 1 + FRAME_SPLIT;
        if (have_first) memcpy(first, frame + 1, FRAME_SPLIT);
    }
    free(frame);
    free(first);
    return 0;
}

static void send_frame(carrier *carrier, char *frame, char kind, const uint8_t *data, uint32_t length) {
    frame[0] = kind;
    memcpy(frame + 1, data, length);
    send(carrier->socket, frame, (int)length + 1, 0);
}

static THREAD_RESULT send_all(void *argument) {
    carrier *carrier = argument;
    char *frame = malloc(FRAME_LONGEST);
    while (frame && !carrier->stopping) {
        uint32_t size;
        uint8_t *packet = ring_take(carrier->out, &size);
        if (!packet) {
            event_wait(carrier->sendable);
            continue;
        }
        if (size <= FRAME_SPLIT) {
            send_frame(carrier, frame, FRAME_WHOLE, packet, size);
        } else {
            send_frame(carrier, frame, FRAME_FIRST, packet, FRAME_SPLIT);
            send_frame(carrier, frame, FRAME_REST, packet + FRAME_SPLIT, size - FRAME_SPLIT);
        }
        ring_release(carrier->out, packet);
    }
    free(frame);
    return 0;
}

static void set_option(socket_t socket, int option, int value) {
    setsockopt(socket, SOL_SOCKET, option, (const char *)&value, sizeof value);
}

static socket_t connect_to(int port) {
    struct sockaddr_in bridge = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (!sockets_ready()) return NO_SOCKET;
    socket_t made = socket(AF_INET, SOCK_DGRAM, 0);
    if (made == NO_SOCKET) return NO_SOCKET;
    set_option(made, SO_RCVBUF, FRAME_SOCKET_BUFFER);
    set_option(made, SO_SNDBUF, FRAME_SOCKET_BUFFER);
    // So that a receiver looks up now and then whether it shall stop.
#ifdef _WIN32
    set_option(made, SO_RCVTIMEO, 250);
#else
    struct timeval quarter = {.tv_usec = 250000};
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &quarter, sizeof quarter);
#endif
    char hello = FRAME_HELLO;
    bool there = connect(made, (struct sockaddr *)&bridge, sizeof bridge) == 0;
    for (int tries = 20; there && tries > 0; tries--) {
        send(made, &hello, 1, 0);
        if (recv(made, &hello, 1, 0) == 1 && hello == FRAME_HELLO) return made;
    }
    socket_close(made);
    return NO_SOCKET;
}

bool carrier_start(carrier **made, ring *in, ring *out, event_t readable) {
    *made = NULL;
    const char *port = getenv("WINTUN_STANDIN_PORT");
    if (!port || !*port) return true;
    carrier *carrier = calloc(1, sizeof *carrier);
    if (!carrier) return false;
    carrier->in = in;
    carrier->out = out;
    carrier->readable = readable;
    carrier->sendable = event_create();
    carrier->socket = connect_to(atoi(port));
    if (carrier->socket == NO_SOCKET) {
        event_close(carrier->sendable);
        free(carrier);
        return false;
    }
    if (!thread_start(&carrier->receiver, receive, carrier) || !thread_start(&carrier->sender, send_all, carrier)) abort();
    *made = carrier;
    return true;
}

void carrier_wake(carrier *carrier) { event_set(carrier->sendable); }

void carrier_stop(carrier *carrier) {
    if (!carrier) return;
    carrier->stopping = true;
    event_set(carrier->sendable);
    thread_join(carrier->sender);
    thread_join(carrier->receiver);
    socket_close(carrier->socket);
    event_close(carrier->sendable);
    free(carrier);
}
