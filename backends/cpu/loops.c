/* Why: the one place that knows which instruction sets have loops of their own. */
#include "backends/cpu/loops.h"

const struct cpu_loops *cpu_loops_of(enum cpu_isa isa)
{
    static const struct cpu_loops *const loops[CPU_ISA_COUNT] = {
        [CPU_ISA_PLAIN] = &cpu_loops_plain,
#if defined(__x86_64__)
        [CPU_ISA_AVX2] = &cpu_loops_avx2,
        [CPU_ISA_AVXVNNI] = &cpu_loops_avx2,
        [CPU_ISA_AVX512] = &cpu_loops_avx512,
        [CPU_ISA_AVX512VNNI] = &cpu_loops_avx512,
        [CPU_ISA_AMXINT8] = &cpu_loops_avx512,
#elif defined(__aarch64__)
        [CPU_ISA_DOTPROD] = &cpu_loops_plain,
        [CPU_ISA_I8MM] = &cpu_loops_plain,
#endif
    };
    return loops[isa];
}

const struct cpu_loops *cpu_loops_best(void)
{
    return cpu_loops_of(cpu_isa_best());
}

struct cpu_code cpu_code_of(const struct prt_tensor *tensor)
{
    if (tensor->quant.kind != PRT_QUANT_PER_TENSOR)
        return (struct cpu_code){.scale = 1, .inverse = 1};
    return (struct cpu_code){
        .scale = tensor->quant.scale,
        .inverse = 1.0f / tensor->quant.scale,
        .zero_point = tensor->quant.zero_point,
    };
}
