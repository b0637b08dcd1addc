/* Why: what makes one number of many: sums, extremes, where they stand; and softmax, running sums.
 */
#include "runtime/import_aten.h"

#include <math.h>

/* What a reduction of no elements is. */
static enum percept_status reduce_nothing(struct prt_import *import, enum prt_reduce_kind kind,
                                          uint32_t y)
{
    uint32_t value;
    bool truth = prt_import_spec(import, y)->dtype == PRT_BOOL;
    if (!truth && (kind == PRT_REDUCE_MAX || kind == PRT_REDUCE_MIN))
        return prt_import_fail(import, PERCEPT_MALFORMED, "no element is the greatest of none");
    double number = kind == PRT_REDUCE_MEAN                             ? NAN
                    : kind == PRT_REDUCE_PROD || kind == PRT_REDUCE_MIN ? 1
                                                                        : 0;
    enum percept_status status = prt_import_double(import, number, &value);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_FULL, y, 1, &value) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_aten_reduce(struct prt_import *import, enum prt_reduce_kind kind,
                                    uint32_t x, uint32_t axes, bool keep_dims, uint32_t y)
{
    const struct prt_tensor *spec = prt_import_spec(import, x);
    for (unsigned i = 0; i < spec->rank; i++)
        if (axes >> i & 1 && spec->sizes[i] == 0)
            return reduce_nothing(import, kind, y);
    bool scalar = spec->rank == 0;
    enum percept_status status =
        prt_import_convert(import, x, prt_import_spec(import, y)->dtype, &x);
    if (status != PERCEPT_OK)
        return status;
    /* A mean of no dimensions is the number itself; the node wants at least one. */
    if (scalar)
        return prt_import_reshape(import, x, y);
    struct prt_node *node = prt_import_node(import, PRT_OP_REDUCE, y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.reduce =
        (struct prt_reduce_attrs){.kind = kind, .axes = axes, .keep_dims = keep_dims};
    return PERCEPT_OK;
}

static uint32_t all_axes(unsigned rank)
{
    return (uint32_t)((1u << rank) - 1);
}

enum percept_status prt_aten_axes(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, unsigned rank, uint32_t *axes)
{
    int64_t dims[PRT_MAX_RANK];
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, dims, PRT_MAX_RANK, &count);
    *axes = count ? 0 : all_axes(rank);
    for (uint32_t i = 0; i < count && status == PERCEPT_OK && rank > 0; i++) {
        int32_t axis;
        status = prt_import_axis(import, dims[i], rank, &axis);
        if (status == PERCEPT_OK)
            *axes |= 1u << axis;
    }
    return status;
}

/* (self, dims, keepdim, ..., out) */
static enum percept_status reduce(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    uint32_t axes;
    enum percept_status status =
        prt_aten_axes(import, call, 1, prt_import_spec(import, call->operands[0])->rank, &axes);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, (enum prt_reduce_kind)op->kind, call->operands[0], axes,
                                 prt_call_bool(import, call, 2), prt_call_output(call));
    return status;
}

/* (self, ..., out) over everything */
static enum percept_status reduce_all(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    unsigned rank = prt_import_spec(import, call->operands[0])->rank;
    return prt_aten_reduce(import, (enum prt_reduce_kind)op->kind, call->operands[0],
                           all_axes(rank), false, prt_call_output(call));
}

/* (self, dim, keepdim, out, ...) */
static enum percept_status reduce_one(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    unsigned rank = prt_import_spec(import, call->operands[0])->rank;
    int32_t axis = 0;
    enum percept_status status =
        rank ? prt_import_axis(import, prt_call_int(import, call, 1, 0), rank, &axis) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, (enum prt_reduce_kind)op->kind, call->operands[0],
                                 1u << axis, prt_call_bool(import, call, 2), prt_call_output(call));
    return status;
}

/* (self, dtype, out) over everything, or (self, dim, keepdim, dtype, out) */
static enum percept_status prod(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    return call->signature[1] == 'I' ? reduce_one(import, op, call) : reduce_all(import, op, call);
}

/* ---- where an extreme stands ---- */

static enum percept_status arg_along(struct prt_import *import, int kind, uint32_t x, int32_t axis,
                                     bool keep_dims, uint32_t y)
{
    /* Places are int64; a Vulkan blob wants them narrower. */
    struct prt_tensor spec = *prt_import_spec(import, y);
    if (spec.dtype != PRT_I64) {
        uint32_t wide;
        spec.dtype = PRT_I64;
        enum percept_status status = prt_import_temporary(import, &spec, &wide);
        if (status == PERCEPT_OK)
            status = arg_along(import, kind, x, axis, keep_dims, wide);
        return status == PERCEPT_OK ? prt_aten_into(import, wide, y) : status;
    }
    struct prt_node *node = prt_import_node(import, PRT_OP_ARGMAX, y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.argmax = (struct prt_argmax_attrs){
        .axis = axis, .keep_dims = keep_dims, .least = kind == PRT_REDUCE_MIN};
    return PERCEPT_OK;
}

/* Among all elements: x as one row. y has one element and any rank. */
static enum percept_status arg_of_all(struct prt_import *import, int kind, uint32_t x, uint32_t y)
{
    struct prt_tensor spec = *prt_import_spec(import, x), result;
    size_t count = prt_tensor_elements(&spec);
    uint32_t row, place;
    if (count > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "chooses among %zu elements", count);
    spec = prt_import_like(&spec, 1, (const int32_t[]){(int32_t)count});
    result = prt_import_like(prt_import_spec(import, y), 1, (const int32_t[]){1});
    enum percept_status status = prt_import_temporary(import, &spec, &row);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, row);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &result, &place);
    if (status == PERCEPT_OK)
        status = arg_along(import, kind, row, 0, true, place);
    return status == PERCEPT_OK ? prt_import_reshape(import, place, y) : status;
}

/* The place along dimension `dim`, None meaning all, into y. */
static enum percept_status arg_into(struct prt_import *import, const struct prt_aten_op *op,
                                    const struct prt_call *call, uint32_t y)
{
    uint32_t x = call->operands[0];
    unsigned rank = prt_import_spec(import, x)->rank;
    int32_t axis;
    if (!prt_call_has(import, call, 1) || rank == 0)
        return arg_of_all(import, op->kind, x, y);
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 1, 0), rank, &axis);
    return status == PERCEPT_OK
               ? arg_along(import, op->kind, x, axis, prt_call_bool(import, call, 2), y)
               : status;
}

/* (self, dim or None, keepdim, out) */
static enum percept_status arg(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    return arg_into(import, op, call, prt_call_output(call));
}

/* (self, dim, keepdim, values, indices): a node each; one that nobody reads goes */
static enum percept_status extreme(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    enum percept_status status = reduce_one(import, op, call);
    return status == PERCEPT_OK ? arg_into(import, op, call, call->operands[4]) : status;
}

/* ---- along an axis ---- */

/* Functions along an axis take a scalar for a row of one. */
static enum percept_status as_row(struct prt_import *import, uint32_t *x)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    if (spec.rank > 0)
        return PERCEPT_OK;
    uint32_t row;
    spec = prt_import_like(&spec, 1, (const int32_t[]){1});
    enum percept_status status = prt_import_temporary(import, &spec, &row);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, *x, row);
    if (status == PERCEPT_OK)
        *x = row;
    return status;
}

/* x in y's type with at least one dimension, which axis it is, and where the result goes: y, or
 * before a RESHAPE. */
static enum percept_status along(struct prt_import *import, const struct prt_call *call,
                                 uint32_t *x, int32_t *axis, uint32_t *result)
{
    uint32_t y = prt_call_output(call);
    *x = call->operands[0];
    *result = y;
    enum percept_status status =
        prt_import_convert(import, *x, prt_import_spec(import, y)->dtype, x);
    if (status == PERCEPT_OK)
        status = as_row(import, x);
    if (status == PERCEPT_OK)
        status = prt_import_axis(import, prt_call_int(import, call, 1, 0),
                                 prt_import_spec(import, *x)->rank, axis);
    if (status == PERCEPT_OK && prt_import_spec(import, y)->rank == 0)
        status = prt_import_temporary(import, prt_import_spec(import, *x), result);
    return status;
}

static enum percept_status put(struct prt_import *import, uint32_t result, uint32_t y)
{
    return result == y ? PERCEPT_OK : prt_import_reshape(import, result, y);
}

/* (self, dim, half_to_float, out) */
static enum percept_status softmax(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    uint32_t x, result;
    int32_t axis;
    enum percept_status status = along(import, call, &x, &axis, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_SOFTMAX, result, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.softmax = (struct prt_softmax_attrs){.axis = axis, .log = op->kind};
    return put(import, result, prt_call_output(call));
}

/* (self, dim, dtype, out) */
static enum percept_status cumsum(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x, result;
    int32_t axis;
    enum percept_status status = along(import, call, &x, &axis, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CUMSUM, result, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.cumsum.axis = axis;
    return put(import, result, prt_call_output(call));
}

static const struct prt_aten_op ops[] = {
    {"aten::mean.out", "TlBiOR", reduce, PRT_REDUCE_MEAN},
    {"aten::mean.dtype_out", "TiOR", reduce_all, PRT_REDUCE_MEAN},
    {"aten::sum.IntList_out", "TlBiOR", reduce, PRT_REDUCE_SUM},
    {"aten::prod.out", "TiOR", prod, PRT_REDUCE_PROD},
    {"aten::prod.int_out", "TIBiOR", prod, PRT_REDUCE_PROD},
    {"aten::amax.out", "TLBOR", reduce, PRT_REDUCE_MAX},
    {"aten::amin.out", "TLBOR", reduce, PRT_REDUCE_MIN},
    {"aten::max.unary_out", "TOR", reduce_all, PRT_REDUCE_MAX},
    {"aten::min.unary_out", "TOR", reduce_all, PRT_REDUCE_MIN},
    /* Any of some truths is the greatest of them, all of them the least. */
    {"aten::any.out", "TIBOR", reduce_one, PRT_REDUCE_MAX},
    {"aten::any.dims_out", "TlBOR", reduce, PRT_REDUCE_MAX},
    {"aten::any.all_out", "TOR", reduce_all, PRT_REDUCE_MAX},
    {"aten::all.out", "TIBOR", reduce_one, PRT_REDUCE_MIN},
    {"aten::all.dims_out", "TlBOR", reduce, PRT_REDUCE_MIN},
    {"aten::all.all_out", "TOR", reduce_all, PRT_REDUCE_MIN},

    {"aten::max.dim_max", "TIBOOR", extreme, PRT_REDUCE_MAX},
    {"aten::min.dim_min", "TIBOOR", extreme, PRT_REDUCE_MIN},
    {"aten::argmax.out", "TiBOR", arg, PRT_REDUCE_MAX},
    {"aten::argmin.out", "TiBOR", arg, PRT_REDUCE_MIN},

    {"aten::_softmax.out", "TIBOR", softmax, false},
    {"aten::_log_softmax.out", "TIBOR", softmax, true},
    {"aten::cumsum.out", "TIiOR", cumsum, 0},
};

const struct prt_aten_table prt_aten_reduce_table = PRT_ATEN_TABLE(ops);
