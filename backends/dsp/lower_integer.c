/* Why: what TOSA and other formats say in plain integers, which the processor computes to the bit:
 * sums of 32 bits, and the scales that make codes of them. */
#include "backends/dsp/lower.h"
#include "runtime/deferred.h"
#include "runtime/graph_integer.h"

#include <stdlib.h>
#include <string.h>

static bool is(const struct prt_tensor *tensor, enum prt_dtype dtype)
{
    return tensor && tensor->dtype == dtype;
}

static bool fits_byte(int32_t zero)
{
    return zero >= -128 && zero <= 127;
}

static const struct dsp_code all_codes = {.lo = -128, .hi = 127};

bool dsp_is_wide(const struct dsp_lowering *lowering)
{
    if (lowering->node->op != PRT_OP_BINARY || !is(dsp_result(lowering), PRT_I32))
        return false;
    bool made_here = false;
    for (unsigned i = 0; i < 2; i++) {
        if (!is(dsp_operand(lowering, i), PRT_I32))
            return false;
        uint32_t producer = lowering->graph->values[lowering->node->inputs[i]].producer;
        made_here |= producer != PRT_NO_VALUE &&
                     (lowering->graph->nodes[producer].op == PRT_OP_RESCALE ||
                      lowering->graph->nodes[producer].op == PRT_OP_INTEGER_CONV ||
                      lowering->graph->nodes[producer].op == PRT_OP_INTEGER_MATMUL);
    }
    return made_here;
}

/* ---- INTEGER_CONV ---- */

const char *dsp_lower_integer_conv(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_integer_conv_attrs *attrs = &lowering->node->attrs.integer_conv;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *w = dsp_operand(lowering, 1);
    const struct prt_tensor *y = dsp_result(lowering);
    struct dsp_conv *conv = &lowered->step.as.conv;
    bool depthwise = attrs->kind == PRT_INTEGER_DEPTHWISE;
    if (attrs->kind == PRT_INTEGER_TRANSPOSED)
        return "a transposed convolution";
    if (!is(x, PRT_I8) || !is(w, PRT_I8) || !is(y, PRT_I32))
        return "its operands have no 8 bits";
    if (!dsp_constant(lowering, 1) || !dsp_constant(lowering, 2))
        return "a weight that is computed at run time";
    if (attrs->zero_weight || !fits_byte(attrs->zero_x))
        return "a weight with a zero point";
    if (!dsp_image_of(x, true, &conv->x) || !dsp_image_of(y, true, &conv->y) ||
        !prt_tensor_is_contiguous(w))
        return "an image whose channels are not last in memory";
    lowered->step.op = DSP_CONV;
    conv->sums = 1;
    conv->zero_x = attrs->zero_x;
    conv->code = all_codes;
    conv->groups = depthwise ? conv->x.c : 1;
    for (int i = 0; i < 2; i++) {
        conv->kernel[i] = w->sizes[(depthwise ? 0 : 1) + i];
        conv->stride[i] = attrs->stride[i];
        conv->dilation[i] = attrs->dilation[i];
        conv->padding[i] = attrs->padding[2 * i];
    }
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = lowered->step.x[2].space = DSP_CONSTANTS;
    return NULL;
}

/* [O, kh, kw, C] as it is; of a depthwise one [kh, kw, C * M] with the channels first. */
enum percept_status dsp_make_integer_weight(const struct dsp_lowering *lowering, void *to,
                                            struct percept_error *error)
{
    const struct prt_value *value = dsp_constant(lowering, 1);
    uint32_t id = lowering->node->inputs[1];
    if (lowering->node->attrs.integer_conv.kind != PRT_INTEGER_DEPTHWISE)
        return prt_deferred_read(lowering->graph, id, to, error);
    unsigned char *bytes = malloc(value->bytes + 1), *out = to;
    if (!bytes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a weight");
    enum percept_status status = prt_deferred_read(lowering->graph, id, bytes, error);
    size_t taps = (size_t)value->tensor.sizes[0] * (size_t)value->tensor.sizes[1];
    size_t channels = value->bytes / (taps ? taps : 1);
    for (size_t c = 0; c < channels && status == PERCEPT_OK; c++)
        for (size_t tap = 0; tap < taps; tap++)
            *out++ = bytes[tap * channels + c];
    free(bytes);
    return status;
}

enum percept_status dsp_make_biases(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error)
{
    const struct prt_value *bias = dsp_constant(lowering, 2);
    struct dsp_channel *channels = to;
    int32_t *numbers = malloc(bias->bytes + 1);
    if (!numbers)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a bias");
    enum percept_status status =
        prt_deferred_read(lowering->graph, lowering->node->inputs[2], numbers, error);
    bool one = prt_tensor_elements(&bias->tensor) == 1;
    for (int32_t c = 0; c < lowered->step.as.conv.y.c && status == PERCEPT_OK; c++)
        channels[c] = (struct dsp_channel){.offset = {numbers[one ? 0 : c]}};
    free(numbers);
    return status;
}

/* ---- INTEGER_MATMUL ---- */

const char *dsp_lower_integer_matmul(const struct dsp_lowering *lowering,
                                     struct dsp_lowered *lowered)
{
    const struct prt_integer_matmul_attrs *attrs = &lowering->node->attrs.integer_matmul;
    const struct prt_tensor *a = dsp_operand(lowering, 0), *b = dsp_operand(lowering, 1);
    struct dsp_matmul *matmul = &lowered->step.as.matmul;
    if (!is(a, PRT_I8) || !is(b, PRT_I8) || !is(dsp_result(lowering), PRT_I32))
        return "its operands have no 8 bits";
    if (!fits_byte(attrs->zero_a) || !fits_byte(attrs->zero_b))
        return "a zero point out of range";
    if (!prt_tensor_is_contiguous(a) || !prt_tensor_is_contiguous(b))
        return "rows that are not whole in memory";
    lowered->step.op = DSP_MATMUL;
    *matmul = (struct dsp_matmul){.loops = 1,
                                  .sizes = {a->sizes[0]},
                                  .m = a->sizes[1],
                                  .k = a->sizes[2],
                                  .n = b->sizes[2],
                                  .zero_a = attrs->zero_a,
                                  .zero_b = attrs->zero_b,
                                  .sums = 1,
                                  .code = all_codes};
    matmul->strides[0][0] = (int64_t)a->sizes[1] * a->sizes[2];
    matmul->strides[1][0] = (int64_t)b->sizes[1] * b->sizes[2];
    lowered->x[0] = lowering->node->inputs[0];
    lowered->x[1] = lowering->node->inputs[1];
    return NULL;
}

/* ---- RESCALE ---- */

const char *dsp_lower_rescale(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_rescale_attrs *attrs = &lowering->node->attrs.rescale;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    if ((!is(x, PRT_I8) && !is(x, PRT_I32)) || (!is(y, PRT_I8) && !is(y, PRT_I32)))
        return "integers of 16 or 64 bits";
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "rows that are not whole in memory";
    if ((attrs->unsigned_x && !is(x, PRT_I8)) || (attrs->unsigned_y && !is(y, PRT_I8)))
        return "unsigned integers of 32 bits";
    lowered->step.op = DSP_RESCALE;
    lowered->step.as.rescale = (struct dsp_rescale){
        .count = prt_tensor_elements(y),
        .scales = attrs->count,
        .x_bytes = (uint32_t)prt_dtype_size(x->dtype),
        .y_bytes = (uint32_t)prt_dtype_size(y->dtype),
        .unsigned_x = attrs->unsigned_x,
        .rounding = attrs->double_round ? DSP_TWICE : DSP_HALVES_UP,
        .zero_x = attrs->zero_x,
        .zero_y = attrs->zero_y,
        .lo = !is(y, PRT_I8)      ? INT32_MIN
              : attrs->unsigned_y ? 0
                                  : INT8_MIN,
        .hi = !is(y, PRT_I8)      ? INT32_MAX
              : attrs->unsigned_y ? UINT8_MAX
                                  : INT8_MAX,
    };
    lowered->x[0] = lowering->node->inputs[0];
    lowered->step.x[1].space = DSP_CONSTANTS;
    return NULL;
}

void dsp_make_scales(const struct dsp_lowering *lowering, void *to)
{
    const struct prt_rescale_attrs *attrs = &lowering->node->attrs.rescale;
    struct dsp_scale *scales = to;
    for (uint32_t i = 0; i < attrs->count; i++)
        scales[i] = (struct dsp_scale){attrs->multipliers[i], attrs->shifts[i]};
}

/* ---- INTEGER_POOL ---- */

const char *dsp_lower_integer_pool(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_integer_pool_attrs *attrs = &lowering->node->attrs.integer_pool;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    struct dsp_pool *pool = &lowered->step.as.pool;
    if (!is(x, PRT_I8) || !is(y, PRT_I8))
        return "integers of 16 bits";
    if (!fits_byte(attrs->zero_x) || !fits_byte(attrs->zero_y))
        return "a zero point out of range";
    if (!dsp_image_of(x, true, &pool->x) || !dsp_image_of(y, true, &pool->y))
        return "an image whose channels are not last in memory";
    lowered->step.op = DSP_POOL;
    lowered->x[0] = lowering->node->inputs[0];
    memcpy(pool->kernel, attrs->window.kernel, sizeof pool->kernel);
    memcpy(pool->stride, attrs->window.stride, sizeof pool->stride);
    memcpy(pool->padding, attrs->window.padding, sizeof pool->padding);
    pool->dilation[0] = pool->dilation[1] = 1;
    pool->kind = attrs->window.is_max ? DSP_MAX_POOL : DSP_AVERAGE_TOSA;
    pool->code = all_codes;
    if (!attrs->window.is_max) {
        pool->zero_x = attrs->zero_x;
        pool->code.zero = attrs->zero_y;
    }
    return NULL;
}
