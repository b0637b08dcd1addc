/*
 * Counts what threads allocate while they are watched: the linker sends every call of ours through
 * these (-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc). For the one source
 * file of a test that includes it.
 */
#ifndef TESTS_PIPELINES_ALLOCATIONS_H
#define TESTS_PIPELINES_ALLOCATIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static _Thread_local volatile bool watched; /* this thread is */
static atomic_uint allocations;

#define WATCH(result, name, parameters, arguments) \
    result __real_##name parameters;               \
    result __wrap_##name parameters;               \
    result __wrap_##name parameters                \
    {                                              \
        if (watched)                               \
            atomic_fetch_add(&allocations, 1);     \
        return __real_##name arguments;            \
    }

WATCH(void *, malloc, (size_t size), (size))
WATCH(void *, calloc, (size_t count, size_t size), (count, size))
WATCH(void *, realloc, (void *memory, size_t size), (memory, size))
WATCH(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))

#endif
