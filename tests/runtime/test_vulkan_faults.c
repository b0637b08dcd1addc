/* What a GPU does to those who rely on it: whatever it is, the numbers come, from the CPU. */
#include "build.h"
#include "driver.h"
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/pipelines.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prt_backend *const gpu_then_cpu[] = {&prt_vulkan_backend, &prt_cpu_backend,
                                                         NULL};
static const struct prt_backend *const gpu_alone[] = {&prt_vulkan_backend, NULL};

enum { COUNT = 1000 };

/* y = tanh(x * w) * x, w a constant. */
static struct prt_model *make_model(const struct prt_backend *const *backends,
                                    struct percept_error *error)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COUNT)), w = build_constant(graph, SIZES(COUNT)), t;
    uint32_t product = build_binary(graph, PRT_BINARY_MUL, x, w);
    struct prt_node *node = build_node(graph, PRT_OP_UNARY, IDS(product), SIZES(COUNT), &t);
    node->attrs.unary.kind = PRT_UNARY_TANH;
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_MUL, t, x)));
    struct prt_model *model = NULL;
    const struct prt_model_options options = {.backends = backends};
    if (prt_model_from_graph(graph, &options, &model, error) != PERCEPT_OK)
        prt_graph_destroy(graph);
    return model;
}

static void fill(struct prt_model *model, float seed)
{
    float *x = prt_model_input_data(model, 0);
    for (int i = 0; i < COUNT; i++)
        x[i] = seed + (float)(i % 17) / 17;
}

static void expect_right(struct prt_model *model, float seed)
{
    struct prt_model *cpu = make_model(gpu_then_cpu + 1, NULL);
    fill(cpu, seed);
    ck_assert_int_eq(prt_model_run(cpu, NULL), PERCEPT_OK);
    const float *expected = prt_model_output_data(cpu, 0), *y = prt_model_output_data(model, 0);
    for (int i = 0; i < COUNT; i++)
        ck_assert_msg(fabsf(y[i] - expected[i]) < 1e-5f, "%d: %g, not %g", i, (double)y[i],
                      (double)expected[i]);
    prt_model_destroy(cpu);
}

static void run_right(struct prt_model *model, float seed)
{
    struct percept_error error = {0};
    fill(model, seed);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    expect_right(model, seed);
}

static const struct prt_backend *runs_on(const struct prt_model *model)
{
    return prt_model_placement(model, 0);
}

static size_t copied_bytes(const struct prt_model *model)
{
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    return stats.device.copied_bytes;
}

START_TEST(a_device_that_is_lost_costs_no_frame)
{
    setenv("PERCEPT_VULKAN_FAULTS", "lose=3", 1);
    struct prt_model *model = make_model(gpu_then_cpu, NULL);
    float *x = prt_model_input_data(model, 0);
    for (int run = 1; run <= 5; run++) {
        run_right(model, (float)run);
        ck_assert_ptr_eq(runs_on(model), run < 3 ? &prt_vulkan_backend : &prt_cpu_backend);
        ck_assert_ptr_eq(prt_model_input_data(model, 0), x); /* callers keep it */
    }
    ck_assert_ptr_nonnull(strstr(prt_model_gave_up(model), "the device was lost (vkQueueSubmit)"));
    prt_model_destroy(model);
}
END_TEST

START_TEST(a_model_made_later_gets_a_new_device)
{
    setenv("PERCEPT_VULKAN_FAULTS", "lose-once=1", 1);
    struct prt_model *first = make_model(gpu_then_cpu, NULL);
    run_right(first, 1);
    struct prt_model *second = make_model(gpu_then_cpu, NULL);
    run_right(second, 2);
    run_right(first, 3);
    ck_assert_ptr_eq(runs_on(first), &prt_cpu_backend);
    ck_assert_ptr_eq(runs_on(second), &prt_vulkan_backend);
    ck_assert_ptr_null(prt_model_gave_up(second));
    prt_model_destroy(first);
    prt_model_destroy(second);
}
END_TEST

START_TEST(without_a_cpu_a_lost_device_is_an_error)
{
    struct percept_error error = {0};
    setenv("PERCEPT_VULKAN_FAULTS", "lose=1", 1);
    struct prt_model *model = make_model(gpu_alone, NULL);
    fill(model, 1);
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_DISCONNECTED);
    ck_assert_ptr_nonnull(strstr(error.message, "the device was lost"));
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_DISCONNECTED);
    prt_model_destroy(model);
}
END_TEST

/* Wherever it runs out: while a model is made, or at its first run. */
START_TEST(memory_may_run_out_anywhere)
{
    char fault[32];
    unsigned on_gpu = 0;
    for (int n = 1; n <= 8; n++) {
        snprintf(fault, sizeof fault, "%s,memory=%d", _i ? "discrete" : "shared", n);
        setenv("PERCEPT_VULKAN_FAULTS", fault, 1);
        /* The layer counts on; each try is a process of its own. */
        fflush(stdout);
        struct prt_model *model = make_model(gpu_then_cpu, NULL);
        ck_assert_ptr_nonnull(model);
        run_right(model, (float)n);
        on_gpu += runs_on(model) == &prt_vulkan_backend;
        if (runs_on(model) == &prt_cpu_backend)
            ck_assert_ptr_nonnull(strstr(prt_model_gave_up(model), "out of memory"));
        prt_model_destroy(model);
    }
    ck_assert_uint_lt(on_gpu, 8);
}
END_TEST

/* The copy path: a device whose memory the host does not see. */
START_TEST(a_discrete_device_gives_the_same_numbers)
{
    setenv("PERCEPT_VULKAN_FAULTS", "discrete", 1);
    struct prt_model *model = make_model(gpu_then_cpu, NULL);
    for (int run = 0; run < 3; run++)
        run_right(model, (float)run);
    ck_assert_ptr_eq(runs_on(model), &prt_vulkan_backend);
    ck_assert_ptr_null(prt_model_gave_up(model));
    ck_assert_uint_eq(copied_bytes(model), 2 * COUNT * sizeof(float)); /* x and y */
    prt_model_destroy(model);
}
END_TEST

START_TEST(a_shared_device_needs_no_copies)
{
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_model *model = make_model(gpu_then_cpu, NULL);
    run_right(model, 1);
    run_right(model, 2);
    ck_assert_uint_eq(copied_bytes(model), 0);
    prt_model_destroy(model);
}
END_TEST

static void expect_absent(const char *faults, const char *why)
{
    setenv("PERCEPT_VULKAN_FAULTS", faults, 1);
    ck_assert_ptr_nonnull(prt_vulkan_backend.absent());
    ck_assert_str_eq(prt_vulkan_backend.absent(), why);
    /* And models run all the same. */
    struct prt_model *model = make_model(gpu_then_cpu, NULL);
    run_right(model, 1);
    ck_assert_ptr_nonnull(strstr(prt_model_gave_up(model), why));
    prt_model_destroy(model);
}

START_TEST(a_driver_without_timeline_semaphores_is_left_alone)
{
    expect_absent("timeline", "the device has no timeline semaphores");
}
END_TEST

START_TEST(no_device_is_no_backend)
{
    expect_absent("no-device", "there is no Vulkan device");
}
END_TEST

START_TEST(a_device_can_be_asked_for_by_name)
{
    setenv("PERCEPT_VULKAN_DEVICE", "no such thing", 1);
    expect_absent("none", "no device has the name that PERCEPT_VULKAN_DEVICE asks for");
}
END_TEST

START_TEST(without_a_driver_there_is_no_backend)
{
    setenv("VK_ICD_FILENAMES", "/nonexistent", 1);
    expect_absent("none", "no Vulkan driver is installed, or none works");
}
END_TEST

/* What a driver compiled comes back to it in another process, if it is of that driver and device.
 */
START_TEST(pipelines_of_another_driver_are_left_alone)
{
    const char *why;
    size_t bytes = 0;
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_model *model = make_model(gpu_then_cpu, NULL);
    struct vk_device *device = vk_device_get(&why);
    unsigned char *saved = vk_pipelines_save(device, &bytes);
    ck_assert_ptr_nonnull(saved);
    ck_assert_uint_ge(bytes, sizeof(VkPipelineCacheHeaderVersionOne)); /* lavapipe has no more */
    vk_pipelines_load(device, saved, bytes);
    for (size_t i = 0; i <= sizeof(VkPipelineCacheHeaderVersionOne); i++) {
        vk_pipelines_load(device, saved, i); /* cut short */
        if (i == sizeof(VkPipelineCacheHeaderVersionOne))
            break;
        saved[i] ^= 0x5a;
        vk_pipelines_load(device, saved, bytes);
        saved[i] ^= 0x5a;
    }
    run_right(model, 1);
    free(saved);
    prt_model_destroy(model);
    vk_device_release(device);
}
END_TEST

static size_t cache_bytes(const char *folder)
{
    char command[160];
    unsigned long bytes = 0;
    snprintf(command, sizeof command, "cat %.100s/* | wc -c", folder);
    FILE *pipe = popen(command, "r");
    ck_assert_int_eq(fscanf(pipe, "%lu", &bytes), 1);
    pclose(pipe);
    return bytes;
}

/* A program whose graph and pipelines are kept: made again of them it computes the same. */
START_TEST(what_the_driver_compiled_is_kept_with_the_graph)
{
    char root[] = "/tmp/percept-vulkan-XXXXXX", path[64], folder[64], command[96];
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(path, sizeof path, "%s/net.pte", root);
    snprintf(folder, sizeof folder, "%s/cache", root);
    struct pte pte = {0};
    uint32_t y =
        pte_call(&pte, "aten::linear.out", "f32[1,256] cf32[64,256] cf32[64] >f32[1,64] =");
    char args[64];
    snprintf(args, sizeof args, "$%u >f32[1,64] =", y);
    pte_call(&pte, "aten::tanh.out", args);
    struct flat file = pte_write(&pte, false);
    run_write(path, &file);
    float first[64];
    size_t bytes = 0;
    for (int time = 0; time < 3; time++) {
        struct prt_program *program;
        struct prt_model *model;
        struct percept_error error = {0};
        const struct prt_model_options options = {.backends = gpu_then_cpu, .cache = folder};
        ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
        ck_assert_msg(prt_model_create(program, &options, &model, &error) == PERCEPT_OK, "%s",
                      error.message);
        float *x = prt_model_input_data(model, 0);
        for (int i = 0; i < 256; i++)
            x[i] = (float)(i % 17) / 16 - 0.5f;
        ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
        ck_assert_ptr_eq(runs_on(model), &prt_vulkan_backend);
        if (time == 0)
            memcpy(first, prt_model_output_data(model, 0), sizeof first);
        ck_assert_mem_eq(first, prt_model_output_data(model, 0), sizeof first);
        prt_model_destroy(model);
        prt_program_close(program);
        bytes = time == 0 ? cache_bytes(folder) : bytes;
        ck_assert_uint_eq(cache_bytes(folder), bytes); /* it was found, so not written again */
    }
    const char *why;
    size_t saved_bytes = 0;
    struct vk_device *device = vk_device_get(&why);
    free(vk_pipelines_save(device, &saved_bytes));
    vk_device_release(device);
    ck_assert_uint_gt(bytes, saved_bytes);
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", root, root);
    ck_assert_int_eq(system(command), 0);
    free(file.bytes);
}
END_TEST

int main(void)
{
    if (driver_is_absent())
        return 77;
    setenv("NODEVICE_SELECT", "1", 1); /* Mesa's own layer does not survive a lack of devices */
    setenv("VK_LAYER_PATH", VULKAN_LAYER_PATH, 1);
    setenv("VK_INSTANCE_LAYERS", "VK_LAYER_PERCEPT_faults", 1);
    unsetenv("PERCEPT_VULKAN_DEVICE");
    Suite *suite = suite_create("vulkan faults");
    TCase *tests = tcase_create("faults");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_device_that_is_lost_costs_no_frame);
    tcase_add_test(tests, a_model_made_later_gets_a_new_device);
    tcase_add_test(tests, without_a_cpu_a_lost_device_is_an_error);
    tcase_add_loop_test(tests, memory_may_run_out_anywhere, 0, 2);
    tcase_add_test(tests, a_discrete_device_gives_the_same_numbers);
    tcase_add_test(tests, a_shared_device_needs_no_copies);
    tcase_add_test(tests, a_driver_without_timeline_semaphores_is_left_alone);
    tcase_add_test(tests, no_device_is_no_backend);
    tcase_add_test(tests, a_device_can_be_asked_for_by_name);
    tcase_add_test(tests, without_a_driver_there_is_no_backend);
    tcase_add_test(tests, pipelines_of_another_driver_are_left_alone);
    tcase_add_test(tests, what_the_driver_compiled_is_kept_with_the_graph);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
