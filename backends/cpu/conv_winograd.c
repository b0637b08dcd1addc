/* Why: a 3x3 convolution spends nearly all of its time on products, and where four bytes have no
 * product of their own a block of 4x4 outputs can do with a quarter of them (struct cpu_winograd).
 */
#include "backends/cpu/conv_plan.h"

#include <string.h>

/* Strips of a row of blocks: what they need stays in the L2 cache. */
#define STRIP_TILES  24
#define LEAST_TILES  4    /* in a row; for fewer, reading four times the weights costs too much */
#define LEAST_DEPTH  8    /* channels, in and out: with fewer, the transforms cost too much */
#define MACS_A_NS    60.0 /* see conv_gemm.c */
#define VECTOR_BYTES 64

static size_t blocks_of(int32_t pixels)
{
    return ((size_t)pixels + CPU_WINOGRAD_BLOCK - 1) / CPU_WINOGRAD_BLOCK;
}

bool cpu_conv_is_winograd(const struct cpu_conv *conv)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct prt_conv_attrs *attrs = &spec->attrs;
    return conv->kernels->winograd && spec->dtype != PRT_F32 && attrs->groups == 1 &&
           !attrs->transposed && spec->kernel[0] == 3 && spec->kernel[1] == 3 &&
           attrs->stride[0] == 1 && attrs->stride[1] == 1 && attrs->dilation[0] == 1 &&
           attrs->dilation[1] == 1 && spec->input[2] >= LEAST_DEPTH &&
           spec->input[2] <= CPU_WINOGRAD_INPUTS && spec->output[2] >= LEAST_DEPTH &&
           blocks_of(spec->output[1]) >= LEAST_TILES;
}

/* ---- weights ---- */

void cpu_winograd_weights(const int8_t *weight, int64_t row, int64_t column,
                          int16_t places[CPU_WINOGRAD_PLACES])
{
    /* As published, times 24, less what fits no int16: a factor of 3 of the last, which
     * winograd.inc makes up for. At most 144 * 128. */
    static const int8_t factors[CPU_WINOGRAD_SIDE][3] = {{6, 0, 0}, {-4, -4, -4}, {-4, 4, -4},
                                                         {1, 2, 4}, {1, -2, 4},   {0, 0, 8}};
    for (size_t i = 0; i < CPU_WINOGRAD_SIDE; i++) {
        int sums[3];
        for (size_t k = 0; k < 3; k++) {
            const int8_t *at = weight + (int64_t)k * column;
            sums[k] = factors[i][0] * at[0] + factors[i][1] * at[row] + factors[i][2] * at[2 * row];
        }
        for (size_t j = 0; j < CPU_WINOGRAD_SIDE; j++)
            places[i * CPU_WINOGRAD_SIDE + j] =
                (int16_t)(factors[j][0] * sums[0] + factors[j][1] * sums[1] +
                          factors[j][2] * sums[2]);
    }
}

static void pack_panel(const struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                       size_t channel, size_t columns, uint8_t *packed)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t outputs = (size_t)spec->output[2], inputs = (size_t)spec->input[2];
    size_t count = outputs - channel < columns ? outputs - channel : columns;
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i < inputs; i++) {
            int16_t places[CPU_WINOGRAD_PLACES];
            const int8_t *from = (const int8_t *)weights->weight +
                                 cpu_weight_at(spec, weights->strides, 0, channel + c, 0, 0, i);
            cpu_winograd_weights(from, weights->strides[1], weights->strides[2], places);
            for (size_t p = 0; p < CPU_WINOGRAD_PLACES; p++) {
                uint8_t *steps =
                    packed + p * columns * conv->gemm.column_bytes + columns * sizeof(int32_t);
                memcpy(steps + (i / 2 * columns * 2 + 2 * c + i % 2) * sizeof(int16_t), &places[p],
                       sizeof places[p]);
            }
        }
}

static bool fill(const struct cpu_conv *conv, const struct cpu_conv_weights *weights)
{
    struct cpu_conv_weights read = *weights;
    if (!cpu_conv_read(&read))
        return false;
    size_t outputs = (size_t)conv->spec.output[2];
    uint8_t *packed = conv->packed;
    for (size_t channel = 0, columns; channel < outputs; channel += columns) {
        columns = cpu_panel_columns(conv->kernels, outputs - channel);
        pack_panel(conv, &read, channel, columns, packed);
        packed += CPU_WINOGRAD_PLACES * columns * conv->gemm.column_bytes;
    }
    return true;
}

/* ---- runs ---- */

/* Of a strip. */
struct sizes {
    size_t columns, outside, down, across, sums; /* the last four in bytes, aligned */
};

static struct sizes sizes_of(const struct cpu_conv *conv, size_t tiles)
{
    size_t inputs = (size_t)conv->spec.input[2], columns = CPU_WINOGRAD_BLOCK * tiles + 2;
    size_t place = tiles * conv->kernels->i8_step * conv->gemm.steps + VECTOR_BYTES;
    return (struct sizes){
        .columns = columns,
        .outside = cpu_align64(columns * inputs),
        .down =
            cpu_align64(CPU_WINOGRAD_SIDE * (columns * inputs * sizeof(int16_t) + VECTOR_BYTES)),
        .across = cpu_align64(CPU_WINOGRAD_PLACES * place),
        .sums = tiles * CPU_WINOGRAD_PLACES * conv->kernels->columns * sizeof(int32_t),
    };
}

static void run_strip(const struct cpu_conv_call *call, size_t strip, uint8_t *scratch)
{
    const struct cpu_conv *conv = call->conv;
    const struct cpu_conv_spec *spec = &conv->spec;
    const struct sizes sizes = sizes_of(conv, conv->gemm.strip_tiles);
    size_t rows = blocks_of(spec->output[0]), tiles = blocks_of(spec->output[1]);
    size_t part = strip % conv->gemm.strips, row = strip / conv->gemm.strips % rows;
    size_t image = strip / conv->gemm.strips / rows;
    size_t tile = tiles * part / conv->gemm.strips, end = tiles * (part + 1) / conv->gemm.strips;
    size_t inputs = (size_t)spec->input[2], outputs = (size_t)spec->output[2];
    size_t height = (size_t)spec->output[0], width = (size_t)spec->output[1];

    int64_t top = (int64_t)(CPU_WINOGRAD_BLOCK * row) - spec->attrs.padding[0];
    int64_t left = (int64_t)(CPU_WINOGRAD_BLOCK * tile) - spec->attrs.padding[2];
    int64_t columns = (int64_t)(CPU_WINOGRAD_BLOCK * (end - tile) + 2);
    int64_t first = left < 0 ? -left : 0, last = spec->input[1] - left;
    first = first < columns ? first : columns;
    last = last < first ? first : last < columns ? last : columns;
    size_t at =
        ((image * height + CPU_WINOGRAD_BLOCK * row) * width + CPU_WINOGRAD_BLOCK * tile) * outputs;
    size_t lines = height - CPU_WINOGRAD_BLOCK * row, pixels = width - CPU_WINOGRAD_BLOCK * tile;
    struct cpu_winograd job = {
        .tiles = end - tile,
        .inputs = inputs,
        .steps = conv->gemm.steps,
        .channels = outputs,
        .first = (size_t)first,
        .last = (size_t)last,
        .flip = conv->flip,
        .zero = conv->x_zero,
        .panels = conv->packed,
        .down = (int16_t *)(void *)(scratch + sizes.outside),
        .across = (int16_t *)(void *)(scratch + sizes.outside + sizes.down),
        .sums = (int32_t *)(void *)(scratch + sizes.outside + sizes.down + sizes.across),
        .height = lines < CPU_WINOGRAD_BLOCK ? lines : CPU_WINOGRAD_BLOCK,
        .width = pixels,
        .residual = spec->residual ? call->residual + at : NULL,
        .y = call->y + at,
        .y_row = width * outputs,
        .requant = conv->requant,
    };
    for (int64_t i = 0; i < CPU_WINOGRAD_SIDE; i++) {
        bool inside = top + i >= 0 && top + i < spec->input[0] && first < last;
        size_t pixel =
            inside ? (image * (size_t)spec->input[0] + (size_t)(top + i)) * (size_t)spec->input[1] +
                         (size_t)(left + first)
                   : 0;
        job.rows[i] = inside ? call->x + pixel * inputs : scratch;
    }
    conv->kernels->winograd(&job);
}

static void run_task(void *context, size_t task, unsigned worker)
{
    const struct cpu_conv_call *call = context;
    const struct cpu_conv *conv = call->conv;
    uint8_t *scratch = call->scratch + worker * conv->scratch_a_worker;
    size_t strips = conv->gemm.strips * blocks_of(conv->spec.output[0]) * (size_t)conv->spec.batch;
    memset(scratch, (uint8_t)conv->x_zero ^ conv->flip,
           sizes_of(conv, conv->gemm.strip_tiles).outside);
    for (size_t strip = strips * task / conv->tasks; strip < strips * (task + 1) / conv->tasks;
         strip++)
        run_strip(call, strip, scratch);
}

enum percept_status cpu_conv_plan_winograd(struct cpu_conv *conv,
                                           const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t inputs = (size_t)spec->input[2], outputs = (size_t)spec->output[2];
    size_t tiles = blocks_of(spec->output[1]), rows = blocks_of(spec->output[0]);
    conv->name = conv->kernels->winograd_name;
    conv->gemm.window = CPU_GEMM_BLOCKS;
    conv->gemm.steps = (inputs + conv->kernels->i8_numbers - 1) / conv->kernels->i8_numbers;
    conv->gemm.column_bytes = sizeof(int32_t) + conv->kernels->i8_step * conv->gemm.steps;
    conv->gemm.strips = (tiles + STRIP_TILES - 1) / STRIP_TILES;
    conv->gemm.strip_tiles = (tiles + conv->gemm.strips - 1) / conv->gemm.strips;
    const struct sizes sizes = sizes_of(conv, conv->gemm.strip_tiles);
    conv->scratch_a_worker = sizes.outside + sizes.down + sizes.across + sizes.sums;

    size_t strips = conv->gemm.strips * rows * (size_t)spec->batch;
    double macs = (double)spec->batch * spec->output[0] * spec->output[1] * (double)outputs * 9 *
                  (double)inputs;
    size_t tasks = cpu_conv_tasks(conv, macs, MACS_A_NS);
    conv->tasks = tasks < strips ? tasks : strips;
    conv->task = run_task;

    size_t padded = cpu_padded_columns(conv->kernels, outputs);
    return cpu_conv_pack(conv, weights, CPU_WINOGRAD_PLACES * padded, conv->gemm.column_bytes,
                         fill);
}
