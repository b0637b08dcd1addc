/* Why: the loops for any processor that this architecture's compiler may assume. */
#define CPU_LOOPS      cpu_loops_plain
#define CPU_LOOPS_NAME "plain"
#include "backends/cpu/loops_table.inc"
