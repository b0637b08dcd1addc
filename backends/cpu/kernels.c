/* Why: the one place that knows which instruction sets have convolution kernels of their own. */
#include "backends/cpu/kernels.h"

const struct cpu_kernels *cpu_kernels_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa >= CPU_ISA_AVX2)
        return &cpu_kernels_avx2;
#endif
    (void)isa;
    return &cpu_kernels_plain;
}
