/* Why: the one place that knows which instruction sets have loops of their own. */
#include "backends/cpu/loops.h"

#include "backends/cpu/isa.h"

const struct cpu_loops *cpu_loops_best(void)
{
#if defined(__x86_64__)
    if (cpu_isa_best() >= CPU_ISA_AVX2)
        return &cpu_loops_avx2;
#endif
    return &cpu_loops_plain;
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
