/*
 * Which instruction sets the kernels may use here.
 *
 * Kernels are chosen when a segment is compiled, never while it runs. PERCEPT_CPU_ISA=plain (or any
 * other name of the table) in the environment makes the choice, for tests and for finding out
 * whether a kernel is to blame; a name that is unknown or that this processor lacks changes
 * nothing.
 */
#ifndef BACKENDS_CPU_ISA_H
#define BACKENDS_CPU_ISA_H

#include <stdbool.h>

/*
 * The last one that a processor has is its best. PLAIN is what the compiler may assume: SSE2, or
 * NEON. AVX2 means AVX2 and FMA, and each below it implies it; AVX512 means F, BW, DQ and VL. VNNI
 * and DOTPROD multiply bytes, I8MM small matrices of them, AMX larger ones.
 */
#define CPU_ISA_TABLE(X)         \
    X(PLAIN, "plain")            \
    X(AVX2, "avx2")              \
    X(AVXVNNI, "avx-vnni")       \
    X(AVX512, "avx512")          \
    X(AVX512VNNI, "avx512-vnni") \
    X(AMXINT8, "amx-int8")       \
    X(DOTPROD, "dotprod")        \
    X(I8MM, "i8mm")

enum cpu_isa {
#define CPU_ISA_ENUM(name, text) CPU_ISA_##name,
    CPU_ISA_TABLE(CPU_ISA_ENUM)
#undef CPU_ISA_ENUM
        CPU_ISA_COUNT
};

bool cpu_isa_has(enum cpu_isa isa);
enum cpu_isa cpu_isa_best(void);
const char *cpu_isa_name(enum cpu_isa isa);

#endif
