/*
 * Four neighbours of one buffer at once. Before each inclusion: WORDS, BASE and ZERO as for
 * access.glsl; ONE_AT, the FLOAT_AT that was made there; FOURS, the buffer as uvec4s; FOUR_AT, a
 * name for the function made here. When `fours`, i is a multiple of 4 and all four exist; else the
 * first `count` do, and the others are 0.
 */
vec4 FOUR_AT(const uint type, const bool fours, uint i, uint count)
{
    if (!fours) {
        vec4 value = vec4(0.0);
        for (uint j = 0u; j < 4u; j++)
            if (j < count)
                value[j] = ONE_AT(type, i + j);
        return value;
    }
    if (type == VK_F16) {
        uint at = BASE + (i >> 1);
        return vec4(unpackHalf2x16(WORDS[at]), unpackHalf2x16(WORDS[at + 1u]));
    }
    if (type == VK_F32 && (BASE & 3u) == 0u)
        return uintBitsToFloat(FOURS[(BASE + i) >> 2]);
    if (type == VK_F32) {
        uint at = BASE + i;
        return uintBitsToFloat(uvec4(WORDS[at], WORDS[at + 1u], WORDS[at + 2u], WORDS[at + 3u]));
    }
    uint word = WORDS[BASE + (i >> 2)];
    ivec4 codes = type == VK_U8 ? ivec4(uvec4(word, word >> 8, word >> 16, word >> 24) & 0xffu)
                                : ivec4(uvec4(word << 24, word << 16, word << 8, word)) >> 24;
    return vec4(codes - ZERO);
}
#undef WORDS
#undef BASE
#undef ZERO
#undef ONE_AT
#undef FOURS
#undef FOUR_AT
