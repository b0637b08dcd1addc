/* A size that the data tell: another than the graph was made for ends the run. */
#include "common.glsl"

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uvec2 size; /* low word first */
    uint node;
} p;
layout(set = 0, binding = 1) writeonly buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) buffer Faults { uint fault_words[]; };

#include "fault.glsl"

void main()
{
    uvec2 found = uvec2(x_words[p.base[0].y], x_words[p.base[0].y + 1u]);
    y_words[p.base[0].x] = found.x;
    y_words[p.base[0].x + 1u] = found.y;
    if (found != p.size)
        fault(VK_FAULT_EXPECT, p.node, found, 0u);
}
