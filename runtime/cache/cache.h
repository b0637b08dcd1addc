/*
 * What making a model found out, on disk: one that was made once is made again without import,
 * passes and packing, and processes that have it share its pages.
 *
 * A folder has one file for each program, list of backends with the code that they take here, and
 * build; its name is a hash of them, so what another build made is never found. It is written
 * beside its place and renamed, so there is all of it or none. A file that is not ours alone, not
 * whole or not as its seal says is left alone, and written again. Its blocks are packed weights,
 * numbers to kernels and nothing else, and graphs (graph_image.h), which say what runs: who may
 * write to the folder has a say in what the process does, so that must be the user only.
 *
 * One thread uses a cache; several caches of one folder may be used at once, in any processes.
 */
#ifndef RUNTIME_CACHE_CACHE_H
#define RUNTIME_CACHE_CACHE_H

#include "base/hash.h"
#include "runtime/backend.h"

#include <stdbool.h>

struct prt_cache;

/* What the folder has for the program, made if need be. NULL when it cannot be used, when one of
 * the program's files is none that can be told again, or a backend keeps nothing: then all that
 * takes a cache takes NULL. */
struct prt_cache *prt_cache_open(const char *folder, const struct prt_program *program,
                                 const struct prt_backend *const *backends);

/* Is anything there? */
bool prt_cache_is_filled(const struct prt_cache *cache);
/* A block as it was kept, a piece of a slab to be given back; NULL when there is none of that key.
 * *bytes is its size; when it is not 0 before, only a block of that size will do. */
void *prt_cache_find(struct prt_cache *cache, const struct base_hash *key, size_t *bytes);
/* Keep a block, which stays as it is until the cache is closed. */
void prt_cache_keep(struct prt_cache *cache, const struct base_hash *key, const void *block,
                    size_t bytes);

/* The same for malloc'ed memory, which the cache frees. */
void prt_cache_keep_own(struct prt_cache *cache, const struct base_hash *key, void *block,
                        size_t bytes);

/* Write what is to be kept and was not there, if that exists still. NULL is fine. */
void prt_cache_close(struct prt_cache *cache, bool exists);

#endif
