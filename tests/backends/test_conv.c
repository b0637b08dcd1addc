/* Convolutions equal a plain reference: any shape, any instruction set, any number of threads. */
#include "backends/cpu/conv.h"
#include "isas.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random problems ---- */

static uint64_t seed;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static int32_t between(int32_t lo, int32_t hi)
{
    return lo + (int32_t)(draw() % (uint32_t)(hi - lo + 1));
}

static float draw_float(void)
{
    return (float)between(-1000, 1000) / 1000;
}

struct problem {
    struct cpu_conv_spec spec;
    struct cpu_conv_weights weights;
    size_t x_count, y_count, weight_count, inputs, outputs; /* the last two of a group */
    /* Exactly as large as they must be, so that a sanitizer sees an access beyond. */
    void *x, *residual, *weight, *bias;
    float *scales, *slope;
};

static size_t element(const struct problem *p)
{
    return p->spec.dtype == PRT_F32 ? 4 : 1;
}

static void *fill(size_t count, bool f32)
{
    uint8_t *bytes = malloc(count * (f32 ? 4 : 1));
    for (size_t i = 0; i < count; i++) {
        if (f32)
            ((float *)(void *)bytes)[i] = draw_float();
        else
            bytes[i] = (uint8_t)draw();
    }
    return bytes;
}

static float *fill_positive(size_t count, float scale)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = scale * (float)between(100, 1000) / 1000;
    return values;
}

static struct cpu_conv_code draw_code(enum prt_dtype dtype, float scale)
{
    return (struct cpu_conv_code){scale, dtype == PRT_I8 ? between(-128, 127) : between(0, 255)};
}

/* Sizes and attributes are set; draw the rest. */
static void fill_problem(struct problem *p)
{
    struct cpu_conv_spec *s = &p->spec;
    bool f32 = s->dtype == PRT_F32;
    size_t channels = (size_t)s->output[2];
    p->inputs = (size_t)(s->input[2] / s->attrs.groups);
    p->outputs = channels / (size_t)s->attrs.groups;
    p->x_count = (size_t)s->batch * (size_t)s->input[0] * (size_t)s->input[1] * (size_t)s->input[2];
    p->y_count = (size_t)s->batch * (size_t)s->output[0] * (size_t)s->output[1] * channels;
    p->weight_count = (size_t)s->kernel[0] * (size_t)s->kernel[1] * p->inputs * channels;
    p->x = fill(p->x_count, f32);
    p->residual = s->residual ? fill(p->y_count, f32) : NULL;
    p->weight = fill(p->weight_count, f32);
    p->slope = fill(channels, true);
    p->scales = fill_positive(channels, 0.02f);
    p->weights = (struct cpu_conv_weights){
        .weight = p->weight,
        .scales = p->scales,
        .scale_count = between(0, 1) ? (uint32_t)channels : 1,
        .slope = p->slope,
        .slope_count = between(0, 3) ? (uint32_t)channels : 1,
    };
    if (between(0, 1) || s->attrs.transposed)
        cpu_conv_strides_torch(s, p->weights.strides);
    else
        cpu_conv_strides_nhwc(s, p->weights.strides);

    double depth = (double)(p->inputs * (size_t)s->kernel[0] * (size_t)s->kernel[1]);
    s->x = draw_code(s->dtype, 0.05f);
    s->r = draw_code(s->dtype, 0.04f);
    s->y = draw_code(s->dtype, (float)(0.05 * 74 * 0.01 * sqrt(depth) * 74 / 60));
    if (between(0, 3)) {
        p->weights.bias_dtype = PRT_F32;
        p->bias = fill(channels, true);
        if (!f32 && between(0, 1)) {
            p->weights.bias_dtype = PRT_I32;
            for (size_t i = 0; i < channels; i++)
                ((int32_t *)p->bias)[i] = between(-3000, 3000);
        }
        p->weights.bias = p->bias;
    }
}

static void draw_activation(struct problem *p)
{
    static const enum prt_activation_kind kinds[] = {PRT_ACT_NONE, PRT_ACT_CLAMP, PRT_ACT_PRELU};
    p->spec.attrs.act.kind = kinds[between(0, 2)];
    p->spec.attrs.act.lo = between(0, 1) ? (float)between(-2, 0) * 0.37f : -INFINITY;
    p->spec.attrs.act.hi = between(0, 1) ? (float)between(1, 3) * 0.63f : INFINITY;
    p->spec.residual = between(0, 1);
    p->spec.attrs.after = (struct prt_after){
        .present = p->spec.dtype == PRT_F32 && between(0, 2) == 0,
        .function = PRT_UNARY_HARDSWISH,
        .scale = between(0, 1) ? 1 : 1.5f,
        .shift = between(0, 1) ? 0 : -0.25f,
    };
}

static void draw_problem(struct problem *p, enum cpu_isa isa, unsigned threads, bool f32)
{
    memset(p, 0, sizeof *p);
    struct cpu_conv_spec *s = &p->spec;
    struct prt_conv_attrs *a = &s->attrs;
    s->isa = isa;
    s->threads = threads;
    s->dtype = f32 ? PRT_F32 : between(0, 1) ? PRT_I8 : PRT_U8;
    s->batch = between(1, 2);
    draw_activation(p);
    /* Depthwise, dense, grouped with several channels to a group; plain or transposed. */
    int kind = between(0, 3);
    a->groups = kind == 0 ? between(1, 70) : kind == 1 ? between(2, 4) : 1;
    a->transposed = kind != 0 && between(0, 4) == 0;
    s->input[2] = a->groups * (kind == 0 ? 1 : between(1, 40));
    s->output[2] = a->groups * (kind == 0 ? 1 : between(1, 50));
    for (int i = 0; i < 2; i++) {
        s->input[i] = between(1, 24);
        s->kernel[i] = between(0, 2) ? between(1, 3) * 2 - 1 : between(1, 7);
        a->stride[i] = between(1, 3);
        a->dilation[i] = between(0, 3) ? 1 : between(2, 3);
        a->padding[2 * i] = between(0, s->kernel[i]);
        a->padding[2 * i + 1] = between(0, s->kernel[i]);
        int32_t reach = (s->kernel[i] - 1) * a->dilation[i] + 1;
        int32_t pad = a->padding[2 * i] + a->padding[2 * i + 1];
        s->output[i] = a->transposed ? (s->input[i] - 1) * a->stride[i] + reach - pad
                                     : (s->input[i] + pad - reach) / a->stride[i] + 1;
        if (s->output[i] < 1 || s->input[i] + pad < reach) {
            a->transposed = false; /* take one that exists: as many outputs as inputs */
            s->output[i] = s->input[i];
        }
    }
    if (between(0, 4) == 0) { /* pointwise */
        s->kernel[0] = s->kernel[1] = 1;
        *a = (struct prt_conv_attrs){.stride = {1, 1},
                                     .dilation = {1, 1},
                                     .groups = a->groups,
                                     .act = a->act,
                                     .after = a->after};
        memcpy(s->output, s->input, 2 * sizeof s->input[0]);
    }
    fill_problem(p);
}

static void free_problem(struct problem *p)
{
    void *const all[] = {p->x, p->residual, p->weight, p->bias, p->scales, p->slope};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* ---- the reference: the definition, in double ---- */

static double real(const struct problem *p, const void *data, size_t at, struct cpu_conv_code code)
{
    switch (p->spec.dtype) {
    case PRT_F32:
        return (double)((const float *)data)[at];
    case PRT_I8:
        return (double)code.scale * (((const int8_t *)data)[at] - code.zero_point);
    default:
        return (double)code.scale * (((const uint8_t *)data)[at] - code.zero_point);
    }
}

/* Which input row (axis 0) or column (axis 1); -1 for none. */
static int32_t source(const struct cpu_conv_spec *s, int axis, int32_t out, int32_t k)
{
    const struct prt_conv_attrs *a = &s->attrs;
    if (!a->transposed) {
        int32_t in = out * a->stride[axis] - a->padding[2 * axis] + k * a->dilation[axis];
        return in >= 0 && in < s->input[axis] ? in : -1;
    }
    for (int32_t in = 0; in < s->input[axis]; in++)
        if (in * a->stride[axis] - a->padding[2 * axis] + k * a->dilation[axis] == out)
            return in;
    return -1;
}

/* One output in real units; *magnitude is the sum of absolute values, for the error bound. */
static double reference(const struct problem *p, size_t index, double *magnitude)
{
    const struct cpu_conv_spec *s = &p->spec;
    size_t channels = (size_t)s->output[2], c = index % channels, pixel = index / channels;
    int32_t column = (int32_t)(pixel % (size_t)s->output[1]);
    int32_t row = (int32_t)(pixel / (size_t)s->output[1] % (size_t)s->output[0]);
    size_t image = pixel / (size_t)s->output[1] / (size_t)s->output[0];
    size_t group = c / p->outputs;
    double scale = s->dtype == PRT_F32 ? 1 : p->scales[p->weights.scale_count == 1 ? 0 : c];
    double sum = 0;
    *magnitude = 0;
    for (int32_t ky = 0; ky < s->kernel[0]; ky++) {
        for (int32_t kx = 0; kx < s->kernel[1]; kx++) {
            int32_t y = source(s, 0, row, ky), x = source(s, 1, column, kx);
            for (size_t i = 0; y >= 0 && x >= 0 && i < p->inputs; i++) {
                size_t from =
                    ((image * (size_t)s->input[0] + (size_t)y) * (size_t)s->input[1] + (size_t)x) *
                        (size_t)s->input[2] +
                    group * p->inputs + i;
                size_t o = s->attrs.transposed ? c % p->outputs : c;
                size_t in = s->attrs.transposed ? group * p->inputs + i : i;
                int64_t w = (int64_t)o * p->weights.strides[0] + ky * p->weights.strides[1] +
                            kx * p->weights.strides[2] + (int64_t)in * p->weights.strides[3];
                double weight = s->dtype == PRT_F32 ? (double)((float *)p->weight)[w]
                                                    : scale * ((int8_t *)p->weight)[w];
                double product = real(p, p->x, from, s->x) * weight;
                sum += product;
                *magnitude += fabs(product);
            }
        }
    }
    if (p->weights.bias)
        sum += p->weights.bias_dtype == PRT_F32
                   ? (double)((float *)p->bias)[c]
                   : (double)s->x.scale * scale * ((int32_t *)p->bias)[c];
    if (p->residual)
        sum += real(p, p->residual, index, s->r);
    *magnitude += 2;
    const struct prt_activation *act = &s->attrs.act;
    const struct prt_after *after = &s->attrs.after;
    if (act->kind == PRT_ACT_CLAMP)
        sum = fmin(fmax(sum, (double)act->lo), (double)act->hi);
    if (act->kind == PRT_ACT_PRELU && sum < 0)
        sum *= (double)p->slope[p->weights.slope_count == 1 ? 0 : c];
    if (!after->present)
        return sum;
    *magnitude *= 1.5 * (double)after->scale; /* as steep as a hardswish gets */
    return (double)after->scale * sum * fmin(fmax(sum + 3, 0), 6) / 6 + (double)after->shift;
}

static double quantised(const struct problem *p, double value)
{
    double lowest = p->spec.dtype == PRT_I8 ? -128 : 0;
    double code = nearbyint(value / (double)p->spec.y.scale) + p->spec.y.zero_point;
    return fmin(fmax(code, lowest), lowest + 255);
}

/* ---- checks ---- */

static const char *describe(const struct problem *p, size_t index)
{
    static char text[512];
    const struct cpu_conv_spec *s = &p->spec;
    const struct prt_conv_attrs *a = &s->attrs;
    snprintf(text, sizeof text,
             "%s %s batch %d, %dx%dx%d -> %dx%dx%d, kernel %dx%d stride %d,%d dilation %d,%d "
             "padding %d,%d groups %d%s act %d%s%s, threads %u, at %zu",
             cpu_isa_name(s->isa), prt_dtype_name(s->dtype), s->batch, s->input[0], s->input[1],
             s->input[2], s->output[0], s->output[1], s->output[2], s->kernel[0], s->kernel[1],
             a->stride[0], a->stride[1], a->dilation[0], a->dilation[1], a->padding[0],
             a->padding[2], a->groups, a->transposed ? " transposed" : "", (int)a->act.kind,
             a->after.present ? " hardswish" : "", s->residual ? " residual" : "", s->threads,
             index);
    return text;
}

/* fp32: within rounding. int8: within one step, and the very step but for rare ties. */
static void check_result(const struct problem *p, const void *y, size_t step)
{
    size_t off = 0, seen = 0;
    for (size_t i = 0; i < p->y_count; i += step, seen++) {
        double magnitude, want = reference(p, i, &magnitude);
        if (p->spec.dtype == PRT_F32) {
            double got = (double)((const float *)y)[i];
            if (!(fabs(got - want) <= 4e-6 * magnitude))
                ck_abort_msg("%g, not %g: %s", got, want, describe(p, i));
            continue;
        }
        double code = quantised(p, want);
        double got = p->spec.dtype == PRT_I8 ? ((const int8_t *)y)[i] : ((const uint8_t *)y)[i];
        if (!(fabs(got - code) <= 1))
            ck_abort_msg("%g, not %g: %s", got, code, describe(p, i));
        off += got != code;
    }
    ck_assert_msg(off <= 1 + seen / 200, "%zu of %zu off by one: %s", off, seen, describe(p, 0));
}

/* int8 is the same to the bit with any instruction set. */
static void check_same_as_plain(const struct problem *p, const void *y, size_t bytes)
{
    struct cpu_conv_spec spec = p->spec;
    struct cpu_conv *conv = NULL;
    spec.isa = CPU_ISA_PLAIN;
    ck_assert_int_eq(cpu_conv_create(&spec, &p->weights, &conv, NULL), PERCEPT_OK);
    size_t scratch_bytes = cpu_conv_scratch_bytes(conv);
    void *scratch = aligned_alloc(64, scratch_bytes ? scratch_bytes : 64), *plain = malloc(bytes);
    cpu_conv_run(conv, p->x, p->residual, plain, scratch, NULL);
    ck_assert_msg(memcmp(y, plain, bytes) == 0, "other bits than plain: %s", describe(p, 0));
    free(plain);
    free(scratch);
    cpu_conv_destroy(conv);
}

static void run_and_check(struct problem *p, struct base_pool *pool, size_t step)
{
    struct percept_error error = {.message = ""};
    struct cpu_conv *conv = NULL;
    ck_assert_msg(cpu_conv_create(&p->spec, &p->weights, &conv, &error) == PERCEPT_OK, "%s: %s",
                  error.message, describe(p, 0));
    size_t scratch_bytes = cpu_conv_scratch_bytes(conv), bytes = p->y_count * element(p);
    void *scratch = aligned_alloc(64, scratch_bytes ? scratch_bytes : 64);
    memset(scratch, 0xff, scratch_bytes); /* NaN */
    void *y = malloc(bytes);
    memset(y, 0xff, bytes);
    cpu_conv_run(conv, p->x, p->residual, y, scratch, pool);
    check_result(p, y, step);
    if (p->spec.dtype != PRT_F32 && p->spec.isa != CPU_ISA_PLAIN)
        check_same_as_plain(p, y, bytes);
    if (p->residual) { /* in place of the residual: the same bits */
        void *in_place = malloc(bytes);
        memcpy(in_place, p->residual, bytes);
        cpu_conv_run(conv, p->x, in_place, in_place, scratch, pool);
        ck_assert_msg(memcmp(y, in_place, bytes) == 0, "in place: %s", describe(p, 0));
        free(in_place);
    }
    free(y);
    free(scratch);
    cpu_conv_destroy(conv);
}

static void random_problems(enum cpu_isa isa, bool f32, int count)
{
    seed = 1;
    for (int i = 0; i < count; i++) {
        struct problem p;
        draw_problem(&p, isa, 1, f32);
        run_and_check(&p, NULL, 1);
        free_problem(&p);
    }
}

START_TEST(fp32_equals_the_reference)
{
    random_problems((enum cpu_isa)_i, true, 400);
}
END_TEST

START_TEST(int8_equals_the_reference)
{
    random_problems((enum cpu_isa)_i, false, 400);
}
END_TEST

/* Sizes at which work is cut into tasks: height, width, inputs, outputs, kernel, stride, groups. */
static const int32_t large[][7] = {
    {40, 40, 64, 72, 1, 1, 1},   {7, 7, 160, 400, 1, 1, 1},     {60, 62, 3, 24, 5, 2, 1},
    {24, 24, 32, 40, 3, 1, 1},   {56, 56, 40, 40, 5, 1, 40},    {9, 9, 300, 300, 5, 1, 300},
    {64, 48, 24, 24, 3, 2, 24},  {33, 40, 48, 96, 3, 1, 3},     {1, 1, 700, 63, 1, 1, 1},
    {12, 160, 64, 64, 5, 1, 64}, {6, 161, 136, 136, 5, 1, 136}, /* lines of text: many strips */
};

static void large_problems(enum cpu_isa isa, unsigned threads, bool f32)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(threads, &pool, NULL), PERCEPT_OK);
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        const int32_t *z = large[i];
        struct problem p = {.spec = {.isa = isa, .threads = threads, .batch = 1}};
        struct prt_conv_attrs *a = &p.spec.attrs;
        p.spec.dtype = f32 ? PRT_F32 : PRT_I8;
        draw_activation(&p);
        memcpy(p.spec.input, z, 3 * sizeof *z);
        p.spec.output[2] = z[3];
        a->groups = z[6];
        for (int k = 0; k < 2; k++) {
            p.spec.kernel[k] = z[4];
            a->stride[k] = z[5];
            a->dilation[k] = 1;
            a->padding[2 * k] = a->padding[2 * k + 1] = z[4] / 2;
            p.spec.output[k] = (z[k] - 1) / z[5] + 1;
        }
        fill_problem(&p);
        run_and_check(&p, pool, 11);
        free_problem(&p);
    }
    base_pool_destroy(pool);
}

START_TEST(threads_share_the_work)
{
    seed = 2;
    for (unsigned threads = 1; threads <= 4; threads++) {
        large_problems((enum cpu_isa)_i, threads, true);
        large_problems((enum cpu_isa)_i, threads, false);
    }
}
END_TEST

START_TEST(linear_takes_weights_either_way)
{
    seed = 3;
    enum { ROWS = 5, INPUTS = 37, OUTPUTS = 20 };
    float *y[2];
    for (int io = 0; io < 2; io++) {
        seed = 3;
        struct problem p = {.spec = {.isa = (enum cpu_isa)_i, .threads = 1}};
        p.spec.dtype = PRT_F32;
        cpu_conv_linear(&p.spec, ROWS, INPUTS, OUTPUTS);
        fill_problem(&p);
        float *swapped = malloc(sizeof(float) * INPUTS * OUTPUTS);
        for (int o = 0; o < OUTPUTS; o++)
            for (int i = 0; i < INPUTS; i++)
                swapped[i * OUTPUTS + o] = ((float *)p.weight)[o * INPUTS + i];
        memcpy(p.weights.strides, io ? (int64_t[]){1, 0, 0, OUTPUTS} : (int64_t[]){INPUTS, 0, 0, 1},
               sizeof p.weights.strides);
        if (io)
            p.weights.weight = swapped;
        struct cpu_conv *conv = NULL;
        ck_assert_int_eq(cpu_conv_create(&p.spec, &p.weights, &conv, NULL), PERCEPT_OK);
        void *scratch = aligned_alloc(64, cpu_conv_scratch_bytes(conv));
        y[io] = malloc(p.y_count * sizeof(float));
        cpu_conv_run(conv, p.x, NULL, y[io], scratch, NULL);
        if (!io)
            check_result(&p, y[io], 1);
        else
            ck_assert_mem_eq(y[0], y[1], p.y_count * sizeof(float));
        cpu_conv_destroy(conv);
        free(scratch);
        free(swapped);
        free_problem(&p);
    }
    free(y[0]);
    free(y[1]);
}
END_TEST

/* Sums of extreme products must not saturate: the byte multiply of AVX2 would. */
START_TEST(int8_extremes_are_exact)
{
    seed = 4;
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        struct problem p = {.spec = {.isa = (enum cpu_isa)_i, .threads = 1, .batch = 1}};
        p.spec.dtype = PRT_U8;
        memcpy(p.spec.input, (int32_t[]){8, 8, 32}, sizeof p.spec.input);
        memcpy(p.spec.output, (int32_t[]){8, 8, 32}, sizeof p.spec.output);
        p.spec.kernel[0] = p.spec.kernel[1] = 5;
        p.spec.attrs = (struct prt_conv_attrs){.stride = {1, 1},
                                               .dilation = {1, 1},
                                               .padding = {2, 2, 2, 2},
                                               .groups = depthwise ? 32 : 1};
        fill_problem(&p);
        memset(p.x, 255, p.x_count);
        memset(p.weight, 0x80, p.weight_count); /* -128 */
        p.spec.x.zero_point = 0;
        p.spec.y = (struct cpu_conv_code){2000 * p.spec.x.scale * 0.02f, 255};
        run_and_check(&p, NULL, 1);
        free_problem(&p);
    }
}
END_TEST

/* 3x3, stride 1, as cpu_conv_is_winograd wants them or nearly so. */
static void draw_blocks(struct problem *p, enum cpu_isa isa, int32_t inputs, int32_t outputs)
{
    memset(p, 0, sizeof *p);
    struct cpu_conv_spec *s = &p->spec;
    s->isa = isa;
    s->threads = 3;
    s->dtype = between(0, 1) ? PRT_I8 : PRT_U8;
    s->batch = between(1, 2);
    draw_activation(p);
    s->attrs.groups = 1;
    s->input[2] = inputs;
    s->output[2] = outputs;
    for (int i = 0; i < 2; i++) {
        s->kernel[i] = 3;
        s->attrs.stride[i] = s->attrs.dilation[i] = 1;
        s->attrs.padding[2 * i] = between(0, 3);
        s->attrs.padding[2 * i + 1] = between(0, 3);
        s->input[i] = i ? between(15, 30) : between(3, 9);
        s->output[i] = s->input[i] + s->attrs.padding[2 * i] + s->attrs.padding[2 * i + 1] - 2;
    }
    fill_problem(p);
}

static const char *kernel_of(const struct problem *p)
{
    struct cpu_conv *conv = NULL;
    ck_assert_int_eq(cpu_conv_create(&p->spec, &p->weights, &conv, NULL), PERCEPT_OK);
    const char *name = cpu_conv_kernel(conv);
    cpu_conv_destroy(conv);
    return name;
}

/* Whole vectors of channels and parts of one, an odd channel, as many as there may be and one more;
 * blocks that hang over edges. Three threads share the strips. */
START_TEST(blocks_equal_the_reference)
{
    static const int32_t inputs[] = {8, 9, 16, 31, 48, 112, 113}, outputs[] = {8, 13, 16, 27, 40};
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(3, &pool, NULL), PERCEPT_OK);
    seed = 8;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++) {
            struct problem p;
            draw_blocks(&p, (enum cpu_isa)_i, inputs[i], outputs[o]);
            bool blocks = (_i == CPU_ISA_AVX2 || _i == CPU_ISA_AVX512) && inputs[i] <= 112;
            ck_assert_msg((strstr(kernel_of(&p), "winograd") != NULL) == blocks, "%s: %s",
                          kernel_of(&p), describe(&p, 0));
            run_and_check(&p, pool, 13);
            free_problem(&p);
        }
    base_pool_destroy(pool);
}
END_TEST

/* The largest sums that there can be, and signs that make what the transforms make of them large:
 * all of it goes beyond 32 bits on the way, and comes back. */
START_TEST(extreme_blocks_are_exact)
{
    seed = 9;
    for (int round = 0; round < 6; round++) {
        struct problem p;
        draw_blocks(&p, (enum cpu_isa)_i, 112, 16);
        p.spec.dtype = PRT_U8;
        p.spec.residual = false;
        free(p.residual);
        p.residual = NULL;
        p.spec.attrs.act.kind = PRT_ACT_NONE;
        p.weights.bias = NULL;
        for (size_t i = 0; i < p.x_count; i++)
            ((uint8_t *)p.x)[i] = round < 2 ? 255 : between(0, 1) ? 255 : 0;
        for (size_t i = 0; i < p.weight_count; i++)
            ((int8_t *)p.weight)[i] = (int8_t)(round < 2       ? (round ? 127 : -128)
                                               : between(0, 1) ? 127
                                                               : -128);
        p.spec.x.zero_point = round < 2 ? 0 : between(0, 1) * 255;
        p.weights.scale_count = 1;
        const double most = round < 2 ? 9 * 112 * 255 * 128.0 : 9 * 112 * 255 * 64.0;
        p.spec.y = (struct cpu_conv_code){
            (float)(most / 250 * (double)p.spec.x.scale * (double)p.scales[0]), round == 0   ? 255
                                                                                : round == 1 ? 0
                                                                                             : 128};
        run_and_check(&p, NULL, 1);
        free_problem(&p);
    }
}
END_TEST

START_TEST(nan_is_not_hidden)
{
    seed = 5;
    struct problem p = {.spec = {.isa = (enum cpu_isa)_i, .threads = 1}};
    p.spec.attrs.act = (struct prt_activation){.kind = PRT_ACT_CLAMP, .lo = 0, .hi = 6};
    p.spec.dtype = PRT_F32;
    cpu_conv_linear(&p.spec, 2, 4, 3);
    fill_problem(&p);
    ((float *)p.x)[0] = NAN;
    cpu_conv_strides_nhwc(&p.spec, p.weights.strides);
    struct cpu_conv *conv = NULL;
    ck_assert_int_eq(cpu_conv_create(&p.spec, &p.weights, &conv, NULL), PERCEPT_OK);
    float y[6];
    void *scratch = aligned_alloc(64, cpu_conv_scratch_bytes(conv));
    cpu_conv_run(conv, p.x, NULL, y, scratch, NULL);
    for (int i = 0; i < 6; i++)
        ck_assert(i < 3 ? isnan(y[i]) : y[i] >= 0 && y[i] <= 6);
    free(scratch);
    cpu_conv_destroy(conv);
    free_problem(&p);
}
END_TEST

/* Numbers below the normal range cost x86 processors a hundred times others: they count as 0 there
 * (denormals.h), but only inside. */
START_TEST(numbers_below_the_normal_range_stay_outside)
{
    seed = 7;
    const float tiny = FLT_MIN / 4;
    struct problem p = {.spec = {.isa = (enum cpu_isa)_i, .threads = 1}};
    p.spec.dtype = PRT_F32;
    cpu_conv_linear(&p.spec, 2, 4, 3);
    fill_problem(&p);
    for (size_t i = 0; i < p.x_count; i++)
        ((float *)p.x)[i] = tiny;
    for (size_t i = 0; i < p.weight_count; i++)
        ((float *)p.weight)[i] = 16;
    p.weights.bias = NULL;
    struct cpu_conv *conv = NULL;
    ck_assert_int_eq(cpu_conv_create(&p.spec, &p.weights, &conv, NULL), PERCEPT_OK);
    float y[6];
    void *scratch = aligned_alloc(64, cpu_conv_scratch_bytes(conv));
    cpu_conv_run(conv, p.x, NULL, y, scratch, NULL);
    for (int i = 0; i < 6; i++) {
#if defined(__x86_64__)
        ck_assert(y[i] == 0);
#else
        ck_assert(y[i] == 64 * tiny);
#endif
    }
    volatile float half = tiny;
    half *= 0.5f;
    ck_assert(half > 0);
    free(scratch);
    cpu_conv_destroy(conv);
    free_problem(&p);
}
END_TEST

START_TEST(arguments_that_disagree_are_refused)
{
    seed = 6;
    struct problem p = {.spec = {.threads = 1}};
    p.spec.dtype = PRT_I8;
    cpu_conv_linear(&p.spec, 2, 4, 4);
    fill_problem(&p);
    struct cpu_conv *conv = (struct cpu_conv *)&p, *before = conv;
    struct percept_error error;

    struct cpu_conv_spec bad[] = {p.spec, p.spec, p.spec, p.spec, p.spec, p.spec};
    bad[0].attrs.groups = 3;
    bad[1].kernel[1] = 0;
    bad[2].attrs.padding[0] = -1;
    bad[3].y.scale = 0;
    bad[4].x.zero_point = 128;
    bad[5].attrs.act = (struct prt_activation){.kind = PRT_ACT_CLAMP, .lo = NAN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(cpu_conv_create(&bad[i], &p.weights, &conv, &error), PERCEPT_INVALID);
    struct cpu_conv_spec f64 = p.spec;
    f64.dtype = PRT_F64;
    ck_assert_int_eq(cpu_conv_create(&f64, &p.weights, &conv, &error), PERCEPT_UNSUPPORTED);
    struct cpu_conv_spec deep = p.spec;
    cpu_conv_linear(&deep, 1, 70000, 1);
    ck_assert_int_eq(cpu_conv_create(&deep, &p.weights, &conv, &error), PERCEPT_UNSUPPORTED);
    p.weights.scale_count = 3;
    ck_assert_int_eq(cpu_conv_create(&p.spec, &p.weights, &conv, &error), PERCEPT_INVALID);
    ck_assert_ptr_eq(conv, before);
    cpu_conv_destroy(NULL);
    free_problem(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *tests = tcase_create("conv");
    tcase_set_timeout(tests, 110);
    for (int i = 0; i < CPU_ISA_COUNT; i++) {
        if (!isa_is_tested((enum cpu_isa)i)) {
            printf("skipped: %s\n", cpu_isa_name((enum cpu_isa)i));
            continue;
        }
        tcase_add_loop_test(tests, fp32_equals_the_reference, i, i + 1);
        tcase_add_loop_test(tests, int8_equals_the_reference, i, i + 1);
        tcase_add_loop_test(tests, threads_share_the_work, i, i + 1);
        tcase_add_loop_test(tests, linear_takes_weights_either_way, i, i + 1);
        tcase_add_loop_test(tests, int8_extremes_are_exact, i, i + 1);
        tcase_add_loop_test(tests, blocks_equal_the_reference, i, i + 1);
        tcase_add_loop_test(tests, extreme_blocks_are_exact, i, i + 1);
        tcase_add_loop_test(tests, nan_is_not_hidden, i, i + 1);
        tcase_add_loop_test(tests, numbers_below_the_normal_range_stay_outside, i, i + 1);
    }
    tcase_add_test(tests, arguments_that_disagree_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
