/* How each ATen operator appears in a graph: one call, and the nodes it becomes. */
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct example {
    const char *op, *args, *nodes;
};

static const struct example examples[] = {
    {"aten::add.out",
     "f32[2,3] f32[2,3] 1 >f32[2,3] =", "v2: float32[2, 3] = binary(v0, v1) add\n"},
    {"aten::add.out",
     "f32[2,3] f32[3] 2 >f32[2,3] =", "v2: float32[2, 3] = binary(v0, v1) add alpha(2)\n"},
    {"aten::add.out", "i32[4] i64[4] 1 >i64[4] =",
     "v3: int64[4] = convert(v0)\n"
     "v2: int64[4] = binary(v3, v1) add\n"},
    {"aten::add.out", "i64[2] f32[2] 1 >f32[2] =",
     "v3: float32[2] = convert(v0)\n"
     "v2: float32[2] = binary(v3, v1) add\n"},
    {"aten::add.Scalar_out", "f32[2] 1.5 1 >f32[2] =", "v1: float32[2] = binary(v0, 1.5) add\n"},
    {"aten::sub.out", "f32[2] f32[2] 1 >f32[2] =", "v2: float32[2] = binary(v0, v1) sub\n"},
    {"aten::sub.Scalar_out",
     "f32[2] 3 2 >f32[2] =", "v1: float32[2] = binary(v0, 3) sub alpha(2)\n"},
    {"aten::rsub.Scalar_out", "f32[2] 1 1 >f32[2] =", "v1: float32[2] = binary(1, v0) sub\n"},
    {"aten::mul.out",
     "f32[1,4,1] f32[2,4,3] >f32[2,4,3] =", "v2: float32[2, 4, 3] = binary(v0, v1) mul\n"},
    {"aten::mul.Scalar_out", "f32[2] 0.5 >f32[2] =", "v1: float32[2] = binary(v0, 0.5) mul\n"},
    {"aten::div.out", "f32[2] f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) div\n"},
    {"aten::div.out", "i64[2] i64[2] >f32[2] =",
     "v3: float32[2] = convert(v0)\n"
     "v4: float32[2] = convert(v1)\n"
     "v2: float32[2] = binary(v3, v4) div\n"},
    {"aten::div.Scalar_out", "f32[2] 2 >f32[2] =", "v1: float32[2] = binary(v0, 2) div\n"},
    {"aten::div.out_mode",
     "f32[2] f32[2] \"floor\" >f32[2] =", "v2: float32[2] = binary(v0, v1) floor_div\n"},
    {"aten::div.out_mode", "f32[2] f32[2] - >f32[2] =", "v2: float32[2] = binary(v0, v1) div\n"},
    {"aten::div.Scalar_mode_out",
     "f32[2] 2 \"trunc\" >f32[2] =", "v1: float32[2] = binary(v0, 2) trunc_div\n"},
    {"aten::floor_divide.out", "i8[2] i8[2] >i8[2] =", "v2: int8[2] = binary(v0, v1) floor_div\n"},
    {"aten::fmod.Tensor_out", "f32[2] f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) fmod\n"},
    {"aten::remainder.Scalar_out",
     "i64[2] 3 >i64[2] =", "v1: int64[2] = binary(v0, 3) remainder\n"},
    {"aten::atan2.out", "i32[2] i32[2] >f32[2] =",
     "v3: float32[2] = convert(v0)\n"
     "v4: float32[2] = convert(v1)\n"
     "v2: float32[2] = binary(v3, v4) atan2\n"},
    {"aten::bitwise_and.Scalar_out",
     "u8[2] 7 >u8[2] =", "v1: uint8[2] = binary(v0, 7) bitwise_and\n"},
    {"aten::bitwise_or.Tensor_out", "u8[2] i32[2] >i32[2] =",
     "v3: int32[2] = convert(v0)\n"
     "v2: int32[2] = binary(v3, v1) bitwise_or\n"},
    {"aten::bitwise_xor.Tensor_out",
     "bool[2] bool[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) ne\n"},
    {"aten::bitwise_xor.Tensor_out",
     "f32[2] f32[2] >f32[2] =", "!MALFORMED real numbers have no bits"},
    {"aten::bitwise_left_shift.Tensor_Scalar_out",
     "i32[2] 3 >i32[2] =", "v1: int32[2] = binary(v0, 3) shift_left\n"},
    {"aten::bitwise_right_shift.Tensor_out",
     "i32[2] i32[2] >i32[2] =", "v2: int32[2] = binary(v0, v1) shift_right\n"},
    {"aten::logical_xor.out", "bool[2] f32[2] >bool[2] =",
     "v3: bool[2] = convert(v1)\n"
     "v2: bool[2] = binary(v0, v3) ne\n"},
    {"aten::isnan.out", "f32[2] >bool[2] =", "v1: bool[2] = binary(v0, v0) ne\n"},
    {"aten::isinf.out", "f32[2] >bool[2] =",
     "v3: float32[2] = unary(v0) abs\n"
     "v1: bool[2] = binary(v3, inf) eq\n"},
    {"aten::isinf.out", "i32[2] >bool[2] =", "v1: bool[2] = binary(v0, v0) ne\n"},
    {"aten::erf.out", "i32[2] >f32[2] =",
     "v2: float32[2] = convert(v0)\n"
     "v1: float32[2] = unary(v2) erf\n"},
    {"aten::trunc.out", "i32[2] >i32[2] =", "v1: int32[2] = unary(v0) trunc\n"},
    {"aten::logit.out", "f32[2] 0.25 >f32[2] =", "v1: float32[2] = unary(v0) logit(0.25)\n"},
    {"aten::round.decimals_out", "f32[2] 2 >f32[2] =",
     "v3: float32[2] = binary(v0, 100) mul\n"
     "v4: float32[2] = unary(v3) round\n"
     "v1: float32[2] = binary(v4, 100) div\n"},
    {"aten::_conj_physical.out", "f32[2] >f32[2] =", "v1: float32[2] = reshape(v0)\n"},
    {"aten::fill.Tensor_out", "f32[2] f32[] >f32[2] =", "v2: float32[2] = binary(v1, 1) mul\n"},
    {"aten::arange.out", "3 >i64[3] =", "v0: int64[3] = range(0, 1)\n"},
    {"aten::arange.start_out", "1 2 0.25 >f32[4] =", "v0: float32[4] = range(1, 0.25)\n"},
    {"aten::arange.start_out", "1 2 0 >f32[4] =", "!MALFORMED inf numbers do not fill the result"},
    {"aten::rand.out", "[2] >f32[2] =", "!UNSUPPORTED draws random numbers"},
    {"aten::maximum.out", "f32[2] f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) maximum\n"},
    {"aten::minimum.out", "f32[2] f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) minimum\n"},
    {"aten::pow.Tensor_Tensor_out",
     "f32[2] f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) pow\n"},
    {"aten::pow.Tensor_Scalar_out", "f32[2] 2 >f32[2] =", "v1: float32[2] = binary(v0, 2) pow\n"},
    {"aten::pow.Scalar_out", "2.5 f32[2] >f32[2] =", "v1: float32[2] = binary(2.5, v0) pow\n"},
    {"aten::eq.Tensor_out", "i64[2] i32[2] >bool[2] =",
     "v3: int64[2] = convert(v1)\n"
     "v2: bool[2] = binary(v0, v3) eq\n"},
    {"aten::eq.Scalar_out", "f32[2] 0 >bool[2] =", "v1: bool[2] = binary(v0, 0) eq\n"},
    {"aten::ne.Tensor_out", "f32[2] f32[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) ne\n"},
    {"aten::ne.Scalar_out", "f32[2] 0.5 >bool[2] =", "v1: bool[2] = binary(v0, 0.5) ne\n"},
    {"aten::lt.Tensor_out", "f32[2] f32[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) lt\n"},
    {"aten::lt.Scalar_out", "i64[2] 0.5 >bool[2] =",
     "v3: float32[2] = convert(v0)\n"
     "v1: bool[2] = binary(v3, 0.5) lt\n"},
    {"aten::le.Tensor_out", "f32[2] f32[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) le\n"},
    {"aten::le.Scalar_out", "f32[2] 1 >bool[2] =", "v1: bool[2] = binary(v0, 1) le\n"},
    {"aten::gt.Tensor_out", "f32[2] f32[2] >f32[2] =",
     "v3: bool[2] = binary(v0, v1) gt\n"
     "v2: float32[2] = convert(v3)\n"},
    {"aten::gt.Scalar_out", "f32[2] 0 >bool[2] =", "v1: bool[2] = binary(v0, 0) gt\n"},
    {"aten::ge.Tensor_out", "i32[2] f16[2] >bool[2] =",
     "v3: float16[2] = convert(v0)\n"
     "v2: bool[2] = binary(v3, v1) ge\n"},
    {"aten::ge.Scalar_out", "f32[2] 1 >bool[2] =", "v1: bool[2] = binary(v0, 1) ge\n"},
    {"aten::logical_and.out",
     "bool[2] bool[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) logical_and\n"},
    {"aten::logical_or.out", "bool[2] f32[2] >bool[2] =",
     "v3: float32[2] = convert(v0)\n"
     "v2: bool[2] = binary(v3, v1) logical_or\n"},
    {"aten::bitwise_and.Tensor_out",
     "bool[2] bool[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) logical_and\n"},
    {"aten::bitwise_or.Tensor_out",
     "bool[2] bool[2] >bool[2] =", "v2: bool[2] = binary(v0, v1) logical_or\n"},
    {"aten::bitwise_not.out", "bool[2] >bool[2] =", "v1: bool[2] = unary(v0) logical_not\n"},
    {"aten::bitwise_not.out", "i32[2] >i32[2] =", "v1: int32[2] = binary(v0, -1) bitwise_xor\n"},
    {"aten::sigmoid.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) sigmoid\n"},
    {"aten::tanh.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) tanh\n"},
    {"aten::hardswish.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) hardswish\n"},
    {"aten::hardsigmoid.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) hardsigmoid\n"},
    {"aten::silu.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) silu\n"},
    {"aten::exp.out", "i32[2] >f32[2] =",
     "v2: float32[2] = convert(v0)\n"
     "v1: float32[2] = unary(v2) exp\n"},
    {"aten::log.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) log\n"},
    {"aten::sqrt.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) sqrt\n"},
    {"aten::rsqrt.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) rsqrt\n"},
    {"aten::abs.out", "i8[2] >i8[2] =", "v1: int8[2] = unary(v0) abs\n"},
    {"aten::neg.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) neg\n"},
    {"aten::reciprocal.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) reciprocal\n"},
    {"aten::floor.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) floor\n"},
    {"aten::ceil.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) ceil\n"},
    {"aten::round.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) round\n"},
    {"aten::sin.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) sin\n"},
    {"aten::cos.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) cos\n"},
    {"aten::logical_not.out", "f32[2] >bool[2] =", "v1: bool[2] = unary(v0) logical_not\n"},
    {"aten::relu.out", "f32[2] >f32[2] =", "v1: float32[2] = unary(v0) clamp(0, inf)\n"},
    {"aten::hardtanh.out", "f32[2] -1.0 1 >f32[2] =", "v1: float32[2] = unary(v0) clamp(-1, 1)\n"},
    {"aten::clamp.out", "f32[2] 0 - >f32[2] =", "v1: float32[2] = unary(v0) clamp(0, inf)\n"},
    {"aten::clamp.out", "f32[2] - 6.0 >f32[2] =", "v1: float32[2] = unary(v0) clamp(-inf, 6)\n"},
    {"aten::clamp.Tensor_out", "f32[2] f32[2] f32[2] >f32[2] =",
     "v4: float32[2] = binary(v0, v1) maximum\n"
     "v3: float32[2] = binary(v4, v2) minimum\n"},
    {"aten::clamp.Tensor_out",
     "f32[2] - f32[2] >f32[2] =", "v2: float32[2] = binary(v0, v1) minimum\n"},
    {"aten::leaky_relu.out",
     "f32[2] 0.25 >f32[2] =", "v1: float32[2] = unary(v0) leaky_relu(0.25)\n"},
    {"aten::elu.out", "f32[2] 1.5 1 1 >f32[2] =", "v1: float32[2] = unary(v0) elu(1.5)\n"},
    {"aten::elu.out", "f32[2] 1.5 2 3 >f32[2] =",
     "v2: float32[2] = unary(v0) clamp(0, inf)\n"
     "v4: float32[2] = binary(v2, 2) mul\n"
     "v5: float32[2] = unary(v0) clamp(-inf, 0)\n"
     "v7: float32[2] = binary(v5, 3) mul\n"
     "v8: float32[2] = unary(v7) expm1\n"
     "v10: float32[2] = binary(v8, 3) mul\n"
     "v1: float32[2] = binary(v4, v10) add\n"},
    {"quantized_decomposed::quantize_per_token.out",
     "f32[2,3] f64[2,1] i64[2,1] -128 127 1 >i8[2,3] =",
     "v4: float32[2, 1] = convert(v1)\n"
     "v5: float32[2, 1] = convert(v2)\n"
     "v6: float32[2, 1] = unary(v4) reciprocal\n"
     "v7: float32[2, 3] = binary(v0, v6) mul\n"
     "v8: float32[2, 3] = binary(v7, v5) add\n"
     "v9: float32[2, 3] = unary(v8) round\n"
     "v10: float32[2, 3] = unary(v9) clamp(-128, 127)\n"
     "v3: int8[2, 3] = convert(v10)\n"},
    {"quantized_decomposed::dequantize_per_token.out",
     "i8[2,3] f32[2,1] i64[2,1] -128 127 1 6 >f32[2,3] =",
     "v4: float32[2, 1] = convert(v2)\n"
     "v5: float32[2, 3] = convert(v0)\n"
     "v6: float32[2, 3] = binary(v5, v4) sub\n"
     "v3: float32[2, 3] = binary(v6, v1) mul\n"},
    {"quantized_decomposed::quantize_per_tensor.Tensor_out",
     "f32[3] f32[1] i32[1] 0 255 0 >u8[3] =",
     "v4: float32[1] = convert(v2)\n"
     "v5: float32[1] = unary(v1) reciprocal\n"
     "v6: float32[3] = binary(v0, v5) mul\n"
     "v7: float32[3] = unary(v6) round\n"
     "v8: float32[3] = binary(v7, v4) add\n"
     "v9: float32[3] = unary(v8) clamp(0, 255)\n"
     "v3: uint8[3] = convert(v9)\n"},
    {"quantized_decomposed::choose_qparams_per_token_asymmetric.out",
     "f32[] 1 >f64[] >i64[] ($2 $3)", "!MALFORMED a scalar has no rows"},
    {"aten::gelu.out", "f32[2] \"none\" >f32[2] =", "v1: float32[2] = unary(v0) gelu\n"},
    {"aten::gelu.out", "f32[2] \"tanh\" >f32[2] =", "v1: float32[2] = unary(v0) gelu_tanh\n"},
    {"aten::where.self_out",
     "bool[2] f32[2] f32[] >f32[2] =", "v3: float32[2] = where(v0, v1, v2)\n"},
    {"aten::where.self_out", "u8[2] i32[2] f32[2] >f32[2] =",
     "v4: bool[2] = convert(v0)\n"
     "v5: float32[2] = convert(v1)\n"
     "v3: float32[2] = where(v4, v5, v2)\n"},
    {"aten::masked_fill.Scalar_out",
     "f32[2] bool[2] -1.5 >f32[2] =", "v2: float32[2] = where(v1, -1.5, v0)\n"},
    {"aten::mean.out", "f32[1,4,3,3] [-1,2] T - >f32[1,4,1,1] =",
     "v1: float32[1, 4, 1, 1] = reduce(v0) mean axes(0xc) keep\n"},
    {"aten::mean.out", "f32[2,3] - F - >f32[] =", "v1: float32[] = reduce(v0) mean axes(0x3)\n"},
    {"aten::mean.dtype_out", "i64[2,3] 6 >f32[] =",
     "v2: float32[2, 3] = convert(v0)\n"
     "v1: float32[] = reduce(v2) mean axes(0x3)\n"},
    {"aten::sum.IntList_out",
     "f32[2,3] [1] F - >f32[2] =", "v1: float32[2] = reduce(v0) sum axes(0x2)\n"},
    {"aten::sum.IntList_out", "bool[2,3] [1] F - >i64[2] =",
     "v2: int64[2, 3] = convert(v0)\n"
     "v1: int64[2] = reduce(v2) sum axes(0x2)\n"},
    {"aten::amax.out",
     "f32[2,3] [0] T >f32[1,3] =", "v1: float32[1, 3] = reduce(v0) max axes(0x1) keep\n"},
    {"aten::amin.out", "f32[2,3] [] F >f32[] =", "v1: float32[] = reduce(v0) min axes(0x3)\n"},
    {"aten::max.unary_out", "f32[2,3] >f32[] =", "v1: float32[] = reduce(v0) max axes(0x3)\n"},
    {"aten::min.unary_out", "f32[2,3] >f32[] =", "v1: float32[] = reduce(v0) min axes(0x3)\n"},
    {"aten::max.dim_max", "f32[2,3] 1 F >f32[2] >i64[2] ($3 $4)",
     "v1: float32[2] = reduce(v0) max axes(0x2)\n"},
    {"aten::min.dim_min", "f32[2,3] 0 T >f32[1,3] >i64[1,3] ($3 $4)",
     "v1: float32[1, 3] = reduce(v0) min axes(0x1) keep\n"},
    {"aten::argmax.out", "f32[2,3] 1 T >i32[2,1] =",
     "v2: int64[2, 1] = argmax(v0) axis(1) keep\n"
     "v3: int32[2, 1] = convert(v2)\n"
     "v1: int32[2, 1] = reshape(v3)\n"},
    {"aten::argmax.out", "f32[2,3] 1 T >i64[2,1] =", "v1: int64[2, 1] = argmax(v0) axis(1) keep\n"},
    {"aten::argmin.out", "f32[2,3] - F >i64[] =",
     "v2: float32[6] = reshape(v0)\n"
     "v3: int64[1] = argmax(v2) least axis(0) keep\n"
     "v1: int64[] = reshape(v3)\n"},
    {"aten::prod.out", "i32[2,3] - >i64[] =",
     "v2: int64[2, 3] = convert(v0)\n"
     "v1: int64[] = reduce(v2) prod axes(0x3)\n"},
    {"aten::prod.int_out",
     "f32[2,3] 0 F - >f32[3] =", "v1: float32[3] = reduce(v0) prod axes(0x1)\n"},
    {"aten::sum.IntList_out", "f32[0,3] [0] F - >f32[3] =", "v1: float32[3] = full(0)\n"},
    {"aten::amax.out", "f32[0,3] [0] F >f32[3] =", "!MALFORMED no element is the greatest of none"},
    {"aten::cumsum.out", "i32[2,3] 1 - >i64[2,3] =",
     "v2: int64[2, 3] = convert(v0)\n"
     "v1: int64[2, 3] = cumsum(v2) axis(1)\n"},
    {"aten::_softmax.out", "f32[] 0 F >f32[] =",
     "v2: float32[1] = reshape(v0)\n"
     "v3: float32[1] = softmax(v2) axis(0)\n"
     "v1: float32[] = reshape(v3)\n"},
    {"aten::any.out", "bool[2,3] 1 F >bool[2] =", "v1: bool[2] = reduce(v0) max axes(0x2)\n"},
    {"aten::any.dims_out",
     "bool[2,3] [0,1] F >bool[] =", "v1: bool[] = reduce(v0) max axes(0x3)\n"},
    {"aten::any.all_out", "f32[2,3] >bool[] =",
     "v2: bool[2, 3] = convert(v0)\n"
     "v1: bool[] = reduce(v2) max axes(0x3)\n"},
    {"aten::_softmax.out",
     "f32[2,3] -1 F >f32[2,3] =", "v1: float32[2, 3] = softmax(v0) axis(1)\n"},
    {"aten::_log_softmax.out",
     "f32[2,3] 0 F >f32[2,3] =", "v1: float32[2, 3] = softmax(v0) axis(0) log\n"},
    {"aten::view_copy.out", "f32[2,3] [6] >f32[6] =", "v1: float32[6] = reshape(v0)\n"},
    {"aten::view_copy.out", "f32[2,3] [7] >f32[7] =",
     "MALFORMED: method 'forward': node 0 reshape (aten::view_copy.out): sizes do not fit "
     "together"},
    {"aten::unsqueeze_copy.out",
     "f32[2,3] 0 >f32[1,2,3] =", "v1: float32[1, 2, 3] = reshape(v0)\n"},
    {"aten::squeeze_copy.dim_out", "f32[1,3] 0 >f32[3] =", "v1: float32[3] = reshape(v0)\n"},
    {"aten::squeeze_copy.dims_out", "f32[1,3,1] [0,2] >f32[3] =", "v1: float32[3] = reshape(v0)\n"},
    {"executorch_prim::et_view.default", "f32[2,3] [3,2] >f32[3,2]",
     "v1: float32[3, 2] = reshape(v0)\n"},
    {"aten::alias_copy.out", "f32[2] >f32[2] =", ""},
    {"aten::clone.out", "f32[1,2,3,4] - >f32[1,2,3,4]@0231 =",
     "v1: float32[1, 2, 3, 4] order(0,2,3,1) = layout(v0)\n"},
    {"aten::_to_copy.out", "f32[2] F - >i64[2] =", "v1: int64[2] = convert(v0)\n"},
    {"dim_order_ops::_clone_dim_order.out",
     "f32[1,2,3,4]@0231 F [0,1,2,3] >f32[1,2,3,4] =", "v1: float32[1, 2, 3, 4] = layout(v0)\n"},
    {"dim_order_ops::_to_dim_order_copy.out",
     "i64[2] F [0] >f32[2] =", "v1: float32[2] = convert(v0)\n"},
    {"aten::permute_copy.out",
     "f32[2,3,4] [2,-3,1] >f32[4,2,3] =", "v1: float32[4, 2, 3] = permute(v0) order(2,0,1)\n"},
    {"aten::permute_copy.out", "f32[2,3] [1] >f32[3,2] =", "!MALFORMED orders 1 dimensions of 2"},
    {"aten::transpose_copy.int_out",
     "f32[2,3,4] -1 0 >f32[4,3,2] =", "v1: float32[4, 3, 2] = permute(v0) order(2,1,0)\n"},
    {"aten::t_copy.out", "f32[2,3] >f32[3,2] =", "v1: float32[3, 2] = permute(v0) order(1,0)\n"},
    {"aten::pixel_shuffle.out", "f32[1,8,2,3] 2 >f32[1,2,4,6] =",
     "v2: float32[1, 2, 2, 2, 2, 3] = reshape(v0)\n"
     "v3: float32[1, 2, 2, 2, 3, 2] = permute(v2) order(0,1,4,2,5,3)\n"
     "v1: float32[1, 2, 4, 6] = reshape(v3)\n"},
    {"aten::pixel_unshuffle.out", "f32[1,2,4,6] 2 >f32[1,8,2,3] =",
     "v2: float32[1, 2, 2, 2, 3, 2] = reshape(v0)\n"
     "v3: float32[1, 2, 2, 2, 2, 3] = permute(v2) order(0,1,3,5,2,4)\n"
     "v1: float32[1, 8, 2, 3] = reshape(v3)\n"},
    {"aten::slice_copy.Tensor_out",
     "f32[2,9] 1 1 -1 2 >f32[2,4] =", "v1: float32[2, 4] = slice(v0, 1, -1) axis(1) step(2)\n"},
    {"aten::slice_copy.Tensor_out",
     "f32[4] 0 - - 1 >f32[4] =", "v1: float32[4] = slice(v0, 0, 9223372036854775807) axis(0)\n"},
    {"aten::narrow_copy.out",
     "f32[2,9] 1 -3 2 >f32[2,2] =", "v1: float32[2, 2] = slice(v0, 6, 8) axis(1)\n"},
    {"aten::narrow_copy.out",
     "f32[2,9] 1 8 2 >f32[2,2] =", "!MALFORMED takes a part that does not exist"},
    {"aten::select_copy.int_out", "f32[2,3,4] 1 -1 >f32[2,4] =",
     "v2: float32[2, 1, 4] = slice(v0, 2, 3) axis(1)\n"
     "v1: float32[2, 4] = reshape(v2)\n"},
    {"aten::select_copy.int_out",
     "f32[2,3,4] 1 3 >f32[2,4] =", "!MALFORMED takes a part that does not exist"},
    {"aten::unbind_copy.int_out", "f32[2,3] 0 >(f32[3] f32[3]) =",
     "v3: float32[1, 3] = slice(v0, 0, 1) axis(0)\n"
     "v1: float32[3] = reshape(v3)\n"
     "v6: float32[1, 3] = slice(v0, 1, 2) axis(0)\n"
     "v2: float32[3] = reshape(v6)\n"},
    {"aten::split_copy.Tensor_out", "f32[5,2] 3 0 >(f32[3,2] f32[2,2]) =",
     "v1: float32[3, 2] = slice(v0, 0, 3) axis(0)\n"
     "v2: float32[2, 2] = slice(v0, 3, 5) axis(0)\n"},
    {"aten::split_with_sizes_copy.out", "f32[2,5] [1,4] -1 >(f32[2,1] f32[2,4]) =",
     "v1: float32[2, 1] = slice(v0, 0, 1) axis(1)\n"
     "v2: float32[2, 4] = slice(v0, 1, 5) axis(1)\n"},
    {"aten::cat.out",
     "(f32[2,3] f32[0] f32[2,1]) 1 >f32[2,4] =", "v3: float32[2, 4] = concat(v0, v2) axis(1)\n"},
    {"aten::cat.out", "(i32[2] f32[2]) -1 >f32[4] =",
     "v3: float32[2] = convert(v0)\n"
     "v2: float32[4] = concat(v3, v1) axis(0)\n"},
    {"aten::stack.out", "(f32[3] f32[3]) 1 >f32[3,2] =",
     "v3: float32[3, 1] = reshape(v0)\n"
     "v4: float32[3, 1] = reshape(v1)\n"
     "v2: float32[3, 2] = concat(v3, v4) axis(1)\n"},
    {"aten::repeat.out", "f32[2,3] [2,1,2] >f32[2,2,6] =",
     "v2: float32[1, 2, 3] = reshape(v0)\n"
     "v3: float32[2, 2, 3] = concat(v2, v2) axis(0)\n"
     "v4: float32[2, 2, 6] = concat(v3, v3) axis(2)\n"
     "v1: float32[2, 2, 6] = reshape(v4)\n"},
    {"aten::expand_copy.out",
     "f32[1,3] [2,3] F >f32[2,3] =", "v1: float32[2, 3] = binary(v0, 1) mul\n"},
    {"aten::expand_copy.out",
     "bool[3] [2,3] F >bool[2,3] =", "v1: bool[2, 3] = binary(v0, v0) logical_or\n"},
    {"aten::constant_pad_nd.out", "f32[1,2,3,4] [1,2,3,4] 0.5 >f32[1,2,10,7] =",
     "v1: float32[1, 2, 10, 7] = pad(v0) before(0,0,3,1) after(0,0,4,2) value(0.5)\n"},
    {"aten::constant_pad_nd.out",
     "f32[4] [-1,0] 0 >f32[3] =", "v1: float32[3] = pad(v0) before(-1) after(0) value(0)\n"},
    {"aten::full.out", "[2,3] 1.5 >f32[2,3] =", "v0: float32[2, 3] = full(1.5)\n"},
    {"aten::full_like.out", "f32[2,3] 2 - >f32[2,3] =", "v1: float32[2, 3] = full(2)\n"},
    {"aten::fill.Scalar_out", "f32[2] T >bool[2] =", "v1: bool[2] = full(true)\n"},
    {"aten::scalar_tensor.out", "-3 >i64[] =", "v0: int64[] = full(-3)\n"},
    {"aten::zeros.out", "[2] >f32[2] =", "v0: float32[2] = full(0)\n"},
    {"aten::ones.out", "[2] >f32[2] =", "v0: float32[2] = full(1)\n"},
    {"aten::convolution.out",
     "f32[1,2,5,5] cf32[4,2,3,3] cf32[4] [2,1] [1,0] [1] F [0,0] 1 >f32[1,4,3,3] =",
     "v3: float32[1, 4, 3, 3] = conv2d(v0, c1, c2, -, -) stride(2,1) padding(1,1,0,0)\n"},
    {"aten::convolution.out",
     "f32[1,4,5,5] cf32[4,1,3,3] - [1,1] [2] [2,2] F [0,0] 4 >f32[1,4,5,5] =",
     "v2: float32[1, 4, 5, 5] = conv2d(v0, c1, -, -, -) dilation(2,2) padding(2,2,2,2) "
     "groups(4)\n"},
    {"aten::convolution.out",
     "f32[1,2,4,4] cf32[2,3,3,3] cf32[3] [2,2] [1,1] [1,1] T [1,1] 1 >f32[1,3,8,8] =",
     "v3: float32[1, 3, 8, 8] = conv2d(v0, c1, c2, -, -) stride(2,2) padding(1,1,1,1) transposed "
     "output_padding(1,1)\n"},
    {"aten::convolution.out", "f32[1,2,8] cf32[4,2,3] cf32[4] [2] [1] [1] F [0] 1 >f32[1,4,4] =",
     "v4: float32[1, 2, 1, 8] = reshape(v0)\n"
     "v6: float32[1, 4, 1, 4] = conv2d(v4, c5, c2, -, -) stride(1,2) padding(0,0,1,1)\n"
     "v3: float32[1, 4, 4] = reshape(v6)\n"},
    {"aten::convolution.out",
     "f32[1,2,4,4,4] cf32[4,2,1,1,1] - [1] [0] [1] F [0] 1 >f32[1,4,4,4,4] =",
     "v3: float32[1, 4, 4, 4, 4] = conv3d(v0, c1, -)\n"
     "v2: float32[1, 4, 4, 4, 4] = reshape(v3)\n"},
    {"aten::linear.out",
     "f32[2,3] cf32[4,3] cf32[4] >f32[2,4] =", "v3: float32[2, 4] = linear(v0, c1, c2, -, -)\n"},
    {"aten::addmm.out", "cf32[4] f32[2,3] cf32[3,4] 1 1 >f32[2,4] =",
     "v3: float32[2, 4] = linear(v0, c2, c1, -, -) io\n"},
    {"aten::addmm.out", "f32[2,4] f32[2,3] f32[3,4] 2 0.5 >f32[2,4] =",
     "v4: float32[2, 4] = matmul(v1, v2)\n"
     "v6: float32[2, 4] = binary(v4, 0.5) mul\n"
     "v3: float32[2, 4] = binary(v6, v0) add alpha(2)\n"},
    {"aten::mm.out",
     "f32[2,3] cf32[3,4] >f32[2,4] =", "v2: float32[2, 4] = linear(v0, c1, -, -, -) io\n"},
    {"aten::mm.out", "f32[2,3] f32[3,4] >f32[2,4] =", "v2: float32[2, 4] = matmul(v0, v1)\n"},
    {"aten::bmm.out",
     "f32[5,2,3] f32[5,3,4] >f32[5,2,4] =", "v2: float32[5, 2, 4] = matmul(v0, v1)\n"},
    {"aten::max_pool2d_with_indices.out",
     "f32[1,2,7,7] [3,3] [2,2] [1,1] [1,1] F >f32[1,2,4,4] >i64[1,2,4,4] ($14 $15)",
     "v1: float32[1, 2, 4, 4] = pool2d(v0) max kernel(3,3) stride(2,2) padding(1,1,1,1)\n"},
    {"aten::max_pool2d_with_indices.out",
     "f32[1,2,6,6] [3] [] [0] [1] F >f32[1,2,2,2] >i64[1,2,2,2] ($9 $10)",
     "v1: float32[1, 2, 2, 2] = pool2d(v0) max kernel(3,3) stride(3,3)\n"},
    {"aten::avg_pool2d.out", "f32[1,2,6,6] [2,3] [2,3] [0,1] T T - >f32[1,2,3,3] =",
     "v1: float32[1, 2, 3, 3] = pool2d(v0) average kernel(2,3) stride(2,3) padding(0,0,1,1) "
     "include_pad\n"},
    {"aten::avg_pool2d.out", "f32[1,2,6,6] [2,2] [2,2] [0,0] F F 3 >f32[1,2,3,3] =",
     "v2: float32[2, 1, 6, 6] = reshape(v0)\n"
     "v3: float32[2, 1, 3, 3] = pool3d(v2) average kernel(1,2,2) stride(1,2,2) divisor(3)\n"
     "v1: float32[1, 2, 3, 3] = reshape(v3)\n"},
    {"aten::_adaptive_avg_pool2d.out", "f32[1,2,6,6] [1,1] >f32[1,2,1,1] =",
     "v1: float32[1, 2, 1, 1] = reduce(v0) mean axes(0xc) keep\n"},
    {"aten::_adaptive_avg_pool2d.out", "f32[1,2,6,6] [3,2] >f32[1,2,3,2] =",
     "v1: float32[1, 2, 3, 2] = pool2d(v0) average kernel(2,3) stride(2,3)\n"},
    {"aten::_adaptive_avg_pool2d.out", "f32[1,2,6,6] [4,4] >f32[1,2,4,4] =",
     "v2: float32[2, 1, 6, 6] = reshape(v0)\n"
     "v3: float32[2, 1, 4, 4] = pool3d(v2) average adaptive\n"
     "v1: float32[1, 2, 4, 4] = reshape(v3)\n"},
    {"aten::upsample_bilinear2d.vec_out", "f32[1,2,3,3] [6,6] F - >f32[1,2,6,6] =",
     "v1: float32[1, 2, 6, 6] = resize2d(v0) bilinear half_pixel\n"},
    {"aten::upsample_bilinear2d.vec_out", "f32[1,2,3,3] - T {2.0,2.0} >f32[1,2,6,6] =",
     "v1: float32[1, 2, 6, 6] = resize2d(v0) bilinear align_corners scale(2, 2)\n"},
    {"aten::upsample_nearest2d.vec_out", "f32[1,2,3,3] - {2.0,2.0} >f32[1,2,6,6] =",
     "v1: float32[1, 2, 6, 6] = resize2d(v0) nearest scale(2, 2)\n"},
    {"aten::_native_batch_norm_legit_no_training.out",
     "f32[1,2,3,3] cf32[2] cf32[2] cf32[2] cf32[2] 0.1 0.5 >f32[1,2,3,3] >f32[0] >f32[0] =",
     "v8: float32[1, 2, 3, 3] = binary(v0, c6) mul\n"
     "v5: float32[1, 2, 3, 3] = binary(v8, c7) add\n"},
    {"aten::_native_batch_norm_legit_no_training.out",
     "f32[1,2,3,3] f32[2] cf32[2] cf32[2] cf32[2] 0.1 0.5 >f32[1,2,3,3] >f32[0] >f32[0] =",
     "v7: float32[2] = binary(c4, 0.5) add\n"
     "v8: float32[2] = unary(v7) rsqrt\n"
     "v10: float32[2, 1, 1] = reshape(v8)\n"
     "v11: float32[1, 2, 3, 3] = binary(v0, c9) sub\n"
     "v12: float32[1, 2, 3, 3] = binary(v11, v10) mul\n"
     "v13: float32[2, 1, 1] = reshape(v1)\n"
     "v15: float32[1, 2, 3, 3] = binary(v12, v13) mul\n"
     "v16: float32[1, 2, 3, 3] = binary(v15, c14) add\n"
     "v5: float32[1, 2, 3, 3] = reshape(v16)\n"},
    {"aten::native_layer_norm.out",
     "f32[2,3,4] [4] cf32[4] cf32[4] 0.5 >f32[2,3,4] >f32[2,3,1] >f32[2,3,1] =",
     "v6: float32[2, 3, 1] = reduce(v0) mean axes(0x4) keep\n"
     "v7: float32[2, 3, 4] = binary(v0, v6) sub\n"
     "v8: float32[2, 3, 4] = unary(v7) square\n"
     "v9: float32[2, 3, 1] = reduce(v8) mean axes(0x4) keep\n"
     "v11: float32[2, 3, 1] = binary(v9, 0.5) add\n"
     "v12: float32[2, 3, 1] = unary(v11) rsqrt\n"
     "v13: float32[2, 3, 4] = binary(v7, v12) mul\n"
     "v14: float32[2, 3, 4] = binary(v13, c1) mul\n"
     "v15: float32[2, 3, 4] = binary(v14, c2) add\n"
     "v3: float32[2, 3, 4] = reshape(v15)\n"},
    {"aten::native_layer_norm.out",
     "f32[2,3,4] [3,4] - - 0.5 >f32[2,3,4] >f32[2,1,1] >f32[2,1,1] =",
     "v4: float32[2, 1, 1] = reduce(v0) mean axes(0x6) keep\n"
     "v5: float32[2, 3, 4] = binary(v0, v4) sub\n"
     "v6: float32[2, 3, 4] = unary(v5) square\n"
     "v7: float32[2, 1, 1] = reduce(v6) mean axes(0x6) keep\n"
     "v9: float32[2, 1, 1] = binary(v7, 0.5) add\n"
     "v10: float32[2, 1, 1] = unary(v9) rsqrt\n"
     "v11: float32[2, 3, 4] = binary(v5, v10) mul\n"
     "v1: float32[2, 3, 4] = reshape(v11)\n"},
    {"aten::native_group_norm.out",
     "f32[2,4,3] cf32[4] cf32[4] 2 4 3 2 0.5 >f32[2,4,3] >f32[2,2] >f32[2,2] =",
     "v6: float32[2, 2, 6] = reshape(v0)\n"
     "v7: float32[2, 2, 1] = reduce(v6) mean axes(0x4) keep\n"
     "v8: float32[2, 2, 6] = binary(v6, v7) sub\n"
     "v9: float32[2, 2, 6] = unary(v8) square\n"
     "v10: float32[2, 2, 1] = reduce(v9) mean axes(0x4) keep\n"
     "v12: float32[2, 2, 1] = binary(v10, 0.5) add\n"
     "v13: float32[2, 2, 1] = unary(v12) rsqrt\n"
     "v14: float32[2, 2, 6] = binary(v8, v13) mul\n"
     "v15: float32[2, 4, 3] = reshape(v14)\n"
     "v18: float32[2, 4, 3] = binary(v15, c16) mul\n"
     "v19: float32[2, 4, 3] = binary(v18, c17) add\n"
     "v3: float32[2, 4, 3] = reshape(v19)\n"},
    {"aten::var.correction_out", "f32[2,5] [1] 0 F >f32[2] =",
     "v2: float32[2, 1] = reduce(v0) mean axes(0x2) keep\n"
     "v3: float32[2, 5] = binary(v0, v2) sub\n"
     "v4: float32[2, 5] = unary(v3) square\n"
     "v5: float32[2, 1] = reduce(v4) mean axes(0x2) keep\n"
     "v7: float32[2, 1] = binary(v5, 1) mul\n"
     "v1: float32[2] = reshape(v7)\n"},
    {"aten::var.out", "f32[2,5] [1] T T >f32[2,1] =",
     "v2: float32[2, 1] = reduce(v0) mean axes(0x2) keep\n"
     "v3: float32[2, 5] = binary(v0, v2) sub\n"
     "v4: float32[2, 5] = unary(v3) square\n"
     "v5: float32[2, 1] = reduce(v4) mean axes(0x2) keep\n"
     "v7: float32[2, 1] = binary(v5, 1.25) mul\n"
     "v1: float32[2, 1] = reshape(v7)\n"},
    {"aten::var.correction_out",
     "f32[2,1] [1] - F >f32[2] =", "!UNSUPPORTED 1 elements, corrected by 1"},
    {"quantized_decomposed::quantize_per_tensor.out",
     "f32[4] 0.5 3 -128 127 1 >i8[4] =", "v1: int8[4] q(0.5, 3) = quantize(v0)\n"},
    {"quantized_decomposed::quantize_per_tensor.out",
     "f32[4] 0.5 3 0 255 0 >u8[4] =", "v1: uint8[4] q(0.5, 3) = quantize(v0)\n"},
    {"quantized_decomposed::quantize_per_tensor.out", "f32[4] 0.5 3 -127 127 1 >i8[4] =",
     "v2: float32[4] = unary(v0) clamp(-65, 62)\n"
     "v1: int8[4] q(0.5, 3) = quantize(v2)\n"},
    {"quantized_decomposed::quantize_per_tensor.out",
     "f32[4] 0.5 3 -129 127 1 >i8[4] =", "!MALFORMED codes from -129 to 127 do not fit int8"},
    {"quantized_decomposed::quantize_per_tensor.out", "f32[4] 0.5 3 -32768 32767 2 >i16[4] =",
     "v5: float32[4] = binary(v0, 2) mul\n"
     "v6: float32[4] = unary(v5) round\n"
     "v7: float32[4] = binary(v6, 3) add\n"
     "v8: float32[4] = unary(v7) clamp(-32768, 32767)\n"
     "v1: int16[4] = convert(v8)\n"},
    {"quantized_decomposed::quantize_per_tensor.Tensor_out",
     "f32[4] cf32[1] ci64[1] -128 127 1 >i8[4] =", "v3: int8[4] q(0.5, 0) = quantize(v0)\n"},
    {"quantized_decomposed::quantize_per_channel.out",
     "f32[2,3] cf32[3] ci64[3] 1 -128 127 1 >i8[2,3] =",
     "v3: int8[2, 3] q(axis 1) = quantize(v0)\n"},
    {"quantized_decomposed::quantize_per_channel.out",
     "f32[2,3] cf32[3] ci64[3] 1 -127 127 1 >i8[2,3] =",
     "!UNSUPPORTED uses a part of the codes only"},
    {"quantized_decomposed::dequantize_per_tensor.out",
     "ci8[4] 0.5 3 -127 127 1 - >f32[4] =", "v1: float32[4] = dequantize(c2)\n"},
    {"quantized_decomposed::dequantize_per_tensor.out",
     "i8[4] 0.5 3 -128 127 1 - >f32[4] =", "v1: float32[4] = dequantize(v0)\n"},
    {"quantized_decomposed::dequantize_per_tensor.out",
     "ci32[4] 0.25 0 -2147483648 2147483647 3 - >f16[4] =",
     "v3: float32[4] = dequantize(c2)\n"
     "v1: float16[4] = convert(v3)\n"},
    {"quantized_decomposed::dequantize_per_tensor.out", "ci16[4] 0.5 3 -32768 32767 2 - >f32[4] =",
     "v4: float32[4] = convert(c0)\n"
     "v5: float32[4] = binary(v4, 3) sub\n"
     "v1: float32[4] = binary(v5, 0.5) mul\n"},
    {"quantized_decomposed::dequantize_per_tensor.Tensor_out",
     "ci8[4] cf32[1] ci64[1] -128 127 1 - >f32[4] =", "v3: float32[4] = dequantize(c4)\n"},
    {"quantized_decomposed::dequantize_per_channel.out",
     "ci8[2,3] cf32[2] ci64[2] 0 -127 127 1 - >f32[2,3] =", "v3: float32[2, 3] = dequantize(c4)\n"},
    {"quantized_decomposed::dequantize_per_channel.out",
     "ci8[2,3] cf32[3] - -1 -127 127 1 - >f32[2,3] =", "v2: float32[2, 3] = dequantize(c3)\n"},
    {"quantized_decomposed::dequantize_per_channel.out",
     "ci8[2,3] cf32[2] - -1 -127 127 1 - >f32[2,3] =",
     "!UNSUPPORTED scales are not float32 constants, one a channel"},
    {"aten::no_such_operator.out",
     "f32[2] >f32[2] =", "!UNSUPPORTED the operator is not supported"},
    {"aten::relu.out", "f32[2] >f32[2]", "!MALFORMED has 2 arguments instead of 3"},
    {"aten::relu.out", "f32[2] >f32[2] = =", "!MALFORMED has 4 arguments instead of 3"},
    {"aten::relu.out", "7 >f32[2] =", "!MALFORMED argument 0 is not a tensor"},
    {"aten::add.out", "f32[2] f32[2] - >f32[2] =", "!MALFORMED argument 2 is not a number"},
    {"aten::cat.out", "[1,2] 0 >f32[2] =", "!MALFORMED argument 0 is not a list of tensors"},
    {"aten::exp.out", "f32[2] >i64[2] =", "!MALFORMED real numbers become integers"},
    {"aten::mean.out", "f32[2,3] [2] F - >f32[2] =", "!MALFORMED dimension 2 of a tensor with 2"},
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

/* A lone one would be of the dimension before the first. */
START_TEST(paddings_of_a_dynamic_result_are_pairs)
{
    struct pte pte = {.dynamic_results = true};
    pte_call(&pte, "aten::constant_pad_nd.out", "f32[3] [1,2,3] 0 >f32[6] =");
    char *text = pte_import(&pte);
    ck_assert_str_eq(text, "INVALID: method 'forward', instruction 0, aten::constant_pad_nd.out: "
                           "has no result for operands of these sizes");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_aten");
    TCase *tests = tcase_create("import_aten");
    tcase_add_loop_test(tests, operator_becomes_nodes, 0,
                        (int)(sizeof examples / sizeof examples[0]));
    tcase_add_loop_test(tests, sizes_of_results_follow_from_the_operands, 0,
                        (int)(sizeof examples / sizeof examples[0]));
    tcase_add_test(tests, paddings_of_a_dynamic_result_are_pairs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
