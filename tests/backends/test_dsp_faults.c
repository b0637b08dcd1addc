/* What a remote processor does to those who rely on it: whatever it is, the numbers come, from the
 * next backend, and nothing is left behind. */
#include "backends/cpu/cpu.h"
#include "backends/dsp/dsp.h"
#include "runtime/prt.h"
#include "two_convs.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct prt_backend *const dsp_then_cpu[] = {&prt_dsp_backend, &prt_cpu_backend, NULL};
static const struct prt_backend *const dsp_alone[] = {&prt_dsp_backend, NULL};

static void use(const char *program)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", getenv("PERCEPT_BIN"), program);
    setenv("PERCEPT_DSP", path, 1);
    setenv("PERCEPT_DSP_DEADLINE_MS", "120000", 1);
}

static void use_liar(const char *lie, const char *at)
{
    setenv("PERCEPT_DSP", DSP_LIAR, 1);
    setenv("DSP_LIE", lie, 1);
    setenv("DSP_LIE_AT", at, 1);
    setenv("PERCEPT_DSP_DEADLINE_MS", "120000", 1); /* the truth takes a while under sanitizers */
}

/* ---- what became of a model ---- */

static void run_right(struct prt_model *model, int seed)
{
    two_convs_run(model, dsp_then_cpu + 1, seed);
}

static const struct prt_backend *runs_on(const struct prt_model *model)
{
    return prt_model_placement(model, 0);
}

static void expect_gave_up(const struct prt_model *model, const char *because)
{
    const char *told = prt_model_gave_up(model);
    ck_assert_ptr_nonnull(told);
    ck_assert_msg(strstr(told, because) != NULL, "'%s' is not in '%s'", because, told);
    ck_assert_ptr_eq(runs_on(model), &prt_cpu_backend);
}

/* ---- tests ---- */

START_TEST(it_runs_and_leaves_nothing)
{
    int descriptors = left_descriptors();
    use("percept-dsp");
    for (int i = 0; i < 5; i++) {
        struct prt_model *model = two_convs(dsp_alone, NULL), *other = two_convs(dsp_alone, NULL);
        pid_t child = left_child();
        run_right(model, i);
        run_right(other, i + 1);
        ck_assert_int_eq(left_child(), child); /* one processor for both */
        prt_model_destroy(model);
        run_right(other, i + 2);
        prt_model_destroy(other);
        left_nothing(descriptors);
    }
}
END_TEST

START_TEST(only_what_enters_and_leaves_is_copied)
{
    struct prt_model_stats with, without;
    use("percept-dsp");
    struct prt_model *model = two_convs(dsp_alone, NULL);
    run_right(model, 1);
    prt_model_stats(model, &with);
    prt_model_destroy(model);
    setenv("PERCEPT_DSP_MEMORY", "4096", 1); /* less than a layer's weights and rows */
    model = two_convs(dsp_alone, NULL);
    run_right(model, 1);
    prt_model_stats(model, &without);
    prt_model_destroy(model);
    ck_assert_uint_eq(with.device.copied_bytes, 2 * TWO_CONVS_ELEMENTS); /* x and y */
    ck_assert_uint_eq(without.device.copied_bytes, 2 * TWO_CONVS_ELEMENTS);
    ck_assert_uint_eq(with.device.submissions, 1);
}
END_TEST

START_TEST(a_killed_processor_costs_no_frame)
{
    int descriptors = left_descriptors();
    use("percept-dsp");
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    const void *x = prt_model_input_data(model, 0);
    run_right(model, 1);
    ck_assert_ptr_eq(runs_on(model), &prt_dsp_backend);
    kill(left_child(), SIGKILL);
    run_right(model, 2);
    expect_gave_up(model, "the remote processor is gone");
    ck_assert_ptr_eq(prt_model_input_data(model, 0), x); /* callers keep it */
    struct prt_model *later = two_convs(dsp_then_cpu, NULL);
    run_right(later, 3);
    ck_assert_ptr_eq(runs_on(later), &prt_dsp_backend); /* a new one */
    run_right(model, 4);
    prt_model_destroy(model);
    prt_model_destroy(later);
    left_nothing(descriptors);
}
END_TEST

/* Until it runs there, or for a minute. */
static bool comes_back(struct prt_model *model)
{
    for (int i = 0; i < 6000 && runs_on(model) != &prt_dsp_backend; i++) {
        usleep(10000);
        run_right(model, i);
    }
    return runs_on(model) == &prt_dsp_backend;
}

START_TEST(models_return_to_a_processor_that_runs_again)
{
    int descriptors = left_descriptors();
    char folder[] = "/tmp/percept-dsp-XXXXXX", path[64];
    use("percept-dsp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/program", folder);
    ck_assert_int_eq(symlink(getenv("PERCEPT_DSP"), path), 0);
    char *program = realpath(path, NULL);
    setenv("PERCEPT_DSP", path, 1);
    struct prt_model *model = two_convs(dsp_then_cpu, NULL), *other = two_convs(dsp_then_cpu, NULL);
    run_right(model, 1);
    for (int death = 0; death < 3; death++) {
        if (death == 1) /* it cannot be started for a while */
            ck_assert_int_eq(unlink(path), 0);
        kill(left_child(), SIGKILL);
        run_right(model, 2);
        run_right(other, 3);
        for (int i = 0; death == 1 && i < 20; i++) {
            usleep(10000);
            run_right(model, i);
            ck_assert_ptr_eq(runs_on(model), &prt_cpu_backend);
        }
        if (death == 1)
            ck_assert_int_eq(symlink(program, path), 0);
        ck_assert(comes_back(model) && comes_back(other));
    }
    ck_assert_int_gt(left_child(), 0); /* one for both */
    prt_model_destroy(model);
    prt_model_destroy(other);
    free(program);
    unlink(path);
    rmdir(folder);
    left_nothing(descriptors);
}
END_TEST

START_TEST(a_stopped_processor_is_noticed_at_the_deadline)
{
    int descriptors = left_descriptors();
    use("percept-dsp");
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    run_right(model, 1);
    kill(left_child(), SIGSTOP);
    setenv("PERCEPT_DSP_DEADLINE_MS", "50", 1);
    run_right(model, 2);
    expect_gave_up(model, "did not answer in 50 ms");
    prt_model_destroy(model);
    left_nothing(descriptors);
}
END_TEST

static const struct {
    const char *lie, *told;
} lies[] = {
    {"die", "the remote processor is gone"},
    {"close", "the remote processor is gone"},
    {"hang", "did not answer in 300 ms"},
    {"kind", "answer makes no sense"},
    {"sequence", "answer makes no sense"},
    {"short", "answer makes no sense"},
    {"refuse", "the remote processor refuses: ????"},
};

START_TEST(a_lie_in_the_middle_of_a_run_costs_no_frame)
{
    int descriptors = left_descriptors();
    use_liar(lies[_i].lie, "2");
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    run_right(model, 1);
    ck_assert_ptr_eq(runs_on(model), &prt_dsp_backend);
    if (strcmp(lies[_i].lie, "hang") == 0) /* which never answers */
        setenv("PERCEPT_DSP_DEADLINE_MS", "300", 1);
    run_right(model, 2);
    expect_gave_up(model, lies[_i].told);
    run_right(model, 3);
    prt_model_destroy(model);
    left_nothing(descriptors);
}
END_TEST

/* Written into the mailbox after the bell: what the host sees of it is a matter of time. */
START_TEST(noise_in_the_mailbox_costs_no_frame)
{
    static const char *const kinds[] = {"long", "noise"};
    int descriptors = left_descriptors();
    use_liar(kinds[_i], "2");
    setenv("PERCEPT_DSP_DEADLINE_MS", "3000", 1);
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    struct percept_error error = {0};
    run_right(model, 1);
    two_convs_fill(model,
                   2); /* may be taken for an answer: then the numbers are those that lie there */
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    run_right(model, 3);
    prt_model_destroy(model);
    left_nothing(descriptors);
}
END_TEST

START_TEST(who_is_not_of_this_version_or_size_is_not_used)
{
    static const char *const told[] = {"the firmware speaks version 99, this backend 4",
                                       "the processor has 1024 bytes of memory, not 2097152"};
    int descriptors = left_descriptors();
    use_liar(_i ? "small" : "version", "1");
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    run_right(model, 1);
    expect_gave_up(model, told[_i]);
    prt_model_destroy(model);
    left_nothing(descriptors);
}
END_TEST

START_TEST(without_another_backend_a_dead_processor_is_an_error)
{
    struct percept_error error = {0};
    use("percept-dsp");
    struct prt_model *model = two_convs(dsp_alone, NULL);
    kill(left_child(), SIGKILL);
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "dsp: the remote processor is gone");
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_DISCONNECTED);
    prt_model_destroy(model);
}
END_TEST

START_TEST(no_program_is_said_and_is_no_fault)
{
    setenv("PERCEPT_DSP", "/nowhere/percept-dsp", 1);
    ck_assert_str_eq(prt_dsp_backend.absent(), "PERCEPT_DSP names no program");
    struct prt_model *model = two_convs(dsp_then_cpu, NULL);
    run_right(model, 1);
    expect_gave_up(model, "PERCEPT_DSP names no program");
    prt_model_destroy(model);
}
END_TEST

/* y = q(dq(a) * dq(b)), as Cadence's files have it */
static struct prt_model *make_product(const struct prt_backend *const *backends)
{
    struct prt_graph *graph;
    struct prt_model *model = NULL;
    uint32_t codes[3], floats[3], *lists;
    ck_assert_int_eq(prt_graph_create(&graph, NULL), PERCEPT_OK);
    for (int i = 0; i < 3; i++) {
        struct prt_tensor tensor = two_convs_image(PRT_I8, i == 2 ? 0x1p-1 : 0x1p-4);
        tensor.sizes[3] = i == 2 ? TWO_CONVS_SIDE : TWO_CONVS_CHANNELS;
        codes[i] = prt_graph_add_tensor(graph, &tensor);
        tensor.dtype = PRT_F32;
        tensor.quant = (struct prt_quant){0};
        floats[i] = prt_graph_add_tensor(graph, &tensor);
    }
    static const enum prt_op ops[] = {PRT_OP_DEQUANTIZE, PRT_OP_DEQUANTIZE, PRT_OP_MATMUL,
                                      PRT_OP_QUANTIZE};
    const uint32_t wiring[][3] = {{codes[0], PRT_NO_VALUE, floats[0]},
                                  {codes[1], PRT_NO_VALUE, floats[1]},
                                  {floats[0], floats[1], floats[2]},
                                  {floats[2], PRT_NO_VALUE, codes[2]}};
    for (int i = 0; i < 4; i++) {
        struct prt_node *node = prt_graph_add_node(graph, ops[i], i == 2 ? 2 : 1, 1);
        memcpy(node->inputs, wiring[i], node->input_count * sizeof *node->inputs);
        node->outputs[0] = wiring[i][2];
        node->attrs.matmul.transpose_b = i == 2;
    }
    lists = base_arena_copy(&graph->arena, codes, sizeof codes);
    graph->inputs = lists;
    graph->outputs = lists + 2;
    graph->input_count = 2;
    graph->output_count = 1;
    graph->values[codes[0]].flags = graph->values[codes[1]].flags = PRT_FLAG_INPUT;
    graph->values[codes[2]].flags = PRT_FLAG_OUTPUT;
    ck_assert_int_eq(prt_graph_finish(graph, NULL), PERCEPT_OK);
    const struct prt_model_options options = {.backends = backends};
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < prt_model_graph(model)->values[codes[k]].bytes; i++)
            ((int8_t *)prt_model_input_data(model, k))[i] = (int8_t)((i + k) * 41 % 256 - 128);
    return model;
}

START_TEST(a_product_between_roundings_is_one_of_codes)
{
    use("percept-dsp");
    struct prt_model *model = make_product(dsp_then_cpu), *cpu = make_product(dsp_then_cpu + 1);
    size_t bytes = prt_model_graph(cpu)->values[prt_model_graph(cpu)->outputs[0]].bytes;
    ck_assert_uint_eq(prt_model_graph(model)->node_count, 1);
    ck_assert_uint_eq(prt_model_graph(cpu)->node_count, 4); /* floats are faster there */
    ck_assert_int_eq(prt_model_run(cpu, NULL), PERCEPT_OK);
    for (int run = 0; run < 2; run++) { /* the second without it */
        ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
        ck_assert_ptr_eq(runs_on(model), run ? &prt_cpu_backend : &prt_dsp_backend);
        ck_assert_int_eq(
            memcmp(prt_model_output_data(model, 0), prt_model_output_data(cpu, 0), bytes), 0);
        memset((void *)(uintptr_t)prt_model_output_data(model, 0), 0, bytes);
        if (run == 0)
            kill(left_child(), SIGKILL);
    }
    prt_model_destroy(model);
    prt_model_destroy(cpu);
}
END_TEST

/* A model of its own in each thread, all on one processor, which dies again and again. */
static void *run_often(void *argument)
{
    for (int i = 0; i < 8; i++) {
        struct prt_model *model = two_convs(dsp_then_cpu, NULL);
        for (int run = 0; run < 4; run++)
            run_right(model, run + *(int *)argument);
        prt_model_destroy(model);
    }
    return NULL;
}

START_TEST(it_may_die_under_several_threads)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    int numbers[THREADS], descriptors = left_descriptors();
    use_liar("die", "20");
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_often, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    left_nothing(descriptors);
}
END_TEST

/* Programs with a sanitizer in them take half a second to start. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { DEATHS = 20 };
#else
enum { DEATHS = 100 };
#endif

START_TEST(many_deaths_leave_nothing)
{
    int descriptors = left_descriptors();
    use("percept-dsp");
    for (int i = 0; i < DEATHS; i++) {
        struct prt_model *model = two_convs(dsp_then_cpu, NULL);
        ck_assert_ptr_eq(runs_on(model), &prt_dsp_backend);
        kill(left_child(), SIGKILL);
        run_right(model, i);
        prt_model_destroy(model);
        left_nothing(descriptors);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dsp faults");
    TCase *tests = tcase_create("dsp faults");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, it_runs_and_leaves_nothing);
    tcase_add_test(tests, only_what_enters_and_leaves_is_copied);
    tcase_add_test(tests, a_killed_processor_costs_no_frame);
    tcase_add_test(tests, models_return_to_a_processor_that_runs_again);
    tcase_add_test(tests, a_stopped_processor_is_noticed_at_the_deadline);
    tcase_add_loop_test(tests, a_lie_in_the_middle_of_a_run_costs_no_frame, 0,
                        sizeof lies / sizeof lies[0]);
    tcase_add_loop_test(tests, noise_in_the_mailbox_costs_no_frame, 0, 2);
    tcase_add_loop_test(tests, who_is_not_of_this_version_or_size_is_not_used, 0, 2);
    tcase_add_test(tests, without_another_backend_a_dead_processor_is_an_error);
    tcase_add_test(tests, no_program_is_said_and_is_no_fault);
    tcase_add_test(tests, a_product_between_roundings_is_one_of_codes);
    tcase_add_test(tests, it_may_die_under_several_threads);
    tcase_add_test(tests, many_deaths_leave_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
