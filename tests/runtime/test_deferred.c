/* Large weights stay in the file until they are packed: results are the same, memory is less, and a
 * file that changes meanwhile is an error. */
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "runtime/deferred.h"
#include "runtime/prt.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static struct flat file;
static char path[64];

enum { PIPELINES = 10, WEIGHTS = 256 * 64 * 9 };

/* A layer of bytes whose rows are quantised as they come. */
static uint32_t dynamic_layer(struct pte *pte)
{
    char args[96];
    uint32_t x = pte->value_count, scale = x + 5;
    snprintf(args, sizeof args, "f32[7,96] -128 127 1e-7 6 >f32[1] >i64[1] ($%u $%u)", scale,
             scale + 1);
    pte_call(pte, "quantized_decomposed::choose_qparams.Tensor_out", args);
    snprintf(args, sizeof args, "$%u $%u $%u -128 127 1 >i8[7,96] =", x, scale, scale + 1);
    uint32_t codes = pte_call(pte, "quantized_decomposed::quantize_per_tensor.Tensor_out", args);
    snprintf(args, sizeof args, "$%u $%u $%u -128 127 1 - >f32[7,96] =", codes, scale, scale + 1);
    x = pte_call(pte, "quantized_decomposed::dequantize_per_tensor.Tensor_out", args);
    uint32_t weight = pte_call(pte, "quantized_decomposed::dequantize_per_channel.out",
                               "ci8[64,96] cf32[64] - 0 -127 127 1 - >f32[64,96] =");
    snprintf(args, sizeof args, "$%u [1,0] >f32[96,64] =", weight);
    weight = pte_call(pte, "aten::permute_copy.out", args);
    snprintf(args, sizeof args, "$%u $%u >f32[7,64] =", x, weight);
    return pte_call(pte, "aten::mm.out", args);
}

/* A convolution with a batch norm behind it, a product with a transposed weight, a weight that is
 * read in another way, too, and one of bytes. */
static void setup(void)
{
    struct pte pte = {0};
    uint32_t outputs[5];
    char args[96];
    uint32_t y = pte_call(&pte, "aten::convolution.out",
                          "f32[1,64,6,6] cf32[256,64,3,3] cf32[256] [1,1] [1,1] [1,1] F [0,0] 1 "
                          ">f32[1,256,6,6] =");
    snprintf(args, sizeof args, "$%u cf32[1,256,1,1] >f32[1,256,6,6] =", y);
    outputs[0] = pte_call(&pte, "aten::mul.out", args);
    y = pte_call(&pte, "aten::permute_copy.out", "cf32[300,200] [1,0] >f32[200,300] =");
    snprintf(args, sizeof args, "f32[7,200] $%u >f32[7,300] =", y);
    outputs[1] = pte_call(&pte, "aten::mm.out", args);
    uint32_t weight = pte_value(&pte, "cf32[128,128]");
    snprintf(args, sizeof args, "f32[5,128] $%u >f32[5,128] =", weight);
    outputs[2] = pte_call(&pte, "aten::mm.out", args);
    snprintf(args, sizeof args, "f32[128,128] $%u 1 >f32[128,128] =", weight);
    outputs[3] = pte_call(&pte, "aten::add.out", args);
    outputs[4] = dynamic_layer(&pte);
    memcpy(pte.outputs, outputs, sizeof outputs);
    pte.output_count = 5;
    file = pte_write(&pte, false);

    strcpy(path, "/tmp/percept-deferred-XXXXXX");
    close(mkstemp(path));
    run_write(path, &file);
}

static void teardown(void)
{
    unlink(path);
    free(file.bytes);
}

static struct prt_program *open_program(void)
{
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_program_open(path, &program, &error) == PERCEPT_OK, "%s", error.message);
    return program;
}

static void run(struct prt_model *model)
{
    for (size_t i = 0; i < prt_model_input_count(model); i++) {
        size_t count = prt_tensor_elements(prt_model_input_spec(model, i));
        float *x = prt_model_input_data(model, i);
        for (size_t k = 0; k < count; k++)
            x[k] = (float)((k * 7 + i) % 23) / 16 - 0.5f;
    }
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
}

static void expect_same(struct prt_model *a, struct prt_model *b)
{
    run(a);
    run(b);
    for (size_t i = 0; i < prt_model_output_count(a); i++) {
        size_t bytes;
        ck_assert(prt_tensor_bytes(prt_model_output_spec(a, i), &bytes));
        ck_assert_mem_eq(prt_model_output_data(a, i), prt_model_output_data(b, i), bytes);
    }
}

START_TEST(results_are_those_of_weights_in_memory)
{
    struct prt_program *whole = NULL, *deferred = open_program();
    ck_assert_int_eq(prt_program_open_buffer(file.bytes, file.size, "whole", &whole, NULL),
                     PERCEPT_OK);
    struct prt_model *a = run_model(whole, NULL), *b = run_model(deferred, NULL);
    unsigned found = 0, factors = 0;
    const struct prt_graph *graph = prt_model_graph(b);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        found += graph->values[i].flags & PRT_FLAG_DEFERRED && graph->values[i].uses;
        factors += graph->values[i].factors != NULL && graph->values[i].uses;
    }
    ck_assert_uint_eq(found, 2); /* the third weight was fetched: an addition reads it */
    ck_assert_uint_eq(factors, 1);
    expect_same(a, b);
    prt_model_destroy(a);
    prt_model_destroy(b);
    prt_program_close(whole);
    prt_program_close(deferred);
}
END_TEST

START_TEST(an_import_for_others_has_all_in_memory)
{
    struct prt_program *program = open_program();
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    bool seen = false;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        ck_assert(!(value->flags & PRT_FLAG_DEFERRED));
        if (value->kind != PRT_VALUE_TENSOR || value->bytes != WEIGHTS * sizeof(float) ||
            !(value->flags & PRT_FLAG_CONSTANT))
            continue;
        ck_assert_float_eq(((const float *)value->data)[WEIGHTS - 1], (float)WEIGHTS - 0.5f);
        seen = true;
    }
    ck_assert(seen);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

static void expect_refused(struct prt_program *program, const char *why)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    const struct prt_model_options options = {.backends = backends};
    ck_assert_int_ne(prt_model_create(program, &options, &model, &error), PERCEPT_OK);
    ck_assert_msg(strstr(error.message, why) != NULL, "%s", error.message);
    prt_program_close(program);
}

START_TEST(file_that_changed_meanwhile_is_an_error)
{
    struct prt_program *program = open_program();
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, file.bytes, 100, 0), 100);
    close(fd);
    expect_refused(program, "changed while it was open");
}
END_TEST

START_TEST(file_that_shrank_meanwhile_is_an_error)
{
    struct prt_program *program = open_program();
    ck_assert_int_eq(truncate(path, 4096), 0);
    expect_refused(program, "cannot read");
}
END_TEST

START_TEST(another_model_needs_the_file_no_more)
{
    struct prt_program *program = open_program();
    struct prt_model *first = run_model(program, NULL);
    ck_assert_int_eq(truncate(path, 0), 0);
    struct prt_model *second = run_model(program, NULL);
    expect_same(first, second);
    prt_model_destroy(first);
    prt_model_destroy(second);
    prt_program_close(program);
}
END_TEST

static size_t resident(void)
{
    char line[128] = "", *rest;
    FILE *status = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(status);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, status));
    fclose(status);
    (void)strtol(line, &rest, 10); /* addresses */
    return (size_t)strtol(rest, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* One large product, so that all else is small. */
static void write_large(void)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::linear.out", "f32[1,2048] cf32[2048,2048] - >f32[1,2048] =");
    struct flat large = pte_write(&pte, false);
    int fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, large.bytes, large.size), (ssize_t)large.size);
    close(fd);
    free(large.bytes);
    usleep(200000);
}

START_TEST(ten_pipelines_cost_the_weights_of_one)
{
    const size_t weights = (size_t)2048 * 2048 * sizeof(float);
    struct prt_program *programs[PIPELINES];
    struct prt_model *models[PIPELINES];
    write_large();
    size_t before = resident();
    for (int i = 0; i < PIPELINES; i++) {
        programs[i] = open_program();
        models[i] = run_model(programs[i], NULL);
    }
    size_t all = resident() - before;
    ck_assert_uint_gt(all, weights / 2); /* else this measures nothing */
#ifndef __SANITIZE_THREAD__ /* which keeps some bytes of its own for each that is touched */
    /* Neither are the weights of the file beside the packed ones. */
    ck_assert_msg(all < weights + weights / 2, "%zu bytes of weights take %zu", weights, all);
#endif
    for (int i = 0; i < PIPELINES; i++) {
        run(models[i]);
        prt_model_destroy(models[i]);
        prt_program_close(programs[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deferred");
    TCase *tests = tcase_create("deferred");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, results_are_those_of_weights_in_memory);
    tcase_add_test(tests, an_import_for_others_has_all_in_memory);
    tcase_add_test(tests, file_that_changed_meanwhile_is_an_error);
    tcase_add_test(tests, file_that_shrank_meanwhile_is_an_error);
    tcase_add_test(tests, another_model_needs_the_file_no_more);
    tcase_add_test(tests, ten_pipelines_cost_the_weights_of_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
