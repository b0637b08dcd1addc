/* Why: the kernels for x86-64 with AVX-512 and its VNNI; only this file is compiled for them. */
#define KERNELS      cpu_kernels_avx512vnni
#define KERNELS_NAME "avx512-vnni"
#define GEMM_ROWS    8
#include "backends/cpu/kernels.inc"
