/* Who shares a processor among models is asked between the steps of their runs, and of their plans.
 */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 6 };

static struct {
    char order[64]; /* s: step, w: wait, r: resume, d: the device computes */
    size_t count;
} told;

static void note(void *context, char what)
{
    ck_assert_ptr_eq(context, &told);
    ck_assert_uint_lt(told.count, sizeof told.order - 1);
    told.order[told.count++] = what;
}

static void on_step(void *context)
{
    note(context, 's');
}

static void on_wait(void *context)
{
    note(context, 'w');
}

static void on_resume(void *context)
{
    note(context, 'r');
}

static struct prt_yield yield;

static void setup(void)
{
    memset(&told, 0, sizeof told);
    yield =
        (struct prt_yield){.step = on_step, .wait = on_wait, .resume = on_resume, .context = &told};
}

/* ---- a device, whose work the CPU does as it is waited for ---- */

struct prt_segment {
    struct prt_segment *cpu;
    struct prt_execution execution;
};

static const char *absent(void)
{
    return NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_cpu_backend.supports(graph, node) && node->op == PRT_OP_BINARY;
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    struct prt_segment *made = calloc(1, sizeof *made);
    ck_assert_ptr_nonnull(made);
    ck_assert_int_eq(prt_cpu_backend.compile(compile, &made->cpu, error), PERCEPT_OK);
    *segment = made;
    return PERCEPT_OK;
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
    (void)error;
    ck_assert_ptr_null(execution->yield); /* it computes beside the caller */
    segment->execution = *execution;
    return PERCEPT_OK;
}

static enum percept_status wait(struct prt_segment *segment, struct percept_error *error)
{
    note(&told, 'd');
    return prt_cpu_backend.execute(segment->cpu, &segment->execution, error);
}

static void destroy(struct prt_segment *segment)
{
    if (segment)
        prt_cpu_backend.destroy(segment->cpu);
    free(segment);
}

static const struct prt_backend device = {
    .version = PRT_BACKEND_VERSION,
    .name = "device",
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .start = start,
    .wait = wait,
};

/* ---- models ---- */

/* y = tanh(tanh(... x)), and for the device x + x in between. */
static struct prt_model *make_model(const struct prt_backend *const *backends,
                                    struct base_pool *pool, bool adds)
{
    struct prt_graph *graph = build_graph();
    uint32_t y = build_input(graph, SIZES(256, 256));
    for (int i = 0; i < STEPS; i++) {
        if (adds && i == STEPS / 2)
            y = build_binary(graph, PRT_BINARY_ADD, y, y);
        build_node(graph, PRT_OP_UNARY, IDS(y), SIZES(256, 256), &y)->attrs.unary.kind =
            PRT_UNARY_TANH;
    }
    build_finish(graph, IDS(y));
    struct prt_model *model = NULL;
    const struct prt_model_options options = {
        .backends = backends, .pool = pool, .yield = &yield, .no_fusion = true};
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    memset(&told, 0, sizeof told);
    return model;
}

static const struct prt_backend *const cpu_alone[] = {&prt_cpu_backend, NULL};
static const struct prt_backend *const both[] = {&device, &prt_cpu_backend, NULL};

static void run(struct prt_model *model)
{
    memset(prt_model_input_data(model, 0), 0, 256 * 256 * sizeof(float));
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
}

START_TEST(each_step_asks_when_there_is_no_bound)
{
    struct prt_model *model = make_model(cpu_alone, NULL, false);
    run(model);
    ck_assert_str_eq(told.order, "ssssss");
    prt_model_destroy(model);
}
END_TEST

START_TEST(nobody_is_asked_before_the_bound)
{
    yield.bound_ns = INT64_MAX / 2;
    yield.last_ns = base_clock_ns();
    struct prt_model *model = make_model(cpu_alone, NULL, false);
    run(model);
    ck_assert_str_eq(told.order, "");
    prt_model_destroy(model);
}
END_TEST

/* The bound counts from the last time that somebody was asked, in this model or the one before. */
START_TEST(the_bound_goes_on_from_model_to_model)
{
    struct prt_model *one = make_model(cpu_alone, NULL, false),
                     *two = make_model(cpu_alone, NULL, false);
    yield.bound_ns = BASE_NS_PER_S * 3600;
    yield.last_ns = base_clock_ns() - yield.bound_ns;
    run(one);
    run(two);
    ck_assert_str_eq(told.order, "s");
    ck_assert_int_gt(yield.last_ns, base_clock_ns() - yield.bound_ns);
    prt_model_destroy(one);
    prt_model_destroy(two);
}
END_TEST

START_TEST(with_a_pool_it_is_asked_between_steps_too)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(4, &pool, NULL), PERCEPT_OK);
    struct prt_model *model = make_model(cpu_alone, pool, false);
    for (int i = 0; i < 5; i++)
        run(model);
    ck_assert_uint_eq(told.count, 5 * STEPS);
    prt_model_destroy(model);
    base_pool_destroy(pool);
}
END_TEST

START_TEST(a_wait_for_a_device_is_told)
{
    struct prt_model *model = make_model(both, NULL, true);
    run(model);
    ck_assert_str_eq(told.order, "ssswdrsss");
    prt_model_destroy(model);
}
END_TEST

static void count(void *pauses)
{
    ++*(size_t *)pauses;
}

START_TEST(a_plan_pauses_between_its_parts)
{
    size_t pauses = 0;
    base_pool_set_pause(count, &pauses);
    struct prt_model *model = make_model(cpu_alone, NULL, false);
    base_pool_set_pause(NULL, NULL);
    ck_assert_uint_ge(pauses, STEPS);
    ck_assert_uint_eq(told.count, 0); /* it is no run */
    prt_model_destroy(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yield");
    TCase *tests = tcase_create("yield");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, each_step_asks_when_there_is_no_bound);
    tcase_add_test(tests, nobody_is_asked_before_the_bound);
    tcase_add_test(tests, the_bound_goes_on_from_model_to_model);
    tcase_add_test(tests, with_a_pool_it_is_asked_between_steps_too);
    tcase_add_test(tests, a_wait_for_a_device_is_told);
    tcase_add_test(tests, a_plan_pauses_between_its_parts);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
