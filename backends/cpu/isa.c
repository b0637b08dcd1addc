/* Why: one place asks the processor, so that all kernels agree and a test can lower the answer. */
#include "backends/cpu/isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define CPU_ISA_TEXT(name, text) [CPU_ISA_##name] = (text),
    CPU_ISA_TABLE(CPU_ISA_TEXT)
#undef CPU_ISA_TEXT
};

static enum cpu_isa detect(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CPU_ISA_AVX2;
#endif
    return CPU_ISA_PLAIN;
}

enum cpu_isa cpu_isa_best(void)
{
    enum cpu_isa best = detect();
    const char *wanted = getenv("PERCEPT_CPU_ISA");
    for (unsigned i = 0; wanted && i < (unsigned)best; i++)
        if (strcmp(wanted, names[i]) == 0)
            return (enum cpu_isa)i;
    return best;
}

const char *cpu_isa_name(enum cpu_isa isa)
{
    return names[isa];
}
