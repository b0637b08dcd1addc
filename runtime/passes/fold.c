/*
 * Why: exporters leave arithmetic on constants in the graph (dequantised weights, transposed
 * matrices, folded batch norms). It is done once here, by the kernels that would have done it each
 * run, so that a folded value cannot differ from a computed one.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include "base/checked.h"
#include "runtime/deferred.h"
#include "runtime/yield.h"

#include <stdlib.h>
#include <string.h>

/* What a hostile file could make us compute and keep; real networks fold megabytes. */
#define FOLD_LIMIT ((size_t)1 << 31)
#define WAIT_BYTES 4096 /* patterns look at the elements of smaller constants */

struct fold {
    struct prt_graph *graph;
    const struct prt_backend *const *backends;
    void **data;   /* by value: what an execution takes */
    size_t total;  /* bytes made so far */
    bool late;     /* quantised weights and expands, too */
    bool laid_out; /* the layout pass has run */
};

/*
 * A large FULL stays one number until a constant result needs its elements: often a later pass
 * takes the number in, and a network with four of 54 MB would have kept them all.
 */
static bool waits(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op == PRT_OP_FULL && graph->values[node->outputs[0]].bytes > WAIT_BYTES;
}

static bool is_waiting(const struct prt_graph *graph, uint32_t id)
{
    uint32_t producer = graph->values[id].producer;
    return producer != PRT_NO_VALUE && !(graph->values[id].flags & PRT_FLAG_CONSTANT) &&
           waits(graph, &graph->nodes[producer]);
}

static bool is_view(const struct prt_node *node)
{
    return node->op == PRT_OP_PERMUTE || node->op == PRT_OP_RESHAPE;
}

static bool all_constant(const struct prt_graph *graph, const struct prt_node *node)
{
    if (node->op == PRT_OP_BLOB)
        return false; /* its processor may be another one when the graph is kept */
    for (unsigned i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == PRT_NO_VALUE)
            continue;
        const struct prt_value *value = &graph->values[node->inputs[i]];
        if (value->kind == PRT_VALUE_TENSOR && !(value->flags & PRT_FLAG_CONSTANT) &&
            (is_view(node) || !is_waiting(graph, node->inputs[i])))
            return false; /* a view of what waits has nothing to point at, and waits, too */
    }
    return !(graph->values[node->outputs[0]].flags & PRT_FLAG_OUTPUT);
}

/* A PERMUTE only renames dimensions; a RESHAPE of row-major data only recounts them. When the
 * layout pass has run, it has seen to it that both are only other views of the same bytes. */
static bool fold_view(struct prt_graph *graph, const struct prt_node *node, bool laid_out)
{
    if (!is_view(node))
        return false;
    const struct prt_value *x = &graph->values[node->inputs[0]];
    struct prt_value *y = &graph->values[node->outputs[0]];
    bool permutes = node->op == PRT_OP_PERMUTE;
    if (!laid_out && !permutes && !prt_tensor_is_contiguous(&x->tensor))
        return false;
    /* Factors are of a dimension that may be another one in y, or none. */
    if (x->factors && !prt_deferred_data(graph, node->inputs[0]))
        return false;
    y->flags |= x->flags & PRT_FLAGS_DEFERRED;
    if (laid_out) {
        y->data = x->data;
        return true;
    }
    uint8_t place[PRT_MAX_RANK];
    for (uint8_t i = 0; i < y->tensor.rank && permutes; i++)
        place[node->attrs.permute.order[i]] = i;
    for (uint8_t i = 0; i < y->tensor.rank; i++)
        y->tensor.dim_order[i] = permutes ? place[x->tensor.dim_order[i]] : i;
    y->data = x->data;
    return true;
}

/*
 * Do the operands lie as the op's kernels want? Before the layout pass that is so when all are
 * row-major, or when there is but one, whose order the result, which nobody has read yet, can take.
 */
static bool lies_right(struct prt_graph *graph, const struct prt_node *node)
{
    struct prt_tensor *y = &graph->values[node->outputs[0]].tensor;
    enum prt_layout_rule rule = prt_op_layout(node->op);
    if (rule == PRT_LAYOUT_ANY || node->op == PRT_OP_LAYOUT)
        return true;
    if (rule == PRT_LAYOUT_CHANNELS_LAST || rule == PRT_LAYOUT_VIEW)
        return false;
    if (rule == PRT_LAYOUT_SAME && node->input_count == 1) {
        memcpy(y->dim_order, graph->values[node->inputs[0]].tensor.dim_order, y->rank);
        return true;
    }
    for (unsigned i = 0; i < node->input_count; i++)
        if (node->inputs[i] != PRT_NO_VALUE &&
            graph->values[node->inputs[i]].kind == PRT_VALUE_TENSOR &&
            !prt_tensor_is_contiguous(&graph->values[node->inputs[i]].tensor))
            return false;
    return prt_tensor_is_contiguous(y);
}

/* The node's result is a constant from now on. */
static void keep(struct fold *fold, uint32_t index)
{
    struct prt_node *node = &fold->graph->nodes[index];
    struct prt_value *y = &fold->graph->values[node->outputs[0]];
    fold->data[node->outputs[0]] = (void *)(uintptr_t)y->data;
    y->flags |= PRT_FLAG_CONSTANT;
    node->removed = true;
}

/* Who computes a constant: one on the host, if any can. */
static const struct prt_backend *folder(const struct fold *fold, const struct prt_node *node)
{
    for (const struct prt_backend *const *backend = fold->backends; *backend; backend++)
        if ((*backend)->on_host && (*backend)->supports(fold->graph, node))
            return *backend;
    return prt_match_backend(fold->graph, node, fold->backends);
}

static enum percept_status run_node(struct fold *fold, uint32_t index,
                                    const struct prt_backend *backend, struct percept_error *error)
{
    struct prt_segment *segment = NULL;
    struct prt_compile compile = {
        .graph = fold->graph, .nodes = &index, .node_count = 1, .threads = 1};
    enum percept_status status = backend->compile(&compile, &segment, error);
    if (status != PERCEPT_OK)
        return status;
    size_t bytes;
    void *scratch = NULL;
    if (base_align_size(backend->scratch_bytes(segment) + 1, 64, &bytes))
        scratch = aligned_alloc(64, bytes);
    struct prt_execution execution = {.data = fold->data, .scratch = scratch};
    status = scratch ? backend->execute(segment, &execution, error)
                     : percept_fail(error, PERCEPT_NO_MEMORY, "no memory to fold constants");
    free(scratch);
    backend->destroy(segment);
    return status;
}

static enum percept_status compute(struct fold *fold, uint32_t index, bool *computed,
                                   struct percept_error *error);

/* The elements of operands that waited for somebody who needs them. */
static enum percept_status compute_waiting(struct fold *fold, const struct prt_node *node,
                                           struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < node->input_count && status == PERCEPT_OK; i++) {
        bool computed = false;
        if (node->inputs[i] == PRT_NO_VALUE || !is_waiting(fold->graph, node->inputs[i]))
            continue;
        uint32_t producer = fold->graph->values[node->inputs[i]].producer;
        status = compute(fold, producer, &computed, error);
        if (computed)
            keep(fold, producer);
    }
    return status;
}

static enum percept_status fetch_operands(struct fold *fold, const struct prt_node *node,
                                          struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < node->input_count && status == PERCEPT_OK; i++) {
        uint32_t id = node->inputs[i];
        if (id == PRT_NO_VALUE || !(fold->graph->values[id].flags & PRT_FLAG_DEFERRED))
            continue;
        status = prt_deferred_fetch(fold->graph, id, error);
        fold->data[id] = (void *)(uintptr_t)fold->graph->values[id].data;
    }
    return status;
}

static enum percept_status compute(struct fold *fold, uint32_t index, bool *computed,
                                   struct percept_error *error)
{
    const struct prt_node *node = &fold->graph->nodes[index];
    struct prt_value *y = &fold->graph->values[node->outputs[0]];
    if (!lies_right(fold->graph, node))
        return PERCEPT_OK;
    const struct prt_backend *backend = folder(fold, node);
    if (!backend)
        return PERCEPT_OK;
    if (y->bytes > FOLD_LIMIT - fold->total)
        return percept_fail(error, PERCEPT_LIMIT, "constants of more than %zu bytes", FOLD_LIMIT);
    enum percept_status status = compute_waiting(fold, node, error);
    if (status == PERCEPT_OK)
        status = fetch_operands(fold, node, error);
    if (status != PERCEPT_OK)
        return status;
    void *bytes = base_arena_alloc(&fold->graph->arena, y->bytes);
    if (!bytes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to fold constants");
    fold->data[node->outputs[0]] = bytes;
    status = run_node(fold, index, backend, error);
    if (status != PERCEPT_OK)
        return status;
    fold->total += y->bytes;
    y->data = bytes;
    *computed = true;
    return PERCEPT_OK;
}

/* What later passes may want as it is: quantised weights, a number, a small constant behind an
 * expand. */
static bool better_late(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_value *values = graph->values;
    return node->op == PRT_OP_DEQUANTIZE || waits(graph, node) ||
           (node->op == PRT_OP_BINARY && values[node->inputs[0]].kind == PRT_VALUE_TENSOR &&
            values[node->inputs[1]].kind != PRT_VALUE_TENSOR &&
            values[node->outputs[0]].bytes > values[node->inputs[0]].bytes);
}

static enum percept_status fold_all(struct fold fold, struct percept_error *error)
{
    struct prt_graph *graph = fold.graph;
    enum percept_status status = PERCEPT_OK;
    fold.data = calloc(graph->value_count + 1, sizeof *fold.data);
    if (!fold.data)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to fold constants");
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].kind == PRT_VALUE_TENSOR)
            fold.data[i] = (void *)(uintptr_t)graph->values[i].data;
    for (uint32_t n = 0; n < graph->node_count && status == PERCEPT_OK; n++) {
        struct prt_node *node = &graph->nodes[n];
        if (node->removed || !all_constant(graph, node) || (!fold.late && better_late(graph, node)))
            continue;
        bool folded = fold_view(graph, node, fold.laid_out);
        if (!folded)
            status = compute(&fold, n, &folded, error);
        if (folded)
            keep(&fold, n);
        prt_yield_plan();
    }
    free(fold.data);
    return status == PERCEPT_OK ? prt_graph_finish(graph, error) : status;
}

enum percept_status prt_pass_fold(struct prt_graph *graph,
                                  const struct prt_backend *const *backends,
                                  struct percept_error *error)
{
    return fold_all((struct fold){.graph = graph, .backends = backends, .late = true}, error);
}

enum percept_status prt_pass_fold_laid_out(struct prt_graph *graph,
                                           const struct prt_backend *const *backends,
                                           struct percept_error *error)
{
    return fold_all(
        (struct fold){.graph = graph, .backends = backends, .late = true, .laid_out = true}, error);
}

enum percept_status prt_pass_fold_floats(struct prt_graph *graph,
                                         const struct prt_backend *const *backends,
                                         struct percept_error *error)
{
    return fold_all((struct fold){.graph = graph, .backends = backends}, error);
}
