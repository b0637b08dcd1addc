/* Why: the kernels for any processor that this architecture's compiler may assume. aarch64 has 32
 * vector registers, x86-64 without AVX has 16 and no broadcasting load. */
#define KERNELS cpu_kernels_plain
#if defined(__aarch64__)
#define KERNELS_NAME "neon"
#define GEMM_ROWS    8
#else
#define KERNELS_NAME "plain"
#define GEMM_ROWS    4
#endif
#include "backends/cpu/kernels.inc"
