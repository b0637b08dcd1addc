/* Why: elementwise functions. ATen has several spellings of each; the graph has one. */
#include "runtime/import_aten.h"

#include <math.h>

/* ---- element types ---- */

bool prt_aten_is_float(enum prt_dtype dtype)
{
    return dtype == PRT_F32 || dtype == PRT_F16 || dtype == PRT_BF16 || dtype == PRT_F64;
}

/* PyTorch's promotion of two element types. */
static enum prt_dtype promote(enum prt_dtype a, enum prt_dtype b)
{
    if (a == b)
        return a;
    if (prt_aten_is_float(a) != prt_aten_is_float(b))
        return prt_aten_is_float(a) ? a : b;
    if (a == PRT_BOOL || b == PRT_BOOL)
        return a == PRT_BOOL ? b : a;
    size_t p = prt_dtype_size(a), q = prt_dtype_size(b);
    if (p != q)
        return p > q ? a : b;
    if (prt_aten_is_float(a))
        return PRT_F32;          /* float16 and bfloat16 */
    return p == 1 ? PRT_I16 : a; /* uint8 and int8 */
}

static const struct prt_value *value_of(const struct prt_import *import, uint32_t id)
{
    return &import->graph->values[id];
}

/* The type in which a and b are compared. Tensors without dimensions and scalars only count when
 * their kind of number is the wider one. */
static enum prt_dtype comparison_type(const struct prt_import *import, uint32_t a, uint32_t b)
{
    enum prt_dtype types[2] = {PRT_BOOL, PRT_BOOL};
    bool strong[2];
    const uint32_t ids[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const struct prt_value *value = value_of(import, ids[i]);
        strong[i] = value->kind == PRT_VALUE_TENSOR && value->tensor.rank > 0;
        if (value->kind == PRT_VALUE_TENSOR)
            types[i] = value->tensor.dtype;
        else if (value->kind == PRT_VALUE_DOUBLE)
            types[i] = PRT_F32;
        else if (value->kind == PRT_VALUE_INT)
            types[i] = PRT_I64;
    }
    if (strong[0] != strong[1]) {
        enum prt_dtype wide = types[strong[0] ? 0 : 1], weak = types[strong[0] ? 1 : 0];
        if (prt_aten_is_float(wide) ||
            (!prt_aten_is_float(weak) && (wide != PRT_BOOL || weak == PRT_BOOL)))
            return wide;
    }
    return promote(types[0], types[1]);
}

/* Operands of a node must have one type. Scalars stay as they are. */
static enum percept_status operand_as(struct prt_import *import, uint32_t *id, enum prt_dtype dtype)
{
    if (value_of(import, *id)->kind != PRT_VALUE_TENSOR)
        return PERCEPT_OK;
    return prt_import_convert(import, *id, dtype, id);
}

/* Where to compute when y has another type than the node's result: y itself, or before a CONVERT.
 */
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

static enum percept_status convert_result(struct prt_import *import, uint32_t result, uint32_t y)
{
    if (result == y)
        return PERCEPT_OK;
    return prt_import_node(import, PRT_OP_CONVERT, y, 1, &result) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* ---- two operands ---- */

static bool makes_bool(enum prt_binary_kind kind)
{
    return kind >= PRT_BINARY_EQ && kind <= PRT_BINARY_OR;
}

enum percept_status prt_aten_binary(struct prt_import *import, enum prt_binary_kind kind,
                                    uint32_t a, uint32_t b, double alpha, uint32_t y)
{
    enum prt_dtype type =
        makes_bool(kind) ? comparison_type(import, a, b) : prt_import_spec(import, y)->dtype;
    if (!makes_bool(kind) && !prt_aten_is_float(type) &&
        prt_aten_is_float(comparison_type(import, a, b)))
        return prt_import_fail(import, PERCEPT_MALFORMED, "real numbers become integers");
    uint32_t result;
    enum percept_status status = result_as(import, y, makes_bool(kind) ? PRT_BOOL : type, &result);
    if (status == PERCEPT_OK)
        status = operand_as(import, &a, type);
    if (status == PERCEPT_OK)
        status = operand_as(import, &b, type);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_BINARY, result, 2, (const uint32_t[]){a, b});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.binary = (struct prt_binary_attrs){.kind = kind, .alpha = alpha};
    return convert_result(import, result, y);
}

enum percept_status prt_aten_with_number(struct prt_import *import, enum prt_binary_kind kind,
                                         uint32_t x, double number, uint32_t *y)
{
    uint32_t scalar;
    enum percept_status status = prt_import_double(import, number, &scalar);
    *y = x;
    return status == PERCEPT_OK ? prt_aten_with(import, kind, y, scalar) : status;
}

enum percept_status prt_aten_operand(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, uint32_t *id)
{
    *id = call->operands[index];
    return *id != PRT_NO_VALUE ? PERCEPT_OK : prt_import_scalar(import, call->args[index], id);
}

/* (self, other[, alpha], out) */
static enum percept_status binary(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    uint32_t a, b;
    enum percept_status status = prt_aten_operand(import, call, 0, &a);
    if (status == PERCEPT_OK)
        status = prt_aten_operand(import, call, 1, &b);
    double alpha = call->signature[2] == 'N' ? prt_call_number(import, call, 2, 1) : 1;
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, (enum prt_binary_kind)op->kind, a, b, alpha,
                                 prt_call_output(call));
    return status;
}

/* (self, other, alpha, out): other - alpha * self */
static enum percept_status reversed_sub(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    uint32_t other;
    enum percept_status status = prt_aten_operand(import, call, 1, &other);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, (enum prt_binary_kind)op->kind, other, call->operands[0],
                                 prt_call_number(import, call, 2, 1), prt_call_output(call));
    return status;
}

/* ---- one operand ---- */

enum percept_status prt_aten_unary(struct prt_import *import, enum prt_unary_kind kind, uint32_t x,
                                   double a, double b, uint32_t y)
{
    enum prt_dtype type = prt_import_spec(import, y)->dtype;
    uint32_t result = y;
    enum percept_status status = PERCEPT_OK;
    if (kind == PRT_UNARY_NOT)
        status = result_as(import, y, PRT_BOOL, &result);
    else if (prt_aten_is_float(prt_import_spec(import, x)->dtype) && !prt_aten_is_float(type))
        status = prt_import_fail(import, PERCEPT_MALFORMED, "real numbers become integers");
    else
        status = prt_import_convert(import, x, type, &x);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_UNARY, result, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.unary = (struct prt_unary_attrs){.kind = kind, .a = a, .b = b};
    return convert_result(import, result, y);
}

enum percept_status prt_aten_apply(struct prt_import *import, enum prt_unary_kind kind, double a,
                                   double b, uint32_t *x)
{
    uint32_t y;
    enum percept_status status = prt_import_temporary(import, prt_import_spec(import, *x), &y);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, kind, *x, a, b, y);
    if (status == PERCEPT_OK)
        *x = y;
    return status;
}

enum percept_status prt_aten_with(struct prt_import *import, enum prt_binary_kind kind, uint32_t *x,
                                  uint32_t other)
{
    uint32_t y;
    enum percept_status status = prt_import_temporary(import, prt_import_spec(import, *x), &y);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, kind, *x, other, 1, y);
    if (status == PERCEPT_OK)
        *x = y;
    return status;
}

static enum percept_status unary(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0], 0, 0,
                          prt_call_output(call));
}

static enum percept_status relu(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0], 0, INFINITY,
                          prt_call_output(call));
}

/* (self, min, max, out) */
static enum percept_status clamp(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    double lo = prt_call_number(import, call, 1, -INFINITY);
    double hi = prt_call_number(import, call, 2, INFINITY);
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0], lo, hi,
                          prt_call_output(call));
}

/* (self, min, max, out) with tensors */
static enum percept_status clamp_tensors(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], lo = call->operands[1], hi = call->operands[2];
    if (lo == PRT_NO_VALUE && hi == PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has neither bound");
    uint32_t raised = prt_call_output(call);
    enum percept_status status = PERCEPT_OK;
    if (lo != PRT_NO_VALUE && hi != PRT_NO_VALUE)
        status = prt_import_temporary(import, prt_import_spec(import, raised), &raised);
    if (status == PERCEPT_OK && lo != PRT_NO_VALUE)
        status = prt_aten_binary(import, PRT_BINARY_MAX, x, lo, 1, raised);
    if (status == PERCEPT_OK && hi != PRT_NO_VALUE)
        status = prt_aten_binary(import, PRT_BINARY_MIN, lo == PRT_NO_VALUE ? x : raised, hi, 1,
                                 prt_call_output(call));
    return status;
}

/* (self, negative_slope, out) */
static enum percept_status leaky_relu(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0],
                          prt_call_number(import, call, 1, 0.01), 0, prt_call_output(call));
}

/* scale * (x > 0 ? x : alpha * expm1(input_scale * x)): of the two sides one is 0 */
static enum percept_status scaled_elu(struct prt_import *import, uint32_t x, double alpha,
                                      double scale, double input_scale, uint32_t y)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    const double ends[2][2] = {{0, INFINITY}, {-INFINITY, 0}};
    uint32_t side[2], grown, sum = y;
    if (spec.dtype == PRT_F16 || spec.dtype == PRT_BF16) /* rounded once, at the end */
        spec.dtype = PRT_F32;
    enum percept_status status = prt_import_convert(import, x, spec.dtype, &x);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        status = prt_import_temporary(import, &spec, &side[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_unary(import, PRT_UNARY_CLAMP, x, ends[i][0], ends[i][1], side[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_with_number(import, PRT_BINARY_MUL, side[i], i ? input_scale : scale,
                                          &side[i]);
    }
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &grown);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_EXPM1, side[1], 0, 0, grown);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_MUL, grown, alpha * scale, &grown);
    if (status == PERCEPT_OK)
        status = result_as(import, y, spec.dtype, &sum);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_ADD, side[0], grown, 1, sum);
    return status == PERCEPT_OK ? convert_result(import, sum, y) : status;
}

/* (self, alpha, scale, input_scale, out) */
static enum percept_status elu(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    double alpha = prt_call_number(import, call, 1, 1), scale = prt_call_number(import, call, 2, 1);
    double input_scale = prt_call_number(import, call, 3, 1);
    if (scale != 1 || input_scale != 1)
        return scaled_elu(import, call->operands[0], alpha, scale, input_scale,
                          prt_call_output(call));
    return prt_aten_unary(import, (enum prt_unary_kind)op->kind, call->operands[0], alpha, 0,
                          prt_call_output(call));
}

/* (self, approximate, out) */
static enum percept_status gelu(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    bool tanh = prt_call_text_is(import, call, 1, "tanh");
    if (!tanh && !prt_call_text_is(import, call, 1, "none"))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the approximation is not known");
    return prt_aten_unary(import, tanh ? PRT_UNARY_GELU_TANH : (enum prt_unary_kind)op->kind,
                          call->operands[0], 0, 0, prt_call_output(call));
}

/* ---- choice ---- */

static enum percept_status choose(struct prt_import *import, uint32_t condition, uint32_t a,
                                  uint32_t b, uint32_t y)
{
    enum prt_dtype type = prt_import_spec(import, y)->dtype;
    enum percept_status status = prt_import_convert(import, condition, PRT_BOOL, &condition);
    if (status == PERCEPT_OK)
        status = operand_as(import, &a, type);
    if (status == PERCEPT_OK)
        status = operand_as(import, &b, type);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_WHERE, y, 3, (const uint32_t[]){condition, a, b})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (condition, self, other, out) */
static enum percept_status where(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    return choose(import, call->operands[0], call->operands[1], call->operands[2],
                  prt_call_output(call));
}

/* (self, mask, value, out) */
static enum percept_status masked_fill(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    uint32_t value;
    enum percept_status status = prt_aten_operand(import, call, 2, &value);
    if (status == PERCEPT_OK)
        status = choose(import, call->operands[1], value, call->operands[0], prt_call_output(call));
    return status;
}

#define BINARY(name, signature, kind)              \
    {                                              \
        name, signature, binary, PRT_BINARY_##kind \
    }
#define UNARY(name, kind)                    \
    {                                        \
        name, "TOR", unary, PRT_UNARY_##kind \
    }

static const struct prt_aten_op ops[] = {
    BINARY("aten::add.out", "TTNOR", ADD),
    BINARY("aten::add.Scalar_out", "TNNOR", ADD),
    BINARY("aten::sub.out", "TTNOR", SUB),
    BINARY("aten::sub.Scalar_out", "TNNOR", SUB),
    {"aten::rsub.Scalar_out", "TNNOR", reversed_sub, PRT_BINARY_SUB},
    BINARY("aten::mul.out", "TTOR", MUL),
    BINARY("aten::mul.Scalar_out", "TNOR", MUL),
    BINARY("aten::div.out", "TTOR", DIV),
    BINARY("aten::div.Scalar_out", "TNOR", DIV),
    BINARY("aten::maximum.out", "TTOR", MAX),
    BINARY("aten::minimum.out", "TTOR", MIN),
    BINARY("aten::pow.Tensor_Tensor_out", "TTOR", POW),
    BINARY("aten::pow.Tensor_Scalar_out", "TNOR", POW),
    BINARY("aten::pow.Scalar_out", "NTOR", POW),
    BINARY("aten::eq.Tensor_out", "TTOR", EQ),
    BINARY("aten::eq.Scalar_out", "TNOR", EQ),
    BINARY("aten::ne.Tensor_out", "TTOR", NE),
    BINARY("aten::ne.Scalar_out", "TNOR", NE),
    BINARY("aten::lt.Tensor_out", "TTOR", LT),
    BINARY("aten::lt.Scalar_out", "TNOR", LT),
    BINARY("aten::le.Tensor_out", "TTOR", LE),
    BINARY("aten::le.Scalar_out", "TNOR", LE),
    BINARY("aten::gt.Tensor_out", "TTOR", GT),
    BINARY("aten::gt.Scalar_out", "TNOR", GT),
    BINARY("aten::ge.Tensor_out", "TTOR", GE),
    BINARY("aten::ge.Scalar_out", "TNOR", GE),
    BINARY("aten::logical_and.out", "TTOR", AND),
    BINARY("aten::logical_or.out", "TTOR", OR),

    UNARY("aten::sigmoid.out", SIGMOID),
    UNARY("aten::tanh.out", TANH),
    UNARY("aten::hardswish.out", HARDSWISH),
    UNARY("aten::hardsigmoid.out", HARDSIGMOID),
    UNARY("aten::silu.out", SILU),
    UNARY("aten::exp.out", EXP),
    UNARY("aten::log.out", LOG),
    UNARY("aten::sqrt.out", SQRT),
    UNARY("aten::rsqrt.out", RSQRT),
    UNARY("aten::abs.out", ABS),
    UNARY("aten::neg.out", NEG),
    UNARY("aten::reciprocal.out", RECIPROCAL),
    UNARY("aten::floor.out", FLOOR),
    UNARY("aten::ceil.out", CEIL),
    UNARY("aten::round.out", ROUND),
    UNARY("aten::sin.out", SIN),
    UNARY("aten::cos.out", COS),
    UNARY("aten::logical_not.out", NOT),
    {"aten::relu.out", "TOR", relu, PRT_UNARY_CLAMP},
    {"aten::hardtanh.out", "TNNOR", clamp, PRT_UNARY_CLAMP},
    {"aten::clamp.out", "TnnOR", clamp, PRT_UNARY_CLAMP},
    {"aten::clamp.Tensor_out", "TttOR", clamp_tensors, 0},
    {"aten::leaky_relu.out", "TNOR", leaky_relu, PRT_UNARY_LEAKY_RELU},
    {"aten::elu.out", "TNNNOR", elu, PRT_UNARY_ELU},
    {"aten::gelu.out", "TSOR", gelu, PRT_UNARY_GELU},

    {"aten::where.self_out", "TTTOR", where, 0},
    {"aten::masked_fill.Scalar_out", "TTNOR", masked_fill, 0},
};

const struct prt_aten_table prt_aten_math = PRT_ATEN_TABLE(ops);
