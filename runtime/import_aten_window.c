/*
 * Why: convolutions and pools that CONV2D and POOL2D cannot say: three dimensions, indices of
 * maxima, adaptive windows, computed weights. Element types that the nodes lack are converted.
 */
#include "runtime/import_aten.h"

#include <string.h>

/* The type in which windows of this type are computed. */
static enum prt_dtype computed_as(enum prt_dtype dtype, bool is_max)
{
    switch (dtype) {
    case PRT_F32:
    case PRT_F16:
    case PRT_BF16:
        return PRT_F32;
    case PRT_F64:
        return PRT_F64;
    default:
        return is_max ? PRT_I64 : PRT_F64;
    }
}

/* A list of one number for each of `spatial` dimensions, or one for all, into the last of three. */
static enum percept_status window_numbers(struct prt_import *import, const struct prt_call *call,
                                          unsigned index, unsigned spatial, int32_t fallback,
                                          int32_t *numbers)
{
    int64_t items[3] = {fallback, fallback, fallback};
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, items, 3, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count > 1 && count != spatial)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is a list of %u for %u",
                               index, count, spatial);
    for (unsigned i = 0; i < spatial; i++) {
        int64_t item = items[count > 1 ? i : 0];
        if (item < INT32_MIN || item > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is %lld", index,
                                   (long long)item);
        numbers[3 - spatial + i] = (int32_t)item;
    }
    return PERCEPT_OK;
}

/* ---- convolution ---- */

/* x as five dimensions in the type of the computation: missing ones of space have size 1. */
enum percept_status prt_aten_with_volume(struct prt_import *import, uint32_t *x,
                                         enum prt_dtype dtype)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    int32_t sizes[5] = {spec.sizes[0], spec.sizes[1], 1, 1, 1};
    for (unsigned i = 2; i < spec.rank; i++)
        sizes[5 - spec.rank + i] = spec.sizes[i];
    enum percept_status status = prt_import_convert(import, *x, dtype, x);
    return status == PERCEPT_OK ? prt_aten_as(import, *x, 5, sizes, x) : status;
}

enum percept_status prt_aten_conv3d_attrs(struct prt_import *import, const struct prt_call *call,
                                          unsigned first, unsigned spatial,
                                          struct prt_conv3d_attrs *attrs)
{
    *attrs = (struct prt_conv3d_attrs){.stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    enum percept_status status = window_numbers(import, call, first, spatial, 1, attrs->stride);
    if (status == PERCEPT_OK)
        status = window_numbers(import, call, first + 1, spatial, 0, attrs->padding);
    if (status == PERCEPT_OK)
        status = window_numbers(import, call, first + 2, spatial, 1, attrs->dilation);
    attrs->transposed = prt_call_bool(import, call, first + 3);
    if (status == PERCEPT_OK && attrs->transposed)
        status = window_numbers(import, call, first + 4, spatial, 0, attrs->output_padding);
    int64_t groups = prt_call_int(import, call, first + 5, 1);
    if (status == PERCEPT_OK && (groups < 1 || groups > INT32_MAX))
        status = prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    attrs->groups = (int32_t)groups;
    return status;
}

enum percept_status prt_aten_conv3d(struct prt_import *import, const struct prt_call *call)
{
    uint32_t x = call->operands[0], weight = call->operands[1], bias = call->operands[2];
    uint32_t y = prt_call_output(call), result;
    unsigned rank = prt_import_spec(import, x)->rank;
    struct prt_tensor spec = *prt_import_spec(import, y);
    if (rank < 3 || rank > 5 || prt_import_spec(import, weight)->rank != rank || spec.rank != rank)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%u dimensions are not supported",
                               rank);
    struct prt_conv3d_attrs attrs;
    enum prt_dtype dtype = computed_as(spec.dtype, false);
    enum percept_status status = prt_aten_conv3d_attrs(import, call, 3, rank - 2, &attrs);
    if (status == PERCEPT_OK)
        status = prt_aten_with_volume(import, &x, dtype);
    if (status == PERCEPT_OK)
        status = prt_aten_with_volume(import, &weight, dtype);
    if (status == PERCEPT_OK && bias != PRT_NO_VALUE)
        status = prt_import_convert(import, bias, dtype, &bias);
    int32_t sizes[5] = {spec.sizes[0], spec.sizes[1], 1, 1, 1};
    for (unsigned i = 2; i < rank; i++)
        sizes[5 - rank + i] = spec.sizes[i];
    spec = prt_import_like(&spec, 5, sizes);
    spec.dtype = dtype;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_CONV3D, result, 3, (const uint32_t[]){x, weight, bias});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv3d = attrs;
    return prt_aten_into(import, result, y);
}

/* ---- pools ---- */

enum percept_status prt_aten_pool3d(struct prt_import *import, uint32_t x, unsigned spatial,
                                    const struct prt_pool3d_attrs *attrs, uint32_t y)
{
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    uint32_t result;
    if (from.rank < spatial || to.rank != from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u dimensions of %u", spatial,
                               from.rank);
    int32_t sizes[4] = {1, 1, 1, 1}, results[4] = {1, 1, 1, 1};
    int64_t planes = 1;
    for (unsigned i = 0; i < from.rank; i++) {
        if (i + spatial < from.rank) {
            planes *= from.sizes[i];
            continue;
        }
        sizes[4 - from.rank + i] = from.sizes[i];
        results[4 - from.rank + i] = to.sizes[i];
        if (planes > INT32_MAX)
            return prt_import_fail(import, PERCEPT_LIMIT, "%lld planes", (long long)planes);
    }
    sizes[0] = results[0] = (int32_t)planes;
    bool is_max = attrs->kind != PRT_POOL3D_AVERAGE;
    enum percept_status status = prt_import_convert(import, x, computed_as(from.dtype, is_max), &x);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, x, 4, sizes, &x);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, x), 4, results);
    if (attrs->kind == PRT_POOL3D_MAX_INDEX)
        spec.dtype = PRT_I64;
    status = prt_import_temporary(import, &spec, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_POOL3D, result, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pool3d = *attrs;
    return prt_aten_into(import, result, y);
}

/* (self, kernel, stride, padding, ...): the stride is the kernel when it is not given */
static enum percept_status window(struct prt_import *import, const struct prt_call *call,
                                  unsigned spatial, struct prt_pool3d_attrs *attrs)
{
    for (int i = 0; i < 3; i++)
        attrs->kernel[i] = attrs->stride[i] = attrs->dilation[i] = 1;
    enum percept_status status = window_numbers(import, call, 1, spatial, 1, attrs->kernel);
    if (status == PERCEPT_OK && prt_call_list_count(import, call, 2) == 0)
        memcpy(attrs->stride, attrs->kernel, sizeof attrs->stride);
    else if (status == PERCEPT_OK)
        status = window_numbers(import, call, 2, spatial, 1, attrs->stride);
    if (status == PERCEPT_OK)
        status = window_numbers(import, call, 3, spatial, 0, attrs->padding);
    return status;
}

/* (self, kernel, stride, padding, dilation, ceil_mode, out, indices); the kind is how many
 * dimensions slide */
enum percept_status prt_aten_max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    unsigned spatial = (unsigned)op->kind;
    struct prt_pool3d_attrs attrs = {.kind = PRT_POOL3D_MAX};
    enum percept_status status = window(import, call, spatial, &attrs);
    if (status == PERCEPT_OK)
        status = window_numbers(import, call, 4, spatial, 1, attrs.dilation);
    if (status == PERCEPT_OK)
        status = prt_aten_pool3d(import, call->operands[0], spatial, &attrs, call->operands[6]);
    attrs.kind = PRT_POOL3D_MAX_INDEX;
    return status == PERCEPT_OK
               ? prt_aten_pool3d(import, call->operands[0], spatial, &attrs, call->operands[7])
               : status;
}

/* (self, kernel, stride, padding, ceil_mode, count_include_pad, [divisor_override,] out) */
enum percept_status prt_aten_average_pool(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    struct prt_pool3d_attrs attrs = {.kind = PRT_POOL3D_AVERAGE,
                                     .count_include_pad = prt_call_bool(import, call, 5)};
    enum percept_status status = window(import, call, (unsigned)op->kind, &attrs);
    if (status != PERCEPT_OK)
        return status;
    if (call->signature[6] == 'i' && prt_call_has(import, call, 6)) {
        attrs.divisor = prt_call_int(import, call, 6, 0);
        if (attrs.divisor == 0)
            return prt_import_fail(import, PERCEPT_MALFORMED, "divides by 0");
    }
    return prt_aten_pool3d(import, call->operands[0], (unsigned)op->kind, &attrs,
                           prt_call_output(call));
}

/* (self, output_size, out [, indices]) */
enum percept_status prt_aten_adaptive_pool(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call)
{
    bool is_max = call->signature[3] == 'O';
    struct prt_pool3d_attrs attrs = {.kind = is_max ? PRT_POOL3D_MAX : PRT_POOL3D_AVERAGE,
                                     .adaptive = true};
    enum percept_status status =
        prt_aten_pool3d(import, call->operands[0], (unsigned)op->kind, &attrs, call->operands[2]);
    attrs.kind = PRT_POOL3D_MAX_INDEX;
    return status == PERCEPT_OK && is_max
               ? prt_aten_pool3d(import, call->operands[0], (unsigned)op->kind, &attrs,
                                 call->operands[3])
               : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::max_pool3d_with_indices.out", "TLLLLBOOR", prt_aten_max_pool, 3},
    {"aten::avg_pool1d.out", "TLLLBBOR", prt_aten_average_pool, 1},
    {"aten::avg_pool3d.out", "TLLLBBiOR", prt_aten_average_pool, 3},
    {"aten::adaptive_avg_pool1d.out", "TLOR", prt_aten_adaptive_pool, 1},
    {"aten::adaptive_avg_pool3d.out", "TLOR", prt_aten_adaptive_pool, 3},
    {"aten::_adaptive_avg_pool3d.out", "TLOR", prt_aten_adaptive_pool, 3},
    {"aten::adaptive_max_pool2d.out", "TLOOR", prt_aten_adaptive_pool, 2},
    {"aten::adaptive_max_pool3d.out", "TLOOR", prt_aten_adaptive_pool, 3},
};

const struct prt_aten_table prt_aten_window = PRT_ATEN_TABLE(ops);
