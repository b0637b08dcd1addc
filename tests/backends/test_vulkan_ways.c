/* Where the Vulkan backend has several ways to compute a layer, and the device decides which it
 * takes, they agree; that one of them is right is what the CPU's tests say. */
#include "on_vulkan.h"
#include "one_node.h"

#include "backends/vulkan/step.h"
#include "backends/vulkan/vulkan.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- layers of codes ---- */

static uint32_t filled(struct one_node *one, struct prt_tensor tensor, bool constant)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, -1, 1);
    if (constant)
        one_node_make_constant(one, id);
    return id;
}

static struct prt_tensor codes(enum prt_dtype dtype, struct prt_tensor tensor)
{
    tensor.dtype = dtype;
    return quantised(tensor, 0.01, dtype == PRT_U8 ? 131 : -7);
}

struct conv {
    enum prt_dtype dtype;
    int32_t side, inputs, outputs, kernel, groups;
    bool transposed;
};

static struct one_node make_conv(const struct conv *c)
{
    struct one_node one = one_node_begin();
    int32_t stride = c->transposed ? 2 : 1, padding = c->kernel / 2,
            side = c->transposed ? (c->side - 1) * 2 - 2 * padding + c->kernel : c->side;
    uint32_t x =
        filled(&one, codes(c->dtype, TENSOR(PRT_F32, 1, c->side, c->side, c->inputs)), false);
    struct prt_tensor w = TENSOR(PRT_I8, c->outputs, c->kernel, c->kernel, c->inputs / c->groups);
    NODE(&one, PRT_OP_CONV2D,
         quantised(codes(c->dtype, TENSOR(PRT_F32, 1, side, side, c->outputs)), 0.5, 3), x,
         filled(&one, quantised(w, 0.01, 0), true), filled(&one, TENSOR(PRT_F32, c->outputs), true),
         PRT_NO_VALUE, PRT_NO_VALUE)
        ->attrs.conv = (struct prt_conv_attrs){.stride = {stride, stride},
                                               .dilation = {1, 1},
                                               .padding = {padding, padding, padding, padding},
                                               .groups = c->groups,
                                               .transposed = c->transposed,
                                               .nhwc = true};
    return one;
}

static struct one_node make_linear(enum prt_dtype dtype, int32_t rows, int32_t inputs,
                                   int32_t outputs)
{
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, codes(dtype, TENSOR(PRT_F32, rows, inputs)), false);
    uint32_t w = filled(&one, quantised(TENSOR(PRT_I8, outputs, inputs), 0.01, 0), true);
    NODE(&one, PRT_OP_LINEAR, quantised(codes(dtype, TENSOR(PRT_F32, rows, outputs)), 0.5, 3), x, w,
         filled(&one, TENSOR(PRT_F32, outputs), true), PRT_NO_VALUE, PRT_NO_VALUE);
    return one;
}

/* Rows that are rounded to codes of their own; weights of 4 bits when `least` is -8. */
static struct one_node make_dynamic(int32_t rows, int32_t groups, int32_t inputs, int32_t outputs,
                                    int32_t least)
{
    struct one_node one = one_node_begin();
    uint32_t x = filled(&one, TENSOR(PRT_F32, rows, groups * inputs), false);
    uint32_t w = one_node_input(&one, TENSOR(PRT_I8, outputs, groups * inputs));
    for (int32_t i = 0; i < outputs * groups * inputs; i++)
        ((int8_t *)one.data[w])[i] = (int8_t)random_between(least, -least - 1);
    one_node_make_constant(&one, w);
    NODE(&one, PRT_OP_DYNAMIC_LINEAR, TENSOR(PRT_F32, rows, outputs), x, w,
         filled(&one, TENSOR(PRT_F32, outputs, groups), true),
         filled(&one, TENSOR(PRT_F32, outputs), true));
    return one;
}

/* ---- four codes at once, or one by one as floats ---- */

static void expect_same_products(struct one_node one)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    ck_assert(device && on_vulkan_takes(&one));
    size_t bytes = one.graph->values[one.y].bytes;
    unsigned char *floats = malloc(bytes), *dots = one.data[one.y];
    device->uses_int_dot = device->uses_matrices = false;
    device->idle_below = 1;
    ck_assert_ptr_null(strstr(on_vulkan_run(&one), "dots"));
    memcpy(floats, dots, bytes);
    ck_assert_msg(memchr(floats, floats[0] ^ 1, bytes), "the layer makes nothing of its input");
    if (device->has_int_dot) {
        device->uses_int_dot = true;
        ck_assert_ptr_nonnull(strstr(on_vulkan_run(&one), "dots"));
        for (size_t i = 0; i < bytes; i++)
            ck_assert_msg(dots[i] == floats[i], "byte %zu of %zu is %d, not %d", i, bytes, dots[i],
                          floats[i]);
    }
    free(floats);
    vk_device_release(device);
    one_node_end(&one);
}

START_TEST(convolutions_multiply_four_codes_at_once)
{
    static const struct conv convs[] = {
        {PRT_I8, 9, 24, 40, 3, 1, false},
        {PRT_U8, 9, 5, 7, 3, 1, false},
        {PRT_U8, 7, 24, 16, 3, 2, false},
        {PRT_I8, 6, 6, 9, 3, 1, true},
    };
    random_seed(900);
    expect_same_products(make_conv(&convs[_i]));
}
END_TEST

START_TEST(linear_layers_multiply_four_codes_at_once)
{
    random_seed(910);
    expect_same_products(make_linear(_i ? PRT_U8 : PRT_I8, _i ? 2 : 70, _i ? 37 : 600, 70));
}
END_TEST

START_TEST(rounded_rows_multiply_four_codes_at_once)
{
    random_seed(920);
    expect_same_products(make_dynamic(_i < 2 ? 3 : 70, _i % 2 ? 1 : 3, 70, 33, _i % 2 ? -128 : -8));
}
END_TEST

/* ---- matrices that a subgroup multiplies at once ---- */

/* The device, if it multiplies matrices of codes; without one the test has nothing to say. */
static struct vk_device *device_with_matrices(void)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    if (device->matrices.codes.rows)
        return device;
    fprintf(stderr, "skipped: %s lists no cooperative matrices of 8-bit integers\n", device->name);
    vk_device_release(device);
    return NULL;
}

/* Sums of codes are exact: all ways give the same bits. */
static void expect_same_matrices(struct one_node one, uint32_t size, uint32_t idle_below)
{
    struct vk_device *device = device_with_matrices();
    size_t bytes = one.graph->values[one.y].bytes;
    unsigned char *floats = malloc(bytes);
    if (device) {
        device->uses_int_dot = device->uses_matrices = false;
        device->idle_below = 1;
        on_vulkan_run(&one);
        memcpy(floats, one.data[one.y], bytes);
        device->uses_matrices = true;
        device->idle_below = idle_below;
        device->preferred_size = size;
        ck_assert_str_eq(on_vulkan_run(&one), "matrices_dots");
        ck_assert_mem_eq(one.data[one.y], floats, bytes);
        vk_device_release(device);
    }
    free(floats);
    one_node_end(&one);
}

START_TEST(convolutions_multiply_matrices_of_codes)
{
    static const struct conv convs[] = {
        {PRT_I8, 9, 24, 40, 3, 1, false},
        {PRT_U8, 9, 5, 33, 3, 1, false},
        {PRT_U8, 7, 24, 48, 3, 2, false},
        {PRT_I8, 12, 6, 19, 3, 1, true},
    };
    random_seed(960);
    expect_same_matrices(make_conv(&convs[_i]), (uint32_t)_i, 1);
}
END_TEST

START_TEST(linear_layers_multiply_matrices_of_codes)
{
    random_seed(970);
    bool few = _i % 2 == 1;
    expect_same_matrices(make_linear(few ? PRT_U8 : PRT_I8, few ? 20 : 70, few ? 5001 : 600, 40),
                         (uint32_t)_i + 4, few ? 100 : 1);
}
END_TEST

/* ---- sums that work-groups share ---- */

/* Make and run the layer; of how many dispatches it is. */
static uint32_t count_dispatches(struct one_node *one)
{
    static const uint32_t index = 0;
    struct percept_error error = {0};
    struct prt_compile compile = {
        .graph = one->graph, .nodes = &index, .node_count = 1, .threads = 1};
    struct prt_segment *segment = NULL;
    ck_assert_int_eq(prt_vulkan_backend.compile(&compile, &segment, &error), PERCEPT_OK);
    struct prt_segment_stats stats;
    prt_vulkan_backend.stats(segment, &stats);
    prt_vulkan_backend.destroy(segment);
    return stats.dispatches;
}

static struct one_node make_long(int which)
{
    static const struct conv grouped = {PRT_I8, 5, 250, 26, 3, 2, false};
    switch (which) {
    case 0:
        return make_linear(PRT_U8, 3, 5001, 37); /* few rows */
    case 1:
        return make_linear(PRT_I8, 20, 5001, 37);
    case 2:
        return make_dynamic(3, 1, 5001, 33, -128);
    case 3:
        return make_dynamic(3, 40, 70, 33, -8);
    case 4:
        return make_conv(&grouped);
    default:
        break;
    }
    struct one_node one = one_node_begin();
    int32_t rows = which == 5 ? 4 : 30;
    uint32_t x = filled(&one, TENSOR(PRT_F32, rows, 5001), false);
    NODE(&one, PRT_OP_LINEAR, TENSOR(PRT_F32, rows, 37), x,
         filled(&one, TENSOR(PRT_F32, 37, 5001), true), filled(&one, TENSOR(PRT_F32, 37), true),
         PRT_NO_VALUE, PRT_NO_VALUE);
    return one;
}

START_TEST(long_sums_are_shared_by_work_groups)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    random_seed(980);
    struct one_node one = make_long(_i);
    size_t bytes = one.graph->values[one.y].bytes;
    void *first = malloc(bytes);
    device->uses_matrices = false;
    device->idle_below = 1;
    uint32_t whole = count_dispatches(&one);
    const char *kernel = on_vulkan_run(&one);
    device->idle_below = 100;
    ck_assert_uint_eq(count_dispatches(&one), whole + 1);
    on_vulkan_compare(&one); /* against what one work-group made of it */
    ck_assert_str_eq(on_vulkan_run(&one), kernel);
    memcpy(first, one.data[one.y], bytes);
    for (int run = 0; run < 5; run++) { /* in an order that is always the same */
        on_vulkan_run(&one);
        ck_assert_mem_eq(one.data[one.y], first, bytes);
    }
    vk_device_release(device);
    free(first);
    one_node_end(&one);
}
END_TEST

/* ---- sizes of work-groups ---- */

/* A convolution in tiles, one in strips, a layer in a few rows, and tiles of codes. */
static struct one_node make_sized(int which)
{
    static const struct conv of_codes = {PRT_U8, 11, 24, 70, 1, 1, false};
    if (which == 3)
        return make_conv(&of_codes);
    struct one_node one = one_node_begin();
    if (which == 2) {
        uint32_t x = filled(&one, TENSOR(PRT_F32, 3, 130), false);
        NODE(&one, PRT_OP_LINEAR, TENSOR(PRT_F32, 3, 70), x,
             filled(&one, TENSOR(PRT_F32, 70, 130), true), PRT_NO_VALUE, PRT_NO_VALUE,
             PRT_NO_VALUE);
        return one;
    }
    int32_t groups = which == 1 ? 24 : 1, outputs = which == 1 ? 24 : 70;
    uint32_t x = filled(&one, TENSOR(PRT_F32, 1, 11, 11, 24), false);
    NODE(&one, PRT_OP_CONV2D, TENSOR(PRT_F32, 1, 11, 11, outputs), x,
         filled(&one, TENSOR(PRT_F32, outputs, 3, 3, 24 / groups), true), PRT_NO_VALUE,
         PRT_NO_VALUE, PRT_NO_VALUE)
        ->attrs.conv = (struct prt_conv_attrs){.stride = {1, 1},
                                               .dilation = {1, 1},
                                               .padding = {1, 1, 1, 1},
                                               .groups = groups,
                                               .nhwc = true};
    return one;
}

START_TEST(a_layer_has_one_result_with_work_groups_of_any_size)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    random_seed(930);
    struct one_node one = make_sized(_i);
    device->uses_int_dot = device->has_int_dot;
    one_node_run(&one);
    for (device->preferred_size = 1; device->preferred_size < VK_SIZES; device->preferred_size++)
        on_vulkan_compare(&one);
    device->preferred_size = 0;
    vk_device_release(device);
    one_node_end(&one);
}
END_TEST

/* ---- which of them is quickest ---- */

/* Make and run the layer; how many of its dispatches have a size that was found out. */
static uint32_t count_tuned(struct one_node *one, const char *folder, int64_t tune_ns)
{
    static const uint32_t index = 0;
    struct percept_error error = {0};
    struct prt_compile compile = {.graph = one->graph,
                                  .nodes = &index,
                                  .node_count = 1,
                                  .threads = 1,
                                  .folder = folder,
                                  .tune_ns = tune_ns};
    struct prt_segment *segment = NULL;
    ck_assert_msg(prt_vulkan_backend.compile(&compile, &segment, &error) == PERCEPT_OK, "%s",
                  error.message);
    struct prt_execution execution = {.data = one->data};
    memset(one->data[one->y], 0x5b, one->graph->values[one->y].bytes);
    ck_assert_msg(prt_vulkan_backend.execute(segment, &execution, &error) == PERCEPT_OK, "%s",
                  error.message);
    struct prt_segment_stats stats;
    prt_vulkan_backend.stats(segment, &stats);
    prt_vulkan_backend.destroy(segment);
    return stats.tuned;
}

/* The only file of the folder, open for reading and writing. */
static FILE *open_only_file(const char *folder, char path[512])
{
    DIR *list = opendir(folder);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        if (entry->d_name[0] != '.') {
            snprintf(path, 512, "%s/%s", folder, entry->d_name);
            count++;
        }
    closedir(list);
    ck_assert_uint_eq(count, 1);
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    return file;
}

static void invert_byte(FILE *file, long at)
{
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(~byte & 0xff, file);
    fflush(file);
}

START_TEST(sizes_are_found_out_once_and_kept)
{
    enum { PLENTY = 1000000000 };
    char folder[] = "/tmp/percept-sizes-XXXXXX", path[512];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    random_seed(940);
    struct one_node one = make_sized(2);
    ck_assert(on_vulkan_takes(&one));
    ck_assert_uint_eq(count_tuned(&one, folder, 0), 0);
    size_t bytes = one.graph->values[one.y].bytes;
    float *expected = malloc(bytes);
    memcpy(expected, one.data[one.y], bytes);
    ck_assert_uint_eq(count_tuned(&one, folder, 60LL * PLENTY), 1);
    ck_assert_uint_eq(count_tuned(&one, folder, 0), 1);
    const float *y = one.data[one.y];
    for (size_t i = 0; i < bytes / sizeof *y; i++)
        ck_assert_msg(fabsf(y[i] - expected[i]) < 1e-4f, "%zu: %g, not %g", i, (double)y[i],
                      (double)expected[i]);
    /* Nothing is believed that is not as it was written, for this device. */
    FILE *file = open_only_file(folder, path);
    fseek(file, 0, SEEK_END);
    for (long at = ftell(file) - 1; at >= 0; at -= 7) {
        invert_byte(file, at);
        ck_assert_msg(count_tuned(&one, folder, 0) == 0, "byte %ld is not looked at", at);
        invert_byte(file, at);
    }
    ck_assert_uint_eq(count_tuned(&one, folder, 0), 1);
    ck_assert_int_eq(ftruncate(fileno(file), 50), 0);
    ck_assert_uint_eq(count_tuned(&one, folder, 0), 0);
    fclose(file);
    ck_assert_uint_eq(count_tuned(&one, folder, 60LL * PLENTY), 1); /* and it is written again */
    ck_assert_uint_eq(count_tuned(&one, folder, 0), 1);
    free(expected);
    one_node_end(&one);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(a_search_ends_with_its_time)
{
    random_seed(950);
    struct one_node one = make_sized(2);
    ck_assert(on_vulkan_takes(&one));
    ck_assert_uint_eq(count_tuned(&one, NULL, 1), 0);
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vulkan ways");
    TCase *tests = tcase_create("vulkan ways");
    tcase_set_timeout(tests, 110);
    tcase_add_loop_test(tests, convolutions_multiply_four_codes_at_once, 0, 4);
    tcase_add_loop_test(tests, linear_layers_multiply_four_codes_at_once, 0, 2);
    tcase_add_loop_test(tests, rounded_rows_multiply_four_codes_at_once, 0, 4);
    tcase_add_loop_test(tests, a_layer_has_one_result_with_work_groups_of_any_size, 0, 4);
    tcase_add_test(tests, sizes_are_found_out_once_and_kept);
    tcase_add_test(tests, a_search_ends_with_its_time);
    TCase *matrices = tcase_create("matrices");
    tcase_set_timeout(matrices, 110);
    tcase_add_loop_test(matrices, convolutions_multiply_matrices_of_codes, 0, 4);
    tcase_add_loop_test(matrices, linear_layers_multiply_matrices_of_codes, 0, 4);
    TCase *shared = tcase_create("shared sums");
    tcase_set_timeout(shared, 110);
    tcase_add_loop_test(shared, long_sums_are_shared_by_work_groups, 0, 7);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, matrices);
    suite_add_tcase(suite, shared);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
