/*
 * Why: what fp32 cannot hold (fp64, integers, indices, masks) needs the same ops, rarely and on
 * small tensors, so these are plain loops in double or int64. Integers wrap around as PyTorch's.
 */
#include "backends/cpu/elementwise.h"
#include "base/halves.h"

#include <math.h>

int64_t cpu_to_i64(double x)
{
    if (!(x > -0x1p63)) /* NaN, too */
        return isnan(x) ? 0 : INT64_MIN;
    return x < 0x1p63 ? (int64_t)x : INT64_MAX;
}

enum cpu_domain cpu_wide_domain(const struct prt_tensor *tensor)
{
    return cpu_wide_load[CPU_DOMAIN_I64][tensor->dtype] ? CPU_DOMAIN_I64 : CPU_DOMAIN_F64;
}

/* ---- element types ---- */

#define LOAD(DOMAIN, NAME, FROM, EXPRESSION)                                             \
    static void DOMAIN##_load_##NAME(size_t n, void *to, const void *from, int64_t step, \
                                     const struct cpu_code *code)                        \
    {                                                                                    \
        (void)code;                                                                      \
        DOMAIN *y = to;                                                                  \
        const FROM *x = from;                                                            \
        for (size_t i = 0; i < n; i++) {                                                 \
            const FROM v = x[(int64_t)i * step];                                         \
            y[i] = (DOMAIN)(EXPRESSION);                                                 \
        }                                                                                \
    }

#define STORE(DOMAIN, NAME, TO, EXPRESSION)                                               \
    static void DOMAIN##_store_##NAME(size_t n, void *to, int64_t step, const void *from, \
                                      const struct cpu_code *code)                        \
    {                                                                                     \
        (void)code;                                                                       \
        TO *y = to;                                                                       \
        const DOMAIN *x = from;                                                           \
        for (size_t i = 0; i < n; i++) {                                                  \
            const DOMAIN v = x[i];                                                        \
            y[(int64_t)i * step] = (TO)(EXPRESSION);                                      \
        }                                                                                 \
    }

#define INTEGERS(X) \
    X(i8, int8_t)   \
    X(u8, uint8_t) X(i16, int16_t) X(u16, uint16_t) X(i32, int32_t) X(u32, uint32_t) X(i64, int64_t)

#define INTEGER_IO(NAME, TYPE)    \
    LOAD(int64_t, NAME, TYPE, v)  \
    LOAD(double, NAME, TYPE, v)   \
    STORE(int64_t, NAME, TYPE, v) \
    STORE(double, NAME, TYPE, cpu_to_i64(v))
INTEGERS(INTEGER_IO)

LOAD(int64_t, bool, uint8_t, v != 0)
STORE(int64_t, bool, uint8_t, v != 0)
LOAD(double, bool, uint8_t, v != 0)
STORE(double, bool, uint8_t, v != 0)
LOAD(double, f32, float, v)
STORE(double, f32, float, v)
LOAD(double, f64, double, v)
STORE(double, f64, double, v)
LOAD(double, f16, uint16_t, base_from_f16(v))
STORE(double, f16, uint16_t, base_to_f16((float)v))
LOAD(double, bf16, uint16_t, base_from_bf16(v))
STORE(double, bf16, uint16_t, base_to_bf16((float)v))

#define INTEGER_ROWS(DOMAIN, WHAT)                                        \
    [PRT_I8] = DOMAIN##_##WHAT##_i8, [PRT_U8] = DOMAIN##_##WHAT##_u8,     \
    [PRT_I16] = DOMAIN##_##WHAT##_i16, [PRT_U16] = DOMAIN##_##WHAT##_u16, \
    [PRT_I32] = DOMAIN##_##WHAT##_i32, [PRT_U32] = DOMAIN##_##WHAT##_u32, \
    [PRT_I64] = DOMAIN##_##WHAT##_i64, [PRT_BOOL] = DOMAIN##_##WHAT##_bool
#define FLOAT_ROWS(WHAT)                                              \
    [PRT_F32] = double_##WHAT##_f32, [PRT_F64] = double_##WHAT##_f64, \
    [PRT_F16] = double_##WHAT##_f16, [PRT_BF16] = double_##WHAT##_bf16

const cpu_load cpu_wide_load[CPU_DOMAINS][CPU_DTYPES] = {
    [CPU_DOMAIN_F64] = {INTEGER_ROWS(double, load), FLOAT_ROWS(load)},
    [CPU_DOMAIN_I64] = {INTEGER_ROWS(int64_t, load)},
};
const cpu_store cpu_wide_store[CPU_DOMAINS][CPU_DTYPES] = {
    [CPU_DOMAIN_F64] = {INTEGER_ROWS(double, store), FLOAT_ROWS(store)},
    [CPU_DOMAIN_I64] = {INTEGER_ROWS(int64_t, store)},
};

/* ---- binary ---- */

#define OPERAND(o) \
    ((const T *)tile->x[o].p + (int64_t)r * tile->x[o].row + (int64_t)i * tile->x[o].step)

#define BINARY(DOMAIN, NAME, EXPRESSION)                                                      \
    static void DOMAIN##_##NAME(const struct cpu_tile *tile, const struct cpu_params *params) \
    {                                                                                         \
        typedef DOMAIN T;                                                                     \
        const T alpha = scale_of_##DOMAIN(params->a);                                         \
        (void)alpha;                                                                          \
        for (size_t r = 0; r < tile->rows; r++)                                               \
            for (size_t i = 0; i < tile->count; i++) {                                        \
                const T a = *OPERAND(0), b = *OPERAND(1);                                     \
                ((T *)tile->y)[(int64_t)r * tile->y_row + (int64_t)i] =                       \
                    bound_##DOMAIN((T)(EXPRESSION), params);                                  \
            }                                                                                 \
    }

static double scale_of_double(double x)
{
    return x;
}

static int64_t scale_of_int64_t(double x)
{
    return cpu_to_i64(x);
}

static double bound_double(double x, const struct cpu_params *params)
{
    x = x < (double)params->lo ? (double)params->lo : x;
    return x > (double)params->hi ? (double)params->hi : x;
}

static int64_t bound_int64_t(int64_t x, const struct cpu_params *params)
{
    if (params->lo > -HUGE_VALF && x < cpu_to_i64((double)params->lo))
        x = cpu_to_i64((double)params->lo);
    if (params->hi < HUGE_VALF && x > cpu_to_i64((double)params->hi))
        x = cpu_to_i64((double)params->hi);
    return x;
}

/* Two's complement, as PyTorch; signed overflow is undefined in C, so in unsigned. */
static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t negate(int64_t a)
{
    return (int64_t)(0 - (uint64_t)a);
}

/* Rounds to zero; x / 0 is 0, since a processor's trap must not be in a model's hands. */
static int64_t divide(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return b == -1 ? negate(a) : a / b;
}

static int64_t power(int64_t base, int64_t exponent)
{
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    int64_t result = 1;
    for (; exponent; exponent >>= 1, base = mul(base, base))
        if (exponent & 1)
            result = mul(result, base);
    return result;
}

static int64_t divide_down(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return divide(a, b);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Towards zero, as C's; x % 0 is 0 for the same reason. */
static int64_t rest(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t rest_down(int64_t a, int64_t b)
{
    int64_t remainder = rest(a, b);
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

/* A shift by more than the width, or by less than 0, moves everything out (PyTorch's rule). What a
 * type narrower than 64 bits loses to the left, storing it loses. */
static int64_t shift_left(int64_t a, int64_t b)
{
    return b < 0 || b > 63 ? 0 : (int64_t)((uint64_t)a << b);
}

static int64_t shift_right(int64_t a, int64_t b)
{
    return a >> (b < 0 || b > 63 ? 63 : b);
}

static double floor_div(double a, double b)
{
    if (b == 0)
        return a / b;
    double remainder = fmod(a, b), quotient = (a - remainder) / b;
    if (remainder != 0 && (b < 0) != (remainder < 0))
        quotient -= 1;
    if (quotient == 0)
        return copysign(0, a / b);
    double down = floor(quotient);
    return quotient - down > 0.5 ? down + 1 : down;
}

static double remainder_down(double a, double b)
{
    double remainder = fmod(a, b);
    return remainder != 0 && (b < 0) != (remainder < 0) ? remainder + b : remainder;
}

BINARY(double, floor_div, floor_div(a, b))
BINARY(double, trunc_div, trunc(a / b))
BINARY(double, fmod, fmod(a, b))
BINARY(double, remainder, remainder_down(a, b))
BINARY(double, atan2, atan2(a, b))
BINARY(int64_t, floor_div, divide_down(a, b))
BINARY(int64_t, fmod, rest(a, b))
BINARY(int64_t, remainder, rest_down(a, b))
BINARY(int64_t, bit_and, a &b)
BINARY(int64_t, bit_or, a | b)
BINARY(int64_t, bit_xor, a ^ b)
BINARY(int64_t, shift_left, shift_left(a, b))
BINARY(int64_t, shift_right, shift_right(a, b))
BINARY(double, add, a + alpha * b)
BINARY(double, sub, a - alpha * b)
BINARY(double, mul, a *b)
BINARY(double, div, a / b)
BINARY(double, max, a > b || isnan(a) ? a : b)
BINARY(double, min, a < b || isnan(a) ? a : b)
BINARY(double, pow, pow(a, b))
BINARY(double, squared_difference, (a - b) * (a - b))
BINARY(int64_t, add, add(a, mul(alpha, b)))
BINARY(int64_t, sub, add(a, negate(mul(alpha, b))))
BINARY(int64_t, mul, mul(a, b))
BINARY(int64_t, div, divide(a, b))
BINARY(int64_t, max, a > b ? a : b)
BINARY(int64_t, min, a < b ? a : b)
BINARY(int64_t, pow, power(a, b))
BINARY(int64_t, squared_difference, mul(add(a, negate(b)), add(a, negate(b))))

#define COMPARISONS(DOMAIN)               \
    BINARY(DOMAIN, eq, a == b)            \
    BINARY(DOMAIN, ne, a != b)            \
    BINARY(DOMAIN, lt, a < b)             \
    BINARY(DOMAIN, le, a <= b)            \
    BINARY(DOMAIN, gt, a > b)             \
    BINARY(DOMAIN, ge, a >= b)            \
    BINARY(DOMAIN, and, a != 0 && b != 0) \
    BINARY(DOMAIN, or, a != 0 || b != 0)
COMPARISONS(double)
COMPARISONS(int64_t)
BINARY(double, prelu, a > 0 ? a : b * a)

#define BINARY_ROWS(DOMAIN)                                                                        \
    [PRT_BINARY_ADD] = DOMAIN##_add, [PRT_BINARY_SUB] = DOMAIN##_sub,                              \
    [PRT_BINARY_MUL] = DOMAIN##_mul, [PRT_BINARY_DIV] = DOMAIN##_div,                              \
    [PRT_BINARY_MAX] = DOMAIN##_max, [PRT_BINARY_MIN] = DOMAIN##_min,                              \
    [PRT_BINARY_POW] = DOMAIN##_pow, [PRT_BINARY_EQ] = DOMAIN##_eq, [PRT_BINARY_NE] = DOMAIN##_ne, \
    [PRT_BINARY_LT] = DOMAIN##_lt, [PRT_BINARY_LE] = DOMAIN##_le, [PRT_BINARY_GT] = DOMAIN##_gt,   \
    [PRT_BINARY_GE] = DOMAIN##_ge, [PRT_BINARY_AND] = DOMAIN##_and, [PRT_BINARY_OR] = DOMAIN##_or, \
    [PRT_BINARY_SQUARED_DIFFERENCE] = DOMAIN##_squared_difference,                                 \
    [PRT_BINARY_FLOOR_DIV] = DOMAIN##_floor_div, [PRT_BINARY_FMOD] = DOMAIN##_fmod,                \
    [PRT_BINARY_REMAINDER] = DOMAIN##_remainder

const cpu_body cpu_wide_binary[CPU_DOMAINS][PRT_BINARY_COUNT] = {
    [CPU_DOMAIN_F64] = {BINARY_ROWS(double), [PRT_BINARY_TRUNC_DIV] = double_trunc_div,
                        [PRT_BINARY_ATAN2] = double_atan2},
    [CPU_DOMAIN_I64] =
        {BINARY_ROWS(int64_t), [PRT_BINARY_TRUNC_DIV] = int64_t_div,
         [PRT_BINARY_BIT_AND] = int64_t_bit_and, [PRT_BINARY_BIT_OR] = int64_t_bit_or,
         [PRT_BINARY_BIT_XOR] = int64_t_bit_xor, [PRT_BINARY_SHIFT_LEFT] = int64_t_shift_left,
         [PRT_BINARY_SHIFT_RIGHT] = int64_t_shift_right},
};
const cpu_body cpu_wide_prelu[CPU_DOMAINS] = {[CPU_DOMAIN_F64] = double_prelu};

/* ---- where ---- */

#define WHERE(DOMAIN)                                                                        \
    static void DOMAIN##_where(const struct cpu_tile *tile, const struct cpu_params *params) \
    {                                                                                        \
        (void)params;                                                                        \
        typedef DOMAIN T;                                                                    \
        for (size_t r = 0; r < tile->rows; r++)                                              \
            for (size_t i = 0; i < tile->count; i++)                                         \
                ((T *)tile->y)[(int64_t)r * tile->y_row + (int64_t)i] =                      \
                    *OPERAND(0) != 0 ? *OPERAND(1) : *OPERAND(2);                            \
    }
WHERE(double)
WHERE(int64_t)

const cpu_body cpu_wide_where[CPU_DOMAINS] = {
    [CPU_DOMAIN_F64] = double_where,
    [CPU_DOMAIN_I64] = int64_t_where,
};

/* ---- unary ---- */

#define UNARY(DOMAIN, NAME, EXPRESSION)                                                       \
    static void DOMAIN##_##NAME(const struct cpu_tile *tile, const struct cpu_params *params) \
    {                                                                                         \
        typedef DOMAIN T;                                                                     \
        (void)params;                                                                         \
        for (size_t r = 0; r < tile->rows; r++)                                               \
            for (size_t i = 0; i < tile->count; i++) {                                        \
                const T x = *OPERAND(0);                                                      \
                ((T *)tile->y)[(int64_t)r * tile->y_row + (int64_t)i] = (T)(EXPRESSION);      \
            }                                                                                 \
    }

static double clamp(double x, double lo, double hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static double logit(double x, double bound)
{
    if (bound >= 0)
        x = clamp(x, bound, 1 - bound);
    return log(x / (1 - x));
}

UNARY(double, clamp, clamp(x, params->a, params->b))
UNARY(double, sigmoid, 1 / (1 + exp(-x)))
UNARY(double, tanh, tanh(x))
UNARY(double, hardswish, x *clamp(x + 3, 0, 6) / 6)
UNARY(double, hardsigmoid, clamp(x + 3, 0, 6) / 6)
UNARY(double, gelu, 0.5 * x * erfc(-x * M_SQRT1_2))
UNARY(double, gelu_tanh,
      0.5 * x * (1 + tanh(M_SQRT2 * 0.5 * M_2_SQRTPI * (x + 0.044715 * x * x * x))))
UNARY(double, silu, x / (1 + exp(-x)))
UNARY(double, leaky_relu, x > 0 ? x : params->a * x)
UNARY(double, elu, x > 0 ? x : params->a * expm1(x))
UNARY(double, exp, exp(x))
UNARY(double, log, log(x))
UNARY(double, sqrt, sqrt(x))
UNARY(double, rsqrt, 1 / sqrt(x))
UNARY(double, abs, fabs(x))
UNARY(double, neg, -x)
UNARY(double, reciprocal, 1 / x)
UNARY(double, square, x *x)
UNARY(double, floor, floor(x))
UNARY(double, ceil, ceil(x))
UNARY(double, round, rint(x))
UNARY(double, sin, sin(x))
UNARY(double, cos, cos(x))
UNARY(double, not, x == 0)
UNARY(double, trunc, trunc(x))
UNARY(double, sign, (x > 0) - (x < 0))
UNARY(double, logit, logit(x, params->a))
UNARY(double, tan, tan(x))
UNARY(double, asin, asin(x))
UNARY(double, acos, acos(x))
UNARY(double, atan, atan(x))
UNARY(double, sinh, sinh(x))
UNARY(double, cosh, cosh(x))
UNARY(double, asinh, asinh(x))
UNARY(double, acosh, acosh(x))
UNARY(double, atanh, atanh(x))
UNARY(double, erf, erf(x))
UNARY(double, expm1, expm1(x))
UNARY(double, log1p, log1p(x))
UNARY(double, log2, log2(x))
UNARY(double, log10, log10(x))
UNARY(int64_t, sign, (x > 0) - (x < 0))
UNARY(int64_t, abs, x < 0 ? negate(x) : x)
UNARY(int64_t, neg, negate(x))
UNARY(int64_t, square, mul(x, x))
UNARY(int64_t, same, x)
UNARY(int64_t, not, x == 0)

/* Bounds as PyTorch casts them: towards zero, infinities to the ends of the range. */
static void int64_t_clamp(const struct cpu_tile *tile, const struct cpu_params *params)
{
    typedef int64_t T;
    const int64_t lo = cpu_to_i64(params->a), hi = cpu_to_i64(params->b);
    for (size_t r = 0; r < tile->rows; r++)
        for (size_t i = 0; i < tile->count; i++) {
            int64_t x = *OPERAND(0);
            x = x < lo ? lo : x;
            ((T *)tile->y)[(int64_t)r * tile->y_row + (int64_t)i] = x > hi ? hi : x;
        }
}

const cpu_body cpu_wide_unary[CPU_DOMAINS][PRT_UNARY_COUNT] = {
    [CPU_DOMAIN_F64] =
        {
            [PRT_UNARY_CLAMP] = double_clamp,
            [PRT_UNARY_SIGMOID] = double_sigmoid,
            [PRT_UNARY_TANH] = double_tanh,
            [PRT_UNARY_HARDSWISH] = double_hardswish,
            [PRT_UNARY_HARDSIGMOID] = double_hardsigmoid,
            [PRT_UNARY_GELU] = double_gelu,
            [PRT_UNARY_GELU_TANH] = double_gelu_tanh,
            [PRT_UNARY_SILU] = double_silu,
            [PRT_UNARY_LEAKY_RELU] = double_leaky_relu,
            [PRT_UNARY_ELU] = double_elu,
            [PRT_UNARY_EXP] = double_exp,
            [PRT_UNARY_LOG] = double_log,
            [PRT_UNARY_SQRT] = double_sqrt,
            [PRT_UNARY_RSQRT] = double_rsqrt,
            [PRT_UNARY_ABS] = double_abs,
            [PRT_UNARY_NEG] = double_neg,
            [PRT_UNARY_RECIPROCAL] = double_reciprocal,
            [PRT_UNARY_SQUARE] = double_square,
            [PRT_UNARY_FLOOR] = double_floor,
            [PRT_UNARY_CEIL] = double_ceil,
            [PRT_UNARY_ROUND] = double_round,
            [PRT_UNARY_SIN] = double_sin,
            [PRT_UNARY_COS] = double_cos,
            [PRT_UNARY_NOT] = double_not,
            [PRT_UNARY_TAN] = double_tan,
            [PRT_UNARY_ASIN] = double_asin,
            [PRT_UNARY_ACOS] = double_acos,
            [PRT_UNARY_ATAN] = double_atan,
            [PRT_UNARY_SINH] = double_sinh,
            [PRT_UNARY_COSH] = double_cosh,
            [PRT_UNARY_ASINH] = double_asinh,
            [PRT_UNARY_ACOSH] = double_acosh,
            [PRT_UNARY_ATANH] = double_atanh,
            [PRT_UNARY_ERF] = double_erf,
            [PRT_UNARY_EXPM1] = double_expm1,
            [PRT_UNARY_LOG1P] = double_log1p,
            [PRT_UNARY_LOG2] = double_log2,
            [PRT_UNARY_LOG10] = double_log10,
            [PRT_UNARY_LOGIT] = double_logit,
            [PRT_UNARY_SIGN] = double_sign,
            [PRT_UNARY_TRUNC] = double_trunc,
        },
    [CPU_DOMAIN_I64] =
        {
            [PRT_UNARY_CLAMP] = int64_t_clamp,
            [PRT_UNARY_ABS] = int64_t_abs,
            [PRT_UNARY_NEG] = int64_t_neg,
            [PRT_UNARY_SQUARE] = int64_t_square,
            [PRT_UNARY_FLOOR] = int64_t_same,
            [PRT_UNARY_CEIL] = int64_t_same,
            [PRT_UNARY_ROUND] = int64_t_same,
            [PRT_UNARY_TRUNC] = int64_t_same,
            [PRT_UNARY_SIGN] = int64_t_sign,
            [PRT_UNARY_NOT] = int64_t_not,
        },
};
