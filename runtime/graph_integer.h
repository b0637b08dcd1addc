/*
 * The ops of plain integers: what TOSA and fixed-point processors compute. An integer here is the
 * number that it is; scales and zero points are attributes, and every result is exact to the bit as
 * the TOSA 1.0 specification has it. Images are [N, H, W, C].
 */
#ifndef RUNTIME_GRAPH_INTEGER_H
#define RUNTIME_GRAPH_INTEGER_H

#include <stdbool.h>
#include <stdint.h>

enum prt_integer_conv_kind {
    PRT_INTEGER_CONV,       /* weight [O, kh, kw, C] */
    PRT_INTEGER_DEPTHWISE,  /* weight [kh, kw, C, M]; O = C * M */
    PRT_INTEGER_TRANSPOSED, /* weight [O, kh, kw, C] */
};

/* inputs: x (I8, I16), weight (I8), bias [O] or [1] of y's type. output: y (I32, or I64 when x is
 * I16) = bias + sum of (x - zero_x) * (weight - zero_weight). */
struct prt_integer_conv_attrs {
    enum prt_integer_conv_kind kind;
    int32_t stride[2], dilation[2]; /* h, w; at least 1; TRANSPOSED has no dilation */
    int32_t padding[4];             /* top, bottom, left, right; TRANSPOSED: added to the result */
    int32_t zero_x, zero_weight;
};

/* inputs: a [N, H, K], b [N, K, W], both I8 or both I16. output: [N, H, W], I32 or I64. */
struct prt_integer_matmul_attrs {
    int32_t zero_a, zero_b;
};

/* inputs: x. y = clamp(scale(x - zero_x) + zero_y) to y's type. One multiplier and shift, or one
 * for each index of the last dimension; shifts are 2 to 62. Owned by the graph's arena. */
struct prt_rescale_attrs {
    uint32_t count;
    const int32_t *multipliers;
    const uint8_t *shifts;
    int32_t zero_x, zero_y;
    bool double_round;
    bool unsigned_x, unsigned_y; /* the type's bits are those of its unsigned sibling */
};

/*
 * TABLE has no attributes. inputs: x, table.   output: y, x's sizes.
 * x I8 or U8, quantised or not; table: 256 elements of y's type (I8 or U8, also quantised), the
 * last dimension alone longer than 1: y is the one at x's place among the codes in their order. x
 * I16, table I16 [513]; y I32: 9 bits of x choose two neighbours, 7 stand between them.
 */

/* inputs: x [N, H, W, C] of I8 or I16. Averages over what is inside, rounded as TOSA does. */
struct prt_integer_pool_attrs {
    struct prt_pool_attrs window; /* without activation and dilation */
    int32_t zero_x, zero_y;       /* of averages */
};

/*
 * inputs: x [N, H, W, C]. Row oy samples at (oy * scale[1] + offset[0]) / scale[0], column ox at
 * (ox * scale[3] + offset[1]) / scale[2]. Bilinear integers come out multiplied by
 * scale[0] * scale[2]: I8 -> I32, I16 -> I64. Nearest keeps the type.
 */
struct prt_scaled_resize_attrs {
    bool bilinear;
    int32_t scale[4], offset[2];
};

#endif
