// Carries packets between the rings of a session and the bridge, a program on the same machine that owns a TUN.
#pragma once

#include "ring.h"

typedef struct carrier carrier;

// Starts carrying if the environment says where the bridge is: WINTUN_STANDIN_PORT, a UDP port on 127.0.0.1. Without it there is no
// carrier, and what stands in the rings stays there. False if the bridge cannot be reached.
bool carrier_start(carrier **made, ring *in, ring *out, event_t readable);

// Says that there is something in the ring "out". Any thread.
void carrier_wake(carrier *carrier);

// Waits until nothing of it runs any more. NULL is allowed.
void carrier_stop(carrier *carrier);
