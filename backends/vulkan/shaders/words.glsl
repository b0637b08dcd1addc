/*
 * Codes of 8 bits, four to a word, for layer.glsl: four numbers of a sum, as signed codes; what is
 * unsigned is 128 less. Zero points cannot be taken off a code without a ninth bit; they are taken
 * off the sum: sum of (x - zero) * w = sum of x * w - zero * sum of w.
 */
layout(set = 0, binding = 7) readonly buffer GroupSums { ivec4 group_sums[]; }; /* of weights */

uint word_of(ivec4 codes)
{
    uvec4 bytes = uvec4(codes) & 0xffu;
    return bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
}

/* Packed weights of the numbers k .. k + 3, k a multiple of 4, for four columns of a group. */
uvec4 words_of(uint group, uint k, uint four)
{
    uint at = (group * (uint(p.depth.y) >> 2) + (k >> 2)) * uint(p.depth.z) + four;
    if (TYPE_W == VK_I8)
        return w_fours[at];
    uvec2 twos = w_twos[at]; /* a word has two columns, one in the lower half of each byte */
    uvec4 codes = uvec4(twos.x, twos.x >> 4, twos.y, twos.y >> 4) & 0x0f0f0f0fu;
    return codes | (codes & 0x08080808u) * 30u; /* the sign, to the upper half */
}

/* Zero point of x's words: of the row that has this code, if rows have. */
int x_zero(vec4 code)
{
    if (NUMBERS == VK_NUMBERS_ROUNDED)
        return int(code.y) - 128;
    return p.zero.x - (TYPE_X == VK_U8 ? 128 : 0);
}

/* Four of x from i on, of which `count` exist; the others meet weights of 0. */
uint x_word(uint i, uint count, vec4 code)
{
    if (NUMBERS == VK_NUMBERS_ROUNDED)
        return word_of(ivec4(rounded(x_four(TYPE_X, X_FOURS, i, count), code) + code.y) - 128);
    uint word = 0u;
    if (X_FOURS)
        word = x_words[p.base[0].y + (i >> 2)];
    else
        for (uint j = 0u; j < min(count, 4u); j++)
            word |= (uint(x_int(TYPE_X, i + j)) & 0xffu) << (8u * j);
    return TYPE_X == VK_U8 ? word ^ 0x80808080u : word;
}
