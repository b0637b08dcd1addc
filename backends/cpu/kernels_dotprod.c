/* Why: the kernels for aarch64 with products of bytes; only this file is compiled for them. */
#define KERNELS      cpu_kernels_dotprod
#define KERNELS_NAME "dotprod"
#define GEMM_ROWS    8
#include "backends/cpu/kernels.inc"
