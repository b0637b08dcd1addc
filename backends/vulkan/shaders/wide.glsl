/* Integers of 64 bits that wrap around, as pairs of words, the low one first: exact on devices that
 * have none of their own, too. */

uvec2 wide_of(int x)
{
    return uvec2(x, x >> 31);
}

uvec2 wide_add(uvec2 a, uvec2 b)
{
    uint carry, low = uaddCarry(a.x, b.x, carry);
    return uvec2(low, a.y + b.y + carry);
}

uvec2 wide_mul(uvec2 a, uvec2 b)
{
    uint high, low;
    umulExtended(a.x, b.x, high, low);
    return uvec2(low, high + a.x * b.y + a.y * b.x);
}

uvec2 wide_product(int a, int b)
{
    int high, low;
    imulExtended(a, b, high, low);
    return uvec2(low, high);
}

bool wide_less(uvec2 a, uvec2 b)
{
    return a.y != b.y ? int(a.y) < int(b.y) : a.x < b.x;
}

/* 2^by, by less than 64. */
uvec2 wide_bit(uint by)
{
    return by < 32u ? uvec2(1u << by, 0u) : uvec2(0u, 1u << (by - 32u));
}

/* Rounds down; by is 1 to 63. */
uvec2 wide_shift_right(uvec2 a, uint by)
{
    int high = int(a.y);
    return by < 32u ? uvec2(a.x >> by | a.y << (32u - by), high >> by)
                    : uvec2(high >> (by - 32u), high >> 31);
}
