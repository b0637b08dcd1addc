/* The zoo's models, whole: a backend has the same bits in a process of its own as in this one. */
#include "backends/cpu/cpu.h"
#include "backends/dsp/dsp.h"
#include "backends/isolated/isolated.h"
#include "runtime/prt.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUTS = 8 };

struct outputs {
    size_t count, sizes[OUTPUTS];
    void *data[OUTPUTS];
    unsigned nodes; /* that the first backend runs */
};

static struct outputs run(const struct prt_program *program, const struct prt_backend *first)
{
    const struct prt_backend *const backends[] = {first, &prt_cpu_backend, NULL};
    const struct prt_model_options options = {.backends = backends};
    struct percept_error error = {0};
    struct outputs outputs = {0};
    struct prt_model *model = NULL;
    size_t bytes;
    ck_assert_msg(prt_model_create(program, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert(prt_tensor_bytes(prt_model_input_spec(model, 0), &bytes));
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < bytes / sizeof *x; i++)
        x[i] = (float)(0.5 + 0.3 * sin((double)i * 0.013) + 0.2 * sin((double)i * 0.00041));
    for (int repeat = 0; repeat < 2; repeat++)
        ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_OK);
    ck_assert_msg(!prt_model_gave_up(model), "%s", prt_model_gave_up(model));
    for (uint32_t n = 0; n < prt_model_graph(model)->node_count; n++)
        outputs.nodes += prt_model_placement(model, n) == first;
    outputs.count = prt_model_output_count(model);
    ck_assert_uint_le(outputs.count, OUTPUTS);
    for (size_t i = 0; i < outputs.count; i++) {
        ck_assert(prt_tensor_bytes(prt_model_output_spec(model, i), &outputs.sizes[i]));
        outputs.data[i] = malloc(outputs.sizes[i] + 1);
        memcpy(outputs.data[i], prt_model_output_data(model, i), outputs.sizes[i]);
    }
    prt_model_destroy(model);
    return outputs;
}

static void expect_same(struct outputs *a, struct outputs *b)
{
    ck_assert_uint_eq(a->nodes, b->nodes);
    ck_assert_uint_gt(a->nodes, 0);
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        ck_assert_uint_eq(a->sizes[i], b->sizes[i]);
        ck_assert_int_eq(memcmp(a->data[i], b->data[i], a->sizes[i]), 0);
        free(a->data[i]);
        free(b->data[i]);
    }
}

static struct prt_program *open_model(const char *name)
{
    char path[1024];
    struct percept_error error = {0};
    struct prt_program *program;
    snprintf(path, sizeof path, "%s/%s.pte", getenv("PERCEPT_MODELS"), name);
    ck_assert_msg(prt_program_open(path, &program, &error) == PERCEPT_OK, "%s", error.message);
    return program;
}

static void compare(const char *model, const char *backend, const struct prt_backend *here)
{
    const struct prt_backend *proxy;
    struct percept_error error = {0};
    struct prt_program *program = open_model(model);
    ck_assert_int_eq(isolated_open(backend, NULL, &proxy, &error), PERCEPT_OK);
    ck_assert_int_eq(proxy->set("deadline_ms", "120000", &error), PERCEPT_OK);
    ck_assert_int_eq(proxy->set("load_deadline_ms", "240000", &error), PERCEPT_OK);
    struct outputs a = run(program, here), b = run(program, proxy);
    expect_same(&a, &b);
    isolated_close(proxy);
    prt_program_close(program);
}

static const char *const models[] = {"palm_detection_lite.fp32", "hand_landmark_lite.fp32",
                                     "hand_landmark_lite.int8", "hand_landmark_lite.int8-xnnpack"};

START_TEST(a_cpu_of_its_own_has_the_same_bits)
{
    struct prt_backend not_here = prt_cpu_backend; /* passes leave more to the host itself */
    not_here.on_host = false;
    compare(models[_i], "cpu", &not_here);
}
END_TEST

START_TEST(a_dsp_behind_a_host_has_the_same_bits)
{
    compare("hand_landmark_lite.int8", "dsp", &prt_dsp_backend);
}
END_TEST

static void use(const char *variable, const char *program)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", getenv("PERCEPT_BIN"), program);
    setenv(variable, path, 1);
}

int main(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.pte", getenv("PERCEPT_MODELS"), models[0]);
    if (access(path, R_OK) != 0) {
        puts("SKIP: no models (make models)");
        return 77;
    }
    use("PERCEPT_HOST", "percept-host");
    use("PERCEPT_DSP", "percept-dsp");
    setenv("PERCEPT_DSP_DEADLINE_MS", "120000", 1);
    Suite *suite = suite_create("isolated models");
    TCase *tests = tcase_create("isolated models");
    tcase_set_timeout(tests, 250);
    tcase_add_loop_test(tests, a_cpu_of_its_own_has_the_same_bits, 0,
                        sizeof models / sizeof models[0]);
    tcase_add_test(tests, a_dsp_behind_a_host_has_the_same_bits);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
