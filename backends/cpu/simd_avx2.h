/* The primitives of simd.h in AVX2; with AVX-VNNI, products of bytes too. */
#ifndef BACKENDS_CPU_SIMD_AVX2_H
#define BACKENDS_CPU_SIMD_AVX2_H

#include <immintrin.h>

typedef long long simd_i64 __attribute__((vector_size(32)));

SIMD_INLINE simd_f32 simd_load_lanes(const float *p, simd_i32 lanes)
{
    return (simd_f32)_mm256_maskload_ps(p, (__m256i)lanes);
}

SIMD_INLINE void simd_store_lanes(float *p, simd_f32 v, simd_i32 lanes)
{
    _mm256_maskstore_ps(p, (__m256i)lanes, (__m256)v);
}

/* where ? a : b, lane by lane; where is the result of a comparison. */
SIMD_INLINE simd_f32 simd_select(simd_i32 where, simd_f32 a, simd_f32 b)
{
    return (simd_f32)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)where);
}

/* The bound where v is below (above) it, else v: NaN stays NaN, as in PyTorch's clamp. */
SIMD_INLINE simd_f32 simd_at_least(simd_f32 v, simd_f32 bound)
{
    return (simd_f32)_mm256_max_ps((__m256)bound, (__m256)v);
}

SIMD_INLINE simd_f32 simd_at_most(simd_f32 v, simd_f32 bound)
{
    return (simd_f32)_mm256_min_ps((__m256)bound, (__m256)v);
}

/* Round half to even. v must be in int32's range, or NaN, which becomes any number. */
SIMD_INLINE simd_i32 simd_round(simd_f32 v)
{
    return (simd_i32)_mm256_cvtps_epi32((__m256)v);
}

/* acc[i] + a[2i] * b[2i] + a[2i+1] * b[2i+1], modulo 2^32. */
SIMD_INLINE simd_i32 simd_dot2(simd_i32 acc, simd_i16 a, simd_i16 b)
{
    return (simd_i32)_mm256_add_epi32((__m256i)acc, _mm256_madd_epi16((__m256i)a, (__m256i)b));
}

#if defined(__AVXVNNI__)
/* acc[i] + the sum of four a * b, a being a byte without a sign: see SIMD_DOT4 in kernels.h. */
#define SIMD_DOT4 128
SIMD_INLINE simd_i32 simd_dot4(simd_i32 acc, simd_i8 a, simd_i8 b)
{
    return (simd_i32)_mm256_dpbusd_avx_epi32((__m256i)acc, (__m256i)a, (__m256i)b);
}
#endif

/* Bytes to lanes: byte ^ flip as a signed number. flip is 0 for int8 and 128 for uint8, whose
 * numbers so become smaller by 128. */
SIMD_INLINE simd_i32 simd_widen_bytes(const void *p, uint8_t flip)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
    bytes = _mm_xor_si128(bytes, _mm_set1_epi8((char)flip));
    return (simd_i32)_mm256_cvtepi8_epi32(bytes);
}

/* The same of twice as many, to int16. */
SIMD_INLINE simd_i16 simd_widen_bytes_twice(const void *p, uint8_t flip)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    return (simd_i16)_mm256_cvtepi8_epi16(_mm_xor_si128(bytes, _mm_set1_epi8((char)flip)));
}

/* The low byte of each lane. */
SIMD_INLINE void simd_store_bytes(void *p, simd_i32 v)
{
    __m256i low = _mm256_shuffle_epi8((__m256i)v, _mm256_set1_epi32(0x0c080400));
    __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    _mm_storel_epi64((__m128i *)p, both);
}

/* The same of two vectors, one after the other; numbers are at most 255 and at least -128. */
SIMD_INLINE void simd_store_bytes_twice(void *p, simd_i32 a, simd_i32 b)
{
    __m256i words = _mm256_packs_epi32((__m256i)a, (__m256i)b);
    words = _mm256_and_si256(words, _mm256_set1_epi16(0xff));
    __m256i bytes = _mm256_packus_epi16(words, words);
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(bytes));
}

/* The same of four vectors, `stride` bytes apart. */
SIMD_INLINE void simd_store_bytes_four(uint8_t *p, size_t stride, const simd_i32 *v)
{
    const __m256i low = _mm256_set1_epi16(0xff);
    __m256i a = _mm256_and_si256(_mm256_packs_epi32((__m256i)v[0], (__m256i)v[1]), low);
    __m256i b = _mm256_and_si256(_mm256_packs_epi32((__m256i)v[2], (__m256i)v[3]), low);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b),
                                                _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    UNROLL
    for (size_t i = 0; i < 4; i++, p += stride) {
        long long eight = ((simd_i64)bytes)[i];
        memcpy(p, &eight, sizeof eight);
    }
}

/* Two rows of 2 * SIMD_WIDTH bytes to numbers as simd_widen_bytes makes them, less `zero`: one of
 * `above` in the lower half of each lane, the one of `below` in the upper half. */
SIMD_INLINE void simd_pair_rows(int32_t *to, const uint8_t *above, const uint8_t *below,
                                uint8_t flip, int32_t zero)
{
    const __m256i zeros = _mm256_set1_epi16((short)zero);
    const __m128i flips = _mm_set1_epi8((char)flip);
    __m128i a8 = _mm_loadu_si128((const __m128i *)above);
    __m128i b8 = _mm_loadu_si128((const __m128i *)below);
    __m256i a = _mm256_sub_epi16(_mm256_cvtepi8_epi16(_mm_xor_si128(a8, flips)), zeros);
    __m256i b = _mm256_sub_epi16(_mm256_cvtepi8_epi16(_mm_xor_si128(b8, flips)), zeros);
    __m256i even = _mm256_unpacklo_epi16(a, b), odd = _mm256_unpackhi_epi16(a, b);
    _mm256_storeu_si256((__m256i *)to, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256((__m256i *)(to + 8), _mm256_permute2x128_si256(even, odd, 0x31));
}

#endif
