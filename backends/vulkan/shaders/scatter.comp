/*
 * y[where p leads] = src[p], or added to. Dimensions of p that lead to dimensions of their own never
 * fall together: each combination of them is an invocation, which goes through the others in order,
 * so that the last of equals stays and sums are the same in every run.
 */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_SRC = 0;
layout(constant_id = 3) const uint FREE = 0; /* loops that are spread, the first ones */
layout(constant_id = 4) const uint USES = 0;
layout(constant_id = 5) const uint WIDE = 0;
layout(constant_id = 6) const uint RANK = 1; /* all loops */
layout(constant_id = 7) const uint BRING = 0;
layout(constant_id = 8) const uint STATE = 0; /* y is a state, changed where it lies */

#include "look_up.glsl"
layout(set = 0, binding = 1) coherent buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer Src { uint src_words[]; };

#define WORDS src_words
#define BASE p.base[0].y
#define FLOAT_AT src_float
#define INT_AT src_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#define WORDS y_words
#define BASE p.base[0].x
#define FLOAT_AT y_float
#define INT_AT y_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "store.glsl"

void main()
{
    if (item() >= p.count || (STATE != 0u && begins_again()))
        return;
    place begin = place(0, 0, ivec4(0));
    walk(begin, 0u, FREE, item());
    for (uint step = 0u; step < p.steps; step++) {
        place at = begin;
        walk(at, FREE, RANK, step);
        uint to = look_up(at), from = uint(at.p), bits;
        if (to == NOWHERE)
            return;
        switch (BRING) {
        case VK_BRING_MOVE: bits = uint(src_int(TYPE_SRC, from)); break;
        case VK_BRING_CONVERT: bits = bits_for(TYPE_Y, src_float(TYPE_SRC, from)); break;
        case VK_BRING_ADD: bits = bits_for(TYPE_Y, y_float(TYPE_Y, to) + src_float(TYPE_SRC, from)); break;
        case VK_BRING_ADD_INTS: bits = uint(y_int(TYPE_Y, to) + src_int(TYPE_SRC, from)); break;
        default: bits = uint(y_int(TYPE_Y, to) | src_int(TYPE_SRC, from));
        }
        store_one(TYPE_Y, to, bits);
    }
}
