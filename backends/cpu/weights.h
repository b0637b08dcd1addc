/*
 * What the layers of a segment share while their weights are taken in. Kernels with such weights
 * name `cpu_weights` in their row, and a build without them does without all of it.
 */
#ifndef BACKENDS_CPU_WEIGHTS_H
#define BACKENDS_CPU_WEIGHTS_H

#include "base/hash.h"
#include "runtime/backend.h"

struct cpu_weights {
    void *staging; /* memory for one weight at a time */
    size_t staging_bytes;
    struct base_slab *slab;  /* for packed weights; or NULL */
    struct prt_cache *cache; /* of packed weights; or NULL */
};

struct cpu_weights_class {
    void (*open)(struct cpu_weights *weights, const struct prt_compile *compile);
    void (*close)(struct cpu_weights *weights);
};

extern const struct cpu_weights_class cpu_weights;

/* Add to key which bytes of which file a constant that is not in memory yet consists of. False for
 * others. */
bool cpu_weights_identify(const struct prt_graph *graph, uint32_t value, struct base_hash *key);
/* A packed block that another model has or the cache, as if handed over by the caller; NULL when
 * there is none of that key and of the size that cpu_shared_alloc makes of count and size. The
 * cache may be NULL. */
void *cpu_weights_find(struct prt_cache *cache, const struct base_hash *key, size_t count,
                       size_t size, size_t *bytes);
/* Hand over a packed block, to be found by its key, unless that is NULL. Returns a block with the
 * same bytes, this or an earlier one. */
void *cpu_weights_keep(struct prt_cache *cache, const struct base_hash *key, void *block,
                       size_t bytes);

/* At least that much of the staging, 64-byte aligned; what was there is lost. NULL without memory.
 */
void *cpu_weights_stage(struct cpu_weights *weights, size_t bytes);

#endif
