/* Why: one table of what the remote processor runs, and the arithmetic that its rows share. */
#include "backends/dsp/lower.h"

#include <math.h>
#include <string.h>

static const dsp_lower_op ops[PRT_OP_COUNT] = {
    [PRT_OP_CONV2D] = dsp_lower_conv,
    [PRT_OP_LINEAR] = dsp_lower_linear,
    [PRT_OP_MATMUL] = dsp_lower_matmul,
    [PRT_OP_BINARY] = dsp_lower_binary,
    [PRT_OP_PRELU] = dsp_lower_prelu,
    [PRT_OP_TABLE] = dsp_lower_table,
    [PRT_OP_DEQUANTIZE] = dsp_lower_function,
    [PRT_OP_UNARY] = dsp_lower_function,
    [PRT_OP_QUANTIZE] = dsp_lower_function,
    [PRT_OP_POOL2D] = dsp_lower_pool,
    [PRT_OP_REDUCE] = dsp_lower_reduce,
    [PRT_OP_RESIZE2D] = dsp_lower_resize,
    [PRT_OP_SOFTMAX] = dsp_lower_softmax,
    [PRT_OP_LAYER_NORM] = dsp_lower_layer_norm,
    [PRT_OP_CONCAT] = dsp_lower_move,
    [PRT_OP_SLICE] = dsp_lower_move,
    [PRT_OP_PAD] = dsp_lower_move,
    [PRT_OP_PERMUTE] = dsp_lower_move,
    [PRT_OP_RESHAPE] = dsp_lower_move,
    [PRT_OP_LAYOUT] = dsp_lower_move,
    [PRT_OP_CODES] = dsp_lower_move,
    [PRT_OP_INTEGER_CONV] = dsp_lower_integer_conv,
    [PRT_OP_INTEGER_MATMUL] = dsp_lower_integer_matmul,
    [PRT_OP_INTEGER_POOL] = dsp_lower_integer_pool,
    [PRT_OP_RESCALE] = dsp_lower_rescale,
};

/* ---- what rows share ---- */

const struct prt_tensor *dsp_operand(const struct dsp_lowering *lowering, unsigned index)
{
    const struct prt_node *node = lowering->node;
    if (index >= node->input_count || node->inputs[index] == PRT_NO_VALUE)
        return NULL;
    const struct prt_value *value = &lowering->graph->values[node->inputs[index]];
    return value->kind == PRT_VALUE_TENSOR ? &value->tensor : NULL;
}

const struct prt_tensor *dsp_result(const struct dsp_lowering *lowering)
{
    return &lowering->graph->values[lowering->node->outputs[0]].tensor;
}

const struct prt_value *dsp_constant(const struct dsp_lowering *lowering, unsigned index)
{
    if (!dsp_operand(lowering, index))
        return NULL;
    const struct prt_value *value = &lowering->graph->values[lowering->node->inputs[index]];
    return value->flags & PRT_FLAG_CONSTANT ? value : NULL;
}

bool dsp_is_codes(const struct prt_tensor *tensor)
{
    return tensor && tensor->quant.kind == PRT_QUANT_PER_TENSOR && tensor->dtype != PRT_I32;
}

bool dsp_is_byte_codes(const struct prt_tensor *tensor)
{
    return dsp_is_codes(tensor) && prt_dtype_size(tensor->dtype) == 1;
}

bool dsp_same_codes(const struct prt_tensor *a, const struct prt_tensor *b,
                    const struct prt_tensor *c)
{
    return dsp_is_codes(a) && (!b || (dsp_is_codes(b) && b->dtype == a->dtype)) &&
           (!c || (dsp_is_codes(c) && c->dtype == a->dtype));
}

enum dsp_type dsp_type_of(const struct prt_tensor *codes)
{
    return codes->dtype == PRT_U8    ? DSP_U8
           : codes->dtype == PRT_I16 ? DSP_I16
           : codes->dtype == PRT_U16 ? DSP_U16
                                     : DSP_I8;
}

struct range {
    int32_t least, most;
};

static const struct range ranges[DSP_TYPES] = {
    [DSP_I8] = {INT8_MIN, INT8_MAX},
    [DSP_U8] = {0, UINT8_MAX},
    [DSP_I16] = {INT16_MIN, INT16_MAX},
    [DSP_U16] = {0, UINT16_MAX},
};

static int32_t bound(double real, const struct prt_quant *quant, const struct range *range)
{
    double code = rint(real / (double)quant->scale) + quant->zero_point;
    return (int32_t)fmin(fmax(code, range->least), range->most);
}

struct dsp_code dsp_code_for(const struct prt_tensor *y, const struct prt_activation *act)
{
    bool clamps = act && act->kind == PRT_ACT_CLAMP;
    const struct range *range = &ranges[dsp_type_of(y)];
    struct dsp_code code = {
        .zero = y->quant.zero_point,
        .lo = clamps ? bound((double)act->lo, &y->quant, range) : range->least,
        .hi = clamps ? bound((double)act->hi, &y->quant, range) : range->most,
        .type = dsp_type_of(y),
    };
    if (code.lo > code.hi) /* as the CPU: the upper bound is the last word */
        code.lo = code.hi;
    return code;
}

bool dsp_shift_for(double most, uint32_t limit, uint32_t *shift)
{
    int exponent;
    if (!(most < 0x1p30))
        return false;
    frexp(most, &exponent); /* most < 2^exponent */
    int wanted = 30 - exponent;
    *shift = wanted > (int)limit ? limit : (uint32_t)wanted;
    return true;
}

int32_t dsp_multiplier(double ratio, uint32_t shift)
{
    return (int32_t)rint(ldexp(ratio, (int)shift));
}

int64_t dsp_offset(double steps, uint32_t shift)
{
    double scaled = rint(ldexp(steps, (int)shift));
    return isnan(scaled) ? 0 : (int64_t)fmin(fmax(scaled, -0x1p61), 0x1p61);
}

bool dsp_image_of(const struct prt_tensor *tensor, bool nhwc, struct dsp_image *image)
{
    const int32_t *s = tensor->sizes;
    if (tensor->rank != 4 ||
        !(nhwc ? prt_tensor_is_contiguous(tensor) : prt_tensor_is_channels_last(tensor)))
        return false;
    *image = nhwc ? (struct dsp_image){s[0], s[1], s[2], s[3]}
                  : (struct dsp_image){s[0], s[2], s[3], s[1]};
    return true;
}

/* ---- the walk ---- */

unsigned dsp_lower_count(const struct prt_node *node)
{
    return node->op == PRT_OP_CONCAT ? node->input_count : 1;
}

/* Bytes or codes somewhere; else the reason is not the op but the type. */
static bool has_codes(const struct dsp_lowering *lowering)
{
    for (unsigned i = 0; i <= lowering->node->input_count; i++) {
        const struct prt_tensor *tensor =
            i < lowering->node->input_count ? dsp_operand(lowering, i) : dsp_result(lowering);
        if (tensor && (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8 || dsp_is_codes(tensor)))
            return true;
    }
    return false;
}

const char *dsp_lower(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    enum prt_op op = lowering->node->op;
    if (prt_tensor_elements(dsp_result(lowering)) == 0)
        return "an empty result";
    if (!has_codes(lowering) && !dsp_is_wide(lowering) && op != PRT_OP_RESCALE)
        return "it runs integers of 8 bits and codes of 16 only";
    if ((unsigned)op >= PRT_OP_COUNT || !ops[op])
        return "it has no kernel for it";
    memset(lowered, 0, sizeof *lowered);
    lowered->y = lowering->node->outputs[0];
    for (int i = 0; i < DSP_OPERANDS; i++)
        lowered->x[i] = PRT_NO_VALUE;
    const char *why = ops[op](lowering, lowered);
    if (why)
        return why;
    lowered->step.y.space = DSP_ARENA;
    for (int i = 0; i < DSP_OPERANDS; i++)
        if (lowered->x[i] != PRT_NO_VALUE)
            lowered->step.x[i].space = DSP_ARENA;
    why = dsp_step_check(&lowered->step);
    if (why)
        return why;
    struct dsp_step_bytes bytes = dsp_step_bytes(&lowered->step);
    lowered->step.y.bytes = lowering->graph->values[lowered->y].bytes;
    for (int i = 0; i < DSP_OPERANDS; i++)
        lowered->step.x[i].bytes = lowered->x[i] != PRT_NO_VALUE
                                       ? lowering->graph->values[lowered->x[i]].bytes
                                       : bytes.x[i];
    return NULL;
}

enum percept_status dsp_lower_constant(const struct dsp_lowering *lowering,
                                       const struct dsp_lowered *lowered, unsigned operand,
                                       void *to, struct percept_error *error)
{
    if (lowering->node->op == PRT_OP_INTEGER_CONV)
        return operand == 1 ? dsp_make_integer_weight(lowering, to, error)
                            : dsp_make_biases(lowering, lowered, to, error);
    switch (lowered->step.op) {
    case DSP_RESCALE:
        if (lowering->node->op == PRT_OP_RESCALE)
            dsp_make_scales(lowering, to);
        else
            dsp_make_code_scale(lowering, to);
        return PERCEPT_OK;
    case DSP_CONV:
        return operand == 1 ? dsp_make_weight(lowering, lowered, to, error)
                            : dsp_make_channels(lowering, lowered, to, error);
    case DSP_SOFTMAX:
        dsp_make_powers(lowering, to);
        return PERCEPT_OK;
    case DSP_NORM:
        return dsp_make_norm_channels(lowering, to, error);
    case DSP_PRELU:
        return dsp_make_slopes(lowering, lowered, to, error);
    case DSP_TABLE:
        return dsp_make_table(lowering, lowered, to, error);
    default:
        return dsp_make_taps(lowering, lowered, to, error);
    }
}
