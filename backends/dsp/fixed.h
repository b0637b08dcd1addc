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
