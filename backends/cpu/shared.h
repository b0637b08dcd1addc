/*
 * Packed weights that several models of a process have in common exist once.
 *
 * Blocks are compared by what is in them, so it does not matter whether two models come from one
 * program, from one file, or from two files with the same layers. Thread-safe.
 */
#ifndef BACKENDS_CPU_SHARED_H
#define BACKENDS_CPU_SHARED_H

#include <stddef.h>

/* Zeroed, 64-byte aligned memory for a block; NULL when there is none, or count * size overflows.
 * *bytes is what the other functions take. */
void *cpu_shared_alloc(size_t count, size_t size, size_t *bytes);
/* Hand over a block that nobody will write to again. Returns a block with the same bytes, this or
 * an earlier one. */
void *cpu_shared_block(void *block, size_t bytes);
/* Also for a block that was not handed over. NULL is fine. */
void cpu_shared_release(void *block, size_t bytes);

#endif
