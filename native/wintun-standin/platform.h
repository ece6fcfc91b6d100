// What the stand-in needs of the operating system, once for Windows and once for the rest: locks, events, threads, sockets, last error.
// Off Windows the few event functions of kernel32 that a user of Wintun calls are exported too, so that the same client runs there.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ERROR_OF_FILE_NOT_FOUND = 2,
    ERROR_OF_NO_MEMORY = 8,
    ERROR_OF_INVALID_DATA = 13,
    ERROR_OF_HANDLE_EOF = 38,
    ERROR_OF_INVALID_PARAMETER = 87,
    ERROR_OF_BUFFER_OVERFLOW = 111,
    ERROR_OF_ALREADY_EXISTS = 183,
    ERROR_OF_NO_MORE_ITEMS = 259,
    ERROR_OF_NOT_FOUND = 1168,
    ERROR_OF_ALREADY_INITIALIZED = 1247,
    ERROR_OF_INF_IN_USE_BY_DEVICES = (int)0xe000023d,
};

#ifdef _WIN32

#include <winsock2.h>
#include <windows.h>

#define EXPORT __declspec(dllexport)
#define CALL WINAPI

typedef WCHAR wide;
typedef HANDLE event_t;
typedef SOCKET socket_t;
typedef HANDLE thread_t;
#define THREAD_RESULT DWORD WINAPI

static inline void thread_yield(void) { SwitchToThread(); }
static inline event_t event_create(void) { return CreateEventW(NULL, FALSE, FALSE, NULL); }
static inline void event_set(event_t event) { SetEvent(event); }
static inline void event_wait(event_t event) { WaitForSingleObject(event, INFINITE); }
static inline void event_close(event_t event) { CloseHandle(event); }
static inline bool thread_start(thread_t *thread, LPTHREAD_START_ROUTINE body, void *argument) {
    *thread = CreateThread(NULL, 0, body, argument, 0, NULL);
    return *thread != NULL;
}
static inline void thread_join(thread_t thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
static inline uint64_t file_time(void) {
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    return (uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime;
}
static inline void last_error(uint32_t error) { SetLastError(error); }
static inline void socket_close(socket_t socket) { closesocket(socket); }
#define NO_SOCKET INVALID_SOCKET

#else

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define CALL

typedef uint16_t wide;
typedef struct event *event_t;
typedef int socket_t;
typedef pthread_t thread_t;
#define THREAD_RESULT void *

static inline void thread_yield(void) { sched_yield(); }
event_t event_create(void);
void event_set(event_t event);
void event_wait(event_t event);
void event_close(event_t event);
static inline bool thread_start(thread_t *thread, void *(*body)(void *), void *argument) {
    return pthread_create(thread, NULL, body, argument) == 0;
}
static inline void thread_join(thread_t thread) { pthread_join(thread, NULL); }
// As Windows counts it: in 100 ns since 1601-01-01 UTC.
static inline uint64_t file_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec + 11644473600u) * 10000000u + (uint64_t)now.tv_nsec / 100u;
}
static inline void last_error(uint32_t error) { errno = (int)error; }
static inline void socket_close(socket_t socket) { close(socket); }
#define NO_SOCKET (-1)

#endif

// Held for a few dozen instructions at most, so a short spin nearly always gets it; who does not, lets others go first.
typedef struct {
    atomic_flag taken;
} lock_t;
#define LOCK_INIT {ATOMIC_FLAG_INIT}

static inline void lock_init(lock_t *lock) { atomic_flag_clear(&lock->taken); }
static inline void lock_enter(lock_t *lock) {
    for (int spins = 0; atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire); spins++) {
        if (spins > 100) thread_yield();
    }
}
static inline void lock_leave(lock_t *lock) { atomic_flag_clear_explicit(&lock->taken, memory_order_release); }
