/* Products of matrices of fp64, int64 or 8-bit codes. Private to matmul.c and matmul_plain.c. */
#ifndef BACKENDS_CPU_MATMUL_PLAIN_H
#define BACKENDS_CPU_MATMUL_PLAIN_H

#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

/* offsets: first elements in y, a and b of each batch; outlives the step. */
enum percept_status cpu_matmul_plain_prepare(const struct cpu_prepare *prepare,
                                             const int64_t (*offsets)[3], size_t batches,
                                             struct cpu_step *step);

#endif
