/* Nodes are put in an order in which the backend changes as seldom as their operands allow. */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "runtime/partition.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdlib.h>

/* Two backends that share the work: one computes functions, the CPU all else. */
static bool only_functions(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph;
    return node->op == PRT_OP_UNARY;
}

static bool nothing(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph, (void)node;
    return false;
}

static struct prt_backend functions;
static const struct prt_backend *const both[] = {&functions, &prt_cpu_backend, NULL};

static void setup(void)
{
    functions = prt_cpu_backend;
    functions.name = "functions";
    functions.supports = only_functions;
}

static uint32_t function_of(struct prt_graph *graph, uint32_t x)
{
    uint32_t y;
    build_node(graph, PRT_OP_UNARY, IDS(x), SIZES(8), &y)->attrs.unary.kind = PRT_UNARY_TANH;
    return y;
}

static uint32_t double_of(struct prt_graph *graph, uint32_t x)
{
    return build_binary(graph, PRT_BINARY_ADD, x, x);
}

static const char *order_of(struct prt_graph *graph, const struct prt_backend *const *backends)
{
    ck_assert_int_eq(prt_partition(graph, backends, NULL), PERCEPT_OK);
    return build_ops(graph);
}

START_TEST(independent_nodes_of_one_backend_come_together)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8)), y = build_input(graph, SIZES(8));
    uint32_t a = function_of(graph, x), b = double_of(graph, y), c = function_of(graph, y),
             d = double_of(graph, a), e = function_of(graph, x);
    build_finish(graph, IDS(b, c, d, e));
    ck_assert_str_eq(order_of(graph, both), "unary unary unary binary binary");
    prt_graph_destroy(graph);
}
END_TEST

/* f(x) can wait for twice y: beginning with the CPU makes two runs, not three. */
START_TEST(whoever_makes_fewer_runs_begins)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8)), y = build_input(graph, SIZES(8));
    uint32_t a = function_of(graph, x), b = double_of(graph, y), c = function_of(graph, b);
    build_finish(graph, IDS(a, c));
    ck_assert_str_eq(order_of(graph, both), "binary unary unary");
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_chain_keeps_its_order)
{
    struct prt_graph *graph = build_graph();
    uint32_t v = build_input(graph, SIZES(8));
    v = double_of(graph, function_of(graph, double_of(graph, function_of(graph, v))));
    build_finish(graph, IDS(v));
    ck_assert_str_eq(order_of(graph, both), "unary binary unary binary");
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(with_one_backend_nothing_moves)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8));
    uint32_t a = function_of(graph, x), b = double_of(graph, x), c = function_of(graph, x);
    build_finish(graph, IDS(a, b, c));
    ck_assert_str_eq(order_of(graph, both + 1), "unary binary unary");
    prt_graph_destroy(graph);
}
END_TEST

/* Whoever plans it will say which. */
START_TEST(a_node_that_nobody_takes_is_left_where_it_is)
{
    struct prt_backend none = prt_cpu_backend;
    none.supports = nothing;
    const struct prt_backend *const list[] = {&functions, &none, NULL};
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8));
    uint32_t a = function_of(graph, x), b = double_of(graph, x), c = function_of(graph, x);
    build_finish(graph, IDS(a, b, c));
    ck_assert_str_eq(order_of(graph, list), "unary binary unary");
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_model_has_as_few_segments_and_the_same_numbers)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8)), y = build_input(graph, SIZES(8));
    uint32_t a = function_of(graph, x), b = double_of(graph, y), c = function_of(graph, y),
             d = double_of(graph, c);
    build_finish(graph, IDS(a, b, c, d));
    struct prt_model *model;
    const struct prt_model_options options = {.backends = both};
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    ck_assert_uint_eq(stats.segment_count, 2);
    float *p = prt_model_input_data(model, 0), *q = prt_model_input_data(model, 1);
    for (int i = 0; i < 8; i++)
        p[i] = (float)i / 8, q[i] = 1 - (float)i / 4;
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    for (int i = 0; i < 8; i++) {
        float expected[] = {tanhf(p[i]), 2 * q[i], tanhf(q[i]), 2 * tanhf(q[i])};
        for (size_t o = 0; o < 4; o++)
            ck_assert_float_eq_tol(((const float *)prt_model_output_data(model, o))[i], expected[o],
                                   1e-6f);
    }
    prt_model_destroy(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partition");
    TCase *tests = tcase_create("partition");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, independent_nodes_of_one_backend_come_together);
    tcase_add_test(tests, whoever_makes_fewer_runs_begins);
    tcase_add_test(tests, a_chain_keeps_its_order);
    tcase_add_test(tests, with_one_backend_nothing_moves);
    tcase_add_test(tests, a_node_that_nobody_takes_is_left_where_it_is);
    tcase_add_test(tests, a_model_has_as_few_segments_and_the_same_numbers);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
