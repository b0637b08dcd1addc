/* Why: weights are read in the order of the kernel's tiles, which is no order that a file has them
 * in. Most of what loading a model costs is this, so it goes through them once, without looking
 * anything up for a number. */
#include "backends/cpu/conv_plan.h"
#include "backends/cpu/shared.h"
#include "backends/cpu/weights.h"
#include "base/checked.h"

#include <string.h>

/* The weights of some output channels, number by number of the sum: where each lies. */
struct weights_walk {
    const struct cpu_conv_spec *spec;
    const int64_t *strides;
    int64_t first; /* the first channel's first weight */
};

static struct weights_walk walk_of(const struct cpu_conv *conv,
                                   const struct cpu_conv_weights *weights, size_t group,
                                   size_t channel)
{
    return (struct weights_walk){
        .spec = &conv->spec,
        .strides = weights->strides,
        .first =
            cpu_weight_at(&conv->spec, weights->strides, group, channel, 0, 0, 0) - weights->first,
    };
}

/* Do the numbers of a sum lie one after the other? */
static bool is_run(const struct weights_walk *walk)
{
    const int32_t *kernel = walk->spec->kernel;
    int64_t inputs = (int64_t)cpu_group_inputs(walk->spec);
    return (walk->strides[3] == 1 || inputs == 1) &&
           (walk->strides[2] == inputs || kernel[1] == 1) &&
           (walk->strides[1] == kernel[1] * inputs || kernel[0] == 1);
}

typedef float four_floats __attribute__((vector_size(16), aligned(4)));

/* to[k * columns + c] = from[c * stride + k] for four of both. */
static void transpose_four(const float *from, int64_t stride, float *to, size_t columns)
{
    four_floats row[4];
    for (int i = 0; i < 4; i++)
        row[i] = *(const four_floats *)(from + i * stride);
    const four_floats a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    const four_floats b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    const four_floats c = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    const four_floats d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    *(four_floats *)(to) = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    *(four_floats *)(to + columns) = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    *(four_floats *)(to + 2 * columns) = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    *(four_floats *)(to + 3 * columns) = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/* The whole panel, when each channel's weights are one run. */
static void pack_runs_f32(const float *from, int64_t stride, size_t numbers, size_t count,
                          size_t columns, float *to)
{
    size_t fours = count / 4 * 4, k = 0;
    for (; k + 4 <= numbers; k += 4)
        for (size_t c = 0; c < fours; c += 4)
            transpose_four(from + (int64_t)c * stride + (int64_t)k, stride, to + k * columns + c,
                           columns);
    for (size_t rest = 0; rest < k; rest++)
        for (size_t c = fours; c < count; c++)
            to[rest * columns + c] = from[(int64_t)c * stride + (int64_t)rest];
    for (; k < numbers; k++)
        for (size_t c = 0; c < count; c++)
            to[k * columns + c] = from[(int64_t)c * stride + (int64_t)k];
}

/* One panel of a group: for each number of the sum one weight a channel, after the bias. */
static void pack_panel_f32(const struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                           size_t group, size_t channel, size_t columns, uint8_t *packed)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t outputs = cpu_group_outputs(spec), inputs = cpu_group_inputs(spec);
    size_t count = outputs - channel < columns ? outputs - channel : columns;
    const struct weights_walk walk = walk_of(conv, weights, group, channel);
    const float *from = (const float *)weights->weight + walk.first;
    const int64_t *strides = weights->strides;
    float *floats = (float *)(void *)packed;
    memcpy(floats, conv->channels + group * outputs + channel, count * sizeof *floats);
    floats += columns;
    if (is_run(&walk)) {
        pack_runs_f32(from, strides[0], conv->gemm.taps * conv->gemm.depth, count, columns, floats);
        return;
    }
    for (int32_t row = 0; row < spec->kernel[0]; row++)
        for (int32_t column = 0; column < spec->kernel[1]; column++) {
            const float *at = from + row * strides[1] + column * strides[2];
            for (size_t i = 0; i < inputs; i++, floats += columns, at += strides[3])
                for (size_t c = 0; c < count; c++)
                    floats[c] = at[(int64_t)c * strides[0]];
        }
}

/* One channel's weight, as number k of its sum; see pack_panel_i8. */
struct panel_i8 {
    uint8_t *steps;
    size_t columns, numbers;
    bool bytes;
};

static void put_i8(const struct panel_i8 *panel, size_t k, const int8_t *from, int64_t stride,
                   size_t count, int32_t *sums)
{
    size_t to = k / panel->numbers * panel->columns * panel->numbers + k % panel->numbers;
    if (panel->bytes) {
        uint8_t *steps = panel->steps + to;
        for (size_t c = 0; c < count; c++, from += stride, steps += panel->numbers) {
            *steps = (uint8_t)*from;
            sums[c] += *from;
        }
    } else {
        int16_t *steps = (int16_t *)(void *)panel->steps + to;
        for (size_t c = 0; c < count; c++, from += stride, steps += panel->numbers)
            *steps = (int16_t)(int)*from;
    }
}

typedef uint16_t eight_pairs __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint32_t four_twos __attribute__((vector_size(16)));
typedef int8_t bytes_16 __attribute__((vector_size(16)));
typedef int16_t eight_i16 __attribute__((vector_size(16), aligned(2), may_alias));

/* Half of the bytes, as numbers of 16 bits. */
static eight_i16 widen(bytes_16 x, bool upper)
{
    const bytes_16 twice =
        upper ? __builtin_shufflevector(x, x, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14,
                                        15, 15)
              : __builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return (eight_i16)twice >> 8;
}

/* Eight steps of two numbers for four channels, which lie `stride` apart. */
static void transpose_pairs(const int8_t *from, int64_t stride, int16_t *to, size_t step)
{
    eight_pairs row[4];
    for (int i = 0; i < 4; i++)
        row[i] = *(const eight_pairs *)(from + i * stride);
    for (int half = 0; half < 2; half++) {
        const four_twos ab =
            (four_twos)(half ? __builtin_shufflevector(row[0], row[1], 4, 12, 5, 13, 6, 14, 7, 15)
                             : __builtin_shufflevector(row[0], row[1], 0, 8, 1, 9, 2, 10, 3, 11));
        const four_twos cd =
            (four_twos)(half ? __builtin_shufflevector(row[2], row[3], 4, 12, 5, 13, 6, 14, 7, 15)
                             : __builtin_shufflevector(row[2], row[3], 0, 8, 1, 9, 2, 10, 3, 11));
        const bytes_16 first = (bytes_16)__builtin_shufflevector(ab, cd, 0, 4, 1, 5);
        const bytes_16 second = (bytes_16)__builtin_shufflevector(ab, cd, 2, 6, 3, 7);
        *(eight_i16 *)to = widen(first, false);
        *(eight_i16 *)(to + step) = widen(first, true);
        *(eight_i16 *)(to + 2 * step) = widen(second, false);
        *(eight_i16 *)(to + 3 * step) = widen(second, true);
        to += 4 * step;
    }
}

typedef uint32_t four_fours __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t four_sums __attribute__((vector_size(16)));

/* Its 16 numbers, four to each of four sums. */
static four_sums sum_fours(four_fours numbers)
{
    const eight_i16 odd = (eight_i16)numbers >> 8, even = (eight_i16)numbers << 8 >> 8;
    const four_sums pairs = (four_sums)(odd + even);
    return (pairs >> 16) + (pairs << 16 >> 16);
}

/* Four steps of four bytes for four channels, which lie `stride` apart, and their sums. */
static void transpose_fours(const int8_t *from, int64_t stride, uint8_t *to, size_t step,
                            four_sums sums[4])
{
    four_fours row[4];
    for (int i = 0; i < 4; i++) {
        row[i] = *(const four_fours *)(from + i * stride);
        sums[i] += sum_fours(row[i]);
    }
    const four_fours ab = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
    const four_fours cd = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
    const four_fours below_ab = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    const four_fours below_cd = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    *(four_fours *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four_fours *)(to + step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four_fours *)(to + 2 * step) = __builtin_shufflevector(below_ab, below_cd, 0, 1, 4, 5);
    *(four_fours *)(to + 3 * step) = __builtin_shufflevector(below_ab, below_cd, 2, 3, 6, 7);
}

enum { AT_ONCE = 16 }; /* numbers: whole steps, however many a step has */

/* The first `numbers` of one channel, which lie one after the other. */
static void put_run(const struct panel_i8 *panel, const int8_t *from, size_t numbers, size_t c,
                    int32_t *sum)
{
    size_t to = c * panel->numbers, step = panel->columns * panel->numbers;
    for (size_t k = 0; k < numbers; k += panel->numbers, to += step)
        for (size_t n = 0; n < panel->numbers; n++) {
            if (panel->bytes)
                panel->steps[to + n] = (uint8_t)from[k + n];
            else
                ((int16_t *)(void *)panel->steps)[to + n] = (int16_t)(int)from[k + n];
            *sum += from[k + n];
        }
}

/* As many whole steps of a panel whose channels are runs as it does; says how many numbers. */
static size_t put_runs(const struct panel_i8 *panel, const int8_t *from, int64_t stride,
                       size_t numbers, size_t count, int32_t *sums)
{
    size_t step = panel->columns * panel->numbers, c = 0;
    numbers -= numbers % AT_ONCE;
    for (; !panel->bytes && panel->numbers == 2 && c + 4 <= count; c += 4)
        for (size_t k = 0; k < numbers; k += AT_ONCE)
            transpose_pairs(from + (int64_t)c * stride + (int64_t)k, stride,
                            (int16_t *)(void *)panel->steps + k / 2 * step + c * 2, step);
    for (; panel->bytes && panel->numbers == 4 && c + 4 <= count; c += 4) {
        four_sums four[4] = {0};
        for (size_t k = 0; k < numbers; k += AT_ONCE)
            transpose_fours(from + (int64_t)c * stride + (int64_t)k, stride,
                            panel->steps + k / 4 * step + c * 4, step, four);
        for (int i = 0; i < 4; i++)
            sums[c + (size_t)i] += four[i][0] + four[i][1] + four[i][2] + four[i][3];
    }
    for (; c < count; c++)
        put_run(panel, from + (int64_t)c * stride, numbers, c, &sums[c]);
    return numbers;
}

/* The same in steps of several numbers, after what sums start from. */
static void pack_panel_i8(const struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                          size_t group, size_t channel, size_t columns, uint8_t *packed)
{
    enum { MOST_COLUMNS = 64 };
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t outputs = cpu_group_outputs(spec), inputs = cpu_group_inputs(spec);
    size_t count = outputs - channel < columns ? outputs - channel : columns;
    const struct weights_walk walk = walk_of(conv, weights, group, channel);
    const int8_t *from = (const int8_t *)weights->weight + walk.first;
    const int64_t *strides = weights->strides;
    bool bytes = conv->gemm.number_bytes == 1;
    uint32_t *starts = (uint32_t *)(void *)packed; /* without a sign: they may pass int32's end */
    const struct panel_i8 panel = {packed + columns * sizeof *starts, columns,
                                   conv->kernels->i8_numbers, bytes};
    int32_t sums[MOST_COLUMNS] = {0};
    size_t numbers = conv->gemm.taps * conv->gemm.depth, k = 0;
    if (is_run(&walk)) {
        k = put_runs(&panel, from, strides[0], numbers, count, sums);
        for (; k < numbers; k++)
            put_i8(&panel, k, from + k, strides[0], count, sums);
    }
    for (int32_t row = 0; row < spec->kernel[0] && k < numbers; row++)
        for (int32_t column = 0; column < spec->kernel[1]; column++) {
            const int8_t *at = from + row * strides[1] + column * strides[2];
            for (size_t i = 0; i < inputs; i++, at += strides[3])
                put_i8(&panel, k++, at, strides[0], count, sums);
        }
    /* What a number of a window is above what it stands for. */
    int32_t above = bytes ? conv->x_zero + conv->kernels->i8_flip : 0;
    for (size_t c = 0; c < count; c++)
        starts[c] -= (uint32_t)above * (uint32_t)sums[c];
}

/* ---- weights in parts ---- */

/* What is read at a time: it is still in the L2 cache when it is packed. */
#define PART_BYTES ((size_t)64 << 10)

bool cpu_conv_read(struct cpu_conv_weights *weights)
{
    const struct cpu_weight_source *source = weights->source;
    if (source)
        weights->weight = source->read(source->context, 0, source->bytes);
    return weights->weight != NULL;
}

/* Does the weight have all of one output channel, then all of the next, and can be read so? */
static bool is_by_channel(const struct cpu_conv *conv, const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    int64_t numbers = (int64_t)spec->kernel[0] * spec->kernel[1] * (int64_t)cpu_group_inputs(spec);
    return weights->source && !spec->attrs.transposed && weights->strides[0] == numbers &&
           (uint64_t)numbers * (uint64_t)spec->output[2] * conv->element == weights->source->bytes;
}

/* Let *weights have output channels [channel, channel + channels), of all groups'. */
static bool read_channels(const struct cpu_conv *conv, struct cpu_conv_weights *weights,
                          size_t channel, size_t channels)
{
    const struct cpu_weight_source *source = weights->source;
    size_t bytes = (size_t)weights->strides[0] * conv->element;
    weights->first = (int64_t)channel * weights->strides[0];
    weights->weight = source->read(source->context, channel * bytes, channels * bytes);
    return weights->weight != NULL;
}

/* How many channels to read when the next panel has `count` of the `left`: whole panels. */
static size_t channels_of_part(const struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                               size_t count, size_t left)
{
    size_t columns = conv->kernels->columns;
    size_t part = PART_BYTES / ((size_t)weights->strides[0] * conv->element) / columns * columns;
    part = part < count ? count : part;
    return part < left ? part : left;
}

static bool pack_group(const struct cpu_conv *conv, struct cpu_conv_weights *weights,
                       bool by_channel, size_t group, uint8_t *packed)
{
    bool f32 = conv->spec.dtype == PRT_F32;
    size_t outputs = cpu_group_outputs(&conv->spec), read = 0;
    for (size_t channel = 0, columns; channel < outputs; channel += columns) {
        size_t left = outputs - channel;
        columns = cpu_panel_columns(conv->kernels, left);
        size_t count = left < columns ? left : columns;
        if (by_channel && channel + count > read) {
            size_t part = channels_of_part(conv, weights, count, left);
            if (!read_channels(conv, weights, group * outputs + channel, part))
                return false;
            read = channel + part;
        }
        (f32 ? pack_panel_f32 : pack_panel_i8)(conv, weights, group, channel, columns, packed);
        packed += columns * conv->gemm.column_bytes;
    }
    return true;
}

static bool fill_gemm(const struct cpu_conv *conv, const struct cpu_conv_weights *weights)
{
    struct cpu_conv_weights read = *weights;
    bool by_channel = is_by_channel(conv, weights);
    bool filled = by_channel || cpu_conv_read(&read);
    for (size_t g = 0; g < (size_t)conv->spec.attrs.groups && filled; g++)
        filled = pack_group(conv, &read, by_channel, g,
                            (uint8_t *)conv->packed + g * conv->gemm.group_bytes);
    return filled;
}

/* ---- */

/* Weights that are in no file, as those that a pass has turned round, are told by what is in them.
 */
static struct base_hash hash_of(const struct cpu_conv *conv, const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    struct base_hash key = {0};
    base_hash_add(&key, weights->weight,
                  (size_t)spec->kernel[0] * (size_t)spec->kernel[1] * cpu_group_inputs(spec) *
                      (size_t)spec->output[2] * conv->element);
    return key;
}

/* What packed weights depend on, all of it. */
static struct base_hash key_of(const struct cpu_conv *conv, const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    const bool depthwise = !conv->task; /* a gemm plans its tasks first */
    const int64_t numbers[] = {
        spec->isa,
        spec->dtype,
        spec->kernel[0],
        spec->kernel[1],
        spec->input[2],
        spec->output[2],
        spec->attrs.groups,
        spec->attrs.transposed,
        spec->attrs.nhwc,
        conv->flip,
        conv->x_zero,
        weights->strides[0],
        weights->strides[1],
        weights->strides[2],
        weights->strides[3],
        depthwise,
        depthwise ? (int64_t)conv->depthwise.pairs : conv->gemm.window == CPU_GEMM_BLOCKS,
    };
    struct base_hash key = weights->source ? weights->source->key : hash_of(conv, weights);
    base_hash_add(&key, numbers, sizeof numbers);
    base_hash_add(&key, conv->channels, (size_t)spec->output[2] * sizeof *conv->channels);
    return key;
}

enum percept_status cpu_conv_pack(struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                                  size_t count, size_t size, cpu_conv_fill *fill)
{
    struct base_hash key;
    bool keyed = weights->source || weights->cache;
    if (keyed) {
        key = key_of(conv, weights);
        conv->packed = cpu_weights_find(weights->cache, &key, count, size, &conv->packed_bytes);
        if (conv->packed)
            return PERCEPT_OK;
    }
    conv->packed = cpu_shared_alloc(weights->slab, count, size, &conv->packed_bytes);
    if (!conv->packed)
        return PERCEPT_NO_MEMORY;
    if (!fill(conv, weights))
        return *weights->source->status;
    conv->packed =
        cpu_weights_keep(weights->cache, keyed ? &key : NULL, conv->packed, conv->packed_bytes);
    return PERCEPT_OK;
}

enum percept_status cpu_conv_pack_gemm(struct cpu_conv *conv,
                                       const struct cpu_conv_weights *weights)
{
    size_t padded = cpu_padded_columns(conv->kernels, cpu_group_outputs(&conv->spec));
    if (!base_mul_size(padded, conv->gemm.column_bytes, &conv->gemm.group_bytes))
        return PERCEPT_LIMIT;
    return cpu_conv_pack(conv, weights, (size_t)conv->spec.attrs.groups, conv->gemm.group_bytes,
                         fill_gemm);
}
