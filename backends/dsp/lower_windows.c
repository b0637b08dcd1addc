/* Why: pools, reductions along whole axes, and resizing: windows over images. */
#include "backends/dsp/lower.h"

#include <math.h>

enum { MOST_SHIFT = 40 }; /* of a POOL: step.c */

/* ---- POOL2D ---- */

static const char *fill_scale(const struct dsp_lowering *lowering, struct dsp_pool *pool)
{
    double x = (double)dsp_operand(lowering, 0)->quant.scale,
           y = (double)dsp_result(lowering)->quant.scale;
    if (!dsp_shift_for(x / y, MOST_SHIFT, &pool->scale.shift))
        return "scales that are too far apart";
    pool->scale.multiplier = dsp_multiplier(x / y, pool->scale.shift);
    pool->zero_x = dsp_operand(lowering, 0)->quant.zero_point;
    return NULL;
}

const char *dsp_lower_pool(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_pool_attrs *attrs = &lowering->node->attrs.pool;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_pool *pool = &lowered->step.as.pool;
    if (!dsp_same_codes(x, y, NULL))
        return "its operands are no codes of one type";
    if (!dsp_image_of(x, attrs->nhwc, &pool->x) || !dsp_image_of(y, attrs->nhwc, &pool->y))
        return "an image whose channels are not last in memory";
    lowered->step.op = DSP_POOL;
    lowered->x[0] = lowering->node->inputs[0];
    for (int i = 0; i < 2; i++) {
        pool->kernel[i] = attrs->kernel[i];
        pool->stride[i] = attrs->stride[i];
        pool->dilation[i] = attrs->dilation[i];
        pool->padding[2 * i] = attrs->padding[2 * i];
        pool->padding[2 * i + 1] = attrs->padding[2 * i + 1];
    }
    pool->kind = attrs->is_max              ? DSP_MAX_POOL
                 : attrs->count_include_pad ? DSP_AVERAGE_PADDED
                                            : DSP_AVERAGE;
    pool->code = dsp_code_for(y, &attrs->act);
    return fill_scale(lowering, pool);
}

/* ---- REDUCE ---- */

/* Where the reduced axes stand in memory: before, across and after them. False when they do not
 * stand together, or when the result has what is left in another order. */
static bool split(const struct dsp_lowering *lowering, int64_t parts[3])
{
    const struct prt_reduce_attrs *attrs = &lowering->node->attrs.reduce;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    unsigned part = 0, at = 0;
    parts[0] = parts[1] = parts[2] = 1;
    for (unsigned i = 0; i < x->rank; i++) {
        unsigned d = x->dim_order[i];
        bool reduced = attrs->axes >> d & 1;
        if (x->sizes[d] == 1)
            continue;
        if (reduced != (part == 1))
            part++;
        if (part > 2)
            return false;
        parts[part] *= x->sizes[d];
        if (reduced)
            continue;
        unsigned same = d;
        for (unsigned k = 0; k < d && !attrs->keep_dims; k++)
            same -= attrs->axes >> k & 1;
        while (at < y->rank && y->sizes[y->dim_order[at]] == 1)
            at++;
        if (at == y->rank || y->dim_order[at++] != same)
            return false;
    }
    return parts[0] <= INT32_MAX && parts[1] <= INT32_MAX && parts[2] <= INT32_MAX;
}

const char *dsp_lower_reduce(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    static const struct {
        bool known;
        uint8_t kind;
    } kinds[PRT_REDUCE_COUNT] = {
        [PRT_REDUCE_SUM] = {true, DSP_SUM},
        [PRT_REDUCE_MEAN] = {true, DSP_AVERAGE},
    };
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_pool *pool = &lowered->step.as.pool;
    int64_t parts[3];
    if (!kinds[lowering->node->attrs.reduce.kind].known)
        return "it sums and averages only";
    if (!dsp_same_codes(x, y, NULL))
        return "its operands are no codes of one type";
    if (!split(lowering, parts))
        return "axes that do not stand together in memory";
    lowered->step.op = DSP_POOL;
    lowered->x[0] = lowering->node->inputs[0];
    pool->kind = kinds[lowering->node->attrs.reduce.kind].kind;
    pool->x = (struct dsp_image){(int32_t)parts[0], (int32_t)parts[1], 1, (int32_t)parts[2]};
    pool->y = (struct dsp_image){(int32_t)parts[0], 1, 1, (int32_t)parts[2]};
    pool->kernel[0] = (int32_t)parts[1];
    pool->kernel[1] = 1;
    for (int i = 0; i < 2; i++)
        pool->stride[i] = pool->dilation[i] = 1;
    pool->code = dsp_code_for(y, NULL);
    return fill_scale(lowering, pool);
}

/* ---- RESIZE2D ---- */

const char *dsp_lower_resize(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_resize_attrs *attrs = &lowering->node->attrs.resize;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_resize *resize = &lowered->step.as.resize;
    if (!dsp_is_byte_codes(x) || !dsp_is_byte_codes(y))
        return "its operands are no codes of 8 bits";
    if (!dsp_image_of(x, attrs->nhwc, &resize->x) || !dsp_image_of(y, attrs->nhwc, &resize->y))
        return "an image whose channels are not last in memory";
    lowered->step.op = DSP_RESIZE;
    resize->bilinear = attrs->bilinear;
    resize->is_unsigned = x->dtype == PRT_U8;
    resize->zero = x->quant.zero_point;
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

/* Where PyTorch's upsampling looks for element `at`, in fp32 as there. */
static struct dsp_tap tap_of(const struct prt_resize_attrs *attrs, int axis, int32_t in,
                             int32_t out, int32_t at)
{
    float step =
        attrs->scale[axis] > 0 ? (float)(1.0 / attrs->scale[axis]) : (float)in / (float)out;
    float shift = attrs->half_pixel && !attrs->align_corners ? 0.5f : 0.0f;
    if (attrs->align_corners)
        step = out > 1 ? (float)(in - 1) / (float)(out - 1) : 0.0f;
    float position = step * ((float)at + shift);
    if (attrs->bilinear)
        position -= shift;
    else if (attrs->align_corners)
        position = rintf(position);
    position = position > 0 ? fminf(position, (float)(in - 1)) : 0;
    int32_t first = (int32_t)position;
    return (struct dsp_tap){
        .from = {first, first + (first < in - 1)},
        .share = (int32_t)rint(ldexp((double)position - first, DSP_SHARE_BITS)),
    };
}

enum percept_status dsp_make_taps(const struct dsp_lowering *lowering,
                                  const struct dsp_lowered *lowered, void *to,
                                  struct percept_error *error)
{
    const struct prt_resize_attrs *attrs = &lowering->node->attrs.resize;
    const struct dsp_image *x = &lowered->step.as.resize.x, *y = &lowered->step.as.resize.y;
    struct dsp_tap *taps = to;
    (void)error;
    for (int32_t h = 0; h < y->h; h++)
        taps[h] = tap_of(attrs, 0, x->h, y->h, h);
    for (int32_t w = 0; w < y->w; w++)
        taps[y->h + w] = tap_of(attrs, 1, x->w, y->w, w);
    return PERCEPT_OK;
}
