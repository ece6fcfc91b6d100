// How a packet travels in UDP datagrams between the stand-in and the bridge. The first byte says what a datagram is; a packet that does not
// fit into one comes in two. Loopback keeps the order, and a datagram that a full socket drops is a lost packet.
#pragma once

enum {
    FRAME_HELLO = 'h', // from the stand-in: here I am. The bridge answers with the same.
    FRAME_WHOLE = 'w',
    FRAME_FIRST = 'f', // SPLIT bytes of a packet
    FRAME_REST = 'r',  // and the rest of it
    FRAME_SPLIT = 40000,
    FRAME_LONGEST = 1 + 0xffff, // longer than any datagram can be
    FRAME_SOCKET_BUFFER = 4 << 20,
};
