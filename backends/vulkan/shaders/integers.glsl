/*
 * Functions of integers: WHOLE is their type of WHOLE_BITS, UNSIGNED its sibling; int and uint, or
 * 64-bit ones. A quotient by zero is 0, and a shift out of range moves everything out, as on the CPU.
 */
WHOLE binary_of(const uint kind, WHOLE a, WHOLE b, WHOLE alpha)
{
    const WHOLE zero = WHOLE(0);
    WHOLE quotient = zero, rest = zero;
    if (b != zero) {
        UNSIGNED none = UNSIGNED(0);
        UNSIGNED p = a < zero ? none - UNSIGNED(a) : UNSIGNED(a), q = b < zero ? none - UNSIGNED(b) : UNSIGNED(b);
        quotient = WHOLE((a < zero) != (b < zero) ? none - p / q : p / q);
        rest = WHOLE(a < zero ? none - p % q : p % q);
    }
    switch (kind) {
    case VK_BINARY_ADD: return a + alpha * b;
    case VK_BINARY_SUB: return a - alpha * b;
    case VK_BINARY_MUL: return a * b;
    case VK_BINARY_MAX: return max(a, b);
    case VK_BINARY_MIN: return min(a, b);
    case VK_BINARY_EQ: return WHOLE(a == b);
    case VK_BINARY_NE: return WHOLE(a != b);
    case VK_BINARY_LT: return WHOLE(a < b);
    case VK_BINARY_LE: return WHOLE(a <= b);
    case VK_BINARY_GT: return WHOLE(a > b);
    case VK_BINARY_GE: return WHOLE(a >= b);
    case VK_BINARY_AND: return WHOLE(a != zero && b != zero);
    case VK_BINARY_OR: return WHOLE(a != zero || b != zero);
    case VK_BINARY_BIT_AND: return a & b;
    case VK_BINARY_BIT_OR: return a | b;
    case VK_BINARY_BIT_XOR: return a ^ b;
    case VK_BINARY_SHIFT_LEFT: return (b & ~WHOLE(WHOLE_BITS - 1)) != zero ? zero : a << uint(b);
    case VK_BINARY_SHIFT_RIGHT: return a >> ((b & ~WHOLE(WHOLE_BITS - 1)) != zero ? uint(WHOLE_BITS - 1) : uint(b));
    case VK_BINARY_FLOOR_DIV: return rest != zero && (a < zero) != (b < zero) ? quotient - WHOLE(1) : quotient;
    case VK_BINARY_TRUNC_DIV: return quotient;
    case VK_BINARY_FMOD: return rest;
    default: return rest != zero && (b < zero) != (rest < zero) ? rest + b : rest;
    }
}

WHOLE unary_of(const uint kind, WHOLE x, WHOLE a, WHOLE b)
{
    switch (kind) {
    case VK_UNARY_CLAMP: return min(max(x, a), b);
    case VK_UNARY_ABS: return abs(x);
    case VK_UNARY_NEG: return -x;
    case VK_UNARY_SQUARE: return x * x;
    case VK_UNARY_NOT: return WHOLE(x == WHOLE(0));
    default: return sign(x);
    }
}
