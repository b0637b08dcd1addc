/* Copies between a tensor's own memory order and row-major. Private to the runtime. */
#ifndef RUNTIME_EXECUTOR_STRIDED_H
#define RUNTIME_EXECUTOR_STRIDED_H

#include "runtime/tensor.h"

/* Both sides have prt_tensor_bytes of the tensor; they do not overlap. */
void prt_copy_from_row_major(const struct prt_tensor *tensor, void *to, const void *row_major);
void prt_copy_to_row_major(const struct prt_tensor *tensor, void *row_major, const void *from);

#endif
