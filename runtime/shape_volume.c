/* Why: the rules of the ops that slide windows in three dimensions or follow a grid. */
#include "runtime/shape_rule.h"

static bool plain_float(const struct prt_tensor *x)
{
    return (x->dtype == PRT_F32 || x->dtype == PRT_F64) && !is_quantised(x);
}

/* Windows of a kernel over a size: as many as fit, and all coordinates in 32 bits. */
static bool window_fits(int64_t kernel, int64_t stride, int64_t dilation, int64_t padding)
{
    return kernel >= 1 && stride >= 1 && dilation >= 1 && padding >= 0 &&
           (kernel - 1) * dilation + 2 * padding < INT32_MAX;
}

const char *prt_shape_conv3d(const struct prt_check *check)
{
    const struct prt_conv3d_attrs *a = &check->node->attrs.conv3d;
    const struct prt_tensor *x = tensor_at(check, 0), *w = tensor_at(check, 1),
                            *bias = tensor_at(check, 2), *y = check->y;
    if (!x || !w || (operand(check, 2) && !bias))
        return WRONG_KIND;
    if (!plain_float(x) || !same_type(x, w) || !same_type(x, y) || (bias && !same_type(x, bias)))
        return WRONG_DTYPE;
    if (x->rank != 5 || w->rank != 5 || y->rank != 5 || x->sizes[0] != y->sizes[0])
        return WRONG_SIZES;
    int64_t in = x->sizes[1], out = y->sizes[1];
    if (a->groups < 1 || in % a->groups || out % a->groups)
        return WRONG_ATTRIBUTE;
    if (w->sizes[0] != (a->transposed ? in : out) ||
        w->sizes[1] != (a->transposed ? out : in) / a->groups || (bias && !vector_of(bias, out)))
        return WRONG_SIZES;
    for (int i = 0; i < 3; i++) {
        int64_t kernel = w->sizes[2 + i], size = x->sizes[2 + i], dilation = a->dilation[i];
        if (!window_fits(kernel, a->stride[i], dilation, a->padding[i]) ||
            a->output_padding[i] < 0 || (!a->transposed && a->output_padding[i] != 0))
            return WRONG_ATTRIBUTE;
        int64_t reach = (kernel - 1) * dilation + 1 - 2 * (int64_t)a->padding[i];
        int64_t wanted = a->transposed ? (size - 1) * a->stride[i] + reach + a->output_padding[i]
                                       : (size < reach ? -1 : (size - reach) / a->stride[i] + 1);
        if (y->sizes[2 + i] != wanted)
            return WRONG_SIZES;
    }
    return NULL;
}

static bool pool_type_fits(const struct prt_tensor *x, const struct prt_tensor *y,
                           enum prt_pool3d_kind kind)
{
    if (is_quantised(x) || is_quantised(y))
        return false;
    if (kind == PRT_POOL3D_AVERAGE)
        return plain_float(x) && y->dtype == x->dtype;
    return (plain_float(x) || x->dtype == PRT_I64) &&
           y->dtype == (kind == PRT_POOL3D_MAX ? x->dtype : PRT_I64);
}

const char *prt_shape_pool3d(const struct prt_check *check)
{
    const struct prt_pool3d_attrs *a = &check->node->attrs.pool3d;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if ((unsigned)a->kind > PRT_POOL3D_AVERAGE)
        return WRONG_ATTRIBUTE;
    if (!pool_type_fits(x, y, a->kind))
        return WRONG_DTYPE;
    if (x->rank != 4 || y->rank != 4 || x->sizes[0] != y->sizes[0])
        return WRONG_SIZES;
    for (int i = 0; i < 3; i++) {
        int64_t size = x->sizes[1 + i], count = y->sizes[1 + i];
        if (size < 1 || count < 1)
            return WRONG_SIZES;
        if (a->adaptive)
            continue;
        if (!window_fits(a->kernel[i], a->stride[i], a->dilation[i], a->padding[i]))
            return WRONG_ATTRIBUTE;
        /* The last window may hang over the edge (ceil_mode), but it starts inside of x or of the
         * padding before it. */
        int64_t room =
            size + 2 * (int64_t)a->padding[i] - ((int64_t)a->kernel[i] - 1) * a->dilation[i] - 1;
        int64_t full = room < 0 ? 0 : room / a->stride[i] + 1;
        if (count < full || count > full + 1)
            return WRONG_SIZES;
        if ((count - 1) * a->stride[i] - a->padding[i] >= size)
            return WRONG_ATTRIBUTE;
    }
    return NULL;
}

const char *prt_shape_grid_sample(const struct prt_check *check)
{
    const struct prt_grid_attrs *a = &check->node->attrs.grid;
    const struct prt_tensor *x = tensor_at(check, 0), *grid = tensor_at(check, 1), *y = check->y;
    if (!x || !grid)
        return WRONG_KIND;
    if (!plain_float(x) || !same_type(x, grid) || !same_type(x, y))
        return WRONG_DTYPE;
    if ((unsigned)a->mode >= PRT_GRID_MODES || (unsigned)a->edge >= PRT_GRID_EDGES)
        return WRONG_ATTRIBUTE;
    if (x->rank != 4 || grid->rank != 4 || y->rank != 4 || x->sizes[2] < 1 || x->sizes[3] < 1)
        return WRONG_SIZES;
    return grid->sizes[0] == x->sizes[0] && y->sizes[0] == x->sizes[0] && grid->sizes[3] == 2 &&
                   y->sizes[1] == x->sizes[1] && y->sizes[2] == grid->sizes[1] &&
                   y->sizes[3] == grid->sizes[2]
               ? NULL
               : WRONG_SIZES;
}
