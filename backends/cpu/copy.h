/*
 * Moving elements without looking at them: any strides to any strides.
 */
#ifndef BACKENDS_CPU_COPY_H
#define BACKENDS_CPU_COPY_H

#include "backends/cpu/loops.h"
#include "backends/cpu/nest.h"

struct cpu_copy {
    struct prt_nest nest; /* operand 0: to, operand 1: from */
    const struct cpu_loops *loops;
    size_t size;      /* bytes an element: 1, 2, 4 or 8 */
    int64_t to, from; /* first elements */
};

/* Loops over `sizes` (of a tensor like y, in y's memory order) with these strides. */
void cpu_copy_init(struct cpu_copy *copy, const struct cpu_loops *loops, const struct prt_tensor *y,
                   const int32_t *sizes, const int64_t *to_strides, const int64_t *from_strides);

/* Does nothing when both are one place and the copy changes nothing. */
void cpu_copy_run(const struct cpu_copy *copy, void *to, const void *from, struct base_pool *pool);

#endif
