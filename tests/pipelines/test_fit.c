/* Frames as inputs of nets: held against a plain reference in double, and against values that are
 * known. */
#include "base/halves.h"
#include "pipelines/image_fit.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static uint8_t pixels[3 * MOST * MOST + PIPE_FRAME_PADDING];
static struct pipe_frame frame;

static void make_frame(uint32_t width, uint32_t height, unsigned seed)
{
    frame = (struct pipe_frame){
        .pixels = pixels, .width = width, .height = height, .stride = 3 * width};
    srand(seed);
    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        pixels[i] = (uint8_t)(rand() >> 8);
}

static struct prt_tensor spec_of(enum prt_dtype dtype, int32_t a, int32_t b, int32_t c)
{
    return (struct prt_tensor){
        .dtype = dtype, .rank = 4, .dim_order = {0, 1, 2, 3}, .sizes = {1, a, b, c}};
}

static const struct pipe_fit_options plain = {.scale = 1, .std = {1, 1, 1}};

static void run(const struct prt_tensor *spec, const struct pipe_fit_options *options, void *input,
                float rect[4])
{
    struct pipe_fit *fit;
    struct percept_error error = {0};
    ck_assert_msg(pipe_fit_create(spec, options, NULL, &fit, &error) == PERCEPT_OK, "%s",
                  error.message);
    pipe_fit_run(fit, &frame, input, rect);
    pipe_fit_destroy(fit);
}

/* ---- the reference: each pixel by itself, both axes at once ---- */

static double triangle(double distance, double support)
{
    double w = 1 - fabs(distance) / support;
    return w > 0 ? w : 0;
}

static double reference(const float rect[4], int width, int height, int x, int y, int c, double pad)
{
    double sx = (double)rect[2] / width, sy = (double)rect[3] / height;
    double cx = (double)rect[0] + (x + 0.5) * sx, cy = (double)rect[1] + (y + 0.5) * sy, sum = 0,
           total = 0;
    if (cx < 0 || cy < 0 || cx >= frame.width || cy >= frame.height)
        return pad;
    for (uint32_t v = 0; v < frame.height; v++)
        for (uint32_t u = 0; u < frame.width; u++) {
            double w =
                triangle(u + 0.5 - cx, sx > 1 ? sx : 1) * triangle(v + 0.5 - cy, sy > 1 ? sy : 1);
            sum += w * pixels[3 * (v * frame.width + u) + (uint32_t)c];
            total += w;
        }
    return sum / total;
}

START_TEST(any_size_becomes_any_size_as_the_reference_says)
{
    static const int sizes[][4] = {{7, 5, 16, 12}, {40, 31, 8, 8}, {16, 40, 24, 9}, {1, 1, 3, 2}};
    static float input[3 * MOST * MOST];
    const int *size = sizes[_i / 3];
    struct pipe_fit_options options = plain;
    float rect[4];
    options.kind = (enum pipe_fit_kind)(_i % 3);
    options.pad = 17;
    make_frame((uint32_t)size[0], (uint32_t)size[1], (unsigned)_i + 1);
    int width = size[2], height = size[3];
    struct prt_tensor spec = spec_of(PRT_F32, 3, height, width);
    run(&spec, &options, input, rect);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                ck_assert_double_eq_tol((double)input[(c * height + y) * width + x],
                                        reference(rect, width, height, x, y, c, 17), 2e-3);
}
END_TEST

START_TEST(a_frame_of_the_inputs_size_is_itself)
{
    float rect[4], input[3 * 6 * 4];
    make_frame(6, 4, 5);
    struct prt_tensor spec = spec_of(PRT_F32, 4, 6, 3);
    run(&spec, &plain, input, rect);
    for (size_t i = 0; i < sizeof input / sizeof input[0]; i++)
        ck_assert_float_eq_tol(input[i], (float)pixels[i], 1e-3f);
    ck_assert(rect[0] == 0 && rect[1] == 0 && rect[2] == 6 && rect[3] == 4);
}
END_TEST

START_TEST(numbers_are_scaled_shifted_and_put_in_order)
{
    struct pipe_fit_options options = {
        .bgr = true, .scale = 0.5, .mean = {1, 2, 3}, .std = {1, 2, 4}};
    float rect[4], input[3];
    make_frame(1, 1, 1);
    memcpy(pixels, (uint8_t[]){100, 60, 20}, 3);
    struct prt_tensor spec = spec_of(PRT_F32, 3, 1, 1);
    run(&spec, &options, input, rect);
    ck_assert_float_eq_tol(input[0], (20 * 0.5f - 1) / 1, 1e-4f);
    ck_assert_float_eq_tol(input[1], (60 * 0.5f - 2) / 2, 1e-4f);
    ck_assert_float_eq_tol(input[2], (100 * 0.5f - 3) / 4, 1e-4f);
    struct prt_tensor luma = spec_of(PRT_F32, 1, 1, 1);
    run(&luma, &plain, input, rect);
    ck_assert_float_eq_tol(input[0], 0.299f * 100 + 0.587f * 60 + 0.114f * 20, 1e-3f);
}
END_TEST

START_TEST(halves_are_the_nearest_of_the_same_numbers)
{
    static float whole[3 * 12 * 16];
    static uint16_t half[3 * 12 * 16];
    struct pipe_fit_options options = {
        .scale = 1 / 255.0, .mean = {0.5, 0.4, 0.3}, .std = {0.2, 0.2, 0.2}};
    float rect[4];
    make_frame(40, 31, 9);
    struct prt_tensor spec = spec_of(PRT_F32, 3, 12, 16), halves = spec_of(PRT_F16, 3, 12, 16);
    run(&spec, &options, whole, rect);
    run(&halves, &options, half, rect);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) /* half a unit in the last place */
        ck_assert_float_le(fabsf(base_from_f16(half[i]) - whole[i]),
                           fabsf(whole[i]) * 0x1p-11f + 0x1p-25f);
    options.scale = 1e4; /* beyond what a half can say */
    run(&halves, &options, half, rect);
    size_t infinite = 0;
    for (size_t i = 0; i < sizeof half / sizeof half[0]; i++)
        infinite += isinf(base_from_f16(half[i])) != 0;
    ck_assert_uint_gt(infinite, 0);
}
END_TEST

START_TEST(integers_are_rounded_and_cut)
{
    struct pipe_fit_options options = plain;
    uint8_t wide[3];
    int8_t narrow[3];
    float rect[4];
    make_frame(1, 1, 1);
    memcpy(pixels, (uint8_t[]){0, 100, 255}, 3);
    options.scale = 1.5;
    for (int c = 0; c < 3; c++)
        options.mean[c] = 20.2;
    struct prt_tensor spec = spec_of(PRT_U8, 3, 1, 1);
    run(&spec, &options, wide, rect);
    ck_assert(wide[0] == 0 && wide[1] == 130 && wide[2] == 255);
    spec = spec_of(PRT_I8, 1, 1, 3);
    run(&spec, &options, narrow, rect);
    ck_assert(narrow[0] == -20 && narrow[1] == 127 && narrow[2] == 127);
}
END_TEST

START_TEST(rectangles_say_what_of_the_image_is_in_the_input)
{
    static float input[3 * 8 * 8];
    struct pipe_fit_options options = plain;
    float rect[4];
    struct prt_tensor spec = spec_of(PRT_F32, 3, 8, 8);
    make_frame(32, 16, 1);
    options.kind = PIPE_FIT_LETTERBOX;
    options.pad = 9;
    run(&spec, &options, input, rect);
    ck_assert(rect[0] == 0 && rect[1] == -8 && rect[2] == 32 && rect[3] == 32);
    ck_assert_float_eq(input[0], 9); /* a bar */
    options.kind = PIPE_FIT_CROP;
    run(&spec, &options, input, rect);
    ck_assert(rect[0] == 8 && rect[1] == 0 && rect[2] == 16 && rect[3] == 16);
}
END_TEST

START_TEST(what_is_no_image_is_refused)
{
    static const struct prt_tensor specs[] = {
        {.dtype = PRT_F32, .rank = 4, .dim_order = {0, 1, 2, 3}, .sizes = {2, 3, 4, 4}},
        {.dtype = PRT_F32, .rank = 4, .dim_order = {0, 1, 2, 3}, .sizes = {1, 4, 4, 4}},
        {.dtype = PRT_F32, .rank = 4, .dim_order = {0, 1, 2, 3}, .sizes = {1, 3, 0, 4}},
        {.dtype = PRT_I64, .rank = 4, .dim_order = {0, 1, 2, 3}, .sizes = {1, 3, 4, 4}},
        {.dtype = PRT_F32, .rank = 2, .dim_order = {0, 1}, .sizes = {3, 4}},
        {.dtype = PRT_F32, .rank = 0},
    };
    struct pipe_fit *fit = NULL;
    struct percept_error error;
    ck_assert_int_eq(pipe_fit_create(&specs[_i], &plain, NULL, &fit, &error), PERCEPT_INVALID);
    ck_assert_ptr_null(fit);
}
END_TEST

int main(void)
{
    TCase *fit = tcase_create("fit");
    tcase_add_loop_test(fit, any_size_becomes_any_size_as_the_reference_says, 0, 12);
    tcase_add_test(fit, a_frame_of_the_inputs_size_is_itself);
    tcase_add_test(fit, numbers_are_scaled_shifted_and_put_in_order);
    tcase_add_test(fit, halves_are_the_nearest_of_the_same_numbers);
    tcase_add_test(fit, integers_are_rounded_and_cut);
    tcase_add_test(fit, rectangles_say_what_of_the_image_is_in_the_input);
    tcase_add_loop_test(fit, what_is_no_image_is_refused, 0, 6);
    Suite *suite = suite_create("fit");
    suite_add_tcase(suite, fit);
    return run_suite(suite);
}
