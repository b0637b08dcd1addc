/*
 * Packed weights on disk: a model that was made once is made again without packing, and processes
 * that have it share its pages.
 *
 * A folder has one file for each model file, instruction set and build; its name is a hash of them,
 * so what another build packed is never found. It is written beside its place and renamed, so there
 * is all of it or none. A file that is not ours alone, not whole or not as its seal says is left
 * alone, and written again. Its bytes are numbers to kernels and nothing else; still, who may write
 * to the folder can change results, so that must be the user only.
 *
 * One thread uses a cache; several caches of one folder may be used at once, in any processes.
 */
#ifndef BACKENDS_CPU_CACHE_H
#define BACKENDS_CPU_CACHE_H

#include "base/hash.h"
#include "runtime/deferred.h"

struct cpu_cache;

/* What the folder has for the model file, made if need be. NULL when it cannot be used: then all
 * that takes a cache takes NULL. */
struct cpu_cache *cpu_cache_open(const char *folder, const struct prt_identity *file);

/* Is anything there? */
bool cpu_cache_is_filled(const struct cpu_cache *cache);
/* A block as it was kept, for cpu_shared_release; NULL when there is none of that key and size. */
void *cpu_cache_find(struct cpu_cache *cache, const struct base_hash *key, size_t bytes);
/* Keep a block, which stays as it is until the cache is closed. */
void cpu_cache_keep(struct cpu_cache *cache, const struct base_hash *key, const void *block,
                    size_t bytes);

/* Write what is to be kept and was not there. NULL is fine. */
void cpu_cache_close(struct cpu_cache *cache);

#endif
