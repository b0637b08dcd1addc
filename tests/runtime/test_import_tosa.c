/* How TOSA's operators appear in a graph, and what a hostile blob meets. */
#include "pte.h"
#include "tosa_blob.h"

#include <check.h>
#include <stdio.h>
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

static void expect_of(const struct flat *written, const char *args, const char *expected)
{
    pte_delegate(&pte, "TOSABackend", args);
    pte.blob = written->bytes;
    pte.blob_size = written->size;
    struct flat file = pte_write(&pte, false);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text, expected);
    free(text);
    free(file.bytes);
}

static void expect(const char *args, const char *expected)
{
    struct flat written = tosa_write(&blob);
    expect_of(&written, args, expected);
    free(written.bytes);
}

static void expect_failure(const char *args, const char *status, const char *rest)
{
    char expected[512];
    snprintf(expected, sizeof expected, "%s: method 'forward', instruction 0, %s", status, rest);
    expect(args, expected);
}

/* ---- operators ---- */

static const struct {
    uint32_t number, type;
    const char *expected;
} unaries[] = {
    {12, FP32, "erf"},   {13, FP32, "sigmoid"},     {14, FP32, "tanh"},       {32, INT32, "abs"},
    {34, FP32, "ceil"},  {37, FP32, "exp"},         {42, FP32, "reciprocal"}, {43, FP32, "rsqrt"},
    {38, FP32, "floor"}, {40, BOOL, "logical_not"},
};

START_TEST(unary)
{
    bool whole = unaries[_i].type == INT32, real = unaries[_i].type == FP32;
    tosa_tensor(&blob, "x", unaries[_i].type, "2,3", TOSA_INPUT);
    tosa_tensor(&blob, "y", unaries[_i].type, "2,3", TOSA_OUTPUT);
    tosa_op(&blob, unaries[_i].number, "x", "y", "");
    char expected[128];
    snprintf(expected, sizeof expected, "v1: %s[2, 3] = unary(v0) %s\n",
             whole  ? "int32"
             : real ? "float32"
                    : "bool",
             unaries[_i].expected);
    expect(whole  ? "i32[2,3] >i32[2,3]"
           : real ? "f32[2,3] >f32[2,3]"
                  : "bool[2,3] >bool[2,3]",
           expected);
}
END_TEST

static const struct {
    uint32_t number, type;
    const char *expected;
} binaries[] = {{15, FP32, "add"},          {26, FP32, "maximum"},     {27, FP32, "minimum"},
                {28, FP32, "mul"},          {29, FP32, "pow"},         {30, FP32, "sub"},
                {17, INT32, "bitwise_and"}, {18, INT32, "bitwise_or"}, {19, INT32, "bitwise_xor"},
                {20, INT32, "trunc_div"},   {22, INT32, "shift_left"}};

START_TEST(binary)
{
    bool whole = binaries[_i].type == INT32;
    tosa_tensor(&blob, "x", binaries[_i].type, "2,3", TOSA_INPUT);
    tosa_tensor(&blob, "k", binaries[_i].type, "1,3", TOSA_CONSTANT);
    tosa_tensor(&blob, "y", binaries[_i].type, "2,3", TOSA_OUTPUT);
    tosa_op(&blob, binaries[_i].number, "x k", "y", "");
    char expected[128];
    snprintf(expected, sizeof expected, "v2: %s[2, 3] = binary(v0, c1) %s\n",
             whole ? "int32" : "float32", binaries[_i].expected);
    expect(whole ? "i32[2,3] >i32[2,3]" : "f32[2,3] >f32[2,3]", expected);
}
END_TEST

START_TEST(convolution_of_floats_is_the_graphs_own)
{
    tosa_tensor(&blob, "x", FP32, "1,5,5,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", FP32, "3,3,3,2", TOSA_CONSTANT);
    tosa_tensor(&blob, "b", FP32, "3", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", FP32, "1", TOSA_CONSTANT);
    tosa_tensor(&blob, "y", FP32, "1,5,5,3", TOSA_OUTPUT);
    tosa_op(&blob, 3, "x w b z z", "y", "o=1,1,1,1 o=1,1 o=1,1");
    expect("f32[1,5,5,2] >f32[1,5,5,3]",
           "v4: float32[1, 5, 5, 3] = conv2d(v0, c2, c1, -, -) padding(1,1,1,1) nhwc\n");
}
END_TEST

/* Codes lose their meaning at the border and have it again behind. */
START_TEST(convolution_of_integers_between_borders)
{
    static const int8_t zero[1] = {0};
    static const int32_t multiplier[1] = {1 << 30};
    static const int8_t shift[1] = {31};
    tosa_tensor(&blob, "x", INT8, "1,3,3,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", INT8, "4,1,1,2", TOSA_CONSTANT);
    tosa_tensor(&blob, "b", INT32, "4", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero, sizeof zero);
    tosa_tensor(&blob, "m", INT32, "1", TOSA_CONSTANT);
    tosa_data(&blob, multiplier, sizeof multiplier);
    tosa_tensor(&blob, "s", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, shift, sizeof shift);
    tosa_tensor(&blob, "i", INT32, "1", TOSA_CONSTANT);
    static const int32_t wide_zero[1] = {0};
    tosa_data(&blob, wide_zero, sizeof wide_zero);
    tosa_tensor(&blob, "a", INT32, "1,3,3,4", TOSA_INNER);
    tosa_tensor(&blob, "y", INT8, "1,3,3,4", TOSA_OUTPUT);
    tosa_op(&blob, 3, "x w b z z", "a", "o=0,0,0,0 o=1,1 o=1,1");
    tosa_op(&blob, 66, "a m s i z", "y", "1=1 4=1");
    uint32_t x = pte_call(&pte, "quantized_decomposed::quantize_per_tensor.out",
                          "f32[1,3,3,2] 0.5 1 -128 127 1 >i8[1,3,3,2] =");
    char args[64];
    snprintf(args, sizeof args, "$%u >i8[1,3,3,4]", x);
    struct flat written = tosa_write(&blob);
    uint32_t y = pte_delegate(&pte, "TOSABackend", args);
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    snprintf(args, sizeof args, "$%u 0.25 0 -128 127 1 - >f32[1,3,3,4] =", y);
    uint32_t out = pte_call(&pte, "quantized_decomposed::dequantize_per_tensor.out", args);
    pte.outputs[0] = out;
    pte.output_count = 1;
    struct flat file = pte_write(&pte, false);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_ptr_nonnull(strstr(text, "= codes("));
    ck_assert_ptr_nonnull(strstr(text, "int32[1, 3, 3, 4] = integer_conv("));
    ck_assert_ptr_nonnull(strstr(text, "int8[1, 3, 3, 4] = rescale("));
    ck_assert_ptr_nonnull(strstr(text, "= dequantize("));
    free(text);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

START_TEST(slice_takes_shapes)
{
    tosa_tensor(&blob, "x", FP32, "4,5", TOSA_INPUT);
    tosa_tensor(&blob, "y", FP32, "4,2", TOSA_OUTPUT);
    tosa_shape(&blob, "start", "0,1");
    tosa_shape(&blob, "size", "4,2");
    tosa_op(&blob, 59, "x start size", "y", "");
    expect("f32[4,5] >f32[4,2]", "v2: float32[4, 2] = slice(v0, 1, 3) axis(1)\n"
                                 "v1: float32[4, 2] = reshape(v2)\n");
}
END_TEST

START_TEST(four_bits_become_eight)
{
    static const uint8_t nibbles[2] = {0x8f, 0x07}; /* -1, -8, 7 */
    tosa_tensor(&blob, "x", INT32, "3", TOSA_INPUT);
    tosa_tensor(&blob, "k", INT4, "3", TOSA_CONSTANT);
    tosa_data(&blob, nibbles, sizeof nibbles);
    tosa_tensor(&blob, "w", INT32, "3", TOSA_INNER);
    tosa_tensor(&blob, "y", INT32, "3", TOSA_OUTPUT);
    tosa_op(&blob, 65, "k", "w", "");
    tosa_op(&blob, 15, "x w", "y", "");
    expect("i32[3] >i32[3]", "v2: int32[3] = convert(c1)\nv3: int32[3] = binary(v0, v2) add\n");
}
END_TEST

/* ---- hostile blobs ---- */

START_TEST(not_of_tosa)
{
    tosa_tensor(&blob, "x", FP32, "2", TOSA_INPUT);
    struct flat written = tosa_write(&blob);
    written.bytes[4] = 'X';
    expect_of(&written, "f32[2]",
              "MALFORMED: method 'forward', instruction 0, TOSABackend: the flatbuffer's "
              "identifier is not the expected one");
    free(written.bytes);
}
END_TEST

/* An operator on x of a type and shape, and what is wrong with it. */
static const struct {
    uint32_t number, type;
    const char *shape, *inputs, *attributes, *status, *message;
} refused[] = {
    {99, FP32, "2,3", "x", "", "UNSUPPORTED", "TOSABackend: operator 99 is not supported"},
    {70, FP32, "2,3", "x", "", "UNSUPPORTED", "TOSA COND_IF: operator 70 is not supported"},
    {72, FP32, "2,3", "", "", "UNSUPPORTED", "TOSA VARIABLE: operator 72 is not supported"},
    {16, FP32, "2,3", "x x", "1=1", "MALFORMED",
     "TOSA ARITHMETIC_RIGHT_SHIFT: operand 0 is no integer of 8, 16 or 32 bits"},
    {23, INT32, "2,3", "x four", "", "MALFORMED",
     "TOSA LOGICAL_RIGHT_SHIFT: operand 1 is a shape instead of a tensor"},
    {15, FP32, "2,3", "x four", "", "MALFORMED",
     "TOSA ADD: operand 1 is a shape instead of a tensor"},
    {16, FP32, "2,3", "four x", "1=1", "MALFORMED",
     "TOSA ARITHMETIC_RIGHT_SHIFT: operand 0 is a shape instead of a tensor"},
    {35, INT8, "2,3", "x", "", "MALFORMED", "TOSA CLZ: operand 0 is no integer of 32 bits"},
    {28, INT8, "2,3", "x x one", "", "MALFORMED", "TOSA MUL: shifts the product by 1"},
    {4, INT8, "2,3", "x x x z z", "o=0,0,0,0,0,0 o=1,1,1 o=1,1,1", "MALFORMED",
     "TOSA CONV3D: has no five dimensions"},
    {4, INT8, "2,3", "x x four z z", "o=0,0,0,0,0,0 o=1,1,1 o=1,1,1", "MALFORMED",
     "TOSA CONV3D: operand 2 is a shape instead of a tensor"},
    {15, FP32, "2,3", "x", "", "MALFORMED",
     "TOSA ADD: has 1 operands and 1 results instead of 2 and 1"},
    {15, FP32, "2,3", "x nowhere", "", "MALFORMED",
     "TOSA ADD: names 'nowhere', which is not there"},
    {15, FP32, "2,3", "x later", "", "MALFORMED",
     "TOSA ADD: operand 1 is used before it is computed"},
    {54, FP32, "2,3", "x", "4=2", "MALFORMED", "TOSA REDUCE_SUM: dimension 2 of a tensor with 2"},
    {54, FP32, "2,3", "x", "4=-1", "MALFORMED", "TOSA REDUCE_SUM: dimension -1"},
    {61, FP32, "2,3", "x", "o=0", "MALFORMED", "TOSA TRANSPOSE: a list has 1 items instead of 2"},
    {61, FP32, "2,3", "x", "o=0,5", "MALFORMED", "TOSA TRANSPOSE: dimension 5 of a tensor with 2"},
    {59, FP32, "2,3", "x four four", "", "MALFORMED", "TOSA SLICE: cuts outside of dimension 0"},
    {60, FP32, "2,3", "x huge", "", "UNSUPPORTED", "TOSA TILE: repeats 1099511627776 times"},
    {56, FP32, "2,3", "x four x", "", "UNSUPPORTED",
     "TOSA PAD: operand 2 is computed, but must be a constant"},
    {66, INT32, "2,3", "x m s0 z z", "1=1 4=1", "MALFORMED", "TOSA RESCALE: shifts by 1"},
    {66, INT32, "2,3", "x m m z z", "1=1 4=1 1=1", "MALFORMED",
     "TOSA RESCALE: has 1 scales instead of 3"},
    {11, FP32, "2,3", "x", "", "MALFORMED", "TOSA CLAMP: has no bounds"},
    {3, INT8, "2,3", "x x x z z", "o=0,0,0,0 o=1,1 o=1,1", "MALFORMED",
     "TOSA CONV2D: operand 0 has 2 dimensions instead of 4"},
};

START_TEST(refuses)
{
    static const int32_t one[1] = {1};
    static const int8_t zero[1] = {0};
    tosa_tensor(&blob, "x", refused[_i].type, refused[_i].shape, TOSA_INPUT);
    tosa_tensor(&blob, "later", refused[_i].type, refused[_i].shape, TOSA_INNER);
    tosa_tensor(&blob, "m", INT32, "1", TOSA_CONSTANT);
    tosa_data(&blob, one, sizeof one);
    tosa_tensor(&blob, "s0", INT8, "1", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero, sizeof zero);
    static const int8_t shift[1] = {1};
    tosa_tensor(&blob, "one", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, shift, sizeof shift);
    tosa_tensor(&blob, "y", refused[_i].type, refused[_i].shape, TOSA_OUTPUT);
    tosa_shape(&blob, "four", "4,4");
    tosa_shape(&blob, "huge", "1099511627776,1");
    tosa_op(&blob, refused[_i].number, refused[_i].inputs, "y", refused[_i].attributes);
    const char *args = refused[_i].type == FP32    ? "f32[2,3] >f32[2,3]"
                       : refused[_i].type == INT32 ? "i32[2,3] >i32[2,3]"
                                                   : "i8[2,3] >i8[2,3]";
    expect_failure(args, refused[_i].status, refused[_i].message);
}
END_TEST

START_TEST(what_is_taken_away_is_a_number)
{
    tosa_tensor(&blob, "x", FP32, "1,3,3,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", FP32, "4,1,1,2", TOSA_CONSTANT);
    tosa_tensor(&blob, "b", FP32, "4", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", FP32, "1", TOSA_CONSTANT);
    tosa_tensor(&blob, "y", FP32, "1,3,3,4", TOSA_OUTPUT);
    tosa_op(&blob, 10, "x w b z z", "y", "o=-2147483648,0,0,0 o=1,1");
    expect_failure("f32[1,3,3,2] >f32[1,3,3,4]", "MALFORMED",
                   "TOSA TRANSPOSE_CONV2D: pads by -2147483648");
}
END_TEST

static const struct {
    uint32_t type;
    const char *shape;
    size_t bytes;
    const char *status, *message;
} tensors[] = {
    {FP32, "2,3", 23, "MALFORMED", "a constant has 23 bytes, its tensor needs 24"},
    {INT4, "3", 1, "MALFORMED", "a constant has 1 bytes, its tensor needs 2"},
    {INT48, "3", 17, "MALFORMED", "a constant has 17 bytes, its tensor needs 18"},
    {FP32, "65536,65536,65536,65536", 4, "MALFORMED", "a tensor's size in bytes overflows"},
    {FP32, "-1", 4, "UNSUPPORTED", "a tensor has the size -1"},
    {99, "1", 4, "MALFORMED", "a tensor has the unknown type 99"},
    {11, "1", 4, "UNSUPPORTED", "tensors of type fp8e4m3"},
};

START_TEST(tensor_is_refused)
{
    static const uint8_t bytes[64] = {0};
    tosa_tensor(&blob, "k", tensors[_i].type, tensors[_i].shape, TOSA_CONSTANT);
    tosa_data(&blob, bytes, tensors[_i].bytes);
    char rest[128];
    snprintf(rest, sizeof rest, "TOSABackend: %s", tensors[_i].message);
    expect_failure("f32[1]", tensors[_i].status, rest);
}
END_TEST

START_TEST(name_that_is_there_twice)
{
    tosa_tensor(&blob, "x", FP32, "2", TOSA_INPUT);
    tosa_tensor(&blob, "x", FP32, "2", TOSA_OUTPUT);
    expect_failure("f32[2] >f32[2]", "MALFORMED", "TOSABackend: the name 'x' is there twice");
}
END_TEST

/* A convolution of volumes whose attributes do not fit its tensors, or ask for too much. */
static const struct {
    const char *weight, *attributes, *status, *message;
} volumes[] = {
    {"2,3,1,1,2", "o=0,0,0,0,0,0 o=1,1,1 o=1,1,1", "MALFORMED", "its layers do not add up"},
    {"2,1,1,1,2", "o=0,0,0,0,0,0 o=0,1,1 o=1,1,1", "MALFORMED", "its layers do not add up"},
    {"2,1,1,1,2", "o=-1,1,0,0,0,0 o=1,1,1 o=1,1,1", "MALFORMED", "its layers do not add up"},
    {"2,1,1,1,2", "o=0,2147483647,0,0,0,0 o=1,1,1 o=1,1,1", "MALFORMED",
     "its layers do not add up"},
    {"2,1,1,1,2", "o=0,0,0,0,0,0 o=1,1,1 o=1,1", "MALFORMED", "a list has 2 items instead of 3"},
    {"0,2000000,1,1,2", "o=0,0,0,0,0,0 o=1,1,1 o=1,1,1", "LIMIT", "a kernel of 2000000 layers"},
};

START_TEST(volume_is_refused)
{
    static const int8_t zero[1] = {0};
    tosa_tensor(&blob, "x", INT8, "1,2,3,3,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", INT8, volumes[_i].weight, TOSA_INPUT);
    tosa_tensor(&blob, "b", INT32, "2", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero, sizeof zero);
    tosa_tensor(&blob, "y", INT32, "1,2,3,3,2", TOSA_OUTPUT);
    tosa_op(&blob, 4, "x w b z z", "y", volumes[_i].attributes);
    char args[96], rest[96];
    snprintf(args, sizeof args, "i8[1,2,3,3,2] i8[%s] >i32[1,2,3,3,2]", volumes[_i].weight);
    snprintf(rest, sizeof rest, "TOSA CONV3D: %s", volumes[_i].message);
    expect_failure(args, volumes[_i].status, rest);
}
END_TEST

START_TEST(result_that_is_there_already)
{
    tosa_tensor(&blob, "x", FP32, "2", TOSA_INPUT);
    tosa_tensor(&blob, "y", FP32, "2", TOSA_OUTPUT);
    tosa_op(&blob, 37, "x", "y", "");
    tosa_op(&blob, 37, "x", "y", "");
    expect_failure("f32[2] >f32[2]", "MALFORMED", "TOSA EXP: computes what is there already");
}
END_TEST

START_TEST(output_that_nothing_computes)
{
    tosa_tensor(&blob, "y", FP32, "2", TOSA_OUTPUT);
    expect_failure(">f32[2]", "MALFORMED", "TOSABackend: an output is never computed");
}
END_TEST

START_TEST(arguments_that_do_not_match)
{
    tosa_tensor(&blob, "x", FP32, "2", TOSA_INPUT);
    expect_failure("f32[2] f32[2] >f32[2]", "MALFORMED",
                   "TOSABackend: has 3 arguments for 1 inputs and 0 outputs");
}
END_TEST

START_TEST(every_word_spoilt)
{
    static const int8_t zero[1] = {0};
    tosa_tensor(&blob, "x", INT8, "1,3,3,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", INT8, "4,3,3,2", TOSA_CONSTANT);
    tosa_tensor(&blob, "b", INT32, "4", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", INT8, "1", TOSA_CONSTANT);
    tosa_data(&blob, zero, sizeof zero);
    tosa_tensor(&blob, "a", INT32, "1,3,3,4", TOSA_INNER);
    tosa_tensor(&blob, "p", INT32, "1,5,3,4", TOSA_INNER);
    tosa_tensor(&blob, "y", INT32, "1,2,3,4", TOSA_OUTPUT);
    tosa_shape(&blob, "pad", "0,0,1,1,0,0,0,0");
    tosa_shape(&blob, "start", "0,2,0,0");
    tosa_shape(&blob, "size", "1,2,3,4");
    tosa_op(&blob, 3, "x w b z z", "a", "o=1,1,1,1 o=1,1 o=1,1");
    tosa_op(&blob, 56, "a pad z", "p", "");
    tosa_op(&blob, 59, "p start size", "y", "");
    struct flat written = tosa_write(&blob);
    pte_delegate(&pte, "TOSABackend", "i8[1,3,3,2] >i32[1,2,3,4]");
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    struct flat file = pte_write(&pte, false);
    pte_spoil_words(&file);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

int main(void)
{
    TCase *operators = tcase_create("operators"), *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(operators, setup, NULL);
    tcase_add_loop_test(operators, unary, 0, (int)(sizeof unaries / sizeof unaries[0]));
    tcase_add_loop_test(operators, binary, 0, (int)(sizeof binaries / sizeof binaries[0]));
    tcase_add_test(operators, convolution_of_floats_is_the_graphs_own);
    tcase_add_test(operators, convolution_of_integers_between_borders);
    tcase_add_test(operators, slice_takes_shapes);
    tcase_add_test(operators, four_bits_become_eight);
    tcase_add_checked_fixture(hostile, setup, NULL);
    tcase_add_test(hostile, not_of_tosa);
    tcase_add_loop_test(hostile, refuses, 0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(hostile, what_is_taken_away_is_a_number);
    tcase_add_loop_test(hostile, tensor_is_refused, 0, (int)(sizeof tensors / sizeof tensors[0]));
    tcase_add_loop_test(hostile, volume_is_refused, 0, (int)(sizeof volumes / sizeof volumes[0]));
    tcase_add_test(hostile, name_that_is_there_twice);
    tcase_add_test(hostile, result_that_is_there_already);
    tcase_add_test(hostile, output_that_nothing_computes);
    tcase_add_test(hostile, arguments_that_do_not_match);
    tcase_add_test(hostile, every_word_spoilt);
    tcase_set_timeout(hostile, 120);

    Suite *suite = suite_create("import tosa");
    suite_add_tcase(suite, operators);
    suite_add_tcase(suite, hostile);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
