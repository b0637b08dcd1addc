/*
 * Which instruction sets the kernels may use here.
 *
 * Kernels are chosen when a segment is compiled, never while it runs. PERCEPT_CPU_ISA=plain (or any
 * other name of the table) in the environment lowers the choice, for tests and for finding out
 * whether a kernel is to blame; a name that is unknown or that this processor lacks changes
 * nothing.
 */
#ifndef BACKENDS_CPU_ISA_H
#define BACKENDS_CPU_ISA_H

/* Ordered: a processor that has one row has all above it. AVX2 here means AVX2 and FMA. */
#define CPU_ISA_TABLE(X) \
    X(PLAIN, "plain")    \
    X(AVX2, "avx2")

enum cpu_isa {
#define CPU_ISA_ENUM(name, text) CPU_ISA_##name,
    CPU_ISA_TABLE(CPU_ISA_ENUM)
#undef CPU_ISA_ENUM
};

enum cpu_isa cpu_isa_best(void);
const char *cpu_isa_name(enum cpu_isa isa);

#endif
