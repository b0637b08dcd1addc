/* Loop nests (runtime/nest.h) on the CPU: spread over threads, two loops at a time. */
#ifndef BACKENDS_CPU_NEST_H
#define BACKENDS_CPU_NEST_H

#include "base/thread_pool.h"
#include "runtime/nest.h"

/* The two innermost loops: operand o's element (r, i) is at offset[o] + r * row[o] + i * step[o].
 */
struct cpu_rows {
    size_t rows, count;
    int64_t offset[PRT_NEST_OPERANDS], row[PRT_NEST_OPERANDS], step[PRT_NEST_OPERANDS];
};

typedef void (*cpu_rows_fn)(const void *context, const struct cpu_rows *rows, unsigned worker);

/* Call fn for all elements, spread over the pool when there are many times `grain` of them. */
void cpu_nest_run(const struct prt_nest *nest, size_t grain, struct base_pool *pool, cpu_rows_fn fn,
                  const void *context);

/* As base_pool_run, but on the caller's thread when the whole job is under `grain` units. */
void cpu_spread(struct base_pool *pool, size_t units, size_t grain, size_t tasks, base_pool_fn fn,
                void *context);

/* Elements (of about four bytes) that are worth waking a worker for. */
enum { CPU_GRAIN = 16384 };

#endif
