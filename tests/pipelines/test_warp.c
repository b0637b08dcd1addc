/* The warp against a plain one in double precision: any square, any frame, both layouts. */
#include "pipelines/frame.h"
#include "pipelines/pixels.h"
#include "pipelines/warp.h"
#include "suite.h"

#include <math.h>
#include <string.h>

static struct pipe_frame_pool *pool;
static struct base_pool *workers;

static void make_pool(void)
{
    ck_assert_int_eq(pipe_frame_pool_create(1, &pool, NULL), PERCEPT_OK);
    ck_assert_int_eq(base_pool_create(3, &workers, NULL), PERCEPT_OK);
    srand(1);
}

static void free_pool(void)
{
    pipe_frame_pool_destroy(pool);
    base_pool_destroy(workers);
}

static double uniform(double low, double high)
{
    return low + (high - low) * rand() / RAND_MAX;
}

/* Random pixels; what lies between and behind the rows must not matter, so it is made loud. */
static struct pipe_frame *noise(uint32_t width, uint32_t height)
{
    struct pipe_frame *frame = pipe_frame_get(pool);
    ck_assert_int_eq(pipe_frame_resize(frame, width, height, NULL), PERCEPT_OK);
    memset(frame->pixels, 255, (size_t)frame->stride * height + PIPE_FRAME_PADDING);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < 3 * width; x++)
            frame->pixels[y * frame->stride + x] = (uint8_t)(rand() >> 8);
    return frame;
}

static double tap(const struct pipe_frame *frame, double x, double y, size_t channel)
{
    if (x < 0 || y < 0 || x >= frame->width || y >= frame->height)
        return 0;
    return frame->pixels[(size_t)y * frame->stride + (size_t)x * 3 + channel];
}

/* The rule as models/hands.py writes it. */
static double reference(const struct pipe_frame *frame, const struct pipe_square *square,
                        uint32_t size, uint32_t u, uint32_t v, size_t channel)
{
    double c = cos(square->rotation), s = sin(square->rotation);
    double right = (u + 0.5) / size - 0.5, down = (v + 0.5) / size - 0.5;
    double x = square->x + (right * c - down * s) * square->side - 0.5;
    double y = square->y + (right * s + down * c) * square->side - 0.5;
    double left = floor(x), top = floor(y), across = x - left, along = y - top;
    return ((tap(frame, left, top, channel) * (1 - across) +
             tap(frame, left + 1, top, channel) * across) *
                (1 - along) +
            (tap(frame, left, top + 1, channel) * (1 - across) +
             tap(frame, left + 1, top + 1, channel) * across) *
                along) /
           255;
}

static void compare(const struct pipe_frame *frame, struct pipe_square square, uint32_t size,
                    bool planar)
{
    size_t values = 3 * (size_t)size * size;
    float *data = malloc((values + 1) * sizeof *data);
    struct pipe_image_input out = {
        .data = data, .size = size, .planar = planar, .pool = size % 3 ? workers : NULL};
    double worst = 0;
    data[values] = 42;
    pipe_warp(frame, &square, &out);
    ck_assert_float_eq(data[values], 42); /* nothing past the end */
    for (uint32_t v = 0; v < size; v++)
        for (uint32_t u = 0; u < size; u++)
            for (size_t channel = 0; channel < 3; channel++) {
                size_t pixel = (size_t)v * size + u;
                float got =
                    planar ? data[channel * size * size + pixel] : data[3 * pixel + channel];
                double error = fabs(got - reference(frame, &square, size, u, v, channel));
                worst = fmax(worst, error);
            }
    /* Noise is the worst image: a thousandth of a pixel off is a thousandth of the range. Float
     * positions (x, y, side) are the inputs; what is tested is all after them. */
    ck_assert_msg(worst < 2e-5, "off by %g: frame %u x %u, square %g %g %g %g, size %u %d", worst,
                  frame->width, frame->height, (double)square.x, (double)square.y,
                  (double)square.side, (double)square.rotation, size, planar);
    free(data);
}

START_TEST(any_square_of_any_frame_is_sampled_as_the_rule_says)
{
    for (int i = 0; i < 200; i++) {
        struct pipe_frame *frame = noise(1 + (uint32_t)rand() % 200, 1 + (uint32_t)rand() % 200);
        struct pipe_square square = {
            .x = (float)uniform(-50, 250),
            .y = (float)uniform(-50, 250),
            .side = (float)uniform(0.5, 400),
            .rotation = (float)uniform(-4, 4),
        };
        compare(frame, square, 1 + (uint32_t)rand() % 64, i % 2);
        pipe_frame_unref(frame);
    }
}
END_TEST

START_TEST(edges_meet_exactly)
{
    static const float rotations[] = {0, 1.5707963f, -1.5707963f, 3.1415927f, 0.7853982f};
    struct pipe_frame *frame = noise(32, 32);
    for (size_t i = 0; i < sizeof rotations / sizeof rotations[0]; i++)
        for (int planar = 0; planar < 2; planar++) {
            compare(frame, (struct pipe_square){16, 16, 32, rotations[i]}, 32, planar);
            compare(frame, (struct pipe_square){16, 16, 64, rotations[i]}, 32, planar);
            compare(frame, (struct pipe_square){0, 0, 1, rotations[i]}, 5, planar);
            compare(frame, (struct pipe_square){32, 32, 2, rotations[i]}, 7, planar);
        }
    pipe_frame_unref(frame);
}
END_TEST

START_TEST(an_upright_square_of_the_same_size_is_the_image_itself)
{
    struct pipe_frame *frame = noise(48, 48);
    float *data = malloc(3 * 48 * 48 * sizeof *data);
    struct pipe_square square = pipe_letterbox(48, 48);
    pipe_warp(frame, &square, &(struct pipe_image_input){.data = data, .size = 48});
    for (size_t y = 0; y < 48; y++)
        for (size_t x = 0; x < 3 * 48; x++)
            ck_assert_float_eq_tol(data[y * 144 + x] * 255, frame->pixels[y * frame->stride + x],
                                   1e-4f);
    free(data);
    pipe_frame_unref(frame);
}
END_TEST

START_TEST(a_letterbox_holds_the_image_between_black_bars)
{
    struct pipe_frame *frame = noise(64, 48);
    for (uint32_t y = 0; y < 48; y++)
        memset(frame->pixels + y * frame->stride, 255, 3 * 64);
    float *data = malloc(3 * 64 * 64 * sizeof *data);
    struct pipe_square square = pipe_letterbox(64, 48);
    pipe_warp(frame, &square, &(struct pipe_image_input){.data = data, .size = 64});
    for (size_t y = 0; y < 64; y++)
        ck_assert_float_eq(data[(y * 64 + 30) * 3], y >= 8 && y < 56 ? 1.0f : 0.0f);
    free(data);
    pipe_frame_unref(frame);
}
END_TEST

START_TEST(squares_far_outside_and_absurd_ones_are_black)
{
    static const struct pipe_square squares[] = {
        {1e6f, 0, 100, 0}, {-1e9f, 1e9f, 1, 1}, {1e30f, 0, 1e30f, 2}, {100, 1e9f, 1e-3f, 3}};
    struct pipe_frame *frame = noise(16, 16);
    float data[3 * 8 * 8];
    for (size_t i = 0; i < sizeof squares / sizeof squares[0]; i++) {
        pipe_warp(frame, &squares[i], &(struct pipe_image_input){.data = data, .size = 8});
        for (size_t j = 0; j < 3 * 8 * 8; j++)
            ck_assert_float_eq(data[j], 0);
    }
    pipe_frame_unref(frame);
}
END_TEST

START_TEST(points_of_a_square_come_back_to_where_they_were_sampled)
{
    const struct pipe_square square = {100, 50, 40, 0.5f};
    float x, y;
    pipe_square_to_image(&square, 0.5f, 0.5f, &x, &y);
    ck_assert_float_eq_tol(x, 100, 1e-4f);
    ck_assert_float_eq_tol(y, 50, 1e-4f);
    /* The middle of its right side lies along the rotation, clockwise on screen. */
    pipe_square_to_image(&square, 1, 0.5f, &x, &y);
    ck_assert_float_eq_tol(x, 100 + 20 * cosf(0.5f), 1e-4f);
    ck_assert_float_eq_tol(y, 50 + 20 * sinf(0.5f), 1e-4f);
}
END_TEST

/* ---- camera formats: the two that are converted here ---- */

static void expect_rgb(const struct pipe_frame *frame, uint32_t x, uint32_t y, int r, int g, int b)
{
    const uint8_t *pixel = frame->pixels + y * frame->stride + 3 * x;
    ck_assert_int_le(abs(pixel[0] - r), 1);
    ck_assert_int_le(abs(pixel[1] - g), 1);
    ck_assert_int_le(abs(pixel[2] - b), 1);
}

START_TEST(yuyv_and_nv12_become_the_colours_that_the_standard_names)
{
    /* BT.601, limited range: white, black, red, blue. */
    static const uint8_t yuyv[2][8] = {{235, 128, 16, 128, 81, 90, 81, 240},
                                       {41, 240, 41, 110, 126, 128, 126, 128}};
    static const uint8_t nv12[3][4] = {{81, 81, 41, 41}, {81, 81, 41, 41}, {90, 240, 240, 110}};
    struct pipe_frame *frame = pipe_frame_get(pool);
    ck_assert_int_eq(pipe_frame_resize(frame, 4, 2, NULL), PERCEPT_OK);
    pipe_pixels_from_yuyv(&yuyv[0][0], 8, frame);
    expect_rgb(frame, 0, 0, 255, 255, 255);
    expect_rgb(frame, 1, 0, 0, 0, 0);
    expect_rgb(frame, 2, 0, 255, 0, 0);
    expect_rgb(frame, 3, 0, 255, 0, 0);
    expect_rgb(frame, 0, 1, 0, 0, 255);
    expect_rgb(frame, 2, 1, 128, 128, 128);
    pipe_pixels_from_nv12(&nv12[0][0], 4, frame);
    for (uint32_t y = 0; y < 2; y++) {
        expect_rgb(frame, 0, y, 255, 0, 0);
        expect_rgb(frame, 1, y, 255, 0, 0);
        expect_rgb(frame, 3, y, 0, 0, 255);
    }
    pipe_frame_unref(frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("warp");
    TCase *tests = tcase_create("warp");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_pool, free_pool);
    tcase_add_test(tests, any_square_of_any_frame_is_sampled_as_the_rule_says);
    tcase_add_test(tests, edges_meet_exactly);
    tcase_add_test(tests, an_upright_square_of_the_same_size_is_the_image_itself);
    tcase_add_test(tests, a_letterbox_holds_the_image_between_black_bars);
    tcase_add_test(tests, squares_far_outside_and_absurd_ones_are_black);
    tcase_add_test(tests, points_of_a_square_come_back_to_where_they_were_sampled);
    tcase_add_test(tests, yuyv_and_nv12_become_the_colours_that_the_standard_names);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
