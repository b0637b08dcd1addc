/*
 * What the planner promises: views cost nothing, memory is shared only by values that are never
 * alive together, and a node that no backend takes is named. Random graphs are run twice, with all
 * sharing and with none, and must agree bit for bit.
 */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "runtime/passes.h"
#include "runtime/plan.h"
#include "runtime/prt.h"

#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

/* Lay the graph out as imported, and plan it. */
static struct prt_plan plan_of(struct prt_graph *graph)
{
    struct percept_error error = {0};
    struct prt_plan plan = {0};
    ck_assert_int_eq(prt_pass_layout(graph, backends, &error), PERCEPT_OK);
    ck_assert_msg(prt_plan_make(graph, backends, &plan, &error) == PERCEPT_OK, "%s", error.message);
    return plan;
}

static unsigned executed(const struct prt_graph *graph, const struct prt_plan *plan)
{
    unsigned count = 0;
    for (uint32_t n = 0; n < graph->node_count; n++)
        count += plan->backends[n] != NULL;
    return count;
}

static size_t at(const struct prt_graph *graph, const struct prt_plan *plan, uint32_t id)
{
    static char arena[1]; /* only the distance counts */
    return (size_t)((char *)prt_plan_address(graph, plan, arena, id) - arena);
}

START_TEST(elementwise_results_replace_their_operands)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(1024)), y = x;
    for (int i = 0; i < 5; i++)
        y = build_clamp(graph, build_binary(graph, PRT_BINARY_ADD, y, x), -i, i);
    build_finish(graph, IDS(y));
    struct prt_plan plan = plan_of(graph);
    ck_assert_uint_eq(plan.arena_bytes, 2 * 4096); /* x stays for the next run; the rest is one */
    ck_assert_uint_eq(executed(graph, &plan), 10);
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(an_operand_that_is_read_later_is_not_replaced)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(8, 4));
    uint32_t a = build_clamp(graph, x, 0, 1);
    uint32_t b = build_clamp(graph, a, 0, 2);
    uint32_t view = build_reshape(graph, a, SIZES(32));
    uint32_t c = build_reshape(graph, build_clamp(graph, view, 0, 3), SIZES(8, 4));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_SUB, b, c)));
    struct prt_plan plan = plan_of(graph);
    ck_assert_uint_ne(at(graph, &plan, b), at(graph, &plan, a));
    ck_assert_uint_eq(at(graph, &plan, view), at(graph, &plan, a));
    ck_assert_uint_eq(at(graph, &plan, c), at(graph, &plan, a)); /* the last reader may */
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_scatter_changes_what_nobody_reads_later)
{
    struct prt_graph *graph = build_graph();
    uint32_t index = build_input(graph, SIZES(2, 1)), src = build_input(graph, SIZES(2, 4)), y[2];
    graph->values[index].tensor.dtype = PRT_I32;
    uint32_t x = build_clamp(graph, build_input(graph, SIZES(8, 4)), 0, 1), from = x;
    for (int i = 0; i < 2; i++) {
        struct prt_node *node =
            build_node(graph, PRT_OP_SCATTER, IDS(from, src, index), SIZES(8, 4), &y[i]);
        node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
        from = y[i];
    }
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_SUB, y[1], x)));
    struct prt_plan plan = plan_of(graph);
    ck_assert_uint_ne(at(graph, &plan, y[0]), at(graph, &plan, x)); /* x is read after that */
    ck_assert_uint_eq(at(graph, &plan, y[1]), at(graph, &plan, y[0]));
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

/* What it writes elsewhere, or where to, is its own first operand. */
START_TEST(a_scatter_that_reads_what_it_changes_leaves_it_alone)
{
    for (int of = 1; of <= 2; of++) {
        struct prt_graph *graph = build_graph();
        uint32_t x = build_input(graph, SIZES(4)), other = build_input(graph, SIZES(4)), y;
        graph->values[x].tensor.dtype = graph->values[other].tensor.dtype = PRT_I32;
        x = build_binary(graph, PRT_BINARY_ADD, x, build_int(graph, 0));
        build_node(graph, PRT_OP_SCATTER, IDS(x, of == 1 ? x : other, of == 2 ? x : other),
                   SIZES(4), &y)
            ->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED}};
        graph->values[y].tensor.dtype = PRT_I32;
        build_finish(graph, IDS(y));
        struct prt_plan plan = plan_of(graph);
        ck_assert_uint_ne(at(graph, &plan, y), at(graph, &plan, x));
        prt_plan_free(&plan);
        prt_graph_destroy(graph);
    }
}
END_TEST

/* The next version of a state [8, 4]: two SCATTERs into it; reads: who reads what it was. */
enum reads { NOBODY, BEFORE, AFTER, CALLER };

static struct prt_graph *cache(enum reads reads, uint32_t *state, uint32_t *next)
{
    struct prt_graph *graph = build_graph();
    uint32_t index = build_input(graph, SIZES(2, 1)), src = build_input(graph, SIZES(2, 4));
    uint32_t from = *state = build_constant(graph, SIZES(8, 4)), read = src;
    graph->values[*state].flags = PRT_FLAG_STATE;
    graph->values[index].tensor.dtype = PRT_I32;
    if (reads == BEFORE)
        read = build_clamp(graph, *state, 0, 1);
    for (int i = 0; i < 2; i++) {
        struct prt_node *node =
            build_node(graph, PRT_OP_SCATTER, IDS(from, src, index), SIZES(8, 4), next);
        node->attrs.index = (struct prt_index_attrs){.from = {PRT_INDEXED, 1}};
        from = build_reshape(graph, build_reshape(graph, *next, SIZES(32)), SIZES(8, 4));
    }
    *next = from;
    if (reads == AFTER)
        read = build_binary(graph, PRT_BINARY_SUB, *state, *next);
    static struct prt_state kept;
    kept = (struct prt_state){.value = *state, .output = 1};
    graph->states = &kept;
    graph->state_count = graph->hidden_output_count = 1;
    build_finish(graph, reads == CALLER ? (uint32_t[]){*state, *next} : (uint32_t[]){read, *next},
                 2);
    return graph;
}

START_TEST(a_state_that_changes_in_part_changes_where_it_lies)
{
    static const bool in_place[] = {
        [NOBODY] = true, [BEFORE] = true, [AFTER] = false, [CALLER] = false};
    for (int reads = NOBODY; reads <= CALLER; reads++) {
        uint32_t state, next;
        struct prt_graph *graph = cache(reads, &state, &next);
        struct prt_plan plan = plan_of(graph);
        ck_assert_msg((plan.places[next].root == state) == in_place[reads], "case %d", reads);
        prt_plan_free(&plan);
        prt_graph_destroy(graph);
    }
}
END_TEST

START_TEST(views_and_outer_slices_are_not_executed)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4, 16)), y;
    uint32_t turned = build_permute(graph, x, (int32_t[]){1, 0}, 2);
    build_node(graph, PRT_OP_SLICE, IDS(x, build_int(graph, 1), build_int(graph, 3)), SIZES(2, 16),
               &y)
        ->attrs.slice = (struct prt_slice_attrs){.axis = 0, .step = 1};
    build_finish(graph, IDS(build_clamp(graph, turned, 0, 1), build_clamp(graph, y, 0, 1)));
    struct prt_plan plan = plan_of(graph);
    ck_assert_uint_eq(at(graph, &plan, turned), at(graph, &plan, x));
    ck_assert_uint_eq(at(graph, &plan, y), at(graph, &plan, x) + 64);
    /* Two clamps, and the copy that brings the transposed one into the output's order. */
    ck_assert_uint_eq(executed(graph, &plan), 3);
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(an_output_never_shares_an_input)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4, 16)), y = build_reshape(graph, x, SIZES(64));
    build_finish(graph, IDS(y));
    struct prt_plan plan = plan_of(graph);
    ck_assert_uint_ne(at(graph, &plan, x), at(graph, &plan, y));
    ck_assert_uint_eq(executed(graph, &plan), 1);
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(whole_parts_are_computed_where_they_are_joined)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(2, 16)), parts[3];
    for (int i = 0; i < 3; i++)
        parts[i] = build_clamp(graph, x, -i, i);
    uint32_t y = build_concat(graph, parts, 3, 0);
    build_finish(graph, IDS(y));
    struct prt_plan plan = plan_of(graph);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(at(graph, &plan, parts[i]), at(graph, &plan, y) + 128 * i);
    ck_assert_uint_eq(executed(graph, &plan), 3);
    prt_plan_free(&plan);
    prt_graph_destroy(graph);
}
END_TEST

/* Concatenations that have to copy: of an input, of one part twice, along an inner dimension, of
 * parts that would not be aligned. */
START_TEST(other_concatenations_are_executed)
{
    for (int kind = 0; kind < 4; kind++) {
        struct prt_graph *graph = build_graph();
        uint32_t x = build_input(graph, SIZES(2, kind == 3 ? 5 : 16));
        uint32_t a = build_clamp(graph, x, 0, 1), b = build_clamp(graph, x, 0, 2);
        uint32_t parts[2] = {kind == 0 ? x : a, kind == 1 ? a : b};
        build_finish(graph, IDS(build_concat(graph, parts, 2, kind == 2)));
        struct prt_plan plan = plan_of(graph);
        ck_assert_msg(plan.backends[graph->node_count - 1] != NULL, "kind %d", kind);
        prt_plan_free(&plan);
        prt_graph_destroy(graph);
    }
}
END_TEST

static bool no_softmax(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op != PRT_OP_SOFTMAX && prt_cpu_backend.supports(graph, node);
}

START_TEST(a_node_that_nobody_runs_is_named)
{
    struct prt_backend partial = prt_cpu_backend;
    partial.supports = no_softmax;
    const struct prt_backend *const list[] = {&partial, NULL};
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4, 16)), y;
    struct prt_node *node = build_node(graph, PRT_OP_SOFTMAX, IDS(x), SIZES(4, 16), &y);
    node->attrs.softmax.axis = 1;
    node->name = "aten::_softmax.out";
    build_finish(graph, IDS(y));
    struct percept_error error = {0};
    struct prt_plan plan = {0};
    ck_assert_int_eq(prt_plan_make(graph, list, &plan, &error), PERCEPT_UNSUPPORTED);
    ck_assert_str_eq(error.message, "no backend runs node 0 softmax (aten::_softmax.out) with a "
                                    "result of float32[4, 16]");
    ck_assert_ptr_null(plan.places);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(more_memory_than_any_network_needs_is_refused)
{
    struct prt_graph *graph = build_graph();
    uint32_t one = build_number(graph, 1), y;
    build_node(graph, PRT_OP_FULL, IDS(one), SIZES(1 << 15, 1 << 15, 64), &y);
    build_finish(graph, IDS(y));
    struct percept_error error = {0};
    struct prt_plan plan = {0};
    ck_assert_int_eq(prt_plan_make(graph, backends, &plan, &error), PERCEPT_LIMIT);
    prt_graph_destroy(graph);
}
END_TEST

/* ---- random graphs ---- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

#define POOL 24

/* Some operation on values made so far; all values are [8, 16] so that anything fits anything. */
static uint32_t random_step(struct prt_graph *graph, const uint32_t *values, uint32_t count,
                            uint32_t *state)
{
    uint32_t a = values[next_random(state) % count], b = values[next_random(state) % count], y;
    switch (next_random(state) % 7) {
    case 0:
        return build_clamp(graph, a, -0.5, 0.75);
    case 1:
        return build_binary(graph, PRT_BINARY_ADD, a, b);
    case 2:
        return build_binary(graph, PRT_BINARY_MUL, a, b);
    case 3:
        y = build_permute(graph, build_reshape(graph, a, SIZES(16, 8)), (int32_t[]){1, 0}, 2);
        return y;
    case 4:
        y = build_reshape(graph, a, SIZES(4, 2, 16));
        y = build_permute(graph, y, (int32_t[]){1, 0, 2}, 3);
        return build_reshape(graph, y, SIZES(8, 16));
    case 5:
        a = build_concat(graph, IDS(a, b), 0);
        build_node(graph, PRT_OP_SLICE, IDS(a, build_int(graph, 4), build_int(graph, 12)),
                   SIZES(8, 16), &y)
            ->attrs.slice = (struct prt_slice_attrs){.axis = 0, .step = 1};
        return y;
    default:
        a = build_concat(graph, IDS(a, b), 1);
        build_node(graph, PRT_OP_SLICE, IDS(a, build_int(graph, 0), build_int(graph, 32)),
                   SIZES(8, 16), &y)
            ->attrs.slice = (struct prt_slice_attrs){.axis = 1, .step = 2};
        return y;
    }
}

/* With `apart`, every value is an output, so that none may lie over another. The last one is
 * output 0 either way. */
static struct prt_model *random_model(uint32_t seed, bool apart)
{
    struct prt_graph *graph = build_graph();
    uint32_t values[POOL], count = 0, outputs[POOL], state = seed;
    values[count++] = build_input(graph, SIZES(8, 16));
    values[count++] = build_constant(graph, SIZES(8, 16));
    while (count < POOL) {
        values[count] = random_step(graph, values, count, &state);
        count++;
    }
    for (uint32_t i = 0; i < POOL; i++)
        outputs[i] = values[POOL - 1 - i];
    build_finish(graph, outputs, apart ? POOL : 1);
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    struct prt_model_options options = {.backends = backends, .no_fusion = apart};
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    build_fill(prt_model_input_data(model, 0), 128, seed);
    return model;
}

START_TEST(sharing_memory_changes_no_result)
{
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct prt_model *apart = random_model(seed, true), *shared = random_model(seed, false);
        for (int run = 0; run < 2; run++) { /* the second finds what the first left behind */
            ck_assert_int_eq(prt_model_run(apart, NULL), PERCEPT_OK);
            ck_assert_int_eq(prt_model_run(shared, NULL), PERCEPT_OK);
            ck_assert_msg(memcmp(prt_model_output_data(apart, 0), prt_model_output_data(shared, 0),
                                 128 * sizeof(float)) == 0,
                          "seed %u, run %d", seed, run);
        }
        struct prt_model_stats more, less;
        prt_model_stats(apart, &more);
        prt_model_stats(shared, &less);
        ck_assert_uint_le(less.arena_bytes, more.arena_bytes);
        prt_model_destroy(apart);
        prt_model_destroy(shared);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, elementwise_results_replace_their_operands);
    tcase_add_test(tests, an_operand_that_is_read_later_is_not_replaced);
    tcase_add_test(tests, a_scatter_changes_what_nobody_reads_later);
    tcase_add_test(tests, a_scatter_that_reads_what_it_changes_leaves_it_alone);
    tcase_add_test(tests, a_state_that_changes_in_part_changes_where_it_lies);
    tcase_add_test(tests, views_and_outer_slices_are_not_executed);
    tcase_add_test(tests, an_output_never_shares_an_input);
    tcase_add_test(tests, whole_parts_are_computed_where_they_are_joined);
    tcase_add_test(tests, other_concatenations_are_executed);
    tcase_add_test(tests, a_node_that_nobody_runs_is_named);
    tcase_add_test(tests, more_memory_than_any_network_needs_is_refused);
    tcase_add_test(tests, sharing_memory_changes_no_result);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
