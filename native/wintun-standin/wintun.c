// The exported functions of wintun.h (version 0.14), over rings and a carrier of our own. Written from the documented behaviour; no driver,
// no adapter that the operating system knows of. See README.md.
#include "carrier.h"
#include "ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LENGTH = 128, DRIVER_VERSION = 14 };

typedef struct { uint8_t bytes[16]; } guid;

typedef struct session session;

typedef struct adapter {
    wide name[NAME_LENGTH];
    guid id;
    uint64_t luid;
    int handles;
    bool removed;
    session *session;
    struct adapter *next;
} adapter;

// What a client holds: each call that makes or opens an adapter gives one of its own, and the one that made it removes it.
typedef struct {
    adapter *adapter;
    bool owns;
} handle;

struct session {
    adapter *adapter;
    ring *in;  // from the network to the client
    ring *out; // from the client to the network
    event_t readable;
    carrier *carrier;
    bool loopback;
};

typedef void(CALL *logger)(int level, uint64_t timestamp, const wide *message);

static lock_t registry = LOCK_INIT;
static adapter *adapters;
static uint64_t luids;
static bool driver_loaded;
static logger log_to;

static void tell(int level, const char *text) {
    logger to = log_to;
    if (!to) return;
    wide message[NAME_LENGTH];
    size_t i = 0;
    for (; text[i] && i < NAME_LENGTH - 1; i++) message[i] = (wide)text[i];
    message[i] = 0;
    to(level, file_time(), message);
}

static wide lower(wide letter) { return letter >= 'A' && letter <= 'Z' ? letter + 32 : letter; }

static bool same_name(const wide *left, const wide *right) {
    while (*left && lower(*left) == lower(*right)) left++, right++;
    return lower(*left) == lower(*right);
}

static bool fits(const wide *name) {
    for (int i = 0; i < NAME_LENGTH; i++) {
        if (!name[i]) return i > 0;
    }
    return false;
}

static adapter *find(const wide *name) {
    for (adapter *a = adapters; a; a = a->next) {
        if (!a->removed && same_name(a->name, name)) return a;
    }
    return NULL;
}

static adapter *find_id(const guid *id) {
    for (adapter *a = adapters; a; a = a->next) {
        if (!a->removed && !memcmp(&a->id, id, sizeof *id)) return a;
    }
    return NULL;
}

// Gives the adapter that has this name another one: "fw0" becomes "fw0 1", or the next that is free. False if there is none.
static bool make_way(adapter *other) {
    wide base[NAME_LENGTH];
    memcpy(base, other->name, sizeof base);
    int length = 0;
    while (base[length]) length++;
    for (int number = 1; number <= 9 && length < NAME_LENGTH - 2; number++) {
        wide proposal[NAME_LENGTH] = {0};
        memcpy(proposal, base, sizeof base);
        proposal[length] = ' ';
        proposal[length + 1] = (wide)('0' + number);
        if (find(proposal)) continue;
        memcpy(other->name, proposal, sizeof proposal);
        return true;
    }
    return false;
}

static handle *open_handle(adapter *adapter, bool owns) {
    handle *made = calloc(1, sizeof *made);
    if (!made) {
        last_error(ERROR_OF_NO_MEMORY);
        return NULL;
    }
    adapter->handles++;
    made->adapter = adapter;
    made->owns = owns;
    return made;
}

// With the registry locked. The memory goes with the last handle and the session.
static void drop(adapter *gone) {
    if (gone->handles > 0 || gone->session) return;
    for (adapter **a = &adapters; *a; a = &(*a)->next) {
        if (*a != gone) continue;
        *a = gone->next;
        free(gone);
        return;
    }
}

static void terminate(session *session) {
    ring_end(session->in);
    ring_end(session->out);
    event_set(session->readable);
}

EXPORT handle *CALL WintunCreateAdapter(const wide *name, const wide *tunnel_type, const guid *requested) {
    if (!name || !tunnel_type || !fits(name) || !fits(tunnel_type)) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return NULL;
    }
    adapter *made = calloc(1, sizeof *made);
    if (!made) {
        last_error(ERROR_OF_NO_MEMORY);
        return NULL;
    }
    lock_enter(&registry);
    adapter *other = find(name);
    handle *result = NULL;
    if ((requested && find_id(requested)) || (other && !make_way(other)) || !(result = open_handle(made, true))) {
        lock_leave(&registry);
        free(made);
        tell(2, "The adapter cannot be made: one of this GUID exists");
        last_error(ERROR_OF_ALREADY_EXISTS);
        return NULL;
    }
    for (int i = 0; name[i]; i++) made->name[i] = name[i];
    luids++;
    if (requested) made->id = *requested;
    else memcpy(made->id.bytes, &luids, sizeof luids);
    made->luid = (uint64_t)53 << 48 | luids << 24; // IF_TYPE_PROP_VIRTUAL, as Wintun's adapters are
    made->next = adapters;
    adapters = made;
    driver_loaded = true;
    lock_leave(&registry);
    tell(0, "Adapter created");
    return result;
}

EXPORT handle *CALL WintunOpenAdapter(const wide *name) {
    if (!name || !fits(name)) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return NULL;
    }
    lock_enter(&registry);
    adapter *found = find(name);
    handle *result = found ? open_handle(found, false) : NULL;
    lock_leave(&registry);
    if (!found) last_error(ERROR_OF_NOT_FOUND);
    return result;
}

EXPORT void CALL WintunCloseAdapter(handle *handle) {
    if (!handle) return;
    adapter *adapter = handle->adapter;
    lock_enter(&registry);
    adapter->handles--;
    if (handle->owns) {
        adapter->removed = true;
        if (adapter->session) terminate(adapter->session);
    }
    drop(adapter);
    lock_leave(&registry);
    free(handle);
    tell(0, "Adapter closed");
}

EXPORT int CALL WintunDeleteDriver(void) {
    lock_enter(&registry);
    bool used = adapters != NULL;
    if (!used) driver_loaded = false;
    lock_leave(&registry);
    if (used) last_error((uint32_t)ERROR_OF_INF_IN_USE_BY_DEVICES);
    return !used;
}

EXPORT void CALL WintunGetAdapterLUID(handle *handle, uint64_t *luid) { *luid = handle->adapter->luid; }

EXPORT uint32_t CALL WintunGetRunningDriverVersion(void) {
    if (!driver_loaded) last_error(ERROR_OF_FILE_NOT_FOUND);
    return driver_loaded ? DRIVER_VERSION : 0;
}

EXPORT void CALL WintunSetLogger(logger new_logger) { log_to = new_logger; }

EXPORT session *CALL WintunStartSession(handle *handle, uint32_t capacity) {
    adapter *adapter = handle->adapter;
    session *made = calloc(1, sizeof *made);
    if (!made) {
        last_error(ERROR_OF_NO_MEMORY);
        return NULL;
    }
    made->in = ring_create(capacity);
    made->out = made->in ? ring_create(capacity) : NULL;
    made->readable = made->out ? event_create() : NULL;
    made->adapter = adapter;
    uint32_t error = 0;
    if (!made->readable) error = made->in ? ERROR_OF_NO_MEMORY : ERROR_OF_INVALID_PARAMETER;
    if (!error) {
        lock_enter(&registry);
        if (adapter->session) error = ERROR_OF_ALREADY_INITIALIZED;
        else adapter->session = made;
        lock_leave(&registry);
    }
    if (!error && !carrier_start(&made->carrier, made->in, made->out, made->readable)) {
        error = ERROR_OF_NOT_FOUND;
        lock_enter(&registry);
        adapter->session = NULL;
        lock_leave(&registry);
    }
    if (!error) return made;

    tell(2, "The session could not be started");
    if (made->readable) event_close(made->readable);
    if (made->out) ring_destroy(made->out);
    if (made->in) ring_destroy(made->in);
    free(made);
    last_error(error);
    return NULL;
}

// Not thread-safe beside the other functions of the same session, like the real one.
EXPORT void CALL WintunEndSession(session *session) {
    adapter *adapter = session->adapter;
    carrier_stop(session->carrier);
    lock_enter(&registry);
    adapter->session = NULL;
    drop(adapter);
    lock_leave(&registry);
    event_close(session->readable);
    ring_destroy(session->in);
    ring_destroy(session->out);
    free(session);
}

EXPORT event_t CALL WintunGetReadWaitEvent(session *session) { return session->readable; }

EXPORT uint8_t *CALL WintunReceivePacket(session *session, uint32_t *size) { return ring_take(session->in, size); }

EXPORT void CALL WintunReleaseReceivePacket(session *session, const uint8_t *packet) { ring_release(session->in, packet); }

EXPORT uint8_t *CALL WintunAllocateSendPacket(session *session, uint32_t size) { return ring_reserve(session->out, size); }

// Moves what the client has sent into the ring that it reads from, as far as there is room.
static void turn_around(session *session) {
    uint32_t size;
    uint8_t *sent;
    while ((sent = ring_take(session->out, &size)) != NULL) {
        uint8_t *received = ring_reserve(session->in, size);
        if (received) {
            memcpy(received, sent, size);
            ring_commit(session->in, received);
            event_set(session->readable);
        }
        ring_release(session->out, sent);
    }
}

EXPORT void CALL WintunSendPacket(session *session, const uint8_t *packet) {
    ring_commit(session->out, packet);
    if (session->loopback) turn_around(session);
    else if (session->carrier) carrier_wake(session->carrier);
}

// ---------------------------------------------------------------- the network's side, for tests in the same process

// Puts a packet in as if the network had sent it. Returns 0, or the error.
EXPORT uint32_t CALL StandinInject(session *session, const uint8_t *packet, uint32_t size) {
    uint8_t *room = ring_reserve(session->in, size);
    if (!room) return ERROR_OF_BUFFER_OVERFLOW;
    memcpy(room, packet, size);
    ring_commit(session->in, room);
    event_set(session->readable);
    return 0;
}

// Takes out the next packet that the client has sent. Returns its size, or -1 if there is none; the buffer holds 65,535 bytes.
EXPORT int32_t CALL StandinTake(session *session, uint8_t *buffer) {
    uint32_t size;
    uint8_t *sent = ring_take(session->out, &size);
    if (!sent) return -1;
    memcpy(buffer, sent, size);
    ring_release(session->out, sent);
    return (int32_t)size;
}

// From now on what is sent comes back at once.
EXPORT void CALL StandinLoopBack(session *session) { session->loopback = true; }

// What the driver does when somebody removes the adapter.
EXPORT void CALL StandinTerminate(session *session) { terminate(session); }

EXPORT void CALL StandinCorrupt(session *session) { ring_corrupt(session->in); }

// The session that runs on the adapter of this name, or NULL.
EXPORT session *CALL StandinSession(const wide *name) {
    lock_enter(&registry);
    adapter *found = find(name);
    session *session = found ? found->session : NULL;
    lock_leave(&registry);
    return session;
}
