/* Ops of the CPU backend that slide windows in three dimensions or sample along a grid. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t filled(struct one_node *one, struct prt_tensor tensor, double lo, double hi)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, lo, hi);
    return id;
}

static bool inside(const struct prt_tensor *x, unsigned first, const int32_t *at)
{
    for (unsigned i = first; i < first + 3; i++)
        if (at[i] < 0 || at[i] >= x->sizes[i])
            return false;
    return true;
}

/* ---- convolution ---- */

/* One element: all taps over all input channels of its group. */
static double convolved(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_conv3d_attrs *a = context;
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *x = one_node_spec(one, node->inputs[0]),
                            *w = one_node_spec(one, node->inputs[1]),
                            *y = one_node_spec(one, one->y);
    int32_t in = x->sizes[1] / a->groups, out = y->sizes[1] / a->groups, tap[5] = {0}, at[5];
    double sum = node->inputs[2] == PRT_NO_VALUE
                     ? 0
                     : one_node_get(one, node->inputs[2], (int32_t[]){index[1]});
    do {
        bool meets = true;
        int32_t channel = a->transposed ? tap[0] : index[1] / out * in + tap[1];
        bool mine = a->transposed ? tap[0] / in == index[1] / out && tap[1] == index[1] % out
                                  : tap[0] == index[1];
        at[0] = index[0], at[1] = channel;
        for (int i = 0; i < 3 && mine; i++) {
            int32_t shift = tap[2 + i] * a->dilation[i] - a->padding[i];
            int32_t place =
                a->transposed ? index[2 + i] - shift : index[2 + i] * a->stride[i] + shift;
            meets = meets && (!a->transposed || place % a->stride[i] == 0);
            at[2 + i] = a->transposed ? place / a->stride[i] : place;
        }
        if (mine && meets && inside(x, 2, at))
            sum += one_node_get(one, node->inputs[0], at) * one_node_get(one, node->inputs[1], tap);
    } while (next_index(w, tap));
    return sum;
}

START_TEST(conv3d_sums_all_taps)
{
    random_seed(21);
    for (int round = 0; round < 60; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = round % 4 == 0 ? PRT_F64 : PRT_F32;
        struct prt_conv3d_attrs a = {.groups = random_between(1, 3), .transposed = round % 2};
        int32_t in = a.groups * random_between(1, 3), out = a.groups * random_between(1, 3);
        struct prt_tensor x = TENSOR(dtype, random_between(1, 2), in, 1, 1, 1);
        struct prt_tensor w =
            TENSOR(dtype, a.transposed ? in : out, (a.transposed ? out : in) / a.groups, 1, 1, 1);
        struct prt_tensor y = TENSOR(dtype, x.sizes[0], out, 1, 1, 1);
        for (int i = 0; i < 3; i++) {
            int32_t k = w.sizes[2 + i] = random_between(1, 3);
            a.stride[i] = random_between(1, 3);
            a.dilation[i] = random_between(1, 2);
            int32_t reach = (k - 1) * a.dilation[i] + 1;
            a.padding[i] = random_between(0, reach / 2);
            int32_t size = x.sizes[2 + i] = random_between(reach, 7);
            a.output_padding[i] = a.transposed ? random_between(0, a.stride[i] - 1) : 0;
            y.sizes[2 + i] = a.transposed ? (size - 1) * a.stride[i] - 2 * a.padding[i] + reach +
                                                a.output_padding[i]
                                          : (size + 2 * a.padding[i] - reach) / a.stride[i] + 1;
        }
        uint32_t inputs[3] = {filled(&one, x, -1, 1), filled(&one, w, -1, 1), PRT_NO_VALUE};
        if (random_between(0, 1))
            inputs[2] = filled(&one, TENSOR(dtype, out), -1, 1);
        one_node_make(&one, PRT_OP_CONV3D, y, 3, inputs)->attrs.conv3d = a;
        one_node_run(&one);
        one_node_check(&one, convolved, &a, dtype == PRT_F64 ? 1e-12 : 1e-5);
        one_node_end(&one);
    }
}
END_TEST

/* ---- pools ---- */

static double pooled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_pool3d_attrs *a = context;
    uint32_t id = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *x = one_node_spec(one, id), *y = one_node_spec(one, one->y);
    int32_t first[3], count[3], at[4] = {index[0]}, place = -1;
    double best = -INFINITY, sum = 0, seen = 0, area = 1;
    for (int i = 0; i < 3; i++) {
        int64_t size = x->sizes[1 + i], n = y->sizes[1 + i], j = index[1 + i];
        first[i] = (int32_t)(a->adaptive ? j * size / n : j * a->stride[i] - a->padding[i]);
        count[i] = (int32_t)(a->adaptive ? ((j + 1) * size + n - 1) / n - first[i] : a->kernel[i]);
        int32_t end = first[i] + count[i], edge = (int32_t)size + a->padding[i];
        area *= end < edge ? end - first[i] : edge - first[i];
    }
    int32_t steps[3] = {1, 1, 1};
    for (int i = 0; i < 3 && !a->adaptive; i++)
        steps[i] = a->dilation[i];
    for (int32_t d = 0; d < count[0]; d++)
        for (int32_t h = 0; h < count[1]; h++)
            for (int32_t w = 0; w < count[2]; w++) {
                at[1] = first[0] + d * steps[0];
                at[2] = first[1] + h * steps[1];
                at[3] = first[2] + w * steps[2];
                if (!inside(x, 1, at))
                    continue;
                double value = one_node_get(one, id, at);
                seen++, sum += value;
                if (value > best || isnan(value) || place < 0) {
                    best = value;
                    place = (at[1] * x->sizes[2] + at[2]) * x->sizes[3] + at[3];
                }
            }
    if (a->kind == PRT_POOL3D_AVERAGE)
        return sum / (a->divisor ? (double)a->divisor : a->count_include_pad ? area : seen);
    return a->kind == PRT_POOL3D_MAX ? best : place;
}

START_TEST(pool3d_sees_its_window)
{
    random_seed(22);
    for (int round = 0; round < 90; round++) {
        struct one_node one = one_node_begin();
        struct prt_pool3d_attrs a = {.kind = (enum prt_pool3d_kind)(round % 3),
                                     .adaptive = round % 5 == 0,
                                     .count_include_pad = random_between(0, 1),
                                     .divisor = round % 7 == 0 ? 5 : 0};
        bool average = a.kind == PRT_POOL3D_AVERAGE;
        enum prt_dtype dtype = round % 4 == 0               ? PRT_F64
                               : round % 4 == 1 && !average ? PRT_I64
                                                            : PRT_F32;
        struct prt_tensor x = TENSOR(dtype, random_between(1, 3), 1, 1, 1), y = x;
        for (int i = 0; i < 3; i++) {
            a.kernel[i] = random_between(1, 3);
            a.dilation[i] = average ? 1 : random_between(1, 2);
            a.stride[i] = random_between(1, 3);
            a.padding[i] = a.adaptive ? 0 : a.kernel[i] / 2;
            int32_t reach = (a.kernel[i] - 1) * a.dilation[i] + 1;
            int32_t size = x.sizes[1 + i] = random_between(reach, 8);
            int32_t room = size + 2 * a.padding[i] - reach, full = room / a.stride[i] + 1;
            bool more = random_between(0, 1) && full * a.stride[i] - a.padding[i] < size;
            y.sizes[1 + i] = a.adaptive ? random_between(1, 9) : full + more;
        }
        y.dtype = a.kind == PRT_POOL3D_MAX_INDEX ? PRT_I64 : dtype;
        uint32_t id = filled(&one, x, -50, 50);
        NODE(&one, PRT_OP_POOL3D, y, id)->attrs.pool3d = a;
        one_node_run(&one);
        one_node_check(&one, pooled, &a, 1e-6);
        one_node_end(&one);
    }
}
END_TEST

START_TEST(nan_is_a_maximum)
{
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, TENSOR(PRT_F32, 1, 1, 2, 2), 0, 1);
    one_node_set(&one, x, (int32_t[]){0, 0, 1, 0}, NAN);
    struct prt_pool3d_attrs a = {.kind = PRT_POOL3D_MAX, .adaptive = true};
    NODE(&one, PRT_OP_POOL3D, TENSOR(PRT_F32, 1, 1, 1, 1), x)->attrs.pool3d = a;
    one_node_run(&one);
    ck_assert(isnan(one_node_get(&one, one.y, (int32_t[]){0, 0, 0, 0})));
    one_node_end(&one);
}
END_TEST

/* ---- grids ---- */

static double mirrored(double at, double low, double high)
{
    if (high <= low)
        return 0;
    while (at < low || at > high)
        at = at < low ? 2 * low - at : 2 * high - at;
    return at;
}

/* A coordinate of the grid in pixels. */
static double pixels(const struct prt_grid_attrs *a, double at, int32_t size)
{
    return a->align_corners ? (at + 1) / 2 * (size - 1) : ((at + 1) * size - 1) / 2;
}

static double settled(const struct prt_grid_attrs *a, double at, int32_t size)
{
    if (a->edge == PRT_GRID_REFLECTION)
        at = a->align_corners ? mirrored(at, 0, size - 1) : mirrored(at, -0.5, size - 0.5);
    return a->edge == PRT_GRID_ZEROS ? at : fmin(fmax(at, 0), size - 1);
}

static double tent(double x)
{
    return fmax(0, 1 - fabs(x));
}

static double keys(double x)
{
    x = fabs(x);
    if (x <= 1)
        return 1.25 * x * x * x - 2.25 * x * x + 1;
    return x < 2 ? -0.75 * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
}

/* The sum over all pixels near, each by the filter at its distance. */
static double sampled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_grid_attrs *a = context;
    uint32_t x = one->graph->nodes[0].inputs[0], grid = one->graph->nodes[0].inputs[1];
    const struct prt_tensor *image = one_node_spec(one, x);
    double at[2], sum = 0;
    for (int i = 0; i < 2; i++) {
        double where = one_node_get(one, grid, (int32_t[]){index[0], index[2], index[3], 1 - i});
        at[i] = pixels(a, where, image->sizes[2 + i]);
        if (a->mode != PRT_GRID_BICUBIC)
            at[i] = settled(a, at[i], image->sizes[2 + i]);
        if (a->mode == PRT_GRID_NEAREST)
            at[i] = rint(at[i]);
    }
    for (int32_t h = (int32_t)floor(at[0]) - 1; h <= floor(at[0]) + 2; h++)
        for (int32_t w = (int32_t)floor(at[1]) - 1; w <= floor(at[1]) + 2; w++) {
            int32_t from[4] = {index[0], index[1], h, w};
            if (a->mode == PRT_GRID_BICUBIC) {
                from[2] = (int32_t)settled(a, h, image->sizes[2]);
                from[3] = (int32_t)settled(a, w, image->sizes[3]);
            }
            double (*filter)(double) = a->mode == PRT_GRID_BICUBIC ? keys : tent;
            if (from[2] >= 0 && from[2] < image->sizes[2] && from[3] >= 0 &&
                from[3] < image->sizes[3])
                sum += filter(h - at[0]) * filter(w - at[1]) * one_node_get(one, x, from);
        }
    return sum;
}

START_TEST(grid_sample_looks_where_the_grid_says)
{
    random_seed(23);
    for (int round = 0; round < 36; round++) {
        struct one_node one = one_node_begin();
        struct prt_grid_attrs a = {(enum prt_grid_mode)(round % 3),
                                   (enum prt_grid_edge)(round / 3 % 3), round / 9 % 2};
        enum prt_dtype dtype = round >= 18 ? PRT_F64 : PRT_F32;
        uint32_t x = filled(&one, TENSOR(dtype, 2, 3, 5, 4), -1, 1);
        uint32_t grid = filled(&one, TENSOR(dtype, 2, 6, 7, 2), -1.7, 1.7);
        NODE(&one, PRT_OP_GRID_SAMPLE, TENSOR(dtype, 2, 3, 6, 7), x, grid)->attrs.grid = a;
        one_node_run(&one);
        one_node_check(&one, sampled, &a, 1e-5);
        one_node_end(&one);
    }
}
END_TEST

START_TEST(wild_grid_reads_nothing_outside)
{
    for (int round = 0; round < 9; round++) {
        struct one_node one = one_node_begin();
        uint32_t x = filled(&one, TENSOR(PRT_F32, 1, 1, 3, 3), 1, 2);
        uint32_t grid = filled(&one, TENSOR(PRT_F32, 1, 4, 4, 2), -1e30, 1e30);
        one_node_fill_edges(&one, grid);
        NODE(&one, PRT_OP_GRID_SAMPLE, TENSOR(PRT_F32, 1, 1, 4, 4), x, grid)->attrs.grid =
            (struct prt_grid_attrs){(enum prt_grid_mode)(round % 3),
                                    (enum prt_grid_edge)(round / 3), false};
        one_node_run(&one);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_volume");
    TCase *tests = tcase_create("cpu_volume");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, conv3d_sums_all_taps);
    tcase_add_test(tests, pool3d_sees_its_window);
    tcase_add_test(tests, nan_is_a_maximum);
    tcase_add_test(tests, grid_sample_looks_where_the_grid_says);
    tcase_add_test(tests, wild_grid_reads_nothing_outside);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
