/* Sums, means, extremes and products over some dimensions of a tensor of any layout. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint ACROSS = 0;
layout(constant_id = 5) const uint KIND = 0;
layout(constant_id = 6) const uint INTEGERS = 0; /* compute in int, not in float */
layout(constant_id = 7) const uint KEPT = 1;     /* loops over what is kept */
layout(constant_id = 8) const uint REDUCED = 1;
layout(constant_id = 9) const uint TRUTH = 0; /* y is BOOL */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale; /* z: what a sum is multiplied by */
    ivec4 zero;
    ivec4 kept_sizes[2], kept_strides[2], reduced_sizes[2], reduced_strides[2];
    uint rows, size;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE p.scale.x
#define ZERO p.zero.x
#include "access.glsl"
#define CODES
#include "store.glsl"
#include "fold.glsl"
#include "nest.glsl"

void main()
{
    uint row = row_of_all();
    bool live = row < p.rows;
    uint first = nest_at(KEPT, p.kept_sizes, p.kept_strides, row), end = live ? p.size : 0u;
    float real = KIND == VK_REDUCE_MAX    ? -INFINITY
                 : KIND == VK_REDUCE_MIN  ? INFINITY
                 : KIND == VK_REDUCE_PROD ? 1.0
                                          : 0.0;
    int whole = KIND == VK_REDUCE_MAX    ? int(0x80000000u)
                : KIND == VK_REDUCE_MIN  ? 0x7fffffff
                : KIND == VK_REDUCE_PROD ? 1
                                         : 0;
    for (uint i = lane_of_row(); i < end; i += LANES) {
        uint at = first + nest_at(REDUCED, p.reduced_sizes, p.reduced_strides, i);
        if (INTEGERS != 0u)
            whole = combine(KIND, whole, x_int(TYPE_X, at));
        else
            real = combine(KIND, real, x_float(TYPE_X, at));
    }
    if (INTEGERS != 0u)
        whole = fold(KIND, whole);
    else
        real = fold(KIND, real) * p.scale.z;
    if (!live || lane_of_row() != 0u)
        return;
    if (INTEGERS == 0u)
        store_one(TYPE_Y, row, bits_for(TYPE_Y, real));
    else
        store_one(TYPE_Y, row, TRUTH != 0u ? uint(whole != 0) : uint(whole));
}
