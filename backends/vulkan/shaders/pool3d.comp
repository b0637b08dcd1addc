/* Pools of volumes: maxima, where these are, and averages; also over windows that fit any size. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint KIND = 0;
layout(constant_id = 4) const uint ADAPTIVE = 0;
layout(constant_id = 5) const uint COUNT_PADDING = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x, y; /* D, H, W */
    ivec4 kernel, stride, dilation, padding;
    uint count;
    float divisor; /* 0: the window's count */
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

uint result_at(uint i)
{
    ivec3 at;
    for (int axis = 2; axis >= 0; axis--) {
        at[axis] = int(i % uint(p.y[axis]));
        i /= uint(p.y[axis]);
    }
    ivec3 first, end, by = ivec3(1), padded;
    if (ADAPTIVE != 0u) {
        first = at * p.x.xyz / p.y.xyz;
        end = ((at + 1) * p.x.xyz + p.y.xyz - 1) / p.y.xyz;
        padded = end - first;
    } else {
        by = p.dilation.xyz;
        ivec3 start = at * p.stride.xyz - p.padding.xyz, reach = start + (p.kernel.xyz - 1) * by + 1;
        padded = min(reach, p.x.xyz + p.padding.xyz) - start;
        first = start + (max(-start, 0) + by - 1) / by * by;
        end = min(reach, p.x.xyz);
    }
    int plane = int(i) * p.x.x * p.x.y * p.x.z, place = (first.x * p.x.y + first.y) * p.x.z + first.z;
    float best = -INFINITY, sum = 0.0;
    for (int d = first.x; d < end.x; d += by.x)
        for (int h = first.y; h < end.y; h += by.y)
            for (int w = first.z; w < end.z; w += by.z) {
                int here = (d * p.x.y + h) * p.x.z + w;
                float x = x_float(TYPE_X, uint(plane + here));
                sum += x;
                if (x > best || is_nan(x)) {
                    best = x;
                    place = here;
                }
            }
    if (KIND == VK_POOL3D_MAX_INDEX)
        return uint(place);
    if (KIND == VK_POOL3D_MAX)
        return bits_for(TYPE_Y, best);
    ivec3 counts = COUNT_PADDING != 0u ? padded : max((end - first + by - 1) / by, 0);
    float count = float(counts.x) * float(counts.y) * float(counts.z);
    return bits_for(TYPE_Y, sum / (p.divisor != 0.0 ? p.divisor : count));
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    uvec4 y;
    for (uint k = 0u; k < 4u; k++)
        y[k] = result_at(min(first + k, p.count - 1u));
    store_four(TYPE_Y, first, p.count, y);
}
