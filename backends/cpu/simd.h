/*
 * Vectors for kernels that are written once and compiled for each instruction set.
 *
 * Arithmetic is the compiler's own (GCC and clang vector extensions); here and in simd_*.h is what
 * they cannot say in one instruction. How many floats a vector has is what the file is compiled
 * for: 16 with AVX-512 (F, BW, DQ, VL), 8 with AVX2 and FMA, else 4, which every x86-64 and aarch64
 * has registers for. Included only by kernel files: nothing here may be called from a file compiled
 * for less.
 *
 * Each simd_*.h gives SIMD_WIDTH, the types' primitives
 *     simd_load_lanes, simd_store_lanes, simd_select, simd_at_least, simd_at_most, simd_round,
 *     simd_dot2, simd_widen_bytes, simd_store_bytes, simd_store_bytes_twice,
 *     simd_store_bytes_four, simd_pair_rows,
 * and, where bytes have products of their own (SIMD_DOT4), simd_dot4; where masks make parts of
 * vectors as cheap as whole ones (SIMD_MASKS), simd_load_first, simd_store_first,
 * simd_widen_first_bytes, simd_store_first_bytes.
 */
#ifndef BACKENDS_CPU_SIMD_H
#define BACKENDS_CPU_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define SIMD_WIDTH 16
#elif defined(__AVX2__) && defined(__FMA__)
#define SIMD_WIDTH 8
#else
#define SIMD_WIDTH 4
#endif

typedef float simd_f32 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int32_t simd_i32 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef uint32_t simd_u32 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int16_t simd_i16 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int8_t simd_i8 __attribute__((vector_size(4 * SIMD_WIDTH)));

/* Before a loop of a constant, small number of turns: its arrays become registers. */
#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 32")
#endif

#define SIMD_INLINE static inline __attribute__((always_inline))

SIMD_INLINE simd_f32 simd_load(const float *p)
{
    simd_f32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

SIMD_INLINE simd_i32 simd_load_i32(const void *p)
{
    simd_i32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

SIMD_INLINE void simd_store(float *p, simd_f32 v)
{
    memcpy(p, &v, sizeof v);
}

SIMD_INLINE void simd_store_i32(void *p, simd_i32 v)
{
    memcpy(p, &v, sizeof v);
}

SIMD_INLINE simd_f32 simd_set(float x)
{
    return x - (simd_f32){0};
}

SIMD_INLINE simd_i32 simd_set_i32(int32_t x)
{
    return x - (simd_i32){0};
}

SIMD_INLINE simd_f32 simd_from_i32(simd_i32 v)
{
    return __builtin_convertvector(v, simd_f32);
}

/* v as it is, but no longer the product of anything: what is added to it is not fused with what it
 * came from, so that all instruction sets round alike. */
SIMD_INLINE simd_f32 simd_apart(simd_f32 v)
{
#if defined(__AVX512F__)
    __asm__("" : "+v"(v));
#elif defined(__x86_64__)
    __asm__("" : "+x"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#else
    simd_f32 volatile kept = v;
    v = kept;
#endif
    return v;
}

#if SIMD_WIDTH == 16
#include "backends/cpu/simd_avx512.h"
#elif SIMD_WIDTH == 8
#include "backends/cpu/simd_avx2.h"
#else
#include "backends/cpu/simd_four.h"
#endif

#ifndef SIMD_MASKS
/* The first n lanes; the others are 0 and their memory is not touched. */
SIMD_INLINE simd_f32 simd_load_first(const float *p, size_t n)
{
    float lanes[SIMD_WIDTH] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return simd_load(lanes);
}

SIMD_INLINE void simd_store_first(float *p, simd_f32 v, size_t n)
{
    float lanes[SIMD_WIDTH];
    simd_store(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
}

SIMD_INLINE simd_i32 simd_widen_first_bytes(const void *p, uint8_t flip, size_t n)
{
    uint8_t bytes[SIMD_WIDTH] = {0};
    memcpy(bytes, p, n);
    return simd_widen_bytes(bytes, flip);
}

SIMD_INLINE void simd_store_first_bytes(void *p, simd_i32 v, size_t n)
{
    uint8_t bytes[SIMD_WIDTH];
    simd_store_bytes(bytes, v);
    memcpy(p, bytes, n);
}
#endif

/* Which lanes are the first n, for loads and stores that touch no other memory; the lanes that are
 * not loaded are 0. */
SIMD_INLINE simd_i32 simd_first_lanes(size_t n)
{
    simd_i32 lanes;
    for (int i = 0; i < SIMD_WIDTH; i++)
        lanes[i] = (size_t)i < n ? -1 : 0;
    return lanes;
}

#endif
