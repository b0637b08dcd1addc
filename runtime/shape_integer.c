/* Why: the rules of the ops of plain integers (graph_integer.h). */
#include "runtime/shape_rule.h"

static bool is_plain(const struct prt_tensor *x, enum prt_dtype dtype)
{
    return x->dtype == dtype && !is_quantised(x);
}

/* I8 operands add up in 32 bits, I16 in 48, which we keep in 64. */
static bool adds_up_in(const struct prt_tensor *x, const struct prt_tensor *y)
{
    return (is_plain(x, PRT_I8) && is_plain(y, PRT_I32)) ||
           (is_plain(x, PRT_I16) && is_plain(y, PRT_I64));
}

static bool zero_valid(int32_t zero)
{
    return zero >= INT16_MIN && zero <= UINT16_MAX;
}

const char *prt_shape_codes(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (x->dtype != y->dtype || x->quant.kind == PRT_QUANT_PER_CHANNEL ||
        y->quant.kind == PRT_QUANT_PER_CHANNEL)
        return WRONG_DTYPE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

const char *prt_shape_rescale(const struct prt_check *check)
{
    const struct prt_rescale_attrs *a = &check->node->attrs.rescale;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    bool from =
        is_plain(x, PRT_I8) || is_plain(x, PRT_I16) || is_plain(x, PRT_I32) || is_plain(x, PRT_I64);
    bool to = is_plain(y, PRT_I8) || is_plain(y, PRT_I16) || is_plain(y, PRT_I32);
    if (!from || !to)
        return WRONG_DTYPE;
    if (!prt_tensor_same_sizes(x, y))
        return WRONG_SIZES;
    if (!a->multipliers || !a->shifts || !zero_valid(a->zero_x) || !zero_valid(a->zero_y) ||
        (a->count != 1 && (x->rank == 0 || a->count != (uint32_t)x->sizes[x->rank - 1])))
        return WRONG_ATTRIBUTE;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->shifts[i] < 2 || a->shifts[i] > 62)
            return WRONG_ATTRIBUTE;
    return NULL;
}

/* 8 bits, plain or with one scale. */
static bool is_byte(const struct prt_tensor *x)
{
    return (x->dtype == PRT_I8 || x->dtype == PRT_U8) && x->quant.kind != PRT_QUANT_PER_CHANNEL;
}

const char *prt_shape_table(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *table = tensor_at(check, 1), *y = check->y;
    if (!x || !table)
        return WRONG_KIND;
    bool bytes = is_byte(x) && is_byte(y) && same_codes(table, y);
    bool halves = is_plain(x, PRT_I16) && is_plain(table, PRT_I16) && is_plain(y, PRT_I32);
    if (!bytes && !halves)
        return WRONG_DTYPE;
    int32_t count = bytes ? 256 : 513;
    bool row = table->rank > 0 && table->sizes[table->rank - 1] == count &&
               prt_tensor_elements(table) == (size_t)count;
    return row && prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

/* Does an axis of a convolution add up? */
static bool conv_axis_fits(const struct prt_integer_conv_attrs *a, int i, int64_t size,
                           int64_t kernel, int64_t out)
{
    int64_t padding = (int64_t)a->padding[2 * i] + a->padding[2 * i + 1];
    if (a->kind == PRT_INTEGER_TRANSPOSED)
        return (size - 1) * a->stride[i] + padding + kernel == out;
    int64_t room = size - 1 + padding - (kernel - 1) * a->dilation[i];
    return room >= 0 && room / a->stride[i] + 1 == out;
}

const char *prt_shape_integer_conv(const struct prt_check *check)
{
    const struct prt_integer_conv_attrs *a = &check->node->attrs.integer_conv;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1),
                            *bias = tensor_at(check, 2), *y = check->y;
    if (!x || !w || !bias)
        return WRONG_KIND;
    if (!adds_up_in(x, y) || !is_plain(w, PRT_I8) || !is_plain(bias, y->dtype))
        return WRONG_DTYPE;
    if (a->kind > PRT_INTEGER_TRANSPOSED || !zero_valid(a->zero_x) || !zero_valid(a->zero_weight))
        return WRONG_ATTRIBUTE;
    if (x->rank != 4 || w->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(w) || is_empty(y) ||
        x->sizes[0] != y->sizes[0])
        return WRONG_SIZES;
    bool depthwise = a->kind == PRT_INTEGER_DEPTHWISE,
         transposed = a->kind == PRT_INTEGER_TRANSPOSED;
    int row = depthwise ? 0 : 1;
    int64_t out = depthwise ? (int64_t)w->sizes[2] * w->sizes[3] : w->sizes[0];
    if (w->sizes[depthwise ? 2 : 3] != x->sizes[3] || out != y->sizes[3] ||
        (!vector_of(bias, out) && !vector_of(bias, 1)))
        return WRONG_SIZES;
    for (int i = 0; i < 2; i++) {
        if (a->stride[i] < 1 || a->dilation[i] < 1 ||
            (!transposed && (a->padding[2 * i] < 0 || a->padding[2 * i + 1] < 0)))
            return WRONG_ATTRIBUTE;
        if (!conv_axis_fits(a, i, x->sizes[1 + i], w->sizes[row + i], y->sizes[1 + i]))
            return WRONG_SIZES;
    }
    return NULL;
}

const char *prt_shape_integer_matmul(const struct prt_check *check)
{
    const struct prt_integer_matmul_attrs *attrs = &check->node->attrs.integer_matmul;
    const struct prt_tensor *a = tensor_at(check, 0), *b = tensor_at(check, 1), *y = check->y;
    if (!a || !b)
        return WRONG_KIND;
    if (!adds_up_in(a, y) || !is_plain(b, a->dtype))
        return WRONG_DTYPE;
    if (!zero_valid(attrs->zero_a) || !zero_valid(attrs->zero_b))
        return WRONG_ATTRIBUTE;
    bool fits = a->rank == 3 && b->rank == 3 && y->rank == 3 && a->sizes[0] == y->sizes[0] &&
                b->sizes[0] == y->sizes[0] && a->sizes[1] == y->sizes[1] &&
                b->sizes[2] == y->sizes[2] && a->sizes[2] == b->sizes[1];
    return fits ? NULL : WRONG_SIZES;
}

const char *prt_shape_integer_pool(const struct prt_check *check)
{
    const struct prt_integer_pool_attrs *attrs = &check->node->attrs.integer_pool;
    const struct prt_pool_attrs *a = &attrs->window;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (!(is_plain(x, PRT_I8) || is_plain(x, PRT_I16)) || !is_plain(y, x->dtype))
        return WRONG_DTYPE;
    if (!zero_valid(attrs->zero_x) || !zero_valid(attrs->zero_y))
        return WRONG_ATTRIBUTE;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y) || x->sizes[0] != y->sizes[0] ||
        x->sizes[3] != y->sizes[3])
        return WRONG_SIZES;
    for (int i = 0; i < 2; i++) {
        int64_t before = a->padding[2 * i], after = a->padding[2 * i + 1];
        /* Every window sees at least one element. */
        if (a->kernel[i] < 1 || a->stride[i] < 1 || before < 0 || after < 0 ||
            before >= a->kernel[i] || after >= a->kernel[i])
            return WRONG_ATTRIBUTE;
        int64_t room = x->sizes[1 + i] + before + after - a->kernel[i];
        if (room < 0 || room / a->stride[i] + 1 != y->sizes[1 + i])
            return WRONG_SIZES;
        if ((int64_t)(y->sizes[1 + i] - 1) * a->stride[i] - before >= x->sizes[1 + i])
            return WRONG_ATTRIBUTE;
    }
    return NULL;
}

const char *prt_shape_scaled_resize(const struct prt_check *check)
{
    const struct prt_scaled_resize_attrs *a = &check->node->attrs.scaled_resize;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    bool real = x->dtype == PRT_F32 && y->dtype == PRT_F32;
    bool whole = is_plain(x, PRT_I8) || is_plain(x, PRT_I16);
    if (!real && !(whole && (a->bilinear ? adds_up_in(x, y) : is_plain(y, x->dtype))))
        return WRONG_DTYPE;
    for (int i = 0; i < 4; i++)
        if (a->scale[i] < 1 || a->scale[i] > INT16_MAX)
            return WRONG_ATTRIBUTE;
    for (int i = 0; i < 2; i++)
        if (a->offset[i] < INT16_MIN || a->offset[i] > INT16_MAX)
            return WRONG_ATTRIBUTE;
    if (x->rank != 4 || y->rank != 4 || is_empty(x) || is_empty(y) || x->sizes[0] != y->sizes[0] ||
        x->sizes[3] != y->sizes[3])
        return WRONG_SIZES;
    return NULL;
}
