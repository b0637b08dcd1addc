/*
 * What GATHER and SCATTER have in common: places p of the smaller side, and where in x each one
 * leads. Every dimension is a stride, an index operand adds its value times a stride.
 */
layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 sizes[2];                          /* loops over p, outermost first */
    ivec4 x_strides[2], p_strides[2];        /* of x; of SCATTER's src */
    ivec4 index_strides[VK_INDEX_OPERANDS][2];
    ivec4 uses[8]; /* index operand, size and stride of a dimension of x that it indexes */
    uint count, node, inner, steps;
} p;
layout(set = 0, binding = 3) readonly buffer Index0 { uint index0_words[]; };
layout(set = 0, binding = 4) readonly buffer Index1 { uint index1_words[]; };
layout(set = 0, binding = 5) readonly buffer Index2 { uint index2_words[]; };
layout(set = 0, binding = 6) readonly buffer Index3 { uint index3_words[]; };
layout(set = 0, binding = 7) buffer Faults { uint fault_words[]; };

#include "fault.glsl"

uvec2 index_of(uint operand, uint at)
{
    bool wide = (WIDE >> operand & 1u) != 0u;
    uint i = wide ? 2u * at : at, low, high = 0u;
    switch (operand) {
    case 0u:
        i += p.base[0].z;
        low = index0_words[i];
        high = wide ? index0_words[i + 1u] : 0u;
        break;
    case 1u:
        i += p.base[0].w;
        low = index1_words[i];
        high = wide ? index1_words[i + 1u] : 0u;
        break;
    case 2u:
        i += p.base[1].x;
        low = index2_words[i];
        high = wide ? index2_words[i + 1u] : 0u;
        break;
    default:
        i += p.base[1].y;
        low = index3_words[i];
        high = wide ? index3_words[i + 1u] : 0u;
    }
    return uvec2(low, wide ? high : uint(int(low) >> 31));
}

/* Where a place stands as far as the loops tell. */
struct place {
    int x, p;
    ivec4 index;
};

/* Adds step i of the loops from `first` to before `end`. */
void walk(inout place at, const uint first, const uint end, uint i)
{
    for (int d = int(end) - 1; d >= int(first); d--) {
        uint size = uint(p.sizes[d >> 2][d & 3]);
        int step = int(i % size);
        i /= size;
        at.x += step * p.x_strides[d >> 2][d & 3];
        at.p += step * p.p_strides[d >> 2][d & 3];
        at.index += step * ivec4(p.index_strides[0][d >> 2][d & 3], p.index_strides[1][d >> 2][d & 3],
                                 p.index_strides[2][d >> 2][d & 3], p.index_strides[3][d >> 2][d & 3]);
    }
}

/* The element of x, or NOWHERE. */
uint look_up(place at)
{
    for (uint u = 0u; u < USES; u++) {
        uint found = checked(index_of(uint(p.uses[u].x), uint(at.index[p.uses[u].x])),
                             uint(p.uses[u].y), p.node);
        if (found == NOWHERE)
            return NOWHERE;
        at.x += int(found) * p.uses[u].z;
    }
    return uint(at.x);
}
