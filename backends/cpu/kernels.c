/* Why: the one place that knows which instruction sets have convolution kernels of their own. */
#include "backends/cpu/kernels.h"

const struct cpu_kernels *cpu_kernels_of(enum cpu_isa isa)
{
    static const struct cpu_kernels *const kernels[CPU_ISA_COUNT] = {
        [CPU_ISA_PLAIN] = &cpu_kernels_plain,
#if defined(__x86_64__)
        [CPU_ISA_AVX2] = &cpu_kernels_avx2,
        [CPU_ISA_AVXVNNI] = &cpu_kernels_avxvnni,
        [CPU_ISA_AVX512] = &cpu_kernels_avx512,
        [CPU_ISA_AVX512VNNI] = &cpu_kernels_avx512vnni,
        [CPU_ISA_AMXINT8] = &cpu_kernels_amxint8,
#elif defined(__aarch64__)
        [CPU_ISA_DOTPROD] = &cpu_kernels_dotprod,
        [CPU_ISA_I8MM] = &cpu_kernels_i8mm,
#endif
    };
    return kernels[isa];
}
