/* Blobs that leave out which codes they are given and give back; see import_xnnpack_edges.c. */
#include "xnnpack_case.h"

#include <check.h>
#include <stdlib.h>

enum { SIGMOID = 4, CONVERT = 18 };

static uint32_t number(enum blob_role role, uint32_t index)
{
    return blob_value(&blob, "f32[2]", role, index);
}

static uint32_t codes(void)
{
    return blob_value(&blob, "q8[2]", BLOB_INTERNAL, 0);
}

static void convert(uint32_t from, uint32_t to)
{
    blob_node(&blob, CONVERT, "444", from, to, 0);
}

START_TEST(result_that_is_not_stated)
{
    convert(number(BLOB_INPUT, 0), codes());
    xnnpack_case_expect("f32[2] >f32[2]", "v1: int8[2] q(0.5, 1) = quantize(v0)\n"
                                          "v2: float32[2] = dequantize(v1)\n");
}
END_TEST

START_TEST(operand_that_is_not_stated)
{
    uint32_t y = number(BLOB_OUTPUT, 1);
    convert(codes(), y);
    xnnpack_case_expect("f32[2] >f32[2]", "v3: int8[2] q(0.5, 1) = quantize(v0)\n"
                                          "v1: float32[2] = dequantize(v3)\n");
}
END_TEST

static void sigmoid_between_codes(void)
{
    uint32_t a = codes(), x = number(BLOB_INTERNAL, 0), y = number(BLOB_INTERNAL, 0), b = codes();
    convert(a, x);
    blob_node(&blob, SIGMOID, "444", x, y, 0);
    convert(y, b);
}

START_TEST(operand_and_result_that_are_not_stated)
{
    sigmoid_between_codes();
    xnnpack_case_expect("f32[2] >f32[2]", "v5: int8[2] q(0.5, 1) = quantize(v0)\n"
                                          "v2: float32[2] = dequantize(v5)\n"
                                          "v3: float32[2] = unary(v2) sigmoid\n"
                                          "v4: int8[2] q(0.5, 1) = quantize(v3)\n"
                                          "v6: float32[2] = dequantize(v4)\n");
}
END_TEST

/* The program's result is the first that it writes. */
START_TEST(result_between_stated_arguments)
{
    uint32_t x = number(BLOB_INPUT, 0), y = number(BLOB_OUTPUT, 2);
    convert(x, codes());
    blob_node(&blob, SIGMOID, "444", x, y, 0);
    xnnpack_case_expect("f32[2] >f32[2] >f32[2]", "v2: int8[2] q(0.5, 1) = quantize(v0)\n"
                                                  "v3: float32[2] = dequantize(v2)\n");
}
END_TEST

#define NOTHING_WROTE                                                                \
    "UNSUPPORTED: method 'forward', instruction 0, XnnpackBackend: reads tensor 1, " \
    "which nothing wrote before or writes later"

START_TEST(two_results_that_would_fit)
{
    uint32_t x = number(BLOB_INPUT, 0), a = codes(), b = codes();
    convert(x, a);
    convert(x, b);
    xnnpack_case_expect("f32[2] >f32[2]", NOTHING_WROTE);
}
END_TEST

START_TEST(codes_that_are_read_are_no_result)
{
    uint32_t x = number(BLOB_INPUT, 0), a = codes();
    convert(x, a);
    convert(a, number(BLOB_INTERNAL, 0));
    xnnpack_case_expect("f32[2] >f32[2]", NOTHING_WROTE);
}
END_TEST

START_TEST(result_of_another_type)
{
    convert(number(BLOB_INPUT, 0), codes());
    xnnpack_case_expect("f32[2] >i8[2]", NOTHING_WROTE);
}
END_TEST

START_TEST(result_of_another_size)
{
    convert(number(BLOB_INPUT, 0), codes());
    xnnpack_case_fails("f32[2] >f32[3]", "MALFORMED",
                       "XnnpackBackend: takes a tensor for one of another type or size");
}
END_TEST

START_TEST(two_operands_that_would_fit)
{
    uint32_t a = codes(), b = codes(), y = number(BLOB_OUTPUT, 1);
    convert(a, number(BLOB_INTERNAL, 0));
    convert(b, y);
    xnnpack_case_expect("f32[2] >f32[2]",
                        "MALFORMED: method 'forward': value 1: read before it is computed");
}
END_TEST

/* What is stated stays as it is, whatever else a blob computes. */
START_TEST(codes_that_nobody_wants)
{
    uint32_t x = number(BLOB_INPUT, 0), y = number(BLOB_OUTPUT, 1);
    convert(x, codes());
    blob_node(&blob, SIGMOID, "444", x, y, 0);
    xnnpack_case_expect("f32[2] >f32[2]", "v1: float32[2] = unary(v0) sigmoid\n");
}
END_TEST

START_TEST(every_word_spoilt)
{
    sigmoid_between_codes();
    struct flat data = {0}, written = blob_write(&blob, &data);
    struct flat file = xnnpack_case_program(&written, &data, "f32[2] >f32[2]");
    pte_spoil_words(&file);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_xnnpack_edges");
    TCase *tests = tcase_create("import_xnnpack_edges");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_checked_fixture(tests, xnnpack_case_setup, NULL);
    const TTest *const all[] = {
        result_that_is_not_stated,
        operand_that_is_not_stated,
        operand_and_result_that_are_not_stated,
        result_between_stated_arguments,
        two_results_that_would_fit,
        codes_that_are_read_are_no_result,
        result_of_another_type,
        result_of_another_size,
        two_operands_that_would_fit,
        codes_that_nobody_wants,
        every_word_spoilt,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
