/* y[p] = x[where p leads]. An invocation has four neighbours of y, which often share a look-up. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint RANK = 1;
layout(constant_id = 4) const uint USES = 0;
layout(constant_id = 5) const uint WIDE = 0; /* bit i: index operand i is I64 */
layout(constant_id = 6) const uint UNIT = 1; /* results that share a look-up: 1 or 4 */
layout(constant_id = 7) const uint BRING = 0;

#include "look_up.glsl"
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

uint find(uint i)
{
    place at = place(0, 0, ivec4(0));
    walk(at, 0u, RANK, i);
    return look_up(at);
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    uvec4 y;
    uint found = find(first);
    for (uint k = 0u; k < 4u; k++) {
        if (UNIT == 1u && k > 0u)
            found = find(min(first + k, p.count - 1u));
        uint at = UNIT == 1u ? found : found + k * p.inner;
        if (found == NOWHERE)
            y[k] = 0u;
        else
            y[k] = BRING == VK_BRING_MOVE ? uint(x_int(TYPE_X, at)) : bits_for(TYPE_Y, x_float(TYPE_X, at));
    }
    store_four(TYPE_Y, first, p.count, y);
}
