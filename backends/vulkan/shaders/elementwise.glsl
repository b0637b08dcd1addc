/*
 * y[i] = f(a[..], b[..], c[..]): all ops whose results depend on one element of each operand, and
 * moves. The result is dense in its own order; operands have a stride for each of its dimensions.
 * An invocation computes four neighbours of y, which it can store as whole words whatever their
 * type.
 */
#ifdef INT64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define WHOLE int64_t
#define WHOLE_BITS 64
#define UNSIGNED uint64_t
#else
#define WHOLE int
#define WHOLE_BITS 32
#define UNSIGNED uint
#endif
#include "common.glsl"

layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint KIND = 0;
layout(constant_id = 3) const uint TYPE_Y = 0;
layout(constant_id = 4) const uint TYPE_A = 0;
layout(constant_id = 5) const uint TYPE_B = 0;
layout(constant_id = 6) const uint TYPE_C = 0;
layout(constant_id = 7) const uint INTEGERS = 0; /* compute in int, not in float */
layout(constant_id = 8) const uint SCALARS = 0;  /* bit i: operand i is a number */
layout(constant_id = 9) const uint RANK = 1;     /* 0: all operands lie as y does */
layout(constant_id = 10) const uint STORE = 0;   /* VK_STORE_.. */

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 sizes[2]; /* of y, outermost first */
    ivec4 strides[3][2];
    ivec4 start;    /* element of each operand at which y begins; w: least code of y */
    ivec4 whole;    /* integer scalars; w: greatest code of y */
    vec4 real;      /* real scalars; w: alpha */
    vec4 scale;     /* of codes of a, b, c; w: 1 / scale of y */
    ivec4 zero;     /* zero points likewise */
    vec4 numbers;   /* a, b of a function; lo, hi of the clamp after it */
    ivec4 before[2], within[2]; /* PAD, CONCAT: where a begins in y, and its sizes */
    uint count;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer A { uint a_words[]; };
layout(set = 0, binding = 3) readonly buffer B { uint b_words[]; };
layout(set = 0, binding = 4) readonly buffer C { uint c_words[]; };

#include "functions.glsl"
#include "integers.glsl"

#define WORDS a_words
#define BASE p.base[0].y
#define FLOAT_AT a_float
#define INT_AT a_int
#define WIDE_AT a_wide
#define SCALE p.scale.x
#define ZERO p.zero.x
#include "access.glsl"
#define WORDS b_words
#define BASE p.base[0].z
#define FLOAT_AT b_float
#define INT_AT b_int
#define WIDE_AT b_wide
#define SCALE p.scale.y
#define ZERO p.zero.y
#include "access.glsl"
#define WORDS c_words
#define BASE p.base[0].w
#define FLOAT_AT c_float
#define INT_AT c_int
#define WIDE_AT c_wide
#define SCALE p.scale.z
#define ZERO p.zero.z
#include "access.glsl"
#define WORDS y_words
#define BASE p.base[0].x
#define FLOAT_AT y_float
#define INT_AT y_int
#define WIDE_AT y_wide
#define SCALE 1.0
#define ZERO 0
#include "access.glsl"

#ifdef INT64
#define a_whole a_wide
#define b_whole b_wide
#define c_whole c_wide
#define y_whole y_wide
#else
#define a_whole a_int
#define b_whole b_int
#define c_whole c_int
#define y_whole y_int
#endif

/* Where the operands' elements for y's element i are; false where `a` has none (PAD, CONCAT). */
bool locate(uint i, out uvec3 at)
{
    ivec3 where = p.start.xyz;
    bool inside = true;
    if (RANK == 0u) {
        at = uvec3(where) + i;
        return true;
    }
    for (int d = int(RANK) - 1; d >= 0; d--) {
        uint size = uint(p.sizes[d >> 2][d & 3]);
        int index = int(i % size);
        i /= size;
        if (OP == VK_MAP_PAD || OP == VK_MAP_CONCAT) {
            index -= p.before[d >> 2][d & 3];
            inside = inside && index >= 0 && index < p.within[d >> 2][d & 3];
        }
        where += index * ivec3(p.strides[0][d >> 2][d & 3], p.strides[1][d >> 2][d & 3],
                               p.strides[2][d >> 2][d & 3]);
    }
    at = uvec3(where);
    return inside;
}

float real_at(uint i)
{
    uvec3 at;
    bool inside = locate(i, at);
    if (OP == VK_MAP_PAD && !inside)
        return p.real.x;
    if (OP == VK_MAP_CONCAT && !inside)
        return y_float(TYPE_Y, i);
    float a = (SCALARS & 1u) != 0u ? p.real.x : a_float(TYPE_A, at.x);
    if (OP == VK_MAP_UNARY)
        return unary_of(KIND, a, p.numbers.x, p.numbers.y);
    if (OP == VK_MAP_COPY || OP == VK_MAP_PAD || OP == VK_MAP_CONCAT)
        return a;
    float b = (SCALARS & 2u) != 0u ? p.real.y : b_float(TYPE_B, at.y);
    if (OP == VK_MAP_PRELU)
        return a > 0.0 ? a : b * a;
    if (OP == VK_MAP_BINARY)
        return clamp_to(binary_of(KIND, a, b, p.real.w), p.numbers.z, p.numbers.w);
    return !(a == 0.0) ? b : (SCALARS & 4u) != 0u ? p.real.z : c_float(TYPE_C, at.z);
}

WHOLE whole_at(uint i)
{
    uvec3 at;
    bool inside = locate(i, at);
    if (OP == VK_MAP_PAD && !inside)
        return WHOLE(p.whole.x);
    if (OP == VK_MAP_CONCAT && !inside)
        return y_whole(TYPE_Y, i);
    WHOLE a = (SCALARS & 1u) != 0u ? WHOLE(p.whole.x) : a_whole(TYPE_A, at.x);
    if (OP == VK_MAP_UNARY)
        return unary_of(KIND, a, WHOLE(p.numbers.x), WHOLE(p.numbers.y));
    if (OP == VK_MAP_COPY || OP == VK_MAP_PAD || OP == VK_MAP_CONCAT)
        return a;
    WHOLE b = (SCALARS & 2u) != 0u ? WHOLE(p.whole.y) : b_whole(TYPE_B, at.y);
    if (OP == VK_MAP_BINARY)
        return binary_of(KIND, a, b, WHOLE(p.real.w));
    return a != WHOLE(0) ? b : (SCALARS & 4u) != 0u ? WHOLE(p.whole.z) : c_whole(TYPE_C, at.z);
}

/* Towards zero; what is out of range as near as can be, NaN 0. */
WHOLE whole_of(float x)
{
#ifdef INT64
    if (TYPE_Y == VK_I64)
        return is_nan(x)                    ? 0l
               : x >= 9223372036854775808.0 ? 0x7fffffffffffffffl
               : x <= -9223372036854775808.0
                   ? 0x8000000000000000l
                   : int64_t(x);
#endif
    return WHOLE(int_of(x));
}

void main()
{
    uint first = 4u * item();
    if (first >= p.count)
        return;
    vec4 real;
    WHOLE whole[4];
    if (OP == VK_MAP_PLACE) {
        for (uint i = first; i < min(first + 4u, p.count); i++) {
            uvec3 at;
            locate(i, at);
            y_words[p.base[0].x + at.y] = a_words[p.base[0].y + at.x];
        }
        return;
    }
    for (uint lane = 0u; lane < 4u; lane++) {
        uint i = min(first + lane, p.count - 1u);
        if (INTEGERS != 0u)
            whole[lane] = whole_at(i);
        else
            real[lane] = real_at(i);
    }
    if (STORE == VK_STORE_CODES)
        for (uint lane = 0u; lane < 4u; lane++)
            whole[lane] = WHOLE(code_of(real[lane], p.scale.w, p.zero.w, p.start.w, p.whole.w));
    else if (STORE == VK_STORE_TRUTH)
        for (uint lane = 0u; lane < 4u; lane++)
            whole[lane] = WHOLE(INTEGERS != 0u ? whole[lane] != WHOLE(0) : !(real[lane] == 0.0)); /* NaN is true */
    else if (INTEGERS == 0u && TYPE_Y > VK_BF16)
        for (uint lane = 0u; lane < 4u; lane++)
            whole[lane] = whole_of(real[lane]);
    uint to = p.base[0].x;
    switch (TYPE_Y) {
    case VK_F32:
    case VK_I32:
        for (uint lane = 0u; lane < 4u && first + lane < p.count; lane++)
            y_words[to + first + lane] = TYPE_Y == VK_F32 ? floatBitsToUint(real[lane]) : uint(whole[lane]);
        break;
    case VK_I64:
        for (uint lane = 0u; lane < 4u && first + lane < p.count; lane++) {
#ifdef INT64
            ivec2 words = unpackInt2x32(whole[lane]);
#else
            ivec2 words = ivec2(whole[lane], whole[lane] >> 31);
#endif
            y_words[to + 2u * (first + lane)] = uint(words.x);
            y_words[to + 2u * (first + lane) + 1u] = uint(words.y);
        }
        break;
    case VK_F16:
    case VK_BF16:
    case VK_I16:
    case VK_U16:
        for (uint half_ = 0u; half_ < 2u && first + 2u * half_ < p.count; half_++) {
            vec2 r = vec2(real[2u * half_], real[2u * half_ + 1u]);
            uvec2 w = uvec2(whole[2u * half_], whole[2u * half_ + 1u]);
            uint word = TYPE_Y == VK_F16    ? packHalf2x16(r)
                        : TYPE_Y == VK_BF16 ? bf16_of(r.x) | bf16_of(r.y) << 16
                                            : (w.x & 0xffffu) | w.y << 16;
            y_words[to + (first >> 1) + half_] = word;
        }
        break;
    default:
        uvec4 bytes = uvec4(whole[0], whole[1], whole[2], whole[3]) & 0xffu;
        y_words[to + (first >> 2)] = bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
    }
}
