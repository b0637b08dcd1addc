/* Why: the operators that only Vulkan blobs have, built from ATen's. */
#include "runtime/import_vulkan.h"

#include <math.h>

/* (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, min, max) */
static enum percept_status conv_with_clamp(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *convolution = prt_aten_find("aten::convolution.out");
    uint32_t y = prt_call_output(call), sum;
    enum percept_status status = prt_import_temporary(import, prt_import_spec(import, y), &sum);
    if (status != PERCEPT_OK)
        return status;
    struct prt_call inner = *call;
    inner.signature = convolution->signature;
    inner.count = 11;
    inner.operands[9] = sum; /* where that row's result is */
    status = convolution->translate(import, convolution, &inner);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, sum,
                                prt_call_number(import, call, 9, -INFINITY),
                                prt_call_number(import, call, 10, INFINITY), y);
    return status;
}

/* (x, weight, eps): x / sqrt(mean(x * x) + eps) * weight */
static enum percept_status rms_norm(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), squares, mean, scale, normed;
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (spec.rank == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no dimension to norm");
    struct prt_tensor row = prt_import_like(&spec, spec.rank, spec.sizes);
    row.sizes[spec.rank - 1] = 1;
    enum percept_status status = prt_import_temporary(import, &spec, &squares);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_SQUARE, x, 0, 0, squares);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &row, &mean);
    if (status == PERCEPT_OK)
        status =
            prt_aten_reduce(import, PRT_REDUCE_MEAN, squares, 1u << (spec.rank - 1), true, mean);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_ADD, mean,
                                      prt_call_number(import, call, 2, 0), &mean);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &row, &scale);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_RSQRT, mean, 0, 0, scale);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &normed);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, x, scale, 1, normed);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, normed, call->operands[1], 1, y);
    return status;
}

static const struct prt_aten_op ops[] = {
    {"et_vk.conv_with_clamp.default", "TTtLLLBLInnO", conv_with_clamp, 0},
    {"et_vk.rms_norm.default", "TTDO", rms_norm, 0},
};

const struct prt_aten_table prt_vulkan_ops = PRT_ATEN_TABLE(ops);
