/*
 * Why: a depthwise convolution is limited by loads and stores, so it runs row by row in place, on
 * groups of channels whose weights stay in the L1 cache.
 *
 * int8: the input rows of a strip are widened once, which costs little beside the kernel's 9 to 25
 * uses of each; to pairs of 16 bits for the usual widths of kernels, else to floats, in which
 * numbers of at most 255 * 128, 512 at most to a sum, are exact.
 */
#include "backends/cpu/conv_plan.h"
#include "backends/cpu/denormals.h"
#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_GROUP_I8 32
#define STRIP_BYTES    (256 * 1024) /* int8: widened rows and sums, in the L2 cache */
/* fp32: the input rows under a strip of columns, in the L1 cache beside weights; kernels take so
 * many columns at once. */
#define STRIP_F32_BYTES (20 * 1024)
#define STRIP_STEP      8
/* Roughly what one core does, to decide how far to cut work up; nothing depends on it being right.
 */
#define MACS_A_NS 10.0

/* A job on channels [channel, channel + channels), but for where it reads and writes. */
static struct cpu_depthwise describe(const struct cpu_conv *conv, size_t channel, size_t channels)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct prt_conv_attrs *attrs = &spec->attrs;
    struct cpu_depthwise d = {
        .column_end = (size_t)spec->output[1],
        .channels = channels,
        .taps = (size_t)spec->kernel[0] * (size_t)spec->kernel[1],
        .weights = (const float *)conv->packed,
        .bias = conv->channels + channel,
        .finish = conv->finish,
    };
    for (int i = 0; i < 2; i++) {
        d.kernel[i] = (size_t)spec->kernel[i];
        d.stride[i] = (size_t)attrs->stride[i];
        d.dilation[i] = (size_t)attrs->dilation[i];
        d.pad[i] = (size_t)attrs->padding[2 * i];
        d.input[i] = (size_t)spec->input[i];
    }
    d.weights += channel * d.taps;
    d.finish.slope += channel;
    return d;
}

/* Output rows [row, row_end) of a task's columns, strip by strip. */
static void run_area_f32(const struct cpu_conv_call *call, size_t image, size_t row, size_t row_end,
                         size_t column_task, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    size_t all = (size_t)conv->spec.input[2], columns = (size_t)conv->spec.output[1];
    size_t strip = conv->depthwise.strip_columns, strips = (columns + strip - 1) / strip;
    size_t first = strips * column_task / conv->depthwise.column_tasks;
    size_t last = strips * (column_task + 1) / conv->depthwise.column_tasks;
    struct cpu_depthwise d = describe(conv, channel, channels);
    size_t at = image * (size_t)conv->spec.output[0] * columns * all + channel;
    d.x_pixel = d.y_pixel = all;
    d.x_row = d.input[1] * all;
    d.y_row = columns * all;
    d.x = (const float *)call->x + image * d.input[0] * d.x_row + channel;
    d.y = (float *)call->y + at;
    d.residual = conv->spec.residual ? (const float *)call->residual + at : NULL;
    for (; first < last; first++) {
        d.column = first * strip;
        d.column_end = d.column + strip < columns ? d.column + strip : columns;
        for (d.row = row; d.row < row_end; d.row = d.row_end) {
            d.row_end = conv->after ? d.row + 1 : row_end;
            conv->kernels->depthwise(&d);
            cpu_conv_after(conv, d.y + d.row * d.y_row + d.column * all, d.column_end - d.column,
                           channels, all);
        }
    }
}

/* Rows [row, row + rows) from an image of the input rows they need, widened. Those rows are a small
 * image of their own, with the large one's padding where the strip touches its edges. */
static void run_strip_i8(const struct cpu_conv_call *call, float *scratch, size_t image, size_t row,
                         size_t rows, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t all = (size_t)spec->input[2];
    float *zeros = scratch, *sums = zeros + CPU_DEPTHWISE_CHANNELS + CPU_CHANNEL_SLACK;
    float *strip = sums + rows * (size_t)spec->output[1] * channels;
    memset(zeros, 0, (CPU_DEPTHWISE_CHANNELS + CPU_CHANNEL_SLACK) * sizeof *zeros);

    struct cpu_depthwise d = describe(conv, channel, channels);
    size_t reach = (d.kernel[0] - 1) * d.dilation[0] + 1;
    size_t top = row * d.stride[0], bottom = top + (rows - 1) * d.stride[0] + reach;
    size_t first = top > d.pad[0] ? top - d.pad[0] : 0;
    size_t last = bottom > d.pad[0] ? bottom - d.pad[0] : 0;
    last = last < d.input[0] ? last : d.input[0];
    first = first < last ? first : last;
    conv->kernels->widen_f32(strip,
                             call->x + (image * d.input[0] + first) * d.input[1] * all + channel,
                             (last - first) * d.input[1], channels, all, conv->flip, conv->x_zero);

    d.pad[0] = d.pad[0] > top ? d.pad[0] - top : 0;
    d.input[0] = last - first;
    d.row_end = rows;
    d.x = strip;
    d.x_pixel = d.y_pixel = channels;
    d.x_row = d.input[1] * channels;
    d.bias = zeros;
    d.y = sums;
    d.y_row = d.column_end * channels;
    d.finish = (struct cpu_finish){.lo = -INFINITY, .hi = INFINITY};
    conv->kernels->depthwise(&d);

    size_t at = (image * (size_t)spec->output[0] + row) * d.column_end * all + channel;
    struct cpu_narrow n = {
        .pixels = rows * d.column_end,
        .channels = channels,
        .sums = sums,
        .residual = spec->residual ? call->residual + at : NULL,
        .y = call->y + at,
        .y_stride = all,
        .requant = conv->requant,
    };
    n.requant.scale += channel;
    n.requant.bias += channel;
    n.requant.finish.slope += channel;
    conv->kernels->narrow(&n);
}

/* One line of pairs: input row `line` above the one `dilation` rows below it, and the padding. */
static void widen_line(const struct cpu_conv *conv, const uint8_t *image, int64_t line,
                       size_t channels, int32_t *to)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t all = (size_t)spec->input[2], pixel = conv->depthwise.pixel;
    size_t left = (size_t)spec->attrs.padding[2], width = (size_t)spec->input[1];
    const uint8_t *rows[2];
    for (int i = 0; i < 2; i++) {
        int64_t row = line + i * (int64_t)spec->attrs.dilation[0];
        rows[i] = row >= 0 && row < spec->input[0] ? image + (size_t)row * width * all : NULL;
    }
    left = left < conv->depthwise.line_pixels ? left : conv->depthwise.line_pixels;
    size_t rest = conv->depthwise.line_pixels - left;
    width = width < rest ? width : rest;
    memset(to, 0, left * pixel * sizeof *to);
    conv->kernels->widen_pairs(to + left * pixel, pixel, rows[0], rows[1], width, channels, all,
                               conv->flip, conv->x_zero);
    memset(to + (left + width) * pixel, 0, (rest - width) * pixel * sizeof *to);
}

/* As run_strip_i8, on pairs. */
static void run_strip_pairs(const struct cpu_conv_call *call, int32_t *lines, size_t image,
                            size_t row, size_t rows, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t all = (size_t)spec->input[2], columns = (size_t)spec->output[1];
    size_t step = conv->depthwise.line_step, pairs = conv->depthwise.pairs;
    size_t a_line = conv->depthwise.line_pixels * conv->depthwise.pixel;
    size_t down = (size_t)spec->attrs.stride[0], apart = 2 * (size_t)spec->attrs.dilation[0];
    size_t count = ((rows - 1) * down + (pairs - 1) * apart) / step + 1;
    const uint8_t *x =
        call->x + image * (size_t)spec->input[0] * (size_t)spec->input[1] * all + channel;
    for (size_t i = 0; i < count; i++)
        widen_line(conv, x, (int64_t)(row * down + i * step) - spec->attrs.padding[0], channels,
                   lines + i * a_line);
    size_t at = (image * (size_t)spec->output[0] + row) * columns * all + channel;
    struct cpu_depthwise_i8 d = {
        .kernel = (size_t)spec->kernel[1],
        .stride = (size_t)spec->attrs.stride[1],
        .pair_rows = pairs,
        .rows = rows,
        .columns = columns,
        .channels = channels,
        .x = lines,
        .x_row = down / step * a_line,
        .x_pair = apart / step * a_line,
        .x_pixel = conv->depthwise.pixel,
        .weights = (const int32_t *)conv->packed + channel * pairs * (size_t)spec->kernel[1],
        .residual = spec->residual ? call->residual + at : NULL,
        .y = call->y + at,
        .y_row = columns * all,
        .y_pixel = all,
        .requant = conv->requant,
    };
    d.requant.scale += channel;
    d.requant.bias += channel;
    d.requant.finish.slope += channel;
    conv->kernels->depthwise_i8(&d);
}

static void run_task(void *context, size_t task, unsigned worker)
{
    const struct cpu_conv_call *call = context;
    const struct cpu_conv *conv = call->conv;
    size_t channels = (size_t)conv->spec.output[2], rows = (size_t)conv->spec.output[0];
    size_t group = conv->depthwise.channel_group, row_tasks = conv->depthwise.row_tasks;
    size_t column_tasks = conv->depthwise.column_tasks;
    size_t column_task = task % column_tasks, row_task = task / column_tasks % row_tasks;
    size_t image = task / column_tasks / row_tasks;
    size_t row = rows * row_task / row_tasks, end = rows * (row_task + 1) / row_tasks;
    const unsigned before = cpu_drop_denormals();
    for (size_t channel = 0; channel < channels; channel += group) {
        size_t n = channels - channel < group ? channels - channel : group;
        if (conv->spec.dtype == PRT_F32) {
            run_area_f32(call, image, row, end, column_task, channel, n);
            continue;
        }
        float *scratch = (float *)(call->scratch + worker * conv->scratch_a_worker);
        for (size_t from = row, strip; from < end; from += strip) {
            strip =
                end - from < conv->depthwise.strip_rows ? end - from : conv->depthwise.strip_rows;
            if (conv->depthwise.pairs)
                run_strip_pairs(call, (int32_t *)(void *)scratch, image, from, strip, channel, n);
            else
                run_strip_i8(call, scratch, image, from, strip, channel, n);
        }
    }
    cpu_keep_denormals(before);
}

/* Numbers in a strip of `rows` output rows and in its sums, for one channel. */
static bool strip_numbers(const struct cpu_conv *conv, size_t rows, size_t *numbers)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t reach, lines, in, out;
    if (conv->depthwise.pairs)
        return base_mul_size(rows - 1, (size_t)spec->attrs.stride[0], &lines) &&
               base_mul_size(2 * (conv->depthwise.pairs - 1), (size_t)spec->attrs.dilation[0],
                             &reach) &&
               base_add_size(lines, reach, &lines) &&
               base_mul_size(lines / conv->depthwise.line_step + 1, conv->depthwise.line_pixels,
                             numbers);
    if (!base_mul_size((size_t)spec->kernel[0] - 1, (size_t)spec->attrs.dilation[0], &reach) ||
        !base_mul_size(rows - 1, (size_t)spec->attrs.stride[0], &lines) ||
        !base_add_size(lines, reach, &lines) || !base_add_size(lines, 1, &lines))
        return false;
    lines = lines < (size_t)spec->input[0] ? lines : (size_t)spec->input[0];
    return base_mul_size(lines, (size_t)spec->input[1], &in) &&
           base_mul_size(rows, (size_t)spec->output[1], &out) && base_add_size(in, out, numbers);
}

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* int8: is there a kernel for pairs, and how do its lines lie? */
static void plan_pairs(struct cpu_conv *conv)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct prt_conv_attrs *attrs = &spec->attrs;
    enum { BLOCK = 4, MOST_PAIRS = 64 };
    bool known = (spec->kernel[1] == 3 || spec->kernel[1] == 5) && attrs->dilation[1] == 1 &&
                 attrs->stride[1] <= 2 && spec->kernel[0] <= 2 * MOST_PAIRS;
    if (!known)
        return;
    size_t columns = ((size_t)spec->output[1] + BLOCK - 1) / BLOCK * BLOCK;
    conv->depthwise.pairs = ((size_t)spec->kernel[0] + 1) / 2;
    conv->depthwise.line_step =
        common_divisor((size_t)attrs->stride[0], 2 * (size_t)attrs->dilation[0]);
    conv->depthwise.line_pixels =
        (columns - 1) * (size_t)attrs->stride[1] + (size_t)spec->kernel[1];
}

/* int8: strips as high as the cache allows, of as many channels as let one be the whole image. */
static enum percept_status plan_strips(struct cpu_conv *conv)
{
    plan_pairs(conv);
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t rows = (size_t)spec->output[0], group = CPU_DEPTHWISE_CHANNELS, numbers = 0, bytes;
    for (;;) {
        if (!strip_numbers(conv, rows, &numbers) ||
            !base_mul_size(numbers, group * sizeof(float), &bytes) || bytes > SIZE_MAX / 65536)
            return PERCEPT_LIMIT;
        if (bytes <= STRIP_BYTES || (group == LEAST_GROUP_I8 && rows == 1))
            break;
        if (group > LEAST_GROUP_I8)
            group /= 2;
        else
            rows -= (rows + 3) / 4;
    }
    conv->depthwise.channel_group = group;
    conv->depthwise.strip_rows = rows;
    size_t widest = (size_t)spec->output[2] < group ? (size_t)spec->output[2] : group;
    size_t width = conv->kernels->width;
    conv->depthwise.pixel = (widest + width - 1) / width * width;
    conv->scratch_a_worker =
        cpu_align64(bytes + (CPU_DEPTHWISE_CHANNELS + CPU_CHANNEL_SLACK) * sizeof(float));
    return PERCEPT_OK;
}

/* The weights at one place of the kernel for `count` channels, which lie `stride` apart. */
static void pack_floats(const float *from, int64_t stride, size_t count, float *to)
{
    for (size_t c = 0; c < count; c++)
        to[c] = from[(int64_t)c * stride];
}

static void pack_codes(const int8_t *from, int64_t stride, size_t count, float *to)
{
    for (size_t c = 0; c < count; c++)
        to[c] = (float)from[(int64_t)c * stride];
}

/* Two kernel rows to a number, of which this is the one above or, shifted, the one below. */
static void pack_pair(const int8_t *from, int64_t stride, size_t count, unsigned shift, float *to)
{
    uint32_t *numbers = (uint32_t *)(void *)to;
    for (size_t c = 0; c < count; c++)
        numbers[c] |= (uint32_t)(uint16_t)from[(int64_t)c * stride] << shift;
}

static bool fill_depthwise(const struct cpu_conv *conv, const struct cpu_conv_weights *from)
{
    struct cpu_conv_weights read = *from;
    const struct cpu_conv_weights *weights = &read;
    if (!cpu_conv_read(&read))
        return false;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->output[2], width = conv->kernels->width;
    size_t rows = (size_t)spec->kernel[0], columns = (size_t)spec->kernel[1];
    size_t pairs = conv->depthwise.pairs, taps = (pairs ? pairs : rows) * columns;
    int64_t stride =
        cpu_weight_at(spec, weights->strides, 1, 0, 0, 0, 0) -
        cpu_weight_at(spec, weights->strides, 0, 0, 0, 0, 0); /* from channel to channel */
    for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c < width ? channels - c : width;
        float *packed = (float *)conv->packed + c * taps;
        for (size_t tap = 0; tap < rows * columns; tap++) {
            size_t row = tap / columns, column = tap % columns;
            int64_t at = cpu_weight_at(spec, weights->strides, c, 0, row, column, 0);
            const int8_t *codes = (const int8_t *)weights->weight + at;
            if (spec->dtype == PRT_F32)
                pack_floats((const float *)weights->weight + at, stride, count,
                            packed + tap * width);
            else if (pairs)
                pack_pair(codes, stride, count, row % 2 * 16,
                          packed + (row / 2 * columns + column) * width);
            else
                pack_codes(codes, stride, count, packed + tap * width);
        }
    }
    return true;
}

/* Cut an image into that many tasks: fp32 across its columns, as strips that begin at its top read
 * each input row once. */
static void plan_tasks(struct cpu_conv *conv, size_t tasks)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t rows = (size_t)spec->output[0], columns = (size_t)spec->output[1], strip = columns;
    size_t channels = (size_t)spec->output[2], strips, row_tasks;
    if (spec->dtype == PRT_F32) {
        channels = channels < CPU_DEPTHWISE_CHANNELS ? channels : CPU_DEPTHWISE_CHANNELS;
        strip = STRIP_F32_BYTES / sizeof(float) / channels / (size_t)spec->kernel[0] /
                (size_t)spec->attrs.stride[1];
        strip = strip < STRIP_STEP ? STRIP_STEP : strip / STRIP_STEP * STRIP_STEP;
    }
    strips = (columns + strip - 1) / strip;
    conv->depthwise.strip_columns = strip;
    conv->depthwise.column_tasks = tasks < strips ? tasks : strips;
    row_tasks = (tasks + conv->depthwise.column_tasks - 1) / conv->depthwise.column_tasks;
    conv->depthwise.row_tasks = row_tasks < rows ? row_tasks : rows;
}

enum percept_status cpu_conv_plan_depthwise(struct cpu_conv *conv,
                                            const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->output[2], width = conv->kernels->width, taps, numbers;
    size_t vectors = (channels + width - 1) / width;
    bool f32 = spec->dtype == PRT_F32;
    if (!base_mul_size((size_t)spec->kernel[0], (size_t)spec->kernel[1], &taps) ||
        !base_mul_size(vectors * width, taps, &numbers))
        return PERCEPT_LIMIT;
    conv->depthwise.channel_group = CPU_DEPTHWISE_CHANNELS;
    enum percept_status status = f32 ? PERCEPT_OK : plan_strips(conv);
    if (status != PERCEPT_OK)
        return status;
    /* pairs need no more */
    status = cpu_conv_pack(conv, weights, numbers, sizeof(float), fill_depthwise);
    if (status != PERCEPT_OK)
        return status;

    conv->name = f32 ? conv->kernels->depthwise_f32_name : conv->kernels->depthwise_i8_name;
    size_t rows = (size_t)spec->output[0], images = (size_t)spec->batch;
    double macs = (double)images * (double)rows * spec->output[1] * (double)(channels * taps);
    plan_tasks(conv, (cpu_conv_tasks(conv, macs, MACS_A_NS) + images - 1) / images);
    conv->tasks = images * conv->depthwise.row_tasks * conv->depthwise.column_tasks;
    conv->task = run_task;
    return PERCEPT_OK;
}
