/* Why: the kernels of rows.h for x86-64 with AVX-512's VNNI, and those with AMX besides; only this
 * file is compiled for them. */
#define ROWS          cpu_row_kernels_avx512vnni
#define ROWS_NAME     "avx512-vnni"
#define ROWS_AMX      cpu_row_kernels_amxint8
#define ROWS_AMX_NAME "amx-int8"
#include "backends/cpu/rows.inc"
