/* Inputs of dynamic shape: any size up to the bound, and outputs that follow. */
#include "backends/cpu/cpu.h"
#include "blob.h"
#include "build.h"
#include "pte.h"
#include "runtime/prt.h"
#include "vulkan_blob.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static struct pte pte;
static struct prt_program *program;
static struct prt_model *model;
static const struct prt_choice *chosen; /* for the first input of the model made next */

static void setup(void)
{
    pte = (struct pte){0};
    chosen = NULL;
}

static void teardown(void)
{
    prt_model_destroy(model);
    prt_program_close(program);
}

static void make_model(void)
{
    struct percept_error error = {0};
    const struct prt_model_options options = {
        .backends = backends, .choices = chosen, .choice_count = chosen ? 1 : 0};
    ck_assert_msg(prt_model_create(program, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
}

static void resize(size_t input, unsigned rank, const int32_t *sizes)
{
    struct percept_error error = {0};
    ck_assert_msg(prt_model_resize_input(model, input, rank, sizes, &error) == PERCEPT_OK, "%s",
                  error.message);
}

static void expect_refusal(size_t input, unsigned rank, const int32_t *sizes, const char *message)
{
    struct percept_error error = {0};
    ck_assert_int_eq(prt_model_resize_input(model, input, rank, sizes, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, message);
}

static void expect_sizes(const struct prt_tensor *spec, unsigned rank, const int32_t *sizes)
{
    ck_assert_uint_eq(spec->rank, rank);
    for (unsigned i = 0; i < rank; i++)
        ck_assert_int_eq(spec->sizes[i], sizes[i]);
}

/* Fill input 0 with 1, 2, 3, .. and run. */
static const float *run(void)
{
    struct percept_error error = {0};
    const struct prt_tensor *spec = prt_model_input_spec(model, 0);
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < prt_tensor_elements(spec); i++)
        x[i] = (float)(i + 1);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    return prt_model_output_data(model, 0);
}

/* y = (x + x).view(-1), with the size computed as exporters do. */
static void doubled_and_flat(void)
{
    uint32_t x = pte_value(&pte, "f32[2,4]^6"), rows = pte_value(&pte, "0");
    uint32_t columns = pte_value(&pte, "0"), count = pte_value(&pte, "0");
    char args[96];
    pte.inputs[pte.input_count++] = x;
    snprintf(args, sizeof args, "$%u 0 $%u", x, rows);
    pte_call(&pte, "aten::sym_size.int", args);
    snprintf(args, sizeof args, "$%u 1 $%u", x, columns);
    pte_call(&pte, "aten::sym_size.int", args);
    snprintf(args, sizeof args, "$%u $%u $%u", rows, columns, count);
    pte_call(&pte, "executorch_prim::mul.Scalar", args);
    snprintf(args, sizeof args, "$%u $%u 1 >f32[8,10]^0 =", x, x);
    uint32_t sum = pte_call(&pte, "aten::add.out", args);
    snprintf(args, sizeof args, "$%u [$%u] >f32[80]^0 =", sum, count);
    pte_call(&pte, "aten::view_copy.out", args);
    program = pte_open(&pte);
    make_model();
}

START_TEST(a_new_model_is_as_large_as_it_may_be)
{
    doubled_and_flat();
    expect_sizes(prt_model_input_spec(model, 0), 2, (const int32_t[]){8, 10});
    expect_sizes(prt_model_input_bound(model, 0), 2, (const int32_t[]){8, 10});
    expect_sizes(prt_model_output_bound(model, 0), 1, (const int32_t[]){80});
    ck_assert_ptr_null(prt_model_input_bound(model, 1));
    expect_sizes(prt_model_output_spec(model, 0), 1, (const int32_t[]){80});
}
END_TEST

START_TEST(a_model_may_be_made_for_less)
{
    chosen = &(struct prt_choice){.sized = true, .sizes = {3, 5}};
    doubled_and_flat();
    expect_sizes(prt_model_input_spec(model, 0), 2, (const int32_t[]){3, 5});
    expect_sizes(prt_model_input_bound(model, 0), 2, (const int32_t[]){8, 10});
    expect_sizes(prt_model_output_spec(model, 0), 1, (const int32_t[]){15});
    ck_assert_float_eq(run()[14], 30);
    resize(0, 2, (const int32_t[]){8, 10});
    ck_assert_float_eq(run()[79], 160);
    resize(0, 2, (const int32_t[]){3, 5});
    ck_assert_float_eq(run()[14], 30);
}
END_TEST

START_TEST(a_model_is_not_made_for_more)
{
    struct percept_error error = {0};
    doubled_and_flat();
    const struct prt_model_options options = {
        .backends = backends,
        .choices = &(struct prt_choice){.sized = true, .sizes = {3, 11}},
        .choice_count = 1,
    };
    struct prt_model *other = NULL;
    ck_assert_int_eq(prt_model_create(program, &options, &other, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "input 0: size 1 is 11, at most 10");
    ck_assert_ptr_null(other);
}
END_TEST

/* More than are kept, down and up, and back to the first. */
START_TEST(outputs_follow_the_inputs)
{
    doubled_and_flat();
    for (int round = 0; round < 2; round++) {
        for (int32_t rows = 8; rows >= 0; rows--) {
            for (int32_t columns = 1; columns <= 10; columns += 3) {
                resize(0, 2, (const int32_t[]){rows, columns});
                expect_sizes(prt_model_input_spec(model, 0), 2, (const int32_t[]){rows, columns});
                expect_sizes(prt_model_output_spec(model, 0), 1, &(int32_t){rows * columns});
                const float *y = run();
                for (int32_t i = 0; i < rows * columns; i++)
                    ck_assert_float_eq(y[i], 2 * (float)(i + 1));
            }
        }
    }
}
END_TEST

START_TEST(what_does_not_fit_is_one_error_and_changes_nothing)
{
    doubled_and_flat();
    resize(0, 2, (const int32_t[]){3, 5});
    expect_refusal(0, 2, (const int32_t[]){3, 300}, "input 0: size 1 is 300, at most 10");
    expect_refusal(0, 2, (const int32_t[]){-1, 5}, "input 0: size 0 is -1, at most 8");
    expect_refusal(0, 1, (const int32_t[]){3}, "input 0 has 2 dimensions, not 1");
    expect_refusal(1, 1, (const int32_t[]){3}, "the method has no input 1 to set");
    ck_assert_float_eq(run()[14], 30);
}
END_TEST

START_TEST(a_fixed_shape_stays)
{
    pte_call(&pte, "aten::neg.out", "f32[2,3] >f32[2,3] =");
    program = pte_open(&pte);
    make_model();
    ck_assert_ptr_null(prt_model_input_bound(model, 0));
    ck_assert_ptr_null(prt_model_output_bound(model, 0));
    resize(0, 2, (const int32_t[]){2, 3});
    expect_refusal(0, 2, (const int32_t[]){2, 2}, "input 0: size 1 is 2, must be 3");
}
END_TEST

/* Sizes that belong together are chosen together. */
START_TEST(inputs_that_must_be_alike)
{
    pte_call(&pte, "aten::add.out", "f32[2]^6 f32[2]^6 1 >f32[8]^0 =");
    program = pte_open(&pte);
    make_model();
    expect_refusal(0, 1, (const int32_t[]){3},
                   "method 'forward', instruction 0, aten::add.out: has no result for operands of "
                   "these sizes");
    struct prt_choice choices[2] = {{.sized = true, .sizes = {3}}, {.sized = true, .sizes = {3}}};
    ck_assert_int_eq(prt_model_choose(model, choices, 2, NULL), PERCEPT_OK);
    expect_sizes(prt_model_output_spec(model, 0), 1, (const int32_t[]){3});
    ck_assert_int_eq(prt_model_choose(model, choices, 3, NULL), PERCEPT_INVALID);
    choices[0].number.kind = PRT_VALUE_INT;
    ck_assert_int_eq(prt_model_choose(model, choices, 2, NULL), PERCEPT_INVALID);
}
END_TEST

/* An input that keeps its size keeps what it holds; a size that comes again, too. */
START_TEST(contents_stay_with_their_size)
{
    pte_call(&pte, "aten::mul.out", "f32[1,2]^6 f32[1] >f32[7,8]^0 =");
    program = pte_open(&pte);
    make_model();
    const float factor = 3;
    ck_assert_int_eq(prt_model_set_input(model, 1, &factor, sizeof factor, NULL), PERCEPT_OK);
    resize(0, 2, (const int32_t[]){2, 2});
    ck_assert_float_eq(run()[3], 12);
    resize(0, 2, (const int32_t[]){1, 5});
    ck_assert_float_eq(run()[4], 15);
    resize(0, 2, (const int32_t[]){2, 2});
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    ck_assert_float_eq(((const float *)prt_model_output_data(model, 0))[3], 12);
}
END_TEST

/* x takes a branch by its size: x.size(0) <= 3 ? -x : x. */
START_TEST(sizes_decide_branches)
{
    uint32_t x = pte_value(&pte, "f32[2]^6"), size = pte_value(&pte, "0");
    uint32_t more = pte_value(&pte, "F"), y = pte_value(&pte, ">f32[2]^6");
    char args[96];
    pte.inputs[pte.input_count++] = x;
    snprintf(args, sizeof args, "$%u 0 $%u", x, size);
    pte_call(&pte, "aten::sym_size.int", args);
    snprintf(args, sizeof args, "$%u 3 $%u", size, more);
    pte_call(&pte, "executorch_prim::gt.Scalar", args);
    snprintf(args, sizeof args, "$%u $%u $%u", x, y, y);
    pte_call(&pte, "aten::neg.out", args);
    pte_instruction(&pte, 4, (int32_t)more, 5); /* not more: the end */
    snprintf(args, sizeof args, "$%u $%u $%u", x, y, y);
    pte_call(&pte, "aten::abs.out", args);
    pte.outputs[0] = y;
    pte.output_count = 1;
    program = pte_open(&pte);
    make_model();
    ck_assert_float_eq(run()[1], 2);
    resize(0, 1, (const int32_t[]){3});
    ck_assert_float_eq(run()[1], -2);
    resize(0, 1, (const int32_t[]){4});
    ck_assert_float_eq(run()[1], 2);
}
END_TEST

/* A result that would be larger than the program says, in a program whose bounds do not agree. */
START_TEST(results_stay_within_their_bounds)
{
    pte_call(&pte, "aten::cat.out", "(f32[2]^6 f32[2]^6) 0 >f32[10]^0 =");
    char *text = pte_import(&pte);
    ck_assert_str_eq(text, "INVALID: method 'forward', instruction 0, aten::cat.out: size 0 of "
                           "tensor 4 is 16, at most 10");
    free(text);
}
END_TEST

/* Nobody says how large what an operator without a rule computes is. */
START_TEST(an_unknown_size_is_refused_by_name)
{
    pte_call(&pte, "aten::convolution_backward.out",
             "f32[1,2,2,2]^1 f32[1,3,2,2]^1 f32[2,3,1,1] [2] [1,1] [0,0] [1,1] F [0,0] 1 - "
             ">f32[2,4,3,3]^0 >f32[2,3,1,1] >f32[2] =");
    program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    const struct prt_choice choice = {.sized = true, .sizes = {1, 2, 2, 2}};
    ck_assert_int_eq(prt_program_import_with(program, "forward", &choice, 1, &graph, &error),
                     PERCEPT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "for smaller inputs is not known"));
}
END_TEST

/* ---- XNNPACK ---- */

static void open_blob(const struct blob *blob, const char *args)
{
    struct flat data = {0}, written = blob_write(blob, &data);
    pte_delegate(&pte, "XnnpackBackend", args);
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    program = pte_open(&pte);
    free(written.bytes);
    free(data.bytes);
    make_model();
}

START_TEST(a_blob_of_dynamic_shape)
{
    struct blob blob = {0};
    uint32_t x = blob_value(&blob, "f32[1,8,8,1]", BLOB_INPUT, 0);
    uint32_t padded = blob_value(&blob, "f32[1,9,9,1]", BLOB_INTERNAL, 0);
    uint32_t pooled = blob_value(&blob, "f32[1,4,8,1]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[1,8,4,1]", BLOB_OUTPUT, 1);
    blob_node(&blob, 10, "oof444", "0110", "0000", 0.0, x, padded, 0);
    blob_node(&blob, 14, "4444444444444", 0, 0, 0, 0, 2, 2, 2, 1, 1, 1, padded, pooled, 0);
    blob_node(&blob, 5, "4o444", 4, "0213", pooled, y, 0);
    open_blob(&blob, "f32[1,8,8,1]^0 >f32[1,8,4,1]^0");
    for (int round = 0; round < 2; round++) {
        for (int32_t height = 8; height >= 1; height -= 3) {
            for (int32_t width = 2; width <= 8; width += 3) {
                resize(0, 4, (const int32_t[]){1, height, width, 1});
                int32_t rows = (height - 1) / 2 + 1;
                expect_sizes(prt_model_output_spec(model, 0), 4,
                             (const int32_t[]){1, width, rows, 1});
                const float *out = run();
                /* The numbers grow along rows and columns, and a zero is put before each: the
                 * greatest of a window is its last. */
                for (int32_t j = 0; j < width; j++)
                    for (int32_t i = 0; i < rows && 2 * i < height; i++)
                        ck_assert_float_eq(out[j * rows + i], (float)(2 * i * width + j + 1));
            }
        }
    }
    expect_refusal(0, 4, (const int32_t[]){1, 9, 8, 1}, "input 0: size 1 is 9, at most 8");
}
END_TEST

/* What is whole stays whole, also where the blob says how large it is at most; a part of a given
 * size keeps it. */
START_TEST(slices_in_a_blob)
{
    struct blob blob = {0};
    uint32_t x = blob_value(&blob, "f32[8,6]", BLOB_INPUT, 0);
    uint32_t part = blob_value(&blob, "f32[8,2]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[8,4]", BLOB_OUTPUT, 1);
    blob_node(&blob, 35, "4oo444", 2, "03", "82", x, part, 0);
    blob_node(&blob, 32, "4444444", 1, part, part, 0, 0, y, 0);
    open_blob(&blob, "f32[8,6]^0 >f32[8,4]^0");
    resize(0, 2, (const int32_t[]){3, 6});
    expect_sizes(prt_model_output_spec(model, 0), 2, (const int32_t[]){3, 4});
    const float *out = run();
    for (int32_t i = 0; i < 3; i++)
        for (int32_t j = 0; j < 4; j++)
            ck_assert_float_eq(out[i * 4 + j], (float)(i * 6 + 4 + j % 2));
}
END_TEST

static void import_smaller(const struct flat *flat)
{
    struct prt_program *opened = NULL;
    struct prt_graph *graph = NULL;
    const struct prt_choice choice = {.sized = true, .sizes = {1, 3, 5, 1}};
    if (prt_program_open_buffer(flat->bytes, flat->size, "test", &opened, NULL) == PERCEPT_OK)
        (void)prt_program_import_with(opened, "forward", &choice, 1, &graph, NULL);
    prt_graph_destroy(graph);
    prt_program_close(opened);
}

/* Whatever a file says, smaller inputs end in a graph or an error. */
START_TEST(every_word_spoilt)
{
    struct blob blob = {0};
    uint32_t x = blob_value(&blob, "f32[1,8,8,1]", BLOB_INPUT, 0);
    uint32_t pooled = blob_value(&blob, "f32[1,4,8,1]", BLOB_INTERNAL, 0);
    uint32_t part = blob_value(&blob, "f32[1,4,2,1]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[4,2]", BLOB_INTERNAL, 0);
    uint32_t both = blob_value(&blob, "f32[4,4]", BLOB_OUTPUT, 1);
    blob_node(&blob, 14, "4444444444444", 1, 1, 0, 0, 2, 2, 2, 1, 1, 1, x, pooled, 0);
    blob_node(&blob, 35, "4oo444", 4, "0000", "1421", pooled, part, 0);
    blob_node(&blob, 20, "4o444", 2, "02", part, y, 0);
    blob_node(&blob, 32, "4444444", 1, y, y, 0, 0, both, 0);
    struct flat data = {0}, written = blob_write(&blob, &data);
    pte_delegate(&pte, "XnnpackBackend", "f32[1,8,8,1]^0 >f32[4,4]^0");
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    const struct prt_choice choice = {.sized = true, .sizes = {1, 3, 5, 1}};
    ck_assert_int_eq(prt_program_import_with(program, "forward", &choice, 1, &graph, NULL),
                     PERCEPT_OK);
    prt_graph_destroy(graph);
    struct flat file = pte_write(&pte, false);
    flat_spoil_words(&file, import_smaller);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
}
END_TEST

/* ---- Vulkan ---- */

/* relu(x).view(-1), whose size the blob computes. */
START_TEST(a_vulkan_blob_of_dynamic_shape)
{
    struct vulkan_blob blob = {0};
    vulkan_call(&blob, "aten.relu.default", "f32[4,6] .f32[4,6]");
    vulkan_call(&blob, "sym_size.int", "$1 0 %4");
    vulkan_call(&blob, "sym_size.int", "$1 1 %6");
    vulkan_call(&blob, "mul", "$3 $5 %24");
    vulkan_call(&blob, "aten.view_copy.default", "$1 ($6) >f32[24]");
    struct flat written = vulkan_write(&blob);
    pte_delegate(&pte, "VulkanBackend", "f32[4,6]^0 >f32[24]^0");
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    program = pte_open(&pte);
    free(written.bytes);
    make_model();
    ck_assert_float_eq(run()[23], 24);
    resize(0, 2, (const int32_t[]){3, 2});
    expect_sizes(prt_model_output_spec(model, 0), 1, (const int32_t[]){6});
    ck_assert_float_eq(run()[5], 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dynamic");
    TCase *tests = tcase_create("dynamic");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_model_may_be_made_for_less);
    tcase_add_test(tests, a_model_is_not_made_for_more);
    tcase_add_test(tests, a_new_model_is_as_large_as_it_may_be);
    tcase_add_test(tests, outputs_follow_the_inputs);
    tcase_add_test(tests, what_does_not_fit_is_one_error_and_changes_nothing);
    tcase_add_test(tests, a_fixed_shape_stays);
    tcase_add_test(tests, inputs_that_must_be_alike);
    tcase_add_test(tests, contents_stay_with_their_size);
    tcase_add_test(tests, sizes_decide_branches);
    tcase_add_test(tests, results_stay_within_their_bounds);
    tcase_add_test(tests, an_unknown_size_is_refused_by_name);
    tcase_add_test(tests, a_blob_of_dynamic_shape);
    tcase_add_test(tests, slices_in_a_blob);
    tcase_add_test(tests, every_word_spoilt);
    tcase_add_test(tests, a_vulkan_blob_of_dynamic_shape);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
