/* `.bpte` files: test cases are read as they were written, and what does not fit together is
 * refused. */
#include "ptd.h"
#include "pte.h"
#include "runtime/bundle.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float numbers[6] = {1, 2, 3, 4, 5, 6};
static struct bpte_value inputs[4], outputs[1];
static struct bpte source;
static struct flat file;

static void write_file(void)
{
    free(file.bytes);
    file = bpte_write(&source);
}

static void setup(void)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::add.out", "f32[2,3] $0 1 >f32[2,3] =");
    const struct prt_tensor spec = {
        .dtype = PRT_F32, .rank = 2, .sizes = {2, 3}, .dim_order = {0, 1}};
    const struct bpte_value tensor = {
        .type = 1, .spec = spec, .data = numbers, .size = sizeof numbers};
    inputs[0] = outputs[0] = tensor;
    inputs[1] = (struct bpte_value){.type = 2, .i = -5};
    inputs[2] = (struct bpte_value){.type = 3, .i = 1};
    inputs[3] = (struct bpte_value){.type = 4, .d = 2.5};
    source = (struct bpte){.method = "forward",
                           .program = pte_write(&pte, false),
                           .inputs = inputs,
                           .input_count = 4,
                           .outputs = outputs,
                           .output_count = 1};
    file = (struct flat){0};
    write_file();
}

static void teardown(void)
{
    free(source.program.bytes);
    free(file.bytes);
}

static void expect(const char *message)
{
    struct prt_bundle *bundle = NULL;
    struct percept_error error = {0};
    char text[1024];
    enum percept_status status =
        prt_bundle_open_buffer(file.bytes, file.size, "test.bpte", &bundle, &error);
    snprintf(text, sizeof text, "%s: %s: %s", percept_status_name(status), error.file,
             error.message);
    ck_assert_str_eq(text, message);
    ck_assert_ptr_null(bundle);
}

START_TEST(cases_are_what_was_written)
{
    struct prt_bundle *bundle = NULL;
    ck_assert_int_eq(prt_bundle_open_buffer(file.bytes, file.size, "test.bpte", &bundle, NULL),
                     PERCEPT_OK);
    ck_assert_uint_eq(prt_program_method_count(prt_bundle_program(bundle)), 1);
    ck_assert_uint_eq(prt_bundle_case_count(bundle), 1);
    ck_assert_ptr_null(prt_bundle_case(bundle, 1));
    const struct prt_bundle_case *test = prt_bundle_case(bundle, 0);
    ck_assert_str_eq(test->method, "forward");
    ck_assert_uint_eq(test->input_count, 4);
    ck_assert_uint_eq(test->output_count, 1);
    ck_assert_int_eq(test->inputs[0].kind, PRT_VALUE_TENSOR);
    ck_assert_int_eq(test->inputs[0].tensor.spec.sizes[1], 3);
    ck_assert_mem_eq(test->inputs[0].tensor.data, numbers, sizeof numbers);
    ck_assert_int_eq(test->inputs[1].kind, PRT_VALUE_INT);
    ck_assert_int_eq(test->inputs[1].i, -5);
    ck_assert_int_eq(test->inputs[2].kind, PRT_VALUE_BOOL);
    ck_assert(test->inputs[2].b);
    ck_assert_int_eq(test->inputs[3].kind, PRT_VALUE_DOUBLE);
    ck_assert_double_eq(test->inputs[3].d, 2.5);
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(prt_bundle_program(bundle), "forward", &graph, NULL),
                     PERCEPT_OK);
    prt_graph_destroy(graph);
    prt_bundle_close(bundle);
    prt_bundle_close(NULL);
}
END_TEST

START_TEST(tests_of_a_method_that_is_not_there)
{
    source.method = "backward";
    write_file();
    expect("MALFORMED: test.bpte: there are tests of the method 'backward', which the program "
           "lacks");
}
END_TEST

START_TEST(fewer_bytes_than_the_sizes_say) /* an over-read in others */
{
    inputs[0].size -= 4;
    write_file();
    expect("MALFORMED: test.bpte: a test's tensor has 20 bytes, which its sizes do not need");
}
END_TEST

START_TEST(sizes_whose_product_overflows)
{
    inputs[0].spec.rank = 4;
    for (int i = 0; i < 4; i++) {
        inputs[0].spec.sizes[i] = INT32_MAX;
        inputs[0].spec.dim_order[i] = (uint8_t)i;
    }
    write_file();
    expect("MALFORMED: test.bpte: a test's tensor has 24 bytes, which its sizes do not need");
}
END_TEST

START_TEST(negative_size)
{
    inputs[0].spec.sizes[0] = -2;
    write_file();
    expect("MALFORMED: test.bpte: a tensor has the size -2");
}
END_TEST

START_TEST(unknown_type)
{
    size_t root = flat_follow(file.bytes, 0);
    size_t test = flat_item(file.bytes, flat_item(file.bytes, root, 1, 0), 1, 0);
    file.bytes[flat_field(file.bytes, flat_item(file.bytes, test, 0, 1), 0)] = 77;
    expect("UNSUPPORTED: test.bpte: a test's value has the unknown type 77");
}
END_TEST

START_TEST(no_program)
{
    source.program.size = 0;
    write_file();
    struct prt_bundle *bundle = NULL;
    ck_assert_int_eq(prt_bundle_open_buffer(file.bytes, file.size, "test.bpte", &bundle, NULL),
                     PERCEPT_MALFORMED);
}
END_TEST

static void try_open(const struct flat *flat)
{
    struct prt_bundle *bundle = NULL;
    (void)percept_failed(prt_bundle_open_buffer(flat->bytes, flat->size, "test", &bundle, NULL));
    prt_bundle_close(bundle);
}

START_TEST(every_word_spoilt)
{
    flat_spoil_words(&file, try_open);
    for (size_t size = file.size; size-- > 0;)
        try_open(&(struct flat){file.bytes, size});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bundle");
    TCase *tests = tcase_create("bundle");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, cases_are_what_was_written);
    tcase_add_test(tests, tests_of_a_method_that_is_not_there);
    tcase_add_test(tests, fewer_bytes_than_the_sizes_say);
    tcase_add_test(tests, sizes_whose_product_overflows);
    tcase_add_test(tests, negative_size);
    tcase_add_test(tests, unknown_type);
    tcase_add_test(tests, no_program);
    tcase_add_test(tests, every_word_spoilt);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
