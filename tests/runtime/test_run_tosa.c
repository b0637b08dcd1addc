/* What TOSA's operators compute, against numbers worked out by hand from the specification. */
#include "run.h"
#include "tosa_blob.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { BOOL = 1, INT4, INT8, INT16, INT32, INT48, FP32 };

static struct tosa_blob blob;
static struct pte pte;

static void setup(void)
{
    blob = (struct tosa_blob){0};
    pte = (struct pte){0};
}

/* Run the blob, called with args, and compare its results, which follow one another in expected. */
static void expect(const char *args, const void *const *inputs, const void *const *expected)
{
    struct flat written = tosa_write(&blob);
    pte_delegate(&pte, "TOSABackend", args);
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    struct run run = run_pte(&pte, inputs);
    for (size_t i = 0; i < prt_model_output_count(run.model); i++) {
        size_t bytes;
        ck_assert(prt_tensor_bytes(prt_model_output_spec(run.model, i), &bytes));
        ck_assert_mem_eq(prt_model_output_data(run.model, i), expected[i], bytes);
    }
    run_free(&run);
    free(written.bytes);
}

/* ---- the bits of integers ---- */

static const struct {
    uint32_t number;
    const char *attributes;
    int32_t a[6], b[6], y[6];
} words[] = {
    /* down */
    {16, "1=0", {5, -5, -1, 7, INT32_MIN, -6}, {1, 1, 31, 0, 31, 2}, {2, -3, -1, 7, -1, -2}},
    /* to the nearest, halves up */
    {16, "1=1", {5, -5, -1, 7, INT32_MIN, -6}, {1, 1, 31, 0, 31, 2}, {3, -2, 0, 7, -1, -1}},
    {16, "1=1", {INT32_MAX, INT32_MAX, 1, 2, 3, 6}, {1, 31, 1, 2, 2, 2}, {1 << 30, 1, 1, 1, 1, 2}},
    {23, "", {-1, -1, -1, INT32_MIN, 12, -8}, {0, 1, 31, 31, 2, 28}, {-1, INT32_MAX, 1, 1, 3, 15}},
};

START_TEST(shift_of_words)
{
    tosa_tensor(&blob, "a", INT32, "6", TOSA_INPUT);
    tosa_tensor(&blob, "b", INT32, "6", TOSA_INPUT);
    tosa_tensor(&blob, "y", INT32, "6", TOSA_OUTPUT);
    tosa_op(&blob, words[_i].number, "a b", "y", words[_i].attributes);
    expect("i32[6] i32[6] >i32[6]", (const void *[]){words[_i].a, words[_i].b},
           (const void *[]){words[_i].y});
}
END_TEST

static const struct {
    uint32_t number;
    const char *attributes;
    int8_t y[4];
} bytes[] = {
    {16, "1=0", {-64, 63, -1, 0}},
    {16, "1=1", {-64, 64, 0, 0}},
    {23, "", {64, 63, 127, 0}},
};

/* A byte's sign is no bit of its unsigned sibling's, however wide the arithmetic is. */
START_TEST(shift_of_bytes_is_broadcast)
{
    static const int8_t a[] = {-128, 127, -1, 0}, one[] = {1};
    tosa_tensor(&blob, "a", INT8, "4", TOSA_INPUT);
    tosa_tensor(&blob, "b", INT8, "1", TOSA_INPUT);
    tosa_tensor(&blob, "y", INT8, "4", TOSA_OUTPUT);
    tosa_op(&blob, bytes[_i].number, "a b", "y", bytes[_i].attributes);
    expect("i8[4] i8[1] >i8[4]", (const void *[]){a, one}, (const void *[]){bytes[_i].y});
}
END_TEST

START_TEST(bits_turned)
{
    static const int16_t x[] = {0, -1, 5, INT16_MIN}, y[] = {-1, 0, -6, INT16_MAX};
    tosa_tensor(&blob, "x", INT16, "4", TOSA_INPUT);
    tosa_tensor(&blob, "y", INT16, "4", TOSA_OUTPUT);
    tosa_op(&blob, 33, "x", "y", "");
    expect("i16[4] >i16[4]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* Around every power of two. */
START_TEST(leading_zeros)
{
    int32_t x[96], y[96];
    for (unsigned i = 0; i < 32; i++)
        for (unsigned j = 0; j < 3; j++) {
            uint32_t number = (1u << i) + j - 1;
            unsigned zeros = 0;
            while (zeros < 32 && !(number >> (31 - zeros) & 1))
                zeros++;
            memcpy(&x[3 * i + j], &number, sizeof number);
            y[3 * i + j] = (int32_t)zeros;
        }
    tosa_tensor(&blob, "x", INT32, "96", TOSA_INPUT);
    tosa_tensor(&blob, "y", INT32, "96", TOSA_OUTPUT);
    tosa_op(&blob, 35, "x", "y", "");
    expect("i32[96] >i32[96]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* 64 bits hold the product; what is left of it is rounded halves up. */
START_TEST(product_that_is_shifted)
{
    static const int32_t a[] = {INT32_MIN, INT32_MAX, 3, -3, 1, -1};
    static const int32_t b[] = {INT32_MIN, INT32_MAX, 1 << 30, 1 << 30, 1, 1};
    static const int32_t y[] = {1 << 30, (1 << 30) - 1, 1, -1, 0, 0};
    static const int8_t shift[] = {32};
    tosa_tensor(&blob, "a", INT32, "6", TOSA_INPUT);
    tosa_tensor(&blob, "b", INT32, "6", TOSA_INPUT);
    tosa_tensor(&blob, "s", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, shift, sizeof shift);
    tosa_tensor(&blob, "y", INT32, "6", TOSA_OUTPUT);
    tosa_op(&blob, 28, "a b s", "y", "");
    expect("i32[6] i32[6] >i32[6]", (const void *[]){a, b}, (const void *[]){y});
}
END_TEST

/* ---- three dimensions ---- */

/* Two layers of one row; the kernel takes the layer before and, twice, the layer itself. */
START_TEST(volume_of_integers)
{
    static const int8_t x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 2}, zero_x[] = {1}, zero_w[] = {0};
    static const int32_t bias[] = {100};
    /* Before the first layer there is the zero point, which counts nothing. */
    static const int32_t y[] = {100, 102, 104, 106, 109, 112};
    tosa_tensor(&blob, "x", INT8, "1,2,1,3,1", TOSA_INPUT);
    tosa_tensor(&blob, "w", INT8, "1,2,1,1,1", TOSA_CONSTANT);
    tosa_data(&blob, w, sizeof w);
    tosa_tensor(&blob, "b", INT32, "1", TOSA_CONSTANT);
    tosa_data(&blob, bias, sizeof bias);
    tosa_tensor(&blob, "zx", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero_x, sizeof zero_x);
    tosa_tensor(&blob, "zw", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero_w, sizeof zero_w);
    tosa_tensor(&blob, "y", INT32, "1,2,1,3,1", TOSA_OUTPUT);
    tosa_op(&blob, 4, "x w b zx zw", "y", "o=1,0,0,0,0,0 o=1,1,1 o=1,1,1");
    expect("i8[1,2,1,3,1] >i32[1,2,1,3,1]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

/* Every other layer, three taps two apart, of two rows; one channel on both sides, so that the
 * turned weight is another view of its bytes. */
START_TEST(volume_of_floats)
{
    static const float x[] = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70};
    static const float w[] = {1, 2, 100, 0, 10000, 0.5f}, bias[] = {0.5f}, zero[] = {0};
    static const float y[] = {50346.5f, 70598.5f};
    tosa_tensor(&blob, "x", FP32, "1,7,2,1,1", TOSA_INPUT);
    tosa_tensor(&blob, "w", FP32, "1,3,2,1,1", TOSA_CONSTANT);
    tosa_data(&blob, w, sizeof w);
    tosa_tensor(&blob, "b", FP32, "1", TOSA_CONSTANT);
    tosa_data(&blob, bias, sizeof bias);
    tosa_tensor(&blob, "z", FP32, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero, sizeof zero);
    tosa_tensor(&blob, "y", FP32, "1,2,1,1,1", TOSA_OUTPUT);
    tosa_op(&blob, 4, "x w b z z", "y", "o=0,0,0,0,0,0 o=2,1,1 o=2,1,1");
    expect("f32[1,7,2,1,1] >f32[1,2,1,1,1]", (const void *[]){x}, (const void *[]){y});
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("run tosa");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, shift_of_words, 0, (int)(sizeof words / sizeof words[0]));
    tcase_add_loop_test(tests, shift_of_bytes_is_broadcast, 0,
                        (int)(sizeof bytes / sizeof bytes[0]));
    tcase_add_test(tests, bits_turned);
    tcase_add_test(tests, leading_zeros);
    tcase_add_test(tests, product_that_is_shifted);
    tcase_add_test(tests, volume_of_integers);
    tcase_add_test(tests, volume_of_floats);
    Suite *suite = suite_create("run tosa");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
