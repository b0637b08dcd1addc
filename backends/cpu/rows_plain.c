/* Why: the kernels of rows.h in plain C. */
#define ROWS      cpu_row_kernels_plain
#define ROWS_NAME "plain"
#include "backends/cpu/rows.inc"
