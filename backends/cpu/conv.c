/* Why: everything about a convolution that does not depend on how it is computed: whether its
 * arguments agree, what belongs to each output channel, and which of the kernels gets it. */
#include "backends/cpu/conv.h"

#include "backends/cpu/conv_plan.h"
#include "backends/cpu/shared.h"
#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A task should last this long, and there should be this many for a thread. */
#define TASK_NS         20e3
#define TASKS_A_THREAD  4
#define MAX_INT8_DEPTH  65535 /* products summed; 255 * 128 each, the sum fits an int32 */
#define EXACT_IN_FLOATS 512   /* likewise, the sum is exact in fp32 */

void cpu_conv_strides_torch(const struct cpu_conv_spec *spec, int64_t strides[4])
{
    int64_t area = (int64_t)spec->kernel[0] * spec->kernel[1];
    bool transposed = spec->attrs.transposed;
    int64_t inner = (transposed ? spec->output[2] : spec->input[2]) / spec->attrs.groups;
    strides[0] = transposed ? area : inner * area;
    strides[1] = spec->kernel[1];
    strides[2] = 1;
    strides[3] = transposed ? inner * area : area;
}

void cpu_conv_strides_nhwc(const struct cpu_conv_spec *spec, int64_t strides[4])
{
    int64_t inner = spec->input[2] / spec->attrs.groups;
    strides[0] = spec->kernel[0] * spec->kernel[1] * inner;
    strides[1] = spec->kernel[1] * inner;
    strides[2] = inner;
    strides[3] = 1;
}

void cpu_conv_linear(struct cpu_conv_spec *spec, int32_t rows, int32_t inputs, int32_t outputs)
{
    struct prt_activation act = spec->attrs.act;
    struct prt_after after = spec->attrs.after;
    spec->batch = 1;
    memcpy(spec->input, (int32_t[]){1, rows, inputs}, sizeof spec->input);
    memcpy(spec->output, (int32_t[]){1, rows, outputs}, sizeof spec->output);
    spec->kernel[0] = spec->kernel[1] = 1;
    spec->attrs = (struct prt_conv_attrs){.stride = {1, 1},
                                          .dilation = {1, 1},
                                          .groups = 1,
                                          .nhwc = true,
                                          .act = act,
                                          .after = after};
}

void *cpu_conv_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!base_mul_size(count, size, &bytes) || !base_align_size(bytes ? bytes : 1, 64, &bytes))
        return NULL;
    void *memory = aligned_alloc(64, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

size_t cpu_conv_tasks(const struct cpu_conv *conv, double macs, double macs_a_ns)
{
    double by_work = macs / macs_a_ns / TASK_NS;
    double by_threads = (double)conv->spec.threads * TASKS_A_THREAD;
    double tasks = by_work < by_threads ? by_work : by_threads;
    return conv->spec.threads < 2 || tasks < 2 ? 1 : (size_t)tasks;
}

/* ---- arguments ---- */

static bool is_int8(const struct cpu_conv_spec *spec)
{
    return spec->dtype != PRT_F32;
}

static bool code_usable(const struct cpu_conv_spec *spec, const struct cpu_conv_code *code)
{
    int32_t lowest = spec->dtype == PRT_I8 ? -128 : 0;
    return isfinite(code->scale) && code->scale > 0 && code->zero_point >= lowest &&
           code->zero_point <= lowest + 255;
}

/* Does every output depend only on what the input's sizes and the left and top padding say exists?
 * A window may hang over the right and bottom edges: that is padding, too. */
static const char *complaint(const struct cpu_conv_spec *spec,
                             const struct cpu_conv_weights *weights)
{
    const struct prt_conv_attrs *attrs = &spec->attrs;
    for (int i = 0; i < 3; i++)
        if (spec->input[i] < 1 || spec->output[i] < 1)
            return "an image has no pixels";
    for (int i = 0; i < 2; i++)
        if (spec->kernel[i] < 1 || attrs->stride[i] < 1 || attrs->dilation[i] < 1 ||
            attrs->padding[2 * i] < 0)
            return "kernel, stride and dilation must be positive and padding not negative";
    if (spec->batch < 1 || spec->threads < 1)
        return "no batch or no thread";
    if (attrs->groups < 1 || spec->input[2] % attrs->groups || spec->output[2] % attrs->groups)
        return "channels are not a multiple of the groups";
    if (!weights->weight && !weights->source)
        return "no weights";
    if (attrs->act.kind == PRT_ACT_CLAMP && (isnan(attrs->act.lo) || isnan(attrs->act.hi)))
        return "the activation's bounds are not numbers";
    if (attrs->act.kind == PRT_ACT_PRELU &&
        (!weights->slope ||
         (weights->slope_count != 1 && weights->slope_count != (uint32_t)spec->output[2])))
        return "a prelu needs one slope, or one an output channel";
    if (attrs->after.present &&
        (is_int8(spec) || (unsigned)attrs->after.function >= PRT_UNARY_COUNT))
        return "no such function can follow";
    if (!is_int8(spec))
        return weights->bias && weights->bias_dtype != PRT_F32 ? "the bias is not float32" : NULL;
    if (weights->bias && weights->bias_dtype != PRT_F32 && weights->bias_dtype != PRT_I32)
        return "the bias is neither float32 nor int32";
    if (!weights->scales ||
        (weights->scale_count != 1 && weights->scale_count != (uint32_t)spec->output[2]))
        return "quantised weights need one scale, or one an output channel";
    for (uint32_t i = 0; i < weights->scale_count; i++)
        if (!isfinite(weights->scales[i]) || weights->scales[i] < 0)
            return "a scale of the weights is not a positive number";
    if (!code_usable(spec, &spec->x) || !code_usable(spec, &spec->y) ||
        (spec->residual && !code_usable(spec, &spec->r)))
        return "a scale is not a positive number or a zero point out of range";
    return NULL;
}

/* ---- what belongs to an output channel ---- */

static float clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void fill_finish(struct cpu_conv *conv, const float *slope)
{
    const struct prt_activation *act = &conv->spec.attrs.act;
    const struct prt_after *after = &conv->spec.attrs.after;
    bool bounded = act->kind == PRT_ACT_CLAMP, prelu = act->kind == PRT_ACT_PRELU;
    conv->finish = (struct cpu_finish){
        .prelu = prelu,
        .swish = after->present && after->function == PRT_UNARY_HARDSWISH && !prelu,
        .lo = bounded ? act->lo : -INFINITY,
        .hi = bounded ? act->hi : INFINITY,
        .scale = after->scale / 6,
        .shift = after->shift,
        .slope = slope,
    };
    if (after->present && !conv->finish.swish)
        conv->after = cpu_loops_of(conv->spec.isa)->unary[after->function];
}

/* Floats that are still in the L1 cache when they are scaled. */
#define AFTER_PIECE 2048

void cpu_conv_after(const struct cpu_conv *conv, float *y, size_t rows, size_t channels,
                    size_t stride)
{
    if (!conv->after)
        return;
    const struct prt_after *after = &conv->spec.attrs.after;
    struct cpu_params params = {after->a, after->b, -INFINITY, INFINITY};
    bool affine = after->scale != 1 || after->shift != 0;
    if (stride == channels) { /* contiguous: one long row */
        channels *= rows;
        rows = 1;
    }
    for (size_t r = 0; r < rows; r++, y += stride) {
        for (size_t at = 0, count; at < channels; at += count) {
            count = channels - at < AFTER_PIECE ? channels - at : AFTER_PIECE;
            struct cpu_tile tile = {.y = y + at, .rows = 1, .count = count};
            tile.x[0].p = y + at;
            tile.x[0].step = 1;
            conv->after(&tile, &params);
            if (affine)
                conv->kernels->affine(y + at, count, after->scale, after->shift);
        }
    }
}

static void fill_requant(struct cpu_conv *conv, const float *bias, const float *scale)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    int32_t bias_of_flip = spec->dtype == PRT_U8 ? 128 : 0, y_zero = spec->y.zero_point;
    float lowest = (float)((spec->dtype == PRT_I8 ? -128 : 0) - y_zero), highest = lowest + 255;
    conv->flip = (uint8_t)bias_of_flip;
    conv->x_zero = spec->x.zero_point - bias_of_flip;
    conv->requant = (struct cpu_requant){
        .finish = conv->finish,
        .scale = scale,
        .bias = bias,
        .r_scale = spec->residual ? spec->r.scale / spec->y.scale : 0,
        .r_zero = spec->r.zero_point - bias_of_flip,
        .y_zero = y_zero,
        .flip = conv->flip,
    };
    conv->requant.finish.lo = clamp(rintf(conv->finish.lo / spec->y.scale), lowest, highest);
    conv->requant.finish.hi = clamp(rintf(conv->finish.hi / spec->y.scale), lowest, highest);
}

static enum percept_status fill_channels(struct cpu_conv *conv,
                                         const struct cpu_conv_weights *weights)
{
    const struct cpu_conv_spec *spec = &conv->spec;
    size_t count = (size_t)spec->output[2], padded = count + CPU_CHANNEL_SLACK;
    float *bias = conv->channels = cpu_conv_alloc(padded, 3 * sizeof *conv->channels);
    if (!bias)
        return PERCEPT_NO_MEMORY;
    float *slope = bias + padded, *scale = slope + padded;
    for (size_t c = 0; c < count; c++) {
        if (spec->attrs.act.kind == PRT_ACT_PRELU)
            slope[c] = weights->slope[weights->slope_count == 1 ? 0 : c];
        float unit = 1; /* what one of the bias stands for */
        if (is_int8(spec)) {
            float w = weights->scales[weights->scale_count == 1 ? 0 : c];
            unit = 1 / spec->y.scale;
            scale[c] = spec->x.scale * w * unit;
        }
        if (weights->bias)
            bias[c] = weights->bias_dtype == PRT_F32
                          ? ((const float *)weights->bias)[c] * unit
                          : (float)((const int32_t *)weights->bias)[c] * scale[c];
    }
    fill_finish(conv, slope);
    if (is_int8(spec))
        fill_requant(conv, bias, scale);
    return PERCEPT_OK;
}

/* ---- */

static bool is_depthwise(const struct cpu_conv_spec *spec)
{
    int64_t taps = (int64_t)spec->kernel[0] * spec->kernel[1];
    return !spec->attrs.transposed && spec->attrs.groups == spec->input[2] &&
           spec->input[2] == spec->output[2] && (!is_int8(spec) || taps <= EXACT_IN_FLOATS);
}

enum percept_status cpu_conv_create(const struct cpu_conv_spec *spec,
                                    const struct cpu_conv_weights *weights, struct cpu_conv **out,
                                    struct percept_error *error)
{
    if (spec->dtype != PRT_F32 && spec->dtype != PRT_I8 && spec->dtype != PRT_U8)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "convolution of %s",
                            prt_dtype_name(spec->dtype));
    const char *wrong = complaint(spec, weights);
    if (wrong)
        return percept_fail(error, PERCEPT_INVALID, "convolution: %s", wrong);
    int32_t inputs = spec->input[2] / spec->attrs.groups;
    double depth = (double)spec->kernel[0] * spec->kernel[1] * inputs;
    if (is_int8(spec) && depth > MAX_INT8_DEPTH)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "convolution: a sum of %.0f int8 products may overflow", depth);

    struct cpu_conv *conv = calloc(1, sizeof *conv);
    if (!conv)
        return percept_fail(error, PERCEPT_NO_MEMORY, "convolution: no memory");
    conv->spec = *spec;
    conv->kernels = cpu_kernels_of(spec->isa);
    conv->element = is_int8(spec) ? 1 : sizeof(float);
    enum percept_status status = fill_channels(conv, weights);
    if (status == PERCEPT_OK)
        status = is_depthwise(spec)           ? cpu_conv_plan_depthwise(conv, weights)
                 : cpu_conv_is_winograd(conv) ? cpu_conv_plan_winograd(conv, weights)
                                              : cpu_conv_plan_gemm(conv, weights);
    if (status != PERCEPT_OK) {
        cpu_conv_destroy(conv);
        if (status != PERCEPT_NO_MEMORY && status != PERCEPT_LIMIT)
            return status; /* said by whoever reads the weights */
        return percept_fail(error, status, "convolution: no memory for %d x %.0f weights",
                            spec->output[2], depth);
    }
    *out = conv;
    return PERCEPT_OK;
}

void cpu_conv_destroy(struct cpu_conv *conv)
{
    if (!conv)
        return;
    free(conv->channels);
    cpu_shared_release(conv->packed, conv->packed_bytes);
    free(conv);
}

size_t cpu_conv_scratch_bytes(const struct cpu_conv *conv)
{
    return conv->scratch_a_worker * conv->spec.threads;
}

const char *cpu_conv_kernel(const struct cpu_conv *conv)
{
    return conv->name;
}

void cpu_conv_run(const struct cpu_conv *conv, const void *x, const void *residual, void *y,
                  void *scratch, struct base_pool *pool)
{
    struct cpu_conv_call call = {conv, x, residual, y, scratch};
    if (base_pool_threads(pool) > conv->spec.threads)
        pool = NULL;
    base_pool_run(pool, conv->tasks, conv->task, &call);
}
