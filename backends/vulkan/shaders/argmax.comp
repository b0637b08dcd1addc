/* Where the greatest or least element stands along an axis: the first of equals; NaN beats all. */
#include "common.glsl"
#define PARAMS ivec4 kept_sizes[2], kept_strides[2], axis_sizes[2], axis_strides[2]; uint rows, size;
#include "rows.glsl"
#include "nest.glsl"

layout(constant_id = 5) const uint LEAST = 0;
layout(constant_id = 6) const uint INTEGERS = 0;
layout(constant_id = 7) const uint KEPT = 1;

#define NOWHERE 0xffffffffu
shared uint places[VK_ROWS_LOCAL];

/* Is an element at place i better than the best one so far? */
bool wins(uvec2 x, uint i, uvec2 best, uint best_at)
{
    if (best_at == NOWHERE || i == NOWHERE)
        return i != NOWHERE;
    bool earlier = i < best_at;
    if (INTEGERS != 0u)
        return x == best ? earlier : LEAST != 0u ? wide_less(x, best) : wide_less(best, x);
    float a = uintBitsToFloat(x.x), b = uintBitsToFloat(best.x);
    if (is_nan(a) || is_nan(b))
        return is_nan(a) && (earlier || !is_nan(b));
    return a == b ? earlier : LEAST != 0u ? a < b : a > b;
}

void main()
{
    uint row = row_of_all(), best_at = NOWHERE;
    uvec2 best = uvec2(0u), x;
    uint first = nest_at(KEPT, p.kept_sizes, p.kept_strides, row), end = row < p.rows ? p.size : 0u;
    for (uint i = lane_of_row(); i < end; i += LANES) {
        uint at = first + i * uint(p.axis_strides[0].x);
        x = INTEGERS != 0u ? x_wide(at) : uvec2(floatBitsToUint(x_float(TYPE_X, at)), 0u);
        if (wins(x, i, best, best_at)) {
            best = x;
            best_at = i;
        }
    }
    uint own = gl_LocalInvocationID.x, next = ACROSS != 0u ? ROWS : 1u;
    keep(own, best);
    places[own] = best_at;
    barrier();
    for (uint some = LANES / 2u; some > 0u; some /= 2u) {
        uint other = own + some * next;
        if (lane_of_row() < some) {
            recall(other, x);
            if (wins(x, places[other], best, best_at)) {
                best = x;
                best_at = places[other];
                keep(own, best);
                places[own] = best_at;
            }
        }
        barrier();
    }
    if (row < p.rows && lane_of_row() == 0u)
        store_wide(TYPE_Y, row, uvec2(best_at, 0u));
}
