/* Waiting without a time limit for a lock, where there are no threads, is a deadlock: nobody can ever release it. This takes the place
 * of the C library's function, which aborts, and ends the program as one that waits for what never comes. */
#include <pthread.h>

__attribute__((import_module("harness"), import_name("block"))) void host_block(void);

int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex) {
    host_block();
    return 0;
}
