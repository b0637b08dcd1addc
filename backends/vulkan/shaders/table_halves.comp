/* I16 through a table of 513: 9 bits of an element choose two neighbours, 7 stand between them. */
#include "common.glsl"

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint count;
} p;
layout(set = 0, binding = 1) writeonly buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer Table { uint table_words[]; };

int half_of(uint word, uint i)
{
    return bitfieldExtract(int(word), int(16u * (i & 1u)), 16);
}

int table_at(uint i)
{
    return half_of(table_words[p.base[0].z + (i >> 1)], i);
}

void main()
{
    uint first = 4u * item();
    for (uint i = first; i < min(first + 4u, p.count); i++) {
        int x = half_of(x_words[p.base[0].y + (i >> 1)], i);
        uint at = uint((x >> 7) + 256);
        int y = table_at(at);
        y_words[p.base[0].x + i] = uint(y * 128 + (table_at(at + 1u) - y) * (x & 127));
    }
}
