/*
 * Why: quantised operators of ExecuTorch's own library that compute in one call what others spell
 * out: sums of codes, and products of real numbers with weights of codes.
 *
 * Source of the meaning: kernels/quantized/cpu of ExecuTorch v1.4.1.
 */
#include "runtime/import_aten.h"

/* (a, scale, zero, least, most, b, scale, zero, least, most, out scale, out zero, least, most,
 * out): where codes of the operands end does not matter once they are there */
static enum percept_status add(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    (void)op;
    uint32_t numbers[2], sum, y = prt_call_output(call);
    double scale = prt_call_number(import, call, 10, 0);
    double zero = prt_call_number(import, call, 11, 0);
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++)
        status = prt_aten_numbers_of(import, call->operands[5 * i],
                                     prt_call_number(import, call, 5 * i + 1, 0),
                                     prt_call_number(import, call, 5 * i + 2, 0), &numbers[i]);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &sum);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_ADD, numbers[0], numbers[1], 1, sum);
    if (status != PERCEPT_OK)
        return status;
    bool bytes = prt_import_spec(import, y)->dtype == PRT_U8;
    int64_t lowest = bytes ? 0 : INT8_MIN, highest = bytes ? UINT8_MAX : INT8_MAX;
    int64_t least = prt_call_int(import, call, 12, lowest);
    int64_t most = prt_call_int(import, call, 13, highest);
    if (least > most || least < lowest || most > highest)
        return prt_import_fail(import, PERCEPT_MALFORMED, "codes from %lld to %lld do not fit %s",
                               (long long)least, (long long)most, bytes ? "uint8" : "int8");
    if (least != lowest || most != highest) /* on codes, so rounding cannot leave these bounds */
        status = prt_aten_apply(import, PRT_UNARY_CLAMP, ((double)least - zero) * scale,
                                ((double)most - zero) * scale, &sum);
    return status == PERCEPT_OK ? prt_aten_codes_of(import, sum, scale, zero, y) : status;
}

/* The weight, which has two dimensions, times its scales: one a row, or one a group of a row. */
static enum percept_status real_weight(struct prt_import *import, const struct prt_call *call,
                                       uint32_t *weight)
{
    const struct prt_tensor w = *prt_import_spec(import, call->operands[1]),
                            s = *prt_import_spec(import, call->operands[2]);
    int32_t groups = s.rank == 2 ? s.sizes[1] : 1;
    if (prt_call_has(import, call, 3))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "zero points of weights");
    if (w.rank != 2 || s.rank < 1 || s.rank > 2 || s.sizes[0] != w.sizes[0] || groups < 1 ||
        w.sizes[1] % groups)
        return prt_import_fail(import, PERCEPT_MALFORMED, "its scales do not fit its weight");
    const int32_t apart[] = {w.sizes[0], groups, w.sizes[1] / groups};
    const int32_t wide[] = {w.sizes[0], groups, 1};
    uint32_t codes, scales, product;
    enum percept_status status = prt_import_convert(import, call->operands[1], PRT_F32, &codes);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, codes, 3, apart, &codes);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[2], PRT_F32, &scales);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, scales, 3, wide, &scales);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor spec = *prt_import_spec(import, codes);
    status = prt_import_temporary(import, &spec, &product);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, codes, scales, 1, product);
    return status == PERCEPT_OK ? prt_aten_as(import, product, 2, w.sizes, weight) : status;
}

enum { MIXED_LINEAR, MIXED_PRODUCT };

/* (x, weight, scales, zero points, [dtype,] out): x weight^T, or x weight */
static enum percept_status mixed(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    uint32_t x, weight, result, y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, y);
    spec.dtype = PRT_F32;
    enum percept_status status = real_weight(import, call, &weight);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[0], PRT_F32, &x);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status != PERCEPT_OK)
        return status;
    if (op->kind == MIXED_LINEAR)
        status = prt_aten_linear(import, x, weight, PRT_NO_VALUE, result);
    else if (!prt_import_node(import, PRT_OP_MATMUL, result, 2, (const uint32_t[]){x, weight}))
        status = PERCEPT_NO_MEMORY;
    return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"quantized_decomposed::add.out", "QDIIIQDIIIDIIIOR", add, 0},
    {"quantized_decomposed::mixed_linear.out", "TTTtiOR", mixed, MIXED_LINEAR},
    {"quantized_decomposed::mixed_mm.out", "TTTtOR", mixed, MIXED_PRODUCT},
};

const struct prt_aten_table prt_aten_mixed = PRT_ATEN_TABLE(ops);
