/*
 * Results, whole words at a time. y's rows may have any number of columns: where fours of columns
 * are not fours of y, halves and bytes go into words that others write too, each its own bits.
 */
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 1) buffer YFours { uvec4 y_fours[]; };

void put_bits(uint word, uint shift, uint mask, uint bits)
{
    atomicAnd(y_words[word], ~(mask << shift));
    atomicOr(y_words[word], (bits & mask) << shift);
}

void put_one(const uint type, uint at, float value)
{
    uint base = p.base[0].x;
    if (type == VK_F16)
        put_bits(base + (at >> 1), 16u * (at & 1u), 0xffffu, packHalf2x16(vec2(value, 0.0)));
    else if (type == VK_F32)
        y_words[base + at] = floatBitsToUint(value);
    else
        put_bits(base + (at >> 2), 8u * (at & 3u), 0xffu, uint(int(value)));
}

/* The first `count` of four neighbours from `at` on; all of them, and `at` is a multiple of 4, when
 * `fours`. Codes are whole numbers. */
void put_four(const uint type, const bool fours, uint at, uint count, vec4 value)
{
    uint base = p.base[0].x;
    if (!fours) {
        for (uint j = 0u; j < min(count, 4u); j++)
            put_one(type, at + j, value[j]);
    } else if (type == VK_F16) {
        y_words[base + (at >> 1)] = packHalf2x16(value.xy);
        y_words[base + (at >> 1) + 1u] = packHalf2x16(value.zw);
    } else if (type == VK_F32 && (base & 3u) == 0u) {
        y_fours[(base + at) >> 2] = floatBitsToUint(value);
    } else if (type == VK_F32) {
        for (uint j = 0u; j < 4u; j++)
            y_words[base + at + j] = floatBitsToUint(value[j]);
    } else {
        uvec4 bytes = uvec4(ivec4(value)) & 0xffu;
        y_words[base + (at >> 2)] = bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
    }
}
