/* Resampling of channels-last images: the nearest element, as it is, or a blend of four. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint UNIT = 1;
layout(constant_id = 4) const uint SAMPLE = 0; /* VK_SAMPLE_.. */
layout(constant_id = 5) const uint ROUNDS = 0; /* to the nearest, not down */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale;
    ivec4 zero;
    ivec4 x, y;  /* N, H, W, C */
    vec4 steps;  /* of h, w; z: where in an output pixel we look */
    uint count;
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

/* Where output index `at` looks, rounded at each step as on the CPU. */
float position(int at, float by, int size)
{
    precise float found = float(at) + p.steps.z;
    found = by * found;
    if (SAMPLE == VK_SAMPLE_BILINEAR)
        found = found - p.steps.z;
    else if (ROUNDS != 0u)
        found = roundEven(found);
    return min(found > 0.0 ? found : 0.0, float(size - 1));
}

/* Bits of the results from y's element i on. */
uvec4 sample_at(uint i)
{
    int c = int(i % uint(p.y.w)), w, h, n;
    i /= uint(p.y.w);
    w = int(i % uint(p.y.z));
    i /= uint(p.y.z);
    h = int(i % uint(p.y.y));
    n = int(i / uint(p.y.y));
    float row = position(h, p.steps.x, p.x.y), column = position(w, p.steps.y, p.x.z);
    int top = int(row), left = int(column);
    uint at = uint(((n * p.x.y + top) * p.x.z + left) * p.x.w + c);
    uvec4 y = uvec4(0u);
    if (SAMPLE != VK_SAMPLE_BILINEAR) {
        for (uint k = 0u; k < UNIT; k++)
            y[k] = SAMPLE == VK_SAMPLE_MOVE ? uint(x_int(TYPE_X, at + k))
                                            : bits_for(TYPE_Y, x_float(TYPE_X, at + k));
        return y;
    }
    float down = row - float(top), right = column - float(left);
    uint below = top < p.x.y - 1 ? uint(p.x.z * p.x.w) : 0u, beside = left < p.x.z - 1 ? uint(p.x.w) : 0u;
    for (uint k = 0u; k < UNIT; k++) {
        float above = x_float(TYPE_X, at + k) * (1.0 - right) + x_float(TYPE_X, at + beside + k) * right;
        float under = x_float(TYPE_X, at + below + k) * (1.0 - right) +
                      x_float(TYPE_X, at + below + beside + k) * right;
        y[k] = bits_for(TYPE_Y, above * (1.0 - down) + under * down);
    }
    return y;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    uvec4 y;
    if (UNIT == 4u)
        y = sample_at(first);
    else
        for (uint k = 0u; k < 4u; k++)
            y[k] = sample_at(min(first + k, p.count - 1u)).x;
    store_four(TYPE_Y, first, p.count, y);
}
