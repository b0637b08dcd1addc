/* Layer norms and root mean square norms of dense rows. */
#include "common.glsl"

#define PARAMS uint rows, size, inner, elements; float epsilon;
#include "rows.glsl"

layout(constant_id = 5) const uint UNIT = 1;
layout(constant_id = 6) const uint RMS = 0;
layout(constant_id = 7) const uint TYPE_WEIGHT = 0;
layout(constant_id = 8) const uint TYPE_BIAS = 0;
layout(constant_id = 9) const uint HAS = 0; /* 1: a weight, 2: a bias */

layout(set = 0, binding = 3) readonly buffer Weight { uint weight_words[]; };
layout(set = 0, binding = 4) readonly buffer Bias { uint bias_words[]; };

#define WORDS weight_words
#define BASE p.base[0].z
#define FLOAT_AT weight_float
#define INT_AT weight_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"
#define WORDS bias_words
#define BASE p.base[0].w
#define FLOAT_AT bias_float
#define INT_AT bias_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"

void main()
{
    uint row = row_of_all();
    uint first = row * p.size, end = row < p.rows ? p.size / UNIT : 0u;
    float mean = 0.0, squares = 0.0;
    if (RMS == 0u) {
        for (uint u = lane_of_row(); u < end; u += LANES)
            for (uint k = 0u; k < UNIT; k++)
                mean += x_float(TYPE_X, first + UNIT * u + k);
        mean = fold(VK_REDUCE_SUM, mean) / float(p.size);
    }
    for (uint u = lane_of_row(); u < end; u += LANES)
        for (uint k = 0u; k < UNIT; k++) {
            float x = x_float(TYPE_X, first + UNIT * u + k) - mean;
            squares += x * x;
        }
    squares = fold(VK_REDUCE_SUM, squares) / float(p.size);
    float factor = 1.0 / sqrt(squares + p.epsilon);
    for (uint u = lane_of_row(); u < end; u += LANES) {
        vec4 y = vec4(0.0);
        for (uint k = 0u; k < UNIT; k++) {
            uint column = UNIT * u + k;
            y[k] = (x_float(TYPE_X, first + column) - mean) * factor;
            if ((HAS & 1u) != 0u)
                y[k] *= weight_float(TYPE_WEIGHT, column);
            if ((HAS & 2u) != 0u)
                y[k] += bias_float(TYPE_BIAS, column);
        }
        if (UNIT == 4u)
            store_reals(TYPE_Y, first + UNIT * u, p.elements, y);
        else
            store_one(TYPE_Y, first + u, bits_for(TYPE_Y, y.x));
    }
}
