/* Large weights stay in the file until they are packed: results are the same, memory is less, and a
 * file that changes meanwhile is an error. */
#include "blob.h"
#include "pte.h"
#include "run.h"
#include "vulkan_blob.h"

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
static uint32_t dynamic_layer(struct pte *pte, int in, int out)
{
    char args[96];
    uint32_t x = pte->value_count, scale = x + 5;
    snprintf(args, sizeof args, "f32[7,%d] -128 127 0.0000001 6 >f32[1] >i64[1] ($%u $%u)", in,
             scale, scale + 1);
    pte_call(pte, "quantized_decomposed::choose_qparams.Tensor_out", args);
    snprintf(args, sizeof args, "$%u $%u $%u -128 127 1 >i8[7,%d] =", x, scale, scale + 1, in);
    uint32_t codes = pte_call(pte, "quantized_decomposed::quantize_per_tensor.Tensor_out", args);
    snprintf(args, sizeof args, "$%u $%u $%u -128 127 1 - >f32[7,%d] =", codes, scale, scale + 1,
             in);
    x = pte_call(pte, "quantized_decomposed::dequantize_per_tensor.Tensor_out", args);
    snprintf(args, sizeof args, "ci8[%d,%d] cf32[%d] - 0 -127 127 1 - >f32[%d,%d] =", out, in, out,
             out, in);
    uint32_t weight = pte_call(pte, "quantized_decomposed::dequantize_per_channel.out", args);
    snprintf(args, sizeof args, "$%u [1,0] >f32[%d,%d] =", weight, in, out);
    weight = pte_call(pte, "aten::permute_copy.out", args);
    snprintf(args, sizeof args, "$%u $%u >f32[7,%d] =", x, weight, out);
    return pte_call(pte, "aten::mm.out", args);
}

/* Two layers of half bytes, with scales by group and by channel. */
static uint32_t half_byte_layers(struct pte *pte, struct flat *written, struct flat *data)
{
    struct blob blob = {.home = BLOB_NAMED};
    uint32_t x = blob_value(&blob, "f32[7,512]", BLOB_INPUT, 0);
    uint32_t dx = blob_value(&blob, "qd8@1[7,512]", BLOB_INTERNAL, 0);
    uint32_t scales = blob_value(&blob, "bf16[200,32]", BLOB_CONSTANT, 0);
    uint32_t w = blob_value(&blob, "g4@0[200,512]", BLOB_CONSTANT, 0);
    uint32_t h = blob_value(&blob, "f32[7,200]", BLOB_INTERNAL, 0);
    uint32_t dh = blob_value(&blob, "qd8@1[7,200]", BLOB_INTERNAL, 0);
    uint32_t v = blob_value(&blob, "c4@0[64,200]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[7,64]", BLOB_OUTPUT, 1);
    blob_group(&blob, w, 16, scales);
    blob_node(&blob, 18, "444", x, dx, 0);
    blob_node(&blob, 2, "44444", dx, w, UINT32_MAX, h, 0);
    blob_node(&blob, 18, "444", h, dh, 0);
    blob_node(&blob, 2, "44444", dh, v, UINT32_MAX, y, 0);
    *written = blob_write(&blob, data);
    pte->blob = written->bytes;
    pte->blob_size = written->size;
    pte->blob_key = "w";
    pte->blob_data = data->bytes;
    pte->blob_data_size = data->size;
    return pte_delegate(pte, "XnnpackBackend", "f32[7,512] >f32[7,64]");
}

/* A convolution with a batch norm behind it, a product with a transposed weight, a weight that is
 * read in another way, too, and layers of rounded rows. */
static void setup(void)
{
    struct pte pte = {0};
    struct flat written, data = {0};
    uint32_t outputs[6];
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
    outputs[4] = dynamic_layer(&pte, 96, 64);
    outputs[5] = half_byte_layers(&pte, &written, &data);
    memcpy(pte.outputs, outputs, sizeof outputs);
    pte.output_count = 6;
    file = pte_write(&pte, false);
    free(written.bytes);
    free(data.bytes);

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
    unsigned found = 0, factors = 0, half_bytes = 0;
    const struct prt_graph *graph = prt_model_graph(b);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        found += graph->values[i].flags & PRT_FLAG_DEFERRED && graph->values[i].uses;
        half_bytes += graph->values[i].flags & PRT_FLAG_HALF_BYTES && graph->values[i].uses;
        factors += graph->values[i].factors != NULL && graph->values[i].uses;
    }
    /* The third weight was fetched: an addition reads it. One layer has scales in the file, too. */
    ck_assert_uint_eq(found, 6);
    ck_assert_uint_eq(half_bytes, 2);
    ck_assert_uint_eq(factors, 1);
    expect_same(a, b);
    prt_model_destroy(a);
    prt_model_destroy(b);
    prt_program_close(whole);
    prt_program_close(deferred);
}
END_TEST

/* A table of half bytes is looked up where it is. */
START_TEST(a_table_of_half_bytes_is_not_taken_apart)
{
    const size_t bytes = (size_t)4096 * 256;
    struct pte pte = {0};
    pte_call(&pte, "quantized_decomposed::embedding_4bit.out",
             "ci8[4096,256] cf32[4096] - -8 7 i64[3] >f32[3,512] =");
    struct flat table = pte_write(&pte, false);
    run_write(path, &table);
    free(table.bytes);
    struct prt_program *program = open_program();
    struct prt_model *model = run_model(program, NULL);
    const struct prt_graph *graph = prt_model_graph(model);
    size_t constants = 0;
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (graph->values[i].flags & PRT_FLAG_CONSTANT && graph->values[i].uses)
            constants += graph->values[i].bytes;
    ck_assert_uint_lt(constants, bytes + bytes / 8);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* What a blob's values are read as says nothing of the method's, though both are counted from 0. */
START_TEST(a_blob_with_values_of_its_own_comes_first)
{
    struct vulkan_blob blob = {0};
    vulkan_call(&blob, "aten.add.Tensor", "f32[1,512] cf32[512] 1 >f32[1,512]");
    struct flat written = vulkan_write(&blob);
    struct pte pte = {.blob = written.bytes, .blob_size = written.size};
    uint32_t x = pte_delegate(&pte, "VulkanBackend", "f32[1,512] >f32[1,512]");
    char args[96];
    snprintf(args, sizeof args, "$%u cf32[256,512] - >f32[1,256] =", x);
    pte_call(&pte, "aten::linear.out", args);
    struct flat both = pte_write(&pte, false);
    run_write(path, &both);
    free(both.bytes);
    free(written.bytes);
    struct prt_program *program = open_program();
    struct prt_model *model = run_model(program, NULL);
    const struct prt_graph *graph = prt_model_graph(model);
    unsigned found = 0;
    for (uint32_t i = 0; i < graph->value_count; i++)
        found += graph->values[i].flags & PRT_FLAG_DEFERRED && graph->values[i].uses;
    ck_assert_uint_eq(found, 1);
    prt_model_destroy(model);
    prt_program_close(program);
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

static void write_dynamic(void)
{
    struct pte pte = {0};
    dynamic_layer(&pte, 512, 1024);
    struct flat dynamic = pte_write(&pte, false);
    run_write(path, &dynamic);
    free(dynamic.bytes);
}

/* The same two of a weight that a convolution before it cannot find out for it. */
START_TEST(weights_of_rounded_rows_are_of_the_file_that_was_opened)
{
    write_dynamic();
    struct prt_program *program = open_program();
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, file.bytes, 1, 0), 1);
    close(fd);
    expect_refused(program, "changed while it was open");

    write_dynamic();
    program = open_program();
    struct prt_model *first = run_model(program, NULL);
    ck_assert_int_eq(truncate(path, 0), 0);
    struct prt_model *second = run_model(program, NULL); /* packed they are there */
    expect_same(first, second);
    prt_model_destroy(first);
    prt_model_destroy(second);
    expect_refused(program, "cannot read");
}
END_TEST

/* Part by part and in the middle of a byte, and all at once. */
START_TEST(half_bytes_are_bytes_to_who_reads_them)
{
    enum { COUNT = 200 * 512 };
    struct prt_program *program = open_program();
    struct prt_model *model = run_model(program, NULL);
    struct prt_graph *graph = (struct prt_graph *)(uintptr_t)prt_model_graph(model);
    uint32_t id = 0;
    while (!(graph->values[id].flags & PRT_FLAG_HALF_BYTES) || graph->values[id].bytes != COUNT)
        ck_assert_uint_lt(++id, graph->value_count);
    static int8_t all[COUNT], part[COUNT + 1];
    ck_assert_int_eq(prt_deferred_read(graph, id, all, NULL), PERCEPT_OK);
    ck_assert_int_eq(all[0], -8); /* scales come first there: 0.5, 1.5 as bfloat16 */
    ck_assert_int_eq(all[2], 0x3f % 16 - 8);
    ck_assert_int_eq(all[3], 0x3f / 16 - 8);
    for (size_t offset = 0; offset < 300; offset += 7)
        for (size_t size = 1; size + offset < 700; size = 2 * size + offset % 2) {
            part[size] = 77;
            ck_assert_int_eq(prt_deferred_read_part(graph, id, offset, size, part, NULL),
                             PERCEPT_OK);
            ck_assert_mem_eq(part, all + offset, size);
            ck_assert_int_eq(part[size], 77);
        }
    ck_assert_int_eq(prt_deferred_fetch(graph, id, NULL), PERCEPT_OK);
    ck_assert(!(graph->values[id].flags & PRT_FLAGS_DEFERRED));
    ck_assert_mem_eq(graph->values[id].data, all, COUNT);
    prt_model_destroy(model);
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
    run_write(path, &large);
    free(large.bytes);
}

static void write_large_dynamic(void)
{
    struct pte pte = {0};
    dynamic_layer(&pte, 4096, 4096);
    struct flat large = pte_write(&pte, false);
    run_write(path, &large);
    free(large.bytes);
}

static void expect_weights_once(size_t weights)
{
    struct prt_program *programs[PIPELINES];
    struct prt_model *models[PIPELINES];
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

START_TEST(ten_pipelines_cost_the_weights_of_one)
{
    write_large();
    expect_weights_once((size_t)2048 * 2048 * sizeof(float));
}
END_TEST

START_TEST(ten_pipelines_of_rounded_rows_cost_the_weights_of_one)
{
    write_large_dynamic();
    expect_weights_once((size_t)4096 * 4096);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deferred");
    TCase *tests = tcase_create("deferred");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, results_are_those_of_weights_in_memory);
    tcase_add_test(tests, a_table_of_half_bytes_is_not_taken_apart);
    tcase_add_test(tests, a_blob_with_values_of_its_own_comes_first);
    tcase_add_test(tests, an_import_for_others_has_all_in_memory);
    tcase_add_test(tests, file_that_changed_meanwhile_is_an_error);
    tcase_add_test(tests, file_that_shrank_meanwhile_is_an_error);
    tcase_add_test(tests, another_model_needs_the_file_no_more);
    tcase_add_test(tests, weights_of_rounded_rows_are_of_the_file_that_was_opened);
    tcase_add_test(tests, half_bytes_are_bytes_to_who_reads_them);
    tcase_add_test(tests, ten_pipelines_cost_the_weights_of_one);
    tcase_add_test(tests, ten_pipelines_of_rounded_rows_cost_the_weights_of_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
