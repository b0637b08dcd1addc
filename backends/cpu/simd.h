/*
 * Vectors for kernels that are written once and compiled for each instruction set.
 *
 * Arithmetic is the compiler's own (GCC and clang vector extensions); here is what they cannot say
 * in one instruction. A file compiled with -mavx2 -mfma gets eight floats a vector; any other four,
 * which every x86-64 and aarch64 has registers for. Included only by kernel files: nothing
 * here may be called from a file compiled for less.
 */
#ifndef BACKENDS_CPU_SIMD_H
#define BACKENDS_CPU_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define SIMD_WIDTH 8
#else
#define SIMD_WIDTH 4
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#endif

typedef float simd_f32 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int32_t simd_i32 __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int16_t simd_i16 __attribute__((vector_size(4 * SIMD_WIDTH)));

/* Before a loop of a constant, small number of turns: its arrays become registers. */
#define UNROLL _Pragma("GCC unroll 32")

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

/* Which lanes are the first n, for loads and stores that touch no other memory; the lanes that are
 * not loaded are 0. */
SIMD_INLINE simd_i32 simd_first_lanes(size_t n)
{
    simd_i32 lanes;
    for (int i = 0; i < SIMD_WIDTH; i++)
        lanes[i] = (size_t)i < n ? -1 : 0;
    return lanes;
}

SIMD_INLINE simd_f32 simd_load_lanes(const float *p, simd_i32 lanes)
{
#if SIMD_WIDTH == 8
    return (simd_f32)_mm256_maskload_ps(p, (__m256i)lanes);
#else
    simd_f32 v = {0};
    for (int i = 0; i < SIMD_WIDTH && lanes[i]; i++)
        v[i] = p[i];
    return v;
#endif
}

SIMD_INLINE void simd_store_lanes(float *p, simd_f32 v, simd_i32 lanes)
{
#if SIMD_WIDTH == 8
    _mm256_maskstore_ps(p, (__m256i)lanes, (__m256)v);
#else
    for (int i = 0; i < SIMD_WIDTH && lanes[i]; i++)
        p[i] = v[i];
#endif
}

SIMD_INLINE simd_f32 simd_set(float x)
{
    return x - (simd_f32){0};
}

SIMD_INLINE simd_i32 simd_set_i32(int32_t x)
{
    return x - (simd_i32){0};
}

/* where ? a : b, lane by lane; where is the result of a comparison. */
SIMD_INLINE simd_f32 simd_select(simd_i32 where, simd_f32 a, simd_f32 b)
{
#if SIMD_WIDTH == 8
    return (simd_f32)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)where);
#else
    return (simd_f32)((where & (simd_i32)a) | (~where & (simd_i32)b));
#endif
}

/* The bound where v is below (above) it, else v: NaN stays NaN, as in PyTorch's clamp. */
SIMD_INLINE simd_f32 simd_at_least(simd_f32 v, simd_f32 bound)
{
#if SIMD_WIDTH == 8
    return (simd_f32)_mm256_max_ps((__m256)bound, (__m256)v);
#elif defined(__SSE2__)
    return (simd_f32)_mm_max_ps((__m128)bound, (__m128)v);
#else
    return simd_select(v < bound, bound, v);
#endif
}

SIMD_INLINE simd_f32 simd_at_most(simd_f32 v, simd_f32 bound)
{
#if SIMD_WIDTH == 8
    return (simd_f32)_mm256_min_ps((__m256)bound, (__m256)v);
#elif defined(__SSE2__)
    return (simd_f32)_mm_min_ps((__m128)bound, (__m128)v);
#else
    return simd_select(v > bound, bound, v);
#endif
}

SIMD_INLINE simd_f32 simd_from_i32(simd_i32 v)
{
    return __builtin_convertvector(v, simd_f32);
}

/* Round half to even. v must be in int32's range, or NaN, which becomes any number. */
SIMD_INLINE simd_i32 simd_round(simd_f32 v)
{
#if SIMD_WIDTH == 8
    return (simd_i32)_mm256_cvtps_epi32((__m256)v);
#elif defined(__SSE2__)
    return (simd_i32)_mm_cvtps_epi32((__m128)v);
#elif defined(__ARM_NEON)
    return (simd_i32)vcvtnq_s32_f32((float32x4_t)v);
#else
    simd_i32 r;
    for (int i = 0; i < SIMD_WIDTH; i++)
        r[i] = isnan(v[i]) ? 0 : (int32_t)rintf(v[i]);
    return r;
#endif
}

/* acc[i] + a[2i] * b[2i] + a[2i+1] * b[2i+1]. */
SIMD_INLINE simd_i32 simd_dot2(simd_i32 acc, simd_i16 a, simd_i16 b)
{
#if SIMD_WIDTH == 8
    return acc + (simd_i32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return acc + (simd_i32)_mm_madd_epi16((__m128i)a, (__m128i)b);
#elif defined(__ARM_NEON)
    int32x4_t lo = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
    int32x4_t hi = vmull_high_s16((int16x8_t)a, (int16x8_t)b);
    return acc + (simd_i32)vpaddq_s32(lo, hi);
#else
    for (int i = 0; i < SIMD_WIDTH; i++)
        acc[i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return acc;
#endif
}

/* Bytes to lanes: byte ^ flip as a signed number. flip is 0 for int8 and 128 for uint8, whose
 * numbers so become smaller by 128. */
SIMD_INLINE simd_i32 simd_widen_bytes(const void *p, uint8_t flip)
{
#if SIMD_WIDTH == 8
    __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
    bytes = _mm_xor_si128(bytes, _mm_set1_epi8((char)flip));
    return (simd_i32)_mm256_cvtepi8_epi32(bytes);
#else
    const uint8_t *bytes = p;
    simd_i32 r;
    for (int i = 0; i < SIMD_WIDTH; i++)
        r[i] = (bytes[i] ^ flip ^ 0x80) - 0x80;
    return r;
#endif
}

/* The low byte of each lane. */
SIMD_INLINE void simd_store_bytes(void *p, simd_i32 v)
{
#if SIMD_WIDTH == 8
    __m256i low = _mm256_shuffle_epi8((__m256i)v, _mm256_set1_epi32(0x0c080400));
    __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    _mm_storel_epi64((__m128i *)p, both);
#else
    uint8_t *bytes = p;
    for (int i = 0; i < SIMD_WIDTH; i++)
        bytes[i] = (uint8_t)v[i];
#endif
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
