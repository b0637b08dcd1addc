/* What the remote processor computes of codes and the CPU of floats. */
#include "on_dsp.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- products ---- */

static double multiplied(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *a = one_node_spec(one, node->inputs[0]),
                            *b = one_node_spec(one, node->inputs[1]);
    bool transposed = *(const bool *)context;
    double sum = 0;
    for (int32_t k = 0; k < a->sizes[2]; k++) {
        int32_t n = b->sizes[0] == 1 ? 0 : index[0];
        int32_t at_a[] = {a->sizes[0] == 1 ? 0 : index[0], index[1], k};
        int32_t rows[] = {n, index[2], k}, columns[] = {n, k, index[2]};
        sum += one_node_get(one, node->inputs[0], at_a) *
               one_node_get(one, node->inputs[1], transposed ? rows : columns);
    }
    return sum;
}

START_TEST(a_product_of_codes_is_the_nearest_code)
{
    random_seed(60);
    for (int round = 0; round < 12; round++) {
        struct one_node one = one_node_begin();
        bool transposed = round % 2;
        enum prt_dtype dtype = round % 4 < 2 ? PRT_I8 : PRT_U8;
        int32_t m = random_between(1, 30), n = random_between(1, 40), k = random_between(1, 70);
        int32_t batch = random_between(1, 3), shared = random_between(0, 1) ? 1 : batch;
        int32_t sizes[3][3] = {
            {batch, m, k}, {shared, transposed ? n : k, transposed ? k : n}, {batch, m, n}};
        uint32_t inputs[2];
        for (int o = 0; o < 2; o++) {
            struct prt_tensor x = quantised(tensor_of(dtype, 3, sizes[o]), random_real(0.001, 0.1),
                                            random_between(0, 100));
            inputs[o] = one_node_input(&one, x);
            one_node_fill(&one, inputs[o], 0, 0);
        }
        struct prt_tensor y =
            quantised(tensor_of(dtype, 3, sizes[2]), random_real(0.05, 2), random_between(0, 100));
        one_node_make(&one, PRT_OP_MATMUL, y, 2, inputs)->attrs.matmul.transpose_b = transposed;
        one_node_run(&one);
        one_node_check(&one, multiplied, &transposed, 1e-3);
        ck_assert_ptr_null(on_dsp_refuses(&one, 2 << 20));
        on_dsp_check(&one, multiplied, &transposed);
        one_node_end(&one);
    }
}
END_TEST

/* ---- what the CPU computes in floats ---- */

static void check_alone(struct one_node *one, reference expected, const void *context)
{
    ck_assert(!one_node_supported(one));
    on_dsp_check_tiled(one, expected, context);
}

static double normed(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_layer_norm_attrs *a = context;
    int32_t size = one_node_spec(one, node->inputs[0])->sizes[1];
    double mean = 0, squares = 0;
    for (int32_t i = 0; i < size; i++)
        mean += a->rms ? 0 : one_node_get(one, node->inputs[0], (int32_t[]){index[0], i}) / size;
    for (int32_t i = 0; i < size; i++)
        squares +=
            pow(one_node_get(one, node->inputs[0], (int32_t[]){index[0], i}) - mean, 2) / size;
    double y = one_node_get(one, node->inputs[0], index) - mean;
    y = y == 0 ? 0 : y / sqrt(squares + a->epsilon);
    for (unsigned i = 1; i < 3; i++)
        if (node->inputs[i] != PRT_NO_VALUE) {
            double factor = one_node_get(one, node->inputs[i], &index[1]);
            y = i == 1 ? y * factor : y + factor;
        }
    return y;
}

START_TEST(a_norm_of_codes_is_the_nearest_code)
{
    random_seed(62);
    for (int round = 0; round < 18; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = round % 2 ? PRT_I8 : PRT_U8;
        int32_t length = round == 0 ? 3000 : round == 1 ? 1 : random_between(1, 90);
        int32_t rows = random_between(1, 20), zero = random_between(0, 100);
        struct prt_tensor x = TENSOR(dtype, rows, length), row = TENSOR(PRT_F32, length);
        bool hardly_varies = round % 5 == 4;
        struct prt_layer_norm_attrs a = {
            .rms = round / 2 % 2,
            .epsilon = round % 3 || hardly_varies ? 1e-5
                       : round % 2                ? 0
                                                  : 30,
        };
        uint32_t inputs[3] = {PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE};
        inputs[0] = one_node_input(&one, quantised(x, random_real(1e-4, 0.5), zero));
        one_node_fill(&one, inputs[0], 0, 0);
        if (hardly_varies)
            memset((uint8_t *)one.data[inputs[0]] + 1, 7, (size_t)(rows * length) - 1);
        for (unsigned i = 1; i < 3; i++) {
            if (round / 4 % 4 & (int)i)
                continue;
            inputs[i] = one_node_input(&one, row);
            one_node_fill(&one, inputs[i], -2, 2);
            one_node_make_constant(&one, inputs[i]);
        }
        struct prt_tensor y = quantised(x, random_real(0.02, 0.1), random_between(0, 100));
        one_node_make(&one, PRT_OP_LAYER_NORM, y, 3, inputs)->attrs.layer_norm = a;
        check_alone(&one, normed, &a);
        one_node_end(&one);
    }
}
END_TEST

static double summed(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_node *node = &one->graph->nodes[0];
    double sum = 0;
    (void)context;
    for (int32_t i = 0; i < one_node_spec(one, node->inputs[0])->sizes[1]; i++)
        sum += one_node_get(one, node->inputs[0], (int32_t[]){index[0], i}) *
               one_node_get(one, node->inputs[1], (int32_t[]){index[1], i});
    return sum;
}

START_TEST(a_weight_may_have_a_zero_point)
{
    random_seed(63);
    for (int round = 0; round < 6; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = round % 2 ? PRT_I8 : PRT_U8;
        int32_t in = random_between(1, 200), out = random_between(1, 40);
        int32_t rows = random_between(1, 9), zero = round < 2 ? 127 : random_between(1, 127);
        uint32_t inputs[5] = {PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE};
        inputs[0] = one_node_input(&one, quantised(TENSOR(dtype, rows, in), 0.02, zero / 2));
        inputs[1] = one_node_input(&one, quantised(TENSOR(PRT_I8, out, in), random_real(0.001, 0.1),
                                                   round % 4 < 2 ? zero : -zero));
        for (int i = 0; i < 2; i++)
            one_node_fill(&one, inputs[i], 0, 0);
        one_node_make_constant(&one, inputs[1]);
        one_node_make(&one, PRT_OP_LINEAR, quantised(TENSOR(dtype, rows, out), 0.4, 20), 5, inputs);
        check_alone(&one, summed, NULL);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dsp codes");
    TCase *tests = tcase_create("dsp codes");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, a_product_of_codes_is_the_nearest_code);
    tcase_add_test(tests, a_norm_of_codes_is_the_nearest_code);
    tcase_add_test(tests, a_weight_may_have_a_zero_point);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
