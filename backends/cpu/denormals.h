/*
 * Numbers too small for fp32's normal range, where they cost more than they are worth: x86
 * processors take some hundred cycles for a product with one. A GELU makes many of them.
 * Convolutions, linear layers and attention take them as 0, as XNNPACK does; all other operations
 * keep them. aarch64 multiplies them as fast as others, and keeps them.
 */
#ifndef BACKENDS_CPU_DENORMALS_H
#define BACKENDS_CPU_DENORMALS_H

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* For this thread, until what is returned goes to cpu_keep_denormals(). */
static inline unsigned cpu_drop_denormals(void)
{
#if defined(__x86_64__)
    enum { FLUSH_RESULTS = 0x8000, FLUSH_OPERANDS = 0x40 };
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_RESULTS | FLUSH_OPERANDS);
    return before;
#else
    return 0;
#endif
}

static inline void cpu_keep_denormals(unsigned before)
{
#if defined(__x86_64__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

#endif
