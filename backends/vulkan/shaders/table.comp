/* Codes through a table of 256 codes: an invocation has four, which are one word on either side. */
#include "common.glsl"

layout(constant_id = 1) const uint FLIP = 0; /* of signed codes, which begin in the middle */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint count;
} p;
layout(set = 0, binding = 1) writeonly buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer Table { uint table_words[]; };

shared uint table[64];

void main()
{
    for (uint i = gl_LocalInvocationID.x; i < 64u; i += gl_WorkGroupSize.x)
        table[i] = table_words[p.base[0].z + i];
    barrier();
    if (4u * item() >= p.count)
        return;
    uint x = x_words[p.base[0].y + item()] ^ FLIP, y = 0u;
    for (uint k = 0u; k < 4u; k++) {
        uint code = x >> (8u * k) & 0xffu;
        y |= (table[code >> 2] >> (8u * (code & 3u)) & 0xffu) << (8u * k);
    }
    y_words[p.base[0].x + item()] = y;
}
