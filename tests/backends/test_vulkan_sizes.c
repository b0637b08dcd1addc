/*
 * Nodes of sizes that those of the CPU's tests do not have: more than one workgroup along every
 * dimension, rows longer than a workgroup, channels that are no multiple of four.
 */
#include "on_vulkan.h"
#include "one_node.h"

#include "backends/vulkan/device.h"

#include <check.h>
#include <stdlib.h>

static uint32_t filled(struct one_node *one, struct prt_tensor tensor, double lo, double hi)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, lo, hi);
    return id;
}

static void finish(struct one_node *one)
{
    one_node_run(one);
    one_node_end(one);
}

/* ---- rows ---- */

/* With sums over subgroups, should the device have them, and as one without them adds up. */
static void finish_both_ways(struct one_node *one)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    uint32_t subgroup = device->subgroup;
    one_node_run(one);
    device->subgroup = 1;
    on_vulkan_compare(one);
    device->subgroup = subgroup;
    vk_device_release(device);
    one_node_end(one);
}

static const int32_t lengths[] = {1, 30, 252, 513, 3001};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

START_TEST(softmax_of_rows_of_any_length)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_F16, PRT_BF16};
    for (int round = 0; round < 12; round++) {
        struct one_node one = one_node_begin();
        bool across = round % 2;
        enum prt_dtype dtype = dtypes[round / 2 % 3];
        int32_t length = lengths[_i];
        struct prt_tensor x = across ? TENSOR(dtype, 3, length, 37) : TENSOR(dtype, 3, 11, length);
        uint32_t id = filled(&one, x, -4, 4);
        NODE(&one, PRT_OP_SOFTMAX, x, id)->attrs.softmax =
            (struct prt_softmax_attrs){.axis = across ? 1 : 2, .log = round >= 6};
        finish_both_ways(&one);
    }
}
END_TEST

START_TEST(norms_of_rows_of_any_length)
{
    for (int round = 0; round < 8; round++) {
        struct one_node one = one_node_begin();
        struct prt_tensor x = TENSOR(PRT_F32, 7, 13, lengths[_i]);
        uint32_t id = filled(&one, x, -3, 5), weight = PRT_NO_VALUE, bias = PRT_NO_VALUE;
        if (round & 2)
            weight = filled(&one, TENSOR(PRT_F32, lengths[_i]), -1, 1);
        if (round & 4)
            bias = filled(&one, TENSOR(PRT_F32, lengths[_i]), -1, 1);
        NODE(&one, PRT_OP_LAYER_NORM, x, id, weight, bias)->attrs.layer_norm =
            (struct prt_layer_norm_attrs){.epsilon = 1e-3, .rms = round & 1};
        finish_both_ways(&one);
    }
}
END_TEST

START_TEST(folds_of_rows_of_any_length)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_F16, PRT_I32, PRT_I8};
    for (int round = 0; round < 40; round++) {
        struct one_node one = one_node_begin();
        bool across = round % 2;
        enum prt_dtype dtype = dtypes[round / 2 % 4];
        enum prt_reduce_kind kind = (enum prt_reduce_kind)(round / 8);
        int32_t length = lengths[_i];
        if (kind == PRT_REDUCE_PROD || (kind == PRT_REDUCE_MEAN && dtype >= PRT_I8))
            kind = PRT_REDUCE_MAX;
        if (kind == PRT_REDUCE_MEAN && dtype == PRT_I32)
            kind = PRT_REDUCE_MIN;
        struct prt_tensor x = across ? TENSOR(dtype, 5, length, 41) : TENSOR(dtype, 5, 41, length);
        uint32_t id = filled(&one, x, 0, 9);
        NODE(&one, PRT_OP_REDUCE, TENSOR(dtype, 5, 41), id)->attrs.reduce =
            (struct prt_reduce_attrs){.kind = kind, .axes = across ? 2 : 4};
        if (one_node_supported(&one))
            finish_both_ways(&one);
        else
            one_node_end(&one);
    }
}
END_TEST

START_TEST(places_and_sums_along_rows_of_any_length)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_I32, PRT_I64};
    for (int round = 0; round < 12; round++) {
        bool across = round % 2;
        enum prt_dtype dtype = dtypes[round / 2 % 3];
        int32_t length = lengths[_i];
        struct prt_tensor x = across ? TENSOR(dtype, 5, length, 41) : TENSOR(dtype, 5, 41, length);
        struct one_node one = one_node_begin();
        uint32_t id = filled(&one, x, 0, 99);
        NODE(&one, PRT_OP_ARGMAX, TENSOR(PRT_I64, 5, 41), id)->attrs.argmax =
            (struct prt_argmax_attrs){.axis = across ? 1 : 2, .least = round >= 6};
        finish(&one);
        one = one_node_begin();
        id = filled(&one, x, 0, 99);
        NODE(&one, PRT_OP_CUMSUM, x, id)->attrs.cumsum.axis = across ? 1 : 2;
        finish(&one);
    }
}
END_TEST

/* Integers whose two words both matter. */
static void fill_wide(const struct one_node *one, uint32_t id)
{
    int64_t *x = one->data[id];
    size_t count = prt_tensor_elements(one_node_spec(one, id));
    for (size_t i = 0; i < count; i++)
        x[i] = (int64_t)((uint64_t)random_between(-2, 2) << 32 | random_u32() % 64 << 26);
}

/* Few different elements, so that many are equal; NaN among the floats. */
START_TEST(sorts_of_rows_of_any_length)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_I64, PRT_I8};
    for (int round = 0; round < 9; round++) {
        struct one_node one = one_node_begin();
        bool across = round % 2, median = round >= 6;
        enum prt_dtype dtype = dtypes[round % 3];
        struct prt_tensor x =
            across ? TENSOR(dtype, 2, lengths[_i], 3) : TENSOR(dtype, 2, 3, lengths[_i]);
        struct prt_tensor y = x;
        y.dtype = PRT_I64;
        if (median)
            y.sizes[across ? 1 : 2] = 1;
        uint32_t id = filled(&one, x, -50, 50);
        if (dtype == PRT_I64)
            fill_wide(&one, id);
        one_node_fill_edges(&one, id);
        NODE(&one, PRT_OP_ARGSORT, y, id)->attrs.argsort = (struct prt_argsort_attrs){
            .axis = across ? 1 : 2, .descending = !median && round >= 3, .median = median};
        ck_assert(on_vulkan_takes(&one));
        finish(&one);
    }
}
END_TEST

START_TEST(the_first_of_a_long_order)
{
    struct one_node one = one_node_begin();
    uint32_t id = filled(&one, TENSOR(PRT_I64, 3, 20001), 0, 0);
    fill_wide(&one, id);
    NODE(&one, PRT_OP_ARGSORT, TENSOR(PRT_I64, 3, 5), id)->attrs.argsort =
        (struct prt_argsort_attrs){.axis = 1, .descending = true};
    ck_assert(on_vulkan_takes(&one));
    finish(&one);
}
END_TEST

/* Sums, products, extremes and places. */
START_TEST(integers_of_64_bits_keep_all_of_them)
{
    for (int kind = 0; kind <= PRT_REDUCE_COUNT + 1; kind++) {
        if (kind == PRT_REDUCE_MEAN)
            continue; /* of real numbers only */
        struct one_node one = one_node_begin();
        uint32_t id = filled(&one, TENSOR(PRT_I64, 5, 700), 0, 0);
        fill_wide(&one, id);
        if (kind >= PRT_REDUCE_COUNT)
            NODE(&one, PRT_OP_ARGMAX, TENSOR(PRT_I64, 5), id)->attrs.argmax =
                (struct prt_argmax_attrs){.axis = 1, .least = kind > PRT_REDUCE_COUNT};
        else
            NODE(&one, PRT_OP_REDUCE, TENSOR(PRT_I64, 5), id)->attrs.reduce =
                (struct prt_reduce_attrs){.kind = (enum prt_reduce_kind)kind, .axes = 2};
        ck_assert(on_vulkan_takes(&one));
        finish(&one);
    }
}
END_TEST

/* ---- images ---- */

START_TEST(images_of_any_number_of_channels)
{
    static const int32_t channels[] = {1, 3, 4, 6, 40};
    int32_t c = channels[_i];
    for (int round = 0; round < 6; round++) {
        struct one_node one = one_node_begin();
        bool codes = round % 3 == 2;
        struct prt_tensor x = TENSOR(codes ? PRT_I8 : PRT_F32, 2, 45, 67, c), y = x;
        y.sizes[1] = 22;
        y.sizes[2] = 33;
        if (codes) {
            x = quantised(x, 0.03, -4);
            y = quantised(y, 0.03, -4);
        }
        uint32_t id = filled(&one, x, -5, 5);
        NODE(&one, PRT_OP_POOL2D, y, id)->attrs.pool =
            (struct prt_pool_attrs){.is_max = round >= 3,
                                    .nhwc = true,
                                    .kernel = {3, 3},
                                    .stride = {2, 2},
                                    .dilation = {1, 1},
                                    .count_include_pad = round % 2};
        finish(&one);
        one = one_node_begin();
        y.sizes[1] = 91;
        y.sizes[2] = 120;
        id = filled(&one, x, -5, 5);
        NODE(&one, PRT_OP_RESIZE2D, y, id)->attrs.resize = (struct prt_resize_attrs){
            .nhwc = true, .bilinear = round >= 3, .half_pixel = round % 2 == 0};
        finish(&one);
    }
}
END_TEST

/* ---- attention ---- */

START_TEST(attention_of_many_rows_keys_and_columns)
{
    static const struct {
        int32_t kept, heads, rows, keys, depth, width;
        bool beside; /* heads lie beside each other, as a projection leaves them */
    } cases[] = {{6, 6, 150, 1500, 64, 64, false}, {6, 6, 150, 1500, 64, 64, true},
                 {2, 2, 5, 200, 40, 300, true},    {3, 9, 1, 777, 64, 64, false},
                 {4, 4, 1, 33, 17, 1, false},      {2, 4, 2, 100, 8, 31, true},
                 {1, 1, 3, 65, 100, 513, false}};
    struct one_node one = one_node_begin();
    int32_t kept = cases[_i].kept, heads = cases[_i].heads, rows = cases[_i].rows,
            keys = cases[_i].keys, depth = cases[_i].depth, width = cases[_i].width;
    struct prt_tensor tensors[4] = {
        TENSOR(PRT_F32, heads, rows, depth), TENSOR(PRT_F32, kept, keys, depth),
        TENSOR(PRT_F32, kept, keys, width), TENSOR(PRT_F32, heads, rows, width)};
    for (unsigned i = 0; i < 4 && cases[_i].beside; i++) {
        tensors[i].dim_order[0] = 1;
        tensors[i].dim_order[1] = 0;
    }
    uint32_t q = filled(&one, tensors[0], -2, 2), k = filled(&one, tensors[1], -2, 2),
             v = filled(&one, tensors[2], -2, 2);
    NODE(&one, PRT_OP_ATTENTION, tensors[3], q, k, v, PRT_NO_VALUE)->attrs.attention =
        (struct prt_attention_attrs){.scale = 0.5f};
    finish(&one);
}
END_TEST

/* ---- indices ---- */

START_TEST(rows_of_a_large_table_go_and_come)
{
    static const enum prt_dtype dtypes[] = {PRT_F32, PRT_F16, PRT_I8, PRT_I64};
    enum { TABLE = 900, ROWS = 700 };
    for (int round = 0; round < 8; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = dtypes[round / 2];
        int32_t width = round % 2 ? 61 : 64;
        uint32_t x = filled(&one, TENSOR(dtype, TABLE, width), 0, 100),
                 index = filled(&one, TENSOR(PRT_I64, ROWS, 1), -TABLE, TABLE - 1);
        struct prt_node *node = NODE(&one, PRT_OP_GATHER, TENSOR(dtype, ROWS, width), x, index);
        node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
        finish(&one);
        one = one_node_begin();
        x = filled(&one, TENSOR(dtype, TABLE, width), 0, 100);
        uint32_t src = filled(&one, TENSOR(dtype, ROWS, width), 0, 100);
        index = filled(&one, TENSOR(PRT_I64, ROWS, 1), -TABLE, TABLE - 1);
        node = NODE(&one, PRT_OP_SCATTER, TENSOR(dtype, TABLE, width), x, src, index);
        node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
        finish(&one);
    }
}
END_TEST

START_TEST(codes_go_through_a_table)
{
    for (int signs = 0; signs < 2; signs++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = signs ? PRT_I8 : PRT_U8;
        struct prt_tensor x = quantised(TENSOR(dtype, 3, 1001), 0.1, 3);
        uint32_t id = filled(&one, x, 0, 1),
                 table = filled(&one, quantised(TENSOR(dtype, 256), 0.1, 3), 0, 1);
        NODE(&one, PRT_OP_TABLE, x, id, table);
        finish(&one);
    }
}
END_TEST

START_TEST(another_size_than_expected_ends_the_run)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_I64, 1));
    *(int64_t *)one.data[x] = (int64_t)7 << 33;
    NODE(&one, PRT_OP_EXPECT, TENSOR(PRT_I64, 1), x)->attrs.expect.size = (int64_t)7 << 33;
    one_node_run(&one);
    *(int64_t *)one.data[x] = 7;
    one_node_run_fails(&one, "expect: a size is 7, not 60129542144");
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vulkan sizes");
    TCase *tests = tcase_create("vulkan sizes");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, softmax_of_rows_of_any_length, 0, LENGTHS);
    tcase_add_loop_test(tests, norms_of_rows_of_any_length, 0, LENGTHS);
    tcase_add_loop_test(tests, folds_of_rows_of_any_length, 0, LENGTHS);
    tcase_add_loop_test(tests, places_and_sums_along_rows_of_any_length, 0, LENGTHS);
    tcase_add_loop_test(tests, sorts_of_rows_of_any_length, 0, LENGTHS);
    tcase_add_test(tests, the_first_of_a_long_order);
    tcase_add_test(tests, integers_of_64_bits_keep_all_of_them);
    tcase_add_loop_test(tests, images_of_any_number_of_channels, 0, 5);
    tcase_add_loop_test(tests, attention_of_many_rows_keys_and_columns, 0, 7);
    tcase_add_test(tests, rows_of_a_large_table_go_and_come);
    tcase_add_test(tests, codes_go_through_a_table);
    tcase_add_test(tests, another_size_than_expected_ends_the_run);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
