/* Why: TOSA's operators on single elements, reductions, and those that move elements. */
#include "runtime/import_tosa.h"

#include <math.h>
#include <string.h>

static bool is_float_type(enum prt_dtype dtype)
{
    return dtype == PRT_F32 || dtype == PRT_F16 || dtype == PRT_BF16;
}

/* ---- two operands ---- */

static enum percept_status binary(struct prt_tosa_call *call, int kind)
{
    return prt_aten_binary(call->import, (enum prt_binary_kind)kind, call->ids[0], call->ids[1], 1,
                           call->y);
}

/* The third operand shifts products of int32 right. */
static enum percept_status product(struct prt_tosa_call *call, int kind)
{
    int32_t shift = 0;
    if (call->count != 2 && call->count != 3)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "has %u operands", call->count);
    enum percept_status status = call->count == 3 ? prt_tosa_zero(call, 2, &shift) : PERCEPT_OK;
    if (status == PERCEPT_OK && shift != 0)
        return prt_tosa_shifted_product(call, shift);
    return status == PERCEPT_OK ? binary(call, kind) : status;
}

static enum percept_status select_one(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    return prt_import_node(call->import, PRT_OP_WHERE, call->y, 3, call->ids) ? PERCEPT_OK
                                                                              : PERCEPT_NO_MEMORY;
}

/* ---- one operand ---- */

static enum percept_status unary(struct prt_tosa_call *call, int kind)
{
    return prt_aten_unary(call->import, (enum prt_unary_kind)kind, call->ids[0], 0, 0, call->y);
}

/* The bounds of an element type. */
static void range_of(enum prt_dtype dtype, double *lo, double *hi)
{
    unsigned bits = 8 * (unsigned)prt_dtype_size(dtype);
    *lo = -ldexp(1, (int)bits - 1);
    *hi = -*lo - 1;
}

/* Of floats, or zero points around integers: to - (x - from), clamped to the type. */
static enum percept_status negate(struct prt_tosa_call *call, int kind)
{
    int32_t from = 0, to = 0;
    struct prt_import *import = call->import;
    struct prt_tensor spec = *prt_tosa_result(call);
    if (is_float_type(spec.dtype))
        return unary(call, kind);
    enum percept_status status = prt_tosa_zero(call, 1, &from);
    if (status == PERCEPT_OK)
        status = prt_tosa_zero(call, 2, &to);
    uint32_t sum, wide, difference, clamped;
    double lo, hi;
    range_of(spec.dtype, &lo, &hi);
    if (status == PERCEPT_OK)
        status = prt_import_int(import, (int64_t)from + to, &sum);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->ids[0], PRT_I64, &wide);
    spec.dtype = PRT_I64;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &difference);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_SUB, sum, wide, 1, difference);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &clamped);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, difference, lo, hi, clamped);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_CONVERT, call->y, 1, &clamped) ? PERCEPT_OK
                                                                         : PERCEPT_NO_MEMORY;
}

/* A bound is the bytes of one element. */
static bool bound(struct prt_tosa_call *call, unsigned field, enum prt_dtype dtype, double *number)
{
    struct prt_fb_vector bytes = prt_fb_list(call->attributes, field, 1);
    size_t size = prt_dtype_size(dtype);
    if (bytes.count < size || call->tosa->buffer.fault)
        return false;
    const uint8_t *at = call->tosa->buffer.bytes + bytes.at;
    uint64_t bits = 0;
    memcpy(&bits, at, size);
    unsigned unused = 64 - 8 * (unsigned)size;
    if (dtype == PRT_F32 || dtype == PRT_BF16) {
        uint32_t word = (uint32_t)(dtype == PRT_F32 ? bits : bits << 16);
        float real;
        memcpy(&real, &word, sizeof real);
        *number = (double)real;
    } else if (dtype == PRT_F16) {
        unsigned exponent = (unsigned)(bits >> 10) & 31;
        double fraction = (double)(bits & 1023) / 1024;
        double size_of = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                         : exponent == 0 ? ldexp(fraction, -14)
                                         : ldexp(1 + fraction, (int)exponent - 15);
        *number = bits >> 15 ? -size_of : size_of;
    } else {
        *number = (double)((int64_t)(bits << unused) >> unused);
    }
    return !isnan(*number);
}

static enum percept_status clamp(struct prt_tosa_call *call, int kind)
{
    double lo, hi;
    enum prt_dtype dtype = prt_tosa_input(call, 0)->dtype;
    if (!bound(call, 0, dtype, &lo) || !bound(call, 1, dtype, &hi))
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "has no bounds");
    return prt_aten_unary(call->import, (enum prt_unary_kind)kind, call->ids[0], lo, hi, call->y);
}

/* Reals become the nearest integer, the even one of two; a number becomes true when it is not 0. */
static enum percept_status cast(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_import *import = call->import;
    enum prt_dtype to = prt_tosa_result(call)->dtype;
    uint32_t x = call->ids[0], rounded;
    if (to == PRT_BOOL) {
        uint32_t zero;
        enum percept_status status = prt_import_int(import, 0, &zero);
        return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_NE, x, zero, 1, call->y)
                                    : status;
    }
    if (is_float_type(prt_tosa_input(call, 0)->dtype) && !is_float_type(to)) {
        enum percept_status status =
            prt_import_temporary(import, prt_tosa_input(call, 0), &rounded);
        if (status == PERCEPT_OK)
            status = prt_aten_unary(import, PRT_UNARY_ROUND, x, 0, 0, rounded);
        if (status != PERCEPT_OK)
            return status;
        x = rounded;
    }
    return prt_import_node(import, PRT_OP_CONVERT, call->y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

static enum percept_status identity(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    return prt_import_reinterpret(call->import, call->ids[0], prt_tosa_result(call), &call->y);
}

/* ---- reductions ---- */

static enum percept_status reduce(struct prt_tosa_call *call, int kind)
{
    int32_t axis;
    enum percept_status status = prt_tosa_axis(call, 0, prt_tosa_input(call, 0)->rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    return prt_aten_reduce(call->import, (enum prt_reduce_kind)kind, call->ids[0], 1u << axis, true,
                           call->y);
}

/* ---- moving elements ---- */

static enum percept_status concat(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    int32_t axis;
    enum percept_status status = prt_tosa_axis(call, 0, prt_tosa_result(call)->rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    if (call->count > UINT16_MAX)
        return prt_import_fail(call->import, PERCEPT_LIMIT, "joins %u tensors", call->count);
    struct prt_node *node =
        prt_import_node(call->import, PRT_OP_CONCAT, call->y, call->count, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = axis;
    return PERCEPT_OK;
}

static enum percept_status pad(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    unsigned rank = prt_tosa_input(call, 0)->rank;
    int64_t amounts[2 * PRT_MAX_RANK];
    uint32_t count, numbers;
    struct prt_pad_attrs attrs = {0};
    enum percept_status status = prt_tosa_ints(call, 1, amounts, 2 * rank, &count);
    if (status == PERCEPT_OK)
        status = prt_tosa_numbers(call, 2, &attrs.value, 1, &numbers);
    if (status != PERCEPT_OK)
        return status;
    if (count != 2 * rank || numbers != 1)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "pads by a list of %u", count);
    for (unsigned i = 0; i < count; i++) {
        if (amounts[i] < 0 || amounts[i] > INT32_MAX)
            return prt_import_fail(call->import, PERCEPT_MALFORMED, "pads by %lld",
                                   (long long)amounts[i]);
        (i % 2 ? attrs.after : attrs.before)[i / 2] = (int32_t)amounts[i];
    }
    struct prt_node *node = prt_import_node(call->import, PRT_OP_PAD, call->y, 1, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pad = attrs;
    return PERCEPT_OK;
}

static enum percept_status reshape(struct prt_tosa_call *call, int kind)
{
    (void)kind; /* the sizes are the result's */
    return prt_import_reshape(call->import, call->ids[0], call->y);
}

static enum percept_status transpose(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    unsigned rank = prt_tosa_input(call, 0)->rank;
    int32_t perms[PRT_MAX_RANK];
    uint8_t order[PRT_MAX_RANK] = {0};
    enum percept_status status = prt_tosa_list(call, 0, perms, rank);
    for (unsigned i = 0; i < rank && status == PERCEPT_OK; i++) {
        if (perms[i] < 0 || perms[i] >= (int32_t)rank)
            return prt_import_fail(call->import, PERCEPT_MALFORMED,
                                   "dimension %d of a tensor with %u", perms[i], rank);
        order[i] = (uint8_t)perms[i];
    }
    return status == PERCEPT_OK ? prt_import_permute(call->import, call->ids[0], order, call->y)
                                : status;
}

/* One SLICE for each dimension that is cut. */
static enum percept_status slice(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_import *import = call->import;
    struct prt_tensor spec = *prt_tosa_input(call, 0);
    int64_t starts[PRT_MAX_RANK], sizes[PRT_MAX_RANK];
    uint32_t x = call->ids[0], start_count, size_count;
    enum percept_status status = prt_tosa_ints(call, 1, starts, spec.rank, &start_count);
    if (status == PERCEPT_OK)
        status = prt_tosa_ints(call, 2, sizes, spec.rank, &size_count);
    if (status != PERCEPT_OK)
        return status;
    if (start_count != spec.rank || size_count != spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "cuts %u of %u dimensions", start_count,
                               spec.rank);
    for (int32_t i = 0; i < spec.rank; i++) {
        if (starts[i] < 0 || sizes[i] < 0 || starts[i] + sizes[i] > spec.sizes[i])
            return prt_import_fail(import, PERCEPT_MALFORMED, "cuts outside of dimension %d", i);
        if (sizes[i] == spec.sizes[i])
            continue;
        uint32_t part;
        spec.sizes[i] = (int32_t)sizes[i];
        status = prt_import_temporary(import, &spec, &part);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, x, i, starts[i], starts[i] + sizes[i], 1, part);
        if (status != PERCEPT_OK)
            return status;
        x = part;
    }
    return prt_import_reshape(import, x, call->y);
}

/* Copies along each dimension in turn. */
static enum percept_status tile(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_import *import = call->import;
    struct prt_tensor spec = *prt_tosa_input(call, 0);
    int64_t times[PRT_MAX_RANK];
    uint32_t x = call->ids[0], count;
    enum percept_status status = prt_tosa_ints(call, 1, times, spec.rank, &count);
    if (status == PERCEPT_OK && count != spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "repeats %u of %u dimensions", count,
                               spec.rank);
    for (int32_t i = 0; i < spec.rank && status == PERCEPT_OK; i++) {
        if (times[i] == 1)
            continue;
        if (times[i] < 1 || times[i] > UINT16_MAX || times[i] * spec.sizes[i] > INT32_MAX)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "repeats %lld times",
                                   (long long)times[i]);
        uint32_t *parts = base_arena_array(&import->arena, (size_t)times[i], sizeof *parts), wider;
        if (!parts)
            return prt_import_no_memory(import);
        for (int64_t j = 0; j < times[i]; j++)
            parts[j] = x;
        spec.sizes[i] = (int32_t)(spec.sizes[i] * times[i]);
        status = prt_import_temporary(import, &spec, &wider);
        if (status != PERCEPT_OK)
            return status;
        struct prt_node *node =
            prt_import_node(import, PRT_OP_CONCAT, wider, (unsigned)times[i], parts);
        if (!node)
            return PERCEPT_NO_MEMORY;
        node->attrs.concat.axis = i;
        x = wider;
    }
    return status == PERCEPT_OK ? prt_import_reshape(import, x, call->y) : status;
}

/* clang-format off */
static const struct prt_tosa_op ops[] = {
    {11, "TOSA CLAMP", 1, clamp, PRT_UNARY_CLAMP},
    {12, "TOSA ERF", 1, unary, PRT_UNARY_ERF},
    {13, "TOSA SIGMOID", 1, unary, PRT_UNARY_SIGMOID},
    {14, "TOSA TANH", 1, unary, PRT_UNARY_TANH},
    {15, "TOSA ADD", 2, binary, PRT_BINARY_ADD},
    {17, "TOSA BITWISE_AND", 2, binary, PRT_BINARY_BIT_AND},
    {18, "TOSA BITWISE_OR", 2, binary, PRT_BINARY_BIT_OR},
    {19, "TOSA BITWISE_XOR", 2, binary, PRT_BINARY_BIT_XOR},
    {20, "TOSA INTDIV", 2, binary, PRT_BINARY_TRUNC_DIV},
    {21, "TOSA LOGICAL_AND", 2, binary, PRT_BINARY_AND},
    {22, "TOSA LOGICAL_LEFT_SHIFT", 2, binary, PRT_BINARY_SHIFT_LEFT},
    {24, "TOSA LOGICAL_OR", 2, binary, PRT_BINARY_OR},
    {25, "TOSA LOGICAL_XOR", 2, binary, PRT_BINARY_NE},
    {26, "TOSA MAXIMUM", 2, binary, PRT_BINARY_MAX},
    {27, "TOSA MINIMUM", 2, binary, PRT_BINARY_MIN},
    {28, "TOSA MUL", PRT_TOSA_ANY, product, PRT_BINARY_MUL},
    {29, "TOSA POW", 2, binary, PRT_BINARY_POW},
    {30, "TOSA SUB", 2, binary, PRT_BINARY_SUB},
    {32, "TOSA ABS", 1, unary, PRT_UNARY_ABS},
    {34, "TOSA CEIL", 1, unary, PRT_UNARY_CEIL},
    {36, "TOSA COS", 1, unary, PRT_UNARY_COS},
    {37, "TOSA EXP", 1, unary, PRT_UNARY_EXP},
    {38, "TOSA FLOOR", 1, unary, PRT_UNARY_FLOOR},
    {39, "TOSA LOG", 1, unary, PRT_UNARY_LOG},
    {40, "TOSA LOGICAL_NOT", 1, unary, PRT_UNARY_NOT},
    {41, "TOSA NEGATE", 3, negate, PRT_UNARY_NEG},
    {42, "TOSA RECIPROCAL", 1, unary, PRT_UNARY_RECIPROCAL},
    {43, "TOSA RSQRT", 1, unary, PRT_UNARY_RSQRT},
    {44, "TOSA SIN", 1, unary, PRT_UNARY_SIN},
    {45, "TOSA SELECT", 3, select_one, 0},
    {46, "TOSA EQUAL", 2, binary, PRT_BINARY_EQ},
    {47, "TOSA GREATER", 2, binary, PRT_BINARY_GT},
    {48, "TOSA GREATER_EQUAL", 2, binary, PRT_BINARY_GE},
    {49, "TOSA REDUCE_ALL", 1, reduce, PRT_REDUCE_MIN},
    {50, "TOSA REDUCE_ANY", 1, reduce, PRT_REDUCE_MAX},
    {51, "TOSA REDUCE_MAX", 1, reduce, PRT_REDUCE_MAX},
    {52, "TOSA REDUCE_MIN", 1, reduce, PRT_REDUCE_MIN},
    {53, "TOSA REDUCE_PRODUCT", 1, reduce, PRT_REDUCE_PROD},
    {54, "TOSA REDUCE_SUM", 1, reduce, PRT_REDUCE_SUM},
    {55, "TOSA CONCAT", PRT_TOSA_ANY, concat, 0},
    {56, "TOSA PAD", 3, pad, 0},
    {57, "TOSA RESHAPE", 2, reshape, 0},
    {59, "TOSA SLICE", 3, slice, 0},
    {60, "TOSA TILE", 2, tile, 0},
    {61, "TOSA TRANSPOSE", 1, transpose, 0},
    {65, "TOSA CAST", 1, cast, 0},
    {67, "TOSA CONST", 0, NULL, 0},
    {68, "TOSA IDENTITY", 1, identity, 0},
    {75, "TOSA CONST_SHAPE", 0, NULL, 0},
};
/* clang-format on */

const struct prt_tosa_table prt_tosa_simple = PRT_TOSA_TABLE(ops);
