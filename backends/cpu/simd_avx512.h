/* The primitives of simd.h in AVX-512 (F, BW, DQ, VL); with VNNI, products of bytes too. */
#ifndef BACKENDS_CPU_SIMD_AVX512_H
#define BACKENDS_CPU_SIMD_AVX512_H

#include <immintrin.h>

SIMD_INLINE simd_f32 simd_load_lanes(const float *p, simd_i32 lanes)
{
    return (simd_f32)_mm512_maskz_loadu_ps(_mm512_movepi32_mask((__m512i)lanes), p);
}

SIMD_INLINE void simd_store_lanes(float *p, simd_f32 v, simd_i32 lanes)
{
    _mm512_mask_storeu_ps(p, _mm512_movepi32_mask((__m512i)lanes), (__m512)v);
}

/* where ? a : b, lane by lane; where is the result of a comparison. */
SIMD_INLINE simd_f32 simd_select(simd_i32 where, simd_f32 a, simd_f32 b)
{
    return (simd_f32)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)where), (__m512)b,
                                          (__m512)a);
}

/* The bound where v is below (above) it, else v: NaN stays NaN, as in PyTorch's clamp. */
SIMD_INLINE simd_f32 simd_at_least(simd_f32 v, simd_f32 bound)
{
    return (simd_f32)_mm512_max_ps((__m512)bound, (__m512)v);
}

SIMD_INLINE simd_f32 simd_at_most(simd_f32 v, simd_f32 bound)
{
    return (simd_f32)_mm512_min_ps((__m512)bound, (__m512)v);
}

/* Round half to even. v must be in int32's range, or NaN, which becomes any number. */
SIMD_INLINE simd_i32 simd_round(simd_f32 v)
{
    return (simd_i32)_mm512_cvtps_epi32((__m512)v);
}

/* acc[i] + a[2i] * b[2i] + a[2i+1] * b[2i+1], modulo 2^32. */
SIMD_INLINE simd_i32 simd_dot2(simd_i32 acc, simd_i16 a, simd_i16 b)
{
#if defined(__AVX512VNNI__)
    return (simd_i32)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)a, (__m512i)b);
#else
    return (simd_i32)_mm512_add_epi32((__m512i)acc, _mm512_madd_epi16((__m512i)a, (__m512i)b));
#endif
}

#if defined(__AVX512VNNI__)
/* acc[i] + the sum of four a * b, a being a byte without a sign: see SIMD_DOT4 in kernels.h. */
#define SIMD_DOT4 128
SIMD_INLINE simd_i32 simd_dot4(simd_i32 acc, simd_i8 a, simd_i8 b)
{
    return (simd_i32)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)a, (__m512i)b);
}
#endif

/* Bytes to lanes: byte ^ flip as a signed number. flip is 0 for int8 and 128 for uint8, whose
 * numbers so become smaller by 128. */
SIMD_INLINE simd_i32 simd_widen_bytes(const void *p, uint8_t flip)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    bytes = _mm_xor_si128(bytes, _mm_set1_epi8((char)flip));
    return (simd_i32)_mm512_cvtepi8_epi32(bytes);
}

/* The same of twice as many, to int16. */
SIMD_INLINE simd_i16 simd_widen_bytes_twice(const void *p, uint8_t flip)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
    return (simd_i16)_mm512_cvtepi8_epi16(_mm256_xor_si256(bytes, _mm256_set1_epi8((char)flip)));
}

/* The low byte of each lane. */
SIMD_INLINE void simd_store_bytes(void *p, simd_i32 v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)v));
}

/* Parts of vectors: what simd.h says of them. */
#define SIMD_MASKS

SIMD_INLINE __mmask16 simd_mask_first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

SIMD_INLINE simd_f32 simd_load_first(const float *p, size_t n)
{
    return (simd_f32)_mm512_maskz_loadu_ps(simd_mask_first(n), p);
}

SIMD_INLINE void simd_store_first(float *p, simd_f32 v, size_t n)
{
    _mm512_mask_storeu_ps(p, simd_mask_first(n), (__m512)v);
}

SIMD_INLINE simd_i32 simd_widen_first_bytes(const void *p, uint8_t flip, size_t n)
{
    __m128i bytes = _mm_maskz_loadu_epi8(simd_mask_first(n), p);
    bytes = _mm_xor_si128(bytes, _mm_set1_epi8((char)flip));
    return (simd_i32)_mm512_cvtepi8_epi32(bytes);
}

SIMD_INLINE void simd_store_first_bytes(void *p, simd_i32 v, size_t n)
{
    _mm512_mask_cvtepi32_storeu_epi8(p, simd_mask_first(n), (__m512i)v);
}

/* The same of two vectors, one after the other; numbers are at most 255 and at least -128. */
SIMD_INLINE void simd_store_bytes_twice(void *p, simd_i32 a, simd_i32 b)
{
    simd_store_bytes(p, a);
    simd_store_bytes((char *)p + SIMD_WIDTH, b);
}

/* The same of four vectors, `stride` bytes apart. */
SIMD_INLINE void simd_store_bytes_four(uint8_t *p, size_t stride, const simd_i32 *v)
{
    UNROLL
    for (size_t i = 0; i < 4; i++)
        simd_store_bytes(p + i * stride, v[i]);
}

/* Two rows of 2 * SIMD_WIDTH bytes to numbers as simd_widen_bytes makes them, less `zero`: one of
 * `above` in the lower half of each lane, the one of `below` in the upper half. */
SIMD_INLINE void simd_pair_rows(int32_t *to, const uint8_t *above, const uint8_t *below,
                                uint8_t flip, int32_t zero)
{
    const __m512i zeros = _mm512_set1_epi16((short)zero);
    const __m256i flips = _mm256_set1_epi8((char)flip);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                  second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    __m256i a8 = _mm256_loadu_si256((const __m256i *)above);
    __m256i b8 = _mm256_loadu_si256((const __m256i *)below);
    __m512i a = _mm512_sub_epi16(_mm512_cvtepi8_epi16(_mm256_xor_si256(a8, flips)), zeros);
    __m512i b = _mm512_sub_epi16(_mm512_cvtepi8_epi16(_mm256_xor_si256(b8, flips)), zeros);
    __m512i even = _mm512_unpacklo_epi16(a, b), odd = _mm512_unpackhi_epi16(a, b);
    _mm512_storeu_si512(to, _mm512_permutex2var_epi64(even, first, odd));
    _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi64(even, second, odd));
}

#endif
