/*
 * Why: programs lowered for Cadence's processors call operators on quantised codes. Each states the
 * scales that it needs and no more, so its operands are given scales of which the products come out
 * as stated: what follows is the network on real numbers between its quantisations, which the
 * quantise pass knows how to run on integers.
 *
 * Source of the meaning: backends/cadence/aot/ref_implementations.py of ExecuTorch v1.4.1.
 */
#include "runtime/import_aten.h"

#include <math.h>
#include <string.h>

/* ---- codes and numbers ---- */

static enum percept_status quant_of(struct prt_import *import, double scale, int64_t zero,
                                    struct prt_quant *quant)
{
    if (!((float)scale > 0) || !isfinite((float)scale) || zero < INT16_MIN || zero > UINT16_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "has the scale %g and the zero point %lld", scale, (long long)zero);
    *quant = (struct prt_quant){
        .kind = PRT_QUANT_PER_TENSOR, .scale = (float)scale, .zero_point = (int32_t)zero};
    return PERCEPT_OK;
}

/* scale * (x - zero), a new value, or in y. */
static enum percept_status numbers_of(struct prt_import *import, uint32_t x, double scale,
                                      int64_t zero, uint32_t *y)
{
    struct prt_quant quant;
    struct prt_tensor spec = *prt_import_spec(import, x);
    bool constant = import->graph->values[x].flags & PRT_FLAG_CONSTANT;
    if (spec.dtype != PRT_I8 && spec.dtype != PRT_U8 && !(constant && spec.dtype == PRT_I32))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "codes of type %s are not supported",
                               prt_dtype_name(spec.dtype));
    enum percept_status status = quant_of(import, scale, zero, &quant);
    if (status == PERCEPT_OK && constant) {
        status = prt_import_codes(import, x, &quant, &x);
    } else if (status == PERCEPT_OK &&
               (spec.quant.kind != PRT_QUANT_PER_TENSOR || spec.quant.scale != quant.scale ||
                spec.quant.zero_point != quant.zero_point)) {
        uint32_t codes;
        spec.quant = quant;
        status = prt_import_temporary(import, &spec, &codes);
        if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_CODES, codes, 1, &x))
            status = PERCEPT_NO_MEMORY;
        x = codes;
    }
    spec.quant = (struct prt_quant){0};
    spec.dtype = PRT_F32;
    if (status == PERCEPT_OK && *y == PRT_NO_VALUE)
        status = prt_import_temporary(import, &spec, y);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_DEQUANTIZE, *y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_aten_numbers_of(struct prt_import *import, uint32_t x, double scale,
                                        int64_t zero, uint32_t *id)
{
    *id = PRT_NO_VALUE;
    return numbers_of(import, x, scale, zero, id);
}

/* The numbers of a weight. Kernels have signed ones alone, so unsigned codes become those that mean
 * the same. */
static enum percept_status weight_of(struct prt_import *import, uint32_t x, double scale,
                                     int64_t zero, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (import->graph->values[x].flags & PRT_FLAG_CONSTANT && spec.dtype == PRT_U8 && zero >= 0 &&
        zero <= UINT8_MAX) {
        size_t count = prt_tensor_elements(&spec);
        const void *data = NULL;
        uint8_t *codes = base_arena_alloc(&import->graph->arena, count + 1);
        enum percept_status status = prt_import_data(import, x, &data);
        if (status == PERCEPT_OK && !codes)
            status = PERCEPT_NO_MEMORY;
        for (size_t i = 0; status == PERCEPT_OK && i < count; i++)
            codes[i] = ((const uint8_t *)data)[i] ^ 0x80;
        spec.dtype = PRT_I8;
        if (status == PERCEPT_OK)
            status = prt_import_constant(import, &spec, codes, &x);
        if (status != PERCEPT_OK)
            return status;
        zero -= 128;
    }
    return prt_aten_numbers_of(import, x, scale, zero, id);
}

enum percept_status prt_aten_real_result(struct prt_import *import, uint32_t y, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    if (spec.dtype != PRT_I8 && spec.dtype != PRT_U8)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "codes of type %s are not supported",
                               prt_dtype_name(spec.dtype));
    spec.dtype = PRT_F32;
    return prt_import_temporary(import, &spec, id);
}

enum percept_status prt_aten_codes_of(struct prt_import *import, uint32_t x, double scale,
                                      int64_t zero, uint32_t y)
{
    struct prt_quant quant;
    enum percept_status status = quant_of(import, scale, zero, &quant);
    if (status != PERCEPT_OK)
        return status;
    import->graph->values[y].tensor.quant = quant;
    return prt_import_node(import, PRT_OP_QUANTIZE, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* The scale of a result that a fixed-point multiplier and a shift state. */
static double scale_of(const struct prt_import *import, const struct prt_call *call, unsigned at)
{
    double multiplier = -prt_call_number(import, call, at, 0) / 0x1p31;
    double shift = prt_call_number(import, call, at + 1, 0);
    return 1 / (multiplier * (shift > -1000 && shift < 1000 ? exp2(shift) : 0));
}

/* ---- operators ---- */

/* (input, scale, zero_point, quant_min, quant_max, dtype, out) */
static enum percept_status quantize(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *row = prt_aten_find("quantized_decomposed::quantize_per_tensor.out");
    return row->translate(import, row, call);
}

static enum percept_status dequantize(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t y = prt_call_output(call);
    return numbers_of(import, call->operands[0], prt_call_number(import, call, 1, 0),
                      prt_call_int(import, call, 2, 0), &y);
}

/* (input, in_scale, in_zero, out_scale, out_zero, dtype, out) */
static enum percept_status requantize(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x;
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], prt_call_number(import, call, 1, 0),
                            prt_call_int(import, call, 2, 0), &x);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, x, prt_call_number(import, call, 3, 0),
                                   prt_call_int(import, call, 4, 0), prt_call_output(call))
               : status;
}

/* (X, X_scale, X_zero, Y, Y_scale, Y_zero, out_scale, out_zero, out) */
static enum percept_status binary(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    uint32_t a, b, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], prt_call_number(import, call, 1, 0),
                            prt_call_int(import, call, 2, 0), &a);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[3], prt_call_number(import, call, 4, 0),
                                     prt_call_int(import, call, 5, 0), &b);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, (enum prt_binary_kind)op->kind, a, b, 1, result);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, result, prt_call_number(import, call, 6, 0),
                                   prt_call_int(import, call, 7, 0), y)
               : status;
}

/* (X, X_zero, out_zero, out_multiplier, out_shift, out) */
static enum percept_status relu(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    uint32_t x, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], 1, prt_call_int(import, call, 1, 0), &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, x, 0, INFINITY, result);
    return status == PERCEPT_OK ? prt_aten_codes_of(import, result, scale_of(import, call, 3),
                                                    prt_call_int(import, call, 2, 0), y)
                                : status;
}

/* (src, weight, bias, src_zero, weight_zero, out_multiplier, out_shift, out_zero, offset, out) */
static enum percept_status linear(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x, weight, bias, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], 1, prt_call_int(import, call, 3, 0), &x);
    if (status == PERCEPT_OK)
        status = weight_of(import, call->operands[1], 1, prt_call_int(import, call, 4, 0), &weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[2], 1, 0, &bias);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_LINEAR, result, 5,
                         (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE}))
        return PERCEPT_NO_MEMORY;
    return prt_aten_codes_of(import, result, scale_of(import, call, 5),
                             prt_call_int(import, call, 7, 0), y);
}

/* (X, X_zero, Y, Y_zero, bias, out_multiplier, out_shift, out_zero, transposed, out): the bias is
 * not used */
static enum percept_status matmul(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t a, b, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], 1, prt_call_int(import, call, 1, 0), &a);
    if (status == PERCEPT_OK)
        status =
            prt_aten_numbers_of(import, call->operands[2], 1, prt_call_int(import, call, 3, 0), &b);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_MATMUL, result, 2, (const uint32_t[]){a, b});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.matmul.transpose_b = prt_call_bool(import, call, 8);
    return prt_aten_codes_of(import, result, scale_of(import, call, 5),
                             prt_call_int(import, call, 7, 0), y);
}

static enum percept_status pair(struct prt_import *import, const struct prt_call *call,
                                unsigned index, int32_t *a, int32_t *b)
{
    int64_t items[2];
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, items, 2, &count);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        if (items[i] < 0 || items[i] > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is out of range", index);
    if (count == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is empty", index);
    *a = (int32_t)items[0];
    *b = (int32_t)items[count - 1];
    return PERCEPT_OK;
}

enum { CHANNELS_FIRST, CHANNELS_LAST };

/* (input, weight, bias, stride, padding, dilation, groups, in_zero, weight_zero, bias_scale,
 * out_scale, out_zero, out_multiplier, out_shift[, offset], out) */
static enum percept_status conv(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    int64_t groups = prt_call_int(import, call, 6, 1);
    double scale = prt_call_number(import, call, 9, 0);
    struct prt_conv_attrs attrs = {.nhwc = op->kind == CHANNELS_LAST};
    if (groups < 1 || groups > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    attrs.groups = (int32_t)groups;
    if (prt_import_spec(import, call->operands[1])->rank != 4)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a weight of %u dimensions",
                               prt_import_spec(import, call->operands[1])->rank);
    enum percept_status status = pair(import, call, 3, &attrs.stride[0], &attrs.stride[1]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, &attrs.padding[0], &attrs.padding[2]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 5, &attrs.dilation[0], &attrs.dilation[1]);
    attrs.padding[1] = attrs.padding[0];
    attrs.padding[3] = attrs.padding[2];
    uint32_t x, weight, bias, result, y = prt_call_output(call);
    if (status == PERCEPT_OK)
        status =
            prt_aten_numbers_of(import, call->operands[0], 1, prt_call_int(import, call, 7, 0), &x);
    if (status == PERCEPT_OK)
        status =
            weight_of(import, call->operands[1], scale, prt_call_int(import, call, 8, 0), &weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[2], scale, 0, &bias);
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
    return prt_aten_codes_of(import, result, prt_call_number(import, call, 10, 0),
                             prt_call_int(import, call, 11, 0), y);
}

/* (input, in_scale, in_zero, normalized_shape, weight, bias, eps, out_scale, out_zero, out) */
static enum percept_status layer_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *row = prt_aten_find("aten::native_layer_norm.out");
    uint32_t x, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], prt_call_number(import, call, 1, 0),
                            prt_call_int(import, call, 2, 0), &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    /* The same call in that row's words: its statistics are not asked for. */
    const uint32_t *given = call->args;
    const uint32_t args[] = {given[0], given[3], given[4], given[5], given[6],
                             given[9], given[9], given[9], given[9]};
    struct prt_call inner = {.name = call->name, .signature = row->signature, .args = args};
    memset(inner.operands, 0xff, sizeof inner.operands);
    inner.count = sizeof args / sizeof args[0];
    inner.operands[0] = x;
    inner.operands[2] = call->operands[4];
    inner.operands[3] = call->operands[5];
    inner.operands[5] = result;
    status = row->translate(import, row, &inner);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, result, prt_call_number(import, call, 7, 0),
                                   prt_call_int(import, call, 8, 0), y)
               : status;
}

#define OP(name)     "cadence::" name
#define TYPED(name)  "cadence::" name ".per_tensor_out"
#define CONV_LETTERS "QQQLLLIIIDDIIIOR"

/* clang-format off */
static const struct prt_aten_op ops[] = {
    {OP("quantize_per_tensor.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym8s.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym8u.out"), "TDIIIIOR", quantize, 0},
    {OP("dequantize_per_tensor.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym8s.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym8u.out"), "QDIIIIOR", dequantize, 0},
    {TYPED("requantize"), "QDIDIIOR", requantize, 0},
    {TYPED("quantized_add"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_add_asym8sxasym8s_asym8s"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_add_asym8uxasym8u_asym8u"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_mul"), "QDIQDIDIOR", binary, PRT_BINARY_MUL},
    {TYPED("quantized_relu"), "QIIIIOR", relu, 0},
    {TYPED("quantized_relu_asym8s_asym8s"), "QIIIIOR", relu, 0},
    {TYPED("quantized_relu_asym8u_asym8u"), "QIIIIOR", relu, 0},
    {TYPED("quantized_linear"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_linear_asym8sxasym8s_asym8s"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_linear_asym8uxasym8u_asym8u"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_fully_connected"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_fully_connected_asym8sxasym8s_asym8s"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_fully_connected_asym8uxasym8u_asym8u"), "QQQIIIIItOR", linear, 0},
    {OP("quantized_matmul.out"), "QIQIqIIIBOR", matmul, 0},
    {OP("quantized_matmul_asym8sxasym8s_asym8s.out"), "QIQIqIIIBOR", matmul, 0},
    {OP("quantized_matmul_asym8uxasym8u_asym8u.out"), "QIQIqIIIBOR", matmul, 0},
    {TYPED("quantized_layer_norm"), "QDILTTDDIOR", layer_norm, 0},
    {TYPED("quantized_conv2d_nchw"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_asym8sxsym8s_asym8s"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_asym8uxsym8u_asym8u"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_dilated_asym8sxsym8s_asym8s"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_dilated_asym8uxsym8u_asym8u"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_depthwise_asym8sxsym8s_asym8s"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nchw_depthwise_asym8uxsym8u_asym8u"), CONV_LETTERS, conv, CHANNELS_FIRST},
    {TYPED("quantized_conv2d_nhwc"), "QQQLLLIIIDDIIItOR", conv, CHANNELS_LAST},
    {TYPED("quantized_conv2d_nhwc_asym8sxsym8s_asym8s"), CONV_LETTERS, conv, CHANNELS_LAST},
    {TYPED("quantized_conv2d_nhwc_asym8uxsym8u_asym8u"), CONV_LETTERS, conv, CHANNELS_LAST},
};
/* clang-format on */

const struct prt_aten_table prt_aten_cadence = PRT_ATEN_TABLE(ops);
