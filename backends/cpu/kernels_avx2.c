/* Why: the kernels for x86-64 with AVX2 and FMA; only this file is compiled for them. 12 sums, 2
 * weights and a broadcast leave one of the 16 registers. */
#define KERNELS      cpu_kernels_avx2
#define KERNELS_NAME "avx2"
#define GEMM_ROWS    6
#include "backends/cpu/kernels.inc"
