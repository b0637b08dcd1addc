/*
 * The constants of a layer of rows.h in one block, as its kernels read them: weights, bias, sums,
 * scales. Models share it, and a cache keeps it.
 */
#ifndef BACKENDS_CPU_ROWS_PACK_H
#define BACKENDS_CPU_ROWS_PACK_H

#include "backends/cpu/rows.h"
#include "backends/cpu/step.h"

/* Of the DYNAMIC_LINEAR that is prepared. Fills what the job says of its weights, and the block,
 * which cpu_shared_release frees. */
enum percept_status cpu_rows_pack(const struct cpu_prepare *prepare,
                                  const struct cpu_row_kernels *kernels, struct cpu_rows_job *job,
                                  void **block, size_t *bytes);

#endif
