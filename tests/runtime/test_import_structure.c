/* How the ATen operators that look up, order, arrange, slide or resample appear in a graph. */
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct example {
    const char *op, *args, *nodes;
};

static const struct example examples[] = {
    {"aten::gather.out",
     "f32[2,5] 1 i64[2,3] F >f32[2,3] =", "v2: float32[2, 3] = gather(v0, v1) from(0,#0)\n"},
    {"aten::gather.out", "f32[2,5] 1 bool[2,3] F >f32[2,3] =",
     "!UNSUPPORTED a mask gives a result whose size only the data tell"},
    {"aten::index_select.out", "f32[2,5] -1 i32[3] >f32[2,3] =",
     "v3: int32[1, 3] = reshape(v1)\n"
     "v2: float32[2, 3] = gather(v0, v3) from(0,#0)\n"},
    {"aten::embedding.out", "cf32[9,4] i64[2,3] -1 F F >f32[2,3,4] =",
     "v3: int64[2, 3, 1] = reshape(v0)\n"
     "v2: float32[2, 3, 4] = gather(c1, v3) from(#0,2)\n"},
    {"quantized_decomposed::embedding_byte.out",
     "ci8[9,4] cf32[9] - -128 127 i64[2,3] >f32[2,3,4] =",
     "v5: int64[6, 1] = reshape(v0)\n"
     "v6: int8[6, 4] = gather(c1, v5) from(#0,1)\n"
     "v7: float32[6, 4] = convert(v6)\n"
     "v8: float32[6, 1, 4] = reshape(v7)\n"
     "v9: float32[6, 1] = gather(c4, v5) from(#0,1)\n"
     "v10: float32[6, 1, 1] = reshape(v9)\n"
     "v11: float32[6, 1, 4] = binary(v8, v10) mul\n"
     "v3: float32[2, 3, 4] = reshape(v11)\n"},
    {"quantized_decomposed::embedding_4bit.dtype_out",
     "cu8[9,4] cf32[9,2] cf32[9,2] -8 7 i64[3] 6 >f32[3,8] =",
     "v5: int64[3, 1] = reshape(v0)\n"
     "v6: uint8[3, 4] = gather(c1, v5) from(#0,1)\n"
     "v8: int64[3, 4] = convert(v6)\n"
     "v9: int64[12, 1] = reshape(v8)\n"
     "v10: float32[12, 2] = gather(c7, v9) from(#0,1)\n"
     "v11: float32[3, 2, 4] = reshape(v10)\n"
     "v12: float32[3, 2] = gather(c3, v5) from(#0,1)\n"
     "v13: float32[3, 2, 1] = reshape(v12)\n"
     "v14: float32[3, 2, 4] = binary(v11, v13) sub\n"
     "v15: float32[3, 2] = gather(c2, v5) from(#0,1)\n"
     "v16: float32[3, 2, 1] = reshape(v15)\n"
     "v17: float32[3, 2, 4] = binary(v14, v16) mul\n"
     "v4: float32[3, 8] = reshape(v17)\n"},
    {"quantized_decomposed::embedding_2bit.out",
     "cu8[9,1] cf32[9,3] - -2 1 i64[3] >f32[3,4] =", "!MALFORMED scales do not fit the weight"},
    {"aten::index.Tensor_out", "f32[4,5,6] (- i64[3]) >f32[4,3,6] =",
     "v3: int64[1, 3, 1] = reshape(v1)\n"
     "v2: float32[4, 3, 6] = gather(v0, v3) from(0,#0,2)\n"},
    {"aten::index.Tensor_out", "f32[4,5,6] (i64[2,1] - i64[3]) >f32[2,3,5] =",
     "v4: int64[2, 1, 1] = reshape(v1)\n"
     "v5: int64[1, 3, 1] = reshape(v2)\n"
     "v3: float32[2, 3, 5] = gather(v0, v4, v5) from(#0,2,#1)\n"},
    {"aten::index_put.out", "f32[4,5] (i64[3]) f32[1] T >f32[4,5] =",
     "v4: int64[3, 1] = reshape(v1)\n"
     "v5: float32[] = reshape(v2)\n"
     "v6: float32[3, 5] = gather(v5) from()\n"
     "v3: float32[4, 5] = scatter(v0, v6, v4) from(#0,1) add\n"},
    {"aten::index_put.out", "f32[4,5] (bool[4]) f32[5] F >f32[4,5] =",
     "v4: bool[4, 1] = reshape(v1)\n"
     "v3: float32[4, 5] = where(v4, v2, v0)\n"},
    {"aten::index_put.out", "f32[4,5] (bool[4,5]) f32[7] F >f32[4,5] =",
     "v4: bool[20] = reshape(v1)\n"
     "v5: int64[20] = convert(v4)\n"
     "v6: int64[1] = reduce(v5) sum axes(0x1) keep\n"
     "v7: int64[1] = expect(v6) size(7)\n"
     "v8: int32[20] = convert(v4)\n"
     "v9: int64[7] = argsort(v8) axis(0) descending\n"
     "v11: int64[7] = binary(v9, 5) remainder\n"
     "v13: int64[7] = binary(v9, 5) floor_div\n"
     "v3: float32[4, 5] = scatter(v0, v2, v13, v11) from(#0,#1)\n"},
    {"aten::nonzero.out", "f32[3] >i64[3,1] =",
     "v2: bool[3] = convert(v0)\n"
     "v3: int64[3] = convert(v2)\n"
     "v4: int64[1] = reduce(v3) sum axes(0x1) keep\n"
     "v5: int64[1] = expect(v4) size(3)\n"
     "v6: int32[3] = convert(v2)\n"
     "v7: int64[3] = argsort(v6) axis(0) descending\n"
     "v8: int64[3, 1] = reshape(v7)\n"
     "v1: int64[3, 1] = concat(v8) axis(1)\n"},
    {"aten::masked_select.out", "f32[2,3] bool[3] >f32[6] =",
     "v3: bool[2, 3] = gather(v1) from(1)\n"
     "v4: bool[6] = reshape(v3)\n"
     "v5: int64[6] = convert(v4)\n"
     "v6: int64[1] = reduce(v5) sum axes(0x1) keep\n"
     "v7: int64[1] = expect(v6) size(6)\n"
     "v8: int32[6] = convert(v4)\n"
     "v9: int64[6] = argsort(v8) axis(0) descending\n"
     "v10: float32[6] = reshape(v0)\n"
     "v2: float32[6] = gather(v10, v9) from(#0)\n"},
    {"aten::masked_scatter.out", "f32[3] bool[3] f32[2] >f32[3] =",
     "v4: int64[3] = convert(v1)\n"
     "v5: int64[3] = cumsum(v4) axis(0)\n"
     "v7: int64[3] = binary(v5, 1) sub\n"
     "v9: int64[3] = binary(v7, 0) maximum\n"
     "v10: float32[3] = gather(v2, v9) from(#0)\n"
     "v3: float32[3] = where(v1, v10, v0)\n"},
    {"aten::repeat_interleave.Tensor_out", "i32[2] 4 >i32[4] =",
     "v2: int64[2] = convert(v0)\n"
     "v3: int64[1] = reduce(v2) sum axes(0x1) keep\n"
     "v4: int64[1] = expect(v3) size(4)\n"
     "v5: int64[2] = cumsum(v2) axis(0)\n"
     "v8: int64[4] = range(0, 1)\n"
     "v9: int64[4, 1] = reshape(v8)\n"
     "v10: bool[4, 2] = binary(v5, v9) le\n"
     "v11: int64[4, 2] = convert(v10)\n"
     "v12: int64[4] = reduce(v11) sum axes(0x2)\n"
     "v13: int32[4] = convert(v12)\n"
     "v1: int32[4] = reshape(v13)\n"},
    {"aten::index.Tensor_out", "f32[2,3] (- bool[3]) >f32[2,3] =",
     "v3: int64[3] = convert(v1)\n"
     "v4: int64[1] = reduce(v3) sum axes(0x1) keep\n"
     "v5: int64[1] = expect(v4) size(3)\n"
     "v6: int32[3] = convert(v1)\n"
     "v7: int64[3] = argsort(v6) axis(0) descending\n"
     "v8: int64[1, 3] = reshape(v7)\n"
     "v2: float32[2, 3] = gather(v0, v8) from(0,#0)\n"},
    {"aten::scatter.src_out", "f32[4,5] 0 i64[2,5] f32[3,5] >f32[4,5] =",
     "v4: float32[2, 5] = slice(v2, 0, 2) axis(0)\n"
     "v3: float32[4, 5] = scatter(v0, v4, v1) from(#0,1)\n"},
    {"aten::scatter.value_out", "f32[4,5] 1 i64[4,2] 2.5 >f32[4,5] =",
     "v4: float32[4, 2] = full(2.5)\n"
     "v2: float32[4, 5] = scatter(v0, v4, v1) from(0,#0)\n"},
    {"aten::scatter_add.out", "f32[4,5] 0 i64[2,5] f32[2,5] >f32[4,5] =",
     "v3: float32[4, 5] = scatter(v0, v2, v1) from(#0,1) add\n"},
    {"aten::topk.values", "f32[2,9] 3 -1 T T >f32[2,3] >i64[2,3] ($5 $6)",
     "v3: int64[2, 3] = argsort(v0) axis(1) descending\n"
     "v4: float32[2, 3] = gather(v0, v3) from(0,#0)\n"
     "v1: float32[2, 3] = reshape(v4)\n"},
    {"aten::topk.values", "f32[2,9] 10 -1 T T >f32[2,10] >i64[2,10] ($5 $6)",
     "!MALFORMED takes 10 of 9"},
    {"aten::sort.values", "f32[9] 0 F >f32[9] >i64[9] ($3 $4)",
     "v3: int64[9] = argsort(v0) axis(0)\n"
     "v4: float32[9] = gather(v0, v3) from(#0)\n"
     "v1: float32[9] = reshape(v4)\n"},
    {"aten::median.out", "f32[3,3] >f32[] =",
     "v2: float32[9] = reshape(v0)\n"
     "v3: int64[1] = argsort(v2) axis(0) median\n"
     "v4: float32[1] = gather(v2, v3) from(#0)\n"
     "v1: float32[] = reshape(v4)\n"},
    {"aten::reflection_pad1d.out",
     "f32[1,2,4] [3,1] >f32[1,2,8] =", "v1: float32[1, 2, 8] = gather(v0, c2) from(0,1,#0)\n"},
    {"aten::reflection_pad1d.out",
     "f32[1,2,2] [3,1] >f32[1,2,6] =", "!MALFORMED reads outside of dimension 2 of 2"},
    {"aten::replication_pad2d.out", "f32[2,4,4] [1,1,0,2] >f32[2,6,6] =",
     "v1: float32[2, 6, 6] = gather(v0, c2, c3) from(0,#0,#1)\n"},
    {"aten::flip.out",
     "f32[2,4] [1] >f32[2,4] =", "v1: float32[2, 4] = gather(v0, c2) from(0,#0)\n"},
    {"aten::roll.out", "f32[2,4] [3] [] >f32[2,4] =",
     "v2: float32[8] = reshape(v0)\n"
     "v3: float32[8] = gather(v2, c4) from(#0)\n"
     "v1: float32[2, 4] = reshape(v3)\n"},
    {"aten::roll.out", "f32[2,4] [1,2] [0] >f32[2,4] =", "!MALFORMED 2 shifts of 1 dimensions"},
    {"aten::tril.out", "f32[2,3] 0 >f32[2,3] =", "v1: float32[2, 3] = where(c2, v0, 0)\n"},
    {"aten::diagonal_copy.out", "f32[4,2,5] 1 0 -1 >f32[2,4] =",
     "v2: float32[4, 2, 4] = slice(v0, 1, 5) axis(2)\n"
     "v1: float32[2, 4] = gather(v2) from(1,0,1)\n"},
    {"aten::unfold_copy.out",
     "f32[2,7] 1 3 2 >f32[2,3,3] =", "v1: float32[2, 3, 3] = gather(v0, c3) from(0,#0)\n"},
    {"aten::as_strided_copy.out", "f32[6] [2,2] [1,2] 1 >f32[2,2] =",
     "v3: float32[4] = gather(v0, c2) from(#0)\n"
     "v1: float32[2, 2] = reshape(v3)\n"},
    {"aten::as_strided_copy.out",
     "f32[6] [2,2] [1,5] 1 >f32[2,2] =", "!MALFORMED reads outside of the tensor"},
    {"aten::select_scatter.out", "f32[4,5] f32[5] 0 -1 >f32[4,5] =",
     "v3: float32[1, 5] = reshape(v1)\n"
     "v2: float32[4, 5] = scatter(v0, v3, c4) from(#0,1)\n"},
    {"aten::slice_scatter.out", "f32[4,5] f32[4,2] 1 1 - 2 >f32[4,5] =",
     "v2: float32[4, 5] = scatter(v0, v1, c3) from(0,#0)\n"},
    {"aten::copy.out", "f32[2,3] i64[3] F >f32[2,3] =",
     "v3: int64[2, 3] = gather(v1) from(1)\n"
     "v4: float32[2, 3] = convert(v3)\n"
     "v2: float32[2, 3] = reshape(v4)\n"},
    {"aten::glu.out", "f32[2,6] -1 >f32[2,3] =",
     "v2: float32[2, 3] = slice(v0, 0, 3) axis(1)\n"
     "v5: float32[2, 3] = slice(v0, 3, 6) axis(1)\n"
     "v8: float32[2, 3] = unary(v5) sigmoid\n"
     "v1: float32[2, 3] = binary(v2, v8) mul\n"},
    {"aten::native_dropout.out", "f32[4] 0.5 F >f32[4] >bool[4] ($3 $4)",
     "v1: float32[4] = reshape(v0)\n"},
    {"aten::native_dropout.out", "f32[4] 0.5 T >f32[4] >bool[4] ($3 $4)",
     "!UNSUPPORTED drops at random"},
    {"aten::_cdist_forward.out", "f32[2,3,4] f32[5,4] 1.5 - >f32[2,3,5] =",
     "v3: float32[2, 5, 4] = gather(v1) from(1,2)\n"
     "v2: float32[2, 3, 5] = distance(v0, v3) p(1.5)\n"},
    {"aten::_pdist_forward.out", "f32[3,4] 2.0 >f32[3] =",
     "v2: float32[3, 3] = distance(v0, v0) p(2)\n"
     "v3: float32[9] = reshape(v2)\n"
     "v1: float32[3] = gather(v3, c4) from(#0)\n"},
    {"aten::convolution.out", "f32[1,2,4,4] f32[2,3,3,3] - [2] [1] [1] T [1] 1 >f32[1,3,8,8] =",
     "v3: float32[1, 2, 1, 4, 4] = reshape(v0)\n"
     "v4: float32[2, 3, 1, 3, 3] = reshape(v1)\n"
     "v5: float32[1, 3, 1, 8, 8] = conv3d(v3, v4, -) stride(1,2,2) padding(0,1,1) transposed "
     "output_padding(0,1,1)\n"
     "v2: float32[1, 3, 8, 8] = reshape(v5)\n"},
    {"aten::max_pool2d_with_indices.out",
     "i8[1,2,4,4] [2] [] [0] [1] F >i8[1,2,2,2] >i64[1,2,2,2] ($9 $10)",
     "v3: int64[1, 2, 4, 4] = convert(v0)\n"
     "v4: int64[2, 1, 4, 4] = reshape(v3)\n"
     "v5: int64[2, 1, 2, 2] = pool3d(v4) max kernel(1,2,2) stride(1,2,2)\n"
     "v6: int8[2, 1, 2, 2] = convert(v5)\n"
     "v1: int8[1, 2, 2, 2] = reshape(v6)\n"},
    {"aten::adaptive_max_pool2d.out", "f32[2,5,5] [2,2] >f32[2,2,2] >i64[2,2,2] ($2 $3)",
     "v3: float32[2, 1, 5, 5] = reshape(v0)\n"
     "v4: float32[2, 1, 2, 2] = pool3d(v3) max adaptive\n"
     "v1: float32[2, 2, 2] = reshape(v4)\n"},
    {"aten::upsample_linear1d.out", "f32[1,2,3] [6] F - >f32[1,2,6] =",
     "v3: float32[1, 2, 3] = permute(v0) order(0,1,2)\n"
     "v4: float32[1, 2, 6] = linear(v3, c2, -, -, -)\n"
     "v5: float32[1, 2, 6] = permute(v4) order(0,1,2)\n"
     "v1: float32[1, 2, 6] = reshape(v5)\n"},
    {"aten::upsample_nearest1d.out",
     "f32[1,2,3] [6] - >f32[1,2,6] =", "v1: float32[1, 2, 6] = gather(v0, c2) from(0,1,#0)\n"},
    {"aten::grid_sampler_2d.out", "f32[1,2,4,4] f32[1,3,3,2] 0 1 T >f32[1,2,3,3] =",
     "v3: float32[1, 2, 3, 3] = grid_sample(v0, v1) bilinear border align_corners\n"
     "v2: float32[1, 2, 3, 3] = reshape(v3)\n"},
};

START_TEST(operator_becomes_nodes)
{
    pte_expect_nodes(examples[_i].op, examples[_i].args, examples[_i].nodes);
}
END_TEST

START_TEST(sizes_of_results_follow_from_the_operands)
{
    pte_expect_sizes(examples[_i].op, examples[_i].args, examples[_i].nodes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_structure");
    TCase *tests = tcase_create("import_structure");
    tcase_add_loop_test(tests, operator_becomes_nodes, 0, sizeof examples / sizeof examples[0]);
    tcase_add_loop_test(tests, sizes_of_results_follow_from_the_operands, 0,
                        sizeof examples / sizeof examples[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
