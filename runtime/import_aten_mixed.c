/*
 * Why: products of real numbers with weights of 8 bits, one scale for each row of the weight or for
 * each group of a row's neighbours. They are products with the weights' real numbers, which a pass
 * computes once when the weights are constants.
 */
#include "runtime/import_aten.h"

enum { INPUT, WEIGHT, SCALES, ZERO_POINTS };

/* The weight's numbers, float32: its codes times the scales of its rows. */
static enum percept_status real_weight(struct prt_import *import, const struct prt_call *call,
                                       uint32_t *weight)
{
    uint32_t codes, scales, scaled;
    const struct prt_tensor spec = *prt_import_spec(import, call->operands[WEIGHT]);
    const struct prt_tensor by = *prt_import_spec(import, call->operands[SCALES]);
    int32_t groups = by.rank == 2 ? by.sizes[1] : 1;
    if (call->operands[ZERO_POINTS] != PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "has zero points");
    if (spec.rank != 2 || by.rank < 1 || by.rank > 2 || by.sizes[0] != spec.sizes[0] ||
        groups < 1 || spec.sizes[1] % groups)
        return prt_import_fail(import, PERCEPT_MALFORMED, "scales do not fit the weight");
    const int32_t apart[3] = {spec.sizes[0], groups, spec.sizes[1] / groups};
    enum percept_status status =
        prt_import_convert(import, call->operands[WEIGHT], PRT_F32, &codes);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[SCALES], PRT_F32, &scales);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, codes, 3, apart, &codes);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, scales, 3, (const int32_t[]){apart[0], groups, 1}, &scales);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor wide = *prt_import_spec(import, codes);
    status = prt_import_temporary(import, &wide, &scaled);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, codes, scales, 1, scaled);
    return status == PERCEPT_OK ? prt_aten_as(import, scaled, 2, spec.sizes, weight) : status;
}

/* (input, weight, scales, zero_points, [dtype,] out); transposed: of mixed_mm, whose weight is
 * [inputs, outputs] */
static enum percept_status mixed(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    static const uint8_t turned[2] = {1, 0};
    uint32_t weight, x, result, y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, y);
    enum percept_status status = real_weight(import, call, &weight);
    if (status == PERCEPT_OK && op->kind) {
        const struct prt_tensor *straight = prt_import_spec(import, weight);
        const int32_t sizes[2] = {straight->sizes[1], straight->sizes[0]};
        struct prt_tensor other = prt_import_like(straight, 2, sizes);
        uint32_t from = weight;
        status = prt_import_temporary(import, &other, &weight);
        if (status == PERCEPT_OK)
            status = prt_import_permute(import, from, turned, weight);
    }
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[INPUT], PRT_F32, &x);
    spec.dtype = PRT_F32;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_linear(import, x, weight, PRT_NO_VALUE, result);
    return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"quantized_decomposed::mixed_mm.out", "TTTtOR", mixed, true},
    {"quantized_decomposed::mixed_linear.out", "TTTtiOR", mixed, false},
};

const struct prt_aten_table prt_aten_mixed = PRT_ATEN_TABLE(ops);
