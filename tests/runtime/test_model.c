/* What the public interface promises: models say what they take, copy in and out in any memory
 * order, run where they were placed, and refuse what they cannot do in one line. */
#include "build.h"
#include "pte.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

static struct prt_model *model_of(struct prt_graph *graph, const struct prt_model_options *options)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_from_graph(graph, options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    return model;
}

/* conv -> relu -> softmax over channels; two kinds of op for two backends. */
static struct prt_graph *classifier(void)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(1, 4, 6, 6)), y;
    x = build_conv(graph, x, (struct conv){.channels = 8, .kernel = 6});
    x = build_reshape(graph, build_clamp(graph, x, 0, 6), SIZES(1, 8));
    build_node(graph, PRT_OP_SOFTMAX, IDS(x), SIZES(1, 8), &y)->attrs.softmax.axis = 1;
    build_finish(graph, IDS(y));
    return graph;
}

/* Large enough that kernels share the work out. */
static struct prt_graph *wide_net(void)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(1, 8, 40, 40));
    x = build_conv(graph, x, (struct conv){.channels = 16, .kernel = 3, .padding = 1});
    x = build_conv(graph, x,
                   (struct conv){.channels = 16, .kernel = 5, .padding = 2, .groups = 16});
    build_finish(graph, IDS(build_max_pool(graph, build_prelu_parts(graph, x, 1))));
    return graph;
}

START_TEST(copies_follow_the_memory_order_of_the_method)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(1, 3, 4, 5));
    uint32_t y = build_binary(graph, PRT_BINARY_ADD, x, build_number(graph, 1));
    const uint8_t last[] = {0, 2, 3, 1};
    memcpy(graph->values[x].tensor.dim_order, last, sizeof last);
    memcpy(graph->values[y].tensor.dim_order, (uint8_t[]){0, 1, 3, 2}, 4);
    build_finish(graph, IDS(y));
    struct prt_model *model = model_of(graph, &(struct prt_model_options){.backends = backends});
    ck_assert(prt_tensor_is_channels_last(prt_model_input_spec(model, 0)));
    ck_assert_uint_eq(prt_model_output_spec(model, 0)->dim_order[2], 3);

    float rows[60], back[60];
    for (int i = 0; i < 60; i++)
        rows[i] = (float)i;
    ck_assert_int_eq(prt_model_set_input(model, 0, rows, sizeof rows, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_get_output(model, 0, back, sizeof back, NULL), PERCEPT_OK);
    for (int i = 0; i < 60; i++)
        ck_assert_float_eq(back[i], rows[i] + 1);
    const float *input = prt_model_input_data(model, 0), *output = prt_model_output_data(model, 0);
    ck_assert_float_eq(input[1], rows[20]);     /* the second channel of the first pixel */
    ck_assert_float_eq(output[1], rows[5] + 1); /* the second row of the first column */
    ck_assert_uint_eq((uintptr_t)input % 64, 0);
    ck_assert_uint_eq((uintptr_t)output % 64, 0);
    prt_model_destroy(model);
}
END_TEST

START_TEST(wrong_use_is_an_error_and_not_a_crash)
{
    struct percept_error error = {0};
    struct prt_model *model = NULL;
    struct prt_graph *graph = classifier();
    ck_assert_int_eq(prt_model_from_graph(graph, NULL, &model, &error), PERCEPT_INVALID);
    const struct prt_backend *const none[] = {NULL};
    ck_assert_int_eq(
        prt_model_from_graph(graph, &(struct prt_model_options){.backends = none}, &model, &error),
        PERCEPT_INVALID);
    ck_assert_ptr_null(model);
    model = model_of(graph, &(struct prt_model_options){.backends = backends});
    float small[3];
    ck_assert_int_eq(prt_model_set_input(model, 0, small, sizeof small, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "input 0 has 576 bytes, not 12");
    ck_assert_int_eq(prt_model_set_input(model, 1, small, sizeof small, &error), PERCEPT_INVALID);
    ck_assert_int_eq(prt_model_get_output(model, 9, small, sizeof small, &error), PERCEPT_INVALID);
    ck_assert_ptr_null(prt_model_input_spec(model, 1));
    ck_assert_ptr_null(prt_model_output_data(model, 1));
    prt_model_destroy(model);
    prt_model_destroy(NULL);
}
END_TEST

static bool only_softmax(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op == PRT_OP_SOFTMAX && prt_cpu_backend.supports(graph, node);
}

static bool all_but_softmax(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op != PRT_OP_SOFTMAX && prt_cpu_backend.supports(graph, node);
}

START_TEST(nodes_go_to_the_first_backend_that_takes_them)
{
    struct prt_backend special = prt_cpu_backend;
    special.supports = only_softmax;
    const struct prt_backend *const list[] = {&special, &prt_cpu_backend, NULL};
    struct prt_model *split = model_of(classifier(), &(struct prt_model_options){.backends = list});
    struct prt_model *whole =
        model_of(classifier(), &(struct prt_model_options){.backends = backends});
    struct prt_model_stats stats;
    prt_model_stats(split, &stats);
    ck_assert_uint_eq(stats.segment_count, 2);
    const struct prt_graph *graph = prt_model_graph(split);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_backend *placed = prt_model_placement(split, n);
        if (placed) /* NULL: a view */
            ck_assert(placed ==
                      (graph->nodes[n].op == PRT_OP_SOFTMAX ? &special : &prt_cpu_backend));
    }
    build_fill(prt_model_input_data(split, 0), 144, 3);
    build_fill(prt_model_input_data(whole, 0), 144, 3);
    ck_assert_int_eq(prt_model_run(split, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_run(whole, NULL), PERCEPT_OK);
    ck_assert_mem_eq(prt_model_output_data(split, 0), prt_model_output_data(whole, 0), 32);
    prt_model_destroy(split);
    prt_model_destroy(whole);
}
END_TEST

START_TEST(a_model_that_nobody_runs_leaves_the_graph_to_the_caller)
{
    struct prt_backend partial = prt_cpu_backend;
    partial.supports = all_but_softmax;
    const struct prt_backend *const list[] = {&partial, NULL};
    struct prt_graph *graph = classifier();
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_int_eq(
        prt_model_from_graph(graph, &(struct prt_model_options){.backends = list}, &model, &error),
        PERCEPT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "softmax"));
    ck_assert_ptr_null(model);
    prt_graph_destroy(graph);
}
END_TEST

static bool floats_only(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *y = &graph->values[node->outputs[0]].tensor;
    bool moves = node->op == PRT_OP_QUANTIZE || node->op == PRT_OP_LAYOUT;
    return (moves || y->quant.kind == PRT_QUANT_NONE) && prt_cpu_backend.supports(graph, node);
}

START_TEST(quantised_nodes_run_in_floats_where_there_is_no_integer_kernel)
{
    struct prt_backend plain = prt_cpu_backend;
    plain.supports = floats_only;
    const struct prt_backend *const list[] = {&plain, NULL};
    struct prt_model *models[2];
    for (int i = 0; i < 2; i++) {
        struct prt_graph *graph = build_graph();
        uint32_t x = build_input(graph, SIZES(4, 16));
        x = build_dequantize(graph, build_quantize(graph, x, 0.01f, 3));
        x = build_dequantize(graph, build_quantize(graph, build_clamp(graph, x, 0, 6), 0.02f, 0));
        build_finish(graph, IDS(x));
        models[i] = model_of(graph, &(struct prt_model_options){.backends = i ? list : backends});
        build_fill(prt_model_input_data(models[i], 0), 64, 5);
        ck_assert_int_eq(prt_model_run(models[i], NULL), PERCEPT_OK);
    }
    ck_assert_uint_eq(build_count(prt_model_graph(models[0]), PRT_OP_DEQUANTIZE), 1);
    ck_assert_uint_eq(build_count(prt_model_graph(models[1]), PRT_OP_DEQUANTIZE), 2);
    ck_assert_mem_eq(prt_model_output_data(models[0], 0), prt_model_output_data(models[1], 0),
                     64 * sizeof(float));
    prt_model_destroy(models[0]);
    prt_model_destroy(models[1]);
}
END_TEST

START_TEST(a_profile_has_a_time_for_each_node_that_ran)
{
    struct prt_model *model =
        model_of(classifier(), &(struct prt_model_options){.backends = backends});
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    struct prt_step_time *times = calloc(stats.node_count, sizeof *times);
    ck_assert_ptr_nonnull(times);
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_OK);
    int64_t previous = 0;
    for (uint32_t n = 0; n < stats.node_count; n++) {
        if (!prt_model_placement(model, n)) {
            ck_assert_int_eq(times[n].end_ns, 0);
            continue;
        }
        ck_assert_ptr_nonnull(times[n].kernel);
        ck_assert(times[n].start_ns >= previous && times[n].end_ns >= times[n].start_ns);
        previous = times[n].end_ns;
    }
    ck_assert_uint_gt(stats.arena_bytes, 0);
    ck_assert_uint_gt(stats.constant_bytes, 8 * 4 * 36 * 4 - 1);
    ck_assert_int_gt(stats.load_ns, 0);
    free(times);
    prt_model_destroy(model);
}
END_TEST

START_TEST(an_input_handed_back_is_a_copy)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(16));
    build_finish(graph, IDS(x, x));
    struct prt_model *model = model_of(graph, &(struct prt_model_options){.backends = backends});
    float *input = prt_model_input_data(model, 0);
    input[3] = 5;
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    input[3] = 6;
    for (size_t i = 0; i < 2; i++)
        ck_assert_float_eq(((const float *)prt_model_output_data(model, i))[3], 5);
    prt_model_destroy(model);
}
END_TEST

START_TEST(a_pool_changes_no_result)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(3, &pool, NULL), PERCEPT_OK);
    struct prt_model *alone =
        model_of(wide_net(), &(struct prt_model_options){.backends = backends});
    struct prt_model *pooled =
        model_of(wide_net(), &(struct prt_model_options){.backends = backends, .pool = pool});
    build_fill(prt_model_input_data(alone, 0), 8 * 40 * 40, 9);
    build_fill(prt_model_input_data(pooled, 0), 8 * 40 * 40, 9);
    ck_assert_int_eq(prt_model_run(alone, NULL), PERCEPT_OK);
    for (int run = 0; run < 20; run++) {
        ck_assert_int_eq(prt_model_run(pooled, NULL), PERCEPT_OK);
        ck_assert_mem_eq(prt_model_output_data(alone, 0), prt_model_output_data(pooled, 0),
                         16 * 20 * 20 * sizeof(float));
    }
    prt_model_destroy(alone);
    prt_model_destroy(pooled);
    base_pool_destroy(pool);
}
END_TEST

START_TEST(constants_and_state_have_their_values)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(16)), c = build_constant(graph, SIZES(16));
    uint32_t state = build_constant(graph, SIZES(16)), zeros = build_tensor(graph, SIZES(16));
    graph->values[state].flags = PRT_FLAG_STATE;
    graph->values[zeros].flags = PRT_FLAG_STATE;
    uint32_t sum = build_binary(graph, PRT_BINARY_ADD, x, state);
    const float *initial = graph->values[state].data, *constant = graph->values[c].data;
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_SUB, sum, zeros), c));
    struct prt_model *model = model_of(graph, &(struct prt_model_options){.backends = backends});
    build_fill(prt_model_input_data(model, 0), 16, 11);
    for (int run = 0; run < 2; run++) {
        ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
        const float *input = prt_model_input_data(model, 0), *y = prt_model_output_data(model, 0);
        for (int i = 0; i < 16; i++)
            ck_assert_float_eq(y[i], input[i] + initial[i]);
    }
    ck_assert_mem_eq(prt_model_output_data(model, 1), constant, 64);
    prt_model_destroy(model);
}
END_TEST

static struct prt_model *model_of_program(struct prt_program *program)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_create(program, &(struct prt_model_options){.backends = backends},
                                   &model, &error) == PERCEPT_OK,
                  "%s", error.message);
    return model;
}

/* A method that returns its state and adds the input to it. */
START_TEST(state_lasts_from_run_to_run)
{
    struct pte pte = {0};
    uint32_t state = pte_value(&pte, ">f32[4]");
    uint32_t y = pte_call(&pte, "aten::neg.out", "$0 >f32[4] =");
    uint32_t sum = pte_call(&pte, "aten::add.out", "$0 f32[4] 1 >f32[4] =");
    char copy[64];
    snprintf(copy, sizeof copy, "$%u $%u F $%u", state, sum, state);
    pte_call(&pte, "aten::copy_", copy);
    pte.outputs[0] = y;
    pte.output_count = 1;
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = model_of_program(program);
    ck_assert_uint_eq(prt_model_output_count(model), 1);
    const float x[4] = {1, 2, 3, 4};
    ck_assert_int_eq(prt_model_set_input(model, 0, x, sizeof x, NULL), PERCEPT_OK);
    for (int round = 0; round < 2; round++) {
        for (int run = 0; run < 3; run++) {
            ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
            const float *out = prt_model_output_data(model, 0);
            for (int i = 0; i < 4; i++)
                ck_assert_float_eq(out[i], (float)-run * x[i]);
        }
        prt_model_reset_state(model);
    }
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* do { x = -x; i += 1; } while (!(i == n)): the number decides how often. */
START_TEST(numbers_choose_a_variant)
{
    struct pte pte = {0};
    uint32_t n = pte_value(&pte, "3"), x = pte_value(&pte, ">f32[4]");
    uint32_t i = pte_value(&pte, "0"), one = pte_value(&pte, "1"), done = pte_value(&pte, "F");
    char args[64];
    pte.inputs[pte.input_count++] = n;
    pte.inputs[pte.input_count++] = x;
    snprintf(args, sizeof args, "$%u $%u $%u", x, x, x);
    pte_call(&pte, "aten::neg.out", args);
    snprintf(args, sizeof args, "$%u $%u $%u", i, one, i);
    pte_call(&pte, "executorch_prim::add.Scalar", args);
    snprintf(args, sizeof args, "$%u $%u $%u", i, n, done);
    pte_call(&pte, "executorch_prim::eq.Scalar", args);
    pte_instruction(&pte, 4, (int32_t)done, 0);
    pte.outputs[0] = x;
    pte.outputs[1] = i;
    pte.output_count = 2;
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = model_of_program(program);
    const float numbers[4] = {1, 2, 3, 4};
    ck_assert_int_eq(prt_model_set_input(model, 1, numbers, sizeof numbers, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_input_scalar(model, 0).i, 3);
    ck_assert_int_eq(prt_model_input_scalar(model, 1).kind, PRT_VALUE_NONE);
    for (int round = 0; round < 2; round++) { /* more than are kept; then again */
        for (int count = 1; count <= 10; count++) {
            const struct prt_scalar scalar = {.kind = PRT_VALUE_INT, .i = count};
            ck_assert_int_eq(prt_model_set_scalar(model, 0, scalar, NULL), PERCEPT_OK);
            ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
            ck_assert_int_eq(prt_model_output_scalar(model, 1).i, count);
            const float *out = prt_model_output_data(model, 0);
            for (int k = 0; k < 4; k++)
                ck_assert_float_eq(out[k], count % 2 ? -numbers[k] : numbers[k]);
        }
    }
    struct percept_error error = {0};
    const struct prt_scalar endless = {.kind = PRT_VALUE_INT, .i = -1};
    ck_assert_int_ne(prt_model_set_scalar(model, 0, endless, &error), PERCEPT_OK);
    ck_assert_int_eq(prt_model_output_scalar(model, 1).i, 10);
    ck_assert_int_eq(prt_model_set_scalar(model, 1, endless, &error), PERCEPT_INVALID);
    ck_assert_int_eq(prt_model_set_scalar(model, 2, endless, &error), PERCEPT_INVALID);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

struct observed {
    struct prt_model *model;
    unsigned calls;
    float last[8];
};

static void observe(void *context, uint32_t node, const void *data)
{
    struct observed *observed = context;
    const struct prt_graph *graph = prt_model_graph(observed->model);
    ck_assert_uint_eq(node, observed->calls++);
    const struct prt_value *value = &graph->values[graph->nodes[node].outputs[0]];
    ck_assert_ptr_nonnull(data);
    memcpy(observed->last, data, value->bytes < 32 ? value->bytes : 32);
}

START_TEST(each_node_can_be_seen)
{
    struct prt_model_options options = {
        .backends = backends, .no_fusion = true, .observable = true};
    struct observed observed = {.model = model_of(classifier(), &options)};
    build_fill(prt_model_input_data(observed.model, 0), 144, 2);
    ck_assert_int_eq(prt_model_run_observed(observed.model, observe, &observed, NULL), PERCEPT_OK);
    ck_assert_uint_eq(observed.calls, prt_model_graph(observed.model)->node_count);
    ck_assert_uint_ge(observed.calls, 4); /* nothing was fused: conv, clamp, reshape, softmax */
    ck_assert_mem_eq(observed.last, prt_model_output_data(observed.model, 0), sizeof observed.last);
    prt_model_destroy(observed.model);

    options.observable = false;
    observed = (struct observed){.model = model_of(classifier(), &options)};
    ck_assert_int_eq(prt_model_run_observed(observed.model, observe, &observed, NULL),
                     PERCEPT_INVALID);
    prt_model_destroy(observed.model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tests = tcase_create("model");
    tcase_add_test(tests, copies_follow_the_memory_order_of_the_method);
    tcase_add_test(tests, wrong_use_is_an_error_and_not_a_crash);
    tcase_add_test(tests, nodes_go_to_the_first_backend_that_takes_them);
    tcase_add_test(tests, a_model_that_nobody_runs_leaves_the_graph_to_the_caller);
    tcase_add_test(tests, quantised_nodes_run_in_floats_where_there_is_no_integer_kernel);
    tcase_add_test(tests, a_profile_has_a_time_for_each_node_that_ran);
    tcase_add_test(tests, each_node_can_be_seen);
    tcase_add_test(tests, an_input_handed_back_is_a_copy);
    tcase_add_test(tests, a_pool_changes_no_result);
    tcase_add_test(tests, constants_and_state_have_their_values);
    tcase_add_test(tests, state_lasts_from_run_to_run);
    tcase_add_test(tests, numbers_choose_a_variant);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
