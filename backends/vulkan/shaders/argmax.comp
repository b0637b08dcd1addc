/* Where the greatest or least element stands along an axis: the first of equals; NaN beats all. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_X = 0;
layout(constant_id = 2) const uint LANES = 1;
layout(constant_id = 3) const uint ACROSS = 0;
layout(constant_id = 4) const uint LEAST = 0;
layout(constant_id = 5) const uint INTEGERS = 0;
layout(constant_id = 6) const uint KEPT = 1;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale;
    ivec4 zero;
    ivec4 kept_sizes[2], kept_strides[2], axis_sizes[2], axis_strides[2];
    uint rows, size;
} p;
layout(set = 0, binding = 1) writeonly buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "fold.glsl"
#include "nest.glsl"

shared uint places[VK_ROWS_LOCAL];

/* Is an element at place i better than the best one so far? */
bool wins(uint x, uint i, uint best, uint best_at)
{
    if (best_at == 0xffffffffu || i == 0xffffffffu)
        return i != 0xffffffffu;
    bool earlier = i < best_at;
    if (INTEGERS != 0u)
        return x == best ? earlier : LEAST != 0u ? int(x) < int(best) : int(x) > int(best);
    float a = uintBitsToFloat(x), b = uintBitsToFloat(best);
    if (is_nan(a) || is_nan(b))
        return is_nan(a) && (earlier || !is_nan(b));
    return a == b ? earlier : LEAST != 0u ? a < b : a > b;
}

void main()
{
    uint row = row_of_all(), best = 0u, best_at = 0xffffffffu;
    uint first = nest_at(KEPT, p.kept_sizes, p.kept_strides, row), end = row < p.rows ? p.size : 0u;
    for (uint i = lane_of_row(); i < end; i += LANES) {
        uint at = first + i * uint(p.axis_strides[0].x);
        uint x = INTEGERS != 0u ? uint(x_int(TYPE_X, at)) : floatBitsToUint(x_float(TYPE_X, at));
        if (wins(x, i, best, best_at)) {
            best = x;
            best_at = i;
        }
    }
    uint own = gl_LocalInvocationID.x, next = ACROSS != 0u ? ROWS : 1u;
    folded[own] = best;
    places[own] = best_at;
    barrier();
    for (uint some = LANES / 2u; some > 0u; some /= 2u) {
        uint other = own + some * next;
        if (lane_of_row() < some && wins(folded[other], places[other], folded[own], places[own])) {
            folded[own] = folded[other];
            places[own] = places[other];
        }
        barrier();
    }
    if (row < p.rows && lane_of_row() == 0u) {
        y_words[p.base[0].x + 2u * row] = places[own];
        y_words[p.base[0].x + 2u * row + 1u] = 0u;
    }
}
