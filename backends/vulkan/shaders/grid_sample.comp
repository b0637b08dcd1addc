/* Samples of planes of an image where a second tensor says. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint TYPE_GRID = 0;
layout(constant_id = 4) const uint MODE = 0;
layout(constant_id = 5) const uint EDGE = 0;
layout(constant_id = 6) const uint ALIGN = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec2 x; /* H, W */
    uint area, channels, count;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer Grid { uint grid_words[]; };

#define SCALE 1.0
#define ZERO 0
#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS grid_words
#define BASE p.base[0].z
#define FLOAT_AT grid_float
#define INT_AT grid_int
#include "access.glsl"
#include "store.glsl"

/* Where -1 to 1 is in pixels; rounding decides which pixel is the nearest. */
float unnormalise(float at, int size)
{
    precise float y = at + 1.0;
    if (ALIGN != 0u) {
        y = y / 2.0;
        y = y * float(size - 1);
    } else {
        y = y * float(size);
        y = (y - 1.0) / 2.0;
    }
    return y;
}

float reflected(float at, float low, float span)
{
    if (span <= 0.0)
        return 0.0;
    at = abs(at - low);
    float turns = floor(at / span), extra = at - turns * span;
    return (mod(turns, 2.0) == 0.0 ? extra : span - extra) + low;
}

/* The coordinate as the edge rule wants it. What cannot be one is far outside. */
float settle(float at, int size)
{
    float last = float(size - 1);
    if (!(abs(at) < 1099511627776.0))
        at = -16.0;
    if (EDGE == VK_GRID_REFLECTION)
        at = ALIGN != 0u ? reflected(at, 0.0, last) : reflected(at, -0.5, float(size));
    if (EDGE != VK_GRID_ZEROS)
        at = clamp(at, 0.0, last);
    return at;
}

float pixel(uint plane, float h, float w)
{
    if (!(h >= 0.0 && h < float(p.x.x) && w >= 0.0 && w < float(p.x.y)))
        return 0.0;
    return x_float(TYPE_X, (plane * uint(p.x.x) + uint(h)) * uint(p.x.y) + uint(w));
}

/* Keys' cubic convolution, a = -0.75. */
vec4 cubic_shares(float t)
{
    const float a = -0.75;
    vec4 x = vec4(t + 1.0, t, 1.0 - t, 2.0 - t), near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
         far = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return vec4(far.x, near.y, near.z, far.w);
}

float bicubic(uint plane, float h, float w)
{
    if (!(abs(h) < 1099511627776.0) || !(abs(w) < 1099511627776.0))
        return 0.0;
    vec4 down = cubic_shares(h - floor(h)), right = cubic_shares(w - floor(w));
    float sum = 0.0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            sum += down[i] * right[j] *
                   pixel(plane, floor(settle(floor(h) - 1.0 + float(i), p.x.x)),
                         floor(settle(floor(w) - 1.0 + float(j), p.x.y)));
    return sum;
}

float bilinear(uint plane, float h, float w)
{
    h = settle(h, p.x.x);
    w = settle(w, p.x.y);
    float top = floor(h), left = floor(w), down = h - top, right = w - left;
    return pixel(plane, top, left) * (1.0 - down) * (1.0 - right) +
           pixel(plane, top, left + 1.0) * (1.0 - down) * right +
           pixel(plane, top + 1.0, left) * down * (1.0 - right) +
           pixel(plane, top + 1.0, left + 1.0) * down * right;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    vec4 y;
    for (uint k = 0u; k < 4u; k++) {
        uint i = min(first + k, p.count - 1u), plane = i / p.area;
        uint at = 2u * (plane / p.channels * p.area + i % p.area);
        float w = unnormalise(grid_float(TYPE_GRID, at), p.x.y);
        float h = unnormalise(grid_float(TYPE_GRID, at + 1u), p.x.x);
        y[k] = MODE == VK_GRID_BILINEAR ? bilinear(plane, h, w)
               : MODE == VK_GRID_BICUBIC
                   ? bicubic(plane, h, w)
                   : pixel(plane, roundEven(settle(h, p.x.x)), roundEven(settle(w, p.x.y)));
    }
    store_reals(TYPE_Y, first, p.count, y);
}
