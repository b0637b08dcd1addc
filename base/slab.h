/*
 * Memory for the packed weights of one model: cut from one piece, on huge pages as far as they are
 * filled, so that it takes a few page faults rather than thousands. Memory goes back to the system
 * when all that was cut from a slab was given back. Thread-safe, but for cutting from one slab.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>

struct base_slab;

/* Room for about that much; nothing is taken from the system yet. NULL without memory: then what
 * takes one takes NULL. */
struct base_slab *base_slab_create(size_t bytes);
/* Nothing more will be cut. NULL is fine. */
void base_slab_close(struct base_slab *slab);

/* Zeroed and 64-byte aligned; NULL when there is no room. */
void *base_slab_cut(struct base_slab *slab, size_t bytes);
/* A slab of memory that is mapped and full; unmapped when it is closed and all pieces are back. */
struct base_slab *base_slab_adopt(void *memory, size_t bytes);
/* Some part of it is a piece from now on. */
void base_slab_hold(struct base_slab *slab);

/* Give a piece of any slab back; false when it is of none. The last that was cut can be cut again.
 */
bool base_slab_return(void *piece, size_t bytes);

#endif
