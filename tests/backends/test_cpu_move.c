/* Ops of the CPU backend that move elements: any type, any layout on either side. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One type of each size, codes among them. */
static const enum prt_dtype dtypes[] = {PRT_F32, PRT_I8, PRT_F16, PRT_I64, PRT_BOOL};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static struct prt_tensor typed(unsigned t, struct prt_tensor tensor)
{
    tensor.dtype = dtypes[t];
    return dtypes[t] == PRT_I8 ? quantised(tensor, 0.1, 7) : tensor;
}

static uint32_t filled(struct one_node *one, struct prt_tensor tensor)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, 0, 100);
    return id;
}

/* Sizes small and large, of every rank up to 4, in any order. */
static struct prt_tensor some_shape(int round)
{
    if (round == 0)
        return channels_last(TENSOR(PRT_F32, 1, 3, 121, 103));
    if (round == 1)
        return TENSOR(PRT_F32, 2, 5, 3, 0);
    if (round == 2)
        return shuffled(TENSOR(PRT_F32, 2, 70, 90)); /* several blocks of a transposition */
    struct prt_tensor shape = random_shape(PRT_F32, 4, 11);
    return shape.rank ? shuffled(shape) : TENSOR(PRT_F32, 3);
}
enum { ROUNDS = 12 };

/* ---- layout and permute ---- */

static double same_index(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)context;
    return one_node_get(one, one->graph->nodes[0].inputs[0], index);
}

START_TEST(layout_keeps_logical_elements)
{
    random_seed(1);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor shape = typed(t, some_shape(round));
            uint32_t x = filled(&one, shape);
            NODE(&one, PRT_OP_LAYOUT, shuffled(shape), x);
            one_node_run(&one);
            one_node_check(&one, same_index, NULL, 0);
            one_node_end(&one);
        }
}
END_TEST

static double permuted(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_permute_attrs *attrs = context;
    int32_t from[PRT_MAX_RANK];
    for (unsigned i = 0; i < one_node_spec(one, one->y)->rank; i++)
        from[attrs->order[i]] = index[i];
    return one_node_get(one, one->graph->nodes[0].inputs[0], from);
}

START_TEST(permute_reorders_dimensions)
{
    random_seed(2);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor x = typed(t, some_shape(round)), y = x;
            struct prt_permute_attrs attrs = {{0}};
            memcpy(attrs.order, shuffled(x).dim_order, sizeof attrs.order);
            for (unsigned i = 0; i < x.rank; i++)
                y.sizes[i] = x.sizes[attrs.order[i]];
            uint32_t id = filled(&one, x);
            NODE(&one, PRT_OP_PERMUTE, shuffled(y), id)->attrs.permute = attrs;
            one_node_run(&one);
            one_node_check(&one, permuted, &attrs, 0);
            one_node_end(&one);
        }
}
END_TEST

/* ---- reshape ---- */

START_TEST(reshape_keeps_row_major_order)
{
    for (unsigned t = 0; t < DTYPES; t++) {
        struct one_node one = one_node_begin();
        uint32_t x = filled(&one, typed(t, TENSOR(PRT_F32, 4, 6, 5)));
        NODE(&one, PRT_OP_RESHAPE, typed(t, TENSOR(PRT_F32, 1, 12, 1, 10)), x);
        one_node_run(&one);
        ck_assert_int_eq(memcmp(one.data[x], one.data[one.y], one.graph->values[one.y].bytes), 0);
        one_node_end(&one);
    }
}
END_TEST

START_TEST(reshape_of_another_layout_is_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, channels_last(TENSOR(PRT_F32, 1, 6, 5, 2)));
    NODE(&one, PRT_OP_RESHAPE, TENSOR(PRT_F32, 60), x);
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* ---- concat ---- */

static double concatenated(const struct one_node *one, const int32_t *index, const void *context)
{
    int32_t axis = *(const int32_t *)context, from[PRT_MAX_RANK];
    const struct prt_node *node = &one->graph->nodes[0];
    memcpy(from, index, one_node_spec(one, one->y)->rank * sizeof *index);
    unsigned part = 0;
    for (; from[axis] >= one_node_spec(one, node->inputs[part])->sizes[axis]; part++)
        from[axis] -= one_node_spec(one, node->inputs[part])->sizes[axis];
    return one_node_get(one, node->inputs[part], from);
}

START_TEST(concat_joins_along_any_axis)
{
    random_seed(3);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor y = typed(t, some_shape(round));
            int32_t axis = random_between(0, y.rank - 1);
            unsigned parts = (unsigned)random_between(1, 4);
            uint32_t inputs[4];
            y.sizes[axis] = 0;
            for (unsigned i = 0; i < parts; i++) {
                struct prt_tensor x = y;
                x.sizes[axis] = random_between(0, 12);
                y.sizes[axis] += x.sizes[axis];
                inputs[i] = filled(&one, round % 2 ? x : shuffled(x));
            }
            one_node_make(&one, PRT_OP_CONCAT, y, parts, inputs)->attrs.concat.axis = axis;
            one_node_run(&one);
            one_node_check(&one, concatenated, &axis, 0);
            one_node_end(&one);
        }
}
END_TEST

/* ---- slice ---- */

struct slice {
    int32_t axis;
    int64_t start, step;
};

static double sliced(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct slice *slice = context;
    int32_t from[PRT_MAX_RANK];
    memcpy(from, index, one_node_spec(one, one->y)->rank * sizeof *index);
    from[slice->axis] = (int32_t)(slice->start + from[slice->axis] * slice->step);
    return one_node_get(one, one->graph->nodes[0].inputs[0], from);
}

START_TEST(slice_takes_every_step_th_element)
{
    random_seed(4);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < ROUNDS; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor x = typed(t, some_shape(round)), y = round % 3 ? x : shuffled(x);
            struct slice slice = {.axis = random_between(0, x.rank - 1)};
            int32_t size = x.sizes[slice.axis];
            slice.start = random_between(0, size);
            slice.step = round == 5 ? INT64_MAX : random_between(1, 3);
            int32_t end = random_between((int32_t)slice.start, size);
            int64_t count = end - slice.start;
            y.sizes[slice.axis] =
                round == 5 ? count > 0 : (int32_t)((count + slice.step - 1) / slice.step);
            uint32_t id = filled(&one, x);
            uint32_t first = one_node_int(&one, slice.start), last = one_node_int(&one, end);
            struct prt_node *node = NODE(&one, PRT_OP_SLICE, y, id, first, last);
            node->attrs.slice.axis = slice.axis;
            node->attrs.slice.step = slice.step;
            one_node_run(&one);
            one_node_check(&one, sliced, &slice, 0);
            one_node_end(&one);
        }
}
END_TEST

/* ---- pad ---- */

static double padded(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_pad_attrs *attrs = context;
    uint32_t x = one->graph->nodes[0].inputs[0];
    int32_t from[PRT_MAX_RANK];
    for (unsigned i = 0; i < one_node_spec(one, x)->rank; i++) {
        from[i] = index[i] - attrs->before[i];
        if (from[i] < 0 || from[i] >= one_node_spec(one, x)->sizes[i])
            return attrs->value;
    }
    return one_node_get(one, x, from);
}

START_TEST(pad_surrounds_and_crops)
{
    random_seed(5);
    for (unsigned t = 0; t < DTYPES; t++)
        for (int round = 0; round < 2 * ROUNDS; round++) {
            struct one_node one = one_node_begin();
            struct prt_tensor x = typed(t, some_shape(round)), y = x;
            struct prt_pad_attrs attrs = {.value = dtypes[t] == PRT_BOOL ? 1 : -2};
            for (unsigned i = 0; i < x.rank; i++) {
                if (round % 2 && random_between(0, 1))
                    continue;
                int32_t crop = x.sizes[i] / 2;
                attrs.before[i] = random_between(-crop, 4);
                attrs.after[i] = random_between(-crop, 4);
                y.sizes[i] += attrs.before[i] + attrs.after[i];
            }
            uint32_t id = filled(&one, x);
            NODE(&one, PRT_OP_PAD, y, id)->attrs.pad = attrs;
            one_node_run(&one);
            one_node_check(&one, padded, &attrs, 0.51 * (dtypes[t] == PRT_I8));
            one_node_end(&one);
        }
}
END_TEST

START_TEST(pad_between_layouts_is_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_F32, 1, 6, 5, 2));
    NODE(&one, PRT_OP_PAD, channels_last(TENSOR(PRT_F32, 1, 6, 5, 3)), x)->attrs.pad.after[3] = 1;
    ck_assert(!one_node_supported(&one));
    one_node_end(&one);
}
END_TEST

/* ---- full ---- */

static double constant(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)one, (void)index;
    return *(const double *)context;
}

START_TEST(full_repeats_a_scalar)
{
    static const enum prt_dtype all[] = {PRT_F32, PRT_F64, PRT_F16, PRT_BF16, PRT_I8,
                                         PRT_U8,  PRT_I16, PRT_I32, PRT_I64,  PRT_BOOL};
    for (unsigned t = 0; t < sizeof all / sizeof all[0]; t++)
        for (int size = 0; size < 5000; size = size * 3 + 1) {
            struct one_node one = one_node_begin();
            bool truth = all[t] == PRT_BOOL;
            double value = truth ? 1 : size % 2 ? 2.5 : 3;
            bool whole = size % 2 == 0 || truth;
            uint32_t x = whole ? one_node_int(&one, (int64_t)value) : one_node_double(&one, value);
            struct prt_tensor y = TENSOR(all[t], size, 2);
            NODE(&one, PRT_OP_FULL, y, x);
            one_node_run(&one);
            if (all[t] >= PRT_U8 && all[t] <= PRT_I64)
                value = trunc(value);
            one_node_check(&one, constant, &value, 0);
            one_node_end(&one);
        }
}
END_TEST

START_TEST(full_keeps_large_integers)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_int(&one, INT64_MAX - 1);
    NODE(&one, PRT_OP_FULL, TENSOR(PRT_I64, 7), x);
    one_node_run(&one);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(((int64_t *)one.data[one.y])[i], INT64_MAX - 1);
    one_node_end(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu move");
    TCase *tests = tcase_create("cpu move");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, layout_keeps_logical_elements);
    tcase_add_test(tests, permute_reorders_dimensions);
    tcase_add_test(tests, reshape_keeps_row_major_order);
    tcase_add_test(tests, reshape_of_another_layout_is_refused);
    tcase_add_test(tests, concat_joins_along_any_axis);
    tcase_add_test(tests, slice_takes_every_step_th_element);
    tcase_add_test(tests, pad_surrounds_and_crops);
    tcase_add_test(tests, pad_between_layouts_is_refused);
    tcase_add_test(tests, full_repeats_a_scalar);
    tcase_add_test(tests, full_keeps_large_integers);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
