/*
 * The 256 codes that cover each row of x and 0 (ROUND_ROWS in graph_attrs.h): y is the row rounded
 * to them, or, without y, scale and zero point of the row. A workgroup has a row.
 */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_X = 0;
layout(constant_id = 3) const uint ONLY_CODES = 0;
layout(constant_id = 4) const uint Y_FOURS = 0; /* columns are a multiple of 4 */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uvec4 sizes; /* rows, columns */
    vec4 numbers; /* least scale */
} p;
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };
layout(set = 0, binding = 3) writeonly buffer RowCodes { vec2 row_codes[]; };

#include "put.glsl"
#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"

const uint MOST = 128; /* invocations */
shared vec2 extremes[MOST];

/* To the last bit, where a * b + c is computed as one. */
float quotient(float a, float b)
{
    float q = a / b;
    precise float rest = fma(-q, b, a);
    float better = q + rest / b;
    return is_nan(better) || isinf(better) ? q : better;
}

/* As the CPU's rows.inc: the end that is nearer to a code gets it exactly. */
vec2 code_of(vec2 range)
{
    const float EPSILON = 1.1920929e-7;
    float scale = quotient(range.y - range.x, 255.0), least = p.numbers.x;
    scale = scale > EPSILON ? scale : EPSILON;
    if (scale < least)
        return vec2(least, roundEven(min(quotient(-range.x, least), 255.0)));
    float low = quotient(range.x, scale), high = quotient(range.y, scale);
    float zero = (-128.0 + low) + (127.0 + high) > 0.0 ? -128.0 - low : 127.0 - high;
    return vec2(scale, roundEven(zero > -128.0 ? min(zero, 127.0) : -128.0) + 128.0);
}

void main()
{
    uint thread = gl_LocalInvocationID.x;
    for (uint row = gl_WorkGroupID.x; row < p.sizes.x; row += gl_NumWorkGroups.x) {
        uint begin = row * p.sizes.y;
        vec2 range = vec2(0.0); /* NaN counts as none */
        for (uint i = thread; i < p.sizes.y; i += MOST) {
            float x = x_float(TYPE_X, begin + i);
            range = vec2(x < range.x ? x : range.x, x > range.y ? x : range.y);
        }
        extremes[thread] = range;
        for (uint step_ = MOST / 2u; step_ > 0u; step_ >>= 1) {
            barrier();
            if (thread < step_) {
                vec2 a = extremes[thread], b = extremes[thread + step_];
                extremes[thread] = vec2(min(a.x, b.x), max(a.y, b.y));
            }
        }
        barrier();
        vec2 code = code_of(extremes[0]);
        barrier();
        if (ONLY_CODES != 0u) {
            if (thread == 0u)
                row_codes[row] = code;
            continue;
        }
        float inverse = 1.0 / code.x;
        for (uint i = 4u * thread; i < p.sizes.y; i += 4u * MOST) {
            vec4 y = vec4(0.0);
            for (uint j = 0u; j < 4u && i + j < p.sizes.y; j++) {
                float scaled = x_float(TYPE_X, begin + i + j) * inverse;
                scaled = scaled > -1024.0 ? min(scaled, 1024.0) : -1024.0;
                y[j] = (clamp(roundEven(scaled) + code.y, 0.0, 255.0) - code.y) * code.x;
            }
            put_four(TYPE_Y, Y_FOURS != 0u, begin + i, p.sizes.y - i, y);
        }
    }
}
