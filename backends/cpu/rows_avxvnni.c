/* Why: the kernels of rows.h for x86-64 with AVX-VNNI; only this file is compiled for it. */
#define ROWS      cpu_row_kernels_avxvnni
#define ROWS_NAME "avx-vnni"
#include "backends/cpu/rows.inc"
