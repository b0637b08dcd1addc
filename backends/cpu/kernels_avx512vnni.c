/* Why: the kernels for x86-64 with AVX-512 and its VNNI, and those with AMX besides; only this file
 * is compiled for them. No compiler uses AMX where it is not told to. */
#define KERNELS          cpu_kernels_avx512vnni
#define KERNELS_NAME     "avx512-vnni"
#define KERNELS_AMX      cpu_kernels_amxint8
#define KERNELS_AMX_NAME "amx-int8"
#define GEMM_ROWS        8
#include "backends/cpu/kernels.inc"
