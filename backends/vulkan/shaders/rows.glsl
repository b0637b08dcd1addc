/*
 * What shaders over rows begin with: constants, parameters, x and y. Before the inclusion: PARAMS,
 * what follows in the uniform block.
 */
layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint ACROSS = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale; /* struct vk_coding */
    ivec4 zero;
    PARAMS
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE p.scale.x
#define ZERO p.zero.x
#include "access.glsl"
#define CODES
#include "store.glsl"
#include "wide.glsl"
#include "fold.glsl"

/* An integer of any type. */
uvec2 x_wide(uint i)
{
    uint at = p.base[0].y + 2u * i;
    return TYPE_X == VK_I64 ? uvec2(x_words[at], x_words[at + 1u]) : wide_of(x_int(TYPE_X, i));
}
