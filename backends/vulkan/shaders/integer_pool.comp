/* Greatest elements and means of windows of plain integers, as TOSA rounds them. */
#include "common.glsl"
#include "wide.glsl"

layout(constant_id = 1) const uint TYPE = 0; /* VK_I8 or VK_I16, of x and y */
layout(constant_id = 2) const uint MAX = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x, y;   /* N, H, W, C */
    ivec4 window; /* kernel; stride */
    ivec2 padding;
    int zero_x, zero_y;
    uint count;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "store.glsl"

/* The specification's mean: times (2^30 + 1) * 2^bits / count, and down by 30 + bits. */
uvec2 mean(uvec2 sum, uint count)
{
    uint bits = uint(findMSB(count - 1u) + 1);
    uint multiplier = 1073741825u / count, rest = 1073741825u % count;
    for (uint bit = 0u; bit < bits; bit++) {
        rest *= 2u;
        multiplier = 2u * multiplier + uint(rest >= count);
        rest -= rest >= count ? count : 0u;
    }
    uint shift = 30u + bits;
    return wide_shift_right(wide_add(wide_mul(sum, uvec2(multiplier, 0u)), wide_bit(shift - 1u)), shift);
}

int pooled(uint i)
{
    int rest = int(i), channel = rest % p.y.w;
    rest /= p.y.w;
    ivec2 o;
    o.y = rest % p.y.z;
    rest /= p.y.z;
    o.x = rest % p.y.y;
    int image = rest / p.y.y;
    ivec2 first = o * p.window.zw - p.padding, last = min(first + p.window.xy, p.x.yz);
    first = max(first, ivec2(0));
    int least = TYPE == VK_I8 ? -128 : -32768, most = -1 - least, greatest = least;
    uvec2 sum = uvec2(0u);
    for (int y = first.x; y < last.x; y++)
        for (int x = first.y; x < last.y; x++) {
            int v = x_int(TYPE, uint(((image * p.x.y + y) * p.x.z + x) * p.x.w + channel));
            if (MAX != 0u)
                greatest = max(greatest, v);
            else
                sum = wide_add(sum, wide_of(v - p.zero_x));
        }
    if (MAX != 0u)
        return greatest;
    uvec2 y = wide_add(mean(sum, uint((last.x - first.x) * (last.y - first.y))), wide_of(p.zero_y));
    return wide_less(y, wide_of(least)) ? least : wide_less(wide_of(most), y) ? most : int(y.x);
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    uvec4 y;
    for (uint lane = 0u; lane < 4u; lane++)
        y[lane] = uint(pooled(min(first + lane, p.count - 1u)));
    store_four(TYPE, first, p.count, y);
}
