/*
 * A layer for a few rows, as language models decode with: what takes time is to read the weights,
 * each once. ACROSS invocations beside each other have four columns each; those DOWN, and PARTS
 * work-groups, share the sum, 16 numbers at a time.
 */
#include "layer.glsl"
#ifdef DOTS
#include "dots.glsl"
#endif

const uint DEPTH = 16;
shared uvec4 parts[ACROSS * DOWN * ROWS]; /* floats or integers */

void main()
{
    uint thread = gl_LocalInvocationID.x, tx = thread % ACROSS, ty = thread / ACROSS;
    uint four = gl_WorkGroupID.x * ACROSS + tx;
    bool exists = four < uint(p.depth.z);
    vec4 total[ROWS];
    ivec4 whole[ROWS];
    vec4 code[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        total[r] = vec4(0.0);
        whole[r] = ivec4(0);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            code[r] = code_of_row(r);
    }
    uint pieces = (uint(p.depth.x) + DEPTH - 1u) / DEPTH;
    for (uint piece = gl_WorkGroupID.z * DOWN + ty; exists && piece < pieces * uint(p.taps.z); piece += PARTS * DOWN) {
        uint tap = piece / pieces, input_ = piece % pieces * DEPTH;
        vec4 sum[ROWS];
#ifdef DOTS
        ivec4 products[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            products[r] = ivec4(0);
        for (uint j = 0u; j < DEPTH && input_ < uint(p.x.w); j += 4u, input_ += 4u) {
            uvec4 w = words_of(0u, tap * uint(p.depth.x) + input_, four);
            ivec4 of_ones = dots_of(0x01010101u, w);
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                uint x = x_word(r * uint(p.x.z) + tap * uint(p.x.w) + input_, uint(p.x.w) - input_, code[r]);
                products[r] += dots_of(x, w) - x_zero(code[r]) * of_ones;
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            sum[r] = vec4(products[r]);
#else
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            sum[r] = vec4(0.0);
        for (uint j = 0u; j < DEPTH && input_ < uint(p.x.w); j += 4u, input_ += 4u) {
            uint k = tap * uint(p.depth.x) + input_;
            vec4 w0 = weights_of(0u, k, four), w1 = weights_of(0u, k + 1u, four),
                 w2 = weights_of(0u, k + 2u, four), w3 = weights_of(0u, k + 3u, four);
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                vec4 x = x_four(TYPE_X, X_FOURS, r * uint(p.x.z) + tap * uint(p.x.w) + input_, uint(p.x.w) - input_);
                if (NUMBERS == VK_NUMBERS_ROUNDED)
                    x = rounded(x, code[r]);
                sum[r] += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
            }
        }
#endif
        vec4 scale = vec4(1.0);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            scale = group_scales[tap * uint(p.depth.z) + four];
        [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            if (NUMBERS == VK_NUMBERS_CODES)
                whole[r] += ivec4(sum[r]);
            else
                total[r] += sum[r] * scale;
        }
    }
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        parts[r * ACROSS * DOWN + thread] =
            NUMBERS == VK_NUMBERS_CODES ? uvec4(whole[r]) : floatBitsToUint(total[r]);
    for (uint step_ = DOWN / 2u; step_ > 0u; step_ >>= 1) {
        barrier();
        [[unroll]] for (uint r = 0u; r < ROWS && ty < step_; r++) {
            uint to = r * ACROSS * DOWN + thread;
            uvec4 a = parts[to], b = parts[to + step_ * ACROSS];
            parts[to] = NUMBERS == VK_NUMBERS_CODES ? a + b : floatBitsToUint(uintBitsToFloat(a) + uintBitsToFloat(b));
        }
    }
    if (ty != 0u || !exists)
        return;
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        uvec4 part = parts[r * ACROSS * DOWN + thread];
        if (PARTS > 1u) {
            put_part(gl_WorkGroupID.z, 1u, 0u, r, 4u * four, part);
            continue;
        }
        vec4 v = NUMBERS == VK_NUMBERS_CODES ? vec4(ivec4(part)) : uintBitsToFloat(part);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            v *= code[r].x;
        put_result(0u, r, 4u * four, v);
    }
}
