/*
 * What convolutions and products of matrices have in common. All of them are
 *     y[m][n] = sum over k of x[m][k] * w[k][n],
 * m being pixels or rows, n output channels or columns; k goes over taps of a window and, in each,
 * the inputs of a group, filled up with zeros to `depth.x` of them. Weights lie in that order, fours
 * of columns side by side.
 */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint TYPE_W = 0;
layout(constant_id = 4) const uint TYPE_R = 0;
layout(constant_id = 5) const uint NUMBERS = 0; /* VK_NUMBERS_.. */
layout(constant_id = 6) const uint ACT = 0;
layout(constant_id = 7) const uint AFTER = VK_UNARY_NONE;
layout(constant_id = 8) const uint RESIDUAL = 0; /* is there one? */
layout(constant_id = 9) const uint FOURS = 0;    /* VK_FOURS_.. */
layout(constant_id = 10) const uint WINDOWS = 0; /* else row m of the matrix is row m of x and y */
layout(constant_id = 11) const uint WEIGHTS = 0; /* VK_WEIGHTS_.. */
layout(constant_id = 12) const uint ACROSS = 1;  /* invocations beside each other, by columns */
layout(constant_id = 13) const uint DOWN = 1;    /* invocations below each other, by rows or depth */
layout(constant_id = 14) const uint ROWS = 1;    /* of an invocation */
layout(constant_id = 15) const uint PARTS = 1;   /* of a sum, which work-groups share: parts.comp adds them up */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x;      /* height, width, channels; inputs of a group */
    ivec4 y;      /* height, width, channels; columns of a group */
    ivec4 grid;   /* pixels that are computed: all, of an image, of a line; groups */
    ivec4 place;  /* where they are in y: line and column of the first, steps down and across */
    ivec4 window; /* steps between windows down and across, and between taps */
    ivec4 taps;   /* padding above and on the left; taps, taps of a line */
    ivec4 depth;  /* numbers of a tap, of all taps; fours of columns of a group, of all groups */
    ivec4 zero;   /* zero points of x, residual and y */
    vec4 bounds;  /* lo, hi; scale and shift after the function */
    vec4 numbers; /* a and b of the function; scale of the residual; 1: one code for all rows */
    ivec4 lead[2], lead_x[2], lead_w[2]; /* MATMUL: sizes of the leading dimensions and strides */
} p;
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 2) readonly buffer XFours { uvec4 x_fours[]; };
layout(set = 0, binding = 3) readonly buffer W { uint w_words[]; };
layout(set = 0, binding = 3) readonly buffer WTwos { uvec2 w_twos[]; };
layout(set = 0, binding = 3) readonly buffer WFours { uvec4 w_fours[]; };
layout(set = 0, binding = 4) readonly buffer Channels { vec4 channels[]; }; /* bias, slope, scale */
layout(set = 0, binding = 5) readonly buffer R { uint r_words[]; };
layout(set = 0, binding = 5) readonly buffer RFours { uvec4 r_fours[]; };
layout(set = 0, binding = 6) readonly buffer RowCodes { vec4 row_codes[]; }; /* round_rows.comp */
layout(set = 0, binding = 7) readonly buffer GroupScales { vec4 group_scales[]; };

#include "functions.glsl"
#include "put.glsl"

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO p.zero.x
#include "access.glsl"
#define WORDS x_words
#define BASE p.base[0].y
#define ZERO p.zero.x
#define ONE_AT x_float
#define FOURS x_fours
#define FOUR_AT x_four
#include "fours.glsl"
#define WORDS w_words
#define BASE p.base[0].z
#define FLOAT_AT w_float
#define INT_AT w_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#define WORDS w_words
#define BASE p.base[0].z
#define ZERO 0
#define ONE_AT w_float
#define FOURS w_fours
#define FOUR_AT w_four
#include "fours.glsl"
#define WORDS r_words
#define BASE p.base[1].x
#define FLOAT_AT r_float
#define INT_AT r_int
#define SCALE 1.0
#define ZERO p.zero.y
#include "access.glsl"
#define WORDS r_words
#define BASE p.base[1].x
#define ZERO p.zero.y
#define ONE_AT r_float
#define FOURS r_fours
#define FOUR_AT r_four
#include "fours.glsl"

#include "epilogue.glsl"

const bool X_FOURS = (FOURS & VK_FOURS_X) != 0u;
const bool Y_FOURS = (FOURS & VK_FOURS_Y) != 0u;

/* Packed weights of number k for four columns of a group; they begin at their binding. */
vec4 weights_of(uint group, uint k, uint four)
{
    uint line = TYPE_W == VK_I4 ? k >> 1 : k, lines = uint(p.depth.y) >> (TYPE_W == VK_I4 ? 1 : 0);
    uint at = (group * lines + line) * uint(p.depth.z) + four;
    if (TYPE_W == VK_F32)
        return uintBitsToFloat(w_fours[at]);
    if (TYPE_W == VK_F16) {
        uvec2 words = w_twos[at];
        return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y));
    }
    uint word = w_words[at];
    if (TYPE_W == VK_I8)
        return vec4(ivec4(uvec4(word << 24, word << 16, word << 8, word)) >> 24);
    word >>= 16u * (k & 1u);
    return vec4(ivec4(uvec4(word << 28, word << 24, word << 20, word << 16)) >> 28);
}

/* Codes of x's numbers in the row's own range, without their zero point. */
vec4 rounded(vec4 x, vec4 code)
{
    for (uint j = 0u; j < 4u; j++) {
        float scaled = x[j] * code.z;
        scaled = scaled > -1024.0 ? min(scaled, 1024.0) : -1024.0; /* NaN, too */
        x[j] = clamp(roundEven(scaled) + code.y, 0.0, 255.0) - code.y;
    }
    return x;
}

vec4 code_of_row(uint m)
{
    return row_codes[p.numbers.w != 0.0 ? 0u : m];
}

/* Image, line and column among the pixels that are computed. */
uvec3 pixel_of(uint m)
{
    uint image = m / uint(p.grid.y), rest = m % uint(p.grid.y);
    return uvec3(image, rest / uint(p.grid.z), rest % uint(p.grid.z));
}

/* Where y's row of channels for a pixel begins. */
uint result_of(uvec3 pixel)
{
    uvec2 at = uvec2(p.place.xy) + pixel.yz * uvec2(p.place.zw);
    return ((pixel.x * uint(p.y.x) + at.x) * uint(p.y.y) + at.y) * uint(p.y.z);
}

/* Four columns of row m of y, from column n of a group on: the whole sum. */
void put_result(uint group, uint m, uint n, vec4 sum)
{
    bool packed = WEIGHTS == VK_WEIGHTS_PACKED;
    uint four = (packed ? group * uint(p.depth.z) : 0u) + (n >> 2), count = uint(p.y.w) - n;
    uint to = WINDOWS != 0u ? result_of(pixel_of(m)) : m * uint(p.y.z);
    to += n + group * (packed ? uint(p.y.w) : uint(p.grid.x * p.y.z));
    put_four(TYPE_Y, Y_FOURS, to, count, finish(sum, four, to, count));
}

/* The same of a part of it, floats or integers, for parts.comp. */
void put_part(uint part, uint groups, uint group, uint m, uint n, uvec4 sum)
{
    y_fours[((part * groups + group) * uint(p.grid.x) + m) * uint(p.depth.z) + (n >> 2)] = sum;
}
