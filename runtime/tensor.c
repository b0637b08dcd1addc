/* Why: sizes, strides and layout questions are asked by every part of the runtime; the answers must
 * agree, and the first one (how many bytes?) is where hostile files overflow. */
#include "runtime/tensor.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    uint8_t code, size;
    const char *text;
} dtypes[] = {
#define DTYPE_ROW(name, code, size, text) {(code), (size), (text)},
    PRT_DTYPE_TABLE(DTYPE_ROW)
#undef DTYPE_ROW
};

static int dtype_row(int code)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].code == code)
            return (int)i;
    return -1;
}

bool prt_dtype_known(int code)
{
    return dtype_row(code) >= 0;
}

size_t prt_dtype_size(enum prt_dtype dtype)
{
    int row = dtype_row((int)dtype);
    return row < 0 ? 0 : dtypes[row].size;
}

const char *prt_dtype_name(enum prt_dtype dtype)
{
    int row = dtype_row((int)dtype);
    return row < 0 ? "unknown" : dtypes[row].text;
}

bool prt_tensor_bytes(const struct prt_tensor *tensor, size_t *bytes)
{
    /* A zero must not hide an overflow elsewhere in the product: strides are computed without it.
     */
    size_t product = prt_dtype_size(tensor->dtype);
    bool empty = false;
    for (unsigned i = 0; i < tensor->rank; i++) {
        if (tensor->sizes[i] < 0)
            return false;
        if (tensor->sizes[i] == 0)
            empty = true;
        else if (!base_mul_size(product, (size_t)tensor->sizes[i], &product))
            return false;
    }
    if (product > PTRDIFF_MAX)
        return false;
    *bytes = empty ? 0 : product;
    return true;
}

size_t prt_tensor_elements(const struct prt_tensor *tensor)
{
    size_t count = 1;
    for (unsigned i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->sizes[i];
    return count;
}

void prt_tensor_strides(const struct prt_tensor *tensor, int64_t strides[PRT_MAX_RANK])
{
    int64_t stride = 1;
    for (unsigned i = tensor->rank; i-- > 0;) {
        unsigned dim = tensor->dim_order[i];
        strides[dim] = stride;
        stride *= tensor->sizes[dim] > 0 ? tensor->sizes[dim] : 1;
    }
}

/* Is the order of the dimensions larger than one in memory the same as in `order`? */
static bool same_order(const struct prt_tensor *tensor, const uint8_t *order)
{
    unsigned j = 0;
    for (unsigned i = 0; i < tensor->rank; i++) {
        unsigned dim = tensor->dim_order[i];
        if (tensor->sizes[dim] == 1)
            continue;
        while (tensor->sizes[order[j]] == 1)
            j++;
        if (order[j++] != dim)
            return false;
    }
    return true;
}

bool prt_tensor_is_contiguous(const struct prt_tensor *tensor)
{
    static const uint8_t identity[PRT_MAX_RANK] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
    return same_order(tensor, identity);
}

bool prt_tensor_is_channels_last(const struct prt_tensor *tensor)
{
    static const uint8_t channels_last[PRT_MAX_RANK] = {0, 2, 3, 1};
    return tensor->rank == 4 && same_order(tensor, channels_last);
}

bool prt_tensor_same_sizes(const struct prt_tensor *a, const struct prt_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (unsigned i = 0; i < a->rank; i++)
        if (a->sizes[i] != b->sizes[i])
            return false;
    return true;
}

bool prt_tensor_same_layout(const struct prt_tensor *a, const struct prt_tensor *b)
{
    return prt_tensor_same_sizes(a, b) && same_order(a, b->dim_order);
}

struct text {
    char *buffer;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *format, ...)
{
    if (text->used >= text->size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text->buffer + text->used, text->size - text->used, format, arguments);
    va_end(arguments);
    text->used += n > 0 ? (size_t)n : 0;
}

char *prt_tensor_describe(const struct prt_tensor *tensor, char *buffer, size_t size)
{
    struct text text = {buffer, size, 0};
    if (size)
        buffer[0] = '\0';
    append(&text, "%s[", prt_dtype_name(tensor->dtype));
    for (unsigned i = 0; i < tensor->rank; i++)
        append(&text, "%s%d", i ? ", " : "", tensor->sizes[i]);
    append(&text, "]");
    if (!prt_tensor_is_contiguous(tensor)) {
        append(&text, " order(");
        for (unsigned i = 0; i < tensor->rank; i++)
            append(&text, "%s%d", i ? "," : "", tensor->dim_order[i]);
        append(&text, ")");
    }
    if (tensor->quant.kind == PRT_QUANT_PER_TENSOR)
        append(&text, " q(%.6g, %d)", (double)tensor->quant.scale, tensor->quant.zero_point);
    else if (tensor->quant.kind == PRT_QUANT_PER_CHANNEL)
        append(&text, " q(axis %u)", tensor->quant.axis);
    return buffer;
}
