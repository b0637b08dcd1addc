/* Softmax of rows of `size` elements, `inner` apart, of a row-major tensor. */
#include "common.glsl"

#define PARAMS uint rows, size, inner, elements;
#include "rows.glsl"

layout(constant_id = 5) const uint UNIT = 1; /* elements that an invocation takes at once: 1 or 4 */
layout(constant_id = 6) const uint LOGARITHM = 0;

/* NaN stays NaN, whatever the hardware makes of it. */
float weight_of(float x)
{
    return is_nan(x) ? x : exp(x);
}

void main()
{
    uint row = row_of_all();
    bool live = row < p.rows;
    uint first = row / p.inner * p.size * p.inner + row % p.inner;
    uint end = live ? p.size / UNIT : 0u;
    float most = -INFINITY, sum = 0.0;
    for (uint u = lane_of_row(); u < end; u += LANES)
        for (uint k = 0u; k < UNIT; k++)
            most = max(most, x_float(TYPE_X, first + (UNIT * u + k) * p.inner));
    most = fold(VK_REDUCE_MAX, most);
    for (uint u = lane_of_row(); u < end; u += LANES)
        for (uint k = 0u; k < UNIT; k++)
            sum += weight_of(x_float(TYPE_X, first + (UNIT * u + k) * p.inner) - most);
    sum = fold(VK_REDUCE_SUM, sum);
    float share = 1.0 / sum, less = most + log(sum);
    if (is_nan(sum))
        less = sum;
    for (uint u = lane_of_row(); u < end; u += LANES) {
        vec4 y = vec4(0.0);
        uint at = first + UNIT * u * p.inner;
        for (uint k = 0u; k < UNIT; k++) {
            float x = x_float(TYPE_X, at + k * p.inner);
            y[k] = LOGARITHM != 0u ? x - less : weight_of(x - most) * share;
        }
        if (UNIT == 4u)
            store_reals(TYPE_Y, at, p.elements, y);
        else
            store_one(TYPE_Y, at, bits_for(TYPE_Y, y.x));
    }
}
