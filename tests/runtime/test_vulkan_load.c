/* What a model's weights take of the device's memory, and that they arrive: on a device that shares
 * the host's memory, and on one (a layer's doing) that has its own. */
#include "build.h"
#include "driver.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 3, WIDE = 640, NARROW = 96, SMALL_LAYERS = 50 };
static const size_t LARGE_BYTES = (size_t)WIDE * WIDE * sizeof(float);

static const struct prt_backend *const gpu[] = {&prt_vulkan_backend, NULL};
static const struct prt_backend *const cpu[] = {&prt_cpu_backend, NULL};

static uint32_t add_linear(struct prt_graph *graph, uint32_t x, int32_t size, float change)
{
    uint32_t y, w = build_constant(graph, SIZES(size, size));
    float *weights = (float *)(uintptr_t)graph->values[w].data;
    for (int32_t i = 0; i < size * size; i++)
        weights[i] *= 0.1f;
    weights[size] += change;
    uint32_t bias = build_constant(graph, SIZES(size));
    (void)build_node(graph, PRT_OP_LINEAR, IDS(x, w, bias, PRT_NO_VALUE, PRT_NO_VALUE),
                     SIZES(ROWS, size), &y);
    return y;
}

static struct prt_model *make(struct prt_graph *graph, const struct prt_backend *const *backends)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    const struct prt_model_options options = {.backends = backends, .no_fusion = true};
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    return model;
}

/* One layer with weights that are worth a buffer of their own; one of them is `change` more. */
static struct prt_model *make_large(const struct prt_backend *const *backends, float change)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ROWS, WIDE));
    build_finish(graph, IDS(add_linear(graph, x, WIDE, change)));
    return make(graph, backends);
}

/* Many layers whose weights go together. */
static struct prt_model *make_small(const struct prt_backend *const *backends, float change)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ROWS, NARROW));
    for (int i = 0; i < SMALL_LAYERS; i++)
        x = add_linear(graph, x, NARROW, change);
    build_finish(graph, IDS(x));
    return make(graph, backends);
}

static size_t device_bytes(const struct prt_model *model)
{
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    return stats.device.device_bytes;
}

static void run(struct prt_model *model)
{
    struct percept_error error = {0};
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < prt_tensor_elements(prt_model_input_spec(model, 0)); i++)
        x[i] = (float)(i % 13) / 13;
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
}

static void expect_right(struct prt_model *model,
                         struct prt_model *(*maker)(const struct prt_backend *const *, float),
                         float change)
{
    struct prt_model *other = maker(cpu, change);
    run(model);
    run(other);
    const float *y = prt_model_output_data(model, 0), *expected = prt_model_output_data(other, 0);
    for (size_t i = 0; i < prt_tensor_elements(prt_model_output_spec(model, 0)); i++)
        ck_assert_msg(fabsf(y[i] - expected[i]) <= 1e-4f * fmaxf(1, fabsf(expected[i])),
                      "%zu: %g, not %g", i, (double)y[i], (double)expected[i]);
    prt_model_destroy(other);
}

static void choose_device(int index)
{
    setenv("PERCEPT_VULKAN_FAULTS", index ? "discrete" : "none", 1);
}

START_TEST(equal_weights_are_on_the_device_once)
{
    choose_device(_i);
    struct prt_model *first = make_large(gpu, 0), *second = make_large(gpu, 0);
    ck_assert_uint_ge(device_bytes(first), LARGE_BYTES);
    ck_assert_uint_lt(device_bytes(second), LARGE_BYTES / 4);
    expect_right(first, make_large, 0);
    prt_model_destroy(first);
    expect_right(second, make_large, 0);
    prt_model_destroy(second);
    struct prt_model *third = make_large(gpu, 0); /* those are gone */
    ck_assert_uint_ge(device_bytes(third), LARGE_BYTES);
    expect_right(third, make_large, 0);
    prt_model_destroy(third);
}
END_TEST

START_TEST(weights_that_differ_in_a_number_are_two)
{
    choose_device(_i);
    struct prt_model *first = make_large(gpu, 0), *second = make_large(gpu, 3);
    ck_assert_uint_ge(device_bytes(second), LARGE_BYTES);
    expect_right(first, make_large, 0);
    expect_right(second, make_large, 3);
    prt_model_destroy(first);
    prt_model_destroy(second);
}
END_TEST

START_TEST(small_weights_are_together)
{
    choose_device(_i);
    struct prt_model *model = make_small(gpu, 0);
    size_t least = (size_t)SMALL_LAYERS * NARROW * NARROW * sizeof(float);
    ck_assert_uint_ge(device_bytes(model), least);
    ck_assert_uint_lt(device_bytes(model), 2 * least);
    expect_right(model, make_small, 0);
    prt_model_destroy(model);
}
END_TEST

int main(void)
{
    if (driver_is_absent())
        return 77;
    setenv("VK_LAYER_PATH", VULKAN_LAYER_PATH, 1);
    setenv("VK_INSTANCE_LAYERS", "VK_LAYER_PERCEPT_faults", 1);
    Suite *suite = suite_create("vulkan load");
    TCase *tests = tcase_create("load");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, equal_weights_are_on_the_device_once, 0, 2);
    tcase_add_loop_test(tests, weights_that_differ_in_a_number_are_two, 0, 2);
    tcase_add_loop_test(tests, small_weights_are_together, 0, 2);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
