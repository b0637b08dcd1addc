/* Pooling and resizing of the CPU backend, in both ways that a graph states images. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- images ---- */

static struct prt_tensor image(enum prt_dtype dtype, bool nhwc, int32_t n, int32_t h, int32_t w,
                               int32_t c)
{
    return nhwc ? TENSOR(dtype, n, h, w, c) : channels_last(TENSOR(dtype, n, c, h, w));
}

/* The element at n, h, w, c of an operand of either kind. */
static double pixel(const struct one_node *one, uint32_t id, bool nhwc, int32_t n, int32_t h,
                    int32_t w, int32_t c)
{
    return one_node_get(one, id, nhwc ? (int32_t[]){n, h, w, c} : (int32_t[]){n, c, h, w});
}

struct place {
    int32_t n, h, w, c;
};

static struct place place_of(bool nhwc, const int32_t *i)
{
    return nhwc ? (struct place){i[0], i[1], i[2], i[3]} : (struct place){i[0], i[2], i[3], i[1]};
}

/* ---- pooling ---- */

static double pooled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_pool_attrs *a = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *spec = one_node_spec(one, x);
    int32_t height = spec->sizes[a->nhwc ? 1 : 2], width = spec->sizes[a->nhwc ? 2 : 3];
    struct place at = place_of(a->nhwc, index);
    double best = -HUGE_VAL, sum = 0;
    int valid = 0, inside = 0;
    for (int32_t ky = 0; ky < a->kernel[0]; ky++)
        for (int32_t kx = 0; kx < a->kernel[1]; kx++) {
            int32_t h = at.h * a->stride[0] - a->padding[0] + ky * a->dilation[0];
            int32_t w = at.w * a->stride[1] - a->padding[2] + kx * a->dilation[1];
            inside += h < height + a->padding[1] && w < width + a->padding[3];
            if (h < 0 || w < 0 || h >= height || w >= width)
                continue;
            double v = pixel(one, x, a->nhwc, at.n, h, w, at.c);
            valid++;
            sum += v;
            best = isnan(best) || isnan(v) ? NAN : fmax(best, v);
        }
    double y = a->is_max ? best : sum / (a->count_include_pad ? inside : valid);
    if (a->act.kind == PRT_ACT_CLAMP && !isnan(y))
        y = fmin(fmax(y, (double)a->act.lo), (double)a->act.hi);
    return y;
}

/* As PyTorch: the last window starts inside of the image or its leading padding. */
static int32_t positions(int32_t size, int32_t kernel, int32_t stride, int32_t dilation,
                         int32_t before, int32_t after, bool ceil_mode)
{
    int32_t room = size + before + after - (kernel - 1) * dilation - 1;
    int32_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    return ceil_mode && (count - 1) * stride >= size + before ? count - 1 : count;
}

static void pool_case(enum prt_dtype dtype, bool coded, bool is_max, int round)
{
    struct prt_pool_attrs a = {.is_max = is_max, .nhwc = round % 2};
    a.count_include_pad = random_between(0, 1);
    int32_t in[2], out[2];
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = random_between(1, round == 7 ? 9 : 3);
        a.stride[i] = random_between(1, 3);
        a.dilation[i] = is_max ? random_between(1, 2) : 1;
        int32_t span = (a.kernel[i] - 1) * a.dilation[i] + 1;
        a.padding[2 * i] = random_between(0, a.kernel[i] / 2);
        a.padding[2 * i + 1] = random_between(0, a.kernel[i] / 2);
        in[i] = span + random_between(0, 9);
        out[i] = positions(in[i], a.kernel[i], a.stride[i], a.dilation[i], a.padding[2 * i],
                           a.padding[2 * i + 1], random_between(0, 1));
    }
    if (random_between(0, 1))
        a.act = (struct prt_activation){PRT_ACT_CLAMP, -0.4f, 0.6f};
    int32_t n = random_between(1, 2), c = round ? random_between(1, 70) : 600;
    struct prt_tensor x = image(dtype, a.nhwc, n, in[0], in[1], c);
    struct prt_tensor y = image(dtype, a.nhwc, n, out[0], out[1], c);
    if (coded) {
        int32_t zero = dtype == PRT_U8 ? 120 : -9;
        x = quantised(x, 0.02, zero);
        y = quantised(y, is_max ? 0.02 : 0.013, is_max ? zero : zero + 5);
    }
    struct one_node one = one_node_begin();
    uint32_t id = one_node_input(&one, x);
    one_node_fill(&one, id, -1, 1);
    if (dtype == PRT_F32 && is_max)
        one_node_fill_edges(&one, id);
    NODE(&one, PRT_OP_POOL2D, y, id)->attrs.pool = a;
    one_node_run(&one);
    one_node_check(&one, pooled, &a, coded ? 1e-3 : dtype == PRT_F32 ? 2e-6 : 1e-3);
    one_node_end(&one);
}

START_TEST(pools_match_their_definition)
{
    random_seed(10 + (uint64_t)_i);
    for (int round = 0; round < 25; round++) {
        pool_case(PRT_F32, false, _i, round);
        pool_case(PRT_I8, true, _i, round);
        pool_case(PRT_U8, true, _i, round);
        if (!_i)
            pool_case(PRT_F16, false, false, round);
    }
}
END_TEST

START_TEST(large_pools_are_spread_over_workers)
{
    struct one_node one = one_node_begin();
    struct prt_pool_attrs a = {.is_max = true, .kernel = {2, 2}, .stride = {2, 2}};
    a.dilation[0] = a.dilation[1] = 1;
    uint32_t x = one_node_input(&one, image(PRT_F32, false, 1, 64, 64, 32));
    one_node_fill(&one, x, -1, 1);
    NODE(&one, PRT_OP_POOL2D, image(PRT_F32, false, 1, 32, 32, 32), x)->attrs.pool = a;
    one_node_run(&one);
    one_node_check(&one, pooled, &a, 0);
    one_node_end(&one);
}
END_TEST

START_TEST(images_in_another_layout_are_refused)
{
    struct one_node one = one_node_begin();
    struct prt_pool_attrs a = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 1, 8, 4, 4));
    NODE(&one, PRT_OP_POOL2D, TENSOR(PRT_F32, 1, 8, 4, 4), x)->attrs.pool = a;
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* ---- resizing ---- */

static double source(const struct prt_resize_attrs *a, int axis, int32_t in, int32_t out,
                     int32_t at)
{
    if (a->align_corners)
        return out > 1 ? at * (double)(in - 1) / (out - 1) : 0;
    double step = a->scale[axis] > 0 ? 1 / a->scale[axis] : (double)in / out;
    if (!a->half_pixel)
        return at * step;
    return a->bilinear ? fmax((at + 0.5) * step - 0.5, 0) : (at + 0.5) * step;
}

static double resized(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_resize_attrs *a = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *from = one_node_spec(one, x), *to = one_node_spec(one, one->y);
    struct place at = place_of(a->nhwc, index);
    int32_t first[2], second[2];
    double share[2];
    for (int i = 0; i < 2; i++) {
        int32_t in = from->sizes[(a->nhwc ? 1 : 2) + i], out = to->sizes[(a->nhwc ? 1 : 2) + i];
        double position = source(a, i, in, out, i ? at.w : at.h);
        if (!a->bilinear)
            position = a->align_corners ? rint(position) : floor(position + 1e-5);
        position = fmin(position, in - 1);
        first[i] = (int32_t)position;
        second[i] = first[i] + 1 < in ? first[i] + 1 : first[i];
        share[i] = position - first[i];
    }
    double top = pixel(one, x, a->nhwc, at.n, first[0], first[1], at.c) * (1 - share[1]) +
                 pixel(one, x, a->nhwc, at.n, first[0], second[1], at.c) * share[1];
    double bottom = pixel(one, x, a->nhwc, at.n, second[0], first[1], at.c) * (1 - share[1]) +
                    pixel(one, x, a->nhwc, at.n, second[0], second[1], at.c) * share[1];
    return top * (1 - share[0]) + bottom * share[0];
}

START_TEST(resizes_match_their_definition)
{
    static const struct {
        enum prt_dtype dtype;
        bool coded;
    } kinds[] = {{PRT_F32, false}, {PRT_I8, true}, {PRT_U8, true}, {PRT_F16, false}};
    random_seed(20 + (uint64_t)_i);
    for (unsigned k = 0; k < 4; k++)
        for (int round = 0; round < 24; round++) {
            struct prt_resize_attrs a = {.bilinear = _i, .nhwc = round % 2};
            a.align_corners = round % 3 == 1;
            a.half_pixel = round % 3 == 2;
            if (kinds[k].dtype == PRT_F16 && a.bilinear)
                continue;
            int32_t h = random_between(1, 9), w = random_between(1, 9);
            int32_t to_h = random_between(1, 20), to_w = random_between(1, 20);
            if (round % 4 == 0) { /* upsampling by what the program states */
                a.scale[0] = 2, a.scale[1] = 2.5;
                to_h = 2 * h, to_w = (int32_t)(2.5 * w);
            }
            int32_t n = random_between(1, 2), c = random_between(1, 40);
            struct prt_tensor x = image(kinds[k].dtype, a.nhwc, n, h, w, c);
            struct prt_tensor y = image(kinds[k].dtype, a.nhwc, n, to_h, to_w, c);
            if (kinds[k].coded) {
                int32_t zero = kinds[k].dtype == PRT_U8 ? 130 : -3;
                x = quantised(x, 0.05, zero);
                y = quantised(y, 0.05, zero);
            }
            struct one_node one = one_node_begin();
            uint32_t id = one_node_input(&one, x);
            one_node_fill(&one, id, -1, 1);
            NODE(&one, PRT_OP_RESIZE2D, y, id)->attrs.resize = a;
            one_node_run(&one);
            one_node_check(&one, resized, &a, kinds[k].coded ? 1e-3 : 3e-6);
            one_node_end(&one);
        }
}
END_TEST

/* Images of codes made two or four times as large, of which every share is a whole number of
 * eighths, are exact: halves go to the code an even number of steps from the zero point. */
static double enlarged(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_tensor *y = one_node_spec(one, one->y);
    double scale = (double)y->quant.scale;
    return scale * nearbyint(resized(one, index, context) / scale);
}

START_TEST(enlarged_codes_are_exact)
{
    static const int32_t channels[] = {1, 7, 16, 24, 32, 33};
    random_seed(30 + (uint64_t)_i);
    for (int round = 0; round < 36; round++) {
        int32_t by = round % 2 ? 4 : 2, c = channels[round / 2 % 6];
        struct prt_resize_attrs a = {.bilinear = true, .nhwc = true};
        a.half_pixel = round % 3 != 1;
        a.scale[0] = a.scale[1] = round % 5 ? (float)by : 0;
        int32_t n = random_between(1, 2), h = random_between(1, 9), w = random_between(1, 9);
        enum prt_dtype dtype = _i ? PRT_U8 : PRT_I8;
        int32_t zero = _i ? random_between(0, 255) : random_between(-128, 127);
        /* A power of two: what is halfway between two codes is so in the reference, too. */
        struct prt_tensor x = quantised(image(dtype, true, n, h, w, c), 0.125, zero);
        struct prt_tensor y = quantised(image(dtype, true, n, by * h, by * w, c), 0.125, zero);
        struct one_node one = one_node_begin();
        uint32_t id = one_node_input(&one, x);
        one_node_fill(&one, id, -30, 30);
        NODE(&one, PRT_OP_RESIZE2D, y, id)->attrs.resize = a;
        one_node_run(&one);
        one_node_check(&one, enlarged, &a, 0);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu image");
    TCase *tests = tcase_create("cpu image");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, pools_match_their_definition, 0, 2);
    tcase_add_test(tests, large_pools_are_spread_over_workers);
    tcase_add_test(tests, images_in_another_layout_are_refused);
    tcase_add_loop_test(tests, resizes_match_their_definition, 0, 2);
    tcase_add_loop_test(tests, enlarged_codes_are_exact, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
