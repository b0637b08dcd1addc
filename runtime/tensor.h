/*
 * What a tensor is: element type, sizes, layout, quantisation. Shared by the public API and the IR.
 *
 * Sizes are logical (as PyTorch prints them). dim_order says how the elements lie in memory,
 * outermost first: NCHW sizes with dim_order {0,2,3,1} are "channels last". Tensors are always
 * dense: no padding, no strides beyond what sizes and dim_order imply. (ExecuTorch schema:
 * scalar_type.fbs, program.fbs Tensor.)
 */
#ifndef RUNTIME_TENSOR_H
#define RUNTIME_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRT_MAX_RANK 16 /* ExecuTorch's kTensorDimensionLimit */

/* name, ExecuTorch ScalarType code, bytes per element, name in text (as torch prints it) */
#define PRT_DTYPE_TABLE(X)     \
    X(U8, 0, 1, "uint8")       \
    X(I8, 1, 1, "int8")        \
    X(I16, 2, 2, "int16")      \
    X(I32, 3, 4, "int32")      \
    X(I64, 4, 8, "int64")      \
    X(F16, 5, 2, "float16")    \
    X(F32, 6, 4, "float32")    \
    X(F64, 7, 8, "float64")    \
    X(BOOL, 11, 1, "bool")     \
    X(BF16, 15, 2, "bfloat16") \
    X(U16, 27, 2, "uint16")    \
    X(U32, 28, 4, "uint32")    \
    X(U64, 29, 8, "uint64")

enum prt_dtype {
#define PRT_DTYPE_ENUM(name, code, size, text) PRT_##name = (code),
    PRT_DTYPE_TABLE(PRT_DTYPE_ENUM)
#undef PRT_DTYPE_ENUM
};

bool prt_dtype_known(int code);
size_t prt_dtype_size(enum prt_dtype dtype);      /* bytes an element, 0 when unknown */
const char *prt_dtype_name(enum prt_dtype dtype); /* "float32"; "unknown" */

/*
 * real = scale * (stored - zero_point), element type I8, U8, I16, U16 or I32 (a bias).
 * PER_CHANNEL: scales[i] (and zero_points[i] unless NULL = all 0) belong to index i of dimension
 * `axis`.
 */
enum prt_quant_kind { PRT_QUANT_NONE, PRT_QUANT_PER_TENSOR, PRT_QUANT_PER_CHANNEL };

struct prt_quant {
    enum prt_quant_kind kind;
    float scale;        /* PER_TENSOR */
    int32_t zero_point; /* PER_TENSOR */
    uint32_t axis;      /* PER_CHANNEL */
    uint32_t count;     /* PER_CHANNEL: elements of scales = sizes[axis] */
    const float *scales;
    const int32_t *zero_points;
};

struct prt_tensor {
    enum prt_dtype dtype;
    uint8_t rank;
    uint8_t dim_order[PRT_MAX_RANK]; /* a permutation of 0..rank-1 */
    int32_t sizes[PRT_MAX_RANK];     /* >= 0 */
    struct prt_quant quant;
};

/* False when the product overflows size_t or a size is negative. */
bool prt_tensor_bytes(const struct prt_tensor *tensor, size_t *bytes);
size_t prt_tensor_elements(const struct prt_tensor *tensor); /* only for a checked tensor */

/* Strides in elements, by logical dimension. */
void prt_tensor_strides(const struct prt_tensor *tensor, int64_t strides[PRT_MAX_RANK]);

/* dim_order = 0,1,2,..: row-major in logical order. Dimensions of size 1 may stand anywhere. */
bool prt_tensor_is_contiguous(const struct prt_tensor *tensor);

/* Rank 4 and, up to dimensions of size 1, dim_order {0,2,3,1}. */
bool prt_tensor_is_channels_last(const struct prt_tensor *tensor);

bool prt_tensor_same_sizes(const struct prt_tensor *a, const struct prt_tensor *b);
/* Do the elements of two tensors of equal sizes lie in the same order in memory? Ignores dimensions
 * of size 1. */
bool prt_tensor_same_layout(const struct prt_tensor *a, const struct prt_tensor *b);

/* "float32[1, 3, 192, 192]" (with layout and quantisation when not the default) into buffer.
 * Returns buffer. */
char *prt_tensor_describe(const struct prt_tensor *tensor, char *buffer, size_t size);

#endif
