/* The C allocator: Doug Lea's malloc (malloc.c of the cpython-wasi build), with a count of what is held, so that a verdict can say
 * how much memory a program took. The number is the same on every machine, where counts of pages depend on the kernel.
 *
 * zig's own malloc fails when the memory cannot grow, and this memory never grows: it is mapped at its full size, where untouched
 * pages cost nothing. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HAVE_MMAP 0
#define MORECORE_CANNOT_TRIM 1
#define ABORT __builtin_unreachable()
#define LACKS_TIME_H 1
#define LACKS_ERRNO_H 1
#define NO_MALLINFO 1
#define NO_MALLOC_STATS 1
#define MALLOC_ALIGNMENT 16
/* Its functions keep the prefix dl and are local: compilers assume things of functions called malloc. */
#define USE_DL_PREFIX 1
#define DLMALLOC_EXPORT static inline
static size_t dlmalloc_usable_size(void *);
#include "malloc.c"

#define EXPORT(name) __attribute__((export_name(name), visibility("default")))

static int64_t held, peak;

EXPORT("harness_peak") int64_t *harness_peak(void) { return &peak; }

void memory_baseline(void) { held = peak = 0; }

/* Takes every free chunk but the last, the rest of the heap, which it clears: a few hundred kilobytes. What a program allocates then
 * lies side by side, and not in the gaps of many old pages, every one of which it costs a copy to write to. */
void fill_gaps(void) {
    for (size_t size = 1 << 20; size; size -= size > 1 << 16 ? 4096 : 16)
        for (;;) {
            char *rest = (char *)gm->top, *p = dlmalloc(size);
            if (!p) return;
            if (p >= rest) {
                dlfree(p);
                break;
            }
        }
    memset(chunk2mem(gm->top), 0, gm->topsize - TWO_SIZE_T_SIZES);
}

static void *counted(void *p) {
    if (p) {
        held += dlmalloc_usable_size(p);
        if (held > peak) peak = held;
    }
    return p;
}

void *malloc(size_t n) { return counted(dlmalloc(n)); }
void *calloc(size_t n, size_t size) { return counted(dlcalloc(n, size)); }
void *aligned_alloc(size_t alignment, size_t n) { return counted(dlmemalign(alignment, n)); }

void free(void *p) {
    if (p) held -= dlmalloc_usable_size(p);
    dlfree(p);
}

void *realloc(void *p, size_t n) {
    size_t before = p ? dlmalloc_usable_size(p) : 0;
    void *q = dlrealloc(p, n);
    if (q) held -= before;
    return counted(q);
}

int posix_memalign(void **p, size_t alignment, size_t n) {
    int failed = dlposix_memalign(p, alignment, n);
    if (!failed) counted(*p);
    return failed;
}

size_t malloc_usable_size(void *p) { return dlmalloc_usable_size(p); }

/* musl's own names for them. */
void *__libc_malloc(size_t) __attribute__((alias("malloc")));
void __libc_free(void *) __attribute__((alias("free")));
void *__libc_calloc(size_t n, size_t size) __attribute__((alias("calloc")));

/* Makes so many bytes of the heap unavailable, so that a program gets less memory than the sandbox has. They are never touched. */
EXPORT("harness_withhold") int harness_withhold(int bytes) { return dlmalloc((size_t)(uint32_t)bytes) ? 0 : 1; }
