/* The rarer functions of the CPU backend against double, and integers against their own type. */
#include "kinds.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- two operands ---- */

struct binary {
    enum prt_binary_kind kind;
    enum prt_dtype dtype;
    uint32_t a, b;
};

static bool is_integer(const struct type *type)
{
    return type->tolerance == 0;
}

/* What a shift leaves in the type, by PyTorch's rule for shifts out of range. */
static double shifted(const struct binary *op, int64_t a, int64_t b)
{
    int width = (int)(8 * prt_dtype_size(op->dtype));
    bool out = b < 0 || b >= width;
    if (op->kind == PRT_BINARY_SHIFT_RIGHT)
        return floor(out ? (a < 0 ? -1 : 0) : ldexp((double)a, -(int)b));
    uint64_t bits = out ? 0 : (uint64_t)a << b;
    switch (op->dtype) {
    case PRT_U8:
        return (uint8_t)bits;
    case PRT_I8:
        return (int8_t)bits;
    case PRT_I16:
        return (int16_t)bits;
    case PRT_I32:
        return (int32_t)bits;
    default:
        return (double)(int64_t)bits;
    }
}

static double of_integers(const struct binary *op, int64_t a, int64_t b)
{
    switch (op->kind) {
    case PRT_BINARY_FLOOR_DIV:
        return b == 0 ? 0 : floor((double)a / (double)b);
    case PRT_BINARY_TRUNC_DIV:
        return b == 0 ? 0 : trunc((double)a / (double)b);
    case PRT_BINARY_FMOD:
        return b == 0 ? 0 : fmod((double)a, (double)b);
    case PRT_BINARY_REMAINDER:
        return b == 0 ? 0 : (double)a - (double)b * floor((double)a / (double)b);
    case PRT_BINARY_BIT_AND:
        return (double)(a & b);
    case PRT_BINARY_BIT_OR:
        return (double)(a | b);
    case PRT_BINARY_BIT_XOR:
        return (double)(a ^ b);
    default:
        return shifted(op, a, b);
    }
}

static double of_reals(enum prt_binary_kind kind, double a, double b)
{
    double remainder = fmod(a, b);
    bool other_sign = remainder != 0 && (b < 0) != (remainder < 0);
    switch (kind) {
    case PRT_BINARY_FLOOR_DIV:
        return b == 0 ? a / b : rint((a - remainder) / b) - other_sign;
    case PRT_BINARY_TRUNC_DIV:
        return trunc(a / b);
    case PRT_BINARY_FMOD:
        return remainder;
    case PRT_BINARY_REMAINDER:
        return other_sign ? remainder + b : remainder;
    default:
        return atan2(a, b);
    }
}

static double binary_reference(const struct one_node *one, const int32_t *index,
                               const void *context)
{
    const struct binary *op = context;
    double a = one_node_broadcast(one, op->a, index), b = one_node_broadcast(one, op->b, index);
    bool real = op->dtype == PRT_F32 || op->dtype == PRT_F64 || op->dtype == PRT_F16 ||
                op->dtype == PRT_BF16;
    return real ? of_reals(op->kind, a, b) : of_integers(op, (int64_t)a, (int64_t)b);
}

static bool takes(enum prt_binary_kind kind, const struct type *type)
{
    bool bits = kind >= PRT_BINARY_BIT_AND && kind <= PRT_BINARY_SHIFT_RIGHT;
    return !type->is_quantised && (is_integer(type) ? kind != PRT_BINARY_ATAN2 : !bits);
}

START_TEST(binary_functions_match_their_definition)
{
    random_seed(800 + (uint64_t)_i);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            const struct type *type = &types[t];
            struct binary op = {.kind = (enum prt_binary_kind)_i, .dtype = type->dtype};
            if (!takes(op.kind, type) || !worth_it(t, round))
                continue;
            struct one_node one = one_node_begin();
            struct prt_tensor y = typed(type, some_shape(round));
            op.a = one_node_input(&one, broadcastable(type, y));
            one_node_fill(&one, op.a, type->lo, type->hi);
            if (round == ROUNDS - 1) {
                op.b = is_integer(type) ? one_node_int(&one, 3) : one_node_double(&one, -1.75);
            } else {
                op.b = one_node_input(&one, broadcastable(type, y));
                one_node_fill(&one, op.b, type->lo, type->hi);
            }
            NODE(&one, PRT_OP_BINARY, y, op.a, op.b)->attrs.binary =
                (struct prt_binary_attrs){.kind = op.kind, .alpha = 1};
            one_node_run(&one);
            one_node_check(&one, binary_reference, &op, type->tolerance);
            one_node_end(&one);
        }
}
END_TEST

static int64_t integers(enum prt_binary_kind kind, enum prt_dtype dtype, int64_t a, int64_t b)
{
    struct one_node one = one_node_begin();
    uint32_t x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = one_node_input(&one, TENSOR(dtype, 1));
        memcpy(one.data[x[i]], i ? &b : &a, prt_dtype_size(dtype)); /* little-endian */
    }
    NODE(&one, PRT_OP_BINARY, TENSOR(dtype, 1), x[0], x[1])->attrs.binary =
        (struct prt_binary_attrs){.kind = kind, .alpha = 1};
    one_node_run(&one);
    int64_t result = 0;
    memcpy(&result, one.data[one.y], prt_dtype_size(dtype));
    one_node_end(&one);
    unsigned unused = 64 - 8 * (unsigned)prt_dtype_size(dtype);
    return dtype == PRT_U8 ? result : (int64_t)((uint64_t)result << unused) >> unused;
}

START_TEST(integers_never_trap_and_keep_all_their_bits)
{
    ck_assert_int_eq(integers(PRT_BINARY_FLOOR_DIV, PRT_I64, INT64_MIN, -1), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_TRUNC_DIV, PRT_I64, INT64_MIN, -1), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_FMOD, PRT_I64, INT64_MIN, -1), 0);
    ck_assert_int_eq(integers(PRT_BINARY_REMAINDER, PRT_I64, INT64_MIN, -1), 0);
    ck_assert_int_eq(integers(PRT_BINARY_FLOOR_DIV, PRT_I8, -128, -1), -128); /* wraps around */
    ck_assert_int_eq(integers(PRT_BINARY_FLOOR_DIV, PRT_I32, 5, 0), 0);
    ck_assert_int_eq(integers(PRT_BINARY_FMOD, PRT_I32, 5, 0), 0);
    ck_assert_int_eq(integers(PRT_BINARY_REMAINDER, PRT_I32, 5, 0), 0);
    ck_assert_int_eq(integers(PRT_BINARY_FLOOR_DIV, PRT_I64, INT64_MAX, 2), INT64_MAX / 2);
    ck_assert_int_eq(integers(PRT_BINARY_BIT_XOR, PRT_I64, INT64_MAX, -1), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_BIT_XOR, PRT_U8, 0xf0, 0xff), 0x0f);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_LEFT, PRT_I64, 1, 63), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_LEFT, PRT_I64, 1, 64), 0);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_LEFT, PRT_I32, 1, -1), 0);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_RIGHT, PRT_I64, INT64_MIN, 64), -1);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_RIGHT, PRT_I8, -128, -1), -1);
    ck_assert_int_eq(integers(PRT_BINARY_SHIFT_RIGHT, PRT_U8, 255, 8), 0);
}
END_TEST

static float floats(enum prt_binary_kind kind, float a, float b)
{
    struct one_node one = one_node_begin();
    uint32_t x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = one_node_input(&one, TENSOR(PRT_F32, 1));
        *(float *)one.data[x[i]] = i ? b : a;
    }
    NODE(&one, PRT_OP_BINARY, TENSOR(PRT_F32, 1), x[0], x[1])->attrs.binary =
        (struct prt_binary_attrs){.kind = kind, .alpha = 1};
    one_node_run(&one);
    float result = *(float *)one.data[one.y];
    one_node_end(&one);
    return result;
}

START_TEST(real_quotients_are_as_pythons)
{
    /* 1 / 0.1f rounds to 10, but 0.1f is more than a tenth. */
    ck_assert_float_eq(floats(PRT_BINARY_FLOOR_DIV, 1, 0.1f), 9);
    ck_assert_float_eq(floats(PRT_BINARY_FLOOR_DIV, -1, 2), -1);
    ck_assert_float_infinite(floats(PRT_BINARY_FLOOR_DIV, 1, 0));
    ck_assert_float_nan(floats(PRT_BINARY_FLOOR_DIV, INFINITY, 2));
    ck_assert_float_nan(floats(PRT_BINARY_FMOD, 1, 0));
    ck_assert_float_nan(floats(PRT_BINARY_REMAINDER, NAN, 2));
    ck_assert_float_eq(floats(PRT_BINARY_REMAINDER, -1, 3), 2);
    ck_assert_float_eq(floats(PRT_BINARY_FMOD, -1, 3), -1);
    ck_assert(signbit(floats(PRT_BINARY_FLOOR_DIV, -0.0f, 2)));
}
END_TEST

START_TEST(reals_have_no_bits)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 3));
    NODE(&one, PRT_OP_BINARY, TENSOR(PRT_F32, 3), x, x)->attrs.binary.kind = PRT_BINARY_BIT_AND;
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* ---- one operand ---- */

/* By kind, from TAN; lo and hi bound the operand. */
static const struct function {
    enum prt_unary_kind kind;
    double (*definition)(double x);
    double lo, hi;
} functions[] = {
    {PRT_UNARY_TAN, tan, -1.2, 1.2},   {PRT_UNARY_ASIN, asin, -1, 1},
    {PRT_UNARY_ACOS, acos, -0.9, 1},   {PRT_UNARY_ATAN, atan, -6, 6},
    {PRT_UNARY_SINH, sinh, -3, 3},     {PRT_UNARY_COSH, cosh, -3, 3},
    {PRT_UNARY_ASINH, asinh, -6, 6},   {PRT_UNARY_ACOSH, acosh, 1.1, 9},
    {PRT_UNARY_ATANH, atanh, -.9, .9}, {PRT_UNARY_ERF, erf, -4, 4},
    {PRT_UNARY_EXPM1, expm1, -5, 3},   {PRT_UNARY_LOG1P, log1p, -0.9, 9},
    {PRT_UNARY_LOG2, log2, 0.1, 9},    {PRT_UNARY_LOG10, log10, 0.1, 9},
    {PRT_UNARY_TRUNC, trunc, -6, 6},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static double unary_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct function *function = context;
    return function->definition(one_node_get(one, one->graph->nodes[0].inputs[0], index));
}

START_TEST(unary_functions_match_their_definition)
{
    const struct function *function = &functions[_i];
    random_seed(900 + (uint64_t)_i);
    for (unsigned t = 0; t < FLOATS; t++)
        for (int round = 0; round < ROUNDS; round++) {
            if (types[t].is_quantised || !worth_it(t, round))
                continue;
            struct one_node one = one_node_begin();
            struct prt_tensor shape = typed(&types[t], some_shape(round));
            uint32_t x = one_node_input(&one, round % 2 ? shape : shuffled(shape));
            one_node_fill(&one, x, function->lo, function->hi);
            if (types[t].dtype == PRT_F32 && function->kind != PRT_UNARY_TAN)
                one_node_fill_edges(&one, x);
            NODE(&one, PRT_OP_UNARY, shape, x)->attrs.unary.kind = function->kind;
            one_node_run(&one);
            one_node_check(&one, unary_reference, function, types[t].tolerance);
            one_node_end(&one);
        }
}
END_TEST

struct plain {
    enum prt_unary_kind kind;
    double bound;
};

static double plain_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct plain *plain = context;
    double x = one_node_get(one, one->graph->nodes[0].inputs[0], index);
    if (plain->kind == PRT_UNARY_SIGN)
        return (x > 0) - (x < 0);
    if (plain->kind == PRT_UNARY_TRUNC)
        return trunc(x);
    if (plain->bound >= 0)
        x = fmin(fmax(x, plain->bound), 1 - plain->bound);
    return log(x / (1 - x));
}

START_TEST(signs_logits_and_whole_numbers)
{
    random_seed(1000);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 4; round < ROUNDS; round++) {
            static const struct plain kinds[] = {{PRT_UNARY_SIGN, 0},
                                                 {PRT_UNARY_TRUNC, 0},
                                                 {PRT_UNARY_LOGIT, -1},
                                                 {PRT_UNARY_LOGIT, 0.25}};
            const struct plain *plain = &kinds[round % 4];
            bool logit = plain->kind == PRT_UNARY_LOGIT;
            if (types[t].is_quantised || (logit && is_integer(&types[t])))
                continue;
            struct one_node one = one_node_begin();
            struct prt_tensor shape = typed(&types[t], some_shape(round));
            uint32_t x = one_node_input(&one, shape);
            one_node_fill(&one, x, logit ? 0.1 : types[t].lo, logit ? 0.9 : types[t].hi);
            NODE(&one, PRT_OP_UNARY, shape, x)->attrs.unary =
                (struct prt_unary_attrs){.kind = plain->kind, .a = plain->bound};
            one_node_run(&one);
            one_node_check(&one, plain_reference, plain, types[t].tolerance * 4);
            one_node_end(&one);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu functions");
    TCase *tests = tcase_create("cpu functions");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, binary_functions_match_their_definition, PRT_BINARY_FLOOR_DIV,
                        PRT_BINARY_COUNT);
    tcase_add_test(tests, integers_never_trap_and_keep_all_their_bits);
    tcase_add_test(tests, real_quotients_are_as_pythons);
    tcase_add_test(tests, reals_have_no_bits);
    tcase_add_loop_test(tests, unary_functions_match_their_definition, 0, FUNCTIONS);
    tcase_add_test(tests, signs_logits_and_whole_numbers);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
