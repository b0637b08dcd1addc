/*
 * Why: the operators with which Vulkan blobs compute on codes of 8 bits. Each states the scales of
 * its operands and of its result, so it is the operation on real numbers between its
 * quantisations, which the quantise pass knows how to run on integers. Sums of weights, which
 * spare a shader work, are not looked at.
 *
 * Source of the meaning: backends/vulkan/custom_ops_lib.py and patterns/ of ExecuTorch v1.4.1;
 * where the two disagree on how weights lie, the patterns, which write them.
 */
#include "runtime/import_vulkan.h"

#include <math.h>

/* (x, scale, zero, weight, sums, weight scales, ...): what a layer begins with */
enum { LAYER_SCALE = 1, LAYER_ZERO, LAYER_WEIGHT, LAYER_WEIGHT_SCALES = 5 };

static const struct prt_value *constant_of(const struct prt_import *import, uint32_t id)
{
    const struct prt_value *value = &import->graph->values[id];
    return value->flags & PRT_FLAG_CONSTANT ? value : NULL;
}

/* The first `count` of the numbers in a constant vector, which may be padded; NULL when it is none.
 */
static const float *leading_floats(const struct prt_import *import, uint32_t id, int64_t count)
{
    const struct prt_value *value = constant_of(import, id);
    bool fits = value && value->tensor.dtype == PRT_F32 && value->tensor.rank == 1 &&
                value->tensor.sizes[0] >= count;
    return fits ? value->data : NULL;
}

/* A bias without its padding; PRT_NO_VALUE stays. */
static enum percept_status bias_of(struct prt_import *import, int32_t outputs, uint32_t *bias)
{
    if (*bias == PRT_NO_VALUE)
        return PERCEPT_OK;
    const float *data = leading_floats(import, *bias, outputs);
    if (!data)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "its bias is no constant that fits");
    struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {outputs}};
    return prt_import_constant(import, &spec, data, bias);
}

/* How the weight of a kind of layer lies: its logical sizes, and their order in memory. */
struct weight {
    int32_t outputs, row; /* row: elements of one output, without the padding behind them */
    struct prt_tensor spec;
};

/* The layer's constant as real numbers of weight's sizes. Rows may be padded. */
static enum percept_status weight_of(struct prt_import *import, const struct prt_call *call,
                                     const struct weight *weight, uint32_t *real)
{
    const struct prt_value *from = constant_of(import, call->operands[LAYER_WEIGHT]);
    const float *scales =
        leading_floats(import, call->operands[LAYER_WEIGHT_SCALES], weight->outputs);
    if (!from || from->tensor.dtype != PRT_I8 || !scales ||
        !prt_tensor_is_contiguous(&from->tensor))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "its weight is not constant, of 8 bits and scaled by channel");
    const void *data = from->data;
    size_t wanted = prt_tensor_elements(&weight->spec), given = prt_tensor_elements(&from->tensor);
    int32_t stride = from->tensor.rank == 2 ? from->tensor.sizes[1] : 0;
    if (given != wanted) {
        if (from->tensor.rank != 2 || from->tensor.sizes[0] != weight->outputs ||
            stride < weight->row)
            return prt_import_fail(import, PERCEPT_MALFORMED, "its weight has %zu elements", given);
        int8_t *copy = base_arena_array(&import->graph->arena, wanted, 1);
        if (!copy)
            return prt_import_no_memory(import);
        for (size_t i = 0; i < wanted; i++)
            copy[i] =
                ((const int8_t *)from
                     ->data)[i / (size_t)weight->row * (size_t)stride + i % (size_t)weight->row];
        data = copy;
    }
    struct prt_tensor spec = weight->spec;
    uint32_t codes;
    spec.dtype = PRT_I8;
    spec.quant.kind = PRT_QUANT_PER_CHANNEL;
    spec.quant.count = (uint32_t)weight->outputs;
    spec.quant.scales = scales;
    enum percept_status status = prt_import_constant(import, &spec, data, &codes);
    spec.dtype = PRT_F32;
    spec.quant = (struct prt_quant){0};
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, real);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_DEQUANTIZE, *real, 1, &codes) ? PERCEPT_OK
                                                                        : PERCEPT_NO_MEMORY;
}

/* "relu" or "none", in an argument. */
static enum percept_status activate(struct prt_import *import, const struct prt_call *call,
                                    unsigned index, uint32_t *x)
{
    if (!prt_call_has(import, call, index) || prt_call_text_is(import, call, index, "none"))
        return PERCEPT_OK;
    if (!prt_call_text_is(import, call, index, "relu"))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "its activation is not supported");
    return prt_aten_apply(import, PRT_UNARY_CLAMP, 0, INFINITY, x);
}

static enum percept_status numbers_at(struct prt_import *import, const struct prt_call *call,
                                      unsigned x, unsigned scale, uint32_t *id)
{
    return prt_aten_numbers_of(import, call->operands[x], prt_call_number(import, call, scale, 0),
                               prt_call_number(import, call, scale + 1, 0), id);
}

static enum percept_status codes_at(struct prt_import *import, const struct prt_call *call,
                                    uint32_t x, unsigned scale)
{
    return prt_aten_codes_of(import, x, prt_call_number(import, call, scale, 0),
                             prt_call_number(import, call, scale + 1, 0), prt_call_output(call));
}

/* ---- fully connected layers ---- */

static enum percept_status linear_node(struct prt_import *import, const struct prt_call *call,
                                       unsigned bias_index, uint32_t y)
{
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]),
                            *w = prt_import_spec(import, call->operands[LAYER_WEIGHT]);
    uint32_t real, weight, bias = call->operands[bias_index];
    if (x->rank == 0 || w->rank != 2)
        return prt_import_fail(import, PERCEPT_MALFORMED, "its weight is no matrix");
    struct weight lies = {.outputs = w->sizes[0], .row = x->sizes[x->rank - 1]};
    if (lies.row < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "rows of no elements");
    lies.spec =
        (struct prt_tensor){.rank = 2, .dim_order = {0, 1}, .sizes = {lies.outputs, lies.row}};
    enum percept_status status = numbers_at(import, call, 0, LAYER_SCALE, &real);
    if (status == PERCEPT_OK)
        status = weight_of(import, call, &lies, &weight);
    if (status == PERCEPT_OK)
        status = bias_of(import, lies.outputs, &bias);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_LINEAR, y, 5,
                           (const uint32_t[]){real, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (x, scale, zero, weight, sums, weight scales, out scale, out zero, bias, activation) */
static enum percept_status linear(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t result;
    enum percept_status status = prt_aten_real_result(import, prt_call_output(call), &result);
    if (status == PERCEPT_OK)
        status = linear_node(import, call, 8, result);
    if (status == PERCEPT_OK)
        status = activate(import, call, 9, &result);
    return status == PERCEPT_OK ? codes_at(import, call, result, 6) : status;
}

/* (x, scale, zero, weight, sums, weight scales, bias): the result is real */
static enum percept_status linear_to_real(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op;
    return linear_node(import, call, 6, prt_call_output(call));
}

/* ---- convolutions ---- */

enum { CONV_DENSE, CONV_DEPTHWISE, CONV_TRANSPOSED };

/* (x, scale, zero, weight, sums, weight scales, out scale, out zero, bias, kernel, stride, padding,
 * [output padding,] dilation, groups, activation) */
enum { CONV_OUT_SCALE = 6, CONV_BIAS = 8, CONV_KERNEL, CONV_STRIDE, CONV_PADDING, CONV_REST };

static enum percept_status pair(struct prt_import *import, const struct prt_call *call,
                                unsigned index, int64_t least, int32_t numbers[2])
{
    int64_t items[2];
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, items, 2, &count);
    for (uint32_t i = 0; i < 2 && status == PERCEPT_OK; i++) {
        int64_t item = count == 0 ? least - 1 : items[count == 1 ? 0 : i];
        if (item < least || item > INT16_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is out of range", index);
        numbers[i] = (int32_t)item;
    }
    return status;
}

static enum percept_status conv_attrs(struct prt_import *import, const struct prt_call *call,
                                      int kind, int32_t kernel[2], struct prt_conv_attrs *attrs)
{
    unsigned rest = CONV_REST;
    int32_t padding[2];
    *attrs = (struct prt_conv_attrs){.transposed = kind == CONV_TRANSPOSED};
    enum percept_status status = pair(import, call, CONV_KERNEL, 1, kernel);
    if (status == PERCEPT_OK)
        status = pair(import, call, CONV_STRIDE, 1, attrs->stride);
    if (status == PERCEPT_OK)
        status = pair(import, call, CONV_PADDING, 0, padding);
    if (status == PERCEPT_OK && attrs->transposed)
        status = pair(import, call, rest++, 0, attrs->output_padding);
    if (status == PERCEPT_OK)
        status = pair(import, call, rest++, 1, attrs->dilation);
    if (status != PERCEPT_OK)
        return status;
    for (int i = 0; i < 4; i++)
        attrs->padding[i] = padding[i / 2];
    int64_t groups = prt_call_int(import, call, rest, 0);
    if (groups < 1 || groups > INT32_MAX || (attrs->transposed && groups != 1))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%lld groups", (long long)groups);
    attrs->groups = (int32_t)groups;
    return PERCEPT_OK;
}

/* Blobs have [O, h, w, C] (depthwise [h, w, O]) where PyTorch's sizes are [O, C, h, w], or
 * [C, O, h, w] when transposed. */
static enum percept_status conv_weight(struct prt_import *import, const struct prt_call *call,
                                       int kind, const int32_t kernel[2], int32_t groups,
                                       uint32_t *weight)
{
    int32_t outputs = prt_import_spec(import, prt_call_output(call))->sizes[1];
    int32_t inputs = prt_import_spec(import, call->operands[0])->sizes[1] / groups;
    int64_t row = (int64_t)inputs * kernel[0] * kernel[1];
    if (row < 1 || row > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a kernel of %lld elements",
                               (long long)row);
    struct weight lies = {.outputs = outputs, .row = (int32_t)row};
    static const uint8_t orders[][4] = {[CONV_DENSE] = {0, 2, 3, 1},
                                        [CONV_DEPTHWISE] = {2, 3, 1, 0},
                                        [CONV_TRANSPOSED] = {1, 2, 3, 0}};
    bool turned = kind == CONV_TRANSPOSED;
    lies.spec.rank = 4;
    lies.spec.quant.axis = turned ? 1 : 0;
    lies.spec.sizes[turned ? 1 : 0] = outputs;
    lies.spec.sizes[turned ? 0 : 1] = inputs;
    lies.spec.sizes[2] = kernel[0];
    lies.spec.sizes[3] = kernel[1];
    for (int i = 0; i < 4; i++)
        lies.spec.dim_order[i] = orders[kind][i];
    size_t bytes;
    if (!prt_tensor_bytes(&lies.spec, &bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "its weight is too large");
    return weight_of(import, call, &lies, weight);
}

static enum percept_status convolution(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    uint32_t y = prt_call_output(call), x, weight, bias = call->operands[CONV_BIAS], result;
    int32_t kernel[2];
    struct prt_conv_attrs attrs;
    if (prt_import_spec(import, call->operands[0])->rank != 4 ||
        prt_import_spec(import, y)->rank != 4)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no four dimensions");
    enum percept_status status = conv_attrs(import, call, op->kind, kernel, &attrs);
    if (status == PERCEPT_OK)
        status = numbers_at(import, call, 0, LAYER_SCALE, &x);
    if (status == PERCEPT_OK)
        status = conv_weight(import, call, op->kind, kernel, attrs.groups, &weight);
    if (status == PERCEPT_OK)
        status = bias_of(import, prt_import_spec(import, y)->sizes[1], &bias);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_CONV2D, result, 5,
                        (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv = attrs;
    status = activate(import, call, attrs.transposed ? CONV_REST + 3 : CONV_REST + 2, &result);
    return status == PERCEPT_OK ? codes_at(import, call, result, CONV_OUT_SCALE) : status;
}

/* ---- elementwise ---- */

/* (a, b, a scale, a zero, b scale, b zero, out scale, out zero, alpha) */
static enum percept_status add(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    (void)op;
    uint32_t a, b, result;
    enum percept_status status = numbers_at(import, call, 0, 2, &a);
    if (status == PERCEPT_OK)
        status = numbers_at(import, call, 1, 4, &b);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, prt_call_output(call), &result);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_ADD, a, b, prt_call_number(import, call, 8, 1),
                                 result);
    return status == PERCEPT_OK ? codes_at(import, call, result, 6) : status;
}

/* (x, scale, zero, out scale, out zero) */
static enum percept_status relu(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    uint32_t x, result;
    enum percept_status status = numbers_at(import, call, 0, 1, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, prt_call_output(call), &result);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, x, 0, INFINITY, result);
    return status == PERCEPT_OK ? codes_at(import, call, result, 3) : status;
}

/* (x, scale, zero, 1 / out scale, out zero, factor) */
static enum percept_status pixel_shuffle(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *row = prt_aten_find("aten::pixel_shuffle.out");
    uint32_t x, result, y = prt_call_output(call);
    enum percept_status status = numbers_at(import, call, 0, 1, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    /* As that row has it: (x, factor, out, out). */
    const uint32_t args[] = {call->args[0], call->args[5], call->args[6], call->args[6]};
    struct prt_call inner = {.name = call->name,
                             .signature = row->signature,
                             .count = 4,
                             .args = args,
                             .operands = {x, PRT_NO_VALUE, result, PRT_NO_VALUE}};
    status = row->translate(import, row, &inner);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, result, 1 / prt_call_number(import, call, 3, 0),
                                   prt_call_number(import, call, 4, 0), y)
               : status;
}

/* clang-format off */
static const struct prt_aten_op ops[] = {
    {"et_vk.q8ta_add.default", "QQDIDIDIDO", add, 0},
    {"et_vk.q8ta_relu.default", "QDIDIO", relu, 0},
    {"et_vk.q8ta_pixel_shuffle.default", "QDIDIIO", pixel_shuffle, 0},
    {"et_vk.q8ta_linear.default", "QDIT_TDItsO", linear, 0},
    {"et_vk.q8ta_linear_gemv.default", "QDIT_TDItsO", linear, 0},
    {"et_vk.linear_q8ta_q8csw.default", "QDIT_TtO", linear_to_real, 0},
    {"et_vk.q8ta_conv2d.default", "QDIT_TDItLLLLISO", convolution, CONV_DENSE},
    {"et_vk.q8ta_conv2d_pw.default", "QDIT_TDItLLLLISO", convolution, CONV_DENSE},
    {"et_vk.q8ta_conv2d_dw.default", "QDIT_TDItLLLLISO", convolution, CONV_DEPTHWISE},
    {"et_vk.q8ta_conv2d_transposed.default", "QDIT_TDItLLLLLISO", convolution, CONV_TRANSPOSED},
};
/* clang-format on */

const struct prt_aten_table prt_vulkan_quant = PRT_ATEN_TABLE(ops);
