/* Why: elementwise functions that networks use rarely, most of them other functions in disguise. */
#include "runtime/import_aten.h"

#include <math.h>

static enum prt_dtype type_of(const struct prt_import *import, uint32_t id)
{
    return prt_import_spec(import, id)->dtype;
}

/* ---- one operand ---- */

static enum percept_status unary(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0], 0, 0,
                          prt_call_output(call));
}

/* (self, eps, out) */
static enum percept_status logit(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    return prt_aten_unary(import, PRT_UNARY_LOGIT, call->operands[0],
                          prt_call_number(import, call, 1, -1), 0, prt_call_output(call));
}

/* (self, decimals, out): rounded in units of a power of ten */
static enum percept_status round_decimals(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op;
    uint32_t y = prt_call_output(call), scaled, whole, unit;
    int64_t decimals = prt_call_int(import, call, 1, 0);
    if (!prt_aten_is_float(type_of(import, y)) || decimals < -300 || decimals > 300)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%lld decimals of %s",
                               (long long)decimals, prt_dtype_name(type_of(import, y)));
    bool coarse = decimals < 0;
    enum percept_status status = prt_import_double(import, pow(10, fabs((double)decimals)), &unit);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, y), &scaled);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, coarse ? PRT_BINARY_DIV : PRT_BINARY_MUL,
                                 call->operands[0], unit, 1, scaled);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, y), &whole);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_ROUND, scaled, 0, 0, whole);
    if (status == PERCEPT_OK)
        status =
            prt_aten_binary(import, coarse ? PRT_BINARY_MUL : PRT_BINARY_DIV, whole, unit, 1, y);
    return status;
}

/* (self, out): a number differs from itself when it is NaN */
static enum percept_status isnan_of(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    return prt_aten_binary(import, PRT_BINARY_NE, call->operands[0], call->operands[0], 1,
                           prt_call_output(call));
}

/* (self, out) */
static enum percept_status isinf_of(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], size, infinity;
    if (!prt_aten_is_float(type_of(import, x))) /* an integer differs from itself as little */
        return prt_aten_binary(import, PRT_BINARY_NE, x, x, 1, prt_call_output(call));
    enum percept_status status = prt_import_double(import, INFINITY, &infinity);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, x), &size);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_ABS, x, 0, 0, size);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_EQ, size, infinity, 1, prt_call_output(call));
    return status;
}

/* (self, out), or (self, ..., out): the number itself, in y's type */
static enum percept_status identity(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call);
    enum percept_status status = prt_import_convert(import, x, type_of(import, y), &x);
    return status == PERCEPT_OK ? prt_import_reshape(import, x, y) : status;
}

/* ---- two operands ---- */

/* (self, other, out) */
static enum percept_status binary(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    uint32_t a, b;
    enum percept_status status = prt_aten_operand(import, call, 0, &a);
    if (status == PERCEPT_OK)
        status = prt_aten_operand(import, call, 1, &b);
    if (status == PERCEPT_OK)
        status =
            prt_aten_binary(import, (enum prt_binary_kind)op->kind, a, b, 1, prt_call_output(call));
    return status;
}

/* (self, other, rounding_mode, out) */
static enum percept_status rounded_div(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    struct prt_aten_op rounded = *op;
    if (prt_call_text_is(import, call, 2, "floor"))
        rounded.kind = PRT_BINARY_FLOOR_DIV;
    else if (prt_call_text_is(import, call, 2, "trunc"))
        rounded.kind = PRT_BINARY_TRUNC_DIV;
    else if (prt_call_has(import, call, 2))
        return prt_import_fail(import, PERCEPT_MALFORMED, "this rounding is not known");
    return binary(import, &rounded, call);
}

/* (self, other, out): bits, which of bools are truths */
static enum percept_status bitwise(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    static const struct {
        enum prt_binary_kind bits, truths;
    } pairs[] = {{PRT_BINARY_BIT_AND, PRT_BINARY_AND},
                 {PRT_BINARY_BIT_OR, PRT_BINARY_OR},
                 {PRT_BINARY_BIT_XOR, PRT_BINARY_NE}};
    struct prt_aten_op chosen = *op;
    enum prt_dtype type = type_of(import, prt_call_output(call));
    if (prt_aten_is_float(type))
        return prt_import_fail(import, PERCEPT_MALFORMED, "real numbers have no bits");
    for (size_t i = 0; type == PRT_BOOL && i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].bits == (enum prt_binary_kind)op->kind)
            chosen.kind = (int)pairs[i].truths;
    return binary(import, &chosen, call);
}

/* (self, out) */
static enum percept_status bitwise_not(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), ones;
    if (type_of(import, x) == PRT_BOOL)
        return prt_aten_unary(import, PRT_UNARY_NOT, x, 0, 0, y);
    if (prt_aten_is_float(type_of(import, y)))
        return prt_import_fail(import, PERCEPT_MALFORMED, "real numbers have no bits");
    enum percept_status status = prt_import_int(import, -1, &ones);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_BIT_XOR, x, ones, 1, y)
                                : status;
}

/* (self, other, out): truths that differ */
static enum percept_status logical_xor(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    uint32_t a, b;
    enum percept_status status = prt_import_convert(import, call->operands[0], PRT_BOOL, &a);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, call->operands[1], PRT_BOOL, &b);
    return status == PERCEPT_OK
               ? prt_aten_binary(import, PRT_BINARY_NE, a, b, 1, prt_call_output(call))
               : status;
}

/* ---- filling ---- */

/* x in y's type and broadcast to y: the graph broadcasts in arithmetic, so times one. */
static enum percept_status broadcast(struct prt_import *import, uint32_t x, uint32_t y)
{
    uint32_t one;
    enum percept_status status = prt_import_convert(import, x, type_of(import, y), &x);
    if (status != PERCEPT_OK)
        return status;
    if (prt_tensor_same_sizes(prt_import_spec(import, x), prt_import_spec(import, y)))
        return prt_import_reshape(import, x, y);
    if (type_of(import, y) == PRT_BOOL)
        return prt_aten_binary(import, PRT_BINARY_OR, x, x, 1, y);
    status = prt_import_int(import, 1, &one);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_MUL, x, one, 1, y) : status;
}

/* (self, value, out): one number, computed at run time, everywhere */
static enum percept_status fill_tensor(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    if (prt_tensor_elements(prt_import_spec(import, call->operands[1])) != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the value is not one number");
    return broadcast(import, call->operands[1], prt_call_output(call));
}

/* (end, out) or (start, end, step, out) */
static enum percept_status arange(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t y = prt_call_output(call), ends[2];
    bool short_form = call->signature[1] != 'N';
    double start = short_form ? 0 : prt_call_number(import, call, 0, 0);
    double end = prt_call_number(import, call, short_form ? 0 : 1, 0);
    double by = short_form ? 1 : prt_call_number(import, call, 2, 1);
    double count = ceil((end - start) / by);
    if (!(count == prt_import_spec(import, y)->sizes[0]) || prt_import_spec(import, y)->rank != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%g numbers do not fill the result",
                               count);
    enum percept_status status = short_form ? prt_import_int(import, 0, &ends[0])
                                            : prt_aten_operand(import, call, 0, &ends[0]);
    if (status == PERCEPT_OK)
        status = short_form ? prt_import_int(import, 1, &ends[1])
                            : prt_aten_operand(import, call, 2, &ends[1]);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_RANGE, y, 2, ends) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

static enum percept_status random_numbers(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op, (void)call;
    return prt_import_fail(import, PERCEPT_UNSUPPORTED, "draws random numbers");
}

#define UNARY(name, kind)                    \
    {                                        \
        name, "TOR", unary, PRT_UNARY_##kind \
    }

/* ---- whether all are close ---- */

/* a compared with b, in a new value */
static enum percept_status compared(struct prt_import *import, enum prt_binary_kind kind,
                                    uint32_t a, uint32_t b, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, a);
    spec.dtype = PRT_BOOL;
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_aten_binary(import, kind, a, b, 1, *y) : status;
}

/* |a - b| <= atol + rtol * |b|, of a finite b */
static enum percept_status is_near(struct prt_import *import, const struct prt_call *call,
                                   uint32_t a, uint32_t b, uint32_t *y)
{
    uint32_t away = a, room = b, infinity, finite;
    enum percept_status status = prt_import_double(import, INFINITY, &infinity);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_SUB, &away, b);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ABS, 0, 0, &away);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ABS, 0, 0, &room);
    if (status == PERCEPT_OK)
        status = compared(import, PRT_BINARY_LT, room, infinity, &finite);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_MUL, room,
                                      prt_call_number(import, call, 2, 0), &room);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_ADD, room,
                                      prt_call_number(import, call, 3, 0), &room);
    if (status == PERCEPT_OK)
        status = compared(import, PRT_BINARY_LE, away, room, y);
    return status == PERCEPT_OK ? prt_aten_with(import, PRT_BINARY_AND, y, finite) : status;
}

/* (self, other, rtol, atol, equal_nan, dummy, out): one truth. Equal ones are close, infinities,
 * too. */
static enum percept_status all_close(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    uint32_t a = call->operands[0], b = call->operands[1], y, other;
    enum prt_dtype dtype = type_of(import, a);
    if (dtype != type_of(import, b) ||
        !prt_tensor_same_sizes(prt_import_spec(import, a), prt_import_spec(import, b)))
        return prt_import_fail(import, PERCEPT_MALFORMED, "compares tensors of different kinds");
    if (!prt_aten_is_float(dtype))
        dtype = PRT_F64;
    enum percept_status status = prt_import_convert(import, a, dtype, &a);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, b, dtype, &b);
    if (status == PERCEPT_OK)
        status = compared(import, PRT_BINARY_EQ, a, b, &y);
    if (status == PERCEPT_OK)
        status = is_near(import, call, a, b, &other);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_OR, &y, other);
    if (status == PERCEPT_OK && prt_call_bool(import, call, 4)) {
        uint32_t odd;
        status = compared(import, PRT_BINARY_NE, a, a, &odd);
        if (status == PERCEPT_OK)
            status = compared(import, PRT_BINARY_NE, b, b, &other);
        if (status == PERCEPT_OK)
            status = prt_aten_with(import, PRT_BINARY_AND, &odd, other);
        if (status == PERCEPT_OK)
            status = prt_aten_with(import, PRT_BINARY_OR, &y, odd);
    }
    if (status != PERCEPT_OK)
        return status;
    uint32_t axes = (uint32_t)((1ull << prt_import_spec(import, y)->rank) - 1), one;
    struct prt_tensor spec = {.dtype = PRT_BOOL};
    status = prt_import_temporary(import, &spec, &one);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MIN, y, axes, false, one);
    return status == PERCEPT_OK ? prt_aten_into(import, one, prt_call_output(call)) : status;
}

static const struct prt_aten_op ops[] = {
    UNARY("aten::tan.out", TAN),
    UNARY("aten::asin.out", ASIN),
    UNARY("aten::acos.out", ACOS),
    UNARY("aten::atan.out", ATAN),
    UNARY("aten::sinh.out", SINH),
    UNARY("aten::cosh.out", COSH),
    UNARY("aten::asinh.out", ASINH),
    UNARY("aten::acosh.out", ACOSH),
    UNARY("aten::atanh.out", ATANH),
    UNARY("aten::erf.out", ERF),
    UNARY("aten::expm1.out", EXPM1),
    UNARY("aten::log1p.out", LOG1P),
    UNARY("aten::log2.out", LOG2),
    UNARY("aten::log10.out", LOG10),
    UNARY("aten::sign.out", SIGN),
    UNARY("aten::trunc.out", TRUNC),
    {"aten::logit.out", "TdOR", logit, 0},
    {"aten::round.decimals_out", "TIOR", round_decimals, 0},
    {"aten::isnan.out", "TOR", isnan_of, 0},
    {"aten::isinf.out", "TOR", isinf_of, 0},
    {"aten::allclose.out", "TTDDBBOR", all_close, 0},
    {"aten::_conj_physical.out", "TOR", identity, 0},

    {"aten::div.out_mode", "TTsOR", rounded_div, PRT_BINARY_DIV},
    {"aten::div.Scalar_mode_out", "TNsOR", rounded_div, PRT_BINARY_DIV},
    {"aten::floor_divide.out", "TTOR", binary, PRT_BINARY_FLOOR_DIV},
    {"aten::fmod.Tensor_out", "TTOR", binary, PRT_BINARY_FMOD},
    {"aten::fmod.Scalar_out", "TNOR", binary, PRT_BINARY_FMOD},
    {"aten::remainder.Tensor_out", "TTOR", binary, PRT_BINARY_REMAINDER},
    {"aten::remainder.Scalar_out", "TNOR", binary, PRT_BINARY_REMAINDER},
    {"aten::atan2.out", "TTOR", binary, PRT_BINARY_ATAN2},
    {"aten::bitwise_and.Tensor_out", "TTOR", bitwise, PRT_BINARY_BIT_AND},
    {"aten::bitwise_and.Scalar_out", "TNOR", bitwise, PRT_BINARY_BIT_AND},
    {"aten::bitwise_or.Tensor_out", "TTOR", bitwise, PRT_BINARY_BIT_OR},
    {"aten::bitwise_or.Scalar_out", "TNOR", bitwise, PRT_BINARY_BIT_OR},
    {"aten::bitwise_xor.Tensor_out", "TTOR", bitwise, PRT_BINARY_BIT_XOR},
    {"aten::bitwise_xor.Scalar_out", "TNOR", bitwise, PRT_BINARY_BIT_XOR},
    {"aten::bitwise_left_shift.Tensor_out", "TTOR", bitwise, PRT_BINARY_SHIFT_LEFT},
    {"aten::bitwise_left_shift.Tensor_Scalar_out", "TNOR", bitwise, PRT_BINARY_SHIFT_LEFT},
    {"aten::bitwise_right_shift.Tensor_out", "TTOR", bitwise, PRT_BINARY_SHIFT_RIGHT},
    {"aten::bitwise_right_shift.Tensor_Scalar_out", "TNOR", bitwise, PRT_BINARY_SHIFT_RIGHT},
    {"aten::bitwise_not.out", "TOR", bitwise_not, 0},
    {"aten::logical_xor.out", "TTOR", logical_xor, 0},

    {"aten::fill.Tensor_out", "_TOR", fill_tensor, 0},
    {"aten::arange.out", "NOR", arange, 0},
    {"aten::arange.start_out", "NNNOR", arange, 0},
    {"aten::rand.out", "LOR", random_numbers, 0},
    {"aten::randn.out", "LOR", random_numbers, 0},
};

const struct prt_aten_table prt_aten_pointwise = PRT_ATEN_TABLE(ops);
