/* Running sums along an axis: LANES invocations take as many neighbours at a time, and carry on. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint ACROSS = 0;
layout(constant_id = 5) const uint INTEGERS = 0;
layout(constant_id = 6) const uint KEPT = 1;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale;
    ivec4 zero;
    ivec4 kept_sizes[2], kept_strides[2], axis_sizes[2], axis_strides[2]; /* x's */
    uint rows, size;
    ivec4 y_strides[2];
    int y_step;
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
#include "fold.glsl"
#include "nest.glsl"

shared uvec2 sums[VK_ROWS_LOCAL];

/* A number is two words here: of 64-bit integers both. */
uvec2 load(uint at)
{
    if (INTEGERS == 0u)
        return uvec2(floatBitsToUint(x_float(TYPE_X, at)), 0u);
    if (TYPE_X == VK_I64)
        return uvec2(x_words[p.base[0].y + 2u * at], x_words[p.base[0].y + 2u * at + 1u]);
    return uvec2(x_int(TYPE_X, at), 0u);
}

uvec2 add(uvec2 a, uvec2 b)
{
    if (INTEGERS == 0u)
        return uvec2(floatBitsToUint(uintBitsToFloat(a.x) + uintBitsToFloat(b.x)), 0u);
    uint carry, low = uaddCarry(a.x, b.x, carry);
    return uvec2(low, a.y + b.y + carry);
}

void store(uint at, uvec2 sum)
{
    if (TYPE_Y == VK_I64) {
        y_words[p.base[0].x + 2u * at] = sum.x;
        y_words[p.base[0].x + 2u * at + 1u] = sum.y;
    } else {
        store_one(TYPE_Y, at, INTEGERS != 0u ? sum.x : bits_for(TYPE_Y, uintBitsToFloat(sum.x)));
    }
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
        sums[own] = sum;
        barrier();
        for (uint by = 1u; by < LANES; by *= 2u) {
            if (lane >= by)
                sum = add(sums[own - by * next], sum);
            barrier();
            sums[own] = sum;
            barrier();
        }
        sum = add(carried, sum);
        if (there)
            store(uint(int(to) + int(i) * p.y_step), sum);
        carried = add(carried, sums[own + (LANES - 1u - lane) * next]);
        barrier();
    }
}
