/* How Cadence's operators appear in a graph: real numbers between quantisations. */
#include "pte.h"

#include <check.h>
#include <stdlib.h>

static struct pte pte;

static void setup(void)
{
    pte = (struct pte){0};
}

static const struct {
    const char *name, *args, *expected;
} examples[] = {
    {"cadence::quantize_per_tensor.out",
     "f32[2,3] 0.5 3 -128 127 1 >i8[2,3] =", "v1: int8[2, 3] q(0.5, 3) = quantize(v0)\n"},
    {"cadence::dequantize_per_tensor.out", "i8[2,3] 0.5 3 -128 127 1 >f32[2,3] =",
     "v2: int8[2, 3] q(0.5, 3) = codes(v0)\n"
     "v1: float32[2, 3] = dequantize(v2)\n"},
    {"cadence::quantized_add.per_tensor_out", "i8[4] 0.5 1 i8[4] 0.25 2 1.0 0 >i8[4] =",
     "v3: int8[4] q(0.5, 1) = codes(v0)\n"
     "v4: float32[4] = dequantize(v3)\n"
     "v5: int8[4] q(0.25, 2) = codes(v1)\n"
     "v6: float32[4] = dequantize(v5)\n"
     "v7: float32[4] = binary(v4, v6) add\n"
     "v2: int8[4] q(1, 0) = quantize(v7)\n"},
    {"cadence::quantized_relu.per_tensor_out", "i8[4] 1 2 -1073741824 1 >i8[4] =",
     "v2: int8[4] q(1, 1) = codes(v0)\n"
     "v3: float32[4] = dequantize(v2)\n"
     "v4: float32[4] = unary(v3) clamp(0, inf)\n"
     "v1: int8[4] q(1, 2) = quantize(v4)\n"},
    {"cadence::quantized_linear.per_tensor_out",
     "i8[2,3] ci8[4,3] ci32[4] 1 0 -1073741824 1 2 - >i8[2,4] =",
     "v4: int8[2, 3] q(1, 1) = codes(v0)\n"
     "v5: float32[2, 3] = dequantize(v4)\n"
     "v7: float32[4, 3] = dequantize(c6)\n"
     "v9: float32[4] = dequantize(c8)\n"
     "v10: float32[2, 4] = linear(v5, v7, v9, -, -)\n"
     "v3: int8[2, 4] q(1, 2) = quantize(v10)\n"},
    {"cadence::quantized_matmul.out", "i8[2,3] 1 i8[3,4] 2 - -1073741824 1 0 F >i8[2,4] =",
     "v3: int8[2, 3] q(1, 1) = codes(v0)\n"
     "v4: float32[2, 3] = dequantize(v3)\n"
     "v5: int8[3, 4] q(1, 2) = codes(v1)\n"
     "v6: float32[3, 4] = dequantize(v5)\n"
     "v7: float32[2, 4] = matmul(v4, v6)\n"
     "v2: int8[2, 4] q(1, 0) = quantize(v7)\n"},
    {"cadence::quantized_conv2d_nchw.per_tensor_out",
     "i8[1,2,4,4] ci8[3,2,3,3] ci32[3] [1,1] [1,1] [1,1] 1 4 0 0.125 0.5 -3 1 1 >i8[1,3,4,4] =",
     "v4: int8[1, 2, 4, 4] q(1, 4) = codes(v0)\n"
     "v5: float32[1, 2, 4, 4] = dequantize(v4)\n"
     "v7: float32[3, 2, 3, 3] = dequantize(c6)\n"
     "v9: float32[3] = dequantize(c8)\n"
     "v10: float32[1, 3, 4, 4] = conv2d(v5, v7, v9, -, -) padding(1,1,1,1)\n"
     "v3: int8[1, 3, 4, 4] q(0.5, -3) = quantize(v10)\n"},
    {"cadence::quantized_layer_norm.per_tensor_out",
     "i8[2,4] 0.5 1 [4] cf32[4] cf32[4] 0.5 0.25 0 >i8[2,4] =",
     "v4: int8[2, 4] q(0.5, 1) = codes(v0)\n"
     "v5: float32[2, 4] = dequantize(v4)\n"
     "v7: float32[2, 1] = reduce(v5) mean axes(0x2) keep\n"
     "v8: float32[2, 4] = binary(v5, v7) sub\n"
     "v9: float32[2, 4] = unary(v8) square\n"
     "v10: float32[2, 1] = reduce(v9) mean axes(0x2) keep\n"
     "v12: float32[2, 1] = binary(v10, 0.5) add\n"
     "v13: float32[2, 1] = unary(v12) rsqrt\n"
     "v14: float32[2, 4] = binary(v8, v13) mul\n"
     "v15: float32[2, 4] = binary(v14, c1) mul\n"
     "v16: float32[2, 4] = binary(v15, c2) add\n"
     "v6: float32[2, 4] = reshape(v16)\n"
     "v3: int8[2, 4] q(0.25, 0) = quantize(v6)\n"},
    {"cadence::quantized_add.per_tensor_out", "i8[4] 0.0 1 i8[4] 0.25 2 1.0 0 >i8[4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_add.per_tensor_out: has the "
     "scale 0 and the zero point 1"},
    {"cadence::quantized_relu.per_tensor_out", "i8[4] 1 2 5 1 >i8[4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_relu.per_tensor_out: has the "
     "scale -2.14748e+08 and the zero point 2"},
    {"cadence::quantized_add.per_tensor_out", "i16[4] 1.0 1 i16[4] 0.25 2 1.0 0 >i16[4] =",
     "UNSUPPORTED: method 'forward', instruction 0, cadence::quantized_add.per_tensor_out: codes "
     "of "
     "type int16 are not supported"},
};

START_TEST(call)
{
    pte_call(&pte, examples[_i].name, examples[_i].args);
    char *text = pte_import(&pte);
    ck_assert_str_eq(text, examples[_i].expected);
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cadence");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, call, 0, (int)(sizeof examples / sizeof examples[0]));
    Suite *suite = suite_create("import cadence");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
