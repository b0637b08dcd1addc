/* Why: one place asks the processor, so that all kernels agree and a test can change the answer. */
#include "backends/cpu/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

static const char *const names[] = {
#define CPU_ISA_TEXT(name, text) [CPU_ISA_##name] = (text),
    CPU_ISA_TABLE(CPU_ISA_TEXT)
#undef CPU_ISA_TEXT
};

#if defined(__x86_64__)

/* Compilers of this decade do not know the word. */
static bool has_avxvnni(void)
{
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

/* Has it AMX, and may this process keep tiles? Linux grants that for good, to all threads; a thread
 * gets the room for its tiles when it first uses one. */
static bool has_amx(void)
{
    enum { TILE = 1 << 24, INT8 = 1 << 25, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & TILE) && (edx & INT8) &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static bool ask(enum cpu_isa isa)
{
    /* __builtin_cpu_supports asks the operating system too, whether it keeps such registers. */
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    switch (isa) {
    case CPU_ISA_PLAIN:
        return true;
    case CPU_ISA_AVX2:
        return avx2;
    case CPU_ISA_AVXVNNI:
        return avx2 && has_avxvnni();
    case CPU_ISA_AVX512:
        return avx512;
    case CPU_ISA_AVX512VNNI:
        return avx512 && __builtin_cpu_supports("avx512vnni");
    case CPU_ISA_AMXINT8:
        return avx512 && __builtin_cpu_supports("avx512vnni") && has_amx();
    default:
        return false;
    }
}

#elif defined(__aarch64__)

static bool ask(enum cpu_isa isa)
{
    enum { DOTPROD = 1 << 20, I8MM = 1 << 13 }; /* HWCAP_ASIMDDP, HWCAP2_I8MM */
    bool dotprod = (getauxval(AT_HWCAP) & DOTPROD) != 0;
    switch (isa) {
    case CPU_ISA_PLAIN:
        return true;
    case CPU_ISA_DOTPROD:
        return dotprod;
    case CPU_ISA_I8MM:
        return dotprod && (getauxval(AT_HWCAP2) & I8MM);
    default:
        return false;
    }
}

#else

static bool ask(enum cpu_isa isa)
{
    return isa == CPU_ISA_PLAIN;
}

#endif

/* In a virtual machine each question to the processor is one to the host: asked once. Any thread
 * may write what all would write. */
bool cpu_isa_has(enum cpu_isa isa)
{
    enum { UNKNOWN, ABSENT, PRESENT };
    static atomic_uchar known[CPU_ISA_COUNT];
    if ((unsigned)isa >= CPU_ISA_COUNT)
        return false;
    unsigned char answer = atomic_load_explicit(&known[isa], memory_order_relaxed);
    if (answer == UNKNOWN) {
        answer = ask(isa) ? PRESENT : ABSENT;
        atomic_store_explicit(&known[isa], answer, memory_order_relaxed);
    }
    return answer == PRESENT;
}

enum cpu_isa cpu_isa_best(void)
{
    enum cpu_isa best = CPU_ISA_PLAIN;
    const char *wanted = getenv("PERCEPT_CPU_ISA");
    for (unsigned i = 0; i < CPU_ISA_COUNT; i++) {
        if (!cpu_isa_has((enum cpu_isa)i))
            continue;
        if (wanted && strcmp(wanted, names[i]) == 0)
            return (enum cpu_isa)i;
        best = (enum cpu_isa)i;
    }
    return best;
}

const char *cpu_isa_name(enum cpu_isa isa)
{
    return names[isa];
}
