/* Codes of 16 bits on the remote processor: each result is the nearest code, as those of 8 bits
 * are. */
#include "on_dsp.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 8 };

static enum prt_dtype dtype_of(int round)
{
    return round % 2 ? PRT_U16 : PRT_I16;
}

/* A zero point of either type. */
static int32_t any_zero(void)
{
    return random_between(0, INT16_MAX);
}

static uint32_t codes(struct one_node *one, struct prt_tensor spec, double scale)
{
    uint32_t id = one_node_input(one, quantised(spec, scale, any_zero()));
    one_node_fill(one, id, 0, 0);
    return id;
}

static void check(struct one_node *one, reference expected, const void *context)
{
    (void)one_node_supported(one); /* finishes the graph */
    on_dsp_check_tiled(one, expected, context);
    one_node_end(one);
}

/* ---- products ---- */

static double layered(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_linear_attrs *attrs = context;
    double sum =
        node->inputs[2] == PRT_NO_VALUE ? 0 : one_node_get(one, node->inputs[2], &index[1]);
    for (int32_t i = 0; i < one_node_spec(one, node->inputs[0])->sizes[1]; i++)
        sum += one_node_get(one, node->inputs[0], (int32_t[]){index[0], i}) *
               one_node_get(one, node->inputs[1], (int32_t[]){index[1], i});
    return attrs->act.kind == PRT_ACT_CLAMP
               ? fmin(fmax(sum, (double)attrs->act.lo), (double)attrs->act.hi)
               : sum;
}

START_TEST(a_layer)
{
    random_seed(70);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        int32_t in = round < 2 ? 3000 : random_between(1, 200), out = random_between(1, 40);
        int32_t rows = random_between(1, 9);
        double scale = random_real(0.001, 0.1);
        struct prt_linear_attrs attrs = {.act = {.kind = PRT_ACT_NONE}};
        if (round % 3 == 0)
            attrs.act = (struct prt_activation){PRT_ACT_CLAMP, -100, 1000};
        uint32_t inputs[5] = {PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE};
        inputs[0] = codes(&one, TENSOR(dtype_of(round), rows, in), 0.02);
        inputs[1] =
            one_node_input(&one, quantised(TENSOR(PRT_I8, out, in), scale, round / 2 % 3 * -60));
        one_node_fill(&one, inputs[1], 0, 0);
        if (round % 4 < 2) {
            inputs[2] = one_node_input(&one, TENSOR(PRT_F32, out));
            one_node_fill(&one, inputs[2], -500, 500);
            one_node_make_constant(&one, inputs[2]);
        }
        one_node_make_constant(&one, inputs[1]);
        /* Few sums leave the range of the codes. */
        double step = 0.02 * scale * sqrt(in) * 60;
        struct prt_tensor y = quantised(TENSOR(dtype_of(round), rows, out), step, any_zero());
        one_node_make(&one, PRT_OP_LINEAR, y, 5, inputs)->attrs.linear = attrs;
        check(&one, layered, &attrs);
    }
}
END_TEST

static double convolved(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_conv_attrs *a = context;
    const struct prt_tensor *x = one_node_spec(one, node->inputs[0]);
    const struct prt_tensor *w = one_node_spec(one, node->inputs[1]);
    const struct prt_tensor *y = one_node_spec(one, one->y);
    int32_t group = index[1] / (y->sizes[1] / a->groups);
    double sum = 0;
    for (int32_t c = 0; c < w->sizes[1]; c++)
        for (int32_t i = 0; i < w->sizes[2]; i++)
            for (int32_t j = 0; j < w->sizes[3]; j++) {
                int32_t h = index[2] * a->stride[0] - a->padding[0] + i * a->dilation[0];
                int32_t v = index[3] * a->stride[1] - a->padding[2] + j * a->dilation[1];
                if (h < 0 || v < 0 || h >= x->sizes[2] || v >= x->sizes[3])
                    continue;
                sum += one_node_get(one, node->inputs[0],
                                    (int32_t[]){index[0], group * w->sizes[1] + c, h, v}) *
                       one_node_get(one, node->inputs[1], (int32_t[]){index[1], c, i, j});
            }
    return sum;
}

START_TEST(a_convolution)
{
    random_seed(71);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        int32_t groups = round % 4 == 3 ? 6 : round % 2 + 1, each = round % 4 == 3 ? 1 : 3;
        struct prt_conv_attrs a = {
            .stride = {1, 2}, .dilation = {2, 1}, .padding = {1, 1, 0, 0}, .groups = groups};
        int32_t h = random_between(5, 12), w = random_between(4, 12);
        struct prt_tensor x = channels_last(TENSOR(dtype_of(round / 2), 2, groups * each, h, w));
        uint32_t inputs[5] = {PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE};
        inputs[0] = codes(&one, x, 0.02);
        inputs[1] = one_node_input(
            &one, quantised(TENSOR(PRT_I8, 6, each, 3, 2), 0.01, round % 3 ? 0 : 100));
        one_node_fill(&one, inputs[1], 0, 0);
        one_node_make_constant(&one, inputs[1]);
        x.sizes[1] = 6;
        x.sizes[2] = h - 2;
        x.sizes[3] = (w - 2) / 2 + 1;
        one_node_make(&one, PRT_OP_CONV2D, quantised(x, 0.1, any_zero()), 5, inputs)->attrs.conv =
            a;
        check(&one, convolved, &a);
    }
}
END_TEST

static double multiplied(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    bool transposed = *(const bool *)context;
    double sum = 0;
    for (int32_t k = 0; k < one_node_spec(one, node->inputs[0])->sizes[2]; k++)
        sum += one_node_get(one, node->inputs[0], (int32_t[]){index[0], index[1], k}) *
               one_node_get(one, node->inputs[1],
                            transposed ? (int32_t[]){index[0], index[2], k}
                                       : (int32_t[]){index[0], k, index[2]});
    return sum;
}

START_TEST(a_product)
{
    random_seed(72);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = dtype_of(round / 2);
        bool transposed = round % 2;
        int32_t m = random_between(1, 20), n = random_between(1, 20),
                k = round < 2 ? 2000 : random_between(1, 70);
        uint32_t inputs[2];
        inputs[0] = codes(&one, TENSOR(dtype, 2, m, k), 0.002);
        inputs[1] =
            codes(&one, transposed ? TENSOR(dtype, 2, n, k) : TENSOR(dtype, 2, k, n), 0.003);
        struct prt_tensor y = quantised(TENSOR(dtype, 2, m, n), 0.1 * sqrt(k), any_zero());
        one_node_make(&one, PRT_OP_MATMUL, y, 2, inputs)->attrs.matmul.transpose_b = transposed;
        check(&one, multiplied, &transposed);
    }
}
END_TEST

/* ---- element by element ---- */

static double combined(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    double a = one_node_broadcast(one, node->inputs[0], index),
           b = one_node_broadcast(one, node->inputs[1], index);
    switch (*(const enum prt_binary_kind *)context) {
    case PRT_BINARY_ADD:
        return a + 0.5 * b;
    case PRT_BINARY_MUL:
        return a * b;
    case PRT_BINARY_MAX:
        return fmax(a, b);
    default:
        return fmin(a, b);
    }
}

START_TEST(two_tensors)
{
    static const enum prt_binary_kind kinds[] = {PRT_BINARY_ADD, PRT_BINARY_MUL, PRT_BINARY_MAX,
                                                 PRT_BINARY_MIN};
    random_seed(73);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = dtype_of(round);
        enum prt_binary_kind kind = kinds[round / 2];
        int32_t rows = random_between(1, 30), columns = random_between(1, 300);
        uint32_t inputs[2];
        inputs[0] = codes(&one, TENSOR(dtype, rows, columns), 0.01);
        inputs[1] = codes(&one, TENSOR(dtype, columns), 0.02);
        struct prt_tensor y =
            quantised(TENSOR(dtype, rows, columns), kind == PRT_BINARY_MUL ? 5 : 0.03, any_zero());
        struct prt_node *node = one_node_make(&one, PRT_OP_BINARY, y, 2, inputs);
        node->attrs.binary =
            (struct prt_binary_attrs){.kind = kind, .alpha = kind == PRT_BINARY_ADD ? 0.5 : 1};
        check(&one, combined, &kind);
    }
}
END_TEST

static double same(const struct one_node *one, const int32_t *index, const void *context)
{
    const double *bounds = context;
    double x = one_node_get(one, one->graph->nodes[0].inputs[0], index);
    return fmin(fmax(x, bounds[0]), bounds[1]);
}

START_TEST(another_scale_or_type)
{
    static const enum prt_dtype types[] = {PRT_I8, PRT_U8, PRT_I16, PRT_U16};
    static const double open[] = {-HUGE_VAL, HUGE_VAL};
    random_seed(74);
    for (int round = 0; round < 16; round++) {
        enum prt_dtype from = types[round % 4], to = types[round / 4];
        if (prt_dtype_size(from) == 1 && prt_dtype_size(to) == 1)
            continue; /* a table */
        struct one_node one = one_node_begin();
        int32_t rows = random_between(1, 30), columns = random_between(1, 300);
        double range = prt_dtype_size(from) == 1 ? 256 : 65536,
               steps = prt_dtype_size(to) == 1 ? 256 : 65536;
        uint32_t x = one_node_input(
            &one, quantised(TENSOR(from, rows, columns), 0.01, random_between(0, 100)));
        one_node_fill(&one, x, 0, 0);
        struct prt_tensor y = quantised(TENSOR(to, rows, columns), 0.01 * range / steps * 0.7,
                                        random_between(0, 100));
        one_node_make(&one, PRT_OP_QUANTIZE, y, 1, &x);
        check(&one, same, open);
    }
}
END_TEST

START_TEST(a_clamp)
{
    static const double bounds[] = {0, 150};
    random_seed(75);
    for (int round = 0; round < 2; round++) {
        struct one_node one = one_node_begin();
        struct prt_tensor x = TENSOR(dtype_of(round), 7, 41);
        uint32_t id = codes(&one, x, 0.01);
        struct prt_node *node =
            one_node_make(&one, PRT_OP_UNARY, quantised(x, 0.013, any_zero()), 1, &id);
        node->attrs.unary =
            (struct prt_unary_attrs){.kind = PRT_UNARY_CLAMP, .a = bounds[0], .b = bounds[1]};
        check(&one, same, bounds);
    }
}
END_TEST

/* ---- rows and windows ---- */

static double shared(const struct one_node *one, const int32_t *index, const void *context)
{
    uint32_t x = one->graph->nodes[0].inputs[0];
    int32_t axis = *(const int32_t *)context, at[3] = {index[0], index[1], index[2]};
    double most = -HUGE_VAL, sum = 0;
    for (at[axis] = 0; at[axis] < one_node_spec(one, x)->sizes[axis]; at[axis]++)
        most = fmax(most, one_node_get(one, x, at));
    for (at[axis] = 0; at[axis] < one_node_spec(one, x)->sizes[axis]; at[axis]++)
        sum += exp(one_node_get(one, x, at) - most);
    return exp(one_node_get(one, x, index) - most) / sum;
}

START_TEST(a_softmax)
{
    /* Peaked, flat, and of parts that are hardly above zero. */
    static const double scales[] = {1e-4, 1e-3, 1e-6, 1e-2};
    random_seed(76);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        int32_t axis = round % 3;
        int32_t sizes[3] = {random_between(1, 9), random_between(1, 9), random_between(1, 9)};
        sizes[axis] = round < 2 ? 1 : round < 4 ? 700 : random_between(2, 60);
        struct prt_tensor x = tensor_of(dtype_of(round), 3, sizes);
        uint32_t id = codes(&one, x, scales[round % 4]);
        struct prt_tensor y =
            quantised(x, round % 2 ? 1.0 / 65536 : 1.0 / 32700, random_between(0, 100));
        one_node_make(&one, PRT_OP_SOFTMAX, y, 1, &id)->attrs.softmax.axis = axis;
        check(&one, shared, &axis);
    }
}
END_TEST

static double pooled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_pool_attrs *a = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *spec = one_node_spec(one, x);
    double most = -HUGE_VAL, sum = 0, count = 0;
    for (int32_t i = 0; i < a->kernel[0]; i++)
        for (int32_t j = 0; j < a->kernel[1]; j++) {
            int32_t h = index[2] * a->stride[0] - a->padding[0] + i,
                    w = index[3] * a->stride[1] - a->padding[2] + j;
            if (h < 0 || w < 0 || h >= spec->sizes[2] || w >= spec->sizes[3])
                continue;
            double v = one_node_get(one, x, (int32_t[]){index[0], index[1], h, w});
            most = fmax(most, v);
            sum += v;
            count++;
        }
    return a->is_max ? most : sum / count;
}

START_TEST(a_pool)
{
    random_seed(77);
    for (int round = 0; round < ROUNDS; round++) {
        struct one_node one = one_node_begin();
        struct prt_pool_attrs a = {.is_max = round / 2 % 2,
                                   .kernel = {3, 2},
                                   .stride = {2, 1},
                                   .dilation = {1, 1},
                                   .padding = {1, 1, 1, 1}};
        struct prt_tensor x = channels_last(TENSOR(dtype_of(round), 2, random_between(1, 9), 9, 7));
        uint32_t id = codes(&one, x, 0.01);
        struct prt_quant quant = one_node_spec(&one, id)->quant;
        x.sizes[2] = 5;
        x.sizes[3] = 8;
        x = a.is_max ? quantised(x, (double)quant.scale, quant.zero_point)
                     : quantised(x, 0.008, any_zero());
        one_node_make(&one, PRT_OP_POOL2D, x, 1, &id)->attrs.pool = a;
        check(&one, pooled, &a);
    }
}
END_TEST

static double moved(const struct one_node *one, const int32_t *index, const void *context)
{
    const int32_t *before = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    int32_t at[2] = {index[0] - before[0], index[1] - before[1]};
    for (int i = 0; i < 2; i++)
        if (at[i] < 0 || at[i] >= one_node_spec(one, x)->sizes[i])
            return 1.25;
    return one_node_get(one, x, at);
}

START_TEST(a_pad)
{
    static const int32_t before[] = {2, -1};
    random_seed(78);
    for (int round = 0; round < 2; round++) {
        struct one_node one = one_node_begin();
        struct prt_tensor x = quantised(TENSOR(dtype_of(round), 5, 9), 0.01, any_zero());
        uint32_t id = one_node_input(&one, x);
        one_node_fill(&one, id, 0, 0);
        x.sizes[0] = 8;
        x.sizes[1] = 11;
        struct prt_node *node = one_node_make(&one, PRT_OP_PAD, x, 1, &id);
        node->attrs.pad = (struct prt_pad_attrs){.before = {2, -1}, .after = {1, 3}, .value = 1.25};
        check(&one, moved, before);
    }
}
END_TEST

START_TEST(what_it_does_not_compute_is_refused_with_a_reason)
{
    struct one_node one = one_node_begin();
    struct prt_tensor x = TENSOR(PRT_I16, 7, 41);
    uint32_t id = codes(&one, x, 0.01);
    one_node_make(&one, PRT_OP_UNARY, quantised(x, 0.01, 0), 1, &id)->attrs.unary.kind =
        PRT_UNARY_TANH;
    ck_assert(one_node_supported(&one));
    ck_assert_str_eq(on_dsp_refuses(&one, 2 << 20), "a function of codes of 16 bits");
    one_node_end(&one);

    one = one_node_begin();
    uint32_t inputs[2] = {codes(&one, x, 1000), codes(&one, TENSOR(PRT_I16, 41, 3), 1000)};
    one_node_make(&one, PRT_OP_MATMUL, quantised(TENSOR(PRT_I16, 7, 3), 1e-3, 0), 2, inputs);
    (void)one_node_supported(&one);
    ck_assert_str_eq(on_dsp_refuses(&one, 2 << 20), "scales that are too far apart");
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dsp wide");
    TCase *tests = tcase_create("dsp wide");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, a_layer);
    tcase_add_test(tests, a_convolution);
    tcase_add_test(tests, a_product);
    tcase_add_test(tests, two_tensors);
    tcase_add_test(tests, another_scale_or_type);
    tcase_add_test(tests, a_clamp);
    tcase_add_test(tests, a_softmax);
    tcase_add_test(tests, a_pool);
    tcase_add_test(tests, a_pad);
    tcase_add_test(tests, what_it_does_not_compute_is_refused_with_a_reason);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
