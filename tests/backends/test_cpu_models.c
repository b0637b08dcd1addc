/*
 * The zoo's models, whole: how many threads run one changes no bit, and fused or as imported, with
 * any instruction set, they compute the same to within rounding. (That it is right is shown by
 * conformance.sh.)
 */
#include "backends/cpu/cpu.h"
#include "backends/cpu/isa.h"
#include "runtime/prt.h"

#include <check.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS = 8 };

struct outputs {
    size_t count, sizes[OUTPUTS];
    float *data[OUTPUTS];
};

static struct outputs run(const struct prt_program *program, unsigned threads, bool no_fusion,
                          const char *isa)
{
    static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
    struct percept_error error = {0};
    struct base_pool *pool = NULL;
    struct prt_model *model = NULL;
    setenv("PERCEPT_CPU_ISA", isa, 1);
    if (threads > 1)
        ck_assert_int_eq(base_pool_create(threads, &pool, &error), PERCEPT_OK);
    struct prt_model_options options = {.backends = backends, .pool = pool, .no_fusion = no_fusion};
    enum percept_status status = prt_model_create(program, &options, &model, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    /* A smooth picture, so that the networks see something. */
    size_t bytes;
    ck_assert(prt_tensor_bytes(prt_model_input_spec(model, 0), &bytes));
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < bytes / sizeof *x; i++)
        x[i] = (float)(0.5 + 0.3 * sin((double)i * 0.013) + 0.2 * sin((double)i * 0.00041));
    for (int repeat = 0; repeat < 2; repeat++) /* the second run finds the first one's memory */
        ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_OK);
    struct outputs outputs = {.count = prt_model_output_count(model)};
    for (size_t i = 0; i < outputs.count; i++) {
        ck_assert(prt_tensor_bytes(prt_model_output_spec(model, i), &outputs.sizes[i]));
        outputs.data[i] = malloc(outputs.sizes[i]);
        memcpy(outputs.data[i], prt_model_output_data(model, i), outputs.sizes[i]);
    }
    prt_model_destroy(model);
    base_pool_destroy(pool);
    return outputs;
}

static void release(struct outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        free(outputs->data[i]);
}

/* Largest difference of any output, relative to that output's largest value, or to `least`. */
static double distance(const struct outputs *a, const struct outputs *b, double least)
{
    double worst = 0;
    ck_assert_uint_eq(a->count, b->count);
    for (size_t o = 0; o < a->count; o++) {
        double largest = least, difference = 0;
        ck_assert_uint_eq(a->sizes[o], b->sizes[o]);
        for (size_t i = 0; i < a->sizes[o] / sizeof(float); i++) {
            ck_assert(isfinite(a->data[o][i]));
            largest = fmax(largest, fabs((double)a->data[o][i]));
            difference = fmax(difference, fabs((double)a->data[o][i] - (double)b->data[o][i]));
        }
        worst = fmax(worst, difference / largest);
    }
    return worst;
}

static void one_model(const char *path)
{
    struct percept_error error = {0};
    struct prt_program *program = NULL;
    enum percept_status status = prt_program_open(path, &program, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s: %s", path, error.message);
    const char *best = cpu_isa_name(cpu_isa_best());
    struct outputs base = run(program, 1, false, best);
    struct outputs pooled = run(program, 3, false, best);
    ck_assert_msg(distance(&base, &pooled, 1e-9) == 0, "%s: threads change bits", path);
    release(&pooled);
    /* One code that rounds the other way early on moves an int8 network by as much as quantising
     * it does, so that only fp32 is held tight. Outputs are pixels, scores and probabilities. */
    bool coded = strstr(path, "int8") != NULL;
    double limit = coded ? 0.25 : 1e-5, least = coded ? 1 : 1e-9;
    struct outputs plain = run(program, 1, false, "plain");
    ck_assert_msg(distance(&base, &plain, least) <= limit, "%s: plain loops: %g", path,
                  distance(&base, &plain, least));
    release(&plain);
    struct outputs imported = run(program, 1, true, best);
    ck_assert_msg(distance(&base, &imported, least) <= limit, "%s: without fusion: %g", path,
                  distance(&base, &imported, least));
    release(&imported);
    release(&base);
    prt_program_close(program);
}

static glob_t models;

START_TEST(a_model_computes_the_same_however_it_is_run)
{
    one_model(models.gl_pathv[_i]);
}
END_TEST

int main(void)
{
    char pattern[4096];
    const char *folder = getenv("PERCEPT_MODELS");
    snprintf(pattern, sizeof pattern, "%s/*_lite.*.pte", folder ? folder : "");
    if (!folder || glob(pattern, 0, NULL, &models) != 0) {
        printf("SKIP: no models like %s\n", pattern);
        return 77;
    }
    Suite *suite = suite_create("cpu models");
    TCase *tests = tcase_create("cpu models");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_model_computes_the_same_however_it_is_run, 0,
                        (int)models.gl_pathc);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    globfree(&models);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
