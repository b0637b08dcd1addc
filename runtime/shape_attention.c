/* Why: the rules of the ops that passes make of whole patterns: attention. */
#include "runtime/shape_rule.h"

/* Elements of the dimensions before the last two. */
static size_t leading(const struct prt_tensor *tensor)
{
    size_t count = 1;
    for (unsigned i = 0; i + 2 < tensor->rank; i++)
        count *= (size_t)tensor->sizes[i];
    return count;
}

/* Does each leading dimension of q hold a whole number of those of x, which it shares out? */
static bool shared_out(const struct prt_tensor *q, const struct prt_tensor *x)
{
    if (x->rank != q->rank)
        return false;
    for (unsigned i = 0; i + 2 < q->rank; i++)
        if (x->sizes[i] == 0 || q->sizes[i] % x->sizes[i])
            return false;
    return true;
}

static bool is_start(const struct prt_value *value)
{
    return value->kind == PRT_VALUE_INT ||
           (value->kind == PRT_VALUE_TENSOR && !is_quantised(&value->tensor) &&
            (value->tensor.dtype == PRT_I32 || value->tensor.dtype == PRT_I64) &&
            prt_tensor_elements(&value->tensor) == 1);
}

const char *prt_shape_attention(const struct prt_check *check)
{
    const struct prt_tensor *q = tensor_at(check, 0), *k = tensor_at(check, 1),
                            *v = tensor_at(check, 2), *mask = tensor_at(check, 3), *y = check->y;
    const struct prt_attention_attrs *a = &check->node->attrs.attention;
    const struct prt_value *start = operand(check, 4);
    if (!q || !k || !v || (operand(check, 3) && !mask) || (start && !is_start(start)))
        return WRONG_KIND;
    if (!is_float(q) || is_quantised(q) || !same_type(q, k) || !same_type(q, v) ||
        !same_type(q, y) || (mask && !same_type(q, mask)))
        return WRONG_DTYPE;
    if (q->rank < 2 || y->rank != q->rank || !shared_out(q, k) || !shared_out(q, v))
        return WRONG_SIZES;
    unsigned last = q->rank - 1u;
    for (unsigned i = 0; i < last; i++)
        if (y->sizes[i] != q->sizes[i])
            return WRONG_SIZES;
    if (k->sizes[last] != q->sizes[last] || v->sizes[last - 1] != k->sizes[last - 1] ||
        y->sizes[last] != v->sizes[last])
        return WRONG_SIZES;
    if (mask && (mask->rank < 2 || mask->sizes[mask->rank - 1] != k->sizes[last - 1] ||
                 mask->sizes[mask->rank - 2] != q->sizes[last - 1] ||
                 (leading(mask) != 1 && leading(mask) != leading(q))))
        return WRONG_SIZES;
    return isfinite(a->scale) ? NULL : WRONG_ATTRIBUTE;
}
