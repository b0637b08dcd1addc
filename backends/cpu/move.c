/* Why: rows for the ops that only move elements; copy.c does the work. */
#include "backends/cpu/copy.h"
#include "backends/cpu/step.h"

/* A step of one or more copies into y; copy i reads input i. */
struct moves {
    uint32_t count;
    struct cpu_copy copies[];
};

static void run_moves(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct moves *moves = step->state;
    for (uint32_t i = 0; i < moves->count; i++)
        cpu_copy_run(&moves->copies[i], run->data[step->output], run->data[step->inputs[i]],
                     run->pool);
}

static struct cpu_copy *moves_of(const struct cpu_prepare *prepare, uint32_t count,
                                 struct cpu_step *step)
{
    struct moves *moves =
        cpu_prepare_alloc(prepare, sizeof *moves + count * sizeof moves->copies[0]);
    if (!moves)
        return NULL;
    moves->count = count;
    step->run = run_moves;
    step->kernel = "copy";
    step->state = moves;
    return moves->copies;
}

/* The graph's rules leave one type and one code on both sides, so any type will do. */
static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_dtype_size(cpu_result(graph, node)->dtype) != 0;
}

static enum percept_status concat_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_copy *copies = moves_of(prepare, prepare->node->input_count, step);
    if (!copies)
        return PERCEPT_NO_MEMORY;
    int32_t axis = prepare->node->attrs.concat.axis;
    int64_t to[PRT_MAX_RANK], from[PRT_MAX_RANK], start = 0;
    prt_tensor_strides(y, to);
    for (unsigned i = 0; i < prepare->node->input_count; i++) {
        const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, i);
        prt_tensor_strides(x, from);
        cpu_copy_init(&copies[i], prepare->loops, y, x->sizes, to, from);
        copies[i].to = start * to[axis];
        start += x->sizes[axis];
    }
    return PERCEPT_OK;
}

static enum percept_status slice_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_copy *copy = moves_of(prepare, 1, step);
    if (!copy)
        return PERCEPT_NO_MEMORY;
    const struct prt_slice_attrs *attrs = &prepare->node->attrs.slice;
    int64_t to[PRT_MAX_RANK], from[PRT_MAX_RANK], start, end;
    prt_slice_range(prepare->graph, prepare->node, &start, &end);
    prt_tensor_strides(y, to);
    prt_tensor_strides(x, from);
    int64_t first = start * from[attrs->axis];
    /* With one element or none the step is not taken, and may be past any stride. */
    from[attrs->axis] *= y->sizes[attrs->axis] > 1 ? attrs->step : 1;
    cpu_copy_init(copy, prepare->loops, y, y->sizes, to, from);
    copy->from = first;
    return PERCEPT_OK;
}

static enum percept_status permute_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_copy *copy = moves_of(prepare, 1, step);
    if (!copy)
        return PERCEPT_NO_MEMORY;
    int64_t to[PRT_MAX_RANK], own[PRT_MAX_RANK], from[PRT_MAX_RANK];
    prt_tensor_strides(y, to);
    prt_tensor_strides(cpu_operand(prepare->graph, prepare->node, 0), own);
    for (unsigned i = 0; i < y->rank; i++)
        from[i] = own[prepare->node->attrs.permute.order[i]];
    cpu_copy_init(copy, prepare->loops, y, y->sizes, to, from);
    return PERCEPT_OK;
}

static enum percept_status layout_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_copy *copy = moves_of(prepare, 1, step);
    if (!copy)
        return PERCEPT_NO_MEMORY;
    int64_t to[PRT_MAX_RANK], from[PRT_MAX_RANK];
    prt_tensor_strides(y, to);
    prt_tensor_strides(cpu_operand(prepare->graph, prepare->node, 0), from);
    cpu_copy_init(copy, prepare->loops, y, y->sizes, to, from);
    return PERCEPT_OK;
}

static bool reshape_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return supports(graph, node) && prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node));
}

/* Both sides are row-major: one flat copy, and none at all when the planner aliased them. */
static enum percept_status reshape_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_copy *copy = moves_of(prepare, 1, step);
    if (!copy)
        return PERCEPT_NO_MEMORY;
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(y, strides);
    cpu_copy_init(copy, prepare->loops, y, y->sizes, strides, strides);
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_concat = {.supports = supports, .prepare = concat_prepare};
const struct cpu_kernel cpu_slice = {.supports = supports, .prepare = slice_prepare};
const struct cpu_kernel cpu_permute = {.supports = supports, .prepare = permute_prepare};
const struct cpu_kernel cpu_layout = {.supports = supports, .prepare = layout_prepare};
const struct cpu_kernel cpu_reshape = {.supports = reshape_supports, .prepare = reshape_prepare};
