/* Why: the kernels for aarch64 with products of matrices of bytes; only this file is compiled for
 * them. */
#define KERNELS      cpu_kernels_i8mm
#define KERNELS_NAME "i8mm"
#define GEMM_ROWS    8
#include "backends/cpu/kernels.inc"
