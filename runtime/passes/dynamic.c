/*
 * Why: a layer whose rows are quantised while it runs arrives from ATen as what it means: the float
 * layer of rounded rows and of a weight's numbers. Computed so, the weight takes four times the
 * memory, and a step of a language model is little else than reading weights.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

enum { X, WEIGHT, BIAS, RESIDUAL };

struct dynamic {
    struct prt_graph *graph;
    struct percept_error *error;
    enum percept_status status;
};

static bool rounds_all(const struct prt_graph *graph, const struct prt_node *node)
{
    return node && node->op == PRT_OP_ROUND_ROWS &&
           node->attrs.round_rows.dims == prt_match_tensor(graph, node->inputs[0])->rank;
}

/* reshape(round(x)) as round(reshape(x)): with one range for all of x, its sizes do not matter. */
static void raise_view(struct dynamic *dynamic, struct prt_node *node)
{
    struct prt_graph *graph = dynamic->graph;
    struct prt_node *round = prt_match_producer(graph, node->inputs[0]);
    if (node->op != PRT_OP_RESHAPE || !rounds_all(graph, round) ||
        graph->values[node->inputs[0]].uses != 1)
        return;
    struct prt_tensor between = *prt_match_tensor(graph, node->outputs[0]);
    uint32_t value = prt_graph_add_tensor(graph, &between);
    if (value == PRT_NO_VALUE) {
        dynamic->status =
            percept_fail(dynamic->error, PERCEPT_NO_MEMORY, "no memory for layers of rounded rows");
        return;
    }
    uint32_t x = round->inputs[0], y = node->outputs[0];
    struct prt_node view = *node, rounding = *round;
    view.inputs[0] = x;
    view.outputs[0] = value;
    rounding.inputs[0] = value;
    rounding.outputs[0] = y;
    rounding.attrs.round_rows.dims = between.rank;
    graph->values[value].producer = (uint32_t)(round - graph->nodes);
    graph->values[value].uses = 1;
    *round = view;
    *node = rounding;
}

/* The node that rounds a layer's rows, and the view between, if there is one that nobody else reads
 * and that does not matter; NULL if there is none. */
static struct prt_node *rounding_of(const struct prt_graph *graph, uint32_t x,
                                    struct prt_node **view)
{
    struct prt_node *node = prt_match_producer(graph, x);
    *view = NULL;
    if (node && node->op == PRT_OP_RESHAPE && graph->values[x].uses == 1) {
        *view = node;
        node = prt_match_producer(graph, node->inputs[0]);
    }
    bool row = !*view && node && node->op == PRT_OP_ROUND_ROWS && node->attrs.round_rows.dims == 1;
    return row || rounds_all(graph, node) ? node : NULL;
}

/* The codes that a layer's weight was dequantised from: bytes [O, I], with a scale for each output
 * or one for all. PRT_NO_VALUE if it is not of this kind. */
static uint32_t codes_of(const struct prt_graph *graph, const struct prt_node *layer)
{
    bool turned = layer->attrs.linear.weight_is_io;
    const struct prt_node *node = prt_match_producer(graph, layer->inputs[WEIGHT]);
    if (node && node->op == PRT_OP_PERMUTE && prt_match_tensor(graph, node->inputs[0])->rank == 2) {
        turned ^= node->attrs.permute.order[0] == 1;
        node = prt_match_producer(graph, node->inputs[0]);
    }
    if (!node || node->op != PRT_OP_DEQUANTIZE)
        return PRT_NO_VALUE;
    const struct prt_tensor *codes = prt_match_tensor(graph, node->inputs[0]);
    const struct prt_quant *quant = &codes->quant;
    bool symmetric = quant->kind == PRT_QUANT_PER_CHANNEL
                         ? quant->axis == turned && !quant->zero_points
                         : quant->kind == PRT_QUANT_PER_TENSOR && quant->zero_point == 0;
    bool fits = prt_match_is_constant(graph, node->inputs[0]) && codes->dtype == PRT_I8 &&
                codes->rank == 2 && codes->dim_order[0] == turned && codes->sizes[turned] > 0 &&
                codes->sizes[!turned] > 0 && codes->sizes[!turned] <= PRT_DYNAMIC_INPUTS;
    return fits && symmetric ? node->inputs[0] : PRT_NO_VALUE;
}

static bool fits(const struct prt_graph *graph, const struct prt_node *node)
{
    uint32_t bias = node->inputs[BIAS];
    return node->inputs[RESIDUAL] == PRT_NO_VALUE && !node->attrs.linear.after.present &&
           node->attrs.linear.act.kind != PRT_ACT_PRELU &&
           prt_match_is_f32(graph, node->outputs[0]) &&
           (bias == PRT_NO_VALUE ||
            (prt_match_is_constant(graph, bias) && prt_match_is_f32(graph, bias)));
}

/* A scale for each output, [O, 1]. */
static uint32_t scales_of(struct prt_graph *graph, const struct prt_quant *quant, int32_t outputs)
{
    float *scales = base_arena_array(&graph->arena, (size_t)outputs, sizeof *scales);
    if (!scales)
        return PRT_NO_VALUE;
    for (int32_t i = 0; i < outputs; i++)
        scales[i] = quant->kind == PRT_QUANT_PER_CHANNEL ? quant->scales[i] : quant->scale;
    const struct prt_tensor spec = {
        .dtype = PRT_F32, .rank = 2, .dim_order = {0, 1}, .sizes = {outputs, 1}};
    return prt_match_add_constant(graph, &spec, scales);
}

static void merge(struct dynamic *dynamic, struct prt_node *node)
{
    struct prt_graph *graph = dynamic->graph;
    struct prt_node *view = NULL, *round = NULL;
    uint32_t id = PRT_NO_VALUE;
    if (node->op == PRT_OP_LINEAR && fits(graph, node))
        round = rounding_of(graph, node->inputs[X], &view);
    if (round)
        id = codes_of(graph, node);
    if (id == PRT_NO_VALUE)
        return;
    const struct prt_value from = graph->values[id];
    unsigned output = from.tensor.dim_order[0];
    const struct prt_tensor codes = {
        .dtype = PRT_I8,
        .rank = 2,
        .dim_order = {0, 1},
        .sizes = {from.tensor.sizes[output], from.tensor.sizes[1 - output]},
    };
    uint32_t weight = prt_match_add_constant(graph, &codes, from.data);
    uint32_t scales = scales_of(graph, &from.tensor.quant, codes.sizes[0]);
    uint32_t bias = node->inputs[BIAS], *x = view ? &view->inputs[0] : &node->inputs[X];
    if (weight == PRT_NO_VALUE || scales == PRT_NO_VALUE ||
        !prt_node_resize_inputs(graph, node, 4)) {
        dynamic->status =
            percept_fail(dynamic->error, PERCEPT_NO_MEMORY, "no memory for layers of rounded rows");
        return;
    }
    graph->values[weight].flags |= from.flags & PRT_FLAGS_DEFERRED;
    struct prt_activation act = node->attrs.linear.act;
    graph->values[*x].uses--;
    *x = round->inputs[0];
    graph->values[*x].uses++;
    node->op = PRT_OP_DYNAMIC_LINEAR;
    node->inputs[1] = weight;
    node->inputs[2] = scales;
    node->inputs[3] = bias;
    node->attrs.dynamic_linear.act = act;
    node->attrs.dynamic_linear.least = round->attrs.round_rows.least;
    node->attrs.dynamic_linear.whole = round->attrs.round_rows.dims != 1;
}

enum percept_status prt_pass_dynamic(struct prt_graph *graph,
                                     const struct prt_backend *const *backends,
                                     struct percept_error *error)
{
    (void)backends;
    struct dynamic dynamic = {.graph = graph, .error = error};
    for (uint32_t n = 0; n < graph->node_count && dynamic.status == PERCEPT_OK; n++) {
        raise_view(&dynamic, &graph->nodes[n]);
        if (dynamic.status == PERCEPT_OK)
            merge(&dynamic, &graph->nodes[n]);
    }
    if (dynamic.status != PERCEPT_OK)
        return dynamic.status;
    return prt_graph_finish(graph, error);
}
