/* Which memory a GPU uses where it lies, so that nothing is copied; and that copies give the same.
 */
#include "build.h"
#include "driver.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/prt.h"

#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const gpu_then_cpu[] = {&prt_vulkan_backend, &prt_cpu_backend,
                                                         NULL};

enum { COUNT = 1000 };

static struct prt_model *make(struct prt_graph *graph, struct prt_arena *arena)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    const struct prt_model_options options = {.backends = gpu_then_cpu, .arena = arena};
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    return model;
}

/* y = x + x. */
static struct prt_model *make_sum(int32_t count, struct prt_arena *arena)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(count));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, x)));
    return make(graph, arena);
}

static void run_right(struct prt_model *model, size_t count, float seed)
{
    struct percept_error error = {0};
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < count; i++)
        x[i] = seed + (float)(i % 17);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    const float *y = prt_model_output_data(model, 0);
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += y[i] != 2 * (seed + (float)(i % 17));
    ck_assert_uint_eq(wrong, 0);
    ck_assert_ptr_eq(prt_model_placement(model, 0), &prt_vulkan_backend);
}

static size_t copied_bytes(const struct prt_model *model)
{
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    return stats.device.copied_bytes;
}

START_TEST(models_that_share_an_arena_need_no_copies)
{
    enum { MODELS = 5 };
    static const int32_t counts[MODELS] = {1000, 300000, 50, 200000, 310000};
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_arena *arena;
    struct prt_model *models[MODELS];
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
    for (int i = 0; i < MODELS; i++)
        models[i] = make_sum(counts[i], arena);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MODELS; i++)
            run_right(models[i], (size_t)counts[i], (float)round);
    for (int i = 0; i < MODELS; i++)
        ck_assert_uint_eq(copied_bytes(models[i]), 0);
    /* Who fits into a block takes it; the last one, whom none is enough for, gets a larger one. */
    ck_assert_ptr_eq(prt_model_input_data(models[0], 0), prt_model_input_data(models[2], 0));
    ck_assert_ptr_eq(prt_model_input_data(models[1], 0), prt_model_input_data(models[3], 0));
    ck_assert_uint_lt(prt_arena_bytes(arena), 4 * (2 * 310000 * sizeof(float)));
    for (int i = 0; i < MODELS; i++)
        prt_model_destroy(models[i]);
    prt_arena_destroy(arena);
}
END_TEST

START_TEST(models_share_an_arena_on_a_device_with_memory_of_its_own)
{
    setenv("PERCEPT_VULKAN_FAULTS", "discrete", 1);
    struct prt_arena *arena;
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
    struct prt_model *small = make_sum(COUNT, arena), *large = make_sum(10 * COUNT, arena);
    run_right(small, COUNT, 1);
    run_right(large, 10 * COUNT, 2);
    run_right(small, COUNT, 3);
    ck_assert_uint_eq(copied_bytes(small), 2 * COUNT * sizeof(float)); /* x and y */
    ck_assert_ptr_eq(prt_model_input_data(small, 0), prt_model_input_data(large, 0));
    prt_model_destroy(small);
    prt_model_destroy(large);
    prt_arena_destroy(arena);
}
END_TEST

START_TEST(states_of_a_model_on_an_arena_need_no_copies)
{
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_arena *arena;
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COUNT)), state = build_constant(graph, SIZES(COUNT));
    graph->values[state].flags = PRT_FLAG_STATE;
    const float *initial = graph->values[state].data;
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, state)));
    struct prt_model *model = make(graph, arena);
    float *input = prt_model_input_data(model, 0);
    build_fill(input, COUNT, 5);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    const float *y = prt_model_output_data(model, 0);
    for (int i = 0; i < COUNT; i++)
        ck_assert_float_eq(y[i], input[i] + initial[i]);
    ck_assert_uint_eq(copied_bytes(model), 0);
    prt_model_destroy(model);
    prt_arena_destroy(arena);
}
END_TEST

int main(void)
{
    if (driver_is_absent())
        return 77;
    setenv("VK_LAYER_PATH", VULKAN_LAYER_PATH, 1);
    setenv("VK_INSTANCE_LAYERS", "VK_LAYER_PERCEPT_faults", 1);
    Suite *suite = suite_create("vulkan memory");
    TCase *tests = tcase_create("arenas");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, models_that_share_an_arena_need_no_copies);
    tcase_add_test(tests, models_share_an_arena_on_a_device_with_memory_of_its_own);
    tcase_add_test(tests, states_of_a_model_on_an_arena_need_no_copies);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
