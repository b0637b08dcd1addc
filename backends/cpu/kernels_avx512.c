/* Why: the kernels for x86-64 with AVX-512; only this file is compiled for it. 16 sums cover the
 * time that a product takes, and leave half of the 32 registers. */
#define KERNELS      cpu_kernels_avx512
#define KERNELS_NAME "avx512"
#define GEMM_ROWS    8
#include "backends/cpu/kernels.inc"
