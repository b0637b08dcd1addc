/* Why: the kernels for any processor that this architecture's compiler may assume. aarch64 has 32
 * vector registers, x86-64 without AVX has 16 and no broadcasting load. */
#define KERNELS      cpu_kernels_plain
#define KERNELS_NAME "plain"
#if defined(__aarch64__)
#define GEMM_ROWS 6
#else
#define GEMM_ROWS 4
#endif
#include "backends/cpu/kernels.inc"
