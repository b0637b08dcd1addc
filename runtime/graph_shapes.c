/*
 * Why: kernels index memory by what a graph states and check nothing. So a graph is only finished
 * when each node's operands agree in number, kind, element type, quantisation and sizes, as one
 * rule an op says here. All arithmetic is in 64 bits on 32-bit sizes, so it cannot overflow.
 */
#include "runtime/graph_check.h"
#include "runtime/shape_rule.h"

#include <math.h>

/* ---- elementwise ---- */

static bool makes_bool(enum prt_binary_kind kind)
{
    return kind >= PRT_BINARY_EQ && kind <= PRT_BINARY_OR;
}

static const char *check_binary(const struct prt_check *check)
{
    const struct prt_binary_attrs *a = &check->node->attrs.binary;
    const struct prt_tensor *y = check->y, *first = NULL;
    if ((unsigned)a->kind >= PRT_BINARY_COUNT || !clamp_or_none(&a->act))
        return WRONG_ATTRIBUTE;
    for (unsigned i = 0; i < 2; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x && !is_scalar(operand(check, i)))
            return WRONG_KIND;
        if (!x)
            continue;
        if (!broadcasts_to(x, y))
            return WRONG_SIZES;
        if (first && !same_type(first, x))
            return WRONG_DTYPE;
        first = x;
    }
    if (!first)
        return WRONG_KIND;
    bool fits =
        makes_bool(a->kind) ? y->dtype == PRT_BOOL && !is_quantised(y) : same_type(first, y);
    return fits ? NULL : WRONG_DTYPE;
}

static const char *check_unary(const struct prt_check *check)
{
    const struct prt_unary_attrs *a = &check->node->attrs.unary;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if ((unsigned)a->kind >= PRT_UNARY_COUNT || isnan(a->a) || isnan(a->b))
        return WRONG_ATTRIBUTE;
    if (!x)
        return WRONG_KIND;
    if (a->kind == PRT_UNARY_NOT ? y->dtype != PRT_BOOL || is_quantised(x) : !same_type(x, y))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

static const char *check_prelu(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *slope = tensor_at(check, 1), *y = check->y;
    if (!x || !slope)
        return WRONG_KIND;
    if (!same_type(x, y) || slope->dtype != (is_quantised(x) ? PRT_F32 : x->dtype))
        return WRONG_DTYPE;
    unsigned axis = check->node->attrs.prelu.nhwc ? 3 : 1;
    if (x->rank <= axis || !prt_tensor_same_sizes(x, y) ||
        (!vector_of(slope, x->sizes[axis]) && !vector_of(slope, 1)))
        return WRONG_SIZES;
    return NULL;
}

static const char *check_where(const struct prt_check *check)
{
    const struct prt_tensor *condition = tensor_at(check, 0), *y = check->y;
    if (!condition || condition->dtype != PRT_BOOL)
        return WRONG_KIND;
    if (!broadcasts_to(condition, y))
        return WRONG_SIZES;
    for (unsigned i = 1; i < 3; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x && !is_scalar(operand(check, i)))
            return WRONG_KIND;
        if (x && !same_codes(x, y))
            return WRONG_DTYPE;
        if (x && !broadcasts_to(x, y))
            return WRONG_SIZES;
    }
    return NULL;
}

static const char *check_softmax(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    int32_t axis = check->node->attrs.softmax.axis;
    if (axis < 0 || axis >= x->rank)
        return WRONG_ATTRIBUTE;
    if (!same_type(x, y) || !(is_float(x) || is_quantised(x)))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

static const char *check_layer_norm(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!same_type(x, y) || (x->dtype != PRT_F32 && !is_quantised_8(x)))
        return WRONG_DTYPE;
    if (x->rank == 0 || !prt_tensor_same_sizes(x, y))
        return WRONG_SIZES;
    int32_t size = x->sizes[x->rank - 1];
    for (unsigned i = 1; i < 3; i++) {
        const struct prt_tensor *row = tensor_at(check, i);
        if (check->node->inputs[i] == PRT_NO_VALUE)
            continue;
        if (!row)
            return WRONG_KIND;
        if (row->dtype != PRT_F32)
            return WRONG_DTYPE;
        if (row->rank == 0 || row->sizes[row->rank - 1] != size ||
            prt_tensor_elements(row) != (size_t)size)
            return WRONG_SIZES;
    }
    return NULL;
}

static const char *check_reduce(const struct prt_check *check)
{
    const struct prt_reduce_attrs *a = &check->node->attrs.reduce;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if ((unsigned)a->kind >= PRT_REDUCE_COUNT || (x->rank && a->axes == 0) || a->axes >> x->rank)
        return WRONG_ATTRIBUTE;
    if (!same_type(x, y))
        return WRONG_DTYPE;
    unsigned at = 0;
    for (unsigned i = 0; i < x->rank; i++) {
        bool reduced = a->axes >> i & 1;
        if (reduced && x->sizes[i] == 0)
            return WRONG_SIZES;
        if (reduced && !a->keep_dims)
            continue;
        if (at >= y->rank || y->sizes[at++] != (reduced ? 1 : x->sizes[i]))
            return WRONG_SIZES;
    }
    return at == y->rank ? NULL : WRONG_SIZES;
}

static const char *check_argmax(const struct prt_check *check)
{
    const struct prt_argmax_attrs *a = &check->node->attrs.argmax;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (a->axis < 0 || a->axis >= x->rank)
        return WRONG_ATTRIBUTE;
    if (is_quantised(x) || is_quantised(y) || y->dtype != PRT_I64)
        return WRONG_DTYPE;
    if (x->sizes[a->axis] == 0 || y->rank != x->rank - !a->keep_dims)
        return WRONG_SIZES;
    for (int i = 0, at = 0; i < x->rank; i++)
        if (i != a->axis ? y->sizes[at++] != x->sizes[i] : a->keep_dims && y->sizes[at++] != 1)
            return WRONG_SIZES;
    return NULL;
}

static const char *check_cumsum(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    int32_t axis = check->node->attrs.cumsum.axis;
    if (axis < 0 || axis >= x->rank)
        return WRONG_ATTRIBUTE;
    if (is_quantised(x) || !same_type(x, y))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

/* ---- moving data ---- */

static const char *check_concat(const struct prt_check *check)
{
    int32_t axis = check->node->attrs.concat.axis;
    const struct prt_tensor *y = check->y;
    if (axis < 0 || axis >= y->rank)
        return WRONG_ATTRIBUTE;
    int64_t sum = 0;
    for (unsigned i = 0; i < check->node->input_count; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x)
            return WRONG_KIND;
        if (!same_codes(x, y))
            return WRONG_DTYPE;
        if (x->rank != y->rank)
            return WRONG_SIZES;
        for (int d = 0; d < y->rank; d++)
            if (d != axis && x->sizes[d] != y->sizes[d])
                return WRONG_SIZES;
        sum += x->sizes[axis];
    }
    return sum == y->sizes[axis] ? NULL : WRONG_SIZES;
}

static const char *check_slice(const struct prt_check *check)
{
    const struct prt_slice_attrs *a = &check->node->attrs.slice;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    for (unsigned i = 1; i < 3; i++)
        if (operand(check, i) && operand(check, i)->kind != PRT_VALUE_INT)
            return WRONG_KIND;
    if (!same_codes(x, y))
        return WRONG_DTYPE;
    if (a->axis < 0 || a->axis >= x->rank || a->step < 1)
        return WRONG_ATTRIBUTE;
    int64_t start, end;
    prt_slice_range(check->graph, check->node, &start, &end);
    struct prt_tensor wanted = *x;
    wanted.sizes[a->axis] = end > start ? (int32_t)((end - start - 1) / a->step + 1) : 0;
    return prt_tensor_same_sizes(&wanted, y) ? NULL : WRONG_SIZES;
}

static const char *check_pad(const struct prt_check *check)
{
    const struct prt_pad_attrs *a = &check->node->attrs.pad;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!same_codes(x, y))
        return WRONG_DTYPE;
    if (isnan(a->value))
        return WRONG_ATTRIBUTE;
    if (x->rank != y->rank)
        return WRONG_SIZES;
    for (unsigned i = 0; i < x->rank; i++) {
        /* A crop on one side that eats what the other side pads would read outside of x. */
        if ((int64_t)x->sizes[i] + (a->before[i] < 0 ? a->before[i] : 0) +
                    (a->after[i] < 0 ? a->after[i] : 0) <
                0 ||
            (int64_t)x->sizes[i] + a->before[i] + a->after[i] != y->sizes[i])
            return WRONG_SIZES;
    }
    return NULL;
}

static const char *check_permute(const struct prt_check *check)
{
    const uint8_t *order = check->node->attrs.permute.order;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (x->rank != y->rank)
        return WRONG_SIZES;
    uint32_t seen = 0;
    for (unsigned i = 0; i < x->rank; i++) {
        if (order[i] >= x->rank || (seen & (1u << order[i])))
            return WRONG_ATTRIBUTE;
        seen |= 1u << order[i];
        if (y->sizes[i] != x->sizes[order[i]])
            return WRONG_SIZES;
    }
    if (x->quant.kind == PRT_QUANT_PER_CHANNEL) {
        bool follows = y->dtype == x->dtype && y->quant.kind == PRT_QUANT_PER_CHANNEL &&
                       order[y->quant.axis] == x->quant.axis;
        return follows ? NULL : WRONG_DTYPE;
    }
    return same_codes(x, y) ? NULL : WRONG_DTYPE;
}

static const char *check_reshape(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!same_codes(x, y))
        return WRONG_DTYPE;
    return prt_tensor_elements(x) == prt_tensor_elements(y) ? NULL : WRONG_SIZES;
}

static const char *check_layout(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!same_codes(x, y))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

/* ---- changing types ---- */

static const char *check_convert(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (is_quantised(x) || is_quantised(y))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

static const char *check_quantize(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    bool from = x->dtype == PRT_F32 ? !is_quantised(x) : is_coded(x);
    bool to = is_quantised(y) && y->dtype != PRT_I32;
    if (!from || !to)
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

static const char *check_dequantize(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!is_quantised(x) || y->dtype != PRT_F32 || is_quantised(y))
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

static const char *check_full(const struct prt_check *check)
{
    return is_scalar(operand(check, 0)) ? NULL : WRONG_KIND;
}

static const char *check_range(const struct prt_check *check)
{
    if (!is_scalar(operand(check, 0)) || !is_scalar(operand(check, 1)))
        return WRONG_KIND;
    if (is_quantised(check->y))
        return WRONG_DTYPE;
    return check->y->rank == 1 ? NULL : WRONG_SIZES;
}

/* ---- what is not ours to know ---- */

static const char *check_blob(const struct prt_check *check)
{
    const struct prt_blob_attrs *a = &check->node->attrs.blob;
    if (!a->delegate || (a->bytes && !a->payload))
        return WRONG_ATTRIBUTE;
    for (unsigned i = 0; i < check->node->input_count; i++)
        if (!tensor_at(check, i))
            return WRONG_KIND;
    for (unsigned i = 0; i < check->node->output_count; i++)
        if (is_quantised(&check->graph->values[check->node->outputs[i]].tensor))
            return WRONG_DTYPE;
    return NULL;
}

/* ---- the table ---- */

static const struct {
    uint16_t min_inputs, max_inputs;
    prt_shape_rule *rule;
} rules[PRT_OP_COUNT] = {
    [PRT_OP_CONV2D] = {5, 5, prt_shape_conv},
    [PRT_OP_LINEAR] = {5, 5, prt_shape_linear},
    [PRT_OP_MATMUL] = {2, 2, prt_shape_matmul},
    [PRT_OP_BINARY] = {2, 2, check_binary},
    [PRT_OP_UNARY] = {1, 1, check_unary},
    [PRT_OP_PRELU] = {2, 2, check_prelu},
    [PRT_OP_WHERE] = {3, 3, check_where},
    [PRT_OP_POOL2D] = {1, 1, prt_shape_pool},
    [PRT_OP_REDUCE] = {1, 1, check_reduce},
    [PRT_OP_RANGE] = {2, 2, check_range},
    [PRT_OP_ARGMAX] = {1, 1, check_argmax},
    [PRT_OP_CUMSUM] = {1, 1, check_cumsum},
    [PRT_OP_CONCAT] = {1, UINT16_MAX, check_concat},
    [PRT_OP_SLICE] = {3, 3, check_slice},
    [PRT_OP_PAD] = {1, 1, check_pad},
    [PRT_OP_PERMUTE] = {1, 1, check_permute},
    [PRT_OP_RESHAPE] = {1, 1, check_reshape},
    [PRT_OP_RESIZE2D] = {1, 1, prt_shape_resize},
    [PRT_OP_SOFTMAX] = {1, 1, check_softmax},
    [PRT_OP_LAYER_NORM] = {3, 3, check_layer_norm},
    [PRT_OP_CONVERT] = {1, 1, check_convert},
    [PRT_OP_LAYOUT] = {1, 1, check_layout},
    [PRT_OP_QUANTIZE] = {1, 1, check_quantize},
    [PRT_OP_DEQUANTIZE] = {1, 1, check_dequantize},
    [PRT_OP_FULL] = {1, 1, check_full},
    [PRT_OP_ROUND_ROWS] = {1, 1, prt_shape_round_rows},
    [PRT_OP_DYNAMIC_LINEAR] = {4, 4, prt_shape_dynamic_linear},
    [PRT_OP_ATTENTION] = {4, 5, prt_shape_attention},
    [PRT_OP_GATHER] = {1, 17, prt_shape_gather},
    [PRT_OP_SCATTER] = {2, 18, prt_shape_scatter},
    [PRT_OP_ARGSORT] = {1, 1, prt_shape_argsort},
    [PRT_OP_CONV3D] = {3, 3, prt_shape_conv3d},
    [PRT_OP_POOL3D] = {1, 1, prt_shape_pool3d},
    [PRT_OP_GRID_SAMPLE] = {2, 2, prt_shape_grid_sample},
    [PRT_OP_DISTANCE] = {2, 2, prt_shape_distance},
    [PRT_OP_EXPECT] = {1, 1, prt_shape_expect},
    [PRT_OP_EMBEDDING_BAG] = {4, 4, prt_shape_embedding_bag},
    [PRT_OP_CODES] = {1, 1, prt_shape_codes},
    [PRT_OP_RESCALE] = {1, 1, prt_shape_rescale},
    [PRT_OP_TABLE] = {2, 2, prt_shape_table},
    [PRT_OP_INTEGER_CONV] = {3, 3, prt_shape_integer_conv},
    [PRT_OP_INTEGER_MATMUL] = {2, 2, prt_shape_integer_matmul},
    [PRT_OP_INTEGER_POOL] = {1, 1, prt_shape_integer_pool},
    [PRT_OP_SCALED_RESIZE] = {1, 1, prt_shape_scaled_resize},
    [PRT_OP_BLOB] = {0, UINT16_MAX, check_blob},
};

const char *prt_graph_check_node(const struct prt_graph *graph, const struct prt_node *node)
{
    if ((unsigned)node->op >= PRT_OP_COUNT || !rules[node->op].rule) /* or left out of the build */
        return "unknown operation";
    bool one = node->op != PRT_OP_BLOB;
    if (node->output_count == 0 || (one && node->output_count != 1) ||
        node->input_count < rules[node->op].min_inputs ||
        node->input_count > rules[node->op].max_inputs)
        return "wrong number of operands";
    struct prt_check check = {graph, node, &graph->values[node->outputs[0]].tensor};
    return rules[node->op].rule(&check);
}

enum percept_status prt_graph_check_shapes(const struct prt_graph *graph,
                                           struct percept_error *error)
{
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        const char *wrong = prt_graph_check_node(graph, node);
        if (wrong)
            return percept_fail(error, PERCEPT_MALFORMED, "node %u %s%s%s%s: %s", n,
                                prt_op_name(node->op), node->name ? " (" : "",
                                node->name ? node->name : "", node->name ? ")" : "", wrong);
    }
    return PERCEPT_OK;
}
