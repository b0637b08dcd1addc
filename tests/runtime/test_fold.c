/* When constants are computed, and when they had better wait. */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "runtime/passes.h"

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

enum { ROWS = 64, COLUMNS = 64 }; /* 16 KiB: large */

static uint32_t build_full(struct prt_graph *graph, double number, int32_t rows)
{
    uint32_t y;
    build_node(graph, PRT_OP_FULL, IDS(build_number(graph, number)), SIZES(rows, COLUMNS), &y);
    return y;
}

static const float *constant(const struct prt_graph *graph, uint32_t id)
{
    ck_assert(graph->values[id].flags & PRT_FLAG_CONSTANT);
    return graph->values[id].data;
}

START_TEST(a_large_full_stays_a_number)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ROWS, COLUMNS));
    uint32_t large = build_full(graph, 3, ROWS), small = build_full(graph, 2, 1);
    uint32_t sum = build_binary(graph, PRT_BINARY_ADD, x, large);
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_MUL, sum, small)));
    ck_assert_int_eq(prt_pass_fold_floats(graph, backends, NULL), PERCEPT_OK);
    ck_assert_str_eq(build_ops(graph), "full binary binary");
    ck_assert_ptr_null(graph->values[large].data);
    ck_assert_float_eq(constant(graph, small)[COLUMNS - 1], 2);

    /* In the end it is better computed once than in each run. */
    ck_assert_int_eq(prt_pass_fold(graph, backends, NULL), PERCEPT_OK);
    ck_assert_str_eq(build_ops(graph), "binary binary");
    ck_assert_float_eq(constant(graph, large)[ROWS * COLUMNS - 1], 3);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_constant_result_needs_its_elements)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ROWS, COLUMNS));
    uint32_t weights = build_constant(graph, SIZES(ROWS, COLUMNS));
    uint32_t scaled = build_binary(graph, PRT_BINARY_MUL, weights, build_full(graph, 3, ROWS));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, scaled)));
    ck_assert_int_eq(prt_pass_fold_floats(graph, backends, NULL), PERCEPT_OK);
    ck_assert_str_eq(build_ops(graph), "binary");
    for (int i = 0; i < ROWS * COLUMNS; i++)
        ck_assert_float_eq(constant(graph, scaled)[i], 3 * constant(graph, weights)[i]);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_view_of_what_waits_waits)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COLUMNS, ROWS));
    uint32_t view = build_permute(graph, build_full(graph, 3, ROWS), (int32_t[]){1, 0}, 2);
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, view)));
    ck_assert_int_eq(prt_pass_fold_floats(graph, backends, NULL), PERCEPT_OK);
    ck_assert_str_eq(build_ops(graph), "full permute binary");
    ck_assert_int_eq(prt_pass_fold(graph, backends, NULL), PERCEPT_OK);
    ck_assert_float_eq(constant(graph, view)[0], 3);
    prt_graph_destroy(graph);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("fold");
    tcase_add_test(tests, a_large_full_stays_a_number);
    tcase_add_test(tests, a_constant_result_needs_its_elements);
    tcase_add_test(tests, a_view_of_what_waits_waits);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
