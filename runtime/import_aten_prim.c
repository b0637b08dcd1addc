/*
 * Why: programs compute sizes with scalars. Sizes are known at import (those of a tensor with
 * dynamic shape follow from the inputs'), so this arithmetic is done here, once, and leaves no
 * nodes.
 * A number that comes out of a tensor, such as a position in a cache, is a node and an offset.
 */
#include "runtime/import_aten.h"

#include "base/checked.h"

#include <math.h>

enum prim {
    PRIM_ADD,
    PRIM_SUB,
    PRIM_MUL,
    PRIM_FLOORDIV,
    PRIM_TRUEDIV,
    PRIM_MOD,
    PRIM_MAX,
    PRIM_MIN,
    PRIM_EQ,
    PRIM_GT,
    PRIM_LT,
    PRIM_GE,
    PRIM_LE,
    PRIM_NEG,
    PRIM_INT,
    PRIM_FLOAT,
    PRIM_CEIL,
    PRIM_TRUNC,
    PRIM_ROUND,
};

static enum percept_status set(struct prt_import *import, const struct prt_call *call,
                               unsigned index, struct prt_program_value value)
{
    import->values[call->args[index]] = value;
    return PERCEPT_OK;
}

static struct prt_program_value an_int(int64_t i)
{
    return (struct prt_program_value){.kind = PRT_VALUE_INT, .i = i};
}

static struct prt_program_value a_double(double d)
{
    return (struct prt_program_value){.kind = PRT_VALUE_DOUBLE, .d = d};
}

static struct prt_program_value a_bool(bool b)
{
    return (struct prt_program_value){.kind = PRT_VALUE_BOOL, .b = b};
}

/* The number in a constant of one element. */
static int64_t element_of(const struct prt_value *value)
{
    switch (value->tensor.dtype) {
    case PRT_I64:
        return *(const int64_t *)value->data;
    case PRT_I32:
        return *(const int32_t *)value->data;
    case PRT_I16:
        return *(const int16_t *)value->data;
    case PRT_I8:
        return *(const int8_t *)value->data;
    default:
        return *(const uint8_t *)value->data;
    }
}

/* (self, result) */
static enum percept_status item(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0];
    const struct prt_value *value = &import->graph->values[x];
    enum prt_dtype dtype = value->tensor.dtype;
    if (prt_tensor_elements(&value->tensor) != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes the number out of several");
    bool whole = dtype == PRT_I64 || dtype == PRT_I32 || dtype == PRT_I16 || dtype == PRT_I8 ||
                 dtype == PRT_U8;
    if (whole && value->flags & PRT_FLAG_CONSTANT)
        return set(import, call, 1, an_int(element_of(value)));
    struct prt_program_value number = {.kind = PRT_VALUE_AT_RUN, .run = {PRT_NO_VALUE, 0}};
    if (!whole) /* nothing here asks for a real number that only a run knows */
        return set(import, call, 1, number);
    enum percept_status status = prt_import_convert(import, x, PRT_I64, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, x, 1, (const int32_t[]){1}, &number.run.id);
    return status == PERCEPT_OK ? set(import, call, 1, number) : status;
}

/* (self, dim, result) */
static enum percept_status size(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    int32_t axis;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 1, 0), x->rank, &axis);
    return status == PERCEPT_OK ? set(import, call, 2, an_int(x->sizes[axis])) : status;
}

/* (self, result) */
static enum percept_status elements(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    size_t count = prt_tensor_elements(prt_import_spec(import, call->operands[0]));
    return set(import, call, 1, an_int((int64_t)count));
}

/* false: overflow, or division by zero */
static bool integers(enum prim prim, int64_t a, int64_t b, struct prt_program_value *result)
{
    int64_t r = 0;
    bool fine = true;
    switch (prim) {
    case PRIM_ADD:
        fine = base_add_i64(a, b, &r);
        break;
    case PRIM_SUB:
        fine = !__builtin_sub_overflow(a, b, &r);
        break;
    case PRIM_MUL:
        fine = base_mul_i64(a, b, &r);
        break;
    case PRIM_FLOORDIV:
    case PRIM_MOD: /* as Python: the remainder has the divisor's sign */
        fine = b != 0 && !(a == INT64_MIN && b == -1);
        if (fine) {
            int64_t remainder = a % b;
            bool down = remainder != 0 && (remainder < 0) != (b < 0);
            r = prim == PRIM_MOD ? remainder + (down ? b : 0) : a / b - (down ? 1 : 0);
        }
        break;
    case PRIM_MAX:
        r = a > b ? a : b;
        break;
    case PRIM_MIN:
        r = a < b ? a : b;
        break;
    default:
        return false;
    }
    *result = an_int(r);
    return fine;
}

static bool reals(enum prim prim, double a, double b, struct prt_program_value *result)
{
    switch (prim) {
    case PRIM_ADD:
        *result = a_double(a + b);
        return true;
    case PRIM_SUB:
        *result = a_double(a - b);
        return true;
    case PRIM_MUL:
        *result = a_double(a * b);
        return true;
    case PRIM_TRUEDIV:
        *result = a_double(a / b);
        return true;
    case PRIM_EQ:
        *result = a_bool(a == b);
        return true;
    case PRIM_GT:
        *result = a_bool(a > b);
        return true;
    case PRIM_LT:
        *result = a_bool(a < b);
        return true;
    case PRIM_GE:
        *result = a_bool(a >= b);
        return true;
    case PRIM_LE:
        *result = a_bool(a <= b);
        return true;
    default:
        return false;
    }
}

/* An argument as an I64 tensor of one element; PRT_NO_VALUE when nothing computes it. */
static enum percept_status as_tensor(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, uint32_t *id)
{
    const struct prt_program_value *number = &import->values[call->args[index]];
    *id = PRT_NO_VALUE;
    if (number->kind != PRT_VALUE_INT &&
        (number->kind != PRT_VALUE_AT_RUN || number->run.id == PRT_NO_VALUE))
        return PERCEPT_OK;
    if (number->kind == PRT_VALUE_AT_RUN && number->run.offset == 0) {
        *id = number->run.id;
        return PERCEPT_OK;
    }
    return prt_aten_places(import, call, index, 1, 1, 1, 0, id);
}

/* A result that nodes compute from both; without a use, as those of assertions that an export left,
 * they go again. */
static enum percept_status compute(struct prt_import *import, enum prim prim, struct prt_call *call)
{
    static const int kinds[] = {
        [PRIM_ADD] = PRT_BINARY_ADD, [PRIM_SUB] = PRT_BINARY_SUB,
        [PRIM_MUL] = PRT_BINARY_MUL, [PRIM_FLOORDIV] = PRT_BINARY_FLOOR_DIV,
        [PRIM_TRUEDIV] = -1,         [PRIM_MOD] = PRT_BINARY_REMAINDER,
        [PRIM_MAX] = PRT_BINARY_MAX, [PRIM_MIN] = PRT_BINARY_MIN,
        [PRIM_EQ] = PRT_BINARY_EQ,   [PRIM_GT] = PRT_BINARY_GT,
        [PRIM_LT] = PRT_BINARY_LT,   [PRIM_GE] = PRT_BINARY_GE,
        [PRIM_LE] = PRT_BINARY_LE,
    };
    struct prt_program_value result = {.kind = PRT_VALUE_AT_RUN, .run = {PRT_NO_VALUE, 0}};
    uint32_t a, b, y;
    enum percept_status status = as_tensor(import, call, 0, &a);
    if (status == PERCEPT_OK)
        status = as_tensor(import, call, 1, &b);
    if (status != PERCEPT_OK || a == PRT_NO_VALUE || b == PRT_NO_VALUE || kinds[prim] < 0)
        return status == PERCEPT_OK ? set(import, call, 2, result) : status;
    const struct prt_tensor spec = {.dtype = PRT_I64, .rank = 1, .sizes = {1}};
    status = prt_import_temporary(import, &spec, &y);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, (enum prt_binary_kind)kinds[prim], a, b, 1, y);
    result.run.id = y;
    return status == PERCEPT_OK ? set(import, call, 2, result) : status;
}

/* Of numbers of which only a run knows one or both. What a position in a cache is computed with
 * stays an offset from it, so that the distance between two is known. */
static enum percept_status two_at_run(struct prt_import *import, enum prim prim,
                                      struct prt_call *call)
{
    const struct prt_program_value a = import->values[call->args[0]],
                                   b = import->values[call->args[1]];
    struct prt_program_value result = {.kind = PRT_VALUE_AT_RUN, .run = {PRT_NO_VALUE, 0}};
    bool known = true; /* the offsets do not overflow */
    if (a.kind == PRT_VALUE_AT_RUN && b.kind == PRT_VALUE_INT &&
        (prim == PRIM_ADD || prim == PRIM_SUB)) {
        result.run.id = a.run.id;
        known = prim == PRIM_ADD ? base_add_i64(a.run.offset, b.i, &result.run.offset)
                                 : !__builtin_sub_overflow(a.run.offset, b.i, &result.run.offset);
    } else if (a.kind == PRT_VALUE_INT && b.kind == PRT_VALUE_AT_RUN && prim == PRIM_ADD) {
        result.run.id = b.run.id;
        known = base_add_i64(a.i, b.run.offset, &result.run.offset);
    } else if (a.kind == b.kind && prim == PRIM_SUB && a.run.id == b.run.id &&
               a.run.id != PRT_NO_VALUE) {
        result = an_int(0);
        known = !__builtin_sub_overflow(a.run.offset, b.run.offset, &result.i);
    } else {
        return compute(import, prim, call);
    }
    return known ? set(import, call, 2, result)
                 : prt_import_fail(import, PERCEPT_MALFORMED, "has no result for these numbers");
}

/* (a, b, result) */
static enum percept_status two(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    enum prim prim = (enum prim)op->kind;
    const struct prt_program_value *a = &import->values[call->args[0]];
    const struct prt_program_value *b = &import->values[call->args[1]];
    struct prt_program_value result;
    if (a->kind == PRT_VALUE_AT_RUN || b->kind == PRT_VALUE_AT_RUN)
        return two_at_run(import, prim, call);
    bool whole = a->kind == PRT_VALUE_INT && b->kind == PRT_VALUE_INT && prim != PRIM_TRUEDIV;
    bool fine = whole && prim >= PRIM_EQ ? reals(prim, (a->i > b->i) - (a->i < b->i), 0, &result)
                : whole                  ? integers(prim, a->i, b->i, &result)
                                         : reals(prim, prt_call_number(import, call, 0, 0),
                                                 prt_call_number(import, call, 1, 0), &result);
    return fine ? set(import, call, 2, result)
                : prt_import_fail(import, PERCEPT_MALFORMED, "has no result for these numbers");
}

/* (a, result) */
static enum percept_status one(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    const struct prt_program_value *a = &import->values[call->args[0]];
    double number = prt_call_number(import, call, 0, 0);
    bool whole = a->kind == PRT_VALUE_INT;
    if (op->kind == PRIM_FLOAT)
        return set(import, call, 1, a_double(number));
    if (op->kind == PRIM_NEG && !whole)
        return set(import, call, 1, a_double(-number));
    if (whole && op->kind != PRIM_NEG)
        return set(import, call, 1, an_int(a->i));
    if (whole && a->i != INT64_MIN)
        return set(import, call, 1, an_int(-a->i));
    if (op->kind == PRIM_CEIL)
        number = ceil(number);
    else if (op->kind == PRIM_ROUND) /* halves to even */
        number = nearbyint(number);
    if (!whole && fabs(number) < 0x1p63)
        return set(import, call, 1, an_int((int64_t)number));
    return prt_import_fail(import, PERCEPT_MALFORMED, "has no result for this number");
}

/* (a, result) */
static enum percept_status negation(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    return set(import, call, 1, a_bool(prt_call_number(import, call, 0, 0) == 0));
}

/* (condition, a, b, result) */
static enum percept_status either(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    unsigned chosen = prt_call_number(import, call, 0, 0) != 0 ? 1 : 2;
    return set(import, call, 3, import->values[call->args[chosen]]);
}

static const struct prt_aten_op ops[] = {
    {"aten::sym_size.int", "QIZ", size, 0},
    {"aten::sym_numel", "QZ", elements, 0},
    {"aten::_local_scalar_dense", "TZ", item, 0},
    {"executorch_prim::add.Scalar", "UUZ", two, PRIM_ADD},
    {"executorch_prim::sub.Scalar", "UUZ", two, PRIM_SUB},
    {"executorch_prim::mul.Scalar", "UUZ", two, PRIM_MUL},
    {"executorch_prim::floordiv.Scalar", "UUZ", two, PRIM_FLOORDIV},
    {"executorch_prim::truediv.Scalar", "UUZ", two, PRIM_TRUEDIV},
    {"executorch_prim::mod.Scalar", "UUZ", two, PRIM_MOD},
    {"executorch_prim::sym_max.Scalar", "UUZ", two, PRIM_MAX},
    {"executorch_prim::sym_min.Scalar", "UUZ", two, PRIM_MIN},
    {"executorch_prim::eq.Scalar", "UUZ", two, PRIM_EQ},
    {"executorch_prim::gt.Scalar", "UUZ", two, PRIM_GT},
    {"executorch_prim::lt.Scalar", "UUZ", two, PRIM_LT},
    {"executorch_prim::ge.Scalar", "UUZ", two, PRIM_GE},
    {"executorch_prim::le.Scalar", "UUZ", two, PRIM_LE},
    {"executorch_prim::neg.Scalar", "NZ", one, PRIM_NEG},
    {"executorch_prim::sym_int.Scalar", "NZ", one, PRIM_INT},
    {"executorch_prim::sym_float.Scalar", "NZ", one, PRIM_FLOAT},
    {"executorch_prim::ceil.Scalar", "NZ", one, PRIM_CEIL},
    {"executorch_prim::trunc.Scalar", "NZ", one, PRIM_TRUNC},
    {"executorch_prim::round.Scalar", "NZ", one, PRIM_ROUND},
    {"executorch_prim::floordiv.int", "UUZ", two, PRIM_FLOORDIV},
    {"executorch_prim::mod.int", "UUZ", two, PRIM_MOD},
    {"executorch_prim::sym_not.Scalar", "NZ", negation, 0},
    {"executorch_prim::sym_ite.Scalar", "NUUZ", either, 0},
};

const struct prt_aten_table prt_aten_prim = PRT_ATEN_TABLE(ops);
