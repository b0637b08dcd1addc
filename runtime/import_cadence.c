/*
 * Why: programs lowered for Cadence's processors call operators on quantised codes. Each states the
 * scales that it needs and no more, so its operands are given scales of which the products come out
 * as stated: what follows is the network on real numbers between its quantisations, which the
 * quantise pass knows how to run on integers.
 *
 * Most have two forms, one whose numbers are arguments and one whose numbers are constant tensors.
 *
 * Source of the meaning: backends/cadence/aot/ref_implementations.py of ExecuTorch v1.4.1.
 */
#include "runtime/import_aten.h"

#include <math.h>

/* The scale of a result that a fixed-point multiplier and a shift state. */
static double scale_of(double multiplier, double shift)
{
    return 1 / (-multiplier / 0x1p31 * (shift > -1000 && shift < 1000 ? exp2(shift) : 0));
}

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
    const struct prt_aten_op *row =
        prt_aten_find("quantized_decomposed::dequantize_per_tensor.out");
    uint32_t x = call->operands[0], y = prt_call_output(call);
    if (prt_import_spec(import, x)->dtype == PRT_I32)
        return row->translate(import, row, call);
    return prt_aten_numbers_in(import, x, prt_call_number(import, call, 1, 0),
                               prt_call_number(import, call, 2, 0), &y);
}

/* (input, in_scale, in_zero, out_scale, out_zero, dtype, out) */
static enum percept_status requantize(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    enum { IN_SCALE, IN_ZERO, OUT_SCALE, OUT_ZERO, COUNT };
    double n[COUNT];
    uint32_t x;
    enum percept_status status = prt_aten_known_numbers(import, call, 1, COUNT, n);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[0], n[IN_SCALE], n[IN_ZERO], &x);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, x, n[OUT_SCALE], n[OUT_ZERO], prt_call_output(call))
               : status;
}

/* (X, X_scale, X_zero, Y, Y_scale, Y_zero, out_scale, out_zero, out) */
static enum percept_status binary(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    double x[2], other[4]; /* scale and zero point; the result's follow the second's */
    uint32_t a, b, result, y = prt_call_output(call);
    enum percept_status status = prt_aten_known_numbers(import, call, 1, 2, x);
    if (status == PERCEPT_OK)
        status = prt_aten_known_numbers(import, call, 4, 4, other);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[0], x[0], x[1], &a);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[3], other[0], other[1], &b);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, (enum prt_binary_kind)op->kind, a, b, 1, result);
    return status == PERCEPT_OK ? prt_aten_codes_of(import, result, other[2], other[3], y) : status;
}

/* (X, X_scale, X_zero, Y, out_scale, out_zero, out): Y is a real number. Only the kernels of
 * backends/cadence/generic say so. */
static enum percept_status with_number(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    enum { IN_SCALE, IN_ZERO, NUMBER, OUT_SCALE, OUT_ZERO, COUNT };
    double n[COUNT];
    uint32_t x;
    enum percept_status status = prt_aten_known_numbers(import, call, 1, COUNT, n);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[0], n[IN_SCALE], n[IN_ZERO], &x);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, (enum prt_binary_kind)op->kind, x, n[NUMBER], &x);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, x, n[OUT_SCALE], n[OUT_ZERO], prt_call_output(call))
               : status;
}

/* (X, X_zero, out_zero, out_multiplier, out_shift, out) */
static enum percept_status relu(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    enum { IN_ZERO, OUT_ZERO, MULTIPLIER, SHIFT, COUNT };
    double n[COUNT];
    uint32_t x, result, y = prt_call_output(call);
    enum percept_status status = prt_aten_known_numbers(import, call, 1, COUNT, n);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[0], 1, n[IN_ZERO], &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, x, 0, INFINITY, result);
    return status == PERCEPT_OK
               ? prt_aten_codes_of(import, result, scale_of(n[MULTIPLIER], n[SHIFT]), n[OUT_ZERO],
                                   y)
               : status;
}

/* (src, weight, bias, src_zero, weight_zero, out_multiplier, out_shift, out_zero, offset, out) */
static enum percept_status linear(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    enum { IN_ZERO, WEIGHT_ZERO, MULTIPLIER, SHIFT, OUT_ZERO, COUNT };
    double n[COUNT];
    uint32_t x, weight, bias, result, y = prt_call_output(call);
    const struct prt_weight_view view = prt_aten_weight_view(import, call->operands[1]);
    enum percept_status status = prt_aten_known_numbers(import, call, 3, COUNT, n);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[0], 1, n[IN_ZERO], &x);
    if (status == PERCEPT_OK)
        status = prt_aten_weight_of(import, call->operands[1], &view, 1, n[WEIGHT_ZERO], &weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[2], 1, 0, &bias);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_LINEAR, result, 5,
                         (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE}))
        return PERCEPT_NO_MEMORY;
    return prt_aten_codes_of(import, result, scale_of(n[MULTIPLIER], n[SHIFT]), n[OUT_ZERO], y);
}

/* (X, X_zero, Y, Y_zero, bias, out_multiplier, out_shift, out_zero, transposed, out): the bias is
 * not used */
static enum percept_status matmul(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t a, b, result, y = prt_call_output(call);
    enum percept_status status =
        prt_aten_numbers_of(import, call->operands[0], 1, prt_call_number(import, call, 1, 0), &a);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[2], 1,
                                     prt_call_number(import, call, 3, 0), &b);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_MATMUL, result, 2, (const uint32_t[]){a, b});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.matmul.transpose_b = prt_call_bool(import, call, 8);
    double scale =
        scale_of(prt_call_number(import, call, 5, 0), prt_call_number(import, call, 6, 0));
    return prt_aten_codes_of(import, result, scale, prt_call_number(import, call, 7, 0), y);
}

/* (input, in_scale, in_zero, normalized_shape, weight, bias, eps, out_scale, out_zero, out): a row
 * is all of the last dimensions that are normalised */
static enum percept_status layer_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    double in[2], out[2]; /* scale and zero point */
    uint32_t x = call->operands[0], operands[3], result, flat, y = prt_call_output(call);
    const struct prt_tensor spec = *prt_import_spec(import, x);
    unsigned count = prt_call_list_count(import, call, 3), kept = spec.rank - count;
    int32_t sizes[PRT_MAX_RANK];
    int64_t length = 1;
    if (count == 0 || count > spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "normalises %u dimensions of %u", count,
                               spec.rank);
    for (unsigned i = 0; i < spec.rank; i++) {
        sizes[i] = spec.sizes[i];
        length *= i < kept || length > INT32_MAX ? 1 : spec.sizes[i];
    }
    if (length > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "a row is too long");
    sizes[kept] = (int32_t)length;
    enum percept_status status = prt_aten_known_numbers(import, call, 1, 2, in);
    if (status == PERCEPT_OK)
        status = prt_aten_known_numbers(import, call, 7, 2, out);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, x, kept + 1, sizes, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, x, in[0], in[1], &operands[0]);
    for (unsigned i = 1; i < 3 && status == PERCEPT_OK; i++)
        status = prt_aten_as(import, call->operands[3 + i], 1, &sizes[kept], &operands[i]);
    struct prt_tensor rows =
        prt_import_like(&(struct prt_tensor){.dtype = PRT_F32}, kept + 1, sizes);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &rows, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_LAYER_NORM, result, 3, operands);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.layer_norm.epsilon = prt_call_number(import, call, 6, 0);
    status = prt_aten_as(import, result, spec.rank, spec.sizes, &flat);
    return status == PERCEPT_OK ? prt_aten_codes_of(import, flat, out[0], out[1], y) : status;
}

/* (input, mask, dim, mask_type, pos, in_scale, in_zero, out_scale, out_zero, out) */
static enum percept_status softmax(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    enum { IN_SCALE, IN_ZERO, OUT_SCALE, OUT_ZERO, COUNT };
    double n[COUNT];
    int32_t axis;
    uint32_t x = call->operands[0], result, y = prt_call_output(call);
    if (prt_call_int(import, call, 3, 0) != 0) /* else the mask and its place mean nothing */
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a softmax with a mask");
    enum percept_status status = prt_aten_known_numbers(import, call, 5, COUNT, n);
    if (status == PERCEPT_OK)
        status = prt_aten_axis_of(import, call, 2, -1, x, &axis);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, x, n[IN_SCALE], n[IN_ZERO], &x);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_SOFTMAX, result, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.softmax.axis = axis;
    return prt_aten_codes_of(import, result, n[OUT_SCALE], n[OUT_ZERO], y);
}

#define OP(name)      "cadence::" name
#define TYPED(name)   "cadence::" name ".per_tensor_out"
#define TENSORS(name) "cadence::" name ".out"

/* clang-format off */
static const struct prt_aten_op ops[] = {
    {OP("quantize_per_tensor.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym8s.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym8u.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym16s.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym16u.out"), "TDIIIIOR", quantize, 0},
    {OP("quantize_per_tensor_asym32s.out"), "TDIIIIOR", quantize, 0},
    {OP("dequantize_per_tensor.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym8s.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym8u.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym16s.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym16u.out"), "QDIIIIOR", dequantize, 0},
    {OP("dequantize_per_tensor_asym32s.out"), "QDIIIIOR", dequantize, 0},
    {TYPED("requantize"), "QDIDIIOR", requantize, 0},
    {TENSORS("requantize"), "QTTTTIOR", requantize, 0},
    {TYPED("quantized_add"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TENSORS("quantized_add"), "QTTQTTDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_add_asym8sxasym8s_asym8s"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_add_asym8uxasym8u_asym8u"), "QDIQDIDIOR", binary, PRT_BINARY_ADD},
    {TYPED("quantized_mul"), "QDIQDIDIOR", binary, PRT_BINARY_MUL},
    {TENSORS("quantized_mul"), "QTTQTTDIOR", binary, PRT_BINARY_MUL},
    {TENSORS("quantized_add_Scalar"), "QTTUDIOR", with_number, PRT_BINARY_ADD},
    {TENSORS("quantized_mul_Scalar"), "QTTUDIOR", with_number, PRT_BINARY_MUL},
    {TYPED("quantized_relu"), "QIIIIOR", relu, 0},
    {TENSORS("quantized_relu"), "QTITTOR", relu, 0},
    {TYPED("quantized_relu_asym8s_asym8s"), "QIIIIOR", relu, 0},
    {TYPED("quantized_relu_asym8u_asym8u"), "QIIIIOR", relu, 0},
    {TYPED("quantized_linear"), "QQQIIIIItOR", linear, 0},
    {TENSORS("quantized_linear"), "QQQITTTItOR", linear, 0},
    {TYPED("quantized_linear_asym8sxasym8s_asym8s"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_linear_asym8uxasym8u_asym8u"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_fully_connected"), "QQQIIIIItOR", linear, 0},
    {TENSORS("quantized_fully_connected"), "QQQITTTItOR", linear, 0},
    {TYPED("quantized_fully_connected_asym8sxasym8s_asym8s"), "QQQIIIIItOR", linear, 0},
    {TYPED("quantized_fully_connected_asym8uxasym8u_asym8u"), "QQQIIIIItOR", linear, 0},
    {OP("quantized_matmul.out"), "QIQIqIIIBOR", matmul, 0},
    {OP("quantized_matmul_asym8sxasym8s_asym8s.out"), "QIQIqIIIBOR", matmul, 0},
    {OP("quantized_matmul_asym8uxasym8u_asym8u.out"), "QIQIqIIIBOR", matmul, 0},
    {TYPED("quantized_layer_norm"), "QDILTTDDIOR", layer_norm, 0},
    {TENSORS("quantized_layer_norm"), "QTTLTTDDIOR", layer_norm, 0},
    {TYPED("quantized_softmax"), "Q_II_DIDIOR", softmax, 0},
    {TENSORS("quantized_softmax"), "Q_II_TTTTOR", softmax, 0},
};
/* clang-format on */

const struct prt_aten_table prt_aten_cadence = PRT_ATEN_TABLE(ops);
