/* What operators on codes and blocks of codes compute, against numbers worked out by hand. */
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number_at(const void *data, enum prt_dtype dtype, size_t i)
{
    return dtype == PRT_F32   ? (double)((const float *)data)[i]
           : dtype == PRT_I32 ? (double)((const int32_t *)data)[i]
                              : (double)((const int8_t *)data)[i];
}

/* Run one call and compare its results, the first of which begins at expected[0]. */
static void expect(const char *op, const char *args, const void *const *inputs,
                   const double *expected)
{
    struct pte pte = {0};
    pte_call(&pte, op, args);
    struct run run = run_pte(&pte, inputs);
    for (size_t i = 0; i < prt_model_output_count(run.model); i++) {
        const struct prt_tensor *spec = prt_model_output_spec(run.model, i);
        for (size_t j = 0; j < prt_tensor_elements(spec); j++, expected++)
            ck_assert_double_eq_tol(number_at(prt_model_output_data(run.model, i), spec->dtype, j),
                                    *expected, 1e-6 * (*expected > 1 ? *expected : 1));
    }
    run_free(&run);
}

/* Two blocks of two in each row. */
static const float block_scales[] = {0.5f, 1, 2, 0.25f};
static const int32_t block_zeros[] = {0, 1, 2, -3};

START_TEST(blocks_become_codes)
{
    static const float x[] = {1, 2, 3, 4, -1, 0, 10, 1000};
    static const double y[] = {2, 4, 4, 5, 2, 2, 7, 7};
    expect("torchao::quantize_affine.out", "f32[2,4] [1,2] f32[2,2] i32[2,2] 1 -8 7 >i8[2,4] =",
           (const void *[]){x, block_scales, block_zeros}, y);
}
END_TEST

START_TEST(codes_become_blocks)
{
    static const int8_t x[] = {1, 2, 3, 4, -1, 0, 10, 100};
    static const double y[] = {0.5, 1, 2, 3, -6, -4, 3.25, 25.75};
    static const double none[] = {0.5, 1, 3, 4, -2, 0, 2.5, 25};
    expect("torchao::dequantize_affine.out",
           "i8[2,4] [1,2] f32[2,2] i32[2,2] 1 -128 127 6 >f32[2,4] =",
           (const void *[]){x, block_scales, block_zeros}, y);
    expect("torchao::dequantize_affine.out",
           "i8[2,4] [1,2] f32[2,2] - 1 - - 6 >f32[2,4] =", (const void *[]){x, block_scales}, none);
}
END_TEST

static const struct {
    const char *mapping;
    double least, most, expected[4]; /* scales, zero points */
} choices[] = {
    {"ASYMMETRIC", -128, 127, {1, 1, -128, 0}},
    {"SYMMETRIC", -8, 7, {34, 128 / 7.5, 0, 0}},
    {"SYMMETRIC_NO_CLIPPING_ERR", -8, 7, {255 / 7.0, 127 / 7.0, 0, 0}},
};

START_TEST(scales_of_rows)
{
    static const float x[] = {0, 51, 102, 255, -128, 127, 0, 0};
    char args[128];
    snprintf(args, sizeof args,
             "f32[2,4] \"%s\" [1,4] 1 %.0f %.0f - 6 1 T >f32[2,1] >i8[2,1] =", choices[_i].mapping,
             choices[_i].least, choices[_i].most);
    expect("torchao::choose_qparams_affine.out", args, (const void *[]){x}, choices[_i].expected);
}
END_TEST

START_TEST(equal_numbers_have_a_scale)
{
    static const float x[4] = {0};
    static const double expected[] = {0.25, -128};
    expect("torchao::choose_qparams_affine.out",
           "f32[1,4] \"ASYMMETRIC\" [1,4] 1 -128 127 0.25 6 1 F >f32[1] >i8[1] =",
           (const void *[]){x}, expected);
}
END_TEST

START_TEST(products_with_codes)
{
    static const float x[] = {1, 10, 100, 1000};
    expect("quantized_decomposed::mixed_linear.out",
           "f32[1,4] ci8[2,4] cf32[2] - - >f32[1,2] =", (const void *[]){x},
           (const double[]){2160.5, 13147.5});
    expect("quantized_decomposed::mixed_linear.out",
           "f32[1,4] ci8[2,4] cf32[2,2] - - >f32[1,2] =", (const void *[]){x},
           (const double[]){6460.5, 30612.5});
    expect("quantized_decomposed::mixed_mm.out",
           "f32[1,2] ci8[2,3] cf32[2] - >f32[1,3] =", (const void *[]){x},
           (const double[]){60.5, 76, 91.5});
}
END_TEST

START_TEST(sum_of_codes_within_bounds)
{
    static const int8_t a[] = {1, 5, -128, 127}, b[] = {-2, 2, -128, 127};
    expect("quantized_decomposed::add.out",
           "i8[4] 0.5 1 -128 127 i8[4] 0.25 -2 -128 127 1.0 3 -10 100 >i8[4] =",
           (const void *[]){a, b}, (const double[]){3, 6, -10, 98});
}
END_TEST

/* Byte i of a constant is i + 1, scale i is i + 0.5. */
START_TEST(look_ups_of_several_codes_a_byte)
{
    static const int64_t rows[] = {8, 19}, last[] = {99};
    expect("quantized_decomposed::embedding_4bit.out",
           "cu8[20,2] cf32[20] - -8 7 i64[2] >f32[2,4] =", (const void *[]){rows},
           (const double[]){-59.5, -59.5, -59.5, -51, -117, -19.5, -117, 0});
    expect("quantized_decomposed::embedding_4bit.out",
           "ci8[100,2] cf32[100] - -8 7 i64[1] >f32[1,4] =", (const void *[]){last},
           (const double[]){398, -99.5, 398, 0});
    expect("quantized_decomposed::embedding_2bit.out",
           "cu8[20,1] cf32[20] - -2 1 i64[1] >f32[1,4] =", (const void *[]){rows + 1},
           (const double[]){-39, -19.5, -19.5, -39});
}
END_TEST

START_TEST(copies_between_devices)
{
    static const float x[] = {3, 4};
    expect(_i ? "et_copy::_h2d_copy.out" : "et_copy::_d2h_copy.out",
           "f32[2] >f32[2] =", (const void *[]){x}, (const double[]){3, 4});
}
END_TEST

/* Scales are chosen, x is quantised with them, and the codes are read. */
static const struct {
    const char *choose, *quantize, *dequantize, *nodes;
} roundings[] = {
    {"f32[2,3] -128 127 0.5 6 >f32[1] >i64[1] ($5 $6)",
     "$0 $5 $6 -128 127 1 >i8[2,3] =", "$%u $5 $6 -128 127 1 - >f32[2,3] =",
     "v28: float32[2, 3] = round_rows(v0) dims(2) least(0.5)\n"},
    /* not all codes */
    {"f32[2] -127 127 1e-7 6 >f32[1] >i64[1] ($5 $6)",
     "$0 $5 $6 -127 127 1 >i8[2] =", "$%u $5 $6 -127 127 1 - >f32[2] =", NULL},
    /* other numbers than those that the scales were chosen for */
    {"f32[2] -128 127 1e-7 6 >f32[1] >i64[1] ($5 $6)",
     "f32[2] $5 $6 -128 127 1 >i8[2] =", "$%u $5 $6 -128 127 1 - >f32[2] =", NULL},
    /* another scale */
    {"f32[2] -128 127 1e-7 6 >f32[1] >i64[1] ($5 $6)",
     "$0 $5 $6 -128 127 1 >i8[2] =", "$%u f32[1] $6 -128 127 1 - >f32[2] =", NULL},
};

START_TEST(chosen_quantised_and_read_is_one_rounding)
{
    struct pte pte = {0};
    char args[128];
    pte_call(&pte, "quantized_decomposed::choose_qparams.Tensor_out", roundings[_i].choose);
    uint32_t codes = pte_call(&pte, "quantized_decomposed::quantize_per_tensor.Tensor_out",
                              roundings[_i].quantize);
    snprintf(args, sizeof args, roundings[_i].dequantize, codes);
    pte.outputs[0] = pte_call(&pte, "quantized_decomposed::dequantize_per_tensor.Tensor_out", args);
    pte.output_count = 1;
    char *found = pte_import(&pte);
    if (roundings[_i].nodes)
        ck_assert_str_eq(found, roundings[_i].nodes);
    else
        ck_assert_msg(strstr(found, "convert") && !strstr(found, "round_rows"), "%s", found);
    free(found);
}
END_TEST

static const struct {
    const char *op, *args, *failure;
} refused[] = {
    {"torchao::quantize_affine.out",
     "f32[2,4] [1,3] f32[2,2] - 1 -8 7 >i8[2,4] =", "!MALFORMED blocks of 3 in dimension 1"},
    {"torchao::quantize_affine.out",
     "f32[2,4] [1,0] f32[2,2] - 1 -8 7 >i8[2,4] =", "!MALFORMED blocks of 0 in dimension 1"},
    {"torchao::quantize_affine.out",
     "f32[2,4] [2] f32[2,2] - 1 -8 7 >i8[2,4] =", "!MALFORMED blocks of 1 dimensions for 2"},
    {"torchao::quantize_affine.out",
     "f32[2,4] [1,2] f32[3] - 1 -8 7 >i8[2,4] =", "!MALFORMED 3 parameters for 4 blocks"},
    {"torchao::quantize_affine.out",
     "f32[2,4] [1,2] f32[2,2] - 1 7 -8 >i8[2,4] =", "!MALFORMED has codes from 7 to -8"},
    {"torchao::quantize_affine.out",
     "f32[2,4] [1,2] f32[2,2] - 1 - - >f32[2,4] =", "!MALFORMED codes of type float32"},
    {"torchao::choose_qparams_affine.out",
     "f32[1,4] \"ODD\" [1,4] 1 -128 127 - 6 1 F >f32[1] >i8[1] =",
     "!UNSUPPORTED its mapping is not known"},
    {"torchao::choose_qparams_affine.out",
     "f32[1,4] \"SYMMETRIC\" [1,4] 1 0 15 - 6 1 F >f32[1] >i8[1] =",
     "!MALFORMED has codes from 0 to 15"},
    {"quantized_decomposed::mixed_linear.out",
     "f32[1,4] ci8[2,4] cf32[3] - - >f32[1,2] =", "!MALFORMED its scales do not fit its weight"},
    {"quantized_decomposed::mixed_linear.out",
     "f32[1,4] ci8[2,4] cf32[2] cf32[2] - >f32[1,2] =", "!UNSUPPORTED zero points of weights"},
    {"quantized_decomposed::add.out",
     "i8[4] 0.5 1 -128 127 i8[4] 0.25 -2 -128 127 1.0 3 -129 100 >i8[4] =",
     "!MALFORMED codes from -129 to 100 do not fit int8"},
};

START_TEST(refuses)
{
    pte_expect_nodes(refused[_i].op, refused[_i].args, refused[_i].failure);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("run quant");
    tcase_add_test(tests, blocks_become_codes);
    tcase_add_test(tests, codes_become_blocks);
    tcase_add_loop_test(tests, scales_of_rows, 0, (int)(sizeof choices / sizeof choices[0]));
    tcase_add_test(tests, equal_numbers_have_a_scale);
    tcase_add_test(tests, products_with_codes);
    tcase_add_test(tests, sum_of_codes_within_bounds);
    tcase_add_test(tests, look_ups_of_several_codes_a_byte);
    tcase_add_loop_test(tests, copies_between_devices, 0, 2);
    tcase_add_loop_test(tests, chosen_quantised_and_read_is_one_rounding, 0,
                        (int)(sizeof roundings / sizeof roundings[0]));
    tcase_add_loop_test(tests, refuses, 0, (int)(sizeof refused / sizeof refused[0]));
    Suite *suite = suite_create("run quant");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
