/*
 * Loop nests over the elements of a tensor, with a stride for each operand.
 *
 * Broadcasting, slices, permutations and layouts are all strides; once dimensions that lie one
 * after the other in every operand are merged, the common cases are what they should be: operands
 * of one shape a single flat loop, a channel vector two loops, a scalar one loop with stride 0.
 * Backends run nests in their own ways.
 */
#ifndef RUNTIME_NEST_H
#define RUNTIME_NEST_H

#include "runtime/tensor.h"

enum { PRT_NEST_OPERANDS = 4 };

struct prt_nest {
    unsigned rank, operands;
    int64_t sizes[PRT_MAX_RANK]; /* outermost first */
    int64_t strides[PRT_NEST_OPERANDS][PRT_MAX_RANK];
    uint8_t axes[PRT_MAX_RANK]; /* while it is built: the logical dimension of each loop */
};

/* Loops over the elements of `shape`, in the order of its memory; no operands yet. */
void prt_nest_init(struct prt_nest *nest, const struct prt_tensor *shape);

/* Add an operand by its stride for each logical dimension of the shape. */
void prt_nest_add(struct prt_nest *nest, const int64_t strides[PRT_MAX_RANK]);

/* Add an operand that broadcasts to the shape (PyTorch's rule). */
void prt_nest_add_tensor(struct prt_nest *nest, const struct prt_tensor *tensor);

/* Drop and merge loops. Call once, after the last operand. Leaves at least one loop. */
void prt_nest_finish(struct prt_nest *nest);

#endif
