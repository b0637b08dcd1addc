/* Why: what normalises. The graph has means and arithmetic only, so each is several nodes, which a
 * pass may find again. */
#include "runtime/import_aten.h"

#include <math.h>

static const float *constant_floats(const struct prt_import *import, uint32_t id, int64_t count)
{
    const struct prt_value *value = &import->graph->values[id];
    bool fits = value->flags & PRT_FLAG_CONSTANT && value->tensor.dtype == PRT_F32 &&
                value->tensor.rank == 1 && value->tensor.sizes[0] == count;
    return fits ? value->data : NULL;
}

/* (input, weight, bias, mean, variance, momentum, eps, out, save_mean, save_invstd): with constant
 * statistics it is a factor and a term for each channel */
static enum percept_status batch_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (spec.rank < 2 || spec.dtype != PRT_F32)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "only float32 images are supported");
    int32_t channels = spec.sizes[1], sizes[PRT_MAX_RANK];
    const float *given[4] = {NULL};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t id = call->operands[1 + i];
        given[i] = id == PRT_NO_VALUE ? NULL : constant_floats(import, id, channels);
        if (id != PRT_NO_VALUE && !given[i])
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "argument %u is not constant",
                                   1 + i);
    }
    struct base_arena *arena = &import->graph->arena;
    float *factor = base_arena_array(arena, (size_t)channels, sizeof *factor);
    float *term = base_arena_array(arena, (size_t)channels, sizeof *term);
    if (!factor || !term)
        return prt_import_no_memory(import);
    double eps = prt_call_number(import, call, 6, 0);
    for (int32_t c = 0; c < channels; c++) {
        double scale = (given[0] ? (double)given[0][c] : 1.0) / sqrt((double)given[3][c] + eps);
        factor[c] = (float)scale;
        term[c] = (float)((given[1] ? (double)given[1][c] : 0.0) - (double)given[2][c] * scale);
    }
    for (unsigned i = 0; i < spec.rank; i++)
        sizes[i] = i == 1 ? channels : 1;
    struct prt_tensor each = prt_import_like(&spec, spec.rank, sizes);
    uint32_t factors, terms, scaled;
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

/* x - mean, and the mean of its square, over axes that stay with size 1. */
static enum percept_status moments(struct prt_import *import, uint32_t x, uint32_t axes,
                                   uint32_t *centred, uint32_t *variance)
{
    struct prt_tensor spec = *prt_import_spec(import, x), narrow = spec;
    uint32_t mean, square;
    for (unsigned i = 0; i < spec.rank; i++)
        if (axes >> i & 1)
            narrow.sizes[i] = 1;
    enum percept_status status = prt_import_temporary(import, &narrow, &mean);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, x, axes, true, mean);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, centred);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_SUB, x, mean, 1, *centred);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &square);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_SQUARE, *centred, 0, 0, square);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &narrow, variance);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, square, axes, true, *variance);
    return status;
}

/* The variance over axes, into y. correction is what the divisor is less than the count. */
static enum percept_status variance(struct prt_import *import, uint32_t x, uint32_t axes,
                                    double correction, uint32_t y)
{
    const struct prt_tensor *spec = prt_import_spec(import, x);
    double count = 1;
    for (unsigned i = 0; i < spec->rank; i++)
        if (axes >> i & 1)
            count *= spec->sizes[i];
    if (!(count > correction) || axes == 0)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%g elements, corrected by %g", count,
                               correction);
    uint32_t centred, mean;
    enum percept_status status = moments(import, x, axes, &centred, &mean);
    if (status == PERCEPT_OK)
        status =
            prt_aten_with_number(import, PRT_BINARY_MUL, mean, count / (count - correction), &mean);
    return status == PERCEPT_OK ? prt_import_reshape(import, mean, y) : status;
}

/* (self, dims, correction, keepdim, out) or, with the kind 1, (self, dims, unbiased, keepdim, out)
 */
static enum percept_status var(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    uint32_t axes;
    enum percept_status status =
        prt_aten_axes(import, call, 1, prt_import_spec(import, call->operands[0])->rank, &axes);
    double correction =
        op->kind ? prt_call_bool(import, call, 2) : prt_call_number(import, call, 2, 1);
    return status == PERCEPT_OK
               ? variance(import, call->operands[0], axes, correction, prt_call_output(call))
               : status;
}

/* (self, dims, correction, keepdim, variance, mean) */
static enum percept_status var_mean(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    uint32_t axes, x = call->operands[0];
    enum percept_status status =
        prt_aten_axes(import, call, 1, prt_import_spec(import, x)->rank, &axes);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, x, axes, prt_call_bool(import, call, 3),
                                 call->operands[5]);
    return status == PERCEPT_OK ? var(import, op, call) : status;
}

/* (x - mean) / sqrt(variance + eps) over axes, into y */
static enum percept_status normalise(struct prt_import *import, uint32_t x, uint32_t axes,
                                     double eps, uint32_t y)
{
    uint32_t centred, spread, deviation;
    enum percept_status status = moments(import, x, axes, &centred, &spread);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_ADD, spread, eps, &spread);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, spread), &deviation);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_RSQRT, spread, 0, 0, deviation);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, centred, deviation, 1, y);
    return status;
}

/* Where x goes before affine: y itself when there is neither weight nor bias. */
static enum percept_status before_affine(struct prt_import *import, uint32_t weight, uint32_t bias,
                                         uint32_t y, uint32_t *x)
{
    *x = y;
    return weight == PRT_NO_VALUE && bias == PRT_NO_VALUE
               ? PERCEPT_OK
               : prt_import_temporary(import, prt_import_spec(import, y), x);
}

/* weight * x + bias with what is given of both, into y */
static enum percept_status affine(struct prt_import *import, uint32_t x, uint32_t weight,
                                  uint32_t bias, uint32_t y)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    uint32_t scaled = y;
    enum percept_status status = PERCEPT_OK;
    if (weight != PRT_NO_VALUE && bias != PRT_NO_VALUE)
        status = prt_import_temporary(import, &spec, &scaled);
    if (status == PERCEPT_OK && weight != PRT_NO_VALUE)
        status = prt_aten_binary(import, PRT_BINARY_MUL, x, weight, 1, scaled);
    if (status == PERCEPT_OK && bias != PRT_NO_VALUE)
        status = prt_aten_binary(import, PRT_BINARY_ADD, weight == PRT_NO_VALUE ? x : scaled, bias,
                                 1, y);
    return status;
}

/* (input, normalized_shape, weight, bias, eps, out, mean, rstd) */
static enum percept_status layer_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], count = prt_call_list_count(import, call, 1), normal;
    unsigned rank = prt_import_spec(import, x)->rank;
    if (count == 0 || count > rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "normalises %u dimensions of %u", count,
                               rank);
    uint32_t axes = (uint32_t)((1u << rank) - (1u << (rank - count)));
    enum percept_status status =
        before_affine(import, call->operands[2], call->operands[3], prt_call_output(call), &normal);
    if (status == PERCEPT_OK)
        status = normalise(import, x, axes, prt_call_number(import, call, 4, 0), normal);
    return status == PERCEPT_OK
               ? affine(import, normal, call->operands[2], call->operands[3], prt_call_output(call))
               : status;
}

/* A vector of one number a channel as a factor for x: [C] as [C, 1, 1]. */
static enum percept_status per_channel(struct prt_import *import, uint32_t *id, unsigned rank)
{
    if (*id == PRT_NO_VALUE)
        return PERCEPT_OK;
    struct prt_tensor spec = *prt_import_spec(import, *id);
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i + 1 < rank; i++)
        sizes[i] = i == 0 ? (int32_t)prt_tensor_elements(&spec) : 1;
    spec = prt_import_like(&spec, rank - 1, sizes);
    uint32_t wide;
    enum percept_status status = prt_import_temporary(import, &spec, &wide);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, *id, wide);
    if (status == PERCEPT_OK)
        *id = wide;
    return status;
}

/* (input, weight, bias, N, C, HxW, group, eps, out, mean, rstd) */
static enum percept_status group_norm(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], weight = call->operands[1], bias = call->operands[2];
    uint32_t grouped, normal, back;
    struct prt_tensor spec = *prt_import_spec(import, x);
    int64_t groups = prt_call_int(import, call, 6, 1);
    if (spec.rank < 2 || groups < 1 || spec.sizes[1] % groups != 0 || spec.sizes[0] < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    size_t each = prt_tensor_elements(&spec) / (size_t)spec.sizes[0] / (size_t)groups;
    if (each > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "a group has %zu elements", each);
    const int32_t sizes[3] = {spec.sizes[0], (int32_t)groups, (int32_t)each};
    struct prt_tensor by_group = prt_import_like(&spec, 3, sizes);
    enum percept_status status = prt_import_temporary(import, &by_group, &grouped);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, grouped);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &by_group, &normal);
    if (status == PERCEPT_OK)
        status = normalise(import, grouped, 1u << 2, prt_call_number(import, call, 7, 0), normal);
    if (status == PERCEPT_OK)
        status = before_affine(import, weight, bias, prt_call_output(call), &back);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, normal, back);
    if (status == PERCEPT_OK)
        status = per_channel(import, &weight, spec.rank);
    if (status == PERCEPT_OK)
        status = per_channel(import, &bias, spec.rank);
    return status == PERCEPT_OK ? affine(import, back, weight, bias, prt_call_output(call))
                                : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::_native_batch_norm_legit_no_training.out", "TttTTDDOXXR", batch_norm, 0},
    {"aten::native_layer_norm.out", "TLttDOXXR", layer_norm, 0},
    {"aten::native_group_norm.out", "TttIIIIDOXXR", group_norm, 0},
    {"aten::var.correction_out", "TlnBOR", var, 0},
    {"aten::var_mean.correction_out", "TlnBOOR", var_mean, 0},
    {"aten::var.out", "TlBBOR", var, 1},
};

const struct prt_aten_table prt_aten_norm = PRT_ATEN_TABLE(ops);
