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
     "v6: float32[2, 4] = layer_norm(v5, c1, c2) epsilon(0.5)\n"
     "v3: int8[2, 4] q(0.25, 0) = quantize(v6)\n"},
    {"cadence::quantized_add.per_tensor_out", "i8[4] 0.0 1 i8[4] 0.25 2 1.0 0 >i8[4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_add.per_tensor_out: has the "
     "scale 0 and the zero point 1"},
    {"cadence::quantized_relu.per_tensor_out", "i8[4] 1 2 5 1 >i8[4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_relu.per_tensor_out: has the "
     "scale -2.14748e+08 and the zero point 2"},
    {"cadence::quantized_relu.per_tensor_out", "u16[4] 1 40000 -1073741824 1 >u16[4] =",
     "v2: uint16[4] q(1, 1) = codes(v0)\n"
     "v3: float32[4] = dequantize(v2)\n"
     "v4: float32[4] = unary(v3) clamp(0, inf)\n"
     "v1: uint16[4] q(1, 40000) = quantize(v4)\n"},
    {"cadence::quantized_relu.per_tensor_out", "i16[4] 1 40000 -1073741824 1 >i16[4] =",
     "MALFORMED: method 'forward': value 1: quantisation zero point is outside of the type's "
     "range"},
    {"cadence::quantized_mul_Scalar.out", "i8[4] cf32[1] ci32[1] 1.5 0.5 -3 >i8[4] =",
     "v4: int8[4] q(0.5, 0) = codes(v0)\n"
     "v5: float32[4] = dequantize(v4)\n"
     "v7: float32[4] = binary(v5, 1.5) mul\n"
     "v3: int8[4] q(0.5, -3) = quantize(v7)\n"},
    {"cadence::quantized_w8a32_gru.out",
     "f32[1,1,3] f32[1,1,4] ci8[12,3] 0.5 ci8[12,4] 0.25 ci8[12] 0.125 ci8[12] >f32[2,1,1,4] =",
     "v7: float32[1, 3] = reshape(v0)\n"
     "v8: float32[1, 4] = reshape(v1)\n"
     "v10: float32[12, 3] = dequantize(c9)\n"
     "v12: float32[12] = dequantize(c11)\n"
     "v13: float32[1, 12] = linear(v7, v10, v12, -, -)\n"
     "v14: float32[1, 4] = slice(v13, 0, 4) axis(1)\n"
     "v17: float32[1, 4] = slice(v13, 4, 8) axis(1)\n"
     "v20: float32[1, 4] = slice(v13, 8, 12) axis(1)\n"
     "v24: float32[12, 4] = dequantize(c23)\n"
     "v26: float32[12] = dequantize(c25)\n"
     "v27: float32[1, 12] = linear(v8, v24, v26, -, -)\n"
     "v28: float32[1, 4] = slice(v27, 0, 4) axis(1)\n"
     "v31: float32[1, 4] = slice(v27, 4, 8) axis(1)\n"
     "v34: float32[1, 4] = slice(v27, 8, 12) axis(1)\n"
     "v37: float32[1, 4] = binary(v14, v28) add\n"
     "v38: float32[1, 4] = unary(v37) sigmoid\n"
     "v39: float32[1, 4] = binary(v17, v31) add\n"
     "v40: float32[1, 4] = unary(v39) sigmoid\n"
     "v41: float32[1, 4] = binary(v38, v34) mul\n"
     "v42: float32[1, 4] = binary(v20, v41) add\n"
     "v43: float32[1, 4] = unary(v42) tanh\n"
     "v44: float32[1, 4] = binary(v8, v43) sub\n"
     "v45: float32[1, 4] = binary(v44, v40) mul\n"
     "v46: float32[1, 4] = binary(v43, v45) add\n"
     "v47: float32[2, 4] = concat(v46, v46) axis(0)\n"
     "v6: float32[2, 1, 1, 4] = reshape(v47)\n"},
    {"cadence::quantized_w8a32_gru.out",
     "f32[2,1,3] f32[1,1,4] ci8[12,3] 0.5 ci8[12,4] 0.25 ci8[12] 0.125 ci8[12] >f32[2,2,1,4] =",
     "UNSUPPORTED: method 'forward', instruction 0, cadence::quantized_w8a32_gru.out: more than "
     "one "
     "step of one row"},
    {"cadence::quantized_w8a32_gru.out",
     "f32[1,1,3] f32[1,1,4] ci8[12,3] 0.5 ci8[13,4] 0.25 ci8[12] 0.125 ci8[12] >f32[2,1,1,4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_w8a32_gru.out: a weight or a "
     "bias does not have 3 gates of 4"},
    {"cadence::quantized_embedding_byte.out", "ci8[5,4] cf32[5] - i64[3] T >f32[3,4] =",
     "UNSUPPORTED: method 'forward', instruction 0, cadence::quantized_embedding_byte.out: a "
     "weight "
     "with rows left out"},
    /* Numbers that are tensors. */
    {"cadence::quantized_relu.out", "i8[4] ci32[1] 2 ci32[1] ci32[1] >i8[4] =",
     "MALFORMED: method 'forward', instruction 0, cadence::quantized_relu.out: has the scale -inf "
     "and the zero point 2"},
    {"cadence::quantized_conv1d_nlc.per_tensor_out",
     "i8[1,6,2] ci8[3,3,2] ci32[3] [2] [1] [1] 1 4 5 0.125 0.5 -3 1 1 - >i8[1,3,3] =",
     "v4: int8[1, 1, 6, 2] = reshape(v0)\n"
     "v5: int8[1, 1, 6, 2] q(1, 4) = codes(v4)\n"
     "v6: float32[1, 1, 6, 2] = dequantize(v5)\n"
     "v9: float32[3, 1, 3, 2] = dequantize(c8)\n"
     "v11: float32[3] = dequantize(c10)\n"
     "v12: float32[1, 1, 3, 3] = conv2d(v6, v9, v11, -, -) stride(1,2) padding(0,0,1,1) nhwc\n"
     "v13: float32[1, 3, 3] = reshape(v12)\n"
     "v3: int8[1, 3, 3] q(0.5, -3) = quantize(v13)\n"},
    {"cadence::quantized_max_pool2d_nhwc.out",
     "u8[1,4,4,2] [2,2] [2,2] [0,0] [1,1] F >u8[1,2,2,2] =",
     "v2: uint8[1, 4, 4, 2] q(1, 0) = codes(v0)\n"
     "v3: float32[1, 4, 4, 2] = dequantize(v2)\n"
     "v4: float32[1, 2, 2, 2] = pool2d(v3) max kernel(2,2) stride(2,2) nhwc\n"
     "v1: uint8[1, 2, 2, 2] q(1, 0) = quantize(v4)\n"},
    {"cadence::im2row.per_tensor_out", "i8[1,1,3,3] [2,1] [1,1] [0,0] [1,1] 5 F >i8[1,6,2] =",
     "v2: int8[1, 1, 3, 3] q(1, 0) = codes(v0)\n"
     "v3: int8[1, 1, 2, 3] q(1, 0) = slice(v2, 0, 2) axis(2)\n"
     "v6: int8[1, 1, 2, 3] q(1, 0) = slice(v3, 0, 3) axis(3)\n"
     "v9: int8[1, 1, 1, 6] q(1, 0) = reshape(v6)\n"
     "v10: int8[1, 1, 2, 3] q(1, 0) = slice(v2, 1, 3) axis(2)\n"
     "v13: int8[1, 1, 2, 3] q(1, 0) = slice(v10, 0, 3) axis(3)\n"
     "v16: int8[1, 1, 1, 6] q(1, 0) = reshape(v13)\n"
     "v17: int8[1, 1, 2, 6] q(1, 0) = concat(v9, v16) axis(2)\n"
     "v18: int8[1, 6, 1, 2] q(1, 0) = permute(v17) order(0,3,1,2)\n"
     "v1: int8[1, 6, 2] q(1, 0) = reshape(v18)\n"},
    {"cadence::im2row.per_tensor_out", "i8[1,1,3,3] [4,1] [1,1] [0,0] [1,1] 5 F >i8[1,6,2] =",
     "MALFORMED: method 'forward', instruction 0, cadence::im2row.per_tensor_out: a window does "
     "not fit the image"},
    {"cadence::im2row.per_tensor_out",
     "i8[1,1,1,2147483647] [1,1] [1,1] [0,1] [1,1] 5 F >i8[1,6,2] =",
     "MALFORMED: method 'forward', instruction 0, cadence::im2row.per_tensor_out: an image of "
     "2147483649 pixels along an axis"},
    {"cadence::quantized_transposed_conv.out",
     "i8[1,2,3,3] ci8[4,2,3,3] ci32[4] [2,2] [1,1] [1,1] [0,0] 1 4 ci32[1] cf32[1] 0.5 -3 ci32[1] "
     "ci32[1] T >i8[1,4,5,5] =",
     "UNSUPPORTED: method 'forward', instruction 0, cadence::quantized_transposed_conv.out: "
     "channels that are last"},
    {"cadence::quantized_add.per_tensor_out", "f32[4] 1.0 1 f32[4] 0.25 2 1.0 0 >f32[4] =",
     "UNSUPPORTED: method 'forward', instruction 0, cadence::quantized_add.per_tensor_out: codes "
     "of type float32 are not supported"},
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
