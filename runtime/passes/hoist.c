/*
 * Why: exporters put views between a layer and what follows it: a linear layer works on two
 * dimensions, a delegate on NHWC. Elementwise ops move up over views, to stand next to the layer
 * that can take them in; a view of a linear layer's rows moves up over the layer.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

static bool is_view(const struct prt_node *node)
{
    return node->op == PRT_OP_RESHAPE || node->op == PRT_OP_PERMUTE;
}

/* A function of one fp32 tensor alone. */
static bool is_simple(const struct prt_graph *graph, const struct prt_node *node)
{
    double number;
    bool simple = node->op == PRT_OP_UNARY ||
                  (node->op == PRT_OP_BINARY && node->attrs.binary.kind <= PRT_BINARY_DIV &&
                   prt_match_number(graph, node->inputs[1], &number));
    return simple && prt_match_is_f32(graph, node->inputs[0]) &&
           prt_match_is_f32(graph, node->outputs[0]) &&
           prt_tensor_same_sizes(prt_match_tensor(graph, node->inputs[0]),
                                 prt_match_tensor(graph, node->outputs[0]));
}

/* The node that computes the first operand, if only this one reads it. */
static struct prt_node *before(const struct prt_graph *graph, const struct prt_node *node)
{
    struct prt_node *inner = node->input_count ? prt_match_producer(graph, node->inputs[0]) : NULL;
    return inner && graph->values[node->inputs[0]].uses == 1 ? inner : NULL;
}

/* second(first(x)) as first(second(x)), with a value between of these sizes. */
static bool swap(struct prt_graph *graph, struct prt_node *first, struct prt_node *second,
                 const struct prt_tensor *between)
{
    uint32_t value = prt_graph_add_tensor(graph, between);
    if (value == PRT_NO_VALUE)
        return false;
    struct prt_node inner = *second, outer = *first;
    uint32_t y = second->outputs[0];
    inner.inputs[0] = first->inputs[0];
    inner.outputs[0] = value;
    outer.inputs[0] = value;
    outer.outputs[0] = y;
    *first = inner;
    *second = outer;
    graph->values[value].producer = (uint32_t)(first - graph->nodes);
    graph->values[value].uses = 1;
    return true;
}

/* Is there, above views and other functions, a layer that might take the function in? */
static bool follows_layer(const struct prt_graph *graph, const struct prt_node *node)
{
    while ((node = before(graph, node)) && (is_view(node) || is_simple(graph, node))) {
    }
    return node && (node->op == PRT_OP_CONV2D || node->op == PRT_OP_LINEAR);
}

/* False: out of memory. */
static bool raise_function(struct prt_graph *graph, struct prt_node *node)
{
    if (!is_simple(graph, node) || !follows_layer(graph, node))
        return true;
    for (struct prt_node *view; (view = before(graph, node)) && is_view(view); node = view) {
        struct prt_tensor between = *prt_match_tensor(graph, view->inputs[0]);
        const struct prt_tensor *number =
            node->op == PRT_OP_BINARY ? prt_match_tensor(graph, node->inputs[1]) : NULL;
        if (number && number->rank > between.rank)
            break; /* it would give the result more dimensions */
        if (!swap(graph, view, node, &between))
            return false;
    }
    return true;
}

/* reshape(linear(x)) as linear(reshape(x)) when the rows are only grouped anew. */
static bool raise_rows(struct prt_graph *graph, struct prt_node *node)
{
    struct prt_node *linear = before(graph, node);
    enum { RESIDUAL = 3 };
    if (node->op != PRT_OP_RESHAPE || !linear || linear->op != PRT_OP_LINEAR ||
        linear->inputs[RESIDUAL] != PRT_NO_VALUE || !prt_match_is_f32(graph, linear->inputs[0]))
        return true;
    const struct prt_tensor *x = prt_match_tensor(graph, linear->inputs[0]),
                            *narrow = prt_match_tensor(graph, node->inputs[0]);
    struct prt_tensor between = *prt_match_tensor(graph, node->outputs[0]);
    if (between.rank < 1 || between.sizes[between.rank - 1] != narrow->sizes[narrow->rank - 1])
        return true;
    between.sizes[between.rank - 1] = x->sizes[x->rank - 1];
    for (uint8_t i = 0; i < between.rank; i++)
        between.dim_order[i] = i;
    return swap(graph, linear, node, &between);
}

enum percept_status prt_pass_hoist(struct prt_graph *graph,
                                   const struct prt_backend *const *backends,
                                   struct percept_error *error)
{
    (void)backends;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!raise_function(graph, &graph->nodes[n]) || !raise_rows(graph, &graph->nodes[n]))
            return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to move views");
    return prt_graph_finish(graph, error);
}
