/* Why: how much of a step is in the processor's own memory at a time, which both sides work out
 * alike.
 */
#include "backends/dsp/step.h"

/* ---- rows ---- */

void dsp_rows_seen(int32_t y, int32_t rows, int32_t stride, int32_t padding, int32_t reach,
                   int32_t height, int32_t *first, int32_t *end)
{
    int64_t from = (int64_t)y * stride - padding;
    int64_t to = (int64_t)(y + rows - 1) * stride - padding + reach;
    *first = (int32_t)(from < 0 ? 0 : from > height ? height : from);
    *end = (int32_t)(to < *first ? *first : to > height ? height : to);
}

int32_t dsp_most_rows(int32_t rows, int32_t stride, int32_t reach, int32_t height)
{
    int64_t most = (int64_t)(rows - 1) * stride + reach;
    return (int32_t)(most < height ? most : height);
}

static int32_t reach_of(int32_t kernel, int32_t dilation)
{
    return (kernel - 1) * dilation + 1;
}

/* Where x meets y the other way round: y's row r has taps of the rows (r + padding - tap) / stride.
 */
void dsp_conv_rows(const struct dsp_conv *conv, int32_t y, int32_t rows, int32_t *first,
                   int32_t *end)
{
    int32_t reach = reach_of(conv->kernel[0], conv->dilation[0]), stride = conv->stride[0];
    if (!conv->transposed) {
        dsp_rows_seen(y, rows, stride, conv->padding[0], reach, conv->x.h, first, end);
        return;
    }
    int64_t from = (int64_t)y + conv->padding[0] - reach + stride; /* rounded up, plus one */
    int64_t to = (int64_t)y + rows - 1 + conv->padding[0];
    from = from < 0 ? 0 : from / stride;
    to = to / stride + 1;
    *first = (int32_t)(from > conv->x.h ? conv->x.h : from);
    *end = (int32_t)(to < *first ? *first : to > conv->x.h ? conv->x.h : to);
}

static int32_t conv_most_rows(const struct dsp_conv *conv, int32_t rows)
{
    int32_t reach = reach_of(conv->kernel[0], conv->dilation[0]);
    if (!conv->transposed)
        return dsp_most_rows(rows, conv->stride[0], reach, conv->x.h);
    int64_t most = ((int64_t)rows + reach - 2) / conv->stride[0] + 1;
    return (int32_t)(most < conv->x.h ? most : conv->x.h);
}

/* ---- tiles ---- */

/* What a tile of so many rows and columns takes, buffers being aligned as in firmware/local.h. */
static uint64_t room(uint64_t bytes)
{
    return (bytes + 15) & ~(uint64_t)15;
}

static uint64_t unless_local(const struct dsp_operand *operand, uint64_t bytes)
{
    return operand->space == DSP_LOCAL || operand->space == DSP_NOWHERE ? 0 : room(bytes);
}

static uint64_t tile_bytes(const struct dsp_step *step, int32_t rows, int32_t columns)
{
    uint64_t r = (uint64_t)rows, c = (uint64_t)columns;
    if (step->op == DSP_MATMUL) {
        uint64_t k = (uint64_t)step->as.matmul.k;
        uint64_t each = dsp_code_bytes(&step->as.matmul.code);
        return unless_local(&step->x[0], r * k * each) + room(c * k * each) +
               room(r * c * dsp_result_bytes(step->as.matmul.sums, &step->as.matmul.code));
    }
    if (step->op == DSP_CONV) {
        const struct dsp_conv *conv = &step->as.conv;
        uint64_t seen = (uint64_t)conv_most_rows(conv, rows);
        uint64_t y = r * (uint64_t)conv->y.w * c;
        return unless_local(&step->x[0], seen * (uint64_t)conv->x.w * (uint64_t)conv->x.c *
                                             dsp_code_bytes(&conv->code)) +
               room(c * dsp_weight_bytes(conv)) + room(c * sizeof(struct dsp_channel)) +
               unless_local(&step->x[3], y) +
               unless_local(&step->y, y * dsp_result_bytes(conv->sums, &conv->code));
    }
    if (step->op == DSP_SOFTMAX || step->op == DSP_NORM) {
        bool softmax = step->op == DSP_SOFTMAX;
        uint64_t row = softmax
                           ? (uint64_t)step->as.softmax.length * (uint64_t)step->as.softmax.inner *
                                 dsp_code_bytes(&step->as.softmax.code)
                           : (uint64_t)step->as.norm.length;
        uint64_t factors = softmax ? dsp_powers_bytes(&step->as.softmax.code)
                                   : row * sizeof(struct dsp_norm_channel);
        return unless_local(&step->x[0], r * row) + room(factors) + unless_local(&step->y, r * row);
    }
    const struct dsp_pool *pool = &step->as.pool;
    uint64_t seen = (uint64_t)dsp_most_rows(
        rows, pool->stride[0], reach_of(pool->kernel[0], pool->dilation[0]), pool->x.h);
    c *= dsp_code_bytes(&pool->code);
    return unless_local(&step->x[0], seen * (uint64_t)pool->x.w * c) +
           unless_local(&step->y, r * (uint64_t)pool->y.w * c);
}

/* As many rows as there is room for; 0 when there is none for one. */
static int32_t most_rows(const struct dsp_step *step, size_t memory, int32_t rows, int32_t columns)
{
    int32_t fits = 0, past = rows + 1;
    while (past - fits > 1) {
        int32_t middle = fits + (past - fits) / 2;
        if (tile_bytes(step, middle, columns) <= memory)
            fits = middle;
        else
            past = middle;
    }
    return fits;
}

/* Of ops that are cut by rows, and by columns when `splits`: fewer columns only when a single row
 * would not fit otherwise, since each set of columns reads x again. */
static bool tile_rows(const struct dsp_step *step, size_t memory, int32_t rows, int32_t columns,
                      bool splits, struct dsp_tile *tile, size_t *least)
{
    for (;; columns = (columns + 1) / 2) {
        *tile =
            (struct dsp_tile){.rows = most_rows(step, memory, rows, columns), .columns = columns};
        if (tile->rows > 0)
            return true;
        if (!splits || columns == 1)
            break;
    }
    *least = (size_t)tile_bytes(step, 1, columns);
    return false;
}

/* Of ops that are cut into runs of elements, `each` bytes an element, beside what is fixed. */
static bool tile_run(uint64_t each, uint64_t fixed, size_t memory, int64_t most,
                     struct dsp_tile *tile, size_t *least)
{
    *least = (size_t)(fixed + 16 * each);
    *tile = (struct dsp_tile){.run = most};
    if (memory < *least)
        return false;
    int64_t run = each ? (int64_t)((memory - fixed) / each / 16 * 16) : most;
    tile->run = run < most ? run : most;
    return true;
}

bool dsp_step_tile(const struct dsp_step *step, size_t memory, struct dsp_tile *tile, size_t *least)
{
    const struct dsp_binary *binary = &step->as.binary;
    const struct dsp_resize *resize = &step->as.resize;
    bool x_moves = step->x[0].space != DSP_LOCAL, y_moves = step->y.space != DSP_LOCAL;
    switch (step->op) {
    case DSP_CONV:
        return tile_rows(step, memory, step->as.conv.y.h, step->as.conv.y.c, true, tile, least);
    case DSP_MATMUL:
        return tile_rows(step, memory, step->as.matmul.m, step->as.matmul.n, true, tile, least);
    case DSP_SOFTMAX:
        return tile_rows(step, memory, step->as.softmax.outer, 1, false, tile, least);
    case DSP_NORM:
        return tile_rows(step, memory, step->as.norm.rows, 1, false, tile, least);
    case DSP_POOL:
        return tile_rows(step, memory, step->as.pool.y.h, step->as.pool.y.c, false, tile, least);
    case DSP_BINARY:
    case DSP_PRELU:
        return tile_run(step->op == DSP_PRELU ? 2 * dsp_code_bytes(&binary->code) + sizeof(int32_t)
                                              : 3 * dsp_result_bytes(binary->wide, &binary->code),
                        0, memory, binary->nest.sizes[binary->nest.loops - 1], tile, least);
    case DSP_RESCALE:
        return tile_run((x_moves ? step->as.rescale.x_bytes : 0) +
                            (y_moves ? step->as.rescale.y_bytes : 0),
                        room(step->as.rescale.scales * sizeof(struct dsp_scale)), memory,
                        (int64_t)step->as.rescale.count, tile, least);
    case DSP_TABLE:
        return tile_run((uint64_t)x_moves + y_moves, 256, memory, (int64_t)step->as.table.count,
                        tile, least);
    case DSP_RESIZE:
        *tile = (struct dsp_tile){.rows = 1};
        *least = (size_t)(unless_local(&step->x[0],
                                       2 * (uint64_t)resize->x.w * (uint64_t)resize->x.c + 16) +
                          room((uint64_t)resize->y.w * sizeof(struct dsp_tap)) +
                          unless_local(&step->y, (uint64_t)resize->y.w * (uint64_t)resize->y.c));
        return *least <= memory;
    default: /* DSP_COPY goes from place to place */
        *tile = (struct dsp_tile){0};
        *least = 0;
        return true;
    }
}
