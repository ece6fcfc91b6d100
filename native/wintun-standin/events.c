// Windows' auto-reset events for the shared object: CreateEventW, SetEvent, CloseHandle and WaitForMultipleObjects, as far as a user of
// Wintun needs them. One lock and one condition serve all events: nobody but tests waits here.
#ifndef _WIN32

#include "platform.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct event {
    atomic_bool signaled;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// A wait must not be shortened or prolonged by somebody who sets the clock.
static void use_monotonic_clock(void) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
}

event_t event_create(void) {
    pthread_once(&once, use_monotonic_clock);
    return calloc(1, sizeof(struct event));
}

void event_set(event_t event) {
    if (atomic_exchange(&event->signaled, true)) return;
    pthread_mutex_lock(&gate);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&gate);
}

void event_wait(event_t event) {
    pthread_mutex_lock(&gate);
    while (!atomic_exchange(&event->signaled, false)) pthread_cond_wait(&changed, &gate);
    pthread_mutex_unlock(&gate);
}

void event_close(event_t event) { free(event); }

EXPORT event_t CreateEventW(void *security, int manual, int initial, const wide *name) {
    (void)security;
    if (manual || name) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return NULL;
    }
    event_t event = event_create();
    if (event) event->signaled = initial != 0;
    return event;
}

EXPORT int SetEvent(event_t event) {
    event_set(event);
    return 1;
}

EXPORT int CloseHandle(event_t event) {
    event_close(event);
    return 1;
}

EXPORT uint32_t WaitForMultipleObjects(uint32_t count, const event_t *events, int all, uint32_t milliseconds) {
    const uint32_t forever = 0xffffffff, timeout = 258, failed = 0xffffffff;
    if (all) {
        last_error(ERROR_OF_INVALID_PARAMETER);
        return failed;
    }
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    uint32_t result = timeout;
    pthread_mutex_lock(&gate);
    for (bool over = false;;) {
        for (uint32_t i = 0; i < count && result == timeout; i++) {
            if (atomic_exchange(&events[i]->signaled, false)) result = i;
        }
        if (result != timeout || over) break;
        if (milliseconds == forever) pthread_cond_wait(&changed, &gate);
        else over = milliseconds == 0 || pthread_cond_timedwait(&changed, &gate, &end) == ETIMEDOUT;
    }
    pthread_mutex_unlock(&gate);
    return result;
}

#endif
