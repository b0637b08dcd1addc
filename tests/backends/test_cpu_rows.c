/* Layers whose rows are quantised while they run: every step against its definition in double. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct operands {
    uint32_t x, weight, scales, bias;
};

struct code {
    double scale, zero;
};

/* The codes of `count` neighbours of x, in the float arithmetic that PyTorch does. */
static struct code code_of(const float *x, size_t count, float least)
{
    float lo = 0, hi = 0;
    for (size_t i = 0; i < count; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    float scale = fmaxf((hi - lo) / 255, 1.1920929e-7f);
    if (scale < least)
        return (struct code){(double)least, -128 - rint((double)(lo / least))};
    float low = lo / scale, high = hi / scale;
    float zero = (-128 + low) + (127 + high) > 0 ? -128 - low : 127 - high;
    return (struct code){(double)scale, rint((double)fmaxf(fminf(zero, 127), -128))};
}

static double rounded(float x, struct code code)
{
    double at = rint((double)(x * (1 / (float)code.scale))) + code.zero;
    return (fmin(fmax(at, -128), 127) - code.zero) * code.scale;
}

static const void *data_of(const struct one_node *one, uint32_t id)
{
    const void *constant = one->graph->values[id].data;
    return constant ? constant : one->data[id];
}

static double row_value(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct operands *o = context;
    const struct prt_tensor *x = one_node_spec(one, o->x);
    size_t columns = 1, row = 0, at = 0;
    unsigned dims = (unsigned)one->graph->nodes[0].attrs.round_rows.dims;
    for (unsigned i = 0; i < x->rank; i++) {
        at = at * (size_t)x->sizes[i] + (size_t)index[i];
        if (i + dims >= x->rank)
            columns *= (size_t)x->sizes[i];
    }
    row = at / columns;
    const float *all = data_of(one, o->x);
    return rounded(all[at], code_of(all + row * columns, columns,
                                    one->graph->nodes[0].attrs.round_rows.least));
}

START_TEST(rows_are_rounded_to_their_own_range)
{
    random_seed(300);
    for (int round = 0; round < 40; round++) {
        struct one_node one = one_node_begin();
        struct prt_tensor spec =
            TENSOR(PRT_F32, random_between(1, 4), random_between(1, 5), random_between(1, 70));
        struct operands o = {.x = one_node_input(&one, spec)};
        double lo = random_real(-8, 2), hi = lo + random_real(0, 9);
        one_node_fill(&one, o.x, lo, hi);
        NODE(&one, PRT_OP_ROUND_ROWS, spec, o.x)->attrs.round_rows = (struct prt_round_rows_attrs){
            .dims = random_between(1, 3), .least = random_between(0, 1) ? 0.02f : 0};
        one_node_run_near(&one, row_value, &o, 1e-6);
        one_node_end(&one);
    }
}
END_TEST

static double scale_at(const struct one_node *one, uint32_t scales, size_t i)
{
    const void *data = data_of(one, scales);
    float scale;
    uint32_t bits;
    if (one_node_spec(one, scales)->dtype == PRT_F32)
        return (double)((const float *)data)[i];
    bits = (uint32_t)((const uint16_t *)data)[i] << 16;
    memcpy(&scale, &bits, sizeof scale);
    return (double)scale;
}

static double layer_value(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct operands *o = context;
    const struct prt_tensor *weight = one_node_spec(one, o->weight);
    size_t inputs = (size_t)weight->sizes[1], output = (size_t)index[1];
    size_t groups = (size_t)one_node_spec(one, o->scales)->sizes[1];
    const float *all = data_of(one, o->x), *x = all + (size_t)index[0] * inputs;
    float least = one->graph->nodes[0].attrs.dynamic_linear.least;
    bool whole = one->graph->nodes[0].attrs.dynamic_linear.whole;
    const int8_t *codes = (const int8_t *)data_of(one, o->weight) + output * inputs;
    struct code code = whole ? code_of(all, prt_tensor_elements(one_node_spec(one, o->x)), least)
                             : code_of(x, inputs, least);
    double sum = 0;
    for (size_t i = 0; i < inputs; i++)
        sum += rounded(x[i], code) * codes[i] *
               scale_at(one, o->scales, output * groups + i / (inputs / groups));
    if (o->bias != PRT_NO_VALUE)
        sum += (double)((const float *)data_of(one, o->bias))[output];
    const struct prt_activation *act = &one->graph->nodes[0].attrs.dynamic_linear.act;
    return act->kind == PRT_ACT_CLAMP ? fmin(fmax(sum, (double)act->lo), (double)act->hi) : sum;
}

/* Codes are often the least or greatest there are: sums that saturate would show. */
static void layer_case(int32_t rows, int32_t groups, int32_t group, int32_t outputs, int least)
{
    struct one_node one = one_node_begin();
    bool halves = random_between(0, 2) == 0;
    int32_t inputs = groups * group;
    struct operands o = {
        .x = one_node_input(&one, TENSOR(PRT_F32, rows, inputs)),
        .weight = one_node_input(&one, TENSOR(PRT_I8, outputs, inputs)),
        .scales = one_node_input(&one, TENSOR(halves ? PRT_BF16 : PRT_F32, outputs, groups)),
        .bias = PRT_NO_VALUE};
    bool extremes = random_between(0, 1);
    float *x = one.data[o.x];
    int8_t *codes = one.data[o.weight];
    for (int32_t i = 0; i < rows * inputs; i++)
        x[i] = extremes ? (float)random_between(0, 1) : (float)random_real(-1, 2);
    for (int32_t i = 0; i < outputs * inputs; i++)
        codes[i] = (int8_t)(extremes ? least : random_between(least, -least - 1));
    one_node_fill(&one, o.scales, 0.001, 0.01);
    if (!halves && random_between(0, 1)) /* exact as bfloat16 */
        for (int32_t i = 0; i < outputs * groups; i++)
            ((uint32_t *)one.data[o.scales])[i] &= 0xffff0000;
    if (random_between(0, 1)) {
        o.bias = one_node_input(&one, TENSOR(PRT_F32, outputs));
        one_node_fill(&one, o.bias, -1, 1);
        one_node_make_constant(&one, o.bias);
    }
    one_node_make_constant(&one, o.weight);
    one_node_make_constant(&one, o.scales);
    struct prt_node *node = NODE(&one, PRT_OP_DYNAMIC_LINEAR, TENSOR(PRT_F32, rows, outputs), o.x,
                                 o.weight, o.scales, o.bias);
    if (random_between(0, 2) == 0)
        node->attrs.dynamic_linear.act = (struct prt_activation){PRT_ACT_CLAMP, 0, 1};
    node->attrs.dynamic_linear.whole = random_between(0, 2) == 0;
    node->attrs.dynamic_linear.least = random_between(0, 2) == 0 ? 0.01f : 0;
    one_node_run_near(&one, layer_value, &o, 2e-5);
    one_node_end(&one);
}

START_TEST(weights_of_8_bits_by_channel_and_group)
{
    random_seed(301);
    for (int round = 0; round < 40; round++)
        layer_case(random_between(1, 5), random_between(1, 3), random_between(1, 70),
                   random_between(1, 19), -128);
    layer_case(3, 1, 700, 150, -128);
    for (int round = 0; round < 20; round++) /* many rows, which some sets treat otherwise */
        layer_case(random_between(8, 21), random_between(1, 3), random_between(1, 70),
                   random_between(1, 41), -128);
    layer_case(13, 1, 2048, 70, -128);
    layer_case(13, 1, 2049, 9, -128);
    layer_case(21, 70, 32, 20, -128);               /* more groups than are kept at hand */
    for (int32_t rows = 16; rows < 110; rows += 29) /* tiles of rows, and what they leave */
        layer_case(rows, random_between(1, 2), random_between(60, 140), random_between(17, 50),
                   -128);
}
END_TEST

START_TEST(weights_of_4_bits_by_channel_and_group)
{
    random_seed(302);
    for (int round = 0; round < 40; round++)
        layer_case(random_between(1, 5), random_between(1, 4), random_between(1, 70),
                   random_between(1, 19), -8);
    layer_case(1, 18, 32, 150, -8);
    for (int round = 0; round < 20; round++)
        layer_case(random_between(8, 21), random_between(1, 4), random_between(1, 70),
                   random_between(1, 41), -8);
    layer_case(13, 64, 32, 70, -8);
    for (int32_t rows = 1; rows < 50; rows += 12) /* more inputs than are unpacked at once */
        layer_case(rows, 70, 32, 20, -8);
    layer_case(21, 1, 2080, 20, -8);
    layer_case(75, 2, 128, 70, -8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu rows");
    TCase *tests = tcase_create("cpu rows");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rows_are_rounded_to_their_own_range);
    tcase_add_test(tests, weights_of_8_bits_by_channel_and_group);
    tcase_add_test(tests, weights_of_4_bits_by_channel_and_group);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
