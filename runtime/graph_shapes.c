/*
 * Why: kernels index memory by what a graph states and check nothing. So a graph is only finished
 * when each node's operands agree in number, kind, element type, quantisation and sizes, as one
 * rule an op says here. All arithmetic is in 64 bits on 32-bit sizes, so it cannot overflow.
 */
#include "runtime/graph_check.h"

#include <math.h>
#include <string.h>

struct check {
    const struct prt_graph *graph;
    const struct prt_node *node;
    const struct prt_tensor *y; /* the one output; every op has one */
};

/* A rule returns NULL, or what is wrong. */
typedef const char *(*shape_rule)(const struct check *check);

static const char *const wrong_kind = "an operand is missing or of the wrong kind";
static const char *const wrong_dtype = "element types or quantisation do not fit together";
static const char *const wrong_sizes = "sizes do not fit together";
static const char *const wrong_attribute = "an attribute is out of range";

/* ---- small questions ---- */

static const struct prt_value *operand(const struct check *check, unsigned index)
{
    if (index >= check->node->input_count || check->node->inputs[index] == PRT_NO_VALUE)
        return NULL;
    return &check->graph->values[check->node->inputs[index]];
}

/* The tensor operand, NULL when it is absent or no tensor. */
static const struct prt_tensor *tensor_at(const struct check *check, unsigned index)
{
    const struct prt_value *value = operand(check, index);
    return value && value->kind == PRT_VALUE_TENSOR ? &value->tensor : NULL;
}

static bool is_scalar(const struct prt_value *value)
{
    return value && (value->kind == PRT_VALUE_INT || value->kind == PRT_VALUE_DOUBLE ||
                     value->kind == PRT_VALUE_BOOL);
}

static bool is_float(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_F32 || tensor->dtype == PRT_F16 || tensor->dtype == PRT_BF16 ||
           tensor->dtype == PRT_F64;
}

static bool is_quantised(const struct prt_tensor *tensor)
{
    return tensor->quant.kind != PRT_QUANT_NONE;
}

/* An activation of a quantised network: 8 bits, one scale. */
static bool is_quantised_8(const struct prt_tensor *tensor)
{
    return tensor->quant.kind == PRT_QUANT_PER_TENSOR &&
           (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8);
}

/* Both plain and of one type, or both quantised to 8 bits of one type (scales may differ). */
static bool same_type(const struct prt_tensor *a, const struct prt_tensor *b)
{
    if (a->dtype != b->dtype || is_quantised(a) != is_quantised(b))
        return false;
    return !is_quantised(a) || (is_quantised_8(a) && is_quantised_8(b));
}

/* The stored codes mean the same numbers, so that moving them is moving the numbers. */
static bool same_codes(const struct prt_tensor *a, const struct prt_tensor *b)
{
    const struct prt_quant *p = &a->quant, *q = &b->quant;
    if (a->dtype != b->dtype || p->kind != q->kind)
        return false;
    return p->kind == PRT_QUANT_NONE || (p->kind == PRT_QUANT_PER_TENSOR && p->scale == q->scale &&
                                         p->zero_point == q->zero_point);
}

static bool is_empty(const struct prt_tensor *tensor)
{
    for (unsigned i = 0; i < tensor->rank; i++)
        if (tensor->sizes[i] == 0)
            return true;
    return false;
}

static bool broadcasts_to(const struct prt_tensor *x, const struct prt_tensor *y)
{
    if (x->rank > y->rank)
        return false;
    for (unsigned i = 0; i < x->rank; i++) {
        int32_t from = x->sizes[x->rank - 1 - i], to = y->sizes[y->rank - 1 - i];
        if (from != to && from != 1)
            return false;
    }
    return true;
}

static bool vector_of(const struct prt_tensor *tensor, int64_t count)
{
    return tensor->rank == 1 && tensor->sizes[0] == count;
}

static bool clamp_or_none(const struct prt_activation *act)
{
    return act->kind == PRT_ACT_NONE ||
           (act->kind == PRT_ACT_CLAMP && !isnan(act->lo) && !isnan(act->hi));
}

/* ---- convolution and its kin ---- */

static bool weight_type_fits(const struct prt_tensor *x, const struct prt_tensor *weight,
                             unsigned out_axis)
{
    if (!is_quantised(x))
        return is_float(x) && weight->dtype == x->dtype && !is_quantised(weight);
    if (!is_quantised_8(x) || weight->dtype != PRT_I8 || !is_quantised(weight))
        return false;
    if (weight->quant.kind == PRT_QUANT_PER_TENSOR)
        return weight->quant.zero_point == 0;
    if (weight->quant.axis != out_axis)
        return false;
    for (uint32_t i = 0; weight->quant.zero_points && i < weight->quant.count; i++)
        if (weight->quant.zero_points[i] != 0)
            return false;
    return true;
}

/* bias, residual and slope: inputs 2, 3 and 4 of CONV2D and LINEAR. */
static const char *check_epilogue(const struct check *check, const struct prt_activation *act,
                                  int64_t channels)
{
    const struct prt_tensor *y = check->y, *bias = tensor_at(check, 2),
                            *residual = tensor_at(check, 3), *slope = tensor_at(check, 4);
    if ((operand(check, 2) && !bias) || (operand(check, 3) && !residual) ||
        (operand(check, 4) && !slope))
        return wrong_kind;
    if (bias) {
        bool integer = is_quantised(y) && bias->dtype == PRT_I32;
        if (!integer &&
            (bias->dtype != (is_quantised(y) ? PRT_F32 : y->dtype) || is_quantised(bias)))
            return wrong_dtype;
        if (!vector_of(bias, channels))
            return wrong_sizes;
    }
    if (residual && !same_type(residual, y))
        return wrong_dtype;
    if (residual && !prt_tensor_same_sizes(residual, y))
        return wrong_sizes;
    if ((act->kind == PRT_ACT_PRELU) != (slope != NULL) || (!slope && !clamp_or_none(act)))
        return wrong_attribute;
    if (slope && slope->dtype != (is_quantised(y) ? PRT_F32 : y->dtype))
        return wrong_dtype;
    if (slope && !vector_of(slope, channels) && !vector_of(slope, 1))
        return wrong_sizes;
    return NULL;
}

static bool window_valid(const int32_t *stride, const int32_t *dilation, const int32_t *padding)
{
    for (int i = 0; i < 2; i++)
        if (stride[i] < 1 || dilation[i] < 1 || padding[2 * i] < 0 || padding[2 * i + 1] < 0)
            return false;
    return true;
}

/* Positions of a sliding window; 0 when it does not fit once. */
static int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                            int64_t padding)
{
    int64_t room = size + padding - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

static const char *check_conv(const struct check *check)
{
    const struct prt_conv_attrs *a = &check->node->attrs.conv;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1), *y = check->y;
    if (!x || !w)
        return wrong_kind;
    if (x->rank != 4 || w->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(w) || is_empty(y))
        return wrong_sizes;
    if (!window_valid(a->stride, a->dilation, a->padding) || a->groups < 1)
        return wrong_attribute;
    int channel = a->nhwc ? 3 : 1, row = a->nhwc ? 1 : 2;
    int64_t in = x->sizes[channel], out = y->sizes[channel];
    if (in % a->groups || out % a->groups || x->sizes[0] != y->sizes[0])
        return wrong_sizes;
    /* PyTorch keeps the weight of a transposed convolution input channels first. */
    bool input_first = a->transposed && !a->nhwc;
    unsigned out_axis = input_first ? 1 : 0;
    int64_t first = input_first ? in : out, second = (input_first ? out : in) / a->groups;
    if (w->sizes[0] != first || w->sizes[channel] != second)
        return wrong_sizes;
    for (int i = 0; i < 2; i++) {
        int64_t padding = (int64_t)a->padding[2 * i] + a->padding[2 * i + 1];
        int64_t kernel = w->sizes[row + i], size = x->sizes[row + i], wanted;
        if (a->transposed) {
            if (a->output_padding[i] < 0)
                return wrong_attribute;
            wanted = (size - 1) * a->stride[i] - padding + (kernel - 1) * a->dilation[i] + 1 +
                     a->output_padding[i];
        } else {
            wanted = window_count(size, kernel, a->stride[i], a->dilation[i], padding);
        }
        if (y->sizes[row + i] != wanted)
            return wrong_sizes;
    }
    if (is_quantised(x) != is_quantised(y) || !weight_type_fits(x, w, out_axis) ||
        (is_quantised(x) ? !is_quantised_8(y) : x->dtype != y->dtype))
        return wrong_dtype;
    return check_epilogue(check, &a->act, out);
}

static const char *check_linear(const struct check *check)
{
    const struct prt_linear_attrs *a = &check->node->attrs.linear;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1), *y = check->y;
    if (!x || !w)
        return wrong_kind;
    if (x->rank < 1 || w->rank != 2 || y->rank != x->rank || is_empty(w))
        return wrong_sizes;
    unsigned out_axis = a->weight_is_io ? 1 : 0, last = x->rank - 1u;
    if (w->sizes[out_axis] != y->sizes[last] || w->sizes[1 - out_axis] != x->sizes[last])
        return wrong_sizes;
    for (unsigned i = 0; i < last; i++)
        if (x->sizes[i] != y->sizes[i])
            return wrong_sizes;
    if (is_quantised(x) != is_quantised(y) || !weight_type_fits(x, w, out_axis) ||
        (is_quantised(x) ? !is_quantised_8(y) : x->dtype != y->dtype))
        return wrong_dtype;
    return check_epilogue(check, &a->act, y->sizes[last]);
}

static const char *check_matmul(const struct check *check)
{
    const struct prt_tensor *a = tensor_at(check, 0), *b = tensor_at(check, 1), *y = check->y;
    if (!a || !b)
        return wrong_kind;
    if (!same_type(a, b) || !same_type(a, y))
        return wrong_dtype;
    if (a->rank < 2 || b->rank < 2 || y->rank < a->rank || y->rank < b->rank)
        return wrong_sizes;
    bool transposed = check->node->attrs.matmul.transpose_b;
    int32_t k = b->sizes[b->rank - (transposed ? 1 : 2)],
            n = b->sizes[b->rank - (transposed ? 2 : 1)];
    if (a->sizes[a->rank - 1] != k || a->sizes[a->rank - 2] != y->sizes[y->rank - 2] ||
        n != y->sizes[y->rank - 1])
        return wrong_sizes;
    struct prt_tensor lead_a = *a, lead_b = *b, lead_y = *y;
    lead_a.rank -= 2, lead_b.rank -= 2, lead_y.rank -= 2;
    return broadcasts_to(&lead_a, &lead_y) && broadcasts_to(&lead_b, &lead_y) ? NULL : wrong_sizes;
}

static const char *check_pool(const struct check *check)
{
    const struct prt_pool_attrs *a = &check->node->attrs.pool;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (a->is_max ? !same_codes(x, y) : !same_type(x, y))
        return wrong_dtype;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y))
        return wrong_sizes;
    if (!window_valid(a->stride, a->dilation, a->padding) || !clamp_or_none(&a->act))
        return wrong_attribute;
    int channel = a->nhwc ? 3 : 1, row = a->nhwc ? 1 : 2;
    if (x->sizes[0] != y->sizes[0] || x->sizes[channel] != y->sizes[channel])
        return wrong_sizes;
    for (int i = 0; i < 2; i++) {
        int64_t size = x->sizes[row + i], kernel = a->kernel[i], stride = a->stride[i];
        int64_t dilation = a->dilation[i], before = a->padding[2 * i];
        if (kernel < 1)
            return wrong_attribute;
        /* The last window may hang over the edge (ceil_mode), but every window sees at least one
         * element: the first reaches past the leading padding, the last starts inside. */
        int64_t count = y->sizes[row + i],
                full = window_count(size, kernel, stride, dilation, before + a->padding[2 * i + 1]);
        if (count < full || count > full + 1)
            return wrong_sizes;
        if ((kernel - 1) * dilation < before || (kernel > 1 && dilation > size) ||
            (count - 1) * stride - before >= size)
            return wrong_attribute;
    }
    return NULL;
}

static const char *check_resize(const struct check *check)
{
    const struct prt_resize_attrs *a = &check->node->attrs.resize;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (!same_codes(x, y))
        return wrong_dtype;
    int channel = a->nhwc ? 3 : 1;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y) || x->sizes[0] != y->sizes[0] ||
        x->sizes[channel] != y->sizes[channel])
        return wrong_sizes;
    for (int i = 0; i < 2; i++)
        if (!(a->scale[i] >= 0) || !isfinite(a->scale[i]))
            return wrong_attribute;
    return NULL;
}

/* ---- elementwise ---- */

static bool makes_bool(enum prt_binary_kind kind)
{
    return kind >= PRT_BINARY_EQ && kind <= PRT_BINARY_OR;
}

static const char *check_binary(const struct check *check)
{
    const struct prt_binary_attrs *a = &check->node->attrs.binary;
    const struct prt_tensor *y = check->y, *first = NULL;
    if ((unsigned)a->kind >= PRT_BINARY_COUNT || !clamp_or_none(&a->act))
        return wrong_attribute;
    for (unsigned i = 0; i < 2; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x && !is_scalar(operand(check, i)))
            return wrong_kind;
        if (!x)
            continue;
        if (!broadcasts_to(x, y))
            return wrong_sizes;
        if (first && !same_type(first, x))
            return wrong_dtype;
        first = x;
    }
    if (!first)
        return wrong_kind;
    bool fits =
        makes_bool(a->kind) ? y->dtype == PRT_BOOL && !is_quantised(y) : same_type(first, y);
    return fits ? NULL : wrong_dtype;
}

static const char *check_unary(const struct check *check)
{
    const struct prt_unary_attrs *a = &check->node->attrs.unary;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if ((unsigned)a->kind >= PRT_UNARY_COUNT || isnan(a->a) || isnan(a->b))
        return wrong_attribute;
    if (!x)
        return wrong_kind;
    if (a->kind == PRT_UNARY_NOT ? y->dtype != PRT_BOOL || is_quantised(x) : !same_type(x, y))
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

static const char *check_prelu(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *slope = tensor_at(check, 1), *y = check->y;
    if (!x || !slope)
        return wrong_kind;
    if (!same_type(x, y) || slope->dtype != (is_quantised(x) ? PRT_F32 : x->dtype))
        return wrong_dtype;
    unsigned axis = check->node->attrs.prelu.nhwc ? 3 : 1;
    if (x->rank <= axis || !prt_tensor_same_sizes(x, y) ||
        (!vector_of(slope, x->sizes[axis]) && !vector_of(slope, 1)))
        return wrong_sizes;
    return NULL;
}

static const char *check_where(const struct check *check)
{
    const struct prt_tensor *condition = tensor_at(check, 0), *y = check->y;
    if (!condition || condition->dtype != PRT_BOOL)
        return wrong_kind;
    if (!broadcasts_to(condition, y))
        return wrong_sizes;
    for (unsigned i = 1; i < 3; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x && !is_scalar(operand(check, i)))
            return wrong_kind;
        if (x && !same_codes(x, y))
            return wrong_dtype;
        if (x && !broadcasts_to(x, y))
            return wrong_sizes;
    }
    return NULL;
}

static const char *check_softmax(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    int32_t axis = check->node->attrs.softmax.axis;
    if (axis < 0 || axis >= x->rank)
        return wrong_attribute;
    if (!same_type(x, y) || !(is_float(x) || is_quantised(x)))
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

static const char *check_reduce(const struct check *check)
{
    const struct prt_reduce_attrs *a = &check->node->attrs.reduce;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (a->kind > PRT_REDUCE_MIN || (x->rank && a->axes == 0) || a->axes >> x->rank)
        return wrong_attribute;
    if (!same_type(x, y))
        return wrong_dtype;
    unsigned at = 0;
    for (unsigned i = 0; i < x->rank; i++) {
        bool reduced = a->axes >> i & 1;
        if (reduced && x->sizes[i] == 0)
            return wrong_sizes;
        if (reduced && !a->keep_dims)
            continue;
        if (at >= y->rank || y->sizes[at++] != (reduced ? 1 : x->sizes[i]))
            return wrong_sizes;
    }
    return at == y->rank ? NULL : wrong_sizes;
}

/* ---- moving data ---- */

static const char *check_concat(const struct check *check)
{
    int32_t axis = check->node->attrs.concat.axis;
    const struct prt_tensor *y = check->y;
    if (axis < 0 || axis >= y->rank)
        return wrong_attribute;
    int64_t sum = 0;
    for (unsigned i = 0; i < check->node->input_count; i++) {
        const struct prt_tensor *x = tensor_at(check, i);
        if (!x)
            return wrong_kind;
        if (!same_codes(x, y))
            return wrong_dtype;
        if (x->rank != y->rank)
            return wrong_sizes;
        for (int d = 0; d < y->rank; d++)
            if (d != axis && x->sizes[d] != y->sizes[d])
                return wrong_sizes;
        sum += x->sizes[axis];
    }
    return sum == y->sizes[axis] ? NULL : wrong_sizes;
}

static const char *check_slice(const struct check *check)
{
    const struct prt_slice_attrs *a = &check->node->attrs.slice;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    for (unsigned i = 1; i < 3; i++)
        if (operand(check, i) && operand(check, i)->kind != PRT_VALUE_INT)
            return wrong_kind;
    if (!same_codes(x, y))
        return wrong_dtype;
    if (a->axis < 0 || a->axis >= x->rank || a->step < 1)
        return wrong_attribute;
    int64_t start, end;
    prt_slice_range(check->graph, check->node, &start, &end);
    struct prt_tensor wanted = *x;
    wanted.sizes[a->axis] = end > start ? (int32_t)((end - start - 1) / a->step + 1) : 0;
    return prt_tensor_same_sizes(&wanted, y) ? NULL : wrong_sizes;
}

static const char *check_pad(const struct check *check)
{
    const struct prt_pad_attrs *a = &check->node->attrs.pad;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (!same_codes(x, y))
        return wrong_dtype;
    if (isnan(a->value))
        return wrong_attribute;
    if (x->rank != y->rank)
        return wrong_sizes;
    for (unsigned i = 0; i < x->rank; i++) {
        /* A crop on one side that eats what the other side pads would read outside of x. */
        if ((int64_t)x->sizes[i] + (a->before[i] < 0 ? a->before[i] : 0) +
                    (a->after[i] < 0 ? a->after[i] : 0) <
                0 ||
            (int64_t)x->sizes[i] + a->before[i] + a->after[i] != y->sizes[i])
            return wrong_sizes;
    }
    return NULL;
}

static const char *check_permute(const struct check *check)
{
    const uint8_t *order = check->node->attrs.permute.order;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (x->rank != y->rank)
        return wrong_sizes;
    uint32_t seen = 0;
    for (unsigned i = 0; i < x->rank; i++) {
        if (order[i] >= x->rank || (seen & (1u << order[i])))
            return wrong_attribute;
        seen |= 1u << order[i];
        if (y->sizes[i] != x->sizes[order[i]])
            return wrong_sizes;
    }
    if (x->quant.kind == PRT_QUANT_PER_CHANNEL) {
        bool follows = y->dtype == x->dtype && y->quant.kind == PRT_QUANT_PER_CHANNEL &&
                       order[y->quant.axis] == x->quant.axis;
        return follows ? NULL : wrong_dtype;
    }
    return same_codes(x, y) ? NULL : wrong_dtype;
}

static const char *check_reshape(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (!same_codes(x, y))
        return wrong_dtype;
    return prt_tensor_elements(x) == prt_tensor_elements(y) ? NULL : wrong_sizes;
}

static const char *check_layout(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (!same_codes(x, y))
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

/* ---- changing types ---- */

static const char *check_convert(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (is_quantised(x) || is_quantised(y))
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

static const char *check_quantize(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    bool from = x->dtype == PRT_F32 ? !is_quantised(x) : is_quantised_8(x);
    bool to = is_quantised(y) && (y->dtype == PRT_I8 || y->dtype == PRT_U8);
    if (!from || !to)
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

static const char *check_dequantize(const struct check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return wrong_kind;
    if (!is_quantised(x) || y->dtype != PRT_F32 || is_quantised(y))
        return wrong_dtype;
    return prt_tensor_same_sizes(x, y) ? NULL : wrong_sizes;
}

static const char *check_full(const struct check *check)
{
    return is_scalar(operand(check, 0)) ? NULL : wrong_kind;
}

/* ---- the table ---- */

static const struct {
    uint16_t min_inputs, max_inputs;
    shape_rule rule;
} rules[PRT_OP_COUNT] = {
    [PRT_OP_CONV2D] = {5, 5, check_conv},       [PRT_OP_LINEAR] = {5, 5, check_linear},
    [PRT_OP_MATMUL] = {2, 2, check_matmul},     [PRT_OP_BINARY] = {2, 2, check_binary},
    [PRT_OP_UNARY] = {1, 1, check_unary},       [PRT_OP_PRELU] = {2, 2, check_prelu},
    [PRT_OP_WHERE] = {3, 3, check_where},       [PRT_OP_POOL2D] = {1, 1, check_pool},
    [PRT_OP_REDUCE] = {1, 1, check_reduce},     [PRT_OP_CONCAT] = {1, UINT16_MAX, check_concat},
    [PRT_OP_SLICE] = {3, 3, check_slice},       [PRT_OP_PAD] = {1, 1, check_pad},
    [PRT_OP_PERMUTE] = {1, 1, check_permute},   [PRT_OP_RESHAPE] = {1, 1, check_reshape},
    [PRT_OP_RESIZE2D] = {1, 1, check_resize},   [PRT_OP_SOFTMAX] = {1, 1, check_softmax},
    [PRT_OP_CONVERT] = {1, 1, check_convert},   [PRT_OP_LAYOUT] = {1, 1, check_layout},
    [PRT_OP_QUANTIZE] = {1, 1, check_quantize}, [PRT_OP_DEQUANTIZE] = {1, 1, check_dequantize},
    [PRT_OP_FULL] = {1, 1, check_full},
};

const char *prt_graph_check_node(const struct prt_graph *graph, const struct prt_node *node)
{
    if ((unsigned)node->op >= PRT_OP_COUNT)
        return "unknown operation";
    if (node->output_count != 1 || node->input_count < rules[node->op].min_inputs ||
        node->input_count > rules[node->op].max_inputs)
        return "wrong number of operands";
    struct check check = {graph, node, &graph->values[node->outputs[0]].tensor};
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
