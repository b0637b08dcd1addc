/*
 * Why: torchao quantises tensors in blocks: all elements of a block share a scale and a zero point.
 * A tensor is seen here with two dimensions for each of its own, blocks and what is inside of them,
 * over which the parameters, of size 1 inside, broadcast. Weights are constants, so this is folded.
 *
 * Source of the meaning: torchao/quantization/quant_primitives.py.
 */
#include "runtime/import_aten.h"

#include <float.h>
#include <math.h>

/* x in blocks: its sizes, those of the parameters, and which dimensions are inside of blocks. */
struct blocks {
    unsigned rank;
    int32_t sizes[PRT_MAX_RANK], parameters[PRT_MAX_RANK];
    uint32_t inside; /* a bit set of axes */
};

static enum percept_status push(struct prt_import *import, struct blocks *blocks, int32_t size,
                                bool inside)
{
    if (size == 1)
        return PERCEPT_OK;
    if (blocks->rank == PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "blocks of too many dimensions");
    blocks->inside |= inside ? 1u << blocks->rank : 0;
    blocks->parameters[blocks->rank] = inside ? 1 : size;
    blocks->sizes[blocks->rank++] = size;
    return PERCEPT_OK;
}

/* The list of block sizes in an argument. */
static enum percept_status read_blocks(struct prt_import *import, const struct prt_call *call,
                                       unsigned index, const struct prt_tensor *x,
                                       struct blocks *blocks)
{
    int64_t sizes[PRT_MAX_RANK];
    uint32_t count;
    *blocks = (struct blocks){.rank = 0};
    enum percept_status status = prt_call_ints(import, call, index, sizes, PRT_MAX_RANK, &count);
    if (status == PERCEPT_OK && count != x->rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "blocks of %u dimensions for %u", count,
                               x->rank);
    for (unsigned i = 0; i < x->rank && status == PERCEPT_OK; i++) {
        if (x->sizes[i] < 1 || sizes[i] < 1 || x->sizes[i] % sizes[i])
            return prt_import_fail(import, PERCEPT_MALFORMED, "blocks of %lld in dimension %u",
                                   (long long)sizes[i], i);
        status = push(import, blocks, (int32_t)(x->sizes[i] / sizes[i]), false);
        if (status == PERCEPT_OK)
            status = push(import, blocks, (int32_t)sizes[i], true);
    }
    return status;
}

/* x as float32 in these sizes. */
static enum percept_status reals(struct prt_import *import, uint32_t x, unsigned rank,
                                 const int32_t *sizes, uint32_t *id)
{
    size_t wanted = 1;
    for (unsigned i = 0; i < rank; i++)
        wanted *= (size_t)sizes[i];
    if (prt_tensor_elements(prt_import_spec(import, x)) != wanted)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%zu parameters for %zu blocks",
                               prt_tensor_elements(prt_import_spec(import, x)), wanted);
    enum percept_status status = prt_import_convert(import, x, PRT_F32, &x);
    return status == PERCEPT_OK ? prt_aten_as(import, x, rank, sizes, id) : status;
}

/* The least and the greatest code: arguments, or the whole type. */
static enum percept_status code_range(struct prt_import *import, const struct prt_call *call,
                                      unsigned index, enum prt_dtype dtype, double *least,
                                      double *most)
{
    double bits = 8 * (double)prt_dtype_size(dtype);
    bool positive = dtype == PRT_U8;
    if (prt_aten_is_float(dtype) || dtype == PRT_BOOL)
        return prt_import_fail(import, PERCEPT_MALFORMED, "codes of type %s",
                               prt_dtype_name(dtype));
    *least = prt_call_number(import, call, index, positive ? 0 : -exp2(bits - 1));
    *most = prt_call_number(import, call, index + 1, (positive ? exp2(bits) : exp2(bits - 1)) - 1);
    return *least < *most ? PERCEPT_OK
                          : prt_import_fail(import, PERCEPT_MALFORMED, "has codes from %g to %g",
                                            *least, *most);
}

/* x, scale and, if there is one, zero point of a call that begins (x, block sizes, scale, zero). */
static enum percept_status operands(struct prt_import *import, const struct prt_call *call,
                                    uint32_t *x, uint32_t *scale, uint32_t *zero)
{
    const struct prt_tensor spec = *prt_import_spec(import, call->operands[0]);
    struct blocks blocks;
    enum percept_status status = read_blocks(import, call, 1, &spec, &blocks);
    if (status == PERCEPT_OK)
        status = reals(import, call->operands[0], blocks.rank, blocks.sizes, x);
    if (status == PERCEPT_OK)
        status = reals(import, call->operands[2], blocks.rank, blocks.parameters, scale);
    *zero = call->operands[3];
    if (*zero != PRT_NO_VALUE && prt_tensor_elements(prt_import_spec(import, *zero)) == 0)
        *zero = PRT_NO_VALUE;
    return status == PERCEPT_OK && *zero != PRT_NO_VALUE
               ? reals(import, *zero, blocks.rank, blocks.parameters, zero)
               : status;
}

/* (x, block sizes, scale, zero point, dtype, least, most, out) */
static enum percept_status quantize(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x, scale, zero, y = prt_call_output(call);
    double least = 0, most = 0;
    enum percept_status status =
        code_range(import, call, 5, prt_import_spec(import, y)->dtype, &least, &most);
    if (status == PERCEPT_OK)
        status = operands(import, call, &x, &scale, &zero);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_RECIPROCAL, 0, 0, &scale);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_MUL, &x, scale);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &x);
    if (status == PERCEPT_OK && zero != PRT_NO_VALUE)
        status = prt_aten_with(import, PRT_BINARY_ADD, &x, zero);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_CLAMP, least, most, &x);
    return status == PERCEPT_OK ? prt_aten_into(import, x, y) : status;
}

/* (x, block sizes, scale, zero point, dtype, least, most, out dtype, out) */
static enum percept_status dequantize(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x, scale, zero;
    enum percept_status status = operands(import, call, &x, &scale, &zero);
    if (status == PERCEPT_OK && zero != PRT_NO_VALUE)
        status = prt_aten_with(import, PRT_BINARY_SUB, &x, zero);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_MUL, &x, scale);
    return status == PERCEPT_OK ? prt_aten_into(import, x, prt_call_output(call)) : status;
}

/* ---- choosing scales ---- */

/* min(x, 0) and max(x, 0) of each block. */
static enum percept_status ends_of(struct prt_import *import, uint32_t x,
                                   const struct blocks *blocks, uint32_t ends[2])
{
    static const enum prt_reduce_kind kinds[2] = {PRT_REDUCE_MIN, PRT_REDUCE_MAX};
    static const enum prt_binary_kind limits[2] = {PRT_BINARY_MIN, PRT_BINARY_MAX};
    struct prt_tensor spec =
        prt_import_like(prt_import_spec(import, x), blocks->rank, blocks->parameters);
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++) {
        ends[i] = x;
        if (blocks->inside) {
            status = prt_import_temporary(import, &spec, &ends[i]);
            if (status == PERCEPT_OK)
                status = prt_aten_reduce(import, kinds[i], x, blocks->inside, true, ends[i]);
        }
        if (status == PERCEPT_OK)
            status = prt_aten_with_number(import, limits[i], ends[i], 0, &ends[i]);
    }
    return status;
}

/* The same on both sides of 0. clips: the greatest magnitude is half of the range; else each end
 * has room for its own. */
static enum percept_status symmetric(struct prt_import *import, uint32_t ends[2], double least,
                                     double most, bool clips, uint32_t *scale)
{
    enum percept_status status = PERCEPT_OK;
    if (clips) {
        status = prt_aten_apply(import, PRT_UNARY_NEG, 0, 0, &ends[0]);
        if (status == PERCEPT_OK)
            status = prt_aten_with(import, PRT_BINARY_MAX, &ends[0], ends[1]);
        *scale = ends[0];
        return status == PERCEPT_OK
                   ? prt_aten_with_number(import, PRT_BINARY_DIV, *scale, (most - least) / 2, scale)
                   : status;
    }
    const double limits[2] = {least, most};
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++)
        status = prt_aten_with_number(import, PRT_BINARY_DIV, ends[i], limits[i], &ends[i]);
    *scale = ends[0];
    return status == PERCEPT_OK ? prt_aten_with(import, PRT_BINARY_MAX, scale, ends[1]) : status;
}

/* (x, mapping, block sizes, dtype, least, most, eps, scale dtype, zero dtype, keep dimensions,
 * scale, zero point) */
static enum percept_status choose(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    const struct prt_tensor spec = *prt_import_spec(import, call->operands[0]);
    uint32_t ends[2], x, scale, zero;
    double least = prt_call_number(import, call, 4, INT8_MIN);
    double most = prt_call_number(import, call, 5, INT8_MAX);
    double eps = prt_call_number(import, call, 6, (double)FLT_MIN);
    bool asymmetric = prt_call_text_is(import, call, 1, "ASYMMETRIC");
    bool clips = prt_call_text_is(import, call, 1, "SYMMETRIC");
    struct blocks blocks;
    if (!asymmetric && !clips && !prt_call_text_is(import, call, 1, "SYMMETRIC_NO_CLIPPING_ERR"))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "its mapping is not known");
    if (!(least < 0 && most > 0) && !(asymmetric && least < most))
        return prt_import_fail(import, PERCEPT_MALFORMED, "has codes from %g to %g", least, most);
    enum percept_status status = read_blocks(import, call, 2, &spec, &blocks);
    if (status == PERCEPT_OK)
        status = reals(import, call->operands[0], blocks.rank, blocks.sizes, &x);
    if (status == PERCEPT_OK)
        status = ends_of(import, x, &blocks, ends);
    if (status == PERCEPT_OK && asymmetric) {
        scale = ends[1];
        status = prt_aten_with(import, PRT_BINARY_SUB, &scale, ends[0]);
        if (status == PERCEPT_OK)
            status = prt_aten_with_number(import, PRT_BINARY_DIV, scale, most - least, &scale);
    } else if (status == PERCEPT_OK) {
        status = symmetric(import, ends, least, most, clips, &scale);
    }
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_MAX, scale, eps, &scale);
    zero = ends[0];
    if (status == PERCEPT_OK && asymmetric) {
        status = prt_aten_with(import, PRT_BINARY_DIV, &zero, scale);
        if (status == PERCEPT_OK)
            status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &zero);
        if (status == PERCEPT_OK)
            status = prt_aten_apply(import, PRT_UNARY_NEG, 0, 0, &zero);
        if (status == PERCEPT_OK)
            status = prt_aten_with_number(import, PRT_BINARY_ADD, zero, least, &zero);
        if (status == PERCEPT_OK)
            status = prt_aten_apply(import, PRT_UNARY_CLAMP, least, most, &zero);
    } else if (status == PERCEPT_OK) {
        const struct prt_tensor like = *prt_import_spec(import, scale);
        status = prt_aten_filled(import, &like, (int64_t)((least + most + 1) / 2), &zero);
    }
    if (status == PERCEPT_OK)
        status = prt_aten_into(import, scale, call->operands[10]);
    return status == PERCEPT_OK ? prt_aten_into(import, zero, call->operands[11]) : status;
}

static const struct prt_aten_op ops[] = {
    {"torchao::quantize_affine.out", "TLTt_nnOR", quantize, 0},
    {"torchao::dequantize_affine.out", "TLTt_nn_OR", dequantize, 0},
    {"torchao::choose_qparams_affine.out", "TSL_nnd__bOOR", choose, 0},
};

const struct prt_aten_table prt_aten_affine = PRT_ATEN_TABLE(ops);
