/* Rows of the table in cpu.c for the ops of plain integers (runtime/graph_integer.h). */
#ifndef BACKENDS_CPU_INTEGER_H
#define BACKENDS_CPU_INTEGER_H

#include "backends/cpu/step.h"

extern const struct cpu_kernel cpu_rescale, cpu_table, cpu_integer_conv, cpu_integer_matmul,
    cpu_integer_pool, cpu_scaled_resize;

#define CPU_INTEGER_ROWS                                                                        \
    [PRT_OP_CODES] = &cpu_layout, [PRT_OP_RESCALE] = &cpu_rescale, [PRT_OP_TABLE] = &cpu_table, \
    [PRT_OP_INTEGER_CONV] = &cpu_integer_conv, [PRT_OP_INTEGER_MATMUL] = &cpu_integer_matmul,   \
    [PRT_OP_INTEGER_POOL] = &cpu_integer_pool, [PRT_OP_SCALED_RESIZE] = &cpu_scaled_resize

#endif
