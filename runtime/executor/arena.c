/*
 * Why: models that never run at once need the largest one's memory, not the sum. Their tensors'
 * addresses are fixed when they are made, so the arena may grow but not move: it has addresses for
 * the most that a model may need from the start, and memory for what its models need.
 *
 * A backend's memory cannot grow where it lies. Of that the arena has blocks, and a model takes the
 * smallest that it fits in; a new one is at least twice the largest, so that all of them together
 * are less than twice the last.
 */
#include "runtime/executor/arena.h"

#include "base/checked.h"
#include "base/pages.h"
#include "runtime/prt.h"
#include "runtime/yield.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Twice the activations that a plan may have: scratch lies behind them. */
#define MOST_BYTES ((size_t)8 << 30)

/* Memory of a backend. */
struct block {
    struct block *next;
    const struct prt_backend *owner;
    void *memory;
    size_t bytes;
};

struct prt_arena {
    void *reserved;
    unsigned char *memory; /* the first huge page in it */
    pthread_mutex_t lock;
    size_t bytes;         /* usable so far; under the lock */
    struct block *blocks; /* likewise */
    bool is_taken;        /* by a run: of the one thread that runs its models */
};

enum percept_status prt_arena_create(struct prt_arena **arena, struct percept_error *error)
{
    struct prt_arena *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for an arena");
    made->reserved = mmap(NULL, MOST_BYTES + BASE_HUGE_PAGE, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->reserved == MAP_FAILED) {
        free(made);
        return percept_fail(error, PERCEPT_NO_MEMORY, "no addresses for an arena");
    }
    made->memory = (unsigned char *)made->reserved +
                   (BASE_HUGE_PAGE - (uintptr_t)made->reserved % BASE_HUGE_PAGE) % BASE_HUGE_PAGE;
    pthread_mutex_init(&made->lock, NULL);
    *arena = made;
    return PERCEPT_OK;
}

void prt_arena_destroy(struct prt_arena *arena)
{
    if (!arena)
        return;
    for (struct block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        block->owner->memory_destroy(block->memory, block->bytes);
        free(block);
    }
    munmap(arena->reserved, MOST_BYTES + BASE_HUGE_PAGE);
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

size_t prt_arena_bytes(const struct prt_arena *arena)
{
    struct prt_arena *locked = (struct prt_arena *)(uintptr_t)arena;
    pthread_mutex_lock(&locked->lock);
    size_t bytes = arena->bytes;
    for (const struct block *block = arena->blocks; block; block = block->next)
        bytes += block->bytes;
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
    if (more >= BASE_HUGE_PAGE)
        (void)madvise(from, more / BASE_HUGE_PAGE * BASE_HUGE_PAGE, MADV_HUGEPAGE); /* a wish */
    /* Takes the page faults before the first run. */
    if (PRT_ONE_BACKEND)
        memset(from, 0, more);
    else
        base_pages_touch(from, 0, more);
    arena->bytes = bytes;
    return true;
}

/* Under the lock, but for pauses: a page at a time, which takes long enough. */
static bool grow_to(struct prt_arena *arena, size_t bytes)
{
    if (PRT_ONE_BACKEND)
        return bytes <= arena->bytes || grow(arena, bytes);
    while (arena->bytes < bytes) {
        size_t end = (arena->bytes / BASE_HUGE_PAGE + 1) * BASE_HUGE_PAGE;
        if (!grow(arena, end < bytes ? end : bytes))
            return false;
        pthread_mutex_unlock(&arena->lock);
        prt_yield_plan();
        pthread_mutex_lock(&arena->lock);
    }
    return true;
}

/* Under the lock. The owner's smallest block with that many bytes, a new one if there is none. */
static void *find_block(struct prt_arena *arena, const struct prt_backend *owner, size_t bytes)
{
    const struct block *best = NULL;
    size_t largest = 0;
    for (const struct block *block = arena->blocks; block; block = block->next) {
        if (block->owner != owner)
            continue;
        largest = block->bytes > largest ? block->bytes : largest;
        if (block->bytes >= bytes && (!best || block->bytes < best->bytes))
            best = block;
    }
    if (best)
        return best->memory;
    struct block *made = malloc(sizeof *made);
    if (!made)
        return NULL;
    bytes = bytes < 2 * largest ? 2 * largest : bytes;
    *made = (struct block){arena->blocks, owner, owner->memory_create(bytes), bytes};
    if (!made->memory) {
        free(made);
        return NULL;
    }
    arena->blocks = made;
    return made->memory;
}

void *prt_arena_need(struct prt_arena *arena, const struct prt_backend *owner, size_t bytes)
{
    enum { PAGE = 65536 }; /* the largest that Linux has on our processors */
    if (!base_align_size(bytes, PAGE, &bytes) || bytes > MOST_BYTES)
        return NULL;
    pthread_mutex_lock(&arena->lock);
    void *memory = !PRT_ONE_BACKEND && owner ? find_block(arena, owner, bytes)
                   : grow_to(arena, bytes)   ? arena->memory
                                             : NULL;
    pthread_mutex_unlock(&arena->lock);
    return memory;
}

void prt_arena_set_taken(struct prt_arena *arena, bool is_taken)
{
    arena->is_taken = is_taken;
}

bool prt_arena_is_taken(const struct prt_arena *arena)
{
    return arena->is_taken;
}
