/* The primitives of simd.h for vectors of four floats: SSE2, NEON, or neither. */
#ifndef BACKENDS_CPU_SIMD_FOUR_H
#define BACKENDS_CPU_SIMD_FOUR_H

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

SIMD_INLINE simd_f32 simd_load_lanes(const float *p, simd_i32 lanes)
{
    simd_f32 v = {0};
    for (int i = 0; i < SIMD_WIDTH && lanes[i]; i++)
        v[i] = p[i];
    return v;
}

SIMD_INLINE void simd_store_lanes(float *p, simd_f32 v, simd_i32 lanes)
{
    for (int i = 0; i < SIMD_WIDTH && lanes[i]; i++)
        p[i] = v[i];
}

/* where ? a : b, lane by lane; where is the result of a comparison. */
SIMD_INLINE simd_f32 simd_select(simd_i32 where, simd_f32 a, simd_f32 b)
{
    return (simd_f32)((where & (simd_i32)a) | (~where & (simd_i32)b));
}

/* The bound where v is below (above) it, else v: NaN stays NaN, as in PyTorch's clamp. */
SIMD_INLINE simd_f32 simd_at_least(simd_f32 v, simd_f32 bound)
{
#if defined(__SSE2__)
    return (simd_f32)_mm_max_ps((__m128)bound, (__m128)v);
#elif defined(__ARM_NEON)
    return (simd_f32)vmaxq_f32((float32x4_t)bound, (float32x4_t)v);
#else
    return simd_select(v < bound, bound, v);
#endif
}

SIMD_INLINE simd_f32 simd_at_most(simd_f32 v, simd_f32 bound)
{
#if defined(__SSE2__)
    return (simd_f32)_mm_min_ps((__m128)bound, (__m128)v);
#elif defined(__ARM_NEON)
    return (simd_f32)vminq_f32((float32x4_t)bound, (float32x4_t)v);
#else
    return simd_select(v > bound, bound, v);
#endif
}

/* Round half to even. v must be in int32's range, or NaN, which becomes any number. */
SIMD_INLINE simd_i32 simd_round(simd_f32 v)
{
#if defined(__SSE2__)
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
#if defined(__SSE2__)
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

#if defined(__ARM_FEATURE_DOTPROD)
/* acc[i] + the sum of four a * b, both with a sign: see SIMD_DOT4 in kernels.h. */
#define SIMD_DOT4 0
SIMD_INLINE simd_i32 simd_dot4(simd_i32 acc, simd_i8 a, simd_i8 b)
{
    return (simd_i32)vdotq_s32((int32x4_t)acc, (int8x16_t)a, (int8x16_t)b);
}
#endif

/* There are products of matrices of bytes: see gemm_i8_matrix.inc. */
#if defined(__ARM_FEATURE_MATMUL_INT8)
#define SIMD_MATRIX8
#endif

/* Bytes to lanes: byte ^ flip as a signed number. flip is 0 for int8 and 128 for uint8, whose
 * numbers so become smaller by 128. */
SIMD_INLINE simd_i32 simd_widen_bytes(const void *p, uint8_t flip)
{
#if defined(__ARM_NEON)
    uint32_t four;
    memcpy(&four, p, sizeof four);
    int8x8_t bytes = vreinterpret_s8_u8(veor_u8(vcreate_u8(four), vdup_n_u8(flip)));
    return (simd_i32)vmovl_s16(vget_low_s16(vmovl_s8(bytes)));
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
#if defined(__ARM_NEON)
    int16x4_t words = vmovn_s32((int32x4_t)v);
    uint32_t four = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
    memcpy(p, &four, sizeof four);
#else
    uint8_t *bytes = p;
    for (int i = 0; i < SIMD_WIDTH; i++)
        bytes[i] = (uint8_t)v[i];
#endif
}

/* The same of two vectors, one after the other; numbers are at most 255 and at least -128. */
SIMD_INLINE void simd_store_bytes_twice(void *p, simd_i32 a, simd_i32 b)
{
#if defined(__ARM_NEON)
    int16x8_t words = vcombine_s16(vmovn_s32((int32x4_t)a), vmovn_s32((int32x4_t)b));
    vst1_s8(p, vmovn_s16(words));
#elif defined(__SSE2__)
    __m128i words = _mm_packs_epi32((__m128i)a, (__m128i)b);
    words = _mm_and_si128(words, _mm_set1_epi16(0xff));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
#else
    simd_store_bytes(p, a);
    simd_store_bytes((char *)p + SIMD_WIDTH, b);
#endif
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
#if defined(__ARM_NEON)
    const int16x8_t zeros = vdupq_n_s16((int16_t)zero);
    const uint8x8_t flips = vdup_n_u8(flip);
    int16x8x2_t rows = {{
        vsubq_s16(vmovl_s8(vreinterpret_s8_u8(veor_u8(vld1_u8(above), flips))), zeros),
        vsubq_s16(vmovl_s8(vreinterpret_s8_u8(veor_u8(vld1_u8(below), flips))), zeros),
    }};
    vst2q_s16((int16_t *)(void *)to, rows);
#else
    const simd_i32 zeros = simd_set_i32(zero), low = simd_set_i32(0xffff);
    for (size_t c = 0; c < 2 * SIMD_WIDTH; c += SIMD_WIDTH) {
        simd_i32 a = simd_widen_bytes(above + c, flip) - zeros;
        simd_i32 b = simd_widen_bytes(below + c, flip) - zeros;
        simd_store_i32(to + c, (a & low) | (b << 16));
    }
#endif
}

#endif
