/* Several models on one GPU at once: started before they are waited for, by several threads, of
 * several priorities. The numbers are those of the CPU. */
#include "build.h"
#include "driver.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/prt.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const gpu_then_cpu[] = {&prt_vulkan_backend, &prt_cpu_backend,
                                                         NULL};

enum { COUNT = 500, STEPS = 8, DISPATCHES = 3 * STEPS };

/* y = tanh(y * w) + x, again and again: each step needs the one before it. */
static struct prt_model *make_on(const struct prt_backend *const *backends,
                                 enum prt_priority priority)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COUNT)), w = build_constant(graph, SIZES(COUNT)), y = x;
    for (int i = 0; i < STEPS; i++) {
        uint32_t product = build_binary(graph, PRT_BINARY_MUL, y, w), t;
        struct prt_node *node = build_node(graph, PRT_OP_UNARY, IDS(product), SIZES(COUNT), &t);
        node->attrs.unary.kind = PRT_UNARY_TANH;
        y = build_binary(graph, PRT_BINARY_ADD, t, x);
    }
    build_finish(graph, IDS(y));
    struct prt_model *model = NULL;
    const struct prt_model_options options = {.backends = backends, .priority = priority};
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    return model;
}

static struct prt_model *make_model(enum prt_priority priority)
{
    return make_on(gpu_then_cpu, priority);
}

static void fill(struct prt_model *model, float seed)
{
    float *x = prt_model_input_data(model, 0);
    for (int i = 0; i < COUNT; i++)
        x[i] = seed + (float)(i % 17) / 17;
}

static void start(struct prt_model *model, float seed)
{
    fill(model, seed);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
}

static bool is_right(const struct prt_model *model, float seed)
{
    struct prt_model *cpu = make_on(gpu_then_cpu + 1, PRT_PRIORITY_NORMAL);
    fill(cpu, seed);
    ck_assert_int_eq(prt_model_run(cpu, NULL), PERCEPT_OK);
    const float *expected = prt_model_output_data(cpu, 0), *y = prt_model_output_data(model, 0);
    int wrong = 0;
    for (int i = 0; i < COUNT; i++)
        wrong += !(fabsf(y[i] - expected[i]) < 1e-5f);
    prt_model_destroy(cpu);
    return wrong == 0;
}

static void end(struct prt_model *model, float seed)
{
    struct percept_error error = {0};
    ck_assert_msg(prt_model_wait(model, &error) == PERCEPT_OK, "%s", error.message);
    ck_assert(is_right(model, seed));
}

static unsigned submissions(const struct prt_model *model)
{
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    ck_assert_uint_eq(stats.device.dispatches, DISPATCHES);
    return stats.device.submissions;
}

static bool is_on_gpu(const struct prt_model *model)
{
    return prt_model_placement(model, 0) == &prt_vulkan_backend;
}

/* One that shares the host's memory, and one that does not. */
START_TEST(two_models_are_on_the_device_at_once)
{
    setenv("PERCEPT_VULKAN_FAULTS", _i ? "discrete" : "none", 1);
    struct prt_model *first = make_model(PRT_PRIORITY_NORMAL),
                     *second = make_model(PRT_PRIORITY_NORMAL);
    for (int round = 0; round < 3; round++) {
        start(first, (float)round);
        start(second, (float)round + 0.5f);
        end(second, (float)round + 0.5f);
        end(first, (float)round);
    }
    ck_assert(is_on_gpu(first) && is_on_gpu(second));
    ck_assert_uint_eq(submissions(first), 1);
    prt_model_destroy(first);
    prt_model_destroy(second);
}
END_TEST

START_TEST(a_model_may_be_destroyed_while_it_runs)
{
    setenv("PERCEPT_VULKAN_FAULTS", _i ? "discrete" : "none", 1);
    struct prt_model *high = make_model(PRT_PRIORITY_HIGH), *low = make_model(PRT_PRIORITY_LOW);
    start(high, 1);
    start(low, 2);
    prt_model_destroy(high);
    prt_model_destroy(low); /* parts of it were not submitted yet */
}
END_TEST

START_TEST(a_device_that_is_lost_in_flight_costs_no_frame)
{
    setenv("PERCEPT_VULKAN_FAULTS", "lose=3", 1);
    struct prt_model *high = make_model(PRT_PRIORITY_HIGH), *low = make_model(PRT_PRIORITY_LOW);
    start(low, 1); /* its first pieces are two submissions */
    end(low, 1);   /* the third is in here */
    ck_assert(!is_on_gpu(low));
    ck_assert_ptr_nonnull(strstr(prt_model_gave_up(low), "the device was lost (vkQueueSubmit)"));
    start(high, 2);
    end(high, 2);
    ck_assert(!is_on_gpu(high));
    prt_model_destroy(high);
    prt_model_destroy(low);
}
END_TEST

/* ---- priorities ---- */

START_TEST(a_model_gives_way_while_there_is_a_higher_one)
{
    setenv("PERCEPT_VULKAN_FAULTS", _i ? "discrete" : "none", 1);
    struct prt_model *low = make_model(PRT_PRIORITY_LOW);
    start(low, 1);
    end(low, 1);
    ck_assert_uint_eq(submissions(low), 1);
    struct prt_model *high = make_model(PRT_PRIORITY_HIGH);
    start(low, 2);
    start(high, 3);
    end(high, 3);
    end(low, 2);
    ck_assert_uint_eq(submissions(low), 3); /* of 24 dispatches */
    ck_assert_uint_eq(submissions(high), 1);
    prt_model_destroy(high);
    start(low, 4);
    end(low, 4);
    ck_assert_uint_eq(submissions(low), 1);
    prt_model_destroy(low);
}
END_TEST

START_TEST(with_a_queue_for_each_nobody_gives_way)
{
    setenv("PERCEPT_VULKAN_FAULTS", "queues=8", 1);
    struct prt_model *models[3];
    for (int i = 0; i < 3; i++) {
        models[i] = make_model((enum prt_priority)(i + PRT_PRIORITY_LOW));
        start(models[i], (float)i);
    }
    for (int i = 0; i < 3; i++) {
        end(models[i], (float)i);
        ck_assert_uint_eq(submissions(models[i]), 1);
        ck_assert(is_on_gpu(models[i]));
    }
    for (int i = 0; i < 3; i++)
        prt_model_destroy(models[i]);
}
END_TEST

/* ---- threads ---- */

struct runner {
    pthread_t thread;
    struct prt_model *model;
    float seed;
    unsigned failed;
};

static void *run_often(void *argument)
{
    struct runner *runner = argument;
    for (int i = 0; i < 20; i++) {
        fill(runner->model, runner->seed);
        if (prt_model_run(runner->model, NULL) != PERCEPT_OK)
            runner->failed++;
    }
    return NULL;
}

/* The last of them on a device that is lost while all are at it. */
START_TEST(pipelines_share_the_device)
{
    static const char *const faults[] = {"none", "queues=2", "lose=40"};
    setenv("PERCEPT_VULKAN_FAULTS", faults[_i], 1);
    struct runner runners[3];
    for (int i = 0; i < 3; i++)
        runners[i] = (struct runner){.model = make_model((enum prt_priority)(i + PRT_PRIORITY_LOW)),
                                     .seed = (float)i};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&runners[i].thread, NULL, run_often, &runners[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(runners[i].thread, NULL);
        ck_assert_uint_eq(runners[i].failed, 0);
        ck_assert(is_right(runners[i].model, runners[i].seed));
        ck_assert(is_on_gpu(runners[i].model) == (_i < 2));
    }
    for (int i = 0; i < 3; i++)
        prt_model_destroy(runners[i].model);
}
END_TEST

int main(void)
{
    const char *layers = getenv("VK_INSTANCE_LAYERS");
    if (driver_is_absent())
        return 77;
    setenv("NODEVICE_SELECT", "1", 1);
    if (!layers) { /* else who runs this has chosen: vulkan_validation.sh */
        setenv("VK_LAYER_PATH", VULKAN_LAYER_PATH, 1);
        setenv("VK_INSTANCE_LAYERS", "VK_LAYER_PERCEPT_faults", 1);
    }
    Suite *suite = suite_create("vulkan start");
    TCase *tests = tcase_create("start"), *faults = tcase_create("lost");
    tcase_set_timeout(tests, 120);
    tcase_set_timeout(faults, 120);
    tcase_add_loop_test(tests, two_models_are_on_the_device_at_once, 0, 2);
    tcase_add_loop_test(tests, a_model_may_be_destroyed_while_it_runs, 0, 2);
    tcase_add_loop_test(tests, a_model_gives_way_while_there_is_a_higher_one, 0, 2);
    tcase_add_test(tests, with_a_queue_for_each_nobody_gives_way);
    tcase_add_loop_test(tests, pipelines_share_the_device, 0, 2);
    tcase_add_test(faults, a_device_that_is_lost_in_flight_costs_no_frame);
    tcase_add_loop_test(faults, pipelines_share_the_device, 2, 3);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, faults);
    return build_run_suite(suite);
}
