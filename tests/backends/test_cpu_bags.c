/* Ops of the CPU backend: bags of embeddings, and products of matrices that are not fp32. */
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

static uint32_t listed(struct one_node *one, enum prt_dtype dtype, int32_t count,
                       const int64_t *list)
{
    uint32_t id = one_node_input(one, TENSOR(dtype, count));
    for (int32_t i = 0; i < count; i++)
        one_node_set(one, id, &i, (double)list[i]);
    return id;
}

/* ---- bags ---- */

static double bagged(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_bag_attrs *a = context;
    const uint32_t *inputs = one->graph->nodes[0].inputs;
    int32_t next = index[0] + 1, all = one_node_spec(one, inputs[1])->sizes[0];
    int32_t first = (int32_t)one_node_get(one, inputs[2], &index[0]);
    int32_t end = next < one_node_spec(one, inputs[2])->sizes[0]
                      ? (int32_t)one_node_get(one, inputs[2], &next)
                      : all;
    double sum = 0, best = 0;
    int32_t seen = 0;
    for (int32_t i = first; i < end; i++) {
        int32_t row = (int32_t)one_node_get(one, inputs[1], &i);
        if (row == a->padding)
            continue;
        double x = one_node_get(one, inputs[0], (int32_t[]){row, index[1]});
        x *= inputs[3] == PRT_NO_VALUE ? 1 : one_node_get(one, inputs[3], &i);
        sum += x;
        best = seen++ == 0 ? x : fmax(best, x);
    }
    if (a->mode == PRT_BAG_MAX)
        return best;
    seen += next == one_node_spec(one, one->y)->sizes[0] ? all - end : 0;
    return a->mode == PRT_BAG_MEAN && seen ? sum / seen : sum;
}

START_TEST(bag_holds_rows_from_its_offset_to_the_next)
{
    static const int64_t rows[9] = {3, 0, 7, 7, 2, 5, 0, 1, 6}, offsets[5] = {0, 2, 2, 6, 8};
    random_seed(31);
    for (int round = 0; round < 24; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = round % 2 ? PRT_F64 : PRT_F32;
        enum prt_dtype integers = round % 4 < 2 ? PRT_I64 : PRT_I32;
        struct prt_bag_attrs a = {(enum prt_bag_mode)(round % 3), round % 5 == 0 ? 7 : -1};
        uint32_t inputs[4] = {filled(&one, TENSOR(dtype, 8, 5), -1, 1),
                              listed(&one, integers, 9, rows), listed(&one, integers, 5, offsets),
                              PRT_NO_VALUE};
        if (a.mode == PRT_BAG_SUM && round % 2)
            inputs[3] = filled(&one, TENSOR(dtype, 9), -1, 1);
        int32_t bags = round % 7 == 0 ? 4 : 5; /* the last offset may be the end of the last bag */
        one_node_make(&one, PRT_OP_EMBEDDING_BAG, TENSOR(dtype, bags, 5), 4, inputs)->attrs.bag = a;
        one_node_run(&one);
        one_node_check(&one, bagged, &a, 1e-6);
        one_node_end(&one);
    }
}
END_TEST

static const struct {
    int64_t row, offset;
    const char *message;
} strays[] = {
    {8, 1, "embedding bag: index 8 is outside of a dimension of 8"},
    {-1, 1, "embedding bag: index -1 is outside of a dimension of 8"},
    {0, 4, "embedding bag: index 4 is outside of a dimension of 3"},
    {0, -1, "embedding bag: index -1 is outside of a dimension of 3"},
};

START_TEST(stray_row_or_offset_ends_the_run)
{
    const int64_t rows[3] = {1, strays[_i].row, 2}, offsets[2] = {0, strays[_i].offset};
    struct one_node one = one_node_begin();
    uint32_t inputs[4] = {filled(&one, TENSOR(PRT_F32, 8, 5), -1, 1),
                          listed(&one, PRT_I64, 3, rows), listed(&one, PRT_I64, 2, offsets),
                          PRT_NO_VALUE};
    one_node_make(&one, PRT_OP_EMBEDDING_BAG, TENSOR(PRT_F32, 2, 5), 4, inputs)->attrs.bag.padding =
        -1;
    one_node_run_fails(&one, strays[_i].message);
    one_node_end(&one);
}
END_TEST

/* ---- products ---- */

static double multiplied(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)context;
    const struct prt_node *node = &one->graph->nodes[0];
    const struct prt_tensor *a = one_node_spec(one, node->inputs[0]);
    bool transposed = node->attrs.matmul.transpose_b;
    bool one_b = one_node_spec(one, node->inputs[1])->rank == 2;
    double sum = 0;
    for (int32_t k = 0; k < a->sizes[2]; k++) {
        int32_t left[3] = {a->sizes[0] == 1 ? 0 : index[0], index[1], k};
        int32_t right[3] = {index[0], transposed ? index[2] : k, transposed ? k : index[2]};
        sum += one_node_get(one, node->inputs[0], left) *
               one_node_get(one, node->inputs[1], one_b ? right + 1 : right);
    }
    return sum;
}

START_TEST(matmul_of_wide_types)
{
    random_seed(32);
    for (int round = 0; round < 24; round++) {
        struct one_node one = one_node_begin();
        enum prt_dtype dtype = round % 2 ? PRT_I64 : PRT_F64;
        bool transposed = round / 2 % 2, one_b = round / 4 % 2;
        int32_t m = random_between(1, 7), n = random_between(1, 9), k = random_between(0, 6);
        int32_t sizes[3] = {3, transposed ? n : k, transposed ? k : n};
        uint32_t a = filled(&one, TENSOR(dtype, round % 3 ? 3 : 1, m, k), -9, 9);
        uint32_t b = filled(&one, tensor_of(dtype, one_b ? 2 : 3, sizes + one_b), -9, 9);
        NODE(&one, PRT_OP_MATMUL, TENSOR(dtype, 3, m, n), a, b)->attrs.matmul.transpose_b =
            transposed;
        one_node_run(&one);
        one_node_check(&one, multiplied, NULL, 1e-12);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_bags");
    TCase *tests = tcase_create("cpu_bags");
    tcase_add_test(tests, bag_holds_rows_from_its_offset_to_the_next);
    tcase_add_loop_test(tests, stray_row_or_offset_ends_the_run, 0,
                        sizeof strays / sizeof strays[0]);
    tcase_add_test(tests, matmul_of_wide_types);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
