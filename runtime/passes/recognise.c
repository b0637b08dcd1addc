/*
 * Why: exporters spell functions out. x * clamp(x + 3, 0, 6) / 6 is a hardswish, x * sigmoid(x) is
 * a silu, x / 2 * (1 + erf(x / sqrt(2))) a gelu, and (x - mean) / sqrt(variance + eps) is a layer
 * norm: one op each, of one trip through memory, and functions the fuse pass can put behind a
 * convolution.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <math.h>

typedef bool rule(struct prt_graph *graph, struct prt_node *node);

static struct prt_node *binary(const struct prt_graph *graph, uint32_t id,
                               enum prt_binary_kind kind)
{
    struct prt_node *node = prt_match_made_by(graph, id, PRT_OP_BINARY);
    bool plain = node && node->attrs.binary.kind == kind &&
                 node->attrs.binary.act.kind == PRT_ACT_NONE && node->attrs.binary.alpha == 1;
    return plain && prt_match_is_f32(graph, node->outputs[0]) ? node : NULL;
}

static struct prt_node *unary(const struct prt_graph *graph, uint32_t id, enum prt_unary_kind kind)
{
    struct prt_node *node = prt_match_made_by(graph, id, PRT_OP_UNARY);
    return node && node->attrs.unary.kind == kind && prt_match_is_f32(graph, node->outputs[0])
               ? node
               : NULL;
}

static bool nearly(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

/* The value that `id` is a multiple of, by products with single numbers; *factor is taken along. */
static uint32_t unscaled(const struct prt_graph *graph, uint32_t id, double *factor)
{
    for (;;) {
        struct prt_node *mul = binary(graph, id, PRT_BINARY_MUL),
                        *div = binary(graph, id, PRT_BINARY_DIV);
        double number;
        if (mul && prt_match_number(graph, mul->inputs[1], &number)) {
            *factor *= number;
            id = mul->inputs[0];
        } else if (div && prt_match_number(graph, div->inputs[1], &number)) {
            *factor /= number;
            id = div->inputs[0];
        } else {
            return id;
        }
    }
}

/* clamp(x + 3, 0, 6), whether the clamp is a node or came with the sum. */
static bool is_ramp(const struct prt_graph *graph, uint32_t id, uint32_t x)
{
    const struct prt_node *clamp = unary(graph, id, PRT_UNARY_CLAMP);
    const struct prt_node *add =
        prt_match_made_by(graph, clamp ? clamp->inputs[0] : id, PRT_OP_BINARY);
    if (!add || !prt_match_is_f32(graph, add->outputs[0]))
        return false;
    const struct prt_binary_attrs *sum = &add->attrs.binary;
    struct prt_activation act = sum->act;
    if (clamp && act.kind != PRT_ACT_NONE)
        return false; /* bent once more */
    if (clamp)
        act = (struct prt_activation){PRT_ACT_CLAMP, (float)clamp->attrs.unary.a,
                                      (float)clamp->attrs.unary.b};
    double three;
    return sum->kind == PRT_BINARY_ADD && sum->alpha == 1 && act.kind == PRT_ACT_CLAMP &&
           act.lo == 0 && act.hi == 6 && add->inputs[0] == x &&
           prt_match_number(graph, add->inputs[1], &three) && three == 3;
}

/* erf(x / sqrt(2)) + 1 */
static bool is_bell(const struct prt_graph *graph, uint32_t id, uint32_t x)
{
    const struct prt_node *add = binary(graph, id, PRT_BINARY_ADD);
    for (unsigned i = 0; add && i < 2; i++) {
        const struct prt_node *erf = unary(graph, add->inputs[i], PRT_UNARY_ERF);
        double one, scale = 1;
        if (erf && prt_match_number(graph, add->inputs[1 - i], &one) && one == 1 &&
            unscaled(graph, erf->inputs[0], &scale) == x)
            return nearly(scale, M_SQRT1_2);
    }
    return false;
}

static bool become_unary(struct prt_graph *graph, struct prt_node *node, enum prt_unary_kind kind,
                         uint32_t x)
{
    if (!prt_tensor_same_sizes(prt_match_tensor(graph, x),
                               prt_match_tensor(graph, node->outputs[0])))
        return false;
    node->op = PRT_OP_UNARY;
    node->attrs.unary = (struct prt_unary_attrs){.kind = kind};
    node->input_count = 1;
    node->inputs[0] = x;
    return true;
}

/* Products of x and a function of x. Numbers may stand at any factor. */
static bool gated(struct prt_graph *graph, struct prt_node *node)
{
    double factor = 1;
    uint32_t product = unscaled(graph, node->outputs[0], &factor);
    const struct prt_node *mul = binary(graph, product, PRT_BINARY_MUL);
    if (node->op != PRT_OP_BINARY || !mul || !prt_match_tensor(graph, mul->inputs[1]))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t x = mul->inputs[i];
        double inner = factor;
        uint32_t gate = unscaled(graph, mul->inputs[1 - i], &inner);
        if (is_ramp(graph, gate, x) && nearly(inner, 1.0 / 6))
            return become_unary(graph, node, PRT_UNARY_HARDSWISH, x);
        const struct prt_node *hard = unary(graph, gate, PRT_UNARY_HARDSIGMOID);
        if (hard && hard->inputs[0] == x && inner == 1)
            return become_unary(graph, node, PRT_UNARY_HARDSWISH, x);
        const struct prt_node *soft = unary(graph, gate, PRT_UNARY_SIGMOID);
        if (soft && soft->inputs[0] == x && inner == 1)
            return become_unary(graph, node, PRT_UNARY_SILU, x);
        x = unscaled(graph, x, &inner);
        if (is_bell(graph, gate, x) && nearly(inner, 0.5))
            return become_unary(graph, node, PRT_UNARY_GELU, x);
    }
    return false;
}

/* The mean of each row of a value that makes `id`: that value, else PRT_NO_VALUE. */
static uint32_t row_mean(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_node *node = prt_match_made_by(graph, id, PRT_OP_REDUCE);
    if (!node || !prt_match_is_f32(graph, id) || node->attrs.reduce.kind != PRT_REDUCE_MEAN ||
        !node->attrs.reduce.keep_dims)
        return PRT_NO_VALUE;
    unsigned rank = prt_match_tensor(graph, node->inputs[0])->rank;
    return rank && node->attrs.reduce.axes == 1u << (rank - 1) ? node->inputs[0] : PRT_NO_VALUE;
}

/* The value whose square makes `id`. */
static uint32_t root(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_node *square = unary(graph, id, PRT_UNARY_SQUARE);
    return square ? square->inputs[0] : PRT_NO_VALUE;
}

/* The value of which `id` is sqrt(mean of the squares of a row + epsilon), or one over that. */
static uint32_t deviation_of(const struct prt_graph *graph, uint32_t id, bool inverse,
                             double *epsilon)
{
    const struct prt_node *reciprocal = inverse ? unary(graph, id, PRT_UNARY_RECIPROCAL) : NULL;
    const struct prt_node *node =
        inverse && !reciprocal
            ? unary(graph, id, PRT_UNARY_RSQRT)
            : unary(graph, reciprocal ? reciprocal->inputs[0] : id, PRT_UNARY_SQRT);
    const struct prt_node *add = node ? binary(graph, node->inputs[0], PRT_BINARY_ADD) : NULL;
    for (unsigned i = 0; add && i < 2; i++)
        if (prt_match_number(graph, add->inputs[1 - i], epsilon)) {
            uint32_t squares = row_mean(graph, add->inputs[i]);
            return squares == PRT_NO_VALUE ? PRT_NO_VALUE : root(graph, squares);
        }
    return PRT_NO_VALUE;
}

static bool become_layer_norm(struct prt_graph *graph, struct prt_node *node, uint32_t x,
                              uint32_t weight, uint32_t bias, struct prt_layer_norm_attrs attrs)
{
    if (!prt_match_is_f32(graph, x) ||
        !prt_tensor_same_sizes(prt_match_tensor(graph, x),
                               prt_match_tensor(graph, node->outputs[0])) ||
        !prt_node_resize_inputs(graph, node, 3)) /* without memory it stays as it is */
        return false;
    node->op = PRT_OP_LAYER_NORM;
    node->inputs[0] = x;
    node->inputs[1] = weight;
    node->inputs[2] = bias;
    node->attrs.layer_norm = attrs;
    return true;
}

/* c / sqrt(mean(c^2) + epsilon) of each row, where c may be x - mean(x). */
static bool normalised(struct prt_graph *graph, struct prt_node *node)
{
    const struct prt_node *mul = binary(graph, node->outputs[0], PRT_BINARY_MUL),
                          *div = binary(graph, node->outputs[0], PRT_BINARY_DIV);
    for (unsigned i = 0; (mul || div) && i < (mul ? 2 : 1); i++) {
        uint32_t x = node->inputs[i], other = node->inputs[1 - i];
        struct prt_layer_norm_attrs attrs = {.rms = true};
        if (deviation_of(graph, other, mul != NULL, &attrs.epsilon) != x || x == PRT_NO_VALUE ||
            graph->values[other].uses != 1)
            continue;
        const struct prt_node *sub = binary(graph, x, PRT_BINARY_SUB);
        if (sub && row_mean(graph, sub->inputs[1]) == sub->inputs[0]) {
            x = sub->inputs[0];
            attrs.rms = false;
        }
        return become_layer_norm(graph, node, x, PRT_NO_VALUE, PRT_NO_VALUE, attrs);
    }
    return false;
}

/* Is the value one number for each element of x's rows? */
static bool fits_rows(const struct prt_graph *graph, uint32_t id, const struct prt_tensor *x)
{
    const struct prt_tensor *row = prt_match_tensor(graph, id);
    return row && prt_match_is_f32(graph, id) && row->rank > 0 &&
           row->sizes[row->rank - 1] == x->sizes[x->rank - 1] &&
           prt_tensor_elements(row) == (size_t)row->sizes[row->rank - 1];
}

/* A LAYER_NORM that nobody else reads, times a weight or plus a bias. */
static bool normalised_affine(struct prt_graph *graph, struct prt_node *node)
{
    const struct prt_node *mul = binary(graph, node->outputs[0], PRT_BINARY_MUL),
                          *add = binary(graph, node->outputs[0], PRT_BINARY_ADD);
    for (unsigned i = 0; (mul || add) && i < 2; i++) {
        struct prt_node *norm = prt_match_made_by(graph, node->inputs[i], PRT_OP_LAYER_NORM);
        uint32_t other = node->inputs[1 - i];
        if (!norm || graph->values[node->inputs[i]].uses != 1 || norm->inputs[2] != PRT_NO_VALUE ||
            (mul && norm->inputs[1] != PRT_NO_VALUE) ||
            !fits_rows(graph, other, prt_match_tensor(graph, norm->inputs[0])))
            continue;
        if (!become_layer_norm(graph, node, norm->inputs[0], mul ? other : norm->inputs[1],
                               mul ? PRT_NO_VALUE : other, norm->attrs.layer_norm))
            continue;
        norm->removed = true;
        return true;
    }
    return false;
}

static rule *const rules[] = {gated, normalised, normalised_affine};

enum percept_status prt_pass_recognise(struct prt_graph *graph,
                                       const struct prt_backend *const *backends,
                                       struct percept_error *error)
{
    (void)backends;
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (unsigned r = 0; r < sizeof rules / sizeof *rules; r++)
            if (rules[r](graph, &graph->nodes[n]))
                break;
    return prt_graph_finish(graph, error);
}
