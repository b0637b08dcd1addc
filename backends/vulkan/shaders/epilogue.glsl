/*
 * What follows the sum: bias, residual, activation and another function (struct prt_conv_attrs), or
 * how the sum becomes a code, to the bit as the CPU does it: no product is fused with a sum. `four`
 * counts fours of columns of all groups; `at` is the element of y, of which `count` exist.
 */
vec4 finish(vec4 sum, uint four, uint at, uint count)
{
    precise vec4 v = sum;
    if (NUMBERS == VK_NUMBERS_CODES)
        v *= channels[2u * uint(p.depth.w) + four];
    v += channels[four];
    if (RESIDUAL != 0u) {
        precise vec4 r = r_four(TYPE_R, (FOURS & VK_FOURS_Y) != 0u, at, count);
        if (NUMBERS == VK_NUMBERS_CODES)
            r *= p.numbers.z;
        v += r;
    }
    vec4 slope = ACT == VK_ACT_PRELU ? channels[uint(p.depth.w) + four] : vec4(0.0);
    for (uint j = 0u; j < 4u; j++) {
        if (ACT == VK_ACT_PRELU)
            v[j] = v[j] < 0.0 ? v[j] * slope[j] : v[j];
        if (ACT == VK_ACT_CLAMP || NUMBERS == VK_NUMBERS_CODES)
            v[j] = clamp_to(v[j], p.bounds.x, p.bounds.y);
        if (NUMBERS == VK_NUMBERS_CODES)
            v[j] = roundEven(v[j]) + float(p.zero.z);
        if (AFTER != VK_UNARY_NONE)
            v[j] = p.bounds.z * unary_of(AFTER, v[j], p.numbers.x, p.numbers.y) + p.bounds.w;
    }
    return v;
}
