/* Sums, means, extremes and products over some dimensions of a tensor of any layout. */
#include "common.glsl"

#define PARAMS ivec4 kept_sizes[2], kept_strides[2], reduced_sizes[2], reduced_strides[2]; uint rows, size;
#include "rows.glsl"
#include "nest.glsl"

layout(constant_id = 5) const uint KIND = 0;
layout(constant_id = 6) const uint INTEGERS = 0; /* compute in 64-bit integers, not in float */
layout(constant_id = 7) const uint KEPT = 1;     /* loops over what is kept */
layout(constant_id = 8) const uint REDUCED = 1;
layout(constant_id = 9) const uint TRUTH = 0; /* y is BOOL */

void main()
{
    uint row = row_of_all();
    bool live = row < p.rows;
    uint first = nest_at(KEPT, p.kept_sizes, p.kept_strides, row), end = live ? p.size : 0u;
    float real = KIND == VK_REDUCE_MAX    ? -INFINITY
                 : KIND == VK_REDUCE_MIN  ? INFINITY
                 : KIND == VK_REDUCE_PROD ? 1.0
                                          : 0.0;
    uvec2 whole = KIND == VK_REDUCE_MAX    ? uvec2(0u, 0x80000000u)
                  : KIND == VK_REDUCE_MIN  ? uvec2(0xffffffffu, 0x7fffffffu)
                  : KIND == VK_REDUCE_PROD ? uvec2(1u, 0u)
                                           : uvec2(0u);
    for (uint i = lane_of_row(); i < end; i += LANES) {
        uint at = first + nest_at(REDUCED, p.reduced_sizes, p.reduced_strides, i);
        if (INTEGERS != 0u)
            whole = combine(KIND, whole, x_wide(at));
        else
            real = combine(KIND, real, x_float(TYPE_X, at));
    }
    if (INTEGERS != 0u)
        whole = fold(KIND, whole);
    else
        real = fold(KIND, real) * p.scale.z; /* a mean's share */
    if (!live || lane_of_row() != 0u)
        return;
    if (INTEGERS == 0u)
        store_one(TYPE_Y, row, bits_for(TYPE_Y, real));
    else if (TRUTH != 0u)
        store_one(TYPE_Y, row, uint(whole != uvec2(0u)));
    else
        store_wide(TYPE_Y, row, whole);
}
