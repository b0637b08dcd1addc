/*
 * Results of layers, four columns at a time. Where fours of columns are not fours of y, as rows may
 * have any number of columns, halves and bytes go into words that others write too (store_one).
 */
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 1) buffer YFours { uvec4 y_fours[]; };
#include "store.glsl"

/* The first `count` of four neighbours from `at` on; all of them, and `at` is a multiple of 4, when
 * `fours`. Codes are whole numbers. */
void put_four(const uint type, const bool fours, uint at, uint count, vec4 value)
{
    uvec4 bits;
    for (uint j = 0u; j < 4u; j++)
        bits[j] = type <= VK_F16 ? real_bits(type, value[j]) : uint(int(value[j]));
    if (!fours)
        for (uint j = 0u; j < min(count, 4u); j++)
            store_one(type, at + j, bits[j]);
    else if (type == VK_F32 && (p.base[0].x & 3u) == 0u)
        y_fours[(p.base[0].x + at) >> 2] = bits;
    else
        store_four(type, at, at + 4u, bits);
}
