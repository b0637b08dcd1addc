/*
 * Why: products of matrices in every element type. LINEAR packs constant weights in fp32, MATMUL
 * takes computed ones, fp64 and int64; what else there is, is converted.
 */
#include "runtime/import_aten.h"

#include <string.h>

/* The type in which a product of this type is computed: integers wrap around on the way back. */
static enum prt_dtype computed_as(enum prt_dtype dtype)
{
    switch (dtype) {
    case PRT_F32:
    case PRT_F16:
    case PRT_BF16:
        return PRT_F32;
    case PRT_F64:
        return PRT_F64;
    default:
        return PRT_I64;
    }
}

bool prt_aten_is_weight(const struct prt_import *import, uint32_t x)
{
    const struct prt_graph *graph = import->graph;
    for (int steps = 0; steps < 8; steps++) {
        const struct prt_value *value = &graph->values[x];
        if (value->flags & PRT_FLAG_CONSTANT)
            return true;
        if (value->producer == PRT_NO_VALUE)
            return false;
        const struct prt_node *node = &graph->nodes[value->producer];
        if (node->op != PRT_OP_PERMUTE && node->op != PRT_OP_RESHAPE &&
            node->op != PRT_OP_DEQUANTIZE && node->op != PRT_OP_LAYOUT &&
            node->op != PRT_OP_CONVERT)
            return false;
        x = node->inputs[0];
    }
    return false;
}

static enum percept_status linear_node(struct prt_import *import, uint32_t x, uint32_t weight,
                                       uint32_t bias, bool weight_is_io, uint32_t y)
{
    struct prt_node *node =
        prt_import_node(import, PRT_OP_LINEAR, y, 5,
                        (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.linear.weight_is_io = weight_is_io;
    return PERCEPT_OK;
}

static enum percept_status matmul_node(struct prt_import *import, uint32_t a, uint32_t b,
                                       bool transpose_b, uint32_t y)
{
    struct prt_node *node = prt_import_node(import, PRT_OP_MATMUL, y, 2, (const uint32_t[]){a, b});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.matmul.transpose_b = transpose_b;
    return PERCEPT_OK;
}

/* What to write instead of y when that has another type; finish with prt_aten_into. */
static enum percept_status result_as(struct prt_import *import, uint32_t y, enum prt_dtype dtype,
                                     uint32_t *result)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    *result = y;
    if (spec.dtype == dtype)
        return PERCEPT_OK;
    spec.dtype = dtype;
    return prt_import_temporary(import, &spec, result);
}

/* y = a b in one of the types that nodes have */
static enum percept_status product(struct prt_import *import, uint32_t a, uint32_t b, uint32_t y)
{
    const struct prt_tensor *weight = prt_import_spec(import, b);
    if (weight->dtype == PRT_F32 && weight->rank == 2 && prt_aten_is_weight(import, b))
        return linear_node(import, a, b, PRT_NO_VALUE, true, y);
    return matmul_node(import, a, b, false, y);
}

/* (self, mat2, out) */
static enum percept_status matmul(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t a = call->operands[0], b = call->operands[1], y = prt_call_output(call), result;
    enum prt_dtype dtype = computed_as(prt_import_spec(import, y)->dtype);
    enum percept_status status = prt_import_convert(import, a, dtype, &a);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, b, dtype, &b);
    if (status == PERCEPT_OK)
        status = result_as(import, y, dtype, &result);
    if (status == PERCEPT_OK)
        status = product(import, a, b, result);
    return status == PERCEPT_OK && result != y ? prt_aten_into(import, result, y) : status;
}

/* x [.., I] times a weight [O, I] that is computed, or of a type that LINEAR lacks */
static enum percept_status computed_linear(struct prt_import *import, uint32_t x, uint32_t weight,
                                           uint32_t bias, uint32_t y)
{
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y), spec;
    uint32_t result;
    if (from.rank < 1 || to.rank != from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "of %u dimensions", from.rank);
    if (from.rank == 1) { /* MATMUL takes matrices */
        memmove(from.sizes + 1, from.sizes, sizeof *from.sizes);
        memmove(to.sizes + 1, to.sizes, sizeof *to.sizes);
        from.sizes[0] = to.sizes[0] = 1;
    }
    unsigned rank = from.rank == 1 ? 2 : from.rank;
    enum percept_status status = prt_aten_as(import, x, rank, from.sizes, &x);
    spec = prt_import_like(&to, rank, to.sizes);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status == PERCEPT_OK)
        status = matmul_node(import, x, weight, true, result);
    if (status == PERCEPT_OK && bias != PRT_NO_VALUE) {
        uint32_t product = result;
        status = prt_import_temporary(import, &spec, &result);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_ADD, product, bias, 1, result);
    }
    return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
}

enum percept_status prt_aten_linear(struct prt_import *import, uint32_t x, uint32_t weight,
                                    uint32_t bias, uint32_t y)
{
    bool packs = prt_import_spec(import, y)->dtype == PRT_F32 &&
                 prt_aten_is_weight(import, weight) &&
                 (bias == PRT_NO_VALUE || prt_aten_is_weight(import, bias));
    return packs ? linear_node(import, x, weight, bias, false, y)
                 : computed_linear(import, x, weight, bias, y);
}

/* (input, weight, bias, out) */
static enum percept_status linear(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t operands[3], y = prt_call_output(call), result;
    enum prt_dtype dtype = computed_as(prt_import_spec(import, y)->dtype);
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 3 && status == PERCEPT_OK; i++) {
        operands[i] = call->operands[i];
        if (operands[i] != PRT_NO_VALUE)
            status = prt_import_convert(import, operands[i], dtype, &operands[i]);
    }
    if (status == PERCEPT_OK)
        status = result_as(import, y, dtype, &result);
    if (status != PERCEPT_OK)
        return status;
    status = prt_aten_linear(import, operands[0], operands[1], operands[2], result);
    return status == PERCEPT_OK && result != y ? prt_aten_into(import, result, y) : status;
}

/* (self, mat1, mat2, beta, alpha, out): beta * self + alpha * mat1 @ mat2; also of batches */
static enum percept_status addmm(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    uint32_t operands[3], y = prt_call_output(call), result, sum;
    double beta = prt_call_number(import, call, 3, 1), alpha = prt_call_number(import, call, 4, 1);
    struct prt_tensor spec = *prt_import_spec(import, y);
    enum percept_status status = PERCEPT_OK;
    spec.dtype = computed_as(spec.dtype);
    for (int i = 0; i < 3 && status == PERCEPT_OK; i++)
        status = prt_import_convert(import, call->operands[i], spec.dtype, &operands[i]);
    if (status == PERCEPT_OK)
        status = result_as(import, y, spec.dtype, &sum);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *added = prt_import_spec(import, operands[0]);
    bool per_column = added->rank == 1 && spec.rank == 2 && added->sizes[0] == spec.sizes[1];
    if (beta == 1 && alpha == 1 && per_column && spec.dtype == PRT_F32 &&
        prt_aten_is_weight(import, operands[2]) && prt_aten_is_weight(import, operands[0])) {
        status = linear_node(import, operands[1], operands[2], operands[0], true, sum);
        return status == PERCEPT_OK && sum != y ? prt_aten_into(import, sum, y) : status;
    }
    status = prt_import_temporary(import, &spec, &result);
    if (status == PERCEPT_OK)
        status = product(import, operands[1], operands[2], result);
    if (status == PERCEPT_OK && alpha != 1) {
        uint32_t factor, plain = result;
        status = prt_import_scalar(import, call->args[4], &factor);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &result);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_MUL, plain, factor, 1, result);
    }
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_ADD, result, operands[0], beta, sum);
    return status == PERCEPT_OK && sum != y ? prt_aten_into(import, sum, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::linear.out", "TTtOR", linear, 0},   {"aten::addmm.out", "TTTNNOR", addmm, 0},
    {"aten::baddbmm.out", "TTTNNOR", addmm, 0}, {"aten::mm.out", "TTOR", matmul, 0},
    {"aten::bmm.out", "TTOR", matmul, 0},
};

const struct prt_aten_table prt_aten_product = PRT_ATEN_TABLE(ops);
