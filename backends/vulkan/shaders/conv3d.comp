/* Convolutions of volumes, transposed ones too: an invocation goes through the taps of four results. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint TYPE_W = 0;
layout(constant_id = 4) const uint TYPE_BIAS = 0;
layout(constant_id = 5) const uint TRANSPOSED = 0;
layout(constant_id = 6) const uint BIASED = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x, y; /* C, D, H, W */
    ivec4 kernel, stride, dilation, padding;
    int groups;
    uint count;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer W { uint w_words[]; };
layout(set = 0, binding = 4) readonly buffer Bias { uint bias_words[]; };

#define SCALE 1.0
#define ZERO 0
#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS w_words
#define BASE p.base[0].z
#define FLOAT_AT w_float
#define INT_AT w_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS bias_words
#define BASE p.base[0].w
#define FLOAT_AT bias_float
#define INT_AT bias_int
#include "access.glsl"
#include "store.glsl"

float result_at(uint i)
{
    ivec3 at;
    for (int axis = 2; axis >= 0; axis--) {
        at[axis] = int(i % uint(p.y[axis + 1]));
        i /= uint(p.y[axis + 1]);
    }
    int o = int(i % uint(p.y.x)), n = int(i / uint(p.y.x));
    int ins = p.x.x / p.groups, outs = p.y.x / p.groups, group = o / outs;
    float sum = BIASED != 0u ? bias_float(TYPE_BIAS, uint(o)) : 0.0;
    ivec3 start = TRANSPOSED != 0u ? at + p.padding.xyz : at * p.stride.xyz - p.padding.xyz;
    for (int d = 0; d < p.kernel.x; d++)
        for (int h = 0; h < p.kernel.y; h++)
            for (int w = 0; w < p.kernel.z; w++) {
                ivec3 from = ivec3(d, h, w) * p.dilation.xyz;
                if (TRANSPOSED != 0u) {
                    from = start - from;
                    if (any(notEqual(max(from, 0) % p.stride.xyz, ivec3(0))) || any(lessThan(from, ivec3(0))))
                        continue;
                    from /= p.stride.xyz;
                } else {
                    from = start + from;
                }
                if (any(lessThan(from, ivec3(0))) || any(greaterThanEqual(from, p.x.yzw)))
                    continue;
                int tap = (d * p.kernel.y + h) * p.kernel.z + w, taps = p.kernel.x * p.kernel.y * p.kernel.z;
                int area = p.x.y * p.x.z * p.x.w;
                int x = (n * p.x.x + group * ins) * area + (from.x * p.x.z + from.y) * p.x.w + from.z;
                int weight = TRANSPOSED != 0u ? (group * ins * outs + o % outs) * taps + tap
                                              : o * ins * taps + tap;
                int next = TRANSPOSED != 0u ? outs * taps : taps;
                for (int c = 0; c < ins; c++)
                    sum += x_float(TYPE_X, uint(x + c * area)) * w_float(TYPE_W, uint(weight + c * next));
            }
    return sum;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    vec4 y;
    for (uint k = 0u; k < 4u; k++)
        y[k] = result_at(min(first + k, p.count - 1u));
    store_reals(TYPE_Y, first, p.count, y);
}
