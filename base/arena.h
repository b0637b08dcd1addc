/*
 * A bump allocator for many small things with one lifetime: the nodes of a graph, the nodes of a
 * parsed configuration. Freed all at once. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct base_arena_block;

/* Zero-initialise to make an empty arena. limit 0 means no limit. */
struct base_arena {
    struct base_arena_block *blocks;
    size_t total; /* bytes taken from malloc so far */
    size_t limit; /* allocation fails when total would pass it */
};

/* Zeroed memory, aligned for any type; NULL when out of memory, past the limit, or on overflow.
 * size 0 is fine. */
void *base_arena_alloc(struct base_arena *arena, size_t size);

/* The same for count elements of size bytes each, overflow checked. */
void *base_arena_array(struct base_arena *arena, size_t count, size_t size);

void *base_arena_copy(struct base_arena *arena, const void *data, size_t size);
char *base_arena_strndup(struct base_arena *arena, const char *text, size_t length);

/* Free all; the arena is empty and usable again. */
void base_arena_reset(struct base_arena *arena);

#endif
