/*
 * Why: every convolution that is not depthwise is a matrix product of windows and weights, but
 * writing the windows out as a matrix costs memory traffic that a small model cannot afford.
 *
 * fp32 windows stay where they are: the kernel gets, for each output pixel of a block and each
 * `tap`, the address of `depth` consecutive numbers of x. A tap is an input pixel's channels
 * (PIXELS); or, when these are few, a whole kernel row of pixels, which also lie one after the
 * other (ROWS); a 1x1 kernel has one tap, and nothing to look up (POINTS). Pixels outside the image
 * are a row of zeros.
 *
 * int8 windows are written out, a block at a time, into scratch that stays in the L2 cache: widened
 * to int16, or as the bytes that the kernel multiplies (kernels.h: i8_numbers).
 */
#include "backends/cpu/conv_plan.h"
#include "backends/cpu/denormals.h"
#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

/* What a block's windows may take of the L2 cache, beside weights and y. */
#define BLOCK_BYTES (96 * 1024)
#define BLOCK_ROWS  240
/* Fewer channels than this and a tap is a whole kernel row. */
#define FEW_CHANNELS  16
#define MIN_TASK_ROWS 24
#define COPY_SLACK    32 /* bytes */
/* Roughly what one core does, to decide how far to cut work up; nothing depends on it being right.
 */
#define MACS_A_NS 25.0

static size_t pixel_count(const struct cpu_conv_spec *spec)
{
    return (size_t)spec->batch * (size_t)spec->output[0] * (size_t)spec->output[1];
}

/* ---- windows ---- */

struct place {
    int32_t image, row, column;
};

static struct place place_of(const struct cpu_conv_spec *spec, size_t pixel)
{
    size_t columns = (size_t)spec->output[1], rows = (size_t)spec->output[0];
    return (struct place){
        .image = (int32_t)(pixel / columns / rows),
        .row = (int32_t)(pixel / columns % rows),
        .column = (int32_t)(pixel % columns),
    };
}

static void next_place(const struct cpu_conv_spec *spec, struct place *place)
{
    if (++place->column < spec->output[1])
        return;
    place->column = 0;
    if (++place->row < spec->output[0])
        return;
    place->row = 0;
    place->image++;
}

/* Output pixels from `place` to the end of its row, at most `most`; and the place after them. */
static size_t run_length(const struct cpu_conv_spec *spec, struct place place, size_t most)
{
    size_t rest = (size_t)(spec->output[1] - place.column);
    return rest < most ? rest : most;
}

static void next_row(const struct cpu_conv_spec *spec, struct place *place)
{
    place->column = spec->output[1] - 1;
    next_place(spec, place);
}

/* The input row (axis 0) or column (axis 1) under kernel position k of output position `at`; -1
 * when there is none. */
static int32_t input_at(const struct cpu_conv_spec *spec, int axis, int32_t at, int32_t k)
{
    const struct prt_conv_attrs *attrs = &spec->attrs;
    int64_t in = (int64_t)k * attrs->dilation[axis];
    if (attrs->transposed) {
        in = (int64_t)at + attrs->padding[2 * axis] - in;
        if (in < 0 || in % attrs->stride[axis])
            return -1;
        in /= attrs->stride[axis];
    } else {
        in += (int64_t)at * attrs->stride[axis] - attrs->padding[2 * axis];
    }
    return in >= 0 && in < spec->input[axis] ? (int32_t)in : -1;
}

/* Elements before the pixel's first channel. */
static size_t pixel_offset(const struct cpu_conv_spec *spec, int32_t image, int32_t row,
                           int32_t column)
{
    return (((size_t)image * (size_t)spec->input[0] + (size_t)row) * (size_t)spec->input[1] +
            (size_t)column) *
           (size_t)spec->input[2];
}

/* For ROWS: which columns of the kernel, [first, last), lie inside the image. Returns the input
 * column under the first of them. */
static int32_t inside_columns(const struct cpu_conv_spec *spec, int32_t column, int32_t *first,
                              int32_t *last)
{
    int64_t left = (int64_t)column * spec->attrs.stride[1] - spec->attrs.padding[2];
    int64_t from = left < 0 ? -left : 0, to = spec->input[1] - left;
    *first = (int32_t)(from < spec->kernel[1] ? from : spec->kernel[1]);
    *last = (int32_t)(to > spec->kernel[1] ? spec->kernel[1] : to > *first ? to : *first);
    return *first < *last ? (int32_t)(left + *first) : 0;
}

/* ---- fp32: addresses ---- */

/* The kernel row of one output pixel that hangs over an edge, copied with zeros around it. */
static void copy_kernel_row(const struct cpu_conv *conv, const float *line, int32_t column,
                            float *to)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->input[2];
    int32_t first, last, from = inside_columns(spec, column, &first, &last);
    memset(to, 0, conv->gemm.depth * sizeof *to);
    memcpy(to + (size_t)first * channels, line + (size_t)from * channels,
           (size_t)(last - first) * channels * sizeof *to);
}

/* Where the windows of `rows` output pixels are: a[tap * rows + r]. Cut into runs of pixels of one
 * output row, for which the input rows are the same. */
static void address_rows(const struct cpu_conv *conv, const float *x, struct place place,
                         size_t rows, const float **a, float *copies, const float *zeros)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->input[2];
    int64_t stride = spec->attrs.stride[1], most = (int64_t)spec->input[1] - spec->kernel[1];
    for (size_t r = 0, run; r < rows; r += run, next_row(spec, &place)) {
        run = run_length(spec, place, rows - r);
        for (int32_t k = 0; k < spec->kernel[0]; k++) {
            const float **to = &a[(size_t)k * rows + r];
            int32_t row = input_at(spec, 0, place.row, k);
            const float *line = row < 0 ? NULL : x + pixel_offset(spec, place.image, row, 0);
            int64_t left = place.column * stride - spec->attrs.padding[2];
            for (size_t j = 0; j < run; j++, left += stride) {
                if (!line) {
                    to[j] = zeros;
                } else if (left >= 0 && left <= most) {
                    to[j] = line + (size_t)left * channels;
                } else {
                    copy_kernel_row(conv, line, place.column + (int32_t)j, copies);
                    to[j] = copies;
                    copies += conv->gemm.depth;
                }
            }
        }
    }
}

static void address_pixels(const struct cpu_conv *conv, const float *x, struct place place,
                           size_t rows, const float **a, const float *zeros)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->input[2];
    for (size_t r = 0, run; r < rows; r += run, next_row(spec, &place)) {
        run = run_length(spec, place, rows - r);
        const float **to = a + r;
        for (int32_t i = 0; i < spec->kernel[0]; i++) {
            int32_t row = input_at(spec, 0, place.row, i);
            const float *line = row < 0 ? NULL : x + pixel_offset(spec, place.image, row, 0);
            for (int32_t k = 0; k < spec->kernel[1]; k++, to += rows) {
                for (size_t j = 0; j < run; j++) {
                    int32_t column = line ? input_at(spec, 1, place.column + (int32_t)j, k) : -1;
                    to[j] = column < 0 ? zeros : line + (size_t)column * channels;
                }
            }
        }
    }
}

/* A worker's scratch: zeros for one tap, the addresses, copies of kernel rows. */
static void block_f32(const struct cpu_conv_call *call, uint8_t *scratch, size_t group,
                      size_t pixel, size_t rows, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t inputs = (size_t)spec->input[2], outputs = (size_t)spec->output[2];
    size_t taps = conv->gemm.taps, depth = conv->gemm.depth;
    const float *x = (const float *)call->x + group * cpu_group_inputs(spec);
    float *zeros = (float *)scratch;
    const float **a = (const float **)(scratch + cpu_align64(depth * sizeof *zeros));
    float *copies = (float *)((uint8_t *)a + cpu_align64(taps * conv->gemm.block_rows * sizeof *a));

    if (conv->gemm.window == CPU_GEMM_POINTS) {
        for (size_t r = 0; r < rows; r++)
            a[r] = x + (pixel + r) * inputs;
    } else {
        memset(zeros, 0, depth * sizeof *zeros);
        struct place place = place_of(spec, pixel);
        if (conv->gemm.window == CPU_GEMM_ROWS)
            address_rows(conv, x, place, rows, a, copies, zeros);
        else
            address_pixels(conv, x, place, rows, a, zeros);
    }
    size_t first = group * cpu_group_outputs(spec) + channel, at = pixel * outputs + first;
    struct cpu_gemm_f32 gemm = {
        .rows = rows,
        .taps = taps,
        .depth = depth,
        .channels = channels,
        .a = a,
        .zeros = zeros,
        .panels = (const float *)((const uint8_t *)conv->packed + group * conv->gemm.group_bytes) +
                  channel * (1 + taps * depth),
        .residual = spec->residual ? (const float *)call->residual + at : NULL,
        .y = (float *)call->y + at,
        .y_stride = outputs,
        .finish = conv->finish,
    };
    gemm.finish.slope += first;
    conv->kernels->gemm_f32(&gemm);
    cpu_conv_after(conv, gemm.y, rows, channels, outputs);
}

/* ---- int8: copies ---- */

/* x's numbers as the kernel wants them, and as many that stand for 0. */
static void take(const struct cpu_conv *conv, uint8_t *to, const uint8_t *from, size_t n)
{
    conv->kernels->take_i8(to, from, n, conv->flip, conv->x_zero);
}

static void clear(const struct cpu_conv *conv, uint8_t *to, size_t n)
{
    memset(to, conv->gemm.zero, n * conv->gemm.number_bytes);
}

/* Columns [left, left + span) of an input row (-1: none), with zeros beyond the edges. */
static void take_line(const struct cpu_conv *conv, const uint8_t *x, int32_t image, int32_t row,
                      int64_t left, int64_t span, uint8_t *to)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t channels = (size_t)spec->input[2], pixel = channels * conv->gemm.number_bytes;
    int64_t first = left < 0 ? -left : 0, last = spec->input[1] - left;
    first = first < span ? first : span;
    last = last < first || row < 0 ? first : last < span ? last : span;
    clear(conv, to, (size_t)first * channels);
    if (first < last)
        take(conv, to + (size_t)first * pixel,
             x + pixel_offset(spec, image, row, (int32_t)(left + first)),
             (size_t)(last - first) * channels);
    clear(conv, to + (size_t)last * pixel, (size_t)(span - last) * channels);
}

/* Copies whole chunks: up to COPY_SLACK bytes beyond n are written, and read. */
static void copy_chunks(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += COPY_SLACK)
        memcpy(to + i, from + i, COPY_SLACK);
}

/* ROWS: for a run of pixels of one output row, the input rows under it are taken once. What is in
 * the rest of a last step does not matter: its weights are 0. */
static void copy_rows(const struct cpu_conv *conv, const uint8_t *x, struct place place,
                      size_t rows, uint8_t *to, uint8_t *lines)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t pixel = (size_t)spec->input[2] * conv->gemm.number_bytes;
    size_t tap = conv->gemm.depth * conv->gemm.number_bytes;
    size_t step = (size_t)spec->attrs.stride[1] * pixel;
    for (size_t r = 0, run; r < rows; r += run, next_row(spec, &place)) {
        run = run_length(spec, place, rows - r);
        int64_t left = (int64_t)place.column * spec->attrs.stride[1] - spec->attrs.padding[2];
        int64_t span = (int64_t)(run - 1) * spec->attrs.stride[1] + spec->kernel[1];
        uint8_t *line = lines;
        for (int32_t k = 0; k < spec->kernel[0]; k++, line += (size_t)span * pixel)
            take_line(conv, x, place.image, input_at(spec, 0, place.row, k), left, span, line);
        for (size_t j = 0; j < run; j++, to += conv->gemm.row_bytes) {
            for (size_t k = 0; k < conv->gemm.taps; k++)
                copy_chunks(to + k * tap, lines + k * (size_t)span * pixel + j * step, tap);
        }
    }
}

static void copy_pixels(const struct cpu_conv *conv, const uint8_t *x, struct place place,
                        size_t rows, uint8_t *to)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t depth = conv->gemm.depth;
    for (size_t r = 0; r < rows; r++, next_place(spec, &place), to += conv->gemm.row_bytes) {
        uint8_t *tap = to;
        memset(to, conv->gemm.zero, conv->gemm.row_bytes);
        for (int32_t i = 0; i < spec->kernel[0]; i++) {
            int32_t row = input_at(spec, 0, place.row, i);
            for (int32_t k = 0; k < spec->kernel[1]; k++, tap += depth * conv->gemm.number_bytes) {
                int32_t column = row < 0 ? -1 : input_at(spec, 1, place.column, k);
                if (column >= 0)
                    take(conv, tap, x + pixel_offset(spec, place.image, row, column), depth);
            }
        }
    }
}

/* The windows of a block, where the kernel can read them: x itself, if its bytes need no change. */
static const uint8_t *windows_i8(const struct cpu_conv *conv, const uint8_t *x, uint8_t *scratch,
                                 size_t pixel, size_t rows)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t inputs = (size_t)spec->input[2];
    struct place place = place_of(spec, pixel);
    if (conv->gemm.window == CPU_GEMM_POINTS &&
        inputs * conv->gemm.number_bytes == conv->gemm.row_bytes) {
        if (conv->gemm.number_bytes == 1 && conv->flip == conv->kernels->i8_flip)
            return x + pixel * inputs;
        take(conv, scratch, x + pixel * inputs, rows * inputs);
    } else if (conv->gemm.window == CPU_GEMM_ROWS) {
        copy_rows(conv, x, place, rows, scratch, scratch + conv->gemm.lines_offset);
    } else {
        copy_pixels(conv, x, place, rows, scratch);
    }
    return scratch;
}

/* A worker's scratch: the windows, slack; ROWS: the lines under them, slack. */
static void block_i8(const struct cpu_conv_call *call, uint8_t *scratch, size_t group, size_t pixel,
                     size_t rows, size_t channel, size_t channels)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t outputs = (size_t)spec->output[2];
    size_t first = group * cpu_group_outputs(spec) + channel, at = pixel * outputs + first;
    struct cpu_gemm_i8 gemm = {
        .rows = rows,
        .steps = conv->gemm.steps,
        .channels = channels,
        .a = windows_i8(conv, call->x + group * cpu_group_inputs(spec), scratch, pixel, rows),
        .panels = (const uint8_t *)conv->packed + group * conv->gemm.group_bytes +
                  channel * conv->gemm.column_bytes,
        .residual = spec->residual ? call->residual + at : NULL,
        .y = call->y + at,
        .y_stride = outputs,
        .requant = conv->requant,
    };
    gemm.requant.scale += first;
    gemm.requant.bias += first;
    gemm.requant.finish.slope += first;
    conv->kernels->gemm_i8(&gemm);
}

/* ---- tasks ---- */

static size_t tile_rows(const struct cpu_conv *conv)
{
    return conv->spec.dtype == PRT_F32 ? conv->kernels->rows : conv->kernels->i8_rows;
}

static void run_task(void *context, size_t task, unsigned worker)
{
    const struct cpu_conv_call *call = context;
    const struct cpu_conv *conv = call->conv;
    const struct cpu_kernels *kernels = conv->kernels;
    const size_t tile = tile_rows(conv);
    size_t row_tasks = conv->gemm.row_tasks, panel_tasks = conv->gemm.panel_tasks;
    size_t panel_task = task % panel_tasks, row_task = task / panel_tasks % row_tasks;
    size_t group = task / panel_tasks / row_tasks;

    size_t pixels = pixel_count(&conv->spec), outputs = cpu_group_outputs(&conv->spec);
    size_t panels = (outputs + kernels->columns - 1) / kernels->columns;
    size_t channel = panels * panel_task / panel_tasks * kernels->columns;
    size_t channel_end = panels * (panel_task + 1) / panel_tasks * kernels->columns;
    if (channel_end > outputs)
        channel_end = outputs;
    uint8_t *scratch = call->scratch + worker * conv->scratch_a_worker;
    size_t pixel = pixels * row_task / row_tasks, end = pixels * (row_task + 1) / row_tasks;
    /* Blocks of nearly equal height, for the sake of the last one's tiles. */
    size_t blocks = (end - pixel + conv->gemm.block_rows - 1) / conv->gemm.block_rows;
    const unsigned before = cpu_drop_denormals();
    for (; blocks; blocks--) {
        size_t rows = (end - pixel) / blocks;
        if (blocks > 1)
            rows = (rows + tile - 1) / tile * tile;
        if (rows > conv->gemm.block_rows)
            rows = conv->gemm.block_rows;
        (conv->spec.dtype == PRT_F32 ? block_f32 : block_i8)(call, scratch, group, pixel, rows,
                                                             channel, channel_end - channel);
        pixel += rows;
    }
    cpu_keep_denormals(before);
}

/* Cut the product into tasks: by rows, unless reading all weights again for each would cost more
 * than reading all of x again for each part of the channels. */
static void plan_tasks(struct cpu_conv *conv)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t pixels = pixel_count(spec), groups = (size_t)spec->attrs.groups;
    size_t outputs = cpu_group_outputs(spec), depth = conv->gemm.taps * conv->gemm.depth;
    size_t panels = (outputs + conv->kernels->columns - 1) / conv->kernels->columns;
    double macs = (double)pixels * (double)outputs * (double)depth * (double)groups;
    size_t tasks = cpu_conv_tasks(conv, macs, MACS_A_NS);
    tasks = (tasks + groups - 1) / groups; /* a group is at least one */

    size_t most_rows = (pixels + MIN_TASK_ROWS - 1) / MIN_TASK_ROWS;
    size_t row_tasks = tasks < most_rows ? tasks : most_rows;
    if (tasks > 1 && outputs > 2 * pixels) {
        size_t panel_tasks = tasks < panels ? tasks : panels;
        row_tasks = (tasks + panel_tasks - 1) / panel_tasks;
    }
    size_t panel_tasks = (tasks + row_tasks - 1) / row_tasks;
    conv->gemm.row_tasks = row_tasks;
    conv->gemm.panel_tasks = panel_tasks < panels ? panel_tasks : panels;
    conv->tasks = groups * row_tasks * conv->gemm.panel_tasks;
    conv->task = run_task;
}

static bool is_pointwise(const struct cpu_conv_spec *spec)
{
    const struct prt_conv_attrs *attrs = &spec->attrs;
    return spec->kernel[0] == 1 && spec->kernel[1] == 1 && attrs->stride[0] == 1 &&
           attrs->stride[1] == 1 && !attrs->padding[0] && !attrs->padding[2] &&
           spec->input[0] == spec->output[0] && spec->input[1] == spec->output[1];
}

/* Does a kernel row lie in memory as one run? */
static bool is_row_dense(const struct cpu_conv_spec *spec)
{
    const struct prt_conv_attrs *attrs = &spec->attrs;
    return attrs->groups == 1 && !attrs->transposed && attrs->dilation[1] == 1;
}

/* See block_f32 and block_i8. A row of windows is row_bytes. */
static enum percept_status plan_scratch(struct cpu_conv *conv, size_t row_bytes)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t rows = conv->gemm.block_rows, extra = 0, span;
    bool is_rows = conv->gemm.window == CPU_GEMM_ROWS;
    if (spec->dtype == PRT_F32) {
        conv->scratch_a_worker = cpu_align64(conv->gemm.depth * sizeof(float)) +
                                 cpu_align64(conv->gemm.taps * rows * sizeof(float *)) +
                                 (is_rows ? cpu_align64(rows * row_bytes) : 0);
        return PERCEPT_OK;
    }
    conv->gemm.lines_offset = cpu_align64(rows * row_bytes + COPY_SLACK);
    size_t run = rows < (size_t)spec->output[1] ? rows : (size_t)spec->output[1];
    if (is_rows &&
        (!base_mul_size(run - 1, (size_t)spec->attrs.stride[1], &span) ||
         !base_add_size(span, (size_t)spec->kernel[1], &span) ||
         !base_mul_size(span, (size_t)spec->kernel[0], &extra) ||
         !base_mul_size(extra, (size_t)spec->input[2] * conv->gemm.number_bytes, &extra) ||
         extra > SIZE_MAX / 65536))
        return PERCEPT_LIMIT;
    conv->scratch_a_worker = conv->gemm.lines_offset + cpu_align64(extra + COPY_SLACK);
    return PERCEPT_OK;
}

enum percept_status cpu_conv_plan_gemm(struct cpu_conv *conv,
                                       const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    bool f32 = spec->dtype == PRT_F32;
    size_t area, numbers;
    if (!base_mul_size((size_t)spec->kernel[0], (size_t)spec->kernel[1], &area) ||
        !base_mul_size(area, cpu_group_inputs(spec), &numbers) || numbers > SIZE_MAX / 65536)
        return PERCEPT_LIMIT;
    if (is_pointwise(spec))
        conv->gemm.window = CPU_GEMM_POINTS;
    else if (is_row_dense(spec) && (spec->input[2] < FEW_CHANNELS || !f32))
        conv->gemm.window = CPU_GEMM_ROWS;
    else
        conv->gemm.window = CPU_GEMM_PIXELS;
    conv->gemm.taps = conv->gemm.window == CPU_GEMM_ROWS ? (size_t)spec->kernel[0] : area;
    conv->gemm.depth = numbers / conv->gemm.taps;
    conv->gemm.steps = (numbers + conv->kernels->i8_numbers - 1) / conv->kernels->i8_numbers;
    conv->gemm.number_bytes = conv->kernels->i8_step / conv->kernels->i8_numbers;
    conv->gemm.row_bytes =
        f32 ? numbers * sizeof(float) : conv->kernels->i8_step * conv->gemm.steps;
    if (conv->gemm.number_bytes == 1)
        conv->gemm.zero = (uint8_t)(conv->x_zero + conv->kernels->i8_flip);
    conv->gemm.column_bytes =
        f32 ? (1 + numbers) * sizeof(float) : sizeof(int32_t) + conv->gemm.row_bytes;
    conv->name = f32 ? conv->kernels->gemm_f32_name : conv->kernels->gemm_i8_name;

    size_t rows = BLOCK_BYTES / conv->gemm.row_bytes, tile = tile_rows(conv);
    rows = rows > BLOCK_ROWS ? BLOCK_ROWS : rows;
    rows = rows < tile ? tile : rows - rows % tile;
    conv->gemm.block_rows = rows;
    enum percept_status status = plan_scratch(conv, conv->gemm.row_bytes);
    if (status != PERCEPT_OK)
        return status;
    plan_tasks(conv);
    return cpu_conv_pack_gemm(conv, weights);
}
