/* Elementwise ops of the CPU backend against double: every type, layout and broadcast. The kinds
 * after these are in test_cpu_functions.c. */
#include "kinds.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums and prelus of codes are in fixed point: how near to half-way they may round either way. */
#define CODES_TOLERANCE 1e-3

/* ---- binary ---- */

struct binary {
    struct prt_binary_attrs attrs;
    uint32_t a, b;
};

static double binary_reference(const struct one_node *one, const int32_t *index,
                               const void *context)
{
    const struct binary *op = context;
    double a = one_node_broadcast(one, op->a, index), b = one_node_broadcast(one, op->b, index), y;
    switch (op->attrs.kind) {
    case PRT_BINARY_ADD:
        y = a + op->attrs.alpha * b;
        break;
    case PRT_BINARY_SUB:
        y = a - op->attrs.alpha * b;
        break;
    case PRT_BINARY_MUL:
        y = a * b;
        break;
    case PRT_BINARY_DIV:
        y = a / b;
        if (prt_tensor_elements(one_node_spec(one, one->y)) &&
            one_node_spec(one, one->y)->dtype >= PRT_U8 &&
            one_node_spec(one, one->y)->dtype <= PRT_I64 &&
            one_node_spec(one, one->y)->quant.kind == PRT_QUANT_NONE)
            y = b == 0 ? 0 : trunc(y);
        break;
    case PRT_BINARY_MAX:
        y = isnan(a) || isnan(b) ? NAN : fmax(a, b);
        break;
    case PRT_BINARY_MIN:
        y = isnan(a) || isnan(b) ? NAN : fmin(a, b);
        break;
    case PRT_BINARY_POW:
        y = pow(a, b);
        break;
    case PRT_BINARY_EQ:
        y = a == b;
        break;
    case PRT_BINARY_NE:
        y = a != b;
        break;
    case PRT_BINARY_LT:
        y = a < b;
        break;
    case PRT_BINARY_LE:
        y = a <= b;
        break;
    case PRT_BINARY_GT:
        y = a > b;
        break;
    case PRT_BINARY_GE:
        y = a >= b;
        break;
    case PRT_BINARY_AND:
        y = a != 0 && b != 0;
        break;
    case PRT_BINARY_OR:
        y = a != 0 || b != 0;
        break;
    default:
        y = (a - b) * (a - b);
        break;
    }
    if (op->attrs.act.kind == PRT_ACT_CLAMP && !isnan(y))
        y = fmin(fmax(y, (double)op->attrs.act.lo), (double)op->attrs.act.hi);
    return y;
}

static void binary_case(enum prt_binary_kind kind, const struct type *type, int round)
{
    struct one_node one = one_node_begin();
    struct binary op = {.attrs = {.kind = kind, .alpha = random_between(-2, 2)}};
    struct prt_tensor shape = some_shape(round), y = typed(type, shape);
    bool truth = kind >= PRT_BINARY_EQ && kind <= PRT_BINARY_OR;
    double lo = type->lo, hi = type->hi, tolerance = type->tolerance;
    if (kind == PRT_BINARY_POW) { /* of moderate positive numbers */
        lo = type->tolerance > 0 ? 0.3 : 0, hi = 2.5;
        tolerance *= 3;
    }
    op.a = one_node_input(&one, broadcastable(type, y));
    one_node_fill(&one, op.a, lo, hi);
    if (round == ROUNDS - 1) {
        op.b = type->tolerance > 0 ? one_node_double(&one, 0.75) : one_node_int(&one, 2);
    } else {
        op.b = one_node_input(&one, broadcastable(type, y));
        one_node_fill(&one, op.b, lo, hi);
    }
    if (type->dtype == PRT_F32 && kind != PRT_BINARY_POW) {
        one_node_fill_edges(&one, op.a);
        if (round < ROUNDS - 1)
            one_node_fill_edges(&one, op.b);
    }
    if (random_between(0, 1) && !truth && type->tolerance > 0)
        op.attrs.act = (struct prt_activation){PRT_ACT_CLAMP, -0.5f, 1.5f};
    if (type->is_quantised && kind == PRT_BINARY_DIV && round < ROUNDS - 1) {
        /* Quotients of codes pass through 0/0; the reference has the same ones, but rounds 1/0 and
         * half-way quotients its own way, so keep the divisor off zero. */
        uint8_t *codes = one.data[op.b];
        uint8_t zero = (uint8_t)one_node_spec(&one, op.b)->quant.zero_point;
        for (size_t i = 0; i < one.graph->values[op.b].bytes; i++)
            codes[i] = codes[i] == zero ? (uint8_t)(zero + 1) : codes[i];
    }
    if (truth) {
        y.dtype = PRT_BOOL;
        y.quant = (struct prt_quant){0};
    }
    NODE(&one, PRT_OP_BINARY, y, op.a, op.b)->attrs.binary = op.attrs;
    one_node_run(&one);
    bool sum = kind == PRT_BINARY_ADD || kind == PRT_BINARY_SUB;
    if (type->is_quantised && sum)
        tolerance = CODES_TOLERANCE;
    one_node_check(&one, binary_reference, &op, truth ? 0 : tolerance);
    one_node_end(&one);
}

/* Integers of 8 bits wrap around; keep those that would out of the comparison with double. */
static bool stays_in_range(enum prt_binary_kind kind, const struct type *type)
{
    bool narrow = (type->dtype == PRT_I8 || type->dtype == PRT_U8) && !type->is_quantised;
    bool grows = kind == PRT_BINARY_ADD || kind == PRT_BINARY_SUB || kind == PRT_BINARY_MUL ||
                 kind == PRT_BINARY_SQUARED_DIFFERENCE;
    return !narrow || !grows;
}

START_TEST(binary_ops_match_their_definition)
{
    random_seed(100 + (uint64_t)_i);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < ROUNDS; round++)
            if (stays_in_range((enum prt_binary_kind)_i, &types[t]) && worth_it(t, round))
                binary_case((enum prt_binary_kind)_i, &types[t], round);
}
END_TEST

START_TEST(scalars_may_come_first_and_both_operands_may_be_small)
{
    struct one_node one = one_node_begin();
    struct binary op = {.attrs = {.kind = PRT_BINARY_SUB, .alpha = 1}};
    op.a = one_node_double(&one, 1.5);
    op.b = one_node_input(&one, TENSOR(PRT_F32, 4, 1));
    one_node_fill(&one, op.b, -3, 3);
    NODE(&one, PRT_OP_BINARY, TENSOR(PRT_F32, 4, 300), op.a, op.b)->attrs.binary = op.attrs;
    one_node_run(&one);
    one_node_check(&one, binary_reference, &op, 1e-6);
    one_node_end(&one);
}
END_TEST

/* Every pair of codes, with scales at the edge of what fixed point takes and beyond it. */
START_TEST(sums_of_codes_are_nearest)
{
    static const double scales[][3] = {
        {0.03131, 0.05173, 0.06197}, {0.11137, 0.02341, 0.05591}, {0.31371, 0.23417, 0.10007}};
    for (unsigned s = 0; s < 3; s++)
        for (int kind = PRT_BINARY_ADD; kind <= PRT_BINARY_SUB; kind++)
            for (int is_unsigned = 0; is_unsigned < 2; is_unsigned++) {
                enum prt_dtype dtype = is_unsigned ? PRT_U8 : PRT_I8;
                struct prt_tensor shape = TENSOR(dtype, 256, 256);
                int32_t zero = is_unsigned ? 255 : -128;
                struct one_node one = one_node_begin();
                struct binary op = {.attrs = {.kind = (enum prt_binary_kind)kind, .alpha = 1}};
                op.a = one_node_input(&one, quantised(shape, scales[s][0], zero));
                op.b = one_node_input(&one, quantised(shape, scales[s][1], zero + 1 - is_unsigned));
                for (unsigned i = 0; i < 65536; i++) {
                    ((uint8_t *)one.data[op.a])[i] = (uint8_t)(i >> 8);
                    ((uint8_t *)one.data[op.b])[i] = (uint8_t)i;
                }
                NODE(&one, PRT_OP_BINARY, quantised(shape, scales[s][2], 100), op.a, op.b)
                    ->attrs.binary = op.attrs;
                one_node_run(&one);
                one_node_check(&one, binary_reference, &op, CODES_TOLERANCE);
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
        int64_t value = i ? b : a;
        memcpy(one.data[x[i]], &value, prt_dtype_size(dtype)); /* little-endian */
    }
    NODE(&one, PRT_OP_BINARY, TENSOR(dtype, 1), x[0], x[1])->attrs.binary =
        (struct prt_binary_attrs){.kind = kind, .alpha = 1};
    one_node_run(&one);
    int64_t result = dtype == PRT_I64   ? *(int64_t *)one.data[one.y]
                     : dtype == PRT_I32 ? *(int32_t *)one.data[one.y]
                                        : *(int8_t *)one.data[one.y];
    one_node_end(&one);
    return result;
}

START_TEST(integers_wrap_around_and_never_trap)
{
    ck_assert_int_eq(integers(PRT_BINARY_ADD, PRT_I8, 127, 1), -128);
    ck_assert_int_eq(integers(PRT_BINARY_MUL, PRT_I32, 1 << 30, 4), 0);
    ck_assert_int_eq(integers(PRT_BINARY_ADD, PRT_I64, INT64_MAX, 1), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_SUB, PRT_I64, INT64_MIN, 1), INT64_MAX);
    ck_assert_int_eq(integers(PRT_BINARY_DIV, PRT_I64, INT64_MIN, -1), INT64_MIN);
    ck_assert_int_eq(integers(PRT_BINARY_DIV, PRT_I32, 7, 0), 0);
    ck_assert_int_eq(integers(PRT_BINARY_DIV, PRT_I32, -7, 2), -3);
    ck_assert_int_eq(integers(PRT_BINARY_POW, PRT_I64, 3, 39), 4052555153018976267);
    ck_assert_int_eq(integers(PRT_BINARY_POW, PRT_I64, -1, -3), -1);
    ck_assert_int_eq(integers(PRT_BINARY_POW, PRT_I64, 2, -1), 0);
    /* Beyond what double holds. */
    ck_assert_int_eq(integers(PRT_BINARY_MAX, PRT_I64, INT64_MAX, INT64_MAX - 1), INT64_MAX);
}
END_TEST

/* ---- unary ---- */

static double unary_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_unary_attrs *op = context;
    double x = one_node_get(one, one->graph->nodes[0].inputs[0], index);
    double relu6 = x + 3 < 0 ? 0 : x + 3 > 6 ? 6 : x + 3;
    switch (op->kind) {
    case PRT_UNARY_CLAMP:
        return x < op->a ? op->a : x > op->b ? op->b : x;
    case PRT_UNARY_SIGMOID:
        return 1 / (1 + exp(-x));
    case PRT_UNARY_TANH:
        return tanh(x);
    case PRT_UNARY_HARDSWISH:
        return x * relu6 / 6;
    case PRT_UNARY_HARDSIGMOID:
        return relu6 / 6;
    case PRT_UNARY_GELU:
        return x * 0.5 * erfc(-x / sqrt(2));
    case PRT_UNARY_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case PRT_UNARY_SILU:
        return x / (1 + exp(-x));
    case PRT_UNARY_LEAKY_RELU:
        return x > 0 ? x : op->a * x;
    case PRT_UNARY_ELU:
        return x > 0 ? x : op->a * expm1(x);
    case PRT_UNARY_EXP:
        return exp(x);
    case PRT_UNARY_LOG:
        return log(x);
    case PRT_UNARY_SQRT:
        return sqrt(x);
    case PRT_UNARY_RSQRT:
        return 1 / sqrt(x);
    case PRT_UNARY_ABS:
        return fabs(x);
    case PRT_UNARY_NEG:
        return -x;
    case PRT_UNARY_RECIPROCAL:
        return 1 / x;
    case PRT_UNARY_SQUARE:
        return x * x;
    case PRT_UNARY_FLOOR:
        return floor(x);
    case PRT_UNARY_CEIL:
        return ceil(x);
    case PRT_UNARY_ROUND:
        return nearbyint(x);
    case PRT_UNARY_SIN:
        return sin(x);
    case PRT_UNARY_COS:
        return cos(x);
    default:
        return x == 0;
    }
}

/* Functions that PyTorch gives integers without making them float. */
static bool keeps_integers(enum prt_unary_kind kind)
{
    return kind == PRT_UNARY_CLAMP || kind == PRT_UNARY_ABS || kind == PRT_UNARY_NEG ||
           kind == PRT_UNARY_SQUARE || kind == PRT_UNARY_FLOOR || kind == PRT_UNARY_CEIL ||
           kind == PRT_UNARY_ROUND || kind == PRT_UNARY_NOT;
}

/* Where a tiny error of the input is a large one of the result. */
static bool jumps(enum prt_unary_kind kind)
{
    return kind == PRT_UNARY_FLOOR || kind == PRT_UNARY_CEIL || kind == PRT_UNARY_ROUND;
}

static void unary_case(enum prt_unary_kind kind, const struct type *type, int round)
{
    struct one_node one = one_node_begin();
    struct prt_unary_attrs attrs = {.kind = kind, .a = type->tolerance > 0 ? 0.25 : 2, .b = 4};
    struct prt_tensor shape = typed(type, some_shape(round)), y = typed(type, shape);
    bool positive = kind == PRT_UNARY_LOG || kind == PRT_UNARY_SQRT || kind == PRT_UNARY_RSQRT ||
                    kind == PRT_UNARY_RECIPROCAL;
    double tolerance = type->tolerance;
    if (type->is_quantised && positive)
        shape.quant.zero_point = shape.dtype == PRT_U8 ? 0 : -128;
    uint32_t x = one_node_input(&one, round % 2 ? shape : shuffled(shape));
    one_node_fill(&one, x, positive ? 0.1 : type->lo, type->hi);
    if (type->is_quantised && positive) /* no code for 0 */
        for (size_t i = 0; i < one.graph->values[x].bytes; i++)
            if (((int8_t *)one.data[x])[i] == (int8_t)shape.quant.zero_point)
                ((int8_t *)one.data[x])[i]++;
    if (type->dtype == PRT_F32 && kind != PRT_UNARY_SIN && kind != PRT_UNARY_COS)
        one_node_fill_edges(&one, x);
    if (kind == PRT_UNARY_NOT) {
        y.dtype = PRT_BOOL;
        y.quant = (struct prt_quant){0};
    }
    if (kind == PRT_UNARY_EXP || kind == PRT_UNARY_GELU_TANH)
        tolerance *= 2;
    NODE(&one, PRT_OP_UNARY, y, x)->attrs.unary = attrs;
    one_node_run(&one);
    /* A quantised integer may decode to 2.9999998. */
    if (!(type->is_quantised && jumps(kind)))
        one_node_check(&one, unary_reference, &attrs, tolerance);
    one_node_end(&one);
}

START_TEST(unary_ops_match_their_definition)
{
    enum prt_unary_kind kind = (enum prt_unary_kind)_i;
    random_seed(200 + (uint64_t)_i);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < ROUNDS; round++)
            if (worth_it(t, round) &&
                (t < FLOATS ? kind != PRT_UNARY_NOT || !types[t].is_quantised
                            : keeps_integers(kind) &&
                                  !(kind == PRT_UNARY_NEG && types[t].dtype == PRT_U8)))
                unary_case(kind, &types[t], round);
}
END_TEST

START_TEST(integers_have_no_sigmoid)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_I32, 3));
    NODE(&one, PRT_OP_UNARY, TENSOR(PRT_I32, 3), x)->attrs.unary.kind = PRT_UNARY_SIGMOID;
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* The relative error over the whole range, tails included, in units of the last place. */
START_TEST(functions_are_accurate_to_a_few_units_of_the_last_place)
{
    static const struct {
        enum prt_unary_kind kind;
        double lo, hi, units;
    } ranges[] = {
        {PRT_UNARY_EXP, -87, 88, 3},      {PRT_UNARY_SIGMOID, -87, 20, 4},
        {PRT_UNARY_TANH, -10, 10, 3},     {PRT_UNARY_ELU, -10, 0, 4},
        {PRT_UNARY_GELU, -8, 8, 40},      {PRT_UNARY_SILU, -80, 20, 5},
        {PRT_UNARY_TANH, -1e-3, 1e-3, 2}, {PRT_UNARY_ELU, -1e-3, 0, 2},
    };
    random_seed(7);
    for (unsigned r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        struct one_node one = one_node_begin();
        struct prt_unary_attrs attrs = {.kind = ranges[r].kind, .a = 1};
        uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 20000));
        one_node_fill(&one, x, ranges[r].lo, ranges[r].hi);
        NODE(&one, PRT_OP_UNARY, TENSOR(PRT_F32, 20000), x)->attrs.unary = attrs;
        one_node_run(&one);
        for (int32_t i = 0; i < 20000; i++) {
            double expected = unary_reference(&one, &i, &attrs);
            double got = one_node_get(&one, one.y, &i);
            ck_assert_msg(fabs(got - expected) <=
                              ranges[r].units * (double)FLT_EPSILON * fabs(expected) + 1e-44,
                          "function %d of %.9g: got %.9g, expected %.9g", (int)attrs.kind,
                          one_node_get(&one, x, &i), got, expected);
        }
        one_node_end(&one);
    }
}
END_TEST

/* ---- prelu and where ---- */

struct prelu {
    uint32_t x, slope;
    unsigned axis;
};

static double prelu_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prelu *op = context;
    double x = one_node_get(one, op->x, index);
    int32_t channel = one_node_spec(one, op->slope)->sizes[0] == 1 ? 0 : index[op->axis];
    return x > 0 ? x : x * one_node_get(one, op->slope, &channel);
}

START_TEST(prelu_takes_its_slope_by_channel)
{
    random_seed(300);
    for (unsigned t = 0; t < FLOATS; t++)
        for (int round = 0; round < 12; round++) {
            struct one_node one = one_node_begin();
            bool nhwc = round % 2, shared = round % 4 == 3;
            struct prt_tensor shape = TENSOR(PRT_F32, 2, 1 + random_between(0, 40), 9, 11);
            if (round < 4)
                shape = channels_last(shape);
            else if (round < 8)
                shape = shuffled(shape);
            struct prelu op = {.axis = nhwc ? 3 : 1};
            op.x = one_node_input(&one, typed(&types[t], shape));
            op.slope = one_node_input(&one, TENSOR(types[t].is_quantised ? PRT_F32 : types[t].dtype,
                                                   shared ? 1 : shape.sizes[op.axis]));
            one_node_fill(&one, op.x, -3, 3);
            one_node_fill(&one, op.slope, -1, 1);
            if (round % 3)
                one_node_make_constant(&one, op.slope);
            if (types[t].dtype == PRT_F32)
                one_node_fill_edges(&one, op.x);
            NODE(&one, PRT_OP_PRELU, typed(&types[t], shape), op.x, op.slope)->attrs.prelu.nhwc =
                nhwc;
            one_node_run(&one);
            one_node_check(&one, prelu_reference, &op,
                           types[t].is_quantised ? CODES_TOLERANCE : types[t].tolerance);
            one_node_end(&one);
        }
}
END_TEST

static double where_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    const uint32_t *inputs = context;
    return one_node_broadcast(one, inputs[0], index) != 0
               ? one_node_broadcast(one, inputs[1], index)
               : one_node_broadcast(one, inputs[2], index);
}

START_TEST(where_picks_by_condition)
{
    static const struct type condition = {.dtype = PRT_BOOL};
    random_seed(400);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            if (!worth_it(t, round))
                continue;
            struct one_node one = one_node_begin();
            struct prt_tensor y = typed(&types[t], some_shape(round));
            uint32_t inputs[3];
            inputs[0] = one_node_input(&one, broadcastable(&condition, y));
            for (int i = 1; i < 3; i++) {
                struct prt_tensor x = broadcastable(&types[t], y);
                x.quant = y.quant;
                inputs[i] = one_node_input(&one, x);
                one_node_fill(&one, inputs[i], types[t].lo, types[t].hi);
                one_node_fill_edges(&one, inputs[i]);
            }
            one_node_fill(&one, inputs[0], 0, 1);
            if (round == ROUNDS - 1)
                inputs[2] = one_node_double(&one, 2);
            NODE(&one, PRT_OP_WHERE, y, inputs[0], inputs[1], inputs[2]);
            one_node_run(&one);
            one_node_check(&one, where_reference, inputs,
                           types[t].is_quantised ? types[t].tolerance : 1e-7);
            one_node_end(&one);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu elementwise");
    TCase *tests = tcase_create("cpu elementwise");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, binary_ops_match_their_definition, 0,
                        PRT_BINARY_SQUARED_DIFFERENCE + 1);
    tcase_add_test(tests, scalars_may_come_first_and_both_operands_may_be_small);
    tcase_add_test(tests, sums_of_codes_are_nearest);
    tcase_add_test(tests, integers_wrap_around_and_never_trap);
    tcase_add_loop_test(tests, unary_ops_match_their_definition, 0, PRT_UNARY_NOT + 1);
    tcase_add_test(tests, integers_have_no_sigmoid);
    tcase_add_test(tests, functions_are_accurate_to_a_few_units_of_the_last_place);
    tcase_add_test(tests, prelu_takes_its_slope_by_channel);
    tcase_add_test(tests, where_picks_by_condition);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
