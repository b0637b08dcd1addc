/*
 * Why: models that never run at once need the largest one's memory, not the sum. Their tensors'
 * addresses are fixed when they are made, so the arena may grow but not move: it has addresses for
 * the most that a model may need from the start, and memory for what its models need.
 */
#include "runtime/executor/arena.h"

#include "base/checked.h"
#include "runtime/prt.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
/* Twice the activations that a plan may have: scratch lies behind them. */
#define MOST_BYTES ((size_t)8 << 30)

struct prt_arena {
    void *reserved;
    unsigned char *memory; /* the first huge page in it */
    pthread_mutex_t lock;
    size_t bytes;  /* usable so far; under the lock */
    bool is_taken; /* by a run: of the one thread that runs its models */
};

enum percept_status prt_arena_create(struct prt_arena **arena, struct percept_error *error)
{
    struct prt_arena *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for an arena");
    made->reserved = mmap(NULL, MOST_BYTES + HUGE_PAGE, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->reserved == MAP_FAILED) {
        free(made);
        return percept_fail(error, PERCEPT_NO_MEMORY, "no addresses for an arena");
    }
    made->memory = (unsigned char *)made->reserved +
                   (HUGE_PAGE - (uintptr_t)made->reserved % HUGE_PAGE) % HUGE_PAGE;
    pthread_mutex_init(&made->lock, NULL);
    *arena = made;
    return PERCEPT_OK;
}

void prt_arena_destroy(struct prt_arena *arena)
{
    if (!arena)
        return;
    munmap(arena->reserved, MOST_BYTES + HUGE_PAGE);
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

size_t prt_arena_bytes(const struct prt_arena *arena)
{
    struct prt_arena *locked = (struct prt_arena *)(uintptr_t)arena;
    pthread_mutex_lock(&locked->lock);
    size_t bytes = arena->bytes;
    pthread_mutex_unlock(&locked->lock);
    return bytes;
}

/* Under the lock. What models have already is left alone: one may be running. */
static bool grow(struct prt_arena *arena, size_t bytes)
{
    unsigned char *from = arena->memory + arena->bytes;
    size_t more = bytes - arena->bytes;
    if (mprotect(from, more, PROT_READ | PROT_WRITE) != 0)
        return false;
    if (more >= HUGE_PAGE)
        (void)madvise(from, more / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish */
    memset(from, 0, more); /* takes the page faults before the first run */
    arena->bytes = bytes;
    return true;
}

void *prt_arena_need(struct prt_arena *arena, size_t bytes)
{
    enum { PAGE = 65536 }; /* the largest that Linux has on our processors */
    if (!base_align_size(bytes, PAGE, &bytes) || bytes > MOST_BYTES)
        return NULL;
    pthread_mutex_lock(&arena->lock);
    bool enough = bytes <= arena->bytes || grow(arena, bytes);
    pthread_mutex_unlock(&arena->lock);
    return enough ? arena->memory : NULL;
}

void prt_arena_set_taken(struct prt_arena *arena, bool is_taken)
{
    arena->is_taken = is_taken;
}

bool prt_arena_is_taken(const struct prt_arena *arena)
{
    return arena->is_taken;
}
