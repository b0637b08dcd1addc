/* Why: layers that normalise: several nodes of means and arithmetic, which a pass may find again.
 * Half floats are computed in fp32, or the sums would lose what the result is made of. */
#include "runtime/import_aten.h"

#include <math.h>

static enum prt_dtype computed_as(enum prt_dtype dtype)
{
    return dtype == PRT_F64 ? PRT_F64 : PRT_F32;
}

/* ---- building blocks ---- */

/* 1 / sqrt(variance + eps) */
static enum percept_status inverse_deviation(struct prt_import *import, uint32_t variance,
                                             double eps, uint32_t *inverse)
{
    enum percept_status status =
        prt_aten_with_number(import, PRT_BINARY_ADD, variance, eps, &variance);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, variance), inverse);
    return status == PERCEPT_OK ? prt_aten_unary(import, PRT_UNARY_RSQRT, variance, 0, 0, *inverse)
                                : status;
}

/* (x - mean) / sqrt(variance + eps) over axes, and what it was made with. */
static enum percept_status normalise(struct prt_import *import, uint32_t x, uint32_t axes,
                                     double eps, uint32_t *y, uint32_t *mean, uint32_t *inverse)
{
    uint32_t centred, variance;
    enum percept_status status = prt_aten_moments(import, x, axes, mean, &centred, &variance);
    if (status == PERCEPT_OK)
        status = inverse_deviation(import, variance, eps, inverse);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, x), y);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_MUL, centred, *inverse, 1, *y)
                                : status;
}

/* *x becomes weight * x + bias with what is given of both, in x's type. */
static enum percept_status affine(struct prt_import *import, uint32_t weight, uint32_t bias,
                                  uint32_t *x)
{
    const uint32_t operands[2] = {weight, bias};
    static const enum prt_binary_kind kinds[2] = {PRT_BINARY_MUL, PRT_BINARY_ADD};
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++) {
        struct prt_tensor spec = *prt_import_spec(import, *x);
        uint32_t operand = operands[i], result;
        if (operand == PRT_NO_VALUE)
            continue;
        status = prt_import_convert(import, operand, spec.dtype, &operand);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &result);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, kinds[i], *x, operand, 1, result);
        if (status == PERCEPT_OK)
            *x = result;
    }
    return status;
}

/* A vector of one number a channel as a factor for x: [C] as [C, 1, 1]. */
static enum percept_status per_channel(struct prt_import *import, uint32_t *id, unsigned rank)
{
    if (*id == PRT_NO_VALUE)
        return PERCEPT_OK;
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i + 1 < rank; i++)
        sizes[i] = i == 0 ? (int32_t)prt_tensor_elements(prt_import_spec(import, *id)) : 1;
    return prt_aten_as(import, *id, rank - 1, sizes, id);
}

/* ---- layer norm and group norm ---- */

/* Into the three results that stand at `first` and after, but for those that nobody asked for. */
static enum percept_status deliver(struct prt_import *import, const struct prt_call *call,
                                   unsigned first, uint32_t y, uint32_t mean, uint32_t inverse)
{
    const uint32_t made[3] = {y, mean, inverse};
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < 3 && status == PERCEPT_OK; i++)
        if (call->operands[first + i] != PRT_NO_VALUE)
            status = prt_aten_into(import, made[i], call->operands[first + i]);
    return status;
}

/* (input, normalized_shape, weight, bias, eps, out, mean, rstd) */
static enum percept_status layer_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], count = prt_call_list_count(import, call, 1);
    uint32_t y, mean, inverse;
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (count == 0 || count > spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "normalises %u dimensions of %u", count,
                               spec.rank);
    uint32_t axes = (uint32_t)((1u << spec.rank) - (1u << (spec.rank - count)));
    enum percept_status status = prt_import_convert(import, x, computed_as(spec.dtype), &x);
    if (status == PERCEPT_OK)
        status =
            normalise(import, x, axes, prt_call_number(import, call, 4, 0), &y, &mean, &inverse);
    if (status == PERCEPT_OK)
        status = affine(import, call->operands[2], call->operands[3], &y);
    return status == PERCEPT_OK ? deliver(import, call, 5, y, mean, inverse) : status;
}

/* (input, weight, bias, N, C, HxW, group, eps, out, mean, rstd) */
static enum percept_status group_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], weight = call->operands[1], bias = call->operands[2];
    uint32_t y, mean, inverse;
    struct prt_tensor spec = *prt_import_spec(import, x);
    int64_t groups = prt_call_int(import, call, 6, 1);
    if (spec.rank < 2 || groups < 1 || spec.sizes[1] % groups != 0 || spec.sizes[0] < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    size_t each = prt_tensor_elements(&spec) / (size_t)spec.sizes[0] / (size_t)groups;
    if (each > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "a group has %zu elements", each);
    const int32_t sizes[3] = {spec.sizes[0], (int32_t)groups, (int32_t)each};
    enum percept_status status = prt_import_convert(import, x, computed_as(spec.dtype), &x);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, x, 3, sizes, &x);
    if (status == PERCEPT_OK)
        status =
            normalise(import, x, 1u << 2, prt_call_number(import, call, 7, 0), &y, &mean, &inverse);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, y, spec.rank, spec.sizes, &y);
    if (status == PERCEPT_OK)
        status = per_channel(import, &weight, spec.rank);
    if (status == PERCEPT_OK)
        status = per_channel(import, &bias, spec.rank);
    if (status == PERCEPT_OK)
        status = affine(import, weight, bias, &y);
    return status == PERCEPT_OK ? deliver(import, call, 8, y, mean, inverse) : status;
}

/* ---- batch norm ---- */

static const float *constant_floats(const struct prt_import *import, uint32_t id, int64_t count)
{
    const struct prt_value *value = &import->graph->values[id];
    bool fits = value->flags & PRT_FLAG_CONSTANT && value->tensor.dtype == PRT_F32 &&
                value->tensor.rank == 1 && value->tensor.sizes[0] == count;
    return fits ? value->data : NULL;
}

/* With constant statistics it is a factor and a term for each channel. False: they are not. */
static enum percept_status fixed_batch_norm(struct prt_import *import, const struct prt_call *call,
                                            double eps, bool *fixed)
{
    uint32_t x = call->operands[0], y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, x);
    *fixed = false;
    if (spec.rank < 2 || spec.dtype != PRT_F32)
        return PERCEPT_OK;
    int32_t channels = spec.sizes[1], sizes[PRT_MAX_RANK];
    const float *given[4] = {NULL};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t id = call->operands[1 + i];
        given[i] = id == PRT_NO_VALUE ? NULL : constant_floats(import, id, channels);
        if ((id != PRT_NO_VALUE || i >= 2) && !given[i])
            return PERCEPT_OK;
    }
    struct base_arena *arena = &import->graph->arena;
    float *factor = base_arena_array(arena, (size_t)channels, sizeof *factor);
    float *term = base_arena_array(arena, (size_t)channels, sizeof *term);
    if (!factor || !term)
        return prt_import_no_memory(import);
    for (int32_t c = 0; c < channels; c++) {
        double scale = (given[0] ? (double)given[0][c] : 1.0) / sqrt((double)given[3][c] + eps);
        factor[c] = (float)scale;
        term[c] = (float)((given[1] ? (double)given[1][c] : 0.0) - (double)given[2][c] * scale);
    }
    for (unsigned i = 0; i < spec.rank; i++)
        sizes[i] = i == 1 ? channels : 1;
    struct prt_tensor each = prt_import_like(&spec, spec.rank, sizes);
    uint32_t factors, terms, scaled;
    *fixed = true;
    enum percept_status status = prt_import_constant(import, &each, factor, &factors);
    if (status == PERCEPT_OK)
        status = prt_import_constant(import, &each, term, &terms);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &scaled);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, x, factors, 1, scaled);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_ADD, scaled, terms, 1, y);
    return status;
}

/* x with the statistics given, or computed from x itself where they are PRT_NO_VALUE. */
static enum percept_status batch_norm_by(struct prt_import *import, struct prt_call *call,
                                         uint32_t mean, uint32_t variance, double eps, uint32_t *y,
                                         uint32_t *used_mean, uint32_t *inverse)
{
    uint32_t x = call->operands[0], weight = call->operands[1], bias = call->operands[2];
    struct prt_tensor spec = *prt_import_spec(import, x);
    uint32_t axes = ((1u << spec.rank) - 1) & ~2u;
    if (spec.rank < 2)
        return prt_import_fail(import, PERCEPT_MALFORMED, "of %u dimensions", spec.rank);
    enum percept_status status = prt_import_convert(import, x, computed_as(spec.dtype), &x);
    spec.dtype = computed_as(spec.dtype);
    if (status == PERCEPT_OK && mean == PRT_NO_VALUE) {
        status = normalise(import, x, axes, eps, y, used_mean, inverse);
    } else if (status == PERCEPT_OK) {
        uint32_t centred, factor;
        status = prt_import_convert(import, mean, spec.dtype, used_mean);
        if (status == PERCEPT_OK)
            status = prt_import_convert(import, variance, spec.dtype, &variance);
        if (status == PERCEPT_OK)
            status = inverse_deviation(import, variance, eps, inverse);
        mean = *used_mean;
        factor = *inverse;
        if (status == PERCEPT_OK)
            status = per_channel(import, &mean, spec.rank);
        if (status == PERCEPT_OK)
            status = per_channel(import, &factor, spec.rank);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &centred);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_SUB, x, mean, 1, centred);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, y);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_MUL, centred, factor, 1, *y);
    }
    if (status == PERCEPT_OK)
        status = per_channel(import, &weight, spec.rank);
    if (status == PERCEPT_OK)
        status = per_channel(import, &bias, spec.rank);
    return status == PERCEPT_OK ? affine(import, weight, bias, y) : status;
}

/* (input, weight, bias, mean, variance, [training,] momentum, eps, out, ...): not in training; what
 * else such a call writes is empty */
static enum percept_status batch_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    unsigned eps_at = 6u + (unsigned)op->kind;
    double eps = prt_call_number(import, call, eps_at, 0);
    if (op->kind && prt_call_bool(import, call, 5))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "trains");
    bool fixed;
    uint32_t y, mean, inverse;
    enum percept_status status = fixed_batch_norm(import, call, eps, &fixed);
    if (status != PERCEPT_OK || fixed)
        return status;
    status =
        batch_norm_by(import, call, call->operands[3], call->operands[4], eps, &y, &mean, &inverse);
    return status == PERCEPT_OK ? prt_aten_into(import, y, prt_call_output(call)) : status;
}

/* (input, weight, bias, training, momentum, eps, out, save_mean, save_invstd): with statistics of
 * the input */
static enum percept_status batch_norm_own(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op;
    uint32_t y, mean, inverse;
    enum percept_status status =
        batch_norm_by(import, call, PRT_NO_VALUE, PRT_NO_VALUE, prt_call_number(import, call, 5, 0),
                      &y, &mean, &inverse);
    return status == PERCEPT_OK ? deliver(import, call, 6, y, mean, inverse) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::_native_batch_norm_legit_no_training.out", "TttTTDDOXXR", batch_norm, 0},
    {"aten::_native_batch_norm_legit.out", "TttTTBDDOXXR", batch_norm, 1},
    {"aten::_native_batch_norm_legit.no_stats_out", "TttBDDOOOR", batch_norm_own, 0},
    {"aten::native_layer_norm.out", "TLttDOOOR", layer_norm, 0},
    {"aten::native_group_norm.out", "TttIIIIDOOOR", group_norm, 0},
};

const struct prt_aten_table prt_aten_normalise = PRT_ATEN_TABLE(ops);
