/* Changing element types on the CPU backend: converting, quantising, back again, and all edges. */
#include "kinds.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- changing types ---- */

static double same(const struct one_node *one, const int32_t *index, const void *context)
{
    double x = one_node_get(one, one->graph->nodes[0].inputs[0], index);
    const struct prt_tensor *y = one_node_spec(one, one->y);
    (void)context;
    if (y->dtype == PRT_BOOL)
        return x != 0;
    bool integer = y->quant.kind == PRT_QUANT_NONE && y->dtype <= PRT_I64;
    return integer ? trunc(x) : x;
}

START_TEST(every_type_converts_to_every_other)
{
    random_seed(500);
    for (unsigned from = 0; from < TYPES; from++)
        for (unsigned to = 0; to < TYPES; to++) {
            if (types[from].is_quantised || types[to].is_quantised)
                continue;
            for (int round = 0; round < 5; round++) {
                if (round == LARGE)
                    continue;
                struct one_node one = one_node_begin();
                struct prt_tensor shape = some_shape(round);
                shape.dtype = types[from].dtype;
                uint32_t x = one_node_input(&one, round % 2 ? shape : shuffled(shape));
                one_node_fill(&one, x, types[to].lo >= 0 ? 0 : types[from].lo, types[from].hi);
                shape.dtype = types[to].dtype;
                NODE(&one, PRT_OP_CONVERT, shape, x);
                one_node_run(&one);
                /* Integers up to 99 are not exact in bfloat16. */
                one_node_check(&one, same, NULL, types[to].tolerance);
                one_node_end(&one);
            }
        }
}
END_TEST

static int64_t converted(double value, enum prt_dtype dtype)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 1));
    *(float *)one.data[x] = (float)value;
    NODE(&one, PRT_OP_CONVERT, TENSOR(dtype, 1), x);
    one_node_run(&one);
    int64_t result = (int64_t)one_node_get(&one, one.y, (int32_t[]){0});
    if (dtype == PRT_I64)
        result = *(int64_t *)one.data[one.y];
    one_node_end(&one);
    return result;
}

START_TEST(conversions_at_the_edges_are_defined)
{
    ck_assert_int_eq(converted(-2.9, PRT_I32), -2);
    ck_assert_int_eq(converted((double)NAN, PRT_I32), 0);
    ck_assert_int_eq(converted((double)INFINITY, PRT_I64), INT64_MAX);
    ck_assert_int_eq(converted((double)-INFINITY, PRT_I64), INT64_MIN);
    ck_assert_int_eq(converted((double)NAN, PRT_BOOL), 1);
    ck_assert_int_eq(converted(-0.0, PRT_BOOL), 0);
    ck_assert_int_eq(converted(0.25, PRT_BOOL), 1);
}
END_TEST

/* All 2^16 patterns to float and back; the way back rounds to nearest, ties to even. */
START_TEST(sixteen_bit_floats_round_trip)
{
    static const enum prt_dtype halves[] = {PRT_F16, PRT_BF16};
    for (unsigned h = 0; h < 2; h++) {
        struct one_node up = one_node_begin(), down = one_node_begin();
        uint32_t x = one_node_input(&up, TENSOR(halves[h], 65536));
        for (unsigned i = 0; i < 65536; i++)
            ((uint16_t *)up.data[x])[i] = (uint16_t)i;
        NODE(&up, PRT_OP_CONVERT, TENSOR(PRT_F32, 65536), x);
        one_node_run(&up);
        one_node_check(&up, same, NULL, 0);
        uint32_t z = one_node_input(&down, TENSOR(PRT_F32, 65536));
        memcpy(down.data[z], up.data[up.y], 65536 * sizeof(float));
        NODE(&down, PRT_OP_CONVERT, TENSOR(halves[h], 65536), z);
        one_node_run(&down);
        for (unsigned i = 0; i < 65536; i++) {
            bool nan = isnan(((float *)up.data[up.y])[i]);
            uint16_t back = ((uint16_t *)down.data[down.y])[i];
            if (!nan)
                ck_assert_uint_eq(back, i);
            else
                ck_assert(isnan(one_node_get(&down, down.y, (int32_t[]){(int32_t)i})));
        }
        one_node_end(&up);
        one_node_end(&down);
    }
}
END_TEST

START_TEST(half_floats_round_to_even_and_overflow_to_infinity)
{
    static const struct {
        float from;
        uint16_t to;
    } cases[] = {
        {1.0f + 0x1p-11f, 0x3c00}, {1.0f + 3 * 0x1p-11f, 0x3c02},
        {65519.0f, 0x7bff},        {65520.0f, 0x7c00},
        {0x1p-25f, 0x0000},        {0x1.8p-25f, 0x0001},
        {0x1p-24f, 0x0001},        {-0x1.ffcp-15f, 0x8400},
        {-INFINITY, 0xfc00},       {0x1.004p-14f, 0x0401},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, COUNT));
    for (unsigned i = 0; i < COUNT; i++)
        ((float *)one.data[x])[i] = cases[i].from;
    NODE(&one, PRT_OP_CONVERT, TENSOR(PRT_F16, COUNT), x);
    one_node_run(&one);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert_msg(((uint16_t *)one.data[one.y])[i] == cases[i].to, "%a became %04x",
                      (double)cases[i].from, ((uint16_t *)one.data[one.y])[i]);
    one_node_end(&one);
}
END_TEST

/* ---- quantising ---- */

START_TEST(quantising_rounds_half_to_even_and_saturates)
{
    static const struct {
        float from;
        int8_t to; /* scale 0.5, zero point 3 */
    } cases[] = {
        {0.25f, 3},  {0.75f, 5},   {-0.25f, 3},    {-0.75f, 1},     {0, 3},
        {-0.0f, 3},  {1e30f, 127}, {-1e30f, -128}, {INFINITY, 127}, {-INFINITY, -128},
        {NAN, -128}, {62.0f, 127}, {61.75f, 127},  {61.7f, 126},    {-65.5f, -128},
    };
    enum { COUNT = sizeof cases / sizeof cases[0] };
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, COUNT));
    for (unsigned i = 0; i < COUNT; i++)
        ((float *)one.data[x])[i] = cases[i].from;
    NODE(&one, PRT_OP_QUANTIZE, quantised(TENSOR(PRT_I8, COUNT), 0.5, 3), x);
    one_node_run(&one);
    for (unsigned i = 0; i < COUNT; i++)
        ck_assert_msg(((int8_t *)one.data[one.y])[i] == cases[i].to, "%g became %d",
                      (double)cases[i].from, ((int8_t *)one.data[one.y])[i]);
    one_node_end(&one);
}
END_TEST

START_TEST(quantising_takes_the_nearest_code)
{
    random_seed(600);
    for (unsigned t = 4; t < 6; t++)
        for (int round = 0; round < ROUNDS; round++) {
            /* From float, from other codes, and back to float. */
            struct prt_tensor shape = some_shape(round), coded = typed(&types[t], shape);
            struct prt_tensor other = typed(&types[random_between(4, 5)], shape);
            const struct {
                enum prt_op op;
                struct prt_tensor from, to;
            } ways[] = {{PRT_OP_QUANTIZE, shape, coded},
                        {PRT_OP_QUANTIZE, other, coded},
                        {PRT_OP_DEQUANTIZE, coded, shape}};
            for (unsigned w = 0; w < 3; w++) {
                struct one_node one = one_node_begin();
                uint32_t x =
                    one_node_input(&one, round % 2 ? ways[w].from : shuffled(ways[w].from));
                one_node_fill(&one, x, -9, 9);
                NODE(&one, ways[w].op, ways[w].to, x);
                one_node_run(&one);
                one_node_check(&one, same, NULL, w == 2 ? 1e-6 : 1e-4);
                one_node_end(&one);
            }
        }
}
END_TEST

START_TEST(each_channel_has_its_own_scale)
{
    static const enum prt_dtype codes[] = {PRT_I8, PRT_U8, PRT_I32};
    random_seed(700);
    for (int round = 0; round < 24; round++) {
        struct prt_tensor plain = shuffled(TENSOR(PRT_F32, 5, 1 + random_between(0, 20), 3, 4));
        struct prt_tensor coded = plain;
        float scales[64];
        int32_t zeros[64];
        bool dequantise = round % 2;
        coded.dtype = codes[random_between(0, dequantise ? 2 : 1)];
        coded.quant.kind = PRT_QUANT_PER_CHANNEL;
        coded.quant.axis = (uint32_t)random_between(0, 3);
        coded.quant.count = (uint32_t)plain.sizes[coded.quant.axis];
        coded.quant.scales = scales;
        coded.quant.zero_points = coded.dtype == PRT_I32 || round % 4 < 2 ? NULL : zeros;
        for (unsigned i = 0; i < coded.quant.count; i++) {
            scales[i] = (float)random_real(0.01, 0.1);
            zeros[i] = random_between(0, 100);
        }
        struct one_node one = one_node_begin();
        uint32_t x = one_node_input(&one, dequantise ? coded : plain);
        one_node_fill(&one, x, -2, 2);
        NODE(&one, dequantise ? PRT_OP_DEQUANTIZE : PRT_OP_QUANTIZE, dequantise ? plain : coded, x);
        one_node_run(&one);
        int32_t index[PRT_MAX_RANK] = {0};
        do {
            double scale = (double)scales[index[coded.quant.axis]];
            double zero = coded.quant.zero_points ? zeros[index[coded.quant.axis]] : 0;
            double lo = coded.dtype == PRT_U8 ? 0 : -128, hi = lo + 255;
            double from = one_node_get(&one, x, index), to = one_node_get(&one, one.y, index);
            double wanted = fmin(fmax(from / scale + zero, lo), hi);
            if (dequantise)
                ck_assert_double_eq_tol(to, from, 1e-6 * fmax(1, fabs(from)));
            else
                ck_assert_double_le(fabs(rint(to / scale + zero) - wanted), 0.5001);
        } while (next_index(&plain, index));
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu types");
    TCase *tests = tcase_create("cpu types");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_type_converts_to_every_other);
    tcase_add_test(tests, conversions_at_the_edges_are_defined);
    tcase_add_test(tests, sixteen_bit_floats_round_trip);
    tcase_add_test(tests, half_floats_round_to_even_and_overflow_to_infinity);
    tcase_add_test(tests, quantising_rounds_half_to_even_and_saturates);
    tcase_add_test(tests, quantising_takes_the_nearest_code);
    tcase_add_test(tests, each_channel_has_its_own_scale);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
