/* Why: pools and resizing, by rows of the result. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

/* ---- POOL ---- */

/* The taps of a window inside of an image: coordinates first, first + dilation, .. */
struct span {
    int32_t first, count, padded; /* padded: how many are inside of the padded image */
};

static struct span span_of(const struct dsp_pool *pool, int axis, int32_t size, int32_t at)
{
    int64_t dilation = pool->dilation[axis], kernel = pool->kernel[axis];
    int64_t start = (int64_t)at * pool->stride[axis] - pool->padding[2 * axis];
    int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
    int64_t inside = start >= size ? 0 : (size - 1 - start) / dilation + 1;
    int64_t padded = ((int64_t)size + pool->padding[2 * axis + 1] - start - 1) / dilation + 1;
    inside = inside < kernel ? inside : kernel;
    return (struct span){
        .first = (int32_t)(start + skipped * dilation),
        .count = (int32_t)(inside > skipped ? inside - skipped : 0),
        .padded = (int32_t)(padded < kernel ? padded : kernel),
    };
}

/* The mean of `count` numbers, by TOSA's reciprocal of 30 bits. */
static int64_t tosa_mean(int64_t sum, int64_t count)
{
    uint32_t bits = count > 1 ? 32 - (uint32_t)__builtin_clz((uint32_t)(count - 1)) : 0;
    int64_t multiplier = ((((int64_t)1 << 30) + 1) << bits) / (count > 0 ? count : 1);
    return dsp_multiply_add(sum, multiplier, (int64_t)1 << (29 + bits)) >> (30 + bits);
}

/* Of one channel; x is that channel of the window's first pixel. */
static int32_t window_of(const struct dsp_pool *pool, const unsigned char *x, struct span rows,
                         struct span columns)
{
    size_t right = (size_t)pool->dilation[1] * (size_t)pool->x.c;
    size_t down = (size_t)pool->dilation[0] * (size_t)pool->x.w * (size_t)pool->x.c;
    int64_t sum = 0, area = 1;
    int32_t most = INT32_MIN;
    for (int32_t r = 0; r < rows.count; r++)
        for (int32_t c = 0; c < columns.count; c++) {
            int32_t code = dsp_load(x, pool->code.type, (size_t)r * down + (size_t)c * right);
            most = code > most ? code : most;
            sum += code - pool->zero_x;
        }
    const struct dsp_code *code = &pool->code;
    if (pool->kind == DSP_MAX_POOL)
        return most < code->lo ? code->lo : most > code->hi ? code->hi : most;
    if (pool->kind == DSP_AVERAGE_TOSA)
        return dsp_code_of(tosa_mean(sum, (int64_t)rows.count * columns.count), code->zero,
                           code->lo, code->hi);
    if (pool->kind == DSP_AVERAGE)
        area = (int64_t)rows.count * columns.count;
    if (pool->kind == DSP_AVERAGE_PADDED)
        area = (int64_t)rows.padded * columns.padded;
    int64_t v = sum * pool->scale.multiplier, whole = area << pool->scale.shift;
    return dsp_code_of(dsp_round_divide(v, whole > 0 ? whole : 1), code->zero, code->lo, code->hi);
}

static void pool_row(const struct dsp_pool *pool, const unsigned char *x, int32_t first,
                     unsigned char *y, int32_t oy)
{
    struct span rows = span_of(pool, 0, pool->x.h, oy);
    size_t channels = (size_t)pool->x.c, each = (size_t)dsp_code_bytes(&pool->code);
    for (int32_t ox = 0; ox < pool->y.w; ox++, y += channels * each) {
        struct span columns = span_of(pool, 1, pool->x.w, ox);
        const unsigned char *at =
            x + ((size_t)(rows.first - first) * (size_t)pool->x.w + (size_t)columns.first) *
                    channels * each;
        for (size_t c = 0; c < channels; c++)
            dsp_store(y, pool->code.type, c, window_of(pool, at + c * each, rows, columns));
    }
}

void dsp_run_pool(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_pool *pool = &step->as.pool;
    size_t each = (size_t)dsp_code_bytes(&pool->code);
    size_t x_row = (size_t)pool->x.w * (size_t)pool->x.c * each;
    size_t y_row = (size_t)pool->y.w * (size_t)pool->y.c * each;
    int32_t reach = (pool->kernel[0] - 1) * pool->dilation[0] + 1;
    for (int32_t n = 0; n < pool->y.n; n++)
        for (int32_t row = 0; row < pool->y.h; row += tile->rows) {
            int32_t rows = pool->y.h - row < tile->rows ? pool->y.h - row : tile->rows, first, end;
            work->used = 0;
            dsp_rows_seen(row, rows, pool->stride[0], pool->padding[0], reach, pool->x.h, &first,
                          &end);
            const unsigned char *x = dsp_stage(
                work, &step->x[0], ((size_t)n * (size_t)pool->x.h + (size_t)first) * x_row,
                (size_t)(end - first) * x_row);
            struct dsp_piece y =
                dsp_piece_of(work, &step->y, ((size_t)n * (size_t)pool->y.h + (size_t)row) * y_row,
                             (size_t)rows, y_row, y_row);
            for (int32_t r = 0; r < rows; r++)
                pool_row(pool, x, first, y.data + (size_t)r * y_row, row + r);
            dsp_piece_out(&y);
        }
}

/* ---- RESIZE ---- */

/* Taps are in memory that the host may change: they are made legal before each use. */
static struct dsp_tap tap_at(const unsigned char *taps, size_t i, int32_t size)
{
    struct dsp_tap tap;
    memcpy(&tap, taps + i * sizeof tap, sizeof tap);
    for (int k = 0; k < 2; k++)
        tap.from[k] = tap.from[k] < 0 ? 0 : tap.from[k] >= size ? size - 1 : tap.from[k];
    int32_t most = 1 << DSP_SHARE_BITS;
    tap.share = tap.share < 0 ? 0 : tap.share > most ? most : tap.share;
    return tap;
}

/* Between two pixels of a row, times 2^20. */
static int64_t between(const struct dsp_resize *resize, const unsigned char *row, size_t left,
                       size_t right, int32_t share)
{
    const int64_t one = 1 << DSP_SHARE_BITS;
    return (dsp_load(row, resize->is_unsigned, left) - resize->zero) * (one - share) +
           (dsp_load(row, resize->is_unsigned, right) - resize->zero) * (int64_t)share;
}

static void resize_row(const struct dsp_resize *resize, const unsigned char *const rows[2],
                       int32_t down, const unsigned char *taps, unsigned char *y)
{
    const int64_t one = 1 << DSP_SHARE_BITS;
    size_t channels = (size_t)resize->x.c;
    for (int32_t ox = 0; ox < resize->y.w; ox++, y += channels) {
        struct dsp_tap column = tap_at(taps, (size_t)ox, resize->x.w);
        size_t left = (size_t)column.from[0] * channels, right = (size_t)column.from[1] * channels;
        if (!resize->bilinear)
            memcpy(y, rows[0] + left, channels);
        for (size_t c = 0; resize->bilinear && c < channels; c++) {
            int64_t above = between(resize, rows[0], left + c, right + c, column.share);
            int64_t below = between(resize, rows[1], left + c, right + c, column.share);
            y[c] = (unsigned char)(dsp_round_shift(above * (one - down) + below * down,
                                                   2 * DSP_SHARE_BITS) +
                                   resize->zero);
        }
    }
}

void dsp_run_resize(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_resize *resize = &step->as.resize;
    size_t x_row = (size_t)resize->x.w * (size_t)resize->x.c, one = sizeof(struct dsp_tap);
    size_t y_row = (size_t)resize->y.w * (size_t)resize->y.c, height = (size_t)resize->y.h;
    (void)tile;
    work->used = 0;
    const unsigned char *columns =
        dsp_stage(work, &step->x[1], height * one, (size_t)resize->y.w * one);
    size_t kept = work->used;
    for (size_t row = 0; row < (size_t)resize->y.n * height; row++) {
        struct dsp_tap tap = tap_at(dsp_at(work, &step->x[1], 0), row % height, resize->x.h);
        const unsigned char *rows[2];
        work->used = kept;
        for (int i = 0; i < 2; i++)
            rows[i] = dsp_stage(work, &step->x[0],
                                (row / height * (size_t)resize->x.h + (size_t)tap.from[i]) * x_row,
                                x_row);
        struct dsp_piece y = dsp_piece_of(work, &step->y, row * y_row, 1, y_row, y_row);
        resize_row(resize, rows, tap.share, columns, y.data);
        dsp_piece_out(&y);
    }
}
