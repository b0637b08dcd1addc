/* Pooling over channels-last images. An invocation has four neighbours of y: channels of one pixel,
 * which share a window, where their number is a multiple of 4. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint UNIT = 1; /* results that share a window: 1 or 4 */
layout(constant_id = 4) const uint MAXIMUM = 0;
layout(constant_id = 5) const uint COUNT_PADDING = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    vec4 scale; /* z, w: bounds */
    ivec4 zero;
    ivec4 x, y;             /* N, H, W, C */
    ivec4 kernel_stride;    /* of h, w each */
    ivec4 dilation_padding; /* padding: top, left */
    ivec4 edge;             /* height and width with the padding after them */
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

/* The results from y's element i on. */
vec4 window(uint i)
{
    int c = int(i % uint(p.y.w)), w, h, n;
    i /= uint(p.y.w);
    w = int(i % uint(p.y.z));
    i /= uint(p.y.z);
    h = int(i % uint(p.y.y));
    n = int(i / uint(p.y.y));
    ivec2 dilation = p.dilation_padding.xy, kernel = p.kernel_stride.xy;
    ivec2 start = ivec2(h, w) * p.kernel_stride.zw - p.dilation_padding.zw;
    ivec2 first = (max(-start, 0) + dilation - 1) / dilation;
    ivec2 end = min(kernel, (p.x.yz - 1 - start) / dilation + 1);
    vec4 result = vec4(MAXIMUM != 0u ? -INFINITY : 0.0);
    for (int r = first.x; r < end.x; r++)
        for (int q = first.y; q < end.y; q++) {
            int row = start.x + r * dilation.x, column = start.y + q * dilation.y;
            uint at = uint(((n * p.x.y + row) * p.x.z + column) * p.x.w + c);
            for (uint k = 0u; k < UNIT; k++) {
                float x = x_float(TYPE_X, at + k);
                if (MAXIMUM == 0u)
                    result[k] += x;
                else
                    result[k] = is_nan(x) || x > result[k] ? x : result[k];
            }
        }
    if (MAXIMUM == 0u) {
        ivec2 reach = min(start + (kernel - 1) * dilation + 1, p.edge.xy) - start;
        ivec2 counted = COUNT_PADDING != 0u ? (reach + dilation - 1) / dilation : end - first;
        result /= float(counted.x) * float(counted.y);
    }
    for (uint k = 0u; k < UNIT; k++)
        result[k] = clamp_to(result[k], p.scale.z, p.scale.w);
    return result;
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    vec4 y;
    if (UNIT == 4u)
        y = window(first);
    else
        for (uint k = 0u; k < 4u; k++)
            y[k] = window(min(first + k, p.count - 1u)).x;
    store_reals(TYPE_Y, first, p.count, y);
}
