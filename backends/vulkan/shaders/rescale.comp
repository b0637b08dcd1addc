/* Integers times a multiplier, shifted down, rounded and clamped as TOSA's RESCALE has it. */
#include "common.glsl"
#include "wide.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint DOUBLE_ROUND = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    int zero_x, zero_y;
    int least;
    uint most; /* of y; of I32 also without a sign */
    uint count, scales;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer Scales { uint scale_words[]; }; /* multipliers, shifts */

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "store.glsl"

uvec2 x_wide(uint i)
{
    uint at = p.base[0].y + 2u * i;
    return TYPE_X == VK_I64 ? uvec2(x_words[at], x_words[at + 1u]) : wide_of(x_int(TYPE_X, i));
}

uint rescaled(uint i)
{
    uint scale = p.base[0].z + i % p.scales;
    uint shift = scale_words[scale + p.scales];
    uvec2 x = wide_add(x_wide(i), wide_of(-p.zero_x));
    uvec2 round = wide_bit(shift - 1u);
    if (DOUBLE_ROUND != 0u && shift > 31u)
        round = wide_add(round, wide_of(int(x.y) < 0 ? -(1 << 30) : 1 << 30));
    uvec2 product = wide_add(wide_mul(x, wide_of(int(scale_words[scale]))), round);
    uvec2 y = wide_add(wide_shift_right(product, shift), wide_of(p.zero_y));
    return wide_less(y, wide_of(p.least)) ? uint(p.least) : wide_less(uvec2(p.most, 0u), y) ? p.most : y.x;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    uvec4 y;
    for (uint lane = 0u; lane < 4u; lane++)
        y[lane] = rescaled(min(first + lane, p.count - 1u));
    store_four(TYPE_Y, first, p.count, y);
}
