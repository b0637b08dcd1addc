/* Images sampled at multiples of a fraction, as TOSA's RESIZE has it. Bilinear integers come out
 * multiplied, so nothing is rounded. */
#include "common.glsl"
#include "wide.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint BILINEAR = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x, y;  /* N, H, W, C */
    ivec4 scale; /* vertical, horizontal: the fraction upside down */
    ivec2 offset;
    uint count;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "store.glsl"

/* Two neighbours and how far, in parts of `unit`, the sample is from the first. */
struct sample_ {
    int first, second, distance_, unit;
};

sample_ sample_at(int d, int o)
{
    sample_ s;
    int at = o * p.scale[2 * d + 1] + p.offset[d], last = p.x[1 + d] - 1;
    s.unit = p.scale[2 * d];
    int whole = at >= 0 ? at / s.unit : -((-at + s.unit - 1) / s.unit); /* rounded down */
    s.distance_ = at - whole * s.unit;
    s.first = clamp(whole, 0, last);
    s.second = clamp(whole + 1, 0, last);
    return s;
}

/* The bits of a result; of 64 the low ones, and the high ones in `high`. */
uint resized(uint i, out uint high)
{
    int rest = int(i), channel = rest % p.y.w;
    rest /= p.y.w;
    sample_ h = sample_at(1, rest % p.y.z);
    rest /= p.y.z;
    sample_ v = sample_at(0, rest % p.y.y);
    int image = rest / p.y.y;
    uint at[4];
    for (int k = 0; k < 4; k++)
        at[k] = uint(((image * p.x.y + (k / 2 != 0 ? v.second : v.first)) * p.x.z +
                      (k % 2 != 0 ? h.second : h.first)) * p.x.w + channel);
    high = 0u;
    if (BILINEAR == 0u) {
        uint from = at[(2 * v.distance_ >= v.unit ? 2 : 0) + (2 * h.distance_ >= h.unit ? 1 : 0)];
        return TYPE_X <= VK_BF16 ? bits_for(TYPE_Y, x_float(TYPE_X, from)) : uint(x_int(TYPE_X, from));
    }
    if (TYPE_X <= VK_BF16) {
        float dy = float(v.distance_) / float(v.unit), dx = float(h.distance_) / float(h.unit);
        return bits_for(TYPE_Y, x_float(TYPE_X, at[0]) * (1.0 - dy) * (1.0 - dx) +
                                    x_float(TYPE_X, at[1]) * (1.0 - dy) * dx +
                                    x_float(TYPE_X, at[2]) * dy * (1.0 - dx) + x_float(TYPE_X, at[3]) * dy * dx);
    }
    int up = v.unit - v.distance_, left = h.unit - h.distance_;
    int weights[4] = {up * left, up * h.distance_, v.distance_ * left, v.distance_ * h.distance_};
    uvec2 sum = uvec2(0u);
    for (int k = 0; k < 4; k++)
        sum = wide_add(sum, wide_product(x_int(TYPE_X, at[k]), weights[k]));
    high = sum.y;
    return sum.x;
}

void main()
{
    uint first = 4u * item(), high;
    uvec4 y;
    for (uint lane = 0u; lane < 4u && first + lane < p.count; lane++) {
        y[lane] = resized(first + lane, high);
        if (TYPE_Y == VK_I64)
            store_wide(TYPE_Y, first + lane, uvec2(y[lane], high));
    }
    if (TYPE_Y != VK_I64 && first < p.count)
        store_four(TYPE_Y, first, p.count, y);
}
