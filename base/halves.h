/*
 * 16-bit floats to and from fp32 in integer arithmetic, which compilers vectorise. Rounds half to
 * even; NaN stays NaN (quiet), infinities and subnormals are right.
 */
#ifndef BASE_HALVES_H
#define BASE_HALVES_H

#include <stdint.h>

static inline uint32_t base_float_bits(float x)
{
    union {
        float f;
        uint32_t u;
    } pun = {.f = x};
    return pun.u;
}

static inline float base_bits_float(uint32_t bits)
{
    union {
        uint32_t u;
        float f;
    } pun = {.u = bits};
    return pun.f;
}

static inline float base_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu;
    /* Multiplying by 2^112 rebiases the exponent and normalises subnormals at once. */
    uint32_t finite = base_float_bits(base_bits_float(rest << 13) * 0x1p112f);
    uint32_t special = (rest << 13) | 0x7f800000u | (rest > 0x7c00u ? 0x400000u : 0u);
    return base_bits_float(sign | (rest >= 0x7c00u ? special : finite));
}

static inline uint16_t base_to_f16(float x)
{
    uint32_t bits = base_float_bits(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    /* Normal: round the 13 bits that go. Subnormal: adding 0.5 lines the bits up and rounds. */
    uint32_t normal = (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13;
    uint32_t tiny = base_float_bits(base_bits_float(rest) + 0.5f) - 0x3f000000u;
    uint32_t finite = rest < 0x38800000u ? tiny : normal;
    uint32_t big = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
    return (uint16_t)(sign | (rest >= 0x477ff000u ? big : finite));
}

static inline float base_from_bf16(uint16_t h)
{
    return base_bits_float((uint32_t)h << 16);
}

static inline uint16_t base_to_bf16(float x)
{
    uint32_t bits = base_float_bits(x);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40u : rounded);
}

#endif
