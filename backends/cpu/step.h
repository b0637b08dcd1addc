/*
 * How a node of the graph becomes a step of a segment. Private to the CPU backend.
 *
 * Each op has one row: `supports` is exact, `prepare` does everything that does not depend on the
 * data (choosing loops, packing weights, strides, tables), and `run` only computes.
 */
#ifndef BACKENDS_CPU_STEP_H
#define BACKENDS_CPU_STEP_H

#include "base/arena.h"
#include "runtime/backend.h"

struct cpu_loops;
struct cpu_step;

/* What a step may use while it runs; fields as those of struct prt_execution. */
struct cpu_run {
    void *const *data;
    void *scratch;
    struct base_pool *pool;
};

struct cpu_step {
    void (*run)(const struct cpu_step *step, const struct cpu_run *run);
    const char *kernel; /* for profiles; static text */
    const void *state;  /* of `run`; in the segment's arena */
    size_t scratch;     /* bytes that `run` needs */
    const uint32_t *inputs;
    uint32_t output;
    /* Frees what is not in the arena; NULL when there is nothing. */
    void (*destroy)(const void *state);
};

struct cpu_prepare {
    const struct prt_graph *graph;
    const struct prt_node *node;
    struct base_arena *arena;
    const struct cpu_loops *loops;
    unsigned threads; /* most workers that a run will have; at least 1 */
    struct percept_error *error;
};

struct cpu_kernel {
    bool (*supports)(const struct prt_graph *graph, const struct prt_node *node);
    /* Fills *step, whose inputs and output are set. Called only for a node that is supported. */
    enum percept_status (*prepare)(const struct cpu_prepare *prepare, struct cpu_step *step);
};

extern const struct cpu_kernel cpu_conv2d, cpu_linear, cpu_matmul, cpu_binary, cpu_unary, cpu_prelu,
    cpu_where, cpu_pool2d, cpu_reduce, cpu_concat, cpu_slice, cpu_pad, cpu_permute, cpu_reshape,
    cpu_resize2d, cpu_softmax, cpu_convert, cpu_layout, cpu_quantize, cpu_dequantize, cpu_full;

/* The tensor of operand `index`, NULL when it is absent or a scalar. */
static inline const struct prt_tensor *cpu_operand(const struct prt_graph *graph,
                                                   const struct prt_node *node, unsigned index)
{
    if (index >= node->input_count || node->inputs[index] == PRT_NO_VALUE)
        return NULL;
    const struct prt_value *value = &graph->values[node->inputs[index]];
    return value->kind == PRT_VALUE_TENSOR ? &value->tensor : NULL;
}

static inline const struct prt_tensor *cpu_result(const struct prt_graph *graph,
                                                  const struct prt_node *node)
{
    return &graph->values[node->outputs[0]].tensor;
}

/* State of a step, zeroed; fills the error when there is no memory. */
void *cpu_prepare_alloc(const struct cpu_prepare *prepare, size_t size);

#endif
