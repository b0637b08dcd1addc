/* p-norms of the differences between all rows of two matrices. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_A = 0;
layout(constant_id = 3) const uint TYPE_B = 0;
layout(constant_id = 4) const uint NORM = 0; /* VK_NORM_.. */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint rows, columns, along, count;
    float norm;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer A { uint a_words[]; };
layout(set = 0, binding = 3) readonly buffer B { uint b_words[]; };

#define SCALE 1.0
#define ZERO 0
#define WORDS a_words
#define BASE p.base[0].y
#define FLOAT_AT a_float
#define INT_AT a_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS b_words
#define BASE p.base[0].z
#define FLOAT_AT b_float
#define INT_AT b_int
#include "access.glsl"
#include "functions.glsl"
#include "store.glsl"

float distance_at(uint i)
{
    uint row = i / p.columns, column = i % p.columns;
    uint a = row * p.along, b = (row / p.rows * p.columns + column) * p.along;
    float sum = 0.0;
    for (uint k = 0u; k < p.along; k++) {
        float d = abs(a_float(TYPE_A, a + k) - b_float(TYPE_B, b + k));
        switch (NORM) {
        case VK_NORM_COUNT: sum += d == 0.0 ? 0.0 : 1.0; break;
        case VK_NORM_SUM: sum += d; break;
        case VK_NORM_SQUARES: sum += d * d; break;
        case VK_NORM_GREATEST: sum = d > sum || is_nan(d) ? d : sum; break;
        default: sum += pow_of(d, p.norm);
        }
    }
    return NORM == VK_NORM_SQUARES ? sqrt(sum) : NORM == VK_NORM_POWERS ? pow_of(sum, 1.0 / p.norm) : sum;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    vec4 y;
    for (uint k = 0u; k < 4u; k++)
        y[k] = distance_at(min(first + k, p.count - 1u));
    store_reals(TYPE_Y, first, p.count, y);
}
