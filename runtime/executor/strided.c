/* Why: callers that think in NumPy arrays hand over rows; the tensor may lie otherwise. */
#include "runtime/executor/strided.h"

#include <string.h>

/* Walk all elements in row-major order; the other side is found by its strides. Exactly one of the
 * directions is taken: `gather` reads by strides, else writes by them. */
static void copy(const struct prt_tensor *tensor, unsigned char *rows, unsigned char *strided,
                 bool gather)
{
    size_t element = prt_dtype_size(tensor->dtype), count = prt_tensor_elements(tensor);
    int64_t strides[PRT_MAX_RANK], index[PRT_MAX_RANK] = {0}, at = 0;
    prt_tensor_strides(tensor, strides);
    for (size_t n = 0; n < count; n++) {
        unsigned char *row = rows + n * element, *other = strided + (size_t)at * element;
        memcpy(gather ? row : other, gather ? other : row, element);
        for (unsigned d = tensor->rank; d-- > 0;) {
            at += strides[d];
            if (++index[d] < tensor->sizes[d])
                break;
            at -= strides[d] * tensor->sizes[d];
            index[d] = 0;
        }
    }
}

void prt_copy_from_row_major(const struct prt_tensor *tensor, void *to, const void *row_major)
{
    size_t bytes = prt_tensor_elements(tensor) * prt_dtype_size(tensor->dtype);
    if (bytes && prt_tensor_is_contiguous(tensor))
        memcpy(to, row_major, bytes);
    else if (bytes)
        copy(tensor, (void *)(uintptr_t)row_major, to, false);
}

void prt_copy_to_row_major(const struct prt_tensor *tensor, void *row_major, const void *from)
{
    size_t bytes = prt_tensor_elements(tensor) * prt_dtype_size(tensor->dtype);
    if (bytes && prt_tensor_is_contiguous(tensor))
        memcpy(row_major, from, bytes);
    else if (bytes)
        copy(tensor, row_major, (void *)(uintptr_t)from, true);
}
