/*
 * Convolutions and products of plain integers: I8 adds up in I32, I16 in I64, both exactly. An
 * invocation has one result. A product of matrices is a convolution of 1 x 1 whose weights are
 * another image's.
 */
#include "common.glsl"
#include "wide.glsl"

layout(constant_id = 1) const uint TYPE_X = 0; /* VK_I8 or VK_I16, which is wide */
layout(constant_id = 2) const uint TYPE_W = 0;
layout(constant_id = 3) const uint TRANSPOSED = 0;
layout(constant_id = 4) const uint BIAS = 0; /* 1: one for all; 2: one a channel */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 x, y;      /* N, H, W, C */
    ivec4 window;    /* kernel; stride */
    ivec4 place;     /* dilation; padding before */
    ivec4 w_strides; /* from output to output, row to row, column to column, input to input */
    int inputs;      /* that an output adds up, those of its group */
    int outputs;     /* of a group, which has inputs of its own */
    int w_image;     /* from image to image */
    uint count;
    int zero_x, zero_w;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) readonly buffer W { uint w_words[]; };
layout(set = 0, binding = 4) readonly buffer Bias { uint bias_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#define WORDS w_words
#define BASE p.base[0].z
#define FLOAT_AT w_float
#define INT_AT w_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#include "store.glsl"

const bool WIDE = TYPE_X == VK_I16;

/* Where along axis d of x tap k of output o reads; negative when it is outside. */
int tap(int d, int o, int k)
{
    int at;
    if (TRANSPOSED != 0u) {
        int from = o - p.place[2 + d] - k;
        at = from < 0 || from % p.window[2 + d] != 0 ? -1 : from / p.window[2 + d];
    } else {
        at = o * p.window[2 + d] - p.place[2 + d] + k * p.place[d];
    }
    return at < p.x[1 + d] ? at : -1;
}

/* sum + all that one tap adds. */
uvec2 add_tap(uvec2 sum, int x, int w)
{
    for (int i = 0; i < p.inputs; i++, w += p.w_strides.w) {
        int a = x_int(TYPE_X, uint(x + i)) - p.zero_x, b = w_int(TYPE_W, uint(w)) - p.zero_w;
        if (WIDE)
            sum = wide_add(sum, wide_product(a, b));
        else
            sum.x += uint(a * b);
    }
    return sum;
}

uvec2 bias_at(int channel)
{
    uint at = BIAS == 2u ? uint(channel) : 0u;
    if (BIAS == 0u)
        return uvec2(0u);
    at = p.base[0].w + (WIDE ? 2u * at : at);
    return uvec2(bias_words[at], WIDE ? bias_words[at + 1u] : 0u);
}

void main()
{
    uint i = item();
    if (i >= p.count)
        return;
    int rest = int(i), channel = rest % p.y.w;
    rest /= p.y.w;
    int column = rest % p.y.z;
    rest /= p.y.z;
    int row = rest % p.y.y, image = rest / p.y.y;
    int input_ = channel / p.outputs * p.inputs;
    uvec2 sum = bias_at(channel);
    for (int ky = 0; ky < p.window.x; ky++) {
        int y = tap(0, row, ky);
        for (int kx = 0; kx < p.window.y && y >= 0; kx++) {
            int x = tap(1, column, kx);
            if (x >= 0)
                sum = add_tap(sum, ((image * p.x.y + y) * p.x.z + x) * p.x.w + input_,
                              image * p.w_image + channel * p.w_strides.x + ky * p.w_strides.y + kx * p.w_strides.z);
        }
    }
    store_wide(WIDE ? VK_I64 : VK_I32, i, sum);
}
