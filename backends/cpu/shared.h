/*
 * Packed weights that several models of a process have in common exist once.
 *
 * Blocks are compared by what is in them, so it does not matter whether two models come from one
 * program, from one file, or from two files with the same layers. What a block is made of may have
 * a key: then the next one need not even be made. Thread-safe.
 */
#ifndef BACKENDS_CPU_SHARED_H
#define BACKENDS_CPU_SHARED_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct base_slab;

/* Zeroed, 64-byte aligned memory for a block, in the slab if it has room (NULL: there is none);
 * NULL when there is none, or count * size overflows. *bytes is what the other functions take. */
void *cpu_shared_alloc(struct base_slab *slab, size_t count, size_t size, size_t *bytes);
/* *bytes of a block for count * size; false when that overflows. */
bool cpu_shared_bytes(size_t count, size_t size, size_t *bytes);
/* Hand over a block that nobody will write to again. Returns a block with the same bytes, this or
 * an earlier one. */
void *cpu_shared_block(void *block, size_t bytes);
/* The same, and let it be found by its key from now on. */
void *cpu_shared_keyed(void *block, size_t bytes, const struct base_hash *key);
/* The block with that key and the size that cpu_shared_alloc makes of count and size, as if handed
 * over by the caller; NULL when there is none. */
void *cpu_shared_find(const struct base_hash *key, size_t count, size_t size, size_t *bytes);
/* Also for a block that was not handed over. NULL is fine. */
void cpu_shared_release(void *block, size_t bytes);

#endif
