/*
 * Results to Y. A block p must have base, and y_words be binding 1. Reals become what the type
 * says; where CODES is defined, I8 and U8 are codes by p.scale and p.zero: struct vk_coding.
 */

uint real_bits(const uint type, float x)
{
    return type == VK_F32 ? floatBitsToUint(x) : type == VK_F16 ? packHalf2x16(vec2(x, 0.0)) : bf16_of(x);
}

#ifdef CODES
int code_for(float x)
{
    return code_of(x, p.scale.y, p.zero.y, p.zero.z, p.zero.w);
}
#endif

/* What a result is in memory; of I64 the low word. */
uint bits_for(const uint type, float x)
{
#ifdef CODES
    if (type == VK_I8 || type == VK_U8)
        return uint(code_for(x));
#endif
    return type <= VK_BF16 ? real_bits(type, x) : uint(int_of(x));
}

/* Four neighbours from `first` on, which is a multiple of 4; those from `count` on are not there,
 * but what they share a word with is. */
void store_four(const uint type, uint first, uint count, uvec4 bits)
{
    uint to = p.base[0].x;
    switch (type) {
    case VK_F32:
    case VK_I32:
        for (uint lane = 0u; lane < 4u && first + lane < count; lane++)
            y_words[to + first + lane] = bits[lane];
        break;
    case VK_I64:
        for (uint lane = 0u; lane < 4u && first + lane < count; lane++) {
            y_words[to + 2u * (first + lane)] = bits[lane];
            y_words[to + 2u * (first + lane) + 1u] = uint(int(bits[lane]) >> 31);
        }
        break;
    case VK_I8:
    case VK_U8:
        bits &= 0xffu;
        y_words[to + (first >> 2)] = bits.x | bits.y << 8 | bits.z << 16 | bits.w << 24;
        break;
    default:
        y_words[to + (first >> 1)] = (bits.x & 0xffffu) | bits.y << 16;
        if (first + 2u < count)
            y_words[to + (first >> 1) + 1u] = (bits.z & 0xffffu) | bits.w << 16;
    }
}

/* One result, where neighbours in its word are others' work: each clears and sets its own bits. */
void store_one(const uint type, uint i, uint bits)
{
    uint to = p.base[0].x;
    if (type == VK_F32 || type == VK_I32) {
        y_words[to + i] = bits;
    } else if (type == VK_I64) {
        y_words[to + 2u * i] = bits;
        y_words[to + 2u * i + 1u] = uint(int(bits) >> 31);
    } else {
        bool bytes = type == VK_I8 || type == VK_U8;
        uint word = to + (bytes ? i >> 2 : i >> 1);
        uint shift = bytes ? 8u * (i & 3u) : 16u * (i & 1u);
        uint mask = (bytes ? 0xffu : 0xffffu) << shift;
        atomicAnd(y_words[word], ~mask);
        atomicOr(y_words[word], (bits << shift) & mask);
    }
}

/* An integer of 64 bits, of which narrower types get the low ones. */
void store_wide(const uint type, uint i, uvec2 x)
{
    if (type != VK_I64) {
        store_one(type, i, x.x);
        return;
    }
    y_words[p.base[0].x + 2u * i] = x.x;
    y_words[p.base[0].x + 2u * i + 1u] = x.y;
}

void store_reals(const uint type, uint first, uint count, vec4 x)
{
    store_four(type, first, count,
               uvec4(bits_for(type, x.x), bits_for(type, x.y), bits_for(type, x.z), bits_for(type, x.w)));
}
