/* Sums, means or maxima of the rows of a table: an invocation has a column of a bag. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_TABLE = 0;
layout(constant_id = 3) const uint TYPE_INDICES = 0;
layout(constant_id = 4) const uint TYPE_OFFSETS = 0;
layout(constant_id = 5) const uint TYPE_WEIGHTS = 0;
layout(constant_id = 6) const uint WEIGHTED = 0;
layout(constant_id = 7) const uint MODE = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint rows, width, indices, offsets;
    uint bags, node, padding_low, padding_high;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer Table { uint table_words[]; };
layout(set = 0, binding = 3) readonly buffer Indices { uint indices_words[]; };
layout(set = 0, binding = 4) readonly buffer Offsets { uint offsets_words[]; };
layout(set = 0, binding = 5) readonly buffer Weights { uint weights_words[]; };
layout(set = 0, binding = 6) buffer Faults { uint fault_words[]; };

#define SCALE 1.0
#define ZERO 0
#define WORDS table_words
#define BASE p.base[0].y
#define FLOAT_AT table_float
#define INT_AT table_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS weights_words
#define BASE p.base[1].x
#define FLOAT_AT weights_float
#define INT_AT weights_int
#include "access.glsl"
#include "store.glsl"
#include "fault.glsl"

uvec2 index_at(uint i)
{
    uint at = p.base[0].z + (TYPE_INDICES == VK_I64 ? 2u * i : i), low = indices_words[at];
    return uvec2(low, TYPE_INDICES == VK_I64 ? indices_words[at + 1u] : uint(int(low) >> 31));
}

uvec2 offset_at(uint i)
{
    uint at = p.base[0].w + (TYPE_OFFSETS == VK_I64 ? 2u * i : i), low = offsets_words[at];
    return uvec2(low, TYPE_OFFSETS == VK_I64 ? offsets_words[at + 1u] : uint(int(low) >> 31));
}

void main()
{
    if (item() >= p.bags * p.width)
        return;
    uint bag = item() / p.width, column = item() % p.width;
    uvec2 first = offset_at(bag), end = uvec2(p.indices, 0u), padding = uvec2(p.padding_low, p.padding_high);
    if (bag + 1u < p.offsets)
        end = offset_at(bag + 1u);
    bool first_wrong = first.y != 0u || first.x > p.indices;
    if (first_wrong || end.y != 0u || end.x > p.indices || first.x > end.x) {
        fault(VK_FAULT_OUTSIDE, p.node, first_wrong ? first : end, p.indices);
        return;
    }
    float result = MODE == VK_BAG_MAX ? -INFINITY : 0.0;
    uint counted = 0u;
    for (uint i = first.x; i < end.x; i++) {
        uvec2 row = index_at(i);
        if (row.y != 0u || row.x >= p.rows) {
            fault(VK_FAULT_OUTSIDE, p.node, row, p.rows);
            return;
        }
        if (row == padding)
            continue;
        float x = table_float(TYPE_TABLE, row.x * p.width + column);
        if (WEIGHTED != 0u)
            x *= weights_float(TYPE_WEIGHTS, i);
        if (MODE == VK_BAG_MAX)
            result = x > result || is_nan(x) ? x : result;
        else
            result += x;
        counted++;
    }
    if (MODE == VK_BAG_MAX && counted == 0u)
        result = 0.0;
    if (MODE == VK_BAG_MEAN && bag == p.bags - 1u)
        counted += p.indices - end.x;
    if (MODE == VK_BAG_MEAN && counted > 0u)
        result /= float(counted);
    store_one(TYPE_Y, item(), bits_for(TYPE_Y, result));
}
