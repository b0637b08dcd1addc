/*
 * Why: Cadence's pools of codes, which state no scale since the result has the operand's; and
 * windows laid out as rows, so that a convolution is a product. Rows are made of moves alone, which
 * every processor has. See import_cadence.c.
 */
#include "runtime/import_cadence.h"

#include <string.h>

static bool is_codes(const struct prt_tensor *spec)
{
    return spec->dtype == PRT_I8 || spec->dtype == PRT_U8 || spec->dtype == PRT_I16 ||
           spec->dtype == PRT_U16;
}

/* Two numbers of a list; one counts for both, and none are the fallback. */
static enum percept_status pair(struct prt_import *import, const struct prt_call *call,
                                unsigned index, const int32_t fallback[2], int32_t numbers[2])
{
    int64_t items[2] = {fallback[0], fallback[1]};
    uint32_t count = 0;
    enum percept_status status = prt_call_has(import, call, index)
                                     ? prt_call_ints(import, call, index, items, 2, &count)
                                     : PERCEPT_OK;
    for (uint32_t i = 0; i < 2 && status == PERCEPT_OK; i++) {
        int64_t item = items[count == 1 ? 0 : i];
        if (item < 0 || item > INT16_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is out of range", index);
        numbers[i] = (int32_t)item;
    }
    return status;
}

static const int32_t zeros[2] = {0, 0}, ones[2] = {1, 1};

/* ---- pools ---- */

/* (input, kernel, stride, padding, ..) */
static enum percept_status pool_window(struct prt_import *import, const struct prt_call *call,
                                       struct prt_pool_attrs *attrs)
{
    int32_t padding[2] = {0};
    enum percept_status status = pair(import, call, 1, ones, attrs->kernel);
    if (status == PERCEPT_OK)
        status = pair(import, call, 2, attrs->kernel, attrs->stride);
    if (status == PERCEPT_OK)
        status = pair(import, call, 3, zeros, padding);
    for (int i = 0; i < 4; i++)
        attrs->padding[i] = padding[i / 2];
    attrs->dilation[0] = attrs->dilation[1] = 1;
    return status;
}

/* y's codes are what a pool makes of x's numbers. */
static enum percept_status pool(struct prt_import *import, uint32_t x, uint32_t y,
                                const struct prt_pool_attrs *attrs)
{
    uint32_t numbers, result;
    enum percept_status status = prt_aten_numbers_of(import, x, 1, 0, &numbers);
    if (status == PERCEPT_OK)
        status = prt_aten_real_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_POOL2D, result, 1, &numbers);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pool = *attrs;
    return prt_aten_codes_of(import, result, 1, 0, y);
}

/* (input, kernel, stride, padding, dilation, ceil_mode, out): ceil_mode shows in the sizes */
enum percept_status prt_cadence_max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    struct prt_pool_attrs attrs = {.is_max = true, .nhwc = op->kind == CHANNELS_LAST};
    enum percept_status status = pool_window(import, call, &attrs);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, ones, attrs.dilation);
    return status == PERCEPT_OK ? pool(import, call->operands[0], prt_call_output(call), &attrs)
                                : status;
}

/* x with `before` and `after` elements of the code `zero` around each image; negative ones crop. */
static enum percept_status pad(struct prt_import *import, uint32_t x, const int32_t before[2],
                               const int32_t after[2], double zero, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    struct prt_pad_attrs attrs = {.value = zero};
    for (int i = 0; i < 2; i++) {
        attrs.before[2 + i] = before[i];
        attrs.after[2 + i] = after[i];
        int64_t size = (int64_t)spec.sizes[2 + i] + before[i] + after[i];
        if (size < 1 || size > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED,
                                   "an image of %lld pixels along an axis", (long long)size);
        spec.sizes[2 + i] = (int32_t)size;
    }
    struct prt_tensor padded = prt_import_like(&spec, 4, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &padded, y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_PAD, *y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pad = attrs;
    return PERCEPT_OK;
}

/* (input, kernel, stride, padding, ceil_mode, count_include_pad, divisor, in_zero, channel_last,
 * out): of codes the padding is the zero point, or the code 0 if it is not to count, and does. */
enum percept_status prt_cadence_average_pool(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *row = prt_aten_find("aten::avg_pool2d.out");
    struct prt_pool_attrs attrs = {.count_include_pad = true};
    uint32_t x = call->operands[0];
    double zero = 0;
    if (prt_call_bool(import, call, 8) || prt_call_has(import, call, 6))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "channels that are last, or a divisor");
    if (call->operands[7] == PRT_NO_VALUE)
        return row->translate(import, row, call);
    if (prt_import_spec(import, x)->rank != 4 || !is_codes(prt_import_spec(import, x)))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "no images of codes");
    enum percept_status status = pool_window(import, call, &attrs);
    const int32_t around[2] = {attrs.padding[0], attrs.padding[2]};
    memset(attrs.padding, 0, sizeof attrs.padding);
    if (status == PERCEPT_OK && prt_call_bool(import, call, 5))
        status = prt_aten_known_number(import, call, 7, &zero);
    if (status == PERCEPT_OK)
        status = prt_aten_as_codes(import, x, 1, 0, &x);
    if (status == PERCEPT_OK && (around[0] || around[1]))
        status = pad(import, x, around, around, zero, &x);
    return status == PERCEPT_OK ? pool(import, x, prt_call_output(call), &attrs) : status;
}

/* ---- windows as rows ---- */

enum { MOST_TAPS = 1024 };

struct rows {
    int32_t kernel[2], dilation[2], padding[2], stride[2], output_padding[2];
    int32_t out[2];     /* windows along each axis */
    bool channels_last; /* in a row, too */
};

/* An image [N, C, H, W]; of one dimension, of height 1. */
static enum percept_status as_image(struct prt_import *import, bool last, uint32_t *x)
{
    static const uint8_t channels_first[] = {0, 3, 1, 2};
    struct prt_tensor spec = *prt_import_spec(import, *x);
    enum percept_status status = PERCEPT_OK;
    const int32_t *n = spec.sizes;
    if (spec.rank == 3) {
        const int32_t sizes[4] = {n[0], last ? 1 : n[1], last ? n[1] : 1, n[2]};
        status = prt_aten_as(import, *x, 4, sizes, x);
    }
    if (status != PERCEPT_OK || !last)
        return status;
    uint32_t moved;
    spec = *prt_import_spec(import, *x);
    const int32_t sizes[4] = {n[0], n[3], n[1], n[2]};
    struct prt_tensor first = prt_import_like(&spec, 4, sizes);
    status = prt_import_temporary(import, &first, &moved);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, *x, channels_first, moved);
    *x = moved;
    return status;
}

/* Every stride-th of `count` elements along an axis. */
static enum percept_status every(struct prt_import *import, uint32_t *x, int32_t axis,
                                 int32_t first, int32_t stride, int32_t count)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    uint32_t part;
    spec.sizes[axis] = count;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &spec, &part);
    if (status == PERCEPT_OK)
        status = prt_aten_slice(import, *x, axis, first, first + (int64_t)(count - 1) * stride + 1,
                                stride, part);
    *x = part;
    return status;
}

/* What each tap sees, [N, C, 1, windows], one after the other: [N, C, taps, windows]. */
static enum percept_status taps_of(struct prt_import *import, const struct rows *rows, uint32_t x,
                                   uint32_t *taps)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t count = rows->kernel[0] * rows->kernel[1], windows = rows->out[0] * rows->out[1];
    const int32_t one[4] = {spec.sizes[0], spec.sizes[1], 1, windows};
    const int32_t all[4] = {spec.sizes[0], spec.sizes[1], count, windows};
    uint32_t parts[MOST_TAPS];
    enum percept_status status = PERCEPT_OK;
    for (int32_t tap = 0; tap < count && status == PERCEPT_OK; tap++) {
        const int32_t at[2] = {tap / rows->kernel[1], tap % rows->kernel[1]};
        parts[tap] = x;
        for (int i = 0; i < 2 && status == PERCEPT_OK; i++)
            status = every(import, &parts[tap], 2 + i, at[i] * rows->dilation[i], rows->stride[i],
                           rows->out[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_as(import, parts[tap], 4, one, &parts[tap]);
    }
    spec = prt_import_like(&spec, 4, all);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, taps);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, *taps, (unsigned)count, parts);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = 2;
    return PERCEPT_OK;
}

/* y [N, windows, elements of a window], of a padded image. */
static enum percept_status lay_out(struct prt_import *import, const struct rows *rows, uint32_t x,
                                   uint32_t y)
{
    static const uint8_t orders[2][4] = {{0, 3, 1, 2}, {0, 3, 2, 1}};
    const uint8_t *order = orders[rows->channels_last];
    uint32_t taps, turned;
    int32_t sizes[4];
    enum percept_status status = taps_of(import, rows, x, &taps);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_import_spec(import, taps);
    for (int i = 0; i < 4; i++)
        sizes[i] = spec.sizes[order[i]];
    spec = prt_import_like(&spec, 4, sizes);
    status = prt_import_temporary(import, &spec, &turned);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, taps, order, turned);
    if (status != PERCEPT_OK)
        return status;
    prt_aten_keep_quant(import, turned, y);
    return prt_import_reshape(import, turned, y);
}

/* How many windows there are, and whether their taps are few enough to write them all down. */
static enum percept_status count_windows(struct prt_import *import, struct rows *rows,
                                         const int64_t sizes[2])
{
    for (int i = 0; i < 2; i++) {
        int64_t count = (sizes[i] - (int64_t)(rows->kernel[i] - 1) * rows->dilation[i] - 1) /
                            (rows->stride[i] > 0 ? rows->stride[i] : 1) +
                        1;
        if (rows->kernel[i] < 1 || rows->stride[i] < 1 || rows->dilation[i] < 1 || count < 1 ||
            sizes[i] <= (int64_t)(rows->kernel[i] - 1) * rows->dilation[i] || count > INT16_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "a window does not fit the image");
        rows->out[i] = (int32_t)count;
    }
    if (rows->kernel[0] > MOST_TAPS || rows->kernel[1] > MOST_TAPS ||
        rows->kernel[0] * rows->kernel[1] > MOST_TAPS)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a window of more than %d elements",
                               MOST_TAPS);
    return PERCEPT_OK;
}

static enum percept_status begin(struct prt_import *import, const struct prt_call *call,
                                 struct rows *rows, double *zero, unsigned zero_at, uint32_t *x)
{
    bool last = prt_call_bool(import, call, zero_at + 1);
    unsigned rank = prt_import_spec(import, *x)->rank;
    if (rank != 3 && rank != 4)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%u dimensions are not supported",
                               rank);
    enum percept_status status = pair(import, call, 1, ones, rows->kernel);
    if (status == PERCEPT_OK)
        status = pair(import, call, 2, ones, rows->dilation);
    if (status == PERCEPT_OK)
        status = pair(import, call, 3, zeros, rows->padding);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, ones, rows->stride);
    if (status == PERCEPT_OK)
        status = prt_aten_known_number(import, call, zero_at, zero);
    if (status == PERCEPT_OK && is_codes(prt_import_spec(import, *x)))
        status = prt_aten_as_codes(import, *x, 1, 0, x) /* the integers that they are */;
    return status == PERCEPT_OK ? as_image(import, last, x) : status;
}

/* (input, kernel, dilation, padding, stride, in_zero, channel_last, out): also where channels are
 * last, a row has them first */
enum percept_status prt_cadence_rows(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    struct rows rows = {0};
    double zero = 0;
    uint32_t x = call->operands[0];
    enum percept_status status = begin(import, call, &rows, &zero, 5, &x);
    if (status == PERCEPT_OK && (rows.padding[0] || rows.padding[1]))
        status = pad(import, x, rows.padding, rows.padding, zero, &x);
    if (status != PERCEPT_OK)
        return status;
    const int32_t *n = prt_import_spec(import, x)->sizes;
    status = count_windows(import, &rows, (const int64_t[]){n[2], n[3]});
    return status == PERCEPT_OK ? lay_out(import, &rows, x, prt_call_output(call)) : status;
}

/* x with stride - 1 elements of the code `zero` after each along both axes. */
static enum percept_status spread(struct prt_import *import, const int32_t stride[2], double zero,
                                  uint32_t *x)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    const int32_t *n = spec.sizes;
    const int32_t apart[6] = {n[0], n[1], n[2], 1, n[3], 1};
    const int32_t wide[6] = {n[0], n[1], n[2], stride[0], n[3], stride[1]};
    int32_t whole[4] = {n[0], n[1]};
    struct prt_tensor padded = prt_import_like(&spec, 6, wide);
    uint32_t y;
    for (int i = 0; i < 2; i++) {
        if (n[2 + i] > INT16_MAX)
            return prt_import_fail(import, PERCEPT_LIMIT, "an image is too large");
        whole[2 + i] = n[2 + i] * stride[i];
    }
    enum percept_status status = prt_aten_as(import, *x, 6, apart, x);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &padded, &y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_PAD, y, 1, x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pad = (struct prt_pad_attrs){.value = zero};
    node->attrs.pad.after[3] = stride[0] - 1;
    node->attrs.pad.after[5] = stride[1] - 1;
    return prt_aten_as(import, y, 4, whole, x);
}

/* (input, kernel, dilation, padding, stride, output_padding, in_zero, channel_last, out): what each
 * element of a transposed convolution's result is a sum of */
enum percept_status prt_cadence_transposed_rows(struct prt_import *import,
                                                const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    struct rows rows = {.channels_last = prt_call_bool(import, call, 7)};
    double zero = 0;
    int32_t before[2], after[2];
    uint32_t x = call->operands[0];
    enum percept_status status = begin(import, call, &rows, &zero, 6, &x);
    if (status == PERCEPT_OK)
        status = pair(import, call, 5, zeros, rows.output_padding);
    if (status != PERCEPT_OK)
        return status;
    int64_t sizes[2];
    const int32_t stride[2] = {rows.stride[0], rows.stride[1]};
    for (int i = 0; i < 2; i++) {
        int64_t reach = (int64_t)(rows.kernel[i] - 1) * rows.dilation[i];
        if (reach > INT16_MAX || stride[i] < 1)
            return prt_import_fail(import, PERCEPT_MALFORMED, "a window does not fit the image");
        before[i] = (int32_t)reach - rows.padding[i];
        after[i] = before[i] + rows.output_padding[i] - (stride[i] - 1);
        sizes[i] =
            (int64_t)prt_import_spec(import, x)->sizes[2 + i] * stride[i] + before[i] + after[i];
        rows.stride[i] = 1;
    }
    status = count_windows(import, &rows, sizes);
    if (status == PERCEPT_OK)
        status = spread(import, stride, zero, &x);
    if (status == PERCEPT_OK)
        status = pad(import, x, before, after, zero, &x);
    return status == PERCEPT_OK ? lay_out(import, &rows, x, prt_call_output(call)) : status;
}
