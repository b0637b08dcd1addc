/* Why: the rules of the ops that quantise while they run. */
#include "runtime/shape_rule.h"

#include <float.h>

static bool is_least(float scale)
{
    return scale >= 0 && scale <= FLT_MAX;
}

const char *prt_shape_round_rows(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    int32_t dims = check->node->attrs.round_rows.dims;
    if (!x)
        return WRONG_KIND;
    if (x->dtype != PRT_F32 || y->dtype != PRT_F32 || is_quantised(x) || is_quantised(y))
        return WRONG_DTYPE;
    if (dims < 0 || dims > x->rank || !is_least(check->node->attrs.round_rows.least))
        return WRONG_ATTRIBUTE;
    return prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}

const char *prt_shape_dynamic_linear(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *weight = tensor_at(check, 1),
                            *scales = tensor_at(check, 2), *bias = tensor_at(check, 3),
                            *y = check->y;
    if (!x || !weight || !scales || (operand(check, 3) && !bias))
        return WRONG_KIND;
    if (x->dtype != PRT_F32 || y->dtype != PRT_F32 || weight->dtype != PRT_I8 ||
        (scales->dtype != PRT_F32 && scales->dtype != PRT_BF16) ||
        (bias && bias->dtype != PRT_F32) || is_quantised(x) || is_quantised(y) ||
        is_quantised(weight) || is_quantised(scales) || (bias && is_quantised(bias)))
        return WRONG_DTYPE;
    if (!clamp_or_none(&check->node->attrs.dynamic_linear.act) ||
        !is_least(check->node->attrs.dynamic_linear.least))
        return WRONG_ATTRIBUTE;
    if (x->rank < 1 || x->rank != y->rank || weight->rank != 2 || scales->rank != 2)
        return WRONG_SIZES;
    unsigned last = x->rank - 1u;
    int32_t in = weight->sizes[1], out = weight->sizes[0], groups = scales->sizes[1];
    for (unsigned i = 0; i < last; i++)
        if (x->sizes[i] != y->sizes[i])
            return WRONG_SIZES;
    if (in < 1 || in > PRT_DYNAMIC_INPUTS || groups < 1 || in % groups || x->sizes[last] != in ||
        y->sizes[last] != out || scales->sizes[0] != out || (bias && !vector_of(bias, out)))
        return WRONG_SIZES;
    return NULL;
}
