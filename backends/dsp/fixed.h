/* Rounding in integers: what the firmware computes with, and the tests hold it against. Defined for
 * every operand, since scales lie in memory that the other side may change. */
#ifndef BACKENDS_DSP_FIXED_H
#define BACKENDS_DSP_FIXED_H

#include <stdint.h>

/* a * b + c, as a processor's registers have it: it wraps. */
static inline int64_t dsp_multiply_add(int64_t a, int64_t b, int64_t c)
{
    return (int64_t)((uint64_t)a * (uint64_t)b + (uint64_t)c);
}

/* v / 2^shift to the nearest integer, half to even. */
static inline int64_t dsp_round_shift(int64_t v, uint32_t shift)
{
    uint32_t bits = shift & 63;
    uint64_t one = 1, mask = (one << bits) - 1, half = mask / 2 + (bits != 0);
    int64_t floor = v >> bits;
    uint64_t rest = (uint64_t)v & mask;
    return floor + (rest > half || (rest == half && bits && (floor & 1)));
}

/*
 * v * multiplier + offset, / 2^shift to the nearest, half to even, of sums of up to 2^50 times
 * 2^31, which 64 bits do not hold; shifts are above DSP_LOW_BITS for that. The low bits of v go
 * first: what they leave below 2^DSP_LOW_BITS says only whether a half is more than one.
 */
enum { DSP_LOW_BITS = 24 };
static inline int64_t dsp_round_product(int64_t v, int32_t multiplier, int64_t offset,
                                        uint32_t shift)
{
    const int64_t mask = ((int64_t)1 << DSP_LOW_BITS) - 1;
    uint32_t bits = shift & 63;
    if (bits <= DSP_LOW_BITS)
        return dsp_round_shift(dsp_multiply_add(v, multiplier, offset), bits);
    int64_t low = dsp_multiply_add(v & mask, multiplier, offset);
    int64_t high = dsp_multiply_add(v >> DSP_LOW_BITS, multiplier, low >> DSP_LOW_BITS);
    return dsp_round_shift(dsp_multiply_add(high, 2, (low & mask) != 0), bits - DSP_LOW_BITS + 1);
}

/* v * multiplier / 2^shift, halves up; or rounded before that away from zero, at bit 31. What TOSA
 * forbids wraps. */
static inline int64_t dsp_rescale(int64_t v, int32_t multiplier, uint32_t shift, uint32_t twice)
{
    uint32_t bits = shift & 63;
    uint64_t round = bits ? (uint64_t)1 << (bits - 1) : 0, first = (uint64_t)1 << 30;
    if (twice && bits > 31)
        round += v >= 0 ? first : -first;
    return dsp_multiply_add(v, multiplier, (int64_t)round) >> bits;
}

/* v / d, rounded down, in 2^-40; 0 <= v <= d < 2^58. */
enum { DSP_PART_BITS = 40 };
static inline int64_t dsp_part(uint64_t v, uint64_t d)
{
    enum { AT_ONCE = 5 }; /* a rest times 2^5 has 63 bits */
    uint64_t part = v / d, rest = v % d;
    for (int bits = 0; bits < DSP_PART_BITS; bits += AT_ONCE) {
        rest <<= AT_ONCE;
        part = part << AT_ONCE | rest / d;
        rest %= d;
    }
    return (int64_t)part;
}

/* v / d to the nearest integer, half to even; d > 0. */
static inline int64_t dsp_round_divide(int64_t v, int64_t d)
{
    int64_t floor = v / d - (v % d < 0), rest = v - floor * d;
    return floor + (rest > d - rest || (rest == d - rest && (floor & 1)));
}

/* q + zero, held between lo and hi. */
static inline int32_t dsp_code_of(int64_t q, int32_t zero, int32_t lo, int32_t hi)
{
    int64_t least = (int64_t)lo - zero, most = (int64_t)hi - zero;
    return (int32_t)((q < least ? least : q > most ? most : q) + zero);
}

#endif
