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

#include <stdatomic.h>

struct cpu_loops;
struct cpu_step;

/*
 * What only the data of a run can get wrong: an index outside of the tensor that it indexes, or a
 * size that is not the one that the graph was made for. A
 * kernel reports the first that it meets with cpu_fault_index, and must not use it.
 */
struct cpu_fault {
    atomic_int state; /* 0: none, 1: being filled, 2: filled. Written by any worker; the rest
                         belongs to the one that made it 1, and is read after the step, when all
                         have finished */
    const char *name; /* the node's; may be NULL */
    int64_t index, size;
    bool is_size; /* not an index: EXPECT found another size */
};

/* What a step may use while it runs; fields as those of struct prt_execution. */
struct cpu_run {
    void *const *data;
    void *scratch;
    struct base_pool *pool;
    struct cpu_fault *fault;
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

struct cpu_weights;
struct cpu_weights_class;

struct cpu_prepare {
    const struct prt_graph *graph;
    const struct prt_node *node;
    struct base_arena *arena;
    struct cpu_weights *weights;
    const struct cpu_loops *loops;
    unsigned threads; /* most workers that a run will have; at least 1 */
    struct percept_error *error;
};

struct cpu_kernel {
    bool (*supports)(const struct prt_graph *graph, const struct prt_node *node);
    /* Fills *step, whose inputs and output are set. Called only for a node that is supported. */
    enum percept_status (*prepare)(const struct cpu_prepare *prepare, struct cpu_step *step);
    /* Of kernels that pack weights: who sees to them, and to prepare's `weights`. */
    const struct cpu_weights_class *weights;
};

extern const struct cpu_kernel cpu_argmax, cpu_cumsum, cpu_range, cpu_expect;
extern const struct cpu_kernel cpu_round_rows, cpu_dynamic_linear;
extern const struct cpu_kernel cpu_conv2d, cpu_linear, cpu_matmul, cpu_binary, cpu_unary, cpu_prelu,
    cpu_where, cpu_pool2d, cpu_reduce, cpu_concat, cpu_slice, cpu_pad, cpu_permute, cpu_reshape,
    cpu_resize2d, cpu_softmax, cpu_convert, cpu_layout, cpu_quantize, cpu_dequantize, cpu_full,
    cpu_gather, cpu_scatter, cpu_argsort, cpu_conv3d, cpu_pool3d, cpu_grid_sample, cpu_distance,
    cpu_attention, cpu_embedding_bag, cpu_layer_norm;

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

static inline void cpu_fault_index(struct cpu_fault *fault, const char *name, int64_t index,
                                   int64_t size)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&fault->state, &none, 1))
        return;
    fault->name = name;
    fault->index = index;
    fault->size = size;
    atomic_store(&fault->state, 2);
}

/* Number `at` of I64 or, when not wide, of I32, read once: memory that is bound to an input may be
 * another process's, too, and what was checked has to be what is used. */
static inline int64_t cpu_read_index(const void *list, bool wide, int64_t at)
{
    return wide ? __atomic_load_n((const int64_t *)list + at, __ATOMIC_RELAXED)
                : __atomic_load_n((const int32_t *)list + at, __ATOMIC_RELAXED);
}

/* State of a step, zeroed; fills the error when there is no memory. */
void *cpu_prepare_alloc(const struct cpu_prepare *prepare, size_t size);

#endif
