/*
 * Why: a convolution that pads, adds and activates while its result is in registers saves a trip
 * through memory for each. At each node that could be the end of such a chain, what it can swallow
 * is taken in: its PAD from the front; or, when it is itself an epilogue, the node before it.
 * Likewise a product reads a matrix as it lay before its rows and columns were exchanged.
 */
#include "runtime/deferred.h"
#include "runtime/graph_check.h"
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <float.h>

struct fuse {
    struct prt_graph *graph;
    bool failed; /* out of memory */
};

typedef bool rule(struct fuse *fuse, struct prt_node *node);

/* ---- padding ---- */

/* The amounts of a PAD when it touches rows and columns only: top, bottom, left, right. */
static bool window_padding(const struct prt_pad_attrs *pad, unsigned rank, bool nhwc, int32_t *out)
{
    unsigned row = nhwc ? 1 : 2;
    for (unsigned i = 0; i < rank; i++) {
        bool window = i == row || i == row + 1;
        if (pad->before[i] < 0 || pad->after[i] < 0 ||
            (!window && (pad->before[i] || pad->after[i])))
            return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        out[2 * i] = pad->before[row + i];
        out[2 * i + 1] = pad->after[row + i];
    }
    return true;
}

/*
 * Zeros around a convolution (or around an average, which then counts them), or less than anything
 * around a maximum, are the node's own padding. Whether it can take them (a window that saw only
 * padding would have no result) the op's shape rule decides.
 */
static bool take_padding(struct fuse *fuse, struct prt_node *node)
{
    struct prt_graph *graph = fuse->graph;
    struct prt_node *pad = NULL;
    if (node->op == PRT_OP_CONV2D || node->op == PRT_OP_POOL2D)
        pad = prt_match_made_by(graph, node->inputs[0], PRT_OP_PAD);
    if (!pad)
        return false;
    bool conv = node->op == PRT_OP_CONV2D, max = !conv && node->attrs.pool.is_max;
    struct prt_node fused = *node;
    uint32_t inputs[5];
    int32_t *padding = conv ? fused.attrs.conv.padding : fused.attrs.pool.padding, amounts[4];
    double value = pad->attrs.pad.value;
    bool fits = max ? value <= (double)-FLT_MAX && prt_match_is_f32(graph, pad->inputs[0])
                    : value == 0 && !(conv && fused.attrs.conv.transposed);
    bool averages_less = !conv && !max && (padding[0] || padding[1] || padding[2] || padding[3]);
    if (!fits || averages_less ||
        !window_padding(&pad->attrs.pad, 4, conv ? fused.attrs.conv.nhwc : fused.attrs.pool.nhwc,
                        amounts))
        return false;
    for (int i = 0; i < 4; i++)
        if (__builtin_add_overflow(padding[i], amounts[i], &padding[i]))
            return false;
    if (!conv && !max)
        fused.attrs.pool.count_include_pad = true;
    for (unsigned i = 0; i < node->input_count; i++)
        inputs[i] = i ? node->inputs[i] : pad->inputs[0];
    fused.inputs = inputs;
    if (prt_graph_check_node(graph, &fused))
        return false;
    graph->values[node->inputs[0]].uses--;
    graph->values[pad->inputs[0]].uses++;
    node->attrs = fused.attrs;
    node->inputs[0] = pad->inputs[0];
    return true;
}

/* ---- exchanged rows and columns ---- */

/* A product with a matrix whose last two dimensions were exchanged takes it as it was. */
static bool take_exchange(struct fuse *fuse, struct prt_node *node)
{
    struct prt_graph *graph = fuse->graph;
    struct prt_node *permute = node->op == PRT_OP_MATMUL
                                   ? prt_match_made_by(graph, node->inputs[1], PRT_OP_PERMUTE)
                                   : NULL;
    if (!permute)
        return false;
    unsigned rank = prt_match_tensor(graph, node->inputs[1])->rank;
    for (unsigned i = 0; i < rank; i++)
        if (permute->attrs.permute.order[i] != (i + 2 < rank ? i : 2 * rank - 3 - i))
            return false;
    graph->values[node->inputs[1]].uses--;
    graph->values[permute->inputs[0]].uses++;
    node->inputs[1] = permute->inputs[0];
    node->attrs.matmul.transpose_b = !node->attrs.matmul.transpose_b;
    return true;
}

/* ---- epilogues of CONV2D and LINEAR ---- */

enum { WEIGHT = 1, BIAS = 2, RESIDUAL = 3, SLOPE = 4 };

static struct prt_activation *activation_of(struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_CONV2D:
        return &node->attrs.conv.act;
    case PRT_OP_LINEAR:
        return &node->attrs.linear.act;
    case PRT_OP_BINARY:
        return &node->attrs.binary.act;
    case PRT_OP_POOL2D:
        return &node->attrs.pool.act;
    default:
        return NULL;
    }
}

static struct prt_after *after_of(struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_CONV2D:
        return &node->attrs.conv.after;
    case PRT_OP_LINEAR:
        return &node->attrs.linear.after;
    default:
        return NULL;
    }
}

/* The convolution or product that computes a value which nobody else reads, and whose last step is
 * (finished) or is not yet a function; NULL for others. */
static struct prt_node *weighted_and(const struct fuse *fuse, uint32_t id, bool finished)
{
    struct prt_node *node = prt_match_producer(fuse->graph, id);
    const struct prt_after *after = node ? after_of(node) : NULL;
    return after && after->present == finished && fuse->graph->values[id].uses == 1 ? node : NULL;
}

static struct prt_node *weighted(const struct fuse *fuse, uint32_t id)
{
    return weighted_and(fuse, id, false);
}

/* As weighted, and nothing happens yet after its bias. */
static struct prt_node *open_weighted(const struct fuse *fuse, uint32_t id)
{
    struct prt_node *node = weighted(fuse, id);
    bool open =
        node && activation_of(node)->kind == PRT_ACT_NONE && node->inputs[RESIDUAL] == PRT_NO_VALUE;
    return open ? node : NULL;
}

static unsigned channel_axis(const struct fuse *fuse, const struct prt_node *node)
{
    if (node->op == PRT_OP_CONV2D)
        return node->attrs.conv.nhwc ? 3 : 1;
    return prt_match_tensor(fuse->graph, node->outputs[0])->rank - 1u;
}

/* `node`, which reads `inner`'s result, becomes `inner` with more to do; its result stays. */
static void swallow(struct fuse *fuse, struct prt_node *node, struct prt_node *inner)
{
    uint32_t *outputs = node->outputs;
    fuse->graph->values[inner->outputs[0]].uses = 0;
    *node = *inner;
    node->outputs = outputs;
    inner->removed = true;
}

/* A clamp after anything that has an activation. Quantised, it must not change the scale. */
static bool take_clamp(struct fuse *fuse, struct prt_node *node)
{
    struct prt_graph *graph = fuse->graph;
    if (node->op != PRT_OP_UNARY || node->attrs.unary.kind != PRT_UNARY_CLAMP)
        return false;
    uint32_t x = node->inputs[0];
    struct prt_node *inner = prt_match_producer(graph, x);
    const struct prt_tensor *y = prt_match_tensor(graph, node->outputs[0]);
    if (!inner || !activation_of(inner) || graph->values[x].uses != 1 ||
        activation_of(inner)->kind == PRT_ACT_PRELU ||
        (after_of(inner) && after_of(inner)->present) ||
        !(y->dtype == PRT_F32 ||
          (y->quant.kind != PRT_QUANT_NONE && prt_match_same_codes(prt_match_tensor(graph, x), y))))
        return false;
    double lo = node->attrs.unary.a, hi = node->attrs.unary.b;
    swallow(fuse, node, inner);
    prt_match_merge_clamp(activation_of(node), lo, hi);
    return true;
}

static bool take_prelu(struct fuse *fuse, struct prt_node *node)
{
    if (node->op != PRT_OP_PRELU || !prt_match_is_f32(fuse->graph, node->outputs[0]))
        return false;
    struct prt_node *inner = weighted(fuse, node->inputs[0]);
    uint32_t slope = node->inputs[1];
    if (!inner || activation_of(inner)->kind != PRT_ACT_NONE ||
        !prt_match_is_constant(fuse->graph, slope) ||
        (node->attrs.prelu.nhwc ? 3u : 1u) != channel_axis(fuse, inner))
        return false;
    swallow(fuse, node, inner);
    node->inputs[SLOPE] = slope;
    activation_of(node)->kind = PRT_ACT_PRELU;
    return true;
}

/* The channel's numbers of a constant operand of an fp32 BINARY after an open conv or linear. */
static float *channel_operand(struct fuse *fuse, struct prt_node *node, struct prt_node **inner)
{
    struct prt_graph *graph = fuse->graph;
    if (node->op != PRT_OP_BINARY || !prt_match_is_f32(graph, node->outputs[0]))
        return NULL;
    *inner = open_weighted(fuse, node->inputs[0]);
    const struct prt_tensor *x = prt_match_tensor(graph, node->inputs[0]);
    struct prt_tensor y = *prt_match_tensor(graph, node->outputs[0]);
    if (!*inner || !prt_tensor_same_sizes(x, &y))
        return NULL;
    uint32_t bias = (*inner)->inputs[BIAS];
    if (bias != PRT_NO_VALUE && !prt_match_is_constant(graph, bias))
        return NULL;
    return prt_match_channels(graph, node->inputs[1], &y, channel_axis(fuse, *inner));
}

static const float *bias_of(const struct fuse *fuse, const struct prt_node *node)
{
    return node->inputs[BIAS] == PRT_NO_VALUE ? NULL
                                              : prt_deferred_data(fuse->graph, node->inputs[BIAS]);
}

/* conv(x) + constant per channel: a bias. */
static bool take_bias(struct fuse *fuse, struct prt_node *node)
{
    struct prt_node *inner = NULL;
    if (node->op != PRT_OP_BINARY)
        return false;
    enum prt_binary_kind kind = node->attrs.binary.kind;
    struct prt_activation act = node->attrs.binary.act;
    double sign = kind == PRT_BINARY_SUB ? -node->attrs.binary.alpha : node->attrs.binary.alpha;
    float *bias = kind == PRT_BINARY_ADD || kind == PRT_BINARY_SUB
                      ? channel_operand(fuse, node, &inner)
                      : NULL;
    if (!bias)
        return false;
    int32_t channels =
        prt_match_tensor(fuse->graph, inner->outputs[0])->sizes[channel_axis(fuse, inner)];
    const float *old = bias_of(fuse, inner);
    for (int32_t i = 0; i < channels; i++)
        bias[i] = (float)(sign * (double)bias[i] + (old ? (double)old[i] : 0));
    uint32_t vector = prt_match_add_vector(fuse->graph, bias, channels);
    if (vector == PRT_NO_VALUE) {
        fuse->failed = true;
        return false;
    }
    swallow(fuse, node, inner);
    node->inputs[BIAS] = vector;
    *activation_of(node) = act;
    return true;
}

/* The same for a weight that is not in memory: it is told of its factors. */
static uint32_t scaled_later(struct fuse *fuse, uint32_t id, unsigned axis, const float *factors)
{
    struct prt_graph *graph = fuse->graph;
    struct prt_factors *by = base_arena_alloc(&graph->arena, sizeof *by);
    const struct prt_tensor weight = graph->values[id].tensor;
    uint32_t copy =
        by ? prt_match_add_constant(graph, &weight, graph->values[id].data) : PRT_NO_VALUE;
    if (copy == PRT_NO_VALUE) {
        fuse->failed = true;
        return copy;
    }
    *by = (struct prt_factors){factors, axis};
    graph->values[copy].flags |= PRT_FLAG_DEFERRED;
    graph->values[copy].factors = by;
    return copy;
}

/* A copy of a constant fp32 weight with each output channel multiplied by its factor. */
static uint32_t scaled_weight(struct fuse *fuse, const struct prt_node *node, const float *factors)
{
    struct prt_graph *graph = fuse->graph;
    uint32_t id = node->inputs[WEIGHT];
    struct prt_tensor weight = graph->values[id].tensor;
    unsigned axis = node->op == PRT_OP_LINEAR && node->attrs.linear.weight_is_io ? 1 : 0;
    if (graph->values[id].flags & PRT_FLAG_DEFERRED && !graph->values[id].factors)
        return scaled_later(fuse, id, axis, factors);
    const float *from = prt_deferred_data(graph, id);
    float *to = base_arena_alloc(&graph->arena, graph->values[id].bytes);
    uint32_t copy = prt_match_add_constant(graph, &weight, to);
    if (!from || !to || copy == PRT_NO_VALUE) {
        fuse->failed = true;
        return PRT_NO_VALUE;
    }
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(&weight, strides);
    size_t count = prt_tensor_elements(&weight);
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] * factors[i / (size_t)strides[axis] % (size_t)weight.sizes[axis]];
    return copy;
}

/* conv(x) * constant per channel, as a batch norm leaves it: into the weights and the bias. */
static bool take_scale(struct fuse *fuse, struct prt_node *node)
{
    struct prt_node *inner = NULL;
    if (node->op != PRT_OP_BINARY)
        return false;
    enum prt_binary_kind kind = node->attrs.binary.kind;
    struct prt_activation act = node->attrs.binary.act;
    float *factors = kind == PRT_BINARY_MUL || kind == PRT_BINARY_DIV
                         ? channel_operand(fuse, node, &inner)
                         : NULL;
    if (!factors || (inner->op == PRT_OP_CONV2D && inner->attrs.conv.transposed) ||
        !prt_match_is_constant(fuse->graph, inner->inputs[WEIGHT]))
        return false;
    int32_t channels =
        prt_match_tensor(fuse->graph, inner->outputs[0])->sizes[channel_axis(fuse, inner)];
    float *bias = NULL;
    const float *old = bias_of(fuse, inner);
    if (old && !(bias = base_arena_array(&fuse->graph->arena, (size_t)channels, sizeof *bias))) {
        fuse->failed = true;
        return false;
    }
    for (int32_t i = 0; i < channels; i++) {
        factors[i] = kind == PRT_BINARY_DIV ? 1 / factors[i] : factors[i];
        if (bias)
            bias[i] = old[i] * factors[i];
    }
    uint32_t weight = scaled_weight(fuse, inner, factors);
    uint32_t vector = bias ? prt_match_add_vector(fuse->graph, bias, channels) : PRT_NO_VALUE;
    if (weight == PRT_NO_VALUE || (bias && vector == PRT_NO_VALUE)) {
        fuse->failed = true;
        return false;
    }
    swallow(fuse, node, inner);
    node->inputs[WEIGHT] = weight;
    node->inputs[BIAS] = vector;
    *activation_of(node) = act;
    return true;
}

/* conv(x) + something of the same sizes. Of two convolutions the later one takes the other in. */
static bool take_residual(struct fuse *fuse, struct prt_node *node)
{
    const struct prt_graph *graph = fuse->graph;
    if (node->op != PRT_OP_BINARY || node->attrs.binary.kind != PRT_BINARY_ADD ||
        node->attrs.binary.alpha != 1 || !prt_match_is_f32(graph, node->outputs[0]))
        return false;
    struct prt_node *inner = NULL;
    uint32_t residual = PRT_NO_VALUE;
    const struct prt_tensor *y = prt_match_tensor(graph, node->outputs[0]);
    for (unsigned i = 0; i < 2; i++) {
        const struct prt_tensor *x = prt_match_tensor(graph, node->inputs[i]);
        const struct prt_tensor *other = prt_match_tensor(graph, node->inputs[1 - i]);
        struct prt_node *candidate = open_weighted(fuse, node->inputs[i]);
        if (candidate && other && prt_tensor_same_sizes(x, y) && prt_tensor_same_sizes(other, y) &&
            (!inner || candidate > inner)) {
            inner = candidate;
            residual = node->inputs[1 - i];
        }
    }
    if (!inner)
        return false;
    struct prt_activation act = node->attrs.binary.act;
    swallow(fuse, node, inner);
    node->inputs[RESIDUAL] = residual;
    *activation_of(node) = act;
    return true;
}

/* A function of the result. Not when the layer reads what was dequantised: it is about to become
 * one on integers, which have tables for functions. */
static bool take_function(struct fuse *fuse, struct prt_node *node)
{
    const struct prt_graph *graph = fuse->graph;
    if (node->op != PRT_OP_UNARY || node->attrs.unary.kind == PRT_UNARY_CLAMP ||
        node->attrs.unary.kind == PRT_UNARY_NOT || !prt_match_is_f32(graph, node->outputs[0]))
        return false;
    struct prt_node *inner = weighted(fuse, node->inputs[0]);
    if (!inner || !prt_match_is_f32(graph, inner->inputs[0]) ||
        !prt_match_is_f32(graph, inner->outputs[0]) ||
        prt_match_made_by(graph, inner->inputs[0], PRT_OP_DEQUANTIZE))
        return false;
    struct prt_unary_attrs unary = node->attrs.unary;
    swallow(fuse, node, inner);
    *after_of(node) = (struct prt_after){
        .present = true, .function = unary.kind, .a = unary.a, .b = unary.b, .scale = 1};
    return true;
}

/* One number times, or plus, the function's result. */
static bool take_affine(struct fuse *fuse, struct prt_node *node)
{
    const struct prt_graph *graph = fuse->graph;
    double number;
    if (node->op != PRT_OP_BINARY || node->attrs.binary.act.kind != PRT_ACT_NONE ||
        !prt_match_number(graph, node->inputs[1], &number))
        return false;
    struct prt_node *inner = weighted_and(fuse, node->inputs[0], true);
    if (!inner || !prt_match_is_f32(graph, node->outputs[0]) ||
        !prt_tensor_same_sizes(prt_match_tensor(graph, node->inputs[0]),
                               prt_match_tensor(graph, node->outputs[0])))
        return false;
    double scale = 1, shift = 0;
    switch (node->attrs.binary.kind) {
    case PRT_BINARY_ADD:
        shift = number * node->attrs.binary.alpha;
        break;
    case PRT_BINARY_SUB:
        shift = -number * node->attrs.binary.alpha;
        break;
    case PRT_BINARY_MUL:
        scale = number;
        break;
    case PRT_BINARY_DIV:
        scale = 1 / number;
        break;
    default:
        return false;
    }
    swallow(fuse, node, inner);
    struct prt_after *after = after_of(node);
    after->scale = (float)((double)after->scale * scale);
    after->shift = (float)((double)after->shift * scale + shift);
    return true;
}

static rule *const rules[] = {
    take_padding, take_exchange, take_clamp,    take_prelu,  take_bias,
    take_scale,   take_residual, take_function, take_affine,
};

enum percept_status prt_pass_fuse(struct prt_graph *graph,
                                  const struct prt_backend *const *backends,
                                  struct percept_error *error)
{
    (void)backends;
    struct fuse fuse = {.graph = graph};
    for (uint32_t n = 0; n < graph->node_count && !fuse.failed; n++)
        for (unsigned r = 0; r < sizeof rules / sizeof *rules && !fuse.failed;)
            r = rules[r](&fuse, &graph->nodes[n]) ? 0 : r + 1;
    if (fuse.failed)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to fuse nodes");
    return prt_graph_finish(graph, error);
}
