/* What the quantised operators of Vulkan blobs compute, against numbers worked out by hand. */
#include "run.h"
#include "vulkan_blob.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vulkan_blob blob;
static struct pte pte;

static void setup(void)
{
    blob = (struct vulkan_blob){0};
    pte = (struct pte){0};
}

/* Run the blob, called with args, and compare what comes out with expected, a result each. */
static void expect(const char *args, const void *const *inputs, const void *const *expected)
{
    struct flat written = vulkan_write(&blob);
    pte_delegate(&pte, "VulkanBackend", args);
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    struct run run = run_pte(&pte, inputs);
    for (size_t i = 0; i < prt_model_output_count(run.model); i++) {
        const struct prt_tensor *spec = prt_model_output_spec(run.model, i);
        const void *data = prt_model_output_data(run.model, i);
        for (size_t j = 0; j < prt_tensor_elements(spec); j++)
            if (spec->dtype == PRT_F32)
                ck_assert_float_eq_tol(((const float *)data)[j], ((const float *)expected[i])[j],
                                       1e-6f);
            else
                ck_assert_int_eq(((const int8_t *)data)[j], ((const int8_t *)expected[i])[j]);
    }
    run_free(&run);
    free(written.bytes);
}

/* ---- on codes ---- */

/* 0.5 * (a - 1) + 2 * 0.25 * (b + 2), in steps of 1 from 3 */
START_TEST(sum_of_codes)
{
    static const int8_t a[] = {1, 5, -128, 127}, b[] = {-2, 4, -128, 127}, y[] = {3, 8, -124, 127};
    vulkan_call(&blob, "et_vk.q8ta_add.default", "i8[4] i8[4] 0.5 1 0.25 -2 1.0 3 2.0 >i8[4]");
    expect("i8[4] i8[4] >i8[4]", (const void *[]){a, b}, (const void *[]){y});
}
END_TEST

START_TEST(codes_above_zero)
{
    static const int8_t x[] = {-4, 0, 4, 100}, y[] = {-10, -8, 0, 127};
    vulkan_call(&blob, "et_vk.q8ta_relu.default", "i8[4] 0.5 -1 0.25 -10 >i8[4]");
    expect("i8[4] >i8[4]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* Two keys of which the second is as good as masked out; then both count alike. */
START_TEST(attention_with_a_mask)
{
    static const float q[] = {1, 0, 0, 0}, k[] = {1, 0, 1, 0}, v[] = {2, 4, 6, 8};
    static const float mask[] = {0, -INFINITY, 0, 0}, y[] = {2, 4, 4, 6};
    vulkan_call(&blob, "et_vk.sdpa.default",
                "f32[1,1,2,2] f32[1,1,2,2] f32[1,1,2,2] f32[1,1,2,2] - >f32[1,1,2,2]");
    expect("f32[1,1,2,2] f32[1,1,2,2] f32[1,1,2,2] f32[1,1,2,2] >f32[1,1,2,2]",
           (const void *[]){q, k, v, mask}, (const void *[]){y});
}
END_TEST

/* The scale of the result is stated by its inverse. */
START_TEST(codes_from_depth_to_space)
{
    static const int8_t x[] = {0, 2, 4, 6}, y[] = {1, 2, 3, 4};
    vulkan_call(&blob, "et_vk.q8ta_pixel_shuffle.default",
                "i8[1,4,1,1] 0.5 0 1.0 1 2 >i8[1,1,2,2]");
    expect("i8[1,4,1,1] >i8[1,1,2,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

static const float layer_scales[4] = {1, 0.5f, 9, 9}, layer_bias[4] = {10, -1, 9, 9};

/* Three inputs in rows of four, two outputs; scales and bias are padded, too. */
START_TEST(linear_of_codes)
{
    static const int8_t x[] = {2, 4, 6}, w[] = {1, 2, 3, 99, -1, 0, 1, 99};
    /* (x - 2) / 2 = 0, 1, 2: 8 + 10 and 1 - 1; then in steps of 1 from 6 and at least 6 */
    static const int8_t linear[] = {24, 6};
    static const float real[] = {18, 0};
    bool codes = _i < 2;
    const char *names[] = {"et_vk.q8ta_linear.default", "et_vk.q8ta_linear_gemv.default",
                           "et_vk.linear_q8ta_q8csw.default"};
    vulkan_call(&blob, names[_i],
                codes ? "i8[1,3] 0.5 2 ci8[2,4] ci32[4] cf32[4] 1.0 6 cf32[4] \"relu\" >i8[1,2]"
                      : "i8[1,3] 0.5 2 ci8[2,4] ci32[4] cf32[4] cf32[4] >f32[1,2]");
    vulkan_data(&blob, 3, w, sizeof w);
    vulkan_data(&blob, 5, layer_scales, sizeof layer_scales);
    vulkan_data(&blob, codes ? 8 : 6, layer_bias, sizeof layer_bias);
    expect(codes ? "i8[1,3] >i8[1,2]" : "i8[1,3] >f32[1,2]", (const void *[]){x},
           (const void *[]){codes ? (const void *)linear : (const void *)real});
}
END_TEST

/* Two channels of a 2 x 2 image and a kernel of one row, whose channels lie side by side. */
START_TEST(convolution_of_codes)
{
    static const int8_t x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int8_t w[] = {1, 10, 2, 0, 3, 0, 0, -2};
    /* first: 1 * x(0, 0) + 10 * x(1, 0) + 2 * x(0, 1); second: half of 3 * x(0, 0) - 2 * x(1, 1) */
    static const int8_t y[] = {1 + 50 + 4 + 10, 3 + 70 + 8 + 10, -6, -4};
    vulkan_call(
        &blob, "et_vk.q8ta_conv2d.default",
        "i8[1,2,2,2] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 cf32[4] [1,2] [1,1] [0,0] [1,1] 1 "
        "\"none\" >i8[1,2,2,1]");
    vulkan_data(&blob, 3, w, sizeof w);
    vulkan_data(&blob, 5, layer_scales, sizeof layer_scales);
    vulkan_data(&blob, 8, layer_bias, sizeof layer_bias);
    expect("i8[1,2,2,2] >i8[1,2,2,1]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* A weight of rows, columns, channels. */
START_TEST(depthwise_convolution_of_codes)
{
    static const int8_t x[] = {1, 2, 3, 4, 5, 6, 7, 8}, w[] = {1, 2, 10, 20};
    static const int8_t y[] = {1 + 20 + 10, 3 + 40 + 10, 5 + 60 - 1, 7 + 80 - 1};
    vulkan_call(
        &blob, "et_vk.q8ta_conv2d_dw.default",
        "i8[1,2,2,2] 1.0 0 ci8[1,2,2] ci32[4] cf32[4] 1.0 0 cf32[4] [1,2] [1,1] [0,0] [1,1] "
        "2 \"none\" >i8[1,2,2,1]");
    vulkan_data(&blob, 3, w, sizeof w);
    vulkan_data(&blob, 5, layer_scales, sizeof layer_scales);
    vulkan_data(&blob, 8, layer_bias, sizeof layer_bias);
    expect("i8[1,2,2,2] >i8[1,2,2,1]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* One element becomes a row of two. */
START_TEST(transposed_convolution_of_codes)
{
    static const int8_t x[] = {3, 5}, w[] = {1, 2, 10, 20, 4, 0, 6, 2};
    /* first: 3 + 10, 30 + 100; second: half of 12 and 18 + 10, less one */
    static const int8_t y[] = {3 + 10 + 10, 127, 5, 13};
    vulkan_call(&blob, "et_vk.q8ta_conv2d_transposed.default",
                "i8[1,2,1,1] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 cf32[4] [1,2] [1,2] [0,0] [0,0] "
                "[1,1] 1 \"relu\" >i8[1,2,1,2]");
    vulkan_data(&blob, 3, w, sizeof w);
    vulkan_data(&blob, 5, layer_scales, sizeof layer_scales);
    vulkan_data(&blob, 8, layer_bias, sizeof layer_bias);
    expect("i8[1,2,1,1] >i8[1,2,1,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* ---- packed weights ---- */

/* Codes 1, -2, 3, -8 and 7, 0, -1, 2, two a byte and 8 more, the first in the lower half. */
static const uint8_t nibbles[] = {0x69, 0x0b, 0x8f, 0xa7};

START_TEST(linear_of_four_bits)
{
    static const float x[] = {1, 10, 100, 1000}, scales[] = {1, 2, 0, 0, 0.5f, 1, 0, 0};
    static const float bias[] = {0.25f, 0, 0, 0};
    /* groups of two: 1 - 20 and half of 300 - 8000; 2 * 7 and -100 + 2000 */
    static const float y[] = {-19 - 3850 + 0.25f, 14 + 1900};
    vulkan_call(&blob, "et_vk.linear_q4gsw.default",
                "f32[1,4] cu8[2,2] cf32[2,4] 2 cf32[4] >f32[1,2]");
    vulkan_data(&blob, 1, nibbles, sizeof nibbles);
    vulkan_data(&blob, 2, scales, sizeof scales);
    vulkan_data(&blob, 4, bias, sizeof bias);
    expect("f32[1,4] >f32[1,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* Rows are rounded with their own scale and zero point first. */
START_TEST(linear_of_four_bits_and_rounded_rows)
{
    static const float x[] = {1.4f, 0, 0, 0.2f, 1000, 0, 0, 3}, scale[] = {1, 2};
    static const int32_t zero[] = {0, 100};
    static const float scales[] = {1, 1, 0, 0};
    /* 1.4 is 1 and 0.2 is 0; 1000 is the code 127, 2 * 27; 3 is half-way and the even one: 4 */
    static const float y[] = {1, 7, 54 - 32, 54 * 7 + 8};
    vulkan_call(&blob, "et_vk.linear_dq8ca_q4gsw.default",
                "f32[2,4] f32[1,2] i32[1,2] cu8[2,2] ci32[1,8] cf32[1,4] 4 - >f32[2,2]");
    vulkan_data(&blob, 3, nibbles, sizeof nibbles);
    vulkan_data(&blob, 5, scales, sizeof scales);
    expect("f32[2,4] f32[1,2] i32[1,2] >f32[2,2]", (const void *[]){x, scale, zero},
           (const void *[]){y});
}
END_TEST

START_TEST(linear_by_channel)
{
    static const float x[] = {1, 10, 100, 1000}, scales[] = {1, 0.5f};
    static const int8_t bytes[] = {1, -2, 3, -8, 7, 0, -1, 2};
    static const float y[] = {1 - 20 + 300 - 8000, 3.5f - 50 + 1000};
    static const uint8_t swapped[] = {0x96, 0xb0, 0xf8, 0x7a}; /* the first in the upper half */
    bool packed = _i == 1;
    vulkan_call(&blob, packed ? "et_vk.linear_qcs4w.default" : "aten._weight_int8pack_mm.default",
                packed ? "f32[1,4] cu8[2,2] cf32[2] >f32[1,2]"
                       : "f32[1,4] ci8[2,4] cf32[2] >f32[1,2]");
    vulkan_data(&blob, 1, packed ? (const void *)swapped : bytes, packed ? 4 : 8);
    vulkan_data(&blob, 2, scales, sizeof scales);
    expect("f32[1,4] >f32[1,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* The order of the codes in a byte is that of linear layers, or the other. */
START_TEST(embedding_of_four_bits)
{
    static const int32_t index[] = {1, 0};
    static const float scales[] = {1, 2, 0.5f, 1};
    static const float y[2][8] = {{0, 3.5f, 2, -1, -2, 1, -16, 6}, {3.5f, 0, -1, 2, 1, -2, 6, -16}};
    vulkan_call(&blob, "et_vk.embedding_q4gsw.default",
                _i ? "cu8[2,2] cf32[2,2] 2 i32[2] T >f32[2,4]"
                   : "cu8[2,2] cf32[2,2] 2 i32[2] F >f32[2,4]");
    vulkan_data(&blob, 0, nibbles, sizeof nibbles);
    vulkan_data(&blob, 1, scales, sizeof scales);
    expect("i32[2] >f32[2,4]", (const void *[]){index}, (const void *[]){y[_i]});
}
END_TEST

/* ---- rotary embeddings ---- */

START_TEST(pairs_side_by_side_are_turned)
{
    static const float q[] = {1, 2, 3, 4}, k[] = {5, 6, 7, 8}, cosines[] = {10, 100};
    static const float sines[] = {1, 2};
    static const float turned_q[] = {10 - 2, 1 + 20, 300 - 8, 6 + 400};
    static const float turned_k[] = {50 - 6, 5 + 60, 700 - 16, 14 + 800};
    vulkan_call(&blob, "et_vk.apply_rotary_emb.default",
                "f32[1,1,1,4] f32[1,1,1,4] f32[1,2] f32[1,2] ($5,$6)");
    /* The list names results that come after it. */
    blob.values[5] = blob.values[6] = blob.values[0];
    blob.outputs[0] = 5;
    blob.outputs[1] = 6;
    blob.output_count = 2;
    blob.value_count = 7;
    expect("f32[1,1,1,4] f32[1,1,1,4] f32[1,2] f32[1,2] >f32[1,1,1,4] >f32[1,1,1,4]",
           (const void *[]){q, k, cosines, sines}, (const void *[]){turned_q, turned_k});
}
END_TEST

/* From the second position on; the last two of six elements stay. */
START_TEST(halves_are_turned)
{
    static const float q[] = {1, 2, 3, 4, 5, 6}, k[] = {0, 0, 1, 1, 8, 9};
    static const float cosines[] = {0, 0, 0, 0, 10, 100, 20, 200},
                       sines[] = {0, 0, 0, 0, 1, 2, 3, 4};
    static const float turned_q[] = {10 - 3, 200 - 8, 60 + 3, 800 + 8, 5, 6};
    static const float turned_k[] = {-1, -2, 20, 200, 8, 9};
    vulkan_call(&blob, "et_vk.apply_rotary_emb_hf.default",
                "f32[1,1,1,6] f32[1,1,1,6] f32[2,4] f32[2,4] 1 ($6,$7)");
    blob.values[6] = blob.values[7] = blob.values[0];
    blob.outputs[0] = 6;
    blob.outputs[1] = 7;
    blob.output_count = 2;
    blob.value_count = 8;
    expect("f32[1,1,1,6] f32[1,1,1,6] f32[2,4] f32[2,4] >f32[1,1,1,6] >f32[1,1,1,6]",
           (const void *[]){q, k, cosines, sines}, (const void *[]){turned_q, turned_k});
}
END_TEST

START_TEST(interleaved_pairs_are_turned)
{
    static const float x[] = {1, 2, 3, 4}, angles[] = {10, 1, 100, 2};
    static const float y[] = {10 - 2, 1 + 20, 300 - 8, 6 + 400};
    vulkan_call(&blob, "et_vk.apply_rotary_emb_interleaved.default",
                "f32[1,1,4] f32[1,1,2,2] >f32[1,1,4]");
    expect("f32[1,1,4] f32[1,1,2,2] >f32[1,1,4]", (const void *[]){x, angles}, (const void *[]){y});
}
END_TEST

/* ---- the rest ---- */

START_TEST(greatest_of_four)
{
    static const float x[] = {1, 2, 5, 4, 3, 0, -1, -2}, y[] = {3, 5};
    vulkan_call(&blob, "aten.max_pool2d.default",
                "f32[1,1,2,4] [2,2] [2,2] [0,0] [1,1] F >f32[1,1,1,2]");
    expect("f32[1,1,2,4] >f32[1,1,1,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

START_TEST(small_numbers_become_zero)
{
    static const float x[] = {-0.5f, 0.5f, -0.75f, 2}, y[] = {0, 0, -0.75f, 2};
    vulkan_call(&blob, "aten.hardshrink.default", "f32[4] 0.5 >f32[4]");
    expect("f32[4] >f32[4]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

START_TEST(as_many_of_a_number)
{
    static const float x[] = {7, 8}, y[][2] = {{0, 0}, {1, 1}};
    vulkan_call(&blob, _i ? "aten.ones_like.default" : "aten.zeros_like.default",
                "f32[2] - - - - - >f32[2]");
    expect("f32[2] >f32[2]", (const void *[]){x}, (const void *[]){y[_i]});
}
END_TEST

START_TEST(places_of_pixels)
{
    static const float x[6] = {0}, y[] = {4, 4, 12, 4, 20, 4, 4, 12, 12, 12, 20, 12};
    vulkan_call(&blob, "et_vk.grid_priors.default", "f32[1,2,3] 8 0.5 >f32[6,2]");
    expect("f32[1,2,3] >f32[6,2]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* What the import knows of the method's own operators is not the blob's. */
START_TEST(operators_follow_a_blob)
{
    static const float x[] = {-4, 9}, y[] = {-16, -81};
    vulkan_call(&blob, "aten.abs.default", "f32[2] >f32[2]");
    struct flat written = vulkan_write(&blob);
    uint32_t whole = pte_delegate(&pte, "VulkanBackend", "f32[2] >f32[2]");
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    char args[64];
    snprintf(args, sizeof args, "$%u >f32[2] =", whole);
    uint32_t negative = pte_call(&pte, "aten::neg.out", args);
    snprintf(args, sizeof args, "$%u $%u >f32[2] =", whole, negative);
    pte_call(&pte, "aten::mul.out", args);
    struct run run = run_pte(&pte, (const void *[]){x});
    ck_assert_uint_eq(prt_model_output_count(run.model), 1);
    ck_assert_mem_eq(prt_model_output_data(run.model, 0), y, sizeof y);
    run_free(&run);
    free(written.bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("run vulkan");
    tcase_add_checked_fixture(tests, setup, NULL);
    const TTest *const all[] = {
        sum_of_codes,
        codes_above_zero,
        attention_with_a_mask,
        codes_from_depth_to_space,
        convolution_of_codes,
        depthwise_convolution_of_codes,
        transposed_convolution_of_codes,
        linear_of_four_bits,
        linear_of_four_bits_and_rounded_rows,
        pairs_side_by_side_are_turned,
        halves_are_turned,
        interleaved_pairs_are_turned,
        greatest_of_four,
        small_numbers_become_zero,
        places_of_pixels,
        operators_follow_a_blob,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    tcase_add_loop_test(tests, linear_of_codes, 0, 3);
    tcase_add_loop_test(tests, as_many_of_a_number, 0, 2);
    tcase_add_loop_test(tests, linear_by_channel, 0, 2);
    tcase_add_loop_test(tests, embedding_of_four_bits, 0, 2);
    Suite *suite = suite_create("run vulkan");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
