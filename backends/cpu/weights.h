/*
 * What the layers of a segment share while their weights are taken in. Kernels with such weights
 * name `cpu_weights` in their row, and a build without them does without all of it.
 */
#ifndef BACKENDS_CPU_WEIGHTS_H
#define BACKENDS_CPU_WEIGHTS_H

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

/* At least that much of the staging, 64-byte aligned; what was there is lost. NULL without memory.
 */
void *cpu_weights_stage(struct cpu_weights *weights, size_t bytes);

#endif
