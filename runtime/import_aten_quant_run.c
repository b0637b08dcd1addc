/*
 * Why: dynamic quantisation computes scales and zero points while it runs, and the graph keeps such
 * things with a value only when they are known. So codes are plain integers here, and quantising
 * is arithmetic: clamp(round(x / scale) + zero point), as PyTorch's decomposition states it.
 */
#include "runtime/import_aten.h"

#include <float.h>
#include <stdint.h>

/* An operand of the arithmetic below: a tensor as float32, or a scalar of the call. */
static enum percept_status real_operand(struct prt_import *import, const struct prt_call *call,
                                        unsigned index, uint32_t *id)
{
    enum percept_status status = prt_aten_operand(import, call, index, id);
    if (status == PERCEPT_OK && call->operands[index] != PRT_NO_VALUE)
        status = prt_import_convert(import, *id, PRT_F32, id);
    return status;
}

/* a op b in float32 and broadcast to sizes, a new value */
static enum percept_status compute(struct prt_import *import, enum prt_binary_kind kind, uint32_t a,
                                   uint32_t b, const struct prt_tensor *sizes, uint32_t *y)
{
    struct prt_tensor spec = prt_import_like(sizes, sizes->rank, sizes->sizes);
    spec.dtype = PRT_F32;
    spec.quant = (struct prt_quant){0};
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_aten_binary(import, kind, a, b, 1, *y) : status;
}

static enum percept_status number(struct prt_import *import, enum prt_binary_kind kind, uint32_t x,
                                  double value, uint32_t *y)
{
    return prt_aten_with_number(import, kind, x, value, y);
}

/* Scales of an axis, [count], so that they broadcast over x. */
static enum percept_status along_axis(struct prt_import *import, const struct prt_tensor *x,
                                      int32_t axis, uint32_t *id)
{
    int32_t sizes[PRT_MAX_RANK];
    if (*id == PRT_NO_VALUE || import->graph->values[*id].kind != PRT_VALUE_TENSOR)
        return PERCEPT_OK;
    for (unsigned i = 0; i < x->rank; i++)
        sizes[i] = (int)i == axis ? x->sizes[i] : 1;
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, *id), x->rank, sizes);
    uint32_t wide;
    enum percept_status status = prt_import_temporary(import, &spec, &wide);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, *id, wide);
    if (status == PERCEPT_OK)
        *id = wide;
    return status;
}

/* Scale and zero point of a call, as they broadcast over x; the zero point may be absent. */
static enum percept_status parameters(struct prt_import *import, const struct prt_aten_op *op,
                                      const struct prt_call *call, uint32_t *scale,
                                      uint32_t *zero_point)
{
    const struct prt_tensor x = *prt_import_spec(import, call->operands[0]);
    *zero_point = PRT_NO_VALUE;
    enum percept_status status = real_operand(import, call, 1, scale);
    if (status == PERCEPT_OK && prt_call_has(import, call, 2))
        status = real_operand(import, call, 2, zero_point);
    if (status != PERCEPT_OK || op->kind != PRT_QUANT_PER_CHANNEL)
        return status;
    int32_t axis;
    status = prt_import_axis(import, prt_call_int(import, call, 3, 0), x.rank, &axis);
    if (status == PERCEPT_OK)
        status = along_axis(import, &x, axis, scale);
    return status == PERCEPT_OK ? along_axis(import, &x, axis, zero_point) : status;
}

/* ---- the operators as one ---- */

/* Scales are being chosen for rows of x, `codes` apart at most and at least `least`. */
static void note_scales(struct prt_import *import, const struct prt_call *call, unsigned first,
                        double codes, double least, unsigned dims)
{
    uint32_t x = call->operands[0];
    if (codes != UINT8_MAX || prt_import_spec(import, x)->dtype != PRT_F32 ||
        !(least >= 0 && least <= (double)FLT_MAX))
        return;
    uint32_t at = import->roundings++ % PRT_ROUNDINGS;
    import->rounding[at].x = x;
    import->rounding[at].scale = call->operands[first];
    import->rounding[at].zero_point = call->operands[first + 1];
    import->rounding[at].codes = PRT_NO_VALUE;
    import->rounding[at].attrs =
        (struct prt_round_rows_attrs){.dims = (int32_t)dims, .least = (float)least};
}

/* Where the scale and the zero point of a call were noted; PRT_ROUNDINGS: nowhere. */
static uint32_t noted(const struct prt_import *import, const struct prt_call *call)
{
    uint32_t count = import->roundings < PRT_ROUNDINGS ? import->roundings : PRT_ROUNDINGS;
    for (uint32_t i = 0; i < count; i++)
        if (call->operands[1] == import->rounding[i].scale &&
            call->operands[2] == import->rounding[i].zero_point)
            return i;
    return PRT_ROUNDINGS;
}

static void note_codes(struct prt_import *import, const struct prt_call *call, double codes)
{
    uint32_t at = noted(import, call);
    if (at < PRT_ROUNDINGS && call->operands[0] == import->rounding[at].x && codes == UINT8_MAX)
        import->rounding[at].codes = prt_call_output(call);
}

/* y as one ROUND_ROWS, if that is what a call comes to. */
static enum percept_status round_rows(struct prt_import *import, const struct prt_call *call,
                                      uint32_t y, bool *done)
{
    uint32_t at = noted(import, call);
    *done = at < PRT_ROUNDINGS && call->operands[0] == import->rounding[at].codes &&
            prt_import_spec(import, y)->dtype == PRT_F32;
    if (!*done)
        return PERCEPT_OK;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_ROUND_ROWS, y, 1, &import->rounding[at].x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.round_rows = import->rounding[at].attrs;
    return PERCEPT_OK;
}

/* ---- the operators one by one ---- */

/* (input, scale(s), zero_point(s), [axis,] quant_min, quant_max, dtype, out) */
enum percept_status prt_aten_quantize_at_run(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call)
{
    uint32_t x, scale, zero_point, y = prt_call_output(call);
    const struct prt_tensor sizes = *prt_import_spec(import, y);
    unsigned at = op->kind == PRT_QUANT_PER_CHANNEL ? 4 : 3;
    double least = prt_call_number(import, call, at, 0);
    double most = prt_call_number(import, call, at + 1, 0);
    if (prt_aten_is_float(sizes.dtype) || sizes.dtype == PRT_BOOL || least > most)
        return prt_import_fail(import, PERCEPT_MALFORMED, "codes from %g to %g do not fit %s",
                               least, most, prt_dtype_name(sizes.dtype));
    if (op->kind != PRT_QUANT_PER_CHANNEL)
        note_codes(import, call, most - least);
    enum percept_status status = parameters(import, op, call, &scale, &zero_point);
    if (status == PERCEPT_OK)
        status = real_operand(import, call, 0, &x);
    bool known = status == PERCEPT_OK && call->operands[1] == PRT_NO_VALUE;
    if (known)
        status = prt_import_double(import, 1 / prt_call_number(import, call, 1, 1), &scale);
    else if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_RECIPROCAL, 0, 0, &scale);
    if (status == PERCEPT_OK)
        status = compute(import, PRT_BINARY_MUL, x, scale, &sizes, &x);
    /* Which comes first decides half-way numbers when the zero point is odd; PyTorch rounds last
     * when it quantises by row only. */
    bool rounds_last = op->kind == PRT_QUANT_NONE;
    if (status == PERCEPT_OK && !rounds_last)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &x);
    if (status == PERCEPT_OK && zero_point != PRT_NO_VALUE)
        status = compute(import, PRT_BINARY_ADD, x, zero_point, &sizes, &x);
    if (status == PERCEPT_OK && rounds_last)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_CLAMP, least, most, &x);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_CONVERT, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* (input, scale(s), zero_point(s), [axis,] quant_min, quant_max, dtype, ..., out) */
enum percept_status prt_aten_dequantize_at_run(struct prt_import *import,
                                               const struct prt_aten_op *op, struct prt_call *call)
{
    uint32_t x, scale, zero_point, y = prt_call_output(call);
    const struct prt_tensor sizes = *prt_import_spec(import, y);
    if (prt_import_spec(import, call->operands[0])->quant.kind != PRT_QUANT_NONE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "reads codes with another scale than they were made with");
    bool done = false;
    if (op->kind != PRT_QUANT_PER_CHANNEL) {
        enum percept_status made = round_rows(import, call, y, &done);
        if (made != PERCEPT_OK || done)
            return made;
    }
    enum percept_status status = parameters(import, op, call, &scale, &zero_point);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[0], PRT_F32, &x);
    if (status == PERCEPT_OK && zero_point != PRT_NO_VALUE)
        status = compute(import, PRT_BINARY_SUB, x, zero_point, &sizes, &x);
    if (status == PERCEPT_OK && sizes.dtype != PRT_F32) {
        status = compute(import, PRT_BINARY_MUL, x, scale, &sizes, &x);
        if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_CONVERT, y, 1, &x))
            status = PERCEPT_NO_MEMORY;
        return status;
    }
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_MUL, x, scale, 1, y) : status;
}

/* ---- choosing scales ---- */

/* min(x, 0) or max(x, 0) over axes, which stay with size 1, and how large one step of codes is. */
static enum percept_status span(struct prt_import *import, uint32_t x, uint32_t axes, double codes,
                                double least_scale, uint32_t ends[2], uint32_t *scale)
{
    static const enum prt_reduce_kind kinds[2] = {PRT_REDUCE_MIN, PRT_REDUCE_MAX};
    enum percept_status status = prt_import_convert(import, x, PRT_F32, &x);
    struct prt_tensor narrow = *prt_import_spec(import, x);
    for (unsigned i = 0; i < narrow.rank; i++)
        if (axes >> i & 1)
            narrow.sizes[i] = 1;
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        uint32_t extreme;
        status = prt_import_temporary(import, &narrow, &extreme);
        if (status == PERCEPT_OK)
            status = prt_aten_reduce(import, kinds[i], x, axes, true, extreme);
        if (status == PERCEPT_OK)
            status = number(import, i ? PRT_BINARY_MAX : PRT_BINARY_MIN, extreme, 0, &ends[i]);
    }
    if (status == PERCEPT_OK)
        status = compute(import, PRT_BINARY_SUB, ends[1], ends[0], &narrow, scale);
    if (status == PERCEPT_OK)
        status = number(import, PRT_BINARY_DIV, *scale, codes, scale);
    return status == PERCEPT_OK ? number(import, PRT_BINARY_MAX, *scale, least_scale, scale)
                                : status;
}

/* Scale and zero point into the call's two results, which may have other sizes and types. */
static enum percept_status deliver(struct prt_import *import, const struct prt_call *call,
                                   unsigned first, uint32_t scale, uint32_t zero_point)
{
    const uint32_t values[2] = {scale, zero_point};
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        uint32_t y = call->operands[first + i], converted;
        status =
            prt_import_convert(import, values[i], prt_import_spec(import, y)->dtype, &converted);
        if (status == PERCEPT_OK)
            status = prt_import_reshape(import, converted, y);
    }
    return status;
}

/* (input, quant_min, quant_max, eps, dtype, scale, zero_point) */
static enum percept_status choose(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], ends[2], scale, zero_point;
    double least = prt_call_number(import, call, 1, 0), most = prt_call_number(import, call, 2, 0);
    unsigned rank = prt_import_spec(import, x)->rank;
    if (!(least < most))
        return prt_import_fail(import, PERCEPT_MALFORMED, "has codes from %g to %g", least, most);
    note_scales(import, call, 5, most - least, prt_call_number(import, call, 3, 0), rank);
    enum percept_status status = span(import, x, (uint32_t)((1u << rank) - 1), most - least,
                                      prt_call_number(import, call, 3, 0), ends, &scale);
    if (status == PERCEPT_OK)
        status = compute(import, PRT_BINARY_DIV, ends[0], scale, prt_import_spec(import, scale),
                         &zero_point);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &zero_point);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_NEG, 0, 0, &zero_point);
    if (status == PERCEPT_OK)
        status = number(import, PRT_BINARY_ADD, zero_point, least, &zero_point);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_CLAMP, least, most, &zero_point);
    return status == PERCEPT_OK ? deliver(import, call, 5, scale, zero_point) : status;
}

/* end - descaled: a zero point that makes this end of the range exact. */
static enum percept_status anchored(struct prt_import *import, uint32_t descaled, double end,
                                    uint32_t *y)
{
    *y = descaled;
    enum percept_status status = prt_aten_apply(import, PRT_UNARY_NEG, 0, 0, y);
    return status == PERCEPT_OK ? number(import, PRT_BINARY_ADD, *y, end, y) : status;
}

/* (input, dtype, scale, zero_point): for each row of the last dimension, in 8 bits; the zero point
 * favours the end of the range that it makes the smaller error at */
static enum percept_status choose_per_token(struct prt_import *import, const struct prt_aten_op *op,
                                            struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], ends[2], descaled[2], anchors[2], scale, error, low, chosen;
    const double codes[2] = {INT8_MIN, INT8_MAX};
    unsigned rank = prt_import_spec(import, x)->rank;
    if (rank == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a scalar has no rows");
    note_scales(import, call, 2, codes[1] - codes[0], (double)FLT_EPSILON, 1);
    enum percept_status status =
        span(import, x, 1u << (rank - 1), codes[1] - codes[0], (double)FLT_EPSILON, ends, &scale);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor narrow = *prt_import_spec(import, scale);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        status = compute(import, PRT_BINARY_DIV, ends[i], scale, &narrow, &descaled[i]);
        if (status == PERCEPT_OK)
            status = anchored(import, descaled[i], codes[i], &anchors[i]);
    }
    if (status == PERCEPT_OK)
        status = compute(import, PRT_BINARY_ADD, descaled[0], descaled[1], &narrow, &error);
    struct prt_tensor truth = narrow;
    truth.dtype = PRT_BOOL;
    uint32_t limit;
    if (status == PERCEPT_OK) /* the two ends of the codes add to -1 */
        status = prt_import_double(import, -(codes[0] + codes[1]), &limit);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &truth, &low);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_GT, error, limit, 1, low);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &narrow, &chosen);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_WHERE, chosen, 3,
                         (const uint32_t[]){low, anchors[0], anchors[1]}))
        return PERCEPT_NO_MEMORY;
    status = prt_aten_apply(import, PRT_UNARY_CLAMP, codes[0], codes[1], &chosen);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, &chosen);
    return status == PERCEPT_OK ? deliver(import, call, 2, scale, chosen) : status;
}

#define OP(name) "quantized_decomposed::" name

static const struct prt_aten_op ops[] = {
    {OP("choose_qparams.Tensor_out"), "TIIDiOOR", choose, 0},
    {OP("choose_qparams_per_token_asymmetric.out"), "TiOOR", choose_per_token, 0},
    {OP("quantize_per_token.out"), "TTTIIiOR", prt_aten_quantize_at_run, PRT_QUANT_NONE},
    {OP("dequantize_per_token.out"), "QTTIIiiOR", prt_aten_dequantize_at_run, PRT_QUANT_NONE},
};

const struct prt_aten_table prt_aten_quant_run = PRT_ATEN_TABLE(ops);
