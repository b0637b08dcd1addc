/* Of each row's order so far, two neighbouring runs become one: an element goes as far as there are
 * elements before it in either run. */
#include "common.glsl"
#include "sort.glsl"

layout(set = 0, binding = 3) readonly buffer From { uint from_words[]; };

void main()
{
    uint i = item() % p.size, row = item() / p.size, order = p.base[0].z + row * p.size;
    if (row >= p.rows)
        return;
    uint x = row_start(row, p.size), place = from_words[order + i];
    uvec2 key = key_of(x + place * p.inner);
    uint start = i / (2u * p.width) * 2u * p.width, middle = min(start + p.width, p.size);
    bool is_first = i < middle;
    uint low = is_first ? middle : start, high = is_first ? min(middle + p.width, p.size) : middle;
    uint others = low;
    while (low < high) { /* the others before it: of equals, those of the first run */
        uint between = (low + high) / 2u;
        uvec2 other = key_of(x + from_words[order + between] * p.inner);
        if (is_first ? key_less(other, key) : !key_less(key, other))
            low = between + 1u;
        else
            high = between;
    }
    uint to = is_first ? i + low - others : i - (middle - start) + low - others;
    y_words[p.base[0].x + row * p.size + to] = place;
}
