/*
 * Loop nests over the elements of a tensor, with a stride for each operand.
 *
 * Broadcasting, slices, permutations and layouts are all strides; once dimensions that lie one
 * after the other in every operand are merged, the common cases are what they should be: operands
 * of one shape a single flat loop, a channel vector two loops, a scalar one loop with stride 0.
 */
#ifndef BACKENDS_CPU_NEST_H
#define BACKENDS_CPU_NEST_H

#include "base/thread_pool.h"
#include "runtime/tensor.h"

enum { CPU_NEST_OPERANDS = 4 };

struct cpu_nest {
    unsigned rank, operands;
    int64_t sizes[PRT_MAX_RANK]; /* outermost first */
    int64_t strides[CPU_NEST_OPERANDS][PRT_MAX_RANK];
    uint8_t axes[PRT_MAX_RANK]; /* while it is built: the logical dimension of each loop */
};

/* Loops over the elements of `shape`, in the order of its memory; no operands yet. */
void cpu_nest_init(struct cpu_nest *nest, const struct prt_tensor *shape);

/* Add an operand by its stride for each logical dimension of the shape. */
void cpu_nest_add(struct cpu_nest *nest, const int64_t strides[PRT_MAX_RANK]);

/* Add an operand that broadcasts to the shape (PyTorch's rule). */
void cpu_nest_add_tensor(struct cpu_nest *nest, const struct prt_tensor *tensor);

/* Drop and merge loops. Call once, after the last operand. Leaves at least one loop. */
void cpu_nest_finish(struct cpu_nest *nest);

/* The two innermost loops: operand o's element (r, i) is at offset[o] + r * row[o] + i * step[o].
 */
struct cpu_rows {
    size_t rows, count;
    int64_t offset[CPU_NEST_OPERANDS], row[CPU_NEST_OPERANDS], step[CPU_NEST_OPERANDS];
};

typedef void (*cpu_rows_fn)(const void *context, const struct cpu_rows *rows, unsigned worker);

/* Call fn for all elements, spread over the pool when there are many times `grain` of them. */
void cpu_nest_run(const struct cpu_nest *nest, size_t grain, struct base_pool *pool, cpu_rows_fn fn,
                  const void *context);

/* As base_pool_run, but on the caller's thread when the whole job is under `grain` units. */
void cpu_spread(struct base_pool *pool, size_t units, size_t grain, size_t tasks, base_pool_fn fn,
                void *context);

/* Elements (of about four bytes) that are worth waking a worker for. */
enum { CPU_GRAIN = 16384 };

#endif
