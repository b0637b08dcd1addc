/* Why: the rules of the ops that slide windows or multiply matrices, the longest of all. */
#include "runtime/shape_rule.h"

static bool weight_type_fits(const struct prt_tensor *x, const struct prt_tensor *weight,
                             unsigned out_axis)
{
    if (!is_quantised(x))
        return is_float(x) && weight->dtype == x->dtype && !is_quantised(weight);
    if (!is_coded(x) || weight->dtype != PRT_I8 || !is_quantised(weight))
        return false;
    if (weight->quant.kind == PRT_QUANT_PER_TENSOR)
        return true;
    if (weight->quant.axis != out_axis)
        return false;
    for (uint32_t i = 0; weight->quant.zero_points && i < weight->quant.count; i++)
        if (weight->quant.zero_points[i] != 0)
            return false;
    return true;
}

/* bias, residual and slope: inputs 2, 3 and 4 of CONV2D and LINEAR. */
static const char *check_epilogue(const struct prt_check *check, const struct prt_activation *act,
                                  const struct prt_after *after, int64_t channels)
{
    if (after->present && (check->y->dtype != PRT_F32 || is_quantised(check->y)))
        return WRONG_DTYPE;
    if (after->present &&
        ((unsigned)after->function >= PRT_UNARY_COUNT || after->function == PRT_UNARY_NOT))
        return WRONG_ATTRIBUTE;
    const struct prt_tensor *y = check->y, *bias = tensor_at(check, 2),
                            *residual = tensor_at(check, 3), *slope = tensor_at(check, 4);
    if ((operand(check, 2) && !bias) || (operand(check, 3) && !residual) ||
        (operand(check, 4) && !slope))
        return WRONG_KIND;
    if (bias) {
        bool integer = is_quantised(y) && bias->dtype == PRT_I32;
        if (!integer &&
            (bias->dtype != (is_quantised(y) ? PRT_F32 : y->dtype) || is_quantised(bias)))
            return WRONG_DTYPE;
        if (!vector_of(bias, channels))
            return WRONG_SIZES;
    }
    if (residual && !same_type(residual, y))
        return WRONG_DTYPE;
    if (residual && !prt_tensor_same_sizes(residual, y))
        return WRONG_SIZES;
    if ((act->kind == PRT_ACT_PRELU) != (slope != NULL) || (!slope && !clamp_or_none(act)))
        return WRONG_ATTRIBUTE;
    if (slope && slope->dtype != (is_quantised(y) ? PRT_F32 : y->dtype))
        return WRONG_DTYPE;
    if (slope && !vector_of(slope, channels) && !vector_of(slope, 1))
        return WRONG_SIZES;
    return NULL;
}

static bool window_valid(const int32_t *stride, const int32_t *dilation, const int32_t *padding)
{
    for (int i = 0; i < 2; i++)
        if (stride[i] < 1 || dilation[i] < 1 || padding[2 * i] < 0 || padding[2 * i + 1] < 0)
            return false;
    return true;
}

/* Do all coordinates that a kernel can form fit into an int32? */
static bool extent_fits(int64_t size, int64_t kernel, int64_t dilation, int64_t padding)
{
    return (kernel - 1) * dilation <= INT32_MAX &&
           size + padding + (kernel - 1) * dilation < INT32_MAX;
}

/* Positions of a sliding window; 0 when it does not fit once. */
static int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                            int64_t padding)
{
    int64_t room = size + padding - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

const char *prt_shape_conv(const struct prt_check *check)
{
    const struct prt_conv_attrs *a = &check->node->attrs.conv;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1), *y = check->y;
    if (!x || !w)
        return WRONG_KIND;
    if (x->rank != 4 || w->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(w) || is_empty(y))
        return WRONG_SIZES;
    if (!window_valid(a->stride, a->dilation, a->padding) || a->groups < 1)
        return WRONG_ATTRIBUTE;
    int channel = a->nhwc ? 3 : 1, row = a->nhwc ? 1 : 2;
    int64_t in = x->sizes[channel], out = y->sizes[channel];
    if (in % a->groups || out % a->groups || x->sizes[0] != y->sizes[0])
        return WRONG_SIZES;
    /* PyTorch keeps the weight of a transposed convolution input channels first. */
    bool input_first = a->transposed && !a->nhwc;
    unsigned out_axis = input_first ? 1 : 0;
    int64_t first = input_first ? in : out, second = (input_first ? out : in) / a->groups;
    if (w->sizes[0] != first || w->sizes[channel] != second)
        return WRONG_SIZES;
    for (int i = 0; i < 2; i++) {
        int64_t padding = (int64_t)a->padding[2 * i] + a->padding[2 * i + 1];
        int64_t kernel = w->sizes[row + i], size = x->sizes[row + i], wanted;
        if (!extent_fits(a->transposed ? y->sizes[row + i] : size, kernel, a->dilation[i], padding))
            return WRONG_ATTRIBUTE;
        if (a->transposed) {
            if (a->output_padding[i] < 0)
                return WRONG_ATTRIBUTE;
            wanted = (size - 1) * a->stride[i] - padding + (kernel - 1) * a->dilation[i] + 1 +
                     a->output_padding[i];
        } else {
            wanted = window_count(size, kernel, a->stride[i], a->dilation[i], padding);
        }
        if (y->sizes[row + i] != wanted)
            return WRONG_SIZES;
    }
    if (is_quantised(x) != is_quantised(y) || !weight_type_fits(x, w, out_axis) ||
        (is_quantised(x) ? !is_coded(y) : x->dtype != y->dtype))
        return WRONG_DTYPE;
    return check_epilogue(check, &a->act, &a->after, out);
}

const char *prt_shape_linear(const struct prt_check *check)
{
    const struct prt_linear_attrs *a = &check->node->attrs.linear;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1), *y = check->y;
    if (!x || !w)
        return WRONG_KIND;
    if (x->rank < 1 || w->rank != 2 || y->rank != x->rank || is_empty(w))
        return WRONG_SIZES;
    unsigned out_axis = a->weight_is_io ? 1 : 0, last = x->rank - 1u;
    if (w->sizes[out_axis] != y->sizes[last] || w->sizes[1 - out_axis] != x->sizes[last])
        return WRONG_SIZES;
    for (unsigned i = 0; i < last; i++)
        if (x->sizes[i] != y->sizes[i])
            return WRONG_SIZES;
    if (is_quantised(x) != is_quantised(y) || !weight_type_fits(x, w, out_axis) ||
        (is_quantised(x) ? !is_coded(y) : x->dtype != y->dtype))
        return WRONG_DTYPE;
    return check_epilogue(check, &a->act, &a->after, y->sizes[last]);
}

const char *prt_shape_matmul(const struct prt_check *check)
{
    const struct prt_tensor *a = tensor_at(check, 0), *b = tensor_at(check, 1), *y = check->y;
    if (!a || !b)
        return WRONG_KIND;
    if (!same_type(a, b) || !same_type(a, y))
        return WRONG_DTYPE;
    if (a->rank < 2 || b->rank < 2 || y->rank < a->rank || y->rank < b->rank)
        return WRONG_SIZES;
    bool transposed = check->node->attrs.matmul.transpose_b;
    int32_t k = b->sizes[b->rank - (transposed ? 1 : 2)],
            n = b->sizes[b->rank - (transposed ? 2 : 1)];
    if (a->sizes[a->rank - 1] != k || a->sizes[a->rank - 2] != y->sizes[y->rank - 2] ||
        n != y->sizes[y->rank - 1])
        return WRONG_SIZES;
    struct prt_tensor lead_a = *a, lead_b = *b, lead_y = *y;
    lead_a.rank -= 2, lead_b.rank -= 2, lead_y.rank -= 2;
    return broadcasts_to(&lead_a, &lead_y) && broadcasts_to(&lead_b, &lead_y) ? NULL : WRONG_SIZES;
}

const char *prt_shape_pool(const struct prt_check *check)
{
    const struct prt_pool_attrs *a = &check->node->attrs.pool;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (a->is_max ? !same_codes(x, y) : !same_type(x, y))
        return WRONG_DTYPE;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y))
        return WRONG_SIZES;
    if (!window_valid(a->stride, a->dilation, a->padding) || !clamp_or_none(&a->act))
        return WRONG_ATTRIBUTE;
    int channel = a->nhwc ? 3 : 1, row = a->nhwc ? 1 : 2;
    if (x->sizes[0] != y->sizes[0] || x->sizes[channel] != y->sizes[channel])
        return WRONG_SIZES;
    for (int i = 0; i < 2; i++) {
        int64_t size = x->sizes[row + i], kernel = a->kernel[i], stride = a->stride[i];
        int64_t dilation = a->dilation[i], before = a->padding[2 * i];
        if (kernel < 1 || !extent_fits(size, kernel, dilation, before + a->padding[2 * i + 1]))
            return WRONG_ATTRIBUTE;
        /* The last window may hang over the edge (ceil_mode), but every window sees at least one
         * element: the first reaches past the leading padding, the last starts inside. */
        int64_t count = y->sizes[row + i],
                full = window_count(size, kernel, stride, dilation, before + a->padding[2 * i + 1]);
        if (count < full || count > full + 1)
            return WRONG_SIZES;
        if ((kernel - 1) * dilation < before || (kernel > 1 && dilation > size) ||
            (count - 1) * stride - before >= size)
            return WRONG_ATTRIBUTE;
    }
    return NULL;
}

const char *prt_shape_resize(const struct prt_check *check)
{
    const struct prt_resize_attrs *a = &check->node->attrs.resize;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!same_codes(x, y))
        return WRONG_DTYPE;
    int channel = a->nhwc ? 3 : 1;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y) || x->sizes[0] != y->sizes[0] ||
        x->sizes[channel] != y->sizes[channel])
        return WRONG_SIZES;
    for (int i = 0; i < 2; i++)
        if (!(a->scale[i] >= 0) || !isfinite(a->scale[i]))
            return WRONG_ATTRIBUTE;
    return NULL;
}
