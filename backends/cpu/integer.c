/*
 * Why: convolutions, products, pools and resizing of plain integers, exact as TOSA has them. A
 * weight becomes int16 with its zero point taken off when the step is prepared, if it is constant;
 * the innermost loops run over channels and are left to the compiler to vectorise.
 */
#include "backends/cpu/integer.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

#include <math.h>

bool cpu_integer_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph;
    (void)node;
    return true;
}

/* ---- element access: I8 and I16 alike ---- */

static inline int32_t load(const void *x, bool wide, size_t i)
{
    return wide ? ((const int16_t *)x)[i] : ((const int8_t *)x)[i];
}

static inline void store(void *y, bool wide, size_t i, int64_t value)
{
    if (wide)
        ((int64_t *)y)[i] = value;
    else
        ((int32_t *)y)[i] = (int32_t)value;
}

/* ---- sums over a run of channels ---- */

static int64_t dot_bytes(const int8_t *x, const int8_t *w, size_t count, int32_t zero_x,
                         int32_t zero_w)
{
    uint32_t sum = 0; /* wraps, as the accumulator does; so may one product of far zero points */
    for (size_t i = 0; i < count; i++)
        sum += (uint32_t)(x[i] - zero_x) * (uint32_t)(w[i] - zero_w);
    return (int32_t)sum;
}

static int64_t dot_halves(const int16_t *x, const int8_t *w, size_t count, int32_t zero_x,
                          int32_t zero_w)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (int64_t)(x[i] - zero_x) * (w[i] - zero_w);
    return sum;
}

/* ---- INTEGER_CONV ---- */

struct conv {
    struct prt_integer_conv_attrs attrs;
    int64_t x_sizes[4], y_sizes[4], kernel[2];
    int64_t multiplier; /* DEPTHWISE: results a channel */
    bool wide, one_bias;
};

struct conv_run {
    const struct conv *op;
    const char *x;
    const int8_t *w;
    const void *bias;
    void *y;
};

/* The coordinate of x that tap k of output o reads; false when there is none. */
static inline bool tap(const struct conv *op, int i, int64_t o, int64_t k, int64_t *at)
{
    const struct prt_integer_conv_attrs *a = &op->attrs;
    if (a->kind == PRT_INTEGER_TRANSPOSED) {
        int64_t from = o - a->padding[2 * i] - k;
        if (from < 0 || from % a->stride[i] != 0)
            return false;
        *at = from / a->stride[i];
    } else {
        *at = o * a->stride[i] - a->padding[2 * i] + k * a->dilation[i];
    }
    return *at >= 0 && *at < op->x_sizes[1 + i];
}

static int64_t one_sum(const struct conv_run *job, int64_t n, int64_t oy, int64_t ox, int64_t oc)
{
    const struct conv *op = job->op;
    int64_t channels = op->x_sizes[3], sum = 0, iy, ix;
    for (int64_t ky = 0; ky < op->kernel[0]; ky++) {
        if (!tap(op, 0, oy, ky, &iy))
            continue;
        for (int64_t kx = 0; kx < op->kernel[1]; kx++) {
            if (!tap(op, 1, ox, kx, &ix))
                continue;
            size_t at = (size_t)(((n * op->x_sizes[1] + iy) * op->x_sizes[2] + ix) * channels);
            size_t w = (size_t)(((oc * op->kernel[0] + ky) * op->kernel[1] + kx) * channels);
            sum += op->wide ? dot_halves((const int16_t *)(const void *)job->x + at, job->w + w,
                                         (size_t)channels, op->attrs.zero_x, op->attrs.zero_weight)
                            : dot_bytes((const int8_t *)job->x + at, job->w + w, (size_t)channels,
                                        op->attrs.zero_x, op->attrs.zero_weight);
        }
    }
    return sum;
}

static int64_t one_depthwise(const struct conv_run *job, int64_t n, int64_t oy, int64_t ox,
                             int64_t oc)
{
    const struct conv *op = job->op;
    int64_t channels = op->x_sizes[3], out = op->y_sizes[3], sum = 0, iy, ix;
    for (int64_t ky = 0; ky < op->kernel[0]; ky++) {
        if (!tap(op, 0, oy, ky, &iy))
            continue;
        for (int64_t kx = 0; kx < op->kernel[1]; kx++) {
            if (!tap(op, 1, ox, kx, &ix))
                continue;
            size_t at = (size_t)(((n * op->x_sizes[1] + iy) * op->x_sizes[2] + ix) * channels +
                                 oc / op->multiplier);
            sum += (int64_t)(load(job->x, op->wide, at) - op->attrs.zero_x) *
                   (job->w[(ky * op->kernel[1] + kx) * out + oc] - op->attrs.zero_weight);
        }
    }
    return sum;
}

static int64_t bias_at(const struct conv_run *job, int64_t oc)
{
    size_t i = job->op->one_bias ? 0 : (size_t)oc;
    return job->op->wide ? ((const int64_t *)job->bias)[i] : ((const int32_t *)job->bias)[i];
}

/* A task is a row of the result. */
static void conv_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct conv_run *job = context;
    const struct conv *op = job->op;
    int64_t n = (int64_t)task / op->y_sizes[1], oy = (int64_t)task % op->y_sizes[1];
    size_t at = task * (size_t)(op->y_sizes[2] * op->y_sizes[3]);
    for (int64_t ox = 0; ox < op->y_sizes[2]; ox++)
        for (int64_t oc = 0; oc < op->y_sizes[3]; oc++) {
            int64_t sum = op->attrs.kind == PRT_INTEGER_DEPTHWISE
                              ? one_depthwise(job, n, oy, ox, oc)
                              : one_sum(job, n, oy, ox, oc);
            store(job->y, op->wide, at++, (int64_t)((uint64_t)sum + (uint64_t)bias_at(job, oc)));
        }
}

static void conv_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct conv *op = step->state;
    struct conv_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                           run->data[step->inputs[2]], run->data[step->output]};
    size_t rows = (size_t)(op->y_sizes[0] * op->y_sizes[1]);
    size_t work = rows * (size_t)(op->y_sizes[2] * op->y_sizes[3] * op->kernel[0] * op->kernel[1]);
    cpu_spread(run->pool, work, CPU_GRAIN, rows, conv_task, &job);
}

static enum percept_status conv_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct conv *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *w = cpu_operand(prepare->graph, prepare->node, 1);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    op->attrs = prepare->node->attrs.integer_conv;
    op->wide = x->dtype == PRT_I16;
    op->one_bias = cpu_operand(prepare->graph, prepare->node, 2)->sizes[0] == 1;
    bool depthwise = op->attrs.kind == PRT_INTEGER_DEPTHWISE;
    for (int i = 0; i < 4; i++) {
        op->x_sizes[i] = x->sizes[i];
        op->y_sizes[i] = y->sizes[i];
    }
    op->kernel[0] = w->sizes[depthwise ? 0 : 1];
    op->kernel[1] = w->sizes[depthwise ? 1 : 2];
    op->multiplier = w->sizes[3];
    step->run = conv_run;
    step->kernel = depthwise ? "integer depthwise" : "integer conv";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_integer_conv = {.supports = cpu_integer_supports,
                                            .prepare = conv_prepare};

/* ---- INTEGER_MATMUL ---- */

struct matmul {
    struct prt_integer_matmul_attrs attrs;
    size_t rows, inner, columns, batches;
    bool wide;
};

struct matmul_run {
    const struct matmul *op;
    const void *a, *b;
    void *y;
};

/* A task is a row of the result: sums of rows of b, each times one element of a. */
static void matmul_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct matmul_run *job = context;
    const struct matmul *op = job->op;
    size_t batch = task / op->rows, out = task * op->columns;
    for (size_t j = 0; j < op->columns; j++)
        store(job->y, op->wide, out + j, 0);
    for (size_t k = 0; k < op->inner; k++) {
        int64_t a = load(job->a, op->wide, task * op->inner + k) - op->attrs.zero_a;
        size_t row = (batch * op->inner + k) * op->columns;
        if (op->wide) {
            int64_t *y = (int64_t *)job->y + out;
            const int16_t *b = (const int16_t *)job->b + row;
            for (size_t j = 0; j < op->columns; j++)
                y[j] += a * (b[j] - op->attrs.zero_b);
        } else {
            uint32_t *y = (uint32_t *)job->y + out;
            const int8_t *b = (const int8_t *)job->b + row;
            for (size_t j = 0; j < op->columns; j++)
                y[j] += (uint32_t)a * (uint32_t)(b[j] - op->attrs.zero_b);
        }
    }
}

static void matmul_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct matmul *op = step->state;
    struct matmul_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                             run->data[step->output]};
    cpu_spread(run->pool, op->batches * op->rows * op->inner * op->columns, CPU_GRAIN,
               op->batches * op->rows, matmul_task, &job);
}

static enum percept_status matmul_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct matmul *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *a = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    *op = (struct matmul){prepare->node->attrs.integer_matmul,
                          (size_t)y->sizes[1],
                          (size_t)a->sizes[2],
                          (size_t)y->sizes[2],
                          (size_t)y->sizes[0],
                          a->dtype == PRT_I16};
    step->run = matmul_run;
    step->kernel = "integer matmul";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_integer_matmul = {.supports = cpu_integer_supports,
                                              .prepare = matmul_prepare};

/* ---- INTEGER_POOL ---- */

struct pool {
    struct prt_integer_pool_attrs attrs;
    int64_t x_sizes[4], y_sizes[4];
    bool wide;
};

struct pool_run {
    const struct pool *op;
    const void *x;
    void *y;
};

/* Where a window begins and ends inside. */
static void window(const struct pool *op, int i, int64_t o, int64_t *first, int64_t *last)
{
    const struct prt_pool_attrs *a = &op->attrs.window;
    *first = o * a->stride[i] - a->padding[2 * i];
    *last = *first + a->kernel[i];
    *first = *first < 0 ? 0 : *first;
    *last = *last > op->x_sizes[1 + i] ? op->x_sizes[1 + i] : *last;
}

/* The mean of count numbers by the specification's reciprocal. */
static int64_t mean(int64_t sum, int64_t count)
{
    unsigned bits = count > 1 ? 32 - (unsigned)__builtin_clz((uint32_t)(count - 1)) : 0;
    int64_t multiplier = ((((int64_t)1 << 30) + 1) << bits) / count;
    unsigned shift = 30 + bits;
    /* As in rescale.c, what the specification forbids wraps. */
    return (int64_t)((uint64_t)sum * (uint64_t)multiplier + ((uint64_t)1 << (shift - 1))) >> shift;
}

static void pool_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct pool_run *job = context;
    const struct pool *op = job->op;
    const struct prt_integer_pool_attrs *a = &op->attrs;
    int64_t n = (int64_t)task / op->y_sizes[1], oy = (int64_t)task % op->y_sizes[1];
    int64_t channels = op->x_sizes[3], y0, y1, x0, x1;
    int64_t lo = op->wide ? INT16_MIN : INT8_MIN, hi = op->wide ? INT16_MAX : INT8_MAX;
    size_t at = task * (size_t)(op->y_sizes[2] * channels);
    window(op, 0, oy, &y0, &y1);
    for (int64_t ox = 0; ox < op->y_sizes[2]; ox++) {
        window(op, 1, ox, &x0, &x1);
        for (int64_t c = 0; c < channels; c++, at++) {
            int64_t result = a->window.is_max ? lo : 0;
            for (int64_t iy = y0; iy < y1; iy++)
                for (int64_t ix = x0; ix < x1; ix++) {
                    size_t from =
                        (size_t)(((n * op->x_sizes[1] + iy) * op->x_sizes[2] + ix) * channels + c);
                    int64_t v = load(job->x, op->wide, from);
                    if (!a->window.is_max)
                        result += v - a->zero_x;
                    else if (v > result)
                        result = v;
                }
            if (!a->window.is_max)
                result = mean(result, (y1 - y0) * (x1 - x0)) + a->zero_y;
            result = result < lo ? lo : result > hi ? hi : result;
            if (op->wide)
                ((int16_t *)job->y)[at] = (int16_t)result;
            else
                ((int8_t *)job->y)[at] = (int8_t)result;
        }
    }
}

static void pool_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct pool *op = step->state;
    struct pool_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t rows = (size_t)(op->y_sizes[0] * op->y_sizes[1]);
    const int32_t *kernel = op->attrs.window.kernel;
    size_t work = (size_t)(op->y_sizes[2] * op->y_sizes[3]) * rows;
    cpu_spread(run->pool, work * (size_t)kernel[0], CPU_GRAIN, rows, pool_task, &job);
}

static enum percept_status pool_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct pool *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    op->attrs = prepare->node->attrs.integer_pool;
    op->wide = x->dtype == PRT_I16;
    for (int i = 0; i < 4; i++) {
        op->x_sizes[i] = x->sizes[i];
        op->y_sizes[i] = y->sizes[i];
    }
    step->run = pool_run;
    step->kernel = "integer pool";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_integer_pool = {.supports = cpu_integer_supports,
                                            .prepare = pool_prepare};

/* ---- SCALED_RESIZE ---- */

struct resize {
    struct prt_scaled_resize_attrs attrs;
    int64_t x_sizes[4], y_sizes[4];
    enum prt_dtype from;
};

struct resize_run {
    const struct resize *op;
    const void *x;
    void *y;
};

/* Two neighbours and how far, in 1/scale, the sample is from the first. */
struct sample {
    int64_t first, second, distance, unit;
};

static struct sample sample_at(const struct resize *op, int i, int64_t o)
{
    struct sample s = {.unit = op->attrs.scale[2 * i]};
    int64_t at = o * op->attrs.scale[2 * i + 1] + op->attrs.offset[i],
            last = op->x_sizes[1 + i] - 1;
    int64_t floor = at / s.unit - (at % s.unit < 0);
    s.distance = at - floor * s.unit;
    s.first = floor < 0 ? 0 : floor > last ? last : floor;
    s.second = floor + 1 < 0 ? 0 : floor + 1 > last ? last : floor + 1;
    return s;
}

static void blend_floats(const struct sample *v, const struct sample *h, const float *const x[4],
                         size_t channels, float *y)
{
    float dy = (float)v->distance / (float)v->unit, dx = (float)h->distance / (float)h->unit;
    for (size_t c = 0; c < channels; c++)
        y[c] = x[0][c] * (1 - dy) * (1 - dx) + x[1][c] * (1 - dy) * dx + x[2][c] * dy * (1 - dx) +
               x[3][c] * dy * dx;
}

static void blend_integers(const struct sample *v, const struct sample *h, bool wide, const void *x,
                           const size_t at[4], size_t channels, void *y, size_t out)
{
    int64_t weights[4] = {(v->unit - v->distance) * (h->unit - h->distance),
                          (v->unit - v->distance) * h->distance,
                          v->distance * (h->unit - h->distance), v->distance * h->distance};
    for (size_t c = 0; c < channels; c++) {
        int64_t sum = 0;
        for (int i = 0; i < 4; i++)
            sum += load(x, wide, at[i] + c) * weights[i];
        store(y, wide, out + c, sum);
    }
}

static void resize_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct resize_run *job = context;
    const struct resize *op = job->op;
    int64_t n = (int64_t)task / op->y_sizes[1], oy = (int64_t)task % op->y_sizes[1];
    size_t channels = (size_t)op->x_sizes[3], size = prt_dtype_size(op->from);
    struct sample v = sample_at(op, 0, oy);
    for (int64_t ox = 0; ox < op->y_sizes[2]; ox++) {
        struct sample h = sample_at(op, 1, ox);
        size_t at[4], out = (task * (size_t)op->y_sizes[2] + (size_t)ox) * channels;
        for (int i = 0; i < 4; i++)
            at[i] = (size_t)((n * op->x_sizes[1] + (i / 2 ? v.second : v.first)) * op->x_sizes[2] +
                             (i % 2 ? h.second : h.first)) *
                    channels;
        if (!op->attrs.bilinear) {
            int corner = (2 * v.distance >= v.unit ? 2 : 0) + (2 * h.distance >= h.unit ? 1 : 0);
            const char *from = (const char *)job->x + at[corner] * size;
            char *to = (char *)job->y + out * size;
            for (size_t b = 0; b < channels * size; b++)
                to[b] = from[b];
        } else if (op->from == PRT_F32) {
            const float *x = job->x;
            blend_floats(&v, &h, (const float *const[]){x + at[0], x + at[1], x + at[2], x + at[3]},
                         channels, (float *)job->y + out);
        } else {
            blend_integers(&v, &h, op->from == PRT_I16, job->x, at, channels, job->y, out);
        }
    }
}

static void resize_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct resize *op = step->state;
    struct resize_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t rows = (size_t)(op->y_sizes[0] * op->y_sizes[1]);
    cpu_spread(run->pool, rows * (size_t)(op->y_sizes[2] * op->y_sizes[3]), CPU_GRAIN, rows,
               resize_task, &job);
}

static enum percept_status resize_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct resize *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    op->attrs = prepare->node->attrs.scaled_resize;
    op->from = x->dtype;
    for (int i = 0; i < 4; i++) {
        op->x_sizes[i] = x->sizes[i];
        op->y_sizes[i] = y->sizes[i];
    }
    step->run = resize_run;
    step->kernel = "scaled resize";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_scaled_resize = {.supports = cpu_integer_supports,
                                             .prepare = resize_prepare};
