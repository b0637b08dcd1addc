/* Running sums along an axis: LANES invocations take as many neighbours at a time, and carry on. */
#include "common.glsl"

#define PARAMS ivec4 kept_sizes[2], kept_strides[2], axis_sizes[2], axis_strides[2]; uint rows, size; \
    ivec4 y_strides[2]; int y_step;
#include "rows.glsl"
#include "nest.glsl"

layout(constant_id = 5) const uint INTEGERS = 0;
layout(constant_id = 6) const uint KEPT = 1;

/* A number is two words here: of 64-bit integers both. */
uvec2 load(uint at)
{
    return INTEGERS != 0u ? x_wide(at) : uvec2(floatBitsToUint(x_float(TYPE_X, at)), 0u);
}

uvec2 add(uvec2 a, uvec2 b)
{
    return INTEGERS != 0u ? wide_add(a, b)
                          : uvec2(floatBitsToUint(uintBitsToFloat(a.x) + uintBitsToFloat(b.x)), 0u);
}

void store(uint at, uvec2 sum)
{
    if (INTEGERS != 0u)
        store_wide(TYPE_Y, at, sum);
    else
        store_one(TYPE_Y, at, bits_for(TYPE_Y, uintBitsToFloat(sum.x)));
}

void main()
{
    uint row = row_of_all(), lane = lane_of_row();
    bool live = row < p.rows;
    uint from = nest_at(KEPT, p.kept_sizes, p.kept_strides, row);
    uint to = nest_at(KEPT, p.kept_sizes, p.y_strides, row);
    uint own = gl_LocalInvocationID.x, next = ACROSS != 0u ? ROWS : 1u;
    uvec2 carried = uvec2(0u);
    for (uint start = 0u; start < p.size; start += LANES) {
        uint i = start + lane;
        bool there = live && i < p.size;
        uvec2 sum = there ? load(uint(int(from) + int(i) * p.axis_strides[0].x)) : uvec2(0u);
        keep(own, sum);
        barrier();
        for (uint by = 1u; by < LANES; by *= 2u) {
            uvec2 before;
            if (lane >= by) {
                recall(own - by * next, before);
                sum = add(before, sum);
            }
            barrier();
            keep(own, sum);
            barrier();
        }
        sum = add(carried, sum);
        if (there)
            store(uint(int(to) + int(i) * p.y_step), sum);
        uvec2 all;
        recall(own + (LANES - 1u - lane) * next, all);
        carried = add(carried, all);
        barrier();
    }
}
