/* What sorting shaders have in common: rows of `size` elements, `inner` apart, of a row-major tensor,
 * and keys of two words in the order of the elements. Equal elements go by their place. */
layout(constant_id = 1) const uint TYPE_X = 0;
layout(constant_id = 2) const uint INTEGERS = 0;
layout(constant_id = 3) const uint DESCENDING = 0;
layout(constant_id = 4) const uint MEDIAN = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint rows, size, inner, wanted; /* of each row's order the first `wanted` are */
    uint width;                     /* of the runs that are in order by now */
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

#define LAST 0xffffffffu /* the high word of what is not there, and of NaN, which has no other */

/* The first element of a row of which `length` elements matter. */
uint row_start(uint row, uint length)
{
    return row / p.inner * length * p.inner + row % p.inner;
}

/* Floats by sign and magnitude, of which zero has one. */
uvec2 key_of(uint at)
{
    uint flip = DESCENDING != 0u ? LAST : 0u;
    if (INTEGERS != 0u) {
        if (TYPE_X != VK_I64)
            return uvec2(0u, uint(x_int(TYPE_X, at)) ^ 0x80000000u ^ flip);
        uint word = p.base[0].y + 2u * at;
        return uvec2(x_words[word] ^ flip, x_words[word + 1u] ^ 0x80000000u ^ flip);
    }
    float x = x_float(TYPE_X, at);
    uint bits = x == 0.0 ? 0u : floatBitsToUint(x);
    return uvec2(0u, (is_nan(x) ? LAST : (bits >> 31) != 0u ? ~bits : bits | 0x80000000u) ^ flip);
}

bool key_less(uvec2 a, uvec2 b)
{
    return a.y != b.y ? a.y < b.y : a.x < b.x;
}

bool is_nan_key(uvec2 key)
{
    return INTEGERS == 0u && key.y == LAST;
}
