/* Waiting for a lock where there are no threads: these take the place of the C library's functions, which abort. A wait with a
 * time-out sleeps on the virtual clock; one without is a deadlock, since nobody can ever release the lock, and ends the program. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#define IMPORT(name) __attribute__((import_module("harness"), import_name(name)))

IMPORT("block") void host_block(void);
IMPORT("sleep") void host_sleep(uint64_t nanoseconds);

int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex) {
    host_block();
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    struct timespec now; /* all clocks of the sandbox are one */
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = (int64_t)(until->tv_sec - now.tv_sec) * 1000000000 + (until->tv_nsec - now.tv_nsec);
    if (left > 0) host_sleep((uint64_t)left);
    return ETIMEDOUT;
}
