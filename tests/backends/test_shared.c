/* Packed weights exist once, however many models have them: ten models cost little more memory than
 * one, the numbers stay right while others come and go, and nothing is left at the end. */
#include "backends/cpu/cpu.h"
#include "backends/cpu/shared.h"
#include "runtime/prt.h"

#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 2048, MODELS = 10 }; /* 16 MiB of weights */
static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static float *weights;

/* Resident memory of this process, in bytes. */
static size_t resident(void)
{
    long total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld %ld", &total, &pages), 2);
    fclose(file);
    return (size_t)pages * 4096;
}

static struct prt_model *open_model(void)
{
    struct prt_graph *graph = NULL;
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    const struct prt_tensor row = {
        .dtype = PRT_F32, .rank = 2, .sizes = {1, WIDTH}, .dim_order = {0, 1}};
    const struct prt_tensor square = {
        .dtype = PRT_F32, .rank = 2, .sizes = {WIDTH, WIDTH}, .dim_order = {0, 1}};
    ck_assert_int_eq(prt_graph_create(&graph, NULL), PERCEPT_OK);
    uint32_t x = prt_graph_add_tensor(graph, &row), w = prt_graph_add_tensor(graph, &square);
    uint32_t y = prt_graph_add_tensor(graph, &row);
    graph->values[x].flags = PRT_FLAG_INPUT;
    graph->values[w].flags = PRT_FLAG_CONSTANT;
    graph->values[w].data = weights;
    graph->values[y].flags = PRT_FLAG_OUTPUT;
    struct prt_node *node = prt_graph_add_node(graph, PRT_OP_LINEAR, 5, 1);
    node->inputs[0] = x;
    node->inputs[1] = w;
    node->outputs[0] = y;
    graph->inputs = base_arena_copy(&graph->arena, &x, sizeof x);
    graph->outputs = base_arena_copy(&graph->arena, &y, sizeof y);
    graph->input_count = graph->output_count = 1;
    ck_assert_int_eq(prt_graph_finish(graph, &error), PERCEPT_OK);
    ck_assert_msg(prt_model_from_graph(graph, &(struct prt_model_options){.backends = backends},
                                       &model, &error) == PERCEPT_OK,
                  "%s", error.message);
    return model;
}

/* Row r of the weights is r + 1 at column r, else 0. */
static void check_run(struct prt_model *model)
{
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < WIDTH; i++)
        x[i] = 2;
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    const float *y = prt_model_output_data(model, 0);
    for (size_t i = 0; i < WIDTH; i++)
        ck_assert_float_eq(y[i], 2 * ((float)i + 1));
}

static void setup(void)
{
    weights = calloc((size_t)WIDTH * WIDTH, sizeof *weights);
    for (size_t i = 0; i < WIDTH; i++)
        weights[i * WIDTH + i] = (float)i + 1;
}

static void teardown(void)
{
    free(weights);
}

START_TEST(ten_models_cost_the_weights_of_one)
{
    struct prt_model *models[MODELS];
    size_t before = resident();
    models[0] = open_model();
    size_t one = resident() - before;
    ck_assert_uint_gt(one, sizeof(float) * WIDTH * WIDTH / 2); /* else this measures nothing */
    for (int i = 1; i < MODELS; i++)
        models[i] = open_model();
    size_t all = resident() - before;
    ck_assert_msg(all < one + one / 2, "one model takes %zu bytes, %d take %zu", one, MODELS, all);
    for (int i = 0; i < MODELS; i++) {
        check_run(models[i]);
        prt_model_destroy(models[i]); /* the others still have their weights */
    }
    prt_model_destroy(open_model());
}
END_TEST

START_TEST(blocks_with_other_bytes_stay_apart)
{
    enum { BYTES = 8192 };
    size_t bytes;
    char *a = cpu_shared_alloc(NULL, 2, BYTES / 2, &bytes),
         *b = cpu_shared_alloc(NULL, BYTES, 1, &bytes),
         *c = cpu_shared_alloc(NULL, 1, BYTES, &bytes);
    ck_assert_uint_eq(bytes, BYTES);
    ck_assert_int_eq(c[BYTES - 1], 0);
    memset(a, 1, BYTES);
    memset(b, 1, BYTES);
    memset(c, 1, BYTES);
    c[BYTES - 3] = 2; /* not among the words that are looked at first */
    ck_assert_ptr_eq(cpu_shared_block(a, BYTES), a);
    ck_assert_ptr_eq(cpu_shared_block(b, BYTES), a);
    ck_assert_ptr_eq(cpu_shared_block(c, BYTES), c);
    cpu_shared_release(a, BYTES);
    ck_assert_int_eq(a[100], 1);
    cpu_shared_release(a, BYTES);
    cpu_shared_release(c, BYTES);
    cpu_shared_release(NULL, 0);
    void *never = cpu_shared_alloc(NULL, 1 << 20, 1, &bytes); /* a mapping, never handed over */
    ck_assert_ptr_nonnull(never);
    cpu_shared_release(never, bytes);
    ck_assert_ptr_null(cpu_shared_alloc(NULL, SIZE_MAX, 2, &bytes));
}
END_TEST

static void *come_and_go(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        enum { BYTES = 4096 };
        size_t bytes;
        char *block = cpu_shared_alloc(NULL, 1, BYTES, &bytes);
        memset(block, i % 5, BYTES);
        block = cpu_shared_block(block, BYTES);
        if (block[17] != i % 5 || block[BYTES - 1] != i % 5)
            return "wrong bytes";
        cpu_shared_release(block, BYTES);
    }
    return NULL;
}

START_TEST(threads_share_without_a_race)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared");
    TCase *tests = tcase_create("shared");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, ten_models_cost_the_weights_of_one);
    tcase_add_test(tests, blocks_with_other_bytes_stay_apart);
    tcase_add_test(tests, threads_share_without_a_race);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
