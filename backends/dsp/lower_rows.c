/* Why: what the softmax and norms of layers need beside the codes: powers of e, and a factor and an
 * offset an element. */
#include "backends/dsp/lower.h"

#include <math.h>

/* ---- SOFTMAX ---- */

enum { MOST_PART_SHIFT = 16, MOST_WIDE_PART_SHIFT = 22 }; /* step.c */

const char *dsp_lower_softmax(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_softmax_attrs *attrs = &lowering->node->attrs.softmax;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_softmax *softmax = &lowered->step.as.softmax;
    if (!dsp_same_codes(x, y, NULL))
        return "its operands are no codes of one type";
    if (attrs->log)
        return "a logarithm of a softmax";
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "rows that are not whole in memory";
    double parts = 1 / (double)y->quant.scale;
    if (!dsp_shift_for(parts, dsp_is_byte_codes(x) ? MOST_PART_SHIFT : MOST_WIDE_PART_SHIFT,
                       &softmax->scale.shift))
        return "scales that are too far apart";
    softmax->scale.multiplier = dsp_multiplier(parts, softmax->scale.shift);
    softmax->code = dsp_code_for(y, NULL);
    int64_t outer = 1, inner = 1;
    for (int32_t i = 0; i < (int32_t)x->rank; i++) {
        outer *= i < attrs->axis ? x->sizes[i] : 1;
        inner *= i > attrs->axis ? x->sizes[i] : 1;
    }
    if (outer > INT32_MAX || inner > INT32_MAX)
        return "too many rows";
    softmax->outer = (int32_t)outer;
    softmax->inner = (int32_t)inner;
    softmax->length = x->sizes[attrs->axis];
    lowered->step.op = DSP_SOFTMAX;
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

void dsp_make_powers(const struct dsp_lowering *lowering, void *to)
{
    double scale = (double)dsp_operand(lowering, 0)->quant.scale;
    uint32_t *powers = to;
    uint64_t *factors = to;
    bool bytes = dsp_is_byte_codes(dsp_operand(lowering, 0));
    for (int i = 0; bytes && i < DSP_POWERS; i++)
        powers[i] = (uint32_t)rint(ldexp(exp(-i * scale), DSP_EXP_BITS));
    for (int i = 0; !bytes && i < 2 * DSP_POWERS; i++) {
        int steps = i < DSP_POWERS ? DSP_POWERS * i : i - DSP_POWERS;
        factors[i] = (uint64_t)rint(ldexp(exp(-steps * scale), DSP_WIDE_EXP_BITS));
    }
}

/* ---- LAYER_NORM ---- */

/* Offsets of less than 2^61 beside products of 2^30 and quotients below 2^8 times 2^22. */
enum { MOST_NORM_SHIFT = 30, MOST_OFFSET_BITS = 8 };

/* Epsilon beside whole numbers below 2^16 length^2, in as many bits as there are for both. */
static bool fill_epsilon(const struct dsp_lowering *lowering, struct dsp_norm *norm)
{
    double scale = (double)dsp_operand(lowering, 0)->quant.scale;
    double epsilon =
        lowering->node->attrs.layer_norm.epsilon * norm->length * norm->length / (scale * scale);
    int bits = 30;
    while (bits > 0 && (ldexp((double)norm->length * norm->length, 16 + bits) > 0x1p62 ||
                        !(ldexp(epsilon, bits) < 0x1p62)))
        bits -= 2;
    if (!(epsilon >= 0) || !(ldexp(epsilon, bits) < 0x1p62))
        return false;
    norm->shift = (uint32_t)bits;
    norm->epsilon = (uint64_t)rint(ldexp(epsilon, bits));
    return true;
}

const char *dsp_lower_layer_norm(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_norm *norm = &lowered->step.as.norm;
    if (!dsp_same_codes(x, y, NULL) || !dsp_is_byte_codes(x))
        return "its operands are no codes of 8 bits";
    for (unsigned i = 1; i < 3; i++)
        if (dsp_operand(lowering, i) && !dsp_constant(lowering, i))
            return "a weight that is computed at run time";
    if (!prt_tensor_same_layout(x, y) || x->dim_order[x->rank - 1] != x->rank - 1)
        return "rows that are not whole in memory";
    norm->length = x->sizes[x->rank - 1];
    size_t rows = prt_tensor_elements(x) / (size_t)norm->length;
    if (rows > INT32_MAX)
        return "too many rows";
    norm->rows = (int32_t)rows;
    norm->rms = lowering->node->attrs.layer_norm.rms;
    norm->zero_x = x->quant.zero_point;
    norm->code = dsp_code_for(y, NULL);
    if (!fill_epsilon(lowering, norm))
        return "an epsilon far above what codes can be";
    lowered->step.op = DSP_NORM;
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

/* Element i of the weight or the bias, in steps of the result. */
static double factor(const struct dsp_lowering *lowering, unsigned operand, int32_t i)
{
    const struct prt_value *row = dsp_constant(lowering, operand);
    double fallback = operand == 1 ? 1 : 0;
    return (row ? (double)((const float *)row->data)[i] : fallback) /
           (double)dsp_result(lowering)->quant.scale;
}

enum percept_status dsp_make_norm_channels(const struct dsp_lowering *lowering, void *to,
                                           struct percept_error *error)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0);
    struct dsp_norm_channel *channels = to;
    for (int32_t i = 0; i < x->sizes[x->rank - 1]; i++) {
        double weight = factor(lowering, 1, i), bias = factor(lowering, 2, i);
        uint32_t shift;
        if (!isfinite(weight) || !isfinite(bias) ||
            !dsp_shift_for(fmax(fabs(weight), ldexp(fabs(bias), -MOST_OFFSET_BITS)),
                           MOST_NORM_SHIFT, &shift))
            return percept_fail(error, PERCEPT_UNSUPPORTED, "dsp: %s: factors are too large",
                                lowering->node->name ? lowering->node->name : "layer_norm");
        channels[i] = (struct dsp_norm_channel){
            .offset = dsp_offset(bias, shift + DSP_NORM_BITS),
            .multiplier = dsp_multiplier(weight, shift),
            .shift = shift + DSP_NORM_BITS,
        };
    }
    return PERCEPT_OK;
}
