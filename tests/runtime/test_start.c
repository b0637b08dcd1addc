/*
 * Models that are started and waited for later. They run on a backend made here, whose device is
 * the CPU's kernels at the moment of the wait: nothing is there before it, whatever the clock says.
 */
#include "build.h"
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prt_segment {
    struct prt_segment *cpu;
    struct prt_execution execution;
    bool in_flight;
};

static unsigned in_flight, waits;                     /* of all segments; ended so far */
static enum percept_status start_answer, wait_answer; /* faults, when they are not OK */

static const char *absent(void)
{
    return NULL;
}

/* All but tanh, so that a graph can have nodes that the CPU runs. */
static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_cpu_backend.supports(graph, node) &&
           !(node->op == PRT_OP_UNARY && node->attrs.unary.kind == PRT_UNARY_TANH);
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    struct prt_segment *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    enum percept_status status = prt_cpu_backend.compile(compile, &made->cpu, error);
    ck_assert_int_eq(status, PERCEPT_OK);
    *segment = made;
    return status;
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    return prt_cpu_backend.scratch_bytes(segment->cpu);
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    return prt_cpu_backend.execute(segment->cpu, execution, error);
}

static enum percept_status start(struct prt_segment *segment, const struct prt_execution *execution,
                                 struct percept_error *error)
{
    if (start_answer != PERCEPT_OK)
        return percept_fail(error, start_answer, "the device does not start");
    ck_assert(!segment->in_flight);
    segment->execution = *execution;
    segment->in_flight = true;
    in_flight++;
    return PERCEPT_OK;
}

static enum percept_status wait(struct prt_segment *segment, struct percept_error *error)
{
    ck_assert(segment->in_flight);
    segment->in_flight = false;
    in_flight--;
    waits++;
    if (wait_answer != PERCEPT_OK)
        return percept_fail(error, wait_answer, "the device fell over");
    return prt_cpu_backend.execute(segment->cpu, &segment->execution, error);
}

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    in_flight -= segment->in_flight;
    prt_cpu_backend.destroy(segment->cpu);
    free(segment);
}

static const struct prt_backend later = {
    .version = PRT_BACKEND_VERSION,
    .name = "later",
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .start = start,
    .wait = wait,
};
static const struct prt_backend *const both[] = {&later, &prt_cpu_backend, NULL};
static const struct prt_backend *const alone[] = {&later, NULL};

static void setup(void)
{
    in_flight = waits = 0;
    start_answer = wait_answer = PERCEPT_OK;
}

/* y = x + x, or y = tanh(x + x) * x: the device, the CPU, the device. */
static struct prt_model *make_model(const struct prt_model_options *options, bool has_tanh)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4)), y = build_binary(graph, PRT_BINARY_ADD, x, x), t;
    if (has_tanh) {
        build_node(graph, PRT_OP_UNARY, IDS(y), SIZES(4), &t)->attrs.unary.kind = PRT_UNARY_TANH;
        y = build_binary(graph, PRT_BINARY_MUL, t, x);
    }
    build_finish(graph, IDS(y));
    struct prt_model *model = NULL;
    ck_assert_int_eq(prt_model_from_graph(graph, options, &model, NULL), PERCEPT_OK);
    return model;
}

static void fill(struct prt_model *model, float value)
{
    float *x = prt_model_input_data(model, 0);
    for (int i = 0; i < 4; i++)
        x[i] = value;
}

static float result(const struct prt_model *model)
{
    return *(const float *)prt_model_output_data(model, 0);
}

static const struct prt_model_options on_both = {.backends = both}, on_later = {.backends = alone};

START_TEST(several_models_run_before_any_is_waited_for)
{
    struct prt_model *models[3];
    for (int i = 0; i < 3; i++) {
        models[i] = make_model(&on_both, false);
        fill(models[i], (float)i + 1);
        ck_assert_int_eq(prt_model_start(models[i], NULL), PERCEPT_OK);
    }
    ck_assert_uint_eq(in_flight, 3);
    ck_assert_uint_eq(waits, 0);
    for (int i = 2; i >= 0; i--) { /* in any order */
        ck_assert_int_eq(prt_model_wait(models[i], NULL), PERCEPT_OK);
        ck_assert(result(models[i]) == 2 * ((float)i + 1));
        ck_assert_uint_eq(in_flight, (unsigned)i);
        prt_model_destroy(models[i]);
    }
}
END_TEST

START_TEST(what_follows_the_device_runs_in_the_wait)
{
    struct prt_model *model = make_model(&on_both, true);
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    ck_assert_uint_eq(stats.segment_count, 3);
    for (int round = 1; round < 3; round++) {
        fill(model, (float)round);
        ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
        ck_assert_uint_eq(in_flight, 1);
        ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
        ck_assert_uint_eq(waits, 2 * (unsigned)round);
        struct prt_model *cpu = make_model(&(struct prt_model_options){.backends = both + 1}, true);
        fill(cpu, (float)round);
        ck_assert_int_eq(prt_model_start(cpu, NULL), PERCEPT_OK); /* all of it, at once */
        ck_assert_int_eq(prt_model_wait(cpu, NULL), PERCEPT_OK);
        ck_assert(result(cpu) == result(model));
        prt_model_destroy(cpu);
    }
    prt_model_destroy(model);
}
END_TEST

START_TEST(a_model_that_runs_is_left_alone)
{
    struct percept_error error = {0};
    float four[4] = {0};
    struct prt_step_time times[4];
    struct prt_model *model = make_model(&on_both, false);
    ck_assert_int_eq(prt_model_wait(model, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "the model was not started");
    fill(model, 3);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_start(model, &error), PERCEPT_BUSY);
    ck_assert_str_eq(error.message, "the model is running: wait for it first");
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_run_observed(model, NULL, NULL, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_set_input(model, 0, four, sizeof four, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_get_output(model, 0, four, sizeof four, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert(result(model) == 6);
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_INVALID);
    ck_assert_int_eq(prt_model_get_output(model, 0, four, sizeof four, NULL), PERCEPT_OK);
    ck_assert(four[3] == 6);
    prt_model_destroy(model);
}
END_TEST

START_TEST(a_model_that_runs_keeps_its_sizes)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::neg.out", "f32[8]^0 >f32[8]^0 =");
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model;
    const struct prt_choice choice = {.sized = true, .sizes = {2}};
    ck_assert_int_eq(prt_model_create(program, &on_both, &model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_resize_input(model, 0, 1, (const int32_t[]){3}, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_choose(model, &choice, 1, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], 8);
    ck_assert_int_eq(prt_model_resize_input(model, 0, 1, (const int32_t[]){3}, NULL), PERCEPT_OK);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

START_TEST(a_model_may_be_destroyed_while_it_runs)
{
    struct prt_arena *arena;
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
    const struct prt_model_options options = {.backends = both, .arena = arena};
    struct prt_model *first = make_model(&options, false), *second = make_model(&options, false);
    ck_assert_int_eq(prt_model_start(first, NULL), PERCEPT_OK);
    prt_model_destroy(first);
    ck_assert_uint_eq(in_flight, 0);
    fill(second, 1);
    ck_assert_int_eq(prt_model_run(second, NULL), PERCEPT_OK); /* the arena is free again */
    prt_model_destroy(second);
    prt_arena_destroy(arena);
}
END_TEST

START_TEST(models_of_one_arena_take_turns)
{
    struct prt_arena *arena;
    struct percept_error error = {0};
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
    const struct prt_model_options options = {.backends = both, .arena = arena};
    struct prt_model *first = make_model(&options, false), *second = make_model(&options, false);
    fill(first, 5);
    ck_assert_int_eq(prt_model_start(first, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_start(second, &error), PERCEPT_BUSY);
    ck_assert_str_eq(error.message, "another model of the arena is running: wait for it first");
    ck_assert_int_eq(prt_model_wait(first, NULL), PERCEPT_OK);
    ck_assert(result(first) == 10);
    fill(second, 6);
    ck_assert_int_eq(prt_model_run(second, NULL), PERCEPT_OK);
    ck_assert(result(second) == 12);
    prt_model_destroy(first);
    prt_model_destroy(second);
    prt_arena_destroy(arena);
}
END_TEST

/* As it starts, or in flight: others take over, and the run is told as if nothing had been. */
START_TEST(a_fault_in_flight_is_taken_over_in_the_wait)
{
    struct prt_model *model = make_model(&on_both, true);
    *(_i ? &start_answer : &wait_answer) = PERCEPT_DISCONNECTED;
    fill(model, 0.5f);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_ptr_null(prt_model_gave_up(model));
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert_str_eq(prt_model_gave_up(model),
                     _i ? "the device does not start" : "the device fell over");
    ck_assert_float_eq_tol(result(model), 0.5f * 0.76159416f, 1e-6f); /* tanh(1) */
    ck_assert_ptr_eq(prt_model_placement(model, 0), &prt_cpu_backend);
    ck_assert_uint_eq(in_flight, 0);
    prt_model_destroy(model);
}
END_TEST

START_TEST(without_another_backend_the_wait_tells_the_fault)
{
    struct percept_error error = {0};
    struct prt_model *model = make_model(&on_later, false);
    fill(model, 1);
    wait_answer = PERCEPT_DISCONNECTED;
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_wait(model, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "the device fell over");
    wait_answer = PERCEPT_OK;
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK); /* it may have been for once */
    ck_assert(result(model) == 2);
    prt_model_destroy(model);
}
END_TEST

/* A run that finds another size begins again, in the wait. */
START_TEST(sizes_that_the_data_tell_are_settled_in_the_wait)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::masked_select.out", "f32[2,3] bool[3] >f32[6]^0 =");
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model;
    ck_assert_int_eq(prt_model_create(program, &on_both, &model, NULL), PERCEPT_OK);
    const float x[6] = {1, 2, 3, 4, 5, 6}, two[2] = {2, 5};
    run_set(model, 0, x, sizeof x);
    run_set(model, 1, (const bool[]){false, true, false}, 3);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], 6);
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], 2);
    ck_assert_mem_eq(prt_model_output_data(model, 0), two, sizeof two);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* A method that returns its state, with another sign, and adds the input to it. */
START_TEST(states_change_when_the_run_has_ended)
{
    struct pte pte = {0};
    char copy[64];
    uint32_t state = pte_value(&pte, ">f32[4]");
    uint32_t y = pte_call(&pte, "aten::neg.out", "$0 >f32[4] =");
    uint32_t sum = pte_call(&pte, "aten::add.out", "$0 f32[4] 1 >f32[4] =");
    snprintf(copy, sizeof copy, "$%u $%u F $%u", state, sum, state);
    pte_call(&pte, "aten::copy_", copy);
    pte.outputs[0] = y;
    pte.output_count = 1;
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model;
    ck_assert_int_eq(prt_model_create(program, &on_both, &model, NULL), PERCEPT_OK);
    for (int round = 0; round < 4; round++) {
        fill(model, 1);
        if (round == 3)
            wait_answer = PERCEPT_DISCONNECTED; /* begins again, and does not count twice */
        ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
        ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
        ck_assert(result(model) == (float)-round);
    }
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    prt_model_reset_state(model); /* after the run */
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert(result(model) == -4);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    ck_assert(result(model) == 0);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

START_TEST(there_are_three_priorities)
{
    struct percept_error error = {0};
    for (int priority = -2; priority <= 2; priority++) {
        struct prt_graph *graph = build_graph();
        build_finish(graph, IDS(build_clamp(graph, build_input(graph, SIZES(4)), 0, 1)));
        struct prt_model *model = NULL;
        const struct prt_model_options options = {.backends = both,
                                                  .priority = (enum prt_priority)priority};
        bool valid = abs(priority) < 2;
        ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, &error),
                         valid ? PERCEPT_OK : PERCEPT_INVALID);
        if (!valid)
            prt_graph_destroy(graph);
        prt_model_destroy(model);
    }
    ck_assert_str_eq(error.message, "there is no priority 2");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("start");
    TCase *tests = tcase_create("start");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, several_models_run_before_any_is_waited_for);
    tcase_add_test(tests, what_follows_the_device_runs_in_the_wait);
    tcase_add_test(tests, a_model_that_runs_is_left_alone);
    tcase_add_test(tests, a_model_that_runs_keeps_its_sizes);
    tcase_add_test(tests, a_model_may_be_destroyed_while_it_runs);
    tcase_add_test(tests, models_of_one_arena_take_turns);
    tcase_add_loop_test(tests, a_fault_in_flight_is_taken_over_in_the_wait, 0, 2);
    tcase_add_test(tests, without_another_backend_the_wait_tells_the_fault);
    tcase_add_test(tests, sizes_that_the_data_tell_are_settled_in_the_wait);
    tcase_add_test(tests, states_change_when_the_run_has_ended);
    tcase_add_test(tests, there_are_three_priorities);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
