/*
 * Elements of one buffer. Before each inclusion: WORDS, its name; BASE, the word at which the
 * operand begins; FLOAT_AT and INT_AT, names for the functions made here. A type is a constant, so
 * one case is left of each switch. Also SCALE and ZERO of codes, for FLOAT_AT (1 and 0: none).
 * Where INT64 is defined, there are 64-bit integers, and WIDE_AT is one more name.
 */
float FLOAT_AT(const uint type, uint i)
{
    switch (type) {
    case VK_F32: return uintBitsToFloat(WORDS[BASE + i]);
    case VK_F16: return unpackHalf2x16(WORDS[BASE + (i >> 1)])[i & 1u];
    case VK_BF16: return uintBitsToFloat(((WORDS[BASE + (i >> 1)] >> (16u * (i & 1u))) & 0xffffu) << 16);
    case VK_I8: return SCALE * float(bitfieldExtract(int(WORDS[BASE + (i >> 2)]), int(8u * (i & 3u)), 8) - ZERO);
    case VK_U8: return SCALE * float(int(bitfieldExtract(WORDS[BASE + (i >> 2)], int(8u * (i & 3u)), 8)) - ZERO);
    case VK_I16: return float(bitfieldExtract(int(WORDS[BASE + (i >> 1)]), int(16u * (i & 1u)), 16));
    case VK_U16: return float(bitfieldExtract(WORDS[BASE + (i >> 1)], int(16u * (i & 1u)), 16));
    case VK_I32: return float(int(WORDS[BASE + i]));
#ifdef INT64
    default: return float(packInt2x32(ivec2(WORDS[BASE + 2u * i], WORDS[BASE + 2u * i + 1u])));
#else
    default: return float(int(WORDS[BASE + 2u * i]));
#endif
    }
}

int INT_AT(const uint type, uint i)
{
    switch (type) {
    case VK_I8: return bitfieldExtract(int(WORDS[BASE + (i >> 2)]), int(8u * (i & 3u)), 8);
    case VK_U8: return int(bitfieldExtract(WORDS[BASE + (i >> 2)], int(8u * (i & 3u)), 8));
    case VK_I16: return bitfieldExtract(int(WORDS[BASE + (i >> 1)]), int(16u * (i & 1u)), 16);
    case VK_U16: return int(bitfieldExtract(WORDS[BASE + (i >> 1)], int(16u * (i & 1u)), 16));
    case VK_I64: return int(WORDS[BASE + 2u * i]);
    default: return int(WORDS[BASE + i]);
    }
}
#ifdef INT64
int64_t WIDE_AT(const uint type, uint i)
{
    if (type == VK_I64)
        return packInt2x32(ivec2(WORDS[BASE + 2u * i], WORDS[BASE + 2u * i + 1u]));
    return int64_t(INT_AT(type, i));
}
#endif
#undef WIDE_AT
#undef WORDS
#undef BASE
#undef FLOAT_AT
#undef INT_AT
#undef SCALE
#undef ZERO
