/* Why: the kernels of rows.h for x86-64 with AVX-512's VNNI, in vectors of 256 bits; only this file
 * is compiled for it. */
#define ROWS      cpu_row_kernels_avx512vnni
#define ROWS_NAME "avx512-vnni"
#include "backends/cpu/rows.inc"
