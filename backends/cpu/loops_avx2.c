/* Why: the loops for x86-64 with AVX2; only this file is compiled with -mavx2. */
#define CPU_LOOPS      cpu_loops_avx2
#define CPU_LOOPS_NAME "avx2"
#include "backends/cpu/loops_table.inc"
