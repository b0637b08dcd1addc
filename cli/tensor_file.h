/*
 * Tensors outside of models: raw and .npy files (numpy's format, versions 1 to 3), random contents,
 * comparison. Data is always in row-major logical order.
 */
#ifndef CLI_TENSOR_FILE_H
#define CLI_TENSOR_FILE_H

#include "base/status.h"
#include "runtime/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read the tensor that spec describes from a file: .npy (dtype and sizes must agree) or, by any
 * other name, raw bytes (the size must). malloc'ed. */
enum percept_status cli_tensor_read(const char *path, const struct prt_tensor *spec, void **data,
                                    size_t *size, struct percept_error *error);

/* The sizes that an .npy file states, into sizes; false when there is no such file, or it is not
 * one of `rank` dimensions. */
bool cli_tensor_shape(const char *path, unsigned rank, int32_t *sizes);

/* Write as .npy, or raw for a dtype that numpy lacks (bfloat16); the suffix is appended to stem. */
enum percept_status cli_tensor_write(const char *stem, const struct prt_tensor *spec,
                                     const void *data, struct percept_error *error);

/* Reproducible contents: floats in [0, 1), 8-bit integers over their range, others 0 or 1. */
void cli_tensor_random(const struct prt_tensor *spec, uint64_t seed, void *data);

/* Element `index` as a number; exact for every dtype but int64 and uint64 beyond 2^53. */
double cli_tensor_at(enum prt_dtype dtype, const void *data, size_t index);

/* |got - want| <= absolute + relative * |want|, element by element. Two NaNs are equal, as are two
 * infinities of one sign. */
struct cli_tolerance {
    double absolute, relative;
};
/* What is used for a dtype when nobody says otherwise (percept-model(1)). */
struct cli_tolerance cli_tensor_tolerance(enum prt_dtype dtype);

struct cli_difference {
    size_t count; /* elements outside of the tolerance */
    size_t first; /* index of the first of them */
    double
        max_absolute; /* largest |got - want| of all elements; infinity where only one is finite */
};
struct cli_difference cli_tensor_compare(const struct prt_tensor *spec, const void *got,
                                         const void *want, struct cli_tolerance tolerance);

#endif
