/*
 * Why: exporters spell functions out. x * clamp(x + 3, 0, 6) / 6 is a hardswish, x * sigmoid(x) is
 * a silu, x / 2 * (1 + erf(x / sqrt(2))) a gelu, and (x - mean) / sqrt(variance + eps) is a
 * normalisation: one op each, of one trip through memory, and what the fuse pass can put behind a
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
    if (clamp && act.kind == PRT_ACT_NONE)
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

static rule *const rules[] = {gated};

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
