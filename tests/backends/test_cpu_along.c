/* Along an axis: where extremes stand, running sums; and counting. */
#include "kinds.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- where an extreme stands ---- */

static double argmax_reference(const struct one_node *one, const int32_t *index,
                               const void *context)
{
    const struct prt_argmax_attrs *a = context;
    uint32_t id = one->graph->nodes[0].inputs[0];
    const struct prt_tensor *x = one_node_spec(one, id);
    int32_t from[PRT_MAX_RANK], best = 0;
    for (int i = 0; i < x->rank; i++)
        from[i] = i == a->axis ? 0 : index[i - (!a->keep_dims && i > a->axis)];
    double extreme = one_node_get(one, id, from);
    for (int32_t i = 1; i < x->sizes[a->axis] && !isnan(extreme); i++) {
        from[a->axis] = i;
        double v = one_node_get(one, id, from);
        if (isnan(v) || (a->least ? v < extreme : v > extreme))
            extreme = v, best = i;
    }
    return best;
}

START_TEST(extremes_stand_where_they_should)
{
    random_seed(1100 + (uint64_t)_i);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < 12; round++) {
            if (types[t].is_quantised)
                continue;
            struct prt_tensor shape = round == 0   ? TENSOR(PRT_F32, 3, 400)
                                      : round == 1 ? TENSOR(PRT_F32, 300, 70)
                                                   : shuffled(random_shape(PRT_F32, 4, 9));
            if (shape.rank == 0 || prt_tensor_elements(&shape) == 0)
                continue;
            struct prt_argmax_attrs a = {
                .axis = round < 2 ? 1 - round : random_between(0, shape.rank - 1),
                .keep_dims = random_between(0, 1),
                .least = _i,
            };
            int32_t sizes[PRT_MAX_RANK];
            unsigned rank = 0;
            for (int i = 0; i < shape.rank; i++)
                if (i != a.axis || a.keep_dims)
                    sizes[rank++] = i == a.axis ? 1 : shape.sizes[i];
            struct one_node one = one_node_begin();
            uint32_t x = one_node_input(&one, typed(&types[t], shape));
            one_node_fill(&one, x, types[t].lo, types[t].hi);
            if (types[t].dtype == PRT_F32 && round % 3 == 1)
                one_node_fill_edges(&one, x);
            NODE(&one, PRT_OP_ARGMAX, shuffled(tensor_of(PRT_I64, rank, sizes)), x)->attrs.argmax =
                a;
            one_node_run(&one);
            one_node_check(&one, argmax_reference, &a, 0);
            one_node_end(&one);
        }
}
END_TEST

/* ---- running sums ---- */

static double cumsum_reference(const struct one_node *one, const int32_t *index,
                               const void *context)
{
    const int32_t *axis = context;
    int32_t from[PRT_MAX_RANK];
    double sum = 0;
    memcpy(from, index, sizeof from);
    for (from[*axis] = 0; from[*axis] <= index[*axis]; from[*axis]++)
        sum += one_node_get(one, one->graph->nodes[0].inputs[0], from);
    return sum;
}

START_TEST(running_sums_match_their_definition)
{
    random_seed(1200);
    for (unsigned t = 0; t < TYPES; t++)
        for (int round = 0; round < 8; round++) {
            struct prt_tensor shape =
                round == 0 ? TENSOR(PRT_F32, 2, 600) : shuffled(random_shape(PRT_F32, 4, 6));
            if (types[t].is_quantised || shape.rank == 0 ||
                (prt_dtype_size(types[t].dtype) == 1 && round == 0)) /* would wrap around */
                continue;
            struct one_node one = one_node_begin();
            uint32_t x = one_node_input(&one, typed(&types[t], shape));
            int32_t axis = round == 0 ? 1 : random_between(0, shape.rank - 1);
            one_node_fill(&one, x, fmax(types[t].lo, -9), fmin(types[t].hi, 9));
            NODE(&one, PRT_OP_CUMSUM, shuffled(typed(&types[t], shape)), x)->attrs.cumsum.axis =
                axis;
            one_node_run(&one);
            one_node_check(&one, cumsum_reference, &axis, types[t].tolerance);
            one_node_end(&one);
        }
}
END_TEST

START_TEST(running_sums_wrap_around)
{
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_I64, 2));
    ((int64_t *)one.data[x])[0] = INT64_MAX;
    ((int64_t *)one.data[x])[1] = 1;
    NODE(&one, PRT_OP_CUMSUM, TENSOR(PRT_I64, 2), x)->attrs.cumsum.axis = 0;
    one_node_run(&one);
    ck_assert_int_eq(((int64_t *)one.data[one.y])[1], INT64_MIN);
    one_node_end(&one);
}
END_TEST

/* ---- counting ---- */

static double range_reference(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)one;
    const double *line = context;
    return line[0] + line[1] * index[0];
}

START_TEST(ranges_count_in_every_type)
{
    for (unsigned t = 0; t < TYPES; t++) {
        if (types[t].is_quantised)
            continue;
        bool whole = types[t].tolerance == 0;
        const double line[2] = {whole ? 3 : 0.25, whole ? 2 : 0.125};
        struct one_node one = one_node_begin();
        uint32_t start = whole ? one_node_int(&one, 3) : one_node_double(&one, line[0]);
        uint32_t step = whole ? one_node_int(&one, 2) : one_node_double(&one, line[1]);
        int32_t count = prt_dtype_size(types[t].dtype) == 1 ? 60 : 700;
        NODE(&one, PRT_OP_RANGE, TENSOR(types[t].dtype, count), start, step);
        one_node_run(&one);
        one_node_check(&one, range_reference, line, types[t].tolerance);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu along");
    TCase *tests = tcase_create("cpu along");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, extremes_stand_where_they_should, 0, 2);
    tcase_add_test(tests, running_sums_match_their_definition);
    tcase_add_test(tests, running_sums_wrap_around);
    tcase_add_test(tests, ranges_count_in_every_type);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
