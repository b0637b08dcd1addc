/*
 * Why: exporters write the same thing in many ways. This pass brings each to the one form that the
 * later passes look for: nodes that change nothing go, chains of views become one view, and
 * arithmetic that spells out an op of ours becomes that op.
 */
#include "runtime/deferred.h"
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <math.h>
#include <string.h>

struct simplify {
    struct prt_graph *graph;
    uint32_t *same; /* by value: the value to read instead; itself when it stands */
    uint32_t known; /* values that the table covers */
    uint32_t *twin; /* by value: its first QUANTIZE or DEQUANTIZE result */
    bool failed;    /* out of memory */
};

/* A rule changes the node and says true, or leaves it alone. */
typedef bool rule(struct simplify *simplify, struct prt_node *node);

static uint32_t resolve(const struct simplify *simplify, uint32_t id)
{
    while (id < simplify->known && simplify->same[id] != id)
        id = simplify->same[id];
    return id;
}

static const struct prt_tensor *tensor_of(const struct simplify *simplify, uint32_t id)
{
    return prt_match_tensor(simplify->graph, id);
}

/* Give the node another first operand. */
static void read_instead(struct simplify *simplify, struct prt_node *node, uint32_t id)
{
    id = resolve(simplify, id);
    simplify->graph->values[node->inputs[0]].uses--;
    simplify->graph->values[id].uses++;
    node->inputs[0] = id;
}

/*
 * The node computes its operand again: drop it. Readers of y read x. When y is an output of the
 * method, x's producer writes y instead; an output that is an input or another output stays a copy.
 */
static bool drop(struct simplify *simplify, struct prt_node *node)
{
    struct prt_value *values = simplify->graph->values;
    uint32_t x = node->inputs[0], y = node->outputs[0];
    if (x >= simplify->known || y >= simplify->known)
        return false;
    if (values[y].flags & PRT_FLAG_OUTPUT) {
        struct prt_node *producer = prt_match_producer(simplify->graph, x);
        if (!producer || values[x].flags & PRT_FLAG_OUTPUT || producer->output_count != 1)
            return false;
        producer->outputs[0] = y;
        values[y].producer = values[x].producer;
        simplify->same[x] = y;
        values[y].uses += values[x].uses - 1;
    } else {
        simplify->same[y] = x;
        values[x].uses += values[y].uses - 1;
    }
    node->removed = true;
    return true;
}

/* ---- nodes that change nothing ---- */

static bool keeps_order(const struct prt_node *node, const struct prt_tensor *x)
{
    for (unsigned i = 0; i < x->rank; i++)
        if (node->attrs.permute.order[i] != i)
            return false;
    return true;
}

static bool adds_nothing(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_binary_attrs *a = &node->attrs.binary;
    double number;
    if (a->act.kind != PRT_ACT_NONE || !prt_match_number(graph, node->inputs[1], &number))
        return false;
    return ((a->kind == PRT_BINARY_ADD || a->kind == PRT_BINARY_SUB) && number * a->alpha == 0) ||
           ((a->kind == PRT_BINARY_MUL || a->kind == PRT_BINARY_DIV) && number == 1);
}

/* Of equal sizes. A stated scale that is not quite 1 leaves the sizes and still moves the pixels.
 */
static bool shows_each_pixel(const struct prt_resize_attrs *attrs)
{
    for (unsigned i = 0; i < 2; i++)
        if (!attrs->align_corners && attrs->scale[i] > 0 && attrs->scale[i] != 1)
            return false;
    return true;
}

static bool changes_nothing(const struct prt_graph *graph, const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_RESHAPE:
    case PRT_OP_LAYOUT: /* memory order is no part of the meaning; the layout pass decides it */
    case PRT_OP_CONVERT:
    case PRT_OP_QUANTIZE:
    case PRT_OP_SLICE:
        return true;
    case PRT_OP_RESIZE2D:
        return shows_each_pixel(&node->attrs.resize);
    case PRT_OP_PAD: /* equal sizes, but it may crop on one side what it pads on the other */
        for (unsigned i = 0; i < PRT_MAX_RANK; i++)
            if (node->attrs.pad.before[i] != 0)
                return false;
        return true;
    case PRT_OP_CONCAT:
        return node->input_count == 1;
    case PRT_OP_PERMUTE:
        return keeps_order(node, prt_match_tensor(graph, node->inputs[0]));
    case PRT_OP_UNARY:
        return node->attrs.unary.kind == PRT_UNARY_CLAMP && node->attrs.unary.a == -INFINITY &&
               node->attrs.unary.b == INFINITY;
    case PRT_OP_BINARY:
        return adds_nothing(graph, node);
    default:
        return false;
    }
}

static bool drop_identity(struct simplify *simplify, struct prt_node *node)
{
    const struct prt_tensor *x = tensor_of(simplify, node->inputs[0]);
    const struct prt_tensor *y = tensor_of(simplify, node->outputs[0]);
    return x && prt_tensor_same_sizes(x, y) && prt_match_same_codes(x, y) &&
           changes_nothing(simplify->graph, node) && drop(simplify, node);
}

/* Quantising or dequantising one value twice in the same way gives one result. */
static bool drop_twin(struct simplify *simplify, struct prt_node *node)
{
    uint32_t x = node->inputs[0], y = node->outputs[0];
    if ((node->op != PRT_OP_QUANTIZE && node->op != PRT_OP_DEQUANTIZE) || x >= simplify->known)
        return false;
    if (y >= simplify->known || simplify->twin[x] == PRT_NO_VALUE) {
        simplify->twin[x] = y < simplify->known ? y : PRT_NO_VALUE;
        return false;
    }
    uint32_t twin = resolve(simplify, simplify->twin[x]);
    if (twin == y || simplify->graph->values[y].flags & PRT_FLAG_OUTPUT ||
        !prt_match_same_codes(tensor_of(simplify, twin), tensor_of(simplify, y)))
        return false;
    read_instead(simplify, node, twin);
    return drop(simplify, node);
}

/* ---- views ---- */

static bool compose_permutes(struct simplify *simplify, struct prt_node *node)
{
    if (node->op != PRT_OP_PERMUTE)
        return false;
    struct prt_node *first = prt_match_made_by(simplify->graph, node->inputs[0], PRT_OP_PERMUTE);
    if (!first)
        return false;
    uint8_t order[PRT_MAX_RANK];
    unsigned rank = tensor_of(simplify, node->outputs[0])->rank;
    for (unsigned i = 0; i < rank; i++)
        order[i] = first->attrs.permute.order[node->attrs.permute.order[i]];
    memcpy(node->attrs.permute.order, order, rank);
    read_instead(simplify, node, first->inputs[0]);
    return true;
}

static bool compose_reshapes(struct simplify *simplify, struct prt_node *node)
{
    if (node->op != PRT_OP_RESHAPE)
        return false;
    struct prt_node *first = prt_match_made_by(simplify->graph, node->inputs[0], PRT_OP_RESHAPE);
    if (!first)
        return false;
    read_instead(simplify, node, first->inputs[0]);
    return true;
}

/*
 * permute(op(x)) as op(permute(x)) for a PAD, which then meets the convolution that it can become
 * part of, and for the DEQUANTIZE of a weight, which then meets its matrix product. The two nodes
 * swap places and the value between them is new.
 */
static bool sink_below_permute(struct simplify *simplify, struct prt_node *node)
{
    struct prt_graph *graph = simplify->graph;
    if (node->op != PRT_OP_PERMUTE || graph->values[node->inputs[0]].uses != 1)
        return false;
    struct prt_node *inner = prt_match_producer(graph, node->inputs[0]);
    if (!inner || !(inner->op == PRT_OP_PAD || (inner->op == PRT_OP_DEQUANTIZE &&
                                                prt_match_is_constant(graph, inner->inputs[0]))))
        return false;
    const uint8_t *order = node->attrs.permute.order;
    struct prt_tensor between = *tensor_of(simplify, inner->inputs[0]);
    const struct prt_tensor x = between;
    for (uint8_t i = 0; i < x.rank; i++) {
        between.sizes[i] = x.sizes[order[i]];
        between.dim_order[i] = i;
        if (x.quant.kind == PRT_QUANT_PER_CHANNEL && order[i] == x.quant.axis)
            between.quant.axis = i;
    }
    uint32_t value = prt_graph_add_tensor(graph, &between);
    if (value == PRT_NO_VALUE) {
        simplify->failed = true;
        return false;
    }
    struct prt_node outer = *inner;
    if (inner->op == PRT_OP_PAD) {
        for (unsigned i = 0; i < x.rank; i++) {
            outer.attrs.pad.before[i] = inner->attrs.pad.before[order[i]];
            outer.attrs.pad.after[i] = inner->attrs.pad.after[order[i]];
        }
    }
    uint32_t first = inner->inputs[0], last = node->outputs[0];
    uint32_t *inner_outputs = inner->outputs, *outer_outputs = node->outputs;
    uint32_t *inner_inputs = inner->inputs, *outer_inputs = node->inputs;
    *inner = *node;
    inner->inputs = inner_inputs, inner->outputs = inner_outputs;
    inner->inputs[0] = first, inner->outputs[0] = value;
    *node = outer;
    node->inputs = outer_inputs, node->outputs = outer_outputs;
    node->inputs[0] = value, node->outputs[0] = last;
    graph->values[value].uses = 1;
    graph->values[value].producer = (uint32_t)(inner - graph->nodes);
    return true;
}

/* ---- arithmetic ---- */

/* Constants to the right, where the order does not matter. */
static bool constant_right(struct simplify *simplify, struct prt_node *node)
{
    if (node->op != PRT_OP_BINARY)
        return false;
    enum prt_binary_kind kind = node->attrs.binary.kind;
    bool commutes = kind == PRT_BINARY_MUL || kind == PRT_BINARY_MAX || kind == PRT_BINARY_MIN ||
                    (kind == PRT_BINARY_ADD && node->attrs.binary.alpha == 1);
    const struct prt_graph *graph = simplify->graph;
    uint32_t a = node->inputs[0], b = node->inputs[1];
    bool fixed_a = !tensor_of(simplify, a) || prt_match_is_constant(graph, a);
    bool fixed_b = !tensor_of(simplify, b) || prt_match_is_constant(graph, b);
    if (!commutes || !fixed_a || fixed_b)
        return false;
    node->inputs[0] = b;
    node->inputs[1] = a;
    return true;
}

/* maximum(x, 0) and minimum(x, 6) are clamps, x * x and x ^ 2 squares. */
static bool unary_from_binary(struct simplify *simplify, struct prt_node *node)
{
    if (node->op != PRT_OP_BINARY || node->attrs.binary.act.kind != PRT_ACT_NONE ||
        !prt_match_is_f32(simplify->graph, node->inputs[0]) ||
        !prt_tensor_same_sizes(tensor_of(simplify, node->inputs[0]),
                               tensor_of(simplify, node->outputs[0])))
        return false;
    enum prt_binary_kind kind = node->attrs.binary.kind;
    double number;
    bool has_number = prt_match_number(simplify->graph, node->inputs[1], &number) && !isnan(number);
    if (has_number && kind == PRT_BINARY_MAX)
        node->attrs.unary = (struct prt_unary_attrs){PRT_UNARY_CLAMP, number, INFINITY};
    else if (has_number && kind == PRT_BINARY_MIN)
        node->attrs.unary = (struct prt_unary_attrs){PRT_UNARY_CLAMP, -INFINITY, number};
    else if ((has_number && kind == PRT_BINARY_POW && number == 2) ||
             (kind == PRT_BINARY_MUL && node->inputs[0] == node->inputs[1]))
        node->attrs.unary = (struct prt_unary_attrs){PRT_UNARY_SQUARE, 0, 0};
    else
        return false;
    if (node->inputs[0] == node->inputs[1])
        simplify->graph->values[node->inputs[0]].uses--;
    node->op = PRT_OP_UNARY;
    node->input_count = 1;
    return true;
}

static bool merge_clamps(struct simplify *simplify, struct prt_node *node)
{
    if (node->op != PRT_OP_UNARY || node->attrs.unary.kind != PRT_UNARY_CLAMP)
        return false;
    struct prt_graph *graph = simplify->graph;
    struct prt_node *first = prt_match_made_by(graph, node->inputs[0], PRT_OP_UNARY);
    if (!first || first->attrs.unary.kind != PRT_UNARY_CLAMP ||
        !prt_match_is_f32(graph, node->outputs[0]))
        return false;
    struct prt_activation both = {PRT_ACT_CLAMP, (float)first->attrs.unary.a,
                                  (float)first->attrs.unary.b};
    prt_match_merge_clamp(&both, node->attrs.unary.a, node->attrs.unary.b);
    node->attrs.unary.a = (double)both.lo;
    node->attrs.unary.b = (double)both.hi;
    read_instead(simplify, node, first->inputs[0]);
    return true;
}

/* One reader of the node's result is gone; with the last one goes the node. */
static void forget(struct prt_graph *graph, struct prt_node *node)
{
    if (--graph->values[node->outputs[0]].uses > 0)
        return;
    node->removed = true;
    for (unsigned i = 0; i < node->input_count; i++)
        if (node->inputs[i] != PRT_NO_VALUE)
            graph->values[node->inputs[i]].uses--;
}

/* where(x > 0, x, x * slope), slope constant per channel: how torch.export writes a PReLU. */
static bool prelu_from_where(struct simplify *simplify, struct prt_node *node)
{
    struct prt_graph *graph = simplify->graph;
    if (node->op != PRT_OP_WHERE)
        return false;
    struct prt_node *test = prt_match_made_by(graph, node->inputs[0], PRT_OP_BINARY);
    double zero;
    if (!test || !prt_match_number(graph, test->inputs[1], &zero) || zero != 0)
        return false;
    enum prt_binary_kind kind = test->attrs.binary.kind;
    bool positive = kind == PRT_BINARY_GT || kind == PRT_BINARY_GE;
    if (!positive && kind != PRT_BINARY_LT && kind != PRT_BINARY_LE)
        return false;
    uint32_t x = node->inputs[positive ? 1 : 2], other = node->inputs[positive ? 2 : 1];
    struct prt_node *scaled = prt_match_made_by(graph, other, PRT_OP_BINARY);
    if (test->inputs[0] != x || !prt_match_is_f32(graph, x) || !scaled ||
        scaled->attrs.binary.kind != PRT_BINARY_MUL || scaled->inputs[0] != x ||
        scaled->attrs.binary.act.kind != PRT_ACT_NONE)
        return false;
    struct prt_tensor y = *tensor_of(simplify, node->outputs[0]);
    if (!prt_tensor_same_sizes(tensor_of(simplify, x), &y))
        return false;
    /* The axis along which the slope varies: 1, or the last of four when the graph is NHWC. */
    for (unsigned axis = 1; axis < y.rank && axis <= 3; axis += 2) {
        float *slope = prt_match_channels(graph, scaled->inputs[1], &y, axis);
        if (!slope)
            continue;
        uint32_t vector = prt_match_add_vector(graph, slope, y.sizes[axis]);
        if (vector == PRT_NO_VALUE) {
            simplify->failed = true;
            return false;
        }
        graph->values[vector].uses = 1;
        forget(graph, test);
        forget(graph, scaled);
        node->op = PRT_OP_PRELU;
        node->input_count = 2;
        node->inputs[0] = x;
        node->inputs[1] = vector;
        node->attrs.prelu.nhwc = axis == 3;
        return true;
    }
    return false;
}

/*
 * The one constant matrix in an operand of a product: the operand itself, or what an expand (a
 * product with 1) repeats along the batch, which is how exporters write x @ W. Sets *matrix to its
 * tensor of rank 2. PRT_NO_VALUE when there is none.
 */
static uint32_t constant_matrix(const struct prt_graph *graph, uint32_t id,
                                struct prt_tensor *matrix)
{
    const struct prt_node *expand = prt_match_made_by(graph, id, PRT_OP_BINARY);
    const struct prt_tensor *whole = prt_match_tensor(graph, id);
    if (expand && adds_nothing(graph, expand))
        id = expand->inputs[0];
    if (!whole || whole->rank < 2 || !prt_match_is_constant(graph, id) ||
        !prt_match_is_f32(graph, id))
        return PRT_NO_VALUE;
    const struct prt_tensor *base = &graph->values[id].tensor;
    const int32_t *sizes = &whole->sizes[whole->rank - 2];
    *matrix = (struct prt_tensor){
        .dtype = PRT_F32, .rank = 2, .dim_order = {0, 1}, .sizes = {sizes[0], sizes[1]}};
    if (base->rank == 2)
        *matrix = *base;
    else if (base->rank < 2 || !prt_tensor_is_contiguous(base))
        return PRT_NO_VALUE;
    bool one = base->sizes[base->rank - 2] == sizes[0] && base->sizes[base->rank - 1] == sizes[1] &&
               prt_tensor_elements(base) == (size_t)sizes[0] * (size_t)sizes[1];
    return one && !graph->values[id].factors ? id : PRT_NO_VALUE;
}

/* The same of a matrix that is still in codes: what DEQUANTIZE makes of them. */
static uint32_t dequantised_matrix(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_tensor *whole = prt_match_tensor(graph, id), *base;
    const struct prt_node *expand = prt_match_made_by(graph, id, PRT_OP_BINARY);
    if (expand && adds_nothing(graph, expand))
        id = expand->inputs[0];
    const struct prt_node *node = prt_match_made_by(graph, id, PRT_OP_DEQUANTIZE);
    if (!node || !whole || whole->rank < 2 || !prt_match_is_constant(graph, node->inputs[0]))
        return PRT_NO_VALUE;
    base = prt_match_tensor(graph, id);
    const int32_t *sizes = &whole->sizes[whole->rank - 2];
    return base->rank == 2 && base->sizes[0] == sizes[0] && base->sizes[1] == sizes[1]
               ? id
               : PRT_NO_VALUE;
}

/* A tensor of its own for a constant matrix. */
static uint32_t add_matrix(struct prt_graph *graph, const struct prt_tensor *matrix, uint32_t from)
{
    uint32_t weight = prt_graph_add_tensor(graph, matrix);
    if (weight == PRT_NO_VALUE)
        return PRT_NO_VALUE;
    graph->values[weight].flags =
        PRT_FLAG_CONSTANT | (graph->values[from].flags & PRT_FLAGS_DEFERRED);
    graph->values[weight].data = graph->values[from].data;
    return weight;
}

/* A product with a constant matrix is a LINEAR, whose weight is packed once. */
static bool linear_from_matmul(struct simplify *simplify, struct prt_node *node)
{
    struct prt_graph *graph = simplify->graph;
    struct prt_tensor matrix;
    if (node->op != PRT_OP_MATMUL || !prt_match_is_f32(graph, node->inputs[0]) ||
        tensor_of(simplify, node->inputs[0])->rank != tensor_of(simplify, node->outputs[0])->rank)
        return false;
    uint32_t from = constant_matrix(graph, node->inputs[1], &matrix);
    uint32_t weight = dequantised_matrix(graph, node->inputs[1]);
    if (from == PRT_NO_VALUE && weight == PRT_NO_VALUE)
        return false;
    bool transposed = node->attrs.matmul.transpose_b;
    if (from != PRT_NO_VALUE)
        weight = add_matrix(graph, &matrix, from);
    if (weight == PRT_NO_VALUE || !prt_node_resize_inputs(graph, node, 5)) {
        simplify->failed = true;
        return false;
    }
    graph->values[weight].uses++;
    graph->values[node->inputs[1]].uses--;
    node->inputs[1] = weight;
    node->op = PRT_OP_LINEAR;
    node->attrs.linear = (struct prt_linear_attrs){.weight_is_io = !transposed};
    return true;
}

static rule *const rules[] = {
    drop_identity,  drop_twin,    compose_permutes,  compose_reshapes, sink_below_permute,
    constant_right, merge_clamps, unary_from_binary, prelu_from_where, linear_from_matmul,
};

enum percept_status prt_pass_simplify(struct prt_graph *graph,
                                      const struct prt_backend *const *backends,
                                      struct percept_error *error)
{
    (void)backends;
    struct simplify simplify = {.graph = graph, .known = graph->value_count};
    simplify.same = base_arena_array(&graph->arena, simplify.known, sizeof *simplify.same);
    simplify.twin = base_arena_array(&graph->arena, simplify.known, sizeof *simplify.twin);
    simplify.failed = !simplify.same || !simplify.twin;
    for (uint32_t i = 0; i < simplify.known && !simplify.failed; i++) {
        simplify.same[i] = i;
        simplify.twin[i] = PRT_NO_VALUE;
    }
    for (uint32_t n = 0; n < graph->node_count && !simplify.failed; n++) {
        struct prt_node *node = &graph->nodes[n];
        for (unsigned i = 0; i < node->input_count; i++)
            node->inputs[i] = resolve(&simplify, node->inputs[i]);
        /* Each rule brings the node nearer to its final form, so this ends. */
        for (unsigned r = 0; r < sizeof rules / sizeof *rules && !node->removed;)
            r = rules[r](&simplify, node) ? 0 : r + 1;
    }
    if (simplify.failed)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to simplify the graph");
    /* A result that took an output's name may have been read, under its old one, before that. */
    for (uint32_t n = 0; n < graph->node_count; n++)
        for (unsigned i = 0; i < graph->nodes[n].input_count; i++)
            graph->nodes[n].inputs[i] = resolve(&simplify, graph->nodes[n].inputs[i]);
    return prt_graph_finish(graph, error);
}
