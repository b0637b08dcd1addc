/* Why: the loops for x86-64 with AVX-512; only this file is compiled with -mavx512. */
#define CPU_LOOPS      cpu_loops_avx512
#define CPU_LOOPS_NAME "avx512"
#include "backends/cpu/loops_table.inc"
