/* Why: the kernels of rows.h for x86-64 with AVX2; only this file is compiled for it. */
#define ROWS      cpu_row_kernels_avx2
#define ROWS_NAME "avx2"
#include "backends/cpu/rows.inc"
