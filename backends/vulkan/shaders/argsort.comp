/* Rows in order, each by a workgroup in shared memory; or, of long rows, each run of SIZE elements. */
#include "common.glsl"
#include "sort.glsl"

layout(constant_id = 5) const uint SIZE = 2; /* a power of two */
layout(constant_id = 6) const uint RUNS = 0; /* y is not the result but the order so far, a word each */

/* Places, keys and, of integers of 64 bits, the keys' low words. */
shared uint words[(TYPE_X == VK_I64 ? 3u : 2u) * SIZE];

uvec2 key_at(uint i)
{
    return uvec2(TYPE_X == VK_I64 ? words[2u * SIZE + i] : 0u, words[SIZE + i]);
}

void put_at(uint i, uvec2 key, uint place)
{
    words[i] = place;
    words[SIZE + i] = key.y;
    if (TYPE_X == VK_I64)
        words[2u * SIZE + i] = key.x;
}

/* A bitonic sort; places make it stable. */
void sort()
{
    for (uint block = 2u; block <= SIZE; block *= 2u)
        for (uint apart = block / 2u; apart > 0u; apart /= 2u) {
            for (uint i = gl_LocalInvocationID.x; i < SIZE / 2u; i += gl_WorkGroupSize.x) {
                uint a = i / apart * 2u * apart + i % apart, b = a + apart;
                uvec2 first = key_at(a), second = key_at(b);
                bool wrong = key_less(second, first) || (first == second && words[a] > words[b]);
                if (wrong == ((a & block) == 0u)) {
                    uint place = words[a];
                    put_at(a, second, words[b]);
                    put_at(b, first, place);
                }
            }
            barrier();
        }
}

void main()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, own = gl_LocalInvocationID.x;
    uint runs = RUNS != 0u ? (p.size + SIZE - 1u) / SIZE : 1u;
    uint row = group / runs, start = group % runs * SIZE;
    uint x = row_start(row, p.size), y = row_start(row, p.wanted);
    uint count = row < p.rows ? min(p.size - start, SIZE) : 0u;
    for (uint i = own; i < SIZE; i += gl_WorkGroupSize.x)
        put_at(i, i < count ? key_of(x + (start + i) * p.inner) : uvec2(LAST), start + i);
    barrier();
    sort();
    if (row >= p.rows)
        return;
    if (RUNS != 0u) {
        for (uint i = own; i < count; i += gl_WorkGroupSize.x)
            y_words[p.base[0].x + row * p.size + start + i] = words[i];
        return;
    }
    if (MEDIAN == 0u) {
        for (uint i = own; i < p.wanted; i += gl_WorkGroupSize.x)
            store_wide(VK_I64, y + i * p.inner, uvec2(words[i], 0u));
        return;
    }
    bool has_nan = is_nan_key(key_at(p.size - 1u));
    for (uint i = own; i < p.size; i += gl_WorkGroupSize.x)
        if (has_nan ? is_nan_key(key_at(i)) && (i == 0u || !is_nan_key(key_at(i - 1u))) : i == (p.size - 1u) / 2u)
            store_wide(VK_I64, y, uvec2(words[i], 0u));
}
