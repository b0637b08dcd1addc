/* Why: convolutions and layers, a tile of rows and output channels at a time. The weights of some
 * channels are brought in once; then all rows pass by them. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

enum { BLOCK = 64 }; /* channels whose sums are in registers at a time */

/* What a tile has in local memory. */
struct conv_tile {
    const struct dsp_conv *conv;
    bool depthwise;         /* each output channel sees its own input channel alone */
    size_t each;            /* bytes of a code */
    const unsigned char *x; /* rows [first, end) of an image */
    int32_t first, end;
    const int8_t *weight; /* [O, kh, kw, I/groups]; depthwise: [kh, kw, O] */
    const struct dsp_channel *channels;
    int32_t channel, channel_count;
    const struct dsp_piece *y, *residual; /* pieces are pixels */
};

/* Along an axis, the taps that meet a pixel of the image: first, first + step, .. up to end. The
 * first one meets pixel `at`, and each next one the pixel `move` from there. */
struct taps {
    int32_t first, step, end;
    int64_t at, move;
};

struct window {
    struct taps rows, columns;
};

/* Codes less their zero point, and weights less theirs, are numbers of 16 bits, whose products
 * processors add in pairs; codes of two bytes are numbers of 17, and their sums of 64. */
union sums {
    int32_t bytes[BLOCK];
    int64_t halves[BLOCK];
};
#define DOT(name, type, number, sum_type, member)                                                 \
    static int64_t name(const struct dsp_conv *conv, const unsigned char *x, const int8_t *w,     \
                        int32_t n)                                                                \
    {                                                                                             \
        sum_type sum = 0;                                                                         \
        int32_t zero_x = conv->zero_x, zero_w = conv->zero_w;                                     \
        for (int32_t i = 0; i < n; i++)                                                           \
            sum += (number)(dsp_load(x, type, (size_t)i) - zero_x) * (int16_t)(w[i] - zero_w);    \
        return sum;                                                                               \
    }                                                                                             \
    static void name##_each(const struct dsp_conv *conv, const unsigned char *x, const int8_t *w, \
                            int32_t n, union sums *sums)                                          \
    {                                                                                             \
        int32_t zero_x = conv->zero_x, zero_w = conv->zero_w;                                     \
        for (int32_t i = 0; i < n; i++)                                                           \
            sums->member[i] +=                                                                    \
                (number)(dsp_load(x, type, (size_t)i) - zero_x) * (int16_t)(w[i] - zero_w);       \
    }
DOT(dot_i8, DSP_I8, int16_t, int32_t, bytes)
DOT(dot_u8, DSP_U8, int16_t, int32_t, bytes)
DOT(dot_i16, DSP_I16, int32_t, int64_t, halves)
DOT(dot_u16, DSP_U16, int32_t, int64_t, halves)

static const struct {
    int64_t (*dot)(const struct dsp_conv *conv, const unsigned char *x, const int8_t *w, int32_t n);
    void (*each)(const struct dsp_conv *conv, const unsigned char *x, const int8_t *w, int32_t n,
                 union sums *sums);
} kernels[DSP_TYPES] = {
    [DSP_I8] = {dot_i8, dot_i8_each},
    [DSP_U8] = {dot_u8, dot_u8_each},
    [DSP_I16] = {dot_i16, dot_i16_each},
    [DSP_U16] = {dot_u16, dot_u16_each},
};

static struct taps taps_of(const struct dsp_conv *conv, int axis, int32_t size, int32_t y)
{
    int32_t kernel = conv->kernel[axis], dilation = conv->dilation[axis];
    int64_t from = (int64_t)y * conv->stride[axis] - conv->padding[axis];
    int64_t begin = from < 0 ? (-from + dilation - 1) / dilation : 0;
    int64_t past = from >= size ? 0 : (size - 1 - from) / dilation + 1;
    int32_t end = (int32_t)(past > kernel ? kernel : past);
    int32_t first = (int32_t)(begin > end ? end : begin);
    return (struct taps){first, 1, end, from + (int64_t)first * dilation, dilation};
}

/* Pixel p of x meets y where p * stride = y + padding - tap * dilation. */
static struct taps transposed_taps_of(const struct dsp_conv *conv, int axis, int32_t size,
                                      int32_t y)
{
    int32_t kernel = conv->kernel[axis], dilation = conv->dilation[axis],
            stride = conv->stride[axis], step = 1, first = 0, end;
    int64_t from = (int64_t)y + conv->padding[axis];
    while ((int64_t)step * dilation % stride != 0)
        step++;
    while (first < step && (from - (int64_t)first * dilation) % stride != 0)
        first++;
    if (first == step)
        return (struct taps){0, 1, 0, 0, 0};
    int64_t move = (int64_t)step * dilation / stride,
            at = (from - (int64_t)first * dilation) / stride;
    int64_t skipped = at >= size ? (at - size) / move + 1 : 0;
    int64_t past = at < 0 ? 0 : at / move + 1; /* how many meet a pixel that is not before x */
    int64_t all = first >= kernel ? 0 : (kernel - 1 - first) / step + 1;
    past = past > all ? all : past;
    skipped = skipped > past ? past : skipped;
    end = (int32_t)(first + past * step);
    return (struct taps){(int32_t)(first + skipped * step), step, end, at - skipped * move, -move};
}

static struct window window_of(const struct dsp_conv *conv, int32_t oy, int32_t ox)
{
    if (conv->transposed)
        return (struct window){transposed_taps_of(conv, 0, conv->x.h, oy),
                               transposed_taps_of(conv, 1, conv->x.w, ox)};
    return (struct window){taps_of(conv, 0, conv->x.h, oy), taps_of(conv, 1, conv->x.w, ox)};
}

/* Channel 0 of the pixel in a row and a column of the image. */
static const unsigned char *pixel_at(const struct conv_tile *tile, int64_t row, int64_t column)
{
    const struct dsp_conv *conv = tile->conv;
    return tile->x +
           (size_t)((row - tile->first) * conv->x.w + column) * (size_t)conv->x.c * tile->each;
}

/* The sum of the tile's output channel c. Without groups and dilation, the taps of a row are side
 * by side in both the image and the weight. */
static int64_t sum_of(const struct conv_tile *tile, const struct window *window, int32_t c)
{
    const struct dsp_conv *conv = tile->conv;
    const struct taps *rows = &window->rows, *columns = &window->columns;
    int32_t depth = conv->x.c / conv->groups, taps = columns->end - columns->first;
    int32_t group = (tile->channel + c) / (conv->y.c / conv->groups);
    bool side_by_side = conv->groups == 1 && columns->move == 1 && columns->step == 1 && taps > 0;
    int32_t run = side_by_side ? taps : 1, step = side_by_side ? taps : columns->step;
    const int8_t *w = tile->weight + (size_t)c * dsp_weight_bytes(conv);
    int64_t row = rows->at, sum = 0;
    for (int32_t ky = rows->first; ky < rows->end; ky += rows->step, row += rows->move) {
        int64_t column = columns->at;
        for (int32_t kx = columns->first; kx < columns->end; kx += step, column += columns->move) {
            const unsigned char *x =
                pixel_at(tile, row, column) + (size_t)group * (size_t)depth * tile->each;
            const int8_t *tap =
                w + ((size_t)ky * (size_t)conv->kernel[1] + (size_t)kx) * (size_t)depth;
            sum += kernels[conv->code.type].dot(conv, x, tap, run * depth);
        }
    }
    return sum;
}

/* Of a depthwise convolution: each tap, for all channels. */
static void add_each(const struct conv_tile *tile, const struct window *window, int32_t first,
                     int32_t count, union sums *sums)
{
    const struct dsp_conv *conv = tile->conv;
    const struct taps *rows = &window->rows, *columns = &window->columns;
    int64_t row = rows->at;
    for (int32_t ky = rows->first; ky < rows->end; ky += rows->step, row += rows->move) {
        int64_t column = columns->at;
        for (int32_t kx = columns->first; kx < columns->end;
             kx += columns->step, column += columns->move) {
            const unsigned char *x =
                pixel_at(tile, row, column) + (size_t)(tile->channel + first) * tile->each;
            const int8_t *w =
                tile->weight +
                ((size_t)ky * (size_t)conv->kernel[1] + (size_t)kx) * (size_t)tile->channel_count +
                first;
            kernels[conv->code.type].each(conv, x, w, count, sums);
        }
    }
}

static void sums_of(const struct conv_tile *tile, const struct window *window, int32_t first,
                    int32_t count, int64_t sums[BLOCK])
{
    union sums each = {.halves = {0}};
    if (tile->depthwise)
        add_each(tile, window, first, count, &each);
    for (int32_t c = 0; c < count; c++)
        sums[c] = !tile->depthwise  ? sum_of(tile, window, first + c)
                  : tile->each == 1 ? each.bytes[c]
                                    : each.halves[c];
}

/* The number in steps of the result, times 2^shift: above zero, or below it. */
static int64_t weigh(const struct dsp_channel *channel, int below, int64_t sum, int32_t residual)
{
    int64_t v = dsp_multiply_add(sum, channel->multiplier[below], channel->offset[below]);
    return dsp_multiply_add(residual, channel->residual[below], v);
}

static int64_t steps_of(const struct dsp_channel *channel, int64_t sum, int32_t residual)
{
    int64_t v = weigh(channel, 0, sum, residual);
    if (v < 0)
        v = weigh(channel, 1, sum, residual);
    return dsp_round_shift(v, channel->shift);
}

static int32_t finish(const struct dsp_conv *conv, const struct dsp_channel *channel, int64_t sum,
                      int32_t residual)
{
    int64_t steps =
        conv->code.type < DSP_I16
            ? steps_of(channel, sum, residual)
            : dsp_round_product(sum, channel->multiplier[0], channel->offset[0], channel->shift);
    return dsp_code_of(steps, conv->code.zero, conv->code.lo, conv->code.hi);
}

static void compute_pixel(const struct conv_tile *tile, const struct window *window,
                          unsigned char *to, const unsigned char *residual)
{
    const struct dsp_conv *conv = tile->conv;
    int64_t sums[BLOCK];
    for (int32_t first = 0; first < tile->channel_count; first += BLOCK) {
        int32_t left = tile->channel_count - first, count = left < BLOCK ? left : BLOCK;
        sums_of(tile, window, first, count, sums);
        for (int32_t c = 0; c < count; c++) {
            size_t at = (size_t)first + (size_t)c;
            if (conv->sums) {
                dsp_store_wide(to, at, dsp_multiply_add(1, sums[c], tile->channels[at].offset[0]));
                continue;
            }
            int32_t other =
                residual ? dsp_load(residual, conv->code.type, at) - conv->zero_residual : 0;
            dsp_store(to, conv->code.type, at, finish(conv, &tile->channels[at], sums[c], other));
        }
    }
}

static void compute(const struct conv_tile *tile, int32_t y, int32_t rows)
{
    size_t pixel = 0;
    for (int32_t oy = y; oy < y + rows; oy++)
        for (int32_t ox = 0; ox < tile->conv->y.w; ox++, pixel++) {
            struct window window = window_of(tile->conv, oy, ox);
            compute_pixel(tile, &window, tile->y->data + pixel * tile->y->step,
                          tile->residual ? tile->residual->data + pixel * tile->residual->step
                                         : NULL);
        }
}

static void run_tile(const struct dsp_step *step, struct conv_tile *tile, struct dsp_work *work,
                     int32_t n, int32_t y, int32_t rows)
{
    const struct dsp_conv *conv = tile->conv;
    size_t x_row = (size_t)conv->x.w * (size_t)conv->x.c * tile->each, channels = (size_t)conv->y.c;
    dsp_conv_rows(conv, y, rows, &tile->first, &tile->end);
    tile->x =
        dsp_stage(work, &step->x[0], ((size_t)n * (size_t)conv->x.h + (size_t)tile->first) * x_row,
                  (size_t)(tile->end - tile->first) * x_row);
    size_t offset = ((size_t)n * (size_t)conv->y.h + (size_t)y) * (size_t)conv->y.w * channels +
                    (size_t)tile->channel;
    size_t pixels = (size_t)rows * (size_t)conv->y.w, bytes = (size_t)tile->channel_count;
    size_t each = (size_t)dsp_result_bytes(conv->sums, &conv->code);
    struct dsp_piece out = dsp_piece_of(work, &step->y, offset * each, pixels, bytes * each,
                                        channels * each),
                     residual;
    tile->y = &out;
    tile->residual = NULL;
    if (step->x[3].space != DSP_NOWHERE) {
        residual = dsp_piece_of(work, &step->x[3], offset, pixels, bytes, channels);
        dsp_piece_in(&residual);
        tile->residual = &residual;
    }
    compute(tile, y, rows);
    dsp_piece_out(&out);
}

/* The weights of the tile's channels; of a depthwise convolution with the channels last. */
static const int8_t *stage_weights(const struct dsp_step *step, const struct conv_tile *tile,
                                   struct dsp_work *work)
{
    const struct dsp_conv *conv = tile->conv;
    size_t each = (size_t)dsp_weight_bytes(conv);
    size_t first = (size_t)tile->channel * each, count = (size_t)tile->channel_count;
    if (!tile->depthwise)
        return (const int8_t *)dsp_stage(work, &step->x[1], first, count * each);
    unsigned char *to = dsp_take(work, count * each);
    const unsigned char *from = dsp_at(work, &step->x[1], first);
    for (size_t c = 0; c < count; c++)
        for (size_t tap = 0; tap < each; tap++)
            to[tap * count + c] = from[c * each + tap];
    return (const int8_t *)to;
}

void dsp_run_conv(const struct dsp_step *step, const struct dsp_tile *plan, struct dsp_work *work)
{
    const struct dsp_conv *conv = &step->as.conv;
    struct conv_tile tile = {.conv = conv, .each = (size_t)dsp_code_bytes(&conv->code)};
    tile.depthwise = conv->groups == conv->x.c && conv->x.c == conv->y.c;
    for (tile.channel = 0; tile.channel < conv->y.c; tile.channel += plan->columns) {
        int32_t left = conv->y.c - tile.channel;
        size_t one = sizeof(struct dsp_channel);
        tile.channel_count = left < plan->columns ? left : plan->columns;
        work->used = 0;
        tile.weight = stage_weights(step, &tile, work);
        tile.channels = (const struct dsp_channel *)(const void *)dsp_stage(
            work, &step->x[2], (size_t)tile.channel * one, (size_t)tile.channel_count * one);
        size_t kept = work->used;
        for (int32_t n = 0; n < conv->y.n; n++)
            for (int32_t y = 0; y < conv->y.h; y += plan->rows) {
                int32_t rows = conv->y.h - y < plan->rows ? conv->y.h - y : plan->rows;
                work->used = kept;
                run_tile(step, &tile, work, n, y, rows);
            }
    }
}
