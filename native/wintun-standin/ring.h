// A ring of packets between two parties, each of any number of threads. Whoever puts in borrows room with ring_reserve, fills it, and hands
// it over with ring_commit; whoever takes out borrows a packet with ring_take and gives its room back with ring_release. Several borrowed
// pieces may be handed over and given back in any order: they count in the order in which they were borrowed.
#pragma once

#include "platform.h"

enum {
    RING_MIN_CAPACITY = 0x20000,
    RING_MAX_CAPACITY = 0x4000000,
    RING_MAX_PACKET = 0xffff,
};

typedef struct ring ring;

// Power of two within the limits above, or NULL with the last error.
ring *ring_create(uint32_t capacity);
void ring_destroy(ring *ring);

// NULL with ERROR_BUFFER_OVERFLOW if it is full, ERROR_HANDLE_EOF after ring_end.
uint8_t *ring_reserve(ring *ring, uint32_t size);
void ring_commit(ring *ring, const uint8_t *packet);

// NULL with ERROR_NO_MORE_ITEMS if it is empty, ERROR_HANDLE_EOF after ring_end, ERROR_INVALID_DATA if what stands there is no packet.
uint8_t *ring_take(ring *ring, uint32_t *size);
void ring_release(ring *ring, const uint8_t *packet);

// From now on nothing goes in and nothing comes out. What is borrowed may still be handed over or given back.
void ring_end(ring *ring);

// For tests: the next packet to be taken out becomes one that is too long.
void ring_corrupt(ring *ring);
