/* Why: convolutions, linear layers and products: sums of products, each with one scale at its end.
 */
#include "backends/dsp/fixed.h"
#include "backends/dsp/lower.h"
#include "runtime/deferred.h"

#include <math.h>
#include <stdlib.h>

/* Of a CONV's channels: offsets then fit beside sums of 31 bits and multipliers of 30. */
enum { MOST_SHIFT = 46 };
/* A residual of 2^8 codes, times as much, times 2^46, is below 2^62. */
#define MOST_RESIDUAL 128.0

/* ---- CONV2D and LINEAR ---- */

static const struct prt_activation *activation(const struct prt_node *node)
{
    return node->op == PRT_OP_CONV2D ? &node->attrs.conv.act : &node->attrs.linear.act;
}

static const char *check_operands(const struct dsp_lowering *lowering)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering),
                            *w = dsp_operand(lowering, 1), *residual = dsp_operand(lowering, 3);
    static const unsigned constants[] = {1, 2, 4};
    if (!dsp_same_codes(x, y, NULL) || w->dtype != PRT_I8)
        return "its operands are no codes of one type and its weight none of 8 bits";
    if (!dsp_is_byte_codes(x) && (residual || dsp_operand(lowering, 4)))
        return "a residual or a prelu of 16 bits";
    for (unsigned i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (dsp_operand(lowering, constants[i]) && !dsp_constant(lowering, constants[i]))
            return "a weight that is computed at run time";
    if (residual && (!dsp_is_codes(residual) || residual->dtype != y->dtype ||
                     !prt_tensor_same_layout(residual, y) ||
                     (double)residual->quant.scale / (double)y->quant.scale >= MOST_RESIDUAL))
        return "a residual of another layout or a far larger scale";
    return NULL;
}

static void fill_conv(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *residual = dsp_operand(lowering, 3);
    struct dsp_conv *conv = &lowered->step.as.conv;
    lowered->step.op = DSP_CONV;
    conv->zero_x = dsp_operand(lowering, 0)->quant.zero_point;
    conv->zero_w = dsp_operand(lowering, 1)->quant.zero_point; /* 0 of one with scales by channel */
    conv->zero_residual = residual ? residual->quant.zero_point : 0;
    conv->code = dsp_code_for(dsp_result(lowering), activation(lowering->node));
    lowered->x[0] = lowering->node->inputs[0];
    lowered->x[3] = residual ? lowering->node->inputs[3] : PRT_NO_VALUE;
    lowered->step.x[1].space = lowered->step.x[2].space = DSP_CONSTANTS;
}

const char *dsp_lower_conv(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_conv_attrs *attrs = &lowering->node->attrs.conv;
    const struct prt_tensor *w = dsp_operand(lowering, 1);
    struct dsp_conv *conv = &lowered->step.as.conv;
    const char *why = check_operands(lowering);
    if (why)
        return why;
    if (!dsp_image_of(dsp_operand(lowering, 0), attrs->nhwc, &conv->x) ||
        !dsp_image_of(dsp_result(lowering), attrs->nhwc, &conv->y))
        return "an image whose channels are not last in memory";
    fill_conv(lowering, lowered);
    conv->groups = attrs->groups;
    conv->transposed = attrs->transposed;
    for (int i = 0; i < 2; i++) {
        conv->kernel[i] = w->sizes[(attrs->nhwc ? 1 : 2) + i];
        conv->stride[i] = attrs->stride[i];
        conv->dilation[i] = attrs->dilation[i];
        conv->padding[i] = attrs->padding[2 * i];
    }
    return NULL;
}

const char *dsp_lower_linear(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_conv *conv = &lowered->step.as.conv;
    const char *why = check_operands(lowering);
    if (why)
        return why;
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "rows that are not whole in memory";
    int32_t in = x->sizes[x->rank - 1], out = y->sizes[y->rank - 1];
    size_t rows = prt_tensor_elements(y) / (size_t)out;
    if (rows > INT32_MAX)
        return "too many rows";
    fill_conv(lowering, lowered);
    /* Rows stand below each other, since tiles are rows. */
    conv->x = (struct dsp_image){1, (int32_t)rows, 1, in};
    conv->y = (struct dsp_image){1, (int32_t)rows, 1, out};
    conv->groups = 1;
    for (int i = 0; i < 2; i++)
        conv->kernel[i] = conv->stride[i] = conv->dilation[i] = 1;
    return NULL;
}

/* Where an element of the weight is: [O, kh, kw, I/groups], whatever order the program has it in. A
 * transposed one of PyTorch is [I, O/groups, kh, kw]. */
struct order {
    int64_t group, output, row, column, input; /* steps; an output channel is one of its group's */
};

static struct order order_of(const struct prt_node *node, const struct prt_tensor *weight,
                             const struct dsp_conv *conv)
{
    const struct prt_conv_attrs *attrs = &node->attrs.conv;
    int64_t own[PRT_MAX_RANK], outputs = conv->y.c / conv->groups;
    prt_tensor_strides(weight, own);
    if (node->op == PRT_OP_LINEAR) {
        bool io = node->attrs.linear.weight_is_io;
        return (struct order){.output = own[io ? 1 : 0], .input = own[io ? 0 : 1]};
    }
    if (attrs->nhwc)
        return (struct order){outputs * own[0], own[0], own[1], own[2], own[3]};
    if (attrs->transposed)
        return (struct order){conv->x.c / conv->groups * own[0], own[1], own[2], own[3], own[0]};
    return (struct order){outputs * own[0], own[0], own[2], own[3], own[1]};
}

enum percept_status dsp_make_weight(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error)
{
    const struct prt_node *node = lowering->node;
    const struct prt_value *value = dsp_constant(lowering, 1);
    const struct dsp_conv *conv = &lowered->step.as.conv;
    const struct order order = order_of(node, &value->tensor, conv);
    int8_t *bytes = malloc(value->bytes + 1), *out = to;
    if (!bytes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a weight");
    enum percept_status status = prt_deferred_read(lowering->graph, node->inputs[1], bytes, error);
    int32_t inputs = conv->x.c / conv->groups, outputs = conv->y.c / conv->groups;
    for (int32_t o = 0; o < conv->y.c && status == PERCEPT_OK; o++)
        for (int32_t ky = 0; ky < conv->kernel[0]; ky++)
            for (int32_t kx = 0; kx < conv->kernel[1]; kx++)
                for (int32_t i = 0; i < inputs; i++)
                    *out++ = bytes[o / outputs * order.group + o % outputs * order.output +
                                   ky * order.row + kx * order.column + i * order.input];
    free(bytes);
    return status;
}

/* What a sum of channel c is multiplied by for it to be in steps of the result. */
static double ratio_of(const struct dsp_lowering *lowering, int32_t c)
{
    const struct prt_quant *x = &dsp_operand(lowering, 0)->quant,
                           *w = &dsp_operand(lowering, 1)->quant, *y = &dsp_result(lowering)->quant;
    /* Of a transposed one of PyTorch there are as many as a group has outputs. */
    double scale =
        (double)(w->kind == PRT_QUANT_PER_CHANNEL ? w->scales[(uint32_t)c % w->count] : w->scale);
    return (double)x->scale * scale / (double)y->scale;
}

static bool make_channel(const struct dsp_lowering *lowering, int32_t c, double slope,
                         struct dsp_channel *channel)
{
    const struct prt_value *bias = dsp_constant(lowering, 2);
    const struct prt_tensor *residual = dsp_operand(lowering, 3);
    double ratio = ratio_of(lowering, c), step = (double)dsp_result(lowering)->quant.scale;
    const double slopes[2] = {1, slope};
    if (!dsp_shift_for(ratio * fmax(1, fabs(slope)), MOST_SHIFT, &channel->shift) ||
        (!dsp_is_byte_codes(dsp_result(lowering)) && channel->shift <= DSP_LOW_BITS))
        return false;
    for (int below = 0; below < 2; below++) {
        double by = slopes[below];
        channel->multiplier[below] = dsp_multiplier(ratio * by, channel->shift);
        if (residual) {
            double other = (double)residual->quant.scale / step * by;
            if (!(fabs(other) < MOST_RESIDUAL))
                return false;
            channel->residual[below] = dsp_offset(other, channel->shift);
        }
        if (bias && bias->tensor.dtype == PRT_I32) /* as if it were in the sum */
            channel->offset[below] =
                (int64_t)((const int32_t *)bias->data)[c] * channel->multiplier[below];
        else if (bias)
            channel->offset[below] =
                dsp_offset((double)((const float *)bias->data)[c] / step * by, channel->shift);
    }
    return true;
}

enum percept_status dsp_make_channels(const struct dsp_lowering *lowering,
                                      const struct dsp_lowered *lowered, void *to,
                                      struct percept_error *error)
{
    const struct prt_value *slopes = dsp_constant(lowering, 4);
    struct dsp_channel *channels = to;
    for (int32_t c = 0; c < lowered->step.as.conv.y.c; c++) {
        double slope =
            slopes ? (double)((const float *)slopes->data)[slopes->tensor.sizes[0] == 1 ? 0 : c]
                   : 1;
        channels[c] = (struct dsp_channel){0};
        if (!make_channel(lowering, c, slope, &channels[c]))
            return percept_fail(error, PERCEPT_UNSUPPORTED, "dsp: %s: scales are too far apart",
                                lowering->node->name ? lowering->node->name
                                                     : prt_op_name(lowering->node->op));
    }
    return PERCEPT_OK;
}

/* ---- MATMUL ---- */

/* Loops over batches: dimensions that lie one after the other in both operands are one. */
static bool batches(const struct dsp_lowering *lowering, struct dsp_matmul *matmul)
{
    const struct prt_tensor *y = dsp_result(lowering);
    for (unsigned i = 0; i + 2 < y->rank; i++) {
        int64_t strides[2] = {0}, own[PRT_MAX_RANK];
        if (y->sizes[i] == 1)
            continue;
        for (unsigned o = 0; o < 2; o++) {
            const struct prt_tensor *x = dsp_operand(lowering, o);
            unsigned skipped = y->rank - x->rank;
            prt_tensor_strides(x, own);
            if (i >= skipped && x->sizes[i - skipped] != 1)
                strides[o] = own[i - skipped];
        }
        uint32_t last = matmul->loops - 1;
        if (matmul->loops && matmul->strides[0][last] == strides[0] * y->sizes[i] &&
            matmul->strides[1][last] == strides[1] * y->sizes[i]) {
            matmul->sizes[last] *= y->sizes[i];
        } else {
            if (matmul->loops == DSP_BATCH_LOOPS)
                return false;
            matmul->sizes[++last] = y->sizes[i];
            matmul->loops++;
        }
        matmul->strides[0][last] = strides[0];
        matmul->strides[1][last] = strides[1];
    }
    return true;
}

const char *dsp_lower_matmul(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_tensor *a = dsp_operand(lowering, 0), *b = dsp_operand(lowering, 1),
                            *y = dsp_result(lowering);
    struct dsp_matmul *matmul = &lowered->step.as.matmul;
    if (!dsp_same_codes(a, b, y))
        return "its operands are no codes of one type";
    if (!prt_tensor_is_contiguous(a) || !prt_tensor_is_contiguous(b) ||
        !prt_tensor_is_contiguous(y))
        return "rows that are not whole in memory";
    double ratio = (double)a->quant.scale * (double)b->quant.scale / (double)y->quant.scale;
    if (!dsp_shift_for(ratio, MOST_SHIFT, &matmul->scale.shift) ||
        (!dsp_is_byte_codes(a) && matmul->scale.shift <= DSP_LOW_BITS))
        return "scales that are too far apart";
    if (!batches(lowering, matmul))
        return "more batches than it has loops for";
    lowered->step.op = DSP_MATMUL;
    matmul->scale.multiplier = dsp_multiplier(ratio, matmul->scale.shift);
    matmul->code = dsp_code_for(y, NULL);
    matmul->m = a->sizes[a->rank - 2];
    matmul->k = a->sizes[a->rank - 1];
    matmul->n = y->sizes[y->rank - 1];
    matmul->zero_a = a->quant.zero_point;
    matmul->zero_b = b->quant.zero_point;
    matmul->transposed = lowering->node->attrs.matmul.transpose_b;
    lowered->x[0] = lowering->node->inputs[0];
    lowered->x[1] = lowering->node->inputs[1];
    return NULL;
}
