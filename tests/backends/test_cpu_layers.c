/* CONV2D and LINEAR through the backend: both orders of axes, any order of weights, every operand.
 */
#include "layer_operands.h"
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct layer {
    uint32_t x, weight, bias, residual, slope;
    struct prt_conv_attrs conv; /* of a convolution */
    bool linear, weight_is_io;
};

/* ---- the definition ---- */

static double get4(const struct one_node *one, uint32_t id, bool nhwc, int32_t n, int32_t h,
                   int32_t w, int32_t c)
{
    return one_node_get(one, id, nhwc ? (int32_t[]){n, h, w, c} : (int32_t[]){n, c, h, w});
}

static double epilogue(const struct one_node *one, const struct layer *l,
                       const struct prt_activation *act, const struct prt_after *after, double sum,
                       int32_t channel, const int32_t *index)
{
    if (l->bias != PRT_NO_VALUE)
        sum += one_node_get(one, l->bias, &channel);
    if (l->residual != PRT_NO_VALUE)
        sum += one_node_get(one, l->residual, index);
    if (act->kind == PRT_ACT_CLAMP)
        sum = fmin(fmax(sum, (double)act->lo), (double)act->hi);
    if (act->kind == PRT_ACT_PRELU && sum < 0) {
        int32_t at = one_node_spec(one, l->slope)->sizes[0] == 1 ? 0 : channel;
        sum *= one_node_get(one, l->slope, &at);
    }
    if (!after->present)
        return sum;
    sum = after->function == PRT_UNARY_HARDSWISH ? sum * fmin(fmax(sum + 3, 0), 6) / 6
          : after->function == PRT_UNARY_GELU    ? sum * erfc(-sum / sqrt(2)) / 2
                                                 : (sum > 0 ? sum : after->a * sum);
    return (double)after->scale * sum + (double)after->shift;
}

/* A function after an fp32 layer, now and then. */
static struct prt_after random_after(bool floats)
{
    static const enum prt_unary_kind functions[] = {PRT_UNARY_HARDSWISH, PRT_UNARY_GELU,
                                                    PRT_UNARY_LEAKY_RELU};
    struct prt_after after = {.present = floats && random_between(0, 1),
                              .function = functions[random_between(0, 2)],
                              .a = 0.3,
                              .scale = 1};
    if (random_between(0, 1)) {
        after.scale = 1.5f;
        after.shift = -0.25f;
    }
    return after;
}

/* Weight of output o, kernel position and input i of o's group. */
static double weight_at(const struct one_node *one, const struct layer *l, int32_t o, int32_t ky,
                        int32_t kx, int32_t i, int32_t outputs, int32_t inputs)
{
    const struct prt_conv_attrs *a = &l->conv;
    if (a->nhwc)
        return one_node_get(one, l->weight, (int32_t[]){o, ky, kx, i});
    if (!a->transposed)
        return one_node_get(one, l->weight, (int32_t[]){o, i, ky, kx});
    int32_t per_group = outputs / a->groups;
    return one_node_get(
        one, l->weight,
        (int32_t[]){o / per_group * (inputs / a->groups) + i, o % per_group, ky, kx});
}

/* Input position that kernel tap k of output `at` reads; false when there is none. */
static bool tap(const struct prt_conv_attrs *a, int axis, int32_t at, int32_t k, int32_t size,
                int32_t *from)
{
    int32_t position = a->transposed
                           ? at + a->padding[2 * axis] - k * a->dilation[axis]
                           : at * a->stride[axis] + k * a->dilation[axis] - a->padding[2 * axis];
    if (a->transposed && position % a->stride[axis])
        return false;
    *from = a->transposed ? position / a->stride[axis] : position;
    return position >= 0 && *from < size;
}

static double convolved(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct layer *l = context;
    const struct prt_conv_attrs *a = &l->conv;
    const struct prt_tensor *x = one_node_spec(one, l->x), *y = one_node_spec(one, one->y),
                            *w = one_node_spec(one, l->weight);
    int c = a->nhwc ? 3 : 1, r = a->nhwc ? 1 : 2;
    int32_t inputs = x->sizes[c] / a->groups, o = index[c];
    int32_t first = o / (y->sizes[c] / a->groups) * inputs;
    double sum = 0;
    for (int32_t ky = 0; ky < w->sizes[r]; ky++)
        for (int32_t kx = 0; kx < w->sizes[r + 1]; kx++) {
            int32_t h, v;
            if (!tap(a, 0, index[r], ky, x->sizes[r], &h) ||
                !tap(a, 1, index[r + 1], kx, x->sizes[r + 1], &v))
                continue;
            for (int32_t i = 0; i < inputs; i++)
                sum += get4(one, l->x, a->nhwc, index[0], h, v, first + i) *
                       weight_at(one, l, o, ky, kx, i, y->sizes[c], x->sizes[c]);
        }
    return epilogue(one, l, &a->act, &a->after, sum, o, index);
}

static double connected(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct layer *l = context;
    const struct prt_tensor *x = one_node_spec(one, l->x);
    int32_t last = x->rank - 1, o = index[last], from[PRT_MAX_RANK];
    memcpy(from, index, sizeof(int32_t) * x->rank);
    double sum = 0;
    for (from[last] = 0; from[last] < x->sizes[last]; from[last]++) {
        int32_t io[2] = {from[last], o}, oi[2] = {o, from[last]};
        sum +=
            one_node_get(one, l->x, from) * one_node_get(one, l->weight, l->weight_is_io ? io : oi);
    }
    const struct prt_linear_attrs *a = &one->graph->nodes[0].attrs.linear;
    return epilogue(one, l, &a->act, &a->after, sum, o, index);
}

/* ---- random layers ---- */

/* Weight in any memory order, with one scale or one an output channel. */
static uint32_t random_weight(struct one_node *one, enum number number, struct prt_tensor shape,
                              unsigned out_axis, float *scales)
{
    shape = shuffled(shape);
    if (number != REAL) {
        shape.dtype = PRT_I8;
        shape.quant.kind = random_between(0, 2) ? PRT_QUANT_PER_CHANNEL : PRT_QUANT_PER_TENSOR;
        shape.quant.scale = 0.01f;
        shape.quant.axis = out_axis;
        shape.quant.count = (uint32_t)shape.sizes[out_axis];
        shape.quant.scales = scales;
        for (uint32_t i = 0; i < shape.quant.count; i++)
            scales[i] = (float)random_real(0.005, 0.02);
    }
    uint32_t id = constant(one, shape, -1, 1);
    return id;
}

/* The operands after the weight, and what the result's scale is. */
static void random_epilogue(struct one_node *one, struct layer *l, enum number number,
                            struct prt_tensor *y, int32_t channels, const float *scales,
                            struct prt_activation *act)
{
    *y = typed(number, *y, 0.3);
    l->bias = l->residual = l->slope = PRT_NO_VALUE;
    int choice = random_between(0, 2);
    if (choice == 1) {
        l->bias = constant(one, TENSOR(PRT_F32, channels), -2, 2);
    } else if (choice == 2 && number != REAL) {
        const struct prt_tensor *x = one_node_spec(one, l->x), *w = one_node_spec(one, l->weight);
        struct prt_tensor bias = TENSOR(PRT_I32, channels);
        bool per_channel = w->quant.kind == PRT_QUANT_PER_CHANNEL;
        bias.quant.kind = per_channel ? PRT_QUANT_PER_CHANNEL : PRT_QUANT_PER_TENSOR;
        bias.quant.scale = x->quant.scale * w->quant.scale;
        bias.quant.count = (uint32_t)channels;
        float *products = base_arena_array(&one->graph->arena, bias.quant.count, sizeof *products);
        for (int32_t i = 0; i < channels; i++)
            products[i] = x->quant.scale * scales[(uint32_t)i % w->quant.count];
        bias.quant.scales = products;
        l->bias = constant(one, bias, -2000, 2000);
    }
    if (random_between(0, 1)) {
        l->residual = one_node_input(one, typed(number, *y, 0.05));
        one_node_fill(one, l->residual, -2, 2);
    }
    choice = random_between(0, 2);
    if (choice == 1)
        *act = (struct prt_activation){PRT_ACT_CLAMP, -1.5f, 4};
    if (choice == 2) {
        act->kind = PRT_ACT_PRELU;
        l->slope = constant(one, TENSOR(PRT_F32, random_between(0, 1) ? channels : 1), -1, 1);
    }
}

static void conv_case(enum number number, bool nhwc, bool transposed)
{
    struct one_node one = one_node_begin();
    float scales[256];
    struct layer l = {.conv = {.nhwc = nhwc, .transposed = transposed}};
    struct prt_conv_attrs *a = &l.conv;
    a->groups = random_between(0, 2) ? 1 : random_between(1, 4);
    int32_t inputs = random_between(1, 9), outputs = random_between(1, 9);
    if (!transposed && random_between(0, 3) == 0) { /* depthwise */
        a->groups = random_between(1, 40);
        inputs = outputs = 1;
    }
    int32_t in[2], out[2], kernel[2];
    for (int i = 0; i < 2; i++) {
        a->stride[i] = random_between(1, 2);
        a->dilation[i] = random_between(1, 2);
        kernel[i] = random_between(1, 4);
        int32_t span = (kernel[i] - 1) * a->dilation[i];
        in[i] = span + random_between(1, 8);
        a->padding[2 * i] = random_between(0, span);
        a->padding[2 * i + 1] = random_between(0, span);
        if (transposed) {
            a->output_padding[i] = random_between(0, a->stride[i] - 1);
            a->padding[2 * i] = a->padding[2 * i + 1] = random_between(0, span / 2);
        }
        int32_t both = a->padding[2 * i] + a->padding[2 * i + 1];
        out[i] = transposed ? (in[i] - 1) * a->stride[i] - both + span + 1 + a->output_padding[i]
                            : (in[i] + both - span - 1) / a->stride[i] + 1;
    }
    int32_t n = random_between(1, 2), all_in = inputs * a->groups, all_out = outputs * a->groups;
    struct prt_tensor x = nhwc ? TENSOR(PRT_F32, n, in[0], in[1], all_in)
                               : channels_last(TENSOR(PRT_F32, n, all_in, in[0], in[1]));
    struct prt_tensor y = nhwc ? TENSOR(PRT_F32, n, out[0], out[1], all_out)
                               : channels_last(TENSOR(PRT_F32, n, all_out, out[0], out[1]));
    struct prt_tensor w = nhwc         ? TENSOR(PRT_F32, all_out, kernel[0], kernel[1], inputs)
                          : transposed ? TENSOR(PRT_F32, all_in, outputs, kernel[0], kernel[1])
                                       : TENSOR(PRT_F32, all_out, inputs, kernel[0], kernel[1]);
    unsigned out_axis = transposed && !nhwc ? 1 : 0;
    l.x = one_node_input(&one, typed(number, x, 0.02));
    one_node_fill(&one, l.x, -1, 1);
    l.weight = random_weight(&one, number, w, out_axis, scales);
    random_epilogue(&one, &l, number, &y, all_out, scales, &a->act);
    a->after = random_after(number == REAL);
    NODE(&one, PRT_OP_CONV2D, y, l.x, l.weight, l.bias, l.residual, l.slope)->attrs.conv = *a;
    one_node_run_near(&one, convolved, &l, number == REAL ? 2e-5 : 0.01);
    one_node_end(&one);
}

START_TEST(convolutions_match_their_definition)
{
    random_seed(60 + (uint64_t)_i);
    for (int round = 0; round < 60; round++)
        for (int nhwc = 0; nhwc < 2; nhwc++)
            conv_case((enum number)_i, nhwc, round % 4 == 3);
}
END_TEST

static void linear_case(enum number number, int round)
{
    struct one_node one = one_node_begin();
    float scales[256];
    struct layer l = {.linear = true, .weight_is_io = round % 2};
    int32_t inputs = random_between(1, 70), outputs = random_between(1, 70);
    int32_t sizes[3] = {random_between(round == 7 ? 0 : 1, 3), random_between(1, 9), inputs};
    unsigned rank = (unsigned)random_between(1, 3);
    struct prt_tensor x = tensor_of(PRT_F32, rank, sizes + 3 - rank), y = x;
    y.sizes[rank - 1] = outputs;
    l.x = one_node_input(&one, typed(number, x, 0.02));
    one_node_fill(&one, l.x, -1, 1);
    struct prt_tensor w =
        l.weight_is_io ? TENSOR(PRT_F32, inputs, outputs) : TENSOR(PRT_F32, outputs, inputs);
    l.weight = random_weight(&one, number, w, l.weight_is_io ? 1 : 0, scales);
    struct prt_activation act = {0};
    random_epilogue(&one, &l, number, &y, outputs, scales, &act);
    struct prt_node *node =
        NODE(&one, PRT_OP_LINEAR, y, l.x, l.weight, l.bias, l.residual, l.slope);
    node->attrs.linear = (struct prt_linear_attrs){
        .weight_is_io = l.weight_is_io, .act = act, .after = random_after(number == REAL)};
    one_node_run_near(&one, connected, &l, number == REAL ? 2e-5 : 0.01);
    one_node_end(&one);
}

START_TEST(linear_layers_match_their_definition)
{
    random_seed(70 + (uint64_t)_i);
    for (int round = 0; round < 50; round++)
        linear_case((enum number)_i, round);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(computed_weights_are_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 2, 3));
    uint32_t w = one_node_input(&one, TENSOR(PRT_F32, 4, 3));
    NODE(&one, PRT_OP_LINEAR, TENSOR(PRT_F32, 2, 4), x, w, PRT_NO_VALUE, PRT_NO_VALUE,
         PRT_NO_VALUE);
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

START_TEST(images_with_channels_first_are_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 1, 3, 4, 4));
    uint32_t w = constant(&one, TENSOR(PRT_F32, 2, 3, 1, 1), -1, 1);
    NODE(&one, PRT_OP_CONV2D, TENSOR(PRT_F32, 1, 2, 4, 4), x, w, PRT_NO_VALUE, PRT_NO_VALUE,
         PRT_NO_VALUE)
        ->attrs.conv = (struct prt_conv_attrs){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

START_TEST(half_precision_convolutions_are_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, channels_last(TENSOR(PRT_F16, 1, 3, 4, 4)));
    uint32_t w = constant(&one, TENSOR(PRT_F16, 2, 3, 1, 1), -1, 1);
    NODE(&one, PRT_OP_CONV2D, channels_last(TENSOR(PRT_F16, 1, 2, 4, 4)), x, w, PRT_NO_VALUE,
         PRT_NO_VALUE, PRT_NO_VALUE)
        ->attrs.conv = (struct prt_conv_attrs){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu layers");
    TCase *tests = tcase_create("cpu layers");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, convolutions_match_their_definition, 0, NUMBERS);
    tcase_add_loop_test(tests, linear_layers_match_their_definition, 0, NUMBERS);
    tcase_add_test(tests, computed_weights_are_refused);
    tcase_add_test(tests, images_with_channels_first_are_refused);
    tcase_add_test(tests, half_precision_convolutions_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
