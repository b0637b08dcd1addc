/* Why: the table of what the CPU can run, and the walk that turns nodes into steps. */
#include "backends/cpu/cpu.h"

#include "backends/cpu/integer.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/loops.h"
#include "backends/cpu/step.h"
#include "backends/cpu/weights.h"
#include "base/clock.h"
#include "runtime/yield.h"

#include <stdlib.h>

static const struct cpu_kernel *const kernels[PRT_OP_COUNT] = {
    [PRT_OP_CONV2D] = &cpu_conv2d,
    [PRT_OP_LINEAR] = &cpu_linear,
    [PRT_OP_MATMUL] = &cpu_matmul,
    [PRT_OP_BINARY] = &cpu_binary,
    [PRT_OP_UNARY] = &cpu_unary,
    [PRT_OP_PRELU] = &cpu_prelu,
    [PRT_OP_WHERE] = &cpu_where,
    [PRT_OP_POOL2D] = &cpu_pool2d,
    [PRT_OP_REDUCE] = &cpu_reduce,
    [PRT_OP_CONCAT] = &cpu_concat,
    [PRT_OP_SLICE] = &cpu_slice,
    [PRT_OP_PAD] = &cpu_pad,
    [PRT_OP_PERMUTE] = &cpu_permute,
    [PRT_OP_RESHAPE] = &cpu_reshape,
    [PRT_OP_RESIZE2D] = &cpu_resize2d,
    [PRT_OP_SOFTMAX] = &cpu_softmax,
    [PRT_OP_LAYER_NORM] = &cpu_layer_norm,
    [PRT_OP_CONVERT] = &cpu_convert,
    [PRT_OP_LAYOUT] = &cpu_layout,
    [PRT_OP_QUANTIZE] = &cpu_quantize,
    [PRT_OP_DEQUANTIZE] = &cpu_dequantize,
    [PRT_OP_FULL] = &cpu_full,
    [PRT_OP_ATTENTION] = &cpu_attention,
    [PRT_OP_GATHER] = &cpu_gather,
    [PRT_OP_SCATTER] = &cpu_scatter,
    [PRT_OP_ARGSORT] = &cpu_argsort,
    [PRT_OP_CONV3D] = &cpu_conv3d,
    [PRT_OP_POOL3D] = &cpu_pool3d,
    [PRT_OP_GRID_SAMPLE] = &cpu_grid_sample,
    [PRT_OP_DISTANCE] = &cpu_distance,
    [PRT_OP_RANGE] = &cpu_range,
    [PRT_OP_EXPECT] = &cpu_expect,
    [PRT_OP_ARGMAX] = &cpu_argmax,
    [PRT_OP_CUMSUM] = &cpu_cumsum,
    [PRT_OP_EMBEDDING_BAG] = &cpu_embedding_bag,
    [PRT_OP_ROUND_ROWS] = &cpu_round_rows,
    [PRT_OP_DYNAMIC_LINEAR] = &cpu_dynamic_linear,
    [PRT_OP_CODES] = &cpu_layout,
    [PRT_OP_RESCALE] = &cpu_rescale,
    [PRT_OP_TABLE] = &cpu_table,
    [PRT_OP_INTEGER_CONV] = &cpu_integer_conv,
    [PRT_OP_INTEGER_MATMUL] = &cpu_integer_matmul,
    [PRT_OP_INTEGER_POOL] = &cpu_integer_pool,
    [PRT_OP_SCALED_RESIZE] = &cpu_scaled_resize,
};

struct prt_segment {
    struct base_arena arena;
    struct cpu_step *steps;
    uint32_t count;
    size_t scratch;
};

void *cpu_prepare_alloc(const struct cpu_prepare *prepare, size_t size)
{
    void *memory = base_arena_alloc(prepare->arena, size);
    if (!memory)
        percept_fail(prepare->error, PERCEPT_NO_MEMORY, "cpu: no memory to prepare %s",
                     prt_op_name(prepare->node->op));
    return memory;
}

static const char *absent(void)
{
    return NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return (unsigned)node->op < PRT_OP_COUNT && kernels[node->op] &&
           kernels[node->op]->supports(graph, node);
}

static const struct prt_tensor *first_operand(const struct prt_graph *graph,
                                              const struct prt_node *node)
{
    unsigned i = 0;
    while (i < node->input_count && !cpu_operand(graph, node, i))
        i++;
    return cpu_operand(graph, node, i);
}

static const char *describe(const struct prt_tensor *tensor, char *text, size_t size)
{
    return tensor ? prt_tensor_describe(tensor, text, size) : "no tensor";
}

static enum percept_status refuse(const struct prt_graph *graph, const struct prt_node *node,
                                  struct percept_error *error)
{
    char x[160], y[160];
    return percept_fail(error, PERCEPT_UNSUPPORTED, "cpu: cannot run %s (%s) from %s to %s",
                        prt_op_name(node->op), node->name ? node->name : "unnamed",
                        describe(first_operand(graph, node), x, sizeof x),
                        describe(cpu_result(graph, node), y, sizeof y));
}

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    for (uint32_t i = 0; i < segment->count; i++)
        if (segment->steps[i].destroy)
            segment->steps[i].destroy(segment->steps[i].state);
    base_arena_reset(&segment->arena);
    free(segment);
}

static enum percept_status prepare_step(const struct prt_compile *compile, uint32_t index,
                                        struct cpu_weights *weights, struct prt_segment *segment,
                                        struct percept_error *error)
{
    const struct prt_node *node = &compile->graph->nodes[compile->nodes[index]];
    if (!supports(compile->graph, node))
        return refuse(compile->graph, node, error);
    struct cpu_step step = {.inputs = node->inputs, .output = node->outputs[0]};
    struct cpu_prepare prepare = {
        .graph = compile->graph,
        .node = node,
        .arena = &segment->arena,
        .weights = weights,
        .loops = cpu_loops_best(),
        .threads = compile->threads ? compile->threads : 1,
        .error = error,
    };
    enum percept_status status = kernels[node->op]->prepare(&prepare, &step);
    if (status != PERCEPT_OK)
        return status;
    if (step.scratch > segment->scratch)
        segment->scratch = step.scratch;
    segment->steps[segment->count++] = step;
    return PERCEPT_OK;
}

/* Who sees to the weights of these nodes, if any has some to pack. */
static const struct cpu_weights_class *weights_of(const struct prt_compile *compile)
{
    for (uint32_t i = 0; i < compile->node_count; i++) {
        const struct cpu_kernel *kernel = kernels[compile->graph->nodes[compile->nodes[i]].op];
        if (kernel && kernel->weights)
            return kernel->weights;
    }
    return NULL;
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **out,
                                   struct percept_error *error)
{
    struct prt_segment *segment = calloc(1, sizeof *segment);
    if (segment)
        segment->steps =
            base_arena_array(&segment->arena, compile->node_count, sizeof *segment->steps);
    if (!segment || !segment->steps) {
        destroy(segment);
        return percept_fail(error, PERCEPT_NO_MEMORY, "cpu: no memory for %u steps",
                            compile->node_count);
    }
    const struct cpu_weights_class *class = weights_of(compile);
    struct cpu_weights weights = {0};
    if (class)
        class->open(&weights, compile);
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < compile->node_count && status == PERCEPT_OK; i++) {
        status = prepare_step(compile, i, &weights, segment, error);
        prt_yield_plan();
    }
    if (class)
        class->close(&weights);
    if (status != PERCEPT_OK) {
        destroy(segment);
        return status;
    }
    *out = segment;
    return PERCEPT_OK;
}

static const char *code(void)
{
    return cpu_isa_name(cpu_isa_best());
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    return segment->scratch;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct cpu_fault fault = {0};
    struct cpu_run run = {execution->data, execution->scratch, execution->pool, &fault};
    struct prt_step_time *times = execution->times;
    for (uint32_t i = 0; i < segment->count; i++) {
        const struct cpu_step *step = &segment->steps[i];
        prt_yield_step(execution->yield);
        if (times)
            times[i].start_ns = base_clock_ns();
        step->run(step, &run);
        if (times) {
            times[i].end_ns = base_clock_ns();
            times[i].kernel = step->kernel;
        }
        if (atomic_load_explicit(&fault.state, memory_order_relaxed) == 0)
            continue;
        if (fault.is_size)
            return percept_fail(error, PERCEPT_CANCELLED, "%s: a size is %lld, not %lld",
                                fault.name ? fault.name : step->kernel, (long long)fault.index,
                                (long long)fault.size);
        return percept_fail(
            error, PERCEPT_INVALID, "%s: index %lld is outside of a dimension of %lld",
            fault.name ? fault.name : step->kernel, (long long)fault.index, (long long)fault.size);
    }
    return PERCEPT_OK;
}

const struct prt_backend prt_cpu_backend = {
    .version = PRT_BACKEND_VERSION,
    .name = "cpu",
    .on_host = true,
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .code = code,
};
