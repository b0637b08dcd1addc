/*
 * Why: a quantised network arrives as float ops between DEQUANTIZE and QUANTIZE. The chain says
 * what the integers mean, and is what has to be computed, but not how: where one op stands alone
 * between them, it becomes that op on the integers.
 *
 * First each QUANTIZE moves up through ops that only move or choose elements, because quantising
 * before or after gives the same codes. Then, where it meets an op whose operands are all
 * dequantised, the three become one node. Only one rounding ever stood there, so only one
 * is left: values agree with the float chain but for ties in float arithmetic. No rounding of the
 * chain is left out: a convolution and the addition after it stay two nodes when the program
 * rounds in between.
 */
#include "runtime/graph_check.h"
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <string.h>

struct quantise {
    struct prt_graph *graph;
    const struct prt_backend *const *backends;
    uint32_t *roundings; /* by value: how many of its uses are a QUANTIZE */
    uint32_t known;      /* values that the table covers */
    bool failed;         /* out of memory */
};

static bool all_roundings(const struct quantise *quantise, uint32_t id)
{
    return id < quantise->known && quantise->roundings[id] == quantise->graph->values[id].uses;
}

/* ---- moving a QUANTIZE up ---- */

/* Do the codes of the results follow from the codes of the operand? */
static bool only_moves(const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_PAD:
    case PRT_OP_PERMUTE:
    case PRT_OP_RESHAPE:
        return true;
    case PRT_OP_POOL2D:
        return node->attrs.pool.is_max && node->attrs.pool.act.kind == PRT_ACT_NONE;
    case PRT_OP_RESIZE2D:
        return !node->attrs.resize.bilinear;
    default:
        return false;
    }
}

/* quantize(op(x)) as op(quantize(x)): the nodes swap places around a new value. */
static void move_up(struct quantise *quantise, struct prt_node *node)
{
    struct prt_graph *graph = quantise->graph;
    uint32_t y = node->outputs[0];
    struct prt_node *inner = prt_match_producer(graph, node->inputs[0]);
    if (!inner || !only_moves(inner) || graph->values[node->inputs[0]].uses != 1 ||
        !prt_match_is_f32(graph, inner->inputs[0]))
        return;
    uint32_t x = inner->inputs[0];
    struct prt_tensor between = graph->values[x].tensor;
    between.dtype = graph->values[y].tensor.dtype;
    between.quant = graph->values[y].tensor.quant;
    uint32_t value = prt_graph_add_tensor(graph, &between);
    if (value == PRT_NO_VALUE) {
        quantise->failed = true;
        return;
    }
    struct prt_node rounding = *node, moving = *inner;
    rounding.inputs[0] = x;
    rounding.outputs[0] = value;
    moving.inputs[0] = value;
    moving.outputs[0] = y;
    *inner = rounding;
    *node = moving;
    graph->values[value].producer = (uint32_t)(inner - graph->nodes);
    graph->values[value].uses = 1;
    if (x < quantise->known)
        quantise->roundings[x]++;
}

/* ---- the op on integers ---- */

/* The quantised tensor that a float operand was dequantised from, or PRT_NO_VALUE. */
static uint32_t codes_of(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_node *node = prt_match_made_by(graph, id, PRT_OP_DEQUANTIZE);
    return node ? node->inputs[0] : PRT_NO_VALUE;
}

/* Which operands have to be codes (the others stay as they are), and may the op be computed again
 * for each rounding of its result rather than only once? */
static bool has_integer_form(const struct prt_node *node, uint32_t *codes, bool *cheap)
{
    *cheap = true;
    *codes = 1 << 0;
    switch (node->op) {
    case PRT_OP_CONV2D:
    case PRT_OP_LINEAR:
        *codes =
            1 << 0 | 1 << 1 | 1 << 3; /* x, weight and residual; bias and slope may be floats */
        *cheap = false;
        return true;
    case PRT_OP_MATMUL:
        *codes = 1 << 0 | 1 << 1;
        *cheap = false;
        return true;
    case PRT_OP_SOFTMAX:
    case PRT_OP_LAYER_NORM:
        *cheap = false;
        return true;
    case PRT_OP_BINARY:
        *codes = 1 << 0 | 1 << 1;
        return node->attrs.binary.kind <= PRT_BINARY_MIN;
    case PRT_OP_CONCAT:
        *codes = UINT32_MAX;
        return true;
    case PRT_OP_UNARY:
    case PRT_OP_PRELU:
    case PRT_OP_POOL2D:
    case PRT_OP_RESIZE2D:
    case PRT_OP_REDUCE:
    case PRT_OP_SLICE:
        return true;
    default:
        return false;
    }
}

/* An I32 bias in units of x.scale * weight.scale stays what it is; any other stays float. */
static uint32_t integer_bias(const struct prt_graph *graph, const struct prt_node *node)
{
    uint32_t bias = node->inputs[2], codes = codes_of(graph, bias);
    const struct prt_tensor *b = prt_match_tensor(graph, codes);
    if (!b || b->dtype != PRT_I32)
        return bias;
    const struct prt_quant *x = &prt_match_tensor(graph, codes_of(graph, node->inputs[0]))->quant;
    const struct prt_quant *w = &prt_match_tensor(graph, codes_of(graph, node->inputs[1]))->quant;
    if (w->kind == PRT_QUANT_PER_CHANNEL && w->count != (uint32_t)b->sizes[0])
        return bias; /* scales along inputs */
    for (int32_t i = 0; i < b->sizes[0]; i++) {
        float stated = b->quant.kind == PRT_QUANT_PER_CHANNEL ? b->quant.scales[i] : b->quant.scale;
        float wanted = x->scale * (w->kind == PRT_QUANT_PER_CHANNEL ? w->scales[i] : w->scale);
        if (!(stated - wanted <= wanted * 1e-5f && wanted - stated <= wanted * 1e-5f))
            return bias;
    }
    return codes;
}

/* A host is faster at these in floats, and is quick to turn codes into them. */
static bool is_for_hosts(const struct prt_graph *graph, const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_MATMUL:
    case PRT_OP_SOFTMAX:
    case PRT_OP_LAYER_NORM:
        return true;
    case PRT_OP_CONV2D:
    case PRT_OP_LINEAR:
        return prt_match_tensor(graph, node->inputs[1])->quant.zero_point != 0;
    default:
        return false;
    }
}

/* How images lie is not known yet. */
static bool may_take(const struct prt_backend *backend, const struct prt_graph *graph,
                     const struct prt_node *node)
{
    return !backend->on_host && (node->op == PRT_OP_CONV2D || backend->supports(graph, node));
}

static bool is_worth_it(const struct quantise *quantise, const struct prt_node *node)
{
    if (!is_for_hosts(quantise->graph, node))
        return true;
    for (const struct prt_backend *const *b = quantise->backends; *b; b++)
        if (may_take(*b, quantise->graph, node))
            return true;
    return false;
}

/* quantize(op(dequantize(a), ...)) as op(a, ...). What the op's shape rule does not allow on
 * integers (scales that have to agree and do not, weights with a zero point a channel) stays float.
 */
static void merge(struct quantise *quantise, struct prt_node *node)
{
    struct prt_graph *graph = quantise->graph;
    uint32_t x = node->inputs[0], wanted;
    bool cheap;
    struct prt_node *inner = prt_match_producer(graph, x);
    if (!inner || !has_integer_form(inner, &wanted, &cheap) ||
        !(graph->values[x].uses == 1 || (cheap && all_roundings(quantise, x))))
        return;
    struct prt_node merged = *inner;
    merged.inputs = base_arena_array(&graph->arena, inner->input_count, sizeof *merged.inputs);
    if (!merged.inputs) {
        quantise->failed = true;
        return;
    }
    merged.outputs = node->outputs;
    for (unsigned i = 0; i < inner->input_count; i++) {
        uint32_t id = inner->inputs[i];
        merged.inputs[i] = id;
        if (!(wanted >> (i < 31 ? i : 31) & 1) || !prt_match_tensor(graph, id))
            continue;
        merged.inputs[i] = codes_of(graph, id);
        if (merged.inputs[i] == PRT_NO_VALUE)
            return;
    }
    if (inner->op == PRT_OP_CONV2D || inner->op == PRT_OP_LINEAR) {
        if (!prt_match_is_constant(graph, merged.inputs[1]))
            return;
        merged.inputs[2] = integer_bias(graph, inner);
    }
    if (prt_graph_check_node(graph, &merged) || !is_worth_it(quantise, &merged))
        return;
    graph->values[x].uses--;
    if (x < quantise->known)
        quantise->roundings[x]--;
    *node = merged;
}

/* quantize(dequantize(x)): the same codes, or codes of another scale. */
static bool requantise(const struct prt_graph *graph, struct prt_node *node)
{
    uint32_t codes = codes_of(graph, node->inputs[0]);
    const struct prt_tensor *x = prt_match_tensor(graph, codes);
    if (!x || x->quant.kind != PRT_QUANT_PER_TENSOR || x->dtype == PRT_I32)
        return false;
    node->inputs[0] = codes;
    return true;
}

/* quantize(float) with one scale, the end of a chain. */
static bool rounds_floats(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op == PRT_OP_QUANTIZE && prt_match_is_f32(graph, node->inputs[0]) &&
           prt_match_tensor(graph, node->outputs[0])->quant.kind == PRT_QUANT_PER_TENSOR;
}

enum percept_status prt_pass_quantise(struct prt_graph *graph,
                                      const struct prt_backend *const *backends,
                                      struct percept_error *error)
{
    struct quantise quantise = {.graph = graph, .backends = backends, .known = graph->value_count};
    quantise.roundings =
        base_arena_array(&graph->arena, quantise.known, sizeof *quantise.roundings);
    quantise.failed = !quantise.roundings;
    for (uint32_t n = 0; n < graph->node_count && !quantise.failed; n++)
        if (graph->nodes[n].op == PRT_OP_QUANTIZE)
            quantise.roundings[graph->nodes[n].inputs[0]]++;
    for (uint32_t n = graph->node_count; n-- > 0 && !quantise.failed;)
        if (rounds_floats(graph, &graph->nodes[n]))
            move_up(&quantise, &graph->nodes[n]);
    for (uint32_t n = graph->node_count; n-- > 0 && !quantise.failed;)
        if (rounds_floats(graph, &graph->nodes[n]) && !requantise(graph, &graph->nodes[n]))
            merge(&quantise, &graph->nodes[n]);
    if (quantise.failed)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to quantise the graph");
    return prt_graph_finish(graph, error);
}
