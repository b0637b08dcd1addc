/* Kernels for the ops of plain integers (runtime/graph_integer.h). */
#ifndef BACKENDS_CPU_INTEGER_H
#define BACKENDS_CPU_INTEGER_H

#include "backends/cpu/step.h"

/* Always: the graph's rules leave only what is here. */
bool cpu_integer_supports(const struct prt_graph *graph, const struct prt_node *node);

extern const struct cpu_kernel cpu_rescale, cpu_table, cpu_integer_conv, cpu_integer_matmul,
    cpu_integer_pool, cpu_scaled_resize;

#endif
