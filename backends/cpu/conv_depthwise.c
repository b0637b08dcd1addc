/*
 * Why: a depthwise convolution is limited by loads and stores, so it runs row by row in place, on
 * groups of channels whose weights stay in the L1 cache.
 *
 * int8 runs on the fp32 kernel: numbers of at most 255 * 128, 512 at most to a sum, are exact
 * there. The input rows of a strip are widened to floats once, with their padding, which costs
 * little beside the kernel's 9 to 25 uses of each.
 */
#include "backends/cpu/conv_plan.h"
#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_F32   CPU_DEPTHWISE_CHANNELS
#define GROUP_I8    16
#define STRIP_BYTES (96 * 1024) /* int8: widened rows, in the L2 cache */
/* Roughly what one core does, to decide how far to cut work up; nothing depends on it being right.
 */
#define MACS_A_NS 10.0

static size_t align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* A job on channels [channel, channel + channels), but for where it reads and writes. */
static struct cpu_depthwise describe(const struct cpu_conv *conv, size_t channel, size_t channels)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct prt_conv_attrs *attrs = &spec->attrs;
    struct cpu_depthwise d = {
        .columns = (size_t)spec->output[1],
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

static void run_rows_f32(const struct cpu_conv_call *call, size_t image, size_t row, size_t end,
                         size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    size_t all = (size_t)conv->spec.input[2];
    struct cpu_depthwise d = describe(conv, channel, channels);
    size_t at = image * (size_t)conv->spec.output[0] * d.columns * all + channel;
    d.row = row;
    d.row_end = end;
    d.x_pixel = d.y_pixel = all;
    d.x_row = d.input[1] * all;
    d.y_row = d.columns * all;
    d.x = (const float *)call->x + image * d.input[0] * d.x_row + channel;
    d.y = (float *)call->y + at;
    d.residual = conv->spec.residual ? (const float *)call->residual + at : NULL;
    conv->kernels->depthwise(&d);
}

/* A worker's scratch: a row of zeros for the bias, a row of sums, the widened strip. */
static void run_rows_i8(const struct cpu_conv_call *call, uint8_t *scratch, size_t image,
                        size_t row, size_t end, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t all = (size_t)spec->input[2], columns = (size_t)spec->input[1];
    size_t padded = conv->depthwise.padded_columns, left = (size_t)spec->attrs.padding[2];
    float *zeros = (float *)scratch, *sums = zeros + GROUP_I8 + CPU_CHANNEL_SLACK;
    float *strip = sums + (size_t)spec->output[1] * GROUP_I8;
    int64_t stride = spec->attrs.stride[0], dilation = spec->attrs.dilation[0];
    int64_t reach = (spec->kernel[0] - 1) * dilation + 1;
    memset(zeros, 0, (GROUP_I8 + CPU_CHANNEL_SLACK) * sizeof *zeros);

    struct cpu_depthwise d = describe(conv, channel, channels);
    d.row_end = 1;
    d.pad[0] = d.pad[1] = 0;
    d.input[0] = (size_t)reach;
    d.input[1] = padded;
    d.x_pixel = d.y_pixel = channels;
    d.x_row = padded * channels;
    d.bias = zeros;
    d.y = sums;
    d.finish = (struct cpu_finish){.lo = -INFINITY, .hi = INFINITY};
    struct cpu_narrow n = {
        .pixels = d.columns,
        .channels = channels,
        .sums = sums,
        .y_stride = all,
        .requant = conv->requant,
    };
    n.requant.scale += channel;
    n.requant.bias += channel;
    n.requant.finish.slope += channel;

    while (row < end) {
        size_t rows = end - row;
        rows = rows < conv->depthwise.strip_rows ? rows : conv->depthwise.strip_rows;
        int64_t top = (int64_t)row * stride - spec->attrs.padding[0];
        int64_t lines = ((int64_t)rows - 1) * stride + reach;
        for (int64_t line = 0; line < lines; line++) {
            float *to = strip + (size_t)line * padded * channels;
            memset(to, 0, padded * channels * sizeof *to);
            if (top + line < 0 || top + line >= spec->input[0])
                continue;
            const uint8_t *from =
                call->x + (image * (size_t)spec->input[0] + (size_t)(top + line)) * columns * all +
                channel;
            for (size_t column = 0; column < columns && left + column < padded; column++)
                conv->kernels->widen_f32(to + (left + column) * channels, from + column * all,
                                         channels, conv->flip, conv->x_zero);
        }
        for (size_t i = 0; i < rows; i++, row++) {
            size_t at = (image * (size_t)spec->output[0] + row) * d.columns * all + channel;
            d.x = strip + i * (size_t)stride * padded * channels;
            conv->kernels->depthwise(&d);
            n.residual = spec->residual ? call->residual + at : NULL;
            n.y = call->y + at;
            conv->kernels->narrow(&n);
        }
    }
}

static void run_task(void *context, size_t task, unsigned worker)
{
    const struct cpu_conv_call *call = context;
    const struct cpu_conv *conv = call->conv;
    size_t channels = (size_t)conv->spec.output[2], rows = (size_t)conv->spec.output[0];
    size_t group = conv->depthwise.channel_group, row_tasks = conv->depthwise.row_tasks;
    size_t row_task = task % row_tasks, image = task / row_tasks;
    size_t row = rows * row_task / row_tasks, end = rows * (row_task + 1) / row_tasks;
    for (size_t channel = 0; channel < channels; channel += group) {
        size_t n = channels - channel < group ? channels - channel : group;
        if (conv->spec.dtype == PRT_F32)
            run_rows_f32(call, image, row, end, channel, n);
        else
            run_rows_i8(call, call->scratch + worker * conv->scratch_a_worker, image, row, end,
                        channel, n);
    }
}

/* Columns that the windows of a whole row touch, padding included. */
static bool touched(int32_t outputs, int32_t stride, int32_t kernel, int32_t dilation, size_t *out)
{
    size_t n, reach;
    return base_mul_size((size_t)outputs - 1, (size_t)stride, &n) &&
           base_mul_size((size_t)kernel - 1, (size_t)dilation, &reach) &&
           base_add_size(n, reach, &n) && base_add_size(n, 1, out);
}

static enum percept_status plan_strips(struct cpu_conv *conv)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct prt_conv_attrs *attrs = &spec->attrs;
    size_t padded, reach, line, lines, bytes;
    if (!touched(spec->output[1], attrs->stride[1], spec->kernel[1], attrs->dilation[1], &padded) ||
        !touched(1, 1, spec->kernel[0], attrs->dilation[0], &reach) ||
        !base_mul_size(padded, GROUP_I8 * sizeof(float), &line))
        return PERCEPT_LIMIT;
    size_t fit = STRIP_BYTES / line, stride = (size_t)attrs->stride[0];
    size_t rows = fit > reach ? (fit - reach) / stride + 1 : 1;
    rows = rows < (size_t)spec->output[0] ? rows : (size_t)spec->output[0];
    if (!touched((int32_t)rows, attrs->stride[0], spec->kernel[0], attrs->dilation[0], &lines) ||
        !base_mul_size(lines, line, &bytes) || bytes > SIZE_MAX / 65536)
        return PERCEPT_LIMIT;
    conv->depthwise.padded_columns = padded;
    conv->depthwise.strip_rows = rows;
    conv->scratch_a_worker =
        align64(bytes + (GROUP_I8 + CPU_CHANNEL_SLACK + (size_t)spec->output[1] * GROUP_I8) *
                            sizeof(float));
    return PERCEPT_OK;
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
    enum percept_status status = f32 ? PERCEPT_OK : plan_strips(conv);
    if (status != PERCEPT_OK)
        return status;
    float *packed = conv->packed = cpu_conv_alloc(numbers, sizeof *packed);
    if (!packed)
        return PERCEPT_NO_MEMORY;
    size_t kernel_columns = (size_t)spec->kernel[1];
    for (size_t c = 0; c < channels; c++) {
        for (size_t t = 0; t < taps; t++) {
            int64_t at = cpu_weight_at(spec, weights->strides, c, 0, t / kernel_columns,
                                       t % kernel_columns, 0);
            packed[(c / width * taps + t) * width + c % width] =
                f32 ? ((const float *)weights->weight)[at]
                    : (float)((const int8_t *)weights->weight)[at];
        }
    }

    conv->name = f32 ? conv->kernels->depthwise_f32_name : conv->kernels->depthwise_i8_name;
    conv->depthwise.channel_group = f32 ? GROUP_F32 : GROUP_I8;
    size_t rows = (size_t)spec->output[0], images = (size_t)spec->batch;
    double macs = (double)images * (double)rows * spec->output[1] * (double)(channels * taps);
    size_t tasks = (cpu_conv_tasks(conv, macs, MACS_A_NS) + images - 1) / images;
    conv->depthwise.row_tasks = tasks < rows ? tasks : rows;
    conv->tasks = images * conv->depthwise.row_tasks;
    conv->task = run_task;
    return PERCEPT_OK;
}
