/* Why: the kernels of rows.h for aarch64 with products of bytes; only this file is compiled for it.
 */
#define ROWS      cpu_row_kernels_dotprod
#define ROWS_NAME "dotprod"
#include "backends/cpu/rows.inc"
