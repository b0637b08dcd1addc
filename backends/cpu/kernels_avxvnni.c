/* Why: the kernels for x86-64 with AVX2, FMA and AVX-VNNI; only this file is compiled for them. */
#define KERNELS      cpu_kernels_avxvnni
#define KERNELS_NAME "avx-vnni"
#define GEMM_ROWS    6
#include "backends/cpu/kernels.inc"
