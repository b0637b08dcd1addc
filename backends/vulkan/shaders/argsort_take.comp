/* What is asked for of the orders of long rows: their beginnings, or their medians. */
#include "common.glsl"
#include "sort.glsl"

layout(set = 0, binding = 3) readonly buffer From { uint from_words[]; };

bool is_nan_at(uint x, uint order, uint i)
{
    return is_nan_key(key_of(x + from_words[order + i] * p.inner));
}

/* Where a row's order has its lower median, or its first NaN. */
uint median_of(uint x, uint order)
{
    if (!is_nan_at(x, order, p.size - 1u))
        return (p.size - 1u) / 2u;
    uint low = 0u, high = p.size - 1u;
    while (low < high) {
        uint between = (low + high) / 2u;
        if (is_nan_at(x, order, between))
            high = between;
        else
            low = between + 1u;
    }
    return low;
}

void main()
{
    uint i = item() % p.wanted, row = item() / p.wanted, order = p.base[0].z + row * p.size;
    if (row >= p.rows)
        return;
    uint at = MEDIAN != 0u ? median_of(row_start(row, p.size), order) : i;
    store_wide(VK_I64, row_start(row, p.wanted) + i * p.inner, uvec2(from_words[order + at], 0u));
}
