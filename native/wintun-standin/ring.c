#include "ring.h"

#include <stdio.h>
#include <stdlib.h>

// In front of each packet stands its size; both together are padded to four bytes. A packet never wraps: behind the capacity there is room
// for the one that begins at its end. Places count on for ever, modulo 2^32; only the mask makes them offsets.
enum { HEADER = 4, ALIGNMENT = 4 };
static const uint32_t BORROWED = 0x80000000;
static const uint32_t GIVEN_BACK = 0x40000000;
static const uint32_t LENGTH_BITS = 0x3fffffff;

struct ring {
    uint32_t capacity;
    bool ended;
    lock_t lock;
    // 0 ≤ freed ≤ taken ≤ committed ≤ reserved ≤ freed + capacity
    uint32_t freed, taken, committed, reserved;
    uint8_t data[];
};

static uint32_t padded(uint32_t size) { return (HEADER + size + ALIGNMENT - 1) & ~(uint32_t)(ALIGNMENT - 1); }

static uint32_t *header_at(ring *ring, uint32_t place) { return (uint32_t *)(ring->data + (place & (ring->capacity - 1))); }

// What a driver would make a blue screen of: the user of the stand-in has an error that must not stay unseen.
static void misuse(const char *what) {
    fprintf(stderr, "wintun stand-in: %s\n", what);
    abort();
}

static uint32_t *header_of(ring *ring, const uint8_t *packet, const char *what) {
    if (packet < ring->data + HEADER || packet >= ring->data + ring->capacity + HEADER) misuse(what);
    return (uint32_t *)(packet - HEADER);
}

ring *ring_create(uint32_t capacity) {
    if (capacity < RING_MIN_CAPACITY || capacity > RING_MAX_CAPACITY || (capacity & (capacity - 1)) != 0) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return NULL;
    }
    ring *made = calloc(1, sizeof(ring) + capacity + padded(RING_MAX_PACKET));
    if (!made) {
        last_error(ERROR_OF_NO_MEMORY);
        return NULL;
    }
    made->capacity = capacity;
    lock_init(&made->lock);
    return made;
}

void ring_destroy(ring *ring) { free(ring); }

uint8_t *ring_reserve(ring *ring, uint32_t size) {
    if (size > RING_MAX_PACKET) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return NULL;
    }
    uint32_t error = 0;
    uint32_t *header = NULL;
    lock_enter(&ring->lock);
    // As in the driver's ring, a full one keeps four bytes free.
    if (ring->ended) error = ERROR_OF_HANDLE_EOF;
    else if (padded(size) > ring->capacity - ALIGNMENT - (ring->reserved - ring->freed)) error = ERROR_OF_BUFFER_OVERFLOW;
    else {
        header = header_at(ring, ring->reserved);
        *header = size | BORROWED;
        ring->reserved += padded(size);
    }
    lock_leave(&ring->lock);
    if (error) last_error(error);
    return header ? (uint8_t *)(header + 1) : NULL;
}

void ring_commit(ring *ring, const uint8_t *packet) {
    uint32_t *header = header_of(ring, packet, "a packet is sent that was not allocated in this session");
    lock_enter(&ring->lock);
    if (!(*header & BORROWED)) misuse("a packet is sent that was not allocated, or was sent before");
    *header &= ~BORROWED;
    while (ring->committed != ring->reserved) {
        uint32_t first = *header_at(ring, ring->committed);
        if (first & BORROWED) break;
        ring->committed += padded(first & LENGTH_BITS);
    }
    lock_leave(&ring->lock);
}

uint8_t *ring_take(ring *ring, uint32_t *size) {
    uint32_t error = 0;
    uint32_t *header = NULL;
    lock_enter(&ring->lock);
    if (ring->ended) error = ERROR_OF_HANDLE_EOF;
    else if (ring->taken == ring->committed) error = ERROR_OF_NO_MORE_ITEMS;
    else {
        header = header_at(ring, ring->taken);
        if (*header > RING_MAX_PACKET || padded(*header) > ring->committed - ring->taken) {
            header = NULL;
            error = ERROR_OF_INVALID_DATA;
        } else {
            *size = *header;
            ring->taken += padded(*header);
            *header |= BORROWED;
        }
    }
    lock_leave(&ring->lock);
    if (error) last_error(error);
    return header ? (uint8_t *)(header + 1) : NULL;
}

void ring_release(ring *ring, const uint8_t *packet) {
    uint32_t *header = header_of(ring, packet, "a packet is released that was not received in this session");
    lock_enter(&ring->lock);
    if (!(*header & BORROWED)) misuse("a packet is released that was not received, or was released before");
    *header = (*header & LENGTH_BITS) | GIVEN_BACK;
    while (ring->freed != ring->taken) {
        uint32_t first = *header_at(ring, ring->freed);
        if (!(first & GIVEN_BACK)) break;
        ring->freed += padded(first & LENGTH_BITS);
    }
    lock_leave(&ring->lock);
}

void ring_end(ring *ring) {
    lock_enter(&ring->lock);
    ring->ended = true;
    lock_leave(&ring->lock);
}

void ring_corrupt(ring *ring) {
    lock_enter(&ring->lock);
    if (ring->taken != ring->committed) *header_at(ring, ring->taken) = RING_MAX_PACKET + 1;
    lock_leave(&ring->lock);
}
