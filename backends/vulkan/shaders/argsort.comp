/* Rows of a row-major tensor in order, each by a workgroup in shared memory. Equal elements go by
 * their place, which makes a bitonic sort stable. */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_X = 0;
layout(constant_id = 2) const uint SIZE = 2; /* the least power of two that has a row */
layout(constant_id = 3) const uint INTEGERS = 0;
layout(constant_id = 4) const uint DESCENDING = 0;
layout(constant_id = 5) const uint MEDIAN = 0;

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    uint rows, size, inner, wanted;
} p;
layout(set = 0, binding = 1) writeonly buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer X { uint x_words[]; };

#define WORDS x_words
#define BASE p.base[0].y
#define FLOAT_AT x_float
#define INT_AT x_int
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"

#define LAST 0xffffffffu /* the key of NaN, and of what is not there */

shared uint keys[SIZE], places[SIZE];

/* Keys are in the order of the elements: floats by sign and magnitude, of which zero has one. */
uint key_of(uint at)
{
    if (INTEGERS != 0u)
        return uint(x_int(TYPE_X, at)) ^ 0x80000000u;
    float x = x_float(TYPE_X, at);
    uint bits = x == 0.0 ? 0u : floatBitsToUint(x);
    return is_nan(x) ? LAST : (bits >> 31) != 0u ? ~bits : bits | 0x80000000u;
}

void put(uint at, uint place)
{
    y_words[p.base[0].x + 2u * at] = place;
    y_words[p.base[0].x + 2u * at + 1u] = 0u;
}

void main()
{
    uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, own = gl_LocalInvocationID.x;
    bool live = row < p.rows;
    uint x = row / p.inner * p.size * p.inner + row % p.inner;
    uint y = row / p.inner * p.wanted * p.inner + row % p.inner;
    for (uint i = own; i < SIZE; i += gl_WorkGroupSize.x) {
        uint key = LAST;
        if (live && i < p.size)
            key = key_of(x + i * p.inner) ^ (DESCENDING != 0u ? LAST : 0u);
        keys[i] = key;
        places[i] = i;
    }
    barrier();
    for (uint block = 2u; block <= SIZE; block *= 2u)
        for (uint apart = block / 2u; apart > 0u; apart /= 2u) {
            for (uint i = own; i < SIZE / 2u; i += gl_WorkGroupSize.x) {
                uint a = i / apart * 2u * apart + i % apart, b = a + apart;
                bool wrong = keys[a] > keys[b] || (keys[a] == keys[b] && places[a] > places[b]);
                if (wrong == ((a & block) == 0u)) {
                    uint key = keys[a], place = places[a];
                    keys[a] = keys[b];
                    places[a] = places[b];
                    keys[b] = key;
                    places[b] = place;
                }
            }
            barrier();
        }
    if (!live)
        return;
    if (MEDIAN == 0u) {
        for (uint i = own; i < p.wanted; i += gl_WorkGroupSize.x)
            put(y + i * p.inner, places[i]);
        return;
    }
    bool has_nan = INTEGERS == 0u && keys[p.size - 1u] == LAST;
    for (uint i = own; i < p.size; i += gl_WorkGroupSize.x)
        if (has_nan ? keys[i] == LAST && (i == 0u || keys[i - 1u] != LAST) : i == (p.size - 1u) / 2u)
            put(y, places[i]);
}
