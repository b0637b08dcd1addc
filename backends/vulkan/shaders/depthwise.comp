/*
 * Convolutions of which each output channel has one input channel. An invocation computes four
 * channels of ROWS pixels beside each other, which share what it loads of the weights; neighbours
 * have neighbouring channels.
 */
#include "layer.glsl"

vec4 inputs_of(uint from, uint n)
{
    if (X_FOURS) /* one output for each input */
        return x_four(TYPE_X, true, from + n, 4u);
    uint many = uint(p.y.w), last = uint(p.y.z) - 1u; /* outputs of an input */
    uvec4 channel = min(uvec4(n, n + 1u, n + 2u, n + 3u), uvec4(last)) / many;
    return vec4(x_float(TYPE_X, from + channel.x), x_float(TYPE_X, from + channel.y),
                x_float(TYPE_X, from + channel.z), x_float(TYPE_X, from + channel.w));
}

void main()
{
    uint i = item(), strips = (uint(p.grid.z) + ROWS - 1u) / ROWS;
    uint lines = uint(p.grid.x / p.grid.z), four = i % uint(p.depth.z), strip = i / uint(p.depth.z);
    if (strip >= strips * lines)
        return;
    uint line = strip / strips, column = strip % strips * ROWS, per_image = uint(p.grid.y / p.grid.z);
    uint image = line / per_image;
    line %= per_image;
    ivec2 corner = ivec2(line, column) * p.window.xy - p.taps.xy;
    uint x_image = image * uint(p.x.x * p.x.y * p.x.z);
    vec4 sum[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        sum[r] = vec4(0.0);
    uint tap = 0u;
    for (int ky = 0; tap < uint(p.taps.z); ky++) {
        int y = corner.x + ky * p.window.z;
        if (y < 0 || y >= p.x.x) {
            tap += uint(p.taps.w);
            continue;
        }
        for (int kx = 0; kx < p.taps.w; kx++, tap++) {
            vec4 w = weights_of(0u, tap, four);
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                int x = corner.y + int(r) * p.window.y + kx * p.window.w;
                if (x >= 0 && x < p.x.y)
                    sum[r] += w * inputs_of(x_image + uint(y * p.x.y + x) * uint(p.x.z), 4u * four);
            }
        }
    }
    uint n = 4u * four, count = uint(p.y.z) - n;
    [[unroll]] for (uint r = 0u; r < ROWS && column + r < uint(p.grid.z); r++) {
        uint to = result_of(uvec3(image, line, column + r)) + n;
        put_four(TYPE_Y, Y_FOURS, to, count, finish(sum[r], four, to, count));
    }
}
